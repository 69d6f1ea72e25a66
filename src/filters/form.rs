//! The builder's form: pairs of names and values, read back into the tree.
//!
//! A name is a letter and a path: `k1` is what joins the rows of the group at `[1]` (`k` the root's), `f1.0` the field of
//! the condition at `[1, 0]`, `o1.0` its operator, `v1.0:0` the value in its first hole (several times for a list), and
//! `w1.0` the field and operator it was drawn with, so that values are kept only where they still mean the same, and
//! `p1.0:0` a pasted column of values. Where a condition holds a filter of its own (`purchases any where`), `k1.0` joins
//! the rows of that. Paths only say order and nesting; gaps do no harm.

use super::campaigns;
use super::fields::types::CONSENT;
use super::fields::{Field, Fields, Scope};
use super::operators::{Input, Operator, Piece};
use super::rule::{Condition, Join, Part, Rule, Term, Unit};
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

/// What a button of the builder does, in its name: `add:1`, `group:`, `remove:1.0`, `up:2`, `down:2`, `drop:1.0:0:3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Add(Vec<usize>),
    AddGroup(Vec<usize>),
    Remove(Vec<usize>),
    Up(Vec<usize>),
    Down(Vec<usize>),
    /// Leaves out those with no value, whom a negative includes.
    Leave(Vec<usize>),
    /// Takes one value out of a list: path, hole, place in the list.
    Drop(Vec<usize>, usize, usize),
}

pub fn path_of(text: &str) -> Option<Vec<usize>> {
    match text {
        "" => Some(Vec::new()),
        text => text.split('.').map(|step| step.parse().ok()).collect(),
    }
}

pub fn spell_path(path: &[usize]) -> String {
    path.iter().map(usize::to_string).collect::<Vec<_>>().join(".")
}

impl Action {
    pub fn parse(text: &str) -> Option<Action> {
        let (verb, rest) = text.split_once(':')?;
        if verb == "drop" {
            let mut parts = rest.split(':');
            let path = path_of(parts.next()?)?;
            return Some(Action::Drop(path, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?));
        }
        let path = path_of(rest)?;
        Some(match verb {
            "add" => Action::Add(path),
            "group" => Action::AddGroup(path),
            "remove" => Action::Remove(path),
            "up" => Action::Up(path),
            "down" => Action::Down(path),
            "leave" => Action::Leave(path),
            _ => return None,
        })
    }

    /// Changes the rule; what does not fit changes nothing.
    pub fn apply(&self, rule: &mut Rule, fields: &Fields) {
        match self {
            Action::Add(path) => {
                let row = fresh(fields, rule.scope_at(path));
                rule.push(path, row);
            }
            Action::AddGroup(path) => {
                let row = fresh(fields, rule.scope_at(path));
                rule.push(path, Rule::Group(Join::Any, vec![row]));
            }
            Action::Remove(path) => {
                rule.remove(path);
            }
            Action::Up(path) => {
                rule.shift(path, -1);
            }
            Action::Down(path) => {
                rule.shift(path, 1);
            }
            Action::Leave(path) => leave(rule, path),
            Action::Drop(path, hole, place) => {
                if let Some(Rule::Where(condition)) = rule.at_mut(path)
                    && let Some(Part::Many(terms)) = condition.parts.get_mut(*hole)
                    && *place < terms.len()
                {
                    terms.remove(*place);
                }
            }
        }
    }
}

/// Beside a row, that its field has a value. In a group where a further row would widen or take away something else, the
/// two stand together in a group of their own.
fn leave(rule: &mut Rule, path: &[usize]) {
    let Some(Rule::Where(condition)) = rule.at(path) else { return };
    let filled =
        Rule::Where(Condition { field: condition.field.clone(), op: "is_not_empty".into(), parts: Vec::new() });
    let filled = if condition.field.is(CONSENT) { said(&condition.field) } else { filled };
    let Some((place, parent)) = path.split_last() else { return };
    match rule.at(parent) {
        Some(Rule::Group(Join::All, rows)) if rows.contains(&filled) => {}
        Some(Rule::Group(Join::All, _)) => rule.insert(parent, place + 1, filled),
        _ => {
            if let Some(row) = rule.at_mut(path) {
                *row = Rule::Group(Join::All, vec![row.clone(), filled]);
            }
        }
    }
}

