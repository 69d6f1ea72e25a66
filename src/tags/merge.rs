//! Two tags become one: who carried either carries the one that stays, with the story of the earlier tagging, until the
//! later end. Filters ask for the one that stays, and both names are understood.

use super::past::{self, Why};
use super::taggings::{Mark, on};
use super::uses::{self, Place};
use super::{Tag, names, put};
use crate::agents::Caller;
use crate::db::Conn;
use crate::db::nodes::{Among, Carrying, Hold, Holding, On};
use crate::db::schema::{past_taggings, taggings, tags};
use crate::filters::sets::Ids;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// Ids a statement.
const CHUNK: usize = 20_000;

/// One of the two taggings of a customer who carries both.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct Half {
    customer_id: i64,
    pub at: NaiveDateTime,
    pub source: String,
    expires_at: Option<NaiveDateTime>,
}

/// A customer who carries both.
#[derive(Clone, Debug, PartialEq)]
pub struct Twice {
    from: Half,
    into: Half,
}

impl Twice {
    /// The earlier one; of two at once the one with the tag that stays.
    pub fn kept(&self) -> &Half {
        if self.goes_on() { &self.from } else { &self.into }
    }

    /// True when the tagging with the tag that goes is the one that is kept.
    fn goes_on(&self) -> bool {
        self.from.at < self.into.at
    }

    fn end(&self) -> Option<NaiveDateTime> {
        Some(self.from.expires_at?.max(self.into.expires_at?))
    }
}

/// Everybody who carries both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Both(Vec<Twice>);

impl Both {
    pub fn of(from: i64, into: i64, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Both> {
        let mut halves = |tag: i64, other: i64| -> QueryResult<Vec<Half>> {
            taggings::table
                .filter(taggings::tag_id.eq(tag))
                .filter(Carrying { column: "taggings.customer_id", tag_id: other })
                .filter(on(now))
                .select((taggings::customer_id, taggings::tagged_at, taggings::source, taggings::expires_at))
                .load(conn)
        };
        let mut first: HashMap<i64, Half> =
            halves(from, into)?.into_iter().map(|half| (half.customer_id, half)).collect();
        let second = halves(into, from)?;
        Ok(Both(
            second
                .into_iter()
                .filter_map(|into| Some(Twice { from: first.remove(&into.customer_id)?, into }))
                .collect(),
        ))
    }

    pub fn len(&self) -> i64 {
        self.0.len() as i64
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn ids(&self) -> Ids {
        self.those(|_| true)
    }

    pub fn those(&self, are: impl Fn(&Twice) -> bool) -> Ids {
        self.0
            .iter()
            .filter(|twice| are(twice))
            .filter_map(|twice| u32::try_from(twice.into.customer_id).ok())
            .collect()
    }
}

/// Why two tags cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("A tag cannot go into itself. Choose another.")]
    Same,
    #[error(
        "{customers} with {from} would carry another tag of the family of {into} as well. Take that from them first, or take {into} out of its family."
    )]
    Family { from: String, into: String, customers: String },
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
}

/// How many customers that would be.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    pub into: i64,
    pub from: i64,
    pub both: i64,
}

impl Sums {
    pub fn after(&self) -> i64 {
        self.into + self.from - self.both
    }

    /// Who did not carry the one that stays.
    pub fn moved(&self) -> i64 {
        self.from - self.both
    }
}

/// What merging means in numbers, or why it cannot be.
pub fn sums(from: &Tag, into: &Tag, now: NaiveDateTime, conn: &mut Conn) -> Result<(Sums, Both), Refused> {
    if from.id == into.id {
        return Err(Refused::Same);
    }
    let clash = clashing(from, into, now, conn)?;
    if clash > 0 {
        let customers =
            if clash == 1 { "1 customer".into() } else { format!("{} customers", crate::web::thousands(&clash)) };
        return Err(Refused::Family { from: from.name.clone(), into: into.name.clone(), customers });
    }
    let both = Both::of(from.id, into.id, now, conn)?;
    let sums = Sums { into: into.customers(now, conn)?, from: from.customers(now, conn)?, both: both.len() };
    Ok((sums, both))
}

