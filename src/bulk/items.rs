//! What became of each customer of an action, and what undoing needs to know about her.

use crate::db::Conn;
use crate::db::nodes::Among;
use crate::db::schema::bulk_items;
use crate::each;
use diesel::dsl::count_star;
use diesel::prelude::*;
use std::collections::HashMap;

/// How many rows go in one statement.
const CHUNK: usize = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Changed,
    /// She was so before.
    Already,
    Failed,
}

impl Outcome {
    pub fn key(self) -> &'static str {
        match self {
            Outcome::Changed => "changed",
            Outcome::Already => "already",
            Outcome::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub customer: i64,
    pub outcome: Outcome,
    pub before: Option<String>,
    pub remark: Option<String>,
}

impl Item {
    pub fn changed(customer: i64, before: Option<String>) -> Item {
        Item { customer, outcome: Outcome::Changed, before, remark: None }
    }

    pub fn already(customer: i64) -> Item {
        Item { customer, outcome: Outcome::Already, before: None, remark: None }
    }

    pub fn failed(customer: i64, why: impl Into<String>) -> Item {
        Item { customer, outcome: Outcome::Failed, before: None, remark: Some(why.into()) }
    }
}

#[derive(Insertable)]
#[diesel(table_name = bulk_items, treat_none_as_default_value = false)]
struct Row<'a> {
    action_id: i64,
    customer_id: i64,
    outcome: &'static str,
    before: Option<&'a str>,
    remark: Option<&'a str>,
}

pub fn write(action: i64, items: &[Item], conn: &mut Conn) -> QueryResult<()> {
    for some in items.chunks(CHUNK) {
        let rows: Vec<Row<'_>> = some
            .iter()
            .map(|item| Row {
                action_id: action,
                customer_id: item.customer,
                outcome: item.outcome.key(),
                before: item.before.as_deref(),
                remark: item.remark.as_deref(),
            })
            .collect();
        each!(conn, c => diesel::insert_into(bulk_items::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// The next customers that were changed, with what was kept about each.
pub fn changed(action: i64, after: i64, limit: usize, conn: &mut Conn) -> QueryResult<Vec<(i64, Option<String>)>> {
    bulk_items::table
        .filter(bulk_items::action_id.eq(action))
        .filter(bulk_items::customer_id.gt(after))
        .filter(bulk_items::outcome.eq(Outcome::Changed.key()))
        .order(bulk_items::customer_id)
        .limit(limit as i64)
        .select((bulk_items::customer_id, bulk_items::before))
        .load(conn)
}

/// What undoing left alone, by customer.
pub fn remark(action: i64, remarks: &HashMap<i64, String>, conn: &mut Conn) -> QueryResult<()> {
    // Few words for many customers: one statement for each saying.
    let mut said: HashMap<&str, Vec<i64>> = HashMap::new();
    remarks.iter().for_each(|(customer, words)| said.entry(words).or_default().push(*customer));
    for (words, ids) in said {
        let theirs = bulk_items::table
            .filter(bulk_items::action_id.eq(action))
            .filter(Among { column: "bulk_items.customer_id", ids });
        diesel::update(theirs).set(bulk_items::remark.eq(words)).execute(conn)?;
    }
    Ok(())
}

/// How many ended how: changed, already so, failed.
pub fn count(action: i64, conn: &mut Conn) -> QueryResult<[i64; 3]> {
    let counted: Vec<(String, i64)> = bulk_items::table
        .filter(bulk_items::action_id.eq(action))
        .group_by(bulk_items::outcome)
        .select((bulk_items::outcome, count_star()))
        .load(conn)?;
    let of = |outcome: Outcome| counted.iter().find(|(key, _)| key == outcome.key()).map_or(0, |(_, n)| *n);
    Ok([of(Outcome::Changed), of(Outcome::Already), of(Outcome::Failed)])
}
