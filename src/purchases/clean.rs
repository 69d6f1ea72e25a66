//! What may be stored about a purchase, made from what was typed, imported or sent by a program. An `Err` is a sentence
//! for whoever reads it.

use crate::customers::clean;
use crate::decimal;
use crate::workspace::Workspace;

/// The longest name of a product.
const PRODUCT: usize = 200;
/// The largest amount, in minor units: sums of millions of them still fit.
const MOST: u64 = 1_000_000_000_000;

pub fn product(raw: &str) -> Result<Option<String>, String> {
    clean::text(raw, PRODUCT)
}

/// Whole minor units of what is written in the workspace's currency: `120.50` is 12050. What was given back is negative.
pub fn amount(raw: &str, here: &Workspace) -> Result<i64, String> {
    within(decimal::exact(raw.trim(), here.decimals())?)
}

/// An amount that was given in minor units.
pub fn within(minor: i64) -> Result<i64, String> {
    match minor.unsigned_abs() <= MOST {
        true => Ok(minor),
        false => Err("This amount is larger than any that can be kept.".into()),
    }
}

/// The workspace counts in one currency; another is refused rather than added up wrongly.
pub fn currency(raw: &str, here: &Workspace) -> Result<String, String> {
    let code = raw.trim().to_uppercase();
    match code == here.currency {
        true => Ok(code),
        false => Err(format!("Purchases here are in {}; {} cannot be added to them.", here.currency, raw.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_minor_units_of_the_one_currency() {
        let euro = Workspace::default();
        let yen = Workspace { currency: "JPY".into(), ..Workspace::default() };
        assert_eq!(
            (amount("120.50", &euro), amount(" -5", &euro), amount("1200", &yen)),
            (Ok(12_050), Ok(-500), Ok(1200))
        );
        for (nonsense, here) in [("12,50", &euro), ("1.005", &euro), ("1.5", &yen), ("", &euro), ("99999999999", &euro)]
        {
            assert!(amount(nonsense, here).is_err(), "{nonsense}");
        }
        assert_eq!(currency(" eur ", &euro), Ok("EUR".into()));
        assert!(currency("SEK", &euro).is_err_and(|words| words.contains("in EUR; SEK")));
    }
}
