//! Bytes to records, with memory that does not grow with the file.
//!
//! Quoting is csv-core's work. What is added here: every record has an upper size, blank lines are seen and counted,
//! each record knows the line it begins on as a text editor shows it, and a line that cannot be read is handed out as
//! such by itself: a quotation mark somebody forgot to close costs its own line, never the ones after it.
//! What the bytes are (encoding, delimiter) is found in [`super::shape`]; what the cells mean is not known here.

use crate::config::Limits;
use std::io::{self, Read};

/// How much is read from the file at a time.
const CHUNK: usize = 64 << 10;
/// How much of a line that cannot be read is kept for the report.
const KEPT: usize = 1_000;

/// The cells of one record, as they stand in the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    /// The cell at a position; beyond the last one there is only emptiness.
    pub fn get(&self, at: usize) -> &str {
        let begin = if at == 0 { 0 } else { self.ends.get(at - 1).copied().unwrap_or(self.text.len()) };
        let end = self.ends.get(at).copied().unwrap_or(self.text.len());
        self.text.get(begin..end).unwrap_or_default()
    }
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }
    /// True for `,,,` and for cells of white space alone.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
    /// What it weighs in memory, roughly.
    pub fn weight(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<usize>()
    }
    fn of(text: String) -> Cells {
        Cells { ends: vec![text.len()], text }
    }
}

impl FromIterator<String> for Cells {
    fn from_iter<I: IntoIterator<Item = String>>(cells: I) -> Cells {
        let mut all = Cells::default();
        for cell in cells {
            all.text.push_str(&cell);
            all.ends.push(all.text.len());
        }
        all
    }
}

/// What one record turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Nothing in any cell.
    Blank,
    Record(Cells),
    /// Cannot be read, and why.
    Broken(Cells, String),
}

/// One record and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The number a text editor shows beside the record's first line.
    pub number: i64,
    pub content: Content,
}

/// Splits text into records. Knows nothing of headers.
pub struct Records {
    source: Box<dyn Read + Send>,
    /// What was read and not yet handed out; the current record begins at `start`.
    buf: Vec<u8>,
    start: usize,
    ended: bool,
    /// The editor's line that `start` stands on.
    line: i64,
    core: csv_core::Reader,
    delimiter: u8,
    out: Vec<u8>,
    ends: Vec<usize>,
    /// The source is known to be sound UTF-8 or was decoded from something else.
    encoding: &'static str,
    decoded: bool,
    /// A record that is longer is rejected: most likely a quotation mark was left open.
    longest: usize,
    /// The same for people.
    longest_words: String,
}

/// Where a record's bytes end, and whether the file ended before it did.
struct Extent {
    end: usize,
    out: usize,
    ends: usize,
    cut: bool,
}

impl Records {
    pub fn new(source: Box<dyn Read + Send>, delimiter: u8, encoding: &'static str, limits: &Limits) -> Records {
        Records {
            source,
            buf: Vec::with_capacity(2 * CHUNK),
            start: 0,
            ended: false,
            line: 1,
            core: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            delimiter,
            out: vec![0; 4 << 10],
            ends: vec![0; 64],
            encoding,
            decoded: encoding != encoding_rs::UTF_8.name(),
            longest: limits.line_bytes(),
            longest_words: limits.line_words(),
        }
    }

