//! What comes back: a message that did not arrive, or that its reader called spam. Whom it is about is read from the id of
//! the message, which only we can make; an address that a report names counts for nothing. The same report twice changes
//! nothing more.

use super::desk::{self, Note};
use super::dsn::{Kind, Report};
use super::optout::{self, Reason};
use super::reach::Why;
use super::recipients::{Recipient, Status};
use super::token::Token;
use super::{Campaign, key, mail};
use crate::agents::{Caller, audit};
use crate::db::Conn;
use crate::db::dialect::{self, Queue};
use crate::db::schema::{campaign_attempts, campaign_recipients};
use crate::workspace::Clock;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

/// What a report came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heeded {
    /// The address gets nothing any more.
    Bounced,
    /// Nor does she, whatever her address.
    Complained,
    /// It may still arrive: it stands in her history.
    Delayed,
    /// The same was reported before.
    Known,
    /// It is about no message that was sent from here.
    NotOurs,
}

impl Heeded {
    pub fn key(self) -> &'static str {
        match self {
            Heeded::Bounced => "bounced",
            Heeded::Complained => "complained",
            Heeded::Delayed => "delayed",
            Heeded::Known => "known",
            Heeded::NotOurs => "not_ours",
        }
    }

    /// In a sentence, for whoever reported it.
    pub fn words(self) -> &'static str {
        match self {
            Heeded::Bounced => "it bounced: nothing more goes to that address",
            Heeded::Complained => "she complained: nothing more goes to her",
            Heeded::Delayed => "it is delayed: that stands in her history",
            Heeded::Known => "the same was reported before: nothing was changed",
            Heeded::NotOurs => "no message with this id was sent from here: nothing was changed",
        }
    }

    /// What her history says. A new word needs no migration, and is shown as it is.
    fn of(kind: Kind) -> Heeded {
        match kind {
            Kind::Failed => Heeded::Bounced,
            Kind::Delayed => Heeded::Delayed,
            Kind::Complaint => Heeded::Complained,
        }
    }
}

/// Somebody we wrote to.
struct Written {
    campaign: Campaign,
    recipient: Recipient,
}

impl Written {
    /// Whom the message with this id was sent to. The same report may come twice at once: the second waits for the first, as
    /// whoever claims waits for both.
    fn find(message_id: &str, key: &key::Key, conn: &mut Conn) -> QueryResult<Option<Written>> {
        let Some((campaign, customer)) = mail::meant_by(message_id, key.for_messages()) else { return Ok(None) };
        dialect::one_at_a_time(conn, Queue::Leaving)?;
        // An id is known to others once a message went out with it; before, nobody can have one.
        let hers = Recipient::meant(campaign, customer, conn)?.filter(|hers| hers.attempts > 0);
        let Some(recipient) = hers else { return Ok(None) };
        let campaign = Campaign::find(campaign, conn)?;
        Ok(campaign.map(|campaign| Written { campaign, recipient }))
    }

    fn was_told(&self, what: Heeded, said: &str, conn: &mut Conn) -> QueryResult<bool> {
        let told = campaign_attempts::table
            .filter(campaign_attempts::campaign_id.eq(self.recipient.campaign_id))
            .filter(campaign_attempts::customer_id.eq(self.recipient.customer_id))
            .filter(campaign_attempts::outcome.eq(what.key()))
            // One that is delayed again for another reason is something new.
            .filter(campaign_attempts::said.eq(said).or(campaign_attempts::outcome.ne(Heeded::Delayed.key())));
        diesel::select(diesel::dsl::exists(told)).get_result(conn)
    }

    fn note(&self, what: Heeded, said: &str, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
        let Recipient { campaign_id, customer_id, attempts, .. } = self.recipient;
        desk::write(&[Note::of((campaign_id, customer_id, attempts), at, what.key(), said)], conn)
    }

    /// Of whatever stood there before: a report may overtake the desk, which leaves settled ones alone.
    fn stands(&self, (status, why): (Status, Why), said: &str, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
        let row = campaign_recipients::table.find((self.recipient.campaign_id, self.recipient.customer_id));
        diesel::update(row)
            .set((
                campaign_recipients::status.eq(status.key()),
                campaign_recipients::reason.eq(why.key()),
                campaign_recipients::said.eq(said),
                campaign_recipients::held_until.eq(None::<NaiveDateTime>),
                campaign_recipients::settled_at.eq(self.recipient.settled_at.unwrap_or(at)),
            ))
            .execute(conn)
            .map(drop)
    }

    fn bounced(&self, said: &str, key: &key::Key, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
        if let Some(address) = &self.recipient.address {
            let (channel, campaign) = (self.campaign.channel(), Some(self.campaign.id));
            optout::suppress(key, channel, address, Reason::Bounced, campaign, at, conn)?;
        }
        self.stands((Status::Failed, Why::Bounced), said, at, conn)
    }

    /// It did arrive, whatever was known of it.
    fn complained(&self, said: &str, key: &key::Key, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
        let Recipient { campaign_id, customer_id, .. } = self.recipient;
        let token = Token { campaign: campaign_id, customer: customer_id, channel: self.campaign.channel() };
        optout::complain(&token, key, at, conn)?;
        match self.recipient.bounced() {
            true => Ok(()),
            false => self.stands((Status::Sent, Why::Complained), said, at, conn),
        }
    }
}

/// Does what follows from a report.
pub fn heed(report: &Report, caller: &Caller, conn: &mut Conn, clock: &Clock) -> QueryResult<Heeded> {
    let Some(id) = &report.message_id else { return Ok(Heeded::NotOurs) };
    // Without a key there never was a campaign.
    let Some(key) = key(conn).optional()? else { return Ok(Heeded::NotOurs) };
    let Some(written) = Written::find(id, &key, conn)? else { return Ok(Heeded::NotOurs) };
    let (heeded, said, at) = (Heeded::of(report.kind), report.said.as_str(), clock.stamp());
    if written.was_told(heeded, said, conn)? {
        return Ok(Heeded::Known);
    }
    written.note(heeded, said, at, conn)?;
    match report.kind {
        Kind::Failed => written.bounced(said, &key, at, conn)?,
        Kind::Complaint => written.complained(said, &key, at, conn)?,
        Kind::Delayed => return Ok(heeded),
    }
    let customer = format!("customer {}", written.recipient.customer_id);
    let details = json!({
        "channel": written.campaign.channel().key(),
        "reason": heeded.key(),
        "campaign": written.campaign.id,
        "said": said,
    });
    audit(conn, caller, "customer.suppress", &customer, &details)?;
    Ok(heeded)
}
