//! Conditions on text, email, phone, country and choice.
//!
//! Both sides are folded. What a person types is never a pattern: `%`, `_` and `\` are ordinary characters.

use super::asked::Asked;
use super::fields::types::{CHOICE, COUNTRY, PHONE};
use super::fields::{countries, nearest};
use super::wanted::Wanted;
use crate::fold::fold;

/// Where the typed text must stand in the value.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Whole,
    Anywhere,
    Start,
    End,
}

/// Quotes what LIKE would read as a pattern.
pub fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// Spaces, `-`, `(`, `)` and a leading `00` in what is typed are ignored; numbers are stored as `+` and digits.
fn digits(typed: &str) -> Result<String, String> {
    let kept: String = typed.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '(' | ')' | '+')).collect();
    let international = typed.trim_start().starts_with('+');
    let kept = if international { kept } else { kept.strip_prefix("00").map(str::to_string).unwrap_or(kept) };
    match kept.chars().all(|c| c.is_ascii_digit()) && !kept.is_empty() {
        true => Ok(kept),
        false => Err(format!("“{typed}” is not part of a phone number. Type digits, for example +43 660.")),
    }
}

fn compare(asked: &Asked, typed: &str, place: Place) -> Result<Wanted, String> {
    if asked.field.is(COUNTRY) {
        return country(typed, place).map(Wanted::OneOf);
    }
    if asked.field.is(CHOICE) {
        return choice(asked, typed).map(|choice| Wanted::OneOf(vec![choice]));
    }
    let phone = asked.field.is(PHONE);
    let wanted = if phone { digits(typed)? } else { fold(typed) };
    let plus = if phone { "+" } else { "" };
    Ok(match place {
        Place::Whole => Wanted::OneOf(vec![format!("{plus}{wanted}")]),
        Place::Anywhere => Wanted::Holds(wanted),
        Place::Start => Wanted::Starts(format!("{plus}{wanted}")),
        Place::End => Wanted::Ends(wanted),
    })
}

/// The codes of the countries that are meant, by code or name.
fn country(typed: &str, place: Place) -> Result<Vec<String>, String> {
    let wanted = fold(typed);
    let codes = countries(|known| match place {
        Place::Whole => known == wanted,
        Place::Anywhere => known.contains(&wanted),
        Place::Start => known.starts_with(&wanted),
        Place::End => known.ends_with(&wanted),
    });
    if codes.is_empty() && place == Place::Whole {
        return Err(match nearest(typed, rust_iso3166::ALL.iter().map(|country| country.name)) {
            Some(name) => format!("There is no country “{typed}”. Did you mean {name}?"),
            None => format!("There is no country “{typed}”. Type its name or code, for example Sweden or SE."),
        });
    }
    Ok(codes.into_iter().map(str::to_string).collect())
}

/// One of the choices the field offers, folded.
fn choice(asked: &Asked, typed: &str) -> Result<String, String> {
    let (wanted, choices) = (fold(typed), &asked.field.choices);
    if choices.iter().any(|choice| fold(choice) == wanted) {
        return Ok(wanted);
    }
    Err(match nearest(typed, choices.iter().map(String::as_str)) {
        Some(near) => format!("{} has no choice “{typed}”. Did you mean {near}?", asked.field.label),
        None => format!("{} has no choice “{typed}”, only {}.", asked.field.label, choices.join(", ")),
    })
}

pub fn is(asked: &Asked) -> Result<Wanted, String> {
    compare(asked, asked.text(0)?, Place::Whole)
}

pub fn is_any_of(asked: &Asked) -> Result<Wanted, String> {
    let mut values = Vec::new();
    for text in asked.texts(0)? {
        match compare(asked, text, Place::Whole)? {
            Wanted::OneOf(more) => values.extend(more),
            other => return Ok(other),
        }
    }
    Ok(Wanted::OneOf(values))
}

pub fn contains(asked: &Asked) -> Result<Wanted, String> {
    compare(asked, asked.text(0)?, Place::Anywhere)
}

pub fn starts_with(asked: &Asked) -> Result<Wanted, String> {
    compare(asked, asked.text(0)?, Place::Start)
}

pub fn ends_with(asked: &Asked) -> Result<Wanted, String> {
    compare(asked, asked.text(0)?, Place::End)
}

/// The part after the `@`, whole: `example.com` is not `mail.example.com`.
pub fn domain_is(asked: &Asked) -> Result<Wanted, String> {
    let domain = fold(asked.text(0)?.trim_start_matches('@'));
    match domain.is_empty() {
        true => Err("Say which domain, for example example.com.".into()),
        false => Ok(Wanted::Ends(format!("@{domain}"))),
    }
}
