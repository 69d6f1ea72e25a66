//! The pages of bulk actions, and the questions their templates ask.

use super::fields::Own;
use super::form::Asked;
use super::{Action, Kind, State};
use crate::agents::Mistakes;
use crate::custom_fields::{self, CustomField};
use crate::filters::whom::people;
use crate::segments::Segment;
use crate::tags::Draft;
use crate::web::{Chrome, thousands};
use crate::workspace::Clock;
use askama::Template;

/// What is about to be done, in words, with what it needs.
#[derive(Template)]
#[template(path = "bulk/new.html", blocks = ["what"])]
pub struct NewPage {
    pub chrome: Chrome,
    pub asked: Asked,
    pub count: i64,
    /// Whom it is about: `tagged VIP`.
    pub who: String,
    /// The first few of the ticked ones.
    pub few: Vec<(i64, String)>,
    /// The tags chosen so far, with their colours.
    pub tags: Vec<(String, String)>,
    pub fields: Vec<CustomField>,
    pub segments: Vec<Segment>,
    pub wrong: Mistakes,
}

/// What the value of a field is typed or chosen in.
pub enum Input {
    Text,
    Number,
    Date,
    /// One of these: value and words.
    List(Vec<(String, String)>),
}

impl NewPage {
    fn kind(&self) -> Kind {
        self.asked.kind
    }

    fn title(&self) -> String {
        format!("{} {}", self.kind().title(), people(&self.count))
    }

    fn people(&self) -> String {
        people(&self.count)
    }

    /// What is to be known before it is done.
    fn told(&self) -> &'static str {
        match self.kind() {
            Kind::AddTags => {
                "Whoever carries a tag already keeps it as it is. Of a family of tags the new one replaces the others."
            }
            Kind::RemoveTags => "All other tags stay.",
            Kind::ReplaceTags => "Each of them carries exactly these afterwards: all other tags are taken away.",
            Kind::SetField => "Each of them has this value afterwards, whatever was there before.",
            Kind::AddToSegment => "Whoever is in it already stays.",
            Kind::Delete => "Their fields, tags, consents, purchases and places in segments go with them.",
        }
    }

    /// The button says what it does, to how many.
    fn button(&self) -> String {
        let tags = || match self.tags.as_slice() {
            [] => "tags".to_string(),
            [(name, _)] => name.clone(),
            many => format!("{} tags", many.len()),
        };
        let who = self.people();
        match self.kind() {
            Kind::AddTags => format!("Add {} to {who}", tags()),
            Kind::RemoveTags => format!("Remove {} from {who}", tags()),
            Kind::ReplaceTags => format!("Replace the tags of {who}"),
            Kind::SetField => format!("Set the field of {who}"),
            Kind::AddToSegment => format!("Add {who}"),
            Kind::Delete => format!("Delete {who}"),
        }
    }

    /// The built-in fields, and whether they can only be cleared.
    fn own(&self) -> Vec<(&'static str, &'static str)> {
        Own::ALL.into_iter().map(|own| (own.key(), own.label())).collect()
    }

    fn only_clears(&self) -> bool {
        Own::find(&self.asked.field).is_some_and(Own::is_unique)
    }

    fn may_clear(&self) -> bool {
        Own::find(&self.asked.field) != Some(Own::Since)
    }

    fn input(&self) -> Input {
        if Own::find(&self.asked.field) == Some(Own::Since) {
            return Input::Date;
        }
        let Some(field) = self.fields.iter().find(|field| field.name() == self.asked.field) else {
            return Input::Text;
        };
        let words = |words: &str| (words.to_string(), words.to_string());
        match field.kind {
            custom_fields::Kind::Text => Input::Text,
            custom_fields::Kind::Number => Input::Number,
            custom_fields::Kind::Date => Input::Date,
            custom_fields::Kind::YesNo => Input::List(vec![words("yes"), words("no")]),
            custom_fields::Kind::Choice => Input::List(field.choices.iter().map(|choice| words(choice)).collect()),
        }
    }

    /// What the form carries along besides what is chosen on it.
    fn carried(&self) -> Vec<(&'static str, String)> {
        let mut carried = vec![("do", self.kind().key().to_string()), ("back", self.asked.back.clone())];
        match self.asked.all {
            true => carried.extend([("all", "1".to_string()), ("filter", self.asked.filter.clone())]),
            false => carried.extend(self.asked.ticked.iter().map(|id| ("id", id.to_string()))),
        }
        carried
    }
}

