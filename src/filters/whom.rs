//! Whom an action is about: the ticked customers, or all who match a filter. It is settled once, in one snapshot: who
//! comes later is not in it, and who leaves the filter afterwards is.

use super::{Filter, Predicate, count, stored};
use crate::db::Conn;
use crate::db::nodes::{Among, Gathered, gathered};
use crate::db::schema::customers;
use crate::web::{Error, thousands};
use crate::workspace::Clock;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use roaring::RoaringBitmap;

/// More than these cannot be named one by one.
pub const MOST_TICKED: usize = 50_000;

pub enum Whom {
    Ticked(Vec<i64>),
    Matching(Box<Filter>),
}

/// Whom an action is about, once it was started.
pub struct Settled {
    pub ids: RoaringBitmap,
    pub words: String,
    /// The filter's text, and the segments it names.
    pub filter: Option<String>,
    pub segments: Vec<i64>,
    /// The moment it was settled at.
    pub at: NaiveDateTime,
}

impl Whom {
    /// These ids, once each. What can be no customer's id is nobody.
    pub fn ticked(ids: impl IntoIterator<Item = i64>) -> Whom {
        let ids: RoaringBitmap = ids.into_iter().filter_map(|id| u32::try_from(id).ok()).filter(|id| *id > 0).collect();
        Whom::Ticked(ids.into_iter().map(i64::from).collect())
    }

    /// All who match, by a filter as an address spells it.
    pub fn matching(spelled: &str, conn: &mut Conn, clock: &Clock) -> Result<Whom, Error> {
        let rule = stored::open(spelled, conn)?.map_err(|mistake| Error::Unprocessable(mistake.to_string()))?;
        let filter = Filter::check(&rule, conn, clock)?;
        match filter.problems().first() {
            Some(problem) => Err(Error::Unprocessable(format!("This filter selects nobody. {}", problem.words))),
            None => Ok(Whom::Matching(Box::new(filter))),
        }
    }

    pub fn predicate(&self) -> Predicate {
        match self {
            Whom::Ticked(ids) => Box::new(Among { column: "customers.id", ids: ids.clone() }),
            Whom::Matching(filter) => filter.predicate(),
        }
    }

    pub fn count(&self, conn: &mut Conn) -> QueryResult<i64> {
        match self {
            Whom::Ticked(ids) => Ok(ids.len() as i64),
            Whom::Matching(filter) => count(filter, conn),
        }
    }

    /// As a sentence goes on after a number: `12 customers, {words}`.
    pub fn words(&self) -> String {
        match self {
            Whom::Ticked(_) => "ticked one by one".into(),
            Whom::Matching(filter) if filter.rule().is_empty() => "everybody".into(),
            Whom::Matching(filter) => {
                let sentence = filter.sentence();
                let mut letters = sentence.chars();
                letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
            }
        }
    }

    /// Who that is now. Ticked ones stay in it even if they are gone: the result says so.
    pub fn settle(&self, conn: &mut Conn, clock: &Clock) -> QueryResult<Settled> {
        let (ids, filter, segments) = match self {
            Whom::Ticked(ids) => (ids.iter().filter_map(|id| u32::try_from(*id).ok()).collect(), None, Vec::new()),
            Whom::Matching(filter) => {
                let found = customers::table.filter(self.predicate()).select(Gathered("customers.id"));
                let mut ids: Vec<u32> =
                    gathered(found.get_result(conn)?).filter_map(|id| u32::try_from(id).ok()).collect();
                ids.sort_unstable();
                (ids.into_iter().collect(), Some(filter.text()), filter.segments())
            }
        };
        Ok(Settled { ids, words: self.words(), filter, segments, at: clock.stamp() })
    }
}

impl Settled {
    pub fn packed(&self) -> QueryResult<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.ids.serialized_size());
        let done = self.ids.serialize_into(&mut bytes);
        done.map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
        Ok(bytes)
    }
}

pub fn unpacked(bytes: &[u8]) -> QueryResult<RoaringBitmap> {
    RoaringBitmap::deserialize_from(bytes).map_err(|error| diesel::result::Error::DeserializationError(error.into()))
}

/// `1 customer`, `12,431 customers`.
pub fn people(count: &i64) -> String {
    match count {
        1 => "1 customer".into(),
        many => format!("{} customers", thousands(many)),
    }
}
