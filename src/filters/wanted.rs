//! What an operator wants of one value, as data: the same for a customer's own column, a custom field and a purchase.
//! A missing value is never what is wanted, so the expression made of it is true or false, never NULL.

use super::ask::any;
use super::fields::{Column, Typed};
use super::moments::Range;
use crate::db::nodes::{On, OneOf};
use crate::db::schema::custom_values;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamp};

diesel::define_sql_function! {
    /// The text from a place on, counted in characters from 1.
    fn substr(text: Nullable<Text>, from: Integer) -> Nullable<Text>;
}

/// From `first` to `last`, both included; open where `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    pub first: Option<i64>,
    pub last: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Any value at all.
    Filled,
    /// No value can be it: more decimals than are stored.
    Nothing,
    /// The folded text is one of these.
    OneOf(Vec<String>),
    /// The folded text fits this pattern of LIKE, `\` quoting.
    Like(String),
    Numbers(Numbers),
    /// In one of these.
    Times(Vec<Range>),
    /// A date whose month and day is one of these, `02-28`.
    MonthDays(Vec<String>),
}

impl Wanted {
    /// Asked of a column. A column of another type than is wanted has nothing of it.
    pub fn on<T: Table + 'static>(self, column: Column<T>) -> On<T> {
        match (self, column) {
            (Wanted::Filled, Column::Text(column)) => Box::new(column().is_not_null()),
            (Wanted::Filled, Column::Number(column)) => Box::new(column().is_not_null()),
            (Wanted::Filled, Column::Time(column)) => Box::new(column().is_not_null()),
            (Wanted::OneOf(values), Column::Text(column)) => one_of(column, column, values),
            (Wanted::Like(pattern), Column::Text(column)) => like(column, pattern),
            (Wanted::Numbers(range), Column::Number(column)) => numbers(column, range),
            (Wanted::Times(ranges), Column::Time(column)) => times(column, ranges),
            _ => never(),
        }
    }

    /// Asked of the values of a custom field.
    pub fn custom(self, field: i64) -> On<custom_values::table> {
        let value: On<custom_values::table> = match self {
            Wanted::Filled => return Box::new(custom_values::field_id.eq(field)),
            Wanted::MonthDays(days) => one_of(
                || Box::new(custom_values::value.nullable()),
                || Box::new(substr(custom_values::value.nullable(), 6)),
                days,
            ),
            Wanted::Numbers(_) => self.on(Column::Number(|| Box::new(custom_values::number))),
            _ => self.on(Column::Text(|| Box::new(custom_values::folded))),
        };
        Box::new(custom_values::field_id.eq(field).and(value))
    }
}

fn never<T: Table + 'static>() -> On<T> {
    Box::new(false.into_sql::<Bool>())
}

fn one_of<T: Table + 'static>(
    column: fn() -> Typed<T, Text>,
    left: fn() -> Typed<T, Text>,
    values: Vec<String>,
) -> On<T> {
    Box::new(column().is_not_null().and(OneOf { left: left(), values }))
}

fn like<T: Table + 'static>(column: fn() -> Typed<T, Text>, pattern: String) -> On<T> {
    Box::new(column().is_not_null().and(column().assume_not_null().like(pattern).escape('\\')))
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

fn times<T: Table + 'static>(column: fn() -> Typed<T, Timestamp>, ranges: Vec<Range>) -> On<T> {
    let value = || column().assume_not_null();
    let within = ranges.into_iter().map(|range| -> On<T> {
        match (range.from, range.before) {
            (Some(from), Some(before)) => Box::new(value().ge(from).and(value().lt(before))),
            (Some(from), None) => Box::new(value().ge(from)),
            (None, Some(before)) => Box::new(value().lt(before)),
            (None, None) => Box::new(true.into_sql::<Bool>()),
        }
    });
    Box::new(column().is_not_null().and(any(within.collect())))
}
