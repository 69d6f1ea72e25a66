//! The list of segments in a real browser: one is made of a list of keys, found, sorted, copied and put aside; and
//! members come and go by hand, where that is possible.

use crate::support::browser::Browser;
use crate::support::walks::{signed_in, walk};
use crate::support::{audiences, for_each_database, world};
use chrono::{TimeDelta, Utc};
use diesel::prelude::*;
use muster::agents::Role;
use muster::db::schema::segments;
use muster::db::{Db, Trouble};
use muster::segments::sizes;

/// The names in the list of segments, in order.
const LISTED: &str = "#segments .seg-name a";

/// Ten days ago somebody alone was in this segment.
fn was_smaller(name: &str, db: &Db) {
    db.write_now::<_, Trouble>(|conn| {
        let id: i64 = segments::table.filter(segments::name.eq(name)).select(segments::id).first(conn)?;
        let today = Utc::now().with_timezone(&chrono_tz::America::Sao_Paulo).date_naive();
        Ok(sizes::put(&[(id, 1)], today - TimeDelta::days(10), conn)?)
    })
    .expect("a size");
}

/// Guests, made of a pasted list in which two lines are nobody.
async fn paste(browser: &Browser) {
    browser.press("Segments").await;
    browser.press("From a list").await;
    browser.fill("#name", "Guests").await;
    browser.fill("#list", "ana@example.com\nc3\nnobody@example.com\nANA@example.com\nc99").await;
    browser.press("Add whoever is found").await;
    browser.sees("h1", "2 customers joined Guests").await;
    let sum = browser.texts("dl.sum dd").await;
    assert_eq!(sum, ["2", "0", "1", "2", "0", "0", "5"], "every line once");
    browser.reads("#unknown-lines li", &["line 3 nobody@example.com", "line 5 c99"]).await;
    // What was not found is there to be corrected.
    browser.fill("#list", "bo@example.org\nc99").await;
    browser.press("Add whoever is found").await;
    browser.sees("h1", "1 customer joined Guests").await;
    browser.reads("#unknown-lines li", &["line 2 c99"]).await;
    browser.press("Open the segment").await;
    browser.sees("h1", "Guests").await;
    browser.lists("Ana, Bo, Cy").await;
    browser.sees("#sentence", "Made of a list of 5 lines on ").await;
}

/// What the list tells of each.
async fn look(browser: &Browser) {
    browser.press("Segments").await;
    browser.reads(LISTED, &["Guests", "Picked", "VIPs", "VIPs in Brazil"]).await;
    browser.reads("#segments .pill", &["Static", "Static", "Dynamic", "Dynamic"]).await;
    browser.reads("#segments td.num strong", &["3", "2", "3", "1"]).await;
    let said = browser.texts("#segments .seg-say").await;
    assert!(said[0].starts_with("Made of a list of 5 lines on "), "{said:?}");
    assert_eq!(said[2], "Tagged VIP");
    assert_eq!(browser.texts("#segments .owner").await[0], "Mara Marketer");
    let line = browser.find("#segments tr:nth-child(2) svg.spark").await.attr("aria-label").await;
    let line = line.expect("a line").unwrap_or_default();
    assert!(line.ends_with(": 1, now 2"), "{line}");
}

async fn search_and_sort(browser: &Browser) {
    browser.click("[data-find]").await;
    browser.keys("brazil").await;
    browser.reads(LISTED, &["VIPs in Brazil"]).await;
    browser.fill("[data-find]", "nothing like it").await;
    browser.sees("#list h2", "No segment has “nothing like it” in it").await;
    browser.press("Show all segments").await;
    browser.press("Static2").await;
    browser.reads(LISTED, &["Guests", "Picked"]).await;
    browser.press("All4").await;
    browser.reads(LISTED, &["Guests", "Picked", "VIPs", "VIPs in Brazil"]).await;
    browser.click("#segments thead a[href*='sort=size']").await;
    browser.reads("#segments td.num strong", &["3", "3", "2", "1"]).await;
}

async fn copy_and_put_aside(browser: &Browser) {
    browser.press("Guests").await;
    browser.press("Duplicate").await;
    browser.sees("h1", "Change Guests copy").await;
    browser.fill("#name", "Guests of May").await;
    browser.press("Save segment").await;
    browser.sees("h1", "Guests of May").await;
    browser.lists("Ana, Bo, Cy").await;
    browser.press("Archive").await;
    browser.sees(".head-meta", "Static, archived").await;
    browser.press("Segments").await;
    browser.reads(LISTED, &["Guests", "Picked", "VIPs", "VIPs in Brazil"]).await;
    browser.press("Archived1").await;
    browser.reads(LISTED, &["Guests of May"]).await;
    browser.press("Guests of May").await;
    browser.press("Bring back").await;
    browser.until("it is back", async |browser| !browser.text(".head-meta").await.contains("archived")).await;
}

#[test]
fn segments_are_made_of_a_list_found_sorted_copied_and_put_aside() {
    for_each_database(|db| {
        world(&db);
        audiences(&db);
        was_smaller("Picked", &db);
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            paste(&marketer).await;
            look(&marketer).await;
            search_and_sort(&marketer).await;
            copy_and_put_aside(&marketer).await;
            assert_eq!(marketer.complaints().await, [""; 0]);
            marketer.close().await;
        });
    });
}

#[test]
fn members_are_added_and_removed_by_hand_and_only_in_a_static_segment() {
    for_each_database(|db| {
        let people = world(&db);
        audiences(&db);
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            marketer.open("/customers").await;
            marketer.click(&format!("#customer-{} input[name=id]", people.bo)).await;
            marketer.sees("[data-bulk-count]", "1 selected").await;
            marketer.press("Add to segment").await;
            marketer.choose("#segment", "Picked").await;
            marketer.click("#bulk-button").await;
            marketer.sees("#toasts", "1 changed, 0 already so, 0 failed.").await;
            marketer.press("Segments").await;
            marketer.press("Picked").await;
            marketer.lists("Ana, Bo, Di").await;
            marketer.click(&format!("#customer-{} input[name=id]", people.ana)).await;
            marketer.press("Remove from segment").await;
            marketer.lists("Bo, Di").await;
            marketer.sees("#segment-count", "2").await;

            // A dynamic one has whom its filter gives it.
            marketer.press("Segments").await;
            marketer.press("VIPs").await;
            marketer.lists("Ana, Cy, Eva").await;
            for css in ["#result", "input[name=id]", "[href*='segments/list?segment']"] {
                assert!(!marketer.has(css).await, "{css}");
            }
            marketer.open("/segments/list").await;
            assert_eq!(marketer.texts("#list-segment option").await, ["New static segment", "Picked"]);
            assert_eq!(marketer.complaints().await, [""; 0]);
            marketer.close().await;
        });
    });
}
