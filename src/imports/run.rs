//! The import itself: reads lines, settles them batch by batch, each batch one transaction with everything that belongs
//! to it. A batch that the database refuses is tried again line by line, so a bad line never takes a good one with it.

use super::lines::{Fault, Wish, understand};
use super::people::{Hand, People, last_id};
use super::plan::Plan;
use super::reader::{Content, Line, Reader};
use super::settle::{Ground, Tags, broken, rejected, settle};
use super::shape::{Shape, Unreadable};
use super::{Import, Totals, store};
use crate::db::schema::imports;
use crate::db::{self, Conn, Trouble};
use crate::workspace::{Clock, Workspace};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use std::path::Path;

/// Lines a transaction.
const BATCH: usize = 1_000;
/// And no more than this many bytes of them.
const BATCH_WEIGHT: usize = 8 << 20;

/// What became of a line. Exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Blank,
    Created,
    Updated,
    Unchanged,
    Skipped,
    Rejected,
}

impl Outcome {
    pub fn key(self) -> &'static str {
        match self {
            Outcome::Blank => "blank",
            Outcome::Created => "created",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
            Outcome::Skipped => "skipped",
            Outcome::Rejected => "rejected",
        }
    }
}

/// Something worth telling about a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    pub kind: &'static str,
    pub column: String,
    pub value: String,
    pub reason: String,
    /// The cells as they stood, as JSON; kept once for each rejected line.
    pub record: String,
}

impl Remark {
    pub const REJECTED: &'static str = "rejected";
    /// On a line that landed.
    pub const NOTE: &'static str = "note";
}

/// A line and what became of it.
#[derive(Clone, Debug)]
pub struct Settled {
    pub number: i64,
    pub outcome: Outcome,
    /// Her place among the people of the batch.
    pub person: Option<usize>,
    pub remarks: Vec<Remark>,
}

/// What one batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Written {
    pub blank: i64,
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub skipped: i64,
    pub rejected: i64,
}

impl Written {
    pub fn count(&mut self, outcome: Outcome) {
        let sum = match outcome {
            Outcome::Blank => &mut self.blank,
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Rejected => &mut self.rejected,
        };
        *sum += 1;
    }
}

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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Steps {
    /// Each batch is a transaction of its own, committed at once.
    Committed,
    /// All of them are inside a transaction of the caller, who may take everything back.
    Within,
}

impl Steps {
    fn take<T>(self, conn: &mut Conn, work: impl Fn(&mut Conn) -> Result<T, Trouble>) -> Result<T, Trouble> {
        match self {
            Steps::Committed => {
                let mut attempts = 5;
                loop {
                    attempts -= 1;
                    match db::write(conn, &work) {
                        Err(trouble) if attempts > 0 && collided(&trouble) => {}
                        done => return done,
                    }
                }
            }
            Steps::Within => conn.transaction(work),
        }
    }
}

/// Carries out an import that is [`super::State::Running`] to its end, and keeps how it ended.
pub fn carry_out(
    import: &Import,
    path: &Path,
    conn: &mut Conn,
    progress: &mut dyn FnMut(Progress),
) -> Result<Totals, Stopped> {
    let carried = run(import, path, Steps::Committed, conn, progress);
    db::write::<_, Trouble>(conn, |conn| {
        let clock = Workspace::load(conn)?.clock();
        match &carried {
            Ok(totals) => import.finish(totals, &clock, conn)?,
            Err(stopped) => import.fail(&stopped.told(), &clock, conn)?,
        }
        Ok(())
    })?;
    if carried.is_ok() {
        // Statistics grown stale cost time, never an answer: nothing is lost if they cannot be refreshed now.
        if let Err(error) = db::dialect::analyze(conn) {
            tracing::warn!(%error, "statistics were not refreshed after an import");
        }
    }
    carried
}

