//! Puts tags on customers and takes them off, one customer or many at once. To be called inside a write transaction.

use super::families;
use super::past::{self, Why};
use super::taggings::{Lasting, Mark};
use crate::db::nodes::{Among, Has, On, OrIgnore};
use crate::db::schema::{customers, taggings};
use crate::db::{Backend, Conn};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};

/// Ids a statement.
const CHUNK: usize = 20_000;

/// False when she carries it already: who came first stays. What the mark says about its end counts either way.
pub fn add(customer_id: i64, tag_id: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<bool> {
    Ok(!add_to(&[customer_id], tag_id, mark, conn)?.is_empty())
}

/// False when she did not carry it.
pub fn remove(customer_id: i64, tag_id: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<bool> {
    Ok(remove_from(&[customer_id], tag_id, mark, conn)? > 0)
}

/// Tags many customers and gives those who did not carry it. Of a family she keeps no other.
pub fn add_to(ids: &[i64], tag_id: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let Put { fresh, told } = put_on(ids, tag_id, mark, conn)?;
    touch(&fresh, mark.at, conn)?;
    touch(&told, mark.at, conn)?;
    Ok(fresh)
}

/// Takes a tag from many and says how many carried it.
pub fn remove_from(ids: &[i64], tag_id: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<usize> {
    let carrying = take_off(ids, tag_id, mark, conn)?;
    touch(&carrying, mark.at, conn)?;
    Ok(carrying.len())
}

/// Whom a tag was put on.
#[derive(Debug, Default)]
pub struct Put {
    /// Those who did not carry it.
    pub fresh: Vec<i64>,
    /// Those who did, and do until another time now.
    pub told: Vec<i64>,
}

/// [`add_to`] for whoever sees to it that the customers know they have changed.
pub fn put_on(ids: &[i64], tag_id: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<Put> {
    let others = families::others(tag_id, conn)?;
    let mut put = Put::default();
    for ids in ids.chunks(CHUNK) {
        if !others.is_empty() {
            families::leave(ids, &others, mark, conn)?;
        }
        past::expire(&hers(ids, tag_id), mark.at, conn)?;
        let fresh = without(ids, tag_id, conn)?;
        put.told.extend(set_end(ids, tag_id, mark, conn)?);
        insert(&fresh, tag_id, mark, conn)?;
        put.fresh.extend(fresh);
    }
    Ok(put)
}

/// [`remove_from`] for the same. Gives those who carried it.
pub fn take_off(ids: &[i64], tag_id: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let mut carrying = Vec::new();
    for ids in ids.chunks(CHUNK) {
        let theirs = taggings::table.filter(hers(ids, tag_id)()).filter(super::taggings::on(mark.at));
        carrying.extend(theirs.select(taggings::customer_id).load::<i64>(conn)?);
        past::end(&hers(ids, tag_id), Why::Removed, mark, conn)?;
    }
    Ok(carrying)
}

/// The taggings of these customers with one tag.
pub fn hers(ids: &[i64], tag_id: i64) -> impl Fn() -> On<taggings::table> {
    let ids = ids.to_vec();
    move || Box::new(taggings::tag_id.eq(tag_id).and(Among { column: "taggings.customer_id", ids: ids.clone() }))
}

/// Those of them who are there and have no such row.
fn without(ids: &[i64], tag_id: i64, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let condition: On<taggings::table> = Box::new(taggings::tag_id.eq(tag_id));
    let carried: On<customers::table> = Box::new(Has { table: "taggings", condition, least: 1 });
    customers::table
        .filter(Among { column: "customers.id", ids: ids.to_vec() })
        .filter(diesel::dsl::not(carried))
        .order(customers::id)
        .select(customers::id)
        .load(conn)
}

fn insert(ids: &[i64], tag_id: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let end = match mark.lasting {
        Lasting::Until(at) => Some(at),
        Lasting::Ever | Lasting::Unsaid => None,
    };
    let rows = customers::table
        .filter(Among { column: "customers.id", ids: ids.to_vec() })
        .select((
            customers::id,
            tag_id.into_sql::<BigInt>(),
            mark.at.into_sql::<Timestamp>(),
            mark.actor.clone().into_sql::<Text>(),
            mark.agent_id.into_sql::<Nullable<BigInt>>(),
            mark.source.key().into_sql::<Text>(),
            mark.source.id().into_sql::<Nullable<BigInt>>(),
            end.into_sql::<Nullable<Timestamp>>(),
        ))
        .into_boxed::<Backend>();
    let insert = rows.insert_into(taggings::table).into_columns((
        taggings::customer_id,
        taggings::tag_id,
        taggings::tagged_at,
        taggings::actor,
        taggings::agent_id,
        taggings::source,
        taggings::source_id,
        taggings::expires_at,
    ));
    OrIgnore(insert).execute(conn).map(drop)
}

/// Gives a tag that is carried the end that was said. Whose end is another now.
fn set_end(ids: &[i64], tag_id: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let other: On<taggings::table> = match mark.lasting {
        Lasting::Unsaid => return Ok(Vec::new()),
        Lasting::Ever => Box::new(taggings::expires_at.is_not_null()),
        Lasting::Until(at) => Box::new(
            taggings::expires_at
                .is_null()
                .or(taggings::expires_at.is_not_null().and(taggings::expires_at.assume_not_null().ne(at))),
        ),
    };
    let whose: Vec<i64> =
        taggings::table.filter(hers(ids, tag_id)()).filter(other).select(taggings::customer_id).load(conn)?;
    if !whose.is_empty() {
        let end = if let Lasting::Until(at) = mark.lasting { Some(at) } else { None };
        diesel::update(taggings::table.filter(hers(&whose, tag_id)()))
            .set(taggings::expires_at.eq(end))
            .execute(conn)?;
    }
    Ok(whose)
}

/// Something about them has changed.
pub fn touch(ids: &[i64], at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let them = customers::table.filter(Among { column: "customers.id", ids: ids.to_vec() });
    diesel::update(them).set(customers::updated_at.eq(at)).execute(conn).map(drop)
}
