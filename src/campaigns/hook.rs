//! Where mail servers and gateways report what came back: a mail as they got it, or a few words of JSON. Each body is
//! signed with a secret that is good for nothing else, the way Muster signs what it sends to gateways.

use super::bounces::{self, Heeded};
use super::delivery::tidy;
use super::dsn::{self, Kind, Report};
use super::webhook::{hex, is_signed};
use crate::agents::{Caller, Role};
use crate::customers::api::{Refusal, respond};
use crate::db::{Conn, Db};
use crate::web::Error;
use crate::workspace::{self, Workspace};
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

/// Where the secret is kept.
const SECRET: &str = "hook_key";

/// What reports are signed with, as text: it is made the first time somebody asks for it.
pub fn make_secret(conn: &mut Conn) -> diesel::QueryResult<String> {
    workspace::make_secret(SECRET, conn)?;
    secret(conn)?.ok_or(diesel::result::Error::NotFound)
}

/// Whether it was made.
pub fn has_secret(conn: &mut Conn) -> diesel::QueryResult<bool> {
    Ok(secret(conn)?.is_some())
}

/// What reports and messages are signed with.
pub(crate) fn secret(conn: &mut Conn) -> diesel::QueryResult<Option<String>> {
    Ok(workspace::secret(SECRET, conn)?.map(|secret| hex(&secret)))
}

/// As the log names whoever reports here.
fn reporter() -> Caller {
    Caller {
        agent_id: None,
        name: "mail hook".into(),
        role: Role::Agent,
        may_send: false,
        may_export: false,
        token: true,
    }
}

/// `POST /hooks/mail`: signed in `Muster-Signature`. JSON says what it is by its content type; whatever else comes is a
/// mail, as pipes send it.
pub async fn create(db: Data<Db>, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Error> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signature = header("Muster-Signature").to_string();
    let is_json = header(CONTENT_TYPE.as_str()).trim().to_ascii_lowercase().starts_with("application/json");
    let signed = body.clone();
    let known = db.read::<_, Refusal>(move |conn| {
        let now = chrono::Utc::now().timestamp();
        Ok(secret(conn)?.is_some_and(|secret| is_signed(&signature, &secret, now, &signed)))
    });
    let heeded = match known.await {
        Ok(true) => heed(&db, body, is_json).await,
        Ok(false) => Err(unsigned()),
        Err(refusal) => Err(refusal),
    };
    respond(StatusCode::OK, heeded)
}

async fn heed(db: &Db, body: Bytes, is_json: bool) -> Result<Value, Refusal> {
    let report = actix_web::web::block(move || if is_json { read_json(&body) } else { read_mail(&body) });
    let report = report.await.map_err(|error| Refusal::Failed(Error::Internal(error.into())))?;
    let report = report.map_err(|words| Refusal::invalid(words, Value::Null))?;
    let heeded = db.write::<_, Refusal>(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        Ok(bounces::heed(&report, &reporter(), conn, &clock)?)
    });
    match heeded.await? {
        Heeded::NotOurs => Err(refusal(StatusCode::NOT_FOUND, "not_found", Heeded::NotOurs.words())),
        heeded => Ok(json!({ "result": heeded.key(), "message": heeded.words() })),
    }
}

fn refusal(status: StatusCode, code: &'static str, words: &str) -> Refusal {
    Refusal::Told { status, code, message: words.into(), details: Value::Null }
}

fn unsigned() -> Refusal {
    let words = "the header Muster-Signature does not fit this body and this moment: it is t=<unix seconds>,v1=<HMAC-SHA256 \
                 of the seconds, a full stop and the body, in hex> with the secret that `muster campaign secret` prints";
    refusal(StatusCode::UNAUTHORIZED, "unauthorized", words)
}

/// What a mail reports, or why it reports nothing.
pub fn read_mail(bytes: &[u8]) -> Result<Report, String> {
    dsn::read(bytes).ok_or_else(|| "this mail reports neither a failed delivery nor a complaint".into())
}

/// A report in a few words, of gateways and whoever reads the mails of a provider.
#[derive(Deserialize)]
struct Told {
    event: String,
    message_id: String,
    /// Taken, so that nobody has to leave it out, and not read: whom the message was sent to is known.
    #[serde(default, rename = "address")]
    _address: Value,
    /// Whether trying again is of no use. Asked of a bounce.
    permanent: Option<bool>,
    said: Option<String>,
}

fn read_json(bytes: &[u8]) -> Result<Report, String> {
    let told: Told = serde_json::from_slice(bytes).map_err(|error| format!("this is no report: {error}"))?;
    let kind = match (told.event.as_str(), told.permanent) {
        ("complaint", _) => Kind::Complaint,
        ("bounce", Some(true)) => Kind::Failed,
        ("bounce", Some(false)) => Kind::Delayed,
        ("bounce", None) => return Err("a bounce says whether it is permanent: true or false".into()),
        _ => return Err("event is bounce or complaint".into()),
    };
    let said = tidy(told.said.as_deref().unwrap_or_default());
    Ok(Report { kind, address: None, message_id: Some(told.message_id), said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_words_of_json_are_a_report() {
        let kind = |json: &str| read_json(json.as_bytes()).map(|report| report.kind);
        let json = r#"{"event":"bounce","message_id":"<x@y>","address":"a@b.se","permanent":true,"said":"550\n no"}"#;
        let read = read_json(json.as_bytes()).expect("a report");
        assert_eq!((read.kind, read.said.as_str(), read.address), (Kind::Failed, "550 no", None));
        assert_eq!(kind(r#"{"event":"bounce","message_id":"x","permanent":false,"more":[]}"#), Ok(Kind::Delayed));
        assert_eq!(kind(r#"{"event":"complaint","message_id":"x","said":null}"#), Ok(Kind::Complaint));
        for (json, words) in [
            (r#"{"event":"bounce","message_id":"x"}"#, "permanent"),
            (r#"{"event":"opened","message_id":"x"}"#, "bounce or complaint"),
            (r#"{"event":"bounce","permanent":true}"#, "message_id"),
            ("[]", "no report"),
            ("", "no report"),
            ("\u{0}{", "no report"),
        ] {
            assert!(kind(json).expect_err(json).contains(words), "{json}");
        }
    }
}
