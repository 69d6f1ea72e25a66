//! The email itself: what every one of ours says in its head, and its body in one or two spellings.
//!
//! Names and subjects are words of others. They are encoded by lettre and never put beside anything by hand; what stands
//! in a header as it is, the addresses of the web and the id, may hold nothing that ends a header.

use crate::campaigns::key::{mac, same};
use crate::campaigns::message::Rendered;
use crate::campaigns::ways::Answer;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

/// All that makes one email.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// `Name <shop@example.com>`
    pub from: &'a str,
    pub to_name: Option<&'a str>,
    pub to: &'a str,
    pub rendered: &'a Rendered,
    /// In brackets, as `message_id` makes it.
    pub message_id: &'a str,
    pub unsubscribe_url: &'a str,
    pub campaign: i64,
}

/// Why there can be no such email.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("{0} is no sender that mail can be sent from. It has to look like: Shop <hello@example.com>.")]
    From(String),
    #[error("{0} is no address that mail can be sent to.")]
    To(String),
    #[error("{0} cannot stand in the head of an email.")]
    Header(String),
    #[error("the email cannot be put together: {0}")]
    Other(String),
}

pub fn compose(envelope: &Envelope<'_>) -> Result<Message, Problem> {
    let from: Mailbox = envelope.from.parse().map_err(|_| Problem::From(envelope.from.into()))?;
    let to: Address = envelope.to.parse().map_err(|_| Problem::To(envelope.to.into()))?;
    let name = envelope.to_name.map(one_line).filter(|name| !name.is_empty());
    let builder = Message::builder()
        .from(from)
        .to(Mailbox::new(name, to))
        .subject(one_line(&envelope.rendered.subject))
        .date_now()
        .message_id(Some(bare(envelope.message_id)?.to_string()))
        .header(Unsubscribe(format!("<{}>", bare(envelope.unsubscribe_url)?)))
        .header(OneClick)
        .header(Campaign(envelope.campaign));
    let text = envelope.rendered.text.clone();
    match &envelope.rendered.html {
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, page(html))),
        None => builder.singlepart(SinglePart::plain(text)),
    }
    .map_err(|error| Problem::Other(error.to_string()))
}

/// How many bytes of an id are a mark of its content; the rest is the content itself, hidden.
const MARK: usize = 16;
const CONTENT: usize = 16;

/// What an agent wrote, as an email in its thread.
pub fn answer(from: &str, message_id: &str, answer: &Answer<'_>) -> Result<Message, Problem> {
    let from: Mailbox = from.parse().map_err(|_| Problem::From(from.into()))?;
    let to: Address = answer.to.parse().map_err(|_| Problem::To(answer.to.into()))?;
    let name = answer.to_name.map(one_line).filter(|name| !name.is_empty());
    let mut builder = Message::builder()
        .from(from)
        .to(Mailbox::new(name, to))
        .subject(one_line(answer.subject))
        .date_now()
        .message_id(Some(bare(message_id)?.to_string()));
    if let Some(id) = answer.in_reply_to.filter(|id| bare(id).is_ok()) {
        builder = builder.in_reply_to(format!("<{id}>")).references(format!("<{id}>"));
    }
    builder.singlepart(SinglePart::plain(answer.text.to_string())).map_err(|error| Problem::Other(error.to_string()))
}

/// The same for the same recipient at each attempt, so that a mailbox which got it twice shows it once. Whoever reads it
/// learns neither how many customers nor how many campaigns there are; whoever has the key learns which of them is meant,
/// and that it was us who wrote so.
pub fn message_id(key: &[u8], campaign: i64, customer: i64, domain: &str) -> String {
    let mut content = [0; CONTENT];
    content[..8].copy_from_slice(&campaign.to_be_bytes());
    content[8..].copy_from_slice(&customer.to_be_bytes());
    // Nothing random is in it, so the mark hides what follows: another content has another one.
    let mark = mark(key, &content);
    let bytes = [mark, hidden(key, &mark, content)].concat();
    format!("<{}@{domain}>", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Campaign and customer of an id that was made with this key, in brackets or without; `None` for any other. A server on
/// the way may have changed the domain, which says nothing.
pub fn meant_by(message_id: &str, key: &[u8]) -> Option<(i64, i64)> {
    let id = message_id.trim().trim_start_matches('<').trim_end_matches('>');
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(id.split('@').next()?).ok()?;
    let (given, rest) = bytes.split_first_chunk::<MARK>()?;
    let content = hidden(key, given, rest.try_into().ok()?);
    if !same(&mark(key, &content), given) {
        return None;
    }
    let (campaign, customer) = content.split_first_chunk()?;
    Some((i64::from_be_bytes(*campaign), i64::from_be_bytes(customer.try_into().ok()?)))
}

fn mark(key: &[u8], content: &[u8; CONTENT]) -> [u8; MARK] {
    first(mac(key, &[b"mark of a message: ", content]))
}

/// Hides the content, or shows it again.
fn hidden(key: &[u8], mark: &[u8; MARK], content: [u8; CONTENT]) -> [u8; CONTENT] {
    let cover: [u8; CONTENT] = first(mac(key, &[b"cover of a message: ", mark]));
    std::array::from_fn(|at| content[at] ^ cover[at])
}

fn first<const N: usize>(bytes: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| bytes[at])
}

fn page(html: &str) -> String {
    format!("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n{html}\n</body></html>\n")
}

/// A name with its line breaks and other control characters as spaces.
fn one_line(text: &str) -> String {
    text.split(|letter: char| letter.is_control() || letter.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word that may stand in a header as it is: visible ASCII.
fn bare(word: &str) -> Result<&str, Problem> {
    let fits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(word).ok_or_else(|| Problem::Header(format!("{word:?}")))
}

/// `List-Unsubscribe`: where a mail program leads whoever wants no more.
#[derive(Clone)]
struct Unsubscribe(String);

/// `List-Unsubscribe-Post`: one POST there is enough (RFC 8058).
#[derive(Clone)]
struct OneClick;

/// `X-Muster-Campaign`: which campaign this is, for filters and for who looks into the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Campaign(pub i64);

impl Header for Unsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(value: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Unsubscribe(value.to_string()))
    }

    fn display(&self) -> HeaderValue {
        // `bare` looked at it. Folding would cut an address in two.
        HeaderValue::dangerous_new_pre_encoded(Self::name(), self.0.clone(), self.0.clone())
    }
}

impl Header for OneClick {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(OneClick)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "List-Unsubscribe=One-Click".into())
    }
}

impl Header for Campaign {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Muster-Campaign")
    }

    fn parse(value: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Campaign(value.trim().parse()?))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.to_string())
    }
}
