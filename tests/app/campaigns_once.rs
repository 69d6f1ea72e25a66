//! A campaign is launched once, to those who were meant then, whoever presses the button and whatever happens to segments
//! and tags; only opting out counts to the last moment.

use super::support::campaigns::*;
use super::support::pages::{fields, page};
use super::support::sink::Sink;
use super::support::*;
use diesel::prelude::*;
use muster::agents::Role;
use muster::campaigns::audience::Audience;
use muster::campaigns::recipients::{Recipient, Status};
use muster::campaigns::token::Token;
use muster::campaigns::{self, Campaign, State, optout};
use muster::customers::{By, Channel, Consent, set_consent};
use muster::db::schema::campaign_recipients as recipients;
use muster::db::{Db, Trouble};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::{Barrier, LazyLock, Mutex};

/// Presses launch four times at once, in two browsers at each of two processes; gives what is read there.
fn pressed(programs: &[Program; 2], campaign: &Campaign, typed: &str) -> Vec<String> {
    let path = format!("/campaigns/{}/launch", campaign.id);
    let programs = programs.iter().chain(programs);
    let people: Vec<_> = programs.map(|program| (program, program.signed_in(Role::Marketer))).collect();
    let form = |(program, client): &(&Program, reqwest::blocking::Client)| {
        let ask = page(client.get(program.url(&path)).send().expect("an answer"));
        let mut form = fields(&ask, "#launch");
        form.retain(|(name, _)| name != "typed");
        form.push(("typed".into(), typed.into()));
        form
    };
    let forms: Vec<_> = people.iter().map(form).collect();
    let together = Barrier::new(4);
    let press = |which: usize| {
        let (program, client) = &people[which];
        together.wait();
        let answer = client.post(program.url(&path)).form(&forms[which]).send().expect("an answer");
        answer.text().expect("a page")
    };
    std::thread::scope(|scope| {
        let presses: Vec<_> = (0..4).map(|which| scope.spawn(move || press(which))).collect();
        presses.into_iter().map(|press| press.join().expect("an answer")).collect()
    })
}

#[test]
fn two_impatient_people_at_two_processes_launch_it_once() {
    for_each_database(|db| {
        crowd_opted_in(&db, 400);
        let sink = Sink::start();
        let url = sink.url();
        let programs = [(); 2].map(|()| Program::serve(&db, &["--smtp-url", &url]));
        let mut both = false;
        for round in 1..=4 {
            let campaign = email_to(&db, "News", "tags contains VIP");
            let read = pressed(&programs, &campaign, "400");
            let told = |words: &str| read.iter().filter(|page| page.contains(words)).count();
            assert_eq!(told("On its way to 400 people."), 1, "{read:?}");
            assert_eq!(told("launched this campaign already"), 3, "{read:?}");
            until(&db, &campaign, "it does not end", |campaign| {
                let holders: Vec<Option<String>> = db
                    .read_now::<_, Trouble>(|conn| {
                        let sending = recipients::table.filter(recipients::status.eq(Status::Sending.key()));
                        Ok(sending.select(recipients::held_by).distinct().load(conn)?)
                    })
                    .expect("who sends");
                both |= holders.len() == 2;
                campaign.state() == State::Done
            });
            let sums = sums(&db, &campaign);
            assert_eq!((sums.members(), sums.with(Status::Sent)), (400, 400), "{sums:?}");
            let mails = sink.by_address();
            assert_eq!(mails.len(), 400);
            assert!(mails.values().all(|mails| mails.len() == round), "each gets each of them once");
        }
        assert!(both, "both processes send");
    });
}

/// The ids of those who have a status.
fn with(db: &Db, campaign: &Campaign, status: Status) -> HashSet<i64> {
    everybody(db, campaign).iter().filter(|one| one.status() == status).map(|one| one.customer_id).collect()
}

