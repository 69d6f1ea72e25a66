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

    /// The stretches to read, in turn: one index serves both those who have a first value and those who have none.
    pub fn stretches(self) -> Vec<Place<'a>> {
        let begun = |has_first| Place { course: self, has_first: Some(has_first), begin: Begin::AfterRow };
        let whole = |has_first| Place { course: Course { from: None, ..self }, ..begun(has_first) };
        let Some(first) = self.keys.first() else { return vec![self.whole()] };
        // Those without a value come last: the way back begins with them.
        let missing = self.from.map_or(self.back, |(values, _)| values.first().is_none_or(Value::is_missing));
        // A column that everybody has something in has no second stretch.
        let never_missing =
            matches!(first.column.key, "created_at" | "updated_at" | "purchase_count" | "total_spent" | "id");
        match (missing, self.back) {
            (false, false) if never_missing => vec![begun(true)],
            (false, false) => vec![begun(true), whole(false)],
            (true, false) => vec![begun(false)],
            (false, true) => vec![begun(true)],
            (true, true) if never_missing => vec![whole(true)],
            (true, true) => vec![begun(false), whole(true)],
        }
    }

    /// All of it at once, which no index serves: for a few who are sorted.
    pub fn whole(self) -> Place<'a> {
        Place { course: self, has_first: None, begin: Begin::AfterRow }
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

    /// The order among those who are alike in the first column; `begun` where this row is one of them.
    fn rest(self, begun: bool) -> Course<'a> {
        let from = self.from.filter(|_| begun).map(|(values, id)| (values.get(1..).unwrap_or_default(), id));
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

/// What a place begins after.
#[derive(Clone, Copy, PartialEq)]
enum Begin {
    AfterRow,
    /// After all who are like the row in the first column.
    AfterAlike,
}

/// One stretch of a course: customers with a first value, or those without.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    course: Course<'a>,
    /// `None` when it is all of the course.
    has_first: Option<bool>,
    begin: Begin,
}

/// Those who are alike in the first column of an order, and the order among them.
pub struct Alike<'a> {
    key: &'a Key,
    value: Value,
    pub course: Course<'a>,
}

impl Alike<'_> {
    /// The query among them, along the index of the column.
    pub fn of<'q, S: 'q>(&self, query: Query<'q, S>) -> Query<'q, S> {
        let query = match self.value.is_missing() {
            true => query.filter(presence(self.key, false)),
            false => query.filter(compare(self.key, &self.value, Compare::Same)),
        };
        let query = match *self.key.by {
            By::Text(column, _) => sorted(query, column, false, false, true),
            By::Number(column, _) => sorted(query, column, false, false, true),
            By::Time(column, _) => sorted(query, column, false, false, true),
        };
        query.then_order_by(customers::id.asc())
    }
}

impl<'a> Place<'a> {
    /// Those this begins among, because they are like the row it begins after, or because nobody here has a first value.
    pub fn alike(&self) -> Option<Alike<'a>> {
        let key = self.course.keys.first()?;
        let value = match (self.has_first, self.course.from) {
            (Some(true), Some((values, _))) => values.first()?.clone(),
            (Some(false), _) => Value::Text(None),
            _ => return None,
        };
        Some(Alike { key, value, course: self.course.rest(true) })
    }

    /// What is left of this once those are passed, by the first column alone; `None` when nothing is.
    pub fn after_alike(&self) -> Option<Place<'a>> {
        let keys = self.course.keys.get(..1)?;
        let up = keys[0].descending == self.course.back;
        let course = Course { keys, up, ..self.course };
        (self.has_first == Some(true)).then_some(Place { course, begin: Begin::AfterAlike, ..*self })
    }

    /// The whole order, begun anew.
    pub fn afresh(&self) -> Course<'a> {
        Course { from: None, ..self.course }
    }

    /// Those who are like this customer, from the first on.
    pub fn alike_to(&self, row: &Row) -> Option<Alike<'a>> {
        let key = self.course.keys.first()?;
        Some(Alike { key, value: Value::of(key, row), course: self.course.rest(false) })
    }

    /// The condition that keeps a query to this stretch.
    fn within(&self) -> Option<Maybe> {
        let first = self.course.keys.first().zip(self.has_first);
        let stretch = first.map(|(key, has)| presence(key, has));
        let beyond = match self.has_first {
            Some(true) => self.beyond_first(),
            Some(false) => self.course.beyond(1),
            None => self.course.beyond(0),
        };
        match (stretch, beyond) {
            (Some(stretch), Some(beyond)) => Some(Box::new(stretch.and(beyond))),
            (stretch, beyond) => stretch.or(beyond),
        }
    }

    /// `a >= x AND (a > x OR rest)`: written like this, an index on the column is entered at the right place.
    fn beyond_first(&self) -> Option<Maybe> {
        let key = self.course.keys.first()?;
        let value = self.course.from?.0.first()?;
        let how = self.course.further(key);
        let further = compare(key, value, how);
        if self.begin == Begin::AfterAlike {
            return Some(further);
        }
        let here = if let Compare::More = how { Compare::NotLess } else { Compare::NotMore };
        Some(Box::new(compare(key, value, here).and(further.or(self.course.beyond(1)?))))
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
            let inner = index > 0 || self.has_first.is_none();
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
