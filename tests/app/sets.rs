//! Sets of customers that are kept between requests: made once, moved as little as possible, let go when there are too
//! many, and always what SQL says. `kept_sets` is the same under fire.

use crate::support::{Server, clock, for_each_database, sqlite, world};
use chrono::TimeDelta;
use diesel::prelude::*;
use muster::agents::{Caller, Role};
use muster::db::schema::customers;
use muster::db::{Address, Db, Trouble, changes};
use muster::filters::fields::Fields;
use muster::filters::sets::{Sets, Snapshot};
use muster::filters::{self, Filter, Rule};
use muster::segments::{Kind, Segment, Wish, ready};
use muster::tags::{self, Mark, Source, Tag};
use muster::workspace::Clock;
use std::sync::Barrier;
use std::time::{Duration, Instant};

fn filter(text: &str, clock: &Clock, at: &mut Snapshot) -> Result<Filter, Trouble> {
    let rule = Rule::read(text, &Fields::load(at)?).unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
    let filter = Filter::check(&rule, at, clock)?;
    assert_eq!(filter.problems(), [], "{text}");
    Ok(filter)
}

/// How many fit, which SQL has to say too.
fn count(text: &str, clock: &Clock, sets: &Sets) -> i64 {
    let counted = sets.read_now::<_, Trouble>(|at| {
        let filter = filter(text, clock, at)?;
        let count = at.count(&filter)?;
        assert_eq!(count, filters::count(&filter, at)?, "{text}");
        assert_eq!(count, at.recount(&filter)?, "{text}, as it is remembered");
        Ok(count)
    });
    counted.expect("a count")
}

fn tag(customer: i64, name: &str, db: &Db) {
    db.write_now::<_, Trouble>(|conn| {
        let (tag, _) = Tag::find_or_create(name, conn, clock().stamp())?;
        tags::add(customer, tag.id, &Mark::of(&Caller::command_line(), Source::Profile, clock().stamp()), conn)?;
        Ok(())
    })
    .expect("a tag");
}

#[test]
fn a_condition_is_asked_once_and_follows_what_is_written() {
    for_each_database(|db| {
        let people = world(&db);
        let sets = Sets::new(db.clone(), None);
        assert_eq!(count("tags contains VIP", &clock(), &sets), 3);
        let asked = sets.fills();
        for _ in 0..5 {
            assert_eq!(count("tags contains VIP", &clock(), &sets), 3);
            assert_eq!(count("tags does not contain VIP", &clock(), &sets), 2);
        }
        tag(people.di, "VIP", &db);
        assert_eq!(count("tags contains VIP", &clock(), &sets), 4, "the next question includes her");
        db.write_now::<_, Trouble>(|conn| Ok(diesel::delete(customers::table.find(people.ana)).execute(conn)?))
            .expect("she is gone");
        assert_eq!(count("tags contains VIP", &clock(), &sets), 3);
        assert_eq!(count("tags does not contain VIP", &clock(), &sets), 1);
        assert_eq!(sets.fills(), asked, "nobody was asked again but those who changed");
    });
}

