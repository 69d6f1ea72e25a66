//! How the databases find a page of a list: along an index, never by sorting everybody.

use super::lists::{WAYS, crowd};
use super::support::*;
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::Text;
use fastrand::Rng;
use muster::customers::list::{COLUMNS, List, Page, Set, Sort};
use muster::db::Conn;
use muster::filters::Filter;
use muster::filters::sets::Ids;
use std::sync::{Arc, Mutex};

#[derive(QueryableByName)]
struct SqliteStep {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PostgresStep {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    detail: String,
}

/// How the database would answer a question, which is given as diesel logs it. PostgreSQL reads a table of a few hundred
/// rows whole unless it is told not to; a sort that cannot be avoided is in the plan all the same.
fn plan(logged: &str, conn: &mut Conn) -> String {
    let (sql, binds) = logged.split_once(" -- binds: ").expect("a question as it is logged");
    let steps: Vec<String> = match conn {
        Conn::Sqlite(c) => {
            let steps = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load::<SqliteStep>(c);
            steps.expect("a plan").into_iter().map(|step| step.detail).collect()
        }
        Conn::Postgres(c) => {
            c.batch_execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
                .expect("settings");
            let values: Vec<&str> = binds.trim_matches(['[', ']']).split(", ").collect();
            let sql = (1..=values.len()).rev().fold(sql.to_string(), |sql, number| {
                sql.replace(&format!("${number}"), &format!("'{}'", values[number - 1].trim_matches('"')))
            });
            let steps = diesel::sql_query(format!("EXPLAIN (COSTS OFF) {sql}")).load::<PostgresStep>(c);
            steps.expect("a plan").into_iter().map(|step| step.detail).collect()
        }
    };
    steps.join("\n")
}

/// What is asked of the database by this work, as it is logged, without quotes.
fn heard<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> T) -> (T, Vec<String>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let ear = asked.clone();
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            ear.lock().expect("a list").push(query.to_string().replace(['"', '`'], ""));
        }
    });
    let done = work(conn);
    conn.set_instrumentation(None::<fn(InstrumentationEvent<'_>)>);
    let asked = asked.lock().expect("a list").clone();
    (done, asked)
}

/// The plans of all questions that have this in them, while an order is read from the first page to the last and back.
fn plans(sort: &str, words: &str, load: impl Fn(&Page, &mut Conn) -> List, conn: &mut Conn) -> Vec<String> {
    let sort = Sort::parse(sort).expect("an order");
    let (mut page, mut back, mut plans) = (Page::first(sort.clone(), 30), false, Vec::new());
    loop {
        let (list, asked) = heard(conn, |conn| load(&page, conn));
        let asked: Vec<String> = asked.into_iter().filter(|asked| asked.contains(words)).collect();
        assert!(!asked.is_empty(), "{sort:?}");
        plans.extend(asked.iter().map(|asked| format!("{asked}\n{}", plan(asked, conn))));
        back |= list.next.is_none();
        let Some(cursor) = (if back { list.previous } else { list.next }) else { return plans };
        page = Page::read(sort.clone(), Some(&cursor), 30).expect("a page");
    }
}

/// Two hundred customers, with statistics of them, and on SQLite without: it often has none, PostgreSQL sees to them.
fn for_each_planner(test: impl Fn(&Ids, &mut Conn)) {
    for_each_database(|db| {
        let mut conn = db.conn().expect("a connection");
        let people = crowd(200, &mut Rng::with_seed(3), &mut conn);
        let ids: Ids = people.iter().map(|id| u32::try_from(*id).expect("32 bits")).collect();
        match &mut *conn {
            Conn::Postgres(c) => c.batch_execute("VACUUM (ANALYZE) customers").expect("statistics"),
            Conn::Sqlite(_) => {
                test(&ids, &mut conn);
                muster::each!(&mut *conn, c => c.batch_execute("ANALYZE customers")).expect("statistics");
            }
        }
        test(&ids, &mut conn);
    });
}

/// A set is walked along an index that holds all that is asked, whatever else it is sorted by.
#[test]
fn every_order_is_walked_along_an_index() {
    for_each_planner(|ids, conn| {
        if let Conn::Postgres(c) = conn {
            // In a small table the unique index of a column is as good as the one that needs no sort.
            c.batch_execute("SET enable_incremental_sort = off").expect("a setting");
        }
        for column in COLUMNS.iter().filter(|column| column.by.is_some() && column.key != "id") {
            for sort in [column.key.to_string(), format!("-{}", column.key), format!("-{},city,-country", column.key)] {
                let load = |page: &Page, conn: &mut Conn| {
                    let set = Set { ids, near: &|| None, ways: WAYS[3] };
                    List::load_in(set, page, clock().stamp(), conn).expect("a list")
                };
                let plans = plans(&sort, "SELECT customers.id FROM", load, conn);
                // A few, given by their ids, are sorted: those on a page who are alike.
                let given = |plan: &&String| plan.contains("customers.id IN (") || plan.contains("customers.id = ANY");
                for plan in plans.iter().filter(|plan| !given(plan)) {
                    match conn {
                        Conn::Sqlite(_) => {
                            assert!(plan.contains("USING COVERING INDEX") && !plan.contains("TEMP B-TREE"), "{plan}")
                        }
                        Conn::Postgres(_) => {
                            // Among those who are alike and begin after an id near the last, the few ids that are left
                            // are as good a walk; which one is taken hangs on the statistics of so small a table.
                            let few = plan.contains("using customers_pkey") && plan.contains("Index Cond: (id ");
                            let along = plan.contains("Index Only Scan") || few;
                            assert!(along && !plan.contains("Sort"), "{plan}")
                        }
                    }
                }
            }
        }
    });
}

/// Where no set is known, the rows themselves are read in that order.
#[test]
fn the_database_sorts_no_more_than_those_who_are_alike_in_the_first_column() {
    for_each_planner(|_, conn| {
        let load =
            |page: &Page, conn: &mut Conn| List::load_by_sql(&Filter::everybody(&clock()), page, conn).expect("a list");
        for sort in ["name", "-country", "-created_at,-external_id", "country,name", "-last_seen_at,city,-total_spent"]
        {
            for plan in plans(sort, "SELECT customers.id, customers.name", load, conn) {
                match conn {
                    Conn::Sqlite(_) => {
                        let walk = plan.contains("USING INDEX customers_");
                        assert!(walk && !plan.contains("TEMP B-TREE FOR ORDER BY"), "{plan}")
                    }
                    Conn::Postgres(_) => {
                        let sorts = plan.matches("Sort").count() - plan.matches("Sort Key").count();
                        let alike = plan.contains(" = '") || sorts == plan.matches("Incremental").count();
                        assert!(plan.contains("using customers_") && alike, "{plan}")
                    }
                }
            }
        }
    });
}

#[derive(QueryableByName)]
struct Trigger {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sql: String,
}

/// SQLite takes customers without a phone for ones with the same phone. Whoever came was once looked for by reading them
/// all, so that an import took longer with each line.
#[test]
fn whoever_stands_in_the_way_of_a_row_is_found_by_its_keys_whatever_most_customers_lack() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    let lines: String = (0..3_000).map(|n| format!("p{n}@example.com,Person {n}\n")).collect();
    imports::import(&db, &format!("email,name\n{lines}"));
    db.write_now::<_, muster::db::Trouble>(|conn| {
        let Conn::Sqlite(c) = conn else { panic!("another database") };
        c.batch_execute("ANALYZE").expect("figures");
        let triggers: Vec<Trigger> =
            diesel::sql_query("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_replace'")
                .load(c)
                .expect("triggers");
        assert!(triggers.len() >= 6);
        for Trigger { name, sql } in triggers {
            let Some((_, asked)) = sql.split_once("SELECT 1, -1").or_else(|| sql.split_once("SELECT 6, 0")) else {
                continue;
            };
            let asked = asked.split(';').next().unwrap_or_default();
            let words = asked.split(' ').map(|word| match word.trim_end_matches('\n') {
                word if word.starts_with("NEW.") || word.starts_with("OLD.") => "?",
                word => word,
            });
            let asked = words.collect::<Vec<_>>().join(" ");
            let steps =
                diesel::sql_query(format!("EXPLAIN QUERY PLAN SELECT 1, -1{}", asked.replace("NEW.id\n", "?\n")));
            let steps: Vec<SqliteStep> = steps.load(c).unwrap_or_else(|error| panic!("{name}: {error}: {asked}"));
            assert!(steps.iter().any(|step| step.detail.contains("SEARCH")), "{name}");
            let read = steps.iter().find(|step| step.detail.starts_with("SCAN"));
            assert!(read.is_none(), "{name} reads everybody: {asked}");
        }
        Ok(())
    })
    .expect("it is looked at");
}
