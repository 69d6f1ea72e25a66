//! Columns that become fields of the business's own: those that are there, and those an import makes when it starts.

use super::columns::{Field, one_line, spoken};
use super::plan::Plan;
use super::{Subject, shape::Unreadable};
use crate::custom_fields::{CustomField, Kind, Problem, Wish, clean_key, key_of};
use crate::db::Conn;
use crate::fold::fold;
use chrono::NaiveDateTime;
use diesel::QueryResult;
use serde::{Deserialize, Serialize};

/// A field that a column becomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Custom {
    pub key: String,
    pub label: String,
    /// What it will hold, where the import makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make: Option<Kind>,
    /// What it holds; not known of plans that are older than this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub holds: Option<Kind>,
}

impl From<&CustomField> for Custom {
    fn from(field: &CustomField) -> Custom {
        Custom { key: field.key.clone(), label: field.label.clone(), make: None, holds: Some(field.kind) }
    }
}

/// What a column can make. A choice needs its choices first.
pub const MADE: [Kind; 4] = [Kind::Text, Kind::Number, Kind::YesNo, Kind::Date];

/// What a header calls its column, without the `custom.` of an export.
fn bare(header: &str) -> String {
    let header = one_line(super::cells::plain(header));
    header.strip_prefix("custom.").map(str::to_string).unwrap_or(header)
}

impl Plan {
    /// The custom field a header names: `custom.plan`, its key or its label.
    pub(super) fn own(&mut self, header: &str, fields: &[CustomField]) -> Option<Field> {
        if self.subject != Subject::Customers {
            return None;
        }
        let (folded, said) = (fold(super::cells::plain(header)), spoken(header));
        // What is called like a built-in field is that field, whatever a custom one is labelled.
        let built_in = self.subject.columns().iter().any(|column| spoken(column.key) == said);
        let named = |field: &&CustomField| {
            let called = [&field.key, &field.label].iter().any(|name| spoken(name) == said);
            field.name() == folded || (called && !built_in)
        };
        fields.iter().find(named).map(|field| self.column_of(field.into()))
    }

    /// What `--map H=custom.plan` or `--map H=custom.plan:text` asks for; `target` is what stands after the dot.
    pub(super) fn custom(&mut self, at: usize, target: &str, fields: &[CustomField]) -> Result<Field, String> {
        if self.subject != Subject::Customers {
            return Err("Purchases have no custom fields".into());
        }
        let (key, kind) = match target.split_once(':') {
            Some((key, kind)) => (key, Some(kind.trim())),
            None => (target, None),
        };
        let key = clean_key(key)?;
        let kind = match kind {
            Some(kind) => Some(Kind::parse(kind).ok_or_else(|| {
                format!("A custom field holds text, number, boolean or date; {kind:?} is none of them")
            })?),
            None => None,
        };
        match (fields.iter().find(|field| field.key == key), kind) {
            (Some(field), Some(kind)) if field.kind != kind => {
                Err(format!("custom.{key} is there already and holds {}, not {}", field.kind.words(), kind.words()))
            }
            (Some(field), _) => Ok(self.column_of(field.into())),
            (None, Some(Kind::Choice)) => Err(format!(
                "A choice field needs its choices before anything is imported into it: make custom.{key} under \
                 Settings first, or import it as text"
            )),
            (None, Some(kind)) => Ok(self.made(at, key, kind)),
            (None, None) => Err(format!(
                "There is no field custom.{key} yet; custom.{key}:text makes it, and so do :number, :boolean and :date"
            )),
        }
    }

    /// What was chosen on the mapping page: a field's name, or `new.` and what a new one holds.
    pub(super) fn chosen(&mut self, at: usize, choice: &str, fields: &[CustomField]) -> Option<Field> {
        if let Some(field) = self.subject.field(choice) {
            return Some(field);
        }
        let kind = choice.strip_prefix("new.").and_then(Kind::parse).filter(|kind| MADE.contains(kind));
        match (self.subject, kind) {
            (Subject::Purchases, _) => None,
            (_, Some(kind)) => {
                let key = key_of(&bare(self.headers.get(at)?));
                Some(self.made(at, key, kind))
            }
            (_, None) => fields.iter().find(|field| field.name() == choice).map(|field| self.column_of(field.into())),
        }
    }

