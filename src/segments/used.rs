//! When a segment was last used: opened, exported, or asked to choose customers by a bulk action or a campaign.

use super::Segment;
use crate::db::schema::segments;
use crate::db::{Conn, Db, Trouble};
use crate::workspace::{Clock, Workspace};
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

/// Noted at most so often, so that reading does not write all the time.
const EVERY: TimeDelta = TimeDelta::minutes(1);

fn is_due(last: Option<NaiveDateTime>, now: NaiveDateTime) -> bool {
    last.is_none_or(|last| now - last >= EVERY)
}

/// Notes that these were used now. For whoever writes anyway: exports, bulk actions, campaigns. The ids a filter names
/// are [`Filter::segments`](crate::filters::Filter::segments).
pub fn mark(ids: &[i64], conn: &mut Conn, clock: &Clock) -> QueryResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let due = clock.stamp() - EVERY;
    let among = segments::table
        .filter(segments::id.eq_any(ids.to_vec()))
        .filter(segments::last_used_at.is_null().or(segments::last_used_at.le(due).assume_not_null()));
    diesel::update(among).set(segments::last_used_at.eq(clock.stamp())).execute(conn).map(drop)
}

/// Somebody looked at it. Noted beside the answer: nobody waits for that, and nothing is lost when it fails.
pub fn opened(segment: &Segment, db: &Db, clock: &Clock) {
    if !is_due(segment.last_used_at, clock.stamp()) {
        return;
    }
    let (db, id) = (db.clone(), segment.id);
    actix_web::rt::spawn(async move {
        let noted = db.write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            Ok::<_, Trouble>(mark(&[id], conn, &clock)?)
        });
        if let Err(error) = noted.await {
            tracing::warn!(%error, "that a segment was opened was not noted");
        }
    });
}
