//! Segments in the browser: the list with live counts, one segment with its members, making and changing them.

use super::{Kind, Problem, Segment, Wish};
use crate::agents::{Caller, Right};
use crate::custom_fields::CustomField;
use crate::customers::list::{List, Page, ROWS, Sort};
use crate::customers::picker::{Choice, Picker};
use crate::customers::table::{self, Table};
use crate::db::{Conn, Db};
use crate::filters::caret::Caret;
use crate::filters::fields::Fields;
use crate::filters::sentence::{Bit, bits};
use crate::filters::sets::{Sets, Snapshot};
use crate::filters::{self, Filter, Mistake, stored};
use crate::web::{self, Chrome, Error, Htmx, flash, see_other, thousands};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;
use std::time::{Duration, Instant};

pub(super) fn pairs(body: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

pub(super) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

/// One segment as the list shows it.
struct Line {
    segment: Segment,
    sentence: Vec<Bit>,
    /// `None` where it is not known yet and would keep the page waiting: it comes by itself.
    count: Option<i64>,
    /// Why a broken one selects nobody.
    broken: Option<String>,
    updated: String,
}

/// So long the list of segments counts what is not known yet; the rest comes after it.
const PATIENCE: Duration = Duration::from_millis(250);

impl Line {
    fn of(segment: Segment, filter: &Filter, at: &mut Snapshot) -> Result<Line, Error> {
        Ok(Line { count: Some(at.recount(filter)?), ..Line::uncounted(segment, filter) })
    }

    fn uncounted(segment: Segment, filter: &Filter) -> Line {
        Line {
            sentence: if segment.is_dynamic() { bits(filter.rule()) } else { Vec::new() },
            count: None,
            broken: filter.problems().first().map(|problem| problem.words.clone()),
            updated: filter.clock().ago(segment.updated_at),
            segment,
        }
    }
}

#[derive(Template)]
#[template(path = "segments/index.html")]
struct IndexPage {
    chrome: Chrome,
    lines: Vec<Line>,
}

/// `GET /segments`
pub async fn index(sets: Data<Sets>, chrome: Chrome, caller: Caller) -> Result<HttpResponse, Error> {
    let lines = sets
        .read(move |at| {
            let clock = Workspace::load(at)?.clock();
            let segments = Segment::list(&caller, at)?;
            let filters = Segment::filters(&segments, at, &clock)?;
            let began = Instant::now();
            let lines = segments.into_iter().zip(&filters).map(|(segment, filter)| {
                match at.knows(filter) || began.elapsed() < PATIENCE {
                    true => Line::of(segment, filter, at),
                    false => Ok(Line::uncounted(segment, filter)),
                }
            });
            lines.collect::<Result<Vec<_>, Error>>()
        })
        .await?;
    web::show(&IndexPage { chrome, lines })
}

#[derive(Template)]
#[template(path = "segments/_count.html")]
struct Count {
    line: Line,
}

/// `GET /segments/{id}/count`: the piece of the list that was not known when it was drawn.
pub async fn counted(sets: Data<Sets>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let line = sets
        .read(move |at| {
            let clock = Workspace::load(at)?.clock();
            let segment = find(*id, &caller, at)?;
            let filter = segment.filter(at, &clock)?;
            Line::of(segment, &filter, at)
        })
        .await?;
    web::show(&Count { line })
}

/// The form that makes or changes a segment, with what was typed and what is wrong with it.
#[derive(Template)]
#[template(path = "segments/form.html")]
struct FormPage {
    chrome: Chrome,
    /// The segment being changed; `None` makes a new one.
    id: Option<i64>,
    title: String,
    name: String,
    dynamic: bool,
    private: bool,
    filter: String,
    sentence: Vec<Bit>,
    count: Option<i64>,
    may_share: bool,
    name_problem: Option<String>,
    private_problem: Option<String>,
    filter_problem: Option<String>,
    /// Where in the filter's text reading stopped.
    caret: Option<Caret>,
}

impl FormPage {
    fn blank(chrome: Chrome, caller: &Caller) -> FormPage {
        let may_share = caller.may(Right::ShareSegments);
        FormPage {
            chrome,
            id: None,
            title: "New segment".into(),
            name: String::new(),
            dynamic: true,
            private: !may_share,
            filter: String::new(),
            sentence: Vec::new(),
            count: None,
            may_share,
            name_problem: None,
            private_problem: None,
            filter_problem: None,
            caret: None,
        }
    }

    fn with(mut self, problem: Problem) -> Result<FormPage, Error> {
        match problem {
            Problem::Failed(error) => return Err(error.into()),
            Problem::Name(words) => self.name_problem = Some(words),
            Problem::Unread(mistake) => return Ok(self.unread(&mistake)),
            Problem::NotYours(_) => self.private_problem = Some(problem.to_string()),
            other => self.filter_problem = Some(other.to_string()),
        }
        Ok(self)
    }

    fn unread(mut self, mistake: &Mistake) -> FormPage {
        self.caret = (mistake.position > 0).then(|| Caret::under(&self.filter, mistake, Fields::built_in()));
        self.filter_problem = Some(mistake.to_string());
        self
    }

    fn action(&self) -> String {
        match self.id {
            Some(id) => format!("/segments/{id}"),
            None => "/segments".into(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Beginning {
    filter: String,
}

/// `GET /segments/new?filter=…`
pub async fn new(
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    begin: Query<Beginning>,
) -> Result<HttpResponse, Error> {
    let mut page = FormPage::blank(chrome, &caller);
    let typed = begin.into_inner().filter;
    page.filter = typed.clone();
    let read = sets
        .read(move |at| {
            let clock = Workspace::load(at)?.clock();
            Ok::<_, Error>(match stored::open(&typed, at)? {
                Ok(rule) => {
                    let filter = Filter::check(&rule, at, &clock)?;
                    Ok((filter.text(), bits(filter.rule()), at.count(&filter)?))
                }
                Err(mistake) => Err(mistake),
            })
        })
        .await?;
    match read {
        Ok((text, sentence, count)) => {
            (page.filter, page.sentence, page.count) = (text, sentence, Some(count));
        }
        Err(mistake) => page = page.unread(&mistake),
    }
    web::show(&page)
}

/// What a form wishes for. The kind is that of the form, or of the segment being changed.
fn wish(form: &[(String, String)], kind: Kind, may_share: bool, conn: &mut Conn) -> Result<Wish, Problem> {
    let typed = value(form, "filter");
    let rule = match typed.trim().is_empty() && kind == Kind::Static {
        true => None,
        false => Some(stored::open(typed, conn)??),
    };
    Ok(Wish { name: value(form, "name").into(), kind, rule, private: !may_share || !value(form, "private").is_empty() })
}

/// `POST /segments`: from the form, and from "Save as segment" on the customers page.
pub async fn create(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    body: String,
) -> Result<HttpResponse, Error> {
    let form = pairs(&body);
    let kind = Kind::parse(value(&form, "kind")).unwrap_or(Kind::Dynamic);
    let may_share = caller.may(Right::ShareSegments);
    let mut page = FormPage::blank(chrome, &caller);
    (page.name, page.filter) = (value(&form, "name").into(), value(&form, "filter").into());
    (page.dynamic, page.private) = (kind == Kind::Dynamic, !may_share || !value(&form, "private").is_empty());
    let made = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            let wish = wish(&form, kind, may_share, conn)?;
            Segment::create(&wish, &caller, conn, &clock)
        })
        .await;
    match made {
        Ok(segment) => {
            let (place, name) = (format!("/segments/{}", segment.id), segment.name.clone());
            // Counted when it is there: nobody has to wait with writing for that.
            let count = sets.read(move |at| {
                let clock = Workspace::load(at)?.clock();
                let filter = segment.filter(at, &clock)?;
                Ok::<_, Error>(at.count(&filter)?)
            });
            Ok(flash(see_other(&place), &format!("{name} saved. {} in it now.", people(count.await?))))
        }
        Err(problem) => web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page.with(problem)?),
    }
}

pub(super) fn people(count: i64) -> String {
    if count == 1 { "1 customer".into() } else { format!("{} customers", thousands(&count)) }
}

#[derive(Template)]
#[template(path = "segments/show.html", blocks = ["members"])]
struct ShowPage {
    chrome: Chrome,
    line: Line,
    text: String,
    /// The customers page, asking what this segment asks.
    open: String,
    table: Table,
    picker: Picker,
    may_change: bool,
    made: String,
}

fn find(id: i64, caller: &Caller, conn: &mut Conn) -> Result<Segment, Error> {
    Segment::find(id, caller, conn)?.ok_or(Error::NotFound("segment"))
}

/// A segment that this person may change, or why not.
pub(super) fn changeable(id: i64, caller: &Caller, conn: &mut Conn) -> Result<Segment, Error> {
    let segment = find(id, caller, conn)?;
    match segment.may_change(caller) {
        true => Ok(segment),
        false => Err(Right::ShareSegments.refusal()),
    }
}

/// `GET /segments/{id}`
pub async fn show(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    id: Path<i64>,
    place: Query<Vec<(String, String)>>,
) -> Result<HttpResponse, Error> {
    let choice = Choice::of(&place);
    let picked = choice.picked;
    let (mut page, rule, address) = sets
        .read(move |at| {
            let segment = find(*id, &caller, at)?;
            let workspace = Workspace::load(at)?;
            let clock = workspace.clock();
            let (sort, cursor) = (value(&place, "sort"), value(&place, "cursor"));
            let page = Sort::asked(sort).and_then(|sort| Page::read(sort, Some(cursor), ROWS));
            let page = page.map_err(Error::Unprocessable)?;
            let fields = CustomField::all(at)?;
            let columns = choice.columns(&fields).map_err(Error::Unprocessable)?;
            let filter = segment.filter(at, &clock)?;
            let list = List::load(&filter, &page, at)?.showing(&filter.tags());
            let may_change = segment.may_change(&caller);
            let pick = may_change && !segment.is_dynamic();
            let (here, shown) = (format!("/segments/{}", segment.id), columns.spell());
            let wish =
                table::Wish { columns: &columns, workspace: &workspace, clock: &clock, target: "#members", pick };
            let link =
                |changes: &[(&str, &str)]| web::address(&here, &[&[("columns", shown.as_str())], changes].concat());
            let table = Table::of(list, &page, &wish, link, at)?;
            let beside = vec![("sort", sort.to_string())];
            let picker = Picker::of(&columns, &fields, &here, beside, "#members", choice.steps());
            let address = link(&[("sort", sort)]);
            let page = ShowPage {
                chrome,
                made: clock.show(segment.created_at),
                text: if segment.is_dynamic() { filter.text() } else { String::new() },
                open: String::new(),
                line: Line::uncounted(segment, &filter),
                table,
                picker,
                may_change,
            };
            Ok::<_, Error>((page, filter.rule().clone(), address))
        })
        .await?;
    if page.line.segment.is_dynamic() {
        page.open = filters::pages::address(&db, &rule, &[]).await?;
    }
    // The form of the picker says at length what an address says in a word.
    if picked && !htmx.is_fragment() {
        return Ok(see_other(&address));
    }
    let mut shown = htmx.show(&page, page.as_members())?;
    if picked {
        web::htmx::push(&mut shown, &address);
    }
    Ok(shown)
}

/// `GET /segments/{id}/edit`
pub async fn edit(sets: Data<Sets>, chrome: Chrome, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let page = sets
        .read(move |at| {
            let segment = changeable(*id, &caller, at)?;
            let clock = Workspace::load(at)?.clock();
            let filter = segment.filter(at, &clock)?;
            let count = at.count(&filter)?;
            let dynamic = segment.is_dynamic();
            Ok::<_, Error>(FormPage {
                id: Some(segment.id),
                title: segment.name.clone(),
                name: segment.name.clone(),
                dynamic,
                private: segment.private,
                filter: if dynamic { filter.text() } else { String::new() },
                sentence: if dynamic { bits(filter.rule()) } else { Vec::new() },
                count: Some(count),
                filter_problem: filter.problems().first().map(|problem| problem.words.clone()),
                ..FormPage::blank(chrome, &caller)
            })
        })
        .await?;
    web::show(&page)
}

/// `POST /segments/{id}`
pub async fn update(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    body: String,
) -> Result<HttpResponse, Error> {
    let form = pairs(&body);
    let may_share = caller.may(Right::ShareSegments);
    let mut page = FormPage::blank(chrome, &caller);
    (page.name, page.filter) = (value(&form, "name").into(), value(&form, "filter").into());
    page.private = !may_share || !value(&form, "private").is_empty();
    let id = *id;
    // Asked again while writing: rights may change while somebody types.
    let asker = caller.clone();
    let seen = db.read(move |conn| changeable(id, &asker, conn)).await?;
    (page.id, page.title, page.dynamic) = (Some(id), seen.name.clone(), seen.is_dynamic());
    let changed = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            let segment = Segment::find(id, &caller, conn)?.filter(|segment| segment.may_change(&caller));
            let segment = segment.ok_or(Problem::Gone)?;
            let wish = wish(&form, segment.kind(), may_share, conn)?;
            segment.update(&wish, &caller, conn, &clock)
        })
        .await;
    match changed {
        Ok(segment) => Ok(flash(see_other(&format!("/segments/{id}")), &format!("{} saved.", segment.name))),
        Err(problem) => web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page.with(problem)?),
    }
}

#[derive(Template)]
#[template(path = "segments/delete.html")]
struct DeletePage {
    chrome: Chrome,
    line: Line,
    count: i64,
}

/// `GET /segments/{id}/delete`
pub async fn ask_delete(
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Error> {
    let (line, count) = sets
        .read(move |at| {
            let clock = Workspace::load(at)?.clock();
            let segment = changeable(*id, &caller, at)?;
            let filter = segment.filter(at, &clock)?;
            let count = at.count(&filter)?;
            Ok::<_, Error>((Line::uncounted(segment, &filter), count))
        })
        .await?;
    web::show(&DeletePage { chrome, line, count })
}

/// `POST /segments/{id}/delete`
pub async fn delete(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let name = db
        .write(move |conn| {
            let segment = changeable(*id, &caller, conn)?;
            segment.delete(conn)?;
            Ok::<_, Error>(segment.name)
        })
        .await?;
    Ok(flash(see_other("/segments"), &format!("{name} deleted. Its customers stay.")))
}
