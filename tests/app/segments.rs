//! Segments: never late, never wider than asked, and only for those who may see them.

use crate::support::pages::{change, get, names, page, post, save, text};
use crate::support::{Server, for_each_database, lose_tag, world};
use muster::agents::Role;
use reqwest::blocking::{Client, Response};
use scraper::{Html, Selector};
use serde_json::{Value, json};

#[test]
fn a_customer_tagged_a_moment_ago_is_in_the_segment() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vip = save(
            &marketer,
            &server,
            &[("name", "VIP customers"), ("kind", "dynamic"), ("filter", "tags contains VIP")],
        );
        let before = page(get(&marketer, &server, &vip));
        assert_eq!(
            (text(&before, "#segment-count").as_str(), names(&before).as_str()),
            ("3customers, as of this moment", "Ana, Cy, Eva")
        );

        let program = server.program(Role::Agent);
        let tagged =
            program.put(server.url(&format!("/api/v1/customers/{}/tags/VIP", people.di))).send().expect("an answer");
        assert_eq!(tagged.status(), 200);
        let after = page(get(&marketer, &server, &vip));
        assert_eq!(
            (text(&after, "#segment-count").as_str(), names(&after).as_str()),
            ("4customers, as of this moment", "Ana, Cy, Di, Eva")
        );
        let listed = page(get(&marketer, &server, "/segments"));
        assert_eq!(
            (text(&listed, ".seg-name a"), text(&listed, "td.num strong")),
            ("VIP customers".into(), "4".into())
        );
    });
}

#[test]
fn a_static_segment_keeps_who_was_in_it() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let spring =
            save(&marketer, &server, &[("name", "Spring"), ("kind", "static"), ("filter", "tags contains VIP")]);
        let program = server.program(Role::Admin);
        let url = server.url(&format!("/api/v1/customers/{}/tags/VIP", people.ana));
        assert_eq!(program.delete(url).send().expect("an answer").status(), 200);
        assert_eq!(names(&page(get(&marketer, &server, &spring))), "Ana, Cy, Eva", "the tag went, she stays");
    });
}

#[test]
fn ticked_customers_and_all_who_match_join_a_static_segment() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let (ana, di) = (people.ana.to_string(), people.di.to_string());
        let form = [("segment", "new"), ("name", "Picked"), ("id", ana.as_str()), ("id", di.as_str())];
        let picked = post(&marketer, &server, "/segments/members", &form);
        let path = picked.url().path().to_string();
        assert_eq!(names(&page(picked)), "Ana, Di");

        let id = path.rsplit('/').next().unwrap_or_default();
        let all = [("segment", id), ("all", "1"), ("filter", "tags contains VIP"), ("id", di.as_str())];
        assert_eq!(names(&page(post(&marketer, &server, "/segments/members", &all))), "Ana, Cy, Di, Eva");

        let left = post(&marketer, &server, &format!("{path}/members/remove"), &[("id", &ana)]);
        assert_eq!(names(&page(left)), "Cy, Di, Eva");

        let nobody = post(&marketer, &server, "/segments/members", &[("segment", id)]);
        assert_eq!(nobody.status(), 422, "nobody was ticked");
        let broken = post(
            &marketer,
            &server,
            "/segments/members",
            &[("segment", id), ("all", "1"), ("filter", "tags contains Nope")],
        );
        assert_eq!(broken.status(), 422, "a filter in error adds nobody");
    });
}

#[test]
fn what_cannot_be_saved_comes_back_with_the_reason_and_what_was_typed() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        save(&marketer, &server, &[("name", "Taken"), ("filter", "everyone")]);
        for (name, filter, why) in [
            ("Empty", "", "An empty filter cannot be saved"),
            ("", "tags contains VIP", "Give the segment a name"),
            (" taken ", "tags contains VIP", "There is a segment called “taken” already"),
            ("Unfinished", "tags contains ?", "Choose at least one tag"),
            ("Unknown", "tags contains Nobody-has-it", "There is no tag “Nobody-has-it”"),
            ("Misspelt", "contry is SE", "At character 1: there is no field contry. Did you mean country?"),
            ("Hollow", "tags contains VIP and any ()", "This group is empty"),
        ] {
            let answer =
                post(&marketer, &server, "/segments", &[("name", name), ("kind", "dynamic"), ("filter", filter)]);
            assert_eq!(answer.status(), 422, "{name}");
            let page = page(answer);
            assert!(text(&page, ".field-why").contains(why), "{name}: {}", text(&page, ".field-why"));
            assert_eq!(text(&page, "#segment-filter"), filter, "nothing typed is lost");
        }
    });
}

