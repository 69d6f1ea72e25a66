//! Whom a campaign reaches, and that it is launched once.

use super::support::campaigns::*;
use super::support::*;
use chrono::TimeDelta;
use muster::agents::Caller;
use muster::campaigns::audience::Audience;
use muster::campaigns::delivery::{Failure, Sent};
use muster::campaigns::desk::{self, Claim, Desk, Done, Terms};
use muster::campaigns::launch::{Guards, Order};
use muster::campaigns::reach::Why;
use muster::campaigns::receipt;
use muster::campaigns::recipients::{Recipient, Status};
use muster::campaigns::token::Token;
use muster::campaigns::{self, Campaign, Problem, State, optout};
use muster::customers::{Channel, Consent, Customer, set_consent};
use muster::db::{Db, Trouble};
use muster::segments::Segment;
use muster::tags::{self, Mark, Source, Tag};
use std::sync::Barrier;

#[test]
fn an_audience_adds_up() {
    for_each_database(|db| {
        world(&db);
        let vips = email_to(&db, "VIPs", "tags contains VIP");
        let sums = reach(&db, &vips);
        assert_eq!((sums.members, sums.reachable, sums.excluded()), (3, 2, vec![(Why::NotOptedIn, 1)]));
        let all = reach(&db, &email_to(&db, "All", "everyone"));
        assert_eq!((all.members, all.reachable), (5, 2));
        assert_eq!(all.excluded(), [(Why::NoAddress, 1), (Why::OptedOut, 1), (Why::NotOptedIn, 1)]);
    });
}

#[test]
fn segments_are_taken_in_and_left_out_and_one_that_is_gone_reaches_nobody() {
    for_each_database(|db| {
        world(&db);
        audiences(&db);
        let id = |name: &str| {
            let all = db.read_now::<_, Trouble>(|conn| Ok(Segment::every(conn)?)).expect("segments");
            all.into_iter().find(|segment| segment.name == name).expect("a segment").id
        };
        let (vips, picked) = (id("VIPs"), id("Picked"));
        let both = draft(&db, "Both", Audience { include: vec![vips, picked], ..Audience::default() });
        assert_eq!(reach(&db, &both).members, 4, "Ana, Cy, Eva and Di: Ana is in both and counts once");
        let less = draft(&db, "Less", Audience { include: vec![vips], exclude: vec![picked], ..Audience::default() });
        assert_eq!(reach(&db, &less).members, 2, "Cy and Eva");
        db.write_now::<_, Trouble>(|conn| {
            use diesel::prelude::*;
            use muster::db::schema::segments;
            diesel::delete(segments::table.find(picked)).execute(conn)?;
            Ok(())
        })
        .expect("it is deleted");
        assert_eq!(reach(&db, &less).members, 0, "leaving nobody out would be worse than sending to nobody");
        let told = launch(&db, &less).expect_err("it is refused");
        assert!(told.contains("deleted"), "{told}");
        assert_eq!(now(&db, &less).state(), State::Draft);
        assert_eq!(sums(&db, &less).members(), 0, "and nothing is left of it");
    });
}

