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
    let rule = read(&pairs, &db).await?;
    let last = |name: &str| last(&pairs, name);
    let carried = CARRIED.map(|name| (name, last(name).unwrap_or_default()));
    let address = address(&db, &rule, &carried).await?;
    if !htmx.is_fragment() {
        return Ok(web::see_other(&address));
    }
    let place = serde_json::json!({ "path": address, "target": "#answer", "swap": "outerMorph" });
    Ok(HttpResponse::NoContent().insert_header(("HX-Location", place.to_string())).finish())
}

fn last<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// What the builder's form asks, once the button that sent it has done its work.
pub async fn read(pairs: &[(String, String)], db: &Db) -> Result<Rule, Error> {
    if form::rows(pairs) > MOST_ROWS {
        return Err(Error::Unprocessable(format!(
            "A filter may have {MOST_CONDITIONS} conditions; this form has far more."
        )));
    }
    let fields = db.read(|conn| Ok::<_, Error>(Fields::load(conn)?)).await?;
    let mut rule = form::read(pairs, &fields);
    if let Some(action) = last(pairs, "do").and_then(Action::parse) {
        action.apply(&mut rule, &fields);
    }
    Ok(rule)
}

/// Rows and groups a form may have: well above what a filter may hold, so that one too many is told on the page.
const MOST_ROWS: usize = 5 * MOST_CONDITIONS;

/// Parameters of the list that a change of its filter leaves as they are.
pub const CARRIED: [&str; 5] = ["sort", "columns", "view", "segment", "since"];

/// The address of the list for a rule, with parameters that are carried along; empty ones are left out.
pub async fn address(db: &Db, rule: &Rule, carried: &[(&str, &str)]) -> Result<String, Error> {
    let spelled = spell(&rule.to_text(), db).await?;
    let mut pairs = vec![("filter", spelled.as_str())];
    pairs.extend(carried);
    Ok(web::address("/customers", &pairs))
}

/// A filter's text as an address holds it: what is too long for one is kept, and a word stands for it.
pub async fn spell(text: &str, db: &Db) -> Result<String, Error> {
    let text = text.to_string();
    match stored::is_long(&text) {
        true => db.write(move |conn| Ok(stored::keep(&text, stamp(Utc::now()), conn)?)).await,
        false => Ok(text),
    }
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
