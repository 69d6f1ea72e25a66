//! Light, dark, or as the system has it: a cookie the server reads, so that no page flashes in the wrong colours.

use super::{back, see_other};
use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::web::Form;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

const COOKIE: &str = "theme";

#[derive(Deserialize)]
pub struct Choice {
    theme: String,
}

/// `POST /theme`: remembers the choice and goes back to where it was made.
pub async fn choose(req: HttpRequest, choice: Form<Choice>) -> HttpResponse {
    let mut response = see_other(&back(&req));
    let chosen = known(&choice.theme);
    let keep = if chosen.is_empty() { Duration::ZERO } else { Duration::days(365) };
    let cookie = Cookie::build(COOKIE, chosen).path("/").http_only(true).same_site(SameSite::Lax).max_age(keep);
    if response.add_cookie(&cookie.finish()).is_err() {
        tracing::warn!("the choice of colours was lost");
    }
    response
}

/// `light`, `dark`, or empty for the system's own.
pub(super) fn chosen(req: &HttpRequest) -> String {
    req.cookie(COOKIE).map(|cookie| known(cookie.value()).to_string()).unwrap_or_default()
}

fn known(theme: &str) -> &'static str {
    match theme {
        "light" => "light",
        "dark" => "dark",
        _ => "",
    }
}
