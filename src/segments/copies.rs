//! One segment out of another: a copy of the same kind, or the members of this moment as a fixed list.

use super::pages::{find, pairs, people, value};
use super::saving::unused_name;
use super::{Kind, Origin, Problem, Segment, Wish, members, sizes};
use crate::agents::{Caller, Right};
use crate::db::{Conn, Db};
use crate::filters::sets::Sets;
use crate::web::{self, Chrome, Error, flash, see_other};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;

impl Segment {
    /// A static segment of whoever is in this one at this moment.
    pub fn freeze(
        &self,
        name: &str,
        private: bool,
        caller: &Caller,
        conn: &mut Conn,
        clock: &Clock,
    ) -> Result<Segment, Problem> {
        let filter = self.filter(conn, clock)?;
        if let Some(problem) = filter.problems().first() {
            return Err(Problem::Filter(format!("Nobody is in {}: {}", self.name, problem.words)));
        }
        let sentence = if self.is_dynamic() { filter.sentence() } else { String::new() };
        let origin = Origin::Segment { id: self.id, name: self.name.clone(), sentence };
        let wish = Wish { name: name.into(), kind: Kind::Static, rule: None, private };
        let frozen = Segment::create_from(&wish, Some(origin), caller, conn, clock)?;
        members::add_matching(&frozen, &filter, conn, clock)?;
        Ok(frozen)
    }

    /// The same once more, for somebody to change: a dynamic one asks the same, a static one has the same members.
    pub fn duplicate(&self, caller: &Caller, conn: &mut Conn, clock: &Clock) -> Result<Segment, Problem> {
        let name = unused_name(&format!("{} copy", self.name), conn)?;
        let private = self.private || !caller.may(Right::ShareSegments);
        if !self.is_dynamic() {
            return self.freeze(&name, private, caller, conn, clock);
        }
        // By id, so that names which changed meanwhile are understood.
        let rule = self.filter(conn, clock)?.rule().clone();
        Segment::create(&Wish { name, kind: Kind::Dynamic, rule: Some(rule), private }, caller, conn, clock)
    }
}

fn told(problem: Problem) -> Error {
    match problem {
        Problem::Failed(error) => error.into(),
        Problem::Share => Right::ShareSegments.refusal(),
        other => Error::Unprocessable(other.to_string()),
    }
}

/// `POST /segments/{id}/duplicate`
pub async fn duplicate(db: Data<Db>, sets: Data<Sets>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let copy = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            find(*id, &caller, conn)?.duplicate(&caller, conn, &clock).map_err(told)
        })
        .await?;
    sizes::saved(&copy, &sets, &db).await?;
    Ok(flash(see_other(&format!("/segments/{}/edit", copy.id)), &format!("{} is there. Give it its name.", copy.name)))
}

/// Asks what the fixed list is to be called.
#[derive(Template)]
#[template(path = "segments/freeze.html")]
struct FreezePage {
    chrome: Chrome,
    segment: Segment,
    count: i64,
    name: String,
    private: bool,
    may_share: bool,
    problem: Option<String>,
}

async fn page(sets: &Sets, chrome: Chrome, caller: Caller, id: i64) -> Result<FreezePage, Error> {
    sets.read(move |at| {
        let segment = find(id, &caller, at)?;
        let clock = Workspace::load(at)?.clock();
        let filter = segment.filter(at, &clock)?;
        Ok(FreezePage {
            chrome,
            count: at.count(&filter)?,
            name: format!("{}, {}", segment.name, clock.show_day(clock.stamp())),
            private: segment.private,
            may_share: caller.may(Right::ShareSegments),
            problem: filter.problems().first().map(|problem| problem.words.clone()),
            segment,
        })
    })
    .await
}

/// `GET /segments/{id}/freeze`
pub async fn ask_freeze(
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Error> {
    web::show(&page(&sets, chrome, caller, *id).await?)
}

/// `POST /segments/{id}/freeze`
pub async fn freeze(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    body: String,
) -> Result<HttpResponse, Error> {
    let form = pairs(&body);
    let name = value(&form, "name").to_string();
    let private = !caller.may(Right::ShareSegments) || !value(&form, "private").is_empty();
    let (wanted, freezer, id) = (name.clone(), caller.clone(), *id);
    let frozen = db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let segment = Segment::find(id, &freezer, conn)?.ok_or(Problem::Gone)?;
        segment.freeze(&wanted, private, &freezer, conn, &clock)
    });
    match frozen.await {
        Ok(frozen) => {
            let count = sizes::saved(&frozen, &sets, &db).await?;
            let words = format!("{} keeps {}.", frozen.name, people(count));
            Ok(flash(see_other(&format!("/segments/{}", frozen.id)), &words))
        }
        Err(Problem::Failed(error)) => Err(error.into()),
        Err(problem) => {
            let page = page(&sets, chrome, caller, id).await?;
            let page = FreezePage { name, private, problem: Some(problem.to_string()), ..page };
            web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
