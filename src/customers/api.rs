//! Customers for programs: `/api/v1/customers`, over the same nouns and the same predicate as the pages. What a program
//! may send is read in [`asked`].

mod asked;

use super::list::{List, Page, Row, Sort};
use super::{By, Channel, Consent, Customer, Problem, history};
use crate::agents::{Caller, audit};
use crate::custom_fields::{self, CustomField};
use crate::db::schema::consents;
use crate::db::{Conn, Db, Trouble, dialect};
use crate::filters::sets::{Sets, Snapshot};
use crate::filters::{self, Filter, Mistake, Rule};
use crate::tags::{self, Mark, Source, Tag};
use crate::web::Error;
use crate::web::problems::json_error;
use crate::workspace::{Clock, Workspace, stamp};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Json, Path, Query};
use asked::Asked;
use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// What a list or a count may be asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    /// Text or JSON.
    pub filter: String,
    pub sort: String,
    pub limit: Option<i64>,
    pub cursor: Option<String>,
    /// RFC 3339; fixes the clock for relative dates.
    pub now: Option<String>,
}

/// A request that cannot be answered, told to a program.
#[derive(Debug)]
pub enum Refusal {
    Told { status: StatusCode, code: &'static str, message: String, details: Value },
    Failed(Error),
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Refusal::Failed(trouble.into())
    }
}
impl From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Self {
        Refusal::Failed(error.into())
    }
}
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Failed(error)
    }
}
impl From<Mistake> for Refusal {
    fn from(mistake: Mistake) -> Self {
        let details = json!({ "position": mistake.position, "suggestion": mistake.suggestion });
        Refusal::Told {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            code: "filter",
            message: mistake.to_string(),
            details,
        }
    }
}

impl Refusal {
    pub fn invalid(message: impl Into<String>, details: Value) -> Refusal {
        Refusal::Told { status: StatusCode::UNPROCESSABLE_ENTITY, code: "invalid", message: message.into(), details }
    }

    pub fn missing(what: &'static str) -> Refusal {
        Refusal::Failed(Error::NotFound(what))
    }

    /// The answer a program gets.
    pub fn answer(self) -> Result<HttpResponse, Error> {
        match self {
            Refusal::Told { status, code, message, details } => Ok(json_error(status, code, &message, details)),
            Refusal::Failed(error) => Err(error),
        }
    }
}

/// Sends what was found, or why not.
pub fn respond(status: StatusCode, found: Result<Value, Refusal>) -> Result<HttpResponse, Error> {
    match found {
        Ok(value) => Ok(HttpResponse::build(status).json(value)),
        Err(refusal) => refusal.answer(),
    }
}

impl Params {
    /// The clock the question is asked by.
    pub fn clock(&self, workspace: &Workspace) -> Result<Clock, Refusal> {
        let mut clock = workspace.clock();
        if let Some(now) = self.now.as_deref().filter(|now| !now.is_empty()) {
            let read = DateTime::parse_from_rfc3339(now);
            let read =
                read.map_err(|_| Refusal::invalid(format!("now={now} is not RFC 3339"), json!({ "now": now })))?;
            clock.now = read.to_utc();
        }
        Ok(clock)
    }

    fn page(&self) -> Result<Page, Refusal> {
        let limit = self.limit.unwrap_or(50);
        if !(1..=1000).contains(&limit) {
            return Err(Refusal::invalid("limit is 1 to 1000", json!({ "limit": limit })));
        }
        let sort = if self.sort.trim().is_empty() { "-created_at" } else { self.sort.as_str() };
        let sort = Sort::parse(sort).map_err(|words| Refusal::invalid(words, json!({ "sort": self.sort })))?;
        Page::read(sort, self.cursor.as_deref(), limit)
            .map_err(|words| Refusal::invalid(words, json!({ "cursor": self.cursor })))
    }
}

/// Reads and checks a filter; one that would select nobody because something is wrong with it is refused with the reason.
pub fn checked(rule: &Rule, conn: &mut Conn, clock: &Clock) -> Result<Filter, Refusal> {
    let filter = Filter::check(rule, conn, clock)?;
    let Some(first) = filter.problems().first() else { return Ok(filter) };
    let problems: Vec<Value> =
        filter.problems().iter().map(|problem| json!({ "path": problem.path, "message": problem.words })).collect();
    Err(Refusal::Told {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        code: "filter",
        message: first.words.clone(),
        details: json!({ "problems": problems }),
    })
}

/// The filter of the parameters, narrowed to `within` when a segment is asked.
fn filter(params: &Params, within: Option<Filter>, conn: &mut Conn, clock: &Clock) -> Result<Filter, Refusal> {
    let rule = filters::stored::open(&params.filter, conn)??;
    let filter = checked(&rule, conn, clock)?;
    Ok(match within {
        Some(segment) => filter.and(segment),
        None => filter,
    })
}

