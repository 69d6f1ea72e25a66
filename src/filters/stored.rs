//! Filters whose text is too long for a URL: kept by a hash of their text, spoken of as `~KEY` (SPEC 2.4).

use super::fields::Fields;
use super::{Mistake, Rule};
use crate::db::Conn;
use crate::db::schema::stored_filters;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use sha2::{Digest, Sha256};

/// Longer than this when encoded, a filter does not go into a URL.
pub const LONGEST_LINK: usize = 4000;

/// True when the text must be stored before it can be linked to.
pub fn is_long(text: &str) -> bool {
    form_urlencoded::byte_serialize(text.as_bytes()).map(str::len).sum::<usize>() > LONGEST_LINK
}

/// Keeps the text and gives the word that stands for it. The same text always gets the same word.
pub fn keep(text: &str, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<String> {
    let key = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..12]);
    let known = diesel::select(diesel::dsl::exists(stored_filters::table.filter(stored_filters::key.eq(&key))))
        .get_result::<bool>(conn)?;
    if !known {
        diesel::insert_into(stored_filters::table)
            .values((stored_filters::key.eq(&key), stored_filters::text.eq(text), stored_filters::created_at.eq(at)))
            .execute(conn)?;
    }
    Ok(format!("~{key}"))
}

/// Reads what a URL holds: `~KEY`, the text form, or JSON. The outer result is the database's.
pub fn open(spelling: &str, conn: &mut Conn) -> QueryResult<Result<Rule, Mistake>> {
    let fields = Fields::load(conn)?;
    let Some(key) = spelling.trim().strip_prefix('~') else { return Ok(Rule::read(spelling, &fields)) };
    // What no key can be is not looked up.
    let key = if key.contains('\0') { "" } else { key };
    let text: Option<String> = stored_filters::table.find(key).select(stored_filters::text).first(conn).optional()?;
    Ok(match text {
        Some(text) => Rule::read(&text, &fields),
        None => Err(Mistake { position: 1, message: "this stored filter is not here".into(), suggestion: None }),
    })
}
