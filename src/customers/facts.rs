//! The single things known about a customer: how each is called, read by people, typed, and changed on its own.
//!
//! The built-in ones are the rows of [`OWN`]; custom fields and what she agreed to come beside them.

use super::{By, Channel, Consent, Consents, Customer, Draft, Problem, clean, custom, set_consent};
use crate::custom_fields::{self, CustomField, Value};
use crate::db::Conn;
use crate::workspace::{Clock, Workspace, unspell};
use diesel::QueryResult;

/// A built-in field that is text.
pub struct Own {
    /// As files and the API name it.
    pub key: &'static str,
    pub label: &'static str,
    /// The kind of its input.
    pub input: &'static str,
    pub help: &'static str,
    of: fn(&Draft) -> &Option<String>,
    slot: fn(&mut Draft) -> &mut Option<String>,
    clean: fn(&str, &Workspace) -> Result<Option<String>, String>,
    spoken: fn(&str) -> String,
}

macro_rules! own {
    ($column:ident, $label:literal, $input:literal, $help:literal, $clean:expr, $spoken:expr) => {
        Own {
            key: stringify!($column),
            label: $label,
            input: $input,
            help: $help,
            of: |draft| &draft.$column,
            slot: |draft| &mut draft.$column,
            clean: $clean,
            spoken: $spoken,
        }
    };
}

/// In the order a profile tells them.
#[rustfmt::skip]
pub static OWN: [Own; 7] = [
    own!(name, "Name", "text", "", |raw, _| clean::text(raw, clean::NAME), str::to_string),
    own!(email, "Email", "email", "", |raw, _| clean::email(raw), str::to_string),
    own!(phone, "Phone", "tel", "With + and the country code", |raw, here| clean::phone(raw, here.default_country.as_deref()), str::to_string),
    own!(city, "City", "text", "", |raw, _| clean::text(raw, clean::CITY), str::to_string),
    own!(country, "Country", "text", "Name or code, for example Sweden or SE", |raw, _| clean::country(raw), clean::country_name),
    own!(language, "Language", "text", "Name or code, for example Swedish or sv", |raw, _| clean::language(raw), clean::language_name),
    own!(external_id, "External id", "text", "Her number in your shop or books", |raw, _| clean::external_id(raw), str::to_string),
];

/// How the day is called on which somebody became a customer.
pub const SINCE: &str = "Customer since";
/// Why the last thing to know somebody by stays.
pub const NAMELESS: &str = "Give a name, an email address, a phone number or an external id.";

impl Own {
    pub fn find(key: &str) -> Option<&'static Own> {
        OWN.iter().find(|own| own.key == key)
    }

    pub fn of<'a>(&self, draft: &'a Draft) -> Option<&'a str> {
        (self.of)(draft).as_deref()
    }
}

/// Something that can be changed on its own.
pub enum Fact {
    Own(&'static Own),
    Custom(CustomField),
    Consent(Channel),
}

/// A clean value for a fact.
pub enum Meant {
    Own(Option<String>),
    Custom(Option<Value>),
    Consent(Consent),
}

impl Meant {
    pub fn stored(&self) -> Option<&str> {
        match self {
            Meant::Own(text) => text.as_deref(),
            Meant::Custom(value) => value.as_ref().map(|value| value.text.as_str()),
            Meant::Consent(consent) => Some(consent.key()),
        }
    }
}

impl Fact {
    pub fn find(key: &str, fields: &[CustomField]) -> Option<Fact> {
        let channel = || Channel::ALL.into_iter().find(|channel| channel.field() == key).map(Fact::Consent);
        let custom = || fields.iter().find(|field| field.name() == key).cloned().map(Fact::Custom);
        Own::find(key).map(Fact::Own).or_else(channel).or_else(custom)
    }

    /// As files and the API name it.
    pub fn key(&self) -> String {
        match self {
            Fact::Own(own) => own.key.into(),
            Fact::Custom(field) => field.name(),
            Fact::Consent(channel) => channel.field().into(),
        }
    }

    pub fn label(&self) -> String {
        match self {
            Fact::Own(own) => own.label.into(),
            Fact::Custom(field) => field.label.clone(),
            Fact::Consent(channel) => format!("{} consent", channel.words()),
        }
    }

    /// As people read a value.
    pub fn spoken(&self, stored: &str) -> String {
        match self {
            Fact::Own(own) => (own.spoken)(stored),
            Fact::Custom(field) => field.spoken(stored),
            Fact::Consent(_) => Consent::parse(stored).unwrap_or_default().words().into(),
        }
    }

    /// As somebody would type a value: in words, where they mean the very same.
    pub fn typed(&self, stored: &str, here: &Workspace) -> String {
        let Fact::Own(own) = self else { return stored.to_string() };
        let spoken = (own.spoken)(stored);
        match (own.clean)(&spoken, here) {
            Ok(Some(meant)) if meant == stored => spoken,
            _ => stored.to_string(),
        }
    }

