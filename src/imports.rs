//! Imports: a CSV of customers or of purchases, line by line, each line to exactly one outcome.
//!
//! [`shape`] and [`reader`] turn bytes into records; [`columns`] and [`plan`] say what the cells mean; [`lines`]
//! understands one record by its [`cells`], in
//! the [`notation`] of each column; [`settle`] decides what becomes of a customer's line, [`sales`] of a
//! purchase's; [`run`] does so for a whole file and [`store`] writes it down. What differs between the two is asked of the
//! [`Subject`]. This page is the noun: an import with its totals and what it has to tell.

pub mod cells;
pub mod columns;
pub mod command;
mod custom;

pub mod files;
mod form;
pub mod lines;
pub mod notation;
pub mod outcome;
pub mod pages;
pub mod people;
pub mod plan;
mod preview;
pub mod reader;
mod report;
pub mod run;
pub mod sales;
pub mod settle;
pub mod shape;
mod store;
mod subject;
mod upload;
mod views;
mod whom;
mod work;

pub use plan::Plan;
pub use subject::Subject;

use crate::agents::{Caller, audit};
use crate::db::Conn;
use crate::db::schema::{import_lines, import_remarks, imports};
use crate::workspace::Clock;
use chrono::NaiveDateTime;
use diesel::dsl::count_star;
use diesel::prelude::*;
use std::fmt;

/// Where an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The file is here; somebody chooses what becomes of its columns.
    Uploaded,
    Running,
    Done,
    Failed,
}

impl State {
    pub const ALL: [State; 4] = [State::Uploaded, State::Running, State::Done, State::Failed];

    pub fn key(self) -> &'static str {
        match self {
            State::Uploaded => "uploaded",
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
        }
    }
    fn parse(key: &str) -> State {
        State::ALL.into_iter().find(|state| state.key() == key).unwrap_or(State::Failed)
    }
}

/// How many lines ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Totals {
    pub header: i64,
    pub blank: i64,
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub skipped: i64,
    pub rejected: i64,
}

impl Totals {
    /// Every line of the file, the header too.
    pub fn lines(&self) -> i64 {
        self.header + self.blank + self.created + self.updated + self.unchanged + self.skipped + self.rejected
    }

    /// Counts the outcomes kept for each line.
    pub fn recount(import: i64, conn: &mut Conn) -> QueryResult<Totals> {
        let counted: Vec<(String, i64)> = import_lines::table
            .filter(import_lines::import_id.eq(import))
            .group_by(import_lines::outcome)
            .select((import_lines::outcome, count_star()))
            .load(conn)?;
        let of = |key: &str| counted.iter().find(|(outcome, _)| outcome == key).map_or(0, |(_, n)| *n);
        Ok(Totals {
            header: 1,
            blank: of("blank"),
            created: of("created"),
            updated: of("updated"),
            unchanged: of("unchanged"),
            skipped: of("skipped"),
            rejected: of("rejected"),
        })
    }
}

/// `21 lines = 1 header + 0 blank + 20 created + …`
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals { header, blank, created, updated, unchanged, skipped, rejected } = self;
        write!(
            f,
            "{} lines = {header} header + {blank} blank + {created} created + {updated} updated + {unchanged} unchanged \
             + {skipped} skipped + {rejected} rejected",
            self.lines()
        )
    }
}

/// One import.
#[derive(Clone, Debug)]
pub struct Import {
    pub id: i64,
    pub file_name: String,
    pub state: State,
    pub plan: Plan,
    pub actor: String,
    pub agent_id: Option<i64>,
    pub created_at: NaiveDateTime,
    pub finished_at: Option<NaiveDateTime>,
    /// Why it failed.
    pub message: Option<String>,
    pub totals: Totals,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = imports)]
struct Row {
    id: i64,
    file_name: String,
    state: String,
    plan: String,
    actor: String,
    agent_id: Option<i64>,
    created_at: NaiveDateTime,
    finished_at: Option<NaiveDateTime>,
    message: Option<String>,
    lines: i64,
    blank: i64,
    created: i64,
    updated: i64,
    unchanged: i64,
    skipped: i64,
    rejected: i64,
}

impl From<Row> for Import {
    fn from(row: Row) -> Import {
        Import {
            id: row.id,
            file_name: row.file_name,
            state: State::parse(&row.state),
            // A plan that an older Muster kept in other words is shown as an empty one.
            plan: serde_json::from_str(&row.plan).unwrap_or_default(),
            actor: row.actor,
            agent_id: row.agent_id,
            created_at: row.created_at,
            finished_at: row.finished_at,
            message: row.message,
            totals: Totals {
                header: i64::from(row.lines > 0),
                blank: row.blank,
                created: row.created,
                updated: row.updated,
                unchanged: row.unchanged,
                skipped: row.skipped,
                rejected: row.rejected,
            },
        }
    }
}

/// Something told about a line.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = import_remarks)]
pub struct Remark {
    pub id: i64,
    pub line: i64,
    pub outcome: String,
    pub column_name: String,
    pub value: String,
    pub reason: String,
    pub record: String,
}

impl Remark {
    pub fn is_rejection(&self) -> bool {
        self.outcome == outcome::Remark::REJECTED
    }
}

