//! One fact of a customer, changed where it stands: `/customers/{id}/fields/{field}`, a page of its own without a script.
//!
//! The form carries the value it was opened with. Who changes another field is not in the way; if this one is another by
//! now, nothing is written: the form says who changed it, and saving once more means that.

use super::facts::{Fact, Owner};
use super::{By, Channel, Consents, Customer, Problem, history, profile};
use crate::agents::Caller;
use crate::custom_fields::CustomField;
use crate::db::{Conn, Db, dialect};
use crate::web::{self, Chrome, Error, Htmx};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Somebody changed her mind: the fact as it is.
    closed: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    value: String,
    /// What was stored when the form was opened; empty for nothing.
    was: String,
}

/// The element of a fact: `fact-custom-plan`.
fn anchor(key: &str) -> String {
    format!("fact-{}", key.replace('.', "-"))
}

/// A fact as it stands, and leads to its form.
#[derive(Template)]
#[template(path = "customers/_known.html")]
pub struct Known {
    customer_id: i64,
    key: String,
    /// As a form calls it,
    label: String,
    /// and as it is called among its like.
    pub short: String,
    pub value: Option<String>,
    /// The class of the dot beside it.
    pub pill: Option<&'static str>,
    /// When and from where.
    pub story: Option<String>,
}
impl askama::filters::HtmlSafe for Known {}

impl Known {
    pub fn told(customer_id: i64, fact: &Fact, stored: Option<&str>) -> Known {
        let (label, value) = (fact.label(), stored.map(|stored| fact.spoken(stored)));
        Known { customer_id, key: fact.key(), short: label.clone(), label, value, pill: None, story: None }
    }

    /// What she said about a channel.
    pub fn agreed(customer_id: i64, channel: Channel, all: &Consents, clock: &Clock) -> Known {
        let (fact, consent) = (Fact::Consent(channel), all.get(channel));
        Known {
            short: channel.words().into(),
            value: Some(capital(consent.words())),
            pill: Some(consent.pill()),
            story: all.said(channel).map(|said| format!("{}, {}", clock.show_day(said.at), said.source)),
            ..Known::told(customer_id, &fact, None)
        }
    }

    fn of(customer: &Customer, fact: &Fact, clock: &Clock, conn: &mut Conn) -> Result<Known, Error> {
        Ok(match fact {
            Fact::Consent(channel) => Known::agreed(customer.id, *channel, &Consents::of(customer.id, conn)?, clock),
            other => Known::told(customer.id, other, other.stored(customer, conn)?.as_deref()),
        })
    }

    fn id(&self) -> String {
        anchor(&self.key)
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// The open form, where the fact stands.
#[derive(Template)]
#[template(path = "customers/_place.html")]
struct Place {
    customer_id: i64,
    fact: Fact,
    typed: Typed,
    wrong: Option<String>,
    owner: Option<Owner>,
    conflict: Option<Conflict>,
}
impl askama::filters::HtmlSafe for Place {}

/// Somebody else was quicker.
struct Conflict {
    /// Who, and when, where the history knows it.
    who: Option<(String, String)>,
    now: Option<String>,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "customers/field.html")]
struct PlacePage {
    chrome: Chrome,
    called: String,
    place: Place,
}

impl Place {
    fn open(customer: &Customer, fact: Fact, conn: &mut Conn) -> Result<Place, Error> {
        let was = fact.stored(customer, conn)?.unwrap_or_default();
        let value = if was.is_empty() { String::new() } else { fact.typed(&was, &Workspace::load(conn)?) };
        let typed = Typed { value, was };
        Ok(Place { customer_id: customer.id, fact, typed, wrong: None, owner: None, conflict: None })
    }

    fn key(&self) -> String {
        self.fact.key()
    }

    fn id(&self) -> String {
        anchor(&self.fact.key())
    }

    fn is_bad(&self) -> bool {
        self.wrong.is_some()
    }

    /// What describes the input: what is wrong, who was quicker, or how to write it.
    fn described(&self) -> Option<String> {
        let suffix = match (&self.wrong, &self.conflict) {
            (Some(_), _) => "why",
            (None, Some(_)) => "since",
            (None, None) if self.fact.help().is_empty() => return None,
            (None, None) => "help",
        };
        Some(format!("{}-{suffix}", self.id()))
    }

