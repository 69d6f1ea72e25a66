//! `/segments`: static and dynamic side by side, with live counts.

use super::pages::Line;
use super::sizes::{self, Spark};
use super::{Kind, Segment};
use crate::agents::Caller;
use crate::filters::sentence::Bit;
use crate::filters::sets::Sets;
use crate::fold::fold;
use crate::web::{self, Chrome, Error, Htmx};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// So long the list counts what is not known yet; the rest comes after it.
const PATIENCE: Duration = Duration::from_millis(250);

/// What the address of the list may say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    sort: String,
    show: String,
}

/// Which of them are listed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tab {
    All,
    Dynamic,
    Static,
    Mine,
    Archived,
}

impl Tab {
    const EACH: [Tab; 5] = [Tab::All, Tab::Dynamic, Tab::Static, Tab::Mine, Tab::Archived];

    fn key(self) -> &'static str {
        match self {
            Tab::All => "",
            Tab::Dynamic => "dynamic",
            Tab::Static => "static",
            Tab::Mine => "mine",
            Tab::Archived => "archived",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Tab::All => "All",
            Tab::Dynamic => "Dynamic",
            Tab::Static => "Static",
            Tab::Mine => "Mine",
            Tab::Archived => "Archived",
        }
    }

    fn holds(self, segment: &Segment, caller: &Caller) -> bool {
        let archived = segment.archived_at.is_some();
        match self {
            Tab::Archived => archived,
            _ if archived => false,
            Tab::All => true,
            Tab::Dynamic => segment.kind() == Kind::Dynamic,
            Tab::Static => segment.kind() == Kind::Static,
            Tab::Mine => segment.is_owned_by(caller),
        }
    }
}

/// What they are sorted by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Name,
    Size,
    Used,
    Updated,
}

impl Order {
    const EACH: [Order; 4] = [Order::Name, Order::Size, Order::Used, Order::Updated];

    fn key(self) -> &'static str {
        match self {
            Order::Name => "name",
            Order::Size => "size",
            Order::Used => "used",
            Order::Updated => "updated",
        }
    }
}

/// A row of the list.
struct Row {
    line: Line,
    spark: Option<Spark>,
    may_change: bool,
}

#[derive(Template)]
#[template(path = "segments/index.html", blocks = ["list"])]
struct IndexPage {
    chrome: Chrome,
    rows: Vec<Row>,
    /// How many each tab holds.
    tabs: Vec<(Tab, usize)>,
    q: String,
    tab: Tab,
    order: Order,
}

impl IndexPage {
    fn all(&self) -> usize {
        self.tabs.iter().filter(|(tab, _)| matches!(tab, Tab::All | Tab::Archived)).map(|(_, many)| many).sum()
    }

    /// The address of another tab, in the same order.
    fn on(&self, tab: &Tab) -> String {
        let sort = if self.order == Order::Name { "" } else { self.order.key() };
        web::address("/segments", &[("q", &self.q), ("show", tab.key()), ("sort", sort)])
    }

    /// The address of this tab in another order.
    fn sorted(&self, order: &str) -> String {
        web::address("/segments", &[("q", &self.q), ("show", self.tab.key()), ("sort", order)])
    }

    fn direction(&self, order: &str) -> Option<&'static str> {
        let here = self.order.key() == order;
        here.then_some(if self.order == Order::Name { "ascending" } else { "descending" })
    }
}

/// What is looked through for the words that were typed.
fn found(line: &Line, wanted: &str) -> bool {
    let sentence = |bits: &[Bit]| bits.iter().map(|bit| bit.text.as_str()).collect::<String>();
    let said = if line.segment.is_dynamic() { sentence(&line.sentence) } else { line.made.clone() };
    [line.segment.name.as_str(), &said, &line.segment.actor].iter().any(|text| fold(text).contains(wanted))
}

/// `GET /segments?q=&show=&sort=`
pub async fn index(
    sets: Data<Sets>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let Asked { q, sort, show } = asked.into_inner();
    let tab = Tab::EACH.into_iter().find(|tab| tab.key() == show).unwrap_or(Tab::All);
    let order = Order::EACH.into_iter().find(|order| order.key() == sort).unwrap_or(Order::Name);
    let wanted = fold(&q);
    let (rows, tabs) = sets
        .read(move |at| {
            let clock = Workspace::load(at)?.clock();
            let mut segments = Segment::list(&caller, at)?;
            let many = |tab: Tab| segments.iter().filter(|segment| tab.holds(segment, &caller)).count();
            let tabs = Tab::EACH.map(|tab| (tab, many(tab))).to_vec();
            segments.retain(|segment| tab.holds(segment, &caller));
            let filters = Segment::filters(&segments, at, &clock)?;
            let began = Instant::now();
            let mut lines = Vec::new();
            for (segment, filter) in segments.into_iter().zip(&filters) {
                let mut line = Line::uncounted(segment, filter);
                if !found(&line, &wanted) {
                    continue;
                }
                if at.knows(filter) || began.elapsed() < PATIENCE {
                    line.count = Some(at.recount(filter)?);
                }
                lines.push(line);
            }
            let ids: Vec<i64> = lines.iter().map(|line| line.segment.id).collect();
            let mut sizes = sizes::lately(&ids, clock.today(), at)?;
            let row = |line: Line| row(line, &mut sizes, &caller, clock.today());
            let mut rows: Vec<Row> = lines.into_iter().map(row).collect();
            arrange(&mut rows, order);
            Ok::<_, Error>((rows, tabs))
        })
        .await?;
    let page = IndexPage { chrome, rows, tabs, q, tab, order };
    htmx.show_as(StatusCode::OK, &page, page.as_list())
}

fn row(line: Line, sizes: &mut HashMap<i64, Vec<sizes::Day>>, caller: &Caller, today: chrono::NaiveDate) -> Row {
    let days = sizes.remove(&line.segment.id).unwrap_or_default();
    let spark = match line.broken {
        Some(_) => None,
        None => Spark::of(days, line.count, today),
    };
    Row { may_change: line.segment.may_change(caller), line, spark }
}

/// They come by name, which breaks ties.
fn arrange(rows: &mut [Row], order: Order) {
    match order {
        Order::Name => {}
        Order::Size => rows.sort_by_key(|row| Reverse(row.line.count)),
        Order::Used => rows.sort_by_key(|row| Reverse(row.line.segment.last_used_at)),
        Order::Updated => rows.sort_by_key(|row| Reverse(row.line.segment.updated_at)),
    }
}
