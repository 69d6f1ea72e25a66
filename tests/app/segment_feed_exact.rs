//! The feed of a segment is exact to the change: who comes and goes between two looks is told, whoever writes.

use crate::bulk::{bulk, crowd};
use crate::bulk_undo::undone;
use crate::segment_feed::begun;
use crate::support::imports::import_with;
use crate::support::log::{run, stranger};
use crate::support::{Server, by, for_each_database, world};
use chrono::{TimeDelta, Utc};
use diesel::prelude::*;
use fastrand::Rng;
use muster::agents::{Caller, Role};
use muster::customers::{Channel, Consent, Customer, Draft, set_consent};
use muster::db::schema::{segment_sightings, taggings};
use muster::db::{self, Address, Conn, Db, Trouble};
use muster::filters::Rule;
use muster::filters::fields::Fields;
use muster::filters::sets::{Sets, Snapshot};
use muster::purchases::{self, Bought};
use muster::segments::feed::{self, Follower, Move, Progress, Witness};
use muster::segments::{Kind, Segment, Wish, members};
use muster::tags::{self, Lasting, Mark, Source, Tag};
use muster::workspace::Workspace;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Somebody who writes under a name.
struct Hand<'a>(&'static str, &'a Db);

impl Hand<'_> {
    fn mark(&self, lasting: Lasting) -> Mark {
        let caller = Caller { name: self.0.into(), ..Caller::command_line() };
        Mark::of(&caller, Source::Profile, muster::workspace::stamp(Utc::now())).lasting(lasting)
    }

    fn tag(&self, customer: i64, name: &str) {
        self.tag_until(customer, name, Lasting::Unsaid);
    }

    fn tag_until(&self, customer: i64, name: &str, lasting: Lasting) {
        write(self.1, |conn| {
            let (tag, _) = Tag::find_or_create(name, conn, self.mark(lasting).at)?;
            Ok(tags::add(customer, tag.id, &self.mark(lasting), conn).map(drop)?)
        });
    }

    fn untag(&self, customer: i64, name: &str) {
        write(self.1, |conn| {
            let tag = Tag::find(name, conn)?.expect("the tag");
            Ok(tags::remove(customer, tag.id, &self.mark(Lasting::Unsaid), conn).map(drop)?)
        });
    }

    fn moves_to(&self, customer: i64, country: &str) {
        write(self.1, |conn| to_country(customer, country, conn));
    }
}

fn to_country(customer: i64, country: &str, conn: &mut Conn) -> Result<(), Trouble> {
    let clock = Workspace::load(conn)?.clock();
    let her = Customer::find(customer, conn)?.expect("the customer");
    let draft = Draft { country: Some(country.into()), ..Draft::from(&her) };
    her.update(&draft, &by(&clock), conn).expect("an edit");
    Ok(())
}

/// Done once, however often others are in the way.
fn write(db: &Db, work: impl Fn(&mut Conn) -> Result<(), Trouble>) {
    db::again(|| db.write_now(&work)).expect("a change");
}

fn rule(filter: &str, conn: &mut Conn) -> Result<Rule, Trouble> {
    Ok(Rule::read(filter, &Fields::load(conn)?).expect("a filter"))
}

fn segment(name: &str, filter: &str, db: &Db) -> Segment {
    let made = db.write_now::<_, Trouble>(|conn| {
        let clock = Workspace::load(conn)?.clock();
        let (kind, rule) = match filter {
            "" => (Kind::Static, None),
            filter => (Kind::Dynamic, Some(rule(filter, conn)?)),
        };
        let wish = Wish { name: name.into(), kind, rule, private: false };
        Ok(Segment::create(&wish, &Caller::command_line(), conn, &clock).expect("a segment"))
    });
    made.expect("a segment")
}

