//! The list of segments: found, sorted, put aside and copied; and what it remembers of them.

use crate::support::pages::{attr, get, names, page, post, save, text, texts};
use crate::support::{Server, for_each_database, world};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use muster::agents::Role;
use muster::db::schema::{segment_sizes, segments};
use muster::db::{Db, Trouble};
use muster::filters::sets::Sets;
use muster::segments::sizes;
use reqwest::blocking::Client;

fn listed(client: &Client, server: &Server, address: &str) -> Vec<String> {
    texts(&page(get(client, server, address)), "#segments .seg-name a")
}

fn id_of(path: &str) -> i64 {
    path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id")
}

fn used_at(db: &Db, path: &str) -> Option<NaiveDateTime> {
    db.read_now::<_, Trouble>(|conn| {
        Ok(segments::table.find(id_of(path)).select(segments::last_used_at).first(conn)?)
    })
    .expect("the segment")
}

fn set_used(db: &Db, path: &str, at: NaiveDateTime) {
    db.write_now::<_, Trouble>(|conn| {
        diesel::update(segments::table.find(id_of(path))).set(segments::last_used_at.eq(at)).execute(conn)?;
        Ok(())
    })
    .expect("the segment");
}

/// Waits for what is noted beside an answer.
fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..100 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{what} did not happen");
}

#[test]
fn segments_are_found_sorted_and_told_apart() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (marketer, admin) = (server.signed_in(Role::Marketer), server.signed_in(Role::Admin));
        save(&marketer, &server, &[("name", "Zebra"), ("filter", "tags contains VIP")]);
        save(&marketer, &server, &[("name", "Alpha"), ("filter", "country is NO")]);
        save(&admin, &server, &[("name", "Middle"), ("kind", "static"), ("filter", "city is empty")]);
        let list = "/segments";
        assert_eq!(listed(&marketer, &server, list), ["Alpha", "Middle", "Zebra"]);
        assert_eq!(listed(&marketer, &server, "/segments?sort=size"), ["Zebra", "Middle", "Alpha"]);
        assert_eq!(listed(&marketer, &server, "/segments?sort=updated"), ["Middle", "Alpha", "Zebra"]);
        assert_eq!(listed(&marketer, &server, "/segments?show=static"), ["Middle"]);
        assert_eq!(listed(&marketer, &server, "/segments?show=dynamic"), ["Alpha", "Zebra"]);
        assert_eq!(listed(&marketer, &server, "/segments?show=mine"), ["Alpha", "Zebra"]);
        // By name, by what it asks in words, by whose it is, by what a fixed list was made of.
        assert_eq!(listed(&marketer, &server, "/segments?q=zeb"), ["Zebra"]);
        assert_eq!(listed(&marketer, &server, "/segments?q=norway"), ["Alpha"]);
        assert_eq!(listed(&marketer, &server, "/segments?q=abel"), ["Middle"]);
        assert_eq!(listed(&marketer, &server, "/segments?q=without+city"), ["Middle"]);
        let nothing = page(get(&marketer, &server, "/segments?q=nothing+like+it"));
        assert!(text(&nothing, ".blank h2").contains("nothing like it"));

        let all = page(get(&marketer, &server, list));
        assert_eq!(texts(&all, ".tabs a"), ["All3", "Dynamic2", "Static1", "Mine2", "Archived0"]);
        assert_eq!(texts(&all, "#segments .pill"), ["Dynamic", "Static", "Dynamic"]);
        assert_eq!(texts(&all, "#segments td.num strong"), ["1", "2", "3"]);
        assert_eq!(texts(&all, "#segments .owner"), ["Mara Marketer", "Abel Admin", "Mara Marketer"]);
        let said = texts(&all, "#segments .seg-say");
        assert!(said[1].starts_with("Made of whoever was: Without city on "), "{said:?}");
    });
}

