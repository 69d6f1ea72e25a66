//! The sets that are at hand, each with the place in history at which it is true, and how one is moved to another place.
//!
//! A set is never simply believed. Whoever asks stands at a position and at a moment of her own; customers that changed
//! in between, either way round, are asked again in her own snapshot. So there are no versions to keep and nothing to
//! invalidate, and an old reader is answered as truly as a new one.

use super::counts::Counts;
use super::journal::{Journal, Position};
use super::texts::{Own, Texts};
use super::{Ids, collect};
use crate::db::Conn;
use crate::db::changes::{self, Version};
use crate::filters::ask::Source;
use crate::tags;
use chrono::{Duration as Length, NaiveDateTime};
use diesel::prelude::*;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// So far ahead it is looked whether anybody's answer will change by itself.
const AHEAD: Length = Length::minutes(10);

/// The answers to one condition.
#[derive(Clone)]
struct Set {
    ids: Arc<Ids>,
    /// True at this position and this moment,
    at: Position,
    now: NaiveDateTime,
    /// and, as long as nothing is written, up to this one.
    until: NaiveDateTime,
    /// What asking everybody took.
    cost: Duration,
}

/// Nobody waits longer than this for a set that somebody else is making. On PostgreSQL that one may wait for a table that
/// is to be locked as a whole (TRUNCATE, ALTER TABLE), and this for all snapshots to end that have read it, one of them
/// hers who waits here. No database sees such a circle.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whoever only wants to know whether a set is there waits so long for somebody who moves it.
const GLANCE: Duration = Duration::from_millis(5);

/// The place of a set. Whoever fills it holds the lock; others who want the same set wait and find it.
#[derive(Default)]
struct Slot {
    set: Mutex<Option<Set>>,
    bytes: AtomicUsize,
    used: AtomicU64,
}

/// Where somebody asks from: an open snapshot, its position, and the moment that is now.
pub struct Stand<'a> {
    pub conn: &'a mut Conn,
    pub at: Position,
    pub now: NaiveDateTime,
}

#[derive(Default)]
pub struct Cache {
    seen: Mutex<Option<Version>>,
    journal: Mutex<Journal>,
    slots: Mutex<HashMap<Source, Arc<Slot>>>,
    pub counts: Counts,
    pub texts: Texts,
    /// Counts uses, to know the one least recently used.
    uses: AtomicU64,
    /// The bytes that sets may take, as was said or as it grew.
    said: Option<usize>,
    budget: AtomicUsize,
    fills: AtomicU64,
    pub sizes_of_tags: tags::Sizes,
}

/// Unless somebody says how many, sets and texts may take so many bytes, and so many more for each customer: a set of more
/// than one in sixteen customers takes a bit for each of them all, and a column of names two dozen bytes.
const BASE: usize = 48 << 20;
const EACH: usize = 150;

