//! How long a tag is to stay, as people and programs say it: `Follow-up for 7 days`, `for ever`, an instant.

use super::taggings::Lasting;
use crate::filters::rule::Unit;
use crate::workspace::{Clock, stamp};
use chrono::{DateTime, Days, Duration, LocalResult, Months, NaiveDateTime, TimeZone};

/// Longer than this is no end at all.
const YEARS: i64 = 100;

/// The name and the time in `Follow-up for 7 days`; the whole is the name where it says nothing of time.
pub fn split(typed: &str) -> (&str, Option<&str>) {
    let typed = typed.trim();
    // ASCII alone becomes shorter or longer: places in the one are places in the other.
    let at = typed.to_ascii_lowercase().rfind(" for ");
    match at.map(|at| (&typed[..at], &typed[at + 5..])) {
        Some((name, time)) if !name.trim().is_empty() && read(time).is_some() => (name.trim(), Some(time.trim())),
        _ => (typed, None),
    }
}

/// A length of time as it was typed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Length {
    Ever,
    Of(u32, Unit),
}

fn read(typed: &str) -> Option<Length> {
    let typed = typed.trim().to_lowercase();
    let typed = typed.strip_prefix("for ").unwrap_or(&typed).trim();
    if matches!(typed, "ever" | "forever" | "always" | "good" | "no end") {
        return Some(Length::Ever);
    }
    let digits = typed.chars().take_while(char::is_ascii_digit).count();
    let n: u32 = typed[..digits].parse().ok().filter(|n| *n > 0)?;
    match typed[digits..].trim() {
        "" => Some(Length::Of(n, Unit::Days)),
        unit => Some(Length::Of(n, Unit::parse(unit)?)),
    }
}

/// What was typed into the field beside the tag, `7 days`; nothing typed is nothing said.
pub fn typed(words: &str, clock: &Clock) -> Result<Lasting, String> {
    if words.trim().is_empty() {
        return Ok(Lasting::Unsaid);
    }
    match read(words) {
        Some(Length::Ever) => Ok(Lasting::Ever),
        Some(Length::Of(n, unit)) => match after(n, unit, clock) {
            Some(at) => Ok(Lasting::Until(at)),
            None => Err(format!("That is more than {YEARS} years. Leave it out for a tag without an end.")),
        },
        None => Err("Say how long, like 7 days or 2 weeks, or leave it out for a tag without an end.".into()),
    }
}

/// An instant a program says.
pub fn until(at: &str, clock: &Clock) -> Result<Lasting, String> {
    let at = DateTime::parse_from_rfc3339(at).map_err(|_| "expected a time like 2026-12-24T18:00:00Z".to_string())?;
    let at = stamp(at.to_utc());
    if at <= clock.stamp() {
        return Err("this time has passed".into());
    }
    match at - clock.stamp() > Duration::days(366 * YEARS) {
        true => Err(format!("this is more than {YEARS} years away")),
        false => Ok(Lasting::Until(at)),
    }
}

/// So long from now. Days and more keep the time of day where the business is, on short and long days too.
fn after(n: u32, unit: Unit, clock: &Clock) -> Option<NaiveDateTime> {
    let local = clock.now.with_timezone(&clock.zone).naive_local();
    let months = |n: u32| local.checked_add_months(Months::new(n));
    let local = match unit {
        Unit::Minutes => return near(clock.stamp().checked_add_signed(Duration::minutes(n.into()))?, clock),
        Unit::Hours => return near(clock.stamp().checked_add_signed(Duration::hours(n.into()))?, clock),
        Unit::Days => local.checked_add_days(Days::new(n.into())),
        Unit::Weeks => local.checked_add_days(Days::new(7 * u64::from(n))),
        Unit::Months => months(n),
        Unit::Years => months(n.checked_mul(12)?),
    }?;
    let at = match clock.zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at,
        // Clocks skip this hour.
        LocalResult::None => clock.zone.from_local_datetime(&(local + Duration::hours(1))).earliest()?,
    };
    near(stamp(at.to_utc()), clock)
}

fn near(at: NaiveDateTime, clock: &Clock) -> Option<NaiveDateTime> {
    (at - clock.stamp() <= Duration::days(366 * YEARS)).then_some(at)
}

/// How long is left of a tag, for its hover, begun units counted whole: `7 days left`.
pub fn left(until: NaiveDateTime, clock: &Clock) -> String {
    let seconds = (until - clock.stamp()).num_milliseconds().max(0).unsigned_abs().div_ceil(1000);
    let many = |unit: &str, length: u64| match seconds.div_ceil(length) {
        1 => format!("1 {unit} left"),
        n => format!("{n} {unit}s left"),
    };
    match seconds {
        0..60 => "less than a minute left".into(),
        60..=3_540 => many("minute", 60),
        3_541..=82_800 => many("hour", 3_600),
        _ => many("day", 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(now: &str, zone: chrono_tz::Tz) -> Clock {
        Clock { now: now.parse().expect("a moment"), zone }
    }

    #[test]
    fn a_name_and_how_long_are_told_apart() {
        assert_eq!(split(" FollowUp-Call for 7 days "), ("FollowUp-Call", Some("7 days")));
        assert_eq!(split("Call FOR 1 Week"), ("Call", Some("1 Week")));
        assert_eq!(split("Looking for a job for 2 months"), ("Looking for a job", Some("2 months")));
        assert_eq!(split("VIP for ever"), ("VIP", Some("ever")));
        for name in ["VIP", "Looking for a job", "for 7 days", "Best for 0 days", "Waiting for Ünal", ""] {
            assert_eq!(split(name), (name, None), "{name}");
        }
    }

    #[test]
    fn days_keep_the_time_of_day_and_hours_their_length() {
        // On the next day the clocks of Berlin go on.
        let clock = clock("2026-03-28T11:00:00Z", chrono_tz::Europe::Berlin);
        let said = |words: &str| match typed(words, &clock) {
            Ok(Lasting::Until(at)) => at.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(said("7 days"), "2026-04-04 10:00:00");
        assert_eq!(said("for 24 hours"), "2026-03-29 11:00:00");
        assert_eq!(said("2"), "2026-03-30 10:00:00");
        assert_eq!(said("1 month"), "2026-04-28 10:00:00");
        assert_eq!((said(""), said("no end")), ("Ok(Unsaid)".into(), "Ok(Ever)".into()));
        for wrong in ["soon", "0 days", "-1 days", "7 moons", "101 years", "99999999999 days"] {
            assert!(typed(wrong, &clock).is_err(), "{wrong}");
        }
        assert!(until("2026-03-28T11:00:00Z", &clock).is_err(), "now is over already");
        assert!(until("2026-03-28T12:00:01+01:00", &clock).is_ok());
    }

    #[test]
    fn what_is_left_is_told_in_the_largest_unit() {
        let clock = clock("2026-03-28T11:00:00Z", chrono_tz::UTC);
        let after = |seconds: i64| left(clock.stamp() + Duration::seconds(seconds), &clock);
        assert_eq!(
            [after(30), after(60), after(7_300), after(86_400 * 5 + 9)].join(", "),
            "less than a minute left, 1 minute left, 3 hours left, 6 days left"
        );
    }
}
