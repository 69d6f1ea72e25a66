//! The desk hands recipients of campaigns out, one attempt at a time, and writes down what became of each. A claim is
//! committed before anything is sent and settled after: whoever stops in between leaves a claim that nobody renews, and
//! what became of that one message is not known. It is told as uncertain and never sent again by itself.

use super::delivery::{Failure, Sent};
use super::key::Key;
use super::reach::{self, Why};
use super::recipients::Status;
use super::{Campaign, State};
use crate::customers::Channel;
use crate::db::Conn;
use crate::db::dialect::{self, Queue};
use crate::db::nodes::Among;
use crate::db::schema::{campaign_attempts, campaign_recipients, campaigns, channel_pace};
use crate::{each, jobs};
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

/// Somebody's turn to be written to.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub campaign: i64,
    pub customer: i64,
    /// Counted from 1.
    pub attempt: i64,
    pub address: String,
    pub name: Option<String>,
}

/// What came of an attempt: what the other side said, or why it did not go.
pub type Done = Result<Sent, Failure>;

/// How often somebody is tried who cannot be reached just now.
const ATTEMPTS: i64 = 6;

/// How fast a channel may go, and how soon a failure is tried again.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Messages a minute, by channel; without one as fast as it goes.
    pub rates: [Option<u32>; 3],
    /// The wait before the second attempt; each further one waits four times as long.
    pub patience: TimeDelta,
}

impl Terms {
    fn rate(&self, channel: Channel) -> Option<u32> {
        self.rates[Channel::ALL.iter().position(|one| *one == channel).unwrap_or(0)]
    }

    fn wait(&self, attempt: i64) -> TimeDelta {
        self.patience * 4i32.pow(u32::try_from(attempt - 1).unwrap_or(0).min(8))
    }
}

/// One process at the desk.
pub struct Desk<'a> {
    pub holder: &'a str,
    pub key: &'a Key,
    pub terms: &'a Terms,
}

