//! Segments in the browser: one segment with its members, deleting one.

use super::pins::{self, Pin};
use super::{Segment, used};
use crate::agents::{Caller, Right};
use crate::custom_fields::CustomField;
use crate::customers::list::{List, Page, ROWS, Sort};
use crate::customers::picker::{Choice, Picker};
use crate::customers::table::{self, Table};
use crate::db::{Conn, Db};
use crate::filters::sentence::{Bit, bits};
use crate::filters::sets::{Sets, Snapshot};
use crate::filters::{self, Filter};
use crate::web::{self, Chrome, Error, Htmx, flash, see_other, thousands};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;

pub(super) fn pairs(body: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

pub(super) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

/// One segment as its page and the list show it.
pub(super) struct Line {
    pub segment: Segment,
    pub sentence: Vec<Bit>,
    /// `None` where it is not known yet and would keep the page waiting: it comes by itself.
    pub count: Option<i64>,
    /// Why a broken one selects nobody.
    pub broken: Option<String>,
    pub updated: String,
    pub used: String,
    /// How a static one was made, and when.
    pub made: String,
}

impl Line {
    pub fn of(segment: Segment, filter: &Filter, at: &mut Snapshot) -> Result<Line, Error> {
        Ok(Line { count: Some(at.recount(filter)?), ..Line::uncounted(segment, filter) })
    }

    pub fn uncounted(segment: Segment, filter: &Filter) -> Line {
        let clock = filter.clock();
        let on = clock.show(segment.created_at);
        Line {
            sentence: if segment.is_dynamic() { bits(filter.rule()) } else { Vec::new() },
            count: None,
            broken: filter.problems().first().map(|problem| problem.words.clone()),
            updated: clock.ago(segment.updated_at),
            used: segment.last_used_at.map_or_else(|| "never".into(), |at| clock.ago(at)),
            made: match segment.origin() {
                Some(origin) => format!("Made of {} on {on}", origin.words()),
                None => format!("A fixed list, made on {on}"),
            },
            segment,
        }
    }
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
    /// This very page of the list, which is drawn anew when somebody changes a customer.
    here: String,
    table: Table,
    picker: Picker,
    may_change: bool,
    pins: Vec<Pin>,
}

pub(super) fn find(id: i64, caller: &Caller, conn: &mut Conn) -> Result<Segment, Error> {
    Segment::find(id, caller, conn)?.ok_or(Error::NotFound("segment"))
}

/// A segment that this person may change, or why not.
pub(crate) fn changeable(id: i64, caller: &Caller, conn: &mut Conn) -> Result<Segment, Error> {
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
    let (mut page, rule, address, clock) = sets
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
            let pins = pins::all(segment.id, &filter, at)?;
            let page = ShowPage {
                chrome,
                text: if segment.is_dynamic() { filter.text() } else { String::new() },
                open: String::new(),
                here: link(&[("sort", sort), ("cursor", cursor)]),
                line: Line::uncounted(segment, &filter),
                table,
                picker,
                may_change,
                pins,
            };
            Ok::<_, Error>((page, filter.rule().clone(), address, clock))
        })
        .await?;
    used::opened(&page.line.segment, &db, &clock);
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
            let clock = Workspace::load(conn)?.clock();
            segment.delete(&caller, conn, &clock)?;
            Ok::<_, Error>(segment.name)
        })
        .await?;
    Ok(flash(see_other("/segments"), &format!("{name} deleted. Its customers stay.")))
}
