//! The tree drawn as a form: what the templates in `templates/filters` show. The form's names are those of `form`.

use super::caret::Caret;
use super::fields::types::{CHOICE, COUNTRY, MONEY, YES_NO};
use super::fields::{Field, Fields, Scope};
use super::figures::Figures;
use super::form::spell_path;
use super::operators::{Input, Operator, Piece};
use super::rule::{Condition, DEEPEST, Join, MOST_CONDITIONS, Part, Rule, Unit};
use super::sentence::{Bit, bits};
use super::sets::Snapshot;
use super::{Filter, Mistake, campaigns, times, values, waterfall, without_value};
use crate::db::schema::tags;
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
    /// What the list shows, carried along as it stands in the address.
    pub carried: Vec<(String, String)>,
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
    /// The filter over one purchase, inside its condition.
    pub inner: bool,
    /// Figures stand beside it: it is not about one purchase.
    pub counted: bool,
    /// What it does to those who are left before it; nothing where something in it is in error.
    pub figures: Option<Figures>,
}

pub enum Row {
    Group(Group),
    Condition(Box<Drawn>),
}

/// A list of more values is shown by its first ones and its size.
const CHIPS: usize = 30;

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
    /// The fields to choose from, in groups.
    pub fields: Vec<(&'static str, Vec<(String, String)>)>,
    pub operators: Vec<(&'static str, String)>,
    pub holes: Vec<Hole>,
    pub problem: Option<String>,
    /// Its only problem is that a value was not given yet.
    pub unfilled: bool,
    /// The days meant, resolved.
    pub range: Option<String>,
    /// How many customers without a value a negative includes.
    pub without: Option<i64>,
    /// The rows of the filter over one purchase.
    pub inner: Option<Group>,
    /// Nothing for a row in error, and for one about one purchase itself.
    pub figures: Option<Figures>,
}

pub enum Hole {
    Words(String),
    List { name: String, label: String, chips: Vec<Chip>, suggest: Option<String>, id: String, place: String },
    Value { name: String, label: String, value: String, suggest: Option<String>, id: String },
    Number { name: String, label: String, value: String },
    Day { name: String, label: String, value: String, plain: bool },
    Choice { name: String, label: String, options: Vec<(String, String)>, chosen: String },
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
    /// Draws a filter that could be read, with the figures beside its rows.
    pub fn of(filter: &Filter, sort: &str, at: &mut Snapshot) -> QueryResult<Builder> {
        let ids = filter.tags();
        let colours: HashMap<i64, String> = match ids.is_empty() {
            true => HashMap::new(),
            false => tags::table
                .filter(tags::id.eq_any(ids))
                .select((tags::id, tags::colour))
                .load::<(i64, String)>(&mut **at)?
                .into_iter()
                .collect(),
        };
        let figures = Figures::of(waterfall::falls(filter, at)?);
        let mut pen = Pen { filter, colours, figures, without: HashMap::new(), at };
        let root = match filter.rule() {
            Rule::Group(join, rows) => pen.group(*join, rows, &mut Vec::new(), 0, Join::All, false)?,
            Rule::Where(_) => {
                pen.group(Join::All, std::slice::from_ref(filter.rule()), &mut Vec::new(), 0, Join::All, false)?
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
            carried: Vec::new(),
        })
    }

    /// What was typed cannot be read: the text again, with the place marked. The rows are empty.
    pub fn mistaken(typed: &str, mistake: &Mistake, sort: &str, fields: &Fields) -> Builder {
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
                inner: false,
                counted: true,
                figures: None,
            },
            text: typed.to_string(),
            mistake: Some(Caret::under(typed, mistake, fields)),
            sort: sort.to_string(),
            limits: Vec::new(),
            full: false,
            carried: Vec::new(),
        }
    }

    /// Carries parameters of the address along, such as the columns shown.
    pub fn carrying(mut self, parameters: &[(&str, &str)]) -> Builder {
        let filled = parameters.iter().filter(|(_, value)| !value.is_empty());
        self.carried = filled.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        self
    }

    /// The list with another filter, everything else as it is; without one it begins anew, and no view is open.
    pub fn link(&self, filter: &str) -> String {
        let kept = self.carried.iter().filter(|(name, _)| !filter.is_empty() || name != "view");
        let mut pairs = vec![("filter", filter), ("sort", self.sort.as_str())];
        pairs.extend(kept.map(|(name, value)| (name.as_str(), value.as_str())));
        crate::web::address("/customers", &pairs)
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
        self.path.is_empty()
    }
    pub fn place(&self) -> String {
        self.path.replace('.', "-")
    }
}

