//! Who is in a segment, asked of the segment itself: saved questions that are never late, fixed lists that stay as they
//! are.

use super::support::*;
use diesel::prelude::*;
use muster::agents::Caller;
use muster::customers::Customer;
use muster::customers::list::{List, Page, Sort};
use muster::db::schema::{customers, tags as tag_rows};
use muster::db::{Conn, Db, Trouble};
use muster::filters::fields::Fields;
use muster::filters::sets::Snapshot;
use muster::filters::{self, Filter, Rule};
use muster::segments::{Kind, Problem, Segment, Wish, members, standing};
use muster::tags::{self, Mark, Source, Tag};

fn write<T>(db: &Db, work: impl FnOnce(&mut Conn) -> T) -> T {
    db.write_now::<_, Trouble>(|conn| Ok(work(conn))).expect("a transaction")
}

fn wish(name: &str, kind: Kind, filter: &str) -> Wish {
    Wish {
        name: name.into(),
        kind,
        rule: Some(Rule::read(filter, Fields::built_in()).expect("a filter")),
        private: false,
    }
}

fn save(name: &str, kind: Kind, filter: &str, conn: &mut Conn) -> Segment {
    Segment::create(&wish(name, kind, filter), &Caller::command_line(), conn, &clock()).expect("a segment")
}

/// Why a segment was not saved.
fn refusal(wish: &Wish, conn: &mut Conn) -> String {
    match Segment::create(wish, &Caller::command_line(), conn, &clock()) {
        Err(Problem::Failed(error)) => panic!("{error}"),
        Err(problem) => problem.to_string(),
        Ok(segment) => panic!("{} was saved", segment.name),
    }
}

/// Who is in it, by the list and its count; the two must agree.
fn who(segment: &Segment, conn: &mut Conn) -> String {
    let filter = segment.filter(conn, &clock()).expect("a filter");
    let list =
        List::load(&filter, &Page::first(Sort::parse("name").expect("an order"), 50), &mut Snapshot::alone(conn))
            .expect("a list");
    let names: Vec<String> = list.rows.iter().map(|row| row.customer.called()).collect();
    assert_eq!(filters::count(&filter, conn).expect("a count"), names.len() as i64, "{names:?}");
    names.join(", ")
}

fn tag(customer: i64, name: &str, conn: &mut Conn) {
    let at = clock().stamp();
    let (tag, _) = Tag::find_or_create(name, conn, at).expect("a tag");
    tags::add(customer, tag.id, &Mark::of(&Caller::command_line(), Source::Profile, at), conn).expect("a tagging");
}

fn untag(customer: i64, name: &str, conn: &mut Conn) {
    let tag = Tag::find(name, conn).expect("tags").expect("the tag");
    let mark = Mark::of(&Caller::command_line(), Source::Profile, clock().stamp());
    assert!(tags::remove(customer, tag.id, &mark, conn).expect("untagged"));
}

fn delete_tag(name: &str, conn: &mut Conn) {
    let tag = Tag::find(name, conn).expect("tags").expect("the tag");
    diesel::delete(tag_rows::table.find(tag.id)).execute(conn).expect("the tag is deleted");
}

#[test]
fn a_dynamic_segment_is_answered_afresh() {
    for_each_database(|db| {
        let people = world(&db);
        write(&db, |conn| {
            let vip = save("VIP customers", Kind::Dynamic, "tags contains VIP", conn);
            assert_eq!(who(&vip, conn), "Ana, Cy, Eva");
            tag(people.bo, "vip", conn);
            assert_eq!(who(&vip, conn), "Ana, Bo, Cy, Eva");
            untag(people.ana, "VIP", conn);
            assert_eq!(who(&vip, conn), "Bo, Cy, Eva");
            assert!(Customer::delete(people.eva, conn).unwrap());
            assert_eq!(who(&vip, conn), "Bo, Cy");
        })
    });
}

#[test]
fn a_static_segment_loses_only_who_was_deleted() {
    for_each_database(|db| {
        let people = world(&db);
        write(&db, |conn| {
            let batch = save("Spring batch", Kind::Static, "tags contains VIP", conn);
            assert_eq!(who(&batch, conn), "Ana, Cy, Eva");
            untag(people.ana, "VIP", conn);
            tag(people.bo, "VIP", conn);
            assert_eq!(who(&batch, conn), "Ana, Cy, Eva");
            delete_tag("VIP", conn);
            assert_eq!(who(&batch, conn), "Ana, Cy, Eva");
            assert!(Customer::delete(people.eva, conn).unwrap());
            assert_eq!(who(&batch, conn), "Ana, Cy");
        })
    });
}

