//! Customers for programs: the same answers as the pages, in JSON.

use crate::custom_fields::five_fields;
use crate::support::{NOW, Server, for_each_database, world};
use muster::agents::Role;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

fn get(client: &Client, server: &Server, path: &str, query: &[(&str, &str)]) -> Response {
    client.get(server.url(path)).query(query).send().expect("an answer")
}

fn read(answer: Response) -> Value {
    answer.json().expect("JSON")
}

fn names(answer: &Value) -> String {
    let names = answer["customers"].as_array().expect("customers").iter();
    names.map(|customer| customer["name"].as_str().unwrap_or("?")).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_list_gives_total_customers_and_the_way_on() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Agent);
        let all = read(get(&program, &server, "/api/v1/customers", &[("sort", "name")]));
        assert_eq!(
            (&all["total"], names(&all).as_str(), &all["next_cursor"]),
            (&json!(5), "Ana, Bo, Cy, Di, Eva", &Value::Null)
        );
        let ana = &all["customers"][0];
        assert_eq!(ana["id"], people.ana);
        for (field, value) in [
            ("external_id", json!("c1")),
            ("email", json!("ana@example.com")),
            ("phone", json!("+5511912345678")),
            ("city", json!("São Paulo")),
            ("country", json!("BR")),
            ("tags", json!(["VIP"])),
            ("email_consent", json!("opted_in")),
            ("sms_consent", json!("unknown")),
            ("last_seen_at", json!("2026-09-08T00:49:00Z")),
            ("purchase_count", json!(1)),
            ("total_spent", json!(12_000)),
            ("last_purchase_at", json!("2026-09-08T00:49:00Z")),
        ] {
            assert_eq!(ana[field], value, "{field}");
        }
        // Two by two through everybody.
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let query = [("sort", "-last_seen_at,name"), ("limit", "2"), ("cursor", cursor.as_str())];
            let page = read(get(&program, &server, "/api/v1/customers", &query));
            assert_eq!(page["total"], 5);
            seen.push(names(&page));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_string(),
                None => break,
            }
        }
        assert_eq!(seen, ["Eva, Ana", "Bo, Cy", "Di"], "who was never seen comes last");
    });
}

#[test]
fn a_filter_is_text_or_json_and_now_can_be_fixed() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Agent);
        let count = |filter: &str| {
            read(get(&program, &server, "/api/v1/customers/count", &[("filter", filter), ("now", NOW)]))["count"]
                .clone()
        };
        assert_eq!(count(""), 5, "no filter means everybody");
        assert_eq!(count("tags contains VIP"), 3);
        assert_eq!(count(r#"{"field":"tags","op":"contains","value":["VIP"]}"#), 3);
        assert_eq!(count("last_seen_at in the last 90 days"), 2);
        let listed =
            read(get(&program, &server, "/api/v1/customers", &[("filter", "last_seen_at yesterday"), ("now", NOW)]));
        assert_eq!(names(&listed), "Ana");
    });
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_reason() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Agent);
        for (query, words) in [
            ([("filter", "contry is SE")], "Did you mean country?"),
            ([("filter", "tags contains Nope")], "There is no tag “Nope”"),
            ([("filter", "tags contains ?")], "Choose at least one tag"),
            ([("filter", "{\"all\":")], "not JSON"),
            ([("sort", "shoe_size")], "sorted"),
            ([("sort", "-tags")], "sorted"),
            ([("limit", "1001")], "1 to 1000"),
            ([("now", "noon")], "RFC 3339"),
            ([("cursor", "x")], ""),
        ] {
            let answer = get(&program, &server, "/api/v1/customers", &query);
            assert_eq!(answer.status(), 422, "{query:?}");
            let error = read(answer)["error"].clone();
            assert!(error["message"].as_str().is_some_and(|said| said.contains(words)), "{query:?}: {error}");
            assert!(error["code"].is_string());
        }
        let mistake = read(get(
            &program,
            &server,
            "/api/v1/customers/count",
            &[("filter", "tags contains VIP and contry is SE")],
        ));
        assert_eq!(mistake["error"]["details"], json!({"position": 23, "suggestion": "country"}));
        assert_eq!(get(&program, &server, "/api/v1/customers", &[("limit", "many")]).status().as_u16() / 100, 4);
    });
}