#[test]
fn an_archived_segment_is_not_offered_and_still_works() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let old =
            save(&marketer, &server, &[("name", "Old list"), ("kind", "static"), ("filter", "tags contains VIP")]);
        let of_it = save(&marketer, &server, &[("name", "Of it"), ("filter", "segments in any of \"Old list\"")]);
        let offers = |path: &str| get(&marketer, &server, path).text().expect("a page").contains("Old list");
        let everywhere = [
            "/bulk/new?do=add_to_segment&all=1",
            "/customers/filter/values/segments?q=old",
            "/segments/compare",
            "/segments/list",
        ];
        for path in everywhere {
            assert!(offers(path), "{path}");
        }
        let aside = page(post(&marketer, &server, &format!("{old}/archive"), &[]));
        assert_eq!(text(&aside, ".head-meta"), "Static, archived");
        for path in everywhere {
            assert!(!offers(path), "{path}");
        }
        assert_eq!(names(&page(get(&marketer, &server, &of_it))), "Ana, Cy, Eva", "it works where it is used");
        assert_eq!(names(&aside), "Ana, Cy, Eva");
        assert_eq!(listed(&marketer, &server, "/segments"), ["Of it"]);
        assert_eq!(listed(&marketer, &server, "/segments?show=archived"), ["Old list"]);
        post(&marketer, &server, &format!("{old}/unarchive"), &[]);
        assert_eq!(listed(&marketer, &server, "/segments"), ["Of it", "Old list"]);
        let agent = server.signed_in(Role::Agent);
        assert_eq!(post(&agent, &server, &format!("{old}/archive"), &[]).status(), 403);
    });
}

#[test]
fn a_duplicate_is_a_segment_of_its_own() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let form = page(post(&marketer, &server, &format!("{vips}/duplicate"), &[]));
        assert_eq!(attr(&form, "#name", "value"), "VIPs copy");
        assert_eq!(text(&form, "#segment-filter"), "tags contains VIP");
        post(&marketer, &server, &format!("{vips}/duplicate"), &[]);
        let fixed = save(&marketer, &server, &[("name", "Fixed"), ("kind", "static"), ("filter", "city is empty")]);
        let copy = post(&marketer, &server, &format!("{fixed}/duplicate"), &[]).url().path().replace("/edit", "");
        assert_eq!(names(&page(get(&marketer, &server, &copy))), "Cy, Di");
        assert_eq!(
            listed(&marketer, &server, "/segments"),
            ["Fixed", "Fixed copy", "VIPs", "VIPs copy", "VIPs copy 2"]
        );
        // Whoever may not share has it to himself.
        let agent = server.signed_in(Role::Agent);
        let own = post(&agent, &server, &format!("{vips}/duplicate"), &[]);
        assert_eq!(own.status(), 200);
        assert_eq!(get(&marketer, &server, &own.url().path().replace("/edit", "")).status(), 404);
    });
}

#[test]
fn that_a_segment_was_used_is_noted_at_most_once_a_minute() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let vips = save(&admin, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let never = save(&admin, &server, &[("name", "Never"), ("filter", "everyone")]);
        // The redirect after saving has opened it.
        until("opening", || used_at(&db, &vips).is_some());
        let moment = Utc::now().naive_utc() - TimeDelta::seconds(30);
        set_used(&db, &vips, moment);
        get(&admin, &server, &vips);
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(used_at(&db, &vips).expect("a moment") - moment < TimeDelta::seconds(1), "not within a minute");
        let long_ago = Utc::now().naive_utc() - TimeDelta::days(400);
        for path in [&vips, &never] {
            until("opening", || used_at(&db, path).is_some());
            set_used(&db, path, long_ago);
        }
        let export = get(&admin, &server, "/customers/export?filter=segments+in+any+of+VIPs");
        assert_eq!(export.status(), 200);
        assert!(used_at(&db, &vips).expect("a moment") > moment, "an export uses the segments it asks for");
        assert_eq!(listed(&admin, &server, "/segments?sort=used"), ["VIPs", "Never"]);
        let used = texts(&page(get(&admin, &server, "/segments?sort=used")), "#segments .used");
        assert_eq!(used[0], "just now");
    });
}

