//! Two segments side by side; what programs may change; and what is remembered of it all.

use crate::support::pages::{change, get, names, page, post, save, text, texts};
use crate::support::walks::{signed_in, walk};
use crate::support::{Server, audiences, for_each_database, world};
use diesel::prelude::*;
use muster::agents::Role;
use muster::db::schema::audit_log;
use muster::db::{Db, Trouble};
use serde_json::{Value, json};

fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

#[test]
fn two_segments_are_compared_and_each_part_can_be_kept() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let trade = save(&marketer, &server, &[("name", "Trade"), ("filter", "tags contains Wholesale")]);
        let picker = page(get(&marketer, &server, "/segments/compare"));
        assert_eq!(texts(&picker, "#compare-a option"), ["Choose a segment", "Trade", "VIPs"]);
        let (a, b) = (id_of(&vips), id_of(&trade));
        let both = page(get(&marketer, &server, &format!("/segments/compare?a={a}&b={b}")));
        for (part, count, who) in [("a", "2", vec!["Ana", "Eva"]), ("both", "1", vec!["Cy"]), ("b", "1", vec!["Bo"])] {
            assert_eq!(text(&both, &format!("#part-{part} .grow")), count);
            assert_eq!(texts(&both, &format!("#part-{part} .name")), who);
        }
        let form = [("a", a), ("b", b), ("part", "a")];
        let kept = page(post(&marketer, &server, "/segments/compare", &form));
        assert_eq!((text(&kept, "h1"), names(&kept)), ("VIPs, not Trade".into(), "Ana, Eva".into()));
        assert!(text(&kept, "#sentence").starts_with("Made of two segments: VIPs, not Trade on "));
        let again = page(post(&marketer, &server, "/segments/compare", &form));
        assert_eq!(text(&again, "h1"), "VIPs, not Trade 2");
    });
}

#[test]
fn a_segment_that_selects_nobody_by_mistake_is_not_compared() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let first = save(&marketer, &server, &[("name", "First"), ("filter", "everyone")]);
        let broken = save(&marketer, &server, &[("name", "Broken"), ("filter", "segments in any of First")]);
        post(&marketer, &server, &format!("{first}/delete"), &[]);
        let (a, b) = (id_of(&vips), id_of(&broken));
        let shown = page(get(&marketer, &server, &format!("/segments/compare?a={a}&b={b}")));
        assert!(text(&shown, ".note-bad").starts_with("Nobody is in Broken."));
        assert!(texts(&shown, ".cols-three section").is_empty());
        let kept = post(&marketer, &server, "/segments/compare", &[("a", a), ("b", b), ("part", "a")]);
        assert_eq!(kept.status(), 422, "VIPs without nobody would be everybody of them");
        assert_eq!(get(&marketer, &server, "/segments/compare?a=99&b=x").status(), 404);
    });
}

#[test]
fn somebody_compares_two_and_keeps_who_is_in_one_alone() {
    for_each_database(|db| {
        world(&db);
        audiences(&db);
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            marketer.open("/customers").await;
            marketer.press("Segments").await;
            marketer.press("Compare two").await;
            marketer.choose("#compare-a", "VIPs").await;
            marketer.choose("#compare-b", "Picked").await;
            marketer.press("Compare").await;
            for (part, words, count, who) in [
                ("a", "VIPs, not Picked", "2", &["Cy", "Eva"][..]),
                ("both", "VIPs and Picked", "1", &["Ana"]),
                ("b", "Picked, not VIPs", "1", &["Di"]),
            ] {
                marketer.sees(&format!("#part-{part} h2"), words).await;
                marketer.sees(&format!("#part-{part} .grow"), count).await;
                assert_eq!(marketer.texts(&format!("#part-{part} .name")).await, who, "{words}");
            }
            marketer.click("#part-a button").await;
            marketer.sees("h1", "VIPs, not Picked").await;
            marketer.sees(".head-meta", "Static").await;
            marketer.lists("Cy, Eva").await;
            // From a segment it is one choice to the next comparison.
            marketer.open_segment("Picked").await;
            marketer.press("Compare").await;
            marketer.choose("#compare-b", "VIPs, not Picked").await;
            marketer.press("Compare").await;
            marketer.sees("#part-both", "Nobody").await;
            assert_eq!(marketer.complaints().await, [""; 0]);
            marketer.close().await;
        });
    });
}

