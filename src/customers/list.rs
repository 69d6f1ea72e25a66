//! Pages of customers in any order, with an exact total.
//!
//! Paging is by key: a page begins after the last row of the one before, so deep pages cost what the first one costs
//! and nobody is shown twice when customers come and go meanwhile. Missing values come last in both directions, which is
//! how one index can serve both: those who have a value first, then those who have none.
//!
//! Who is listed is what a filter selects, row by row, or a set that is known already ([`Set`]).

mod columns;
mod cursor;
mod order;
mod place;
mod set;

pub use columns::{COLUMNS, Cell, Column, Seen};
pub use order::Sort;
pub use set::{Set, Ways};

use super::Customer;
use crate::db::Conn;
use crate::db::schema::customers;
use crate::filters::sets::Snapshot;
use crate::filters::{self, Filter, Predicate};
use crate::tags::{self, Tagging};
use chrono::NaiveDateTime;
use cursor::Cursor;
use diesel::prelude::*;
use place::{Course, Place};
use roaring::RoaringBitmap;

/// How many rows a page of the app has.
pub const ROWS: i64 = 50;
/// The longest page that may be asked for.
pub const MOST_ROWS: i64 = 1000;

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub sort: Sort,
    cursor: Option<Cursor>,
    pub limit: i64,
}

impl Page {
    /// The first page in this order.
    pub fn first(sort: Sort, limit: i64) -> Page {
        Page { sort, cursor: None, limit: limit.clamp(1, MOST_ROWS) }
    }

    /// Reads what an address holds. A cursor belongs to the order it was made for; anything else is told in a sentence.
    pub fn read(sort: Sort, cursor: Option<&str>, limit: i64) -> Result<Page, String> {
        let cursor = match cursor.filter(|cursor| !cursor.is_empty()) {
            Some(cursor) => Some(Cursor::read(cursor, &sort)?),
            None => None,
        };
        Ok(Page { cursor, ..Page::first(sort, limit) })
    }
}

/// One page of the customers a filter selects.
#[derive(Clone, Debug)]
pub struct List {
    pub rows: Vec<Row>,
    /// Everybody who matches, on all pages.
    pub total: i64,
    /// What leads to the page after this one.
    pub next: Option<String>,
    pub previous: Option<String>,
    /// The place of the first row, counted from 1; 0 when there is none.
    pub from: i64,
}

/// A customer as lists show her.
#[derive(Clone, Debug)]
pub struct Row {
    pub customer: Customer,
    pub tags: Vec<Tagging>,
}

impl List {
    /// A page of those whom a filter selects, out of the set of them. What cannot be had as a set is asked by SQL.
    pub fn load(filter: &Filter, page: &Page, at: &mut Snapshot) -> QueryResult<List> {
        match at.matching(filter) {
            Ok(ids) => {
                let now = filter.clock().stamp();
                List::load_from(&ids, || filter.near(page.sort.first()?), page, now, at)
            }
            Err(error) => {
                tracing::warn!(%error, "a list is asked by SQL");
                List::load_by_sql(filter, page, at)
            }
        }
    }

    /// The same by the filter's predicate alone.
    pub fn load_by_sql(filter: &Filter, page: &Page, conn: &mut Conn) -> QueryResult<List> {
        List::of(&Who::Matching(filter), filters::count(filter, conn)?, page, filter.clock().stamp(), conn)
    }

    /// A page out of a set, known in the snapshot that `conn` reads, with the tags of a moment. `near` is as in [`Set`].
    pub fn load_from(
        ids: &RoaringBitmap,
        near: impl Fn() -> Option<Predicate>,
        page: &Page,
        now: NaiveDateTime,
        conn: &mut Conn,
    ) -> QueryResult<List> {
        let ways = Ways::usual(conn);
        List::load_in(Set { ids, near: &near, ways }, page, now, conn)
    }

    /// The same by ways of one's own.
    pub fn load_in(set: Set, page: &Page, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<List> {
        let total = set.ids.len() as i64;
        List::of(&Who::In(set), total, page, now, conn)
    }

    fn of(who: &Who, total: i64, page: &Page, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<List> {
        let mut found = Found::load(who, page, conn)?;
        if found.customers.is_empty() && page.cursor.as_ref().is_some_and(|cursor| cursor.back) {
            // Those before have gone in the meantime: this is the beginning now.
            found = Found::load(who, &Page::first(page.sort.clone(), page.limit), conn)?;
        }
        let Found { customers, before, after, from } = found;
        let ids: Vec<i64> = customers.iter().map(|customer| customer.id).collect();
        let mut carried = tags::of_customers(&ids, now, conn)?;
        let rows: Vec<Row> = customers
            .into_iter()
            .map(|customer| Row { tags: carried.remove(&customer.id).unwrap_or_default(), customer })
            .collect();
        let cursor = |row: Option<&Row>, back: bool, number: i64| {
            row.map(|row| Cursor::at(row, &page.sort, back, number).write(&page.sort))
        };
        let next = cursor(rows.last().filter(|_| after), false, from + rows.len() as i64);
        let previous = cursor(rows.first().filter(|_| before), true, from);
        Ok(List { from: if rows.is_empty() { 0 } else { from }, rows, total, next, previous })
    }

    /// The same list with these tags first in each row: where there is room for a few, who asked for VIP sees it.
    pub fn showing(mut self, asked: &[i64]) -> List {
        self.rows.iter_mut().for_each(|row| row.tags.sort_by_key(|tag| !asked.contains(&tag.tag.id)));
        self
    }

    /// The place of the last row.
    pub fn to(&self) -> i64 {
        (self.from + self.rows.len() as i64 - 1).max(0)
    }
}

/// Who is listed.
enum Who<'a> {
    Matching(&'a Filter),
    In(Set<'a>),
}

impl Who<'_> {
    /// The first of them on this course, up to `wanted`.
    fn first(&self, course: Course, wanted: usize, conn: &mut Conn) -> QueryResult<Vec<Customer>> {
        let filter = match self {
            Who::In(set) => return set.rows(course, wanted, conn),
            Who::Matching(filter) => filter,
        };
        let mut found = Vec::new();
        for place in course.stretches() {
            if found.len() < wanted {
                found.extend(rows(filter.predicate(), &place, wanted - found.len(), conn)?);
            }
        }
        Ok(found)
    }
}

/// The customers of a page, and whether there are more on either side.
struct Found {
    customers: Vec<Customer>,
    before: bool,
    after: bool,
    from: i64,
}

impl Found {
    fn load(who: &Who, page: &Page, conn: &mut Conn) -> QueryResult<Found> {
        let back = page.cursor.as_ref().is_some_and(|cursor| cursor.back);
        // One more than the page holds says whether another page follows.
        let wanted = page.limit as usize + 1;
        let mut customers = who.first(Course::of(page), wanted, conn)?;
        let more = customers.len() == wanted;
        customers.truncate(page.limit as usize);
        if back {
            customers.reverse();
        }
        let number = page.cursor.as_ref().map_or(1, |cursor| cursor.number);
        Ok(Found {
            before: if back { more } else { page.cursor.is_some() },
            after: if back { true } else { more },
            from: match (back, more) {
                (true, true) => (number - customers.len() as i64).max(1),
                (true, false) => 1,
                (false, _) => number,
            },
            customers,
        })
    }
}

/// Rows of one stretch of the order: those with a first value, or those without.
fn rows(who: Predicate, place: &Place, limit: usize, conn: &mut Conn) -> QueryResult<Vec<Customer>> {
    let query = customers::table.filter(who).select(Customer::as_select()).limit(limit as i64).into_boxed();
    place.of(query).load(conn)
}
