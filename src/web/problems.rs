//! The calm page for whatever could not be shown: a whole page, a toast when htmx asked, JSON for programs.
//! Handlers return [`Error`]; the layer [`calm`] turns it, and the framework's own refusals, into words.

use super::{Chrome, Error, Htmx, Icon, Toast, Viewer, icon, show_as, sign_in, toast};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use askama::Template;
use serde_json::{Value, json};

/// Inside `headers::security_headers`, outside everything that can fail: `middleware::from_fn(problems::calm)`.
pub async fn calm(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    // The request itself must not be held while it travels inwards.
    let mut asked = Asked::of(req.request());
    match next.call(req).await {
        Err(error) => {
            let response = asked.refuse(&Problem::of(&error));
            Err(InternalError::from_response(error, response).into())
        }
        Ok(answer) => {
            asked.chrome.viewer = answer.request().extensions().get::<Viewer>().cloned().unwrap_or_default();
            let mut answer = answer.map_into_boxed_body();
            if let Some(problem) = problem_of(answer.response()) {
                let refusal = asked.refuse(&problem);
                return Ok(keeping_headers(answer, refusal));
            }
            if asked.htmx.is_request() {
                redirect_the_page(answer.response_mut());
            } else if asked.chrome.toast.is_some() && shows_a_page(answer.response()) {
                toast::forget(answer.response_mut());
            }
            Ok(answer)
        }
    }
}

/// For paths nobody knows: `App::default_service(web::to(problems::unknown))`.
pub async fn unknown() -> Result<HttpResponse, Error> {
    Err(Error::NotFound("page"))
}

/// The shape of every refusal a program gets.
pub fn json_error(status: StatusCode, code: &str, message: &str, details: Value) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": { "code": code, "message": message, "details": details } }))
}

/// What a problem is called, and what it says to whoever meets it.
struct Problem {
    status: StatusCode,
    code: &'static str,
    icon: &'static str,
    title: String,
    words: String,
    /// Who may, where somebody may not.
    who: &'static str,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, icon: &'static str, title: &str, words: &str) -> Problem {
        Problem { status, code, icon, title: title.into(), words: words.into(), who: "" }
    }

    fn of(error: &actix_web::Error) -> Problem {
        match error.as_error::<Error>() {
            Some(error) => Problem::of_ours(error),
            None => {
                let status = error.as_response_error().status_code();
                if status.is_server_error() { ours_to_mend(error) } else { Problem::of_status(status) }
            }
        }
    }

    fn of_ours(error: &Error) -> Problem {
        match error {
            Error::NotFound("page") => Problem::of_status(StatusCode::NOT_FOUND),
            Error::NotFound(what) => Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "map-pin-off",
                &format!("There is no such {what}"),
                "It may have been deleted, or the address is not quite right.",
            ),
            Error::SignedOut => Problem::of_status(StatusCode::UNAUTHORIZED),
            Error::Forbidden(words, who) => Problem {
                who,
                ..Problem::new(StatusCode::FORBIDDEN, "forbidden", "lock", &format!("You may not {words}"), "")
            },
            Error::Unprocessable(words) => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "unprocessable",
                "alert-circle",
                "That could not be done",
                words,
            ),
            Error::TooMany => Problem::of_status(StatusCode::TOO_MANY_REQUESTS),
            Error::Busy => Problem::new(
                StatusCode::CONFLICT,
                "busy",
                "clock",
                "Somebody else is changing the same",
                "Nothing was changed. Try again in a moment.",
            ),
            Error::Internal(cause) => ours_to_mend(cause),
        }
    }

    /// What the framework refused by itself.
    fn of_status(status: StatusCode) -> Problem {
        let (code, icon, title, words) = match status {
            StatusCode::UNAUTHORIZED => ("signed_out", "lock", "Sign in first", "You are not signed in any more."),
            StatusCode::FORBIDDEN => {
                ("forbidden", "lock", "That is not allowed here", "The request came from another site.")
            }
            StatusCode::NOT_FOUND => {
                ("not_found", "map-pin-off", NO_PAGE, "The address may be mistyped, or the page has moved.")
            }
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                "map-pin-off",
                "This address does not work that way",
                "It takes a form, not a visit, or the other way round.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => {
                ("too_large", "upload", "That is too much at once", "Send less, or split it into several parts.")
            }
            StatusCode::TOO_MANY_REQUESTS => {
                ("too_many", "clock", "Too many attempts", "Wait a minute, then try again.")
            }
            _ => (
                "bad_request",
                "alert-circle",
                "The form did not arrive as it should",
                "Something was missing or damaged on the way. Go back, reload the page and try again.",
            ),
        };
        Problem::new(status, code, icon, title, words)
    }
}