impl Cache {
    /// What the newest snapshot saw: held while the next one is opened, so that positions are in the order of snapshots.
    /// Whoever has opened one never waits for this, as that may wait for her.
    pub fn entering(&self) -> MutexGuard<'_, Option<Version>> {
        self.seen.lock()
    }

    /// Where a snapshot stands. To be asked first in its transaction.
    pub fn enter(&self, seen: &mut Option<Version>, conn: &mut Conn) -> QueryResult<Position> {
        let (version, since) = changes::since(seen.as_ref(), conn)?;
        *seen = Some(version);
        Ok(self.journal.lock().enter(since))
    }

    /// `bytes`: how much the sets may take.
    pub fn new(bytes: Option<usize>) -> Cache {
        Cache { said: bytes, ..Cache::default() }
    }

    /// How many times everybody was asked.
    pub fn fills(&self) -> u64 {
        self.fills.load(Ordering::Relaxed)
    }

    /// The bytes that all sets and texts take.
    pub fn bytes(&self) -> usize {
        let sets: usize = self.slots.lock().values().map(|slot| slot.bytes.load(Ordering::Relaxed)).sum();
        sets + self.texts.bytes()
    }

    /// Reads a column into memory, half of which is for texts.
    pub fn read_text(&self, column: Own, at: Position, conn: &mut Conn) -> QueryResult<()> {
        let budget = self.said.unwrap_or_else(|| self.budget.load(Ordering::Relaxed).max(BASE));
        self.texts.read(column, at, budget / 2, conn)?;
        self.make_room();
        Ok(())
    }

    /// True when the sets take most of what they may.
    pub fn is_crowded(&self) -> bool {
        let budget = self.budget.load(Ordering::Relaxed);
        budget > 0 && self.bytes() > budget / 10 * 8
    }

    /// True when somebody asked this before and it was kept: asking again is a matter of what changed since.
    pub fn has(&self, source: &Source) -> bool {
        let slot = self.slots.lock().get(source).cloned();
        slot.is_some_and(|slot| slot.bytes.load(Ordering::Relaxed) > 0)
    }

    /// True when the answer is at hand, or soon: it was kept, nobody is making it anew just now, and so few changed since
    /// that asking those is quick.
    pub fn is_ready(&self, source: &Source, at: Position, conn: &Conn) -> bool {
        let Some(slot) = self.slots.lock().get(source).cloned() else { return false };
        let Some(held) = slot.set.try_lock_for(GLANCE) else { return false };
        held.as_ref().is_some_and(|set| {
            let changed = || self.journal.lock().between(set.at, at, &source.reads());
            set.at == at || changed().is_some_and(|changed| is_cheaper(changed.len(), set.cost, conn))
        })
    }

    /// Everybody a condition is true for, as the database stands where it is asked from.
    pub fn answer(&self, source: &Source, stand: &mut Stand) -> QueryResult<Arc<Ids>> {
        let slot = self.slots.lock().entry(source.clone()).or_default().clone();
        slot.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let Some(mut held) = slot.set.try_lock_for(PATIENCE) else {
            self.fills.fetch_add(1, Ordering::Relaxed);
            return Ok(Arc::new(ask(source, None, stand)?));
        };
        if let Some(set) = held.as_mut()
            && let Some(ids) = self.moved(set, source, stand)?
        {
            if Arc::ptr_eq(&ids, &set.ids) {
                // Nothing lies between the two places: it is true at both.
                set.at = set.at.max(stand.at);
                set.now = set.now.max(stand.now);
                return Ok(ids);
            }
            let moved = Set { ids, ..set.clone() };
            return self.publish(moved, source, &slot, &mut held, stand);
        }
        let began = Instant::now();
        if let Some((text, ids)) = self.texts.find(source) {
            let until = NaiveDateTime::MAX;
            let mut set = Set { ids: Arc::new(ids), at: text.at, now: stand.now, until, cost: text.cost() };
            if let Some(ids) = self.moved(&mut set, source, stand)? {
                return self.publish(Set { ids, ..set }, source, &slot, &mut held, stand);
            }
        }
        let ids = Arc::new(ask(source, None, stand)?);
        self.fills.fetch_add(1, Ordering::Relaxed);
        self.texts.want(source);
        let filled = Set { ids, at: stand.at, now: stand.now, until: stand.now, cost: began.elapsed() };
        self.publish(filled, source, &slot, &mut held, stand)
    }

    /// A set as it is where it is asked for; `None` when everybody is to be asked anew.
    fn moved(&self, set: &mut Set, source: &Source, stand: &mut Stand) -> QueryResult<Option<Arc<Ids>>> {
        let Some(changed) = self.changed(set, source, stand)? else { return Ok(None) };
        if changed.is_empty() {
            return Ok(Some(set.ids.clone()));
        }
        if !is_cheaper(changed.len(), set.cost, stand.conn) {
            return Ok(None);
        }
        let yes = ask(source, Some(&changed), stand)?;
        Ok(Some(Arc::new((&*set.ids - changed) | yes)))
    }

    /// Customers whose answer may differ between where a set is true and where it is asked for: those the log names, and
    /// those with an instant that passed. `None` when that may be everybody.
    fn changed(&self, set: &mut Set, source: &Source, stand: &mut Stand) -> QueryResult<Option<Ids>> {
        let changed = match set.at == stand.at {
            true => Ids::new(),
            false => match self.journal.lock().between(set.at, stand.at, &source.reads()) {
                Some(changed) => changed,
                None => return Ok(None),
            },
        };
        // Whoever did not change has nothing that passes before `until`, and whoever did is asked anyhow.
        if (set.now..=set.until).contains(&stand.now) {
            return Ok(Some(changed));
        }
        let Some(passed) = source.passed(set.now, stand.now) else { return Ok(Some(changed)) };
        let changed = changed | ask(&passed, None, stand)?;
        if changed.is_empty() && stand.now > set.until {
            set.until = ahead(source, stand)?;
        }
        Ok(Some(changed))
    }

    /// Keeps a set that was just made, unless a newer one is there, and hands it out either way.
    fn publish(
        &self,
        mut made: Set,
        source: &Source,
        slot: &Arc<Slot>,
        held: &mut Option<Set>,
        stand: &mut Stand,
    ) -> QueryResult<Arc<Ids>> {
        let ids = made.ids.clone();
        // By position alone: were the moment to count, a clock that is set back would keep all sets from being kept.
        if held.as_ref().is_some_and(|there| there.at > stand.at) {
            return Ok(ids);
        }
        (made.at, made.now, made.until) = (stand.at, stand.now, ahead(source, stand)?);
        // An empty set takes its place too.
        slot.bytes.store(ids.serialized_size() + 256, Ordering::Relaxed);
        if *source == Source::Anyone {
            let budget = self.said.unwrap_or(BASE + EACH * ids.len() as usize);
            self.budget.store(budget, Ordering::Relaxed);
        }
        *held = Some(made);
        self.make_room();
        Ok(ids)
    }

    /// Lets go of the sets that were not used for longest, down to nine tenths of the budget.
    fn make_room(&self) {
        let budget = self.budget.load(Ordering::Relaxed);
        let texts = self.texts.bytes();
        let mut slots = self.slots.lock();
        let size = |slot: &Arc<Slot>| slot.bytes.load(Ordering::Relaxed);
        let mut total: usize = texts + slots.values().map(size).sum::<usize>();
        if budget == 0 || total <= budget {
            return;
        }
        let mut oldest: Vec<(u64, Source)> =
            slots.iter().map(|(source, slot)| (slot.used.load(Ordering::Relaxed), source.clone())).collect();
        oldest.sort_unstable_by_key(|(used, _)| *used);
        for (_, source) in oldest {
            if total <= budget / 10 * 9 {
                break;
            }
            total -= slots.remove(&source).map_or(0, |slot| size(&slot));
        }
    }
}

