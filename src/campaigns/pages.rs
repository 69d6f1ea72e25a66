//! Campaigns in the browser: writing one, who would get it, sending it, how it goes.

use super::form::{self, Typed};
use super::launch::{self, Order};
use super::message;
use super::reach::{self, Reach, Why};
use super::recipients::{self, Recipient, Status, Sums};
use super::views::{
    FormPage, IndexPage, LaunchPage, Line, PeoplePage, PersonPage, PreviewPage, Reached, ShowPage, people as persons,
};
use super::ways::Ways;
use super::{Campaign, Problem, State, Wish, key, schedule, sending};
use crate::agents::{Caller, Mistakes, Right, audit};
use crate::custom_fields::CustomField;
use crate::customers::Customer;
use crate::db::schema::customers;
use crate::db::{Conn, Db};
use crate::segments::{Segment, used};
use crate::web::{self, Chrome, Error, Htmx, flash, see_other};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::{Data, Form, Path, Query};
use diesel::prelude::*;
use serde::Deserialize;
use serde_json::json;

/// How many rows a page of recipients has.
const ROWS: i64 = 50;
/// How many of those who get nothing are named.
const NAMED: usize = 500;

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        match problem {
            Problem::Failed(error) => error.into(),
            told => Error::Unprocessable(format!("{told}")),
        }
    }
}

fn find(id: i64, conn: &mut Conn) -> Result<Campaign, Error> {
    Campaign::find(id, conn)?.ok_or(Error::NotFound("campaign"))
}

fn clock(conn: &mut Conn) -> Result<Clock, Error> {
    Ok(Workspace::load(conn)?.clock())
}

