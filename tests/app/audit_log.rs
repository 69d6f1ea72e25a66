//! Who changed what, before and after: for admins.

use crate::support::walks::{signed_in, walk};
use crate::support::{Server, audiences, for_each_database, world};
use muster::agents::{Caller, Role, audit};
use muster::db::Trouble;
use reqwest::blocking::{Client, Response};
use scraper::{Html, Selector};
use serde_json::json;

/// How many cells of the log lie on the one before.
const COVERED: &str = "return [...document.querySelectorAll('#log td + td')].filter((cell) => {
    const [a, b] = [cell, cell.previousElementSibling].map((one) => one.getBoundingClientRect());
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}).length";

fn lines(client: &Client, server: &Server, query: &[(&str, &str)]) -> Vec<String> {
    let page = client.get(server.url("/settings/log")).query(query).send().and_then(Response::text).expect("a page");
    let rows = Selector::parse("#log tbody tr").expect("a selector");
    Html::parse_document(&page)
        .select(&rows)
        .map(|row| row.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn the_log_says_who_changed_what_before_and_after() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let marketer = server.signed_in(Role::Marketer);
        let settings = [("name", "Casa Azul"), ("time_zone", "UTC"), ("currency", "EUR"), ("default_country", "")];
        assert!(admin.post(server.url("/settings")).form(&settings).send().expect("an answer").status().is_success());
        let view = [("name", "My view"), ("filter", "country is BR"), ("columns", ""), ("sort", "name")];
        let made = marketer.post(server.url("/views")).form(&view).send().expect("an answer");
        let id = made.url().query().and_then(|query| query.strip_prefix("view=")).expect("a view").to_string();
        let path = format!("/views/{id}");
        marketer.post(server.url(&path)).form(&[("name", "Our view")]).send().expect("an answer");
        let look = [("filter", "tags contains VIP"), ("columns", ""), ("sort", "name")];
        marketer.post(server.url(&format!("{path}/list"))).form(&look).send().expect("an answer");
        let bulk = [("do", "add_tags"), ("all", "1"), ("filter", "tags contains VIP"), ("tag", "Gold")];
        marketer.post(server.url("/bulk")).form(&bulk).send().expect("an answer");
        marketer.post(server.url(&format!("{path}/delete"))).send().expect("an answer");

        let all = lines(&admin, &server, &[]);
        let has = |parts: &[&str]| all.iter().position(|line| parts.iter().all(|part| line.contains(part)));
        let settings = has(&[
            "Abel Admin",
            "settings: update",
            "name: Casa Verde → Casa Azul",
            "time zone: America/Sao_Paulo → UTC",
        ]);
        let made = has(&["Mara Marketer", "view: create", "name: My view", "filter: country is BR"]);
        let renamed = has(&["Mara Marketer", "view: update", "name: My view → Our view"]);
        let changed = has(&["Mara Marketer", "view: update", "filter: country is BR → tags contains VIP"]);
        let bulk = has(&["Mara Marketer", "bulk: add tags", "what: Add Gold", "customers: 3"]);
        let deleted = has(&["view: delete", "name: Our view"]);
        let found = [deleted, bulk, changed, renamed, made, settings];
        assert!(found.iter().all(Option::is_some), "{found:?} {all:#?}");
        assert!(found.is_sorted(), "the newest first: {found:?} {all:#?}");

        let abels = lines(&admin, &server, &[("actor", "ABEL")]);
        assert!(!abels.is_empty() && abels.iter().all(|line| line.contains("Abel Admin")), "{abels:#?}");
        let about = lines(&admin, &server, &[("about", "our VIEW")]);
        assert_eq!(about.len(), 3, "renamed, changed and deleted: {about:#?}");
        assert_eq!(lines(&admin, &server, &[("about", "%")]), [""; 0], "what is typed is no pattern");
        assert_eq!(marketer.get(server.url("/settings/log")).send().expect("an answer").status(), 403);
    });
}

