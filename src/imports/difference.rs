//! What a line changed about a customer who was there: field by field, before and after. It is shown, kept, and read again
//! when the import is undone.

use super::columns::{Field, Kind};
use super::people::State;
use super::plan::Plan;
use crate::workspace::spell;
use diesel::QueryResult;
use serde::{Deserialize, Serialize};

/// One field before and after; or the tags that came and went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The field's name, as exports head its column.
    pub field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub off: Vec<i64>,
}

/// The name of what is told about tags.
pub const TAGS: &str = "tags";

/// A field as people call it.
pub fn label(field: &str, plan: &Plan) -> String {
    let place = plan.own_field(field);
    let column = plan.subject.columns().iter().find(|column| column.key == field);
    match (place, column) {
        (Some(place), _) => plan.words(Field::Custom(place)).to_string(),
        (None, Some(column)) => column.words.to_string(),
        (None, None) => field.to_string(),
    }
}

/// Everything in which a customer is another than before. Nothing, when she is the same.
pub fn between(before: &State, after: &State, plan: &Plan) -> Vec<Difference> {
    let mut found = Vec::new();
    if before == after {
        return found;
    }
    let mut note = |field: String, before: Option<String>, after: Option<String>| {
        if before != after {
            found.push(Difference { field, before, after, ..Difference::default() });
        }
    };
    let (mut was, mut is) = (before.draft.clone(), after.draft.clone());
    for column in plan.subject.columns() {
        match column.kind {
            Kind::Text { slot, .. } => note(column.key.into(), slot(&mut was).take(), slot(&mut is).take()),
            Kind::Time { slot, .. } => note(column.key.into(), slot(&mut was).map(spell), slot(&mut is).map(spell)),
            Kind::Consent(channel) => {
                let word = |state: &State| Some(state.said(channel).key().to_string());
                note(column.key.into(), word(before), word(after));
            }
            Kind::Id | Kind::Tags | Kind::Purchase { .. } => {}
        }
    }
    for place in 0..plan.custom.len() {
        let text = |state: &State| state.custom.get(&place).map(|value| value.text.clone());
        note(plan.key(Field::Custom(place)), text(before), text(after));
    }
    if before.tags != after.tags {
        let on = after.tags.difference(&before.tags).copied().collect();
        let off = before.tags.difference(&after.tags).copied().collect();
        found.push(Difference { field: TAGS.into(), on, off, ..Difference::default() });
    }
    found
}

/// As it is kept.
pub fn written(changes: &[Difference]) -> QueryResult<String> {
    serde_json::to_string(changes).map_err(|error| diesel::result::Error::SerializationError(error.into()))
}

/// What was kept. Nothing, where an older Muster kept it in other words.
pub fn read(kept: &str) -> Vec<Difference> {
    serde_json::from_str(kept).unwrap_or_default()
}
