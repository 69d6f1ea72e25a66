//! What a file's bytes are: which encoding, which delimiter. Found by looking, shown, and changeable.

use super::Subject;
use super::records::{Content, Records, separator_line};
use crate::config::Limits;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use encoding_rs_io::DecodeReaderBytesBuilder;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a file cannot be imported at all, in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Unreadable(format!("The file cannot be read: {error}"))
    }
}

/// What may stand between cells.
pub const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The encodings offered; a file may turn out to be in another one that was recognised.
pub const ENCODINGS: [(&str, &str); 8] = [
    ("UTF-8", "UTF-8"),
    ("UTF-16LE", "UTF-16, little endian"),
    ("UTF-16BE", "UTF-16, big endian"),
    ("windows-1252", "Windows-1252, Western Europe"),
    ("windows-1250", "Windows-1250, Central Europe"),
    ("windows-1251", "Windows-1251, Cyrillic"),
    ("Shift_JIS", "Shift JIS, Japanese"),
    ("macintosh", "Macintosh, Western"),
];

/// How much of the beginning is looked at for the delimiter.
const SAMPLE: u64 = 256 << 10;
/// How many bytes beyond ASCII are enough to guess an encoding by.
const GUESS: usize = 4 << 20;

/// One byte in so many may be NUL.
const FULL_OF_NUL: usize = 100;

/// A person's choice instead of what was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    pub encoding: Option<String>,
    pub delimiter: Option<char>,
}

/// How the bytes of one file are to be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub encoding: &'static Encoding,
    /// Bytes of the byte order mark, which is no text.
    pub mark: u64,
    pub delimiter: u8,
}

impl Shape {
    /// Looks at the whole file once, in pieces.
    pub fn find(path: &Path, chosen: &Chosen) -> Result<Shape, Unreadable> {
        let mut file = File::open(path)?;
        let mut beginning = Vec::new();
        file.by_ref().take(8).read_to_end(&mut beginning)?;
        refuse_other_kinds(&beginning)?;
        let (marked, mark) = match Encoding::for_bom(&beginning) {
            Some((encoding, length)) => (Some(encoding), length as u64),
            None => (None, 0),
        };
        let asked = match &chosen.encoding {
            Some(label) => Some(
                Encoding::for_label(label.as_bytes())
                    .ok_or_else(|| Unreadable(format!("There is no encoding called {label}")))?,
            ),
            None => None,
        };
        file.seek(SeekFrom::Start(mark))?;
        let wide = |encoding: &Encoding| encoding == UTF_16LE || encoding == UTF_16BE;
        let encoding = match asked.or(marked) {
            Some(encoding) if wide(encoding) => encoding,
            known => {
                let found = guess(&mut file)?;
                known.unwrap_or(found)
            }
        };
        // The mark belongs to the encoding it announces; read as another one it is three odd letters.
        let mark = if marked == Some(encoding) || asked.is_none() { mark } else { 0 };
        let mut shape = Shape { encoding, mark, delimiter: b',' };
        shape.delimiter = match chosen.delimiter {
            Some(delimiter) => known_delimiter(delimiter)?,
            None => find_delimiter(&shape.sample(path)?)?,
        };
        Ok(shape)
    }

    /// The file's text as UTF-8.
    pub fn decode(&self, mut file: Counted) -> io::Result<Box<dyn Read + Send>> {
        file.file.seek(SeekFrom::Start(self.mark))?;
        Ok(if self.encoding == UTF_8 {
            Box::new(file)
        } else {
            Box::new(DecodeReaderBytesBuilder::new().encoding(Some(self.encoding)).bom_sniffing(false).build(file))
        })
    }

    fn sample(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        self.decode(Counted::open(path, Arc::default())?)?.take(SAMPLE).read_to_end(&mut text)?;
        Ok(text)
    }

    /// `UTF-8 with BOM · semicolon`
    pub fn words(&self) -> String {
        let mark = if self.mark > 0 { " with BOM" } else { "" };
        format!("{}{mark} · {}", self.encoding.name(), self.delimiter_words())
    }

    pub fn delimiter_words(&self) -> &'static str {
        delimiter_words(self.delimiter)
    }
}

pub fn delimiter_words(delimiter: u8) -> &'static str {
    match delimiter {
        b';' => "semicolon",
        b'\t' => "tab",
        b'|' => "vertical bar",
        _ => "comma",
    }
}

