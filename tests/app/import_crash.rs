//! An import whose process is killed at any moment goes on where it was: at the end everything is as if nobody had been
//! killed.

use crate::support::command::told;
use crate::support::imports::import;
use crate::support::{for_each_database, somebody_writes, world};
use diesel::prelude::*;
use muster::db::schema::{
    consents, custom_fields, custom_values, customers, import_changes, import_lines, import_remarks, imports, taggings,
    tags,
};
use muster::db::{Address, Db, Trouble};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often the process is killed, with each change of the program.
const KILLS: usize = 50;
/// The file it is killed in: enough lines for all of that.
const LINES: usize = 6_000;

/// A file with a bit of everything: new people, known ones, the same again later, keys that change hands, rejected lines,
/// blank ones, tags that come and go.
fn file(seed: usize) -> String {
    let mut text = String::from("external_id,name,email,city,tags,plan,email_opt_in\n");
    for n in 0..LINES {
        let key = (n * 7919 + seed) % (LINES / 2);
        match n % 23 {
            3 => text.push('\n'),
            5 => writeln!(text, "k{key},Kim,kim{key}@nowhere,Oslo,,,").expect("written"),
            7 => writeln!(text, "k{key},only,three").expect("written"),
            11 => writeln!(text, "k{key},,,(clear),-Tag {},(clear),", key % 9).expect("written"),
            _ => writeln!(
                text,
                "k{key},Name {n},p{key}@example.com,City {},Tag {};Tag {},plan {},no",
                n % 50,
                n % 9,
                n % 7,
                n % 3
            )
            .expect("written"),
        }
    }
    text
}

/// Everything an import leaves behind, in order. Numbers that a database hands out and moments are left out.
fn everything(db: &Db) -> Vec<String> {
    db.read_now::<_, Trouble>(|conn| {
        type Person =
            (i64, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);
        let people: Vec<Person> = customers::table
            .select((
                customers::id,
                customers::external_id,
                customers::name,
                customers::name_folded,
                customers::email,
                customers::phone,
                customers::city,
            ))
            .load(conn)?;
        let keys: BTreeMap<i64, String> =
            people.iter().map(|person| (person.0, person.1.clone().unwrap_or_default())).collect();
        let whose = |id: i64| keys.get(&id).cloned().unwrap_or_default();
        let mut all: Vec<String> = people
            .iter()
            .map(|(_, key, name, folded, email, phone, city)| {
                format!("{key:?} {name:?} {folded:?} {email:?} {phone:?} {city:?}")
            })
            .collect();
        let carried: Vec<(i64, String, String, String)> = taggings::table
            .inner_join(tags::table)
            .select((taggings::customer_id, tags::name, taggings::actor, taggings::source))
            .load(conn)?;
        all.extend(carried.into_iter().map(|(id, tag, actor, source)| format!("{} {tag} {actor} {source}", whose(id))));
        let said: Vec<(i64, String, String)> =
            consents::table.select((consents::customer_id, consents::channel, consents::state)).load(conn)?;
        all.extend(said.into_iter().map(|(id, channel, state)| format!("{} {channel} {state}", whose(id))));
        let own: Vec<(i64, i64, String)> = custom_values::table
            .select((custom_values::customer_id, custom_values::field_id, custom_values::value))
            .load(conn)?;
        all.extend(own.into_iter().map(|(id, field, value)| format!("{} field {field} {value}", whose(id))));
        let lines: Vec<(i64, i64, String, Option<i64>)> =
            import_lines::table.select(import_lines::all_columns).load(conn)?;
        all.extend(lines.into_iter().map(|(import, line, outcome, id)| {
            format!("import {import} line {line} {outcome} {}", id.map(whose).unwrap_or_default())
        }));
        let remarks: Vec<(i64, i64, String, String, String)> = import_remarks::table
            .select((
                import_remarks::import_id,
                import_remarks::line,
                import_remarks::outcome,
                import_remarks::reason,
                import_remarks::record,
            ))
            .load(conn)?;
        all.extend(remarks.into_iter().map(|remark| format!("remark {remark:?}")));
        let changes: Vec<(i64, i64, i64)> = import_changes::table
            .select((import_changes::import_id, import_changes::line, import_changes::customer_id))
            .load(conn)?;
        all.extend(changes.into_iter().map(|(import, line, id)| format!("change {import} {line} {}", whose(id))));
        type Sums = (String, i64, i64, i64, i64, i64, i64);
        let sums: Vec<Sums> = imports::table
            .select((
                imports::state,
                imports::lines,
                imports::created,
                imports::updated,
                imports::unchanged,
                imports::rejected,
                imports::blank,
            ))
            .load(conn)?;
        all.extend(sums.into_iter().map(|sums| format!("import {sums:?}")));
        all.sort();
        Ok(all)
    })
    .expect("everything can be read")
}

