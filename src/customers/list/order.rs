//! What a list can be sorted by: one row per column that is shown.

use super::Row;
use crate::db::Backend;
use crate::db::schema::{customers, taggings};
use crate::fold::fold;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};

/// A column of `customers` as the database sorts by it.
pub type Typed<T> = Box<dyn BoxableExpression<customers::table, Backend, SqlType = Nullable<T>>>;

/// The column, and what a row of the list has in it. Text is sorted by its folded form.
pub enum By {
    Text(fn() -> Typed<Text>, fn(&Row) -> Option<String>),
    Number(fn() -> Typed<BigInt>, fn(&Row) -> Option<i64>),
    Time(fn() -> Typed<Timestamp>, fn(&Row) -> Option<NaiveDateTime>),
}

/// A sortable column.
pub struct Column {
    /// As in the API, filters and addresses.
    pub key: &'static str,
    /// As the heading says it.
    pub label: &'static str,
    pub by: By,
}

const fn column(key: &'static str, label: &'static str, by: By) -> Column {
    Column { key, label, by }
}

macro_rules! text {
    ($column:ident, $of:expr) => {
        By::Text(|| Box::new(customers::$column), $of)
    };
}
macro_rules! time {
    ($column:ident, $of:expr) => {
        By::Time(|| Box::new(customers::$column.nullable()), $of)
    };
}
macro_rules! number {
    ($column:ident) => {
        By::Number(|| Box::new(customers::$column.nullable()), |row| Some(row.customer.$column))
    };
}

fn folded(text: &Option<String>) -> Option<String> {
    text.as_deref().map(fold)
}

/// The one table of sortable columns.
pub static COLUMNS: &[Column] = &[
    column("name", "Name", text!(name_folded, |row| folded(&row.customer.name))),
    column("email", "Email", text!(email_folded, |row| folded(&row.customer.email))),
    column("phone", "Phone", text!(phone, |row| row.customer.phone.clone())),
    column("external_id", "External id", text!(external_id_folded, |row| folded(&row.customer.external_id))),
    column("country", "Country", text!(country, |row| row.customer.country.clone())),
    column("city", "City", text!(city_folded, |row| folded(&row.customer.city))),
    column("language", "Language", text!(language_folded, |row| folded(&row.customer.language))),
    column("created_at", "Created", time!(created_at, |row| Some(row.customer.created_at))),
    column("updated_at", "Updated", time!(updated_at, |row| Some(row.customer.updated_at))),
    column("last_seen_at", "Last seen", time!(last_seen_at, |row| row.customer.last_seen_at)),
    column("purchase_count", "Purchases", number!(purchase_count)),
    column("total_spent", "Spent", number!(total_spent)),
    column("first_purchase_at", "First purchase", time!(first_purchase_at, |row| row.customer.first_purchase_at)),
    column("last_purchase_at", "Last purchase", time!(last_purchase_at, |row| row.customer.last_purchase_at)),
    // Tags are a set: the order of sets that helps is by size.
    column(
        "tags",
        "Tags",
        By::Number(
            || Box::new(taggings::table.filter(taggings::customer_id.eq(customers::id)).count().single_value()),
            |row| Some(row.tags.len() as i64),
        ),
    ),
    column("id", "Id", number!(id)),
];

impl Column {
    pub fn find(key: &str) -> Option<&'static Column> {
        COLUMNS.iter().find(|column| column.key == key)
    }
}

/// One column of an order, and which way.
#[derive(Clone, Copy)]
pub struct Key {
    pub column: &'static Column,
    pub descending: bool,
}

/// The order of a list: columns, `-` for descending. The id always breaks ties, upwards.
#[derive(Clone, Default)]
pub struct Sort(pub(super) Vec<Key>);

/// More columns than this decide nothing any more.
const MOST_KEYS: usize = 8;

impl Sort {
    /// Reads `-created_at,name`. Empty is the order of ids.
    pub fn parse(spelling: &str) -> Result<Sort, String> {
        let mut keys: Vec<Key> = Vec::new();
        for word in spelling.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let (name, descending) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
            let column = Column::find(name).ok_or_else(|| {
                let known: Vec<&str> = COLUMNS.iter().map(|column| column.key).collect();
                match crate::filters::fields::nearest(name, known.iter().copied()) {
                    Some(near) => format!("Customers cannot be sorted by “{name}”. Did you mean {near}?"),
                    None => format!("Customers cannot be sorted by “{name}”. They can by {}.", known.join(", ")),
                }
            })?;
            // The second mention of a column decides nothing.
            if !keys.iter().any(|key| key.column.key == column.key) {
                keys.push(Key { column, descending });
            }
        }
        match keys.len() {
            ..=MOST_KEYS => Ok(Sort(keys)),
            many => Err(format!("Customers can be sorted by up to {MOST_KEYS} columns, not {many}.")),
        }
    }

    /// As an address spells it.
    pub fn spell(&self) -> String {
        let word = |key: &Key| format!("{}{}", if key.descending { "-" } else { "" }, key.column.key);
        self.0.iter().map(word).collect::<Vec<_>>().join(",")
    }

    /// `aria-sort` of a heading, when the list is sorted by it first.
    pub fn direction(&self, key: &str) -> Option<&'static str> {
        let first = self.0.first().filter(|first| first.column.key == key)?;
        Some(if first.descending { "descending" } else { "ascending" })
    }

    /// The order that a press on this heading leads to: the other way round when it leads already. Times and numbers
    /// begin with the largest.
    pub fn pressed(&self, key: &str) -> String {
        let descending = match self.direction(key) {
            Some(direction) => direction == "ascending",
            None => Column::find(key).is_some_and(|column| !matches!(column.by, By::Text(..))),
        };
        format!("{}{key}", if descending { "-" } else { "" })
    }
}

impl PartialEq for Sort {
    fn eq(&self, other: &Sort) -> bool {
        self.spell() == other.spell()
    }
}

impl std::fmt::Debug for Sort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sort({})", self.spell())
    }
}

#[cfg(test)]
mod tests {
    use super::Sort;

    #[test]
    fn an_order_is_a_list_of_columns() {
        let sort = Sort::parse(" -created_at, external_id,created_at").expect("an order");
        assert_eq!(sort.spell(), "-created_at,external_id");
        assert_eq!(Sort::parse("").expect("ids").spell(), "");
        assert!(Sort::parse("nam").unwrap_err().ends_with("Did you mean name?"));
        assert!(Sort::parse("password").is_err());
    }

    #[test]
    fn pressing_a_heading_turns_the_order() {
        let sort = |spelling: &str| Sort::parse(spelling).expect("an order");
        assert_eq!(sort("name").pressed("name"), "-name");
        assert_eq!(sort("-name").pressed("name"), "name");
        assert_eq!(sort("name").pressed("last_seen_at"), "-last_seen_at");
        assert_eq!(sort("name").direction("name"), Some("ascending"));
        assert_eq!(sort("name,-city").direction("city"), None);
    }
}
