//! Conditions on dates and times: each is one or several half-open ranges of instants. A missing time is in none.

use super::ask::{Ask, Source};
use super::asked::Asked;
use super::fields::{Column, TimeColumn};
use super::moments::{Range, When};
use crate::db::nodes::On;
use crate::db::schema::customers;
use chrono::{Days, NaiveDateTime};
use diesel::prelude::*;

fn column(asked: &Asked) -> Result<fn() -> TimeColumn, String> {
    match asked.field.column {
        Column::Time(column) => Ok(column),
        _ => Err(format!("{} is not a time", asked.field.label)),
    }
}

fn within(column: fn() -> TimeColumn, range: Range) -> On<customers::table> {
    let from = |at: NaiveDateTime| column().assume_not_null().ge(at);
    let before = |at: NaiveDateTime| column().assume_not_null().lt(at);
    match (range.from, range.before) {
        (Some(first), Some(end)) => Box::new(column().is_not_null().and(from(first)).and(before(end))),
        (Some(first), None) => Box::new(column().is_not_null().and(from(first))),
        (None, Some(end)) => Box::new(column().is_not_null().and(before(end))),
        (None, None) => Box::new(column().is_not_null()),
    }
}

fn in_range(asked: &Asked, range: Range) -> Result<Ask, String> {
    Ok(Ask::One(Source::Own(within(column(asked)?, range))))
}

fn beyond() -> String {
    "That is outside the calendar. Use a smaller number.".into()
}

/// The range an operator means, for the line under its row; `None` where there is no single one.
pub fn range_of(operator: &str, asked: &Asked) -> Option<Range> {
    let clock = asked.clock;
    match operator {
        "on" | "not_on" => day(asked, 0).ok().map(|day| clock.days(day, day)),
        "before" => asked.when(0).ok().map(|when| clock.before(when)),
        "on_or_before" => asked.when(0).ok().map(|when| clock.on_or_before(when)),
        "after" => asked.when(0).ok().map(|when| clock.after(when)),
        "on_or_after" => asked.when(0).ok().map(|when| clock.on_or_after(when)),
        "between" | "not_between" => Some(clock.between(asked.when(0).ok()?, asked.when(1).ok()?)),
        "today" => Some(clock.days(clock.today(), clock.today())),
        "yesterday" => Some(clock.days(clock.today() - Days::new(1), clock.today() - Days::new(1))),
        "this_week" => Some(clock.week(0)),
        "last_week" => Some(clock.week(1)),
        "this_month" => Some(clock.month(0)),
        "last_month" => Some(clock.month(1)),
        "this_year" => Some(clock.year()),
        "in_the_last" | "not_in_the_last" => asked.span(0).ok().and_then(|(n, unit)| clock.in_the_last(n, unit)),
        "more_than_ago" => asked.span(0).ok().and_then(|(n, unit)| clock.more_than_ago(n, unit)),
        "in_the_next" => asked.span(0).ok().and_then(|(n, unit)| clock.in_the_next(n, unit)),
        "tagged_in_the_last" => asked.span(1).ok().and_then(|(n, unit)| clock.in_the_last(n, unit)),
        _ => None,
    }
}

fn day(asked: &Asked, hole: usize) -> Result<chrono::NaiveDate, String> {
    match asked.when(hole)? {
        When::Day(day) => Ok(day),
        When::Instant(_) => Err("Give a day, for example 2026-09-07, not a time.".into()),
    }
}

macro_rules! ranges {
    ($( $name:ident )*) => { $(
        pub fn $name(asked: &Asked) -> Result<Ask, String> {
            match range_of(stringify!($name), asked) {
                Some(range) => in_range(asked, range),
                None => Err(beyond()),
            }
        }
    )* };
}
ranges! { today yesterday this_week last_week this_month last_month this_year }

pub fn on(asked: &Asked) -> Result<Ask, String> {
    let day = day(asked, 0)?;
    in_range(asked, asked.clock.days(day, day))
}

pub fn before(asked: &Asked) -> Result<Ask, String> {
    in_range(asked, asked.clock.before(asked.when(0)?))
}

pub fn on_or_before(asked: &Asked) -> Result<Ask, String> {
    in_range(asked, asked.clock.on_or_before(asked.when(0)?))
}

pub fn after(asked: &Asked) -> Result<Ask, String> {
    in_range(asked, asked.clock.after(asked.when(0)?))
}

pub fn on_or_after(asked: &Asked) -> Result<Ask, String> {
    in_range(asked, asked.clock.on_or_after(asked.when(0)?))
}

/// Both ends included, in either order of writing only when they make sense: an empty range is an error.
pub fn between(asked: &Asked) -> Result<Ask, String> {
    let range = asked.clock.between(asked.when(0)?, asked.when(1)?);
    if range.from >= range.before {
        return Err("The first day is after the last. Until they are swapped this filter selects nobody.".into());
    }
    in_range(asked, range)
}

pub fn in_the_last(asked: &Asked) -> Result<Ask, String> {
    let (n, unit) = asked.span(0)?;
    in_range(asked, asked.clock.in_the_last(n, unit).ok_or_else(beyond)?)
}

pub fn more_than_ago(asked: &Asked) -> Result<Ask, String> {
    let (n, unit) = asked.span(0)?;
    in_range(asked, asked.clock.more_than_ago(n, unit).ok_or_else(beyond)?)
}

pub fn in_the_next(asked: &Asked) -> Result<Ask, String> {
    let (n, unit) = asked.span(0)?;
    in_range(asked, asked.clock.in_the_next(n, unit).ok_or_else(beyond)?)
}

fn anniversaries(asked: &Asked, n: u32) -> Result<Ask, String> {
    let column = column(asked)?;
    let ranges = asked.clock.anniversaries(n);
    Ok(Ask::Any(ranges.into_iter().map(|range| Ask::One(Source::Own(within(column, range)))).collect()))
}

pub fn anniversary_today(asked: &Asked) -> Result<Ask, String> {
    anniversaries(asked, 0)
}

pub fn anniversary_in_the_next(asked: &Asked) -> Result<Ask, String> {
    anniversaries(asked, asked.number(0)?)
}

pub fn is_empty(asked: &Asked) -> Result<Ask, String> {
    Ok(Ask::One(Source::Own(Box::new(column(asked)?().is_null()))))
}
