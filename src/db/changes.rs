//! The change log: what was committed to the tables that conditions read, so that a set of customers which is kept in
//! memory can follow. Triggers write it (migration `change_log`); this reads and trims it.
//!
//! A [`Change`] says what was changed (`source` and `key`) beside whose it was, so that a write touches only the sets
//! that could differ. Log and data are written in one transaction and read in one snapshot: what is not in the log of a
//! snapshot is not in its data either.
//!
//! What no trigger sees: triggers that are switched off (`session_replication_role`, `DISABLE TRIGGER`), rows of
//! `changes` deleted by hand, and a database restored under a running Muster. Restore while it is stopped.

mod postgres;
mod sqlite;

use super::{Conn, Db, Trouble};
use diesel::QueryResult;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// The tables of the log, as they stand in [`Change::source`].
pub mod source {
    /// `key` is a mask of [`customer_bit`](super::customer_bit)s.
    pub const CUSTOMERS: i16 = 1;
    /// `key` is the tag.
    pub const TAGGINGS: i16 = 2;
    /// `key` is the channel: [`channel_key`](super::channel_key).
    pub const CONSENTS: i16 = 3;
    /// `key` is the segment.
    pub const SEGMENT_MEMBERS: i16 = 4;
    /// `key` is the custom field.
    pub const CUSTOM_VALUES: i16 = 5;
    /// `key` is 0.
    pub const PURCHASES: i16 = 6;
    /// The names of tags, which some conditions on taggings read. `key` is 0, the customers everybody.
    pub const TAGS: i16 = 7;
    /// What segments ask, which no condition reads: sets know the filters behind a filter by what they ask. `key` is the
    /// segment, the customers everybody.
    pub const SEGMENTS: i16 = 8;
    /// Whose message was sent or failed, and who clicked unsubscribe. `key` is the campaign.
    pub const CAMPAIGN_RECIPIENTS: i16 = 9;
    /// `key` is the conversation.
    pub const CONVERSATIONS: i16 = 10;
}

/// As a key without customers: the whole table was emptied. As the mask of customers: their rows came or went.
pub const WHOLE: i64 = -1;

/// The columns of `customers` that conditions read, in the order of their bits. An edit stales the sets that read one of
/// the edited columns and no others. The triggers hold the same list; `tests/app/changes.rs` compares them.
pub const CUSTOMER_COLUMNS: [&str; 14] = [
    "name_folded",
    "email_folded",
    "phone",
    "external_id_folded",
    "country",
    "city_folded",
    "language_folded",
    "created_at",
    "updated_at",
    "last_seen_at",
    "purchase_count",
    "total_spent",
    "first_purchase_at",
    "last_purchase_at",
];

/// The mask of one column of `customers`; `None` for a column that no condition reads. Bit 0 is the row itself.
pub fn customer_bit(column: &str) -> Option<i64> {
    CUSTOMER_COLUMNS.iter().position(|known| *known == column).map(|at| 1 << (at + 1))
}

/// The key of a consent's channel.
pub fn channel_key(channel: &str) -> i64 {
    match channel {
        "email" => 1,
        "sms" => 2,
        "whatsapp" => 3,
        _ => 0,
    }
}

/// Where in the history of the database a snapshot stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Version {
    /// SQLite: the highest number in the log. Writers come one after the other, so numbers are in the order of commits.
    Sequence(i64),
    /// PostgreSQL: the text of `pg_current_snapshot()`. A number would be wrong there: a transaction that began early
    /// may commit late, and what it wrote would lie below what was seen already.
    Snapshot(String),
}

impl Version {
    /// As it can be kept in the database, and read again by a later process.
    pub fn to_text(&self) -> String {
        match self {
            Version::Sequence(number) => format!("sequence {number}"),
            Version::Snapshot(snapshot) => format!("snapshot {snapshot}"),
        }
    }

    pub fn parse(text: &str) -> Option<Version> {
        match text.split_once(' ')? {
            ("sequence", number) => number.parse().ok().map(Version::Sequence),
            ("snapshot", snapshot) => Some(Version::Snapshot(snapshot.into())),
            _ => None,
        }
    }
}

/// What happened to one source and key: all that was committed in between, gathered.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub source: i16,
    pub key: i64,
    /// Each once, upwards. `None`: everybody.
    pub customers: Option<Vec<i64>>,
}

/// What lies between two snapshots.
#[derive(Clone, Debug, PartialEq)]
pub enum Since {
    /// Nothing that a condition reads. The position may have moved all the same.
    Same,
    /// One for each source and key, in their order.
    Changes(Vec<Change>),
    /// Not known: trimmed past what was seen, or nothing was seen before.
    Lost,
}

