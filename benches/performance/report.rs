//! `docs/PERFORMANCE.md`, made of everything in `benches/results`, and what is told while a run goes on.

mod words;

use crate::results::{Cell, Figure, Goal, Part, Results, Unit};
use crate::soak::Soak;
use anyhow::Context;
use std::fmt::Write;
use std::path::Path;
use words::{INTRODUCTION, LIMITS, PARTS};

/// On PostgreSQL known conditions are within so many times of SQLite.
const POSTGRES_MAY: f64 = 3.0;
/// At ten times as many customers no figure grows more than so many times.
const GROWTH_MAY: f64 = 12.0;
/// The size the goals are set for.
const GOAL_ROWS: u64 = 1_000_000;

/// Writes the document.
pub fn write() -> anyhow::Result<()> {
    let all = Results::all()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PERFORMANCE.md");
    // What other benchmarks measure is told by hand, and stays as it is.
    let told = std::fs::read_to_string(&path).ok().as_deref().and_then(by_hand).unwrap_or_default();
    std::fs::write(&path, document(&all, Soak::kept().as_ref(), &told)?).with_context(|| format!("{}", path.display()))
}

/// The sections of a document that are written by hand: from the imports up to the details.
fn by_hand(document: &str) -> Option<String> {
    let (from, to) = (document.find("\n## Imports\n")?, document.find("\n## In detail")?);
    document.get(from..to).map(str::to_string)
}

/// Shows the figures of a part to whoever is watching.
pub fn tell(name: &str, part: &Part) {
    println!("── {name}, {} s", part.seconds);
    for figure in &part.figures {
        println!("   {}: {}{}", figure.what, value(figure), beside(figure));
    }
}

fn document(all: &[Results], soak: Option<&Soak>, told: &str) -> Result<String, std::fmt::Error> {
    let mut out = String::from(INTRODUCTION);
    machine(&mut out, all)?;
    let mut sizes: Vec<u64> = all.iter().map(|results| results.rows).collect();
    sizes.dedup();
    // The size of the goals first, then what is larger, then what is smaller.
    sizes.sort_by_key(|rows| (*rows != GOAL_ROWS, *rows < GOAL_ROWS, *rows));
    for rows in &sizes {
        let here: Vec<&Results> = all.iter().filter(|results| results.rows == *rows).collect();
        figures(&mut out, &here, all)?;
    }
    if let Some(soak) = soak {
        memory(&mut out, soak)?;
    }
    out.push_str(told);
    for rows in &sizes {
        let here: Vec<&Results> = all.iter().filter(|results| results.rows == *rows).collect();
        details(&mut out, &here)?;
    }
    Ok(out)
}

fn spoken(database: &str) -> &'static str {
    if database == "sqlite" { "SQLite" } else { "PostgreSQL" }
}

/// What it ran on, and how long the data took to get there.
fn machine(out: &mut String, all: &[Results]) -> std::fmt::Result {
    let Some(last) = all.last() else { return Ok(()) };
    writeln!(out, "\n## The machine\n")?;
    writeln!(
        out,
        "{} cores that other work had its share of, {:.0} GB of memory; server, database and whoever asks ran on the same. All data \
         fitted in memory: nothing here tells of a cold disk.\n",
        last.cores, last.memory_gb
    )?;
    writeln!(out, "| | customers | size | importing customers | importing purchases |\n|---|--:|--:|--:|--:|")?;
    for results in all {
        let rate = |seconds: Option<f64>| seconds.map_or("—".into(), |seconds| format!("{} s", number(seconds)));
        writeln!(
            out,
            "| {} | {} | {} MB | {} | {} |",
            results.software,
            thousands(results.rows as f64),
            thousands(results.size_mb),
            rate(results.loading.map(|loading| loading.customers)),
            rate(results.loading.map(|loading| loading.purchases)),
        )?;
    }
    Ok(())
}

