//! Conditions on text, email, phone and country, on the customer's own row; and on consents, on theirs.
//!
//! Both sides are folded. What a person types is never a pattern: `%`, `_` and `\` are ordinary characters.

use super::ask::{Ask, Source};
use super::asked::Asked;
use super::fields::types::{COUNTRY, PHONE, TAGS};
use super::fields::{Column, Field, TextColumn, countries, nearest};
use crate::db::nodes::{On, OneOf};
use crate::db::schema::consents;
use crate::fold::fold;
use diesel::prelude::*;

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

fn column(asked: &Asked) -> Result<fn() -> TextColumn, String> {
    match asked.field.column {
        Column::Text(column) => Ok(column),
        _ => Err(format!("{} is not text", asked.field.label)),
    }
}

fn like(column: fn() -> TextColumn, pattern: String) -> Ask {
    Ask::One(Source::Own(Box::new(column().is_not_null().and(column().assume_not_null().like(pattern).escape('\\')))))
}

fn one_of(column: fn() -> TextColumn, values: Vec<String>) -> Ask {
    Ask::One(Source::Own(Box::new(column().is_not_null().and(OneOf { left: column(), values }))))
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

fn compare(asked: &Asked, typed: &str, place: Place) -> Result<Ask, String> {
    let column = column(asked)?;
    if asked.field.kind & COUNTRY != 0 {
        let wanted = fold(typed);
        let codes: Vec<String> = countries(|known| match place {
            Place::Whole => known == wanted,
            Place::Anywhere => known.contains(&wanted),
            Place::Start => known.starts_with(&wanted),
            Place::End => known.ends_with(&wanted),
        })
        .into_iter()
        .map(str::to_string)
        .collect();
        if codes.is_empty() && place == Place::Whole {
            let names = rust_iso3166::ALL.iter().map(|country| country.name);
            return Err(match nearest(typed, names) {
                Some(name) => format!("There is no country “{typed}”. Did you mean {name}?"),
                None => format!("There is no country “{typed}”. Type its name or code, for example Sweden or SE."),
            });
        }
        return Ok(one_of(column, codes));
    }
    let phone = asked.field.kind & PHONE != 0;
    let wanted = if phone { digits(typed)? } else { fold(typed) };
    let plus = if phone { "+" } else { "" };
    Ok(match place {
        Place::Whole => one_of(column, vec![format!("{plus}{wanted}")]),
        Place::Anywhere => like(column, format!("%{}%", literal(&wanted))),
        Place::Start => like(column, format!("{plus}{}%", literal(&wanted))),
        Place::End => like(column, format!("%{}", literal(&wanted))),
    })
}

pub fn is(asked: &Asked) -> Result<Ask, String> {
    compare(asked, asked.text(0)?, Place::Whole)
}

pub fn is_any_of(asked: &Asked) -> Result<Ask, String> {
    let texts = asked.texts(0)?;
    // Each value is checked as if it stood alone; together they are one list.
    texts.iter().map(|text| compare(asked, text, Place::Whole)).collect::<Result<Vec<_>, _>>()?;
    let mut values = Vec::with_capacity(texts.len());
    for text in texts {
        if asked.field.kind & COUNTRY != 0 {
            let wanted = fold(text);
            values.extend(countries(|known| known == wanted).into_iter().map(str::to_string));
        } else if asked.field.kind & PHONE != 0 {
            values.push(format!("+{}", digits(text)?));
        } else {
            values.push(fold(text));
        }
    }
    Ok(one_of(column(asked)?, values))
}

pub fn contains(asked: &Asked) -> Result<Ask, String> {
    compare(asked, asked.text(0)?, Place::Anywhere)
}

pub fn starts_with(asked: &Asked) -> Result<Ask, String> {
    compare(asked, asked.text(0)?, Place::Start)
}

pub fn ends_with(asked: &Asked) -> Result<Ask, String> {
    compare(asked, asked.text(0)?, Place::End)
}

/// The part after the `@`, whole: `example.com` is not `mail.example.com`.
pub fn domain_is(asked: &Asked) -> Result<Ask, String> {
    let domain = fold(asked.text(0)?.trim_start_matches('@'));
    if domain.is_empty() {
        return Err("Say which domain, for example example.com.".into());
    }
    Ok(like(column(asked)?, format!("%@{}", literal(&domain))))
}

pub fn is_empty(asked: &Asked) -> Result<Ask, String> {
    Ok(Ask::One(Source::Own(Box::new(column(asked)?().is_null()))))
}

fn channel(asked: &Asked) -> Result<&'static str, String> {
    match asked.field.column {
        Column::Channel(channel) => Ok(channel),
        _ => Err(format!("{} is not a consent", asked.field.label)),
    }
}

fn consent(asked: &Asked, state: &'static str) -> Result<Ask, String> {
    let condition: On<consents::table> = Box::new(consents::channel.eq(channel(asked)?).and(consents::state.eq(state)));
    Ok(Ask::One(Source::Consents(condition)))
}

pub fn opted_in(asked: &Asked) -> Result<Ask, String> {
    consent(asked, "opted_in")
}

pub fn opted_out(asked: &Asked) -> Result<Ask, String> {
    consent(asked, "opted_out")
}

/// Unknown is having said nothing: no row.
pub fn consent_unknown(asked: &Asked) -> Result<Ask, String> {
    let said: On<consents::table> = Box::new(consents::channel.eq(channel(asked)?));
    Ok(Ask::One(Source::Consents(said)).negated())
}

/// Customers without a value of this field: what a negative includes.
pub fn without_value(field: &Field) -> Option<Ask> {
    let ask = match field.column {
        Column::Text(column) => Ask::One(Source::Own(Box::new(column().is_null()))),
        Column::Time(column) => Ask::One(Source::Own(Box::new(column().is_null()))),
        Column::Number(column) => Ask::One(Source::Own(Box::new(column().is_null()))),
        Column::Channel(channel) => {
            let said: On<consents::table> = Box::new(consents::channel.eq(channel));
            Ask::One(Source::Consents(said)).negated()
        }
        Column::Elsewhere if field.kind & TAGS != 0 => super::taggings::none(),
        Column::Elsewhere => return None,
    };
    Some(ask)
}