#[test]
fn after_the_launch_nothing_changes_who_gets_it_but_opting_out() {
    for_each_database(|db| {
        let people = world(&db);
        let campaign = email_to(&db, "VIPs", "tags contains VIP");
        launch(&db, &campaign).expect("it goes");
        db.write_now::<_, Trouble>(|conn| {
            let mark = Mark::of(&Caller::command_line(), Source::Profile, clock().stamp());
            let vip = Tag::find("VIP", conn)?.expect("VIP").id;
            tags::add(people.bo, vip, &mark, conn)?;
            set_consent(people.bo, Channel::Email, Consent::OptedIn, &by(&clock()), conn)?;
            tags::remove(people.ana, vip, &mark, conn)?;
            // Whoever was not opted in at the launch does not get it by opting in.
            set_consent(people.cy, Channel::Email, Consent::OptedIn, &by(&clock()), conn)?;
            set_consent(people.eva, Channel::Email, Consent::OptedOut, &by(&clock()), conn)?;
            Ok(())
        })
        .expect("changes");
        let claims = claim(&db, "one", 10);
        assert_eq!(claims.iter().map(|claim| claim.customer).collect::<Vec<_>>(), [people.ana]);
        let eva = recipient(&db, &campaign, people.eva);
        assert_eq!((eva.status(), eva.reason.as_deref()), (Status::Skipped, Some("opted_out")));
        assert_eq!(recipient(&db, &campaign, people.cy).status(), Status::Excluded);
        let told = db
            .write_now::<_, Problem>(|conn| {
                let wish = muster::campaigns::Wish {
                    name: "Other".into(),
                    channel: Channel::Email,
                    subject: String::new(),
                    body: String::new(),
                    html: String::new(),
                    audience: Audience::default(),
                };
                campaign.change(&wish, 1, &Caller::command_line(), conn, &clock())
            })
            .expect_err("what was said stays");
        assert!(told.to_string().contains("changed"), "{told}");
    });
}

#[test]
fn two_impatient_people_launch_it_once() {
    for_each_database(|db| {
        world(&db);
        let campaign = email_to(&db, "VIPs", "tags contains VIP");
        let together = Barrier::new(2);
        let launched: Vec<Result<_, String>> = std::thread::scope(|scope| {
            let press = || {
                together.wait();
                launch(&db, &campaign)
            };
            let both = [scope.spawn(press), scope.spawn(press)];
            both.into_iter().map(|one| one.join().expect("somebody")).collect()
        });
        assert_eq!(launched.iter().filter(|one| one.is_ok()).count(), 1, "{launched:?}");
        let told = launched.into_iter().find_map(Result::err).expect("the other is told");
        assert!(told.contains("launched this campaign already"), "{told}");
        assert_eq!((sums(&db, &campaign).members(), sums(&db, &campaign).recipients()), (3, 2));
    });
}

#[test]
fn a_launch_stops_where_a_person_should_look_again() {
    for_each_database(|db| {
        world(&db);
        let campaign = email_to(&db, "VIPs", "tags contains VIP");
        let order = |approved, typed| Order { version: campaign.version, approved, typed };
        let guards = Guards { drift: 20, typed: 40 };
        let told = launch_as(&db, &campaign, &order(9, None), &guards).expect_err("nine were agreed to");
        assert!(told.contains("was to go to 9") && told.contains("would go to 2"), "{told}");
        let told = launch_as(&db, &campaign, &order(2, None), &guards).expect_err("two of five are many");
        assert!(told.contains("Type 2"), "{told}");
        let told = launch_as(&db, &campaign, &Order { version: 7, ..order(2, Some(2)) }, &guards)
            .expect_err("another draft was looked at");
        assert!(told.contains("changed this campaign meanwhile"), "{told}");
        assert_eq!(now(&db, &campaign).state(), State::Draft);
        launch_as(&db, &campaign, &order(2, Some(2)), &guards).expect("now it goes");
        let nobody = email_to(&db, "Nobody", "name is Di");
        let told = launch(&db, &nobody).expect_err("she has no address");
        assert!(told.contains("Nobody would get this"), "{told}");
    });
}

fn terms() -> Terms {
    Terms { rates: [None; 3], patience: TimeDelta::seconds(60) }
}