#[test]
fn a_segment_whose_tag_was_deleted_selects_nobody_and_says_why() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let kept =
            save(&marketer, &server, &[("name", "Not wholesale"), ("filter", "tags does not contain Wholesale")]);
        assert_eq!(names(&page(get(&marketer, &server, &kept))), "Ana, Di, Eva");
        lose_tag(&db, "Wholesale");
        let page = page(get(&marketer, &server, &kept));
        assert_eq!(text(&page, "#segment-count"), "Nobody", "it must not become everybody");
        assert!(text(&page, "#sentence").contains("was deleted"), "{}", text(&page, "#sentence"));
    });
}

#[test]
fn a_renamed_tag_breaks_nothing() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vip = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        db.write_now::<_, muster::db::Trouble>(|conn| {
            use diesel::prelude::*;
            use muster::db::schema::tags;
            diesel::update(tags::table.filter(tags::name_key.eq("vip")))
                .set((tags::name.eq("Gold"), tags::name_key.eq("gold"), tags::name_folded.eq("gold")))
                .execute(conn)?;
            Ok(())
        })
        .expect("the tag is renamed");
        let page = page(get(&marketer, &server, &vip));
        assert_eq!((text(&page, "#sentence"), names(&page)), ("Tagged Gold.".into(), "Ana, Cy, Eva".into()));
    });
}

#[test]
fn a_private_segment_is_seen_by_its_owner_alone() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        let mine = save(&agent, &server, &[("name", "Mine"), ("filter", "city is empty"), ("private", "1")]);
        assert_eq!(get(&agent, &server, &mine).status(), 200);
        for role in [Role::Marketer, Role::Admin] {
            let other = server.signed_in(role);
            assert_eq!(get(&other, &server, &mine).status(), 404, "{role:?}");
            assert!(!text(&page(get(&other, &server, "/segments")), "main").contains("Mine"));
            assert_eq!(post(&other, &server, &format!("{mine}/delete"), &[]).status(), 404);
        }
        // Agents do not share: what they save is theirs, ticked or not.
        let quiet = save(&agent, &server, &[("name", "Quiet"), ("filter", "city is empty")]);
        assert_eq!(get(&server.signed_in(Role::Marketer), &server, &quiet).status(), 404);
        let shared = save(&server.signed_in(Role::Marketer), &server, &[("name", "Shared"), ("filter", "everyone")]);
        assert_eq!(get(&agent, &server, &shared).status(), 200);
        assert_eq!(get(&agent, &server, &format!("{shared}/edit")).status(), 403);
        assert_eq!(post(&agent, &server, &format!("{shared}/delete"), &[]).status(), 403);
    });
}

#[test]
fn a_segment_is_changed_and_deleted_by_its_forms() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let path = save(&marketer, &server, &[("name", "Cities"), ("filter", "city is empty")]);
        let form = page(get(&marketer, &server, &format!("{path}/edit")));
        assert_eq!(text(&form, "#segment-filter"), "city is empty");
        let changed = change(&marketer, &server, &path, &[("name", "Towns"), ("filter", "city is not empty")]);
        let changed = page(changed);
        assert_eq!((text(&changed, "h1"), names(&changed)), ("Towns".into(), "Ana, Bo, Eva".into()));
        assert_eq!(change(&marketer, &server, &path, &[("filter", "city is")]).status(), 422);
        assert_eq!(get(&marketer, &server, &format!("{path}/delete")).status(), 200);
        assert_eq!(post(&marketer, &server, &format!("{path}/delete"), &[]).status(), 200);
        assert_eq!(get(&marketer, &server, &path).status(), 404);
    });
}

