//! Ten thousand tags, and how long whoever works with them waits: for the pages of the tag manager, for the suggestions of
//! the tag editor, for those of the filter builder.
//!
//!     cargo run --release --example tags [-- DATABASE]
//!
//! The database has to be an empty one; without a word it is a SQLite file that goes again.

use anyhow::{Context, anyhow};
use diesel::prelude::*;
use muster::agents::{Agent, Caller, Newcomer, Role};
use muster::app::{self, App};
use muster::config::Config;
use muster::customers::{By, Customer, Draft, history};
use muster::db::schema::tags;
use muster::db::{Db, Trouble};
use muster::filters::{Rule, fields::Fields};
use muster::segments::{Kind, Segment, Wish};
use muster::tags::{self as carried, Mark, Source, Tag};
use muster::workspace::Workspace;
use reqwest::blocking::Client;
use std::net::TcpListener;
use std::time::{Duration, Instant};

const TAGS: usize = 10_000;
const CUSTOMERS: usize = 20_000;
const SEGMENTS: usize = 200;
/// How often each thing is asked.
const TIMES: usize = 15;
const EMAIL: &str = "admin@load.example";
const PASSWORD: &str = "a password for measuring";

const WORDS: [&str; 12] = [
    "Campaign",
    "Newsletter",
    "Warehouse",
    "Wholesale",
    "Retail",
    "Press",
    "Event",
    "Region",
    "Partner",
    "Season",
    "Loyalty",
    "Survey",
];

/// What is asked: what it is, and its address.
const ASKED: [(&str, &str); 12] = [
    ("/tags, the first page", "/tags"),
    ("/tags, the last page", "/tags?page=50"),
    ("/tags, most carried first", "/tags?sort=customers"),
    ("/tags, searched", "/tags?q=letter+77"),
    ("/tags, unused", "/tags?tab=unused"),
    ("/tags, asked for by nobody", "/tags?tab=unasked"),
    ("/tags, nearly the same", "/tags?tab=near"),
    ("tag editor, nothing typed", "/tags/suggest?customer=1"),
    ("tag editor, one letter", "/tags/suggest?customer=1&name=n"),
    ("tag editor, a name", "/tags/suggest?customer=1&name=newsletter+77"),
    ("filter builder, one letter", "/customers/filter/values/tags?v0%3A0=n"),
    ("filter builder, a name", "/customers/filter/values/tags?v0%3A0=newsletter+77"),
];

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let here = folder.path().join("tags.db").to_string_lossy().into_owned();
    let db = Db::open(&std::env::args().nth(1).unwrap_or(here))?;
    let began = Instant::now();
    fill(&db)?;
    println!("{TAGS} tags, {CUSTOMERS} customers, {SEGMENTS} segments in {:.1?}", began.elapsed());

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let site = format!("http://{}", listener.local_addr()?);
    let config = Config { data_dir: Some(folder.path().to_path_buf()), workers: Some(2), ..Config::standard() };
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let Ok((server, _live)) = app::run(App { db, config }, listener) else { return };
            let _ = server.await;
        });
    });
    muster::web::tls::choose();
    let client = Client::builder().cookie_store(true).build()?;
    let form = [("email", EMAIL), ("password", PASSWORD)];
    let entered = client.post(format!("{site}/sign-in")).header("Sec-Fetch-Site", "same-origin").form(&form).send()?;
    entered.error_for_status()?;
    for (what, path) in ASKED {
        let mut took = (0..TIMES).map(|_| ask(&client, &format!("{site}{path}"))).collect::<Result<Vec<_>, _>>()?;
        let first = took[0];
        took.sort_unstable();
        println!("{what:<30} median {:>7.1?}  slowest {:>7.1?}  first {first:>7.1?}", took[TIMES / 2], took[TIMES - 1]);
    }
    Ok(())
}

fn ask(client: &Client, url: &str) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let answer = client.get(url).send()?.error_for_status().with_context(|| url.to_string())?;
    answer.bytes()?;
    Ok(began.elapsed())
}

fn fill(db: &Db) -> anyhow::Result<()> {
    let newcomer = Newcomer {
        email: EMAIL.into(),
        name: "Abel".into(),
        role: Role::Admin,
        password: PASSWORD.into(),
        may_send: false,
        may_export: false,
    };
    let welcome = newcomer.check().map_err(|_| anyhow!("nobody can be hired"))?;
    let now = chrono::Utc::now().naive_utc();
    let caller = Caller::command_line();
    db.write_now::<_, Trouble>(|conn| {
        Agent::create(&welcome, conn, now)?;
        let clock = Workspace::load(conn)?.clock();
        let by = By::of(&caller, history::Source::CommandLine, now);
        let ids = (0..TAGS)
            .map(|n| Ok(Tag::find_or_create(&format!("{} {n}", WORDS[n % WORDS.len()]), conn, now)?.0.id))
            .collect::<QueryResult<Vec<i64>>>()?;
        let people = (0..CUSTOMERS)
            .map(|n| {
                let draft = Draft { name: Some(format!("Customer {n}")), ..Draft::default() };
                Customer::create(&draft, &by, conn)
                    .map(|customer| customer.id)
                    .map_err(|_| diesel::result::Error::RollbackTransaction)
            })
            .collect::<QueryResult<Vec<i64>>>()?;
        let mark = Mark::of(&caller, Source::Import(1), now);
        // The first ones are carried by many, the last ones by nobody.
        for (place, tag) in ids.iter().enumerate().take(TAGS * 9 / 10) {
            let many = (CUSTOMERS / (place + 1)).clamp(3, 5_000);
            let from = (place * 7) % (CUSTOMERS - many);
            carried::add_to(&people[from..from + many], *tag, &mark, conn)?;
        }
        let fields = Fields::load(conn)?;
        for n in 0..SEGMENTS {
            let name: String = tags::table.find(ids[n * 11]).select(tags::name).first(conn)?;
            let rule = Rule::read(&format!("tags contains \"{name}\""), &fields).ok();
            let wish = Wish { name: format!("Segment {n}"), kind: Kind::Dynamic, rule, private: false };
            Segment::create(&wish, &caller, conn, &clock).map_err(|_| diesel::result::Error::RollbackTransaction)?;
        }
        Ok(())
    })?;
    Ok(())
}
