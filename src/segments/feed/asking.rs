//! What each segment asks, and whom a change may move into or out of it.

use crate::db::changes::Change;
use crate::db::{Conn, Trouble};
use crate::filters::ask::{Ask, Source};
use crate::filters::sets::Ids;
use crate::segments::Segment;
use crate::workspace::Workspace;
use chrono::NaiveDateTime;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Whose a change is; `None` is everybody's.
pub fn whose(change: &Change) -> Option<Ids> {
    change.customers.as_ref().map(|ids| ids.iter().filter_map(|id| u32::try_from(*id).ok()).collect())
}

/// One segment.
pub struct Asking {
    pub segment: i64,
    /// Its filter as it was saved, with those of the segments behind it: a change of either is a change of what is asked.
    pub rule: String,
    pub ask: Ask,
}

/// All of them.
pub fn read(conn: &mut Conn) -> Result<Vec<Asking>, Trouble> {
    let all = Segment::every(conn)?;
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
    Ok(spelled(&Segment::every(conn)?))
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
            who |= whose(change)?;
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
}

fn is_read(source: &Source, change: &Change) -> bool {
    source.reads().iter().any(|reads| reads.are_touched_by(change.source, change.key))
}
