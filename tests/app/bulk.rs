//! Many customers changed at once: what was asked is done to whom it was about, and the sums add up.

use crate::support::{
    Program, Server, audiences, by, for_each_database, somebody_writes, sqlite, url, world, world_with_fields,
};
use diesel::prelude::*;
use muster::agents::{Caller, Role};
use muster::bulk::what::{Named, What};
use muster::bulk::{Action, State, work};
use muster::customers::Draft;
use muster::db::schema::{bulk_actions, bulk_items, customers, tag_families, taggings, tags};
use muster::db::{Conn, Db, Trouble};
use muster::each;
use muster::filters::whom::Whom;
use muster::tags::Tag;
use muster::workspace::{Workspace, stamp};
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Sends the form of an action.
pub fn bulk(client: &Client, server: &Server, form: &[(&str, &str)]) -> Response {
    client.post(server.url("/bulk")).form(form).send().expect("an answer")
}

/// The last action, once it has come to an end.
pub fn ended(db: &Db) -> Action {
    let began = Instant::now();
    loop {
        let action = db
            .read_now::<_, Trouble>(|conn| {
                let id: i64 =
                    bulk_actions::table.order(bulk_actions::id.desc()).select(bulk_actions::id).first(conn)?;
                Ok(Action::find(id, conn)?)
            })
            .expect("the actions")
            .expect("an action");
        if !action.state().is_open() {
            return action;
        }
        assert!(began.elapsed() < Duration::from_secs(180), "it does not end: {action:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Changed, already so, failed; and that every customer is in exactly one.
pub fn sums(db: &Db) -> (i64, i64, i64) {
    let action = ended(db);
    let items: i64 = db
        .read_now::<_, Trouble>(|conn| {
            Ok(bulk_items::table.filter(bulk_items::action_id.eq(action.id)).count().get_result(conn)?)
        })
        .expect("the items");
    assert_eq!(action.changed + action.already + action.failed, action.total, "{action:?}");
    assert_eq!(items, action.total, "{action:?}");
    (action.changed, action.already, action.failed)
}

/// The names of the tags each customer carries, by the name of the customer.
pub fn carried(db: &Db) -> Vec<(String, String)> {
    db.read_now::<_, Trouble>(|conn| {
        let people: Vec<(i64, Option<String>)> =
            customers::table.order(customers::id).select((customers::id, customers::name)).load(conn)?;
        let mut all = Vec::new();
        for (id, name) in people {
            let names: Vec<String> = taggings::table
                .inner_join(tags::table)
                .filter(taggings::customer_id.eq(id))
                .order(tags::name_folded)
                .select(tags::name)
                .load(conn)?;
            all.push((name.unwrap_or_default(), names.join(" ")));
        }
        Ok(all)
    })
    .expect("what they carry")
}

fn lines(carried: &[(String, String)]) -> Vec<(&str, &str)> {
    carried.iter().map(|(name, tags)| (name.as_str(), tags.as_str())).collect()
}

/// Many customers with nothing but a name.
pub fn crowd(db: &Db, many: usize) {
    db.write_now::<_, Trouble>(|conn| {
        let now = stamp(chrono::Utc::now());
        let names: Vec<String> = (0..many).map(|number| format!("Person {number:05}")).collect();
        for some in names.chunks(1_000) {
            let rows: Vec<_> = some
                .iter()
                .map(|name| {
                    let folded = muster::fold::fold(name);
                    (
                        customers::name.eq(name),
                        customers::name_folded.eq(folded),
                        customers::created_at.eq(now),
                        customers::updated_at.eq(now),
                    )
                })
                .collect();
            each!(conn, c => diesel::insert_into(customers::table).values(&rows).execute(c))?;
        }
        Ok(())
    })
    .expect("a crowd");
}

/// Starts to tag everybody and leaves it at that.
fn begun(db: &Db) -> Action {
    db.write_now::<_, Trouble>(|conn| {
        let clock = Workspace::load(conn)?.clock();
        let (tag, _) = Tag::find_or_create("Everybody", conn, clock.stamp())?;
        let whom = Whom::matching("", conn, &clock).expect("everybody").settle(conn, &clock)?;
        let what = What::AddTags { tags: vec![Named { id: tag.id, name: tag.name }] };
        Ok(Action::start(&what, &whom, None, &Caller::command_line(), conn)?)
    })
    .expect("an action")
}

#[test]
fn tags_are_added_taken_away_and_replaced() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let all = [("do", "add_tags"), ("all", "1"), ("filter", "tags contains VIP"), ("shown", "3")];
        let done = bulk(&marketer, &server, &[&all[..], &[("tag", " wholesale "), ("tag", "Gold")]].concat());
        let text = done.text().expect("a page");
        assert!(text.contains("added to 3 customers. 3 changed, 0 already so, 0 failed."), "{text}");
        assert_eq!(sums(&db), (3, 0, 0));
        let expected = [
            ("Ana", "Gold VIP Wholesale"),
            ("Bo", "VIP-old Wholesale"),
            ("Cy", "Gold VIP Wholesale"),
            ("Di", ""),
            ("Eva", "Gold VIP Wholesale"),
        ];
        assert_eq!(lines(&carried(&db)), expected);

        bulk(&marketer, &server, &[&all[..], &[("tag", "Gold")]].concat());
        assert_eq!(sums(&db), (0, 3, 0), "who has it already is counted so");

        let ids = [people.ana.to_string(), people.bo.to_string(), people.di.to_string()];
        let mut ticked: Vec<(&str, &str)> = ids.iter().map(|id| ("id", id.as_str())).collect();
        ticked.extend([("do", "remove_tags"), ("tag", "Wholesale")]);
        bulk(&marketer, &server, &ticked);
        assert_eq!(sums(&db), (2, 1, 0));

        let mut exactly: Vec<(&str, &str)> = ids.iter().map(|id| ("id", id.as_str())).collect();
        exactly.extend([("do", "replace_tags"), ("tag", "Gold"), ("tag", "New")]);
        bulk(&marketer, &server, &exactly);
        assert_eq!(sums(&db), (3, 0, 0));
        let expected = [
            ("Ana", "Gold New"),
            ("Bo", "Gold New"),
            ("Cy", "Gold VIP Wholesale"),
            ("Di", "Gold New"),
            ("Eva", "Gold VIP Wholesale"),
        ];
        assert_eq!(lines(&carried(&db)), expected);
        bulk(&marketer, &server, &exactly);
        assert_eq!(sums(&db), (0, 3, 0));
    });
}

