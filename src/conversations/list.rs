//! The boxes of the inbox: which conversations are in one, how many, and what the list says of each.

use super::{Conversation, Row, State};
use crate::customers::Customer;
use crate::db::Conn;
use crate::db::nodes::Among;
use crate::db::schema::{conversation_reads, conversations, customers, messages};
use crate::filters::sets::Snapshot;
use crate::filters::{Filter, literal};
use crate::fold::fold;
use crate::tags::{self, Tag};
use crate::web::Unread;
use crate::workspace::Clock;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

/// As many as one looks through.
pub const SHOWN: usize = 50;
/// Of an audience that is larger, the list is walked and whoever is in it is kept; of a smaller one their conversations
/// are looked up.
const FEW: u64 = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tray {
    Open,
    Mine,
    Unassigned,
    Snoozed,
    Closed,
}

impl Tray {
    pub const ALL: [Tray; 5] = [Tray::Open, Tray::Mine, Tray::Unassigned, Tray::Snoozed, Tray::Closed];

    pub fn key(self) -> &'static str {
        match self {
            Tray::Open => "open",
            Tray::Mine => "mine",
            Tray::Unassigned => "unassigned",
            Tray::Snoozed => "snoozed",
            Tray::Closed => "closed",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Tray::Open => "Open",
            Tray::Mine => "Mine",
            Tray::Unassigned => "Unassigned",
            Tray::Snoozed => "Snoozed",
            Tray::Closed => "Closed",
        }
    }

    pub fn parse(key: &str) -> Option<Tray> {
        Tray::ALL.into_iter().find(|tray| tray.key() == key)
    }

    fn state(self) -> State {
        match self {
            Tray::Open | Tray::Mine | Tray::Unassigned => State::Open,
            Tray::Snoozed => State::Snoozed,
            Tray::Closed => State::Closed,
        }
    }
}

type Of = conversations::BoxedQuery<'static, crate::db::Backend>;

/// Whoever looks; programs have nothing of their own.
fn in_tray(tray: Tray, agent: Option<i64>) -> Of {
    let all = conversations::table.filter(conversations::state.eq(tray.state().key())).into_boxed();
    match tray {
        Tray::Mine => all.filter(conversations::agent_id.eq(Some(agent.unwrap_or(0)))),
        Tray::Unassigned => all.filter(conversations::agent_id.is_null()),
        Tray::Open | Tray::Snoozed | Tray::Closed => all,
    }
}

/// How many each holds. Of what is closed nobody wants to know, and it grows for ever.
pub fn counts(agent: Option<i64>, conn: &mut Conn) -> QueryResult<Vec<(Tray, Option<i64>)>> {
    let count = |tray: Tray| match tray {
        Tray::Closed => Ok((tray, None)),
        tray => Ok((tray, Some(in_tray(tray, agent).count().get_result(conn)?))),
    };
    Tray::ALL.into_iter().map(count).collect()
}

/// What is asked of a tray.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Words in a message, or in a customer's name or addresses.
    pub words: String,
    /// Who the customers are.
    pub filter: Option<Filter>,
    /// Those after this one: its last message and its number.
    pub after: Option<(NaiveDateTime, i64)>,
}

/// A line of the list.
#[derive(Clone, Debug)]
pub struct Line {
    pub conversation: Conversation,
    pub called: String,
    pub initials: String,
    pub tags: Vec<Tag>,
    pub unread: bool,
}

/// The newest first, one more than is shown if there are more.
pub fn lines(
    tray: Tray,
    agent: Option<i64>,
    asked: &Asked,
    clock: &Clock,
    at: &mut Snapshot,
) -> QueryResult<Vec<Line>> {
    let found = match &asked.filter {
        None => page(tray, agent, asked, None, SHOWN + 1, at)?,
        Some(filter) => {
            let whom = at.matching(filter)?;
            match whom.len() <= FEW {
                true => page(tray, agent, asked, Some(whom.iter().map(i64::from).collect()), SHOWN + 1, at)?,
                false => walked(tray, agent, asked, &whom, at)?,
            }
        }
    };
    told(found, agent, clock, at)
}

/// Page by page, keeping those whose customer is among these.
fn walked(
    tray: Tray,
    agent: Option<i64>,
    asked: &Asked,
    whom: &roaring::RoaringBitmap,
    conn: &mut Conn,
) -> QueryResult<Vec<Conversation>> {
    const STEP: usize = 500;
    let (mut asked, mut kept) = (asked.clone(), Vec::new());
    loop {
        let some = page(tray, agent, &asked, None, STEP, conn)?;
        let (whole, last) = (some.len() == STEP, some.last().map(|last| (last.last_message_at, last.id)));
        let among = |found: &Conversation| u32::try_from(found.customer_id).is_ok_and(|id| whom.contains(id));
        kept.extend(some.into_iter().filter(among));
        if !whole || kept.len() > SHOWN {
            kept.truncate(SHOWN + 1);
            return Ok(kept);
        }
        asked.after = last;
    }
}

