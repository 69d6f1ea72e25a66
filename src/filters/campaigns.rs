//! Conditions on campaigns, decided by rows of `campaign_recipients`: whom a campaign reached, or whom any of them did.
//!
//! Campaigns may share a name. Then the name alone means the newest, and the others are told by their number: `Autumn #5`.

use super::ask::{Ask, Source};
use super::asked::Asked;
use super::names::{Looks, Named};
use super::rule::{Condition, Part, Term};
use crate::db::nodes::On;
use crate::db::schema::{campaign_recipients, campaigns};
use crate::db::{Backend, Conn};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// The word that means every campaign there is.
pub const ANY: &str = "any";
/// The same in a sentence.
pub const ANY_OF_THEM: &str = "any campaign";

/// Whoever was in more campaigns is told of so many.
const SHOWN: i64 = 5;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Became {
    Sent,
    Failed,
    /// Its reader clicked unsubscribe.
    Unsubscribed,
}

/// A row of `campaign_recipients`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reached {
    /// `None`: of any campaign.
    pub campaign: Option<i64>,
    pub became: Became,
}

impl Reached {
    pub fn on(&self) -> On<campaign_recipients::table> {
        let became: On<campaign_recipients::table> = match self.became {
            Became::Sent => Box::new(campaign_recipients::status.eq("sent")),
            Became::Failed => Box::new(campaign_recipients::status.eq("failed")),
            Became::Unsubscribed => Box::new(campaign_recipients::unsubscribed_at.is_not_null()),
        };
        match self.campaign {
            Some(id) => Box::new(campaign_recipients::campaign_id.eq(id).and(became)),
            None => became,
        }
    }
}

fn reached(asked: &Asked, became: Became) -> Result<Ask, String> {
    Ok(Ask::One(Source::Campaigns(Reached { campaign: asked.campaign(0)?, became })))
}

pub fn was_sent(asked: &Asked) -> Result<Ask, String> {
    reached(asked, Became::Sent)
}

pub fn failed(asked: &Asked) -> Result<Ask, String> {
    reached(asked, Became::Failed)
}

pub fn clicked_unsubscribe(asked: &Asked) -> Result<Ask, String> {
    reached(asked, Became::Unsubscribed)
}

/// Those that may be meant: none where no rule mentions one.
pub fn named(looks: &Looks, conn: &mut Conn) -> QueryResult<Named> {
    if looks.is_empty() { Ok(Named::default()) } else { all(conn) }
}

/// Every campaign, as a filter names it, the newest first.
pub fn all(conn: &mut Conn) -> QueryResult<Named> {
    let rows = campaigns::table.order(campaigns::id.desc()).select((campaigns::id, campaigns::name)).load(conn)?;
    Ok(Named::of(rows))
}

/// True for the word that means every campaign. A campaign that is called so is written in quotes.
pub fn is_any(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case(ANY)
}

/// What stands in the builder's input.
pub fn typed(part: Option<&Part>) -> String {
    match part {
        Some(Part::Any) => ANY.into(),
        Some(Part::One(Some(term))) if is_any(bare(&term.text)) => format!("\"{}\"", term.text),
        Some(Part::One(Some(term))) => term.text.clone(),
        _ => String::new(),
    }
}

/// What was meant with that.
pub fn read(typed: &str) -> Part {
    if is_any(typed) {
        return Part::Any;
    }
    match unquoted(typed) {
        Some(inside) if is_any(bare(inside)) => Part::One(Some(Term::text(inside))),
        _ => Part::One(Some(Term::text(typed))),
    }
}

fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

/// Without all the quotes around it.
fn bare(text: &str) -> &str {
    unquoted(text).map_or(text, bare)
}

/// What became of her messages: of one campaign's, or of the newest few.
pub fn told(customer: i64, condition: &Condition, conn: &mut Conn) -> QueryResult<String> {
    let one = match condition.parts.first() {
        Some(Part::One(Some(term))) => term.id,
        _ => None,
    };
    let mut hers =
        campaign_recipients::table.filter(campaign_recipients::customer_id.eq(customer)).into_boxed::<Backend>();
    if let Some(id) = one {
        hers = hers.filter(campaign_recipients::campaign_id.eq(id));
    }
    let rows: Vec<(i64, String, Option<NaiveDateTime>)> = hers
        .order(campaign_recipients::campaign_id.desc())
        .limit(SHOWN)
        .select((campaign_recipients::campaign_id, campaign_recipients::status, campaign_recipients::unsubscribed_at))
        .load(conn)?;
    if rows.is_empty() {
        return Ok(if one.is_some() { "not in it" } else { "in none" }.into());
    }
    let known = all(conn)?;
    let words = rows.into_iter().map(|(id, status, left)| {
        let left = if left.is_some() { ", clicked unsubscribe" } else { "" };
        format!("{}: {status}{left}", known.called(id).unwrap_or_default())
    });
    Ok(words.collect::<Vec<_>>().join("; "))
}
