//! How a campaign goes, and what became of each.

use super::super::form::{self, Typed};
use super::super::recipients::{self, Recipient, Status, Sums};
use super::super::views::{PersonPage, ShowPage};
use super::writing::form_page;
use super::{clock, find};
use crate::agents::{Caller, Mistakes, Right, audit};
use crate::db::Db;
use crate::web::{self, Chrome, Error, Htmx, flash, see_other};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use serde_json::json;

/// How many rows a page of recipients has.
const ROWS: i64 = 50;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Place {
    status: Option<String>,
    after: i64,
}

/// `GET /campaigns/{id}`: a draft to write, or how it goes.
pub async fn show(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    id: Path<i64>,
    place: Query<Place>,
) -> Result<HttpResponse, Error> {
    let place = place.into_inner();
    let page = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            if campaign.state().is_before() {
                let now = clock(conn)?;
                let typed = Typed::of(&campaign, conn, &now)?;
                let wrong = form::mistakes(&campaign, conn)?;
                // What is simply not written yet needs no telling.
                let wrong = if campaign.version == 1 { Mistakes::default() } else { wrong };
                return Ok::<_, Error>(Err(form_page(chrome, Some(&campaign), typed, wrong, &caller, conn)?));
            }
            let shown = place.status.as_deref().and_then(Status::parse);
            let mut rows = Recipient::list(campaign.id, shown, None, place.after, ROWS + 1, conn)?;
            let more = (rows.len() as i64 > ROWS).then(|| rows[ROWS as usize - 1].customer_id);
            rows.truncate(ROWS as usize);
            let receipt: serde_json::Value =
                campaign.receipt.as_deref().and_then(|receipt| serde_json::from_str(receipt).ok()).unwrap_or_default();
            let text = |name: &str| receipt[name].as_str().unwrap_or_default().to_string();
            Ok(Ok(ShowPage {
                chrome,
                sums: Sums::of(campaign.id, conn)?,
                clock: clock(conn)?,
                sentence: text("sentence"),
                zone: text("time_zone"),
                shown,
                rows,
                more,
                may_send: caller.may(Right::Send),
                campaign,
            }))
        })
        .await?;
    match page {
        Ok(page) => htmx.show(&page, page.as_report()),
        Err(form) => web::show(&form),
    }
}

/// `GET /campaigns/{id}/recipients/{customer_id}`: why did she get it, or not?
pub async fn recipient(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    ids: Path<(i64, i64)>,
) -> Result<HttpResponse, Error> {
    let (id, customer) = ids.into_inner();
    let page = db
        .read(move |conn| {
            let campaign = find(id, conn)?;
            let recipient = Recipient::find(id, customer, conn)?.ok_or(Error::NotFound("recipient"))?;
            Ok::<_, Error>(PersonPage {
                chrome,
                campaign,
                recipient,
                history: recipients::history(id, customer, conn)?,
                clock: clock(conn)?,
                may_send: caller.may(Right::Send),
            })
        })
        .await?;
    web::show(&page)
}

/// `POST /campaigns/{id}/recipients/{customer_id}/again`
pub async fn again(db: Data<Db>, caller: Caller, ids: Path<(i64, i64)>) -> Result<HttpResponse, Error> {
    let (id, customer) = ids.into_inner();
    let done = db
        .write(move |conn| {
            let clock = clock(conn)?;
            let done = Recipient::again(id, customer, clock.stamp(), conn)?;
            if done {
                audit(conn, &caller, "campaign.again", &format!("campaign {id}"), &json!({ "customer": customer }))?;
            }
            Ok::<_, Error>(done)
        })
        .await?;
    let words = if done { "It is sent to her once more." } else { "Nothing was changed: there is nothing to repeat." };
    Ok(flash(see_other(&format!("/campaigns/{id}/recipients/{customer}")), words))
}
