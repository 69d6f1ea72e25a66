//! Gateways and mail servers bring messages here. Gateways for SMS and WhatsApp send a few words of JSON, signed as Muster
//! signs what it sends them; mail comes as it is, or in the forms in which mail gateways hand it on.

mod letter;

use super::arriving::{self, From, Incoming, Received, Refused};
use super::{Conversation, Medium};
use crate::campaigns::webhook::is_signed;
use crate::campaigns::{self, hook, mail};
use crate::customers::api::{Refusal, respond};
use crate::customers::{Customer, clean};
use crate::db::{Conn, Db};
use crate::web::Error;
use crate::workspace::{Clock, Workspace, stamp};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};
use letter::Letter;
use serde::Deserialize;
use serde_json::{Value, json};

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whoever signs the body with the secret. `by_password`: or gives it as a password, which is all that mail gateways can.
async fn known(db: &Db, request: &HttpRequest, body: &Bytes, by_password: bool) -> Result<(), Refusal> {
    let signature = header(request.headers(), "Muster-Signature").to_string();
    let password = by_password.then(|| password(header(request.headers(), AUTHORIZATION.as_str()))).flatten();
    let signed = body.clone();
    let known = db.read::<_, Refusal>(move |conn| {
        let Some(secret) = hook::secret(conn)? else { return Ok(false) };
        let now = Utc::now().timestamp();
        let knows = password.is_some_and(|given| campaigns::key::same(given.as_bytes(), secret.as_bytes()));
        Ok(knows || is_signed(&signature, &secret, now, &signed))
    });
    if known.await? {
        return Ok(());
    }
    let peer = request.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default();
    tracing::warn!(path = request.path(), peer, "a message with a wrong signature was refused");
    let words = "the header Muster-Signature does not fit this body and this moment: it is t=<unix seconds>,v1=<HMAC-SHA256 of \
                 the seconds, a full stop and the body, in hex> with the secret that `muster campaign secret` prints";
    Err(refused(StatusCode::UNAUTHORIZED, "unauthorized", words))
}

/// The password of `Authorization: Basic …`.
fn password(value: &str) -> Option<String> {
    let (scheme, packed) = value.split_once(' ')?;
    let whole = scheme.eq_ignore_ascii_case("basic").then(|| BASE64_STANDARD.decode(packed.trim()).ok())??;
    Some(String::from_utf8(whole).ok()?.split_once(':')?.1.to_string())
}

fn refused(status: StatusCode, code: &'static str, words: &str) -> Refusal {
    Refusal::Told { status, code, message: words.into(), details: Value::Null }
}

fn senseless(request: &HttpRequest, words: String) -> Refusal {
    tracing::warn!(path = request.path(), words, "a message was refused");
    Refusal::invalid(words, Value::Null)
}

fn told(received: &Received) -> Value {
    json!({
        "conversation": received.conversation,
        "message": received.message,
        "customer": received.customer,
        "repeated": !received.new,
        "opted_out": received.opted_out,
    })
}

/// Writes it down.
async fn taken(
    db: &Db,
    request: &HttpRequest,
    work: impl FnOnce(&Clock, &mut Conn) -> Result<Received, Refused> + Send + 'static,
) -> Result<Value, Refusal> {
    let received = db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        work(&clock, conn)
    });
    match received.await {
        Ok(received) => Ok(told(&received)),
        Err(Refused::Senseless(words)) => Err(senseless(request, words)),
        Err(Refused::Trouble(trouble)) => Err(Refusal::Failed(Error::from(trouble))),
    }
}

/// A message of a gateway.
#[derive(Deserialize)]
struct Told {
    channel: String,
    id: String,
    from: String,
    name: Option<String>,
    subject: Option<String>,
    text: String,
    /// RFC 3339; without it, now.
    sent_at: Option<String>,
}

impl Told {
    fn read(body: &[u8], home: Option<&str>, now: NaiveDateTime) -> Result<Incoming, String> {
        let told: Told = serde_json::from_slice(body).map_err(|error| format!("this is no message: {error}"))?;
        let medium = Medium::parse(&told.channel).filter(|medium| *medium != Medium::Chat);
        let medium = medium.ok_or_else(|| format!("channel is sms, whatsapp or email, and not {:?}", told.channel))?;
        let address = match medium {
            Medium::Chat | Medium::Email => clean::email(&told.from)?,
            Medium::Sms | Medium::Whatsapp => clean::phone(&told.from, home)?,
        };
        let address = address.ok_or("from says who writes")?;
        let at = match told.sent_at {
            Some(at) => DateTime::parse_from_rfc3339(&at)
                .map_err(|_| format!("sent_at is a time like 2026-05-14T16:02:00Z, and not {at:?}"))?
                .to_utc(),
            None => now.and_utc(),
        };
        Ok(Incoming {
            medium,
            external_id: Some(told.id),
            from: From::Address { address, name: told.name },
            subject: told.subject,
            text: told.text,
            // No message is younger than now.
            at: stamp(at).min(now),
            conversation: None,
        })
    }
}

