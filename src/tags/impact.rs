//! What a change of a tag does to audiences, worked out before anything is written: who is in each segment and view now,
//! and who would be. The sets of today are put together in another way; the tests compare with what happens then.

use super::Tag;
use super::merge::{Both, Twice};
use super::uses::{Kind, Place, place};
use crate::agents::Caller;
use crate::db::schema::tags;
use crate::filters::ask::{Ask, Source};
use crate::filters::sets::{Ids, Snapshot};
use crate::filters::taggings::Tagged;
use crate::filters::{Filter, literal};
use crate::fold::fold;
use crate::segments::Segment;
use crate::views::View;
use crate::workspace::Clock;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::sync::Arc;

/// What is about to happen to a tag.
pub enum Step {
    /// It gets another name.
    Rename(Tag, String),
    /// It goes into another; with those who carry both.
    Merge(Tag, Tag, Both),
    /// It is taken from everybody.
    Delete(Tag),
}

/// An audience that is not what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub place: Place,
    pub before: i64,
    pub after: i64,
    pub gained: i64,
    pub lost: i64,
    /// It asks for a tag that would be gone, and selects nobody.
    pub broken: bool,
}

/// Every audience that changes, in the order of their names; and who would be in each.
pub fn changes(step: &Step, caller: &Caller, clock: &Clock, at: &mut Snapshot) -> QueryResult<Vec<(Change, Ids)>> {
    let now = clock.stamp();
    let mut audiences: Vec<(Place, Filter)> = Vec::new();
    let segments: Vec<Segment> = Segment::every(at)?.into_iter().filter(Segment::is_dynamic).collect();
    let filters = Segment::filters(&segments, at, clock)?;
    for (segment, filter) in segments.iter().zip(filters) {
        audiences.push((place(Kind::Segment, segment.id, &segment.name, segment.is_seen_by(caller)), filter));
    }
    for view in View::every(at)? {
        if let Ok(filter) = view.filter(at, clock)? {
            audiences.push((place(Kind::View, view.id, &view.name, view.is_seen_by(caller)), filter));
        }
    }
    let mut changes = Vec::new();
    for (place, filter) in audiences {
        let ask = filter.ask();
        let (mut touched, mut broken) = (false, false);
        ask.each(&mut |source| {
            touched |= matches!(source, Source::Tags(_) | Source::Carrying(_));
            broken |= step.breaks(source);
        });
        if !touched {
            continue;
        }
        let before = at.of(&ask, now)?;
        let after = match broken {
            true => Ids::new(),
            false => {
                let everyone = at.everyone(now)?;
                &*everyone & &After { step, now }.of(&ask, &everyone, at)?
            }
        };
        if broken || before != after {
            let change = Change {
                place,
                before: before.len() as i64,
                after: after.len() as i64,
                gained: (&after - &before).len() as i64,
                lost: (&before - &after).len() as i64,
                broken,
            };
            changes.push((change, after));
        }
    }
    Ok(changes)
}

impl Step {
    /// A condition that names a tag which is gone cannot be asked, nor what it stands in.
    fn breaks(&self, source: &Source) -> bool {
        let Step::Delete(tag) = self else { return false };
        match source {
            Source::Tags(Tagged::With(ids) | Tagged::Besides(ids)) => ids.contains(&tag.id),
            Source::Tags(Tagged::Within(id, _) | Tagged::From(id, _)) => *id == tag.id,
            _ => false,
        }
    }
}

/// How conditions will be answered.
struct After<'a> {
    step: &'a Step,
    now: NaiveDateTime,
}