impl Desk<'_> {
    /// Begins a transaction: up to its end nobody leaves. Those who leave begin with the same, before they touch a row.
    pub fn open(&self, conn: &mut Conn) -> QueryResult<()> {
        // An import or a colleague may still change what somebody said: it does not wait for long here.
        dialect::give_way(conn)?;
        dialect::side_by_side(conn, Queue::Leaving)
    }

    /// Writes down what became of some; what others have taken over meanwhile stays as they told it.
    pub fn settle(&self, done: &[(Claim, Done)], now: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
        let mut notes = Vec::new();
        for (claim, done) in done {
            let mine = campaign_recipients::table
                .find((claim.campaign, claim.customer))
                .filter(campaign_recipients::held_by.eq(self.holder))
                .filter(campaign_recipients::attempts.eq(claim.attempt))
                // One that was taken for lost, and was only slow.
                .filter(campaign_recipients::status.eq_any([Status::Sending.key(), Status::Uncertain.key()]));
            let (status, reason, said, due) = match done {
                Ok(Sent { said }) => (Status::Sent, None, said, now),
                Err(Failure::Temporary(said)) if claim.attempt < ATTEMPTS => {
                    let status = waits_again(claim.campaign, conn)?;
                    (status, Some("retry"), said, now + self.terms.wait(claim.attempt))
                }
                Err(Failure::Temporary(said)) => (Status::Failed, Some("gave_up"), said, now),
                Err(Failure::Permanent(said)) => (Status::Failed, Some("refused"), said, now),
                Err(Failure::Unknown(said)) => (Status::Uncertain, Some("cut_off"), said, now),
            };
            let changed = diesel::update(mine)
                .set((
                    campaign_recipients::status.eq(status.key()),
                    campaign_recipients::reason.eq(reason),
                    campaign_recipients::said.eq(said),
                    campaign_recipients::due_at.eq(due),
                    campaign_recipients::held_by.eq(None::<String>),
                    campaign_recipients::held_until.eq(None::<NaiveDateTime>),
                    campaign_recipients::settled_at.eq(Some(now).filter(|_| status != Status::Waiting)),
                ))
                .execute(conn)?;
            if changed == 1 {
                let outcome = match done {
                    Err(Failure::Temporary(_)) => "temporary",
                    _ => status.key(),
                };
                notes.push(Note::of((claim.campaign, claim.customer, claim.attempt), now, outcome, said));
            }
        }
        write(&notes, conn)
    }

    /// Gives back what this process holds and has not on its way: the database kept a claim and could not say so any more.
    /// Nothing was sent.
    pub fn give_back(&self, away: &[(i64, i64)], conn: &mut Conn) -> QueryResult<()> {
        let held: Vec<(i64, i64)> = campaign_recipients::table
            .filter(campaign_recipients::held_by.eq(self.holder))
            // Others may have taken them for lost meanwhile.
            .filter(campaign_recipients::status.eq_any([Status::Sending.key(), Status::Uncertain.key()]))
            .select((campaign_recipients::campaign_id, campaign_recipients::customer_id))
            .load(conn)?;
        for row in held.into_iter().filter(|row| !away.contains(row)) {
            let status = waits_again(row.0, conn)?;
            diesel::update(campaign_recipients::table.find(row))
                .set((
                    campaign_recipients::status.eq(status.key()),
                    campaign_recipients::reason.eq(None::<String>),
                    campaign_recipients::attempts.eq(campaign_recipients::attempts - 1),
                    campaign_recipients::held_by.eq(None::<String>),
                    campaign_recipients::held_until.eq(None::<NaiveDateTime>),
                    campaign_recipients::settled_at.eq(None::<NaiveDateTime>),
                ))
                .execute(conn)?;
        }
        Ok(())
    }

    /// Keeps what this process has claimed and not settled.
    pub fn renew(&self, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
        let mine = campaign_recipients::table
            .filter(campaign_recipients::status.eq(Status::Sending.key()))
            .filter(campaign_recipients::held_by.eq(self.holder));
        diesel::update(mine).set(campaign_recipients::held_until.eq(now + jobs::HELD)).execute(conn).map(drop)
    }

    /// Up to `most` whose turn it is, each asked once more whether she may be written to.
    pub fn claim(&self, most: usize, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Vec<Claim>> {
        let mut claims = Vec::new();
        let sending = campaigns::table.filter(campaigns::state.eq(State::Sending.key())).order(campaigns::id);
        for campaign in sending.select(Campaign::as_select()).load(conn)? {
            let room = most - claims.len();
            if room == 0 {
                break;
            }
            let allowed = self.allowed(campaign.channel(), room, now, conn)?;
            let before = claims.len();
            while claims.len() < before + allowed {
                let some = due(campaign.id, before + allowed - claims.len(), now, conn)?;
                if some.is_empty() {
                    break;
                }
                claims.extend(self.take(&campaign, some, now, conn)?);
            }
            self.went(campaign.channel(), claims.len() - before, now, conn)?;
        }
        Ok(claims)
    }

    /// Theirs from here on, but for those who may not be written to any more.
    fn take(
        &self,
        campaign: &Campaign,
        some: Vec<Due>,
        now: NaiveDateTime,
        conn: &mut Conn,
    ) -> QueryResult<Vec<Claim>> {
        let whom: Vec<_> = some.iter().map(|due| (due.customer, due.address.as_deref())).collect();
        let refused = reach::refused_now(&whom, campaign.channel(), self.key, conn)?;
        let (free, others): (Vec<Due>, Vec<Due>) =
            some.into_iter().partition(|due| !refused.contains_key(&due.customer));
        for due in others {
            if let Some(why) = refused.get(&due.customer) {
                skip(campaign, &due, *why, now, conn)?;
            }
        }
        self.hold(campaign, free, now, conn)
    }

    fn hold(
        &self,
        campaign: &Campaign,
        free: Vec<Due>,
        now: NaiveDateTime,
        conn: &mut Conn,
    ) -> QueryResult<Vec<Claim>> {
        let ids = free.iter().map(|due| due.customer).collect();
        let these = campaign_recipients::table
            .filter(campaign_recipients::campaign_id.eq(campaign.id))
            .filter(Among { column: "campaign_recipients.customer_id", ids });
        diesel::update(these)
            .set((
                campaign_recipients::status.eq(Status::Sending.key()),
                campaign_recipients::reason.eq(None::<String>),
                campaign_recipients::attempts.eq(campaign_recipients::attempts + 1),
                campaign_recipients::held_by.eq(self.holder),
                campaign_recipients::held_until.eq(now + jobs::HELD),
            ))
            .execute(conn)?;
        let claim = |Due { customer, address, name, attempts }| Claim {
            campaign: campaign.id,
            customer,
            attempt: attempts + 1,
            address: address.unwrap_or_default(),
            name,
        };
        Ok(free.into_iter().map(claim).collect())
    }

    /// How many messages a channel may send now, of those wanted: by all processes together.
    fn allowed(&self, channel: Channel, wanted: usize, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<usize> {
        let Some(interval) = self.interval(channel) else { return Ok(wanted) };
        let next = next_at(channel, conn)?.unwrap_or(now).max(now - BURST);
        if next > now {
            return Ok(0);
        }
        let fits = (now - next).num_microseconds().unwrap_or(0) / interval.num_microseconds().unwrap_or(1).max(1) + 1;
        Ok(wanted.min(usize::try_from(fits).unwrap_or(wanted)))
    }

    fn went(&self, channel: Channel, count: usize, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
        let Some(interval) = self.interval(channel).filter(|_| count > 0) else { return Ok(()) };
        let next = next_at(channel, conn)?.unwrap_or(now).max(now - BURST);
        let next = next + interval * i32::try_from(count).unwrap_or(i32::MAX);
        let row = (channel_pace::channel.eq(channel.key()), channel_pace::next_at.eq(next));
        each!(conn, c => diesel::insert_into(channel_pace::table)
            .values(row)
            .on_conflict(channel_pace::channel)
            .do_update()
            .set(channel_pace::next_at.eq(next))
            .execute(c))
        .map(drop)
    }

    fn interval(&self, channel: Channel) -> Option<TimeDelta> {
        let rate = i64::from(self.terms.rate(channel)?.max(1));
        Some(TimeDelta::microseconds(60_000_000 / rate))
    }
}

/// What was not sent for want of work may be made up for, this long.
const BURST: TimeDelta = TimeDelta::seconds(1);

/// Waits its turn when others of PostgreSQL ask too: a row is there once something was sent.
fn next_at(channel: Channel, conn: &mut Conn) -> QueryResult<Option<NaiveDateTime>> {
    let row = channel_pace::table.find(channel.key()).select(channel_pace::next_at);
    match conn {
        Conn::Sqlite(c) => row.first(c).optional(),
        Conn::Postgres(c) => row.for_update().first(c).optional(),
    }
}

/// Somebody whose turn it is.
#[derive(Queryable)]
struct Due {
    customer: i64,
    address: Option<String>,
    name: Option<String>,
    attempts: i64,
}

/// Those whose turn it is, those others are just taking left out.
fn due(campaign: i64, most: usize, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Vec<Due>> {
    let rows = campaign_recipients::table
        .filter(campaign_recipients::campaign_id.eq(campaign))
        .filter(campaign_recipients::status.eq(Status::Waiting.key()))
        .filter(campaign_recipients::due_at.le(now))
        .order((campaign_recipients::due_at, campaign_recipients::customer_id))
        .limit(most as i64)
        .select((
            campaign_recipients::customer_id,
            campaign_recipients::address,
            campaign_recipients::name,
            campaign_recipients::attempts,
        ));
    match conn {
        Conn::Sqlite(c) => rows.load(c),
        Conn::Postgres(c) => rows.for_update().skip_locked().load(c),
    }
}

/// She may not be written to any more.
fn skip(campaign: &Campaign, due: &Due, why: Why, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    diesel::update(campaign_recipients::table.find((campaign.id, due.customer)))
        .set((
            campaign_recipients::status.eq(Status::Skipped.key()),
            campaign_recipients::reason.eq(why.key()),
            campaign_recipients::settled_at.eq(now),
        ))
        .execute(conn)?;
    let words = why.words(campaign.channel());
    write(&[Note::of((campaign.id, due.customer, due.attempts), now, Status::Skipped.key(), words)], conn)
}

/// Where somebody stands who was on the way and is not any more: her turn comes again, if the campaign was not stopped.
fn waits_again(campaign: i64, conn: &mut Conn) -> QueryResult<Status> {
    match Campaign::hold(campaign, conn)? {
        None | Some(State::Cancelled) => Ok(Status::Cancelled),
        Some(_) => Campaign::reopen(campaign, conn).map(|()| Status::Waiting),
    }
}

/// A line of somebody's history.
#[derive(Insertable)]
#[diesel(table_name = campaign_attempts)]
pub(super) struct Note<'a> {
    campaign_id: i64,
    customer_id: i64,
    attempt: i64,
    at: NaiveDateTime,
    outcome: &'a str,
    said: &'a str,
}

impl<'a> Note<'a> {
    pub(super) fn of(
        (campaign, customer, attempt): (i64, i64, i64),
        at: NaiveDateTime,
        outcome: &'a str,
        said: &'a str,
    ) -> Self {
        Note { campaign_id: campaign, customer_id: customer, attempt, at, outcome, said }
    }
}

pub(super) fn write(notes: &[Note], conn: &mut Conn) -> QueryResult<()> {
    if notes.is_empty() {
        return Ok(());
    }
    each!(conn, c => diesel::insert_into(campaign_attempts::table).values(notes).execute(c)).map(drop)
}

/// Claims that nobody renewed: their process is gone, and nobody knows whether the message went.
pub fn give_up_lost(now: NaiveDateTime, conn: &mut Conn) -> QueryResult<usize> {
    let lost = campaign_recipients::table
        .filter(campaign_recipients::status.eq(Status::Sending.key()))
        .filter(campaign_recipients::held_until.lt(now));
    let rows: Vec<(i64, i64, i64)> = lost
        .select((campaign_recipients::campaign_id, campaign_recipients::customer_id, campaign_recipients::attempts))
        .load(conn)?;
    for row in &rows {
        let still = campaign_recipients::table
            .find((row.0, row.1))
            .filter(campaign_recipients::status.eq(Status::Sending.key()))
            .filter(campaign_recipients::held_until.lt(now));
        let changed = diesel::update(still)
            .set((
                campaign_recipients::status.eq(Status::Uncertain.key()),
                campaign_recipients::reason.eq("cut_off"),
                campaign_recipients::settled_at.eq(now),
                campaign_recipients::held_until.eq(None::<NaiveDateTime>),
            ))
            .execute(conn)?;
        if changed == 1 {
            write(&[Note::of(*row, now, Status::Uncertain.key(), "the process that sent it ended")], conn)?;
        }
    }
    Ok(rows.len())
}

/// Campaigns that have nobody left to write to are done.
pub fn finish(now: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    use diesel::dsl::{exists, not};
    let open = || {
        campaign_recipients::table
            .filter(campaign_recipients::status.eq_any([Status::Waiting.key(), Status::Sending.key()]))
    };
    let over: Vec<i64> = campaigns::table
        .filter(campaigns::state.eq(State::Sending.key()))
        .filter(not(exists(open().filter(campaign_recipients::campaign_id.eq(campaigns::id)))))
        .order(campaigns::id)
        .select(campaigns::id)
        .load(conn)?;
    for id in over {
        // Somebody may just have wanted to send to one of them again: it is looked at once more while it is held.
        let held = Campaign::hold(id, conn)?;
        let left = exists(open().filter(campaign_recipients::campaign_id.eq(id)));
        if held == Some(State::Sending) && !diesel::select(left).get_result::<bool>(conn)? {
            diesel::update(campaigns::table.find(id))
                .set((campaigns::state.eq(State::Done.key()), campaigns::finished_at.eq(now)))
                .execute(conn)?;
        }
    }
    Ok(())
}

/// Whether there is anything to do at the desk at all.
pub fn has_work(now: NaiveDateTime, conn: &mut Conn) -> QueryResult<bool> {
    let sending = campaigns::table.filter(campaigns::state.eq(State::Sending.key()));
    let lost = campaign_recipients::table
        .filter(campaign_recipients::status.eq(Status::Sending.key()))
        .filter(campaign_recipients::held_until.lt(now));
    let sending: bool = diesel::select(diesel::dsl::exists(sending)).get_result(conn)?;
    Ok(sending || diesel::select(diesel::dsl::exists(lost)).get_result::<bool>(conn)?)
}