/// One page of who matches: what `GET /customers` and `GET /segments/{id}/customers` answer. `within` makes the
/// segment's own filter, by the same clock.
pub fn list(
    params: &Params,
    at: &mut Snapshot,
    within: impl FnOnce(&mut Conn, &Clock) -> Result<Option<Filter>, Refusal>,
) -> Result<Value, Refusal> {
    let workspace = Workspace::load(at)?;
    let clock = params.clock(&workspace)?;
    let within = within(at, &clock)?;
    let filter = filter(params, within, at, &clock)?;
    let list = List::load(&filter, &params.page()?, at)?;
    let ids: Vec<i64> = list.rows.iter().map(|row| row.customer.id).collect();
    let more = More::of(&ids, at)?;
    let customers: Vec<Value> = list.rows.iter().map(|row| view(row, &more)).collect();
    Ok(json!({ "total": list.total, "customers": customers, "next_cursor": list.next }))
}

/// What is known about a page of customers besides their rows and tags: one query each, however many they are.
struct More {
    /// By customer and channel.
    consents: HashMap<i64, HashMap<String, String>>,
    fields: Vec<CustomField>,
    /// By customer and field.
    custom: HashMap<i64, HashMap<i64, String>>,
}

impl More {
    fn of(ids: &[i64], conn: &mut Conn) -> QueryResult<More> {
        let rows: Vec<(i64, String, String)> = consents::table
            .filter(consents::customer_id.eq_any(ids))
            .select((consents::customer_id, consents::channel, consents::state))
            .load(conn)?;
        let mut consents: HashMap<i64, HashMap<String, String>> = HashMap::new();
        for (id, channel, state) in rows {
            consents.entry(id).or_default().insert(channel, state);
        }
        let fields = CustomField::all(conn)?;
        let custom = if fields.is_empty() { HashMap::new() } else { custom_fields::of_customers(ids, conn)? };
        Ok(More { consents, fields, custom })
    }

    fn consent(&self, id: i64, channel: Channel) -> &str {
        let said = self.consents.get(&id).and_then(|said| said.get(channel.key()));
        said.map_or(Consent::Unknown.key(), String::as_str)
    }

    /// Her custom values by key; a field without a value is not there.
    fn custom(&self, id: i64) -> Value {
        let values = self.custom.get(&id);
        let value = |field: &CustomField| Some((field.key.clone(), field.to_json(values?.get(&field.id)?)));
        Value::Object(self.fields.iter().filter_map(value).collect())
    }
}

