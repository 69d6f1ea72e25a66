//! A message that comes in. Every channel hands it over in the same few words, and here it is decided once for all of them
//! whose it is, which conversation it belongs to, and whether it was here before.

use super::{Conversation, Kind, Medium, Row, Said, State, say, stop};
use crate::customers::history::{By, Source};
use crate::customers::{Customer, Draft, Problem, clean, touch};
use crate::db::schema::{conversations, customers, messages};
use crate::db::{Conn, Trouble, dialect};
use crate::workspace::Clock;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use diesel::result::Error as QueryError;

/// The longest message, in bytes. A letter of forty pages.
pub const LONGEST: usize = 64 * 1024;
/// What a channel may call a message.
const EXTERNAL: usize = 500;
/// Somebody who writes again so soon goes on with what was closed; later she begins anew.
const SAME: TimeDelta = TimeDelta::days(7);

/// Who writes.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// Known by one address, clean already: what mail and phones have.
    Address { address: String, name: Option<String> },
    /// Somebody who is here, whatever she writes from.
    Customer { id: i64, address: String },
}

/// One message, as its channel brings it.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    pub medium: Medium,
    /// What the channel calls it: the same for each repetition.
    pub external_id: Option<String>,
    pub from: From,
    pub subject: Option<String>,
    pub text: String,
    pub at: NaiveDateTime,
    /// Where it belongs, where the channel knows that itself.
    pub conversation: Option<i64>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Received {
    pub customer: i64,
    pub conversation: i64,
    pub message: i64,
    /// False for a repetition.
    pub new: bool,
    /// It opted its sender out.
    pub opted_out: bool,
}

/// Why a message cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A sentence for whoever sent it.
    #[error("{0}")]
    Senseless(String),
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl std::convert::From<QueryError> for Refused {
    fn from(error: QueryError) -> Refused {
        Refused::Trouble(error.into())
    }
}

/// The text of a message as it is kept: what neither database nor page can hold is left out, and it is not empty.
pub fn text(raw: &str) -> Result<String, String> {
    if raw.len() > LONGEST {
        return Err(format!("A message may have {} KiB; this one has {}.", LONGEST >> 10, raw.len().div_ceil(1024)));
    }
    let unified = raw.replace("\r\n", "\n").replace('\r', "\n");
    let text: String = unified.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    crate::fold::filled(&text).ok_or_else(|| "There is nothing in this message.".into())
}

/// Takes a message, once. To be called inside a write transaction.
pub fn receive(incoming: &Incoming, clock: &Clock, conn: &mut Conn) -> Result<Received, Refused> {
    let text = text(&incoming.text).map_err(Refused::Senseless)?;
    if incoming.external_id.as_ref().is_some_and(|id| id.trim().is_empty() || id.len() > EXTERNAL) {
        return Err(Refused::Senseless(format!("The id of a message has between 1 and {EXTERNAL} bytes.")));
    }
    if let Some(here) = known(incoming, conn)? {
        return Ok(here);
    }
    let opts_out = stop::is_meant(incoming.medium, &text, conn)?;
    let (customer, address) = whose(&incoming.from, incoming.medium, clock, conn)?;
    // Two messages of hers one after the other, so that both find the same conversation.
    dialect::hold_customer(customer, conn)?;
    // Whoever brought the same at the same moment is done by now.
    if let Some(here) = known(incoming, conn)? {
        return Ok(here);
    }
    let conversation = belongs(incoming, customer, clock, conn)?;
    let author = Customer::find(customer, conn)?.map(|customer| customer.called()).unwrap_or_default();
    let said = Said {
        kind: Kind::In,
        author: &author,
        agent_id: None,
        body: &text,
        at: incoming.at,
        external_id: incoming.external_id.as_deref(),
        address: None,
    };
    let message = say(&conversation, &said, conn)?;
    if conversation.state != State::Open {
        reopen(conversation.id, conn)?;
    }
    diesel::update(customers::table.find(customer)).set(customers::last_seen_at.eq(clock.stamp())).execute(conn)?;
    touch(customer, clock.stamp(), conn)?;
    if opts_out {
        stop::heed(&conversation, &address, clock.stamp(), conn)?;
    }
    Ok(Received { customer, conversation: conversation.id, message, new: true, opted_out: opts_out })
}