/// A column that took long to read, on a machine that is busy, is left for a while.
fn read_texts(sets: &Sets) {
    let began = Instant::now();
    while !sets.read_texts().expect("the names") {
        assert!(began.elapsed() < Duration::from_secs(30), "a column is never read");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_column_that_was_looked_through_once_is_looked_through_in_memory() {
    for_each_database(|db| {
        let people = world(&db);
        let sets = Sets::new(db.clone(), None);
        assert_eq!(count("name contains n", &clock(), &sets), 1);
        read_texts(&sets);
        let asked = sets.fills();
        assert_eq!(count("name contains a", &clock(), &sets), 2);
        assert_eq!(count("name does not contain A", &clock(), &sets), 3);
        assert_eq!(count("name ends with o", &clock(), &sets), 1);
        assert_eq!(count("name contains an or name contains bo", &clock(), &sets), 2);
        assert_eq!(sets.fills(), asked, "everybody's name is known");
        // What is edited after it was read is asked again.
        let rename = |id, name: &str| {
            let set = (customers::name.eq(name.to_string()), customers::name_folded.eq(name.to_lowercase()));
            let done = db.write_now::<_, Trouble>(|conn| {
                Ok(diesel::update(customers::table.find(id)).set(set).execute(conn)?)
            });
            done.expect("another name");
        };
        rename(people.bo, "Xiomara");
        rename(people.di, "Roxana");
        assert_eq!(count("name contains x", &clock(), &sets), 2);
        assert_eq!(count("name ends with a", &clock(), &sets), 4);
        assert_eq!(sets.fills(), asked);
        // Nobody knows any more who was edited: the column is asked of the database, and read again.
        rename(people.bo, "Bo");
        changes::trim(0, &db).expect("the log is trimmed");
        assert_eq!(count("name contains xi", &clock(), &sets), 0);
        let asked = sets.fills();
        read_texts(&sets);
        assert_eq!(count("name contains ox", &clock(), &sets), 1);
        assert_eq!(sets.fills(), asked);
    });
}

#[test]
fn texts_have_their_share_of_the_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    world(&db);
    let sets = Sets::new(db, Some(100));
    assert_eq!(count("name contains n", &clock(), &sets), 1);
    sets.read_texts().expect("no room for names");
    let asked = sets.fills();
    assert_eq!(count("name contains a", &clock(), &sets), 2);
    assert!(sets.fills() > asked && sets.bytes() <= 100);
}

#[test]
fn a_set_goes_with_the_clock_forwards_and_back() {
    for_each_database(|db| {
        world(&db);
        let sets = Sets::new(db.clone(), None);
        let at = |minutes: i64| Clock { now: clock().now + TimeDelta::minutes(minutes), ..clock() };
        // Eva is seen on the first of December, 13:00 by UTC; now it is September.
        let (day, question) = (24 * 60, "last_seen_at in the last 100 hours");
        let eva = (23 + 30 + 31) * day - 120;
        let expected = [(0, 1), (eva - 1, 0), (eva, 1), (eva + 100 * 60, 1), (eva + 100 * 60 + 1, 0)];
        for (minutes, members) in expected.into_iter().chain(expected.into_iter().rev()) {
            assert_eq!(count(question, &at(minutes), &sets), members, "after {minutes} minutes");
        }
        assert_eq!(sets.fills(), 2, "this, and everybody there is");
    });
}

#[test]
fn a_clock_that_is_set_back_makes_each_set_once_more_at_most() {
    for_each_database(|db| {
        let people = world(&db);
        let sets = Sets::new(db.clone(), None);
        let ahead = Clock { now: clock().now + TimeDelta::hours(3), ..clock() };
        assert_eq!(count("tags contains VIP", &ahead, &sets), 3);
        tag(people.di, "VIP", &db);
        // Nobody knows any more what changed, so everybody has to be asked.
        changes::trim(0, &db).expect("the log is trimmed");
        assert_eq!(count("tags contains VIP", &clock(), &sets), 4);
        let asked = sets.fills();
        assert_eq!(count("tags contains VIP", &clock(), &sets), 4);
        assert_eq!(sets.fills(), asked);
    });
}

#[test]
fn two_who_want_the_same_new_set_make_it_once() {
    for_each_database(|db| {
        world(&db);
        let (sets, both) = (Sets::new(db.clone(), None), Barrier::new(4));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    both.wait();
                    assert_eq!(count("country is BR and tags contains VIP", &clock(), &sets), 1);
                });
            }
        });
        assert_eq!(sets.fills(), 3, "two conditions and everybody there is");
    });
}

/// How many wait for a table on PostgreSQL.
fn waiting(db: &Db) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        found: i64,
    }
    let asked = diesel::sql_query(
        "SELECT count(*) AS found FROM pg_locks JOIN pg_database ON pg_database.oid = database \
         WHERE datname = current_database() AND locktype = 'relation' AND NOT granted",
    );
    asked.get_result::<Found>(&mut db.conn().expect("a connection")).expect("the locks").found
}

