//! What ends a tag in the browser: merging it into another, putting it away, deleting it. Each says first what it does.

use super::impact::{self, Change, Step};
use super::merge::{self, Refused, Sums};
use super::uses::Uses;
use super::{Mark, Source, Tag, names, pages};
use crate::agents::{Caller, audit};
use crate::db::{self, Conn, Db, Trouble, dialect};
use crate::filters::sets::{Sets, Snapshot};
use crate::web::{self, Chrome, Error};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use diesel::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

pub fn tag(id: i64, conn: &mut Conn) -> Result<Tag, Error> {
    Tag::by_id(id, conn)?.ok_or(Error::NotFound("tag"))
}

/// The tag to merge with, by name or as `#7`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    into: String,
}

/// What merging would do.
pub struct Preview {
    pub into: Tag,
    pub sums: Sums,
    pub changes: Vec<Change>,
}

#[derive(Template)]
#[template(path = "tags/merge.html")]
struct MergePage {
    chrome: Chrome,
    tag: Tag,
    uses: Uses,
    typed: String,
    problem: Option<String>,
    preview: Option<Preview>,
}

impl Preview {
    /// What merging `from` into `into` would do, or why it cannot be.
    pub fn of(from: &Tag, into: Tag, caller: &Caller, at: &mut Snapshot) -> Result<Result<Preview, String>, Error> {
        let clock = Workspace::load(at)?.clock();
        let (sums, both) = match merge::sums(from, &into, clock.stamp(), at) {
            Ok(sums) => sums,
            Err(Refused::Query(error)) => return Err(error.into()),
            Err(refused) => return Ok(Err(refused.to_string())),
        };
        let changes = impact::changes(&Step::Merge(from.clone(), into.clone(), both), caller, &clock, at)?;
        Ok(Ok(Preview { into, sums, changes: changes.into_iter().map(|(change, _)| change).collect() }))
    }

    fn after(&self) -> String {
        web::thousands(&self.sums.after())
    }

    /// The button says what it does.
    fn button(&self) -> String {
        match self.sums.moved() {
            0 => "Merge".into(),
            1 => format!("Merge: 1 customer gains {}", self.into.name),
            many => format!("Merge: {} customers gain {}", web::thousands(&many), self.into.name),
        }
    }
}

fn meant(words: &str, conn: &mut Conn) -> Result<Result<Tag, String>, Error> {
    let numbered = || words.trim().strip_prefix('#')?.parse().ok();
    let found = match (names::find(words, conn)?, numbered()) {
        (None, Some(id)) => Tag::by_id(id, conn)?,
        (found, _) => found,
    };
    Ok(found.ok_or_else(|| format!("There is no tag “{}”. Choose one that is there.", words.trim())))
}

/// `GET /tags/{id}/merge?into=VIP` says what it would do.
pub async fn ask_merge(
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let typed = asked.into_inner().into;
    let words = typed.clone();
    let (tag, uses, found) = sets
        .read(move |at| {
            let tag = tag(id.into_inner(), at)?;
            let uses = Uses::of(&tag, &caller, at)?;
            let found = match words.trim().is_empty() {
                true => None,
                false => Some(match meant(&words, at)? {
                    Ok(into) => Preview::of(&tag, into, &caller, at)?,
                    Err(words) => Err(words),
                }),
            };
            Ok::<_, Error>((tag, uses, found))
        })
        .await?;
    let (preview, problem) = match found {
        None => (None, None),
        Some(Ok(preview)) => (Some(preview), None),
        Some(Err(words)) => (None, Some(words)),
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    // Links say a number, people may say a former name: the field says what was understood.
    let typed = preview.as_ref().map_or(typed, |preview| preview.into.name.clone());
    web::show_as(status, &MergePage { chrome, tag, uses, typed, problem, preview })
}

/// `POST /tags/{id}/merge`.
pub async fn merge(
    db: Data<Db>,
    caller: Caller,
    id: Path<i64>,
    Form(asked): Form<Asked>,
) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let done = db.write(move |conn| {
        let from = tag(id, conn)?;
        let into = match meant(&asked.into, conn)? {
            Ok(into) => into,
            Err(words) => return Ok(Err(words)),
        };
        Ok::<_, Error>(match do_merge(&from, &into, &caller, conn)? {
            Ok(merged) => Ok(format!(
                "{} is part of {} now. {}",
                from.name,
                into.name,
                carried_by(merged.sums.moved(), &format!("got {}", into.name))
            )),
            Err(words) => Err(words),
        })
    });
    match done.await? {
        Ok(words) => Ok(web::flash(web::see_other("/tags"), &words)),
        Err(words) => Err(Error::Unprocessable(words)),
    }
}

