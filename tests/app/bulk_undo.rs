//! One button undoes a bulk action: exactly what it changed comes back, and what somebody changed since stays.

use crate::bulk::{bulk, carried, crowd, ended, somebody, sums};
use crate::support::{Server, audiences, for_each_database, world_with_fields};
use diesel::prelude::*;
use muster::agents::{Caller, Role};
use muster::bulk::{Action, State, work};
use muster::db::schema::{
    bulk_actions, consents, custom_values, customers, field_changes, past_taggings, purchases, segment_members,
    taggings, tags,
};
use muster::db::{Conn, Db, Trouble};
use muster::purchases::Bought;

use muster::workspace::{Workspace, stamp};
use reqwest::blocking::{Client, Response};

/// Everything about everybody, one row a line; but for the times of the last change, which move on.
fn dump(db: &Db) -> Vec<String> {
    db.read_now::<_, Trouble>(|conn: &mut Conn| {
        let mut lines = Vec::new();
        macro_rules! table {
            ($table:ident: $columns:expr, $row:ty) => {
                let rows: Vec<$row> = $table::table.select($columns).load(conn)?;
                lines.extend(rows.into_iter().map(|row| format!("{} {row:?}", stringify!($table))));
            };
        }
        type Time = chrono::NaiveDateTime;
        type Text = Option<String>;
        table!(customers: (
            (customers::id, customers::name, customers::name_folded, customers::email, customers::email_folded),
            (customers::phone, customers::external_id, customers::external_id_folded, customers::country),
            (customers::city, customers::city_folded, customers::language, customers::language_folded),
            (customers::created_at, customers::last_seen_at, customers::purchase_count, customers::total_spent),
            (customers::first_purchase_at, customers::last_purchase_at),
        ), (
            (i64, Text, Text, Text, Text),
            (Text, Text, Text, Text),
            (Text, Text, Text, Text),
            (Time, Option<Time>, i64, i64),
            (Option<Time>, Option<Time>),
        ));
        table!(taggings: taggings::all_columns,
            (i64, i64, Time, String, Option<i64>, String, Option<i64>, Option<Time>));
        table!(consents: consents::all_columns, (i64, String, String, Time, String));
        table!(field_changes: field_changes::all_columns,
            (i64, i64, Time, String, Text, Text, String, Option<i64>, String, Option<i64>));
        table!(custom_values: custom_values::all_columns, (i64, i64, String, Text, Option<i64>));
        table!(purchases: purchases::all_columns, (i64, Text, i64, Text, Text, i64, String, Time, Option<i64>));
        table!(segment_members: segment_members::all_columns, (i64, i64, Time));
        // What was undone has a story of its own.
        let past: Vec<(i64, String, String)> = past_taggings::table
            .filter(past_taggings::why.ne("undone"))
            .select((past_taggings::customer_id, past_taggings::tag_name, past_taggings::why))
            .load(conn)?;
        lines.extend(past.into_iter().map(|row| format!("past_taggings {row:?}")));
        lines.sort();
        Ok(lines)
    })
    .expect("a dump")
}

fn undo(client: &Client, server: &Server, id: i64) -> Response {
    client.post(server.url(&format!("/bulk/{id}/undo"))).send().expect("an answer")
}

/// The last action undone, to its end.
pub fn undone(client: &Client, server: &Server, db: &Db) -> Action {
    let id = ended(db).id;
    assert!(undo(client, server, id).status().is_success());
    ended(db)
}

