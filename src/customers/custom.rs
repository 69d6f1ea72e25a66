//! The custom fields on a customer's form: one input of the fitting kind for each.

use crate::agents::Mistakes;
use crate::custom_fields::{self, CustomField, Kind, Value};
use crate::db::Conn;
use askama::Template;
use diesel::QueryResult;
use std::collections::HashMap;

/// What was typed, by the name of the field: `custom.plan`.
pub type Typed = HashMap<String, String>;

/// What a customer has so far, as it would be typed.
pub fn known(id: i64, fields: &[CustomField], conn: &mut Conn) -> QueryResult<Typed> {
    let mut values = custom_fields::of_customers(&[id], conn)?.remove(&id).unwrap_or_default();
    Ok(fields.iter().filter_map(|field| Some((field.name(), values.remove(&field.id)?))).collect())
}

/// What is to be stored, with a sentence in `wrong` for each value that cannot be. A field that was not on the form is
/// left alone.
pub fn check(typed: &Typed, fields: &[CustomField], wrong: &mut Mistakes) -> Vec<(CustomField, Option<Value>)> {
    let gone = |(name, value): &(&String, &String)| {
        name.starts_with("custom.") && !value.trim().is_empty() && !fields.iter().any(|field| field.name() == **name)
    };
    if let Some((name, value)) = typed.iter().find(gone) {
        let words = format!("The field {name} was deleted in the meantime. Nothing keeps “{}” now.", value.trim());
        wrong.noted::<()>("custom", Err(words));
    }
    let meant = |field: &CustomField| {
        let raw = typed.get(&field.name())?;
        Some((field.clone(), wrong.noted(field.name(), field.clean(raw))))
    };
    fields.iter().filter_map(meant).collect()
}

/// One custom field of the form, drawn.
#[derive(Template)]
#[template(path = "customers/_custom.html")]
pub struct Input<'a> {
    field: &'a CustomField,
    value: &'a str,
    why: Option<&'a str>,
}
impl askama::filters::HtmlSafe for Input<'_> {}

impl<'a> Input<'a> {
    pub fn of(field: &'a CustomField, typed: &'a Typed, wrong: &'a Mistakes) -> Input<'a> {
        let name = field.name();
        Input { field, value: typed.get(&name).map_or("", String::as_str), why: wrong.why(&name) }
    }

    fn id(&self) -> String {
        format!("custom-{}", self.field.key)
    }

    fn options(&self) -> Option<Vec<Choice<'_>>> {
        options(self.field, self.value)
    }

    fn kind(&self) -> &'static str {
        kind(self.field, self.why.is_some())
    }

    fn is_number(&self) -> bool {
        self.field.kind == Kind::Number
    }
}

/// What a list offers: its value, its words, and whether it is chosen.
pub type Choice<'a> = (&'a str, &'a str, bool);

/// What is offered for a field. `None` for what is typed.
pub fn options<'a>(field: &'a CustomField, value: &'a str) -> Option<Vec<Choice<'a>>> {
    let words: Vec<&str> = match field.kind {
        Kind::YesNo => vec!["yes", "no"],
        Kind::Choice => field.choices.iter().map(String::as_str).collect(),
        Kind::Text | Kind::Number | Kind::Date => return None,
    };
    let mut options = vec![("", "not known", value.is_empty())];
    // What is wrong stays as it was typed.
    if !value.is_empty() && !words.contains(&value) {
        options.push((value, value, true));
    }
    options.extend(words.into_iter().map(|word| (word, word, word == value)));
    Some(options)
}

/// The kind of input. A browser empties a date field that holds something else, so what is wrong comes back as text.
pub fn kind(field: &CustomField, wrong: bool) -> &'static str {
    if field.kind == Kind::Date && !wrong { "date" } else { "text" }
}
