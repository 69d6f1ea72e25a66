//! What agents do in a conversation.

use super::{Conversation, Kind, Medium, Said, State, arriving, say};
use crate::agents::{Agent, Caller};
use crate::customers::Customer;
use crate::db::schema::{conversation_reads, conversations};
use crate::db::{Conn, Db, Trouble};
use crate::each;
use crate::workspace::{Clock, stamp};
use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;

/// Why something cannot be done here, in a sentence for the page.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("{0}")]
    Senseless(String),
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl From<diesel::result::Error> for Refused {
    fn from(error: diesel::result::Error) -> Refused {
        Refused::Trouble(error.into())
    }
}

/// Where an answer over this channel goes, or why it cannot go anywhere.
pub fn address(medium: Medium, customer: &Customer) -> Result<Option<String>, String> {
    match medium {
        Medium::Chat => Ok(None),
        Medium::Email => match &customer.email {
            Some(email) => Ok(Some(email.clone())),
            None => Err("She has no email address any more, so an answer cannot reach her. Write a note.".into()),
        },
        Medium::Sms | Medium::Whatsapp => match &customer.phone {
            Some(phone) => Ok(Some(phone.clone())),
            None => Err("She has no phone number any more, so an answer cannot reach her. Write a note.".into()),
        },
    }
}

/// Writes to the customer. Whoever answers first has the conversation, if nobody had it.
pub fn reply(
    conversation: &Conversation,
    body: &str,
    caller: &Caller,
    clock: &Clock,
    conn: &mut Conn,
) -> Result<i64, Refused> {
    let body = arriving::text(body).map_err(Refused::Senseless)?;
    let customer = Customer::find(conversation.customer_id, conn)?.ok_or(diesel::result::Error::NotFound)?;
    let address = address(conversation.medium, &customer).map_err(Refused::Senseless)?;
    let said = Said { kind: Kind::Out, address: address.as_deref(), ..by(caller, &body, clock) };
    let message = say(conversation, &said, conn)?;
    if conversation.agent_id.is_none()
        && let Some(agent) = caller.agent_id
    {
        let free = conversations::table.find(conversation.id).filter(conversations::agent_id.is_null());
        diesel::update(free).set(conversations::agent_id.eq(agent)).execute(conn)?;
    }
    if conversation.state != State::Open {
        arriving::reopen(conversation.id, conn)?;
    }
    Ok(message)
}

/// Writes something only agents see.
pub fn note(
    conversation: &Conversation,
    body: &str,
    caller: &Caller,
    clock: &Clock,
    conn: &mut Conn,
) -> Result<i64, Refused> {
    let body = arriving::text(body).map_err(Refused::Senseless)?;
    Ok(say(conversation, &Said { kind: Kind::Note, ..by(caller, &body, clock) }, conn)?)
}

fn by<'a>(caller: &'a Caller, body: &'a str, clock: &Clock) -> Said<'a> {
    Said {
        kind: Kind::Event,
        author: &caller.name,
        agent_id: caller.agent_id,
        body,
        at: clock.stamp(),
        external_id: None,
        address: None,
    }
}

fn happened(
    conversation: &Conversation,
    words: &str,
    caller: &Caller,
    clock: &Clock,
    conn: &mut Conn,
) -> QueryResult<()> {
    say(conversation, &by(caller, words, clock), conn).map(drop)
}

/// Gives it to somebody, or to nobody.
pub fn assign(
    conversation: &Conversation,
    agent: Option<i64>,
    caller: &Caller,
    clock: &Clock,
    conn: &mut Conn,
) -> Result<(), Refused> {
    if conversation.agent_id == agent {
        return Ok(());
    }
    let words = match agent {
        None => "let go of it".to_string(),
        Some(id) if caller.agent_id == Some(id) => "took it".to_string(),
        Some(id) => match Agent::find(id, conn)?.filter(|agent| agent.disabled_at.is_none()) {
            Some(agent) => format!("gave it to {}", agent.name),
            None => return Err(Refused::Senseless("Whoever that was does not work here any more.".into())),
        },
    };
    diesel::update(conversations::table.find(conversation.id)).set(conversations::agent_id.eq(agent)).execute(conn)?;
    Ok(happened(conversation, &words, caller, clock, conn)?)
}