/// A program has no form to go back to and no page to reload.
fn for_programs(problem: &Problem) -> Option<&'static str> {
    match problem.code {
        "bad_request" => Some(
            "This request cannot be read. A body is JSON sent as application/json, a number in the query a number.",
        ),
        "method_not_allowed" => Some("This address does not take this method. The header Allow lists those it takes."),
        "not_found" if problem.title == NO_PAGE => Some("There is no such address in this API."),
        _ => None,
    }
}

const NO_PAGE: &str = "There is no such page";

/// The log gets the cause, the visitor a number that leads to it.
fn ours_to_mend(cause: &(impl std::fmt::Debug + ?Sized)) -> Problem {
    let number = format!("{:04x}-{:04x}", fastrand::u16(..), fastrand::u16(..));
    tracing::error!(%number, ?cause, "a request failed");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "alert-triangle",
        "That did not work, and it is our fault",
        &format!("Try again. If it happens twice, give the number {number} to whoever runs this server."),
    )
}

/// A refusal that nobody put into words yet: an error, or a bare status.
fn problem_of(response: &HttpResponse<BoxBody>) -> Option<Problem> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    match response.error() {
        Some(error) => Some(Problem::of(error)),
        None if response.headers().contains_key(header::CONTENT_TYPE) => None,
        None if status.is_server_error() => Some(ours_to_mend(&status)),
        None => Some(Problem::of_status(status)),
    }
}

/// `Allow`, `Retry-After` and cookies still belong to the refusal.
fn keeping_headers(answer: ServiceResponse<BoxBody>, mut refusal: HttpResponse) -> ServiceResponse<BoxBody> {
    for (name, value) in answer.headers() {
        let ours = *name == header::CONTENT_TYPE || *name == header::CONTENT_LENGTH;
        if !ours && !refusal.headers().contains_key(name) {
            refusal.headers_mut().append(name.clone(), value.clone());
        }
    }
    answer.into_response(refusal)
}

fn shows_a_page(response: &HttpResponse<BoxBody>) -> bool {
    let html = |value: &HeaderValue| value.as_bytes().starts_with(b"text/html");
    !response.status().is_redirection() && response.headers().get(header::CONTENT_TYPE).is_some_and(html)
}

/// A browser follows a redirect inside htmx's request and htmx would swap a page into a piece: let it go there instead.
fn redirect_the_page(response: &mut HttpResponse<BoxBody>) {
    if !response.status().is_redirection() {
        return;
    }
    if let Some(place) = response.headers_mut().remove(header::LOCATION).next() {
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().insert(HeaderName::from_static("hx-redirect"), place);
    }
}

/// What is known of a request before it travels inwards.
struct Asked {
    htmx: Htmx,
    chrome: Chrome,
    get: bool,
    api: bool,
    /// Path and query.
    here: String,
    back: String,
}

impl Asked {
    fn of(req: &HttpRequest) -> Asked {
        Asked {
            htmx: Htmx::of(req.headers()),
            chrome: Chrome::of(req),
            get: req.method() == Method::GET,
            api: ["/api/", "/hooks/"].iter().any(|programs| req.path().starts_with(programs)),
            here: req.uri().path_and_query().map_or("/", |path| path.as_str()).to_string(),
            back: super::back(req),
        }
    }

