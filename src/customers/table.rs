//! Customers as a table: the same rows, headings and pager on the customers page and on a segment's page.

use super::Customer;
use super::list::{Column, List, Page, Row};
use crate::tags::Tag;
use crate::tags::editor::Chips;
use crate::workspace::{Clock, Workspace};
use askama::Template;

/// A table of one page of customers. `address` makes the link of another order or page.
#[derive(Template)]
#[template(path = "customers/_table.html")]
pub struct Table {
    pub rows: Vec<Line>,
    pub headings: Vec<Heading>,
    pub total: i64,
    pub from: i64,
    pub newer: Option<String>,
    pub older: Option<String>,
    /// The element that htmx swaps when another order or page is asked for.
    pub target: &'static str,
    /// Whether rows can be ticked.
    pub pick: bool,
}
impl askama::filters::HtmlSafe for Table {}

/// A column and what clicking its heading does.
pub struct Heading {
    pub label: String,
    pub class: &'static str,
    /// `ascending`, `descending`, or empty.
    pub sorted: &'static str,
    pub link: String,
}

/// One customer as the table shows her.
pub struct Line {
    pub id: i64,
    pub name: String,
    pub initials: String,
    pub customer: Customer,
    pub tags: Vec<Tag>,
    pub spent: String,
    pub bought: String,
    pub created: String,
    pub seen: String,
}

/// The columns shown, by sort key, and how much room they need.
const SHOWN: &[(&str, &str)] = &[
    ("name", ""),
    ("email", ""),
    ("tags", ""),
    ("city", "hide-sm"),
    ("country", "hide-sm"),
    ("total_spent", "num hide-sm"),
    ("last_purchase_at", "num hide-lg"),
    ("created_at", "num hide-md"),
    ("last_seen_at", "num hide-md"),
];

impl Table {
    /// `address` is given the parameters that differ from the page as it is: `sort`, `cursor`.
    pub fn of(
        list: List,
        page: &Page,
        workspace: &Workspace,
        clock: &Clock,
        target: &'static str,
        pick: bool,
        address: impl Fn(&[(&str, &str)]) -> String,
    ) -> Table {
        let now = page.sort.spell();
        let headings = SHOWN.iter().filter_map(|(key, class)| {
            let column = Column::find(key)?;
            Some(Heading {
                label: match *key {
                    "total_spent" => format!("{}, {}", column.label, workspace.currency),
                    _ => column.label.to_string(),
                },
                class,
                sorted: page.sort.direction(key).unwrap_or_default(),
                link: address(&[("sort", &page.sort.pressed(key))]),
            })
        });
        let cursor = |cursor: Option<String>| cursor.map(|cursor| address(&[("sort", &now), ("cursor", &cursor)]));
        Table {
            headings: headings.collect(),
            total: list.total,
            from: list.from,
            newer: cursor(list.previous),
            older: cursor(list.next),
            rows: list.rows.into_iter().map(|row| Line::of(row, clock)).collect(),
            target,
            pick,
        }
    }

    /// `1 to 50 of 12,431`.
    pub fn place(&self) -> String {
        let last = self.from + self.rows.len() as i64 - 1;
        let spell = crate::web::thousands;
        format!("{} to {} of {}", spell(&self.from), spell(&last), spell(&self.total))
    }
}

impl Line {
    fn of(row: Row, clock: &Clock) -> Line {
        let Row { customer, tags, .. } = row;
        let day = |at| clock.show_day(at);
        Line {
            id: customer.id,
            name: customer.called(),
            initials: customer.initials(),
            spent: money(customer.total_spent),
            bought: customer.last_purchase_at.map(day).unwrap_or_default(),
            created: day(customer.created_at),
            seen: customer.last_seen_at.map(|at| clock.ago(at)).unwrap_or_default(),
            tags,
            customer,
        }
    }

    /// Her tags, with the way into the editor.
    pub fn chips(&self) -> Chips {
        Chips { customer_id: self.id, called: self.name.clone(), tags: self.tags.clone() }
    }
}

/// Whole minor units as people write them: `1,284.50`.
pub fn money(minor: i64) -> String {
    let sign = if minor < 0 { "−" } else { "" };
    let (whole, cents) = (minor.unsigned_abs() / 100, minor.unsigned_abs() % 100);
    format!("{sign}{}.{cents:02}", crate::web::thousands(&(whole as i64)))
}
