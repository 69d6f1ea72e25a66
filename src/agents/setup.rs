//! `/setup`: the first visitor names the business and becomes its first admin. It happens once.

use super::{Agent, Mistakes, Newcomer, Role, Welcome, audit, name, pages, passwords};
use crate::db::{Conn, Db, dialect};
use crate::web::{Chrome, Error, flash, see_other, show, show_as};
use crate::workspace::{Workspace, currency, stamp, zone};
use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::json;

#[derive(Template)]
#[template(path = "agents/setup.html")]
struct SetupPage {
    chrome: Chrome,
    typed: Setup,
    mistakes: Mistakes,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    business: String,
    time_zone: String,
    currency: String,
    name: String,
    email: String,
    password: String,
}

impl Setup {
    fn fresh() -> Setup {
        let Workspace { zone, currency, .. } = Workspace::default();
        let empty = String::new;
        Setup {
            business: empty(),
            time_zone: zone.name().into(),
            currency,
            name: empty(),
            email: empty(),
            password: empty(),
        }
    }

    /// Takes a moment: the password is hashed.
    fn check(&self) -> Result<(Workspace, Welcome), Mistakes> {
        let mut mistakes = Mistakes::default();
        let workspace = Workspace {
            name: mistakes.noted("business", name(&self.business)),
            zone: mistakes.noted("time_zone", zone(&self.time_zone).map(Some)).unwrap_or(Tz::UTC),
            currency: mistakes.noted("currency", currency(&self.currency)),
            ..Workspace::default()
        };
        let admin = Newcomer {
            email: self.email.clone(),
            name: self.name.clone(),
            role: Role::Admin,
            password: self.password.clone(),
            may_send: true,
            may_export: true,
        };
        match admin.check() {
            Ok(welcome) if mistakes.is_empty() => Ok((workspace, welcome)),
            Ok(_) => Err(mistakes),
            Err(others) => Err(mistakes.and(others)),
        }
    }
}

/// What came of an attempt to be the first.
enum Begun {
    First(Agent),
    SomebodyElse,
    EmailTaken,
}

/// Two who press the button at once are not both first.
fn begin(workspace: &Workspace, welcome: &Welcome, conn: &mut Conn) -> Result<Begun, Error> {
    dialect::one_at_a_time(conn, dialect::Queue::Agents)?;
    if Agent::any_admin(conn)? {
        return Ok(Begun::SomebodyElse);
    }
    let Some(admin) = Agent::create(welcome, conn, stamp(chrono::Utc::now()))? else { return Ok(Begun::EmailTaken) };
    workspace.save(conn)?;
    let details = json!({ "business": workspace.name, "email": admin.email });
    audit(conn, &admin.caller(), "setup", &format!("user {}", admin.id), &details)?;
    Ok(Begun::First(admin))
}

/// `GET /setup`.
pub async fn new(db: Data<Db>, chrome: Chrome) -> Result<HttpResponse, Error> {
    if db.read::<_, Error>(|conn| Ok(Agent::any_admin(conn)?)).await? {
        return Ok(see_other("/"));
    }
    show(&SetupPage { chrome, typed: Setup::fresh(), mistakes: Mistakes::default() })
}

/// `POST /setup`: makes the admin, and signs her in.
pub async fn create(
    req: HttpRequest,
    db: Data<Db>,
    session: Session,
    chrome: Chrome,
    Form(typed): Form<Setup>,
) -> Result<HttpResponse, Error> {
    if db.read::<_, Error>(|conn| Ok(Agent::any_admin(conn)?)).await? {
        return Ok(already());
    }
    let form = typed.clone();
    let mistakes = match passwords::slowly(move || form.check()).await? {
        Err(mistakes) => mistakes,
        Ok((workspace, welcome)) => match db.write::<_, Error>(move |conn| begin(&workspace, &welcome, conn)).await? {
            Begun::First(admin) => {
                pages::begin(&session, &admin, &req)?;
                return Ok(flash(see_other("/"), "Everything is ready. Import customers, or add the first by hand."));
            }
            Begun::SomebodyElse => return Ok(already()),
            Begun::EmailTaken => Mistakes::one("email", "Somebody has this address already"),
        },
    };
    show_as(StatusCode::UNPROCESSABLE_ENTITY, &SetupPage { chrome, typed, mistakes })
}

fn already() -> HttpResponse {
    flash(see_other("/sign-in"), "This workspace has an admin already. Sign in, or ask her to add you.")
}
