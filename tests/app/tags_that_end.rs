//! Tags with an end: from that very moment they are nobody's, with nothing written; and each tagging has a story.

use super::support::imports::import;
use super::support::*;
use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use diesel::prelude::*;
use muster::agents::{Caller, Role};
use muster::db::schema::{past_taggings, taggings};
use muster::db::{Conn, Db, Trouble};
use muster::filters::fields::Fields;
use muster::filters::sets::Sets;
use muster::filters::{self, Filter, Rule};
use muster::tags::{self, Lasting, Mark, Source, Tag, past};
use muster::workspace::Clock;
use reqwest::blocking::{Client, Response};
use scraper::{Html, Selector};
use serde_json::{Value, json};

fn write<T>(db: &Db, work: impl FnOnce(&mut Conn) -> T) -> T {
    db.write_now::<_, Trouble>(|conn| Ok(work(conn))).expect("a transaction")
}

fn put(customer: i64, name: &str, lasting: Lasting, at: NaiveDateTime, db: &Db) {
    write(db, |conn| {
        let (tag, _) = Tag::find_or_create(name, conn, at).unwrap();
        let mark = Mark::of(&Caller::command_line(), Source::Profile, at).lasting(lasting);
        tags::add(customer, tag.id, &mark, conn).unwrap()
    });
}

fn titles(page: &str, chips: &str) -> Vec<String> {
    let page = Html::parse_document(page);
    let selector = Selector::parse(chips).expect("a selector");
    page.select(&selector).filter_map(|chip| chip.attr("title").map(str::to_string)).collect()
}

