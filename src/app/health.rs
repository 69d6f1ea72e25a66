//! What whoever keeps Muster running asks it: is it alive, and can it work.

use crate::db::{Db, Trouble};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::web::Data;

/// `GET /healthz`: the process answers.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// `GET /readyz`: the database answers too.
pub async fn ready(db: Data<Db>) -> HttpResponse {
    match db.read::<_, Trouble>(|conn| Ok(Workspace::load(conn)?)).await {
        Ok(_) => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n"),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            let words = "the database does not answer\n";
            HttpResponse::ServiceUnavailable().content_type("text/plain; charset=utf-8").body(words)
        }
    }
}