#[test]
fn what_happens_to_segments_and_tags_after_the_launch_changes_nothing() {
    for_each_database(|db| {
        crowd_opted_in(&db, 60);
        hire(&db, Role::Marketer);
        let sink = Sink::start();
        let url = sink.url();
        let slow = Program::serve(&db, &["--smtp-url", &url, "--email-rate", "60"]);
        let agent = program(&db, Role::Admin);
        let segment = |name: &str| {
            let body = json!({"name": name, "kind": "dynamic", "filter": "tags contains VIP"});
            let made = agent.post(slow.url("/api/v1/segments")).json(&body).send().expect("an answer");
            made.json::<Value>().expect("a segment")["id"].as_i64().expect("its number")
        };
        let (edited, deleted) = (segment("VIP"), segment("Very important"));
        let campaign = draft(&db, "News", Audience { include: vec![edited, deleted], ..Audience::default() });
        launch(&db, &campaign).expect("it goes");
        until(&db, &campaign, "it does not begin", |campaign| sums(&db, campaign).with(Status::Sent) > 0);

        let changed = json!({"filter": "city contains Nowhere"});
        let answers = [
            agent.patch(slow.url(&format!("/api/v1/segments/{edited}"))).json(&changed).send(),
            agent.delete(slow.url(&format!("/api/v1/segments/{deleted}"))).send(),
        ];
        let untagged = (31..=60).map(|id| agent.delete(slow.url(&format!("/api/v1/customers/{id}/tags/VIP"))).send());
        for answer in answers.into_iter().chain(untagged) {
            let answer = answer.expect("an answer");
            assert!(answer.status().is_success(), "{} {}", answer.url(), answer.status());
        }
        // Somebody who has the tag from now on does not get it; those who leave do not either.
        opted_in(&db, "name,email,tags,email_opt_in\nLate,late@example.com,VIP,yes\n");
        for id in [58, 59, 60] {
            assert_eq!(leaves_by_link(&slow, &campaign, id), 200);
        }
        let early = sums(&db, &campaign).with(Status::Sent);
        assert!(early < 40, "too late to show anything: {early}");
        slow.kill();

        let _quick = Program::serve(&db, &["--smtp-url", &url]);
        done(&db, &campaign);
        assert_eq!(with(&db, &campaign, Status::Skipped), HashSet::from([58, 59, 60]));
        assert!(nobody_twice(&db, &campaign, &sink).len() <= 8, "what was on the way when the first was killed");
        assert_eq!(everybody(&db, &campaign).len(), 60);
        let got = sink.by_address();
        assert!(got.len() >= 49 && !got.contains_key("late@example.com"), "{:?}", got.keys());
    });
}

/// One request of a mail program.
fn leaves_by_link(program: &Program, campaign: &Campaign, customer: i64) -> u16 {
    let key = program.db.read_now::<_, Trouble>(|conn| Ok(campaigns::key(conn)?)).expect("the key");
    let link = Token { campaign: campaign.id, customer, channel: Channel::Email }.seal(&key);
    static MAILER: LazyLock<reqwest::blocking::Client> = LazyLock::new(reqwest::blocking::Client::new);
    let ask = MAILER.post(program.url(&format!("/unsubscribe/{link}")));
    let answer = ask.form(&[("List-Unsubscribe", "One-Click")]).send().expect("an answer");
    assert!(answer.url().path().starts_with("/unsubscribe/"), "{}", answer.url());
    answer.status().as_u16()
}

/// The ways to opt out.
#[derive(Clone, Copy)]
enum Way {
    Link,
    Page,
    Colleague,
}

/// Somebody who opted out: where she stood in the campaign when that was committed, and when it was.
#[derive(Debug)]
struct Left {
    customer: i64,
    stood: Status,
    at: f64,
}

/// Opts somebody out. By the link she stands where the next question finds her. Otherwise it is asked in the very transaction
/// that opts her out: at its end, in front of all others, she is either claimed or not.
fn leaves(program: &Program, campaign: &Campaign, customer: i64, way: Way) -> Left {
    let db = &program.db;
    let stands = |conn: &mut _| {
        let one = Recipient::find(campaign.id, customer, conn)?.expect("she is in it");
        Ok::<_, Trouble>(one.status())
    };
    let at = chrono::Utc::now().naive_utc();
    let stood = match way {
        Way::Link => {
            assert_eq!(leaves_by_link(program, campaign, customer), 200);
            db.read_now(stands).expect("her row")
        }
        Way::Page => db
            .write_now::<_, Trouble>(|conn| {
                let token = Token { campaign: campaign.id, customer, channel: Channel::Email };
                optout::leave(&token, &campaigns::key(conn)?, at, conn)?;
                stands(conn)
            })
            .expect("she leaves"),
        Way::Colleague => db
            .write_now::<_, Trouble>(|conn| {
                set_consent(customer, Channel::Email, Consent::OptedOut, &By { at, ..by(&clock()) }, conn)?;
                stands(conn)
            })
            .expect("she leaves"),
    };
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs_f64();
    Left { customer, stood, at }
}

