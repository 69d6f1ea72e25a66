//! The customers a batch of lines is about: found by their keys, changed in memory line by line, written once.

use super::Import;
use super::lines::Wish;
use super::plan::Key;
use super::scratch::Scratch;
use crate::custom_fields::{self, CustomField};
use crate::customers::{Channel, Consent, Customer, Draft};
use crate::db::Conn;
use crate::db::schema::{consents, customers, import_lines, taggings};
use crate::tags::{self, Mark, Source};
use crate::workspace::Workspace;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// How many values one question to the database carries.
pub const CHUNK: usize = 500;

/// A customer as she was stored, or as she is to be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub draft: Draft,
    pub consents: [Consent; 3],
    pub tags: BTreeSet<i64>,
    /// By [`Field::Custom`](super::columns::Field::Custom); of the fields that the file has, no others.
    pub custom: BTreeMap<usize, custom_fields::Value>,
}

impl State {
    pub fn consent(&mut self, channel: Channel) -> &mut Consent {
        &mut self.consents[place(channel)]
    }
    /// What she said about a channel.
    pub fn said(&self, channel: Channel) -> Consent {
        self.consents[place(channel)]
    }
    pub fn key(&self, key: Key) -> Option<&str> {
        match key {
            Key::Id => None,
            Key::ExternalId => self.draft.external_id.as_deref(),
            Key::Email => self.draft.email.as_deref(),
            Key::Phone => self.draft.phone.as_deref(),
        }
    }
    /// Without any key only her number tells who she is.
    fn is_nameless(&self) -> bool {
        Key::STORED.iter().all(|key| self.key(*key).is_none())
    }
}

pub const CHANNELS: [Channel; 3] = [Channel::Email, Channel::Sms, Channel::Whatsapp];

fn place(channel: Channel) -> usize {
    match channel {
        Channel::Email => 0,
        Channel::Sms => 1,
        Channel::Whatsapp => 2,
    }
}

/// One customer of the batch.
pub struct Person {
    /// `None` until she is written; below 0 while that is only tried out.
    pub id: Option<i64>,
    /// As the database has her; `None` for a new one.
    pub stored: Option<State>,
    pub now: State,
    /// The last line of the file before this one that was about her.
    pub line: Option<i64>,
    /// When she was changed last, as the database has it.
    pub updated_at: Option<NaiveDateTime>,
}

impl Person {
    /// `#12`, or `line 7` while she has no number yet.
    pub fn called(&self) -> String {
        match (self.id, self.line) {
            (Some(id), _) if id > 0 => format!("#{id}"),
            (_, Some(line)) => format!("line {line}"),
            (_, None) => "a new customer".into(),
        }
    }
}

/// Everybody the lines of a batch could mean.
#[derive(Default)]
pub struct People {
    pub all: Vec<Person>,
    by_id: HashMap<i64, usize>,
    by_key: HashMap<(Key, String), usize>,
}

impl People {
    /// Finds everybody the lines name by any key, with their consents, tags and values of `fields`, in a handful of
    /// questions; as a scratch has them, where one does.
    pub fn load(
        hand: &Hand,
        wishes: &[&Wish],
        fields: &[Option<CustomField>],
        scratch: Option<&mut Scratch>,
        conn: &mut Conn,
    ) -> QueryResult<People> {
        let mut people = People::default();
        let mut named: BTreeMap<Key, Vec<&str>> = BTreeMap::new();
        for key in Key::STORED {
            let mut values: Vec<&str> = wishes.iter().filter_map(|wish| wish.key(key)).collect();
            values.sort_unstable();
            values.dedup();
            // Whoever was found by an earlier key, and has this one too, need not be asked for again: there is nobody else.
            let known: HashSet<&str> = people.all.iter().filter_map(|person| person.now.key(key)).collect();
            let asked: Vec<&str> = values.iter().copied().filter(|value| !known.contains(value)).collect();
            people.take_in(with(key, &asked, conn)?);
            named.insert(key, values);
        }
        let ids: Vec<i64> = wishes.iter().filter_map(|wish| wish.id()).collect();
        people.with_ids(&ids, hand, fields, conn)?;
        people.load_lines(hand, conn)?;
        if let Some(scratch) = scratch {
            people.take_over(scratch, &named)?;
        }
        people.index();
        Ok(people)
    }

