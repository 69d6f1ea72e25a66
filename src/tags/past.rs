//! Taggings that are over: what they were and how they ended. Whatever takes a tag from a customer does it here, so that
//! the history of a customer is these and her taggings.

use super::taggings::{self as carried, Mark, Source};
use crate::db::nodes::{Among, Hold, Holding, On};
use crate::db::schema::{customers, past_taggings as past, taggings, tags};
use crate::db::{Backend, Conn, Db, Trouble};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
use std::cmp::Reverse;

/// How a tagging ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Removed,
    /// Its time had passed.
    Expired,
    /// Another tag of its family came.
    Replaced,
    /// Its tag went into another that she carried already.
    Merged,
    /// What put it there was undone.
    Undone,
}

impl Why {
    pub const ALL: [Why; 5] = [Why::Removed, Why::Expired, Why::Replaced, Why::Merged, Why::Undone];

    pub fn key(self) -> &'static str {
        match self {
            Why::Removed => "removed",
            Why::Expired => "expired",
            Why::Replaced => "replaced",
            Why::Merged => "merged",
            Why::Undone => "undone",
        }
    }
}

/// Which taggings are meant. A question that is asked several times, so it is made anew each time.
pub type Which<'a> = &'a dyn Fn() -> On<taggings::table>;

/// Who ends a tagging whose time has passed.
const TIME: &str = "Muster";

/// Ends taggings and keeps what they were. Those whose time had passed were over then, whoever comes now. Says how many
/// were not.
pub fn end(which: Which, why: Why, mark: &Mark, conn: &mut Conn) -> QueryResult<usize> {
    let held = hold(which, mark.at, conn)?;
    if held.over > 0 {
        take(&over(which, mark.at), How { why: Why::Expired, at: None, mark: None }, conn)?;
    }
    match held.live {
        0 => Ok(0),
        _ => take(which, How { why, at: Some(mark.at), mark: Some(mark) }, conn),
    }
}

/// Takes away the rows of taggings whose time has passed.
pub fn expire(which: Which, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    let over = over(which, now);
    match hold(&over, now, conn)?.over {
        0 => Ok(()),
        _ => take(&over, How { why: Why::Expired, at: None, mark: None }, conn).map(drop),
    }
}

fn over(which: Which, now: NaiveDateTime) -> impl Fn() -> On<taggings::table> {
    move || Box::new(which().and(diesel::dsl::not(carried::on(now))))
}

fn take(which: Which, how: How, conn: &mut Conn) -> QueryResult<usize> {
    let kept = keep(which(), how, conn)?;
    diesel::delete(taggings::table.filter(which())).execute(conn)?;
    Ok(kept)
}

/// How many there are whose time has passed, and how many others: mostly there is nothing to write for one of them.
struct Held {
    over: usize,
    live: usize,
}

/// On PostgreSQL waits until nobody else is ending these, so that each is kept once.
fn hold(which: Which, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Held> {
    let rows = taggings::table.filter(which()).select(taggings::expires_at);
    let ends: Vec<Option<NaiveDateTime>> = Holding(rows, Hold::Change).load(conn)?;
    let over = ends.iter().flatten().filter(|end| **end <= now).count();
    Ok(Held { over, live: ends.len() - over })
}

/// How it ended: when, or when its own time had come; and by whom, or by itself.
struct How<'a> {
    why: Why,
    at: Option<NaiveDateTime>,
    mark: Option<&'a Mark>,
}

fn keep(which: On<taggings::table>, how: How, conn: &mut Conn) -> QueryResult<usize> {
    let tag = tags::table.filter(tags::id.eq(taggings::tag_id));
    let her = customers::table.filter(customers::id.eq(taggings::customer_id));
    let name = tag.select(tags::name).single_value().assume_not_null();
    let (actor, source, id) = match how.mark {
        Some(mark) => (mark.actor.clone(), mark.source.key(), mark.source.id()),
        None => (TIME.to_string(), "time", None),
    };
    let ended = how.at.into_sql::<Nullable<Timestamp>>();
    taggings::table
        .filter(which)
        // Rows that somebody left by hand, without their tag or their customer, have no story.
        .filter(tag.select(tags::id).single_value().is_not_null())
        .filter(her.select(customers::id).single_value().is_not_null())
        .select((
            (taggings::customer_id, taggings::tag_id, name, taggings::tagged_at),
            (taggings::actor, taggings::agent_id, taggings::source, taggings::source_id, taggings::expires_at),
            coalesce(ended, taggings::expires_at).assume_not_null(),
            (actor.into_sql::<Text>(), source.into_sql::<Text>(), id.into_sql::<Nullable<BigInt>>()),
            how.why.key().into_sql::<Text>(),
        ))
        .into_boxed::<Backend>()
        .insert_into(past::table)
        .into_columns((
            (past::customer_id, past::tag_id, past::tag_name, past::tagged_at),
            (past::actor, past::agent_id, past::source, past::source_id, past::expires_at),
            past::ended_at,
            (past::ended_by, past::ended_source, past::ended_source_id),
            past::why,
        ))
        .execute(conn)
}

