//! What every answer tells the browser about how far to trust it.

use crate::config::Config;
use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

/// Nothing but our own files; no inline script or style, no frames around us, no forms to elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const ALWAYS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
];

/// The outermost layer (`middleware::from_fn(headers::security_headers)`); reads `Data<Config>` to know about https.
pub async fn security_headers(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let secure = req.app_data::<Data<Config>>().is_some_and(|config| config.secure());
    match next.call(req).await {
        Ok(mut answer) => {
            apply(answer.headers_mut(), secure);
            Ok(answer.map_into_boxed_body())
        }
        Err(error) => {
            let mut response = error.error_response();
            apply(response.headers_mut(), secure);
            Err(InternalError::from_response(error, response).into())
        }
    }
}

fn apply(headers: &mut HeaderMap, secure: bool) {
    let mut missing = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    for (name, value) in ALWAYS {
        missing(name, value);
    }
    // Whatever does not say otherwise was made for one person and one moment.
    missing(header::CACHE_CONTROL, "no-store");
    if secure {
        missing(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    name_the_charset(headers);
}

fn name_the_charset(headers: &mut HeaderMap) {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return };
    let is_text = kind.starts_with("text/") || kind.starts_with("application/json");
    if is_text
        && !kind.contains("charset=")
        && let Ok(full) = HeaderValue::from_str(&format!("{kind}; charset=utf-8"))
    {
        headers.insert(header::CONTENT_TYPE, full);
    }
}
