//! Changing a segment: what the change does is shown before it is saved, and only what was looked at is saved.

use super::change::{Change, Proposal};
use super::form::{FormPage, Theirs, wish};
use super::pages::{changeable, pairs, people, value};
use super::saving::{free_name, saveable};
use super::versions::Version;
use super::{Problem, Segment, Wish, pins, sizes};
use crate::agents::{Caller, Right};
use crate::customers::changing;
use crate::db::{Conn, Db};
use crate::filters::fields::Fields;
use crate::filters::sentence::bits;
use crate::filters::sets::{Sets, Snapshot};
use crate::filters::{self, Filter, stored};
use crate::web::{self, Chrome, Error, Htmx, flash, see_other};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Beginning {
    /// A filter that was built for it, to be looked at beside what is saved,
    filter: String,
    /// as a change of this version;
    since: String,
    /// or what the segment was in this one.
    version: Option<i64>,
}

/// `POST /segments/{id}/change`: what the builder asks becomes a change of a segment, to be looked at. The address holds
/// it, so that a reload and the way back mean what they say.
pub async fn ask(db: Data<Db>, id: Path<i64>, body: String) -> Result<HttpResponse, Error> {
    let form = pairs(&body);
    let since = value(&form, "since");
    // Text that cannot be read has no rows: it is shown again where it was typed, and so is a filter of nothing.
    let unread = value(&form, "unread");
    let rule = filters::pages::read(&form, &db).await?;
    if rule.is_empty() {
        return Ok(see_other(&changing::place(*id, since, unread, &db).await?));
    }
    let spelled = filters::pages::spell(&rule.to_text(), &db).await?;
    Ok(see_other(&web::address(&format!("/segments/{id}/edit"), &[("filter", &spelled), ("since", since)])))
}

/// `GET /segments/{id}/edit`: the form; with a filter, what saving that would do.
pub async fn edit(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    id: Path<i64>,
    begin: Query<Beginning>,
) -> Result<HttpResponse, Error> {
    let begin = begin.into_inner();
    if !begin.filter.is_empty() {
        return check(begin, *id, &db, &sets, chrome, &htmx, caller).await;
    }
    let page = sets
        .read(move |at| {
            let segment = changeable(*id, &caller, at)?;
            let clock = Workspace::load(at)?.clock();
            let filter = segment.filter(at, &clock)?;
            let count = at.count(&filter)?;
            let dynamic = segment.is_dynamic();
            let mut page = FormPage {
                id: Some(segment.id),
                title: segment.name.clone(),
                name: segment.name.clone(),
                dynamic,
                private: segment.private,
                filter: if dynamic { filter.text() } else { String::new() },
                sentence: if dynamic { bits(filter.rule()) } else { Vec::new() },
                count: Some(count),
                filter_problem: filter.problems().first().map(|problem| problem.words.clone()),
                version: segment.version,
                ..FormPage::blank(chrome, &caller)
            };
            begin.fill(&mut page, &segment, at, &clock)?;
            Ok::<_, Error>(page)
        })
        .await?;
    web::show(&page)
}

/// Looks at a filter that was built, with the name and the privacy that are saved. One that nobody can save goes back to
/// where it was built, and says there what is wrong.
async fn check(
    begin: Beginning,
    id: i64,
    db: &Db,
    sets: &Sets,
    chrome: Chrome,
    htmx: &Htmx,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let Beginning { filter: spelled, since, .. } = begin.clone();
    let looked = sets
        .read(move |at| {
            let segment = changeable(id, &caller, at)?;
            let text = match stored::open(&begin.filter, at)? {
                Ok(rule) => rule.to_text(),
                Err(_) => begin.filter,
            };
            let private = if segment.private { "1" } else { "" };
            let form = [("name", segment.name.as_str()), ("private", private), ("filter", &text), ("built", "1")];
            let form = form.into_iter().chain([("version", begin.since.as_str())]);
            let form: Vec<_> = form.map(|(name, value)| (name.to_string(), value.to_string())).collect();
            let page = FormPage::typed(chrome, &form, &caller);
            looked(id, &form, Step::Check { names: false }, page, &caller, at)
        })
        .await?;
    match looked {
        Looked::Show(status, page) if page.filter_problem.is_none() => page.answer(status, htmx),
        _ => Ok(see_other(&changing::place(id, &since, &spelled, db).await?)),
    }
}

