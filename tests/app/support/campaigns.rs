//! Campaigns as tests write them.

use super::clock;
use muster::agents::Caller;
use muster::campaigns::audience::Audience;
use muster::campaigns::launch::{Guards, Order};
use muster::campaigns::reach::Reach;
use muster::campaigns::recipients::Sums;
use muster::campaigns::{self, Campaign, Problem, Wish};
use muster::customers::Channel;
use muster::db::{Db, Trouble};
use muster::filters::Rule;
use muster::filters::fields::Fields;

/// Nothing is asked twice.
pub const GUARDS: Guards = Guards { drift: 1_000, typed: 1_000 };

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
