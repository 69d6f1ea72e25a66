//! Conditions on dates and times. Both are asked the same calendar words, as an [`Extent`]: for a time it is one
//! half-open range of instants, for a date without a time a range of days, never shifted. What is missing is in none.

use super::asked::Asked;
use super::fields::types::DATE;
use super::moments::{Extent, Span, When};
use super::rule::Unit;
use super::wanted::{Numbers, Wanted};
use chrono::{Datelike, Days, NaiveDate};

fn beyond() -> String {
    "That is outside the calendar. Use a smaller number.".into()
}

/// What an operator means on the calendar: for its condition, and for the line under its row.
pub fn extent(operator: &str, asked: &Asked) -> Option<Result<Extent, String>> {
    let clock = asked.clock;
    let day = |ago: u64| Extent::day(clock.today() - Days::new(ago));
    let span = |hole: usize, of: &dyn Fn(u32, Unit) -> Option<Extent>| {
        asked.span(hole).and_then(|(n, unit)| of(n, unit).ok_or_else(beyond))
    };
    Some(match operator {
        "on" | "not_on" => match asked.when(0) {
            Ok(When::Day(day)) => Ok(Extent::day(day)),
            Ok(When::Instant(_)) => Err("Give a day, for example 2026-09-07, not a time.".into()),
            Err(words) => Err(words),
        },
        "before" => asked.when(0).map(Extent::before),
        "on_or_before" => asked.when(0).map(Extent::on_or_before),
        "after" => asked.when(0).map(Extent::after),
        "on_or_after" => asked.when(0).map(Extent::on_or_after),
        "between" | "not_between" => between(asked),
        "today" => Ok(day(0)),
        "yesterday" => Ok(day(1)),
        "this_week" => Ok(clock.week(0)),
        "last_week" => Ok(clock.week(1)),
        "this_month" => Ok(clock.month(0)),
        "last_month" => Ok(clock.month(1)),
        "this_year" => Ok(clock.year()),
        "in_the_last" | "not_in_the_last" | "last_message_in_the_last" => {
            span(0, &|n, unit| clock.in_the_last(n, unit))
        }
        "more_than_ago" | "last_message_more_than_ago" => span(0, &|n, unit| clock.more_than_ago(n, unit)),
        "in_the_next" => span(0, &|n, unit| clock.in_the_next(n, unit)),
        "tagged_in_the_last" => span(1, &|n, unit| clock.in_the_last(n, unit)),
        _ => return None,
    })
}

/// Both ends included; an empty range is an error.
fn between(asked: &Asked) -> Result<Extent, String> {
    let (first, last) = (asked.when(0)?, asked.when(1)?);
    let extent = asked.clock.between(first, last);
    let range = asked.clock.range(&extent);
    match range.from >= range.before {
        true => Err("The first day is after the last. Until they are swapped this filter selects nobody.".into()),
        false => Ok(extent),
    }
}

/// The range under the row, in words.
pub fn told(operator: &str, asked: &Asked) -> Option<String> {
    let extent = extent(operator, asked)?.ok()?;
    if asked.field.is(DATE) {
        let (first, last) = extent.days(asked.clock)?;
        let day = |day: NaiveDate| day.format("%-d %b %Y").to_string();
        return Some(match (first, last) {
            (Some(first), Some(last)) if first == last => day(first),
            (Some(first), Some(last)) => format!("{} to {}", day(first), day(last)),
            (Some(first), None) => format!("from {}", day(first)),
            (None, Some(last)) => format!("until {}", day(last)),
            (None, None) => "on any day".into(),
        });
    }
    Some(format!("{}, {}", asked.clock.spell(&asked.clock.range(&extent)), asked.clock.zone.name()))
}

fn wanted(operator: &str, asked: &Asked) -> Result<Wanted, String> {
    let extent = extent(operator, asked).unwrap_or_else(|| Err(beyond()))?;
    if !asked.field.is(DATE) {
        return Ok(Wanted::Times(vec![asked.clock.span(&extent)]));
    }
    let (first, last) = extent.days(asked.clock).ok_or_else(|| {
        format!("{} is a day without a time. Ask in days, weeks, months or years.", asked.field.label)
    })?;
    let number = |day: NaiveDate| i64::from(day.num_days_from_ce());
    Ok(Wanted::Numbers(Numbers { first: first.map(number), last: last.map(number) }))
}

macro_rules! extents {
    ($( $name:ident )*) => { $(
        pub fn $name(asked: &Asked) -> Result<Wanted, String> {
            wanted(stringify!($name), asked)
        }
    )* };
}
extents! {
    on before on_or_before after on_or_after today yesterday this_week last_week this_month last_month
    this_year in_the_last more_than_ago in_the_next
}

pub fn between_days(asked: &Asked) -> Result<Wanted, String> {
    wanted("between", asked)
}

fn anniversaries(asked: &Asked, n: u32) -> Result<Wanted, String> {
    Ok(match asked.field.is(DATE) {
        true => Wanted::MonthDays(
            asked.clock.anniversary_days(n).into_iter().map(|(month, day)| format!("{month:02}-{day:02}")).collect(),
        ),
        false => Wanted::Times(asked.clock.anniversaries(n).into_iter().map(Span::from).collect()),
    })
}

pub fn anniversary_today(asked: &Asked) -> Result<Wanted, String> {
    anniversaries(asked, 0)
}

pub fn anniversary_in_the_next(asked: &Asked) -> Result<Wanted, String> {
    anniversaries(asked, asked.number(0)?)
}

/// From then until now, for what is kept with a time of its own.
pub fn until_now(asked: &Asked) -> Result<Span, String> {
    Ok(asked.clock.span(&extent("tagged_in_the_last", asked).unwrap_or_else(|| Err(beyond()))?))
}
