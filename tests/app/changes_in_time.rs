//! The change log in time: what is committed is told exactly once, however late; what is not is never told; what was
//! trimmed is missed by nobody who needs it.

use crate::support::log::*;
use crate::support::*;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use muster::db::changes::{Since, Version, since, source, trim};
use muster::db::{Conn, Db, Trouble, snapshot};
use muster::each;
use std::time::Duration;

fn seen_on(day: i64, id: i64) -> String {
    format!("UPDATE customers SET last_seen_at = '2020-01-{day:02} 00:00:00' WHERE id = {id}")
}

#[test]
fn what_is_rolled_back_is_not_told() {
    for_each_database(|db| {
        let people = world(&db);
        let told = |ids: &[i64]| [edited(&["last_seen_at"], ids)];
        let mut watch = Watch::over(&db);
        let mut other = stranger(&db);
        run(&format!("BEGIN; {}; ROLLBACK", seen_on(1, people.ana)), &mut other);
        assert_eq!(watch.look(), Since::Same);
        run(&format!("BEGIN; {}", seen_on(1, people.ana)), &mut other);
        assert_eq!(watch.look(), Since::Same, "it is not there yet");
        run(&format!("SAVEPOINT one; {}; ROLLBACK TO one", seen_on(1, people.bo)), &mut other);
        run(&format!("SAVEPOINT two; {}; RELEASE two", seen_on(1, people.cy)), &mut other);
        run(&format!("SAVEPOINT one; SAVEPOINT two; {}; RELEASE one", seen_on(1, people.di)), &mut other);
        assert_eq!(watch.look(), Since::Same);
        run("COMMIT", &mut other);
        assert_eq!(watch.changes(), told(&[people.ana, people.cy, people.di]));
        assert_eq!(watch.look(), Since::Same);
        let refused = db.write_now::<(), Trouble>(|conn| {
            run(&seen_on(2, people.eva), conn);
            Err(Trouble::Stopped)
        });
        assert!(refused.is_err());
        assert_eq!(watch.look(), Since::Same);
    });
}

#[test]
fn a_snapshot_is_told_what_it_can_see() {
    for_each_database(|db| {
        let people = world(&db);
        let mut watch = Watch::over(&db);
        let mut reader = db.conn().unwrap();
        let mut before = None;
        snapshot::<_, Trouble>(&mut reader, |conn| {
            let (at, _) = since(None, conn)?;
            assert_eq!(watch.after_sql(&seen_on(1, people.ana)), [edited(&["last_seen_at"], &[people.ana])]);
            // The older snapshot stands where it stood.
            assert_eq!(since(Some(&at), conn)?, (at.clone(), Since::Same));
            before = Some(at);
            Ok(())
        })
        .unwrap();
        let (_, told) = snapshot::<_, Trouble>(&mut reader, |conn| Ok(since(before.as_ref(), conn)?)).unwrap();
        assert_eq!(told, Since::Changes(vec![edited(&["last_seen_at"], &[people.ana])]));
        // What another kind of database said says nothing here.
        let strange = if is_sqlite(&db) { Version::Snapshot("1:1:".into()) } else { Version::Sequence(1) };
        let (_, told) = snapshot::<_, Trouble>(&mut reader, |conn| Ok(since(Some(&strange), conn)?)).unwrap();
        assert_eq!(told, Since::Lost);
    });
}

