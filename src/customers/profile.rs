//! `/customers/{id}`: all that is known about one customer, and what happened with her.

use super::facts::{Fact, OWN};
use super::merge;
use super::person::Person;
use super::place::Known;
use super::table::money;
use super::timeline::Page;
use super::timeline::told::Timeline;
use super::{Channel, Consents, Customer};
use crate::agents::Caller;
use crate::custom_fields::{self, CustomField};
use crate::db::schema::conversations;
use crate::db::{Conn, Db};
use crate::segments::{self, Segment};
use crate::tags::editor::{self, Editor, From};
use crate::tags::{self, Told};
use crate::web::{self, Chrome, Error};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{Data, Path};
use askama::Template;
use chrono::NaiveDateTime;
use diesel::prelude::*;

#[derive(Template)]
#[template(path = "customers/show.html", blocks = ["profile"])]
struct ProfilePage {
    chrome: Chrome,
    profile: Profile,
}

/// One customer as her page shows her.
struct Profile {
    customer: Customer,
    called: String,
    initials: String,
    figures: Vec<(&'static str, String)>,
    facts: Vec<Known>,
    /// Custom fields without a value that are not told one by one.
    blank: usize,
    consents: Vec<Known>,
    editor: Editor,
    taggings: Vec<Told>,
    timeline: Timeline,
    /// Every segment that whoever looks may know of, and whether she is in it.
    segments: Vec<(Segment, bool)>,
    talks: Vec<Talk>,
    person: Person,
}

/// More custom fields than these, and those without a value are only counted.
const FIELDS: usize = 12;
/// The conversations that are shown, the newest.
const TALKS: i64 = 5;

/// One of her conversations.
struct Talk {
    id: i64,
    preview: String,
    /// `open`, or the day of the last message.
    state: String,
}

/// `GET /customers/{id}`.
pub async fn show(db: Data<Db>, chrome: Chrome, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let profile = match db.read(move |conn| Profile::of(id, &caller, conn)).await {
        Err(Error::NotFound(what)) => {
            return merge::pages::moved(&db, id, "/customers").await?.ok_or(Error::NotFound(what));
        }
        profile => profile?,
    };
    web::show(&ProfilePage { chrome, profile })
}

/// The piece of the page that a change of tags touches. `wrong` is what was typed and why it cannot be a tag.
pub async fn piece(
    db: &Db,
    chrome: Chrome,
    caller: Caller,
    id: i64,
    wrong: Option<(editor::Typed, String)>,
) -> Result<HttpResponse, Error> {
    let mut profile = db.read(move |conn| Profile::of(id, &caller, conn)).await?;
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    if let Some((typed, problem)) = wrong {
        profile.editor.refuse(typed, problem);
    }
    profile.editor.focus = true;
    web::show_as(status, &ProfilePage { chrome, profile }.as_profile())
}

/// The same after a fact was changed in its place: that is told in the header, the timeline and the segments too.
pub async fn anew(db: &Db, chrome: Chrome, caller: Caller, id: i64) -> Result<HttpResponse, Error> {
    let profile = db.read(move |conn| Profile::of(id, &caller, conn)).await?;
    let mut answer = web::show(&ProfilePage { chrome, profile }.as_profile())?;
    for (name, value) in [("hx-retarget", "#profile"), ("hx-reswap", "outerMorph")] {
        answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Ok(answer)
}

impl Profile {
    fn of(id: i64, caller: &Caller, conn: &mut Conn) -> Result<Profile, Error> {
        let customer = Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?;
        let workspace = Workspace::load(conn)?;
        let clock = workspace.clock();
        let (facts, blank) = facts(&customer, conn)?;
        let page = Page::load(&customer, None, None, caller, &clock, conn)?;
        Ok(Profile {
            called: customer.called(),
            initials: customer.initials(),
            figures: figures(&customer, &workspace, &clock),
            facts,
            blank,
            consents: consents(&customer, &clock, conn)?,
            editor: Editor::of(&customer, From::Profile, &clock, conn)?,
            taggings: Told::all(tags::of_customer(id, clock.stamp(), conn)?, &clock),
            timeline: Timeline::of(page, id, None, None, &clock),
            segments: segments::standing(id, caller, conn, &clock)?,
            talks: talks(id, &clock, conn)?,
            person: Person::of(&customer, caller, &clock, conn)?,
            customer,
        })
    }
}

impl Profile {
    /// She said something about a channel.
    fn says(&self) -> bool {
        self.consents.iter().any(|agreed| agreed.story.is_some())
    }
}

fn figures(customer: &Customer, workspace: &Workspace, clock: &Clock) -> Vec<(&'static str, String)> {
    let day = |at: Option<NaiveDateTime>| at.map_or_else(|| "never".into(), |at| clock.show_day(at));
    vec![
        ("Spent", format!("{} {}", money(customer.total_spent), workspace.currency)),
        ("Purchases", web::thousands(&customer.purchase_count)),
        ("Last purchase", day(customer.last_purchase_at)),
        ("Last seen", customer.last_seen_at.map_or_else(|| "never".into(), |at| clock.ago(at))),
        (super::facts::SINCE, clock.show_day(customer.created_at)),
    ]
}

/// What is known about her, and how many custom fields without a value were left out.
fn facts(customer: &Customer, conn: &mut Conn) -> QueryResult<(Vec<Known>, usize)> {
    let draft = customer.into();
    let mut own: Vec<Known> = OWN.iter().map(|own| Known::told(customer.id, &Fact::Own(own), own.of(&draft))).collect();
    // Her number elsewhere is what people look for last.
    let last = own.pop();
    let fields = CustomField::all(conn)?;
    let values = custom_fields::of_customers(&[customer.id], conn)?.remove(&customer.id).unwrap_or_default();
    let many = fields.len() > FIELDS;
    let (shown, blank): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|field| !many || values.contains_key(&field.id));
    own.extend(shown.into_iter().map(|field| {
        let value = values.get(&field.id).map(String::as_str);
        Known::told(customer.id, &Fact::Custom(field), value)
    }));
    own.extend(last);
    Ok((own, blank.len()))
}

fn consents(customer: &Customer, clock: &Clock, conn: &mut Conn) -> QueryResult<Vec<Known>> {
    let said = Consents::of(customer.id, conn)?;
    Ok(Channel::ALL.into_iter().map(|channel| Known::agreed(customer.id, channel, &said, clock)).collect())
}

fn talks(id: i64, clock: &Clock, conn: &mut Conn) -> QueryResult<Vec<Talk>> {
    type Row = (i64, Option<String>, String, String, NaiveDateTime);
    let rows: Vec<Row> = conversations::table
        .filter(conversations::customer_id.eq(id))
        .order((conversations::last_message_at.desc(), conversations::id.desc()))
        .limit(TALKS)
        .select((
            conversations::id,
            conversations::subject,
            conversations::preview,
            conversations::state,
            conversations::last_message_at,
        ))
        .load(conn)?;
    let talk = |(id, subject, preview, state, at): Row| {
        let preview = subject.filter(|subject| !subject.is_empty()).unwrap_or(preview);
        let preview = if preview.is_empty() { format!("Conversation {id}") } else { preview };
        Talk { id, preview, state: if state == "closed" { clock.ago(at) } else { state } }
    };
    Ok(rows.into_iter().map(talk).collect())
}

/// `GET /customers/{id}/delete` asks, so that it works without a script.
#[derive(Template)]
#[template(path = "customers/delete.html")]
struct DeletePage {
    chrome: Chrome,
    customer: Customer,
    called: String,
}

pub async fn ask_delete(db: Data<Db>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let customer = db.read(move |conn| Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))).await?;
    web::show(&DeletePage { chrome, called: customer.called(), customer })
}

/// `POST /customers/{id}/delete`.
pub async fn delete(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let called = db
        .write(move |conn| {
            let customer = Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?;
            Customer::delete(id, conn)?;
            let details = serde_json::json!({});
            crate::agents::audit(conn, &caller, "customer.delete", &format!("customer {id}"), &details)?;
            Ok::<_, Error>(customer.called())
        })
        .await?;
    Ok(web::flash(web::see_other("/customers"), &format!("{called} is deleted.")))
}