fn text(page: &str, selector: &str) -> String {
    let page = Html::parse_document(page);
    let selector = Selector::parse(selector).expect("a selector");
    let words: Vec<String> = page.select(&selector).flat_map(|found| found.text().map(str::to_string)).collect();
    words.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn page(client: &Client, server: &Server, path: &str) -> String {
    let answer = client.get(server.url(path)).send().expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().expect("a page")
}

fn send(client: &Client, server: &Server, path: &str, body: Value) -> Response {
    client.put(server.url(path)).json(&body).send().expect("an answer")
}

/// When each tag of a customer ends, by the database.
fn ends(customer: i64, db: &Db) -> Vec<Option<NaiveDateTime>> {
    let hers = taggings::table.filter(taggings::customer_id.eq(customer)).order(taggings::tag_id);
    write(db, |conn| hers.select(taggings::expires_at).load(conn).unwrap())
}

#[test]
fn every_condition_forgets_a_tag_at_the_moment_it_ends() {
    for_each_database(|db| {
        let people = world(&db);
        let start = clock();
        let end = start.stamp() + TimeDelta::days(7);
        // Di has no tag but this one; Ana has one beside it; Eva's own gets an end.
        for who in [people.di, people.ana] {
            put(who, "Follow-up", Lasting::Until(end), start.stamp(), &db);
        }
        put(people.eva, "VIP", Lasting::Until(end), start.stamp(), &db);
        let sets = Sets::new(db.clone(), None);
        let questions = [
            ("tags contains Follow-up", "Ana, Di", ""),
            ("tags contains (Follow-up, VIP)", "Ana, Cy, Di, Eva", "Ana, Cy"),
            ("tags contains all (VIP, Follow-up)", "Ana", ""),
            ("tags does not contain Follow-up", "Bo, Cy, Eva", "Ana, Bo, Cy, Di, Eva"),
            ("tags does not contain all (VIP, Follow-up)", "Bo, Cy, Di, Eva", "Ana, Bo, Cy, Di, Eva"),
            ("tags contains only VIP", "Eva", "Ana"),
            ("tags is empty", "", "Di, Eva"),
            ("tags is not empty", "Ana, Bo, Cy, Di, Eva", "Ana, Bo, Cy"),
            ("tags count = 2", "Ana, Bo, Cy", "Bo, Cy"),
            ("tags count >= 1", "Ana, Bo, Cy, Di, Eva", "Ana, Bo, Cy"),
            ("tags count <= 0", "", "Di, Eva"),
            ("tags any name contains low", "Ana, Di", ""),
            ("tagged Follow-up in the last 30 days", "Ana, Di", ""),
            ("tagged VIP by import", "Ana, Cy, Eva", "Ana, Cy"),
            ("tagged Follow-up by agent", "Ana, Di", ""),
        ];
        let step = TimeDelta::microseconds(1);
        // Forwards and back, with nothing written in between: sets are moved, SQL is asked.
        let moments =
            [end - step, end, end + step, end - step, end + TimeDelta::minutes(1), end - TimeDelta::minutes(1)];
        for (asked, before, after) in questions {
            for now in moments {
                let clock = Clock { now: now.and_utc(), ..start };
                let who = sets.read_now::<_, Trouble>(|at| {
                    let rule = Rule::read(asked, &Fields::load(at)?).expect("a filter");
                    let filter = Filter::check(&rule, at, &clock)?;
                    assert_eq!(filter.problems(), [], "{asked}");
                    let ids = at.matching(&filter)?;
                    assert_eq!(ids.len() as i64, filters::count(&filter, at)?, "{asked} at {now}");
                    let named = [
                        (people.ana, "Ana"),
                        (people.bo, "Bo"),
                        (people.cy, "Cy"),
                        (people.di, "Di"),
                        (people.eva, "Eva"),
                    ];
                    let named = named.iter().filter(|(id, _)| ids.contains(*id as u32)).map(|(_, name)| *name);
                    Ok(named.collect::<Vec<_>>().join(", "))
                });
                assert_eq!(who.expect("an answer"), if now < end { before } else { after }, "{asked} at {now}");
            }
        }
    });
}

#[test]
fn what_has_ended_is_on_no_page_and_in_no_file() {
    for_each_database(|db| {
        let people = world(&db);
        let now = Utc::now().naive_utc();
        put(people.di, "Trial", Lasting::Until(now - TimeDelta::seconds(1)), now - TimeDelta::days(3), &db);
        put(people.ana, "Trial", Lasting::Until(now + TimeDelta::days(1)), now - TimeDelta::days(3), &db);
        let server = Server::start(&db);
        let (agent, program) = (server.signed_in(Role::Admin), server.program(Role::Admin));
        let get = |path: &str| program.get(server.url(path)).send().unwrap().json::<Value>().unwrap();
        assert_eq!(get(&format!("/api/v1/customers/{}", people.di))["tags"], json!([]));
        assert_eq!(get(&format!("/api/v1/customers/{}", people.ana))["tags"], json!(["Trial", "VIP"]));
        assert_eq!(get("/api/v1/customers/count?filter=tags+contains+Trial")["count"], 1);
        let trial = get("/api/v1/tags?q=trial")["tags"][0].clone();
        assert_eq!((&trial["name"], &trial["customers"]), (&json!("Trial"), &json!(1)));
        let list = page(&agent, &server, "/customers");
        assert!(!text(&list, &format!("#customer-{}-tags", people.di)).contains("Trial"));
        assert!(text(&list, &format!("#customer-{}-tags", people.ana)).contains("Trial"));
        let profile = page(&agent, &server, &format!("/customers/{}", people.di));
        assert!(!text(&profile, &format!("#customer-{}-tags", people.di)).contains("Trial"));
        assert!(text(&page(&agent, &server, "/tags?q=trial"), "#tags td.num strong") == "1");
        let file = page(&agent, &server, "/customers/export?columns=name,tags");
        assert!(file.contains("Di,\r\n") || file.contains("Di,\n"), "{file}");
        assert!(file.contains("Ana,Trial;VIP"), "{file}");
        let offers = page(&agent, &server, &format!("/tags/suggest?q=trial&customer={}", people.di));
        assert_eq!(text(&offers, "[role=option]"), "Trial 1", "it can be put on again");
        // An import that puts it on puts it on again, with a story of its own.
        let done = import(&db, "external_id,tags\nc4,Trial\nc1,Trial\n");
        assert_eq!(done.sums(), [0, 1, 1, 0, 0, 0]);
        assert_eq!(ends(people.di, &db), [None]);
    });
}

#[test]
fn how_long_is_said_by_programs() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Agent);
        let path = format!("/api/v1/customers/{}/tags/Follow-up", people.di);
        let end = || ends(people.di, &db)[0];
        assert_eq!(program.put(server.url(&path)).send().unwrap().status(), 200);
        assert_eq!(end(), None);
        let (before, answer) = (Utc::now().naive_utc(), send(&program, &server, &path, json!({ "for": "7 days" })));
        assert_eq!(answer.json::<Value>().unwrap()["tags"], json!(["Follow-up"]), "names, as ever");
        let left = end().expect("an end") - before;
        assert!((6..=7).contains(&left.num_days()) && left <= TimeDelta::days(7) + TimeDelta::minutes(1), "{left}");
        let christmas = (Utc::now() + TimeDelta::days(40)).to_rfc3339_opts(SecondsFormat::Micros, true);
        assert_eq!(send(&program, &server, &path, json!({ "expires_at": christmas })).status(), 200);
        assert_eq!(end(), Some(christmas.parse::<DateTime<Utc>>().unwrap().naive_utc()));
        // Who came first stays, and so does the end when nothing is said of it.
        assert_eq!(send(&program, &server, &path, json!({})).status(), 200);
        assert!(end().is_some());
        assert_eq!(send(&program, &server, &path, json!({ "expires_at": null })).status(), 200);
        assert_eq!(end(), None);
        for wrong in [
            json!({ "for": "soon" }),
            json!({ "for": 7 }),
            json!({ "expires_at": "2001-01-01T00:00:00Z" }),
            json!({ "expires_at": "tomorrow" }),
            json!({ "expires_at": christmas, "for": "7 days" }),
            json!({ "until": christmas }),
            json!(["7 days"]),
        ] {
            assert_eq!(send(&program, &server, &path, wrong.clone()).status(), 422, "{wrong}");
        }
        let broken = program.put(server.url(&path)).body("{").send().unwrap();
        assert_eq!(broken.status(), 422);
    });
}

