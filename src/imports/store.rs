//! Writes what a batch of lines came to: new customers, changed ones, consents, tags, custom values, and the lines'
//! outcomes.
//! Many rows go in one statement; nothing here decides anything.

use super::difference;
use super::outcome::{Settled, Written};
use super::people::{CHANNELS, CHUNK, Hand, People, Person, State};
use super::plan::Key;
use super::run::Ground;
use crate::custom_fields::many::{self, Held};
use crate::customers::{Consent, Draft};
use crate::db::Conn;
use crate::db::schema::{consents, customers, import_changes, import_lines, import_remarks};
use crate::each;
use crate::fold::fold;
use crate::tags;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{BTreeMap, HashMap};

#[derive(Insertable)]
#[diesel(table_name = customers, treat_none_as_default_value = false)]
struct NewCustomer {
    name: Option<String>,
    name_folded: Option<String>,
    email: Option<String>,
    email_folded: Option<String>,
    phone: Option<String>,
    external_id: Option<String>,
    external_id_folded: Option<String>,
    country: Option<String>,
    city: Option<String>,
    city_folded: Option<String>,
    language: Option<String>,
    language_folded: Option<String>,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
    last_seen_at: Option<NaiveDateTime>,
}

impl NewCustomer {
    fn of(draft: &Draft, at: NaiveDateTime) -> NewCustomer {
        let folded = |value: &Option<String>| value.as_deref().map(fold);
        NewCustomer {
            name: draft.name.clone(),
            name_folded: folded(&draft.name),
            email: draft.email.clone(),
            email_folded: folded(&draft.email),
            phone: draft.phone.clone(),
            external_id: draft.external_id.clone(),
            external_id_folded: folded(&draft.external_id),
            country: draft.country.clone(),
            city: draft.city.clone(),
            city_folded: folded(&draft.city),
            language: draft.language.clone(),
            language_folded: folded(&draft.language),
            created_at: draft.created_at.unwrap_or(at),
            updated_at: at,
            last_seen_at: draft.last_seen_at,
        }
    }
}

/// Only what changed; `Some(None)` empties a value.
#[derive(AsChangeset)]
#[diesel(table_name = customers)]
struct Changed {
    name: Option<Option<String>>,
    name_folded: Option<Option<String>>,
    email: Option<Option<String>>,
    email_folded: Option<Option<String>>,
    phone: Option<Option<String>>,
    external_id: Option<Option<String>>,
    external_id_folded: Option<Option<String>>,
    country: Option<Option<String>>,
    city: Option<Option<String>>,
    city_folded: Option<Option<String>>,
    language: Option<Option<String>>,
    language_folded: Option<Option<String>>,
    created_at: Option<NaiveDateTime>,
    updated_at: NaiveDateTime,
    last_seen_at: Option<Option<NaiveDateTime>>,
}

impl Changed {
    fn between(old: &Draft, new: &Draft, at: NaiveDateTime) -> Changed {
        let text = |old: &Option<String>, new: &Option<String>| (old != new).then(|| new.clone());
        let folded = |changed: &Option<Option<String>>| changed.as_ref().map(|new| new.as_deref().map(fold));
        let (name, email) = (text(&old.name, &new.name), text(&old.email, &new.email));
        let (external_id, city) = (text(&old.external_id, &new.external_id), text(&old.city, &new.city));
        let language = text(&old.language, &new.language);
        Changed {
            name_folded: folded(&name),
            name,
            email_folded: folded(&email),
            email,
            phone: text(&old.phone, &new.phone),
            external_id_folded: folded(&external_id),
            external_id,
            country: text(&old.country, &new.country),
            city_folded: folded(&city),
            city,
            language_folded: folded(&language),
            language,
            created_at: if old.created_at == new.created_at { None } else { new.created_at },
            updated_at: at,
            last_seen_at: (old.last_seen_at != new.last_seen_at).then_some(new.last_seen_at),
        }
    }
}

#[derive(Insertable)]
#[diesel(table_name = consents)]
struct NewConsent {
    customer_id: i64,
    channel: &'static str,
    state: &'static str,
    changed_at: NaiveDateTime,
    source: String,
}

#[derive(Insertable)]
#[diesel(table_name = import_lines, treat_none_as_default_value = false)]
struct NewLine {
    import_id: i64,
    line: i64,
    outcome: &'static str,
    customer_id: Option<i64>,
}

#[derive(Insertable)]
#[diesel(table_name = import_changes)]
struct NewChange {
    import_id: i64,
    line: i64,
    customer_id: i64,
    changes: String,
}

#[derive(Insertable)]
#[diesel(table_name = import_remarks)]
struct NewRemark<'a> {
    import_id: i64,
    line: i64,
    outcome: &'static str,
    column_name: &'a str,
    value: &'a str,
    reason: &'a str,
    record: &'a str,
}

