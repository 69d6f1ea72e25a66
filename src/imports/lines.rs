//! One record, understood: whom it is about and what it wants, or why it is rejected. Looks at no database.

use super::cells::{self, Cell};
use super::columns::{Column, Field, Kind, one_line};
use super::notation::{self, Notation, Written};
use super::plan::{Key, Mode, Plan, TagMode};
use super::reader::Cells;
use crate::custom_fields::{self, CustomField};
use crate::customers::{Consent, clean};
use crate::tags::Tag;
use crate::workspace::Workspace;
use chrono::NaiveDateTime;

/// What a cell asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Clear,
    Id(i64),
    Text(String),
    Time(NaiveDateTime),
    Consent(Consent),
    Custom(custom_fields::Value),
    /// Whole minor units.
    Amount(i64),
}

/// A value and the column it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    pub at: usize,
    pub field: Field,
    pub value: Value,
}

/// What a tags cell asks for, names clean and not yet looked up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tagging {
    pub at: Option<usize>,
    /// Everything she has goes first: `(clear)`, or a cell that replaces.
    pub all_off: bool,
    pub on: Vec<String>,
    pub off: Vec<String>,
}

/// A line that makes sense by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    pub given: Vec<Given>,
    pub tags: Tagging,
}

impl Wish {
    /// What the line says a customer is recognised by.
    pub fn key(&self, key: Key) -> Option<&str> {
        self.text(key.field())
    }
    pub fn text(&self, field: Field) -> Option<&str> {
        match self.value(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
    /// What stands under a field.
    pub fn value(&self, field: Field) -> Option<&Value> {
        self.given.iter().find(|given| given.field == field).map(|given| &given.value)
    }
    pub fn id(&self) -> Option<i64> {
        self.given.iter().find_map(|given| match given.value {
            Value::Id(id) => Some(id),
            _ => None,
        })
    }
    pub fn place(&self, field: Field) -> Option<usize> {
        self.given.iter().find(|given| given.field == field).map(|given| given.at)
    }
}

/// A cell that cannot be what its column says.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub at: usize,
    pub reason: String,
}

/// A column that is imported, with what its cells may hold: looked up once for the whole file.
pub struct Reading<'a> {
    at: usize,
    field: Field,
    how: How<'a>,
    /// Whether its cells can be written in several ways, and in which they are.
    written: Option<Written>,
    notation: Notation,
}

#[derive(Clone, Copy)]
enum How<'a> {
    BuiltIn(&'static Column),
    Custom(&'a CustomField),
}

/// The columns that the plan reads. `fields` are the custom ones, by [`Field::Custom`].
pub fn readings<'a>(plan: &Plan, fields: &'a [Option<CustomField>]) -> Vec<Reading<'a>> {
    let reading = |(at, field): (usize, &Option<Field>)| {
        let field = (*field)?;
        let how = match field {
            Field::Custom(place) => How::Custom(fields.get(place)?.as_ref()?),
            field => How::BuiltIn(plan.subject.column(field)?),
        };
        let written = match &how {
            How::Custom(field) => notation::written(field.kind),
            How::BuiltIn(column) => column.written(),
        };
        Some(Reading { at, field, how, written, notation: plan.notation(at, written) })
    };
    let needed = |reading: &Reading<'_>| {
        let key = plan.match_by.iter().any(|key| key.field() == reading.field);
        plan.mode != Mode::Tags || reading.field == Field::Tags || key
    };
    plan.columns.iter().enumerate().filter_map(reading).filter(needed).collect()
}