#[test]
fn a_segment_selects_whom_its_filter_selects() {
    #[rustfmt::skip]
    const EXAMPLES: &[(&str, &str)] = &[
        ("tags contains VIP",                                           "Ana, Cy, Eva"),
        ("tags contains all (VIP, Wholesale)",                          "Cy"),
        ("tags does not contain VIP",                                   "Bo, Di"),
        ("tags contains only VIP",                                      "Ana, Eva"),
        ("tags is empty",                                               "Di"),
        ("city contains \"são\"",                                       "Ana, Bo"),
        ("city contains \"%\"",                                         "Eva"),
        ("city is empty",                                               "Cy, Di"),
        ("last_seen_at yesterday",                                      "Ana"),
        ("last_seen_at in the last 90 days",                            "Ana, Bo"),
        ("last_seen_at not in the last 90 days",                        "Cy, Di, Eva"),
        ("email_consent is not opted in",                               "Bo, Cy"),
        ("(country is BR or city is empty) and not (tags contains VIP)", "Bo, Di"),
        ("not (country is BR or city is empty)",                        "Eva"),
        ("everyone",                                                    "Ana, Bo, Cy, Di, Eva"),
    ];
    for_each_database(|db| {
        world(&db);
        write(&db, |conn| {
            for (number, (asked, expected)) in EXAMPLES.iter().enumerate() {
                let saved = save(&format!("Saved {number}"), Kind::Dynamic, asked, conn);
                assert_eq!(who(&saved, conn), *expected, "{asked}");
                let told = saved.filter(conn, &clock()).unwrap().rule().to_json();
                let meant = Filter::check(&Rule::read(asked, Fields::built_in()).unwrap(), conn, &clock())
                    .unwrap()
                    .rule()
                    .to_json();
                assert_eq!(told, meant, "kept as it was asked");
                let frozen = save(&format!("Frozen {number}"), Kind::Static, asked, conn);
                assert_eq!(who(&frozen, conn), *expected, "{asked}, frozen");
            }
        })
    });
}

#[test]
fn an_empty_filter_cannot_be_saved() {
    for_each_database(|db| {
        world(&db);
        write(&db, |conn| {
            for (kind, filter) in [(Kind::Dynamic, ""), (Kind::Dynamic, "all ()"), (Kind::Static, "any ()")] {
                let words = refusal(&wish("Everybody", kind, filter), conn);
                assert!(words.contains("everyone"), "{words}");
            }
            let nothing = Wish { rule: None, ..wish("Everybody", Kind::Dynamic, "") };
            assert!(refusal(&nothing, conn).contains("filter"));
            // A fixed list may begin with nobody.
            let list = Wish { rule: None, ..wish("By hand", Kind::Static, "") };
            let list = Segment::create(&list, &Caller::command_line(), conn, &clock()).unwrap();
            assert_eq!(who(&list, conn), "");
        })
    });
}

#[test]
fn a_filter_with_something_wrong_cannot_be_saved() {
    for_each_database(|db| {
        world(&db);
        write(&db, |conn| {
            for kind in [Kind::Dynamic, Kind::Static] {
                assert!(refusal(&wish("A", kind, "tags contains ?"), conn).contains("Choose at least one tag"));
                assert!(refusal(&wish("A", kind, "tags does not contain Nobody-has"), conn).contains("Nobody-has"));
                assert!(refusal(&wish("A", kind, "city is Oslo and (any ())"), conn).contains("empty"));
            }
            assert_eq!(Segment::list(&Caller::command_line(), conn).unwrap(), []);
        })
    });
}

#[test]
fn a_segment_whose_tag_was_deleted_does_not_wake_up_on_another() {
    for_each_database(|db| {
        world(&db);
        write(&db, |conn| {
            // Without the tag this must not become everybody.
            let others = save("Not yet VIP", Kind::Dynamic, "tags does not contain VIP", conn);
            assert_eq!(who(&others, conn), "Bo, Di");
            delete_tag("VIP", conn);
            assert_eq!(who(&others, conn), "");
            let filter = others.filter(conn, &clock()).unwrap();
            assert!(filter.problems()[0].words.contains("deleted"), "{:?}", filter.problems());
            // A new tag of that name is another tag.
            let ana = customers::table.filter(customers::name.eq("Ana")).select(customers::id).first(conn).unwrap();
            tag(ana, "VIP", conn);
            assert_eq!(who(&others, conn), "");
        })
    });
}

