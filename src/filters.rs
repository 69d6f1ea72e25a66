//! Filters: yes/no questions about one customer, as a tree of groups and conditions (SPEC 2).
//!
//! A [`Rule`] is how a filter travels and is stored: plain words that may be wrong or unfinished. [`Filter::check`] is
//! the only way from a rule to a [`Filter`], which knows the tags by id and the days by instant, and which everything
//! that needs people asks for its [`Predicate`]: list, count, export, segment. They cannot disagree.
//!
//! | room | what is in it |
//! |---|---|
//! | [`fields`], [`operators`] | the two tables: what may be asked of what |
//! | `texts`, `numbers`, `times` | what an operator [`wanted`] of one value |
//! | `taggings`, `consents`, `segments`, `campaigns`, `purchases` | what it asks of a table of its own |
//! | [`ask`] | yes/no algebra over those, and the one expression it becomes |
//! | [`sets`], [`waterfall`] | answers as sets, and the figures beside each row |
//! | [`whom`] | all who match, or the ticked ones: what is done with many is done with these |
//! | [`why`] | the same question about one customer, explained |
//! | [`rule`] | the tree as it travels; `text`, `print`, `json`, [`form`] are its spellings |
//! | [`moments`] | calendar words as instants |
//! | [`sentence`], [`builder`], `figures` | the question in words, as a form, and the figures beside it |
//! | [`caret`] | a mistake in the text form, with its place |

pub mod ask;
pub mod asked;
pub mod builder;
mod campaigns;
pub mod caret;
mod consents;
mod conversations;
pub mod fields;
mod figures;
pub mod form;
mod json;
pub mod moments;
mod names;
mod numbers;
pub mod operators;
pub mod pages;
mod print;
mod purchases;
pub mod rule;
mod segments;
pub mod sentence;
pub mod sets;
pub mod stored;
pub mod taggings;
mod text;
mod texts;
mod times;
mod values;
mod wanted;
pub mod waterfall;
pub mod whom;
pub mod why;

pub use print::print_condition;
pub use rule::Rule;
pub use segments::Instead;
pub use texts::literal;

use crate::db::Conn;
use crate::db::nodes::On;
use crate::db::schema::customers;
use crate::workspace::Clock;
use ask::{Ask, Source};
use asked::Asked;
use diesel::prelude::*;
use fields::{Field, Fields, Place, Scope};
use operators::Operator;
use rule::{Condition, DEEPEST, MOST_CONDITIONS};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use wanted::Wanted;

/// A yes/no question about one customer. A missing value answers no, so NOT means what people think.
pub type Predicate = On<customers::table>;

/// Why a spelling could not be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct Mistake {
    /// Counted in characters from 1; 0 where there is no place to point at (JSON).
    pub position: usize,
    pub message: String,
    /// The nearest known word.
    pub suggestion: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            0 => write!(f, "The filter cannot be read: {}.", self.message)?,
            position => write!(f, "At character {position}: {}.", self.message)?,
        }
        match &self.suggestion {
            Some(word) => write!(f, " Did you mean {word}?"),
            None => Ok(()),
        }
    }
}

impl Rule {
    /// Reads either spelling: JSON when it begins with `{`, the text form otherwise. Empty is the empty tree.
    pub fn read(spelling: &str, fields: &Fields) -> Result<Rule, Mistake> {
        if !spelling.trim_start().starts_with('{') {
            return text::parse(spelling, fields);
        }
        match serde_json::from_str(spelling) {
            Ok(json) => json::read(&json, fields),
            Err(error) => Err(Mistake {
                position: error.column(),
                message: format!("this is not JSON: {error}"),
                suggestion: None,
            }),
        }
    }

    pub fn from_json(json: &serde_json::Value, fields: &Fields) -> Result<Rule, Mistake> {
        json::read(json, fields)
    }

    pub fn to_json(&self) -> serde_json::Value {
        json::write(self)
    }

