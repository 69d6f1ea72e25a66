//! Leaving: somebody does not want any more, or her address sends back what it gets. It is written down where every claim
//! asks, as a keyed hash that outlives her.

use super::addresses;
use super::key::Key;
use super::recipients::Recipient;
use super::token::Token;
use crate::customers::history::{By, Source};
use crate::customers::{Channel, Consent, Consents, Customer, merge, set_consent};
use crate::db::Conn;
use crate::db::dialect::{self, Queue};
use crate::db::schema::{campaign_recipients, suppressions};
use crate::each;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Why an address gets nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Unsubscribed,
    Bounced,
    Complained,
}

impl Reason {
    pub fn key(self) -> &'static str {
        match self {
            Reason::Unsubscribed => "unsubscribed",
            Reason::Bounced => "bounced",
            Reason::Complained => "complained",
        }
    }

    /// The reasons it may stand in for. Somebody who leaves once more has left later.
    fn outweighs(self) -> &'static [&'static str] {
        match self {
            Reason::Unsubscribed | Reason::Bounced => &["unsubscribed"],
            Reason::Complained => &["unsubscribed", "bounced"],
        }
    }
}

/// From now on this address gets nothing over this channel: whoever is about to write to it has claimed that before, or
/// waits until this is committed. To be said before rows of recipients are changed: those who claim begin with the same.
/// False when that was so already, for a reason that weighs as much: who left may come back, and an address that bounced or
/// complained is not given back by leaving as well.
pub fn suppress(
    key: &Key,
    channel: Channel,
    address: &str,
    reason: Reason,
    campaign: Option<i64>,
    at: NaiveDateTime,
    conn: &mut Conn,
) -> QueryResult<bool> {
    dialect::one_at_a_time(conn, Queue::Leaving)?;
    let said = (suppressions::reason.eq(reason.key()), suppressions::at.eq(at), suppressions::campaign_id.eq(campaign));
    let row = (
        suppressions::channel.eq(channel.key()),
        suppressions::address.eq(addresses::hash(key, channel, address)),
        said,
    );
    use diesel::query_dsl::methods::FilterDsl;
    let weaker = suppressions::reason.eq_any(reason.outweighs());
    let changed = each!(conn, c => FilterDsl::filter(
        diesel::insert_into(suppressions::table)
            .values(row)
            .on_conflict((suppressions::channel, suppressions::address))
            .do_update()
            .set(said),
        weaker,
    )
    .execute(c))?;
    Ok(changed == 1)
}

/// Whoever holds a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    pub customer: Option<Customer>,
    /// Each channel she can be reached by, and what she said about it.
    pub channels: Vec<(Channel, Consent)>,
}

impl Holder {
    pub fn of(token: &Token, conn: &mut Conn) -> QueryResult<Holder> {
        // She may have been merged into another since the message went.
        let id = merge::now(token.customer, conn)?;
        let customer = Customer::find(id, conn)?;
        let said = Consents::of(id, conn)?;
        let reachable = |channel: &Channel| {
            let Some(customer) = &customer else { return false };
            match channel {
                Channel::Email => customer.email.is_some(),
                Channel::Sms | Channel::Whatsapp => customer.phone.is_some(),
            }
        };
        let channels = Channel::ALL.into_iter().filter(reachable).map(|channel| (channel, said.get(channel))).collect();
        Ok(Holder { customer, channels })
    }
}

/// She does not want any more over the channel of her link. Doing it twice changes nothing more; a deleted customer's
/// address is left alone all the same.
pub fn leave(token: &Token, key: &Key, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    say(token, token.channel, Consent::OptedOut, key, at, conn)?;
    let row = Recipient::meant(token.campaign, token.customer, conn)?;
    let customer = row.map_or(token.customer, |row| row.customer_id);
    let row = campaign_recipients::table
        .find((token.campaign, customer))
        .filter(campaign_recipients::unsubscribed_at.is_null());
    diesel::update(row).set(campaign_recipients::unsubscribed_at.eq(at)).execute(conn).map(drop)
}

/// She says what she wants about a channel, on her own page.
pub fn say(
    token: &Token,
    channel: Channel,
    consent: Consent,
    key: &Key,
    at: NaiveDateTime,
    conn: &mut Conn,
) -> QueryResult<()> {
    let how = How { source: Source::Link(token.campaign), reason: Reason::Unsubscribed };
    write_down(token, channel, consent, &how, key, at, conn)
}

/// She called a message spam, and her provider passed that on. It is as if she had left by its link, for good.
pub fn complain(token: &Token, key: &Key, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    let how = How { source: Source::Complaint(token.campaign), reason: Reason::Complained };
    write_down(token, token.channel, Consent::OptedOut, &how, key, at, conn)
}

/// From where we know what she wants.
struct How {
    source: Source,
    reason: Reason,
}

fn write_down(
    token: &Token,
    channel: Channel,
    consent: Consent,
    how: &How,
    key: &Key,
    at: NaiveDateTime,
    conn: &mut Conn,
) -> QueryResult<()> {
    // Before anything of hers is touched: those who claim hold this first.
    dialect::one_at_a_time(conn, Queue::Leaving)?;
    let id = merge::now(token.customer, conn)?;
    let customer = Customer::find(id, conn)?;
    let address = match (&customer, channel) {
        (Some(customer), Channel::Email) => customer.email.clone(),
        (Some(customer), Channel::Sms | Channel::Whatsapp) => customer.phone.clone(),
        (None, _) => None,
    };
    if customer.is_some() {
        set_consent(id, channel, consent, &By::herself(how.source, at), conn)?;
    }
    // What she was written to by, which may be another address than she has now.
    let written = match channel == token.channel {
        true => [id, token.customer]
            .into_iter()
            .map(|id| Ok(Recipient::find(token.campaign, id, conn)?.and_then(|recipient| recipient.address)))
            .collect::<QueryResult<Vec<_>>>()?,
        false => Vec::new(),
    };
    if consent == Consent::OptedOut {
        let mut addresses: Vec<String> = address.into_iter().chain(written.into_iter().flatten()).collect();
        addresses.sort();
        addresses.dedup();
        for address in addresses {
            suppress(key, channel, &address, how.reason, Some(token.campaign), at, conn)?;
        }
    }
    Ok(())
}
