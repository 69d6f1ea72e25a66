//! Campaigns in the browser.

mod launching;
mod preview;
mod report;
mod writing;

pub use launching::{ask_launch, cancel, launch, pause, resume, schedule, unschedule};
pub use preview::{preview, preview_html, try_out};
pub use report::{again, receipt_csv, receipt_json, recipient, show};
pub use writing::{audience, create, new, people, update};

use super::views::{IndexPage, Line};
use super::{Campaign, Problem, Wish, receipt};
use crate::agents::Caller;
use crate::db::{Conn, Db};
use crate::web::{self, Chrome, Error, flash, see_other};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        match problem {
            Problem::Failed(error) => error.into(),
            told => Error::Unprocessable(format!("{told}")),
        }
    }
}

fn find(id: i64, conn: &mut Conn) -> Result<Campaign, Error> {
    Campaign::find(id, conn)?.ok_or(Error::NotFound("campaign"))
}

fn clock(conn: &mut Conn) -> Result<Clock, Error> {
    Ok(Workspace::load(conn)?.clock())
}

fn pairs(body: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// `GET /campaigns`
pub async fn index(db: Data<Db>, chrome: Chrome) -> Result<HttpResponse, Error> {
    let (lines, clock) = db
        .read(|conn| {
            let line = |campaign| Line { settled: receipt::words(&campaign), campaign };
            let lines = Campaign::list(conn)?.into_iter().map(line).collect();
            Ok::<_, Error>((lines, clock(conn)?))
        })
        .await?;
    web::show(&IndexPage { chrome, lines, clock })
}

/// `POST /campaigns/{id}/copy`
pub async fn copy(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let made = db
        .write(move |conn| {
            let campaign = find(*id, conn)?;
            let name: String = format!("Copy of {}", campaign.name).chars().take(super::LONGEST_NAME).collect();
            let wish = Wish {
                name,
                channel: campaign.channel(),
                subject: campaign.subject.clone(),
                body: campaign.body.clone(),
                html: campaign.html.clone(),
                audience: campaign.audience(),
            };
            let clock = clock(conn)?;
            Ok::<_, Error>(Campaign::create(&wish, &caller, conn, &clock)?)
        })
        .await?;
    Ok(flash(see_other(&format!("/campaigns/{}", made.id)), &format!("{} made.", made.name)))
}

/// `POST /campaigns/{id}/delete`
pub async fn delete(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let name = db
        .write(move |conn| {
            let campaign = find(*id, conn)?;
            campaign.delete(&caller, conn)?;
            Ok::<_, Error>(campaign.name)
        })
        .await?;
    Ok(flash(see_other("/campaigns"), &format!("{name} deleted.")))
}
