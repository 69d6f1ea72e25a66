//! A campaign on its way while processes are killed, the database is away and its answers get lost: everybody is settled,
//! nobody gets it twice, and what nobody can know is told.

use super::support::campaigns::*;
use super::support::pages::{page, text, texts};
use super::support::sink::{Mail, Sink};
use super::support::*;
use diesel::prelude::*;
use muster::agents::Role;
use muster::campaigns::recipients::Status;
use muster::campaigns::{Campaign, State};
use muster::db::schema::campaign_recipients as recipients;
use muster::db::{Address, Db, Trouble};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

const PEOPLE: usize = 10_000;
const KILLS: usize = 20;
/// Messages side by side: so many may be on the way when a process is killed.
const SENDERS: usize = 16;

/// How many messages each process that is or was there has on the way.
fn on_the_way(db: &Db) -> HashMap<String, usize> {
    let held: Vec<Option<String>> = db
        .read_now::<_, Trouble>(|conn| {
            let sending = recipients::table.filter(recipients::status.eq(Status::Sending.key()));
            Ok(sending.select(recipients::held_by).load(conn)?)
        })
        .expect("the recipients");
    let mut count = HashMap::new();
    for holder in held {
        *count.entry(holder.expect("somebody has it on the way")).or_default() += 1;
    }
    count
}

#[test]
fn killed_at_twenty_moments_nobody_is_left_out_and_nobody_gets_it_twice() {
    for_each_database(|db| {
        let began = Instant::now();
        crowd_opted_in(&db, PEOPLE);
        let sink = Sink::start();
        let url = sink.url();
        // Slow enough that none of the twenty comes too late.
        let senders = SENDERS.to_string();
        let flags = ["--smtp-url", &url, "--email-rate", "30000", "--senders", &senders];
        let campaign = email_to(&db, "News", "tags contains VIP");
        launch(&db, &campaign).expect("it goes");
        println!("launched after {:?}", began.elapsed());

        let (mut dice, mut lost) = (7u64, HashSet::new());
        for _ in 0..KILLS {
            let program = Program::serve(&db, &flags);
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_millis(150 + (dice >> 33) % 700));
            program.kill();
            let on_the_way = on_the_way(&db);
            assert!(on_the_way.values().all(|count| *count <= SENDERS), "{on_the_way:?}");
            lost.extend(on_the_way.into_keys());
        }
        assert_eq!(now(&db, &campaign).state(), State::Sending, "the last one came too late to show anything");
        println!("killed after {:?}: {:?}", began.elapsed(), sums(&db, &campaign));

        let program = Program::serve(&db, &flags);
        done(&db, &campaign);
        let sums = sums(&db, &campaign);
        println!("done after {:?}: {sums:?}", began.elapsed());
        assert_eq!((sums.members(), sums.settled()), (PEOPLE as i64, PEOPLE as i64), "{sums:?}");
        let uncertain = nobody_twice(&db, &campaign, &sink);
        assert_eq!(uncertain.len() + sums.with(Status::Sent) as usize, PEOPLE, "{sums:?}");
        assert!(uncertain.len() <= lost.len() * SENDERS, "{} of {}", uncertain.len(), lost.len());
        assert!(lost.len() > KILLS / 2, "only {} of {KILLS} were killed while they sent", lost.len());

        // They are told, and only somebody who wants it so sends to them once more.
        let (marketer, here) = (program.signed_in(Role::Marketer), format!("/campaigns/{}", campaign.id));
        let shown = |path: &str| page(marketer.get(program.url(path)).send().expect("an answer"));
        let report = shown(&format!("{here}?status=uncertain"));
        assert_eq!(texts(&report, "td.who a").len(), uncertain.len().min(50));
        let told = text(&report, ".note-warn");
        assert!(told.contains(&format!("What became of {} is not known", uncertain.len())), "{told}");
        let before = sink.by_address();
        for one in &uncertain {
            let her = format!("{here}/recipients/{}", one.customer_id);
            assert!(text(&shown(&her), "#why").contains("not sent again by itself"));
            let again = marketer.post(program.url(&format!("{her}/again"))).send().expect("an answer");
            assert!(again.status().is_success(), "{}", again.status());
        }
        done(&db, &campaign);
        assert_eq!(super::support::campaigns::sums(&db, &campaign).with(Status::Sent) as usize, PEOPLE);
        let after = sink.by_address();
        let wanted: HashSet<_> = uncertain.iter().filter_map(|one| one.address.clone()).collect();
        let count = |mails: &HashMap<_, Vec<Mail>>, address| mails.get(address).map_or(0, Vec::len);
        for address in after.keys() {
            let more = usize::from(wanted.contains(address));
            assert_eq!(count(&after, address), count(&before, address) + more, "{address}");
        }
        let ids: HashSet<&str> = after.values().flatten().map(|mail| mail.id.as_str()).collect();
        assert_eq!(
            (after.len(), ids.len()),
            (PEOPLE, PEOPLE),
            "each has an id of her own, however often she is sent to"
        );
        let arrived = wanted.iter().filter(|address| before.contains_key(*address)).count();
        println!("{} uncertain, {arrived} of them had arrived; over after {:?}", uncertain.len(), began.elapsed());
    });
}

