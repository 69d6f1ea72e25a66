//! `/account`: where I am signed in, and my password.

use super::pages::{self, Tried};
use super::{Agent, Caller, Mistakes, audit, passwords, sessions};
use crate::db::Db;
use crate::web::{Chrome, Error, flash, see_other, show, show_as};
use crate::workspace::Workspace;
use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

/// One place where I am signed in, as the page shows it.
struct Place {
    row: String,
    browser: String,
    since: String,
    used: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "agents/account.html")]
struct AccountPage {
    chrome: Chrome,
    agent: Agent,
    places: Vec<Place>,
    mistakes: Mistakes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    current: String,
    password: String,
}

/// Sessions belong to people: tokens and the command line have none.
fn me(caller: &Caller) -> Result<i64, Error> {
    caller.agent_id.ok_or(Error::SignedOut)
}

async fn page(db: &Db, session: &Session, chrome: Chrome, me: i64, mistakes: Mistakes) -> Result<AccountPage, Error> {
    let this = session.get::<String>(sessions::ROW).unwrap_or(None);
    let (agent, places) = db
        .read::<_, Error>(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            let places = sessions::of(me, conn)?.into_iter().map(|session| Place {
                browser: session.browser(),
                since: clock.show(session.created_at),
                used: clock.ago(session.last_used_at),
                here: this.as_deref() == Some(&session.key_hash),
                row: session.key_hash,
            });
            let places = places.collect();
            Ok((Agent::find(me, conn)?.ok_or(Error::SignedOut)?, places))
        })
        .await?;
    Ok(AccountPage { chrome, agent, places, mistakes })
}

/// `GET /account`.
pub async fn index(db: Data<Db>, session: Session, chrome: Chrome, caller: Caller) -> Result<HttpResponse, Error> {
    show(&page(&db, &session, chrome, me(&caller)?, Mistakes::default()).await?)
}

/// `POST /account/password`: the current one is asked for, and every other place is signed out.
pub async fn change_password(
    req: HttpRequest,
    db: Data<Db>,
    session: Session,
    chrome: Chrome,
    caller: Caller,
    Form(typed): Form<NewPassword>,
) -> Result<HttpResponse, Error> {
    let me = me(&caller)?;
    let agent = db.read::<_, Error>(move |conn| Agent::find(me, conn)?.ok_or(Error::SignedOut)).await?;
    let tried = pages::try_password(&db, &agent.email, &typed.current, pages::address_of(&req)).await?;
    let fit = passwords::fit(&typed.password, &[&agent.email, &agent.name]);
    let mistakes = match (tried, fit) {
        (Tried::Right(_), Ok(password)) => {
            let hash = passwords::slowly(move || passwords::hash(&password)).await?;
            db.write::<_, Error>(move |conn| {
                agent.set_password(&hash, conn)?;
                Ok(audit(conn, &caller, "password.change", &format!("user {me}"), &json!({}))?)
            })
            .await?;
            // This place stays signed in, under a new key.
            session.renew();
            return Ok(flash(see_other("/account"), "Your password is changed. Every other place is signed out."));
        }
        (Tried::TooOften, _) => Mistakes::one("current", "Too many attempts. Wait 15 minutes, then try again"),
        (Tried::Wrong, Ok(_)) => Mistakes::one("current", "This is not your current password"),
        (Tried::Wrong, Err(words)) => {
            Mistakes::one("current", "This is not your current password").and(Mistakes::one("password", words))
        }
        (Tried::Right(_), Err(words)) => Mistakes::one("password", words),
    };
    show_as(StatusCode::UNPROCESSABLE_ENTITY, &page(&db, &session, chrome, me, mistakes).await?)
}

/// `POST /account/sessions/{row}/end`: signs one of my places out.
pub async fn end_one(db: Data<Db>, caller: Caller, row: Path<String>) -> Result<HttpResponse, Error> {
    let me = me(&caller)?;
    let row = row.into_inner();
    let ended = db.write::<_, Error>(move |conn| Ok(sessions::end(me, &row, conn)?)).await?;
    let words = if ended { "Signed out there." } else { "That place was signed out already." };
    Ok(flash(see_other("/account"), words))
}

/// `POST /account/sessions/end`: signs me out everywhere, here too.
pub async fn end_all(db: Data<Db>, session: Session, caller: Caller) -> Result<HttpResponse, Error> {
    let me = me(&caller)?;
    db.write::<_, Error>(move |conn| {
        sessions::end_all(me, conn)?;
        Ok(audit(conn, &caller, "sign_out.everywhere", &format!("user {me}"), &json!({}))?)
    })
    .await?;
    session.purge();
    Ok(flash(see_other("/sign-in"), "You are signed out everywhere."))
}
