//! `muster user add` and `muster token create`: the first people and programs, before any page is needed.

use crate::agents::{Agent, Caller, Newcomer, Role, audit, name, tokens};
use crate::db::{Db, Trouble};
use crate::workspace::stamp;
use anyhow::Context;
use clap::Args;
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

/// Somebody who may sign in.
#[derive(Args, Clone, Debug)]
pub struct NewUser {
    /// What they sign in with
    #[arg(long)]
    email: String,
    /// As others see them
    #[arg(long)]
    name: String,
    /// agent, marketer or admin
    #[arg(long, value_parser = role)]
    role: Role,
    /// Read the password from the first line of stdin instead of asking for it
    #[arg(long)]
    password_stdin: bool,
    /// Give a marketer the right to send campaigns
    #[arg(long)]
    may_send: bool,
    /// Give a marketer the right to export
    #[arg(long)]
    may_export: bool,
}

/// A program that may use the API.
#[derive(Args, Clone, Debug)]
pub struct NewToken {
    /// As it is kept beside what the program does
    #[arg(long)]
    name: String,
    /// agent, marketer or admin
    #[arg(long, value_parser = role)]
    role: Role,
}

fn role(key: &str) -> Result<Role, String> {
    Role::parse(key).ok_or_else(|| "the roles are agent, marketer and admin".into())
}

pub fn add_user(db: &Db, user: NewUser) -> anyhow::Result<ExitCode> {
    let password = if user.password_stdin { first_line()? } else { asked_twice()? };
    let NewUser { email, name, role, may_send, may_export, .. } = user;
    let welcome = Newcomer { email, name, role, password, may_send, may_export }
        .check()
        .map_err(|mistakes| anyhow::anyhow!("{}", mistakes.spoken()))?;
    let agent = db.write_now::<_, Trouble>(|conn| {
        let Some(agent) = Agent::create(&welcome, conn, stamp(chrono::Utc::now()))? else { return Ok(None) };
        let details = json!({ "email": agent.email, "role": agent.role.key() });
        audit(conn, &Caller::command_line(), "user.create", &format!("user {}", agent.id), &details)?;
        Ok(Some(agent))
    })?;
    let agent = agent.context("somebody has this email address already")?;
    eprintln!("muster: {} may sign in as {} ({})", agent.name, agent.email, agent.role.key());
    Ok(ExitCode::SUCCESS)
}

pub fn create_token(db: &Db, token: NewToken) -> anyhow::Result<ExitCode> {
    let name = name(&token.name).map_err(|words| anyhow::anyhow!("{words}."))?;
    let secret = db.write_now::<_, Trouble>(|conn| {
        let (id, secret) = tokens::create(&name, token.role, conn, stamp(chrono::Utc::now()))?;
        let details = json!({ "name": name, "role": token.role.key() });
        audit(conn, &Caller::command_line(), "token.create", &format!("token {id}"), &details)?;
        Ok(secret)
    })?;
    eprintln!("muster: a token for {name} ({}); it is shown this once", token.role.key());
    println!("{secret}");
    Ok(ExitCode::SUCCESS)
}

fn first_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("no password came from stdin")?;
    Ok(line.trim_end_matches(['\n', '\r']).to_string())
}

fn asked_twice() -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        anyhow::bail!("there is nobody to ask for a password; use --password-stdin");
    }
    let ask = |words: &str| rpassword::prompt_password(words).context("the password could not be read");
    let password = ask("Password (at least 12 characters): ")?;
    if ask("Once more: ")? != password {
        anyhow::bail!("the two passwords differ");
    }
    Ok(password)
}
