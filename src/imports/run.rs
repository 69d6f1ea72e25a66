//! The import itself: reads lines, settles them batch by batch, each batch one transaction with everything that belongs
//! to it. A batch that the database refuses is tried again line by line, so a bad line never takes a good one with it.

use super::lines::{Fault, Reading, Wish, readings, understand};
use super::outcome::{Outcome, Settled, broken, rejected};
use super::people::{Hand, last_id};
use super::plan::Plan;
use super::reader::{Cells, Content, Line, Reader};
use super::shape::{Shape, Unreadable};
use super::{Import, Subject, Totals, sales, settle, store};
use crate::custom_fields::CustomField;
use crate::db::dialect::refused;
use crate::db::schema::imports;
use crate::db::{self, Conn, Db, Trouble};
use crate::workspace::{Clock, Workspace};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use std::path::Path;

/// Lines a transaction.
const BATCH: usize = 1_000;
/// And no more than this many bytes of them.
const BATCH_WEIGHT: usize = 8 << 20;

/// How far an import is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
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
}

impl Stopped {
    /// For the person who waits for the import: what is ours to mend is in the log, not here.
    pub fn told(&self) -> String {
        match self {
            Stopped::Unreadable(reason) => reason.to_string(),
            Stopped::Trouble(_) | Stopped::Miscounted(_) => {
                tracing::error!(error = %self, "an import stopped");
                "Muster could not go on; the log says why. The lines counted here have landed".into()
            }
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

/// How the batches reach the database.
#[derive(Clone, Copy)]
pub enum Steps<'a> {
    /// Each batch is a transaction of its own, committed at once.
    Committed(&'a Db),
    /// All of them are inside a transaction of the caller, who may take everything back.
    Within,
}

impl Steps<'_> {
    fn take<T>(self, conn: &mut Conn, work: impl Fn(&mut Conn) -> Result<T, Trouble>) -> Result<T, Trouble> {
        match self {
            Steps::Committed(db) => db::again(|| db.write_on(conn, &work)),
            Steps::Within => conn.transaction(work),
        }
    }
}

/// Carries out an import that is [`super::State::Running`] to its end, and keeps how it ended.
pub fn carry_out(import: &Import, path: &Path, db: &Db, progress: &mut dyn FnMut(Progress)) -> Result<Totals, Stopped> {
    let conn = &mut *db.conn()?;
    let carried = run(import, path, Steps::Committed(db), conn, progress);
    db.write_on::<_, Trouble>(conn, |conn| {
        let clock = Workspace::load(conn)?.clock();
        match &carried {
            Ok(totals) => import.finish(totals, &clock, conn)?,
            Err(stopped) => import.fail(&stopped.told(), &clock, conn)?,
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
const GROWN: u64 = 5_000;

/// Statistics grown stale cost time, never an answer: nothing is lost if they cannot be refreshed now.
fn measure(conn: &mut Conn) {
    if let Err(error) = db::dialect::analyze(conn) {
        tracing::warn!(%error, "statistics were not refreshed after an import");
    }
}

/// Settles every line and gives the totals, recounted from the database.
pub fn run(
    import: &Import,
    path: &Path,
    steps: Steps<'_>,
    conn: &mut Conn,
    progress: &mut dyn FnMut(Progress),
) -> Result<Totals, Stopped> {
    let plan = &import.plan;
    let here = Workspace::load(conn)?;
    let shape = Shape::find(path, &plan.shape)?;
    let mut reader = Reader::open(path, &shape, &plan.limits)?;
    if reader.headers != plan.headers {
        return Err(Unreadable("The file is not the one the columns were chosen for".into()).into());
    }
    let clock: Clock = here.clock();
    let hand = Hand { import: import.id, actor: import.actor.clone(), agent_id: import.agent_id, at: clock.stamp() };
    let fields = plan.fields(conn)??;
    let ground = Ground { plan, here: &here, hand: &hand, fields: &fields, last_known: last_id(conn)? };
    let work = Work { readings: readings(plan, &fields), ground, steps };
    let (mut ended, mut grown) = (false, GROWN);
    while !ended {
        let (mut lines, mut weight) = (Vec::with_capacity(BATCH), 0);
        while lines.len() < BATCH && weight < BATCH_WEIGHT {
            let Some(line) = reader.next_line()? else {
                ended = true;
                break;
            };
            if let Content::Record(cells) | Content::Broken(cells, _) = &line.content {
                weight += cells.weight();
            }
            lines.push(line);
        }
        if !lines.is_empty() {
            work.batch(&lines, conn)?;
        }
        if let Steps::Committed(db) = work.steps {
            if reader.records_read as u64 >= grown {
                measure(conn);
                grown *= 10;
            }
            db.following().let_follow();
        }
        progress(Progress { lines: reader.records_read, bytes: reader.bytes() });
    }
    let totals = Totals::recount(import.id, conn)?;
    if totals.lines() != reader.records_read {
        return Err(Stopped::Miscounted(format!("{} lines were read; {totals}", reader.records_read)));
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
    pub wish: Wish,
}

struct Work<'a> {
    ground: Ground<'a>,
    readings: Vec<Reading<'a>>,
    steps: Steps<'a>,
}

impl Work<'_> {
    /// A batch lands as a whole; if the database refuses it, each of its lines gets its own chance.
    fn batch(&self, lines: &[Line], conn: &mut Conn) -> Result<(), Trouble> {
        match self.steps.take(conn, |conn| Ok(self.land(lines, conn)?)) {
            Err(trouble) if refused(&trouble) => {}
            done => return done,
        }
        for line in lines {
            let one = std::slice::from_ref(line);
            // Somebody else may have taken a key in between: looking again finds her.
            for attempt in 0..2 {
                match self.steps.take(conn, |conn| Ok(self.land(one, conn)?)) {
                    Err(trouble) if refused(&trouble) && attempt == 0 => {}
                    Err(trouble) if refused(&trouble) => {
                        tracing::warn!(line = line.number, %trouble, "the database refused a line of an import");
                        self.steps.take(conn, |conn| Ok(self.refuse(line, conn)?))?;
                    }
                    done => {
                        done?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn land(&self, lines: &[Line], conn: &mut Conn) -> QueryResult<()> {
        let (plan, mut asked) = (self.ground.plan, Vec::with_capacity(lines.len()));
        let mut settled = Vec::with_capacity(lines.len());
        for line in lines {
            let number = line.number;
            settled.push(match &line.content {
                Content::Record(cells) => match understand(cells, plan, &self.readings, self.ground.here) {
                    Ok(wish) => {
                        asked.push(Asked { number, cells, wish });
                        None
                    }
                    Err(faults) => Some(rejected(number, cells, &faults, plan)),
                },
                Content::Broken(cells, reason) => Some(broken(number, cells, reason, plan)),
                Content::Blank => Some(Settled::plain(number, Outcome::Blank)),
            });
        }
        db::dialect::plan_afresh(conn)?;
        let landed = match plan.subject {
            Subject::Customers => settle::land(&asked, &self.ground, conn)?,
            Subject::Purchases => sales::land(&asked, &self.ground, conn)?,
        };
        // In the order of the file, in which the report tells them.
        let mut landed = landed.into_iter();
        let settled: Vec<Settled> = settled.into_iter().filter_map(|line| line.or_else(|| landed.next())).collect();
        self.tell(&settled, conn)
    }

    fn refuse(&self, line: &Line, conn: &mut Conn) -> QueryResult<()> {
        let (Content::Record(cells) | Content::Broken(cells, _)) = &line.content else { return Ok(()) };
        let fault = Fault { at: usize::MAX, reason: "The database would not take this line.".into() };
        let settled = rejected(line.number, cells, &[fault], self.ground.plan);
        self.tell(&[settled], conn)
    }

    /// Keeps the outcomes, and the running totals beside them.
    fn tell(&self, settled: &[Settled], conn: &mut Conn) -> QueryResult<()> {
        let import = self.ground.hand.import;
        let new = store::lines(settled, import, conn)?;
        diesel::update(imports::table.find(import))
            .set((
                imports::lines.eq(imports::lines + settled.len() as i64),
                imports::blank.eq(imports::blank + new.blank),
                imports::created.eq(imports::created + new.created),
                imports::updated.eq(imports::updated + new.updated),
                imports::unchanged.eq(imports::unchanged + new.unchanged),
                imports::skipped.eq(imports::skipped + new.skipped),
                imports::rejected.eq(imports::rejected + new.rejected),
            ))
            .execute(conn)?;
        Ok(())
    }
}
