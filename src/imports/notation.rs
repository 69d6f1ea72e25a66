//! Dates and numbers that a column writes in another way than the usual one: day or month first, a decimal comma.
//!
//! A cell is spelled in the usual way first and then cleaned like any other, so that nothing else has to know of this.
//! Which way a column has is proposed where its values leave no doubt, and chosen by a person otherwise.

use super::cells::{self, Cell};
use super::columns::{Column, Field, Kind};
use super::plan::Plan;
use crate::custom_fields;
use crate::customers::clean;
use chrono::{Datelike, NaiveDate, NaiveTime, SecondsFormat};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How a column writes its dates or numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notation {
    /// RFC 3339 or a date alone; a decimal point.
    #[default]
    Usual,
    DayFirst,
    MonthFirst,
    DecimalComma,
}

/// What can be written in several ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Dates,
    Numbers,
}

impl Written {
    /// The ways there are, as a person chooses among them.
    pub fn notations(self) -> &'static [(Notation, &'static str)] {
        match self {
            Written::Dates => &[
                (Notation::Usual, "Year first: 2025-12-31"),
                (Notation::DayFirst, "Day first: 31.12.2025"),
                (Notation::MonthFirst, "Month first: 12/31/2025"),
            ],
            Written::Numbers => {
                &[(Notation::Usual, "Decimal point: 1234.56"), (Notation::DecimalComma, "Decimal comma: 1.234,56")]
            }
        }
    }

    fn has(self, notation: Notation) -> bool {
        self.notations().iter().any(|(known, _)| *known == notation)
    }

    /// What values look like that are not written in the usual way, before anybody said what they are.
    pub fn of_samples(samples: &[String]) -> Option<Written> {
        let all = |notation: Notation| {
            samples
                .iter()
                .all(|value| notation.usually(value, Some(Tz::UTC)).is_ok_and(|usual| usual != value.as_str()))
        };
        match samples.is_empty() {
            false if all(Notation::DayFirst) || all(Notation::MonthFirst) => Some(Written::Dates),
            false if all(Notation::DecimalComma) => Some(Written::Numbers),
            _ => None,
        }
    }
}

impl Column {
    /// Whether this column's cells can be written in several ways.
    pub fn written(&self) -> Option<Written> {
        match (self.kind, self.field) {
            (Kind::Time { .. }, _) | (_, Field::PurchasedAt) => Some(Written::Dates),
            (_, Field::Amount) => Some(Written::Numbers),
            _ => None,
        }
    }
}

/// The same for a custom field.
pub fn written(kind: custom_fields::Kind) -> Option<Written> {
    match kind {
        custom_fields::Kind::Date => Some(Written::Dates),
        custom_fields::Kind::Number => Some(Written::Numbers),
        _ => None,
    }
}

impl Plan {
    /// How the column is written, where its field can be written so.
    pub fn notation(&self, at: usize, written: Option<Written>) -> Notation {
        let chosen = self.notations.get(at).copied().unwrap_or_default();
        if written.is_some_and(|written| written.has(chosen)) { chosen } else { Notation::Usual }
    }

    /// What the column holds that can be written in several ways, by what it becomes.
    pub fn written(&self, at: usize) -> Option<Written> {
        match self.columns.get(at).copied().flatten()? {
            Field::Custom(place) => written(self.custom.get(place)?.holds?),
            field => self.subject.column(field)?.written(),
        }
    }

    pub fn write_as(&mut self, at: usize, notation: Notation) {
        self.notations.resize(self.headers.len(), Notation::Usual);
        if let Some(place) = self.notations.get_mut(at) {
            *place = notation;
        }
    }

    /// Takes one `HEADER=day-first`.
    pub fn read(&mut self, spelling: &str) -> Result<(), String> {
        let (header, key) =
            spelling.rsplit_once('=').ok_or_else(|| format!("{spelling:?} is not of the form HEADER=NOTATION"))?;
        let at = self.place(header.trim())?;
        let notation = Notation::parse(key.trim()).ok_or_else(|| {
            let keys: Vec<_> = Notation::ALL.iter().map(|notation| notation.key()).collect();
            format!("A column is read as {}, not as {:?}", keys.join(", "), key.trim())
        })?;
        match self.written(at) {
            Some(written) if written.has(notation) => {}
            Some(Written::Dates) => return Err(format!("{} holds dates; {} is about numbers", header, notation.key())),
            Some(Written::Numbers) => {
                return Err(format!("{} holds numbers; {} is about dates", header, notation.key()));
            }
            None => return Err(format!("{header} becomes neither a date nor a number, so it is read in one way only")),
        }
        self.write_as(at, notation);
        Ok(())
    }

    /// The columns that are not read in the usual way, in words.
    pub fn read_otherwise(&self) -> Vec<String> {
        (0..self.columns.len())
            .filter_map(|at| {
                let notation = self.notation(at, self.written(at));
                (notation != Notation::Usual).then(|| format!("{}: {}", self.headers[at], notation.words()))
            })
            .collect()
    }
}

impl Notation {
    pub const ALL: [Notation; 4] = [Notation::Usual, Notation::DayFirst, Notation::MonthFirst, Notation::DecimalComma];

