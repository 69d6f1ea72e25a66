//! `/settings/fields`: the custom fields there are, and looking after them.

use super::{CustomField, Kind, Problem, Wish, key_of};
use crate::agents::{Caller, Mistakes, audit};
use crate::db::{Conn, Db};
use crate::web::{self, Chrome, Error};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use serde_json::json;

#[derive(Template)]
#[template(path = "custom_fields/index.html")]
struct IndexPage {
    chrome: Chrome,
    lines: Vec<Line>,
}

/// One field as the list shows it.
struct Line {
    field: CustomField,
    /// How many have a value.
    customers: i64,
}

/// `GET /settings/fields`.
pub async fn index(db: Data<Db>, chrome: Chrome) -> Result<HttpResponse, Error> {
    let (fields, sizes) = db.read(|conn| Ok::<_, Error>((CustomField::all(conn)?, CustomField::sizes(conn)?))).await?;
    let line = |field: CustomField| Line { customers: sizes.get(&field.id).copied().unwrap_or(0), field };
    web::show(&IndexPage { chrome, lines: fields.into_iter().map(line).collect() })
}

#[derive(Template)]
#[template(path = "custom_fields/form.html")]
struct FormPage {
    chrome: Chrome,
    /// `None` for a new field.
    field: Option<CustomField>,
    typed: Wish,
    wrong: Mistakes,
}

impl FormPage {
    fn fresh(chrome: Chrome, field: Option<CustomField>) -> FormPage {
        let typed = match &field {
            Some(CustomField { key, label, kind, choices, .. }) => {
                Wish { key: key.clone(), label: label.clone(), kind: kind.key().into(), choices: choices.join("\n") }
            }
            None => Wish { kind: Kind::Text.key().into(), ..Wish::default() },
        };
        FormPage { chrome, field, typed, wrong: Mistakes::default() }
    }

    fn action(&self) -> String {
        self.field.as_ref().map_or_else(|| "/settings/fields".into(), |field| format!("/settings/fields/{}", field.id))
    }

    /// A field that is here already shows choices only if it has some.
    fn asks_for_choices(&self) -> bool {
        self.field.as_ref().is_none_or(|field| field.kind == Kind::Choice)
    }

    /// What each type is for, under its word.
    fn kinds(&self) -> [(Kind, &'static str); 5] {
        [
            (Kind::Text, "anything on one line"),
            (Kind::Number, "points, a size, an amount"),
            (Kind::YesNo, "something that is so or not"),
            (Kind::Date, "a day, such as a birthday"),
            (Kind::Choice, "one of a list you give"),
        ]
    }
}

fn field(id: i64, conn: &mut Conn) -> Result<CustomField, Error> {
    CustomField::find(id, conn)?.ok_or(Error::NotFound("custom field"))
}

/// `GET /settings/fields/new`.
pub async fn new(chrome: Chrome) -> Result<HttpResponse, Error> {
    web::show(&FormPage::fresh(chrome, None))
}

/// `GET /settings/fields/{id}/edit`.
pub async fn edit(db: Data<Db>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let field = db.read(move |conn| field(id, conn)).await?;
    web::show(&FormPage::fresh(chrome, Some(field)))
}

/// `POST /settings/fields`.
pub async fn create(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    Form(typed): Form<Wish>,
) -> Result<HttpResponse, Error> {
    answer(&db, chrome, caller, None, typed).await
}

/// `POST /settings/fields/{id}`: another label, other choices.
pub async fn update(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    Form(typed): Form<Wish>,
) -> Result<HttpResponse, Error> {
    answer(&db, chrome, caller, Some(id.into_inner()), typed).await
}

async fn answer(db: &Db, chrome: Chrome, caller: Caller, id: Option<i64>, typed: Wish) -> Result<HttpResponse, Error> {
    let wish = typed.clone();
    let (field, written) = db.write(move |conn| save(id, wish, &caller, conn)).await?;
    match written {
        Ok(words) => Ok(web::flash(web::see_other("/settings/fields"), &words)),
        Err(wrong) => {
            let page = FormPage { typed, wrong, ..FormPage::fresh(chrome, field) };
            web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Writes the field. Gives the field as it was, and what to tell.
fn save(
    id: Option<i64>,
    mut wish: Wish,
    caller: &Caller,
    conn: &mut Conn,
) -> Result<(Option<CustomField>, Result<String, Mistakes>), Error> {
    let before = match id {
        Some(id) => Some(field(id, conn)?),
        None => None,
    };
    let written = match &before {
        Some(before) => before.update(&wish, conn).map(|()| before.id),
        None => {
            if wish.key.trim().is_empty() {
                wish.key = key_of(&wish.label);
            }
            let at = Workspace::load(conn)?.clock().stamp();
            CustomField::create(&wish, conn, at).map(|made| made.id)
        }
    };
    let id = match written {
        Ok(id) => id,
        Err(Problem::Wrong { part, words }) => return Ok((before, Err(Mistakes::one(part, words)))),
        Err(Problem::Failed(error)) => return Err(error.into()),
    };
    let now = field(id, conn)?;
    let subject = format!("custom field {id}");
    let words = match &before {
        None => {
            let details =
                json!({ "name": now.name(), "label": now.label, "type": now.kind.words(), "choices": now.choices });
            audit(conn, caller, "custom_field.create", &subject, &details)?;
            format!("{} is added. It is on every customer's form now.", now.label)
        }
        Some(before) => {
            let was = json!({ "label": before.label, "choices": before.choices });
            let details = json!({ "name": now.name(), "label": now.label, "choices": now.choices, "was": was });
            if now != *before {
                audit(conn, caller, "custom_field.update", &subject, &details)?;
            }
            format!("{} is saved.", now.label)
        }
    };
    Ok((before, Ok(words)))
}

#[derive(Template)]
#[template(path = "custom_fields/delete.html")]
struct DeletePage {
    chrome: Chrome,
    field: CustomField,
    customers: i64,
}

/// `GET /settings/fields/{id}/delete` says what would go.
pub async fn ask_delete(db: Data<Db>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let (field, customers) = db
        .read(move |conn| {
            let field = field(id, conn)?;
            let customers = field.customers(conn)?;
            Ok::<_, Error>((field, customers))
        })
        .await?;
    web::show(&DeletePage { chrome, field, customers })
}

/// `POST /settings/fields/{id}/delete`.
pub async fn delete(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let words = db
        .write(move |conn| {
            let field = field(id, conn)?;
            let customers = field.customers(conn)?;
            let at = Workspace::load(conn)?.clock().stamp();
            field.delete(conn, at)?;
            let details = json!({ "name": field.name(), "label": field.label, "customers": customers });
            audit(conn, &caller, "custom_field.delete", &format!("custom field {id}"), &details)?;
            Ok::<_, Error>(format!("{} is deleted. {}", field.label, went(customers)))
        })
        .await?;
    Ok(web::flash(web::see_other("/settings/fields"), &words))
}

fn went(customers: i64) -> String {
    match customers {
        0 => "Nobody had a value.".into(),
        1 => "1 customer had a value.".into(),
        many => format!("{} customers had a value.", web::thousands(&many)),
    }
}
