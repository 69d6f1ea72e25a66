//! Families: of the tags of one, a customer carries one at most, by whatever road it comes.

use super::support::imports::import;
use super::support::*;
use diesel::prelude::*;
use muster::agents::{Caller, Role};
use muster::db::schema::{past_taggings, taggings};
use muster::db::{Conn, Db, Trouble};
use muster::tags::families::{self, Family};
use muster::tags::{self, Mark, Source, Tag};
use serde_json::{Value, json};
use std::sync::Barrier;

fn write<T>(db: &Db, work: impl FnOnce(&mut Conn) -> T) -> T {
    db.write_now::<_, Trouble>(|conn| Ok(work(conn))).expect("a transaction")
}

fn mark() -> Mark {
    Mark::of(&Caller::command_line(), Source::Profile, chrono::Utc::now().naive_utc())
}

/// Status: Pending, Called, Done.
fn statuses(db: &Db) -> [i64; 3] {
    ["Pending", "Called", "Done"].map(|name| {
        write(db, |conn| {
            let (tag, _) = Tag::find_or_create(name, conn, clock().stamp()).unwrap();
            let family = Family::find_or_create("Status", clock().stamp(), conn).unwrap();
            families::put(tag.id, Some(&family), &mark(), conn).unwrap();
            tag.id
        })
    })
}

fn carried(customer: i64, db: &Db) -> String {
    let now = chrono::Utc::now().naive_utc();
    let hers = write(db, |conn| tags::of_customer(customer, now, conn).unwrap());
    hers.into_iter().map(|tagging| tagging.tag.name).collect::<Vec<_>>().join(", ")
}

#[test]
fn one_tag_of_a_family_replaces_the_other_by_every_road() {
    for_each_database(|db| {
        let people = world(&db);
        statuses(&db);
        let server = Server::start(&db);
        let (agent, program) = (server.signed_in(Role::Agent), server.program(Role::Agent));
        let ana = format!("/customers/{}", people.ana);
        let post = |name: &str, from: &str| {
            let form = [("name", name), ("from", from)];
            agent.post(server.url(&format!("{ana}/taggings"))).form(&form).send().unwrap().status()
        };
        assert_eq!(post("Pending", "profile"), 200);
        assert_eq!(carried(people.ana, &db), "Pending, VIP", "what is in no family stays");
        assert_eq!(post("Called", "list"), 200);
        assert_eq!(carried(people.ana, &db), "Called, VIP");
        let put = program.put(server.url(&format!("/api/v1{ana}/tags/done"))).send().unwrap();
        assert_eq!(put.json::<Value>().unwrap()["tags"], json!(["Done", "VIP"]));
        let patch = json!({ "tags": ["VIP", "Called", "Pending"] });
        let patched = program.patch(server.url(&format!("/api/v1{ana}"))).json(&patch).send().unwrap();
        assert_eq!(patched.json::<Value>().unwrap()["tags"], json!(["Pending", "VIP"]), "the last one named");
        let done = import(&db, "external_id,tags\nc1,Done\nc2,Called;Pending\nc1,Called\n");
        assert_eq!(done.sums(), [0, 3, 0, 0, 0, 0]);
        assert_eq!(carried(people.ana, &db), "Called, VIP");
        assert_eq!(carried(people.bo, &db), "Pending, VIP-old, Wholesale");
        let why: Vec<String> = write(&db, |conn| {
            past_taggings::table.order(past_taggings::id).select(past_taggings::why).load(conn).unwrap()
        });
        assert!(why.len() >= 4 && why.iter().all(|why| why == "replaced"), "{why:?}");
        let page = agent.get(server.url(&ana)).send().unwrap().text().unwrap();
        let told = scraper::Html::parse_document(&page).root_element().text().collect::<String>();
        assert!(told.contains("by another of its family"), "{told}");

        // Many at once.
        let everybody = [people.ana, people.bo, people.cy, people.di, people.eva];
        let done = write(&db, |conn| Tag::find("Done", conn).unwrap().unwrap().id);
        assert_eq!(write(&db, |conn| tags::add_to(&everybody, done, &mark(), conn).unwrap()).len(), 5);
        assert_eq!(carried(people.ana, &db), "Done, VIP");
        assert_eq!(carried(people.bo, &db), "Done, VIP-old, Wholesale");
        assert_eq!(write(&db, |conn| tags::add_to(&everybody, done, &mark(), conn).unwrap()), [0i64; 0]);
        assert_eq!(write(&db, |conn| tags::remove_from(&everybody, done, &mark(), conn).unwrap()), 5);
    });
}

#[test]
fn two_agents_at_once_leave_one_tag_of_a_family() {
    for_each_database(|db| {
        let people = world(&db);
        let [pending, called, done] = statuses(&db);
        for _ in 0..12 {
            let both = Barrier::new(3);
            std::thread::scope(|scope| {
                for tag in [pending, called, done] {
                    let (db, both) = (&db, &both);
                    scope.spawn(move || {
                        both.wait();
                        write(db, |conn| tags::add(people.di, tag, &mark(), conn).unwrap());
                    });
                }
            });
            let left: i64 = write(&db, |conn| {
                taggings::table.filter(taggings::customer_id.eq(people.di)).count().get_result(conn).unwrap()
            });
            assert_eq!(left, 1, "{}", carried(people.di, &db));
        }
    });
}

#[test]
fn a_tag_joins_a_family_and_it_is_said_who_loses_what() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in_who_stays(Role::Marketer);
        let tag = |name: &str| write(&db, |conn| Tag::find(name, conn).unwrap().unwrap());
        let (vip, wholesale) = (tag("VIP"), tag("Wholesale"));
        // Cy carries both; her Wholesale is the later one.
        write(&db, |conn| {
            let hers = taggings::table.find((people.cy, vip.id));
            let earlier = taggings::tagged_at.eq(clock().stamp() - chrono::TimeDelta::days(1));
            diesel::update(hers).set(earlier).execute(conn).unwrap()
        });
        let post = |id: i64, name: &str, family: &str, sure: &str| {
            let form = [("name", name), ("colour", "teal"), ("family", family), ("sure", sure)];
            marketer.post(server.url(&format!("/tags/{id}"))).form(&form).send().unwrap()
        };
        assert_eq!(post(wholesale.id, "Wholesale", " Kind ", "").status(), 303);
        let asked = post(vip.id, "VIP", "kind", "");
        assert_eq!(asked.status(), 422, "it is said first");
        let page = asked.text().unwrap();
        assert!(page.contains("1 customer carries it together with another tag of the family kind"), "{page}");
        let sure = scraper::Html::parse_document(&page);
        let sure = sure.select(&scraper::Selector::parse("[name=sure]").unwrap()).next().unwrap();
        let sure = sure.attr("value").unwrap().to_string();
        assert_eq!(carried(people.cy, &db), "VIP, Wholesale", "and nothing is done");
        assert_eq!(post(vip.id, "VIP", "kind", &sure).status(), 303);
        assert_eq!(carried(people.cy, &db), "Wholesale", "the latest stays");
        assert_eq!(carried(people.ana, &db), "VIP");
        let list = marketer.get(server.url("/tags?tab=families")).send().unwrap().text().unwrap();
        assert!(list.contains("Kind"));
        // Out of it again; a family without tags is gone.
        assert_eq!(post(vip.id, "VIP", "", "").status(), 303);
        assert_eq!(post(wholesale.id, "Wholesale", "", "").status(), 303);
        assert_eq!(write(&db, |conn| Family::all(conn).unwrap()), []);
    });
}
