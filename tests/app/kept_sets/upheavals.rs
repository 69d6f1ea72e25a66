//! What happens to everybody at once: the log is trimmed, a table is emptied, a file comes in.

use super::run::{Count, Run};
use super::shop::{self, CHILDREN, restock, say};
use super::writers::is_clash;
use crate::random_filters::pick;
use crate::support::command::{muster, told, totals};
use diesel::QueryResult;
use fastrand::Rng;
use muster::db::{Conn, Db, Trouble, changes};
use std::time::Duration;

/// Goes on until the run is over.
pub fn happen(run: &Run, db: &Db) {
    let dice = &mut Rng::new();
    let mut turn = 0;
    while !run.is_over() {
        std::thread::sleep(Duration::from_millis(dice.u64(300..1_300)));
        // To little, or to nothing: then whoever has not read all of it has to begin anew.
        let gone = changes::trim(pick(&[0, 300, 300, 2_000], dice), db).expect("the log is trimmed");
        run.add(Count::Trimmed, gone as u64);
        turn += 1;
        if turn % 6 == 2 {
            match dice.u8(..5) {
                0 => begin_anew(dice, db),
                _ => empty(pick(&CHILDREN, dice), dice, db),
            }
        }
        if turn % 5 == 4 {
            import(dice, db);
            run.add(Count::Imported, 1);
        }
    }
}

fn lose(table: &str, conn: &mut Conn) -> QueryResult<()> {
    let text = match conn {
        Conn::Sqlite(_) => format!("DELETE FROM {table}"),
        Conn::Postgres(_) => format!("TRUNCATE {table} CASCADE"),
    };
    say(text, conn).map(drop)
}

/// Nobody is left, and others come, with numbers that nobody had.
fn begin_anew(dice: &mut Rng, db: &Db) {
    agree(db.write_now(|conn| Ok(lose("customers", conn)?)));
    std::thread::sleep(Duration::from_millis(200));
    agree(db.write_now(|conn| Ok(shop::settle(dice, conn)?)));
    for table in CHILDREN {
        agree(db.write_now(|conn| Ok(restock(table, dice, conn)?)));
    }
}

/// A table loses all its rows, and later gets others.
fn empty(table: &str, dice: &mut Rng, db: &Db) {
    agree(db.write_now(|conn| Ok(lose(table, conn)?)));
    for _ in 0..3 {
        agree(db.write_now(|conn| Ok(restock(table, dice, conn)?)));
    }
}

/// Done, or refused because of others.
fn agree(done: Result<(), Trouble>) {
    if let Err(trouble) = done {
        assert!(is_clash(&trouble), "an upheaval failed: {trouble:?}");
    }
}

/// A file of customers, of whom some are there.
fn import(dice: &mut Rng, db: &Db) {
    let mut text = "email,external id,name,city,tags,plan,spend,last seen\n".to_string();
    for _ in 0..dice.usize(1..60) {
        let number = dice.u32(..9_000);
        text += &format!(
            "{},{},{},{},{}{},{},{},{}\n",
            shop::email(number),
            shop::external_id(number),
            pick(&shop::NAMES, dice),
            pick(&shop::CITIES, dice),
            pick(&["", "-", ""], dice),
            pick(&shop::TAGS, dice),
            pick(&shop::PLANS, dice),
            dice.i64(0..99),
            shop::moment(dice).and_utc().to_rfc3339(),
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("customers.csv");
    std::fs::write(&file, text).expect("a file");
    let done = muster(db, &["import", "customers", file.to_str().expect("a path in UTF-8"), "--json"]);
    // Some lines are refused: they mean two customers.
    assert!(totals(&done)["created"].is_u64(), "an import failed: {}", told(&done));
}
