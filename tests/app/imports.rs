//! What an import promises: every line ends in one way, and a bad one never takes a good one with it.

use crate::support::imports::{Done, import, import_beside_others, import_bytes, import_with};
use crate::support::{for_each_database, sqlite, world};
use diesel::prelude::*;
use muster::db::schema::{consents, customers, taggings, tags};
use muster::db::{Db, Trouble};
use muster::imports::plan::{Key, Mode, TagMode, Unknown};
use muster::imports::{Plan, Subject};

/// `name city VIP+Wholesale` of everybody, by external id.
fn everybody(db: &Db) -> Vec<String> {
    db.read_now::<_, Trouble>(|conn| {
        type Words = Option<String>;
        let rows: Vec<(i64, Words, Words, Words)> = customers::table
            .order(customers::external_id)
            .select((customers::id, customers::external_id, customers::name, customers::city))
            .load(conn)?;
        rows.into_iter()
            .map(|(id, key, name, city)| {
                let mut tags: Vec<String> = taggings::table
                    .inner_join(tags::table)
                    .filter(taggings::customer_id.eq(id))
                    .select(tags::name)
                    .load(conn)?;
                tags.sort();
                let words = [key, name, city, Some(tags.join("+"))].map(Option::unwrap_or_default);
                Ok(words.join(" ").trim_end().to_string())
            })
            .collect()
    })
    .unwrap()
}

fn consent(db: &Db, external_id: &str) -> Option<String> {
    db.read_now::<_, Trouble>(|conn| {
        Ok(consents::table
            .filter(
                consents::customer_id.eq_any(
                    customers::table
                        .filter(customers::external_id.eq(external_id.to_string()))
                        .select(customers::id)
                        .load::<i64>(conn)?,
                ),
            )
            .filter(consents::channel.eq("email"))
            .select(consents::state)
            .first(conn)
            .optional()?)
    })
    .unwrap()
}

#[test]
fn every_line_of_the_shop_is_accounted_for_and_again_changes_nothing() {
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/customers-2k.csv")).unwrap();
    for_each_database(|db| {
        let first = import_bytes(&db, &file, |_| {});
        assert_eq!((first.sums(), first.totals.lines()), ([2000, 0, 0, 0, 0, 0], 2001));
        let again = import_bytes(&db, &file, |_| {});
        assert_eq!((again.sums(), again.totals.lines()), ([0, 0, 2000, 0, 0, 0], 2001));
        let actors: Vec<(String, String, Option<i64>)> = db
            .read_now::<_, Trouble>(|conn| {
                Ok(taggings::table
                    .select((taggings::actor, taggings::source, taggings::source_id))
                    .distinct()
                    .load(conn)?)
            })
            .unwrap();
        assert_eq!(actors, [("command line".into(), "import".into(), Some(1))]);
    });
}

