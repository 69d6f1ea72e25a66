//! Answers as sets of customers: each condition is asked once for the ids of all who fit, and everything else is set
//! algebra. A negative is the complement within everyone. All sets of one [`Sets`] come from one snapshot, so what is
//! counted from them adds up.

use super::ask::{Ask, Source};
use crate::db::Conn;
use crate::db::schema::customers;
use diesel::prelude::*;
use roaring::RoaringBitmap;

/// A set of customers by id. Ids fit in 32 bits: both migrations check it.
pub type Ids = RoaringBitmap;

/// The snapshot that sets are asked in; the connection must be inside one transaction.
pub struct Sets<'a> {
    conn: &'a mut Conn,
    pub everyone: Ids,
}

fn collect(ids: Vec<i64>) -> QueryResult<Ids> {
    let mut ids: Vec<u32> = ids
        .into_iter()
        .map(|id| u32::try_from(id).map_err(|error| diesel::result::Error::DeserializationError(error.into())))
        .collect::<QueryResult<_>>()?;
    // Sorted runs are far quicker to take in than single ids.
    ids.sort_unstable();
    ids.dedup();
    Ids::from_sorted_iter(ids).map_err(|error| diesel::result::Error::DeserializationError(error.into()))
}

impl Sets<'_> {
    pub fn open(conn: &mut Conn) -> QueryResult<Sets<'_>> {
        let everyone = collect(customers::table.select(customers::id).load(conn)?)?;
        Ok(Sets { conn, everyone })
    }

    /// Everybody a question is true for.
    pub fn of(&mut self, ask: Ask) -> QueryResult<Ids> {
        let everyone = self.everyone.clone();
        self.within(ask, &everyone, false)
    }

    /// Those of a few whom it is true for: what a set is patched with when only they have changed.
    pub fn of_among(&mut self, ask: Ask, few: &Ids) -> QueryResult<Ids> {
        let few = few & &self.everyone;
        self.within(ask, &few, true)
    }

    /// The algebra, within everyone or within a few.
    fn within(&mut self, ask: Ask, all: &Ids, few: bool) -> QueryResult<Ids> {
        Ok(match ask {
            Ask::Everyone => all.clone(),
            Ask::Nobody => Ids::new(),
            Ask::One(source) => self.fill(source, all, few)?,
            Ask::Not(inner) => all - self.within(*inner, all, few)?,
            Ask::All(asks) => {
                let mut left = all.clone();
                for ask in asks {
                    left &= self.within(ask, all, few)?;
                }
                left
            }
            Ask::Any(asks) => {
                let mut any = Ids::new();
                for ask in asks {
                    any |= self.within(ask, all, few)?;
                }
                any
            }
        })
    }

    fn fill(&mut self, source: Source, all: &Ids, few: bool) -> QueryResult<Ids> {
        let among = few.then(|| all.iter().map(i64::from).collect());
        // A row without its customer, left by hand, is nobody.
        Ok(collect(source.ids(among, self.conn)?)? & all)
    }
}