/// Makes these rows taggings again, as if they had never ended.
pub fn bring_back(rows: &[i64], conn: &mut Conn) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let these = || past::table.filter(Among { column: "past_taggings.id", ids: rows.to_vec() });
    these()
        .select((
            (past::customer_id, past::tag_id, past::tagged_at),
            (past::actor, past::agent_id, past::source, past::source_id, past::expires_at),
        ))
        .into_boxed::<Backend>()
        .insert_into(taggings::table)
        .into_columns((
            (taggings::customer_id, taggings::tag_id, taggings::tagged_at),
            (taggings::actor, taggings::agent_id, taggings::source, taggings::source_id, taggings::expires_at),
        ))
        .execute(conn)?;
    diesel::delete(these()).execute(conn).map(drop)
}

diesel::define_sql_function! {
    /// The first that is there.
    fn coalesce(one: Nullable<Timestamp>, other: Nullable<Timestamp>) -> Nullable<Timestamp>;
}

/// A tagging that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// As the tag was called then.
    pub name: String,
    /// What it is now, unless it was deleted.
    pub colour: Option<String>,
    pub tagged_at: NaiveDateTime,
    pub actor: String,
    pub source: Source,
    pub ended_at: NaiveDateTime,
    pub ended_by: String,
    /// `None` when its time had come.
    pub ended_source: Option<Source>,
    pub why: Why,
}

/// What a customer carried once, the latest end first; also what has ended by itself and is not swept away yet.
pub fn of_customer(id: i64, now: NaiveDateTime, most: usize, conn: &mut Conn) -> QueryResult<Vec<Past>> {
    let mut all = unswept(id, now, conn)?;
    all.extend(kept(id, most, conn)?);
    all.sort_by_key(|past| Reverse(past.ended_at));
    all.truncate(most);
    Ok(all)
}

fn unswept(id: i64, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Vec<Past>> {
    type Row = ((String, String), (NaiveDateTime, String, String, Option<i64>), NaiveDateTime);
    let rows: Vec<Row> = taggings::table
        .inner_join(tags::table)
        .filter(taggings::customer_id.eq(id).and(taggings::expires_at.assume_not_null().le(now)))
        .select((
            (tags::name, tags::colour),
            (taggings::tagged_at, taggings::actor, taggings::source, taggings::source_id),
            taggings::expires_at.assume_not_null(),
        ))
        .load(conn)?;
    let told = |((name, colour), (tagged_at, actor, source, source_id), ended_at): Row| Past {
        name,
        colour: Some(colour),
        tagged_at,
        actor,
        source: place(&source, source_id),
        ended_at,
        ended_by: TIME.into(),
        ended_source: None,
        why: Why::Expired,
    };
    Ok(rows.into_iter().map(told).collect())
}

/// From where a tagging came.
fn place(source: &str, id: Option<i64>) -> Source {
    Source::parse(source, id).unwrap_or(Source::Profile)
}

fn kept(id: i64, most: usize, conn: &mut Conn) -> QueryResult<Vec<Past>> {
    type Then = (String, NaiveDateTime, String, String, Option<i64>);
    type Ended = (NaiveDateTime, String, String, Option<i64>, String);
    let colour = tags::table.filter(tags::id.eq(past::tag_id)).select(tags::colour).single_value();
    let rows: Vec<(Then, Ended, Option<String>)> = past::table
        .filter(past::customer_id.eq(id))
        .order((past::ended_at.desc(), past::id.desc()))
        .limit(most as i64)
        .select((
            (past::tag_name, past::tagged_at, past::actor, past::source, past::source_id),
            (past::ended_at, past::ended_by, past::ended_source, past::ended_source_id, past::why),
            colour,
        ))
        .load(conn)?;
    let told = |((name, tagged_at, actor, source, source_id), ended, colour): (Then, Ended, Option<String>)| {
        let (ended_at, ended_by, ended_source, ended_source_id, why) = ended;
        Past {
            name,
            colour,
            tagged_at,
            actor,
            source: place(&source, source_id),
            ended_at,
            ended_by,
            ended_source: Source::parse(&ended_source, ended_source_id),
            why: Why::ALL.into_iter().find(|known| known.key() == why).unwrap_or(Why::Removed),
        }
    };
    Ok(rows.into_iter().map(told).collect())
}

/// Rows a transaction of [`sweep`].
const PIECE: i64 = 2_000;

/// Takes the rows of taggings whose time has passed to the past ones, in short transactions. Nobody depends on it.
pub fn sweep(now: NaiveDateTime, db: &Db) -> Result<(), Trouble> {
    let conn = &mut *db.conn()?;
    loop {
        let over = taggings::table.filter(taggings::expires_at.assume_not_null().le(now)).order(taggings::expires_at);
        let over = over.select(taggings::expires_at.assume_not_null()).limit(PIECE);
        let Some(upto) = over.load::<NaiveDateTime>(conn)?.pop() else { return Ok(()) };
        let which = || -> On<taggings::table> { Box::new(taggings::expires_at.assume_not_null().le(upto)) };
        db.write_on::<_, Trouble>(conn, |conn| Ok(expire(&which, now, conn)?))?;
    }
}
