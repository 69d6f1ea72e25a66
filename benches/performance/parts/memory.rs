//! What the server holds in memory once everything was asked.

use crate::bench::Bench;
use crate::results::Goal::AtMost;
use crate::results::{Part, Unit};

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    match bench.memory() {
        Some(mb) => {
            let what = "anonymous memory of the server (`RssAnon`) after the workload";
            part.figure("memory", what, mb, Unit::Mb, Some(AtMost(400.0)), String::new());
        }
        None => part.note("This system does not tell how much memory a process has to itself."),
    }
    Ok(())
}
