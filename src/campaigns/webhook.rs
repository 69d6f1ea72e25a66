//! One message to a gateway for SMS and WhatsApp: a JSON POST, signed so that the gateway knows who sent it, and with a
//! key by which it can tell that it has this one already. Where it may go at all is said in [`guard`].

mod guard;
#[cfg(test)]
mod tests;

use super::delivery::{Failure, Sent, tidy};
use super::key::{mac, same};
use crate::customers::Channel;
use crate::web::tls;
use chrono::{NaiveDateTime, SecondsFormat};
use guard::{Allowed, Guard, NotPublic};
use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::redirect::Policy;
use std::error::Error;
use std::io::Read;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::Url;

pub use guard::is_public;

/// Longer than a gateway that is well takes to answer.
const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(20);
/// A kept connection that the gateway closes just as a message is written leaves its fate open. Most servers keep one for
/// five seconds or more, so it is let go before.
const IDLE: Duration = Duration::from_secs(3);
/// How much of an answer is read.
const ANSWER: u64 = 64 * 1024;

/// Somebody who passes messages on.
pub struct Gateway {
    url: Url,
    secret: String,
    allowed: Allowed,
    connect: Duration,
    whole: Duration,
    client: OnceLock<Client>,
}

/// What a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Campaign(i64),
    Conversation(i64),
}

impl About {
    /// Its name and number, as the gateway is told them.
    pub fn named(self) -> (&'static str, i64) {
        match self {
            About::Campaign(id) => ("campaign", id),
            About::Conversation(id) => ("conversation", id),
        }
    }
}

/// One message, as the gateway gets it.
pub struct Outgoing<'a> {
    /// The same for each attempt to send this message, and for no other.
    pub id: &'a str,
    pub about: About,
    pub channel: Channel,
    pub to: &'a str,
    pub text: &'a str,
    pub sent_at: NaiveDateTime,
}

impl Gateway {
    /// A gateway at an address that may be written to, or the sentence that says why not. `allowed_hosts` are names or
    /// numbers of hosts that an admin trusts although they are not public, or speak plain http.
    pub fn new(url: &str, secret: &str, allowed_hosts: Vec<String>) -> Result<Gateway, String> {
        if secret.is_empty() {
            return Err("A gateway needs a secret to sign messages with.".into());
        }
        let allowed = Allowed::new(&allowed_hosts);
        let url = guard::check(url, &allowed)?;
        let (secret, client) = (secret.to_string(), OnceLock::new());
        Ok(Gateway { url, secret, allowed, connect: CONNECT, whole: WHOLE, client })
    }

    /// Hands a message over and waits for the answer. It blocks, so it is not for a thread that answers requests.
    pub fn send(&self, message: &Outgoing) -> Result<Sent, Failure> {
        let answer = self.request(message)?.send().map_err(|error| failure(&error))?;
        let status = answer.status();
        let said = said(status, answer);
        match status.as_u16() {
            200..=299 => Ok(Sent { said }),
            408 | 425 | 429 | 500..=599 => Err(Failure::Temporary(said)),
            300..=499 => Err(Failure::Permanent(said)),
            _ => Err(Failure::Unknown(said)),
        }
    }

    fn request(&self, message: &Outgoing) -> Result<RequestBuilder, Failure> {
        let body = message.body();
        let signature = signature(&self.secret, message.sent_at.and_utc().timestamp(), &body);
        let request = self.client()?.post(self.url.clone()).header("Content-Type", "application/json");
        let request = request.header("Idempotency-Key", message.id).header("Muster-Signature", signature);
        // A client's own limit begins anew with each piece of an answer; a request's does not.
        Ok(request.timeout(self.whole).body(body))
    }

    /// Made at the first message: making one waits, and settings are checked where nothing may wait.
    fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        tls::choose();
        let client = Client::builder()
            .user_agent("Muster")
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Guard::new(self.allowed.clone())))
            .connect_timeout(self.connect)
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(|error| Failure::Temporary(format!("No connection can be made: {}", causes(&error))))?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl Outgoing<'_> {
    /// As the gateway gets it.
    pub fn body(&self) -> String {
        let (about, number) = self.about.named();
        serde_json::json!({
            "id": self.id,
            about: number,
            "channel": self.channel.key(),
            "to": self.to,
            "text": self.text,
            "sent_at": self.sent_at.and_utc().to_rfc3339_opts(SecondsFormat::Secs, true),
        })
        .to_string()
    }
}

/// `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 with the shared secret of the seconds, a full stop and the body. The time is
/// signed too, so that a gateway can refuse what somebody kept and sends again.
pub fn signature(secret: &str, seconds: i64, body: &str) -> String {
    format!("t={seconds},v1={}", signed(secret, seconds, body.as_bytes()))
}

fn signed(secret: &str, seconds: i64, body: &[u8]) -> String {
    hex(&mac(secret.as_bytes(), &[seconds.to_string().as_bytes(), b".", body]))
}

/// How far the clock of whoever signs may be from ours, and a body on its way, in seconds.
const LATE: u64 = 300;

/// Whether whoever has the secret signed this body, and just now: what Muster asks of those who write to it in turn.
pub fn is_signed(signature: &str, secret: &str, now: i64, body: &[u8]) -> bool {
    let read = || {
        let (seconds, given) = signature.trim().strip_prefix("t=")?.split_once(",v1=")?;
        Some((seconds.parse::<i64>().ok()?, given))
    };
    read().is_some_and(|(seconds, given)| {
        let signed = signed(secret, seconds, body);
        same(signed.as_bytes(), given.to_ascii_lowercase().as_bytes()) && now.abs_diff(seconds) <= LATE
    })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the gateway answered. The status has decided already; an answer that breaks off is only a shorter one.
fn said(status: StatusCode, answer: Response) -> String {
    let mut bytes = Vec::new();
    answer.take(ANSWER).read_to_end(&mut bytes).ok();
    tidy(&format!("{status}: {}", String::from_utf8_lossy(&bytes))).trim_end_matches(':').to_string()
}

/// Until there is a connection nothing was handed over. From then on nobody knows how far it came.
fn failure(error: &reqwest::Error) -> Failure {
    if let Some(refused) = chain(error).find_map(|cause| cause.downcast_ref::<NotPublic>()) {
        return Failure::Permanent(refused.to_string());
    }
    let said = causes(error);
    match error {
        error if error.is_builder() => Failure::Permanent(format!("The message cannot be written: {said}")),
        error if error.is_connect() => Failure::Temporary(format!("The gateway is not reached: {said}")),
        error if error.is_timeout() => Failure::Unknown("The gateway did not answer in time.".into()),
        _ => Failure::Unknown(format!("The gateway did not answer: {said}")),
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// The innermost cause says most, and none names the address, which may hold a secret of its own.
fn causes(error: &(dyn Error + 'static)) -> String {
    chain(error).skip(1).last().map_or_else(|| "no reason is known".into(), |cause| tidy(&cause.to_string()))
}
