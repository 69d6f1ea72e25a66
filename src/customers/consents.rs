//! What a customer agreed to, per channel. Not having said anything is *unknown*, and has no row.

use super::By;
use super::history;
use crate::db::Conn;
use crate::db::schema::consents;
use crate::each;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

/// A way to reach somebody that she agrees to or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    Email,
    Sms,
    Whatsapp,
}

impl Channel {
    pub const ALL: [Channel; 3] = [Channel::Email, Channel::Sms, Channel::Whatsapp];

    /// As it is stored and spelled in filters, the API and CSV.
    pub fn key(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
            Channel::Whatsapp => "whatsapp",
        }
    }

    /// As the field is spelled that says what she agreed to.
    pub fn field(self) -> &'static str {
        match self {
            Channel::Email => "email_consent",
            Channel::Sms => "sms_consent",
            Channel::Whatsapp => "whatsapp_consent",
        }
    }

    pub fn parse(key: &str) -> Option<Channel> {
        Channel::ALL.into_iter().find(|channel| channel.key() == key)
    }

    /// As people write it.
    /// In the middle of a sentence.
    pub fn spoken(self) -> &'static str {
        match self {
            Channel::Email => "email",
            other => other.words(),
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Channel::Email => "Email",
            Channel::Sms => "SMS",
            Channel::Whatsapp => "WhatsApp",
        }
    }
}

/// What she said about a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Consent {
    OptedIn,
    OptedOut,
    #[default]
    Unknown,
}

impl Consent {
    pub const ALL: [Consent; 3] = [Consent::OptedIn, Consent::OptedOut, Consent::Unknown];

    pub fn key(self) -> &'static str {
        match self {
            Consent::OptedIn => "opted_in",
            Consent::OptedOut => "opted_out",
            Consent::Unknown => "unknown",
        }
    }

    pub fn parse(key: &str) -> Option<Consent> {
        Consent::ALL.into_iter().find(|consent| consent.key() == key)
    }

    pub fn words(self) -> &'static str {
        match self {
            Consent::OptedIn => "opted in",
            Consent::OptedOut => "opted out",
            Consent::Unknown => "unknown",
        }
    }

    /// The class of the dot beside it.
    pub fn pill(self) -> &'static str {
        match self {
            Consent::OptedIn => "pill-ok",
            Consent::OptedOut => "pill-bad",
            Consent::Unknown => "pill-none",
        }
    }
}

/// Something she said: when, and from where we know.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub channel: Channel,
    pub consent: Consent,
    pub at: NaiveDateTime,
    pub source: String,
}

/// All a customer said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consents(Vec<Said>);

impl Consents {
    pub fn of(customer_id: i64, conn: &mut Conn) -> QueryResult<Consents> {
        Ok(Consents::of_customers(&[customer_id], conn)?.remove(&customer_id).unwrap_or_default())
    }

    /// Of a page of customers, in one query. Who said nothing is not in the map.
    pub fn of_customers(ids: &[i64], conn: &mut Conn) -> QueryResult<HashMap<i64, Consents>> {
        let rows: Vec<(i64, String, String, NaiveDateTime, String)> = consents::table
            .filter(consents::customer_id.eq_any(ids.to_vec()))
            .select((consents::customer_id, consents::channel, consents::state, consents::changed_at, consents::source))
            .load(conn)?;
        let mut all: HashMap<i64, Consents> = HashMap::new();
        for (id, channel, state, at, source) in rows {
            let (Some(channel), Some(consent)) = (Channel::parse(&channel), Consent::parse(&state)) else { continue };
            all.entry(id).or_default().0.push(Said { channel, consent, at, source });
        }
        Ok(all)
    }

    pub fn get(&self, channel: Channel) -> Consent {
        self.said(channel).map(|said| said.consent).unwrap_or_default()
    }

    pub fn said(&self, channel: Channel) -> Option<&Said> {
        self.0.iter().find(|said| said.channel == channel)
    }
}

/// Writes down what she said. False when that was known already.
pub fn set_consent(
    customer_id: i64,
    channel: Channel,
    consent: Consent,
    by: &By,
    conn: &mut Conn,
) -> QueryResult<bool> {
    let row = consents::table.find((customer_id, channel.key()));
    let known: Option<String> = row.select(consents::state).first(conn).optional()?;
    let known = known.as_deref().unwrap_or(Consent::Unknown.key());
    if known == consent.key() {
        return Ok(false);
    }
    history::note(customer_id, (channel.field(), Some(known), Some(consent.key())), by, conn)?;
    if consent == Consent::Unknown {
        diesel::delete(row).execute(conn)?;
    } else {
        let source = by.source.told();
        let said = (consents::state.eq(consent.key()), consents::changed_at.eq(by.at), consents::source.eq(&source));
        let whole = (consents::customer_id.eq(customer_id), consents::channel.eq(channel.key()), said);
        each!(conn, c => diesel::insert_into(consents::table)
            .values(whole)
            .on_conflict((consents::customer_id, consents::channel))
            .do_update()
            .set(said)
            .execute(c))?;
    }
    super::touch(customer_id, by.at, conn)?;
    Ok(true)
}
