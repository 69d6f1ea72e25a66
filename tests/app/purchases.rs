//! Purchases: from files and from programs, and that customers' sums always agree with them.

use crate::support::command::{muster, said, told, totals};
use crate::support::imports::{import, import_about, import_beside_others, import_purchases};
use crate::support::{Server, for_each_database, world};
use diesel::prelude::*;
use muster::agents::Role;
use muster::db::schema::{customers, purchases};
use muster::db::{Db, Trouble};
use muster::imports::Subject;
use muster::imports::plan::Key;
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/customers-2k.csv");
const SALES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/purchases-2k.csv");

/// Count, sum in minor units, first and last time.
type Sums = (i64, i64, String, String);

/// What each customer's own row says, by email.
fn kept(db: &Db) -> BTreeMap<String, Sums> {
    type Row = (Option<String>, i64, i64, Option<chrono::NaiveDateTime>, Option<chrono::NaiveDateTime>);
    let rows: Vec<Row> = db
        .read_now::<_, Trouble>(|conn| {
            Ok(customers::table
                .filter(customers::purchase_count.gt(0))
                .select((
                    customers::email,
                    customers::purchase_count,
                    customers::total_spent,
                    customers::first_purchase_at,
                    customers::last_purchase_at,
                ))
                .load(conn)?)
        })
        .unwrap();
    let spell = |at: Option<chrono::NaiveDateTime>| at.map(|at| at.format("%FT%TZ").to_string()).unwrap_or_default();
    rows.into_iter()
        .map(|(who, n, sum, first, last)| (who.unwrap_or_default(), (n, sum, spell(first), spell(last))))
        .collect()
}

/// The same, counted from the text of the file by nothing but splitting lines.
fn counted(file: &str) -> BTreeMap<String, Sums> {
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    for line in file.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let (whole, part) = cells[2].split_once('.').unwrap();
        let cents = whole.parse::<i64>().unwrap() * 100 + part.parse::<i64>().unwrap();
        let hers = sums.entry(cells[1].to_string()).or_insert_with(|| (0, 0, cells[3].into(), cells[3].into()));
        hers.0 += 1;
        hers.1 += cents;
        hers.2 = hers.2.clone().min(cells[3].into());
        hers.3 = hers.3.clone().max(cells[3].into());
    }
    sums
}

/// How many purchases there are.
fn all(db: &Db) -> i64 {
    db.read_now::<_, Trouble>(|conn| Ok(purchases::table.count().get_result(conn)?)).unwrap()
}

#[test]
fn every_purchase_of_the_shop_is_added_up_and_again_changes_nothing() {
    let file = std::fs::read_to_string(SALES).unwrap();
    let expected = counted(&file);
    for_each_database(|db| {
        assert!(muster(&db, &["import", "customers", SHOP]).status.success());
        let first = muster(&db, &["import", "purchases", SALES, "--json"]);
        let sums = totals(&first);
        let lines = file.lines().count() as i64;
        assert_eq!(
            (&sums["lines"], &sums["created"], &sums["rejected"]),
            (&lines.into(), &(lines - 1).into(), &0.into())
        );
        assert_eq!((first.status.code(), all(&db)), (Some(0), lines - 1), "{}", told(&first));
        assert_eq!(kept(&db), expected);
        let again = totals(&muster(&db, &["import", "purchases", SALES, "--json"]));
        assert_eq!((&again["created"], &again["unchanged"]), (&0.into(), &(lines - 1).into()));
        assert_eq!((all(&db), kept(&db)), (lines - 1, expected.clone()));
    });
}

