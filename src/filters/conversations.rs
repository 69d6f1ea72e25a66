//! Conditions on conversations, decided by rows of `conversations`: when the last message was, whether one is open, over
//! which channel, and whose it is.
//!
//! Agents may share a name. Then the name alone means the one who was here first, and the others are told by their number:
//! `Ava Lind #5`.

use super::ask::{Ask, Source};
use super::asked::Asked;
use super::moments::Span;
use super::names::{Looks, Named};
use super::rule::Part;
use super::times;
use super::wanted::Wanted;
use crate::conversations::{Conversation, Medium};
use crate::db::Conn;
use crate::db::nodes::On;
use crate::db::schema::{agents, conversations};
use crate::filters::fields::{Column, Values};
use crate::workspace::Clock;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// The channels of conversations, as filters name them.
pub const CHANNELS: &[&str] = &["chat", "email", "SMS", "WhatsApp"];

/// Whoever had more conversations is told of so many.
const SHOWN: i64 = 3;

/// A conversation of hers that is so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Talk {
    AtAll,
    Open,
    /// Its last message lies in one of these ranges.
    Written(Wanted),
    Over(&'static str),
    /// It is this agent's.
    Given(i64),
    /// Open, and nobody's.
    Unassigned,
}

fn written() -> Column<conversations::table> {
    Column { name: "last_message_at", values: Values::Time(|| Box::new(conversations::last_message_at.nullable())) }
}

impl Talk {
    pub fn on(&self, now: NaiveDateTime) -> On<conversations::table> {
        match self {
            Talk::AtAll => Box::new(conversations::id.gt(0)),
            Talk::Open => Box::new(conversations::state.eq("open")),
            Talk::Written(wanted) => wanted.on(written(), now),
            Talk::Over(channel) => Box::new(conversations::channel.eq(*channel)),
            Talk::Given(agent) => Box::new(
                conversations::agent_id.is_not_null().and(conversations::agent_id.assume_not_null().eq(*agent)),
            ),
            Talk::Unassigned => Box::new(conversations::state.eq("open").and(conversations::agent_id.is_null())),
        }
    }

    /// Conversations whose last message an end has passed between two moments.
    pub fn passed(&self, from: NaiveDateTime, to: NaiveDateTime) -> Option<Talk> {
        match self {
            Talk::Written(wanted) => Some(Talk::Written(wanted.passed(from, to)?)),
            _ => None,
        }
    }
}

fn talk(talk: Talk) -> Ask {
    Ask::One(Source::Conversations(talk))
}

pub fn has_any(_: &Asked) -> Result<Ask, String> {
    Ok(talk(Talk::AtAll))
}

pub fn has_open(_: &Asked) -> Result<Ask, String> {
    Ok(talk(Talk::Open))
}

pub fn has_unassigned(_: &Asked) -> Result<Ask, String> {
    Ok(talk(Talk::Unassigned))
}

pub fn last_message_in_the_last(asked: &Asked) -> Result<Ask, String> {
    Ok(talk(Talk::Written(times::in_the_last(asked)?)))
}

/// Her last message is of all her conversations: none of them has a newer one.
pub fn last_message_more_than_ago(asked: &Asked) -> Result<Ask, String> {
    let older = times::more_than_ago(asked)?;
    let Wanted::Times(spans) = &older else { return Err("That cannot be asked of a message.".into()) };
    let since = spans.iter().map(|span| Span { from: span.before, before: None }).collect();
    let newer = talk(Talk::Written(Wanted::Times(since)));
    Ok(Ask::All(vec![talk(Talk::Written(older)), newer.negated()]))
}

pub fn over(asked: &Asked) -> Result<Ask, String> {
    let Some(Part::Word(word)) = asked.parts.first() else {
        return Err("Choose a channel: chat, email, SMS or WhatsApp. Until then this filter selects nobody.".into());
    };
    let medium = Medium::ALL.into_iter().find(|medium| medium.key().eq_ignore_ascii_case(word));
    medium.map(|medium| talk(Talk::Over(medium.key()))).ok_or_else(|| format!("There is no channel {word}."))
}

pub fn assigned_to(asked: &Asked) -> Result<Ask, String> {
    Ok(talk(Talk::Given(asked.agent(0)?)))
}

/// Those that may be meant: none where no rule mentions one.
pub fn named(looks: &Looks, conn: &mut Conn) -> QueryResult<Named> {
    if looks.is_empty() { Ok(Named::default()) } else { all_agents(conn) }
}

/// Every agent, as a filter names them, who was here first before others.
pub fn all_agents(conn: &mut Conn) -> QueryResult<Named> {
    Ok(Named::of(agents::table.order(agents::id).select((agents::id, agents::name)).load(conn)?))
}

/// Her newest conversations in a few words.
pub fn told(customer: i64, clock: &Clock, conn: &mut Conn) -> QueryResult<String> {
    let hers = Conversation::of_customer(customer, SHOWN, conn)?;
    if hers.is_empty() {
        return Ok("none".into());
    }
    let agents = all_agents(conn)?;
    let words = hers.into_iter().map(|one| {
        let whose =
            one.agent_id.and_then(|id| agents.called(id).map(str::to_string)).unwrap_or_else(|| "nobody".into());
        let at = clock.show(one.last_message_at);
        format!("{} #{}: {}, {whose}'s, last message {at}", one.medium.words(), one.id, one.state.key())
    });
    Ok(words.collect::<Vec<_>>().join("; "))
}
