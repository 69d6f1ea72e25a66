//! The big list of naughty strings (Max Woolf, MIT licence beside it) goes in as names, cities, custom texts, tags and
//! external ids, leaves, and comes back without a change.

use crate::support::command::muster;
use crate::support::for_each_database;
use crate::support::imports::import_bytes;
use diesel::prelude::*;
use muster::custom_fields::{self, CustomField};
use muster::customers::clean;
use muster::db::schema::{custom_values, customers, taggings, tags};
use muster::db::{Db, Trouble};
use muster::imports::cells::guarded;
use muster::imports::columns::one_line;
use muster::tags::Tag;
use std::collections::{BTreeMap, BTreeSet};

fn strings() -> Vec<String> {
    let file = include_str!("../data/naughty-strings.json");
    let strings: Vec<String> = serde_json::from_str(file).expect("a list of strings");
    assert!(strings.len() > 500);
    strings
}

/// What a customer has: name, city, custom text and tags.
type Has = (Option<String>, Option<String>, Option<String>, Vec<String>);

/// Everybody, by external id.
fn everybody(db: &Db) -> BTreeMap<String, Has> {
    db.read_now::<_, Trouble>(|conn| {
        type Row = (i64, Option<String>, Option<String>, Option<String>);
        let rows: Vec<Row> = customers::table
            .select((customers::id, customers::external_id, customers::name, customers::city))
            .load(conn)?;
        let mut all = BTreeMap::new();
        for (id, external_id, name, city) in rows {
            let mut carried: Vec<String> = taggings::table
                .inner_join(tags::table)
                .filter(taggings::customer_id.eq(id))
                .select(tags::name)
                .load(conn)?;
            carried.sort();
            let text = custom_values::table
                .filter(custom_values::customer_id.eq(id))
                .select(custom_values::value)
                .first(conn)
                .optional()?;
            all.insert(external_id.expect("everybody has one"), (name, city, text, carried));
        }
        Ok(all)
    })
    .expect("everybody")
}

/// A file as a spreadsheet writes it.
fn csv(header: &[&str], rows: &[Vec<String>]) -> Vec<u8> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(header).expect("a header");
    for row in rows {
        out.write_record(row.iter().map(|cell| guarded(cell).into_owned())).expect("a line");
    }
    out.into_inner().expect("a file")
}

fn add_field(db: &Db) -> CustomField {
    let wish =
        custom_fields::Wish { key: "words".into(), label: "Words".into(), kind: "text".into(), choices: String::new() };
    let at = crate::support::clock().stamp();
    db.write_now::<_, Trouble>(|conn| Ok(CustomField::create(&wish, conn, at).expect("a field"))).expect("a field")
}

/// The tag's name as it is kept, where it may be one.
fn tag(text: &str) -> Option<String> {
    Tag::clean(text).ok()
}

#[test]
fn naughty_strings_go_in_and_out_and_in_again_without_a_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all.csv");
    let file = file.to_str().expect("a path");
    for_each_database(|db| {
        let field = add_field(&db);
        let (mut rows, mut meant) = (Vec::new(), BTreeMap::<String, Has>::new());
        // Of several spellings of one tag the first is its name.
        let mut names = BTreeMap::<String, String>::new();
        let mut spelled = |text: &str| {
            let name = tag(text)?;
            Some(names.entry(muster::fold::key(&name)).or_insert(name).clone())
        };
        for (n, text) in strings().iter().enumerate() {
            let key = format!("n{n}");
            let line = one_line(text);
            let name = clean::text(&line, clean::NAME);
            let own = field.clean(&line);
            let (in_name, in_own) = (name.is_ok(), own.is_ok());
            let tag = spelled(text);
            let cell = |fits: bool| if fits { text.clone() } else { String::new() };
            rows.push(vec![key.clone(), cell(in_name), cell(in_name), cell(in_own), cell(tag.is_some())]);
            let name = name.unwrap_or_default();
            let own = own.ok().flatten().map(|value| value.text);
            meant.insert(key, (name.clone(), name, own, tag.into_iter().collect()));
        }
        let all: BTreeSet<String> = strings().iter().filter_map(|text| spelled(text)).collect();
        let joined = all.iter().cloned().collect::<Vec<_>>().join(";");
        rows.push(vec!["all".into(), String::new(), String::new(), String::new(), joined]);
        meant.insert("all".into(), (None, None, None, all.into_iter().collect()));
        let done = import_bytes(&db, &csv(&["external_id", "name", "city", "custom.words", "tags"], &rows), |_| {});
        assert_eq!(done.sums(), [rows.len() as i64, 0, 0, 0, 0, 0], "{:#?}", done.reasons());

        let keys: BTreeSet<String> = strings().iter().filter_map(|text| clean::external_id(text).ok()?).collect();
        assert!(keys.len() > 400, "{}", keys.len());
        let rows: Vec<Vec<String>> = keys.iter().map(|key| vec![key.clone()]).collect();
        let done = import_bytes(&db, &csv(&["external_id"], &rows), |_| {});
        assert_eq!(done.sums(), [rows.len() as i64, 0, 0, 0, 0, 0], "{:#?}", done.reasons());
        meant.extend(keys.into_iter().map(|key| (key, (None, None, None, Vec::new()))));

        let before = everybody(&db);
        for (key, has) in &meant {
            assert_eq!(before.get(key), Some(has), "{key}");
        }
        assert_eq!(before.len(), meant.len());
        assert!(muster(&db, &["export", "--out", file]).status.success());
        let exported = std::fs::read(file).expect("an export");
        let done = import_bytes(&db, &exported, |_| {});
        assert_eq!(done.sums(), [0, 0, meant.len() as i64, 0, 0, 0], "{:#?}", done.reasons());
        assert!(everybody(&db) == before);
        assert!(muster(&db, &["export", "--out", file]).status.success());
        assert!(std::fs::read(file).expect("an export") == exported, "what leaves is the same again");
    });
}

#[test]
fn what_may_not_be_kept_rejects_its_line_and_says_why() {
    for_each_database(|db| {
        let field = add_field(&db);
        let mut rows = Vec::new();
        for text in strings() {
            let line = one_line(&text);
            let cells = [
                (clean::external_id(&text).is_err(), 0),
                (clean::text(&line, clean::NAME).is_err(), 1),
                (field.clean(&line).is_err(), 2),
                (!text.contains(';') && !text.trim().is_empty() && tag(text.trim_start_matches('-')).is_none(), 3),
                (!text.trim().is_empty() && clean::email(&text).is_err(), 4),
                (!text.trim().is_empty() && clean::phone(&text, None).is_err(), 5),
            ];
            for (_, at) in cells.into_iter().filter(|(wrong, _)| *wrong) {
                let mut row = vec![String::new(); 6];
                row[at].clone_from(&text);
                rows.push(row);
            }
        }
        assert!(rows.len() > 900, "{}", rows.len());
        let header = ["external_id", "name", "custom.words", "tags", "email", "phone"];
        let done = import_bytes(&db, &csv(&header, &rows), |_| {});
        let (rejected, blank) = (done.totals.rejected, done.totals.blank);
        assert_eq!((rejected + blank, done.totals.lines()), (rows.len() as i64, rows.len() as i64 + 1));
        assert!(done.rejected.iter().all(|remark| !remark.reason.contains("database")), "{:#?}", done.reasons());
        assert!(everybody(&db).is_empty());
    });
}
