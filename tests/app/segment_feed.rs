//! Who joined a segment and who left it: each change once, with its cause, whoever makes it and whatever is restarted.

use crate::support::browser::{Browser, Driver};
use crate::support::log::{run, stranger};
use crate::support::pages::change;
use crate::support::walks::{browse, signed_in};
use crate::support::{Server, audiences, for_each_database, world};
use chrono::{TimeDelta, Utc};
use diesel::prelude::*;
use fastrand::Rng;
use muster::agents::{Caller, Role};
use muster::db::schema::feed_members;
use muster::db::{Db, Trouble};
use muster::filters::Rule;
use muster::filters::fields::Fields;
use muster::filters::sets::{Sets, Snapshot};
use muster::segments::feed::{self, Follower, Move};
use muster::segments::{Kind, Segment, Wish};
use muster::workspace::Workspace;
use reqwest::blocking::Client;
use scraper::{Html, Selector};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use thirtyfour::{Key, TypingData};

fn segment(name: &str, filter: &str, db: &Db) -> Segment {
    let made = db.write_now(|conn| {
        let rule = Rule::read(filter, &Fields::load(conn)?)?;
        let clock = Workspace::load(conn)?.clock();
        let wish = Wish { name: name.into(), kind: Kind::Dynamic, rule: Some(rule), private: false };
        Segment::create(&wish, &Caller::command_line(), conn, &clock)
    });
    made.unwrap_or_else(|problem| panic!("{problem}"))
}

/// Everything in the feed, the newest first.
fn told(segment: &Segment, db: &Db) -> Vec<Move> {
    db.read_now::<_, Trouble>(|conn| Ok(feed::moves(segment.id, None, None, 10_000, conn)?)).expect("the feed")
}

/// `Di joined: the command line added VIP`
fn words(moves: &[Move]) -> Vec<String> {
    let word = |one: &Move| {
        let name = one.name.as_deref().unwrap_or("somebody");
        format!("{name} {}: {}", if one.joined { "joined" } else { "left" }, one.cause)
    };
    moves.iter().map(word).collect()
}

fn now_in(segment: &Segment, db: &Db) -> BTreeSet<i64> {
    let found = db.read_now::<_, Trouble>(|conn| {
        let clock = Workspace::load(conn)?.clock();
        let filter = segment.filter(conn, &clock)?;
        Ok(Snapshot::alone(conn).matching(&filter)?.iter().map(i64::from).collect())
    });
    found.expect("the members")
}

