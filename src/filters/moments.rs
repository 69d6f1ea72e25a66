//! Calendar words as instants (SPEC 2.3): a local day is the UTC half-open range between two local midnights, by the
//! zone's own rules.

use super::rule::Unit;
use crate::customers::clean;
use crate::workspace::{Clock, stamp};
use chrono::{DateTime, Datelike, Days, Duration, LocalResult, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use std::collections::BTreeSet;

/// From `from` on (open if `None`) to before `to`; an instant that still counts is `to` plus the smallest step stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub from: Option<NaiveDateTime>,
    pub before: Option<NaiveDateTime>,
}

/// An end of a span: an instant, or one so far from now, which moves on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    At(NaiveDateTime),
    Now(Duration),
}

impl Edge {
    pub fn at(self, now: NaiveDateTime) -> NaiveDateTime {
        match self {
            Edge::At(at) => at,
            // A length that was typed was checked against the calendar; a few more years do no harm.
            Edge::Now(length) => now.checked_add_signed(length).unwrap_or(now),
        }
    }
}

/// A range whose ends may move with now; the same words give the same span at any moment of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub from: Option<Edge>,
    pub before: Option<Edge>,
}

impl Span {
    /// The instants it holds at a moment.
    pub fn at(&self, now: NaiveDateTime) -> Range {
        Range { from: self.from.map(|edge| edge.at(now)), before: self.before.map(|edge| edge.at(now)) }
    }

    /// How far from now the ends are that move.
    pub fn moving(&self) -> impl Iterator<Item = Duration> {
        [self.from, self.before].into_iter().flatten().filter_map(|edge| match edge {
            Edge::Now(length) => Some(length),
            Edge::At(_) => None,
        })
    }
}

impl From<Range> for Span {
    fn from(range: Range) -> Span {
        Span { from: range.from.map(Edge::At), before: range.before.map(Edge::At) }
    }
}

/// The smallest step that is stored.
const STEP: Duration = Duration::microseconds(1);

/// "Up to and including" is "before the next one".
fn next(at: NaiveDateTime) -> NaiveDateTime {
    at + STEP
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

/// What calendar words mean, before it is known whether a date or a time is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Whole days, both included; open where `None`.
    Days(Option<NaiveDate>, Option<NaiveDate>),
    /// From the start of a day up to now.
    UntilNow(NaiveDate),
    /// After now, to the end of a day.
    FromNow(NaiveDate),
    /// What only a time can be in.
    Instants(Span),
}

impl Extent {
    pub fn day(day: NaiveDate) -> Extent {
        Extent::Days(Some(day), Some(day))
    }

    fn instants(from: Option<NaiveDateTime>, before: Option<NaiveDateTime>) -> Extent {
        Extent::Instants(Range { from, before }.into())
    }

    pub fn before(when: When) -> Extent {
        match when {
            When::Day(day) => Extent::Days(None, day.pred_opt()),
            When::Instant(at) => Extent::instants(None, Some(at)),
        }
    }

    pub fn on_or_before(when: When) -> Extent {
        match when {
            When::Day(day) => Extent::Days(None, Some(day)),
            When::Instant(at) => Extent::instants(None, Some(next(at))),
        }
    }

    pub fn after(when: When) -> Extent {
        match when {
            When::Day(day) => Extent::Days(day.succ_opt(), None),
            When::Instant(at) => Extent::instants(Some(next(at)), None),
        }
    }

    pub fn on_or_after(when: When) -> Extent {
        match when {
            When::Day(day) => Extent::Days(Some(day), None),
            When::Instant(at) => Extent::instants(Some(at), None),
        }
    }