#[test]
fn a_program_is_not_told_to_reload_a_page() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let program = server.program(Role::Agent);
        let door = server.url("/api/v1/customers");
        let body = |kind: &str, body: &'static str| program.post(&door).header("content-type", kind).body(body);
        for (request, status, words) in [
            (body("application/json", "{"), 400, "A body is JSON"),
            (body("text/plain", "{}"), 400, "application/json"),
            (program.get(&door).query(&[("limit", "many")]), 400, "a number in the query"),
            (program.patch(&door), 405, "Allow"),
            (program.get(server.url("/api/v1/shoes")), 404, "in this API"),
        ] {
            let answer = request.send().expect("an answer");
            assert_eq!(answer.status(), status, "{words}");
            let said = read(answer)["error"]["message"].to_string();
            assert!(said.contains(words) && !said.contains("form"), "{said}");
        }
    });
}

#[test]
fn a_customer_is_made_with_tags_and_consent_or_refused_field_by_field() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Agent);
        let post = |body: Value| program.post(server.url("/api/v1/customers")).json(&body).send().expect("an answer");
        let made = post(json!({
            "name": " Flo ", "email": "FLO@Example.com", "phone": "+49 170 1234567", "external_id": "c6", "country": "Germany",
            "city": "Köln", "language": "de", "email_consent": "opted_in", "tags": [" vip ", "Fresh"],
            "created_at": "2026-09-01T10:00:00+02:00"
        }));
        assert_eq!(made.status(), 201);
        let made = read(made);
        for (field, value) in [
            ("name", json!("Flo")),
            ("email", json!("flo@example.com")),
            ("phone", json!("+491701234567")),
            ("country", json!("DE")),
            ("email_consent", json!("opted_in")),
            ("tags", json!(["Fresh", "VIP"])),
            ("created_at", json!("2026-09-01T08:00:00Z")),
        ] {
            assert_eq!(made[field], value, "{field}");
        }
        let shown = read(get(&program, &server, &format!("/api/v1/customers/{}", made["id"]), &[]));
        assert_eq!(shown, made);

        let wrong = post(
            json!({"email": "nobody@localhost", "phone": "5.51E+12", "country": "Atlantis", "shoe": 42, "tags": ["a;b"]}),
        );
        assert_eq!(wrong.status(), 422);
        let details = read(wrong)["error"]["details"].clone();
        for field in ["email", "phone", "country", "shoe", "tags"] {
            assert!(details[field].is_string(), "{field} is explained: {details}");
        }
        let nobody = post(json!({"city": "Köln"}));
        assert_eq!(nobody.status(), 422, "nothing to know her by");
        let twice = post(json!({"name": "Other", "email": "Ana@example.com"}));
        assert_eq!(twice.status(), 409);
        assert_eq!(read(twice)["error"]["details"], json!({"field": "email", "customer": people.ana}));
        let count = read(get(&program, &server, "/api/v1/customers/count", &[]));
        assert_eq!(count["count"], 6, "what was refused left nothing behind");
    });
}

