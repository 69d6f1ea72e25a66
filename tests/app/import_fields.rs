//! Custom fields in CSV files: columns find them or make them, and they leave and come back without a change.

use crate::support::command::{muster, said, told, totals};
use crate::support::imports::{Done, import, import_about, import_with};
use crate::support::{for_each_database, world_with_fields};
use muster::custom_fields::{self, CustomField};
use muster::db::{Db, Trouble};
use muster::imports::plan::Mode;
use muster::imports::{Plan, Subject};
use std::collections::HashMap;

/// What the first customer by external id has, as `key=value`, in the order of the keys.
fn values(db: &Db, external_id: &str) -> String {
    let of = db.read_now::<_, Trouble>(|conn| {
        use diesel::prelude::*;
        use muster::db::schema::customers::dsl;
        let id: i64 = dsl::customers.filter(dsl::external_id.eq(external_id)).select(dsl::id).first(conn)?;
        let names: HashMap<i64, String> =
            CustomField::all(conn)?.into_iter().map(|field| (field.id, field.key)).collect();
        let hers = custom_fields::of_customers(&[id], conn)?.remove(&id).unwrap_or_default();
        Ok(hers.into_iter().map(|(field, value)| format!("{}={value}", names[&field])).collect::<Vec<_>>())
    });
    let mut of = of.expect("her values");
    of.sort();
    of.join(" ")
}

/// Imports with `--map`.
fn import_mapped(db: &Db, text: &str, maps: &[&str]) -> Done {
    import_about(Subject::Customers, db, text.as_bytes(), |plan, fields| {
        maps.iter().for_each(|map| plan.map(map, fields).expect("it can be mapped"));
    })
}

#[test]
fn a_column_finds_its_custom_field_by_name_key_or_label() {
    for_each_database(|db| {
        world_with_fields(&db);
        let done = import(
            &db,
            "external_id,custom.plan,SPEND,Birthday,member,Size\nc1,gold,-5,1991-01-01,no,s\nc9,,7.5,,1,\n",
        );
        assert_eq!(done.sums(), [1, 1, 0, 0, 0, 0]);
        assert_eq!(values(&db, "c1"), "birthday=1991-01-01 member=no plan=gold size=S spend=-5");
        assert_eq!(values(&db, "c9"), "member=yes spend=7.5");
        // What it says is compared with what is there, not how it is written.
        let again = import(&db, "external_id,plan,spend,size\nc1,gold,-5.00,S\nc9,,7.50,\n");
        assert_eq!(again.sums(), [0, 0, 2, 0, 0, 0]);
    });
}

#[test]
fn a_column_makes_its_field_when_that_is_asked_for() {
    for_each_database(|db| {
        let maps = ["Shoe size=custom.shoe:number", "joined=custom.joined:date", "newsletter=custom.news:yes/no"];
        let text = "external_id,Shoe size,joined,newsletter\n1,42.5,2026-01-31,yes\n2,,,\n3,large,2026-02-30,perhaps\n";
        let done = import_mapped(&db, text, &maps);
        assert_eq!(done.sums(), [2, 0, 0, 0, 1, 0]);
        assert_eq!(
            done.reasons(),
            [
                "4 Shoe size: “large” is not a number. Write it like 1000 or 15.50.",
                "4 joined: “2026-02-30” is not a date. Write it like 2026-09-07.",
                "4 newsletter: “perhaps” is neither yes nor no."
            ]
        );
        assert_eq!(values(&db, "1"), "joined=2026-01-31 news=yes shoe=42.5");
        let fields = db.read_now::<_, Trouble>(|conn| Ok(CustomField::all(conn)?)).unwrap();
        let made: Vec<_> = fields.iter().map(|field| (field.label.as_str(), field.kind.words())).collect();
        assert_eq!(made, [("joined", "date"), ("newsletter", "yes/no"), ("Shoe size", "number")]);
        let mut plan = Plan::about(Subject::Customers);
        plan.propose(&["email".into(), "Shoe size".into()], &fields);
        assert_eq!(
            plan.columns.iter().flatten().map(|field| plan.key(*field)).collect::<Vec<_>>(),
            ["email", "custom.shoe"]
        );
        for (map, why) in [
            ("email=custom.shoe:text", "custom.shoe is there already and holds number, not text"),
            ("email=custom.colour", "There is no field custom.colour yet; custom.colour:text makes it"),
            ("email=custom.colour:choice", "A choice field needs its choices"),
            ("email=custom.colour:picture", "\"picture\" is none of them"),
            ("email=custom.9", "begin with a letter"),
        ] {
            let refused = plan.map(map, &fields).unwrap_err();
            assert!(refused.contains(why), "{map}: {refused}");
        }
    });
}