#[test]
fn a_long_log_is_read_page_by_page() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        db.write_now::<_, Trouble>(|conn| {
            for number in 1..=120 {
                audit(
                    conn,
                    &Caller::command_line(),
                    "tag.create",
                    &format!("tag {number}"),
                    &json!({ "name": format!("T{number:03}") }),
                )?;
            }
            Ok(())
        })
        .expect("a long log");
        let mut address = "/settings/log?actor=command".to_string();
        let mut seen = Vec::new();
        loop {
            let page = admin.get(server.url(&address)).send().and_then(Response::text).expect("a page");
            let page = Html::parse_document(&page);
            let names = Selector::parse("#log td.say").expect("a selector");
            seen.extend(page.select(&names).map(|cell| cell.text().collect::<String>().trim().to_string()));
            let next = Selector::parse("a[rel=next]").expect("a selector");
            match page.select(&next).next().and_then(|link| link.attr("href")) {
                Some(next) => address = next.to_string(),
                None => break,
            }
        }
        let expected: Vec<String> = (1..=120).rev().map(|number| format!("name: T{number:03}")).collect();
        assert_eq!(seen, expected);
    });
}

#[test]
fn an_admin_sees_what_a_marketer_changed_and_finds_it_again() {
    for_each_database(|db| {
        world(&db);
        audiences(&db);
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            marketer.open("/customers").await;
            marketer.open_segment("VIPs").await;
            marketer.ask_instead("tags contains Wholesale").await;
            marketer.press("Save: 1 joins, 2 leave").await;
            marketer.sees("#sentence", "Tagged Wholesale").await;
            marketer.press("Tags").await;
            marketer.click("[aria-label=\"Edit VIP-old\"]").await;
            marketer.sees("h1", "Edit VIP-old").await;
            marketer.fill("#name", "Former").await;
            marketer.press("Save tag").await;
            marketer.sees("#tags", "Former").await;
            marketer.close().await;

            let admin = signed_in(driver, server, Role::Admin).await;
            admin.open("/customers").await;
            admin.press("Settings").await;
            admin.press("Audit log").await;
            let tag = "name: VIP-old → Former";
            let segment = "filter: tags contains VIP → tags contains Wholesale";
            admin.sees("#log", tag).await;
            admin.settled().await;
            let mut lines = admin.texts("#log tbody tr").await;
            lines.retain(|line| line.starts_with("Mara Marketer"));
            assert!(lines[0].starts_with("Mara Marketer tag: update Former "), "{lines:?}");
            assert!(
                lines[1].starts_with("Mara Marketer segment: update VIPs ") && lines[1].contains(segment),
                "{lines:?}"
            );

            admin.fill("[name=about]", "wholesale").await;
            admin.press("Search").await;
            admin.until("one line", async |browser| browser.texts("#log tbody tr").await.len() == 1).await;
            admin.sees("#log", segment).await;
            admin.press("Show all").await;
            admin.until("the search is over", async |browser| browser.path().await == "/settings/log").await;
            admin.fill("[name=actor]", "mara").await;
            admin.press("Search").await;
            admin.sees("#log", tag).await;
            admin
                .until("hers alone", async |browser| {
                    let who = browser.texts("#log td.who").await;
                    !who.is_empty() && who.iter().all(|who| who == "Mara Marketer")
                })
                .await;
            admin.fill("[name=actor]", "nobody of that name").await;
            admin.press("Search").await;
            admin.sees(".blank", "No line of the log has these words").await;
            admin.look(390, 844, true).await;
            admin.open("/settings/log").await;
            assert_eq!(admin.texts("#log tr:has(ins) td.who").await.len(), 2);
            let covered = admin.driver.execute(COVERED, vec![]).await.expect("the cells");
            assert_eq!(covered.json().as_i64(), Some(0), "on a phone no cell lies on another");
            assert_eq!(admin.complaints().await, [""; 0]);
            admin.close().await;
        });
    });
}
