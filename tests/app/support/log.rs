//! The change log as a reader sees it, and hands that write past the product.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use muster::db::changes::{Change, Since, Version, WHOLE, customer_bit, since, source};
use muster::db::{Address, Conn, Db, Trouble};
use muster::each;

/// A reader who looks again and again.
pub struct Watch<'a> {
    pub db: &'a Db,
    seen: Option<Version>,
}

impl<'a> Watch<'a> {
    /// Knows what is there already.
    pub fn over(db: &'a Db) -> Watch<'a> {
        let mut watch = Watch { db, seen: None };
        assert_eq!(watch.look(), Since::Lost, "nothing was seen before");
        watch
    }

    /// What was committed since it looked last.
    pub fn look(&mut self) -> Since {
        let (now, since) =
            self.db.read_now::<_, Trouble>(|conn| Ok(since(self.seen.as_ref(), conn)?)).expect("the log");
        self.seen = Some(now);
        since
    }

    /// The same, from one who was not left behind.
    #[track_caller]
    pub fn changes(&mut self) -> Vec<Change> {
        match self.look() {
            Since::Same => Vec::new(),
            Since::Changes(changes) => changes,
            Since::Lost => panic!("the log was trimmed past this reader"),
        }
    }

    /// What one transaction of the product leaves in the log.
    #[track_caller]
    pub fn after<T>(&mut self, work: impl FnOnce(&mut Conn) -> T) -> Vec<Change> {
        let done = self.db.write_now::<_, Trouble>(|conn| {
            work(conn);
            Ok(())
        });
        done.expect("a transaction");
        self.changes()
    }

    /// What these statements leave in the log, made on a connection of their own.
    #[track_caller]
    pub fn after_sql(&mut self, sql: &str) -> Vec<Change> {
        run(sql, &mut stranger(self.db));
        self.changes()
    }
}

/// A connection as any other program opens one.
pub fn stranger(db: &Db) -> Conn {
    match db.address() {
        Address::Sqlite(path) => Conn::Sqlite(SqliteConnection::establish(path).expect("the file opens")),
        Address::Postgres(url) => Conn::Postgres(PgConnection::establish(url).expect("PostgreSQL answers")),
    }
}

#[track_caller]
pub fn run(sql: &str, conn: &mut Conn) {
    try_to(sql, conn).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub fn try_to(sql: &str, conn: &mut Conn) -> QueryResult<()> {
    each!(conn, c => c.batch_execute(sql))
}

pub fn is_sqlite(db: &Db) -> bool {
    matches!(db.address(), Address::Sqlite(_))
}

fn change(source: i16, key: i64, customers: &[i64]) -> Change {
    let mut customers = customers.to_vec();
    customers.sort_unstable();
    Change { source, key, customers: Some(customers) }
}

/// These customers came or went.
pub fn rows(customers: &[i64]) -> Change {
    change(source::CUSTOMERS, WHOLE, customers)
}

/// These columns of their rows were edited.
pub fn edited(columns: &[&str], customers: &[i64]) -> Change {
    let mask = columns.iter().map(|column| customer_bit(column).expect("a column conditions read"));
    change(source::CUSTOMERS, mask.sum(), customers)
}

pub fn tagged(tag: i64, customers: &[i64]) -> Change {
    change(source::TAGGINGS, tag, customers)
}

/// By the key of the channel.
pub fn consented(channel: i64, customers: &[i64]) -> Change {
    change(source::CONSENTS, channel, customers)
}

pub fn member(segment: i64, customers: &[i64]) -> Change {
    change(source::SEGMENT_MEMBERS, segment, customers)
}

/// It asks something else, comes or goes.
pub fn asked(segment: i64) -> Change {
    Change { source: source::SEGMENTS, key: segment, customers: None }
}

/// What became of their messages.
pub fn reached(campaign: i64, customers: &[i64]) -> Change {
    change(source::CAMPAIGN_RECIPIENTS, campaign, customers)
}

pub fn valued(field: i64, customers: &[i64]) -> Change {
    change(source::CUSTOM_VALUES, field, customers)
}

pub fn bought(customers: &[i64]) -> Change {
    change(source::PURCHASES, 0, customers)
}

/// A tag has another name.
pub fn names() -> Change {
    Change { source: source::TAGS, key: 0, customers: None }
}

/// A whole table was emptied.
pub fn emptied(source: i16) -> Change {
    Change { source, key: WHOLE, customers: None }
}