/// Nothing more is to be done. Doing it twice changes nothing.
pub fn close(conversation: &Conversation, caller: &Caller, clock: &Clock, conn: &mut Conn) -> QueryResult<()> {
    if conversation.state == State::Closed {
        return Ok(());
    }
    diesel::update(conversations::table.find(conversation.id))
        .set((
            conversations::state.eq(State::Closed.key()),
            conversations::closed_at.eq(clock.stamp()),
            conversations::snoozed_until.eq(None::<NaiveDateTime>),
        ))
        .execute(conn)?;
    happened(conversation, "closed it", caller, clock, conn)
}

pub fn reopen(conversation: &Conversation, caller: &Caller, clock: &Clock, conn: &mut Conn) -> QueryResult<()> {
    if conversation.state == State::Open {
        return Ok(());
    }
    arriving::reopen(conversation.id, conn)?;
    happened(conversation, "opened it again", caller, clock, conn)
}

/// For how long something may be put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snooze {
    Hour,
    Tomorrow,
    Week,
}

impl Snooze {
    pub const ALL: [Snooze; 3] = [Snooze::Hour, Snooze::Tomorrow, Snooze::Week];

    pub fn key(self) -> &'static str {
        match self {
            Snooze::Hour => "hour",
            Snooze::Tomorrow => "tomorrow",
            Snooze::Week => "week",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Snooze::Hour => "for an hour",
            Snooze::Tomorrow => "until tomorrow, 8:00",
            Snooze::Week => "for a week",
        }
    }

    pub fn parse(key: &str) -> Option<Snooze> {
        Snooze::ALL.into_iter().find(|snooze| snooze.key() == key)
    }

    /// Until when, in the zone of the business.
    pub fn until(self, clock: &Clock) -> NaiveDateTime {
        match self {
            Snooze::Hour => clock.stamp() + TimeDelta::hours(1),
            Snooze::Week => clock.stamp() + TimeDelta::weeks(1),
            Snooze::Tomorrow => {
                let tomorrow = clock.now.with_timezone(&clock.zone).date_naive() + TimeDelta::days(1);
                let eight = tomorrow.and_hms_opt(8, 0, 0).and_then(|at| at.and_local_timezone(clock.zone).earliest());
                eight.map_or(clock.stamp() + TimeDelta::days(1), |at| at.naive_utc())
            }
        }
    }
}

/// Out of the way until then, or until she writes.
pub fn snooze(
    conversation: &Conversation,
    snooze: Snooze,
    caller: &Caller,
    clock: &Clock,
    conn: &mut Conn,
) -> QueryResult<()> {
    let until = snooze.until(clock);
    diesel::update(conversations::table.find(conversation.id))
        .set((conversations::state.eq(State::Snoozed.key()), conversations::snoozed_until.eq(until)))
        .execute(conn)?;
    happened(conversation, &format!("put it off until {}", clock.show(until)), caller, clock, conn)
}

/// Those whose time has come are open again.
pub fn wake(now: NaiveDateTime, conn: &mut Conn) -> QueryResult<usize> {
    let due: Vec<i64> = conversations::table
        .filter(conversations::state.eq(State::Snoozed.key()))
        .filter(conversations::snoozed_until.le(now).assume_not_null())
        .select(conversations::id)
        .load(conn)?;
    for id in &due {
        arriving::reopen(*id, conn)?;
    }
    Ok(due.len())
}

/// Wakes those whose time has come, now and then.
pub fn look(db: &Db) -> Result<(), Trouble> {
    let now = stamp(Utc::now());
    let due = |conn: &mut Conn| {
        let snoozed = conversations::table.filter(conversations::state.eq(State::Snoozed.key()));
        let due = snoozed.filter(conversations::snoozed_until.le(now).assume_not_null());
        Ok::<_, Trouble>(due.select(conversations::id).first::<i64>(conn).optional()?)
    };
    if db.read_now(due)?.is_some() {
        db.write_now::<_, Trouble>(|conn| Ok(wake(now, conn)?))?;
    }
    Ok(())
}

/// This agent has read it up to this message.
pub fn read(conversation: i64, agent: i64, up_to: i64, conn: &mut Conn) -> QueryResult<()> {
    let row = (
        conversation_reads::agent_id.eq(agent),
        conversation_reads::conversation_id.eq(conversation),
        conversation_reads::seen.eq(up_to),
    );
    each!(conn, c => diesel::insert_into(conversation_reads::table)
        .values(row)
        .on_conflict((conversation_reads::agent_id, conversation_reads::conversation_id))
        .do_update()
        .set(conversation_reads::seen.eq(up_to))
        .execute(c))
    .map(drop)
}
