//! The small language of templates: fields, filters, conditions and loops of minijinja, within bounds.
//!
//! A field without a value is `None`. It prints as nothing, filters hand it on, and `default` puts a word in its place;
//! left to minijinja, `{{ customer.name | upper }}` would greet a customer without a name as NONE.

use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value};
use minijinja::{escape_formatter, filters, functions, value::Object, value::Rest, value::ValueKind};
use std::{collections::BTreeMap, sync::Arc};

/// What one part may take for one person: minijinja takes a unit for a step, and for 64 bytes. That is a hundred times
/// what a long newsletter takes, and 6 MB at most.
const FUEL: u64 = 100_000;

/// The tests that minijinja has and that mean something for a field.
pub const TESTS: &[&str] =
    &["none", "defined", "undefined", "number", "string", "odd", "even", "startingwith", "endingwith"];

/// The one function there is.
pub const FUNCTIONS: &[&str] = &["range"];

pub fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|name| match name {
        "html" => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    environment.set_formatter(|out, state, value| match value.kind() {
        ValueKind::None => Ok(()),
        ValueKind::Bool => escape_formatter(out, state, &Value::from(if value.is_true() { "yes" } else { "no" })),
        _ => escape_formatter(out, state, value),
    });
    for (name, filter) in theirs() {
        environment.add_filter(name, move |state: &mut State, args: Rest<Value>| match args.first() {
            Some(missing) if missing.is_none() => Ok(missing.clone()),
            _ => filter.call(state, &args),
        });
    }
    environment.add_filter("default", or_else);
    these_tests(&mut environment);
    environment.add_function("range", functions::range);
    environment
}

/// Every filter but `default`, which is ours.
fn theirs() -> [(&'static str, Value); 14] {
    [
        ("abs", Value::from_function(filters::abs)),
        ("capitalize", Value::from_function(filters::capitalize)),
        ("first", Value::from_function(filters::first)),
        ("float", Value::from_function(filters::float)),
        ("int", Value::from_function(filters::int)),
        ("last", Value::from_function(filters::last)),
        ("length", Value::from_function(filters::length)),
        ("lower", Value::from_function(filters::lower)),
        ("replace", Value::from_function(filters::replace)),
        ("round", Value::from_function(filters::round)),
        ("title", Value::from_function(filters::title)),
        ("trim", Value::from_function(filters::trim)),
        ("upper", Value::from_function(filters::upper)),
        ("urlencode", Value::from_function(filters::urlencode)),
    ]
}

/// What the filters are called.
pub fn filter_names() -> impl Iterator<Item = &'static str> {
    ["default"].into_iter().chain(theirs().into_iter().map(|(name, _)| name))
}

fn these_tests(environment: &mut Environment<'_>) {
    use minijinja::tests;
    environment.add_test("none", tests::is_none);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("number", tests::is_number);
    environment.add_test("string", tests::is_string);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("even", tests::is_even);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("endingwith", tests::is_endingwith);
}

/// The word in place of a value that is missing. Blank is missing too: nobody wants to greet nobody.
fn or_else(value: Value, other: Value) -> Value {
    let blank = value.as_str().is_some_and(|text| text.trim().is_empty());
    if value.is_undefined() || value.is_none() || blank { other } else { value }
}

/// The custom fields of one customer. Only those with a value are here, and any other is `None`: which keys there are is
/// for `check` to know, since a field that everybody lost must not stop a campaign on its way.
#[derive(Debug)]
pub struct Custom(pub BTreeMap<String, Value>);

impl Object for Custom {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let value = key.as_str().and_then(|key| self.0.get(key)).cloned();
        Some(value.unwrap_or_else(|| Value::from(())))
    }
}

/// What went wrong, as a sentence.
pub fn words(error: &Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    match error.kind() {
        ErrorKind::OutOfFuel => "This takes too long: is there a loop inside a loop?".into(),
        ErrorKind::SyntaxError => format!("This cannot be read{detail}."),
        ErrorKind::UndefinedError => format!("There is nothing of this name{detail}."),
        _ => format!(
            "This does not work for everybody{}.",
            if detail.is_empty() { format!(": {}", error.kind()) } else { detail }
        ),
    }
}
