//! Looking after tags: names that stay understood, two that become one, some put away, some deleted; and nobody enters or
//! leaves an audience other than as it was shown before.

use super::support::imports::import;
use super::support::*;
use chrono::TimeDelta;
use diesel::prelude::*;
use muster::agents::{Caller, Role};
use muster::db::schema::{audit_log, taggings};
use muster::db::{Conn, Db, Trouble};
use muster::filters::Rule;
use muster::filters::fields::Fields;
use muster::filters::sets::{Ids, Sets, Snapshot};
use muster::segments::{Kind, Segment, Wish};
use muster::tags::impact::{self, Step};
use muster::tags::{self, Lasting, Mark, Source, Tag, ending, merge};
use muster::views::{Look, View};
use muster::workspace::Clock;
use reqwest::blocking::Client;
use scraper::{Html, Selector};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn write<T>(db: &Db, work: impl FnOnce(&mut Conn) -> T) -> T {
    db.write_now::<_, Trouble>(|conn| Ok(work(conn))).expect("a transaction")
}

fn tag(name: &str, db: &Db) -> Tag {
    write(db, |conn| Tag::find(name, conn).unwrap().unwrap_or_else(|| panic!("no tag {name}")))
}

fn texts(page: &str, selector: &str) -> Vec<String> {
    let page = Html::parse_document(page);
    let selector = Selector::parse(selector).expect("a selector");
    page.select(&selector)
        .map(|found| found.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn get(client: &Client, server: &Server, path: &str) -> String {
    let answer = client.get(server.url(path)).send().expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().expect("a page")
}

fn now() -> Clock {
    Clock { now: chrono::Utc::now(), zone: chrono_tz::UTC }
}

/// Segments that ask in every way, one inside another; and a view.
const ASKED: [(&str, &str); 13] = [
    ("VIPs", "tags contains VIP"),
    ("Old ones", "tags contains VIP-old"),
    ("Either", "tags contains (VIP-old, VIP)"),
    ("Both", "tags contains all (VIP, VIP-old)"),
    ("Nothing else", "tags contains only VIP"),
    ("Without", "tags does not contain VIP-old"),
    ("None at all", "tags is empty"),
    ("Two or more", "tags count >= 2"),
    ("Exactly one", "tags count = 1"),
    ("Called vip", "tags any name contains vip"),
    ("Lately", "tagged VIP in the last 3 days and tags is not empty"),
    ("By an import", "not (tagged VIP-old by import)"),
    ("Nested", "segments in any of (VIPs, Lately) or segments in none of (\"Called vip\", \"Two or more\")"),
];

/// Customers who carry one, the other or both, earlier and later, with and without an end.
fn shop(db: &Db) -> Vec<i64> {
    world(db);
    let now = now().stamp();
    write(db, |conn| {
        let ids: Vec<i64> = (0..40)
            .map(|_| muster::customers::Customer::create(&Default::default(), &by(&clock()), conn).unwrap().id)
            .collect();
        for (number, id) in ids.iter().enumerate() {
            let mut put = |name: &str, days: i64, end: i64, source: Source| {
                let tag = Tag::find(name, conn).unwrap().unwrap();
                let at = now - TimeDelta::days(days);
                let lasting = if end == 0 { Lasting::Unsaid } else { Lasting::Until(now + TimeDelta::days(end)) };
                let mark = Mark::of(&Caller::command_line(), source, at).lasting(lasting);
                tags::add(*id, tag.id, &mark, conn).unwrap();
            };
            let (one, other) = (number as i64 % 7, number as i64 % 5);
            if number % 2 == 0 {
                put("VIP", one, (number as i64 % 4) * 3, if one > 3 { Source::Import(1) } else { Source::Profile });
            }
            if number % 3 == 0 {
                put("VIP-old", other, (number as i64 % 8) - 1, if other > 2 { Source::Import(1) } else { Source::Api });
            }
            if number % 5 == 0 {
                put("Wholesale", 1, 0, Source::Profile);
            }
        }
        for (name, asked) in ASKED {
            let rule = Rule::read(asked, &Fields::load(conn).unwrap()).expect(asked);
            let wish = Wish { name: name.into(), kind: Kind::Dynamic, rule: Some(rule), private: false };
            Segment::create(&wish, &Caller::command_line(), conn, &clock())
                .unwrap_or_else(|problem| panic!("{problem}"));
        }
        let look = Look { filter: "tags contains VIP-old".into(), ..Look::default() };
        View::create("Old view", false, &look, &Caller::command_line(), conn, &clock()).expect("a view");
        ids
    })
}

/// Who is in each audience.
fn audiences(clock: &Clock, db: &Db) -> BTreeMap<String, Ids> {
    db.read_now::<_, Trouble>(|conn| {
        let mut found = BTreeMap::new();
        for segment in Segment::every(conn)? {
            let filter = segment.filter(conn, clock)?;
            found.insert(segment.name, Snapshot::alone(conn).matching(&filter)?);
        }
        for view in View::every(conn)? {
            let filter = view.filter(conn, clock)?.expect("a filter");
            found.insert(view.name, Snapshot::alone(conn).matching(&filter)?);
        }
        Ok(found)
    })
    .expect("the audiences")
}

/// Foretells what a step does, takes it, and compares: those that were told of are what was told, all others as before.
fn foretold(db: &Db, clock: &Clock, step: impl Fn(&mut Conn) -> Step, take: impl Fn(&mut Conn)) -> usize {
    let (before, sets) = (audiences(clock, db), Sets::new(db.clone(), None));
    let told = sets.read_now::<_, Trouble>(|at| {
        let step = step(at);
        Ok(impact::changes(&step, &Caller::command_line(), clock, at)?)
    });
    let told = told.expect("a foretelling");
    write(db, |conn| take(conn));
    let after = audiences(clock, db);
    for (name, ids) in &after {
        let change = told.iter().find(|(change, _)| change.place.name.as_deref() == Some(name.as_str()));
        let expected = change.map_or(&before[name], |(_, ids)| ids);
        assert_eq!(ids, expected, "{name}: {:?}", change.map(|(change, _)| change));
        if let Some((change, _)) = change {
            assert_eq!((change.before, change.after), (before[name].len() as i64, ids.len() as i64), "{name}");
        }
    }
    told.len()
}

#[test]
fn merging_changes_audiences_as_was_shown() {
    for_each_database(|db| {
        shop(&db);
        let clock = now();
        let both = |conn: &mut Conn| {
            let (from, into) = (Tag::find("VIP-old", conn).unwrap().unwrap(), Tag::find("VIP", conn).unwrap().unwrap());
            let both = merge::Both::of(from.id, into.id, clock.stamp(), conn).unwrap();
            assert!(both.len() > 3, "some carry both");
            (from, into, both)
        };
        let (old, vip) = (tag("VIP-old", &db), tag("VIP", &db));
        let told = foretold(
            &db,
            &clock,
            |conn| {
                let (from, into, both) = both(conn);
                Step::Merge(from, into, both)
            },
            |conn| {
                let (from, into, _) = both(conn);
                let mark = Mark::of(&Caller::command_line(), Source::Tags, clock.stamp());
                merge::merge(&from, &into, &mark, &Caller::command_line(), conn).unwrap();
            },
        );
        assert!(told >= 6, "{told} audiences change");
        assert_eq!((tag("vip-OLD", &db).id, tag("VIP", &db).id), (vip.id, vip.id), "both names are understood");
        assert!(write(&db, |conn| Tag::by_id(old.id, conn).unwrap()).is_none());
        // Later, ends that come end what they ended before or after, and no sooner.
        let later = Clock { now: clock.now + TimeDelta::days(30), ..clock };
        let left = audiences(&later, &db)["VIPs"].len();
        assert!(left < audiences(&clock, &db)["VIPs"].len() && left > 0);
    });
}

#[test]
fn of_two_taggings_the_earlier_stays_and_lasts_as_long_as_the_longer() {
    for_each_database(|db| {
        let people = world(&db);
        let at = clock().stamp();
        let (vip, wholesale) = (tag("VIP", &db), tag("Wholesale", &db));
        // Cy has VIP and Wholesale at once. Ana's Wholesale is earlier and has an end, Eva's later with a longer one.
        for (who, hours, end) in [(people.ana, -5, Some(5)), (people.eva, 5, None)] {
            write(&db, |conn| {
                let mark = Mark::of(
                    &Caller { name: "Mara".into(), ..Caller::command_line() },
                    Source::Api,
                    at + TimeDelta::hours(hours),
                );
                let lasting = end.map_or(Lasting::Unsaid, |end| Lasting::Until(at + TimeDelta::days(end)));
                tags::add(who, wholesale.id, &mark.lasting(lasting), conn).unwrap();
                let ends = taggings::expires_at.eq(at + TimeDelta::days(if who == people.ana { 9 } else { 2 }));
                diesel::update(taggings::table.find((who, vip.id))).set(ends).execute(conn).unwrap();
            });
        }
        let mark = Mark::of(&Caller::command_line(), Source::Tags, at + TimeDelta::hours(6));
        let merged = write(&db, |conn| merge::merge(&wholesale, &vip, &mark, &Caller::command_line(), conn).unwrap());
        let sums = &merged.sums;
        assert_eq!((sums.into, sums.from, sums.both, sums.after()), (3, 4, 3, 4));
        let hers = |who| write(&db, |conn| tags::of_customer(who, mark.at, conn).unwrap()).remove(0);
        let (ana, eva, bo) = (hers(people.ana), hers(people.eva), hers(people.bo));
        assert_eq!((ana.tag.name.as_str(), ana.actor.as_str()), ("VIP", "Mara"), "who came first");
        assert_eq!((ana.at, ana.expires_at), (at - TimeDelta::hours(5), Some(at + TimeDelta::days(9))));
        assert_eq!((eva.actor.as_str(), eva.at, eva.expires_at), ("command line", at, None), "no end is the longest");
        assert_eq!(bo.tag.name, "VIP");
        let past = write(&db, |conn| tags::past::of_customer(people.ana, mark.at, 9, conn).unwrap());
        assert_eq!((past.len(), past[0].why), (1, tags::past::Why::Merged));
        let files = import(&db, "external_id,tags\nc4,wholesale\n");
        assert_eq!(files.sums(), [0, 1, 0, 0, 0, 0]);
        assert_eq!(hers(people.di).tag.id, vip.id, "an import understands the name that went");
    });
}

#[test]
fn renaming_changes_audiences_as_was_shown() {
    for_each_database(|db| {
        shop(&db);
        let clock = now();
        for (from, into, changed) in
            [("VIP-old", "Former", true), ("Wholesale", "Trade", false), ("Former", "Vip again", true)]
        {
            let told = foretold(
                &db,
                &clock,
                |conn| Step::Rename(Tag::find(from, conn).unwrap().unwrap(), into.into()),
                |conn| {
                    let tag = Tag::find(from, conn).unwrap().unwrap();
                    tag.update(&tags::Draft::named(into), conn, clock.stamp()).unwrap();
                },
            );
            assert_eq!(told > 0, changed, "{from} to {into}");
        }
    });
}

#[test]
fn deleting_changes_audiences_as_was_shown() {
    for_each_database(|db| {
        shop(&db);
        let clock = now();
        for name in ["VIP-old", "VIP"] {
            let told = foretold(
                &db,
                &clock,
                |conn| Step::Delete(Tag::find(name, conn).unwrap().unwrap()),
                |conn| {
                    let tag = Tag::find(name, conn).unwrap().unwrap();
                    Tag::delete(tag.id, &Mark::of(&Caller::command_line(), Source::Tags, clock.stamp()), conn).unwrap();
                },
            );
            assert!(told > 3, "{told} change when {name} goes");
        }
    });
}

#[test]
fn a_tag_is_renamed_and_its_old_name_is_understood() {
    for_each_database(|db| {
        let people = world(&db);
        audiences_of_names(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in_who_stays(Role::Marketer);
        let program = server.program(Role::Marketer);
        let vip = tag("VIP", &db);
        let post = |path: &str, form: &[(&str, &str)]| marketer.post(server.url(path)).form(form).send().unwrap();
        // A segment asks for names with "vip": it is said before what happens to it.
        let form = [("name", "Gold"), ("colour", "amber"), ("description", "Best"), ("family", "")];
        let asked = post(&format!("/tags/{}", vip.id), &form);
        assert_eq!(asked.status(), 422);
        let page = asked.text().unwrap();
        assert_eq!(texts(&page, ".note .names li"), ["Any vip 4 → 1 (−3)"]);
        let sure = Html::parse_document(&page);
        let sure =
            sure.select(&Selector::parse("[name=sure]").unwrap()).next().unwrap().attr("value").unwrap().to_string();
        let form: Vec<(&str, &str)> = form.into_iter().chain([("sure", sure.as_str())]).collect();
        assert_eq!(post(&format!("/tags/{}", vip.id), &form).status(), 303);

        let count = |filter: &str| {
            let asked = program.get(server.url("/api/v1/customers/count")).query(&[("filter", filter)]);
            asked.send().unwrap().json::<Value>().unwrap()["count"].clone()
        };
        assert_eq!((count("tags contains VIP"), count("tags contains gold")), (json!(3), json!(3)));
        let put = program.put(server.url(&format!("/api/v1/customers/{}/tags/vip", people.di))).send().unwrap();
        assert_eq!(put.json::<Value>().unwrap()["tags"], json!(["Gold"]));
        import(&db, "external_id,tags\nc2,VIP\n");
        assert_eq!(count("tags contains Gold"), json!(5));
        assert!(get(&marketer, &server, "/customers?filter=tags+contains+VIP").contains("Gold"));
        assert!(get(&marketer, &server, &format!("/tags/{}/edit", vip.id)).contains("Also understood: VIP"));
        assert_eq!(texts(&get(&marketer, &server, "/tags?q=vip"), "#tags td.who"), ["Gold", "VIP-old"]);

        // A new tag by the old name: it is said, and then the name is its own.
        let form = [("name", "vip"), ("colour", "teal"), ("sure", "")];
        let asked = post("/tags", &form);
        assert_eq!(asked.status(), 422);
        let page = asked.text().unwrap();
        assert!(texts(&page, ".note p")[0].starts_with("vip was once the name of Gold"), "{page}");
        let sure = Html::parse_document(&page);
        let sure =
            sure.select(&Selector::parse("[name=sure]").unwrap()).next().unwrap().attr("value").unwrap().to_string();
        assert_eq!(post("/tags", &[("name", "vip"), ("colour", "teal"), ("sure", &sure)]).status(), 303);
        assert_eq!(count("tags contains VIP"), json!(0));
        assert_eq!(count("tags contains Gold"), json!(5));
        let lines: Vec<String> = write(&db, |conn| {
            let lines = audit_log::table.filter(audit_log::action.like("tag.%")).order(audit_log::id);
            lines.select(audit_log::details).load(conn).unwrap()
        });
        let renamed: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&renamed["before"]["name"], &renamed["after"]["name"]), (&json!("VIP"), &json!("Gold")));
    });
}

/// One segment that asks for a part of a name.
fn audiences_of_names(db: &Db) {
    write(db, |conn| {
        let rule = Rule::read("tags any name contains vip", Fields::built_in()).unwrap();
        let wish = Wish { name: "Any vip".into(), kind: Kind::Dynamic, rule: Some(rule), private: false };
        Segment::create(&wish, &Caller::command_line(), conn, &clock()).expect("a segment")
    });
}

#[test]
fn two_tags_are_merged_in_the_browser_after_a_look() {
    for_each_database(|db| {
        shop(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in_who_stays(Role::Marketer);
        let (old, vip) = (tag("VIP-old", &db), tag("VIP", &db));
        let path = format!("/tags/{}/merge", old.id);
        let page = get(&marketer, &server, &format!("{path}?into=vip"));
        let sums = texts(&page, ".sum dd");
        let number = |place: usize| sums[place].trim_start_matches('−').parse::<i64>().unwrap();
        assert_eq!(number(3), number(0) + number(1) - number(2), "{sums:?}");
        for named in ["Old ones", "Either", "Both", "Without", "By an import", "Old view"] {
            assert!(texts(&page, "#merge li").iter().any(|line| line.starts_with(named)), "{named}");
        }
        for wrong in ["VIP-old", "Nothing"] {
            let answer = marketer.get(server.url(&format!("{path}?into={wrong}"))).send().unwrap();
            assert_eq!(answer.status(), 422, "{wrong}");
        }
        let done = marketer.post(server.url(&path)).form(&[("into", &format!("#{}", vip.id))]).send().unwrap();
        assert_eq!(done.status(), 303);
        assert_eq!(
            marketer.post(server.url(&path)).form(&[("into", "VIP")]).send().unwrap().status(),
            404,
            "it is gone"
        );
        // Filters ask for the one that stays, by id and once.
        let filters: Vec<String> = write(&db, |conn| {
            let names = ["Either", "Old ones"];
            let all =
                Segment::every(conn).unwrap().into_iter().filter(|segment| names.contains(&segment.name.as_str()));
            let fields = Fields::load(conn).unwrap();
            all.map(|segment| segment.rule(&fields).unwrap().unwrap().to_json().to_string()).collect()
        });
        assert_eq!(filters[0], filters[1]);
        assert!(filters[0].contains(&format!("[{}]", vip.id)), "{filters:?}");
        let page = get(&marketer, &server, "/tags?q=vip");
        assert_eq!(texts(&page, "#tags td.num strong"), [sums[3].clone()]);
    });
}

#[test]
fn an_archived_tag_is_not_offered_and_still_asked_for() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in_who_stays(Role::Marketer);
        let vip = tag("VIP", &db);
        let post = |step: &str| marketer.post(server.url(&format!("/tags/{}/{step}", vip.id))).send().unwrap().status();
        let names = |query: &str| texts(&get(&marketer, &server, &format!("/tags{query}")), "#tags td.who");
        let offered = || {
            let editor = get(&marketer, &server, &format!("/tags/suggest?q=vip&customer={}", people.di));
            let builder = get(&marketer, &server, "/customers/filter/values/tags?q=vip");
            (texts(&editor, "[role=option] .chip"), texts(&builder, "[role=option] .chip"))
        };
        assert_eq!(offered(), (vec!["VIP".to_string(), "VIP-old".into()], vec!["VIP".to_string(), "VIP-old".into()]));
        assert_eq!(post("archive"), 303);
        assert_eq!(names(""), ["VIP-old", "Wholesale"]);
        assert_eq!(names("?tab=archived"), ["VIP"]);
        assert_eq!(offered().1, ["VIP-old"]);
        let list = get(&marketer, &server, "/customers?filter=tags+contains+VIP");
        assert_eq!(texts(&list, "table.list td.who a").len(), 3, "it can be asked for");
        assert!(texts(&list, ".chips .chip").contains(&"VIP".to_string()), "and stays on whoever carries it");
        assert_eq!(post("restore"), 303);
        assert_eq!(names("?tab=archived"), [""; 0]);
        assert_eq!(offered().1, ["VIP", "VIP-old"]);
        assert_eq!(post("restore"), 303, "it is there already");
    });
}

