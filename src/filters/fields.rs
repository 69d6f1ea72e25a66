//! What people may filter by: one row per built-in field, beside them the custom fields of the workspace. The builder's
//! picker, the text form, the JSON and the query all read this table; a new field is a new row.

use crate::custom_fields::{CustomField, Kind};
use crate::db::schema::{customers, purchases};
use crate::db::{Backend, Conn};
use crate::fold::fold;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

diesel::define_sql_function! {
    /// Lower case, of the letters of ISO codes.
    fn lower(text: Nullable<Text>) -> Nullable<Text>;
}

/// A column of a table, ready to compare.
pub type Typed<T, S> = Box<dyn BoxableExpression<T, Backend, SqlType = Nullable<S>>>;

/// The type of a field decides its operators (SPEC 2.2). Each is one bit, so that an operator can name several.
pub mod types {
    pub const TEXT: u32 = 1;
    pub const EMAIL: u32 = 1 << 1;
    pub const PHONE: u32 = 1 << 2;
    pub const COUNTRY: u32 = 1 << 3;
    /// Everything that is compared as text.
    pub const TEXTS: u32 = TEXT | EMAIL | PHONE | COUNTRY;
    pub const TIME: u32 = 1 << 4;
    pub const TAGS: u32 = 1 << 5;
    pub const CONSENT: u32 = 1 << 6;
    pub const EVERYONE: u32 = 1 << 7;
    pub const NUMBER: u32 = 1 << 8;
    /// Minor units of the workspace's currency.
    pub const MONEY: u32 = 1 << 9;
    pub const NUMBERS: u32 = NUMBER | MONEY;
    pub const SEGMENTS: u32 = 1 << 10;
    /// A calendar day without a time.
    pub const DATE: u32 = 1 << 11;
    /// Everything that calendar words can be asked of.
    pub const DATES: u32 = TIME | DATE;
    pub const YES_NO: u32 = 1 << 12;
    pub const CHOICE: u32 = 1 << 13;
    pub const PURCHASES: u32 = 1 << 14;
    pub const CAMPAIGNS: u32 = 1 << 15;
    pub const CONVERSATIONS: u32 = 1 << 16;
}

/// Whose fields a condition may name: a customer's, or those of one purchase inside `purchases any where (…)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Customer,
    Purchase,
}

/// A column of the table that decides, known by its name.
#[derive(Clone, Copy, Debug)]
pub struct Column<T: 'static> {
    pub name: &'static str,
    pub values: Values<T>,
}

/// The column as what it is compared as.
#[derive(Clone, Copy, Debug)]
pub enum Values<T: 'static> {
    /// The folded column.
    Text(fn() -> Typed<T, Text>),
    Number(fn() -> Typed<T, BigInt>),
    Time(fn() -> Typed<T, Timestamp>),
}

