//! Customers for programs: `/api/v1/customers`, over the same nouns and the same predicate as the pages.

use super::list::{List, Page, Row, Sort};
use super::{Channel, Consent, Customer, Draft, Problem, clean, set_consent};
use crate::agents::Caller;
use crate::db::schema::{consents, taggings};
use crate::db::{Conn, Db, Trouble};
use crate::filters::{self, Filter, Mistake, Rule};
use crate::tags::{self, Mark, Source, Tag};
use crate::web::Error;
use crate::web::problems::json_error;
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, Query};
use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use diesel::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};
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
    conn: &mut Conn,
    within: impl FnOnce(&mut Conn, &Clock) -> Result<Option<Filter>, Refusal>,
) -> Result<Value, Refusal> {
    let workspace = Workspace::load(conn)?;
    let clock = params.clock(&workspace)?;
    let within = within(conn, &clock)?;
    let filter = filter(params, within, conn, &clock)?;
    let list = List::load(&filter, &params.page()?, conn)?;
    let ids: Vec<i64> = list.rows.iter().map(|row| row.customer.id).collect();
    let consents = consents_of(&ids, conn)?;
    let customers: Vec<Value> = list.rows.iter().map(|row| view(row, consents.get(&row.customer.id))).collect();
    Ok(json!({ "total": list.total, "customers": customers, "next_cursor": list.next }))
}

type Consents = HashMap<String, String>;

fn consents_of(ids: &[i64], conn: &mut Conn) -> QueryResult<HashMap<i64, Consents>> {
    let rows: Vec<(i64, String, String)> = consents::table
        .filter(consents::customer_id.eq_any(ids))
        .select((consents::customer_id, consents::channel, consents::state))
        .load(conn)?;
    let mut found: HashMap<i64, Consents> = HashMap::new();
    for (id, channel, state) in rows {
        found.entry(id).or_default().insert(channel, state);
    }
    Ok(found)
}

/// A stored time as programs read it.
pub fn spell_time(at: NaiveDateTime) -> String {
    at.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A customer as programs see her.
fn view(row: &Row, said: Option<&Consents>) -> Value {
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
        "tags": row.tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(),
    });
    for channel in Channel::ALL {
        let state = said.and_then(|said| said.get(channel.key())).map_or(Consent::Unknown.key(), String::as_str);
        json[format!("{}_consent", channel.key())] = state.into();
    }
    json
}

fn one(id: i64, conn: &mut Conn) -> Result<Value, Refusal> {
    let customer = Customer::find(id, conn)?.ok_or(Refusal::missing("customer"))?;
    let tags = tags::of_customers(&[id], conn)?.remove(&id).unwrap_or_default();
    let said = consents_of(&[id], conn)?;
    Ok(view(&Row { customer, tags }, said.get(&id)))
}

/// `GET /api/v1/customers`
pub async fn index(db: Data<Db>, params: Query<Params>) -> Result<HttpResponse, Error> {
    respond(StatusCode::OK, db.read(move |conn| list(&params, conn, |_, _| Ok(None))).await)
}

/// `GET /api/v1/customers/count`
pub async fn count(db: Data<Db>, params: Query<Params>) -> Result<HttpResponse, Error> {
    let counted = db.read(move |conn| {
        let clock = params.clock(&Workspace::load(conn)?)?;
        let filter = filter(&params, None, conn, &clock)?;
        Ok::<_, Refusal>(json!({ "count": filters::count(&filter, conn)? }))
    });
    respond(StatusCode::OK, counted.await)
}

/// `GET /api/v1/customers/{id}`
pub async fn show(db: Data<Db>, id: Path<i64>) -> Result<HttpResponse, Error> {
    respond(StatusCode::OK, db.read(move |conn| one(*id, conn)).await)
}

