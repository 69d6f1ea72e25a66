//! Deleting customers, and bringing them back under their old ids with all that was theirs.

use super::items::Item;
use super::kept::{self, Kept};
use super::run::Batch;
use crate::db::Conn;
use crate::db::nodes::Among;
use crate::db::schema::customers;
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

pub fn delete(batch: &Batch, conn: &mut Conn) -> QueryResult<Vec<Item>> {
    let all = kept::of(batch.ids, conn)?;
    let items = all.iter().map(|(id, kept)| Ok(Item::changed(*id, Some(kept.to_json()?))));
    let items = items.collect::<QueryResult<Vec<Item>>>()?;
    let ids = items.iter().map(|item| item.customer).collect();
    diesel::delete(customers::table.filter(Among { column: "customers.id", ids })).execute(conn)?;
    Ok(items)
}

/// Brings back whoever is not here again already. What clashes with what is there now is left out, and told.
pub fn restore(
    before: &[(i64, Option<String>)],
    here: &HashSet<i64>,
    batch: &Batch,
    conn: &mut Conn,
) -> QueryResult<HashMap<i64, String>> {
    let mut told: HashMap<i64, Vec<String>> = HashMap::new();
    let mut back = Vec::new();
    for (id, json) in before {
        match json.as_deref().map(Kept::from_json) {
            _ if here.contains(id) => told.entry(*id).or_default().push("She is here again already.".into()),
            Some(Ok(kept)) => back.push(kept),
            _ => told.entry(*id).or_default().push("What was kept of her cannot be read.".into()),
        }
    }
    kept::restore(back, batch.at, &mut told, conn)?;
    Ok(told.into_iter().map(|(id, words)| (id, words.join(" "))).collect())
}
