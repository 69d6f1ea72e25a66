//! Which columns a list shows: chosen in its address as `columns=name,email,custom.plan`, or the usual ones.

use super::Consents;
use super::list::{COLUMNS, Cell, Column, List, Seen};
use crate::custom_fields::{self, CustomField, Kind};
use crate::db::Conn;
use crate::filters::fields::nearest;
use crate::workspace::{Clock, Workspace};
use diesel::QueryResult;
use std::collections::HashMap;

/// What a list shows until somebody chooses otherwise, and in which widths a column steps aside.
const USUAL: &[(&str, &str)] = &[
    ("name", ""),
    ("email", ""),
    ("tags", ""),
    ("city", "hide-sm"),
    ("country", "hide-sm"),
    ("total_spent", "hide-sm"),
    ("last_purchase_at", "hide-lg"),
    ("created_at", "hide-md"),
    ("last_seen_at", "hide-md"),
];

/// A column of a list: one that everybody has, or a field the business added.
#[derive(Clone)]
pub enum Shown {
    BuiltIn(&'static Column),
    Custom(CustomField),
}

impl Shown {
    /// Everything a list can show, in the order it is offered.
    pub fn all(fields: &[CustomField]) -> Vec<Shown> {
        let built_in = COLUMNS.iter().map(Shown::BuiltIn);
        built_in.chain(fields.iter().cloned().map(Shown::Custom)).collect()
    }

    /// As an address names it.
    pub fn key(&self) -> String {
        match self {
            Shown::BuiltIn(column) => column.key.into(),
            Shown::Custom(field) => field.name(),
        }
    }

    pub fn label(&self) -> &str {
        match self {
            Shown::BuiltIn(column) => column.label,
            Shown::Custom(field) => &field.label,
        }
    }

    pub fn is_custom(&self) -> bool {
        matches!(self, Shown::Custom(_))
    }

    /// The label as the heading says it.
    pub fn heading(&self, workspace: &Workspace) -> String {
        match self {
            Shown::BuiltIn(column) if column.key == "total_spent" => {
                format!("{}, {}", column.label, workspace.currency)
            }
            other => other.label().to_string(),
        }
    }

    pub fn class(&self) -> &'static str {
        match self {
            Shown::BuiltIn(column) => column.class,
            Shown::Custom(field) => match field.kind {
                Kind::Number | Kind::Date => "num",
                Kind::YesNo => "",
                Kind::Text | Kind::Choice => "clip",
            },
        }
    }

    /// The key to sort by, where the list can be.
    pub fn sort(&self) -> Option<&'static str> {
        match self {
            Shown::BuiltIn(column) => column.by.as_ref().map(|_| column.key),
            Shown::Custom(_) => None,
        }
    }

    fn is_name(&self) -> bool {
        matches!(self, Shown::BuiltIn(column) if column.key == "name")
    }
}

/// The columns of a list, the name first.
#[derive(Clone)]
pub struct Columns {
    shown: Vec<Shown>,
    /// Somebody chose them; otherwise they are the usual ones and step aside where a window is narrow.
    chosen: bool,
}

impl Default for Columns {
    fn default() -> Columns {
        let usual = USUAL.iter().filter_map(|(key, _)| Column::find(key));
        Columns { shown: usual.map(Shown::BuiltIn).collect(), chosen: false }
    }
}

impl Columns {
    /// Reads what an address says. Empty is the usual ones; a column nobody knows is told with the nearest word.
    pub fn read(spelling: &str, fields: &[CustomField]) -> Result<Columns, String> {
        let (columns, unknown) = Columns::known(spelling, fields);
        let Some(word) = unknown.first() else { return Ok(columns) };
        let all: Vec<String> = Shown::all(fields).iter().map(Shown::key).collect();
        Err(match nearest(word, all.iter().map(String::as_str)) {
            Some(near) => format!("There is no column “{word}”. Did you mean {near}?"),
            None => format!("There is no column “{word}”. There are {}.", all.join(", ")),
        })
    }

