//! What lines changed about customers who were there, as people read it: field by field, before and after.

use super::Import;
use super::columns::Kind;
use super::difference::{self, Difference, TAGS};
use super::scratch::Scratch;
use crate::custom_fields::CustomField;
use crate::customers::Consent;
use crate::db::Conn;
use crate::db::schema::{customers, import_changes, past_taggings, tags};
use crate::workspace::{Clock, unspell};
use diesel::prelude::*;
use std::collections::HashMap;

/// Lines on one page.
pub const PAGE: i64 = 20;

/// What one line changed.
pub struct Changed {
    pub line: i64,
    /// `None` for somebody whom an earlier line of the same file would have made, or who is gone.
    pub customer: Option<i64>,
    pub name: String,
    pub rows: Vec<Row>,
}

/// One field. Of tags, which came and which went, with their colours.
pub struct Row {
    pub label: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub on: Vec<(String, String)>,
    pub off: Vec<(String, String)>,
}

/// One page of them.
#[derive(Default)]
pub struct Changes {
    pub shown: Vec<Changed>,
    /// The line after which the next page begins.
    pub next: Option<i64>,
    /// This is not the first page.
    pub later: bool,
}

impl Changes {
    /// The next after line `after`; from the scratch, where it was only tried out.
    pub fn load(
        import: &Import,
        after: i64,
        clock: &Clock,
        mut scratch: Option<&mut Scratch>,
        conn: &mut Conn,
    ) -> QueryResult<Changes> {
        let asked = import_changes::table
            .filter(import_changes::import_id.eq(import.id))
            .filter(import_changes::line.gt(after))
            .order(import_changes::line)
            .limit(PAGE + 1)
            .select((import_changes::line, import_changes::customer_id, import_changes::changes));
        let mut rows: Vec<(i64, i64, String)> = match &mut scratch {
            Some(scratch) => asked.load(&mut scratch.conn)?,
            None => asked.load(conn)?,
        };
        let more = rows.len() as i64 > PAGE;
        rows.truncate(PAGE as usize);
        let next = rows.last().filter(|_| more).map(|row| row.0);
        let read: Vec<(i64, i64, Vec<Difference>)> =
            rows.into_iter().map(|(line, customer, kept)| (line, customer, difference::read(&kept))).collect();
        let names = names(&read, &mut scratch, conn)?;
        let words =
            Words { import, clock, fields: CustomField::all(conn)?, tags: tag_names(&read, &mut scratch, conn)? };
        let shown = read
            .into_iter()
            .map(|(line, id, differences)| Changed {
                line,
                customer: Some(id).filter(|id| *id > 0 && names.contains_key(id)),
                name: names.get(&id).cloned().unwrap_or_else(|| "a customer who is gone".into()),
                rows: differences.into_iter().map(|difference| words.row(difference)).collect(),
            })
            .collect();
        Ok(Changes { shown, next, later: after > 0 })
    }
}

type Read = [(i64, i64, Vec<Difference>)];

fn names(read: &Read, scratch: &mut Option<&mut Scratch>, conn: &mut Conn) -> QueryResult<HashMap<i64, String>> {
    let ids: Vec<i64> = read.iter().map(|(_, id, _)| *id).collect();
    type Keys = (Option<String>, Option<String>, Option<String>, Option<String>);
    let called = |id: i64, (name, email, phone, external_id): Keys| {
        name.or(email).or(phone).or(external_id).unwrap_or_else(|| format!("Customer {id}"))
    };
    let rows: Vec<(i64, Keys)> = customers::table
        .filter(customers::id.eq_any(&ids))
        .select((customers::id, (customers::name, customers::email, customers::phone, customers::external_id)))
        .load(conn)?;
    let mut names: HashMap<i64, String> = rows.into_iter().map(|(id, keys)| (id, called(id, keys))).collect();
    if let Some(scratch) = scratch {
        let made: Vec<i64> = ids.into_iter().filter(|id| *id < 0).collect();
        for (id, now, _) in scratch.people(&made, &Default::default())? {
            let draft = now.draft;
            names.insert(id, called(id, (draft.name, draft.email, draft.phone, draft.external_id)));
        }
    }
    Ok(names)
}

type TagNames = HashMap<i64, (String, String)>;

fn tag_names(read: &Read, scratch: &mut Option<&mut Scratch>, conn: &mut Conn) -> QueryResult<TagNames> {
    let all = read.iter().flat_map(|(.., differences)| differences);
    let ids: Vec<i64> = all.flat_map(|difference| difference.on.iter().chain(&difference.off)).copied().collect();
    let rows: Vec<(i64, String, String)> =
        tags::table.filter(tags::id.eq_any(&ids)).select((tags::id, tags::name, tags::colour)).load(conn)?;
    let mut names: TagNames = rows.into_iter().map(|(id, name, colour)| (id, (name, colour))).collect();
    // A tag that is gone by now is still called something in the history of those who carried it.
    let gone: Vec<i64> = ids.iter().copied().filter(|id| !names.contains_key(id)).collect();
    let past: Vec<(i64, String)> = past_taggings::table
        .filter(past_taggings::tag_id.eq_any(&gone))
        .select((past_taggings::tag_id, past_taggings::tag_name))
        .distinct()
        .load(conn)?;
    names.extend(past.into_iter().map(|(id, name)| (id, (name, "gray".to_string()))));
    if let Some(scratch) = scratch {
        names.extend(scratch.tag_names(&ids)?.into_iter().map(|(id, name)| (id, (name, "gray".to_string()))));
    }
    Ok(names)
}

/// What is needed to say it in words.
struct Words<'a> {
    import: &'a Import,
    clock: &'a Clock,
    fields: Vec<CustomField>,
    tags: TagNames,
}

impl Words<'_> {
    fn row(&self, difference: Difference) -> Row {
        let Difference { field, before, after, on, off } = difference;
        let named = |ids: Vec<i64>| {
            let name = |id| self.tags.get(&id).cloned().unwrap_or_else(|| ("a deleted tag".into(), "gray".into()));
            ids.into_iter().map(name).collect()
        };
        if field == TAGS {
            return Row { label: "Tags".into(), before: None, after: None, on: named(on), off: named(off) };
        }
        let label = difference::label(&field, &self.import.plan);
        let column = self.import.plan.subject.columns().iter().find(|column| column.key == field);
        let custom = self.fields.iter().find(|custom| custom.name() == field);
        let spoken = |value: Option<String>| {
            let value = value?;
            Some(match (custom, column.map(|column| column.kind)) {
                (Some(custom), _) => custom.spoken(&value),
                (None, Some(Kind::Time { .. })) => match unspell(&value) {
                    Some(at) => self.clock.show(at),
                    None => value,
                },
                (None, Some(Kind::Consent(_))) => match Consent::parse(&value) {
                    Some(consent) => consent.words().to_string(),
                    None => value,
                },
                _ => value,
            })
        };
        Row { label, before: spoken(before), after: spoken(after), on: Vec::new(), off: Vec::new() }
    }
}