    fn refuse(&self, problem: &Problem) -> HttpResponse {
        let mut response = self.in_its_shape(problem);
        if problem.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        response
    }

    fn in_its_shape(&self, problem: &Problem) -> HttpResponse {
        if self.api && problem.status == StatusCode::UNAUTHORIZED {
            let words = "This needs a valid API token: Authorization: Bearer <token>.";
            return json_error(problem.status, "unauthorized", words, Value::Null);
        }
        if self.api {
            let words = for_programs(problem).map_or_else(|| self.sentence(problem), str::to_string);
            return json_error(problem.status, problem.code, &words, Value::Null);
        }
        if problem.status == StatusCode::UNAUTHORIZED {
            let next = if self.get && !self.htmx.is_request() { &self.here } else { &self.back };
            let mut response = sign_in(next);
            if self.htmx.is_request() {
                redirect_the_page(&mut response);
            }
            return response;
        }
        let shown = if self.htmx.is_fragment() { self.over_the_page(problem) } else { self.page(problem) };
        shown.unwrap_or_else(|error| {
            tracing::error!(%error, "the page of an error failed itself");
            HttpResponse::build(problem.status).body(problem.title.clone())
        })
    }

    fn over_the_page(&self, problem: &Problem) -> Result<HttpResponse, Error> {
        let mut response = show_as(problem.status, &Toast::refused(self.sentence(problem)))?;
        let mut tell =
            |name, value| response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        tell("hx-retarget", "#toasts");
        tell("hx-reswap", "afterbegin");
        tell("hx-push-url", "false");
        Ok(response)
    }

    fn page(&self, problem: &Problem) -> Result<HttpResponse, Error> {
        let signed_in = !self.chrome.viewer.name.is_empty();
        let chrome = self.chrome.clone();
        let (icon, title, words) = (icon(problem.icon), problem.title.clone(), self.words(problem));
        let onward = self.onward(problem);
        if signed_in {
            show_as(problem.status, &Framed { chrome, icon, title, words, onward })
        } else {
            show_as(problem.status, &Bare { chrome, icon, title, words, onward })
        }
    }

    /// A refusal for lack of a right says who could have: "Your role is agent."
    fn words(&self, problem: &Problem) -> String {
        let role = self.chrome.viewer.role;
        match problem.words.is_empty() {
            true if role.is_empty() => "You do not have the right to.".into(),
            true if role == "admin" => "Your role is admin.".into(),
            true => format!("Your role is {role}. {}", problem.who).trim_end().to_string(),
            false => problem.words.clone(),
        }
    }

    fn sentence(&self, problem: &Problem) -> String {
        match problem.code {
            "unprocessable" => problem.words.clone(),
            _ => format!("{}. {}", problem.title, self.words(problem)),
        }
    }

    /// Whoever is signed out reaches the sign-in page by either way.
    fn onward(&self, problem: &Problem) -> Vec<(String, &'static str)> {
        let mut ways = Vec::new();
        if problem.status.is_server_error() && self.get {
            ways.push((self.here.clone(), "Try again"));
        } else if self.back != "/" && self.back != self.here {
            ways.push((self.back.clone(), "Go back"));
        }
        ways.push(("/customers".into(), "Customers"));
        ways
    }
}

#[derive(Template)]
#[template(path = "errors/page.html")]
struct Framed {
    chrome: Chrome,
    icon: Icon,
    title: String,
    words: String,
    onward: Vec<(String, &'static str)>,
}

#[derive(Template)]
#[template(path = "errors/signed_out.html")]
struct Bare {
    chrome: Chrome,
    icon: Icon,
    title: String,
    words: String,
    onward: Vec<(String, &'static str)>,
}
