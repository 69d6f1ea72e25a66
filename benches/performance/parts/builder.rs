//! The whole answer to a change in the builder: the form is sent, the list comes back with its count, sentence and first
//! rows, and the figures stand beside the ten conditions.

use crate::bench::{Bench, TEN};
use crate::conditions::{BUILDER, SORTS};
use crate::http::{Form, form};
use crate::measure::{Times, median};
use crate::results::Goal::AtMost;
use crate::results::Part;
use std::time::Instant;

/// Seconds for each kind of change.
const LONG_ENOUGH: f64 = 60.0;

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    part.columns(&["the whole answer", "the condition by itself", "more"]);
    new_conditions(bench, part)?;
    known(bench, part)
}

/// One new condition beside nine known ones, less what that condition takes by itself.
fn new_conditions(bench: &Bench, part: &mut Part) -> anyhow::Result<()> {
    let nine = TEN.rsplit_once(" and ").map_or(TEN, |(nine, _)| nine);
    let nine = form(&bench.person.whole_page("/customers", &[("filter", nine)])?.0)?;
    bench.person.change(&nine)?;
    let mut more = Vec::new();
    let mut slowest: (f64, &str) = (0.0, "");
    for sort in SORTS {
        let (mut fills, mut pages) = (Vec::new(), Vec::new());
        for (alone, beside) in BUILDER {
            let fill = sort.variant(alone, &bench.names, bench.kind())?;
            let added = sort.variant(beside, &bench.names, bench.kind())?;
            let (Some(fill), Some(added)) = (fill, added) else { continue };
            fills.push(bench.program.count(&fill.text)?.1);
            let changed: Form = nine.iter().cloned().chain(added.row(9)).collect();
            pages.push(bench.person.change(&changed)?.1);
        }
        if pages.is_empty() {
            continue;
        }
        let (page, fill) = (median(pages)?, median(fills)?);
        part.line(format!("new: {}", sort.name), vec![page.into(), fill.into(), (page - fill).into()]);
        if page - fill > slowest.0 {
            slowest = (page - fill, sort.name);
        }
        more.push(page - fill);
    }
    let what =
        "a builder change with one new condition beside nine known: more than that condition's own count, median";
    let beside = format!("most {:.0}: {}", slowest.0, slowest.1);
    part.ms("builder.new", what, median(more)?, Some(AtMost(30.0)), beside);
    Ok(())
}

/// ALL or ANY, rows taken away and moved: every condition is known.
fn known(bench: &Bench, part: &mut Part) -> anyhow::Result<()> {
    let ten = form(&bench.person.whole_page("/customers", &[("filter", TEN)])?.0)?;
    let doing = |action: String| -> Form { ten.iter().cloned().chain([("do".to_string(), action)]).collect() };
    let joined = |join: &str| -> Form {
        let with = |(name, value): &(String, String)| match name == "k" {
            true => (name.clone(), join.to_string()),
            false => (name.clone(), value.clone()),
        };
        ten.iter().map(with).collect()
    };
    let toggles: Vec<Form> = (0..20).map(|n| joined(if n % 2 == 0 { "any" } else { "all" })).collect();
    let removals: Vec<Form> = (0..20).map(|n| doing(format!("remove:{}", n % 10))).collect();
    let moves: Vec<Form> = (0..20).map(|n| doing(format!("{}:{}", ["down", "up"][n / 10], n % 10))).collect();
    let mut all = Vec::new();
    for (name, forms) in [("ALL or ANY", toggles), ("a row taken away", removals), ("a row moved", moves)] {
        // Whatever is remembered of a change is remembered now.
        bench.person.change(&forms[0])?;
        let (began, mut times) = (Instant::now(), Vec::new());
        for form in &forms {
            if times.len() >= 5 && began.elapsed().as_secs_f64() > LONG_ENOUGH {
                break;
            }
            times.push(bench.person.change(form)?.1);
        }
        let told = Times::of(times.clone())?;
        part.line(format!("known: {name}"), vec![told.median().into(), "".into(), "".into()]);
        all.extend(times);
    }
    let all = Times::of(all)?;
    let beside = format!("{} changes", all.runs());
    part.ms("builder.known", "a builder change, all ten known: median", all.median(), Some(AtMost(15.0)), beside);
    part.ms("builder.known95", "the same, p95", all.p95(), Some(AtMost(40.0)), "");
    Ok(())
}