#[test]
fn each_line_of_purchases_ends_in_one_way() {
    for_each_database(|db| {
        let people = world(&db);
        let done = import_purchases(
            &db,
            "external_id,email,phone,customer_external_id,customer_id,product,amount,currency,purchased_at\n\
             1,ANA@example.com,,,,Winter Hat,120.50,,2026-01-02\n\
             2,,+47 4000 1234,,,Boots,-20,eur,2026-01-02T10:00:00Z\n\
             3,,,c2,,,0,EUR,2026-01-03\n\
             ,,,,4,Tent,1,,2026-01-03\n\
             ,,,,4,Tent,1,,2026-01-03\n\
             ,,,,,,,,\n\
             1,ana@example.com,,,,Other,999,,2026-09-09\n\
             1,bo@example.org,,,,Other,999,,2026-09-09\n\
             4,nobody@example.com,,,,,5,,2026-01-01\n\
             5,,,,99,,5,,2026-01-01\n\
             6,,,,,,5,,2026-01-01\n\
             7,ana@example.com,,c2,,,5,,2026-01-01\n\
             8,ana@example.com,,,,,5,SEK,2026-01-01\n\
             9,ana@example.com,,,,,\"5,00\",,01.02.2026\n\
             10,ana@example.com,,,,,,,\n\
             11,ana@example.com,,,,,(clear),,2026-01-01\n\
             12,ana@example.com\n",
        );
        assert_eq!((done.sums(), done.totals.lines()), ([5, 0, 2, 0, 9, 1], 18));
        let reasons = done.reasons();
        for (at, start) in [
            "10 email: There is no customer with the email nobody@example.com.",
            "11 customer_id: There is no customer #99.",
            "12 : It does not say whose it is, by id or external id or email or phone.",
            &format!("13 email: Matches #{} by external id and #{} by email.", people.bo, people.ana),
            "14 currency: Purchases here are in EUR; SEK cannot be added to them.",
            "15 amount: “5,00” is not a number.",
            "15 purchased_at: “01.02.2026” is not a time.",
            "16 amount: Amount is missing.",
            "17 amount: Amount cannot be cleared.",
            "18 : This line has 2 cells, the header has 9.",
        ]
        .into_iter()
        .enumerate()
        {
            assert!(reasons[at].starts_with(start), "{}", reasons[at]);
        }
        assert_eq!(reasons.len(), 10);
        let notes: Vec<String> = done.notes.iter().map(|note| format!("{} {}", note.line, note.reason)).collect();
        let (ana, bo) = (people.ana, people.bo);
        assert_eq!(notes, [format!("9 Known already, as a purchase of #{ana}; this line says #{bo}.")]);
        // The world has one purchase each of Ana, Bo, Cy and Eva. A day alone begins where the business is.
        let sums = kept(&db);
        assert_eq!(sums["ana@example.com"], (2, 24_050, "2026-01-02T03:00:00Z".into(), "2026-09-08T00:49:00Z".into()));
        assert_eq!((sums["bo@example.org"].1, sums["cy@mail.example.com"].1), (0, -450));
        let tents = totals_of(&db, people.di);
        assert_eq!(tents, (2, 200));
    });
}

fn totals_of(db: &Db, id: i64) -> (i64, i64) {
    db.read_now::<_, Trouble>(|conn| {
        Ok(customers::table.find(id).select((customers::purchase_count, customers::total_spent)).first(conn)?)
    })
    .unwrap()
}

#[test]
fn customers_are_found_by_the_keys_that_are_asked_for() {
    for_each_database(|db| {
        let people = world(&db);
        let by = |keys: Vec<Key>| {
            let text = "email,Customer number,amount,date\nana@example.com,c2,5,2026-01-01\n";
            import_about(Subject::Purchases, &db, text.as_bytes(), |plan, _| plan.match_by = keys).sums()
        };
        assert_eq!(by(Key::ALL.to_vec()), [0, 0, 0, 0, 1, 0]);
        assert_eq!(by(vec![Key::Email]), [1, 0, 0, 0, 0, 0]);
        assert_eq!(by(vec![Key::ExternalId]), [1, 0, 0, 0, 0, 0]);
        assert_eq!((totals_of(&db, people.ana).0, totals_of(&db, people.bo).0), (2, 2));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sales.csv");
        std::fs::write(&file, "Wer,Betrag,Datum,id\nc4,7.5,2026-01-01,A1\n").unwrap();
        let file = file.to_str().unwrap();
        let maps = ["--map", "Wer=customer_external_id", "--map", "Betrag=amount", "--map", "Datum=purchased_at"];
        let words =
            [&["import", "purchases", file, "--match-by", "customer_external_id", "--json"][..], &maps].concat();
        let done = muster(&db, &words);
        assert_eq!(totals(&done)["created"], 1, "{}", told(&done));
        assert_eq!((totals(&done)["not_imported"].clone(), totals_of(&db, people.di)), (json!(["id"]), (1, 750)));
        for (more, why) in [
            (&["--mode", "update"][..], "Purchases are added and never changed"),
            (&["--tag", "VIP"], "no tags"),
            (&["--consent-proof", "x"], "nothing about consent"),
            (&["--map", "Betrag=-"], "Purchases need a column that becomes: Amount"),
            (&["--map", "id=custom.x:text"], "no custom fields"),
            (&["--match-by", "phone"], "To recognise people, a column must become one of"),
        ] {
            let refused = muster(&db, &[&["import", "purchases", file][..], &maps, more].concat());
            assert_eq!((refused.status.code(), said(&refused).as_str()), (Some(1), ""), "{more:?}");
            assert!(told(&refused).contains(why), "{more:?}: {}", told(&refused));
        }
    });
}

