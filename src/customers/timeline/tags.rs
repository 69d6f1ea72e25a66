//! Tags that came and went: those she carries, those whose time has passed by itself, and those that were ended.

use super::{Asked, Event, From, Kind, Stream, What};
use crate::agents::Right;
use crate::db::Conn;
use crate::db::schema::{past_taggings as past, taggings, tags};
use crate::tags::Source;
use crate::tags::past::Why;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A tag of which only the name is left.
const GONE: &str = "gray";

fn from(source: &str, id: Option<i64>, asked: &Asked) -> From {
    let source = Source::parse(source, id).unwrap_or(Source::Profile);
    let words = source.words();
    match source {
        Source::Import(id) if id > 0 => asked.import(id),
        Source::Bulk(id) if id > 0 => asked.linked(Right::BulkActions, words, format!("/bulk/{id}")),
        Source::Campaign(id) if id > 0 => asked.linked(Right::PrepareCampaigns, words, format!("/campaigns/{id}")),
        _ => From::words(words),
    }
}

/// When, by whom, and from where.
type Begun = (NaiveDateTime, String, String, Option<i64>);

/// When the tags were added that she carries.
pub fn tagged(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::Tagged);
    let rows: Vec<(i64, String, String, Begun)> = taggings::table
        .inner_join(tags::table)
        .filter(taggings::customer_id.eq(asked.customer.id))
        .filter(taggings::tagged_at.le(upto.at))
        .filter(taggings::tagged_at.lt(upto.at).or(taggings::tag_id.lt(upto.id)))
        .order((taggings::tagged_at.desc(), taggings::tag_id.desc()))
        .limit(asked.limit())
        .select((
            tags::id,
            tags::name,
            tags::colour,
            (taggings::tagged_at, taggings::actor, taggings::source, taggings::source_id),
        ))
        .load(conn)?;
    let event = |(id, name, colour, (at, actor, source, source_id)): (i64, String, String, Begun)| {
        let what = What::Tagged { actor, chip: (name, colour), from: from(&source, source_id, asked) };
        Event::new(at, Stream::Tagged, (id, 0), Kind::Tags, what)
    };
    Ok(rows.into_iter().map(event).collect())
}

/// Those whose time has passed, and whose rows nobody has taken away yet.
pub fn ran_out(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::RanOut);
    let end = taggings::expires_at.assume_not_null();
    let rows: Vec<(i64, String, String, NaiveDateTime)> = taggings::table
        .inner_join(tags::table)
        .filter(taggings::customer_id.eq(asked.customer.id))
        .filter(end.le(asked.clock.stamp().min(upto.at)))
        .filter(end.lt(upto.at).or(taggings::tag_id.lt(upto.id)))
        .order((end.desc(), taggings::tag_id.desc()))
        .limit(asked.limit())
        .select((tags::id, tags::name, tags::colour, end))
        .load(conn)?;
    let event = |(id, name, colour, at): (i64, String, String, NaiveDateTime)| {
        let what = over(Why::Expired, String::new(), (name, colour), None);
        Event::new(at, Stream::RanOut, (id, 0), Kind::Tags, what)
    };
    Ok(rows.into_iter().map(event).collect())
}

/// When the tags were added that are gone again.
pub fn tagged_once(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::PastTagged);
    let colour = tags::table.filter(tags::id.eq(past::tag_id)).select(tags::colour).single_value();
    let rows: Vec<(i64, String, Option<String>, Begun)> = past::table
        .filter(past::customer_id.eq(asked.customer.id))
        .filter(past::tagged_at.le(upto.at))
        .filter(past::tagged_at.lt(upto.at).or(past::id.lt(upto.id)))
        .order((past::tagged_at.desc(), past::id.desc()))
        .limit(asked.limit())
        .select((past::id, past::tag_name, colour, (past::tagged_at, past::actor, past::source, past::source_id)))
        .load(conn)?;
    let event = |(id, name, colour, (at, actor, source, source_id)): (i64, String, Option<String>, Begun)| {
        let chip = (name, colour.unwrap_or_else(|| GONE.into()));
        let what = What::Tagged { actor, chip, from: from(&source, source_id, asked) };
        Event::new(at, Stream::PastTagged, (id, 0), Kind::Tags, what)
    };
    Ok(rows.into_iter().map(event).collect())
}

/// How they went.
pub fn ended(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::Ended);
    let colour = tags::table.filter(tags::id.eq(past::tag_id)).select(tags::colour).single_value();
    type Row = ((i64, String, Option<String>, String), Begun);
    let rows: Vec<Row> = past::table
        .filter(past::customer_id.eq(asked.customer.id))
        .filter(past::ended_at.le(upto.at))
        .filter(past::ended_at.lt(upto.at).or(past::id.lt(upto.id)))
        .order((past::ended_at.desc(), past::id.desc()))
        .limit(asked.limit())
        .select((
            (past::id, past::tag_name, colour, past::why),
            (past::ended_at, past::ended_by, past::ended_source, past::ended_source_id),
        ))
        .load(conn)?;
    let event = |((id, name, colour, why), (at, actor, source, source_id)): Row| {
        let why = Why::ALL.into_iter().find(|known| known.key() == why).unwrap_or(Why::Removed);
        let chip = (name, colour.unwrap_or_else(|| GONE.into()));
        let what = over(why, actor, chip, Source::parse(&source, source_id).map(|_| from(&source, source_id, asked)));
        Event::new(at, Stream::Ended, (id, 0), Kind::Tags, what)
    };
    Ok(rows.into_iter().map(event).collect())
}

/// How a tagging ended, in words around its chip.
fn over(why: Why, actor: String, chip: super::Chip, from: Option<From>) -> What {
    let (done, after) = match why {
        Why::Removed => ("removed", ""),
        Why::Expired => return What::Untagged { actor: String::new(), done: "", chip, after: "ran out", from: None },
        Why::Replaced => ("replaced", "by another of its family"),
        Why::Merged => {
            return What::Untagged {
                actor,
                done: "merged",
                chip,
                after: "into a tag that was here already",
                from: None,
            };
        }
        Why::Undone => ("undid", "what put it here"),
    };
    What::Untagged { actor, done, chip, after, from }
}
