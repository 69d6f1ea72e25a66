//! Works an action off, batch by batch. Each batch is one short transaction with everything that belongs to it, its
//! progress included: whatever stops this process, another goes on where it stopped. The first thing a transaction does is
//! to make sure that the action is still held by whoever works on it, and still wanted.

use super::items::{self, Item};
use super::tagging::{self, Tagged};
use super::{Action, Outcome, State, What, deleting, fields, joining};
use crate::db::nodes::Among;
use crate::db::schema::{bulk_actions, customers};
use crate::db::{self, Conn, Db, Trouble, dialect};
use crate::jobs::{self, End, HELD, Sizes, Step, Steps};
use crate::workspace::stamp;
use chrono::{NaiveDateTime, Utc};
use diesel::prelude::*;
use roaring::RoaringBitmap;
use std::collections::{HashMap, HashSet};

/// What a batch is made with.
pub struct Batch<'a> {
    pub action: &'a Action,
    pub ids: &'a [i64],
    /// When it is made.
    pub at: NaiveDateTime,
}

impl Batch<'_> {
    /// Notes that these were changed.
    pub fn touch(&self, ids: Vec<i64>, conn: &mut Conn) -> QueryResult<()> {
        diesel::update(customers::table.filter(Among { column: "customers.id", ids }))
            .set(customers::updated_at.eq(self.at))
            .execute(conn)
            .map(drop)
    }
}

/// Takes an action for `holder`, if nobody else works on it.
pub fn hold(id: i64, holder: &str, conn: &mut Conn) -> QueryResult<bool> {
    let now = stamp(Utc::now());
    let free = bulk_actions::held_until.is_null().or(bulk_actions::held_until.lt(now).assume_not_null());
    let waiting = bulk_actions::table
        .find(id)
        .filter(bulk_actions::state.eq_any([State::Running.key(), State::Undoing.key()]))
        .filter(free);
    let taken = diesel::update(waiting)
        .set((bulk_actions::held_by.eq(holder), bulk_actions::held_until.eq(now + HELD)))
        .execute(conn)?;
    Ok(taken == 1)
}

/// The oldest action that nobody works on.
pub fn abandoned(conn: &mut Conn) -> QueryResult<Option<i64>> {
    let now = stamp(Utc::now());
    bulk_actions::table
        .filter(bulk_actions::state.eq_any([State::Running.key(), State::Undoing.key()]))
        .filter(bulk_actions::held_until.is_null().or(bulk_actions::held_until.lt(now).assume_not_null()))
        .order(bulk_actions::id)
        .select(bulk_actions::id)
        .first(conn)
        .optional()
}

/// Works an action off to its end, or until it is taken away or stopped. True when it came to an end here.
pub fn work(id: i64, holder: &str, db: &Db) -> Result<bool, Trouble> {
    let mut conn = db.conn()?;
    if !db.write_on::<_, Trouble>(&mut conn, |conn| Ok(hold(id, holder, conn)?))? {
        return Ok(false);
    }
    let whom = db::snapshot::<_, Trouble>(&mut conn, |conn| {
        let action = Action::find(id, conn)?.ok_or(diesel::result::Error::NotFound)?;
        Ok(action.whom(conn)?)
    })?;
    let end = jobs::carry(&mut Worker { id, holder, whom: &whom }, db, &mut conn)?;
    Ok(end == End::Over)
}

struct Worker<'a> {
    id: i64,
    holder: &'a str,
    whom: &'a RoaringBitmap,
}

