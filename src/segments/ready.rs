//! Keeps the answers of saved segments at hand, and tidies up behind what is over: after a start, after a large change, and
//! when a new day begins and "the last 90 days" are other days. Whoever opens a page then finds them known; without this
//! she would be answered as truly, only later.

use super::{Segment, sizes};
use crate::db::{Db, Trouble, changes};
use crate::filters::ask::Source;
use crate::filters::sets::{Position, Sets};
use crate::tags;
use crate::workspace::{Workspace, stamp};
use chrono::{NaiveDateTime, Utc};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How often it is looked whether anything was written,
const EVERY: Duration = Duration::from_secs(3);
/// and how often anyhow: another hour, another segment.
const AT_LEAST: Duration = Duration::from_secs(60);
/// No snapshot is kept open longer than about this: others want to write, and to tidy up behind what is not seen any more.
const STRETCH: Duration = Duration::from_millis(50);
/// Changes that stay in the log for whoever was not looking.
const KEPT_CHANGES: i64 = 500_000;

/// What people look for customers by.
const SEARCHED: [&str; 3] = ["name", "email", "city"];

/// Does so as long as the server runs.
pub async fn keep(sets: Sets, db: Db) {
    sets.expect_texts(&SEARCHED);
    let (mut seen, mut last) = (None, None::<Instant>);
    loop {
        let (sets, db) = (sets.clone(), db.clone());
        let due = last.is_none_or(|last| last.elapsed() >= AT_LEAST);
        let done = actix_web::web::block(move || {
            if due {
                changes::trim(KEPT_CHANGES, &db)?;
                tags::past::sweep(stamp(Utc::now()), &db)?;
            }
            let at = refresh(&sets, seen.filter(|_| !due))?;
            if due {
                sizes::daily(&sets, &db)?;
            }
            Ok::<_, Trouble>(at)
        });
        match done.await {
            Ok(Ok(at)) => {
                last = if due { Some(Instant::now()) } else { last };
                seen = Some(at);
            }
            Ok(Err(error)) => tracing::warn!(%error, "the answers of segments could not be made ready"),
            // The workers are gone: the server stops.
            Err(_) => return,
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Asks what segments ask, one condition after the other, unless nothing was written since `seen`. Says up to where.
pub fn refresh(sets: &Sets, seen: Option<Position>) -> Result<Position, Trouble> {
    let (at, sources, now) = sets.read_now::<_, Trouble>(|at| {
        let position = at.position();
        if seen == Some(position) {
            return Ok((position, HashSet::new(), Utc::now().naive_utc()));
        }
        let clock = Workspace::load(at)?.clock();
        let segments = Segment::every(at)?;
        let mut sources = HashSet::from([Source::Anyone]);
        for filter in Segment::filters(&segments, at, &clock)? {
            filter.ask().each(&mut |source| {
                sources.insert(source.clone());
            });
        }
        Ok((position, sources, clock.stamp()))
    })?;
    let mut sources = sources.into_iter().peekable();
    while sources.peek().is_some() {
        sets.read_now::<_, Trouble>(|at| stretch(&mut sources, now, at))?;
        // The next that looks through the same column is quicker.
        sets.read_texts()?;
    }
    sets.read_texts()?;
    Ok(at)
}

/// As many as fit into one short snapshot, at least one.
fn stretch(
    sources: &mut impl Iterator<Item = Source>,
    now: NaiveDateTime,
    at: &mut crate::filters::sets::Snapshot,
) -> Result<(), Trouble> {
    let began = Instant::now();
    for source in sources {
        // Where there is no room for more, those that are asked for anyhow stay.
        if at.has(&source) || !at.is_crowded() {
            at.answer(&source, now)?;
        }
        if began.elapsed() > STRETCH {
            break;
        }
    }
    Ok(())
}
