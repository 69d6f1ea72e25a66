//! A hundred thousand customers, made up by `tests/data/gen_data.py` and brought in as CSV the way an admin would; then
//! the filters of `tests/data/filters.json` give the counts and the first rows of `tests/data/expected.json`, which were
//! worked out without Muster.

use crate::support::for_each_database;
use diesel::prelude::*;
use muster::agents::Caller;
use muster::db::schema::customers;
use muster::db::{Address, Conn, Db, Trouble};
use muster::filters::fields::Fields;
use muster::filters::sets::Snapshot;
use muster::filters::{self, Filter, Rule};
use muster::segments::{Kind, Segment, Wish, members};
use muster::workspace::Clock;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(data(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Makes the two files; the same on every machine.
fn generate(folder: &Path) {
    let made = Command::new("python3")
        .arg(data("gen_data.py"))
        .args(["--rows", "100000", "--out"])
        .arg(folder)
        .status()
        .expect("python3 runs (tests/run installs it)");
    assert!(made.success(), "gen_data.py failed");
}

fn import(db: &Db, kind: &str, file: &Path, more: &[String]) -> Value {
    let url = match db.address() {
        Address::Postgres(url) => url,
        Address::Sqlite(file) => file,
    };
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["--database-url", url, "import", kind])
        .arg(file)
        .arg("--json")
        .args(more)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn count(rule: &str, clock: &Clock, conn: &mut Conn) -> Result<Filter, Trouble> {
    let rule = Rule::read(rule, &Fields::load(conn)?).unwrap_or_else(|mistake| panic!("{rule}: {mistake}"));
    let filter = Filter::check(&rule, conn, clock)?;
    assert_eq!(filter.problems(), [], "{}", filter.text());
    Ok(filter)
}

/// The segments that the filters name. The static one is told by a rule of its own: external ids that end in 3.
fn segments(world: &Value, clock: &Clock, conn: &mut Conn) -> Result<(), Trouble> {
    let caller = Caller::command_line();
    for (name, segment) in world["segments"].as_object().expect("segments") {
        let dynamic = segment["filter"].as_str();
        let rule = dynamic.map(|text| Rule::read(text, Fields::built_in()).expect("a filter"));
        let kind = if dynamic.is_some() { Kind::Dynamic } else { Kind::Static };
        let wish = Wish { name: name.clone(), kind, rule, private: false };
        let made = Segment::create(&wish, &caller, conn, clock).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        if dynamic.is_none() {
            let chosen = count("external_id ends with 3", clock, conn)?;
            members::add_matching(&made, &chosen, conn, clock).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        }
    }
    Ok(())
}

#[test]
fn the_right_answers_at_a_hundred_thousand_customers() {
    let folder = tempfile::tempdir().expect("a folder");
    generate(folder.path());
    let (world, expected) = (read("filters.json"), read("expected.json"));
    let clock =
        Clock { now: world["now"].as_str().and_then(|now| now.parse().ok()).expect("now"), zone: chrono_tz::UTC };
    let mut maps = vec!["--consent-proof".to_string(), "made up".into()];
    for (header, field) in world["mapping"].as_object().expect("a mapping") {
        let field = field.as_str().and_then(|field| field.split(' ').next()).expect("a field");
        maps.extend(["--map".to_string(), format!("{header}={field}")]);
    }
    for_each_database(|db| {
        let done = import(&db, "customers", &folder.path().join("customers.csv"), &maps);
        assert_eq!((done["created"].as_u64(), done["rejected"].as_u64()), (Some(100_000), Some(0)), "{done}");
        let done = import(&db, "purchases", &folder.path().join("purchases.csv"), &[]);
        assert_eq!((done["rejected"].as_u64(), done["updated"].as_u64()), (Some(0), Some(0)), "{done}");
        db.write_now::<_, Trouble>(|conn| segments(&world, &clock, conn)).expect("the segments");
        muster::db::dialect::analyze(&mut db.conn().expect("a connection")).expect("the tables are measured");
        db.read_now::<_, Trouble>(|conn| {
            for asked in world["filters"].as_array().expect("filters") {
                let (id, text) = (asked["id"].as_str().expect("an id"), asked["filter"].as_str().expect("a filter"));
                let answer = &expected["100k"]["filters"][id];
                let filter = count(text, &clock, conn)?;
                assert_eq!(Some(filters::count(&filter, conn)?), answer["count"].as_i64(), "{id}: {text}");
                assert_eq!(Some(Snapshot::alone(conn).count(&filter)?), answer["count"].as_i64(), "{id} as a set");
                let first: Vec<Option<String>> = customers::table
                    .filter(filter.predicate())
                    .order((customers::created_at.desc(), customers::external_id_folded.desc()))
                    .limit(3)
                    .select(customers::external_id)
                    .load(conn)?;
                let first: Vec<Value> = first.into_iter().map(Value::from).collect();
                assert_eq!(Value::from(first), answer["first"], "{id}: {text}");
            }
            Ok(())
        })
        .expect("the answers");
    });
}
