//! What must hold before Muster serves: a folder that can be written, a SQLite that does not corrupt data, settings
//! that were really taken, a schema that is up to date. Each failure is one sentence.

use super::{Address, Conn, Unavailable};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::path::Path;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Before 3.51.3, SQLite could corrupt a database in WAL mode that has two connections or more.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// The folder of a SQLite file must exist and take new files: the journal lives beside the database.
pub fn before_connecting(address: &Address) -> Result<(), Unavailable> {
    let Address::Sqlite(path) = address else { return Ok(()) };
    let path = Path::new(path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err(Unavailable(format!("{} is a folder; name a file in it", path.display())));
    }
    if !folder.is_dir() {
        return Err(Unavailable(format!("the folder {} does not exist", folder.display())));
    }
    tempfile::tempfile_in(folder)
        .map_err(|error| Unavailable(format!("the folder {} cannot be written: {error}", folder.display())))?;
    Ok(())
}

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    said: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// A question to the file itself: SQLite opens anything, and only notices then that it is no database.
pub fn answers(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(c) => {
            diesel::sql_query("SELECT count(*) AS number FROM sqlite_schema").get_result::<Number>(c).map(drop)
        }
        Conn::Postgres(_) => Ok(()),
    }
}

/// Asks the database what it is and whether it took the settings.
pub fn after_connecting(conn: &mut Conn, address: &Address) -> Result<(), Unavailable> {
    let failed = |error: diesel::result::Error| Unavailable(format!("cannot use {}: {error}", address.spoken()));
    match conn {
        Conn::Sqlite(c) => {
            let version: Said = diesel::sql_query("SELECT sqlite_version() AS said").get_result(c).map_err(failed)?;
            if !new_enough(&version.said) {
                let (major, minor, patch) = OLDEST_SQLITE;
                return Err(Unavailable(format!(
                    "SQLite {} can corrupt data; Muster needs {major}.{minor}.{patch} or newer",
                    version.said
                )));
            }
            let journal: Said = diesel::sql_query("SELECT journal_mode AS said FROM pragma_journal_mode")
                .get_result(c)
                .map_err(failed)?;
            if !journal.said.eq_ignore_ascii_case("wal") {
                return Err(Unavailable(format!(
                    "{} does not take journal_mode=WAL (it says {}); is it on a network share?",
                    address.spoken(),
                    journal.said
                )));
            }
            for (pragma, wanted) in [("foreign_keys", 1), ("synchronous", 2), ("busy_timeout", 10_000)] {
                // The table function names its column after the pragma, except busy_timeout, whose column is "timeout".
                let column = if pragma == "busy_timeout" { "timeout" } else { pragma };
                let taken: Number =
                    diesel::sql_query(format!("SELECT CAST({column} AS BIGINT) AS number FROM pragma_{pragma}"))
                        .get_result(c)
                        .map_err(failed)?;
                if taken.number != wanted {
                    return Err(Unavailable(format!(
                        "{} does not take {pragma}={wanted} (it says {})",
                        address.spoken(),
                        taken.number
                    )));
                }
            }
            Ok(())
        }
        Conn::Postgres(c) => {
            let version: Number = diesel::sql_query("SELECT current_setting('server_version_num')::bigint AS number")
                .get_result(c)
                .map_err(failed)?;
            if version.number < 140_000 {
                return Err(Unavailable(format!(
                    "PostgreSQL {} is too old; Muster needs 14 or newer",
                    version.number / 10_000
                )));
            }
            let encoding: Said =
                diesel::sql_query("SELECT current_setting('server_encoding') AS said").get_result(c).map_err(failed)?;
            if encoding.said != "UTF8" {
                return Err(Unavailable(format!(
                    "{} is encoded in {}; Muster needs a database made with ENCODING 'UTF8'",
                    address.spoken(),
                    encoding.said
                )));
            }
            Ok(())
        }
    }
}

fn new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    found >= OLDEST_SQLITE
}

/// Brings the schema up to date. PostgreSQL takes a lock first, so that two processes starting together do not race.
pub fn migrate(conn: &mut Conn, address: &Address) -> Result<(), Unavailable> {
    let failed = |error: String| {
        Unavailable(format!("the schema of {} could not be brought up to date: {error}", address.spoken()))
    };
    match conn {
        Conn::Sqlite(c) => {
            c.run_pending_migrations(SQLITE).map_err(|e| failed(e.to_string()))?;
        }
        Conn::Postgres(c) => {
            let lock = |sql: &str, c: &mut PgConnection| {
                diesel::sql_query(sql.to_string()).execute(c).map(drop).map_err(|e| failed(e.to_string()))
            };
            lock("SELECT pg_advisory_lock(7237460)", c)?;
            let done = c.run_pending_migrations(POSTGRES).map(drop).map_err(|e| failed(e.to_string()));
            lock("SELECT pg_advisory_unlock(7237460)", c)?;
            done?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::new_enough;

    #[test]
    fn a_sqlite_that_corrupts_data_is_refused() {
        assert!(!new_enough("3.46.0") && !new_enough("3.51.2"));
        assert!(new_enough("3.51.3") && new_enough("3.53.2") && new_enough("4.0"));
    }
}
