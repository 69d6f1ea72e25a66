//! Where in an order a page begins, as the database is asked.

use super::columns::{By, Typed};
use super::cursor::Value;
use super::order::Key;
use super::{Page, Row};
use crate::db::Backend;
use crate::db::nodes::On;
use crate::db::schema::customers;
use diesel::prelude::*;

/// A condition on a customer's row that may be NULL, which is no.
type Maybe = On<customers::table>;

/// An order from a row on, one way or the other: a page is its beginning.
#[derive(Clone, Copy)]
pub struct Course<'a> {
    keys: &'a [Key],
    /// What the row has in each of the columns, and its id.
    from: Option<(&'a [Value], i64)>,
    back: bool,
    /// Which way ids go among those who are alike in all columns.
    up: bool,
}

impl<'a> Course<'a> {
    pub fn of(page: &'a Page) -> Course<'a> {
        let keys = &page.sort.0[..];
        let cursor = page.cursor.as_ref();
        let back = cursor.is_some_and(|cursor| cursor.back);
        // Ties are broken in the direction of the first column.
        let up = keys.first().is_some_and(|first| first.descending) == back;
        Course { keys, from: cursor.map(|cursor| (&cursor.values[..], cursor.id)), back, up }
    }

    /// The stretches to read, in turn, each of them a walk along the index of the first column: those who are like the
    /// row in it, those with another value, those without one.
    pub fn stretches(self) -> Vec<Place<'a>> {
        let place = |stretch| Place { course: self, stretch };
        let Some(first) = self.keys.first() else { return vec![place(Stretch::Whole)] };
        // A column that everybody has something in.
        let never_missing =
            matches!(first.column.key, "created_at" | "updated_at" | "purchase_count" | "total_spent" | "id");
        let afresh = |stretch| Place { course: self.afresh(), stretch };
        let missing = |place: Place<'a>| (!never_missing).then_some(place);
        let value = self.from.map(|(values, _)| values.first().filter(|value| !value.is_missing()));
        let (last, back) = (Stretch::Alike(None), self.back);
        let turn = match (value, back) {
            (None, false) => [Some(place(Stretch::Further(None))), missing(place(last)), None],
            (None, true) => [missing(place(last)), Some(place(Stretch::Further(None))), None],
            (Some(None), false) => [missing(place(last)), None, None],
            (Some(None), true) => [missing(place(last)), Some(afresh(Stretch::Further(None))), None],
            (Some(value), _) => [
                Some(place(Stretch::Alike(value))),
                Some(place(Stretch::Further(value))),
                missing(afresh(last)).filter(|_| !back),
            ],
        };
        turn.into_iter().flatten().collect()
    }

    /// All of it at once, which no index serves: for a few who are sorted.
    pub fn whole(self) -> Place<'a> {
        Place { course: self, stretch: Stretch::Whole }
    }

    /// The order from its beginning.
    fn afresh(self) -> Course<'a> {
        Course { from: None, ..self }
    }

    /// Where the order is that of ids: whether they go up, and the id this begins after.
    pub fn by_id(&self) -> Option<(bool, Option<i64>)> {
        let up = match self.keys.first() {
            None => self.up,
            Some(first) if first.column.key == "id" => first.descending == self.back,
            Some(_) => return None,
        };
        Some((up, self.from.map(|(_, id)| id)))
    }

    /// Whether this is the very order of an index on (first column, id).
    pub fn is_of_one_index(&self) -> bool {
        matches!(self.keys, [only] if (only.descending == self.back) == self.up)
    }

    /// The order among those who are alike in the first column.
    fn rest(self) -> Course<'a> {
        let from = self.from.map(|(values, id)| (values.get(1..).unwrap_or_default(), id));
        Course { keys: self.keys.get(1..).unwrap_or_default(), from, ..self }
    }

    /// Beyond the row as far as the columns from `index` on decide; then the id.
    fn beyond(&self, index: usize) -> Option<Maybe> {
        let (values, id) = self.from?;
        let (Some(key), Some(value)) = (self.keys.get(index), values.get(index)) else {
            return Some(match self.up {
                true => Box::new(customers::id.nullable().gt(id).assume_not_null()),
                false => Box::new(customers::id.nullable().lt(id).assume_not_null()),
            });
        };
        let rest = self.beyond(index + 1)?;
        Some(match (value.is_missing(), self.back) {
            (true, false) => Box::new(presence(key, false).and(rest)),
            (true, true) => Box::new(presence(key, true).or(rest)),
            (false, back) => {
                let further = compare(key, value, self.further(key));
                let same: Maybe = Box::new(compare(key, value, Compare::Same).and(rest));
                match back {
                    false => Box::new(further.or(presence(key, false)).or(same)),
                    true => Box::new(further.or(same)),
                }
            }
        })
    }

    fn further(&self, key: &Key) -> Compare {
        if key.descending == self.back { Compare::More } else { Compare::Less }
    }
}

