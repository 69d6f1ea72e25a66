//! The launch: in one transaction the campaign is taken from whoever else would launch it, its audience is frozen, one row
//! for each member, and what was settled is written on the receipt. Two people, two processes or a restart still send
//! once; and whatever is wrong takes all of it back.

use super::audience::Audience;
use super::key::Key;
use super::reach::{self, Member, Reach};
use super::recipients::Status;
use super::{Campaign, Problem, State, form};
use crate::agents::{Caller, audit};
use crate::db::Conn;
use crate::db::rows::{Column, Rows};
use crate::db::schema::{campaigns, customers};
use crate::workspace::{Clock, spell};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

/// What somebody agreed to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Order {
    /// Of the draft that was looked at.
    pub version: i64,
    /// How many would get it.
    pub approved: i64,
    /// The number as it was typed, where that is asked.
    pub typed: Option<i64>,
}

/// How far a launch goes without asking again, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    /// So much more or less than what was agreed to.
    pub drift: u32,
    /// From so many of all customers on, their number has to be typed.
    pub typed: u32,
}

impl Guards {
    /// It is for so many that somebody shall type their number.
    pub fn asks_for_number(&self, recipients: i64, everybody: i64) -> bool {
        recipients > 0 && recipients.saturating_mul(100) >= everybody.saturating_mul(i64::from(self.typed))
    }

    /// There are so many more or fewer now that somebody shall look again.
    pub fn is_adrift(&self, approved: i64, now: i64) -> bool {
        (now - approved).abs().saturating_mul(100) > approved.saturating_mul(i64::from(self.drift))
    }
}

/// How many customers there are.
pub fn everybody(conn: &mut Conn) -> QueryResult<i64> {
    customers::table.count().get_result(conn)
}

impl Campaign {
    /// With nothing wrong in what it says, as far as it is not sent yet.
    pub fn sendable(id: i64, conn: &mut Conn) -> Result<Campaign, Problem> {
        let found = Campaign::find(id, conn)?;
        let campaign = found.ok_or_else(|| Problem::Told("This campaign was deleted meanwhile.".into()))?;
        let wrong = form::mistakes(&campaign, conn)?;
        match campaign.state().is_before() && !wrong.is_empty() {
            true => Problem::told(format!("It cannot be sent as it is. {}", wrong.spoken())),
            false => Ok(campaign),
        }
    }

    /// Freezes the audience and begins to send. What is said was checked before.
    pub fn launch(
        &self,
        order: &Order,
        guards: &Guards,
        key: &Key,
        caller: &Caller,
        conn: &mut Conn,
        clock: &Clock,
    ) -> Result<Reach, Problem> {
        let now = clock.stamp();
        let before = campaigns::table
            .find(self.id)
            .filter(campaigns::state.eq_any(State::BEFORE.map(State::key)))
            .filter(campaigns::version.eq(order.version));
        let taken = diesel::update(before)
            .set((
                campaigns::state.eq(State::Sending.key()),
                campaigns::launched_at.eq(now),
                campaigns::launched_by.eq(&caller.name),
                campaigns::approved.eq(order.approved),
                campaigns::why.eq(None::<String>),
            ))
            .execute(conn)?;
        if taken == 0 {
            return Err(self.not_taken(conn)?);
        }
        let audience = self.audience();
        let filter = audience.check(conn, clock)?;
        if audience.is_empty() {
            return Problem::told("Say who gets this campaign first.");
        }
        if let Some(problem) = filter.problems().first() {
            return Problem::told(format!("Nobody is in this audience. {}", problem.words));
        }
        let whom = reach::members(&filter, conn)?;
        let mut sums = Reach::default();
        reach::each(&whom, self.channel(), key, conn, &mut |judged, conn| {
            sums.count(&judged);
            freeze(self.id, &judged, now, conn)
        })?;
        self.stand(order, guards, &sums, conn)?;
        let receipt = self.receipt_of(&audience, &filter.text(), &filter.sentence(), &sums, caller, conn, clock)?;
        diesel::update(campaigns::table.find(self.id)).set(campaigns::receipt.eq(receipt)).execute(conn)?;
        let details = json!({ "name": self.name, "members": sums.members, "recipients": sums.reachable });
        audit(conn, caller, "campaign.launch", &self.subject_line(), &details)?;
        Ok(sums)
    }

    pub(super) fn not_taken(&self, conn: &mut Conn) -> QueryResult<Problem> {
        let Some(now) = Campaign::find(self.id, conn)? else {
            return Ok(Problem::Told("This campaign was deleted meanwhile.".into()));
        };
        Ok(match now.state().is_before() {
            true => Problem::Changed(now.actor),
            false => Problem::Launched(now.launched_by.unwrap_or_else(|| "somebody".into())),
        })
    }

    /// Whether so many may get it without anybody looking again.
    pub(super) fn stand(&self, order: &Order, guards: &Guards, sums: &Reach, conn: &mut Conn) -> Result<(), Problem> {
        let now = sums.reachable;
        if now == 0 {
            return Problem::told("Nobody would get this campaign: nothing was sent.");
        }
        if guards.is_adrift(order.approved, now) {
            return Err(Problem::Adrift { approved: order.approved, now });
        }
        if guards.asks_for_number(now, everybody(conn)?) && order.typed != Some(order.approved) {
            return Err(Problem::Untyped { approved: order.approved, now });
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn receipt_of(
        &self,
        audience: &Audience,
        filter: &str,
        sentence: &str,
        sums: &Reach,
        caller: &Caller,
        conn: &mut Conn,
        clock: &Clock,
    ) -> QueryResult<String> {
        let segments: Vec<_> = audience
            .segments(conn)?
            .into_iter()
            .map(|(id, name, version)| json!({ "id": id, "name": name, "version": version }))
            .collect();
        let excluded: serde_json::Map<String, serde_json::Value> =
            sums.excluded().into_iter().map(|(why, count)| (why.key().to_string(), json!(count))).collect();
        Ok(json!({
            "campaign": self.id,
            "name": self.name,
            "version": self.version,
            "channel": self.channel().key(),
            "filter": filter,
            "sentence": sentence,
            "segments": segments,
            "time_zone": clock.zone.name(),
            "now": spell(clock.stamp()),
            "launched_by": caller.name,
            "members": sums.members,
            "recipients": sums.reachable,
            "excluded": excluded,
        })
        .to_string())
    }
}

/// Writes some of the audience down.
fn freeze(campaign: i64, judged: &[Member], now: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    let status = |member: &Member| if member.why.is_none() { Status::Waiting } else { Status::Excluded }.key();
    let rows = Rows {
        table: "campaign_recipients",
        columns: vec![
            ("campaign_id", Column::EachWhole(Some(campaign))),
            ("customer_id", Column::Whole(judged.iter().map(|member| member.id).collect())),
            ("name", Column::MaybeText(judged.iter().map(|member| member.name.as_deref()).collect())),
            ("address", Column::MaybeText(judged.iter().map(|member| member.address.as_deref()).collect())),
            ("status", Column::Text(judged.iter().map(status).collect())),
            ("reason", Column::MaybeText(judged.iter().map(|member| member.why.map(|why| why.key())).collect())),
            ("due_at", Column::EachTime(now)),
        ],
        count: judged.len(),
    };
    rows.insert(conn)
}
