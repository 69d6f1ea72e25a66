//! Connections to the mail server that are kept while nobody needs them.
//!
//! A server may close a connection that is idle without a word. Whoever finds one closed takes a fresh one, once: nothing
//! had been handed over. A fresh one that fails is told.

use super::server::Server;
use super::session::{Body, Letter, Outcome, words};
use super::{Failure, Sent};
use lettre::{Message, transport::smtp::client::SmtpConnection};
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// How long to wait for the server at each step, and for its verdict once it has the whole message. A verdict that is not
/// waited for is a message nobody knows about, so this is the longer one.
const PATIENCE: Duration = Duration::from_secs(30);
const VERDICT: Duration = Duration::from_secs(180);

/// How long one attempt can take, a closed connection and each step over a fresh one: a claim has to last longer.
pub const LONGEST: Duration = Duration::from_secs(20 * 30 + 180);

/// Servers close what is idle after a few minutes; so long it is worth trying.
const IDLE: Duration = Duration::from_secs(60);

pub struct Pool {
    server: Server,
    size: usize,
    idle: Mutex<Vec<(SmtpConnection, Instant)>>,
    patience: Duration,
    verdict: Duration,
}

impl Pool {
    pub(super) fn new(server: Server, size: u32) -> Pool {
        Pool { server, size: size as usize, idle: Mutex::default(), patience: PATIENCE, verdict: VERDICT }
    }

    /// For tests, which have no three minutes.
    #[cfg(test)]
    pub(super) fn hurried(mut self, patience: Duration) -> Pool {
        (self.patience, self.verdict) = (patience, patience);
        self
    }

    pub(super) fn send(&self, message: &Message) -> Result<Sent, Failure> {
        let body = Body::of(&message.formatted()).ok_or_else(|| Failure::Permanent("The email is no text.".into()))?;
        let letter = Letter { envelope: message.envelope(), body: &body };
        if let Some(kept) = self.kept() {
            let outcome = self.over(kept, &letter);
            if !outcome.gone {
                return outcome.result;
            }
        }
        // Whatever it has against us here, a wrong password say, is about us: it is to be set right, and sent.
        let fresh = self.server.connect(self.patience).map_err(|error| Failure::Temporary(words(&error)))?;
        self.over(fresh, &letter).result
    }

    fn over(&self, mut connection: SmtpConnection, letter: &Letter<'_>) -> Outcome {
        let outcome = letter.over(&mut connection, self.patience, self.verdict);
        if outcome.usable {
            self.keep(connection);
        }
        outcome
    }

    /// The one that was used last: the others may go out of use.
    fn kept(&self) -> Option<SmtpConnection> {
        let mut idle = self.idle.lock();
        idle.retain(|(_, since)| since.elapsed() < IDLE);
        idle.pop().map(|(connection, _)| connection)
    }

    fn keep(&self, mut connection: SmtpConnection) {
        let mut idle = self.idle.lock();
        if idle.len() < self.size {
            return idle.push((connection, Instant::now()));
        }
        drop(idle);
        goodbye(&mut connection);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.idle.get_mut().iter_mut().for_each(|(connection, _)| goodbye(connection));
    }
}

/// Politely, but without waiting long for an answer.
fn goodbye(connection: &mut SmtpConnection) {
    let _ = connection.set_timeout(Some(Duration::from_millis(200)));
    let _ = connection.quit();
}