/// Which part of a course.
#[derive(Clone, Copy)]
enum Stretch<'a> {
    Whole,
    /// Those with this value in the first column, or without one.
    Alike(Option<&'a Value>),
    /// Those with a value beyond this one, or with any.
    Further(Option<&'a Value>),
}

/// One stretch of a course.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    course: Course<'a>,
    stretch: Stretch<'a>,
}

/// Those who are alike in the first column of an order, and the order among them.
pub struct Alike<'a> {
    key: &'a Key,
    value: Option<Value>,
    pub course: Course<'a>,
}

impl Alike<'_> {
    /// The query among all of them, along the index of the column.
    pub fn of<'q, S: 'q>(&self, query: Query<'q, S>) -> Query<'q, S> {
        let query = query.filter(alike(self.key, self.value.as_ref()));
        let query = match *self.key.by {
            By::Text(column, _) => sorted(query, column, false, false, true),
            By::Number(column, _) => sorted(query, column, false, false, true),
            By::Time(column, _) => sorted(query, column, false, false, true),
        };
        query.then_order_by(customers::id.asc())
    }
}

impl<'a> Place<'a> {
    /// Those this is about, when they are alike in the first column.
    pub fn alike(&self) -> Option<Alike<'a>> {
        let Stretch::Alike(value) = self.stretch else { return None };
        Some(Alike { key: self.course.keys.first()?, value: value.cloned(), course: self.course.rest() })
    }

    /// All who are like this customer.
    pub fn alike_to(&self, row: &Row) -> Option<Alike<'a>> {
        let key = self.course.keys.first()?;
        let value = Some(Value::of(key, row)).filter(|value| !value.is_missing());
        Some(Alike { key, value, course: self.course.afresh().rest() })
    }

    /// The same stretch in the order of the index of the first column, whatever else it is sorted by.
    pub fn by_first(&self) -> Place<'a> {
        let keys = self.course.keys.get(..1).unwrap_or_default();
        let up = keys.first().is_some_and(|first| first.descending) == self.course.back;
        Place { course: Course { keys, up, ..self.course }, ..*self }
    }

    /// The order of the whole, from its beginning.
    pub fn order(&self) -> Course<'a> {
        self.course.afresh()
    }

    /// The condition that keeps a query to this stretch.
    fn within(&self) -> Option<Maybe> {
        let key = self.course.keys.first();
        match (self.stretch, key) {
            (Stretch::Alike(value), Some(key)) => {
                let alike = alike(key, value);
                Some(match self.course.beyond(1) {
                    Some(beyond) => Box::new(alike.and(beyond)),
                    None => alike,
                })
            }
            (Stretch::Further(Some(value)), Some(key)) => Some(compare(key, value, self.course.further(key))),
            (Stretch::Further(None), Some(key)) => Some(presence(key, true)),
            (_, _) => self.course.beyond(0),
        }
    }

    /// The query within this stretch and in its order.
    pub fn of<'q, S: 'q>(&self, mut query: Query<'q, S>) -> Query<'q, S> {
        if let Some(within) = self.within() {
            query = query.filter(within);
        }
        let Course { keys, back, up, .. } = self.course;
        // The first column is named where nobody has a value too: it keeps PostgreSQL to the index on it, where by id
        // alone it may read everybody in the hope of meeting some without a value soon.
        for (index, key) in keys.iter().enumerate() {
            let ascending = key.descending == back;
            let inner = index > 0 || matches!(self.stretch, Stretch::Whole);
            query = match *key.by {
                By::Text(column, _) => sorted(query, column, inner, back, ascending),
                By::Number(column, _) => sorted(query, column, inner, back, ascending),
                By::Time(column, _) => sorted(query, column, inner, back, ascending),
            };
        }
        if up { query.then_order_by(customers::id.asc()) } else { query.then_order_by(customers::id.desc()) }
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

fn alike(key: &Key, value: Option<&Value>) -> Maybe {
    value.map_or_else(|| presence(key, false), |value| compare(key, value, Compare::Same))
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
    Same,
}

fn compare(key: &Key, value: &Value, how: Compare) -> Maybe {
    macro_rules! asked {
        ($column:expr, $value:expr) => {
            match how {
                Compare::More => Box::new($column().assume_not_null().gt($value)),
                Compare::Less => Box::new($column().assume_not_null().lt($value)),
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