    /// The days a date may be on, both included; `None` where only a time can be in it.
    pub fn days(&self, clock: &Clock) -> Option<(Option<NaiveDate>, Option<NaiveDate>)> {
        match self {
            Extent::Days(first, last) => Some((*first, *last)),
            Extent::UntilNow(first) => Some((Some(*first), Some(clock.today()))),
            // A date that is today lies ahead as much as behind: day 0 counts both ways.
            Extent::FromNow(last) => Some((Some(clock.today()), Some(*last))),
            Extent::Instants(_) => None,
        }
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

    /// The instants of an extent, as of now.
    pub fn range(&self, extent: &Extent) -> Range {
        self.span(extent).at(self.stamp())
    }

    /// The same with the ends that move with now.
    pub fn span(&self, extent: &Extent) -> Span {
        let start = |day: &NaiveDate| Edge::At(self.midnight(*day));
        let end = |day: &NaiveDate| day.succ_opt().map(|day| Edge::At(self.midnight(day)));
        match extent {
            Extent::Days(first, last) => Span { from: first.as_ref().map(start), before: last.as_ref().and_then(end) },
            Extent::UntilNow(first) => Span { from: Some(start(first)), before: Some(Edge::Now(STEP)) },
            Extent::FromNow(last) => Span { from: Some(Edge::Now(STEP)), before: end(last) },
            Extent::Instants(span) => *span,
        }
    }

    /// From one day or instant to another, both included.
    pub fn between(&self, first: When, last: When) -> Extent {
        match (first, last) {
            (When::Day(first), When::Day(last)) => Extent::Days(Some(first), Some(last)),
            (first, last) => Extent::instants(
                self.range(&Extent::on_or_after(first)).from,
                self.range(&Extent::on_or_before(last)).before,
            ),
        }
    }

    pub fn week(&self, ago: u64) -> Extent {
        let monday =
            self.today() - Days::new(u64::from(self.today().weekday().num_days_from_monday())) - Days::new(7 * ago);
        Extent::Days(Some(monday), Some(monday + Days::new(6)))
    }

    pub fn month(&self, ago: u32) -> Extent {
        let first = self.today().with_day(1).unwrap_or(self.today()) - Months::new(ago);
        Extent::Days(Some(first), Some(first + Months::new(1) - Days::new(1)))
    }

    pub fn year(&self) -> Extent {
        let first = self.today().with_ordinal(1).unwrap_or(self.today());
        Extent::Days(Some(first), Some(first + Months::new(12) - Days::new(1)))
    }

    /// A day N units away, `None` beyond the calendar. Months clamp.
    fn day_at(&self, n: u32, unit: Unit, ahead: bool) -> Option<NaiveDate> {
        let (today, days) = (self.today(), |n: u64| Days::new(n));
        let months = |n: u32| {
            if ahead { today.checked_add_months(Months::new(n)) } else { today.checked_sub_months(Months::new(n)) }
        };
        let by_days = |n: u64| if ahead { today.checked_add_days(days(n)) } else { today.checked_sub_days(days(n)) };
        let day = match unit {
            Unit::Minutes | Unit::Hours => None,
            Unit::Days => by_days(n.into()),
            Unit::Weeks => by_days(7 * u64::from(n)),
            Unit::Months => months(n),
            Unit::Years => months(n.checked_mul(12)?),
        }?;
        (1..=9998).contains(&day.year()).then_some(day)
    }

    /// Minutes and hours as a length of time; days and larger are calendar.
    fn rolling(n: u32, unit: Unit) -> Option<Duration> {
        match unit {
            Unit::Minutes => Some(Duration::minutes(n.into())),
            Unit::Hours => Some(Duration::hours(n.into())),
            _ => None,
        }
    }

    /// `[start of (today - N), now]`; minutes and hours roll from now. `None` when that is before the calendar begins.
    pub fn in_the_last(&self, n: u32, unit: Unit) -> Option<Extent> {
        let now = self.stamp();
        match Clock::rolling(n, unit) {
            Some(length) => {
                now.checked_sub_signed(length)?;
                Some(Extent::Instants(Span { from: Some(Edge::Now(-length)), before: Some(Edge::Now(STEP)) }))
            }
            None => self.day_at(n, unit, false).map(Extent::UntilNow),
        }
    }

    /// Before the start of (today - N).
    pub fn more_than_ago(&self, n: u32, unit: Unit) -> Option<Extent> {
        match Clock::rolling(n, unit) {
            Some(length) => {
                self.stamp().checked_sub_signed(length)?;
                Some(Extent::Instants(Span { from: None, before: Some(Edge::Now(-length)) }))
            }
            None => self.day_at(n, unit, false).map(|day| Extent::Days(None, day.pred_opt())),
        }
    }

    /// After now, to the end of (today + N); minutes and hours roll from now.
    pub fn in_the_next(&self, n: u32, unit: Unit) -> Option<Extent> {
        let now = self.stamp();
        match Clock::rolling(n, unit) {
            Some(length) => {
                now.checked_add_signed(length + STEP)?;
                Some(Extent::Instants(Span { from: Some(Edge::Now(STEP)), before: Some(Edge::Now(length + STEP)) }))
            }
            None => self.day_at(n, unit, true).map(Extent::FromNow),
        }
    }

    /// The month and day of every day whose anniversary falls on today or one of the next `n` days. 29 February is kept
    /// on 28 February in other years.
    pub fn anniversary_days(&self, n: u32) -> BTreeSet<(u32, u32)> {
        let leap = |year: i32| NaiveDate::from_ymd_opt(year, 2, 29).is_some();
        let mut kept = BTreeSet::new();
        for day in self.today().iter_days().take(n.min(366) as usize + 1) {
            kept.insert((day.month(), day.day()));
            if (day.month(), day.day()) == (2, 28) && !leap(day.year()) {
                kept.insert((2, 29));
            }
        }
        kept
    }

    /// The same as instants, in every year that a stored time may have.
    pub fn anniversaries(&self, n: u32) -> Vec<Range> {
        let kept = self.anniversary_days(n);
        let mut ranges: Vec<Range> = Vec::new();
        for year in clean::YEARS.start() - 1..=clean::YEARS.end() + 1 {
            for day in kept.iter().filter_map(|(month, day)| NaiveDate::from_ymd_opt(year, *month, *day)) {
                let range = self.range(&Extent::day(day));
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
