//! The question in words, exactly as it is asked: "Tagged **VIP** and (country is **Sweden** or without city)".

use super::fields::Field;
use super::fields::types::COUNTRY;
use super::moments::When;
use super::operators::{Input, Operator, Piece};
use super::rule::{Condition, Join, Part, Rule, Term};

/// A piece of a sentence; values are strong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bit {
    pub text: String,
    pub strong: bool,
}

/// The sentence as one string.
pub fn plain(rule: &Rule) -> String {
    bits(rule).into_iter().map(|bit| bit.text).collect()
}

/// The sentence, its values marked. Begins with a capital and ends without a full stop.
pub fn bits(rule: &Rule) -> Vec<Bit> {
    let mut said = Said(Vec::new());
    match rule {
        rule if rule.is_empty() => said.word("everybody"),
        Rule::Group(Join::None, _) | Rule::Where(_) => said.node(rule),
        Rule::Group(join, rows) => said.rows(*join, rows),
    }
    let Said(mut bits) = said;
    if let Some(first) = bits.first_mut() {
        let mut letters = first.text.chars();
        first.text = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default() + letters.as_str();
    }
    bits
}

struct Said(Vec<Bit>);

impl Said {
    fn push(&mut self, text: &str, strong: bool) {
        match self.0.last_mut() {
            Some(last) if last.strong == strong => last.text.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push(Bit { text: text.to_string(), strong }),
        }
    }

    fn word(&mut self, text: &str) {
        self.push(text, false)
    }

    fn rows(&mut self, join: Join, rows: &[Rule]) {
        let word = if join == Join::All { " and " } else { " or " };
        for (index, row) in rows.iter().enumerate() {
            match index {
                0 => {}
                // Three and more read better with commas; the last joining word says what holds.
                _ if rows.len() > 2 && index + 1 < rows.len() => self.word(", "),
                _ => self.word(word),
            }
            self.node(row);
        }
    }

    fn node(&mut self, rule: &Rule) {
        match rule {
            Rule::Where(condition) => self.condition(condition),
            Rule::Group(_, rows) if rows.is_empty() => self.word("…"),
            Rule::Group(Join::None, rows) => {
                self.word("not (");
                self.rows(Join::Any, rows);
                self.word(")");
            }
            Rule::Group(_, rows) if rows.len() == 1 => self.node(&rows[0]),
            Rule::Group(join, rows) => {
                self.word("(");
                self.rows(*join, rows);
                self.word(")");
            }
        }
    }

    fn condition(&mut self, condition: &Condition) {
        let field = &*condition.field;
        let Some(operator) = Operator::find(field, &condition.op) else {
            return self.word(&super::print_condition(condition));
        };
        let holes: Vec<&Piece> = operator.holes().collect();
        let mut rest = operator.say;
        while let Some(open) = rest.find('{') {
            self.word(&rest[..open]);
            let close = rest[open..].find('}').map_or(rest.len(), |at| open + at);
            match &rest[open + 1..close] {
                "f" => self.word(&field.spoken),
                hole => {
                    let (index, both) = match hole.strip_suffix('&') {
                        Some(index) => (index, " and "),
                        None => (hole, " or "),
                    };
                    let index = index.parse::<usize>().unwrap_or(0);
                    self.part(field, holes.get(index).copied(), condition.parts.get(index), both, condition);
                }
            }
            rest = rest.get(close + 1..).unwrap_or_default();
        }
        self.word(rest);
    }

    fn part(&mut self, field: &Field, hole: Option<&Piece>, part: Option<&Part>, both: &str, whole: &Condition) {
        match part {
            Some(Part::One(Some(term))) => self.push(&spoken(field, hole, term), true),
            Some(Part::Many(terms)) if !terms.is_empty() => {
                // A long list is told by its size: the builder below shows the values.
                let shown = if terms.len() > 6 { 5 } else { terms.len() };
                for (index, term) in terms[..shown].iter().enumerate() {
                    if index > 0 {
                        self.word(if index + 1 == terms.len() { both } else { ", " });
                    }
                    self.push(&spoken(field, hole, term), true);
                }
                if shown < terms.len() {
                    self.word(&format!("{both}{} others", terms.len() - shown));
                }
            }
            Some(Part::Unit(unit)) => {
                let count = whole.parts.iter().rev().find_map(|part| match part {
                    Part::One(Some(term)) => Some(term.text.as_str()),
                    _ => None,
                });
                self.push(&format!("\u{200b}{}", unit.after(count.unwrap_or_default())).replace('\u{200b}', ""), true)
            }
            Some(Part::Any) => self.push(super::campaigns::ANY_OF_THEM, true),
            Some(Part::Word(word)) => self.push(word, true),
            Some(Part::Inner(rule)) => match &**rule {
                rule if rule.is_empty() => self.push("…", true),
                Rule::Group(join, rows) if *join != Join::None => self.rows(*join, rows),
                rule => self.node(rule),
            },
            _ => self.push("…", true),
        }
    }
}

fn spoken(field: &Field, hole: Option<&Piece>, term: &Term) -> String {
    let input = match hole {
        Some(Piece::One(_, input)) | Some(Piece::Many(input)) => *input,
        _ => Input::Text,
    };
    let text = term.text.trim();
    if input == Input::When
        && let Some(When::Day(day)) = When::parse(text)
    {
        return day.format("%-d %b %Y").to_string();
    }
    if field.kind & COUNTRY != 0
        && let Some(country) = rust_iso3166::from_alpha2(&text.to_uppercase())
    {
        return country.name.to_string();
    }
    text.to_string()
}
