//! What Muster takes for its answers: `benches/run` and `benches/soak` start a server and run this beside it.
//!
//! The visitors are in [`http`], the other side of each comparison in [`reference`] and [`conditions`], the measurements
//! in [`parts`]. What is found is kept by [`results`] and written up by [`report`].

mod bench;
mod conditions;
mod database;
mod http;
mod measure;
mod parts;
mod reference;
mod report;
mod results;
mod soak;

use anyhow::{Context, ensure};
use bench::Bench;
use clap::{Args, Parser, Subcommand};
use database::Kind;
use results::{Loading, Part, Results};
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Parser)]
struct Line {
    /// `cargo bench` says this to every bench.
    #[arg(long, global = true, hide = true)]
    bench: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Measure a running Muster, and keep what was found
    Run {
        #[command(flatten)]
        place: Place,
        /// Only this part
        #[arg(long)]
        part: Option<String>,
    },
    /// Watch the memory of a running Muster at work
    Soak {
        #[command(flatten)]
        place: Place,
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
    },
    /// Write docs/PERFORMANCE.md from all that was found
    Document,
}

/// What is measured.
#[derive(Args)]
struct Place {
    /// Where Muster listens: http://127.0.0.1:8080
    #[arg(long)]
    site: String,
    #[arg(long)]
    database_url: String,
    /// The folder with the API token and the times of the imports
    #[arg(long)]
    notes: PathBuf,
    /// The process of the server
    #[arg(long)]
    server: u32,
    #[arg(long)]
    rows: u64,
}

impl Place {
    fn open(&self) -> anyhow::Result<Bench> {
        let token = std::fs::read_to_string(self.notes.join("token")).context("the token cannot be read")?;
        Bench::open(&self.site, &self.database_url, &token, self.server, self.rows)
    }
}

fn main() -> anyhow::Result<()> {
    match Line::parse().command {
        Some(Command::Run { place, part }) => measure(&place, part.as_deref()),
        Some(Command::Soak { place, minutes }) => soak(&place, minutes),
        Some(Command::Document) => report::write(),
        None => {
            println!("benches/run measures: it makes the data and starts the server first");
            Ok(())
        }
    }
}

fn measure(place: &Place, only: Option<&str>) -> anyhow::Result<()> {
    if let Some(part) = only {
        let names: Vec<&str> = parts::ALL.iter().map(|(name, _)| *name).collect();
        ensure!(names.contains(&part), "the parts are {}", names.join(", "));
    }
    let mut bench = place.open()?;
    let mut results = start(&mut bench, place)?;
    for (name, work) in parts::ALL.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let mut part = Part { on: chrono::Utc::now().format("%Y-%m-%d").to_string(), ..Part::default() };
        let began = Instant::now();
        work(&mut bench, &mut part).with_context(|| format!("the part {name}"))?;
        bench.done.push(name);
        part.seconds = began.elapsed().as_secs_f64().round();
        report::tell(name, &part);
        results.parts.insert(name.to_string(), part);
        // Kept as they come: a run that is stopped was not for nothing.
        results.keep()?;
    }
    Ok(())
}

/// The results so far, with what is known of database and machine now.
fn start(bench: &mut Bench, place: &Place) -> anyhow::Result<Results> {
    let kind = bench.kind();
    let (software, bytes) = match kind {
        Kind::Sqlite => {
            let file = Path::new(&place.database_url);
            (
                format!("SQLite {}", bench.database.text("SELECT sqlite_version()")?),
                std::fs::metadata(file)?.len() as i64,
            )
        }
        Kind::Postgres => {
            let version = bench.database.text("SELECT current_setting('server_version')")?;
            let version = version.split(' ').next().unwrap_or_default().to_string();
            (format!("PostgreSQL {version}"), bench.database.number("SELECT pg_database_size(current_database())")?)
        }
    };
    let loading = std::fs::read_to_string(place.notes.join("loading.json")).ok();
    let loading = loading.and_then(|text| serde_json::from_str::<Loading>(&text).ok());
    let kept = Results::kept(kind.key(), place.rows);
    Ok(Results {
        database: kind.key().into(),
        rows: place.rows,
        software,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_gb: memory_gb().unwrap_or_default(),
        loading,
        size_mb: (bytes as f64 / 1e6).round(),
        parts: kept.map(|kept| kept.parts).unwrap_or_default(),
    })
}

fn memory_gb() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kb: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some((kb / 1024.0 / 1024.0).round())
}

fn soak(place: &Place, minutes: f64) -> anyhow::Result<()> {
    let mut bench = place.open()?;
    let ids = bench.database.ids("SELECT id FROM customers ORDER BY id LIMIT 10000")?;
    let found = soak::run(&bench, ids, minutes)?;
    std::fs::write(results::folder().join("soak.json"), serde_json::to_string_pretty(&found)? + "\n")?;
    let soak::Soak { early, late, .. } = found;
    let growth = 100.0 * (late / early - 1.0);
    println!("{early:.0} MB in the second fifth, {late:.0} MB in the last: {growth:+.1} %");
    ensure!(found.flat, "memory is not flat: it grew by {growth:.1} %");
    println!("memory is flat");
    Ok(())
}
