//! What a mail that came back says: a delivery status notification (RFC 3464) or a complaint that somebody's provider
//! passes on (RFC 5965). Anybody can write such a mail, so what it says counts only when it names a message we sent.
//!
//! Only the outermost level of the mail is looked at. What there is to know stands there, and a mail packed into a mail a
//! thousand times over is no more work than another one.

#[cfg(test)]
mod tests;

use super::delivery::tidy;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Message, MessageParser, MimeHeaders};
use std::borrow::Cow;

/// No more of a mail is read: what follows is the message as it came back, and its headers come first.
const LONGEST: usize = 1 << 20;
/// More parts, and more recipients, than a mail about one message has.
const MOST: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It will never arrive there.
    Failed,
    /// It did not arrive, for a reason that may pass: it is still being tried, or was given up for now.
    Delayed,
    /// It arrived, and the recipient called it spam.
    Complaint,
}

/// What is to be known of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub kind: Kind,
    /// Whom the message was for, as far as it says. The address it was written to rather than the one it was passed on to.
    pub address: Option<String>,
    /// The Message-ID of what we sent, without the brackets around it.
    pub message_id: Option<String>,
    /// The words of the server that refused it, or the kind of the complaint.
    pub said: String,
}

/// `None` for any other mail.
pub fn read(bytes: &[u8]) -> Option<Report> {
    let mail = Part::read(bytes.get(..LONGEST).unwrap_or(bytes))?;
    let parts = mail.parts();
    let found = parts.iter().find_map(|part| match part.kind().as_str() {
        "message/delivery-status" | "message/global-delivery-status" => status(&part.content()),
        "message/feedback-report" => complaint(&part.content()),
        _ => None,
    })?;
    let message_id = parts.iter().find_map(Part::returned).or(found.message_id).or_else(|| {
        // The mail is an answer to ours, where nothing was returned.
        mail.head.in_reply_to().as_text().and_then(id)
    });
    Some(Report { message_id, ..found })
}

/// What happened to the recipient: to the worst off, if there are several.
fn status(content: &[u8]) -> Option<Report> {
    let groups = groups(content);
    let all: Vec<Message> = groups.iter().filter_map(|group| MessageParser::new().parse_headers(group)).collect();
    let of = |wanted: Kind| all.iter().find(|fields| fate(fields) == Some(wanted)).map(|fields| (wanted, fields));
    let (kind, fields) = of(Kind::Failed).or_else(|| of(Kind::Delayed))?;
    let address = |name| field(fields, name).and_then(address);
    Some(Report {
        kind,
        address: address("Original-Recipient").or_else(|| address("Final-Recipient")),
        message_id: all.iter().find_map(|fields| field(fields, "X-Original-Message-ID").and_then(id)),
        said: tidy(field(fields, "Diagnostic-Code").map(untyped).or(field(fields, "Status")).unwrap_or_default()),
    })
}

/// A server that gives up says `failed` also when the reason may pass (4.x.x: a full queue, a host that is away). Such an
/// address is not a bad one.
fn fate(fields: &Message) -> Option<Kind> {
    let class = field(fields, "Status").and_then(|status| status.trim().chars().next());
    let action = field(fields, "Action").unwrap_or_default().trim().to_ascii_lowercase();
    match (action.as_str(), class) {
        ("delayed", _) | ("failed" | "", Some('4')) => Some(Kind::Delayed),
        ("failed", _) | ("", Some('5')) => Some(Kind::Failed),
        _ => None, // delivered, relayed, expanded
    }
}

fn complaint(content: &[u8]) -> Option<Report> {
    let fields = MessageParser::new().parse_headers(content)?;
    let kind = field(&fields, "Feedback-Type")?.trim().to_ascii_lowercase();
    if matches!(kind.as_str(), "not-spam" | "auth-failure") {
        return None; // the recipient took a complaint back; a server reports forged mail
    }
    let address = field(&fields, "Original-Rcpt-To").and_then(address);
    Some(Report { kind: Kind::Complaint, address, message_id: None, said: tidy(&kind) })
}