#[test]
fn tags_are_put_on_and_taken_off_by_name() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Agent);
        let url = |name: &str| server.url(&format!("/api/v1/customers/{}/tags/{name}", people.di));
        for name in ["VIP", "%20vip%20", "S%C3%A3o%20Paulo%2FZentrum"] {
            assert_eq!(program.put(url(name)).send().expect("an answer").status(), 200, "{name}");
        }
        let di = read(get(&program, &server, &format!("/api/v1/customers/{}", people.di), &[]));
        assert_eq!(di["tags"], json!(["São Paulo/Zentrum", "VIP"]));
        assert_eq!(program.put(url("a%3Bb")).send().expect("an answer").status(), 422);
        assert_eq!(program.delete(url("Vip")).send().expect("an answer").status(), 200);
        assert_eq!(program.delete(url("VIP")).send().expect("an answer").status(), 404, "it is off already");
        assert_eq!(program.delete(url("Never-made")).send().expect("an answer").status(), 404);
        let nobody = server.url("/api/v1/customers/4040/tags/VIP");
        assert_eq!(program.put(nobody).send().expect("an answer").status(), 404);

        use diesel::prelude::*;
        use muster::db::schema::{taggings, tags};
        let marks: Vec<(String, String)> = db
            .read_now::<_, muster::db::Trouble>(|conn| {
                Ok(taggings::table
                    .inner_join(tags::table)
                    .filter(taggings::customer_id.eq(people.di))
                    .select((taggings::source, taggings::actor))
                    .load(conn)?)
            })
            .expect("the taggings");
        assert_eq!(marks, [("api".to_string(), "agent's program".to_string())], "who and from where");
    });
}

#[test]
fn custom_values_travel_as_what_they_are() {
    for_each_database(|db| {
        let people = world(&db);
        five_fields(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Agent);
        let post = |body: Value| program.post(server.url("/api/v1/customers")).json(&body).send().expect("an answer");
        let custom = json!({"birthday": "1990-02-28", "member": true, "note": "calls on Mondays", "plan": "pro", "points": 1220});
        let made = post(json!({"name": "Flo", "custom": custom}));
        assert_eq!(made.status(), 201);
        let made = read(made);
        assert_eq!(made["custom"], custom);
        let shown = read(get(&program, &server, &format!("/api/v1/customers/{}", made["id"]), &[]));
        assert_eq!(shown, made);
        let listed = read(get(
            &program,
            &server,
            "/api/v1/customers",
            &[("filter", "name is any of (Flo, Ana)"), ("sort", "-name")],
        ));
        assert_eq!(listed["customers"][0], made);
        assert_eq!(listed["customers"][1]["custom"], json!({}), "{}", people.ana);

        let other = post(
            json!({"name": "Gil", "custom": {"points": "-0.25", "member": "no", "plan": "PRO", "birthday": null, "note": ""}}),
        );
        assert_eq!(read(other)["custom"], json!({"member": false, "plan": "pro", "points": -0.25}));
        let exact = post(json!({"name": "Hal", "custom": {"points": "9223372036854.775807"}}));
        assert_eq!(read(exact)["custom"]["points"], json!("9223372036854.775807"), "no digit is lost");

        let wrong = post(
            json!({"name": "Ivo", "custom": {"plann": "pro", "points": "many", "plan": "gold", "note": ["a"], "member": true}}),
        );
        assert_eq!(wrong.status(), 422);
        let details = read(wrong)["error"]["details"].clone();
        assert_eq!(details["custom.plann"], "there is no such custom field. Did you mean plan?");
        for field in ["custom.points", "custom.plan", "custom.note"] {
            assert!(details[field].is_string(), "{field}: {details}");
        }
        assert!(details.get("custom.member").is_none());
        assert_eq!(post(json!({"name": "Ivo", "custom": "plan=pro"})).status(), 422);
        assert_eq!(read(get(&program, &server, "/api/v1/customers/count", &[]))["count"], 8);
    });
}