#[test]
fn nobody_waits_for_ever_for_a_set_whose_maker_waits_for_her() {
    for_each_database(|db| {
        world(&db);
        if let Address::Sqlite(_) = db.address() {
            return; // It locks no tables.
        }
        let sets = Sets::new(db.clone(), None);
        let until_wait = |many| {
            while waiting(&db) < many {
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        std::thread::scope(|scope| {
            let answered = sets.read_now::<_, Trouble>(|at| {
                let (vip, wholesale) =
                    (filter("tags contains VIP", &clock(), at)?, filter("tags contains Wholesale", &clock(), at)?);
                assert_eq!(at.count(&vip)?, 3);
                // From now on the table is read here, so that nobody may empty it; who wants to lets no other read it.
                scope.spawn(|| {
                    let emptied = diesel::sql_query("TRUNCATE taggings").execute(&mut db.conn().expect("a connection"));
                    emptied.expect("no taggings");
                });
                until_wait(1);
                let (sets, asked) = (sets.clone(), wholesale.clone());
                scope.spawn(move || {
                    let other = sets.read_now::<_, Trouble>(|at| Ok(at.count(&asked)?));
                    assert_eq!(other.expect("a count"), 0, "she reads what is left");
                });
                until_wait(2);
                assert_eq!(at.count(&wholesale)?, 2, "what the other one is making");
                Ok(())
            });
            answered.expect("an answer");
        });
        assert_eq!(count("tags contains Wholesale", &clock(), &sets), 0);
    });
}

#[test]
fn the_memory_of_sets_is_bounded_and_the_answers_stay_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    world(&db);
    let sets = Sets::new(db.clone(), Some(20_000));
    for round in 0..3 {
        for number in 0..200 {
            let vip_or = count(&format!("tags contains VIP or name contains b{number}"), &clock(), &sets);
            assert_eq!(vip_or, 3, "round {round}, {number}");
            assert!(sets.bytes() <= 20_000, "{} bytes", sets.bytes());
        }
    }
}

#[test]
fn what_segments_ask_is_made_ready_before_anybody_looks() {
    for_each_database(|db| {
        let people = world(&db);
        let wish = Wish {
            name: "VIPs at home".into(),
            kind: Kind::Dynamic,
            rule: Some(Rule::read("tags contains VIP and country is BR", Fields::built_in()).expect("a rule")),
            private: true,
        };
        let made = db.write_now(|conn| Segment::create(&wish, &Caller::command_line(), conn, &clock()));
        let segment = made.unwrap_or_else(|problem| panic!("{problem}"));
        let sets = Sets::new(db.clone(), None);
        let knows = || {
            let known = sets.read_now::<_, Trouble>(|at| {
                let filter = segment.filter(at, &clock())?;
                Ok(at.knows(&filter))
            });
            known.expect("an answer")
        };
        assert!(!knows());
        let seen = ready::refresh(&sets, None).expect("made ready");
        assert!(knows());
        let asked = sets.fills();
        assert_eq!(ready::refresh(&sets, Some(seen)).expect("nothing to do"), seen);
        tag(people.bo, "VIP", &db);
        assert!(ready::refresh(&sets, Some(seen)).expect("made ready") > seen);
        assert_eq!(sets.fills(), asked, "only she was asked again");
    });
}

#[test]
fn a_count_that_was_not_known_when_the_list_was_drawn_comes_by_itself() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Admin);
        let made = program
            .post(server.url("/api/v1/segments"))
            .json(&serde_json::json!({ "name": "VIPs", "kind": "dynamic", "filter": "tags contains VIP" }))
            .send()
            .expect("an answer");
        let made: serde_json::Value = made.json().expect("JSON");
        assert_eq!(made["count"], 3);
        tag(people.bo, "VIP", &db);
        let marketer = server.signed_in(Role::Marketer);
        let piece = marketer.get(server.url(&format!("/segments/{}/count", made["id"]))).send().expect("an answer");
        let piece = piece.text().expect("a piece");
        assert!(piece.contains(">4</strong>") && !piece.contains("data-hx-get"), "{piece}");
    });
}
