//! What each segment asks, and who of a few it holds.

use crate::db::changes::Change;
use crate::db::nodes::Among;
use crate::db::schema::{customers, segments};
use crate::db::{Conn, Trouble};
use crate::filters::ask::{Ask, Source};
use crate::filters::sets::Ids;
use crate::segments::Segment;
use crate::workspace::Workspace;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Customers a question.
const CHUNK: usize = 5_000;

/// One segment.
pub struct Asking {
    pub segment: i64,
    /// Its filter as it was saved, with those of the segments behind it: a change of either is a change of what is asked.
    pub rule: String,
    pub ask: Ask,
}

/// All of them.
pub fn read(conn: &mut Conn) -> Result<Vec<Asking>, Trouble> {
    let all = every(conn)?;
    let clock = Workspace::load(conn)?.clock();
    let filters = Segment::filters(&all, conn, &clock)?;
    let mut rules = spelled(&all);
    let asking = |(segment, filter): (&Segment, crate::filters::Filter)| Asking {
        segment: segment.id,
        rule: rules.remove(&segment.id).unwrap_or_default(),
        ask: filter.ask(),
    };
    Ok(all.iter().zip(filters).map(asking).collect())
}

/// The rules alone.
pub fn rules(conn: &mut Conn) -> Result<HashMap<i64, String>, Trouble> {
    Ok(spelled(&every(conn)?))
}

fn every(conn: &mut Conn) -> QueryResult<Vec<Segment>> {
    segments::table.select(Segment::columns()).order(segments::id).load(conn)
}

fn spelled(all: &[Segment]) -> HashMap<i64, String> {
    let own: BTreeMap<i64, (&str, Value)> = all
        .iter()
        .map(|segment| {
            let filter = segment.filter.as_deref().unwrap_or_default();
            (segment.id, (filter, serde_json::from_str(filter).unwrap_or(Value::Null)))
        })
        .collect();
    own.keys().map(|id| (*id, with_others(*id, &own))).collect()
}

fn with_others(id: i64, own: &BTreeMap<i64, (&str, Value)>) -> String {
    let (mut seen, mut wanted) = (BTreeSet::new(), vec![id]);
    while let Some(next) = wanted.pop() {
        if let Some((_, json)) = own.get(&next)
            && seen.insert(next)
        {
            named(json, &mut wanted);
        }
    }
    let others = seen.iter().filter(|other| **other != id);
    let texts = std::iter::once(&id).chain(others).filter_map(|id| own.get(id)).map(|(filter, _)| *filter);
    texts.collect::<Vec<_>>().join("\n")
}

/// The ids of the segments that a filter names.
fn named(json: &Value, ids: &mut Vec<i64>) {
    match json {
        Value::Object(map) if map.get("field").is_some_and(|field| field == "segments") => {
            ids.extend(map.get("value").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_i64));
        }
        Value::Object(map) => map.values().for_each(|value| named(value, ids)),
        Value::Array(values) => values.iter().for_each(|value| named(value, ids)),
        _ => {}
    }
}

impl Asking {
    /// Whom these changes may move in or out; `None` is everybody.
    pub fn touched(&self, changes: &[Change]) -> Option<Ids> {
        let mut who = Ids::new();
        for change in changes.iter().filter(|change| self.reads(change)) {
            who.extend(change.customers.as_ref()?.iter().filter_map(|id| u32::try_from(*id).ok()));
        }
        Some(who)
    }

    /// Whether a change is of something that is asked here.
    pub fn reads(&self, change: &Change) -> bool {
        let mut reads = is_read(&Source::Anyone, change);
        self.ask.each(&mut |source| reads |= is_read(source, change));
        reads
    }

    /// Whether anybody may come or go by the clock alone.
    pub fn moves_by_itself(&self, now: NaiveDateTime) -> bool {
        let mut moves = false;
        self.ask.each(&mut |source| moves |= source.passed(now, now).is_some());
        moves
    }

    /// Who of a few is in it.
    pub fn among(&self, few: &Ids, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Ids> {
        let ids: Vec<i64> = few.iter().map(i64::from).collect();
        let mut inside = Ids::new();
        for ids in ids.chunks(CHUNK) {
            let these = Among { column: "customers.id", ids: ids.to_vec() };
            let found = customers::table.filter(these).filter(self.ask.predicate(now)).select(customers::id);
            inside.extend(found.load::<i64>(conn)?.into_iter().filter_map(|id| u32::try_from(id).ok()));
        }
        Ok(inside)
    }
}

fn is_read(source: &Source, change: &Change) -> bool {
    source.reads().iter().any(|reads| reads.are_touched_by(change.source, change.key))
}
