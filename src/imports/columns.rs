//! The one table of columns a customers CSV may have: its key, the header names people use for it, how a cell is
//! cleaned and where it goes. Import and export both read it, so what one writes the other understands.

use crate::customers::{Channel, Draft, clean};
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
}

/// One row of the table.
pub struct Column {
    pub field: Field,
    /// The field's name in filters, plans and exports.
    pub key: &'static str,
    /// As the mapping page calls it.
    pub words: &'static str,
    /// Headers that are taken for it, folded, with spaces for `_`, `-` and `.`; the key is always among them.
    pub headers: &'static [&'static str],
    pub kind: Kind,
}

const fn text(clean: fn(&str, &Workspace) -> Result<Option<String>, String>, slot: Text) -> Kind {
    Kind::Text { clean, slot }
}

pub static COLUMNS: &[Column] = &[
    Column { field: Field::Id, key: "id", words: "Muster's own id", headers: &["id", "muster id"], kind: Kind::Id },
    Column {
        field: Field::ExternalId,
        key: "external_id",
        words: "External id",
        headers: &[
            "external id",
            "external customer id",
            "customer id",
            "customer number",
            "customer no",
            "client id",
            "user id",
            "member id",
            "member number",
            "crm id",
            "reference",
            "kundennummer",
        ],
        kind: text(|raw, _| clean::external_id(raw), |draft| &mut draft.external_id),
    },
    Column {
        field: Field::Name,
        key: "name",
        words: "Name",
        headers: &["name", "full name", "customer name", "contact name", "display name", "customer", "nome"],
        kind: text(|raw, _| clean::text(&one_line(raw), clean::NAME), |draft| &mut draft.name),
    },
    Column {
        field: Field::Email,
        key: "email",
        words: "Email",
        headers: &["email", "e mail", "mail", "email address", "e mail address", "mail address"],
        kind: text(|raw, _| clean::email(raw), |draft| &mut draft.email),
    },
    Column {
        field: Field::Phone,
        key: "phone",
        words: "Phone",
        headers: &[
            "phone",
            "phone number",
            "telephone",
            "telephone number",
            "tel",
            "mobile",
            "mobile number",
            "mobile phone",
            "cell",
            "cell phone",
            "whatsapp number",
            "telefon",
            "telefone",
        ],
        kind: text(|raw, here| clean::phone(raw, here.default_country.as_deref()), |draft| &mut draft.phone),
    },
    Column {
        field: Field::Country,
        key: "country",
        words: "Country",
        headers: &["country", "country code", "country name", "land", "pais"],
        kind: text(|raw, _| clean::country(raw), |draft| &mut draft.country),
    },
    Column {
        field: Field::City,
        key: "city",
        words: "City",
        headers: &["city", "town", "city name", "stadt", "ort", "cidade", "ville"],
        kind: text(|raw, _| clean::text(&one_line(raw), clean::CITY), |draft| &mut draft.city),
    },
    Column {
        field: Field::Language,
        key: "language",
        words: "Language",
        headers: &["language", "lang", "locale", "language code", "preferred language", "sprache"],
        kind: text(|raw, _| clean::language(raw), |draft| &mut draft.language),
    },
    Column {
        field: Field::CreatedAt,
        key: "created_at",
        words: "Customer since",
        headers: &[
            "created at",
            "created",
            "created on",
            "creation date",
            "date created",
            "customer since",
            "member since",
            "signup date",
            "signed up at",
            "registered at",
            "registered",
        ],
        kind: Kind::Time { slot: |draft| &mut draft.created_at, needed: true },
    },
    Column {
        field: Field::LastSeenAt,
        key: "last_seen_at",
        words: "Last seen",
        headers: &["last seen at", "last seen", "last activity", "last active", "last active at", "last visit"],
        kind: Kind::Time { slot: |draft| &mut draft.last_seen_at, needed: false },
    },
    Column {
        field: Field::EmailConsent,
        key: "email_consent",
        words: "Email consent",
        headers: &["email consent", "email opt in", "email optin", "email marketing", "accepts email marketing"],
        kind: Kind::Consent(Channel::Email),
    },
    Column {
        field: Field::SmsConsent,
        key: "sms_consent",
        words: "SMS consent",
        headers: &["sms consent", "sms opt in", "sms optin", "sms marketing", "accepts sms marketing"],
        kind: Kind::Consent(Channel::Sms),
    },
    Column {
        field: Field::WhatsappConsent,
        key: "whatsapp_consent",
        words: "WhatsApp consent",
        headers: &["whatsapp consent", "whatsapp opt in", "whatsapp optin", "whatsapp marketing"],
        kind: Kind::Consent(Channel::Whatsapp),
    },
    Column {
        field: Field::Tags,
        key: "tags",
        words: "Tags",
        headers: &["tags", "tag", "labels", "label", "tag names", "schlagworte", "etiquetas"],
        kind: Kind::Tags,
    },
];

/// Line breaks inside a cell, as spreadsheets allow them, become spaces.
fn one_line(raw: &str) -> String {
    raw.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Field {
    /// The field's row of the table. The table has every field: a test looks.
    pub fn column(self) -> &'static Column {
        COLUMNS.iter().find(|column| column.field == self).unwrap_or(&COLUMNS[0])
    }
    pub fn key(self) -> &'static str {
        self.column().key
    }
    pub fn words(self) -> &'static str {
        self.column().words
    }
    /// A field by the key it has in plans and `--map`.
    pub fn parse(key: &str) -> Option<Field> {
        COLUMNS.iter().find(|column| column.key == key).map(|column| column.field)
    }
}

/// The field a header most likely means.
pub fn named(header: &str) -> Option<Field> {
    let folded = fold::fold(super::cells::plain(header)).replace(['_', '-', '.', ':'], " ");
    let header = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    COLUMNS.iter().find(|column| column.headers.contains(&header.as_str())).map(|column| column.field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_own_row_and_knows_its_own_key() {
        for (at, column) in COLUMNS.iter().enumerate() {
            assert_eq!(column.field.column().key, column.key);
            assert_eq!(named(column.key), Some(column.field), "{}", column.key);
            assert_eq!(serde_json::json!(column.field), serde_json::json!(column.key));
            for header in column.headers {
                let first = COLUMNS.iter().position(|other| other.headers.contains(header));
                assert_eq!(first, Some(at), "{header} stands in two rows");
            }
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
            assert_eq!(named(header), field, "{header}");
        }
    }
}
