//! From one state of an import to the next. Each step is one statement that says from which state it goes, so that of two
//! people who press a button, or two processes that look for work, one gets it.
//!
//! ```text
//! uploaded ⇄ checking → checked → running → done ─────┐
//!     └──────────────────────────────┘ ├──→ cancelled ┼→ undoing → undone
//!                                      └──→ failed ───┘
//! ```

use super::people::last_id;
use super::plan::Plan;
use super::{Import, Totals, written};
use crate::agents::Caller;
use crate::db::Conn;
use crate::db::schema::{import_lines, imports};
use crate::jobs::HELD;
use crate::workspace::{Clock, stamp};
use chrono::{NaiveDateTime, Utc};
use diesel::dsl::Eq;
use diesel::prelude::*;
use std::path::Path;

/// Where an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The file is here; somebody chooses what becomes of its columns.
    Uploaded,
    /// It is tried out, and nothing is written.
    Checking,
    /// It was tried out: somebody looks at what it would do.
    Checked,
    Running,
    Done,
    Failed,
    /// Somebody stopped it: what has landed stays.
    Cancelled,
    Undoing,
    Undone,
}

impl State {
    pub const ALL: [State; 9] = [
        State::Uploaded,
        State::Checking,
        State::Checked,
        State::Running,
        State::Done,
        State::Failed,
        State::Cancelled,
        State::Undoing,
        State::Undone,
    ];
    /// Nothing has been written yet, and its columns may still become something else.
    pub const WAITING: [State; 3] = [State::Uploaded, State::Checking, State::Checked];
    /// It has lines that are still to land.
    pub const AHEAD: [State; 4] = [State::Uploaded, State::Checking, State::Checked, State::Running];
    /// There is work left for whoever holds it.
    pub const OPEN: [State; 3] = [State::Checking, State::Running, State::Undoing];
    /// It is over, and some of it has landed.
    pub const LANDED: [State; 3] = [State::Done, State::Failed, State::Cancelled];

    pub fn key(self) -> &'static str {
        match self {
            State::Uploaded => "uploaded",
            State::Checking => "checking",
            State::Checked => "checked",
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
            State::Undoing => "undoing",
            State::Undone => "undone",
        }
    }
    pub(super) fn parse(key: &str) -> State {
        State::ALL.into_iter().find(|state| state.key() == key).unwrap_or(State::Failed)
    }
    pub fn is_waiting(self) -> bool {
        State::WAITING.contains(&self)
    }
    pub fn is_open(self) -> bool {
        State::OPEN.contains(&self)
    }
    pub fn has_landed(self) -> bool {
        State::LANDED.contains(&self)
    }
}

fn keys(states: &[State]) -> Vec<&'static str> {
    states.iter().map(|state| state.key()).collect()
}

type Free = (Eq<imports::held_by, Option<String>>, Eq<imports::held_until, Option<NaiveDateTime>>);

/// Nobody holds it.
fn free() -> Free {
    (imports::held_by.eq(None), imports::held_until.eq(None))
}

type Planned = (Eq<imports::state, &'static str>, Eq<imports::kind, &'static str>, Eq<imports::plan, String>, Free);

/// Nothing but a plan.
fn planned(plan: &Plan) -> QueryResult<Planned> {
    Ok((
        imports::state.eq(State::Uploaded.key()),
        imports::kind.eq(plan.subject.key()),
        imports::plan.eq(written(plan)?),
        free(),
    ))
}

type Count<C> = Eq<C, i64>;
type Counts = (
    (Count<imports::lines>, Count<imports::blank>, Count<imports::created>, Count<imports::updated>),
    (Count<imports::unchanged>, Count<imports::skipped>, Count<imports::rejected>),
);

/// Its totals.
fn counts(totals: &Totals) -> Counts {
    (
        (
            imports::lines.eq(totals.lines() - totals.header),
            imports::blank.eq(totals.blank),
            imports::created.eq(totals.created),
            imports::updated.eq(totals.updated),
        ),
        (
            imports::unchanged.eq(totals.unchanged),
            imports::skipped.eq(totals.skipped),
            imports::rejected.eq(totals.rejected),
        ),
    )
}

impl Import {
    /// Keeps a changed plan, and what was tried by an older one is forgotten; false when nobody can change it any more.
    pub fn replan(&self, plan: &Plan, conn: &mut Conn) -> QueryResult<bool> {
        let waiting = imports::table.find(self.id).filter(imports::state.eq_any(keys(&State::WAITING)));
        Ok(diesel::update(waiting).set(planned(plan)?).execute(conn)? == 1)
    }

