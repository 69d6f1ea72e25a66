//! Guessing passwords is slow: each attempt is counted before the password is looked at, so that many at once gain
//! nothing. Counted in the database, for all processes and across restarts.

use crate::db::schema::sign_in_failures as failures;
use crate::db::{Conn, dialect};
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use std::net::IpAddr;

/// How many failures are forgiven, and for how long they are remembered.
const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// One account from one address: somebody who forgot, or a guesser at home.
const FROM_HERE: i64 = 5;
/// One account from anywhere: a guesser with many addresses. High, since it also locks out the person herself.
const ANYWHERE: i64 = 50;
/// One address at any account: a whole office may share one.
const ADDRESS: i64 = 50;

/// An attempt that was counted. Forgotten again when it succeeds.
pub struct Attempt {
    keys: [(String, i64); 3],
}

impl Attempt {
    pub fn new(account: &str, address: Option<IpAddr>) -> Attempt {
        // Whatever was typed, a key stays short.
        let account: String = account.chars().take(254).collect();
        let address = address.map_or_else(|| "unknown".to_string(), of_one_home);
        Attempt {
            keys: [
                (format!("{account} from {address}"), FROM_HERE),
                (format!("account {account}"), ANYWHERE),
                (format!("address {address}"), ADDRESS),
            ],
        }
    }

    /// Counts the attempt. False when there were too many: then the password is not to be looked at.
    pub fn begin(&self, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<bool> {
        // Counting and writing belong together, or many at once would all count the same.
        dialect::one_at_a_time(conn, dialect::Queue::SignIn)?;
        let since = at - WINDOW;
        diesel::delete(failures::table.filter(failures::at.le(since))).execute(conn)?;
        for (key, most) in &self.keys {
            let recent = failures::table.filter(failures::key.eq(key)).filter(failures::at.gt(since));
            if recent.count().get_result::<i64>(conn)? >= *most {
                return Ok(false);
            }
        }
        for (key, _) in &self.keys {
            diesel::insert_into(failures::table).values((failures::key.eq(key), failures::at.eq(at))).execute(conn)?;
        }
        Ok(true)
    }

    /// It was the right password: nothing is held against this account here, and this attempt against nobody.
    pub fn succeeded(&self, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<()> {
        let [(here, _), (account, _), (address, _)] = &self.keys;
        diesel::delete(failures::table.filter(failures::key.eq(here))).execute(conn)?;
        diesel::delete(failures::table.filter(failures::key.eq_any([account, address])).filter(failures::at.eq(at)))
            .execute(conn)
            .map(drop)
    }
}

/// An IPv6 home has 2⁶⁴ addresses; its first half is what counts.
fn of_one_home(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}
