//! The form that makes a tag or changes one: its name, colour, description and family. What it would do besides is told
//! before it is done.

use super::families::{self, Crowded, Family};
use super::impact::{self, Change, Step};
use super::list::{self, Used};
use super::{COLOURS, Draft, LONGEST_DESCRIPTION, Mark, Problem, Source, Tag, names};
use crate::agents::{Caller, Mistakes, audit};
use crate::customers::clean;
use crate::db::{Conn, Db};
use crate::filters::sets::{Sets, Snapshot};
use crate::web::{self, Chrome, Error};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

/// The form as it was typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    name: String,
    colour: String,
    description: String,
    family: String,
    /// What was told about it is meant: the name that was another's, the audiences that change, who loses a tag.
    sure: String,
}

/// A form that makes sense.
struct Checked {
    draft: Draft,
    family: Option<String>,
}

impl Typed {
    fn of(used: &Used) -> Typed {
        let Used { tag, family, .. } = used;
        Typed {
            name: tag.name.clone(),
            colour: tag.colour.clone(),
            description: tag.description.clone(),
            family: family.clone().unwrap_or_default(),
            sure: String::new(),
        }
    }

    /// A colour that was not chosen is the name's own.
    fn check(&self) -> Result<Checked, Mistakes> {
        let mut wrong = Mistakes::default();
        let name = wrong.noted("name", Tag::clean(&self.name));
        let description = wrong.noted("description", clean::text(&self.description, LONGEST_DESCRIPTION));
        let colour = wrong.noted("colour", self.colour(&name));
        let family = wrong.noted("family", Family::clean(&self.family));
        let draft = Draft { name, colour, description: description.unwrap_or_default() };
        if wrong.is_empty() { Ok(Checked { draft, family }) } else { Err(wrong) }
    }

    fn colour(&self, name: &str) -> Result<String, String> {
        match self.colour.as_str() {
            "" => Ok(Draft::named(name).colour),
            colour if COLOURS.contains(&colour) => Ok(colour.to_string()),
            _ => Err("Choose one of the colours.".into()),
        }
    }

    /// What somebody was told is answered by the words she was told.
    fn agrees_to(&self, warning: &Warning) -> bool {
        self.sure == warning.key()
    }
}

#[derive(Template)]
#[template(path = "tags/form.html")]
struct FormPage {
    chrome: Chrome,
    /// `None` for a new tag.
    used: Option<Used>,
    typed: Typed,
    wrong: Mistakes,
    /// The tag that has the name already.
    taken: Option<Tag>,
    /// What it would do besides.
    warning: Option<Warning>,
    families: Vec<String>,
}

impl FormPage {
    fn fresh(chrome: Chrome, used: Option<Used>, families: Vec<String>) -> FormPage {
        let typed = used.as_ref().map(Typed::of).unwrap_or_default();
        FormPage { chrome, used, typed, wrong: Mistakes::default(), taken: None, warning: None, families }
    }

    fn action(&self) -> String {
        self.used.as_ref().map_or_else(|| "/tags".into(), |used| format!("/tags/{}", used.tag.id))
    }
}

/// What somebody ought to know before it is done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Warning {
    /// The tag that was called so once, and is understood by it.
    pub formerly: Option<Tag>,
    /// Audiences that change, by a rename.
    pub changes: Vec<Change>,
    /// How many customers lose a tag to the family.
    pub crowded: i64,
    pub family: String,
}

impl Warning {
    fn is_empty(&self) -> bool {
        *self == Warning { family: self.family.clone(), ..Warning::default() }
    }

    /// The same warning has the same key: whoever agreed to another has not agreed to this.
    pub fn key(&self) -> String {
        let changes: Vec<String> = self
            .changes
            .iter()
            .map(|change| format!("{}:{}:{}", change.place.id, change.gained, change.lost))
            .collect();
        format!("{}/{}/{}", self.formerly.as_ref().map_or(0, |tag| tag.id), self.crowded, changes.join(","))
    }

    /// What a draft would do to a tag, or to those there are.
    pub fn of(
        before: Option<&Tag>,
        draft: &Draft,
        family: Option<&str>,
        caller: &Caller,
        clock: &Clock,
        at: &mut Snapshot,
    ) -> Result<Warning, Error> {
        let formerly = names::formerly(&draft.name, at)?.filter(|tag| before.is_none_or(|before| before.id != tag.id));
        let mut warning = Warning { formerly, family: family.unwrap_or_default().into(), ..Warning::default() };
        let Some(before) = before else { return Ok(warning) };
        if before.name != draft.name {
            let step = Step::Rename(before.clone(), draft.name.clone());
            let changes = impact::changes(&step, caller, clock, at)?;
            warning.changes = changes.into_iter().map(|(change, _)| change).collect();
        }
        let family = match family {
            Some(name) => Family::find(name, at)?,
            None => None,
        };
        if let Some(family) = family.filter(|family| before.family_id != Some(family.id)) {
            warning.crowded = Crowded::of(before.id, &family, clock.stamp(), at)?.customers();
        }
        Ok(warning)
    }
}

