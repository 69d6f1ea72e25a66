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
const MOST_STEPS: usize = 20_000;
const MOST_BYTES: usize = 16 << 20;

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
    changes: Vec<(Change, Ids)>,
    bytes: usize,
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
        let changes: Vec<(Change, Ids)> = changes.into_iter().map(compact).collect();
        let bytes = changes.iter().map(|(_, ids)| ids.serialized_size() + 64).sum();
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
        for (change, ids) in
            self.steps.range(first..).take_while(|step| step.to <= to).flat_map(|step| step.changes.iter())
        {
            if reads.iter().any(|read| read.is_touched_by(change)) {
                // Everybody's.
                change.customers.as_ref()?;
                who |= ids;
            }
        }
        Some(who)
    }
}

/// The customers of a change as a set; the list itself is let go, empty when it is known and `None` when everybody is
/// meant, which an id beyond 32 bits makes it too.
fn compact(change: Change) -> (Change, Ids) {
    let ids: Option<Vec<u32>> =
        change.customers.as_ref().and_then(|customers| customers.iter().map(|id| u32::try_from(*id).ok()).collect());
    let customers = ids.as_ref().map(|_| Vec::new());
    (Change { customers, ..change }, ids.unwrap_or_default().into_iter().collect())
}
