//! The lines of a file, read and understood on a thread of their own while the ones before them are written.

use super::lines::{Reading, Wish, understand};
use super::outcome::{Outcome, Settled, broken, rejected};
use super::plan::Plan;
use super::reader::{Cells, Content, Line, Reader};
use super::shape::Unreadable;
use crate::workspace::Workspace;
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

/// Lines handed over at a time,
const CHUNK: usize = 250;
/// and no more than this many bytes of them.
const WEIGHT: usize = 1 << 20;
/// How many of those may wait.
const WAITING: usize = 16;

/// A line, understood by itself.
pub struct Entry {
    pub number: i64,
    pub cells: Cells,
    /// What it wants, or what became of it without asking anybody.
    pub meant: Result<Wish, Settled>,
}

impl Entry {
    /// Lets go of what the line wants, which its cells can tell [again](Understanding::again).
    pub fn forget(&mut self) {
        if let Ok(wish) = &mut self.meant {
            *wish = Wish::default();
        }
    }
}

/// Some lines, in the order of the file.
pub struct Chunk {
    pub entries: Vec<Entry>,
    /// Bytes of the file read up to here.
    pub bytes: u64,
    /// Lines read up to here, the header too.
    pub records: i64,
}

/// How the lines of one file are understood.
pub struct Understanding<'a> {
    pub plan: &'a Plan,
    pub readings: Vec<Reading<'a>>,
    pub here: &'a Workspace,
    /// What somebody wrote instead of lines that were rejected, by their numbers.
    pub corrected: HashMap<i64, Cells>,
}

impl Understanding<'_> {
    /// What a line wants, if it was [forgotten](Entry::forget).
    pub fn again(&self, entry: &mut Entry) {
        if entry.meant.is_ok() {
            entry.meant = self.meant(entry.number, &entry.cells);
        }
    }

    fn meant(&self, number: i64, cells: &Cells) -> Result<Wish, Settled> {
        understand(cells, self.plan, &self.readings, self.here)
            .map_err(|faults| rejected(number, cells, &faults, self.plan))
    }

    pub fn of(&self, line: Line) -> Entry {
        let number = line.number;
        let content = match self.corrected.get(&number) {
            Some(cells) => Content::Record(cells.clone()),
            None => line.content,
        };
        match content {
            Content::Record(cells) => {
                let meant = self.meant(number, &cells);
                Entry { number, cells, meant }
            }
            Content::Broken(cells, reason) => {
                let meant = Err(broken(number, &cells, &reason, self.plan));
                Entry { number, cells, meant }
            }
            Content::Blank => {
                Entry { number, cells: Cells::default(), meant: Err(Settled::plain(number, Outcome::Blank)) }
            }
        }
    }
}

/// Begins to read after the first `passed` lines below the header. Whoever stops listening stops it.
pub fn begin<'scope>(
    scope: &'scope Scope<'scope, '_>,
    reader: Reader,
    passed: i64,
    understanding: &'scope Understanding<'scope>,
) -> Receiver<Result<Chunk, Unreadable>> {
    let (sender, receiver) = sync_channel(WAITING);
    scope.spawn(move || {
        if let Err(unreadable) = read(reader, passed, understanding, &sender) {
            let _ = sender.send(Err(unreadable));
        }
    });
    receiver
}

fn read(
    mut reader: Reader,
    passed: i64,
    understanding: &Understanding<'_>,
    sender: &SyncSender<Result<Chunk, Unreadable>>,
) -> Result<(), Unreadable> {
    for _ in 0..passed {
        reader.next_line()?;
    }
    let mut ended = false;
    while !ended {
        let (mut entries, mut weight) = (Vec::with_capacity(CHUNK), 0);
        while entries.len() < CHUNK && weight < WEIGHT {
            let Some(line) = reader.next_line()? else {
                ended = true;
                break;
            };
            let entry = understanding.of(line);
            weight += entry.cells.weight();
            entries.push(entry);
        }
        let chunk = Chunk { entries, bytes: reader.bytes(), records: reader.records_read };
        if sender.send(Ok(chunk)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