/// The hue of a tag that is not there yet is the one it will have.
pub fn hue(name: &str) -> String {
    Draft::named(name).colour
}

/// How an action goes, or how it went.
#[derive(Template)]
#[template(path = "bulk/show.html", blocks = ["action"])]
pub struct ShowPage {
    pub chrome: Chrome,
    pub action: Action,
    pub clock: Clock,
    /// The customers that failed, with the reason; not all, if there are many.
    pub failed: Vec<Told>,
    /// The changed ones of whom undoing left something alone.
    pub kept: Vec<Told>,
}

/// A customer with what there is to tell about her.
pub struct Told {
    pub id: i64,
    /// What she is called, while she is here.
    pub called: Option<String>,
    pub words: String,
}

impl ShowPage {
    fn people(&self) -> String {
        people(&self.action.total)
    }

    fn is_open(&self) -> bool {
        self.action.state().is_open()
    }

    fn is_undoing(&self) -> bool {
        self.action.state() == State::Undoing
    }

    fn was_undone(&self) -> bool {
        self.action.state() == State::Undone
    }

    fn can_be_undone(&self) -> bool {
        self.action.can_be_undone(&self.clock)
    }

    fn percent(&self) -> i64 {
        let (done, of) = match self.is_undoing() {
            true => (self.action.restored + self.action.kept, self.action.changed),
            false => (self.action.total - self.action.left(), self.action.total),
        };
        if of == 0 { 100 } else { done * 100 / of }
    }

    fn so_far(&self) -> String {
        match self.is_undoing() {
            true => format!(
                "{} of {} are as they were.",
                thousands(&(self.action.restored + self.action.kept)),
                people(&self.action.changed)
            ),
            false => {
                let done = self.action.total - self.action.left();
                let seconds = (self.clock.stamp() - self.action.created_at).num_milliseconds().max(1);
                let rate = done * 1000 / seconds;
                format!("{} of {} done, {} a second.", thousands(&done), self.people(), thousands(&rate))
            }
        }
    }

    /// What undoing came to, in words.
    fn undone(&self) -> String {
        let Action { restored, kept, .. } = &self.action;
        let back = if *restored == 1 { "is as she was" } else { "are as they were" };
        let told = format!("{} {back}", thousands(restored));
        match kept {
            0 => told,
            1 => format!("{told}, 1 was changed since and that was left alone"),
            many => format!("{told}, {} were changed since and that was left alone", thousands(many)),
        }
    }

    /// It was about another number by the time it was started.
    fn differs(&self) -> Option<i64> {
        self.action.shown.filter(|shown| *shown != self.action.total)
    }

    fn more_failed(&self) -> i64 {
        self.action.failed - self.failed.len() as i64
    }

    fn more_kept(&self) -> i64 {
        self.action.kept - self.kept.len() as i64
    }

    fn until(&self) -> String {
        self.clock.show_day(self.action.created_at + chrono::TimeDelta::days(super::UNDO_DAYS))
    }

    /// The coloured bar: what, where it begins, how wide it is of 400.
    fn bars(&self) -> Vec<(&'static str, i64, i64)> {
        let of = self.action.total.max(1);
        let parts = [("upd", self.action.changed), ("same", self.action.already), ("bad", self.action.failed)];
        let mut begin = 0;
        parts
            .into_iter()
            .map(|(key, count)| {
                let bar = (key, begin * 400 / of, count * 400 / of);
                begin += count;
                bar
            })
            .collect()
    }
}

impl Action {
    /// The class of the dot beside it, and the word.
    pub fn pill(&self) -> (&'static str, &'static str) {
        match self.state() {
            State::Running => ("pill-accent", "under way"),
            State::Done => ("pill-ok", "done"),
            State::Cancelled => ("pill-warn", "stopped"),
            State::Undoing => ("pill-accent", "being undone"),
            State::Undone => ("pill-none", "undone"),
        }
    }

    /// The result in one line that adds up.
    pub fn told(&self) -> String {
        let n = thousands;
        let left = match self.left() {
            0 => String::new(),
            left if self.state() == State::Running => format!(", {} still to come", n(&left)),
            left => format!(", {} not reached", n(&left)),
        };
        format!("{} changed, {} already so, {} failed{left}", n(&self.changed), n(&self.already), n(&self.failed))
    }
}

#[derive(Template)]
#[template(path = "bulk/index.html")]
pub struct IndexPage {
    pub chrome: Chrome,
    pub actions: Vec<Action>,
    pub clock: Clock,
}
