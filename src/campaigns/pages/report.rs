//! How a campaign goes, and what became of each.

use super::super::form::{self, Typed};
use super::super::recipients::{self, Recipient, Status, Sums};
use super::super::views::{PersonPage, ShowPage};
use super::super::{Campaign, receipt};
use super::writing::form_page;
use super::{clock, find};
use crate::agents::{Caller, Mistakes, Right, audit};
use crate::db::{Conn, Db};
use crate::web::stream::Broken;
use crate::web::{self, Chrome, Error, Htmx, flash, see_other};
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
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
            let receipt = receipt::settled(&campaign);
            let text = |name: &str| receipt[name].as_str().unwrap_or_default().to_string();
            Ok(Ok(ShowPage {
                chrome,
                sums: Sums::of(campaign.id, conn)?,
                settled: receipt::words(&campaign).unwrap_or_default(),
                clock: clock(conn)?,
                sentence: text("sentence"),
                zone: text("time_zone"),
                shown,
                rows,
                more,
                may_send: caller.may(Right::Send),
                may_export: caller.may(Right::Export),
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

/// Writes a receipt as a file of one kind.
type Writer = fn(&Campaign, &mut dyn std::io::Write, &mut Conn) -> Result<(), Broken>;

/// `GET /campaigns/{id}/receipt.csv`
pub async fn receipt_csv(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    take_along(&db, caller, *id, "csv", "text/csv; charset=utf-8", |it, out, conn| {
        receipt::write_csv(it, None, out, conn)
    })
    .await
}

/// `GET /campaigns/{id}/receipt.json`
pub async fn receipt_json(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    take_along(&db, caller, *id, "json", "application/json", |it, out, conn| receipt::write_json(it, out, conn)).await
}

/// Everybody in the audience, and what became of each. That somebody took their addresses along is kept.
async fn take_along(
    db: &Db,
    caller: Caller,
    id: i64,
    ending: &'static str,
    mime: &'static str,
    write: Writer,
) -> Result<HttpResponse, Error> {
    let campaign = db
        .write(move |conn| {
            let campaign = find(id, conn)?;
            if campaign.state().is_before() {
                return Err(Error::Unprocessable("This campaign was not sent yet; there is no receipt.".into()));
            }
            let details = json!({ "name": campaign.name, "format": ending });
            audit(conn, &caller, "campaign.receipt", &campaign.subject_line(), &details)?;
            Ok::<_, Error>(campaign)
        })
        .await?;
    let name = format!("attachment; filename=\"campaign-{id}-receipt.{ending}\"");
    let body = web::stream::snapshot(db.clone(), move |conn, out| write(&campaign, out, conn));
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, mime))
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(body))
}