    /// Reads on; false when there is nothing more.
    fn fill(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let old = self.buf.len();
        self.buf.resize(old + CHUNK, 0);
        let read = loop {
            match self.source.read(&mut self.buf[old..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => break other,
            }
        };
        self.buf.truncate(old + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        Ok(!self.ended)
    }

    fn byte(&mut self, at: usize) -> io::Result<Option<u8>> {
        while at >= self.buf.len() {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(self.buf.get(at).copied())
    }

    /// Excel's `sep=;` first line. It names the delimiter and is no record.
    pub fn skip_separator_line(&mut self) -> io::Result<()> {
        while self.buf.len() < 16 && self.fill()? {}
        if let Some((_, length)) = separator_line(&self.buf) {
            self.start = length;
            self.line = 2;
        }
        Ok(())
    }

    /// The next record, blank ones included.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        // Moved seldom: what is moved each time may be as long as the longest line.
        if self.start > CHUNK.max(self.buf.len() / 2) {
            self.buf.drain(..self.start);
            self.start = 0;
        }
        let number = self.line;
        let content = match self.byte(self.start)? {
            None => return Ok(None),
            // csv-core would pass over empty lines without a word.
            Some(b'\n' | b'\r') => {
                let end = self.after_break(self.start)?;
                self.advance(end);
                Content::Blank
            }
            Some(_) => self.record()?,
        };
        Ok(Some(Line { number, content }))
    }

    fn record(&mut self) -> io::Result<Content> {
        let Some(extent) = self.scan()? else { return self.overlong() };
        let raw = &self.buf[self.start..extent.end];
        let body = trim_break(raw);
        if extent.cut || body.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            let quoting = quoting(body, self.delimiter);
            let several = body.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
            if quoting == Quoting::Open {
                return self.broken("A quotation mark on this line is never closed.");
            }
            if quoting == Quoting::Muddled && several {
                return self.broken("A quotation mark on this line is not closed before other text begins.");
            }
        }
        let ends = self.ends[..extent.ends].to_vec();
        let bytes = self.out[..extent.out].to_vec();
        let (text, sound) = match String::from_utf8(bytes) {
            Ok(text) => (text, true),
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), false),
        };
        self.advance(extent.end);
        if !sound {
            // The cells' ends count bytes of the broken text; what is kept for the report is the line as one cell.
            return Ok(Content::Broken(Cells::of(shortened(&text)), self.not_in_encoding()));
        }
        let cells = Cells { text, ends };
        if self.decoded && cells.text.contains(char::REPLACEMENT_CHARACTER) {
            return Ok(Content::Broken(cells, self.not_in_encoding()));
        }
        if cells.text.contains('\0') {
            return Ok(Content::Broken(cells, "This line holds a NUL character, which text never does.".into()));
        }
        Ok(if cells.is_blank() { Content::Blank } else { Content::Record(cells) })
    }

    fn not_in_encoding(&self) -> String {
        format!(
            "This line holds bytes that are not {}. Save it in that encoding, or choose another one.",
            self.encoding
        )
    }

    /// Lets csv-core find the end of the record. `None` when it is longer than allowed.
    fn scan(&mut self) -> io::Result<Option<Extent>> {
        let (mut fed, mut out, mut ends) = (self.start, 0, 0);
        let cut = loop {
            if fed == self.buf.len() && !self.ended {
                if fed - self.start > self.longest {
                    return Ok(None);
                }
                self.fill()?;
            }
            let finished = fed == self.buf.len();
            let (result, read, wrote, ended) =
                self.core.read_record(&self.buf[fed..], &mut self.out[out..], &mut self.ends[ends..]);
            fed += read;
            out += wrote;
            ends += ended;
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull => self.out.resize(self.out.len() * 2, 0),
                csv_core::ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                csv_core::ReadRecordResult::Record | csv_core::ReadRecordResult::End => break finished,
            }
        };
        // The line break is no part of the line.
        if fed - self.start - usize::from(!cut) > self.longest {
            return Ok(None);
        }
        if !cut && self.buf[fed - 1] == b'\r' && self.byte(fed)? == Some(b'\n') {
            fed += 1;
        }
        Ok(Some(Extent { end: fed, out, ends, cut }))
    }

    /// Hands out the record's first line as one that cannot be read, and goes on with the line after it.
    fn broken(&mut self, reason: &str) -> io::Result<Content> {
        let end = match self.buf[self.start..].iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(at) => self.after_break(self.start + at)?,
            None => self.buf.len(),
        };
        let text = String::from_utf8_lossy(trim_break(&self.buf[self.start..end])).into_owned();
        let cells =
            if text.len() > self.longest { Cells::of(shortened(&text)) } else { unquoted(&text, self.delimiter) };
        self.advance(end);
        self.core.reset();
        Ok(Content::Broken(cells, reason.into()))
    }

    fn overlong(&mut self) -> io::Result<Content> {
        let line_break = self.buf[self.start..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        if line_break.is_some_and(|at| at <= self.longest) {
            let reason = format!(
                "A quotation mark on this line is not closed within {}, the longest that a line may be here.",
                self.longest_words
            );
            return self.broken(&reason);
        }
        let kept = self.buf[self.start..].iter().take(4 * KEPT).copied().collect::<Vec<u8>>();
        let kept = shortened(&String::from_utf8_lossy(&kept));
        match line_break {
            Some(at) => {
                let end = self.after_break(self.start + at)?;
                self.advance(end);
            }
            None => self.pass_over()?,
        }
        self.core.reset();
        let reason = format!("This line is longer than {}, the longest that a line may be here.", self.longest_words);
        Ok(Content::Broken(Cells::of(kept), reason))
    }

    /// Lets go of an endless line piece by piece until it ends.
    fn pass_over(&mut self) -> io::Result<()> {
        loop {
            self.start = 0;
            self.buf.clear();
            if !self.fill()? {
                return Ok(());
            }
            if let Some(at) = self.buf.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                let end = self.after_break(at)?;
                self.advance(end);
                return Ok(());
            }
        }
    }

    /// The position after the line break that stands at `at`.
    fn after_break(&mut self, at: usize) -> io::Result<usize> {
        Ok(if self.buf[at] == b'\r' && self.byte(at + 1)? == Some(b'\n') { at + 2 } else { at + 1 })
    }

    /// Moves on to `end`, counting the lines passed.
    fn advance(&mut self, end: usize) {
        let passed = &self.buf[self.start..end];
        let feeds = passed.iter().filter(|byte| **byte == b'\n').count();
        let lone = passed.iter().enumerate().filter(|(at, byte)| **byte == b'\r' && passed.get(at + 1) != Some(&b'\n'));
        self.line += (feeds + lone.count()) as i64;
        self.start = end;
    }
}

