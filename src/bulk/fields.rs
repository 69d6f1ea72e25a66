//! One field of many customers: set, taken away, and put back where it still has what the action wrote.

use super::items::Item;
use super::run::Batch;
use super::what::Field;
use crate::custom_fields::{CustomField, Kind, Value, many};
use crate::customers::{Customer, clean};
use crate::db::Conn;
use crate::db::nodes::Among;
use crate::db::schema::customers;
use crate::fold::fold;
use crate::workspace::{Workspace, spell, unspell};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

/// A built-in field that can be changed for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    Name,
    Country,
    City,
    Language,
    Since,
    Email,
    Phone,
    ExternalId,
}

impl Own {
    pub const ALL: [Own; 8] =
        [Own::Name, Own::Country, Own::City, Own::Language, Own::Since, Own::Email, Own::Phone, Own::ExternalId];

    pub fn key(self) -> &'static str {
        match self {
            Own::Name => "name",
            Own::Country => "country",
            Own::City => "city",
            Own::Language => "language",
            Own::Since => "created_at",
            Own::Email => "email",
            Own::Phone => "phone",
            Own::ExternalId => "external_id",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Own::Name => "Name",
            Own::Country => "Country",
            Own::City => "City",
            Own::Language => "Language",
            Own::Since => "Customer since",
            Own::Email => "Email",
            Own::Phone => "Phone",
            Own::ExternalId => "External id",
        }
    }

    pub fn find(key: &str) -> Option<Own> {
        Own::ALL.into_iter().find(|own| own.key() == key)
    }

    /// No two customers have the same: it can be taken away from many, not given to them.
    pub fn is_unique(self) -> bool {
        matches!(self, Own::Email | Own::Phone | Own::ExternalId)
    }

    /// What is stored for what was typed, and how it is told.
    pub fn clean(self, raw: &str, workspace: &Workspace) -> Result<Option<(Value, String)>, String> {
        let stored = match self {
            Own::Name => clean::text(raw, clean::NAME)?,
            Own::Country => clean::country(raw)?,
            Own::City => clean::text(raw, clean::CITY)?,
            Own::Language => clean::language(raw)?,
            Own::Since => clean::time(raw, workspace.zone)?.map(spell),
            Own::Email | Own::Phone | Own::ExternalId => {
                return Err(format!("No two customers share this: {} can be cleared for many, not set.", self.label()));
            }
        };
        let clock = workspace.clock();
        if self == Own::Since && stored.as_deref().and_then(unspell).is_some_and(|at| at > clock.stamp()) {
            return Err("This day has not come yet.".into());
        }
        Ok(stored.map(|text| {
            let spoken = match self {
                Own::Country => clean::country_name(&text),
                Own::Language => clean::language_name(&text),
                Own::Since => unspell(&text).map_or_else(|| text.clone(), |at| clock.show_day(at)),
                _ => text.clone(),
            };
            (Value { folded: Some(fold(&text)), number: None, text }, spoken)
        }))
    }

    fn of(self, customer: &Customer) -> Option<String> {
        match self {
            Own::Name => customer.name.clone(),
            Own::Country => customer.country.clone(),
            Own::City => customer.city.clone(),
            Own::Language => customer.language.clone(),
            Own::Since => Some(spell(customer.created_at)),
            Own::Email => customer.email.clone(),
            Own::Phone => customer.phone.clone(),
            Own::ExternalId => customer.external_id.clone(),
        }
    }

    /// By what else she is known.
    fn others(self, customer: &Customer) -> bool {
        [Own::Name, Own::Email, Own::Phone, Own::ExternalId]
            .into_iter()
            .any(|key| key != self && key.of(customer).is_some())
    }

    fn write(self, value: Option<&str>, ids: Vec<i64>, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
        let folded = value.map(fold);
        let theirs = customers::table.filter(Among { column: "customers.id", ids });
        let touched = customers::updated_at.eq(at);
        match self {
            Own::Name => diesel::update(theirs)
                .set((customers::name.eq(value), customers::name_folded.eq(folded), touched))
                .execute(conn),
            Own::Country => diesel::update(theirs).set((customers::country.eq(value), touched)).execute(conn),
            Own::City => diesel::update(theirs)
                .set((customers::city.eq(value), customers::city_folded.eq(folded), touched))
                .execute(conn),
            Own::Language => diesel::update(theirs)
                .set((customers::language.eq(value), customers::language_folded.eq(folded), touched))
                .execute(conn),
            Own::Since => match value.and_then(unspell) {
                Some(day) => diesel::update(theirs).set((customers::created_at.eq(day), touched)).execute(conn),
                None => Ok(0),
            },
            Own::Email => diesel::update(theirs)
                .set((customers::email.eq(value), customers::email_folded.eq(folded), touched))
                .execute(conn),
            Own::Phone => diesel::update(theirs).set((customers::phone.eq(value), touched)).execute(conn),
            Own::ExternalId => diesel::update(theirs)
                .set((customers::external_id.eq(value), customers::external_id_folded.eq(folded), touched))
                .execute(conn),
        }
        .map(drop)
    }

    /// Who has one of these values of a unique field now.
    fn taken(self, values: &[String], conn: &mut Conn) -> QueryResult<HashMap<String, i64>> {
        if !self.is_unique() || values.is_empty() {
            return Ok(HashMap::new());
        }
        let mut taken = HashMap::new();
        for some in values.chunks(500) {
            let some = some.to_vec();
            let rows: Vec<(Option<String>, i64)> = match self {
                Own::Email => {
                    let column = customers::email;
                    customers::table.filter(column.eq_any(some)).select((column, customers::id)).load(conn)?
                }
                Own::Phone => {
                    let column = customers::phone;
                    customers::table.filter(column.eq_any(some)).select((column, customers::id)).load(conn)?
                }
                _ => {
                    let column = customers::external_id;
                    customers::table.filter(column.eq_any(some)).select((column, customers::id)).load(conn)?
                }
            };
            taken.extend(rows.into_iter().filter_map(|(value, id)| Some((value?, id))));
        }
        Ok(taken)
    }
}

