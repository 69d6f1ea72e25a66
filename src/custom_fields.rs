//! Custom fields: what a business wants to know about its customers besides the built-in fields, in five types.
//!
//! A field is defined once in `custom_fields`; each customer's value is a row of `custom_values`, and no row is no value.
//! Forms, CSV lines and the API all come through [`CustomField::clean`], so they cannot disagree.
//!
//! [`values`] is how a stored value is read by people and by programs; [`pages`] is where admins look after the fields.

pub mod pages;
pub mod values;

pub use values::write;

pub mod many;

use crate::customers::{By, clean, history};
use crate::db::schema::{custom_fields, custom_values};
use crate::db::{Conn, dialect};
use crate::decimal;
use crate::each;
use crate::fold::fold;
use chrono::{Datelike, NaiveDate, NaiveDateTime};
use diesel::dsl::count_star;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What a field holds. The type of a field never changes: another one is another field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Text,
    Number,
    YesNo,
    /// A calendar day, never shifted by a time zone.
    Date,
    Choice,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Text, Kind::Number, Kind::YesNo, Kind::Date, Kind::Choice];

    /// As stored, and as `--map plan=custom.plan:text` says it.
    pub fn key(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Number => "number",
            Kind::YesNo => "boolean",
            Kind::Date => "date",
            Kind::Choice => "choice",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Kind::YesNo => "yes/no",
            other => other.key(),
        }
    }

    pub fn parse(text: &str) -> Option<Kind> {
        let text = fold(text);
        let said =
            |kind: &Kind| kind.key() == text || kind.words() == text || (*kind == Kind::YesNo && text == "yes_no");
        Kind::ALL.into_iter().find(said)
    }
}

/// Custom numbers are kept with so many decimals.
pub const DECIMALS: u32 = 6;
/// The longest text value, in characters.
pub const LONGEST: usize = 500;
/// The most fields a workspace may have, and the most choices one of them.
pub const MOST: usize = 200;
pub const MOST_CHOICES: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomField {
    pub id: i64,
    /// What stands after `custom.`: `plan`.
    pub key: String,
    /// As forms and headings say it: `Plan`.
    pub label: String,
    pub kind: Kind,
    /// What a choice field offers, in order.
    pub choices: Vec<String>,
    /// It was deleted: it has no values and cannot be asked for, but is still known by name.
    pub gone: bool,
}

/// A value that belongs to a field: as people read it, and as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    pub text: String,
    pub folded: Option<String>,
    pub number: Option<i64>,
}

/// Why a field cannot be as wished, with the part of its form that is wrong: `key`, `label`, `kind` or `choices`.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{words}")]
    Wrong { part: &'static str, words: String },
    #[error(transparent)]
    Failed(#[from] diesel::result::Error),
}

fn wrong(part: &'static str, words: impl Into<String>) -> Problem {
    Problem::Wrong { part, words: words.into() }
}

/// What an admin wants a field to be, as it was typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wish {
    pub key: String,
    pub label: String,
    pub kind: String,
    /// One choice per line.
    pub choices: String,
}

/// A key: letters, digits and `_`, beginning with a letter, lower-cased.
pub fn clean_key(raw: &str) -> Result<String, String> {
    let key = raw.trim().to_lowercase();
    let key = key.strip_prefix("custom.").unwrap_or(&key).to_string();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match key.chars().count() {
        0 => Err("Give the field a key, for example plan.".into()),
        1..=50 if key.chars().all(fits) && key.starts_with(|c: char| c.is_ascii_lowercase()) => Ok(key),
        1..=50 => Err(format!("“{key}” cannot be a key. Use letters, digits and _, and begin with a letter.")),
        n => Err(format!("A key may have 50 characters; this one has {n}.")),
    }
}

/// A key made of any words, for a column that becomes a field: `Shoe size (EU)` is `shoe_size_eu`.
pub fn key_of(words: &str) -> String {
    let folded = fold(words);
    let parts = folded.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let key: String = parts.collect::<Vec<_>>().join("_").chars().take(50).collect();
    match key.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => key,
        false => format!("field_{key}").trim_end_matches('_').chars().take(50).collect(),
    }
}

