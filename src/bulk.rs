//! Bulk actions: one thing done to many customers, ticked or all who match, that can be undone for thirty days.
//!
//! [Whom](crate::filters::whom) it is about is settled in one snapshot when it is started, [`what`] is done is data. [`run`] works it off in
//! short transactions, each with its own progress, so that nobody waits for it and a restart goes on where it stopped.
//! Each way of changing people knows how to go back: [`tagging`], [`fields`], [`joining`], [`deleting`] with [`kept`]. What
//! became of each customer is a row of [`items`]; the sums are counted from there. [`form`] and [`pages`] are for the
//! browser, [`api`] for programs.

pub mod api;
mod deleting;
mod fields;
mod form;
mod items;
mod joining;
pub(crate) mod kept;
pub mod pages;
pub mod run;
mod tagging;
mod views;
pub mod what;
pub mod work;

pub use items::{Item, Outcome};
pub use kept::TABLES as KEPT_TABLES;
pub use what::{Kind, What};

use crate::agents::{Caller, audit};
use crate::db::schema::{bulk_actions, bulk_items};
use crate::db::{Backend, Conn};
use crate::filters::whom;
use crate::workspace::Clock;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use roaring::RoaringBitmap;
use serde_json::json;

/// How long an action can be undone, and is listed.
pub const UNDO_DAYS: i64 = 30;

/// Up to so many customers are seen to while whoever asked waits for the answer.
pub const AT_ONCE: i64 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Done,
    /// Somebody stopped it: what was done stays done.
    Cancelled,
    Undoing,
    Undone,
}

impl State {
    pub const ALL: [State; 5] = [State::Running, State::Done, State::Cancelled, State::Undoing, State::Undone];

    pub fn key(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Done => "done",
            State::Cancelled => "cancelled",
            State::Undoing => "undoing",
            State::Undone => "undone",
        }
    }

    fn parse(key: &str) -> State {
        State::ALL.into_iter().find(|state| state.key() == key).unwrap_or(State::Done)
    }

    /// There is work left.
    pub fn is_open(self) -> bool {
        matches!(self, State::Running | State::Undoing)
    }
}

/// One bulk action.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = bulk_actions)]
#[diesel(check_for_backend(Backend))]
pub struct Action {
    pub id: i64,
    details: String,
    /// What is done: `Add VIP`.
    pub words: String,
    /// Whom it is about: `tagged VIP`.
    pub about: String,
    pub actor: String,
    pub agent_id: Option<i64>,
    state: String,
    /// How many the page showed before it was started.
    pub shown: Option<i64>,
    pub total: i64,
    pub changed: i64,
    pub already: i64,
    pub failed: i64,
    /// Of the changed ones, those that are again as they were,
    pub restored: i64,
    /// and those of whom something was left alone, because it was changed since.
    pub kept: i64,
    /// The last customer that was seen to.
    pub reached: i64,
    pub created_at: NaiveDateTime,
    pub finished_at: Option<NaiveDateTime>,
    pub undone_at: Option<NaiveDateTime>,
    pub undone_by: Option<String>,
}

/// Why an action is not undone or stopped, for whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    Told(String),
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
}

impl Action {
    /// Settles what is done to whom. The caller works it off, or leaves it to whoever finds it.
    pub fn start(
        what: &What,
        whom: &whom::Settled,
        shown: Option<i64>,
        caller: &Caller,
        conn: &mut Conn,
    ) -> QueryResult<Action> {
        let id: i64 = diesel::insert_into(bulk_actions::table)
            .values((
                bulk_actions::kind.eq(what.kind().key()),
                bulk_actions::details.eq(what.to_json()?),
                bulk_actions::words.eq(what.words()),
                bulk_actions::about.eq(&whom.words),
                bulk_actions::filter.eq(&whom.filter),
                bulk_actions::whom.eq(whom.packed()?),
                bulk_actions::actor.eq(&caller.name),
                bulk_actions::agent_id.eq(caller.agent_id),
                bulk_actions::state.eq(State::Running.key()),
                bulk_actions::shown.eq(shown),
                bulk_actions::total.eq(whom.ids.len() as i64),
                bulk_actions::created_at.eq(whom.at),
            ))
            .returning(bulk_actions::id)
            .get_result(conn)?;
        let details = json!({ "what": what.words(), "about": whom.words, "customers": whom.ids.len() });
        audit(conn, caller, &format!("bulk.{}", what.kind().key()), &format!("bulk action {id}"), &details)?;
        Action::find(id, conn)?.ok_or(diesel::result::Error::NotFound)
    }

