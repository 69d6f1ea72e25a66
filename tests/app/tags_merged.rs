//! A merge does not mind who else is at work, and what was asked before it still means the tag that stays.

use crate::support::imports::import_beside_others;
use crate::support::pages::{attr, change, fill, get, names, page, save, text, texts};
use crate::support::{Server, for_each_database, world};
use diesel::prelude::*;
use muster::agents::{Caller, Role};
use muster::db::schema::{customers, taggings, tags as names_of};
use muster::db::{Conn, Db, Trouble};
use muster::imports::Subject;
use muster::tags::{self, Mark, Source, Tag, ending};
use muster::web;
use serde_json::json;
use std::sync::Barrier;
use std::time::{Duration, Instant};

fn tag(name: &str, db: &Db) -> Tag {
    let now = chrono::Utc::now().naive_utc();
    db.write_now::<_, Trouble>(|conn| Ok(Tag::find_or_create(name, conn, now)?.0)).expect("a tag")
}

fn merge(from: &Tag, into: &Tag, db: &Db) {
    let merged = db.write_now::<_, web::Error>(|conn| ending::do_merge(from, into, &Caller::command_line(), conn));
    merged.expect("a merge").unwrap_or_else(|words| panic!("{words}"));
}

fn carry(tag: &Tag, conn: &mut Conn) -> i64 {
    taggings::table.filter(taggings::tag_id.eq(tag.id)).count().get_result(conn).expect("a count")
}

#[test]
fn a_merge_waits_for_whoever_tags_at_the_same_time() {
    for_each_database(|db| {
        let people = world(&db);
        let (vip, wholesale) = (tag("VIP", &db), tag("Wholesale", &db));
        let begun = Barrier::new(2);
        std::thread::scope(|scope| {
            // As imports and bulk actions do: the customer first, then the tag.
            scope.spawn(|| {
                db.write_now::<_, Trouble>(|conn| {
                    diesel::update(customers::table.find(people.bo)).set(customers::city.eq("Lund")).execute(conn)?;
                    begun.wait();
                    // Longer than the second after which PostgreSQL looks for two who wait for each other: it would send
                    // this one back, who has nobody to try again.
                    std::thread::sleep(Duration::from_millis(1_300));
                    let mark = Mark::of(&Caller::command_line(), Source::Import(1), chrono::Utc::now().naive_utc());
                    Ok(tags::add(people.bo, vip.id, &mark, conn)?)
                })
                .expect("she is tagged");
            });
            begun.wait();
            merge(&wholesale, &vip, &db);
        });
        let left: Vec<String> = db
            .read_now::<_, Trouble>(|conn| {
                let hers = taggings::table.inner_join(names_of::table).filter(taggings::customer_id.eq(people.bo));
                Ok(hers.order(names_of::name).select(names_of::name).load(conn)?)
            })
            .expect("her tags");
        assert_eq!(left, ["VIP", "VIP-old"]);
    });
}

#[test]
fn tags_are_merged_while_an_import_puts_them_on() {
    for_each_database(|db| {
        world(&db);
        let base = tag("Base", &db);
        let parts: Vec<Tag> = (0..6).map(|part| tag(&format!("Part {part}"), &db)).collect();
        let lines = 6_000;
        let line = |n: usize| format!("Someone {n},s{n}@example.com,Part {}\n", n % parts.len());
        let file = format!("name,email,tags\n{}", (0..lines).map(line).collect::<String>());
        std::thread::scope(|scope| {
            let importing = scope.spawn(|| import_beside_others(Subject::Customers, &db, &file));
            let began = Instant::now();
            for part in &parts {
                while db.read_now::<_, Trouble>(|conn| Ok(carry(part, conn))).expect("a count") == 0
                    && carry_base(&base, &db) == 0
                {
                    assert!(began.elapsed() < Duration::from_secs(60), "nothing is imported");
                }
                merge(part, &base, &db);
            }
            let done = importing.join().expect("an import");
            assert_eq!(done.reasons(), [""; 0]);
            assert_eq!(done.totals.created, lines as i64);
        });
        assert_eq!(carry_base(&base, &db), lines as i64, "whoever was to have a part has the whole");
    });
}

fn carry_base(base: &Tag, db: &Db) -> i64 {
    db.read_now::<_, Trouble>(|conn| Ok(carry(base, conn))).expect("a count")
}

#[test]
fn an_older_version_of_a_segment_means_the_tag_that_stays() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let path =
            save(&marketer, &server, &[("name", "Shops"), ("filter", "tags contains Wholesale and city is not empty")]);
        change(&marketer, &server, &path, &[("filter", "everyone")]);
        let wholesale = tag("Wholesale", &db);
        let program = server.program(Role::Admin);
        let merge = program.post(server.url(&format!("/api/v1/tags/{}/merge", wholesale.id)));
        assert_eq!(merge.json(&json!({ "into": "VIP" })).send().expect("an answer").status(), 200);

        let versions = page(get(&marketer, &server, &format!("{path}/versions")));
        assert_eq!(texts(&versions, "#versions .seg-say")[1], "Tagged VIP and with city");
        let old = page(get(&marketer, &server, &format!("{path}/versions/1")));
        assert_eq!(text(&old, "#sentence"), "Tagged VIP and with city.");
        let form = page(get(&marketer, &server, &attr(&old, ".head-do a", "href")));
        assert_eq!(text(&form, "#segment-filter"), "tags contains VIP and city is not empty");
        let looked = page(fill(&marketer, &server, &form, "#segment-form", &[("do", "check")]));
        let back = page(fill(&marketer, &server, &looked, "#segment-form", &[("do", "save")]));
        let now = page(get(&marketer, &server, "/customers?filter=tags+contains+VIP+and+city+is+not+empty"));
        assert_eq!(names(&back), names(&now));
        assert!(!names(&back).is_empty());
    });
}
