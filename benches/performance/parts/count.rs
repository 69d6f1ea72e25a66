//! Counts of the ten filters whose conditions are known, beside the best hand-written SQL on the same data.

use crate::bench::Bench;
use crate::measure::{Patience, Times, geometric_mean};
use crate::reference;
use crate::results::Goal::{AtLeast, AtMost};
use crate::results::{Part, Unit};
use anyhow::ensure;

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    part.columns(&["Muster", "p95", "SQL", "times faster", "less the door", "the quickest SQL"]);
    let door = Patience::of(100, 5.0).repeat(|_| bench.program.look_for_nobody())?.median();
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
        let inside = sql.ms / (ms - door).max(0.05);
        let name = format!("{} {}, {count}", filter.id, filter.meaning);
        part.line(
            name,
            vec![ms.into(), times.p95().into(), sql.ms.into(), ratio.into(), inside.into(), sql.shape.into()],
        );
        medians.push(ms);
        ratios.push(ratio);
        own.push(inside);
    }
    let all = Times::of(medians)?;
    let worst = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let what = "count of a known filter: times faster than the best SQL, geometric mean of ten";
    part.figure("count.ratio", what, geometric_mean(&ratios), Unit::Times, Some(AtLeast(50.0)), String::new());
    part.figure("count.worst", "the same, least of ten", worst, Unit::Times, Some(AtLeast(1.0)), String::new());
    let beside = format!(
        "least {:.1}; what counting adds to {door:.2} ms at the door",
        own.iter().copied().fold(f64::INFINITY, f64::min)
    );
    part.figure(
        "count.own",
        "the same without HTTP, geometric mean",
        geometric_mean(&own),
        Unit::Times,
        Some(AtLeast(50.0)),
        beside,
    );
    part.ms("count.median", "the same over HTTP, median of ten", all.median(), Some(AtMost(3.0)), "");
    part.ms("count.slowest", "the same over HTTP, slowest of ten", all.slowest(), Some(AtMost(40.0)), "");
    part.note("“Less the door” leaves out what a request costs that shows its token and finds nobody.");
    Ok(())
}
