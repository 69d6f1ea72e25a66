//! `/customers/{id}/data.json`, `data.csv` and `/customers/{id}/erase`, for admins.

use super::erase::{self, Outcome};
use super::{Plan, everything, export, files};
use crate::agents::{Caller, audit};
use crate::config::Config;
use crate::customers::{Customer, duplicates};
use crate::db::{Conn, Db, dialect};
use crate::fold::fold;
use crate::web::{self, Chrome, Error, flash, see_other, thousands};
use crate::workspace::{Workspace, spell};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Data, Form, Path};
use askama::Template;
use serde::Deserialize;

/// `GET /customers/{id}/data.json`
pub async fn json(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let text = db.write(move |conn| {
        let parts = parts(id, "json", &caller, conn)?;
        let at = spell(Workspace::load(conn)?.clock().stamp());
        Ok::<_, Error>(export::to_json(parts, at))
    });
    Ok(file(id, "json", "application/json", text.await?.into_bytes()))
}

/// `GET /customers/{id}/data.csv`
pub async fn csv(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let bytes = db.write(move |conn| {
        let parts = parts(id, "csv", &caller, conn)?;
        export::to_csv(&parts).map_err(|error| Error::Internal(error.into()))
    });
    Ok(file(id, "csv", "text/csv; charset=utf-8", bytes.await?))
}

/// Everything, and a line in the log that somebody took it along.
fn parts(id: i64, format: &str, caller: &Caller, conn: &mut Conn) -> Result<Vec<everything::Part>, Error> {
    let her = Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?;
    let parts = everything::of(&her, caller, conn)?;
    audit(conn, caller, "customer.export", &format!("customer {id}"), &serde_json::json!({ "format": format }))?;
    Ok(parts)
}

fn file(id: i64, ending: &str, kind: &str, bytes: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind.to_string()))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"customer-{id}.{ending}\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(bytes)
}

#[derive(Template)]
#[template(path = "customers/erase.html")]
struct ErasePage {
    chrome: Chrome,
    customer: Customer,
    called: String,
    plan: Plan,
    /// Others who look like her, and stay.
    near: Vec<(i64, String)>,
    typed: String,
    problem: Option<String>,
}

impl ErasePage {
    fn of(id: i64, chrome: Chrome, conn: &mut Conn) -> Result<ErasePage, Error> {
        let customer = Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?;
        let near = duplicates::near(&customer, conn)?;
        Ok(ErasePage {
            called: customer.called(),
            plan: Plan::of(&customer, conn)?,
            near: near.into_iter().map(|near| (near.customer.id, near.customer.called())).collect(),
            typed: String::new(),
            problem: None,
            customer,
            chrome,
        })
    }

    fn count(&self, count: &i64, one: &str, many: &str) -> String {
        if *count == 1 { format!("1 {one}") } else { format!("{} {many}", thousands(count)) }
    }

    fn lines(&self) -> String {
        self.count(&(self.plan.lines.len() as i64), "line of an import is", "lines of imports are")
    }
}

/// `GET /customers/{id}/erase` says what goes and what stays, and asks.
pub async fn ask(db: Data<Db>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    web::show(&db.read(move |conn| ErasePage::of(id, chrome, conn)).await?)
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    /// Her name, or her number.
    who: String,
}

/// `POST /customers/{id}/erase`
pub async fn create(
    db: Data<Db>,
    config: Data<Config>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let her = db.read(move |conn| Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))).await?;
    let meant = fold(&typed.who) == fold(&her.called()) || typed.who.trim().trim_start_matches('#') == id.to_string();
    if !meant {
        let words = format!("Type {} or #{id}, so that nobody is erased by mistake.", her.called());
        return again(&db, id, chrome, typed.who, words).await;
    }
    let outbox = files::outbox(&config, &db);
    match db.write(move |conn| Ok::<_, Error>(erase::erase(id, &outbox, &caller, conn)?)).await? {
        Outcome::Erased(uploads) => {
            uploads.remove();
            let db = db.clone();
            let emptied =
                actix_web::web::block(move || dialect::empty_log(&mut *db.conn()?).map_err(crate::db::Trouble::from));
            if !matches!(emptied.await, Ok(Ok(()))) {
                tracing::warn!("the log of the database was not emptied; it will be in time");
            }
            Ok(flash(see_other("/customers"), &format!("Customer #{id} is erased.")))
        }
        Outcome::Refused(words) => again(&db, id, chrome, typed.who, words).await,
        Outcome::Missing => Err(Error::NotFound("customer")),
    }
}

async fn again(db: &Db, id: i64, chrome: Chrome, typed: String, words: String) -> Result<HttpResponse, Error> {
    let mut page = db.read(move |conn| ErasePage::of(id, chrome, conn)).await?;
    (page.typed, page.problem) = (typed, Some(words));
    web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