/// The blocks of fields between empty lines: the first is about the message, each other one about a recipient.
fn groups(content: &[u8]) -> Vec<Vec<u8>> {
    let mut groups = vec![Vec::new()];
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if !line.trim_ascii().is_empty() {
            if let Some(group) = groups.last_mut() {
                group.extend(line);
            }
        } else if groups.last().is_some_and(|group| !group.is_empty()) {
            if groups.len() == MOST {
                break;
            }
            groups.push(Vec::new());
        }
    }
    groups
}

fn field<'a>(fields: &'a Message, name: &'static str) -> Option<&'a str> {
    fields.header(name).and_then(|value| value.as_text())
}

/// `smtp; 550 no such user` without the type in front.
fn untyped(value: &str) -> &str {
    match value.split_once(';') {
        Some((kind, rest)) if !kind.trim().contains(char::is_whitespace) => rest,
        _ => value,
    }
}

fn address(value: &str) -> Option<String> {
    let address = untyped(value).trim().trim_start_matches('<').trim_end_matches('>');
    let odd = |c: char| c.is_whitespace() || c.is_control();
    (address.contains('@') && address.len() <= 320 && !address.contains(odd)).then(|| address.to_string())
}

fn id(value: &str) -> Option<String> {
    let id = value.trim().trim_start_matches('<').trim_end_matches('>');
    let odd = |c: char| c.is_whitespace() || c.is_control();
    (!id.is_empty() && id.len() <= 998 && !id.contains(odd)).then(|| id.to_string())
}

/// A mail, or one part of it.
struct Part<'x> {
    head: Message<'x>,
    body: &'x [u8],
}

impl<'x> Part<'x> {
    /// `None` when there are no headers: such a part is plain text.
    fn read(bytes: &'x [u8]) -> Option<Part<'x>> {
        let mut end = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            if line.trim_ascii().is_empty() {
                break;
            }
        }
        let (head, body) = bytes.split_at_checked(end)?;
        Some(Part { head: MessageParser::new().parse_headers(head)?, body })
    }

    /// `text/plain`
    fn kind(&self) -> String {
        let kind =
            self.head.content_type().map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()));
        kind.unwrap_or_default().to_ascii_lowercase()
    }

    /// The parts of this part, also when the last of them was cut off.
    fn parts(&self) -> Vec<Part<'x>> {
        let Some(boundary) = self.head.content_type().and_then(|kind| kind.attribute("boundary")) else {
            return Vec::new();
        };
        let (mut pieces, mut begin, mut at) = (Vec::new(), None, 0);
        for line in self.body.split_inclusive(|byte| *byte == b'\n') {
            let before = at;
            at += line.len();
            let rest = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary.as_bytes()));
            // Another boundary may begin with this one.
            let Some(rest) = rest.map(<[u8]>::trim_ascii).filter(|rest| matches!(*rest, b"" | b"--")) else { continue };
            pieces.extend(begin.and_then(|begin| self.body.get(begin..before)));
            begin = rest.is_empty().then_some(at);
            if begin.is_none() || pieces.len() == MOST {
                break;
            }
        }
        pieces.extend(begin.and_then(|begin| self.body.get(begin..)));
        pieces.into_iter().filter_map(Part::read).collect()
    }

    fn content(&self) -> Cow<'x, [u8]> {
        let encoding = self.head.content_transfer_encoding().unwrap_or_default().trim().to_ascii_lowercase();
        let decoded = match encoding.as_str() {
            "base64" => base64_decode(self.body),
            "quoted-printable" => quoted_printable_decode(self.body),
            _ => None,
        };
        decoded.map_or(Cow::Borrowed(self.body), Cow::Owned)
    }

    /// The Message-ID of the message in this part, if it is one that was returned, whole or as its headers.
    fn returned(&self) -> Option<String> {
        let (kind, subkind) = (self.kind(), ["rfc822", "rfc822-headers", "global", "global-headers"]);
        let known = kind
            .split_once('/')
            .is_some_and(|(kind, rest)| ["message", "text"].contains(&kind) && subkind.contains(&rest));
        if !known {
            return None;
        }
        Part::read(&self.content())?.head.message_id().and_then(id)
    }
}
