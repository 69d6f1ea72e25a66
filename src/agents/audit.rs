//! Who did what that is worth remembering: sign-ins, exports, imports, new users and tokens. Never changed, only added.

use super::Caller;
use crate::db::schema::audit_log;
use crate::db::{Backend, Conn};
use crate::workspace::stamp;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::Value;

/// Writes one line: `audit(conn, &caller, "token.create", "token 3", &json!({"name": "Shop"}))`. The details say what
/// changed, never a secret.
pub fn audit(conn: &mut Conn, caller: &Caller, action: &str, subject: &str, details: &Value) -> QueryResult<()> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::at.eq(stamp(chrono::Utc::now())),
            audit_log::actor.eq(&caller.name),
            audit_log::action.eq(action),
            audit_log::subject.eq(subject),
            audit_log::details.eq(details.to_string()),
        ))
        .execute(conn)
        .map(drop)
}

/// One line of the log.
#[derive(Clone, Debug, Queryable)]
pub struct Entry {
    pub id: i64,
    pub at: NaiveDateTime,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub details: String,
}

/// Which lines are asked for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Who it was, as a pattern of small letters; and what was done to what.
    pub actor: Option<String>,
    pub about: Option<String>,
    /// Those before this one.
    pub before: Option<i64>,
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// The newest first, from before a line on.
pub fn entries(search: &Search, limit: i64, conn: &mut Conn) -> QueryResult<Vec<Entry>> {
    let mut found = audit_log::table.into_boxed::<Backend>();
    if let Some(before) = search.before {
        found = found.filter(audit_log::id.lt(before));
    }
    if let Some(actor) = &search.actor {
        found = found.filter(lower(audit_log::actor).like(actor.clone()).escape('\\'));
    }
    if let Some(wanted) = search.about.clone() {
        let about = lower(audit_log::subject).like(wanted.clone()).escape('\\');
        let done = lower(audit_log::action).like(wanted.clone()).escape('\\');
        let more = lower(audit_log::details).like(wanted).escape('\\');
        found = found.filter(about.or(done).or(more));
    }
    found.order(audit_log::id.desc()).limit(limit).load(conn)
}
