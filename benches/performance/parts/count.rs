//! Counts of the ten filters whose conditions are known, beside the best hand-written SQL on the same data.

use crate::bench::Bench;
use crate::measure::{Patience, Times, geometric_mean};
use crate::reference;
use crate::results::Goal::{AtLeast, AtMost};
use crate::results::{Part, Unit};
use anyhow::ensure;
use chrono::{DateTime, Utc};
use muster::db::{Db, Trouble};
use muster::filters::fields::Fields;
use muster::filters::sets::Sets;
use muster::filters::{Filter, Rule};
use muster::workspace::Workspace;
use std::time::Instant;

/// The road from the text of a filter to the number, inside a program: what the hand-written SQL is asked by as well.
fn inside(text: &str, now: DateTime<Utc>, sets: &Sets) -> anyhow::Result<(i64, f64)> {
    let began = Instant::now();
    let count = sets.read_now::<_, Trouble>(|at| {
        let mut clock = Workspace::load(at)?.clock();
        clock.now = now;
        let Ok(rule) = Rule::read(text, &Fields::load(at)?) else { return Ok(-1) };
        let filter = Filter::check(&rule, at, &clock)?;
        Ok(at.count(&filter)?)
    })?;
    Ok((count, began.elapsed().as_secs_f64() * 1000.0))
}

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    part.columns(&["Muster", "p95", "SQL", "times faster", "without HTTP", "times faster", "the quickest SQL"]);
    let sets = Sets::new(Db::open(&bench.url)?, None);
    let now = crate::bench::now()?;
    let (mut medians, mut ratios, mut own) = (Vec::new(), Vec::new(), Vec::new());
    let kind = bench.kind();
    for filter in &bench.filters {
        let (count, _) = bench.program.count(&filter.text)?;
        ensure!(filter.expected.is_none_or(|expected| expected == count), "{}: Muster counts {count}", filter.id);
        bench.program.count(&filter.text)?;
        let times = Patience::of(50, 5.0).repeat(|_| Ok(bench.program.count(&filter.text)?.1))?;
        let shapes = reference::counts(&filter.id, &bench.names, kind)?;
        let sql = bench.database.quickest_count(&shapes, count)?;
        let (ms, ratio) = (times.median(), sql.ms / times.median());
        ensure!(inside(&filter.text, now, &sets)?.0 == count, "{}: inside another number is counted", filter.id);
        let alone = Patience::of(200, 5.0).repeat(|_| Ok(inside(&filter.text, now, &sets)?.1))?.median();
        let quicker = sql.ms / alone;
        let name = format!("{} {}, {count}", filter.id, filter.meaning);
        part.line(
            name,
            vec![
                ms.into(),
                times.p95().into(),
                sql.ms.into(),
                ratio.into(),
                alone.into(),
                quicker.into(),
                sql.shape.into(),
            ],
        );
        medians.push(ms);
        ratios.push(ratio);
        own.push(quicker);
    }
    let all = Times::of(medians)?;
    let worst = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let least = own.iter().copied().fold(f64::INFINITY, f64::min);
    let what =
        "count of a known filter, from its text to the number: times faster than the best SQL, geometric mean of ten";
    part.figure("count.own", what, geometric_mean(&own), Unit::Times, Some(AtLeast(50.0)), String::new());
    part.figure("count.least", "the same, least of ten", least, Unit::Times, Some(AtLeast(1.0)), String::new());
    let what = "the same over HTTP beside SQL without it, geometric mean";
    part.figure("count.ratio", what, geometric_mean(&ratios), Unit::Times, None, String::new());
    part.figure("count.worst", "the same, least of ten", worst, Unit::Times, Some(AtLeast(1.0)), String::new());
    part.ms("count.median", "the same over HTTP, median of ten", all.median(), Some(AtMost(3.0)), "");
    part.ms("count.slowest", "the same over HTTP, slowest of ten", all.slowest(), Some(AtMost(40.0)), "");
    part.note("“Without HTTP” is everything Muster does from the text of the filter to the number, in one program, as the SQL is.");
    Ok(())
}