    fn show(self, status: StatusCode, chrome: Chrome, htmx: &Htmx, called: String) -> Result<HttpResponse, Error> {
        match htmx.is_fragment() {
            true => web::show_as(status, &self),
            false => web::show_as(status, &PlacePage { chrome, called, place: self }),
        }
    }
}

fn find(id: i64, key: &str, conn: &mut Conn) -> Result<(Customer, Fact), Error> {
    let customer = Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?;
    let fact = Fact::find(key, &CustomField::all(conn)?).ok_or(Error::NotFound("field"))?;
    Ok((customer, fact))
}

/// `GET /customers/{id}/fields/{field}`
pub async fn edit(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    path: Path<(i64, String)>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let (id, key) = path.into_inner();
    if asked.closed {
        if !htmx.is_fragment() {
            return Ok(web::see_other(&format!("/customers/{id}#{}", anchor(&key))));
        }
        let known = db
            .read(move |conn| {
                let (customer, fact) = find(id, &key, conn)?;
                let clock = Workspace::load(conn)?.clock();
                Known::of(&customer, &fact, &clock, conn)
            })
            .await?;
        return web::show(&known);
    }
    let (place, called) = db
        .read(move |conn| {
            let (customer, fact) = find(id, &key, conn)?;
            Ok::<_, Error>((Place::open(&customer, fact, conn)?, customer.called()))
        })
        .await?;
    place.show(StatusCode::OK, chrome, &htmx, called)
}

/// `POST /customers/{id}/fields/{field}`
pub async fn update(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    path: Path<(i64, String)>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    let (id, key) = path.into_inner();
    let (acting, field) = (caller.clone(), key.clone());
    match db.write(move |conn| save(id, &field, typed, &acting, conn)).await? {
        Saved::Done if htmx.is_fragment() => profile::anew(&db, chrome, caller, id).await,
        Saved::Done => Ok(web::see_other(&format!("/customers/{id}#{}", anchor(&key)))),
        Saved::Refused(place, called) => {
            let status = match place.conflict {
                Some(_) => StatusCode::CONFLICT,
                None => StatusCode::UNPROCESSABLE_ENTITY,
            };
            place.show(status, chrome, &htmx, called)
        }
    }
}

enum Saved {
    Done,
    /// The form again, and whose it is.
    Refused(Box<Place>, String),
}

fn save(id: i64, key: &str, typed: Typed, caller: &Caller, conn: &mut Conn) -> Result<Saved, Error> {
    dialect::hold_customer(id, conn)?;
    let (customer, fact) = find(id, key, conn)?;
    let here = Workspace::load(conn)?;
    let clock = here.clock();
    let called = customer.called();
    let place = |fact, typed| Place { customer_id: id, fact, typed, wrong: None, owner: None, conflict: None };
    let meant = match fact.clean(&typed.value, &customer, &here) {
        Ok(meant) => meant,
        Err(words) => {
            let place = Place { wrong: Some(words), ..place(fact, typed) };
            return Ok(Saved::Refused(Box::new(place), called));
        }
    };
    let now = fact.stored(&customer, conn)?;
    if now.as_deref() == meant.stored() {
        return Ok(Saved::Done);
    }
    if now.as_deref().unwrap_or_default() != typed.was {
        let conflict = Conflict::of(&fact, &customer, now.as_deref(), &typed.was, &clock, conn)?;
        // Saved once more, this is what is overwritten.
        let typed = Typed { was: now.unwrap_or_default(), ..typed };
        let place = Place { conflict: Some(conflict), ..place(fact, typed) };
        return Ok(Saved::Refused(Box::new(place), called));
    }
    let by = By::of(caller, history::Source::Profile, clock.stamp());
    match fact.write(&meant, &customer, &by, conn) {
        Ok(()) => Ok(Saved::Done),
        Err(Problem::Query(error)) => Err(error.into()),
        Err(Problem::Taken { field, by }) => {
            let owner = Owner::find(field, by, conn)?;
            let place = Place { wrong: Some(owner.words()), owner: Some(owner), ..place(fact, typed) };
            Ok(Saved::Refused(Box::new(place), called))
        }
    }
}

impl Conflict {
    fn of(
        fact: &Fact,
        customer: &Customer,
        now: Option<&str>,
        was: &str,
        clock: &Clock,
        conn: &mut Conn,
    ) -> Result<Conflict, Error> {
        let newest = history::newest(customer.id, &fact.key(), conn)?;
        let who = newest.filter(|(after, ..)| after.as_deref() == now).map(|(_, actor, at)| (actor, clock.show(at)));
        let spoken = |stored: Option<&str>| stored.filter(|text| !text.is_empty()).map(|text| fact.spoken(text));
        Ok(Conflict { who, now: spoken(now), before: spoken(Some(was)) })
    }
}
