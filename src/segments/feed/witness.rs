//! Sees to it that no change hides another from the feed.
//!
//! The follower finds who moved between two of its looks. Were somebody tagged and untagged in between, it would find
//! nothing. So whoever changes customers again before the follower has looked first sees where they are: at the end of
//! the transaction, on a connection that sees what was there before it. What was seen goes down as *sightings*, in the same
//! transaction, and the follower goes from one to the next. Where nothing was changed since the newest look, as is almost
//! always so, a few short questions say so.

use super::asking::{self, Asking};
use super::causes::{self, Committed, Told};
use super::store::{self, Sighting};
use crate::db::changes::{self, Change, Mark, Since, Version, source};
use crate::db::schema::customers;
use crate::db::{self, Conn, Db, Trouble};
use crate::filters::ask::Source;
use crate::filters::sets::{self, Ids, Snapshot};
use crate::workspace::stamp;
use chrono::{NaiveDateTime, Utc};
use diesel::prelude::*;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Among no more than so many it is asked whose moment has passed; otherwise among everybody.
const FEW: usize = 1_000;

/// How far the follower is.
#[derive(Clone)]
pub struct Looked {
    pub version: Option<Version>,
    /// The moment at which it looked.
    pub now: NaiveDateTime,
    /// What each segment asked then.
    pub rules: Arc<HashMap<i64, String>>,
    /// The same to be asked; `None` when another process follows.
    pub asked: Option<Arc<Vec<Asking>>>,
}

/// Where the follower of this process leaves how far it is, for the witness of this process.
pub type Progress = Arc<Mutex<Option<Looked>>>;

#[derive(Default)]
pub struct Witness {
    pub progress: Progress,
}

impl db::Witness for Witness {
    fn attend(&self, mark: &Mark, conn: &mut Conn, db: &Db) -> Result<(), Trouble> {
        let Some(looked) = self.looked(conn)? else { return Ok(()) };
        let changes = changes::written(mark, conn)?;
        if changes.is_empty() {
            return Ok(());
        }
        let touched = changes.iter().try_fold(Ids::new(), |all, change| Some(all | asking::whose(change)?));
        let listed: Option<Vec<i64>> = touched.map(|touched| touched.iter().map(i64::from).collect());
        changes::one_after_the_other(listed.as_deref(), conn)?;
        let after = match changes.iter().any(|change| change.source == source::SEGMENTS) {
            true => Some(asking::rules(conn)?),
            false => None,
        };
        let write = Write { changes: &changes, customers: listed.as_deref(), after };
        match db.before(|at| see(&write, &looked, at)) {
            Ok(seen) => store::note(&seen, conn),
            Err(trouble) => {
                // The feed tells less, and nothing that is wrong.
                tracing::warn!(%trouble, "it was not seen where customers were before a change");
                Ok(())
            }
        }
    }
}

/// Everybody there is, or these.
type Whom = Option<Ids>;

fn both(one: Whom, other: Whom) -> Whom {
    match (one, other) {
        (Some(one), Some(other)) => Some(one & other),
        (some, None) | (None, some) => some,
    }
}

/// A write that is about to be committed.
struct Write<'a> {
    changes: &'a [Change],
    /// Whom it changes, unless that is everybody.
    customers: Option<&'a [i64]>,
    /// What segments ask from now on, if it changes that.
    after: Option<HashMap<i64, String>>,
}

impl Write<'_> {
    /// The first and the last of whom it changes.
    fn about(&self) -> Option<RangeInclusive<i64>> {
        let customers = self.customers?;
        Some(*customers.first()?..=*customers.last()?)
    }

    /// Whom it changes and who is no new customer, if they are few.
    fn few(&self, at: &mut Conn) -> QueryResult<Option<Vec<i64>>> {
        match self.customers.filter(|customers| customers.len() <= FEW) {
            Some(few) => customers::table.filter(customers::id.eq_any(few)).select(customers::id).load(at).map(Some),
            None => Ok(None),
        }
    }

    /// Whom it may move into or out of a segment.
    fn touches(&self, asking: &Asking) -> Whom {
        let asks_on = self.after.as_ref().is_none_or(|rules| rules.get(&asking.segment) == Some(&asking.rule));
        if asks_on { asking.touched(self.changes) } else { None }
    }
}

impl Witness {
    /// `None` when nobody follows.
    fn looked(&self, conn: &mut Conn) -> Result<Option<Looked>, Trouble> {
        match self.progress.lock().clone() {
            Some(looked) => Ok(Some(looked)),
            None => store::looked(stamp(Utc::now()), conn),
        }
    }
}

