//! The other process: this very program, asked for one test, told by its environment where the database is. It says what
//! it counts as it goes, and goes on until nobody holds its standard input any more.

use super::run::{Count, Run};
use super::{CRAMPED, play};
use crate::random_filters::pick;
use fastrand::Rng;
use muster::db::{Address, Db};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const WHERE: &str = "MUSTER_TEST_KEPT_SETS";
/// Before the counts, on lines of their own.
const COUNTED: &str = "counted";

/// Has another process live, kills it at any moment and starts it anew, until the run is over. The last one may end by
/// itself. What they counted goes to `other`.
pub fn keep(run: &Run, db: &Db, other: &Run) {
    let dice = &mut Rng::new();
    while !run.is_over() {
        let mut child = start(db);
        let said = Mutex::new(Vec::new());
        let lines = BufReader::new(child.stdout.take().expect("its standard output")).lines();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for line in lines.map_while(Result::ok) {
                    if let Some(sums) = line.strip_prefix(COUNTED) {
                        let sums = sums.split_whitespace().map(|sum| sum.parse().expect("a number")).collect();
                        *said.lock().expect("what was said") = sums;
                    }
                }
            });
            let until =
                Instant::now() + Duration::from_millis(pick(&[700, 2_000, 4_000, 6_000], dice) + dice.u64(..2_000));
            while Instant::now() < until && !run.is_over() {
                let ended = child.try_wait().expect("whether it lives");
                assert!(ended.is_none(), "the other process ended by itself: {ended:?}");
                std::thread::sleep(Duration::from_millis(20));
            }
            if run.is_over() {
                drop(child.stdin.take());
                let ended = child.wait().expect("its end");
                assert!(ended.success(), "the other process failed: {ended}");
            } else {
                child.kill().expect("it is killed");
                let ended = child.wait().expect("its end");
                assert!(ended.code().is_none(), "the other process failed: {ended}");
                run.add(Count::Killed, 1);
            }
        });
        other.add_all(&said.into_inner().expect("what was said"));
    }
}

fn start(db: &Db) -> Child {
    let url = match db.address() {
        Address::Postgres(url) => url,
        Address::Sqlite(path) => path,
    };
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "kept_sets::another_process", "--nocapture"]).env(WHERE, url);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("another process")
}

/// The life of the other process. Nothing at all when this is the first.
pub fn live() {
    let Ok(url) = std::env::var(WHERE) else { return };
    // A difference ends it at once, before somebody kills it.
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        told(panic);
        std::process::exit(101);
    }));
    let db = Db::open(&url).expect("the database");
    let run = Run::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = std::io::stdin().read(&mut [0]);
            run.end();
        });
        scope.spawn(|| {
            while !run.is_over() {
                std::thread::sleep(Duration::from_millis(100));
                tell(&run);
            }
        });
        play(&run, &db, Some(CRAMPED), &mut || run.wait());
    });
    tell(&run);
}

fn tell(run: &Run) {
    let sums: Vec<String> = run.sums().iter().map(u64::to_string).collect();
    // The harness may have begun a line. Nobody listens any more when the first process is gone.
    let _ = writeln!(std::io::stdout(), "\n{COUNTED} {}", sums.join(" "));
}
