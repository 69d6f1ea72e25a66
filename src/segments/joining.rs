//! Joining and leaving static segments in the browser: the ticked customers, or all who match.

use super::pages::{changeable, pairs, people, value};
use super::{Kind, Origin, Problem, Segment, Wish, members};
use crate::agents::{Caller, Right};
use crate::db::{Conn, Db};
use crate::filters::whom::Whom;
use crate::web::{self, Chrome, Error, flash, see_other, thousands};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;

/// Who is to join.
fn whom(form: &[(String, String)], conn: &mut Conn, clock: &Clock) -> Result<Whom, Error> {
    if !value(form, "all").is_empty() {
        return Whom::matching(value(form, "filter"), conn, clock);
    }
    match ids(form) {
        ids if ids.is_empty() => Err(Error::Unprocessable("Tick the customers to add first.".into())),
        ids => Ok(Whom::ticked(ids)),
    }
}

/// What a segment is made of that begins with them.
fn origin(whom: &Whom) -> Origin {
    match whom {
        Whom::Ticked(_) => Origin::Ticked,
        Whom::Matching(filter) => Origin::filter(filter),
    }
}

fn join(whom: &Whom, segment: &Segment, conn: &mut Conn, clock: &Clock) -> Result<members::Added, Problem> {
    match whom {
        Whom::Ticked(ids) => members::add(segment, ids, conn, clock),
        Whom::Matching(filter) => members::add_matching(segment, filter, conn, clock),
    }
}

/// Asks for the name of the segment they are to join, when none was given or it cannot be taken.
#[derive(Template)]
#[template(path = "segments/join.html")]
struct JoinPage {
    chrome: Chrome,
    name: String,
    why: String,
    ticked: Vec<i64>,
    /// The filter, when all who match are meant.
    matching: Option<String>,
    count: i64,
}

/// How a request to join went.
enum Joined {
    Done(Segment, members::Added),
    NotYet { whom: Whom, count: i64, why: String },
}

fn ids(form: &[(String, String)]) -> Vec<i64> {
    form.iter().filter(|(name, _)| name == "id").filter_map(|(_, value)| value.parse().ok()).collect()
}

fn told(problem: Problem) -> Error {
    match problem {
        Problem::Failed(error) => error.into(),
        other => Error::Unprocessable(other.to_string()),
    }
}

/// `POST /segments/members`: the ticked ones, or all who match, into a static segment, new or not.
pub async fn create(db: Data<Db>, chrome: Chrome, caller: Caller, body: String) -> Result<HttpResponse, Error> {
    let form = pairs(&body);
    let (name, spelled) = (value(&form, "name").to_string(), value(&form, "filter").to_string());
    let joined = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            let whom = whom(&form, conn, &clock)?;
            let segment = match value(&form, "segment").parse::<i64>() {
                Ok(id) => changeable(id, &caller, conn)?,
                Err(_) => {
                    let private = !caller.may(Right::ShareSegments);
                    let wish = Wish { name: value(&form, "name").into(), kind: Kind::Static, rule: None, private };
                    match Segment::create_from(&wish, Some(origin(&whom)), &caller, conn, &clock) {
                        Ok(segment) => segment,
                        Err(Problem::Name(why)) => {
                            return Ok(Joined::NotYet { count: whom.count(conn)?, whom, why });
                        }
                        Err(problem) => return Err(told(problem)),
                    }
                }
            };
            let added = join(&whom, &segment, conn, &clock).map_err(told)?;
            Ok(Joined::Done(segment, added))
        })
        .await?;
    match joined {
        Joined::Done(segment, added) => {
            let path = format!("/segments/{}", segment.id);
            let words = match added.already {
                0 => format!("{} joined {}.", people(added.joined), segment.name),
                n => format!(
                    "{} joined {}; {} had been in it already.",
                    people(added.joined),
                    segment.name,
                    thousands(&n)
                ),
            };
            Ok(flash(see_other(&path), &words))
        }
        Joined::NotYet { whom, count, why } => {
            let (ticked, matching) = match whom {
                Whom::Ticked(ids) => (ids, None),
                Whom::Matching(_) => (Vec::new(), Some(spelled)),
            };
            let page = JoinPage { chrome, name, why, ticked, matching, count };
            web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// `POST /segments/{id}/members/remove`
pub async fn destroy(db: Data<Db>, caller: Caller, id: Path<i64>, body: String) -> Result<HttpResponse, Error> {
    let form = pairs(&body);
    let id = *id;
    let (segment, left) = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            let segment = changeable(id, &caller, conn)?;
            let left = members::remove(&segment, &ids(&form), conn, &clock).map_err(told)?;
            Ok::<_, Error>((segment, left))
        })
        .await?;
    Ok(flash(see_other(&format!("/segments/{id}")), &format!("{} left {}.", people(left), segment.name)))
}
