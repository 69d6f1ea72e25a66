//! Who did what that is worth remembering: sign-ins, exports, imports, new users and tokens. Never changed, only added.

use super::Caller;
use crate::db::Conn;
use crate::db::schema::audit_log;
use crate::workspace::stamp;
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
