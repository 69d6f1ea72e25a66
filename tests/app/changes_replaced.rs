//! The change log on SQLite: `OR REPLACE` takes rows away without telling their DELETE triggers, and foreign keys may be
//! switched off. Both are noticed all the same.

use crate::support::log::*;
use crate::support::*;
use muster::db::{Conn, Db, Trouble};
use muster::tags::Tag;

/// The world on SQLite, and a reader of its log.
fn on_sqlite(test: impl FnOnce(People, i64, Watch)) {
    let folder = tempfile::tempdir().unwrap();
    let db = sqlite(folder.path());
    let people = world(&db);
    let vip = tag(&db, "VIP");
    test(people, vip, Watch::over(&db));
}

fn tag(db: &Db, name: &str) -> i64 {
    db.read_now::<_, Trouble>(|conn: &mut Conn| Ok(Tag::find(name, conn)?.expect("a tag of the world").id)).unwrap()
}

const NEW: &str = "(id, name, email, phone, external_id, created_at, updated_at)";
const AT: &str = "'2026-01-01 00:00:00', '2026-01-01 00:00:00'";

#[test]
fn a_customer_who_is_replaced_is_gone_by_whichever_column() {
    on_sqlite(|people, vip, mut watch| {
        let (ana, bo, cy, eva) = (people.ana, people.bo, people.cy, people.eva);
        let replace = |values: &str| format!("INSERT OR REPLACE INTO customers {NEW} VALUES ({values}, {AT})");
        let hers =
            |who: i64, new: i64| vec![rows(&[who, new]), tagged(vip, &[who]), consented(1, &[who]), bought(&[who])];
        let told = watch.after_sql(&replace("NULL, 'X', 'ana@example.com', NULL, NULL"));
        assert_eq!(told, hers(ana, eva + 1), "by email");
        let told = watch.after_sql(&replace("NULL, 'X', NULL, '+4740001234', NULL"));
        assert_eq!(told[0], rows(&[cy, eva + 2]), "by phone");
        assert_eq!((told[1].clone(), told.last().unwrap().clone()), (tagged(vip, &[cy]), bought(&[cy])));
        let told = watch.after_sql(&replace("NULL, 'X', NULL, NULL, 'c5'"));
        assert_eq!(told, hers(eva, eva + 3), "by external id");
        let told = watch.after_sql(&replace(&format!("{bo}, 'X', 'bo@example.org', NULL, 'c2'")));
        assert_eq!(told[0], rows(&[bo]), "by id, as herself");
        assert_eq!(told.len(), 5, "her two tags, her consent and her purchase go too: {told:?}");

        // Three at once, and one whose id was not asked for.
        run(
            &format!(
                "INSERT INTO customers {NEW} VALUES (51, 'a', 'a@x.se', NULL, NULL, {AT}), (52, 'b', NULL, '+1', NULL, {AT}), \
                 (53, 'c', NULL, NULL, 'C', {AT})"
            ),
            &mut stranger(watch.db),
        );
        assert_eq!(watch.changes(), [rows(&[51, 52, 53])]);
        let told = watch.after_sql(&replace("54, 'X', 'a@x.se', '+1', 'C'"));
        assert_eq!(told, [rows(&[51, 52, 53, 54])]);
        let told = watch.after_sql(&replace("54, 'X', NULL, NULL, NULL").replace("INSERT OR REPLACE", "REPLACE"));
        assert_eq!(told, [rows(&[54])]);
    });
}

#[test]
fn an_update_that_replaces_tells_who_is_gone() {
    on_sqlite(|people, vip, mut watch| {
        let (ana, bo, cy, di, eva) = (people.ana, people.bo, people.cy, people.di, people.eva);
        let update = |set: &str, id: i64| format!("UPDATE OR REPLACE customers SET {set} WHERE id = {id}");
        let told = watch.after_sql(&update("email = 'ana@example.com'", di));
        assert_eq!(told, [rows(&[ana]), tagged(vip, &[ana]), consented(1, &[ana]), bought(&[ana])]);
        let told = watch.after_sql(&update("phone = '+4740001234'", di));
        assert_eq!(told[..2], [rows(&[cy]), edited(&["phone"], &[di])]);
        let told = watch.after_sql(&update("external_id = 'c2', city_folded = 'x'", di));
        assert_eq!(told[..2], [rows(&[bo]), edited(&["city_folded"], &[di])]);
        run(
            "DELETE FROM consents; DELETE FROM taggings; DELETE FROM purchases; DELETE FROM field_changes",
            &mut stranger(watch.db),
        );
        watch.changes();
        assert_eq!(watch.after_sql(&update(&format!("id = {eva}"), di)), [rows(&[di, eva])]);
        assert_eq!(watch.after_sql(&update("rowid = 77", eva)), [rows(&[eva, 77])]);
        // NULL is replaced by the default here.
        assert_eq!(watch.after_sql(&update("purchase_count = 3", 77)), [edited(&["purchase_count"], &[77])]);
        assert_eq!(watch.after_sql(&update("purchase_count = NULL", 77)), [edited(&["purchase_count"], &[77])]);
        assert_eq!(watch.after_sql(&update("purchase_count = NULL", 77)), []);
    });
}

#[test]
fn an_upsert_tells_more_than_it_did_and_never_less() {
    on_sqlite(|people, _, mut watch| {
        let insert = |rest: &str| {
            format!("INSERT INTO customers {NEW} VALUES (NULL, 'X', 'ana@example.com', NULL, NULL, {AT}) {rest}")
        };
        let ana = &[people.ana];
        let told = watch.after_sql(&insert("ON CONFLICT (email) DO UPDATE SET country = 'SE'"));
        assert_eq!(told, [rows(ana), edited(&["country"], ana)]);
        assert_eq!(watch.after_sql(&insert("ON CONFLICT DO NOTHING")), [rows(ana)]);
        let refused = try_to(&insert(""), &mut stranger(watch.db));
        assert!(refused.is_err());
        assert_eq!(watch.changes(), [], "nothing was written");
    });
}