    /// Those with these numbers, with the same of them.
    pub fn of(ids: &[i64], hand: &Hand, fields: &[Option<CustomField>], conn: &mut Conn) -> QueryResult<People> {
        let mut people = People::default();
        people.with_ids(ids, hand, fields, conn)?;
        people.index();
        Ok(people)
    }

    /// Lets whoever has one of these keys be found by it. Of her nothing else is known, and nothing of her is changed.
    pub fn note_owners(&mut self, key: Key, values: &[&str], conn: &mut Conn) -> QueryResult<()> {
        let known = self.all.len();
        self.take_in(with(key, values, conn)?);
        for person in &mut self.all[known..] {
            person.stored = Some(person.now.clone());
        }
        self.index();
        Ok(())
    }

    /// Adds those with these numbers, and completes everybody.
    fn with_ids(
        &mut self,
        ids: &[i64],
        hand: &Hand,
        fields: &[Option<CustomField>],
        conn: &mut Conn,
    ) -> QueryResult<()> {
        let missing: Vec<i64> = ids.iter().copied().filter(|id| !self.by_id.contains_key(id)).collect();
        for some in missing.chunks(CHUNK) {
            let found = customers::table.select(Customer::as_select()).filter(customers::id.eq_any(some)).load(conn)?;
            self.take_in(found);
        }
        self.load_custom(fields, conn)?;
        self.load_rest(hand, conn)?;
        for person in &mut self.all {
            person.stored = Some(person.now.clone());
        }
        Ok(())
    }

    fn take_in(&mut self, found: Vec<Customer>) {
        for customer in found {
            if self.by_id.contains_key(&customer.id) {
                continue;
            }
            let (id, updated_at) = (customer.id, Some(customer.updated_at));
            let now = State { draft: Draft::from(customer), ..State::default() };
            self.by_id.insert(id, self.all.len());
            self.all.push(Person { id: Some(id), stored: None, now, line: None, updated_at });
        }
    }

    /// What earlier lines would have made of them, and whom they would have made.
    fn take_over(&mut self, scratch: &mut Scratch, named: &BTreeMap<Key, Vec<&str>>) -> QueryResult<()> {
        let known: Vec<i64> = self.by_id.keys().copied().collect();
        for (id, now, line) in scratch.people(&known, named)? {
            let person = Person { id: Some(id), stored: None, now, line: Some(line), updated_at: None };
            match self.by_id.get(&id) {
                Some(at) => self.all[*at] = person,
                None => {
                    self.by_id.insert(id, self.all.len());
                    self.all.push(person);
                }
            }
        }
        Ok(())
    }

    /// By their keys they are found as they are now.
    fn index(&mut self) {
        for (at, person) in self.all.iter().enumerate() {
            for key in Key::STORED {
                if let Some(value) = person.now.key(key) {
                    self.by_key.insert((key, value.to_string()), at);
                }
            }
        }
    }

    fn load_custom(&mut self, fields: &[Option<CustomField>], conn: &mut Conn) -> QueryResult<()> {
        let places: HashMap<i64, usize> =
            fields.iter().enumerate().filter_map(|(place, field)| Some((field.as_ref()?.id, place))).collect();
        if places.is_empty() {
            return Ok(());
        }
        let customers: Vec<i64> = self.by_id.keys().copied().collect();
        let fields: Vec<i64> = places.keys().copied().collect();
        for (customer, field, value) in custom_fields::many::load(&customers, &fields, conn)? {
            self.all[self.by_id[&customer]].now.custom.insert(places[&field], value);
        }
        Ok(())
    }

    /// Consents and tags of those found.
    fn load_rest(&mut self, hand: &Hand, conn: &mut Conn) -> QueryResult<()> {
        let ids: Vec<i64> = self.by_id.keys().copied().collect();
        for some in ids.chunks(CHUNK) {
            let given: Vec<(i64, String, String)> = consents::table
                .filter(consents::customer_id.eq_any(some))
                .select((consents::customer_id, consents::channel, consents::state))
                .load(conn)?;
            for (id, channel, state) in given {
                let channel = CHANNELS.into_iter().find(|known| known.key() == channel);
                let state = [Consent::OptedIn, Consent::OptedOut].into_iter().find(|known| known.key() == state);
                if let (Some(channel), Some(state)) = (channel, state) {
                    *self.all[self.by_id[&id]].now.consent(channel) = state;
                }
            }
            let carried: Vec<(i64, i64)> = taggings::table
                .filter(taggings::customer_id.eq_any(some))
                .filter(tags::on(hand.at))
                .select((taggings::customer_id, taggings::tag_id))
                .load(conn)?;
            for (id, tag) in carried {
                self.all[self.by_id[&id]].now.tags.insert(tag);
            }
        }
        Ok(())
    }

