//! The waterfall beside a filter: for each row, how many it matches alone, and what it does to those who were left
//! before it. In an ALL group it leaves some, in an ANY group it adds some, in a NONE group it takes some away.

use super::Filter;
use super::rule::{Join, Rule};
use super::sets::{Ids, Snapshot};
use diesel::QueryResult;
use std::collections::HashMap;
use std::sync::Arc;

/// What a row does to those who came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Left(u64),
    Adds(u64),
    Takes(u64),
}

/// The figures of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fall {
    /// How many match this row by itself.
    pub alone: u64,
    /// `None` after a row that is in error: nobody is selected then, and no figure would be true.
    pub step: Option<Step>,
}

/// The figures of every row that can be asked, by path. Rows about a single purchase have none.
pub fn falls(filter: &Filter, at: &mut Snapshot) -> QueryResult<HashMap<Vec<usize>, Fall>> {
    let everyone = at.everyone(filter.clock().stamp())?;
    let mut water = Water { filter, at, everyone: everyone.clone(), falls: HashMap::new() };
    if let Rule::Group(join, rows) = filter.rule() {
        water.group(*join, rows, &mut Vec::new(), Ids::clone(&everyone))?;
    }
    Ok(water.falls)
}

struct Water<'a, 'c> {
    filter: &'a Filter,
    at: &'a mut Snapshot<'c>,
    everyone: Arc<Ids>,
    falls: HashMap<Vec<usize>, Fall>,
}

impl Water<'_, '_> {
    /// Writes the figures of the rows of a group and gives who is in it; `None` when one of them is in error. `came` are
    /// those who are left before the group.
    fn group(&mut self, join: Join, rows: &[Rule], path: &mut Vec<usize>, came: Ids) -> QueryResult<Option<Ids>> {
        let (mut left, mut within) = (came.clone(), Some(Ids::new()));
        if join == Join::All {
            within = Some(Ids::clone(&self.everyone));
        }
        for (place, row) in rows.iter().enumerate() {
            path.push(place);
            let matched = match row {
                Rule::Group(inner, rows) => self.group(*inner, rows, path, left.clone())?,
                Rule::Where(condition) => match self.filter.ground().ask(condition) {
                    Ok(ask) => Some(self.at.of(&ask, self.filter.clock().stamp())?),
                    Err(_) => None,
                },
            };
            if let Some(matched) = &matched {
                let here = &left & matched;
                let step = match join {
                    Join::All => Step::Left(here.len()),
                    Join::Any => Step::Adds(here.len()),
                    Join::None => Step::Takes(here.len()),
                };
                let fall = Fall { alone: matched.len(), step: within.is_some().then_some(step) };
                self.falls.insert(path.clone(), fall);
                match join {
                    Join::All => left = here,
                    Join::Any | Join::None => left -= here,
                }
            }
            within = match (within, matched) {
                (Some(within), Some(matched)) if join == Join::All => Some(within & matched),
                (Some(within), Some(matched)) => Some(within | matched),
                _ => None,
            };
            path.pop();
        }
        let empty = rows.is_empty();
        Ok(within.filter(|_| !empty).map(|within| if join == Join::None { &*self.everyone - within } else { within }))
    }
}
