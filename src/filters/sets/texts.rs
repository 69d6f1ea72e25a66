//! Text columns of `customers` in memory. What a text has in it, or at its end, is the one question no index answers: a
//! database looks through the whole column for it, row by row. Here the column stands in one piece, and looking through
//! that takes a tenth of the time.
//!
//! A column is read in the background, once somebody has looked through it by SQL or is likely to, and never changed
//! afterwards: it is true at the position it was read at. What is found in it is a set like any other, true at that
//! position, and moves from there to where it is asked from.

use super::Ids;
use super::journal::Position;
use crate::db::Conn;
use crate::db::schema::customers;
use crate::filters::ask::Source;
use crate::filters::fields::{Column, Values};
use crate::filters::wanted::Wanted;
use diesel::prelude::*;
use memchr::memmem::Finder;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A column of the customer's own row.
pub type Own = Column<customers::table>;

#[derive(Default)]
pub struct Texts(Mutex<HashMap<Own, Known>>);

/// What is known of a column that somebody looked through.
struct Known {
    text: Option<Arc<Text>>,
    /// Somebody could have done with a newer one since.
    wanted: bool,
    used: Instant,
    /// When it was read last, and how long that took.
    read: Option<(Instant, Duration)>,
}

/// All texts of a column, as they were at a position.
pub struct Text {
    /// One after the other, each with a NUL behind it, which no text has in it.
    bytes: Vec<u8>,
    /// Whose they are, and behind which byte each ends.
    rows: Vec<(u32, u32)>,
    pub at: Position,
}

/// Reading a column again and again may take so much of the time, one part in this.
const SHARE: u32 = 10;
/// Customers a question on PostgreSQL, which would hand over all of them in one piece.
const CHUNK: i64 = 20_000;

impl Texts {
    /// Where a condition can be looked for in memory, the column as it was read last, and who is found there.
    pub fn find(&self, source: &Source) -> Option<(Arc<Text>, Ids)> {
        let (column, wanted) = looked_through(source)?;
        let text = {
            let mut columns = self.0.lock();
            let known = columns.get_mut(&column)?;
            known.used = Instant::now();
            known.text.clone()?
        };
        let found = text.find(&wanted);
        Some((text, found))
    }

    /// Notes that a condition was looked for by SQL: its column is worth reading.
    pub fn want(&self, source: &Source) {
        if let Some((column, _)) = looked_through(source) {
            self.expect(column);
        }
    }

    /// Notes that somebody may look through a column.
    pub fn expect(&self, column: Own) {
        let now = Instant::now();
        let mut columns = self.0.lock();
        let known = columns.entry(column).or_insert(Known { text: None, wanted: true, used: now, read: None });
        (known.wanted, known.used) = (true, now);
    }

    /// The columns to be read, without those that were read just now.
    pub fn wanted(&self) -> Vec<Own> {
        let rested = |(at, took): (Instant, Duration)| at.elapsed() > took * SHARE;
        let columns = self.0.lock();
        let due = columns.iter().filter(|(_, known)| known.wanted && known.read.is_none_or(rested));
        due.map(|(column, _)| *column).collect()
    }

    /// True while a column is to be read, now or when it has rested.
    pub fn are_wanted(&self) -> bool {
        self.0.lock().values().any(|known| known.wanted)
    }

    /// Reads a column as it is in a snapshot. All columns together stay within `room` bytes: those that nobody asked for
    /// longest go, and what does not fit by itself is not kept.
    pub fn read(&self, column: Own, at: Position, room: usize, conn: &mut Conn) -> QueryResult<()> {
        let began = Instant::now();
        let text = Text::read(column, at, conn)?.map(Arc::new);
        let mut columns = self.0.lock();
        let Some(known) = columns.get_mut(&column) else { return Ok(()) };
        (known.wanted, known.read) = (false, Some((Instant::now(), began.elapsed())));
        known.text = text.filter(|text| text.size() <= room);
        while bytes(&columns) > room {
            let oldest = columns.iter().filter(|(other, known)| **other != column && known.text.is_some());
            let Some(oldest) = oldest.min_by_key(|(_, known)| known.used).map(|(other, _)| *other) else { break };
            columns.remove(&oldest);
        }
        Ok(())
    }

    pub fn bytes(&self) -> usize {
        bytes(&self.0.lock())
    }
}