fn clean_choices(raw: &str) -> Result<Vec<String>, Problem> {
    let mut choices: Vec<String> = Vec::new();
    for line in raw.lines() {
        let Some(choice) = clean::text(line, LONGEST).map_err(|words| wrong("choices", words))? else { continue };
        if choices.iter().any(|known| fold(known) == fold(&choice)) {
            return Err(wrong("choices", format!("“{choice}” stands there twice.")));
        }
        choices.push(choice);
    }
    match choices.len() {
        0 => Err(wrong("choices", "Give at least one choice, each on its own line.")),
        n if n > MOST_CHOICES => {
            Err(wrong("choices", format!("{n} choices are more than the {MOST_CHOICES} that fit.")))
        }
        _ => Ok(choices),
    }
}

type Row = (i64, String, String, String, String, Option<NaiveDateTime>);

impl CustomField {
    fn read((id, key, label, kind, choices, deleted_at): Row) -> CustomField {
        CustomField {
            id,
            key,
            label,
            kind: Kind::parse(&kind).unwrap_or(Kind::Text),
            choices: serde_json::from_str(&choices).unwrap_or_default(),
            gone: deleted_at.is_some(),
        }
    }

    /// Every field there is or was, by label.
    pub fn known(conn: &mut Conn) -> QueryResult<Vec<CustomField>> {
        let rows: Vec<Row> = custom_fields::table
            .order(custom_fields::id)
            .select((
                custom_fields::id,
                custom_fields::key,
                custom_fields::label,
                custom_fields::kind,
                custom_fields::choices,
                custom_fields::deleted_at,
            ))
            .load(conn)?;
        let mut known: Vec<CustomField> = rows.into_iter().map(CustomField::read).collect();
        // The databases would sort by their own alphabets.
        known.sort_by_cached_key(|field| fold(&field.label));
        Ok(known)
    }

    /// The fields that can be filled in.
    pub fn all(conn: &mut Conn) -> QueryResult<Vec<CustomField>> {
        let mut known = CustomField::known(conn)?;
        known.retain(|field| !field.gone);
        Ok(known)
    }

    pub fn find(id: i64, conn: &mut Conn) -> QueryResult<Option<CustomField>> {
        Ok(CustomField::all(conn)?.into_iter().find(|field| field.id == id))
    }

    /// `custom.plan`, as filters, CSV headers and the API name it.
    pub fn name(&self) -> String {
        format!("custom.{}", self.key)
    }

    /// Adds a field. One of the same key that was deleted makes room for it.
    pub fn create(wish: &Wish, conn: &mut Conn, at: NaiveDateTime) -> Result<CustomField, Problem> {
        let key = clean_key(&wish.key).map_err(|words| wrong("key", words))?;
        let label = clean_label(&wish.label)?;
        let kind = Kind::parse(&wish.kind).ok_or_else(|| wrong("kind", "Choose what the field holds."))?;
        let choices = if kind == Kind::Choice { clean_choices(&wish.choices)? } else { Vec::new() };
        dialect::one_at_a_time(conn, dialect::Queue::Settings)?;
        let known = CustomField::known(conn)?;
        if known.iter().filter(|field| !field.gone).count() >= MOST {
            return Err(wrong("key", format!("There are {MOST} custom fields already: as many as there may be.")));
        }
        match known.iter().find(|field| field.key == key) {
            Some(field) if !field.gone => {
                return Err(wrong("key", format!("There is a field {} already: {}.", field.name(), field.label)));
            }
            Some(field) => drop(diesel::delete(custom_fields::table.find(field.id)).execute(conn)?),
            None => {}
        }
        let id: i64 = diesel::insert_into(custom_fields::table)
            .values((
                custom_fields::key.eq(&key),
                custom_fields::label.eq(&label),
                custom_fields::kind.eq(kind.key()),
                custom_fields::choices.eq(serde_json::json!(choices).to_string()),
                custom_fields::created_at.eq(at),
            ))
            .returning(custom_fields::id)
            .get_result(conn)?;
        Ok(CustomField { id, key, label, kind, choices, gone: false })
    }

