//! What the pages of campaigns show.

use super::form::Typed;
use super::launch::Guards;
use super::reach::{Reach, Why};
use super::recipients::{Recipient, Status, Sums};
use super::{Campaign, State, key};
use crate::agents::Mistakes;
use crate::customers::{Channel, Consent};
use crate::db::Conn;
use crate::segments::Segment;
use crate::web::{self, Chrome, thousands};
use crate::workspace::Clock;
use askama::Template;
use chrono::NaiveDateTime;
use diesel::QueryResult;

/// A campaign in the list.
pub struct Line {
    pub campaign: Campaign,
    /// How many were to get it, as it was settled.
    pub settled: Option<String>,
}

#[derive(Template)]
#[template(path = "campaigns/index.html")]
pub struct IndexPage {
    pub chrome: Chrome,
    pub lines: Vec<Line>,
    pub clock: Clock,
}

/// Whom a draft would reach.
pub struct Reached {
    pub reach: Reach,
    pub channel: Channel,
    pub sentence: String,
    /// Those in the audience, in the list of customers.
    pub list: String,
    /// Why nobody is in the audience.
    pub problem: Option<String>,
    pub campaign: i64,
}

impl Reached {
    /// As it is now.
    pub fn of(campaign: &Campaign, conn: &mut Conn, clock: &Clock) -> QueryResult<Reached> {
        let audience = campaign.audience();
        let filter = audience.check(conn, clock)?;
        let problem = match audience.is_empty() {
            true => Some("Nobody was chosen yet.".to_string()),
            false => filter.problems().first().map(|problem| problem.words.clone()),
        };
        let reach = match &problem {
            Some(_) => Reach::default(),
            None => Reach::of(&filter, campaign.channel(), &key(conn)?, conn)?,
        };
        Ok(Reached {
            reach,
            channel: campaign.channel(),
            sentence: filter.sentence(),
            list: web::address("/customers", &[("filter", &filter.text())]),
            problem,
            campaign: campaign.id,
        })
    }
}

#[derive(Template)]
#[template(path = "campaigns/form.html", blocks = ["form", "reach"])]
pub struct FormPage {
    pub chrome: Chrome,
    pub id: Option<i64>,
    pub state: State,
    pub typed: Typed,
    pub wrong: Mistakes,
    pub segments: Vec<Segment>,
    pub earlier: Vec<Campaign>,
    pub known: Vec<String>,
    pub reached: Option<Reached>,
    /// Why it is held.
    pub told: Option<String>,
    /// When it goes out, and to about how many.
    pub goes: Option<(String, i64)>,
    pub may_send: bool,
}

impl FormPage {
    fn action(&self) -> String {
        match self.id {
            Some(id) => format!("/campaigns/{id}"),
            None => "/campaigns".into(),
        }
    }

    /// The segments, those that are chosen first: of many they would not be seen.
    fn first(&self, chosen: &[i64]) -> Vec<&Segment> {
        let (those, others): (Vec<_>, Vec<_>) = self.segments.iter().partition(|one| chosen.contains(&one.id));
        those.into_iter().chain(others).collect()
    }

    fn channels(&self) -> [Channel; 3] {
        Channel::ALL
    }
}

#[derive(Template)]
#[template(path = "campaigns/launch.html")]
pub struct LaunchPage {
    pub chrome: Chrome,
    pub campaign: Campaign,
    pub reached: Reached,
    pub everybody: i64,
    pub guards: Guards,
    pub way: String,
    /// The zone that times are typed in.
    pub zone: String,
    pub typed: String,
    pub problem: Option<String>,
    /// What has to be mended in what it says.
    pub wrong: Mistakes,
}

impl LaunchPage {
    fn recipients(&self) -> i64 {
        self.reached.reach.reachable
    }

    fn can_go(&self) -> bool {
        self.recipients() > 0 && self.wrong.is_empty() && self.reached.problem.is_none()
    }

    fn asks_for_number(&self) -> bool {
        self.guards.asks_for_number(self.recipients(), self.everybody)
    }

    fn people(&self) -> String {
        people(self.recipients())
    }
}