fn at_desk<T>(
    db: &Db,
    holder: &str,
    work: impl FnOnce(&Desk<'_>, &mut muster::db::Conn) -> diesel::QueryResult<T>,
) -> T {
    db.write_now::<_, Trouble>(|conn| {
        let key = campaigns::key(conn)?;
        Ok(work(&Desk { holder, key: &key, terms: &terms() }, conn)?)
    })
    .expect("the desk")
}

fn claim(db: &Db, holder: &str, most: usize) -> Vec<Claim> {
    at_desk(db, holder, |desk, conn| desk.claim(most, clock().stamp(), conn))
}

fn settle(db: &Db, holder: &str, claim: &Claim, done: Done) {
    at_desk(db, holder, |desk, conn| desk.settle(&[(claim.clone(), done)], clock().stamp(), conn));
}

fn recipient(db: &Db, campaign: &Campaign, customer: i64) -> Recipient {
    let found = db.read_now::<_, Trouble>(|conn| Ok(Recipient::find(campaign.id, customer, conn)?));
    found.expect("read").expect("a recipient")
}

fn sent() -> Done {
    Ok(Sent { said: "250 taken".into() })
}

#[test]
fn a_message_of_unknown_fate_is_told_and_never_sent_again_by_itself() {
    for_each_database(|db| {
        let people = world(&db);
        let campaign = email_to(&db, "VIPs", "tags contains VIP");
        launch(&db, &campaign).expect("it goes");
        let first = claim(&db, "gone", 1).pop().expect("somebody's turn");
        assert_eq!((first.customer, first.attempt), (people.ana, 1));
        let later = clock().stamp() + TimeDelta::minutes(5);
        db.write_now::<_, Trouble>(|conn| Ok(desk::give_up_lost(later, conn)?)).expect("it is given up");
        assert_eq!(recipient(&db, &campaign, people.ana).status(), Status::Uncertain);
        let second = claim(&db, "other", 10);
        assert_eq!(second.iter().map(|claim| claim.customer).collect::<Vec<_>>(), [people.eva], "Ana is left alone");
        // It was only slow, and nobody has written to her since.
        settle(&db, "gone", &first, sent());
        assert_eq!(recipient(&db, &campaign, people.ana).status(), Status::Sent);
        // Whoever never had her cannot say anything about her.
        settle(&db, "other", &Claim { customer: people.ana, ..first.clone() }, Err(Failure::Permanent("no".into())));
        assert_eq!(recipient(&db, &campaign, people.ana).status(), Status::Sent);
        settle(&db, "other", &second[0], Err(Failure::Unknown("the line broke".into())));
        let eva = recipient(&db, &campaign, people.eva);
        assert_eq!((eva.status(), eva.said.as_deref()), (Status::Uncertain, Some("the line broke")));
        // Somebody decides to send it once more.
        let again = |customer| {
            db.write_now::<_, Trouble>(|conn| Ok(Recipient::again(campaign.id, customer, clock().stamp(), conn)?))
                .expect("asked")
        };
        assert!(again(people.eva) && !again(people.ana), "what was sent is not repeated");
        let third = claim(&db, "other", 10).pop().expect("her turn again");
        assert_eq!((third.customer, third.attempt), (people.eva, 2));
        settle(&db, "other", &third, sent());
        db.write_now::<_, Trouble>(|conn| Ok(desk::finish(clock().stamp(), conn)?)).expect("finished");
        assert_eq!(now(&db, &campaign).state(), State::Done);
        let sums = sums(&db, &campaign);
        assert_eq!((sums.members(), sums.with(Status::Sent), sums.with(Status::Excluded)), (3, 2, 1));
        assert_eq!(receipt::words(&now(&db, &campaign)).as_deref(), Some("2 of 3: 1 did not opt in"));
    });
}

#[test]
fn who_cannot_be_reached_just_now_is_tried_later_and_given_up_in_the_end() {
    for_each_database(|db| {
        let people = world(&db);
        let campaign = email_to(&db, "Ana", "name is Ana");
        launch(&db, &campaign).expect("it goes");
        let mut at = clock().stamp();
        let mut waits = Vec::new();
        for attempt in 1..=6 {
            let claims = at_desk(&db, "one", |desk, conn| desk.claim(5, at, conn));
            assert_eq!(claims.iter().map(|claim| claim.attempt).collect::<Vec<_>>(), [attempt]);
            let busy = || Err(Failure::Temporary("451 busy".into()));
            at_desk(&db, "one", |desk, conn| desk.settle(&[(claims[0].clone(), busy())], at, conn));
            let ana = recipient(&db, &campaign, people.ana);
            if attempt < 6 {
                assert_eq!(ana.status(), Status::Waiting);
                assert!(at_desk(&db, "one", |desk, conn| desk.claim(5, at, conn)).is_empty(), "not before its time");
                waits.push((ana.due_at - at).num_minutes());
                at = ana.due_at;
            } else {
                assert_eq!((ana.status(), ana.said.as_deref()), (Status::Failed, Some("451 busy")));
            }
        }
        assert_eq!(waits, [1, 4, 16, 64, 256]);
        let tried =
            db.read_now::<_, Trouble>(|conn| Ok(campaigns::recipients::history(campaign.id, people.ana, conn)?));
        assert_eq!(tried.expect("a history").len(), 6);
    });
}

#[test]
fn a_channel_goes_no_faster_than_it_may() {
    for_each_database(|db| {
        world(&db);
        let campaign = email_to(&db, "All", "email is not empty");
        db.write_now::<_, Trouble>(|conn| {
            for id in 1..=5 {
                set_consent(id, Channel::Email, Consent::OptedIn, &by(&clock()), conn)?;
            }
            Ok(())
        })
        .expect("everybody opts in");
        launch(&db, &campaign).expect("it goes");
        let slow = Terms { rates: [Some(60), None, None], patience: TimeDelta::seconds(60) };
        let mut when = clock().stamp();
        let mut taken = Vec::new();
        for _ in 0..4 {
            let claims = db
                .write_now::<_, Trouble>(|conn| {
                    let key = campaigns::key(conn)?;
                    Ok(Desk { holder: "one", key: &key, terms: &slow }.claim(9, when, conn)?.len())
                })
                .expect("claims");
            taken.push(claims);
            when += TimeDelta::milliseconds(500);
        }
        assert_eq!(taken, [1, 0, 1, 0], "sixty a minute are one a second");
    });
}

#[test]
fn leaving_outlives_the_customer_and_an_old_file() {
    for_each_database(|db| {
        let people = world(&db);
        let campaign = email_to(&db, "VIPs", "tags contains VIP");
        launch(&db, &campaign).expect("it goes");
        let token = Token { campaign: campaign.id, customer: people.ana, channel: Channel::Email };
        db.write_now::<_, Trouble>(|conn| {
            let key = campaigns::key(conn)?;
            Ok(optout::leave(&token, &key, clock().stamp(), conn)?)
        })
        .expect("she leaves");
        let ana = recipient(&db, &campaign, people.ana);
        assert!(ana.unsubscribed_at.is_some());
        assert!(claim(&db, "one", 9).iter().all(|claim| claim.customer != people.ana));
        db.write_now::<_, Trouble>(|conn| {
            Customer::delete(people.ana, conn)?;
            Ok(())
        })
        .expect("she is deleted");
        // A file from before has her, opted in.
        opted_in(&db, "name,email,email_opt_in,tags\nAna again,ANA@example.com,yes,VIP\n");
        let again = reach(&db, &email_to(&db, "Again", "name is \"Ana again\""));
        assert_eq!((again.reachable, again.excluded()), (0, vec![(Why::OptedOut, 1)]));
    });
}

#[test]
fn whoever_an_earlier_campaign_reached_is_left_out() {
    for_each_database(|db| {
        let people = world(&db);
        let first = email_to(&db, "First", "name is Ana");
        launch(&db, &first).expect("it goes");
        let claims = claim(&db, "one", 9);
        let audience = Audience { minus: vec![first.id], ..email_to(&db, "Second", "tags contains VIP").audience() };
        let second = draft(&db, "Second without the first", audience);
        assert_eq!(reach(&db, &second).members, 3, "she has not got it yet");
        settle(&db, "one", &claims[0], sent());
        assert_eq!(claims[0].customer, people.ana);
        let sums = reach(&db, &second);
        assert_eq!((sums.members, sums.reachable, sums.excluded()), (2, 1, vec![(Why::NotOptedIn, 1)]));
    });
}
