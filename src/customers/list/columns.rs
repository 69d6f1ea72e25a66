//! What a list can show of a customer and be sorted by: one row per column. Custom fields are columns too; those a
//! business adds itself are in [`columns`](crate::customers::columns).

use super::Row;
use crate::customers::clean::{country_name, language_name};
use crate::customers::table::money;
use crate::customers::{Channel, Consent, Consents, Customer};
use crate::db::Backend;
use crate::db::schema::customers;
use crate::fold::fold;
use crate::workspace::Clock;
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

/// What a cell is drawn from.
pub struct Seen<'a> {
    pub customer: &'a Customer,
    pub consents: &'a Consents,
    pub clock: &'a Clock,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Her name, which leads to her page.
    Who,
    /// Her tags, with the way into their editor.
    Tags,
    /// Words that are cut off where they are long.
    Words(Option<String>),
    Figure(String),
    /// A figure that leads the eye.
    Strong(String),
    Consent(Consent),
}

/// One column.
pub struct Column {
    /// As in the API, filters and addresses.
    pub key: &'static str,
    /// As the heading says it.
    pub label: &'static str,
    /// How heading and cells are set.
    pub class: &'static str,
    /// What a list is sorted by, where this is an order: a column of `customers` with an index of its own, so that any
    /// page of any list is found by walking it.
    pub by: Option<By>,
    pub cell: fn(&Seen) -> Cell,
}

const fn column(
    key: &'static str,
    label: &'static str,
    class: &'static str,
    by: Option<By>,
    cell: fn(&Seen) -> Cell,
) -> Column {
    Column { key, label, class, by, cell }
}

macro_rules! text {
    ($column:ident, $of:expr) => {
        Some(By::Text(|| Box::new(customers::$column), $of))
    };
}
macro_rules! time {
    ($column:ident, $of:expr) => {
        Some(By::Time(|| Box::new(customers::$column.nullable()), $of))
    };
}
macro_rules! number {
    ($column:ident) => {
        Some(By::Number(|| Box::new(customers::$column.nullable()), |row| Some(row.customer.$column)))
    };
}

fn folded(text: &Option<String>) -> Option<String> {
    text.as_deref().map(fold)
}

fn day(at: Option<NaiveDateTime>, seen: &Seen) -> Cell {
    Cell::Figure(at.map(|at| seen.clock.show_day(at)).unwrap_or_default())
}

/// The one table of columns, in the order they are offered.
pub static COLUMNS: &[Column] = &[
    column("name", "Name", "who", text!(name_folded, |row| folded(&row.customer.name)), |_| Cell::Who),
    column("email", "Email", "line2 clip", text!(email_folded, |row| folded(&row.customer.email)), |seen| {
        Cell::Words(seen.customer.email.clone())
    }),
    column("phone", "Phone", "clip", text!(phone, |row| row.customer.phone.clone()), |seen| {
        Cell::Words(seen.customer.phone.clone())
    }),
    column(
        "external_id",
        "External id",
        "clip",
        text!(external_id_folded, |row| folded(&row.customer.external_id)),
        |seen| Cell::Words(seen.customer.external_id.clone()),
    ),
    column("country", "Country", "clip clip-s", text!(country, |row| row.customer.country.clone()), |seen| {
        Cell::Words(seen.customer.country.as_deref().map(country_name))
    }),
    column("city", "City", "clip clip-s", text!(city_folded, |row| folded(&row.customer.city)), |seen| {
        Cell::Words(seen.customer.city.clone())
    }),
    column(
        "language",
        "Language",
        "clip clip-s",
        text!(language_folded, |row| folded(&row.customer.language)),
        |seen| Cell::Words(seen.customer.language.as_deref().map(language_name)),
    ),
    column("created_at", "Created", "num", time!(created_at, |row| Some(row.customer.created_at)), |seen| {
        day(Some(seen.customer.created_at), seen)
    }),
    column("updated_at", "Updated", "num", time!(updated_at, |row| Some(row.customer.updated_at)), |seen| {
        day(Some(seen.customer.updated_at), seen)
    }),
    column("last_seen_at", "Last seen", "num", time!(last_seen_at, |row| row.customer.last_seen_at), |seen| {
        Cell::Figure(seen.customer.last_seen_at.map(|at| seen.clock.ago(at)).unwrap_or_default())
    }),
    column("email_consent", "Email consent", "", None, |seen| Cell::Consent(seen.consents.get(Channel::Email))),
    column("sms_consent", "SMS consent", "", None, |seen| Cell::Consent(seen.consents.get(Channel::Sms))),
    column("whatsapp_consent", "WhatsApp consent", "", None, |seen| {
        Cell::Consent(seen.consents.get(Channel::Whatsapp))
    }),
    // Tags are a set, and sets have no order.
    column("tags", "Tags", "line2 tags", None, |_| Cell::Tags),
    column("purchase_count", "Purchases", "num", number!(purchase_count), |seen| {
        Cell::Figure(crate::web::thousands(&seen.customer.purchase_count))
    }),
    column("total_spent", "Spent", "num", number!(total_spent), |seen| Cell::Strong(money(seen.customer.total_spent))),
    column(
        "first_purchase_at",
        "First purchase",
        "num",
        time!(first_purchase_at, |row| row.customer.first_purchase_at),
        |seen| day(seen.customer.first_purchase_at, seen),
    ),
    column(
        "last_purchase_at",
        "Last purchase",
        "num",
        time!(last_purchase_at, |row| row.customer.last_purchase_at),
        |seen| day(seen.customer.last_purchase_at, seen),
    ),
    column("id", "Id", "num", number!(id), |seen| Cell::Figure(seen.customer.id.to_string())),
];

impl Column {
    pub fn find(key: &str) -> Option<&'static Column> {
        COLUMNS.iter().find(|column| column.key == key)
    }
}
