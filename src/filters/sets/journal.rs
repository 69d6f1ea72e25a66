//! Where snapshots of the database stand in its history, and who changed between two places of it.
//!
//! Positions are given out while a snapshot is opened, one at a time, so their order is that of the snapshots. A step of
//! the journal is what one snapshot sees that the one before did not.

use super::Ids;
use super::reads::Reads;
use crate::db::changes::{Change, Since};
use std::collections::VecDeque;

/// A place in the history, as this process counts it.
pub type Position = u64;

/// The journal forgets its oldest steps beyond either: so many steps, and so many bytes of ids.
const MOST_STEPS: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;
/// Up to so many ids a list is smaller than a set.
const FEW: usize = 64;

#[derive(Default)]
pub struct Journal {
    at: Position,
    /// Changes are known from here on.
    start: Position,
    steps: VecDeque<Step>,
    bytes: usize,
}

struct Step {
    /// The changes lead from the position before to this one.
    to: Position,
    changes: Box<[Noted]>,
    bytes: usize,
}

/// A [`Change`], as small as may be: most are of one customer, and there are thousands of them.
struct Noted {
    source: i16,
    key: i64,
    who: Who,
}

enum Who {
    Everybody,
    Few(Box<[u32]>),
    Many(Box<Ids>),
}

impl Journal {
    /// Where a snapshot stands, given what it sees that the one before did not.
    pub fn enter(&mut self, since: Since) -> Position {
        match since {
            Since::Same => {}
            Since::Changes(changes) => self.note(changes),
            Since::Lost => {
                self.at += 1;
                self.start = self.at;
                self.steps.clear();
                self.bytes = 0;
            }
        }
        self.at
    }

    fn note(&mut self, changes: Vec<Change>) {
        self.at += 1;
        let changes: Box<[Noted]> = changes.into_iter().map(Noted::of).collect();
        let bytes = changes.iter().map(Noted::bytes).sum();
        self.bytes += bytes;
        self.steps.push_back(Step { to: self.at, changes, bytes });
        while self.steps.len() > MOST_STEPS || (self.bytes > MOST_BYTES && self.steps.len() > 1) {
            let Some(forgotten) = self.steps.pop_front() else { break };
            self.bytes -= forgotten.bytes;
            self.start = forgotten.to;
        }
    }

    /// Who changed between two positions, either way round, as far as this is read. `None` when that is not known, or
    /// when it may be everybody.
    pub fn between(&self, one: Position, other: Position, reads: &[Reads]) -> Option<Ids> {
        let (from, to) = (one.min(other), one.max(other));
        if from < self.start {
            return None;
        }
        let mut who = Ids::new();
        let first = self.steps.partition_point(|step| step.to <= from);
        for noted in self.steps.range(first..).take_while(|step| step.to <= to).flat_map(|step| step.changes.iter()) {
            if reads.iter().any(|reads| reads.are_touched_by(noted.source, noted.key)) {
                match &noted.who {
                    Who::Everybody => return None,
                    Who::Few(ids) => who.extend(ids),
                    Who::Many(ids) => who |= &**ids,
                }
            }
        }
        Some(who)
    }
}

impl Noted {
    /// An id beyond 32 bits makes it everybody's.
    fn of(change: Change) -> Noted {
        let ids: Option<Box<[u32]>> =
            change.customers.and_then(|customers| customers.into_iter().map(|id| u32::try_from(id).ok()).collect());
        let who = match ids {
            None => Who::Everybody,
            Some(few) if few.len() <= FEW => Who::Few(few),
            Some(many) => Who::Many(Box::new(many.iter().collect())),
        };
        Noted { source: change.source, key: change.key, who }
    }

    fn bytes(&self) -> usize {
        64 + match &self.who {
            Who::Everybody => 0,
            Who::Few(ids) => ids.len() * 4,
            Who::Many(ids) => ids.serialized_size(),
        }
    }
}
