//! `/customers/{id}`: all that is known about one customer, and what happened with her.

use super::merge;
use super::person::Person;
use super::table::money;
use super::{Channel, Consent, Consents, Customer, clean};
use crate::agents::Caller;
use crate::custom_fields::{self, CustomField};
use crate::db::{Conn, Db};
use crate::purchases::{self, Bought};
use crate::segments::{self, Segment};
use crate::tags::editor::{self, Editor, From};
use crate::tags::past::{self, Past, Why};
use crate::tags::{self, Tagging, Told};
use crate::web::{self, Chrome, Error, Icon, icon};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use chrono::NaiveDateTime;

/// Older purchases than these are only counted.
const PURCHASES: i64 = 100;
/// Tags that she carried once, the latest.
const PAST: usize = 100;

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
    facts: Vec<Fact>,
    /// Custom fields without a value that are not told one by one.
    blank: usize,
    consents: Vec<Agreed>,
    editor: Editor,
    taggings: Vec<Told>,
    days: Vec<Day>,
    /// Every segment that whoever looks may know of, and whether she is in it.
    segments: Vec<(Segment, bool)>,
    person: Person,
    /// Purchases too old to be told one by one.
    older: i64,
}

/// More custom fields than these, and those without a value are only counted.
const FIELDS: usize = 12;

/// Something known about her, or not.
struct Fact {
    label: String,
    value: Option<String>,
    /// Where a custom field is filled in.
    edit: Option<String>,
}

/// What she said about a channel, in words.
struct Agreed {
    channel: &'static str,
    words: &'static str,
    class: &'static str,
    /// When and from where.
    story: Option<String>,
}

/// A day of the timeline, the latest first.
struct Day {
    name: String,
    events: Vec<Event>,
}

struct Event {
    at: NaiveDateTime,
    time: String,
    what: What,
}

enum What {
    Came,
    Tagged { actor: String, name: String, colour: String, source: String },
    Untagged { words: Ended, name: String, colour: String },
    Agreed { channel: &'static str, words: &'static str, source: String },
    Bought { product: Option<String>, paid: String, order: Option<String> },
}

