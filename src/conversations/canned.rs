//! Canned replies: answers that are written once and used often, with fields as in campaigns.

use crate::agents::{Caller, Mistakes, audit};
use crate::campaigns::message::{self, Content};
use crate::campaigns::sending;
use crate::custom_fields::CustomField;
use crate::db::schema::canned_replies;
use crate::db::{Conn, Db};
use crate::fold::key;
use crate::web::{self, Chrome, Error, flash, see_other};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as QueryError};
use serde::Deserialize;

/// The longest name, in characters.
const NAME: usize = 80;

/// One of them.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = canned_replies)]
pub struct Reply {
    pub id: i64,
    pub name: String,
    /// A template: `Hello {{ customer.name | default("there") }}`.
    pub body: String,
}

impl Reply {
    /// All, by name.
    pub fn all(conn: &mut Conn) -> QueryResult<Vec<Reply>> {
        canned_replies::table.order(canned_replies::name_key).select(Reply::as_select()).load(conn)
    }

    fn find(id: i64, conn: &mut Conn) -> Result<Reply, Error> {
        let found = canned_replies::table.find(id).select(Reply::as_select()).first(conn).optional()?;
        found.ok_or(Error::NotFound("canned reply"))
    }

    fn content(body: &str) -> Content {
        Content { subject: None, text: body.to_string(), html: None }
    }

    /// As this customer would read it, or why it cannot be said to her.
    pub fn said_to(&self, customer: i64, conn: &mut Conn) -> Result<Result<String, String>, Error> {
        let person = sending::people(&[customer], conn)?.remove(&customer).unwrap_or_default();
        let said = message::render(&Reply::content(&self.body), &person);
        Ok(said.map(|said| said.text).map_err(|problem| problem.words))
    }
}

#[derive(Template)]
#[template(path = "inbox/replies.html")]
struct Page {
    chrome: Chrome,
    replies: Vec<Reply>,
    /// The one that is changed.
    editing: Option<i64>,
    typed: Typed,
    wrong: Mistakes,
}

impl Page {
    fn is_edited(&self, reply: &Reply) -> bool {
        self.editing == Some(reply.id)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    name: String,
    body: String,
}

impl Typed {
    fn check(&self, conn: &mut Conn) -> QueryResult<Result<(String, String), Mistakes>> {
        let mut wrong = Mistakes::default();
        let name = self.name.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() {
            wrong.noted::<()>("name", Err("Give it a name to find it by.".into()));
        } else if name.chars().count() > NAME {
            wrong.noted::<()>("name", Err(format!("A name has {NAME} characters at most.")));
        }
        let keys: Vec<String> = CustomField::all(conn)?.into_iter().map(|field| field.key).collect();
        if let Some(mistake) = message::check(&Reply::content(&self.body), &keys).into_iter().next() {
            wrong.noted::<()>("body", Err(mistake.words));
        }
        Ok(if wrong.is_empty() { Ok((name, self.body.trim().replace("\r\n", "\n"))) } else { Err(wrong) })
    }
}

async fn page(
    db: &Db,
    chrome: Chrome,
    editing: Option<i64>,
    typed: Option<(Typed, Mistakes)>,
) -> Result<HttpResponse, Error> {
    let status = if typed.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (replies, known) = db
        .read(move |conn| {
            let known = editing.map(|id| Reply::find(id, conn)).transpose()?;
            Ok::<_, Error>((Reply::all(conn)?, known))
        })
        .await?;
    let kept = known.map(|reply| (Typed { name: reply.name, body: reply.body }, Mistakes::default()));
    let (typed, wrong) = typed.or(kept).unwrap_or_default();
    web::show_as(status, &Page { chrome, replies, editing, typed, wrong })
}

/// `GET /inbox/replies`.
pub async fn index(db: Data<Db>, chrome: Chrome) -> Result<HttpResponse, Error> {
    page(&db, chrome, None, None).await
}

/// `GET /inbox/replies/{id}`: the same page with this one in the form.
pub async fn edit(db: Data<Db>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    page(&db, chrome, Some(*id), None).await
}

/// `POST /inbox/replies`.
pub async fn create(db: Data<Db>, chrome: Chrome, caller: Caller, form: Form<Typed>) -> Result<HttpResponse, Error> {
    save(&db, chrome, caller, None, form.into_inner()).await
}

/// `POST /inbox/replies/{id}`.
pub async fn update(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    form: Form<Typed>,
) -> Result<HttpResponse, Error> {
    save(&db, chrome, caller, Some(*id), form.into_inner()).await
}

async fn save(db: &Db, chrome: Chrome, caller: Caller, id: Option<i64>, typed: Typed) -> Result<HttpResponse, Error> {
    let asked = typed.clone();
    let done = db.write(move |conn| {
        let (name, body) = match asked.check(conn)? {
            Ok(meant) => meant,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let now = Workspace::load(conn)?.clock().stamp();
        let row = (
            canned_replies::name.eq(&name),
            canned_replies::name_key.eq(key(&name)),
            canned_replies::body.eq(body),
            canned_replies::actor.eq(&caller.name),
            canned_replies::updated_at.eq(now),
        );
        let written = conn.transaction(|conn| match id {
            Some(id) => diesel::update(canned_replies::table.find(id)).set(row).execute(conn),
            None => diesel::insert_into(canned_replies::table).values(row).execute(conn),
        });
        match written {
            Ok(0) => Err(Error::NotFound("canned reply")),
            Ok(_) => {
                audit(conn, &caller, "reply.save", &format!("canned reply {name}"), &serde_json::json!({}))?;
                Ok(Ok(name))
            }
            Err(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
                let mut wrong = Mistakes::default();
                wrong.noted::<()>("name", Err("There is one with this name already.".into()));
                Ok(Err(wrong))
            }
            Err(error) => Err(error.into()),
        }
    });
    match done.await? {
        Ok(name) => Ok(flash(see_other("/inbox/replies"), &format!("{name} is saved."))),
        Err(wrong) => page(db, chrome, id, Some((typed, wrong))).await,
    }
}

/// `POST /inbox/replies/{id}/delete`.
pub async fn delete(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let name = db
        .write(move |conn| {
            let reply = Reply::find(*id, conn)?;
            diesel::delete(canned_replies::table.find(reply.id)).execute(conn)?;
            audit(conn, &caller, "reply.delete", &format!("canned reply {}", reply.name), &serde_json::json!({}))?;
            Ok::<_, Error>(reply.name)
        })
        .await?;
    Ok(flash(see_other("/inbox/replies"), &format!("{name} is deleted.")))
}
