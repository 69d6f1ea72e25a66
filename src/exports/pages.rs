//! `GET /customers/export?filter=&columns=`: the download.

use super::Columns;
use crate::agents::Caller;
use crate::custom_fields::CustomField;
use crate::db::Db;
use crate::filters::{Filter, stored};
use crate::segments;
use crate::web::{self, Error};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Data, Query};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    filter: String,
    #[serde(default)]
    columns: String,
}

/// Sends whom the filter selects as CSV. That somebody took them along is kept.
pub async fn show(db: Data<Db>, caller: Caller, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    let Asked { filter: spelling, columns } = asked.into_inner();
    let (filter, columns, day) = db
        .write(move |conn| {
            let columns = Columns::parse(columns.split(','), &CustomField::all(conn)?).map_err(Error::Unprocessable)?;
            let clock = Workspace::load(conn)?.clock();
            let rule = stored::open(&spelling, conn)?.map_err(|mistake| Error::Unprocessable(mistake.to_string()))?;
            let filter = Filter::check(&rule, conn, &clock)?;
            if let Some(problem) = filter.problems().first() {
                return Err(Error::Unprocessable(format!("This filter selects nobody. {}", problem.words)));
            }
            segments::used::mark(&filter.segments(), conn, &clock)?;
            super::remember(&filter, &columns, &caller, conn)?;
            Ok::<_, Error>((filter, columns, clock.now.with_timezone(&clock.zone).format("%Y-%m-%d").to_string()))
        })
        .await?;
    let body = web::stream::snapshot(db.get_ref().clone(), move |conn, out| {
        super::write(&filter, &columns, out, conn).map(drop)
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"customers-{day}.csv\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(body))
}
