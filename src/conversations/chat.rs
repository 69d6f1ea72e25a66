//! The website chat. A page of the business holds one line, `<script src="…/chat.js" async></script>`; what it draws talks
//! to these doors from wherever that page is. A visitor is known by a key that her browser made and keeps: she sees what
//! was said under it and nothing else, whatever address she gives. Nothing here reads a cookie.

mod floods;

use super::arriving::{self, From, Incoming, Refused};
use super::{Kind, Medium};
use crate::customers::clean;
use crate::db::schema::{chat_visitors, messages};
use crate::db::{Conn, Db, Trouble};
use crate::live::{Heard, Live};
use crate::web::{self, Error, assets};
use crate::workspace::{Workspace, stamp};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use floods::Floods;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// What a browser makes of 32 bytes at random.
const KEY: usize = 43;
/// More than anybody types in a minute.
const MOST: i64 = 20;
/// Newcomers a minute from one address. Behind a proxy everybody has that of the proxy, so it is generous.
const NEWCOMERS: u32 = 60;
/// How long a question waits for something new. Proxies cut off what is silent for a minute.
const PATIENCE: Duration = Duration::from_secs(25);
/// What a page of the past holds.
const SHOWN: i64 = 200;

static FLOODS: LazyLock<Floods> = LazyLock::new(|| Floods::new(NEWCOMERS, Duration::from_secs(60)));

/// `GET /chat.js`.
pub async fn script(req: HttpRequest) -> Result<HttpResponse, Error> {
    assets::show(req, actix_web::web::Path::from("chat.js".to_string())).await
}

#[derive(Template)]
#[template(path = "inbox/try_chat.html")]
struct TryOut {
    workspace: String,
}

/// `GET /chat`: a page like one of the business, to try the chat out.
pub async fn try_out(db: Data<Db>) -> Result<HttpResponse, Error> {
    let workspace = db.read::<_, Error>(|conn| Ok(Workspace::load(conn)?.name)).await?;
    web::show(&TryOut { workspace })
}

/// Why a visitor is refused, in a sentence under her form.
#[derive(Debug)]
enum Refusal {
    Told(StatusCode, Option<&'static str>, String),
    Failed(Error),
}

impl std::convert::From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Refusal {
        Refusal::Failed(trouble.into())
    }
}

impl std::convert::From<diesel::result::Error> for Refusal {
    fn from(error: diesel::result::Error) -> Refusal {
        Refusal::Failed(error.into())
    }
}

fn wrong(field: &'static str, words: impl Into<String>) -> Refusal {
    Refusal::Told(StatusCode::UNPROCESSABLE_ENTITY, Some(field), words.into())
}

/// Any page may ask, with a key and without cookies.
fn answer(said: Result<Vec<Line>, Refusal>) -> Result<HttpResponse, Error> {
    let (status, words) = match said {
        Ok(lines) => (StatusCode::OK, serde_json::json!({ "messages": lines })),
        Err(Refusal::Told(status, field, words)) => {
            tracing::warn!(status = status.as_u16(), words, "a visitor of the website chat was refused");
            (status, serde_json::json!({ "error": words, "field": field }))
        }
        Err(Refusal::Failed(error)) => return Err(error),
    };
    Ok(HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .body(words.to_string()))
}

/// What a visitor reads.
#[derive(Clone, Debug, Serialize)]
struct Line {
    id: i64,
    mine: bool,
    author: Option<String>,
    text: String,
    at: String,
}

/// A visitor's conversation.
struct Visitor {
    customer: i64,
    conversation: i64,
}

fn hash(key: &str) -> Result<String, Refusal> {
    let fits = key.len() == KEY && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match fits {
        true => Ok(Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()),
        false => Err(Refusal::Told(StatusCode::UNPROCESSABLE_ENTITY, None, "This is no visitor's key.".into())),
    }
}

fn visitor(hash: &str, conn: &mut Conn) -> QueryResult<Option<Visitor>> {
    let found: Option<(i64, i64)> = chat_visitors::table
        .find(hash)
        .select((chat_visitors::customer_id, chat_visitors::conversation_id))
        .first(conn)
        .optional()?;
    Ok(found.map(|(customer, conversation)| Visitor { customer, conversation }))
}

fn lines(conversation: i64, after: i64, conn: &mut Conn) -> QueryResult<Vec<Line>> {
    let rows: Vec<(i64, String, String, String, NaiveDateTime)> = messages::table
        .filter(messages::conversation_id.eq(conversation))
        .filter(messages::kind.eq_any([Kind::In.key(), Kind::Out.key()]))
        .filter(messages::id.gt(after))
        .order(messages::id.desc())
        .limit(SHOWN)
        .select((messages::id, messages::kind, messages::author, messages::body, messages::at))
        .load(conn)?;
    let line = |(id, kind, author, text, at): (i64, String, String, String, NaiveDateTime)| {
        let mine = kind == Kind::In.key();
        // Who she is she knows, and of agents a first name is enough.
        let author = author.split_whitespace().next().filter(|_| !mine).map(str::to_string);
        Line { id, mine, author, text, at: crate::workspace::spell(at) }
    };
    Ok(rows.into_iter().rev().map(line).collect())
}

