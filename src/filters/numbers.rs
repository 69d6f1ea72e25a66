//! Conditions on numbers and money. Both are stored as whole numbers (money in minor units, never floats), so what is
//! typed with more decimals than are stored is compared exactly, by the whole numbers around it.

use super::ask::{Ask, Source};
use super::asked::Asked;
use super::fields::types::MONEY;
use super::fields::{Column, NumberColumn};
use diesel::prelude::*;

/// A typed number among the stored ones: the last that is not above it and the first that is not below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Around {
    floor: i64,
    ceil: i64,
}

/// `1000`, `1000.5`, `-3`; anything else is told how to write it.
fn read(typed: &str, decimals: u32) -> Result<Around, String> {
    let wrong = || format!("“{typed}” is not a number. Write it like 1000 or 15.50.");
    let (sign, digits) = match typed.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, typed),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || (part.is_empty() && digits.contains('.')) {
        return Err(wrong());
    }
    let kept: String = part.chars().chain(std::iter::repeat('0')).take(decimals as usize).collect();
    let rest = part.chars().skip(decimals as usize).any(|c| c != '0');
    let stored: i64 = format!("{whole}{kept}").parse().map_err(|_| format!("“{typed}” is too large."))?;
    Ok(match (sign, rest) {
        (1, true) => Around { floor: stored, ceil: stored + 1 },
        (-1, true) => Around { floor: -stored - 1, ceil: -stored },
        (sign, _) => Around { floor: sign * stored, ceil: sign * stored },
    })
}

fn column(asked: &Asked) -> Result<fn() -> NumberColumn, String> {
    match asked.field.column {
        Column::Number(column) => Ok(column),
        _ => Err(format!("{} is not a number", asked.field.label)),
    }
}

fn typed(asked: &Asked, hole: usize) -> Result<Around, String> {
    read(asked.decimal(hole)?, if asked.field.kind & MONEY != 0 { asked.known.decimals } else { 0 })
}

macro_rules! compared {
    ($asked:ident, $column:ident => $compare:expr) => {{
        let $column = column($asked)?;
        Ok(Ask::One(Source::Own(Box::new($column().is_not_null().and($compare)))))
    }};
}

pub fn eq(asked: &Asked) -> Result<Ask, String> {
    let n = typed(asked, 0)?;
    if n.floor != n.ceil {
        // More decimals than are stored: nobody has exactly that.
        return Ok(Ask::Nobody);
    }
    compared!(asked, column => column().assume_not_null().eq(n.floor))
}

pub fn gt(asked: &Asked) -> Result<Ask, String> {
    let n = typed(asked, 0)?;
    compared!(asked, column => column().assume_not_null().gt(n.floor))
}

pub fn gte(asked: &Asked) -> Result<Ask, String> {
    let n = typed(asked, 0)?;
    compared!(asked, column => column().assume_not_null().ge(n.ceil))
}

pub fn lt(asked: &Asked) -> Result<Ask, String> {
    let n = typed(asked, 0)?;
    compared!(asked, column => column().assume_not_null().lt(n.ceil))
}

pub fn lte(asked: &Asked) -> Result<Ask, String> {
    let n = typed(asked, 0)?;
    compared!(asked, column => column().assume_not_null().le(n.floor))
}

/// Both ends included.
pub fn between(asked: &Asked) -> Result<Ask, String> {
    let (from, to) = (typed(asked, 0)?, typed(asked, 1)?);
    if from.floor > to.ceil {
        return Err(
            "The first number is larger than the second. Until they are swapped this filter selects nobody.".into()
        );
    }
    let (from, to) = (from.ceil, to.floor);
    compared!(asked, column => column().assume_not_null().ge(from).and(column().assume_not_null().le(to)))
}

pub fn is_empty(asked: &Asked) -> Result<Ask, String> {
    Ok(Ask::One(Source::Own(Box::new(column(asked)?().is_null()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_stands_among_whole_numbers() {
        let around = |floor, ceil| Ok(Around { floor, ceil });
        assert_eq!(read("15.5", 2), around(1550, 1550));
        assert_eq!(read("-3", 0), around(-3, -3));
        assert_eq!(read("2.5", 0), around(2, 3));
        assert_eq!(read("-2.5", 0), around(-3, -2));
        assert_eq!(read("0.001", 2), around(0, 1));
        assert_eq!(read("7.00", 0), around(7, 7));
        for nonsense in ["", "-", ".5", "5.", "1,000", "1e3", "٣", "ten", "99999999999999999999"] {
            assert!(read(nonsense, 2).is_err(), "{nonsense}");
        }
    }
}