#[test]
fn a_tag_of_a_family_replaces_the_others_and_one_that_is_over_counts_for_nothing() {
    for_each_database(|db| {
        let people = world(&db);
        db.write_now::<_, Trouble>(|conn| {
            let now = stamp(chrono::Utc::now());
            let family =
                (tag_families::name.eq("Level"), tag_families::name_key.eq("level"), tag_families::created_at.eq(now));
            let family: i64 =
                diesel::insert_into(tag_families::table).values(family).returning(tag_families::id).get_result(conn)?;
            let levels = tags::table.filter(tags::name.eq_any(["VIP", "VIP-old"]));
            diesel::update(levels).set(tags::family_id.eq(family)).execute(conn)?;
            let hers = taggings::table.filter(taggings::customer_id.eq(people.eva));
            diesel::update(hers).set(taggings::expires_at.eq(now - chrono::TimeDelta::days(1))).execute(conn)?;
            Ok(())
        })
        .expect("a family");
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let both = [("do", "add_tags"), ("all", "1"), ("tag", "VIP"), ("tag", "VIP-old")];
        let refused = bulk(&marketer, &server, &both);
        assert_eq!(refused.status(), 422);
        assert!(refused.text().expect("a page").contains("are of one family"));

        bulk(&marketer, &server, &[("do", "add_tags"), ("all", "1"), ("tag", "VIP")]);
        assert_eq!(sums(&db), (3, 2, 0), "Bo, Di and Eva, whose VIP was over");
        let expected =
            [("Ana", "VIP"), ("Bo", "VIP Wholesale"), ("Cy", "VIP Wholesale"), ("Di", "VIP"), ("Eva", "VIP")];
        assert_eq!(lines(&carried(&db)), expected);
        let live: i64 = db
            .read_now::<_, Trouble>(|conn| {
                Ok(taggings::table.filter(taggings::expires_at.is_null()).count().get_result(conn)?)
            })
            .expect("taggings");
        assert_eq!(live, 7, "none of them is over");
    });
}