/// Asks in the snapshot, everybody or a few. On PostgreSQL a question that fails spoils the transaction it is asked in,
/// so it gets one of its own and the answer can still be had by SQL.
fn ask(source: &Source, few: Option<&Ids>, stand: &mut Stand) -> QueryResult<Ids> {
    let (among, now) = (few.map(|few| few.iter().map(i64::from).collect()), stand.now);
    let ids = match stand.conn {
        Conn::Sqlite(_) => source.ids(among, now, stand.conn),
        Conn::Postgres(_) => stand.conn.transaction(|conn| source.ids(among, now, conn)),
    };
    collect(ids?)
}

/// Up to when nobody's answer changes by itself.
fn ahead(source: &Source, stand: &mut Stand) -> QueryResult<NaiveDateTime> {
    let Some(soon) = source.passed(stand.now, stand.now + AHEAD) else { return Ok(NaiveDateTime::MAX) };
    Ok(if ask(&soon, None, stand)?.is_empty() { stand.now + AHEAD } else { stand.now })
}

/// Asking a few again costs about so much for each of them, whatever the condition.
fn is_cheaper(few: u64, everybody: Duration, conn: &Conn) -> bool {
    let each = match conn {
        Conn::Sqlite(_) => Duration::from_nanos(2_000),
        Conn::Postgres(_) => Duration::from_nanos(4_000),
    };
    each * u32::try_from(few).unwrap_or(u32::MAX) < everybody.max(Duration::from_micros(200))
}
