//! Conditions on numbers and money. Both are stored as whole numbers (money in minor units, never floats), so what is
//! typed with more decimals than are stored is compared exactly, by the whole numbers around it.

use super::ask::{Ask, Source};
use super::asked::Asked;
use super::fields::types::MONEY;
use super::fields::{Column, NumberColumn};
use crate::decimal::{self, Around};
use diesel::prelude::*;

fn column(asked: &Asked) -> Result<fn() -> NumberColumn, String> {
    match asked.field.column {
        Column::Number(column) => Ok(column),
        _ => Err(format!("{} is not a number", asked.field.label)),
    }
}

fn typed(asked: &Asked, hole: usize) -> Result<Around, String> {
    decimal::read(asked.decimal(hole)?, if asked.field.kind & MONEY != 0 { asked.known.decimals } else { 0 })
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
