//! What agents do in the inbox, each step a form: an answer, a note, whose it is, until when it waits.

use super::{Asked, Typed, answer, draw};
use crate::agents::Caller;
use crate::conversations::acts::{self, Refused, Snooze};
use crate::conversations::{Conversation, Medium, arriving, delivery, list};
use crate::customers::Customer;
use crate::db::{Conn, Db};
use crate::filters::sets::Sets;
use crate::web::{self, Chrome, Error, Htmx, Unread, see_other};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path, Query};
use serde::Deserialize;

/// What agents do, in a transaction of its own: the conversation as it was, and who acts.
async fn act<T: Send + 'static>(
    db: &Db,
    id: i64,
    work: impl FnOnce(&Conversation, &Clock, &mut Conn) -> Result<T, Refused> + Send + 'static,
) -> Result<Result<T, String>, Error> {
    let done = db.write(move |conn| {
        let Some(conversation) = Conversation::find(id, conn)? else { return Ok(None) };
        crate::db::dialect::hold_customer(conversation.customer_id, conn)?;
        let clock = Workspace::load(conn)?.clock();
        work(&conversation, &clock, conn).map(Some)
    });
    match done.await {
        Ok(Some(done)) => Ok(Ok(done)),
        Ok(None) => Err(Error::NotFound("conversation")),
        Err(Refused::Senseless(words)) => Ok(Err(words)),
        Err(Refused::Trouble(trouble)) => Err(trouble.into()),
    }
}

