//! What a run found, as it is kept in `benches/results`: one small JSON file for each database and number of customers.
//! The document is made of these alone.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Everything one database at one size was measured for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// `sqlite` or `postgres`.
    pub database: String,
    pub rows: u64,
    /// `SQLite 3.53.2`.
    pub software: String,
    pub cores: usize,
    pub memory_gb: f64,
    /// Seconds it took to import customers and purchases.
    pub loading: Option<Loading>,
    pub size_mb: f64,
    pub parts: BTreeMap<String, Part>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Loading {
    pub customers: f64,
    pub purchases: f64,
}

/// One row of the table of goals, or several that belong together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Part {
    /// The day it was measured.
    pub on: String,
    pub seconds: f64,
    pub figures: Vec<Figure>,
    /// What the figures were made of.
    pub columns: Vec<String>,
    pub lines: Vec<Line>,
    pub notes: Vec<String>,
}

/// A figure that is compared with a goal, and across databases and sizes by its key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    pub key: String,
    pub what: String,
    pub value: f64,
    pub unit: Unit,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
    /// More about it, in brackets: the worst one's name, how many times it was measured.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub beside: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Ms,
    /// How many times faster, or as long.
    Times,
    Mb,
    /// Of a hundred.
    Percent,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Goal::AtMost(limit) => value <= limit,
            Goal::AtLeast(limit) => value >= limit,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    pub name: String,
    pub cells: Vec<Cell>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    Number(f64),
    Words(String),
}

impl From<f64> for Cell {
    fn from(number: f64) -> Cell {
        // Microseconds are enough.
        Cell::Number((number * 1000.0).round() / 1000.0)
    }
}
impl From<&str> for Cell {
    fn from(words: &str) -> Cell {
        Cell::Words(words.to_string())
    }
}

impl Part {
    pub fn columns(&mut self, columns: &[&str]) {
        self.columns = columns.iter().map(|column| column.to_string()).collect();
    }

    pub fn line(&mut self, name: impl Into<String>, cells: Vec<Cell>) {
        self.lines.push(Line { name: name.into(), cells });
    }

    pub fn note(&mut self, words: impl Into<String>) {
        self.notes.push(words.into());
    }

    /// Adds a figure; `told` shows it to whoever is watching.
    pub fn figure(&mut self, key: &str, what: &str, value: f64, unit: Unit, goal: Option<Goal>, beside: String) {
        let value = (value * 1000.0).round() / 1000.0;
        self.figures.push(Figure { key: key.into(), what: what.into(), value, unit, goal, beside });
    }

    pub fn ms(&mut self, key: &str, what: &str, value: f64, goal: Option<Goal>, beside: impl Into<String>) {
        self.figure(key, what, value, Unit::Ms, goal, beside.into());
    }
}

/// Where the results are kept.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results")
}

fn file(database: &str, rows: u64) -> PathBuf {
    folder().join(format!("{database}-{rows}.json"))
}

impl Results {
    /// What was found before about this database at this size.
    pub fn kept(database: &str, rows: u64) -> Option<Results> {
        let text = std::fs::read_to_string(file(database, rows)).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub fn keep(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder())?;
        let path = file(&self.database, self.rows);
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(&path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))
    }

    /// All that are there, smaller ones and SQLite first.
    pub fn all() -> anyhow::Result<Vec<Results>> {
        let mut found: Vec<Results> = Vec::new();
        for entry in std::fs::read_dir(folder()).context("there are no results yet")? {
            let path = entry?.path();
            // Other benchmarks keep theirs here too, in shapes of their own.
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(".json") && ["sqlite-", "postgres-"].iter().any(|database| name.starts_with(database)) {
                let text = std::fs::read_to_string(&path)?;
                found.push(serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?);
            }
        }
        found.sort_by_key(|results| (results.rows, results.database != "sqlite"));
        Ok(found)
    }

    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.parts.values().flat_map(|part| &part.figures)
    }

    pub fn figure(&self, key: &str) -> Option<&Figure> {
        self.figures().find(|figure| figure.key == key)
    }
}
