//! What lines of files and bulk actions changed about her. Both are kept by their import and their action, and by no index
//! of customers, which every line would have to be written to; so those that there were are asked one by one, newest first,
//! each by its own index, until the page is full.

use super::{Asked, Chip, Event, From, Kind, PAGE, Row, Stream, Upto, What};
use crate::agents::Right;
use crate::bulk;
use crate::bulk::what::What as Done;
use crate::custom_fields::Value;
use crate::db::schema::{bulk_actions, bulk_items, import_changes, import_lines, imports, tags};
use crate::db::{Backend, Conn};
use crate::imports::difference::{self, Difference, TAGS};
use crate::imports::outcome::Outcome;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Imports or actions a question.
const CHUNK: usize = 200;

/// An import that may have touched her.
#[derive(Queryable)]
struct File {
    id: i64,
    began_at: NaiveDateTime,
    name: String,
    actor: String,
    undone_at: Option<NaiveDateTime>,
}

/// A line, by its import and its number.
type Line = (i64, i64);

const CHANGING: [Outcome; 2] = [Outcome::Created, Outcome::Updated];

/// Lines that made or changed her.
pub fn lines(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::Import);
    let began = imports::began_at.assume_not_null();
    let files: Vec<File> = imports::table
        .filter(imports::kind.eq("customers").and(imports::began_at.is_not_null()))
        .filter(began.le(upto.at))
        .order((began.desc(), imports::id.desc()))
        .select((imports::id, began, imports::file_name, imports::actor, imports::undone_at))
        .load(conn)?;
    let mut events = Vec::new();
    for some in files.chunks(CHUNK) {
        let ids: Vec<i64> = some.iter().map(|file| file.id).collect();
        // Nothing but what the index of customers holds, or SQLite would read whole imports instead.
        let hers: Vec<Line> = import_lines::table
            .filter(import_lines::import_id.eq_any(ids))
            .filter(import_lines::customer_id.eq(asked.customer.id).assume_not_null())
            .select((import_lines::import_id, import_lines::line))
            .load(conn)?;
        let mut hers_by_file: HashMap<i64, Vec<i64>> = HashMap::new();
        hers.into_iter().for_each(|(file, line)| hers_by_file.entry(file).or_default().push(line));
        let mut order: Vec<(&File, i64)> = Vec::new();
        for file in some {
            let mut lines = hers_by_file.remove(&file.id).unwrap_or_default();
            lines.sort_by_key(|line| Reverse(*line));
            order.extend(lines.into_iter().filter(|line| file.is_before(*line, &upto)).map(|line| (file, line)));
        }
        for batch in order.chunks(PAGE + 1) {
            events.extend(told(batch, asked, conn)?);
            if events.len() as i64 >= asked.limit() {
                return Ok(events);
            }
        }
    }
    Ok(events)
}

impl File {
    fn is_before(&self, line: i64, upto: &Upto) -> bool {
        self.began_at < upto.at || (self.id, line) < (upto.id, upto.part)
    }
}

/// Rows of a table that is kept by import and line, of these lines.
macro_rules! of_lines {
    ($table:ident . $column:ident, $lines:expr, $conn:expr) => {{
        let mut query = $table::table.into_boxed::<Backend>();
        for (import, line) in $lines {
            query = query.or_filter($table::import_id.eq(import).and($table::line.eq(line)));
        }
        let rows: Vec<(i64, i64, String)> =
            query.select(($table::import_id, $table::line, $table::$column)).load($conn)?;
        rows.into_iter().map(|(import, line, value)| ((import, line), value)).collect::<HashMap<Line, String>>()
    }};
}

/// What these lines did to her: nothing, most of them.
fn told(batch: &[(&File, i64)], asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let mut outcomes = of_lines!(import_lines.outcome, batch.iter().map(|(file, line)| (file.id, *line)), conn);
    outcomes.retain(|_, outcome| CHANGING.iter().any(|one| one.key() == outcome));
    if outcomes.is_empty() {
        return Ok(Vec::new());
    }
    let kept = of_lines!(import_changes.changes, outcomes.keys().copied(), conn);
    let mut kept: HashMap<Line, Vec<Difference>> =
        kept.into_iter().map(|(line, changes)| (line, difference::read(&changes))).collect();
    let chips = chips(kept.values().flatten(), conn)?;
    let mut events = Vec::new();
    for (file, line) in batch {
        let Some(outcome) = outcomes.get(&(file.id, *line)) else { continue };
        let (mut rows, mut on, mut off) = (Vec::new(), Vec::new(), Vec::new());
        for difference in kept.remove(&(file.id, *line)).unwrap_or_default() {
            let Difference { field, before, after, on: came, off: went } = difference;
            if field == TAGS {
                on.extend(came.into_iter().map(|id| chip(id, &chips)));
                off.extend(went.into_iter().map(|id| chip(id, &chips)));
                continue;
            }
            let spoken = |value: Option<String>| value.map(|value| asked.words.spoken(&field, &value));
            rows.push(Row { label: asked.words.label(&field), before: spoken(before), after: spoken(after) });
        }
        let what = What::Imported {
            actor: file.actor.clone(),
            file: asked.linked(Right::Import, format!("#{} {}", file.id, file.name), format!("/imports/{}", file.id)),
            line: *line,
            made: outcome == Outcome::Created.key(),
            rows,
            on,
            off,
            back: file.undone_at.map(|at| asked.clock.show(at)),
        };
        events.push(Event::new(file.began_at, Stream::Import, (file.id, *line), Kind::Imports, what));
    }
    Ok(events)
}

