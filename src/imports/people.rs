//! The customers a batch of lines is about: found by their keys, changed in memory line by line, written once.

use super::lines::Wish;
use super::plan::Key;
use crate::custom_fields::{self, CustomField};
use crate::customers::{Channel, Consent, Customer, Draft};
use crate::db::Conn;
use crate::db::schema::{consents, customers, import_lines, taggings};
use crate::tags::{self, Mark, Source};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many values one question to the database carries.
pub const CHUNK: usize = 500;

/// A customer as she was stored, or as she is to be.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// `None` until she is written.
    pub id: Option<i64>,
    /// As the database has her; `None` for a new one.
    pub stored: Option<State>,
    pub now: State,
    /// The last line of the file before this one that was about her.
    pub line: Option<i64>,
}

impl Person {
    /// `#12`, or `line 7` while she has no number yet.
    pub fn called(&self) -> String {
        match (self.id, self.line) {
            (Some(id), _) => format!("#{id}"),
            (None, Some(line)) => format!("line {line}"),
            (None, None) => "a new customer".into(),
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
    /// questions.
    pub fn load(hand: &Hand, wishes: &[&Wish], fields: &[Option<CustomField>], conn: &mut Conn) -> QueryResult<People> {
        let mut people = People::default();
        let values = |key: Key| -> Vec<&str> {
            let mut values: Vec<&str> = wishes.iter().filter_map(|wish| wish.key(key)).collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        for key in Key::STORED {
            for some in values(key).chunks(CHUNK) {
                let asked = customers::table.select(Customer::as_select());
                let found: Vec<Customer> = match key {
                    Key::ExternalId => asked.filter(customers::external_id.eq_any(some)).load(conn)?,
                    Key::Email => asked.filter(customers::email.eq_any(some)).load(conn)?,
                    _ => asked.filter(customers::phone.eq_any(some)).load(conn)?,
                };
                people.take_in(found);
            }
        }
        let ids: Vec<i64> =
            wishes.iter().filter_map(|wish| wish.id()).filter(|id| !people.by_id.contains_key(id)).collect();
        for some in ids.chunks(CHUNK) {
            let found = customers::table.select(Customer::as_select()).filter(customers::id.eq_any(some)).load(conn)?;
            people.take_in(found);
        }
        people.load_custom(fields, conn)?;
        people.load_rest(hand, conn)?;
        Ok(people)
    }

    fn take_in(&mut self, found: Vec<Customer>) {
        for customer in found {
            if self.by_id.contains_key(&customer.id) {
                continue;
            }
            let id = customer.id;
            let state = State { draft: Draft::from(customer), ..State::default() };
            let at = self.all.len();
            for key in Key::STORED {
                if let Some(value) = state.key(key) {
                    self.by_key.insert((key, value.to_string()), at);
                }
            }
            self.by_id.insert(id, at);
            self.all.push(Person { id: Some(id), stored: Some(state.clone()), now: state, line: None });
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

    /// Consents, tags and earlier lines of those found.
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
        for person in &mut self.all {
            person.stored = Some(person.now.clone());
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
        self.all.push(Person { id: None, stored: None, now: State::default(), line: None });
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
    /// What is kept with each tagging.
    pub fn mark(&self) -> Mark {
        let (source, lasting) = (Source::Import(self.import), tags::Lasting::Unsaid);
        Mark { actor: self.actor.clone(), agent_id: self.agent_id, source, at: self.at, lasting }
    }
}
