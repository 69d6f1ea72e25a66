//! What a request costs that asks for nothing, so that the other figures can be read.

use crate::bench::{Bench, TEN};
use crate::measure::{Patience, Times};
use crate::results::Part;

const OFTEN: Patience = Patience::of(300, 10.0);

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    for _ in 0..20 {
        bench.program.knock()?;
        bench.program.look_for_nobody()?;
    }
    let knock = OFTEN.repeat(|_| bench.program.knock())?;
    part.ms("floor.healthz", "nothing: `GET /healthz`", knock.median(), None, format!("p95 {:.2}", knock.p95()));
    let look = OFTEN.repeat(|_| bench.program.look_for_nobody())?;
    let what = "next to nothing: token, snapshot, a customer who is not there";
    part.ms("floor.token", what, look.median(), None, format!("p95 {:.2}", look.p95()));
    let query = [("filter", TEN)];
    bench.person.page("/customers", &query)?;
    // In turns, so that both meet the same weather.
    let (mut bytes, mut packed) = (0, Vec::new());
    let plain = Patience::of(20, 20.0).repeat(|_| {
        let (size, ms) = bench.person.packed_page("/customers", &query)?;
        bytes = size;
        packed.push(ms);
        Ok(bench.person.page("/customers", &query)?.1)
    })?;
    let packed = Times::of(packed)?;
    let what = "packing a page as browsers ask for it, beside sending it plain";
    let beside = format!("{:.1} against {:.1}; {} KB packed", packed.median(), plain.median(), bytes / 1024);
    part.ms("floor.packing", what, packed.median() - plain.median(), None, beside);
    let segments = bench.database.number("SELECT count(*) FROM segments WHERE kind = 'dynamic'")?;
    part.note(format!(
        "With {segments} dynamic segments saved, the server was quiet {:.0} s after its start.",
        bench.quiet_after
    ));
    part.note("All other pages are measured as they are sent plain.");
    Ok(())
}
