//! Joining a static segment, and leaving it again.

use super::items::Item;
use super::run::Batch;
use super::what::Named;
use crate::db::nodes::Among;
use crate::db::schema::{customers, segment_members, segments};
use crate::db::{Backend, Conn};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamp};
use std::collections::{HashMap, HashSet};

fn is_here(segment: &Named, conn: &mut Conn) -> QueryResult<bool> {
    let found: Option<i64> = segments::table
        .find(segment.id)
        .filter(segments::kind.eq("static"))
        .select(segments::id)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
}

/// They join at the moment the action was started: by that its members are known again.
pub fn join(segment: &Named, batch: &Batch, conn: &mut Conn) -> QueryResult<Vec<Item>> {
    if !is_here(segment, conn)? {
        return Ok(batch.ids.iter().map(|id| Item::failed(*id, "The segment was deleted meanwhile.")).collect());
    }
    let within: HashSet<i64> = segment_members::table
        .filter(segment_members::segment_id.eq(segment.id))
        .filter(Among { column: "segment_members.customer_id", ids: batch.ids.to_vec() })
        .select(segment_members::customer_id)
        .load(conn)?
        .into_iter()
        .collect();
    let new: Vec<i64> = batch.ids.iter().copied().filter(|id| !within.contains(id)).collect();
    customers::table
        .filter(Among { column: "customers.id", ids: new })
        .select((segment.id.into_sql::<BigInt>(), customers::id, batch.action.created_at.into_sql::<Timestamp>()))
        .into_boxed::<Backend>()
        .insert_into(segment_members::table)
        .into_columns((segment_members::segment_id, segment_members::customer_id, segment_members::added_at))
        .execute(conn)?;
    touch(segment, batch, conn)?;
    let item = |id: &i64| if within.contains(id) { Item::already(*id) } else { Item::changed(*id, None) };
    Ok(batch.ids.iter().map(item).collect())
}

/// Those who joined by the action leave. Whoever left since, and perhaps came back, is told.
pub fn leave(segment: &Named, batch: &Batch, conn: &mut Conn) -> QueryResult<HashMap<i64, String>> {
    let theirs = || {
        segment_members::table
            .filter(segment_members::segment_id.eq(segment.id))
            .filter(segment_members::added_at.eq(batch.action.created_at))
            .filter(Among { column: "segment_members.customer_id", ids: batch.ids.to_vec() })
    };
    let within: HashSet<i64> = theirs().select(segment_members::customer_id).load(conn)?.into_iter().collect();
    diesel::delete(theirs()).execute(conn)?;
    let words = match is_here(segment, conn)? {
        true => "She left the segment since, or was added anew.",
        false => "The segment was deleted since.",
    };
    touch(segment, batch, conn)?;
    Ok(batch.ids.iter().filter(|id| !within.contains(id)).map(|id| (*id, words.to_string())).collect())
}

fn touch(segment: &Named, batch: &Batch, conn: &mut Conn) -> QueryResult<()> {
    diesel::update(segments::table.find(segment.id)).set(segments::updated_at.eq(batch.at)).execute(conn).map(drop)
}
