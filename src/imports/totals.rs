//! How many lines of a file ended in which way.

use super::outcome::Outcome;
use crate::db::Conn;
use crate::db::schema::import_lines;
use crate::each;
use diesel::dsl::count;
use diesel::prelude::*;
use std::fmt;

/// How many lines ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Totals {
    pub header: i64,
    pub blank: i64,
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub skipped: i64,
    pub rejected: i64,
}

impl Totals {
    /// Every line of the file, the header too.
    pub fn lines(&self) -> i64 {
        self.header + self.blank + self.created + self.updated + self.unchanged + self.skipped + self.rejected
    }

    /// One line more.
    pub fn count(&mut self, outcome: Outcome) {
        let sum = match outcome {
            Outcome::Blank => &mut self.blank,
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Rejected => &mut self.rejected,
        };
        *sum += 1;
    }

    /// Counts the outcomes kept for each line, looking at each once: grouping them would sort all of them in memory.
    pub fn recount(import: i64, conn: &mut Conn) -> QueryResult<Totals> {
        let of = |outcome: Outcome| count(import_lines::line).aggregate_filter(import_lines::outcome.eq(outcome.key()));
        let counted = import_lines::table.filter(import_lines::import_id.eq(import)).select((
            of(Outcome::Blank),
            of(Outcome::Created),
            of(Outcome::Updated),
            of(Outcome::Unchanged),
            of(Outcome::Skipped),
            of(Outcome::Rejected),
        ));
        let (blank, created, updated, unchanged, skipped, rejected) = each!(conn, c => counted.get_result(c))?;
        Ok(Totals { header: 1, blank, created, updated, unchanged, skipped, rejected })
    }
}

/// `21 lines = 1 header + 0 blank + 20 created + …`
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Totals { header, blank, created, updated, unchanged, skipped, rejected } = self;
        write!(
            f,
            "{} lines = {header} header + {blank} blank + {created} created + {updated} updated + {unchanged} unchanged \
             + {skipped} skipped + {rejected} rejected",
            self.lines()
        )
    }
}