    /// Changes label and choices. A choice that customers have stays: it is what they chose.
    pub fn update(&self, wish: &Wish, conn: &mut Conn) -> Result<(), Problem> {
        let label = clean_label(&wish.label)?;
        let choices = if self.kind == Kind::Choice { clean_choices(&wish.choices)? } else { Vec::new() };
        for old in &self.choices {
            let used = || {
                custom_values::table
                    .filter(custom_values::field_id.eq(self.id))
                    .filter(custom_values::folded.eq(fold(old)))
            };
            match choices.iter().find(|choice| fold(choice) == fold(old)) {
                Some(same) if same == old => {}
                // Another spelling of the same choice: whoever has it reads it the new way.
                Some(same) => {
                    let respelled = custom_values::field_id.eq(self.id).and(custom_values::folded.eq(fold(old)));
                    diesel::update(custom_values::table.filter(respelled))
                        .set(custom_values::value.eq(same))
                        .execute(conn)?;
                }
                None => match used().count().get_result::<i64>(conn)? {
                    0 => {}
                    customers => {
                        let who = if customers == 1 {
                            "1 customer has".into()
                        } else {
                            format!("{customers} customers have")
                        };
                        let words = format!("{who} “{old}”. Give them another value before you take it away.");
                        return Err(wrong("choices", words));
                    }
                },
            }
        }
        diesel::update(custom_fields::table.find(self.id))
            .set((custom_fields::label.eq(label), custom_fields::choices.eq(serde_json::json!(choices).to_string())))
            .execute(conn)?;
        Ok(())
    }

