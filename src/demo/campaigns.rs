//! What Nordlicht Outdoor wrote to its customers: one campaign that went out, one that will, one that is being written.

use super::fill::Desk;
use crate::agents::{Caller, Role};
use crate::campaigns::audience::Audience;
use crate::campaigns::launch::{Guards, Order};
use crate::campaigns::reach::Reach;
use crate::campaigns::recipients::Status;
use crate::campaigns::token::Token;
use crate::campaigns::{self, Campaign, Problem, State, Wish, optout};
use crate::customers::Channel;
use crate::db::schema::{campaign_attempts as attempts, campaign_recipients as recipients, campaigns as table};
use crate::db::{Conn, Trouble};
use crate::segments::Segment;
use crate::workspace::Clock;
use chrono::{Days, NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use fastrand::Rng;

/// Name, subject, text, the segments it goes to.
type Letter = (&'static str, &'static str, &'static str, &'static [&'static str]);

const SENT: Letter = (
    "Autumn in the huts",
    "{{ customer.name | default(\"Hello\") }}, the huts are quiet now",
    "Hej {{ customer.name | default(\"there\") }},\n\nfrom October on the huts have room again, and the trails are dry. \
     We put together six tours of three days, with what to pack for each.\n\nSee you outside\nNordlicht Outdoor\n",
    &["Newsletter Nordics"],
);
const PLANNED: Letter = (
    "Boots care",
    "Twenty minutes that give your boots two more winters",
    "Hello {{ customer.name | default(\"there\") }},\n\nyour boots have walked far. Wash, wax and dry them once before the \
     snow: we show how, and the wax is 20 % off this week.\n\nNordlicht Outdoor\n",
    &["Boots buyers, quiet for 90 days"],
);
const DRAFT: Letter = (
    "First snow: early access",
    "{{ customer.name | default(\"Hello\") }}, the winter collection is yours a day early",
    "Hello {{ customer.name | default(\"there\") }},\n\nyou are one of our best customers in \
     {{ customer.city | default(\"the north\") }}. Tomorrow the winter collection opens for everybody; for you it is open \
     now.\n\nMika from Nordlicht Outdoor\n",
    &["VIP customers"],
);

/// The share of those whose mailbox is gone, and of those who leave.
const GONE: f64 = 0.012;
const LEFT: f64 = 0.008;

/// With dice of their own, so that the rest of the world stays as it is.
pub fn campaigns(seed: u64, clock: &Clock, desks: &[Desk], conn: &mut Conn) -> QueryResult<()> {
    let Some(desk) = desks.iter().find(|desk| desk.role == Role::Marketer) else { return Ok(()) };
    let caller = Caller {
        agent_id: Some(desk.agent_id),
        name: desk.name.clone(),
        role: desk.role,
        may_send: true,
        may_export: true,
        token: false,
    };
    let made = write(seed, clock, &caller, conn);
    made.map_err(|problem| match problem {
        Problem::Failed(Trouble::Query(error)) => error,
        told => diesel::result::Error::SerializationError(told.to_string().into()),
    })
}

fn write(seed: u64, clock: &Clock, caller: &Caller, conn: &mut Conn) -> Result<(), Problem> {
    let mut dice = Rng::with_seed(seed ^ 0x5eed);
    let morning = clock.midnight(clock.today() - Days::new(19)) + TimeDelta::minutes(612);
    let then = Clock { now: morning.and_utc(), zone: clock.zone };
    let sent = letter(&SENT, caller, conn, &then)?;
    if let Some(order) = order(&sent, conn, &then)? {
        let key = campaigns::key(conn)?;
        sent.launch(&order, &UNASKED, &key, caller, conn, &then)?;
        deliver(sent.id, then.stamp(), &mut dice, conn)?;
    }
    let yesterday = Clock { now: clock.now - TimeDelta::hours(20), zone: clock.zone };
    let planned = letter(&PLANNED, caller, conn, &yesterday)?;
    if let Some(order) = order(&planned, conn, clock)? {
        let nine = clock.midnight(clock.today() + Days::new(2)) + TimeDelta::hours(9);
        planned.schedule(nine, &order, &UNASKED, caller, conn, clock)?;
    }
    letter(&DRAFT, caller, conn, clock).map(drop)
}

/// Nobody asks for numbers in a made-up world.
const UNASKED: Guards = Guards { drift: u32::MAX, typed: u32::MAX };

fn letter(
    (name, subject, body, to): &Letter,
    caller: &Caller,
    conn: &mut Conn,
    clock: &Clock,
) -> Result<Campaign, Problem> {
    let segments = Segment::every(conn)?;
    let include = segments.iter().filter(|one| to.contains(&one.name.as_str())).map(|one| one.id).collect();
    let wish = Wish {
        name: (*name).into(),
        channel: Channel::Email,
        subject: (*subject).into(),
        body: (*body).into(),
        html: String::new(),
        audience: Audience { include, ..Audience::default() },
    };
    Campaign::create(&wish, caller, conn, clock)
}

/// To as many as there are; `None` for a world so small that nobody would get it.
fn order(campaign: &Campaign, conn: &mut Conn, clock: &Clock) -> Result<Option<Order>, Problem> {
    let filter = campaign.audience().check(conn, clock)?;
    let reach = Reach::of(&filter, campaign.channel(), &campaigns::key(conn)?, conn)?;
    let approved = reach.reachable;
    Ok((approved > 0).then_some(Order { version: campaign.version, approved, typed: Some(approved) }))
}

/// It went out, three a second; some mailboxes were gone, and some of those who read it left.
fn deliver(campaign: i64, began: NaiveDateTime, dice: &mut Rng, conn: &mut Conn) -> Result<(), Problem> {
    let waiting = recipients::table
        .filter(recipients::campaign_id.eq(campaign))
        .filter(recipients::status.eq(Status::Waiting.key()));
    let all: Vec<i64> = waiting.order(recipients::customer_id).select(recipients::customer_id).load(conn)?;
    let key = campaigns::key(conn)?;
    let mut at = began;
    for customer in all {
        at += TimeDelta::milliseconds(dice.i64(200..450));
        let (status, reason, said) = match dice.f64() < GONE {
            true => (Status::Failed, Some("refused"), "550 5.1.1 no such mailbox"),
            false => (Status::Sent, None, "250 2.0.0 Ok: queued"),
        };
        diesel::update(recipients::table.find((campaign, customer)))
            .set((
                recipients::status.eq(status.key()),
                recipients::reason.eq(reason),
                recipients::said.eq(said),
                recipients::attempts.eq(1),
                recipients::settled_at.eq(at),
            ))
            .execute(conn)?;
        diesel::insert_into(attempts::table)
            .values((
                attempts::campaign_id.eq(campaign),
                attempts::customer_id.eq(customer),
                attempts::attempt.eq(1),
                attempts::at.eq(at),
                attempts::outcome.eq(status.key()),
                attempts::said.eq(said),
            ))
            .execute(conn)?;
        if status == Status::Sent && dice.f64() < LEFT {
            let left = at + TimeDelta::minutes(dice.i64(7..4_000));
            optout::leave(&Token { campaign, customer, channel: Channel::Email }, &key, left, conn)?;
        }
    }
    diesel::update(table::table.find(campaign))
        .set((table::state.eq(State::Done.key()), table::finished_at.eq(at)))
        .execute(conn)?;
    Ok(())
}
