//! The waterfall as it is written beside the rows.

use super::form::spell_path;
use super::waterfall::{Fall, Step};
use std::collections::HashMap;

/// The figures of one row, for the places that wait for them.
pub struct Figures {
    pub place: String,
    pub alone: i64,
    /// `+2,118`, `−688`, `12,431` or nothing.
    pub step: String,
    /// The width of the bar out of a hundred, where some are left.
    pub bar: Option<u64>,
}

impl Figures {
    /// Bars are drawn against the most that are left after any row.
    pub fn of(falls: HashMap<Vec<usize>, Fall>) -> Vec<Figures> {
        let left = |fall: &Fall| match fall.step {
            Some(Step::Left(left)) => left,
            _ => 0,
        };
        let most = falls.values().map(left).max().unwrap_or(0).max(1);
        let mut rows: Vec<_> = falls.into_iter().collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        let count = |n: u64| crate::web::thousands(&(n as i64));
        let figures = |(path, fall): (Vec<usize>, Fall)| Figures {
            place: spell_path(&path).replace('.', "-"),
            alone: fall.alone as i64,
            step: match fall.step {
                Some(Step::Left(left)) => count(left),
                Some(Step::Adds(adds)) => format!("+{}", count(adds)),
                Some(Step::Takes(takes)) => format!("−{}", count(takes)),
                None => String::new(),
            },
            bar: match fall.step {
                Some(Step::Left(left)) => Some((left * 100).div_ceil(most)),
                _ => None,
            },
        };
        rows.into_iter().map(figures).collect()
    }
}