/// A stored time as programs read it.
pub fn spell_time(at: NaiveDateTime) -> String {
    at.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A customer as programs see her.
fn view(row: &Row, more: &More) -> Value {
    let customer = &row.customer;
    let time = |at: Option<NaiveDateTime>| at.map(spell_time);
    let mut json = json!({
        "id": customer.id,
        "external_id": customer.external_id,
        "name": customer.name,
        "email": customer.email,
        "phone": customer.phone,
        "country": customer.country,
        "city": customer.city,
        "language": customer.language,
        "created_at": spell_time(customer.created_at),
        "updated_at": spell_time(customer.updated_at),
        "last_seen_at": time(customer.last_seen_at),
        "purchase_count": customer.purchase_count,
        "total_spent": customer.total_spent,
        "first_purchase_at": time(customer.first_purchase_at),
        "last_purchase_at": time(customer.last_purchase_at),
        "tags": row.tags.iter().map(|tagging| tagging.tag.name.as_str()).collect::<Vec<_>>(),
    });
    for channel in Channel::ALL {
        json[format!("{}_consent", channel.key())] = more.consent(customer.id, channel).into();
    }
    json["custom"] = more.custom(customer.id);
    json
}

fn one(id: i64, conn: &mut Conn) -> Result<Value, Refusal> {
    let customer = Customer::find(id, conn)?.ok_or(Refusal::missing("customer"))?;
    let tags = tags::of_customer(id, stamp(Utc::now()), conn)?;
    let more = More::of(&[id], conn)?;
    Ok(view(&Row { customer, tags }, &more))
}

/// `GET /api/v1/customers`
pub async fn index(sets: Data<Sets>, params: Query<Params>) -> Result<HttpResponse, Error> {
    respond(StatusCode::OK, sets.read(move |at| list(&params, at, |_, _| Ok(None))).await)
}

/// `GET /api/v1/customers/count`
pub async fn count(sets: Data<Sets>, params: Query<Params>) -> Result<HttpResponse, Error> {
    let counted = sets.read(move |at| {
        let clock = params.clock(&Workspace::load(at)?)?;
        let filter = filter(&params, None, at, &clock)?;
        Ok::<_, Refusal>(json!({ "count": at.count(&filter)? }))
    });
    respond(StatusCode::OK, counted.await)
}

/// `GET /api/v1/customers/{id}`. Who was merged into another is found there: 307, as a merge can be undone.
pub async fn show(db: Data<Db>, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = *id;
    let found = db.read(move |conn| one(id, conn)).await;
    if let Err(Refusal::Failed(Error::NotFound(_))) = &found
        && let Some(answer) = super::merge::pages::moved(&db, id, "/api/v1/customers").await?
    {
        return Ok(answer);
    }
    respond(StatusCode::OK, found)
}

/// `POST /api/v1/customers`: every mistake is told at once, by field.
pub async fn create(db: Data<Db>, caller: Caller, body: Json<Value>) -> Result<HttpResponse, Error> {
    let made = db.write(move |conn| {
        let workspace = Workspace::load(conn)?;
        let by = By::of(&caller, history::Source::Api, workspace.clock().stamp());
        let asked = Asked::read(&body, None, &CustomField::all(conn)?, &workspace)?;
        let customer = Customer::create(&asked.draft, &by, conn).map_err(taken)?;
        asked.attach(customer.id, &caller, &by, conn)?;
        one(customer.id, conn)
    });
    respond(StatusCode::CREATED, made.await)
}

/// `PATCH /api/v1/customers/{id}`: what is given changes, `null` clears, the rest stays.
pub async fn update(db: Data<Db>, caller: Caller, id: Path<i64>, body: Json<Value>) -> Result<HttpResponse, Error> {
    let changed = db.write(move |conn| {
        dialect::hold_customer(*id, conn)?;
        let customer = Customer::find(*id, conn)?.ok_or(Refusal::missing("customer"))?;
        let workspace = Workspace::load(conn)?;
        let by = By::of(&caller, history::Source::Api, workspace.clock().stamp());
        let asked = Asked::read(&body, Some(&customer), &CustomField::all(conn)?, &workspace)?;
        customer.update(&asked.draft, &by, conn).map_err(taken)?;
        asked.attach(customer.id, &caller, &by, conn)?;
        one(customer.id, conn)
    });
    respond(StatusCode::OK, changed.await)
}

/// `DELETE /api/v1/customers/{id}`
pub async fn destroy(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let gone = db.write(move |conn| {
        if !Customer::delete(*id, conn)? {
            return Err(Refusal::missing("customer"));
        }
        audit(conn, &caller, "customer.delete", &format!("customer {id}"), &json!({}))?;
        Ok(())
    });
    match gone.await {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        Err(refusal) => refusal.answer(),
    }
}

fn taken(problem: Problem) -> Refusal {
    match problem {
        Problem::Taken { field, by } => Refusal::Told {
            status: StatusCode::CONFLICT,
            code: "taken",
            message: format!("customer #{by} has this {}", field.replace('_', " ")),
            details: json!({ "field": field, "customer": by }),
        },
        Problem::Query(error) => Refusal::Failed(error.into()),
    }
}

/// `PUT /api/v1/customers/{id}/tags/{name}`: makes the tag if nobody made it yet; adding twice is adding once. The body
/// may say until when.
pub async fn tag(db: Data<Db>, caller: Caller, path: Path<(i64, String)>, body: Bytes) -> Result<HttpResponse, Error> {
    let tagged = db.write(move |conn| {
        let (id, name) = path.into_inner();
        let name = Tag::clean(&name).map_err(|words| Refusal::invalid(words, json!({ "name": name })))?;
        Customer::find(id, conn)?.ok_or(Refusal::missing("customer"))?;
        let clock = Workspace::load(conn)?.clock();
        let lasting = asked::lasting(&body, &clock)?;
        let (tag, _) = Tag::find_or_create(&name, conn, clock.stamp())?;
        tags::add(id, tag.id, &Mark::of(&caller, Source::Api, clock.stamp()).lasting(lasting), conn)?;
        one(id, conn)
    });
    respond(StatusCode::OK, tagged.await)
}

/// `DELETE /api/v1/customers/{id}/tags/{name}`
pub async fn untag(db: Data<Db>, caller: Caller, path: Path<(i64, String)>) -> Result<HttpResponse, Error> {
    let untagged = db.write(move |conn| {
        let (id, name) = path.into_inner();
        Customer::find(id, conn)?.ok_or(Refusal::missing("customer"))?;
        let tag = Tag::find(&name, conn)?.ok_or(Refusal::missing("tag"))?;
        let mark = Mark::of(&caller, Source::Api, stamp(Utc::now()));
        match tags::remove(id, tag.id, &mark, conn)? {
            true => one(id, conn),
            false => Err(Refusal::missing("tag on this customer")),
        }
    });
    respond(StatusCode::OK, untagged.await)
}
