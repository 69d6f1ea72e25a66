//! `muster campaign …`: what the pages and the API do, for a terminal and for other programs.

use super::api::{self, Agreed};
use super::bounces::{self, Heeded};
use super::hook;
use super::launch::Guards;
use super::recipients::{Status, Sums};
use super::views::people;
use super::{Campaign, State, receipt};
use crate::agents::{Caller, audit};
use crate::config::Sending;
use crate::customers::api::Refusal;
use crate::db::{Conn, Db, Trouble, Unavailable};
use crate::web::stream::Broken;
use crate::web::thousands;
use crate::workspace::Workspace;
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::process::ExitCode;

#[derive(Subcommand, Debug)]
pub enum Asked {
    /// Every campaign, the newest first: number, state, name, and who got it
    List {
        /// Print one JSON object, as the API gives it
        #[arg(long)]
        json: bool,
    },
    /// One campaign: who gets it, or who got it, by reason
    Show {
        /// The number of the campaign
        id: i64,
        /// Print one JSON object, as the API gives it
        #[arg(long)]
        json: bool,
    },
    /// Who is in the audience of a campaign that was launched, and what became of each
    Recipients(Recipients),
    /// Send a draft to as many as are expected
    Launch(Launch),
    /// Read a mail that came back from stdin, as a mail server pipes it, and leave its address alone from now on
    Bounce,
    /// Print the secret that reports to /hooks/mail are signed with, making it the first time
    Secret,
}