/// The table of one size: each figure with its goal, on each database, and what limits it.
fn figures(out: &mut String, here: &[&Results], all: &[Results]) -> std::fmt::Result {
    let Some(rows) = here.first().map(|results| results.rows) else { return Ok(()) };
    let both = here.len() > 1;
    let before = |results: &Results| {
        all.iter().find(|other| other.database == results.database && other.rows == GOAL_ROWS && rows > GOAL_ROWS)
    };
    let growing = here.iter().any(|results| before(results).is_some());
    writeln!(out, "\n## At {} customers\n", thousands(rows as f64))?;
    let mut heads = vec!["what".to_string(), "goal".into()];
    heads.extend(here.iter().map(|results| spoken(&results.database).to_string()));
    if both {
        heads.push("PostgreSQL to SQLite".into());
    }
    if growing {
        heads.push(format!("growth from {}", thousands(GOAL_ROWS as f64)));
    }
    heads.push("what limits it".into());
    row(out, &heads)?;
    let aligned = |head: &String| if ["what", "what limits it"].contains(&head.as_str()) { "---" } else { "--:" };
    row(out, &heads.iter().map(|head| aligned(head).to_string()).collect::<Vec<_>>())?;
    for (key, limit) in LIMITS {
        let found: Vec<Option<&Figure>> = here.iter().map(|results| results.figure(key)).collect();
        let Some(any) = found.iter().flatten().next() else { continue };
        let mut cells = vec![any.what.clone(), goal(any)];
        cells.extend(
            found
                .iter()
                .map(|figure| figure.map_or("—".into(), |figure| format!("{}{}", judged(figure), beside(figure)))),
        );
        if both {
            cells.push(match (found[0], found[1]) {
                (Some(a), Some(b)) if a.unit == Unit::Ms && a.value > 0.0 && b.value > 0.0 => {
                    let times = b.value / a.value;
                    format!(
                        "{}{}",
                        number(times),
                        if words::KNOWN.contains(key) { mark(times <= POSTGRES_MAY) } else { "" }
                    )
                }
                _ => String::new(),
            });
        }
        if growing {
            let growth = here.iter().zip(&found).filter_map(|(results, figure)| {
                let (figure, small) = ((*figure)?, before(results)?.figure(key)?);
                let counts = matches!(figure.unit, Unit::Ms | Unit::Mb) && small.value > 0.0;
                let times = counts.then(|| figure.value / small.value)?;
                Some(format!(
                    "{} times{}",
                    number(times),
                    if figure.unit == Unit::Ms { mark(times <= GROWTH_MAY) } else { "" }
                ))
            });
            cells.push(growth.collect::<Vec<_>>().join(", "));
        }
        cells.push(limit.to_string());
        row(out, &cells)?;
    }
    Ok(())
}

fn row(out: &mut String, cells: &[String]) -> std::fmt::Result {
    let escaped: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    writeln!(out, "| {} |", escaped.join(" | "))
}

fn mark(met: bool) -> &'static str {
    if met { " ✓" } else { " ✗" }
}

fn goal(figure: &Figure) -> String {
    match figure.goal {
        Some(Goal::AtMost(limit)) => format!("at most {}", with_unit(limit, figure.unit)),
        Some(Goal::AtLeast(limit)) => format!("at least {}", with_unit(limit, figure.unit)),
        None => String::new(),
    }
}

fn judged(figure: &Figure) -> String {
    match figure.goal {
        Some(goal) if goal.is_met(figure.value) => format!("{} ✓", value(figure)),
        Some(_) => format!("**{}** ✗", value(figure)),
        None => value(figure),
    }
}

fn value(figure: &Figure) -> String {
    with_unit(figure.value, figure.unit)
}

fn beside(figure: &Figure) -> String {
    if figure.beside.is_empty() { String::new() } else { format!(" ({})", figure.beside) }
}

fn with_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Ms => format!("{} ms", number(value)),
        Unit::Times => format!("{} times", number(value)),
        Unit::Mb => format!("{} MB", number(value)),
        Unit::Percent => format!("{} %", number(value)),
    }
}

