//! What a browser may ask of the builder: apply the form, and offer values while somebody types.

use super::fields::Fields;
use super::form::{self, Action};
use super::rule::MOST_CONDITIONS;
use super::sets::Sets;
use super::values::{Offer, fitting};
use super::{Rule, stored};
use crate::db::Db;
use crate::web::{self, Error, Htmx};
use crate::workspace::stamp;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::Utc;

/// `POST /customers/filter`: the builder's form becomes the text form in the address. The list answers there, so that
/// bookmark, reload and the back button mean the same as the form.
pub async fn apply(db: Data<Db>, htmx: Htmx, body: String) -> Result<HttpResponse, Error> {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let last = |name: &str| pairs.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    if form::rows(&pairs) > MOST_ROWS {
        return Err(Error::Unprocessable(format!(
            "A filter may have {MOST_CONDITIONS} conditions; this form has far more."
        )));
    }
    let fields = db.read(|conn| Ok::<_, Error>(Fields::load(conn)?)).await?;
    let mut rule = form::read(&pairs, &fields);
    if let Some(action) = last("do").and_then(Action::parse) {
        action.apply(&mut rule, &fields);
    }
    let carried = CARRIED.map(|name| (name, last(name).unwrap_or_default()));
    let address = address(&db, &rule, &carried).await?;
    if !htmx.is_fragment() {
        return Ok(web::see_other(&address));
    }
    let place = serde_json::json!({ "path": address, "target": "#answer", "swap": "outerMorph" });
    Ok(HttpResponse::NoContent().insert_header(("HX-Location", place.to_string())).finish())
}

/// Rows and groups a form may have: well above what a filter may hold, so that one too many is told on the page.
const MOST_ROWS: usize = 5 * MOST_CONDITIONS;

/// Parameters of the list that a change of its filter leaves as they are.
pub const CARRIED: [&str; 3] = ["sort", "columns", "view"];

/// The address of the list for a rule, with parameters that are carried along; empty ones are left out.
pub async fn address(db: &Db, rule: &Rule, carried: &[(&str, &str)]) -> Result<String, Error> {
    let text = rule.to_text();
    let spelled = match stored::is_long(&text) {
        true => db.write(move |conn| Ok::<_, Error>(stored::keep(&text, stamp(Utc::now()), conn)?)).await?,
        false => text,
    };
    let mut pairs = vec![("filter", spelled.as_str())];
    pairs.extend(carried);
    Ok(web::address("/customers", &pairs))
}

#[derive(Template)]
#[template(path = "filters/_offers.html")]
struct Offers {
    offers: Vec<Offer>,
}

/// `GET /customers/filter/values/{field}`: options for the listbox. What was typed is the one parameter there is,
/// whatever the hole is called.
pub async fn values(
    sets: Data<Sets>,
    field: Path<String>,
    typed: Query<Vec<(String, String)>>,
    _: HttpRequest,
) -> Result<HttpResponse, Error> {
    let typed = typed.into_inner().pop().map(|(_, value)| value).unwrap_or_default();
    let offers = sets.read(move |at| Ok::<_, Error>(fitting(&field, &typed, stamp(Utc::now()), at)?)).await?;
    web::show(&Offers { offers })
}