/// The first who waits: those after her are about to be claimed.
fn next(db: &Db, campaign: &Campaign) -> Option<i64> {
    db.read_now::<_, Trouble>(|conn| {
        let waiting = recipients::table
            .filter(recipients::campaign_id.eq(campaign.id))
            .filter(recipients::status.eq(Status::Waiting.key()))
            .order((recipients::due_at, recipients::customer_id));
        Ok(waiting.select(recipients::customer_id).first(conn).optional()?)
    })
    .expect("the recipients")
}

/// A thousand opt out while it goes, most of them just before their turn. What is compared: whether her message was claimed
/// when her opting out was committed. Clocks could not tell, since a mail that is claimed may be at the server a moment
/// later; that is the one race there is, and it is asserted that it is no other: whoever was not claimed gets nothing, and
/// whoever got it after her opting out was on the way.
#[test]
fn whoever_opts_out_gets_nothing_that_was_not_on_its_way() {
    for_each_database(|db| {
        let began = std::time::Instant::now();
        crowd_opted_in(&db, 3_000);
        hire(&db, Role::Marketer);
        let sink = Sink::start();
        let url = sink.url();
        let programs = [(); 2].map(|()| Program::serve(&db, &["--smtp-url", &url, "--email-rate", "3000"]));
        let campaign = email_to(&db, "News", "tags contains VIP");
        launch(&db, &campaign).expect("it goes");
        let (left, taken) = (Mutex::new(Vec::new()), Mutex::new(HashSet::new()));
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let (left, taken, programs, campaign, db) = (&left, &taken, &programs, &campaign, &db);
                scope.spawn(move || {
                    let ways = [Way::Link, Way::Page, Way::Colleague];
                    for turn in 0..250u64 {
                        let Some(next) = next(db, campaign) else { return };
                        let ahead = ((turn * 7 + thread * 3) % 41) as i64;
                        let mut free = next + ahead..=3_000;
                        let Some(customer) = free.find(|id| taken.lock().expect("them").insert(*id)) else { return };
                        let program = &programs[(turn % 2) as usize];
                        let gone = leaves(program, campaign, customer, ways[(turn % 3) as usize]);
                        left.lock().expect("them").push(gone);
                    }
                });
            }
        });
        let left = left.into_inner().expect("them");
        println!("left after {:?}: {:?}", began.elapsed(), sums(&db, &campaign));
        assert_eq!(left.len(), 1_000);
        // For the others nobody has to wait.
        let _quick = Program::serve(&db, &["--smtp-url", &url]);
        done(&db, &campaign);
        assert!(nobody_twice(&db, &campaign, &sink).is_empty());

        let (mails, skipped) = (sink.by_address(), with(&db, &campaign, Status::Skipped));
        let (mut waited, mut on_the_way, mut raced) = (0, 0, 0);
        for gone in &left {
            let got = mails.get(&format!("p{}@example.com", gone.customer - 1)).and_then(|mails| mails.first());
            match gone.stood {
                Status::Waiting | Status::Skipped => {
                    waited += 1;
                    assert!(got.is_none() && skipped.contains(&gone.customer), "{gone:?}: {got:?}");
                }
                Status::Sending => on_the_way += 1,
                // Written down before she was gone, so the server had it.
                _ => assert!(got.is_some_and(|mail| mail.at <= gone.at), "{gone:?}: {got:?}"),
            }
            if got.is_some_and(|mail| mail.at > gone.at) {
                raced += 1;
                assert_eq!(gone.stood, Status::Sending, "{gone:?}: {got:?}");
            }
        }
        println!("{waited} waited, {on_the_way} were on the way, {raced} of them got it after they had left");
        println!("over after {:?}: {:?}", began.elapsed(), sums(&db, &campaign));
        assert!(waited > 400, "only {waited} were in time to show anything");
        assert_eq!(sums(&db, &campaign).with(Status::Sent) as usize + skipped.len(), 3_000);
    });
}
