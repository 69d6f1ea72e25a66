//! A page out of a set of customers that is known already.
//!
//! | the set | how its page is found |
//! |---|---|
//! | in the order of ids | read off the set |
//! | a few | the database is given the ids and sorts them |
//! | many | the index of the order is walked, and whoever is in the set is kept, until there are enough |
//! | many, but far from where the walk begins | the walk is given up for the list of ids |
//!
//! Walking a covering index costs a tenth of what fetching a row by its id does, which is what [`Ways`] weighs.

use super::place::Place;
use super::rows;
use crate::customers::Customer;
use crate::db::Conn;
use crate::db::nodes::Among;
use crate::db::schema::customers;
use crate::filters::Predicate;
use diesel::prelude::*;
use roaring::RoaringBitmap;
use std::collections::HashMap;

/// Customers that are known to be the ones to list.
pub struct Set<'a> {
    pub ids: &'a RoaringBitmap,
    /// A condition on the first column of the order that all of them meet, where one is known: a range of it lets the
    /// walk begin where they begin, however far down the order that is.
    pub near: &'a dyn Fn() -> Option<Predicate>,
    pub ways: Ways,
}

/// When which way is taken.
#[derive(Clone, Copy, Debug)]
pub struct Ways {
    /// Up to so many ids are given to the database as a list.
    pub list: u64,
    /// How many rows of the index are read first; then four times as many, and so on.
    pub batch: i64,
    /// A walk is given up after so many rows for each id of the set.
    pub patience: u64,
}

impl Ways {
    /// What pays, by measurements at a million customers.
    pub fn usual(conn: &Conn) -> Ways {
        let patience = match conn {
            Conn::Sqlite(_) => 12,
            Conn::Postgres(_) => 5,
        };
        Ways { list: 2000, batch: 200, patience }
    }
}

impl Set<'_> {
    /// The first of them in one stretch of the order, up to `wanted`.
    pub(super) fn rows(&self, place: &Place, wanted: i64, conn: &mut Conn) -> QueryResult<Vec<Customer>> {
        let found = match place.by_id() {
            Some((up, from)) => Some(self.next(up, from, wanted)),
            None if self.ids.len() > self.ways.list => self.walk(place, wanted, conn)?,
            None => None,
        };
        match found {
            Some(ids) => fetch(ids, conn),
            None => rows(among(self.ids.iter().map(i64::from).collect()), place, wanted, conn),
        }
    }

    /// In the order of ids.
    fn next(&self, up: bool, from: Option<i64>, wanted: i64) -> Vec<i64> {
        let wanted = wanted as usize;
        let all = self.ids.iter().map(i64::from);
        match (up, from) {
            (true, None) => all.take(wanted).collect(),
            (false, None) => all.rev().take(wanted).collect(),
            (true, Some(from)) => {
                // Whatever stands in a cursor: ids end where 32 bits do.
                let first = u32::try_from(from.saturating_add(1).max(0));
                first.map_or(Vec::new(), |first| self.ids.range(first..).map(i64::from).take(wanted).collect())
            }
            (false, Some(from)) => {
                let last = u32::try_from(from.saturating_sub(1).min(u32::MAX.into()));
                last.map_or(Vec::new(), |last| self.ids.range(..=last).rev().map(i64::from).take(wanted).collect())
            }
        }
    }

    /// Walks the index of the order. `None` when the list of ids is the shorter way after all.
    fn walk(&self, place: &Place, wanted: i64, conn: &mut Conn) -> QueryResult<Option<Vec<i64>>> {
        let patience = i64::try_from(self.ids.len().saturating_mul(self.ways.patience)).unwrap_or(i64::MAX);
        let (mut found, mut walked, mut batch) = (Vec::new(), 0, self.ways.batch);
        loop {
            let reading = batch.min(patience - walked);
            if reading <= 0 {
                return Ok(None);
            }
            // The place comes first: of two conditions that bound the walk at one end, SQLite enters the index by the
            // first, and the place is the narrower one.
            let mut query = place.of(customers::table.select(customers::id).into_boxed());
            if let Some(near) = (self.near)() {
                query = query.filter(near);
            }
            let ids: Vec<i64> = query.limit(reading).offset(walked).load(conn)?;
            let end = (ids.len() as i64) < reading;
            let missing = wanted as usize - found.len();
            let known = |id: &i64| u32::try_from(*id).is_ok_and(|id| self.ids.contains(id));
            found.extend(ids.into_iter().filter(known).take(missing));
            if end || found.len() as i64 == wanted {
                return Ok(Some(found));
            }
            walked += reading;
            batch = batch.saturating_mul(4);
        }
    }
}

fn among(ids: Vec<i64>) -> Predicate {
    Box::new(Among { column: "customers.id", ids })
}

/// The rows of these ids, in the order they are given.
fn fetch(ids: Vec<i64>, conn: &mut Conn) -> QueryResult<Vec<Customer>> {
    let places: HashMap<i64, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut rows: Vec<Customer> = customers::table.filter(among(ids)).select(Customer::as_select()).load(conn)?;
    rows.sort_by_key(|row| places.get(&row.id).copied());
    Ok(rows)
}
