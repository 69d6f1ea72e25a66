//! One conversation as it is read: what was said and done in it, and the customer beside it.

use super::{Conversation, Kind};
use crate::agents::{Agent, Caller};
use crate::custom_fields::{self, CustomField};
use crate::customers::table::money;
use crate::customers::{Channel, Consent, Consents, Customer, clean};
use crate::db::Conn;
use crate::db::schema::{messages, taggings, tags as tag_table};
use crate::purchases;
use crate::segments;
use crate::tags::editor::{Editor, From};
use crate::web::{Error, thousands};
use crate::workspace::{Clock, Workspace};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Earlier messages than these are a link away.
const SHOWN: i64 = 200;
/// Her other conversations, the latest.
const OTHERS: i64 = 6;

#[derive(Clone, Debug, PartialEq, Queryable)]
struct Row {
    id: i64,
    kind: String,
    author: String,
    body: String,
    at: NaiveDateTime,
    status: String,
    said: Option<String>,
}

/// A line of the thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// 0 for what is not a message.
    pub id: i64,
    pub kind: Kind,
    pub author: String,
    pub body: String,
    pub time: String,
    /// Where a day begins: its name.
    pub day: Option<String>,
    /// A tag that was put on in this conversation.
    pub tag: Option<(String, String)>,
    /// Why it has not arrived, or that nobody knows.
    pub trouble: Option<String>,
    /// It is still on its way.
    pub waits: bool,
    at: NaiveDateTime,
}

/// What is said in it, the oldest first; and the number of the first when there are earlier ones.
pub fn entries(
    conversation: &Conversation,
    before: Option<i64>,
    clock: &Clock,
    conn: &mut Conn,
) -> QueryResult<(Vec<Entry>, Option<i64>)> {
    let mut query = messages::table.filter(messages::conversation_id.eq(conversation.id)).into_boxed();
    if let Some(before) = before {
        query = query.filter(messages::id.lt(before));
    }
    let mut rows: Vec<Row> = query
        .order(messages::id.desc())
        .limit(SHOWN + 1)
        .select((
            messages::id,
            messages::kind,
            messages::author,
            messages::body,
            messages::at,
            messages::status,
            messages::said,
        ))
        .load(conn)?;
    let more = rows.len() as i64 > SHOWN;
    rows.truncate(SHOWN as usize);
    let earlier = rows.last().map(|row| row.id).filter(|_| more);
    let mut entries: Vec<Entry> = rows.into_iter().rev().map(|row| Entry::of(row, clock)).collect();
    if before.is_none() {
        let since = entries.first().map(|entry| entry.at).filter(|_| more);
        entries.extend(tagged(conversation, since, clock, conn)?);
        entries.sort_by_key(|entry| entry.at);
    }
    let mut last = None;
    for entry in &mut entries {
        let day = clock.show_day(entry.at);
        if last.as_ref() != Some(&day) {
            entry.day = Some(day.clone());
            last = Some(day);
        }
    }
    Ok((entries, earlier))
}

fn time(at: NaiveDateTime, clock: &Clock) -> String {
    at.and_utc().with_timezone(&clock.zone).format("%H:%M").to_string()
}

impl Entry {
    fn of(row: Row, clock: &Clock) -> Entry {
        let kind = Kind::parse(&row.kind);
        let said = row.said.unwrap_or_default();
        Entry {
            id: row.id,
            kind,
            author: row.author,
            body: row.body,
            time: time(row.at, clock),
            day: None,
            tag: None,
            trouble: match row.status.as_str() {
                "failed" => Some(format!("Not sent: {said}")),
                "uncertain" => Some("Nobody knows whether this arrived: whoever sent it stopped half way.".into()),
                "waiting" if !said.is_empty() => Some(format!("Not sent yet, it is tried again: {said}")),
                _ => None,
            },
            waits: matches!(row.status.as_str(), "waiting" | "sending"),
            at: row.at,
        }
    }

    pub fn icon(&self) -> crate::web::Icon {
        crate::web::icon(match &self.tag {
            Some(_) => "tag",
            None if self.body.starts_with("opted out") => "bell-off",
            None => "check",
        })
    }
}

/// Tags that were put on here and are still on.
fn tagged(
    conversation: &Conversation,
    since: Option<NaiveDateTime>,
    clock: &Clock,
    conn: &mut Conn,
) -> QueryResult<Vec<Entry>> {
    let rows: Vec<(String, String, String, NaiveDateTime)> = taggings::table
        .inner_join(tag_table::table)
        .filter(taggings::customer_id.eq(conversation.customer_id))
        .filter(taggings::source.eq("conversation").and(taggings::source_id.eq(conversation.id).assume_not_null()))
        .select((tag_table::name, tag_table::colour, taggings::actor, taggings::tagged_at))
        .load(conn)?;
    let entry = |(name, colour, author, at)| Entry {
        id: 0,
        kind: Kind::Event,
        author,
        body: "added".into(),
        time: time(at, clock),
        day: None,
        tag: Some((name, colour)),
        trouble: None,
        waits: false,
        at,
    };
    Ok(rows.into_iter().filter(|row| since.is_none_or(|since| row.3 >= since)).map(entry).collect())
}

