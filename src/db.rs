//! Two databases, one voice: the connection, the pool, and how work reaches them.
//!
//! [`Conn`] is one enum over PostgreSQL and SQLite, chosen by the URL, and almost every query is written once against
//! it. What diesel cannot say on the joint enum is in [`nodes`]; what the databases do differently is in [`dialect`].
//! Nothing here knows what a customer is.

pub mod changes;
pub mod checks;
pub mod dialect;
mod following;
pub mod nodes;
pub mod rows;
pub mod schema;

pub use following::{Following, Witness};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{CustomizeConnection, ManageConnection, Pool, R2D2Connection};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// The backend every expression is typed for.
pub type Backend = <Conn as Connection>::Backend;

/// The same typed expression on either connection: everything both backends have, at full strength. For batch inserts
/// and `ON CONFLICT`, which the joint enum does not offer.
#[macro_export]
macro_rules! each {
    ($conn:expr, $c:ident => $e:expr) => {
        match $conn {
            $crate::db::Conn::Postgres($c) => $e,
            $crate::db::Conn::Sqlite($c) => $e,
        }
    };
}

/// A database that could not be reached, or refused a start-up check, in one sentence fit for a terminal.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// What can go wrong between asking for database work and having its answer.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("no database connection became free: {0}")]
    Pool(#[from] diesel::r2d2::PoolError),
    #[error(transparent)]
    Query(#[from] DieselError),
    #[error("the database worker was stopped")]
    Stopped,
}

impl Trouble {
    /// Somebody has that already: a name, an address, a number there is once.
    pub fn is_taken(&self) -> bool {
        matches!(self, Trouble::Query(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
    }
}

/// Where the data lives, decided by the URL alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Postgres(String),
    /// A file path.
    Sqlite(String),
}

impl Address {
    /// `postgres://…` and `postgresql://…` are PostgreSQL; anything else is the path of a SQLite file.
    pub fn parse(url: &str) -> Result<Address, Unavailable> {
        let url = url.trim();
        if url.is_empty() {
            return Err(Unavailable("the database URL is empty: give a file path or postgres://…".into()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Address::Postgres(url.to_string()));
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
        if path.contains("://") {
            return Err(Unavailable(format!("{path}: Muster knows SQLite files and postgres:// URLs only")));
        }
        Ok(Address::Sqlite(path.to_string()))
    }

    fn connect(&self) -> ConnectionResult<Conn> {
        Ok(match self {
            Address::Postgres(url) => Conn::Postgres(PgConnection::establish(url)?),
            Address::Sqlite(path) => Conn::Sqlite(SqliteConnection::establish(path)?),
        })
    }
}

/// Opens connections for the pool. diesel's own manager hides why a joint connection could not be opened.
#[derive(Clone, Debug)]
pub struct Manager(Address);

impl ManageConnection for Manager {
    type Connection = Conn;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Conn, Self::Error> {
        self.0.connect().map_err(diesel::r2d2::Error::ConnectionError)
    }
    fn is_valid(&self, conn: &mut Conn) -> Result<(), Self::Error> {
        each!(conn, c => c.ping()).map_err(diesel::r2d2::Error::QueryError)
    }
    fn has_broken(&self, conn: &mut Conn) -> bool {
        std::thread::panicking() || each!(conn, c => c.is_broken())
    }
}

/// How every connection is set up. `busy_timeout` comes first: switching to WAL needs the lock too.
///
/// SQLite reads the file through the system's page cache, mapped into memory as far as it goes (2 GB), which all connections
/// share. Deleted rows are overwritten where that costs no page more (`secure_delete`). A cache of its own for each would hold the same pages eight times over and pays only for what is being written.
#[derive(Debug)]
struct Setup;

/// The same for connections that ask while a write transaction waits for them: no longer than this for a lock.
#[derive(Debug)]
struct Beside;

impl CustomizeConnection<Conn, diesel::r2d2::Error> for Beside {
    fn on_acquire(&self, conn: &mut Conn) -> Result<(), diesel::r2d2::Error> {
        Setup.on_acquire(conn)?;
        match conn {
            Conn::Sqlite(_) => Ok(()),
            Conn::Postgres(c) => c.batch_execute("SET lock_timeout='2s'").map_err(diesel::r2d2::Error::QueryError),
        }
    }
}

impl CustomizeConnection<Conn, diesel::r2d2::Error> for Setup {
    fn on_acquire(&self, conn: &mut Conn) -> Result<(), diesel::r2d2::Error> {
        match conn {
            Conn::Sqlite(c) => c
                .batch_execute(
                    "PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; \
                     PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA secure_delete=FAST; \
                     PRAGMA cache_size=-8192; PRAGMA mmap_size=2147418112",
                )
                .and_then(|()| nodes::teach(c)),
            Conn::Postgres(c) => c.batch_execute("SET timezone='UTC'; SET work_mem='64MB'; SET jit=off"),
        }
        .map_err(diesel::r2d2::Error::QueryError)
    }
}

type Customs = Box<dyn CustomizeConnection<Conn, diesel::r2d2::Error>>;

/// The database as handlers and commands see it: cheap to clone, work goes in as closures.
#[derive(Clone)]
pub struct Db {
    pool: Pool<Manager>,
    /// Few connections, and whoever has one never waits for another: so those who write may wait for one.
    beside: Pool<Manager>,
    address: Address,
    following: Arc<Following>,
    witness: Arc<OnceLock<Box<dyn Witness>>>,
}

impl Db {
    /// Opens the database (a missing SQLite file is made), brings its schema up to date and checks that it is fit to
    /// serve. Errors are one sentence each.
    pub fn open(url: &str) -> Result<Db, Unavailable> {
        let address = Address::parse(url)?;
        checks::before_connecting(&address)?;
        // Try once by hand: the pool would retry for half a minute and then say only "timed out".
        let mut first = address.connect().map_err(|error| cannot_open(&address, &error))?;
        checks::answers(&mut first).map_err(|error| cannot_open(&address, &error))?;
        drop(first);
        let pool = |most, idle, setup| {
            Pool::builder()
                .max_size(most)
                .min_idle(Some(idle))
                // A file does not go away; a server may, and is asked before a request relies on it.
                .test_on_check_out(matches!(address, Address::Postgres(_)))
                .connection_timeout(Duration::from_secs(15))
                .connection_customizer(setup)
                .build(Manager(address.clone()))
                .map_err(|error| cannot_open(&address, &error))
        };
        let (main, beside) = (pool(8, 1, Box::new(Setup) as Customs)?, pool(2, 0, Box::new(Beside))?);
        let db = Db { pool: main, beside, address, following: Arc::default(), witness: Arc::default() };
        let mut conn = db.pool.get().map_err(|error| cannot_open(&db.address, &error))?;
        checks::after_connecting(&mut conn, &db.address)?;
        checks::migrate(&mut conn, &db.address)?;
        drop(conn);
        Ok(db)
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Answers questions from one consistent snapshot, on the calling thread.
    pub fn read_now<T, E: From<Trouble>>(&self, work: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
        let mut conn = self.pool.get().map_err(Trouble::from)?;
        snapshot(&mut conn, work)
    }

    /// Changes things in one transaction, on the calling thread.
    pub fn write_now<T, E: From<Trouble>>(&self, work: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
        let mut conn = self.pool.get().map_err(Trouble::from)?;
        self.write_on(&mut conn, work)
    }

    /// The same on a connection of [`Db::conn`]. Not to be nested; inside, `conn.transaction` makes savepoints.
    pub fn write_on<T, E: From<Trouble>>(
        &self,
        conn: &mut Conn,
        work: impl FnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        self.following.wants_lock();
        let begun = begin_write(conn);
        self.following.has_lock();
        begun?;
        let done = match self.witness.get() {
            None => work(conn),
            Some(witness) => changes::mark(conn).map_err(|error| Trouble::from(error).into()).and_then(|mark| {
                let done = work(conn)?;
                witness.attend(&mark, conn, self)?;
                Ok(done)
            }),
        };
        let done = finish(conn, done)?;
        self.following.wrote();
        Ok(done)
    }

    /// For whoever follows what is written, and for those who write too much at once for that.
    pub fn following(&self) -> &Following {
        &self.following
    }

    /// From now on this one hears of what is written through this and its clones. The first who comes stays.
    pub fn attended_by(&self, witness: impl Witness + 'static) {
        let _ = self.witness.set(Box::new(witness));
    }

    /// Answers questions, for a [`Witness`], from what was committed so far.
    pub fn before<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T, Trouble>) -> Result<T, Trouble> {
        snapshot(&mut *self.beside.get()?, work)
    }

    /// A connection outside any transaction, for work that commits in steps: each with [`Db::write_on`].
    pub fn conn(&self) -> Result<diesel::r2d2::PooledConnection<Manager>, Trouble> {
        Ok(self.pool.get()?)
    }

    /// [`Db::read_now`] on a worker thread: handlers must not block.
    pub async fn read<T, E>(&self, work: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Trouble> + Send + 'static,
    {
        let db = self.clone();
        actix_web::web::block(move || db.read_now(work)).await.unwrap_or_else(|_| Err(E::from(Trouble::Stopped)))
    }

    /// [`Db::write_now`] on a worker thread.
    pub async fn write<T, E>(&self, work: impl FnOnce(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Trouble> + Send + 'static,
    {
        let db = self.clone();
        actix_web::web::block(move || db.write_now(work)).await.unwrap_or_else(|_| Err(E::from(Trouble::Stopped)))
    }
}

/// One sentence: PostgreSQL's client adds hints on further lines.
fn cannot_open(address: &Address, error: &dyn std::fmt::Display) -> Unavailable {
    let words = error.to_string();
    Unavailable(format!("cannot open {}: {}", address.spoken(), words.lines().next().unwrap_or_default()))
}

impl Address {
    /// The address without its password, for messages.
    pub fn spoken(&self) -> String {
        match self {
            Address::Sqlite(path) => path.clone(),
            Address::Postgres(url) => match (url.find("://"), url.rfind('@')) {
                (Some(scheme), Some(at)) if at > scheme => {
                    let user = url[scheme + 3..at].split(':').next().unwrap_or_default();
                    format!("{}{user}{}", &url[..scheme + 3], &url[at..])
                }
                _ => url.clone(),
            },
        }
    }
}

type Transactions = <Conn as Connection>::TransactionManager;

/// Ends a transaction: kept when the work went well, undone otherwise.
pub fn finish<T, E: From<Trouble>>(conn: &mut Conn, done: Result<T, E>) -> Result<T, E> {
    match done {
        Ok(value) => {
            Transactions::commit_transaction(conn).map_err(Trouble::from)?;
            Ok(value)
        }
        Err(error) => {
            // The first error is the one to tell; a failed rollback marks the connection broken and the pool drops it.
            let _ = Transactions::rollback_transaction(conn);
            Err(error)
        }
    }
}

/// Begins a write transaction. SQLite takes its lock up front: a deferred transaction that upgrades fails with "locked" at
/// once, whatever the timeout.
fn begin_write(conn: &mut Conn) -> Result<(), Trouble> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?,
        Conn::Postgres(_) => Transactions::begin_transaction(conn)?,
    }
    Ok(())
}

/// How often something is tried that others were in the way of.
const ATTEMPTS: u32 = 20;

/// Does it, and again when two writers were in each other's way and this one was sent back: a transaction, or a savepoint
/// in one, which lets go of all it held.
pub fn again<T>(mut work: impl FnMut() -> Result<T, Trouble>) -> Result<T, Trouble> {
    for _ in 1..ATTEMPTS {
        match work() {
            Err(trouble) if dialect::collided(&trouble) => {}
            done => return done,
        }
    }
    work()
}

/// A reading transaction: everything inside sees one moment, so a list and its count cannot disagree.
pub fn snapshot<T, E: From<Trouble>>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
    begin_snapshot(conn)?;
    let done = work(conn);
    finish(conn, done)
}

/// Begins a reading transaction; the moment it sees is that of the first question asked in it. To be ended by [`finish`].
pub fn begin_snapshot(conn: &mut Conn) -> Result<(), Trouble> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN")?,
        Conn::Postgres(c) => {
            AnsiTransactionManager::begin_transaction_sql(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?
        }
    }
    Ok(())
}
