//! Any form is decoded, and any button pressed on it does something or nothing.
#![no_main]

use muster::filters::fields::Fields;
use muster::filters::form::{self, Action};

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let fields = Fields::built_in();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let mut rule = form::read(&pairs, fields);
    if let Some(action) = pairs.iter().find(|(name, _)| name == "do").and_then(|(_, act)| Action::parse(act)) {
        action.apply(&mut rule, fields);
    }
    let _ = (rule.to_text(), rule.to_json(), rule.depth(), rule.conditions());
});