/// The feed as the page tells it, once it has so many lines.
fn page(path: &str, lines: usize, client: &Client, server: &Server) -> Vec<String> {
    let began = Instant::now();
    loop {
        let answer = client.get(server.url(path)).send().expect("an answer");
        assert_eq!(answer.status(), 200);
        let page = Html::parse_document(&answer.text().expect("a page"));
        let selector = Selector::parse("#feed .what").expect("a selector");
        let plain = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let found: Vec<String> = page.select(&selector).map(|node| plain(node.text().collect())).collect();
        if found.len() == lines {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{lines} lines wanted: {found:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_page_tells_who_came_and_went_a_moment_ago_and_why() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let (marketer, program) = (server.signed_in(Role::Marketer), server.program(Role::Agent));
        let path = format!("/segments/{}", segment("VIPs at home", "tags contains VIP and country is BR", &db).id);
        let feed = format!("{path}/feed");
        assert_eq!(page(&feed, 0, &marketer, &server), [""; 0]);
        // It begins with whoever is in it: until that was written down, nobody can join.
        std::thread::sleep(Duration::from_secs(3));

        let url = |path: &str| server.url(&format!("/api/v1/customers/{}{path}", people.di));
        let done = |request: reqwest::blocking::RequestBuilder| {
            assert!(request.send().expect("an answer").status().is_success());
        };
        done(program.patch(url("")).json(&json!({ "country": "BR" })));
        done(program.put(url("/tags/VIP")));
        let joined = page(&feed, 1, &marketer, &server);
        assert!(joined[0].starts_with("Di joined: ") && joined[0].ends_with("added VIP through the API"), "{joined:?}");
        done(program.patch(url("")).json(&json!({ "country": "SE" })));
        assert_eq!(page(&feed, 2, &marketer, &server)[0], "Di left: country was edited");
        done(program.patch(url("")).json(&json!({ "country": "BR" })));
        assert_eq!(page(&feed, 3, &marketer, &server)[0], "Di joined: country was edited");
        done(program.delete(url("/tags/VIP")));
        assert!(page(&feed, 4, &marketer, &server)[0].starts_with("Di left: "), "untagged");

        assert_eq!(change(&marketer, &server, &path, &[("filter", "tags contains VIP")]).status(), 200);
        let changed = page(&format!("{feed}?only=joined"), 4, &marketer, &server);
        assert!(changed[0].ends_with("joined: the filter was changed"), "{changed:?}");
    });
}

#[test]
fn every_move_is_told_once_whoever_follows_and_however_often_it_begins_anew() {
    for_each_database(|db| {
        let people = world(&db);
        let (vip, nested) = (segment("VIP", "tags contains VIP", &db), "segments in any of (VIP) or country is SE");
        let nested = segment("VIP or Swedish", nested, &db);
        let first = now_in(&nested, &db);
        let mut conn = stranger(&db);
        let (mut one, mut other) = (Follower::default(), Follower::default());
        let look = |follower: &mut Follower| follower.look(&Sets::new(db.clone(), None), &db).expect("a look");
        look(&mut one);
        assert_eq!(told(&nested, &db), [], "it begins with whoever is in it");

        let dice = &mut Rng::with_seed(5);
        let ids = [people.ana, people.bo, people.cy, people.di, people.eva];
        for _ in 0..60 {
            for _ in 0..dice.u8(1..4) {
                let id = ids[dice.usize(..ids.len())];
                let sql = match dice.u8(..4) {
                    0 => format!(
                        "INSERT INTO taggings (customer_id, tag_id, tagged_at, actor, source) \
                         SELECT {id}, id, '2026-09-08 15:00:00', 'Lena', 'profile' FROM tags WHERE name = 'VIP' \
                         ON CONFLICT DO NOTHING"
                    ),
                    1 => format!("DELETE FROM taggings WHERE customer_id = {id}"),
                    2 => format!("UPDATE customers SET country = 'SE' WHERE id = {id}"),
                    _ => format!("UPDATE customers SET country = NULL WHERE id = {id}"),
                };
                run(&sql, &mut conn);
            }
            match dice.u8(..4) {
                0 => look(&mut one),
                1 => look(&mut other),
                // As after a restart.
                2 => look(&mut Follower::default()),
                _ => {}
            }
        }
        // Whoever was overtaken reads all again first.
        (0..2).for_each(|_| look(&mut one));
        let mut within = first;
        for one in told(&nested, &db).iter().rev() {
            let news = if one.joined { within.insert(one.customer_id) } else { within.remove(&one.customer_id) };
            assert!(news, "told twice, or never came: {one:?}");
        }
        assert_eq!(within, now_in(&nested, &db));
        let said = words(&told(&vip, &db));
        assert!(said.iter().any(|words| words.ends_with("joined: Lena added VIP on the profile")), "{said:?}");
        assert!(said.iter().any(|words| words.ends_with("left: VIP was taken away")), "{said:?}");
        assert!(said.iter().all(|words| !words.contains("edited")), "no country is asked there: {said:?}");
    });
}

#[test]
fn a_step_that_was_not_finished_is_not_told_and_done_again() {
    for_each_database(|db| {
        let people = world(&db);
        let vip = segment("VIP", "tags contains VIP", &db);
        let look = || Follower::default().look(&Sets::new(db.clone(), None), &db).expect("a look");
        look();
        let mut conn = stranger(&db);
        // Half a step, as a process leaves it that is killed.
        run(
            &format!(
                "INSERT INTO segment_moves (segment_id, step, customer_id, joined, at, cause) \
                 SELECT {}, step + 1, {}, FALSE, '2026-09-08 15:00:00', 'half' FROM feed_state",
                vip.id, people.bo
            ),
            &mut conn,
        );
        assert_eq!(told(&vip, &db), []);
        run(&format!("DELETE FROM customers WHERE id = {}", people.ana), &mut conn);
        look();
        assert_eq!(words(&told(&vip, &db)), ["somebody left: was deleted"]);
        // The log was trimmed away: who moved is known all the same, only not why.
        run(&format!("DELETE FROM taggings WHERE customer_id = {}", people.cy), &mut conn);
        muster::db::changes::trim(0, &db).expect("trimmed");
        run("UPDATE feed_state SET version = 'sequence 0'", &mut conn);
        look();
        assert_eq!(words(&told(&vip, &db))[0], "Cy left: it happened while nobody was looking");
    });
}

#[test]
fn the_clock_moves_people_too() {
    for_each_database(|db| {
        let people = world(&db);
        let lately = segment("Tagged lately", "tags tagged VIP in the last 5 minutes", &db);
        let mut conn = stranger(&db);
        let soon = (Utc::now() - TimeDelta::minutes(5) + TimeDelta::milliseconds(1500)).format("%F %T%.6f");
        run(&format!("UPDATE taggings SET tagged_at = '{soon}' WHERE customer_id = {}", people.ana), &mut conn);
        let sets = Sets::new(db.clone(), None);
        let mut follower = Follower::default();
        follower.look(&sets, &db).expect("a look");
        assert_eq!(told(&lately, &db), []);
        let began = Instant::now();
        while told(&lately, &db).is_empty() && began.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(200));
            follower.look(&sets, &db).expect("a look");
        }
        assert_eq!(words(&told(&lately, &db)), ["Ana left: time passed"]);
    });
}

