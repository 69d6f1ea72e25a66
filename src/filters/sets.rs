//! Answers as sets of customers: each condition is asked once for the ids of all who fit, and everything else is set
//! algebra. A negative is the complement within everyone.
//!
//! Sets are kept between requests ([`cache`]) and are exact all the same: a request opens one [`Snapshot`] of the
//! database, learns from the change log where in history it stands ([`journal`]), and moves each set it needs to that
//! very place. Count, waterfall, page and rows of a request come from the same snapshot, so they agree.
//!
//! Nothing here writes, and whatever writes does not ask here: its own changes are in no snapshot yet. It asks the
//! filter's SQL predicate inside its transaction.

mod cache;
mod counts;
mod journal;
pub mod reads;
mod texts;

use super::Filter;
use super::ask::{Ask, Source};
use super::fields::{Fields, Place, Scope};
use crate::db::{self, Conn, Db, Trouble};
use cache::{Cache, Stand};
use chrono::{NaiveDateTime, Utc};
pub use counts::Parts;
use diesel::prelude::*;
pub use journal::Position;
use roaring::RoaringBitmap;
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A set of customers by id. Ids fit in 32 bits: both migrations check it.
pub type Ids = RoaringBitmap;

/// Ids as a database gives them, in any order, some of them twice.
pub fn collect(ids: Vec<i64>) -> QueryResult<Ids> {
    let wrong = |error: std::num::TryFromIntError| diesel::result::Error::DeserializationError(error.into());
    let highest = u32::try_from(ids.iter().copied().max().unwrap_or_default()).map_err(wrong)?;
    let bytes = highest as usize / 8 + 1;
    if ids.len() < bytes / 16 {
        // Few among many: sorted runs are far quicker to take in than single ids.
        let mut ids: Vec<u32> = ids.into_iter().map(u32::try_from).collect::<Result<_, _>>().map_err(wrong)?;
        ids.sort_unstable();
        return Ok(ids.into_iter().collect());
    }
    // Many: a bit each, in whatever order they come.
    let mut bits = vec![0u8; bytes];
    for id in ids {
        let id = u32::try_from(id).map_err(wrong)?;
        bits[id as usize / 8] |= 1 << (id % 8);
    }
    Ok(Ids::from_lsb0_bytes(0, &bits))
}

/// The sets of one database, shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct Sets {
    db: Db,
    cache: Arc<Cache>,
}

impl Sets {
    /// `bytes`: how much they may take; as many as suit the number of customers when nobody says.
    pub fn new(db: Db, bytes: Option<usize>) -> Sets {
        Sets { db, cache: Arc::new(Cache::new(bytes)) }
    }

    /// Answers from one consistent snapshot, on the calling thread.
    pub fn read_now<T, E: From<Trouble>>(&self, work: impl FnOnce(&mut Snapshot) -> Result<T, E>) -> Result<T, E> {
        let mut conn = self.db.conn()?;
        let entered = {
            let mut seen = self.cache.entering();
            db::begin_snapshot(&mut conn)?;
            self.cache.enter(&mut seen, &mut conn)
        };
        let (cache, at) = match entered {
            Ok(at) => (self.cache.clone(), at),
            Err(error) => {
                // Without the log no set can be trusted that somebody else made: everything is asked afresh.
                tracing::warn!(%error, "the change log cannot be read");
                db::finish::<(), Trouble>(&mut conn, Err(Trouble::Query(error))).ok();
                db::begin_snapshot(&mut conn)?;
                (Arc::default(), 0)
            }
        };
        let done = work(&mut Snapshot { conn: &mut conn, cache, at });
        db::finish(&mut conn, done)
    }

