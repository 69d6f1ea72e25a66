//! A mail as it comes in: the few things a conversation needs of it. Attachments are out of scope: that there were some is
//! said below the text.

use actix_multipart::Multipart;
use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use futures_util::StreamExt;
use futures_util::stream::once;
use mail_parser::{Address, MessageParser, MimeHeaders};
use serde::Deserialize;
use std::collections::HashMap;

/// The longest field of a form that is looked at; a longer one is refused.
const FIELD: usize = 512 << 10;

/// What is to be known of a mail.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Letter {
    pub from: String,
    pub name: Option<String>,
    pub subject: Option<String>,
    /// Without what it quotes.
    pub text: String,
    /// Its own id, without brackets.
    pub id: Option<String>,
    /// The ids of the mails it answers.
    pub answers: Vec<String>,
    /// A machine wrote it: out of office, a list.
    pub automatic: bool,
}

impl Letter {
    /// By its content type: JSON and forms of mail gateways, or the mail itself.
    pub async fn read(kind: &str, headers: &HeaderMap, body: Bytes) -> Result<Letter, String> {
        let kind = kind.trim().to_ascii_lowercase();
        let letter = if kind.starts_with("application/json") {
            Letter::of_json(&body)?
        } else if kind.starts_with("multipart/form-data") {
            Letter::of_fields(fields(headers, body).await?)?
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            Letter::of_fields(form_urlencoded::parse(&body).into_owned().collect())?
        } else {
            Letter::of_mail(&body)?
        };
        let text = unquoted(&letter.text);
        Ok(Letter { text, ..letter })
    }

    fn of_mail(bytes: &[u8]) -> Result<Letter, String> {
        let mail = MessageParser::new().parse(bytes).ok_or("this is no mail")?;
        let from = mail.from().and_then(Address::first).ok_or("this mail does not say who wrote it")?;
        let said = |name: &'static str| mail.header(name).and_then(|value| value.as_text()).unwrap_or_default();
        let answers = [mail.in_reply_to(), mail.references()]
            .into_iter()
            .flat_map(|value| value.as_text_list().into_iter().flatten().map(|id| bare(id)).collect::<Vec<_>>());
        let mut text = mail.body_text(0).unwrap_or_default().into_owned();
        let attached = mail.attachments().filter(|part| part.attachment_name().is_some()).count();
        if attached > 0 {
            text.push_str(&left_out(attached));
        }
        Ok(Letter {
            from: from.address().unwrap_or_default().to_string(),
            name: from.name().map(str::to_string),
            subject: mail.subject().map(str::to_string),
            text,
            id: mail.message_id().map(bare),
            answers: answers.collect(),
            automatic: is_automatic(said("Auto-Submitted"), said("Precedence")),
        })
    }

