//! All that is known about a customer who is deleted: her row, and the rows of every table that go with her. A test
//! compares the tables here with those whose rows the database takes along.

use crate::db::Conn;
use crate::db::nodes::Among;
use crate::db::schema::{
    agents, chat_visitors, consents, conversations, custom_fields, custom_values, customers, field_changes, messages,
    past_taggings, purchases, segment_members, segment_pins, segments, taggings, tags,
};
use crate::each;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// The tables whose rows go with a customer.
pub const TABLES: [&str; 10] = [
    "chat_visitors",
    "consents",
    "conversations",
    "custom_values",
    "field_changes",
    "past_taggings",
    "purchases",
    "segment_members",
    "segment_pins",
    "taggings",
];

/// How many rows go in one statement.
const CHUNK: usize = 500;

/// A row of a table, read, kept as JSON and written again.
macro_rules! row {
    ($name:ident of $table:ident { $($(#[$meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        #[derive(Clone, Debug, Queryable, Selectable, Insertable, Serialize, Deserialize)]
        #[diesel(table_name = $table, treat_none_as_default_value = false)]
        struct $name { $($(#[$meta])* $field: $type),* }

        impl $name {
            fn write(rows: &[$name], conn: &mut Conn) -> QueryResult<()> {
                for some in rows.chunks(CHUNK) {
                    each!(conn, c => diesel::insert_into($table::table).values(some).execute(c))?;
                }
                Ok(())
            }
        }
    };
}

row!(Person of customers {
    id: i64, name: Option<String>, name_folded: Option<String>, email: Option<String>, email_folded: Option<String>,
    phone: Option<String>, external_id: Option<String>, external_id_folded: Option<String>, country: Option<String>,
    city: Option<String>, city_folded: Option<String>, language: Option<String>, language_folded: Option<String>,
    created_at: NaiveDateTime, updated_at: NaiveDateTime, last_seen_at: Option<NaiveDateTime>, purchase_count: i64,
    total_spent: i64, first_purchase_at: Option<NaiveDateTime>, last_purchase_at: Option<NaiveDateTime>,
});
row!(Consent of consents {
    customer_id: i64, channel: String, state: String, changed_at: NaiveDateTime, source: String,
});
row!(Visitor of chat_visitors {
    key_hash: String, customer_id: i64, conversation_id: i64, created_at: NaiveDateTime,
});
row!(Talk of conversations {
    id: i64, customer_id: i64, channel: String, state: String, agent_id: Option<i64>, subject: Option<String>,
    created_at: NaiveDateTime, last_message_at: NaiveDateTime, last_in: i64, snoozed_until: Option<NaiveDateTime>,
    closed_at: Option<NaiveDateTime>, preview: String, preview_of: String, version: i64,
});
// They go with their conversation. Who had read how far is not kept: it may be looked at again.
row!(Message of messages {
    id: i64, conversation_id: i64, kind: String, channel: String, external_id: Option<String>, author: String,
    agent_id: Option<i64>, body: String, folded: String, at: NaiveDateTime, status: String, said: Option<String>,
    address: Option<String>, attempts: i64, due_at: Option<NaiveDateTime>, held_by: Option<String>,
    held_until: Option<NaiveDateTime>,
});
row!(CustomValue of custom_values {
    customer_id: i64, field_id: i64, value: String, folded: Option<String>, number: Option<i64>,
});
row!(FieldChange of field_changes {
    id: i64, customer_id: i64, at: NaiveDateTime, field: String, before: Option<String>, after: Option<String>,
    actor: String, agent_id: Option<i64>, source: String, source_id: Option<i64>,
});
row!(PastTagging of past_taggings {
    id: i64, customer_id: i64, tag_id: i64, tag_name: String, tagged_at: NaiveDateTime, actor: String,
    agent_id: Option<i64>, source: String, source_id: Option<i64>, expires_at: Option<NaiveDateTime>,
    ended_at: NaiveDateTime, ended_by: String, ended_source: String, ended_source_id: Option<i64>, why: String,
});
row!(Purchase of purchases {
    id: i64, external_id: Option<String>, customer_id: i64, product: Option<String>, product_folded: Option<String>,
    amount: i64, currency: String, purchased_at: NaiveDateTime,
    #[serde(default)] import_id: Option<i64>,
});
row!(Member of segment_members { segment_id: i64, customer_id: i64, added_at: NaiveDateTime });
row!(Pin of segment_pins {
    segment_id: i64, customer_id: i64, inside: bool, actor: String, created_at: NaiveDateTime,
});
row!(Tagging of taggings {
    customer_id: i64, tag_id: i64, tagged_at: NaiveDateTime, actor: String, agent_id: Option<i64>, source: String,
    source_id: Option<i64>, expires_at: Option<NaiveDateTime>,
});

#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    customer: Person,
    consents: Vec<Consent>,
    custom_values: Vec<CustomValue>,
    #[serde(default)]
    field_changes: Vec<FieldChange>,
    past_taggings: Vec<PastTagging>,
    purchases: Vec<Purchase>,
    segment_members: Vec<Member>,
    segment_pins: Vec<Pin>,
    taggings: Vec<Tagging>,
    #[serde(default)]
    conversations: Vec<Talk>,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    chat_visitors: Vec<Visitor>,
}

impl Kept {
    pub fn to_json(&self) -> QueryResult<String> {
        serde_json::to_string(self).map_err(|error| diesel::result::Error::SerializationError(error.into()))
    }

    pub fn from_json(text: &str) -> QueryResult<Kept> {
        serde_json::from_str(text).map_err(|error| diesel::result::Error::DeserializationError(error.into()))
    }
}

/// The rows of one table, by whose they are.
macro_rules! theirs {
    ($table:ident, $row:ty, $ids:expr, $conn:expr) => {{
        let theirs = Among { column: concat!(stringify!($table), ".customer_id"), ids: $ids.to_vec() };
        let rows: Vec<$row> = $table::table.filter(theirs).select(<$row>::as_select()).load($conn)?;
        let mut whose: HashMap<i64, Vec<$row>> = HashMap::new();
        rows.into_iter().for_each(|row| whose.entry(row.customer_id).or_default().push(row));
        whose
    }};
}

/// All there is about these customers, by id.
pub fn of(ids: &[i64], conn: &mut Conn) -> QueryResult<Vec<(i64, Kept)>> {
    let people: Vec<Person> = customers::table
        .filter(Among { column: "customers.id", ids: ids.to_vec() })
        .order(customers::id)
        .select(Person::as_select())
        .load(conn)?;
    let mut consents = theirs!(consents, Consent, ids, conn);
    let mut values = theirs!(custom_values, CustomValue, ids, conn);
    let mut history = theirs!(field_changes, FieldChange, ids, conn);
    let mut past = theirs!(past_taggings, PastTagging, ids, conn);
    let mut purchases = theirs!(purchases, Purchase, ids, conn);
    let mut members = theirs!(segment_members, Member, ids, conn);
    let mut pins = theirs!(segment_pins, Pin, ids, conn);
    let mut taggings = theirs!(taggings, Tagging, ids, conn);
    let mut talks = theirs!(conversations, Talk, ids, conn);
    let mut visitors = theirs!(chat_visitors, Visitor, ids, conn);
    let mut said = said(&talks, conn)?;
    let kept = people.into_iter().map(|customer| {
        let id = customer.id;
        let kept = Kept {
            customer,
            consents: consents.remove(&id).unwrap_or_default(),
            custom_values: values.remove(&id).unwrap_or_default(),
            field_changes: history.remove(&id).unwrap_or_default(),
            past_taggings: past.remove(&id).unwrap_or_default(),
            purchases: purchases.remove(&id).unwrap_or_default(),
            segment_members: members.remove(&id).unwrap_or_default(),
            segment_pins: pins.remove(&id).unwrap_or_default(),
            taggings: taggings.remove(&id).unwrap_or_default(),
            conversations: talks.remove(&id).unwrap_or_default(),
            messages: said.remove(&id).unwrap_or_default(),
            chat_visitors: visitors.remove(&id).unwrap_or_default(),
        };
        (id, kept)
    });
    Ok(kept.collect())
}

/// What was said in these conversations, by whose they are.
fn said(talks: &HashMap<i64, Vec<Talk>>, conn: &mut Conn) -> QueryResult<HashMap<i64, Vec<Message>>> {
    let whose: HashMap<i64, i64> = talks.values().flatten().map(|talk| (talk.id, talk.customer_id)).collect();
    let ids: Vec<i64> = whose.keys().copied().collect();
    let mut said: HashMap<i64, Vec<Message>> = HashMap::new();
    for some in ids.chunks(CHUNK) {
        let rows: Vec<Message> = messages::table
            .filter(messages::conversation_id.eq_any(some.to_vec()))
            .order(messages::id)
            .select(Message::as_select())
            .load(conn)?;
        for row in rows {
            if let Some(customer) = whose.get(&row.conversation_id) {
                said.entry(*customer).or_default().push(row);
            }
        }
    }
    Ok(said)
}

type Told = HashMap<i64, Vec<String>>;

/// What is there now and stands in the way, or is not there any more.
struct Now {
    tags: HashSet<i64>,
    segments: HashSet<i64>,
    fields: HashSet<i64>,
    agents: HashSet<i64>,
    emails: HashSet<String>,
    phones: HashSet<String>,
    numbers: HashSet<String>,
    orders: HashSet<String>,
    /// What channels call messages that are here.
    messages: HashSet<String>,
}

/// Those of some values that a column has now.
macro_rules! taken {
    ($table:ident . $column:ident, $values:expr, $conn:expr) => {{
        let wanted: Vec<String> = $values.collect();
        let mut taken: HashSet<String> = HashSet::new();
        for some in wanted.chunks(CHUNK) {
            let found: Vec<Option<String>> =
                $table::table.filter($table::$column.eq_any(some.to_vec())).select($table::$column).load($conn)?;
            taken.extend(found.into_iter().flatten());
        }
        taken
    }};
}

fn set<T: Eq + Hash>(values: Vec<T>) -> HashSet<T> {
    values.into_iter().collect()
}

impl Now {
    fn look(back: &[Kept], conn: &mut Conn) -> QueryResult<Now> {
        Ok(Now {
            tags: set(tags::table.select(tags::id).load(conn)?),
            segments: set(segments::table.select(segments::id).load(conn)?),
            fields: set(custom_fields::table
                .filter(custom_fields::deleted_at.is_null())
                .select(custom_fields::id)
                .load(conn)?),
            agents: set(agents::table.select(agents::id).load(conn)?),
            emails: taken!(customers.email, back.iter().filter_map(|kept| kept.customer.email.clone()), conn),
            phones: taken!(customers.phone, back.iter().filter_map(|kept| kept.customer.phone.clone()), conn),
            numbers: taken!(
                customers.external_id,
                back.iter().filter_map(|kept| kept.customer.external_id.clone()),
                conn
            ),
            messages: taken!(
                messages.external_id,
                back.iter().flat_map(|kept| &kept.messages).filter_map(|said| said.external_id.clone()),
                conn
            ),
            orders: taken!(
                purchases.external_id,
                back.iter().flat_map(|kept| &kept.purchases).filter_map(|bought| bought.external_id.clone()),
                conn
            ),
        })
    }

    /// Leaves out of what was kept what cannot be any more, and says so.
    fn fit(&self, kept: &mut Kept, told: &mut Vec<String>) {
        let customer = &mut kept.customer;
        for (taken, value, folded, what) in [
            (&self.emails, &mut customer.email, Some(&mut customer.email_folded), "email address"),
            (&self.phones, &mut customer.phone, None, "phone number"),
            (&self.numbers, &mut customer.external_id, Some(&mut customer.external_id_folded), "external id"),
        ] {
            if value.as_ref().is_some_and(|value| taken.contains(value)) {
                told.push(format!("Somebody else has her {what} {} now.", value.take().unwrap_or_default()));
                if let Some(folded) = folded {
                    *folded = None;
                }
            }
        }
        for bought in &mut kept.purchases {
            if bought.external_id.as_ref().is_some_and(|order| self.orders.contains(order)) {
                let order = bought.external_id.take().unwrap_or_default();
                told.push(format!("The order {order} was entered anew since: hers has no number now."));
            }
        }
        for said in &mut kept.messages {
            said.external_id.take_if(|id| self.messages.contains(id));
            // Who was to carry it is not there any more.
            if matches!(said.status.as_str(), "waiting" | "sending") {
                (said.status, said.due_at) = ("uncertain".into(), None);
            }
        }
        let agent = |id: &mut Option<i64>| *id = id.filter(|id| self.agents.contains(id));
        kept.taggings.iter_mut().for_each(|one| agent(&mut one.agent_id));
        kept.field_changes.iter_mut().for_each(|one| agent(&mut one.agent_id));
        kept.conversations.iter_mut().for_each(|one| agent(&mut one.agent_id));
        kept.messages.iter_mut().for_each(|one| agent(&mut one.agent_id));
        kept.past_taggings.iter_mut().for_each(|one| agent(&mut one.agent_id));
        let mut gone = |before: usize, after: usize, what: &str| {
            if after < before {
                told.push(format!("{what} deleted since is left out."));
            }
        };
        let before = (kept.taggings.len(), kept.segment_members.len(), kept.custom_values.len());
        kept.taggings.retain(|one| self.tags.contains(&one.tag_id));
        kept.segment_members.retain(|one| self.segments.contains(&one.segment_id));
        // A segment has at most one row of either, and those that are gone are told once.
        kept.segment_pins.retain(|one| self.segments.contains(&one.segment_id));
        kept.custom_values.retain(|one| self.fields.contains(&one.field_id));
        gone(before.0, kept.taggings.len(), "A tag");
        gone(before.1, kept.segment_members.len(), "A segment");
        gone(before.2, kept.custom_values.len(), "A field");
    }
}

/// Writes them again. Whoever reads changes by their time learns that they are back.
pub fn restore(mut back: Vec<Kept>, at: NaiveDateTime, told: &mut Told, conn: &mut Conn) -> QueryResult<()> {
    let now = Now::look(&back, conn)?;
    for kept in &mut back {
        let mut words = Vec::new();
        now.fit(kept, &mut words);
        kept.customer.updated_at = at;
        if !words.is_empty() {
            told.entry(kept.customer.id).or_default().extend(words);
        }
    }
    let people: Vec<Person> = back.iter().map(|kept| kept.customer.clone()).collect();
    Person::write(&people, conn)?;
    macro_rules! all {
        ($($row:ident: $part:ident),*) => {
            $({
                let rows: Vec<$row> = back.iter_mut().flat_map(|kept| std::mem::take(&mut kept.$part)).collect();
                $row::write(&rows, conn)?;
            })*
        };
    }
    all!(Consent: consents, CustomValue: custom_values, FieldChange: field_changes, PastTagging: past_taggings, Purchase: purchases,
        Member: segment_members, Pin: segment_pins, Tagging: taggings, Talk: conversations, Message: messages,
        Visitor: chat_visitors);
    Ok(())
}
