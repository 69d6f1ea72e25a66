//! Where in an order a page begins, as a cursor travels and as the database is asked.

use super::Row;
use super::columns::{By, Typed};
use super::order::{Key, Sort};
use crate::db::Backend;
use crate::db::nodes::On;
use crate::db::schema::customers;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, NaiveDateTime};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// What a customer has in a column.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Time(Option<NaiveDateTime>),
}

impl Value {
    fn is_missing(&self) -> bool {
        matches!(self, Value::Text(None) | Value::Number(None) | Value::Time(None))
    }

    fn of(key: &Key, row: &Row) -> Value {
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
    values: Vec<Value>,
    id: i64,
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

/// A condition on a customer's row that may be NULL, which is no.
type Maybe = On<customers::table>;

/// One stretch of an order, from where a page begins: customers with a first value, or those without.
pub struct Place<'a> {
    keys: &'a [Key],
    /// `None` when there is no first column: only ids.
    has_first: Option<bool>,
    from: Option<&'a Cursor>,
    back: bool,
}

impl<'a> Place<'a> {
    /// The stretches to walk, in turn.
    pub fn walk(sort: &'a Sort, cursor: Option<&'a Cursor>, back: bool) -> Vec<Place<'a>> {
        let keys = &sort.0[..];
        let place = |has_first, from| Place { keys, has_first, from, back };
        let Some(first) = keys.first() else { return vec![place(None, cursor)] };
        let missing = cursor.is_some_and(|cursor| cursor.values.first().is_none_or(Value::is_missing));
        // A column that everybody has something in has no second stretch.
        let never_missing =
            matches!(first.column.key, "created_at" | "updated_at" | "purchase_count" | "total_spent" | "id");
        match (missing, back) {
            (false, false) if never_missing => vec![place(Some(true), cursor)],
            (false, false) => vec![place(Some(true), cursor), place(Some(false), None)],
            (true, false) => vec![place(Some(false), cursor)],
            (false, true) => vec![place(Some(true), cursor)],
            (true, true) => vec![place(Some(false), cursor), place(Some(true), None)],
        }
    }

    /// Where the order is that of ids: whether they go up, and the id this begins after.
    pub fn by_id(&self) -> Option<(bool, Option<i64>)> {
        let by_id = self.keys.first().is_none_or(|first| first.column.key == "id");
        by_id.then(|| (self.ids_go_up(), self.from.map(|cursor| cursor.id)))
    }

    /// Ties are broken in the direction of the first column.
    fn ids_go_up(&self) -> bool {
        let descending = self.keys.first().is_some_and(|first| first.descending);
        descending == self.back
    }

    /// The condition that keeps a query to this stretch.
    fn within(&self) -> Option<Maybe> {
        let first = self.keys.first().zip(self.has_first);
        let stretch = first.map(|(key, has)| presence(key, has));
        let beyond = self.from.map(|cursor| match self.has_first {
            Some(true) => self.beyond_first(cursor),
            Some(false) => self.beyond(1, cursor),
            None => self.beyond(0, cursor),
        });
        match (stretch, beyond) {
            (Some(stretch), Some(beyond)) => Some(Box::new(stretch.and(beyond))),
            (stretch, beyond) => stretch.or(beyond),
        }
    }

    /// `a >= x AND (a > x OR rest)`: written like this, an index on the column is entered at the right place.
    fn beyond_first(&self, cursor: &Cursor) -> Maybe {
        let (Some(key), Some(value)) = (self.keys.first(), cursor.values.first()) else {
            return self.beyond(0, cursor);
        };
        let up = key.descending == self.back;
        let further = compare(key, value, if up { Compare::More } else { Compare::Less });
        let here = compare(key, value, if up { Compare::NotLess } else { Compare::NotMore });
        Box::new(here.and(further.or(self.beyond(1, cursor))))
    }