    /// Keeps its plan if nobody has let it be tried out since it was read; false when somebody has, whose plan stays.
    pub fn keep(&self, conn: &mut Conn) -> QueryResult<bool> {
        let never_or_then = imports::began_at.is_null().or(imports::began_at.eq(self.began_at).assume_not_null());
        let as_read = imports::table.find(self.id).filter(imports::state.eq(self.state.key())).filter(never_or_then);
        Ok(diesel::update(as_read).set(planned(&self.plan)?).execute(conn)? == 1)
    }

    /// Lets it be tried out, from the beginning.
    pub fn check(&self, clock: &Clock, conn: &mut Conn) -> QueryResult<bool> {
        let waiting = imports::table.find(self.id).filter(imports::state.eq_any(keys(&State::WAITING)));
        let begun = diesel::update(waiting)
            .set((
                imports::state.eq(State::Checking.key()),
                imports::message.eq(None::<String>),
                imports::began_at.eq(clock.stamp()),
                counts(&Totals::default()),
                imports::bytes.eq(0),
                free(),
            ))
            .execute(conn)?;
        Ok(begun == 1)
    }

    /// From waiting to running, once.
    pub fn start(&self, clock: &Clock, conn: &mut Conn) -> QueryResult<bool> {
        let last_known = last_id(conn)?;
        let waiting = imports::table.find(self.id).filter(imports::state.eq_any(keys(&State::WAITING)));
        let started = diesel::update(waiting)
            .set((
                imports::state.eq(State::Running.key()),
                imports::message.eq(None::<String>),
                imports::began_at.eq(clock.stamp()),
                imports::last_known.eq(last_known),
                counts(&Totals::default()),
                imports::bytes.eq(0),
                free(),
            ))
            .execute(conn)?;
        Ok(started == 1)
    }

    /// Takes it for `holder`, if nobody else works on it.
    pub fn hold(id: i64, holder: &str, conn: &mut Conn) -> QueryResult<bool> {
        let now = stamp(Utc::now());
        let free = imports::held_until.is_null().or(imports::held_until.lt(now).assume_not_null());
        let open = imports::table.find(id).filter(imports::state.eq_any(keys(&State::OPEN))).filter(free);
        let taken = diesel::update(open)
            .set((imports::held_by.eq(holder), imports::held_until.eq(now + HELD)))
            .execute(conn)?;
        Ok(taken == 1)
    }

    /// Holds it for a while longer; false when it was taken away or stopped.
    pub fn held(&self, holder: &str, conn: &mut Conn) -> QueryResult<bool> {
        let mine = imports::table
            .find(self.id)
            .filter(imports::held_by.eq(holder))
            .filter(imports::state.eq(self.state.key()));
        let until = stamp(Utc::now()) + HELD;
        Ok(diesel::update(mine).set(imports::held_until.eq(until)).execute(conn)? == 1)
    }

    /// Those that nobody works on, the oldest first.
    pub fn abandoned(conn: &mut Conn) -> QueryResult<Vec<i64>> {
        let now = stamp(Utc::now());
        imports::table
            .filter(imports::state.eq_any(keys(&State::OPEN)))
            .filter(imports::held_until.is_null().or(imports::held_until.lt(now).assume_not_null()))
            .order(imports::id)
            .select(imports::id)
            .load(conn)
    }

    /// How far trying out is.
    pub fn tried(&self, lines: i64, bytes: u64, conn: &mut Conn) -> QueryResult<()> {
        diesel::update(imports::table.find(self.id))
            .set((imports::lines.eq(lines), imports::bytes.eq(whole(bytes))))
            .execute(conn)
            .map(drop)
    }

    /// Tried out: what it would come to.
    pub fn checked(&self, totals: &Totals, conn: &mut Conn) -> QueryResult<()> {
        self.end(State::Checked, totals, None, conn)
    }

    /// Back to its columns, with why it cannot be tried.
    pub fn uncheck(&self, why: &str, conn: &mut Conn) -> QueryResult<()> {
        let checking = imports::table.find(self.id).filter(imports::state.eq(State::Checking.key()));
        diesel::update(checking)
            .set((imports::state.eq(State::Uploaded.key()), imports::message.eq(Some(why)), free()))
            .execute(conn)
            .map(drop)
    }

    /// The end, with totals that were recounted.
    pub fn finish(&self, totals: &Totals, clock: &Clock, conn: &mut Conn) -> QueryResult<()> {
        self.end(State::Done, totals, Some(clock.stamp()), conn)
    }

    fn end(&self, to: State, totals: &Totals, at: Option<NaiveDateTime>, conn: &mut Conn) -> QueryResult<()> {
        let open = imports::table.find(self.id).filter(imports::state.eq(self.state.key()));
        diesel::update(open)
            .set((
                imports::state.eq(to.key()),
                imports::finished_at.eq(at),
                imports::message.eq(None::<String>),
                counts(totals),
                free(),
            ))
            .execute(conn)
            .map(drop)
    }

