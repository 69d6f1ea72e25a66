//! `/customers/duplicates`: pairs that look like one person, and saying that two are not.

use super::walk::{self, Pair};
use crate::agents::{Caller, audit};
use crate::customers::Customer;
use crate::db::Db;
use crate::db::schema::customers;
use crate::web::{self, Chrome, Error, flash, see_other};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query};
use askama::Template;
use diesel::prelude::*;
use serde::Deserialize;
use std::collections::HashMap;

/// Pairs on a page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "customers/duplicates.html")]
struct DuplicatesPage {
    chrome: Chrome,
    rows: Vec<Row>,
    total: usize,
    /// There are more than are listed.
    more: bool,
    page: usize,
}

struct Row {
    one: Customer,
    other: Customer,
    words: String,
}

impl Row {
    fn both(&self) -> [&Customer; 2] {
        [&self.one, &self.other]
    }

    fn known<'a>(&self, customer: &'a Customer) -> Vec<&'a str> {
        let known = [&customer.email, &customer.phone, &customer.external_id, &customer.city];
        known.into_iter().flatten().map(String::as_str).collect()
    }
}

impl DuplicatesPage {
    fn last(&self) -> usize {
        self.total.div_ceil(ROWS).max(1)
    }

    fn words(&self) -> String {
        let total = web::thousands(&(self.total as i64));
        match (self.total, self.more) {
            (1, _) => "1 pair looks like one person".into(),
            (_, true) => format!("More than {total} pairs look like one person; the surest are listed"),
            _ => format!("{total} pairs look like one person"),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Place {
    page: String,
}

/// `GET /customers/duplicates?page=2`
pub async fn index(db: Data<Db>, chrome: Chrome, place: Query<Place>) -> Result<HttpResponse, Error> {
    let page = place.page.parse::<usize>().unwrap_or(1).max(1);
    let (rows, total, more) = db
        .read(move |conn| {
            let (pairs, more) = walk::pairs(conn)?;
            let total = pairs.len();
            let shown: Vec<Pair> = pairs.into_iter().skip((page - 1).saturating_mul(ROWS)).take(ROWS).collect();
            let ids: Vec<i64> = shown.iter().flat_map(|pair| [pair.one, pair.other]).collect();
            let people: Vec<Customer> =
                customers::table.filter(customers::id.eq_any(ids)).select(Customer::as_select()).load(conn)?;
            let people: HashMap<i64, Customer> = people.into_iter().map(|one| (one.id, one)).collect();
            let row = |pair: &Pair| {
                Some(Row {
                    one: people.get(&pair.one)?.clone(),
                    other: people.get(&pair.other)?.clone(),
                    words: pair.reasons.iter().map(super::Reason::words).collect::<Vec<_>>().join("; "),
                })
            };
            Ok::<_, Error>((shown.iter().filter_map(row).collect(), total, more))
        })
        .await?;
    web::show(&DuplicatesPage { chrome, rows, total, more, page })
}

#[derive(Debug, Deserialize)]
pub struct Two {
    one: i64,
    other: i64,
    /// Back to her profile, or to the list.
    #[serde(default)]
    back: String,
}

/// `POST /customers/duplicates/not`: these two are not the same person.
pub async fn refuse(db: Data<Db>, caller: Caller, Form(two): Form<Two>) -> Result<HttpResponse, Error> {
    let (one, other) = (two.one, two.other);
    if one == other {
        return Err(Error::Unprocessable("This is one and the same customer.".into()));
    }
    db.write(move |conn| {
        let at = Workspace::load(conn)?.clock().stamp();
        for id in [one, other] {
            Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?;
        }
        super::refuse(one, other, &caller.name, at, conn)?;
        let details = serde_json::json!({ "not_the_same_as": other });
        Ok::<_, Error>(audit(conn, &caller, "customer.tell_apart", &format!("customer {one}"), &details)?)
    })
    .await?;
    let back = web::same_site(&two.back).unwrap_or("/customers/duplicates");
    Ok(flash(see_other(back), &format!("#{one} and #{other} are two people, and are not offered again.")))
}