/// How many have it.
fn sent(db: &Db, campaign: &Campaign) -> i64 {
    sums(db, campaign).with(Status::Sent)
}

#[test]
fn while_the_database_is_away_it_waits_and_then_it_goes_on() {
    for_each_database(|db| {
        let began = Instant::now();
        crowd_opted_in(&db, 1_500);
        let sink = Sink::start();
        let url = sink.url();
        let flags = ["--smtp-url", &url, "--email-rate", "12000"];
        let campaign = email_to(&db, "News", "tags contains VIP");
        launch(&db, &campaign).expect("it goes");
        // Two: longer than a process that is alive may say nothing, and each finds what the other one holds.
        let _programs = [(); 2].map(|()| Program::serve(&db, &flags));
        until(&db, &campaign, "it does not begin", |campaign| sent(&db, campaign) > 200);
        away(&db, Duration::from_secs(20));
        let back = Instant::now();
        let meanwhile = sink.mails().len();
        assert!(meanwhile < 1_400, "it was over before: {meanwhile}");
        done(&db, &campaign);
        println!("on after {:?}, done {:?} later: {:?}", began.elapsed(), back.elapsed(), sums(&db, &campaign));
        // Whoever was taken for lost while her process could say nothing is settled by it.
        until(&db, &campaign, "somebody is uncertain", |campaign| sent(&db, campaign) == 1_500);
        assert!(nobody_twice(&db, &campaign, &sink).is_empty());
    });
}

#[test]
fn a_word_of_the_database_that_gets_lost_loses_nobody() {
    for_each_database(|db| {
        // Between a process and its file there is nothing that could break.
        let Address::Postgres(url) = db.address() else { return };
        crowd_opted_in(&db, 600);
        // What those said whose turn it is, is held: with that, claims end.
        let (sink, line) = (Sink::start(), Line::to(url, "FOR SHARE"));
        let smtp = sink.url();
        let campaign = email_to(&db, "News", "tags contains VIP");
        launch(&db, &campaign).expect("it goes");
        let _program = Program::serve_at(&db, line.url(), &["--smtp-url", &smtp, "--email-rate", "6000"]);
        let began = Instant::now();
        while now(&db, &campaign).state() != State::Done {
            assert!(began.elapsed() < Duration::from_secs(100), "{:?}", sums(&db, &campaign));
            // Not for ever: on a busy machine nothing would get through in between.
            if sent(&db, &campaign) > 20 && line.broken() < 12 {
                line.break_once();
            }
            std::thread::sleep(Duration::from_millis(700));
        }
        println!("broken {} times: {:?}", line.broken(), sums(&db, &campaign));
        assert!(line.broken() > 3, "only {} times", line.broken());
        assert_eq!(sent(&db, &campaign), 600, "{:?}", sums(&db, &campaign));
        assert!(nobody_twice(&db, &campaign, &sink).is_empty());
    });
}
