//! Families: of the tags of one, a customer carries one at most. A new one replaces the old, whoever puts it there and from
//! wherever.

use super::past::{self, Why};
use super::taggings::{Mark, on};
use crate::db::Conn;
use crate::db::nodes::{Among, Carrying, Hold, Holding, On};
use crate::db::schema::{customers, tag_families as families, taggings, tags};
use crate::each;
use crate::fold::{filled, key};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Ids a statement.
const CHUNK: usize = 20_000;

/// The other tags of a tag's family, which make way for it. The family stays as it is up to the end of the transaction:
/// whoever changes it waits for those who tag by it.
pub fn others(tag_id: i64, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let row = tags::table.filter(tags::id.eq(tag_id)).select(tags::family_id);
    let family: Vec<Option<i64>> = Holding(row, Hold::Share).load(conn)?;
    let Some(family) = family.into_iter().flatten().next() else { return Ok(Vec::new()) };
    tags::table
        .filter(tags::family_id.eq(family).assume_not_null())
        .filter(tags::id.ne(tag_id))
        .select(tags::id)
        .load(conn)
}

/// The families of these tags stay as they are up to the end of the transaction.
pub fn hold(ids: &[i64], conn: &mut Conn) -> QueryResult<()> {
    let rows = tags::table.filter(tags::id.eq_any(ids)).order(tags::id).select(tags::id);
    Holding(rows, Hold::Share).load::<i64>(conn).map(drop)
}

/// Takes these tags from these customers, who get another of the family. Two who do so at once come one after the other.
pub fn leave(ids: &[i64], others: &[i64], mark: &Mark, conn: &mut Conn) -> QueryResult<()> {
    if let Conn::Postgres(_) = conn {
        let them = customers::table.filter(Among { column: "customers.id", ids: ids.to_vec() });
        Holding(them.order(customers::id).select(customers::id), Hold::Change).load::<i64>(conn)?;
    }
    let theirs = || -> On<taggings::table> {
        let among = Among { column: "taggings.customer_id", ids: ids.to_vec() };
        Box::new(taggings::tag_id.eq_any(others.to_vec()).and(among))
    };
    past::end(&theirs, Why::Replaced, mark, conn).map(drop)
}

/// A family by its name.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct Family {
    pub id: i64,
    pub name: String,
}

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 60;

impl Family {
    /// A name as it is stored, `None` when nothing was typed.
    pub fn clean(raw: &str) -> Result<Option<String>, String> {
        let name = filled(raw).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        match name.chars().count() {
            0 => Ok(None),
            _ if name.chars().any(char::is_control) => Err("A family's name has no control characters.".into()),
            1..=LONGEST_NAME => Ok(Some(name)),
            n => Err(format!("{n} characters are too many; a family's name has at most {LONGEST_NAME}.")),
        }
    }

    /// By name.
    pub fn all(conn: &mut Conn) -> QueryResult<Vec<Family>> {
        families::table.order(families::name_key).select((families::id, families::name)).load(conn)
    }

    pub fn find(name: &str, conn: &mut Conn) -> QueryResult<Option<Family>> {
        let found = families::table.filter(families::name_key.eq(key(name)));
        found.select((families::id, families::name)).first(conn).optional()
    }

