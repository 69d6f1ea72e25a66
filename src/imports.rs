//! Imports: a CSV of customers or of purchases, line by line, each line to exactly one outcome.
//!
//! [`shape`], [`records`] and [`reader`] turn bytes into records; [`columns`] and [`plan`] say what the cells mean; [`lines`]
//! understands one record by its [`cells`], in
//! the [`notation`] of each column; [`settle`] decides what becomes of a customer's line, [`sales`] of a
//! purchase's; [`run`] does so for a whole file and [`store`] writes it down. What differs between the two is asked of the
//! [`Subject`]. This page is the noun: an import with its totals and what it has to tell.

pub mod cells;
mod changes;
pub mod columns;
pub mod command;
pub mod corrections;
mod custom;
pub mod difference;
pub mod files;
mod form;
pub mod lifecycle;
pub mod lines;
pub mod notation;
pub mod outcome;
pub mod pages;
pub mod people;
pub mod plan;
mod preview;
pub mod reader;
pub mod records;
pub mod rehearsal;
mod report;
pub mod run;
pub mod sales;
pub mod scratch;
pub mod settle;
pub mod shape;
mod source;
mod store;
mod subject;
mod totals;
pub mod undo;
mod upload;
mod views;
mod whom;
pub mod work;

pub use lifecycle::State;
pub use plan::Plan;
pub use subject::Subject;
pub use totals::Totals;

use crate::agents::{Caller, audit};
use crate::db::Conn;
use crate::db::schema::{import_remarks, imports};
use crate::workspace::Clock;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::path::PathBuf;

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
    /// What its lines came to; of one that was only [checked](State::Checked), what they would.
    pub totals: Totals,
    /// Lines that have ended in an outcome: whoever goes on with it begins after them.
    pub settled: i64,
    /// What the file was when it was uploaded: the same is imported.
    pub sha256: String,
    /// Where it waits.
    pub path: Option<PathBuf>,
    /// The one moment that all lines are stamped with.
    pub began_at: Option<NaiveDateTime>,
    /// The highest customer number then.
    pub last_known: i64,
    /// Bytes of the file, read so far.
    pub bytes: u64,
    /// The line that was undone last.
    pub reached: i64,
    /// Of those that were created or updated, as many are again as they were,
    pub restored: i64,
    /// and as many are not, because something was changed since.
    pub kept: i64,
    pub undone_at: Option<NaiveDateTime>,
    pub undone_by: Option<String>,
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
    sha256: String,
    path: Option<String>,
    began_at: Option<NaiveDateTime>,
    last_known: i64,
    bytes: i64,
    reached: i64,
    restored: i64,
    kept: i64,
    undone_at: Option<NaiveDateTime>,
    undone_by: Option<String>,
}

impl From<Row> for Import {
    fn from(row: Row) -> Import {
        let state = State::parse(&row.state);
        Import {
            id: row.id,
            file_name: row.file_name,
            state,
            // A plan that an older Muster kept in other words is shown as an empty one.
            plan: serde_json::from_str(&row.plan).unwrap_or_default(),
            actor: row.actor,
            agent_id: row.agent_id,
            created_at: row.created_at,
            finished_at: row.finished_at,
            message: row.message,
            totals: Totals {
                header: i64::from(state != State::Uploaded),
                blank: row.blank,
                created: row.created,
                updated: row.updated,
                unchanged: row.unchanged,
                skipped: row.skipped,
                rejected: row.rejected,
            },
            settled: row.lines,
            sha256: row.sha256,
            path: row.path.map(PathBuf::from),
            began_at: row.began_at,
            last_known: row.last_known,
            bytes: u64::try_from(row.bytes).unwrap_or_default(),
            reached: row.reached,
            restored: row.restored,
            kept: row.kept,
            undone_at: row.undone_at,
            undone_by: row.undone_by,
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

/// A file that came to be imported.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    pub name: String,
    pub sha256: String,
    /// Where it waits, if that is known already.
    pub path: Option<PathBuf>,
}

impl Import {
    /// A file that is here and not imported yet.
    pub fn create(
        file: &Incoming,
        plan: &Plan,
        caller: &Caller,
        clock: &Clock,
        conn: &mut Conn,
    ) -> QueryResult<Import> {
        let id: i64 = diesel::insert_into(imports::table)
            .values((
                imports::kind.eq(plan.subject.key()),
                imports::file_name.eq(&file.name),
                imports::state.eq(State::Uploaded.key()),
                imports::plan.eq(written(plan)?),
                imports::actor.eq(&caller.name),
                imports::agent_id.eq(caller.agent_id),
                imports::created_at.eq(clock.stamp()),
                imports::sha256.eq(&file.sha256),
                imports::shape.eq(plan.likeness()),
                imports::path.eq(file.path.as_ref().map(|path| path.to_string_lossy().into_owned())),
            ))
            .returning(imports::id)
            .get_result(conn)?;
        Import::find(id, conn)?.ok_or(diesel::result::Error::NotFound)
    }

    /// One that is only tried out, of a file nobody uploaded.
    pub fn imagined(file: &Incoming, plan: &Plan) -> Import {
        Import {
            id: 0,
            file_name: file.name.clone(),
            state: State::Checking,
            plan: plan.clone(),
            actor: String::new(),
            agent_id: None,
            created_at: NaiveDateTime::default(),
            finished_at: None,
            message: None,
            totals: Totals::default(),
            settled: 0,
            sha256: file.sha256.clone(),
            path: file.path.clone(),
            began_at: None,
            last_known: 0,
            bytes: 0,
            reached: 0,
            restored: 0,
            kept: 0,
            undone_at: None,
            undone_by: None,
        }
    }

    /// One of the same file with the same plan that was begun and is not at its end.
    pub fn unfinished(file: &Incoming, plan: &Plan, conn: &mut Conn) -> QueryResult<Option<Import>> {
        let row = imports::table
            .filter(imports::state.eq(State::Running.key()))
            .filter(imports::sha256.eq(&file.sha256))
            .filter(imports::path.eq(file.path.as_ref().map(|path| path.to_string_lossy().into_owned())))
            .filter(imports::plan.eq(written(plan)?))
            .order(imports::id)
            .select(Row::as_select())
            .first(conn)
            .optional()?;
        Ok(row.map(Import::from))
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

    /// How the last file with these columns was imported: the next one is likely meant in the same way.
    pub fn like(plan: &Plan, conn: &mut Conn) -> QueryResult<Option<Import>> {
        let row = imports::table
            .filter(imports::shape.eq(plan.likeness()))
            .filter(imports::state.ne_all(State::WAITING.map(State::key)))
            .order(imports::id.desc())
            .select(Row::as_select())
            .first(conn)
            .optional()?;
        Ok(row.map(Import::from))
    }

    /// That somebody imported, what and how, is kept beside other things worth remembering.
    pub fn audit(&self, action: &str, caller: &Caller, conn: &mut Conn) -> QueryResult<()> {
        let details = serde_json::json!({ "file": self.file_name, "plan": self.plan });
        audit(conn, caller, action, &format!("import {}", self.id), &details)
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

fn written(plan: &Plan) -> QueryResult<String> {
    serde_json::to_string(plan).map_err(|error| diesel::result::Error::SerializationError(error.into()))
}
