//! Where the feed is kept. One process writes it at a time: it holds the row of `feed_state` for a while, and whatever it
//! writes goes in with a look at that row.

use super::follow::{Found, Known, Moved};
use crate::db::changes::Version;
use crate::db::schema::{feed_members, feed_state, segment_moves};
use crate::db::{Conn, Db, Trouble};
use crate::each;
use crate::filters::sets::Ids;
use crate::workspace::stamp;
use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use std::collections::HashMap;
use std::sync::LazyLock;

/// So long the feed is kept.
pub const DAYS: i64 = 90;
/// So long another process waits for one that does not come back.
const HELD: TimeDelta = TimeDelta::seconds(30);
/// Moves a statement; and a transaction, others wait for which on SQLite: a few milliseconds.
const CHUNK: usize = 1_000;

/// This process, in the row of the state.
static ME: LazyLock<String> = LazyLock::new(|| format!("{}-{:016x}", std::process::id(), fastrand::u64(..)));

/// Who is in a segment, and what it asks.
pub struct Base {
    pub rule: String,
    pub members: Ids,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Taken {
    ByUs,
    ByAnother,
}

/// Everything as it stands after the newest step; `None` while another process writes.
pub fn load(db: &Db) -> Result<Option<Known>, Trouble> {
    db.write_now(|conn| {
        let now = stamp(Utc::now());
        let first = (feed_state::id.eq(1), feed_state::step.eq(0), feed_state::version.eq(""));
        let first = (first, feed_state::holder.eq(&*ME), feed_state::until.eq(now));
        each!(conn, c => diesel::insert_into(feed_state::table).values(first).on_conflict_do_nothing().execute(c))?;
        let (step, version): (i64, String) =
            feed_state::table.select((feed_state::step, feed_state::version)).first(conn)?;
        if claim(step, now, conn)? == Taken::ByAnother {
            return Ok(None);
        }
        // Of a step that was not finished.
        diesel::delete(segment_moves::table.filter(segment_moves::step.gt(step))).execute(conn)?;
        Ok(Some(Known::new(step, Version::parse(&version), members(conn)?)))
    })
}

/// Who was in each segment after the newest step: as it was kept, and the moves since.
fn members(conn: &mut Conn) -> Result<HashMap<i64, Base>, Trouble> {
    let kept: Vec<(i64, i64, String, Vec<u8>)> = feed_members::table.load(conn)?;
    let mut bases = HashMap::new();
    for (segment, _, rule, bytes) in kept {
        // What cannot be read begins anew.
        let Ok(members) = Ids::deserialize_from(&bytes[..]) else { continue };
        bases.insert(segment, Base { rule, members });
    }
    let moves: Vec<(i64, i64, bool)> = segment_moves::table
        .inner_join(feed_members::table.on(feed_members::segment_id.eq(segment_moves::segment_id)))
        .filter(segment_moves::step.gt(feed_members::step))
        .order(segment_moves::step)
        .select((segment_moves::segment_id, segment_moves::customer_id, segment_moves::joined))
        .load(conn)?;
    for (segment, customer, joined) in moves {
        let (Some(base), Ok(customer)) = (bases.get_mut(&segment), u32::try_from(customer)) else { continue };
        match joined {
            true => base.members.insert(customer),
            false => base.members.remove(customer),
        };
    }
    Ok(bases)
}

/// Takes or keeps the row of the state, if this is the newest step and nobody else has it.
fn claim(step: i64, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Taken> {
    let ours = feed_state::holder.eq(&*ME).or(feed_state::until.lt(now));
    let taken = diesel::update(feed_state::table.filter(feed_state::step.eq(step)).filter(ours))
        .set((feed_state::holder.eq(&*ME), feed_state::until.eq(now + HELD)))
        .execute(conn)?;
    Ok(if taken > 0 { Taken::ByUs } else { Taken::ByAnother })
}

/// Writes the step after `known`: many moves in many short transactions, and with the last ones that it is whole.
pub fn write(known: &Known, found: &Found, db: &Db) -> Result<Taken, Trouble> {
    let mut chunks = found.moves.chunks(CHUNK).peekable();
    while let Some(chunk) = chunks.next_if(|chunk| chunk.len() == CHUNK) {
        let taken = db.write_now::<_, Trouble>(|conn| {
            let taken = claim(known.step, stamp(Utc::now()), conn)?;
            if taken == Taken::ByUs {
                insert(chunk, known.step + 1, conn)?;
            }
            Ok(taken)
        })?;
        if taken == Taken::ByAnother {
            return Ok(taken);
        }
    }
    let rest = chunks.next().unwrap_or_default();
    db.write_now(|conn| {
        let taken = claim(known.step, stamp(Utc::now()), conn)?;
        if taken == Taken::ByUs {
            insert(rest, known.step + 1, conn)?;
            for segment in &found.whole {
                if let Some(base) = found.bases.get(segment) {
                    keep(*segment, known.step + 1, base, conn)?;
                }
            }
            let version = found.version.as_ref().map(Version::to_text).unwrap_or_default();
            diesel::update(feed_state::table)
                .set((feed_state::step.eq(known.step + 1), feed_state::version.eq(version)))
                .execute(conn)?;
        }
        Ok(taken)
    })
}

fn insert(moves: &[Moved], step: i64, conn: &mut Conn) -> QueryResult<()> {
    let rows: Vec<_> = moves
        .iter()
        .map(|moved| {
            (
                segment_moves::segment_id.eq(moved.segment),
                segment_moves::step.eq(step),
                segment_moves::customer_id.eq(moved.customer),
                segment_moves::joined.eq(moved.joined),
                segment_moves::at.eq(moved.at),
                segment_moves::cause.eq(&moved.cause),
            )
        })
        .collect();
    each!(conn, c => diesel::insert_into(segment_moves::table).values(&rows).execute(c)).map(drop)
}

/// Who is in a segment after a step. A segment that was deleted meanwhile needs none.
fn keep(segment: i64, step: i64, base: &Base, conn: &mut Conn) -> Result<(), Trouble> {
    use crate::db::schema::segments;
    if segments::table.find(segment).count().get_result::<i64>(conn)? == 0 {
        return Ok(());
    }
    let mut bytes = Vec::with_capacity(base.members.serialized_size());
    base.members.serialize_into(&mut bytes).map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
    diesel::delete(feed_members::table.find(segment)).execute(conn)?;
    let row = (feed_members::segment_id.eq(segment), feed_members::step.eq(step));
    let row = (row, feed_members::rule.eq(&base.rule), feed_members::members.eq(bytes));
    diesel::insert_into(feed_members::table).values(row).execute(conn)?;
    Ok(())
}

/// Keeps who is in each segment as a whole, and forgets moves that are too old.
pub fn trim(known: &Known, db: &Db) -> Result<(), Trouble> {
    for (segment, base) in &known.segments {
        db.write_now::<_, Trouble>(|conn| match claim(known.step, stamp(Utc::now()), conn)? {
            Taken::ByUs => keep(*segment, known.step, base, conn),
            Taken::ByAnother => Ok(()),
        })?;
    }
    let old = stamp(Utc::now()) - TimeDelta::days(DAYS);
    loop {
        let gone = db.write_now::<_, Trouble>(|conn| {
            // Steps are in the order of time: the oldest few of them.
            let steps: Vec<i64> = segment_moves::table
                .filter(segment_moves::at.lt(old))
                .order(segment_moves::step)
                .limit(CHUNK as i64)
                .select(segment_moves::step)
                .load(conn)?;
            let Some((first, last)) = steps.first().zip(steps.last()) else { return Ok(0) };
            let some = segment_moves::step.between(*first, *last).and(segment_moves::at.lt(old));
            Ok(diesel::delete(segment_moves::table.filter(some)).execute(conn)?)
        })?;
        if gone == 0 {
            return Ok(());
        }
    }
}
