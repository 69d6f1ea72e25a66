//! Calendar words as instants (SPEC 2.3): zones with short and long days, clamped months, leap days.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use muster::filters::moments::{Extent, Range, When};
use muster::filters::rule::Unit;
use muster::workspace::Clock;

fn clock(now: &str, zone: &str) -> Clock {
    Clock { now: now.parse::<DateTime<Utc>>().expect("an instant"), zone: zone.parse().expect("a zone") }
}

fn utc(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a time")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn range(from: &str, before: &str) -> Range {
    Range { from: Some(utc(from)), before: Some(utc(before)) }
}

#[test]
fn a_day_is_as_long_as_its_zone_says() {
    let berlin = clock("2026-06-01T12:00:00Z", "Europe/Berlin");
    assert_eq!(
        berlin.range(&Extent::day(day("2026-03-29"))),
        range("2026-03-28 23:00", "2026-03-29 22:00"),
        "23 hours"
    );
    assert_eq!(
        berlin.range(&Extent::day(day("2026-10-25"))),
        range("2026-10-24 22:00", "2026-10-25 23:00"),
        "25 hours"
    );
}

#[test]
fn a_day_whose_midnight_is_skipped_begins_when_the_clocks_go_on() {
    // São Paulo went from 00:00 to 01:00 on 4 November 2018.
    let saopaulo = clock("2018-11-10T12:00:00Z", "America/Sao_Paulo");
    assert_eq!(saopaulo.midnight(day("2018-11-04")), utc("2018-11-04 03:00"));
}

#[test]
fn in_the_last_days_counts_today_as_day_zero_and_ends_now() {
    let clock = clock("2026-09-08T15:00:00Z", "America/Sao_Paulo");
    let last = clock.range(&clock.in_the_last(90, Unit::Days).expect("in the calendar"));
    assert_eq!(last.from, Some(utc("2026-06-10 03:00")));
    assert!(
        last.before > Some(utc("2026-09-08 15:00")) && last.before < Some(utc("2026-09-08 15:01")),
        "now still counts"
    );
    assert_eq!(
        clock.range(&clock.more_than_ago(90, Unit::Days).expect("in the calendar")).before,
        last.from,
        "and older is all before"
    );
    let hours = clock.range(&clock.in_the_last(36, Unit::Hours).expect("in the calendar"));
    assert_eq!(hours.from, Some(utc("2026-09-07 03:00")), "hours roll from now");
}

#[test]
fn months_clamp_and_weeks_start_on_monday() {
    let march = clock("2026-03-31T12:00:00Z", "UTC");
    assert_eq!(march.in_the_last(1, Unit::Months), Some(Extent::UntilNow(day("2026-02-28"))));
    assert_eq!(march.range(&march.month(1)), range("2026-02-01 00:00", "2026-03-01 00:00"));
    assert_eq!(march.range(&march.week(0)), range("2026-03-30 00:00", "2026-04-06 00:00"), "a Tuesday");
    let sunday = clock("2026-03-29T12:00:00Z", "UTC");
    assert_eq!(sunday.range(&sunday.week(0)), range("2026-03-23 00:00", "2026-03-30 00:00"), "a Sunday");
    assert_eq!(march.range(&march.year()), range("2026-01-01 00:00", "2027-01-01 00:00"));
}

#[test]
fn a_leap_days_anniversary_falls_on_the_28th_in_other_years() {
    let has = |clock: &Clock, n: u32, born: &str| {
        let at = utc(&format!("{born} 12:00"));
        clock.anniversaries(n).iter().any(|range| range.from <= Some(at) && Some(at) < range.before)
    };
    let plain = clock("2026-02-28T12:00:00Z", "UTC");
    assert!(has(&plain, 0, "2000-02-29") && has(&plain, 0, "2001-02-28") && !has(&plain, 0, "2001-03-01"));
    let leap = clock("2028-02-28T12:00:00Z", "UTC");
    assert!(!has(&leap, 0, "2000-02-29") && has(&leap, 1, "2000-02-29"));
    let december = clock("2026-12-30T12:00:00Z", "UTC");
    assert!(has(&december, 7, "1990-01-03") && has(&december, 7, "1990-12-31") && !has(&december, 7, "1990-01-07"));
}

#[test]
fn days_and_instants_are_told_apart() {
    assert_eq!(When::parse("2026-09-07"), Some(When::Day(day("2026-09-07"))));
    assert_eq!(When::parse("2026-09-07T10:00:00+02:00"), Some(When::Instant(utc("2026-09-07 08:00"))));
    for nonsense in ["", "7.9.2026", "2026-02-30", "soon", "99999-01-01"] {
        assert_eq!(When::parse(nonsense), None, "{nonsense}");
    }
    let clock = clock("2026-09-08T15:00:00Z", "UTC");
    let range = clock.range(&clock.in_the_last(90, Unit::Days).expect("in the calendar"));
    assert_eq!(clock.spell(&range), "10 Jun 2026 00:00 to now");
}

#[test]
fn numbers_beyond_the_calendar_are_no_range() {
    let clock = clock("2026-09-08T15:00:00Z", "UTC");
    for unit in Unit::EACH {
        let _ = clock.in_the_last(1_000_000, unit);
        let _ = clock.in_the_next(1_000_000, unit);
    }
    assert_eq!(clock.in_the_last(1_000_000, Unit::Years), None);
}

#[test]
fn a_date_without_a_time_is_asked_in_days() {
    let clock = clock("2026-09-08T02:00:00Z", "America/Sao_Paulo");
    let days = |extent: Option<Extent>| extent.expect("in the calendar").days(&clock);
    let today = day("2026-09-07");
    assert_eq!(days(clock.in_the_last(7, Unit::Days)), Some((Some(day("2026-08-31")), Some(today))));
    assert_eq!(days(clock.in_the_next(1, Unit::Weeks)), Some((Some(today), Some(day("2026-09-14")))));
    assert_eq!(days(clock.more_than_ago(7, Unit::Days)), Some((None, Some(day("2026-08-30")))));
    assert_eq!(days(clock.in_the_last(3, Unit::Hours)), None, "hours are nothing a date has");
}
