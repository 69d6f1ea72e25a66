//! Conditions on tags, decided by rows of `taggings`. Tags are whole names: `VIP` is not `VIP-old`.

use super::ask::{Ask, Source};
use super::asked::Asked;
use super::moments::{Edge, Span};
use super::texts::literal;
use crate::db::nodes::On;
use crate::db::schema::{taggings, tags};
use crate::fold::fold;
use crate::tags::taggings as tags_of;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A row of `taggings`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tagged {
    /// With one of these tags.
    With(Vec<i64>),
    /// With any other than these.
    Besides(Vec<i64>),
    /// With any at all.
    AtAll,
    /// With a tag whose name has this folded text in it.
    Named(String),
    /// With this tag, between two moments.
    Within(i64, Span),
    /// With this tag, from one of these places.
    From(i64, &'static [&'static str]),
    /// Whose answer may have changed with time: given, with whatever tag, between two of these moments, or over since
    /// the first of those two and not before.
    Moved { given: Vec<Span>, over: (NaiveDateTime, NaiveDateTime) },
}

impl Tagged {
    /// The row and that it lasts: what is over is in no answer.
    pub fn on(&self, now: NaiveDateTime) -> On<taggings::table> {
        match self {
            Tagged::Moved { .. } => self.of(now),
            _ => Box::new(self.of(now).and(tags_of::on(now))),
        }
    }

    fn of(&self, now: NaiveDateTime) -> On<taggings::table> {
        match self {
            Tagged::With(ids) => with(ids),
            Tagged::Besides(ids) => Box::new(diesel::dsl::not(taggings::tag_id.eq_any(ids.clone()))),
            Tagged::AtAll => Box::new(taggings::tag_id.gt(0)),
            Tagged::Named(text) => {
                let fits = tags::name_folded.like(format!("%{}%", literal(text))).escape('\\');
                Box::new(taggings::tag_id.eq_any(tags::table.filter(fits).select(tags::id)))
            }
            Tagged::Within(id, span) => Box::new(taggings::tag_id.eq(*id).and(during(span, now))),
            Tagged::From(id, places) => Box::new(taggings::tag_id.eq(*id).and(taggings::source.eq_any(*places))),
            Tagged::Moved { given, over: (from, to) } => {
                let end = || taggings::expires_at.assume_not_null();
                let over: On<taggings::table> = Box::new(end().gt(*from).and(end().le(*to)));
                let given = given.iter().map(|span| during(span, now));
                super::ask::any(given.chain([over]).collect())
            }
        }
    }

    /// Who was tagged while an end passed, or whose tagging ended meanwhile, with whatever tag: few, and found by time
    /// alone.
    pub fn passed(&self, from: NaiveDateTime, to: NaiveDateTime) -> Tagged {
        let passed = |length| Span { from: Some(Edge::At(from + length)), before: Some(Edge::At(to + length)) };
        let given = match self {
            Tagged::Within(_, span) => span.moving().map(passed).collect(),
            _ => Vec::new(),
        };
        Tagged::Moved { given, over: (from, to) }
    }
}

fn with(ids: &[i64]) -> On<taggings::table> {
    match ids {
        [id] => Box::new(taggings::tag_id.eq(*id)),
        _ => Box::new(taggings::tag_id.eq_any(ids.to_vec())),
    }
}

fn during(span: &Span, now: NaiveDateTime) -> On<taggings::table> {
    let range = span.at(now);
    match (range.from, range.before) {
        (Some(from), Some(before)) => Box::new(taggings::tagged_at.ge(from).and(taggings::tagged_at.lt(before))),
        (Some(from), None) => Box::new(taggings::tagged_at.ge(from)),
        (None, Some(before)) => Box::new(taggings::tagged_at.lt(before)),
        (None, None) => super::ask::all(Vec::new()),
    }
}

fn one(id: i64) -> Ask {
    Ask::tags(Tagged::With(vec![id]))
}

/// Any of the given.
pub fn contains(asked: &Asked) -> Result<Ask, String> {
    Ok(Ask::tags(Tagged::With(sorted(asked.tags(0)?))))
}

/// The same tags in another order are the same question.
fn sorted(mut ids: Vec<i64>) -> Vec<i64> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

pub fn contains_all(asked: &Asked) -> Result<Ask, String> {
    Ok(Ask::All(asked.tags(0)?.into_iter().map(one).collect()))
}

/// At least one of the given, and nothing else.
pub fn contains_only(asked: &Asked) -> Result<Ask, String> {
    let ids = sorted(asked.tags(0)?);
    Ok(Ask::All(vec![Ask::tags(Tagged::With(ids.clone())), Ask::tags(Tagged::Besides(ids)).negated()]))
}

/// Customers who carry no tag at all.
pub fn none() -> Ask {
    Ask::tags(Tagged::AtAll).negated()
}

pub fn is_empty(_: &Asked) -> Result<Ask, String> {
    Ok(none())
}

/// Whoever carries none has no row to count, so counts are built of "at least".
fn at_least(n: u32) -> Ask {
    match n {
        0 => Ask::Everyone,
        n => Ask::One(Source::Carrying(n)),
    }
}

pub fn count_eq(asked: &Asked) -> Result<Ask, String> {
    let n = asked.number(0)?;
    Ok(Ask::All(vec![at_least(n), at_least(n + 1).negated()]))
}

pub fn count_gte(asked: &Asked) -> Result<Ask, String> {
    Ok(at_least(asked.number(0)?))
}

pub fn count_lte(asked: &Asked) -> Result<Ask, String> {
    Ok(at_least(asked.number(0)? + 1).negated())
}

pub fn any_name_contains(asked: &Asked) -> Result<Ask, String> {
    Ok(Ask::tags(Tagged::Named(fold(asked.text(0)?))))
}

pub fn tagged_in_the_last(asked: &Asked) -> Result<Ask, String> {
    Ok(Ask::tags(Tagged::Within(asked.tag(0)?, super::times::until_now(asked)?)))
}

pub fn tagged_by(asked: &Asked) -> Result<Ask, String> {
    // What an agent does, she does on a profile, in a list, in a conversation or in bulk.
    let places: &[&str] = match asked.word(1) {
        "agent" => &["profile", "list", "conversation", "bulk"],
        "import" => &["import"],
        "campaign" => &["campaign"],
        "API" => &["api"],
        _ => return Err("Say who tagged: agent, import, campaign or API.".into()),
    };
    Ok(Ask::tags(Tagged::From(asked.tag(0)?, places)))
}