impl Steps for Worker<'_> {
    type Error = Trouble;

    const SIZES: Sizes = Sizes { first: 200, least: 100, most: 10_000 };

    fn step(&mut self, size: usize, conn: &mut Conn) -> Result<Step, Trouble> {
        let at = stamp(Utc::now());
        let Some(action) = held(self.id, self.holder, at, conn)? else { return Ok(Step::Taken) };
        let what = action.what()?;
        let more = match action.state() {
            State::Undoing => back(&action, &what, at, size, conn)?,
            _ => forth(&action, &what, self.whom, at, size, conn)?,
        };
        Ok(if more { Step::More } else { Step::Over })
    }

    /// One customer whom the database refuses, by herself: it is told and the next one's turn.
    fn pass_over(&mut self, trouble: &Trouble, conn: &mut Conn) -> Result<(), Trouble> {
        const WHY: &str = "The database would not take it.";
        let id = self.id;
        tracing::warn!(action = id, %trouble, "the database refused one customer of a bulk action");
        let Some(action) = held(id, self.holder, stamp(Utc::now()), conn)? else { return Ok(()) };
        if action.state() == State::Running {
            let Some(customer) = next(&action, self.whom, 1).first().copied() else { return Ok(()) };
            return Ok(keep(&action, &[Item::failed(customer, WHY)], customer, conn)?);
        }
        let Some((customer, _)) = items::changed(id, action.reached, 1, conn)?.pop() else { return Ok(()) };
        items::remark(id, &HashMap::from([(customer, WHY.to_string())]), conn)?;
        diesel::update(bulk_actions::table.find(id))
            .set((bulk_actions::kept.eq(bulk_actions::kept + 1), bulk_actions::reached.eq(customer)))
            .execute(conn)?;
        Ok(())
    }
}

