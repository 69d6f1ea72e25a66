//! Campaigns: one message to one audience over one channel, once, with a receipt (SPEC 6).
//!
//! A campaign is written as a draft and launched: in one transaction its audience becomes rows of
//! `campaign_recipients`, each with a status and a reason ([`launch`]). From then on nothing that happens to segments, tags
//! or customers changes who gets it, but opting out. [`desk`] hands recipients out one by one and writes down what became
//! of them; [`sending`] is the threads that work for it.
//!
//! | room | what is in it |
//! |---|---|
//! | [`audience`] | who is meant, as one filter |
//! | [`reach`] | who of those may be written to, and why not: one judgement for preview, launch and each claim |
//! | [`launch`], [`schedule`] | freezing, by a person or at its time |
//! | [`recipients`] | the frozen ones: statuses, sums, histories, the receipt |
//! | [`desk`], [`sending`] | claims and what became of them |
//! | [`ways`] | how messages leave, as it is configured |
//! | [`message`], [`mail`], [`webhook`], [`delivery`] | what is said, the ways it goes and how that may end |
//! | [`token`], [`addresses`], [`key`], [`optout`] | leaving, and being left alone |
//! | [`dsn`], [`bounces`], [`hook`] | what comes back: who says so, and what follows |

pub mod addresses;
pub mod api;
pub mod audience;
pub mod bounces;
pub mod command;
pub mod delivery;
pub mod desk;
pub mod dsn;
pub mod form;
pub mod hook;
pub mod key;
pub mod launch;
pub mod leaving;
pub mod mail;
pub mod message;
pub mod optout;
pub mod pages;
pub mod reach;
pub mod receipt;
pub mod recipients;
pub mod schedule;
pub mod sending;
pub mod token;
mod views;
pub mod ways;
pub mod webhook;

use crate::agents::Caller;
use crate::agents::audit;
use crate::customers::Channel;
use crate::db::nodes::{Hold, Holding};
use crate::db::schema::campaigns;
use crate::db::{Backend, Conn, Trouble};
use crate::web::thousands;
use crate::workspace::{self, Clock};
use audience::Audience;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use key::Key;
use recipients::Recipient;
use serde_json::json;

/// What a campaign is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Draft,
    /// It goes out at its time.
    Scheduled,
    /// Its time came, and something has to be looked at by a person first.
    Held,
    Sending,
    Paused,
    Done,
    /// Somebody stopped it for good: whoever had not got it will not.
    Cancelled,
}

impl State {
    pub const ALL: [State; 7] =
        [State::Draft, State::Scheduled, State::Held, State::Sending, State::Paused, State::Done, State::Cancelled];
    /// Those in which it may be launched.
    pub const BEFORE: [State; 3] = [State::Draft, State::Scheduled, State::Held];

    pub fn key(self) -> &'static str {
        match self {
            State::Draft => "draft",
            State::Scheduled => "scheduled",
            State::Held => "held",
            State::Sending => "sending",
            State::Paused => "paused",
            State::Done => "done",
            State::Cancelled => "cancelled",
        }
    }

    pub fn parse(key: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.key() == key)
    }

    /// As the list says it.
    pub fn words(self) -> &'static str {
        match self {
            State::Draft => "Draft",
            State::Scheduled => "Scheduled",
            State::Held => "Held for you",
            State::Sending => "Sending",
            State::Paused => "Paused",
            State::Done => "Sent",
            State::Cancelled => "Stopped",
        }
    }

    /// The class of the dot beside it.
    pub fn pill(self) -> &'static str {
        match self {
            State::Draft => "pill-none",
            State::Scheduled | State::Sending => "pill-accent",
            State::Held | State::Paused => "pill-warn",
            State::Done => "pill-ok",
            State::Cancelled => "pill-bad",
        }
    }

    /// Its recipients are not frozen yet.
    pub fn is_before(self) -> bool {
        State::BEFORE.contains(&self)
    }

    /// Whether this may follow. One table for pages, API and workers; the database is asked to compare and set.
    pub fn may_become(self, next: State) -> bool {
        use State::*;
        matches!(
            (self, next),
            (Draft | Held, Scheduled)
                | (Draft | Scheduled | Held, Sending)
                | (Scheduled | Held, Draft)
                | (Scheduled, Held)
                | (Sending, Paused | Done | Cancelled)
                | (Paused, Sending | Cancelled)
        )
    }
}

/// A campaign as it is kept.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = campaigns)]
#[diesel(check_for_backend(Backend))]
pub struct Campaign {
    pub id: i64,
    pub name: String,
    channel: String,
    pub subject: String,
    pub body: String,
    /// The HTML part of an email; empty without one.
    pub html: String,
    audience: String,
    state: String,
    /// Grows with each change of a draft.
    pub version: i64,
    pub actor: String,
    pub agent_id: Option<i64>,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    /// How many people somebody agreed to.
    pub approved: Option<i64>,
    /// When it is to go out.
    pub send_at: Option<NaiveDateTime>,
    /// Why it is held.
    pub why: Option<String>,
    pub launched_at: Option<NaiveDateTime>,
    pub launched_by: Option<String>,
    pub receipt: Option<String>,
    pub finished_at: Option<NaiveDateTime>,
}