#[test]
fn a_purchase_that_is_replaced_is_told_of_whose_it_was() {
    on_sqlite(|people, _, mut watch| {
        let (ana, bo, cy, di) = (people.ana, people.bo, people.cy, people.di);
        let insert = |id: &str, external: &str, who: i64| {
            format!(
                "INSERT OR REPLACE INTO purchases (id, external_id, customer_id, amount, currency, purchased_at) \
                 VALUES ({id}, {external}, {who}, 1, 'EUR', '2026-01-01 00:00:00')"
            )
        };
        assert_eq!(watch.after_sql(&insert("71", "'P'", ana)), [bought(&[ana])]);
        assert_eq!(watch.after_sql(&insert("NULL", "'P'", bo)), [bought(&[ana, bo])], "by external id");
        assert_eq!(watch.after_sql(&insert("72", "NULL", cy)), [bought(&[bo, cy])], "the id that came after 71");
        assert_eq!(watch.after_sql(&insert("73", "'Q'", ana)), [bought(&[ana])]);
        assert_eq!(watch.after_sql(&insert("72", "'Q'", di)), [bought(&[ana, cy, di])], "by both");
        assert_eq!(watch.after_sql(&insert("72", "'Q'", di)), [bought(&[di])]);
        assert_eq!(watch.after_sql(&insert("74", "'R'", ana)), [bought(&[ana])]);
        let update = |set: &str| format!("UPDATE OR REPLACE purchases SET {set} WHERE id = 74");
        assert_eq!(watch.after_sql(&update("external_id = 'Q'")), [bought(&[di])]);
        assert_eq!(watch.after_sql(&insert("75", "'S'", di)), [bought(&[di])]);
        assert_eq!(watch.after_sql(&update("id = 75")), [bought(&[di])], "the one that stood there");
        assert_eq!(
            watch.after_sql(&format!("UPDATE purchases SET customer_id = {cy} WHERE id = 75")),
            [bought(&[ana, cy])]
        );
    });
}

#[test]
fn a_replaced_row_of_the_other_tables_has_the_key_of_what_replaces_it() {
    on_sqlite(|people, vip, mut watch| {
        let (ana, cy) = (people.ana, people.cy);
        let wholesale = vip + 2;
        let at = "'2026-01-01 00:00:00'";
        let again =
            format!("INSERT OR REPLACE INTO taggings VALUES ({ana}, {vip}, {at}, 'x', NULL, 'api', NULL, NULL)");
        assert_eq!(watch.after_sql(&again), [tagged(vip, &[ana])]);
        let onto =
            format!("UPDATE OR REPLACE taggings SET tag_id = {vip} WHERE customer_id = {cy} AND tag_id = {wholesale}");
        assert_eq!(watch.after_sql(&onto), [tagged(vip, &[cy]), tagged(wholesale, &[cy])]);
        let onto = format!("UPDATE OR REPLACE taggings SET customer_id = {ana} WHERE customer_id = {cy}");
        assert_eq!(watch.after_sql(&onto), [tagged(vip, &[ana, cy])]);
        let again = format!("REPLACE INTO consents VALUES ({ana}, 'email', 'opted_out', {at}, 'x')");
        assert_eq!(watch.after_sql(&again), [consented(1, &[ana])]);
    });
}

#[test]
fn foreign_keys_switched_off_hide_nothing() {
    on_sqlite(|people, vip, mut watch| {
        let off = |sql: &str| format!("PRAGMA foreign_keys = OFF; {sql}");
        let (ana, di) = (people.ana, people.di);
        let new = people.eva + 1;
        let replace =
            format!("INSERT OR REPLACE INTO customers {NEW} VALUES (NULL, 'X', 'ana@example.com', NULL, NULL, {AT})");
        assert_eq!(watch.after_sql(&off(&replace)), [rows(&[ana, new])]);
        let back = format!("INSERT INTO customers {NEW} VALUES ({ana}, 'X', NULL, NULL, NULL, {AT})");
        assert_eq!(watch.after_sql(&back), [rows(&[ana])], "she has the tags that were left behind");
        let tagging =
            format!("INSERT INTO taggings VALUES ({di}, 99, '2026-01-01 00:00:00', 'x', NULL, 'api', NULL, NULL)");
        assert_eq!(watch.after_sql(&off(&tagging)), [tagged(99, &[di])]);

        // A tag's name is there or not there for those who carry it still.
        let tag = |verb: &str, id: &str, name: &str| {
            format!(
                "{verb} INTO tags (id, name, name_key, name_folded, colour, created_at) \
                 VALUES ({id}, '{name}', '{name}', '{name}', 'x', '2026-01-01 00:00:00')"
            )
        };
        assert_eq!(watch.after_sql(&tag("INSERT", "99", "late")), [names()]);
        assert_eq!(watch.after_sql(&tag("INSERT", "100", "idle")), []);
        assert_eq!(watch.after_sql(&off("DELETE FROM tags WHERE id = 99")), [names()]);
        assert_eq!(watch.after_sql(&off(&tag("REPLACE", &vip.to_string(), "other"))), [names()], "by id");
        assert_eq!(watch.after_sql(&off(&tag("REPLACE", "NULL", "other"))), [names()], "by name");
        assert_eq!(
            watch.after_sql(&off("UPDATE OR REPLACE tags SET name_key = 'other' WHERE name = 'idle'")),
            [names()]
        );
        assert_eq!(watch.after_sql("DELETE FROM tags WHERE name = 'idle'"), []);
    });
}
