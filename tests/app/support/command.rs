//! The program itself, as a shell runs it.

use muster::db::{Address, Db};
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs the program on a database.
pub fn muster(db: &Db, words: &[&str]) -> Output {
    muster_reads(db, words, b"")
}

/// The same with something piped in.
pub fn muster_reads(db: &Db, words: &[&str], input: &[u8]) -> Output {
    let url = match db.address() {
        Address::Postgres(url) => url.clone(),
        Address::Sqlite(path) => path.clone(),
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(words).env("MUSTER_DATABASE_URL", url).env_remove("RUST_LOG");
    let mut running =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("muster runs");
    running.stdin.take().expect("its stdin").write_all(input).expect("it reads");
    running.wait_with_output().expect("muster ends")
}

pub fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

pub fn totals(output: &Output) -> serde_json::Value {
    serde_json::from_str(&said(output)).unwrap_or_else(|error| panic!("{error}: {}{}", said(output), told(output)))
}
