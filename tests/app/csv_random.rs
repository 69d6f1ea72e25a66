//! Random files: what was written is what is read, each record with the line a text editor shows; and whatever the bytes
//! are, reading them ends.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use muster::config::Limits;
use muster::imports::reader::{Content, Reader};
use muster::imports::shape::{Chosen, Shape};
use proptest::prelude::*;
use std::io::Write;

/// `number` and what stands on it; `None` for a blank line, an error for one that cannot be read.
type Read = (i64, Result<Option<Vec<String>>, String>);

fn read(bytes: &[u8], chosen: &Chosen, limits: &Limits) -> Result<Vec<Read>, String> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("room for it");
    let shape = Shape::find(file.path(), chosen).map_err(|why| why.to_string())?;
    let mut reader = Reader::open(file.path(), &shape, limits).map_err(|why| why.to_string())?;
    let mut all = Vec::new();
    while let Some(line) = reader.next_line().expect("a file that is there can be read") {
        let content = match line.content {
            Content::Blank => Ok(None),
            Content::Record(cells) => Ok(Some(cells.iter().map(str::to_string).collect())),
            Content::Broken(_, why) => Err(why),
        };
        all.push((line.number, content));
    }
    assert_eq!(reader.records_read, all.len() as i64 + 1);
    Ok(all)
}

/// The bytes of a text in an encoding, with the mark that its kind needs.
fn encoded(text: &str, encoding: &'static Encoding, mark: bool) -> Vec<u8> {
    if encoding == UTF_16LE {
        return std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    }
    if encoding == UTF_16BE {
        return std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    }
    let bytes = encoding.encode(text).0.into_owned();
    if mark && encoding == UTF_8 { [b"\xef\xbb\xbf", &bytes[..]].concat() } else { bytes }
}

fn breaks(text: &str) -> i64 {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.matches('\n').count() as i64
}

#[derive(Clone, Debug)]
struct Written {
    rows: Vec<Vec<(String, bool)>>,
    delimiter: char,
    ending: &'static str,
    last: bool,
    encoding: &'static Encoding,
    mark: bool,
}

fn written() -> impl Strategy<Value = Written> {
    let cell = ("([a-z0-9 ,;|\t\"'=+é€-]|\n|\r\n|\r){0,9}", any::<bool>());
    let rows = (2usize..5)
        .prop_flat_map(move |width| prop::collection::vec(prop::collection::vec(cell, width..=width), 0..12));
    let encoding = prop::sample::select(vec![UTF_8, UTF_16LE, UTF_16BE, WINDOWS_1252]);
    let ending = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    let delimiter = prop::sample::select(vec![',', ';', '\t', '|']);
    (rows, delimiter, ending, any::<bool>(), encoding, any::<bool>()).prop_map(
        |(rows, delimiter, ending, last, encoding, mark)| Written { rows, delimiter, ending, last, encoding, mark },
    )
}

proptest! {
    #[test]
    fn what_was_written_is_read(file in written()) {
        let width = file.rows.first().map_or(2, Vec::len);
        let between = file.delimiter.to_string();
        let mut text = (0..width).map(|n| format!("h{n}")).collect::<Vec<_>>().join(&between);
        let mut meant: Vec<Read> = Vec::new();
        for row in &file.rows {
            text.push_str(file.ending);
            meant.push((1 + breaks(&text), Ok(None)));
            let cells: Vec<String> = row.iter().map(|(cell, _)| cell.clone()).collect();
            if cells.iter().any(|cell| !cell.trim().is_empty()) {
                meant.last_mut().expect("just put there").1 = Ok(Some(cells));
            }
            let spelled = row.iter().map(|(cell, quoted)| {
                match *quoted || cell.contains(['"', '\r', '\n', file.delimiter]) {
                    true => format!("\"{}\"", cell.replace('"', "\"\"")),
                    false => cell.clone(),
                }
            });
            text.push_str(&spelled.collect::<Vec<_>>().join(&between));
        }
        if file.last {
            text.push_str(file.ending);
        }
        let chosen = Chosen { encoding: Some(file.encoding.name().into()), delimiter: Some(file.delimiter) };
        let found = read(&encoded(&text, file.encoding, file.mark), &chosen, &Limits::default());
        prop_assert_eq!(found, Ok(meant), "{:?}", text);
    }

    #[test]
    fn whatever_the_bytes_are_reading_ends(
        bytes in prop::collection::vec(prop::sample::select(b"a1,;\"\"\n\n\r\t |'\0\xe9\xc3\xa9\xff=".to_vec()), 0..400),
        line in 1u32..3,
    ) {
        // Few bytes, short limits: everything happens at its edge.
        if let Ok(lines) = read(&bytes, &Chosen::default(), &Limits { line, ..Limits::default() }) {
            prop_assert!(lines.windows(2).all(|two| two[0].0 < two[1].0), "{:?}", lines);
        }
    }

    #[test]
    fn a_long_line_between_others_costs_itself_alone(lengths in prop::collection::vec(0usize..3_000, 1..60), quoted: bool) {
        let quote = if quoted { "\"" } else { "" };
        let mut text = "a,b\n".to_string();
        lengths.iter().for_each(|length| text.push_str(&format!("1,{quote}{}{quote}\n", "x".repeat(*length))));
        let lines = read(text.as_bytes(), &Chosen::default(), &Limits { line: 1, ..Limits::default() })
            .map_err(TestCaseError::fail)?;
        prop_assert_eq!(lines.len(), lengths.len());
        for ((number, content), (at, length)) in lines.into_iter().zip(lengths.iter().enumerate()) {
            prop_assert_eq!(number, at as i64 + 2);
            match length + 2 + 2 * quote.len() {
                fits if fits <= 1_024 => prop_assert!(content.is_ok(), "{:?}", content),
                _ => prop_assert!(content.is_err_and(|why| why.contains("longer than 1 KiB"))),
            }
        }
    }
}
