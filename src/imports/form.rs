//! What was chosen on the mapping page, turned into a plan.

use super::notation::Notation;
use super::plan::{Key, Mode, Plan, TagMode, Unknown};
use super::shape::Chosen;
use crate::custom_fields::CustomField;
use crate::fold::filled;
use std::collections::BTreeMap;

/// What was typed, by line and by place among the columns.
pub type Cells = BTreeMap<i64, BTreeMap<usize, String>>;

/// The fields of a posted form, in order.
pub struct Typed(Vec<(String, String)>);

impl Typed {
    pub fn read(body: &[u8]) -> Typed {
        Typed(form_urlencoded::parse(body).into_owned().collect())
    }
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Encoding and delimiter as chosen; what is not one of them stays as it was found.
    pub fn shape(&self) -> Chosen {
        Chosen {
            encoding: self.get("encoding").and_then(filled),
            delimiter: match self.get("delimiter") {
                Some("tab") => Some('\t'),
                Some(other) => other.chars().next(),
                None => None,
            },
        }
    }

    /// Puts what was chosen into the plan. Whether it makes sense is for [`Plan::check`] to say.
    pub fn apply(&self, plan: &mut Plan, fields: &[CustomField]) {
        for at in 0..plan.columns.len() {
            if let Some(choice) = self.get(&format!("column.{at}")) {
                plan.columns[at] = plan.chosen(at, choice, fields);
            }
            if let Some(notation) = self.get(&format!("notation.{at}")).and_then(Notation::parse) {
                plan.write_as(at, notation);
            }
        }
        plan.mode = self.get("mode").and_then(Mode::parse).unwrap_or_default();
        plan.match_by.clear();
        for name in ["match.1", "match.2", "match.3", "match.4"] {
            if let Some(key) = self.get(name).and_then(Key::parse)
                && !plan.match_by.contains(&key)
            {
                plan.match_by.push(key);
            }
        }
        plan.tags = self.get("tags").and_then(TagMode::parse).unwrap_or_default();
        plan.unknown_tags = self.get("unknown_tags").and_then(Unknown::parse).unwrap_or_default();
        plan.separator = self.get("separator").and_then(filled).unwrap_or_else(|| ";".into());
        let tags = self.get("tag").unwrap_or_default();
        plan.tag = tags.split(';').filter_map(filled).collect();
        let confirmed = self.get("proven").is_some();
        plan.consent_proof = self.get("proof").and_then(filled).filter(|_| confirmed);
    }

    /// It says what columns become.
    pub fn has_columns(&self) -> bool {
        self.0.iter().any(|(name, _)| name.starts_with("column."))
    }

    /// What was typed into rejected lines: by line, by place among the columns. Named `cell.LINE.PLACE`.
    pub fn cells(&self) -> Cells {
        let mut cells = Cells::new();
        for (name, value) in &self.0 {
            let place = name.strip_prefix("cell.").and_then(|place| place.split_once('.'));
            if let Some((line, at)) = place
                && let (Ok(line), Ok(at)) = (line.parse(), at.parse())
            {
                cells.entry(line).or_default().insert(at, value.clone());
            }
        }
        cells
    }

    /// The box was ticked and the proof left out, or the other way round.
    pub fn half_proven(&self) -> bool {
        self.get("proven").is_some() != self.get("proof").and_then(filled).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_a_plan() {
        let mut plan = Plan::default();
        plan.propose(&["email".into(), "plan".into(), "custom.Shoe\nsize".into()], &[]);
        plan.write_as(2, Notation::DayFirst);
        let typed = Typed::read(
            b"column.0=email&column.1=city&column.2=new.number&mode=tags&match.1=email&match.2=&match.3=email&tags=replace&tag=A%3B+b+&notation.2=decimal-comma&notation.7=usual&notation.1=odd&proof=x",
        );
        typed.apply(&mut plan, &[]);
        let keys: Vec<String> = plan.columns.iter().flatten().map(|field| plan.key(*field)).collect();
        assert_eq!(keys, ["email", "city", "custom.shoe_size"]);
        assert_eq!(plan.columns[2].map(|field| plan.words(field)), Some("Shoe size"));
        assert_eq!((plan.mode, plan.match_by.as_slice()), (Mode::Tags, &[Key::Email][..]));
        assert_eq!((plan.tag.join("+"), plan.separator.as_str()), ("A+b".into(), ";"));
        assert_eq!(plan.notations, [Notation::Usual, Notation::Usual, Notation::DecimalComma]);
        assert!(plan.consent_proof.is_none() && typed.half_proven());
    }
}
