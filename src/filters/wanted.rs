//! What an operator wants of one value, as data: the same for a customer's own column, a custom field and a purchase.
//! A missing value is never what is wanted, so the expression made of it is true or false, never NULL.

use super::ask::any;
use super::fields::{Column, Typed, Values};
use super::moments::{Edge, Span};
use super::texts::literal;
use crate::db::nodes::{On, OneOf};
use crate::db::schema::custom_values;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamp};

diesel::define_sql_function! {
    /// The text from a place on, counted in characters from 1.
    fn substr(text: Nullable<Text>, from: Integer) -> Nullable<Text>;
}

/// From `first` to `last`, both included; open where `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Numbers {
    pub first: Option<i64>,
    pub last: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Any value at all.
    Filled,
    /// No value can be it: more decimals than are stored.
    Nothing,
    /// The folded text is one of these.
    OneOf(Vec<String>),
    /// The folded text has this in it, at its start, or at its end.
    Holds(String),
    Starts(String),
    Ends(String),
    Numbers(Numbers),
    /// In one of these.
    Times(Vec<Span>),
    /// A date whose month and day is one of these, `02-28`.
    MonthDays(Vec<String>),
}

impl Wanted {
    /// Asked of a column. A column of another type than is wanted has nothing of it.
    pub fn on<T: Table + 'static>(&self, column: Column<T>, now: NaiveDateTime) -> On<T> {
        match (self, column.values) {
            (Wanted::Filled, Values::Text(column)) => Box::new(column().is_not_null()),
            (Wanted::Filled, Values::Number(column)) => Box::new(column().is_not_null()),
            (Wanted::Filled, Values::Time(column)) => Box::new(column().is_not_null()),
            (Wanted::OneOf(values), Values::Text(column)) => one_of(column, column, values),
            (Wanted::Holds(text), Values::Text(column)) => like(column, format!("%{}%", literal(text))),
            (Wanted::Starts(text), Values::Text(column)) => starts(column, text),
            (Wanted::Ends(text), Values::Text(column)) => like(column, format!("%{}", literal(text))),
            (Wanted::Numbers(range), Values::Number(column)) => numbers(column, *range),
            (Wanted::Times(spans), Values::Time(column)) => times(column, spans, now),
            _ => never(),
        }
    }

    /// Asked of the values of a custom field.
    pub fn custom(&self, field: i64, now: NaiveDateTime) -> On<custom_values::table> {
        let column = |values| Column { name: "value", values };
        let value: On<custom_values::table> = match self {
            Wanted::Filled => return Box::new(custom_values::field_id.eq(field)),
            Wanted::MonthDays(days) => one_of(
                || Box::new(custom_values::value.nullable()),
                || Box::new(substr(custom_values::value.nullable(), 6)),
                days,
            ),
            Wanted::Numbers(_) => self.on(column(Values::Number(|| Box::new(custom_values::number))), now),
            _ => self.on(column(Values::Text(|| Box::new(custom_values::folded))), now),
        };
        Box::new(custom_values::field_id.eq(field).and(value))
    }

    /// Who came in or went out between two moments: whatever lies between where an end that moves stood and where it
    /// stands. `None` where nothing moves.
    pub fn passed(&self, from: NaiveDateTime, to: NaiveDateTime) -> Option<Wanted> {
        let Wanted::Times(spans) = self else { return None };
        let passed = |length| Span { from: Some(Edge::At(from + length)), before: Some(Edge::At(to + length)) };
        let passed: Vec<Span> = spans.iter().flat_map(Span::moving).map(passed).collect();
        (!passed.is_empty()).then_some(Wanted::Times(passed))
    }
}

fn never<T: Table + 'static>() -> On<T> {
    Box::new(false.into_sql::<Bool>())
}

/// A pattern of LIKE: SQLite is quicker at it than at its functions, PostgreSQL as well.
fn like<T: Table + 'static>(column: fn() -> Typed<T, Text>, pattern: String) -> On<T> {
    Box::new(column().is_not_null().and(column().assume_not_null().like(pattern).escape('\\')))
}

/// Folded text is compared by code points on both databases, so what begins with a text is a range that an index finds.
fn starts<T: Table + 'static>(column: fn() -> Typed<T, Text>, text: &str) -> On<T> {
    let value = || column().assume_not_null();
    let from: On<T> = Box::new(column().is_not_null().and(value().ge(text.to_string())));
    match beyond(text) {
        Some(beyond) => Box::new(from.and(value().lt(beyond))),
        None => from,
    }
}

/// The first text after all that begin with this one.
fn beyond(text: &str) -> Option<String> {
    let mut letters: Vec<char> = text.chars().collect();
    while let Some(last) = letters.pop() {
        // The code points between are no characters and in no text.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(last as u32 + 1) };
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

fn one_of<T: Table + 'static>(
    column: fn() -> Typed<T, Text>,
    left: fn() -> Typed<T, Text>,
    values: &[String],
) -> On<T> {
    Box::new(column().is_not_null().and(OneOf { left: left(), values: values.to_vec() }))
}

fn numbers<T: Table + 'static>(column: fn() -> Typed<T, BigInt>, range: Numbers) -> On<T> {
    let value = || column().assume_not_null();
    match (range.first, range.last) {
        (Some(first), Some(last)) if first == last => Box::new(column().is_not_null().and(value().eq(first))),
        (Some(first), Some(last)) => Box::new(column().is_not_null().and(value().ge(first)).and(value().le(last))),
        (Some(first), None) => Box::new(column().is_not_null().and(value().ge(first))),
        (None, Some(last)) => Box::new(column().is_not_null().and(value().le(last))),
        (None, None) => Box::new(column().is_not_null()),
    }
}

fn times<T: Table + 'static>(column: fn() -> Typed<T, Timestamp>, spans: &[Span], now: NaiveDateTime) -> On<T> {
    let value = || column().assume_not_null();
    let within = spans.iter().map(|span| span.at(now)).map(|range| -> On<T> {
        match (range.from, range.before) {
            (Some(from), Some(before)) => Box::new(value().ge(from).and(value().lt(before))),
            (Some(from), None) => Box::new(value().ge(from)),
            (None, Some(before)) => Box::new(value().lt(before)),
            (None, None) => Box::new(true.into_sql::<Bool>()),
        }
    });
    Box::new(column().is_not_null().and(any(within.collect())))
}

#[cfg(test)]
mod tests {
    use super::beyond;

    #[test]
    fn what_begins_with_a_text_ends_before_the_next_one() {
        assert_eq!(beyond("ann").as_deref(), Some("ano"));
        assert_eq!(beyond("z\u{10ffff}").as_deref(), Some("{"));
        assert_eq!(beyond("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(beyond("\u{10ffff}"), None);
        assert_eq!(beyond(""), None);
    }
}
