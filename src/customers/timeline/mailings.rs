//! What campaigns did about her: sent, failed, left out and why; and which of them she left by.

use super::{Asked, Event, From, Kind, Stream, What};
use crate::agents::Right;
use crate::campaigns::recipients::{Recipient, Status};
use crate::customers::Channel;
use crate::customers::history::Source;
use crate::db::Conn;
use crate::db::schema::{campaign_recipients as recipients, campaigns, field_changes};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamp};

diesel::define_sql_function! {
    /// The first that is there.
    fn coalesce(one: Nullable<Timestamp>, two: Nullable<Timestamp>, three: Timestamp) -> Timestamp;
}

pub fn read(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let mut events = sent(asked, conn)?;
    events.extend(left(asked, conn)?);
    Ok(events)
}

fn link(id: i64, name: String, asked: &Asked) -> From {
    let link = format!("/campaigns/{id}/recipients/{}", asked.customer.id);
    asked.linked(Right::PrepareCampaigns, name, link)
}

fn sent(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::Campaign);
    // What is not settled has stood so since the launch.
    let at = || coalesce(recipients::settled_at, campaigns::launched_at, recipients::due_at);
    let rows: Vec<(Recipient, String, String, NaiveDateTime)> = recipients::table
        .inner_join(campaigns::table.on(campaigns::id.eq(recipients::campaign_id)))
        .filter(recipients::customer_id.eq(asked.customer.id))
        .filter(at().le(upto.at))
        .filter(at().lt(upto.at).or(recipients::campaign_id.lt(upto.id)))
        .order((at().desc(), recipients::campaign_id.desc()))
        .limit(asked.limit())
        .select((Recipient::as_select(), campaigns::name, campaigns::channel, at()))
        .load(conn)?;
    let event = |(recipient, name, channel, at): (Recipient, String, String, NaiveDateTime)| {
        let channel = Channel::parse(&channel).unwrap_or(Channel::Email);
        let (before, after) = match recipient.status() {
            Status::Sent => ("Was sent", format!("by {}", channel.spoken())),
            Status::Failed => ("Was not reached by", recipient.words(channel)),
            Status::Uncertain => ("May have got", recipient.words(channel)),
            Status::Waiting | Status::Sending => ("Is to get", recipient.words(channel)),
            Status::Excluded | Status::Skipped | Status::Cancelled => ("Was not sent", recipient.words(channel)),
        };
        let what = What::Mailed { before, campaign: link(recipient.campaign_id, name, asked), after };
        Event::new(at, Stream::Campaign, (recipient.campaign_id, 0), Kind::Campaigns, what)
    };
    Ok(rows.into_iter().map(event).collect())
}

/// Beside everything else it is told once: by the consent that she took back, where that has a history.
fn left(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::Left);
    let at = recipients::unsubscribed_at.assume_not_null();
    let mut rows: Vec<(i64, String, NaiveDateTime)> = recipients::table
        .inner_join(campaigns::table.on(campaigns::id.eq(recipients::campaign_id)))
        .filter(recipients::customer_id.eq(asked.customer.id))
        .filter(recipients::unsubscribed_at.is_not_null())
        .filter(at.le(upto.at))
        .filter(at.lt(upto.at).or(recipients::campaign_id.lt(upto.id)))
        .select((recipients::campaign_id, campaigns::name, at))
        .load(conn)?;
    if asked.kind.is_none() && !rows.is_empty() {
        let moments: Vec<NaiveDateTime> = rows.iter().map(|row| row.2).collect();
        let told: Vec<(Option<i64>, NaiveDateTime)> = field_changes::table
            .filter(field_changes::customer_id.eq(asked.customer.id))
            .filter(field_changes::at.eq_any(moments))
            .filter(field_changes::source.eq(Source::Link(0).key()))
            .select((field_changes::source_id, field_changes::at))
            .load(conn)?;
        rows.retain(|(id, _, at)| !told.contains(&(Some(*id), *at)));
    }
    let event = |(id, name, at): (i64, String, NaiveDateTime)| {
        Event::new(at, Stream::Left, (id, 0), Kind::Campaigns, What::Left { campaign: link(id, name, asked) })
    };
    Ok(rows.into_iter().map(event).collect())
}
