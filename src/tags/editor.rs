//! The tag editor of one customer, on her profile and in the rows of lists: chips that can be taken away, and a
//! type-ahead that adds. Every step is a form of its own; htmx swaps the piece, without it a whole page comes back.

use super::suggest::{Suggestions, suggest};
use super::{Lasting, put};
use super::{Mark, Source, Tag, Told, lasting, taggings};
use crate::agents::Caller;
use crate::conversations::pages as inbox;
use crate::customers::{Customer, profile};
use crate::db::{Conn, Db};
use crate::filters::sets::Sets;
use crate::web::{self, Chrome, Error, Htmx, see_other};
use crate::workspace::{Clock, Workspace, stamp};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use chrono::Utc;
use serde::Deserialize;

/// Where the editor stands. It decides what a tagging's source is, and what is drawn anew afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum From {
    #[default]
    Profile,
    List,
    /// Beside the thread of this conversation. What is put on there is the customer's, as everywhere.
    Conversation(i64),
}

impl From {
    /// As forms carry it.
    pub fn key(&self) -> String {
        match self {
            From::Profile => "profile".into(),
            From::List => "list".into(),
            From::Conversation(id) => format!("conversation-{id}"),
        }
    }

    fn source(self) -> Source {
        match self {
            From::Profile => Source::Profile,
            From::List => Source::List,
            From::Conversation(id) => Source::Conversation(id),
        }
    }
}

impl TryFrom<String> for From {
    type Error = String;

    fn try_from(key: String) -> Result<From, String> {
        match key.as_str() {
            "profile" => Ok(From::Profile),
            "list" => Ok(From::List),
            other => {
                let id = other.strip_prefix("conversation-").and_then(|id| id.parse().ok());
                id.map(From::Conversation).ok_or_else(|| "tags are not edited there".into())
            }
        }
    }
}

/// The open editor.
#[derive(Template)]
#[template(path = "tags/_editor.html")]
pub struct Editor {
    pub customer_id: i64,
    pub called: String,
    pub tags: Vec<Told>,
    pub from: From,
    /// What was typed and could not be a tag, or not for so long.
    pub typed: String,
    pub lasting: String,
    pub problem: Option<String>,
    /// True when somebody asked for it just now.
    pub focus: bool,
}
impl askama::filters::HtmlSafe for Editor {}

impl Editor {
    pub fn of(customer: &Customer, from: From, clock: &Clock, conn: &mut Conn) -> diesel::QueryResult<Editor> {
        let carried = taggings::of_customer(customer.id, clock.stamp(), conn)?;
        Ok(Editor {
            customer_id: customer.id,
            called: customer.called(),
            tags: Told::all(carried, clock),
            from,
            typed: String::new(),
            lasting: String::new(),
            problem: None,
            focus: false,
        })
    }

    /// What was typed comes back with the reason why it is not there.
    pub fn refuse(&mut self, typed: Typed, problem: String) {
        (self.typed, self.lasting, self.problem, self.focus) = (typed.name, typed.lasting, Some(problem), true);
    }

    /// The element that is drawn anew after a step: on a profile tags tell more than themselves.
    fn target(&self) -> String {
        match self.from {
            From::Profile => "#profile".into(),
            From::List => format!("#customer-{}-tags", self.customer_id),
            From::Conversation(_) => "#beside".into(),
        }
    }
}

/// The tags of a row with the editor closed.
#[derive(Template)]
#[template(path = "tags/_chips.html")]
pub struct Chips {
    pub customer_id: i64,
    pub called: String,
    pub tags: Vec<Told>,
}
impl askama::filters::HtmlSafe for Chips {}

impl Chips {
    /// As many as fit into a row.
    const SHOWN: usize = 4;

    /// The first few tags; the rest is a number.
    pub fn shown(&self) -> &[Told] {
        &self.tags[..self.tags.len().min(Chips::SHOWN)]
    }

    pub fn hidden(&self) -> usize {
        self.tags.len() - self.shown().len()
    }
}

/// The editor on a page of its own, for rows of lists where nothing can be swapped.
#[derive(Template)]
#[template(path = "tags/edit.html")]
struct EditPage {
    chrome: Chrome,
    editor: Editor,
}

#[derive(Template)]
#[template(path = "tags/_options.html")]
struct Options {
    typed: String,
    found: Suggestions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    from: From,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Typed {
    #[serde(default)]
    pub name: String,
    /// How long: in a field of its own, or behind the name.
    #[serde(default, rename = "for")]
    pub lasting: String,
    #[serde(default)]
    from: From,
}

/// A tag by its clean name, and until when.
struct Asking {
    name: String,
    lasting: Lasting,
}

impl Typed {
    /// What somebody called so as a whole is meant as a whole: there may be a tag `Trial for 7 days`.
    fn read(&self, clock: &Clock, conn: &mut Conn) -> Result<Result<Asking, String>, Error> {
        let (name, time) = match Tag::find(&self.name, conn)? {
            Some(_) => (self.name.as_str(), None),
            None => lasting::split(&self.name),
        };
        let asking = || -> Result<Asking, String> {
            let lasting = lasting::typed(time.unwrap_or(&self.lasting), clock)?;
            Ok(Asking { name: Tag::clean(name)?, lasting })
        };
        Ok(asking())
    }
}

fn customer(id: i64, conn: &mut Conn) -> Result<Customer, Error> {
    Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))
}