/// Where those were whom a write changes and something else has changed before it, in each segment that it may move
/// them into or out of.
fn see(write: &Write, looked: &Looked, at: &mut Conn) -> Result<Vec<Sighting>, Trouble> {
    let now = stamp(Utc::now());
    let (version, since) = changes::since_about(looked.version.as_ref(), write.about().as_ref(), at)?;
    let earlier = match since {
        Since::Same => Some(Vec::new()),
        Since::Changes(changes) => Some(changes),
        Since::Lost => None,
    };
    let is_new = |changes: &Vec<Change>| changes.iter().any(|change| change.source == source::SEGMENTS);
    let asked = match &looked.asked {
        Some(asked) if !earlier.as_ref().is_none_or(is_new) => asked.clone(),
        _ => Arc::new(asking::read(at)?),
    };
    let mut passed = Passed { write, from: looked.now, to: now, few: None, known: HashMap::new() };
    let (mut told, mut seen) = (Told::default(), Vec::new());
    for asking in asked.iter() {
        let changed = write.touches(asking);
        if changed.as_ref().is_some_and(Ids::is_empty) {
            continue;
        }
        let known = looked.rules.get(&asking.segment);
        let before = match &earlier {
            Some(earlier) if known == Some(&asking.rule) => match asking.touched(earlier) {
                Some(before) => Some(before | passed.of(asking, at)?),
                None => None,
            },
            _ => None,
        };
        let whom = both(changed, before);
        if whom.as_ref().is_some_and(Ids::is_empty) {
            continue;
        }
        let (inside, outside) = parted(asking, whom, now, at)?;
        let ruled = known.is_some_and(|known| *known != asking.rule);
        // Whether that is news is for the follower to say.
        let moved = causes::Moved { asking, ruled, joined: &inside, left: &outside };
        let before = store::sightings_of(asking.segment, at)?;
        let before: Vec<&Sighting> = before.iter().collect();
        let mut committed = Committed::since_look(earlier.as_deref(), write.about());
        let why = causes::why(&moved, &before, &mut committed, &mut told, &mut Snapshot::alone(at))?;
        let version = version.to_text();
        for (who, inside) in [(inside, true), (outside, false)] {
            seen.extend(by_cause(who, &why).into_iter().map(|(cause, customers)| Sighting {
                segment: asking.segment,
                inside,
                customers,
                at: now,
                cause,
                version: version.clone(),
            }));
        }
    }
    Ok(seen)
}

/// Who of these is in a segment and who is not.
fn parted(asking: &Asking, whom: Whom, now: NaiveDateTime, at: &mut Conn) -> QueryResult<(Ids, Ids)> {
    match whom {
        Some(few) => {
            let inside = sets::collect(asking.ask.among(few.iter().map(i64::from).collect(), now, at)?)?;
            let outside = few - &inside;
            Ok((inside, outside))
        }
        None => {
            let mut all = Snapshot::alone(at);
            let inside = all.of(&asking.ask, now)?;
            let outside = &*all.everyone(now)? - &inside;
            Ok((inside, outside))
        }
    }
}

fn by_cause(who: Ids, why: &HashMap<i64, String>) -> BTreeMap<String, Ids> {
    let mut causes: BTreeMap<String, Ids> = BTreeMap::new();
    for id in who {
        let cause = why.get(&i64::from(id)).cloned().unwrap_or_default();
        causes.entry(cause).or_default().insert(id);
    }
    causes
}

/// Which of those whom a write changes may have been moved by the clock since the newest look.
struct Passed<'a> {
    write: &'a Write<'a>,
    from: NaiveDateTime,
    to: NaiveDateTime,
    /// [`Write::few`], once anybody asks.
    few: Option<Option<Vec<i64>>>,
    known: HashMap<Source, Ids>,
}

impl Passed<'_> {
    /// Others may be among them, when those are not few.
    fn of(&mut self, asking: &Asking, at: &mut Conn) -> QueryResult<Ids> {
        let mut sources = Vec::new();
        asking.ask.each(&mut |source| sources.extend(source.passed(self.from, self.to)));
        let mut who = Ids::new();
        for source in sources {
            if !self.known.contains_key(&source) {
                let found = self.ask(&source, at)?;
                self.known.insert(source.clone(), found);
            }
            who.extend(self.known.get(&source).into_iter().flatten());
        }
        Ok(who)
    }

    fn ask(&mut self, source: &Source, at: &mut Conn) -> QueryResult<Ids> {
        if self.few.is_none() {
            self.few = Some(self.write.few(at)?);
        }
        match self.few.clone().flatten() {
            Some(few) if few.is_empty() => Ok(Ids::new()),
            among => sets::collect(source.ids(among, self.to, at)?),
        }
    }
}
