//! The first count after one tag was added, beside the count before.

use crate::bench::{Bench, TEN};
use crate::measure::Times;
use crate::results::Goal::AtMost;
use crate::results::Part;

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    part.columns(&["count before", "first count after a tag", "more", "first count after it was taken"]);
    let untagged = |tag: i64| {
        format!(
            "SELECT id FROM customers WHERE NOT EXISTS (SELECT 1 FROM taggings WHERE customer_id = id AND tag_id = {tag}) ORDER BY id LIMIT 20"
        )
    };
    let asked = [
        ("VIP", "tags contains VIP".to_string()),
        ("Newsletter", TEN.to_string()),
        ("Wholesale", bench.filters[8].text.clone()),
        ("Topic-199", "tags contains VIP and country is not SE".to_string()),
    ];
    let mut all = Vec::new();
    for (tag, filter) in asked {
        let who = bench.database.ids(&untagged(bench.names.tag(tag)?))?;
        bench.program.count(&filter)?;
        let (mut before, mut after, mut taken, mut more) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for id in who {
            let path = format!("/api/v1/customers/{id}/tags/{tag}");
            let known = bench.program.count(&filter)?.1;
            bench.program.put(&path)?;
            let changed = bench.program.count(&filter)?.1;
            bench.program.delete(&path)?;
            taken.push(bench.program.count(&filter)?.1);
            before.push(known);
            after.push(changed);
            more.push(changed - known);
        }
        let median = |times: Vec<f64>| anyhow::Ok(Times::of(times)?.median());
        let name = if filter == TEN { "ten conditions" } else { &filter };
        let cells =
            vec![median(before)?.into(), median(after)?.into(), median(more.clone())?.into(), median(taken)?.into()];
        part.line(format!("+ {tag}: {name}"), cells);
        all.extend(more);
    }
    let all = Times::of(all)?;
    let beside = format!("p95 {:.1}, {} times", all.p95(), all.runs());
    part.ms(
        "tag.more",
        "first count after one tag was added: more than the count before",
        all.median(),
        Some(AtMost(5.0)),
        beside,
    );
    Ok(())
}