fn pairs(body: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// `GET /campaigns`
pub async fn index(db: Data<Db>, chrome: Chrome) -> Result<HttpResponse, Error> {
    let (lines, clock) = db
        .read(|conn| {
            let mut lines = Vec::new();
            for campaign in Campaign::list(conn)? {
                let sums = match campaign.state().is_before() {
                    true => None,
                    false => Some(Sums::of(campaign.id, conn)?),
                };
                lines.push(Line { campaign, sums });
            }
            Ok::<_, Error>((lines, clock(conn)?))
        })
        .await?;
    web::show(&IndexPage { chrome, lines, clock })
}

/// The form of a draft, with all that can be chosen in it.
fn form_page(
    chrome: Chrome,
    draft: Option<&Campaign>,
    typed: Typed,
    wrong: Mistakes,
    caller: &Caller,
    conn: &mut Conn,
) -> Result<FormPage, Error> {
    let offered = Segment::offered(caller, conn)?;
    let chosen = |segment: &Segment| typed.include.contains(&segment.id) || typed.exclude.contains(&segment.id);
    let mut segments: Vec<Segment> = Segment::list(caller, conn)?;
    segments.retain(|segment| !segment.private && (chosen(segment) || offered.iter().any(|one| one.id == segment.id)));
    let mut earlier = Campaign::list(conn)?;
    earlier.retain(|one| !one.state().is_before());
    let mut known: Vec<String> = ["name", "email", "phone", "external_id", "country", "city", "language"]
        .map(|field| format!("customer.{field}"))
        .to_vec();
    known.extend(CustomField::all(conn)?.into_iter().map(|field| format!("customer.custom.{}", field.key)));
    known.extend(["workspace.name".into(), "unsubscribe_url".into(), "preferences_url".into()]);
    Ok(FormPage {
        chrome,
        id: draft.map(|draft| draft.id),
        state: draft.map_or(State::Draft, Campaign::state),
        told: draft.and_then(|draft| draft.why.clone()),
        goes: match draft
            .and_then(|draft| draft.send_at)
            .filter(|_| draft.is_some_and(|one| one.state() == State::Scheduled))
        {
            Some(at) => Some((clock(conn)?.show(at), draft.and_then(|draft| draft.approved).unwrap_or_default())),
            None => None,
        },
        may_send: caller.may(Right::Send),
        typed,
        wrong,
        segments,
        earlier,
        known,
        reached: None,
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Beginning {
    segment: Option<i64>,
    filter: String,
}

/// `GET /campaigns/new?segment=&filter=`
pub async fn new(db: Data<Db>, chrome: Chrome, caller: Caller, begin: Query<Beginning>) -> Result<HttpResponse, Error> {
    let Beginning { segment, filter } = begin.into_inner();
    let typed = Typed {
        channel: "email".into(),
        include: Vec::from_iter(segment),
        filter,
        body: "Hello {{ customer.name | default(\"there\") }},\n\n".into(),
        ..Typed::default()
    };
    let page = db.read(move |conn| form_page(chrome, None, typed, Mistakes::default(), &caller, conn)).await?;
    web::show(&page)
}

/// What saving came to.
enum Saved {
    Done(Box<Campaign>),
    Not(Mistakes),
}

/// `POST /campaigns`
pub async fn create(db: Data<Db>, chrome: Chrome, caller: Caller, body: String) -> Result<HttpResponse, Error> {
    save(&db, chrome, caller, None, &body).await
}

/// `POST /campaigns/{id}`
pub async fn update(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    body: String,
) -> Result<HttpResponse, Error> {
    save(&db, chrome, caller, Some(id.into_inner()), &body).await
}

async fn save(db: &Db, chrome: Chrome, caller: Caller, id: Option<i64>, body: &str) -> Result<HttpResponse, Error> {
    let typed = Typed::read(&pairs(body));
    let (question, whose) = (typed.clone(), caller.clone());
    let saved = db
        .write(move |conn| {
            let clock = clock(conn)?;
            let wish: Wish = match question.wish(&whose, conn, &clock)? {
                Ok(wish) => wish,
                Err(wrong) => return Ok::<_, Error>(Saved::Not(wrong)),
            };
            let done = match id {
                None => Campaign::create(&wish, &whose, conn, &clock),
                Some(id) => find(id, conn)?.change(&wish, question.version, &whose, conn, &clock),
            };
            match done {
                Ok(campaign) => {
                    used::mark(&wish.audience.include, conn, &clock)?;
                    Ok(Saved::Done(Box::new(campaign)))
                }
                Err(Problem::Failed(error)) => Err(error.into()),
                Err(told) => Ok(Saved::Not(Mistakes::one("form", format!("Not saved. {told}.")))),
            }
        })
        .await?;
    match saved {
        Saved::Done(campaign) => {
            Ok(flash(see_other(&format!("/campaigns/{}", campaign.id)), &format!("{} saved.", campaign.name)))
        }
        Saved::Not(wrong) => {
            let page = db
                .read(move |conn| {
                    let draft = id.map(|id| find(id, conn)).transpose()?;
                    form_page(chrome, draft.as_ref(), typed, wrong, &caller, conn)
                })
                .await?;
            web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Whom a draft would reach now.
fn reached(campaign: &Campaign, conn: &mut Conn) -> Result<Reached, Error> {
    let clock = clock(conn)?;
    let audience = campaign.audience();
    let filter = audience.check(conn, &clock)?;
    let problem = match audience.is_empty() {
        true => Some("Nobody was chosen yet.".to_string()),
        false => filter.problems().first().map(|problem| problem.words.clone()),
    };
    let reach = match &problem {
        Some(_) => Reach::default(),
        None => Reach::of(&filter, campaign.channel(), &key(conn)?, conn)?,
    };
    Ok(Reached { reach, channel: campaign.channel(), sentence: filter.sentence(), problem, campaign: campaign.id })
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Place {
    status: Option<String>,
    after: i64,
}

/// `GET /campaigns/{id}`: a draft to write, or how it goes.
pub async fn show(
    db: Data<Db>,
    chrome: Chrome,
    htmx: Htmx,
    caller: Caller,
    id: Path<i64>,
    place: Query<Place>,
) -> Result<HttpResponse, Error> {
    let place = place.into_inner();
    let page = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            if campaign.state().is_before() {
                let now = clock(conn)?;
                let typed = Typed::of(&campaign, conn, &now)?;
                let wrong = form::mistakes(&campaign, conn)?;
                // What is simply not written yet needs no telling.
                let wrong = if campaign.version == 1 { Mistakes::default() } else { wrong };
                return Ok::<_, Error>(Err(form_page(chrome, Some(&campaign), typed, wrong, &caller, conn)?));
            }
            let shown = place.status.as_deref().and_then(Status::parse);
            let mut rows = Recipient::list(campaign.id, shown, None, place.after, ROWS + 1, conn)?;
            let more = (rows.len() as i64 > ROWS).then(|| rows[ROWS as usize - 1].customer_id);
            rows.truncate(ROWS as usize);
            let receipt: serde_json::Value =
                campaign.receipt.as_deref().and_then(|receipt| serde_json::from_str(receipt).ok()).unwrap_or_default();
            let text = |name: &str| receipt[name].as_str().unwrap_or_default().to_string();
            Ok(Ok(ShowPage {
                chrome,
                sums: Sums::of(campaign.id, conn)?,
                clock: clock(conn)?,
                sentence: text("sentence"),
                zone: text("time_zone"),
                shown,
                rows,
                more,
                may_send: caller.may(Right::Send),
                campaign,
            }))
        })
        .await?;
    match page {
        Ok(page) => htmx.show(&page, page.as_report()),
        Err(form) => web::show(&form),
    }
}

/// `GET /campaigns/{id}/audience`: the sums of a draft, which may take a moment.
pub async fn audience(db: Data<Db>, chrome: Chrome, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let page = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            let now = clock(conn)?;
            let typed = Typed::of(&campaign, conn, &now)?;
            let found = reached(&campaign, conn)?;
            let page = form_page(chrome, Some(&campaign), typed, Mistakes::default(), &caller, conn)?;
            Ok::<_, Error>(FormPage { reached: Some(found), ..page })
        })
        .await?;
    web::show(&page.as_reach())
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Reason {
    why: String,
}

/// `GET /campaigns/{id}/people?why=`: who of a draft's audience gets nothing for this reason, or who gets it.
pub async fn people(db: Data<Db>, chrome: Chrome, id: Path<i64>, reason: Query<Reason>) -> Result<HttpResponse, Error> {
    let why = Why::parse(&reason.why);
    let page = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            let now = clock(conn)?;
            let filter = campaign.audience().check(conn, &now)?;
            let (mut rows, mut count) = (Vec::new(), 0);
            let whom = reach::members(&filter, conn)?;
            reach::each(&whom, campaign.channel(), &key(conn)?, conn, &mut |judged, _| {
                for member in judged.into_iter().filter(|member| member.why == why) {
                    count += 1;
                    if rows.len() < NAMED {
                        let called = member.name.or(member.address);
                        rows.push((member.id, called.unwrap_or_else(|| format!("Customer {}", member.id))));
                    }
                }
                Ok(())
            })?;
            Ok::<_, Error>(PeoplePage { chrome, campaign, why, rows, count })
        })
        .await?;
    web::show(&page)
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Whose {
    /// An id, an email or an external id.
    customer: String,
}

/// A customer by email, external id or number.
fn named(typed: &str, conn: &mut Conn) -> Result<Option<Customer>, Error> {
    let id: i64 = typed.parse().unwrap_or_default();
    let keys = customers::email.eq(typed).or(customers::external_id.eq(typed)).assume_not_null();
    let one = customers::table.filter(keys.or(customers::id.eq(id))).order(customers::id);
    Ok(one.select(Customer::as_select()).first(conn).optional()?)
}

/// A customer by id, and what she is called.
type Called = (i64, String);

/// A message as somebody would get it.
fn rendered(
    campaign: &Campaign,
    typed: &str,
    ways: &Ways,
    conn: &mut Conn,
) -> Result<(Option<Called>, Result<message::Rendered, String>), Error> {
    let typed = typed.trim();
    let customer = match typed {
        // Somebody who would get it.
        "" => {
            let now = clock(conn)?;
            let filter = campaign.audience().check(conn, &now)?;
            let whom = reach::members(&filter, conn)?;
            match whom.min() {
                Some(id) => Customer::find(i64::from(id), conn)?,
                None => None,
            }
        }
        typed => named(typed, conn)?,
    };
    let mut person = match &customer {
        Some(customer) => sending::people(&[customer.id], conn)?.remove(&customer.id).unwrap_or_default(),
        None => message::Person { workspace_name: Workspace::load(conn)?.name, ..message::Person::default() },
    };
    let id = customer.as_ref().map_or(0, |customer| customer.id);
    ways.link(&mut person, campaign.id, id, campaign.channel(), &key(conn)?);
    let told = customer.map(|customer| (customer.id, customer.called()));
    if told.is_none() && !typed.is_empty() {
        return Ok((None, Err("There is no such customer.".into())));
    }
    Ok((told, message::render(&campaign.content(), &person).map_err(|problem| problem.to_string())))
}

/// `GET /campaigns/{id}/preview?customer=`
pub async fn preview(
    db: Data<Db>,
    ways: Data<Ways>,
    chrome: Chrome,
    id: Path<i64>,
    whose: Query<Whose>,
) -> Result<HttpResponse, Error> {
    let typed = whose.into_inner().customer;
    let page = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            let (customer, rendered) = rendered(&campaign, &typed, &ways, conn)?;
            let (subject, text, has_html, problem) = match rendered {
                Ok(message) => (message.subject, message.text, message.html.is_some(), None),
                Err(words) => (String::new(), String::new(), false, Some(words)),
            };
            Ok::<_, Error>(PreviewPage { chrome, campaign, customer, subject, text, has_html, problem, typed })
        })
        .await?;
    web::show(&page)
}

/// `GET /campaigns/{id}/preview/html?customer=`: the HTML part alone, for a frame that nothing gets out of.
pub async fn preview_html(
    db: Data<Db>,
    ways: Data<Ways>,
    id: Path<i64>,
    whose: Query<Whose>,
) -> Result<HttpResponse, Error> {
    let typed = whose.into_inner().customer;
    let html = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            let (_, rendered) = rendered(&campaign, &typed, &ways, conn)?;
            Ok::<_, Error>(rendered.ok().and_then(|message| message.html).unwrap_or_default())
        })
        .await?;
    // No script, no form, no style and no frame of its own; pictures may come from anywhere, as in a mail program.
    const POLICY: &str = "default-src 'none'; img-src https: data:; frame-ancestors 'self'; sandbox";
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(html))
}

