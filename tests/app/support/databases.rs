//! Fresh databases for each test: a SQLite file in a folder of its own, and a PostgreSQL database copied from one
//! that was migrated once. Both are gone afterwards.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use muster::db::schema::sign_in_failures;
use muster::db::{Address, Db, Trouble};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Runs a test twice, on a fresh SQLite database and on a fresh PostgreSQL database.
#[track_caller]
pub fn for_each_database(test: impl Fn(Db)) {
    {
        let _told = Told("SQLite");
        let folder = tempfile::tempdir().expect("a temporary folder");
        test(sqlite(folder.path()));
    }
    let _told = Told("PostgreSQL");
    let database = Postgres::fresh();
    test(Db::open(&database.url()).expect("the PostgreSQL database opens"));
}

/// Another fresh database of the same kind.
pub fn beside(db: &Db, test: impl FnOnce(Db)) {
    match db.address() {
        Address::Sqlite(_) => {
            let folder = tempfile::tempdir().expect("a temporary folder");
            test(sqlite(folder.path()));
        }
        Address::Postgres(_) => {
            let database = Postgres::fresh();
            test(Db::open(&database.url()).expect("the PostgreSQL database opens"));
        }
    }
}

/// A fresh SQLite database in this folder, for tests of things no database has a part in.
pub fn sqlite(folder: &Path) -> Db {
    let file = folder.join("muster.db");
    Db::open(file.to_str().expect("a path in UTF-8")).expect("the SQLite database opens")
}

/// Takes a database away for so long: nobody reaches it; or, where it is a file, somebody else keeps it to himself.
pub fn away(db: &Db, how_long: Duration) {
    let until = Instant::now() + how_long;
    match db.address() {
        Address::Sqlite(path) => {
            let mut other = SqliteConnection::establish(path).expect("a connection");
            other.batch_execute("PRAGMA busy_timeout=10000; BEGIN IMMEDIATE").expect("the lock");
            std::thread::sleep(until - Instant::now());
            other.batch_execute("ROLLBACK").expect("the lock is given back");
        }
        Address::Postgres(url) => {
            let (mut server, name) = (server(), url.rsplit('/').next().unwrap_or_default());
            server.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).expect("it is closed");
            while Instant::now() < until {
                let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ";
                server.batch_execute(&format!("{end}'{name}'")).expect("everybody is sent away");
                std::thread::sleep(Duration::from_millis(200));
            }
            server.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).expect("it is open again");
        }
    }
}

/// Says on which database a test failed.
struct Told(&'static str);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("… on {}", self.0);
        }
    }
}

static NUMBER: AtomicU32 = AtomicU32::new(1);

/// A PostgreSQL database of one test's own.
struct Postgres {
    name: String,
}

impl Postgres {
    fn fresh() -> Postgres {
        let name = format!("muster_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        server().batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {}", template())).expect("a database is made");
        Postgres { name }
    }

    fn url(&self) -> String {
        url_of(&self.name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A test that failed may have left connections behind; a database left over harms nobody.
        let _ = server().batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// The server's address from the environment. Without one the test fails: half a test passed is not a test passed.
fn address() -> String {
    std::env::var("MUSTER_TEST_POSTGRES")
        .unwrap_or_else(|_| panic!("run tests/run: it starts PostgreSQL (MUSTER_TEST_POSTGRES is not set)"))
}

fn url_of(database: &str) -> String {
    let address = address();
    let (server, _) = address.rsplit_once('/').expect("MUSTER_TEST_POSTGRES names a database");
    format!("{server}/{database}")
}

fn server() -> PgConnection {
    PgConnection::establish(&address()).expect("PostgreSQL answers at MUSTER_TEST_POSTGRES")
}

/// The migrated database that the others are copies of. Named by what the migrations say, so that several runs may
/// share a server.
fn template() -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let name = format!("muster_template_{:016x}", migrations());
        let mut server = server();
        server.batch_execute("SELECT pg_advisory_lock(7237461)").expect("a lock on making the template");
        let found: i64 = diesel::sql_query("SELECT count(*) AS found FROM pg_database WHERE datname = $1")
            .bind::<diesel::sql_types::Text, _>(&name)
            .get_result::<Found>(&mut server)
            .expect("the list of databases")
            .found;
        if found == 0 {
            // Made under another name first: one that stopped half way must not be taken for the template.
            server.batch_execute(&format!("DROP DATABASE IF EXISTS {name}_new WITH (FORCE)")).expect("room is made");
            server.batch_execute(&format!("CREATE DATABASE {name}_new")).expect("the template is made");
            drop(Db::open(&url_of(&format!("{name}_new"))).expect("the template is migrated"));
            server
                .batch_execute(&format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}_new'"
                ))
                .expect("nobody is left in the template");
            // The connections end a moment after they were told to.
            let renamed = (0..50).any(|_| {
                let done = server.batch_execute(&format!("ALTER DATABASE {name}_new RENAME TO {name}")).is_ok();
                if !done {
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
                done
            });
            assert!(renamed, "the template is still in use");
        }
        server.batch_execute("SELECT pg_advisory_unlock(7237461)").expect("the lock is given back");
        name
    })
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    found: i64,
}

/// A number for the text of all migrations.
fn migrations() -> u64 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of migrations")
        .map(|entry| entry.expect("a migration").path().join("up.sql"))
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.file_name().hash(&mut hasher);
        std::fs::read(&file).expect("a migration's text").hash(&mut hasher);
    }
    hasher.finish()
}

/// Somebody else writes something of no account: whoever writes much has others to think of then.
pub fn somebody_writes(db: &Db) {
    let failure = (sign_in_failures::key.eq("somebody"), sign_in_failures::at.eq(chrono::Utc::now().naive_utc()));
    db.write_now::<_, Trouble>(|conn| {
        diesel::insert_into(sign_in_failures::table).values(failure).execute(conn)?;
        Ok(())
    })
    .expect("somebody writes");
}