fn page(
    tray: Tray,
    agent: Option<i64>,
    asked: &Asked,
    whom: Option<Vec<i64>>,
    most: usize,
    conn: &mut Conn,
) -> QueryResult<Vec<Conversation>> {
    let mut query = in_tray(tray, agent);
    if let Some(ids) = whom {
        query = query.filter(Among { column: "conversations.customer_id", ids });
    }
    let words = fold(&asked.words);
    if !words.is_empty() {
        let like = format!("%{}%", literal(&words));
        let said =
            messages::table.filter(messages::folded.like(like.clone()).escape('\\')).select(messages::conversation_id);
        let called = customers::table
            .filter(customers::name_folded.like(like.clone()).escape('\\').assume_not_null())
            .select(customers::id);
        let at = customers::table
            .filter(customers::email_folded.like(like.clone()).escape('\\').assume_not_null())
            .select(customers::id);
        let phone =
            customers::table.filter(customers::phone.like(like).escape('\\').assume_not_null()).select(customers::id);
        query = query.filter(
            conversations::id
                .eq_any(said)
                .or(conversations::customer_id.eq_any(called))
                .or(conversations::customer_id.eq_any(at))
                .or(conversations::customer_id.eq_any(phone)),
        );
    }
    if let Some((at, id)) = asked.after {
        let later = conversations::last_message_at.lt(at);
        query = query.filter(later.or(conversations::last_message_at.eq(at).and(conversations::id.lt(id))));
    }
    let rows: Vec<Row> = query
        .order((conversations::last_message_at.desc(), conversations::id.desc()))
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Conversation::from).collect())
}

fn told(found: Vec<Conversation>, agent: Option<i64>, clock: &Clock, conn: &mut Conn) -> QueryResult<Vec<Line>> {
    let whose: Vec<i64> = found.iter().map(|conversation| conversation.customer_id).collect();
    let people: Vec<Customer> =
        customers::table.filter(customers::id.eq_any(whose.clone())).select(Customer::as_select()).load(conn)?;
    let people: HashMap<i64, Customer> = people.into_iter().map(|person| (person.id, person)).collect();
    let mut carried = tags::of_customers(&whose, clock.stamp(), conn)?;
    let seen = seen(agent, &found.iter().map(|conversation| conversation.id).collect::<Vec<_>>(), conn)?;
    Ok(found
        .into_iter()
        .map(|conversation| {
            let person = people.get(&conversation.customer_id);
            let tagged = carried.get_mut(&conversation.customer_id).cloned().unwrap_or_default();
            Line {
                called: person.map(Customer::called).unwrap_or_default(),
                initials: person.map(Customer::initials).unwrap_or_default(),
                tags: tagged.into_iter().map(|tagging| tagging.tag).collect(),
                unread: agent.is_some() && conversation.last_in > seen.get(&conversation.id).copied().unwrap_or(0),
                conversation,
            }
        })
        .collect())
}

/// Up to which message this agent has read each.
fn seen(agent: Option<i64>, ids: &[i64], conn: &mut Conn) -> QueryResult<HashMap<i64, i64>> {
    let rows: Vec<(i64, i64)> = conversation_reads::table
        .filter(conversation_reads::agent_id.eq(agent.unwrap_or(0)))
        .filter(conversation_reads::conversation_id.eq_any(ids.to_vec()))
        .select((conversation_reads::conversation_id, conversation_reads::seen))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// How many open conversations that are hers or nobody's have something this agent has not read, up to one more than
/// [`Unread::MOST`].
pub fn unread(agent: i64, conn: &mut Conn) -> QueryResult<i64> {
    let read = conversation_reads::conversation_id.eq(conversations::id).and(conversation_reads::agent_id.eq(agent));
    let new: Vec<i64> = conversations::table
        .left_join(conversation_reads::table.on(read))
        .filter(conversations::state.eq(State::Open.key()))
        .filter(conversations::agent_id.is_null().or(conversations::agent_id.eq(agent).assume_not_null()))
        .filter(
            conversation_reads::seen
                .nullable()
                .is_null()
                .and(conversations::last_in.gt(0))
                .or(conversations::last_in.nullable().gt(conversation_reads::seen.nullable()).assume_not_null()),
        )
        .limit(Unread::MOST + 1)
        .select(conversations::id)
        .load(conn)?;
    Ok(i64::try_from(new.len()).unwrap_or(Unread::MOST + 1))
}

/// Whether this agent has not read all of it.
pub fn is_unread(conversation: &Conversation, agent: Option<i64>, conn: &mut Conn) -> QueryResult<bool> {
    let seen = seen(agent, &[conversation.id], conn)?;
    Ok(agent.is_some() && conversation.last_in > seen.get(&conversation.id).copied().unwrap_or(0))
}
