//! Tags: sticky labels on customers. Names are unique without regard to case or outer spaces; everything else refers to
//! tags by id, so a rename breaks nothing.
//!
//! | room | what is in it |
//! |---|---|
//! | [`taggings`] | the fact that a customer carries a tag: who, when, from where, until when |
//! | [`put`], [`past`] | putting tags on and taking them off; what was carried once |
//! | [`families`] | tags of which a customer carries one at most |
//! | [`lasting`] | how long a tag is to stay, as people say it |
//! | [`told`] | a tagging in words |
//! | [`names`] | what a name means, now or once |
//! | [`suggest`] | what the tag editor offers while somebody types |
//! | [`editor`] | the tag editor of one customer, in the browser |
//! | [`list`], [`near`], [`uses`] | the tags there are: how many carry them, what asks for them, which are nearly the same |
//! | [`merge`], [`impact`] | two tags become one; what a change does to audiences, before it is made |
//! | [`pages`], [`form`], [`ending`], [`api`] | the tag manager, for browsers and for programs |

pub mod api;
pub mod editor;
pub mod ending;
pub mod families;
pub mod form;
pub mod impact;
pub mod lasting;
pub mod list;
pub mod merge;
pub mod names;
pub mod near;
pub mod pages;
pub mod past;
pub mod put;
pub mod suggest;
pub mod taggings;
pub mod told;
pub mod undo;
pub mod uses;

pub use put::{add, add_to, put_on, remove, remove_from, take_off};
pub use taggings::{Lasting, Mark, Source, Tagging, of_customer, of_customers, on};
pub(crate) use taggings::{Sizes, sizes};
pub use told::Told;

use crate::db::Conn;
use crate::db::schema::{taggings as carried, tags};
use crate::each;
use crate::fold::{fold, key};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as QueryError};
use unicode_normalization::UnicodeNormalization;

/// The ten hues of chips.
pub const COLOURS: [&str; 10] = ["amber", "blue", "green", "indigo", "orange", "pink", "purple", "red", "teal", "gray"];

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 100;
/// The longest description, in characters.
pub const LONGEST_DESCRIPTION: usize = 500;

#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = tags)]
pub struct Tag {
    pub id: i64,
    pub name: String,
    pub colour: String,
    pub description: String,
    /// Of the tags of a family a customer carries one at most.
    pub family_id: Option<i64>,
    /// Since then it is not offered any more.
    pub archived_at: Option<NaiveDateTime>,
}

/// Why a tag was not written.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// This tag has the name already.
    #[error("there is a tag {} already", .0.name)]
    Taken(Tag),
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// What may be said about a tag, already clean.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub name: String,
    pub colour: String,
    pub description: String,
}

impl Tag {
    /// A name as it is stored, or a sentence why it cannot be one.
    pub fn clean(raw: &str) -> Result<String, String> {
        let name: String = raw.trim().nfc().collect();
        if name.is_empty() {
            return Err("A tag needs a name.".into());
        }
        if name.contains(';') {
            return Err("A tag's name has no semicolon: in files it separates tags.".into());
        }
        if name.contains(['\n', '\r']) {
            return Err("A tag's name is one line.".into());
        }
        if name.chars().any(char::is_control) {
            return Err("There is an invisible control character in the name. Type it again.".into());
        }
        if name.starts_with(['-', '\'']) {
            return Err("A tag's name does not begin with - or '. In files, -Name removes a tag.".into());
        }
        if fold(&name).is_empty() {
            return Err("A tag's name needs a letter, a digit or a sign that can be seen.".into());
        }
        let length = name.chars().count();
        if length > LONGEST_NAME {
            return Err(format!("{length} characters are too many; a tag's name has at most {LONGEST_NAME}."));
        }
        Ok(name)
    }

    /// The tag that a name means; see [`names`].
    pub fn find(name: &str, conn: &mut Conn) -> QueryResult<Option<Tag>> {
        names::find(name, conn)
    }

    pub fn by_id(id: i64, conn: &mut Conn) -> QueryResult<Option<Tag>> {
        tags::table.find(id).select(Tag::as_select()).first(conn).optional()
    }