impl Beginning {
    /// Puts an older version into the form: it is not saved before somebody has looked at it.
    fn fill(&self, page: &mut FormPage, segment: &Segment, at: &mut Snapshot, clock: &Clock) -> Result<(), Error> {
        let Some(version) = self.version else { return Ok(()) };
        let version = Version::find(segment, version, at)?.ok_or(Error::NotFound("version"))?;
        page.name.clone_from(&version.name);
        let rule = version.rule(&Fields::load(at)?).map_err(|mistake| Error::Unprocessable(mistake.to_string()))?;
        let Some(rule) = rule else { return Ok(()) };
        let filter = Filter::check_of(&rule, Some(segment.id), at, clock)?;
        page.filter = filter.text();
        page.sentence = bits(filter.rule());
        page.count = Some(at.count(&filter)?);
        page.filter_problem = filter.problems().first().map(|problem| problem.words.clone());
        Ok(())
    }
}

/// What the form asks for.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// To see what saving would do.
    Check {
        names: bool,
    },
    Save,
}

impl Step {
    fn of(form: &[(String, String)]) -> Step {
        match value(form, "do") {
            "check" => Step::Check { names: false },
            "names" => Step::Check { names: true },
            _ => Step::Save,
        }
    }
}

/// What comes of looking at a form.
enum Looked {
    /// It may be saved as it is.
    Fine,
    Show(StatusCode, Box<FormPage>),
}

/// `POST /segments/{id}`: shows what the change does, or saves it when that was seen.
pub async fn update(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    id: Path<i64>,
    body: String,
) -> Result<HttpResponse, Error> {
    let form = pairs(&body);
    if value(&form, "do") == "build" {
        return Ok(see_other(&changing::place(*id, value(&form, "version"), value(&form, "filter"), &db).await?));
    }
    let page = |chrome: &Chrome| FormPage::typed(chrome.clone(), &form, &caller);
    let look = |step: Step| {
        let (form, caller, page, id) = (form.clone(), caller.clone(), page(&chrome), *id);
        sets.read(move |at| looked(id, &form, step, page, &caller, at))
    };
    if let Looked::Show(status, page) = look(Step::of(&form)).await? {
        return page.answer(status, &htmx);
    }
    match save(&db, *id, &form, &caller).await {
        Ok(segment) => {
            let count = sizes::saved(&segment, &sets, &db).await?;
            let words = format!("{} saved. {} in it now.", segment.name, people(count));
            Ok(flash(see_other(&format!("/segments/{}", segment.id)), &words))
        }
        Err(problem) => match look(Step::Check { names: false }).await? {
            // Somebody was quicker, between looking and writing: both are shown.
            Looked::Show(StatusCode::CONFLICT, page) => page.answer(StatusCode::CONFLICT, &htmx),
            Looked::Show(_, page) => page.with(problem)?.answer(StatusCode::UNPROCESSABLE_ENTITY, &htmx),
            Looked::Fine => page(&chrome).with(problem)?.answer(StatusCode::UNPROCESSABLE_ENTITY, &htmx),
        },
    }
}

/// Writes what was looked at. Asked again while writing: rights, and the segment, may change while somebody looks.
async fn save(db: &Db, id: i64, form: &[(String, String)], caller: &Caller) -> Result<Segment, Problem> {
    let (form, caller) = (form.to_vec(), caller.clone());
    db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let segment = Segment::find(id, &caller, conn)?.filter(|segment| segment.may_change(&caller));
        let segment = segment.ok_or(Problem::Gone)?;
        if read_version(&form) != segment.version {
            return Err(Problem::Newer);
        }
        let wish = wish(&form, segment.kind(), caller.may(Right::ShareSegments), conn)?;
        segment.update(&wish, &although(&form), &caller, conn, &clock)
    })
    .await
}

