//! What is set once for the whole business: time zone, currency, language, default country; and the one clock.
//! [`pages`] is where an admin changes it.

pub mod pages;

use crate::db::{Conn, dialect, schema::settings};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use diesel::prelude::*;
use std::collections::HashMap;

/// The settings, with SPEC 2.3's defaults: UTC, EUR, English, no default country.
#[derive(Clone, Debug, PartialEq)]
pub struct Workspace {
    pub name: String,
    pub zone: Tz,
    /// ISO 4217.
    pub currency: String,
    pub language: String,
    /// ISO 3166 alpha-2; how a phone number without `+` is read.
    pub default_country: Option<String>,
}

impl Default for Workspace {
    fn default() -> Self {
        Workspace {
            name: "Muster".into(),
            zone: Tz::UTC,
            currency: "EUR".into(),
            language: "en".into(),
            default_country: None,
        }
    }
}

impl Workspace {
    pub fn load(conn: &mut Conn) -> QueryResult<Workspace> {
        let rows: HashMap<String, String> = settings::table
            .select((settings::key, settings::value))
            .load::<(String, String)>(conn)?
            .into_iter()
            .collect();
        let fallback = Workspace::default();
        let text = |key: &str| rows.get(key).cloned();
        Ok(Workspace {
            name: text("name").unwrap_or(fallback.name),
            zone: text("time_zone").and_then(|zone| zone.parse().ok()).unwrap_or(fallback.zone),
            currency: text("currency").unwrap_or(fallback.currency),
            language: text("language").unwrap_or(fallback.language),
            default_country: text("default_country"),
        })
    }

    /// Writes every setting of the business; what else is kept among the settings stays as it is.
    pub fn save(&self, conn: &mut Conn) -> QueryResult<()> {
        let rows = [
            ("name", Some(self.name.as_str())),
            ("time_zone", Some(self.zone.name())),
            ("currency", Some(self.currency.as_str())),
            ("language", Some(self.language.as_str())),
            ("default_country", self.default_country.as_deref()),
        ];
        for (key, value) in rows {
            diesel::delete(settings::table.find(key)).execute(conn)?;
            if let Some(value) = value {
                diesel::insert_into(settings::table)
                    .values((settings::key.eq(key), settings::value.eq(value)))
                    .execute(conn)?;
            }
        }
        Ok(())
    }

    /// How many decimals amounts in the workspace's currency have (ISO 4217).
    pub fn decimals(&self) -> u32 {
        match self.currency.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
            | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        }
    }

    /// One clock per evaluation: read it once and hand it down.
    pub fn clock(&self) -> Clock {
        Clock { now: Utc::now(), zone: self.zone }
    }
}

/// A secret of 32 bytes that is kept among the settings, if it was made.
pub fn secret(name: &str, conn: &mut Conn) -> QueryResult<Option<[u8; 32]>> {
    let kept: Option<String> = settings::table.find(name).select(settings::value).first(conn).optional()?;
    Ok(kept.and_then(|kept| BASE64_STANDARD.decode(kept).ok()).and_then(|bytes| bytes.try_into().ok()))
}

/// Makes it, unless it is there.
pub fn make_secret(name: &str, conn: &mut Conn) -> QueryResult<()> {
    dialect::one_at_a_time(conn, dialect::Queue::Settings)?;
    if secret(name, conn)?.is_some() {
        return Ok(());
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| diesel::result::Error::SerializationError(error.to_string().into()))?;
    diesel::delete(settings::table.find(name)).execute(conn)?;
    let row = (settings::key.eq(name), settings::value.eq(BASE64_STANDARD.encode(bytes)));
    diesel::insert_into(settings::table).values(row).execute(conn).map(drop)
}

/// A time zone as people type it.
pub fn zone(raw: &str) -> Result<Tz, String> {
    let zone = raw.trim().replace(' ', "_");
    let found = chrono_tz::TZ_VARIANTS.iter().find(|known| known.name().eq_ignore_ascii_case(&zone));
    found.copied().ok_or_else(|| "There is no such time zone. One looks like Europe/Stockholm".into())
}

/// What is offered while a time zone is typed.
pub fn zones() -> impl Iterator<Item = &'static str> {
    chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
}

/// A currency as people type it.
pub fn currency(raw: &str) -> Result<String, String> {
    let code = raw.trim().to_uppercase();
    match code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        true => Ok(code),
        false => Err("A currency has three letters, like EUR".into()),
    }
}

/// What is offered while a currency is typed.
pub const CURRENCIES: [&str; 15] =
    ["EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "BRL", "MXN", "INR", "JPY", "CNY", "AUD", "CAD"];

/// `now` and the zone that calendar words are read in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    pub now: DateTime<Utc>,
    pub zone: Tz,
}

impl Clock {
    /// `now` as the databases store it: UTC, whole microseconds.
    pub fn stamp(&self) -> NaiveDateTime {
        stamp(self.now)
    }

    /// A stored time in the workspace zone, for people: `14 May 2026, 16:02`.
    pub fn show(&self, at: NaiveDateTime) -> String {
        at.and_utc().with_timezone(&self.zone).format("%-d %b %Y, %H:%M").to_string()
    }

    /// The day of a stored time: `14 May 2026`.
    pub fn show_day(&self, at: NaiveDateTime) -> String {
        at.and_utc().with_timezone(&self.zone).format("%-d %b %Y").to_string()
    }

    /// How long ago, in words: `4 min ago`, `yesterday`, `3 Sep`, `14 May 2025`.
    pub fn ago(&self, at: NaiveDateTime) -> String {
        let then = at.and_utc().with_timezone(&self.zone);
        let now = self.now.with_timezone(&self.zone);
        let minutes = (now - then).num_minutes();
        let days = now.date_naive().signed_duration_since(then.date_naive()).num_days();
        match (minutes, days) {
            (..0, _) => then.format("%-d %b %Y").to_string(),
            (0, _) => "just now".into(),
            (1..60, _) => format!("{minutes} min ago"),
            (_, 0) => format!("{} h ago", minutes / 60),
            (_, 1) => "yesterday".into(),
            _ if then.format("%Y").to_string() == now.format("%Y").to_string() => then.format("%-d %b").to_string(),
            _ => then.format("%-d %b %Y").to_string(),
        }
    }
}

/// UTC in whole microseconds: what both databases keep exactly.
pub fn stamp(at: DateTime<Utc>) -> NaiveDateTime {
    let micros = at.timestamp_micros();
    DateTime::from_timestamp_micros(micros).unwrap_or(at).naive_utc()
}

/// A stored time in words, to be kept beside others: RFC 3339 in whole microseconds.
pub fn spell(at: NaiveDateTime) -> String {
    at.and_utc().to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The time that was kept so.
pub fn unspell(words: &str) -> Option<NaiveDateTime> {
    DateTime::parse_from_rfc3339(words).ok().map(|at| at.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_and_currencies_are_taken_as_people_type_them() {
        assert_eq!(zone(" europe/stockholm "), Ok(Tz::Europe__Stockholm));
        assert_eq!(zone("America/Sao Paulo"), Ok(Tz::America__Sao_Paulo));
        assert!(zone("Stockholm").is_err() && zone("").is_err());
        assert_eq!(currency(" sek ").as_deref(), Ok("SEK"));
        assert!(currency("€").is_err() && currency("EURO").is_err() && currency("").is_err());
    }
}
