//! What Nordlicht Outdoor and its customers say to each other: some wait for an answer, some are done.

use super::fill::Desk;
use crate::agents::Role;
use crate::conversations::{Kind, Medium, Said, State, acts, arriving, say};
use crate::customers::Customer;
use crate::db::Conn;
use crate::db::schema::{canned_replies, conversations as talks, customers};
use crate::fold::key;
use crate::workspace::Clock;
use chrono::TimeDelta;
use diesel::prelude::*;

/// Who says it, and what.
type Line = (Kind, &'static str);
use Kind::{In, Note, Out};

/// How long ago the last of it was said, in minutes; over what; what becomes of it; and all that was said, minutes apart.
struct Talk {
    ago: i64,
    medium: Medium,
    state: State,
    taken: bool,
    said: &'static [Line],
}

const fn talk(ago: i64, medium: Medium, state: State, taken: bool, said: &'static [Line]) -> Talk {
    Talk { ago, medium, state, taken, said }
}

#[rustfmt::skip]
const TALKS: &[Talk] = &[
    talk(3, Medium::Chat, State::Open, true, &[
        (In, "Hello! I bought the Kaiserjoch boots in May. They rub at the left heel on longer tours."),
        (Out, "Hello, sorry about your heel. Was that with the insole that came with them, or your own?"),
        (In, "With my own. I have narrow heels, the shop in Hamburg fitted them."),
        (Note, "Exchange them, even after 90 days: she has been with us for years."),
        (In, "Can I still exchange them?")]),
    talk(16, Medium::Whatsapp, State::Open, false, &[(Out, "The invoice is on its way to you."), (In, "Danke, the invoice is here now.")]),
    talk(41, Medium::Chat, State::Open, false, &[(In, "Is the Vienna store open on the 15th?")]),
    talk(66, Medium::Email, State::Open, true, &[(In, "I would like to send the tent back, it is too small for four."), (Out, "Of course. I have sent the return label to your address.")]),
    talk(95, Medium::Sms, State::Open, false, &[(In, "Two places for the workshop on Saturday, please")]),
    talk(140, Medium::Email, State::Open, false, &[(In, "We need 40 pairs until the end of October. What would that cost?\n\nBest regards\nAlpine school")]),
    talk(190, Medium::Whatsapp, State::Open, true, &[(In, "Is size 43 back?"), (Out, "Size 43 is back on Thursday. Shall I put a pair aside?")]),
    talk(60 * 22, Medium::Chat, State::Open, false, &[(In, "Do you repair zips?"), (In, "It is the red jacket from 2021")]),
    talk(60 * 26, Medium::Email, State::Snoozed, true, &[(In, "When does the new catalogue come?"), (Out, "Next week. I write to you when it is here.")]),
    talk(60 * 28, Medium::Chat, State::Closed, true, &[(In, "Where is my parcel?"), (Out, "It reached the depot in your town this morning."), (In, "Thank you, that was quick!")]),
    talk(60 * 24 * 3, Medium::Email, State::Closed, true, &[(In, "Trail club card: mine has the wrong name."), (Out, "A new one is on its way."), (In, "It is here. Thanks.")]),
    talk(60 * 24 * 9, Medium::Sms, State::Closed, false, &[(In, "STOP")]),
];

const REPLIES: [(&str, &str); 3] = [
    ("Opening hours", "Our shops are open from Monday to Saturday, 10:00 to 19:00."),
    (
        "Return label",
        "Hello {{ customer.name | default(\"there\") }},\n\nyour return label is attached to your order. Put the parcel into any post office; \
         the money is back within five days.",
    ),
    ("Thanks", "Thank you, {{ customer.name | default(\"and see you soon\") }}."),
];

pub fn conversations(clock: &Clock, desks: &[Desk], conn: &mut Conn) -> QueryResult<()> {
    let Some(agent) = desks.iter().find(|desk| desk.role == Role::Agent) else { return Ok(()) };
    for (name, body) in REPLIES {
        let row = (
            canned_replies::name.eq(name),
            canned_replies::name_key.eq(key(name)),
            canned_replies::body.eq(body),
            canned_replies::actor.eq(&agent.name),
            canned_replies::updated_at.eq(clock.stamp()),
        );
        diesel::insert_into(canned_replies::table).values(row).execute(conn)?;
    }
    // Whoever can be reached both ways, and not the very first.
    let people: Vec<Customer> = customers::table
        .filter(customers::email.is_not_null().and(customers::phone.is_not_null()).and(customers::name.is_not_null()))
        .order(customers::id)
        .offset(7)
        .limit(TALKS.len() as i64)
        .select(Customer::as_select())
        .load(conn)?;
    for (customer, talk) in people.iter().zip(TALKS) {
        told(customer, talk, agent, clock, conn)?;
    }
    Ok(())
}

fn told(customer: &Customer, talk: &Talk, agent: &Desk, clock: &Clock, conn: &mut Conn) -> QueryResult<()> {
    let ended = clock.stamp() - TimeDelta::minutes(talk.ago);
    let many = talk.said.len() as i64;
    let at = |index: usize| ended - TimeDelta::minutes(4 * (many - 1 - index as i64));
    let mut conversation = arriving::begin(customer.id, talk.medium, None, at(0), conn)?;
    let called = customer.called();
    for (index, (kind, body)) in talk.said.iter().enumerate() {
        let hers = *kind == In;
        let said = Said {
            kind: *kind,
            author: if hers { &called } else { &agent.name },
            agent_id: (!hers).then_some(agent.agent_id),
            body,
            at: at(index),
            external_id: None,
            address: None,
        };
        let id = say(&conversation, &said, conn)?;
        if hers {
            conversation.last_in = id;
        } else {
            acts::read(conversation.id, agent.agent_id, id, conn)?;
        }
    }
    let until = (talk.state == State::Snoozed).then(|| clock.stamp() + TimeDelta::days(4));
    diesel::update(talks::table.find(conversation.id))
        .set((
            talks::state.eq(talk.state.key()),
            talks::agent_id.eq(talk.taken.then_some(agent.agent_id)),
            talks::snoozed_until.eq(until),
            talks::closed_at.eq((talk.state == State::Closed).then_some(ended)),
        ))
        .execute(conn)
        .map(drop)
}