#[test]
fn a_field_is_set_for_many_and_cleared() {
    for_each_database(|db| {
        world_with_fields(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let count = |filter: &str| {
            let url = server.url("/api/v1/customers/count");
            let answer = server.program(Role::Agent).get(url).query(&[("filter", filter)]).send().expect("an answer");
            answer.json::<Value>().expect("JSON")["count"].as_i64().expect("a number")
        };
        let set = |form: &[(&str, &str)]| {
            let base = [("do", "set_field"), ("all", "1")];
            bulk(&marketer, &server, &[&base[..], form].concat())
        };
        assert!(set(&[("field", "city"), ("value", " Oslo ")]).status().is_success());
        assert_eq!((sums(&db), count("city is oslo")), ((5, 0, 0), 5));
        set(&[("field", "country"), ("value", "Norway")]);
        assert_eq!((sums(&db), count("country is NO")), ((4, 1, 0), 5));
        set(&[("field", "custom.plan"), ("value", "pro")]);
        assert_eq!((sums(&db), count("plan is pro")), ((4, 1, 0), 5), "Pro and PRO are not how it is written");
        set(&[("field", "custom.size"), ("value", "l")]);
        assert_eq!((sums(&db), count("custom.size is L")), ((4, 1, 0), 5));
        set(&[("field", "custom.size"), ("clear", "1")]);
        assert_eq!((sums(&db), count("custom.size is empty")), ((5, 0, 0), 5));
        set(&[("field", "created_at"), ("value", "2020-01-02")]);
        assert_eq!((sums(&db), count("created_at on 2020-01-02")), ((5, 0, 0), 5));

        for (form, words) in [
            (&[("field", "custom.size"), ("value", "XL")][..], "is not one of the choices"),
            (&[("field", "country"), ("value", "Atlantis")], "There is no country"),
            (&[("field", "city"), ("value", "  ")], "Type a value"),
            (&[("field", "email"), ("value", "a@example.com")], "No two customers share this"),
            (&[("field", "created_at"), ("clear", "1")], "became a customer some day"),
            (&[("field", "nonsense"), ("value", "x")], "There is no field nonsense"),
        ] {
            let refused = set(form);
            assert_eq!(refused.status(), 422, "{form:?}");
            let text = refused.text().expect("a page");
            assert!(text.contains(words), "{form:?} does not say “{words}”");
        }
        assert_eq!(count("custom.size is empty"), 5, "nothing of that was done");
    });
}

#[test]
fn nobody_is_left_without_anything_to_know_her_by() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        for field in ["email", "phone", "external_id"] {
            bulk(&marketer, &server, &[("do", "set_field"), ("all", "1"), ("field", field), ("clear", "1")]);
        }
        let last = bulk(&marketer, &server, &[("do", "set_field"), ("all", "1"), ("field", "name"), ("clear", "1")]);
        assert_eq!(sums(&db), (0, 0, 5));
        let text = last.text().expect("the action's page");
        assert!(text.contains("Nothing would be left to know her by."), "{text}");
        assert!(text.contains(&format!("href=\"/customers/{}\">Ana</a>", people.ana)), "{text}");
    });
}