/// Having said something about a channel.
fn said(field: &Arc<Field>) -> Rule {
    let unknown = Condition { field: field.clone(), op: "is_unknown".into(), parts: Vec::new() };
    Rule::Group(Join::None, vec![Rule::Where(unknown)])
}

/// The row a person gets who adds one: the first field, its first operator, nothing filled in.
fn fresh(fields: &Fields, scope: Scope) -> Rule {
    let field = fields.of(scope)[0].clone();
    let operator = Operator::of(&field).next();
    Rule::Where(Condition {
        op: operator.map(|operator| operator.key).unwrap_or_default().into(),
        parts: operator.map(|operator| operator.holes().map(|hole| blank(hole, fields)).collect()).unwrap_or_default(),
        field,
    })
}

fn blank(hole: &Piece, fields: &Fields) -> Part {
    match hole {
        Piece::Many(_) => Part::Many(Vec::new()),
        Piece::Unit => Part::Unit(Unit::Days),
        Piece::Word(list) => Part::Word(list[0]),
        Piece::Inner => Part::Inner(Box::new(fresh(fields, Scope::Purchase).rooted())),
        _ => Part::One(None),
    }
}

#[derive(Default)]
struct Drawn<'a> {
    join: Option<&'a str>,
    field: Option<&'a str>,
    op: Option<&'a str>,
    was: Option<&'a str>,
    values: BTreeMap<usize, Vec<&'a str>>,
    pasted: BTreeMap<usize, &'a str>,
}

/// How many rows and groups a form speaks of.
pub fn rows(pairs: &[(String, String)]) -> usize {
    let row = |name: &'_ str| -> Option<Vec<usize>> {
        let path = name.strip_prefix(['f', 'k', 'o', 'w', 'v', 'p'])?;
        path_of(path.split_once(':').map_or(path, |(path, _)| path))
    };
    pairs.iter().filter_map(|(name, _)| row(name)).collect::<HashSet<_>>().len()
}

/// Far deeper than any filter may be; what lies below is cut off and told.
const DEEPEST: usize = 16;

/// Reads the tree out of the form's pairs; other names are left alone.
pub fn read(pairs: &[(String, String)], fields: &Fields) -> Rule {
    let mut nodes: BTreeMap<Vec<usize>, Drawn> = BTreeMap::new();
    for (name, value) in pairs {
        let Some(letter) = name.chars().next().filter(char::is_ascii_lowercase) else { continue };
        let (path, hole) = match name[1..].split_once(':') {
            Some((path, hole)) => (path, hole.parse().ok()),
            None => (&name[1..], None),
        };
        let Some(mut path) = path_of(path) else { continue };
        path.truncate(DEEPEST);
        match (letter, hole) {
            ('k', None) => nodes.entry(path).or_default().join = Some(value),
            ('f', None) => nodes.entry(path).or_default().field = Some(value),
            ('o', None) => nodes.entry(path).or_default().op = Some(value),
            ('w', None) => nodes.entry(path).or_default().was = Some(value),
            ('p', Some(hole)) => drop(nodes.entry(path).or_default().pasted.insert(hole, value)),
            ('v', Some(hole)) => nodes.entry(path).or_default().values.entry(hole).or_default().push(value),
            _ => {}
        }
    }
    // What is below a row that did not come stays below it, so that the gap is told and never overlooked.
    let above: Vec<Vec<usize>> =
        nodes.keys().flat_map(|path| (1..path.len()).map(|length| path[..length].to_vec())).collect();
    for path in above {
        nodes.entry(path).or_default();
    }
    let root = nodes.get(&Vec::new()).and_then(|node| node.join).and_then(Join::parse);
    let mut rows = Reader { nodes: &nodes, fields }.children(&[], Scope::Customer);
    if root.is_none() && !rows.is_empty() {
        rows.push(incomplete());
    }
    Rule::Group(root.unwrap_or(Join::All), rows)
}

