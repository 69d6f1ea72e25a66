//! An email as bytes, and its way out: to a mail server, or into a folder of `.eml` files.
//!
//! What happens to it is said in four words that differ in what may be done next: sent; not now (`Temporary`: try again
//! later); never (`Permanent`); and nobody knows (`Unknown`: it may have gone out, and is not sent again by itself).

mod compose;
mod outbox;
mod pool;
mod server;
mod session;

#[cfg(test)]
mod tests;

pub use compose::{Campaign, Envelope, Problem, answer, compose, meant_by, message_id};
pub use outbox::ANSWERS;
pub use pool::LONGEST;

use super::delivery::{Failure, Sent};
use lettre::Message;
use std::path::PathBuf;

/// Where emails go.
pub enum Transport {
    Smtp(pool::Pool),
    /// A folder in which anybody can look at what would be sent.
    Outbox(PathBuf),
}

impl Transport {
    /// A mail server: `smtps://user:password@host`, `smtp://user:password@host?tls=required`, `smtp://localhost:25`.
    /// So many connections are kept open while nobody needs them; whoever sends at once with more threads opens more.
    pub fn smtp(url: &str, pool_size: u32) -> Result<Transport, String> {
        Ok(Transport::Smtp(pool::Pool::new(server::Server::parse(url)?, pool_size)))
    }

    /// Sends to the address in the message, once.
    pub fn send(&self, message: &Message) -> Result<Sent, Failure> {
        match self {
            Transport::Smtp(pool) => pool.send(message),
            Transport::Outbox(folder) => outbox::put(folder, message),
        }
    }
}