#[test]
fn many_join_a_segment_new_or_not() {
    for_each_database(|db| {
        world(&db);
        audiences(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = [("do", "add_to_segment"), ("all", "1"), ("filter", "tags contains VIP")];
        let join = |form: &[(&str, &str)]| bulk(&marketer, &server, &[&vips[..], form].concat());
        let named = join(&[("segment", "new"), ("segment_name", "Spring")]);
        assert!(named.status().is_success());
        assert_eq!(sums(&db), (3, 0, 0));
        let count = |name: &str| {
            let program = server.program(Role::Admin);
            let all: Value =
                program.get(server.url("/api/v1/segments")).send().expect("segments").json().expect("JSON");
            let found = all["segments"].as_array().expect("a list").iter().find(|one| one["name"] == name).cloned();
            found.expect("the segment")
        };
        assert_eq!(count("Spring")["count"], 3);
        let picked = count("Picked")["id"].to_string();
        join(&[("segment", &picked)]);
        assert_eq!(sums(&db), (2, 1, 0), "Ana is in it");
        assert_eq!(count("Picked")["count"], 4);
        let dynamic = count("VIPs")["id"].to_string();
        assert_eq!(join(&[("segment", &dynamic)]).status(), 422);
        assert_eq!(join(&[("segment", "new"), ("segment_name", "spring")]).status(), 422, "the name is taken");
        assert_eq!(join(&[("segment", "new"), ("segment_name", " ")]).status(), 422);
    });
}

#[test]
fn what_counts_is_who_matches_when_it_is_started() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let page = marketer
            .get(server.url("/bulk/new"))
            .query(&[("do", "add_tags"), ("all", "1"), ("filter", "tags contains VIP"), ("tag", "Gold")])
            .send()
            .and_then(Response::text)
            .expect("a page");
        assert!(page.contains("Add Gold to 3 customers") && page.contains("tagged VIP"), "{page}");
        // Meanwhile Ana leaves the filter, and Bo and Di come into it.
        let agent = server.program(Role::Agent);
        let tag = |id: i64| server.url(&format!("/api/v1/customers/{id}/tags/VIP"));
        assert!(agent.delete(tag(people.ana)).send().expect("an answer").status().is_success());
        for id in [people.bo, people.di] {
            assert!(agent.put(tag(id)).send().expect("an answer").status().is_success());
        }
        let form = [
            ("do", "add_tags"),
            ("all", "1"),
            ("filter", "tags contains VIP"),
            ("tag", "Gold"),
            ("shown", "3"),
            ("back", "/customers?filter=tags contains Gold"),
        ];
        let done = bulk(&marketer, &server, &form);
        assert_eq!(done.url().path(), "/customers");
        let text = done.text().expect("the list one came from");
        assert!(text.contains("Gold added to 4 customers") && text.contains("The page had said 3."), "{text}");
        assert!(carried(&db)[0] == ("Ana".into(), "".into()), "she had left");
        assert_eq!(sums(&db), (4, 0, 0));
        // A filter that makes no sense is about nobody, and says so.
        for filter in ["tags contains Nope", "city is", "nonsense"] {
            let refused =
                bulk(&marketer, &server, &[("do", "add_tags"), ("all", "1"), ("filter", filter), ("tag", "Gold")]);
            assert_eq!(refused.status(), 422, "{filter}");
        }
        let nobody = bulk(&marketer, &server, &[("do", "add_tags"), ("tag", "Gold")]);
        assert_eq!(nobody.status(), 422, "nobody was ticked");
        let none = [("do", "add_tags"), ("all", "1"), ("filter", "city is Atlantis"), ("tag", "Gold")];
        assert!(bulk(&marketer, &server, &none).text().expect("a page").contains("Nobody matches any more"));
        let gone = bulk(&marketer, &server, &[("do", "add_tags"), ("id", "987654"), ("tag", "Gold")]);
        assert!(gone.text().expect("a page").contains("She was deleted meanwhile."));
        assert_eq!(sums(&db), (0, 0, 1));
    });
}

#[test]
fn deleting_many_wants_the_number_typed() {
    for_each_database(|db| {
        world(&db);
        crowd(&db, 120);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let crowd = [("do", "delete"), ("all", "1"), ("filter", "name starts with Person"), ("shown", "120")];
        let unsure = bulk(&marketer, &server, &crowd);
        assert_eq!(unsure.status(), 422);
        assert!(unsure.text().expect("a page").contains("Type 120 to delete them."));
        assert_eq!(bulk(&marketer, &server, &[&crowd[..], &[("sure", "12")]].concat()).status(), 422);
        let sure = bulk(&marketer, &server, &[&crowd[..], &[("sure", " 120 ")]].concat());
        assert!(sure.text().expect("a page").contains("120 customers deleted."));
        assert_eq!(sums(&db), (120, 0, 0));
        // A few go without.
        bulk(&marketer, &server, &[("do", "delete"), ("all", "1"), ("filter", "tags contains VIP")]);
        assert_eq!(sums(&db), (3, 0, 0));
        assert_eq!(lines(&carried(&db)), [("Bo", "VIP-old Wholesale"), ("Di", "")]);
    });
}

