//! `muster demo`: a believable shop to look around in, made afresh each time and thrown away afterwards.
//!
//! [`World::make`] makes up Nordlicht Outdoor: `names` and `shop` hold what there is to choose from, `people` and
//! `fields` roll the dice, `fill` writes it all down and `campaigns` sends what was sent. The dice always fall the same way; only the dates move along with today.

mod campaigns;
mod conversations;
mod fields;
mod fill;
mod names;
mod people;
mod segments;
mod shop;
mod views;

use crate::agents::{Agent, Newcomer, Role};
use crate::app::{self, App};
use crate::cli;
use crate::config::Config;
use crate::db::schema::{agents, customers, settings};
use crate::db::{Conn, Db, Trouble};
use crate::workspace::Workspace;
use anyhow::{Context, bail};
use diesel::prelude::*;
use fill::Desk;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

/// Everybody in the demo signs in with this. It serves nobody but this machine and holds nothing real.
pub const PASSWORD: &str = "quiet-mountain-hut";

/// One person per role.
pub const PEOPLE: [(Role, &str, &str); 3] = [
    (Role::Agent, "Ava Lindqvist", "ava@nordlicht.example"),
    (Role::Marketer, "Mika Sandberg", "mika@nordlicht.example"),
    (Role::Admin, "Ada Nygaard", "ada@nordlicht.example"),
];

/// The setting that says a database was filled here, with passwords everybody knows.
const MARK: &str = "demo";

/// True for a database that holds the demo.
pub fn is_in(conn: &mut Conn) -> QueryResult<bool> {
    Ok(settings::table.find(MARK).count().get_result::<i64>(conn)? > 0)
}

/// The made-up workspace, gone when this is dropped unless its database was named.
pub struct World {
    pub db: Db,
    folder: tempfile::TempDir,
}

impl World {
    /// Fills a fresh SQLite file, or the database named, which must be empty.
    pub fn make(database_url: Option<&str>, customers: usize, seed: u64) -> anyhow::Result<World> {
        let folder = tempfile::Builder::new().prefix("muster-demo-").tempdir().context("no temporary folder")?;
        let file = folder.path().join("muster.db");
        let db = Db::open(match database_url {
            Some(url) => url,
            None => file.to_str().context("the temporary folder has a name that is not text")?,
        })?;
        let world = World { db, folder };
        world.fill(customers, seed)?;
        Ok(world)
    }

    fn fill(&self, many: usize, seed: u64) -> anyhow::Result<()> {
        let workspace = Workspace {
            name: "Nordlicht Outdoor".into(),
            zone: chrono_tz::Europe::Berlin,
            default_country: Some("DE".into()),
            ..Workspace::default()
        };
        let clock = workspace.clock();
        let midnight = clock.midnight(clock.today());
        // Hashing passwords takes a moment on purpose, so the three are not made inside the transaction.
        let mut newcomers = Vec::new();
        for (role, name, email) in PEOPLE {
            let newcomer = Newcomer {
                email: email.into(),
                name: name.into(),
                role,
                password: PASSWORD.into(),
                may_send: role == Role::Marketer,
                may_export: role == Role::Marketer,
            };
            newcomers.push(newcomer.check().map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?);
        }
        let empty = self.db.write_now::<_, Trouble>(|conn| {
            let strangers: i64 = agents::table.count().get_result(conn)?;
            let others: i64 = customers::table.count().get_result(conn)?;
            if strangers + others > 0 {
                return Ok(false);
            }
            workspace.save(conn)?;
            diesel::insert_into(settings::table)
                .values((settings::key.eq(MARK), settings::value.eq("yes")))
                .execute(conn)?;
            let mut desks = Vec::new();
            for newcomer in &newcomers {
                if let Some(agent) = Agent::create(newcomer, conn, midnight)? {
                    desks.push(Desk { agent_id: agent.id, name: agent.name, role: agent.role });
                }
            }
            fill::fill(seed, many, &clock, &desks, conn)?;
            Ok(true)
        })?;
        if !empty {
            bail!("{} is in use: the demo wants an empty database", self.db.address().spoken());
        }
        let mut conn = self.db.conn()?;
        crate::db::dialect::analyze(&mut conn)?;
        Ok(())
    }

    /// The settings of a fresh machine, with uploads beside the database.
    pub fn config(&self) -> Config {
        Config { data_dir: Some(self.folder.path().to_path_buf()), ..Config::standard() }
    }
}

/// Serves the demo until Ctrl-C. `database_url` is `None` unless one was asked for.
pub fn run(database_url: Option<&str>, asked: &cli::Demo) -> anyhow::Result<ExitCode> {
    let listener = listen(asked.listen)?;
    if asked.log {
        cli::log::start(false);
    }
    eprintln!("muster: making up {} customers", asked.customers);
    let world = World::make(database_url, asked.customers as usize, asked.seed)?;
    println!("\n  The demo of Muster is at http://{}\n", listener.local_addr()?);
    for (role, _, email) in PEOPLE {
        println!("  {:<9} {email:<23}  password {PASSWORD}", role.key());
    }
    match database_url {
        None => println!("\n  Ctrl-C ends it, and everything in it is thrown away.\n"),
        Some(_) => println!(
            "\n  Ctrl-C ends it. {} keeps what is in it, and is only good for the demo.\n",
            world.db.address().spoken()
        ),
    }
    let app = App { db: world.db.clone(), config: world.config() };
    cli::serve::until_told(|| app::run(app, listener))?;
    Ok(ExitCode::SUCCESS)
}

/// Listens on this machine only: everybody knows the demo's passwords. A port that is taken makes way for the next.
fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    if !address.ip().is_loopback() {
        bail!("the demo has passwords everybody knows, so it listens on this machine only, not on {address}");
    }
    let ports = match address.port() {
        0 => 0..=0,
        port => port..=port.saturating_add(20),
    };
    for port in ports {
        match TcpListener::bind(SocketAddr::new(address.ip(), port)) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(error) => bail!("cannot listen on {address}: {error}"),
        }
    }
    bail!("{address} and the twenty ports after it are taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> anyhow::Result<TcpListener> {
        listen(address.parse().expect("an address"))
    }

    #[test]
    fn the_demo_is_for_this_machine_alone() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
            assert!(at(address).is_err_and(|why| why.to_string().contains("this machine only")), "{address}");
        }
    }

    #[test]
    fn a_port_that_is_taken_makes_way_for_the_next() {
        let first = at("127.0.0.1:28080").expect("a port");
        let second = at("127.0.0.1:28080").expect("another port");
        assert_ne!(first.local_addr().ok(), second.local_addr().ok());
    }
}