    /// The same, leaving out what is not known (any more), which comes second.
    pub fn known(spelling: &str, fields: &[CustomField]) -> (Columns, Vec<String>) {
        let words: Vec<&str> = spelling.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return (Columns::default(), Vec::new());
        }
        let all = Shown::all(fields);
        let mut shown: Vec<Shown> = all.iter().filter(|one| one.is_name()).cloned().collect();
        let mut unknown = Vec::new();
        for word in words {
            match all.iter().find(|one| one.key() == word) {
                Some(one) if shown.iter().any(|known| known.key() == one.key()) => {}
                Some(one) => shown.push(one.clone()),
                None => unknown.push(word.to_string()),
            }
        }
        (Columns { shown, chosen: true }, unknown)
    }

    /// As an address spells them; empty for the usual ones.
    pub fn spell(&self) -> String {
        if self.chosen { self.keys().join(",") } else { String::new() }
    }

    pub fn keys(&self) -> Vec<String> {
        self.shown.iter().map(Shown::key).collect()
    }

    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    pub fn chosen(&self) -> bool {
        self.chosen
    }

    /// The class with which the column at this place steps aside in narrow windows: what somebody chose never does.
    pub fn steps_aside(&self, place: usize) -> &'static str {
        if self.chosen { "" } else { USUAL.get(place).map(|(_, class)| *class).unwrap_or_default() }
    }

    /// One column a place to the left or to the right. The name stays first.
    pub fn shift(&mut self, key: &str, left: bool) {
        let Some(at) = self.shown.iter().position(|one| one.key() == key).filter(|at| *at > 0) else { return };
        let to = if left { at - 1 } else { at + 1 };
        if (1..self.shown.len()).contains(&to) {
            self.shown.swap(at, to);
            self.chosen = true;
        }
    }

    /// What these columns need to know about the customers of a list, each kind in one query and only where it is shown.
    pub fn gather(&self, list: &List, conn: &mut Conn) -> QueryResult<Gathered> {
        let ids: Vec<i64> = list.rows.iter().map(|row| row.customer.id).collect();
        let asks_consent = |one: &Shown| matches!(one, Shown::BuiltIn(column) if column.key.ends_with("_consent"));
        let mut gathered = Gathered::default();
        if self.shown.iter().any(asks_consent) {
            gathered.consents = Consents::of_customers(&ids, conn)?;
        }
        if self.shown.iter().any(Shown::is_custom) {
            gathered.custom = custom_fields::of_customers(&ids, conn)?;
        }
        Ok(gathered)
    }
}

/// What was asked about a page of customers besides their own rows and tags.
#[derive(Default)]
pub struct Gathered {
    consents: HashMap<i64, Consents>,
    custom: HashMap<i64, HashMap<i64, String>>,
}

impl Gathered {
    /// The cells of one customer, in the order of the columns.
    pub fn cells(&self, columns: &Columns, customer: &super::Customer, clock: &Clock) -> Vec<Cell> {
        let nothing = Consents::default();
        let seen = Seen { customer, consents: self.consents.get(&customer.id).unwrap_or(&nothing), clock };
        let custom = self.custom.get(&customer.id);
        let cell = |one: &Shown| match one {
            Shown::BuiltIn(column) => (column.cell)(&seen),
            Shown::Custom(field) => spoken(field, custom.and_then(|values| values.get(&field.id))),
        };
        columns.shown.iter().map(cell).collect()
    }
}

fn spoken(field: &CustomField, value: Option<&String>) -> Cell {
    match field.kind {
        Kind::Number => Cell::Figure(value.cloned().unwrap_or_default()),
        Kind::Date => {
            let day = value.and_then(|value| custom_fields::date(value));
            Cell::Figure(day.map(|day| day.format("%-d %b %Y").to_string()).unwrap_or_default())
        }
        Kind::Text | Kind::YesNo | Kind::Choice => Cell::Words(value.cloned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Vec<CustomField> {
        let plan = CustomField {
            id: 1,
            key: "plan".into(),
            label: "Plan".into(),
            kind: Kind::Text,
            choices: Vec::new(),
            gone: false,
        };
        vec![plan]
    }

    fn read(spelling: &str) -> Result<String, String> {
        Columns::read(spelling, &fields()).map(|columns| columns.spell())
    }

    #[test]
    fn the_name_is_first_and_nothing_stands_twice() {
        assert_eq!(read(" city, custom.plan ,name,city"), Ok("name,city,custom.plan".into()));
        assert_eq!(read(" , "), Ok(String::new()), "the usual ones");
        assert_eq!(Columns::default().keys().len(), USUAL.len());
    }

    #[test]
    fn an_unknown_column_is_told_with_the_nearest_word() {
        assert_eq!(read("cty"), Err("There is no column “cty”. Did you mean city?".into()));
        assert_eq!(read("custom.paln"), Err("There is no column “custom.paln”. Did you mean custom.plan?".into()));
        assert!(read("password").is_err_and(|words| words.contains("There are name, email")));
        let (columns, unknown) = Columns::known("city,custom.gone", &fields());
        assert_eq!((columns.spell().as_str(), unknown), ("name,city", vec!["custom.gone".to_string()]));
    }

    #[test]
    fn a_column_moves_but_never_before_the_name() {
        let mut columns = Columns::read("email,city", &[]).expect("columns");
        columns.shift("city", true);
        assert_eq!(columns.spell(), "name,city,email");
        columns.shift("city", true);
        columns.shift("email", false);
        columns.shift("name", false);
        columns.shift("phone", false);
        assert_eq!(columns.spell(), "name,city,email");
    }
}