#[derive(Args, Debug)]
pub struct Recipients {
    /// The number of the campaign
    id: i64,
    /// Only those with this status: sent, sending, waiting, failed, uncertain, skipped, cancelled or excluded
    #[arg(long, value_parser = api::status)]
    status: Option<Status>,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

#[derive(Args, Debug)]
pub struct Launch {
    /// The number of the campaign
    id: i64,
    /// How many are to get it: when it would be far more or fewer by now, nothing is sent
    #[arg(long, value_name = "N")]
    expect: i64,
    /// So many percent more or fewer go without asking again
    #[arg(long, env = "MUSTER_DRIFT", default_value_t = Sending::default().drift, value_name = "PERCENT")]
    drift: u32,
}

pub fn obey(asked: Asked, open: impl FnOnce() -> Result<Db, Unavailable>) -> anyhow::Result<ExitCode> {
    match asked {
        Asked::Bounce => Ok(bounce(open)),
        Asked::Secret => secret(&open()?),
        Asked::List { json } => list(&open()?, json),
        Asked::Show { id, json } => show(&open()?, id, json),
        Asked::Recipients(asked) => recipients(&open()?, &asked),
        Asked::Launch(asked) => launch(&open()?, &asked),
    }
}

/// In words, what a program would get as a status and a code.
fn spoken(refusal: Refusal) -> anyhow::Error {
    match refusal {
        Refusal::Failed(error) => error.into(),
        Refusal::Told { message, details: Value::Object(fields), .. } if !fields.is_empty() => {
            let more = fields.iter().filter_map(|(field, words)| Some(format!("{field}: {}", words.as_str()?)));
            anyhow!("{}", std::iter::once(message).chain(more).collect::<Vec<_>>().join(" "))
        }
        Refusal::Told { message, .. } => anyhow!("{message}"),
    }
}

/// Prints what was made from one snapshot. `muster campaign list | head` is no mistake.
fn print(db: &Db, work: impl FnOnce(&mut Conn, &mut dyn Write) -> Result<(), Broken>) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match db.read_now(|conn| work(conn, &mut out).and_then(|()| Ok(out.flush()?))) {
        Err(Broken::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {}
        done => done?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(db: &Db, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        let views = db.read_now(|conn| {
            let all = Campaign::list(conn)?;
            all.iter().map(|campaign| api::brief(campaign, conn)).collect::<Result<Vec<_>, _>>()
        });
        println!("{}", json!({ "campaigns": views.map_err(spoken)? }));
        return Ok(ExitCode::SUCCESS);
    }
    print(db, |conn, out| {
        for campaign in Campaign::list(conn)? {
            let (state, sums) = (campaign.state().key(), receipt::words(&campaign).unwrap_or_default());
            writeln!(out, "{}", format!("{}\t{state}\t{}\t{sums}", campaign.id, campaign.name).trim_end())?;
        }
        Ok(())
    })
}

fn show(db: &Db, id: i64, json: bool) -> anyhow::Result<ExitCode> {
    let view = db.read_now(|conn| {
        let campaign = Campaign::find(id, conn)?.ok_or(Refusal::missing("campaign"))?;
        let clock = Workspace::load(conn)?.clock();
        api::view(&campaign, conn, &clock)
    });
    let view = view.map_err(spoken)?;
    if json {
        println!("{view}");
        return Ok(ExitCode::SUCCESS);
    }
    let text = |name: &str| view[name].as_str().unwrap_or_default().to_string();
    let state = State::parse(&text("state")).map_or("", State::words);
    let mut lines = vec![format!("{} ({} by {})", text("name"), state.to_lowercase(), text("channel"))];
    lines.extend(view["held_because"].as_str().map(|why| format!("held: {why}")));
    let mut add = |name: &str, count: &Value| {
        if let Some(count) = count.as_i64().filter(|count| *count > 0 || name == "reachable" || name == "sent") {
            lines.push(format!("{:>9}  {}", thousands(&count), name.replace('_', " ")));
        }
    };
    let parts = |of: &Value| of.as_object().cloned().unwrap_or_default();
    match &view["sums"] {
        Value::Null => {
            add("reachable", &view["reach"]["reachable"]);
            parts(&view["reach"]["excluded"]).iter().for_each(|(why, count)| add(why, count));
            add("in the audience", &view["reach"]["members"]);
        }
        sums => {
            let statuses = parts(&sums["statuses"]);
            statuses.iter().filter(|(key, _)| *key != "excluded").for_each(|(key, count)| add(key, count));
            parts(&sums["excluded"]).iter().for_each(|(why, count)| add(why, count));
            add("in the audience", &sums["members"]);
        }
    }
    lines.extend(view["reach"]["problem"].as_str().map(str::to_string));
    lines.extend(
        parts(&view["problems"])
            .iter()
            .map(|(field, words)| format!("{field}: {}", words.as_str().unwrap_or_default())),
    );
    println!("{}", lines.join("\n"));
    Ok(ExitCode::SUCCESS)
}

fn recipients(db: &Db, asked: &Recipients) -> anyhow::Result<ExitCode> {
    let found = db.read_now::<_, Trouble>(|conn| Ok(Campaign::find(asked.id, conn)?))?;
    let campaign = found.with_context(|| format!("there is no campaign {}", asked.id))?;
    // A list of people that leaves is remembered, as any export is.
    let details = json!({ "name": campaign.name, "status": asked.status.map(Status::key) });
    db.write_now::<_, Trouble>(|conn| {
        Ok(audit(conn, &Caller::command_line(), "campaign.recipients", &campaign.subject_line(), &details)?)
    })?;
    print(db, |conn, out| match asked.csv {
        true => receipt::write_csv(&campaign, asked.status, out, conn),
        false => receipt::each(campaign.id, asked.status, conn, |row| {
            let called = row.name.as_ref().or(row.address.as_ref()).map_or("", String::as_str);
            let why = row.words(campaign.channel());
            Ok(writeln!(out, "{}\t{}\t{called}\t{why}", row.customer_id, row.status().key())?)
        }),
    })
}

fn launch(db: &Db, asked: &Launch) -> anyhow::Result<ExitCode> {
    // Whoever wrote the number down has typed it.
    let agreed = Agreed { expected: asked.expect, typed: Some(asked.expect), version: None };
    let guards = Guards { drift: asked.drift, typed: 101 };
    let launched = db.write_now::<_, Refusal>(|conn| {
        let campaign = api::launch(asked.id, &agreed, &guards, &Caller::command_line(), conn)?;
        let sums = Sums::of(campaign.id, conn)?;
        Ok((campaign, sums))
    });
    let (campaign, sums) = launched.map_err(spoken)?;
    let (name, whom) = (&campaign.name, people(sums.recipients()));
    eprintln!("muster: {name} is on its way to {whom}; `muster serve` on this database sends it");
    println!("{}", sums.recipients());
    Ok(ExitCode::SUCCESS)
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
