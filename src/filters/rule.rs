//! A filter as it travels: a tree of groups and conditions in plain words that may be wrong or unfinished.
//!
//! The three spellings (text, JSON, the builder's form) all read into and print from this. A path names a node:
//! `[0, 2]` is the third row of the group that is the root's first row; `[]` is the root, which is always a group. The
//! filter inside `purchases any where (…)` is a group as well, with the path of its condition.

use super::fields::{Field, Scope};
use std::sync::Arc;

/// How the rows of a group are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    All,
    Any,
    None,
}

impl Join {
    pub const EACH: [Join; 3] = [Join::All, Join::Any, Join::None];

    pub fn key(self) -> &'static str {
        match self {
            Join::All => "all",
            Join::Any => "any",
            Join::None => "none",
        }
    }

    pub fn parse(key: &str) -> Option<Join> {
        Join::EACH.into_iter().find(|join| join.key() == key)
    }
}

/// Lengths of time a person counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Minutes,
    Hours,
    Days,
    Weeks,
    Months,
    Years,
}

impl Unit {
    pub const EACH: [Unit; 6] = [Unit::Minutes, Unit::Hours, Unit::Days, Unit::Weeks, Unit::Months, Unit::Years];

    /// `days`; the singular is this less its last letter.
    pub fn key(self) -> &'static str {
        match self {
            Unit::Minutes => "minutes",
            Unit::Hours => "hours",
            Unit::Days => "days",
            Unit::Weeks => "weeks",
            Unit::Months => "months",
            Unit::Years => "years",
        }
    }

    /// Reads singular and plural, in any case.
    pub fn parse(word: &str) -> Option<Unit> {
        let word = word.to_lowercase();
        Unit::EACH.into_iter().find(|unit| unit.key() == word || unit.key().strip_suffix('s') == Some(&word))
    }

    /// `1 day`, `90 days`.
    pub fn after(self, count: &str) -> &'static str {
        if count.trim() == "1" { &self.key()[..self.key().len() - 1] } else { self.key() }
    }
}

/// One value as it was typed. A tag carries its id too once it was looked up.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Term {
    pub text: String,
    pub id: Option<i64>,
}

impl Term {
    pub fn text(text: impl Into<String>) -> Term {
        Term { text: text.into(), id: None }
    }
}

/// What stands in one hole of an operator's pattern (see `operators::Piece`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// `None` is a value not filled in yet, written `?`.
    One(Option<Term>),
    /// Whichever there is, instead of one by name: any campaign.
    Any,
    /// Empty is not filled in yet.
    Many(Vec<Term>),
    Unit(Unit),
    /// One word of a fixed list, such as who tagged.
    Word(&'static str),
    /// The filter over one purchase; always a group.
    Inner(Box<Rule>),
}

impl Part {
    /// Nothing was filled in yet.
    pub fn is_blank(&self) -> bool {
        matches!(self, Part::One(None)) || matches!(self, Part::Many(terms) if terms.is_empty())
    }
}

/// One row: field, operator, and a part for each hole of the operator. The field may be one that is not known
/// ([`Field::unknown`]), the operator a word that means nothing: that is told when the rule is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub field: Arc<Field>,
    pub op: String,
    pub parts: Vec<Part>,
}

impl Condition {
    /// The filter inside, of `purchases any where (…)`.
    pub fn inner(&self) -> Option<&Rule> {
        self.parts.iter().find_map(|part| match part {
            Part::Inner(rule) => Some(&**rule),
            _ => None,
        })
    }

    fn inner_mut(&mut self) -> Option<&mut Rule> {
        self.parts.iter_mut().find_map(|part| match part {
            Part::Inner(rule) => Some(&mut **rule),
            _ => None,
        })
    }
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    Group(Join, Vec<Rule>),
    Where(Condition),
}

impl Default for Rule {
    /// The empty tree.
    fn default() -> Self {
        Rule::Group(Join::All, Vec::new())
    }
}

/// SPEC 2.1 rule 8.
pub const MOST_CONDITIONS: usize = 100;
pub const DEEPEST: usize = 5;
pub const MOST_VALUES: usize = 1000;

impl Rule {
    /// True for the empty tree, which selects everybody on the customers page and cannot be saved.
    pub fn is_empty(&self) -> bool {
        matches!(self, Rule::Group(_, rows) if rows.is_empty())
    }

    /// A lone condition becomes the one row of an ALL group: the root is always a group.
    pub fn rooted(self) -> Rule {
        match self {
            Rule::Where(_) => Rule::Group(Join::All, vec![self]),
            group => group,
        }
    }

    /// The rows of a group, or of the filter inside a condition.
    pub fn rows(&self) -> Option<&[Rule]> {
        match self {
            Rule::Group(_, rows) => Some(rows),
            Rule::Where(condition) => condition.inner()?.rows(),
        }
    }

    fn rows_mut(&mut self) -> Option<&mut Vec<Rule>> {
        match self {
            Rule::Group(_, rows) => Some(rows),
            Rule::Where(condition) => condition.inner_mut()?.rows_mut(),
        }
    }

    /// How many conditions the tree holds; one with a filter inside counts as those.
    pub fn conditions(&self) -> usize {
        match self {
            Rule::Where(condition) => condition.inner().map_or(1, Rule::conditions),
            Rule::Group(_, rows) => rows.iter().map(Rule::conditions).sum(),
        }
    }

