//! `/tags`: the tags there are, and looking after them.

use super::{COLOURS, Draft, LONGEST_DESCRIPTION, Problem, Tag, Used};
use crate::agents::{Caller, Mistakes, audit};
use crate::customers::clean;
use crate::db::{Conn, Db};
use crate::filters::Rule;
use crate::filters::fields::Fields;
use crate::fold::fold;
use crate::web::{self, Chrome, Error};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

/// What the address of the list may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    sort: String,
}

#[derive(Template)]
#[template(path = "tags/index.html", blocks = ["list"])]
struct IndexPage {
    chrome: Chrome,
    lines: Vec<Line>,
    /// All there are, found or not.
    all: i64,
    q: String,
    sort: Order,
}

/// One tag as the list shows it.
struct Line {
    tag: Tag,
    customers: i64,
    created: String,
    /// The customers who carry it.
    link: String,
}

/// What the list can be sorted by.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Name,
    Customers,
    Created,
}

impl IndexPage {
    fn direction(&self, order: &str) -> Option<&'static str> {
        match (order, self.sort) {
            ("name", Order::Name) => Some("ascending"),
            ("customers", Order::Customers) | ("created", Order::Created) => Some("descending"),
            _ => None,
        }
    }

    /// The same list in another order.
    fn sorted(&self, order: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.q.is_empty() {
            query.append_pair("q", &self.q);
        }
        format!("/tags?{}", query.append_pair("sort", order).finish())
    }
}

/// The list of customers that carry a tag.
fn carriers(name: &str) -> String {
    let asked = json!({ "all": [{ "field": "tags", "op": "contains", "value": [name] }] });
    let text = Rule::from_json(&asked, Fields::built_in()).map(|rule| rule.to_text()).unwrap_or_default();
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("filter", &text).finish();
    format!("/customers?{query}")
}

/// `GET /tags`.
pub async fn index(db: Data<Db>, chrome: Chrome, htmx: web::Htmx, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    let Asked { q, sort } = asked.into_inner();
    let sort = match sort.as_str() {
        "customers" => Order::Customers,
        "created" => Order::Created,
        _ => Order::Name,
    };
    let (mut used, clock) = db.read(|conn| Ok::<_, Error>((Tag::all(conn)?, Workspace::load(conn)?.clock()))).await?;
    let all = used.len() as i64;
    let wanted = fold(&q);
    used.retain(|used| fold(&used.tag.name).contains(&wanted) || fold(&used.tag.description).contains(&wanted));
    match sort {
        Order::Name => {}
        Order::Customers => used.sort_by_key(|used| std::cmp::Reverse(used.customers)),
        Order::Created => used.sort_by_key(|used| std::cmp::Reverse(used.created_at)),
    }
    let lines = used.into_iter().map(|used| Line::of(used, &clock)).collect();
    let page = IndexPage { chrome, lines, all, q, sort };
    htmx.show(&page, page.as_list())
}

impl Line {
    fn of(used: Used, clock: &Clock) -> Line {
        Line {
            link: carriers(&used.tag.name),
            created: clock.show_day(used.created_at),
            customers: used.customers,
            tag: used.tag,
        }
    }
}

/// The form as it was typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    name: String,
    colour: String,
    description: String,
}

impl Typed {
    fn of(tag: &Tag) -> Typed {
        Typed { name: tag.name.clone(), colour: tag.colour.clone(), description: tag.description.clone() }
    }

    /// A colour that was not chosen is the name's own.
    fn check(&self) -> Result<Draft, Mistakes> {
        let mut wrong = Mistakes::default();
        let name = wrong.noted("name", Tag::clean(&self.name));
        let description = wrong.noted("description", clean::text(&self.description, LONGEST_DESCRIPTION));
        let colour = wrong.noted("colour", self.colour(&name));
        match wrong.is_empty() {
            true => Ok(Draft { name, colour, description: description.unwrap_or_default() }),
            false => Err(wrong),
        }
    }

    fn colour(&self, name: &str) -> Result<String, String> {
        match self.colour.as_str() {
            "" => Ok(Draft::named(name).colour),
            colour if COLOURS.contains(&colour) => Ok(colour.to_string()),
            _ => Err("Choose one of the colours.".into()),
        }
    }
}

#[derive(Template)]
#[template(path = "tags/form.html")]
struct FormPage {
    chrome: Chrome,
    /// `None` for a new tag.
    tag: Option<Tag>,
    typed: Typed,
    wrong: Mistakes,
    /// The tag that has the name already.
    taken: Option<Tag>,
}

impl FormPage {
    fn fresh(chrome: Chrome, tag: Option<Tag>) -> FormPage {
        let typed = tag.as_ref().map(Typed::of).unwrap_or_default();
        FormPage { chrome, tag, typed, wrong: Mistakes::default(), taken: None }
    }

