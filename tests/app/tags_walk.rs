//! Tags that end and tags of a family, in a real browser: what is put on, what is read of it, and how it goes.

use crate::support::browser::Browser;
use crate::support::walks::{signed_in, walk};
use crate::support::{for_each_database, world};
use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use muster::agents::Role;
use muster::db::schema::taggings;
use muster::db::{Db, Trouble};
use thirtyfour::{Key, TypingData};

/// Tags somebody with the keyboard alone.
async fn tag(browser: &Browser, typed: &str) {
    browser.tab_to("[data-ahead]").await;
    browser.keys(TypingData::from(typed) + Key::Enter).await;
}

/// Makes a tag of the family Status through the form.
async fn make_status(browser: &Browser, name: &str) {
    browser.open("/tags").await;
    browser.press("New tag").await;
    browser.fill("#name", name).await;
    browser.fill("#family", "Status").await;
    browser.press("Add tag").await;
    browser.sees("#tags", name).await;
}

/// Gives the one tag of a customer another end.
fn let_it_end(customer: i64, end: NaiveDateTime, db: &Db) {
    let changed = db.write_now::<_, Trouble>(|conn| {
        let hers = taggings::table.filter(taggings::customer_id.eq(customer));
        Ok(diesel::update(hers).set(taggings::expires_at.eq(end)).execute(conn)?)
    });
    assert_eq!(changed.expect("the end"), 1);
}

#[test]
fn a_tag_for_a_week_says_so_and_leaves_every_count_at_the_moment_it_ends() {
    for_each_database(|db| {
        let people = world(&db);
        walk(&db, async |driver, server| {
            let agent = signed_in(driver, server, Role::Agent).await;
            let profile = format!("/customers/{}", people.di);
            agent.open("/customers").await;
            agent.press("Di").await;
            agent.sees("h1", "Di").await;
            tag(&agent, "FollowUp-Call for 7 days").await;
            agent.reads(".picker .chip", &["FollowUp-Call"]).await;
            agent.sees(".names .why", "Ada Agent, on the profile, ").await;
            agent.sees(".names .why", "; 7 days left, until ").await;
            let hover = agent.find(".picker .chip").await.attr("title").await.expect("a title").unwrap_or_default();
            assert!(
                hover.starts_with("Ada Agent, on the profile, ") && hover.contains("; 7 days left, until "),
                "{hover}"
            );
            agent.sees("#time", "Ada Agent added FollowUp-Call on the profile").await;

            let marketer = signed_in(driver, server, Role::Marketer).await;
            marketer.open("/customers?filter=tags contains FollowUp-Call").await;
            marketer.lists("Di").await;
            let end = Utc::now().naive_utc() + TimeDelta::milliseconds(2_500);
            let_it_end(people.di, end, &db);
            // Nobody does anything from here on but look.
            let mut before = 0;
            loop {
                let asked = Utc::now().naive_utc();
                marketer.driver.refresh().await.expect("a reload");
                let count = marketer.count().await;
                if Utc::now().naive_utc() < end {
                    assert_eq!(count, 1, "it has not ended yet");
                    before += 1;
                } else if asked >= end {
                    assert_eq!(count, 0, "it has ended");
                    break;
                }
            }
            assert!(before > 0, "somebody looked before it ended");
            marketer.sees("#results", "Nobody matches").await;

            agent.open(&profile).await;
            agent.sees("#time", "FollowUp-Call ran out").await;
            agent.reads(".picker .chip", &[]).await;
            for browser in [agent, marketer] {
                assert_eq!(browser.complaints().await, [""; 0]);
                browser.close().await;
            }
        });
    });
}

#[test]
fn a_new_tag_of_a_family_takes_the_place_of_the_old_and_the_history_says_so() {
    for_each_database(|db| {
        let people = world(&db);
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            make_status(&marketer, "Pending").await;
            make_status(&marketer, "Called").await;
            marketer.press("Families2").await;
            marketer.sees("#tags", "Pending Status").await;
            assert_eq!(marketer.texts("#tags td.who").await, ["Called Status", "Pending Status"]);

            let agent = signed_in(driver, server, Role::Agent).await;
            agent.open(&format!("/customers/{}", people.ana)).await;
            tag(&agent, "Pending").await;
            agent.reads(".picker .chip", &["Pending", "VIP"]).await;
            agent.keys(TypingData::from("Called") + Key::Enter).await;
            agent.reads(".picker .chip", &["Called", "VIP"]).await;
            agent.sees("#time", "Ada Agent replaced Pending by another of its family on the profile").await;
            agent.sees("#time", "Ada Agent added Called on the profile").await;

            marketer.open("/customers?filter=tags contains Called").await;
            marketer.lists("Ana").await;
            marketer.open("/customers?filter=tags contains Pending").await;
            marketer.sees("#results", "Nobody matches").await;
            for browser in [agent, marketer] {
                assert_eq!(browser.complaints().await, [""; 0]);
                browser.close().await;
            }
        });
    });
}