/// Everybody who is new or changed, with consents, tags and custom values.
pub fn people(people: &mut People, ground: &Ground<'_>, conn: &mut Conn) -> QueryResult<()> {
    let hand = ground.hand;
    create(&mut people.all, hand, conn)?;
    let nothing = State::default();
    let (mut given, mark) = (Vec::new(), hand.mark());
    let (mut on, mut off) = (BTreeMap::<i64, Vec<i64>>::new(), BTreeMap::<i64, Vec<i64>>::new());
    for person in &people.all {
        let Some(id) = person.id else { continue };
        if person.stored.as_ref() == Some(&person.now) {
            continue;
        }
        let old = person.stored.as_ref().unwrap_or(&nothing);
        if let Some(stored) = &person.stored {
            let changed = Changed::between(&stored.draft, &person.now.draft, hand.at);
            diesel::update(customers::table.find(id)).set(&changed).execute(conn)?;
        }
        for (at, channel) in CHANNELS.into_iter().enumerate() {
            let (before, after) = (old.consents[at], person.now.consents[at]);
            if before == after {
                continue;
            }
            if before != Consent::Unknown {
                diesel::delete(consents::table.find((id, channel.key()))).execute(conn)?;
            }
            if after != Consent::Unknown {
                given.push(NewConsent {
                    customer_id: id,
                    channel: channel.key(),
                    state: after.key(),
                    changed_at: hand.at,
                    source: format!("import {}", hand.import),
                });
            }
        }
        for tag in old.tags.difference(&person.now.tags) {
            off.entry(*tag).or_default().push(id);
        }
        for tag in person.now.tags.difference(&old.tags) {
            on.entry(*tag).or_default().push(id);
        }
    }
    for some in given.chunks(CHUNK) {
        each!(conn, c => diesel::insert_into(consents::table).values(some).execute(c))?;
    }
    // What makes way for another of its family goes as that comes.
    for (tag, ids) in on {
        tags::put_on(&ids, tag, &mark, conn)?;
    }
    for (tag, ids) in off {
        tags::take_off(&ids, tag, &mark, conn)?;
    }
    custom(&people.all, ground, conn)
}

/// What changed in the custom fields of the file, field by field.
fn custom(all: &[Person], ground: &Ground<'_>, conn: &mut Conn) -> QueryResult<()> {
    for (place, field) in ground.fields.iter().enumerate() {
        let Some(field) = field else { continue };
        let (mut held, mut emptied) = (Vec::new(), Vec::new());
        for person in all {
            let Some(id) = person.id else { continue };
            let before = person.stored.as_ref().and_then(|stored| stored.custom.get(&place));
            match person.now.custom.get(&place) {
                now if now == before => {}
                Some(now) => held.push(Held::by(id, field, now.clone())),
                None => emptied.push(id),
            }
        }
        many::write(&held, conn)?;
        many::clear(field, &emptied, conn)?;
    }
    Ok(())
}

/// Inserts the new ones and learns their numbers by their keys; those without a key go one by one.
fn create(all: &mut [Person], hand: &Hand, conn: &mut Conn) -> QueryResult<()> {
    let (mut rows, mut keyed) = (Vec::new(), HashMap::new());
    for (at, person) in all.iter_mut().enumerate().filter(|(_, person)| person.id.is_none()) {
        let row = NewCustomer::of(&person.now.draft, hand.at);
        match Key::STORED.into_iter().find_map(|key| Some((key, person.now.key(key)?.to_string()))) {
            Some(key) => {
                keyed.insert(key, at);
                rows.push(row);
            }
            None => {
                let id =
                    diesel::insert_into(customers::table).values(&row).returning(customers::id).get_result(conn)?;
                person.id = Some(id);
            }
        }
    }
    type Keys = (i64, Option<String>, Option<String>, Option<String>);
    let keys = (customers::id, customers::external_id, customers::email, customers::phone);
    for some in rows.chunks(CHUNK) {
        let made: Vec<Keys> =
            each!(conn, c => diesel::insert_into(customers::table).values(some).returning(keys).get_results(c))?;
        // No database promises the order of these.
        for (id, external_id, email, phone) in made {
            let first = [(Key::ExternalId, external_id), (Key::Email, email), (Key::Phone, phone)]
                .into_iter()
                .find_map(|(key, value)| Some((key, value?)));
            let at = first.and_then(|key| keyed.get(&key)).ok_or(diesel::result::Error::NotFound)?;
            all[*at].id = Some(id);
        }
    }
    Ok(())
}

/// What became of each line, and what is worth telling about it.
pub fn lines(settled: &[Settled], import: i64, conn: &mut Conn) -> QueryResult<Written> {
    let mut written = Written::default();
    let mut rows = Vec::with_capacity(settled.len());
    for line in settled {
        written.count(line.outcome);
        rows.push(NewLine {
            import_id: import,
            line: line.number,
            outcome: line.outcome.key(),
            customer_id: line.customer,
        });
    }
    for some in rows.chunks(CHUNK) {
        each!(conn, c => diesel::insert_into(import_lines::table).values(some).execute(c))?;
    }
    let mut changes = Vec::new();
    for line in settled.iter().filter(|line| !line.changes.is_empty()) {
        let (Some(customer_id), changed) = (line.customer, difference::written(&line.changes)?) else { continue };
        changes.push(NewChange { import_id: import, line: line.number, customer_id, changes: changed });
    }
    for some in changes.chunks(CHUNK) {
        each!(conn, c => diesel::insert_into(import_changes::table).values(some).execute(c))?;
    }
    remarks(settled, import, conn)?;
    Ok(written)
}

/// What is worth telling about them.
pub fn remarks(settled: &[Settled], import: i64, conn: &mut Conn) -> QueryResult<()> {
    let remarks: Vec<NewRemark<'_>> = settled
        .iter()
        .flat_map(|line| line.remarks.iter().map(move |remark| (line, remark)))
        .map(|(line, remark)| NewRemark {
            import_id: import,
            line: line.number,
            outcome: remark.kind,
            column_name: &remark.column,
            value: &remark.value,
            reason: &remark.reason,
            record: &remark.record,
        })
        .collect();
    for some in remarks.chunks(CHUNK) {
        each!(conn, c => diesel::insert_into(import_remarks::table).values(some).execute(c))?;
    }
    Ok(())
}