type Chips = HashMap<i64, Chip>;

fn chips<'a>(all: impl Iterator<Item = &'a Difference>, conn: &mut Conn) -> QueryResult<Chips> {
    let ids: Vec<i64> = all.flat_map(|one| one.on.iter().chain(&one.off)).copied().collect();
    if ids.is_empty() {
        return Ok(Chips::new());
    }
    let rows: Vec<(i64, String, String)> =
        tags::table.filter(tags::id.eq_any(ids)).select((tags::id, tags::name, tags::colour)).load(conn)?;
    Ok(rows.into_iter().map(|(id, name, colour)| (id, (name, colour))).collect())
}

fn chip(id: i64, chips: &Chips) -> Chip {
    chips.get(&id).cloned().unwrap_or_else(|| ("a deleted tag".into(), "gray".into()))
}

/// Fields that were set for many. Tags and segments of bulk actions have a history of their own.
pub fn bulk(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::Bulk);
    type Action = (i64, NaiveDateTime, String, String, Option<NaiveDateTime>);
    let actions: Vec<Action> = bulk_actions::table
        .filter(bulk_actions::kind.eq(bulk::what::Kind::SetField.key()))
        .filter(bulk_actions::created_at.le(upto.at))
        .filter(bulk_actions::created_at.lt(upto.at).or(bulk_actions::id.lt(upto.id)))
        .order((bulk_actions::created_at.desc(), bulk_actions::id.desc()))
        .select((
            bulk_actions::id,
            bulk_actions::created_at,
            bulk_actions::details,
            bulk_actions::actor,
            bulk_actions::undone_at,
        ))
        .load(conn)?;
    let mut events = Vec::new();
    for some in actions.chunks(CHUNK) {
        let ids: Vec<i64> = some.iter().map(|action| action.0).collect();
        let items: Vec<(i64, Option<String>, Option<String>)> = bulk_items::table
            .filter(bulk_items::action_id.eq_any(ids))
            .filter(bulk_items::customer_id.eq(asked.customer.id))
            .filter(bulk_items::outcome.eq(bulk::Outcome::Changed.key()))
            .select((bulk_items::action_id, bulk_items::before, bulk_items::remark))
            .load(conn)?;
        let mut items: HashMap<i64, (Option<String>, Option<String>)> =
            items.into_iter().map(|(id, before, remark)| (id, (before, remark))).collect();
        for (id, at, details, actor, undone_at) in some {
            let Some((before, remark)) = items.remove(id) else { continue };
            let Ok(Done::SetField { field, to, .. }) = Done::from_json(details) else { continue };
            let before = match field.custom {
                Some(_) => before.and_then(|kept| serde_json::from_str::<Value>(&kept).ok()).map(|value| value.text),
                None => before,
            };
            let spoken = |value: Option<String>| value.map(|value| asked.words.spoken(&field.key, &value));
            let row = Row {
                label: asked.words.label(&field.key),
                before: spoken(before),
                after: spoken(to.map(|value| value.text)),
            };
            let from = bulk_link(*id, asked);
            // Whose value was another by then kept it, with a remark.
            let back = undone_at.filter(|_| remark.is_none()).map(|at| asked.clock.show(at));
            let what = What::Changed { actor: actor.clone(), row, from, back };
            events.push(Event::new(*at, Stream::Bulk, (*id, 0), Kind::Fields, what));
        }
        if events.len() as i64 >= asked.limit() {
            break;
        }
    }
    Ok(events)
}

fn bulk_link(id: i64, asked: &Asked) -> From {
    asked.linked(Right::BulkActions, "in bulk", format!("/bulk/{id}"))
}