impl<T> PartialEq for Column<T> {
    fn eq(&self, other: &Column<T>) -> bool {
        self.name == other.name
    }
}
impl<T> Eq for Column<T> {}
impl<T> Hash for Column<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Where the values of a field live.
#[derive(Clone, Copy)]
pub enum Place {
    /// On the customer's own row.
    Own(Column<customers::table>),
    /// In `custom_values`, under this id.
    Custom(i64),
    /// On the row of a purchase.
    Purchase(Column<purchases::table>),
    /// The channel of a consent.
    Channel(&'static str),
    /// A child table of its own kind, or nothing at all.
    Elsewhere,
}

pub struct Field {
    /// As in the text form, the JSON, the API and CSV headers.
    pub key: String,
    /// As in the builder's picker and column headings.
    pub label: String,
    /// As in the sentence: "created in the last 90 days".
    pub spoken: String,
    pub kind: u32,
    pub place: Place,
    /// What a choice field offers.
    pub choices: Vec<String>,
    /// A custom field that was deleted: asking for it selects nobody and says so.
    pub gone: bool,
}

struct Row(&'static str, &'static str, &'static str, u32, Place);

use types::*;

macro_rules! own {
    ($type:ident $column:ident) => {
        Place::Own(Column {
            name: stringify!($column),
            values: Values::$type(|| Box::new(customers::$column.nullable())),
        })
    };
}
macro_rules! bought {
    ($type:ident $column:ident) => {
        bought!($type $column, Box::new(purchases::$column.nullable()))
    };
    ($type:ident $column:ident, $expression:expr) => {
        Place::Purchase(Column { name: stringify!($column), values: Values::$type(|| $expression) })
    };
}

#[rustfmt::skip]
static CUSTOMER: &[Row] = &[
    Row("tags", "Tags", "tags", TAGS, Place::Elsewhere),
    Row("segments", "Segments", "segments", SEGMENTS, Place::Elsewhere),
    Row("name", "Name", "name", TEXT, own!(Text name_folded)),
    Row("email", "Email", "email", EMAIL, own!(Text email_folded)),
    Row("phone", "Phone", "phone", PHONE, own!(Text phone)),
    Row("external_id", "External id", "external id", TEXT, own!(Text external_id_folded)),
    Row("country", "Country", "country", COUNTRY, own!(Text country)),
    Row("city", "City", "city", TEXT, own!(Text city_folded)),
    Row("language", "Language", "language", TEXT, own!(Text language_folded)),
    Row("email_consent", "Email consent", "email", CONSENT, Place::Channel("email")),
    Row("sms_consent", "SMS consent", "SMS", CONSENT, Place::Channel("sms")),
    Row("whatsapp_consent", "WhatsApp consent", "WhatsApp", CONSENT, Place::Channel("whatsapp")),
    Row("created_at", "Created", "created", TIME, own!(Time created_at)),
    Row("updated_at", "Updated", "updated", TIME, own!(Time updated_at)),
    Row("last_seen_at", "Last seen", "last seen", TIME, own!(Time last_seen_at)),
    Row("campaigns", "Campaigns", "campaigns", CAMPAIGNS, Place::Elsewhere),
    Row("conversations", "Conversations", "conversations", CONVERSATIONS, Place::Elsewhere),
    Row("purchases", "Purchases", "purchases", PURCHASES, Place::Elsewhere),
    Row("purchase_count", "Number of purchases", "number of purchases", NUMBER, own!(Number purchase_count)),
    Row("total_spent", "Total spent", "total spent", MONEY, own!(Number total_spent)),
    Row("first_purchase_at", "First purchase", "first bought", TIME, own!(Time first_purchase_at)),
    Row("last_purchase_at", "Last purchase", "last bought", TIME, own!(Time last_purchase_at)),
    Row("everyone", "Everyone", "everyone", EVERYONE, Place::Elsewhere),
];

#[rustfmt::skip]
static PURCHASE: &[Row] = &[
    Row("product", "Product", "product", TEXT, bought!(Text product_folded)),
    Row("amount", "Amount", "amount", MONEY, bought!(Number amount)),
    Row("currency", "Currency", "currency", TEXT, bought!(Text currency, Box::new(lower(purchases::currency.nullable())))),
    Row("purchased_at", "Purchased", "purchased", TIME, bought!(Time purchased_at)),
];

impl Field {
    fn built_in(row: &Row) -> Arc<Field> {
        let Row(key, label, spoken, kind, place) = row;
        Arc::new(Field {
            key: key.to_string(),
            label: label.to_string(),
            spoken: spoken.to_string(),
            kind: *kind,
            place: *place,
            choices: Vec::new(),
            gone: false,
        })
    }

    fn custom(field: CustomField) -> Arc<Field> {
        Arc::new(Field {
            key: field.name(),
            spoken: spoken(&field.label),
            kind: match field.kind {
                Kind::Text => TEXT,
                Kind::Number => NUMBER,
                Kind::YesNo => YES_NO,
                Kind::Date => DATE,
                Kind::Choice => CHOICE,
            },
            place: Place::Custom(field.id),
            label: field.label,
            choices: field.choices,
            gone: field.gone,
        })
    }

    /// What stands for a name that nothing here has; it can be asked nothing.
    pub fn unknown(name: &str) -> Arc<Field> {
        let (key, label, spoken) = (name.to_string(), name.to_string(), name.to_string());
        Arc::new(Field { key, label, spoken, kind: 0, place: Place::Elsewhere, choices: Vec::new(), gone: false })
    }

    pub fn is(&self, types: u32) -> bool {
        self.kind & types != 0
    }

    pub fn is_custom(&self) -> bool {
        matches!(self.place, Place::Custom(_))
    }

    pub fn scope(&self) -> Scope {
        if matches!(self.place, Place::Purchase(_)) { Scope::Purchase } else { Scope::Customer }
    }
}

/// `Shoe size` inside a sentence: `shoe size`; `VIP level` stays.
fn spoken(label: &str) -> String {
    let mut letters = label.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(letters).collect(),
        _ => label.to_string(),
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Field) -> bool {
        (&self.key, self.kind) == (&other.key, other.kind)
    }
}
impl Eq for Field {}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}

