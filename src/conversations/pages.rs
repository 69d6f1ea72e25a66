//! `/inbox`: the boxes, one conversation and its customer side by side. Every step is a form; htmx swaps the piece.

mod steps;

pub use steps::{again, assign, close, create, reopen, seen, snooze, unread, write};

use super::acts::Snooze;
use super::list::{self, Line, Tray};
use super::thread::{self, Beside, Entry};
use super::{Conversation, Kind, canned};
use crate::agents::Caller;
use crate::db::{Conn, Db};
use crate::filters::sets::{Sets, Snapshot};
use crate::filters::{Filter, stored};
use crate::tags::editor;
use crate::web::{self, Chrome, Error, Htmx};
use crate::workspace::{Clock, Workspace, unspell};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use chrono::NaiveDateTime;
use serde::Deserialize;

/// What the address of the inbox says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    #[serde(rename = "box")]
    tray: String,
    q: String,
    /// Who the customers are: a filter as text, or the name of a tag.
    filter: String,
    tag: String,
    /// The last line of the page before: its time and number.
    after: String,
    /// Earlier messages than this one.
    before: Option<i64>,
    /// A canned reply to begin with.
    canned: Option<i64>,
}

impl Asked {
    fn tray(&self) -> Tray {
        Tray::parse(&self.tray).unwrap_or(Tray::Open)
    }

    /// The address of a conversation, or of the list, in the same box with the same questions.
    fn link(&self, path: &str, more: &[(&str, &str)]) -> String {
        let tray = if self.tray() == Tray::Open { "" } else { self.tray().key() };
        let mut all = vec![("box", tray), ("q", &self.q), ("tag", &self.tag), ("filter", &self.filter)];
        all.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        all.extend(more);
        web::address(path, &all)
    }

    /// What was asked about the customers, or what is wrong with it.
    fn filter(&self, conn: &mut Conn, clock: &Clock) -> Result<Result<Option<Filter>, String>, Error> {
        let mut whole: Option<Filter> = None;
        let tag = self.tag.trim().replace('\\', "\\\\").replace('"', "\\\"");
        let tagged = if tag.is_empty() { String::new() } else { format!("tags contains \"{tag}\"") };
        for spelled in [self.filter.trim(), &tagged] {
            if spelled.is_empty() {
                continue;
            }
            let rule = match stored::open(spelled, conn)? {
                Ok(rule) => rule,
                Err(mistake) => return Ok(Err(mistake.to_string())),
            };
            let filter = Filter::check(&rule, conn, clock)?;
            if let Some(problem) = filter.problems().first() {
                return Ok(Err(problem.words.clone()));
            }
            whole = Some(match whole {
                Some(other) => other.and(filter),
                None => filter,
            });
        }
        Ok(Ok(whole))
    }

    fn after(&self) -> Option<(NaiveDateTime, i64)> {
        let (at, id) = self.after.rsplit_once(' ')?;
        Some((unspell(at)?, id.parse().ok()?))
    }
}

#[derive(Template)]
#[template(path = "inbox/index.html", blocks = ["list", "thread", "reply", "beside"])]
struct InboxPage {
    chrome: Chrome,
    asked: Asked,
    counts: Vec<(Tray, Option<i64>)>,
    lines: Vec<Line>,
    /// Where the list goes on.
    next: Option<String>,
    /// What is wrong with the filter.
    problem: Option<String>,
    clock: Clock,
    open: Option<Open>,
}

/// The conversation that is looked at.
struct Open {
    conversation: Conversation,
    entries: Vec<Entry>,
    earlier: Option<i64>,
    beside: Beside,
    agents: Vec<(i64, String)>,
    assigned: Option<String>,
    /// Until when it is put off.
    until: Option<String>,
    canned: Vec<canned::Reply>,
    typed: Typed,
    wrong: Option<String>,
    /// Whoever looks is an agent and has not read this far.
    unread: bool,
}

impl Open {
    fn is_given_to(&self, agent: &i64) -> bool {
        self.conversation.agent_id == Some(*agent)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    kind: String,
    body: String,
    /// `close`: and that is all.
    then: String,
}

impl Typed {
    fn is_note(&self) -> bool {
        self.kind == "note"
    }
}

impl InboxPage {
    fn tray(&self) -> Tray {
        self.asked.tray()
    }

    fn list(&self) -> String {
        self.asked.link("/inbox", &[])
    }

    fn of_tray(&self, tray: &Tray) -> String {
        self.asked.link("/inbox", &[("box", if *tray == Tray::Open { "" } else { tray.key() })])
    }

    fn of(&self, conversation: &Conversation) -> String {
        self.asked.link(&format!("/inbox/{}", conversation.id), &[])
    }

    /// This very page.
    fn place(&self) -> String {
        match &self.open {
            Some(open) => self.of(&open.conversation),
            None => self.list(),
        }
    }

    fn number(&self) -> i64 {
        self.open.as_ref().map(|open| open.conversation.id).unwrap_or_default()
    }

    /// The address of the open conversation with more said in it.
    fn here(&self, name: &str, value: &str) -> String {
        self.asked.link(&format!("/inbox/{}", self.number()), &[(name, value)])
    }

    /// The address of what can be done with it.
    fn act(&self, act: &str) -> String {
        self.asked.link(&format!("/inbox/{}/{act}", self.number()), &[])
    }

