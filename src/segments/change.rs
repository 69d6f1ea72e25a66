//! What a segment would be if it were saved: who joins and who leaves, and what else changes with it. All of it is
//! answered from one snapshot, so that the figures add up.

use super::Segment;
use super::followers::Followers;
use super::pins::{self, Failure};
use crate::agents::Caller;
use crate::customers::list::{List, Page, Row, Sort};
use crate::filters::rule::{DEEPEST, Join};
use crate::filters::sets::{Ids, Snapshot};
use crate::filters::{Filter, Instead, Rule, stored};
use crate::web;
use crate::workspace::{Clock, Workspace};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use diesel::QueryResult;
use sha2::{Digest, Sha256};

/// How many are named.
const NAMES: i64 = 50;

/// A segment as somebody wants to save it, its filter already found to be sound.
#[derive(Clone, Copy)]
pub struct Proposal<'a> {
    pub segment: &'a Segment,
    /// `None` for a static one: who is in it stays as it is.
    pub filter: Option<&'a Filter>,
    pub private: bool,
}

impl Proposal<'_> {
    /// True when somebody else than the segment's page would notice: another name alone changes nobody.
    pub fn changes(&self) -> bool {
        let asks = self.filter.map(|filter| filter.rule().to_json().to_string());
        self.private != self.segment.private || (asks.is_some() && asks != self.segment.filter)
    }

    /// Stands for what was looked at: a form that carries it has seen this very change of this very version.
    pub fn mark(&self) -> String {
        let asks = self.filter.map(|filter| filter.rule().to_json().to_string()).unwrap_or_default();
        let seen = format!("{} {} {} {asks}", self.segment.id, self.segment.version, self.private);
        BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(seen.as_bytes())[..12])
    }
}

/// Those who join, or leave.
#[derive(Default)]
pub struct Moves {
    pub count: i64,
    /// The first of them by name, where somebody asked for names.
    pub named: Vec<Row>,
    /// All of them, as a list of customers.
    pub link: Option<String>,
}

/// The whole difference.
pub struct Change {
    pub before: i64,
    pub after: i64,
    pub stay: i64,
    pub join: Moves,
    pub leave: Moves,
    pub followers: Followers,
    /// Pinned examples that would not hold.
    pub failures: Vec<Failure>,
    /// Whether names were asked for.
    pub named: bool,
}

impl Change {
    pub fn of(
        proposal: &Proposal,
        names: bool,
        caller: &Caller,
        at: &mut Snapshot,
        clock: &Clock,
    ) -> QueryResult<Change> {
        let Proposal { segment, filter, private } = *proposal;
        let old = segment.filter(at, clock)?;
        let new = filter.unwrap_or(&old);
        let (before, after) = (at.matching(&old)?, at.matching(new)?);
        let (join, leave) = (&after - &before, &before - &after);
        let instead = Instead { id: segment.id, rule: filter.map(|filter| filter.rule().clone()), private };
        let failing = pins::failing_if(segment.id, new, at)?;
        let failures = failing.into_iter().map(|pin| Failure::of(pin, new, at)).collect::<QueryResult<_>>()?;
        Ok(Change {
            before: before.len() as i64,
            after: after.len() as i64,
            stay: before.intersection_len(&after) as i64,
            join: Moves::of(&join, new, &old, names, at)?,
            leave: Moves::of(&leave, &old, new, names, at)?,
            followers: Followers::of(segment, &instead, caller, at, clock)?,
            failures,
            named: names,
        })
    }

    /// What the button says that saves it.
    pub fn verb(&self) -> String {
        match (self.join.count, self.leave.count) {
            (0, 0) => "Save: nobody joins or leaves".into(),
            (join, 0) => format!("Save: {}", some(join, "join")),
            (0, leave) => format!("Save: {}", some(leave, "leave")),
            (join, leave) => format!("Save: {}, {}", some(join, "join"), some(leave, "leave")),
        }
    }

    /// What the button says that saves it against pinned examples.
    pub fn although(&self) -> String {
        let facts: Vec<String> = self.failures.iter().map(|failure| failure.pin.fact()).collect();
        format!("Save although {}", facts.join(" and "))
    }

    /// The customers of those examples, as the button sends them.
    pub fn failing(&self) -> String {
        let ids: Vec<String> = self.failures.iter().map(|failure| failure.pin.customer_id.to_string()).collect();
        ids.join(",")
    }

    /// Where the parts of the bar begin and how wide they are, of 600.
    pub fn bars(&self) -> Vec<(&'static str, f64, f64)> {
        let parts = [("v", self.stay), ("b-new", self.join.count), ("b-bad", self.leave.count)];
        let all = parts.iter().map(|(_, count)| *count).sum::<i64>().max(1) as f64;
        let mut from = 0.0;
        let mut bars = Vec::new();
        for (class, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
            let width = count as f64 / all * 600.0;
            bars.push((class, from, width));
            from += width;
        }
        bars
    }
}

impl Moves {
    /// Those in `ids`, who are in `inside` and not in `outside`.
    fn of(ids: &Ids, inside: &Filter, outside: &Filter, names: bool, at: &mut Snapshot) -> QueryResult<Moves> {
        Ok(Moves {
            count: ids.len() as i64,
            named: if names { first_by_name(ids, at)? } else { Vec::new() },
            link: all_of(inside, outside).filter(|_| !ids.is_empty()),
        })
    }

    /// How many more there are than are named.
    pub fn more(&self) -> i64 {
        self.count - self.named.len() as i64
    }
}

/// `1 joins`, `2,431 join`.
fn some(count: i64, verb: &str) -> String {
    format!("{} {verb}{}", web::thousands(&count), if count == 1 { "s" } else { "" })
}

/// The first of a set, by name.
pub fn first_by_name(ids: &Ids, at: &mut Snapshot) -> QueryResult<Vec<Row>> {
    let now = Workspace::load(at)?.clock().stamp();
    Ok(List::load_from(ids, || None, &Page::first(Sort::kept("name"), NAMES), now, at)?.rows)
}

/// The list of customers that are in one filter and not in another, where it can be spelled as an address.
pub fn all_of(inside: &Filter, outside: &Filter) -> Option<String> {
    let spelled = |filter: &Filter| !filter.rule().is_empty() && filter.problems().is_empty();
    if !spelled(inside) || !spelled(outside) {
        return None;
    }
    let without = Rule::Group(Join::None, vec![outside.rule().clone()]);
    let rule = Rule::Group(Join::All, vec![inside.rule().clone(), without]);
    let text = rule.to_text();
    (rule.depth() <= DEEPEST && !stored::is_long(&text)).then(|| web::address("/customers", &[("filter", &text)]))
}
