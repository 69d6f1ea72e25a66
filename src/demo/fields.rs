//! What else Nordlicht Outdoor knows about its customers: one custom field of each type, and how its values fall.

use super::people::Person;
use crate::custom_fields::Kind;
use chrono::{Datelike, NaiveDate, NaiveDateTime};
use fastrand::Rng;

/// Somebody whose values are about to be made up.
pub struct Roll<'a> {
    person: &'a Person,
    plan: Option<&'static str>,
    midnight: NaiveDateTime,
    dice: &'a mut Rng,
}

/// Key, label, type, choices, and what somebody would have typed.
type Row = (&'static str, &'static str, Kind, &'static [&'static str], fn(&mut Roll) -> Option<String>);

pub const FIELDS: &[Row] = &[
    ("plan", "Plan", Kind::Choice, &["free", "plus", "pro"], |roll| roll.plan.map(String::from)),
    ("points", "Points", Kind::Number, &[], |roll| roll.points()),
    ("birthday", "Birthday", Kind::Date, &[], |roll| roll.birthday()),
    ("shoe_size", "Shoe size", Kind::Text, &[], |roll| roll.shoe_size()),
    ("post", "Newsletter by post", Kind::YesNo, &[], |roll| roll.post()),
];

impl Roll<'_> {
    pub fn of<'a>(person: &'a Person, midnight: NaiveDateTime, dice: &'a mut Rng) -> Roll<'a> {
        // Shops have terms, not a plan; whoever spends more pays for more.
        let paid = (person.spent() as f64 / 150_000.0).min(0.75);
        let plan = match dice.f64() {
            _ if person.shop => None,
            x if x < 0.36 * paid => Some("pro"),
            x if x < paid => Some("plus"),
            x if x < paid + 0.4 => Some("free"),
            _ => None,
        };
        Roll { person, plan, midnight, dice }
    }

    /// A point for each euro, twice as many on a paid plan, some of them spent again; steps of a half.
    fn points(&mut self) -> Option<String> {
        let factor = if self.plan? == "free" { 1.0 } else { 2.0 };
        let left = self.person.spent() as f64 / 100.0 * factor * (0.25 + 0.75 * self.dice.f64());
        Some(format!("{:.1}", (left * 2.0).round() / 2.0))
    }

    /// Grown-ups, most of them between thirty and fifty.
    fn birthday(&mut self) -> Option<String> {
        let told = self.dice.f64() < if self.plan.is_some() { 0.62 } else { 0.12 };
        let age = 18 + ((self.dice.f64() + self.dice.f64() + self.dice.f64()) / 3.0 * 52.0) as i32;
        let day = NaiveDate::from_yo_opt(self.midnight.year() - age - 1, self.dice.u32(1..=365))?;
        (told && !self.person.shop).then(|| day.format("%Y-%m-%d").to_string())
    }

    /// As the boot fitter writes it down, which is why it is a text.
    fn shoe_size(&mut self) -> Option<String> {
        let told =
            self.dice.f64() < if self.person.bought("Boots") || self.person.bought("Runner") { 0.83 } else { 0.06 };
        let size = 36 + (self.dice.u32(0..6) + self.dice.u32(0..6));
        let half = ["", "", "", "½", " wide"][self.dice.usize(..5)];
        (told && !self.person.shop).then(|| format!("{size}{half}"))
    }

    fn post(&mut self) -> Option<String> {
        let asked = self.dice.f64() < 0.44;
        let yes = self.dice.f64() < if self.person.in_("DE") || self.person.in_("AT") { 0.6 } else { 0.25 };
        asked.then(|| if yes { "yes" } else { "no" }.into())
    }
}
