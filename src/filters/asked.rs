//! One condition with its values read: what the rows of the operator table work with.

use super::Known;
use super::fields::Field;
use super::moments::When;
use super::rule::{MOST_VALUES, Part, Term, Unit};
use crate::workspace::Clock;

/// A condition as an operator sees it. The readers below give the value of a hole, or the sentence that belongs under
/// the row: a condition without a value is an error, never skipped (SPEC 2.1 rule 6).
pub struct Asked<'a> {
    pub field: &'a Field,
    pub parts: &'a [Part],
    pub clock: &'a Clock,
    pub known: &'a Known,
    /// The segments this condition stands in, outermost first.
    pub inside: &'a [i64],
}

const NOTHING: &str = "Until then this filter selects nobody.";

impl Asked<'_> {
    fn one(&self, hole: usize) -> Option<&Term> {
        match self.parts.get(hole) {
            Some(Part::One(Some(term))) if !term.text.trim().is_empty() || term.id.is_some() => Some(term),
            _ => None,
        }
    }

    fn many(&self, hole: usize) -> &[Term] {
        match self.parts.get(hole) {
            Some(Part::Many(terms)) => terms,
            _ => &[],
        }
    }

    /// What was typed, trimmed and not empty.
    pub fn text(&self, hole: usize) -> Result<&str, String> {
        match self.one(hole) {
            Some(term) => Ok(term.text.trim()),
            None => Err(format!("Say what to look for. {NOTHING}")),
        }
    }

    pub fn texts(&self, hole: usize) -> Result<Vec<&str>, String> {
        let texts: Vec<&str> =
            self.many(hole).iter().map(|term| term.text.trim()).filter(|text| !text.is_empty()).collect();
        match texts.len() {
            0 => Err(format!("Give at least one value. {NOTHING}")),
            n if n > MOST_VALUES => Err(format!("{n} values are more than the {MOST_VALUES} one condition may have.")),
            _ => Ok(texts),
        }
    }

    /// The id of a tag. Names were looked up before; one without an id is not there.
    pub fn tag(&self, hole: usize) -> Result<i64, String> {
        let term = self.one(hole).ok_or_else(|| format!("Choose a tag. {NOTHING}"))?;
        term.id.ok_or_else(|| missing(term, self.known))
    }

    pub fn tags(&self, hole: usize) -> Result<Vec<i64>, String> {
        let terms = self.many(hole);
        match terms.len() {
            0 => Err(format!("Choose at least one tag. {NOTHING}")),
            n if n > MOST_VALUES => Err(format!("{n} tags are more than the {MOST_VALUES} one condition may have.")),
            _ => terms.iter().map(|term| term.id.ok_or_else(|| missing(term, self.known))).collect(),
        }
    }

    /// The ids of segments; as for tags.
    pub fn segments(&self, hole: usize) -> Result<Vec<i64>, String> {
        let terms = self.many(hole);
        let gone = |term: &Term| match term.text.as_str() {
            name if name.starts_with('#') => {
                format!("Segment {name} was deleted or made private. Choose another. {NOTHING}")
            }
            name => format!("There is no segment “{name}”. Choose another. {NOTHING}"),
        };
        match terms.len() {
            0 => Err(format!("Choose at least one segment. {NOTHING}")),
            n if n > MOST_VALUES => {
                Err(format!("{n} segments are more than the {MOST_VALUES} one condition may have."))
            }
            _ => terms.iter().map(|term| term.id.ok_or_else(|| gone(term))).collect(),
        }
    }

    /// The id of a campaign, `None` for any of them; names as for tags.
    pub fn campaign(&self, hole: usize) -> Result<Option<i64>, String> {
        if let Some(Part::Any) = self.parts.get(hole) {
            return Ok(None);
        }
        let term = self.one(hole).ok_or_else(|| format!("Choose a campaign, or any. {NOTHING}"))?;
        match (term.id, term.text.trim()) {
            (Some(id), _) => Ok(Some(id)),
            (None, name) if name.starts_with('#') => {
                Err(format!("Campaign {name} was deleted. Choose another. {NOTHING}"))
            }
            (None, name) => Err(format!("There is no campaign “{name}”. Choose another. {NOTHING}")),
        }
    }

    /// The id of somebody who works here; names as for tags.
    pub fn agent(&self, hole: usize) -> Result<i64, String> {
        let term = self.one(hole).ok_or_else(|| format!("Choose an agent. {NOTHING}"))?;
        term.id.ok_or_else(|| format!("Nobody called “{}” works here. Choose an agent. {NOTHING}", term.text.trim()))
    }

    /// A whole number from 0 on.
    pub fn number(&self, hole: usize) -> Result<u32, String> {
        let typed = self.one(hole).ok_or_else(|| format!("Say how many, for example 90. {NOTHING}"))?.text.trim();
        match typed.parse::<u32>() {
            Ok(n) if n <= 1_000_000 => Ok(n),
            Ok(_) => Err(format!("{typed} is too many. {NOTHING}")),
            Err(_) => Err(format!("“{typed}” is not a whole number. {NOTHING}")),
        }
    }

    /// A number as it was typed.
    pub fn decimal(&self, hole: usize) -> Result<&str, String> {
        match self.one(hole) {
            Some(term) => Ok(term.text.trim()),
            None => Err(format!("Say how much, for example 100. {NOTHING}")),
        }
    }

    fn unit(&self, hole: usize) -> Result<Unit, String> {
        match self.parts.get(hole) {
            Some(Part::Unit(unit)) => Ok(*unit),
            _ => Err(format!("Choose minutes, hours, days, weeks, months or years. {NOTHING}")),
        }
    }

    /// A number and its unit, side by side.
    pub fn span(&self, hole: usize) -> Result<(u32, Unit), String> {
        let unit = self.unit(hole + 1)?;
        match self.one(hole) {
            Some(_) => Ok((self.number(hole)?, unit)),
            None => Err(format!("Say how many {}, for example 90. {NOTHING}", unit.key())),
        }
    }

    pub fn when(&self, hole: usize) -> Result<When, String> {
        let typed =
            self.one(hole).ok_or_else(|| format!("Say which day, for example 2026-09-07. {NOTHING}"))?.text.trim();
        When::parse(typed).ok_or_else(|| {
            format!("“{typed}” is not a day. Write it like 2026-09-07, or a time like 2026-09-07T14:30:00Z.")
        })
    }

    pub fn word(&self, hole: usize) -> &'static str {
        match self.parts.get(hole) {
            Some(Part::Word(word)) => word,
            _ => "",
        }
    }
}

/// Why a tag without an id selects nobody: it was deleted, or never was.
fn missing(term: &Term, known: &Known) -> String {
    match (&term.text, known.nearest.get(&term.text)) {
        (name, _) if name.starts_with('#') => format!("Tag {name} was deleted. Choose another. {NOTHING}"),
        (name, Some(near)) => format!("There is no tag “{name}”. Did you mean {near}? {NOTHING}"),
        (name, None) => format!("There is no tag “{name}”. Choose another. {NOTHING}"),
    }
}
