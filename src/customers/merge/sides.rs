//! Two customers side by side, field by field, and what would come of all else that hangs on them.

use super::consent::stricter;
use super::{Choices, Side};
use crate::custom_fields::{self, CustomField};
use crate::customers::{Channel, Consent, Consents, Customer, Draft, clean};
use crate::db::Conn;
use crate::db::schema::{campaign_recipients, conversations, past_taggings, segment_members, segment_pins, segments};
use crate::tags::{self, Tagging};
use crate::workspace::{Clock, spell};
use diesel::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// A field of both.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// `email`, or `custom.plan`.
    pub name: String,
    pub label: String,
    /// As it is stored.
    pub hers: Option<String>,
    pub other: Option<String>,
    /// As people read it.
    pub hers_spoken: Option<String>,
    pub other_spoken: Option<String>,
    /// Whose value stays.
    pub chosen: Side,
}

impl Field {
    pub fn differs(&self) -> bool {
        self.hers != self.other
    }

    pub fn takes_other(&self) -> bool {
        self.chosen == Side::Other
    }

    pub fn value(&self) -> Option<&String> {
        match self.chosen {
            Side::Hers => self.hers.as_ref(),
            Side::Other => self.other.as_ref(),
        }
    }
}

/// The fields that a customer has of her own, and where a draft keeps them.
type Slot = fn(&mut Draft) -> &mut Option<String>;
pub(super) const BUILT_IN: [(&str, &str, Slot); 7] = [
    ("name", "Name", |draft| &mut draft.name),
    ("email", "Email", |draft| &mut draft.email),
    ("phone", "Phone", |draft| &mut draft.phone),
    ("external_id", "External id", |draft| &mut draft.external_id),
    ("city", "City", |draft| &mut draft.city),
    ("country", "Country", |draft| &mut draft.country),
    ("language", "Language", |draft| &mut draft.language),
];

fn spoken(name: &str, value: &str) -> String {
    match name {
        "country" => clean::country_name(value),
        "language" => clean::language_name(value),
        _ => value.to_string(),
    }
}

/// One of the two, with what is told of her in numbers.
#[derive(Clone, Debug)]
pub struct Person {
    pub customer: Customer,
    pub called: String,
    pub consents: Consents,
    pub taggings: Vec<Tagging>,
    pub custom: HashMap<i64, String>,
    pub conversations: i64,
    pub campaigns: Vec<i64>,
    pub segments: Vec<(i64, String)>,
    pub pins: i64,
    pub past: i64,
}

impl Person {
    fn of(customer: Customer, clock: &Clock, conn: &mut Conn) -> QueryResult<Person> {
        let id = customer.id;
        Ok(Person {
            called: customer.called(),
            consents: Consents::of(id, conn)?,
            taggings: tags::of_customer(id, clock.stamp(), conn)?,
            custom: custom_fields::of_customers(&[id], conn)?.remove(&id).unwrap_or_default(),
            conversations: conversations::table.filter(conversations::customer_id.eq(id)).count().get_result(conn)?,
            campaigns: campaign_recipients::table
                .filter(campaign_recipients::customer_id.eq(id))
                .order(campaign_recipients::campaign_id)
                .select(campaign_recipients::campaign_id)
                .load(conn)?,
            segments: segment_members::table
                .inner_join(segments::table)
                .filter(segment_members::customer_id.eq(id))
                .order(segments::id)
                .select((segments::id, segments::name))
                .load(conn)?,
            pins: segment_pins::table.filter(segment_pins::customer_id.eq(id)).count().get_result(conn)?,
            past: past_taggings::table.filter(past_taggings::customer_id.eq(id)).count().get_result(conn)?,
            customer,
        })
    }

    /// All that the page shows of her, for telling whether it is still so.
    fn shown(&self) -> serde_json::Value {
        let mut custom: Vec<(&i64, &String)> = self.custom.iter().collect();
        custom.sort();
        let said = |channel: &Channel| self.consents.get(*channel).key();
        json!([
            self.customer.id,
            Draft::from(&self.customer),
            spell(self.customer.updated_at),
            self.customer.purchase_count,
            custom,
            Channel::ALL.iter().map(said).collect::<Vec<_>>(),
            self.taggings.iter().map(|tagging| tagging.tag.id).collect::<Vec<_>>(),
            self.conversations,
            self.campaigns.len(),
            self.segments.len(),
        ])
    }
}

/// What comes of one channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreed {
    pub channel: Channel,
    pub hers: Consent,
    pub other: Consent,
    pub after: Consent,
}

/// What comes of one tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagged {
    pub tag: tags::Tag,
    /// She did not carry it before.
    pub gained: bool,
    /// It makes way: the other of its family came later.
    pub for_the_sake_of: Option<String>,
}

/// Both of them.
#[derive(Clone, Debug)]
pub struct Sides {
    pub hers: Person,
    pub other: Person,
    pub fields: Vec<Field>,
    pub custom: Vec<CustomField>,
    pub consents: Vec<Agreed>,
    pub tags: Vec<Tagged>,
}

