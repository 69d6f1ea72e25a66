//! Every example of `filters.rs`, asked by every road there is: the page, the API's list and count, a segment by page
//! and by API, the command line's export. They share one predicate, so they cannot disagree; here is the proof.

use crate::filters::{EXAMPLES, Example};
use crate::support::{NOW, Server, audiences, for_each_database, mailings, talks, world_with_fields};
use muster::agents::Role;
use muster::db::{Address, Db};
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::process::Command;

/// The names of the people in an answer of the API, and its total.
fn listed(answer: &Value) -> (String, u64) {
    let mut names: Vec<_> = answer["customers"]
        .as_array()
        .unwrap_or_else(|| panic!("no customers in {answer}"))
        .iter()
        .map(|customer| customer["name"].as_str().unwrap_or_default())
        .collect();
    names.sort();
    (names.join(", "), answer["total"].as_u64().unwrap_or_default())
}

/// The names of the people in the list of a page.
fn shown(html: &str) -> String {
    let page = scraper::Html::parse_document(html);
    let links = scraper::Selector::parse("table.list td.who a").expect("a selector");
    let mut names: Vec<String> =
        page.select(&links).map(|link| link.text().collect::<String>().trim().into()).collect();
    names.sort();
    names.join(", ")
}

/// Pages know no other now than now, so they are only asked what does not depend on it.
fn depends_on_now(asked: &str) -> bool {
    ["today", "yesterday", "this ", "last ", "in the next", "ago"].iter().any(|words| asked.contains(words))
}

fn ask(program: &Client, address: String, parameters: &[(&str, &str)]) -> Value {
    let answer = program.get(&address).query(parameters).send().expect("an answer");
    assert!(
        answer.status().is_success(),
        "{address} {parameters:?}: {} {}",
        answer.status(),
        answer.text().unwrap_or_default()
    );
    answer.json().expect("JSON")
}

/// What a command prints.
fn muster(db: &Db, words: &[&str]) -> String {
    let url = match db.address() {
        Address::Postgres(url) => url,
        Address::Sqlite(file) => file,
    };
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["--database-url", url])
        .args(words)
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn exported(db: &Db, asked: &str) -> String {
    let file = muster(db, &["export", "--filter", asked, "--now", NOW, "--columns", "name"]);
    let mut names: Vec<_> = file.trim_start_matches('\u{feff}').lines().skip(1).collect();
    names.sort();
    names.join(", ")
}

#[test]
fn every_road_leads_to_the_same_people() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        audiences(&db);
        mailings(&people, &db);
        talks(&people, &db);
        talks(&people, &db);
        let server = Server::start(&db);
        let program = server.program(Role::Marketer);
        let person = server.signed_in(Role::Marketer);
        for (number, Example { asked, who }) in EXAMPLES.iter().enumerate() {
            let many = who.split(", ").filter(|name| !name.is_empty()).count() as u64;
            let question = [("filter", *asked), ("now", NOW)];

            let list = ask(&program, server.url("/api/v1/customers"), &question);
            assert_eq!(listed(&list), (who.to_string(), many), "the list of {asked}");

            let count = ask(&program, server.url("/api/v1/customers/count"), &question);
            assert_eq!(count["count"], json!(many), "the count of {asked}");

            assert_eq!(exported(&db, asked), *who, "the export of {asked}");

            let name = format!("Segment {number}");
            let made = program
                .post(server.url("/api/v1/segments"))
                .json(&json!({"name": name, "kind": "dynamic", "filter": asked}))
                .send()
                .expect("an answer");
            assert_eq!(made.status(), 201, "{asked} is saved as a segment");
            let id = made.json::<Value>().expect("JSON")["id"].as_i64().expect("an id");
            let members = ask(&program, server.url(&format!("/api/v1/segments/{id}/customers")), &[("now", NOW)]);
            assert_eq!(listed(&members), (who.to_string(), many), "the segment of {asked}");

            if number == 0 {
                assert_eq!(muster(&db, &["count", "--filter", asked, "--now", NOW]).trim(), many.to_string());
            }

            if !depends_on_now(asked) {
                for address in [server.url("/customers"), server.url(&format!("/segments/{id}"))] {
                    let answer = person.get(&address).query(&[("filter", asked)]).send().expect("a page");
                    assert_eq!(answer.status(), 200, "{address}");
                    assert_eq!(shown(&answer.text().expect("a page")), *who, "{address} of {asked}");
                }
            }
        }
    });
}
