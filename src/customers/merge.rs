//! Two customers who are one person: one stays, the other goes into her, and her old address leads there. To be undone.
//!
//! [`sides`] lays the two side by side, [`consent`] is the rule of what she agreed to, [`carry`] moves what hangs on a
//! customer, [`doing`] is the one transaction and [`undo`] its way back. [`pages`] are for the browser. A merge knows every
//! table that names a customer, so this room is above those of all other nouns, like [`bulk`](crate::bulk).

mod carry;
mod choices;
pub mod consent;
mod doing;
mod mailings;
pub mod pages;
mod sides;
mod undo;

pub use carry::{TABLES, lines_about};
pub use choices::Choices;
pub use doing::{Outcome, merge};
pub use mailings::on_the_way;
pub use sides::Sides;
pub use undo::undo;

use crate::db::Conn;
use crate::db::schema::merges;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// Merges of merges are followed so far. A longer chain is none that people made.
const LONGEST_CHAIN: usize = 100;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// The one who stays.
    Hers,
    /// The one who goes into her.
    Other,
}

/// One that happened.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = merges)]
pub struct Merge {
    pub id: i64,
    /// Who went.
    pub old_id: i64,
    /// Into whom.
    pub new_id: i64,
    pub at: NaiveDateTime,
    pub actor: String,
    /// What undoing needs to know; `None` once it was undone, or she was erased.
    kept: Option<String>,
    pub undone_at: Option<NaiveDateTime>,
}

impl Merge {
    pub fn find(id: i64, conn: &mut Conn) -> QueryResult<Option<Merge>> {
        merges::table.find(id).select(Merge::as_select()).first(conn).optional()
    }

    /// Those into this customer that can be undone, the latest first.
    pub fn into_her(id: i64, conn: &mut Conn) -> QueryResult<Vec<Merge>> {
        merges::table
            .filter(merges::new_id.eq(id))
            .filter(merges::undone_at.is_null())
            .filter(merges::kept.is_not_null())
            .order(merges::id.desc())
            .select(Merge::as_select())
            .load(conn)
    }

    /// The one that took this customer away, if one did.
    pub fn of_old(id: i64, conn: &mut Conn) -> QueryResult<Option<Merge>> {
        merges::table
            .filter(merges::old_id.eq(id))
            .filter(merges::undone_at.is_null())
            .order(merges::id.desc())
            .select(Merge::as_select())
            .first(conn)
            .optional()
    }

    /// What the one who went was called.
    pub fn called(&self) -> String {
        let kept = self.kept.as_deref().and_then(|kept| serde_json::from_str::<carry::Kept>(kept).ok());
        kept.map_or_else(|| format!("Customer {}", self.old_id), |kept| kept.called)
    }
}

/// Who this number is now: it may have gone into another, and that one into a third.
pub fn now(id: i64, conn: &mut Conn) -> QueryResult<i64> {
    let mut now = id;
    for _ in 0..LONGEST_CHAIN {
        match Merge::of_old(now, conn)? {
            Some(merge) => now = merge.new_id,
            None => break,
        }
    }
    Ok(now)
}

/// All numbers that are this customer by now, her own first.
pub fn all_numbers(id: i64, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let (mut all, mut next) = (vec![id], vec![id]);
    while !next.is_empty() && all.len() < 10_000 {
        let old: Vec<i64> = merges::table
            .filter(merges::new_id.eq_any(next))
            .filter(merges::undone_at.is_null())
            .select(merges::old_id)
            .load(conn)?;
        next = old.into_iter().filter(|old| !all.contains(old)).collect();
        all.extend(&next);
    }
    Ok(all)
}