impl Sides {
    pub fn of(
        hers: Customer,
        other: Customer,
        choices: &Choices,
        clock: &Clock,
        conn: &mut Conn,
    ) -> QueryResult<Sides> {
        let custom = CustomField::all(conn)?;
        let (hers, other) = (Person::of(hers, clock, conn)?, Person::of(other, clock, conn)?);
        let fields = fields(&hers, &other, &custom, choices);
        let agreed = |channel| Agreed {
            channel,
            hers: hers.consents.get(channel),
            other: other.consents.get(channel),
            after: stricter(channel, (&hers.customer, &hers.consents), (&other.customer, &other.consents)),
        };
        let consents = Channel::ALL.into_iter().map(agreed).collect();
        let tags = tagged(&hers.taggings, &other.taggings);
        Ok(Sides { fields, custom, consents, tags, hers, other })
    }

    /// Another one when anything that was shown is another.
    pub fn mark(&self) -> String {
        let shown = json!([self.hers.shown(), self.other.shown()]).to_string();
        Sha256::digest(shown.as_bytes())[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// She as she is to be. The earlier of both beginnings, and the later sight of her.
    pub fn draft(&self) -> Draft {
        let (hers, other) = (&self.hers.customer, &self.other.customer);
        let mut draft = Draft::from(hers);
        for (name, _, slot) in BUILT_IN {
            if let Some(field) = self.fields.iter().find(|field| field.name == name) {
                *slot(&mut draft) = field.value().cloned();
            }
        }
        draft.created_at = Some(hers.created_at.min(other.created_at));
        draft.last_seen_at = hers.last_seen_at.max(other.last_seen_at);
        draft
    }

    /// Segments of chosen members that she comes into by this.
    pub fn joins(&self) -> Vec<&str> {
        let hers: Vec<i64> = self.hers.segments.iter().map(|(id, _)| *id).collect();
        self.other.segments.iter().filter(|(id, _)| !hers.contains(id)).map(|(_, name)| name.as_str()).collect()
    }

    /// Campaigns that both were in the audience of.
    pub fn both_in(&self) -> usize {
        self.other.campaigns.iter().filter(|id| self.hers.campaigns.contains(id)).count()
    }
}

fn fields(hers: &Person, other: &Person, custom: &[CustomField], choices: &Choices) -> Vec<Field> {
    let (mut one, mut two) = (Draft::from(&hers.customer), Draft::from(&other.customer));
    let newer = if other.customer.updated_at > hers.customer.updated_at { Side::Other } else { Side::Hers };
    let field =
        |name: String, label: String, hers: Option<String>, other: Option<String>, spoken: &dyn Fn(&str) -> String| {
            let chosen =
                choices.get(&name).unwrap_or_else(|| proposed(&name, hers.as_deref(), other.as_deref(), newer));
            let read = |value: &Option<String>| value.as_deref().map(spoken);
            Field { hers_spoken: read(&hers), other_spoken: read(&other), name, label, hers, other, chosen }
        };
    let mut fields: Vec<Field> = BUILT_IN
        .iter()
        .map(|(name, label, slot)| {
            let (hers, other) = (slot(&mut one).clone(), slot(&mut two).clone());
            field((*name).to_string(), (*label).to_string(), hers, other, &|value| spoken(name, value))
        })
        .collect();
    fields.extend(custom.iter().map(|known| {
        let (hers, other) = (hers.custom.get(&known.id).cloned(), other.custom.get(&known.id).cloned());
        field(known.name(), known.label.clone(), hers, other, &|value| known.spoken(value))
    }));
    fields
}

/// The value that is there; of two, the fuller name or city, and otherwise that of the record that was changed last.
fn proposed(name: &str, hers: Option<&str>, other: Option<&str>, newer: Side) -> Side {
    match (hers, other) {
        (None, Some(_)) => Side::Other,
        (Some(hers), Some(other)) if hers != other => match hers.chars().count().cmp(&other.chars().count()) {
            std::cmp::Ordering::Less if matches!(name, "name" | "city") => Side::Other,
            std::cmp::Ordering::Greater if matches!(name, "name" | "city") => Side::Hers,
            _ => newer,
        },
        _ => Side::Hers,
    }
}

/// All tags of both; of a family the one that came last stays, and hers where both came at once.
fn tagged(hers: &[Tagging], other: &[Tagging]) -> Vec<Tagged> {
    let carries = |all: &[Tagging], tag: i64| all.iter().any(|one| one.tag.id == tag);
    let rival = |one: &Tagging, others: &[Tagging]| {
        let family = one.tag.family_id?;
        // Who carries both already gives nothing up.
        others.iter().find(|other| other.tag.family_id == Some(family) && other.tag.id != one.tag.id).cloned()
    };
    let mut all: Vec<Tagged> = Vec::new();
    for one in hers {
        let winner = rival(one, other).filter(|_| !carries(other, one.tag.id)).filter(|rival| rival.at > one.at);
        all.push(Tagged { tag: one.tag.clone(), gained: false, for_the_sake_of: winner.map(|rival| rival.tag.name) });
    }
    for one in other.iter().filter(|one| !carries(hers, one.tag.id)) {
        let winner = rival(one, hers).filter(|rival| rival.at >= one.at);
        all.push(Tagged { tag: one.tag.clone(), gained: true, for_the_sake_of: winner.map(|rival| rival.tag.name) });
    }
    all
}
