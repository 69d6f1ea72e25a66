//! Who joined a segment and who left it, when and why: one row for each, written by [`follow`] as soon as a change is
//! committed, and a [`witness`] sees to it that nobody who comes and goes in between is missed. What is written here
//! decides nothing: members are asked, as ever, of the filter.
//!
//! A *step* is what one look at the database found changed since the look before, or since a write that saw where
//! customers were. The number of the newest step, and where in history it stands, is one row (`feed_state`); rows of a
//! step that is not yet that far do not count. So a look is told whole or not at all, whatever is killed in between.
//!
//! Exact is what goes through Muster, in whatever process: each transaction that moves somebody is told. Of what others
//! write in SQL, and of the clock, a look finds what it came to; looks are at most seconds apart, and each write of Muster
//! to a customer is one too, as far as she is concerned. While no server runs nobody looks.

mod asking;
mod causes;
mod follow;
pub mod pages;
mod store;
mod witness;

pub use follow::{Follower, keep};
pub use witness::{Progress, Witness};

use super::Segment;
use crate::agents::Caller;
use crate::db::Conn;
use crate::db::schema::{customers, feed_state, segment_moves, segments};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

/// One customer who joined or left.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    pub customer_id: i64,
    /// How she is called; `None` when she was deleted.
    pub name: Option<String>,
    pub joined: bool,
    pub at: NaiveDateTime,
    /// Why, in words that go on after "joined: ".
    pub cause: String,
    step: i64,
}

/// Where a page of the feed goes on: after this customer of this step.
pub type Place = (i64, i64);

impl Move {
    pub fn place(&self) -> Place {
        (self.step, self.customer_id)
    }
}

/// The newest moves first, after a place, of those who joined, who left, or both.
pub fn moves(
    segment: i64,
    joined: Option<bool>,
    after: Option<Place>,
    limit: i64,
    conn: &mut Conn,
) -> QueryResult<Vec<Move>> {
    let mut query = segment_moves::table
        .left_join(customers::table.on(customers::id.eq(segment_moves::customer_id)))
        .filter(segment_moves::segment_id.eq(segment))
        .filter(segment_moves::step.le(newest(conn)?))
        .into_boxed::<crate::db::Backend>();
    if let Some(joined) = joined {
        query = query.filter(segment_moves::joined.eq(joined));
    }
    if let Some((step, customer)) = after {
        let later = segment_moves::step.eq(step).and(segment_moves::customer_id.gt(customer));
        query = query.filter(segment_moves::step.lt(step).or(later));
    }
    type Row = (i64, Option<(Option<String>, Option<String>, i64)>, bool, NaiveDateTime, String, i64);
    let rows: Vec<Row> = query
        .order((segment_moves::step.desc(), segment_moves::customer_id))
        .limit(limit)
        .select((
            segment_moves::customer_id,
            (customers::name, customers::email, customers::id).nullable(),
            segment_moves::joined,
            segment_moves::at,
            segment_moves::cause,
            segment_moves::step,
        ))
        .load(conn)?;
    let called = |(name, email, id): (Option<String>, Option<String>, i64)| {
        name.or(email).unwrap_or_else(|| format!("Customer {id}"))
    };
    Ok(rows
        .into_iter()
        .map(|(customer_id, known, joined, at, cause, step)| Move {
            customer_id,
            name: known.map(called),
            joined,
            at,
            cause,
            step,
        })
        .collect())
}

/// How many joined and how many left since a moment.
pub fn sums(segment: i64, since: NaiveDateTime, conn: &mut Conn) -> QueryResult<(i64, i64)> {
    let rows: Vec<(bool, i64)> = segment_moves::table
        .filter(segment_moves::segment_id.eq(segment))
        .filter(segment_moves::at.ge(since))
        .filter(segment_moves::step.le(newest(conn)?))
        .group_by(segment_moves::joined)
        .select((segment_moves::joined, diesel::dsl::count_star()))
        .load(conn)?;
    let sum = |joined| rows.iter().find(|(which, _)| *which == joined).map_or(0, |(_, many)| *many);
    Ok((sum(true), sum(false)))
}

/// The number of the newest whole step.
fn newest(conn: &mut Conn) -> QueryResult<i64> {
    Ok(feed_state::table.select(feed_state::step).first(conn).optional()?.unwrap_or(0))
}

/// A segment that a customer joined or left.
pub struct Moved {
    pub segment: i64,
    pub name: String,
    pub step: i64,
    pub joined: bool,
    pub at: NaiveDateTime,
    pub cause: String,
}

/// The newest moves of one customer before a moment, or at it and before a step and a segment: of the segments that
/// whoever asks may see.
pub fn of_customer(
    customer: i64,
    (at, step, segment): (NaiveDateTime, i64, i64),
    limit: i64,
    caller: &Caller,
    conn: &mut Conn,
) -> QueryResult<Vec<Moved>> {
    let seen: Vec<(i64, String)> = Segment::seen_by(caller).select((segments::id, segments::name)).load(conn)?;
    let names: HashMap<i64, String> = seen.into_iter().collect();
    let private: Vec<i64> = segments::table.filter(segments::private.eq(true)).select(segments::id).load(conn)?;
    let hidden: Vec<i64> = private.into_iter().filter(|id| !names.contains_key(id)).collect();
    let before =
        segment_moves::step.lt(step).or(segment_moves::step.eq(step).and(segment_moves::segment_id.lt(segment)));
    let rows: Vec<(i64, i64, bool, NaiveDateTime, String)> = segment_moves::table
        .filter(segment_moves::customer_id.eq(customer))
        .filter(segment_moves::at.le(at))
        .filter(segment_moves::at.lt(at).or(before))
        .filter(segment_moves::step.le(newest(conn)?))
        .filter(segment_moves::segment_id.ne_all(hidden))
        .order((segment_moves::at.desc(), segment_moves::step.desc(), segment_moves::segment_id.desc()))
        .limit(limit)
        .select((
            segment_moves::segment_id,
            segment_moves::step,
            segment_moves::joined,
            segment_moves::at,
            segment_moves::cause,
        ))
        .load(conn)?;
    let moved = |(segment, step, joined, at, cause): (i64, i64, bool, NaiveDateTime, String)| {
        Some(Moved { name: names.get(&segment)?.clone(), segment, step, joined, at, cause })
    };
    Ok(rows.into_iter().filter_map(moved).collect())
}
