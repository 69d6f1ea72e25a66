//! A row as the place in an order where a page begins, and how that travels in an address.

use super::Row;
use super::columns::By;
use super::order::{Key, Sort};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, NaiveDateTime};
use serde::{Deserialize, Serialize};

/// What a customer has in a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Time(Option<NaiveDateTime>),
}

impl Value {
    pub fn is_missing(&self) -> bool {
        matches!(self, Value::Text(None) | Value::Number(None) | Value::Time(None))
    }

    pub fn of(key: &Key, row: &Row) -> Value {
        match *key.by {
            By::Text(_, of) => Value::Text(of(row)),
            By::Number(_, of) => Value::Number(of(row)),
            By::Time(_, of) => Value::Time(of(row)),
        }
    }
}

/// The row a page begins after, or ends before.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// True when the page before the row is meant.
    pub back: bool,
    /// The place the next page begins at, or the row itself has when going back; counted from 1.
    pub number: i64,
    pub(super) values: Vec<Value>,
    pub(super) id: i64,
}

/// A cursor as it travels: the order it belongs to, direction, place, values, id.
#[derive(Serialize, Deserialize)]
struct Written(String, bool, i64, Vec<serde_json::Value>, i64);

const WRONG: &str = "This cursor is not one of ours, or is cut off. Begin again at the first page.";

impl Cursor {
    pub fn at(row: &Row, sort: &Sort, back: bool, number: i64) -> Cursor {
        let values = sort.0.iter().map(|key| Value::of(key, row)).collect();
        Cursor { back, number, values, id: row.customer.id }
    }

    pub fn write(&self, sort: &Sort) -> String {
        let value = |value: &Value| match value {
            Value::Text(text) => serde_json::json!(text),
            Value::Number(number) => serde_json::json!(number),
            Value::Time(at) => serde_json::json!(at.map(|at| at.and_utc().timestamp_micros())),
        };
        let written = Written(sort.spell(), self.back, self.number, self.values.iter().map(value).collect(), self.id);
        // Strings and numbers always become JSON.
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_string(&written).unwrap_or_default())
    }

    /// Reads a cursor of this order. Anything a stranger makes up is refused here and never reaches the database.
    pub fn read(text: &str, sort: &Sort) -> Result<Cursor, String> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| WRONG)?;
        let Written(order, back, number, values, id) = serde_json::from_slice(&bytes).map_err(|_| WRONG)?;
        if order != sort.spell() {
            return Err("This cursor belongs to another order. Begin again at the first page.".into());
        }
        if values.len() != sort.0.len() || number < 0 {
            return Err(WRONG.into());
        }
        let values = values.into_iter().zip(&sort.0).map(|(value, key)| read(value, key)).collect::<Option<_>>();
        Ok(Cursor { back, number, values: values.ok_or(WRONG)?, id })
    }
}

fn read(value: serde_json::Value, key: &Key) -> Option<Value> {
    use serde_json::Value as Json;
    Some(match (key.by, value) {
        (By::Text(..), Json::Null) => Value::Text(None),
        // PostgreSQL knows no NUL.
        (By::Text(..), Json::String(text)) if !text.contains('\0') => Value::Text(Some(text)),
        (By::Number(..), Json::Null) => Value::Number(None),
        (By::Number(..), Json::Number(number)) => Value::Number(Some(number.as_i64()?)),
        (By::Time(..), Json::Null) => Value::Time(None),
        (By::Time(..), Json::Number(micros)) => {
            let at = DateTime::from_timestamp_micros(micros.as_i64()?)?.naive_utc();
            Value::Time(Some(at).filter(|at| (0..=9999).contains(&at.year())))
        }
        _ => return None,
    })
}
