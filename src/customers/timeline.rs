//! What happened with a customer, newest first, from everywhere that it is kept.
//!
//! | room | what it reads |
//! |---|---|
//! | [`messages`] | what was said in her conversations |
//! | [`tags`] | tags that came and went |
//! | [`fields`] | what people and programs changed, consents too, and how she came |
//! | [`imports`] | what lines of files and bulk actions changed |
//! | [`bought`], [`mailings`], [`moves`] | purchases, campaigns, segments |
//! | [`what`] | what can have happened, in the parts that a page draws |
//! | [`told`] | all that under its days, as a page shows it |
//! | [`pages`] | the timeline in the browser |
//!
//! Each kind of row is a [`Stream`]. An event has a place in one order over all streams: its moment, its stream, its number
//! there. A page begins after a place, and each stream is asked only for what one page can hold; so nothing is lost or told
//! twice, however many things happened at one moment, and a long history costs no more than a short one.

mod bought;
mod fields;
mod imports;
mod mailings;
mod messages;
mod moves;
pub mod pages;
mod tags;
pub mod told;
mod what;

use super::Customer;
use super::facts::Words;
use crate::agents::{Caller, Right};
use crate::db::Conn;
use crate::workspace::Clock;
use chrono::{DateTime, NaiveDateTime};
use diesel::QueryResult;
use std::cmp::Reverse;
use what::{Chip, From, Row, What};

/// Events on one page.
pub const PAGE: usize = 40;

/// What an event is about, as people choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Messages,
    Tags,
    Fields,
    Purchases,
    Imports,
    Campaigns,
    Consent,
    Segments,
    Came,
}

impl Kind {
    pub const ALL: [Kind; 9] = [
        Kind::Messages,
        Kind::Tags,
        Kind::Fields,
        Kind::Purchases,
        Kind::Imports,
        Kind::Campaigns,
        Kind::Consent,
        Kind::Segments,
        Kind::Came,
    ];

    /// As addresses spell it.
    pub fn key(self) -> &'static str {
        match self {
            Kind::Messages => "messages",
            Kind::Tags => "tags",
            Kind::Fields => "fields",
            Kind::Purchases => "purchases",
            Kind::Imports => "imports",
            Kind::Campaigns => "campaigns",
            Kind::Consent => "consent",
            Kind::Segments => "segments",
            Kind::Came => "came",
        }
    }

    pub fn parse(key: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.key() == key)
    }

    pub fn words(self) -> &'static str {
        match self {
            Kind::Messages => "Messages",
            Kind::Tags => "Tags",
            Kind::Fields => "Fields",
            Kind::Purchases => "Purchases",
            Kind::Imports => "Imports",
            Kind::Campaigns => "Campaigns",
            Kind::Consent => "Consent",
            Kind::Segments => "Segments",
            Kind::Came => "How she came",
        }
    }
}

/// Rows of one kind. Of what has one moment, a later one of these is told above an earlier one: a segment is joined
/// because of a tag that was added because of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    Came,
    Import,
    Bulk,
    Purchase,
    Message,
    PastTagged,
    Ended,
    RanOut,
    Tagged,
    Field,
    Consent,
    Campaign,
    Left,
    Moved,
}

/// Where an event stands among all of a customer's. Later is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    at: NaiveDateTime,
    stream: i64,
    /// The row, in two parts where it takes two numbers to say which.
    row: (i64, i64),
}

impl Place {
    /// As an address carries it.
    pub fn write(&self) -> String {
        let Place { at, stream, row: (id, part) } = self;
        format!("{}_{stream}_{id}_{part}", at.and_utc().timestamp_micros())
    }

    pub fn read(written: &str) -> Option<Place> {
        let mut numbers = written.split('_').map(|number| number.parse::<i64>().ok());
        let mut next = || numbers.next().flatten();
        let at = DateTime::from_timestamp_micros(next()?)?.naive_utc();
        Some(Place { at, stream: next()?, row: (next()?, next()?) })
    }
}