    /// [`Sets::read_now`] on a worker thread: handlers must not block.
    pub async fn read<T, E>(&self, work: impl FnOnce(&mut Snapshot) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Trouble> + Send + 'static,
    {
        let sets = self.clone();
        actix_web::web::block(move || sets.read_now(work)).await.unwrap_or_else(|_| Err(E::from(Trouble::Stopped)))
    }

    /// Notes which fields people will look for customers by.
    pub fn expect_texts(&self, keys: &[&str]) {
        for key in keys {
            if let Some(Place::Own(column)) = Fields::built_in().find(Scope::Customer, key).map(|field| field.place) {
                self.cache.texts.expect(column);
            }
        }
    }

    /// Reads into memory the text columns that are worth it, each in a snapshot of its own. False when one was left for
    /// later: it took long, not long ago.
    pub fn read_texts(&self) -> Result<bool, Trouble> {
        for column in self.cache.texts.wanted() {
            self.read_now::<_, Trouble>(|at| {
                // How much room there is hangs on how many they are.
                at.everyone(Utc::now().naive_utc())?;
                Ok(at.cache.clone().read_text(column, at.at, at.conn)?)
            })?;
        }
        Ok(!self.cache.texts.are_wanted())
    }

    /// How many times everybody was asked so far.
    pub fn fills(&self) -> u64 {
        self.cache.fills()
    }

    pub fn bytes(&self) -> usize {
        self.cache.bytes()
    }
}

/// One moment of the database, with what is known about it. As a connection it is for everything that is not a set.
pub struct Snapshot<'a> {
    conn: &'a mut Conn,
    cache: Arc<Cache>,
    at: Position,
}

impl Deref for Snapshot<'_> {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        self.conn
    }
}
impl DerefMut for Snapshot<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn
    }
}

