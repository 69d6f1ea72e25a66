//! What the server holds in memory once everything was asked, and by several at once: each connection it opens has a
//! cache of its own.

use crate::bench::{Bench, TEN};
use crate::results::Goal::AtMost;
use crate::results::{Part, Unit};
use std::time::{Duration, Instant};

/// As many as the server opens connections.
const VISITORS: usize = 8;
const LONG_ENOUGH: Duration = Duration::from_secs(20);

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    let (alone, began) = (bench.memory(), Instant::now());
    let mut filters: Vec<&str> = bench.filters.iter().map(|filter| filter.text.as_str()).collect();
    filters.push(TEN);
    std::thread::scope(|scope| {
        let visit = |number: usize| {
            let (person, filters) = (bench.person.clone(), &filters);
            move || -> anyhow::Result<()> {
                for filter in filters.iter().cycle().skip(number) {
                    let sort = ["-created_at", "name", "-total_spent"][number % 3];
                    person.whole_page("/customers", &[("filter", *filter), ("sort", sort)])?;
                    if began.elapsed() > LONG_ENOUGH {
                        break;
                    }
                }
                Ok(())
            }
        };
        let visitors: Vec<_> = (0..VISITORS).map(|number| scope.spawn(visit(number))).collect();
        for visitor in visitors {
            visitor.join().map_err(|_| anyhow::anyhow!("a visitor was stopped"))??;
        }
        anyhow::Ok(())
    })?;
    let (Some(alone), Some(mb)) = (alone, bench.memory()) else {
        part.note("This system does not tell how much memory a process has to itself.");
        return Ok(());
    };
    // Asked by itself it says little: only after all the others does it count.
    let others = super::ALL.len() - 1;
    let whole = bench.done.len() == others;
    let what = "anonymous memory of the server (`RssAnon`) after the workload, then eight visitors at once";
    let beside = format!("{alone:.0} before those eight");
    part.figure("memory", what, mb, Unit::Mb, whole.then_some(AtMost(400.0)), beside);
    if !whole {
        part.note(format!("Before it this server was asked {} of the {others} other parts only.", bench.done.len()));
    }
    Ok(())
}