    /// What is stored about her now.
    pub fn stored(&self, customer: &Customer, conn: &mut Conn) -> QueryResult<Option<String>> {
        Ok(match self {
            Fact::Own(own) => own.of(&Draft::from(customer)).map(str::to_string),
            Fact::Custom(field) => {
                let mut values = custom_fields::of_customers(&[customer.id], conn)?;
                values.remove(&customer.id).and_then(|mut values| values.remove(&field.id))
            }
            Fact::Consent(channel) => Some(Consents::of(customer.id, conn)?.get(*channel).key().into()),
        })
    }

    /// What was typed, as it would be stored; or why it cannot be.
    pub fn clean(&self, raw: &str, customer: &Customer, here: &Workspace) -> Result<Meant, String> {
        Ok(match self {
            Fact::Own(own) => {
                let value = (own.clean)(raw, here)?;
                let mut draft = Draft::from(customer);
                *(own.slot)(&mut draft) = value.clone();
                if !draft.has_a_key() {
                    return Err(NAMELESS.into());
                }
                Meant::Own(value)
            }
            Fact::Custom(field) => Meant::Custom(field.clean(raw)?),
            Fact::Consent(_) => Meant::Consent(clean::consent(raw)?.unwrap_or_default()),
        })
    }

    pub fn write(&self, meant: &Meant, customer: &Customer, by: &By, conn: &mut Conn) -> Result<(), Problem> {
        match (self, meant) {
            (Fact::Own(own), Meant::Own(value)) => {
                let mut draft = Draft::from(customer);
                *(own.slot)(&mut draft) = value.clone();
                customer.update(&draft, by, conn)?;
            }
            (Fact::Custom(field), Meant::Custom(value)) => {
                custom_fields::write(customer.id, &[(field.clone(), value.clone())], by, conn)?;
            }
            (Fact::Consent(channel), Meant::Consent(consent)) => {
                set_consent(customer.id, *channel, *consent, by, conn)?;
            }
            // What is meant was made by the fact itself.
            _ => {}
        }
        Ok(())
    }

    /// What a list offers; `None` for what is typed.
    pub fn options<'a>(&'a self, value: &'a str) -> Option<Vec<custom::Choice<'a>>> {
        match self {
            Fact::Own(_) => None,
            Fact::Custom(field) => custom::options(field, value),
            Fact::Consent(_) => {
                Some(Consent::ALL.into_iter().map(|one| (one.key(), one.words(), one.key() == value)).collect())
            }
        }
    }

    /// The kind of its input. What is wrong comes back as text.
    pub fn input(&self, wrong: bool) -> &'static str {
        match self {
            Fact::Own(own) => own.input,
            Fact::Custom(field) => custom::kind(field, wrong),
            Fact::Consent(_) => "text",
        }
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Fact::Custom(field) if field.kind == custom_fields::Kind::Number)
    }

    pub fn help(&self) -> &'static str {
        match self {
            Fact::Own(own) => own.help,
            Fact::Custom(_) | Fact::Consent(_) => "",
        }
    }
}

/// Somebody who has a key already, to link to.
pub struct Owner {
    pub field: &'static str,
    pub id: i64,
    pub called: String,
}

impl Owner {
    pub fn find(field: &'static str, id: i64, conn: &mut Conn) -> QueryResult<Owner> {
        let called = Customer::find(id, conn)?.map_or_else(|| format!("Customer {id}"), |other| other.called());
        Ok(Owner { field, id, called })
    }

    /// What stands before the link.
    pub fn words(&self) -> String {
        let what = match self.field {
            "email" => "email address",
            "phone" => "phone number",
            _ => "external id",
        };
        format!("Another customer has this {what}:")
    }
}

/// What histories say about fields, in words: also of those that are gone.
pub struct Words<'a> {
    fields: Vec<CustomField>,
    clock: &'a Clock,
}

impl<'a> Words<'a> {
    pub fn load(clock: &'a Clock, conn: &mut Conn) -> QueryResult<Words<'a>> {
        Ok(Words { fields: CustomField::known(conn)?, clock })
    }

    /// In the middle of a sentence.
    pub fn label(&self, key: &str) -> String {
        match (Fact::find(key, &self.fields), key) {
            (Some(Fact::Own(own)), _) => own.label.to_lowercase(),
            (Some(fact), _) => fact.label(),
            (None, "created_at") => SINCE.to_lowercase(),
            (None, other) => other.trim_start_matches("custom.").replace('_', " "),
        }
    }

    pub fn spoken(&self, key: &str, stored: &str) -> String {
        match Fact::find(key, &self.fields) {
            Some(fact) => fact.spoken(stored),
            None => unspell(stored).map_or_else(|| stored.to_string(), |at| self.clock.show_day(at)),
        }
    }
}