#[test]
fn many_are_seen_to_in_the_background_and_can_be_stopped() {
    for_each_database(|db| {
        crowd(&db, 2_500);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let page = bulk(&marketer, &server, &[("do", "add_tags"), ("all", "1"), ("tag", "Crowd")]);
        assert!(page.url().path().starts_with("/bulk/"), "{}", page.url());
        assert_eq!(sums(&db), (2_500, 0, 0));
        let text = marketer.get(page.url().clone()).send().and_then(Response::text).expect("the result");
        assert!(text.contains("adds up") && text.contains("2,500 changed, 0 already so, 0 failed"), "{text}");

        let action = begun(&db);
        let stop = server.url(&format!("/bulk/{}/cancel", action.id));
        // Whoever looks for work may have been quicker.
        let stopped = marketer.post(&stop).send().and_then(Response::text).expect("a page");
        let action = ended(&db);
        if action.state() == State::Cancelled {
            assert!(stopped.contains("What was done so far stays"), "{stopped}");
            assert!(stopped.contains("not reached"), "{stopped}");
            assert!(!work::now(action.id, &db).expect("nothing to do"), "nobody goes on with it");
        }
        let again = marketer.post(&stop).send().and_then(Response::text).expect("a page");
        assert!(again.contains("It had come to its end already."), "{again}");
    });
}

#[test]
fn of_two_processes_one_works_on_an_action() {
    for_each_database(|db| {
        crowd(&db, 3_000);
        let other = Db::open(&url(&db)).expect("the same database");
        let action = begun(&db);
        let ended_it: Vec<bool> = std::thread::scope(|scope| {
            let works = [&db, &other, &db, &other].map(|db| scope.spawn(|| work::now(action.id, db)));
            works.into_iter().map(|work| work.join().expect("a worker").expect("it works")).collect()
        });
        assert_eq!(ended_it.iter().filter(|ended| **ended).count(), 1, "{ended_it:?}");
        assert_eq!(sums(&db), (3_000, 0, 0));
    });
}

fn progress(db: &Db, id: i64) -> Action {
    db.read_now::<_, Trouble>(|conn| Ok(Action::find(id, conn)?)).expect("the actions").expect("the action")
}

#[test]
fn a_process_that_is_killed_loses_nothing_and_another_goes_on() {
    for_each_database(|db| {
        crowd(&db, 6_000);
        let action = begun(&db);
        let first = Program::serve(&db, &[]);
        let began = Instant::now();
        while progress(&db, action.id).changed == 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "it does not begin");
            somebody_writes(&db);
            std::thread::sleep(Duration::from_millis(5));
        }
        first.kill();
        let stopped = progress(&db, action.id);
        assert!(stopped.state().is_open() && stopped.changed < 6_000, "killed too late to show anything: {stopped:?}");
        let tagged: i64 =
            db.read_now::<_, Trouble>(|conn| Ok(taggings::table.count().get_result(conn)?)).expect("the taggings");
        assert_eq!(tagged, stopped.changed, "what is done and what is counted are one");

        // Nobody takes it as long as it might still be worked on.
        assert!(!work::now(action.id, &db).expect("it is held"));
        let second = Program::serve(&db, &[]);
        let ended = ended(&db);
        drop(second);
        assert_eq!((ended.state(), sums(&db)), (State::Done, (6_000, 0, 0)));
    });
}

