//! One message over one connection, command by command.
//!
//! lettre would send it in one call and then say *network error*, whatever had been handed over by then. Here each step is
//! taken by itself: until the body is sent, an error is no harm and the message is tried again; after that nobody knows.

use super::{Failure, Sent};
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use std::{fmt, time::Duration};

/// How it went, and whether the connection is good for another message.
pub struct Outcome {
    pub result: Result<Sent, Failure>,
    pub usable: bool,
    /// The server went away before it was given anything: on another connection it may be there.
    pub gone: bool,
}

impl Outcome {
    fn failed(failure: Failure, usable: bool) -> Outcome {
        Outcome { result: Err(failure), usable, gone: false }
    }
}

/// What one message needs on its way. `body` is made ready once, for all attempts.
pub struct Letter<'a> {
    pub envelope: &'a Envelope,
    pub body: &'a Body,
}

impl Letter<'_> {
    /// Sends it. The verdict on a body takes servers longer than anything before: they look through it.
    pub fn over(&self, connection: &mut SmtpConnection, patience: Duration, verdict: Duration) -> Outcome {
        if let Err(outcome) = self.address(connection) {
            return outcome;
        }
        match connection.command(Data) {
            Ok(answer) if answer.has_code(354) => {}
            Ok(answer) => return Outcome::failed(Failure::Temporary(spoken(&answer)), false),
            Err(error) => return before(error, connection),
        }
        // If this fails, so will the next step.
        let _ = connection.set_timeout(Some(verdict));
        let outcome = after(connection.command(self.body));
        let usable = outcome.usable && connection.set_timeout(Some(patience)).is_ok();
        Outcome { usable, ..outcome }
    }

    fn address(&self, connection: &mut SmtpConnection) -> Result<(), Outcome> {
        let mut parameters = Vec::new();
        if self.envelope.to().iter().chain(self.envelope.from()).any(|address| !address.to_string().is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                let words = "The mail server takes no addresses with letters other than a to z (SMTPUTF8).";
                return Err(Outcome::failed(Failure::Permanent(words.into()), true));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        // Whatever it has against the sender is about us and not about this recipient: it is to be set right, and sent.
        connection.command(Mail::new(self.envelope.from().cloned(), parameters)).map_err(|error| Outcome {
            gone: is_gone(&error),
            ..Outcome::failed(Failure::Temporary(words(&error)), false)
        })?;
        for to in self.envelope.to() {
            connection.command(Rcpt::new(to.clone(), Vec::new())).map_err(|error| before(error, connection))?;
        }
        Ok(())
    }
}

/// No answer, or the answer of a server that takes its leave.
fn is_gone(error: &Error) -> bool {
    error.status().is_none_or(|code| u16::from(code) == 421)
}

/// Nothing was handed over yet.
fn before(error: Error, connection: &mut SmtpConnection) -> Outcome {
    let gone = is_gone(&error);
    let usable = !gone && connection.command(Rset).is_ok();
    let failure = match error.is_permanent() {
        true => Failure::Permanent(words(&error)),
        false => Failure::Temporary(words(&error)),
    };
    Outcome { gone, ..Outcome::failed(failure, usable) }
}

/// The body was handed over, or a part of it.
fn after(answer: Result<Response, Error>) -> Outcome {
    match answer {
        Ok(answer) if answer.code().severity == Severity::PositiveCompletion => {
            Outcome { result: Ok(Sent { said: spoken(&answer) }), usable: true, gone: false }
        }
        Ok(answer) => Outcome::failed(Failure::Unknown(spoken(&answer)), false),
        Err(error) => {
            let usable = !is_gone(&error);
            let failure = match (error.is_permanent(), error.is_transient()) {
                (true, _) => Failure::Permanent(words(&error)),
                (_, true) => Failure::Temporary(words(&error)),
                _ => Failure::Unknown(words(&error)),
            };
            Outcome::failed(failure, usable)
        }
    }
}

/// What went wrong, for whoever looks why her email did not go out: the server's own words if it had any.
pub fn words(error: &Error) -> String {
    use std::io::ErrorKind::{ConnectionRefused, TimedOut, WouldBlock};
    let source = std::error::Error::source(error);
    let kind = source.and_then(|source| source.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    let said = source.map(|source| source.to_string().trim().to_string()).unwrap_or_default();
    match (error.status(), kind) {
        (Some(code), _) => format!("{code} {said}"),
        (_, Some(WouldBlock | TimedOut)) => "The mail server gave no answer in time.".into(),
        (_, Some(ConnectionRefused)) => "Nobody answers where the mail server should be.".into(),
        _ if said == "incomplete response" => "The mail server closed the connection.".into(),
        _ if error.is_response() => "The mail server said something that is no answer.".into(),
        _ => error.to_string(),
    }
}

fn spoken(answer: &Response) -> String {
    let lines: Vec<&str> = answer.message().collect();
    format!("{} {}", answer.code(), lines.join(" ")).trim().to_string()
}

/// A message as it travels, with the dot that ends it.
///
/// It is one write. lettre's own way sends the dot in a second one, which the network holds back until the server has
/// acknowledged the first: forty thousandths of a second for every email.
pub struct Body(String);

impl Body {
    /// Our emails are ASCII but for the letters of addresses; whatever else is not text is no email.
    pub fn of(message: &[u8]) -> Option<Body> {
        let text = std::str::from_utf8(message).ok()?;
        let dot = if text.starts_with('.') { "." } else { "" };
        let end = if text.ends_with("\r\n") { "" } else { "\r\n" };
        Some(Body(format!("{dot}{}{end}.\r\n", text.replace("\r\n.", "\r\n.."))))
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