/// What somebody wants a draft to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub name: String,
    pub channel: Channel,
    pub subject: String,
    pub body: String,
    pub html: String,
    pub audience: Audience,
}

/// The same as it is kept.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = campaigns)]
struct Written<'a> {
    name: String,
    channel: &'static str,
    subject: &'a str,
    body: &'a str,
    html: &'a str,
    audience: String,
}

impl Written<'_> {
    fn of(wish: &Wish) -> Result<Written<'_>, Problem> {
        Ok(Written {
            name: clean_name(&wish.name).map_err(Problem::Told)?,
            channel: wish.channel.key(),
            subject: &wish.subject,
            body: &wish.body,
            html: &wish.html,
            audience: wish.audience.to_json(),
        })
    }
}

/// Why a campaign is not changed or sent, for whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    Told(String),
    /// It would go to so many more or fewer than somebody agreed to.
    #[error(
        "It was to go to {}, and now it would go to {}. Nothing was sent: look at the audience again.",
        thousands(approved),
        thousands(now)
    )]
    Adrift { approved: i64, now: i64 },
    /// It is for so many of all that their number has to be typed.
    #[error("This goes to {} of all your customers. Type {approved} to say that you mean it.", thousands(now))]
    Untyped { approved: i64, now: i64 },
    /// It was sent before.
    #[error("{0} launched this campaign already. It was sent once; nothing was sent now.")]
    Launched(String),
    /// Somebody else changed it since it was read.
    #[error("{0} changed this campaign meanwhile. Look at it again")]
    Changed(String),
    #[error(transparent)]
    Failed(#[from] Trouble),
}

impl From<diesel::result::Error> for Problem {
    fn from(error: diesel::result::Error) -> Problem {
        Problem::Failed(error.into())
    }
}

impl Problem {
    pub fn told<T>(words: impl Into<String>) -> Result<T, Problem> {
        Err(Problem::Told(words.into()))
    }
}

/// Where the workspace's key for campaigns is kept. It is made with the first campaign.
const SECRET: &str = "campaign_key";

/// The workspace's key for links and hidden addresses.
pub fn key(conn: &mut Conn) -> QueryResult<Key> {
    let secret = workspace::secret(SECRET, conn)?.ok_or(diesel::result::Error::NotFound)?;
    Ok(Key::new(&secret))
}

/// The same, made now if nobody needed it before. To be called inside a write transaction.
pub fn make_key(conn: &mut Conn) -> QueryResult<Key> {
    if workspace::secret(SECRET, conn)?.is_none() {
        workspace::make_secret(SECRET, conn)?;
    }
    key(conn)
}

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 100;

/// A name as it is kept, or what is wrong with it.
pub fn clean_name(raw: &str) -> Result<String, String> {
    let name = raw.split_whitespace().collect::<Vec<_>>().join(" ");
    match name.chars().count() {
        0 => Err("Give the campaign a name, for yourself: nobody who gets it sees it.".into()),
        n if n > LONGEST_NAME => Err(format!("A name has {LONGEST_NAME} characters at most.")),
        _ => Ok(name),
    }
}

impl Campaign {
    pub fn find(id: i64, conn: &mut Conn) -> QueryResult<Option<Campaign>> {
        campaigns::table.find(id).select(Campaign::as_select()).first(conn).optional()
    }

    /// The newest first.
    pub fn list(conn: &mut Conn) -> QueryResult<Vec<Campaign>> {
        campaigns::table.order(campaigns::id.desc()).limit(1_000).select(Campaign::as_select()).load(conn)
    }

    /// A page of them, the newest first, before a campaign where one is named.
    pub fn page(before: Option<i64>, limit: i64, conn: &mut Conn) -> QueryResult<Vec<Campaign>> {
        let mut rows = campaigns::table.into_boxed::<Backend>();
        if let Some(before) = before {
            rows = rows.filter(campaigns::id.lt(before));
        }
        rows.order(campaigns::id.desc()).limit(limit).select(Campaign::as_select()).load(conn)
    }

    pub fn total(conn: &mut Conn) -> QueryResult<i64> {
        campaigns::table.count().get_result(conn)
    }

    pub fn state(&self) -> State {
        State::parse(&self.state).unwrap_or(State::Draft)
    }

    pub fn channel(&self) -> Channel {
        Channel::parse(&self.channel).unwrap_or(Channel::Email)
    }

    pub fn audience(&self) -> Audience {
        Audience::from_json(&self.audience)
    }

    pub fn subject_line(&self) -> String {
        format!("campaign {}", self.id)
    }

    /// What it says.
    pub fn content(&self) -> message::Content {
        let email = self.channel() == Channel::Email;
        message::Content {
            subject: email.then(|| self.subject.clone()),
            text: self.body.clone(),
            html: Some(self.html.clone()).filter(|html| email && !html.trim().is_empty()),
        }
    }