#[test]
fn undoing_brings_everything_back_as_it_was() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        audiences(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        db.write_now::<_, Trouble>(|conn| {
            let now = stamp(chrono::Utc::now());
            let soon = taggings::table.filter(taggings::customer_id.eq(people.cy));
            diesel::update(soon).set(taggings::expires_at.eq(now + chrono::TimeDelta::days(9))).execute(conn)?;
            Ok(())
        })
        .expect("tags that end");
        let picked = {
            let program = server.program(Role::Admin);
            let all: serde_json::Value =
                program.get(server.url("/api/v1/segments")).send().expect("segments").json().expect("JSON");
            let all = all["segments"].as_array().expect("a list").clone();
            all.iter().find(|one| one["name"] == "Picked").expect("the segment")["id"].to_string()
        };
        let before = dump(&db);
        for form in [
            &[("do", "add_tags"), ("tag", "VIP"), ("tag", "Gold")][..],
            &[("do", "remove_tags"), ("tag", "VIP"), ("tag", "Wholesale")],
            &[("do", "replace_tags"), ("tag", "Wholesale"), ("tag", "Gold")],
            &[("do", "set_field"), ("field", "name"), ("value", "Nobody")],
            &[("do", "set_field"), ("field", "city"), ("value", "Oslo")],
            &[("do", "set_field"), ("field", "city"), ("clear", "1")],
            &[("do", "set_field"), ("field", "country"), ("value", "NO")],
            &[("do", "set_field"), ("field", "language"), ("value", "sv")],
            &[("do", "set_field"), ("field", "created_at"), ("value", "2020-01-02")],
            &[("do", "set_field"), ("field", "email"), ("clear", "1")],
            &[("do", "set_field"), ("field", "phone"), ("clear", "1")],
            &[("do", "set_field"), ("field", "external_id"), ("clear", "1")],
            &[("do", "set_field"), ("field", "custom.plan"), ("value", "basic")],
            &[("do", "set_field"), ("field", "custom.spend"), ("value", "7.25")],
            &[("do", "set_field"), ("field", "custom.birthday"), ("value", "2000-02-29")],
            &[("do", "set_field"), ("field", "custom.member"), ("value", "yes")],
            &[("do", "set_field"), ("field", "custom.size"), ("clear", "1")],
            &[("do", "add_to_segment"), ("segment", picked.as_str())],
            &[("do", "delete")],
        ] {
            bulk(&marketer, &server, &[form, &[("all", "1")]].concat());
            let (changed, ..) = sums(&db);
            assert!(changed > 0 && dump(&db) != before, "{form:?} changes something");
            let action = undone(&marketer, &server, &db);
            assert_eq!((action.state(), action.restored, action.kept), (State::Undone, changed, 0), "{form:?}");
            pretty(&before, &dump(&db), form);
        }
    });
}

fn pretty(before: &[String], after: &[String], what: &[(&str, &str)]) {
    let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(gone.is_empty() && new.is_empty(), "{what:?}\nwas {gone:#?}\nis {new:#?}");
}

#[test]
fn what_somebody_changed_since_is_left_alone_and_told() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let agent = server.program(Role::Agent);
        let tag = |id: i64, name: &str| server.url(&format!("/api/v1/customers/{id}/tags/{name}"));

        // Everybody gets Gold instead of all else. Then Ana's is taken away, Bo's taken away and given anew by hand, Cy
        // gets VIP again, and Eva is deleted.
        bulk(&marketer, &server, &[("do", "replace_tags"), ("all", "1"), ("tag", "Gold")]);
        agent.delete(tag(people.ana, "Gold")).send().expect("an answer");
        agent.delete(tag(people.bo, "Gold")).send().expect("an answer");
        agent.put(tag(people.bo, "Gold")).send().expect("an answer");
        agent.put(tag(people.cy, "VIP")).send().expect("an answer");
        let eva = server.url(&format!("/api/v1/customers/{}", people.eva));
        server.program(Role::Admin).delete(eva).send().expect("an answer");
        let action = undone(&marketer, &server, &db);
        assert_eq!((action.restored, action.kept), (1, 4), "Di alone is as she was");
        let page = marketer.get(server.url(&format!("/bulk/{}", action.id))).send().and_then(Response::text);
        let page = page.expect("the result");
        for words in [
            "Gold was taken away or given anew since.",
            "VIP was given anew since.",
            "She was deleted since.",
            "4 were changed since and that was left alone",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        let expected = [("Ana", "VIP"), ("Bo", "Gold VIP-old Wholesale"), ("Cy", "VIP Wholesale"), ("Di", "")];
        let now = carried(&db);
        assert_eq!(now.iter().map(|(name, tags)| (name.as_str(), tags.as_str())).collect::<Vec<_>>(), expected);

        // A field that has another value since.
        bulk(&marketer, &server, &[("do", "set_field"), ("all", "1"), ("field", "city"), ("value", "Oslo")]);
        let her = agent.patch(server.url(&format!("/api/v1/customers/{}", people.ana)));
        her.json(&serde_json::json!({ "city": "Bergen" })).send().expect("an answer");
        let action = undone(&marketer, &server, &db);
        assert_eq!((action.restored, action.kept), (3, 1));
        let city: Option<String> = db
            .read_now::<_, Trouble>(|conn| Ok(customers::table.find(people.ana).select(customers::city).first(conn)?))
            .expect("her city");
        assert_eq!(city.as_deref(), Some("Bergen"));

        // An address that somebody else has since.
        bulk(&marketer, &server, &[("do", "set_field"), ("all", "1"), ("field", "email"), ("clear", "1")]);
        let other = somebody("Other", &db);
        let taken = agent.patch(server.url(&format!("/api/v1/customers/{other}")));
        taken.json(&serde_json::json!({ "email": "ana@example.com" })).send().expect("an answer");
        let action = undone(&marketer, &server, &db);
        assert_eq!((action.changed, action.restored, action.kept), (3, 2, 1));
    });
}

