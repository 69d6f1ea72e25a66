//! Conditions on numbers, money and yes/no. All are stored as whole numbers (money in minor units, custom numbers in
//! millionths, never floats), so what is typed with more decimals than are stored is compared exactly, by the whole
//! numbers around it.

use super::asked::Asked;
use super::fields::types::MONEY;
use super::wanted::{Numbers, Wanted};
use crate::custom_fields;
use crate::decimal::{self, Around};

/// A typed number among the stored ones.
fn typed(asked: &Asked, hole: usize) -> Result<Around, String> {
    let decimals = match asked.field.is_custom() {
        true => custom_fields::DECIMALS,
        false if asked.field.is(MONEY) => asked.known.decimals,
        false => 0,
    };
    decimal::read(asked.decimal(hole)?, decimals)
}

fn numbers(first: Option<i64>, last: Option<i64>) -> Result<Wanted, String> {
    Ok(Wanted::Numbers(Numbers { first, last }))
}

pub fn eq(asked: &Asked) -> Result<Wanted, String> {
    match typed(asked, 0)? {
        Around { floor, ceil } if floor == ceil => numbers(Some(floor), Some(ceil)),
        // More decimals than are stored: nobody has exactly that.
        _ => Ok(Wanted::Nothing),
    }
}

pub fn gt(asked: &Asked) -> Result<Wanted, String> {
    match typed(asked, 0)?.floor.checked_add(1) {
        Some(first) => numbers(Some(first), None),
        None => Ok(Wanted::Nothing),
    }
}

pub fn gte(asked: &Asked) -> Result<Wanted, String> {
    numbers(Some(typed(asked, 0)?.ceil), None)
}

pub fn lt(asked: &Asked) -> Result<Wanted, String> {
    match typed(asked, 0)?.ceil.checked_sub(1) {
        Some(last) => numbers(None, Some(last)),
        None => Ok(Wanted::Nothing),
    }
}

pub fn lte(asked: &Asked) -> Result<Wanted, String> {
    numbers(None, Some(typed(asked, 0)?.floor))
}

/// Both ends included.
pub fn between(asked: &Asked) -> Result<Wanted, String> {
    let (from, to) = (typed(asked, 0)?, typed(asked, 1)?);
    if from.floor > to.ceil {
        return Err(
            "The first number is larger than the second. Until they are swapped this filter selects nobody.".into()
        );
    }
    numbers(Some(from.ceil), Some(to.floor))
}

pub fn is_true(_: &Asked) -> Result<Wanted, String> {
    numbers(Some(1), Some(1))
}

pub fn is_false(_: &Asked) -> Result<Wanted, String> {
    numbers(Some(0), Some(0))
}
