//! Customers: their keys, their consents, and lists in every order, page by page.

use super::support::*;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use muster::customers::history::Source;
use muster::customers::list::{COLUMNS, List, Page, Sort};
use muster::customers::{By, Channel, Consent, Consents, Customer, Draft, Problem, set_consent};
use muster::db::schema::customers;
use muster::db::{Conn, Db, Trouble};
use muster::filters::fields::Fields;
use muster::filters::sets::Snapshot;
use muster::filters::{Filter, Rule};

fn draft(name: &str, email: &str) -> Draft {
    let some = |text: &str| Some(text.to_string()).filter(|text| !text.is_empty());
    Draft { name: some(name), email: some(email), ..Draft::default() }
}

fn write<T>(db: &Db, work: impl FnOnce(&mut Conn) -> T) -> T {
    db.write_now::<_, Trouble>(|conn| Ok(work(conn))).expect("a transaction")
}

fn create(draft: &Draft, conn: &mut Conn) -> Customer {
    Customer::create(draft, &by(&clock()), conn).expect("a customer")
}

#[test]
fn a_customer_is_made_changed_and_deleted() {
    for_each_database(|db| {
        write(&db, |conn| {
            let made = create(&draft("Åsa Öberg", "asa@example.com"), conn);
            assert_eq!(Customer::find(made.id, conn).unwrap(), Some(made.clone()));
            assert_eq!((made.created_at, made.updated_at), (clock().stamp(), clock().stamp()));
            let later = muster::workspace::Clock { now: clock().now + TimeDelta::hours(1), ..clock() };
            let same = made.update(&Draft::from(&made), &by(&later), conn).unwrap();
            assert_eq!(same.updated_at, made.updated_at, "nothing new, nothing written");
            let mut changed = draft("Åsa Öberg", "");
            changed.city = Some("São Paulo".into());
            let changed = made.update(&changed, &by(&later), conn).unwrap();
            assert_eq!((changed.email.as_deref(), changed.city.as_deref()), (None, Some("São Paulo")));
            assert_eq!((changed.created_at, changed.updated_at), (made.created_at, later.stamp()));
            let folded: Option<String> = customers::table.select(customers::city_folded).first(conn).unwrap();
            assert_eq!(folded.as_deref(), Some("sao paulo"));
            assert!(Customer::delete(made.id, conn).unwrap());
            assert!(!Customer::delete(made.id, conn).unwrap());
            assert_eq!(Customer::find(made.id, conn).unwrap(), None);
        })
    });
}

#[test]
fn a_key_belongs_to_one_customer() {
    for_each_database(|db| {
        write(&db, |conn| {
            let mut ana = draft("Ana", "ana@example.com");
            ana.phone = Some("+5511912345678".into());
            ana.external_id = Some("A-1".into());
            let ana = create(&ana, conn);
            // Two customers without any key are two customers.
            create(&Draft::default(), conn);
            let bo = create(&draft("Bo", ""), conn);
            let taken = |draft: Draft, conn: &mut Conn| match bo.update(&draft, &by(&clock()), conn) {
                Err(Problem::Taken { field, by }) => (field, by),
                other => panic!("{other:?}"),
            };
            assert_eq!(taken(draft("Bo", "ana@example.com"), conn), ("email", ana.id));
            let phone = Draft { phone: ana.phone.clone(), ..Draft::default() };
            assert_eq!(taken(phone, conn), ("phone", ana.id));
            let id = Draft { external_id: ana.external_id.clone(), ..Draft::default() };
            assert_eq!(taken(id, conn), ("external_id", ana.id));
            match Customer::create(&draft("Eve", "ana@example.com"), &by(&clock()), conn) {
                Err(Problem::Taken { field: "email", by }) => assert_eq!(by, ana.id),
                other => panic!("{other:?}"),
            }
            assert!(
                ana.update(&Draft { name: None, ..Draft::from(&ana) }, &by(&clock()), conn).is_ok(),
                "her own keys"
            );
        })
    });
}

#[test]
fn consent_is_kept_with_when_and_from_where() {
    for_each_database(|db| {
        write(&db, |conn| {
            let ana = create(&draft("Ana", ""), conn);
            let at = clock().stamp();
            let set = |consent, source: Source, at, conn: &mut Conn| {
                set_consent(ana.id, Channel::Email, consent, &By { source, at, ..by(&clock()) }, conn).unwrap()
            };
            assert!(!set(Consent::Unknown, Source::Profile, at, conn), "unknown is where everybody begins");
            assert!(set(Consent::OptedIn, Source::Api, at, conn));
            assert!(!set(Consent::OptedIn, Source::Profile, at + TimeDelta::days(1), conn));
            let said = Consents::of(ana.id, conn).unwrap();
            let email = said.said(Channel::Email).unwrap();
            assert_eq!((email.consent, email.at, email.source.as_str()), (Consent::OptedIn, at, "API"));
            assert_eq!(said.get(Channel::Sms), Consent::Unknown);
            assert!(set(Consent::OptedOut, Source::Profile, at + TimeDelta::days(1), conn));
            assert_eq!(Consents::of(ana.id, conn).unwrap().get(Channel::Email), Consent::OptedOut);
            assert!(set(Consent::Unknown, Source::Profile, at + TimeDelta::days(2), conn));
            assert_eq!(Consents::of(ana.id, conn).unwrap(), Consents::default());
            assert_eq!(Customer::find(ana.id, conn).unwrap().unwrap().updated_at, at + TimeDelta::days(2));
        })
    });
}

