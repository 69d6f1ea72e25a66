//! What htmx asked for: the whole page, or the piece of it that it will swap.

use super::Error;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use askama::Template;
use std::convert::Infallible;
use std::future::{Ready, ready};

/// The headers htmx sends with its requests.
#[derive(Clone, Debug, Default)]
pub struct Htmx {
    request: bool,
    full: bool,
    target: Option<String>,
}

impl Htmx {
    pub fn of(headers: &HeaderMap) -> Htmx {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Htmx {
            request: text("HX-Request").is_some(),
            full: text("HX-Request-Type") == Some("full"),
            // `div#results`: only the id says which piece is meant.
            target: text("HX-Target").and_then(|target| target.split_once('#')).map(|(_, id)| id.to_string()),
        }
    }

    /// True when htmx sent the request, whatever it will do with the answer.
    pub fn is_request(&self) -> bool {
        self.request
    }

    /// True when only a piece of the page will be swapped.
    pub fn is_fragment(&self) -> bool {
        self.request && !self.full
    }

    /// The id of the element that will be swapped.
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// The whole page, or only its piece when that is what will be swapped.
    pub fn show(&self, page: &impl Template, piece: impl Template) -> Result<HttpResponse, Error> {
        self.show_as(StatusCode::OK, page, piece)
    }

    /// The same with another status: a form that comes back is 422.
    pub fn show_as(
        &self,
        status: StatusCode,
        page: &impl Template,
        piece: impl Template,
    ) -> Result<HttpResponse, Error> {
        if self.is_fragment() { super::show_as(status, &piece) } else { super::show_as(status, page) }
    }
}

/// Tells htmx the address under which what it swaps in is kept, where that is not the one it asked.
pub fn push(answer: &mut HttpResponse, address: &str) {
    if let Ok(address) = HeaderValue::from_str(address) {
        answer.headers_mut().insert(HeaderName::from_static("hx-push-url"), address);
    }
}

impl FromRequest for Htmx {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Htmx::of(req.headers())))
    }
}
