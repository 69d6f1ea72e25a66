//! Sets that are kept are exact, whatever is written meanwhile, by whomever, and in whatever order it is committed.
//!
//! Two processes share a database. In each some threads write, in transactions that stay open for a while, clash and are
//! rolled back; others open snapshots and ask random filters in them, and each answer is compared with that of SQL in
//! the same snapshot. The log is trimmed to nothing under their hands, one of the processes has next to no room for sets,
//! and it is killed again and again.
//!
//! | room | what is in it |
//! |---|---|
//! | [`shop`] | the database they share: a few thousand customers with times that pass by |
//! | [`questions`] | random filters, and where an answer differs |
//! | [`readers`] | snapshots, held open or not, and the comparison |
//! | [`writers`] | transactions of changes by the product's functions |
//! | [`by_hand`], [`replaced`] | changes by plain SQL, and those that SQLite's `OR REPLACE` makes on the way |
//! | [`upheavals`] | what happens to everybody at once: trimming, emptied tables, imports |
//! | [`companion`] | the other process |
//! | [`run`] | how long it goes on, and what is counted |

mod by_hand;
mod companion;
mod questions;
mod readers;
mod replaced;
mod run;
mod shop;
mod upheavals;
mod writers;

use crate::support::for_each_database;
use muster::db::{Address, Db};
use muster::filters::sets::Sets;
use run::{Count, Run};
use std::io::Write;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// In each process.
const READERS: usize = 3;
const WRITERS: usize = 3;

/// Room for hardly more than one set: they come and go all the time.
const CRAMPED: usize = 20_000;

/// Goes on until the run is over: the threads of one process.
fn play(run: &Run, db: &Db, room: Option<usize>, others: &mut dyn FnMut()) {
    let (sets, newest) = (Sets::new(db.clone(), room), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| run.guard(|| readers::ask(run, db, &sets, &newest)));
        }
        for number in 0..WRITERS {
            scope.spawn(move || run.guard(|| writers::write(run, db, number)));
        }
        scope.spawn(|| run.guard(|| read_texts(run, &sets)));
        run.guard(others);
    });
}

/// Columns come into memory while others look for something in them.
fn read_texts(run: &Run, sets: &Sets) {
    while !run.is_over() {
        match sets.read_texts() {
            Err(trouble) if writers::is_clash(&trouble) => run.add(Count::Clashed, 1),
            read => drop(read.expect("texts")),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Fewer answers prove nothing.
const ENOUGH: u64 = 1_000;

/// How long on each database: 20 seconds, or as many minutes as `MUSTER_LONG` says.
fn length() -> Duration {
    match std::env::var("MUSTER_LONG") {
        Ok(minutes) => {
            Duration::from_secs_f64(60.0 * minutes.parse::<f64>().expect("MUSTER_LONG is a number of minutes"))
        }
        Err(_) => Duration::from_secs(20),
    }
}

#[test]
fn what_sets_say_is_what_sql_says_in_the_same_snapshot() {
    for_each_database(|db| {
        shop::open(&db).expect("a shop");
        let (run, other) = (Run::default(), Run::default());
        let compared = || run.count(Count::Compared) + other.count(Count::Compared);
        let enough = || compared() >= ENOUGH && run.count(Count::Killed) > 0;
        play(&run, &db, None, &mut || {
            std::thread::scope(|scope| {
                scope.spawn(|| run.guard(|| upheavals::happen(&run, &db)));
                scope.spawn(|| run.guard(|| companion::keep(&run, &db, &other)));
                run.last(length(), enough);
            });
        });
        let name = if matches!(db.address(), Address::Sqlite(_)) { "SQLite" } else { "PostgreSQL" };
        // Past the harness, which keeps what a test prints to itself.
        let _ = writeln!(std::io::stderr(), "Kept sets on {name}: {run}.\nIn the other process: {other}.");
        assert!(enough(), "too little was asked: {run}; {other}");
        for run in [&run, &other] {
            let compared = run.count(Count::Compared);
            assert!(run.count(Count::Telling) * 4 > compared, "too much is true of all or of none: {run}");
            assert!(run.count(Count::Late) * 20 > compared, "too little was asked late: {run}");
            assert!(run.count(Count::Written) > 20, "too little was written: {run}");
        }
        let (asked, filled) = (run.count(Count::Asked), run.count(Count::Filled));
        assert!(0 < filled && filled * 2 < asked, "sets are not kept: {run}");
    });
}

/// The other process is this test alone, told where its database is.
#[test]
fn another_process() {
    companion::live();
}
