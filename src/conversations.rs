//! Conversations: what a business and one customer say to each other over one channel.
//!
//! | room | what is in it |
//! |---|---|
//! | [`arriving`] | one message that comes in, whichever channel brings it: whose it is, where it belongs, once |
//! | [`acts`] | what agents do: reply, note, assign, close, snooze, read |
//! | [`list`], [`thread`] | the boxes of the inbox, and one conversation as it is read |
//! | [`pages`] | the inbox in the browser; [`canned`] its canned replies |
//! | [`chat`] | the website chat |
//! | [`hooks`] | gateways and mail servers that bring messages |
//! | [`stop`] | words by which somebody opts out |
//! | [`delivery`] | what agents wrote, on its way |
//! | [`settings`] | how the website and gateways write to it |

pub mod acts;
pub mod arriving;
pub mod canned;
pub mod chat;
pub mod delivery;
pub mod hooks;
pub mod list;
pub mod pages;
pub mod settings;
pub mod stop;
pub mod thread;

use crate::customers::Channel;
use crate::db::Conn;
use crate::db::schema::{conversations, messages};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// What a conversation is held over. All but the website chat can be opted out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Medium {
    Chat,
    Email,
    Sms,
    Whatsapp,
}

impl Medium {
    pub const ALL: [Medium; 4] = [Medium::Chat, Medium::Email, Medium::Sms, Medium::Whatsapp];

    /// As it is stored, and spelled in filters and hooks.
    pub fn key(self) -> &'static str {
        match self.consent() {
            Some(channel) => channel.key(),
            None => "chat",
        }
    }

    pub fn parse(key: &str) -> Option<Medium> {
        Medium::ALL.into_iter().find(|medium| medium.key() == key)
    }

    pub fn words(self) -> &'static str {
        match self.consent() {
            Some(channel) => channel.words(),
            None => "Website chat",
        }
    }

    pub fn icon(self) -> crate::web::Icon {
        crate::web::icon(match self {
            Medium::Chat => "message-circle",
            Medium::Email => "mail",
            Medium::Sms | Medium::Whatsapp => "device-mobile",
        })
    }

    /// The channel whose consent it needs.
    pub fn consent(self) -> Option<Channel> {
        match self {
            Medium::Chat => None,
            Medium::Email => Some(Channel::Email),
            Medium::Sms => Some(Channel::Sms),
            Medium::Whatsapp => Some(Channel::Whatsapp),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    /// Closed until a moment comes or she writes.
    Snoozed,
    Closed,
}

impl State {
    pub fn key(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Snoozed => "snoozed",
            State::Closed => "closed",
        }
    }

    fn parse(key: &str) -> State {
        [State::Snoozed, State::Closed].into_iter().find(|state| state.key() == key).unwrap_or(State::Open)
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From the customer.
    In,
    /// To her.
    Out,
    /// Among agents: she never sees it.
    Note,
    /// Something that was done.
    Event,
}

impl Kind {
    pub fn key(self) -> &'static str {
        match self {
            Kind::In => "in",
            Kind::Out => "out",
            Kind::Note => "note",
            Kind::Event => "event",
        }
    }

    fn parse(key: &str) -> Kind {
        [Kind::In, Kind::Out, Kind::Note].into_iter().find(|kind| kind.key() == key).unwrap_or(Kind::Event)
    }
}

#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = conversations)]
struct Row {
    id: i64,
    customer_id: i64,
    channel: String,
    state: String,
    agent_id: Option<i64>,
    subject: Option<String>,
    created_at: NaiveDateTime,
    last_message_at: NaiveDateTime,
    last_in: i64,
    snoozed_until: Option<NaiveDateTime>,
    preview: String,
    preview_of: String,
}

/// One conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    pub id: i64,
    pub customer_id: i64,
    pub medium: Medium,
    pub state: State,
    /// Whose it is.
    pub agent_id: Option<i64>,
    pub subject: Option<String>,
    pub created_at: NaiveDateTime,
    /// Of messages in or out.
    pub last_message_at: NaiveDateTime,
    /// The number of her newest message, 0 without any: unread is told by it.
    pub last_in: i64,
    pub snoozed_until: Option<NaiveDateTime>,
    /// The beginning of the newest message, and what it is.
    pub preview: (String, Kind),
}