impl Import {
    /// A file that is here and not imported yet.
    pub fn create(
        file_name: &str,
        plan: &Plan,
        state: State,
        caller: &Caller,
        clock: &Clock,
        conn: &mut Conn,
    ) -> QueryResult<Import> {
        let id: i64 = diesel::insert_into(imports::table)
            .values((
                imports::kind.eq(plan.subject.key()),
                imports::file_name.eq(file_name),
                imports::state.eq(state.key()),
                imports::plan.eq(written(plan)?),
                imports::actor.eq(&caller.name),
                imports::agent_id.eq(caller.agent_id),
                imports::created_at.eq(clock.stamp()),
            ))
            .returning(imports::id)
            .get_result(conn)?;
        Import::find(id, conn)?.ok_or(diesel::result::Error::NotFound)
    }

    pub fn find(id: i64, conn: &mut Conn) -> QueryResult<Option<Import>> {
        let row = imports::table.find(id).select(Row::as_select()).first(conn).optional()?;
        Ok(row.map(Import::from))
    }

    /// The newest first.
    pub fn list(conn: &mut Conn) -> QueryResult<Vec<Import>> {
        let rows = imports::table.order(imports::id.desc()).limit(200).select(Row::as_select()).load(conn)?;
        Ok(rows.into_iter().map(Import::from).collect())
    }

    /// Keeps a changed plan; false when the import is no longer waiting for one.
    pub fn replan(&self, plan: &Plan, conn: &mut Conn) -> QueryResult<bool> {
        let waiting = imports::table.find(self.id).filter(imports::state.eq(State::Uploaded.key()));
        Ok(diesel::update(waiting).set(imports::plan.eq(written(plan)?)).execute(conn)? == 1)
    }

    /// From uploaded to running, once: of two people who press the button, one starts it.
    pub fn start(&self, conn: &mut Conn) -> QueryResult<bool> {
        let waiting = imports::table.find(self.id).filter(imports::state.eq(State::Uploaded.key()));
        Ok(diesel::update(waiting).set(imports::state.eq(State::Running.key())).execute(conn)? == 1)
    }

    /// The end, with totals that were recounted.
    pub fn finish(&self, totals: &Totals, clock: &Clock, conn: &mut Conn) -> QueryResult<()> {
        diesel::update(imports::table.find(self.id))
            .set((
                imports::state.eq(State::Done.key()),
                imports::finished_at.eq(Some(clock.stamp())),
                imports::message.eq(None::<String>),
                imports::lines.eq(totals.lines()),
                imports::blank.eq(totals.blank),
                imports::created.eq(totals.created),
                imports::updated.eq(totals.updated),
                imports::unchanged.eq(totals.unchanged),
                imports::skipped.eq(totals.skipped),
                imports::rejected.eq(totals.rejected),
            ))
            .execute(conn)?;
        Ok(())
    }

    /// The end before the end of the file. What landed stays and is counted.
    pub fn fail(&self, why: &str, clock: &Clock, conn: &mut Conn) -> QueryResult<()> {
        diesel::update(imports::table.find(self.id))
            .set((
                imports::state.eq(State::Failed.key()),
                imports::finished_at.eq(Some(clock.stamp())),
                imports::message.eq(Some(why)),
            ))
            .execute(conn)?;
        Ok(())
    }

    /// That somebody imported, what and how, is kept beside other things worth remembering.
    pub fn audit(&self, caller: &Caller, conn: &mut Conn) -> QueryResult<()> {
        let details = serde_json::json!({ "file": self.file_name, "plan": self.plan });
        audit(conn, caller, "import.run", &format!("import {}", self.id), &details)
    }

    /// An import nobody carried out is forgotten.
    pub fn discard(&self, conn: &mut Conn) -> QueryResult<bool> {
        let waiting = imports::table.find(self.id).filter(imports::state.eq(State::Uploaded.key()));
        Ok(diesel::delete(waiting).execute(conn)? == 1)
    }

    /// What there is to tell about lines after `after`, rejections first or notes: `kind` is one of [`outcome::Remark`]'s.
    pub fn remarks(&self, kind: &str, after: i64, limit: i64, conn: &mut Conn) -> QueryResult<Vec<Remark>> {
        import_remarks::table
            .filter(import_remarks::import_id.eq(self.id))
            .filter(import_remarks::outcome.eq(kind))
            .filter(import_remarks::id.gt(after))
            .order(import_remarks::id)
            .limit(limit)
            .select(Remark::as_select())
            .load(conn)
    }

    pub fn count_remarks(&self, kind: &str, conn: &mut Conn) -> QueryResult<i64> {
        import_remarks::table
            .filter(import_remarks::import_id.eq(self.id))
            .filter(import_remarks::outcome.eq(kind))
            .count()
            .get_result(conn)
    }
}

/// Imports that were running when Muster stopped did not finish: says so, once, at the next start.
pub fn recover(clock: &Clock, conn: &mut Conn) -> QueryResult<usize> {
    diesel::update(imports::table.filter(imports::state.eq(State::Running.key())))
        .set((
            imports::state.eq(State::Failed.key()),
            imports::finished_at.eq(Some(clock.stamp())),
            imports::message.eq(Some(
                "Muster was stopped while this import ran. The lines counted here have landed; import the file again \
                 for the rest, what has landed stays unchanged",
            )),
        ))
        .execute(conn)
}

fn written(plan: &Plan) -> QueryResult<String> {
    serde_json::to_string(plan).map_err(|error| diesel::result::Error::SerializationError(error.into()))
}
