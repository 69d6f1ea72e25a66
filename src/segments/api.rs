//! Segments for programs: `/api/v1/segments`.

use super::{Kind, Problem, Segment, Wish, members};
use crate::agents::{Caller, Right};
use crate::customers::api::{Params, Refusal, list, respond, spell_time};
use crate::db::{Conn, Db};
use crate::filters::fields::Fields;
use crate::filters::{Rule, count};
use crate::web::Error;
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, Query};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let details = match &problem {
            Problem::Name(_) => json!({ "field": "name" }),
            Problem::Filter(_) => json!({ "field": "filter" }),
            Problem::NotYours(_) => json!({ "field": "private" }),
            Problem::Unknown(ids) => json!({ "customers": ids }),
            _ => Value::Null,
        };
        match problem {
            Problem::Failed(error) => Refusal::Failed(error.into()),
            Problem::Unread(mistake) => mistake.into(),
            Problem::Share => Refusal::Failed(Right::ShareSegments.refusal()),
            other => Refusal::invalid(other.to_string(), details),
        }
    }
}

fn view(segment: &Segment, conn: &mut Conn, clock: &Clock) -> Result<Value, Refusal> {
    let filter = segment.filter(conn, clock)?;
    let dynamic = segment.is_dynamic();
    Ok(json!({
        "id": segment.id,
        "name": segment.name,
        "kind": segment.kind().key(),
        "private": segment.private,
        "filter": dynamic.then(|| filter.rule().to_json()),
        "text": dynamic.then(|| filter.text()),
        "count": count(&filter, conn)?,
        "problems": filter.problems().iter().map(|problem| problem.words.as_str()).collect::<Vec<_>>(),
        "created_at": spell_time(segment.created_at),
        "updated_at": spell_time(segment.updated_at),
    }))
}

fn find(id: i64, caller: &Caller, conn: &mut Conn) -> Result<Segment, Refusal> {
    Segment::find(id, caller, conn)?.ok_or(Refusal::missing("segment"))
}

/// `GET /api/v1/segments`
pub async fn index(db: Data<Db>, caller: Caller) -> Result<HttpResponse, Error> {
    let found = db.read(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let segments = Segment::list(&caller, conn)?;
        let views = segments.iter().map(|segment| view(segment, conn, &clock)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, Refusal>(json!({ "segments": views }))
    });
    respond(StatusCode::OK, found.await)
}

/// `GET /api/v1/segments/{id}`
pub async fn show(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let found = db.read(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let segment = find(*id, &caller, conn)?;
        view(&segment, conn, &clock)
    });
    respond(StatusCode::OK, found.await)
}

/// A body of the right shape, or what is missing in it.
fn read<T: DeserializeOwned>(body: Json<Value>) -> Result<T, Refusal> {
    serde_json::from_value(body.into_inner()).map_err(|error| Refusal::invalid(error.to_string(), Value::Null))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSegment {
    name: String,
    kind: String,
    /// Text or JSON; a static one may have none.
    #[serde(default)]
    filter: Value,
    #[serde(default)]
    private: bool,
}

/// `POST /api/v1/segments`
pub async fn create(db: Data<Db>, caller: Caller, body: Json<Value>) -> Result<HttpResponse, Error> {
    let made = db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let NewSegment { name, kind, filter, private } = read(body)?;
        let kind = Kind::parse(&kind)
            .ok_or_else(|| Refusal::invalid("kind is static or dynamic", json!({ "field": "kind" })))?;
        let rule = match &filter {
            Value::Null => None,
            // No words are no filter: a fixed list begins with nobody, never with everybody.
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => Some(Rule::read(text, &Fields::load(conn)?)?),
            json => Some(Rule::from_json(json, &Fields::load(conn)?)?),
        };
        let segment = Segment::create(&Wish { name, kind, rule, private }, &caller, conn, &clock)?;
        view(&segment, conn, &clock)
    });
    respond(StatusCode::CREATED, made.await)
}

/// `GET /api/v1/segments/{id}/customers`: what `GET /customers` takes and gives; a filter narrows the members further.
pub async fn customers(
    db: Data<Db>,
    caller: Caller,
    id: Path<i64>,
    params: Query<Params>,
) -> Result<HttpResponse, Error> {
    let found = db.read(move |conn| {
        let segment = find(*id, &caller, conn)?;
        list(&params, conn, |conn, clock| Ok(Some(segment.filter(conn, clock)?)))
    });
    respond(StatusCode::OK, found.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ids {
    customers: Vec<i64>,
}

/// A segment whose members this caller may change.
fn changeable(id: i64, caller: &Caller, conn: &mut Conn) -> Result<Segment, Refusal> {
    let segment = find(id, caller, conn)?;
    match segment.may_change(caller) {
        true => Ok(segment),
        false => Err(Problem::Share.into()),
    }
}

/// `POST /api/v1/segments/{id}/customers`
pub async fn add(db: Data<Db>, caller: Caller, id: Path<i64>, body: Json<Value>) -> Result<HttpResponse, Error> {
    let added = db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let segment = changeable(*id, &caller, conn)?;
        let added = members::add(&segment, &read::<Ids>(body)?.customers, conn, &clock)?;
        Ok::<_, Refusal>(json!({ "added": added.joined, "already": added.already }))
    });
    respond(StatusCode::OK, added.await)
}

/// `DELETE /api/v1/segments/{id}/customers`
pub async fn remove(db: Data<Db>, caller: Caller, id: Path<i64>, body: Json<Value>) -> Result<HttpResponse, Error> {
    let removed = db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let segment = changeable(*id, &caller, conn)?;
        let removed = members::remove(&segment, &read::<Ids>(body)?.customers, conn, &clock)?;
        Ok::<_, Refusal>(json!({ "removed": removed }))
    });
    respond(StatusCode::OK, removed.await)
}
