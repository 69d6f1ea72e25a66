//! Tags for programs: `/api/v1/tags`. What changes audiences is told first, and done once the program says `"sure": true`.

use super::ending::{do_archive, do_delete, do_merge, tag};
use super::families::Family;
use super::form::{Warning, save};
use super::impact::{self, Change, Step};
use super::list::{self, List, Order, Tab, Used};
use super::uses::Uses;
use super::{COLOURS, Draft, LONGEST_DESCRIPTION, Tag, names};
use crate::agents::Caller;
use crate::customers::api::{Refusal, respond, spell_time};
use crate::customers::clean;
use crate::db::{Conn, Db};
use crate::filters::sets::{Sets, Snapshot};
use crate::web::Error;
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Json, Path, Query};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

fn view(used: &Used) -> Value {
    let Used { tag, created_at, customers, family, formerly, segments, views, .. } = used;
    json!({
        "id": tag.id,
        "name": tag.name,
        "colour": tag.colour,
        "description": tag.description,
        "family": family,
        "archived_at": tag.archived_at.map(spell_time),
        "aliases": formerly,
        "customers": customers,
        "segments": segments,
        "views": views,
        "created_at": spell_time(*created_at),
    })
}

fn one(tag: Tag, conn: &mut Conn) -> Result<Value, Refusal> {
    let now = Workspace::load(conn)?.clock().stamp();
    Ok(view(&list::one(tag, now, conn)?))
}

/// What the list may be asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    q: String,
    /// `families`, `near`, `unused`, `unasked` or `archived`.
    tab: String,
    /// `name`, `customers` or `created`.
    sort: String,
    page: Option<usize>,
}

/// `GET /api/v1/tags`
pub async fn index(db: Data<Db>, params: Query<Params>) -> Result<HttpResponse, Error> {
    let found = db.read(move |conn| {
        let Params { q, tab, sort, page } = params.into_inner();
        let (tab, order) = (Tab::parse(&tab), Order::parse(&sort));
        let asked = list::Asked { q, tab, order, page: page.unwrap_or(1) };
        let list = List::load(&asked, Workspace::load(conn)?.clock().stamp(), conn)?;
        let tags: Vec<Value> = list.rows.iter().map(view).collect();
        Ok::<_, Refusal>(json!({ "total": list.found, "page": list.page, "pages": list.pages(), "tags": tags }))
    });
    respond(StatusCode::OK, found.await)
}

/// A body of the right shape, or what is missing in it.
pub fn read<T: DeserializeOwned>(body: Json<Value>) -> Result<T, Refusal> {
    serde_json::from_value(body.into_inner()).map_err(|error| Refusal::invalid(error.to_string(), Value::Null))
}

/// What is given, `null` included; what is not given stays as it is.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wish {
    name: Option<String>,
    colour: Option<String>,
    description: Option<String>,
    #[serde(deserialize_with = "given")]
    family: Option<Option<String>>,
    archived: Option<bool>,
    sure: bool,
}

impl Wish {
    /// What the tag is to be: what is not said is as it was, or as it is usual.
    fn draft(&self, before: Option<&Used>) -> Result<(Draft, Option<String>), Refusal> {
        let wrong = |field: &str, words: String| Refusal::invalid(words, json!({ "field": field }));
        let name = match (&self.name, before) {
            (Some(name), _) => Tag::clean(name).map_err(|words| wrong("name", words))?,
            (None, Some(before)) => before.tag.name.clone(),
            (None, None) => return Err(wrong("name", "a tag needs a name".into())),
        };
        let usual = before.map_or_else(
            || Draft::named(&name),
            |used| Draft {
                name: name.clone(),
                colour: used.tag.colour.clone(),
                description: used.tag.description.clone(),
            },
        );
        let colour = match &self.colour {
            Some(colour) if COLOURS.contains(&colour.as_str()) => colour.clone(),
            Some(_) => return Err(wrong("colour", format!("a colour is one of {}", COLOURS.join(", ")))),
            None => usual.colour,
        };
        let description = match &self.description {
            Some(text) => clean::text(text, LONGEST_DESCRIPTION).map_err(|words| wrong("description", words))?,
            None => Some(usual.description),
        };
        let family = match &self.family {
            Some(family) => {
                Family::clean(family.as_deref().unwrap_or_default()).map_err(|words| wrong("family", words))?
            }
            None => before.and_then(|used| used.family.clone()),
        };
        Ok((Draft { name, colour, description: description.unwrap_or_default() }, family))
    }
}

