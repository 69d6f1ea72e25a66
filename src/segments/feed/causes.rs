//! Why customers moved: what the change log and the history of taggings say about each of them, in words.

use super::asking::{Asking, whose};
use super::store::Sighting;
use crate::db::changes::{self, Change, Since, Version, WHOLE, customer_bit, source};
use crate::db::schema::{campaigns, custom_fields, import_lines, imports, past_taggings, taggings, tags};
use crate::filters::sets::{Ids, Snapshot};
use crate::imports::State;
use crate::tags::Source as Place;
use crate::workspace::stamp;
use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// Customers a question.
const CHUNK: usize = 1_000;
/// An import that ended so long ago may be why somebody moved just now.
const JUST: TimeDelta = TimeDelta::seconds(60);

/// What was committed since the newest look, and since what was seen after it. `None` where that is not known.
pub struct Committed<'a> {
    since_look: Option<&'a [Change]>,
    /// Only of these customers.
    about: Option<RangeInclusive<i64>>,
    since: HashMap<&'a str, Option<Vec<Change>>>,
}

impl<'a> Committed<'a> {
    pub fn since_look(changes: Option<&'a [Change]>, about: Option<RangeInclusive<i64>>) -> Committed<'a> {
        Committed { since_look: changes, about, since: HashMap::new() }
    }

    /// Since a place in history.
    fn since(&mut self, version: &'a str, at: &mut Snapshot) -> QueryResult<Option<&[Change]>> {
        if !self.since.contains_key(version) {
            let changes = match changes::since_about(Version::parse(version).as_ref(), self.about.as_ref(), at)?.1 {
                Since::Same => Some(Vec::new()),
                Since::Changes(changes) => Some(changes),
                Since::Lost => None,
            };
            self.since.insert(version, changes);
        }
        Ok(self.since.get(version).and_then(|changes| changes.as_deref()))
    }
}

/// Who moved in one segment.
pub struct Moved<'a> {
    pub asking: &'a Asking,
    /// It asks something else now.
    pub ruled: bool,
    pub joined: &'a Ids,
    pub left: &'a Ids,
}

/// What a change of the log comes to, for whom it names.
#[derive(Clone, Copy)]
enum Kind {
    CameOrWent,
    Tag(i64),
    ByHand,
    Consent,
    Field(i64),
    Purchase,
    Renamed,
    Campaign(i64),
    Edit(i64),
}

impl Kind {
    fn of(change: &Change) -> Kind {
        match change.source {
            source::TAGGINGS => Kind::Tag(change.key),
            source::CONSENTS => Kind::Consent,
            source::SEGMENT_MEMBERS => Kind::ByHand,
            source::CUSTOM_VALUES => Kind::Field(change.key),
            source::PURCHASES => Kind::Purchase,
            source::TAGS => Kind::Renamed,
            source::CAMPAIGN_RECIPIENTS => Kind::Campaign(change.key),
            source::CUSTOMERS if change.key == WHOLE => Kind::CameOrWent,
            _ if change.key & purchase_bits() != 0 => Kind::Purchase,
            _ => Kind::Edit(change.key),
        }
    }
}

/// The columns that follow from purchases.
fn purchase_bits() -> i64 {
    ["purchase_count", "total_spent", "first_purchase_at", "last_purchase_at"]
        .into_iter()
        .filter_map(customer_bit)
        .fold(0, |bits, bit| bits | bit)
}

/// Why each of those moved: of what was committed, by what was committed since they were `seen` last.
pub fn why<'a>(
    moved: &Moved,
    seen: &[&'a Sighting],
    committed: &mut Committed<'a>,
    told: &mut Told,
    at: &mut Snapshot,
) -> QueryResult<HashMap<i64, String>> {
    let (mut words, mut rest) = (HashMap::new(), moved.joined | moved.left);
    for sighting in seen.iter().rev() {
        let some = &rest & &sighting.customers;
        if !some.is_empty() {
            rest -= &some;
            moved.by(committed.since(&sighting.version, at)?, some, &mut words, told, at)?;
        }
    }
    moved.by(committed.since_look, rest, &mut words, told, at)?;
    Ok(words)
}