/// How many would carry two of a family.
fn clashing(from: &Tag, into: &Tag, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<i64> {
    let Some(family) = into.family_id else { return Ok(0) };
    let others: Vec<i64> = tags::table
        .filter(tags::family_id.eq(family).assume_not_null())
        .filter(tags::id.ne_all([from.id, into.id]))
        .select(tags::id)
        .load(conn)?;
    let others: Vec<i64> = taggings::table
        .filter(taggings::tag_id.eq_any(others))
        .filter(on(now))
        .filter(Carrying { column: "taggings.customer_id", tag_id: from.id })
        .select(taggings::customer_id)
        .load(conn)?;
    let mut clash = 0;
    for some in others.chunks(CHUNK) {
        let hers = taggings::table.filter(taggings::tag_id.eq(from.id)).filter(on(now));
        let hers = hers.filter(Among { column: "taggings.customer_id", ids: some.to_vec() });
        clash += hers.count().get_result::<i64>(conn)?;
    }
    Ok(clash)
}

/// What was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    pub sums: Sums,
    /// Whose filters ask for the other tag now.
    pub rewritten: Vec<Place>,
}

/// Does it, in the transaction that is open.
pub fn merge(from: &Tag, into: &Tag, mark: &Mark, caller: &Caller, conn: &mut Conn) -> Result<Merged, Refused> {
    let mut held = [from.id, into.id];
    held.sort_unstable();
    let rows = tags::table.filter(tags::id.eq_any(held)).order(tags::id).select(tags::id);
    Holding(rows, Hold::Change).load::<i64>(conn)?;
    past::expire(&|| with(&[from.id, into.id]), mark.at, conn)?;
    let (sums, both) = sums(from, into, mark.at, conn)?;
    collapse(from.id, into.id, &both, mark, conn)?;
    let moving: Vec<i64> =
        taggings::table.filter(taggings::tag_id.eq(from.id)).select(taggings::customer_id).load(conn)?;
    diesel::update(taggings::table.filter(taggings::tag_id.eq(from.id)))
        .set(taggings::tag_id.eq(into.id))
        .execute(conn)?;
    for some in moving.chunks(CHUNK) {
        put::touch(some, mark.at, conn)?;
    }
    diesel::update(past_taggings::table.filter(past_taggings::tag_id.eq(from.id)))
        .set(past_taggings::tag_id.eq(into.id))
        .execute(conn)?;
    let rewritten = uses::rewrite(from, into, caller, conn)?;
    names::hand_over(from.id, into.id, conn)?;
    diesel::delete(tags::table.find(from.id)).execute(conn)?;
    names::keep(&from.name, into.id, mark.at, conn)?;
    Ok(Merged { sums, rewritten })
}

fn with(ids: &[i64]) -> On<taggings::table> {
    Box::new(taggings::tag_id.eq_any(ids.to_vec()))
}

/// Of those who carry both only the earlier tagging is left, and it lasts as long as the longer of the two.
fn collapse(from: i64, into: i64, both: &Both, mark: &Mark, conn: &mut Conn) -> QueryResult<()> {
    let mut later: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut ends: BTreeMap<(i64, Option<NaiveDateTime>), Vec<i64>> = BTreeMap::new();
    for twice in &both.0 {
        let (kept, gone) = if twice.goes_on() { (from, into) } else { (into, from) };
        later.entry(gone).or_default().push(twice.into.customer_id);
        if twice.kept().expires_at != twice.end() {
            ends.entry((kept, twice.end())).or_default().push(twice.into.customer_id);
        }
    }
    let hers = |tag: i64, ids: &[i64]| -> On<taggings::table> {
        Box::new(taggings::tag_id.eq(tag).and(Among { column: "taggings.customer_id", ids: ids.to_vec() }))
    };
    for (tag, ids) in later {
        for some in ids.chunks(CHUNK) {
            past::end(&|| hers(tag, some), Why::Merged, mark, conn)?;
        }
    }
    for ((tag, end), ids) in ends {
        for some in ids.chunks(CHUNK) {
            diesel::update(taggings::table.filter(hers(tag, some))).set(taggings::expires_at.eq(end)).execute(conn)?;
        }
    }
    Ok(())
}
