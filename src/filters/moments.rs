//! Calendar words as instants (SPEC 2.3): a local day is the UTC half-open range between two local midnights, by the
//! zone's own rules.

use super::rule::Unit;
use crate::workspace::{Clock, stamp};
use chrono::{DateTime, Datelike, Days, Duration, LocalResult, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

/// From `from` on (open if `None`) to before `to`; an instant that still counts is `to` plus the smallest step stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub from: Option<NaiveDateTime>,
    pub before: Option<NaiveDateTime>,
}

/// Times are stored in whole microseconds, so "up to and including" is "before the next one".
fn next(at: NaiveDateTime) -> NaiveDateTime {
    at + Duration::microseconds(1)
}

/// A value of a date condition: a calendar day, or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Day(NaiveDate),
    Instant(NaiveDateTime),
}

impl When {
    /// `2026-09-07`, or RFC 3339.
    pub fn parse(text: &str) -> Option<When> {
        let text = text.trim();
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return (1..=9999).contains(&day.year()).then_some(When::Day(day));
        }
        let at = DateTime::parse_from_rfc3339(text).ok()?;
        Some(When::Instant(stamp(at.to_utc())))
    }
}

impl Clock {
    /// Today in the workspace zone.
    pub fn today(&self) -> NaiveDate {
        self.now.with_timezone(&self.zone).date_naive()
    }

