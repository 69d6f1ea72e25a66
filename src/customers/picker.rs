//! The column picker beside a list: a plain form that asks for the same list with other columns.

use super::columns::{Columns, Shown};
use crate::custom_fields::CustomField;
use askama::Template;

/// What the address of a list says about columns: as a link spells it, or as the picker's form sends it.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    words: String,
    /// A column to move, and whether to the left.
    step: Option<(String, bool)>,
    /// It came from the form, and has a shorter spelling.
    pub picked: bool,
}

impl Choice {
    /// Out of the pairs of an address: every tick of the form is a `columns=` of its own.
    pub fn of(pairs: &[(String, String)]) -> Choice {
        let words: Vec<&str> = values(pairs, "columns").collect();
        let step = |name: &str, left: bool| values(pairs, name).last().map(|key| (key.to_string(), left));
        let step = step("left", true).or_else(|| step("right", false));
        Choice { picked: words.len() > 1 || step.is_some(), words: words.join(","), step }
    }

    /// As a view keeps it.
    pub fn spelled(words: &str) -> Choice {
        Choice { words: words.into(), ..Choice::default() }
    }

    /// The columns that are meant, or which of them is not known.
    pub fn columns(&self, fields: &[CustomField]) -> Result<Columns, String> {
        let mut columns = Columns::read(&self.words, fields)?;
        if let Some((key, left)) = &self.step {
            columns.shift(key, *left);
        }
        Ok(columns)
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// As an address spells them.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// A column was moved: the picker stays open for the next step.
    pub fn steps(&self) -> bool {
        self.step.is_some()
    }
}

fn values<'a>(pairs: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    pairs.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// The form.
#[derive(Template)]
#[template(path = "customers/_columns.html")]
pub struct Picker {
    /// The page it asks again, and what else that page's address says.
    pub path: String,
    pub carried: Vec<(&'static str, String)>,
    /// The same address with the usual columns.
    pub usual: String,
    /// The element that htmx swaps.
    pub target: &'static str,
    pub open: bool,
    pub chosen: bool,
    /// Those that are shown, in order, after the name.
    pub shown: Vec<Shown>,
    pub built_in: Vec<Shown>,
    pub custom: Vec<Shown>,
}
impl askama::filters::HtmlSafe for Picker {}

impl Picker {
    pub fn of(
        columns: &Columns,
        fields: &[CustomField],
        path: &str,
        carried: Vec<(&'static str, String)>,
        target: &'static str,
        open: bool,
    ) -> Picker {
        let keys = columns.keys();
        let rest = Shown::all(fields).into_iter().filter(|one| !keys.contains(&one.key()));
        let (custom, built_in) = rest.partition(Shown::is_custom);
        let pairs: Vec<(&str, &str)> = carried.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Picker {
            usual: crate::web::address(path, &pairs),
            path: path.into(),
            carried,
            target,
            open,
            chosen: columns.chosen(),
            shown: columns.shown().iter().skip(1).cloned().collect(),
            built_in,
            custom,
        }
    }
}