#[test]
fn deleting_a_tag_in_use_lists_the_uses_and_asks_for_a_replacement() {
    for_each_database(|db| {
        shop(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in_who_stays(Role::Marketer);
        let vip = tag("VIP", &db);
        write(&db, |conn| {
            let plan = muster::imports::Plan { tag: vec!["vip".into()], ..Default::default() };
            let file = muster::imports::Incoming { name: "guests.csv".into(), ..Default::default() };
            muster::imports::Import::create(&file, &plan, &Caller::command_line(), &clock(), conn).unwrap()
        });
        // A private segment of somebody else is counted and not named.
        let secret = server.signed_in(Role::Agent);
        let form = [("name", "Secret"), ("kind", "dynamic"), ("private", "on"), ("filter", "tags contains VIP")];
        assert!(secret.post(server.url("/segments")).form(&form).send().unwrap().status().is_success());
        let page = get(&marketer, &server, &format!("/tags/{}/delete", vip.id));
        let uses = texts(&page, "section .names li");
        for named in ["VIPs", "Either", "Lately", "a private segment of somebody else", "import 1, guests.csv"] {
            assert!(uses.contains(&named.to_string()), "{named} in {uses:?}");
        }
        assert!(!page.contains("Secret"));
        let told = texts(&page, ".confirm .names li");
        assert!(
            told.iter()
                .any(|line| line.starts_with("VIPs ") && line.ends_with("→ nobody, until its condition is mended"))
        );
        assert!(told.iter().any(|line| line.starts_with("Nested ") && line.ends_with("mended")), "{told:?}");
        assert!(page.contains(&format!("action=\"/tags/{}/merge\" method=\"get\"", vip.id)), "or a replacement");
        let done = marketer.post(server.url(&format!("/tags/{}/delete", vip.id))).send().unwrap();
        assert_eq!(done.status(), 303);
        let segments = get(&marketer, &server, "/segments");
        assert!(segments.contains("was deleted"), "each says why it selects nobody");
    });
}

#[test]
fn tags_that_want_looking_after_are_under_tabs() {
    for_each_database(|db| {
        shop(&db);
        for name in ["v.i.p", "Nobody's", "Wholsale"] {
            write(&db, |conn| Tag::find_or_create(name, conn, clock().stamp()).unwrap());
        }
        let server = Server::start(&db);
        let marketer = server.signed_in_who_stays(Role::Marketer);
        let page = |tab: &str| get(&marketer, &server, &format!("/tags?tab={tab}"));
        assert_eq!(texts(&page("unused"), "#tags td.who"), ["Nobody's", "v.i.p", "Wholsale"]);
        assert_eq!(texts(&page("unasked"), "#tags td.who"), ["Nobody's", "v.i.p", "Wholesale", "Wholsale"]);
        let near = page("near");
        assert_eq!(texts(&near, "#tags td.who"), ["v.i.p nearly VIP", "Wholsale nearly Wholesale"]);
        let (less, more) = (tag("v.i.p", &db).id, tag("VIP", &db).id);
        let link = format!("/tags/{less}/merge?into=%23{more}");
        assert!(near.contains(&link), "{near}");
        assert!(get(&marketer, &server, &link).contains("Merge v.i.p"));
    });
}

#[test]
fn ten_thousand_tags_are_paged_searched_and_offered_quickly() {
    for_each_database(|db| {
        let people = world(&db);
        write(&db, |conn| {
            use muster::db::schema::tags::dsl;
            let row = |number: u32| {
                let (name, folded) = (format!("Batch {number:05}"), format!("batch {number:05}"));
                let keys = (dsl::name_key.eq(folded.clone()), dsl::name_folded.eq(folded));
                (dsl::name.eq(name), keys, dsl::colour.eq("teal"), dsl::created_at.eq(clock().stamp()))
            };
            let rows: Vec<_> = (0..10_000).map(row).collect();
            for some in rows.chunks(500) {
                muster::each!(conn, c => diesel::insert_into(dsl::tags).values(some).execute(c)).unwrap();
            }
        });
        let server = Server::start(&db);
        let marketer = server.signed_in_who_stays(Role::Marketer);
        let page = get(&marketer, &server, "/tags");
        assert_eq!(texts(&page, "#tags tbody tr").len(), 200);
        assert!(texts(&page, ".pager span")[0].starts_with("1 to 200 of 10,003"));
        let last = get(&marketer, &server, "/tags?page=51");
        assert_eq!(texts(&last, "#tags td.who"), ["VIP", "VIP-old", "Wholesale"]);
        assert_eq!(texts(&get(&marketer, &server, "/tags?q=batch+0123"), "#tags tbody tr").len(), 10);
        let began = std::time::Instant::now();
        for typed in ["b", "batch 01", "wholsale", "", "vi"] {
            let path = format!("/tags/suggest?q={}&customer={}", typed.replace(' ', "+"), people.di);
            assert!(!texts(&get(&marketer, &server, &path), "[role=option]").is_empty(), "{typed}");
        }
        get(&marketer, &server, "/customers/filter/values/tags?q=b");
        get(&marketer, &server, "/tags?tab=near");
        // Without optimisation, on a machine that does other things too.
        assert!(began.elapsed() < std::time::Duration::from_secs(40), "{:?}", began.elapsed());
    });
}

#[test]
fn programs_look_after_tags() {
    for_each_database(|db| {
        shop(&db);
        let server = Server::start(&db);
        let (program, clerk) = (server.program(Role::Marketer), server.program(Role::Agent));
        let ask = |method: &str, path: &str, body: Value| {
            let method: reqwest::Method = method.parse().unwrap();
            let answer =
                program.request(method, server.url(&format!("/api/v1/tags{path}"))).json(&body).send().unwrap();
            let status = answer.status().as_u16();
            (status, answer.json::<Value>().unwrap_or_default())
        };
        let (status, gold) = ask("POST", "", json!({ "name": "Gold", "colour": "amber", "family": "Rank" }));
        assert_eq!(
            (status, &gold["name"], &gold["family"], &gold["customers"]),
            (201, &json!("Gold"), &json!("Rank"), &json!(0))
        );
        let id = gold["id"].as_i64().unwrap();
        assert_eq!(ask("POST", "", json!({ "name": " GOLD " })).0, 409);
        for wrong in [
            json!({}),
            json!({ "name": "a;b" }),
            json!({ "name": "X", "colour": "ultraviolet" }),
            json!({ "nam": "X" }),
        ] {
            assert_eq!(ask("POST", "", wrong.clone()).0, 422, "{wrong}");
        }
        let (status, changed) =
            ask("PATCH", &format!("/{id}"), json!({ "name": "Platinum", "family": null, "archived": true }));
        assert_eq!(
            (status, &changed["name"], &changed["family"], &changed["aliases"]),
            (200, &json!("Platinum"), &Value::Null, &json!(["Gold"]))
        );
        assert!(changed["archived_at"].is_string() && changed["colour"] == "amber");
        assert_eq!(ask("GET", "?tab=archived", Value::Null).1["total"], 1);
        assert_eq!(clerk.get(server.url("/api/v1/tags?q=platinum")).send().unwrap().status(), 200);
        assert_eq!(clerk.post(server.url("/api/v1/tags")).json(&json!({ "name": "X" })).send().unwrap().status(), 403);

        // What changes audiences is told first.
        let (old, vip) = (tag("VIP-old", &db).id, tag("VIP", &db).id);
        let (status, refused) = ask("PATCH", &format!("/{old}"), json!({ "name": "Former" }));
        assert_eq!((status, &refused["error"]["code"]), (409, &json!("unsure")));
        assert_eq!(refused["error"]["details"]["changes"][0]["name"], "Called vip");
        assert_eq!(ask("PATCH", &format!("/{old}"), json!({ "name": "Former", "sure": true })).0, 200);
        let (status, shown) = ask("POST", &format!("/{old}/merge"), json!({ "into": "VIP", "dry_run": true }));
        assert_eq!((status, &shown["into"]["id"]), (200, &json!(vip)));
        assert!(shown["changes"].as_array().unwrap().len() > 3 && shown["customers"]["both"].as_i64() > Some(0));
        assert_eq!(tag("Former", &db).id, old, "and nothing is done");
        let (status, done) = ask("POST", &format!("/{old}/merge"), json!({ "into": vip }));
        assert_eq!((status, &done["tag"]["aliases"]), (200, &json!(["Former", "VIP-old"])));
        assert_eq!(done["tag"]["customers"], shown["customers"]["after"]);
        assert_eq!(ask("POST", &format!("/{vip}/merge"), json!({ "into": vip })).0, 422);
        assert_eq!(ask("POST", &format!("/{vip}/merge"), json!({ "into": "Nothing" })).0, 422);
        let (status, refused) = ask("DELETE", &format!("/{vip}"), json!({}));
        assert_eq!((status, &refused["error"]["code"]), (409, &json!("unsure")));
        assert!(refused["error"]["details"]["used_by"].as_array().unwrap().len() > 3);
        assert_eq!(ask("DELETE", &format!("/{vip}?sure=true"), Value::Null).0, 204);
        assert_eq!(ask("DELETE", &format!("/{id}"), Value::Null).0, 204, "nobody asks for it");
        assert_eq!(ask("DELETE", &format!("/{id}"), Value::Null).0, 404);
    });
}

#[test]
fn a_merge_that_would_leave_two_of_a_family_is_refused() {
    for_each_database(|db| {
        let people = world(&db);
        let mark = Mark::of(&Caller::command_line(), Source::Tags, clock().stamp());
        let (vip, old, wholesale) = (tag("VIP", &db), tag("VIP-old", &db), tag("Wholesale", &db));
        write(&db, |conn| {
            use muster::tags::families::{Family, put};
            let kind = Family::find_or_create("Kind", clock().stamp(), conn).unwrap();
            put(vip.id, Some(&kind), &mark, conn).unwrap();
            put(old.id, Some(&kind), &mark, conn).unwrap();
        });
        // Bo carries Wholesale and VIP-old, which is of the family of VIP.
        let (vip, wholesale) = write(&db, |conn| {
            (Tag::by_id(vip.id, conn).unwrap().unwrap(), Tag::by_id(wholesale.id, conn).unwrap().unwrap())
        });
        let done = write(&db, |conn| {
            ending::do_merge(&wholesale, &vip, &Caller::command_line(), conn).unwrap_or_else(|_| panic!())
        });
        assert!(done.unwrap_err().starts_with("1 customer with Wholesale"));
        write(&db, |conn| tags::remove(people.bo, old.id, &mark, conn).unwrap());
        let done = write(&db, |conn| {
            ending::do_merge(&wholesale, &vip, &Caller::command_line(), conn).unwrap_or_else(|_| panic!())
        });
        assert_eq!(done.unwrap().sums.after(), 4);
    });
}