    /// The first instant of a local day. Where a zone skips midnight, the day begins when its clocks go on.
    pub fn midnight(&self, day: NaiveDate) -> NaiveDateTime {
        let mut local = day.and_time(NaiveTime::MIN);
        for _ in 0..96 {
            match self.zone.from_local_datetime(&local) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.naive_utc(),
                LocalResult::None => local += Duration::minutes(15),
            }
        }
        day.and_time(NaiveTime::MIN)
    }

    /// The days from `first` to `last`, both included.
    pub fn days(&self, first: NaiveDate, last: NaiveDate) -> Range {
        Range { from: Some(self.midnight(first)), before: Some(self.midnight(last + Days::new(1))) }
    }

    fn start(&self, when: When) -> NaiveDateTime {
        match when {
            When::Day(day) => self.midnight(day),
            When::Instant(at) => at,
        }
    }

    fn end(&self, when: When) -> NaiveDateTime {
        match when {
            When::Day(day) => self.midnight(day + Days::new(1)),
            When::Instant(at) => next(at),
        }
    }

    pub fn before(&self, when: When) -> Range {
        Range { from: None, before: Some(self.start(when)) }
    }
    pub fn on_or_before(&self, when: When) -> Range {
        Range { from: None, before: Some(self.end(when)) }
    }
    pub fn after(&self, when: When) -> Range {
        Range { from: Some(self.end(when)), before: None }
    }
    pub fn on_or_after(&self, when: When) -> Range {
        Range { from: Some(self.start(when)), before: None }
    }
    pub fn between(&self, first: When, last: When) -> Range {
        Range { from: Some(self.start(first)), before: Some(self.end(last)) }
    }

    pub fn week(&self, ago: u64) -> Range {
        let monday =
            self.today() - Days::new(u64::from(self.today().weekday().num_days_from_monday())) - Days::new(7 * ago);
        self.days(monday, monday + Days::new(6))
    }

    pub fn month(&self, ago: u32) -> Range {
        let first = self.today().with_day(1).unwrap_or(self.today()) - Months::new(ago);
        self.days(first, first + Months::new(1) - Days::new(1))
    }

    pub fn year(&self) -> Range {
        let first = self.today().with_ordinal(1).unwrap_or(self.today());
        self.days(first, first + Months::new(12) - Days::new(1))
    }

    /// Where "N units ago" begins: minutes and hours roll from now, days and larger begin at a local midnight.
    fn ago_start(&self, n: u32, unit: Unit) -> Option<NaiveDateTime> {
        let today = self.today();
        let day = match unit {
            Unit::Minutes => return self.stamp().checked_sub_signed(Duration::minutes(n.into())),
            Unit::Hours => return self.stamp().checked_sub_signed(Duration::hours(n.into())),
            Unit::Days => today.checked_sub_days(Days::new(n.into())),
            Unit::Weeks => today.checked_sub_days(Days::new(7 * u64::from(n))),
            Unit::Months => today.checked_sub_months(Months::new(n)),
            Unit::Years => today.checked_sub_months(Months::new(n.checked_mul(12)?)),
        }?;
        (day.year() >= 1).then(|| self.midnight(day))
    }

    /// `[start of (today - N), now]`. `None` when that is before the calendar begins.
    pub fn in_the_last(&self, n: u32, unit: Unit) -> Option<Range> {
        Some(Range { from: Some(self.ago_start(n, unit)?), before: Some(next(self.stamp())) })
    }

    /// Before the start of (today - N).
    pub fn more_than_ago(&self, n: u32, unit: Unit) -> Option<Range> {
        Some(Range { from: None, before: Some(self.ago_start(n, unit)?) })
    }

    /// After now, to the end of (today + N); minutes and hours roll from now.
    pub fn in_the_next(&self, n: u32, unit: Unit) -> Option<Range> {
        let today = self.today();
        let from = Some(next(self.stamp()));
        let day = match unit {
            Unit::Minutes => {
                let end = self.stamp().checked_add_signed(Duration::minutes(n.into()))?;
                return Some(Range { from, before: Some(next(end)) });
            }
            Unit::Hours => {
                let end = self.stamp().checked_add_signed(Duration::hours(n.into()))?;
                return Some(Range { from, before: Some(next(end)) });
            }
            Unit::Days => today.checked_add_days(Days::new(n.into())),
            Unit::Weeks => today.checked_add_days(Days::new(7 * u64::from(n))),
            Unit::Months => today.checked_add_months(Months::new(n)),
            Unit::Years => today.checked_add_months(Months::new(n.checked_mul(12)?)),
        }?;
        (day.year() <= 9998).then(|| Range { from, before: Some(self.midnight(day + Days::new(1))) })
    }

    /// The days of every year whose anniversary falls on today or one of the next `n` days. 29 February is kept on
    /// 28 February in other years.
    pub fn anniversaries(&self, n: u32) -> Vec<Range> {
        let today = self.today();
        let leap = |year: i32| NaiveDate::from_ymd_opt(year, 2, 29).is_some();
        let mut kept: Vec<(u32, u32)> = Vec::new();
        for offset in 0..=n.min(366) {
            let day = today + Days::new(offset.into());
            kept.push((day.month(), day.day()));
            if (day.month(), day.day()) == (2, 28) && !leap(day.year()) {
                kept.push((2, 29));
            }
        }
        let mut ranges: Vec<Range> = Vec::new();
        for year in 1900..=today.year() + 10 {
            let mut days: Vec<NaiveDate> =
                kept.iter().filter_map(|(month, day)| NaiveDate::from_ymd_opt(year, *month, *day)).collect();
            days.sort_unstable();
            days.dedup();
            for day in days {
                let range = self.days(day, day);
                match ranges.last_mut() {
                    Some(last) if last.before == range.from => last.before = range.before,
                    _ => ranges.push(range),
                }
            }
        }
        ranges
    }

    /// A range in the words under a row: `10 Jun 2026 00:00 to now`.
    pub fn spell(&self, range: &Range) -> String {
        let at = |time: NaiveDateTime| {
            if time == self.stamp() || time == next(self.stamp()) {
                return "now".to_string();
            }
            time.and_utc().with_timezone(&self.zone).format("%-d %b %Y %H:%M").to_string()
        };
        match (range.from, range.before) {
            (Some(from), Some(before)) => format!("{} to {}", at(from), at(before)),
            (Some(from), None) => format!("from {}", at(from)),
            (None, Some(before)) => format!("before {}", at(before)),
            (None, None) => "at any time".into(),
        }
    }
}