impl After<'_> {
    fn of(&self, ask: &Ask, everyone: &Ids, at: &mut Snapshot) -> QueryResult<Ids> {
        Ok(match ask {
            Ask::Everyone => everyone.clone(),
            Ask::Nobody => Ids::new(),
            Ask::One(source) => self.source(source, at)?,
            Ask::Not(inner) => everyone - self.of(inner, everyone, at)?,
            Ask::All(asks) => {
                let mut left = everyone.clone();
                for ask in asks {
                    left &= self.of(ask, everyone, at)?;
                }
                left
            }
            Ask::Any(asks) => {
                let mut any = Ids::new();
                for ask in asks {
                    any |= self.of(ask, everyone, at)?;
                }
                any
            }
        })
    }

    fn source(&self, source: &Source, at: &mut Snapshot) -> QueryResult<Ids> {
        match (self.step, source) {
            (_, Source::Tags(Tagged::Named(text))) => {
                let with = self.named(text, at)?;
                self.today(&Source::Tags(Tagged::With(with)), at)
            }
            (Step::Merge(from, into, both), source) => self.merged(from.id, into.id, both, source, at),
            (Step::Delete(tag), source) => self.deleted(tag.id, source, at),
            (_, source) => self.today(source, at),
        }
    }

    fn today(&self, source: &Source, at: &mut Snapshot) -> QueryResult<Ids> {
        match source {
            Source::Tags(Tagged::With(ids)) if ids.is_empty() => Ok(Ids::new()),
            source => Ok(Arc::unwrap_or_clone(at.answer(source, self.now)?)),
        }
    }

    /// The tags of today whose carriers will carry one with this text in its name.
    fn named(&self, text: &str, at: &mut Snapshot) -> QueryResult<Vec<i64>> {
        let fits = tags::table.filter(tags::name_folded.like(format!("%{}%", literal(text))).escape('\\'));
        let mut ids: Vec<i64> = fits.select(tags::id).load(&mut **at)?;
        let (gone, stays) = match self.step {
            Step::Rename(tag, name) => (tag.id, fold(name).contains(text)),
            Step::Merge(from, into, _) => (from.id, ids.contains(&into.id)),
            Step::Delete(tag) => (tag.id, false),
        };
        ids.retain(|id| *id != gone);
        ids.extend(stays.then_some(gone));
        ids.sort_unstable();
        Ok(ids)
    }

    fn deleted(&self, tag: i64, source: &Source, at: &mut Snapshot) -> QueryResult<Ids> {
        match source {
            Source::Tags(Tagged::AtAll) => self.today(&Source::Tags(Tagged::Besides(vec![tag])), at),
            Source::Tags(Tagged::Besides(ids)) => self.today(&Source::Tags(Tagged::Besides(with(ids, tag))), at),
            Source::Carrying(n) => {
                let more = self.today(&Source::Carrying(n + 1), at)?;
                let carriers = self.today(&Source::Tags(Tagged::With(vec![tag])), at)?;
                Ok(more | (self.today(source, at)? - carriers))
            }
            source => self.today(source, at),
        }
    }

    /// Conditions on either tag are on the one that stays then. Of two taggings the earlier one tells when and from where.
    fn merged(&self, from: i64, into: i64, both: &Both, source: &Source, at: &mut Snapshot) -> QueryResult<Ids> {
        let either = |ids: &[i64]| match ids.contains(&from) || ids.contains(&into) {
            true => with(&with(ids, from), into),
            false => ids.to_vec(),
        };
        let one = |id: i64| id == from || id == into;
        match source {
            Source::Tags(Tagged::With(ids)) => self.today(&Source::Tags(Tagged::With(either(ids))), at),
            Source::Tags(Tagged::Besides(ids)) => self.today(&Source::Tags(Tagged::Besides(either(ids))), at),
            Source::Tags(Tagged::Within(id, span)) if one(*id) => {
                let of = |id| Source::Tags(Tagged::Within(id, *span));
                let alone = self.today(&of(from), at)? | self.today(&of(into), at)?;
                let range = span.at(self.now);
                let within = |twice: &Twice| {
                    range.from.is_none_or(|from| from <= twice.kept().at)
                        && range.before.is_none_or(|to| twice.kept().at < to)
                };
                Ok((alone - both.ids()) | both.those(within))
            }
            Source::Tags(Tagged::From(id, places)) if one(*id) => {
                let of = |id| Source::Tags(Tagged::From(id, places));
                let alone = self.today(&of(from), at)? | self.today(&of(into), at)?;
                Ok((alone - both.ids()) | both.those(|twice| places.contains(&twice.kept().source.as_str())))
            }
            Source::Carrying(n) => {
                let more = self.today(&Source::Carrying(n + 1), at)?;
                Ok(more | (self.today(source, at)? - both.ids()))
            }
            source => self.today(source, at),
        }
    }
}

fn with(ids: &[i64], one: i64) -> Vec<i64> {
    let mut ids = ids.to_vec();
    if !ids.contains(&one) {
        ids.push(one);
        ids.sort_unstable();
    }
    ids
}
