//! `POST /api/v1/customers/query`: the same question as `GET /customers`, for filters too long for an address.

use super::api::{Params, Refusal, list, respond};
use crate::filters::sets::Sets;
use crate::web::Error;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use serde_json::{Value, json};

/// Takes what `GET /customers` takes, as one JSON object; `filter` is text or JSON.
pub async fn create(sets: Data<Sets>, body: Json<Value>) -> Result<HttpResponse, Error> {
    let mut body = body.into_inner();
    // A tree is read from its spelling, like everything an address may hold.
    if let Some(filter) = body.get_mut("filter").filter(|filter| filter.is_object()) {
        *filter = Value::String(filter.to_string());
    }
    let params: Params = match serde_json::from_value(body) {
        Ok(params) => params,
        Err(error) => return Refusal::invalid(error.to_string(), json!({})).answer(),
    };
    respond(StatusCode::OK, sets.read(move |at| list(&params, at, |_, _| Ok(None))).await)
}
