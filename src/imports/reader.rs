//! A file as a header and the lines under it, each with as many cells as the header has.
//!
//! Columns get a name of their own here. What a record is, is known in [`super::records`].

pub use super::records::{Cells, Content, Line};

use super::records::Records;
use super::shape::{Counted, Shape, Unreadable};
use crate::config::Limits;
use crate::fold;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file as a header and the lines under it.
pub struct Reader {
    records: Records,
    pub headers: Vec<String>,
    /// Blank lines that stand before the header.
    before: Vec<Line>,
    /// Records handed out so far, the header included.
    pub records_read: i64,
    bytes: Arc<AtomicU64>,
}

impl Reader {
    /// Opens the file in the given shape and reads its header.
    pub fn open(path: &Path, shape: &Shape, limits: &Limits) -> Result<Reader, Unreadable> {
        let bytes = Arc::new(AtomicU64::new(0));
        let file = Counted::open(path, bytes.clone())?;
        let mut records = Records::new(shape.decode(file)?, shape.delimiter, shape.encoding.name(), limits);
        records.skip_separator_line()?;
        let mut before = Vec::new();
        let header = loop {
            let Some(line) = records.next_line()? else {
                return Err(Unreadable("The file is empty: its first line should name the columns".into()));
            };
            match line.content {
                // A file of blank lines must not fill the memory.
                Content::Blank if before.len() < 1_000 => before.push(line),
                Content::Blank => return Err(Unreadable("The file begins with more than 1,000 blank lines".into())),
                Content::Record(cells) => break cells,
                Content::Broken(_, reason) => {
                    return Err(Unreadable(format!("Line {}, which should name the columns: {reason}", line.number)));
                }
            }
        };
        if header.len() > limits.columns as usize {
            let (found, most) = (thousands(header.len()), thousands(limits.columns as usize));
            return Err(Unreadable(format!(
                "The file has {found} columns; {most} are the most that a file may have here. Leave out those that are \
                 not to be imported"
            )));
        }
        Ok(Reader { records, headers: names(&header), before, records_read: 1, bytes })
    }

    /// The next line under the header. One with more or fewer cells than the header is broken.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        let line = match self.before.is_empty() {
            false => Some(self.before.remove(0)),
            true => self.records.next_line()?,
        };
        let Some(mut line) = line else { return Ok(None) };
        self.records_read += 1;
        if let Content::Record(cells) = line.content {
            line.content = match (cells.len(), self.headers.len()) {
                (found, wanted) if found == wanted => Content::Record(cells),
                (found, wanted) => {
                    let reason = format!("This line has {}, the header has {wanted}.", counted(found, "cell"));
                    Content::Broken(cells, reason)
                }
            };
        }
        Ok(Some(line))
    }

    /// How many bytes of the file were read, for progress.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn thousands(n: usize) -> String {
    crate::web::thousands(&(n as i64))
}

fn counted(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// Header cells as names: an empty or repeated one is called after its place.
fn names(header: &Cells) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    header
        .iter()
        .enumerate()
        .map(|(at, cell)| {
            let name = super::cells::plain(cell);
            if !name.is_empty() && seen.insert(fold::key(name)) {
                return name.to_string();
            }
            // Somebody may have called another column so.
            let place = format!("column {}", at + 1);
            let mut names = std::iter::once(place.clone()).chain((2..).map(|n| format!("{place} ({n})")));
            names.find(|name| seen.insert(fold::key(name))).unwrap_or(place)
        })
        .collect()
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_columns_have_one_name() {
        let called = |header: &str| {
            let header = std::io::Cursor::new(header.to_string());
            let mut records = Records::new(Box::new(header), b',', "UTF-8", &Limits::default());
            match records.next_line().unwrap().unwrap().content {
                Content::Record(cells) => names(&cells).join("|"),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(called("a,,A , b"), "a|column 2|column 3|b");
        assert_eq!(called("column 2,"), "column 2|column 2 (2)");
        assert_eq!(called(",Column 1"), "column 1|column 2");
    }
}
