//! Tags many customers in bulk while somebody else writes all the time, undoes it, and says how long that took and how
//! long the other one waited at most. Once with nobody else about, and once as a server does it, while it is followed who
//! joins and leaves the segments there are; five more that ask for the tag are made for it:
//!
//!     cargo run --release --example bulk -- DATABASE [FILTER]
//!
//! The database is changed: give it a copy. The filter should select some hundred thousand.

use anyhow::{Context, bail};
use diesel::prelude::*;
use muster::agents::Caller;
use muster::bulk::what::{Named, What};
use muster::bulk::{Action, work};
use muster::customers::touch;
use muster::db::schema::customers;
use muster::db::{Conn, Db, Trouble};
use muster::filters::Rule;
use muster::filters::fields::Fields;
use muster::filters::sets::Sets;
use muster::filters::whom::Whom;
use muster::segments::feed::{self, Witness};
use muster::segments::{Kind, Segment, Wish};
use muster::tags::Tag;
use muster::workspace::{Workspace, stamp};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let url = words.next().context("say which database: a copy, it is changed")?;
    let filter = words.next().unwrap_or_else(|| "tags is empty".into());
    let caller = Caller::command_line();
    let alone = Db::open(&url)?;
    alone.write_now::<_, Trouble>(|conn| Ok(segments(&caller, conn)?))?;
    println!("Nobody follows.");
    there_and_back(&filter, &caller, &alone)?;

    let db = Db::open(&url)?;
    let (witness, sets) = (Witness::default(), Sets::new(db.clone(), None));
    let (follower, progress) = (db.clone(), witness.progress.clone());
    db.attended_by(witness);
    std::thread::spawn(move || actix_web::rt::System::new().block_on(feed::keep(sets, follower, progress)));
    // It begins with whoever is in each segment.
    std::thread::sleep(Duration::from_secs(20));
    println!("\nSegments are followed.");
    there_and_back(&filter, &caller, &db)
}

const TAG: &str = "Tagged in bulk";

fn segments(caller: &Caller, conn: &mut Conn) -> Result<(), diesel::result::Error> {
    let clock = Workspace::load(conn)?.clock();
    for asks in [
        "",
        " and country is BR",
        " and email_consent is opted in",
        " and purchase_count >= 2",
        " and name contains an",
    ] {
        let filter = format!("tags contains \"{TAG}\"{asks}");
        Tag::find_or_create(TAG, conn, clock.stamp())?;
        let rule = Rule::read(&filter, Fields::built_in()).ok();
        let wish = Wish { name: format!("Bulk{asks}"), kind: Kind::Dynamic, rule, private: false };
        if let Err(problem) = Segment::create(&wish, caller, conn, &clock) {
            println!("{problem}");
        }
    }
    Ok(())
}

fn there_and_back(filter: &str, caller: &Caller, db: &Db) -> anyhow::Result<()> {
    let began = Instant::now();
    let settled = db.read_now::<_, Trouble>(|conn| {
        let clock = Workspace::load(conn)?.clock();
        let whom = match Whom::matching(filter, conn, &clock) {
            Ok(whom) => whom,
            Err(error) => return Ok(Err(error.to_string())),
        };
        Ok(Ok(whom.settle(conn, &clock)?))
    })?;
    let settled = match settled {
        Ok(settled) => settled,
        Err(words) => bail!(words),
    };
    println!("{} customers settled in {:.2?}", settled.ids.len(), began.elapsed());

    let began = Instant::now();
    let action = db.write_now::<_, Trouble>(|conn| {
        let (tag, _) = Tag::find_or_create(TAG, conn, settled.at)?;
        let what = What::AddTags { tags: vec![Named { id: tag.id, name: tag.name }] };
        Ok(Action::start(&what, &settled, None, caller, conn)?)
    })?;
    println!("started in {:.2?}", began.elapsed());

    told("tagged", db, &action)?;
    db.write_now::<_, Trouble>(|conn| {
        let clock = Workspace::load(conn)?.clock();
        let action = Action::find(action.id, conn)?.ok_or(diesel::result::Error::NotFound)?;
        if let Err(problem) = action.undo(caller, conn, &clock) {
            println!("{problem}");
        }
        Ok(())
    })?;
    told("undone", db, &action)
}

/// Works it off while another connection writes, and says how that went.
fn told(what: &str, db: &Db, action: &Action) -> anyhow::Result<()> {
    let over = AtomicBool::new(false);
    let began = Instant::now();
    let waits = std::thread::scope(|scope| {
        let other = scope.spawn(|| writes(db, &over));
        let done = work::now(action.id, db);
        over.store(true, Ordering::Relaxed);
        let waits = other.join().map_err(|_| anyhow::anyhow!("the other writer gave up"))?;
        done?;
        waits
    });
    let mut waits = waits?;
    waits.sort_unstable();
    let at = |share: f64| waits.get(((waits.len() as f64 - 1.0) * share) as usize).copied().unwrap_or_default();
    let action = db.read_now::<_, Trouble>(|conn| Ok(Action::find(action.id, conn)?))?.context("the action")?;
    println!(
        "{what} in {:.2?}: {}; {} restored, {} left alone. Another wrote {} times: median {:.1?}, 99 % {:.1?}, at most {:.1?}",
        began.elapsed(),
        action.told(),
        action.restored,
        action.kept,
        waits.len(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
    Ok(())
}

/// Small writes, one after the other, each timed from asking for the lock until it is kept.
fn writes(db: &Db, over: &AtomicBool) -> anyhow::Result<Vec<Duration>> {
    let id: i64 = db.read_now::<_, Trouble>(|conn| {
        Ok(customers::table.order(customers::id.desc()).select(customers::id).first(conn)?)
    })?;
    let mut waits = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        db.write_now::<_, Trouble>(|conn| Ok(touch(id, stamp(chrono::Utc::now()), conn)?))?;
        waits.push(began.elapsed());
        std::thread::sleep(Duration::from_millis(7));
    }
    Ok(waits)
}