impl Moved<'_> {
    /// Why some of them moved, by these changes.
    fn by(
        &self,
        changes: Option<&[Change]>,
        some: Ids,
        words: &mut HashMap<i64, String>,
        told: &mut Told,
        at: &mut Snapshot,
    ) -> QueryResult<()> {
        let mut left = some;
        if left.is_empty() {
            return Ok(());
        }
        for change in changes.unwrap_or_default().iter().filter(|change| self.asking.reads(change)) {
            let named = whose(change).unwrap_or_else(|| left.clone());
            let who: Vec<i64> = (&named & &left).iter().map(i64::from).collect();
            left -= named;
            for some in who.chunks(CHUNK) {
                told.tell(Kind::of(change), some, self.joined, words, at)?;
            }
        }
        let rest = match (self.ruled, changes) {
            (true, _) => "the filter was changed",
            (false, Some(_)) => "time passed",
            (false, None) => "it happened while nobody was looking",
        };
        words.extend(left.iter().map(|id| (i64::from(id), rest.to_string())));
        Ok(())
    }
}

/// What was found out about customers in this snapshot: one change moves them in many segments.
#[derive(Default)]
pub struct Told {
    /// By tag and customer.
    tagged: HashMap<(i64, i64), String>,
    imported: HashMap<i64, Option<i64>>,
}

impl Told {
    fn tell(
        &mut self,
        kind: Kind,
        who: &[i64],
        joined: &Ids,
        words: &mut HashMap<i64, String>,
        at: &mut Snapshot,
    ) -> QueryResult<()> {
        if let Kind::Tag(tag) = kind {
            let new: Vec<i64> = who.iter().copied().filter(|id| !self.tagged.contains_key(&(tag, *id))).collect();
            tagged(tag, &new, &mut self.tagged, at)?;
            words.extend(who.iter().filter_map(|id| Some((*id, self.tagged.get(&(tag, *id))?.clone()))));
            return Ok(());
        }
        let either = |id: i64| match kind {
            Kind::CameOrWent if joined.contains(id as u32) => Some("became a customer"),
            Kind::CameOrWent => Some("was deleted"),
            Kind::ByHand if joined.contains(id as u32) => Some("added by hand"),
            Kind::ByHand => Some("removed by hand"),
            _ => None,
        };
        let plain = match kind {
            Kind::Consent => "consent was given or taken back".to_string(),
            Kind::Purchase => "a purchase".into(),
            Kind::Renamed => "a tag was renamed".into(),
            Kind::Campaign(campaign) => {
                let name: Option<String> =
                    campaigns::table.find(campaign).select(campaigns::name).first(&mut **at).optional()?;
                name.map_or_else(|| "a campaign that is gone".into(), |name| format!("the campaign {name}"))
            }
            Kind::Field(field) => {
                let label: Option<String> =
                    custom_fields::table.find(field).select(custom_fields::label).first(&mut **at).optional()?;
                format!("{} was edited", label.unwrap_or_else(|| "a field that is gone".into()))
            }
            Kind::Edit(mask) => format!("{} was edited", edited(mask)),
            Kind::CameOrWent | Kind::ByHand | Kind::Tag(_) => String::new(),
        };
        let new: Vec<i64> = who.iter().copied().filter(|id| !self.imported.contains_key(id)).collect();
        let imported = imported(&new, at)?;
        self.imported.extend(new.into_iter().map(|id| (id, imported.get(&id).copied())));
        for id in who {
            let words_of = either(*id).unwrap_or(&plain);
            words.insert(
                *id,
                match self.imported.get(id) {
                    Some(Some(import)) => format!("{words_of}, by import {import}"),
                    _ => words_of.to_string(),
                },
            );
        }
        Ok(())
    }
}

