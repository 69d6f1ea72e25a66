//! The fact that a customer carries a tag: since when, by whom, from where, until when. What puts tags on and takes them
//! off is in [`put`](super::put).

use super::Tag;
use crate::agents::Caller;
use crate::db::Conn;
use crate::db::schema::{taggings, tags};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From where a customer was tagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Profile,
    List,
    Conversation(i64),
    Bulk(i64),
    Import(i64),
    Campaign(i64),
    Api,
    /// Where tags are looked after. There they end, and none begins.
    Tags,
}

impl Source {
    pub fn key(self) -> &'static str {
        match self {
            Source::Profile => "profile",
            Source::List => "list",
            Source::Conversation(_) => "conversation",
            Source::Bulk(_) => "bulk",
            Source::Import(_) => "import",
            Source::Campaign(_) => "campaign",
            Source::Api => "api",
            Source::Tags => "tags",
        }
    }

    /// Which conversation, bulk action, import or campaign.
    pub fn id(self) -> Option<i64> {
        match self {
            Source::Conversation(id) | Source::Bulk(id) | Source::Import(id) | Source::Campaign(id) => Some(id),
            _ => None,
        }
    }

    pub fn parse(key: &str, id: Option<i64>) -> Option<Source> {
        Some(match key {
            "profile" => Source::Profile,
            "list" => Source::List,
            "conversation" => Source::Conversation(id.unwrap_or(0)),
            "bulk" => Source::Bulk(id.unwrap_or(0)),
            "import" => Source::Import(id.unwrap_or(0)),
            "campaign" => Source::Campaign(id.unwrap_or(0)),
            "api" => Source::Api,
            "tags" => Source::Tags,
            _ => return None,
        })
    }

    /// As it ends a sentence: "Mara added VIP {words}".
    pub fn words(self) -> String {
        match self {
            Source::Profile => "on the profile".into(),
            Source::List => "in the list".into(),
            Source::Conversation(0) => "in a conversation".into(),
            Source::Conversation(id) => format!("in conversation {id}"),
            Source::Bulk(_) => "in bulk".into(),
            Source::Import(0) => "by an import".into(),
            Source::Import(id) => format!("by import {id}"),
            Source::Campaign(0) => "by a campaign".into(),
            Source::Campaign(id) => format!("by campaign {id}"),
            Source::Api => "through the API".into(),
            Source::Tags => "in the tag manager".into(),
        }
    }
}

/// Until when somebody wants a tag to be carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lasting {
    /// Nothing was said: a new tagging has no end, and one that is there keeps its own.
    #[default]
    Unsaid,
    Ever,
    Until(NaiveDateTime),
}

/// Who tags, from where, when, until when: kept with each tagging.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub actor: String,
    pub agent_id: Option<i64>,
    pub source: Source,
    pub at: NaiveDateTime,
    pub lasting: Lasting,
}

impl Mark {
    pub fn of(caller: &Caller, source: Source, at: NaiveDateTime) -> Mark {
        Mark { actor: caller.name.clone(), agent_id: caller.agent_id, source, at, lasting: Lasting::default() }
    }

    pub fn lasting(self, lasting: Lasting) -> Mark {
        Mark { lasting, ..self }
    }
}

/// A tag on a customer, with its story.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagging {
    pub tag: Tag,
    pub at: NaiveDateTime,
    pub actor: String,
    pub source: Source,
    pub expires_at: Option<NaiveDateTime>,
}

/// True while a tagging lasts. One whose time has passed does not exist for anybody, whether or not its row is still
/// there; so this stands in every question about tags.
#[diesel::dsl::auto_type]
pub fn on(now: NaiveDateTime) -> _ {
    taggings::expires_at.is_null().or(taggings::expires_at.assume_not_null().gt(now))
}

/// The tags of a page of customers by name, in one query. Who carries none is not in the map.
pub fn of_customers(ids: &[i64], now: NaiveDateTime, conn: &mut Conn) -> QueryResult<HashMap<i64, Vec<Tagging>>> {
    type Row = (i64, Tag, NaiveDateTime, String, String, Option<i64>, Option<NaiveDateTime>);
    let rows: Vec<Row> = taggings::table
        .inner_join(tags::table)
        .filter(taggings::customer_id.eq_any(ids.to_vec()))
        .filter(on(now))
        .order((tags::name_folded, tags::id))
        .select((
            taggings::customer_id,
            Tag::as_select(),
            taggings::tagged_at,
            taggings::actor,
            taggings::source,
            taggings::source_id,
            taggings::expires_at,
        ))
        .load(conn)?;
    let mut carried: HashMap<i64, Vec<Tagging>> = HashMap::new();
    for (id, tag, at, actor, source, source_id, expires_at) in rows {
        let source = Source::parse(&source, source_id).unwrap_or(Source::Profile);
        carried.entry(id).or_default().push(Tagging { tag, at, actor, source, expires_at });
    }
    Ok(carried)
}

/// What one customer carries and why, by name.
pub fn of_customer(id: i64, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Vec<Tagging>> {
    Ok(of_customers(&[id], now, conn)?.remove(&id).unwrap_or_default())
}

/// How many customers carry each tag, and when that was asked.
type Known = (Instant, Arc<HashMap<i64, i64>>);

/// How many customers carry each tag, as it was a minute ago at most: for an order, not to be told.
#[derive(Default)]
pub(crate) struct Sizes(Mutex<Option<Known>>);

/// So long they are good enough to say which tags come first.
const GOOD: Duration = Duration::from_secs(60);

impl Sizes {
    pub fn lately(&self, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Arc<HashMap<i64, i64>>> {
        let known = self.0.lock().clone();
        if let Some((_, sizes)) = known.filter(|(at, _)| at.elapsed() < GOOD) {
            return Ok(sizes);
        }
        let sizes = Arc::new(sizes(now, conn)?);
        *self.0.lock() = Some((Instant::now(), sizes.clone()));
        Ok(sizes)
    }
}

/// How many customers carry each tag that anybody carries.
pub(crate) fn sizes(now: NaiveDateTime, conn: &mut Conn) -> QueryResult<HashMap<i64, i64>> {
    let rows: Vec<(i64, i64)> = taggings::table
        .filter(on(now))
        .group_by(taggings::tag_id)
        .select((taggings::tag_id, diesel::dsl::count_star()))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}