    /// What the mapping page has to mark as chosen.
    pub(super) fn choice(&self, field: Field) -> String {
        match field {
            Field::Custom(at) => match self.custom.get(at).and_then(|custom| custom.make) {
                Some(kind) => format!("new.{}", kind.key()),
                None => self.key(field),
            },
            field => self.key(field),
        }
    }

    /// A column that becomes a new field, with the column's name as its label.
    pub(super) fn made(&mut self, at: usize, key: String, kind: Kind) -> Field {
        let label = self.headers.get(at).map(|header| bare(header).chars().take(100).collect());
        self.column_of(Custom { label: label.unwrap_or_else(|| key.clone()), key, make: Some(kind), holds: Some(kind) })
    }

    pub(super) fn column_of(&mut self, custom: Custom) -> Field {
        let at = self.custom.iter().position(|known| *known == custom).unwrap_or_else(|| {
            self.custom.push(custom);
            self.custom.len() - 1
        });
        Field::Custom(at)
    }

    /// The field's name, as exports head its column.
    pub fn key(&self, field: Field) -> String {
        match field {
            Field::Custom(at) => self.custom.get(at).map(|custom| format!("custom.{}", custom.key)).unwrap_or_default(),
            field => self.subject.column(field).map(|column| column.key.to_string()).unwrap_or_default(),
        }
    }

    /// Which of its custom fields has this name, by [`Field::Custom`].
    pub fn own_field(&self, name: &str) -> Option<usize> {
        let key = name.strip_prefix("custom.")?;
        self.custom.iter().position(|custom| custom.key == key)
    }

    /// The field as people call it.
    pub fn words(&self, field: Field) -> &str {
        match field {
            Field::Custom(at) => self.custom.get(at).map_or("", |custom| &custom.label),
            field => self.subject.column(field).map_or("", |column| column.words),
        }
    }

    /// Why the fields that columns are to become cannot be made, in one sentence.
    pub(super) fn check_made(&self, fields: &[CustomField]) -> Result<(), String> {
        for (place, custom) in self.custom.iter().enumerate() {
            if custom.make.is_none() || !self.has(Field::Custom(place)) {
                continue;
            }
            clean_key(&custom.key)?;
            if let Some(field) = fields.iter().find(|field| field.key == custom.key) {
                return Err(format!("There is a field {} already: {}.", field.name(), field.label));
            }
        }
        Ok(())
    }

    /// Makes the fields that columns become and that are not there yet.
    pub fn make_fields(&self, at: NaiveDateTime, conn: &mut Conn) -> Result<(), Problem> {
        for (place, custom) in self.custom.iter().enumerate() {
            if let Some(kind) = custom.make
                && self.has(Field::Custom(place))
            {
                let (key, label) = (custom.key.clone(), custom.label.clone());
                let wish = Wish { key, label, kind: kind.key().into(), choices: String::new() };
                CustomField::create(&wish, conn, at)?;
            }
        }
        Ok(())
    }

    /// The fields that columns become, by [`Field::Custom`]; those that no column becomes are left out.
    pub fn fields(&self, conn: &mut Conn) -> QueryResult<Result<Vec<Option<CustomField>>, Unreadable>> {
        if self.custom.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let known = CustomField::all(conn)?;
        Ok((self.custom.iter().enumerate())
            .map(|(at, custom)| {
                let found = known.iter().find(|field| field.key == custom.key).cloned();
                match self.has(Field::Custom(at)) {
                    true if found.is_none() => {
                        Err(Unreadable(format!("The field custom.{} was deleted meanwhile", custom.key)))
                    }
                    true => Ok(found),
                    false => Ok(None),
                }
            })
            .collect())
    }
}
