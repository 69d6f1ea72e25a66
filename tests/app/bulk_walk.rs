//! The main path of bulk actions in a real browser: filter, tick all, all who match, a tag, the result, and back.

use crate::bulk::{crowd, ended, sums};
use crate::support::walks::{signed_in, signed_in_plain, walk};
use crate::support::{for_each_database, sqlite, world};
use muster::agents::Role;
use muster::bulk::State;
use thirtyfour::Key;

/// Each row of the list.
const ROWS: &str = "table.list tbody tr";

#[test]
fn all_who_match_get_a_tag_and_one_button_takes_it_back() {
    for_each_database(|db| {
        world(&db);
        crowd(&db, 70);
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            let list = "/customers?filter=name%20starts%20with%20Person&sort=name";
            marketer.open(list).await;
            let before = marketer.texts(ROWS).await;
            assert_eq!((marketer.count().await, before.len()), (70, 50));

            marketer.click("[data-pick-all]").await;
            marketer.sees("[data-bulk-count]", "50 selected").await;
            marketer.press("all 70 matching").await;
            marketer.sees("[data-bulk-count]", "70 selected").await;
            marketer.press("Add tags").await;
            marketer.sees("h1", "Add tags to 70 customers").await;
            marketer.click("#bulk-tag").await;
            marketer.keys("Autumn").await;
            marketer.sees("#bulk-ahead", "Create “Autumn”").await;
            marketer.keys(Key::Enter + "").await;
            marketer.sees("#bulk-button", "Add Autumn to 70 customers").await;
            marketer.settled().await;
            marketer.click("#bulk-button").await;
            marketer.sees("#toasts", "Autumn added to 70 customers. 70 changed, 0 already so, 0 failed.").await;
            assert_eq!(sums(&db), (70, 0, 0));
            marketer.sees("table.list tbody tr", "Autumn").await;
            assert!(marketer.path().await.starts_with("/customers?filter=name starts with Person"));

            marketer.press("Undo").await;
            marketer.sees("#toasts", "Undone: 70 customers are as they were.").await;
            assert_eq!(marketer.texts(ROWS).await, before, "the list is as it was");
            assert_eq!(ended(&db).state(), State::Undone);
            // Where all that was done is listed, for whoever has second thoughts tomorrow.
            marketer.press("Bulk actions").await;
            marketer.sees("#bulk", "Add Autumn").await;
            marketer.sees("#bulk .pill", "undone").await;
            assert_eq!(marketer.complaints().await, [""; 0]);
            marketer.close().await;
        });
    });
}

#[test]
fn on_a_phone_all_who_match_are_offered_with_the_first_tick() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    world(&db);
    crowd(&db, 70);
    walk(&db, async |driver, server| {
        let marketer = signed_in(driver, server, Role::Marketer).await;
        marketer.look(390, 844, true).await;
        marketer.open("/customers?filter=name%20starts%20with%20Person&sort=name").await;
        let second = "table.list tr:nth-child(2) input[name=id]";
        marketer.find(second).await.scroll_into_view().await.expect("she is scrolled to");
        marketer.click(second).await;
        marketer.sees("[data-bulk-count]", "1 selected").await;
        marketer.press("all 70 matching").await;
        marketer.sees("[data-bulk-count]", "70 selected").await;
        // One that is not meant after all.
        marketer.click(second).await;
        marketer.sees("[data-bulk-count]", "49 selected").await;
        marketer.press("all 70 matching").await;
        marketer.press("Add tags").await;
        marketer.sees("h1", "Add tags to 70 customers").await;
        assert_eq!(marketer.complaints().await, [""; 0]);
        marketer.close().await;
    });
}

#[test]
fn it_works_without_a_script() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    let people = world(&db);
    walk(&db, async |driver, server| {
        let marketer = signed_in_plain(driver, server, Role::Marketer).await;
        marketer.open("/customers").await;
        marketer.click(&format!("#customer-{} input[name=id]", people.ana)).await;
        marketer.click(&format!("#customer-{} input[name=id]", people.di)).await;
        marketer.press("Add tags").await;
        marketer.sees("h1", "Add tags to 2 customers").await;
        marketer.fill("#bulk-tag", "Plain").await;
        marketer.press("Add tag").await;
        marketer.sees("#bulk-button", "Add Plain to 2 customers").await;
        marketer.click("#bulk-button").await;
        marketer.sees("#toasts", "Plain added to 2 customers.").await;
        assert_eq!(sums(&db), (2, 0, 0));
        marketer.press("Look at it").await;
        marketer.sees("h1", "Add Plain").await;
        marketer.press("Undo").await;
        marketer.sees("#toasts", "Undone: 2 customers are as they were.").await;
        marketer.close().await;
    });
}
