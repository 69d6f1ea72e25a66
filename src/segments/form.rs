//! The form that makes or changes a segment, with what was typed and what is wrong with it; and making one.

use super::change::Change;
use super::pages::{pairs, people, value};
use super::{Kind, Problem, Segment, Wish, sizes};
use crate::agents::{Caller, Right};
use crate::db::{Conn, Db};
use crate::filters::caret::Caret;
use crate::filters::fields::Fields;
use crate::filters::sentence::{Bit, bits};
use crate::filters::sets::Sets;
use crate::filters::{Filter, Mistake, stored};
use crate::web::{self, Chrome, Error, Htmx, flash, see_other};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "segments/form.html", blocks = ["form"])]
pub(super) struct FormPage {
    pub chrome: Chrome,
    /// The segment being changed; `None` makes a new one.
    pub id: Option<i64>,
    pub title: String,
    pub name: String,
    pub dynamic: bool,
    pub private: bool,
    pub filter: String,
    pub sentence: Vec<Bit>,
    pub count: Option<i64>,
    pub may_share: bool,
    pub name_problem: Option<String>,
    pub private_problem: Option<String>,
    pub filter_problem: Option<String>,
    /// Somebody changes it as text, which stays open for her.
    pub as_text: bool,
    /// Where in the filter's text reading stopped.
    pub caret: Option<Caret>,
    /// The version that what was typed is a change of.
    pub version: i64,
    /// What saving would do, once somebody asked.
    pub change: Option<Change>,
    /// Stands for the change that is shown: only what was looked at is saved.
    pub checked: String,
    /// What somebody else has saved meanwhile.
    pub theirs: Option<Theirs>,
}

/// A segment as somebody else saved it while this form was filled in.
pub(super) struct Theirs {
    pub actor: String,
    pub when: String,
    pub name: String,
    pub sentence: String,
    pub text: String,
    pub private: bool,
}

impl FormPage {
    pub fn blank(chrome: Chrome, caller: &Caller) -> FormPage {
        let may_share = caller.may(Right::ShareSegments);
        FormPage {
            chrome,
            id: None,
            title: "New segment".into(),
            name: String::new(),
            dynamic: true,
            private: !may_share,
            filter: String::new(),
            sentence: Vec::new(),
            count: None,
            may_share,
            name_problem: None,
            private_problem: None,
            filter_problem: None,
            as_text: false,
            caret: None,
            version: 0,
            change: None,
            checked: String::new(),
            theirs: None,
        }
    }

    /// What was typed, to be shown again.
    pub fn typed(chrome: Chrome, form: &[(String, String)], caller: &Caller) -> FormPage {
        let page = FormPage::blank(chrome, caller);
        FormPage {
            name: value(form, "name").into(),
            filter: value(form, "filter").into(),
            as_text: value(form, "built").is_empty(),
            private: !page.may_share || !value(form, "private").is_empty(),
            ..page
        }
    }

    pub fn with(mut self, problem: Problem) -> Result<FormPage, Error> {
        match problem {
            Problem::Failed(error) => return Err(error.into()),
            Problem::Name(words) => self.name_problem = Some(words),
            Problem::Unread(mistake) => return Ok(self.unread(&mistake)),
            Problem::NotYours(_) => self.private_problem = Some(problem.to_string()),
            other => self.filter_problem = Some(other.to_string()),
        }
        Ok(self)
    }

    fn unread(mut self, mistake: &Mistake) -> FormPage {
        self.caret = (mistake.position > 0).then(|| Caret::under(&self.filter, mistake, Fields::built_in()));
        self.filter_problem = Some(mistake.to_string());
        self
    }

    fn action(&self) -> String {
        match self.id {
            Some(id) => format!("/segments/{id}"),
            None => "/segments".into(),
        }
    }

    /// The page, or the form alone when that is what will be swapped.
    pub fn answer(&self, status: StatusCode, htmx: &Htmx) -> Result<HttpResponse, Error> {
        htmx.show_as(status, self, self.as_form())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Beginning {
    filter: String,
    kind: String,
}

/// `GET /segments/new?filter=…`
pub async fn new(
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    begin: Query<Beginning>,
) -> Result<HttpResponse, Error> {
    let mut page = FormPage::blank(chrome, &caller);
    let Beginning { filter: typed, kind } = begin.into_inner();
    page.dynamic = Kind::parse(&kind) != Some(Kind::Static);
    page.filter = typed.clone();
    let read = sets
        .read(move |at| {
            let clock = Workspace::load(at)?.clock();
            Ok::<_, Error>(match stored::open(&typed, at)? {
                Ok(rule) => {
                    let filter = Filter::check(&rule, at, &clock)?;
                    Ok((filter.text(), bits(filter.rule()), at.count(&filter)?))
                }
                Err(mistake) => Err(mistake),
            })
        })
        .await?;
    match read {
        Ok((text, sentence, count)) => {
            (page.filter, page.sentence, page.count) = (text, sentence, Some(count));
        }
        Err(mistake) => page = page.unread(&mistake),
    }
    web::show(&page)
}

/// What a form wishes for. The kind is that of the form, or of the segment being changed.
pub(super) fn wish(form: &[(String, String)], kind: Kind, may_share: bool, conn: &mut Conn) -> Result<Wish, Problem> {
    let typed = value(form, "filter");
    let rule = match typed.trim().is_empty() && kind == Kind::Static {
        true => None,
        false => Some(stored::open(typed, conn)??),
    };
    Ok(Wish { name: value(form, "name").into(), kind, rule, private: !may_share || !value(form, "private").is_empty() })
}

/// `POST /segments`: from the form, and from "Save as segment" on the customers page.
pub async fn create(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    body: String,
) -> Result<HttpResponse, Error> {
    let form = pairs(&body);
    let kind = Kind::parse(value(&form, "kind")).unwrap_or(Kind::Dynamic);
    let may_share = caller.may(Right::ShareSegments);
    let page = FormPage { dynamic: kind == Kind::Dynamic, ..FormPage::typed(chrome, &form, &caller) };
    let made = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            let wish = wish(&form, kind, may_share, conn)?;
            Segment::create(&wish, &caller, conn, &clock)
        })
        .await;
    match made {
        Ok(segment) => {
            let count = sizes::saved(&segment, &sets, &db).await?;
            let words = format!("{} saved. {} in it now.", segment.name, people(count));
            Ok(flash(see_other(&format!("/segments/{}", segment.id)), &words))
        }
        Err(problem) => page.with(problem)?.answer(StatusCode::UNPROCESSABLE_ENTITY, &htmx),
    }
}