/// The editor as it is for her now.
fn open(id: i64, from: From, conn: &mut Conn) -> Result<Editor, Error> {
    let clock = Workspace::load(conn)?.clock();
    Ok(Editor::of(&customer(id, conn)?, from, &clock, conn)?)
}

/// `GET /customers/{id}/tags/edit`: the open editor.
pub async fn edit(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    id: Path<i64>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let (id, from) = (id.into_inner(), asked.from);
    let mut editor = db.read(move |conn| open(id, from, conn)).await?;
    editor.focus = true;
    match htmx.is_fragment() {
        true => web::show(&editor),
        false => web::show(&EditPage { chrome, editor }),
    }
}

/// `GET /customers/{id}/tags`: the row's tags with the editor closed again.
pub async fn close(db: Data<Db>, htmx: Htmx, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let chips = db
        .read(move |conn| {
            let customer = customer(id, conn)?;
            let clock = Workspace::load(conn)?.clock();
            let carried = taggings::of_customer(id, clock.stamp(), conn)?;
            Ok::<_, Error>(Chips { customer_id: id, called: customer.called(), tags: Told::all(carried, &clock) })
        })
        .await?;
    match htmx.is_fragment() {
        true => web::show(&chips),
        false => Ok(see_other(&format!("/customers/{id}"))),
    }
}

/// `POST /customers/{id}/taggings`: adds a tag, making it if nobody has heard of it.
pub async fn add(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    id: Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    let (id, from) = (id.into_inner(), typed.from);
    let (acting, asked) = (caller.clone(), typed.clone());
    let done = db.write(move |conn| {
        let customer = customer(id, conn)?;
        let clock = Workspace::load(conn)?.clock();
        let Asking { name, lasting } = match asked.read(&clock, conn)? {
            Ok(asking) => asking,
            Err(problem) => return Ok(Err(problem)),
        };
        let mark = Mark::of(&acting, from.source(), clock.stamp()).lasting(lasting);
        let (tag, _) = Tag::find_or_create(&name, conn, mark.at)?;
        Ok::<_, Error>(Ok(put::add(customer.id, tag.id, &mark, conn)?))
    });
    let page = Page { chrome, htmx, caller };
    match done.await? {
        Ok(_) => changed(&db, page, id, from).await,
        Err(problem) => refuse(&db, page, id, typed, problem).await,
    }
}

/// `POST /customers/{id}/taggings/{tag_id}/remove`.
pub async fn remove(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    ids: Path<(i64, i64)>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    let (id, tag_id) = ids.into_inner();
    let mark = Mark::of(&caller, typed.from.source(), stamp(Utc::now()));
    db.write(move |conn| {
        let customer = customer(id, conn)?;
        // Gone already is what was wanted.
        Ok::<_, Error>(put::remove(customer.id, tag_id, &mark, conn)?)
    })
    .await?;
    changed(&db, Page { chrome, htmx, caller }, id, typed.from).await
}

/// What an answer is drawn with.
struct Page {
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
}

/// After a step: the piece with the editor for htmx, the place one came from for everybody else.
async fn changed(db: &Db, page: Page, id: i64, from: From) -> Result<HttpResponse, Error> {
    match (from, page.htmx.is_fragment()) {
        (From::Profile, true) => profile::piece(db, page.chrome, page.caller, id, None).await,
        (From::Conversation(conversation), true) => {
            inbox::beside(db, page.chrome, page.caller, conversation, None).await
        }
        (From::Conversation(conversation), false) => Ok(see_other(&format!("/inbox/{conversation}"))),
        (From::Profile, false) => Ok(see_other(&format!("/customers/{id}"))),
        (From::List, false) => Ok(see_other(&format!("/customers/{id}/tags/edit?from=list"))),
        (From::List, true) => {
            let mut editor = db.read(move |conn| open(id, from, conn)).await?;
            editor.focus = true;
            web::show(&editor)
        }
    }
}

/// What was typed is no tag's name: the editor again, with the reason.
async fn refuse(db: &Db, page: Page, id: i64, typed: Typed, problem: String) -> Result<HttpResponse, Error> {
    let Page { chrome, htmx, caller } = page;
    if typed.from == From::Profile && htmx.is_fragment() {
        return profile::piece(db, chrome, caller, id, Some((typed, problem))).await;
    }
    if let From::Conversation(conversation) = typed.from
        && htmx.is_fragment()
    {
        return inbox::beside(db, chrome, caller, conversation, Some((typed, problem))).await;
    }
    let mut editor = db.read(move |conn| open(id, typed.from, conn)).await?;
    editor.refuse(typed, problem);
    match htmx.is_fragment() {
        true => web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &editor),
        false => web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &EditPage { chrome, editor }),
    }
}

/// What was typed so far: `q`, or `name` as the input itself is called.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Begun {
    q: String,
    name: String,
    customer: Option<i64>,
}

/// `GET /tags/suggest`: the options under the input.
pub async fn offers(sets: Data<Sets>, caller: Caller, begun: Query<Begun>) -> Result<HttpResponse, Error> {
    let Begun { q, name, customer } = begun.into_inner();
    let typed = if q.is_empty() { name } else { q };
    let asked = typed.clone();
    let now = stamp(Utc::now());
    let found = sets.read(move |at| Ok::<_, Error>(suggest(&asked, customer, caller.agent_id, now, at)?)).await?;
    web::show(&Options { typed, found })
}
