//! Moves what hangs on one customer to another, and remembers what it moved, so that each row can go back.
//!
//! [`TABLES`] are all tables that name a customer; a test compares them with the schema, so that a new one cannot be
//! forgotten.

use super::mailings::{self, Mailings};
use crate::customers::Consent;
use crate::db::Conn;
use crate::db::nodes::{Among, On};
use crate::db::schema::{
    bulk_actions, bulk_items, chat_visitors, conversations, field_changes, import_changes, import_lines, imports,
    past_taggings, purchases, segment_members, segment_moves, segment_pins, taggings,
};
use crate::tags::past::{self, Why};
use crate::tags::{self, Mark, families};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// The tables that have a customer's number, the change log aside, and what a merge does about each. `consents` and `custom_values` are decided
/// value by value; of the rest every row is moved, or stays under the old number where she has one of her own.
pub const TABLES: [&str; 16] = [
    "bulk_items",
    "campaign_attempts",
    "campaign_recipients",
    "chat_visitors",
    "consents",
    "conversations",
    "custom_values",
    "field_changes",
    "import_changes",
    "import_lines",
    "past_taggings",
    "purchases",
    "segment_members",
    "segment_moves",
    "segment_pins",
    "taggings",
];

/// A field of the one who stays: what it was, and what the merge made of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Changed {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What she had said about a channel, and what the merge made of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reagreed {
    pub channel: String,
    pub before: Option<(Consent, NaiveDateTime, String)>,
    pub after: Consent,
}

/// All that undoing needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    /// What the one who went was called.
    pub called: String,
    /// The rows of hers that were not moved, as [`bulk`](crate::bulk) keeps a deleted customer.
    pub customer: String,
    pub fields: Vec<Changed>,
    pub consents: Vec<Reagreed>,
    /// When the one who stays became a customer and was seen last, before and after.
    pub created_at: (NaiveDateTime, NaiveDateTime),
    pub last_seen_at: (Option<NaiveDateTime>, Option<NaiveDateTime>),
    pub moved: Moved,
}

/// The rows that were moved.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Moved {
    purchases: Vec<i64>,
    conversations: Vec<i64>,
    #[serde(default)]
    field_changes: Vec<i64>,
    visitors: Vec<String>,
    members: Vec<i64>,
    pins: Vec<i64>,
    moves: Vec<(i64, i64)>,
    import_lines: Vec<(i64, i64)>,
    bulk_items: Vec<i64>,
    past: Vec<i64>,
    pub(super) mailings: Mailings,
    pub(super) tags: Tags,
}

/// What became of tags.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tags {
    /// Those that were moved: tag, and when it was put on.
    pub moved: Vec<(i64, NaiveDateTime)>,
    /// The past taggings that hers and the other's became.
    pub ended_hers: Vec<i64>,
    pub ended_other: Vec<i64>,
    /// Those that last longer by it: tag, end before and after.
    pub longer: Vec<(i64, Option<NaiveDateTime>, Option<NaiveDateTime>)>,
}

/// `customer_id` of some rows of a table.
macro_rules! give {
    ($table:ident, $these:expr, $to:expr, $conn:expr) => {
        diesel::update($table::table.filter($these)).set($table::customer_id.eq($to)).execute($conn)?
    };
}