fn used(id: i64, conn: &mut Conn) -> Result<Used, Error> {
    let tag = Tag::by_id(id, conn)?.ok_or(Error::NotFound("tag"))?;
    Ok(list::one(tag, Workspace::load(conn)?.clock().stamp(), conn)?)
}

fn families(conn: &mut Conn) -> Result<Vec<String>, Error> {
    Ok(Family::all(conn)?.into_iter().map(|family| family.name).collect())
}

/// `GET /tags/new`.
pub async fn new(db: Data<Db>, chrome: Chrome) -> Result<HttpResponse, Error> {
    let families = db.read(families).await?;
    web::show(&FormPage::fresh(chrome, None, families))
}

/// `GET /tags/{id}/edit`.
pub async fn edit(db: Data<Db>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let (used, families) = db.read(move |conn| Ok::<_, Error>((used(id, conn)?, families(conn)?))).await?;
    web::show(&FormPage::fresh(chrome, Some(used), families))
}

/// `POST /tags`.
pub async fn create(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    answer(&db, &sets, chrome, caller, None, typed).await
}

/// `POST /tags/{id}`: rename, recolour, describe, put into a family.
pub async fn update(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    answer(&db, &sets, chrome, caller, Some(id.into_inner()), typed).await
}

async fn answer(
    db: &Db,
    sets: &Sets,
    chrome: Chrome,
    caller: Caller,
    id: Option<i64>,
    typed: Typed,
) -> Result<HttpResponse, Error> {
    let (before, families) = db
        .read(move |conn| {
            let before = id.map(|id| used(id, conn)).transpose()?;
            Ok::<_, Error>((before, families(conn)?))
        })
        .await?;
    let page = |typed: Typed| FormPage { typed, ..FormPage::fresh(chrome, before.clone(), families) };
    let Checked { draft, family } = match typed.check() {
        Ok(checked) => checked,
        Err(wrong) => return refuse(&FormPage { wrong, ..page(typed) }),
    };
    let tag = before.as_ref().map(|used| used.tag.clone());
    let (asking, wanted, named) = (caller.clone(), draft.clone(), family.clone());
    let warning = sets.read(move |at| {
        let clock = Workspace::load(at)?.clock();
        Warning::of(tag.as_ref(), &wanted, named.as_deref(), &asking, &clock, at)
    });
    let warning = warning.await?;
    if !warning.is_empty() && !typed.agrees_to(&warning) {
        return refuse(&FormPage { warning: Some(warning), ..page(typed) });
    }
    let written = db.write(move |conn| save(id, &draft, family.as_deref(), &caller, conn)).await?;
    match written {
        Ok((_, words)) => Ok(web::flash(web::see_other("/tags"), &words)),
        Err(taken) => {
            let wrong = Mistakes::one("name", "This name is taken, without regard to case, by");
            refuse(&FormPage { wrong, taken: Some(taken), ..page(typed) })
        }
    }
}

fn refuse(page: &FormPage) -> Result<HttpResponse, Error> {
    web::show_as(StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// Writes the tag and what to tell; or gives the tag that is in the way.
pub fn save(
    id: Option<i64>,
    draft: &Draft,
    family: Option<&str>,
    caller: &Caller,
    conn: &mut Conn,
) -> Result<Result<(Tag, String), Tag>, Error> {
    let at = Workspace::load(conn)?.clock().stamp();
    let before = match id {
        Some(id) => Some(used(id, conn)?),
        None => None,
    };
    let written = match &before {
        Some(used) => used.tag.update(draft, conn, at),
        None => Tag::create(draft, conn, at),
    };
    let tag = match written {
        Ok(tag) => tag,
        Err(Problem::Taken(other)) => return Ok(Err(other)),
        Err(Problem::Query(error)) => return Err(error.into()),
    };
    let family = match family {
        Some(name) => Some(Family::find_or_create(name, at, conn)?),
        None => None,
    };
    if tag.family_id != family.as_ref().map(|family| family.id) {
        families::put(tag.id, family.as_ref(), &Mark::of(caller, Source::Tags, at), conn)?;
    }
    let tag = Tag::by_id(tag.id, conn)?.ok_or(Error::NotFound("tag"))?;
    let (action, words) = match &before {
        None => ("tag.create", format!("{} is added.", tag.name)),
        Some(before) if before.tag.name != tag.name => {
            ("tag.update", format!("{} is now called {}. The old name is still understood.", before.tag.name, tag.name))
        }
        Some(_) => ("tag.update", format!("{} is saved.", tag.name)),
    };
    let told = |tag: &Tag, family: Option<&str>| json!({ "name": tag.name, "colour": tag.colour, "description": tag.description, "family": family });
    let details = json!({
        "before": before.as_ref().map(|used| told(&used.tag, used.family.as_deref())),
        "after": told(&tag, family.as_ref().map(|family| family.name.as_str())),
    });
    audit(conn, caller, action, &format!("tag {}", tag.id), &details)?;
    Ok(Ok((tag, words)))
}