#[test]
fn undoing_twice_is_refused_calmly_and_so_is_what_cannot_be_undone() {
    for_each_database(|db| {
        world_with_fields(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let gold = [("do", "add_tags"), ("all", "1"), ("tag", "Gold")];
        let page = bulk(&marketer, &server, &gold).text().expect("the list");
        let first = ended(&db);
        assert!(page.contains(&format!("action=\"/bulk/{}/undo\"", first.id)), "the toast has the button");
        bulk(&marketer, &server, &gold);
        let nothing = ended(&db);
        let text = undo(&marketer, &server, nothing.id).text().expect("a page");
        assert!(text.contains("This changed nobody"), "{text}");

        let text = undo(&marketer, &server, first.id).text().expect("a page");
        assert!(text.contains("Undone: 5 customers are as they were."), "{text}");
        let again = undo(&marketer, &server, first.id);
        assert_eq!(again.status(), 200);
        let text = again.text().expect("a page");
        assert!(text.contains("Mara Marketer undid this already."), "{text}");
        assert_eq!(undo(&marketer, &server, 987_654).status(), 404);

        bulk(&marketer, &server, &gold);
        let old = ended(&db);
        db.write_now::<_, Trouble>(|conn| {
            let long_ago = stamp(chrono::Utc::now()) - chrono::TimeDelta::days(31);
            let row = bulk_actions::table.find(old.id);
            diesel::update(row).set(bulk_actions::created_at.eq(long_ago)).execute(conn)?;
            Ok(())
        })
        .expect("a month passes");
        let text = undo(&marketer, &server, old.id).text().expect("a page");
        assert!(text.contains("older than 30 days cannot be undone"), "{text}");
        let list = marketer.get(server.url("/bulk")).send().and_then(Response::text).expect("the list");
        assert!(list.contains("Add Gold") && list.contains("undone") && !list.contains(&format!("bulk-{}\"", old.id)));
    });
}

#[test]
fn who_was_deleted_comes_back_with_all_that_was_hers() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        audiences(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        db.write_now::<_, Trouble>(|conn| {
            let at = stamp(chrono::Utc::now());
            let bought =
                Bought { external_id: Some("order-1".into()), product: None, amount: 500, currency: "EUR".into(), at };
            muster::purchases::record(people.ana, &bought, conn)?;
            Ok(())
        })
        .expect("a purchase");
        let before = dump(&db);
        bulk(&marketer, &server, &[("do", "delete"), ("all", "1")]);
        let gone: i64 =
            db.read_now::<_, Trouble>(|conn| Ok(customers::table.count().get_result(conn)?)).expect("customers");
        assert_eq!(gone, 0);
        let action = undone(&marketer, &server, &db);
        assert_eq!((action.restored, action.kept), (5, 0));
        pretty(&before, &dump(&db), &[]);

        // Again; and now somebody else has Ana's address, her order is entered for another, and Bo's tag is gone.
        bulk(&marketer, &server, &[("do", "delete"), ("all", "1")]);
        let other = somebody("Other", &db);
        db.write_now::<_, Trouble>(|conn| {
            let row = customers::table.find(other);
            diesel::update(row).set(customers::email.eq("ana@example.com")).execute(conn)?;
            let at = stamp(chrono::Utc::now());
            let bought =
                Bought { external_id: Some("order-1".into()), product: None, amount: 500, currency: "EUR".into(), at };
            muster::purchases::record(other, &bought, conn)?;
            diesel::delete(tags::table.filter(tags::name.eq("VIP-old"))).execute(conn)?;
            Ok(())
        })
        .expect("what happens meanwhile");
        let action = undone(&marketer, &server, &db);
        assert_eq!((action.restored, action.kept), (3, 2), "nobody is lost for it");
        let page = marketer.get(server.url(&format!("/bulk/{}", action.id))).send().and_then(Response::text);
        let page = page.expect("the result");
        for words in [
            "Somebody else has her email address ana@example.com now.",
            "The order order-1 was entered anew since: hers has no number now.",
            "A tag deleted since is left out.",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
        let after = dump(&db);
        let missing: Vec<&String> = before.iter().filter(|line| !after.contains(line)).collect();
        assert_eq!(missing.len(), 3, "Ana's row, her order's, and Bo's tag: {missing:#?}");
    });
}

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

