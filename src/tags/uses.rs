//! Who asks for a tag: the segments, the views and the plans of imports that name it.

use super::{Tag, names};
use crate::agents::Caller;
use crate::db::Conn;
use crate::db::schema::{
    imports, past_taggings as past, segment_versions as versions, segments, taggings, tags, views,
};
use crate::filters::fields::{Fields, types::TAGS};
use crate::filters::rule::{Part, Rule, Term};
use crate::fold::key;
use crate::imports::{Plan, State};
use crate::segments::Segment;
use crate::views::View;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

/// Something with a filter, as far as it concerns tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    pub kind: Kind,
    pub id: i64,
    /// `None` for what belongs to somebody else and is nobody's business.
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Segment,
    View,
}

impl Kind {
    pub fn key(self) -> &'static str {
        match self {
            Kind::Segment => "segment",
            Kind::View => "view",
        }
    }
}

impl Place {
    pub fn link(&self) -> String {
        match self.kind {
            Kind::Segment => format!("/segments/{}", self.id),
            Kind::View => format!("/customers?view={}", self.id),
        }
    }

    pub fn icon(&self) -> &'static str {
        match self.kind {
            Kind::Segment => "chart-pie",
            Kind::View => "filter",
        }
    }

    pub fn called(&self) -> String {
        match (&self.name, self.kind) {
            (Some(name), _) => name.clone(),
            (None, Kind::Segment) => "a private segment of somebody else".into(),
            (None, Kind::View) => "a private view of somebody else".into(),
        }
    }
}

/// What asks for one tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Uses {
    pub places: Vec<Place>,
    /// Imports that are to put it on every line, by number and file.
    pub imports: Vec<(i64, String)>,
}

impl Uses {
    pub fn of(tag: &Tag, caller: &Caller, conn: &mut Conn) -> QueryResult<Uses> {
        let named = filters(caller, conn)?.into_iter().filter(|(_, rule)| tags_of(rule).contains(&tag.id));
        let places = named.map(|(place, _)| place).collect();
        let mut keys: Vec<String> = names::of(tag.id, conn)?.iter().map(|name| key(name)).collect();
        keys.push(key(&tag.name));
        let plans: Vec<(i64, String, String)> = imports::table
            .filter(imports::state.eq_any(State::AHEAD.map(State::key)))
            .order(imports::id)
            .select((imports::id, imports::file_name, imports::plan))
            .load(conn)?;
        let asks = |plan: &str| {
            let plan: Plan = serde_json::from_str(plan).unwrap_or_default();
            plan.tag.iter().any(|name| keys.contains(&key(name)))
        };
        let imports = plans.into_iter().filter(|(.., plan)| asks(plan)).map(|(id, file, _)| (id, file)).collect();
        Ok(Uses { places, imports })
    }
}

/// Takes away the tags that an import made at this moment, unless somebody else uses them by now.
pub fn unmake(import: i64, made_at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    let made: Vec<i64> = tags::table.filter(tags::created_at.eq(made_at)).select(tags::id).load(conn)?;
    if made.is_empty() {
        return Ok(());
    }
    let named = counts(conn)?;
    let this = past::source.eq("import").and(past::source_id.eq(import).assume_not_null());
    let others = past::source_id.is_null().or(diesel::dsl::not(this));
    let carried: Vec<i64> =
        taggings::table.filter(taggings::tag_id.eq_any(&made)).select(taggings::tag_id).distinct().load(conn)?;
    let carried_once: Vec<i64> =
        past::table.filter(past::tag_id.eq_any(&made)).filter(others).select(past::tag_id).distinct().load(conn)?;
    let idle: Vec<i64> = made
        .into_iter()
        .filter(|tag| !named.contains_key(tag) && !carried.contains(tag) && !carried_once.contains(tag))
        .collect();
    diesel::delete(tags::table.filter(tags::id.eq_any(idle))).execute(conn).map(drop)
}

