//! What a column of a CSV may become: its key, the header names people use for it, how a cell is cleaned and where it
//! goes. One table for each kind of file: [`CUSTOMERS`], which export reads too, and [`PURCHASES`].

mod customers;
mod purchases;

pub use customers::CUSTOMERS;
pub use purchases::PURCHASES;

use super::lines::Value;
use crate::customers::{Channel, Draft};
use crate::fold;
use crate::workspace::Workspace;
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// What a column may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Id,
    ExternalId,
    Name,
    Email,
    Phone,
    Country,
    City,
    Language,
    CreatedAt,
    LastSeenAt,
    EmailConsent,
    SmsConsent,
    WhatsappConsent,
    Tags,
    /// A field of the business's own, by its place in [`Plan::custom`](super::Plan::custom).
    Custom(usize),
    PurchaseId,
    Product,
    Amount,
    Currency,
    PurchasedAt,
}

type Text = fn(&mut Draft) -> &mut Option<String>;
type Time = fn(&mut Draft) -> &mut Option<NaiveDateTime>;

/// How a cell is read and where it is put.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Muster's own number: finds a customer, is never set.
    Id,
    Text {
        clean: fn(&str, &Workspace) -> Result<Option<String>, String>,
        slot: Text,
    },
    /// `needed`: cannot be cleared.
    Time {
        slot: Time,
        needed: bool,
    },
    Consent(Channel),
    Tags,
    /// Of a purchase, which is written once and never changed. `needed`: none without it.
    Purchase {
        read: fn(&str, &Workspace) -> Result<Option<Value>, String>,
        needed: bool,
    },
}

/// One row of a table.
pub struct Column {
    pub field: Field,
    /// The field's name in filters, plans and exports.
    pub key: &'static str,
    /// As the mapping page calls it.
    pub words: &'static str,
    /// Headers that are taken for it, as [`spoken`] gives them; the key is always among them.
    pub headers: &'static [&'static str],
    pub kind: Kind,
}

const fn text(clean: fn(&str, &Workspace) -> Result<Option<String>, String>, slot: Text) -> Kind {
    Kind::Text { clean, slot }
}

/// Line breaks inside a cell, as spreadsheets allow them, become spaces.
pub fn one_line(raw: &str) -> String {
    raw.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A header as people say it: folded, with spaces for `_`, `-` and `.`.
pub fn spoken(header: &str) -> String {
    let folded = fold::fold(super::cells::plain(header)).replace(['_', '-', '.', ':'], " ");
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::Subject;

    #[test]
    fn every_field_has_its_own_row_and_knows_its_own_key() {
        for subject in Subject::ALL {
            let columns = subject.columns();
            for (at, column) in columns.iter().enumerate() {
                assert_eq!(subject.field(column.key), Some(column.field));
                assert_eq!(subject.named(column.key), Some(column.field), "{}", column.key);
                for header in column.headers {
                    let first = columns.iter().position(|other| other.headers.contains(header));
                    assert_eq!(first, Some(at), "{header} stands in two rows");
                    assert_eq!(spoken(header), *header);
                }
            }
        }
        for column in CUSTOMERS {
            assert_eq!(serde_json::json!(column.field), serde_json::json!(column.key));
        }
    }

    #[test]
    fn headers_people_write_are_understood() {
        for (header, field) in [
            ("E-Mail", Some(Field::Email)),
            (" Phone_Number ", Some(Field::Phone)),
            ("email_opt_in", Some(Field::EmailConsent)),
            ("last_seen", Some(Field::LastSeenAt)),
            ("País", Some(Field::Country)),
            ("plan", None),
            ("", None),
        ] {
            assert_eq!(Subject::Customers.named(header), field, "{header}");
        }
        for (header, field) in [
            ("external_id", Some(Field::PurchaseId)),
            ("Customer External-ID", Some(Field::ExternalId)),
            ("customer_id", Some(Field::Id)),
            ("Order date", Some(Field::PurchasedAt)),
        ] {
            assert_eq!(Subject::Purchases.named(header), field, "{header}");
        }
    }
}
