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
