//! What there is to tell about an import: lines that were rejected, to be corrected here or taken along as a file; notes on
//! others; what it changed; and what undoing left alone. A page of each at a time.

use super::cells::{guarded, plain};
use super::changes::Changes;
use super::form::Cells;
use super::outcome::Remark as Kind;
use super::scratch::Scratch;
use super::{Import, Remark, corrections};
use crate::db::Conn;
use crate::db::schema::import_remarks;
use crate::web::stream::Broken;
use crate::workspace::Clock;
use diesel::prelude::*;
use std::collections::BTreeMap;
use std::io::Write;

/// Remarks on one page.
const PAGE: i64 = 50;

/// One page of remarks of a kind.
#[derive(Default)]
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
        if more {
            // All of a line stands on one page.
            let cut = shown.last().map_or(0, |last| last.line);
            let whole = shown.iter().filter(|remark| remark.line != cut).count();
            shown.truncate(if whole > 0 { whole } else { PAGE as usize });
        }
        let next = shown.last().filter(|_| more).map(|remark| remark.id);
        Ok(Remarks { shown, total: import.count_remarks(kind, conn)?, next, later: after > 0 })
    }

    /// By line, in the order of the file.
    pub fn lines(&self) -> Vec<&[Remark]> {
        self.shown.chunk_by(|one, other| one.line == other.line).collect()
    }
}

/// Where each list is opened.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
pub struct Place {
    /// Rejected lines after this remark, notes after that one, and so on.
    #[serde(default)]
    pub rejected: i64,
    #[serde(default)]
    pub notes: i64,
    #[serde(default)]
    pub kept: i64,
    /// Changes after this line.
    #[serde(default)]
    pub changes: i64,
}

/// Everything the page tells besides the totals.
#[derive(Default)]
pub struct Report {
    pub rejected: Remarks,
    pub notes: Remarks,
    pub kept: Remarks,
    pub changes: Changes,
    /// Lines that somebody corrected.
    pub corrected: i64,
}

impl Report {
    /// From the scratch, where it was only tried out.
    pub fn load(
        import: &Import,
        place: Place,
        clock: &Clock,
        mut scratch: Option<&mut Scratch>,
        conn: &mut Conn,
    ) -> QueryResult<Report> {
        let changes = Changes::load(import, place.changes, clock, scratch.as_deref_mut(), conn)?;
        let corrected = corrections::count(import, conn)?;
        let from = match scratch {
            Some(scratch) => &mut scratch.conn,
            None => conn,
        };
        Ok(Report {
            rejected: Remarks::load(import, Kind::REJECTED, place.rejected, from)?,
            notes: Remarks::load(import, Kind::NOTE, place.notes, from)?,
            kept: Remarks::load(import, Kind::KEPT, place.kept, from)?,
            changes,
            corrected,
        })
    }
}

/// The cells of these rejected lines, as they stood, one for each column.
pub fn records(import: &Import, lines: &[i64], conn: &mut Conn) -> QueryResult<BTreeMap<i64, Vec<String>>> {
    let rows: Vec<(i64, String)> = import_remarks::table
        .filter(import_remarks::import_id.eq(import.id))
        .filter(import_remarks::outcome.eq(Kind::REJECTED))
        .filter(import_remarks::line.eq_any(lines))
        .filter(import_remarks::record.ne(""))
        .select((import_remarks::line, import_remarks::record))
        .load(conn)?;
    Ok(rows.into_iter().map(|(line, record)| (line, cells(&record, import.plan.headers.len()))).collect())
}

fn cells(record: &str, columns: usize) -> Vec<String> {
    let mut cells: Vec<String> = serde_json::from_str(record).unwrap_or_default();
    cells.resize(columns, String::new());
    cells
}

/// The lines in which something else was typed than stood there.
pub fn corrected(mut records: BTreeMap<i64, Vec<String>>, typed: &Cells) -> Vec<(i64, Vec<String>)> {
    let mut changed = Vec::new();
    for (line, places) in typed {
        let Some(mut record) = records.remove(line) else { continue };
        let before = record.clone();
        for (at, value) in places {
            if let Some(cell) = record.get_mut(*at) {
                cell.clone_from(value);
            }
        }
        if record != before {
            changed.push((*line, record));
        }
    }
    changed
}

/// A rejected line, to be corrected.
pub struct Fix {
    pub line: i64,
    /// Why, each with the column it is about; none is the whole line.
    pub reasons: Vec<(String, String)>,
    /// What can be typed anew: place among the columns, its name, what stood there, and whether that is what is wrong.
    pub cells: Vec<(usize, String, String, bool)>,
}

impl Remarks {
    /// The rejected lines of this page.
    pub fn fixes(&self, import: &Import) -> Vec<Fix> {
        let fix = |remarks: &&[Remark]| {
            let first = remarks.first()?;
            let record = cells(&first.record, import.plan.headers.len());
            let about = |name: &str| remarks.iter().any(|remark| remark.column_name == name);
            let named = import.plan.headers.iter().zip(&import.plan.columns).enumerate();
            let wrong: Vec<usize> = named.clone().filter(|(_, (header, _))| about(header)).map(|(at, _)| at).collect();
            // Where the line as a whole is wrong, any of its cells may be.
            let whole = about("") || wrong.is_empty();
            let shown = named.filter(|(at, (_, field))| wrong.contains(at) || (whole && field.is_some()));
            Some(Fix {
                line: first.line,
                reasons: remarks.iter().map(|r| (r.column_name.clone(), r.reason.clone())).collect(),
                cells: shown
                    .map(|(at, (header, _))| {
                        let cell = record.get(at).cloned().unwrap_or_default();
                        (at, header.clone(), cell, wrong.contains(&at))
                    })
                    .collect(),
            })
        };
        self.lines().iter().filter_map(fix).collect()
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