    /// Which earlier line of this file was about each of them.
    fn load_lines(&mut self, hand: &Hand, conn: &mut Conn) -> QueryResult<()> {
        let ids: Vec<i64> = self.by_id.keys().copied().collect();
        for some in ids.chunks(CHUNK) {
            let lines: Vec<(Option<i64>, Option<i64>)> = import_lines::table
                .filter(import_lines::import_id.eq(hand.import))
                .filter(import_lines::customer_id.eq_any(some))
                .group_by(import_lines::customer_id)
                .select((import_lines::customer_id, diesel::dsl::max(import_lines::line)))
                .load(conn)?;
            for (id, line) in lines {
                if let Some(at) = id.and_then(|id| self.by_id.get(&id)) {
                    self.all[*at].line = line;
                }
            }
        }
        Ok(())
    }

    /// Who has this key now, after the lines read so far.
    pub fn with(&self, key: Key, value: &str) -> Option<usize> {
        self.by_key.get(&(key, value.to_string())).copied()
    }

    pub fn with_id(&self, id: i64) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// A customer who has no key at all, known before this import began, may be named by her number alone.
    pub fn nameless(&self, id: i64, last_known: i64) -> Option<usize> {
        let at = self.with_id(id)?;
        (id <= last_known && self.all[at].now.is_nameless()).then_some(at)
    }

    /// Adds somebody new.
    pub fn add(&mut self, now: State, line: i64) -> usize {
        let at = self.all.len();
        self.all.push(Person { id: None, stored: None, now: State::default(), line: None, updated_at: None });
        self.change(at, now, line);
        at
    }

    /// Makes a customer what a line wants her to be; her keys lead to her from then on.
    pub fn change(&mut self, at: usize, now: State, line: i64) {
        for key in Key::STORED {
            let (old, new) = (self.all[at].now.key(key), now.key(key));
            if old == new {
                continue;
            }
            if let Some(old) = old {
                self.by_key.remove(&(key, old.to_string()));
            }
            if let Some(new) = new {
                self.by_key.insert((key, new.to_string()), at);
            }
        }
        self.all[at].now = now;
        self.all[at].line = Some(line);
    }
}

/// Those who have one of these keys, as the database has them.
fn with(key: Key, values: &[&str], conn: &mut Conn) -> QueryResult<Vec<Customer>> {
    let mut found = Vec::new();
    for some in values.chunks(CHUNK) {
        let asked = customers::table.select(Customer::as_select());
        found.extend(match key {
            Key::ExternalId => asked.filter(customers::external_id.eq_any(some)).load(conn)?,
            Key::Email => asked.filter(customers::email.eq_any(some)).load(conn)?,
            Key::Phone => asked.filter(customers::phone.eq_any(some)).load(conn)?,
            Key::Id => Vec::new(),
        });
    }
    Ok(found)
}

/// The highest customer number in use.
pub fn last_id(conn: &mut Conn) -> QueryResult<i64> {
    Ok(customers::table.select(diesel::dsl::max(customers::id)).get_result::<Option<i64>>(conn)?.unwrap_or(0))
}

/// When and by whom this import writes.
#[derive(Clone, Debug)]
pub struct Hand {
    pub import: i64,
    pub actor: String,
    pub agent_id: Option<i64>,
    pub at: NaiveDateTime,
}

impl Hand {
    /// The import's: each of its lines is stamped with the moment it began.
    pub fn of(import: &Import, here: &Workspace) -> Hand {
        let at = import.began_at.unwrap_or_else(|| here.clock().stamp());
        Hand { import: import.id, actor: import.actor.clone(), agent_id: import.agent_id, at }
    }

    /// What is kept with each tagging.
    pub fn mark(&self) -> Mark {
        let (source, lasting) = (Source::Import(self.import), tags::Lasting::Unsaid);
        Mark { actor: self.actor.clone(), agent_id: self.agent_id, source, at: self.at, lasting }
    }
}
