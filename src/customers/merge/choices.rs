//! Which value of a field stays, as a form says it: `field.email=other`. What is not said is what the page proposes.

use super::Side;
use std::collections::HashMap;

#[derive(Clone, Debug, Default)]
pub struct Choices(HashMap<String, Side>);

/// How the form calls a field's radio buttons.
pub const PREFIX: &str = "field.";

impl Choices {
    pub fn read(pairs: &[(String, String)]) -> Choices {
        let choice = |(name, value): &(String, String)| {
            let side = match value.as_str() {
                "hers" => Side::Hers,
                "other" => Side::Other,
                _ => return None,
            };
            Some((name.strip_prefix(PREFIX)?.to_string(), side))
        };
        Choices(pairs.iter().filter_map(choice).collect())
    }

    pub fn get(&self, field: &str) -> Option<Side> {
        self.0.get(field).copied()
    }
}
