//! Transactions of one to five changes, open for a while, now and then rolled back. Here are the changes that are made by
//! the product's own functions.

use super::run::{Count, Run, nap};
use super::shop::{self, CALLED, CHANNELS, PASSING, STATIC, TAGS, clock, moment};
use super::{by_hand, replaced};
use crate::random_filters::pick;
use crate::support::by;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as QueryError};
use fastrand::Rng;
use muster::agents::Caller;
use muster::custom_fields::{self, CustomField};
use muster::customers::{self, Channel, Consent, Customer, Draft, set_consent};
use muster::db::schema::{customers as people, purchases as bought, segments as lists, taggings, tags as names};
use muster::db::{Address, Conn, Db, Trouble};
use muster::filters::fields::Fields;
use muster::filters::{Filter, Rule};
use muster::purchases::{self, Bought};
use muster::segments::{self, Kind, Segment, Wish, members};
use muster::tags::{self, Lasting, Mark, Source, Tag};

/// Goes on until the run is over. The first of the writers comes from outside: on SQLite it is a connection that does not
/// keep foreign keys, as most programs open one.
pub fn write(run: &Run, db: &Db, number: usize) {
    let dice = &mut Rng::new();
    let mut outside = (number == 0).then(|| outsider(db)).flatten();
    while !run.is_over() {
        let change = |conn: &mut Conn| changes(dice, conn);
        let done = match &mut outside {
            Some(conn) => db.write_on(conn, change),
            None => db.write_now(change),
        };
        run.add(
            match done {
                Ok(()) => Count::Written,
                Err(Trouble::Query(QueryError::RollbackTransaction)) => Count::Undone,
                Err(trouble) if is_clash(&trouble) => Count::Clashed,
                Err(trouble) => panic!("a change failed: {trouble:?}"),
            },
            1,
        );
        nap(200, dice);
    }
}

fn outsider(db: &Db) -> Option<Conn> {
    let Address::Sqlite(path) = db.address() else { return None };
    let mut c = SqliteConnection::establish(path).expect("a connection");
    c.batch_execute("PRAGMA busy_timeout=10000; PRAGMA foreign_keys=OFF").expect("its settings");
    Some(Conn::Sqlite(c))
}

/// Two transactions wanted the same: one of them is refused, as it has to be, or finds that what it changes is gone.
pub fn is_clash(trouble: &Trouble) -> bool {
    use DatabaseErrorKind::{ForeignKeyViolation, SerializationFailure, UniqueViolation};
    let (kind, said) = match trouble {
        Trouble::Query(QueryError::DatabaseError(kind, said)) => (kind, said),
        Trouble::Query(QueryError::NotFound) => return true,
        _ => return false,
    };
    matches!(kind, ForeignKeyViolation | SerializationFailure | UniqueViolation)
        || said.message().contains("deadlock detected")
        || said.message().contains("current transaction is aborted")
}