#[derive(Deserialize)]
struct Written {
    key: String,
    /// What the browser calls the message: the same when it tries again.
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    text: String,
    /// The last message she has.
    #[serde(default)]
    after: i64,
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    let broken = |_| Refusal::Told(StatusCode::UNPROCESSABLE_ENTITY, None, "This is no message.".into());
    serde_json::from_slice(body).map_err(broken)
}

/// `POST /chat/messages`: what a visitor writes. The first time she says by which address she can be reached.
pub async fn write(db: Data<Db>, req: HttpRequest, body: Bytes) -> Result<HttpResponse, Error> {
    let written = match read::<Written>(&body) {
        Ok(written) => written,
        Err(refusal) => return answer(Err(refusal)),
    };
    let peer = req.peer_addr().map(|peer| peer.ip());
    answer(db.write(move |conn| take(&written, peer, conn)).await)
}

fn take(written: &Written, peer: Option<std::net::IpAddr>, conn: &mut Conn) -> Result<Vec<Line>, Refusal> {
    let hash = hash(&written.key)?;
    let clock = Workspace::load(conn)?.clock();
    let text = arriving::text(&written.text).map_err(|words| wrong("text", words))?;
    let here = visitor(&hash, conn)?;
    let from = match &here {
        Some(visitor) => {
            if lately(visitor.conversation, clock.stamp(), conn)? >= MOST {
                let words = "That was a lot at once. Wait a minute, then go on.";
                return Err(Refusal::Told(StatusCode::TOO_MANY_REQUESTS, None, words.into()));
            }
            From::Customer { id: visitor.customer, address: String::new() }
        }
        None => {
            let email = clean::email(&written.email).map_err(|words| wrong("email", words))?;
            let email = email.ok_or_else(|| wrong("email", "Say by which address we can answer you."))?;
            let name = clean::text(&written.name, clean::NAME).map_err(|words| wrong("name", words))?;
            if peer.is_some_and(|peer| !FLOODS.lets_in(peer, Instant::now())) {
                let words = "There are too many new conversations from where you are. Try again in a minute.";
                return Err(Refusal::Told(StatusCode::TOO_MANY_REQUESTS, None, words.into()));
            }
            From::Address { address: email, name }
        }
    };
    let incoming = Incoming {
        medium: Medium::Chat,
        external_id: Some(format!("{}:{}", &hash[..24], written.id)),
        from,
        subject: None,
        text,
        at: stamp(Utc::now()),
        conversation: here.as_ref().map(|visitor| visitor.conversation),
    };
    let received = arriving::receive(&incoming, &clock, conn).map_err(|refused| match refused {
        Refused::Senseless(words) => wrong("text", words),
        Refused::Trouble(trouble) => trouble.into(),
    })?;
    if here.as_ref().is_none_or(|visitor| visitor.conversation != received.conversation) {
        keep(&hash, received.customer, received.conversation, clock.stamp(), conn)?;
    }
    Ok(lines(received.conversation, written.after, conn)?)
}

/// The browser is known from now on.
fn keep(hash: &str, customer: i64, conversation: i64, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<()> {
    diesel::delete(chat_visitors::table.find(hash)).execute(conn)?;
    let row = (
        chat_visitors::key_hash.eq(hash),
        chat_visitors::customer_id.eq(customer),
        chat_visitors::conversation_id.eq(conversation),
        chat_visitors::created_at.eq(at),
    );
    diesel::insert_into(chat_visitors::table).values(row).execute(conn).map(drop)
}

/// How many messages of hers came in the last minute.
fn lately(conversation: i64, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<i64> {
    messages::table
        .filter(messages::conversation_id.eq(conversation))
        .filter(messages::kind.eq(Kind::In.key()))
        .filter(messages::at.gt(now - TimeDelta::minutes(1)))
        .count()
        .get_result(conn)
}

#[derive(Deserialize)]
struct Looked {
    key: String,
    #[serde(default)]
    after: i64,
    /// Wait until there is something new.
    #[serde(default)]
    wait: bool,
}

/// `POST /chat/look`: what was said since `after`; with `wait`, as soon as something is.
pub async fn look(db: Data<Db>, live: Data<Live>, body: Bytes) -> Result<HttpResponse, Error> {
    let looked = match read::<Looked>(&body) {
        Ok(looked) => looked,
        Err(refusal) => return answer(Err(refusal)),
    };
    answer(seen(&db, &live, looked).await)
}

async fn seen(db: &Db, live: &Live, looked: Looked) -> Result<Vec<Line>, Refusal> {
    let (hash, after) = (hash(&looked.key)?, looked.after);
    // Before the first look, so that nothing is missed between.
    let mut listener = live.listen();
    let began = Instant::now();
    loop {
        let asked = hash.clone();
        let found = db.read(move |conn| {
            let Some(visitor) = visitor(&asked, conn)? else { return Ok(None) };
            Ok::<_, Refusal>(Some((visitor.conversation, lines(visitor.conversation, after, conn)?)))
        });
        let Some((conversation, lines)) = found.await? else {
            return Err(Refusal::Told(StatusCode::NOT_FOUND, None, "Nobody with this key has written here.".into()));
        };
        if !lines.is_empty() || !looked.wait {
            return Ok(lines);
        }
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            match listener.next(left).await {
                Heard::News(news) if news.tells_of(conversation) => break,
                Heard::News(_) => {}
                Heard::Nothing | Heard::Over => return Ok(Vec::new()),
            }
        }
    }
}