fn command(db: &Db, file: &Path) -> Command {
    let url = match db.address() {
        Address::Postgres(url) => url.clone(),
        Address::Sqlite(path) => path.clone(),
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["import", "customers"]).arg(file).args(["--map", "plan=custom.plan", "--json"]);
    command.env("MUSTER_DATABASE_URL", url).env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Whoever was killed does not let go by itself: here nobody waits until that is noticed.
fn let_go(db: &Db) {
    db.write_now::<_, Trouble>(|conn| {
        let past = chrono::Utc::now().naive_utc() - chrono::TimeDelta::seconds(1);
        diesel::update(imports::table.filter(imports::held_by.is_not_null()))
            .set(imports::held_until.eq(past))
            .execute(conn)?;
        Ok(())
    })
    .expect("it is let go");
}

/// The newest import: its file, and whether it was killed before its end but after its beginning.
fn newest(db: &Db) -> Option<(String, bool, bool)> {
    let newest: Option<(String, String, i64)> = db
        .read_now::<_, Trouble>(|conn| {
            let newest = imports::table.order(imports::id.desc());
            Ok(newest.select((imports::file_name, imports::state, imports::lines)).first(conn).optional()?)
        })
        .expect("read");
    newest.map(|(file, state, lines)| (file, state == "running" && lines > 0, state == "done"))
}

fn prepared(db: &Db) {
    world(db);
    db.write_now::<_, Trouble>(|conn| {
        diesel::insert_into(custom_fields::table)
            .values((
                custom_fields::key.eq("plan"),
                custom_fields::label.eq("Plan"),
                custom_fields::kind.eq("text"),
                custom_fields::created_at.eq(chrono::Utc::now().naive_utc()),
            ))
            .execute(conn)?;
        Ok(())
    })
    .expect("a field");
    import(db, "external_id,name,tags\nk1,Known,Tag 1\nk2,Known too,Mine\n");
}

#[test]
fn killed_at_fifty_moments_it_ends_as_if_nobody_had_been() {
    for_each_database(|db| {
        prepared(&db);
        let folder = tempfile::tempdir().expect("a folder");
        let (mut kills, mut files, mut dice) = (0, Vec::new(), 7u64);
        let mut cut_short = 0;
        while kills < KILLS {
            let path = folder.path().join(format!("{}.csv", files.len()));
            std::fs::write(&path, file(files.len())).expect("written");
            // Each file is imported to its end, however often that is tried.
            loop {
                let mut child = command(&db, &path).spawn().expect("it runs");
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let late = Instant::now() + Duration::from_millis(60 + (dice >> 33) % 700);
                let mut over = false;
                while Instant::now() < late && !over {
                    over = child.try_wait().expect("asked").is_some();
                    somebody_writes(&db);
                    std::thread::sleep(Duration::from_millis(5));
                }
                if !over && kills < KILLS {
                    child.kill().expect("it is killed");
                    kills += 1;
                }
                let output = child.wait_with_output().expect("it ended");
                let_go(&db);
                let (file, cut, done) = newest(&db).expect("there is one");
                let this = path.file_name().is_some_and(|name| name.to_string_lossy() == file);
                cut_short += usize::from(this && cut);
                if let Some(code) = output.status.code() {
                    assert!(code == 0 || code == 2, "{}", told(&output));
                }
                // It may have been killed just after it was done.
                if this && done {
                    break;
                }
            }
            files.push(path);
        }
        assert!(cut_short > KILLS / 4, "only {cut_short} of {KILLS} were killed between two batches");
        let after = everything(&db);
        // The same files, one after the other, and nobody is killed.
        crate::support::beside(&db, |other| {
            prepared(&other);
            for path in &files {
                let output = command(&other, path).output().expect("it runs");
                assert!(output.status.code().is_some_and(|code| code == 0 || code == 2), "{}", told(&output));
            }
            let unbroken = everything(&other);
            assert_eq!(after.len(), unbroken.len());
            let differ = after.iter().zip(&unbroken).find(|(one, other)| one != other);
            assert_eq!(differ, None);
        });
    });
}
