//! Merging in the browser: two customers side by side, doing it, and undoing it.

use super::doing::ITSELF;
use super::sides::{Agreed, Field};
use super::{Choices, Merge, Outcome, Sides};
use crate::agents::Caller;
use crate::customers::duplicates::{self, Near};
use crate::customers::{Consent, Customer};
use crate::db::{self, Conn, Db, Trouble, dialect};
use crate::segments::why::fitting;
use crate::web::{self, Chrome, Error, flash, flash_undo, see_other, thousands};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Query};
use askama::Template;
use diesel::Connection;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "customers/merge.html")]
struct MergePage {
    chrome: Chrome,
    id: i64,
    called: String,
    /// What was typed to find the other.
    who: String,
    problem: Option<String>,
    /// Who fits what was typed, or looks like her.
    offers: Vec<Offer>,
    sides: Option<Sides>,
}

struct Offer {
    id: i64,
    called: String,
    words: String,
}

impl Offer {
    fn of(customer: &Customer) -> Offer {
        let known = [&customer.email, &customer.phone, &customer.city];
        let words = known.into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        Offer { id: customer.id, called: customer.called(), words }
    }

    fn near(near: &Near) -> Offer {
        Offer { words: near.words(), ..Offer::of(&near.customer) }
    }
}

impl MergePage {
    fn differing<'a>(&self, sides: &'a Sides) -> Vec<&'a Field> {
        sides.fields.iter().filter(|field| field.differs()).collect()
    }

    fn same<'a>(&self, sides: &'a Sides) -> Vec<&'a Field> {
        sides.fields.iter().filter(|field| !field.differs() && field.hers.is_some()).collect()
    }

    /// Channels about which anybody said anything.
    fn agreed<'a>(&self, sides: &'a Sides) -> Vec<&'a Agreed> {
        let said = |agreed: &&Agreed| [agreed.hers, agreed.other].iter().any(|said| *said != Consent::Unknown);
        sides.consents.iter().filter(said).collect()
    }

    fn purchases(&self, sides: &Sides) -> String {
        let (hers, other) = (sides.hers.customer.purchase_count, sides.other.customer.purchase_count);
        format!("{} + {} = {}", thousands(&hers), thousands(&other), thousands(&(hers + other)))
    }

    fn conversations(&self, sides: &Sides) -> String {
        let (hers, other) = (sides.hers.conversations, sides.other.conversations);
        format!("{} + {} = {}", thousands(&hers), thousands(&other), thousands(&(hers + other)))
    }

    fn campaigns(&self, sides: &Sides) -> String {
        let (hers, other) = (sides.hers.campaigns.len(), sides.other.campaigns.len());
        match sides.both_in() {
            0 => format!("{hers} + {other} = {}", hers + other),
            both => format!("{hers} + {other}, {both} of them the same: {}", hers + other - both),
        }
    }

    fn since(&self, sides: &Sides) -> bool {
        sides.other.customer.created_at < sides.hers.customer.created_at
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    with: String,
    who: String,
}

fn page_of(id: i64, with: Option<i64>, choices: &Choices, chrome: Chrome, conn: &mut Conn) -> Result<MergePage, Error> {
    let hers = Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?;
    let called = hers.called();
    let mut page = MergePage { chrome, id, called, who: String::new(), problem: None, offers: Vec::new(), sides: None };
    match with {
        Some(with) if with == id => page.problem = Some(ITSELF.into()),
        Some(with) => match Customer::find(with, conn)? {
            Some(other) => {
                let clock = Workspace::load(conn)?.clock();
                page.sides = Some(Sides::of(hers, other, choices, &clock, conn)?);
            }
            None => page.problem = Some(format!("There is no customer #{with} any more.")),
        },
        None => {}
    }
    if page.sides.is_none() {
        let hers = Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?;
        page.offers = duplicates::near(&hers, conn)?.iter().map(Offer::near).collect();
    }
    Ok(page)
}

/// `GET /customers/{id}/merge?with=12`, or `?who=anna` to find the other.
pub async fn ask(db: Data<Db>, chrome: Chrome, id: Path<i64>, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    let (id, asked) = (id.into_inner(), asked.into_inner());
    let page = db
        .read(move |conn| {
            let with = asked.with.trim().trim_start_matches('#').parse().ok();
            let mut page = page_of(id, with, &Choices::default(), chrome, conn)?;
            if with.is_none() && !asked.who.trim().is_empty() {
                let found: Vec<Customer> =
                    fitting(&asked.who, conn)?.into_iter().filter(|found| found.id != id).collect();
                if found.is_empty() {
                    page.problem = Some("No other customer fits that. Try part of a name or an email address.".into());
                }
                page.offers = found.iter().map(Offer::of).collect();
            }
            page.who = asked.who;
            Ok::<_, Error>(page)
        })
        .await?;
    let status = if page.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    web::show_as(status, &page)
}

