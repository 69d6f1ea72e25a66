//! `/settings/inbox`: how the website and gateways write to the inbox, and the words by which somebody opts out.

use super::stop;
use crate::agents::{Caller, Mistakes, audit};
use crate::campaigns::hook;
use crate::config::Config;
use crate::db::Db;
use crate::web::{self, Chrome, Error, flash, see_other};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form};
use askama::Template;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "inbox/settings.html")]
struct Page {
    chrome: Chrome,
    /// Where this Muster is found, without a slash at its end.
    site: String,
    /// There is a secret that gateways sign with.
    signed: bool,
    typed: Typed,
    wrong: Mistakes,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    stop_words: String,
}

fn site(config: &Config) -> String {
    let here = config.base_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    here.trim_end_matches('/').to_string()
}

/// `GET /settings/inbox`.
pub async fn show(db: Data<Db>, config: Data<Config>, chrome: Chrome) -> Result<HttpResponse, Error> {
    let (own, signed) = db.read::<_, Error>(|conn| Ok((stop::own(conn)?, hook::has_secret(conn)?))).await?;
    let typed = Typed { stop_words: own.join(", ") };
    web::show(&Page { chrome, site: site(&config), signed, typed, wrong: Mistakes::default() })
}

/// `POST /settings/inbox`.
pub async fn update(
    db: Data<Db>,
    config: Data<Config>,
    chrome: Chrome,
    caller: Caller,
    form: Form<Typed>,
) -> Result<HttpResponse, Error> {
    let typed = form.into_inner();
    let words = stop::words(&typed.stop_words);
    let mut wrong = Mistakes::default();
    if let Err(why) = stop::check(&words) {
        wrong.noted::<()>("stop_words", Err(why));
        let signed = db.read::<_, Error>(|conn| Ok(hook::has_secret(conn)?)).await?;
        let page = Page { chrome, site: site(&config), signed, typed, wrong };
        return web::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    db.write(move |conn| {
        let was = stop::own(conn)?.join(", ");
        stop::save(&words, conn)?;
        let details = serde_json::json!({ "stop_words": { "was": was, "is": words.join(", ") } });
        Ok::<_, Error>(audit(conn, &caller, "settings.update", "workspace", &details)?)
    })
    .await?;
    Ok(flash(see_other("/settings/inbox"), "The settings of the inbox are saved."))
}
