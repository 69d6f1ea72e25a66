//! The import itself: settles the lines of a file batch by batch, each batch one transaction with everything that belongs to
//! it, how far it is included: whatever stops this process, another goes on where it stopped. How that
//! goes on beside others is [`jobs::carry`]'s.

use super::lines::{Fault, Wish, readings};
use super::outcome::{Settled, rejected};
use super::people::Hand;
use super::plan::Plan;
use super::reader::{Cells, Reader};
use super::scratch::Scratch;
use super::shape::{Shape, Unreadable};
use super::source::{self, Chunk, Entry, Understanding};
use super::{Import, Subject, Totals, corrections, files, sales, settle, store};
use crate::custom_fields::CustomField;
use crate::db::dialect;
use crate::db::schema::imports;
use crate::db::{Conn, Db, Trouble};
use crate::jobs::{self, End, Sizes, Step, Steps};
use crate::workspace::Workspace;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// No more than this many bytes of lines are kept in memory to be written.
const WEIGHT: usize = 8 << 20;

/// How long a transaction that goes on anyway waits for more lines: they are read faster than they are written.
const MOMENT: Duration = Duration::from_millis(20);

/// How far an import is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// With the header.
    pub lines: i64,
    /// Bytes of the file read so far.
    pub bytes: u64,
}

/// Why an import stopped before the end of its file.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// Our own sums disagree: never to be told as a result.
    #[error("the totals do not add up: {0}")]
    Miscounted(String),
    /// Somebody stopped it, or it is carried on elsewhere.
    #[error("it was stopped, or another process carries it on")]
    Taken,
}

impl Stopped {
    /// For the person who waits for the import: what is ours to mend is in the log, not here. `None` when it goes on all
    /// the same, here or elsewhere.
    pub fn told(&self) -> Option<String> {
        match self {
            Stopped::Unreadable(reason) => Some(reason.to_string()),
            Stopped::Miscounted(_) => {
                tracing::error!(error = %self, "an import stopped");
                Some("Muster could not go on; the log says why. The lines counted here have landed".into())
            }
            Stopped::Trouble(_) | Stopped::Taken => None,
        }
    }
}

impl From<DieselError> for Stopped {
    fn from(error: DieselError) -> Self {
        Stopped::Trouble(error.into())
    }
}
impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Stopped::Unreadable(error.into())
    }
}

/// Carries an import that is held by `holder` to its end, from where it is, and keeps how it ended.
pub fn carry_out(
    import: &Import,
    path: &Path,
    holder: &str,
    db: &Db,
    progress: &mut dyn FnMut(Progress),
) -> Result<Totals, Stopped> {
    let conn = &mut *db.conn()?;
    dialect::write_much(true, conn)?;
    let carried = run(import, path, holder, db, conn, progress);
    dialect::write_much(false, conn)?;
    let told = match &carried {
        Ok(totals) => Ok(*totals),
        Err(stopped) => Err(stopped.told()),
    };
    db.write_on::<_, Trouble>(conn, |conn| {
        let clock = Workspace::load(conn)?.clock();
        match told {
            Ok(totals) => import.finish(&totals, &clock, conn)?,
            Err(Some(why)) => import.fail(&why, &clock, conn)?,
            Err(None) => {}
        }
        Ok(())
    })?;
    if carried.is_ok() {
        measure(conn);
    }
    carried
}

/// The first lines after which the tables are measured anew, and again each time ten times as many were read: a planner
/// that believes them empty looks through all of them for every batch.
const GROWN: i64 = 5_000;

/// Statistics grown stale cost time, never an answer: nothing is lost if they cannot be refreshed now.
fn measure(conn: &mut Conn) {
    if let Err(error) = dialect::analyze(conn) {
        tracing::warn!(%error, "statistics were not refreshed after an import");
    }
}

/// The file as it was when its columns were chosen.
pub fn open(path: &Path, import: &Import) -> Result<Reader, Unreadable> {
    const OTHER: &str = "The file is not the one the columns were chosen for. Import it again";
    if !path.exists() {
        return Err(Unreadable("The uploaded file is not here any more. Upload it again".into()));
    }
    if !import.sha256.is_empty() && files::sha256(path)? != import.sha256 {
        return Err(Unreadable(OTHER.into()));
    }
    let shape = Shape::find(path, &import.plan.shape)?;
    let reader = Reader::open(path, &shape, &import.plan.limits)?;
    match reader.headers == import.plan.headers {
        true => Ok(reader),
        false => Err(Unreadable(OTHER.into())),
    }
}

