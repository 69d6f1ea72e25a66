//! Stands before every door: finds out who comes, and lets them through or not. Pages know people by their session and
//! nothing else, the API knows programs by their token and nothing else.

use super::{Access, Agent, Caller, sessions, tokens};
use crate::db::{Db, Trouble};
use crate::web;
use crate::workspace::{Workspace, stamp};
use actix_session::SessionExt;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use std::sync::atomic::{AtomicBool, Ordering};

const SETUP: &str = "/setup";

/// Remembers that the workspace has an admin: from then on nobody needs to look.
#[derive(Default)]
pub struct Opened(AtomicBool);

/// How a door knows who comes.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    /// It does not ask: files and health, visitors of a website, and those whose signature says who they are.
    NotAtAll,
    BySession,
    ByToken,
}

/// What one door asks of whoever comes.
#[derive(Clone, Copy)]
pub struct Asks {
    known: Known,
    access: Access,
    setup: bool,
}

impl Asks {
    pub fn of(path: &str, access: Access) -> Asks {
        let known = match path {
            "/healthz" | "/readyz" => Known::NotAtAll,
            _ if ["/static/", "/hooks/", "/chat"].iter().any(|known| path.starts_with(known)) => Known::NotAtAll,
            _ if path.starts_with("/api/") => Known::ByToken,
            _ => Known::BySession,
        };
        Asks { known, access, setup: path == SETUP }
    }

    /// Whether the session's layer belongs before this door.
    pub fn reads_cookies(self) -> bool {
        self.known == Known::BySession
    }
}

/// The layer of one door: `from_fn(move |req, next| check(asks, req, next))`.
pub async fn check(
    asks: Asks,
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let found = match asks.known {
        Known::NotAtAll => Ok(Found::default()),
        Known::BySession => by_session(&req).await,
        Known::ByToken => by_token(&req).await,
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return Ok(req.error_response(error).map_into_boxed_body()),
    };
    if found.unopened && !asks.setup {
        return Ok(req.into_response(web::see_other(SETUP)));
    }
    let refusal = match (asks.access, &found.caller) {
        (Access::Public | Access::Signed, _) | (Access::SignedIn, Some(_)) => None,
        (_, None) => Some(web::Error::SignedOut),
        (Access::Needs(right), Some(caller)) if caller.may(right) => None,
        (Access::Needs(right), Some(_)) => Some(right.refusal()),
    };
    found.put_into(&req);
    let mut answer = match refusal {
        Some(error) => req.error_response(error),
        None => next.call(req).await?.map_into_boxed_body(),
    };
    if asks.known == Known::ByToken && answer.status() == actix_web::http::StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    Ok(answer)
}

/// Who came, and to which workspace.
#[derive(Default)]
struct Found {
    caller: Option<Caller>,
    workspace: Option<Workspace>,
    /// There is no admin yet.
    unopened: bool,
}

impl Found {
    fn put_into(self, req: &ServiceRequest) {
        let mut extensions = req.extensions_mut();
        if let Some(workspace) = self.workspace {
            extensions.insert(workspace);
        }
        if let Some(caller) = self.caller {
            extensions.insert(caller.viewer());
            extensions.insert(caller);
        }
    }
}

async fn by_session(req: &ServiceRequest) -> Result<Found, web::Error> {
    let db = db(req)?;
    let opened = req.app_data::<Data<Opened>>().cloned();
    let sure = opened.as_ref().is_some_and(|opened| opened.0.load(Ordering::Relaxed));
    let agent = req.get_session().get::<i64>(sessions::AGENT).unwrap_or(None);
    let found = db
        .read::<_, web::Error>(move |conn| {
            let unopened = !sure && !Agent::any_admin(conn)?;
            // Asked afresh each time: whoever was disabled, or has another role since, is so at once.
            let agent = agent.map(|id| Agent::find(id, conn)).transpose()?.flatten();
            let caller = agent.filter(|agent| agent.disabled_at.is_none()).map(|agent| agent.caller());
            Ok(Found { caller, workspace: Some(Workspace::load(conn)?), unopened })
        })
        .await?;
    if let Some(opened) = opened.filter(|_| !found.unopened) {
        opened.0.store(true, Ordering::Relaxed);
    }
    Ok(found)
}

async fn by_token(req: &ServiceRequest) -> Result<Found, web::Error> {
    let Some(secret) = bearer(req) else { return Ok(Found::default()) };
    let db = db(req)?;
    let known = db.read::<_, web::Error>(move |conn| Ok(tokens::caller(&secret, conn)?)).await?;
    let Some(known) = known else { return Ok(Found::default()) };
    let at = stamp(chrono::Utc::now());
    let caller = known.caller.clone();
    if known.is_worth_a_note(at) {
        db.write::<_, Trouble>(move |conn| Ok(known.note(conn, at)?)).await?;
    }
    Ok(Found { caller: Some(caller), ..Found::default() })
}

fn db(req: &ServiceRequest) -> Result<Data<Db>, web::Error> {
    req.app_data::<Data<Db>>().cloned().ok_or_else(|| anyhow::anyhow!("the server has no database").into())
}

/// The secret of `Authorization: Bearer …`.
fn bearer(req: &ServiceRequest) -> Option<String> {
    let value = req.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim().to_string())
}
