//! What is wrong at the start is said at the start, in one sentence.

use muster::config::Config;
use muster::db::Db;
use muster::demo::World;
use muster::imports::files;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// What `muster serve` says before it gives up.
fn refusal(database: &Path, words: &[&str]) -> String {
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["serve", "--listen", "127.0.0.1:0", "--database-url"])
        .arg(database)
        .args(words)
        .output()
        .expect("the command runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}: {said}", started.elapsed());
    assert!(!said.contains("panicked") && said.lines().count() <= 3, "{said}");
    said
}

#[test]
fn what_cannot_be_served_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("not-a-folder");
    std::fs::write(&file, "nothing").expect("a file");
    let fresh = folder.path().join("fresh.db");
    let said = refusal(&fresh, &["--data-dir", file.to_str().expect("a path")]);
    assert!(said.contains("the folder for uploads") && said.contains("cannot be written"), "{said}");
    for address in ["not a url", "muster.example", "ftp://muster.example"] {
        let said = refusal(&fresh, &["--base-url", address]);
        assert!(said.contains("is not an address like https://muster.example"), "{said}");
    }
    let said = refusal(&file, &[]);
    assert!(said.contains("not a database"), "{said}");
}

#[test]
fn a_database_of_the_demo_is_never_served_with_its_passwords() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("demo.db");
    drop(World::make(file.to_str(), 20, 1).expect("the demo's world"));
    let said = refusal(&file, &[]);
    assert!(said.contains("holds the demo"), "{said}");
}

#[test]
fn two_workspaces_side_by_side_never_share_an_upload() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |name: &str| Db::open(folder.path().join(name).to_str().expect("a path")).expect("a database");
    let (x, y) = (open("x.db"), open("y.db"));
    for config in [Config::standard(), Config { data_dir: Some(folder.path().join("data")), ..Config::standard() }] {
        assert_ne!(files::folder(&config, &x), files::folder(&config, &y));
        assert_eq!(files::folder(&config, &x), files::folder(&config, &open("x.db")), "and keep their own");
    }
}