/// Settles every line and gives the totals, recounted from the database.
pub fn run(
    import: &Import,
    path: &Path,
    steps: Steps,
    conn: &mut Conn,
    progress: &mut dyn FnMut(Progress),
) -> Result<Totals, Stopped> {
    let plan = &import.plan;
    let here = Workspace::load(conn)?;
    let shape = Shape::find(path, &plan.shape)?;
    let mut reader = Reader::open(path, &shape)?;
    if reader.headers != plan.headers {
        return Err(Unreadable("The file is not the one the columns were chosen for".into()).into());
    }
    let clock: Clock = here.clock();
    let hand = Hand { import: import.id, actor: import.actor.clone(), agent_id: import.agent_id, at: clock.stamp() };
    let work = Work { plan, here: &here, hand: &hand, last_known: last_id(conn)?, steps };
    let mut ended = false;
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
        progress(Progress { lines: reader.records_read, bytes: reader.bytes() });
    }
    let totals = Totals::recount(import.id, conn)?;
    if totals.lines() != reader.records_read {
        return Err(Stopped::Miscounted(format!("{} lines were read; {totals}", reader.records_read)));
    }
    Ok(totals)
}

struct Work<'a> {
    plan: &'a Plan,
    here: &'a Workspace,
    hand: &'a Hand,
    last_known: i64,
    steps: Steps,
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
        let understood: Vec<Result<Option<Wish>, Vec<Fault>>> = lines
            .iter()
            .map(|line| match &line.content {
                Content::Record(cells) => understand(cells, self.plan, self.here).map(Some),
                _ => Ok(None),
            })
            .collect();
        let wishes: Vec<&Wish> = understood.iter().filter_map(|read| read.as_ref().ok()?.as_ref()).collect();
        let mut people = People::load(self.hand.import, &wishes, conn)?;
        let mut tags = Tags::load(&wishes, self.plan, conn)?;
        let ground = Ground { plan: self.plan, at: self.hand.at, last_known: self.last_known };
        let mut settled = Vec::with_capacity(lines.len());
        for (line, read) in lines.iter().zip(&understood) {
            settled.push(match (&line.content, read) {
                (Content::Record(cells), Ok(Some(wish))) => {
                    settle(line.number, cells, wish, &mut people, &mut tags, &ground, conn)?
                }
                (Content::Record(cells), Err(faults)) => rejected(line.number, cells, faults, self.plan),
                (Content::Broken(cells, reason), _) => broken(line.number, cells, reason, self.plan),
                _ => Settled { number: line.number, outcome: Outcome::Blank, person: None, remarks: Vec::new() },
            });
        }
        store::people(&mut people, self.hand, conn)?;
        self.tell(&settled, &people, conn)
    }

    fn refuse(&self, line: &Line, conn: &mut Conn) -> QueryResult<()> {
        let (Content::Record(cells) | Content::Broken(cells, _)) = &line.content else { return Ok(()) };
        let fault = Fault { at: usize::MAX, reason: "The database would not take this line.".into() };
        let settled = rejected(line.number, cells, &[fault], self.plan);
        self.tell(&[settled], &People::default(), conn)
    }

    /// Keeps the outcomes, and the running totals beside them.
    fn tell(&self, settled: &[Settled], people: &People, conn: &mut Conn) -> QueryResult<()> {
        let new = store::lines(settled, people, self.hand, conn)?;
        diesel::update(imports::table.find(self.hand.import))
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

/// Two writers were in each other's way and this one was sent back: trying again is all there is to do.
fn collided(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Query(DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) => true,
        // diesel has no name for this one.
        Trouble::Query(DieselError::DatabaseError(_, about)) => about.message().contains("deadlock detected"),
        _ => false,
    }
}

/// The database took offence at what the lines hold, rather than being out of reach.
fn refused(trouble: &Trouble) -> bool {
    use DatabaseErrorKind::*;
    matches!(
        trouble,
        Trouble::Query(DieselError::DatabaseError(
            UniqueViolation | ForeignKeyViolation | NotNullViolation | CheckViolation,
            _
        ))
    )
}
