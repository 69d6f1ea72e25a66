//! Campaigns as tests write them.

use super::clock;
use super::sink::Sink;
use muster::agents::Caller;
use muster::campaigns::audience::Audience;
use muster::campaigns::launch::{Guards, Order};
use muster::campaigns::reach::Reach;
use muster::campaigns::recipients::{Recipient, Status, Sums};
use muster::campaigns::{self, Campaign, Problem, State, Wish};
use muster::customers::Channel;
use muster::db::{Db, Trouble};
use muster::filters::Rule;
use muster::filters::fields::Fields;
use std::time::{Duration, Instant};

/// Nothing is asked twice.
pub const GUARDS: Guards = Guards { drift: 100_000_000, typed: 1_000 };

/// Customers of a file whose opt-ins can be proven.
pub fn opted_in(db: &Db, text: &str) {
    let done = super::imports::import_with(db, text, |plan| plan.consent_proof = Some("asked at the till".into()));
    assert_eq!(done.sums()[4], 0, "no line is rejected");
}

/// An email to whoever fits a filter.
pub fn email_to(db: &Db, name: &str, filter: &str) -> Campaign {
    let rule = Rule::read(filter, Fields::built_in()).expect("a filter");
    draft(db, name, Audience { filter: Some(rule.to_json()), ..Audience::default() })
}

pub fn draft(db: &Db, name: &str, audience: Audience) -> Campaign {
    let wish = Wish {
        name: name.into(),
        channel: Channel::Email,
        subject: "News for {{ customer.name | default(\"you\") }}".into(),
        body: "Hello {{ customer.name | default(\"there\") }}, there is news.".into(),
        html: String::new(),
        audience,
    };
    db.write_now::<_, Problem>(|conn| Campaign::create(&wish, &Caller::command_line(), conn, &clock()))
        .expect("a draft")
}

pub fn reach(db: &Db, campaign: &Campaign) -> Reach {
    db.read_now::<_, Trouble>(|conn| {
        let filter = campaign.audience().check(conn, &clock())?;
        Ok(Reach::of(&filter, campaign.channel(), &campaigns::key(conn)?, conn)?)
    })
    .expect("the sums")
}

pub fn launch(db: &Db, campaign: &Campaign) -> Result<Reach, String> {
    launch_as(db, campaign, &Order { version: campaign.version, approved: 1, typed: None }, &GUARDS)
}

pub fn launch_as(db: &Db, campaign: &Campaign, order: &Order, guards: &Guards) -> Result<Reach, String> {
    db.write_now::<_, Problem>(|conn| {
        let key = campaigns::key(conn)?;
        campaign.launch(order, guards, &key, &Caller::command_line(), conn, &clock())
    })
    .map_err(|problem| problem.to_string())
}

pub fn sums(db: &Db, campaign: &Campaign) -> Sums {
    db.read_now::<_, Trouble>(|conn| Ok(Sums::of(campaign.id, conn)?)).expect("the sums")
}

pub fn now(db: &Db, campaign: &Campaign) -> Campaign {
    db.read_now::<_, Trouble>(|conn| Ok(Campaign::find(campaign.id, conn)?)).expect("read").expect("it is there")
}

/// Waits for a campaign to be so, and gives it as it is then.
pub fn until(db: &Db, campaign: &Campaign, what: &str, mut over: impl FnMut(&Campaign) -> bool) -> Campaign {
    let began = Instant::now();
    loop {
        let campaign = now(db, campaign);
        if over(&campaign) {
            return campaign;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{what}: {:?} {:?}", campaign.state(), sums(db, &campaign));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until everybody has got it, or will not.
pub fn done(db: &Db, campaign: &Campaign) -> Campaign {
    until(db, campaign, "it does not end", |campaign| campaign.state() == State::Done)
}

/// So many people, who are called p0, p1, … and want mail.
pub fn crowd_opted_in(db: &Db, many: usize) {
    let lines: String = (0..many).map(|n| format!("p{n},p{n}@example.com,VIP,yes\n")).collect();
    opted_in(db, &format!("name,email,tags,email_opt_in\n{lines}"));
}

/// Everybody in the audience, at the launch.
pub fn everybody(db: &Db, campaign: &Campaign) -> Vec<Recipient> {
    db.read_now::<_, Trouble>(|conn| Ok(Recipient::list(campaign.id, None, None, 0, 100_000, conn)?))
        .expect("recipients")
}

/// Whoever is sent got one mail, whoever is uncertain one at most and all others none; the server took none besides. Gives
/// the uncertain ones.
pub fn nobody_twice(db: &Db, campaign: &Campaign, sink: &Sink) -> Vec<Recipient> {
    let mut mails = sink.by_address();
    let everybody = everybody(db, campaign);
    for one in &everybody {
        let got = mails.remove(one.address.as_deref().unwrap_or_default()).unwrap_or_default().len();
        let right = match one.status() {
            Status::Sent => got == 1,
            Status::Uncertain => got <= 1,
            _ => got == 0,
        };
        assert!(right, "{got} mails: {one:?}");
    }
    assert!(mails.is_empty(), "mail nobody was to get: {mails:?}");
    everybody.into_iter().filter(|one| one.status() == Status::Uncertain).collect()
}