/// Whether the quotation marks of a record open and close where they should.
#[derive(Clone, Copy, PartialEq)]
enum Quoting {
    Sound,
    /// Text follows a closing mark: csv-core reads on, but over several lines it is a mark that was forgotten.
    Muddled,
    Open,
}

fn quoting(body: &[u8], delimiter: u8) -> Quoting {
    #[derive(PartialEq)]
    enum At {
        Start,
        Plain,
        Inside,
        Closed,
    }
    let (mut at, mut muddled) = (At::Start, false);
    for byte in body {
        at = match (at, *byte) {
            (At::Inside, b'"') => At::Closed,
            (At::Inside, _) => At::Inside,
            (At::Closed, b'"') => At::Inside,
            (_, byte) if byte == delimiter => At::Start,
            (At::Start, b'"') => At::Inside,
            (At::Closed, _) => {
                muddled = true;
                At::Plain
            }
            _ => At::Plain,
        };
    }
    match (at, muddled) {
        (At::Inside, _) => Quoting::Open,
        (_, true) => Quoting::Muddled,
        _ => Quoting::Sound,
    }
}

/// A line split at every delimiter, its quotation marks kept: so it can be shown, corrected and tried again.
fn unquoted(text: &str, delimiter: u8) -> Cells {
    let mut cells = Cells::default();
    for cell in text.split(char::from(delimiter)) {
        cells.text.push_str(cell);
        cells.ends.push(cells.text.len());
    }
    cells
}

fn shortened(text: &str) -> String {
    if text.chars().nth(KEPT).is_none() {
        return text.to_string();
    }
    text.chars().take(KEPT).chain(['…']).collect()
}

fn trim_break(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}