#[test]
fn how_long_is_typed_behind_the_name_or_beside_it() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        let di = format!("/customers/{}", people.di);
        let post = |form: &[(&str, &str)]| agent.post(server.url(&format!("{di}/taggings"))).form(form).send().unwrap();
        let shown = post(&[("name", "FollowUp-Call for 7 days"), ("from", "profile")]).text().unwrap();
        let chips = format!("#customer-{}-tags .chip", people.di);
        assert_eq!(text(&shown, &format!("{chips} span")), "FollowUp-Call");
        let title = titles(&shown, &chips).pop().unwrap();
        assert!(title.starts_with("Ada Agent, on the profile, ") && title.contains("; 7 days left, until "), "{title}");
        // The small field, as it is without JavaScript; and a new word about the end replaces the old one.
        post(&[("name", "FollowUp-Call"), ("for", "2 weeks"), ("from", "profile")]);
        assert_eq!((ends(people.di, &db)[0].unwrap() - Utc::now().naive_utc()).num_days(), 13);
        post(&[("name", "followup-call"), ("from", "profile")]);
        assert!(ends(people.di, &db)[0].is_some(), "nothing said, nothing changed");
        post(&[("name", "FollowUp-Call for ever"), ("from", "profile")]);
        assert_eq!(ends(people.di, &db), [None]);
        // In a row of the list.
        let shown = page(&agent, &server, "/customers");
        let title = titles(&shown, &chips).pop().unwrap();
        assert!(title.starts_with("Ada Agent, on the profile, ") && !title.contains("left"), "{title}");
        // What cannot be read comes back with its reason, and nothing is lost.
        let wrong = post(&[("name", "Call-back"), ("for", "a while"), ("from", "profile")]);
        assert_eq!(wrong.status(), 422);
        let wrong = wrong.text().unwrap();
        assert!(wrong.contains("value=\"Call-back\"") && wrong.contains("value=\"a while\""));
        assert!(text(&wrong, ".field-why").contains("Say how long"));
        // A tag that is called so as a whole is meant as a whole.
        write(&db, |conn| Tag::find_or_create("Trial for 7 days", conn, clock().stamp()).unwrap());
        post(&[("name", "Trial for 7 days"), ("from", "profile")]);
        assert_eq!(ends(people.di, &db), [None, None]);
        let offers = page(&agent, &server, &format!("/tags/suggest?q=Wholesale+for+3+days&customer={}", people.di));
        let offers = Html::parse_fragment(&offers);
        let option = Selector::parse("[role=option]").unwrap();
        let first = offers.select(&option).next().expect("an offer");
        assert_eq!(first.attr("data-value"), Some("Wholesale for 3 days"));
    });
}

