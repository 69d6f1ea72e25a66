//! The tree drawn as a form: what the templates in `templates/filters` show. The form's names are those of `form`.

use super::fields::types::COUNTRY;
use super::fields::{FIELDS, Field};
use super::form::spell_path;
use super::operators::{Input, Operator, Piece};
use super::rule::{Condition, DEEPEST, Join, MOST_CONDITIONS, Part, Rule, Unit};
use super::sentence::{Bit, bits};
use super::{Filter, Mistake, operator, texts, times};
use crate::db::Conn;
use crate::db::schema::{customers, tags};
use crate::filters::asked::Asked;
use askama::Template;
use diesel::prelude::*;
use std::collections::HashMap;

/// The builder of one page: the form, its text, and what is wrong with it.
#[derive(Template)]
#[template(path = "filters/_builder.html")]
pub struct Builder {
    pub root: Group,
    /// The text form, or what was typed when it cannot be read.
    pub text: String,
    pub mistake: Option<Caret>,
    /// The order of the list, carried along.
    pub sort: String,
    /// What is wrong with the filter as a whole.
    pub limits: Vec<String>,
    pub full: bool,
}

/// A mistake in the text form, with the place under it.
pub struct Caret {
    pub line: String,
    /// Spaces up to the place, then a caret.
    pub mark: String,
    pub words: String,
}

impl Caret {
    pub fn under(typed: &str, mistake: &Mistake) -> Caret {
        Caret {
            line: typed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            mark: format!("{}^", " ".repeat(mistake.position.saturating_sub(1))),
            words: mistake.to_string(),
        }
    }
}

#[derive(Template)]
#[template(path = "filters/_group.html")]
pub struct Group {
    pub path: String,
    /// `2.1`, as people count.
    pub number: String,
    pub join: Join,
    pub depth: usize,
    pub rows: Vec<Row>,
    pub problem: Option<String>,
    pub index: usize,
    pub within: Join,
}

pub enum Row {
    Group(Group),
    Condition(Drawn),
}

