//! Forms that another site sends with our visitor's cookies are refused. Browsers say where a request comes from, so no
//! form has to carry a token, and none can forget it.

use crate::config::Config;
use actix_web::Error;
use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::middleware::Next;
use actix_web::web::Data;

/// Inside `problems::calm`, which finds the words: `middleware::from_fn(cross_site::refuse)`.
pub async fn refuse(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let base_url = req.app_data::<Data<Config>>().and_then(|config| config.base_url.clone());
    if reads_no_cookie(req.path()) || is_ours(req.method(), req.headers(), base_url.as_deref()) {
        return Ok(next.call(req).await?.map_into_boxed_body());
    }
    Ok(req.into_response(HttpResponse::new(StatusCode::FORBIDDEN)))
}

/// Doors for pages of other sites, and for programs: whose cookies come along does not matter there.
fn reads_no_cookie(path: &str) -> bool {
    path.starts_with("/chat/") || path.starts_with("/hooks/")
}

/// True when a request changes nothing, or comes from our own pages, or from a program that holds no cookie.
pub fn is_ours(method: &Method, headers: &HeaderMap, base_url: Option<&str>) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    // A bearer token is never sent by a browser of its own accord, and no cookie is read beside it.
    if text(header::AUTHORIZATION)
        .is_some_and(|value| value.get(..7).is_some_and(|v| v.eq_ignore_ascii_case("bearer ")))
    {
        return true;
    }
    if let Some(site) = headers.get("Sec-Fetch-Site") {
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    // Browsers leave that header out on plain http to another machine; the origin is always sent with a form.
    match (text(header::ORIGIN), base_url) {
        (Some(origin), Some(base_url)) => origin.eq_ignore_ascii_case(origin_of(base_url)),
        (Some(origin), None) => text(header::HOST).is_some_and(|host| {
            origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
        }),
        (None, _) => !headers.contains_key(header::COOKIE),
    }
}

/// `https://muster.example.com` of `https://muster.example.com/`.
fn origin_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    url[start..].find('/').map_or(url, |end| &url[..start + end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn post(headers: &[(&'static str, &'static str)], base_url: Option<&str>) -> bool {
        let mut map = HeaderMap::new();
        map.insert(header::HOST, HeaderValue::from_static("muster.lan:8080"));
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        is_ours(&Method::POST, &map, base_url)
    }

    #[test]
    fn looking_is_always_allowed() {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("sec-fetch-site"), HeaderValue::from_static("cross-site"));
        assert!(is_ours(&Method::GET, &headers, None) && is_ours(&Method::HEAD, &headers, None));
        assert!(!is_ours(&Method::POST, &headers, None) && !is_ours(&Method::DELETE, &headers, None));
    }

    #[test]
    fn the_browser_says_where_a_form_comes_from() {
        assert!(post(&[("sec-fetch-site", "same-origin")], None));
        assert!(post(&[("sec-fetch-site", "none")], None));
        assert!(!post(&[("sec-fetch-site", "same-site")], None));
        assert!(!post(&[("sec-fetch-site", "cross-site")], None));
        // It is believed before the origin.
        assert!(!post(&[("sec-fetch-site", "cross-site"), ("origin", "http://muster.lan:8080")], None));
    }

    #[test]
    fn without_that_the_origin_must_be_the_host() {
        assert!(post(&[("origin", "http://muster.lan:8080"), ("cookie", "a=b")], None));
        assert!(!post(&[("origin", "http://muster.lan"), ("cookie", "a=b")], None));
        assert!(!post(&[("origin", "http://evil.example")], None));
        assert!(!post(&[("origin", "null")], None));
    }

    #[test]
    fn behind_a_proxy_the_origin_must_be_the_address_people_type() {
        let base_url = Some("https://muster.example.com/");
        assert!(post(&[("origin", "https://muster.example.com")], base_url));
        assert!(!post(&[("origin", "http://muster.example.com")], base_url));
        assert!(!post(&[("origin", "http://muster.lan:8080")], base_url));
        assert!(!post(&[("origin", "https://muster.example.com.evil.example")], base_url));
    }

    #[test]
    fn programs_need_no_headers_as_long_as_they_hold_no_cookie() {
        assert!(post(&[], None));
        assert!(!post(&[("cookie", "muster_session=x")], None));
        assert!(post(&[("authorization", "Bearer muster_x"), ("sec-fetch-site", "cross-site")], None));
        assert!(!post(&[("authorization", "Basic YTpi"), ("sec-fetch-site", "cross-site")], None));
    }
}