#[test]
fn custom_cells_leave_alone_clear_and_fill() {
    for_each_database(|db| {
        world_with_fields(&db);
        let done = import(&db, "external_id,plan,spend,member\nc1,,(clear),\nc2,(clear),,(clear)\nc3,free,1e3,\n");
        assert_eq!(done.sums(), [0, 2, 0, 0, 1, 0]);
        assert_eq!(values(&db, "c1"), "birthday=1990-09-08 member=yes plan=pro size=M");
        assert_eq!(values(&db, "c2"), "birthday=1988-02-29 size=L spend=0");
        let fill = |plan: &mut Plan| plan.mode = Mode::FillEmpty;
        assert_eq!(
            import_with(&db, "external_id,plan,spend\nc1,free,9\nc2,free,9\nc4,x,9\n", fill).sums(),
            [0, 2, 1, 0, 0, 0]
        );
        assert_eq!(values(&db, "c1"), "birthday=1990-09-08 member=yes plan=pro size=M spend=9");
        assert_eq!(values(&db, "c2"), "birthday=1988-02-29 plan=free size=L spend=0");
        let tags = |plan: &mut Plan| plan.mode = Mode::Tags;
        assert_eq!(import_with(&db, "external_id,plan,tags\nc1,x,VIP\n", tags).sums(), [0, 0, 1, 0, 0, 0]);
    });
}

#[test]
fn two_lines_about_one_customer_in_one_file_follow_each_other() {
    for_each_database(|db| {
        world_with_fields(&db);
        let text = "external_id,plan\nc1,a\nc1,b\nc1,(clear)\nc7,new\nc7,newer\n";
        assert_eq!(import(&db, text).sums(), [1, 4, 0, 0, 0, 0]);
        assert!(!values(&db, "c1").contains("plan="));
        assert_eq!(values(&db, "c7"), "plan=newer");
    });
}

#[test]
fn export_then_import_changes_nothing_custom_values_included() {
    let folder = tempfile::tempdir().unwrap();
    let (odd, all) = (folder.path().join("odd.csv"), folder.path().join("all.csv"));
    let (odd, all) = (odd.to_str().unwrap(), all.to_str().unwrap());
    // A spreadsheet's formula, quotes, guards, numbers below zero, and the word that clears.
    let text = "external_id,plan,spend\n1,'=1+1,-3\n2,''=2,0\n3,'x,'-0.000001\n4,'(clear),\n5,\"a \"\"b\"\", c\",7\n6,'-,\n7,'+,\n";
    std::fs::write(odd, text).unwrap();
    for_each_database(|db| {
        world_with_fields(&db);
        let done = muster(&db, &["import", "customers", odd, "--json"]);
        assert_eq!(totals(&done)["created"], 7, "{}", told(&done));
        assert_eq!(values(&db, "1"), "plan==1+1 spend=-3");
        assert_eq!(values(&db, "2"), "plan='=2 spend=0");
        assert_eq!(values(&db, "4"), "plan=(clear)");
        assert!(muster(&db, &["export", "--out", all]).status.success());
        let file = std::fs::read_to_string(all).unwrap();
        let head = "custom.birthday,custom.member,custom.plan,custom.size,custom.spend";
        assert!(file.lines().next().is_some_and(|line| line.ends_with(head)), "{file}");
        let again = totals(&muster(&db, &["import", "customers", all, "--json"]));
        assert_eq!((&again["unchanged"], &again["updated"], &again["rejected"]), (&12.into(), &0.into(), &0.into()));
        // Computed columns leave when they are asked for, and are listed, not read, when they come back.
        let columns =
            "external_id,custom.plan,purchase_count,total_spent,first_purchase_at,last_purchase_at,updated_at";
        assert!(muster(&db, &["export", "--columns", columns, "--out", all]).status.success());
        let again = totals(&muster(&db, &["import", "customers", all, "--json"]));
        assert_eq!((&again["unchanged"], &again["lines"]), (&12.into(), &13.into()));
        let ignored = ["purchase_count", "total_spent", "first_purchase_at", "last_purchase_at", "updated_at"];
        assert_eq!(again["not_imported"], serde_json::json!(ignored));
    });
}

#[test]
fn a_dry_run_makes_no_field() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.csv");
    std::fs::write(&file, "email,Plan,Notes\nana@example.com,pro,x\n").unwrap();
    let file = file.to_str().unwrap();
    for_each_database(|db| {
        let words = ["import", "customers", file, "--json", "--map", "Plan=custom.plan:text", "--map", "Notes=-"];
        let dry = muster(&db, &[&words[..], &["--dry-run"]].concat());
        assert_eq!(totals(&dry)["created"], 1, "{}", told(&dry));
        assert!(db.read_now::<_, Trouble>(|conn| Ok(CustomField::known(conn)?)).unwrap().is_empty());
        assert_eq!(totals(&muster(&db, &words))["created"], 1);
        assert_eq!(totals(&muster(&db, &words))["unchanged"], 1, "the field is there now and is used");
        let out = muster(&db, &["export", "--columns", "email,custom.plan"]);
        assert_eq!(said(&out), "email,custom.plan\nana@example.com,pro\n");
        let refused = muster(&db, &["import", "customers", file, "--map", "Plan=custom.plan:number"]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(told(&refused).contains("holds text, not number"), "{}", told(&refused));
    });
}
