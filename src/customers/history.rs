//! Who changed what about a customer, field by field: before, after, by whom, from where. Whatever changes her says so with
//! a [`By`], which [`Customer`](super::Customer), [`set_consent`](super::set_consent) and
//! [`custom_fields::write`](crate::custom_fields::write) ask for; so no change is without its story.
//!
//! A value is kept as it is stored (`SE`, `opted_in`, `2026-09-07`), and spoken where it is read. When she was seen last is
//! an observation and has no history; imports and bulk actions keep their own.

use crate::agents::Caller;
use crate::db::Conn;
use crate::db::schema::field_changes;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// From where a customer was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Profile,
    Api,
    CommandLine,
    /// The link to leave by, in a campaign.
    Link(i64),
    /// A message of a campaign was called spam.
    Complaint(i64),
    /// She wrote it, in a conversation. Whoever was made of a first message was there before it: 0.
    Conversation(i64),
    /// Two customers became one, or two again.
    Merge,
}

impl Source {
    pub fn key(self) -> &'static str {
        match self {
            Source::Profile => "profile",
            Source::Api => "api",
            Source::CommandLine => "command line",
            Source::Link(_) => "link",
            Source::Complaint(_) => "complaint",
            Source::Conversation(_) => "conversation",
            Source::Merge => "merge",
        }
    }

    /// Which campaign or conversation.
    pub fn id(self) -> Option<i64> {
        match self {
            Source::Link(id) | Source::Complaint(id) | Source::Conversation(id) => Some(id),
            Source::Profile | Source::Api | Source::CommandLine | Source::Merge => None,
        }
    }

    pub fn parse(key: &str, id: Option<i64>) -> Option<Source> {
        Some(match (key, id) {
            ("profile", _) => Source::Profile,
            ("api", _) => Source::Api,
            ("command line", _) => Source::CommandLine,
            ("link", Some(id)) => Source::Link(id),
            ("complaint", Some(id)) => Source::Complaint(id),
            ("conversation", Some(id)) => Source::Conversation(id),
            ("merge", _) => Source::Merge,
            _ => return None,
        })
    }

    /// As a consent keeps from where it is known.
    pub fn told(self) -> String {
        match self {
            Source::Profile => "profile".into(),
            Source::Api => "API".into(),
            Source::CommandLine => "command line".into(),
            Source::Link(campaign) => format!("link in campaign {campaign}"),
            Source::Complaint(campaign) => format!("complaint about campaign {campaign}"),
            Source::Conversation(id) => format!("message in conversation {id}"),
            Source::Merge => "merge".into(),
        }
    }
}

/// Who changes a customer, from where and when.
#[derive(Clone, Debug, PartialEq)]
pub struct By {
    pub actor: String,
    pub agent_id: Option<i64>,
    pub source: Source,
    pub at: NaiveDateTime,
}

/// Who it was when it was the customer herself.
const HERSELF: &str = "the customer";

impl By {
    pub fn of(caller: &Caller, source: Source, at: NaiveDateTime) -> By {
        By { actor: caller.name.clone(), agent_id: caller.agent_id, source, at }
    }

    /// She did it herself.
    pub fn herself(source: Source, at: NaiveDateTime) -> By {
        By { actor: HERSELF.into(), agent_id: None, source, at }
    }
}

/// A field that was changed, as programs name it, and what stood there.
pub type Change<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// What stands first in the history of whoever was added by hand or by a program: since when she is a customer.
pub const ADDED: &str = "created_at";

/// Keeps a change. One that changes nothing is none.
pub fn note(customer_id: i64, (field, before, after): Change, by: &By, conn: &mut Conn) -> QueryResult<()> {
    if before == after {
        return Ok(());
    }
    diesel::insert_into(field_changes::table)
        .values((
            field_changes::customer_id.eq(customer_id),
            field_changes::at.eq(by.at),
            field_changes::field.eq(field),
            field_changes::before.eq(before),
            field_changes::after.eq(after),
            field_changes::actor.eq(&by.actor),
            field_changes::agent_id.eq(by.agent_id),
            field_changes::source.eq(by.source.key()),
            field_changes::source_id.eq(by.source.id()),
        ))
        .execute(conn)
        .map(drop)
}

/// The newest change of a field: to what, by whom and when.
pub fn newest(
    customer_id: i64,
    field: &str,
    conn: &mut Conn,
) -> QueryResult<Option<(Option<String>, String, NaiveDateTime)>> {
    field_changes::table
        .filter(field_changes::customer_id.eq(customer_id))
        .filter(field_changes::field.eq(field))
        .order((field_changes::at.desc(), field_changes::id.desc()))
        .select((field_changes::after, field_changes::actor, field_changes::at))
        .first(conn)
        .optional()
}
