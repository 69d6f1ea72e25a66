//! Where an import is tried out: a SQLite file of its own, beside the upload, in which the lines settled so far have
//! happened. Whoever is not in it is as the database has her. What the lines came to is kept in tables of the same shape as
//! the database's, so that the same questions give the report. Tables and columns of the people exist nowhere else, so they
//! are spelled here.

use super::people::{People, State};
use super::plan::Key;
use crate::db::Conn;
use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

const TABLES: &str = "
    PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192;
    CREATE TABLE people (id INTEGER PRIMARY KEY, external_id TEXT, email TEXT, phone TEXT, state TEXT NOT NULL,
        line INTEGER NOT NULL);
    CREATE INDEX people_external_id ON people (external_id) WHERE external_id IS NOT NULL;
    CREATE INDEX people_email ON people (email) WHERE email IS NOT NULL;
    CREATE INDEX people_phone ON people (phone) WHERE phone IS NOT NULL;
    CREATE TABLE made_tags (key TEXT PRIMARY KEY NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE made_purchases (external_id TEXT PRIMARY KEY NOT NULL, customer INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE import_lines (import_id INTEGER, line BIGINT, outcome TEXT, customer_id INTEGER,
        PRIMARY KEY (import_id, line)) WITHOUT ROWID;
    CREATE TABLE import_changes (import_id INTEGER, line BIGINT, customer_id INTEGER, changes TEXT,
        PRIMARY KEY (import_id, line)) WITHOUT ROWID;
    CREATE TABLE import_remarks (id INTEGER PRIMARY KEY AUTOINCREMENT, import_id INTEGER, line BIGINT, outcome TEXT,
        column_name TEXT, value TEXT, reason TEXT, record TEXT);
    CREATE INDEX import_remarks_import ON import_remarks (import_id, outcome, id);
";

diesel::table! { people (id) {
    id -> BigInt, external_id -> Nullable<Text>, email -> Nullable<Text>, phone -> Nullable<Text>, state -> Text,
    line -> BigInt,
} }
diesel::table! { made_tags (key) { key -> Text, id -> BigInt, name -> Text, } }
diesel::table! { made_purchases (external_id) { external_id -> Text, customer -> BigInt, } }

/// How many values go in one question.
const CHUNK: usize = 500;

/// The file, opened.
pub struct Scratch {
    /// To be asked for the report, like the database itself.
    pub conn: Conn,
    /// Whoever would be made has a number below 0: the last one given.
    last: i64,
}

type Transactions = <Conn as Connection>::TransactionManager;

type Found = (i64, String, i64);

impl Scratch {
    /// An empty one. What stood there before is gone.
    pub fn make(path: &Path) -> ConnectionResult<Scratch> {
        // Gone already is as good; anything else is said when the file is opened.
        let _ = std::fs::remove_file(path);
        let mut scratch = Scratch::open(path)?;
        scratch.conn.batch_execute(TABLES).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(scratch)
    }

    /// One that is there, to read from.
    pub fn open(path: &Path) -> ConnectionResult<Scratch> {
        let conn = Conn::Sqlite(SqliteConnection::establish(&path.to_string_lossy())?);
        Ok(Scratch { conn, last: 0 })
    }

    /// Many writes at once. Without a journal nothing can be taken back: whoever fails in between throws the file away.
    pub fn within<T>(&mut self, work: impl FnOnce(&mut Scratch) -> QueryResult<T>) -> QueryResult<T> {
        Transactions::begin_transaction(&mut self.conn)?;
        let done = work(self);
        Transactions::commit_transaction(&mut self.conn)?;
        done
    }

    /// Those among these, by number or by what they would be known by now: number, what they would be, and the last line
    /// about them.
    pub fn people(&mut self, ids: &[i64], named: &BTreeMap<Key, Vec<&str>>) -> QueryResult<Vec<(i64, State, i64)>> {
        let mut found: BTreeMap<i64, (State, i64)> = BTreeMap::new();
        let mut take = |rows: Vec<Found>| {
            for (id, state, line) in rows {
                if let Ok(state) = serde_json::from_str(&state) {
                    found.insert(id, (state, line));
                }
            }
        };
        let conn = &mut self.conn;
        let asked = || people::table.select((people::id, people::state, people::line));
        for some in ids.chunks(CHUNK) {
            take(asked().filter(people::id.eq_any(some)).load(conn)?);
        }
        for (key, values) in named {
            for some in values.chunks(CHUNK) {
                take(match key {
                    Key::ExternalId => asked().filter(people::external_id.eq_any(some)).load(conn)?,
                    Key::Email => asked().filter(people::email.eq_any(some)).load(conn)?,
                    Key::Phone => asked().filter(people::phone.eq_any(some)).load(conn)?,
                    Key::Id => Vec::new(),
                });
            }
        }
        Ok(found.into_iter().map(|(id, (state, line))| (id, state, line)).collect())
    }

    /// Keeps whom lines were about; those who are new get their numbers.
    pub fn keep(&mut self, all: &mut People) -> QueryResult<()> {
        for person in all.all.iter_mut() {
            let Some(line) = person.line else { continue };
            let id = match person.id {
                Some(id) => id,
                None => {
                    self.last -= 1;
                    *person.id.insert(self.last)
                }
            };
            let now = &person.now;
            let state =
                serde_json::to_string(now).map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
            diesel::delete(people::table.find(id)).execute(&mut self.conn)?;
            diesel::insert_into(people::table)
                .values((
                    people::id.eq(id),
                    people::external_id.eq(now.key(Key::ExternalId)),
                    people::email.eq(now.key(Key::Email)),
                    people::phone.eq(now.key(Key::Phone)),
                    people::state.eq(state),
                    people::line.eq(line),
                ))
                .execute(&mut self.conn)?;
        }
        Ok(())
    }

    /// The tags that would have been made, by the form names are unique by.
    pub fn tags(&mut self, keys: &[String]) -> QueryResult<HashMap<String, i64>> {
        let mut found = HashMap::new();
        for some in keys.chunks(CHUNK) {
            let asked = made_tags::table.filter(made_tags::key.eq_any(some)).select((made_tags::key, made_tags::id));
            found.extend(asked.load::<(String, i64)>(&mut self.conn)?);
        }
        Ok(found)
    }

    pub fn make_tag(&mut self, key: &str, name: &str) -> QueryResult<i64> {
        self.last -= 1;
        let id = self.last;
        diesel::insert_into(made_tags::table)
            .values((made_tags::key.eq(key), made_tags::id.eq(id), made_tags::name.eq(name)))
            .execute(&mut self.conn)?;
        Ok(id)
    }

    /// What tags that would have been made are called.
    pub fn tag_names(&mut self, ids: &[i64]) -> QueryResult<HashMap<i64, String>> {
        let asked = made_tags::table.filter(made_tags::id.eq_any(ids)).select((made_tags::id, made_tags::name));
        Ok(asked.load::<(i64, String)>(&mut self.conn)?.into_iter().collect())
    }

    /// Whose purchases these would be.
    pub fn purchases(&mut self, external_ids: &[&str]) -> QueryResult<HashMap<String, i64>> {
        let mut found = HashMap::new();
        for some in external_ids.chunks(CHUNK) {
            let asked = made_purchases::table.filter(made_purchases::external_id.eq_any(some));
            found.extend(asked.load::<(String, i64)>(&mut self.conn)?);
        }
        Ok(found)
    }

    pub fn make_purchase(&mut self, external_id: &str, customer: i64) -> QueryResult<()> {
        diesel::insert_into(made_purchases::table)
            .values((made_purchases::external_id.eq(external_id), made_purchases::customer.eq(customer)))
            .execute(&mut self.conn)
            .map(drop)
    }
}
