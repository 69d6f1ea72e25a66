//! Customers as a table: the same rows, headings and pager on the customers page and on a segment's page.

use super::columns::{Columns, Gathered};
use super::list::{Cell, List, Page, Row};
use crate::db::Conn;
use crate::tags::Told;
use crate::tags::editor::Chips;
use crate::workspace::{Clock, Workspace};
use askama::Template;
use diesel::QueryResult;

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
    /// Somebody chose the columns: all are shown however many they are.
    pub wide: bool,
}
impl askama::filters::HtmlSafe for Table {}

/// A column and what clicking its heading does.
pub struct Heading {
    pub label: String,
    pub class: String,
    /// `ascending`, `descending`, or empty.
    pub sorted: &'static str,
    /// `None` where the column is no order.
    pub link: Option<String>,
}

/// One customer as the table shows her.
pub struct Line {
    pub id: i64,
    pub name: String,
    pub initials: String,
    pub tags: Vec<Told>,
    /// One for each heading.
    pub cells: Vec<Cell>,
}

/// How a page wants its table.
pub struct Wish<'a> {
    pub columns: &'a Columns,
    pub workspace: &'a Workspace,
    pub clock: &'a Clock,
    pub target: &'static str,
    pub pick: bool,
}

impl Table {
    /// `address` is given the parameters that differ from the page as it is: `sort`, `cursor`.
    pub fn of(
        list: List,
        page: &Page,
        wish: &Wish,
        address: impl Fn(&[(&str, &str)]) -> String,
        conn: &mut Conn,
    ) -> QueryResult<Table> {
        let columns = wish.columns;
        let now = page.sort.spell();
        let headings = columns.shown().iter().enumerate().map(|(place, one)| Heading {
            label: one.heading(wish.workspace),
            class: [one.class(), columns.steps_aside(place)].join(" ").trim().to_string(),
            sorted: one.sort().and_then(|key| page.sort.direction(key)).unwrap_or_default(),
            link: one.sort().map(|key| address(&[("sort", &page.sort.pressed(key))])),
        });
        let cursor = |cursor: Option<String>| cursor.map(|cursor| address(&[("sort", &now), ("cursor", &cursor)]));
        let gathered = columns.gather(&list, conn)?;
        Ok(Table {
            headings: headings.collect(),
            total: list.total,
            from: list.from,
            newer: cursor(list.previous),
            older: cursor(list.next),
            rows: list.rows.into_iter().map(|row| Line::of(row, wish, &gathered)).collect(),
            target: wish.target,
            pick: wish.pick,
            wide: columns.chosen(),
        })
    }

    /// `1 to 50 of 12,431`.
    pub fn place(&self) -> String {
        let last = self.from + self.rows.len() as i64 - 1;
        let spell = crate::web::thousands;
        format!("{} to {} of {}", spell(&self.from), spell(&last), spell(&self.total))
    }
}

impl Line {
    fn of(Row { customer, tags }: Row, wish: &Wish, gathered: &Gathered) -> Line {
        Line {
            id: customer.id,
            name: customer.called(),
            initials: customer.initials(),
            cells: gathered.cells(wish.columns, &customer, wish.clock),
            tags: Told::all(tags, wish.clock),
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
