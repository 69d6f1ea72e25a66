//! What a campaign says, and how it becomes a message for one person.
//!
//! The author writes templates with fields in them. `check` finds while she writes whatever would fail later, in branches
//! that are not taken too; `Prepared` reads the templates once and says them to one person after another. The values of
//! a customer are text and never markup, and what is left of the HTML part is what an email needs, and nothing that runs.

mod check;
mod footer;
mod language;
mod plain;
mod safe;
mod tree;

#[cfg(test)]
mod tests;

pub use check::{Mistake, check};

use minijinja::{Environment, Value, value::Serde};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// What the author wrote. With a subject it is an email; without one, a text message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub subject: Option<String>,
    pub text: String,
    pub html: Option<String>,
}

/// What a template may name: the customer, the business, and the addresses of pages where she can decide otherwise.
#[derive(Clone, Debug, Default)]
pub struct Person {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub external_id: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    pub language: Option<String>,
    /// By key, without `custom.`. A field that is not here has no value.
    pub custom: BTreeMap<String, serde_json::Value>,
    pub workspace_name: String,
    pub unsubscribe_url: String,
    pub preferences_url: String,
}

/// What one person gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
}

/// A piece of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    /// Also the name of its template: minijinja is asked for it when it decides whether values are escaped.
    const fn name(self) -> &'static str {
        match self {
            Part::Subject => "subject",
            Part::Text => "text",
            Part::Html => "html",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why there is no message for this person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}, line {line}: {words}")]
pub struct Problem {
    pub part: Part,
    pub line: usize,
    pub words: String,
}

impl Problem {
    fn of(part: Part, error: &minijinja::Error) -> Problem {
        Problem { part, line: error.line().unwrap_or(1), words: language::words(error) }
    }
}

impl Content {
    /// The parts that somebody wrote, in the order they are read. An empty part is none.
    fn parts(&self) -> impl Iterator<Item = (Part, &str)> {
        let subject = self.subject.as_deref().map(|subject| (Part::Subject, subject));
        let html = self.html.as_deref().map(|html| (Part::Html, html));
        let all = [subject, Some((Part::Text, self.text.as_str())), html];
        all.into_iter().flatten().filter(|(_, source)| !source.trim().is_empty())
    }
}

/// Templates that are read already.
pub struct Prepared<'a> {
    templates: Environment<'a>,
    content: &'a Content,
}

impl<'a> Prepared<'a> {
    pub fn of(content: &'a Content) -> Result<Prepared<'a>, Problem> {
        let mut templates = language::environment();
        for (part, source) in content.parts() {
            tree::is_flat(part, source)?;
            templates.add_template(part.name(), source).map_err(|error| Problem::of(part, &error))?;
        }
        Ok(Prepared { templates, content })
    }

    pub fn render(&self, person: &Person) -> Result<Rendered, Problem> {
        let values = person.values();
        let written = |part| self.written(part, &values);
        let subject = one_line(&written(Part::Subject)?.unwrap_or_default());
        let (mut text, mut html) = (written(Part::Text)?, written(Part::Html)?.map(|html| safe::clean(&html)));
        if self.content.subject.is_some() {
            let url = &person.unsubscribe_url;
            text = text.map(|text| footer::below_text(text, url));
            html = html.map(|html| footer::below_html(html, url));
        }
        let text = text.or_else(|| html.as_deref().map(plain::text)).unwrap_or_default();
        Ok(Rendered { subject, text, html })
    }

    fn written(&self, part: Part, values: &Value) -> Result<Option<String>, Problem> {
        let Ok(template) = self.templates.get_template(part.name()) else { return Ok(None) };
        template.render(values).map(Some).map_err(|error| Problem::of(part, &error))
    }
}

/// What one person gets. Whoever writes to many prepares once.
pub fn render(content: &Content, person: &Person) -> Result<Rendered, Problem> {
    Prepared::of(content)?.render(person)
}

impl Person {
    fn values(&self) -> Value {
        let custom = self.custom.iter().map(|(key, value)| (key.clone(), Value::from(Serde(value)))).collect();
        let mut customer: BTreeMap<&str, Value> = [
            ("name", &self.name),
            ("email", &self.email),
            ("phone", &self.phone),
            ("external_id", &self.external_id),
            ("country", &self.country),
            ("city", &self.city),
            ("language", &self.language),
        ]
        .map(|(field, value)| (field, Value::from(value.clone())))
        .into();
        customer.insert("custom", Value::from_object(language::Custom(custom)));
        let workspace = BTreeMap::from([("name", Value::from(self.workspace_name.as_str()))]);
        Value::from(BTreeMap::from([
            ("customer", Value::from(customer)),
            ("workspace", Value::from(workspace)),
            ("unsubscribe_url", Value::from(self.unsubscribe_url.as_str())),
            ("preferences_url", Value::from(self.preferences_url.as_str())),
        ]))
    }
}

/// A subject is one line; whatever would break it is a space.
fn one_line(text: &str) -> String {
    text.split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