#[test]
fn an_end_that_came_makes_room_for_a_new_beginning() {
    for_each_database(|db| {
        let people = world(&db);
        let at = clock().stamp();
        put(people.di, "Trial", Lasting::Until(at + TimeDelta::hours(1)), at, &db);
        // Again while it lasts: who came first stays. Again after that: it is new.
        put(people.di, "Trial", Lasting::Unsaid, at + TimeDelta::minutes(30), &db);
        let carried = |now| write(&db, |conn| tags::of_customer(people.di, now, conn).unwrap());
        assert_eq!(carried(at + TimeDelta::minutes(31))[0].at, at);
        let later = at + TimeDelta::hours(2);
        assert!(carried(later).is_empty());
        let past = |now| write(&db, |conn| past::of_customer(people.di, now, 9, conn).unwrap());
        let over = past(later);
        assert_eq!(past(at + TimeDelta::minutes(31)), [], "it lasts");
        assert_eq!((over.len(), over[0].why), (1, past::Why::Expired), "before anybody sweeps");
        put(people.di, "Trial", Lasting::Unsaid, later, &db);
        let again = carried(later);
        assert_eq!((again.len(), again[0].at, again[0].expires_at), (1, later, None));
        let past = past(later);
        assert_eq!(past.len(), 1, "swept or not, it is told once");
        assert_eq!(
            (past[0].why, past[0].tagged_at, past[0].ended_at),
            (past::Why::Expired, at, at + TimeDelta::hours(1))
        );
        // Taking off what is over takes off nothing.
        put(people.bo, "Trial", Lasting::Until(at + TimeDelta::hours(1)), at, &db);
        let mark = Mark::of(&Caller::command_line(), Source::Profile, later);
        let trial = write(&db, |conn| Tag::find("Trial", conn).unwrap().unwrap().id);
        assert!(!write(&db, |conn| tags::remove(people.bo, trial, &mark, conn).unwrap()));
    });
}

#[test]
fn what_is_over_is_swept_into_the_past() {
    for_each_database(|db| {
        let people = world(&db);
        let at = clock().stamp();
        for (who, minutes) in [(people.di, 1), (people.bo, 2), (people.ana, 60)] {
            put(who, "Trial", Lasting::Until(at + TimeDelta::minutes(minutes)), at, &db);
        }
        let rows = || {
            let trial = || taggings::table.filter(taggings::expires_at.is_not_null()).count();
            write(&db, |conn| {
                let past = past_taggings::table.filter(past_taggings::why.eq("expired")).count();
                (trial().get_result::<i64>(conn).unwrap(), past.get_result::<i64>(conn).unwrap())
            })
        };
        past::sweep(at, &db).unwrap();
        assert_eq!(rows(), (3, 0));
        past::sweep(at + TimeDelta::minutes(2), &db).unwrap();
        assert_eq!(rows(), (1, 2));
        past::sweep(at + TimeDelta::days(2), &db).unwrap();
        past::sweep(at + TimeDelta::days(2), &db).unwrap();
        assert_eq!(rows(), (0, 3));
    });
}

#[test]
fn the_profile_tells_what_was_carried_and_how_it_ended() {
    for_each_database(|db| {
        let people = world(&db);
        let now = Utc::now().naive_utc();
        put(people.di, "Trial", Lasting::Until(now - TimeDelta::hours(1)), now - TimeDelta::days(3), &db);
        let server = Server::start(&db);
        let (agent, program) = (server.signed_in(Role::Agent), server.program(Role::Agent));
        let di = format!("/customers/{}", people.di);
        agent
            .post(server.url(&format!("{di}/taggings")))
            .form(&[("name", "Gold"), ("from", "profile")])
            .send()
            .unwrap();
        let gone = program.delete(server.url(&format!("/api/v1{di}/tags/gold"))).send().unwrap();
        assert_eq!(gone.status(), 200);
        assert_eq!(program.delete(server.url(&format!("/api/v1{di}/tags/gold"))).send().unwrap().status(), 404);
        past::sweep(now, &db).unwrap();
        let told = text(&page(&agent, &server, &di), "#time");
        assert!(told.contains("Ada Agent added Gold on the profile"), "{told}");
        assert!(told.contains("agent's program removed Gold through the API"), "{told}");
        assert!(told.contains("Trial ran out") && told.contains("command line added Trial on the profile"), "{told}");
        let whole: i64 = write(&db, |conn| past_taggings::table.count().get_result(conn).unwrap());
        assert_eq!(whole, 2);
        // An import that takes a tag away leaves the same trace.
        import(&db, "external_id,tags\nc1,-VIP\n");
        let told = text(&page(&agent, &server, &format!("/customers/{}", people.ana)), "#time");
        assert!(told.contains("command line removed VIP by import"), "{told}");
    });
}
