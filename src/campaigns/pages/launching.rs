//! Sending a campaign: what is about to go out, now or later; and stopping it.

use super::super::launch::{self as launching, Order};
use super::super::views::{LaunchPage, Reached, people as persons};
use super::super::ways::Ways;
use super::super::{Campaign, Problem, State, form, key, schedule as later};
use super::{clock, find};
use crate::agents::Caller;
use crate::db::{Conn, Db};
use crate::web::{self, Chrome, Error, flash, see_other};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use serde::Deserialize;

fn launch_page(
    chrome: Chrome,
    ways: &Ways,
    id: i64,
    typed: String,
    problem: Option<String>,
    conn: &mut Conn,
) -> Result<LaunchPage, Error> {
    let (campaign, now) = (find(id, conn)?, clock(conn)?);
    Ok(LaunchPage {
        chrome,
        reached: Reached::of(&campaign, conn, &now)?,
        everybody: launching::everybody(conn)?,
        guards: ways.guards,
        way: ways.words(campaign.channel()),
        zone: Workspace::load(conn)?.zone.name().into(),
        wrong: form::mistakes(&campaign, conn)?,
        typed,
        problem,
        campaign,
    })
}

/// `GET /campaigns/{id}/launch`: what is about to be sent, to how many.
pub async fn ask_launch(db: Data<Db>, ways: Data<Ways>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let page = db
        .read(move |conn| match find(id, conn)?.state().is_before() {
            true => Ok::<_, Error>(Some(launch_page(chrome, &ways, id, String::new(), None, conn)?)),
            false => Ok(None),
        })
        .await?;
    match page {
        Some(page) => web::show(&page),
        None => Ok(see_other(&format!("/campaigns/{id}"))),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Agreed {
    version: i64,
    approved: i64,
    typed: String,
    /// When it is to go out, for one that is to go later.
    send_at: String,
}

impl Agreed {
    fn order(&self) -> Order {
        let number = self.typed.chars().filter(char::is_ascii_digit).collect::<String>().parse().ok();
        Order { version: self.version, approved: self.approved, typed: number }
    }
}

/// `POST /campaigns/{id}/launch`
pub async fn launch(
    db: Data<Db>,
    ways: Data<Ways>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    agreed: Form<Agreed>,
) -> Result<HttpResponse, Error> {
    let guards = ways.guards;
    agree(&db, ways, chrome, *id, agreed.into_inner(), move |campaign, agreed, conn, clock| {
        let sums = campaign.launch(&agreed.order(), &guards, &key(conn)?, &caller, conn, clock)?;
        Ok(format!("On its way to {}.", persons(sums.reachable)))
    })
    .await
}

/// `POST /campaigns/{id}/schedule`
pub async fn schedule(
    db: Data<Db>,
    ways: Data<Ways>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    agreed: Form<Agreed>,
) -> Result<HttpResponse, Error> {
    let guards = ways.guards;
    agree(&db, ways, chrome, *id, agreed.into_inner(), move |campaign, agreed, conn, clock| {
        let at = later::moment(&agreed.send_at, clock).map_err(Problem::Told)?;
        campaign.schedule(at, &agreed.order(), &guards, &caller, conn, clock)?;
        Ok(format!("It goes out on {}.", clock.show(at)))
    })
    .await
}

/// `POST /campaigns/{id}/unschedule`
pub async fn unschedule(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    turn(&db, caller, *id, State::Draft, "It waits for you again. Nothing goes out by itself.").await
}

/// Does what somebody has agreed to. Then the campaign is shown, or the question again with what stands in the way.
async fn agree(
    db: &Db,
    ways: Data<Ways>,
    chrome: Chrome,
    id: i64,
    agreed: Agreed,
    done: impl FnOnce(&Campaign, &Agreed, &mut Conn, &Clock) -> Result<String, Problem> + Send + 'static,
) -> Result<HttpResponse, Error> {
    let here = format!("/campaigns/{id}");
    let typed = agreed.typed.clone();
    let done = db
        .write(move |conn| {
            let campaign = Campaign::sendable(id, conn)?;
            let clock = Workspace::load(conn)?.clock();
            done(&campaign, &agreed, conn, &clock)
        })
        .await;
    let words = match done {
        Ok(words) => return Ok(flash(see_other(&here), &words)),
        Err(Problem::Failed(trouble)) => return Err(trouble.into()),
        Err(told) => told.to_string(),
    };
    let page = db
        .read(move |conn| match find(id, conn)?.state().is_before() {
            true => Ok::<_, Error>(Ok(launch_page(chrome, &ways, id, typed, Some(words), conn)?)),
            false => Ok(Err(words)),
        })
        .await?;
    match page {
        Ok(page) => web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page),
        Err(words) => Ok(flash(see_other(&here), &words)),
    }
}

async fn turn(db: &Db, caller: Caller, id: i64, next: State, done: &'static str) -> Result<HttpResponse, Error> {
    let words = db
        .write(move |conn| {
            let campaign = find(id, conn)?;
            let clock = clock(conn)?;
            if !campaign.step(next, &caller, conn, &clock)? {
                let now = find(id, conn)?.state();
                return Ok::<_, Error>(format!("Nothing was changed: it is {} now.", now.words().to_lowercase()));
            }
            Ok(done.to_string())
        })
        .await?;
    Ok(flash(see_other(&format!("/campaigns/{id}")), &words))
}

/// `POST /campaigns/{id}/pause`
pub async fn pause(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    turn(&db, caller, *id, State::Paused, "Paused. What is on its way still arrives.").await
}

/// `POST /campaigns/{id}/resume`
pub async fn resume(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    turn(&db, caller, *id, State::Sending, "It goes on.").await
}

/// `POST /campaigns/{id}/cancel`
pub async fn cancel(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    turn(&db, caller, *id, State::Cancelled, "Stopped. Nobody else gets it.").await
}