impl From<Row> for Conversation {
    fn from(row: Row) -> Conversation {
        Conversation {
            id: row.id,
            customer_id: row.customer_id,
            medium: Medium::parse(&row.channel).unwrap_or(Medium::Chat),
            state: State::parse(&row.state),
            agent_id: row.agent_id,
            subject: row.subject,
            created_at: row.created_at,
            last_message_at: row.last_message_at,
            last_in: row.last_in,
            snoozed_until: row.snoozed_until,
            preview: (row.preview, Kind::parse(&row.preview_of)),
        }
    }
}

impl Conversation {
    pub fn find(id: i64, conn: &mut Conn) -> QueryResult<Option<Conversation>> {
        let row: Option<Row> = conversations::table.find(id).select(Row::as_select()).first(conn).optional()?;
        Ok(row.map(Conversation::from))
    }

    /// All of a customer's, the one that was written in last first.
    pub fn of_customer(id: i64, most: i64, conn: &mut Conn) -> QueryResult<Vec<Conversation>> {
        let rows: Vec<Row> = conversations::table
            .filter(conversations::customer_id.eq(id))
            .order((conversations::last_message_at.desc(), conversations::id.desc()))
            .limit(most)
            .select(Row::as_select())
            .load(conn)?;
        Ok(rows.into_iter().map(Conversation::from).collect())
    }

    /// What it is about, in a few words.
    pub fn about(&self) -> &str {
        self.subject.as_deref().filter(|subject| !subject.is_empty()).unwrap_or(&self.preview.0)
    }

    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }
}

/// A message that is to be written down.
pub(crate) struct Said<'a> {
    pub kind: Kind,
    pub author: &'a str,
    pub agent_id: Option<i64>,
    pub body: &'a str,
    pub at: NaiveDateTime,
    /// What its channel calls it.
    pub external_id: Option<&'a str>,
    /// Where it goes, of what has to be carried there.
    pub address: Option<&'a str>,
}

/// The longest preview.
const PREVIEW: usize = 160;

/// Writes it down, and on the conversation what the list shows of it. Its number.
pub(crate) fn say(conversation: &Conversation, said: &Said<'_>, conn: &mut Conn) -> QueryResult<i64> {
    let waits = said.address.is_some();
    let row = (
        messages::conversation_id.eq(conversation.id),
        messages::kind.eq(said.kind.key()),
        messages::channel.eq(conversation.medium.key()),
        messages::external_id.eq(said.external_id),
        messages::author.eq(said.author),
        messages::agent_id.eq(said.agent_id),
        messages::body.eq(said.body),
        messages::folded.eq(crate::fold::fold(said.body)),
        messages::at.eq(said.at),
        messages::status.eq(if waits { "waiting" } else { "done" }),
        messages::address.eq(said.address),
        messages::due_at.eq(waits.then_some(said.at)),
    );
    let id: i64 = diesel::insert_into(messages::table).values(row).returning(messages::id).get_result(conn)?;
    let this = conversations::table.find(conversation.id);
    let next = conversations::version.eq(conversations::version + 1);
    let preview = preview(said.body);
    match said.kind {
        Kind::Event => diesel::update(this).set(next).execute(conn)?,
        Kind::Note => diesel::update(this)
            .set((next, conversations::preview.eq(preview), conversations::preview_of.eq(said.kind.key())))
            .execute(conn)?,
        Kind::In | Kind::Out => {
            let shown = (conversations::preview.eq(preview), conversations::preview_of.eq(said.kind.key()));
            let last_in = if said.kind == Kind::In { id } else { conversation.last_in };
            diesel::update(this)
                .set((next, shown, conversations::last_message_at.eq(said.at), conversations::last_in.eq(last_in)))
                .execute(conn)?
        }
    };
    Ok(id)
}

/// The beginning of a message, on one line.
fn preview(body: &str) -> String {
    let mut line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(PREVIEW) {
        line.truncate(end);
        line.push('…');
    }
    line
}