/// `POST /inbox/{id}/messages`: an answer or a note; `then=close` ends it.
pub async fn write(
    db: Data<Db>,
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    htmx: Htmx,
    id: Path<i64>,
    (asked, Form(typed)): (Query<Asked>, Form<Typed>),
) -> Result<HttpResponse, Error> {
    let (id, asked, acting, said) = (*id, asked.into_inner(), caller.clone(), typed.clone());
    let done = act(&db, id, move |conversation, clock, conn| {
        let up_to = match said.is_note() {
            true => acts::note(conversation, &said.body, &acting, clock, conn)?,
            false => acts::reply(conversation, &said.body, &acting, clock, conn)?,
        };
        if let Some(agent) = acting.agent_id {
            acts::read(conversation.id, agent, up_to, conn)?;
        }
        if said.then == "close" {
            acts::close(conversation, &acting, clock, conn)?;
        }
        Ok(())
    });
    match done.await? {
        Ok(()) if htmx.is_fragment() => {
            let page = sets.read(move |at| draw(chrome, asked, Some(id), &caller, at)).await?;
            answer(&htmx, StatusCode::OK, &page)
        }
        Ok(()) => Ok(see_other(&asked.link(&format!("/inbox/{id}"), &[]))),
        Err(words) => {
            let mut page = sets.read(move |at| draw(chrome, asked, Some(id), &caller, at)).await?;
            if let Some(open) = &mut page.open {
                (open.typed, open.wrong) = (typed, Some(words));
            }
            answer(&htmx, StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// After a step: the conversation again, or with `next` the list it is gone from.
fn back(id: i64, asked: &Asked, done: Result<(), String>) -> Result<HttpResponse, Error> {
    let there = see_other(&asked.link(&format!("/inbox/{id}"), &[]));
    match done {
        Ok(()) => Ok(there),
        Err(words) => Err(Error::Unprocessable(words)),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Given {
    /// The number of an agent, or nothing for nobody.
    agent: String,
    until: String,
}

/// `POST /inbox/{id}/assign`.
pub async fn assign(
    db: Data<Db>,
    caller: Caller,
    id: Path<i64>,
    asked: Query<Asked>,
    Form(given): Form<Given>,
) -> Result<HttpResponse, Error> {
    let agent = match given.agent.trim() {
        "" => None,
        "me" => caller.agent_id,
        id => Some(id.parse().map_err(|_| Error::Unprocessable("There is no such agent.".into()))?),
    };
    let done = act(&db, *id, move |conversation, clock, conn| acts::assign(conversation, agent, &caller, clock, conn));
    back(*id, &asked, done.await?)
}

/// `POST /inbox/{id}/close`.
pub async fn close(db: Data<Db>, caller: Caller, id: Path<i64>, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    let done = act(&db, *id, move |conversation, clock, conn| Ok(acts::close(conversation, &caller, clock, conn)?));
    back(*id, &asked, done.await?)
}

/// `POST /inbox/{id}/reopen`.
pub async fn reopen(db: Data<Db>, caller: Caller, id: Path<i64>, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    let done = act(&db, *id, move |conversation, clock, conn| Ok(acts::reopen(conversation, &caller, clock, conn)?));
    back(*id, &asked, done.await?)
}

/// `POST /inbox/{id}/snooze`.
pub async fn snooze(
    db: Data<Db>,
    caller: Caller,
    id: Path<i64>,
    asked: Query<Asked>,
    Form(given): Form<Given>,
) -> Result<HttpResponse, Error> {
    let Some(until) = Snooze::parse(&given.until) else {
        return Err(Error::Unprocessable("Say until when: for an hour, until tomorrow or for a week.".into()));
    };
    let done =
        act(&db, *id, move |conversation, clock, conn| Ok(acts::snooze(conversation, until, &caller, clock, conn)?));
    back(*id, &asked, done.await?)
}

/// `POST /inbox/{id}/messages/{message}/again`: sends what did not arrive.
pub async fn again(db: Data<Db>, ids: Path<(i64, i64)>, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    let (id, message) = ids.into_inner();
    let done = act(&db, id, move |conversation, clock, conn| {
        match delivery::again(conversation.id, message, clock.stamp(), conn)? {
            true => Ok(()),
            false => Err(Refused::Senseless("This message is on its way, or has arrived.".into())),
        }
    });
    back(id, &asked, done.await?)
}

#[derive(Debug, Deserialize)]
pub struct UpTo {
    message: i64,
}

/// `POST /inbox/{id}/seen`: whoever looks has read it so far. The sidebar's number comes back.
pub async fn seen(db: Data<Db>, caller: Caller, id: Path<i64>, Form(up_to): Form<UpTo>) -> Result<HttpResponse, Error> {
    let Some(agent) = caller.agent_id else { return Err(Error::NotFound("agent")) };
    let done = act(&db, *id, move |conversation, _, conn| {
        acts::read(conversation.id, agent, up_to.message.min(conversation.last_in), conn)?;
        Ok(list::unread(agent, conn)?)
    });
    match done.await? {
        Ok(unread) => web::show(&Unread::of(unread)),
        Err(words) => Err(Error::Unprocessable(words)),
    }
}

/// `GET /inbox/unread`: the number in the sidebar.
pub async fn unread(db: Data<Db>, caller: Caller) -> Result<HttpResponse, Error> {
    let agent = caller.agent_id.unwrap_or(0);
    let unread = db.read::<_, Error>(move |conn| Ok(list::unread(agent, conn)?)).await?;
    web::show(&Unread::of(unread))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Begun {
    channel: String,
}

/// `POST /customers/{id}/conversations`: begins to write to her, or goes on.
pub async fn create(db: Data<Db>, id: Path<i64>, Form(begun): Form<Begun>) -> Result<HttpResponse, Error> {
    let medium = Medium::parse(&begun.channel).filter(|medium| *medium != Medium::Chat);
    let Some(medium) = medium else { return Err(Error::Unprocessable("Say over which channel.".into())) };
    let id = db
        .write(move |conn| {
            let customer = Customer::find(*id, conn)?.ok_or(Error::NotFound("customer"))?;
            acts::address(medium, &customer).map_err(Error::Unprocessable)?;
            let mut hers = Conversation::of_customer(customer.id, 50, conn)?;
            hers.retain(|conversation| conversation.medium == medium && conversation.is_open());
            if let Some(open) = hers.first() {
                return Ok(open.id);
            }
            let now = Workspace::load(conn)?.clock().stamp();
            Ok::<_, Error>(arriving::begin(customer.id, medium, None, now, conn)?.id)
        })
        .await?;
    Ok(see_other(&format!("/inbox/{id}")))
}
