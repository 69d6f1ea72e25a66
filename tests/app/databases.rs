//! Both databases hold the same.

use crate::support::{for_each_database, world};
use diesel::prelude::*;
use muster::db::schema::{customers, taggings};
use muster::db::{Conn, Trouble};

#[test]
fn both_databases_hold_the_same_small_world() {
    for_each_database(|db| {
        world(&db);
        let (people, marks) = db
            .read_now::<_, Trouble>(|conn: &mut Conn| {
                Ok((
                    customers::table
                        .order(customers::name_folded)
                        .select(customers::name)
                        .load::<Option<String>>(conn)?,
                    taggings::table.count().get_result::<i64>(conn)?,
                ))
            })
            .expect("the customers");
        assert_eq!(people.into_iter().flatten().collect::<Vec<_>>(), ["Ana", "Bo", "Cy", "Di", "Eva"]);
        assert_eq!(marks, 6);
    });
}

#[test]
fn the_two_folders_of_migrations_have_the_same_names() {
    let names = |folder: &str| {
        let mut names: Vec<_> = std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
            .expect("a folder of migrations")
            .map(|entry| entry.expect("a migration").file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("migrations/sqlite"), names("migrations/postgres"));
}

#[derive(QueryableByName)]
struct Trigger {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

/// A migration that makes a table anew loses its triggers: the change log would miss what is written to it.
#[test]
fn every_table_that_conditions_read_tells_the_change_log() {
    for_each_database(|db| {
        let mut conn = db.conn().expect("a connection");
        let (triggers, more): (Vec<Trigger>, _) = match &mut *conn {
            Conn::Sqlite(c) => {
                let all = "SELECT tbl_name || ' ' || name AS name FROM sqlite_schema WHERE type = 'trigger'";
                (diesel::sql_query(all).load(c).expect("the triggers"), "")
            }
            Conn::Postgres(c) => {
                let all = "SELECT tgrelid::regclass || ' ' || tgname AS name FROM pg_trigger WHERE NOT tgisinternal";
                (diesel::sql_query(all).load(c).expect("the triggers"), "truncate")
            }
        };
        let told: Vec<String> = triggers.into_iter().map(|trigger| trigger.name).collect();
        let read = ["customers", "taggings", "consents", "segment_members", "custom_values", "purchases"];
        for table in read.into_iter().chain(["campaign_recipients", "conversations"]) {
            for kind in ["insert", "update", "delete", more].into_iter().filter(|kind| !kind.is_empty()) {
                let wanted = format!("{table} log_{table}_{kind}");
                assert!(told.contains(&wanted), "{wanted}: {told:?}");
            }
        }
        assert!(told.contains(&"tags log_tags_update".to_string()), "{told:?}");
    });
}