fn changes(dice: &mut Rng, conn: &mut Conn) -> Result<(), Trouble> {
    // SQLite has one writer at a time: who dawdles keeps all waiting. On PostgreSQL one in forty commits seconds after
    // others that began after it.
    let most = match conn {
        Conn::Sqlite(_) => 60,
        Conn::Postgres(_) if dice.u8(..40) == 0 => 20_000,
        Conn::Postgres(_) => 300,
    };
    for _ in 0..dice.u8(1..=5) {
        if dice.u8(..8) > 0 {
            change(dice, conn)?;
        } else {
            // In a savepoint, which may be rolled back by itself.
            let inner = conn.transaction::<_, Trouble, _>(|conn| {
                change(dice, conn)?;
                if dice.bool() { Ok(()) } else { Err(QueryError::RollbackTransaction.into()) }
            });
            match inner {
                Ok(()) | Err(Trouble::Query(QueryError::RollbackTransaction)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        nap(most, dice);
    }
    if dice.u8(..10) == 0 { Err(QueryError::RollbackTransaction.into()) } else { Ok(()) }
}

fn change(dice: &mut Rng, conn: &mut Conn) -> Result<(), Trouble> {
    match (dice.u8(..10), &mut *conn) {
        (0..4, _) => by_functions(dice, conn),
        (4..6, Conn::Sqlite(_)) => Ok(replaced::replace(dice, conn)?),
        _ => Ok(by_hand::change(dice, conn)?),
    }
}

/// Any customer.
pub fn somebody(dice: &mut Rng, conn: &mut Conn) -> QueryResult<i64> {
    let last: Option<i64> = people::table.order(people::id.desc()).select(people::id).first(conn).optional()?;
    let from = dice.i64(1..=last.unwrap_or(1).max(1));
    let near = people::table.filter(people::id.ge(from)).order(people::id).select(people::id);
    Ok(near.first(conn).optional()?.unwrap_or(from))
}

fn draft(dice: &mut Rng) -> Draft {
    let some = |list: &[&str], dice: &mut Rng| (dice.u8(..5) > 0).then(|| pick(list, dice).to_string());
    Draft {
        name: some(&shop::NAMES, dice),
        email: shop::key(shop::email, dice),
        phone: shop::key(shop::phone, dice),
        external_id: shop::key(shop::external_id, dice),
        country: some(&shop::COUNTRIES, dice),
        city: some(&shop::CITIES, dice),
        language: some(&shop::LANGUAGES, dice),
        created_at: Some(moment(dice)),
        last_seen_at: Some(moment(dice)).filter(|_| dice.bool()),
    }
}

fn by_functions(dice: &mut Rng, conn: &mut Conn) -> Result<(), Trouble> {
    let (she, clock, caller) = (somebody(dice, conn)?, clock(), Caller::command_line());
    let here = Customer::find(she, conn)?;
    match dice.u8(..14) {
        0..3 if here.is_some() => {
            let (tag, _) = Tag::find_or_create(pick(&TAGS, dice), conn, clock.stamp())?;
            let from = pick(&[Source::Profile, Source::Api, Source::Import(1), Source::Campaign(1)], dice);
            // Some are over in the next moments, some are already; and some get another end.
            let lasting = match dice.u8(..3) {
                0 => Lasting::Until(moment(dice)),
                1 => Lasting::Ever,
                _ => Lasting::Unsaid,
            };
            tags::add(she, tag.id, &Mark::of(&caller, from, moment(dice)).lasting(lasting), conn)?;
        }
        3 => {
            let hers: Vec<i64> =
                taggings::table.filter(taggings::customer_id.eq(she)).select(taggings::tag_id).load(conn)?;
            if let Some(tag) = hers.first() {
                tags::remove(she, *tag, &Mark::of(&caller, Source::Profile, clock.stamp()), conn)?;
            }
        }
        4 => {
            if let Some(customer) = here {
                refused(customer.update(&draft(dice), &by(&clock), conn))?;
            }
        }
        5 => refused(Customer::create(&draft(dice), &by(&clock), conn))?,
        6 if dice.bool() => drop(Customer::delete(she, conn)?),
        7 if here.is_some() => {
            let [channel, said] = [pick(&CHANNELS, dice), pick(&["opted_in", "opted_out", "unknown"], dice)];
            let (channel, said) = (Channel::parse(channel).expect("a channel"), Consent::parse(said).expect("a word"));
            set_consent(she, channel, said, &by(&clock), conn)?;
        }
        8 if here.is_some() => {
            let fields = CustomField::all(conn)?;
            let field = &fields[dice.usize(..fields.len())];
            let typed = pick(&["", "pro", "free", "12", "-3", "2001-02-28", "yes", "no", "S", "L"], dice);
            if let Ok(value) = field.clean(typed) {
                custom_fields::write(she, &[(field.clone(), value)], &by(&clock), conn)?;
            }
        }
        9 if here.is_some() => {
            let product = Some(pick(&shop::PRODUCTS, dice).to_string());
            let external_id = shop::key(shop::external_id, dice);
            let amount = dice.i64(0..90) * 100;
            let bought = Bought { external_id, product, amount, currency: "EUR".into(), at: moment(dice) };
            purchases::record(she, &bought, conn)?;
        }
        10 => {
            diesel::delete(bought::table.filter(bought::customer_id.eq(she))).execute(conn)?;
            purchases::recount(&[she], conn)?;
        }
        11 => join_or_leave(she, dice, conn)?,
        12 => rename(dice, conn)?,
        13 if dice.u8(..4) == 0 => make_anew(dice, conn)?,
        // What is over is tidied away.
        13 if dice.u8(..4) == 0 => {
            tags::past::expire(&|| Box::new(taggings::customer_id.gt(0)), clock.stamp(), conn)?;
        }
        _ => {}
    }
    Ok(())
}

/// What was refused because somebody has that key already is as good as done.
fn refused<T>(done: Result<T, customers::Problem>) -> Result<(), Trouble> {
    match done {
        Err(customers::Problem::Query(error)) => Err(error.into()),
        _ => Ok(()),
    }
}

/// She alone, or all whom a filter selects now.
fn join_or_leave(she: i64, dice: &mut Rng, conn: &mut Conn) -> Result<(), Trouble> {
    let ids: Vec<i64> = lists::table.filter(lists::kind.eq("static")).select(lists::id).load(conn)?;
    let found = Segment::find(pick(&ids, dice), &Caller::command_line(), conn)?;
    let Some(segment) = found else { return Ok(()) };
    let done = match dice.u8(..5) {
        0..2 => members::add(&segment, &[she], conn, &clock()).map(drop),
        2..4 => members::remove(&segment, &[she], conn, &clock()).map(drop),
        _ => {
            let rule = Rule::read("country is SE and tags contains VIP", Fields::built_in()).expect("a filter");
            let filter = Filter::check(&rule, conn, &clock())?;
            members::add_matching(&segment, &filter, conn, &clock()).map(drop)
        }
    };
    match done {
        Err(segments::Problem::Failed(trouble)) => Err(trouble),
        _ => Ok(()),
    }
}

/// Tags that are called otherwise: conditions may ask for a part of the name.
fn rename(dice: &mut Rng, conn: &mut Conn) -> Result<(), Trouble> {
    if let Some(tag) = Tag::find(pick(&CALLED, dice), conn)? {
        match tag.update(&tags::Draft::named(pick(&CALLED, dice)), conn, clock().stamp()) {
            Err(tags::Problem::Query(error)) => return Err(error.into()),
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// A tag or a list goes with all who were in it, and comes again under its name.
fn make_anew(dice: &mut Rng, conn: &mut Conn) -> Result<(), Trouble> {
    if dice.bool() {
        let name = pick(&PASSING, dice);
        diesel::delete(names::table.filter(names::name.eq(name))).execute(conn)?;
        Tag::find_or_create(name, conn, clock().stamp())?;
        return Ok(());
    }
    let name = pick(&STATIC, dice);
    diesel::delete(lists::table.filter(lists::name.eq(name))).execute(conn)?;
    let wish = Wish { name: name.into(), kind: Kind::Static, rule: None, private: false };
    match Segment::create(&wish, &Caller::command_line(), conn, &clock()) {
        Err(segments::Problem::Failed(trouble)) => Err(trouble),
        _ => Ok(()),
    }
}