/// Forty customers with few different values, so that ties are many, and about a third missing.
fn crowd(conn: &mut Conn) {
    let pick = |n: i64, of: &[&str]| -> Option<String> {
        let word = of[n as usize % of.len()];
        (!word.is_empty()).then(|| word.to_string())
    };
    for n in 0..40i64 {
        let day = |n: i64| clock().stamp() - TimeDelta::days(n % 5);
        let made = create(
            &Draft {
                name: pick(n * 3, &["Zoë", "zoe", "", "Åsa", "Ana", "_b", "Ö"]),
                email: pick(n, &["", "x"]).map(|x| format!("{x}{n}@example.com")),
                phone: pick(n, &["", "+4670", ""]).map(|start| format!("{start}{:07}", (n * 37) % 100)),
                external_id: pick(n, &["", "C", "c"]).map(|start| format!("{start}{:02}", (n * 13) % 40)),
                country: pick(n * 3, &["SE", "", "NO", "SE"]),
                city: pick(n * 5, &["São Paulo", "sao paulo", "", "100%"]),
                language: pick(n, &["sv", "", "en"]),
                created_at: Some(day(n)),
                last_seen_at: Some(day(n * 3)).filter(|_| n % 3 > 0),
            },
            conn,
        );
        let bought: Option<NaiveDateTime> = Some(day(n)).filter(|_| n % 4 == 0);
        diesel::update(customers::table.find(made.id))
            .set((
                customers::purchase_count.eq(n % 4),
                customers::total_spent.eq(n % 3 * 1250),
                customers::first_purchase_at.eq(bought),
                customers::last_purchase_at.eq(bought),
            ))
            .execute(conn)
            .unwrap();
    }
}

fn ids(list: &List) -> Vec<i64> {
    list.rows.iter().map(|row| row.customer.id).collect()
}

/// Walks all pages forwards, then back again. Each customer must come exactly once, in the same order both ways.
fn walk(filter: &Filter, sort: &str, limit: i64, conn: &mut Conn) -> Vec<i64> {
    let sort = Sort::parse(sort).unwrap();
    let mut page = Page::first(sort.clone(), limit);
    let (mut there, mut pages) = (Vec::new(), Vec::new());
    let last = loop {
        let list = List::load(filter, &page, &mut Snapshot::alone(conn)).unwrap();
        assert_eq!(list.from, there.len() as i64 + 1, "{sort:?}");
        assert_eq!(list.previous.is_some(), !there.is_empty(), "{sort:?}");
        there.extend(ids(&list));
        pages.push(ids(&list));
        match &list.next {
            Some(next) => page = Page::read(sort.clone(), Some(next), limit).unwrap(),
            None => break list,
        }
    };
    assert_eq!(last.total, there.len() as i64, "{sort:?}");
    let mut previous = last.previous;
    for expected in pages.iter().rev().skip(1) {
        let page = Page::read(sort.clone(), previous.as_deref(), limit).unwrap();
        let list = List::load(filter, &page, &mut Snapshot::alone(conn)).unwrap();
        assert_eq!(&ids(&list), expected, "{sort:?}, going back");
        assert!(list.next.is_some());
        previous = list.previous;
    }
    assert_eq!(previous, None, "{sort:?}");
    there
}

#[test]
fn every_order_visits_everybody_once_with_missing_values_last() {
    for_each_database(|db| {
        write(&db, |conn| {
            crowd(conn);
            let everybody = Filter::everybody(&clock());
            for column in COLUMNS.iter().filter(|column| column.by.is_some()) {
                for sort in [column.key.to_string(), format!("-{}", column.key), format!("-{},name,-city", column.key)]
                {
                    let there = walk(&everybody, &sort, 7, conn);
                    let mut each = there.clone();
                    each.sort();
                    each.dedup();
                    assert_eq!((there.len(), each.len()), (40, 40), "{sort}");
                    assert_eq!(walk(&everybody, &sort, 1000, conn), there, "{sort}, on one page");
                }
            }
            let named = |sort: &str, conn: &mut Conn| -> Vec<String> {
                let page = Page::first(Sort::parse(sort).unwrap(), 100);
                let rows = List::load(&everybody, &page, &mut Snapshot::alone(conn)).unwrap().rows;
                let mut names: Vec<String> =
                    rows.into_iter().map(|row| row.customer.name.unwrap_or_default()).collect();
                names.dedup_by_key(|name| muster::fold::fold(name));
                names
            };
            let folded = |names: Vec<String>| names.iter().map(|name| muster::fold::fold(name)).collect::<Vec<_>>();
            assert_eq!(folded(named("name", conn)), ["_b", "ana", "asa", "o", "zoe", ""]);
            assert_eq!(folded(named("-name", conn)), ["zoe", "o", "asa", "ana", "_b", ""]);
        })
    });
}

