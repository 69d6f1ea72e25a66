//! What every page shares: errors and their statuses, what htmx asked for, the frame around a page. Knows no feature.

use crate::db::{Trouble, dialect};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERER, VARY};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use diesel::result::{DatabaseErrorKind, Error as QueryError};

pub mod assets;
pub mod chrome;
pub mod cross_site;
pub mod headers;
pub mod htmx;
pub mod problems;
pub mod stream;
pub mod theme;
pub mod tls;
pub mod toast;

pub use chrome::{Chrome, Icon, May, Shortcut, Unread, Viewer, icon};
pub use htmx::Htmx;
pub use toast::{Toast, flash, flash_undo};

/// Why a page cannot be shown. What was merely typed wrongly is not one of these: the form comes back instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// "There is no {0} here": `Error::NotFound("customer")`.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("not signed in")]
    SignedOut,
    /// The words of the missing right, "You may not {0}.", and who has it.
    #[error("may not {0}")]
    Forbidden(&'static str, &'static str),
    /// A request that makes no sense, in a sentence for whoever sent it.
    #[error("{0}")]
    Unprocessable(String),
    #[error("too many attempts")]
    TooMany,
    /// Somebody else was changing the very same at that moment.
    #[error("two writers were in each other's way")]
    Busy,
    /// Ours to mend: the visitor reads a calm sentence, the log reads this.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Query(error) => error.into(),
            other => Error::Internal(other.into()),
        }
    }
}
impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        match error {
            // A row that was there a moment ago, or what it belongs to: somebody else has deleted it since.
            QueryError::NotFound | QueryError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => {
                tracing::warn!(%error, "what was to be changed is gone");
                Error::NotFound("record")
            }
            error if dialect::in_the_way(&error) => {
                tracing::warn!(%error, "two writers were in each other's way");
                Error::Busy
            }
            error => Error::Internal(error.into()),
        }
    }
}
impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Self {
        Error::Internal(error.into())
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self {
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::SignedOut => StatusCode::UNAUTHORIZED,
            Error::Forbidden(..) => StatusCode::FORBIDDEN,
            Error::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Error::Busy => StatusCode::CONFLICT,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).finish()
    }
}

/// A page, or a piece that stands alone.
pub fn show(page: &impl Template) -> Result<HttpResponse, Error> {
    show_as(StatusCode::OK, page)
}

/// The same with another status: a form that comes back is 422.
pub fn show_as(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        // One address gives a page or a piece of it: nobody may mistake one for the other.
        .insert_header((VARY, "HX-Request, HX-Request-Type"))
        .body(page.render()?))
}

/// After a form: go and look at the result. For htmx the whole page goes there ([`problems::calm`] sees to it).
pub fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

/// Leads to the sign-in page, and from there back to `next`.
pub fn sign_in(next: &str) -> HttpResponse {
    match same_site(next) {
        Some("/") | None => see_other("/sign-in"),
        Some(next) => {
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            see_other(&format!("/sign-in?next={next}"))
        }
    }
}

/// The address of a page with these parameters, those without a value left out. A comma stays as people read it.
pub fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    parameters.iter().filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| {
        query.append_pair(name, value);
    });
    let query = query.finish().replace("%2C", ",");
    if query.is_empty() { path.into() } else { format!("{path}?{query}") }
}

/// The page the request came from, as a path of ours; `/` when it does not say.
pub fn back(req: &HttpRequest) -> String {
    let here = req.headers().get(REFERER).and_then(|value| value.to_str().ok());
    let path = here.and_then(|here| here.split_once("://")).and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    path.and_then(same_site).unwrap_or("/").to_string()
}

/// `next=` may only lead to a path of this site: `//elsewhere` and `/\elsewhere` are other sites to a browser.
pub fn same_site(path: &str) -> Option<&str> {
    let ours = path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n', '\t']);
    ours.then_some(path)
}

/// A count as people read it: `12,431`.
pub fn thousands(count: &i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut spoken = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if *count < 0 {
        spoken.push('−');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            spoken.push(',');
        }
        spoken.push(digit);
    }
    spoken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_deleted_meanwhile_is_not_there_and_no_fault_of_ours() {
        let gone = Error::from(Trouble::Query(QueryError::NotFound));
        assert_eq!(gone.status_code(), StatusCode::NOT_FOUND);
        let orphan = QueryError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, Box::new(String::new()));
        assert_eq!(Error::from(orphan).status_code(), StatusCode::NOT_FOUND);
        let said = |words: &str| QueryError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(words.to_string()));
        assert_eq!(Error::from(said("deadlock detected")).status_code(), StatusCode::CONFLICT);
        let ours = Error::from(QueryError::RollbackTransaction);
        assert_eq!(ours.status_code(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