    /// Takes the field and all its values away. Its name stays known, so that filters which ask for it say so.
    pub fn delete(&self, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<()> {
        diesel::delete(custom_values::table.filter(custom_values::field_id.eq(self.id))).execute(conn)?;
        diesel::update(custom_fields::table.find(self.id)).set(custom_fields::deleted_at.eq(at)).execute(conn).map(drop)
    }

    /// How many customers have a value, by field. Those that nobody has are not in the map.
    pub fn sizes(conn: &mut Conn) -> QueryResult<HashMap<i64, i64>> {
        let rows: Vec<(i64, i64)> = custom_values::table
            .group_by(custom_values::field_id)
            .select((custom_values::field_id, count_star()))
            .load(conn)?;
        Ok(rows.into_iter().collect())
    }

    /// How many customers have a value.
    pub fn customers(&self, conn: &mut Conn) -> QueryResult<i64> {
        custom_values::table.filter(custom_values::field_id.eq(self.id)).count().get_result(conn)
    }

    /// What is stored for what was typed: `None` for empty, an error that is a sentence for the person at the screen.
    pub fn clean(&self, raw: &str) -> Result<Option<Value>, String> {
        let Some(typed) = clean::text(raw, LONGEST)? else { return Ok(None) };
        let (text, folded, number) = match self.kind {
            Kind::Text => (typed.clone(), Some(fold(&typed)), None),
            Kind::Number => {
                let stored = decimal::exact(&typed, DECIMALS)?;
                (decimal::spell(stored, DECIMALS), None, Some(stored))
            }
            Kind::YesNo => {
                let answer = yes_or_no(&typed).ok_or_else(|| format!("“{typed}” is neither yes nor no."))?;
                (if answer { "yes" } else { "no" }.to_string(), None, Some(answer.into()))
            }
            Kind::Date => {
                let day = date(&typed).ok_or_else(|| format!("“{typed}” is not a date. Write it like 2026-09-07."))?;
                (day.format("%Y-%m-%d").to_string(), None, Some(day.num_days_from_ce().into()))
            }
            Kind::Choice => {
                let chosen = self.choices.iter().find(|choice| fold(choice) == fold(&typed)).ok_or_else(|| {
                    match crate::filters::fields::nearest(&typed, self.choices.iter().map(String::as_str)) {
                        Some(near) => format!("“{typed}” is not one of the choices. Did you mean {near}?"),
                        None => format!("“{typed}” is not one of the choices: {}.", self.choices.join(", ")),
                    }
                })?;
                (chosen.clone(), Some(fold(chosen)), None)
            }
        };
        // A text of nothing but accents folds to nothing, which is empty.
        Ok((folded.as_deref() != Some("")).then_some(Value { text, folded, number }))
    }
}

fn clean_label(raw: &str) -> Result<String, Problem> {
    match clean::text(raw, 100).map_err(|words| wrong("label", words))? {
        Some(label) => Ok(label),
        None => Err(wrong("label", "Give the field a name, for example Plan.")),
    }
}

/// The words of a yes/no value, in any case.
pub fn yes_or_no(typed: &str) -> Option<bool> {
    match fold(typed).as_str() {
        "yes" | "true" | "1" | "y" => Some(true),
        "no" | "false" | "0" | "n" => Some(false),
        _ => None,
    }
}

/// A calendar day, written `2026-09-07`.
pub fn date(typed: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(typed.trim(), "%Y-%m-%d").ok()?;
    (1..=9999).contains(&day.year()).then_some(day)
}

/// What these customers have, by customer and field.
pub fn of_customers(ids: &[i64], conn: &mut Conn) -> QueryResult<HashMap<i64, HashMap<i64, String>>> {
    let mut found: HashMap<i64, HashMap<i64, String>> = HashMap::new();
    for batch in ids.chunks(1000) {
        let rows: Vec<(i64, i64, String)> = custom_values::table
            .filter(custom_values::customer_id.eq_any(batch))
            .select((custom_values::customer_id, custom_values::field_id, custom_values::value))
            .load(conn)?;
        for (customer, field, value) in rows {
            found.entry(customer).or_default().insert(field, value);
        }
    }
    Ok(found)
}

/// Writes one value, or takes it away; true when that changed something.
pub fn set(
    customer_id: i64,
    field: &CustomField,
    value: Option<&Value>,
    by: &By,
    conn: &mut Conn,
) -> QueryResult<bool> {
    let here = || custom_values::table.find((customer_id, field.id));
    let before: Option<String> = here().select(custom_values::value).first(conn).optional()?;
    if before.as_deref() == value.map(|value| value.text.as_str()) {
        return Ok(false);
    }
    let after = value.map(|value| value.text.as_str());
    history::note(customer_id, (&field.name(), before.as_deref(), after), by, conn)?;
    match value {
        None => drop(diesel::delete(here()).execute(conn)?),
        Some(Value { text, folded, number }) => {
            let value =
                (custom_values::value.eq(text), custom_values::folded.eq(folded), custom_values::number.eq(number));
            let row = (custom_values::customer_id.eq(customer_id), custom_values::field_id.eq(field.id), value);
            each!(conn, c => diesel::insert_into(custom_values::table)
                .values(row)
                .on_conflict((custom_values::customer_id, custom_values::field_id))
                .do_update()
                .set(value)
                .execute(c))?;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: Kind) -> CustomField {
        let choices = vec!["Small".to_string(), "Größer".to_string()];
        CustomField { id: 1, key: "f".into(), label: "F".into(), kind, choices, gone: false }
    }

    #[test]
    fn each_type_keeps_what_was_meant() {
        let kept = |kind, typed| field(kind).clean(typed).map(|value| value.map(|value| (value.text, value.number)));
        assert_eq!(kept(Kind::Text, "  Pro "), Ok(Some(("Pro".into(), None))));
        assert_eq!(kept(Kind::Text, "  "), Ok(None));
        assert_eq!(kept(Kind::Number, "15.50"), Ok(Some(("15.5".into(), Some(15_500_000)))));
        assert_eq!(kept(Kind::Number, "0"), Ok(Some(("0".into(), Some(0)))));
        assert_eq!(kept(Kind::YesNo, "NO"), Ok(Some(("no".into(), Some(0)))));
        assert_eq!(kept(Kind::Date, "0001-01-02"), Ok(Some(("0001-01-02".into(), Some(2)))));
        assert_eq!(kept(Kind::Choice, "GRÖSSER"), Ok(Some(("Größer".into(), None))));
        for (kind, nonsense) in
            [(Kind::Number, "ten"), (Kind::YesNo, "maybe"), (Kind::Date, "2026-02-30"), (Kind::Choice, "Huge")]
        {
            assert!(field(kind).clean(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn any_heading_gives_a_key() {
        assert_eq!(key_of("Shoe size (EU)"), "shoe_size_eu");
        assert_eq!(key_of("Größe"), "grosse");
        assert_eq!(key_of("2nd plan"), "field_2nd_plan");
        assert_eq!(key_of("名前"), "field");
        for header in ["Shoe size (EU)", "名前", "2nd", "", "Ω"] {
            assert!(clean_key(&key_of(header)).is_ok(), "{header}");
        }
    }
}
