//! Writes what a batch of lines came to: new customers, changed ones, consents, tags, custom values, and the lines'
//! outcomes.
//! Many rows go in one statement; nothing here decides anything.

use super::outcome::{Remark, Settled};
use super::people::{CHANNELS, Hand, People, Person, State};
use super::run::Ground;
use super::{Totals, difference};
use crate::custom_fields::many::{self, Held};
use crate::customers::{Channel, Consent, Draft};
use crate::db::rows::{Column, Rows};
use crate::db::schema::{consents, customers};
use crate::db::{Conn, dialect};
use crate::fold::fold;
use crate::tags;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::BTreeMap;

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

/// Everybody who is new or changed, with consents, tags and custom values.
pub fn people(people: &mut People, ground: &Ground<'_>, conn: &mut Conn) -> QueryResult<()> {
    let hand = ground.hand;
    create(&mut people.all, ground, conn)?;
    let nothing = State::default();
    let (mut given, mark) = (Given::default(), hand.mark());
    let (mut on, mut off) = (BTreeMap::<i64, Vec<i64>>::new(), BTreeMap::<i64, Vec<i64>>::new());
    for person in &people.all {
        let Some(id) = person.id else { continue };
        if person.stored.as_ref() == Some(&person.now) {
            continue;
        }
        let old = person.stored.as_ref().unwrap_or(&nothing);
        for (at, channel) in CHANNELS.into_iter().enumerate() {
            let (before, after) = (old.consents[at], person.now.consents[at]);
            if before == after {
                continue;
            }
            if before != Consent::Unknown {
                diesel::delete(consents::table.find((id, channel.key()))).execute(conn)?;
            }
            if after != Consent::Unknown {
                given.push(id, channel, after);
            }
        }
        let Some(stored) = &person.stored else { continue };
        let changed = Changed::between(&stored.draft, &person.now.draft, hand.at);
        diesel::update(customers::table.find(id)).set(&changed).execute(conn)?;
        for tag in old.tags.difference(&person.now.tags) {
            off.entry(*tag).or_default().push(id);
        }
        for tag in person.now.tags.difference(&old.tags) {
            on.entry(*tag).or_default().push(id);
        }
    }
    given.write(hand, conn)?;
    // What makes way for another of its family goes as that comes.
    for (tag, ids) in on {
        tags::put_on(&ids, tag, &mark, conn)?;
    }
    for (tag, ids) in off {
        tags::take_off(&ids, tag, &mark, conn)?;
    }
    custom(&people.all, ground, conn)
}

/// Consents that were said.
#[derive(Default)]
struct Given {
    whose: Vec<i64>,
    channels: Vec<&'static str>,
    states: Vec<&'static str>,
}

impl Given {
    fn push(&mut self, id: i64, channel: Channel, state: Consent) {
        self.whose.push(id);
        self.channels.push(channel.key());
        self.states.push(state.key());
    }

    fn write(self, hand: &Hand, conn: &mut Conn) -> QueryResult<()> {
        let source = format!("import {}", hand.import);
        let count = self.whose.len();
        let columns = vec![
            ("customer_id", Column::Whole(self.whose)),
            ("channel", Column::Text(self.channels)),
            ("state", Column::Text(self.states)),
            ("changed_at", Column::EachTime(hand.at)),
            ("source", Column::EachText(&source)),
        ];
        Rows { table: "consents", columns, count }.insert(conn)
    }
}

