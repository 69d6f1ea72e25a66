//! What becomes of a line: exactly one outcome, and what is worth telling about it.

use super::difference::Difference;
use super::lines::Fault;
use super::plan::Plan;
use super::reader::Cells;

/// What became of a line. Exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Blank,
    Created,
    Updated,
    Unchanged,
    Skipped,
    Rejected,
}

impl Outcome {
    pub fn key(self) -> &'static str {
        match self {
            Outcome::Blank => "blank",
            Outcome::Created => "created",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
            Outcome::Skipped => "skipped",
            Outcome::Rejected => "rejected",
        }
    }
}

/// How much of a cell the report repeats.
const SHOWN: usize = 200;

/// Something worth telling about a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    pub kind: &'static str,
    pub column: String,
    pub value: String,
    pub reason: String,
    /// The cells as they stood, as JSON; kept once for each rejected line.
    pub record: String,
}

impl Remark {
    pub const REJECTED: &'static str = "rejected";
    /// On a line that landed.
    pub const NOTE: &'static str = "note";
    /// On one that was not undone, or not wholly.
    pub const KEPT: &'static str = "kept";

    /// About one cell of a line that landed, or about the whole of it.
    pub fn note(cells: &Cells, at: Option<usize>, reason: String, plan: &Plan) -> Remark {
        Remark {
            kind: Remark::NOTE,
            column: at.and_then(|at| plan.headers.get(at)).cloned().unwrap_or_default(),
            value: at.map(|at| shown(cells.get(at))).unwrap_or_default(),
            reason,
            record: String::new(),
        }
    }
}

/// A line and what became of it.
#[derive(Clone, Debug)]
pub struct Settled {
    pub number: i64,
    pub outcome: Outcome,
    /// Whom it was about.
    pub customer: Option<i64>,
    pub remarks: Vec<Remark>,
    /// What it changed about somebody who was there.
    pub changes: Vec<Difference>,
}

impl Settled {
    /// With nothing to tell.
    pub fn plain(number: i64, outcome: Outcome) -> Settled {
        Settled { number, outcome, customer: None, remarks: Vec::new(), changes: Vec::new() }
    }
}

/// A line that was rejected, each of its faults told; the first remark keeps the record.
pub fn rejected(number: i64, cells: &Cells, faults: &[Fault], plan: &Plan) -> Settled {
    let mut record = serde_json::to_string(&cells.iter().collect::<Vec<_>>()).unwrap_or_default();
    let remarks = faults
        .iter()
        .map(|fault| Remark {
            kind: Remark::REJECTED,
            column: plan.headers.get(fault.at).cloned().unwrap_or_default(),
            value: shown(cells.get(fault.at)),
            reason: fault.reason.clone(),
            record: std::mem::take(&mut record),
        })
        .collect();
    Settled { remarks, ..Settled::plain(number, Outcome::Rejected) }
}

/// A line that cannot be read as a record.
pub fn broken(number: i64, cells: &Cells, reason: &str, plan: &Plan) -> Settled {
    let mut settled = rejected(number, cells, &[Fault { at: usize::MAX, reason: reason.into() }], plan);
    for remark in &mut settled.remarks {
        remark.value = shown(&cells.iter().collect::<Vec<_>>().join(" "));
    }
    settled
}

fn shown(cell: &str) -> String {
    // Visible, and PostgreSQL keeps no NUL.
    let cell = cell.replace('\0', "\u{2400}");
    match cell.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &cell[..at]),
        None => cell,
    }
}
