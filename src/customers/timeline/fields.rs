//! What people and programs changed about her, field by field; what she agreed to; and how she came.

use super::{Asked, Event, From, Kind, Row, Stream, What};
use crate::agents::Right;
use crate::customers::history::{self, Source};
use crate::customers::{Channel, Consent, Consents};
use crate::db::schema::{campaigns, field_changes};
use crate::db::{Backend, Conn};
use crate::workspace::spell;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

/// The names of campaigns, to be told with what came by them.
type Names = HashMap<i64, String>;

fn campaign(id: i64, names: &Names) -> String {
    names.get(&id).cloned().unwrap_or_else(|| format!("campaign {id}"))
}

fn from(source: Option<Source>, names: &Names, asked: &Asked) -> From {
    match source {
        Some(Source::Profile) => From::words("on the profile"),
        Some(Source::Api) => From::words("through the API"),
        Some(Source::CommandLine) => From::words("by the command line"),
        Some(Source::Link(id)) => {
            let words = format!("by the link in {}", campaign(id, names));
            asked.linked(Right::PrepareCampaigns, words, format!("/campaigns/{id}"))
        }
        Some(Source::Complaint(id)) => {
            let words = format!("by calling {} spam", campaign(id, names));
            asked.linked(Right::PrepareCampaigns, words, format!("/campaigns/{id}"))
        }
        Some(Source::Merge) => From::words("by merging two customers"),
        Some(Source::Conversation(0)) => From::words("by writing to us"),
        Some(Source::Conversation(id)) => {
            From { words: "in a conversation".into(), link: Some(format!("/inbox/{id}")) }
        }
        None => From::words(""),
    }
}

fn names(ids: impl Iterator<Item = i64>, conn: &mut Conn) -> QueryResult<Names> {
    let ids: Vec<i64> = ids.collect();
    if ids.is_empty() {
        return Ok(Names::new());
    }
    let rows: Vec<(i64, String)> =
        campaigns::table.filter(campaigns::id.eq_any(ids)).select((campaigns::id, campaigns::name)).load(conn)?;
    Ok(rows.into_iter().collect())
}

fn channel(field: &str) -> Option<Channel> {
    Channel::ALL.into_iter().find(|channel| channel.field() == field)
}

/// The kept history.
pub fn changed(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::Field);
    let mut query = field_changes::table
        .filter(field_changes::customer_id.eq(asked.customer.id))
        .filter(field_changes::at.le(upto.at))
        .filter(field_changes::at.lt(upto.at).or(field_changes::id.lt(upto.id)))
        .into_boxed::<Backend>();
    let added = || field_changes::field.eq(history::ADDED).and(field_changes::before.is_null());
    let consents = Channel::ALL.map(Channel::field);
    match asked.kind {
        Some(Kind::Came) => query = query.filter(added()),
        Some(Kind::Consent) => query = query.filter(field_changes::field.eq_any(consents)),
        Some(_) => query = query.filter(field_changes::field.ne_all(consents)).filter(diesel::dsl::not(added())),
        None => {}
    }
    type Kept = (i64, NaiveDateTime, (String, Option<String>, Option<String>), (String, String, Option<i64>));
    let rows: Vec<Kept> = query
        .order((field_changes::at.desc(), field_changes::id.desc()))
        .limit(asked.limit())
        .select((
            field_changes::id,
            field_changes::at,
            (field_changes::field, field_changes::before, field_changes::after),
            (field_changes::actor, field_changes::source, field_changes::source_id),
        ))
        .load(conn)?;
    let by_campaigns = rows.iter().filter_map(|(.., (_, source, id))| match Source::parse(source, *id) {
        Some(Source::Link(id) | Source::Complaint(id)) => Some(id),
        _ => None,
    });
    let names = names(by_campaigns, conn)?;
    let event = |(id, at, (field, before, after), (actor, source, source_id)): Kept| {
        let source = Source::parse(&source, source_id);
        let from = from(source, &names, asked);
        let (kind, what) = match channel(&field) {
            Some(channel) => {
                let herself = !matches!(source, Some(Source::Profile | Source::Api | Source::CommandLine));
                let words = after.as_deref().and_then(Consent::parse).unwrap_or_default().words();
                let actor = (!herself).then_some(actor);
                (Kind::Consent, What::Agreed { channel: channel.words(), words, actor, from })
            }
            None if field == history::ADDED && before.is_none() => (Kind::Came, What::Added { actor, from }),
            None => {
                let spoken = |value: Option<String>| value.map(|value| asked.words.spoken(&field, &value));
                let row = Row { label: asked.words.label(&field), before: spoken(before), after: spoken(after) };
                (Kind::Fields, What::Changed { actor, row, from, back: None })
            }
        };
        Event::new(at, Stream::Field, (id, 0), kind, what)
    };
    Ok(rows.into_iter().map(event).collect())
}

/// Since when she is a customer, unless somebody added her at that moment, who is told then.
pub fn came(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let at = asked.customer.created_at;
    let upto = asked.upto(Stream::Came);
    if at > upto.at || (at == upto.at && upto.id <= 0) {
        return Ok(Vec::new());
    }
    let added: Option<i64> = field_changes::table
        .filter(field_changes::customer_id.eq(asked.customer.id))
        .filter(field_changes::at.eq(at))
        .filter(field_changes::field.eq(history::ADDED).and(field_changes::before.is_null()))
        .filter(field_changes::after.eq(spell(at)))
        .select(field_changes::id)
        .first(conn)
        .optional()?;
    let became = || Event::new(at, Stream::Came, (0, 0), Kind::Came, What::Became);
    Ok(added.is_none().then(became).into_iter().collect())
}

/// What is known of her consents, where the history does not tell it: what an import said, or what was here before.
pub fn agreed(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let consents = Consents::of(asked.customer.id, conn)?;
    let said: Vec<_> = Channel::ALL.into_iter().filter_map(|channel| consents.said(channel)).collect();
    let moments: Vec<NaiveDateTime> = said.iter().map(|said| said.at).collect();
    let told: Vec<(NaiveDateTime, String)> = field_changes::table
        .filter(field_changes::customer_id.eq(asked.customer.id))
        .filter(field_changes::at.eq_any(moments))
        .select((field_changes::at, field_changes::field))
        .load(conn)?;
    let upto = asked.upto(Stream::Consent);
    let event = |(number, said): (usize, &&crate::customers::consents::Said)| {
        let row = (number as i64, 0);
        let later = said.at > upto.at || (said.at == upto.at && row.0 >= upto.id);
        if later || told.iter().any(|(at, field)| *at == said.at && field == said.channel.field()) {
            return None;
        }
        let import = said.source.strip_prefix("import ").and_then(|id| id.parse().ok());
        let from = import.map_or_else(|| From::words(format!("from {}", said.source)), |id| asked.import(id));
        let what = What::Agreed { channel: said.channel.words(), words: said.consent.words(), actor: None, from };
        Some(Event::new(said.at, Stream::Consent, row, Kind::Consent, what))
    };
    Ok(said.iter().enumerate().filter_map(event).collect())
}