    pub fn find(id: i64, conn: &mut Conn) -> QueryResult<Option<Action>> {
        bulk_actions::table.find(id).select(Action::as_select()).first(conn).optional()
    }

    /// Those that can still be undone, the newest first.
    pub fn list(conn: &mut Conn, clock: &Clock) -> QueryResult<Vec<Action>> {
        let since = clock.stamp() - TimeDelta::days(UNDO_DAYS);
        bulk_actions::table
            .filter(bulk_actions::created_at.gt(since))
            .order(bulk_actions::id.desc())
            .limit(500)
            .select(Action::as_select())
            .load(conn)
    }

    pub fn state(&self) -> State {
        State::parse(&self.state)
    }

    /// What is done; an error in words where an older Muster kept it otherwise.
    pub fn what(&self) -> QueryResult<What> {
        What::from_json(&self.details)
    }

    /// Whom it is about.
    fn whom(&self, conn: &mut Conn) -> QueryResult<RoaringBitmap> {
        let packed: Vec<u8> = bulk_actions::table.find(self.id).select(bulk_actions::whom).first(conn)?;
        whom::unpacked(&packed)
    }

    /// How many were not seen to yet, or never will be.
    pub fn left(&self) -> i64 {
        self.total - self.changed - self.already - self.failed
    }

    /// There is something to undo, and still time.
    pub fn can_be_undone(&self, clock: &Clock) -> bool {
        matches!(self.state(), State::Done | State::Cancelled) && self.changed > 0 && !self.is_old(clock)
    }

    fn is_old(&self, clock: &Clock) -> bool {
        self.created_at <= clock.stamp() - TimeDelta::days(UNDO_DAYS)
    }

    /// Stops between two batches. What was done stays, and can be undone. False when there is nothing to stop.
    pub fn cancel(&self, caller: &Caller, conn: &mut Conn, clock: &Clock) -> QueryResult<bool> {
        let running = bulk_actions::table.find(self.id).filter(bulk_actions::state.eq(State::Running.key()));
        let stopped = diesel::update(running)
            .set((bulk_actions::state.eq(State::Cancelled.key()), bulk_actions::finished_at.eq(clock.stamp())))
            .execute(conn)?
            == 1;
        if stopped {
            audit(conn, caller, "bulk.cancel", &self.subject(), &json!({ "what": self.words }))?;
        }
        Ok(stopped)
    }

    /// Begins to undo, once: of two people who press the button, one does.
    pub fn undo(&self, caller: &Caller, conn: &mut Conn, clock: &Clock) -> Result<(), Problem> {
        let told = |words: String| Err(Problem::Told(words));
        let by = self.undone_by.as_deref().unwrap_or("somebody");
        match self.state() {
            State::Undone => return told(format!("{by} undid this already. Nothing was changed now.")),
            State::Undoing => return told(format!("{by} is undoing this already.")),
            State::Running => return told("This is still under way. Stop it first, then undo it.".into()),
            State::Done | State::Cancelled if self.changed == 0 => {
                return told("This changed nobody: there is nothing to undo.".into());
            }
            State::Done | State::Cancelled if self.is_old(clock) => {
                return told(format!("What is older than {UNDO_DAYS} days cannot be undone any more."));
            }
            State::Done | State::Cancelled => {}
        }
        let waiting = bulk_actions::table.find(self.id).filter(bulk_actions::state.eq(&self.state));
        let begun = diesel::update(waiting)
            .set((
                bulk_actions::state.eq(State::Undoing.key()),
                bulk_actions::reached.eq(0),
                bulk_actions::undone_by.eq(&caller.name),
                bulk_actions::held_by.eq(None::<String>),
                bulk_actions::held_until.eq(None::<NaiveDateTime>),
            ))
            .execute(conn)?;
        if begun == 0 {
            return told("Somebody else is undoing this just now.".into());
        }
        audit(conn, caller, "bulk.undo", &self.subject(), &json!({ "what": self.words, "customers": self.changed }))?;
        Ok(())
    }

    fn subject(&self) -> String {
        format!("bulk action {}", self.id)
    }

    /// What there is to tell about single customers: why they failed, or what undoing left alone.
    pub fn remarks(&self, outcome: Outcome, limit: i64, conn: &mut Conn) -> QueryResult<Vec<(i64, String)>> {
        bulk_items::table
            .filter(bulk_items::action_id.eq(self.id))
            .filter(bulk_items::outcome.eq(outcome.key()))
            .filter(bulk_items::remark.is_not_null())
            .order(bulk_items::customer_id)
            .limit(limit)
            .select((bulk_items::customer_id, bulk_items::remark.assume_not_null()))
            .load(conn)
    }
}