#[test]
fn who_commits_late_is_told_late_and_once() {
    for_each_database(|db| {
        let people = world(&db);
        if is_sqlite(&db) {
            return; // One writer after the other.
        }
        let told = |ids: &[i64]| [edited(&["last_seen_at"], ids)];
        let mut watch = Watch::over(&db);
        let [mut old, mut older, mut young] = [(), (), ()].map(|()| stranger(&db));
        run(&format!("BEGIN; {}", seen_on(1, people.ana)), &mut older);
        run(&format!("BEGIN; {}", seen_on(1, people.bo)), &mut old);
        run(&seen_on(1, people.cy), &mut young);
        assert_eq!(watch.changes(), told(&[people.cy]));
        let mut between = Watch::over(&db);
        run(&seen_on(1, people.di), &mut young);
        run(&format!("SAVEPOINT s; {}; RELEASE s; COMMIT", seen_on(1, people.eva)), &mut old);
        assert_eq!(watch.changes(), told(&[people.bo, people.di, people.eva]));
        assert_eq!(watch.look(), Since::Same);
        run("COMMIT", &mut older);
        assert_eq!(watch.changes(), told(&[people.ana]));
        assert_eq!(between.changes(), told(&[people.ana, people.bo, people.di, people.eva]));
        assert_eq!((watch.look(), between.look()), (Since::Same, Since::Same));
    });
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

fn number(sql: &str, conn: &mut Conn) -> i64 {
    let found: Number = each!(conn, c => diesel::sql_query(sql).get_result(c)).unwrap();
    found.number
}

fn rows_of_the_log(db: &Db) -> i64 {
    number("SELECT count(*) AS number FROM changes", &mut stranger(db))
}

/// Waits until what is in the log is older than every transaction that is open on the server, other databases included:
/// a snapshot taken then has it for certain, and only then it may be trimmed past her who has it.
fn settle(db: &Db) {
    const OPEN: &str = "SELECT count(*) AS number FROM changes WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())";
    while !is_sqlite(db) && number(OPEN, &mut stranger(db)) > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Trims until `left` rows are left: transactions of other databases of the server hold trimming up.
#[track_caller]
fn trim_to(left: i64, keep: i64, db: &Db) -> i64 {
    let mut gone = 0;
    for _ in 0..200 {
        gone += trim(keep, db).unwrap();
        if rows_of_the_log(db) == left {
            return gone;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{} rows of the log are left, not {left}", rows_of_the_log(db));
}

#[test]
fn who_looked_before_the_trimming_is_lost_and_nobody_after_it() {
    for_each_database(|db| {
        let people = world(&db);
        let mut before = Watch::over(&db);
        for day in 1..=5 {
            run(&seen_on(day, people.ana), &mut stranger(&db));
        }
        assert_eq!(trim(1_000, &db).unwrap(), 0, "there are fewer");
        settle(&db);
        let mut idle = Watch::over(&db);
        trim_to(2, 2, &db);
        assert_eq!(before.look(), Since::Lost);
        assert_eq!(
            before.after_sql(&seen_on(6, people.bo)),
            [edited(&["last_seen_at"], &[people.bo])],
            "it began anew"
        );
        assert_eq!(idle.changes(), [edited(&["last_seen_at"], &[people.bo])], "what it knew is what was trimmed");

        assert_eq!(trim_to(0, 0, &db), 3);
        let mut after = Watch::over(&db);
        assert_eq!((trim(0, &db).unwrap(), after.look()), (0, Since::Same));
        assert_eq!(after.after_sql(&seen_on(7, people.cy)), [edited(&["last_seen_at"], &[people.cy])]);
        assert_eq!(trim(-5, &db).unwrap() + rows_of_the_log(&db), 1, "fewer than none are none");
    });
}

#[test]
fn many_rows_are_trimmed_in_chunks_and_gathered_in_one() {
    for_each_database(|db| {
        world(&db);
        let mut watch = Watch::over(&db);
        let mut other = stranger(&db);
        // 24,000 rows: on PostgreSQL of three transactions, or they would be one chunk.
        if is_sqlite(&db) {
            let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24000)";
            run(
                &format!("{numbers} INSERT INTO changes (source, key, customer_id) SELECT 6, 0, 1 + i % 7 FROM n"),
                &mut other,
            );
        } else {
            run(
                "DO $$ BEGIN FOR i IN 1..3 LOOP \
                   INSERT INTO changes (source, key, customers) SELECT 6, 0, ARRAY[1 + n % 7, n] FROM generate_series(1, 8000) AS n; \
                 COMMIT; END LOOP; END $$",
                &mut other,
            );
        }
        let all = rows_of_the_log(&db);
        let told = watch.changes();
        assert_eq!((told.len(), told[0].source, told[0].key), (1, source::PURCHASES, 0));
        let customers = told[0].customers.as_ref().unwrap();
        assert_eq!(customers.len(), if is_sqlite(&db) { 7 } else { 8000 });
        assert!(customers.is_sorted());
        run(
            "INSERT INTO changes (source, key) VALUES (6, 0); INSERT INTO changes (source, key) VALUES (6, 1)",
            &mut other,
        );
        run("UPDATE purchases SET amount = amount + 1", &mut other);
        let told = watch.changes();
        assert_eq!((told.len(), &told[0].customers), (2, &None), "everybody and somebody is everybody");
        let gone = trim_to(0, 0, &db);
        assert!(gone > all, "{gone}");
    });
}

#[test]
fn what_an_open_transaction_wrote_outlives_the_trimming() {
    for_each_database(|db| {
        let people = world(&db);
        if is_sqlite(&db) {
            return; // Trimming waits for the writer.
        }
        let told = |ids: &[i64]| [edited(&["last_seen_at"], ids)];
        let mut old = stranger(&db);
        run(&format!("BEGIN; {}", seen_on(1, people.ana)), &mut old);
        settle(&db);
        let mut watch = Watch::over(&db);
        run(&seen_on(1, people.bo), &mut stranger(&db));
        trim(0, &db).unwrap();
        assert_eq!(rows_of_the_log(&db), 1, "younger than the open one: it is kept");
        assert_eq!(watch.changes(), told(&[people.bo]));
        run("COMMIT", &mut old);
        assert_eq!(watch.changes(), told(&[people.ana]));
        assert_eq!(trim_to(0, 0, &db), 2);
    });
}

#[test]
fn the_log_of_another_server_is_forgotten() {
    for_each_database(|db| {
        let people = world(&db);
        if is_sqlite(&db) {
            return; // Its numbers come with the file.
        }
        let mut watch = Watch::over(&db);
        let to_come = "(pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1000000)::text::xid8";
        run(&format!("INSERT INTO changes (xid, source, key) VALUES ({to_come}, 1, -1)"), &mut stranger(&db));
        for day in 1..=2 {
            let told = watch.after_sql(&seen_on(day, people.bo));
            assert_eq!(told, [emptied(1), edited(&["last_seen_at"], &[people.bo])], "again and again");
        }
        run(&format!("UPDATE changes_trimmed SET upto = {to_come}"), &mut stranger(&db));
        for day in 3..=4 {
            assert_eq!(watch.look(), Since::Lost);
            run(&seen_on(day, people.bo), &mut stranger(&db));
        }
        trim(1_000_000, &db).unwrap();
        let told = watch.after_sql(&seen_on(1, people.ana));
        assert_eq!(told, [edited(&["last_seen_at"], &[people.ana, people.bo])]);
        // A snapshot that is still to come was not taken here.
        let far = Some(Version::Snapshot("999999999999:999999999999:".into()));
        let (_, told) = db.read_now::<_, Trouble>(|conn| Ok(since(far.as_ref(), conn)?)).unwrap();
        assert_eq!(told, Since::Lost);
    });
}

#[test]
fn the_log_can_be_taken_away_and_made_again() {
    for_each_database(|db| {
        let people = world(&db);
        let (up, down) = if is_sqlite(&db) {
            (
                include_str!("../../migrations/sqlite/2026-11-26-000000_change_log/up.sql"),
                include_str!("../../migrations/sqlite/2026-11-26-000000_change_log/down.sql"),
            )
        } else {
            (
                include_str!("../../migrations/postgres/2026-11-26-000000_change_log/up.sql"),
                include_str!("../../migrations/postgres/2026-11-26-000000_change_log/down.sql"),
            )
        };
        let mut other = stranger(&db);
        run(down, &mut other);
        run(&seen_on(1, people.ana), &mut other);
        run(up, &mut other);
        let mut watch = Watch::over(&db);
        assert_eq!(watch.after_sql(&seen_on(2, people.ana)), [edited(&["last_seen_at"], &[people.ana])]);
    });
}
