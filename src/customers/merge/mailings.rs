//! Her campaigns. Where both were in one campaign, she keeps the row that tells more; the other stays under the old number,
//! so that the sums of the campaign are what they were.

use crate::campaigns::recipients::Status;
use crate::db::Conn;
use crate::db::schema::{campaign_attempts, campaign_recipients, campaigns};
use crate::each;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Mailings {
    /// Campaigns whose row was moved,
    moved: Vec<i64>,
    /// and those where the two changed places.
    swapped: Vec<i64>,
}

/// A campaign that has a message to one of these on its way: nobody may take the row from under it.
pub fn on_the_way(ids: &[i64], conn: &mut Conn) -> QueryResult<Option<String>> {
    campaign_recipients::table
        .inner_join(campaigns::table.on(campaigns::id.eq(campaign_recipients::campaign_id)))
        .filter(campaign_recipients::customer_id.eq_any(ids))
        .filter(campaign_recipients::status.eq(Status::Sending.key()))
        .select(campaigns::name)
        .first(conn)
        .optional()
}

/// How much a row tells about somebody: the lower, the more.
fn tells(status: &str) -> usize {
    const ORDER: [Status; 8] = [
        Status::Sent,
        Status::Uncertain,
        Status::Failed,
        Status::Sending,
        Status::Waiting,
        Status::Skipped,
        Status::Cancelled,
        Status::Excluded,
    ];
    ORDER.iter().position(|known| known.key() == status).unwrap_or(ORDER.len())
}

fn of(id: i64, conn: &mut Conn) -> QueryResult<Vec<(i64, String)>> {
    campaign_recipients::table
        .filter(campaign_recipients::customer_id.eq(id))
        .order(campaign_recipients::campaign_id)
        .select((campaign_recipients::campaign_id, campaign_recipients::status))
        .load(conn)
}

pub fn over(from: i64, to: i64, conn: &mut Conn) -> QueryResult<Mailings> {
    let hers = of(to, conn)?;
    let mut done = Mailings::default();
    for (campaign, status) in of(from, conn)? {
        match hers.iter().find(|(known, _)| *known == campaign) {
            None => {
                give(campaign, from, to, conn)?;
                done.moved.push(campaign);
            }
            Some((_, own)) if tells(&status) < tells(own) => {
                swap(campaign, from, to, conn)?;
                done.swapped.push(campaign);
            }
            Some(_) => {}
        }
    }
    Ok(done)
}

pub fn back(done: &Mailings, from: i64, to: i64, conn: &mut Conn) -> QueryResult<()> {
    done.moved.iter().try_for_each(|campaign| give(*campaign, to, from, conn))?;
    done.swapped.iter().try_for_each(|campaign| swap(*campaign, from, to, conn))
}

fn give(campaign: i64, from: i64, to: i64, conn: &mut Conn) -> QueryResult<()> {
    diesel::update(campaign_recipients::table.find((campaign, from)))
        .set(campaign_recipients::customer_id.eq(to))
        .execute(conn)?;
    let attempts = campaign_attempts::table
        .filter(campaign_attempts::campaign_id.eq(campaign))
        .filter(campaign_attempts::customer_id.eq(from));
    diesel::update(attempts).set(campaign_attempts::customer_id.eq(to)).execute(conn).map(drop)
}

/// All of a row, to be written again under another number.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = campaign_recipients, treat_none_as_default_value = false)]
struct Row {
    campaign_id: i64,
    customer_id: i64,
    name: Option<String>,
    address: Option<String>,
    status: String,
    reason: Option<String>,
    said: Option<String>,
    attempts: i64,
    due_at: NaiveDateTime,
    held_by: Option<String>,
    held_until: Option<NaiveDateTime>,
    settled_at: Option<NaiveDateTime>,
    unsubscribed_at: Option<NaiveDateTime>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = campaign_attempts)]
struct Attempt {
    campaign_id: i64,
    customer_id: i64,
    attempt: i64,
    at: NaiveDateTime,
    outcome: String,
    said: String,
}

/// The two change places. Numbers are unique in a campaign, so both rows go and come again.
fn swap(campaign: i64, one: i64, two: i64, conn: &mut Conn) -> QueryResult<()> {
    let exchanged = |id: i64| if id == one { two } else { one };
    let rows = || {
        campaign_recipients::table
            .filter(campaign_recipients::campaign_id.eq(campaign))
            .filter(campaign_recipients::customer_id.eq_any([one, two]))
    };
    let mut both: Vec<Row> = rows().select(Row::as_select()).load(conn)?;
    let attempts = || {
        campaign_attempts::table
            .filter(campaign_attempts::campaign_id.eq(campaign))
            .filter(campaign_attempts::customer_id.eq_any([one, two]))
    };
    let mut tried: Vec<Attempt> = attempts().select(Attempt::as_select()).load(conn)?;
    diesel::delete(rows()).execute(conn)?;
    diesel::delete(attempts()).execute(conn)?;
    both.iter_mut().for_each(|row| row.customer_id = exchanged(row.customer_id));
    tried.iter_mut().for_each(|row| row.customer_id = exchanged(row.customer_id));
    each!(conn, c => diesel::insert_into(campaign_recipients::table).values(&both).execute(c))?;
    if !tried.is_empty() {
        each!(conn, c => diesel::insert_into(campaign_attempts::table).values(&tried).execute(c))?;
    }
    Ok(())
}
