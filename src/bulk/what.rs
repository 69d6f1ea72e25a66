//! What is done to many customers, as data: it is kept as JSON and told in words.

use crate::agents::Right;
use crate::custom_fields::Value;
use crate::filters::whom::people;
use diesel::QueryResult;
use serde::{Deserialize, Serialize};

/// The ways of changing many customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    AddTags,
    RemoveTags,
    ReplaceTags,
    SetField,
    AddToSegment,
    Delete,
}

impl Kind {
    pub const ALL: [Kind; 6] =
        [Kind::AddTags, Kind::RemoveTags, Kind::ReplaceTags, Kind::SetField, Kind::AddToSegment, Kind::Delete];

    pub fn key(self) -> &'static str {
        match self {
            Kind::AddTags => "add_tags",
            Kind::RemoveTags => "remove_tags",
            Kind::ReplaceTags => "replace_tags",
            Kind::SetField => "set_field",
            Kind::AddToSegment => "add_to_segment",
            Kind::Delete => "delete",
        }
    }

    pub fn parse(key: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.key() == key)
    }

    pub fn is_about_tags(self) -> bool {
        matches!(self, Kind::AddTags | Kind::RemoveTags | Kind::ReplaceTags)
    }

    /// What it needs besides the right to change many at once.
    pub fn right(self) -> Option<Right> {
        (self == Kind::Delete).then_some(Right::DeleteCustomers)
    }

    /// As its page is called, before the number of customers.
    pub fn title(self) -> &'static str {
        match self {
            Kind::AddTags => "Add tags to",
            Kind::RemoveTags => "Remove tags from",
            Kind::ReplaceTags => "Replace the tags of",
            Kind::SetField => "Set a field of",
            Kind::AddToSegment => "Add to a segment:",
            Kind::Delete => "Delete",
        }
    }
}

/// Something that has a name, by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub id: i64,
    pub name: String,
}

/// The field that is set: `city`, or `custom.plan` with its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub key: String,
    pub label: String,
    pub custom: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum What {
    AddTags {
        tags: Vec<Named>,
    },
    RemoveTags {
        tags: Vec<Named>,
    },
    /// These and no others.
    ReplaceTags {
        tags: Vec<Named>,
    },
    /// `None` takes the value away.
    SetField {
        field: Field,
        to: Option<Value>,
        spoken: String,
    },
    AddToSegment {
        segment: Named,
        private: bool,
    },
    Delete,
}

fn listed(tags: &[Named]) -> String {
    let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

impl What {
    pub fn kind(&self) -> Kind {
        match self {
            What::AddTags { .. } => Kind::AddTags,
            What::RemoveTags { .. } => Kind::RemoveTags,
            What::ReplaceTags { .. } => Kind::ReplaceTags,
            What::SetField { .. } => Kind::SetField,
            What::AddToSegment { .. } => Kind::AddToSegment,
            What::Delete => Kind::Delete,
        }
    }

    /// As a list of actions tells it. A private segment is nobody else's business.
    pub fn words(&self) -> String {
        match self {
            What::AddTags { tags } => format!("Add {}", listed(tags)),
            What::RemoveTags { tags } => format!("Remove {}", listed(tags)),
            What::ReplaceTags { tags } => format!("Replace all tags by {}", listed(tags)),
            What::SetField { field, to: Some(_), spoken } => format!("Set {} to {spoken}", field.label),
            What::SetField { field, to: None, .. } => format!("Clear {}", field.label),
            What::AddToSegment { private: true, .. } => "Add to a private segment".into(),
            What::AddToSegment { segment, .. } => format!("Add to the segment {}", segment.name),
            What::Delete => "Delete customers".into(),
        }
    }

    /// As it is told once it is done to so many.
    pub fn done(&self, total: &i64) -> String {
        let who = people(total);
        match self {
            What::AddTags { tags } => format!("{} added to {who}.", listed(tags)),
            What::RemoveTags { tags } => format!("{} removed from {who}.", listed(tags)),
            What::ReplaceTags { tags } => format!("{} instead of all other tags: {who}.", listed(tags)),
            What::SetField { field, to: Some(_), spoken } => format!("{} set to {spoken} for {who}.", field.label),
            What::SetField { field, to: None, .. } => format!("{} cleared for {who}.", field.label),
            What::AddToSegment { segment, .. } => format!("{who} added to {}.", segment.name),
            What::Delete => format!("{who} deleted."),
        }
    }

    pub fn to_json(&self) -> QueryResult<String> {
        serde_json::to_string(self).map_err(|error| diesel::result::Error::SerializationError(error.into()))
    }

    pub fn from_json(text: &str) -> QueryResult<What> {
        serde_json::from_str(text).map_err(|error| diesel::result::Error::DeserializationError(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str) -> Named {
        Named { id: 1, name: name.into() }
    }

    #[test]
    fn what_is_done_reads_like_a_sentence_and_comes_back_from_the_database() {
        let city = Field { key: "city".into(), label: "City".into(), custom: None };
        let value = Value { text: "Oslo".into(), folded: Some("oslo".into()), number: None };
        let private = What::AddToSegment { segment: tag("Secret"), private: true };
        for (what, words) in [
            (What::AddTags { tags: vec![tag("VIP")] }, "Add VIP"),
            (What::RemoveTags { tags: vec![tag("A"), tag("B"), tag("C")] }, "Remove A, B and C"),
            (What::ReplaceTags { tags: vec![tag("A"), tag("B")] }, "Replace all tags by A and B"),
            (What::SetField { field: city.clone(), to: Some(value), spoken: "Oslo".into() }, "Set City to Oslo"),
            (What::SetField { field: city, to: None, spoken: String::new() }, "Clear City"),
            (private, "Add to a private segment"),
            (What::Delete, "Delete customers"),
        ] {
            assert_eq!(what.words(), words);
            let back = what.to_json().and_then(|json| What::from_json(&json));
            assert_eq!(back.ok().as_ref(), Some(&what));
            assert_eq!(Kind::parse(what.kind().key()), Some(what.kind()));
        }
    }
}
