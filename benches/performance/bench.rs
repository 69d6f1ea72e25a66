//! What every part works with: the visitors, the database, the ten filters, and the segments that have to be there.

use crate::database::{Database, Kind, Names};
use crate::http::{Person, Program};
use anyhow::Context;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

pub struct Bench {
    pub program: Program,
    /// Of the database.
    pub url: String,
    pub person: Person,
    pub database: Database,
    pub names: Names,
    /// The server's process.
    pub server: u32,
    pub rows: u64,
    pub filters: Vec<Filter>,
    /// Seconds until the server had done whatever it does after a start.
    pub quiet_after: f64,
    /// The parts this server was asked already.
    pub done: Vec<&'static str>,
}

/// One of `tests/data/filters.json`.
pub struct Filter {
    pub id: String,
    pub meaning: String,
    pub text: String,
    /// As worked out without Muster, where it was for so many customers.
    pub expected: Option<i64>,
}

/// Ten conditions a marketer might put together, all known once the page was seen.
pub const TEN: &str = "tags contains Newsletter and country is any of (SE, NO, DK, FI, DE, GB) \
    and email_consent is opted in and custom.points between 200 and 8000 and created_at before 2026-01-01 \
    and total_spent >= 10 and last_purchase_at more than 30 days ago and tags does not contain Lapsed \
    and custom.plan is not enterprise and name contains an";

fn data(name: &str) -> anyhow::Result<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let text = std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// The ten filters, with their answers where these are known.
pub fn filters(rows: u64) -> anyhow::Result<Vec<Filter>> {
    let (world, expected) = (data("filters.json")?, data("expected.json")?);
    let size = match rows {
        2_000 => "2k",
        100_000 => "100k",
        1_000_000 => "1m",
        _ => "",
    };
    let word = |filter: &Value, key: &str| filter[key].as_str().map(str::to_string).with_context(|| key.to_string());
    let filters = world["filters"].as_array().context("filters.json holds no filters")?;
    filters
        .iter()
        .map(|filter| {
            let id = word(filter, "id")?;
            let expected = expected[size]["filters"][&id]["count"].as_i64();
            Ok(Filter { meaning: word(filter, "meaning")?, text: word(filter, "filter")?, expected, id })
        })
        .collect()
}

/// The moment that the made-up world lives at.
pub fn now() -> anyhow::Result<chrono::DateTime<chrono::Utc>> {
    Ok(data("filters.json")?["now"].as_str().context("filters.json says no now")?.parse()?)
}

/// What the system tells of a process in numbers, from the first one after its name and state.
fn told(process: u32) -> Option<Vec<f64>> {
    let told = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    Some(told.rsplit_once(')')?.1.split_whitespace().skip(1).filter_map(|number| number.parse().ok()).collect())
}

/// Seconds of work a process has done so far: user and system time are told in hundredths.
fn worked(process: u32) -> Option<f64> {
    let numbers = told(process)?;
    Some((numbers.get(10)? + numbers.get(11)?) / 100.0)
}

/// Seconds since a process was started; nothing where the system does not tell.
fn age(process: u32) -> Option<f64> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Some(uptime - told(process)?.get(18)? / 100.0)
}

/// Waits until a server does next to nothing for two seconds, ten minutes at most; how long that took since its start.
fn until_quiet(server: u32) -> f64 {
    let (began, before) = (Instant::now(), age(server).unwrap_or_default());
    let (mut quiet_since, mut last) = (0.0, worked(server));
    loop {
        std::thread::sleep(Duration::from_millis(250));
        let (now, at) = (worked(server), began.elapsed().as_secs_f64());
        match (last, now) {
            (Some(before), Some(now)) if now - before > 0.02 => quiet_since = at,
            _ => {}
        }
        last = now;
        if at - quiet_since > 2.0 || at > 600.0 {
            return before + quiet_since;
        }
    }
}

impl Bench {
    pub fn open(site: &str, url: &str, token: &str, server: u32, rows: u64) -> anyhow::Result<Bench> {
        let program = Program::new(site, token)?;
        let mut database = Database::open(url)?;
        let names = Names::load(database.conn())?;
        let quiet_after = until_quiet(server);
        let (person, filters) = (Person::sign_in(site)?, filters(rows)?);
        let mut bench = Bench {
            person,
            program,
            url: url.into(),
            database,
            names,
            server,
            rows,
            filters,
            quiet_after,
            done: Vec::new(),
        };
        bench.make_segments()?;
        Ok(bench)
    }

    pub fn kind(&self) -> Kind {
        self.database.kind
    }

    /// The segments that filters.json names, and some fixed lists nobody asked for yet.
    fn make_segments(&mut self) -> anyhow::Result<()> {
        let named = data("filters.json")?;
        let mut wanted: Vec<(String, &str, String)> = Vec::new();
        for (name, segment) in named["segments"].as_object().context("filters.json holds no segments")? {
            match segment["filter"].as_str() {
                Some(filter) => wanted.push((name.clone(), "dynamic", filter.into())),
                None => wanted.push((name.clone(), "static", "external_id ends with 3".into())),
            }
        }
        for n in 0..7 {
            wanted.push((
                format!("Batch {n}"),
                "static",
                format!("external_id ends with {}", [0, 1, 2, 4, 5, 6, 7][n]),
            ));
        }
        for (name, kind, filter) in wanted {
            if !self.names.has_segment(&name) {
                self.program.post("/api/v1/segments", &json!({ "name": name, "kind": kind, "filter": filter }))?;
            }
        }
        self.know_names()
    }

    /// Looks up the ids again, after something was made.
    pub fn know_names(&mut self) -> anyhow::Result<()> {
        self.names = Names::load(self.database.conn())?;
        Ok(())
    }

    /// Anonymous memory of the server, in MB; nothing where the system does not tell.
    pub fn memory(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        let kb: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kb / 1024.0)
    }
}
