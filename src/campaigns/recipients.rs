//! The frozen audience of a launched campaign: one row for each member, with what became of her and why. Sums are counted
//! from the rows in one question, so they add up at every moment.

use super::reach::Why;
use super::{Campaign, State};
use crate::customers::{Channel, merge};
use crate::db::schema::{campaign_attempts, campaign_recipients};
use crate::db::{Backend, Conn};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Where somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// In the audience, and not written to.
    Excluded,
    Waiting,
    Sending,
    Sent,
    Failed,
    /// It may have gone out, or not: whoever sent it stopped in the middle.
    Uncertain,
    /// She opted out, or was deleted, after the launch and before her turn.
    Skipped,
    /// The campaign was stopped before her turn.
    Cancelled,
}

impl Status {
    /// In the order a report tells them.
    pub const ALL: [Status; 8] = [
        Status::Sent,
        Status::Sending,
        Status::Waiting,
        Status::Failed,
        Status::Uncertain,
        Status::Skipped,
        Status::Cancelled,
        Status::Excluded,
    ];

    pub fn key(self) -> &'static str {
        match self {
            Status::Excluded => "excluded",
            Status::Waiting => "waiting",
            Status::Sending => "sending",
            Status::Sent => "sent",
            Status::Failed => "failed",
            Status::Uncertain => "uncertain",
            Status::Skipped => "skipped",
            Status::Cancelled => "cancelled",
        }
    }

    pub fn parse(key: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.key() == key)
    }

    pub fn words(self) -> &'static str {
        match self {
            Status::Excluded => "Excluded",
            Status::Waiting => "Waiting",
            Status::Sending => "On the way",
            Status::Sent => "Sent",
            Status::Failed => "Failed",
            Status::Uncertain => "Uncertain",
            Status::Skipped => "Opted out or gone since",
            Status::Cancelled => "Not sent: stopped",
        }
    }

    pub fn pill(self) -> &'static str {
        match self {
            Status::Sent => "pill-ok",
            Status::Failed => "pill-bad",
            Status::Uncertain => "pill-warn",
            Status::Sending | Status::Waiting => "pill-accent",
            Status::Excluded | Status::Skipped | Status::Cancelled => "pill-none",
        }
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = campaign_recipients)]
#[diesel(check_for_backend(Backend))]
pub struct Recipient {
    pub campaign_id: i64,
    pub customer_id: i64,
    pub name: Option<String>,
    pub address: Option<String>,
    status: String,
    pub reason: Option<String>,
    /// What the other side said last.
    pub said: Option<String>,
    pub attempts: i64,
    pub due_at: NaiveDateTime,
    pub settled_at: Option<NaiveDateTime>,
    pub unsubscribed_at: Option<NaiveDateTime>,
}

impl Recipient {
    pub fn status(&self) -> Status {
        Status::parse(&self.status).unwrap_or(Status::Excluded)
    }

    /// It was sent to her address and came back from there.
    pub fn bounced(&self) -> bool {
        self.status() == Status::Failed && self.reason.as_deref() == Some(Why::Bounced.key())
    }

    pub fn find(campaign: i64, customer: i64, conn: &mut Conn) -> QueryResult<Option<Recipient>> {
        let one = campaign_recipients::table.find((campaign, customer));
        one.select(Recipient::as_select()).first(conn).optional()
    }

    /// Whom a message or a link was for: she may have been merged into another since, and the row with her.
    pub fn meant(campaign: i64, customer: i64, conn: &mut Conn) -> QueryResult<Option<Recipient>> {
        let own = Recipient::find(campaign, customer, conn)?;
        if own.as_ref().is_some_and(|own| own.attempts > 0) {
            return Ok(own);
        }
        let now = merge::now(customer, conn)?;
        Ok(Recipient::find(campaign, now, conn)?.or(own))
    }