/// `POST /campaigns/{id}/copy`
pub async fn copy(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let made = db
        .write(move |conn| {
            let campaign = find(*id, conn)?;
            let name: String = format!("Copy of {}", campaign.name).chars().take(super::LONGEST_NAME).collect();
            let wish = Wish {
                name,
                channel: campaign.channel(),
                subject: campaign.subject.clone(),
                body: campaign.body.clone(),
                html: campaign.html.clone(),
                audience: campaign.audience(),
            };
            let clock = clock(conn)?;
            Ok::<_, Error>(Campaign::create(&wish, &caller, conn, &clock)?)
        })
        .await?;
    Ok(flash(see_other(&format!("/campaigns/{}", made.id)), &format!("{} made.", made.name)))
}

/// `POST /campaigns/{id}/delete`
pub async fn delete(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let name = db
        .write(move |conn| {
            let campaign = find(*id, conn)?;
            campaign.delete(&caller, conn)?;
            Ok::<_, Error>(campaign.name)
        })
        .await?;
    Ok(flash(see_other("/campaigns"), &format!("{name} deleted.")))
}

fn launch_page(
    chrome: Chrome,
    ways: &Ways,
    id: i64,
    typed: String,
    problem: Option<String>,
    conn: &mut Conn,
) -> Result<LaunchPage, Error> {
    let campaign = find(id, conn)?;
    Ok(LaunchPage {
        chrome,
        reached: reached(&campaign, conn)?,
        everybody: launch::everybody(conn)?,
        guards: ways.guards,
        way: ways.words(campaign.channel()),
        zone: Workspace::load(conn)?.zone.name().into(),
        wrong: form::mistakes(&campaign, conn)?,
        typed,
        problem,
        campaign,
    })
}