#[test]
fn ties_are_broken_by_id_in_the_direction_of_the_first_column() {
    for_each_database(|db| {
        write(&db, |conn| {
            crowd(conn);
            for (sort, up) in [
                ("", true),
                ("total_spent", true),
                ("-total_spent", false),
                ("country,-total_spent", true),
                ("-country,total_spent", false),
            ] {
                let page = Page::first(Sort::parse(sort).unwrap(), 100);
                let rows = List::load(&Filter::everybody(&clock()), &page, &mut Snapshot::alone(conn)).unwrap().rows;
                for pair in rows.windows(2) {
                    let (a, b) = (&pair[0].customer, &pair[1].customer);
                    let tie = a.total_spent == b.total_spent && (a.country == b.country || !sort.contains("country"));
                    assert!(!(tie || sort.is_empty()) || (a.id < b.id) == up, "{sort}: {} before {}", a.id, b.id);
                }
            }
        })
    });
}

#[test]
fn pages_hold_a_filter_and_an_exact_total() {
    for_each_database(|db| {
        let people = world(&db);
        write(&db, |conn| {
            let rule = Rule::read("tags contains VIP", Fields::built_in()).unwrap();
            let vip = Filter::check(&rule, conn, &clock()).unwrap();
            assert_eq!(walk(&vip, "-last_seen_at", 1, conn), [people.eva, people.ana, people.cy]);
            let list =
                List::load(&vip, &Page::first(Sort::parse("name").unwrap(), 2), &mut Snapshot::alone(conn)).unwrap();
            assert_eq!((list.total, list.from, list.to()), (3, 1, 2));
            let tags: Vec<&str> = list.rows[0].tags.iter().map(|tagging| tagging.tag.name.as_str()).collect();
            assert_eq!(tags, ["VIP"]);
            let none =
                Filter::check(&Rule::read("tags contains ?", Fields::built_in()).unwrap(), conn, &clock()).unwrap();
            let list = List::load(&none, &Page::first(Sort::default(), 50), &mut Snapshot::alone(conn)).unwrap();
            assert_eq!((list.total, list.from, list.to(), list.next), (0, 0, 0, None));
        })
    });
}

#[test]
fn those_who_come_and_go_meanwhile_do_not_move_the_page() {
    for_each_database(|db| {
        write(&db, |conn| {
            crowd(conn);
            let sort = Sort::parse("-created_at").unwrap();
            let everybody = Filter::everybody(&clock());
            let first = List::load(&everybody, &Page::first(sort.clone(), 10), &mut Snapshot::alone(conn)).unwrap();
            let second = Page::read(sort.clone(), first.next.as_deref(), 10).unwrap();
            let before = ids(&List::load(&everybody, &second, &mut Snapshot::alone(conn)).unwrap());
            create(&draft("New", ""), conn);
            Customer::delete(ids(&first)[3], conn).unwrap();
            assert_eq!(ids(&List::load(&everybody, &second, &mut Snapshot::alone(conn)).unwrap()), before);
            // Back to those before, who are all gone: the list begins here.
            let back = List::load(&everybody, &second, &mut Snapshot::alone(conn)).unwrap().previous;
            diesel::delete(customers::table.filter(customers::created_at.gt(clock().stamp() - TimeDelta::days(1))))
                .execute(conn)
                .unwrap();
            diesel::delete(customers::table.filter(customers::id.eq_any(ids(&first)))).execute(conn).unwrap();
            let list =
                List::load(&everybody, &Page::read(sort, back.as_deref(), 10).unwrap(), &mut Snapshot::alone(conn))
                    .unwrap();
            assert_eq!((list.from, list.previous.clone(), list.rows.len()), (1, None, 10));
        })
    });
}

#[test]
fn a_cursor_somebody_made_up_is_refused_in_a_sentence() {
    let by_name = || Sort::parse("name").unwrap();
    use base64::Engine;
    let made = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
    for wrong in [
        "x".to_string(),
        "???".to_string(),
        made("{}"),
        made("[\"name\",false,1,[5],1]"),
        made("[\"name\",false,1,[],1]"),
        made("[\"name\",false,-1,[\"a\"],1]"),
        made("[\"name\",false,1,[\"a\\u0000\"],1]"),
        made("[\"city\",false,1,[\"a\"],1]"),
    ] {
        let said = Page::read(by_name(), Some(&wrong), 50).unwrap_err();
        assert!(said.ends_with("Begin again at the first page."), "{wrong}: {said}");
    }
    assert!(Page::read(by_name(), Some(&made("[\"name\",false,1,[\"a\"],1]")), 50).is_ok());
    let far = made("[\"-created_at\",false,1,[9223372036854775807],1]");
    assert!(Page::read(Sort::parse("-created_at").unwrap(), Some(&far), 50).is_err());
}
