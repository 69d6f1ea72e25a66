//! What a checked filter asks of the database. Each condition is one expression on the table that decides it
//! ([`Source`]); everything else is yes/no algebra over those ([`Ask`]), so a negative is always the exact complement of
//! its positive and a customer with three tags is still one customer.
//!
//! A source is defined once and asked in three forms: of one row of `customers` ([`Source::row`], for lists, exports and
//! whatever changes customers), for the ids of all who fit, or of those who fit among a few ([`Source::ids`], to fill the
//! sets of `sets` and to patch them).

use super::Predicate;
use super::rule::Join;
use crate::db::Conn;
use crate::db::nodes::{Among, Has, On};
use crate::db::schema::{consents, custom_values, customers, purchases, segment_members, taggings};
use diesel::prelude::*;
use diesel::sql_types::Bool;

/// Whose rows decide: the customer's own row, or at least one row of a child table. An expression on a row is never
/// NULL: each says what a missing value answers.
pub enum Source {
    Own(On<customers::table>),
    Tags(On<taggings::table>),
    Consents(On<consents::table>),
    Members(On<segment_members::table>),
    Values(On<custom_values::table>),
    Purchases(On<purchases::table>),
}

impl Source {
    /// The question asked of one row of `customers`.
    pub fn row(self) -> Predicate {
        match self {
            Source::Own(condition) => condition,
            Source::Tags(condition) => Box::new(Has { table: "taggings", condition }),
            Source::Consents(condition) => Box::new(Has { table: "consents", condition }),
            Source::Members(condition) => Box::new(Has { table: "segment_members", condition }),
            Source::Values(condition) => Box::new(Has { table: "custom_values", condition }),
            Source::Purchases(condition) => Box::new(Has { table: "purchases", condition }),
        }
    }

    /// The ids of everybody it is true for, or of those among a few; in no order, and some may come twice.
    pub fn ids(self, among: Option<Vec<i64>>, conn: &mut Conn) -> QueryResult<Vec<i64>> {
        macro_rules! of {
            ($table:ident . $column:ident, $condition:ident) => {{
                let column = concat!(stringify!($table), ".", stringify!($column));
                let condition: On<$table::table> = match among {
                    Some(ids) => Box::new($condition.and(Among { column, ids })),
                    None => $condition,
                };
                $table::table.filter(condition).select($table::$column).load(conn)
            }};
        }
        match self {
            Source::Own(condition) => of!(customers.id, condition),
            Source::Tags(condition) => of!(taggings.customer_id, condition),
            Source::Consents(condition) => of!(consents.customer_id, condition),
            Source::Members(condition) => of!(segment_members.customer_id, condition),
            Source::Values(condition) => of!(custom_values.customer_id, condition),
            Source::Purchases(condition) => of!(purchases.customer_id, condition),
        }
    }
}

/// Yes/no algebra over sources, or over the rows of one table.
pub enum Ask<S = Source> {
    Everyone,
    Nobody,
    One(S),
    Not(Box<Ask<S>>),
    All(Vec<Ask<S>>),
    Any(Vec<Ask<S>>),
}

impl Ask {
    pub fn tags(condition: On<taggings::table>) -> Ask {
        Ask::One(Source::Tags(condition))
    }

    /// One SQL expression over `customers`, true or false for every row.
    pub fn predicate(self) -> Predicate {
        self.expression(&Source::row)
    }
}

impl<S> Ask<S> {
    /// The rows of a group as its kind joins them.
    pub fn joined(join: Join, asks: Vec<Ask<S>>) -> Ask<S> {
        match join {
            Join::All => Ask::All(asks),
            Join::Any => Ask::Any(asks),
            Join::None => Ask::Any(asks).negated(),
        }
    }

    pub fn negated(self) -> Ask<S> {
        match self {
            Ask::Everyone => Ask::Nobody,
            Ask::Nobody => Ask::Everyone,
            Ask::Not(inner) => *inner,
            ask => Ask::Not(Box::new(ask)),
        }
    }

    /// One SQL expression over a table, given what each source is on it.
    pub fn expression<T: 'static>(self, of: &impl Fn(S) -> On<T>) -> On<T> {
        match self {
            Ask::Everyone => Box::new(true.into_sql::<Bool>()),
            Ask::Nobody => Box::new(false.into_sql::<Bool>()),
            Ask::One(source) => of(source),
            Ask::Not(inner) => Box::new(diesel::dsl::not(inner.expression(of))),
            Ask::All(asks) => all(asks.into_iter().map(|ask| ask.expression(of)).collect()),
            Ask::Any(asks) => any(asks.into_iter().map(|ask| ask.expression(of)).collect()),
        }
    }
}

/// True where each is; without any, everywhere.
pub fn all<T: 'static>(conditions: Vec<On<T>>) -> On<T> {
    halved(conditions, &|left, right| Box::new(left.and(right))).unwrap_or_else(|| Box::new(true.into_sql::<Bool>()))
}

/// True where at least one is; without any, nowhere.
pub fn any<T: 'static>(conditions: Vec<On<T>>) -> On<T> {
    halved(conditions, &|left, right| Box::new(left.or(right))).unwrap_or_else(|| Box::new(false.into_sql::<Bool>()))
}

/// Joins a list as a balanced tree: SQLite refuses expressions that are a thousand deep, and a list may be as long.
fn halved<T: 'static>(mut conditions: Vec<On<T>>, join: &impl Fn(On<T>, On<T>) -> On<T>) -> Option<On<T>> {
    match conditions.len() {
        0 | 1 => conditions.pop(),
        many => {
            let right = halved(conditions.split_off(many / 2), join)?;
            Some(join(halved(conditions, join)?, right))
        }
    }
}
