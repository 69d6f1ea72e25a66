//! Bulk actions in the browser: what is about to be done, doing it, how it goes, undoing it.

use super::form::Asked;
use super::views::{IndexPage, NewPage, ShowPage, Told, hue};
use super::{AT_ONCE, Action, Outcome, Problem, State, What, work};
use crate::agents::{Caller, Mistakes};
use crate::custom_fields::CustomField;
use crate::customers::Customer;
use crate::db::nodes::Among;
use crate::db::schema::customers;
use crate::db::{Conn, Db, Trouble};
use crate::filters::sets::Sets;
use crate::filters::whom::{Settled, Whom, people};
use crate::segments::{Segment, used};
use crate::tags::Tag;
use crate::web::{self, Chrome, Error, Htmx, flash_undo, see_other, thousands};
use crate::workspace::Workspace;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use diesel::prelude::*;
use std::collections::HashMap;

/// The ticked customers that are named.
const FEW: usize = 8;
/// The customers that are told one by one.
const TOLD: i64 = 200;

/// `GET /bulk/new?do=&id=&all=&filter=`: what is about to be done, to how many.
pub async fn new(
    sets: Data<Sets>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    pairs: Query<Vec<(String, String)>>,
) -> Result<HttpResponse, Error> {
    let asked = Asked::read(&pairs, &caller)?;
    let page = page(&sets, chrome, caller, asked, Mistakes::default()).await?;
    htmx.show(&page, page.as_what())
}

async fn page(sets: &Sets, chrome: Chrome, caller: Caller, asked: Asked, wrong: Mistakes) -> Result<NewPage, Error> {
    sets.read(move |at| {
        let clock = Workspace::load(at)?.clock();
        let whom = asked.whom(at, &clock)?;
        let count = match &whom {
            Whom::Ticked(ids) => ids.len() as i64,
            Whom::Matching(filter) => at.count(filter)?,
        };
        let few = match &whom {
            Whom::Ticked(ids) => called(&ids[..ids.len().min(FEW)], at)?,
            Whom::Matching(_) => HashMap::new(),
        };
        let mut few: Vec<(i64, String)> = few.into_iter().collect();
        few.sort();
        let mut tags = Vec::new();
        for name in &asked.tags {
            tags.push(match Tag::find(name, at)? {
                Some(tag) => (tag.name, tag.colour),
                None => (name.clone(), hue(name)),
            });
        }
        let segments = Segment::joinable(&caller, at)?;
        Ok(NewPage {
            chrome,
            count,
            who: whom.words(),
            few,
            tags,
            fields: CustomField::all(at)?,
            segments,
            wrong,
            asked,
        })
    })
    .await
}

/// What customers are called, by id.
fn called(ids: &[i64], conn: &mut Conn) -> QueryResult<HashMap<i64, String>> {
    let all: Vec<Customer> = customers::table
        .filter(Among { column: "customers.id", ids: ids.to_vec() })
        .select(Customer::as_select())
        .load(conn)?;
    Ok(all.into_iter().map(|customer| (customer.id, customer.called())).collect())
}

/// How a request to start ended.
pub enum Started {
    Begun(Box<Action>, What),
    /// Nothing was done: this is wrong with what was asked.
    Not(Mistakes),
}

/// Settles whom it is about, in one snapshot, and starts it.
pub async fn start(db: &Db, caller: &Caller, asked: &Asked) -> Result<Started, Error> {
    let (question, shown) = (asked.clone(), asked.shown);
    let settled = db
        .read(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            Ok::<Settled, Error>(question.whom(conn, &clock)?.settle(conn, &clock)?)
        })
        .await?;
    let (asked, caller) = (asked.clone(), caller.clone());
    db.write(move |conn| {
        let total = settled.ids.len() as i64;
        if total == 0 {
            return Ok(Started::Not(Mistakes::one("whom", "Nobody matches any more, so nothing was done.")));
        }
        let workspace = Workspace::load(conn)?;
        Ok(match asked.what(total, &caller, &workspace, conn)? {
            Err(wrong) => Started::Not(wrong),
            Ok(what) => {
                used::mark(&settled.segments, conn, &workspace.clock())?;
                Started::Begun(Box::new(Action::start(&what, &settled, shown, &caller, conn)?), what)
            }
        })
    })
    .await
}

/// Few are seen to before whoever asked is answered, many in the background. Gives the action as it is then.
pub async fn see_to(db: &Db, action: &Action) -> Result<Action, Error> {
    let (id, many) = (action.id, if action.state() == State::Undoing { action.changed } else { action.total });
    if many > AT_ONCE {
        work::begin(id, db.clone());
    } else {
        let db = db.clone();
        let done = actix_web::web::block(move || work::now(id, &db)).await;
        done.map_err(|_| Error::from(Trouble::Stopped))?.map_err(Error::from)?;
    }
    db.read(move |conn| Action::find(id, conn)?.ok_or(Error::NotFound("bulk action"))).await
}

