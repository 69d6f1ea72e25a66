//! What a name means: a tag that is called so, or one that was once. Wherever a tag is named (a file, a link, the API, the
//! text of a filter) it is looked up here.

use super::Tag;
use crate::db::Conn;
use crate::db::schema::{tag_aliases as aliases, tags};
use crate::fold::key;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

/// Names a question.
const CHUNK: usize = 500;

/// The tags that these names mean, by the form names are unique by. The name of a tag comes before one that another had.
pub fn meant(keys: &[String], conn: &mut Conn) -> QueryResult<HashMap<String, Tag>> {
    let mut found = HashMap::new();
    // No name has this letter, and PostgreSQL takes no question with it.
    let keys: Vec<String> = keys.iter().filter(|key| !key.contains('\0')).cloned().collect();
    for some in keys.chunks(CHUNK) {
        let formerly: Vec<(String, Tag)> = aliases::table
            .inner_join(tags::table)
            .filter(aliases::name_key.eq_any(some))
            .select((aliases::name_key, Tag::as_select()))
            .load(conn)?;
        found.extend(formerly);
        let now: Vec<(String, Tag)> =
            tags::table.filter(tags::name_key.eq_any(some)).select((tags::name_key, Tag::as_select())).load(conn)?;
        found.extend(now);
    }
    Ok(found)
}

/// The tag that a name means, without regard to case and outer spaces.
pub fn find(name: &str, conn: &mut Conn) -> QueryResult<Option<Tag>> {
    let wanted = key(name);
    Ok(meant(std::slice::from_ref(&wanted), conn)?.remove(&wanted))
}

/// The tag that is called so now.
pub fn called(name: &str, conn: &mut Conn) -> QueryResult<Option<Tag>> {
    tags::table.filter(tags::name_key.eq(key(name))).select(Tag::as_select()).first(conn).optional()
}

/// The tag that was called so once and is not any more.
pub fn formerly(name: &str, conn: &mut Conn) -> QueryResult<Option<Tag>> {
    let formerly = aliases::table.inner_join(tags::table).filter(aliases::name_key.eq(key(name)));
    formerly.select(Tag::as_select()).first(conn).optional()
}

/// The names a tag had, and those of the tags that went into it.
pub fn of(tag_id: i64, conn: &mut Conn) -> QueryResult<Vec<String>> {
    let names = aliases::table.filter(aliases::tag_id.eq(tag_id)).order(aliases::name_key);
    names.select(aliases::name).load(conn)
}

/// From now on the name means this tag, if none is called so.
pub fn keep(name: &str, tag_id: i64, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    release(name, conn)?;
    diesel::insert_into(aliases::table)
        .values((
            aliases::name_key.eq(key(name)),
            aliases::name.eq(name),
            aliases::tag_id.eq(tag_id),
            aliases::created_at.eq(at),
        ))
        .execute(conn)
        .map(drop)
}

/// The name is nobody's former one any more.
pub fn release(name: &str, conn: &mut Conn) -> QueryResult<()> {
    diesel::delete(aliases::table.find(key(name))).execute(conn).map(drop)
}

/// What a tag was called means another from now on.
pub fn hand_over(from: i64, into: i64, conn: &mut Conn) -> QueryResult<()> {
    diesel::update(aliases::table.filter(aliases::tag_id.eq(from)))
        .set(aliases::tag_id.eq(into))
        .execute(conn)
        .map(drop)
}