/// The delimiter that a `sep=;` line at the beginning names, and how many bytes that line takes.
pub fn separator_line(text: &[u8]) -> Option<(u8, usize)> {
    let (word, rest) = text.split_at_checked(4)?;
    let rest = word.eq_ignore_ascii_case(b"sep=").then_some(rest)?;
    let (delimiter, rest) = rest.split_first()?;
    let length = match rest {
        [b'\r', b'\n', ..] => 7,
        [b'\r' | b'\n', ..] => 6,
        _ => return None,
    };
    super::shape::DELIMITERS.contains(delimiter).then_some((*delimiter, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn read(text: &[u8], delimiter: u8) -> Vec<Line> {
        let mut records = Records::new(Box::new(Cursor::new(text.to_vec())), delimiter, "UTF-8", &Limits::default());
        let mut lines = Vec::new();
        while let Some(line) = records.next_line().unwrap() {
            lines.push(line);
        }
        lines
    }

    /// `3: a|b` for a record, `4: -` for a blank line, `5! reason` for one that cannot be read.
    fn told(text: &str) -> Vec<String> {
        read(text.as_bytes(), b',')
            .into_iter()
            .map(|line| match line.content {
                Content::Blank => format!("{}: -", line.number),
                Content::Record(cells) => format!("{}: {}", line.number, cells.iter().collect::<Vec<_>>().join("|")),
                Content::Broken(cells, reason) => {
                    format!("{}! {} ({reason})", line.number, cells.iter().collect::<Vec<_>>().join("|"))
                }
            })
            .collect()
    }

    #[test]
    fn every_kind_of_line_ending_and_none_at_the_end() {
        for ending in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "1,2", "", " , ", "3,\"x"].join(ending) + ending + "y\"" + ending + "4,5";
            let inner = format!("5: 3|x{ending}y");
            assert_eq!(told(&text), ["1: a|b", "2: 1|2", "3: -", "4: -", inner.as_str(), "7: 4|5"], "{ending:?}");
        }
        assert_eq!(told("a\r\n1\r2\n\n3"), ["1: a", "2: 1", "3: 2", "4: -", "5: 3"]);
    }

    #[test]
    fn an_open_quotation_mark_costs_its_own_line_only() {
        let told = told("1,a\n2,\"open\n3,c\n4,\"d\"\n5,\"e\nf\"\n");
        assert_eq!(told[0], "1: 1|a");
        assert!(told[1].starts_with("2! 2|\"open (A quotation mark"), "{told:?}");
        assert_eq!(told[2..], ["3: 3|c", "4: 4|d", "5: 5|e\nf"]);
    }

    #[test]
    fn an_open_quotation_mark_at_the_end_of_the_file() {
        let told = told("1,a\n2,\"open\n3,c\n");
        assert_eq!((told.len(), told[2].as_str()), (3, "3: 3|c"));
        assert!(told[1].starts_with("2! 2|\"open (A quotation mark on this line is never closed."));
        assert!(self::told("1,\"a")[0].starts_with("1! 1|\"a"));
    }

    #[test]
    fn loose_quotation_marks_within_a_line_are_read_as_spreadsheets_do() {
        assert_eq!(told("\"Bob\" Smith,5\" pipe\n"), ["1: Bob Smith|5\" pipe"]);
        assert_eq!(told("\"say \"\"hi\"\"\",\"\"\n"), ["1: say \"hi\"|"]);
    }

    #[test]
    fn memory_stays_bounded_whatever_the_file_holds() {
        let mut text = b"1,\"open\n".to_vec();
        text.extend(b"2,a line like any other\n".repeat(250_000));
        let mut records = Records::new(Box::new(Cursor::new(text)), b',', "UTF-8", &Limits::default());
        let (mut good, mut broken, mut most) = (0, 0, 0);
        while let Some(line) = records.next_line().unwrap() {
            match line.content {
                Content::Record(_) => good += 1,
                _ => broken += 1,
            }
            most = most.max(records.buf.capacity());
        }
        assert_eq!((good, broken), (250_000, 1));
        assert!(most < 4 << 20, "{most}");
        let mut endless = b"1,".to_vec();
        endless.extend(vec![b'x'; 5 << 20]);
        endless.extend(b"\n2,b\n");
        let lines = read(&endless, b',');
        assert!(
            matches!(&lines[0].content, Content::Broken(cells, reason) if cells.len() == 1 && reason.contains("1 MiB"))
        );
        assert_eq!(lines[1].number, 2);
        assert!(matches!(&lines[1].content, Content::Record(cells) if cells.get(1) == "b"));
    }

    #[test]
    fn a_line_that_is_too_long_says_so_whether_or_not_its_end_is_in_sight() {
        for over in [1, 10, 100 << 10, 3 << 20] {
            for ending in ["\n", "\r\n", ""] {
                let text = format!("1,{}{ending}", "x".repeat((1 << 20) + over));
                let all = format!("0,a\n{text}{}", if ending.is_empty() { "" } else { "2,b" });
                let lines = read(all.as_bytes(), b',');
                assert!(
                    matches!(&lines[1].content, Content::Broken(_, reason) if reason.contains("longer than 1 MiB")),
                    "{over} {ending:?}"
                );
                assert_eq!(lines.len(), if ending.is_empty() { 2 } else { 3 });
            }
        }
        for ending in ["\n", "\r\n", "\r"] {
            let just = format!("1,{}{ending}2,b", "x".repeat((1 << 20) - 2));
            assert!(read(just.as_bytes(), b',').iter().all(|line| matches!(line.content, Content::Record(_))));
        }
    }

    #[test]
    fn bytes_that_are_not_text_reject_their_line() {
        let lines = read(b"a,b\n\xff,x\nc,d\n", b',');
        assert!(matches!(&lines[1].content, Content::Broken(_, reason) if reason.contains("not UTF-8")));
        assert!(matches!(&lines[2].content, Content::Record(_)));
    }

    #[test]
    fn a_separator_line_is_recognised() {
        assert_eq!(separator_line(b"sep=;\r\na;b"), Some((b';', 7)));
        assert_eq!(separator_line(b"sep=\t\na"), Some((b'\t', 6)));
        assert_eq!(separator_line(b"Sep=|\ra"), Some((b'|', 6)));
        assert_eq!(separator_line(b"se"), None);
        assert_eq!(separator_line(b"sep=x\n"), None);
        assert_eq!(separator_line(b"separate,b\n"), None);
    }
}