#[test]
fn the_same_purchases_from_two_files_at_once_are_kept_once() {
    for_each_database(|db| {
        import(&db, "external_id\nA\nB\n");
        let file = |order: Vec<u32>| {
            let mut text = String::from("external_id,customer_external_id,amount,purchased_at\n");
            order
                .iter()
                .for_each(|n| text.push_str(&format!("P{n},{},1.00,2026-01-01\n", ["A", "B"][*n as usize % 2])));
            text
        };
        let (one, other) = (file((0..2_500).collect()), file((0..2_500).rev().collect()));
        let both = std::thread::scope(|scope| {
            let running = [one, other].map(|text| {
                let db = &db;
                scope.spawn(move || import_beside_others(Subject::Purchases, db, &text))
            });
            running.map(|thread| thread.join().unwrap().totals)
        });
        assert_eq!(both.iter().map(|totals| totals.created).sum::<i64>(), 2_500);
        assert_eq!(both.iter().map(|totals| totals.unchanged).sum::<i64>(), 2_500);
        let spent: Vec<(i64, i64)> = db
            .read_now::<_, Trouble>(|conn| {
                Ok(customers::table.select((customers::purchase_count, customers::total_spent)).load(conn)?)
            })
            .unwrap();
        assert_eq!(spent, [(1_250, 125_000); 2]);
    });
}

fn post(client: &Client, server: &Server, id: i64, body: Value) -> Response {
    client.post(server.url(&format!("/api/v1/customers/{id}/purchases"))).json(&body).send().expect("an answer")
}

#[test]
fn a_program_adds_a_purchase_once() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let agent = server.program(Role::Agent);
        let body = json!({ "external_id": "P1", "product": "Winter Hat", "amount": "120.50", "currency": "EUR",
            "purchased_at": "2026-09-01T10:00:00+02:00" });
        let made = post(&agent, &server, people.di, body.clone());
        assert_eq!(made.status(), 201);
        let made: Value = made.json().unwrap();
        assert!(made["id"].is_i64(), "{made}");
        for (field, value) in [
            ("customer_id", json!(people.di)),
            ("external_id", json!("P1")),
            ("product", json!("Winter Hat")),
            ("amount", json!(12_050)),
            ("currency", json!("EUR")),
            ("purchased_at", json!("2026-09-01T08:00:00Z")),
        ] {
            assert_eq!(made[field], value, "{field}");
        }
        let again = post(&agent, &server, people.ana, json!({ "external_id": "P1", "amount": 1 }));
        assert_eq!((again.status().as_u16(), again.json::<Value>().unwrap()), (200, made));
        assert_eq!((totals_of(&db, people.di), totals_of(&db, people.ana)), ((1, 12_050), (1, 12_000)));
        // Without an external id each is another one; a number is minor units; a time left out is now.
        for _ in 0..2 {
            assert_eq!(post(&agent, &server, people.di, json!({ "amount": 50 })).status(), 201);
        }
        assert_eq!(totals_of(&db, people.di), (3, 12_150));
        let hat = agent.get(server.url("/api/v1/customers/count"));
        let hat = hat.query(&[("filter", "purchases any where (product is \"winter hat\" and amount >= 120)")]).send();
        assert_eq!(hat.unwrap().json::<Value>().unwrap(), json!({ "count": 1 }));
    });
}

#[test]
fn a_purchase_that_makes_no_sense_is_refused_with_its_reason() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let agent = server.program(Role::Agent);
        for (body, field, words) in [
            (json!({ "amount": "5", "currency": "SEK" }), "currency", "in EUR; SEK"),
            (json!({ "amount": "five" }), "amount", "not a number"),
            (json!({ "amount": "5.005" }), "amount", "more than 2 decimals"),
            (json!({ "amount": 5.5 }), "amount", "whole minor units"),
            (json!({ "amount": 9_000_000_000_000_000_i64 }), "amount", "larger than any"),
            (json!({ "amount": [] }), "amount", "expected"),
            (json!({}), "amount", "say what it cost"),
            (json!({ "amount": 5, "colour": "red" }), "colour", "no such field"),
            (json!({ "amount": 5, "purchased_at": "yesterday" }), "purchased_at", "not a time"),
            (json!({ "amount": 5, "purchased_at": 5 }), "purchased_at", "expected a time"),
            (json!({ "amount": 5, "product": "x".repeat(300) }), "product", "too many"),
            (json!({ "amount": 5, "external_id": "5.51E+12" }), "external_id", "spreadsheet"),
        ] {
            let refused = post(&agent, &server, people.ana, body.clone());
            assert_eq!(refused.status(), 422, "{body}");
            let error = refused.json::<Value>().unwrap()["error"].clone();
            assert!(error["details"][field].as_str().is_some_and(|said| said.contains(words)), "{body}: {error}");
        }
        assert_eq!(post(&agent, &server, people.ana, json!([])).status(), 422);
        assert_eq!(post(&agent, &server, 999, json!({ "amount": 5 })).status(), 404);
        assert_eq!(totals_of(&db, people.ana), (1, 12_000));
    });
}