fn run(
    import: &Import,
    path: &Path,
    holder: &str,
    db: &Db,
    conn: &mut Conn,
    progress: &mut dyn FnMut(Progress),
) -> Result<Totals, Stopped> {
    let plan = &import.plan;
    let here = Workspace::load(conn)?;
    let reader = open(path, import)?;
    let fields = plan.fields(conn)??;
    let hand = Hand::of(import, &here);
    let ground = Ground { plan, here: &here, hand: &hand, fields: &fields, last_known: import.last_known };
    let corrected = corrections::of(import, conn)?;
    let understanding = Understanding { plan, readings: readings(plan, &fields), here: &here, corrected };
    let settled: i64 = imports::table.find(import.id).select(imports::lines).first(conn)?;
    let read = std::thread::scope(|scope| {
        let waiting = Waiting::new(source::begin(scope, reader, settled, &understanding), &understanding);
        let mut carrier = Carrier { import, holder, ground, waiting, grown: GROWN, progress };
        match jobs::carry(&mut carrier, db, conn)? {
            End::Over => Ok(carrier.waiting.read.lines),
            End::Taken => Err(Stopped::Taken),
        }
    })?;
    let totals = Totals::recount(import.id, conn)?;
    if totals.lines() != read {
        return Err(Stopped::Miscounted(format!("{read} lines were read; {totals}")));
    }
    Ok(totals)
}

/// What stays the same for all lines of a file.
pub struct Ground<'a> {
    pub plan: &'a Plan,
    pub here: &'a Workspace,
    pub hand: &'a Hand,
    /// The custom fields that columns become, by [`super::columns::Field::Custom`].
    pub fields: &'a [Option<CustomField>],
    /// The highest customer number before the import began.
    pub last_known: i64,
}

/// A line that makes sense by itself, and is still to be settled.
pub struct Asked<'a> {
    pub number: i64,
    pub cells: &'a Cells,
    pub wish: &'a Wish,
}

/// Settles some lines. With a scratch, nothing of it happens in the database.
pub fn land(
    entries: &[Entry],
    ground: &Ground<'_>,
    scratch: Option<&mut Scratch>,
    conn: &mut Conn,
) -> QueryResult<Vec<Settled>> {
    let asked: Vec<Asked<'_>> = entries
        .iter()
        .filter_map(|entry| Some(Asked { number: entry.number, cells: &entry.cells, wish: entry.meant.as_ref().ok()? }))
        .collect();
    dialect::plan_afresh(conn)?;
    let landed = match ground.plan.subject {
        Subject::Customers => settle::land(&asked, ground, scratch, conn)?,
        Subject::Purchases => sales::land(&asked, ground, scratch, conn)?,
    };
    // In the order of the file, in which the report tells them.
    let mut landed = landed.into_iter();
    Ok(entries.iter().filter_map(|entry| entry.meant.as_ref().err().cloned().or_else(|| landed.next())).collect())
}

/// Lines that were read and are not kept yet.
struct Waiting<'a> {
    chunks: Receiver<Result<Chunk, Unreadable>>,
    understanding: &'a Understanding<'a>,
    entries: VecDeque<Entry>,
    weight: usize,
    /// How many of them are written in the transaction that is going on.
    written: usize,
    /// Read up to here.
    read: Progress,
    ended: bool,
}