    /// As Postmark and those like it send it.
    fn of_json(bytes: &[u8]) -> Result<Letter, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Full {
            email: String,
            #[serde(default)]
            name: String,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Header {
            name: String,
            value: String,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Posted {
            from_full: Full,
            #[serde(default)]
            subject: String,
            #[serde(default)]
            text_body: String,
            #[serde(default)]
            stripped_text_reply: String,
            #[serde(rename = "MessageID")]
            message_id: Option<String>,
            #[serde(default)]
            headers: Vec<Header>,
            #[serde(default)]
            attachments: Vec<serde_json::Value>,
        }
        let posted: Posted = serde_json::from_slice(bytes).map_err(|error| format!("this is no mail: {error}"))?;
        let all = |name: &str| posted.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        let said = |name: &str| all(name).map(|header| header.value.as_str()).unwrap_or_default();
        let mut text = if posted.stripped_text_reply.trim().is_empty() {
            posted.text_body.clone()
        } else {
            posted.stripped_text_reply.clone()
        };
        if !posted.attachments.is_empty() {
            text.push_str(&left_out(posted.attachments.len()));
        }
        Ok(Letter {
            from: posted.from_full.email.clone(),
            name: crate::fold::filled(&posted.from_full.name),
            subject: crate::fold::filled(&posted.subject),
            text,
            id: crate::fold::filled(said("Message-ID")).or(posted.message_id.clone()).map(|id| bare(&id)),
            answers: ids(said("In-Reply-To")).chain(ids(said("References"))).collect(),
            automatic: is_automatic(said("Auto-Submitted"), said("Precedence")),
        })
    }

    /// As Mailgun, SendGrid and those like them send it.
    fn of_fields(fields: HashMap<String, String>) -> Result<Letter, String> {
        let named = |names: &[&str]| {
            let found = |name: &&str| fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
            names.iter().find_map(found).map(|(_, value)| value.as_str()).filter(|value| !value.trim().is_empty())
        };
        // The whole mail, where the gateway was asked for it.
        if let Some(whole) = named(&["body-mime", "email"]) {
            return Letter::of_mail(whole.as_bytes());
        }
        let from = named(&["from", "sender"]).ok_or("the form has no field from")?;
        let head = format!("From: {}\r\n\r\n", from.replace(['\r', '\n'], " "));
        let read = MessageParser::new().parse(head.as_bytes());
        let whom = read.as_ref().and_then(|mail| mail.from()).and_then(Address::first);
        let headers = named(&["headers"]).unwrap_or_default();
        let parsed = MessageParser::new().parse(headers.as_bytes());
        let of_head = |name: &'static str| {
            let value = parsed.as_ref()?.header_raw(name)?.trim().to_string();
            Some(value).filter(|value| !value.is_empty())
        };
        let said =
            |name: &'static str| named(&[name]).map(str::to_string).or_else(|| of_head(name)).unwrap_or_default();
        let mut text = named(&["stripped-text", "body-plain", "text"]).unwrap_or_default().to_string();
        let attached = named(&["attachment-count", "attachments"]).and_then(|count| count.trim().parse().ok());
        if let Some(attached) = attached.filter(|count| *count > 0) {
            text.push_str(&left_out(attached));
        }
        Ok(Letter {
            from: whom.and_then(|whom| whom.address()).unwrap_or(from).to_string(),
            name: whom.and_then(|whom| whom.name()).map(str::to_string),
            subject: named(&["subject"]).map(str::to_string),
            text,
            id: crate::fold::filled(&said("Message-Id")).map(|id| bare(&id)),
            answers: ids(&said("In-Reply-To")).chain(ids(&said("References"))).collect(),
            automatic: is_automatic(&said("Auto-Submitted"), &said("Precedence")),
        })
    }
}

fn left_out(count: usize) -> String {
    match count {
        1 => "\n\n(1 attachment was left out)".into(),
        count => format!("\n\n({count} attachments were left out)"),
    }
}

/// RFC 3834: who answers a machine's mail answers nobody.
fn is_automatic(submitted: &str, precedence: &str) -> bool {
    let submitted = submitted.trim().to_ascii_lowercase();
    let precedence = precedence.trim().to_ascii_lowercase();
    (!submitted.is_empty() && !submitted.starts_with("no"))
        || ["bulk", "auto_reply", "list"].contains(&precedence.as_str())
}

fn bare(id: &str) -> String {
    id.trim().trim_start_matches('<').trim_end_matches('>').to_string()
}

fn ids(line: &str) -> impl Iterator<Item = String> + use<> {
    line.split([' ', '\t', '\r', '\n', ',']).map(bare).filter(|id| !id.is_empty()).collect::<Vec<_>>().into_iter()
}

