//! How many were in a segment, day by day, and the small line that shows it.

use super::{Segment, versions};
use crate::db::schema::{segment_sizes, segments};
use crate::db::{Conn, Db, Trouble};
use crate::each;
use crate::filters::sets::Sets;
use crate::web::Error;
use crate::workspace::Workspace;
use chrono::{Days, NaiveDate};
use diesel::prelude::*;
use diesel::upsert::excluded;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Rows per statement: well below what either database binds.
const CHUNK: usize = 1000;

/// Writes sizes down as those of a day; what was written of that day before is replaced.
pub fn put(sizes: &[(i64, i64)], day: NaiveDate, conn: &mut Conn) -> QueryResult<()> {
    for chunk in sizes.chunks(CHUNK) {
        let row = |(id, size): &(i64, i64)| {
            (segment_sizes::segment_id.eq(*id), segment_sizes::day.eq(day), segment_sizes::size.eq(*size))
        };
        let rows: Vec<_> = chunk.iter().map(row).collect();
        each!(conn, c => diesel::insert_into(segment_sizes::table)
            .values(&rows)
            .on_conflict((segment_sizes::segment_id, segment_sizes::day))
            .do_update()
            .set(segment_sizes::size.eq(excluded(segment_sizes::size)))
            .execute(c))?;
    }
    Ok(())
}

/// Counts a segment that was just saved, and writes that down beside its version and among the days. It is counted when
/// it is there: nobody has to wait with writing for that.
pub async fn saved(segment: &Segment, sets: &Sets, db: &Db) -> Result<i64, Error> {
    let asked = segment.clone();
    let (size, day) = sets
        .read(move |at| {
            let clock = Workspace::load(at)?.clock();
            let filter = asked.filter(at, &clock)?;
            Ok::<_, Error>((at.count(&filter)?, clock.today()))
        })
        .await?;
    let segment = segment.clone();
    let noted = db.write(move |conn| {
        versions::note_size(&segment, size, conn)?;
        Ok::<_, Error>(put(&[(segment.id, size)], day, conn)?)
    });
    // Somebody may have deleted it in between. What is missing is a figure of history, and no reason to refuse anybody.
    if let Err(error) = noted.await {
        tracing::warn!(%error, "the size of a segment was not kept");
    }
    Ok(size)
}

/// No snapshot is kept open longer than about this.
const STRETCH: Duration = Duration::from_millis(50);

/// Writes down how many are in each segment today, where that is not known yet: once a day, and soon for a new one.
pub fn daily(sets: &Sets, db: &Db) -> Result<(), Trouble> {
    while let Some((counted, day)) = sets.read_now::<_, Trouble>(|at| {
        let clock = Workspace::load(at)?.clock();
        let today = segment_sizes::table.filter(segment_sizes::day.eq(clock.today()));
        let known: HashSet<i64> = today.select(segment_sizes::segment_id).load(&mut **at)?.into_iter().collect();
        let mut missing = Segment::every(at)?;
        missing.retain(|segment| !known.contains(&segment.id));
        let filters = Segment::filters(&missing, at, &clock)?;
        let (began, mut counted) = (Instant::now(), Vec::new());
        for (segment, filter) in missing.iter().zip(&filters) {
            counted.push((segment.id, at.count(filter)?));
            if began.elapsed() > STRETCH {
                break;
            }
        }
        Ok((!counted.is_empty()).then_some((counted, clock.today())))
    })? {
        db.write_now::<_, Trouble>(|conn| {
            // Somebody may have deleted one in between.
            let ids: Vec<i64> = counted.iter().map(|(id, _)| *id).collect();
            let there: Vec<i64> = segments::table.filter(segments::id.eq_any(ids)).select(segments::id).load(conn)?;
            let there: Vec<_> = counted.iter().filter(|(id, _)| there.contains(id)).copied().collect();
            Ok(put(&there, day, conn)?)
        })?;
    }
    Ok(())
}

/// A day and how many there were.
pub type Day = (NaiveDate, i64);

/// So many days the line goes back.
const DAYS: u64 = 90;

