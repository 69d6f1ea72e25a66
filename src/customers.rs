//! Customers: the people a business talks to, and what is known about each.
//!
//! | room | what is in it |
//! |---|---|
//! | [`clean`] | from what was typed or imported to what is stored |
//! | [`consents`] | what she agreed to, per channel, with when and from where |
//! | [`list`] | pages of customers in any order |
//! | [`index`], [`table`] | the list in the browser, and the table it shares with segments |
//! | [`changing`] | the same page as the builder of a segment |
//! | [`columns`], [`picker`] | what that table shows, and the form to choose it |
//! | [`history`] | who changed what about a customer, and from where |
//! | [`profile`], [`timeline`] | one customer in the browser: what is known about her, and what happened |
//! | [`form`], [`custom`], [`place`], [`facts`] | changing her: all at once, or a single field in its place |
//! | [`person`] | what her profile says about her as a person |
//! | [`duplicates`], [`merge`] | who may be the same person, and making one of two |
//! | [`privacy`] | her rights: everything about her, and erasing her |
//! | [`api`], [`query`] | the same for programs |

pub mod api;
pub mod changing;
pub mod clean;
pub mod columns;
pub mod consents;
pub mod custom;
pub mod duplicates;
pub mod facts;
pub mod form;
pub mod history;
pub mod index;
pub mod list;
pub mod merge;
pub mod person;
pub mod picker;
pub mod place;
pub mod privacy;
pub mod profile;
pub mod query;
pub mod table;
pub mod timeline;

pub use consents::{Channel, Consent, Consents, set_consent};
pub use history::By;

use crate::db::Conn;
use crate::db::schema::customers;
use crate::fold::fold;
use crate::workspace::spell;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as QueryError};

/// One person the business talks to.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = customers)]
pub struct Customer {
    pub id: i64,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub external_id: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    pub language: Option<String>,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    pub last_seen_at: Option<NaiveDateTime>,
    pub purchase_count: i64,
    pub total_spent: i64,
    pub first_purchase_at: Option<NaiveDateTime>,
    pub last_purchase_at: Option<NaiveDateTime>,
}

/// What a person or a file may say about a customer, already clean.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Draft {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub external_id: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    pub language: Option<String>,
    /// `None` is now for a new customer, and no change for one who is here.
    pub created_at: Option<NaiveDateTime>,
    pub last_seen_at: Option<NaiveDateTime>,
}

impl From<&Customer> for Draft {
    fn from(customer: &Customer) -> Draft {
        Draft {
            name: customer.name.clone(),
            email: customer.email.clone(),
            phone: customer.phone.clone(),
            external_id: customer.external_id.clone(),
            country: customer.country.clone(),
            city: customer.city.clone(),
            language: customer.language.clone(),
            created_at: Some(customer.created_at),
            last_seen_at: customer.last_seen_at,
        }
    }
}

impl From<Customer> for Draft {
    fn from(customer: Customer) -> Draft {
        Draft::from(&customer)
    }
}

/// Why a customer was not written.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Another customer has this key already.
    #[error("customer {by} has this {field}")]
    Taken { field: &'static str, by: i64 },
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// A draft as the table keeps it: with the folded columns that text is compared and sorted by.
#[derive(AsChangeset, Insertable)]
#[diesel(table_name = customers, treat_none_as_null = true)]
struct Columns<'a> {
    name: Option<&'a str>,
    name_folded: Option<String>,
    email: Option<&'a str>,
    email_folded: Option<String>,
    phone: Option<&'a str>,
    external_id: Option<&'a str>,
    external_id_folded: Option<String>,
    country: Option<&'a str>,
    city: Option<&'a str>,
    city_folded: Option<String>,
    language: Option<&'a str>,
    language_folded: Option<String>,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
    last_seen_at: Option<NaiveDateTime>,
}

