//! The fact that a customer carries a tag: since when, by whom, from where.

use super::Tag;
use crate::agents::Caller;
use crate::customers::touch;
use crate::db::Conn;
use crate::db::schema::{taggings, tags};
use crate::each;
use crate::workspace::stamp;
use chrono::{NaiveDateTime, Utc};
use diesel::prelude::*;
use std::collections::HashMap;

/// From where a customer was tagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Profile,
    List,
    Conversation,
    Bulk(i64),
    Import(i64),
    Campaign(i64),
    Api,
}

impl Source {
    pub fn key(self) -> &'static str {
        match self {
            Source::Profile => "profile",
            Source::List => "list",
            Source::Conversation => "conversation",
            Source::Bulk(_) => "bulk",
            Source::Import(_) => "import",
            Source::Campaign(_) => "campaign",
            Source::Api => "api",
        }
    }

    /// Which bulk action, import or campaign.
    pub fn id(self) -> Option<i64> {
        match self {
            Source::Bulk(id) | Source::Import(id) | Source::Campaign(id) => Some(id),
            _ => None,
        }
    }

    pub fn parse(key: &str, id: Option<i64>) -> Option<Source> {
        Some(match key {
            "profile" => Source::Profile,
            "list" => Source::List,
            "conversation" => Source::Conversation,
            "bulk" => Source::Bulk(id.unwrap_or(0)),
            "import" => Source::Import(id.unwrap_or(0)),
            "campaign" => Source::Campaign(id.unwrap_or(0)),
            "api" => Source::Api,
            _ => return None,
        })
    }

    /// As it ends a sentence: "Mara added VIP {words}".
    pub fn words(self) -> String {
        match self {
            Source::Profile => "on the profile".into(),
            Source::List => "in the list".into(),
            Source::Conversation => "in a conversation".into(),
            Source::Bulk(_) => "in bulk".into(),
            Source::Import(0) => "by an import".into(),
            Source::Import(id) => format!("by import {id}"),
            Source::Campaign(0) => "by a campaign".into(),
            Source::Campaign(id) => format!("by campaign {id}"),
            Source::Api => "through the API".into(),
        }
    }
}

/// Who tags, from where, when: kept with each tagging.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub actor: String,
    pub agent_id: Option<i64>,
    pub source: Source,
    pub at: NaiveDateTime,
}

impl Mark {
    pub fn of(caller: &Caller, source: Source, at: NaiveDateTime) -> Mark {
        Mark { actor: caller.name.clone(), agent_id: caller.agent_id, source, at }
    }
}

/// A tag on a customer, with its story.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagging {
    pub tag: Tag,
    pub at: NaiveDateTime,
    pub actor: String,
    pub source: Source,
}

/// False when she carries it already: who came first stays.
pub fn add(customer_id: i64, tag_id: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<bool> {
    let row = (
        taggings::customer_id.eq(customer_id),
        taggings::tag_id.eq(tag_id),
        taggings::tagged_at.eq(mark.at),
        taggings::actor.eq(&mark.actor),
        taggings::agent_id.eq(mark.agent_id),
        taggings::source.eq(mark.source.key()),
        taggings::source_id.eq(mark.source.id()),
    );
    let added = each!(conn, c => diesel::insert_into(taggings::table).values(row).on_conflict_do_nothing().execute(c))?;
    if added > 0 {
        touch(customer_id, mark.at, conn)?;
    }
    Ok(added > 0)
}

/// False when she did not carry it.
pub fn remove(customer_id: i64, tag_id: i64, conn: &mut Conn) -> QueryResult<bool> {
    let removed = diesel::delete(taggings::table.find((customer_id, tag_id))).execute(conn)? > 0;
    if removed {
        touch(customer_id, stamp(Utc::now()), conn)?;
    }
    Ok(removed)
}

/// The tags of a page of customers by name, in one query. Who carries none is not in the map.
pub fn of_customers(ids: &[i64], conn: &mut Conn) -> QueryResult<HashMap<i64, Vec<Tag>>> {
    let rows: Vec<(i64, Tag)> = taggings::table
        .inner_join(tags::table)
        .filter(taggings::customer_id.eq_any(ids.to_vec()))
        .order((tags::name_folded, tags::id))
        .select((taggings::customer_id, Tag::as_select()))
        .load(conn)?;
    let mut carried: HashMap<i64, Vec<Tag>> = HashMap::new();
    for (id, tag) in rows {
        carried.entry(id).or_default().push(tag);
    }
    Ok(carried)
}

/// What one customer carries and why, by name.
pub fn of_customer(id: i64, conn: &mut Conn) -> QueryResult<Vec<Tagging>> {
    let rows: Vec<(Tag, NaiveDateTime, String, String, Option<i64>)> = taggings::table
        .inner_join(tags::table)
        .filter(taggings::customer_id.eq(id))
        .order((tags::name_folded, tags::id))
        .select((Tag::as_select(), taggings::tagged_at, taggings::actor, taggings::source, taggings::source_id))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(tag, at, actor, source, source_id)| Tagging {
            tag,
            at,
            actor,
            source: Source::parse(&source, source_id).unwrap_or(Source::Profile),
        })
        .collect())
}