/// What changed in the custom fields of those who were there, field by field.
fn custom(all: &[Person], ground: &Ground<'_>, conn: &mut Conn) -> QueryResult<()> {
    for (place, field) in ground.fields.iter().enumerate() {
        let Some(field) = field else { continue };
        let (mut held, mut emptied) = (Vec::new(), Vec::new());
        for person in all {
            let (Some(id), Some(stored)) = (person.id, &person.stored) else { continue };
            let before = stored.custom.get(&place);
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

/// Inserts the new ones, with the tags and custom values that nobody else can have given them yet.
fn create(all: &mut [Person], ground: &Ground<'_>, conn: &mut Conn) -> QueryResult<()> {
    let mut new: Vec<&mut Person> = all.iter_mut().filter(|person| person.id.is_none()).collect();
    let ids = dialect::new_customers(new.len(), conn)?;
    for (person, id) in new.iter_mut().zip(&ids) {
        person.id = Some(*id);
    }
    let new: Vec<&State> = new.into_iter().map(|person| &person.now).collect();
    rows_of_customers(&ids, &new, ground.hand, conn)?;
    rows_of_taggings(&ids, &new, ground.hand, conn)?;
    rows_of_values(&ids, &new, ground, conn)
}

fn rows_of_customers(ids: &[i64], new: &[&State], hand: &Hand, conn: &mut Conn) -> QueryResult<()> {
    let text = |of: fn(&Draft) -> &Option<String>| -> Vec<Option<&str>> {
        new.iter().map(|state| of(&state.draft).as_deref()).collect()
    };
    let folded =
        |values: &[Option<&str>]| -> Vec<Option<String>> { values.iter().map(|value| value.map(fold)).collect() };
    fn read(values: &[Option<String>]) -> Column<'_> {
        Column::MaybeText(values.iter().map(Option::as_deref).collect())
    }
    let (name, email) = (text(|draft| &draft.name), text(|draft| &draft.email));
    let (external_id, city) = (text(|draft| &draft.external_id), text(|draft| &draft.city));
    let language = text(|draft| &draft.language);
    let (names, emails) = (folded(&name), folded(&email));
    let (external_ids, cities, languages) = (folded(&external_id), folded(&city), folded(&language));
    let times = || new.iter().map(|state| state.draft.created_at.unwrap_or(hand.at));
    let created = match times().all(|at| at == hand.at) {
        true => Column::EachTime(hand.at),
        false => Column::Time(times().collect()),
    };
    let columns = vec![
        ("id", Column::Whole(ids.to_vec())),
        ("name_folded", read(&names)),
        ("name", Column::MaybeText(name)),
        ("email_folded", read(&emails)),
        ("email", Column::MaybeText(email)),
        ("phone", Column::MaybeText(text(|draft| &draft.phone))),
        ("external_id_folded", read(&external_ids)),
        ("external_id", Column::MaybeText(external_id)),
        ("country", Column::MaybeText(text(|draft| &draft.country))),
        ("city_folded", read(&cities)),
        ("city", Column::MaybeText(city)),
        ("language_folded", read(&languages)),
        ("language", Column::MaybeText(language)),
        ("created_at", created),
        ("updated_at", Column::EachTime(hand.at)),
        ("last_seen_at", Column::MaybeTime(new.iter().map(|state| state.draft.last_seen_at).collect())),
    ];
    Rows { table: "customers", columns, count: ids.len() }.insert(conn)
}

fn rows_of_taggings(ids: &[i64], new: &[&State], hand: &Hand, conn: &mut Conn) -> QueryResult<()> {
    let pairs = || ids.iter().zip(new).flat_map(|(id, state)| state.tags.iter().map(move |tag| (*id, *tag)));
    let (customers, tags): (Vec<i64>, Vec<i64>) = pairs().unzip();
    let mark = hand.mark();
    let count = customers.len();
    let columns = vec![
        ("customer_id", Column::Whole(customers)),
        ("tag_id", Column::Whole(tags)),
        ("tagged_at", Column::EachTime(mark.at)),
        ("actor", Column::EachText(&mark.actor)),
        ("agent_id", Column::EachWhole(mark.agent_id)),
        ("source", Column::EachText(mark.source.key())),
        ("source_id", Column::EachWhole(mark.source.id())),
    ];
    Rows { table: "taggings", columns, count }.insert(conn)
}

fn rows_of_values(ids: &[i64], new: &[&State], ground: &Ground<'_>, conn: &mut Conn) -> QueryResult<()> {
    let held = || {
        ids.iter().zip(new).flat_map(|(id, state)| {
            state.custom.iter().filter_map(|(place, value)| Some((*id, ground.fields.get(*place)?.as_ref()?.id, value)))
        })
    };
    let columns = vec![
        ("customer_id", Column::Whole(held().map(|(id, ..)| id).collect())),
        ("field_id", Column::Whole(held().map(|(_, field, _)| field).collect())),
        ("value", Column::Text(held().map(|(.., value)| value.text.as_str()).collect())),
        ("folded", Column::MaybeText(held().map(|(.., value)| value.folded.as_deref()).collect())),
        ("number", Column::MaybeWhole(held().map(|(.., value)| value.number).collect())),
    ];
    Rows { table: "custom_values", columns, count: held().count() }.insert(conn)
}

/// What became of each line, and what is worth telling about it. Gives how many ended in which way.
pub fn lines(settled: &[Settled], import: i64, conn: &mut Conn) -> QueryResult<Totals> {
    let mut written = Totals::default();
    settled.iter().for_each(|line| written.count(line.outcome));
    let columns = vec![
        ("import_id", Column::EachWhole(Some(import))),
        ("line", Column::Whole(settled.iter().map(|line| line.number).collect())),
        ("outcome", Column::Text(settled.iter().map(|line| line.outcome.key()).collect())),
        ("customer_id", Column::MaybeWhole(settled.iter().map(|line| line.customer).collect())),
    ];
    Rows { table: "import_lines", columns, count: settled.len() }.insert(conn)?;
    changes(settled, import, conn)?;
    remarks(settled, import, conn)?;
    Ok(written)
}

fn changes(settled: &[Settled], import: i64, conn: &mut Conn) -> QueryResult<()> {
    let changed = || settled.iter().filter(|line| !line.changes.is_empty() && line.customer.is_some());
    let kept = changed().map(|line| difference::written(&line.changes)).collect::<QueryResult<Vec<String>>>()?;
    let columns = vec![
        ("import_id", Column::EachWhole(Some(import))),
        ("line", Column::Whole(changed().map(|line| line.number).collect())),
        ("customer_id", Column::Whole(changed().filter_map(|line| line.customer).collect())),
        ("changes", Column::Text(kept.iter().map(String::as_str).collect())),
    ];
    Rows { table: "import_changes", columns, count: kept.len() }.insert(conn)
}

/// What is worth telling about them.
pub fn remarks(settled: &[Settled], import: i64, conn: &mut Conn) -> QueryResult<()> {
    let all: Vec<(i64, &Remark)> =
        settled.iter().flat_map(|line| line.remarks.iter().map(move |remark| (line.number, remark))).collect();
    fn text<'a>(all: &[(i64, &'a Remark)], of: fn(&'a Remark) -> &'a str) -> Column<'a> {
        Column::Text(all.iter().map(|(_, remark)| of(remark)).collect())
    }
    let columns = vec![
        ("import_id", Column::EachWhole(Some(import))),
        ("line", Column::Whole(all.iter().map(|(line, _)| *line).collect())),
        ("outcome", text(&all, |remark| remark.kind)),
        ("column_name", text(&all, |remark| &remark.column)),
        ("value", text(&all, |remark| &remark.value)),
        ("reason", text(&all, |remark| &remark.reason)),
        ("record", text(&all, |remark| &remark.record)),
    ];
    Rows { table: "import_remarks", columns, count: all.len() }.insert(conn)
}
