//! Views in the browser: all of them, keeping one, changing and deleting it. They are opened on the customers page.

use super::{Look, Problem, View};
use crate::agents::{Caller, Right};
use crate::custom_fields::CustomField;
use crate::customers::columns::{Columns, Shown};
use crate::customers::list::Sort;
use crate::db::{Conn, Db};
use crate::filters::sentence::{Bit, bits};
use crate::web::{self, Chrome, Error, flash, see_other};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use serde::Deserialize;

/// One view as the list of them shows it.
struct Line {
    view: View,
    /// What it asks; empty for everybody.
    sentence: Vec<Bit>,
    /// Why it selects nobody.
    broken: Option<String>,
    columns: String,
    order: String,
    updated: String,
    may_change: bool,
}

impl Line {
    fn of(view: View, fields: &[CustomField], caller: &Caller, conn: &mut Conn, clock: &Clock) -> Result<Line, Error> {
        let (columns, _) = Columns::known(&view.shown, fields);
        let (sentence, broken) = match view.filter(conn, clock)? {
            Ok(filter) => {
                let sentence = if filter.rule().is_empty() { Vec::new() } else { bits(filter.rule()) };
                (sentence, filter.problems().first().map(|problem| problem.words.clone()))
            }
            Err(mistake) => (Vec::new(), Some(mistake.to_string())),
        };
        Ok(Line {
            sentence,
            broken,
            columns: columns.shown().iter().map(Shown::label).collect::<Vec<_>>().join(", "),
            order: Sort::kept(&view.sort).words(),
            updated: clock.ago(view.updated_at),
            may_change: view.may_change(caller),
            view,
        })
    }
}

#[derive(Template)]
#[template(path = "views/index.html")]
struct IndexPage {
    chrome: Chrome,
    lines: Vec<Line>,
}

/// `GET /views`
pub async fn index(db: Data<Db>, chrome: Chrome, caller: Caller) -> Result<HttpResponse, Error> {
    let lines = db
        .read(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            let fields = CustomField::all(conn)?;
            let views = View::list(&caller, conn)?;
            let lines = views.into_iter().map(|view| Line::of(view, &fields, &caller, conn, &clock));
            lines.collect::<Result<Vec<_>, Error>>()
        })
        .await?;
    web::show(&IndexPage { chrome, lines })
}

/// What the forms say; the customers page says what to show, the view's own form what to call it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    name: String,
    private: String,
    filter: String,
    columns: String,
    sort: String,
}

impl Typed {
    fn look(&self) -> Look {
        Look { filter: self.filter.clone(), columns: self.columns.clone(), sort: self.sort.clone() }
    }

    /// Who may not share keeps it private, ticked or not.
    fn private(&self, caller: &Caller) -> bool {
        !caller.may(Right::ShareSegments) || !self.private.is_empty()
    }
}

/// The form that names a new view or changes one, with what was typed and what is wrong with it.
#[derive(Template)]
#[template(path = "views/form.html")]
struct FormPage {
    chrome: Chrome,
    /// The view being changed; `None` keeps a new one.
    id: Option<i64>,
    title: String,
    name: String,
    private: bool,
    may_share: bool,
    /// What a new one shows.
    look: Look,
    name_problem: Option<String>,
    private_problem: Option<String>,
    problem: Option<String>,
}

impl FormPage {
    fn of(chrome: Chrome, caller: &Caller, typed: &Typed) -> FormPage {
        FormPage {
            chrome,
            id: None,
            title: "New view".into(),
            name: typed.name.clone(),
            private: typed.private(caller),
            may_share: caller.may(Right::ShareSegments),
            look: typed.look(),
            name_problem: None,
            private_problem: None,
            problem: None,
        }
    }

    fn with(mut self, problem: Problem) -> Result<HttpResponse, Error> {
        match problem {
            Problem::Failed(error) => return Err(error.into()),
            Problem::Name(words) => self.name_problem = Some(words),
            Problem::NotYours(_) | Problem::Share => self.private_problem = Some(problem.to_string()),
            Problem::Look(_) | Problem::Gone => self.problem = Some(problem.to_string()),
        }
        web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &self)
    }
}