/// The one that is here already.
fn known(incoming: &Incoming, conn: &mut Conn) -> QueryResult<Option<Received>> {
    let Some(id) = &incoming.external_id else { return Ok(None) };
    let found: Option<(i64, i64)> = messages::table
        .filter(messages::channel.eq(incoming.medium.key()))
        .filter(messages::external_id.eq(id))
        .select((messages::id, messages::conversation_id))
        .first(conn)
        .optional()?;
    let Some((message, conversation)) = found else { return Ok(None) };
    let customer = conversations::table.find(conversation).select(conversations::customer_id).first(conn)?;
    Ok(Some(Received { customer, conversation, message, new: false, opted_out: false }))
}

/// The customer who writes, found or made, and what she writes from.
fn whose(from: &From, medium: Medium, clock: &Clock, conn: &mut Conn) -> Result<(i64, String), Refused> {
    let (address, name) = match from {
        From::Customer { id, address } => return Ok((*id, address.clone())),
        From::Address { address, name } => (address, name),
    };
    let name = name.as_deref().and_then(|name| clean::text(name, clean::NAME).ok().flatten());
    let mut draft = Draft { name, ..Draft::default() };
    match medium {
        Medium::Chat | Medium::Email => draft.email = Some(address.clone()),
        Medium::Sms | Medium::Whatsapp => draft.phone = Some(address.clone()),
    }
    let by = By::herself(Source::Conversation(0), clock.stamp());
    match Customer::create(&draft, &by, conn) {
        Ok(customer) => Ok((customer.id, address.clone())),
        Err(Problem::Taken { by, .. }) => Ok((by, address.clone())),
        Err(Problem::Query(error)) => Err(error.into()),
    }
}

/// The conversation it goes on with, or a new one.
fn belongs(incoming: &Incoming, customer: i64, clock: &Clock, conn: &mut Conn) -> Result<Conversation, Refused> {
    let hers = conversations::table
        .filter(conversations::customer_id.eq(customer))
        .filter(conversations::channel.eq(incoming.medium.key()));
    let found: Option<Row> = match incoming.conversation {
        Some(id) => hers.filter(conversations::id.eq(id)).select(Row::as_select()).first(conn).optional()?,
        // Who writes in a website chat for the first time may say she is anybody: she begins anew.
        None if incoming.medium == Medium::Chat => None,
        None => hers
            .order((conversations::last_message_at.desc(), conversations::id.desc()))
            .select(Row::as_select())
            .first(conn)
            .optional()?,
    };
    let found = found.map(Conversation::from);
    let goes_on = |found: &Conversation| {
        found.state != State::Closed || clock.stamp() - found.last_message_at < SAME || incoming.conversation.is_some()
    };
    match found.filter(goes_on) {
        Some(conversation) => Ok(conversation),
        None => Ok(begin(customer, incoming.medium, incoming.subject.as_deref(), incoming.at, conn)?),
    }
}

/// A new conversation with nothing in it yet.
pub(crate) fn begin(
    customer: i64,
    medium: Medium,
    subject: Option<&str>,
    at: NaiveDateTime,
    conn: &mut Conn,
) -> QueryResult<Conversation> {
    let subject = subject.and_then(|subject| clean::text(subject, 200).ok().flatten());
    let row = (
        conversations::customer_id.eq(customer),
        conversations::channel.eq(medium.key()),
        conversations::state.eq(State::Open.key()),
        conversations::subject.eq(subject),
        conversations::created_at.eq(at),
        conversations::last_message_at.eq(at),
    );
    let id: i64 =
        diesel::insert_into(conversations::table).values(row).returning(conversations::id).get_result(conn)?;
    Conversation::find(id, conn)?.ok_or(QueryError::NotFound)
}

/// Whatever it was: it wants to be looked at.
pub(super) fn reopen(id: i64, conn: &mut Conn) -> QueryResult<()> {
    diesel::update(conversations::table.find(id))
        .set((
            conversations::state.eq(State::Open.key()),
            conversations::snoozed_until.eq(None::<NaiveDateTime>),
            conversations::closed_at.eq(None::<NaiveDateTime>),
            conversations::version.eq(conversations::version + 1),
        ))
        .execute(conn)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_text_of_a_sensible_size() {
        assert_eq!(text(" Hello\r\nthere\0 \u{1b}[1m\t"), Ok("Hello\nthere [1m".into()));
        assert_eq!(text("<script>alert(1)</script>"), Ok("<script>alert(1)</script>".into()));
        assert!(text(" \n\u{200b}").is_err());
        assert!(text(&"é".repeat(LONGEST / 2)).is_ok());
        assert!(text(&"a".repeat(1 << 20)).is_err_and(|words| words.contains("64 KiB; this one has 1024")));
    }
}