/// In the caller's snapshot: where it stands, and what was committed since `seen`. These must be the first questions of
/// its transaction, and the transaction one that keeps its snapshot ([`snapshot`](super::snapshot) does). Callers who
/// keep what was seen for each other take a lock around the beginning of the transaction and this, so that positions are
/// in the order of snapshots.
pub fn since(seen: Option<&Version>, conn: &mut Conn) -> QueryResult<(Version, Since)> {
    since_about(seen, None, conn)
}

/// The same for whoever wants to know it of some customers alone, these and those between them: of others it may be left
/// out.
pub fn since_about(
    seen: Option<&Version>,
    about: Option<&RangeInclusive<i64>>,
    conn: &mut Conn,
) -> QueryResult<(Version, Since)> {
    match (conn, seen) {
        (Conn::Sqlite(c), Some(Version::Sequence(seen))) => sqlite::since(*seen, about, c),
        (Conn::Sqlite(c), _) => Ok((Version::Sequence(sqlite::standing(c)?.newest), Since::Lost)),
        (Conn::Postgres(c), Some(Version::Snapshot(seen))) => postgres::since(seen, c),
        (Conn::Postgres(c), _) => Ok((Version::Snapshot(postgres::standing(None, c)?.at), Since::Lost)),
    }
}

/// Where a write transaction begins.
pub struct Mark(Option<i64>);

/// In a write transaction, before anything is written.
pub fn mark(conn: &mut Conn) -> QueryResult<Mark> {
    Ok(Mark(match conn {
        Conn::Sqlite(c) => Some(sqlite::standing(c)?.newest),
        Conn::Postgres(_) => None,
    }))
}

/// What was written in this transaction since it began.
pub fn written(mark: &Mark, conn: &mut Conn) -> QueryResult<Vec<Change>> {
    let since = match conn {
        Conn::Sqlite(c) => sqlite::since(mark.0.unwrap_or_default(), None, c)?.1,
        Conn::Postgres(c) => postgres::written(c)?,
    };
    Ok(match since {
        Since::Changes(changes) => changes,
        Since::Same | Since::Lost => Vec::new(),
    })
}

/// Waits until no other transaction that has come this far, and changes one of these customers, is open, up to the end of
/// this one: whoever comes later sees what it has changed. `None`: everybody's. To be asked once, and last of all that may
/// wait.
pub fn one_after_the_other(customers: Option<&[i64]>, conn: &mut Conn) -> QueryResult<()> {
    match conn {
        // There is one writer anyway.
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(c) => postgres::one_after_the_other(customers, c),
    }
}

/// The most rows that one transaction of [`trim`] takes away: about 5 ms on SQLite, where others wait meanwhile.
const CHUNK: i64 = 10_000;

/// Takes away all but the newest `keep` rows, in chunks, each a short write transaction that also says how far it went:
/// whoever has seen less than that is [`Since::Lost`]. On PostgreSQL what one transaction wrote goes together, and stays
/// while a transaction is open that is older. How many rows are gone.
pub fn trim(keep: i64, db: &Db) -> Result<i64, Trouble> {
    let keep = keep.max(0);
    let last = db.write_now::<_, Trouble>(|conn| {
        Ok(match conn {
            Conn::Sqlite(c) => Some(sqlite::standing(c)?.newest - keep),
            Conn::Postgres(c) => {
                postgres::forget_other_servers(c)?;
                postgres::last_to_go(keep, c)?
            }
        })
    })?;
    let Some(last) = last else { return Ok(0) };
    let mut gone = 0;
    while let Some(some) = db.write_now::<_, Trouble>(|conn| {
        Ok(match conn {
            Conn::Sqlite(c) => sqlite::trim(last, CHUNK, c)?,
            Conn::Postgres(c) => postgres::trim(last, CHUNK, c)?,
        })
    })? {
        gone += some;
    }
    Ok(gone)
}

/// Rows of the log by source and key. They may be a million, and mostly follow others of the same key.
#[derive(Default)]
struct Gathered {
    places: HashMap<(i16, i64), usize>,
    changes: Vec<Change>,
    last: usize,
}

impl Gathered {
    /// `None`: everybody.
    fn add(&mut self, source: i16, key: i64, customers: Option<&[i64]>) {
        if self.changes.get(self.last).is_none_or(|last| (last.source, last.key) != (source, key)) {
            self.last = *self.places.entry((source, key)).or_insert(self.changes.len());
            if self.last == self.changes.len() {
                self.changes.push(Change { source, key, customers: Some(Vec::new()) });
            }
        }
        let change = &mut self.changes[self.last];
        match (customers, &mut change.customers) {
            (Some(some), Some(all)) => all.extend_from_slice(some),
            _ => change.customers = None,
        }
    }

    fn since(mut self) -> Since {
        if self.changes.is_empty() {
            return Since::Same;
        }
        for customers in self.changes.iter_mut().filter_map(|change| change.customers.as_mut()) {
            customers.sort_unstable();
            customers.dedup();
        }
        self.changes.sort_unstable_by_key(|change| (change.source, change.key));
        Since::Changes(self.changes)
    }
}