fn bytes(columns: &HashMap<Own, Known>) -> usize {
    columns.values().filter_map(|known| known.text.as_ref()).map(|text| text.size()).sum()
}

/// The column a condition looks through, and what for.
fn looked_through(source: &Source) -> Option<(Own, String)> {
    let Source::Own(column @ Column { values: Values::Text(_), .. }, wanted) = source else { return None };
    match wanted {
        Wanted::Holds(text) if !text.is_empty() && !text.contains('\0') => Some((*column, text.clone())),
        Wanted::Ends(text) if !text.contains('\0') => Some((*column, format!("{text}\0"))),
        _ => None,
    }
}

impl Text {
    /// `None` when it is too long for memory: places are 32 bits.
    fn read(column: Own, at: Position, conn: &mut Conn) -> QueryResult<Option<Text>> {
        let Values::Text(values) = column.values else { return Ok(None) };
        let (few, sqlite) = match conn {
            Conn::Sqlite(_) => (None, true),
            Conn::Postgres(_) => (Some(CHUNK), false),
        };
        let mut text = Text { bytes: Vec::new(), rows: Vec::new(), at };
        let mut after = 0;
        loop {
            let mut rows = customers::table
                .filter(values().is_not_null())
                .select((customers::id, values().assume_not_null()))
                .into_boxed();
            if let Some(few) = few {
                rows = rows.filter(customers::id.gt(after)).order(customers::id).limit(few);
            }
            let mut read = 0;
            for row in rows.load_iter::<(i64, String), _>(conn)? {
                let (id, mut value) = row?;
                if sqlite {
                    // To LIKE an A is an a there, should somebody have written one by hand.
                    value.make_ascii_lowercase();
                }
                if !text.push(id, &value) {
                    return Ok(None);
                }
                (read, after) = (read + 1, id);
            }
            if few.is_none_or(|few| read < few) {
                break;
            }
        }
        text.bytes.shrink_to_fit();
        text.rows.shrink_to_fit();
        Ok(Some(text))
    }

    /// False when there is no room for it, or it is no text that can be looked through.
    fn push(&mut self, id: i64, value: &str) -> bool {
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        let (Ok(id), Ok(end)) = (u32::try_from(id), u32::try_from(self.bytes.len())) else { return false };
        self.rows.push((id, end));
        !value.contains('\0')
    }

    fn find(&self, wanted: &str) -> Ids {
        let finder = Finder::new(wanted);
        let (mut found, mut row, mut from) = (Vec::new(), 0, 0);
        while let Some(hit) = finder.find(&self.bytes[from..]) {
            while self.rows[row].1 as usize <= from + hit {
                row += 1;
            }
            let (id, end) = self.rows[row];
            found.push(id);
            (row, from) = (row + 1, end as usize);
        }
        found.sort_unstable();
        found.into_iter().collect()
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.rows.len() * size_of::<(u32, u32)>()
    }

    /// About how long a database looks through it.
    pub fn cost(&self) -> Duration {
        Duration::from_nanos(100) * u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    fn text(values: &[(i64, &str)]) -> Text {
        let mut text = Text { bytes: Vec::new(), rows: Vec::new(), at: 0 };
        assert!(values.iter().all(|(id, value)| text.push(*id, value)));
        text
    }

    #[test]
    fn a_text_is_found_once_wherever_it_stands_and_never_across_two() {
        let names = text(&[(9, "ana anderson"), (2, ""), (5, "bo"), (7, "danan"), (4, "na")]);
        let found = |wanted: &str| names.find(wanted).into_iter().collect::<Vec<_>>();
        assert_eq!(found("an"), [7, 9]);
        assert_eq!(found("bo"), [5]);
        assert_eq!(found("nbo"), Vec::<u32>::new());
        assert_eq!(found("na\0"), [4]);
        assert_eq!(found("on\0"), [9]);
        assert_eq!(found("\0"), [2, 4, 5, 7, 9]);
        assert_eq!(found("ü"), Vec::<u32>::new());
        assert_eq!(text(&[]).find("a").len(), 0);
    }

    #[test]
    fn what_cannot_be_looked_through_is_refused() {
        let mut none = text(&[]);
        assert!(!none.push(1, "a\0b") && !none.push(1 << 33, "a"));
    }
}
