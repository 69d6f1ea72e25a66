//! `GET /customers/export?filter=&columns=&id=`: the download.

use super::Columns;
use crate::agents::Caller;
use crate::custom_fields::CustomField;
use crate::db::Db;
use crate::filters::whom::Whom;
use crate::segments;
use crate::web::{self, Error};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Data, Query};

/// Sends all who match as CSV, or those whose `id` is given. That somebody took them along is kept.
pub async fn show(db: Data<Db>, caller: Caller, pairs: Query<Vec<(String, String)>>) -> Result<HttpResponse, Error> {
    let (who, columns, day) = db
        .write(move |conn| {
            let value = |name: &str| pairs.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value);
            let columns = Columns::parse(value("columns").split(','), &CustomField::all(conn)?);
            let columns = columns.map_err(Error::Unprocessable)?;
            let clock = Workspace::load(conn)?.clock();
            let ids = pairs.iter().filter(|(name, _)| name == "id").filter_map(|(_, id)| id.parse().ok());
            let who = match Whom::ticked(ids) {
                Whom::Ticked(ids) if !ids.is_empty() && value("all").is_empty() => Whom::Ticked(ids),
                // From the bar over the list, where nobody is ticked.
                Whom::Ticked(_) if !value("do").is_empty() && value("all").is_empty() => {
                    return Err(Error::Unprocessable("Tick the customers to export first.".into()));
                }
                _ => Whom::matching(value("filter"), conn, &clock)?,
            };
            if let Whom::Matching(filter) = &who {
                segments::used::mark(&filter.segments(), conn, &clock)?;
            }
            super::remember(&who, &columns, &caller, conn)?;
            Ok::<_, Error>((who, columns, clock.now.with_timezone(&clock.zone).format("%Y-%m-%d").to_string()))
        })
        .await?;
    let body =
        web::stream::snapshot(db.get_ref().clone(), move |conn, out| super::write(&who, &columns, out, conn).map(drop));
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"customers-{day}.csv\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(body))
}