    /// As forms and `--read` say it.
    pub fn key(self) -> &'static str {
        match self {
            Notation::Usual => "usual",
            Notation::DayFirst => "day-first",
            Notation::MonthFirst => "month-first",
            Notation::DecimalComma => "decimal-comma",
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            Notation::Usual => "as usual",
            Notation::DayFirst => "day first",
            Notation::MonthFirst => "month first",
            Notation::DecimalComma => "decimal comma",
        }
    }
    pub fn parse(key: &str) -> Option<Notation> {
        Notation::ALL.into_iter().find(|notation| notation.key() == key)
    }

    /// The value as it is usually written. `zone` is where a time of day is one; without it a date is a calendar day.
    pub fn usually<'a>(self, raw: &'a str, zone: Option<Tz>) -> Result<Cow<'a, str>, String> {
        match self {
            Notation::Usual => Ok(raw.into()),
            Notation::DecimalComma => number(raw).map(Cow::from),
            // A year in front cannot be taken for anything else.
            _ if begins_with_a_year(raw) => Ok(raw.into()),
            order => date(raw, order, zone).map(Cow::from),
        }
    }
}

/// What can be done about a value that is wrong as the column is read now, but would be right in another way.
pub fn hint(written: Written, now: Notation, raw: &str) -> Option<&'static str> {
    let fits = |notation: &&(Notation, &str)| {
        notation.0 != Notation::Usual && notation.0.usually(raw, Some(Tz::UTC)).is_ok_and(|usual| usual != raw)
    };
    let other = now == Notation::Usual && written.notations().iter().any(|notation| fits(&notation));
    match written {
        Written::Dates if other => Some("Dates in this column are year-month-day; another order can be chosen for it."),
        Written::Numbers if other => {
            Some("Numbers in this column have a decimal point; a comma can be chosen for it instead.")
        }
        _ => None,
    }
}

fn begins_with_a_year(raw: &str) -> bool {
    let bytes = raw.as_bytes();
    bytes.len() > 4 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}

/// `31.12.2025` or `31/12/2025 14:30`, and the American order with the month first.
fn date(raw: &str, order: Notation, zone: Option<Tz>) -> Result<String, String> {
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
fn number(raw: &str) -> Result<String, String> {
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

/// What the values of a column leave open about how they are written.
#[derive(Clone, Debug)]
pub struct Doubt {
    day_first: bool,
    month_first: bool,
    comma: bool,
    /// A comma stood where none divides thousands.
    comma_told: bool,
}

impl Doubt {
    /// Before any value was seen.
    pub fn whole() -> Doubt {
        Doubt { day_first: true, month_first: true, comma: true, comma_told: false }
    }

    /// One more cell of the column.
    pub fn see(&mut self, cell: &str) {
        let Cell::Value(value) = cells::read(cell) else { return };
        let fits = |notation: Notation| notation.usually(value, Some(Tz::UTC)).is_ok();
        self.day_first = self.day_first && fits(Notation::DayFirst);
        self.month_first = self.month_first && fits(Notation::MonthFirst);
        self.comma = self.comma && fits(Notation::DecimalComma);
        self.comma_told = self.comma_told || (self.comma && !may_have_a_point(value));
    }

    /// The one way in which all of them make sense; the usual one as long as there is any doubt.
    pub fn notation(&self) -> Notation {
        match self {
            Doubt { day_first: true, month_first: false, .. } => Notation::DayFirst,
            Doubt { day_first: false, month_first: true, .. } => Notation::MonthFirst,
            Doubt { comma: true, comma_told: true, .. } => Notation::DecimalComma,
            _ => Notation::Usual,
        }
    }
}

/// True for a number that makes sense too where commas divide thousands: `5`, `1.234`, `12,345`.
fn may_have_a_point(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let mut groups = whole.split(',');
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().is_some_and(|group| {
        plain(group) && (!whole.contains(',') || group.len() <= 3) && !(whole.contains(',') && group.starts_with('0'))
    });
    first && groups.all(|group| plain(group) && group.len() == 3) && plain(part)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_notation_is_proposed_only_when_nothing_else_can_be_meant() {
        let proposed = |values: &[&str]| {
            let mut doubt = Doubt::whole();
            values.iter().for_each(|value| doubt.see(value));
            doubt.notation()
        };
        for (values, notation) in [
            (&["31.12.2025", "01.02.2025", "", "(clear)"][..], Notation::DayFirst),
            (&["2025-12-31", "31/12/2025 14:30"], Notation::DayFirst),
            (&["12/31/2025", "1/2/2025"], Notation::MonthFirst),
            (&["01.02.2025", "03.04.2025"], Notation::Usual),
            (&["31/12/2025", "12/31/2025"], Notation::Usual),
            (&["31.12.2025", "soon"], Notation::Usual),
            (&["2025-12-31"], Notation::Usual),
            (&["12,50", "7"], Notation::DecimalComma),
            (&["1.234,56"], Notation::DecimalComma),
            (&["1.234", "'-0,125"], Notation::DecimalComma),
            (&["1.234.567", "5"], Notation::DecimalComma),
            (&["1,234", "12,345,678"], Notation::Usual),
            (&["1.234", "5.500"], Notation::Usual),
            (&["1,234.56", "1,5"], Notation::Usual),
            (&["12,50", "12.5"], Notation::Usual),
            (&["Doe, Jane"], Notation::Usual),
            (&[], Notation::Usual),
        ] {
            assert_eq!(proposed(values), notation, "{values:?}");
        }
    }

    #[test]
    fn samples_that_are_not_usual_are_noticed_even_in_doubt() {
        let looks = |values: &[&str]| Written::of_samples(&values.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(looks(&["01/02/2025", "03/04/2025"]), Some(Written::Dates));
        assert_eq!(looks(&["1,234"]), Some(Written::Numbers));
        assert_eq!([looks(&["2025-01-02"]), looks(&["5"]), looks(&["Oslo"]), looks(&[])], [None; 4]);
    }
}
