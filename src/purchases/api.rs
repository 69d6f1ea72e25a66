//! Purchases for programs: `/api/v1/customers/{id}/purchases`.

use super::{Bought, Purchase, amount, currency, product, record, within};
use crate::customers::api::{Refusal, respond, spell_time};
use crate::customers::{Customer, clean};
use crate::db::Db;
use crate::web::Error;
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path};
use serde_json::{Map, Value, json};

/// `POST /api/v1/customers/{id}/purchases`: a repeated external id answers with the purchase that is there.
pub async fn create(db: Data<Db>, id: Path<i64>, body: Json<Value>) -> Result<HttpResponse, Error> {
    let kept = db.write(move |conn| {
        Customer::find(*id, conn)?.ok_or(Refusal::missing("customer"))?;
        let bought = read(&body, &Workspace::load(conn)?)?;
        Ok::<_, Refusal>(record(*id, &bought, conn)?)
    });
    match kept.await {
        Ok((purchase, true)) => respond(StatusCode::CREATED, Ok(view(&purchase))),
        Ok((purchase, false)) => respond(StatusCode::OK, Ok(view(&purchase))),
        Err(refusal) => refusal.answer(),
    }
}

/// A purchase as programs see it; the amount in whole minor units, as `total_spent` is.
fn view(purchase: &Purchase) -> Value {
    let Purchase { id, customer_id, bought } = purchase;
    json!({
        "id": id,
        "customer_id": customer_id,
        "external_id": bought.external_id,
        "product": bought.product,
        "amount": bought.amount,
        "currency": bought.currency,
        "purchased_at": spell_time(bought.at),
    })
}

/// Reads a body; every mistake is told at once, by field.
fn read(body: &Value, here: &Workspace) -> Result<Bought, Refusal> {
    let Value::Object(given) = body else {
        return Err(Refusal::invalid("expected a JSON object", Value::Null));
    };
    let mut mistakes = Map::new();
    for unknown in given.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
        mistakes.insert(unknown.clone(), "there is no such field".into());
    }
    let mut told = |field: &str, words: String| {
        mistakes.insert(field.into(), words.into());
    };
    let amount = read_amount(given.get("amount"), here).unwrap_or_else(|words| {
        told("amount", words);
        0
    });
    let mut text = |field: &str, read: &dyn Fn(&str) -> Result<Option<String>, String>| {
        let cleaned = match given.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(raw)) => read(raw),
            Some(Value::Number(number)) => read(&number.to_string()),
            Some(_) => Err("expected text".into()),
        };
        cleaned.unwrap_or_else(|words| {
            told(field, words);
            None
        })
    };
    let external_id = text("external_id", &clean::external_id);
    let product = text("product", &product);
    let said = text("currency", &|raw| match raw.trim() {
        "" => Ok(None),
        raw => currency(raw, here).map(Some),
    });
    let now = here.clock().stamp();
    let at = match given.get("purchased_at") {
        None | Some(Value::Null) => now,
        Some(Value::String(raw)) => clean::time(raw, here.zone).map(|at| at.unwrap_or(now)).unwrap_or_else(|words| {
            told("purchased_at", words);
            now
        }),
        Some(_) => {
            told("purchased_at", "expected a time as text, like 2026-09-07T14:30:00Z".into());
            now
        }
    };
    match mistakes.is_empty() {
        true => {
            Ok(Bought { external_id, product, amount, currency: said.unwrap_or_else(|| here.currency.clone()), at })
        }
        false => Err(Refusal::invalid("this purchase cannot be taken as it is", Value::Object(mistakes))),
    }
}

const KNOWN: [&str; 5] = ["external_id", "product", "amount", "currency", "purchased_at"];

/// A number is whole minor units, as answers give them; text is the amount as people write it: 12050 and "120.50" are the
/// same.
fn read_amount(given: Option<&Value>, here: &Workspace) -> Result<i64, String> {
    match given {
        None | Some(Value::Null) => Err("say what it cost".into()),
        Some(Value::String(raw)) => amount(raw, here),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(minor) => within(minor),
            None => Err(format!("{number} is not whole minor units: write 12050, or \"120.50\" as text")),
        },
        Some(_) => Err("expected whole minor units, like 12050, or text, like \"120.50\"".into()),
    }
}
