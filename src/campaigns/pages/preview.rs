//! How a message looks for somebody.

use super::super::views::PreviewPage;
use super::super::ways::Ways;
use super::super::{Campaign, key, message, reach, sending};
use super::{clock, find};
use crate::customers::Customer;
use crate::db::schema::customers;
use crate::db::{Conn, Db};
use crate::web::{self, Chrome, Error};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::{Data, Path, Query};
use diesel::prelude::*;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Whose {
    /// An id, an email or an external id.
    customer: String,
}

/// A customer by email, external id or number.
fn named(typed: &str, conn: &mut Conn) -> Result<Option<Customer>, Error> {
    let id: i64 = typed.parse().unwrap_or_default();
    let keys = customers::email.eq(typed).or(customers::external_id.eq(typed)).assume_not_null();
    let one = customers::table.filter(keys.or(customers::id.eq(id))).order(customers::id);
    Ok(one.select(Customer::as_select()).first(conn).optional()?)
}

/// A customer by id, and what she is called.
type Called = (i64, String);

/// A message as somebody would get it.
fn rendered(
    campaign: &Campaign,
    typed: &str,
    ways: &Ways,
    conn: &mut Conn,
) -> Result<(Option<Called>, Result<message::Rendered, String>), Error> {
    let typed = typed.trim();
    let customer = match typed {
        // Somebody who would get it.
        "" => {
            let now = clock(conn)?;
            let filter = campaign.audience().check(conn, &now)?;
            let whom = reach::members(&filter, conn)?;
            match whom.min() {
                Some(id) => Customer::find(i64::from(id), conn)?,
                None => None,
            }
        }
        typed => named(typed, conn)?,
    };
    let mut person = match &customer {
        Some(customer) => sending::people(&[customer.id], conn)?.remove(&customer.id).unwrap_or_default(),
        None => message::Person { workspace_name: Workspace::load(conn)?.name, ..message::Person::default() },
    };
    let id = customer.as_ref().map_or(0, |customer| customer.id);
    ways.link(&mut person, campaign.id, id, campaign.channel(), &key(conn)?);
    let told = customer.map(|customer| (customer.id, customer.called()));
    if told.is_none() && !typed.is_empty() {
        return Ok((None, Err("There is no such customer.".into())));
    }
    Ok((told, message::render(&campaign.content(), &person).map_err(|problem| problem.to_string())))
}

/// `GET /campaigns/{id}/preview?customer=`
pub async fn preview(
    db: Data<Db>,
    ways: Data<Ways>,
    chrome: Chrome,
    id: Path<i64>,
    whose: Query<Whose>,
) -> Result<HttpResponse, Error> {
    let typed = whose.into_inner().customer;
    let page = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            let (customer, rendered) = rendered(&campaign, &typed, &ways, conn)?;
            let (subject, text, has_html, problem) = match rendered {
                Ok(message) => (message.subject, message.text, message.html.is_some(), None),
                Err(words) => (String::new(), String::new(), false, Some(words)),
            };
            Ok::<_, Error>(PreviewPage { chrome, campaign, customer, subject, text, has_html, problem, typed })
        })
        .await?;
    web::show(&page)
}

/// `GET /campaigns/{id}/preview/html?customer=`: the HTML part alone, for a frame that nothing gets out of.
pub async fn preview_html(
    db: Data<Db>,
    ways: Data<Ways>,
    id: Path<i64>,
    whose: Query<Whose>,
) -> Result<HttpResponse, Error> {
    let typed = whose.into_inner().customer;
    let html = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            let (_, rendered) = rendered(&campaign, &typed, &ways, conn)?;
            Ok::<_, Error>(rendered.ok().and_then(|message| message.html).unwrap_or_default())
        })
        .await?;
    // No script, no form, no style and no frame of its own; pictures may come from anywhere, as in a mail program.
    const POLICY: &str = "default-src 'none'; img-src https: data:; frame-ancestors 'self'; sandbox";
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(html))
}
