//! Who may be the same person. Addresses, numbers and ids are unique as they are written, so what is looked for is the same
//! one written otherwise; and names that are the same, turned round or nearly so, where a second sign supports them: an
//! "Anna Müller" twice among a million says nothing.
//!
//! [`alike`] judges two customers and is the only rule. [`near`] finds candidates for one customer by the indexes there are,
//! [`walk`] finds all pairs by going over the table once. [`pages`] are for the browser.

pub mod alike;
pub mod pages;
mod spellings;
pub mod walk;

use super::Customer;
use crate::custom_fields::{CustomField, Kind};
use crate::db::Conn;
use crate::db::schema::{custom_values, customers, not_duplicates};
use crate::each;
use crate::fold::fold;
use alike::{Reason, Traits};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

/// Candidates that one question may bring.
const MOST: i64 = 200;
/// As many are shown on a profile.
const SHOWN: usize = 5;

/// Somebody who may be the same person, and why.
#[derive(Clone, Debug)]
pub struct Near {
    pub customer: Customer,
    pub reasons: Vec<Reason>,
}

impl Near {
    /// `same phone; same name and city`
    pub fn words(&self) -> String {
        self.reasons.iter().map(Reason::words).collect::<Vec<_>>().join("; ")
    }
}

/// Those who look like her, the surest first. Found by indexes alone, so it costs the same among a million.
pub fn near(her: &Customer, conn: &mut Conn) -> QueryResult<Vec<Near>> {
    let mut found: HashMap<i64, Customer> = HashMap::new();
    let mut keep = |rows: Vec<Customer>| rows.into_iter().for_each(|row| drop(found.insert(row.id, row)));
    let some = || customers::table.filter(customers::id.ne(her.id)).limit(MOST).select(Customer::as_select());
    if let Some(email) = &her.email {
        keep(some().filter(customers::email_folded.eq_any(spellings::emails(email))).load(conn)?);
        for (from, to) in spellings::email_ranges(email) {
            keep(some().filter(customers::email_folded.ge(from).and(customers::email_folded.lt(to))).load(conn)?);
        }
    }
    if let Some(phone) = &her.phone {
        keep(some().filter(customers::phone.eq_any(spellings::phones(phone))).load(conn)?);
    }
    if let Some(id) = &her.external_id {
        keep(some().filter(customers::external_id_folded.eq_any(spellings::external_ids(id))).load(conn)?);
    }
    if let Some(name) = &her.name {
        let names = spellings::names(&fold(name));
        if let Some(city) = &her.city {
            let here = customers::name_folded.eq_any(names.clone()).and(customers::city_folded.eq(fold(city)));
            keep(some().filter(here).load(conn)?);
        }
        keep(some().filter(customers::name_folded.eq_any(names)).load(conn)?);
        if let Some((from, to)) = spellings::name_range(&fold(name)) {
            keep(some().filter(customers::name_folded.ge(from).and(customers::name_folded.lt(to))).load(conn)?);
        }
    }
    let refused = refused_of(her.id, conn)?;
    let mut all: Vec<Customer> = found.into_values().filter(|one| !refused.contains(&one.id)).collect();
    all.sort_by_key(|one| one.id);
    let ids: Vec<i64> = all.iter().map(|one| one.id).chain([her.id]).collect();
    let dates = dates(&ids, conn)?;
    let own = Traits::of(her, &dates);
    let mut near: Vec<Near> = all
        .into_iter()
        .filter_map(|customer| {
            let reasons = own.alike(&Traits::of(&customer, &dates));
            (!reasons.is_empty()).then_some(Near { customer, reasons })
        })
        .collect();
    near.sort_by_key(|near| (near.reasons.iter().map(Reason::weight).min(), near.customer.id));
    near.truncate(SHOWN);
    Ok(near)
}

/// What these customers have in fields that hold a date: field and day.
type Dates = HashMap<i64, Vec<(i64, i64)>>;

fn dates(ids: &[i64], conn: &mut Conn) -> QueryResult<Dates> {
    let fields: Vec<i64> =
        CustomField::all(conn)?.iter().filter(|field| field.kind == Kind::Date).map(|field| field.id).collect();
    let mut all = Dates::new();
    if fields.is_empty() {
        return Ok(all);
    }
    for some in ids.chunks(500) {
        let rows: Vec<(i64, i64, Option<i64>)> = custom_values::table
            .filter(custom_values::customer_id.eq_any(some))
            .filter(custom_values::field_id.eq_any(&fields))
            .select((custom_values::customer_id, custom_values::field_id, custom_values::number))
            .load(conn)?;
        for (customer, field, day) in rows {
            all.entry(customer).or_default().extend(day.map(|day| (field, day)));
        }
    }
    Ok(all)
}

/// Whom somebody said she is not.
fn refused_of(id: i64, conn: &mut Conn) -> QueryResult<HashSet<i64>> {
    let one = not_duplicates::table.filter(not_duplicates::one_id.eq(id)).select(not_duplicates::other_id);
    let other = not_duplicates::table.filter(not_duplicates::other_id.eq(id)).select(not_duplicates::one_id);
    Ok(one.load::<i64>(conn)?.into_iter().chain(other.load::<i64>(conn)?).collect())
}

/// These two are not the same person, and are not offered again.
pub fn refuse(one: i64, other: i64, actor: &str, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    let row = (
        not_duplicates::one_id.eq(one.min(other)),
        not_duplicates::other_id.eq(one.max(other)),
        not_duplicates::at.eq(at),
        not_duplicates::actor.eq(actor),
    );
    each!(conn, c => diesel::insert_into(not_duplicates::table).values(row).on_conflict_do_nothing().execute(c))
        .map(drop)
}