impl Draft {
    fn columns(&self, created_at: NaiveDateTime, updated_at: NaiveDateTime) -> Columns<'_> {
        let folded = |text: &Option<String>| text.as_deref().map(fold);
        Columns {
            name: self.name.as_deref(),
            name_folded: folded(&self.name),
            email: self.email.as_deref(),
            email_folded: folded(&self.email),
            phone: self.phone.as_deref(),
            external_id: self.external_id.as_deref(),
            external_id_folded: folded(&self.external_id),
            country: self.country.as_deref(),
            city: self.city.as_deref(),
            city_folded: folded(&self.city),
            language: self.language.as_deref(),
            language_folded: folded(&self.language),
            created_at: self.created_at.unwrap_or(created_at),
            updated_at,
            last_seen_at: self.last_seen_at,
        }
    }

    /// True when something is left to know her by.
    pub fn has_a_key(&self) -> bool {
        [&self.name, &self.email, &self.phone, &self.external_id].into_iter().any(Option::is_some)
    }

    /// The first of the draft's keys that somebody else has, and who.
    pub fn taken(&self, except: Option<i64>, conn: &mut Conn) -> QueryResult<Option<(&'static str, i64)>> {
        let except = except.unwrap_or(0);
        let others = || customers::table.filter(customers::id.ne(except)).select(customers::id);
        if let Some(id) = &self.external_id
            && let Some(by) = others().filter(customers::external_id.eq(id)).first(conn).optional()?
        {
            return Ok(Some(("external_id", by)));
        }
        if let Some(email) = &self.email
            && let Some(by) = others().filter(customers::email.eq(email)).first(conn).optional()?
        {
            return Ok(Some(("email", by)));
        }
        if let Some(phone) = &self.phone
            && let Some(by) = others().filter(customers::phone.eq(phone)).first(conn).optional()?
        {
            return Ok(Some(("phone", by)));
        }
        Ok(None)
    }

    /// Writes after looking who has the keys. When somebody takes one in between, the index refuses and the second look
    /// says who; the savepoint keeps the transaction usable for that.
    fn written<T>(
        &self,
        except: Option<i64>,
        conn: &mut Conn,
        write: impl FnOnce(&mut Conn) -> QueryResult<T>,
    ) -> Result<T, Problem> {
        let taken = |conn: &mut Conn| self.taken(except, conn);
        if let Some((field, by)) = taken(conn)? {
            return Err(Problem::Taken { field, by });
        }
        match conn.transaction(write) {
            Err(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, said)) => match taken(conn)? {
                Some((field, by)) => Err(Problem::Taken { field, by }),
                None => Err(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, said).into()),
            },
            done => Ok(done?),
        }
    }
}

impl Customer {
    pub fn create(draft: &Draft, by: &By, conn: &mut Conn) -> Result<Customer, Problem> {
        let columns = draft.columns(by.at, by.at);
        draft.written(None, conn, |conn| {
            let id: i64 =
                diesel::insert_into(customers::table).values(&columns).returning(customers::id).get_result(conn)?;
            history::note(id, (history::ADDED, None, Some(&spell(columns.created_at))), by, conn)?;
            customers::table.find(id).select(Customer::as_select()).first(conn)
        })
    }

    /// Makes her as the draft says. Nothing is written when nothing is new.
    pub fn update(&self, draft: &Draft, by: &By, conn: &mut Conn) -> Result<Customer, Problem> {
        let mut now = Draft::from(self);
        now.created_at = draft.created_at.and(now.created_at);
        if now == *draft {
            return Ok(self.clone());
        }
        let columns = draft.columns(self.created_at, by.at);
        draft.written(Some(self.id), conn, |conn| {
            diesel::update(customers::table.find(self.id)).set(&columns).execute(conn)?;
            let since = spell(columns.created_at);
            history::note(self.id, ("created_at", Some(&spell(self.created_at)), Some(&since)), by, conn)?;
            for own in &facts::OWN {
                history::note(self.id, (own.key, own.of(&now), own.of(draft)), by, conn)?;
            }
            customers::table.find(self.id).select(Customer::as_select()).first(conn)
        })
    }

    pub fn find(id: i64, conn: &mut Conn) -> QueryResult<Option<Customer>> {
        customers::table.find(id).select(Customer::as_select()).first(conn).optional()
    }

    /// With her tags, consents, purchases and memberships. False when she was not here.
    pub fn delete(id: i64, conn: &mut Conn) -> QueryResult<bool> {
        Ok(diesel::delete(customers::table.find(id)).execute(conn)? > 0)
    }

    /// What she is called where a name is needed: her name, or the best of what else is known.
    pub fn called(&self) -> String {
        let known = [&self.name, &self.email, &self.phone, &self.external_id];
        known.into_iter().flatten().next().cloned().unwrap_or_else(|| format!("Customer {}", self.id))
    }

    /// Up to two letters for the round picture.
    pub fn initials(&self) -> String {
        let called = self.called();
        let mut letters =
            called.split_whitespace().filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()));
        let (first, last) = (letters.next(), letters.next_back());
        first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
    }
}

/// Notes that something about a customer changed at `at`.
pub fn touch(id: i64, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    diesel::update(customers::table.find(id)).set(customers::updated_at.eq(at)).execute(conn).map(drop)
}