pub fn people(count: i64) -> String {
    if count == 1 { "1 person".into() } else { format!("{} people", thousands(&count)) }
}

#[derive(Template)]
#[template(path = "campaigns/show.html", blocks = ["report"])]
pub struct ShowPage {
    pub chrome: Chrome,
    pub campaign: Campaign,
    pub sums: Sums,
    /// How many were to get it.
    pub settled: String,
    pub clock: Clock,
    pub sentence: String,
    pub zone: String,
    pub shown: Option<Status>,
    pub rows: Vec<Recipient>,
    /// Where the next page of rows begins.
    pub more: Option<i64>,
    pub may_send: bool,
    pub may_export: bool,
}

impl ShowPage {
    fn statuses(&self) -> Vec<(Status, i64)> {
        let all = Status::ALL.into_iter().filter(|status| *status != Status::Excluded);
        all.map(|status| (status, self.sums.with(status))).filter(|(_, count)| *count > 0).collect()
    }

    fn excluded(&self) -> Vec<(Why, i64)> {
        self.sums.reasons(Status::Excluded)
    }

    fn bounced(&self) -> i64 {
        self.sums.because(Status::Failed, Why::Bounced)
    }

    fn complained(&self) -> i64 {
        self.sums.because(Status::Sent, Why::Complained)
    }

    fn is_shown(&self, status: &Status) -> bool {
        self.shown == Some(*status)
    }

    fn percent(&self) -> i64 {
        self.sums.settled() * 100 / self.sums.recipients().max(1)
    }

    fn is_moving(&self) -> bool {
        self.campaign.state() == State::Sending || self.sums.with(Status::Sending) > 0
    }

    /// Seconds until a look at how it goes is worth the counting.
    fn pause(&self) -> i64 {
        1 + self.sums.members() / 50_000
    }

    fn adds_up(&self) -> bool {
        let parts: i64 = Status::ALL.into_iter().map(|status| self.sums.with(status)).sum();
        parts == self.sums.members()
    }

    /// Each part of the bar, with the recipients as 400.
    fn bars(&self) -> Vec<(&'static str, i64, i64)> {
        let all = self.sums.recipients().max(1);
        let mut begin = 0;
        let parts = [
            ("new", self.sums.with(Status::Sent)),
            ("bad", self.sums.with(Status::Failed)),
            ("upd", self.sums.with(Status::Uncertain)),
            ("skip", self.sums.with(Status::Skipped) + self.sums.with(Status::Cancelled)),
        ];
        let part = |(key, count): (&'static str, i64)| {
            let width = count * 400 / all;
            begin += width;
            (key, begin - width, width)
        };
        parts.into_iter().map(part).collect()
    }
}

#[derive(Template)]
#[template(path = "campaigns/person.html")]
pub struct PersonPage {
    pub chrome: Chrome,
    pub campaign: Campaign,
    pub recipient: Recipient,
    pub history: Vec<(i64, NaiveDateTime, String, String)>,
    pub clock: Clock,
    pub may_send: bool,
}

/// Those of a draft's audience who get nothing, for one reason.
#[derive(Template)]
#[template(path = "campaigns/people.html")]
pub struct PeoplePage {
    pub chrome: Chrome,
    pub campaign: Campaign,
    pub why: Option<Why>,
    pub rows: Vec<(i64, String)>,
    pub count: i64,
}

impl PeoplePage {
    fn more(&self) -> i64 {
        self.count - self.rows.len() as i64
    }
}

/// How a message looks for somebody.
#[derive(Template)]
#[template(path = "campaigns/preview.html")]
pub struct PreviewPage {
    pub chrome: Chrome,
    pub campaign: Campaign,
    pub customer: Option<(i64, String)>,
    pub subject: String,
    pub text: String,
    pub has_html: bool,
    pub problem: Option<String>,
    pub typed: String,
    /// Where a test goes, for emails.
    pub to: Option<String>,
}

/// The page behind the link in a message.
#[derive(Template)]
#[template(path = "campaigns/leave.html")]
pub struct LeavePage {
    pub chrome: Chrome,
    pub token: String,
    pub channel: Channel,
    pub channels: Vec<(Channel, Consent)>,
    /// What was just done.
    pub done: bool,
}