    /// The text form. Reading it again gives the same tree.
    pub fn to_text(&self) -> String {
        print::print(self)
    }
}

/// Something wrong with one row of a filter that reads well otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Where in the tree; see [`rule`].
    pub path: Vec<usize>,
    /// What is wrong and how to go on, for the person at the screen.
    pub words: String,
}

/// What conditions need to know besides themselves: the segments they name, and the workspace's currency.
#[derive(Clone, Debug, Default)]
pub struct Known {
    segments: segments::Segments,
    pub fields: Fields,
    /// For names of tags that are not there, one that is and was probably meant.
    nearest: HashMap<String, String>,
    /// How many decimals amounts have.
    decimals: u32,
    /// What amounts are in.
    currency: String,
}

/// A rule that was looked at: names resolved, values read, each problem on its row.
#[derive(Clone, Debug)]
pub struct Filter {
    rule: Rule,
    clock: Clock,
    known: Arc<Known>,
    /// The segment it is the filter of, if any.
    inside: Vec<i64>,
    problems: Vec<Problem>,
    /// The static segment whose members are meant, instead of a rule.
    members_of: Option<i64>,
    /// Filters that must hold too.
    also: Vec<Filter>,
}

impl Filter {
    /// Resolves names against the database and reads the values. A filter with problems selects nobody (SPEC 2.1 rule 6).
    pub fn check(rule: &Rule, conn: &mut Conn, clock: &Clock) -> QueryResult<Filter> {
        Filter::check_of(rule, None, conn, clock)
    }

    /// The same for a rule that may be the filter `of` a segment.
    pub fn check_of(rule: &Rule, of: Option<i64>, conn: &mut Conn, clock: &Clock) -> QueryResult<Filter> {
        let mut checked = Filter::check_each(vec![(rule.clone(), of)], conn, clock)?;
        Ok(checked.pop().unwrap_or_else(|| Filter::everybody(clock)))
    }

    /// The same for many rules, with as many questions as for one. A rule may be the filter `of` a segment: then it may
    /// not ask for that segment, however far behind others.
    pub fn check_each(rules: Vec<(Rule, Option<i64>)>, conn: &mut Conn, clock: &Clock) -> QueryResult<Vec<Filter>> {
        Filter::check_each_if(rules, None, conn, clock)
    }

    /// The same in a world where one segment is already what somebody wants it to be.
    pub fn check_each_if(
        rules: Vec<(Rule, Option<i64>)>,
        instead: Option<&Instead>,
        conn: &mut Conn,
        clock: &Clock,
    ) -> QueryResult<Vec<Filter>> {
        let (mut rules, of): (Vec<Rule>, Vec<Option<i64>>) =
            rules.into_iter().map(|(rule, of)| (rule.rooted(), of)).unzip();
        let known = Arc::new(names::resolve(&mut rules, instead, conn)?);
        let checked = |(rule, of): (Rule, Option<i64>)| Filter::checked(rule, of, known.clone(), clock);
        Ok(rules.into_iter().zip(of).map(checked).collect())
    }

    fn checked(rule: Rule, of: Option<i64>, known: Arc<Known>, clock: &Clock) -> Filter {
        let inside = Vec::from_iter(of);
        let mut problems = Vec::new();
        let conditions = rule.conditions();
        if conditions > MOST_CONDITIONS {
            problems.push(Problem {
                path: Vec::new(),
                words: format!("{conditions} conditions are more than the {MOST_CONDITIONS} a filter may have."),
            });
        }
        if rule.depth() > DEEPEST {
            problems.push(Problem {
                path: Vec::new(),
                words: format!("Groups may be {DEEPEST} deep, not {}.", rule.depth()),
            });
        }
        if !rule.is_empty() {
            Ground { clock, known: &known, inside: &inside }.look(&rule, &mut Vec::new(), &mut problems);
        }
        Filter { rule, clock: *clock, known, inside, problems, members_of: None, also: Vec::new() }
    }

