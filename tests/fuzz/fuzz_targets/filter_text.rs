//! Any text is a filter or a mistake; what it prints reads as the same tree.
#![no_main]

use muster::filters::Rule;
use muster::filters::fields::Fields;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let fields = Fields::built_in();
    if let Ok(rule) = Rule::read(text, fields) {
        assert_eq!(Rule::read(&rule.to_text(), fields), Ok(rule.clone()));
        assert_eq!(Rule::from_json(&rule.to_json(), fields), Ok(rule));
    }
});
