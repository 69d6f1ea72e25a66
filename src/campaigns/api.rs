//! Campaigns for programs: `/api/v1/campaigns`, over the same nouns as the pages.

use super::form::{self, Typed};
use super::launch::Order;
use super::reach::Why;
use super::receipt;
use super::recipients::{Recipient, Status, Sums};
use super::views::Reached;
use super::ways::Ways;
use super::{Campaign, Problem, State, Wish, key};
use crate::agents::{Caller, Mistakes};
use crate::customers::Channel;
use crate::customers::api::{Refusal, respond, spell_time};
use crate::db::{Conn, Db};
use crate::segments::used;
use crate::tags::api::{given, read};
use crate::web::Error;
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, Query};
use serde::Deserialize;
use serde_json::{Map, Value, json};

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        let (code, details) = match &problem {
            Problem::Adrift { approved, now } => ("adrift", json!({ "expected": approved, "recipients": now })),
            Problem::Untyped { approved, now } => ("untyped", json!({ "type": approved, "recipients": now })),
            Problem::Launched(_) => ("launched", Value::Null),
            Problem::Changed(_) => ("newer", Value::Null),
            Problem::Told(words) => return Refusal::invalid(words, Value::Null),
            Problem::Failed(_) => ("", Value::Null),
        };
        match problem {
            Problem::Failed(trouble) => trouble.into(),
            problem => conflict(code, problem.to_string(), details),
        }
    }
}

fn conflict(code: &'static str, message: String, details: Value) -> Refusal {
    Refusal::Told { status: StatusCode::CONFLICT, code, message, details }
}

fn wrong(message: &str, mistakes: &Mistakes) -> Refusal {
    Refusal::invalid(message, Value::Object(mistakes.by_field()))
}

fn find(id: i64, conn: &mut Conn) -> Result<Campaign, Refusal> {
    Campaign::find(id, conn)?.ok_or(Refusal::missing("campaign"))
}

/// A campaign with what is known of how it went; what it would reach is asked for one alone.
pub fn brief(campaign: &Campaign, conn: &mut Conn) -> Result<Value, Refusal> {
    let before = campaign.state().is_before();
    let sums = if before { None } else { Some(Sums::of(campaign.id, conn)?) };
    let audience = campaign.audience();
    Ok(json!({
        "id": campaign.id,
        "name": campaign.name,
        "state": campaign.state().key(),
        "channel": campaign.channel().key(),
        "subject": campaign.subject,
        "body": campaign.body,
        "html": campaign.html,
        "include": audience.include,
        "filter": audience.filter,
        "exclude": audience.exclude,
        "minus": audience.minus,
        "version": campaign.version,
        "created_at": spell_time(campaign.created_at),
        "updated_at": spell_time(campaign.updated_at),
        "send_at": campaign.send_at.map(spell_time),
        "held_because": campaign.why,
        "launched_at": campaign.launched_at.map(spell_time),
        "launched_by": campaign.launched_by,
        "finished_at": campaign.finished_at.map(spell_time),
        "sums": sums.as_ref().map(summed),
    }))
}

/// The statuses are everybody in the audience, each once.
fn summed(sums: &Sums) -> Value {
    let statuses: Map<String, Value> =
        Status::ALL.into_iter().map(|status| (status.key().into(), sums.with(status).into())).collect();
    json!({
        "members": sums.members(),
        "recipients": sums.recipients(),
        "statuses": statuses,
        "excluded": by_reason(&sums.reasons(Status::Excluded)),
        "bounced": sums.because(Status::Failed, Why::Bounced),
        "complained": sums.because(Status::Sent, Why::Complained),
        "unsubscribed": sums.unsubscribed,
    })
}

fn by_reason(reasons: &[(Why, i64)]) -> Map<String, Value> {
    reasons.iter().map(|(why, count)| (why.key().to_string(), json!(count))).collect()
}

/// The same, and of a draft whom it would reach and what is wrong with it.
pub fn view(campaign: &Campaign, conn: &mut Conn, clock: &Clock) -> Result<Value, Refusal> {
    let mut view = brief(campaign, conn)?;
    if campaign.state().is_before() {
        view["reach"] = reached(campaign, conn, clock)?;
        view["problems"] = Value::Object(form::mistakes(campaign, conn)?.by_field());
    }
    Ok(view)
}

/// Members are the reachable ones and each exclusion.
fn reached(campaign: &Campaign, conn: &mut Conn, clock: &Clock) -> Result<Value, Refusal> {
    let Reached { reach, problem, .. } = Reached::of(campaign, conn, clock)?;
    Ok(json!({
        "members": reach.members,
        "reachable": reach.reachable,
        "excluded": by_reason(&reach.excluded()),
        "problem": problem,
    }))
}

/// How much of a list is asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Place {
    limit: Option<i64>,
    /// What a page gave as `next_cursor`.
    cursor: Option<String>,
}

fn limit(asked: Option<i64>) -> Result<i64, Refusal> {
    match asked.unwrap_or(50) {
        limit if (1..=1000).contains(&limit) => Ok(limit),
        limit => Err(Refusal::invalid("limit is 1 to 1000", json!({ "limit": limit }))),
    }
}