fn people(ids: &[i64], conn: &mut Conn) -> QueryResult<Vec<Customer>> {
    customers::table
        .filter(Among { column: "customers.id", ids: ids.to_vec() })
        .order(customers::id)
        .select(Customer::as_select())
        .load(conn)
}

const GONE: &str = "The field was deleted meanwhile.";
const NAMELESS: &str = "Nothing would be left to know her by.";

pub fn set(field: &Field, to: Option<&Value>, batch: &Batch, conn: &mut Conn) -> QueryResult<Vec<Item>> {
    let failed = || batch.ids.iter().map(|id| Item::failed(*id, GONE)).collect();
    match (field.custom, Own::find(&field.key)) {
        (Some(id), _) => match CustomField::find(id, conn)? {
            Some(custom) => set_custom(&custom, to, batch, conn),
            None => Ok(failed()),
        },
        (None, Some(own)) => set_own(own, to, batch, conn),
        (None, None) => Ok(failed()),
    }
}

fn set_own(own: Own, to: Option<&Value>, batch: &Batch, conn: &mut Conn) -> QueryResult<Vec<Item>> {
    let to = to.map(|value| value.text.clone());
    let items: Vec<Item> = people(batch.ids, conn)?
        .iter()
        .map(|customer| match own.of(customer) {
            before if before == to => Item::already(customer.id),
            _ if to.is_none() && !own.others(customer) && own.names() => Item::failed(customer.id, NAMELESS),
            before => Item::changed(customer.id, before),
        })
        .collect();
    own.write(to.as_deref(), changed(&items), batch.at, conn)?;
    Ok(items)
}

impl Own {
    /// A customer may be known by it alone.
    fn names(self) -> bool {
        self == Own::Name || self.is_unique()
    }
}

fn changed(items: &[Item]) -> Vec<i64> {
    items.iter().filter(|item| item.outcome == super::Outcome::Changed).map(|item| item.customer).collect()
}

fn values(field: &CustomField, ids: &[i64], conn: &mut Conn) -> QueryResult<HashMap<i64, Value>> {
    let rows = many::load(ids, &[field.id], conn)?;
    Ok(rows.into_iter().map(|(customer, _, value)| (customer, value)).collect())
}

