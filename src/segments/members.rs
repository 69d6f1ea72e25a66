//! Who is in a static segment. Members come one by one or all who match a filter, in one statement.

use super::{Problem, Segment};
use crate::db::nodes::OrIgnore;
use crate::db::schema::{customers, segment_members, segments};
use crate::db::{Backend, Conn};
use crate::each;
use crate::filters::Filter;
use crate::filters::ask::Ask;
use crate::workspace::Clock;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamp};
use std::collections::HashSet;

/// How an addition went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    pub joined: i64,
    pub already: i64,
}

/// Ids per statement: well below what either database binds.
const CHUNK: usize = 1000;

fn touch(segment: &Segment, conn: &mut Conn, clock: &Clock) -> QueryResult<()> {
    diesel::update(segments::table.find(segment.id)).set(segments::updated_at.eq(clock.stamp())).execute(conn).map(drop)
}

/// Everybody a filter selects now, by the filter's own predicate.
pub fn add_matching(segment: &Segment, filter: &Filter, conn: &mut Conn, clock: &Clock) -> Result<Added, Problem> {
    add_asked(segment, &filter.ask(), conn, clock)
}

/// Everybody a question is true for now.
pub fn add_asked(segment: &Segment, ask: &Ask, conn: &mut Conn, clock: &Clock) -> Result<Added, Problem> {
    if segment.is_dynamic() {
        return Err(Problem::Dynamic);
    }
    let who = || ask.predicate(clock.stamp());
    let matching = customers::table.filter(who()).count().get_result::<i64>(conn)?;
    let chosen = customers::table
        .filter(who())
        .select((segment.id.into_sql::<BigInt>(), customers::id, clock.stamp().into_sql::<Timestamp>()))
        .into_boxed::<Backend>();
    let insert = chosen.insert_into(segment_members::table).into_columns((
        segment_members::segment_id,
        segment_members::customer_id,
        segment_members::added_at,
    ));
    let joined = OrIgnore(insert).execute(conn)? as i64;
    touch(segment, conn, clock)?;
    Ok(Added { joined, already: (matching - joined).max(0) })
}

/// These customers; unknown ids change nothing.
pub fn add(segment: &Segment, ids: &[i64], conn: &mut Conn, clock: &Clock) -> Result<Added, Problem> {
    if segment.is_dynamic() {
        return Err(Problem::Dynamic);
    }
    let ids = known(ids, conn)?;
    let mut joined = 0;
    for chunk in ids.chunks(CHUNK) {
        let rows: Vec<_> = chunk
            .iter()
            .map(|id| {
                (
                    segment_members::segment_id.eq(segment.id),
                    segment_members::customer_id.eq(*id),
                    segment_members::added_at.eq(clock.stamp()),
                )
            })
            .collect();
        joined += each!(conn, c => diesel::insert_into(segment_members::table)
            .values(&rows)
            .on_conflict_do_nothing()
            .execute(c))? as i64;
    }
    touch(segment, conn, clock)?;
    Ok(Added { joined, already: ids.len() as i64 - joined })
}

/// Takes customers out and says how many were in.
pub fn remove(segment: &Segment, ids: &[i64], conn: &mut Conn, clock: &Clock) -> Result<i64, Problem> {
    if segment.is_dynamic() {
        return Err(Problem::Dynamic);
    }
    let ids = known(ids, conn)?;
    let mut left = 0;
    for chunk in ids.chunks(CHUNK) {
        left += diesel::delete(
            segment_members::table
                .filter(segment_members::segment_id.eq(segment.id))
                .filter(segment_members::customer_id.eq_any(chunk.to_vec())),
        )
        .execute(conn)? as i64;
    }
    touch(segment, conn, clock)?;
    Ok(left)
}

/// The ids once each, if all of them are customers.
fn known(ids: &[i64], conn: &mut Conn) -> Result<Vec<i64>, Problem> {
    let mut wanted = ids.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let mut found: HashSet<i64> = HashSet::new();
    for chunk in wanted.chunks(CHUNK) {
        found.extend(
            customers::table.filter(customers::id.eq_any(chunk.to_vec())).select(customers::id).load::<i64>(conn)?,
        );
    }
    let unknown: Vec<i64> = wanted.iter().copied().filter(|id| !found.contains(id)).collect();
    if unknown.is_empty() { Ok(wanted) } else { Err(Problem::Unknown(unknown)) }
}