    fn bare(members_of: Option<i64>, clock: &Clock) -> Filter {
        Filter {
            rule: Rule::default(),
            clock: *clock,
            known: Arc::default(),
            inside: Vec::new(),
            problems: Vec::new(),
            members_of,
            also: Vec::new(),
        }
    }

    /// The members of a static segment.
    pub fn members(segment_id: i64, clock: &Clock) -> Filter {
        Filter::bare(Some(segment_id), clock)
    }

    /// The empty tree.
    pub fn everybody(clock: &Clock) -> Filter {
        Filter::bare(None, clock)
    }

    /// Who matches this and `other`.
    pub fn and(mut self, other: Filter) -> Filter {
        self.problems.extend(other.problems.iter().cloned());
        self.also.push(other);
        self
    }

    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The rule with every tag named as it is called now, and by id.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// What was looked up for it.
    pub fn known(&self) -> &Known {
        &self.known
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The text form with current names: what the URL holds.
    pub fn text(&self) -> String {
        self.rule.to_text()
    }

    /// The question in words: "Tagged VIP and country is Germany".
    pub fn sentence(&self) -> String {
        sentence::plain(&self.rule)
    }

    /// The tags it names, by id: where a list has room for a few, these are the ones to show.
    pub fn tags(&self) -> Vec<i64> {
        let mut ids = Vec::new();
        self.rule.clone().each_term_mut(&mut |condition, _, term| {
            ids.extend(term.id.filter(|_| condition.field.is(fields::types::TAGS)));
        });
        ids
    }

    /// The segments it names itself, by id.
    pub fn segments(&self) -> Vec<i64> {
        let mut ids = Vec::new();
        self.rule.clone().each_term_mut(&mut |condition, _, term| {
            ids.extend(term.id.filter(|_| condition.field.is(fields::types::SEGMENTS)));
        });
        ids
    }

    fn ground(&self) -> Ground<'_> {
        Ground { clock: &self.clock, known: &self.known, inside: &self.inside }
    }

    /// What is asked, as algebra over the tables that decide.
    pub fn ask(&self) -> Ask {
        if !self.problems.is_empty() {
            return Ask::Nobody;
        }
        let own = match self.members_of {
            Some(id) => Ask::One(Source::Members(id)),
            None if self.rule.is_empty() => Ask::Everyone,
            // Checked before; what cannot be asked widens nothing.
            None => self.ground().build(&self.rule).unwrap_or(Ask::Nobody),
        };
        if self.also.is_empty() {
            return own;
        }
        Ask::All(std::iter::once(own).chain(self.also.iter().map(Filter::ask)).collect())
    }

    /// The one expression every list, count, export and segment uses.
    pub fn predicate(&self) -> Predicate {
        self.ask().predicate(self.clock.stamp())
    }
}

impl Filter {
    /// What it asks of one column of the customer's own row, of everybody it selects: whoever walks an index of that
    /// column need not look elsewhere. By the key of a field; `None` where it asks nothing.
    pub fn near(&self, key: &str) -> Option<Predicate> {
        let Place::Own(column) = self.known.fields.find(Scope::Customer, key)?.place else { return None };
        let mut asks = Vec::new();
        on_column(&self.ask(), column.name, &mut asks);
        (!asks.is_empty()).then(|| Ask::All(asks).predicate(self.clock.stamp()))
    }
}

/// The conditions on a column that must hold in any case.
fn on_column(ask: &Ask, name: &str, found: &mut Vec<Ask>) {
    match ask {
        Ask::All(asks) => asks.iter().for_each(|ask| on_column(ask, name, found)),
        Ask::One(Source::Own(column, _)) if column.name == name => found.push(ask.clone()),
        Ask::Not(inner) if matches!(&**inner, Ask::One(Source::Own(column, _)) if column.name == name) => {
            found.push(ask.clone());
        }
        _ => {}
    }
}