/// Reads one record by the plan. Every cell that is wrong is named, not only the first.
pub fn understand(cells: &Cells, plan: &Plan, readings: &[Reading<'_>], here: &Workspace) -> Result<Wish, Vec<Fault>> {
    let mut wish = Wish { given: Vec::new(), tags: Tagging::default() };
    let mut faults = Vec::new();
    for reading in readings {
        let Reading { at, field, how, written, notation } = *reading;
        let cell = cells::read(cells.get(at));
        if cell == Cell::Empty {
            continue;
        }
        let read = match how {
            _ if field == Field::Tags => tags(cell, plan).map(|tags| {
                wish.tags = Tagging { at: Some(at), ..tags };
                None
            }),
            How::BuiltIn(column) => value(cell, column, notation, here),
            How::Custom(custom) => own_value(cell, custom, notation),
        };
        match read {
            Ok(Some(value)) => wish.given.push(Given { at, field, value }),
            Ok(None) => {}
            Err(reason) => {
                let hint = written.zip(raw(cell)).and_then(|(written, raw)| notation::hint(written, notation, raw));
                let reason = std::iter::once(reason.as_str()).chain(hint).collect::<Vec<_>>().join(" ");
                faults.push(Fault { at, reason });
            }
        }
    }
    if faults.is_empty() { Ok(wish) } else { Err(faults) }
}

fn raw(cell: Cell<'_>) -> Option<&str> {
    match cell {
        Cell::Value(raw) => Some(raw),
        Cell::Empty | Cell::Clear => None,
    }
}

fn value(cell: Cell<'_>, column: &Column, notation: Notation, here: &Workspace) -> Result<Option<Value>, String> {
    let raw = match (cell, column.kind) {
        (Cell::Empty, _) => return Ok(None),
        (Cell::Clear, Kind::Id | Kind::Time { needed: true, .. } | Kind::Purchase { needed: true, .. }) => {
            return Err(format!("{} cannot be cleared.", column.words));
        }
        (Cell::Clear, Kind::Consent(_)) => return Ok(Some(Value::Consent(Consent::Unknown))),
        (Cell::Clear, _) => return Ok(Some(Value::Clear)),
        (Cell::Value(raw), _) => raw,
    };
    let raw = notation.usually(raw, Some(here.zone))?;
    let raw = raw.as_ref();
    Ok(match column.kind {
        Kind::Id => Some(Value::Id(id(raw)?)),
        Kind::Text { clean, .. } => clean(raw, here)?.map(Value::Text),
        Kind::Time { .. } => clean::time(raw, here.zone)?.map(Value::Time),
        Kind::Consent(_) => clean::consent(raw)?.map(Value::Consent),
        Kind::Purchase { read, .. } => read(raw, here)?,
        Kind::Tags => None,
    })
}

fn own_value(cell: Cell<'_>, field: &CustomField, notation: Notation) -> Result<Option<Value>, String> {
    Ok(match cell {
        Cell::Empty => None,
        Cell::Clear => Some(Value::Clear),
        Cell::Value(raw) => field.clean(&notation.usually(&one_line(raw), None)?)?.map(Value::Custom),
    })
}

fn id(raw: &str) -> Result<i64, String> {
    if clean::shortened(raw) {
        return Err(clean::SHORTENED.into());
    }
    raw.strip_prefix('#')
        .unwrap_or(raw)
        .parse::<u32>()
        .map(i64::from)
        .map_err(|_| "Muster's own id is a whole number, like 4021.".to_string())
}

fn tags(cell: Cell<'_>, plan: &Plan) -> Result<Tagging, String> {
    let raw = match cell {
        Cell::Empty => return Ok(Tagging::default()),
        Cell::Clear => return Ok(Tagging { all_off: true, ..Tagging::default() }),
        Cell::Value(raw) => raw,
    };
    let mut wanted = Tagging { all_off: plan.tags == TagMode::Replace, ..Tagging::default() };
    for name in raw.split(plan.separator.as_str()).map(str::trim).filter(|name| !name.is_empty()) {
        match name.strip_prefix('-') {
            Some(off) => wanted.off.push(Tag::clean(off)?),
            None if plan.tags == TagMode::Remove => wanted.off.push(Tag::clean(name)?),
            None => wanted.on.push(Tag::clean(name)?),
        }
    }
    Ok(wanted)
}
