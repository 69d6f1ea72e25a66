//! Dates and numbers that a column writes in another way than the usual one: day or month first, a decimal comma.
//!
//! A cell is spelled in the usual way first and then cleaned like any other, so that nothing else has to know of this.
//! Which way a column has is proposed where its values leave no doubt, and chosen by a person otherwise.

mod doubt;
mod spelling;

pub use doubt::Doubt;

use super::columns::{Column, Field, Kind};
use super::plan::Plan;
use crate::custom_fields;
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
            Notation::DecimalComma => spelling::number(raw).map(Cow::from),
            // A year in front cannot be taken for anything else.
            _ if spelling::begins_with_a_year(raw) => Ok(raw.into()),
            order => spelling::date(raw, order, zone).map(Cow::from),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_are_not_usual_are_noticed_even_in_doubt() {
        let looks = |values: &[&str]| Written::of_samples(&values.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(looks(&["01/02/2025", "03/04/2025"]), Some(Written::Dates));
        assert_eq!(looks(&["1,234"]), Some(Written::Numbers));
        assert_eq!([looks(&["2025-01-02"]), looks(&["5"]), looks(&["Oslo"]), looks(&[])], [None; 4]);
    }
}
