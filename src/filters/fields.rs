//! What people may filter by: one row per field. The builder's picker, the text form, the JSON and the query all read
//! this table; a new field is a new row.

use crate::db::Backend;
use crate::db::schema::customers;
use crate::fold::fold;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};

/// A column of the customer's own row, ready to compare.
pub type TextColumn = Box<dyn BoxableExpression<customers::table, Backend, SqlType = Nullable<Text>>>;
pub type TimeColumn = Box<dyn BoxableExpression<customers::table, Backend, SqlType = Nullable<Timestamp>>>;

pub type NumberColumn = Box<dyn BoxableExpression<customers::table, Backend, SqlType = Nullable<BigInt>>>;

/// The type of a field decides its operators (SPEC 2.2). Each is one bit, so that an operator can name several.
pub mod types {
    pub const TEXT: u16 = 1;
    pub const EMAIL: u16 = 1 << 1;
    pub const PHONE: u16 = 1 << 2;
    pub const COUNTRY: u16 = 1 << 3;
    /// Everything that is compared as text.
    pub const TEXTS: u16 = TEXT | EMAIL | PHONE | COUNTRY;
    pub const TIME: u16 = 1 << 4;
    pub const TAGS: u16 = 1 << 5;
    pub const CONSENT: u16 = 1 << 6;
    pub const EVERYONE: u16 = 1 << 7;
    pub const NUMBER: u16 = 1 << 8;
    /// Minor units of the workspace's currency.
    pub const MONEY: u16 = 1 << 9;
    pub const NUMBERS: u16 = NUMBER | MONEY;
    pub const SEGMENTS: u16 = 1 << 10;
}

/// Where the values of a field live.
#[derive(Clone, Copy)]
pub enum Column {
    /// The folded column.
    Text(fn() -> TextColumn),
    Time(fn() -> TimeColumn),
    Number(fn() -> NumberColumn),
    /// The channel of a consent.
    Channel(&'static str),
    /// A child table, or nothing at all.
    Elsewhere,
}

pub struct Field {
    /// As in the text form, the JSON, the API and CSV headers.
    pub key: &'static str,
    /// As in the builder's picker and column headings.
    pub label: &'static str,
    /// As in the sentence: "created in the last 90 days".
    pub spoken: &'static str,
    pub kind: u16,
    pub column: Column,
}

const fn field(key: &'static str, label: &'static str, spoken: &'static str, kind: u16, column: Column) -> Field {
    Field { key, label, spoken, kind, column }
}

use types::*;

pub static FIELDS: &[Field] = &[
    field("tags", "Tags", "tags", TAGS, Column::Elsewhere),
    field("segments", "Segments", "segments", SEGMENTS, Column::Elsewhere),
    field("name", "Name", "name", TEXT, Column::Text(|| Box::new(customers::name_folded))),
    field("email", "Email", "email", EMAIL, Column::Text(|| Box::new(customers::email_folded))),
    field("phone", "Phone", "phone", PHONE, Column::Text(|| Box::new(customers::phone))),
    field("external_id", "External id", "external id", TEXT, Column::Text(|| Box::new(customers::external_id_folded))),
    field("country", "Country", "country", COUNTRY, Column::Text(|| Box::new(customers::country))),
    field("city", "City", "city", TEXT, Column::Text(|| Box::new(customers::city_folded))),
    field("language", "Language", "language", TEXT, Column::Text(|| Box::new(customers::language_folded))),
    field("email_consent", "Email consent", "email", CONSENT, Column::Channel("email")),
    field("sms_consent", "SMS consent", "SMS", CONSENT, Column::Channel("sms")),
    field("whatsapp_consent", "WhatsApp consent", "WhatsApp", CONSENT, Column::Channel("whatsapp")),
    field("created_at", "Created", "created", TIME, Column::Time(|| Box::new(customers::created_at.nullable()))),
    field("updated_at", "Updated", "updated", TIME, Column::Time(|| Box::new(customers::updated_at.nullable()))),
    field("last_seen_at", "Last seen", "last seen", TIME, Column::Time(|| Box::new(customers::last_seen_at))),
    field(
        "purchase_count",
        "Purchases",
        "number of purchases",
        NUMBER,
        Column::Number(|| Box::new(customers::purchase_count.nullable())),
    ),
    field(
        "total_spent",
        "Total spent",
        "total spent",
        MONEY,
        Column::Number(|| Box::new(customers::total_spent.nullable())),
    ),
    field(
        "first_purchase_at",
        "First purchase",
        "first bought",
        TIME,
        Column::Time(|| Box::new(customers::first_purchase_at)),
    ),
    field(
        "last_purchase_at",
        "Last purchase",
        "last bought",
        TIME,
        Column::Time(|| Box::new(customers::last_purchase_at)),
    ),
    field("everyone", "Everyone", "everyone", EVERYONE, Column::Elsewhere),
];

impl Field {
    /// By key, in any case.
    pub fn find(key: &str) -> Option<&'static Field> {
        FIELDS.iter().find(|field| field.key.eq_ignore_ascii_case(key.trim()))
    }
}

/// The ISO codes of the countries whose code or English name fits, both folded.
pub fn countries(fits: impl Fn(&str) -> bool) -> Vec<&'static str> {
    rust_iso3166::ALL
        .iter()
        .filter(|country| fits(&fold(country.alpha2)) || fits(&fold(country.name)))
        .map(|country| country.alpha2)
        .collect()
}

/// The nearest of `known` to what was typed, if it is near enough to be meant.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = fold(typed);
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&typed, &fold(word)), word))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, word)| *distance <= 1.max(word.chars().count() / 3))
        .map(|(_, word)| word)
}
