//! How a message looks for somebody.

use super::super::views::PreviewPage;
use super::super::ways::Ways;
use super::super::{Campaign, key, message, reach, sending};
use super::{clock, find};
use crate::agents::{Agent, Caller, Right};
use crate::customers::{Channel, Customer, clean};
use crate::db::schema::customers;
use crate::db::{Conn, Db};
use crate::web::{self, Chrome, Error, flash, see_other};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::{Data, Form, Path, Query};
use diesel::prelude::*;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Whose {
    /// An id, an email or an external id.
    customer: String,
}

/// A customer by email, external id or number.
fn named(typed: &str, conn: &mut Conn) -> Result<Option<Customer>, Error> {
    let id: i64 = typed.parse().unwrap_or_default();
    let keys = customers::email.eq(typed).or(customers::external_id.eq(typed)).assume_not_null();
    let one = customers::table.filter(keys.or(customers::id.eq(id))).order(customers::id);
    Ok(one.select(Customer::as_select()).first(conn).optional()?)
}

/// No customer has this id.
const NOBODY: i64 = 0;

/// A customer by id, and what she is called.
type Called = (i64, String);

/// Whose eyes a message is seen with: who she is, and what it may say of her. Its links are nobody's, so that whoever
/// tries them decides nothing for her. `Err` says why there is no such person.
fn eyes(
    campaign: &Campaign,
    typed: &str,
    ways: &Ways,
    conn: &mut Conn,
) -> Result<Result<(Option<Called>, message::Person), String>, Error> {
    let typed = typed.trim();
    let customer = match typed {
        // Somebody who would get it.
        "" => {
            let now = clock(conn)?;
            let filter = campaign.audience().check(conn, &now)?;
            let whom = reach::members(&filter, conn)?;
            match whom.min() {
                Some(id) => Customer::find(i64::from(id), conn)?,
                None => None,
            }
        }
        typed => named(typed, conn)?,
    };
    let mut person = match &customer {
        Some(customer) => sending::people(&[customer.id], conn)?.remove(&customer.id).unwrap_or_default(),
        None => message::Person { workspace_name: Workspace::load(conn)?.name, ..message::Person::default() },
    };
    if customer.is_none() && !typed.is_empty() {
        return Ok(Err("There is no such customer.".into()));
    }
    ways.link(&mut person, campaign.id, NOBODY, campaign.channel(), &key(conn)?);
    Ok(Ok((customer.map(|customer| (customer.id, customer.called())), person)))
}

/// A message as somebody would get it.
fn rendered(
    campaign: &Campaign,
    typed: &str,
    ways: &Ways,
    conn: &mut Conn,
) -> Result<(Option<Called>, Result<message::Rendered, String>), Error> {
    Ok(match eyes(campaign, typed, ways, conn)? {
        Err(words) => (None, Err(words)),
        Ok((whose, person)) => {
            (whose, message::render(&campaign.content(), &person).map_err(|problem| problem.to_string()))
        }
    })
}

/// `GET /campaigns/{id}/preview?customer=`
pub async fn preview(
    db: Data<Db>,
    ways: Data<Ways>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    whose: Query<Whose>,
) -> Result<HttpResponse, Error> {
    let typed = whose.into_inner().customer;
    let page = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            let (customer, rendered) = rendered(&campaign, &typed, &ways, conn)?;
            let (subject, text, has_html, problem) = match rendered {
                Ok(message) => (message.subject, message.text, message.html.is_some(), None),
                Err(words) => (String::new(), String::new(), false, Some(words)),
            };
            let to = match (campaign.channel(), caller.agent_id) {
                (Channel::Email, Some(agent)) => Agent::find(agent, conn)?.map(|agent| agent.email),
                _ => None,
            };
            let page = PreviewPage { chrome, campaign, customer, subject, text, has_html, problem, typed, to };
            Ok::<_, Error>(page)
        })
        .await?;
    web::show(&page)
}

/// `GET /campaigns/{id}/preview/html?customer=`: the HTML part alone, for a frame that nothing gets out of.
pub async fn preview_html(
    db: Data<Db>,
    ways: Data<Ways>,
    id: Path<i64>,
    whose: Query<Whose>,
) -> Result<HttpResponse, Error> {
    let typed = whose.into_inner().customer;
    let html = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            let (_, rendered) = rendered(&campaign, &typed, &ways, conn)?;
            Ok::<_, Error>(rendered.ok().and_then(|message| message.html).unwrap_or_default())
        })
        .await?;
    // No script, no form, no style and no frame of its own; pictures may come from anywhere, as in a mail program.
    const POLICY: &str = "default-src 'none'; img-src https: data:; frame-ancestors 'self'; sandbox";
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(html))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Trial {
    /// With whose eyes.
    customer: String,
    /// A number, for text messages. Mails go to whoever asks for it.
    to: String,
}

/// What a trial needs: the campaign, the eyes it is seen with, and where it goes.
type Ready = (Campaign, message::Person, String);

/// `POST /campaigns/{id}/test`: to oneself, as somebody would get it.
pub async fn try_out(
    db: Data<Db>,
    ways: Data<Ways>,
    caller: Caller,
    id: Path<i64>,
    trial: Form<Trial>,
) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let trial = trial.into_inner();
    let here = web::address(&format!("/campaigns/{id}/preview"), &[("customer", trial.customer.trim())]);
    let with = ways.clone();
    let ready = db.read(move |conn| ready(id, &trial, &caller, &with, conn)).await?;
    let words = match ready {
        Err(words) => words,
        Ok((campaign, person, to)) => {
            let sent = actix_web::web::block(move || (ways.try_out(&campaign, &person, &to), to)).await;
            match sent {
                Ok((Ok(sent), to)) => format!("A test went to {to}: {}.", sent.said),
                Ok((Err(failure), to)) => format!("The test to {to} was not sent. {failure}"),
                Err(_) => "The test was not sent: Muster is stopping.".into(),
            }
        }
    };
    Ok(flash(see_other(&here), &words))
}

fn ready(
    id: i64,
    trial: &Trial,
    caller: &Caller,
    ways: &Ways,
    conn: &mut Conn,
) -> Result<Result<Ready, String>, Error> {
    let campaign = find(id, conn)?;
    let to = match (campaign.channel(), caller.agent_id) {
        (Channel::Email, Some(agent)) => Agent::find(agent, conn)?.map(|agent| agent.email).ok_or(Error::SignedOut)?,
        (Channel::Email, None) => return Ok(Err("A test goes to whoever is signed in.".into())),
        // A number may be anybody's.
        _ if !caller.may(Right::Send) => return Err(Right::Send.refusal()),
        _ => match clean::phone(&trial.to, None) {
            Ok(Some(phone)) => phone,
            Ok(None) => return Ok(Err("Say which number the test goes to.".into())),
            Err(words) => return Ok(Err(words)),
        },
    };
    Ok(eyes(&campaign, &trial.customer, ways, conn)?.map(|(_, person)| (campaign, person, to)))
}