#[test]
fn a_change_touches_what_it_names_and_nothing_else() {
    for_each_database(|db| {
        let people = world(&db);
        five_fields(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Agent);
        let path = format!("/api/v1/customers/{}", people.ana);
        let before = read(get(&program, &server, &path, &[]));
        let patch = |body: Value| program.patch(server.url(&path)).json(&body).send().expect("an answer");

        let same = patch(json!({}));
        assert_eq!(same.status(), 200);
        assert_eq!(read(same), before);
        let after = read(patch(
            json!({"city": "Recife", "custom": {"plan": "pro", "points": 15.5}, "sms_consent": "opted_out"}),
        ));
        let mut expected = before.clone();
        expected["city"] = json!("Recife");
        expected["custom"] = json!({"plan": "pro", "points": 15.5});
        expected["sms_consent"] = json!("opted_out");
        expected["updated_at"] = after["updated_at"].clone();
        assert_eq!(after, expected);

        let after = read(patch(
            json!({"city": null, "phone": null, "email_consent": null, "custom": {"points": null}, "tags": ["Gold"]}),
        ));
        for (field, value) in [
            ("city", json!(null)),
            ("phone", json!(null)),
            ("email", json!("ana@example.com")),
            ("email_consent", json!("unknown")),
            ("sms_consent", json!("opted_out")),
            ("custom", json!({"plan": "pro"})),
            ("tags", json!(["Gold"])),
            ("created_at", before["created_at"].clone()),
        ] {
            assert_eq!(after[field], value, "{field}");
        }

        let known = read(get(&program, &server, &path, &[]));
        let wrong = patch(
            json!({"citty": "Olinda", "id": 7, "created_at": null, "email": "ana@home", "custom": {"pts": 1}, "city": "Olinda"}),
        );
        assert_eq!(wrong.status(), 422);
        let details = read(wrong)["error"]["details"].clone();
        assert_eq!(details["citty"], "there is no such field. Did you mean city?");
        for field in ["id", "created_at", "email", "custom.pts"] {
            assert!(details[field].is_string(), "{field}: {details}");
        }
        let nobody = patch(json!({"name": null, "email": null, "external_id": null}));
        assert_eq!(nobody.status(), 422, "nothing to know her by");
        let taken = patch(json!({"external_id": "c2"}));
        assert_eq!(taken.status(), 409);
        assert_eq!(read(taken)["error"]["details"], json!({"field": "external_id", "customer": people.bo}));
        assert_eq!(read(get(&program, &server, &path, &[])), known, "what was refused changed nothing");
        let missing = program.patch(server.url("/api/v1/customers/4040")).json(&json!({})).send().expect("an answer");
        assert_eq!(missing.status(), 404);
    });
}

#[test]
fn a_customer_is_deleted_by_those_who_may() {
    for_each_database(|db| {
        let people = world(&db);
        five_fields(&db);
        let server = Server::start(&db);
        let (agent, marketer) = (server.program(Role::Agent), server.program(Role::Marketer));
        let url = server.url(&format!("/api/v1/customers/{}", people.ana));
        let filled = agent.patch(&url).json(&json!({"custom": {"plan": "pro"}})).send().expect("an answer");
        assert_eq!(filled.status(), 200);
        assert_eq!(agent.delete(&url).send().expect("an answer").status(), 403);
        let gone = marketer.delete(&url).send().expect("an answer");
        assert_eq!(gone.status(), 204);
        assert_eq!(gone.text().expect("a body"), "");
        assert_eq!(agent.get(&url).send().expect("an answer").status(), 404);
        assert_eq!(marketer.delete(&url).send().expect("an answer").status(), 404);

        use diesel::prelude::*;
        use muster::db::schema::{audit_log, custom_values};
        let (lines, values): (i64, i64) = db
            .read_now::<_, muster::db::Trouble>(|conn| {
                let subject = format!("customer {}", people.ana);
                let lines = audit_log::table.filter(audit_log::action.eq("customer.delete"));
                let lines = lines.filter(audit_log::subject.eq(subject)).count().get_result(conn)?;
                Ok((lines, custom_values::table.count().get_result(conn)?))
            })
            .expect("what is left");
        assert_eq!((lines, values), (1, 0));
    });
}
