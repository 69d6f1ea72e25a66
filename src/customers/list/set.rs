//! A page out of a set of customers that is known already.
//!
//! | the set | how its page is found |
//! |---|---|
//! | in the order of ids | read off the set |
//! | a few | the database is given the ids and sorts them |
//! | many | the index of the order is walked, and whoever is in the set is kept, until there are enough |
//! | many, but far from where the walk begins | the walk is given up for the list of ids |
//!
//! An order of several columns walks the index of the first. Those who are alike in it, where a page begins or ends among
//! them, are a smaller set in the order of the other columns.
//!
//! Walking a covering index costs a tenth of what fetching a row by its id does, which is what [`Ways`] weighs.

use super::Row;
use super::place::{Alike, Course, Place};
use crate::customers::Customer;
use crate::db::nodes::{Among, Gathered, GatheredFrom, gathered};
use crate::db::schema::customers;
use crate::db::{Backend, Conn};
use crate::filters::Predicate;
use diesel::prelude::*;
use roaring::RoaringBitmap;
use std::collections::HashMap;

/// Customers that are known to be the ones to list.
#[derive(Clone, Copy)]
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
    /// How many rows of the index are asked for first, then four times as many, and so on; where nobody says, as many
    /// as should do.
    pub batch: Option<i64>,
    /// A walk is given up after so many rows for each id of the set.
    pub patience: u64,
}

impl Ways {
    /// What pays, by measurements at a million customers.
    pub fn usual(conn: &Conn) -> Ways {
        match conn {
            // It hands out rows as it walks: whoever has enough stops.
            Conn::Sqlite(_) => Ways { list: 2000, batch: Some(i64::MAX), patience: 20 },
            // It does all it is asked for.
            Conn::Postgres(_) => Ways { list: 2000, batch: None, patience: 5 },
        }
    }
}

impl Set<'_> {
    /// The first of them on this course, up to `wanted`.
    pub(super) fn rows(&self, course: Course, wanted: usize, conn: &mut Conn) -> QueryResult<Vec<Customer>> {
        fetch(self.first(course, wanted, conn)?, conn)
    }

    fn first(&self, course: Course, wanted: usize, conn: &mut Conn) -> QueryResult<Vec<i64>> {
        if let Some((up, from)) = course.by_id() {
            return Ok(next(self.ids, up, from, wanted));
        }
        let walked = match self.ids.len() > self.ways.list {
            true => self.walked(course, wanted, conn)?,
            false => None,
        };
        match walked {
            Some(found) => Ok(found),
            None => listed(self.ids.iter().map(i64::from).collect(), course, wanted, conn),
        }
    }

    /// Found by walking. `None` when the list of ids is the shorter way after all.
    fn walked(&self, course: Course, wanted: usize, conn: &mut Conn) -> QueryResult<Option<Vec<i64>>> {
        let mut found = Vec::new();
        for place in course.stretches() {
            let missing = wanted - found.len();
            if missing == 0 {
                break;
            }
            let more = match (course.is_of_one_index(), place.alike()) {
                (true, _) => self.walk(&place, missing, conn)?,
                (false, Some(alike)) => Some(self.alike(alike, conn)?.first(missing, conn)?),
                (false, None) => self.groups(&place, missing, conn)?,
            };
            match more {
                Some(more) => found.extend(more),
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// Walks the index of the order.
    fn walk(&self, place: &Place, wanted: usize, conn: &mut Conn) -> QueryResult<Option<Vec<i64>>> {
        let patience = i64::try_from(self.ids.len().saturating_mul(self.ways.patience)).unwrap_or(i64::MAX);
        let (mut found, mut walked) = (Vec::new(), 0);
        let mut batch = self.ways.batch.unwrap_or_else(|| self.likely(wanted));
        while walked < patience {
            let reading = batch.min(patience - walked);
            // The place comes first: of two conditions that bound the walk at one end, SQLite enters the index by the
            // first, and the place is the narrower one.
            let mut query = place.of(customers::table.select(customers::id).into_boxed());
            if let Some(near) = (self.near)() {
                query = query.filter(near);
            }
            let mut read = 0;
            let mut is_enough = |id| {
                read += 1;
                if has(self.ids, id) {
                    found.push(id);
                }
                found.len() == wanted
            };
            if handed_out(query.limit(reading).offset(walked), &mut is_enough, conn)? || read < reading {
                return Ok(Some(found));
            }
            walked += reading;
            batch = batch.saturating_mul(4);
        }
        Ok(None)
    }

    /// Among how many customers there should be this many of the set, and a few more.
    fn likely(&self, wanted: usize) -> i64 {
        let one_in = u64::from(self.ids.max().unwrap_or_default()) / self.ids.len().max(1) + 1;
        i64::try_from(one_in.saturating_mul(wanted as u64 * 3 / 2)).unwrap_or(i64::MAX)
    }

    /// Those further on in an order of several columns, where those who are alike in the first come together, in the
    /// order of the others.
    fn groups(&self, place: &Place, wanted: usize, conn: &mut Conn) -> QueryResult<Option<Vec<i64>>> {
        let Some(mut walked) = self.walk(&place.by_first(), wanted, conn)? else { return Ok(None) };
        // The page may end among those who are like the last one walked to: of all of them, the other columns decide.
        let last = match walked.get(wanted - 1) {
            Some(last) => place.alike_to(&only(*last, conn)?),
            None => None,
        };
        let last = last.map(|alike| self.alike(alike, conn)).transpose()?;
        walked.retain(|id| !last.as_ref().is_some_and(|last| has(&last.ids, *id)));
        let left = wanted - walked.len();
        let mut found = listed(walked, place.order(), wanted, conn)?;
        if let Some(last) = last {
            found.extend(last.first(left, conn)?);
        }
        Ok(Some(found))
    }

    /// Those of the set who are alike.
    fn alike<'c>(&self, alike: Alike<'c>, conn: &mut Conn) -> QueryResult<Group<'c>> {
        let ids: Vec<i64> = alike.of(customers::table.select(customers::id).into_boxed()).load(conn)?;
        let ids = ids.into_iter().filter_map(|id| u32::try_from(id).ok()).filter(|id| self.ids.contains(*id));
        Ok(Group { ids: ids.collect(), course: alike.course, ways: self.ways })
    }
}

