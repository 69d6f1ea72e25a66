//! A list of keys, pasted or from a file: which customers its lines mean. Every line ends in one place: found, found
//! before, not found, or several customers; and the rest is blank or the header.

use crate::customers::clean;
use crate::db::Conn;
use crate::db::schema::customers;
use crate::imports::columns::{Field, one_line};
use crate::imports::{Subject, cells};
use crate::workspace::Workspace;
use diesel::prelude::*;
use encoding_rs::{Encoding, WINDOWS_1252};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The longest list.
pub const MOST_LINES: usize = 200_000;
/// Keys per statement: well below what either database binds.
const CHUNK: usize = 1000;

/// What the keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Whatever fits.
    Any,
    Id,
    ExternalId,
    Email,
    Phone,
}

impl By {
    pub const EACH: [By; 5] = [By::Any, By::Id, By::ExternalId, By::Email, By::Phone];

    pub fn key(self) -> &'static str {
        match self {
            By::Any => "any",
            By::Id => "id",
            By::ExternalId => "external_id",
            By::Email => "email",
            By::Phone => "phone",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            By::Any => "Any of them",
            By::Id => "Ids",
            By::ExternalId => "External ids",
            By::Email => "Email addresses",
            By::Phone => "Phone numbers",
        }
    }

    pub fn parse(key: &str) -> By {
        By::EACH.into_iter().find(|by| by.key() == key).unwrap_or(By::Any)
    }

    /// What a header says the column holds.
    fn of_header(header: &str) -> Option<By> {
        match Subject::Customers.named(header)? {
            Field::Id => Some(By::Id),
            Field::ExternalId => Some(By::ExternalId),
            Field::Email => Some(By::Email),
            Field::Phone => Some(By::Phone),
            _ => None,
        }
    }

    fn reads(self, one: By) -> bool {
        self == By::Any || self == one
    }
}

/// A line with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As a text editor counts it.
    pub number: u64,
    pub key: String,
}

/// A list that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    pub by: By,
    pub lines: Vec<Line>,
    /// Blank lines, and the header.
    pub others: usize,
}

/// The bytes of a file as text: UTF-8, UTF-16 with its mark, or what Windows writes.
pub fn decode(bytes: &[u8]) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_string(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

impl Keys {
    /// One key a line, or one column of a table with a header.
    pub fn read(text: &str, by: By) -> Result<Keys, String> {
        let delimiter = text.lines().find(|line| !line.trim().is_empty()).and_then(table);
        let rows = match delimiter {
            Some(delimiter) => column(text, delimiter)?,
            None => Rows { header: None, lines: single(text), others: 0 },
        };
        let Rows { header, mut lines, mut others } = rows;
        let mut by = header.filter(|_| by == By::Any).unwrap_or(by);
        // A single column may have a header too.
        if delimiter.is_none()
            && lines.iter().find(|line| !line.key.is_empty()).is_some_and(|first| By::of_header(&first.key).is_some())
        {
            let first = lines.iter().position(|line| !line.key.is_empty()).unwrap_or_default();
            let header = lines.remove(first);
            others += 1;
            by = By::of_header(&header.key).filter(|_| by == By::Any).unwrap_or(by);
        }
        let all = lines.len();
        lines.retain(|line| !line.key.is_empty());
        others += all - lines.len();
        match lines.len() {
            0 => Err("There is nothing in this list. Write one id, external id, email or phone number a line.".into()),
            n if n > MOST_LINES => Err(format!("{n} lines are more than the {MOST_LINES} that one list may have.")),
            _ => Ok(Keys { by, lines, others }),
        }
    }
}

struct Rows {
    header: Option<By>,
    lines: Vec<Line>,
    others: usize,
}

/// The delimiter of a line that has more than one cell.
fn table(line: &str) -> Option<u8> {
    [b'\t', b';', b',', b'|'].into_iter().find(|delimiter| line.as_bytes().contains(delimiter))
}

fn single(text: &str) -> Vec<Line> {
    let unquoted = |line: &str| {
        let line = line.trim();
        let inside = line.strip_prefix('"').and_then(|line| line.strip_suffix('"'));
        cells::plain(inside.map(|inside| inside.replace("\"\"", "\"")).as_deref().unwrap_or(line)).to_string()
    };
    text.lines().zip(1..).map(|(line, number)| Line { number, key: unquoted(line) }).collect()
}

/// The column of keys in a table.
fn column(text: &str, delimiter: u8) -> Result<Rows, String> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("This list cannot be read: {error}."))?;
        let number = record.position().map_or(0, csv::Position::line);
        rows.push((number, record));
    }
    let Some((_, first)) = rows.first() else { return Ok(Rows { header: None, lines: Vec::new(), others: 0 }) };
    let filled: Vec<usize> = (0..first.len()).filter(|place| !first[*place].trim().is_empty()).collect();
    let named: Vec<(usize, By)> =
        filled.iter().filter_map(|place| By::of_header(&first[*place]).map(|by| (*place, by))).collect();
    let (place, header) = match (named.as_slice(), filled.as_slice()) {
        // The first that is named: id, external id, email and phone are mostly in this order.
        ([(place, by), ..], _) => (*place, Some(*by)),
        // `ana@example.com,` as spreadsheets write a single column.
        ([], [place]) => (*place, None),
        _ => {
            return Err("This list has several columns. Keep one, or give the column a header: id, external_id, \
                        email or phone."
                .into());
        }
    };
    let skipped = usize::from(header.is_some());
    let line = |(number, record): &(u64, csv::StringRecord)| Line {
        number: *number,
        key: cells::plain(&one_line(record.get(place).unwrap_or_default())).to_string(),
    };
    Ok(Rows { header, lines: rows.iter().skip(skipped).map(line).collect(), others: skipped })
}