/// `GET /campaigns/{id}/launch`: what is about to be sent, to how many.
pub async fn ask_launch(db: Data<Db>, ways: Data<Ways>, chrome: Chrome, id: Path<i64>) -> Result<HttpResponse, Error> {
    let id = id.into_inner();
    let page = db
        .read(move |conn| match find(id, conn)?.state().is_before() {
            true => Ok::<_, Error>(Some(launch_page(chrome, &ways, id, String::new(), None, conn)?)),
            false => Ok(None),
        })
        .await?;
    match page {
        Some(page) => web::show(&page),
        None => Ok(see_other(&format!("/campaigns/{id}"))),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Agreed {
    version: i64,
    approved: i64,
    typed: String,
    /// When it is to go out, for one that is to go later.
    send_at: String,
}

impl Agreed {
    fn order(&self) -> Order {
        let number = self.typed.chars().filter(char::is_ascii_digit).collect::<String>().parse().ok();
        Order { version: self.version, approved: self.approved, typed: number }
    }
}

/// `POST /campaigns/{id}/launch`
pub async fn launch(
    db: Data<Db>,
    ways: Data<Ways>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    agreed: Form<Agreed>,
) -> Result<HttpResponse, Error> {
    let guards = ways.guards;
    agree(&db, ways, chrome, *id, agreed.into_inner(), move |campaign, agreed, conn, clock| {
        let sums = campaign.launch(&agreed.order(), &guards, &key(conn)?, &caller, conn, clock)?;
        Ok(format!("On its way to {}.", persons(sums.reachable)))
    })
    .await
}

/// `POST /campaigns/{id}/schedule`
pub async fn schedule(
    db: Data<Db>,
    ways: Data<Ways>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    agreed: Form<Agreed>,
) -> Result<HttpResponse, Error> {
    let guards = ways.guards;
    agree(&db, ways, chrome, *id, agreed.into_inner(), move |campaign, agreed, conn, clock| {
        let at = schedule::moment(&agreed.send_at, clock).map_err(Problem::Told)?;
        campaign.schedule(at, &agreed.order(), &guards, &caller, conn, clock)?;
        Ok(format!("It goes out on {}.", clock.show(at)))
    })
    .await
}

/// `POST /campaigns/{id}/unschedule`
pub async fn unschedule(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    turn(&db, caller, *id, State::Draft, "It waits for you again. Nothing goes out by itself.").await
}

/// Does what somebody has agreed to. Then the campaign is shown, or the question again with what stands in the way.
async fn agree(
    db: &Db,
    ways: Data<Ways>,
    chrome: Chrome,
    id: i64,
    agreed: Agreed,
    done: impl FnOnce(&Campaign, &Agreed, &mut Conn, &Clock) -> Result<String, Problem> + Send + 'static,
) -> Result<HttpResponse, Error> {
    let here = format!("/campaigns/{id}");
    let typed = agreed.typed.clone();
    let done = db
        .write(move |conn| {
            let campaign = Campaign::sendable(id, conn)?;
            let clock = Workspace::load(conn)?.clock();
            done(&campaign, &agreed, conn, &clock)
        })
        .await;
    let words = match done {
        Ok(words) => return Ok(flash(see_other(&here), &words)),
        Err(Problem::Failed(trouble)) => return Err(trouble.into()),
        Err(told) => told.to_string(),
    };
    let page = db
        .read(move |conn| match find(id, conn)?.state().is_before() {
            true => Ok::<_, Error>(Ok(launch_page(chrome, &ways, id, typed, Some(words), conn)?)),
            false => Ok(Err(words)),
        })
        .await?;
    match page {
        Ok(page) => web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page),
        Err(words) => Ok(flash(see_other(&here), &words)),
    }
}

async fn turn(db: &Db, caller: Caller, id: i64, next: State, done: &'static str) -> Result<HttpResponse, Error> {
    let words = db
        .write(move |conn| {
            let campaign = find(id, conn)?;
            let clock = clock(conn)?;
            if !campaign.step(next, &caller, conn, &clock)? {
                let now = find(id, conn)?.state();
                return Ok::<_, Error>(format!("Nothing was changed: it is {} now.", now.words().to_lowercase()));
            }
            Ok(done.to_string())
        })
        .await?;
    Ok(flash(see_other(&format!("/campaigns/{id}")), &words))
}

/// `POST /campaigns/{id}/pause`
pub async fn pause(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    turn(&db, caller, *id, State::Paused, "Paused. What is on its way still arrives.").await
}

/// `POST /campaigns/{id}/resume`
pub async fn resume(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    turn(&db, caller, *id, State::Sending, "It goes on.").await
}

/// `POST /campaigns/{id}/cancel`
pub async fn cancel(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    turn(&db, caller, *id, State::Cancelled, "Stopped. Nobody else gets it.").await
}

/// `GET /campaigns/{id}/recipients/{customer_id}`: why did she get it, or not?
pub async fn recipient(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    ids: Path<(i64, i64)>,
) -> Result<HttpResponse, Error> {
    let (id, customer) = ids.into_inner();
    let page = db
        .read(move |conn| {
            let campaign = find(id, conn)?;
            let recipient = Recipient::find(id, customer, conn)?.ok_or(Error::NotFound("recipient"))?;
            Ok::<_, Error>(PersonPage {
                chrome,
                campaign,
                recipient,
                history: recipients::history(id, customer, conn)?,
                clock: clock(conn)?,
                may_send: caller.may(Right::Send),
            })
        })
        .await?;
    web::show(&page)
}

/// `POST /campaigns/{id}/recipients/{customer_id}/again`
pub async fn again(db: Data<Db>, caller: Caller, ids: Path<(i64, i64)>) -> Result<HttpResponse, Error> {
    let (id, customer) = ids.into_inner();
    let done = db
        .write(move |conn| {
            let clock = clock(conn)?;
            let done = Recipient::again(id, customer, clock.stamp(), conn)?;
            if done {
                audit(conn, &caller, "campaign.again", &format!("campaign {id}"), &json!({ "customer": customer }))?;
            }
            Ok::<_, Error>(done)
        })
        .await?;
    let words = if done { "It is sent to her once more." } else { "Nothing was changed: there is nothing to repeat." };
    Ok(flash(see_other(&format!("/campaigns/{id}/recipients/{customer}")), words))
}
