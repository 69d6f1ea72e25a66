//! Segments for programs: `/api/v1/segments`.

use super::{Kind, Problem, Segment, Wish, members, sizes};
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
            Problem::Pins(_) => json!({ "field": "although" }),
            _ => Value::Null,
        };
        match problem {
            Problem::Failed(error) => Refusal::Failed(error.into()),
            Problem::Unread(mistake) => mistake.into(),
            Problem::Share => Refusal::Failed(Right::ShareSegments.refusal()),
            Problem::Gone => Refusal::missing("segment"),
            Problem::Newer => Refusal::Told {
                status: StatusCode::CONFLICT,
                code: "newer",
                message: problem.to_string(),
                details: Value::Null,
            },
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
        "version": segment.version,
        "archived": segment.archived_at.is_some(),
        "made": segment.origin().map(|origin| origin.words()),
        "last_used_at": segment.last_used_at.map(spell_time),
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
        let rule = read_filter(&filter, conn)?;
        Ok::<_, Refusal>(Segment::create(&Wish { name, kind, rule, private }, &maker, conn, &clock)?)
    });
    let made = match made.await {
        Ok(segment) => saved(&sets, &db, &caller, &segment).await,
        Err(refusal) => Err(refusal),
    };
    respond(StatusCode::CREATED, made)
}

/// A segment that was just written, counted.
async fn saved(sets: &Sets, db: &Db, caller: &Caller, segment: &Segment) -> Result<Value, Refusal> {
    sizes::saved(segment, sets, db).await?;
    one(sets, caller, segment.id).await
}

/// Text or JSON. No words are no filter: a fixed list begins with nobody, never with everybody.
fn read_filter(filter: &Value, conn: &mut Conn) -> Result<Option<Rule>, Refusal> {
    Ok(match filter {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(Rule::read(text, &Fields::load(conn)?)?),
        json => Some(Rule::from_json(json, &Fields::load(conn)?)?),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    name: Option<String>,
    /// Of a dynamic one.
    filter: Option<Value>,
    private: Option<bool>,
    archived: Option<bool>,
    /// The version this is a change of: when it is another one by now, nothing is changed.
    version: Option<i64>,
    /// Customers whose pinned examples may fail.
    #[serde(default)]
    although: Vec<i64>,
}

/// `PATCH /api/v1/segments/{id}`: what is not said stays as it is.
pub async fn update(
    db: Data<Db>,
    sets: Data<Sets>,
    caller: Caller,
    id: Path<i64>,
    body: Json<Value>,
) -> Result<HttpResponse, Error> {
    let changer = caller.clone();
    let changed = db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let segment = changeable(*id, &changer, conn)?;
        let changes: Changes = read(body)?;
        if changes.version.is_some_and(|version| version != segment.version) {
            return Err(Problem::Newer.into());
        }
        let rule = match &changes.filter {
            Some(_) if !segment.is_dynamic() => {
                let words = "a static segment has no filter: add and remove its customers instead";
                return Err(Refusal::invalid(words, json!({ "field": "filter" })));
            }
            // What is said and empty is no filter, which a dynamic one cannot have.
            Some(filter) => Some(read_filter(filter, conn)?.unwrap_or_default()),
            None => None,
        };
        let name = changes.name.unwrap_or_else(|| segment.name.clone());
        let private = changes.private.unwrap_or(segment.private);
        let wish = Wish { name, kind: segment.kind(), rule, private };
        let saved = segment.update(&wish, &changes.although, &changer, conn, &clock)?;
        if let Some(away) = changes.archived {
            saved.archive(away, &changer, conn, &clock)?;
        }
        Ok::<_, Refusal>(saved)
    });
    let changed = match changed.await {
        Ok(segment) => saved(&sets, &db, &caller, &segment).await,
        Err(refusal) => Err(refusal),
    };
    respond(StatusCode::OK, changed)
}

/// `DELETE /api/v1/segments/{id}`
pub async fn destroy(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let gone = db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let segment = changeable(*id, &caller, conn)?;
        Ok::<_, Refusal>(segment.delete(&caller, conn, &clock)?)
    });
    match gone.await {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        Err(refusal) => refusal.answer(),
    }
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
