//! Who works actions off: a thread of the process that was asked, and, should that one stop, whichever process looks next.

use super::{State, UNDO_DAYS, run};
use crate::db::schema::{bulk_actions, bulk_items};
use crate::db::{Conn, Db, Trouble};
use crate::jobs;
use crate::workspace::stamp;
use chrono::{TimeDelta, Utc};
use diesel::prelude::*;

/// How many rows of old actions are forgotten in one transaction.
const FORGOTTEN: i64 = 2_000;

/// Works an action off on the calling thread, unless somebody else does.
pub fn now(id: i64, db: &Db) -> Result<bool, Trouble> {
    run::work(id, &jobs::holder(), db)
}

/// Works an action off on a thread of its own. If that cannot be had, [`look`] finds the action.
pub fn begin(id: i64, db: Db) {
    let begun = std::thread::Builder::new().name(format!("bulk {id}")).spawn(move || {
        if let Err(error) = now(id, &db) {
            tracing::error!(action = id, %error, "a bulk action stopped; it is tried again");
        }
    });
    if let Err(error) = begun {
        tracing::error!(action = id, %error, "a bulk action could not begin; it is tried again");
    }
}

/// Goes on with what others left, and forgets what is too old to be undone.
pub fn look(db: &Db) -> Result<(), Trouble> {
    if let Some(id) = db.read_now::<_, Trouble>(|conn| Ok(run::abandoned(conn)?))? {
        begin(id, db.clone());
    }
    let old = stamp(Utc::now()) - TimeDelta::days(UNDO_DAYS);
    let aged: Option<i64> = db.read_now::<_, Trouble>(|conn| {
        Ok(bulk_actions::table
            .filter(bulk_actions::created_at.lt(old))
            .filter(bulk_actions::reached.ge(0))
            .filter(bulk_actions::state.ne_all([State::Running.key(), State::Undoing.key()]))
            .select(bulk_actions::id)
            .first(conn)
            .optional()?)
    })?;
    match aged {
        Some(id) => db.write_now::<_, Trouble>(|conn| Ok(forget(id, conn)?)),
        None => Ok(()),
    }
}

/// What an old action was and how it ended stays; whom it changed is not needed any more.
fn forget(id: i64, conn: &mut Conn) -> QueryResult<()> {
    let theirs = || bulk_items::table.filter(bulk_items::action_id.eq(id));
    let next: Option<i64> = theirs()
        .order(bulk_items::customer_id)
        .offset(FORGOTTEN)
        .select(bulk_items::customer_id)
        .first(conn)
        .optional()?;
    if let Some(next) = next {
        return diesel::delete(theirs().filter(bulk_items::customer_id.lt(next))).execute(conn).map(drop);
    }
    diesel::delete(theirs()).execute(conn)?;
    diesel::update(bulk_actions::table.find(id))
        .set((bulk_actions::reached.eq(-1), bulk_actions::whom.eq(Vec::<u8>::new())))
        .execute(conn)
        .map(drop)
}
