//! One record, understood: whom it is about and what it wants, or why it is rejected. Looks at no database.

use super::cells::{self, Cell};
use super::columns::{Field, Kind};
use super::plan::{Key, Mode, Plan, TagMode};
use super::reader::Cells;
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
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub given: Vec<Given>,
    pub tags: Tagging,
}

impl Wish {
    /// What the line says a customer is recognised by.
    pub fn key(&self, key: Key) -> Option<&str> {
        self.given.iter().find(|given| given.field == key.field()).and_then(|given| match &given.value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
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

/// Reads one record by the plan. Every cell that is wrong is named, not only the first.
pub fn understand(cells: &Cells, plan: &Plan, here: &Workspace) -> Result<Wish, Vec<Fault>> {
    let mut wish = Wish { given: Vec::new(), tags: Tagging::default() };
    let mut faults = Vec::new();
    for (at, field) in plan.columns.iter().enumerate() {
        let Some(field) = *field else { continue };
        if plan.mode == Mode::Tags && field != Field::Tags && !plan.match_by.iter().any(|key| key.field() == field) {
            continue;
        }
        let cell = cells::read(cells.get(at));
        if cell == Cell::Empty {
            continue;
        }
        let read = match field {
            Field::Tags => tags(cell, plan).map(|tags| {
                wish.tags = Tagging { at: Some(at), ..tags };
                None
            }),
            _ => value(cell, field, here),
        };
        match read {
            Ok(Some(value)) => wish.given.push(Given { at, field, value }),
            Ok(None) => {}
            Err(reason) => faults.push(Fault { at, reason }),
        }
    }
    if faults.is_empty() { Ok(wish) } else { Err(faults) }
}

fn value(cell: Cell<'_>, field: Field, here: &Workspace) -> Result<Option<Value>, String> {
    let column = field.column();
    let raw = match (cell, column.kind) {
        (Cell::Empty, _) => return Ok(None),
        (Cell::Clear, Kind::Id | Kind::Time { needed: true, .. }) => {
            return Err(format!("{} cannot be cleared.", column.words));
        }
        (Cell::Clear, Kind::Consent(_)) => return Ok(Some(Value::Consent(Consent::Unknown))),
        (Cell::Clear, _) => return Ok(Some(Value::Clear)),
        (Cell::Value(raw), _) => raw,
    };
    Ok(match column.kind {
        Kind::Id => Some(Value::Id(id(raw)?)),
        Kind::Text { clean, .. } => clean(raw, here)?.map(Value::Text),
        Kind::Time { .. } => clean::time(raw, here.zone)?.map(Value::Time),
        Kind::Consent(_) => clean::consent(raw)?.map(Value::Consent),
        Kind::Tags => None,
    })
}

fn id(raw: &str) -> Result<i64, String> {
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
