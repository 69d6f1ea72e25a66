//! Words by which somebody opts out of a channel: STOP, UNSUBSCRIBE, and those the business adds in its language.

use super::{Conversation, Kind, Medium, Said, say};
use crate::campaigns::{self, optout};
use crate::customers::history::{By, Source};
use crate::customers::{Consent, set_consent};
use crate::db::Conn;
use crate::db::dialect::{self, Queue};
use crate::db::schema::settings;
use crate::fold::fold;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// What carriers ask everybody to understand.
const ALWAYS: [&str; 2] = ["STOP", "UNSUBSCRIBE"];
/// Where the business keeps its own.
const SETTING: &str = "stop_words";
/// A longer message is no word by which somebody leaves.
const LONGEST: usize = 60;

/// The words a business has added, as it wrote them.
pub fn own(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let kept: Option<String> = settings::table.find(SETTING).select(settings::value).first(conn).optional()?;
    Ok(kept.map(|kept| words(&kept)).unwrap_or_default())
}

/// Those of a line, by commas.
pub fn words(line: &str) -> Vec<String> {
    line.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_string).collect()
}

/// Why these cannot be such words, in a sentence.
pub fn check(words: &[String]) -> Result<(), String> {
    match words.iter().find(|word| bare(word).is_empty() || word.chars().count() > LONGEST) {
        Some(word) => Err(format!("“{word}” cannot be such a word: it has letters, and at most {LONGEST} of them.")),
        None => Ok(()),
    }
}

pub fn save(words: &[String], conn: &mut Conn) -> QueryResult<()> {
    diesel::delete(settings::table.find(SETTING)).execute(conn)?;
    let row = (settings::key.eq(SETTING), settings::value.eq(words.join(", ")));
    diesel::insert_into(settings::table).values(row).execute(conn).map(drop)
}

/// Whether a message is such a word and nothing else. Case, accents and what stands around it do not matter.
fn means_stop(text: &str, own: &[String]) -> bool {
    let said = bare(text);
    !said.is_empty() && ALWAYS.into_iter().chain(own.iter().map(String::as_str)).any(|word| bare(word) == said)
}

fn bare(text: &str) -> String {
    if text.len() > LONGEST * 8 {
        return String::new();
    }
    fold(text).trim_matches(|c: char| !c.is_alphanumeric()).to_string()
}

/// Whether this message opts its sender out. Then whoever is about to send waits for the end of this transaction: to be
/// asked before any row of hers is touched, as they do.
pub(super) fn is_meant(medium: Medium, text: &str, conn: &mut Conn) -> QueryResult<bool> {
    let means = medium.consent().is_some() && means_stop(text, &own(conn)?);
    if means {
        dialect::one_at_a_time(conn, Queue::Leaving)?;
    }
    Ok(means)
}

/// Opts her out of the channel of her conversation, and writes it down where everybody sees it. `address` is what she
/// wrote from.
pub(super) fn heed(conversation: &Conversation, address: &str, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    let Some(channel) = conversation.medium.consent() else { return Ok(()) };
    let key = campaigns::make_key(conn)?;
    optout::suppress(&key, channel, address, optout::Reason::Unsubscribed, None, at, conn)?;
    let by = By::herself(Source::Conversation(conversation.id), at);
    set_consent(conversation.customer_id, channel, Consent::OptedOut, &by, conn)?;
    let body = format!("opted out of {}", channel.words());
    let said =
        Said { kind: Kind::Event, author: "", agent_id: None, body: &body, at, external_id: None, address: None };
    say(conversation, &said, conn).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_alone_stops_and_a_sentence_does_not() {
        let own = words("Abmelden, arrêt\n");
        assert_eq!(own, ["Abmelden", "arrêt"]);
        for text in ["STOP", " stop. ", "Stop!", "unsubscribe", "ABMELDEN", "arret", "„Stop“\n"] {
            assert!(means_stop(text, &own), "{text}");
        }
        for text in ["", "!", "stop it", "Can you stop by?", "Abmelden bitte", "starrt"] {
            assert!(!means_stop(text, &own), "{text}");
        }
        assert!(check(&own).is_ok() && check(&["!".into()]).is_err());
    }
}