fn told(changes: &[Change]) -> Vec<Value> {
    let told = |change: &Change| {
        json!({
            "kind": change.place.kind.key(),
            "id": change.place.id,
            "name": change.place.name,
            "before": change.before,
            "after": change.after,
            "broken": change.broken,
        })
    };
    changes.iter().map(told).collect()
}

/// What ought to be known before it is done.
fn unsure(message: &str, details: Value) -> Refusal {
    let message = format!("{message}; say \"sure\": true to do it all the same");
    Refusal::Told { status: StatusCode::CONFLICT, code: "unsure", message, details }
}

fn warned(warning: &Warning) -> Result<(), Refusal> {
    let details = json!({
        "formerly": warning.formerly.as_ref().map(|tag| json!({ "id": tag.id, "name": tag.name })),
        "changes": told(&warning.changes),
        "customers_losing_a_tag": warning.crowded,
    });
    match (&warning.formerly, warning.changes.is_empty(), warning.crowded) {
        (Some(tag), ..) => Err(unsure(&format!("the name is understood as {} now", tag.name), details)),
        (None, false, _) => Err(unsure("the new name changes audiences", details)),
        (None, true, 1..) => {
            Err(unsure("some customers carry it together with another tag of the family and would lose one", details))
        }
        _ => Ok(()),
    }
}

fn taken(by: Tag) -> Refusal {
    Refusal::Told {
        status: StatusCode::CONFLICT,
        code: "taken",
        message: format!("there is a tag {} already", by.name),
        details: json!({ "field": "name", "tag": by.id }),
    }
}

/// Makes a tag or changes one.
async fn put(db: &Db, sets: &Sets, caller: Caller, id: Option<i64>, wish: Wish) -> Result<Value, Refusal> {
    let (asked, asking) = (wish.clone(), caller.clone());
    let (draft, family) = sets
        .read(move |at| {
            let clock = Workspace::load(at)?.clock();
            let before = match id {
                Some(id) => Some(list::one(tag(id, at)?, clock.stamp(), at)?),
                None => None,
            };
            let (draft, family) = asked.draft(before.as_ref())?;
            if !asked.sure {
                let before = before.as_ref().map(|used| &used.tag);
                warned(&Warning::of(before, &draft, family.as_deref(), &asking, &clock, at)?)?;
            }
            Ok::<_, Refusal>((draft, family))
        })
        .await?;
    db.write(move |conn| {
        let tag = match save(id, &draft, family.as_deref(), &caller, conn)? {
            Ok((tag, _)) => tag,
            Err(other) => return Err(taken(other)),
        };
        if let Some(away) = wish.archived {
            do_archive(&tag, away, &caller, conn)?;
        }
        one(Tag::by_id(tag.id, conn)?.ok_or(Refusal::missing("tag"))?, conn)
    })
    .await
}

/// `POST /api/v1/tags`
pub async fn create(db: Data<Db>, sets: Data<Sets>, caller: Caller, body: Json<Value>) -> Result<HttpResponse, Error> {
    let made = match read::<Wish>(body) {
        Ok(wish) => put(&db, &sets, caller, None, wish).await,
        Err(refusal) => Err(refusal),
    };
    respond(StatusCode::CREATED, made)
}

/// `PATCH /api/v1/tags/{id}`: what is given changes, the rest stays.
pub async fn update(
    db: Data<Db>,
    sets: Data<Sets>,
    caller: Caller,
    id: Path<i64>,
    body: Json<Value>,
) -> Result<HttpResponse, Error> {
    let changed = match read::<Wish>(body) {
        Ok(wish) => put(&db, &sets, caller, Some(id.into_inner()), wish).await,
        Err(refusal) => Err(refusal),
    };
    respond(StatusCode::OK, changed)
}

/// A tag by id or by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Which {
    Id(i64),
    Name(String),
}