    /// The family with this clean name, made if there is none.
    pub fn find_or_create(name: &str, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<Family> {
        let row = (families::name.eq(name), families::name_key.eq(key(name)), families::created_at.eq(at));
        each!(conn, c => diesel::insert_into(families::table)
            .values(row)
            .on_conflict(families::name_key)
            .do_nothing()
            .execute(c))?;
        Family::find(name, conn)?.ok_or(diesel::result::Error::NotFound)
    }

    pub fn by_id(id: i64, conn: &mut Conn) -> QueryResult<Option<Family>> {
        families::table.find(id).select((families::id, families::name)).first(conn).optional()
    }

    fn tags(&self, conn: &mut Conn) -> QueryResult<Vec<i64>> {
        tags::table.filter(tags::family_id.eq(self.id).assume_not_null()).select(tags::id).load(conn)
    }
}

/// The families of all tags that have one.
pub fn of_all(conn: &mut Conn) -> QueryResult<HashMap<i64, i64>> {
    let all = tags::table.filter(tags::family_id.is_not_null());
    Ok(all.select((tags::id, tags::family_id.assume_not_null())).load(conn)?.into_iter().collect())
}

/// Who carries this tag and another of a family it is to join, and would keep the latest: those who lose one, by the tag
/// they lose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Crowded(BTreeMap<i64, Vec<i64>>);

impl Crowded {
    pub fn of(tag_id: i64, family: &Family, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Crowded> {
        let others: Vec<i64> = family.tags(conn)?.into_iter().filter(|other| *other != tag_id).collect();
        let mut latest: BTreeMap<i64, (NaiveDateTime, i64)> = BTreeMap::new();
        let mut lose: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let rows: Vec<(i64, i64, NaiveDateTime)> = taggings::table
            .filter(taggings::tag_id.eq_any(others))
            .filter(Carrying { column: "taggings.customer_id", tag_id })
            .filter(on(now))
            .select((taggings::customer_id, taggings::tag_id, taggings::tagged_at))
            .load(conn)?;
        let with: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let mut own: Vec<(i64, i64, NaiveDateTime)> = Vec::new();
        for some in with.chunks(CHUNK) {
            let hers = taggings::table.filter(Among { column: "taggings.customer_id", ids: some.to_vec() });
            let hers = hers.filter(taggings::tag_id.eq(tag_id)).filter(on(now));
            own.extend(hers.select((taggings::customer_id, taggings::tag_id, taggings::tagged_at)).load::<(
                i64,
                i64,
                NaiveDateTime,
            )>(
                conn
            )?);
        }
        // Where both came at once, the one that joins stays.
        let joining: HashSet<i64> = own.iter().map(|row| row.0).collect();
        for (she, tag, at) in rows.into_iter().filter(|row| joining.contains(&row.0)).chain(own) {
            match latest.get(&she) {
                Some((best, _)) if *best > at => lose.entry(tag).or_default().push(she),
                Some((_, other)) => {
                    lose.entry(*other).or_default().push(she);
                    latest.insert(she, (at, tag));
                }
                None => drop(latest.insert(she, (at, tag))),
            }
        }
        Ok(Crowded(lose))
    }

    /// How many customers lose a tag.
    pub fn customers(&self) -> i64 {
        self.0.values().flatten().collect::<HashSet<_>>().len() as i64
    }
}

/// Puts a tag into a family, or out of any. Who carries several of the family keeps the latest.
pub fn put(tag_id: i64, family: Option<&Family>, mark: &Mark, conn: &mut Conn) -> QueryResult<()> {
    // Whoever is tagging by this family finishes first, and whoever begins waits.
    let mut held = vec![tag_id];
    if let Some(family) = family {
        held.extend(family.tags(conn)?);
    }
    held.sort_unstable();
    let rows = tags::table.filter(tags::id.eq_any(held)).order(tags::id).select(tags::id);
    Holding(rows, Hold::Change).load::<i64>(conn)?;
    if let Some(family) = family {
        for (tag, ids) in Crowded::of(tag_id, family, mark.at, conn)?.0 {
            for some in ids.chunks(CHUNK) {
                leave(some, &[tag], mark, conn)?;
                super::put::touch(some, mark.at, conn)?;
            }
        }
    }
    diesel::update(tags::table.find(tag_id)).set(tags::family_id.eq(family.map(|family| family.id))).execute(conn)?;
    // A family without tags is none.
    let used = tags::table.filter(tags::family_id.is_not_null()).select(tags::family_id.assume_not_null());
    diesel::delete(families::table.filter(families::id.ne_all(used))).execute(conn).map(drop)
}