/// `POST /api/v1/customers`: every mistake is told at once, by field.
pub async fn create(db: Data<Db>, caller: Caller, body: Json<Value>) -> Result<HttpResponse, Error> {
    let made = db.write(move |conn| {
        let workspace = Workspace::load(conn)?;
        let clock = workspace.clock();
        let asked = Asked::read(&body, &workspace)?;
        let customer = Customer::create(&asked.draft, conn, &clock).map_err(taken)?;
        for (channel, consent) in asked.consents {
            set_consent(customer.id, channel, consent, "API", clock.stamp(), conn)?;
        }
        let mark = Mark::of(&caller, Source::Api, clock.stamp());
        for name in asked.tags {
            let (tag, _) = Tag::find_or_create(&name, conn, clock.stamp())?;
            tags::add(customer.id, tag.id, &mark, conn)?;
        }
        one(customer.id, conn)
    });
    respond(StatusCode::CREATED, made.await)
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

/// A body that was read: clean values, or each field's mistake.
struct Asked {
    draft: Draft,
    consents: Vec<(Channel, Consent)>,
    tags: Vec<String>,
}

impl Asked {
    fn read(body: &Value, workspace: &Workspace) -> Result<Asked, Refusal> {
        let Value::Object(given) = body else {
            return Err(Refusal::invalid("expected a JSON object", Value::Null));
        };
        let mut reader = Reader { given, mistakes: Map::new() };
        let country = workspace.default_country.clone();
        let draft = Draft {
            name: reader.text("name", |raw| clean::text(raw, 200)),
            email: reader.text("email", clean::email),
            phone: reader.text("phone", |raw| clean::phone(raw, country.as_deref())),
            external_id: reader.text("external_id", clean::external_id),
            country: reader.text("country", clean::country),
            city: reader.text("city", |raw| clean::text(raw, 200)),
            language: reader.text("language", clean::language),
            created_at: reader.text("created_at", |raw| clean::time(raw, workspace.zone)),
            last_seen_at: reader.text("last_seen_at", |raw| clean::time(raw, workspace.zone)),
        };
        let mut consents = Vec::new();
        for (channel, field) in
            [(Channel::Email, "email_consent"), (Channel::Sms, "sms_consent"), (Channel::Whatsapp, "whatsapp_consent")]
        {
            consents.extend(reader.text(field, read_consent).map(|consent| (channel, consent)));
        }
        let tags = reader.tags();
        const KNOWN: [&str; 13] = [
            "name",
            "email",
            "phone",
            "external_id",
            "country",
            "city",
            "language",
            "created_at",
            "last_seen_at",
            "email_consent",
            "sms_consent",
            "whatsapp_consent",
            "tags",
        ];
        for unknown in given.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
            reader.mistakes.insert(unknown.clone(), "there is no such field".into());
        }
        let nameless = [&draft.name, &draft.email, &draft.phone, &draft.external_id].iter().all(|key| key.is_none());
        if nameless && reader.mistakes.is_empty() {
            reader.mistakes.insert("name".into(), "give a name, an email, a phone or an external id".into());
        }
        match reader.mistakes.is_empty() {
            true => Ok(Asked { draft, consents, tags }),
            false => Err(Refusal::invalid("some fields cannot be taken as they are", Value::Object(reader.mistakes))),
        }
    }
}

fn read_consent(raw: &str) -> Result<Option<Consent>, String> {
    match Consent::parse(raw) {
        Some(consent) => Ok(Some(consent)),
        None => clean::consent(raw),
    }
}

struct Reader<'a> {
    given: &'a Map<String, Value>,
    mistakes: Map<String, Value>,
}

impl Reader<'_> {
    fn text<T>(&mut self, field: &str, read: impl Fn(&str) -> Result<Option<T>, String>) -> Option<T> {
        let raw = match self.given.get(field) {
            None | Some(Value::Null) => return None,
            Some(Value::String(raw)) => raw.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(answer)) => answer.to_string(),
            Some(_) => {
                self.mistakes.insert(field.into(), "expected text".into());
                return None;
            }
        };
        read(&raw).unwrap_or_else(|words| {
            self.mistakes.insert(field.into(), words.into());
            None
        })
    }

    fn tags(&mut self) -> Vec<String> {
        let names = match self.given.get("tags") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(names)) => names.iter().map(|name| name.as_str().map(str::to_string)).collect(),
            Some(_) => None,
        };
        let cleaned = names
            .ok_or_else(|| "expected a list of names".to_string())
            .and_then(|names: Vec<String>| names.iter().map(|name| Tag::clean(name)).collect::<Result<Vec<_>, _>>());
        cleaned.unwrap_or_else(|words| {
            self.mistakes.insert("tags".into(), words.into());
            Vec::new()
        })
    }
}

/// `PUT /api/v1/customers/{id}/tags/{name}`: makes the tag if nobody made it yet; adding twice is adding once.
pub async fn tag(db: Data<Db>, caller: Caller, path: Path<(i64, String)>) -> Result<HttpResponse, Error> {
    let tagged = db.write(move |conn| {
        let (id, name) = path.into_inner();
        let name = Tag::clean(&name).map_err(|words| Refusal::invalid(words, json!({ "name": name })))?;
        Customer::find(id, conn)?.ok_or(Refusal::missing("customer"))?;
        let at = crate::workspace::stamp(Utc::now());
        let (tag, _) = Tag::find_or_create(&name, conn, at)?;
        tags::add(id, tag.id, &Mark::of(&caller, Source::Api, at), conn)?;
        one(id, conn)
    });
    respond(StatusCode::OK, tagged.await)
}

/// `DELETE /api/v1/customers/{id}/tags/{name}`
pub async fn untag(db: Data<Db>, path: Path<(i64, String)>) -> Result<HttpResponse, Error> {
    let untagged = db.write(move |conn| {
        let (id, name) = path.into_inner();
        Customer::find(id, conn)?.ok_or(Refusal::missing("customer"))?;
        let tag = Tag::find(&name, conn)?.ok_or(Refusal::missing("tag"))?;
        let carried: i64 = taggings::table.find((id, tag.id)).count().get_result(conn)?;
        if carried == 0 {
            return Err(Refusal::missing("tag on this customer"));
        }
        tags::remove(id, tag.id, conn)?;
        one(id, conn)
    });
    respond(StatusCode::OK, untagged.await)
}