/// Waits until it is written down who was in each of so many segments: from then on somebody can join.
pub fn begun(segments: i64, db: &Db) {
    let began = Instant::now();
    let known = || db.read_now::<_, Trouble>(|conn| Ok(feed_members::table.count().get_result::<i64>(conn)?));
    while known().expect("the feeds") < segments {
        assert!(began.elapsed() < Duration::from_secs(20), "the feeds did not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Looks at the feed again until it tells this.
async fn tells(browser: &Browser, expected: &[&str]) {
    let what = format!("the feed tells {expected:?}");
    browser
        .until(&what, async |browser| {
            browser.driver.refresh().await.expect("a reload");
            browser.texts("#feed .what").await == expected
        })
        .await;
}

#[test]
fn somebody_is_tagged_and_untagged_and_the_feed_tells_who_did_it() {
    for_each_database(|db| {
        let people = world(&db);
        audiences(&db);
        let server = Server::start(&db);
        begun(3, &db);
        browse(async {
            let driver = Driver::start();
            let marketer = signed_in(&driver, &server, Role::Marketer).await;
            marketer.open("/customers").await;
            marketer.open_segment("VIPs").await;
            marketer.press("Joined and left").await;
            marketer.sees(".blank h2", "Nobody joined or left yet").await;

            let agent = signed_in(&driver, &server, Role::Agent).await;
            agent.open(&format!("/customers/{}", people.di)).await;
            agent.tab_to("[data-ahead]").await;
            agent.keys(TypingData::from("VIP") + Key::Enter).await;
            agent.sees(".picker", "VIP").await;
            tells(&marketer, &["Di joined: Ada Agent added VIP on the profile"]).await;
            marketer.sees("#feed-sums", "1 joined 0 left in the last 7 days").await;

            agent.click("[aria-label=\"Remove VIP\"]").await;
            let left = "Di left: Ada Agent took VIP away on the profile";
            tells(&marketer, &[left, "Di joined: Ada Agent added VIP on the profile"]).await;
            marketer.sees("#feed-sums", "1 joined 1 left in the last 7 days").await;
            marketer.press("Left").await;
            marketer.reads("#feed .what", &[left]).await;

            // From the line to whom it is about, and from there to why she is out now.
            marketer.press("Di").await;
            marketer.sees("h1", "Di").await;
            marketer.sees("#time", "Ada Agent removed VIP on the profile").await;
            marketer.click(&format!(".yn a[href='/segments/1/why?customer={}']", people.di)).await;
            marketer.sees("#why-answer", "She is not in VIPs.").await;
            for browser in [agent, marketer] {
                assert_eq!(browser.complaints().await, [""; 0]);
                browser.close().await;
            }
        });
    });
}
