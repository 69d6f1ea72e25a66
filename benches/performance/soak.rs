//! Readers and writers at work for minutes, while the server's memory is watched: it must not grow.

use crate::bench::{Bench, TEN};
use crate::http::{Person, Program};
use crate::measure::Times;
use crate::results;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const READERS: usize = 6;
const WRITERS: usize = 2;

/// Growth beyond this is not flat, in percent.
const FLAT: f64 = 10.0;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Soak {
    pub on: String,
    pub database: String,
    pub rows: u64,
    pub minutes: f64,
    pub reads: u64,
    pub writes: u64,
    /// Median and slowest answer to a reader, in ms.
    pub median: f64,
    pub slowest: f64,
    /// Seconds since the start, and MB of anonymous memory then.
    pub memory: Vec<(f64, f64)>,
    /// Medians of the second and the last fifth, in MB.
    pub early: f64,
    pub late: f64,
    pub flat: bool,
}

impl Soak {
    pub fn kept() -> Option<Soak> {
        let text = std::fs::read_to_string(results::folder().join("soak.json")).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// What readers and writers share.
struct Work<'a> {
    program: Program,
    person: Person,
    filters: Vec<String>,
    ids: Vec<i64>,
    over: &'a AtomicBool,
    done: &'a AtomicU64,
}

/// Keeps at it until told, and says how it went.
pub fn run(bench: &Bench, ids: Vec<i64>, minutes: f64) -> anyhow::Result<Soak> {
    let (over, reads, writes) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let work = |done| Work {
        program: bench.program.clone(),
        person: bench.person.clone(),
        filters: bench.filters.iter().map(|filter| filter.text.clone()).chain([TEN.to_string()]).collect(),
        ids: ids.clone(),
        over: &over,
        done,
    };
    let (memory, answers) = std::thread::scope(|scope| {
        let (reads, writes) = (&reads, &writes);
        let readers: Vec<_> =
            (0..READERS).map(|n| (work(reads), n)).map(|(work, n)| scope.spawn(move || read(&work, n))).collect();
        let writers: Vec<_> =
            (0..WRITERS).map(|n| (work(writes), n)).map(|(work, n)| scope.spawn(move || write(&work, n))).collect();
        let memory = watch(bench, minutes, reads, writes, &over);
        over.store(true, Ordering::Relaxed);
        let mut answers = Vec::new();
        for reader in readers {
            answers.extend(reader.join().map_err(|_| anyhow::anyhow!("a reader was stopped"))??);
        }
        for writer in writers {
            writer.join().map_err(|_| anyhow::anyhow!("a writer was stopped"))??;
        }
        anyhow::Ok((memory?, answers))
    })?;
    let answers = Times::of(answers)?;
    let fifth = |n: usize| {
        let part = &memory[memory.len() * n / 5..memory.len() * (n + 1) / 5];
        Times::of(part.iter().map(|(_, mb)| *mb).collect()).context("too short to say anything")
    };
    let (early, late) = (fifth(1)?.median(), fifth(4)?.median());
    Ok(Soak {
        on: chrono::Utc::now().format("%Y-%m-%d").to_string(),
        database: bench.kind().key().into(),
        rows: bench.rows,
        minutes,
        reads: reads.load(Ordering::Relaxed),
        writes: writes.load(Ordering::Relaxed),
        median: answers.median(),
        slowest: answers.slowest(),
        flat: late <= early * (1.0 + FLAT / 100.0),
        early,
        late,
        memory,
    })
}

/// Looks at the memory every ten seconds; a short soak is looked at more often.
fn watch(
    bench: &Bench,
    minutes: f64,
    reads: &AtomicU64,
    writes: &AtomicU64,
    over: &AtomicBool,
) -> anyhow::Result<Vec<(f64, f64)>> {
    let (began, seconds) = (Instant::now(), minutes * 60.0);
    let step = (seconds / 20.0).min(10.0);
    let mut memory = Vec::new();
    while began.elapsed().as_secs_f64() < seconds && !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_secs_f64(step));
        let (at, mb) = (began.elapsed().as_secs_f64(), bench.memory().context("the server is gone")?);
        let (reads, writes) = (reads.load(Ordering::Relaxed), writes.load(Ordering::Relaxed));
        println!("{at:6.0} s {mb:7.1} MB {reads:8} reads {writes:7} writes");
        memory.push(((at * 10.0).round() / 10.0, (mb * 10.0).round() / 10.0));
    }
    Ok(memory)
}

/// Counts, lists, pages with figures, and segments, with ever new conditions among those that come back. Times in ms.
fn read(work: &Work, reader: usize) -> anyhow::Result<Vec<f64>> {
    let mut random = fastrand::Rng::with_seed(reader as u64);
    let mut times = Vec::new();
    while !work.over.load(Ordering::Relaxed) {
        let known = &work.filters[random.usize(..work.filters.len())];
        let new = format!("custom.points between {} and {}", random.u32(..2000), random.u32(2000..9000));
        let sort = ["-created_at", "name", "-total_spent", "city", "-last_seen_at"][random.usize(..5)];
        let ms = match random.u8(..10) {
            0..=3 => work.program.count(known)?.1,
            4 => work.program.count(&format!("({known}) and {new}"))?.1,
            5..=7 => work.person.page("/customers", &[("filter", known), ("sort", sort)])?.1,
            8 => work.person.whole_page("/customers", &[("filter", known)])?.1,
            _ => work.person.whole_page("/segments", &[])?.1,
        };
        times.push(ms);
        work.done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(times)
}

/// Tags, untags, edits and sells, about twenty times a second.
fn write(work: &Work, writer: usize) -> anyhow::Result<()> {
    let mut random = fastrand::Rng::with_seed(1000 + writer as u64);
    while !work.over.load(Ordering::Relaxed) {
        // Each writer has customers of its own: what it tagged it can untag.
        let id = work.ids[random.usize(..work.ids.len() / WRITERS) * WRITERS + writer];
        let tag = ["VIP", "Newsletter", "Wholesale", "Soaked"][random.usize(..4)];
        let path = format!("/api/v1/customers/{id}");
        match random.u8(..4) {
            0 => drop(work.program.put(&format!("{path}/tags/{tag}"))?),
            1 => {
                work.program.put(&format!("{path}/tags/{tag}"))?;
                work.program.delete(&format!("{path}/tags/{tag}"))?;
            }
            2 => {
                let (city, points) = (format!("Town {}", random.u32(..100)), random.u32(..10_000));
                work.program.patch(&path, &json!({ "city": city, "custom": { "points": points } }))?;
            }
            _ => {
                let bought =
                    json!({ "amount": random.u32(1..500), "product": "Boots", "purchased_at": "2026-11-20T10:00:00Z" });
                work.program.post(&format!("{path}/purchases"), &bought)?;
            }
        }
        work.done.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
