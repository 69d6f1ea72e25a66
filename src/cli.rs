//! The command line: what can be said, and who does it. Progress, logs and messages go to stderr, results to stdout;
//! whatever fails says so in one sentence.

pub mod log;
mod people;
pub mod serve;

use crate::campaigns;
use crate::config::{self, Config, Database, Limits};
use crate::db::{Db, Unavailable};
use crate::imports::{Subject, command};
use crate::segments::feed;
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Customer tags, filters and segments that are right the moment they change.
#[derive(Parser)]
#[command(name = "muster", version, subcommand_value_name = "COMMAND", after_help = "Plain `muster` serves.")]
struct Line {
    #[command(flatten)]
    database: Database,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring the database up to date and serve
    Serve(Config),
    /// Serve a made-up workspace to look around in, thrown away afterwards
    Demo(Demo),
    /// Bring the database up to date, making it if it is missing
    Migrate,
    /// The people who may sign in
    #[command(subcommand)]
    User(User),
    /// The programs that may use the API
    #[command(subcommand)]
    Token(Token),
    /// Import a CSV file
    #[command(subcommand)]
    Import(Import),
    /// Write customers as CSV
    Export(Export),
    /// Count the customers a filter selects
    Count(Count),
    /// Campaigns, and what comes back of them
    #[command(subcommand)]
    Campaign(campaigns::command::Asked),
}

/// A made-up workspace.
#[derive(Args, Clone, Debug)]
pub struct Demo {
    /// Address and port to listen on; only this machine can reach it
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// How many customers to make up
    #[arg(long, default_value_t = 5000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub customers: u32,
    /// The same number makes the same world
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Log every request
    #[arg(long)]
    pub log: bool,
}

#[derive(Subcommand)]
enum User {
    /// Let somebody sign in
    Add(people::NewUser),
}

#[derive(Subcommand)]
enum Token {
    /// Make an API token and print it, this once
    Create(people::NewToken),
}

#[derive(Subcommand)]
enum Import {
    /// Customers with their tags
    Customers(ImportFile),
    /// Purchases of customers who are there; one whose external_id is known already changes nothing
    Purchases(ImportFile),
    /// Take an import back: whoever it made goes, whatever it changed is again as it was, except where it was changed since
    Undo {
        /// The number of the import
        id: i64,
    },
}

/// How one file is imported.
#[derive(Args, Clone, Debug)]
pub struct ImportFile {
    /// The CSV file
    pub file: PathBuf,
    /// What may happen to customers: create_update, create, update, fill_empty or tags
    #[arg(long, default_value = "create_update", value_parser = ["create_update", "create", "update", "fill_empty", "tags"])]
    pub mode: String,
    /// Which keys find a customer, in this order: id, external_id, email, phone [default: the last three; for
    /// purchases all]
    #[arg(long, value_delimiter = ',', value_name = "KEYS",
          value_parser = ["id", "external_id", "email", "phone", "customer_id", "customer_external_id"])]
    pub match_by: Vec<String>,
    /// What a tag nobody knows does: create it or reject the line
    #[arg(long, default_value = "create", value_parser = ["create", "reject"])]
    pub unknown_tags: String,
    /// What the tags of a line do to those the customer has: add, replace or remove
    #[arg(long, default_value = "add", value_parser = ["add", "replace", "remove"])]
    pub tags: String,
    /// Put a column into a field, or leave it out: HEADER=-; HEADER=custom.KEY:text makes a custom field (text, number,
    /// boolean or date). Again for each column
    #[arg(long, value_name = "HEADER=FIELD")]
    pub map: Vec<String>,
    /// How a column writes its dates or numbers: HEADER=day-first, month-first, decimal-comma or usual [default: found
    /// where there is no doubt]. Again for each column
    #[arg(long, value_name = "HEADER=NOTATION")]
    pub read: Vec<String>,
    /// A tag for every line of the file. Again for each tag
    #[arg(long, value_name = "NAME")]
    pub tag: Vec<String>,
    /// How these people agreed to be written to; without it nobody is opted in
    #[arg(long, value_name = "TEXT")]
    pub consent_proof: Option<String>,
    #[command(flatten)]
    pub limits: Limits,
    /// Say what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the totals as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Which customers leave, and how.