    pub fn create(wish: &Wish, caller: &Caller, conn: &mut Conn, clock: &Clock) -> Result<Campaign, Problem> {
        workspace::make_secret(SECRET, conn)?;
        let id: i64 = diesel::insert_into(campaigns::table)
            .values((
                Written::of(wish)?,
                campaigns::state.eq(State::Draft.key()),
                campaigns::actor.eq(&caller.name),
                campaigns::agent_id.eq(caller.agent_id),
                campaigns::created_at.eq(clock.stamp()),
                campaigns::updated_at.eq(clock.stamp()),
            ))
            .returning(campaigns::id)
            .get_result(conn)?;
        let made = Campaign::find(id, conn)?.ok_or(diesel::result::Error::NotFound)?;
        audit(conn, caller, "campaign.create", &made.subject_line(), &json!({ "name": made.name }))?;
        Ok(made)
    }

    /// Changes a draft, if it is still as it was read. One that was to go out at its time is a draft again: what was agreed
    /// to was something else.
    pub fn change(
        &self,
        wish: &Wish,
        version: i64,
        caller: &Caller,
        conn: &mut Conn,
        clock: &Clock,
    ) -> Result<Campaign, Problem> {
        if !self.state().is_before() {
            return Problem::told("This campaign was sent: what was said cannot be changed any more. Copy it instead.");
        }
        let before = State::BEFORE.map(State::key);
        let same = campaigns::table
            .find(self.id)
            .filter(campaigns::version.eq(version))
            .filter(campaigns::state.eq_any(before));
        let changed = diesel::update(same)
            .set((
                Written::of(wish)?,
                campaigns::state.eq(State::Draft.key()),
                campaigns::send_at.eq(None::<NaiveDateTime>),
                campaigns::approved.eq(None::<i64>),
                campaigns::why.eq(None::<String>),
                campaigns::version.eq(version + 1),
                campaigns::actor.eq(&caller.name),
                campaigns::agent_id.eq(caller.agent_id),
                campaigns::updated_at.eq(clock.stamp()),
            ))
            .execute(conn)?;
        if changed == 0 {
            return Err(Problem::Changed(self.actor.clone()));
        }
        Ok(Campaign::find(self.id, conn)?.ok_or(diesel::result::Error::NotFound)?)
    }

    /// Compare and set: false when somebody else was first.
    pub fn turn(&self, next: State, conn: &mut Conn) -> QueryResult<bool> {
        if !self.state().may_become(next) {
            return Ok(false);
        }
        let still = campaigns::table.find(self.id).filter(campaigns::state.eq(&self.state));
        Ok(diesel::update(still).set(campaigns::state.eq(next.key())).execute(conn)? == 1)
    }

    /// The same with what belongs to it: who did it is remembered, and of one that is stopped nobody waits any more.
    pub fn step(&self, next: State, caller: &Caller, conn: &mut Conn, clock: &Clock) -> QueryResult<bool> {
        // One that was never launched has nobody frozen: only a launch sends it.
        let goes_on = next != State::Sending || self.state() == State::Paused;
        if !goes_on || !self.turn(next, conn)? {
            return Ok(false);
        }
        if next == State::Cancelled {
            Recipient::cancel_waiting(self.id, clock.stamp(), conn)?;
        }
        let action = format!("campaign.{}", next.key());
        audit(conn, caller, &action, &self.subject_line(), &json!({ "name": self.name }))?;
        Ok(true)
    }

    /// What it is doing, which it does to the end of the transaction.
    pub fn hold(id: i64, conn: &mut Conn) -> QueryResult<Option<State>> {
        let state = campaigns::table.find(id).select(campaigns::state);
        let state: Option<String> = Holding(state, Hold::Change).get_result(conn).optional()?;
        Ok(state.as_deref().and_then(State::parse))
    }

    /// Somebody waits for it again: it is not done. To be called while it is held.
    pub fn reopen(id: i64, conn: &mut Conn) -> QueryResult<()> {
        let done = campaigns::table.find(id).filter(campaigns::state.eq(State::Done.key()));
        diesel::update(done)
            .set((campaigns::state.eq(State::Sending.key()), campaigns::finished_at.eq(None::<NaiveDateTime>)))
            .execute(conn)
            .map(drop)
    }

    /// Only what was never sent goes: the others are what happened.
    pub fn delete(&self, caller: &Caller, conn: &mut Conn) -> Result<(), Problem> {
        let before = campaigns::table.find(self.id).filter(campaigns::state.eq_any(State::BEFORE.map(State::key)));
        if diesel::delete(before).execute(conn)? == 0 {
            return Problem::told("This campaign was sent: it stays, so that anybody can see who got it.");
        }
        audit(conn, caller, "campaign.delete", &self.subject_line(), &json!({ "name": self.name }))?;
        Ok(())
    }
}
