//! From dates and numbers as a column writes them to the usual spelling, or to what is wrong with them.

use super::Notation;
use crate::customers::clean;
use chrono::{Datelike, NaiveDate, NaiveTime, SecondsFormat};
use chrono_tz::Tz;

/// True where the usual order is meant, whatever the column has otherwise.
pub fn begins_with_a_year(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    bytes.len() > 4 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}

/// `31.12.2025` or `31/12/2025 14:30`, and the American order with the month first.
pub fn date(raw: &str, order: Notation, zone: Option<Tz>) -> Result<String, String> {
    let divider = raw.chars().find(|c| matches!(c, '.' | '/' | '-')).unwrap_or(match order {
        Notation::DayFirst => '.',
        _ => '/',
    });
    let [first, second] = if order == Notation::DayFirst { ["day", "month"] } else { ["month", "day"] };
    let here = format!("dates in this column are {first}{divider}{second}{divider}year");
    let none = || format!("“{raw}” is not a date; {here}.");
    let (day_part, time_part) = match raw.find(|c: char| !c.is_ascii_digit() && c != divider) {
        Some(at) => (&raw[..at], raw[at..].trim_start_matches(['T', ',']).trim()),
        None => (raw, ""),
    };
    let parts: Vec<&str> = day_part.split(divider).collect();
    let [one, two, year] = parts[..] else { return Err(none()) };
    let whole = |text: &str, most: usize| text.parse::<u32>().ok().filter(|_| text.len() <= most);
    let (Some(one), Some(two), Some(number)) = (whole(one, 2), whole(two, 2), whole(year, 4)) else {
        return Err(none());
    };
    if year.len() != 4 {
        return Err(format!("“{raw}” needs all four digits of the year; {here}."));
    }
    let (day, month) = if order == Notation::DayFirst { (one, two) } else { (two, one) };
    let Some(name) = month.checked_sub(1).and_then(|at| MONTHS.get(at as usize)) else {
        return Err(format!("There is no month {month}; {here}."));
    };
    let Some(date) = NaiveDate::from_ymd_opt(number as i32, month, day) else {
        let year = if (month, day) == (2, 29) { format!(" {number}") } else { String::new() };
        return Err(format!("{name}{year} has no {}; {here}.", ordinal(day)));
    };
    let day = || format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
    if time_part.is_empty() {
        return Ok(day());
    }
    let time = TIMES.iter().find_map(|format| NaiveTime::parse_from_str(time_part, format).ok());
    let time = time.ok_or_else(|| format!("“{time_part}” is not a time of day. Write it like 14:30."))?;
    match zone {
        Some(zone) => {
            let at = clean::local(date.and_time(time), zone).ok_or_else(none)?;
            Ok(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
        }
        // Spreadsheets add midnight to dates.
        None if time == NaiveTime::MIN => Ok(day()),
        None => Err(format!("“{raw}” has a time of day; this column holds dates alone.")),
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const TIMES: [&str; 5] = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%I %p"];

fn ordinal(n: u32) -> String {
    let end = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

/// `1.234,56`, `1 234,56`, `-1234,5`.
pub fn number(raw: &str) -> Result<String, String> {
    let wrong = || format!("“{raw}” is not a number; numbers in this column have a decimal comma, like 1.234,56.");
    let (sign, digits) = match raw.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", raw),
    };
    let (whole, part) = match digits.split_once(',') {
        Some((whole, part)) => (whole, Some(part)),
        None => (digits, None),
    };
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match whole.chars().find(|c| matches!(c, '.' | ' ' | '\'' | '’' | '\u{a0}' | '\u{202f}')) {
        Some(divider) => {
            let groups: Vec<&str> = whole.split(divider).collect();
            let fits = |(at, group): (usize, &&str)| plain(group) && (group.len() == 3 || (at == 0 && group.len() < 3));
            if !groups.iter().enumerate().all(fits) {
                return Err(wrong());
            }
            groups.concat()
        }
        None => whole.to_string(),
    };
    if !plain(&whole) || !part.is_none_or(plain) {
        return Err(wrong());
    }
    Ok(match part {
        Some(part) => format!("{sign}{whole}.{part}"),
        None => format!("{sign}{whole}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    const ZONE: Option<Tz> = Some(chrono_tz::America::Sao_Paulo);

    #[test]
    fn dates_are_spelled_as_usual() {
        let day = |raw| Notation::DayFirst.usually(raw, ZONE).map(Cow::into_owned);
        let month = |raw| Notation::MonthFirst.usually(raw, ZONE).map(Cow::into_owned);
        let ok = |text: &str| Ok(text.to_string());
        for raw in ["31.12.2025", "31/12/2025", "31-12-2025", "2025-12-31"] {
            assert_eq!(day(raw), ok("2025-12-31"), "{raw}");
        }
        assert_eq!((day("1.2.2025"), month("1/2/2025")), (ok("2025-02-01"), ok("2025-01-02")));
        for raw in ["31/12/2025 14:30", "31.12.2025, 14:30:00", "31-12-2025T14:30", "31.12.2025  2:30 pm"] {
            assert_eq!(day(raw), ok("2025-12-31T17:30:00Z"), "{raw}");
        }
        assert_eq!(month("12/31/2025 2:30:05 PM"), ok("2025-12-31T17:30:05Z"));
        assert_eq!(month("12/31/2025 12:00 AM"), ok("2025-12-31T03:00:00Z"));
        assert_eq!(day("2025-12-31T14:30:00Z"), ok("2025-12-31T14:30:00Z"));
        // Clocks jumped from 00:00 to 01:00 that night.
        assert_eq!(day("04.11.2018 00:30"), ok("2018-11-04T03:00:00Z"));
        assert_eq!(Notation::DayFirst.usually("31.12.2025 00:00:00", None).as_deref(), Ok("2025-12-31"));
        assert!(Notation::DayFirst.usually("31.12.2025 14:30", None).is_err_and(|why| why.contains("time of day")));
    }

    #[test]
    fn what_is_no_date_says_how_the_column_is_read() {
        let day = |raw| Notation::DayFirst.usually(raw, ZONE).expect_err(raw);
        let month = |raw| Notation::MonthFirst.usually(raw, ZONE).expect_err(raw);
        assert_eq!(day("31.02.2025"), "February has no 31st; dates in this column are day.month.year.");
        assert_eq!(day("29/2/2025"), "February 2025 has no 29th; dates in this column are day/month/year.");
        assert_eq!(day("12.31.2025"), "There is no month 31; dates in this column are day.month.year.");
        assert_eq!(month("31/12/2025"), "There is no month 31; dates in this column are month/day/year.");
        assert_eq!(day("00.01.2025"), "January has no 0th; dates in this column are day.month.year.");
        assert_eq!(
            day("31.12.25"),
            "“31.12.25” needs all four digits of the year; dates in this column are day.month.year."
        );
        assert_eq!(month("soon"), "“soon” is not a date; dates in this column are month/day/year.");
        assert_eq!(day("31.12.2025 25:00"), "“25:00” is not a time of day. Write it like 14:30.");
        for raw in ["31.12", "31.12.2025.1", "31./12.2025", "1 2 2025", "311.12.2025", "31.12.20255", "٣١.12.2025", ""]
        {
            assert!(day(raw).contains("day"), "{raw}");
        }
    }

    #[test]
    fn numbers_are_spelled_with_a_point() {
        let spelled = |raw| Notation::DecimalComma.usually(raw, None).map(Cow::into_owned);
        for (raw, usual) in [
            ("1.234,56", "1234.56"),
            ("1234,5", "1234.5"),
            ("-1.234.567", "-1234567"),
            ("1 234,5", "1234.5"),
            ("1\u{a0}234\u{a0}567,89", "1234567.89"),
            ("1’234,5", "1234.5"),
            ("0,125", "0.125"),
            ("7", "7"),
        ] {
            assert_eq!(spelled(raw), Ok(usual.to_string()), "{raw}");
        }
        for raw in
            ["12.5", "1,234.56", "1.23.456", "1..234", ",5", "5,", "1,2,3", "1.234 567", "-", "", "ten", "1234.567,8"]
        {
            assert!(spelled(raw).is_err_and(|why| why.contains("decimal comma, like 1.234,56")), "{raw}");
        }
    }
}
