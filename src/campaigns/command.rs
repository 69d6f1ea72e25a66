//! `muster campaign …`: what the pages do, for a terminal and for other programs.

use super::bounces::{self, Heeded};
use super::hook;
use crate::agents::Caller;
use crate::db::{Db, Trouble, Unavailable};
use crate::workspace::Workspace;
use clap::Subcommand;
use std::io::Read;
use std::process::ExitCode;

#[derive(Subcommand, Debug)]
pub enum Asked {
    /// Read a mail that came back from stdin, as a mail server pipes it, and leave its address alone from now on
    Bounce,
    /// Print the secret that reports to /hooks/mail are signed with, making it the first time
    Secret,
}

pub fn obey(asked: Asked, open: impl FnOnce() -> Result<Db, Unavailable>) -> anyhow::Result<ExitCode> {
    match asked {
        Asked::Bounce => Ok(bounce(open)),
        Asked::Secret => secret(&open()?),
    }
}

/// More of a mail is not read: what a report says stands in front.
const LONGEST: u64 = 1 << 20;
/// What was piped in reports nothing that is ours.
const NOTHING: u8 = 2;
/// EX_TEMPFAIL of sysexits.h: a mail server keeps the mail and tries again.
const LATER: u8 = 75;

/// A mail server goes by the exit status, so whatever may pass says that it may.
fn bounce(open: impl FnOnce() -> Result<Db, Unavailable>) -> ExitCode {
    let ended = |code: u8, words: &dyn std::fmt::Display| {
        eprintln!("muster: {words}");
        ExitCode::from(code)
    };
    let mail = match mail() {
        Ok(mail) => mail,
        Err(error) => return ended(LATER, &format!("the mail cannot be read: {error}")),
    };
    let report = match hook::read_mail(&mail) {
        Ok(report) => report,
        Err(words) => return ended(NOTHING, &words),
    };
    let db = match open() {
        Ok(db) => db,
        Err(error) => return ended(LATER, &error),
    };
    let heeded = db.write_now::<_, Trouble>(|conn| {
        let clock = Workspace::load(conn)?.clock();
        Ok(bounces::heed(&report, &Caller::command_line(), conn, &clock)?)
    });
    match heeded {
        Ok(heeded @ Heeded::NotOurs) => ended(NOTHING, &heeded.words()),
        Ok(heeded) => ended(0, &heeded.words()),
        Err(trouble) => ended(LATER, &trouble),
    }
}

fn mail() -> std::io::Result<Vec<u8>> {
    let (mut mail, mut stdin) = (Vec::new(), std::io::stdin().lock());
    stdin.by_ref().take(LONGEST).read_to_end(&mut mail)?;
    // Whoever writes the rest shall not find the pipe broken.
    std::io::copy(&mut stdin, &mut std::io::sink())?;
    Ok(mail)
}

fn secret(db: &Db) -> anyhow::Result<ExitCode> {
    let secret = db.write_now::<_, Trouble>(|conn| Ok(hook::make_secret(conn)?))?;
    eprintln!("muster: whoever has this may report what came back, and nothing else");
    println!("{secret}");
    Ok(ExitCode::SUCCESS)
}
