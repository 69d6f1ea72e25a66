//! Putting a segment aside: it is not offered any more and still works where it is used.

use super::Segment;
use super::pages::changeable;
use crate::agents::Caller;
use crate::db::schema::segments;
use crate::db::{Conn, Db};
use crate::web::{Error, flash, see_other};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use diesel::prelude::*;
use serde_json::json;

impl Segment {
    /// Puts it aside, or brings it back; what it already is it stays.
    pub fn archive(&self, away: bool, caller: &Caller, conn: &mut Conn, clock: &Clock) -> QueryResult<()> {
        if self.archived_at.is_some() == away {
            return Ok(());
        }
        let before = self.told(conn, clock)?;
        let mut after = before.clone();
        after["archived"] = away.into();
        let since = away.then(|| clock.stamp());
        diesel::update(segments::table.find(self.id)).set(segments::archived_at.eq(since)).execute(conn)?;
        let action = if away { "segment.archive" } else { "segment.restore" };
        self.remember(action, caller, &json!({ "before": before, "after": after }), conn)
    }
}

async fn put(db: &Db, caller: Caller, id: i64, away: bool) -> Result<Segment, Error> {
    db.write(move |conn| {
        let segment = changeable(id, &caller, conn)?;
        let clock = Workspace::load(conn)?.clock();
        segment.archive(away, &caller, conn, &clock)?;
        Ok(segment)
    })
    .await
}

/// `POST /segments/{id}/archive`
pub async fn create(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let segment = put(&db, caller, *id, true).await?;
    let words = format!("{} is archived. It is not offered any more and still works where it is used.", segment.name);
    Ok(flash(see_other(&format!("/segments/{id}")), &words))
}

/// `POST /segments/{id}/unarchive`
pub async fn destroy(db: Data<Db>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let segment = put(&db, caller, *id, false).await?;
    Ok(flash(see_other(&format!("/segments/{id}")), &format!("{} is back.", segment.name)))
}