    /// The box without any question.
    fn all(&self) -> String {
        self.asked.link("/inbox", &[("q", ""), ("tag", ""), ("filter", "")])
    }

    fn is_open(&self, line: &Line) -> bool {
        self.open.as_ref().is_some_and(|open| open.conversation.id == line.conversation.id)
    }

    fn is_asked(&self) -> bool {
        !(self.asked.q.is_empty() && self.asked.tag.is_empty() && self.asked.filter.is_empty())
    }

    fn now(&self, line: &Line) -> String {
        self.clock.ago(line.conversation.last_message_at)
    }
}

fn draw(chrome: Chrome, asked: Asked, id: Option<i64>, caller: &Caller, at: &mut Snapshot) -> Result<InboxPage, Error> {
    let clock = Workspace::load(at)?.clock();
    let (filter, problem) = match asked.filter(at, &clock)? {
        Ok(filter) => (filter, None),
        Err(problem) => (None, Some(problem)),
    };
    let question = list::Asked { words: asked.q.clone(), filter, after: asked.after() };
    let mut lines = match problem {
        // A filter with a mistake selects nobody.
        Some(_) => Vec::new(),
        None => list::lines(asked.tray(), caller.agent_id, &question, &clock, at)?,
    };
    let more = lines.len() > list::SHOWN;
    lines.truncate(list::SHOWN);
    let next = lines.last().filter(|_| more).map(|last| {
        let conversation = &last.conversation;
        let place = format!("{} {}", crate::workspace::spell(conversation.last_message_at), conversation.id);
        asked.link("/inbox", &[("after", &place)])
    });
    let open = match id {
        Some(id) => Some(open(id, &asked, caller, &clock, at)?),
        None => None,
    };
    Ok(InboxPage { chrome, counts: list::counts(caller.agent_id, at)?, asked, lines, next, problem, clock, open })
}

fn find(id: i64, conn: &mut Conn) -> Result<Conversation, Error> {
    Conversation::find(id, conn)?.ok_or(Error::NotFound("conversation"))
}

fn open(id: i64, asked: &Asked, caller: &Caller, clock: &Clock, conn: &mut Conn) -> Result<Open, Error> {
    let conversation = find(id, conn)?;
    let (entries, earlier) = thread::entries(&conversation, asked.before, clock, conn)?;
    let agents = thread::agents(conn)?;
    let canned = canned::Reply::all(conn)?;
    let mut typed = Typed::default();
    let mut wrong = None;
    if let Some(reply) = asked.canned.and_then(|id| canned.iter().find(|reply| reply.id == id)) {
        match reply.said_to(conversation.customer_id, conn)? {
            Ok(body) => typed.body = body,
            Err(words) => wrong = Some(words),
        }
    }
    Ok(Open {
        assigned: conversation.agent_id.and_then(|id| Some(agents.iter().find(|(agent, _)| *agent == id)?.1.clone())),
        until: conversation.snoozed_until.map(|until| clock.show(until)),
        unread: list::is_unread(&conversation, caller.agent_id, conn)?,
        beside: Beside::of(&conversation, caller, conn)?,
        conversation,
        entries,
        earlier,
        agents,
        canned,
        typed,
        wrong,
    })
}

/// The whole page, or the pane that will be swapped.
fn answer(htmx: &Htmx, status: StatusCode, page: &InboxPage) -> Result<HttpResponse, Error> {
    match (htmx.is_fragment(), htmx.target()) {
        (true, Some("list")) => web::show_as(status, &page.as_list()),
        (true, Some("thread")) => web::show_as(status, &page.as_thread()),
        (true, Some("reply")) => web::show_as(status, &page.as_reply()),
        (true, Some("beside")) => web::show_as(status, &page.as_beside()),
        _ => web::show_as(status, page),
    }
}

/// `GET /inbox`.
pub async fn index(
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    htmx: Htmx,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let asked = asked.into_inner();
    let page = sets.read(move |at| draw(chrome, asked, None, &caller, at)).await?;
    let status = if page.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    answer(&htmx, status, &page)
}

/// `GET /inbox/{id}`.
pub async fn show(
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    htmx: Htmx,
    id: Path<i64>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let asked = asked.into_inner();
    let page = sets.read(move |at| draw(chrome, asked, Some(*id), &caller, at)).await?;
    answer(&htmx, StatusCode::OK, &page)
}

/// The customer beside the thread, after her tags were changed there. `wrong` is what was typed and why it cannot be a tag.
pub async fn beside(
    db: &Db,
    chrome: Chrome,
    caller: Caller,
    id: i64,
    wrong: Option<(editor::Typed, String)>,
) -> Result<HttpResponse, Error> {
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = db
        .read(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            let mut open = open(id, &Asked::default(), &caller, &clock, conn)?;
            open.beside.editor.focus = true;
            if let Some((typed, problem)) = wrong {
                open.beside.editor.refuse(typed, problem);
            }
            let (counts, lines) = (Vec::new(), Vec::new());
            let asked = Asked::default();
            Ok::<_, Error>(InboxPage {
                chrome,
                counts,
                asked,
                lines,
                next: None,
                problem: None,
                clock,
                open: Some(open),
            })
        })
        .await?;
    web::show_as(status, &page.as_beside())
}
