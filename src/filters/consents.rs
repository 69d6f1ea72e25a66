//! Conditions on consents, decided by rows of `consents`. Unknown is having said nothing: no row.

use super::ask::{Ask, Source};
use super::asked::Asked;
use super::fields::Place;
use crate::db::nodes::On;
use crate::db::schema::consents;
use diesel::prelude::*;

fn channel(asked: &Asked) -> Result<&'static str, String> {
    match asked.field.place {
        Place::Channel(channel) => Ok(channel),
        _ => Err(format!("{} is not a consent.", asked.field.label)),
    }
}

fn said(asked: &Asked, state: &'static str) -> Result<Ask, String> {
    let condition: On<consents::table> = Box::new(consents::channel.eq(channel(asked)?).and(consents::state.eq(state)));
    Ok(Ask::One(Source::Consents(condition)))
}

pub fn opted_in(asked: &Asked) -> Result<Ask, String> {
    said(asked, "opted_in")
}

pub fn opted_out(asked: &Asked) -> Result<Ask, String> {
    said(asked, "opted_out")
}

pub fn unknown(asked: &Asked) -> Result<Ask, String> {
    channel(asked).map(silent)
}

/// Customers who said nothing about a channel.
pub fn silent(channel: &'static str) -> Ask {
    Ask::One(Source::Consents(Box::new(consents::channel.eq(channel)))).negated()
}