    fn action(&self) -> String {
        self.tag.as_ref().map_or_else(|| "/tags".into(), |tag| format!("/tags/{}", tag.id))
    }
}

fn tag(id: i64, conn: &mut Conn) -> Result<Tag, Error> {
    Tag::by_id(id, conn)?.ok_or(Error::NotFound("tag"))
}

/// `GET /tags/new`.
pub async fn new(chrome: Chrome) -> Result<HttpResponse, Error> {
    web::show(&FormPage::fresh(chrome, None))
}

/// `GET /tags/{id}/edit`.
pub async fn edit(db: Data<Db>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let tag = db.read(move |conn| tag(id, conn)).await?;
    web::show(&FormPage::fresh(chrome, Some(tag)))
}

/// `POST /tags`.
pub async fn create(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    answer(&db, chrome, caller, None, typed).await
}

/// `POST /tags/{id}`: rename, recolour, describe.
pub async fn update(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    Form(typed): Form<Typed>,
) -> Result<HttpResponse, Error> {
    answer(&db, chrome, caller, Some(id.into_inner()), typed).await
}

async fn answer(db: &Db, chrome: Chrome, caller: Caller, id: Option<i64>, typed: Typed) -> Result<HttpResponse, Error> {
    let asked = typed.clone();
    let (tag, written) = db.write(move |conn| save(id, &asked, &caller, conn)).await?;
    let (wrong, taken) = match written {
        Ok(words) => return Ok(web::flash(web::see_other("/tags"), &words)),
        Err(refused) => refused,
    };
    let page = FormPage { wrong, taken, typed, ..FormPage::fresh(chrome, tag) };
    web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// What is wrong with the form, and the tag in the way if there is one.
type Refused = (Mistakes, Option<Tag>);

/// Writes the tag. Gives the tag as it was, and what to tell.
fn save(
    id: Option<i64>,
    typed: &Typed,
    caller: &Caller,
    conn: &mut Conn,
) -> Result<(Option<Tag>, Result<String, Refused>), Error> {
    let before = match id {
        Some(id) => Some(tag(id, conn)?),
        None => None,
    };
    let draft = match typed.check() {
        Ok(draft) => draft,
        Err(wrong) => return Ok((before, Err((wrong, None)))),
    };
    let written = match &before {
        Some(tag) => tag.update(&draft, conn),
        None => {
            let at = Workspace::load(conn)?.clock().stamp();
            Tag::create(&draft, conn, at)
        }
    };
    let tag = match written {
        Ok(tag) => tag,
        Err(Problem::Taken(other)) => {
            let wrong = Mistakes::one("name", "This name is taken, without regard to case, by");
            return Ok((before, Err((wrong, Some(other)))));
        }
        Err(Problem::Query(error)) => return Err(error.into()),
    };
    let (action, words) = match &before {
        None => ("tag.create", format!("{} is added.", tag.name)),
        Some(before) if before.name != tag.name => {
            ("tag.update", format!("{} is now called {}.", before.name, tag.name))
        }
        Some(_) => ("tag.update", format!("{} is saved.", tag.name)),
    };
    let details = json!({ "name": tag.name, "was": before.as_ref().map(|tag| &tag.name) });
    audit(conn, caller, action, &format!("tag {}", tag.id), &details)?;
    Ok((before, Ok(words)))
}

#[derive(Template)]
#[template(path = "tags/delete.html")]
struct DeletePage {
    chrome: Chrome,
    tag: Tag,
    customers: i64,
    link: String,
}

/// `GET /tags/{id}/delete` says what it would do.
pub async fn ask_delete(db: Data<Db>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let (tag, customers) = db
        .read(move |conn| {
            let tag = tag(id, conn)?;
            let customers = tag.customers(conn)?;
            Ok::<_, Error>((tag, customers))
        })
        .await?;
    web::show(&DeletePage { chrome, link: carriers(&tag.name), tag, customers })
}

/// `POST /tags/{id}/delete`.
pub async fn delete(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let words = db
        .write(move |conn| {
            let tag = tag(id, conn)?;
            let customers = tag.customers(conn)?;
            Tag::delete(id, conn)?;
            let details = json!({ "name": tag.name, "customers": customers });
            audit(conn, &caller, "tag.delete", &format!("tag {id}"), &details)?;
            Ok::<_, Error>(format!("{} is deleted. {}", tag.name, carried_by(customers, "carried it")))
        })
        .await?;
    Ok(web::flash(web::see_other("/tags"), &words))
}

/// `1 customer carried it.`, `Nobody carried it.`
fn carried_by(customers: i64, verb: &str) -> String {
    match customers {
        0 => format!("Nobody {verb}."),
        1 => format!("1 customer {verb}."),
        many => format!("{} customers {verb}.", web::thousands(&many)),
    }
}