    /// Totals that were changed by lines that were corrected afterwards.
    pub fn recounted(&self, conn: &mut Conn) -> QueryResult<Totals> {
        let totals = Totals::recount(self.id, conn)?;
        let at = self.finished_at;
        self.end(self.state, &totals, at, conn)?;
        Ok(totals)
    }

    /// The end before the end of the file. What landed stays and is counted.
    pub fn fail(&self, why: &str, clock: &Clock, conn: &mut Conn) -> QueryResult<()> {
        let running = imports::table.find(self.id).filter(imports::state.eq(State::Running.key()));
        diesel::update(running)
            .set((
                imports::state.eq(State::Failed.key()),
                imports::finished_at.eq(Some(clock.stamp())),
                imports::message.eq(Some(why)),
                free(),
            ))
            .execute(conn)
            .map(drop)
    }

    /// Stops between two batches. What has landed stays, and can be undone. False when there is nothing to stop.
    pub fn cancel(&self, caller: &Caller, clock: &Clock, conn: &mut Conn) -> QueryResult<bool> {
        let running = imports::table.find(self.id).filter(imports::state.eq(State::Running.key()));
        let stopped = diesel::update(running)
            .set((
                imports::state.eq(State::Cancelled.key()),
                imports::finished_at.eq(Some(clock.stamp())),
                imports::message.eq(Some(format!("{} stopped it", caller.name))),
                free(),
            ))
            .execute(conn)?
            == 1;
        if stopped {
            self.audit("import.cancel", caller, conn)?;
        }
        Ok(stopped)
    }

    /// There is something to undo.
    pub fn can_be_undone(&self) -> bool {
        self.state.has_landed() && self.totals.created + self.totals.updated > 0
    }

    /// Begins to undo, once. `Err` says why not.
    pub fn undo(&self, caller: &Caller, clock: &Clock, conn: &mut Conn) -> QueryResult<Result<(), String>> {
        let by = self.undone_by.as_deref().unwrap_or("somebody");
        match self.state {
            State::Undone => return Ok(Err(format!("{by} undid this import already. Nothing was changed now."))),
            State::Undoing => return Ok(Err(format!("{by} is undoing this import already."))),
            State::Running => return Ok(Err("This import still runs. Stop it first, then undo it.".into())),
            _ if !self.can_be_undone() => {
                return Ok(Err("This import changed nothing: there is nothing to undo.".into()));
            }
            _ => {}
        }
        let last: Option<i64> = import_lines::table
            .filter(import_lines::import_id.eq(self.id))
            .select(diesel::dsl::max(import_lines::line))
            .first(conn)?;
        let over = imports::table.find(self.id).filter(imports::state.eq(self.state.key()));
        let begun = diesel::update(over)
            .set((
                imports::state.eq(State::Undoing.key()),
                imports::reached.eq(last.unwrap_or(0) + 1),
                imports::restored.eq(0),
                imports::kept.eq(0),
                imports::undone_at.eq(Some(clock.stamp())),
                imports::undone_by.eq(Some(&caller.name)),
                free(),
            ))
            .execute(conn)?;
        if begun == 0 {
            return Ok(Err("Somebody else is undoing this import just now.".into()));
        }
        self.audit("import.undo", caller, conn)?;
        Ok(Ok(()))
    }

    /// Undone as far as could be.
    pub fn undone(&self, conn: &mut Conn) -> QueryResult<()> {
        diesel::update(imports::table.find(self.id).filter(imports::state.eq(State::Undoing.key())))
            .set((imports::state.eq(State::Undone.key()), free()))
            .execute(conn)
            .map(drop)
    }

    /// An import nobody carried out is forgotten.
    pub fn discard(&self, conn: &mut Conn) -> QueryResult<bool> {
        let waiting = imports::table.find(self.id).filter(imports::state.eq_any(keys(&State::WAITING)));
        Ok(diesel::delete(waiting).execute(conn)? == 1)
    }

    /// Where its file waits.
    pub fn lies_at(&self, path: &Path, conn: &mut Conn) -> QueryResult<()> {
        let path = path.to_string_lossy().into_owned();
        diesel::update(imports::table.find(self.id)).set(imports::path.eq(Some(path))).execute(conn).map(drop)
    }

    /// Its file is not needed any more.
    pub fn forget_file(&self, conn: &mut Conn) -> QueryResult<()> {
        diesel::update(imports::table.find(self.id)).set(imports::path.eq(None::<String>)).execute(conn).map(drop)
    }
}

/// Bytes as the database keeps them.
fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
