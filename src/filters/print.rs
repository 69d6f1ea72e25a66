//! The text form, printed so that reading it again gives the same tree, for every tree.

use super::operators::{Operator, Piece, is_keyword};
use super::rule::{Condition, Join, Part, Rule, Term};
use super::text::is_bare;

/// The text of a whole filter.
pub fn print(rule: &Rule) -> String {
    match rule {
        Rule::Where(condition) => print_condition(condition),
        Rule::Group(Join::All, rows) if rows.is_empty() => String::new(),
        Rule::Group(Join::All, rows) => match rows.as_slice() {
            [Rule::Where(condition)] => print_condition(condition),
            [_] => term(rule),
            rows => joined(Join::All, rows),
        },
        Rule::Group(Join::Any, rows) if rows.len() > 1 => joined(Join::Any, rows),
        group => term(group),
    }
}

fn joined(join: Join, rows: &[Rule]) -> String {
    let word = if join == Join::All { " and " } else { " or " };
    rows.iter().map(term).collect::<Vec<_>>().join(word)
}

/// A node where it must stand as one: beside an `and`, or inside parentheses.
fn term(rule: &Rule) -> String {
    match rule {
        Rule::Where(condition) => print_condition(condition),
        Rule::Group(Join::None, rows) => format!("not ({})", inside(Join::Any, rows)),
        Rule::Group(join, rows) if rows.len() > 1 => format!("({})", joined(*join, rows)),
        // Its words would not show its kind, so it is written with it.
        Rule::Group(join, rows) => format!("{} ({})", join.key(), inside(*join, rows)),
    }
}

/// The rows of a group whose kind is written before the parenthesis. `own` is the join that needs no word there.
fn inside(own: Join, rows: &[Rule]) -> String {
    match rows {
        [] => String::new(),
        [Rule::Group(join, inner)] if inner.len() > 1 && *join != Join::None => match *join == own {
            true => format!("{} ({})", join.key(), joined(*join, inner)),
            false => joined(*join, inner),
        },
        [row] => term(row),
        rows => joined(own, rows),
    }
}

/// One condition: `tags contains (VIP, Wholesale)`.
pub fn print_condition(condition: &Condition) -> String {
    let field = &condition.field;
    let Some(operator) = Operator::find(field, &condition.op) else {
        return format!("{} {} ?", field.key, condition.op.replace('_', " ")).replace("  ", " ");
    };
    let mut words = vec![field.key.to_string()];
    let mut parts = condition.parts.iter();
    let mut count = String::new();
    for piece in operator.pattern {
        words.push(match piece {
            Piece::Words(text) => text.to_string(),
            Piece::Days => super::rule::Unit::Days.after(&count).to_string(),
            _ => match parts.next() {
                Some(Part::One(Some(value))) => {
                    count = value.text.clone();
                    spell(value)
                }
                Some(Part::Many(terms)) => match terms.as_slice() {
                    [] => "?".into(),
                    [term] => spell(term),
                    terms => format!("({})", terms.iter().map(spell).collect::<Vec<_>>().join(", ")),
                },
                Some(Part::Any) => super::campaigns::ANY.into(),
                Some(Part::Unit(unit)) => unit.after(&count).to_string(),
                Some(Part::Word(word)) => word.to_string(),
                Some(Part::Inner(rule)) => format!("({})", print(rule)),
                Some(Part::One(None)) | None => "?".into(),
            },
        });
    }
    words.join(" ")
}

/// A value as it may stand: bare, or in quotes.
fn spell(term: &Term) -> String {
    let text = match (&term.text, term.id) {
        (text, Some(id)) if text.is_empty() => format!("#{id}"),
        (text, _) => text.clone(),
    };
    if !text.is_empty() && text.chars().all(is_bare) && !is_keyword(&text) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
