//! What is too much for a CSV costs a line or is refused, and never the memory: limits are settings and told in words.

use crate::support::command::{said, told, totals};
use crate::support::{Server, for_each_database, sqlite};
use muster::agents::Role;
use muster::config::Limits;
use muster::db::Db;
use reqwest::blocking::multipart::{Form, Part};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const MIB: usize = 1 << 20;

/// Runs the program and gives the most memory it had, in MiB.
fn measured(db: &Db, words: &[&str]) -> (Output, i64) {
    let url = match db.address() {
        muster::db::Address::Postgres(url) => url.clone(),
        muster::db::Address::Sqlite(path) => path.clone(),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    let file = |path: &Path| Stdio::from(std::fs::File::create(path).expect("a file"));
    #[expect(clippy::zombie_processes, reason = "wait4 waits for it, and says more than wait does")]
    let child = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(words)
        .env("MUSTER_DATABASE_URL", url)
        .env_remove("RUST_LOG")
        .stdout(file(&out))
        .stderr(file(&err))
        .spawn()
        .expect("muster runs");
    let mut status = 0;
    // SAFETY: both places are ours and large enough, and zeros are a valid `rusage`.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut usage), child.id() as i32);
        usage
    };
    let output = Output {
        status: std::os::unix::process::ExitStatusExt::from_raw(status),
        stdout: std::fs::read(out).expect("what it said"),
        stderr: std::fs::read(err).expect("what it told"),
    };
    (output, usage.ru_maxrss / 1024)
}

/// A file that a closure writes.
fn file(folder: &Path, name: &str, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> PathBuf {
    let path = folder.join(name);
    let mut out = BufWriter::new(std::fs::File::create(&path).expect("a file"));
    write(&mut out).expect("room for it");
    out.flush().expect("room for it");
    path
}

fn repeated(out: &mut dyn Write, mebibytes: usize) -> std::io::Result<()> {
    let mebibyte = vec![b'x'; MIB];
    (0..mebibytes).try_for_each(|_| out.write_all(&mebibyte))
}

#[test]
fn a_cell_of_a_hundred_megabytes_costs_its_line_and_no_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = |out: &mut dyn Write, from: usize, to: usize| -> std::io::Result<()> {
        (from..to).try_for_each(|n| writeln!(out, "{n},Somebody,short"))
    };
    let small = file(folder.path(), "small.csv", |out| {
        writeln!(out, "external_id,name,notes")?;
        plain(out, 0, 50)
    });
    let bare = file(folder.path(), "bare.csv", |out| {
        write!(out, "external_id,name,notes\n1,Somebody,short\n2,Bo,")?;
        repeated(out, 100)?;
        writeln!(out)?;
        plain(out, 3, 50)
    });
    let quoted = file(folder.path(), "quoted.csv", |out| {
        write!(out, "external_id,name,notes\n1,Somebody,short\n2,Bo,\"")?;
        repeated(out, 100)?;
        writeln!(out, "\"")?;
        plain(out, 3, 50)
    });
    let db = sqlite(folder.path());
    let import = |file: &Path| measured(&db, &["import", "customers", file.to_str().expect("a path"), "--json"]);
    let (done, usual) = import(&small);
    assert_eq!(totals(&done)["created"], 50, "{}", told(&done));
    for file in [bare, quoted] {
        let (done, most) = import(&file);
        let sums = totals(&done);
        assert_eq!((&sums["lines"], &sums["unchanged"], &sums["rejected"]), (&50.into(), &48.into(), &1.into()));
        let reason = "line 3: This line is longer than 1 MiB, the longest that a line may be here.";
        assert!(told(&done).contains(reason), "{}", told(&done));
        assert!(most < usual + 30, "{most} MiB; a small file takes {usual}");
    }
}

