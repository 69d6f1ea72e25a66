//! Values of custom fields: as people read them, as programs do, and writing several at once.

use super::{CustomField, Kind, Value, date, set};
use crate::customers::{By, touch};
use crate::db::{Conn, dialect};
use crate::web;
use diesel::prelude::*;
use serde_json::{Number, Value as Json};

impl CustomField {
    /// A stored value as people read it: `28 Feb 1990`, `1,220.5`, `yes`.
    pub fn spoken(&self, stored: &str) -> String {
        match self.kind {
            Kind::Date => date(stored).map(|day| day.format("%-d %b %Y").to_string()),
            Kind::Number => grouped(stored),
            Kind::Text | Kind::YesNo | Kind::Choice => None,
        }
        .unwrap_or_else(|| stored.to_string())
    }

    /// A stored value as programs read it: numbers and yes/no as such, dates and text as text. A number that would lose
    /// digits on the way is text too.
    pub fn to_json(&self, stored: &str) -> Json {
        let json = match self.kind {
            Kind::Number => exact(stored).map(Json::Number),
            Kind::YesNo => Some(Json::Bool(stored == "yes")),
            Kind::Text | Kind::Date | Kind::Choice => None,
        };
        json.unwrap_or_else(|| stored.into())
    }
}

/// `-1220.5` as `−1,220.5`.
fn grouped(stored: &str) -> Option<String> {
    let (sign, digits) = stored.strip_prefix('-').map_or(("", stored), |digits| ("−", digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = web::thousands(&whole.parse().ok()?);
    Some(if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
}

/// The JSON number that reads back as the same digits, if there is one.
fn exact(stored: &str) -> Option<Number> {
    if let Ok(whole) = stored.parse::<i64>() {
        return Some(whole.into());
    }
    let near: f64 = stored.parse().ok()?;
    (near.to_string() == stored).then(|| Number::from_f64(near)).flatten()
}

/// A JSON value as if it had been typed; `None` for a list or an object.
pub fn typed(json: &Json) -> Option<String> {
    match json {
        Json::Null => Some(String::new()),
        Json::String(text) => Some(text.clone()),
        Json::Bool(answer) => Some(answer.to_string()),
        Json::Number(number) => Some(match number.as_f64().filter(|_| number.is_f64()) {
            Some(number) => decimals(number),
            None => number.to_string(),
        }),
        Json::Array(_) | Json::Object(_) => None,
    }
}

/// A float without an exponent. What was sent may be the last bit away from the digits that were meant.
fn decimals(number: f64) -> String {
    let short = format!("{number:.6}");
    let meant = short.parse::<f64>().is_ok_and(|short| (short - number).abs() <= number.abs() * f64::EPSILON * 2.0);
    if meant { short } else { number.to_string() }
}

/// Writes several values of one customer; true when that changed something, and then she was changed at that moment.
pub fn write(customer_id: i64, values: &[(CustomField, Option<Value>)], by: &By, conn: &mut Conn) -> QueryResult<bool> {
    if values.is_empty() {
        return Ok(false);
    }
    dialect::hold_customer(customer_id, conn)?;
    let mut changed = false;
    for (field, value) in values {
        changed |= set(customer_id, field, value.as_ref(), by, conn)?;
    }
    if changed {
        touch(customer_id, by.at, conn)?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(kind: Kind) -> CustomField {
        CustomField { id: 1, key: "f".into(), label: "F".into(), kind, choices: Vec::new(), gone: false }
    }

    #[test]
    fn people_read_days_and_figures() {
        let spoken = |kind, stored| field(kind).spoken(stored);
        assert_eq!(spoken(Kind::Date, "1990-02-28"), "28 Feb 1990");
        assert_eq!(spoken(Kind::Number, "-1220.5"), "−1,220.5");
        assert_eq!(spoken(Kind::Number, "0"), "0");
        assert_eq!(spoken(Kind::Text, "1220"), "1220");
        assert_eq!(spoken(Kind::YesNo, "yes"), "yes");
    }

    #[test]
    fn no_digit_is_lost_on_the_way_to_a_program_and_back() {
        for (stored, json) in [
            ("1220", json!(1220)),
            ("-15.5", json!(-15.5)),
            ("0.000001", json!(0.000001)),
            ("9223372036854.775807", json!("9223372036854.775807")),
            ("120.25", json!(120.25)),
        ] {
            let field = field(Kind::Number);
            assert_eq!(field.to_json(stored), json);
            let back = typed(&json).map(|typed| field.clean(&typed));
            assert_eq!(back.and_then(Result::ok).flatten().map(|value| value.text).as_deref(), Some(stored));
        }
        assert!(field(Kind::Number).clean(&typed(&json!(0.0000001)).unwrap_or_default()).is_err());
        assert!(field(Kind::Number).clean(&typed(&json!(1e30)).unwrap_or_default()).is_err());
        assert_eq!(field(Kind::YesNo).to_json("no"), json!(false));
        assert_eq!(field(Kind::Date).to_json("1990-02-28"), json!("1990-02-28"));
    }
}
