//! `/customers/{id}/timeline`: what happened with a customer, page by page. htmx appends or swaps the list on her profile;
//! without a script it is a page of its own.

use super::told::Timeline;
use super::{Kind, Page, Place};
use crate::agents::Caller;
use crate::customers::Customer;
use crate::db::Db;
use crate::web::{self, Chrome, Error, Htmx};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

/// What the address may say. What is no kind is all of them, and what is no place is the beginning.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    kind: String,
    before: String,
}

#[derive(Template)]
#[template(path = "customers/timeline.html")]
struct TimelinePage {
    chrome: Chrome,
    called: String,
    timeline: Timeline,
    /// This is not the first page.
    later: bool,
}

/// `GET /customers/{id}/timeline`
pub async fn show(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    id: Path<i64>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let piece = htmx.is_fragment();
    let (kind, before) = (Kind::parse(&asked.kind), Place::read(&asked.before));
    let (timeline, called) = db
        .read(move |conn| {
            let customer = Customer::find(*id, conn)?.ok_or(Error::NotFound("customer"))?;
            let clock = Workspace::load(conn)?.clock();
            let page = Page::load(&customer, kind, before, &caller, &clock, conn)?;
            let timeline = Timeline::of(page, customer.id, kind, before.filter(|_| piece), &clock);
            Ok::<_, Error>((timeline, customer.called()))
        })
        .await?;
    match piece {
        true => web::show(&timeline),
        false => web::show(&TimelinePage { chrome, called, timeline, later: before.is_some() }),
    }
}
