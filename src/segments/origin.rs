//! How a static segment was made: what is told under its name, in the words of that day.

use super::Segment;
use crate::filters::Filter;
use serde::{Deserialize, Serialize};

/// What the members of the first hour were chosen by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Origin {
    /// Whoever fitted a filter.
    Filter { sentence: String, filter: String },
    /// Whoever was in another segment, which may be gone or be another one by now.
    Segment { id: i64, name: String, sentence: String },
    /// Ticked in a list.
    Ticked,
    /// A pasted list or a file of keys.
    Keys { lines: i64 },
    /// What two segments have in common, or not.
    Compared { words: String },
}

impl Origin {
    pub fn filter(filter: &Filter) -> Origin {
        Origin::Filter { sentence: filter.sentence(), filter: filter.text() }
    }

    /// As the table keeps it. What cannot be spelled is left out: it is told, and nothing more.
    pub fn stored(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// After "Made of": `everybody who was: Tagged VIP`.
    pub fn words(&self) -> String {
        match self {
            Origin::Filter { sentence, .. } => format!("whoever was: {sentence}"),
            Origin::Segment { name, sentence, .. } if sentence.is_empty() => format!("the members of {name}"),
            Origin::Segment { name, sentence, .. } => format!("the members of {name} ({sentence})"),
            Origin::Ticked => "ticked customers".into(),
            Origin::Keys { lines: 1 } => "a list of 1 line".into(),
            Origin::Keys { lines } => format!("a list of {} lines", crate::web::thousands(lines)),
            Origin::Compared { words } => words.clone(),
        }
    }
}

impl Segment {
    /// How it was made, where that is known.
    pub fn origin(&self) -> Option<Origin> {
        self.origin.as_deref().and_then(|origin| serde_json::from_str(origin).ok())
    }
}
