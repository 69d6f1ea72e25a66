//! A condition nobody asked yet: counted over HTTP, beside SQL that hands out its ids to a program.

use crate::bench::Bench;
use crate::conditions::{ALONE, SORTS};
use crate::measure::median;
use crate::results::Goal::{AtLeast, AtMost};
use crate::results::{Part, Unit};

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    part.columns(&["Muster, first time", "SQL that returns the ids", "times as long", "more"]);
    let kind = bench.kind();
    // At ten million one of them takes minutes in SQL that is run again and again.
    let variants = if bench.rows > 1_000_000 { 1 } else { ALONE.len() };
    let (mut within, mut all, mut worst, mut scan) = (0, 0, (0.0, ""), (0.0, ""));
    for sort in SORTS {
        let (mut ours, mut sqls, mut found) = (Vec::new(), Vec::new(), Vec::new());
        for number in ALONE.into_iter().take(variants) {
            let Some(condition) = sort.variant(number, &bench.names, kind)? else { continue };
            // What it reads is in memory for both.
            bench.database.ids(&condition.ids[0].1)?;
            let (count, ms) = bench.program.count(&condition.text)?;
            sqls.push(bench.database.quickest_ids(&condition.ids, count)?.ms);
            ours.push(ms);
            found.push(count.to_string());
        }
        let (ours, sql) = (median(ours)?, median(sqls)?);
        let (ratio, more) = (ours / sql, ours - sql);
        part.line(
            format!("{} ({})", sort.name, found.join(", ")),
            vec![ours.into(), sql.into(), ratio.into(), more.into()],
        );
        all += 1;
        within += usize::from(ratio <= 1.3 || more <= 50.0);
        // By how much it is beyond both limits.
        if (more - 50.0).min(ours - 1.3 * sql) > worst.0 || worst.1.is_empty() {
            worst = ((more - 50.0).min(ours - 1.3 * sql), sort.name);
        }
        if sort.scans && ours > scan.0 {
            scan = (ours, sort.name);
        }
    }
    let what = "a condition asked for the first time: within 1.3 times of SQL that returns its ids, or + 50 ms";
    let beside = format!("{within} of {all} conditions; worst: {}", worst.1);
    let share = 100.0 * within as f64 / all as f64;
    part.figure("first.within", what, share, Unit::Percent, Some(AtLeast(100.0)), beside);
    part.ms("first.contains", "text `contains` for the first time, slowest", scan.0, Some(AtMost(100.0)), scan.1);
    part.note(match variants {
        1 => "Each is one condition of its kind, asked once.",
        _ => "Each is the median of up to three conditions of its kind, each asked once.",
    });
    Ok(())
}
