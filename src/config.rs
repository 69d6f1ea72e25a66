//! Everything that can be configured, in one place. Each setting is a flag of `muster serve`, or the environment name
//! beside it; the table in README.md is this struct.

use crate::db::{Address, Db};
use clap::{Args, value_parser};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The SQLite file that is used when no database is named.
pub const DEFAULT_DATABASE: &str = "muster.db";

/// Where the data lives. Taken by every command, before or after its own words.
#[derive(Args, Clone, Debug)]
pub struct Database {
    /// A file path (SQLite, made if missing) or postgres://user:password@host/database
    #[arg(long, env = "MUSTER_DATABASE_URL", default_value = DEFAULT_DATABASE, global = true, value_name = "URL")]
    pub database_url: String,
}

/// How Muster serves.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Address and port to listen on
    #[arg(long, env = "MUSTER_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: String,

    /// The address people type, when a proxy stands in front (https here makes cookies Secure)
    #[arg(long, env = "MUSTER_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,

    /// Folder for uploads while they are imported [default: beside the database, or the system's temporary folder]
    #[arg(long, env = "MUSTER_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<std::path::PathBuf>,

    /// Largest CSV upload, in MiB
    #[arg(long, env = "MUSTER_UPLOAD_LIMIT", default_value_t = 1024, value_name = "MIB")]
    pub upload_limit: u64,

    #[command(flatten)]
    pub limits: Limits,

    #[command(flatten)]
    pub sending: Sending,

    /// Worker threads for requests [default: one per core]
    #[arg(long, env = "MUSTER_WORKERS", value_name = "N")]
    pub workers: Option<usize>,

    /// Memory for answers at hand, in MiB [default: 48, and 150 more for every million customers]
    #[arg(long, env = "MUSTER_SETS_MEMORY", value_name = "MIB")]
    pub sets_memory: Option<usize>,

    /// Log lines as JSON
    #[arg(long, env = "MUSTER_LOG_JSON")]
    pub log_json: bool,
}

/// What is too much for one CSV, besides its size. An import keeps it, so that whoever goes on with it reads the same.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Most columns of a CSV
    #[arg(long = "column-limit", env = "MUSTER_COLUMN_LIMIT", default_value_t = Limits::default().columns,
          value_name = "N", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub columns: u32,

    /// Longest line of a CSV, in KiB
    #[arg(long = "line-limit", env = "MUSTER_LINE_LIMIT", default_value_t = Limits::default().line,
          value_name = "KIB", value_parser = value_parser!(u32).range(1..=262_144))]
    pub line: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { columns: 2_000, line: 1_024 }
    }
}

impl Limits {
    /// The longest line in bytes.
    pub fn line_bytes(&self) -> usize {
        (self.line as usize) << 10
    }
    /// The same for people: `1 MiB`.
    pub fn line_words(&self) -> String {
        match self.line {
            kib if kib.is_multiple_of(1024) => format!("{} MiB", kib / 1024),
            kib => format!("{kib} KiB"),
        }
    }
}

/// How campaigns leave. With nothing said, every message becomes a file in the outbox folder.
#[derive(Args, Clone, Debug)]
pub struct Sending {
    /// Mail server for campaigns, like smtps://user:password@mail.example [default: the outbox folder]
    #[arg(long = "smtp-url", env = "MUSTER_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub smtp_url: Option<String>,

    /// Whom mail comes from
    #[arg(long = "mail-from", env = "MUSTER_MAIL_FROM", default_value = Sending::FROM, value_name = "NAME <ADDRESS>")]
    pub mail_from: String,

    /// Folder for messages that have no other way to go [default: muster-outbox beside the database]
    #[arg(long = "outbox", env = "MUSTER_OUTBOX", value_name = "FOLDER")]
    pub outbox: Option<std::path::PathBuf>,

    /// Gateway for SMS, an https address that takes signed JSON [default: the outbox folder]
    #[arg(long = "sms-gateway", env = "MUSTER_SMS_GATEWAY", value_name = "URL")]
    pub sms_gateway: Option<String>,

    /// Gateway for WhatsApp [default: the outbox folder]
    #[arg(long = "whatsapp-gateway", env = "MUSTER_WHATSAPP_GATEWAY", value_name = "URL")]
    pub whatsapp_gateway: Option<String>,

