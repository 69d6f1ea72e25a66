//! Taking an import back: whoever it made goes, whatever it changed is again as it was, and what was changed since is left
//! and told.

use crate::support::imports::{import, import_about, import_purchases, import_with};
use crate::support::{for_each_database, world, world_with_fields};
use diesel::prelude::*;
use muster::agents::Caller;
use muster::db::schema::{consents, custom_values, customers, import_remarks, imports, purchases, taggings, tags};
use muster::db::{Conn, Db, Trouble};
use muster::imports::plan::TagMode;
use muster::imports::{Import, State, Subject, work};
use muster::workspace::Workspace;
use std::collections::BTreeSet;

/// Everything about everybody, in words; without when it was changed last, which an undoing does change.
fn everything(db: &Db) -> BTreeSet<String> {
    db.read_now::<_, Trouble>(|conn| {
        let mut all = BTreeSet::new();
        type Person = (i64, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);
        let people: Vec<Person> = customers::table
            .select((
                customers::id,
                customers::name,
                customers::email,
                customers::phone,
                customers::external_id,
                customers::city,
            ))
            .load(conn)?;
        all.extend(people.iter().map(|person| format!("{person:?}")));
        let sums: Vec<(i64, i64, i64)> =
            customers::table.select((customers::id, customers::purchase_count, customers::total_spent)).load(conn)?;
        all.extend(sums.iter().map(|sums| format!("sums {sums:?}")));
        let carried: Vec<(i64, String, String, String)> = taggings::table
            .inner_join(tags::table)
            .select((taggings::customer_id, tags::name, taggings::actor, taggings::source))
            .load(conn)?;
        all.extend(carried.iter().map(|tagging| format!("tagging {tagging:?}")));
        let said: Vec<(i64, String, String)> =
            consents::table.select((consents::customer_id, consents::channel, consents::state)).load(conn)?;
        all.extend(said.iter().map(|consent| format!("consent {consent:?}")));
        type Own = (i64, i64, String, Option<String>, Option<i64>);
        let own: Vec<Own> = custom_values::table.select(custom_values::all_columns).load(conn)?;
        all.extend(own.iter().map(|value| format!("value {value:?}")));
        let names: Vec<String> = tags::table.select(tags::name).load(conn)?;
        all.extend(names.iter().map(|name| format!("tag {name}")));
        let bought: Vec<(Option<String>, i64, i64)> =
            purchases::table.select((purchases::external_id, purchases::customer_id, purchases::amount)).load(conn)?;
        all.extend(bought.iter().map(|purchase| format!("purchase {purchase:?}")));
        Ok(all)
    })
    .expect("everything can be read")
}

fn undo(db: &Db, id: i64) -> Import {
    db.write_now::<_, Trouble>(|conn| {
        let import = Import::find(id, conn)?.expect("it is there");
        let clock = Workspace::load(conn)?.clock();
        import.undo(&Caller::command_line(), &clock, conn)?.expect("it can be undone");
        Ok(())
    })
    .expect("it begins");
    work::now(id, db).expect("it works");
    let import = db.read_now::<_, Trouble>(|conn| Ok(Import::find(id, conn)?.expect("it is there"))).expect("read");
    assert_eq!(import.state, State::Undone);
    import
}

/// `line column: reason` of what was left as it is.
fn left(db: &Db, id: i64) -> Vec<String> {
    db.read_now::<_, Trouble>(|conn| {
        let rows: Vec<(i64, String, String)> = import_remarks::table
            .filter(import_remarks::import_id.eq(id))
            .filter(import_remarks::outcome.eq("kept"))
            .order(import_remarks::line)
            .select((import_remarks::line, import_remarks::column_name, import_remarks::reason))
            .load(conn)?;
        Ok(rows.into_iter().map(|(line, column, reason)| format!("{line} {column}: {reason}")).collect())
    })
    .expect("remarks can be read")
}

fn write(db: &Db, work: impl FnOnce(&mut Conn)) {
    db.write_now::<_, Trouble>(|conn| {
        work(conn);
        Ok(())
    })
    .expect("it is written");
}