    /// The tag that this clean name means, and whether it was made just now.
    pub fn find_or_create(name: &str, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<(Tag, bool)> {
        if let Some(tag) = Tag::find(name, conn)? {
            return Ok((tag, false));
        }
        let made = Draft::named(name).insert(conn, at)?;
        // Somebody else may have made it in between: then theirs is the tag.
        let tag = names::called(name, conn)?.ok_or(QueryError::NotFound)?;
        Ok((tag, made))
    }

    /// A tag of that name. If another had the name once, it means this one from now on.
    pub fn create(draft: &Draft, conn: &mut Conn, at: NaiveDateTime) -> Result<Tag, Problem> {
        let made = draft.insert(conn, at)?;
        let tag = names::called(&draft.name, conn)?.ok_or(QueryError::NotFound)?;
        if !made {
            return Err(Problem::Taken(tag));
        }
        names::release(&draft.name, conn)?;
        Ok(tag)
    }

    /// Renames, recolours, describes. Its old name is understood from then on as well.
    pub fn update(&self, draft: &Draft, conn: &mut Conn, at: NaiveDateTime) -> Result<Tag, Problem> {
        let other = |conn: &mut Conn| -> QueryResult<Option<Tag>> {
            Ok(names::called(&draft.name, conn)?.filter(|other| other.id != self.id))
        };
        if let Some(other) = other(conn)? {
            return Err(Problem::Taken(other));
        }
        let done: QueryResult<usize> =
            conn.transaction(|conn| diesel::update(tags::table.find(self.id)).set(draft.columns()).execute(conn));
        match done {
            Err(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, said)) => match other(conn)? {
                Some(other) => return Err(Problem::Taken(other)),
                None => return Err(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, said).into()),
            },
            done => done?,
        };
        names::release(&draft.name, conn)?;
        if key(&draft.name) != key(&self.name) {
            names::keep(&self.name, self.id, at, conn)?;
        }
        let Draft { name, colour, description } = draft.clone();
        Ok(Tag { name, colour, description, ..self.clone() })
    }

    /// No longer offered, or offered again.
    pub fn archive(&self, at: Option<NaiveDateTime>, conn: &mut Conn) -> QueryResult<()> {
        diesel::update(tags::table.find(self.id)).set(tags::archived_at.eq(at)).execute(conn).map(drop)
    }

    /// Takes the tag from everybody and removes it. Its id is never used again.
    pub fn delete(id: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<bool> {
        past::end(&|| Box::new(carried::tag_id.eq(id)), past::Why::Removed, mark, conn)?;
        Ok(diesel::delete(tags::table.find(id)).execute(conn)? > 0)
    }

    /// How many customers carry it.
    pub fn customers(&self, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<i64> {
        carried::table.filter(carried::tag_id.eq(self.id)).filter(on(now)).count().get_result(conn)
    }
}

/// The hue a new tag gets: the same name, the same hue.
fn colour_of(name: &str) -> &'static str {
    let sum = key(name).bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    // Not gray: that is for plain values.
    COLOURS[(sum as usize) % (COLOURS.len() - 1)]
}

#[derive(AsChangeset, Insertable)]
#[diesel(table_name = tags)]
struct Columns<'a> {
    name: &'a str,
    name_key: String,
    name_folded: String,
    colour: &'a str,
    description: &'a str,
}

impl Draft {
    /// A draft for a name, in its own hue.
    pub fn named(name: &str) -> Draft {
        Draft { name: name.to_string(), colour: colour_of(name).into(), description: String::new() }
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            name: &self.name,
            name_key: key(&self.name),
            name_folded: fold(&self.name),
            colour: &self.colour,
            description: &self.description,
        }
    }

    /// False when the name was taken already.
    fn insert(&self, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<bool> {
        let row = (self.columns(), tags::created_at.eq(at));
        let made = each!(conn, c => diesel::insert_into(tags::table)
            .values(row)
            .on_conflict(tags::name_key)
            .do_nothing()
            .execute(c))?;
        Ok(made > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_files_filters_and_people_can_say() {
        assert_eq!(Tag::clean("  VIP "), Ok("VIP".into()));
        assert_eq!(Tag::clean("Zoe\u{308}'s friends"), Ok("Zoë's friends".into()));
        assert!(Tag::clean(&"x".repeat(100)).is_ok() && Tag::clean(&"x".repeat(101)).is_err());
        for wrong in ["", "  ", "a;b", "a\nb", "-VIP", "'VIP", "a\0b", " \t", "\u{301}"] {
            assert!(Tag::clean(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_has_one_hue_however_it_is_written() {
        assert_eq!(colour_of("VIP"), colour_of(" vip "));
        assert_ne!(colour_of("anything"), "gray");
    }
}