/// Something that happened.
pub struct Event {
    place: Place,
    kind: Kind,
    what: What,
}

impl Event {
    fn new(at: NaiveDateTime, stream: Stream, row: (i64, i64), kind: Kind, what: What) -> Event {
        Event { place: Place { at, stream: stream as i64, row }, kind, what }
    }
}

/// What is asked of each stream: whose history, by whom, and where the page begins.
struct Asked<'a> {
    customer: &'a Customer,
    caller: &'a Caller,
    clock: &'a Clock,
    words: Words<'a>,
    kind: Option<Kind>,
    before: Option<Place>,
}

/// Where a stream goes on: before this moment, or at it and before this row.
#[derive(Clone, Copy)]
struct Upto {
    at: NaiveDateTime,
    id: i64,
    part: i64,
}

impl Asked<'_> {
    fn wants(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|asked| asked == kind)
    }

    fn upto(&self, stream: Stream) -> Upto {
        let stream = stream as i64;
        match self.before {
            None => Upto { at: far(), id: i64::MAX, part: i64::MAX },
            Some(Place { at, stream: last, row: (id, part) }) if last == stream => Upto { at, id, part },
            Some(Place { at, stream: last, .. }) if stream < last => Upto { at, id: i64::MAX, part: i64::MAX },
            Some(Place { at, .. }) => Upto { at, id: i64::MIN, part: i64::MIN },
        }
    }

    /// One more than a page holds says that there are more.
    fn limit(&self) -> i64 {
        PAGE as i64 + 1
    }

    fn linked(&self, right: Right, words: impl Into<String>, link: String) -> From {
        From { words: words.into(), link: self.caller.may(right).then_some(link) }
    }

    fn import(&self, id: i64) -> From {
        self.linked(Right::Import, format!("by import {id}"), format!("/imports/{id}"))
    }
}

/// Later than anything both databases are given to keep.
fn far() -> NaiveDateTime {
    DateTime::from_timestamp(253_000_000_000, 0).unwrap_or_default().naive_utc()
}

/// A page of events, newest first, and where the next one begins.
pub struct Page {
    events: Vec<Event>,
    next: Option<Place>,
}

impl Page {
    pub fn load(
        customer: &Customer,
        kind: Option<Kind>,
        before: Option<Place>,
        caller: &Caller,
        clock: &Clock,
        conn: &mut Conn,
    ) -> QueryResult<Page> {
        let asked = Asked { customer, caller, clock, words: Words::load(clock, conn)?, kind, before };
        type Read = fn(&Asked, &mut Conn) -> QueryResult<Vec<Event>>;
        const STREAMS: [(&[Kind], Read); 13] = [
            (&[Kind::Came], fields::came),
            (&[Kind::Fields, Kind::Consent, Kind::Came], fields::changed),
            (&[Kind::Consent], fields::agreed),
            (&[Kind::Messages], messages::said),
            (&[Kind::Tags], tags::tagged),
            (&[Kind::Tags], tags::ran_out),
            (&[Kind::Tags], tags::tagged_once),
            (&[Kind::Tags], tags::ended),
            (&[Kind::Imports], imports::lines),
            (&[Kind::Fields], imports::bulk),
            (&[Kind::Purchases], bought::read),
            (&[Kind::Campaigns], mailings::read),
            (&[Kind::Segments], moves::read),
        ];
        let mut events = Vec::new();
        for (kinds, read) in STREAMS {
            if kinds.iter().any(|kind| asked.wants(*kind)) {
                events.extend(read(&asked, conn)?);
            }
        }
        events.sort_by_key(|event| Reverse(event.place));
        let more = events.len() > PAGE;
        events.truncate(PAGE);
        let next = events.last().filter(|_| more).map(|event| event.place);
        Ok(Page { events, next })
    }
}