#[test]
fn a_new_segment_without_a_name_asks_for_one_and_forgets_nobody() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let ana = people.ana.to_string();
        save(&marketer, &server, &[("name", "Taken"), ("filter", "everyone")]);
        type Form<'a> = &'a [(&'a str, &'a str)];
        let asks: [(Form, &str, &str); 2] = [
            (&[("segment", "new"), ("name", ""), ("id", &ana)], "Ticked", "Ana"),
            (
                &[("segment", "new"), ("name", "taken"), ("all", "1"), ("filter", "tags contains VIP")],
                "VIPs",
                "Ana, Cy, Eva",
            ),
        ];
        for (form, name, who) in asks {
            let answer = post(&marketer, &server, "/segments/members", form);
            assert_eq!(answer.status(), 422);
            let page_ = page(answer);
            assert!(text(&page_, "#name-why").contains("name") || text(&page_, "#name-why").contains("already"));
            // The form that came back, with a better name.
            let fields = Selector::parse("form[action='/segments/members'] input").expect("a selector");
            let mut again: Vec<(&str, &str)> = page_
                .select(&fields)
                .map(|input| (input.attr("name").unwrap_or_default(), input.attr("value").unwrap_or_default()))
                .filter(|(field, _)| *field != "name")
                .collect();
            again.push(("name", name));
            assert_eq!(names(&page(post(&marketer, &server, "/segments/members", &again))), who);
        }
    });
}

#[test]
fn nobody_takes_a_shared_segment_for_themselves() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let shared = save(&server.signed_in(Role::Marketer), &server, &[("name", "Shared"), ("filter", "everyone")]);
        let form = [("name", "Mine now"), ("filter", "everyone"), ("private", "1")];
        let answer = change(&server.signed_in(Role::Admin), &server, &shared, &form);
        assert_eq!(answer.status(), 422);
        assert!(text(&page(answer), "#private-why").contains("Mara Marketer made this segment"));
        let own = page(change(&server.signed_in(Role::Marketer), &server, &shared, &form));
        assert_eq!(text(&own, "h1"), "Mine now");
    });
}

#[test]
fn a_filter_cannot_look_into_a_private_segment() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        let mine = save(&agent, &server, &[("name", "Mine"), ("filter", "tags contains VIP"), ("private", "1")]);
        let id = mine.rsplit('/').next().unwrap_or_default();
        let program = server.program(Role::Marketer);
        for filter in ["segments in any of Mine".to_string(), format!("segments in none of \"#{id}\"")] {
            let path = reqwest::Url::parse_with_params(&server.url("/api/v1/customers/count"), [("filter", &filter)]);
            let answer = program.get(path.expect("an address")).send().expect("an answer");
            assert_eq!(answer.status(), 422, "{filter}");
        }
    });
}

#[test]
fn segments_may_ask_for_segments_but_never_in_a_circle() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let first = save(&marketer, &server, &[("name", "First"), ("filter", "tags contains VIP")]);
        save(&marketer, &server, &[("name", "Second"), ("filter", "segments in any of First and city is not empty")]);
        let third = save(&marketer, &server, &[("name", "Third"), ("filter", "segments in none of Second")]);
        assert_eq!(names(&page(get(&marketer, &server, &third))), "Bo, Cy, Di");

        for filter in ["segments in any of Third", "segments in any of First"] {
            let circle = change(&marketer, &server, &first, &[("filter", filter)]);
            assert_eq!(circle.status(), 422, "{filter}");
            let why = text(&page(circle), ".field-why");
            assert!(why.contains("is asked whether it is in itself"), "{why}");
        }
        // Whoever asks for it learns why nobody is selected any more.
        post(&marketer, &server, &format!("{first}/delete"), &[]);
        let page = page(get(&marketer, &server, &third));
        assert_eq!(text(&page, "#segment-count"), "Nobody");
        assert!(
            text(&page, "#sentence").contains("Segment “Second” cannot be answered"),
            "{}",
            text(&page, "#sentence")
        );
    });
}