/// What stands for a row that came without what makes it one: it selects nobody and says so.
fn incomplete() -> Rule {
    Rule::Where(Condition { field: Field::unknown(""), op: String::new(), parts: Vec::new() })
}

struct Reader<'a> {
    nodes: &'a BTreeMap<Vec<usize>, Drawn<'a>>,
    fields: &'a Fields,
}

impl Reader<'_> {
    fn children(&self, path: &[usize], scope: Scope) -> Vec<Rule> {
        // Whatever is below a path follows it at once: a form of many groups is not looked through for each of them.
        self.nodes
            .range::<[usize], _>((Excluded(path), Unbounded))
            .take_while(|(place, _)| place.starts_with(path))
            .filter(|(place, _)| place.len() == path.len() + 1)
            .map(|(place, node)| match (node.field, node.join.and_then(Join::parse)) {
                // A condition may have a group inside it.
                (Some(field), _) => Rule::Where(self.condition(field, node, place, scope)),
                (None, Some(join)) => Rule::Group(join, self.children(place, scope)),
                (None, None) => incomplete(),
            })
            .collect()
    }

    fn condition(&self, name: &str, node: &Drawn, path: &[usize], scope: Scope) -> Condition {
        let op = node.op.unwrap_or_default();
        let Some(field) = self.fields.find(scope, name).cloned() else {
            return Condition { field: Field::unknown(name), op: op.to_string(), parts: Vec::new() };
        };
        let was = node.was.and_then(|was| was.split_once('/')).and_then(|(field, op)| {
            let field = self.fields.find(scope, field)?;
            Some((field, Operator::find(field, op)?))
        });
        // Another field may not have the operator that was chosen: its first one then. So has a field with only one.
        let changed = was.is_some_and(|(old, _)| **old != *field) || Operator::of(&field).count() == 1;
        let first = Operator::of(&field).next().filter(|_| changed);
        let Some(operator) = Operator::find(&field, op).or(first) else {
            return Condition { field, op: op.to_string(), parts: Vec::new() };
        };
        let part = |(index, hole): (usize, &Piece)| {
            // A value is kept where it was typed for the same type of field and into the same kind of hole.
            let kept = match was {
                Some((old, drawn)) => {
                    let before = drawn.holes().nth(index).map(kind);
                    (field.kind == old.kind || kind(hole) != "text") && before == Some(kind(hole))
                }
                None => true,
            };
            if *hole == Piece::Inner {
                let join = node.join.and_then(Join::parse).unwrap_or(Join::All);
                return match was.is_none_or(|_| kept) {
                    true => Part::Inner(Box::new(Rule::Group(join, self.children(path, Scope::Purchase)))),
                    false => blank(hole, self.fields),
                };
            }
            if !kept {
                return blank(hole, self.fields);
            }
            let values = node.values.get(&index).map(Vec::as_slice).unwrap_or_default();
            let pasted = node.pasted.get(&index).copied().unwrap_or_default();
            part(hole, values, pasted)
        };
        let parts = operator.holes().enumerate().map(part).collect();
        Condition { field, op: operator.key.into(), parts }
    }
}

fn kind(hole: &Piece) -> &'static str {
    match hole {
        Piece::One(_, input) | Piece::Many(input) => match input {
            Input::Text => "text",
            Input::Tag => "tag",
            Input::Segment => "segment",
            Input::Campaign => "campaign",
            Input::Agent => "agent",
            Input::Number | Input::Decimal => "number",
            Input::When => "when",
        },
        Piece::Unit => "unit",
        Piece::Inner => "inner",
        _ => "word",
    }
}

