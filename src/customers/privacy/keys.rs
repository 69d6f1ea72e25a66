//! What a person is found by outside her own rows: her addresses, numbers and name, those she has and those she had.

use crate::customers::Customer;
use crate::customers::merge;
use crate::db::Conn;
use crate::db::schema::{bulk_items, import_changes, merges};
use crate::filters::literal;
use diesel::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;

/// What stands where something of hers stood.
pub const ERASED: &str = "(erased)";

/// A shorter value says nothing by itself: `c1` stands in many texts.
const SHORTEST: usize = 5;
/// A name of one word has so many letters, or is many people's.
const SHORTEST_NAME: usize = 8;

/// All numbers she has or had, and the values she is known by.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    pub numbers: Vec<i64>,
    /// Lower-cased, the longest first.
    values: Vec<String>,
}

impl Keys {
    pub fn of(her: &Customer, conn: &mut Conn) -> QueryResult<Keys> {
        let numbers = merge::all_numbers(her.id, conn)?;
        let mut values = BTreeSet::new();
        let mut known = |key: &str, value: &str| {
            let value = value.trim().to_lowercase();
            let letters = value.chars().count();
            let tells = match key {
                "name" => value.split_whitespace().count() > 1 && letters >= SHORTEST || letters >= SHORTEST_NAME,
                "email" | "phone" | "external_id" => letters >= SHORTEST,
                _ => false,
            };
            if tells {
                values.insert(value);
            }
        };
        for (key, value) in
            [("name", &her.name), ("email", &her.email), ("phone", &her.phone), ("external_id", &her.external_id)]
        {
            if let Some(value) = value {
                known(key, value);
            }
        }
        for (import, line) in merge::lines_about(&numbers, conn)? {
            let row = import_changes::table.find((import, line)).select(import_changes::changes);
            let changes: Option<String> = row.first(conn).optional()?;
            for change in changes.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok()) {
                all_of(&change, &mut known);
            }
        }
        let kept: Vec<Option<String>> =
            bulk_items::table.filter(bulk_items::customer_id.eq_any(&numbers)).select(bulk_items::before).load(conn)?;
        let merged: Vec<Option<String>> =
            merges::table.filter(merges::new_id.eq_any(&numbers)).select(merges::kept).load(conn)?;
        for text in kept.iter().chain(&merged).flatten() {
            if let Ok(json) = serde_json::from_str::<Value>(text) {
                all_of(&json, &mut known);
            }
        }
        let mut values: Vec<String> = values.into_iter().collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Ok(Keys { numbers, values })
    }

    /// True when one of her values stands in a text, not as a part of another word.
    pub fn mentioned_in(&self, text: &str) -> bool {
        self.place(&text.to_lowercase()).is_some()
    }

    /// Where in a lower-cased text one of her values stands.
    fn place(&self, lower: &str) -> Option<(usize, usize)> {
        self.values.iter().find_map(|value| {
            lower.match_indices(value.as_str()).map(|(at, found)| (at, at + found.len())).find(|(from, to)| {
                let outside = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
                outside(lower[..*from].chars().next_back()) && outside(lower[*to..].chars().next())
            })
        })
    }

    /// The text without her values; `None` when there are none in it. JSON stays JSON.
    pub fn taken_out(&self, text: &str) -> Option<String> {
        if !self.mentioned_in(text) {
            return None;
        }
        Some(match serde_json::from_str::<Value>(text) {
            Ok(mut json @ (Value::Object(_) | Value::Array(_))) => {
                self.out_of(&mut json);
                json.to_string()
            }
            _ => self.out_of_text(text),
        })
    }

    fn out_of(&self, json: &mut Value) {
        match json {
            Value::String(text) if self.mentioned_in(text) => *text = self.out_of_text(text),
            Value::Array(all) => all.iter_mut().for_each(|one| self.out_of(one)),
            Value::Object(all) => all.values_mut().for_each(|one| self.out_of(one)),
            _ => {}
        }
    }

    fn out_of_text(&self, text: &str) -> String {
        let mut text = text.to_string();
        let mut lower = text.to_lowercase();
        while let Some((from, to)) = self.place(&lower) {
            // Where lower case has another length, places do not fit: the whole text goes.
            if lower.len() != text.len() || !text.is_char_boundary(from) || !text.is_char_boundary(to) {
                return ERASED.into();
            }
            text.replace_range(from..to, ERASED);
            lower = text.to_lowercase();
        }
        text
    }

    /// Patterns for `LIKE` on lower-cased text. The databases lower only plain letters alike: others may be any.
    pub fn patterns(&self) -> Vec<String> {
        let plain = |c: char| if c.is_ascii() { literal(&c.to_string()) } else { "_".into() };
        self.values.iter().map(|value| format!("%{}%", value.chars().map(plain).collect::<String>())).collect()
    }

    /// As they may stand in a file, by its encoding. A phone number is found by its digits, however it is spaced in front.
    pub fn needles(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for value in &self.values {
            let value = value.strip_prefix('+').unwrap_or(value);
            all.push(value.as_bytes().to_vec());
            all.push(value.encode_utf16().flat_map(u16::to_le_bytes).collect());
            all.push(value.encode_utf16().flat_map(u16::to_be_bytes).collect());
            let latin: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c as u32).ok()).collect();
            all.extend(latin);
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The values she is known by in what was kept of her, wherever they stand in it.
fn all_of(json: &Value, known: &mut impl FnMut(&str, &str)) {
    match json {
        Value::Object(all) => {
            // A change of an import or of a merge: a field, what it was, and what it became.
            if let Some(field) = all.get("field").and_then(Value::as_str) {
                for value in ["before", "after"].iter().filter_map(|part| all.get(*part)?.as_str()) {
                    known(field, value);
                }
            }
            for (key, value) in all {
                match value {
                    // A row that is kept as text inside.
                    Value::String(text) if key == "customer" => {
                        if let Ok(inner) = serde_json::from_str::<Value>(text) {
                            all_of(&inner, known);
                        }
                    }
                    Value::String(text) => known(if key == "called" { "name" } else { key }, text),
                    other => all_of(other, known),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|one| all_of(one, known)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(values: &[&str]) -> Keys {
        Keys { numbers: vec![1], values: values.iter().map(|value| value.to_string()).collect() }
    }

    #[test]
    fn her_values_are_taken_out_and_other_words_are_left() {
        let keys = keys(&["ana@example.com", "ana costa"]);
        assert_eq!(keys.taken_out("To Ana Costa <ANA@example.com>!").as_deref(), Some("To (erased) <(erased)>!"));
        assert_eq!(keys.taken_out("diana@example.com, Ana Costanza"), None);
        assert_eq!(keys.taken_out(r#"{"to":"ana@example.com","n":1}"#).as_deref(), Some(r#"{"to":"(erased)","n":1}"#));
        assert_eq!(keys.patterns()[0], "%ana@example.com%");
    }
}