#[test]
fn segments_in_segments_go_five_deep() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        save(&marketer, &server, &[("name", "S1"), ("filter", "tags contains VIP")]);
        for n in 2..=5 {
            let (name, filter) = (format!("S{n}"), format!("segments in any of S{}", n - 1));
            let path = save(&marketer, &server, &[("name", &name), ("filter", &filter)]);
            assert_eq!(names(&page(get(&marketer, &server, &path))), "Ana, Cy, Eva", "{name}");
        }
        let deep = post(&marketer, &server, "/segments", &[("name", "S7"), ("filter", "segments in any of S5")]);
        assert_eq!(deep.status(), 200);
        let deeper = post(&marketer, &server, "/segments", &[("name", "S8"), ("filter", "segments in any of S7")]);
        assert_eq!(deeper.status(), 422);
        assert!(text(&page(deeper), ".field-why").contains("5 deep"));
    });
}

// ── for programs ─────────────────────────────────────────────────────────────────────────────────────────────────────

fn json(answer: Response) -> Value {
    answer.json().expect("JSON")
}

fn api_post(program: &Client, server: &Server, path: &str, body: &Value) -> Response {
    program.post(server.url(path)).json(body).send().expect("an answer")
}

#[test]
fn programs_make_segments_from_text_or_json_and_read_their_customers() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Marketer);
        for (name, filter) in [
            ("Text", json!("tags contains VIP")),
            ("JSON", json!({"all": [{"field": "tags", "op": "contains", "value": ["vip"]}]})),
        ] {
            let made = api_post(
                &program,
                &server,
                "/api/v1/segments",
                &json!({"name": name, "kind": "dynamic", "filter": filter}),
            );
            assert_eq!(made.status(), 201, "{name}");
            let made = json(made);
            assert_eq!((&made["count"], &made["text"]), (&json!(3), &json!("tags contains VIP")));
            let members = format!("/api/v1/segments/{}/customers?sort=-name&limit=2", made["id"]);
            let first = json(get(&program, &server, &members));
            assert_eq!(first["total"], 3);
            assert_eq!(first["customers"][0]["id"], people.eva);
            let next = first["next_cursor"].as_str().expect("there is more");
            let second = json(get(&program, &server, &format!("{members}&cursor={next}")));
            assert_eq!((&second["customers"][0]["id"], &second["next_cursor"]), (&json!(people.ana), &Value::Null));
            let narrowed = format!("/api/v1/segments/{}/customers?filter=tags+contains+Wholesale", made["id"]);
            assert_eq!(json(get(&program, &server, &narrowed))["customers"][0]["external_id"], "c3");
        }
        let listed = json(get(&program, &server, "/api/v1/segments"));
        assert_eq!(listed["segments"].as_array().map(Vec::len), Some(2));
    });
}

#[test]
fn programs_fill_static_segments_and_no_others() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Marketer);
        let made = |name: &str, kind: &str, filter: Value| {
            let body = json!({"name": name, "kind": kind, "filter": filter});
            json(api_post(&program, &server, "/api/v1/segments", &body))["id"].clone()
        };
        let path = format!("/api/v1/segments/{}/customers", made("List", "static", Value::Null));
        let added = api_post(&program, &server, &path, &json!({"customers": [people.bo, people.ana, people.bo]}));
        assert_eq!(json(added), json!({"added": 2, "already": 0}));
        let again = api_post(&program, &server, &path, &json!({"customers": [people.bo, people.cy]}));
        assert_eq!(json(again), json!({"added": 1, "already": 1}));
        let unknown = api_post(&program, &server, &path, &json!({"customers": [people.di, 4040]}));
        assert_eq!(unknown.status(), 422);
        assert_eq!(json(unknown)["error"]["details"]["customers"], json!([4040]));
        assert_eq!(json(get(&program, &server, &path))["total"], 3, "one unknown id changes nothing");
        let removed = program.delete(server.url(&path)).json(&json!({"customers": [people.bo, people.di]})).send();
        assert_eq!(json(removed.expect("an answer")), json!({"removed": 1}));

        let dynamic = format!("/api/v1/segments/{}/customers", made("Asked", "dynamic", json!("everyone")));
        assert_eq!(api_post(&program, &server, &dynamic, &json!({"customers": [people.bo]})).status(), 422);
    });
}