    /// How deep groups go; the root alone is 1. The filter inside a condition counts like a group.
    pub fn depth(&self) -> usize {
        match self {
            Rule::Where(condition) => condition.inner().map_or(0, Rule::depth),
            Rule::Group(_, rows) => 1 + rows.iter().map(Rule::depth).max().unwrap_or(0),
        }
    }

    pub fn at(&self, path: &[usize]) -> Option<&Rule> {
        match path {
            [] => Some(self),
            [first, rest @ ..] => self.rows()?.get(*first)?.at(rest),
        }
    }

    pub fn at_mut(&mut self, path: &[usize]) -> Option<&mut Rule> {
        match path {
            [] => Some(self),
            [first, rest @ ..] => self.rows_mut()?.get_mut(*first)?.at_mut(rest),
        }
    }

    /// Whose fields the rows at `path` name.
    pub fn scope_at(&self, path: &[usize]) -> Scope {
        let inside = (0..=path.len()).any(|length| matches!(self.at(&path[..length]), Some(Rule::Where(_))));
        if inside { Scope::Purchase } else { Scope::Customer }
    }

    /// Appends a row to the group at `path`; false if there is no group.
    pub fn push(&mut self, path: &[usize], row: Rule) -> bool {
        match self.at_mut(path).and_then(Rule::rows_mut) {
            Some(rows) => {
                rows.push(row);
                true
            }
            None => false,
        }
    }

    /// Puts a row into the group at `path`, at a place.
    pub fn insert(&mut self, path: &[usize], place: usize, row: Rule) {
        if let Some(rows) = self.at_mut(path).and_then(Rule::rows_mut) {
            rows.insert(place.min(rows.len()), row);
        }
    }

    /// Takes a row out. A group left without rows goes with it, as a person who removes its last row means.
    pub fn remove(&mut self, path: &[usize]) -> Option<Rule> {
        let (last, parent) = path.split_last()?;
        let rows = self.at_mut(parent)?.rows_mut().filter(|rows| *last < rows.len())?;
        let (taken, emptied) = (rows.remove(*last), rows.is_empty());
        if emptied && !parent.is_empty() {
            self.remove(parent);
        }
        Some(taken)
    }

    /// Moves a row one place up (-1) or down (+1) among its siblings; at an end it leaves its group.
    pub fn shift(&mut self, path: &[usize], by: isize) -> bool {
        let Some((last, parent)) = path.split_last() else { return false };
        let Some(rows) = self.at_mut(parent).and_then(Rule::rows_mut) else { return false };
        let Some(target) = last.checked_add_signed(by).filter(|target| *target < rows.len()) else {
            return self.lift(path, by);
        };
        if *last >= rows.len() {
            return false;
        }
        rows.swap(*last, target);
        true
    }

    /// Moves a row out of its group, to stand before or after it.
    fn lift(&mut self, path: &[usize], by: isize) -> bool {
        let Some((_, parent)) = path.split_last() else { return false };
        let Some((place, grandparent)) = parent.split_last().map(|(place, rest)| (*place, rest.to_vec())) else {
            return false;
        };
        // What is said of a purchase cannot be said of a customer.
        let alone = match self.at(parent) {
            Some(Rule::Group(_, rows)) => rows.len() == 1,
            _ => return false,
        };
        let Some(row) = self.remove(path) else { return false };
        if let Some(rows) = self.at_mut(&grandparent).and_then(Rule::rows_mut) {
            let target = if by > 0 && !alone { place + 1 } else { place };
            rows.insert(target.min(rows.len()), row);
        }
        true
    }

    /// Every condition with its path, in reading order; those inside another follow it.
    pub fn each_condition<'a>(&'a self, visit: &mut impl FnMut(&[usize], &'a Condition)) {
        fn walk<'a>(node: &'a Rule, path: &mut Vec<usize>, visit: &mut impl FnMut(&[usize], &'a Condition)) {
            if let Rule::Where(condition) = node {
                visit(path, condition);
            }
            for (index, row) in node.rows().into_iter().flatten().enumerate() {
                path.push(index);
                walk(row, path, visit);
                path.pop();
            }
        }
        walk(self, &mut Vec::new(), visit)
    }

    pub fn each_condition_mut(&mut self, visit: &mut impl FnMut(&mut Condition)) {
        if let Rule::Where(condition) = self {
            visit(condition);
        }
        self.rows_mut().into_iter().flatten().for_each(|row| row.each_condition_mut(visit));
    }

    /// Every value that was filled in.
    pub fn each_term_mut(&mut self, visit: &mut impl FnMut(&Condition, usize, &mut Term)) {
        match self {
            Rule::Group(_, rows) => rows.iter_mut().for_each(|row| row.each_term_mut(visit)),
            Rule::Where(condition) => {
                let frame = condition.clone();
                for (hole, part) in condition.parts.iter_mut().enumerate() {
                    match part {
                        Part::One(Some(term)) => visit(&frame, hole, term),
                        Part::Many(terms) => terms.iter_mut().for_each(|term| visit(&frame, hole, term)),
                        Part::Inner(rule) => rule.each_term_mut(visit),
                        _ => {}
                    }
                }
            }
        }
    }
}