/// `POST /hooks/messages`: one message of a gateway, signed in `Muster-Signature`.
pub async fn message(db: Data<Db>, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Error> {
    let heeded = async {
        known(&db, &request, &body, false).await?;
        let home = db.read::<_, Refusal>(|conn| Ok(Workspace::load(conn)?.default_country)).await?;
        let incoming =
            Told::read(&body, home.as_deref(), stamp(Utc::now())).map_err(|words| senseless(&request, words))?;
        taken(&db, &request, move |clock, conn| arriving::receive(&incoming, clock, conn)).await
    };
    respond(StatusCode::OK, heeded.await)
}

/// `POST /hooks/replies`: one mail, as mail servers pipe it (`message/rfc822`) or mail gateways hand it on (JSON or a
/// form). Signed, or with the secret as the password of basic authentication.
pub async fn reply(db: Data<Db>, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Error> {
    let heeded = async {
        known(&db, &request, &body, true).await?;
        let kind = header(request.headers(), CONTENT_TYPE.as_str()).to_string();
        let letter = Letter::read(&kind, request.headers(), body).await.map_err(|words| senseless(&request, words))?;
        if letter.automatic {
            return Ok(json!({ "ignored": "an automatic answer" }));
        }
        taken(&db, &request, move |clock, conn| arriving::receive(&addressed(letter, clock, conn)?, clock, conn)).await
    };
    respond(StatusCode::OK, heeded.await)
}

/// Finds out what a letter answers: what an agent wrote, or a campaign. Whoever quotes its id has got it.
fn addressed(letter: Letter, clock: &Clock, conn: &mut Conn) -> Result<Incoming, Refused> {
    let address = clean::email(&letter.from).ok().flatten();
    let address = address.ok_or_else(|| Refused::Senseless(format!("“{}” is no address that writes.", letter.from)))?;
    let (mut from, mut conversation) = (From::Address { address: address.clone(), name: letter.name }, None);
    if !letter.answers.is_empty()
        && let Ok(key) = campaigns::key(conn)
    {
        let answered = letter.answers.iter().find_map(|id| mail::meant_by(id, key.for_answers()));
        let campaign = letter.answers.iter().find_map(|id| mail::meant_by(id, key.for_messages()));
        if let Some((id, _)) = answered
            && let Some(found) = Conversation::find(id, conn)?
        {
            from = From::Customer { id: found.customer_id, address };
            conversation = Some(found.id);
        } else if let Some((_, id)) = campaign
            && let Some(customer) = Customer::find(id, conn)?
        {
            from = From::Customer { id: customer.id, address };
        }
    }
    Ok(Incoming {
        medium: Medium::Email,
        external_id: letter.id,
        from,
        subject: letter.subject,
        text: letter.text,
        at: clock.stamp(),
        conversation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_told_what_is_wrong_with_its_message() {
        let now = stamp(Utc::now());
        let read = |json: Value| Told::read(json.to_string().as_bytes(), Some("SE"), now);
        let good = json!({"channel": "sms", "id": "m1", "from": "070-123 45 67", "text": "Hi"});
        let incoming = read(good.clone()).expect("a message");
        assert_eq!(incoming.from, From::Address { address: "+46701234567".into(), name: None });
        assert_eq!((incoming.medium, incoming.at), (Medium::Sms, now));
        for (field, value, words) in [
            ("channel", json!("fax"), "sms, whatsapp or email"),
            ("channel", json!("chat"), "sms, whatsapp or email"),
            ("from", json!("12"), "too few digits"),
            ("from", json!(""), "who writes"),
            ("text", json!(null), "no message"),
            ("sent_at", json!("yesterday"), "a time like"),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert!(read(bad).is_err_and(|said| said.contains(words)), "{field}: {words}");
        }
        assert!(Told::read(b"\xff\xfe", None, now).is_err());
        assert_eq!(password("Basic bXVzdGVyOnNlOmNyZXQ="), Some("se:cret".into()));
        assert_eq!((password("Basic !"), password("Bearer x"), password("")), (None, None, None));
    }
}