/// Opens it.
fn place(id: i64) -> String {
    format!("/customers?view={id}")
}

/// `POST /views`: from "Save view" on the customers page.
pub async fn create(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    let page = FormPage::of(chrome, &caller, &typed);
    let made = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            View::create(&typed.name, typed.private(&caller), &typed.look(), &caller, conn, &clock)
        })
        .await;
    match made {
        Ok(view) => Ok(flash(see_other(&place(view.id)), &format!("{} saved.", view.name))),
        Err(problem) => page.with(problem),
    }
}

fn find(id: i64, caller: &Caller, conn: &mut Conn) -> Result<View, Error> {
    View::find(id, caller, conn)?.ok_or(Error::NotFound("view"))
}

/// A view that this person may change, or why not.
fn changeable(id: i64, caller: &Caller, conn: &mut Conn) -> Result<View, Error> {
    let view = find(id, caller, conn)?;
    match view.may_change(caller) {
        true => Ok(view),
        false => Err(Right::ShareSegments.refusal()),
    }
}

/// `GET /views/{id}`: its list is on the customers page.
pub async fn show(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let view = db.read(move |conn| find(*id, &caller, conn)).await?;
    Ok(see_other(&place(view.id)))
}

/// `GET /views/{id}/edit`
pub async fn edit(db: Data<Db>, chrome: Chrome, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let asker = caller.clone();
    let view = db.read(move |conn| changeable(*id, &asker, conn)).await?;
    let page = FormPage::of(chrome, &caller, &Typed::default());
    web::show(&FormPage { id: Some(view.id), title: view.name.clone(), name: view.name, private: view.private, ..page })
}

/// `POST /views/{id}`: what it is called and who sees it.
pub async fn update(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    let id = *id;
    let asker = caller.clone();
    let seen = db.read(move |conn| changeable(id, &asker, conn)).await?;
    let page = FormPage { id: Some(id), title: seen.name, ..FormPage::of(chrome, &caller, &typed) };
    let changed = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            // Asked again while writing: rights may change while somebody types.
            let view = View::find(id, &caller, conn)?.filter(|view| view.may_change(&caller)).ok_or(Problem::Gone)?;
            view.update(&typed.name, typed.private(&caller), &caller, conn, &clock)
        })
        .await;
    match changed {
        Ok(()) => Ok(flash(see_other("/views"), "View saved.")),
        Err(problem) => page.with(problem),
    }
}

/// `POST /views/{id}/list`: from now on it shows what the customers page shows.
pub async fn keep(
    db: Data<Db>,
    caller: Caller,
    id: Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    let id = *id;
    let kept = db
        .write(move |conn| {
            let view = changeable(id, &caller, conn)?;
            let clock = Workspace::load(conn)?.clock();
            match view.keep(&typed.look(), &caller, conn, &clock) {
                Ok(()) => Ok(view.name),
                Err(Problem::Failed(error)) => Err(error.into()),
                Err(problem) => Err(Error::Unprocessable(problem.to_string())),
            }
        })
        .await?;
    Ok(flash(see_other(&place(id)), &format!("{kept} saved.")))
}

#[derive(Template)]
#[template(path = "views/delete.html")]
struct DeletePage {
    chrome: Chrome,
    view: View,
}

/// `GET /views/{id}/delete`
pub async fn ask_delete(db: Data<Db>, chrome: Chrome, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let view = db.read(move |conn| changeable(*id, &caller, conn)).await?;
    web::show(&DeletePage { chrome, view })
}

/// `POST /views/{id}/delete`
pub async fn delete(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let name = db
        .write(move |conn| {
            let view = changeable(*id, &caller, conn)?;
            let clock = Workspace::load(conn)?.clock();
            view.delete(&caller, conn, &clock)?;
            Ok::<_, Error>(view.name)
        })
        .await?;
    Ok(flash(see_other("/views"), &format!("{name} deleted. Nobody in it was touched.")))
}
