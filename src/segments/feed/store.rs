//! Where the feed is kept. One process writes it at a time: it holds the row of `feed_state` for a while, and whatever it
//! writes goes in with a look at that row.

use super::follow::{Found, Known, Moved};
use super::witness::Looked;
use crate::db::changes::Version;
use crate::db::schema::{feed_members, feed_state, segment_moves, segment_sightings};
use crate::db::{Conn, Db, Trouble, dialect};
use crate::each;
use crate::filters::sets::{Ids, Parts};
use crate::workspace::stamp;
use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// So long the feed is kept.
pub const DAYS: i64 = 90;
/// So long another process waits for one that does not come back.
const HELD: TimeDelta = TimeDelta::seconds(30);
/// Nobody follows when the row of the state was not written for so long.
const FOLLOWS: TimeDelta = TimeDelta::seconds(120);
/// Moves a statement; and a transaction, others wait for which on SQLite: tens of milliseconds.
const CHUNK: usize = 4_000;
/// From so many on it is much.
const MUCH: usize = 200;

/// This process, in the row of the state.
static ME: LazyLock<String> = LazyLock::new(|| format!("{}-{:016x}", std::process::id(), fastrand::u64(..)));

/// Who is in a segment, and what it asks.
pub struct Base {
    pub rule: String,
    pub members: Ids,
    /// What the members were last made of.
    pub parts: Parts,
}

/// What was seen of a segment before some customers were changed.
pub struct Sighting {
    pub segment: i64,
    /// These were all inside, or all outside,
    pub inside: bool,
    pub customers: Ids,
    pub at: NaiveDateTime,
    /// and why, if that is news.
    pub cause: String,
    /// Where in history they were seen.
    pub version: String,
}

/// How far the follower is, as far as the database knows: another process may be further. `None` when nobody follows.
pub fn looked(now: NaiveDateTime, conn: &mut Conn) -> Result<Option<Looked>, Trouble> {
    let state = feed_state::table
        .filter(feed_state::until.gt(now - FOLLOWS))
        .select((feed_state::version, feed_state::looked_at))
        .first::<(String, NaiveDateTime)>(conn)
        .optional()?;
    let Some((version, now)) = state else { return Ok(None) };
    let rules: Vec<(i64, String)> =
        feed_members::table.select((feed_members::segment_id, feed_members::rule)).load(conn)?;
    let rules = Arc::new(rules.into_iter().collect());
    Ok(Some(Looked { version: Version::parse(&version), now, rules, asked: None }))
}

/// Puts down what was seen.
pub fn note(seen: &[Sighting], conn: &mut Conn) -> Result<(), Trouble> {
    for one in seen {
        let row = (
            segment_sightings::segment_id.eq(one.segment),
            segment_sightings::inside.eq(one.inside),
            segment_sightings::customers.eq(bytes(&one.customers)?),
            segment_sightings::at.eq(one.at),
            segment_sightings::cause.eq(&one.cause),
            segment_sightings::version.eq(&one.version),
        );
        diesel::insert_into(segment_sightings::table).values(row).execute(conn)?;
    }
    Ok(())
}

type SightingRow = (i64, i64, bool, Vec<u8>, NaiveDateTime, String, String);

impl Sighting {
    /// With the number of its row.
    fn read((id, segment, inside, bytes, at, cause, version): SightingRow) -> (i64, Sighting) {
        // What cannot be read tells nothing.
        let customers = Ids::deserialize_from(&bytes[..]).unwrap_or_default();
        (id, Sighting { segment, inside, customers, at, cause, version })
    }
}

/// What was seen since the newest step, in order, and the numbers of the rows.
pub fn sightings(conn: &mut Conn) -> QueryResult<(Vec<i64>, Vec<Sighting>)> {
    let rows: Vec<SightingRow> = segment_sightings::table.order(segment_sightings::id).load(conn)?;
    Ok(rows.into_iter().map(Sighting::read).unzip())
}

/// The same of one segment.
pub fn sightings_of(segment: i64, conn: &mut Conn) -> QueryResult<Vec<Sighting>> {
    let of = segment_sightings::table.filter(segment_sightings::segment_id.eq(segment)).order(segment_sightings::id);
    Ok(of.load::<SightingRow>(conn)?.into_iter().map(|row| Sighting::read(row).1).collect())
}

fn bytes(ids: &Ids) -> QueryResult<Vec<u8>> {
    let mut bytes = Vec::with_capacity(ids.serialized_size());
    ids.serialize_into(&mut bytes).map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
    Ok(bytes)
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
        let first = (first, feed_state::holder.eq(&*ME), feed_state::until.eq(now), feed_state::looked_at.eq(now));
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
        bases.insert(segment, Base { rule, members, parts: Parts::default() });
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

/// Writes the steps after `known`: many moves in many short transactions, and with the last ones that they are whole.
pub fn write(known: &Known, found: &Found, db: &Db) -> Result<Taken, Trouble> {
    let mut chunks = found.moves.chunks(CHUNK).peekable();
    while let Some(chunk) = chunks.next_if(|chunk| chunk.len() == CHUNK) {
        let taken = in_turn(chunk, db, |conn| {
            let taken = claim(known.step, stamp(Utc::now()), conn)?;
            if taken == Taken::ByUs {
                insert(chunk, conn)?;
            }
            Ok(taken)
        })?;
        if taken == Taken::ByAnother {
            return Ok(taken);
        }
    }
    let rest = chunks.next().unwrap_or_default();
    in_turn(rest, db, |conn| {
        let taken = claim(known.step, stamp(Utc::now()), conn)?;
        if taken == Taken::ByUs {
            insert(rest, conn)?;
            whole(found, conn)?;
        }
        Ok(taken)
    })
}

/// Many moves wait for others who write much, and let those in who do not.
fn in_turn<T>(moves: &[Moved], db: &Db, work: impl FnOnce(&mut Conn) -> Result<T, Trouble>) -> Result<T, Trouble> {
    if moves.len() < MUCH {
        return db.write_now(work);
    }
    let turn = db.following().turn();
    let (done, manners) = db.write_now::<_, Trouble>(|conn| Ok((work(conn)?, dialect::manners(conn))))?;
    turn.rest(manners.rest);
    Ok(done)
}

/// What belongs to the last step besides its moves, and that it is whole.
fn whole(found: &Found, conn: &mut Conn) -> Result<(), Trouble> {
    for segment in &found.whole {
        if let Some(base) = found.bases.get(segment) {
            keep(*segment, found.step, base, conn)?;
        }
    }
    for some in found.seen.chunks(CHUNK) {
        diesel::delete(segment_sightings::table.filter(segment_sightings::id.eq_any(some.to_vec()))).execute(conn)?;
    }
    let version = found.version.as_ref().map(Version::to_text).unwrap_or_default();
    let (step, looked_at) = (feed_state::step.eq(found.step), feed_state::looked_at.eq(found.now));
    diesel::update(feed_state::table).set((step, looked_at, feed_state::version.eq(version))).execute(conn)?;
    Ok(())
}

fn insert(moves: &[Moved], conn: &mut Conn) -> QueryResult<()> {
    let rows: Vec<_> = moves
        .iter()
        .map(|moved| {
            (
                segment_moves::segment_id.eq(moved.segment),
                segment_moves::step.eq(moved.step),
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
    diesel::delete(feed_members::table.find(segment)).execute(conn)?;
    let row = (feed_members::segment_id.eq(segment), feed_members::step.eq(step));
    let row = (row, feed_members::rule.eq(&base.rule), feed_members::members.eq(bytes(&base.members)?));
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
