//! A tagging in words, as chips tell it on hover and the profile beside them.

use super::lasting;
use super::{Tag, Tagging};
use crate::workspace::Clock;

#[derive(Clone, Debug)]
pub struct Told {
    pub tag: Tag,
    pub actor: String,
    pub source: String,
    pub at: String,
    /// `5 days left, until 4 Apr 2026, 10:00`; empty for a tag without an end.
    pub left: String,
}

impl Told {
    pub fn of(tagging: Tagging, clock: &Clock) -> Told {
        let left = |until| format!("{}, until {}", lasting::left(until, clock), clock.show(until));
        Told {
            actor: tagging.actor,
            source: tagging.source.words(),
            at: clock.show(tagging.at),
            left: tagging.expires_at.map(left).unwrap_or_default(),
            tag: tagging.tag,
        }
    }

    pub fn all(taggings: Vec<Tagging>, clock: &Clock) -> Vec<Told> {
        taggings.into_iter().map(|tagging| Told::of(tagging, clock)).collect()
    }

    /// Who, from where, when, until when: the hover of a chip.
    pub fn story(&self) -> String {
        let Told { actor, source, at, left, .. } = self;
        let left = if left.is_empty() { String::new() } else { format!("; {left}") };
        format!("{actor}, {source}, {at}{left}")
    }
}