#[test]
fn each_kind_of_line_ends_in_one_way() {
    for_each_database(|db| {
        let done = import(
            &db,
            "\nexternal_id,name,email,tags\n\
             1,Ana,ana@example.com, vip \n\
             ,,,\n\
             2,Bo,bo@example,VIP\n\
             3,\"Cy\nof two lines\",cy@example.com,VIP;Wholesale\n\
             4,Di\n\
             1,Ana,ana@example.com,VIP\n\
             5,Eva,eva@example.com,Vip;VIP",
        );
        assert_eq!(done.sums(), [3, 0, 1, 0, 2, 2]);
        assert_eq!(done.totals.lines(), 9);
        let reasons = done.reasons();
        assert!(reasons[0].starts_with("5 email: "), "{reasons:?}");
        assert_eq!(reasons[1], "8 : This line has 2 cells, the header has 4.");
        assert_eq!(done.rejected[0].record, r#"["2","Bo","bo@example","VIP"]"#);
        let notes: Vec<String> = done.notes.iter().map(|note| format!("{} {}", note.line, note.reason)).collect();
        assert_eq!(notes, ["9 Same as line 3."]);
        // Written first with spaces and in lower case: all three spellings are one tag.
        assert_eq!(everybody(&db), ["1 Ana  vip", "3 Cy of two lines  Wholesale+vip", "5 Eva  vip"]);
    });
}

#[test]
fn a_line_that_means_two_customers_is_rejected() {
    for_each_database(|db| {
        let people = world(&db);
        let done = import(&db, "email,phone,city\nana@example.com,+4740001234,Rio\nbo@example.org,,Oslo\n");
        assert_eq!(done.sums(), [0, 1, 0, 0, 1, 0]);
        assert_eq!(done.reasons(), [format!("2 phone: Matches #{} by email and #{} by phone.", people.ana, people.cy)]);
        // Matched by email alone, the phone is still somebody else's.
        let done =
            import_with(&db, "email,phone\nana@example.com,+4740001234\n", |plan| plan.match_by = vec![Key::Email]);
        assert_eq!(done.reasons(), [format!("2 phone: This phone belongs to #{} already.", people.cy)]);
    });
}

#[test]
fn the_same_key_again_updates_and_says_so() {
    for_each_database(|db| {
        let mut text = String::from("external_id,city,tags\n7,Oslo,A\n7,Bergen,B\n");
        // Far enough for another batch.
        (100..2_400).for_each(|n| text.push_str(&format!("{n},Oslo,\n")));
        text.push_str("7,Oslo,-A\n");
        let done = import(&db, &text);
        assert_eq!(done.sums(), [2301, 2, 0, 0, 0, 0]);
        let notes: Vec<String> = done.notes.iter().map(|note| format!("{} {}", note.line, note.reason)).collect();
        assert_eq!(notes, ["3 Same as line 2.", "2304 Same as line 3."]);
        assert!(everybody(&db).contains(&"7  Oslo B".to_string()));
    });
}

#[test]
fn modes_leave_out_what_they_should() {
    for_each_database(|db| {
        world(&db);
        let text = "external_id,name,city,tags\nc1,Anna,Rio,New\nc3,Cynthia,Oslo,New\nc9,Nine,Lund,New\n";
        let modes = |mode: Mode| import_with(&db, text, |plan| plan.mode = mode).sums();
        assert_eq!(modes(Mode::Tags), [0, 2, 0, 1, 0, 0]);
        assert_eq!(everybody(&db)[0], "c1 Ana São Paulo New+VIP");
        assert_eq!(modes(Mode::FillEmpty), [0, 1, 1, 1, 0, 0]);
        assert_eq!(everybody(&db)[2], "c3 Cy Oslo New+VIP+Wholesale");
        assert_eq!(modes(Mode::Update), [0, 2, 0, 1, 0, 0]);
        assert_eq!(modes(Mode::Create), [1, 0, 0, 2, 0, 0]);
        assert_eq!(modes(Mode::CreateUpdate), [0, 0, 3, 0, 0, 0]);
    });
}

#[test]
fn cells_leave_alone_clear_and_replace() {
    for_each_database(|db| {
        world(&db);
        assert_eq!(import(&db, "external_id,city,tags\nc1,,\nc2,(clear),\nc3,,(clear)\n").sums(), [0, 2, 1, 0, 0, 0]);
        assert_eq!(everybody(&db)[..3], ["c1 Ana São Paulo VIP", "c2 Bo  VIP-old+Wholesale", "c3 Cy"]);
        let replace = |plan: &mut Plan| plan.tags = TagMode::Replace;
        assert_eq!(import_with(&db, "external_id,tags\nc2,VIP;Press\nc1,VIP\n", replace).sums(), [0, 1, 1, 0, 0, 0]);
        let remove = |plan: &mut Plan| (plan.tags, plan.tag) = (TagMode::Remove, vec!["Batch 9".into()]);
        assert_eq!(import_with(&db, "external_id,tags\nc2,press;nobody has this\n", remove).sums(), [0, 1, 0, 0, 0, 0]);
        assert_eq!(everybody(&db)[1], "c2 Bo  Batch 9+VIP");
        let reject = |plan: &mut Plan| plan.unknown_tags = Unknown::Reject;
        let done = import_with(&db, "external_id,tags\nc1,VPI\nc2,Wholesale\n", reject);
        assert_eq!(done.reasons(), ["2 tags: There is no tag called VPI."]);
        assert_eq!(done.totals.updated, 1);
        assert!(import(&db, "external_id,created_at\nc1,(clear)\n").reasons()[0].contains("cannot be cleared"));
    });
}

#[test]
fn nobody_is_opted_in_without_proof() {
    for_each_database(|db| {
        let text = "external_id,email_consent\n1,yes\n2,no\n3,unknown\n";
        let done = import(&db, text);
        assert_eq!((done.sums(), done.notes.len()), ([3, 0, 0, 0, 0, 0], 1));
        assert!(done.notes[0].reason.contains("no proof"), "{}", done.notes[0].reason);
        assert_eq!((consent(&db, "1"), consent(&db, "2").as_deref()), (None, Some("opted_out")));
        let proof = |plan: &mut Plan| plan.consent_proof = Some("signed forms of May".into());
        assert_eq!(import_with(&db, text, proof).sums(), [0, 1, 2, 0, 0, 0]);
        assert_eq!(consent(&db, "1").as_deref(), Some("opted_in"));
        assert_eq!(import(&db, "external_id,email_consent\n1,0\n2,unknown\n").sums(), [0, 2, 0, 0, 0, 0]);
        assert_eq!((consent(&db, "1").as_deref(), consent(&db, "2")), (Some("opted_out"), None));
    });
}

#[test]
fn cells_are_read_as_they_were_meant() {
    for_each_database(|db| {
        let done = import(
            &db,
            "external_id;name;phone;tags;country\n1;'=1+1;'+46 70 123 45 67; vip ;Sweden\n2;'(clear);5.51E+12;;\n\
             3;x;;'-y;Atlantis\n4;'@home;;;\n",
        );
        assert_eq!(done.sums(), [2, 0, 0, 0, 2, 0]);
        assert!(done.reasons()[0].contains("3 phone: A spreadsheet shortened this number"), "{:?}", done.reasons());
        assert_eq!(everybody(&db), ["1 =1+1  vip", "4 @home"]);
        let phone: Option<String> = db
            .read_now::<_, Trouble>(|conn| {
                Ok(customers::table.order(customers::external_id).select(customers::phone).first(conn)?)
            })
            .unwrap();
        assert_eq!(phone.as_deref(), Some("+46701234567"));
    });
}

#[test]
fn encodings_and_delimiters_make_no_difference() {
    let text = "external_id;name;city\r\n1;Zoë;Göteborg\r\n2;\"O;Brien\";Tønsberg\r\n";
    let wide = |text: &str| -> Vec<u8> {
        std::iter::once(0xfeff_u16).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    for_each_database(|db| {
        let western = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
        let tabs = text.replace("O;Brien", "O|Brien").replace(';', "\t").replace("O|Brien", "O;Brien");
        for bytes in [text.as_bytes().to_vec(), western, wide(text), tabs.into_bytes()] {
            import_bytes(&db, &bytes, |_| {});
            assert_eq!(everybody(&db), ["1 Zoë Göteborg", "2 O;Brien Tønsberg"]);
        }
        assert_eq!(everybody(&db).len(), 2);
    });
}

#[test]
fn a_quotation_mark_left_open_over_five_mebibytes_costs_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let db = sqlite(folder.path());
    let mut text = String::from("external_id,name\n1,\"open\n");
    let long = "x".repeat(150);
    (2..40_000).for_each(|n| text.push_str(&format!("{},{long}\n", 2 + n % 10)));
    assert!(text.len() > 5 << 20);
    let done = import(&db, &text);
    assert_eq!((done.totals.rejected, done.totals.created, done.totals.unchanged), (1, 10, 39_988));
}

#[test]
fn customers_without_a_key_are_made_and_it_is_told() {
    for_each_database(|db| {
        let done = import(&db, "name,city\nJo,Oslo\nJo,Oslo\n");
        assert_eq!((done.sums(), done.notes.len()), ([2, 0, 0, 0, 0, 0], 2));
        // With Muster's own id she is recognised.
        assert_eq!(import(&db, "id,name,city\n1,Jo,Oslo\n2,Joanna,Oslo\n").sums(), [0, 1, 1, 0, 0, 0]);
        assert_eq!(import(&db, "id,external_id,name\n1,K1,Kim\n").sums(), [1, 0, 0, 0, 0, 0]);
        let by_id = |plan: &mut Plan| plan.match_by = vec![Key::Id];
        let done = import_with(&db, "id,name\n1,Jo Ann\n99,Nobody\n", by_id);
        assert_eq!(done.reasons(), ["3 id: There is no customer #99."]);
        assert_eq!(done.totals.updated, 1);
    });
}

#[test]
fn keys_may_change_hands_within_a_file() {
    for_each_database(|db| {
        import(&db, "external_id,email\n1,a@example.com\n2,b@example.com\n");
        // The first gives up her address, the second takes it; then they swap back.
        let by_id = |plan: &mut Plan| plan.match_by = vec![Key::ExternalId];
        let text = "external_id,email\n1,(clear)\n2,a@example.com\n1,b@example.com\n";
        assert_eq!(import_with(&db, text, by_id).sums(), [0, 3, 0, 0, 0, 0]);
        let text = "external_id,email\n1,c@example.com\n2,b@example.com\n1,a@example.com\n";
        assert_eq!(import_with(&db, text, by_id).sums(), [0, 3, 0, 0, 0, 0]);
    });
}

#[test]
fn two_imports_at_once_make_everybody_once() {
    for_each_database(|db| {
        let both: Vec<Done> = std::thread::scope(|scope| {
            let file = |order: Vec<u32>| {
                let mut text = String::from("external_id,email,tags\n");
                order.iter().for_each(|n| text.push_str(&format!("K{n},p{n}@example.com,Both\n")));
                text
            };
            let one = file((0..3_000).collect());
            let other = file((0..3_000).rev().collect());
            let db = &db;
            let running =
                [one, other].map(|text| scope.spawn(move || import_beside_others(Subject::Customers, db, &text)));
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let created: i64 = both.iter().map(|done| done.totals.created).sum();
        assert_eq!((created, everybody(&db).len()), (3_000, 3_000));
        for done in both {
            assert_eq!((done.totals.lines(), done.totals.rejected), (3_001, 0));
        }
    });
}

#[test]
fn a_line_that_names_nobody_makes_nobody() {
    for_each_database(|db| {
        let done = import(&db, "tags,name,city\nVIP,,Oslo\n,Ana,\n");
        assert_eq!((done.totals.created, done.totals.rejected), (1, 1));
        assert!(done.reasons()[0].contains("names nobody"), "{:?}", done.reasons());
    });
}

/// The database takes offence at the second of two rows, long after the import has begun to write many steps at once: those
/// before it in its transaction are taken back with it, and written again.
#[test]
fn a_line_that_the_database_refuses_takes_no_other_with_it() {
    const ODD: &str = "CREATE UNIQUE INDEX odd ON customers \
                       ((CASE WHEN email IN ('n100@odd.example', 'n39000@odd.example') THEN 1 END))";
    let line = |n: i64| format!("n{n}@odd.example,Name {n},VIP;T{}\n", n % 7);
    let text = format!("email,name,tags\n{}", (0..40_000).map(line).collect::<String>());
    for_each_database(|db| {
        db.write_now::<_, Trouble>(|conn| Ok(diesel::sql_query(ODD).execute(conn).map(drop)?)).unwrap();
        let done = import_beside_others(Subject::Customers, &db, &text);
        assert_eq!(done.sums(), [39_999, 0, 0, 0, 1, 0]);
        assert_eq!(done.reasons(), ["39002 : The database would not take this line."]);
        let carried = db.read_now::<_, Trouble>(|conn| Ok(taggings::table.count().get_result::<i64>(conn)?)).unwrap();
        assert_eq!(carried, 2 * 39_999, "each with both of her tags");
    });
}
