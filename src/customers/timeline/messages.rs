//! What was said in her conversations.

use super::{Asked, Event, Kind, Stream, What};
use crate::db::Conn;
use crate::db::schema::{conversations, messages};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

/// Characters of a message that are quoted.
const QUOTED: i32 = 200;

diesel::define_sql_function! {
    /// So many characters of a text.
    fn substr(text: Text, from: Integer, length: Integer) -> Text;
}

pub fn said(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::Message);
    let hers = conversations::table.filter(conversations::customer_id.eq(asked.customer.id)).select(conversations::id);
    // First which: an index knows that, and a long conversation is not read for a page of it.
    let which: Vec<i64> = messages::table
        .filter(messages::conversation_id.eq_any(hers))
        .filter(messages::at.le(upto.at))
        .filter(messages::at.lt(upto.at).or(messages::id.lt(upto.id)))
        .order((messages::at.desc(), messages::id.desc()))
        .limit(asked.limit())
        .select(messages::id)
        .load(conn)?;
    type Row = ((i64, i64, NaiveDateTime), (String, String, String, String), String);
    let rows: Vec<Row> = messages::table
        .filter(messages::id.eq_any(which))
        .select((
            (messages::id, messages::conversation_id, messages::at),
            (messages::kind, messages::channel, messages::author, messages::status),
            substr(messages::body, 1, QUOTED + 1),
        ))
        .load(conn)?;
    let event = |((id, conversation, at), (kind, channel, author, status), body): Row| {
        let how = match channel.as_str() {
            "chat" => "in the website chat",
            "email" => "by email",
            "sms" => "by SMS",
            "whatsapp" => "by WhatsApp",
            _ => "",
        };
        let missed = matches!(status.as_str(), "failed" | "uncertain");
        let who = if author.is_empty() { asked.customer.called() } else { author };
        let what = match kind.as_str() {
            "event" => What::Did { who, words: shortened(body), conversation },
            kind => {
                let note = kind == "note";
                let how = if note { "left a note".to_string() } else { format!("wrote {how}") };
                What::Said { who, how, conversation, note, quote: shortened(body), missed }
            }
        };
        Event::new(at, Stream::Message, (id, 0), Kind::Messages, what)
    };
    Ok(rows.into_iter().map(event).collect())
}

fn shortened(body: String) -> String {
    match body.char_indices().nth(QUOTED as usize) {
        Some((end, _)) => format!("{}…", body[..end].trim_end()),
        None => body,
    }
}
