//! Exports: what a filter selects, as CSV that a spreadsheet opens safely and that imports back without a change.
//!
//! Columns are those of [`imports::columns`](crate::imports::columns), custom fields as `custom.plan`, and computed ones
//! that import ignores. Rows are read in pieces by id inside one snapshot, so memory does not grow and the file shows one moment.

pub mod command;
pub mod pages;

use crate::agents::{Caller, audit};
use crate::custom_fields::{self, CustomField};
use crate::customers::{Consent, Customer, Draft};
use crate::db::Conn;
use crate::db::schema::{consents, customers};
use crate::filters::whom::Whom;
use crate::imports::cells::guarded;
use crate::imports::columns::{CUSTOMERS, Column, Kind};
use crate::imports::people::CHANNELS;
use crate::tags::{self, Tagging};
use crate::web::stream::Broken;
use crate::workspace::Workspace;
use chrono::{NaiveDateTime, SecondsFormat};
use diesel::prelude::*;
use std::collections::HashMap;
use std::io::Write;

/// Customers read at a time.
const PIECE: i64 = 1_000;

/// A value that Muster works out by itself; amounts have the decimals of the currency.
struct Computed {
    key: &'static str,
    cell: fn(&Customer, u32) -> String,
}

static COMPUTED: &[Computed] = &[
    Computed { key: "updated_at", cell: |her, _| time(her.updated_at) },
    Computed { key: "purchase_count", cell: |her, _| her.purchase_count.to_string() },
    Computed { key: "total_spent", cell: |her, decimals| money(her.total_spent, decimals) },
    Computed { key: "first_purchase_at", cell: |her, _| her.first_purchase_at.map(time).unwrap_or_default() },
    Computed { key: "last_purchase_at", cell: |her, _| her.last_purchase_at.map(time).unwrap_or_default() },
];

/// One column of the file.
#[derive(Clone)]
enum Out {
    Field(&'static Column),
    Custom(CustomField),
    Computed(&'static Computed),
}

impl Out {
    fn name(&self) -> String {
        match self {
            Out::Field(column) => column.key.into(),
            Out::Custom(field) => field.name(),
            Out::Computed(computed) => computed.key.into(),
        }
    }
}

/// The columns of one export.
#[derive(Clone)]
pub struct Columns(Vec<Out>);

impl Columns {
    /// Columns by field name; none named means all that can be imported. `fields` are the custom ones there are.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>, fields: &[CustomField]) -> Result<Columns, String> {
        let importable = || CUSTOMERS.iter().map(Out::Field).chain(fields.iter().cloned().map(Out::Custom));
        let all: Vec<Out> = importable().chain(COMPUTED.iter().map(Out::Computed)).collect();
        let mut columns = Vec::new();
        for name in names.into_iter().map(str::trim).filter(|name| !name.is_empty()) {
            let found = all.iter().find(|column| column.name() == name);
            columns.push(found.cloned().ok_or_else(|| {
                let known: Vec<String> = all.iter().map(Out::name).collect();
                format!("There is no column {name} to export; there are {}", known.join(", "))
            })?);
        }
        Ok(Columns(if columns.is_empty() { importable().collect() } else { columns }))
    }

    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(Out::name).collect()
    }

    fn has_custom(&self) -> bool {
        self.0.iter().any(|column| matches!(column, Out::Custom(_)))
    }
}

/// Keeps who took which customers along.
pub fn remember(who: &Whom, columns: &Columns, caller: &Caller, conn: &mut Conn) -> QueryResult<()> {
    let columns = columns.names();
    let details = match who {
        Whom::Matching(filter) => serde_json::json!({ "filter": filter.text(), "columns": columns }),
        Whom::Ticked(ids) => serde_json::json!({ "customers": ids, "columns": columns }),
    };
    audit(conn, caller, "customers.export", "customers", &details)
}

