//! Snapshots, held open or not, with random filters asked in them: each answer is compared with that of SQL.

use super::questions::{Questions, by_sql, differences};
use super::run::{Count, Run, nap};
use super::shop;
use super::writers::is_clash;
use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use fastrand::Rng;
use muster::db::{Conn, Db, Trouble};
use muster::filters::Filter;
use muster::filters::fields::Fields;
use muster::filters::sets::{Sets, Snapshot};
use muster::workspace::Clock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Goes on until the run is over. Panics where an answer differs. `newest` is the last position that anybody was at.
pub fn ask(run: &Run, db: &Db, sets: &Sets, newest: &AtomicU64) {
    let fields = db.read_now::<_, Trouble>(|conn| Ok(Fields::load(conn)?)).expect("the fields");
    let mut questions = Questions::new(fields, &mut Rng::with_seed(std::process::id().into()));
    let dice = &mut Rng::new();
    while !run.is_over() {
        let asked = sets.read_now::<(), Trouble>(|at| {
            newest.fetch_max(at.position(), Ordering::Relaxed);
            for _ in 0..dice.u8(1..=6) {
                let rule = questions.next(dice);
                let filter = Filter::check(&rule, at, &clock(dice))?;
                // Others have a newer snapshot, and may have moved the sets ahead.
                let late = at.position() < newest.load(Ordering::Relaxed);
                compare(&filter, late, run, at, dice)?;
                if dice.u8(..4) == 0 {
                    nap(700, dice);
                }
            }
            Ok(())
        });
        match asked {
            // Whoever empties all tables at once may wait for one that is read here, and have one that is to be read next.
            Err(trouble) if is_clash(&trouble) => run.add(Count::Clashed, 1),
            asked => asked.expect("a snapshot"),
        }
        run.set(Count::Filled, sets.fills());
    }
}

/// Now, or some time off either way: the next to ask is not always at a later moment.
fn clock(dice: &mut Rng) -> Clock {
    let off = match dice.u8(..20) {
        0..12 => TimeDelta::zero(),
        12..19 => TimeDelta::milliseconds(dice.i64(-90_000..90_000)),
        _ => TimeDelta::minutes(dice.i64(-150..150)),
    };
    let clock = shop::clock();
    Clock { now: clock.now + off, ..clock }
}

fn compare(filter: &Filter, late: bool, run: &Run, at: &mut Snapshot, dice: &mut Rng) -> Result<(), Trouble> {
    // A tag that is just being made anew: everything says nobody.
    if !filter.problems().is_empty() {
        return Ok(());
    }
    let (kept, fresh) = match dice.bool() {
        true => (at.matching(filter)?, by_sql(filter, at)?),
        false => {
            let fresh = by_sql(filter, at)?;
            (at.matching(filter)?, fresh)
        }
    };
    let counted = at.recount(filter)?;
    if kept != fresh || counted != kept.len() as i64 {
        if is_torn(at)? {
            run.add(Count::Torn, 1);
            return Ok(());
        }
        panic!(
            "a set is not what SQL says{}: it lacks {:?} and has {:?} besides, of {counted} as counted\n{}",
            if late { ", in a snapshot that was left behind" } else { "" },
            &fresh - &kept,
            &kept - &fresh,
            differences(filter, at)?
        );
    }
    let mut conditions = 1;
    filter.ask().each(&mut |_| conditions += 1);
    run.add(Count::Asked, conditions);
    run.add(Count::Compared, 1);
    run.add(Count::Late, late.into());
    run.add(Count::Telling, (1..at.everyone(filter.clock().stamp())?.len()).contains(&kept.len()).into());
    Ok(())
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// TRUNCATE on PostgreSQL empties a table for snapshots too that were opened before it: what SQL says in them then, there
/// never was. It gives the table another file. The catalogue says which one the snapshot saw, the function which it is.
fn is_torn(at: &mut Snapshot) -> QueryResult<bool> {
    let Conn::Postgres(c) = &mut **at else { return Ok(false) };
    let tables = ["customers"].iter().chain(&shop::CHILDREN).map(|table| format!("'{table}'::regclass"));
    let tables = tables.collect::<Vec<_>>().join(", ");
    let torn: Number = sql_query(format!(
        "SELECT count(*) AS number FROM pg_class WHERE oid IN ({tables}) AND relfilenode <> pg_relation_filenode(oid)"
    ))
    .get_result(c)?;
    Ok(torn.number > 0)
}
