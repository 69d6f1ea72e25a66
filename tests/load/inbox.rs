//! An inbox that many look at while many write: open event streams, messages of gateways at a steady pace, and how long it
//! takes until each stream has heard of each; what pages take meanwhile.
//!
//!     cargo run --release --example inbox [-- DATABASE]
//!
//! The database has to be an empty one; without a word it is a SQLite file that goes again. Server, streams and gateway
//! share the machine.

use anyhow::{Context, anyhow};
use muster::agents::{Agent, Newcomer, Role};
use muster::app::{self, App};
use muster::campaigns::{hook, webhook};
use muster::config::Config;
use muster::db::{Db, Trouble};
use muster::workspace::Workspace;
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

const STREAMS: usize = 200;
/// Messages a second.
const PACE: u32 = 50;
const SECONDS: u32 = 30;
/// Conversations they belong to.
const PEOPLE: u32 = 500;
const EMAIL: &str = "agent@load.example";
const PASSWORD: &str = "a password for measuring";

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let here = folder.path().join("inbox.db").to_string_lossy().into_owned();
    let db = Db::open(&std::env::args().nth(1).unwrap_or(here))?;
    let secret = fill(&db)?;
    muster::web::tls::choose();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let site = format!("http://{}", listener.local_addr()?);
    let config = Config { data_dir: Some(folder.path().to_path_buf()), workers: Some(2), ..Config::standard() };
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let Ok((server, _live)) = app::run(App { db, config }, listener) else { return };
            let _ = server.await;
        });
    });
    let agent = Client::builder().cookie_store(true).timeout(None).pool_max_idle_per_host(4).build()?;
    let form = [("email", EMAIL), ("password", PASSWORD)];
    agent
        .post(format!("{site}/sign-in"))
        .header("Sec-Fetch-Site", "same-origin")
        .form(&form)
        .send()?
        .error_for_status()?;

    // When each message was taken, and how much later each stream heard of its conversation.
    let taken: Arc<Mutex<HashMap<i64, Vec<Instant>>>> = Arc::default();
    let (heard, hear) = mpsc::channel::<(usize, i64, Instant)>();
    for number in 0..STREAMS {
        let stream = agent.get(format!("{site}/events")).send()?.error_for_status()?;
        let heard = heard.clone();
        std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let Some(news) = line.strip_prefix("data: ").and_then(|news| serde_json::from_str::<Value>(news).ok())
                else {
                    continue;
                };
                for id in news["conversations"].as_array().into_iter().flatten().filter_map(Value::as_i64) {
                    let _ = heard.send((number, id, Instant::now()));
                }
            }
        })?;
    }
    drop(heard);
    std::thread::sleep(Duration::from_millis(800));

    let pages = std::thread::spawn({
        let (agent, site) = (agent.clone(), site.clone());
        move || {
            let (mut took, until) = (Vec::new(), Instant::now() + Duration::from_secs(u64::from(SECONDS)));
            while Instant::now() < until {
                let began = Instant::now();
                let read = agent.get(format!("{site}/inbox")).send().and_then(|answer| answer.error_for_status());
                if read.and_then(|answer| answer.text()).is_ok() {
                    took.push(began.elapsed());
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            took
        }
    });
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    for number in 0..PACE * SECONDS {
        let due = began + Duration::from_secs(1) * number / PACE;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let asked = Instant::now();
        let id = write(&site, &secret, number)?;
        slowest = slowest.max(asked.elapsed());
        taken.lock().map_err(|_| anyhow!("a thread broke"))?.entry(id).or_default().push(Instant::now());
    }
    let wrote = began.elapsed();
    std::thread::sleep(Duration::from_secs(2));

    let taken = taken.lock().map_err(|_| anyhow!("a thread broke"))?;
    let mut hits: HashMap<(usize, i64), Vec<Instant>> = HashMap::new();
    while let Ok((stream, id, at)) = hear.try_recv() {
        hits.entry((stream, id)).or_default().push(at);
    }
    let (mut late, mut missed) = (Vec::new(), 0);
    for (id, times) in taken.iter() {
        for stream in 0..STREAMS {
            let heard = hits.get(&(stream, *id));
            for at in times {
                // Told before the gateway had its answer is told at once.
                let next = heard.and_then(|all| all.iter().find(|heard| **heard + Duration::from_millis(100) >= *at));
                match next {
                    Some(heard) => late.push(heard.saturating_duration_since(*at)),
                    None => missed += 1,
                }
            }
        }
    }
    let mut pages = pages.join().map_err(|_| anyhow!("a thread broke"))?;
    let many = PACE * SECONDS;
    println!("{many} messages in {wrote:.1?}, each taken in {slowest:.1?} at most; {STREAMS} streams");
    tell("heard of a message", &mut late);
    println!("never heard: {missed} of {}", late.len() + missed);
    tell("the page of the inbox", &mut pages);
    Ok(())
}

fn tell(what: &str, took: &mut [Duration]) {
    took.sort_unstable();
    let at = |share: usize| took.get(took.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
    println!("{what:<24} median {:>7.1?}  95 of 100 {:>7.1?}  slowest {:>7.1?}", at(50), at(95), at(100));
}

/// Hands one message over as a gateway does; the number of its conversation.
fn write(site: &str, secret: &str, number: u32) -> anyhow::Result<i64> {
    thread_local!(static GATEWAY: Client = Client::new());
    let from = format!("+4670{:07}", 1_000_000 + number % PEOPLE);
    let text = "Two places for the workshop on Saturday, please. We come by train and are there at nine.";
    let body = json!({"channel": "sms", "id": format!("m{number}"), "from": from, "text": text}).to_string();
    let signed = webhook::signature(secret, chrono::Utc::now().timestamp(), &body);
    let post = |gateway: &Client| {
        gateway.post(format!("{site}/hooks/messages")).header("Muster-Signature", signed).body(body).send()
    };
    let answer: Value = GATEWAY.with(post)?.error_for_status()?.text().map(|text| serde_json::from_str(&text))??;
    answer["conversation"].as_i64().context("a conversation")
}

fn fill(db: &Db) -> anyhow::Result<String> {
    let newcomer = Newcomer {
        email: EMAIL.into(),
        name: "Agent".into(),
        role: Role::Admin,
        password: PASSWORD.into(),
        may_send: false,
        may_export: false,
    };
    let welcome = newcomer.check().map_err(|wrong| anyhow!("{wrong:?}"))?;
    Ok(db.write_now::<_, Trouble>(|conn| {
        let clock = Workspace::load(conn)?.clock();
        Agent::create(&welcome, conn, clock.stamp())?;
        Ok(hook::make_secret(conn)?)
    })?)
}