impl Drawn {
    pub fn place(&self) -> String {
        self.path.replace('.', "-")
    }
}

fn joining(join: Join, index: usize) -> &'static str {
    match (index, join) {
        (0, _) => "",
        (_, Join::All) => "and",
        _ => "or",
    }
}

struct Pen<'a, 'c> {
    filter: &'a Filter,
    colours: HashMap<i64, String>,
    /// Customers without a value, by field: the same for every row that asks.
    without: HashMap<String, i64>,
    figures: HashMap<Vec<usize>, Figures>,
    at: &'a mut Snapshot<'c>,
}

impl Pen<'_, '_> {
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
        inner: bool,
    ) -> QueryResult<Group> {
        let mut rows = Vec::with_capacity(children.len());
        for (place, child) in children.iter().enumerate() {
            path.push(place);
            rows.push(match child {
                Rule::Group(inner, rows) => Row::Group(self.group(*inner, rows, path, place, join, false)?),
                Rule::Where(condition) => {
                    Row::Condition(Box::new(self.condition(condition, path, joining(join, place))?))
                }
            });
            path.pop();
        }
        Ok(Group {
            path: spell_path(path),
            number: number(path),
            join,
            depth: path.len() + 1,
            rows,
            problem: if path.is_empty() || inner { None } else { self.words_at(path) },
            index,
            within,
            inner,
            counted: self.filter.rule().scope_at(path) == Scope::Customer,
            figures: self.figures.remove(path),
        })
    }

    fn condition(&mut self, condition: &Condition, path: &mut Vec<usize>, joining: &'static str) -> QueryResult<Drawn> {
        let field = &condition.field;
        let mut drawn = Drawn {
            path: spell_path(path),
            number: number(path),
            joining,
            field: field.key.clone(),
            op: condition.op.clone(),
            fields: self.fields(field),
            operators: Operator::of(field).map(|operator| (operator.key, operator.words())).collect(),
            holes: Vec::new(),
            problem: self.words_at(path),
            unfilled: condition.parts.iter().any(Part::is_blank),
            range: None,
            without: None,
            inner: None,
            figures: self.figures.remove(path),
        };
        let Some(operator) = Operator::find(field, &condition.op) else { return Ok(drawn) };
        drawn.holes = self.holes(field, operator, condition, path);
        if let Some(Rule::Group(join, rows)) = condition.inner() {
            drawn.inner = Some(self.group(*join, rows, path, 0, Join::All, true)?);
        }
        if drawn.problem.is_none() {
            let (clock, known) = (self.filter.clock(), self.filter.known());
            drawn.range =
                times::told(operator.key, &Asked { field, parts: &condition.parts, clock, known, inside: &[] });
            if operator.is_negative() {
                drawn.without = self.without(field)?;
            }
        }
        Ok(drawn)
    }

    /// What may be chosen in the place of a field, in groups. One that was deleted stays where it was asked for.
    fn fields(&self, chosen: &Field) -> Vec<(&'static str, Vec<(String, String)>)> {
        let scope = if chosen.kind == 0 { Scope::Customer } else { chosen.scope() };
        let known = self.filter.known().fields.of(scope);
        let shown = |field: &Field| !field.gone || field == chosen;
        let named = |custom: bool| {
            let fields = known.iter().filter(|field| field.is_custom() == custom && shown(field));
            fields.map(|field| (field.key.clone(), field.label.clone())).collect::<Vec<_>>()
        };
        let mut groups = vec![("", named(false)), ("Custom fields", named(true))];
        if chosen.kind == 0 {
            groups.push(("Not known", vec![(chosen.key.clone(), chosen.label.clone())]));
        }
        groups.retain(|(_, fields)| !fields.is_empty());
        groups
    }

    fn without(&mut self, field: &Field) -> QueryResult<Option<i64>> {
        if let Some(count) = self.without.get(&field.key) {
            return Ok(Some(*count));
        }
        let Some(ask) = without_value(field) else { return Ok(None) };
        let count = self.at.size(&ask, self.filter.clock().stamp())?;
        self.without.insert(field.key.clone(), count);
        Ok(Some(count))
    }

    fn holes(&self, field: &Field, operator: &Operator, condition: &Condition, path: &[usize]) -> Vec<Hole> {
        let (mut holes, mut index) = (Vec::new(), 0);
        for (place, piece) in operator.pattern.iter().enumerate() {
            if !piece.is_hole() {
                match piece {
                    Piece::Words(words) if place > 0 => holes.push(Hole::Words(words.to_string())),
                    Piece::Days => holes.push(Hole::Words("days".into())),
                    _ => {}
                }
                continue;
            }
            let name = format!("v{}:{index}", spell_path(path));
            let id = format!("ahead-{}-{index}", spell_path(path).replace('.', "-"));
            let label = format!("{} {}", field.label, operator.opening());
            let option = |word: &str| (word.to_string(), word.to_string());
            let part = condition.parts.get(index);
            let value = match part {
                part if matches!(piece, Piece::One(_, Input::Campaign)) => campaigns::typed(part),
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
                // A choice is chosen; one that is not offered (any more) stays in its place, with its problem.
                Piece::One(..) if field.is(CHOICE) => {
                    let known = field.choices.contains(&value);
                    let other = Some(&value).filter(|_| !known).into_iter();
                    let options = other.chain(&field.choices).map(|choice| option(choice)).collect();
                    Hole::Choice { name, label, options, chosen: value }
                }
                Piece::One(_, input) => Hole::Value { name, label, value, suggest: suggest(field, *input), id },
                Piece::Unit => Hole::Choice {
                    name,
                    label,
                    options: Unit::EACH.iter().map(|unit| option(unit.key())).collect(),
                    chosen: match part {
                        Some(Part::Unit(unit)) => unit.key().into(),
                        _ => Unit::Days.key().into(),
                    },
                },
                Piece::Word(list) => Hole::Choice {
                    name,
                    label,
                    options: list.iter().map(|word| option(word)).collect(),
                    chosen: match part {
                        Some(Part::Word(word)) => word.to_string(),
                        _ => list[0].into(),
                    },
                },
                Piece::Words(_) | Piece::Days | Piece::Inner => continue,
            });
            index += 1;
        }
        if field.is(MONEY) && holes.iter().any(|hole| matches!(hole, Hole::Number { .. })) {
            holes.push(Hole::Words(self.filter.known().currency.clone()));
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
                label: field.is(COUNTRY).then(|| country(&term.text)).flatten().unwrap_or_else(|| term.text.clone()),
                colour: term.id.and_then(|id| self.colours.get(&id)).cloned().unwrap_or_else(|| "gray".into()),
            })
            .collect()
    }
}

/// Which values can be offered while typing: tags, segments and campaigns by name, and fields with few different values.
fn suggest(field: &Field, input: Input) -> Option<String> {
    match input {
        Input::Tag => Some("tags".into()),
        Input::Segment => Some("segments".into()),
        Input::Campaign => Some("campaigns".into()),
        Input::Agent => Some("agents".into()),
        Input::Text if values::OFFERED.contains(&field.key.as_str()) => Some(field.key.clone()),
        Input::Text if field.is_custom() && !field.is(YES_NO) => Some(field.key.clone()),
        _ => None,
    }
}

/// As people count, from 1.
fn number(path: &[usize]) -> String {
    path.iter().map(|step| (step + 1).to_string()).collect::<Vec<_>>().join(".")
}