/// Three digits that mean something.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => thousands(value),
        size if size >= 10.0 && value.fract() != 0.0 => format!("{value:.1}"),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

fn thousands(value: f64) -> String {
    let sign = if value < -0.5 { "-" } else { "" };
    format!("{sign}{}", muster::web::thousands(&(value.abs().round() as i64)))
}

/// What the figures of each part are made of.
fn details(out: &mut String, here: &[&Results]) -> std::fmt::Result {
    let Some(rows) = here.first().map(|results| results.rows) else { return Ok(()) };
    writeln!(out, "\n## In detail, at {} customers\n\nTimes are in milliseconds.", thousands(rows as f64))?;
    for (key, title) in PARTS {
        let parts: Vec<(&str, &Part)> =
            here.iter().filter_map(|results| Some((spoken(&results.database), results.parts.get(*key)?))).collect();
        if parts.iter().all(|(_, part)| part.lines.is_empty() && part.notes.is_empty()) {
            continue;
        }
        writeln!(out, "\n### {title}")?;
        for (database, part) in parts {
            writeln!(out, "\n{database}, measured on {}:\n", part.on)?;
            if !part.lines.is_empty() {
                table(out, part)?;
            }
            for note in &part.notes {
                writeln!(out, "\n{note}")?;
            }
        }
    }
    Ok(())
}

fn table(out: &mut String, part: &Part) -> std::fmt::Result {
    let heads: Vec<String> = std::iter::once(String::new()).chain(part.columns.iter().cloned()).collect();
    row(out, &heads)?;
    let is_words = |column: usize| {
        part.lines.iter().any(|line| matches!(line.cells.get(column), Some(Cell::Words(words)) if !words.is_empty()))
    };
    let line = |column| if is_words(column) { "---" } else { "--:" }.to_string();
    row(out, &std::iter::once("---".to_string()).chain((0..part.columns.len()).map(line)).collect::<Vec<_>>())?;
    for line in &part.lines {
        let cell = |cell: &Cell| match cell {
            Cell::Number(value) => number(*value),
            Cell::Words(words) => words.clone(),
        };
        row(out, &std::iter::once(line.name.clone()).chain(line.cells.iter().map(cell)).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// The curve of the soak.
fn memory(out: &mut String, soak: &Soak) -> std::fmt::Result {
    let growth = 100.0 * (soak.late / soak.early - 1.0);
    writeln!(out, "\n## Memory under work\n")?;
    writeln!(
        out,
        "{} minutes of six readers (counts, lists, pages with figures, segments; one in ten asks something new) and two writers (tag, \
         untag, edit, buy) on {} customers, {}, on {}, with room for 24 MB of answers, which is full within a minute: {} answers, median {} ms, slowest {} ms, and {} changes. Anonymous memory was \
         {} MB in the second fifth of the time and {} MB in the last, {growth:+.1} %: {}.\n",
        number(soak.minutes),
        thousands(soak.rows as f64),
        spoken(&soak.database),
        soak.on,
        thousands(soak.reads as f64),
        number(soak.median),
        number(soak.slowest),
        thousands(soak.writes as f64),
        number(soak.early),
        number(soak.late),
        if soak.flat { "flat" } else { "**not flat**" },
    )?;
    let every = (soak.memory.len() / 12).max(1);
    let points: Vec<&(f64, f64)> = soak.memory.iter().step_by(every).collect();
    row(
        out,
        &std::iter::once("seconds".to_string())
            .chain(points.iter().map(|(at, _)| number(at.round())))
            .collect::<Vec<_>>(),
    )?;
    row(out, &std::iter::once("---".to_string()).chain(points.iter().map(|_| "--:".to_string())).collect::<Vec<_>>())?;
    row(
        out,
        &std::iter::once("MB".to_string()).chain(points.iter().map(|(_, mb)| number(mb.round()))).collect::<Vec<_>>(),
    )
}