/// Moves everything of `from` to `to`. Both are held by whoever calls.
pub fn over(from: i64, to: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<Moved> {
    let mut moved = Moved { tags: tags_over(from, to, mark, conn)?, ..Moved::default() };
    moved.past = past_taggings::table
        .filter(past_taggings::customer_id.eq(from))
        .order(past_taggings::id)
        .select(past_taggings::id)
        .load(conn)?;
    give!(past_taggings, past_taggings::customer_id.eq(from), to, conn);
    moved.purchases = purchases::table.filter(purchases::customer_id.eq(from)).select(purchases::id).load(conn)?;
    give!(purchases, purchases::customer_id.eq(from), to, conn);
    moved.conversations =
        conversations::table.filter(conversations::customer_id.eq(from)).select(conversations::id).load(conn)?;
    give!(conversations, conversations::customer_id.eq(from), to, conn);
    moved.field_changes =
        field_changes::table.filter(field_changes::customer_id.eq(from)).select(field_changes::id).load(conn)?;
    give!(field_changes, field_changes::customer_id.eq(from), to, conn);
    moved.visitors =
        chat_visitors::table.filter(chat_visitors::customer_id.eq(from)).select(chat_visitors::key_hash).load(conn)?;
    give!(chat_visitors, chat_visitors::customer_id.eq(from), to, conn);
    moved.members = memberships(from, to, conn)?;
    moved.pins = pins(from, to, conn)?;
    moved.moves = moves(from, to, conn)?;
    moved.import_lines = import_lines(from, to, conn)?;
    moved.bulk_items = bulk_items(from, to, conn)?;
    moved.mailings = mailings::over(from, to, conn)?;
    Ok(moved)
}

fn memberships(from: i64, to: i64, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let of =
        |id| segment_members::table.filter(segment_members::customer_id.eq(id)).select(segment_members::segment_id);
    let hers: Vec<i64> = of(to).load(conn)?;
    let new: Vec<i64> = of(from).load::<i64>(conn)?.into_iter().filter(|id| !hers.contains(id)).collect();
    give!(
        segment_members,
        segment_members::customer_id.eq(from).and(segment_members::segment_id.eq_any(new.clone())),
        to,
        conn
    );
    Ok(new)
}

fn pins(from: i64, to: i64, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let of = |id| segment_pins::table.filter(segment_pins::customer_id.eq(id)).select(segment_pins::segment_id);
    let hers: Vec<i64> = of(to).load(conn)?;
    let new: Vec<i64> = of(from).load::<i64>(conn)?.into_iter().filter(|id| !hers.contains(id)).collect();
    give!(segment_pins, segment_pins::customer_id.eq(from).and(segment_pins::segment_id.eq_any(new.clone())), to, conn);
    Ok(new)
}

fn moves(from: i64, to: i64, conn: &mut Conn) -> QueryResult<Vec<(i64, i64)>> {
    let of = |id| {
        let hers = segment_moves::table.filter(segment_moves::customer_id.eq(id));
        hers.select((segment_moves::segment_id, segment_moves::step))
    };
    let hers: Vec<(i64, i64)> = of(to).load(conn)?;
    let all: Vec<(i64, i64)> = of(from).load(conn)?;
    let new: Vec<(i64, i64)> = all.into_iter().filter(|place| !hers.contains(place)).collect();
    for (segment, step) in &new {
        give!(
            segment_moves,
            segment_moves::segment_id
                .eq(segment)
                .and(segment_moves::step.eq(step))
                .and(segment_moves::customer_id.eq(from)),
            to,
            conn
        );
    }
    Ok(new)
}

/// Lines are found import by import: there is no index on the customer alone, which every line of every import would pay.
fn import_lines(from: i64, to: i64, conn: &mut Conn) -> QueryResult<Vec<(i64, i64)>> {
    let about = lines_about(&[from], conn)?;
    lines_to(&about, from, to, conn)?;
    Ok(about)
}

/// The lines of imports that were about these customers: import and line.
pub fn lines_about(ids: &[i64], conn: &mut Conn) -> QueryResult<Vec<(i64, i64)>> {
    let imports: Vec<i64> = imports::table.order(imports::id).select(imports::id).load(conn)?;
    let mut about = Vec::new();
    for import in imports {
        for id in ids {
            let lines: Vec<i64> = import_lines::table
                .filter(import_lines::import_id.eq(import))
                .filter(import_lines::customer_id.eq(id))
                .order(import_lines::line)
                .select(import_lines::line)
                .load(conn)?;
            about.extend(lines.into_iter().map(|line| (import, line)));
        }
    }
    Ok(about)
}

fn lines_to(lines: &[(i64, i64)], from: i64, to: i64, conn: &mut Conn) -> QueryResult<()> {
    for place in lines {
        diesel::update(import_lines::table.find(*place).filter(import_lines::customer_id.eq(from)))
            .set(import_lines::customer_id.eq(Some(to)))
            .execute(conn)?;
        diesel::update(import_changes::table.find(*place).filter(import_changes::customer_id.eq(from)))
            .set(import_changes::customer_id.eq(to))
            .execute(conn)?;
    }
    Ok(())
}

/// Where both were seen to by one action, hers stays and the other's is left under the old number, for when it is undone.
fn bulk_items(from: i64, to: i64, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let actions: Vec<i64> = bulk_actions::table.select(bulk_actions::id).load(conn)?;
    let of = |id| {
        let hers = bulk_items::table.filter(bulk_items::action_id.eq_any(actions.clone()));
        hers.filter(bulk_items::customer_id.eq(id)).select(bulk_items::action_id)
    };
    let hers: Vec<i64> = of(to).load(conn)?;
    let new: Vec<i64> = of(from).load::<i64>(conn)?.into_iter().filter(|id| !hers.contains(id)).collect();
    give!(bulk_items, bulk_items::action_id.eq_any(new.clone()).and(bulk_items::customer_id.eq(from)), to, conn);
    Ok(new)
}

/// A tagging by tag.
type Carried = (i64, NaiveDateTime, Option<NaiveDateTime>);

fn carried(id: i64, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Vec<Carried>> {
    taggings::table
        .filter(taggings::customer_id.eq(id))
        .filter(tags::on(now))
        .order(taggings::tag_id)
        .select((taggings::tag_id, taggings::tagged_at, taggings::expires_at))
        .load(conn)
}

/// The tagging of one customer with one tag.
pub(super) fn one(id: i64, tag: i64) -> impl Fn() -> On<taggings::table> {
    move || Box::new(taggings::customer_id.eq(id).and(taggings::tag_id.eq(tag)))
}

/// Ends a tagging, and says which row it became.
fn end(id: i64, tag: i64, why: Why, mark: &Mark, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    past::end(&one(id, tag), why, mark, conn)?;
    past_taggings::table
        .filter(past_taggings::customer_id.eq(id))
        .filter(past_taggings::tag_id.eq(tag))
        .filter(past_taggings::ended_at.eq(mark.at))
        .order(past_taggings::id.desc())
        .limit(1)
        .select(past_taggings::id)
        .load(conn)
}

/// All tags of both, with their own stories. One that both carry stays as she has it, and lasts as long as the longer of the
/// two; of a family the one that came last stays.
fn tags_over(from: i64, to: i64, mark: &Mark, conn: &mut Conn) -> QueryResult<Tags> {
    let both: fn(i64, i64) -> On<taggings::table> =
        |from, to| Box::new(Among { column: "taggings.customer_id", ids: vec![from, to] });
    past::expire(&|| both(from, to), mark.at, conn)?;
    let mut hers = carried(to, mark.at, conn)?;
    let mut done = Tags::default();
    for (tag, at, until) in carried(from, mark.at, conn)? {
        let rivals = families::others(tag, conn)?;
        if let Some(own) = hers.iter().find(|own| own.0 == tag) {
            let longest = if own.2.is_none() || until.is_none() { None } else { own.2.max(until) };
            if longest != own.2 {
                diesel::update(taggings::table.filter(one(to, tag)()))
                    .set(taggings::expires_at.eq(longest))
                    .execute(conn)?;
                done.longer.push((tag, own.2, longest));
            }
            done.ended_other.extend(end(from, tag, Why::Merged, mark, conn)?);
        } else if hers.iter().any(|own| rivals.contains(&own.0) && own.1 >= at) {
            done.ended_other.extend(end(from, tag, Why::Replaced, mark, conn)?);
        } else {
            for rival in hers.iter().filter(|own| rivals.contains(&own.0)) {
                done.ended_hers.extend(end(to, rival.0, Why::Replaced, mark, conn)?);
            }
            hers.retain(|own| !rivals.contains(&own.0));
            diesel::update(taggings::table.filter(one(from, tag)())).set(taggings::customer_id.eq(to)).execute(conn)?;
            done.moved.push((tag, at));
        }
    }
    Ok(done)
}

/// Gives back what is still hers of what was moved: `from` had it before. Tags are [`undo`](super::undo)'s.
pub fn back(moved: &Moved, from: i64, to: i64, conn: &mut Conn) -> QueryResult<()> {
    give!(past_taggings, past_taggings::id.eq_any(&moved.past).and(past_taggings::customer_id.eq(to)), from, conn);
    give!(purchases, purchases::id.eq_any(&moved.purchases).and(purchases::customer_id.eq(to)), from, conn);
    give!(
        conversations,
        conversations::id.eq_any(&moved.conversations).and(conversations::customer_id.eq(to)),
        from,
        conn
    );
    give!(
        field_changes,
        field_changes::id.eq_any(&moved.field_changes).and(field_changes::customer_id.eq(to)),
        from,
        conn
    );
    give!(
        chat_visitors,
        chat_visitors::key_hash.eq_any(&moved.visitors).and(chat_visitors::customer_id.eq(to)),
        from,
        conn
    );
    give!(
        segment_members,
        segment_members::segment_id.eq_any(&moved.members).and(segment_members::customer_id.eq(to)),
        from,
        conn
    );
    give!(segment_pins, segment_pins::segment_id.eq_any(&moved.pins).and(segment_pins::customer_id.eq(to)), from, conn);
    for (segment, step) in &moved.moves {
        give!(
            segment_moves,
            segment_moves::segment_id
                .eq(segment)
                .and(segment_moves::step.eq(step))
                .and(segment_moves::customer_id.eq(to)),
            from,
            conn
        );
    }
    lines_to(&moved.import_lines, to, from, conn)?;
    give!(bulk_items, bulk_items::action_id.eq_any(&moved.bulk_items).and(bulk_items::customer_id.eq(to)), from, conn);
    mailings::back(&moved.mailings, from, to, conn)
}
