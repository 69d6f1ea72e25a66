//! API tokens: programs that act by a role, known by a secret that is shown once and kept only as its hash.

use super::{Caller, Role};
use crate::db::Conn;
use crate::db::schema::tokens;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use sha2::{Digest, Sha256};

/// So that a token found lying about can be recognised.
const PREFIX: &str = "muster_";

/// Makes a token and gives its secret, once. The name was checked by [`super::name`].
pub fn create(name: &str, role: Role, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<(i64, String)> {
    let secret = format!("{PREFIX}{}", random()?);
    let id = diesel::insert_into(tokens::table)
        .values((
            tokens::name.eq(name),
            tokens::role.eq(role.key()),
            tokens::token_hash.eq(hash(&secret)),
            tokens::created_at.eq(at),
        ))
        .returning(tokens::id)
        .get_result(conn)?;
    Ok((id, secret))
}

/// Whoever holds this secret, unless it was revoked.
pub fn caller(secret: &str, conn: &mut Conn) -> QueryResult<Option<Known>> {
    type Row = (i64, String, String, Option<NaiveDateTime>);
    let row: Option<Row> = tokens::table
        .filter(tokens::token_hash.eq(hash(secret)))
        .filter(tokens::revoked_at.is_null())
        .select((tokens::id, tokens::name, tokens::role, tokens::last_used_at))
        .first(conn)
        .optional()?;
    Ok(row.and_then(|(id, name, role, last_used_at)| {
        let role = Role::parse(&role)?;
        // The rights given to single people are not given to tokens; an admin's token has them by its role.
        let caller = Caller { agent_id: None, name, role, may_send: false, may_export: false, token: true };
        Some(Known { id, caller, last_used_at })
    }))
}

/// A token that was recognised.
pub struct Known {
    id: i64,
    pub caller: Caller,
    last_used_at: Option<NaiveDateTime>,
}

impl Known {
    /// The last use is kept to the minute: not every request is worth a write.
    pub fn is_worth_a_note(&self, at: NaiveDateTime) -> bool {
        self.last_used_at.is_none_or(|last| at - last > TimeDelta::minutes(1))
    }

    pub fn note(&self, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<()> {
        diesel::update(tokens::table.find(self.id)).set(tokens::last_used_at.eq(at)).execute(conn).map(drop)
    }
}

/// From now on the secret opens nothing.
pub fn revoke(id: i64, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<bool> {
    let open = tokens::table.find(id).filter(tokens::revoked_at.is_null());
    Ok(diesel::update(open).set(tokens::revoked_at.eq(at)).execute(conn)? == 1)
}

/// 256 random bits, as letters that need no quoting anywhere.
pub(super) fn random() -> QueryResult<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        diesel::result::Error::SerializationError(format!("the system gives no random numbers: {error}").into())
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of a secret. It has 256 random bits, so a quick hash is enough.
pub(super) fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
