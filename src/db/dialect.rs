//! Where the two databases part: one function per intention, two arms each.

use super::schema::customers;
use super::{Conn, Trouble};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Array, BigInt, Text};
use std::time::Duration;

/// Refreshes the planner's statistics after a large change.
pub fn analyze(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(c) => c.batch_execute("PRAGMA optimize"),
        Conn::Postgres(c) => {
            const GROWN: &str = "ANALYZE customers, taggings, consents, segment_members, purchases, custom_values, \
                                 import_lines, import_changes";
            c.batch_execute(GROWN)
        }
    }
}

/// What is done by one at a time, even from several processes.
#[derive(Clone, Copy)]
pub enum Queue {
    Agents = 1,
    Settings = 2,
    SignIn = 3,
    /// Somebody says that she wants no more messages, while others choose whom to write to.
    Leaving = 4,
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

/// Up to the end of the transaction nobody is [alone](one_at_a_time) with this; whoever says the same does not wait.
pub fn side_by_side(conn: &mut Conn, queue: Queue) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(c) => {
            let lock = diesel::sql_query("SELECT pg_advisory_xact_lock_shared(7237462, $1)");
            lock.bind::<diesel::sql_types::Integer, _>(queue as i32).execute(c).map(drop)
        }
    }
}

/// Up to the end of the transaction, questions are planned by the tables as they are. PostgreSQL keeps plans; one made
/// while a table was empty would read it whole when an import has filled it.
pub fn plan_afresh(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(c) => c.batch_execute("SET LOCAL plan_cache_mode = force_custom_plan"),
    }
}

/// From here to the end of the transaction plans are kept again. PostgreSQL asks a small question for each foreign key of
/// each row that is written: planned afresh, those take ten times as long as everything else.
pub fn keep_plans(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(c) => c.batch_execute("SET LOCAL plan_cache_mode = auto"),
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

/// Shorter than the second after which the server would choose whom to send back.
const GIVE_WAY: &str = "SET LOCAL lock_timeout = '300ms'";

/// From now on in this transaction or savepoint: of two who wait for each other it is this one who gives way, to try
/// again ([`again`](super::again)).
pub fn give_way(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(c) => c.batch_execute(GIVE_WAY),
    }
}

/// For a batch of many customers: waits until nobody else is changing them or their tags, up to the end of the
/// transaction. Not for long: of two who wait for each other it is this one who gives way, and tries again.
pub fn hold_customers(ids: &[i64], conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(c) => {
            c.batch_execute(GIVE_WAY)?;
            c.batch_execute("SET LOCAL plan_cache_mode = force_custom_plan")?;
            const PEOPLE: &str = "SELECT 1 FROM customers WHERE id = ANY($1) ORDER BY id FOR UPDATE";
            const TAGS: &str =
                "SELECT 1 FROM taggings WHERE customer_id = ANY($1) ORDER BY customer_id, tag_id FOR UPDATE";
            diesel::sql_query(PEOPLE).bind::<Array<BigInt>, _>(ids).execute(c)?;
            diesel::sql_query(TAGS).bind::<Array<BigInt>, _>(ids).execute(c).map(drop)
        }
    }
}

/// As many numbers for new customers, which nobody else gets. To be called inside a write transaction.
pub fn new_customers(count: usize, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(match conn {
        Conn::Sqlite(c) => {
            const LAST: &str = "SELECT COALESCE(MAX(seq), 0) AS id FROM sqlite_sequence WHERE name = 'customers'";
            let last = diesel::sql_query(LAST).get_result::<Number>(c)?.id;
            (last + 1..=last + count).collect()
        }
        Conn::Postgres(c) => {
            const NEXT: &str =
                "SELECT nextval(pg_get_serial_sequence('customers', 'id')) AS id FROM generate_series(1, $1)";
            let numbers: Vec<Number> = diesel::sql_query(NEXT).bind::<BigInt, _>(count).load(c)?;
            numbers.into_iter().map(|number| number.id).collect()
        }
    })
}

/// How somebody writes much without being in the way of others.
pub struct Manners {
    /// How long a transaction should take,
    pub batch: Duration,
    /// and how long it may take while nobody else writes.
    pub longest: Duration,
    /// The rest after it.
    pub rest: Duration,
}

/// On SQLite all writers wait for one another. Whoever waits looks again after at most 25 ms, at first: a rest that is
/// longer than that is noticed. Every transaction writes each page it changed once, and those of one import are much the
/// same: the longer it takes, the less is written. On PostgreSQL only those wait who want the very same rows.
pub fn manners(conn: &Conn) -> Manners {
    let (batch, longest, rest) = match conn {
        Conn::Sqlite(_) => (80, 1_000, 28),
        Conn::Postgres(_) => (150, 150, 2),
    };
    let [batch, longest, rest] = [batch, longest, rest].map(Duration::from_millis);
    Manners { batch, longest, rest }
}