/// Some of a set, and the order among them.
struct Group<'c> {
    ids: RoaringBitmap,
    course: Course<'c>,
    ways: Ways,
}

impl Group<'_> {
    fn first(&self, wanted: usize, conn: &mut Conn) -> QueryResult<Vec<i64>> {
        Set { ids: &self.ids, near: &|| None, ways: self.ways }.first(self.course, wanted, conn)
    }
}

/// Hands out ids in the order of a query until somebody has enough, which it then says.
fn handed_out(
    query: customers::BoxedQuery<'_, Backend, diesel::sql_types::BigInt>,
    is_enough: &mut impl FnMut(i64) -> bool,
    conn: &mut Conn,
) -> QueryResult<bool> {
    if let Conn::Postgres(_) = conn {
        let ids = GatheredFrom { gathered: Gathered("id"), rows: query }.get_result(conn)?;
        return Ok(gathered(ids).any(is_enough));
    }
    for id in query.load_iter::<i64, _>(conn)? {
        if is_enough(id?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has(ids: &RoaringBitmap, id: i64) -> bool {
    u32::try_from(id).is_ok_and(|id| ids.contains(id))
}

/// The next in the order of ids.
fn next(ids: &RoaringBitmap, up: bool, from: Option<i64>, wanted: usize) -> Vec<i64> {
    // Whatever stands in a cursor: ids end where 32 bits do.
    let range = match (up, from) {
        (_, None) => Some(ids.range(..)),
        (true, Some(from)) => u32::try_from(from.saturating_add(1).max(0)).ok().map(|first| ids.range(first..)),
        (false, Some(from)) => {
            u32::try_from(from.saturating_sub(1).min(u32::MAX.into())).ok().map(|last| ids.range(..=last))
        }
    };
    let Some(range) = range else { return Vec::new() };
    match up {
        true => range.map(i64::from).take(wanted).collect(),
        false => range.rev().map(i64::from).take(wanted).collect(),
    }
}

/// The database is given the ids, and sorts them.
fn listed(ids: Vec<i64>, course: Course, wanted: usize, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    if ids.is_empty() {
        return Ok(ids);
    }
    let query = customers::table.filter(among(ids)).select(customers::id).limit(wanted as i64).into_boxed();
    course.whole().of(query).load(conn)
}

fn among(ids: Vec<i64>) -> Predicate {
    Box::new(Among { column: "customers.id", ids })
}

fn only(id: i64, conn: &mut Conn) -> QueryResult<Row> {
    let customer = customers::table.find(id).select(Customer::as_select()).first(conn)?;
    Ok(Row { customer, tags: Vec::new() })
}

/// The rows of these ids, in the order they are given.
fn fetch(ids: Vec<i64>, conn: &mut Conn) -> QueryResult<Vec<Customer>> {
    let places: HashMap<i64, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut rows: Vec<Customer> = customers::table.filter(among(ids)).select(Customer::as_select()).load(conn)?;
    rows.sort_by_key(|row| places.get(&row.id).copied());
    Ok(rows)
}