#[test]
fn a_quotation_mark_left_open_over_three_hundred_megabytes_costs_its_line_and_no_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    // Lines as long as they may be, so that there are few to import.
    let long = "x".repeat(MIB - 100);
    let write = |name: &str, lines: usize| {
        file(folder.path(), name, |out| {
            write!(out, "external_id,name,notes\n1,Ana,short\n2,\"Bo,short\n")?;
            (3..lines).try_for_each(|n| writeln!(out, "{n},Somebody,{long}"))
        })
    };
    let (small, large) = (write("small.csv", 13), write("large.csv", 303));
    let db = sqlite(folder.path());
    let import = |file: &Path| measured(&db, &["import", "customers", file.to_str().expect("a path"), "--json"]);
    let (done, usual) = import(&small);
    assert_eq!(totals(&done)["created"], 11, "{}", told(&done));
    let (done, most) = import(&large);
    let sums = totals(&done);
    assert_eq!((&sums["lines"], &sums["created"], &sums["unchanged"]), (&303.into(), &290.into(), &11.into()));
    assert_eq!(sums["rejected"], 1);
    let reason = "A quotation mark on this line is not closed within 1 MiB, the longest that a line may be here.";
    assert!(told(&done).contains(&format!("line 3: {reason}")), "{}", told(&done));
    assert!(most < usual + 30, "{most} MiB; a file of 10 MiB takes {usual}");
}

#[test]
fn more_columns_than_are_allowed_are_refused_by_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let wide = file(folder.path(), "wide.csv", |out| {
        write!(out, "external_id,name")?;
        (2..10_000).try_for_each(|n| write!(out, ",c{n}"))?;
        write!(out, "\n1,Ana{}\n", ",x".repeat(9_998))
    });
    let wide = wide.to_str().expect("a path");
    for_each_database(|db| {
        let (refused, _) = measured(&db, &["import", "customers", wide, "--json"]);
        assert_eq!((refused.status.code(), said(&refused).as_str()), (Some(1), ""));
        let reason = "The file has 10,000 columns; 2,000 are the most that a file may have here. Leave out those that \
                      are not to be imported";
        assert!(told(&refused).contains(reason), "{}", told(&refused));
        let (done, _) = measured(&db, &["import", "customers", wide, "--json", "--column-limit", "10000"]);
        assert_eq!(totals(&done)["created"], 1, "{}", told(&done));
    });
}

#[test]
fn the_longest_line_is_a_setting() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = file(folder.path(), "long.csv", |out| {
        let (fits, over) = ("x".repeat(60 << 10), "x".repeat(70 << 10));
        write!(out, "external_id,notes\n1,{fits}\n2,{over}\n3,short\n")
    });
    let file = file.to_str().expect("a path");
    for_each_database(|db| {
        let (done, _) = measured(&db, &["import", "customers", file, "--json", "--line-limit", "64"]);
        assert_eq!((&totals(&done)["created"], &totals(&done)["rejected"]), (&2.into(), &1.into()));
        let reason = "line 3: This line is longer than 64 KiB, the longest that a line may be here.";
        assert!(told(&done).contains(reason), "{}", told(&done));
        let (done, _) = measured(&db, &["import", "customers", file, "--json"]);
        assert_eq!((&totals(&done)["created"], &totals(&done)["unchanged"]), (&1.into(), &2.into()));
        let (refused, _) = measured(&db, &["import", "customers", file, "--line-limit", "0"]);
        assert!(told(&refused).contains("--line-limit"), "{}", told(&refused));
    });
}

#[test]
fn the_page_tells_the_limits_before_and_after() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let page = admin.get(server.url("/imports/new")).send().expect("a page").text().expect("text");
        for told in ["up to 1 GiB", "up to 2,000", "up to 1 MiB"] {
            assert!(page.contains(told), "{told} in {page}");
        }
        let wide = "a,".repeat(3_000);
        let form = Form::new().part("file", Part::bytes(wide.into_bytes()).file_name("wide.csv"));
        let refused = admin.post(server.url("/imports")).multipart(form).send().expect("a page");
        assert_eq!(refused.status(), 422);
        let told = refused.text().expect("text");
        assert!(told.contains("The file has 3,001 columns; 2,000 are the most"), "{told}");
    });
}

#[test]
fn limits_are_said_in_words() {
    let words = |line: u32| Limits { line, ..Limits::default() }.line_words();
    assert_eq!([words(1024), words(512), words(65_536)], ["1 MiB", "512 KiB", "64 MiB"]);
}
