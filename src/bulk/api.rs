//! Bulk actions for programs: `/api/v1/bulk`.

use super::form::Asked;
use super::pages::{Started, see_to, start, undo_it};
use super::{Action, Kind, Outcome};
use crate::agents::Caller;
use crate::custom_fields::values::typed;
use crate::customers::api::{Refusal, respond, spell_time};
use crate::db::{Conn, Db};
use crate::filters::Rule;
use crate::filters::fields::Fields;
use crate::web::Error;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path};
use serde::Deserialize;
use serde_json::{Value, json};

/// The customers that are told one by one.
const TOLD: i64 = 1_000;

/// `{"filter": …}` or `{"customers": [ids]}`, and what is done: `{"do": "add_tags", "tags": ["VIP"]}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    filter: Option<Value>,
    customers: Option<Vec<i64>>,
    action: Wanted,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(rename = "do")]
    kind: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    field: String,
    /// Null clears the field.
    value: Option<Value>,
    segment: Option<i64>,
    /// How many are to be deleted: wanted for many.
    count: Option<i64>,
}

impl Body {
    fn asked(self, caller: &Caller, conn: &mut Conn) -> Result<Asked, Refusal> {
        let invalid = |words: &str, field: &str| Err(Refusal::invalid(words, json!({ "field": field })));
        let Some(kind) = Kind::parse(&self.action.kind) else {
            let all = Kind::ALL.map(Kind::key).join(", ");
            return invalid(&format!("do is one of {all}"), "action");
        };
        let mut asked = Asked::of(kind, caller)?;
        match (self.filter, self.customers) {
            (None, Some(ids)) => asked.ticked = ids,
            (Some(filter), None) => {
                asked.all = true;
                asked.filter = match filter {
                    Value::String(text) => text,
                    json => Rule::from_json(&json, &Fields::load(conn)?)?.to_text(),
                };
            }
            _ => return invalid("give either a filter or customers", "filter"),
        }
        let value = self.action.value.unwrap_or_default();
        asked.clear = value.is_null();
        let Some(value) = typed(&value) else { return invalid("value is text, a number, yes/no or null", "value") };
        asked.value = value;
        asked.tags = self.action.tags;
        asked.field = self.action.field;
        asked.segment = self.action.segment.map(|id| id.to_string()).unwrap_or_default();
        asked.sure = self.action.count.map(|count| count.to_string()).unwrap_or_default();
        if kind == Kind::AddToSegment && asked.segment.is_empty() {
            return invalid("segment is the id of a static segment", "segment");
        }
        Ok(asked)
    }
}

fn view(action: &Action, conn: &mut Conn) -> Result<Value, Refusal> {
    let mut told = |outcome| -> Result<Vec<Value>, Refusal> {
        let remarks = action.remarks(outcome, TOLD, conn)?;
        Ok(remarks.into_iter().map(|(id, words)| json!({ "customer": id, "reason": words })).collect())
    };
    let (failures, left_alone) = (told(Outcome::Failed)?, told(Outcome::Changed)?);
    Ok(json!({
        "id": action.id,
        "what": action.words,
        "about": action.about,
        "by": action.actor,
        "state": action.state().key(),
        "total": action.total,
        "changed": action.changed,
        "already": action.already,
        "failed": action.failed,
        "restored": action.restored,
        "kept": action.kept,
        "failures": failures,
        "left_alone": left_alone,
        "created_at": spell_time(action.created_at),
        "finished_at": action.finished_at.map(spell_time),
        "undone_at": action.undone_at.map(spell_time),
    }))
}

async fn shown(db: &Db, id: i64) -> Result<Value, Refusal> {
    db.read(move |conn| view(&Action::find(id, conn)?.ok_or(Refusal::missing("bulk action"))?, conn)).await
}

/// `POST /api/v1/bulk`. What is about few is done by the time of the answer.
pub async fn create(db: Data<Db>, caller: Caller, body: Json<Value>) -> Result<HttpResponse, Error> {
    respond(StatusCode::CREATED, made(&db, caller, body.into_inner()).await)
}

async fn made(db: &Db, caller: Caller, body: Value) -> Result<Value, Refusal> {
    let body: Body = serde_json::from_value(body).map_err(|error| Refusal::invalid(error.to_string(), Value::Null))?;
    let asker = caller.clone();
    let asked = db.read(move |conn| body.asked(&asker, conn)).await?;
    match start(db, &caller, &asked).await? {
        Started::Not(wrong) => Err(Refusal::invalid(wrong.spoken(), Value::Null)),
        Started::Begun(action, _) => shown(db, see_to(db, &action).await?.id).await,
    }
}

/// `GET /api/v1/bulk/{id}`
pub async fn show(db: Data<Db>, id: Path<i64>) -> Result<HttpResponse, Error> {
    respond(StatusCode::OK, shown(&db, id.into_inner()).await)
}

/// `POST /api/v1/bulk/{id}/undo`
pub async fn undo(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let found = match undo_it(&db, &caller, id).await? {
        Ok(action) => shown(&db, action.id).await,
        Err(words) => {
            Err(Refusal::Told { status: StatusCode::CONFLICT, code: "undo", message: words, details: Value::Null })
        }
    };
    respond(StatusCode::OK, found)
}
