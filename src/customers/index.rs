//! The list of customers: the question, its builder, who matches.

use super::Customer;
use super::list::{List, Page, ROWS, Sort};
use super::table::Table;
use crate::agents::{Caller, Right};
use crate::db::{Conn, Db};
use crate::filters::builder::{self, Builder};
use crate::filters::fields::Fields;
use crate::filters::sentence::Bit;
use crate::filters::{self, Filter, stored};
use crate::segments::Segment;
use crate::web::{Chrome, Error, Htmx, see_other};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

/// What the address of the list may say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The text form, `~KEY`, or JSON.
    pub filter: String,
    /// Fields, `-` before descending ones.
    pub sort: String,
    pub cursor: Option<String>,
}

/// Newest first, until somebody chooses otherwise.
const SORT: &str = "-created_at";

#[derive(Template)]
#[template(path = "customers/index.html", blocks = ["answer"])]
struct IndexPage {
    chrome: Chrome,
    answer: Answer,
}

/// Who matches, in words, as a number and as rows.
struct Answer {
    builder: Builder,
    sentence: Vec<Bit>,
    total: i64,
    everybody: i64,
    table: Table,
    /// The text form, for what is done with all who match.
    filter: String,
    /// The same as an address holds it: `~KEY` when it is long.
    spelled: String,
    /// Why nobody is selected: rows in error, or text that cannot be read.
    broken: bool,
    unread: bool,
    /// Static segments that the ticked ones may join.
    segments: Vec<Segment>,
    may_share: bool,
}

impl Answer {
    /// A filter that could be asked and asks something.
    fn can_be_saved(&self) -> bool {
        !self.broken && !self.builder.is_empty()
    }
}

/// `GET /customers`.
pub async fn index(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    // The links of the page repeat its filter, and what is too long for an address cannot be followed.
    if stored::is_long(&asked.filter) {
        let spelling = asked.filter.clone();
        if let Ok(rule) = db.read(move |conn| Ok::<_, Error>(stored::open(&spelling, conn)?)).await? {
            return Ok(see_other(&filters::pages::address(&db, &rule, &[("sort", &asked.sort)]).await?));
        }
    }
    let answer = db.read(move |conn| answer(&asked, &caller, conn)).await?;
    let status = if answer.unread { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = IndexPage { chrome, answer };
    htmx.show_as(status, &page, page.as_answer())
}

fn answer(asked: &Asked, caller: &Caller, conn: &mut Conn) -> Result<Answer, Error> {
    let workspace = Workspace::load(conn)?;
    let clock = workspace.clock();
    let sort = if asked.sort.trim().is_empty() { SORT } else { asked.sort.as_str() };
    let page = Sort::parse(sort).and_then(|sort| Page::read(sort, asked.cursor.as_deref(), ROWS));
    let page = page.map_err(Error::Unprocessable)?;
    let carried = asked.sort.as_str();
    let (filter, builder) = match stored::open(&asked.filter, conn)? {
        Ok(rule) => {
            let filter = Filter::check(&rule, conn, &clock)?;
            let builder = Builder::of(&filter, carried, conn)?.spelled(&asked.filter);
            (Some(filter), builder)
        }
        Err(mistake) => (None, Builder::mistaken(&asked.filter, &mistake, carried, &Fields::load(conn)?)),
    };
    let list = match &filter {
        Some(filter) => List::load(filter, &page, conn)?.showing(&filter.tags()),
        None => List { rows: Vec::new(), total: 0, next: None, previous: None, from: 0 },
    };
    // The address keeps the filter as it was asked for: `~KEY` stays short.
    let spelled = asked.filter.as_str();
    let table = Table::of(list, &page, &workspace, &clock, "#answer", true, |changes| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !spelled.is_empty() {
            query.append_pair("filter", spelled);
        }
        changes.iter().for_each(|(name, value)| {
            query.append_pair(name, value);
        });
        format!("/customers?{}", query.finish())
    });
    Ok(Answer {
        sentence: filter.as_ref().map(builder::sentence).unwrap_or_default(),
        total: table.total,
        everybody: Customer::all(conn)?,
        broken: filter.as_ref().is_none_or(|filter| !filter.problems().is_empty()),
        unread: filter.is_none(),
        filter: filter.map(|filter| filter.text()).unwrap_or_default(),
        spelled: asked.filter.clone(),
        segments: Segment::joinable(caller, conn)?,
        may_share: caller.may(Right::ShareSegments),
        builder,
        table,
    })
}
