//! The main path of bulk actions in a real browser: filter, tick all, all who match, a tag, the result, and back.

use crate::bulk::{crowd, ended, sums};
use crate::support::browser::{Browser, Driver};
use crate::support::{PASSWORD, Server, email_of, for_each_database, sqlite, world};
use muster::agents::Role;
use muster::bulk::State;
use muster::db::Db;
use thirtyfour::{By, Key};

fn browse(story: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(story);
}

/// The rows of the list, as they are read.
async fn rows(browser: &Browser) -> Vec<String> {
    let mut rows = Vec::new();
    for row in browser.driver.find_all(By::Css("table.list tbody tr")).await.unwrap_or_default() {
        rows.push(row.text().await.unwrap_or_default());
    }
    rows
}

async fn signed_in(driver: &Driver, server: &Server, plain: bool) -> Browser {
    server.hire(Role::Marketer);
    let site = server.site();
    let browser = if plain { driver.plain_browser(&site).await } else { driver.browser(&site).await };
    browser.sign_in(&email_of(Role::Marketer), PASSWORD).await;
    browser
}

async fn walk(db: &Db) {
    let server = Server::start(db);
    let driver = Driver::start();
    let marketer = signed_in(&driver, &server, false).await;
    let list = "/customers?filter=name%20starts%20with%20Person&sort=name";
    marketer.open(list).await;
    let before = rows(&marketer).await;
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
    assert_eq!(sums(db), (70, 0, 0));
    marketer.sees("table.list tbody tr", "Autumn").await;
    assert!(marketer.path().await.starts_with("/customers?filter=name starts with Person"));

    marketer.press("Undo").await;
    marketer.sees("#toasts", "Undone: 70 customers are as they were.").await;
    assert_eq!(rows(&marketer).await, before, "the list is as it was");
    assert_eq!(ended(db).state(), State::Undone);
    marketer.open("/bulk").await;
    marketer.sees("#bulk", "Add Autumn").await;
    assert_eq!(marketer.complaints().await, [""; 0]);
    marketer.close().await;
}

#[test]
fn all_who_match_get_a_tag_and_one_button_takes_it_back() {
    for_each_database(|db| {
        world(&db);
        crowd(&db, 70);
        browse(walk(&db));
    });
}

#[test]
fn it_works_without_a_script() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    let people = world(&db);
    let server = Server::start(&db);
    browse(async {
        let driver = Driver::start();
        let marketer = signed_in(&driver, &server, true).await;
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
        marketer.press("Undo").await;
        marketer.sees("#toasts", "Undone: 2 customers are as they were.").await;
        marketer.close().await;
    });
}