impl Snapshot<'_> {
    /// The transaction that is open on a connection, for which nothing is known yet: each condition is asked once.
    /// Nothing may be written while it lives.
    pub fn alone(conn: &mut Conn) -> Snapshot<'_> {
        Snapshot { conn, cache: Arc::default(), at: 0 }
    }

    /// Where this snapshot stands in the history of the database, as this process counts it.
    pub fn position(&self) -> Position {
        self.at
    }

    /// True when a condition was asked before and its answers were kept.
    pub fn has(&self, source: &Source) -> bool {
        self.cache.has(source)
    }

    /// True when more sets would drive others out.
    pub fn is_crowded(&self) -> bool {
        self.cache.is_crowded()
    }

    /// Everybody one condition is true for, at a moment. Rows of customers that are gone may be among them.
    pub fn answer(&mut self, source: &Source, now: NaiveDateTime) -> QueryResult<Arc<Ids>> {
        self.cache.clone().answer(source, &mut Stand { conn: self.conn, at: self.at, now })
    }

    /// How many customers carry each tag, roughly.
    pub fn sizes_of_tags(&mut self, now: NaiveDateTime) -> QueryResult<Arc<HashMap<i64, i64>>> {
        self.cache.sizes_of_tags.lately(now, self.conn)
    }

    /// Every customer there is.
    pub fn everyone(&mut self, now: NaiveDateTime) -> QueryResult<Arc<Ids>> {
        self.answer(&Source::Anyone, now)
    }

    /// Everybody a question is true for, at a moment.
    pub fn of(&mut self, ask: &Ask, now: NaiveDateTime) -> QueryResult<Ids> {
        let everyone = self.everyone(now)?;
        Ok(&*everyone & &*self.algebra(ask, &everyone, now)?)
    }

    /// How many a question is true for: the set itself is not made.
    pub fn size(&mut self, ask: &Ask, now: NaiveDateTime) -> QueryResult<i64> {
        let everyone = self.everyone(now)?;
        Ok(everyone.intersection_len(&*self.algebra(ask, &everyone, now)?) as i64)
    }

    /// Everybody a filter selects.
    pub fn matching(&mut self, filter: &Filter) -> QueryResult<Ids> {
        self.of(&filter.ask(), filter.clock().stamp())
    }

    /// How many a filter selects. What cannot be had as a set is counted by SQL.
    pub fn count(&mut self, filter: &Filter) -> QueryResult<i64> {
        self.counted(filter, Snapshot::size)
    }

    /// The same, for whoever asks the same filters each time: a count is only made again after one of the sets it was
    /// made of was.
    pub fn recount(&mut self, filter: &Filter) -> QueryResult<i64> {
        self.counted(filter, |at, ask, now| {
            let parts = at.parts(ask, now)?;
            if let Some(count) = at.cache.counts.get(ask, &parts) {
                return Ok(count);
            }
            let count = at.size(ask, now)?;
            at.cache.counts.keep(ask.clone(), &parts, count);
            Ok(count)
        })
    }

    /// The sets an answer is made of: as long as they are the same ones, it is the same.
    pub fn parts(&mut self, ask: &Ask, now: NaiveDateTime) -> QueryResult<Vec<Arc<Ids>>> {
        let mut sources = vec![&Source::Anyone];
        ask.each(&mut |source| sources.push(source));
        sources.into_iter().map(|source| self.answer(source, now)).collect()
    }

    fn counted(
        &mut self,
        filter: &Filter,
        count: impl FnOnce(&mut Self, &Ask, NaiveDateTime) -> QueryResult<i64>,
    ) -> QueryResult<i64> {
        match count(self, &filter.ask(), filter.clock().stamp()) {
            Ok(count) => Ok(count),
            Err(error) => {
                tracing::warn!(%error, "a filter is counted by SQL");
                super::count(filter, self.conn)
            }
        }
    }

    /// True when the answer to every condition of a filter is at hand, or soon.
    pub fn knows(&self, filter: &Filter) -> bool {
        let ready = |source: &Source| self.cache.is_ready(source, self.at, self.conn);
        let mut known = ready(&Source::Anyone);
        filter.ask().each(&mut |source| known = known && ready(source));
        known
    }

    /// The algebra. Rows without their customer, left by hand, may still be among the ids.
    fn algebra(&mut self, ask: &Ask, all: &Ids, now: NaiveDateTime) -> QueryResult<Held> {
        Ok(match ask {
            Ask::Everyone => Held::Own(all.clone()),
            Ask::Nobody => Held::Own(Ids::new()),
            Ask::One(source) => Held::Kept(self.answer(source, now)?),
            Ask::Not(inner) => Held::Own(all - &*self.algebra(inner, all, now)?),
            Ask::All(asks) => {
                let mut left: Option<Held> = None;
                for ask in asks {
                    left = Some(match (left, ask) {
                        (None, ask) => self.algebra(ask, all, now)?,
                        (Some(left), Ask::Not(inner)) => Held::Own(match (left, self.algebra(inner, all, now)?) {
                            (Held::Kept(left), out) => &*left - &*out,
                            (Held::Own(left), out) => left - &*out,
                        }),
                        (Some(left), ask) => Held::Own(match (left, self.algebra(ask, all, now)?) {
                            (Held::Kept(left), more) => &*left & &*more,
                            (Held::Own(left), more) => left & &*more,
                        }),
                    });
                }
                left.unwrap_or_else(|| Held::Own(all.clone()))
            }
            Ask::Any(asks) => {
                let mut any = Ids::new();
                for ask in asks {
                    any |= &*self.algebra(ask, all, now)?;
                }
                Held::Own(any)
            }
        })
    }
}

/// A set on its way: one that is kept, which is not copied before it has to be, or one of its own.
enum Held {
    Kept(Arc<Ids>),
    Own(Ids),
}

impl Deref for Held {
    type Target = Ids;
    fn deref(&self) -> &Ids {
        match self {
            Held::Kept(ids) => ids,
            Held::Own(ids) => ids,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ids, collect};

    #[test]
    fn ids_are_taken_in_many_or_few_in_any_order_and_twice() {
        for ids in [vec![], vec![7, 1, 7, 3], vec![4_294_967_295, 9], (1..100_000).rev().collect::<Vec<i64>>()] {
            let expected: Ids = ids.iter().map(|id| u32::try_from(*id).expect("32 bits")).collect();
            assert_eq!(collect(ids).expect("a set"), expected);
        }
        assert!(collect(vec![1, 4_294_967_296]).is_err() && collect(vec![-1, 5]).is_err());
    }
}
