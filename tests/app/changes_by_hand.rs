//! The change log: whatever SQL somebody else writes is told as well.

use crate::support::log::*;
use crate::support::*;
use diesel::prelude::*;
use diesel::sql_types::Text;
use muster::db::changes::{CUSTOMER_COLUMNS, customer_bit, source};
use muster::db::{Conn, Db};

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    said: String,
}

fn said(sql: &str, db: &Db) -> Vec<String> {
    let query = diesel::sql_query(sql);
    let rows: Vec<Said> = match &mut stranger(db) {
        Conn::Sqlite(c) => query.load(c).unwrap(),
        Conn::Postgres(c) => query.load(c).unwrap(),
    };
    rows.into_iter().map(|row| row.said).collect()
}

/// A tag of the world.
fn tag(name: &str, db: &Db) -> i64 {
    said(&format!("SELECT CAST(id AS TEXT) AS said FROM tags WHERE name = '{name}'"), db)[0].parse().unwrap()
}

/// Columns of `customers` that no condition reads: the words as they were typed, beside their folded forms.
const UNREAD: [&str; 5] = ["name", "email", "external_id", "city", "language"];

#[test]
fn each_column_has_its_bit() {
    for_each_database(|db| {
        let people = world(&db);
        let mut watch = Watch::over(&db);
        let columns = said(
            if is_sqlite(&db) {
                "SELECT name AS said FROM pragma_table_info('customers')"
            } else {
                "SELECT column_name::text AS said FROM information_schema.columns WHERE table_name = 'customers' \
                 ORDER BY ordinal_position"
            },
            &db,
        );
        let mut seen = 0;
        for column in columns.iter().filter(|column| *column != "id") {
            let value = match column.as_str() {
                "purchase_count" | "total_spent" => "77",
                column if column.ends_with("_at") => "'2001-02-03 04:05:06'",
                _ => "'xx'",
            };
            let mut set = |value: &str| {
                watch.after_sql(&format!("UPDATE customers SET {column} = {value} WHERE id = {}", people.ana))
            };
            let told = set(value);
            if UNREAD.contains(&column.as_str()) {
                assert_eq!((told, customer_bit(column)), (vec![], None), "{column}");
                continue;
            }
            let expected = [edited(&[column], &[people.ana])];
            assert_eq!(told, expected, "{column}: a new column belongs into CUSTOMER_COLUMNS, the triggers and UNREAD");
            assert_eq!(set(value), [], "{column} is what it was");
            if !["created_at", "updated_at", "purchase_count", "total_spent"].contains(&column.as_str()) {
                assert_eq!(set("NULL"), expected, "{column} is cleared");
                assert_eq!(set("NULL"), [], "{column} is still clear");
                assert_eq!(set(value), expected, "{column} is filled");
            }
            seen += 1;
        }
        assert_eq!(seen, CUSTOMER_COLUMNS.len());
        assert_eq!((customer_bit("name_folded"), customer_bit("last_purchase_at")), (Some(1 << 1), Some(1 << 14)));
        // Several at once, differently for each.
        let mixed = "UPDATE customers SET country = 'SE', total_spent = 77, name = 'Who?'";
        let bo_and_cy = edited(&["country", "total_spent"], &[people.bo, people.cy, people.di]);
        assert_eq!(
            watch.after_sql(mixed),
            [edited(&["country"], &[people.ana]), edited(&["total_spent"], &[people.eva]), bo_and_cy]
        );
        assert_eq!(watch.after_sql("UPDATE customers SET city_folded = 'y' WHERE id = 999"), []);
    });
}