/// A number that is another one when other connections have written since, in this process or elsewhere. On PostgreSQL,
/// where nobody has to know, it stays.
pub fn others_wrote(conn: &mut Conn) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Version {
        #[diesel(sql_type = BigInt)]
        data_version: i64,
    }
    match conn {
        Conn::Sqlite(c) => Ok(diesel::sql_query("PRAGMA data_version").get_result::<Version>(c)?.data_version),
        Conn::Postgres(_) => Ok(0),
    }
}

/// For a connection that writes much from now on, or no more. SQLite keeps the pages it changes in the memory of the
/// connection until they are written, and copies them from its log to the file now and then: both pay in larger pieces.
/// What is written meanwhile may be lost again if the power fails (never a part of a transaction): whoever writes much keeps
/// how far it is in the same transactions, and the first transaction afterwards waits until everything is safe.
pub fn write_much(much: bool, conn: &mut Conn) -> QueryResult<()> {
    match (conn, much) {
        (Conn::Sqlite(c), true) => {
            c.batch_execute("PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=20000; PRAGMA synchronous=NORMAL")
        }
        (Conn::Sqlite(c), false) => {
            c.batch_execute("PRAGMA cache_size=-8192; PRAGMA wal_autocheckpoint=1000; PRAGMA synchronous=FULL")
        }
        (Conn::Postgres(_), _) => Ok(()),
    }
}

/// Two writers were in each other's way and this one was sent back: trying again is all there is to do.
pub fn collided(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Query(error) if in_the_way(error))
}

/// [`collided`], for an error of the database alone.
pub fn in_the_way(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        // diesel has no names for these.
        DieselError::DatabaseError(_, about) => {
            let said = about.message();
            ["deadlock detected", "lock timeout", "database is locked"].iter().any(|words| said.contains(words))
        }
        _ => false,
    }
}

/// The database took offence at what was to be written, rather than being out of reach.
pub fn refused(trouble: &Trouble) -> bool {
    use DatabaseErrorKind::{CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation};
    matches!(
        trouble,
        Trouble::Query(DieselError::DatabaseError(
            UniqueViolation | ForeignKeyViolation | NotNullViolation | CheckViolation,
            _
        ))
    )
}

/// Writes what customers bought, in sum, to their own rows. Both databases set several columns from one question, diesel
/// sets one at a time; and each takes a list of ids as one value in its own way.
pub fn recount_purchases(customers: &[i64], conn: &mut Conn) -> QueryResult<()> {
    const SET: &str = "UPDATE customers SET (purchase_count, total_spent, first_purchase_at, last_purchase_at) = \
                       (SELECT COUNT(*), CAST(COALESCE(SUM(amount), 0) AS BIGINT), MIN(purchased_at), MAX(purchased_at) \
                        FROM purchases WHERE purchases.customer_id = customers.id) WHERE id";
    match conn {
        Conn::Sqlite(c) => diesel::sql_query(format!("{SET} IN (SELECT value FROM json_each($1))"))
            .bind::<Text, _>(serde_json::json!(customers).to_string())
            .execute(c),
        Conn::Postgres(c) => {
            // Whoever adds a purchase of hers at the same time waits here; a statement that waited for the rows it
            // changes would still count what was there before.
            const WAIT: &str = "SELECT 1 FROM customers WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
            diesel::sql_query(WAIT).bind::<Array<BigInt>, _>(customers).execute(c)?;
            diesel::sql_query(format!("{SET} = ANY($1)")).bind::<Array<BigInt>, _>(customers).execute(c)
        }
    }
    .map(drop)
}

/// What is deleted from here on in this transaction is overwritten where it stood, whole pages too. SQLite otherwise leaves
/// them until they are used again; PostgreSQL takes dead rows away by its own VACUUM.
pub fn erase_for_good(begin: bool, conn: &mut Conn) -> QueryResult<()> {
    match (conn, begin) {
        (Conn::Sqlite(c), true) => c.batch_execute("PRAGMA secure_delete=ON"),
        (Conn::Sqlite(c), false) => c.batch_execute("PRAGMA secure_delete=FAST"),
        (Conn::Postgres(_), _) => Ok(()),
    }
}

/// Takes what was overwritten out of the log beside a SQLite file too, where nobody is reading it just then. To be called
/// outside any transaction.
pub fn empty_log(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(c) => {
            c.batch_execute("PRAGMA busy_timeout=1000; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout=10000")
        }
        Conn::Postgres(_) => Ok(()),
    }
}