/// `GET /api/v1/campaigns?limit=&cursor=`: the newest first.
pub async fn index(db: Data<Db>, place: Query<Place>) -> Result<HttpResponse, Error> {
    let found = db.read(move |conn| {
        let limit = limit(place.limit)?;
        let before = match place.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
            Some(cursor) => Some(cursor.parse::<i64>().map_err(|_| {
                Refusal::invalid("cursor is what the page before gave as next_cursor", json!({ "cursor": cursor }))
            })?),
            None => None,
        };
        let mut rows = Campaign::page(before, limit + 1, conn)?;
        let more = rows.len() as i64 > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|last| last.id.to_string());
        let views = rows.iter().map(|campaign| brief(campaign, conn)).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, Refusal>(json!({ "total": Campaign::total(conn)?, "campaigns": views, "next_cursor": next }))
    });
    respond(StatusCode::OK, found.await)
}

/// `GET /api/v1/campaigns/{id}`
pub async fn show(db: Data<Db>, id: Path<i64>) -> Result<HttpResponse, Error> {
    let found = db.read(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        view(&find(*id, conn)?, conn, &clock)
    });
    respond(StatusCode::OK, found.await)
}

/// What a draft is to be: what is not said is as it was, or as it is usual.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    name: Option<String>,
    channel: Option<String>,
    subject: Option<String>,
    body: Option<String>,
    html: Option<String>,
    /// Segments, by id.
    include: Option<Vec<i64>>,
    exclude: Option<Vec<i64>>,
    /// Earlier campaigns whose people do not get it.
    minus: Option<Vec<i64>>,
    /// Text or JSON; `null` is none.
    #[serde(deserialize_with = "given")]
    filter: Option<Value>,
    /// The version this is a change of: when it is another one by now, nothing is changed.
    version: Option<i64>,
}

impl Asked {
    fn onto(self, before: Typed) -> Typed {
        let ids = |asked: Option<Vec<i64>>, before: Vec<i64>| {
            let mut ids = asked.unwrap_or(before);
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        Typed {
            name: self.name.unwrap_or(before.name),
            channel: self.channel.unwrap_or(before.channel),
            subject: self.subject.unwrap_or(before.subject),
            body: self.body.unwrap_or(before.body),
            html: self.html.unwrap_or(before.html),
            include: ids(self.include, before.include),
            exclude: ids(self.exclude, before.exclude),
            minus: ids(self.minus, before.minus),
            filter: match self.filter {
                None => before.filter,
                Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text,
                Some(json) => json.to_string(),
            },
            version: self.version.unwrap_or(before.version),
        }
    }
}

/// What was typed, if all of it can be taken.
fn wish(typed: &Typed, caller: &Caller, conn: &mut Conn, clock: &Clock) -> Result<Wish, Refusal> {
    let channel = match Channel::parse(&typed.channel) {
        Some(_) => Mistakes::default(),
        None => Mistakes::one("channel", "A channel is email, sms or whatsapp."),
    };
    let refused = |mistakes: &Mistakes| wrong("some fields cannot be taken as they are", mistakes);
    match typed.wish(caller, conn, clock)? {
        Ok(wish) if channel.is_empty() => Ok(wish),
        Ok(_) => Err(refused(&channel)),
        Err(others) => Err(refused(&channel.and(others))),
    }
}

/// `POST /api/v1/campaigns`: a draft.
pub async fn create(db: Data<Db>, caller: Caller, body: Json<Value>) -> Result<HttpResponse, Error> {
    let made = db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let usual = Typed { channel: Channel::Email.key().into(), ..Typed::default() };
        let wish = wish(&read::<Asked>(body)?.onto(usual), &caller, conn, &clock)?;
        let campaign = Campaign::create(&wish, &caller, conn, &clock)?;
        used::mark(&wish.audience.include, conn, &clock)?;
        view(&campaign, conn, &clock)
    });
    respond(StatusCode::CREATED, made.await)
}

/// `PATCH /api/v1/campaigns/{id}`: what is given changes, the rest stays.
pub async fn update(db: Data<Db>, caller: Caller, id: Path<i64>, body: Json<Value>) -> Result<HttpResponse, Error> {
    let changed = db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let campaign = find(*id, conn)?;
        let typed = read::<Asked>(body)?.onto(Typed::of(&campaign, conn, &clock)?);
        let wish = wish(&typed, &caller, conn, &clock)?;
        let changed = match campaign.change(&wish, typed.version, &caller, conn, &clock) {
            Err(Problem::Told(words)) if !campaign.state().is_before() => {
                return Err(conflict("launched", words, Value::Null));
            }
            changed => changed?,
        };
        used::mark(&wish.audience.include, conn, &clock)?;
        view(&changed, conn, &clock)
    });
    respond(StatusCode::OK, changed.await)
}

