//! Conditions on segments: a filter may name segments, whose filters may name others. What is named is looked up once,
//! before anything is asked; a circle, a chain that is too long and a segment that is gone are told on the row.

use super::Ground;
use super::ask::{Ask, Source};
use super::asked::Asked;
use super::fields::Fields;
use super::names::{Looks, numbered};
use super::rule::{Rule, Term};
use crate::db::Conn;
use crate::db::schema::segments;
use crate::fold::key;
use diesel::prelude::*;
use std::collections::HashMap;

/// Segments in segments may be this deep (SPEC 2.1 rule 8).
const DEEPEST: usize = 5;

/// A segment as the filters that name it need it.
#[derive(Clone, Debug)]
pub struct Named {
    pub name: String,
    key: String,
    /// What a dynamic one asks; `None` for the fixed list of a static one.
    rule: Option<Result<Rule, String>>,
}

/// A segment as somebody wants it to be: what filters that name it would say then.
#[derive(Clone, Debug)]
pub struct Instead {
    pub id: i64,
    /// What it would ask; `None` leaves that as it is.
    pub rule: Option<Rule>,
    /// Nobody could name it any more.
    pub private: bool,
}

/// Every segment that a rule names, and those that they name.
pub type Segments = HashMap<i64, Named>;

/// What a lookup needs of each row.
type Row = (i64, String, String, String, Option<String>);

/// Looks up the segments that rules name and those behind them, level by level: each is read once, so a circle ends.
pub fn behind(
    rules: &mut [Rule],
    fields: &Fields,
    instead: Option<&Instead>,
    conn: &mut Conn,
) -> QueryResult<Segments> {
    let hidden = instead.filter(|instead| instead.private).map(|instead| instead.id);
    let shown = instead.filter(|instead| !instead.private).map_or(0, |instead| instead.id);
    let mut found = Segments::new();
    let mut wanted = Looks::at(rules, super::operators::Input::Segment);
    while !wanted.is_empty() {
        let rows: Vec<Row> = segments::table
            .filter(segments::name_key.eq_any(&wanted.keys).or(segments::id.eq_any(&wanted.ids)))
            // A filter belongs to nobody: naming a private segment must not show who is in it.
            .filter(segments::private.eq(false).or(segments::id.eq(shown)))
            .select((segments::id, segments::name, segments::name_key, segments::kind, segments::filter))
            .load(conn)?;
        wanted = Looks::default();
        for (id, name, key, kind, filter) in rows {
            if found.contains_key(&id) || hidden == Some(id) {
                continue;
            }
            let wished = instead.filter(|instead| instead.id == id).and_then(|instead| instead.rule.clone()).map(Ok);
            let read = || wished.or_else(|| filter.as_deref().map(|filter| Rule::read(filter, fields)));
            let rule = (kind == "dynamic").then(|| match read() {
                Some(Ok(mut rule)) => {
                    wanted.and(&mut rule, super::operators::Input::Segment);
                    Ok(rule)
                }
                Some(Err(mistake)) => Err(mistake.to_string()),
                None => Err("it has no filter".into()),
            });
            found.insert(id, Named { name, key, rule });
        }
        wanted.ids.retain(|id| !found.contains_key(id));
        wanted.keys.retain(|key| !found.values().any(|named| named.key == *key));
    }
    Ok(found)
}

impl Named {
    /// The rule behind it, to look up what else it names.
    pub fn rule_mut(&mut self) -> Option<&mut Rule> {
        self.rule.as_mut()?.as_mut().ok()
    }
}

/// Names a term as its segment is called now, or leaves it without an id.
pub fn name(term: &mut Term, known: &Segments) {
    if term.id.is_none() && term.text.trim().is_empty() {
        return;
    }
    let wanted = key(&term.text);
    let named = || known.iter().find(|(_, named)| named.key == wanted).map(|(id, _)| *id);
    let meant = match term.id {
        Some(id) => Some(id),
        None => named().or_else(|| numbered(&term.text)),
    };
    *term = match meant.and_then(|id| Some((id, known.get(&id)?))) {
        Some((id, named)) => Term { text: named.name.clone(), id: Some(id) },
        None => match term.id {
            Some(id) => Term::text(format!("#{id}")),
            None => term.clone(),
        },
    };
}

/// What it is to be in one segment.
fn within(asked: &Asked, id: i64) -> Result<Ask, String> {
    let Some(segment) = asked.known.segments.get(&id) else {
        return Err(format!("Segment #{id} was deleted or made private."));
    };
    match &segment.rule {
        None => Ok(Ask::One(Source::Members(id))),
        Some(_) if asked.inside.contains(&id) => {
            Err(format!("Segment “{}” is asked whether it is in itself. Take it out of this filter.", segment.name))
        }
        Some(_) if asked.inside.len() >= DEEPEST => {
            Err(format!("Segments in segments may be {DEEPEST} deep; “{}” is deeper.", segment.name))
        }
        Some(Err(words)) => Err(format!("Segment “{}” cannot be answered: {words}", segment.name)),
        Some(Ok(rule)) => {
            let inside: Vec<i64> = asked.inside.iter().copied().chain([id]).collect();
            Ground { clock: asked.clock, known: asked.known, inside: &inside }
                .build(rule)
                .map_err(|words| format!("Segment “{}” cannot be answered: {words}", segment.name))
        }
    }
}

fn each(asked: &Asked) -> Result<Vec<Ask>, String> {
    asked.segments(0)?.into_iter().map(|id| within(asked, id)).collect()
}

pub fn in_any_of(asked: &Asked) -> Result<Ask, String> {
    Ok(Ask::Any(each(asked)?))
}

pub fn in_all_of(asked: &Asked) -> Result<Ask, String> {
    Ok(Ask::All(each(asked)?))
}
