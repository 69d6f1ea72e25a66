//! What there is to tell about an import: lines that were rejected and notes on others, a page at a time, and the
//! rejected lines as a file to correct and import again.

use super::cells::{guarded, plain};
use super::outcome::Remark as Kind;
use super::{Import, Remark};
use crate::db::Conn;
use crate::web::stream::Broken;
use diesel::prelude::*;
use std::io::Write;

/// Remarks on one page.
const PAGE: i64 = 50;

/// One page of remarks of a kind.
pub struct Remarks {
    pub shown: Vec<Remark>,
    pub total: i64,
    /// The remark after which the next page begins.
    pub next: Option<i64>,
    /// True when this is not the first page.
    pub later: bool,
}

impl Remarks {
    fn load(import: &Import, kind: &str, after: i64, conn: &mut Conn) -> QueryResult<Remarks> {
        let mut shown = import.remarks(kind, after, PAGE + 1, conn)?;
        let more = shown.len() as i64 > PAGE;
        shown.truncate(PAGE as usize);
        let next = shown.last().filter(|_| more).map(|remark| remark.id);
        Ok(Remarks { shown, total: import.count_remarks(kind, conn)?, next, later: after > 0 })
    }
}

/// Everything the report page tells besides the totals.
pub struct Report {
    pub rejected: Remarks,
    pub notes: Remarks,
}

impl Report {
    pub fn load(import: &Import, rejected: i64, notes: i64, conn: &mut Conn) -> QueryResult<Report> {
        Ok(Report {
            rejected: Remarks::load(import, Kind::REJECTED, rejected, conn)?,
            notes: Remarks::load(import, Kind::NOTE, notes, conn)?,
        })
    }
}

/// The column that says why a line was rejected. It comes first, so that a line with cells too many or too few keeps
/// being one, instead of taking the reason for a value.
const REASON: &str = "reason";

/// Writes the rejected lines with their reasons, under the file's own header.
pub fn write_rejected(import: &Import, out: &mut dyn Write, conn: &mut Conn) -> Result<(), Broken> {
    let mut csv = csv::WriterBuilder::new().flexible(true).from_writer(out);
    let headers = &import.plan.headers;
    // A file that was corrected once already brings its old reasons along.
    let skip = usize::from(headers.first().is_some_and(|header| header == REASON));
    csv.write_field(REASON)?;
    for header in headers.iter().skip(skip) {
        csv.write_field(guarded(header).as_ref())?;
    }
    csv.write_record(None::<&[u8]>)?;
    let (mut after, mut line): (i64, Option<(i64, String, String)>) = (0, None);
    loop {
        let remarks = import.remarks(Kind::REJECTED, after, 1_000, conn)?;
        let Some(last) = remarks.last() else { break };
        after = last.id;
        for remark in remarks {
            let reason = match remark.column_name.as_str() {
                "" => remark.reason,
                column => format!("{column}: {}", remark.reason),
            };
            match &mut line {
                Some((number, reasons, _)) if *number == remark.line => {
                    reasons.push(' ');
                    reasons.push_str(&reason);
                }
                _ => {
                    let done = line.replace((remark.line, reason, remark.record));
                    write_line(done, skip, &mut csv)?;
                }
            }
        }
    }
    write_line(line, skip, &mut csv)?;
    Ok(csv.flush()?)
}

fn write_line<W: Write>(
    line: Option<(i64, String, String)>,
    skip: usize,
    csv: &mut csv::Writer<W>,
) -> Result<(), Broken> {
    let Some((_, reason, record)) = line else { return Ok(()) };
    let cells: Vec<String> = serde_json::from_str(&record).unwrap_or_default();
    csv.write_field(guarded(&reason).as_ref())?;
    for cell in cells.iter().skip(skip) {
        // As it was meant, guarded as any cell that leaves; `(clear)` stays the word it was.
        let meant = if cell.trim() == "(clear)" { cell.trim().into() } else { guarded(plain(cell)) };
        csv.write_field(meant.as_ref())?;
    }
    csv.write_record(None::<&[u8]>)?;
    Ok(())
}
