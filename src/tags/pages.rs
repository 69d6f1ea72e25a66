//! `/tags`: the tags there are. The form that makes or changes one is in [`form`](super::form), what ends one in
//! [`ending`](super::ending).

use super::list::{self, List, Order, Tab, Used};
use crate::db::Db;
use crate::filters::Rule;
use crate::filters::fields::Fields;
use crate::web::{self, Chrome, Error};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

/// What the address of the list may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    sort: String,
    tab: String,
    page: Option<usize>,
}

#[derive(Template)]
#[template(path = "tags/index.html", blocks = ["list"])]
struct IndexPage {
    chrome: Chrome,
    lines: Vec<Line>,
    list: List,
    asked: list::Asked,
}

/// One tag as the list shows it.
struct Line {
    used: Used,
    created: String,
    /// The customers who carry it.
    link: String,
}

impl IndexPage {
    fn direction(&self, order: &str) -> Option<&'static str> {
        match (order == self.asked.order.key(), self.asked.order) {
            (false, _) => None,
            (true, Order::Name) => Some("ascending"),
            (true, _) => Some("descending"),
        }
    }

    fn address(&self, changes: &[(&str, &str)]) -> String {
        let kept = [("q", self.asked.q.as_str()), ("tab", self.asked.tab.key()), ("sort", self.asked.order.key())];
        let kept = kept.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let pairs: Vec<(&str, &str)> =
            kept.chain(changes.iter().copied()).filter(|pair| *pair != ("sort", "name")).collect();
        web::address("/tags", &pairs)
    }

    /// The same list in another order.
    fn sorted(&self, order: &str) -> String {
        self.address(&[("sort", order)])
    }

    fn all(&self) -> String {
        spell(self.list.all)
    }

    fn tabs(&self) -> Vec<(Tab, Option<String>, String)> {
        let tab = |(tab, n): (Tab, Option<usize>)| (tab, n.map(spell), self.address(&[("tab", tab.key()), ("q", "")]));
        Tab::EACH.into_iter().zip(self.list.tabs).map(tab).collect()
    }

    fn beside(&self, by: isize) -> Option<String> {
        let page = self.list.page.checked_add_signed(by).filter(|page| (1..=self.list.pages()).contains(page))?;
        Some(self.address(&[("page", &page.to_string())]))
    }

    /// `1 to 200 of 10,000`.
    fn place(&self) -> String {
        let from = (self.list.page - 1) * list::ROWS;
        match self.lines.len() {
            0 => "0".into(),
            shown => format!("{} to {} of {}", spell(from + 1), spell(from + shown), spell(self.list.found)),
        }
    }

    fn is_sorted(&self, order: &str) -> bool {
        self.asked.order.key() == order
    }
}

fn spell(n: usize) -> String {
    web::thousands(&(n as i64))
}

/// The list of customers that carry a tag.
pub fn carriers(name: &str) -> String {
    let asked = json!({ "all": [{ "field": "tags", "op": "contains", "value": [name] }] });
    let text = Rule::from_json(&asked, Fields::built_in()).map(|rule| rule.to_text()).unwrap_or_default();
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("filter", &text).finish();
    format!("/customers?{query}")
}

/// `GET /tags`.
pub async fn index(db: Data<Db>, chrome: Chrome, htmx: web::Htmx, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    let Asked { q, sort, tab, page } = asked.into_inner();
    let asked = list::Asked { q, tab: Tab::parse(&tab), order: Order::parse(&sort), page: page.unwrap_or(1) };
    let wanted = asked.clone();
    let (mut list, clock) = db
        .read(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            Ok::<_, Error>((List::load(&wanted, clock.stamp(), conn)?, clock))
        })
        .await?;
    let lines = std::mem::take(&mut list.rows).into_iter().map(|used| Line::of(used, &clock)).collect();
    let page = IndexPage { chrome, lines, list, asked };
    htmx.show(&page, page.as_list())
}

impl Line {
    fn of(used: Used, clock: &Clock) -> Line {
        Line { link: carriers(&used.tag.name), created: clock.show_day(used.created_at), used }
    }

    /// `4 segments, 1 view`.
    fn uses(&self) -> String {
        let many = |n: usize, one: &str| match n {
            0 => None,
            1 => Some(format!("1 {one}")),
            n => Some(format!("{n} {one}s")),
        };
        let told: Vec<String> =
            [many(self.used.segments, "segment"), many(self.used.views, "view")].into_iter().flatten().collect();
        if told.is_empty() { "no segment or view".into() } else { told.join(", ") }
    }
}