fn set_custom(field: &CustomField, to: Option<&Value>, batch: &Batch, conn: &mut Conn) -> QueryResult<Vec<Item>> {
    if field.kind == Kind::Choice && to.is_some_and(|value| !field.choices.contains(&value.text)) {
        return Ok(batch.ids.iter().map(|id| Item::failed(*id, "This choice is not offered any more.")).collect());
    }
    let had = values(field, batch.ids, conn)?;
    let items: Vec<Item> = batch
        .ids
        .iter()
        .map(|id| match had.get(id) {
            before if before.map(|value| &value.text) == to.map(|value| &value.text) => Item::already(*id),
            before => Item::changed(*id, before.and_then(|value| serde_json::to_string(value).ok())),
        })
        .collect();
    write_custom(field, changed(&items).into_iter().map(|id| (id, to.cloned())).collect(), batch, conn)?;
    Ok(items)
}

fn write_custom(
    field: &CustomField,
    values: Vec<(i64, Option<Value>)>,
    batch: &Batch,
    conn: &mut Conn,
) -> QueryResult<()> {
    let ids: Vec<i64> = values.iter().map(|(id, _)| *id).collect();
    let (mut held, mut cleared) = (Vec::new(), Vec::new());
    for (id, value) in values {
        match value {
            Some(value) => held.push(many::Held::by(id, field, value)),
            None => cleared.push(id),
        }
    }
    many::write(&held, conn)?;
    many::clear(field, &cleared, conn)?;
    batch.touch(ids, conn)
}

type Before = [(i64, Option<String>)];

const CHANGED: &str = "The field was changed since.";

/// Puts back what they had where it still has what the action wrote. The others are told.
pub fn undo(
    field: &Field,
    to: Option<&Value>,
    before: &Before,
    batch: &Batch,
    conn: &mut Conn,
) -> QueryResult<HashMap<i64, String>> {
    match (field.custom, Own::find(&field.key)) {
        (None, Some(own)) => undo_own(own, to, before, batch, conn),
        (Some(id), _) => match CustomField::find(id, conn)? {
            Some(custom) => undo_custom(&custom, to, before, batch, conn),
            None => Ok(before.iter().map(|(id, _)| (*id, "The field was deleted since.".into())).collect()),
        },
        (None, None) => Ok(before.iter().map(|(id, _)| (*id, GONE.into())).collect()),
    }
}

fn undo_own(
    own: Own,
    to: Option<&Value>,
    before: &Before,
    batch: &Batch,
    conn: &mut Conn,
) -> QueryResult<HashMap<i64, String>> {
    let to = to.map(|value| value.text.clone());
    let now: HashMap<i64, Customer> =
        people(batch.ids, conn)?.into_iter().map(|customer| (customer.id, customer)).collect();
    let values: Vec<String> = before.iter().filter_map(|(_, value)| value.clone()).collect();
    let taken = own.taken(&values, conn)?;
    let mut told = HashMap::new();
    // Many had the same: one statement for each value.
    let mut back: HashMap<Option<&str>, Vec<i64>> = HashMap::new();
    for (id, value) in before {
        let Some(customer) = now.get(id) else { continue };
        if own.of(customer) != to {
            told.insert(*id, CHANGED.to_string());
        } else if let Some(by) = value.as_ref().and_then(|value| taken.get(value)) {
            told.insert(*id, format!("Customer {by} has her {} now.", own.label().to_lowercase()));
        } else if value.is_none() && own.names() && !own.others(customer) {
            told.insert(*id, NAMELESS.to_string());
        } else {
            back.entry(value.as_deref()).or_default().push(*id);
        }
    }
    for (value, ids) in back {
        own.write(value, ids, batch.at, conn)?;
    }
    Ok(told)
}

fn undo_custom(
    field: &CustomField,
    to: Option<&Value>,
    before: &Before,
    batch: &Batch,
    conn: &mut Conn,
) -> QueryResult<HashMap<i64, String>> {
    let now = values(field, batch.ids, conn)?;
    let (mut told, mut back) = (HashMap::new(), Vec::new());
    for (id, kept) in before {
        let value: Option<Value> = kept.as_ref().and_then(|json| serde_json::from_str(json).ok());
        let offered = |value: &Value| field.kind != Kind::Choice || field.choices.contains(&value.text);
        if now.get(id).map(|value| &value.text) != to.map(|value| &value.text) {
            told.insert(*id, CHANGED.to_string());
        } else if let Some(value) = value.as_ref().filter(|value| !offered(value)) {
            told.insert(*id, format!("“{}” is not offered any more.", value.text));
        } else {
            back.push((*id, value));
        }
    }
    write_custom(field, back, batch, conn)?;
    Ok(told)
}