#[test]
fn a_program_is_told_what_is_wrong_with_its_segment() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Marketer);
        for body in [
            json!({"name": "A", "kind": "dynamic"}),
            json!({"name": "A", "kind": "dynamic", "filter": ""}),
            json!({"name": "A", "kind": "dynamic", "filter": "tags contains"}),
            json!({"name": "A", "kind": "dynamic", "filter": {"all": [{"field": "nam", "op": "is", "value": "x"}]}}),
            json!({"name": "A", "kind": "dynamic", "filter": {"all": []}}),
            json!({"name": "A", "kind": "lively", "filter": "everyone"}),
            json!({"name": " ", "kind": "static"}),
        ] {
            let answer = api_post(&program, &server, "/api/v1/segments", &body);
            assert_eq!(answer.status(), 422, "{body}");
            assert!(json(answer)["error"]["message"].as_str().is_some_and(|words| words.len() > 10), "{body}");
        }
        let agent = server.program(Role::Agent);
        let shared = json!({"name": "A", "kind": "dynamic", "filter": "everyone"});
        assert_eq!(api_post(&agent, &server, "/api/v1/segments", &shared).status(), 403);
    });
}

#[test]
fn a_program_sees_the_private_segments_it_made() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (program, other) = (server.program(Role::Agent), server.program(Role::Marketer));
        let body = json!({"name": "Mine", "kind": "dynamic", "filter": "everyone", "private": true});
        let made = json(api_post(&program, &server, "/api/v1/segments", &body));
        let path = format!("/api/v1/segments/{}", made["id"]);
        assert_eq!(get(&program, &server, &path).status(), 200);
        assert_eq!(get(&other, &server, &path).status(), 404);
        assert_eq!(get(&server.signed_in(Role::Admin), &server, &path.replace("/api/v1", "")).status(), 404);
    });
}

#[test]
fn a_static_segment_without_words_begins_with_nobody() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Marketer);
        for (name, filter) in [("None", Value::Null), ("Empty", json!(""))] {
            let body = json!({"name": name, "kind": "static", "filter": filter});
            assert_eq!(json(api_post(&program, &server, "/api/v1/segments", &body))["count"], 0, "{name}");
        }
        let body = json!({"name": "Tree", "kind": "static", "filter": {"all": []}});
        assert_eq!(api_post(&program, &server, "/api/v1/segments", &body).status(), 422, "an empty tree is not saved");
    });
}

#[test]
fn a_filter_of_a_thousand_long_values_is_opened_saved_and_exported() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let values: Vec<String> = (0..999).map(|n| format!("\"{} {n}\"", "å".repeat(30))).collect();
        let filter = format!("not (city is any of ({}))", values.join(", "));
        let made = save(&admin, &server, &[("name", "Elsewhere"), ("kind", "dynamic"), ("filter", &filter)]);
        let link = |page: &Html, selector: &str| {
            let selector = Selector::parse(selector).expect("a selector");
            page.select(&selector).next().and_then(|node| node.attr("href")).expect("a link").to_string()
        };
        let open = link(&page(get(&admin, &server, &made)), ".head-do a[href^='/customers']");
        assert!(open.contains("filter=%7E") && open.len() < 100, "{open}");
        let list = page(get(&admin, &server, &open));
        assert_eq!(names(&list), "Ana, Bo, Cy, Di, Eva");
        let export = get(&admin, &server, &link(&list, "a[href^='/customers/export']"));
        assert_eq!(export.status(), 200);
        assert_eq!(export.text().expect("a file").lines().count(), 6);
        // Typed into the address it becomes as short.
        let typed = get(
            &admin,
            &server,
            &format!("/customers?sort=name&filter={}", "city+is+not+x+and+".repeat(300) + "everyone"),
        );
        assert!(typed.url().as_str().ends_with("&sort=name") && typed.url().as_str().len() < 120, "{}", typed.url());
    });
}