impl<'a> Waiting<'a> {
    fn new(chunks: Receiver<Result<Chunk, Unreadable>>, understanding: &'a Understanding<'a>) -> Waiting<'a> {
        let read = Progress { lines: 0, bytes: 0 };
        Waiting { chunks, understanding, entries: VecDeque::new(), weight: 0, written: 0, read, ended: false }
    }

    fn take(&mut self, chunk: Chunk) {
        let Chunk { entries, bytes, records } = chunk;
        self.weight += entries.iter().map(|entry| entry.cells.weight()).sum::<usize>();
        self.entries.extend(entries);
        self.read = Progress { lines: records, bytes };
    }

    /// Waits for so many to write, unless the file ends before. What was written before and is not kept is to be written
    /// again.
    fn fill(&mut self, size: usize) -> Result<(), Unreadable> {
        for entry in self.entries.iter_mut().take(std::mem::take(&mut self.written)) {
            self.understanding.again(entry);
        }
        while !self.ended && self.entries.len() < size && self.weight < WEIGHT {
            match self.chunks.recv() {
                Ok(chunk) => self.take(chunk?),
                Err(_) => self.ended = true,
            }
        }
        Ok(())
    }

    /// Whether there are so many to write by now, or in a moment: nobody waits for long for a file to be read while others
    /// wait for a lock.
    fn has(&mut self, size: usize) -> bool {
        let late = Instant::now() + MOMENT;
        while self.entries.len() < self.written + size && self.weight < WEIGHT {
            match self.chunks.recv_timeout(late.saturating_duration_since(Instant::now())) {
                Ok(Ok(chunk)) => self.take(chunk),
                // What cannot be read is told when everything before it is kept.
                Ok(Err(_)) | Err(_) => return false,
            }
        }
        self.entries.len() >= self.written + size
    }

    /// The next ones up to here are written. Until that is kept, their cells are all that is remembered of them: what they
    /// mean takes much more memory.
    fn wrote(&mut self, until: usize) {
        for entry in self.entries.range_mut(self.written..until) {
            entry.forget();
        }
        self.written = until;
    }

    fn drain(&mut self) {
        for entry in self.entries.drain(..std::mem::take(&mut self.written)) {
            self.weight = self.weight.saturating_sub(entry.cells.weight());
        }
    }
}

struct Carrier<'a, 'p> {
    import: &'a Import,
    holder: &'a str,
    ground: Ground<'a>,
    waiting: Waiting<'a>,
    /// When so many lines were read, the tables are measured anew.
    grown: i64,
    progress: &'p mut dyn FnMut(Progress),
}

impl Steps for Carrier<'_, '_> {
    type Error = Stopped;

    const SIZES: Sizes = Sizes { first: 500, least: 100, most: 10_000 };

    fn ready(&mut self, size: usize) -> Result<bool, Stopped> {
        self.waiting.fill(size)?;
        Ok(!self.waiting.entries.is_empty())
    }

    fn step(&mut self, size: usize, conn: &mut Conn) -> Result<Step, Trouble> {
        if !self.import.held(self.holder, conn)? {
            return Ok(Step::Taken);
        }
        let from = self.waiting.written;
        let until = self.waiting.entries.len().min(from + size);
        let entries = &self.waiting.entries.make_contiguous()[from..until];
        let settled = land(entries, &self.ground, None, conn)?;
        self.tell(&settled, conn)?;
        self.waiting.wrote(until);
        Ok(if self.waiting.has(size) { Step::More } else { Step::Pause })
    }

    fn kept(&mut self, conn: &mut Conn) -> Result<(), Stopped> {
        self.waiting.drain();
        let read = self.waiting.read;
        if read.lines >= self.grown {
            measure(conn);
            self.grown *= 10;
        }
        (self.progress)(Progress { lines: read.lines - self.waiting.entries.len() as i64, ..read });
        Ok(())
    }

    fn pass_over(&mut self, trouble: &Trouble, conn: &mut Conn) -> Result<(), Trouble> {
        let Some(entry) = self.waiting.entries.front() else { return Ok(()) };
        tracing::warn!(line = entry.number, %trouble, "the database refused a line of an import");
        if self.import.held(self.holder, conn)? {
            let fault = Fault { at: usize::MAX, reason: "The database would not take this line.".into() };
            let settled = rejected(entry.number, &entry.cells, &[fault], self.ground.plan);
            self.tell(&[settled], conn)?;
            self.waiting.written = 1;
        }
        Ok(())
    }
}

impl Carrier<'_, '_> {
    /// Keeps the outcomes, and how far this is beside them.
    fn tell(&self, settled: &[Settled], conn: &mut Conn) -> QueryResult<()> {
        let import = self.import.id;
        let new = store::lines(settled, import, conn)?;
        diesel::update(imports::table.find(import))
            .set((
                imports::lines.eq(imports::lines + settled.len() as i64),
                imports::bytes.eq(i64::try_from(self.waiting.read.bytes).unwrap_or(i64::MAX)),
                imports::blank.eq(imports::blank + new.blank),
                imports::created.eq(imports::created + new.created),
                imports::updated.eq(imports::updated + new.updated),
                imports::unchanged.eq(imports::unchanged + new.unchanged),
                imports::skipped.eq(imports::skipped + new.skipped),
                imports::rejected.eq(imports::rejected + new.rejected),
            ))
            .execute(conn)
            .map(drop)
    }
}