#[test]
fn names_are_unique_whatever_their_case_and_spaces() {
    for_each_database(|db| {
        world(&db);
        write(&db, |conn| {
            let vip = save("  VIP   customers ", Kind::Dynamic, "tags contains VIP", conn);
            assert_eq!(vip.name, "VIP customers");
            assert!(refusal(&wish("vip CUSTOMERS", Kind::Static, "everyone"), conn).contains("already"));
            assert!(refusal(&wish(" \t ", Kind::Static, "everyone"), conn).contains("name"));
            assert!(refusal(&wish(&"n".repeat(101), Kind::Static, "everyone"), conn).contains("100"));
            save(&"ñ".repeat(100), Kind::Static, "everyone", conn);
            // Its own name in another case.
            let renamed = wish("Vip Customers", Kind::Dynamic, "tags contains VIP");
            let vip = vip.update(&renamed, &[], &Caller::command_line(), conn, &clock()).unwrap();
            assert_eq!(vip.name, "Vip Customers");
        })
    });
}

#[test]
fn a_change_of_filter_counts_at_once() {
    for_each_database(|db| {
        world(&db);
        write(&db, |conn| {
            let segment = save("Brazil", Kind::Dynamic, "country is BR", conn);
            let wider = wish("Brazil and Norway", Kind::Dynamic, "country is any of (BR, NO)");
            let segment = segment.update(&wider, &[], &Caller::command_line(), conn, &clock()).unwrap();
            assert_eq!((segment.name.as_str(), who(&segment, conn).as_str()), ("Brazil and Norway", "Ana, Bo, Cy"));
            let empty = wish("Brazil", Kind::Dynamic, "");
            assert!(segment.update(&empty, &[], &Caller::command_line(), conn, &clock()).is_err());
            assert_eq!(who(&segment, conn), "Ana, Bo, Cy");
        })
    });
}

#[test]
fn members_join_and_leave_a_static_segment() {
    for_each_database(|db| {
        let people = world(&db);
        write(&db, |conn| {
            let list = save("Hut tour", Kind::Static, "name is Bo", conn);
            let everybody = save("All", Kind::Dynamic, "everyone", conn).filter(conn, &clock()).unwrap();
            let added = members::add(&list, &[people.ana, people.bo, people.ana], conn, &clock()).unwrap();
            assert_eq!((added.joined, added.already), (1, 1));
            assert_eq!(who(&list, conn), "Ana, Bo");
            let added = members::add_matching(&list, &everybody, conn, &clock()).unwrap();
            assert_eq!((added.joined, added.already), (3, 2));
            assert_eq!(members::remove(&list, &[people.ana, people.cy], conn, &clock()).unwrap(), 2);
            assert_eq!(members::remove(&list, &[people.ana], conn, &clock()).unwrap(), 0);
            assert_eq!(who(&list, conn), "Bo, Di, Eva");
            // Somebody unknown among them: nobody joins, and it says who.
            match members::add(&list, &[people.ana, 4_000_000_000, 77_777], conn, &clock()) {
                Err(Problem::Unknown(ids)) => assert_eq!(ids, [77_777, 4_000_000_000]),
                other => panic!("{other:?}"),
            }
            assert_eq!(who(&list, conn), "Bo, Di, Eva");
        })
    });
}

#[test]
fn a_dynamic_segment_takes_no_members() {
    for_each_database(|db| {
        let people = world(&db);
        write(&db, |conn| {
            let vip = save("VIP", Kind::Dynamic, "tags contains VIP", conn);
            assert!(matches!(members::add(&vip, &[people.bo], conn, &clock()), Err(Problem::Dynamic)));
            assert!(matches!(members::remove(&vip, &[people.ana], conn, &clock()), Err(Problem::Dynamic)));
            assert_eq!(who(&vip, conn), "Ana, Cy, Eva");
        })
    });
}

#[test]
fn one_sees_which_segments_a_customer_is_in() {
    for_each_database(|db| {
        let people = world(&db);
        write(&db, |conn| {
            save("VIP", Kind::Dynamic, "tags contains VIP", conn);
            save("Brazil, once", Kind::Static, "country is BR", conn);
            save("Nordic", Kind::Dynamic, "country is any of (NO, SE)", conn);
            let caller = Caller::command_line();
            let mut names = |id| {
                let standing = standing(id, &caller, conn, &clock()).unwrap();
                let held = standing.into_iter().filter(|(_, within)| *within);
                held.map(|(segment, _)| segment.name).collect::<Vec<_>>().join("; ")
            };
            assert_eq!(names(people.ana), "Brazil, once; VIP");
            assert_eq!(names(people.cy), "Nordic; VIP");
            assert_eq!(names(people.di), "");
        })
    });
}
