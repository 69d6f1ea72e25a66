//! How many lines of a file ended in which way.

use super::outcome::Outcome;
use crate::db::Conn;
use crate::db::schema::import_lines;
use diesel::dsl::count_star;
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

    /// Counts the outcomes kept for each line.
    pub fn recount(import: i64, conn: &mut Conn) -> QueryResult<Totals> {
        let counted: Vec<(String, i64)> = import_lines::table
            .filter(import_lines::import_id.eq(import))
            .group_by(import_lines::outcome)
            .select((import_lines::outcome, count_star()))
            .load(conn)?;
        let of = |of: Outcome| counted.iter().find(|(outcome, _)| outcome == of.key()).map_or(0, |(_, n)| *n);
        Ok(Totals {
            header: 1,
            blank: of(Outcome::Blank),
            created: of(Outcome::Created),
            updated: of(Outcome::Updated),
            unchanged: of(Outcome::Unchanged),
            skipped: of(Outcome::Skipped),
            rejected: of(Outcome::Rejected),
        })
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