#[test]
fn a_bulk_action_uses_the_segments_that_choose_its_customers() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let vips = save(&admin, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let never = save(&admin, &server, &[("name", "Never"), ("filter", "everyone")]);
        let long_ago = Utc::now().naive_utc() - TimeDelta::days(400);
        for path in [&vips, &never] {
            until("opening", || used_at(&db, path).is_some());
            set_used(&db, path, long_ago);
        }
        let form = [("do", "add_tags"), ("all", "1"), ("filter", "segments in any of VIPs"), ("tag", "Gold")];
        let done = post(&admin, &server, "/bulk", &form);
        assert_eq!(done.status(), 200);
        assert!(used_at(&db, &vips).expect("a moment") > long_ago + TimeDelta::days(1));
        assert!(used_at(&db, &never).expect("a moment") < long_ago + TimeDelta::days(1), "nobody asked for it");
    });
}

#[test]
fn sizes_are_written_down_once_a_day_and_drawn_as_a_line() {
    for_each_database(|db| {
        world(&db);
        let today = Utc::now().with_timezone(&chrono_tz::America::Sao_Paulo).date_naive();
        let rows = |db: &Db| {
            db.read_now::<_, Trouble>(|conn| {
                let all = segment_sizes::table.order((segment_sizes::segment_id, segment_sizes::day));
                Ok(all.select((segment_sizes::segment_id, segment_sizes::day, segment_sizes::size)).load(conn)?)
            })
            .expect("the sizes")
        };
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = id_of(&save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]));
        let known: Vec<(i64, NaiveDate, i64)> = rows(&db);
        assert_eq!(known, [(vips, today, 3)], "a new one is written down at once");
        // Yesterday it was larger; one whose day is missing is counted by the work in the background.
        db.write_now::<_, Trouble>(|conn| {
            diesel::delete(segment_sizes::table).execute(conn)?;
            Ok(sizes::put(&[(vips, 40)], today - TimeDelta::days(10), conn)?)
        })
        .expect("a history");
        let sets = Sets::new(db.clone(), None);
        sizes::daily(&sets, &db).expect("the sizes of today");
        sizes::daily(&sets, &db).expect("twice changes nothing");
        assert_eq!(rows(&db), [(vips, today - TimeDelta::days(10), 40), (vips, today, 3)]);
        let list = page(get(&marketer, &server, "/segments"));
        let words = attr(&list, "#segments svg.spark", "aria-label");
        assert!(words.ends_with(": 40, now 3"), "{words}");
        assert!(attr(&list, "#segments svg.spark path", "d").ends_with("L93.0 21.0"));
    });
}

#[test]
fn two_hundred_segments_are_listed_with_their_counts() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let make = |many: usize| {
            let caller = muster::agents::Caller::command_line();
            db.write_now::<_, muster::segments::Problem>(|conn| {
                let fields = muster::filters::fields::Fields::load(conn)?;
                for n in 0..many {
                    let filter = format!("tags contains VIP and purchase_count >= {}", n % 5);
                    let rule = muster::filters::Rule::read(&filter, &fields)?;
                    let wish = muster::segments::Wish {
                        name: format!("Audience {n:03}"),
                        kind: muster::segments::Kind::Dynamic,
                        rule: Some(rule),
                        private: false,
                    };
                    muster::segments::Segment::create(&wish, &caller, conn, &crate::support::clock())?;
                }
                Ok(())
            })
            .expect("segments");
        };
        make(200);
        let list = page(get(&marketer, &server, "/segments"));
        assert_eq!(texts(&list, "#segments .seg-name a").len(), 200);
        assert!(texts(&list, "#segments td.num strong").iter().all(|count| !count.contains("counting")));
    });
}