fn asks(segment: &Segment, filter: &str, db: &Db) {
    write(db, |conn| {
        let clock = Workspace::load(conn)?.clock();
        let now = Segment::find(segment.id, &Caller::command_line(), conn)?.expect("the segment");
        let wish =
            Wish { name: now.name.clone(), kind: Kind::Dynamic, rule: Some(rule(filter, conn)?), private: false };
        now.update(&wish, &[], &Caller::command_line(), conn, &clock).expect("it is saved");
        Ok(())
    });
}

/// The database, seen by a witness, and one who follows when told to.
struct Followed<'a> {
    db: &'a Db,
    sets: Sets,
    follower: Follower,
    progress: Progress,
}

impl<'a> Followed<'a> {
    fn by(db: &'a Db) -> Followed<'a> {
        let witness = Witness::default();
        let progress = witness.progress.clone();
        db.attended_by(witness);
        Followed { db, sets: Sets::new(db.clone(), None), follower: Follower::new(progress.clone()), progress }
    }

    fn look(&mut self) {
        self.follower.look(&self.sets, self.db).expect("a look");
    }

    /// What the feed tells after a look, the oldest first.
    fn told(&mut self, segment: &Segment) -> Vec<String> {
        self.look();
        let moves = moves(segment.id, self.db);
        let word = |one: &Move| {
            let name = one.name.as_deref().unwrap_or("somebody");
            format!("{name} {}: {}", if one.joined { "joined" } else { "left" }, one.cause)
        };
        moves.iter().map(word).collect()
    }

    /// Nothing that was seen stays when it was told.
    fn is_tidy(&self) -> bool {
        let left = segment_sightings::table.count();
        self.db.read_now::<_, Trouble>(|conn| Ok(left.get_result::<i64>(conn)?)).expect("a count") == 0
    }
}

/// The oldest first.
fn moves(segment: i64, db: &Db) -> Vec<Move> {
    let moves = db.read_now::<_, Trouble>(|conn| Ok(feed::moves(segment, None, None, 100_000, conn)?));
    let mut moves = moves.expect("the feed");
    moves.reverse();
    moves
}

#[test]
fn whoever_comes_and_goes_before_anybody_looks_is_told_and_who_did_it() {
    for_each_database(|db| {
        let people = world(&db);
        let vips = segment("VIPs", "tags contains VIP", &db);
        let mut feed = Followed::by(&db);
        feed.look();
        Hand("Ada", &db).tag(people.di, "VIP");
        Hand("Bea", &db).untag(people.di, "VIP");
        Hand("Cal", &db).tag(people.bo, "VIP");
        Hand("Dan", &db).tag(people.di, "VIP");
        Hand("Eli", &db).untag(people.di, "VIP");
        let all = [
            "Di joined: Ada added VIP on the profile",
            "Di left: Bea took VIP away on the profile",
            "Di joined: Dan added VIP on the profile",
            "Di left: Eli took VIP away on the profile",
            "Bo joined: Cal added VIP on the profile",
        ];
        let told = feed.told(&vips);
        assert_eq!(BTreeSet::from_iter(&told), BTreeSet::from_iter(&all.map(String::from)), "{told:?}");
        let hers: Vec<_> = told.iter().filter(|words| words.starts_with("Di")).collect();
        assert_eq!(hers, all[..4].iter().collect::<Vec<_>>(), "in this order");
        assert!(feed.is_tidy());
        let times: Vec<_> = moves(vips.id, &db).iter().map(|one| one.at).collect();
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(feed.told(&vips), told, "told once");
    });
}

#[test]
fn each_move_has_the_cause_of_its_own_change() {
    for_each_database(|db| {
        let people = world(&db);
        let both = segment("Norwegians", "tags contains VIP and country is NO", &db);
        let nested = segment("The same and Swedes", "segments in any of (Norwegians) or country is SE", &db);
        let mut feed = Followed::by(&db);
        feed.look();
        Hand("Ada", &db).tag(people.di, "VIP");
        Hand("Ada", &db).moves_to(people.di, "NO");
        Hand("Bea", &db).untag(people.di, "VIP");
        Hand("Bea", &db).moves_to(people.di, "SE");
        let joined = "Di joined: country was edited";
        let left = "Di left: Bea took VIP away on the profile";
        assert_eq!(feed.told(&both), [joined, left]);
        assert_eq!(feed.told(&nested), [joined, left, joined]);
    });
}

#[test]
fn neither_the_clock_nor_other_programs_nor_a_new_filter_are_hidden() {
    for_each_database(|db| {
        let people = world(&db);
        let vips = segment("VIPs", "tags contains VIP", &db);
        let mut feed = Followed::by(&db);
        // The clock: her time runs out, and she is tagged again before anybody looks.
        let soon = Utc::now() + TimeDelta::milliseconds(400);
        Hand("Ada", &db).tag_until(people.di, "VIP", Lasting::Until(soon.naive_utc()));
        feed.look();
        std::thread::sleep(Duration::from_millis(600));
        Hand("Bea", &db).tag_until(people.di, "VIP", Lasting::Ever);
        let told = feed.told(&vips);
        assert_eq!(told, ["Di left: time passed", "Di joined: Bea added VIP on the profile"]);

        // Another program, and then one of us.
        let sql = format!("DELETE FROM taggings WHERE customer_id = {}", people.ana);
        run(&sql, &mut stranger(&db));
        Hand("Cal", &db).tag(people.ana, "VIP");
        let told = feed.told(&vips);
        assert_eq!(told[2..], ["Ana left: VIP was taken away", "Ana joined: Cal added VIP on the profile"]);

        // Two filters, one after the other: each moves people.
        asks(&vips, "country is BR", &db);
        asks(&vips, "country is NO", &db);
        Hand("Dan", &db).moves_to(people.bo, "NO");
        asks(&vips, "country is SE", &db);
        let mut told: Vec<String> = feed.told(&vips)[4..].to_vec();
        told.sort();
        let changed = |words: &str| format!("{words}: the filter was changed");
        let mut expected: Vec<String> =
            // Then VIPs were Ana, Cy, Di and Eva.
            ["Cy left", "Di left", "Eva left", "Bo joined", "Ana left", "Bo left", "Cy joined", "Cy left", "Bo left", "Eva joined"]
                .map(changed)
                .to_vec();
        expected.push("Bo joined: country was edited".into());
        expected.sort();
        assert_eq!(told, expected);
    });
}

#[test]
fn a_new_segment_tells_from_its_first_moment() {
    for_each_database(|db| {
        let people = world(&db);
        let mut feed = Followed::by(&db);
        feed.look();
        let vips = segment("VIPs", "tags contains VIP", &db);
        Hand("Ada", &db).tag(people.di, "VIP");
        Hand("Ada", &db).untag(people.ana, "VIP");
        let mut told = feed.told(&vips);
        told.sort();
        let expected = ["Ana left: Ada took VIP away on the profile", "Di joined: Ada added VIP on the profile"];
        assert_eq!(told, expected, "and Cy and Eva were in it from the beginning");
    });
}

#[test]
fn another_process_hides_nothing_either() {
    for_each_database(|db| {
        let people = world(&db);
        let vips = segment("VIPs", "tags contains VIP", &db);
        let url = match db.address() {
            Address::Sqlite(path) => path.clone(),
            Address::Postgres(url) => url.clone(),
        };
        let other = Db::open(&url).expect("the same database");
        other.attended_by(Witness::default());
        // While nobody follows, nobody looks.
        Hand("Ada", &other).tag(people.di, "VIP");
        let mut feed = Followed::by(&db);
        feed.look();
        Hand("Bea", &other).untag(people.di, "VIP");
        Hand("Ada", &db).tag(people.di, "VIP");
        import_with(&other, "email,name,tags\neva@example.com,Eva,(clear)\n", |_| {});
        import_with(&other, "email,name,tags\neva@example.com,Eva,VIP\n", |_| {});
        let told = feed.told(&vips);
        let hers = |name: &str| told.iter().filter(|words| words.starts_with(name)).cloned().collect::<Vec<_>>();
        assert_eq!(
            hers("Di"),
            ["Di left: Bea took VIP away on the profile", "Di joined: Ada added VIP on the profile"]
        );
        assert_eq!(
            hers("Eva"),
            ["Eva left: command line took VIP away by import 1", "Eva joined: command line added VIP by import 2"]
        );
    });
}

/// What the feed tells of each customer, in order, once it tells so much.
fn told_by_customer(segment: &Segment, moves_in_all: usize, db: &Db) -> BTreeMap<i64, Vec<bool>> {
    let began = Instant::now();
    loop {
        let moves = moves(segment.id, db);
        if moves.len() >= moves_in_all || began.elapsed() > Duration::from_secs(20) {
            let mut told: BTreeMap<i64, Vec<bool>> = BTreeMap::new();
            moves.iter().for_each(|one| told.entry(one.customer_id).or_default().push(one.joined));
            return told;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_program_at_full_speed_and_a_bulk_action_undone_at_once_are_told_each_time() {
    for_each_database(|db| {
        let people = world(&db);
        crowd(&db, 70);
        let vips = segment("VIPs", "tags contains VIP", &db);
        Hand("Ada", &db).tag(people.di, "Autumn");
        let autumn = segment("Autumn people", "tags contains Autumn and name contains person", &db);
        let server = Server::start(&db);
        begun(2, &db);
        let program = server.program(Role::Agent);
        let tag = server.url(&format!("/api/v1/customers/{}/tags/VIP", people.di));
        for _ in 0..25 {
            assert!(program.put(&tag).send().expect("an answer").status().is_success());
            assert!(program.delete(&tag).send().expect("an answer").status().is_success());
        }
        let told = told_by_customer(&vips, 50, &db);
        assert_eq!(told, BTreeMap::from([(people.di, [true, false].repeat(25))]));

        let marketer = server.signed_in(Role::Marketer);
        let everybody = [("do", "add_tags"), ("all", "1"), ("tag", "Autumn")];
        assert!(bulk(&marketer, &server, &everybody).status().is_success());
        undone(&marketer, &server, &db);
        let told = told_by_customer(&autumn, 140, &db);
        assert_eq!(told.len(), 70, "the five have other names");
        assert!(told.values().all(|moves| *moves == [true, false]), "{told:?}");
    });
}

/// Where each customer is, as whoever writes finds it after each change; and where she was before.
#[derive(Default)]
struct Truth {
    within: BTreeMap<(i64, i64), bool>,
    moves: BTreeMap<(i64, i64), Vec<bool>>,
}

impl Truth {
    fn find(&mut self, segments: &[Segment], customers: &[i64], db: &Db) {
        let found = db.read_now::<_, Trouble>(|conn| {
            let clock = Workspace::load(conn)?.clock();
            let mut found = Vec::new();
            for segment in segments {
                let filter = segment.filter(conn, &clock)?;
                let members = Snapshot::alone(conn).matching(&filter)?;
                found.extend(customers.iter().map(|id| ((segment.id, *id), members.contains(*id as u32))));
            }
            Ok(found)
        });
        for (place, inside) in found.expect("the members") {
            if self.within.insert(place, inside).is_some_and(|before| before != inside) {
                self.moves.entry(place).or_default().push(inside);
            }
        }
    }
}

/// One change of some customers, in one transaction.
fn change(ids: &[i64], picked: &Segment, dice: &mut Rng, db: &Db) {
    let (kind, other) = (dice.u8(..8), dice.bool());
    write(db, |conn| {
        let clock = Workspace::load(conn)?.clock();
        let mark = Mark::of(&Caller::command_line(), Source::Api, clock.stamp());
        for id in ids {
            match kind {
                0..3 => {
                    let (tag, _) = Tag::find_or_create(if other { "VIP" } else { "Wholesale" }, conn, clock.stamp())?;
                    let has = taggings::table.find((*id, tag.id)).count().get_result::<i64>(conn)? > 0;
                    match has {
                        true => drop(tags::remove(*id, tag.id, &mark, conn)?),
                        false => drop(tags::add(*id, tag.id, &mark, conn)?),
                    }
                }
                3 => to_country(*id, if other { "SE" } else { "NO" }, conn)?,
                4 => {
                    let said = if other { Consent::OptedIn } else { Consent::OptedOut };
                    set_consent(*id, Channel::Email, said, &by(&clock), conn)?;
                }
                5 => {
                    let bought = Bought {
                        external_id: None,
                        product: None,
                        amount: 100,
                        currency: "EUR".into(),
                        at: clock.stamp(),
                    };
                    purchases::record(*id, &bought, conn)?;
                }
                6 => drop(members::add(picked, &[*id], conn, &clock).expect("she is added")),
                _ => drop(members::remove(picked, &[*id], conn, &clock).expect("she is taken out")),
            }
        }
        Ok(())
    });
}

#[test]
fn every_move_of_many_who_write_at_once_is_told_in_order() {
    for_each_database(|db| {
        let people = world(&db);
        let ids = [people.ana, people.bo, people.cy, people.di, people.eva];
        let picked = segment("Picked", "", &db);
        let segments = vec![
            segment("VIPs", "tags contains VIP", &db),
            segment("VIPs only", "tags contains VIP and tags does not contain Wholesale", &db),
            segment("Swedes", "country is SE or segments in any of (Picked)", &db),
            segment("Reachable", "email_consent is opted in and purchase_count >= 3", &db),
            segment("Swedes who are VIPs", "segments in any of (Swedes) and segments in any of (VIPs)", &db),
            picked.clone(),
        ];
        let url = match db.address() {
            Address::Sqlite(path) => path.clone(),
            Address::Postgres(url) => url.clone(),
        };
        let other = Db::open(&url).expect("the same database");
        other.attended_by(Witness::default());
        let mut feed = Followed::by(&db);
        feed.look();
        let truth = Mutex::new(Truth::default());
        truth.lock().find(&segments, &ids, &db);
        let (locks, over) = (ids.map(|_| Mutex::new(())), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let (segments, locks, picked, truth, over) = (&segments, &locks, &picked, &truth, &over);
            let writer = |db: Db, seed: u64| {
                move || {
                    let dice = &mut Rng::with_seed(seed);
                    for _ in 0..150 {
                        let many = dice.usize(1..=3);
                        let mut some: Vec<usize> = (0..ids.len()).collect();
                        dice.shuffle(&mut some);
                        some.truncate(many);
                        some.sort_unstable();
                        // Nobody else changes them until it is known where they are now.
                        let _held: Vec<_> = some.iter().map(|at| locks[*at].lock()).collect();
                        let some: Vec<i64> = some.iter().map(|at| ids[*at]).collect();
                        change(&some, picked, dice, &db);
                        truth.lock().find(segments, &some, &db);
                    }
                }
            };
            let writers = [(&db, 1), (&db, 2), (&other, 3)].map(|(db, seed)| scope.spawn(writer(db.clone(), seed)));
            let progress = feed.progress.clone();
            let (sets, follower, db) = (&feed.sets, &mut feed.follower, &db);
            scope.spawn(move || {
                let dice = &mut Rng::with_seed(9);
                while !over.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(dice.u64(..80)));
                    if dice.u8(..10) == 0 {
                        // As after a restart.
                        *follower = Follower::new(progress.clone());
                    }
                    follower.look(sets, db).expect("a look");
                }
            });
            for writer in writers {
                writer.join().expect("a writer");
            }
            over.store(true, Ordering::Relaxed);
        });
        (0..2).for_each(|_| feed.look());
        let mut told: BTreeMap<(i64, i64), Vec<bool>> = BTreeMap::new();
        for segment in &segments {
            for one in moves(segment.id, &db) {
                told.entry((segment.id, one.customer_id)).or_default().push(one.joined);
            }
        }
        let truth = truth.into_inner().moves;
        let many: usize = truth.values().map(Vec::len).sum();
        assert!(many > 300, "{many} moves");
        assert_eq!(told, truth);
        assert!(feed.is_tidy());
    });
}