#[derive(Args, Clone, Debug)]
pub struct Export {
    /// Only customers that this filter selects
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// The moment relative dates are counted from (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    pub now: Option<chrono::DateTime<chrono::FixedOffset>>,
    /// The columns, by field name [default: every field that can be imported]
    #[arg(long, value_delimiter = ',', value_name = "FIELDS")]
    pub columns: Vec<String>,
    /// Write to this file [default: stdout]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What is counted.
#[derive(Args, Clone, Debug)]
pub struct Count {
    /// The filter, as text or JSON
    #[arg(long, value_name = "TEXT")]
    pub filter: String,
    /// The moment relative dates are counted from (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME")]
    pub now: Option<chrono::DateTime<chrono::FixedOffset>>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let line = Line::parse_from(spoken_out(std::env::args_os().collect()));
    match obey(line) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("muster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plain `muster`, with or without flags, is `muster serve`.
fn spoken_out(mut words: Vec<std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    const OTHERS: [&str; 5] = ["help", "--help", "-h", "--version", "-V"];
    let says = |word: &std::ffi::OsString| {
        use clap::CommandFactory;
        word.to_str().is_some_and(|word| Line::command().find_subcommand(word).is_some() || OTHERS.contains(&word))
    };
    if !words.iter().skip(1).any(says) {
        words.insert(1.min(words.len()), "serve".into());
    }
    words
}

fn obey(line: Line) -> anyhow::Result<ExitCode> {
    let open = || {
        let db = Db::open(&line.database.database_url)?;
        db.attended_by(feed::Witness::default());
        Ok::<_, Unavailable>(db)
    };
    match line.command {
        // It follows what is written itself.
        Command::Serve(config) => serve::run(Db::open(&line.database.database_url)?, config),
        Command::Demo(asked) => {
            let named = line.database.database_url;
            crate::demo::run((named != config::DEFAULT_DATABASE).then_some(&*named), &asked)
        }
        Command::Migrate => {
            let db = open()?;
            eprintln!("muster: {} is up to date", db.address().spoken());
            Ok(ExitCode::SUCCESS)
        }
        Command::User(User::Add(user)) => people::add_user(&open()?, user),
        Command::Token(Token::Create(token)) => people::create_token(&open()?, token),
        Command::Import(Import::Customers(file)) => command::import(Subject::Customers, &open()?, &file),
        Command::Import(Import::Purchases(file)) => command::import(Subject::Purchases, &open()?, &file),
        Command::Import(Import::Undo { id }) => command::undo(id, &open()?),
        Command::Export(asked) => crate::exports::command::export(&open()?, &asked),
        Command::Campaign(asked) => campaigns::command::obey(asked, open),
        Command::Count(asked) => crate::exports::command::count(&open()?, &asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn said(words: &str) -> Line {
        let words = std::iter::once("muster").chain(words.split_whitespace()).map(Into::into).collect();
        Line::try_parse_from(spoken_out(words)).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_words_make_sense_together() {
        Line::command().debug_assert();
    }

    #[test]
    fn plain_muster_serves() {
        assert!(matches!(said("").command, Command::Serve(_)));
        let Command::Serve(config) = said("--listen 0.0.0.0:80 --database-url shop.db").command else {
            panic!("it does not serve")
        };
        assert_eq!(config.listen, "0.0.0.0:80");
    }

    #[test]
    fn the_database_may_be_named_before_or_after() {
        assert_eq!(said("--database-url shop.db migrate").database.database_url, "shop.db");
        assert_eq!(said("migrate --database-url shop.db").database.database_url, "shop.db");
        assert_eq!(
            said("user add --email a@b.se --name A --role admin --database-url x.db").database.database_url,
            "x.db"
        );
    }

    #[test]
    fn an_import_takes_its_lists() {
        let line =
            said("import customers file.csv --match-by email,phone --map plan=- --map E-mail=email --tag A --tag B");
        let Command::Import(Import::Customers(file)) = line.command else { panic!("it does not import") };
        assert_eq!((file.match_by.join("+"), file.map.len(), file.tag.len()), ("email+phone".into(), 2, 2));
    }
}