impl Event {
    fn icon(&self) -> Icon {
        icon(match self.what {
            What::Came => "user-plus",
            What::Tagged { .. } | What::Untagged { .. } => "tag",
            What::Agreed { .. } => "mail",
            What::Bought { .. } => "shopping-bag",
        })
    }
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

impl Profile {
    fn of(id: i64, caller: &Caller, conn: &mut Conn) -> Result<Profile, Error> {
        let customer = Customer::find(id, conn)?.ok_or(Error::NotFound("customer"))?;
        let workspace = Workspace::load(conn)?;
        let clock = workspace.clock();
        let consents = Consents::of(id, conn)?;
        let taggings = tags::of_customer(id, clock.stamp(), conn)?;
        let past = past::of_customer(id, clock.stamp(), PAST, conn)?;
        let bought = purchases::latest(id, PURCHASES, conn)?;
        let older = (customer.purchase_count - PURCHASES).max(0);
        let (facts, blank) = facts(&customer, conn)?;
        let editor = Editor::of(&customer, From::Profile, &clock, conn)?;
        let mut events = story(&customer, &consents, &taggings, past, bought);
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        Ok(Profile {
            called: customer.called(),
            initials: customer.initials(),
            figures: figures(&customer, &workspace, &clock),
            facts,
            blank,
            consents: Channel::ALL.into_iter().map(|channel| agreed(channel, &consents, &clock)).collect(),
            editor,
            taggings: Told::all(taggings, &clock),
            days: days(events, &clock),
            older,
            segments: segments::standing(id, caller, conn, &clock)?,
            person: Person::of(&customer, caller, &clock, conn)?,
            customer,
        })
    }
}

fn figures(customer: &Customer, workspace: &Workspace, clock: &Clock) -> Vec<(&'static str, String)> {
    let day = |at: Option<NaiveDateTime>| at.map_or_else(|| "never".into(), |at| clock.show_day(at));
    vec![
        ("Spent", format!("{} {}", money(customer.total_spent), workspace.currency)),
        ("Purchases", web::thousands(&customer.purchase_count)),
        ("Last purchase", day(customer.last_purchase_at)),
        ("Last seen", customer.last_seen_at.map_or_else(|| "never".into(), |at| clock.ago(at))),
        ("Customer since", clock.show_day(customer.created_at)),
    ]
}

/// What is known about her, and how many custom fields without a value were left out.
fn facts(customer: &Customer, conn: &mut Conn) -> Result<(Vec<Fact>, usize), Error> {
    let built_in = |label: &str, value: Option<String>| Fact { label: label.into(), value, edit: None };
    let mut facts = vec![
        built_in("Name", customer.name.clone()),
        built_in("Email", customer.email.clone()),
        built_in("Phone", customer.phone.clone()),
        built_in("City", customer.city.clone()),
        built_in("Country", customer.country.as_deref().map(clean::country_name)),
        built_in("Language", customer.language.as_deref().map(clean::language_name)),
    ];
    let fields = CustomField::all(conn)?;
    let values = custom_fields::of_customers(&[customer.id], conn)?.remove(&customer.id).unwrap_or_default();
    let many = fields.len() > FIELDS;
    let (shown, blank): (Vec<_>, Vec<_>) = fields.iter().partition(|field| !many || values.contains_key(&field.id));
    facts.extend(shown.into_iter().map(|field| Fact {
        label: field.label.clone(),
        value: values.get(&field.id).map(|stored| field.spoken(stored)),
        edit: Some(format!("/customers/{}/edit#custom-{}", customer.id, field.key)),
    }));
    facts.push(built_in("External id", customer.external_id.clone()));
    Ok((facts, blank.len()))
}

fn agreed(channel: Channel, consents: &Consents, clock: &Clock) -> Agreed {
    let said = consents.said(channel);
    let consent = consents.get(channel);
    let words = match consent {
        Consent::OptedIn => "Opted in",
        Consent::OptedOut => "Opted out",
        Consent::Unknown => "Unknown",
    };
    let story = said.map(|said| format!("{}, {}", clock.show_day(said.at), said.source));
    Agreed { channel: channel.words(), words, class: consent.pill(), story }
}

/// How a tagging ended, in words around its chip.
struct Ended {
    who: String,
    before: &'static str,
    after: String,
}

fn ended(past: &Past) -> Ended {
    let from = past.ended_source.map(|source| source.words()).unwrap_or_default();
    let (before, after) = match past.why {
        Why::Removed => ("removed", from),
        Why::Expired => return Ended { who: String::new(), before: "", after: "ran out".into() },
        Why::Replaced => ("replaced", format!("by another of its family {from}")),
        Why::Merged => ("merged", "into a tag that was here already".into()),
        Why::Undone => ("undid", format!("what put it here {from}")),
    };
    Ended { who: past.ended_by.clone(), before, after: after.trim().into() }
}

fn story(
    customer: &Customer,
    consents: &Consents,
    taggings: &[Tagging],
    past: Vec<Past>,
    bought: Vec<Bought>,
) -> Vec<Event> {
    let event = |at, what| Event { at, time: String::new(), what };
    let mut events = vec![event(customer.created_at, What::Came)];
    events.extend(taggings.iter().map(|Tagging { tag, at, actor, source, .. }| {
        let (actor, name, colour) = (actor.clone(), tag.name.clone(), tag.colour.clone());
        event(*at, What::Tagged { actor, name, colour, source: source.words() })
    }));
    for past in past {
        let colour = past.colour.clone().unwrap_or_else(|| "gray".into());
        let words = ended(&past);
        let Past { name, tagged_at, actor, source, ended_at, .. } = past;
        events.push(event(ended_at, What::Untagged { words, name: name.clone(), colour: colour.clone() }));
        events.push(event(tagged_at, What::Tagged { actor, name, colour, source: source.words() }));
    }
    events.extend(Channel::ALL.into_iter().filter_map(|channel| {
        let said = consents.said(channel)?;
        let (channel, words) = (channel.words(), said.consent.words());
        Some(event(said.at, What::Agreed { channel, words, source: said.source.clone() }))
    }));
    events.extend(bought.into_iter().map(|Bought { external_id: order, product, amount, currency, at }| {
        event(at, What::Bought { product, paid: format!("{} {currency}", money(amount)), order })
    }));
    events
}

/// The events under their local days.
fn days(events: Vec<Event>, clock: &Clock) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for mut event in events {
        let name = clock.show_day(event.at);
        event.time = event.at.and_utc().with_timezone(&clock.zone).format("%H:%M").to_string();
        match days.last_mut() {
            Some(day) if day.name == name => day.events.push(event),
            _ => days.push(Day { name, events: vec![event] }),
        }
    }
    days
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