/// Whom the lines of a list mean.
#[derive(Debug, Default, PartialEq)]
pub struct Meant {
    /// Each once, in the order of the list.
    pub found: Vec<i64>,
    /// Lines that mean somebody whom a line before meant.
    pub repeated: usize,
    pub unknown: Vec<Line>,
    /// Lines that fit several customers, with their ids.
    pub several: Vec<(Line, Vec<i64>)>,
}

/// A key in each of the ways it may be meant.
struct Readings {
    id: Option<i64>,
    external_id: Option<String>,
    email: Option<String>,
    phone: Option<String>,
}

impl Readings {
    fn of(key: &str, by: By, workspace: &Workspace) -> Readings {
        let text = |one: By, read: Result<Option<String>, String>| read.ok().flatten().filter(|_| by.reads(one));
        let id = key.strip_prefix('#').unwrap_or(key).parse().ok();
        Readings {
            id: id.filter(|_| by.reads(By::Id)),
            external_id: text(By::ExternalId, clean::external_id(key)),
            email: text(By::Email, clean::email(key)),
            phone: text(By::Phone, clean::phone(key, workspace.default_country.as_deref())),
        }
    }
}

/// Looks up all lines, a thousand at a time.
pub fn look_up(keys: &Keys, workspace: &Workspace, conn: &mut Conn) -> QueryResult<Meant> {
    let mut meant = Meant::default();
    let mut seen = HashSet::new();
    for lines in keys.lines.chunks(CHUNK) {
        let readings: Vec<Readings> = lines.iter().map(|line| Readings::of(&line.key, keys.by, workspace)).collect();
        let known = Known::load(&readings, conn)?;
        for (line, reading) in lines.iter().zip(&readings) {
            let fits: Vec<i64> = known.fit(reading).into_iter().collect();
            match fits.as_slice() {
                [] => meant.unknown.push(line.clone()),
                [one] if seen.insert(*one) => meant.found.push(*one),
                [_] => meant.repeated += 1,
                _ => meant.several.push((line.clone(), fits)),
            }
        }
    }
    Ok(meant)
}

/// Who is there under the keys of one chunk.
struct Known {
    ids: HashSet<i64>,
    texts: [HashMap<String, i64>; 3],
}

impl Known {
    fn load(readings: &[Readings], conn: &mut Conn) -> QueryResult<Known> {
        macro_rules! by {
            ($column:ident, $field:ident) => {{
                let wanted: Vec<String> = readings.iter().filter_map(|reading| reading.$field.clone()).collect();
                let rows: Vec<(Option<String>, i64)> = match wanted.is_empty() {
                    true => Vec::new(),
                    false => customers::table
                        .filter(customers::$column.eq_any(wanted))
                        .select((customers::$column, customers::id))
                        .load(conn)?,
                };
                rows.into_iter().filter_map(|(key, id)| Some((key?, id))).collect()
            }};
        }
        let ids: Vec<i64> = readings.iter().filter_map(|reading| reading.id).collect();
        let ids: Vec<i64> = match ids.is_empty() {
            true => Vec::new(),
            false => customers::table.filter(customers::id.eq_any(ids)).select(customers::id).load(conn)?,
        };
        Ok(Known {
            ids: ids.into_iter().collect(),
            texts: [by!(external_id, external_id), by!(email, email), by!(phone, phone)],
        })
    }

    fn fit(&self, reading: &Readings) -> BTreeSet<i64> {
        let Readings { id, external_id, email, phone } = reading;
        let texts = self.texts.iter().zip([external_id, email, phone]);
        let by_text = texts.filter_map(|(known, key)| known.get(key.as_ref()?).copied());
        id.filter(|id| self.ids.contains(id)).into_iter().chain(by_text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (By, Vec<(u64, String)>, usize) {
        let keys = Keys::read(text, By::Any).expect("a list");
        (keys.by, keys.lines.into_iter().map(|line| (line.number, line.key)).collect(), keys.others)
    }

    #[test]
    fn one_key_a_line_with_or_without_a_header() {
        let lines = vec![(1, "c1".to_string()), (3, "+4670".to_string())];
        assert_eq!(read("c1\r\n\r\n '+4670 \r\n"), (By::Any, lines, 1));
        assert_eq!(read("E-Mail\na@b.se\n"), (By::Email, vec![(2, "a@b.se".into())], 1));
        assert_eq!(read("\"c\"\"1\"\n").1, [(1, "c\"1".to_string())]);
    }

    #[test]
    fn one_column_of_a_table_is_found_by_its_header() {
        let table = "name;email;city\nAna;a@b.se;Oslo\n\"Bo\nB\";b@b.se;\nCy;;\n";
        assert_eq!(read(table), (By::Email, vec![(2, "a@b.se".into()), (3, "b@b.se".into())], 2));
        assert_eq!(read("c1,\nc2,\n").1.len(), 2, "a single column as spreadsheets write it");
        let several = Keys::read("Ana,Oslo\nBo,Bergen\n", By::Any).expect_err("which one?");
        assert!(several.contains("several columns"), "{several}");
        assert!(Keys::read(" \n\n", By::Any).is_err() && Keys::read("email\n", By::Any).is_err());
    }

    #[test]
    fn files_are_read_in_whatever_encoding_they_came() {
        assert_eq!(decode("\u{feff}é".as_bytes()), "é");
        assert_eq!(decode(&[0xff, 0xfe, 0xe9, 0]), "é");
        assert_eq!(decode(&[0xe9, b'x']), "éx");
    }
}