/// Counts who matches, by the one predicate.
pub fn count(filter: &Filter, conn: &mut Conn) -> QueryResult<i64> {
    customers::table.filter(filter.predicate()).count().get_result::<i64>(conn)
}

/// Customers without a value of this field: what a negative includes. `None` where that means nothing.
pub fn without_value(field: &Field) -> Option<Ask> {
    Some(match field.place {
        Place::Own(column) => Ask::One(Source::Own(column, Wanted::Filled)).negated(),
        Place::Custom(id) => Ask::One(Source::Values(id, Wanted::Filled)).negated(),
        Place::Channel(channel) => consents::silent(channel),
        Place::Elsewhere if field.is(fields::types::TAGS) => taggings::none(),
        Place::Elsewhere | Place::Purchase(_) => return None,
    })
}

/// The operator of a condition, or why there is none.
fn operator(condition: &Condition) -> Result<&'static Operator, String> {
    let field = &condition.field;
    if field.kind == 0 && field.key.is_empty() {
        return Err(
            "This row came incomplete. Choose a field or remove it; until then this filter selects nobody.".into()
        );
    }
    if field.kind == 0 {
        return Err(format!("There is no field {}. Choose another.", field.key));
    }
    if field.gone {
        return Err(format!(
            "The field {} was deleted. Choose another. Until then this filter selects nobody.",
            field.label
        ));
    }
    Operator::find(field, &condition.op)
        .ok_or_else(|| format!("{} cannot be asked that. Choose another operator.", field.label))
}

/// What the conditions of one filter share.
#[derive(Clone, Copy)]
struct Ground<'a> {
    clock: &'a Clock,
    known: &'a Known,
    /// The segments it is the filter of, outermost first.
    inside: &'a [i64],
}

impl<'a> Ground<'a> {
    fn asked(&self, condition: &'a Condition) -> Asked<'a> {
        let Ground { clock, known, inside } = *self;
        Asked { field: &condition.field, parts: &condition.parts, clock, known, inside }
    }

    fn ask(&self, condition: &Condition) -> Result<Ask, String> {
        operator(condition)?.ask(&self.asked(condition))
    }

    /// The algebra of a rule; an error where a row cannot be asked or a group is empty.
    fn build(&self, node: &Rule) -> Result<Ask, String> {
        match node {
            Rule::Where(condition) => self.ask(condition),
            Rule::Group(_, rows) if rows.is_empty() => Err("a group in it is empty".into()),
            Rule::Group(join, rows) => {
                Ok(Ask::joined(*join, rows.iter().map(|row| self.build(row)).collect::<Result<_, _>>()?))
            }
        }
    }

    /// What is wrong, each on its row.
    fn look(&self, node: &Rule, path: &mut Vec<usize>, problems: &mut Vec<Problem>) {
        let mut wrong = |words: String, path: &[usize]| problems.push(Problem { path: path.to_vec(), words });
        match node {
            Rule::Group(_, rows) if rows.is_empty() => wrong(
                "This group is empty. Add a condition or remove it; until then this filter selects nobody.".into(),
                path,
            ),
            Rule::Group(_, rows) => {
                for (index, row) in rows.iter().enumerate() {
                    path.push(index);
                    self.look(row, path, problems);
                    path.pop();
                }
            }
            Rule::Where(condition) => {
                let asked = self.asked(condition);
                let found = match condition.field.scope() {
                    Scope::Purchase => purchases::one(condition, &asked).map(drop),
                    Scope::Customer if condition.inner().is_some() => operator(condition).map(drop),
                    Scope::Customer => self.ask(condition).map(drop),
                };
                match (found, condition.inner()) {
                    (Err(words), _) => wrong(words, path),
                    (Ok(()), Some(inner)) => self.look(inner, path, problems),
                    (Ok(()), None) => {}
                }
            }
        }
    }
}
