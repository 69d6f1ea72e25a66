//! The waterfall as it is written beside the rows.

use super::waterfall::{Fall, Step};
use askama::Template;
use std::collections::HashMap;

/// The figures of one row.
#[derive(Template)]
#[template(path = "filters/_figures.html")]
pub struct Figures {
    pub alone: i64,
    /// `+2,118`, `−688`, `12,431` or nothing.
    pub step: String,
    /// The width of the bar out of a hundred, where some are left.
    pub bar: Option<u64>,
}
impl askama::filters::HtmlSafe for Figures {}

impl Figures {
    /// By path. Bars are drawn against the most that are left after any row.
    pub fn of(falls: HashMap<Vec<usize>, Fall>) -> HashMap<Vec<usize>, Figures> {
        let left = |fall: &Fall| match fall.step {
            Some(Step::Left(left)) => left,
            _ => 0,
        };
        let most = falls.values().map(left).max().unwrap_or(0).max(1);
        let count = |n: u64| crate::web::thousands(&(n as i64));
        let figures = |fall: Fall| Figures {
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
        falls.into_iter().map(|(path, fall)| (path, figures(fall))).collect()
    }
}