/// One condition as it is drawn.
#[derive(Template)]
#[template(path = "filters/_condition.html")]
pub struct Drawn {
    pub path: String,
    pub number: String,
    /// `and`, `or`, or nothing before the first.
    pub joining: &'static str,
    pub field: String,
    pub op: String,
    pub fields: Vec<(&'static str, &'static str)>,
    pub operators: Vec<(&'static str, String)>,
    pub holes: Vec<Hole>,
    pub problem: Option<String>,
    /// Its only problem is that a value was not given yet.
    pub unfilled: bool,
    /// The days meant, resolved.
    pub range: Option<String>,
    /// How many customers without a value a negative includes.
    pub without: Option<i64>,
}

pub enum Hole {
    Words(&'static str),
    List { name: String, label: String, chips: Vec<Chip>, suggest: Option<&'static str>, id: String, place: String },
    Value { name: String, label: String, value: String, suggest: Option<&'static str>, id: String },
    Number { name: String, label: String, value: String },
    Day { name: String, label: String, value: String, plain: bool },
    Choice { name: String, label: String, options: Vec<(&'static str, &'static str)>, chosen: &'static str },
}

pub struct Chip {
    pub text: String,
    pub label: String,
    pub colour: String,
}

impl askama::filters::HtmlSafe for Builder {}
impl askama::filters::HtmlSafe for Group {}
impl askama::filters::HtmlSafe for Drawn {}

impl Builder {
    /// Draws a filter that could be read. Asks the database for colours and for the size of "no value".
    pub fn of(filter: &Filter, sort: &str, conn: &mut Conn) -> QueryResult<Builder> {
        let mut ids = Vec::new();
        let mut rule = filter.rule().clone();
        rule.each_term_mut(&mut |_, _, term| ids.extend(term.id));
        let colours: HashMap<i64, String> = match ids.is_empty() {
            true => HashMap::new(),
            false => tags::table
                .filter(tags::id.eq_any(ids))
                .select((tags::id, tags::colour))
                .load::<(i64, String)>(conn)?
                .into_iter()
                .collect(),
        };
        let mut pen = Pen { filter, colours, without: HashMap::new(), conn };
        let root = match filter.rule() {
            Rule::Group(join, rows) => pen.group(*join, rows, &mut Vec::new(), 0, Join::All)?,
            Rule::Where(_) => {
                pen.group(Join::All, std::slice::from_ref(filter.rule()), &mut Vec::new(), 0, Join::All)?
            }
        };
        let limits = if root.rows.is_empty() { Vec::new() } else { pen.words_at(&[]).into_iter().collect() };
        Ok(Builder {
            root,
            text: filter.text(),
            mistake: None,
            sort: sort.to_string(),
            limits,
            full: filter.rule().conditions() >= MOST_CONDITIONS,
        })
    }

    /// What was typed cannot be read: the text again, with the place marked. The rows are empty.
    pub fn mistaken(typed: &str, mistake: &Mistake, sort: &str) -> Builder {
        Builder {
            root: Group {
                path: String::new(),
                number: String::new(),
                join: Join::All,
                depth: 1,
                rows: Vec::new(),
                problem: None,
                index: 0,
                within: Join::All,
            },
            text: typed.to_string(),
            mistake: Some(Caret::under(typed, mistake)),
            sort: sort.to_string(),
            limits: Vec::new(),
            full: false,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.root.rows.is_empty()
    }
}

/// The sentence above the list.
pub fn sentence(filter: &Filter) -> Vec<Bit> {
    bits(filter.rule())
}

impl Group {
    pub fn joins(&self) -> [(&'static str, &'static str); 3] {
        [("all", "all"), ("any", "any"), ("none", "none")]
    }
    pub fn joining(&self) -> &'static str {
        joining(self.within, self.index)
    }
    fn is_join(&self, key: &str) -> bool {
        self.join.key() == key
    }
    pub fn can_nest(&self) -> bool {
        self.depth < DEEPEST
    }
    pub fn is_root(&self) -> bool {
        self.depth == 1
    }
}

fn joining(join: Join, index: usize) -> &'static str {
    match (index, join) {
        (0, _) => "",
        (_, Join::All) => "and",
        _ => "or",
    }
}

struct Pen<'a> {
    filter: &'a Filter,
    colours: HashMap<i64, String>,
    /// Customers without a value, by field: the same for every row that asks.
    without: HashMap<&'static str, i64>,
    conn: &'a mut Conn,
}

impl Pen<'_> {
    fn words_at(&self, path: &[usize]) -> Option<String> {
        self.filter.problems().iter().find(|problem| problem.path == path).map(|problem| problem.words.clone())
    }

    fn group(
        &mut self,
        join: Join,
        children: &[Rule],
        path: &mut Vec<usize>,
        index: usize,
        within: Join,
    ) -> QueryResult<Group> {
        let mut rows = Vec::with_capacity(children.len());
        for (place, child) in children.iter().enumerate() {
            path.push(place);
            rows.push(match child {
                Rule::Group(inner, rows) => Row::Group(self.group(*inner, rows, path, place, join)?),
                Rule::Where(condition) => Row::Condition(self.condition(condition, path, joining(join, place))?),
            });
            path.pop();
        }
        Ok(Group {
            path: spell_path(path),
            number: number(path),
            join,
            depth: path.len() + 1,
            rows,
            problem: if path.is_empty() { None } else { self.words_at(path) },
            index,
            within,
        })
    }

    fn condition(&mut self, condition: &Condition, path: &[usize], joining: &'static str) -> QueryResult<Drawn> {
        let mut drawn = Drawn {
            path: spell_path(path),
            number: number(path),
            joining,
            field: condition.field.clone(),
            op: condition.op.clone(),
            fields: FIELDS.iter().map(|field| (field.key, field.label)).collect(),
            operators: Vec::new(),
            holes: Vec::new(),
            problem: self.words_at(path),
            unfilled: condition.parts.iter().any(Part::is_blank),
            range: None,
            without: None,
        };
        let Some(field) = Field::find(&condition.field) else { return Ok(drawn) };
        drawn.operators = Operator::of(field).map(|operator| (operator.key, operator.words())).collect();
        let Ok((field, operator)) = operator(condition) else { return Ok(drawn) };
        drawn.holes = self.holes(field, operator, condition, path);
        let clock = self.filter.clock();
        let asked = Asked { field, parts: &condition.parts, clock, known: self.filter.known(), inside: &[] };
        if drawn.problem.is_none() {
            drawn.range = times::range_of(operator.key, &asked)
                .filter(|_| operator.key != "matches")
                .map(|range| format!("{}, {}", clock.spell(&range), clock.zone.name()));
            if operator.is_negative() {
                drawn.without = self.without(field)?;
            }
        }
        Ok(drawn)
    }

    fn without(&mut self, field: &'static Field) -> QueryResult<Option<i64>> {
        if let Some(count) = self.without.get(field.key) {
            return Ok(Some(*count));
        }
        let Some(ask) = texts::without_value(field) else { return Ok(None) };
        let count = customers::table.filter(ask.predicate()).count().get_result::<i64>(self.conn)?;
        self.without.insert(field.key, count);
        Ok(Some(count))
    }

    fn holes(&self, field: &Field, operator: &Operator, condition: &Condition, path: &[usize]) -> Vec<Hole> {
        let (mut holes, mut index) = (Vec::new(), 0);
        for (place, piece) in operator.pattern.iter().enumerate() {
            if !piece.is_hole() {
                match piece {
                    Piece::Words(words) if place > 0 => holes.push(Hole::Words(words)),
                    Piece::Days => holes.push(Hole::Words("days")),
                    _ => {}
                }
                continue;
            }
            let name = format!("v{}:{index}", spell_path(path));
            let id = format!("ahead-{}-{index}", spell_path(path).replace('.', "-"));
            let label = format!("{} {}", field.label, operator.opening());
            let part = condition.parts.get(index);
            let value = match part {
                Some(Part::One(Some(term))) => term.text.clone(),
                _ => String::new(),
            };
            holes.push(match piece {
                Piece::Many(input) => {
                    let place = format!("{}:{index}", spell_path(path));
                    let chips = self.chips(field, part);
                    Hole::List { name, label, chips, suggest: suggest(field, *input), id, place }
                }
                Piece::One(_, Input::Number | Input::Decimal) => Hole::Number { name, label, value },
                Piece::One(_, Input::When) => {
                    // A date input shows nothing for what is not a plain day, and would lose it.
                    let plain = !value.is_empty() && chrono::NaiveDate::parse_from_str(&value, "%Y-%m-%d").is_err();
                    Hole::Day { name, label, value, plain }
                }
                Piece::One(_, input) => Hole::Value { name, label, value, suggest: suggest(field, *input), id },
                Piece::Unit => Hole::Choice {
                    name,
                    label,
                    options: Unit::EACH.iter().map(|unit| (unit.key(), unit.key())).collect(),
                    chosen: match part {
                        Some(Part::Unit(unit)) => unit.key(),
                        _ => Unit::Days.key(),
                    },
                },
                Piece::Word(list) => Hole::Choice {
                    name,
                    label,
                    options: list.iter().map(|word| (*word, *word)).collect(),
                    chosen: match part {
                        Some(Part::Word(word)) => word,
                        _ => list[0],
                    },
                },
                Piece::Words(_) | Piece::Days => continue,
            });
            index += 1;
        }
        holes
    }

    fn chips(&self, field: &Field, part: Option<&Part>) -> Vec<Chip> {
        let Some(Part::Many(terms)) = part else { return Vec::new() };
        let country =
            |text: &str| rust_iso3166::from_alpha2(&text.to_uppercase()).map(|country| country.name.to_string());
        terms
            .iter()
            .map(|term| Chip {
                text: term.text.clone(),
                label: (field.kind & COUNTRY != 0)
                    .then(|| country(&term.text))
                    .flatten()
                    .unwrap_or_else(|| term.text.clone()),
                colour: term.id.and_then(|id| self.colours.get(&id)).cloned().unwrap_or_else(|| "gray".into()),
            })
            .collect()
    }
}

/// Which values can be offered while typing: tags by name, and fields with few different values.
fn suggest(field: &Field, input: Input) -> Option<&'static str> {
    match (input, field.key) {
        (Input::Tag, _) => Some("tags"),
        (Input::Segment, _) => Some("segments"),
        (Input::Text, "country") => Some("country"),
        (Input::Text, "city") => Some("city"),
        (Input::Text, "language") => Some("language"),
        _ => None,
    }
}

/// As people count, from 1.
fn number(path: &[usize]) -> String {
    path.iter().map(|step| (step + 1).to_string()).collect::<Vec<_>>().join(".")
}