impl Which {
    fn find(&self, conn: &mut Conn) -> Result<Tag, Refusal> {
        let found = match self {
            Which::Id(id) => Tag::by_id(*id, conn)?,
            Which::Name(name) => names::find(name, conn)?,
        };
        found.ok_or_else(|| Refusal::invalid("there is no such tag to merge into", json!({ "field": "into" })))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Merging {
    /// The tag that stays.
    into: Which,
    /// Tells what it would do and does nothing.
    #[serde(default)]
    dry_run: bool,
}

/// `POST /api/v1/tags/{id}/merge`
pub async fn merge(
    db: Data<Db>,
    sets: Data<Sets>,
    caller: Caller,
    id: Path<i64>,
    body: Json<Value>,
) -> Result<HttpResponse, Error> {
    let merging = match read::<Merging>(body) {
        Ok(merging) => merging,
        Err(refusal) => return refusal.answer(),
    };
    let (id, asked, asking) = (id.into_inner(), merging.clone(), caller.clone());
    let preview = sets.read(move |at| preview(id, &asked.into, &asking, at)).await;
    if merging.dry_run || preview.is_err() {
        return respond(StatusCode::OK, preview);
    }
    let merged = db.write(move |conn| {
        let (from, into) = (tag(id, conn)?, merging.into.find(conn)?);
        match do_merge(&from, &into, &caller, conn)? {
            Ok(_) => one(into, conn),
            Err(words) => Err(Refusal::invalid(words, json!({ "field": "into" }))),
        }
    });
    let merged = merged.await.and_then(|tag| Ok(json!({ "tag": tag, "did": preview? })));
    respond(StatusCode::OK, merged)
}

fn preview(id: i64, into: &Which, caller: &Caller, at: &mut Snapshot) -> Result<Value, Refusal> {
    let (from, into) = (tag(id, at)?, into.find(at)?);
    let uses = Uses::of(&from, caller, at)?;
    let preview = super::ending::Preview::of(&from, into, caller, at)?
        .map_err(|words| Refusal::invalid(words, json!({ "field": "into" })))?;
    let sums = &preview.sums;
    Ok(json!({
        "into": { "id": preview.into.id, "name": preview.into.name },
        "customers": { "into": sums.into, "from": sums.from, "both": sums.both, "after": sums.after() },
        "rewritten": places(&uses),
        "changes": told(&preview.changes),
    }))
}

fn places(uses: &Uses) -> Vec<Value> {
    let told = |place: &super::uses::Place| json!({ "kind": place.kind.key(), "id": place.id, "name": place.name });
    uses.places.iter().map(told).collect()
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deleting {
    sure: bool,
}

/// `DELETE /api/v1/tags/{id}`: one that a segment, a view or an import asks for only when the program is sure.
pub async fn destroy(
    db: Data<Db>,
    sets: Data<Sets>,
    caller: Caller,
    id: Path<i64>,
    sure: Query<Deleting>,
    body: Bytes,
) -> Result<HttpResponse, Error> {
    let sure = sure.sure || serde_json::from_slice::<Deleting>(&body).unwrap_or_default().sure;
    let (id, asking) = (id.into_inner(), caller.clone());
    let checked = sets.read(move |at| {
        let clock = Workspace::load(at)?.clock();
        let tag = tag(id, at)?;
        let uses = Uses::of(&tag, &asking, at)?;
        let changes: Vec<Change> =
            impact::changes(&Step::Delete(tag), &asking, &clock, at)?.into_iter().map(|(change, _)| change).collect();
        if sure || (changes.is_empty() && uses == Uses::default()) {
            return Ok(());
        }
        let imports: Vec<i64> = uses.imports.iter().map(|(id, _)| *id).collect();
        let details = json!({ "used_by": places(&uses), "imports": imports, "changes": told(&changes) });
        Err(unsure("the tag is in use: merge it into another", details))
    });
    if let Err(refusal) = checked.await {
        return refusal.answer();
    }
    let gone = db.write(move |conn| {
        let tag = tag(id, conn)?;
        Ok::<_, Refusal>(do_delete(&tag, &caller, conn)?)
    });
    match gone.await {
        Ok(_) => Ok(HttpResponse::NoContent().finish()),
        Err(refusal) => refusal.answer(),
    }
}
