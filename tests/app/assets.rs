//! What a browser is given: the vendored files are the ones the lock names, templates name only files and icons that
//! exist, and nothing in them needs an exception from the content security policy.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use muster::web::assets;
use sha2::{Digest, Sha512};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.push(entry);
        }
    }
    found.sort();
    found
}

/// Every template with its text.
fn templates() -> Vec<(String, String)> {
    files(&root("templates")).iter().map(|path| (path.display().to_string(), read(path))).collect()
}

/// What stands between `before` and the next `after`, everywhere in the text.
fn between<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

#[test]
fn the_vendored_files_are_the_ones_the_lock_names() {
    let lock = read(&root("static/vendor/vendor.lock"));
    let mut named = BTreeSet::from(["update".to_string(), "vendor.lock".into(), "licences/tabler.txt".into()]);
    for line in lock.lines().filter(|line| line.starts_with("file ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let bytes = std::fs::read(root("static/vendor").join(words[1])).unwrap();
        let sum = format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(&bytes)));
        assert_eq!(sum, words[3], "{} was changed by hand: run static/vendor/update", words[1]);
        named.insert(words[1].to_string());
    }
    let folder = root("static/vendor");
    let there = files(&folder).iter().map(|path| path.strip_prefix(&folder).unwrap().display().to_string()).collect();
    assert_eq!(named, there, "a file is missing, or nobody knows where it comes from");
}

#[test]
fn every_file_a_page_loads_exists() {
    for (name, text) in templates() {
        for file in between(&text, "assets::url(\"", '"') {
            assert!(assets::has(file), "{name} loads {file}");
        }
    }
    for sheet in ["tokens.css", "pieces.css", "widths.css"] {
        for file in between(&read(&root("static").join(sheet)), "url(\"/static/", '"') {
            assert!(assets::has(file), "{sheet} loads {file}");
        }
    }
}

#[test]
fn every_icon_is_in_the_sprite() {
    let sprite = read(&root("static/icons.svg"));
    let known: BTreeSet<&str> = between(&sprite, "<symbol id=\"", '"').into_iter().collect();
    let sources = files(&root("src")).into_iter().map(|path| (path.display().to_string(), read(&path)));
    for (name, text) in templates().into_iter().chain(sources) {
        for icon in between(&text, "icon(\"", '"') {
            assert!(known.contains(icon), "{name} draws {icon}, which is not in static/icons.svg");
        }
    }
}

#[test]
fn pages_need_no_exception_from_the_content_security_policy() {
    for (name, text) in templates() {
        for forbidden in
            [" style=", "<style", "javascript:", "hx-on", " onclick=", " onchange=", " onsubmit=", "|safe", "| safe"]
        {
            assert!(!text.contains(forbidden), "{name} says {forbidden}");
        }
        for script in between(&text, "<script", '>') {
            assert!(script.contains(" src="), "{name} has a script of its own");
        }
        for trigger in between(&text, "hx-trigger=\"", '"') {
            assert!(!trigger.contains('['), "{name} filters a trigger, which htmx compiles at run time: {trigger}");
        }
    }
}

#[test]
fn htmx_attributes_are_written_as_data_attributes() {
    for (name, text) in templates() {
        assert!(!text.contains(" hx-"), "{name} has an hx- attribute without data-");
    }
}
