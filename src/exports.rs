//! Exports: what a filter selects, as CSV that a spreadsheet opens safely and that imports back without a change.
//!
//! Columns are those of [`imports::columns`](crate::imports::columns), and computed ones that import ignores. Rows are
//! read in pieces by id inside one snapshot, so memory does not grow and the file shows one moment.

pub mod command;
pub mod pages;

use crate::agents::{Caller, audit};
use crate::customers::{Consent, Customer, Draft};
use crate::db::Conn;
use crate::db::schema::{consents, customers};
use crate::filters::Filter;
use crate::imports::cells::guarded;
use crate::imports::columns::{COLUMNS, Column, Kind};
use crate::imports::people::CHANNELS;
use crate::tags::{self, Tag};
use crate::web::stream::Broken;
use chrono::{NaiveDateTime, SecondsFormat};
use diesel::prelude::*;
use std::collections::HashMap;
use std::io::Write;

/// Customers read at a time.
const PIECE: i64 = 1_000;

/// A value that Muster works out by itself.
struct Computed {
    key: &'static str,
    cell: fn(&Customer) -> String,
}

static COMPUTED: &[Computed] = &[
    Computed { key: "updated_at", cell: |her| time(her.updated_at) },
    Computed { key: "purchase_count", cell: |her| her.purchase_count.to_string() },
    Computed { key: "total_spent", cell: |her| money(her.total_spent) },
    Computed { key: "first_purchase_at", cell: |her| her.first_purchase_at.map(time).unwrap_or_default() },
    Computed { key: "last_purchase_at", cell: |her| her.last_purchase_at.map(time).unwrap_or_default() },
];

/// One column of the file.
#[derive(Clone, Copy)]
enum Out {
    Field(&'static Column),
    Computed(&'static Computed),
}

/// The columns of one export.
#[derive(Clone)]
pub struct Columns(Vec<Out>);

impl Default for Columns {
    /// Everything that can be imported.
    fn default() -> Self {
        Columns(COLUMNS.iter().map(Out::Field).collect())
    }
}

impl Columns {
    /// Columns by field name; none named means all that can be imported.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Columns, String> {
        let mut columns = Vec::new();
        for name in names.into_iter().map(str::trim).filter(|name| !name.is_empty()) {
            let field = COLUMNS.iter().find(|column| column.key == name).map(Out::Field);
            let computed = || COMPUTED.iter().find(|computed| computed.key == name).map(Out::Computed);
            columns.push(field.or_else(computed).ok_or_else(|| {
                let known: Vec<&str> = COLUMNS.iter().map(|c| c.key).chain(COMPUTED.iter().map(|c| c.key)).collect();
                format!("There is no column {name} to export; there are {}", known.join(", "))
            })?);
        }
        Ok(if columns.is_empty() { Columns::default() } else { Columns(columns) })
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.0
            .iter()
            .map(|column| match column {
                Out::Field(column) => column.key,
                Out::Computed(computed) => computed.key,
            })
            .collect()
    }
}

/// Keeps who took which customers along.
pub fn remember(filter: &Filter, columns: &Columns, caller: &Caller, conn: &mut Conn) -> QueryResult<()> {
    let details = serde_json::json!({ "filter": filter.text(), "columns": columns.names() });
    audit(conn, caller, "customers.export", "customers", &details)
}

/// Writes whom the filter selects and says how many they were. To be called inside a snapshot.
pub fn write(filter: &Filter, columns: &Columns, out: impl Write, conn: &mut Conn) -> Result<u64, Broken> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(columns.names())?;
    let (mut after, mut written) = (0, 0);
    loop {
        let piece: Vec<Customer> = customers::table
            .filter(filter.predicate())
            .filter(customers::id.gt(after))
            .order(customers::id)
            .limit(PIECE)
            .select(Customer::as_select())
            .load(conn)?;
        let Some(last) = piece.last() else { break };
        after = last.id;
        written += piece.len() as u64;
        let ids: Vec<i64> = piece.iter().map(|customer| customer.id).collect();
        let (states, tags) = (states(&ids, conn)?, tags::of_customers(&ids, conn)?);
        for customer in &piece {
            let states = states.get(&customer.id).copied().unwrap_or_default();
            let tags = tags.get(&customer.id).map(Vec::as_slice).unwrap_or_default();
            let mut draft = Draft::from(customer);
            for column in &columns.0 {
                let cell = match column {
                    Out::Field(column) => cell(column, customer, &mut draft, states, tags),
                    Out::Computed(computed) => (computed.cell)(customer),
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

fn cell(column: &Column, customer: &Customer, draft: &mut Draft, states: States, tags: &[Tag]) -> String {
    match column.kind {
        Kind::Id => customer.id.to_string(),
        Kind::Text { slot, .. } => slot(draft).clone().unwrap_or_default(),
        Kind::Time { slot, .. } => slot(draft).map(time).unwrap_or_default(),
        Kind::Consent(channel) => {
            CHANNELS.iter().position(|known| *known == channel).map_or("", |at| states[at]).into()
        }
        Kind::Tags => tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>().join(";"),
    }
}

/// RFC 3339, with fractions only where there are any.
fn time(at: NaiveDateTime) -> String {
    at.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Whole minor units as an amount with two decimals.
fn money(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", minor.unsigned_abs() / 100, minor.unsigned_abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_like_fields() {
        assert_eq!(Columns::parse(["email", " total_spent"]).map(|c| c.names()), Ok(vec!["email", "total_spent"]));
        assert!(Columns::parse(["colour"]).is_err_and(|reason| reason.contains("no column colour")));
        assert_eq!(Columns::parse([]).map(|c| c.names().len()), Ok(COLUMNS.len()));
    }

    #[test]
    fn amounts_have_two_decimals() {
        assert_eq!([money(0), money(5), money(12_050), money(-150)], ["0.00", "0.05", "120.50", "-1.50"]);
    }
}
