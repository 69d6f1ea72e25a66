//! Segments for programs: `/api/v1/segments`.

use super::{Kind, Problem, Segment, Wish, members};
use crate::agents::{Caller, Right};
use crate::customers::api::{Params, Refusal, list, respond, spell_time};
use crate::db::{Conn, Db};
use crate::filters::fields::Fields;
use crate::filters::sets::{Sets, Snapshot};
use crate::filters::{Filter, Rule};
use crate::web::Error;
use crate::workspace::Workspace;
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

fn view(segment: &Segment, filter: &Filter, at: &mut Snapshot) -> Result<Value, Refusal> {
    let dynamic = segment.is_dynamic();
    Ok(json!({
        "id": segment.id,
        "name": segment.name,
        "kind": segment.kind().key(),
        "private": segment.private,
        "filter": dynamic.then(|| filter.rule().to_json()),
        "text": dynamic.then(|| filter.text()),
        "count": at.recount(filter)?,
        "problems": filter.problems().iter().map(|problem| problem.words.as_str()).collect::<Vec<_>>(),
        "created_at": spell_time(segment.created_at),
        "updated_at": spell_time(segment.updated_at),
    }))
}

fn find(id: i64, caller: &Caller, conn: &mut Conn) -> Result<Segment, Refusal> {
    Segment::find(id, caller, conn)?.ok_or(Refusal::missing("segment"))
}

/// `GET /api/v1/segments`
pub async fn index(sets: Data<Sets>, caller: Caller) -> Result<HttpResponse, Error> {
    let found = sets.read(move |at| {
        let clock = Workspace::load(at)?.clock();
        let segments = Segment::list(&caller, at)?;
        let filters = Segment::filters(&segments, at, &clock)?;
        let views = segments.iter().zip(&filters).map(|(segment, filter)| view(segment, filter, at));
        let views = views.collect::<Result<Vec<_>, _>>()?;
        Ok::<_, Refusal>(json!({ "segments": views }))
    });
    respond(StatusCode::OK, found.await)
}

/// `GET /api/v1/segments/{id}`
pub async fn show(sets: Data<Sets>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    respond(StatusCode::OK, one(&sets, &caller, *id).await)
}

async fn one(sets: &Sets, caller: &Caller, id: i64) -> Result<Value, Refusal> {
    let caller = caller.clone();
    let found = sets.read(move |at| {
        let clock = Workspace::load(at)?.clock();
        let segment = find(id, &caller, at)?;
        let filter = segment.filter(at, &clock)?;
        view(&segment, &filter, at)
    });
    found.await
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
pub async fn create(db: Data<Db>, sets: Data<Sets>, caller: Caller, body: Json<Value>) -> Result<HttpResponse, Error> {
    let maker = caller.clone();
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
        Ok::<_, Refusal>(Segment::create(&Wish { name, kind, rule, private }, &maker, conn, &clock)?.id)
    });
    // It is counted when it is there: nobody has to wait with writing for that.
    let made = match made.await {
        Ok(id) => one(&sets, &caller, id).await,
        Err(refusal) => Err(refusal),
    };
    respond(StatusCode::CREATED, made)
}

/// `GET /api/v1/segments/{id}/customers`: what `GET /customers` takes and gives; a filter narrows the members further.
pub async fn customers(
    sets: Data<Sets>,
    caller: Caller,
    id: Path<i64>,
    params: Query<Params>,
) -> Result<HttpResponse, Error> {
    let found = sets.read(move |at| {
        let segment = find(*id, &caller, at)?;
        list(&params, at, |conn, clock| Ok(Some(segment.filter(conn, clock)?)))
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