/// Writes whom it is about and says how many they were. To be called inside a snapshot.
pub fn write(who: &Whom, columns: &Columns, out: impl Write, conn: &mut Conn) -> Result<u64, Broken> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(columns.names())?;
    let workspace = Workspace::load(conn)?;
    let decimals = workspace.decimals();
    let now = match who {
        Whom::Matching(filter) => filter.clock().stamp(),
        Whom::Ticked(_) => workspace.clock().stamp(),
    };
    let (mut after, mut written) = (0, 0);
    loop {
        let piece: Vec<Customer> = customers::table
            .filter(who.predicate())
            .filter(customers::id.gt(after))
            .order(customers::id)
            .limit(PIECE)
            .select(Customer::as_select())
            .load(conn)?;
        let Some(last) = piece.last() else { break };
        after = last.id;
        written += piece.len() as u64;
        let ids: Vec<i64> = piece.iter().map(|customer| customer.id).collect();
        let (states, tags) = (states(&ids, conn)?, tags::of_customers(&ids, now, conn)?);
        let own = if columns.has_custom() { custom_fields::of_customers(&ids, conn)? } else { HashMap::new() };
        for customer in &piece {
            let states = states.get(&customer.id).copied().unwrap_or_default();
            let tags = tags.get(&customer.id).map(Vec::as_slice).unwrap_or_default();
            let own = own.get(&customer.id);
            let mut draft = Draft::from(customer);
            for column in &columns.0 {
                let cell = match column {
                    Out::Field(column) => cell(column, customer, &mut draft, states, tags),
                    Out::Custom(field) => own.and_then(|own| own.get(&field.id)).cloned().unwrap_or_default(),
                    Out::Computed(computed) => (computed.cell)(customer, decimals),
                };
                csv.write_field(guarded(&cell).as_ref())?;
            }
            csv.write_record(None::<&[u8]>)?;
        }
        if (piece.len() as i64) < PIECE {
            break;
        }
    }
    csv.flush()?;
    Ok(written)
}

/// Consent by channel, in the order of [`CHANNELS`]. Empty stands for unknown: read back, it leaves consent alone.
type States = [&'static str; 3];

fn states(ids: &[i64], conn: &mut Conn) -> QueryResult<HashMap<i64, States>> {
    let rows: Vec<(i64, String, String)> = consents::table
        .filter(consents::customer_id.eq_any(ids))
        .select((consents::customer_id, consents::channel, consents::state))
        .load(conn)?;
    let mut states: HashMap<i64, States> = HashMap::new();
    for (id, channel, state) in rows {
        let at = CHANNELS.iter().position(|known| known.key() == channel);
        let state = [Consent::OptedIn, Consent::OptedOut].into_iter().find(|known| known.key() == state);
        if let (Some(at), Some(state)) = (at, state) {
            states.entry(id).or_default()[at] = state.words();
        }
    }
    Ok(states)
}

fn cell(column: &Column, customer: &Customer, draft: &mut Draft, states: States, tags: &[Tagging]) -> String {
    match column.kind {
        Kind::Id => customer.id.to_string(),
        Kind::Text { slot, .. } => slot(draft).clone().unwrap_or_default(),
        Kind::Time { slot, .. } => slot(draft).map(time).unwrap_or_default(),
        Kind::Consent(channel) => {
            CHANNELS.iter().position(|known| *known == channel).map_or("", |at| states[at]).into()
        }
        Kind::Purchase { .. } => String::new(),
        Kind::Tags => tags.iter().map(|tagging| tagging.tag.name.as_str()).collect::<Vec<_>>().join(";"),
    }
}

/// RFC 3339, with fractions only where there are any.
fn time(at: NaiveDateTime) -> String {
    at.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Whole minor units as an amount, with all decimals that the currency has.
fn money(minor: i64, decimals: u32) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let unit = 10u64.pow(decimals);
    let (whole, part) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    match decimals {
        0 => format!("{sign}{whole}"),
        decimals => format!("{sign}{whole}.{part:0width$}", width = decimals as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custom_fields::Kind;

    #[test]
    fn columns_are_named_like_fields() {
        let names = |asked: &[&str], fields: &[CustomField]| {
            Columns::parse(asked.iter().copied(), fields).map(|columns| columns.names().join(" "))
        };
        let (key, label) = ("plan".to_string(), "Plan".to_string());
        let plan = [CustomField { id: 1, key, label, kind: Kind::Text, choices: Vec::new(), gone: false }];
        assert_eq!(names(&["email", " total_spent"], &[]), Ok("email total_spent".into()));
        assert_eq!(names(&["custom.plan", "email"], &plan), Ok("custom.plan email".into()));
        assert!(names(&["custom.plan"], &[]).is_err_and(|reason| reason.contains("no column custom.plan")));
        assert!(names(&[], &plan).is_ok_and(|all| all.ends_with(" tags custom.plan")));
    }

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        assert_eq!([money(0, 2), money(5, 2), money(12_050, 2), money(-150, 2)], ["0.00", "0.05", "120.50", "-1.50"]);
        assert_eq!([money(1200, 0), money(-1200, 3)], ["1200", "-1.200"]);
    }
}
