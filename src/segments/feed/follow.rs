//! Follows what is committed: looks at the database after each write, and finds who moved since the look before.

use super::asking::{self, Asking};
use super::causes::{self, Committed, Told};
use super::store::{self, Base, Sighting, Taken};
use super::witness::{Looked, Progress};
use crate::db::changes::{self, Change, Since, Version, source};
use crate::db::{Db, Trouble};
use crate::filters::sets::{Ids, Parts, Sets, Snapshot};
use crate::workspace::stamp;
use chrono::{NaiveDateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long it waits for something to be written before it looks by itself: for what others wrote, and for the clock.
const EVERY: Duration = Duration::from_secs(2);
/// What filters ask is read anew so often: "today" is another day one day.
const FRESH: Duration = Duration::from_secs(10);
/// Where it stands in history is kept so often, though nobody moved,
const KEPT: Duration = Duration::from_secs(60);
/// and after so many were changed: whoever writes in another process reads the log from there on.
const BEHIND: usize = 10_000;
/// After so many moves in one look, who is in the segment is kept as a whole.
const MANY: usize = 1_000;

/// Does so as long as the server runs.
pub async fn keep(sets: Sets, db: Db, progress: Progress) {
    let mut follower = Follower::new(progress);
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
            () = db.following().written() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What is known between two looks.
#[derive(Default)]
pub struct Follower {
    known: Option<Known>,
    asked: Asked,
    progress: Progress,
}

/// The newest whole step, as this process knows it.
pub(super) struct Known {
    pub step: i64,
    pub version: Option<Version>,
    pub segments: HashMap<i64, Base>,
    kept: Instant,
    /// How many were changed since.
    changed: usize,
    trimmed: Option<Instant>,
}

impl Known {
    pub fn new(step: i64, version: Option<Version>, segments: HashMap<i64, Base>) -> Known {
        Known { step, version, segments, kept: Instant::now(), changed: 0, trimmed: None }
    }
}

/// What one look found.
#[derive(Default)]
pub(super) struct Found {
    pub version: Option<Version>,
    pub now: NaiveDateTime,
    /// How many were changed.
    changed: usize,
    /// The number of its last step: one for each write that saw where customers were, and one for how things stand.
    pub step: i64,
    pub moves: Vec<Moved>,
    /// Segments whose members are other ones, or who ask something else,
    pub bases: HashMap<i64, Base>,
    /// those of them to be kept as a whole,
    pub whole: Vec<i64>,
    /// and what the members of others are made of now, the same as before.
    parts: HashMap<i64, Parts>,
    /// The rows of the sightings that are told now.
    pub seen: Vec<i64>,
}

pub(super) struct Moved {
    pub segment: i64,
    pub step: i64,
    pub customer: i64,
    pub joined: bool,
    pub at: NaiveDateTime,
    pub cause: String,
}

/// What segments ask, read a moment ago.
#[derive(Default)]
struct Asked {
    all: Arc<Vec<Asking>>,
    rules: Arc<HashMap<i64, String>>,
    since: Option<Instant>,
}

impl Asked {
    fn refresh(&mut self, changes: Option<&[Change]>, at: &mut Snapshot) -> Result<(), Trouble> {
        let same = changes.is_some_and(|changes| changes.iter().all(|change| change.source != source::SEGMENTS));
        if !same || self.since.is_none_or(|since| since.elapsed() > FRESH) {
            let all = asking::read(at)?;
            self.rules = Arc::new(all.iter().map(|asking| (asking.segment, asking.rule.clone())).collect());
            (self.all, self.since) = (Arc::new(all), Some(Instant::now()));
        }
        Ok(())
    }
}

impl Follower {
    /// `progress`: where the witness of this process reads how far it is.
    pub fn new(progress: Progress) -> Follower {
        Follower { progress, ..Follower::default() }
    }

    /// Looks once, and writes down who moved. Calm when another process does so.
    pub fn look(&mut self, sets: &Sets, db: &Db) -> Result<(), Trouble> {
        let writes = db.following().writes();
        let done = self.look_from_here(sets, db);
        let looked = match &done {
            Ok(now) => self.known.as_ref().map(|known| {
                let (rules, asked) = (self.asked.rules.clone(), Some(self.asked.all.clone()));
                Looked { version: known.version.clone(), now: *now, rules, asked }
            }),
            Err(_) => None,
        };
        db.following().followed(looked.as_ref().map(|_| writes));
        *self.progress.lock() = looked;
        done.map(drop)
    }

    /// The moment of the look.
    fn look_from_here(&mut self, sets: &Sets, db: &Db) -> Result<NaiveDateTime, Trouble> {
        let known = match self.known.take() {
            Some(known) => Some(known),
            None => store::load(db)?,
        };
        let Some(known) = known else { return Ok(NaiveDateTime::default()) };
        let found = sets.read_now(|at| self.find(&known, at))?;
        let now = found.now;
        self.known = settle(known, found, db)?;
        Ok(now)
    }

    /// Who moved between the newest step and this snapshot.
    fn find(&mut self, known: &Known, at: &mut Snapshot) -> Result<Found, Trouble> {
        let (version, since) = changes::since(known.version.as_ref(), at)?;
        let changes = match &since {
            Since::Same => Some(&[][..]),
            Since::Changes(changes) => Some(&changes[..]),
            Since::Lost => None,
        };
        self.asked.refresh(changes, at)?;
        let (seen, sightings) = store::sightings(at)?;
        let mut look = Look::new(known, changes, &sightings);
        for asking in self.asked.all.iter() {
            look.at(asking, at)?;
        }
        let customers = |change: &Change| change.customers.as_ref().map_or(BEHIND, Vec::len);
        let changed = changes.map_or(BEHIND, |changes| changes.iter().map(customers).sum());
        Ok(Found { version: Some(version), changed, seen, ..look.found })
    }
}

/// One look at all segments.
struct Look<'a> {
    known: &'a Known,
    /// What was committed since the newest step; `None` when that is not known.
    changes: Option<&'a [Change]>,
    sightings: &'a [Sighting],
    /// The steps of the writes that saw something, by where they saw it.
    steps: HashMap<&'a str, i64>,
    committed: Committed<'a>,
    told: Told,
    found: Found,
}

impl<'a> Look<'a> {
    fn new(known: &'a Known, changes: Option<&'a [Change]>, sightings: &'a [Sighting]) -> Look<'a> {
        let (mut steps, mut last) = (HashMap::new(), known.step + 1);
        for sighting in sightings {
            steps.entry(&*sighting.version).or_insert_with(|| {
                last += 1;
                last - 1
            });
        }
        let found = Found { now: stamp(Utc::now()), step: last, ..Found::default() };
        Look {
            known,
            changes,
            sightings,
            steps,
            committed: Committed::since_look(changes, None),
            told: Told::default(),
            found,
        }
    }

    /// Who moved in one segment.
    fn at(&mut self, asking: &Asking, at: &mut Snapshot) -> Result<(), Trouble> {
        let base = self.known.segments.get(&asking.segment);
        let seen: Vec<&'a Sighting> = self.sightings.iter().filter(|seen| seen.segment == asking.segment).collect();
        let may_move = self.changes.is_none_or(|changes| changes.iter().any(|change| asking.reads(change)));
        let same = base.is_some_and(|base| base.rule == asking.rule);
        let calm = same && seen.is_empty();
        if calm && !may_move && !asking.moves_by_itself(self.found.now) {
            return Ok(());
        }
        let parts = at.parts(&asking.ask, self.found.now)?;
        if calm && base.is_some_and(|base| base.parts.are(&parts)) {
            return Ok(());
        }
        let parts = Parts::of(&parts);
        let members = at.of(&asking.ask, self.found.now)?;
        let mut within = match base {
            Some(base) => base.members.clone(),
            // A new one begins with whoever is in it, and was before anybody changed that.
            None => begun(&members, &seen),
        };
        let before = self.found.moves.len();
        for sighting in &seen {
            self.as_seen(sighting, &mut within);
        }
        let (joined, left): (Ids, Ids) = (&members - &within, &within - &members);
        let ruled = base.is_some_and(|base| base.rule != asking.rule);
        self.as_it_is(&causes::Moved { asking, ruled, joined: &joined, left: &left }, &seen, at)?;
        let moves = self.found.moves.len() - before;
        if !same || moves >= MANY {
            self.found.whole.push(asking.segment);
        }
        if !same || moves > 0 {
            self.found.bases.insert(asking.segment, Base { rule: asking.rule.clone(), members, parts });
        } else {
            self.found.parts.insert(asking.segment, parts);
        }
        Ok(())
    }

    /// From where customers were to where somebody saw them.
    fn as_seen(&mut self, sighting: &Sighting, within: &mut Ids) {
        let news = match sighting.inside {
            true => &sighting.customers - &*within,
            false => &sighting.customers & &*within,
        };
        match sighting.inside {
            true => *within |= &news,
            false => *within -= &news,
        }
        let step = self.steps.get(&*sighting.version).copied().unwrap_or(self.found.step);
        self.found.moves.extend(news.iter().map(i64::from).map(|customer| Moved {
            segment: sighting.segment,
            step,
            customer,
            joined: sighting.inside,
            at: sighting.at,
            cause: sighting.cause.clone(),
        }));
    }

    /// From there to where they are now.
    fn as_it_is(&mut self, moved: &causes::Moved, seen: &[&'a Sighting], at: &mut Snapshot) -> Result<(), Trouble> {
        let mut why = causes::why(moved, seen, &mut self.committed, &mut self.told, at)?;
        for (who, joined) in [(moved.joined, true), (moved.left, false)] {
            self.found.moves.extend(who.iter().map(i64::from).map(|customer| Moved {
                segment: moved.asking.segment,
                step: self.found.step,
                customer,
                joined,
                at: self.found.now,
                cause: why.remove(&customer).unwrap_or_default(),
            }));
        }
        Ok(())
    }
}

/// Who was in a segment at first: whoever is in it now, but for those who were seen elsewhere.
fn begun(members: &Ids, seen: &[&Sighting]) -> Ids {
    let mut begun = members.clone();
    for sighting in seen.iter().rev() {
        match sighting.inside {
            true => begun |= &sighting.customers,
            false => begun -= &sighting.customers,
        }
    }
    begun
}

/// Writes down what was found. `None` when another process was quicker: then all is read again.
fn settle(mut known: Known, mut found: Found, db: &Db) -> Result<Option<Known>, Trouble> {
    known.changed += found.changed;
    for (segment, parts) in std::mem::take(&mut found.parts) {
        if let Some(base) = known.segments.get_mut(&segment) {
            base.parts = parts;
        }
    }
    let recent = known.kept.elapsed() < KEPT && known.changed < BEHIND;
    if found.bases.is_empty() && found.seen.is_empty() && recent {
        // Nobody moved: what is known is true at the newer place too.
        known.version = found.version;
        return trimmed(known, db).map(Some);
    }
    if store::write(&known, &found, db)? == Taken::ByAnother {
        return Ok(None);
    }
    (known.step, known.version) = (found.step, found.version);
    known.segments.extend(found.bases);
    (known.kept, known.changed) = (Instant::now(), 0);
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