/// `pasted` is a column of values, one a line.
fn part(hole: &Piece, values: &[&str], pasted: &str) -> Part {
    // A value with a NUL in it is none: nobody can have it, and one of the databases cannot be asked for it.
    let filled = || values.iter().map(|value| value.trim()).filter(|value| !value.is_empty() && !value.contains('\0'));
    match hole {
        Piece::Many(_) => {
            let mut terms: Vec<Term> = Vec::new();
            let mut seen = HashSet::new();
            let lines = pasted.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('\0'));
            for value in filled().chain(lines) {
                if seen.insert(value) {
                    terms.push(Term::text(value));
                }
            }
            Part::Many(terms)
        }
        // What is none of the words that were offered is nothing: never another one in its place.
        Piece::Unit => filled().next().and_then(Unit::parse).map_or(Part::One(None), Part::Unit),
        Piece::Word(list) => {
            list.iter().find(|known| filled().next() == Some(**known)).map_or(Part::One(None), |word| Part::Word(word))
        }
        Piece::One(_, Input::Campaign) => filled().next_back().map_or(Part::One(None), campaigns::read),
        _ => Part::One(filled().next_back().map(Term::text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_form(pairs: &[(String, String)]) -> Rule {
        read(pairs, Fields::built_in())
    }

    fn pairs(form: &[(&str, &str)]) -> Vec<(String, String)> {
        form.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn a_form_with_gaps_and_groups_reads_as_its_text() {
        let rule = read_form(&pairs(&[
            ("k", "all"),
            ("f0", "tags"),
            ("o0", "contains"),
            ("v0:0", "VIP"),
            ("v0:0", ""),
            ("k10", "any"),
            ("f10.2", "country"),
            ("o10.2", "is"),
            ("v10.2:0", "SE"),
            ("f10.11", "city"),
            ("o10.11", "is_empty"),
            ("sort", "-name"),
        ]));
        assert_eq!(rule.to_text(), "tags contains VIP and (country is SE or city is empty)");
    }

    #[test]
    fn a_form_of_many_groups_is_read_in_no_time() {
        let form: Vec<_> =
            (0..60_000).map(|row| (format!("k{row}"), "all".to_string())).chain([("k".into(), "all".into())]).collect();
        let began = std::time::Instant::now();
        assert!(matches!(read_form(&form), Rule::Group(_, rows) if rows.len() == 60_000));
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }

    #[test]
    fn changing_the_field_keeps_only_what_still_means_the_same() {
        let form = |field, op| {
            read_form(&pairs(&[
                ("k", "all"),
                ("f0", field),
                ("o0", op),
                ("w0", "tags/contains"),
                ("v0:0", "VIP"),
                ("v0:0", "Staff"),
            ]))
            .to_text()
        };
        assert_eq!(form("tags", "contains_all"), "tags contains all (VIP, Staff)");
        assert_eq!(form("country", "contains"), "country contains ?");
        assert_eq!(form("created_at", "contains"), "created_at on ?");
    }

    #[test]
    fn rows_are_added_moved_and_removed_where_the_button_stands() {
        let after = |text: &str, act: &str| {
            let mut rule = Rule::read(text, Fields::built_in()).unwrap_or_default();
            if let Some(action) = Action::parse(act) {
                action.apply(&mut rule, Fields::built_in());
            }
            rule.to_text()
        };
        assert_eq!(after("", "add:"), "tags contains ?");
        assert_eq!(after("name is a", "group:"), "name is a and any (tags contains ?)");
        assert_eq!(after("name is a and (name is b or name is c)", "remove:1.0"), "name is a and any (name is c)");
        assert_eq!(after("name is a and any (name is c)", "remove:1.0"), "name is a");
        assert_eq!(after("name is a and name is b", "up:1"), "name is b and name is a");
        assert_eq!(
            after("name is a and (name is b or name is c)", "up:1.0"),
            "name is a and name is b and any (name is c)"
        );
        assert_eq!(
            after("name is a and (name is b or name is c)", "down:1.1"),
            "name is a and any (name is b) and name is c"
        );
        assert_eq!(after("tags contains (VIP, Staff)", "drop:0:0:1"), "tags contains VIP");
        assert_eq!(after("name is a", "remove:7.1"), "name is a");
    }
}
