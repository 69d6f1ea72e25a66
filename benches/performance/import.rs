//! What `benches/import` has kept.

use crate::results;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub struct Import {
    pub on: String,
    pub lines: u64,
    pub sqlite: Option<Carried>,
    pub postgres: Option<Carried>,
    #[serde(default)]
    pub large: BTreeMap<String, Read>,
    pub pages: Option<Pages>,
}

/// On one database: seconds of the raw load, and the import twice.
#[derive(Deserialize)]
pub struct Carried {
    pub raw: f64,
    pub first: Read,
    pub again: Read,
}

/// One import.
#[derive(Deserialize)]
pub struct Read {
    pub seconds: f64,
    /// MB.
    pub memory: f64,
    pub lines: u64,
    #[serde(default)]
    pub bytes: u64,
}

/// Pages of a server that imports.
#[derive(Deserialize)]
pub struct Pages {
    pub quiet: Took,
    pub tried: Took,
    pub tried_seconds: f64,
    pub run: Took,
    pub run_seconds: f64,
}

/// In ms.
#[derive(Deserialize)]
pub struct Took {
    pub p95: f64,
    pub slowest: f64,
}

impl Import {
    pub fn kept() -> Option<Import> {
        let text = std::fs::read_to_string(results::folder().join("import.json")).ok()?;
        serde_json::from_str(&text).ok()
    }
}
