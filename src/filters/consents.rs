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

/// A row of `consents`: what was said about a channel, or anything at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Said {
    pub channel: &'static str,
    pub state: Option<&'static str>,
}

impl Said {
    pub fn on(&self) -> On<consents::table> {
        let channel = consents::channel.eq(self.channel);
        match self.state {
            Some(state) => Box::new(channel.and(consents::state.eq(state))),
            None => Box::new(channel),
        }
    }
}

fn said(asked: &Asked, state: &'static str) -> Result<Ask, String> {
    Ok(Ask::One(Source::Consents(Said { channel: channel(asked)?, state: Some(state) })))
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
    Ask::One(Source::Consents(Said { channel, state: None })).negated()
}
