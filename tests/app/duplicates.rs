//! Who may be the same person: on a profile and in the list of pairs, with the reason; and who is not, for good.

use crate::support::imports::import;
use crate::support::pages::{get, page, post, text, texts};
use crate::support::{Server, for_each_database};
use diesel::prelude::*;
use muster::agents::Role;
use muster::customers::Customer;
use muster::customers::duplicates::{near, walk};
use muster::db::schema::customers;
use muster::db::{Db, Trouble};

/// Everybody by name, and whom each may be the same person as.
const PEOPLE: &str = "\
external_id,name,email,phone,city
C-7,Ana Costa,ana.costa+news@gmail.com,+5511912345678,Rio
0C-7,Old Ana,anacosta@googlemail.com,,
,Bo Berg,bo@shop.example,+46701234567,Oslo
,\"Berg, Bo\",bo@home.example,,Bergen
,Anna Müller,anna.m@example.com,+4915112345678,Berlin
,Anna Muller,,,berlin
,Anna Müller,other@example.com,,Hamburg
,Jonas Lindqvist,jonas@one.example,,Malmö
,Jonas Lindkvist,jl@two.example,,Malmö
,Ana,ana@one.example,,Rio
,Ana,ana@two.example,,Rio
";

fn customers(db: &Db) -> Vec<Customer> {
    db.read_now::<_, Trouble>(|conn| {
        Ok(customers::table.order(customers::id).select(Customer::as_select()).load(conn)?)
    })
    .expect("the customers")
}

/// `1+2: why` for every pair that is found on profiles.
fn on_profiles(db: &Db) -> Vec<String> {
    let everybody = customers(db);
    let mut all: Vec<String> = db
        .read_now::<_, Trouble>(|conn| {
            let mut all = Vec::new();
            for her in &everybody {
                for near in near(her, conn)? {
                    let (one, other) = (her.id.min(near.customer.id), her.id.max(near.customer.id));
                    all.push(format!("{one}+{other}: {}", near.words()));
                }
            }
            Ok(all)
        })
        .expect("the profiles");
    all.sort();
    all.dedup();
    all
}

#[test]
fn whoever_is_written_twice_is_found_with_the_reason_and_whoever_is_not_is_left_alone() {
    for_each_database(|db| {
        import(&db, PEOPLE);
        // A number that came before its country was known.
        db.write_now::<_, Trouble>(|conn| {
            let berg = customers::table.filter(customers::name.eq("Berg, Bo"));
            Ok(diesel::update(berg).set(customers::phone.eq("0701234567")).execute(conn)?)
        })
        .expect("an old number");
        let expected = [
            "1+2: same email, written otherwise; same external id, written otherwise",
            "3+4: same phone, written otherwise; first and last name turned round, same end of the phone",
            "5+6: same name, same city",
            "8+9: nearly the same name, same city",
        ];
        assert_eq!(on_profiles(&db), expected);
        let (pairs, more) = db.read_now::<_, Trouble>(|conn| Ok(walk::pairs(conn)?)).expect("the walk");
        let pairs: Vec<(i64, i64)> = pairs.iter().map(|pair| (pair.one, pair.other)).collect();
        assert_eq!((pairs, more), (vec![(1, 2), (3, 4), (5, 6), (8, 9)], false), "the surest first");

        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let list = page(get(&marketer, &server, "/customers/duplicates"));
        assert_eq!(texts(&list, ".pair").len(), 4);
        assert!(text(&list, ".pair").contains("same email, written otherwise"));
        let profile = page(get(&marketer, &server, "/customers/5"));
        assert!(text(&profile, "#near").contains("Anna Muller #6"), "{}", text(&profile, "#near"));
        let back = post(&marketer, &server, "/customers/duplicates/not", &[("one", "6"), ("other", "5")]);
        let list = page(back);
        assert_eq!(texts(&list, ".pair").len(), 3);
        assert_eq!(text(&page(get(&marketer, &server, "/customers/6")), "#near"), "");
        // An agent may know, and not merge.
        let agent = server.signed_in(Role::Agent);
        assert_eq!(get(&agent, &server, "/customers/duplicates").status(), 403);
        assert!(!text(&page(get(&agent, &server, "/customers/8")), "#near").contains("Compare"));
    });
}
