//! Where the two databases part: one function per intention, two arms each.

use super::Conn;
use super::schema::customers;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

/// Refreshes the planner's statistics after a large change.
pub fn analyze(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(c) => c.batch_execute("PRAGMA optimize"),
        Conn::Postgres(c) => {
            c.batch_execute("ANALYZE customers, taggings, consents, segment_members, purchases, custom_values")
        }
    }
}

/// What is done by one at a time, even from several processes.
#[derive(Clone, Copy)]
pub enum Queue {
    Agents = 1,
    Settings = 2,
    SignIn = 3,
}

/// Waits until nobody else is doing this, up to the end of the transaction. On SQLite a write transaction is alone
/// already.
pub fn one_at_a_time(conn: &mut Conn, queue: Queue) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(c) => {
            let lock = diesel::sql_query("SELECT pg_advisory_xact_lock(7237462, $1)");
            lock.bind::<diesel::sql_types::Integer, _>(queue as i32).execute(c).map(drop)
        }
    }
}

/// Waits until nobody else is changing this customer, up to the end of the transaction, so that what is read of her
/// next is still true when it is written back.
pub fn hold_customer(id: i64, conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(c) => {
            let row = customers::table.find(id).select(customers::id).for_update();
            row.first::<i64>(c).optional().map(drop)
        }
    }
}