#[test]
fn agents_change_one_customer_after_the_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    world(&db);
    let server = Server::start(&db);
    let agent = server.signed_in(Role::Agent);
    let list = agent.get(server.url("/customers")).send().and_then(Response::text).expect("a list");
    assert!(!list.contains("/bulk") && list.contains("Add to segment"), "what an agent may not is not offered");
    for kind in ["add_tags", "delete"] {
        let refused = bulk(&agent, &server, &[("do", kind), ("all", "1"), ("tag", "Gold")]);
        assert_eq!(refused.status(), 403, "{kind}");
        assert!(refused.text().expect("a page").contains("change many customers at once"));
    }
    let body = json!({ "filter": "", "action": { "do": "add_tags", "tags": ["Gold"] } });
    let refused = server.program(Role::Agent).post(server.url("/api/v1/bulk")).json(&body).send().expect("an answer");
    assert_eq!(refused.status(), 403);
    let nothing: i64 =
        db.read_now::<_, Trouble>(|conn| Ok(bulk_actions::table.count().get_result(conn)?)).expect("the actions");
    assert_eq!(nothing, 0);
}

#[test]
fn programs_do_it_too() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Marketer);
        let post = |body: Value| program.post(server.url("/api/v1/bulk")).json(&body).send().expect("an answer");
        let by_filter = json!({
            "filter": { "all": [{ "field": "tags", "op": "contains", "value": ["VIP"] }] },
            "action": { "do": "add_tags", "tags": ["Gold"] },
        });
        let made = post(by_filter);
        assert_eq!(made.status(), 201);
        let made: Value = made.json().expect("JSON");
        assert_eq!((&made["state"], &made["changed"], &made["total"]), (&json!("done"), &json!(3), &json!(3)));

        let gone = json!({ "customers": [people.di, 987654], "action": { "do": "set_field", "field": "custom.spend", "value": 12.5 } });
        let made: Value = post(gone).json().expect("JSON");
        assert_eq!((&made["changed"], &made["failed"]), (&json!(1), &json!(1)));
        assert_eq!(made["failures"][0], json!({ "customer": 987654, "reason": "She was deleted meanwhile." }));
        let url = server.url(&format!("/api/v1/bulk/{}", made["id"]));
        let shown: Value = program.get(&url).send().expect("an answer").json().expect("JSON");
        assert_eq!((&shown["what"], &shown["by"]), (&json!("Set Spend to 12.5"), &json!("marketer's program")));

        let undone = program.post(format!("{url}/undo")).send().expect("an answer");
        assert_eq!(undone.status(), 200);
        let undone: Value = undone.json().expect("JSON");
        assert_eq!((&undone["state"], &undone["restored"], &undone["kept"]), (&json!("undone"), &json!(1), &json!(0)));
        let twice = program.post(format!("{url}/undo")).send().expect("an answer");
        assert_eq!(twice.status(), 409);
        let error: Value = twice.json().expect("JSON");
        assert!(
            error["error"]["message"].as_str().is_some_and(|words| words.contains("undid this already")),
            "{error}"
        );

        for (body, words) in [
            (json!({ "action": { "do": "delete" } }), "either a filter or customers"),
            (json!({ "filter": "", "customers": [1], "action": { "do": "delete" } }), "either a filter or customers"),
            (json!({ "filter": "tags contains Nope", "action": { "do": "delete" } }), "Nope"),
            (json!({ "filter": "", "action": { "do": "sing" } }), "do is one of"),
            (json!({ "filter": "", "action": { "do": "add_tags" } }), "Choose a tag first"),
            (json!({ "filter": "", "action": { "do": "add_to_segment" } }), "id of a static segment"),
            (
                json!({ "filter": "", "action": { "do": "set_field", "field": "phone", "value": "1" } }),
                "No two customers",
            ),
            (json!({ "filter": "", "actoin": {} }), "actoin"),
        ] {
            let refused = post(body.clone());
            assert_eq!(refused.status(), 422, "{body}");
            let error: Value = refused.json().expect("JSON");
            assert!(error["error"]["message"].as_str().is_some_and(|said| said.contains(words)), "{body}: {error}");
        }
    });
}

/// Somebody to compare with: made anew, with nothing.
pub fn somebody(name: &str, db: &Db) -> i64 {
    db.write_now::<_, Trouble>(|conn: &mut Conn| {
        let clock = Workspace::load(conn)?.clock();
        let draft = Draft { name: Some(name.into()), ..Draft::default() };
        Ok(muster::customers::Customer::create(&draft, &by(&clock), conn).expect("somebody").id)
    })
    .expect("somebody")
}