/// The customer beside her conversation.
pub struct Beside {
    pub customer: Customer,
    pub called: String,
    pub initials: String,
    /// Where she is and since when, in a few words.
    pub line: String,
    pub editor: Editor,
    pub spent: Option<String>,
    pub last: Option<String>,
    pub contact: Vec<(&'static str, String)>,
    /// Custom fields that have a value.
    pub fields: Vec<(String, String)>,
    pub consents: Vec<(&'static str, &'static str, &'static str)>,
    /// Those she is in, and how many there are.
    pub segments: Vec<(i64, String)>,
    pub of_segments: usize,
    pub others: Vec<(Conversation, String)>,
}

impl Beside {
    pub fn of(conversation: &Conversation, caller: &Caller, conn: &mut Conn) -> Result<Beside, Error> {
        let customer = Customer::find(conversation.customer_id, conn)?.ok_or(Error::NotFound("customer"))?;
        let workspace = Workspace::load(conn)?;
        let clock = workspace.clock();
        let consents = Consents::of(customer.id, conn)?;
        let standing = segments::standing(customer.id, caller, conn, &clock)?;
        let of_segments = standing.len();
        let others = Conversation::of_customer(customer.id, OTHERS, conn)?;
        let place = customer.city.clone().or_else(|| customer.country.as_deref().map(clean::country_name));
        let since = format!("customer since {}", clock.show_day(customer.created_at));
        let contact = [
            ("Email", customer.email.clone()),
            ("Phone", customer.phone.clone()),
            ("Language", customer.language.as_deref().map(clean::language_name)),
            ("External id", customer.external_id.clone()),
        ];
        let last = purchases::newest(customer.id, conn)?;
        Ok(Beside {
            called: customer.called(),
            initials: customer.initials(),
            line: place.into_iter().chain([since]).collect::<Vec<_>>().join(", "),
            editor: Editor::of(&customer, From::Conversation(conversation.id), &clock, conn)?,
            spent: (customer.purchase_count > 0).then(|| {
                let count = thousands(&customer.purchase_count);
                let many = if customer.purchase_count == 1 { "purchase" } else { "purchases" };
                format!("{} {}, {count} {many}", money(customer.total_spent), workspace.currency)
            }),
            last: last.map(|bought| {
                let what = bought.product.map(|product| format!(", {product}")).unwrap_or_default();
                format!("{}{what}, {} {}", clock.show_day(bought.at), money(bought.amount), bought.currency)
            }),
            fields: fields(customer.id, conn)?,
            contact: contact.into_iter().filter_map(|(label, value)| Some((label, value?))).collect(),
            consents: Channel::ALL
                .into_iter()
                .map(|channel| {
                    let consent = consents.get(channel);
                    let words = match consent {
                        Consent::OptedIn => "Opted in",
                        Consent::OptedOut => "Opted out",
                        Consent::Unknown => "Unknown",
                    };
                    (channel.words(), words, consent.pill())
                })
                .collect(),
            segments: standing.into_iter().filter(|(_, within)| *within).map(|(s, _)| (s.id, s.name)).collect(),
            of_segments,
            others: others
                .into_iter()
                .filter(|other| other.id != conversation.id)
                .map(|other| {
                    let when = if other.is_open() { "open".into() } else { clock.ago(other.last_message_at) };
                    (other, when)
                })
                .collect(),
            customer,
        })
    }
}

fn fields(customer: i64, conn: &mut Conn) -> QueryResult<Vec<(String, String)>> {
    let values = custom_fields::of_customers(&[customer], conn)?.remove(&customer).unwrap_or_default();
    let filled = |field: CustomField| Some((field.label.clone(), field.spoken(values.get(&field.id)?)));
    Ok(CustomField::all(conn)?.into_iter().filter_map(filled).collect())
}

/// Who may have it: those who work here, by name.
pub fn agents(conn: &mut Conn) -> QueryResult<Vec<(i64, String)>> {
    let all = Agent::all(conn)?.into_iter().filter(|agent| agent.disabled_at.is_none());
    let mut all: Vec<(i64, String)> = all.map(|agent| (agent.id, agent.name)).collect();
    all.sort_by_key(|(_, name)| crate::fold::fold(name));
    Ok(all)
}
