//! What the sidebar tells one person, her views and what she has not read: loaded once for each whole page, before its
//! handler draws it.

use super::View;
use crate::agents::Caller;
use crate::conversations::list;
use crate::db::schema::views;
use crate::db::{Conn, Db};
use crate::web::{self, Htmx, Shortcut, Unread, Viewer};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use diesel::prelude::*;

/// So many stand there; the page of all views has the rest.
const SHOWN: i64 = 12;

/// The layer of one door, inside its guard: `from_fn(sidebar::fill)`. A piece that htmx swaps has no sidebar.
pub async fn fill(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let caller = req.extensions().get::<Caller>().cloned();
    if let Some(caller) = caller.filter(|_| !Htmx::of(req.headers()).is_fragment())
        && let Some(db) = req.app_data::<Data<Db>>()
    {
        let here = opened(&req);
        let known = db.read::<_, web::Error>(move |conn| {
            Ok((shortcuts(here, &caller, conn)?, Unread::of(list::unread(caller.agent_id.unwrap_or(0), conn)?)))
        });
        let known = known.await?;
        if let Some(viewer) = req.extensions_mut().get_mut::<Viewer>() {
            (viewer.shortcuts, viewer.unread) = known;
        }
    }
    Ok(next.call(req).await?.map_into_boxed_body())
}

/// The view whose list is asked for.
fn opened(req: &ServiceRequest) -> Option<i64> {
    if req.path() != "/customers" {
        return None;
    }
    let mut pairs = form_urlencoded::parse(req.query_string().as_bytes());
    pairs.find(|(name, _)| name == "view").and_then(|(_, id)| id.parse().ok())
}

/// By name; the one that is open is always among them.
fn shortcuts(here: Option<i64>, caller: &Caller, conn: &mut Conn) -> QueryResult<Vec<Shortcut>> {
    let mut found: Vec<(i64, String, String, bool)> = View::seen_by(caller)
        .order((views::id.eq(here.unwrap_or(0)).desc(), views::name_key.asc(), views::id.asc()))
        .limit(SHOWN)
        .select((views::id, views::name_key, views::name, views::private))
        .load(conn)?;
    found.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
    let shortcut = |(id, _, name, private)| Shortcut {
        name,
        link: format!("/customers?view={id}"),
        private,
        here: Some(id) == here,
    };
    Ok(found.into_iter().map(shortcut).collect())
}
