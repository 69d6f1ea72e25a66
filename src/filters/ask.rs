//! What a checked filter asks of the database. Each condition is one expression on the table that decides it
//! ([`Source`]); everything else is yes/no algebra over those ([`Ask`]), so a negative is always the exact complement of
//! its positive and a customer with three tags is still one customer.

use super::Predicate;
use crate::db::nodes::{Has, On};
use crate::db::schema::{consents, customers, segment_members, taggings};
use diesel::prelude::*;
use diesel::sql_types::Bool;

/// Whose rows decide: the customer's own row, or at least one row of a child table. An expression on the customer's own
/// row is never NULL: each says what a missing value answers.
pub enum Source {
    Own(On<customers::table>),
    Tags(On<taggings::table>),
    Consents(On<consents::table>),
    Members(On<segment_members::table>),
}

impl Source {
    /// The question asked of one row of `customers`.
    pub fn row(self) -> Predicate {
        match self {
            Source::Own(condition) => condition,
            Source::Tags(condition) => Box::new(Has { table: "taggings", condition }),
            Source::Consents(condition) => Box::new(Has { table: "consents", condition }),
            Source::Members(condition) => Box::new(Has { table: "segment_members", condition }),
        }
    }
}

/// Yes/no algebra over sources.
pub enum Ask {
    Everyone,
    Nobody,
    One(Source),
    Not(Box<Ask>),
    All(Vec<Ask>),
    Any(Vec<Ask>),
}

impl Ask {
    pub fn own(condition: impl Into<On<customers::table>>) -> Ask {
        Ask::One(Source::Own(condition.into()))
    }

    pub fn tags(condition: On<taggings::table>) -> Ask {
        Ask::One(Source::Tags(condition))
    }

    pub fn negated(self) -> Ask {
        match self {
            Ask::Everyone => Ask::Nobody,
            Ask::Nobody => Ask::Everyone,
            Ask::Not(inner) => *inner,
            ask => Ask::Not(Box::new(ask)),
        }
    }

    /// One SQL expression over `customers`, true or false for every row.
    pub fn predicate(self) -> Predicate {
        match self {
            Ask::Everyone => constant(true),
            Ask::Nobody => constant(false),
            Ask::One(source) => source.row(),
            Ask::Not(inner) => Box::new(diesel::dsl::not(inner.predicate())),
            Ask::All(asks) => asks
                .into_iter()
                .map(Ask::predicate)
                .reduce(|left, right| Box::new(left.and(right)))
                .unwrap_or_else(|| constant(true)),
            Ask::Any(asks) => asks
                .into_iter()
                .map(Ask::predicate)
                .reduce(|left, right| Box::new(left.or(right)))
                .unwrap_or_else(|| constant(false)),
        }
    }
}

fn constant(answer: bool) -> Predicate {
    Box::new(answer.into_sql::<Bool>())
}
