//! Campaigns that go out at their time. What was agreed to is a number: when the audience has grown or shrunk too far by
//! then, or cannot be asked any more, the campaign is held for a person.

use super::launch::{Guards, Order, everybody};
use super::reach::Reach;
use super::ways::Ways;
use super::{Campaign, Problem, State, form, key};
use crate::agents::{Caller, audit};
use crate::db::schema::campaigns;
use crate::db::{Conn, Db, Trouble};
use crate::workspace::{Clock, Workspace, spell, stamp};
use chrono::{NaiveDateTime, TimeZone, Utc};
use diesel::prelude::*;
use serde_json::json;

/// A time as a form sends it, in the zone of the workspace: `2026-12-24T09:00`.
pub fn moment(typed: &str, clock: &Clock) -> Result<NaiveDateTime, String> {
    let typed = typed.trim();
    let read = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
    let local = read.iter().find_map(|form| NaiveDateTime::parse_from_str(typed, form).ok());
    let local = local.ok_or("Say when, like 2026-12-24 09:00.")?;
    // Where clocks are put forward an hour is missing; where they are put back it comes twice, and the first one counts.
    let at = clock.zone.from_local_datetime(&local).earliest();
    let at =
        at.ok_or_else(|| format!("There is no such time in {}: clocks are put forward then.", clock.zone.name()))?;
    match at.with_timezone(&Utc) {
        at if at <= clock.now => Err("That is over. Choose a time to come, or send it now.".into()),
        at => Ok(stamp(at)),
    }
}

impl Campaign {
    /// Sends it then, to about as many as were agreed to.
    pub fn schedule(
        &self,
        send_at: NaiveDateTime,
        order: &Order,
        guards: &Guards,
        caller: &Caller,
        conn: &mut Conn,
        clock: &Clock,
    ) -> Result<(), Problem> {
        let filter = self.audience().check(conn, clock)?;
        if self.audience().is_empty() {
            return Problem::told("Say who gets this campaign first.");
        }
        if let Some(problem) = filter.problems().first() {
            return Problem::told(format!("Nobody is in this audience. {}", problem.words));
        }
        let reach = Reach::of(&filter, self.channel(), &key(conn)?, conn)?;
        self.stand(order, guards, &reach, conn)?;
        let before = campaigns::table
            .find(self.id)
            .filter(campaigns::version.eq(order.version))
            .filter(campaigns::state.eq_any([State::Draft.key(), State::Held.key(), State::Scheduled.key()]));
        let taken = diesel::update(before)
            .set((
                campaigns::state.eq(State::Scheduled.key()),
                campaigns::send_at.eq(send_at),
                campaigns::approved.eq(order.approved),
                campaigns::launched_by.eq(&caller.name),
                campaigns::why.eq(None::<String>),
            ))
            .execute(conn)?;
        if taken == 0 {
            return Err(self.not_taken(conn)?);
        }
        let details = json!({ "name": self.name, "send_at": spell(send_at), "recipients": order.approved });
        audit(conn, caller, "campaign.schedule", &self.subject_line(), &details)?;
        Ok(())
    }
}

/// Launches what is due, and holds what a person should look at.
pub fn look(db: &Db, ways: &Ways) -> Result<(), Trouble> {
    let now = stamp(Utc::now());
    let due: Vec<i64> = db.read_now::<_, Trouble>(|conn| {
        let due =
            campaigns::table.filter(campaigns::state.eq(State::Scheduled.key())).filter(campaigns::send_at.le(now));
        Ok(due.order(campaigns::send_at).select(campaigns::id).load(conn)?)
    })?;
    for id in due {
        let launched = db.write_now::<_, Problem>(|conn| launch(id, &ways.guards, conn));
        let why = match launched {
            Ok(()) => continue,
            Err(Problem::Failed(trouble)) => return Err(trouble),
            Err(told) => told.to_string(),
        };
        db.write_now::<_, Trouble>(|conn| {
            let Some(campaign) = Campaign::find(id, conn)? else { return Ok(()) };
            if campaign.turn(State::Held, conn)? {
                tracing::warn!(campaign = id, why, "a campaign is held");
                diesel::update(campaigns::table.find(id)).set(campaigns::why.eq(&why)).execute(conn)?;
                let details = json!({ "name": campaign.name, "why": why });
                audit(conn, &Caller::command_line(), "campaign.held", &campaign.subject_line(), &details)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn launch(id: i64, guards: &Guards, conn: &mut Conn) -> Result<(), Problem> {
    let Some(campaign) = Campaign::find(id, conn)?.filter(|campaign| campaign.state() == State::Scheduled) else {
        return Ok(());
    };
    let wrong = form::mistakes(&campaign, conn)?;
    if !wrong.is_empty() {
        return Problem::told(format!("It cannot be sent as it is. {}", wrong.spoken()));
    }
    let whose = campaign.launched_by.clone().unwrap_or_else(|| campaign.actor.clone());
    let caller = Caller { name: whose, agent_id: campaign.agent_id, ..Caller::command_line() };
    let approved = campaign.approved.unwrap_or_default();
    // Her number was typed when she agreed to it, if it had to be.
    let asked = guards.asks_for_number(approved, everybody(conn)?);
    let order = Order { version: campaign.version, approved, typed: Some(approved) };
    let guards = if asked { *guards } else { Guards { typed: 101, ..*guards } };
    let clock = Workspace::load(conn)?.clock();
    campaign.launch(&order, &guards, &key(conn)?, &caller, conn, &clock).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_the_zone_of_the_workspace() {
        let now = "2026-03-01T12:00:00Z".parse().expect("a time");
        let clock = Clock { now, zone: chrono_tz::Europe::Stockholm };
        let read = |typed| moment(typed, &clock).map(|at| at.to_string());
        assert_eq!(read("2026-03-28T09:00").as_deref(), Ok("2026-03-28 08:00:00"));
        assert_eq!(read("2026-03-30 09:00").as_deref(), Ok("2026-03-30 07:00:00"), "summer");
        assert_eq!(read("2026-10-25T02:30").as_deref(), Ok("2026-10-25 00:30:00"), "the first of two");
        assert!(read("2026-03-29T02:30").expect_err("no such time").contains("put forward"));
        assert!(read("2026-03-01T12:59").expect_err("over").contains("over"));
        assert!(read("soon").is_err() && read("").is_err());
    }
}