/// The fields of a form in parts; files are left out.
async fn fields(headers: &HeaderMap, body: Bytes) -> Result<HashMap<String, String>, String> {
    let broken = |error: &dyn std::fmt::Display| format!("this form cannot be read: {error}");
    let body = once(async move { Ok::<_, actix_web::error::PayloadError>(body) });
    let mut form = Multipart::new(headers, Box::pin(body));
    let mut all = HashMap::new();
    while let Some(field) = form.next().await {
        let mut field = field.map_err(|error| broken(&error))?;
        let name = field.name().unwrap_or_default().to_string();
        let is_file = field.content_disposition().is_some_and(|said| said.get_filename().is_some());
        let mut bytes = Vec::new();
        while let Some(piece) = field.next().await {
            let piece = piece.map_err(|error| broken(&error))?;
            if !is_file && bytes.len() + piece.len() > FIELD {
                return Err(format!("the field {name} is too long"));
            }
            if !is_file {
                bytes.extend_from_slice(&piece);
            }
        }
        if !is_file {
            all.insert(name, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(all)
}

/// The text without the mail it answers, which is in the thread already. Where nothing is left, all of it.
fn unquoted(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |at: usize| {
        let line = lines[at].trim();
        let rest_is_quoted =
            || lines[at..].iter().all(|line| line.trim().is_empty() || line.trim_start().starts_with('>'));
        let introduces = line.ends_with(':')
            && line.len() < 200
            && lines[at + 1..]
                .iter()
                .find(|line| !line.trim().is_empty())
                .is_some_and(|next| next.trim_start().starts_with('>'));
        (line.starts_with('>') && rest_is_quoted()) || introduces || line.starts_with("-----Original Message")
    };
    let end = (0..lines.len()).find(|at| begins(*at)).unwrap_or(lines.len());
    let kept = lines[..end].join("\n");
    let kept = kept.trim_end();
    if kept.trim().is_empty() { text.trim().to_string() } else { kept.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mail_answers_is_not_said_twice() {
        let quoted = "Yes, please.\n\nOn Monday Shop wrote:\n> Shall we?\n> Regards\n";
        assert_eq!(unquoted(quoted), "Yes, please.");
        assert_eq!(unquoted("> Shall we?\nYes.\n> And when?\nTomorrow."), "> Shall we?\nYes.\n> And when?\nTomorrow.");
        assert_eq!(unquoted("Three things:\n- one\n"), "Three things:\n- one");
        assert_eq!(unquoted("> all of it\n"), "> all of it");
    }

    #[test]
    fn a_mail_and_the_forms_of_gateways_say_the_same() {
        let mail = "From: \"Fay Wu\" <fay@example.com>\r\nSubject: Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <a@b>\r\n\
                    In-Reply-To: <c@d>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Size <b>43</b></p>";
        let read = Letter::of_mail(mail.as_bytes()).expect("a mail");
        let expected = Letter {
            from: "fay@example.com".into(),
            name: Some("Fay Wu".into()),
            subject: Some("Re: Grüße".into()),
            text: read.text.clone(),
            id: Some("a@b".into()),
            answers: vec!["c@d".into()],
            automatic: false,
        };
        assert_eq!((read.text.trim(), &read), ("Size 43", &expected));
        let posted = serde_json::json!({
            "FromFull": {"Email": "fay@example.com", "Name": "Fay Wu"}, "Subject": "Re: Grüße", "TextBody": "Size 43",
            "MessageID": "x", "Headers": [{"Name": "Message-ID", "Value": "<a@b>"}, {"Name": "In-Reply-To", "Value": "<c@d>"}],
        });
        let json = Letter::of_json(posted.to_string().as_bytes()).expect("a mail");
        assert_eq!(json, Letter { text: "Size 43".into(), ..expected.clone() });
        let form = [
            ("from", "Fay Wu <fay@example.com>"),
            ("subject", "Re: Grüße"),
            ("stripped-text", "Size 43"),
            ("Message-Id", "<a@b>"),
            ("In-Reply-To", "<c@d>"),
        ];
        let form = form.map(|(name, value)| (name.to_string(), value.to_string())).into();
        assert_eq!(Letter::of_fields(form), Ok(Letter { text: "Size 43".into(), ..expected }));
        assert!(
            Letter::of_mail(b"Auto-Submitted: auto-replied\r\nFrom: a@b.se\r\n\r\nAway").is_ok_and(|it| it.automatic)
        );
        assert!(Letter::of_mail(b"\xff\xfe\0").is_err() && Letter::of_json(b"{}").is_err());
    }
}