    /// What gateways know Muster by: it signs what they get
    #[arg(long = "gateway-secret", env = "MUSTER_GATEWAY_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub gateway_secret: Option<String>,

    /// Hosts that gateways may have although they are not public, by commas
    #[arg(long = "gateway-hosts", env = "MUSTER_GATEWAY_HOSTS", value_name = "HOSTS", value_delimiter = ',')]
    pub gateway_hosts: Vec<String>,

    /// Most emails a minute, by all processes together [default: as fast as it goes]
    #[arg(long = "email-rate", env = "MUSTER_EMAIL_RATE", value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub email_rate: Option<u32>,

    /// Most SMS a minute
    #[arg(long = "sms-rate", env = "MUSTER_SMS_RATE", value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub sms_rate: Option<u32>,

    /// Most WhatsApp messages a minute
    #[arg(long = "whatsapp-rate", env = "MUSTER_WHATSAPP_RATE", value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub whatsapp_rate: Option<u32>,

    /// Messages that are sent side by side
    #[arg(long = "senders", env = "MUSTER_SENDERS", default_value_t = 8, value_name = "N", value_parser = value_parser!(u32).range(1..=64))]
    pub senders: u32,

    /// Seconds before somebody who cannot be reached is tried again; each further wait is four times as long
    #[arg(long = "retry-after", env = "MUSTER_RETRY_AFTER", default_value_t = 60, value_name = "SECONDS")]
    pub retry_after: u32,

    /// A launch asks again when it would reach so many percent more or fewer people than agreed
    #[arg(long = "drift", env = "MUSTER_DRIFT", default_value_t = 20, value_name = "PERCENT")]
    pub drift: u32,

    /// From so many percent of all customers on, the number of people has to be typed to send
    #[arg(long = "typed-share", env = "MUSTER_TYPED_SHARE", default_value_t = 50, value_name = "PERCENT")]
    pub typed_share: u32,
}

impl Sending {
    const FROM: &str = "Muster <muster@localhost.localdomain>";
}

impl Default for Sending {
    fn default() -> Sending {
        Sending {
            smtp_url: None,
            mail_from: Sending::FROM.into(),
            outbox: None,
            sms_gateway: None,
            whatsapp_gateway: None,
            gateway_secret: None,
            gateway_hosts: Vec::new(),
            email_rate: None,
            sms_rate: None,
            whatsapp_rate: None,
            senders: 8,
            retry_after: 60,
            drift: 20,
            typed_share: 50,
        }
    }
}

/// What serves when nothing was configured.
impl Default for Config {
    fn default() -> Config {
        Config {
            listen: "127.0.0.1:8080".into(),
            base_url: None,
            data_dir: None,
            upload_limit: 1024,
            limits: Limits::default(),
            sending: Sending::default(),
            workers: None,
            sets_memory: None,
            log_json: false,
        }
    }
}

impl Config {
    /// What `muster serve` does when nothing is said, whatever the environment holds.
    pub fn standard() -> Config {
        Config {
            listen: "127.0.0.1:8080".into(),
            base_url: None,
            data_dir: None,
            upload_limit: 1024,
            limits: Limits::default(),
            sending: Sending::default(),
            workers: None,
            sets_memory: None,
            log_json: false,
        }
    }

    /// Refuses what makes no sense, in one sentence.
    pub fn check(&self) -> anyhow::Result<()> {
        let Some(url) = &self.base_url else { return Ok(()) };
        let read = url.parse::<actix_web::http::Uri>().ok();
        let web = read.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
        });
        anyhow::ensure!(web, "--base-url {url} is not an address like https://muster.example");
        Ok(())
    }

    /// Where files lie that belong to a database: as configured, or beside a SQLite file, or in the system's temporary
    /// folder.
    pub fn beside(&self, db: &Db) -> PathBuf {
        match (&self.data_dir, db.address()) {
            (Some(folder), _) => folder.clone(),
            (None, Address::Sqlite(file)) => Path::new(file).parent().map(Path::to_path_buf).unwrap_or_default(),
            (None, Address::Postgres(_)) => std::env::temp_dir(),
        }
    }

    /// True when people reach Muster over https, so cookies may insist on it.
    pub fn secure(&self) -> bool {
        self.base_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }
}