/// The sizes of the last 90 days, oldest first, of each of these segments.
pub fn lately(ids: &[i64], today: NaiveDate, conn: &mut Conn) -> QueryResult<HashMap<i64, Vec<Day>>> {
    let since = today.checked_sub_days(Days::new(DAYS - 1)).unwrap_or(today);
    let mut found: HashMap<i64, Vec<Day>> = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let rows: Vec<(i64, NaiveDate, i64)> = segment_sizes::table
            .filter(segment_sizes::segment_id.eq_any(chunk.to_vec()))
            .filter(segment_sizes::day.ge(since))
            .order((segment_sizes::segment_id, segment_sizes::day))
            .select((segment_sizes::segment_id, segment_sizes::day, segment_sizes::size))
            .load(conn)?;
        for (id, day, size) in rows {
            found.entry(id).or_default().push((day, size));
        }
    }
    Ok(found)
}

/// A line of 96 by 24 pixels: as wide as 90 days, as high as the largest difference.
pub struct Spark {
    /// The path of the line; empty for a single day.
    pub path: String,
    pub x: f64,
    pub y: f64,
    /// `90 days: from 35,210 to 38,902`
    pub words: String,
}

/// More points than these cannot be told apart.
const POINTS: usize = 30;

impl Spark {
    /// Out of what was written down, and what was counted just now. `None` when nothing is known.
    pub fn of(mut days: Vec<Day>, now: Option<i64>, today: NaiveDate) -> Option<Spark> {
        if let Some(now) = now {
            days.retain(|(day, _)| *day < today);
            days.push((today, now));
        }
        let (first, last) = (*days.first()?, *days.last()?);
        let least = days.iter().map(|(_, size)| *size).min().unwrap_or_default();
        let most = days.iter().map(|(_, size)| *size).max().unwrap_or_default();
        let across = |day: NaiveDate| {
            let ago = today.signed_duration_since(day).num_days().clamp(0, DAYS as i64 - 1);
            93.0 - ago as f64 * 92.0 / (DAYS - 1) as f64
        };
        let up = |size: i64| match most - least {
            0 => 12.0,
            range => 21.0 - (size - least) as f64 * 18.0 / range as f64,
        };
        let step = days.len().div_ceil(POINTS).max(1);
        let shown = days.iter().rev().step_by(step).collect::<Vec<_>>();
        let mut path = String::new();
        for (day, size) in shown.into_iter().rev() {
            // Writing to a string cannot fail.
            let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { "M" } else { "L" }, across(*day), up(*size));
        }
        let spell = crate::web::thousands;
        Some(Spark {
            path: if days.len() > 1 { path } else { String::new() },
            x: across(last.0),
            y: up(last.1),
            words: match days.len() {
                1 => format!("{} on {}", spell(&last.1), last.0.format("%-d %b")),
                _ => format!("{}: {}, now {}", first.0.format("%-d %b"), spell(&first.1), spell(&last.1)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 9, number).expect("a day")
    }

    #[test]
    fn the_line_goes_from_the_first_day_to_now() {
        let spark = Spark::of(vec![(day(1), 10), (day(2), 30), (day(8), 7)], Some(20), day(8)).expect("a line");
        assert_eq!(spark.path, "M85.8 21.0L86.8 3.0L93.0 12.0", "what was counted just now stands for today");
        assert_eq!(spark.words, "1 Sep: 10, now 20");
        let flat = Spark::of(vec![(day(1), 5), (day(2), 5)], None, day(8)).expect("a line");
        assert_eq!((flat.y, flat.path.as_str()), (12.0, "M85.8 12.0L86.8 12.0"));
    }

    #[test]
    fn one_day_is_a_point_and_none_is_nothing() {
        let point = Spark::of(Vec::new(), Some(3), day(8)).expect("a point");
        assert_eq!((point.path.as_str(), point.x), ("", 93.0));
        assert!(Spark::of(Vec::new(), None, day(8)).is_none());
        let long: Vec<Day> = (0..90).map(|ago| (day(30) - Days::new(89 - ago), ago as i64)).collect();
        let line = Spark::of(long, None, day(30)).expect("a line");
        assert!(line.path.matches('L').count() < POINTS, "{}", line.path);
        assert!(line.path.ends_with("93.0 3.0"), "it ends today");
    }
}
