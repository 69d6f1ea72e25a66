//! Everything about one person as a file. JSON keeps the parts as they are; CSV has a row for each value, since a
//! spreadsheet has no place for parts of so many shapes.

use super::everything::Part;
use crate::imports::cells::guarded;
use serde_json::{Map, Value, json};

pub fn to_json(parts: Vec<Part>, made_at: String) -> String {
    let mut all = Map::new();
    all.insert("made_at".into(), json!(made_at));
    all.extend(parts.into_iter().map(|(name, entries)| (name.to_string(), Value::Array(entries))));
    serde_json::to_string_pretty(&Value::Object(all)).unwrap_or_default()
}

/// `section,field,value,at,who`. What a spreadsheet would run is guarded as in every export.
pub fn to_csv(parts: &[Part]) -> Result<Vec<u8>, csv::Error> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["section", "field", "value", "at", "who"])?;
    for (section, entries) in parts {
        for entry in entries {
            rows(section, "", entry, ("", ""), &mut csv)?;
        }
    }
    csv.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// A row for each value in it, named by the way there. When and by whom is that of the nearest that says so.
fn rows(
    section: &str,
    field: &str,
    value: &Value,
    (at, who): (&str, &str),
    csv: &mut csv::Writer<Vec<u8>>,
) -> Result<(), csv::Error> {
    match value {
        Value::Null => Ok(()),
        Value::Array(all) => all.iter().try_for_each(|one| rows(section, field, one, (at, who), csv)),
        Value::Object(all) => {
            let own = |name: &str| all.get(name).and_then(Value::as_str);
            let (at, who) = (own("at").unwrap_or(at), own("who").unwrap_or(who));
            all.iter().filter(|(name, _)| !matches!(name.as_str(), "at" | "who")).try_for_each(|(name, value)| {
                let field = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                rows(section, &field, value, (at, who), csv)
            })
        }
        Value::String(text) => row(section, field, text, at, who, csv),
        other => row(section, field, &other.to_string(), at, who, csv),
    }
}

fn row(
    section: &str,
    field: &str,
    value: &str,
    at: &str,
    who: &str,
    csv: &mut csv::Writer<Vec<u8>>,
) -> Result<(), csv::Error> {
    let cells = [section, field, value, at, who].map(guarded);
    csv.write_record(cells.iter().map(|cell| cell.as_ref().as_bytes()))
}
