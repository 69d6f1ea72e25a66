//! Follows what is committed: looks at the database after each write, and finds who moved since the look before.

use super::causes::{self, Reason};
use super::store::{self, Base, Taken};
use crate::db::changes::{self, Change, Since, Version};
use crate::db::schema::segments;
use crate::db::{Db, Trouble};
use crate::filters::Filter;
use crate::filters::ask::Source;
use crate::filters::sets::{Ids, Sets, Snapshot};
use crate::segments::Segment;
use crate::workspace::{Workspace, stamp};
use chrono::{NaiveDateTime, Utc};
use diesel::prelude::*;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long it waits for something to be written before it looks by itself: for what others wrote, and for the clock.
const EVERY: Duration = Duration::from_secs(2);
/// What filters ask is read anew so often: "today" is another day one day.
const FRESH: Duration = Duration::from_secs(10);
/// Where it stands in history is kept so often, though nobody moved.
const KEPT: Duration = Duration::from_secs(60);
/// After so many moves in one step, who is in the segment is kept as a whole.
const MANY: usize = 1_000;

/// Does so as long as the server runs.
pub async fn keep(sets: Sets, db: Db) {
    let mut follower = Follower::default();
    loop {
        let (sets, here) = (sets.clone(), db.clone());
        let done = actix_web::web::block(move || {
            let done = follower.look(&sets, &here);
            (follower, done)
        });
        match done.await {
            Ok((kept, done)) => {
                follower = kept;
                if let Err(error) = done {
                    tracing::warn!(%error, "who joined and left segments could not be written down");
                    tokio::time::sleep(EVERY).await;
                }
            }
            // The workers are gone: the server stops.
            Err(_) => return,
        }
        tokio::select! {
            () = db.written() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What is known between two looks.
#[derive(Default)]
pub struct Follower {
    known: Option<Known>,
    asked: Asked,
}

/// The newest whole step, as this process knows it.
pub(super) struct Known {
    pub step: i64,
    pub version: Option<Version>,
    pub segments: HashMap<i64, Base>,
    kept: Instant,
    trimmed: Option<Instant>,
}

impl Known {
    pub fn new(step: i64, version: Option<Version>, segments: HashMap<i64, Base>) -> Known {
        Known { step, version, segments, kept: Instant::now(), trimmed: None }
    }
}

/// What one look found.
#[derive(Default)]
pub(super) struct Found {
    pub version: Option<Version>,
    pub moves: Vec<Moved>,
    /// Segments whose members are other ones, or who ask something else.
    pub bases: HashMap<i64, Base>,
    /// Those of them to be kept as a whole.
    pub whole: Vec<i64>,
}

pub(super) struct Moved {
    pub segment: i64,
    pub customer: i64,
    pub joined: bool,
    pub at: NaiveDateTime,
    pub cause: String,
}

/// The segments and what they ask, read a moment ago.
#[derive(Default)]
struct Asked {
    all: Vec<Segment>,
    filters: Vec<Filter>,
    since: Option<Instant>,
}

impl Asked {
    fn refresh(&mut self, at: &mut Snapshot) -> Result<(), Trouble> {
        let all: Vec<Segment> = segments::table.select(Segment::columns()).order(segments::id).load(&mut **at)?;
        if self.all != all || self.since.is_none_or(|since| since.elapsed() > FRESH) {
            let clock = Workspace::load(at)?.clock();
            (self.filters, self.all, self.since) = (Segment::filters(&all, at, &clock)?, all, Some(Instant::now()));
        }
        Ok(())
    }
}

impl Follower {
    /// Looks once, and writes down who moved. Calm when another process does so.
    pub fn look(&mut self, sets: &Sets, db: &Db) -> Result<(), Trouble> {
        let Some(known) = (match self.known.take() {
            Some(known) => Some(known),
            None => store::load(db)?,
        }) else {
            return Ok(());
        };
        let found = sets.read_now(|at| self.find(&known, at))?;
        self.known = settle(known, found, db)?;
        Ok(())
    }

    /// Who moved between the newest step and this snapshot.
    fn find(&mut self, known: &Known, at: &mut Snapshot) -> Result<Found, Trouble> {
        let (version, since) = changes::since(known.version.as_ref(), at)?;
        self.asked.refresh(at)?;
        let changes = match &since {
            Since::Same => Some(&[][..]),
            Since::Changes(changes) => Some(&changes[..]),
            Since::Lost => None,
        };
        let mut found = Found { version: Some(version), ..Found::default() };
        let rules = causes::rules(&self.asked.all);
        for (segment, filter) in self.asked.all.iter().zip(&self.asked.filters) {
            let (rule, base) = (rules.get(&segment.id).cloned().unwrap_or_default(), known.segments.get(&segment.id));
            let changed = base.is_none_or(|base| base.rule != rule);
            if changed || may_move(filter, changes) {
                one(segment.id, rule, filter, base, changes, &mut found, at)?;
            }
        }
        Ok(found)
    }
}

/// Whether what was written, or the clock, may have moved anybody in or out.
fn may_move(filter: &Filter, changes: Option<&[Change]>) -> bool {
    let Some(changes) = changes else { return true };
    let now = filter.clock().stamp();
    let mut may = touches(&Source::Anyone, changes);
    filter.ask().each(&mut |source| may |= touches(source, changes) || source.passed(now, now).is_some());
    may
}

fn touches(source: &Source, changes: &[Change]) -> bool {
    let reads = source.reads();
    changes.iter().any(|change| reads.iter().any(|reads| reads.is_touched_by(change)))
}

/// Who joined and who left one segment. A new one begins with whoever is in it.
fn one(
    segment: i64,
    rule: String,
    filter: &Filter,
    base: Option<&Base>,
    changes: Option<&[Change]>,
    found: &mut Found,
    at: &mut Snapshot,
) -> Result<(), Trouble> {
    let members = at.matching(filter)?;
    let Some(base) = base else {
        found.whole.push(segment);
        found.bases.insert(segment, Base { rule, members });
        return Ok(());
    };
    let (joined, left): (Ids, Ids) = (&members - &base.members, &base.members - &members);
    let many = (joined.len() + left.len()) as usize;
    if base.rule != rule || many >= MANY {
        found.whole.push(segment);
    }
    if many > 0 {
        let reason = Reason { filter, changes, ruled: base.rule != rule };
        let why = causes::why(&reason, &joined, &left, at)?;
        let now = stamp(Utc::now());
        for (who, joined) in [(joined, true), (left, false)] {
            found.moves.extend(who.iter().map(i64::from).map(|customer| {
                let cause = why.get(&customer).cloned().unwrap_or_default();
                Moved { segment, customer, joined, at: now, cause }
            }));
        }
    }
    if many > 0 || base.rule != rule {
        found.bases.insert(segment, Base { rule, members });
    }
    Ok(())
}

/// Writes down what was found. `None` when another process was quicker: then all is read again.
fn settle(mut known: Known, found: Found, db: &Db) -> Result<Option<Known>, Trouble> {
    let moved = found.version != known.version;
    if found.bases.is_empty() && (!moved || known.kept.elapsed() < KEPT) {
        // Nobody moved: what is known is true at the newer place too.
        known.version = found.version;
        return trimmed(known, db).map(Some);
    }
    if store::write(&known, &found, db)? == Taken::ByAnother {
        return Ok(None);
    }
    known.step += 1;
    known.version = found.version;
    known.segments.extend(found.bases);
    known.kept = Instant::now();
    Ok(Some(known))
}

/// Once a day what is too old goes.
fn trimmed(mut known: Known, db: &Db) -> Result<Known, Trouble> {
    if known.trimmed.is_none_or(|last| last.elapsed() > Duration::from_secs(86_400)) {
        store::trim(&known, db)?;
        known.trimmed = Some(Instant::now());
    }
    Ok(known)
}