#[test]
fn every_table_whose_rows_go_with_a_customer_is_kept() {
    for_each_database(|db| {
        let mut conn = db.conn().expect("a connection");
        let found: Vec<Table> = match &mut *conn {
            Conn::Sqlite(c) => diesel::sql_query(
                "SELECT DISTINCT m.name AS name FROM sqlite_schema m, pragma_foreign_key_list(m.name) f \
                 WHERE m.type = 'table' AND f.\"table\" = 'customers' AND f.on_delete = 'CASCADE' ORDER BY 1",
            )
            .load(c)
            .expect("the tables"),
            Conn::Postgres(c) => diesel::sql_query(
                "SELECT DISTINCT conrelid::regclass::text AS name FROM pg_constraint \
                 WHERE contype = 'f' AND confrelid = 'customers'::regclass AND confdeltype = 'c' ORDER BY 1",
            )
            .load(c)
            .expect("the tables"),
        };
        let found: Vec<String> = found.into_iter().map(|table| table.name).collect();
        assert_eq!(found, muster::bulk::KEPT_TABLES);
    });
}

#[test]
fn many_are_undone_in_the_background_by_whoever_finds_it() {
    for_each_database(|db| {
        crowd(&db, 2_200);
        let by_hand = somebody("By hand", &db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let url = server.url(&format!("/api/v1/customers/{by_hand}/tags/Crowd"));
        assert!(server.program(Role::Agent).put(url).send().expect("an answer").status().is_success());
        let before = dump(&db);
        bulk(&marketer, &server, &[("do", "add_tags"), ("all", "1"), ("tag", "Crowd")]);
        assert_eq!(sums(&db), (2_200, 1, 0));
        let id = ended(&db).id;
        // Whoever began to undo it stopped at once.
        db.write_now::<_, Trouble>(|conn| {
            let clock = Workspace::load(conn)?.clock();
            let action = Action::find(id, conn)?.expect("the action");
            action.undo(&Caller::command_line(), conn, &clock).expect("it can be undone");
            Ok(())
        })
        .expect("an undoing");
        let action = ended(&db);
        assert_eq!((action.state(), action.restored, action.kept), (State::Undone, 2_200, 0));
        assert!(!work::now(id, &db).expect("nothing to do"));
        pretty(&before, &dump(&db), &[]);
    });
}