/// The columns of a mask as people call them.
fn edited(mask: i64) -> String {
    let columns = crate::db::changes::CUSTOMER_COLUMNS.into_iter().filter(|column| {
        // Every edit changes that one too.
        *column != "updated_at" && customer_bit(column).is_some_and(|bit| mask & bit != 0)
    });
    let names: Vec<String> = columns.map(|column| column.trim_end_matches("_folded").replace('_', " ")).collect();
    match names.is_empty() {
        true => "the customer".into(),
        false => names.join(", "),
    }
}

/// Whom an import touched that runs, or has just ended.
fn imported(who: &[i64], at: &mut Snapshot) -> QueryResult<HashMap<i64, i64>> {
    if who.is_empty() {
        return Ok(HashMap::new());
    }
    let since = stamp(Utc::now()) - JUST;
    let ended = imports::finished_at.ge(since).or(imports::undone_at.ge(since)).assume_not_null();
    let lately = imports::state.eq_any([State::Running, State::Undoing].map(State::key)).or(ended);
    let recent: Vec<i64> = imports::table.filter(lately).select(imports::id).load(&mut **at)?;
    if recent.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Option<i64>, i64)> = import_lines::table
        .filter(import_lines::import_id.eq_any(recent))
        .filter(import_lines::customer_id.eq_any(who.to_vec()).assume_not_null())
        .select((import_lines::customer_id, import_lines::import_id))
        .load(&mut **at)?;
    Ok(rows.into_iter().filter_map(|(customer, import)| Some((customer?, import))).collect())
}

/// Who tagged or untagged whom, and from where.
fn tagged(tag: i64, who: &[i64], told: &mut HashMap<(i64, i64), String>, at: &mut Snapshot) -> QueryResult<()> {
    if who.is_empty() {
        return Ok(());
    }
    let name: Option<String> = tags::table.find(tag).select(tags::name).first(&mut **at).optional()?;
    let name = name.unwrap_or_else(|| "a tag that is gone".into());
    type Row = (i64, String, String, Option<i64>);
    // By customer alone, who has few: a tag may have been taken from a million.
    let mut ended: Vec<(Row, String, String, NaiveDateTime, i64)> = past_taggings::table
        .filter(past_taggings::customer_id.eq_any(who.to_vec()))
        .select((
            (
                past_taggings::customer_id,
                past_taggings::ended_by,
                past_taggings::ended_source,
                past_taggings::ended_source_id,
            ),
            past_taggings::why,
            past_taggings::tag_name,
            past_taggings::ended_at,
            past_taggings::tag_id,
        ))
        .load(&mut **at)?;
    ended.retain(|(.., of)| *of == tag);
    ended.sort_by_key(|(_, _, _, ended_at, _)| *ended_at);
    let carried: Vec<Row> = taggings::table
        .filter(taggings::tag_id.eq(tag).and(taggings::customer_id.eq_any(who.to_vec())))
        .select((taggings::customer_id, taggings::actor, taggings::source, taggings::source_id))
        .load(&mut **at)?;
    told.extend(who.iter().map(|id| ((tag, *id), format!("{name} was taken away"))));
    let place = |source: &str, id| Place::parse(source, id).map(Place::words).unwrap_or_default();
    for ((customer, actor, source, id), why, name, ..) in ended {
        let how = match why.as_str() {
            "expired" => format!("{name} ran out"),
            "replaced" => format!("{name} was replaced by {actor} {}", place(&source, id)),
            "merged" => format!("{name} was merged into another tag by {actor}"),
            "undone" => format!("{actor} undid what had added {name}"),
            _ => format!("{actor} took {name} away {}", place(&source, id)),
        };
        told.insert((tag, customer), how.trim_end().to_string());
    }
    for (customer, actor, source, id) in carried {
        told.insert((tag, customer), format!("{actor} added {name} {}", place(&source, id)).trim_end().to_string());
    }
    Ok(())
}