/// How many segments and views name each tag.
pub fn counts(conn: &mut Conn) -> QueryResult<HashMap<i64, (usize, usize)>> {
    let mut counts: HashMap<i64, (usize, usize)> = HashMap::new();
    for (place, rule) in filters(&Caller::command_line(), conn)? {
        for tag in tags_of(&rule) {
            let (segments, views) = counts.entry(tag).or_default();
            match place.kind {
                Kind::Segment => *segments += 1,
                Kind::View => *views += 1,
            }
        }
    }
    Ok(counts)
}

/// Every filter that is kept, with whose it is; those that cannot be read ask for nothing.
fn filters(caller: &Caller, conn: &mut Conn) -> QueryResult<Vec<(Place, Rule)>> {
    let fields = Fields::load(conn)?;
    let read = |text: &str| Rule::read(text, &fields).ok();
    let mut found = Vec::new();
    for segment in Segment::every(conn)? {
        let rule = segment.rule(&fields).ok().flatten();
        found.extend(
            rule.map(|rule| (place(Kind::Segment, segment.id, &segment.name, segment.is_seen_by(caller)), rule)),
        );
    }
    for view in View::every(conn)? {
        let rule = read(&view.filter);
        found.extend(rule.map(|rule| (place(Kind::View, view.id, &view.name, view.is_seen_by(caller)), rule)));
    }
    Ok(found)
}

pub(super) fn place(kind: Kind, id: i64, name: &str, seen: bool) -> Place {
    Place { kind, id, name: seen.then(|| name.to_string()) }
}

/// The tags a rule names, by id.
fn tags_of(rule: &Rule) -> HashSet<i64> {
    let mut ids = HashSet::new();
    rule.each_condition(&mut |_, condition| {
        if condition.field.is(TAGS) {
            for part in &condition.parts {
                match part {
                    Part::One(Some(term)) => ids.extend(term.id),
                    Part::Many(terms) => ids.extend(terms.iter().filter_map(|term| term.id)),
                    _ => {}
                }
            }
        }
    });
    ids
}

/// Makes every filter that names one tag name another, and says which: nothing else about them changes. What segments
/// asked in older versions names it too, so that they can be looked at and restored.
pub(super) fn rewrite(from: &Tag, into: &Tag, caller: &Caller, conn: &mut Conn) -> QueryResult<Vec<Place>> {
    let mut changed = Vec::new();
    for (place, rule) in filters(caller, conn)? {
        let Some(filter) = swapped(rule, from, into) else { continue };
        match place.kind {
            Kind::Segment => {
                diesel::update(segments::table.find(place.id)).set(segments::filter.eq(filter)).execute(conn)?
            }
            Kind::View => diesel::update(views::table.find(place.id)).set(views::filter.eq(filter)).execute(conn)?,
        };
        changed.push(place);
    }
    let fields = Fields::load(conn)?;
    let versions: Vec<((i64, i64), String)> = versions::table
        .filter(versions::filter.is_not_null())
        .select(((versions::segment_id, versions::version), versions::filter.assume_not_null()))
        .load(conn)?;
    for (id, text) in versions {
        let rule = Rule::read(&text, &fields).ok();
        if let Some(filter) = rule.and_then(|rule| swapped(rule, from, into)) {
            diesel::update(versions::table.find(id)).set(versions::filter.eq(filter)).execute(conn)?;
        }
    }
    Ok(changed)
}

/// A rule that names another tag instead, as it is kept; `None` where it does not name this one.
fn swapped(mut rule: Rule, from: &Tag, into: &Tag) -> Option<String> {
    if !tags_of(&rule).contains(&from.id) {
        return None;
    }
    rule.each_condition_mut(&mut |condition| {
        if !condition.field.is(TAGS) {
            return;
        }
        for part in &mut condition.parts {
            match part {
                Part::One(Some(term)) => replace(term, from, into),
                Part::Many(terms) => {
                    terms.iter_mut().for_each(|term| replace(term, from, into));
                    let mut seen = HashSet::new();
                    terms.retain(|term| term.id.is_none_or(|id| seen.insert(id)));
                }
                _ => {}
            }
        }
    });
    Some(rule.to_json().to_string())
}

fn replace(term: &mut Term, from: &Tag, into: &Tag) {
    if term.id == Some(from.id) {
        *term = Term { text: into.name.clone(), id: Some(into.id) };
    }
}