/// The customers of pinned examples that somebody saves against, knowing it.
fn although(form: &[(String, String)]) -> Vec<i64> {
    value(form, "although").split(',').filter_map(|id| id.parse().ok()).collect()
}

fn read_version(form: &[(String, String)]) -> i64 {
    value(form, "version").parse().unwrap_or(0)
}

/// Looks at a form in one snapshot: what is wrong with it, who was quicker, what the change does.
fn looked(
    id: i64,
    form: &[(String, String)],
    step: Step,
    page: FormPage,
    caller: &Caller,
    at: &mut Snapshot,
) -> Result<Looked, Error> {
    let segment = changeable(id, caller, at)?;
    let clock = Workspace::load(at)?.clock();
    let version = read_version(form);
    let mut page =
        FormPage { id: Some(id), title: segment.name.clone(), dynamic: segment.is_dynamic(), version, ..page };
    if version != segment.version {
        page.theirs = Some(Theirs::of(&segment, at, &clock)?);
        page.version = segment.version;
    }
    let filter = match sound(&segment, form, caller, at, &clock) {
        Ok(filter) => filter,
        Err(problem) => {
            let status = if page.theirs.is_some() { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
            return Ok(Looked::Show(status, Box::new(page.with(problem)?)));
        }
    };
    let proposal = Proposal { segment: &segment, filter: filter.as_ref(), private: page.private };
    let mark = proposal.mark();
    page.as_text &= proposal.changes();
    let seen = !proposal.changes() || value(form, "checked") == mark;
    if step == Step::Save && page.theirs.is_none() && seen && pins_hold(&proposal, &although(form), at, &clock)? {
        return Ok(Looked::Fine);
    }
    page.sentence = filter.as_ref().map(|filter| bits(filter.rule())).unwrap_or_default();
    page.change = Some(Change::of(&proposal, step == Step::Check { names: true }, caller, at, &clock)?);
    page.checked = mark;
    let status = if page.theirs.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok(Looked::Show(status, Box::new(page)))
}

/// Nobody is in who must be out, or out who must be in, but for those that somebody knows of.
fn pins_hold(proposal: &Proposal, although: &[i64], conn: &mut Conn, clock: &Clock) -> Result<bool, Error> {
    let failing = match proposal.filter {
        Some(filter) => pins::failing_if(proposal.segment.id, filter, conn)?,
        None => pins::failing(proposal.segment, conn, clock)?,
    };
    Ok(failing.iter().all(|pin| although.contains(&pin.customer_id)))
}

/// The filter that is wished for, when all of the form can be saved; `None` for a static one.
fn sound(
    segment: &Segment,
    form: &[(String, String)],
    caller: &Caller,
    conn: &mut Conn,
    clock: &Clock,
) -> Result<Option<Filter>, Problem> {
    let wish: Wish = wish(form, segment.kind(), caller.may(Right::ShareSegments), conn)?;
    free_name(&wish.name, Some(segment.id), conn)?;
    wish.allowed(Some(segment), caller)?;
    match (&wish.rule, segment.is_dynamic()) {
        (Some(rule), true) => saveable(rule, Some(segment.id), conn, clock).map(Some),
        _ => Ok(None),
    }
}

impl Theirs {
    fn of(segment: &Segment, at: &mut Snapshot, clock: &Clock) -> Result<Theirs, Error> {
        let filter = segment.filter(at, clock)?;
        let last = Version::find(segment, segment.version, at)?;
        let (actor, saved_at) = match last {
            Some(last) => (last.actor, last.saved_at),
            None => ("Somebody".into(), segment.updated_at),
        };
        let dynamic = segment.is_dynamic();
        Ok(Theirs {
            actor,
            when: clock.show(saved_at),
            name: segment.name.clone(),
            sentence: if dynamic { filter.sentence() } else { "A fixed list".into() },
            text: if dynamic { filter.text() } else { String::new() },
            private: segment.private,
        })
    }
}
