//! Which segments she joined and left, of those that whoever looks may know of.

use super::{Asked, Event, Kind, Stream, What};
use crate::db::Conn;
use crate::segments::feed;

pub fn read(asked: &Asked, conn: &mut Conn) -> diesel::QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::Moved);
    let place = (upto.at, upto.id, upto.part);
    let moves = feed::of_customer(asked.customer.id, place, asked.limit(), asked.caller, conn)?;
    let event = |one: feed::Moved| {
        let what = What::Moved { joined: one.joined, segments: vec![(one.segment, one.name)], cause: one.cause };
        Event::new(one.at, Stream::Moved, (one.step, one.segment), Kind::Segments, what)
    };
    Ok(moves.into_iter().map(event).collect())
}
