//! What is wrong with a form, each sentence beside its field.

use std::borrow::Cow;

/// A field and its sentence, in the order they were found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mistakes(Vec<(Cow<'static, str>, String)>);

impl Mistakes {
    pub fn one(field: impl Into<Cow<'static, str>>, words: impl Into<String>) -> Mistakes {
        Mistakes(vec![(field.into(), words.into())])
    }

    /// The value, or an empty one and a sentence more.
    pub fn noted<T: Default>(&mut self, field: impl Into<Cow<'static, str>>, checked: Result<T, String>) -> T {
        checked.unwrap_or_else(|words| {
            self.0.push((field.into(), words));
            T::default()
        })
    }

    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, words: impl Into<String>) {
        self.0.push((field.into(), words.into()));
    }

    pub fn and(mut self, others: Mistakes) -> Mistakes {
        self.0.extend(others.0);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sentence for one field, if it has one.
    pub fn why(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(wrong, _)| wrong == field).map(|(_, words)| words.as_str())
    }

    /// The sentences by field, for programs.
    pub fn by_field(&self) -> serde_json::Map<String, serde_json::Value> {
        self.0.iter().rev().map(|(field, words)| (field.to_string(), words.as_str().into())).collect()
    }

    /// All in one line, for a terminal.
    pub fn spoken(&self) -> String {
        let sentences: Vec<_> = self.0.iter().map(|(field, words)| format!("{field}: {words}.")).collect();
        sentences.join(" ")
    }
}
