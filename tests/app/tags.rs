//! Tags: one name, one tag; and each tagging with its story.

use super::support::*;
use chrono::TimeDelta;
use muster::agents::Caller;
use muster::customers::{Customer, Draft};
use muster::db::{Conn, Db, Trouble};
use muster::filters::sets::Snapshot;
use muster::tags::suggest::suggest;
use muster::tags::{self, Mark, Problem, Source, Tag};

fn write<T>(db: &Db, work: impl FnOnce(&mut Conn) -> T) -> T {
    db.write_now::<_, Trouble>(|conn| Ok(work(conn))).expect("a transaction")
}

#[test]
fn a_name_is_one_tag_whatever_its_case_and_spaces() {
    for_each_database(|db| {
        write(&db, |conn| {
            let at = clock().stamp();
            let (vip, made) = Tag::find_or_create(&Tag::clean(" VIP ").unwrap(), conn, at).unwrap();
            assert!(made);
            for spelled in ["vip", "Vip", "ＶＩＰ"] {
                assert_eq!(Tag::find_or_create(spelled, conn, at).unwrap(), (vip.clone(), false), "{spelled}");
            }
            // Accents tell names apart.
            let (cafe, _) = Tag::find_or_create("Café", conn, at).unwrap();
            assert!(Tag::find_or_create("Cafe", conn, at).unwrap().1);
            match Tag::create(&tags::Draft::named("vIp"), conn, at) {
                Err(Problem::Taken(by)) => assert_eq!(by, vip),
                other => panic!("{other:?}"),
            }
            match cafe.update(&tags::Draft::named("vip"), conn, at) {
                Err(Problem::Taken(by)) => assert_eq!(by, vip),
                other => panic!("{other:?}"),
            }
            let gold = tags::Draft { name: "Gold".into(), colour: "amber".into(), description: "Best".into() };
            assert_eq!(vip.update(&gold, conn, at).unwrap().id, vip.id);
            assert_eq!(Tag::find("vip", conn).unwrap().unwrap().name, "Gold", "its old name is understood");
            assert_eq!(tags::names::called("vip", conn).unwrap(), None);
            assert_eq!(Tag::find(" GOLD", conn).unwrap().unwrap().description, "Best");
            assert!(vip.update(&tags::Draft::named("GOLD"), conn, at).is_ok(), "its own name in another case");
        })
    });
}

#[test]
fn each_tagging_keeps_who_when_and_from_where() {
    for_each_database(|db| {
        write(&db, |conn| {
            let ana = Customer::create(&Draft::default(), &by(&clock()), conn).unwrap().id;
            let at = clock().stamp() + TimeDelta::hours(1);
            let (vip, _) = Tag::find_or_create("VIP", conn, at).unwrap();
            let first = Mark::of(&Caller::command_line(), Source::Import(12), at);
            assert!(tags::add(ana, vip.id, &first, conn).unwrap());
            let second = Mark { actor: "Mara".into(), source: Source::Profile, at: at + TimeDelta::days(1), ..first };
            assert!(!tags::add(ana, vip.id, &second, conn).unwrap());
            let carried = tags::of_customer(ana, at, conn).unwrap();
            assert_eq!(carried.len(), 1);
            assert_eq!((carried[0].actor.as_str(), carried[0].at), ("command line", at));
            assert_eq!(carried[0].source, Source::Import(12));
            assert_eq!(Customer::find(ana, conn).unwrap().unwrap().updated_at, at);
            assert_eq!(vip.customers(at, conn).unwrap(), 1);
            assert!(
                tags::remove(ana, vip.id, &second, conn).unwrap() && !tags::remove(ana, vip.id, &second, conn).unwrap()
            );
            assert!(tags::of_customers(&[ana], at, conn).unwrap().is_empty());
            tags::add(ana, vip.id, &second, conn).unwrap();
            assert!(Tag::delete(vip.id, &second, conn).unwrap());
            assert!(tags::of_customer(ana, at, conn).unwrap().is_empty(), "a deleted tag is taken from everybody");
        })
    });
}

#[test]
fn the_editor_offers_what_fits_and_knows_a_slip_of_the_fingers() {
    for_each_database(|db| {
        let people = world(&db);
        write(&db, |conn| {
            let offered = |typed: &str, customer: i64, conn: &mut Conn| {
                suggest(typed, Some(customer), None, clock().stamp(), &mut Snapshot::alone(conn)).expect("suggestions")
            };
            let names = |list: &tags::suggest::Suggestions| {
                list.offers.iter().map(|offer| offer.tag.name.clone()).collect::<Vec<_>>()
            };
            let none = offered("", people.di, conn);
            assert_eq!(names(&none), ["VIP", "Wholesale", "VIP-old"], "the most used first");
            assert_eq!((none.create, none.offers[0].customers), (None, 3));
            assert_eq!(names(&offered("", people.ana, conn)), ["Wholesale", "VIP-old"], "not what she carries");
            let old = offered("OLD", people.di, conn);
            assert_eq!(names(&old), ["VIP-old"]);
            assert_eq!(old.create.as_deref(), Some("OLD"));
            let slip = offered("VPI", people.di, conn);
            assert_eq!((slip.create.as_deref(), slip.meant.map(|tag| tag.name).as_deref()), (Some("VPI"), Some("VIP")));
            assert_eq!(offered(" vip ", people.di, conn).create, None);
            assert!(offered("a;b", people.di, conn).problem.is_some());
        })
    });
}
