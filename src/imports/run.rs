//! The import itself: settles the lines of a file batch by batch, each batch one transaction with everything that belongs to
//! it, how far it is included: whatever stops this process, another goes on where it stopped. A batch that the database
//! refuses is tried again line by line, so a bad line never takes a good one with it.

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
use crate::db::dialect::{self, collided, refused};
use crate::db::schema::imports;
use crate::db::{Conn, Db, Trouble};
use crate::jobs::Pace;
use crate::workspace::Workspace;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Lines the first transaction takes, and the least and the most that one takes later.
const FIRST: usize = 500;
const LEAST: usize = 100;
const MOST: usize = 10_000;
/// And no more than this many bytes of them.
const WEIGHT: usize = 8 << 20;
/// How often a batch is tried that others were in the way of.
const ATTEMPTS: u32 = 200;

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
    let carrier = Carrier { import, holder, ground };
    let read = std::thread::scope(|scope| {
        let chunks = source::begin(scope, reader, settled, &understanding);
        carrier.all(&chunks, db, conn, progress)
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

struct Carrier<'a> {
    import: &'a Import,
    holder: &'a str,
    ground: Ground<'a>,
}

/// Lines that were read and are not written yet.
#[derive(Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    /// Read up to here.
    progress: Option<Progress>,
    ended: bool,
}

impl Waiting {
    /// Waits for as many as a batch takes, unless the file ends before.
    fn fill(&mut self, size: usize, chunks: &Receiver<Result<Chunk, Unreadable>>) -> Result<(), Unreadable> {
        let mut weight: usize = self.entries.iter().map(|entry| entry.cells.weight()).sum();
        while !self.ended && self.entries.len() < size && weight < WEIGHT {
            let Ok(chunk) = chunks.recv() else {
                self.ended = true;
                break;
            };
            let Chunk { entries, bytes, records } = chunk?;
            weight += entries.iter().map(|entry| entry.cells.weight()).sum::<usize>();
            self.entries.extend(entries);
            self.progress = Some(Progress { lines: records, bytes });
        }
        Ok(())
    }
}

/// Others who wait for the lock are let in as often as this, even if nobody is known to wait: they may be another process.
const UNRESTED: Duration = Duration::from_millis(300);

impl Carrier<'_> {
    /// Settles all lines that come and gives how many were read, the header too.
    fn all(
        &self,
        chunks: &Receiver<Result<Chunk, Unreadable>>,
        db: &Db,
        conn: &mut Conn,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<i64, Stopped> {
        let manners = dialect::manners(conn);
        let (mut pace, mut attempts) = (Pace::new(&manners, FIRST, LEAST, MOST), 0);
        let (mut waiting, mut grown, mut rested) = (Waiting::default(), GROWN, Instant::now());
        let following = db.following();
        loop {
            waiting.fill(pace.size, chunks)?;
            let size = pace.size.min(waiting.entries.len());
            let read = waiting.progress.unwrap_or(Progress { lines: 0, bytes: 0 });
            if size == 0 {
                return Ok(read.lines);
            }
            let batch = &waiting.entries.make_contiguous()[..size];
            let turn = following.turn();
            // Others wait from when the lock is had until everything is kept.
            let mut began = Instant::now();
            let done = db.write_on(conn, |conn| {
                began = Instant::now();
                self.batch(batch, read.bytes, conn)
            });
            match done {
                Ok(false) => return Err(Stopped::Taken),
                Ok(true) => {
                    attempts = 0;
                    if size == pace.size {
                        pace.took(began.elapsed());
                    }
                    waiting.entries.drain(..size);
                }
                Err(trouble) if collided(&trouble) && attempts < ATTEMPTS => {
                    attempts += 1;
                    pace.less();
                }
                // One of them is what the database takes offence at: the others shall not suffer for it.
                Err(trouble) if refused(&trouble) && size > 1 => {
                    attempts = 0;
                    pace.size = 1;
                }
                // Somebody else may have taken a key in between: looking again finds her.
                Err(trouble) if refused(&trouble) && attempts == 0 => attempts = 1,
                Err(trouble) if refused(&trouble) => {
                    tracing::warn!(line = batch[0].number, %trouble, "the database refused a line of an import");
                    db.write_on(conn, |conn| self.refuse(&batch[0], read.bytes, conn))?;
                    waiting.entries.pop_front();
                    attempts = 0;
                }
                Err(trouble) => return Err(trouble.into()),
            }
            if following.is_awaited() || rested.elapsed() > UNRESTED {
                turn.rest(manners.rest);
                rested = Instant::now();
            } else {
                drop(turn);
            }
            following.let_follow();
            if read.lines >= grown {
                measure(conn);
                grown *= 10;
            }
            progress(Progress { lines: read.lines - waiting.entries.len() as i64, ..read });
        }
    }

    /// False when it is not this process's affair any more.
    fn batch(&self, entries: &[Entry], bytes: u64, conn: &mut Conn) -> Result<bool, Trouble> {
        if !self.import.held(self.holder, conn)? {
            return Ok(false);
        }
        let settled = land(entries, &self.ground, None, conn)?;
        self.tell(&settled, bytes, conn)?;
        Ok(true)
    }

    fn refuse(&self, entry: &Entry, bytes: u64, conn: &mut Conn) -> Result<(), Trouble> {
        if self.import.held(self.holder, conn)? {
            let fault = Fault { at: usize::MAX, reason: "The database would not take this line.".into() };
            let settled = rejected(entry.number, &entry.cells, &[fault], self.ground.plan);
            self.tell(&[settled], bytes, conn)?;
        }
        Ok(())
    }

    /// Keeps the outcomes, and how far this is beside them.
    fn tell(&self, settled: &[Settled], bytes: u64, conn: &mut Conn) -> QueryResult<()> {
        let import = self.import.id;
        let new = store::lines(settled, import, conn)?;
        diesel::update(imports::table.find(import))
            .set((
                imports::lines.eq(imports::lines + settled.len() as i64),
                imports::bytes.eq(i64::try_from(bytes).unwrap_or(i64::MAX)),
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