#[test]
fn rows_come_and_go_by_any_statement() {
    for_each_database(|db| {
        let people = world(&db);
        let mut watch = Watch::over(&db);
        let (vip, old, wholesale) = (tag("VIP", &db), tag("VIP-old", &db), tag("Wholesale", &db));
        let many = "INSERT INTO customers (id, created_at, updated_at) SELECT 100 + id, created_at, updated_at \
                    FROM customers WHERE id IN (1, 2)";
        assert_eq!(watch.after_sql(many), [rows(&[101, 102])]);
        assert_eq!(watch.after_sql("UPDATE customers SET id = 103 WHERE id = 101"), [rows(&[101, 103])]);
        assert_eq!(watch.after_sql("DELETE FROM customers WHERE id > 100"), [rows(&[102, 103])]);
        let (bo, cy, di) = (people.bo, people.cy, people.di);

        // A tagging: of another tag, of another customer, with another story, with the same.
        let change = |set: &str, of: i64, tag: i64| {
            format!("UPDATE taggings SET {set} WHERE customer_id = {of} AND tag_id = {tag}")
        };
        let told = watch.after_sql(&change(&format!("tag_id = {vip}"), bo, old));
        assert_eq!(told, [tagged(vip, &[bo]), tagged(old, &[bo])]);
        assert_eq!(watch.after_sql(&change(&format!("customer_id = {di}"), bo, vip)), [tagged(vip, &[bo, di])]);
        let both = format!("customer_id = {bo}, tag_id = {old}");
        assert_eq!(watch.after_sql(&change(&both, di, vip)), [tagged(vip, &[di]), tagged(old, &[bo])]);
        for set in [
            "tagged_at = '2020-01-01 00:00:00'",
            "source = 'api'",
            "source_id = 7",
            "actor = 'Mara'",
            "expires_at = '2030-01-01 00:00:00'",
        ] {
            assert_eq!(watch.after_sql(&change(set, cy, wholesale)), [tagged(wholesale, &[cy])], "{set}");
            assert_eq!(watch.after_sql(&change(set, cy, wholesale)), [], "{set}");
        }
        let agent = "INSERT INTO agents (id, email, name, role, password_hash, created_at) VALUES \
                     (9, 'm@example.org', 'Mara', 'agent', '', '2020-01-01 00:00:00')";
        assert_eq!(watch.after_sql(agent), []);
        assert_eq!(watch.after_sql(&change("agent_id = 9", cy, wholesale)), [tagged(wholesale, &[cy])]);
        assert_eq!(watch.after_sql("DELETE FROM agents"), [tagged(wholesale, &[cy])], "it is nobody's tagging now");

        // A consent.
        let consent = "INSERT INTO consents (customer_id, channel, state, changed_at, source) VALUES ";
        let di_by_sms = format!("{consent} ({di}, 'sms', 'opted_in', '2020-01-01 00:00:00', 'x')");
        assert_eq!(watch.after_sql(&di_by_sms), [consented(2, &[di])]);
        let other = "UPDATE consents SET channel = 'whatsapp' WHERE channel = 'sms'";
        assert_eq!(watch.after_sql(other), [consented(2, &[di]), consented(3, &[di])]);
        let moved = format!("UPDATE consents SET customer_id = {cy} WHERE channel = 'whatsapp'");
        assert_eq!(watch.after_sql(&moved), [consented(3, &[cy, di])]);
        assert_eq!(
            watch.after_sql("UPDATE consents SET state = 'opted_out' WHERE channel = 'whatsapp'"),
            [consented(3, &[cy])]
        );
        let upsert = format!(
            "{consent} ({cy}, 'whatsapp', 'opted_out', '2020-01-01 00:00:00', 'x') \
             ON CONFLICT (customer_id, channel) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at"
        );
        assert_eq!(watch.after_sql(&upsert), [], "what was known");
        assert_eq!(watch.after_sql(&upsert.replace("_out", "_in")), [consented(3, &[cy])]);
        assert_eq!(watch.after_sql("DELETE FROM consents WHERE channel = 'whatsapp'"), [consented(3, &[cy])]);

        // Names of tags.
        assert_eq!(watch.after_sql(&format!("UPDATE tags SET name_folded = 'x' WHERE id = {vip}")), [names()]);
        assert_eq!(watch.after_sql("UPDATE tags SET name_folded = name_folded, colour = 'x'"), []);
        assert_eq!(watch.after_sql("UPDATE tags SET name_folded = 'y' WHERE id = 999"), []);
    });
}