/// `POST /customers/{id}/merge`: `with` goes into her.
pub async fn create(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    body: String,
) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let value = |name: &str| pairs.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str());
    let Ok(with) = value("with").trim().trim_start_matches('#').parse::<i64>() else {
        return Err(Error::Unprocessable("Say with whom she is to be merged.".into()));
    };
    let (choices, shown) = (Choices::read(&pairs), value("shown").to_string());
    let chosen = choices.clone();
    let done = db
        .write(move |conn| {
            // Whoever changes one of them while it goes on holds what it needs, and the other way round.
            db::again(|| {
                conn.transaction(|conn| {
                    dialect::give_way(conn)?;
                    match super::merge(id, with, &choices, &shown, &caller, conn)? {
                        // What was written on the way to a refusal is taken back.
                        Outcome::Refused(words) => Err(Left::Refused(words)),
                        outcome => Ok(outcome),
                    }
                })
                .or_else(|left: Left| match left {
                    Left::Refused(words) => Ok(Outcome::Refused(words)),
                    Left::Trouble(trouble) => Err(trouble),
                })
            })
            .map_err(Error::from)
        })
        .await?;
    match done {
        Outcome::Merged { id: merge, called } => Ok(flash_undo(
            see_other(&format!("/customers/{id}")),
            &format!("{called}: #{with} is part of #{id} now."),
            Some(&format!("/customers/merges/{merge}")),
        )),
        Outcome::Changed(sides) => {
            let mut page = MergePage {
                chrome,
                id,
                called: sides.hers.called.clone(),
                who: String::new(),
                problem: Some("One of them was changed since you looked. Look again before you merge.".into()),
                offers: Vec::new(),
                sides: Some(*sides),
            };
            for field in page.sides.iter_mut().flat_map(|sides| &mut sides.fields) {
                field.chosen = chosen.get(&field.name).unwrap_or(field.chosen);
            }
            web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Outcome::Refused(words) => {
            let asked = chosen.clone();
            let seen = chrome.clone();
            let with = Some(with).filter(|with| *with != id);
            let page = db.read(move |conn| page_of(id, with, &asked, seen, conn)).await;
            match page {
                Ok(mut page) => {
                    page.problem = Some(words);
                    web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
                }
                // She is gone herself.
                Err(Error::NotFound(_)) => Err(Error::Unprocessable(words)),
                Err(error) => Err(error),
            }
        }
        Outcome::Missing => Err(Error::NotFound("customer")),
    }
}

/// Why a savepoint was left.
enum Left {
    Refused(String),
    Trouble(Trouble),
}

impl From<Trouble> for Left {
    fn from(trouble: Trouble) -> Left {
        Left::Trouble(trouble)
    }
}
impl From<diesel::result::Error> for Left {
    fn from(error: diesel::result::Error) -> Left {
        Left::Trouble(error.into())
    }
}

/// `GET /customers/merges/{id}` leads to whoever stayed.
pub async fn show(db: Data<Db>, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let merge = db.read(move |conn| Merge::find(id, conn)?.ok_or(Error::NotFound("merge"))).await?;
    Ok(see_other(&format!("/customers/{}", merge.new_id)))
}

/// `POST /customers/merges/{id}/undo`.
pub async fn undo(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let (merge, done) = db
        .write(move |conn| {
            let merge = Merge::find(id, conn)?.ok_or(Error::NotFound("merge"))?;
            let done = db::again(|| {
                conn.transaction(|conn| {
                    dialect::give_way(conn)?;
                    super::undo(id, &caller, conn)
                })
            })?;
            Ok::<_, Error>((merge, done.ok_or(Error::NotFound("merge"))?))
        })
        .await?;
    match done {
        Ok(told) => {
            let mut words = format!("#{} is a customer of her own again.", merge.old_id);
            if !told.is_empty() {
                words = format!("{words} Left as it is: {}", told.join(" "));
            }
            Ok(flash(see_other(&format!("/customers/{}", merge.old_id)), &words))
        }
        Err(words) => Err(Error::Unprocessable(words)),
    }
}

/// Where somebody is found who is not under this number any more. Not for good: a merge can be undone.
pub async fn moved(db: &Db, id: i64, prefix: &str) -> Result<Option<HttpResponse>, Error> {
    let now = db.read(move |conn| Ok::<_, Error>(super::now(id, conn)?)).await?;
    Ok((now != id).then(|| {
        let status = if prefix.starts_with("/api/") { StatusCode::TEMPORARY_REDIRECT } else { StatusCode::SEE_OTHER };
        HttpResponse::build(status)
            .insert_header((LOCATION, format!("{prefix}/{now}")))
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish()
    }))
}