    /// Sends to her again, because somebody wants it so: what became of the first message is not known, or it failed. The
    /// new one has the same id, so that a mailbox that got both shows one. False when there is nothing to repeat, or the
    /// campaign was stopped.
    pub fn again(campaign: i64, customer: i64, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<bool> {
        // It is held first: nobody takes it for done while she begins to wait.
        if Campaign::hold(campaign, conn)?.is_none_or(|state| state == State::Cancelled) {
            return Ok(false);
        }
        let row = campaign_recipients::table
            .find((campaign, customer))
            .filter(campaign_recipients::status.eq_any([Status::Uncertain.key(), Status::Failed.key()]))
            // What came back would come back again.
            .filter(campaign_recipients::reason.is_null().or(campaign_recipients::reason.ne(Why::Bounced.key())));
        let changed = diesel::update(row)
            .set((
                campaign_recipients::status.eq(Status::Waiting.key()),
                campaign_recipients::reason.eq(None::<String>),
                campaign_recipients::due_at.eq(now),
                campaign_recipients::held_by.eq(None::<String>),
                campaign_recipients::settled_at.eq(None::<NaiveDateTime>),
            ))
            .execute(conn)?;
        if changed == 1 {
            Campaign::reopen(campaign, conn)?;
        }
        Ok(changed == 1)
    }

    /// Nobody who waits gets it any more.
    pub fn cancel_waiting(campaign: i64, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<usize> {
        let waiting = campaign_recipients::table
            .filter(campaign_recipients::campaign_id.eq(campaign))
            .filter(campaign_recipients::status.eq(Status::Waiting.key()));
        diesel::update(waiting)
            .set((campaign_recipients::status.eq(Status::Cancelled.key()), campaign_recipients::settled_at.eq(now)))
            .execute(conn)
    }

    /// A page of those with a status, and a reason where one is asked for, after a customer.
    pub fn list(
        campaign: i64,
        status: Option<Status>,
        reason: Option<&str>,
        after: i64,
        limit: i64,
        conn: &mut Conn,
    ) -> QueryResult<Vec<Recipient>> {
        let mut rows = campaign_recipients::table
            .filter(campaign_recipients::campaign_id.eq(campaign))
            .filter(campaign_recipients::customer_id.gt(after))
            .into_boxed::<Backend>();
        if let Some(status) = status {
            rows = rows.filter(campaign_recipients::status.eq(status.key()));
        }
        if let Some(reason) = reason {
            rows = rows.filter(campaign_recipients::reason.eq(reason.to_string()));
        }
        rows.order(campaign_recipients::customer_id).limit(limit).select(Recipient::as_select()).load(conn)
    }

    /// Why she stands where she stands, in a sentence.
    pub fn words(&self, channel: Channel) -> String {
        let said = self.said.as_deref().filter(|said| !said.is_empty());
        let why = self.reason.as_deref().and_then(Why::parse);
        match (self.status(), why, said) {
            (Status::Excluded | Status::Skipped, Some(why), _) => capital(why.words(channel)),
            (Status::Waiting, _, Some(said)) => format!("It is tried again. The other side said: {said}"),
            (Status::Waiting, ..) => "Her turn comes".into(),
            (Status::Sending, ..) => "On its way".into(),
            (Status::Sent, Some(Why::Complained), _) => "It arrived, and she called it spam".into(),
            // What was said to that stands in her history.
            (Status::Sent, ..) => "Taken over".into(),
            (Status::Failed, Some(Why::Bounced), Some(said)) => format!("It came back: {said}"),
            (Status::Failed, Some(Why::Bounced), None) => "It came back".into(),
            (Status::Failed, _, Some(said)) => said.to_string(),
            (Status::Uncertain, ..) => {
                "It was on its way when the process or the connection ended. It may have arrived; it is not sent again \
                 by itself"
                    .into()
            }
            (Status::Cancelled, ..) => "The campaign was stopped before her turn".into(),
            (status, ..) => status.words().into(),
        }
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// What was tried, the oldest first: attempt, when, what came of it, what was said.
pub fn history(
    campaign: i64,
    customer: i64,
    conn: &mut Conn,
) -> QueryResult<Vec<(i64, NaiveDateTime, String, String)>> {
    campaign_attempts::table
        .filter(campaign_attempts::campaign_id.eq(campaign))
        .filter(campaign_attempts::customer_id.eq(customer))
        .order((campaign_attempts::at, campaign_attempts::attempt))
        .select((
            campaign_attempts::attempt,
            campaign_attempts::at,
            campaign_attempts::outcome,
            campaign_attempts::said,
        ))
        .load(conn)
}

/// How many stand where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sums {
    rows: Vec<(Status, Option<String>, i64)>,
    pub unsubscribed: i64,
}

impl Sums {
    pub fn of(campaign: i64, conn: &mut Conn) -> QueryResult<Sums> {
        let these = campaign_recipients::table.filter(campaign_recipients::campaign_id.eq(campaign));
        let rows: Vec<(String, Option<String>, i64)> = these
            .group_by((campaign_recipients::status, campaign_recipients::reason))
            .select((campaign_recipients::status, campaign_recipients::reason, diesel::dsl::count_star()))
            .load(conn)?;
        let unsubscribed =
            these.filter(campaign_recipients::unsubscribed_at.is_not_null()).count().get_result::<i64>(conn)?;
        let read = |(status, reason, count): (String, _, _)| Some((Status::parse(&status)?, reason, count));
        Ok(Sums { rows: rows.into_iter().filter_map(read).collect(), unsubscribed })
    }

    pub fn with(&self, status: Status) -> i64 {
        self.rows.iter().filter(|(one, ..)| *one == status).map(|(.., count)| count).sum()
    }

    /// Every status with how many have it, in the order a report tells them.
    pub fn statuses(&self) -> Vec<(Status, i64)> {
        Status::ALL.into_iter().map(|status| (status, self.with(status))).collect()
    }

    /// Everybody in the audience at the launch,
    pub fn members(&self) -> i64 {
        self.rows.iter().map(|(.., count)| count).sum()
    }

    /// and those of them who were to get it.
    pub fn recipients(&self) -> i64 {
        self.members() - self.with(Status::Excluded)
    }

    /// Those whose message is settled one way or the other.
    pub fn settled(&self) -> i64 {
        self.recipients() - self.with(Status::Waiting) - self.with(Status::Sending)
    }

    /// Those with a status for this reason.
    pub fn because(&self, status: Status, why: Why) -> i64 {
        let of =
            |(one, reason, _): &&(Status, Option<String>, i64)| *one == status && reason.as_deref() == Some(why.key());
        self.rows.iter().filter(of).map(|(.., count)| count).sum()
    }

    /// The reasons of those with a status, with how many each has, in the order they are looked at.
    pub fn reasons(&self, status: Status) -> Vec<(Why, i64)> {
        let all = Why::BEFORE.into_iter().chain([Why::Deleted]);
        all.map(|why| (why, self.because(status, why))).filter(|(_, count)| *count > 0).collect()
    }
}