fn known_delimiter(delimiter: char) -> Result<u8, Unreadable> {
    u8::try_from(delimiter)
        .ok()
        .filter(|byte| DELIMITERS.contains(byte))
        .ok_or_else(|| Unreadable(format!("Cells are divided by a comma, semicolon, tab or |, not by {delimiter:?}")))
}

/// A spreadsheet or an archive under a wrong name is told apart by its first bytes.
fn refuse_other_kinds(beginning: &[u8]) -> Result<(), Unreadable> {
    const KINDS: [(&[u8], &str); 9] = [
        (b"PK\x03\x04", "an Excel workbook or a zip archive"),
        (b"PK\x05\x06", "an empty zip archive"),
        (b"\x1f\x8b", "compressed with gzip"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
        (b"%PDF", "a PDF document"),
        (b"BZh", "compressed with bzip2"),
        (b"7z\xbc\xaf", "a 7-Zip archive"),
        (b"\xfd7zXZ", "compressed with xz"),
        (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
    ];
    match KINDS.iter().find(|(magic, _)| beginning.starts_with(magic)) {
        Some((_, kind)) => {
            Err(Unreadable(format!("This file is {kind}, not CSV. Save it as CSV (UTF-8) and try again")))
        }
        None => Ok(()),
    }
}

/// UTF-8 if the file is (a few broken lines do not change that), else what chardetng thinks. Refuses what is full of NUL: text
/// never is. A single one costs its own line only.
fn guess(file: &mut File) -> Result<&'static Encoding, Unreadable> {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    let (mut chunk, mut kept) = (vec![0; 64 << 10], 0);
    let (mut letters, mut broken, mut fed) = (0u64, 0u64, 0);
    let (mut nuls, mut all) = (0, 0);
    let mut bytes_seen = [0u64; 256];
    loop {
        let read = file.read(&mut chunk[kept..])?;
        let (bytes, last) = (&chunk[..kept + read], read == 0);
        nuls += memchr::memchr_iter(0, &chunk[kept..kept + read]).count();
        all += read;
        if last && nuls * FULL_OF_NUL > all {
            return Err(Unreadable(
                "This file is full of NUL bytes, which text never is. If it is UTF-16, save it as CSV (UTF-8)".into(),
            ));
        }
        let mut rest = 0;
        if !bytes.is_ascii() {
            let (sound, errors, unfinished) = tally(bytes);
            letters += sound;
            broken += errors;
            rest = if last { 0 } else { unfinished };
            if last && unfinished > 0 {
                broken += 1;
            }
            if fed < GUESS {
                detector.feed(&bytes[..bytes.len() - rest], false);
                fed += bytes.len();
                bytes.iter().for_each(|byte| bytes_seen[usize::from(*byte)] += 1);
            }
        }
        if last {
            break;
        }
        let end = kept + read;
        chunk.copy_within(end - rest..end, 0);
        kept = rest;
    }
    // In other encodings letters beyond ASCII hardly ever happen to be sound UTF-8, so a few tell.
    if broken == 0 || letters > 10 * broken {
        return Ok(UTF_8);
    }
    detector.feed(b"", true);
    let guess = detector.guess(None, chardetng::Utf8Detection::Deny);
    // Lists of names from many countries mislead a guess that goes by language, so where the letters make sense in
    // Western Europe's encoding, they are taken for that.
    let western = [encoding_rs::WINDOWS_1250, encoding_rs::WINDOWS_1254, encoding_rs::WINDOWS_1257].contains(&guess)
        || guess.name().starts_with("ISO-8859-");
    Ok(if western && makes_sense_in_the_west(&bytes_seen) { encoding_rs::WINDOWS_1252 } else { guess })
}

/// True when the bytes beyond ASCII are letters and typographer's marks in Windows-1252, hardly ever `³` or `¿`.
fn makes_sense_in_the_west(seen: &[u64; 256]) -> bool {
    let (mut likely, mut odd) = (0, 0);
    for byte in 0x80..=0xffu8 {
        let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(std::slice::from_ref(&byte));
        let fits = text.chars().all(|c| c.is_alphabetic() || "€’‘“”„–—…·«»°´ \u{a0}".contains(c));
        *(if fits { &mut likely } else { &mut odd }) += seen[usize::from(byte)];
    }
    likely > 20 * odd
}

/// Letters beyond ASCII that are sound UTF-8, places that are not, and bytes of a letter cut off at the end.
fn tally(mut bytes: &[u8]) -> (u64, u64, usize) {
    let letters = |sound: &[u8]| sound.iter().filter(|byte| **byte >= 0xc0).count() as u64;
    let (mut sound, mut errors) = (0, 0);
    loop {
        match std::str::from_utf8(bytes) {
            Ok(_) => return (sound + letters(bytes), errors, 0),
            Err(error) => {
                sound += letters(&bytes[..error.valid_up_to()]);
                match error.error_len() {
                    None => return (sound, errors, bytes.len() - error.valid_up_to()),
                    Some(length) => {
                        errors += 1;
                        bytes = &bytes[error.valid_up_to() + length..];
                    }
                }
            }
        }
    }
}

/// The delimiter under which the first lines agree best on how many cells they have.
fn find_delimiter(sample: &[u8]) -> Result<u8, Unreadable> {
    if let Some((delimiter, _)) = separator_line(sample) {
        return Ok(delimiter);
    }
    let mut best = (0.0, 0, b',');
    for delimiter in DELIMITERS {
        let (score, columns) = score(sample, delimiter)?;
        if (score, columns) > (best.0, best.1) {
            best = (score, columns, delimiter);
        }
    }
    Ok(best.2)
}

/// How well a delimiter fits, and how many columns it gives.
fn score(sample: &[u8], delimiter: u8) -> Result<(f64, usize), Unreadable> {
    let whole = (sample.len() as u64) < SAMPLE;
    let mut records = Records::new(Box::new(Cursor::new(sample.to_vec())), delimiter, UTF_8.name(), &Limits::default());
    let (mut header, mut same, mut lines, mut known) = (0, 0.0, 0.0, 0.0);
    let (mut indented, mut last_fits) = (0.0, false);
    while let Some(line) = records.next_line()? {
        let cells = match line.content {
            Content::Blank => continue,
            Content::Record(cells) | Content::Broken(cells, _) => cells,
        };
        // "Doe, John" is divided by a comma, but not into cells.
        indented += cells.iter().skip(1).filter(|cell| cell.starts_with(' ')).count() as f64 / cells.len() as f64;
        if header == 0 {
            header = cells.len();
            let means = |cell: &&str| Subject::ALL.iter().any(|subject| subject.named(cell).is_some());
            known = cells.iter().filter(means).count() as f64;
            if header < 2 {
                return Ok((0.0, header));
            }
            continue;
        }
        lines += 1.0;
        last_fits = cells.len() == header;
        same += f64::from(u8::from(last_fits));
        if lines >= 500.0 {
            break;
        }
    }
    // Divided so there is nothing in any cell: `,,,` is blank and not the name of a column.
    if header == 0 {
        return Ok((1.0, 0));
    }
    // The sample may end in the middle of a line.
    if !whole && !last_fits && lines > 1.0 && lines < 500.0 {
        lines -= 1.0;
    }
    let agreement = if lines > 0.0 { same / lines } else { 1.0 };
    // A header we know counts as a line that agrees: it decides between two delimiters that fit equally.
    let spaces = indented / (lines + 1.0);
    Ok(((agreement + known / header as f64 - spaces) / 2.0 + 0.01, header))
}

/// A file that tells how much of it was read.
pub struct Counted {
    file: File,
    bytes: Arc<AtomicU64>,
}

impl Counted {
    pub fn open(path: &Path, bytes: Arc<AtomicU64>) -> io::Result<Counted> {
        Ok(Counted { file: File::open(path)?, bytes })
    }
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buf)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::reader::Reader;
    use std::io::Write;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }
    fn found(bytes: &[u8]) -> String {
        match Shape::find(file(bytes).path(), &Chosen::default()) {
            Ok(shape) => shape.words(),
            Err(error) => error.to_string(),
        }
    }
    fn utf16(text: &str, big: bool) -> Vec<u8> {
        let both = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(both).collect()
    }

    #[test]
    fn encodings_are_recognised() {
        let text = "email;city\nzoe@example.org;Göteborg\njo@example.org;Tønsberg\nlu@example.org;Málaga\n";
        assert_eq!(found(text.as_bytes()), "UTF-8 · semicolon");
        assert_eq!(found(&[b"\xef\xbb\xbf", text.as_bytes()].concat()), "UTF-8 with BOM · semicolon");
        assert_eq!(found(&utf16(text, false)), "UTF-16LE with BOM · semicolon");
        assert_eq!(found(&utf16(text, true)), "UTF-16BE with BOM · semicolon");
        let (western, _, _) = encoding_rs::WINDOWS_1252.encode(text);
        assert_eq!(found(&western), "windows-1252 · semicolon");
        for bytes in [text.as_bytes().to_vec(), utf16(text, false), utf16(text, true), western.to_vec()] {
            let file = file(&bytes);
            let shape = Shape::find(file.path(), &Chosen::default()).unwrap();
            let mut reader = Reader::open(file.path(), &shape, &Limits::default()).unwrap();
            assert_eq!(reader.headers, ["email", "city"]);
            let Content::Record(cells) = reader.next_line().unwrap().unwrap().content else { panic!("a record") };
            assert_eq!(cells.get(1), "Göteborg");
        }
    }

    #[test]
    fn short_lists_of_names_are_read_as_their_writers_meant() {
        for (text, encoding) in [
            ("name;city\nZoë;Göteborg\nJürgen;Größe\n", encoding_rs::WINDOWS_1252),
            ("nome;cidade\nJoão;São Paulo\n", encoding_rs::WINDOWS_1252),
            ("name;x\nJosé;1\n", encoding_rs::WINDOWS_1252),
            ("imię;miasto\nŁukasz;Łódź\nŻaneta;Kraków\nMałgorzata;Białystok\n", encoding_rs::WINDOWS_1250),
            ("имя;город\nИван;Москва\n", encoding_rs::WINDOWS_1251),
        ] {
            let (bytes, _, _) = encoding.encode(text);
            assert_eq!(found(&bytes), format!("{} · semicolon", encoding.name()), "{text}");
        }
    }

    #[test]
    fn one_broken_line_does_not_change_the_encoding_of_the_others() {
        let mut bytes = "name,city\n".to_string();
        bytes.extend(std::iter::repeat_n("Zoë,Göteborg\n", 20));
        let mut bytes = bytes.into_bytes();
        bytes.extend(b"Jos\xe9,Rio\n");
        assert_eq!(found(&bytes), "UTF-8 · comma");
    }

    #[test]
    fn delimiters_are_recognised() {
        for (text, words) in [
            ("email,name\na@b.se,\"Doe; Jane\"\n", "comma"),
            ("name;email\nDoe, Jane;a@b.se\nRoe, Rick;c@d.se\n", "semicolon"),
            ("a\tb\n1,5\t2,5\n", "tab"),
            ("a|b|c\n1|2|3\n", "vertical bar"),
            ("email\na@b.se\n", "comma"),
            ("tags\nA;B\nC\n", "comma"),
            ("sep=;\r\na,b;c\r\n1,2;3\r\n", "semicolon"),
            ("name, first;email\nDoe, John;a@b.se\n", "semicolon"),
            ("email,tags\na@b.se,A;B;C\nc@d.se,D;E;F\n", "comma"),
        ] {
            assert_eq!(found(text.as_bytes()), format!("UTF-8 · {words}"), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_csv_is_refused_in_a_sentence() {
        assert!(found(b"PK\x03\x04rest").contains("Excel workbook or a zip archive, not CSV"));
        assert!(found(b"\x1f\x8b\x08rest").contains("gzip"));
        assert!(found(b"a,b\n1,\x002\n").contains("NUL"));
        let empty = file(b"");
        let shape = Shape::find(empty.path(), &Chosen::default()).unwrap();
        assert!(Reader::open(empty.path(), &shape, &Limits::default()).err().unwrap().0.contains("empty"));
    }

    #[test]
    fn headers_without_a_name_of_their_own_are_called_after_their_place() {
        let file = file(b"\n\xef\xbb\xbfemail,,Email , name\n1,2,3,4\n1,2,3\n");
        let shape = Shape::find(file.path(), &Chosen::default()).unwrap();
        let mut reader = Reader::open(file.path(), &shape, &Limits::default()).unwrap();
        assert_eq!(reader.headers[1..], ["column 2", "column 3", "name"]);
        let blank = reader.next_line().unwrap().unwrap();
        assert_eq!((blank.number, blank.content), (1, Content::Blank));
        assert_eq!(reader.next_line().unwrap().unwrap().number, 3);
        let ragged = reader.next_line().unwrap().unwrap();
        assert!(
            matches!(ragged.content, Content::Broken(_, reason) if reason == "This line has 3 cells, the header has 4.")
        );
        assert_eq!((reader.next_line().unwrap(), reader.records_read), (None, 4));
    }
}