/// Every field of a workspace. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fields {
    customer: Arc<[Arc<Field>]>,
    purchase: Arc<[Arc<Field>]>,
}

static BUILT_IN: LazyLock<Fields> = LazyLock::new(|| Fields {
    customer: CUSTOMER.iter().map(Field::built_in).collect(),
    purchase: PURCHASE.iter().map(Field::built_in).collect(),
});

impl Default for Fields {
    fn default() -> Fields {
        BUILT_IN.clone()
    }
}

impl Fields {
    /// Those of a workspace without custom fields.
    pub fn built_in() -> &'static Fields {
        &BUILT_IN
    }

    pub fn load(conn: &mut Conn) -> QueryResult<Fields> {
        Ok(Fields::with(CustomField::known(conn)?))
    }

    pub fn with(custom: Vec<CustomField>) -> Fields {
        if custom.is_empty() {
            return BUILT_IN.clone();
        }
        let custom = custom.into_iter().map(Field::custom);
        Fields { customer: BUILT_IN.customer.iter().cloned().chain(custom).collect(), ..BUILT_IN.clone() }
    }

    pub fn of(&self, scope: Scope) -> &[Arc<Field>] {
        match scope {
            Scope::Customer => &self.customer,
            Scope::Purchase => &self.purchase,
        }
    }

    /// By key, in any case. A custom field may be named without `custom.` where no built-in field has its name.
    pub fn find(&self, scope: Scope, name: &str) -> Option<&Arc<Field>> {
        let name = name.trim();
        let named = |name: &str| self.of(scope).iter().find(|field| field.key.eq_ignore_ascii_case(name));
        named(name).or_else(|| named(&format!("custom.{name}")))
    }

    /// The key that was probably meant.
    pub fn nearest(&self, scope: Scope, typed: &str) -> Option<String> {
        let known = || self.of(scope).iter().filter(|field| !field.gone).map(|field| field.key.as_str());
        let bare = known().filter_map(|key| key.strip_prefix("custom."));
        nearest(typed, known()).or_else(|| nearest(typed, bare)).map(str::to_string)
    }
}

/// Each country: its code, and code and English name folded.
static COUNTRIES: LazyLock<Vec<(&str, String, String)>> = LazyLock::new(|| {
    rust_iso3166::ALL.iter().map(|country| (country.alpha2, fold(country.alpha2), fold(country.name))).collect()
});

/// The ISO codes of the countries whose code or English name fits, both folded.
pub fn countries(fits: impl Fn(&str) -> bool) -> Vec<&'static str> {
    COUNTRIES.iter().filter(|(_, code, name)| fits(code) || fits(name)).map(|(country, ..)| *country).collect()
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
