//! One sentence about what just happened: over the page at once, or carried by a cookie to the page a redirect leads to.

use super::same_site;
use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

const COOKIE: &str = "toast";

/// `{{ toast }}` in a template. Successes go by themselves, refusals stay until they are read.
#[derive(Clone, Debug, Template)]
#[template(path = "_toast.html")]
pub struct Toast {
    words: String,
    bad: bool,
    /// The page of what was done; a form to `/undo` there takes it back.
    action: Option<String>,
}
impl askama::filters::HtmlSafe for Toast {}

impl Toast {
    pub fn done(words: impl Into<String>) -> Toast {
        Toast { words: words.into(), bad: false, action: None }
    }

    pub fn refused(words: impl Into<String>) -> Toast {
        Toast { words: words.into(), bad: true, action: None }
    }

    /// What the step before left: a sentence, and on a line of its own what can be undone.
    pub(super) fn read(left: &str) -> Toast {
        let (words, action) = left.split_once('\n').unwrap_or((left, ""));
        Toast { action: same_site(action).map(str::to_string), ..Toast::done(words) }
    }
}

/// Leaves a sentence for the next page: `flash(see_other("/tags"), "VIP is now called Gold.")`.
pub fn flash(response: HttpResponse, words: &str) -> HttpResponse {
    flash_undo(response, words, None)
}

/// The same with a link to the page of what was done, and a button that undoes it.
pub fn flash_undo(mut response: HttpResponse, words: &str, action: Option<&str>) -> HttpResponse {
    let mut short: String = words.replace('\n', " ").chars().take(300).collect();
    if let Some(action) = action {
        short.push('\n');
        short.push_str(action);
    }
    // A cookie holds neither spaces nor letters beyond ASCII.
    let value = form_urlencoded::byte_serialize(short.as_bytes()).collect::<String>().replace('+', "%20");
    if response.add_cookie(&cookie(value, Duration::minutes(2))).is_err() {
        tracing::warn!("a sentence for the next page was lost");
    }
    response
}

/// What the step before left, if this request is for a whole page.
pub(super) fn left(req: &HttpRequest) -> Option<String> {
    let words = req.cookie(COOKIE)?.value().to_string();
    Some(words).filter(|words| !words.is_empty())
}

/// Shown once: takes the cookie back.
pub(super) fn forget(response: &mut HttpResponse<impl Sized>) {
    let _ = response.add_cookie(&cookie(String::new(), Duration::ZERO));
}

fn cookie(value: String, keep: Duration) -> Cookie<'static> {
    Cookie::build(COOKIE, value).path("/").http_only(true).same_site(SameSite::Lax).max_age(keep).finish()
}