/// What somebody agreed to.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreed {
    /// How many would get it, as `reach` said.
    pub expected: i64,
    /// The number once more, where that is asked.
    pub typed: Option<i64>,
    /// Of the draft that was looked at; without it, as it is now.
    pub version: Option<i64>,
}

impl Agreed {
    /// The same was asked before, and done.
    fn is_done(&self, campaign: &Campaign) -> bool {
        let same = self.version.is_none_or(|version| version == campaign.version);
        campaign.launched_at.is_some() && same && campaign.approved == Some(self.expected)
    }
}

/// Launches what was agreed to. Asked twice, it is done once, and answered twice.
pub fn launch(
    id: i64,
    agreed: &Agreed,
    guards: &super::launch::Guards,
    caller: &Caller,
    conn: &mut Conn,
) -> Result<Campaign, Refusal> {
    let campaign = find(id, conn)?;
    if !campaign.state().is_before() {
        return match agreed.is_done(&campaign) {
            true => Ok(campaign),
            false => Err(campaign.not_taken(conn)?.into()),
        };
    }
    let mistakes = form::mistakes(&campaign, conn)?;
    if !mistakes.is_empty() {
        return Err(wrong("it cannot be sent as it is", &mistakes));
    }
    let clock = Workspace::load(conn)?.clock();
    let version = agreed.version.unwrap_or(campaign.version);
    let order = Order { version, approved: agreed.expected, typed: agreed.typed };
    campaign.launch(&order, guards, &key(conn)?, caller, conn, &clock)?;
    find(id, conn)
}

/// `POST /api/v1/campaigns/{id}/launch`
pub async fn launched(
    db: Data<Db>,
    ways: Data<Ways>,
    caller: Caller,
    id: Path<i64>,
    body: Json<Value>,
) -> Result<HttpResponse, Error> {
    let agreed: Agreed = match read(body) {
        Ok(agreed) => agreed,
        Err(refusal) => return refusal.answer(),
    };
    let (id, guards) = (id.into_inner(), ways.guards);
    let once = |db: Data<Db>, caller: Caller| async move {
        db.write(move |conn| {
            let campaign = launch(id, &agreed, &guards, &caller, conn)?;
            brief(&campaign, conn)
        })
        .await
    };
    let done = match once(db.clone(), caller.clone()).await {
        // Somebody asked for the same at the same moment: by now it is done.
        Err(Refusal::Told { code: "launched", .. }) => once(db, caller).await,
        done => done,
    };
    respond(StatusCode::OK, done)
}

/// Done already is done; what cannot follow is told with where it stands.
async fn step(db: &Db, caller: Caller, id: i64, next: State) -> Result<HttpResponse, Error> {
    let done = db.write(move |conn| {
        let clock = Workspace::load(conn)?.clock();
        let campaign = find(id, conn)?;
        if campaign.state() != next && !campaign.step(next, &caller, conn, &clock)? {
            let now = find(id, conn)?.state();
            let message = format!("it is {} now, so nothing was changed", now.words().to_lowercase());
            return Err(conflict("state", message, json!({ "state": now.key() })));
        }
        brief(&find(id, conn)?, conn)
    });
    respond(StatusCode::OK, done.await)
}

/// `POST /api/v1/campaigns/{id}/pause`
pub async fn pause(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    step(&db, caller, *id, State::Paused).await
}

/// `POST /api/v1/campaigns/{id}/resume`
pub async fn resume(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    step(&db, caller, *id, State::Sending).await
}

/// `POST /api/v1/campaigns/{id}/cancel`
pub async fn cancel(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    step(&db, caller, *id, State::Cancelled).await
}

/// Which recipients are asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Whom {
    status: Option<String>,
    /// A customer: those after her.
    after: i64,
    limit: Option<i64>,
}

/// A status as it is named, or which there are.
pub fn status(key: &str) -> Result<Status, String> {
    let all = || Status::ALL.map(Status::key).join(", ");
    Status::parse(key).ok_or_else(|| format!("a status is one of {}", all()))
}

/// `GET /api/v1/campaigns/{id}/recipients?status=&after=&limit=`: in the order of their ids.
pub async fn recipients(db: Data<Db>, id: Path<i64>, whom: Query<Whom>) -> Result<HttpResponse, Error> {
    let found = db.read(move |conn| {
        let campaign = find(*id, conn)?;
        let wanted = match whom.status.as_deref().filter(|key| !key.is_empty()) {
            Some(key) => Some(status(key).map_err(|words| Refusal::invalid(words, json!({ "status": key })))?),
            None => None,
        };
        let limit = limit(whom.limit)?;
        let sums = Sums::of(campaign.id, conn)?;
        let mut rows = Recipient::list(campaign.id, wanted, None, whom.after, limit + 1, conn)?;
        let more = rows.len() as i64 > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|last| last.customer_id);
        let views: Vec<Value> = rows.iter().map(|row| receipt::told(row, campaign.channel())).collect();
        let total = wanted.map_or(sums.members(), |status| sums.with(status));
        Ok::<_, Refusal>(json!({ "total": total, "recipients": views, "next_after": next }))
    });
    respond(StatusCode::OK, found.await)
}