    /// Beyond the cursor as far as the columns from `index` on decide; then the id.
    fn beyond(&self, index: usize, cursor: &Cursor) -> Maybe {
        let (Some(key), Some(value)) = (self.keys.get(index), cursor.values.get(index)) else {
            return match self.ids_go_up() {
                true => Box::new(customers::id.nullable().gt(cursor.id).assume_not_null()),
                false => Box::new(customers::id.nullable().lt(cursor.id).assume_not_null()),
            };
        };
        let rest = self.beyond(index + 1, cursor);
        match (value.is_missing(), self.back) {
            (true, false) => Box::new(presence(key, false).and(rest)),
            (true, true) => Box::new(presence(key, true).or(rest)),
            (false, back) => {
                let up = key.descending == back;
                let further = compare(key, value, if up { Compare::More } else { Compare::Less });
                let same: Maybe = Box::new(compare(key, value, Compare::Same).and(rest));
                match back {
                    false => Box::new(further.or(presence(key, false)).or(same)),
                    true => Box::new(further.or(same)),
                }
            }
        }
    }

    /// The query within this stretch and in its order.
    pub fn of<'q, S: 'q>(&self, mut query: Query<'q, S>) -> Query<'q, S> {
        if let Some(within) = self.within() {
            query = query.filter(within);
        }
        // The first column is named where nobody has a value too: it keeps PostgreSQL to the index on it, where by id
        // alone it may read everybody in the hope of meeting some without a value soon.
        for (index, key) in self.keys.iter().enumerate() {
            let up = key.descending == self.back;
            let inner = index > 0;
            query = match *key.by {
                By::Text(column, _) => sorted(query, column, inner, self.back, up),
                By::Number(column, _) => sorted(query, column, inner, self.back, up),
                By::Time(column, _) => sorted(query, column, inner, self.back, up),
            };
        }
        match self.ids_go_up() {
            true => query.then_order_by(customers::id.asc()),
            false => query.then_order_by(customers::id.desc()),
        }
    }
}

/// A query on customers that is still being put together, for columns of the types `S`.
pub type Query<'q, S> = customers::BoxedQuery<'q, Backend, S>;

fn sorted<'q, S, T>(query: Query<'q, S>, column: fn() -> Typed<T>, inner: bool, back: bool, up: bool) -> Query<'q, S>
where
    T: diesel::sql_types::SqlType + diesel::sql_types::SingleValue + 'static,
    diesel::sql_types::Nullable<T>: diesel::sql_types::SingleValue,
{
    // Where the values may be missing in between, those without come last, seen forwards.
    let query = match (inner, back) {
        (false, _) => query,
        (true, false) => query.then_order_by(column().is_null().asc()),
        (true, true) => query.then_order_by(column().is_null().desc()),
    };
    if up { query.then_order_by(column().asc()) } else { query.then_order_by(column().desc()) }
}

fn presence(key: &Key, has: bool) -> Maybe {
    macro_rules! asked {
        ($column:expr) => {
            if has { Box::new($column().is_not_null()) } else { Box::new($column().is_null()) }
        };
    }
    match *key.by {
        By::Text(column, _) => asked!(column),
        By::Number(column, _) => asked!(column),
        By::Time(column, _) => asked!(column),
    }
}

#[derive(Clone, Copy)]
enum Compare {
    More,
    Less,
    NotLess,
    NotMore,
    Same,
}

fn compare(key: &Key, value: &Value, how: Compare) -> Maybe {
    macro_rules! asked {
        ($column:expr, $value:expr) => {
            match how {
                Compare::More => Box::new($column().assume_not_null().gt($value)),
                Compare::Less => Box::new($column().assume_not_null().lt($value)),
                Compare::NotLess => Box::new($column().assume_not_null().ge($value)),
                Compare::NotMore => Box::new($column().assume_not_null().le($value)),
                Compare::Same => Box::new($column().assume_not_null().eq($value)),
            }
        };
    }
    match (key.by, value) {
        (By::Text(column, _), Value::Text(Some(text))) => asked!(column, text.clone()),
        (By::Number(column, _), Value::Number(Some(number))) => asked!(column, *number),
        (By::Time(column, _), Value::Time(Some(at))) => asked!(column, *at),
        // A missing value is never compared.
        _ => presence(key, false),
    }
}