/// The action, if it is still `holder`'s and still to be worked on; it is for a while longer.
fn held(id: i64, holder: &str, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<Option<Action>> {
    let mine = bulk_actions::table
        .find(id)
        .filter(bulk_actions::held_by.eq(holder))
        .filter(bulk_actions::state.eq_any([State::Running.key(), State::Undoing.key()]));
    if diesel::update(mine).set(bulk_actions::held_until.eq(at + HELD)).execute(conn)? == 0 {
        return Ok(None);
    }
    Action::find(id, conn)
}

fn next(action: &Action, whom: &RoaringBitmap, size: usize) -> Vec<i64> {
    let after = u32::try_from(action.reached).unwrap_or(u32::MAX);
    match after.checked_add(1) {
        Some(first) => whom.range(first..).take(size).map(i64::from).collect(),
        None => Vec::new(),
    }
}

/// One batch further. False at the end.
fn forth(
    action: &Action,
    what: &What,
    whom: &RoaringBitmap,
    at: NaiveDateTime,
    size: usize,
    conn: &mut Conn,
) -> QueryResult<bool> {
    let ids = next(action, whom, size);
    let Some(last) = ids.last().copied() else { return finish(action, at, conn).map(|()| false) };
    dialect::hold_customers(&ids, conn)?;
    let here: HashSet<i64> = customers::table
        .filter(Among { column: "customers.id", ids: ids.clone() })
        .select(customers::id)
        .load(conn)?
        .into_iter()
        .collect();
    let (present, gone): (Vec<i64>, Vec<i64>) = ids.iter().copied().partition(|id| here.contains(id));
    let batch = Batch { action, ids: &present, at };
    let mut items = match what {
        What::AddTags { tags } => tagging::add(Tagged::And(tags), &batch, conn)?,
        What::ReplaceTags { tags } => tagging::add(Tagged::Only(tags), &batch, conn)?,
        What::RemoveTags { tags } => tagging::remove(tags, &batch, conn)?,
        What::SetField { field, to, .. } => fields::set(field, to.as_ref(), &batch, conn)?,
        What::AddToSegment { segment, .. } => joining::join(segment, &batch, conn)?,
        What::Delete => deleting::delete(&batch, conn)?,
    };
    items.extend(gone.into_iter().map(|id| match what {
        What::Delete => Item::already(id),
        _ => Item::failed(id, "She was deleted meanwhile."),
    }));
    keep(action, &items, last, conn)?;
    Ok(true)
}

/// Keeps what became of a batch, and how far that is.
fn keep(action: &Action, items: &[Item], reached: i64, conn: &mut Conn) -> QueryResult<()> {
    items::write(action.id, items, conn)?;
    let of = |outcome| items.iter().filter(|item| item.outcome == outcome).count() as i64;
    diesel::update(bulk_actions::table.find(action.id))
        .set((
            bulk_actions::changed.eq(bulk_actions::changed + of(Outcome::Changed)),
            bulk_actions::already.eq(bulk_actions::already + of(Outcome::Already)),
            bulk_actions::failed.eq(bulk_actions::failed + of(Outcome::Failed)),
            bulk_actions::reached.eq(reached),
        ))
        .execute(conn)
        .map(drop)
}

/// The end, with sums that were counted anew.
fn finish(action: &Action, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    let [changed, already, failed] = items::count(action.id, conn)?;
    if changed + already + failed != action.total {
        tracing::error!(action = action.id, changed, already, failed, action.total, "the sums do not add up");
    }
    diesel::update(bulk_actions::table.find(action.id))
        .set((
            bulk_actions::state.eq(State::Done.key()),
            bulk_actions::changed.eq(changed),
            bulk_actions::already.eq(already),
            bulk_actions::failed.eq(failed),
            bulk_actions::finished_at.eq(at),
            bulk_actions::held_by.eq(None::<String>),
            bulk_actions::held_until.eq(None::<NaiveDateTime>),
        ))
        .execute(conn)
        .map(drop)
}

/// One batch back. False at the end.
fn back(action: &Action, what: &What, at: NaiveDateTime, size: usize, conn: &mut Conn) -> QueryResult<bool> {
    let before = items::changed(action.id, action.reached, size, conn)?;
    let Some(last) = before.last().map(|(id, _)| *id) else {
        diesel::update(bulk_actions::table.find(action.id))
            .set((
                bulk_actions::state.eq(State::Undone.key()),
                bulk_actions::undone_at.eq(at),
                bulk_actions::held_by.eq(None::<String>),
                bulk_actions::held_until.eq(None::<NaiveDateTime>),
            ))
            .execute(conn)?;
        return Ok(false);
    };
    let ids: Vec<i64> = before.iter().map(|(id, _)| *id).collect();
    dialect::hold_customers(&ids, conn)?;
    let here: HashSet<i64> = customers::table
        .filter(Among { column: "customers.id", ids: ids.clone() })
        .select(customers::id)
        .load(conn)?
        .into_iter()
        .collect();
    let remarks = match what {
        What::Delete => deleting::restore(&before, &here, &Batch { action, ids: &ids, at }, conn)?,
        what => {
            let (present, gone): (Vec<_>, Vec<_>) = before.into_iter().partition(|(id, _)| here.contains(id));
            let ids: Vec<i64> = present.iter().map(|(id, _)| *id).collect();
            let batch = Batch { action, ids: &ids, at };
            let mut remarks = match what {
                What::AddTags { .. } | What::ReplaceTags { .. } | What::RemoveTags { .. } => {
                    tagging::undo(&present, &batch, conn)?
                }
                What::SetField { field, to, .. } => fields::undo(field, to.as_ref(), &present, &batch, conn)?,
                What::AddToSegment { segment, .. } => joining::leave(segment, &batch, conn)?,
                What::Delete => HashMap::new(),
            };
            remarks.extend(gone.into_iter().map(|(id, _)| (id, "She was deleted since.".to_string())));
            remarks
        }
    };
    items::remark(action.id, &remarks, conn)?;
    let kept = remarks.len() as i64;
    diesel::update(bulk_actions::table.find(action.id))
        .set((
            bulk_actions::restored.eq(bulk_actions::restored + ids.len() as i64 - kept),
            bulk_actions::kept.eq(bulk_actions::kept + kept),
            bulk_actions::reached.eq(last),
        ))
        .execute(conn)?;
    Ok(true)
}