/// Merges and notes it down.
pub fn do_merge(
    from: &Tag,
    into: &Tag,
    caller: &Caller,
    conn: &mut Conn,
) -> Result<Result<merge::Merged, String>, Error> {
    let mark = Mark::of(caller, Source::Tags, Workspace::load(conn)?.clock().stamp());
    // Whoever tags while it goes on holds what it needs, and the other way round.
    let merged = db::again(|| {
        conn.transaction(|conn| {
            dialect::give_way(conn)?;
            match merge::merge(from, into, &mark, caller, conn) {
                Ok(merged) => Ok(Ok(merged)),
                Err(Refused::Query(error)) => Err(Trouble::from(error)),
                Err(refused) => Ok(Err(refused.to_string())),
            }
        })
    })?;
    let merged = match merged {
        Ok(merged) => merged,
        Err(words) => return Ok(Err(words)),
    };
    let places: Vec<Value> =
        merged.rewritten.iter().map(|place| json!({ "kind": place.kind.key(), "id": place.id })).collect();
    let told = |tag: &Tag, customers: i64| json!({ "id": tag.id, "name": tag.name, "customers": customers });
    let details = json!({
        "before": [told(from, merged.sums.from), told(into, merged.sums.into)],
        "after": told(into, merged.sums.after()),
        "both": merged.sums.both,
        "rewritten": places,
    });
    audit(conn, caller, "tag.merge", &format!("tag {}", into.id), &details)?;
    Ok(Ok(merged))
}

/// `POST /tags/{id}/archive`: not offered any more, and still on whoever carries it.
pub async fn archive(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    put_away(&db, caller, id.into_inner(), true).await
}

/// `POST /tags/{id}/restore`.
pub async fn restore(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    put_away(&db, caller, id.into_inner(), false).await
}

async fn put_away(db: &Db, caller: Caller, id: i64, away: bool) -> Result<HttpResponse, Error> {
    let name = db
        .write(move |conn| {
            let tag = tag(id, conn)?;
            do_archive(&tag, away, &caller, conn)?;
            Ok::<_, Error>(tag.name)
        })
        .await?;
    let words = match away {
        true => format!("{name} is archived: it is not offered any more, and stays on whoever carries it."),
        false => format!("{name} is offered again."),
    };
    Ok(web::flash(web::see_other(if away { "/tags" } else { "/tags?tab=archived" }), &words))
}

/// Puts a tag away or back and notes it down; nothing happens to one that is there already.
pub fn do_archive(tag: &Tag, away: bool, caller: &Caller, conn: &mut Conn) -> Result<(), Error> {
    if tag.archived_at.is_some() == away {
        return Ok(());
    }
    let at = Workspace::load(conn)?.clock().stamp();
    tag.archive(away.then_some(at), conn)?;
    let details = json!({ "name": tag.name, "before": { "archived": !away }, "after": { "archived": away } });
    let action = if away { "tag.archive" } else { "tag.restore" };
    Ok(audit(conn, caller, action, &format!("tag {}", tag.id), &details)?)
}

#[derive(Template)]
#[template(path = "tags/delete.html")]
struct DeletePage {
    chrome: Chrome,
    tag: Tag,
    customers: i64,
    link: String,
    uses: Uses,
    changes: Vec<Change>,
}

/// `GET /tags/{id}/delete` says what it would do, and asks what replaces the tag.
pub async fn ask_delete(
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Error> {
    let (tag, customers, uses, changes) = sets
        .read(move |at| {
            let clock = Workspace::load(at)?.clock();
            let tag = tag(id.into_inner(), at)?;
            let (customers, uses) = (tag.customers(clock.stamp(), at)?, Uses::of(&tag, &caller, at)?);
            let changes = impact::changes(&Step::Delete(tag.clone()), &caller, &clock, at)?;
            let changes: Vec<Change> = changes.into_iter().map(|(change, _)| change).collect();
            Ok::<_, Error>((tag, customers, uses, changes))
        })
        .await?;
    web::show(&DeletePage { chrome, link: pages::carriers(&tag.name), tag, customers, uses, changes })
}

/// `POST /tags/{id}/delete`: takes it from everybody.
pub async fn delete(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let words = db
        .write(move |conn| {
            let tag = tag(id, conn)?;
            let customers = do_delete(&tag, &caller, conn)?;
            Ok::<_, Error>(format!("{} is deleted. {}", tag.name, carried_by(customers, "carried it")))
        })
        .await?;
    Ok(web::flash(web::see_other("/tags"), &words))
}

/// Deletes a tag and notes it down. Says how many carried it.
pub fn do_delete(tag: &Tag, caller: &Caller, conn: &mut Conn) -> Result<i64, Error> {
    let at = Workspace::load(conn)?.clock().stamp();
    let (customers, uses) = (tag.customers(at, conn)?, Uses::of(tag, caller, conn)?);
    Tag::delete(tag.id, &Mark::of(caller, Source::Tags, at), conn)?;
    let asked: Vec<i64> = uses.places.iter().map(|place| place.id).collect();
    let before =
        json!({ "name": tag.name, "colour": tag.colour, "description": tag.description, "customers": customers });
    let details = json!({ "before": before, "after": null, "asked_by": asked });
    audit(conn, caller, "tag.delete", &format!("tag {}", tag.id), &details)?;
    Ok(customers)
}

/// `1 customer carried it.`, `Nobody carried it.`
fn carried_by(customers: i64, verb: &str) -> String {
    match customers {
        0 => format!("Nobody {verb}."),
        1 => format!("1 customer {verb}."),
        many => format!("{} customers {verb}.", web::thousands(&many)),
    }
}
