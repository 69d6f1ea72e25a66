//! What lines of files and bulk actions changed about her. Both are kept by their import and their action, and by no index
//! of customers, which every line would have to be written to; so those that there were are asked one by one, newest first,
//! each by its own index, until the page is full.

use super::{Asked, Chip, Event, From, Kind, Row, Stream, Upto, What};
use crate::agents::Right;
use crate::bulk;
use crate::bulk::what::What as Done;
use crate::custom_fields::Value;
use crate::db::Conn;
use crate::db::schema::{bulk_actions, bulk_items, import_changes, import_lines, imports, tags};
use crate::imports::difference::{self, Difference, TAGS};
use crate::imports::outcome::Outcome;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

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
        let touched: Vec<i64> = import_lines::table
            .filter(import_lines::import_id.eq_any(ids))
            .filter(import_lines::customer_id.eq(asked.customer.id).assume_not_null())
            .filter(import_lines::outcome.eq_any(CHANGING.map(Outcome::key)))
            .select(import_lines::import_id)
            .distinct()
            .load(conn)?;
        let touched: HashSet<i64> = touched.into_iter().collect();
        for file in some.iter().filter(|file| touched.contains(&file.id)) {
            if events.len() as i64 >= asked.limit() {
                return Ok(events);
            }
            events.extend(file.events(&upto, asked, conn)?);
        }
    }
    Ok(events)
}

const CHANGING: [Outcome; 2] = [Outcome::Created, Outcome::Updated];

impl File {
    /// What its lines did to her, the last first.
    fn events(&self, upto: &Upto, asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
        // At the moment where the page begins: this import comes before it, is it, or was told already.
        let below = match self.began_at < upto.at || self.id < upto.id {
            true => i64::MAX,
            false if self.id == upto.id => upto.part,
            false => return Ok(Vec::new()),
        };
        let rows: Vec<(i64, String)> = import_lines::table
            .filter(import_lines::import_id.eq(self.id))
            .filter(import_lines::customer_id.eq(asked.customer.id).assume_not_null())
            .filter(import_lines::outcome.eq_any(CHANGING.map(Outcome::key)))
            .filter(import_lines::line.lt(below))
            .order(import_lines::line.desc())
            .limit(asked.limit())
            .select((import_lines::line, import_lines::outcome))
            .load(conn)?;
        let numbers: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let kept: Vec<(i64, String)> = import_changes::table
            .filter(import_changes::import_id.eq(self.id).and(import_changes::line.eq_any(numbers)))
            .select((import_changes::line, import_changes::changes))
            .load(conn)?;
        let mut kept: HashMap<i64, Vec<Difference>> =
            kept.into_iter().map(|(line, changes)| (line, difference::read(&changes))).collect();
        let chips = chips(kept.values().flatten(), conn)?;
        let name = format!("#{} {}", self.id, self.name);
        let event = |(line, outcome): (i64, String)| {
            let (mut fields, mut on, mut off) = (Vec::new(), Vec::new(), Vec::new());
            for difference in kept.remove(&line).unwrap_or_default() {
                let Difference { field, before, after, on: came, off: went } = difference;
                if field == TAGS {
                    on.extend(came.into_iter().map(|id| chip(id, &chips)));
                    off.extend(went.into_iter().map(|id| chip(id, &chips)));
                    continue;
                }
                let spoken = |value: Option<String>| value.map(|value| asked.words.spoken(&field, &value));
                fields.push(Row { label: asked.words.label(&field), before: spoken(before), after: spoken(after) });
            }
            let what = What::Imported {
                actor: self.actor.clone(),
                file: asked.linked(Right::Import, &name, format!("/imports/{}", self.id)),
                line,
                made: outcome == Outcome::Created.key(),
                rows: fields,
                on,
                off,
                back: self.undone_at.map(|at| asked.clock.show(at)),
            };
            Event::new(self.began_at, Stream::Import, (self.id, line), Kind::Imports, what)
        };
        Ok(rows.into_iter().map(event).collect())
    }
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