/// `POST /bulk`
pub async fn create(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    body: String,
) -> Result<HttpResponse, Error> {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let asked = Asked::read(&pairs, &caller)?;
    let (action, what) = match start(&db, &caller, &asked).await? {
        Started::Begun(action, what) => (action, what),
        Started::Not(wrong) => {
            let page = page(&sets, chrome, caller, asked, wrong).await?;
            return web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
    };
    let action = see_to(&db, &action).await?;
    let here = format!("/bulk/{}", action.id);
    if action.state().is_open() || action.failed > 0 {
        return Ok(see_other(&here));
    }
    let mut words = format!("{} {}.", what.done(&action.total), action.told());
    if let Some(shown) = action.shown.filter(|shown| *shown != action.total) {
        words += &format!(" The page had said {}.", thousands(&shown));
    }
    let undo = (action.changed > 0).then_some(here.as_str());
    Ok(flash_undo(see_other(&asked.back), &words, undo))
}

fn find(id: i64, conn: &mut Conn) -> Result<Action, Error> {
    Action::find(id, conn)?.ok_or(Error::NotFound("bulk action"))
}

/// `GET /bulk`
pub async fn index(db: Data<Db>, chrome: Chrome) -> Result<HttpResponse, Error> {
    let (actions, clock) = db
        .read(|conn| {
            let clock = Workspace::load(conn)?.clock();
            Ok::<_, Error>((Action::list(conn, &clock)?, clock))
        })
        .await?;
    web::show(&IndexPage { chrome, actions, clock })
}

/// `GET /bulk/{id}`
pub async fn show(db: Data<Db>, chrome: Chrome, htmx: Htmx, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let page = db
        .read(move |conn| {
            let action = find(id, conn)?;
            let failed = told(action.remarks(Outcome::Failed, TOLD, conn)?, conn)?;
            let kept = told(action.remarks(Outcome::Changed, TOLD, conn)?, conn)?;
            Ok::<_, Error>(ShowPage { chrome, action, clock: Workspace::load(conn)?.clock(), failed, kept })
        })
        .await?;
    htmx.show(&page, page.as_action())
}

fn told(remarks: Vec<(i64, String)>, conn: &mut Conn) -> QueryResult<Vec<Told>> {
    let ids: Vec<i64> = remarks.iter().map(|(id, _)| *id).collect();
    let mut names = called(&ids, conn)?;
    Ok(remarks.into_iter().map(|(id, words)| Told { id, called: names.remove(&id), words }).collect())
}

/// `POST /bulk/{id}/cancel`
pub async fn cancel(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let stopped = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            Ok::<_, Error>(find(id, conn)?.cancel(&caller, conn, &clock)?)
        })
        .await?;
    let words = match stopped {
        true => "Stopped. What was done so far stays, and can be undone.",
        false => "It had come to its end already.",
    };
    Ok(web::flash(see_other(&format!("/bulk/{id}")), words))
}

/// Begins to undo an action, and sees to it.
pub async fn undo_it(db: &Db, caller: &Caller, id: i64) -> Result<Result<Action, String>, Error> {
    let caller = caller.clone();
    let begun = db
        .write(move |conn| {
            let action = find(id, conn)?;
            may_undo(&action, &caller, conn)?;
            let clock = Workspace::load(conn)?.clock();
            match action.undo(&caller, conn, &clock) {
                Ok(()) => Ok(Ok(find(id, conn)?)),
                Err(Problem::Told(words)) => Ok(Err(words)),
                Err(Problem::Query(error)) => Err(Error::from(error)),
            }
        })
        .await?;
    match begun {
        Ok(action) => Ok(Ok(see_to(db, &action).await?)),
        Err(words) => Ok(Err(words)),
    }
}

/// Whoever may do it may undo it. Who is in a private segment is its owner's affair.
fn may_undo(action: &Action, caller: &Caller, conn: &mut Conn) -> Result<(), Error> {
    let what = action.what()?;
    if let Some(right) = what.kind().right().filter(|right| !caller.may(*right)) {
        return Err(right.refusal());
    }
    if let What::AddToSegment { private: true, segment } = &what
        && Segment::find(segment.id, caller, conn)?.is_none()
        && action.agent_id != caller.agent_id
    {
        return Err(Error::Unprocessable(format!("This is about a private segment: only {} undoes it.", action.actor)));
    }
    Ok(())
}

/// `POST /bulk/{id}/undo`
pub async fn undo(req: HttpRequest, db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let here = format!("/bulk/{id}");
    Ok(match undo_it(&db, &caller, id).await? {
        Err(words) => web::flash(see_other(&here), &words),
        Ok(action) if action.state().is_open() || action.kept > 0 => see_other(&here),
        Ok(action) => {
            let are = if action.restored == 1 { "is as she was" } else { "are as they were" };
            let words = format!("Undone: {} {are}.", people(&action.restored));
            web::flash(see_other(&web::back(&req)), &words)
        }
    })
}
