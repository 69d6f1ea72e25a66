//! What agents wrote, on its way by mail or over a gateway: each message once. A claim is committed before it goes; where
//! whoever sends it disappears, nobody knows what became of it, and it says so until an agent sends it again.

use super::Medium;
use crate::campaigns::delivery::Failure;
use crate::campaigns::ways::{Answer, Ways};
use crate::campaigns::{self};
use crate::db::schema::{conversations, customers, messages};
use crate::db::{Conn, Db, Trouble};
use crate::jobs;
use crate::workspace::{Workspace, stamp};
use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked for what waits.
const EVERY: Duration = Duration::from_millis(300);
/// Longer than any way takes to answer.
const HELD: TimeDelta = TimeDelta::seconds(60);
/// What cannot be handed over now is tried again so often, each time after a longer while.
const ATTEMPTS: i64 = 6;

/// As long as the server runs.
pub async fn keep(db: Db, ways: Arc<Ways>) {
    let holder = jobs::holder();
    loop {
        tokio::time::sleep(EVERY).await;
        let (db, ways, holder) = (db.clone(), ways.clone(), holder.clone());
        match actix_web::web::block(move || look(&db, &ways, &holder)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what agents wrote could not be sent"),
            // The workers are gone: the server stops.
            Err(_) => return,
        }
    }
}

/// Sends all that waits, and says of what was left by others that nobody knows.
pub fn look(db: &Db, ways: &Ways, holder: &str) -> Result<(), Trouble> {
    let due = |conn: &mut Conn| {
        let now = stamp(Utc::now());
        let waiting = messages::table.filter(messages::status.eq_any(["waiting", "sending"]));
        Ok::<_, Trouble>(
            waiting
                .filter(messages::due_at.le(now).assume_not_null())
                .order(messages::id)
                .limit(100)
                .select(messages::id)
                .load::<i64>(conn)?,
        )
    };
    for id in db.read_now(due)? {
        let claimed = db.write_now::<_, Trouble>(|conn| Ok(claim(id, holder, stamp(Utc::now()), conn)?))?;
        let Some(claim) = claimed else { continue };
        let sent = claim.send(ways);
        db.write_now::<_, Trouble>(|conn| Ok(claim.settle(&sent, holder, stamp(Utc::now()), conn)?))?;
    }
    Ok(())
}

/// A message that is ours to send.
struct Claim {
    id: i64,
    conversation: i64,
    medium: Medium,
    to: String,
    name: Option<String>,
    subject: String,
    body: String,
    in_reply_to: Option<String>,
    attempts: i64,
    key: campaigns::key::Key,
}

fn claim(id: i64, holder: &str, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Option<Claim>> {
    // Left by somebody who is gone.
    let lost = messages::table
        .find(id)
        .filter(messages::status.eq("sending"))
        .filter(messages::held_until.lt(now).assume_not_null());
    diesel::update(lost)
        .set((messages::status.eq("uncertain"), messages::due_at.eq(None::<NaiveDateTime>)))
        .execute(conn)?;
    let free = messages::table.find(id).filter(messages::status.eq("waiting"));
    let taken = diesel::update(free)
        .set((
            messages::status.eq("sending"),
            messages::held_by.eq(holder),
            messages::held_until.eq(now + HELD),
            messages::due_at.eq(now + HELD),
            messages::attempts.eq(messages::attempts + 1),
        ))
        .execute(conn)?;
    if taken == 0 {
        return Ok(None);
    }
    type Found = (i64, String, Option<String>, String, i64);
    let (conversation, channel, address, body, attempts): Found = messages::table
        .find(id)
        .select((messages::conversation_id, messages::channel, messages::address, messages::body, messages::attempts))
        .first(conn)?;
    let (customer, subject): (i64, Option<String>) = conversations::table
        .find(conversation)
        .select((conversations::customer_id, conversations::subject))
        .first(conn)?;
    let name: Option<String> = customers::table.find(customer).select(customers::name).first(conn)?;
    let in_reply_to: Option<Option<String>> = messages::table
        .filter(messages::conversation_id.eq(conversation))
        .filter(messages::kind.eq("in"))
        .filter(messages::id.lt(id))
        .order(messages::id.desc())
        .select(messages::external_id)
        .first(conn)
        .optional()?;
    Ok(Some(Claim {
        id,
        conversation,
        medium: Medium::parse(&channel).unwrap_or(Medium::Chat),
        to: address.unwrap_or_default(),
        name,
        subject: about(subject, conn)?,
        body,
        in_reply_to: in_reply_to.flatten(),
        attempts,
        key: campaigns::make_key(conn)?,
    }))
}

/// An answer has the subject of what it answers; what answers nothing says who writes.
fn about(subject: Option<String>, conn: &mut Conn) -> QueryResult<String> {
    Ok(match subject {
        Some(subject) if subject.to_lowercase().starts_with("re:") => subject,
        Some(subject) => format!("Re: {subject}"),
        None => format!("Message from {}", Workspace::load(conn)?.name),
    })
}

impl Claim {
    fn send(&self, ways: &Ways) -> Result<String, Failure> {
        let Some(channel) = self.medium.consent() else { return Ok(String::new()) };
        let answer = Answer {
            conversation: self.conversation,
            message: self.id,
            channel,
            to_name: self.name.as_deref(),
            to: &self.to,
            subject: &self.subject,
            text: &self.body,
            in_reply_to: self.in_reply_to.as_deref(),
        };
        ways.answer(&answer, &self.key).map(|sent| sent.said)
    }

    fn settle(
        &self,
        sent: &Result<String, Failure>,
        holder: &str,
        now: NaiveDateTime,
        conn: &mut Conn,
    ) -> QueryResult<()> {
        let again = now + TimeDelta::seconds(15 << self.attempts.clamp(0, 10));
        let (status, said, due) = match sent {
            Ok(said) => ("sent", said.as_str(), None),
            Err(Failure::Temporary(said)) if self.attempts < ATTEMPTS => ("waiting", said.as_str(), Some(again)),
            Err(Failure::Temporary(said) | Failure::Permanent(said)) => ("failed", said.as_str(), None),
            Err(Failure::Unknown(said)) => ("uncertain", said.as_str(), None),
        };
        let mine =
            messages::table.find(self.id).filter(messages::status.eq("sending")).filter(messages::held_by.eq(holder));
        let settled = diesel::update(mine)
            .set((messages::status.eq(status), messages::said.eq(said), messages::due_at.eq(due)))
            .execute(conn)?;
        if settled == 1 {
            touched(self.conversation, conn)?;
        }
        Ok(())
    }
}

/// Whoever looks at it sees it change.
fn touched(conversation: i64, conn: &mut Conn) -> QueryResult<()> {
    diesel::update(conversations::table.find(conversation))
        .set(conversations::version.eq(conversations::version + 1))
        .execute(conn)
        .map(drop)
}

/// Sends once more what failed, or of which nobody knows. False when it is neither.
pub fn again(conversation: i64, message: i64, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<bool> {
    let stuck = messages::table
        .find(message)
        .filter(messages::conversation_id.eq(conversation))
        .filter(messages::status.eq_any(["failed", "uncertain"]));
    let changed = diesel::update(stuck)
        .set((
            messages::status.eq("waiting"),
            messages::said.eq(None::<String>),
            messages::attempts.eq(0),
            messages::due_at.eq(now),
        ))
        .execute(conn)?;
    if changed == 1 {
        touched(conversation, conn)?;
    }
    Ok(changed == 1)
}