// ── for programs ─────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn programs_change_and_delete_segments() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Marketer);
        let make = |body: Value| {
            let answer = program.post(server.url("/api/v1/segments")).json(&body).send().expect("an answer");
            answer.json::<Value>().expect("JSON")
        };
        let made = make(json!({ "name": "VIPs", "kind": "dynamic", "filter": "tags contains VIP" }));
        let path = format!("/api/v1/segments/{}", made["id"]);
        let patch = |path: &str, body: Value| {
            let answer = program.patch(server.url(path)).json(&body).send().expect("an answer");
            (answer.status().as_u16(), answer.json::<Value>().expect("JSON"))
        };
        let (status, changed) = patch(&path, json!({ "filter": "tags contains Wholesale", "version": 1 }));
        assert_eq!((status, &changed["count"], &changed["version"]), (200, &json!(2), &json!(2)));
        assert_eq!(changed["name"], "VIPs", "what is not said stays");
        let (status, late) = patch(&path, json!({ "name": "Late", "version": 1 }));
        assert_eq!((status, &late["error"]["code"]), (409, &json!("newer")));
        let (_, archived) = patch(&path, json!({ "archived": true, "name": "Old" }));
        assert_eq!((&archived["archived"], &archived["name"]), (&json!(true), &json!("Old")));
        for (body, field) in [
            (json!({ "filter": "" }), "filter"),
            (json!({ "filter": "tags contains Nope" }), "filter"),
            (json!({ "name": " " }), "name"),
        ] {
            let (status, refused) = patch(&path, body);
            assert_eq!((status, &refused["error"]["details"]["field"]), (422, &json!(field)));
        }
        let fixed = make(json!({ "name": "Fixed", "kind": "static", "filter": "everyone" }));
        let fixed = format!("/api/v1/segments/{}", fixed["id"]);
        assert_eq!(patch(&fixed, json!({ "filter": "everyone" })).0, 422, "a static one has no filter");

        // A pinned example holds for programs too.
        let marketer = server.signed_in(Role::Marketer);
        let page_of = path.replace("/api/v1", "");
        let bo = people.bo.to_string();
        post(&marketer, &server, &format!("{page_of}/pins"), &[("customer", &bo), ("must", "in")]);
        let (status, refused) = patch(&path, json!({ "filter": "tags contains VIP" }));
        assert_eq!((status, &refused["error"]["details"]["field"]), (422, &json!("although")));
        let anyway = json!({ "filter": "tags contains VIP", "although": [people.bo] });
        assert_eq!(patch(&path, anyway).0, 200);

        let agent = server.program(Role::Agent);
        assert_eq!(agent.delete(server.url(&path)).send().expect("an answer").status(), 403);
        assert_eq!(program.delete(server.url(&path)).send().expect("an answer").status(), 204);
        assert_eq!(program.get(server.url(&path)).send().expect("an answer").status(), 404);
        assert_eq!(program.delete(server.url(&path)).send().expect("an answer").status(), 404);
    });
}

// ── what is remembered ───────────────────────────────────────────────────────────────────────────────────────────────

fn remembered(db: &Db, about: &str) -> Vec<(String, String, Value)> {
    let about = format!("{about}.%");
    db.read_now::<_, Trouble>(|conn| {
        let lines = audit_log::table.filter(audit_log::action.like(about)).order(audit_log::id);
        let lines: Vec<(String, String, String)> =
            lines.select((audit_log::actor, audit_log::action, audit_log::details)).load(conn)?;
        let read = |(actor, action, details): (String, String, String)| {
            (actor, action, serde_json::from_str(&details).expect("JSON"))
        };
        Ok(lines.into_iter().map(read).collect())
    })
    .expect("the log")
}

#[test]
fn what_happens_to_segments_is_remembered_with_before_and_after() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (marketer, admin) = (server.signed_in(Role::Marketer), server.signed_in(Role::Admin));
        let path = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        change(&admin, &server, &path, &[("name", "Trade"), ("filter", "tags contains Wholesale")]);
        post(&marketer, &server, &format!("{path}/archive"), &[]);
        post(&marketer, &server, &format!("{path}/archive"), &[]);
        post(&marketer, &server, &format!("{path}/unarchive"), &[]);
        post(&admin, &server, &format!("{path}/delete"), &[]);
        let lines = remembered(&db, "segment");
        let actions: Vec<&str> = lines.iter().map(|(_, action, _)| action.as_str()).collect();
        let expected = ["segment.create", "segment.update", "segment.archive", "segment.restore", "segment.delete"];
        assert_eq!(actions, expected, "archiving twice is once");
        let (actor, _, changed) = &lines[1];
        assert_eq!(actor, "Abel Admin");
        assert_eq!((&changed["before"]["name"], &changed["after"]["name"]), (&json!("VIPs"), &json!("Trade")));
        assert_eq!(changed["before"]["filter"], "tags contains VIP");
        assert_eq!(changed["after"]["filter"], "tags contains Wholesale");
        let aside = &lines[2].2;
        assert_eq!((&aside["after"]["archived"], &aside["after"]["name"]), (&json!(true), &json!("Trade")));
        assert_eq!(aside["before"]["filter"], "tags contains Wholesale");
        assert_eq!(lines[4].2["before"]["filter"], "tags contains Wholesale");
    });
}

#[test]
fn what_happens_to_views_is_remembered_with_before_and_after() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        post(&marketer, &server, "/views", &[("name", "VIPs"), ("filter", "tags contains VIP"), ("columns", "city")]);
        post(&marketer, &server, "/views/1/list", &[("filter", "tags contains Wholesale"), ("sort", "-name")]);
        post(&marketer, &server, "/views/1", &[("name", "Trade")]);
        post(&marketer, &server, "/views/1/delete", &[]);
        let lines = remembered(&db, "view");
        let actions: Vec<&str> = lines.iter().map(|(_, action, _)| action.as_str()).collect();
        assert_eq!(actions, ["view.create", "view.update", "view.update", "view.delete"]);
        let kept = &lines[1].2;
        assert_eq!(
            (&kept["before"]["filter"], &kept["after"]["filter"]),
            (&json!("tags contains VIP"), &json!("tags contains Wholesale"))
        );
        let renamed = &lines[2].2;
        assert_eq!((&renamed["before"]["name"], &renamed["after"]["name"]), (&json!("VIPs"), &json!("Trade")));
        assert_eq!(lines[3].2["before"]["name"], "Trade");
    });
}
