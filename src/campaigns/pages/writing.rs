//! Writing a campaign, and who would get it.

use super::super::form::Typed;
use super::super::reach::{self, Why};
use super::super::views::{FormPage, PeoplePage, Reached};
use super::super::{Campaign, Problem, State, Wish, key};
use super::{clock, find, pairs};
use crate::agents::{Caller, Mistakes, Right};
use crate::custom_fields::CustomField;
use crate::db::{Conn, Db};
use crate::segments::{Segment, used};
use crate::web::{self, Chrome, Error, flash, see_other};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

/// How many of those who get nothing are named.
const NAMED: usize = 500;

/// The form of a draft, with all that can be chosen in it.
pub(super) fn form_page(
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

/// `GET /campaigns/{id}/audience`: the sums of a draft, which may take a moment.
pub async fn audience(db: Data<Db>, chrome: Chrome, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let page = db
        .read(move |conn| {
            let campaign = find(*id, conn)?;
            let now = clock(conn)?;
            let typed = Typed::of(&campaign, conn, &now)?;
            let found = Reached::of(&campaign, conn, &now)?;
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
