//! What the cells of a file may say, and what they then mean.

use crate::support::imports::{import, import_purchases, import_with};
use crate::support::{for_each_database, world};
use diesel::prelude::*;
use muster::customers::Customer;
use muster::db::schema::{consents, customers};
use muster::db::{Db, Trouble};
use muster::imports::Plan;
use muster::workspace::Workspace;

fn workspace(db: &Db, workspace: Workspace) {
    db.write_now::<_, Trouble>(|conn| Ok(workspace.save(conn)?)).expect("a workspace");
}

fn customer(db: &Db, external_id: &str) -> Customer {
    db.read_now::<_, Trouble>(|conn| {
        Ok(customers::table.filter(customers::external_id.eq(external_id)).select(Customer::as_select()).first(conn)?)
    })
    .unwrap_or_else(|error| panic!("{external_id}: {error}"))
}

/// `sms opted_out` of somebody, in order.
fn consents_of(db: &Db, external_id: &str) -> String {
    let id = customer(db, external_id).id;
    let mut rows: Vec<(String, String)> = db
        .read_now::<_, Trouble>(|conn| {
            Ok(consents::table
                .filter(consents::customer_id.eq(id))
                .select((consents::channel, consents::state))
                .load(conn)?)
        })
        .expect("her consents");
    rows.sort();
    rows.into_iter().map(|(channel, state)| format!("{channel} {state}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn consent_is_said_in_several_words_and_given_only_with_proof() {
    let yes = ["true", "yes", "1", "opted in", "TRUE", " Yes ", "Opted In"];
    let no = ["false", "no", "0", "opted out", "FALSE", "No", "OPTED OUT"];
    let mut text = String::from("external_id,email_consent,sms_consent,whatsapp_consent\n");
    for (n, (yes, no)) in yes.iter().zip(no).enumerate() {
        text.push_str(&format!("k{n},{yes},{no},unknown\n"));
    }
    let all = yes.len() as i64;
    for_each_database(|db| {
        let done = import(&db, &text);
        assert_eq!((done.sums(), done.notes.len() as i64), ([all, 0, 0, 0, 0, 0], all));
        for (n, note) in done.notes.iter().enumerate() {
            let told = (note.line, note.column_name.as_str(), note.reason.as_str());
            assert_eq!(told, (n as i64 + 2, "email_consent", "Not opted in: no proof of consent was given."));
            assert_eq!(consents_of(&db, &format!("k{n}")), "sms opted_out");
        }
        let proof = |plan: &mut Plan| plan.consent_proof = Some("signed forms".into());
        let done = import_with(&db, &text, proof);
        assert_eq!((done.sums(), done.notes.len()), ([0, all, 0, 0, 0, 0], 0));
        (0..all).for_each(|n| assert_eq!(consents_of(&db, &format!("k{n}")), "email opted_in, sms opted_out"));
        assert_eq!(import(&db, "external_id,email_consent,sms_consent\nk0,(clear),unknown\n").totals.updated, 1);
        assert_eq!(consents_of(&db, "k0"), "");
        let done = import(&db, "external_id,email_consent\nk1,perhaps\nk2,\n");
        assert_eq!(done.sums(), [0, 0, 1, 0, 1, 0]);
        assert_eq!(
            done.reasons(),
            ["2 email_consent: “perhaps” is not a consent. Write opted in, opted out or unknown."]
        );
    });
}

#[test]
fn times_are_rfc_3339_and_a_date_alone_is_midnight_where_the_business_is() {
    for_each_database(|db| {
        workspace(&db, Workspace { zone: chrono_tz::America::Sao_Paulo, ..Workspace::default() });
        let done = import(
            &db,
            "external_id,created_at,last_seen_at\nk1,2025-12-31,2026-01-31T14:30:00Z\nk2,2018-11-04,2026-01-31T14:30:00.25+05:30\n\
             k3,2025-12-31 14:30,\nk4,,2025-02-30\nk5,31.12.2025,\nk6,,1850-01-01\n",
        );
        assert_eq!(done.sums(), [2, 0, 0, 0, 4, 0], "{:?}", done.reasons());
        let times = |key: &str| {
            let her = customer(&db, key);
            (her.created_at.to_string(), her.last_seen_at.map(|at| at.to_string()).unwrap_or_default())
        };
        assert_eq!(times("k1"), ("2025-12-31 03:00:00".into(), "2026-01-31 14:30:00".into()));
        // Clocks jumped from 00:00 to 01:00 that night.
        assert_eq!(times("k2"), ("2018-11-04 03:00:00".into(), "2026-01-31 09:00:00.250".into()));
        let wrong = "is not a time. Write 2026-09-07 or 2026-09-07T14:30:00Z.";
        let reasons = done.reasons();
        assert!(reasons[0].starts_with(&format!("4 created_at: “2025-12-31 14:30” {wrong}")), "{reasons:?}");
        assert!(reasons[1].starts_with(&format!("5 last_seen_at: “2025-02-30” {wrong}")), "{reasons:?}");
        assert!(reasons[2].ends_with("another order can be chosen for it."), "{reasons:?}");
        assert!(reasons[3].contains("outside the years 1900 to 2199"), "{reasons:?}");
    });
}

#[test]
fn a_phone_needs_a_length_that_is_possible_and_nothing_more() {
    let text = "external_id,phone\nk1,070-123 45 67\nk2,'+55 (11) 91234-5678\nk3,0047 40 00 12 34\nk4,+46 1\nk5,call me\n\
                k6,+46 70 000 00 00\n";
    for_each_database(|db| {
        let done = import(&db, text);
        assert_eq!(done.sums(), [3, 0, 0, 0, 3, 0]);
        assert!(done.reasons()[0].contains("Begin with + and the country code"), "{:?}", done.reasons());
        assert!(
            done.reasons()[1].contains("too short") || done.reasons()[1].contains("too few"),
            "{:?}",
            done.reasons()
        );
        assert!(done.reasons()[2].contains("digits only"), "{:?}", done.reasons());
        workspace(&db, Workspace { default_country: Some("SE".into()), ..Workspace::default() });
        let done = import(&db, text);
        assert_eq!(done.sums(), [1, 0, 3, 0, 2, 0]);
        let phones = ["k1", "k2", "k3", "k6"].map(|key| customer(&db, key).phone.unwrap_or_default());
        assert_eq!(phones, ["+46701234567", "+5511912345678", "+4740001234", "+46700000000"]);
    });
}

#[test]
fn a_number_that_a_spreadsheet_shortened_is_never_guessed() {
    let shortened = "A spreadsheet shortened this number. Enter all digits.";
    for_each_database(|db| {
        world(&db);
        let done =
            import_with(&db, "id,external_id,phone,name\n5.51E+12,,,a\n,5.51E+12,,b\n,,\"5,51E+12\",c\n", |plan| {
                plan.match_by.insert(0, muster::imports::plan::Key::Id);
            });
        let columns = ["2 id", "3 external_id", "4 phone"].map(|place| format!("{place}: {shortened}"));
        assert_eq!(done.reasons(), columns);
        let done = import_purchases(
            &db,
            "external_id,customer_external_id,customer_id,amount,purchased_at\n1E+12,c1,,5,2026-01-01\nb2,1E+12,,5,2026-01-01\n\
             b3,,1.2E+3,5,2026-01-01\n",
        );
        let columns =
            ["2 external_id", "3 customer_external_id", "4 customer_id"].map(|place| format!("{place}: {shortened}"));
        assert_eq!(done.reasons(), columns);
    });
}

#[test]
fn a_guard_is_undone_before_outer_spaces_are() {
    for_each_database(|db| {
        let done = import(
            &db,
            "external_id,name,city\nk1,'=1+1  ,'+ x\nk2,  'tis , '=left\nk3,''-two,''(clear)\nk4,'\t tab,\"two\nlines\"\n",
        );
        assert_eq!(done.sums(), [4, 0, 0, 0, 0, 0], "{:?}", done.reasons());
        let has = |key: &str| {
            let her = customer(&db, key);
            [her.name, her.city].map(Option::unwrap_or_default)
        };
        assert_eq!(has("k1"), ["=1+1", "+ x"]);
        assert_eq!(has("k2"), ["'tis", "'=left"], "a guard stands first in its cell");
        assert_eq!(has("k3"), ["'-two", "'(clear)"]);
        assert_eq!(has("k4"), ["tab", "two lines"]);
    });
}

#[test]
fn the_tags_of_a_cell_are_divided_as_chosen() {
    for_each_database(|db| {
        import(&db, "external_id,tags\nk1,Old\n");
        let commas = |plan: &mut Plan| plan.separator = ",".into();
        let done = import_with(&db, "external_id;tags\nk1;\"New, VIP ,, -Old,new\"\n", commas);
        assert_eq!(done.sums(), [0, 1, 0, 0, 0, 0]);
        let names = db.read_now::<_, Trouble>(|conn| {
            use muster::db::schema::{taggings, tags};
            let mut names: Vec<String> = taggings::table.inner_join(tags::table).select(tags::name).load(conn)?;
            names.sort();
            Ok(names)
        });
        assert_eq!(names.expect("tags"), ["New", "VIP"]);
    });
}

#[test]
fn a_column_that_is_left_out_is_never_touched_and_never_kept() {
    for_each_database(|db| {
        world(&db);
        let before = customer(&db, "c1");
        let done = import_with(&db, "external_id,name,city,Secret\nc1,Changed,(clear),keep out\n", |plan| {
            plan.map("name=-", &[]).expect("a column");
            plan.map("city=-", &[]).expect("a column");
            assert_eq!(plan.left_out(), ["name", "city", "Secret"]);
        });
        assert_eq!(done.sums(), [0, 0, 1, 0, 0, 0]);
        let after = customer(&db, "c1");
        assert_eq!((after.name, after.city), (before.name, before.city));
    });
}