#[test]
fn members_and_values_are_told_wherever_they_move() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        audiences(&db);
        let mut watch = Watch::over(&db);
        let (ana, bo, eva) = (people.ana, people.bo, people.eva);
        let picked =
            said("SELECT CAST(id AS TEXT) AS said FROM segments WHERE name = 'Picked'", &db)[0].parse().unwrap();
        let join = format!("INSERT INTO segment_members VALUES ({picked}, {eva}, '2020-01-01 00:00:00')");
        assert_eq!(watch.after_sql(&join), [member(picked, &[eva])]);
        let swap = format!("UPDATE segment_members SET customer_id = {bo} WHERE customer_id = {eva}");
        assert_eq!(watch.after_sql(&swap), [member(picked, &[bo, eva])]);
        let other = format!("UPDATE segment_members SET segment_id = {} WHERE customer_id = {bo}", picked - 1);
        assert_eq!(watch.after_sql(&other), [member(picked - 1, &[bo]), member(picked, &[bo])]);
        let leave = format!("DELETE FROM segment_members WHERE customer_id = {ana}");
        assert_eq!(watch.after_sql(&leave), [member(picked, &[ana])]);

        let fields = said("SELECT CAST(id AS TEXT) AS said FROM custom_fields ORDER BY key", &db);
        let fields: Vec<i64> = fields.iter().map(|id| id.parse().unwrap()).collect();
        // birthday, member, plan, size, spend. Bo has no plan and Ana a birthday.
        let value = format!("INSERT INTO custom_values VALUES ({bo}, {}, 'a', 'a', NULL)", fields[2]);
        assert_eq!(watch.after_sql(&value), [valued(fields[2], &[bo])]);
        for set in ["value = 'b'", "folded = 'b'", "number = 5", "folded = NULL"] {
            let set = format!("UPDATE custom_values SET {set} WHERE customer_id = {bo} AND field_id = {}", fields[2]);
            assert_eq!(watch.after_sql(&set), [valued(fields[2], &[bo])], "{set}");
            assert_eq!(watch.after_sql(&set), [], "{set}");
        }
        let gone = format!("DELETE FROM custom_values WHERE customer_id = {ana} AND field_id = {}", fields[0]);
        assert_eq!(watch.after_sql(&gone), [valued(fields[0], &[ana])]);
        let moved = format!(
            "UPDATE custom_values SET customer_id = {ana}, field_id = {} WHERE customer_id = {bo} AND field_id = {}",
            fields[0], fields[2]
        );
        let mut both = [valued(fields[0], &[ana]), valued(fields[2], &[bo])];
        both.sort_by_key(|change| change.key);
        assert_eq!(watch.after_sql(&moved), both);
    });
}

#[test]
fn what_postgresql_truncates_is_everybodys() {
    for_each_database(|db| {
        world(&db);
        if is_sqlite(&db) {
            return;
        }
        let mut watch = Watch::over(&db);
        use source::*;
        for (table, told) in [
            ("taggings", vec![TAGGINGS]),
            ("consents", vec![CONSENTS]),
            ("segment_members", vec![SEGMENT_MEMBERS]),
            ("custom_values", vec![CUSTOM_VALUES]),
            ("purchases", vec![PURCHASES]),
            ("campaign_recipients", vec![CAMPAIGN_RECIPIENTS]),
            ("conversations CASCADE", vec![CONVERSATIONS]),
            ("campaigns CASCADE", vec![CAMPAIGN_RECIPIENTS]),
            ("tags CASCADE", vec![TAGGINGS]),
            ("segments CASCADE", vec![SEGMENT_MEMBERS, SEGMENTS]),
            (
                "customers CASCADE",
                vec![CUSTOMERS, TAGGINGS, CONSENTS, SEGMENT_MEMBERS, CUSTOM_VALUES, PURCHASES, CONVERSATIONS],
            ),
        ] {
            let told: Vec<_> = told.into_iter().map(emptied).collect();
            assert_eq!(watch.after_sql(&format!("TRUNCATE {table}")), told, "{table}");
        }
    });
}

#[test]
fn a_writer_with_another_search_path_or_few_rights_is_told_of_too() {
    for_each_database(|db| {
        let people = world(&db);
        if is_sqlite(&db) {
            return;
        }
        let mut watch = Watch::over(&db);
        let name =
            |value: &str| format!("UPDATE public.customers SET name_folded = '{value}' WHERE id = {}", people.bo);
        let told = [edited(&["name_folded"], &[people.bo])];
        assert_eq!(watch.after_sql(&format!("SET search_path = ''; {}", name("a"))), told);
        let shadow =
            "CREATE TEMP TABLE changes (LIKE public.changes INCLUDING ALL); CREATE TEMP TABLE rows (id BIGINT)";
        assert_eq!(watch.after_sql(&format!("{shadow}; {}", name("b"))), told);
        let mut clerk = stranger(&db);
        run(
            "BEGIN; CREATE ROLE muster_test_clerk; GRANT SELECT, UPDATE ON customers TO muster_test_clerk; \
             SET LOCAL ROLE muster_test_clerk",
            &mut clerk,
        );
        run(&name("c"), &mut clerk);
        run(
            "RESET ROLE; REVOKE ALL ON customers FROM muster_test_clerk; DROP ROLE muster_test_clerk; COMMIT",
            &mut clerk,
        );
        assert_eq!(watch.changes(), told);
    });
}