#[test]
fn an_import_is_taken_back_to_the_last_field_and_tag() {
    for_each_database(|db| {
        world_with_fields(&db);
        let before = everything(&db);
        let done = import_about(
            Subject::Customers,
            &db,
            "external_id,name,email,city,tags,plan,email_opt_in\n\
             c1,Anna,ana@example.com,Rio,New;-VIP,gold,no\n\
             c2,,,(clear),,(clear),\n\
             n1,Nia,nia@example.com,Oslo,VIP;New,free,no\n\
             n2,Ole,ole@example.com,Bergen,,,\n\
             n1,Nia Berg,,,-New,gold,yes\n\
             c1,,anna@example.org,Lund,Late,,\n"
                .as_bytes(),
            |plan, fields| {
                plan.map("plan=custom.plan", fields).expect("there is such a field");
                plan.consent_proof = Some("a form".into());
            },
        );
        assert_eq!(done.sums(), [2, 4, 0, 0, 0, 0]);
        assert_ne!(everything(&db), before);
        let taken = undo(&db, done.id);
        assert_eq!((taken.restored, taken.kept, left(&db, done.id)), (6, 0, Vec::new()));
        let after = everything(&db);
        assert_eq!(
            after.symmetric_difference(&before).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "all is as it was, tags with who gave them"
        );
        let again = db
            .write_now::<_, Trouble>(|conn| {
                let clock = Workspace::load(conn)?.clock();
                Ok(taken.undo(&Caller::command_line(), &clock, conn)?)
            })
            .expect("it is answered");
        assert!(again.is_err_and(|why| why.contains("undid this import already")));
        // The same file once more finds the world as it was the first time.
        let once_more = import(&db, "external_id,name\nn1,Nia\n");
        assert_eq!(once_more.sums(), [1, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn what_was_changed_since_stays_and_is_told() {
    for_each_database(|db| {
        let people = world(&db);
        let done = import(
            &db,
            "external_id,name,city,tags\n\
             c1,Anna,Rio,New\n\
             n1,Nia,Oslo,\n\
             n2,Ole,Oslo,\n\
             n3,Pia,Oslo,\n\
             n4,Quin,Oslo,\n\
             c2,Bob,Lund,\n",
        );
        assert_eq!(done.sums(), [4, 2, 0, 0, 0, 0]);
        let later = chrono::Utc::now().naive_utc();
        write(&db, |conn| {
            diesel::update(customers::table.find(people.ana))
                .set((customers::city.eq("Faro"), customers::city_folded.eq("faro")))
                .execute(conn)
                .expect("she moves");
            diesel::delete(taggings::table.filter(taggings::customer_id.eq(people.ana)))
                .execute(conn)
                .expect("she loses her tags");
            let theirs = customers::table.filter(customers::external_id.eq("n1"));
            diesel::update(theirs)
                .set((customers::city.eq("Faro"), customers::updated_at.eq(later)))
                .execute(conn)
                .expect("he moves");
            diesel::delete(customers::table.filter(customers::external_id.eq("n4"))).execute(conn).expect("he goes");
        });
        import_purchases(&db, "customer_external_id,amount,purchased_at\nn2,5,2026-01-01\n");
        let taken = undo(&db, done.id);
        assert_eq!(
            left(&db, done.id),
            [
                "2 City: It was changed since.",
                "2 Tags: New was taken away or given anew since.",
                "3 : She was changed since, so she stays.",
                "4 : She has bought something since, so she stays.",
                "6 : She was deleted since.",
            ]
        );
        assert_eq!((taken.restored, taken.kept), (2, 4));
        let names: Vec<Option<String>> = db
            .read_now::<_, Trouble>(|conn| {
                Ok(customers::table.order(customers::id).select(customers::name).load(conn)?)
            })
            .expect("names");
        let names: Vec<String> = names.into_iter().flatten().collect();
        assert!(names.contains(&"Nia".to_string()) && names.contains(&"Ole".to_string()), "{names:?}");
        assert!(!names.contains(&"Pia".to_string()) && !names.contains(&"Anna".to_string()), "{names:?}");
    });
}

#[test]
fn keys_that_changed_hands_go_back_unless_somebody_has_them_now() {
    for_each_database(|db| {
        import(&db, "external_id,email\na,one@example.com\nb,two@example.com\nc,three@example.com\n");
        let before = everything(&db);
        // A gives hers up for a new one, B takes it.
        let done =
            import_with(&db, "external_id,email\na,new@example.com\nb,one@example.com\nc,four@example.com\n", |plan| {
                plan.match_by = vec![muster::imports::plan::Key::ExternalId];
            });
        assert_eq!(done.sums(), [0, 3, 0, 0, 0, 0], "{:?}", done.reasons());
        undo(&db, done.id);
        assert_eq!(everything(&db), before);
        let done = import_with(&db, "external_id,email\na,new@example.com\n", |plan| {
            plan.match_by = vec![muster::imports::plan::Key::ExternalId];
        });
        import(&db, "external_id,email\nd,one@example.com\n");
        undo(&db, done.id);
        let left = left(&db, done.id);
        assert!(
            left.len() == 1 && left[0].starts_with("2 Email: #") && left[0].ends_with("has her email now."),
            "{left:?}"
        );
    });
}

#[test]
fn replaced_tags_and_purchases_come_back_and_go() {
    for_each_database(|db| {
        world(&db);
        let before = everything(&db);
        let tagged = import_with(&db, "external_id,tags\nc1,Only\nc2,Only;VIP\n", |plan| plan.tags = TagMode::Replace);
        let bought = import_purchases(
            &db,
            "external_id,customer_external_id,amount,purchased_at\nx1,c1,5,2026-01-01\nx2,c2,7,2026-01-02\nx1,c1,5,2026-01-01\n",
        );
        assert_eq!(bought.sums(), [2, 0, 1, 0, 0, 0]);
        let taken = undo(&db, bought.id);
        assert_eq!((taken.restored, taken.kept), (2, 0));
        undo(&db, tagged.id);
        let after = everything(&db);
        assert_eq!(after.symmetric_difference(&before).collect::<Vec<_>>(), Vec::<&String>::new());
    });
}

#[test]
fn undoing_goes_on_after_its_process_is_gone() {
    for_each_database(|db| {
        world(&db);
        let before = everything(&db);
        let mut text = String::from("external_id,city,tags\n");
        (0..700).for_each(|n| text.push_str(&format!("n{n},Oslo,New\n")));
        let done = import(&db, &text);
        write(&db, |conn| {
            let import = Import::find(done.id, conn).expect("read").expect("it is there");
            let clock = Workspace::load(conn).expect("settings").clock();
            import.undo(&Caller::command_line(), &clock, conn).expect("asked").expect("it can be undone");
            // Somebody held it, and went away.
            assert!(Import::hold(done.id, "gone", conn).expect("held"));
        });
        work::now(done.id, &db).expect("asked");
        assert_ne!(everything(&db), before, "it is held by another");
        write(&db, |conn| {
            let past = chrono::Utc::now().naive_utc() - chrono::TimeDelta::seconds(1);
            diesel::update(imports::table.find(done.id)).set(imports::held_until.eq(past)).execute(conn).expect("aged");
        });
        work::now(done.id, &db).expect("it works");
        assert_eq!(everything(&db), before);
    });
}
