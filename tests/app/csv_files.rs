//! Each file of `tests/data/csv` ends in the totals that `make.py`, which knows nothing of Muster, works out for it.

use crate::support::for_each_database;
use crate::support::imports::{Done, import_about, looked_at};
use diesel::prelude::*;
use muster::db::schema::{customers, taggings, tags};
use muster::db::{Db, Trouble};
use muster::imports::Subject;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/csv");

/// What an import of one file has to come to.
#[derive(Deserialize)]
#[serde(untagged)]
enum Meant {
    /// It is no CSV; some of the words that say so.
    Refused {
        refused: String,
    },
    Read(Sums),
}

#[derive(Deserialize)]
struct Sums {
    lines: i64,
    header: i64,
    blank: i64,
    created: i64,
    updated: i64,
    unchanged: i64,
    skipped: i64,
    rejected: i64,
    rejected_lines: Vec<i64>,
    /// External id, name, city and tags of everybody.
    people: Vec<(String, String, String, Vec<String>)>,
    read_as: String,
}

fn meant() -> BTreeMap<String, Meant> {
    let json = std::fs::read(path("expected.json")).expect("what the files come to");
    serde_json::from_slice(&json).expect("JSON")
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(FOLDER).join(name)
}

fn import_file(name: &str, db: &Db) -> Done {
    let bytes = std::fs::read(path(name)).expect("a file");
    import_about(Subject::Customers, db, &bytes, |_, _| {})
}

/// The same of whoever is in the database.
fn person(external_id: &str, db: &Db) -> (String, String, String, Vec<String>) {
    db.read_now::<_, Trouble>(|conn| {
        let (id, name, city): (i64, Option<String>, Option<String>) = customers::table
            .filter(customers::external_id.eq(external_id))
            .select((customers::id, customers::name, customers::city))
            .first(conn)?;
        let mut names: Vec<String> = taggings::table
            .inner_join(tags::table)
            .filter(taggings::customer_id.eq(id))
            .select(tags::name)
            .load(conn)?;
        names = names.iter().map(|name| name.to_lowercase()).collect();
        names.sort();
        Ok((external_id.into(), name.unwrap_or_default(), city.unwrap_or_default(), names))
    })
    .unwrap_or_else(|error| panic!("{external_id}: {error}"))
}

#[test]
fn the_files_are_as_their_maker_makes_them() {
    let made = Command::new("python3").arg(path("make.py")).arg("--check").output().expect("python3 runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn every_file_comes_to_what_was_counted_without_us() {
    for_each_database(|db| {
        for (name, meant) in meant() {
            let looked = looked_at(&path(&name));
            let sums = match (meant, looked) {
                (Meant::Refused { refused }, Err(why)) => {
                    assert!(why.to_string().contains(&refused), "{name}: {why}");
                    continue;
                }
                (Meant::Refused { .. }, Ok(read_as)) => panic!("{name} was read as {read_as}"),
                (Meant::Read(_), Err(why)) => panic!("{name}: {why}"),
                (Meant::Read(sums), Ok(read_as)) => {
                    assert_eq!(read_as, sums.read_as, "{name}");
                    sums
                }
            };
            let done = import_file(&name, &db);
            let t = done.totals;
            let reasons = done.reasons();
            assert_eq!(
                [t.lines(), t.header, t.blank, t.created, t.updated, t.unchanged, t.skipped, t.rejected],
                [
                    sums.lines,
                    sums.header,
                    sums.blank,
                    sums.created,
                    sums.updated,
                    sums.unchanged,
                    sums.skipped,
                    sums.rejected
                ],
                "{name}: {reasons:#?}"
            );
            let mut rejected: Vec<i64> = done.rejected.iter().map(|remark| remark.line).collect();
            rejected.dedup();
            assert_eq!(rejected, sums.rejected_lines, "{name}");
            for meant in sums.people.iter().filter(|(external_id, ..)| !external_id.is_empty()) {
                assert_eq!(person(&meant.0, &db), *meant, "{name}");
            }
        }
    });
}

/// What is said of lines that do not land.
const SAID: &[(&str, &str)] = &[
    ("ragged.csv", "3 : This line has 2 cells, the header has 3."),
    ("ragged.csv", "7 : This line has 1 cell, the header has 3."),
    ("open-quote.csv", "3 : A quotation mark on this line is not closed before other text begins."),
    ("open-quote-last.csv", "4 : A quotation mark on this line is never closed."),
    ("nul.csv", "3 : This line holds a NUL character, which text never does."),
    (
        "utf-8-broken.csv",
        "8 : This line holds bytes that are not UTF-8. Save it in that encoding, or choose another one.",
    ),
    ("excel-numbers.csv", "2 phone: A spreadsheet shortened this number. Enter all digits."),
    ("excel-numbers.csv", "3 external_id: A spreadsheet shortened this number. Enter all digits."),
    ("addresses.csv", "3 email: The part after the @ needs a dot, for example example.com."),
    ("consent.csv", "14 email_consent: “maybe” is not a consent. Write opted in, opted out or unknown."),
    (
        "times.csv",
        "4 created_at: “31.12.2025” is not a time. Write 2026-09-07 or 2026-09-07T14:30:00Z. Dates in this column \
         are year-month-day; another order can be chosen for it.",
    ),
];

#[test]
fn a_line_that_does_not_land_says_why() {
    for_each_database(|db| {
        for (name, reason) in SAID {
            let done = import_file(name, &db);
            assert!(done.reasons().iter().any(|said| said == reason), "{name}: {:#?}", done.reasons());
        }
        let done = import_file("two-customers.csv", &db);
        let meant = [
            "4 phone: Matches line 2 by email and line 3 by phone.",
            "5 email: Matches line 2 by external id and line 3 by email.",
        ];
        assert_eq!(done.reasons(), meant, "nobody of that file has a number before the end of its batch");
        let done = import_file("same-key.csv", &db);
        let notes: Vec<String> = done.notes.iter().map(|note| format!("{} {}", note.line, note.reason)).collect();
        let meant =
            ["4 Same as line 2.", "5 Same as line 4.", "6 Same as line 3.", "7 Same as line 6.", "8 Same as line 5."];
        assert_eq!(notes, meant);
    });
}
