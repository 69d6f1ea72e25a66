//! `/sign-in` and `/sign-out`.

use super::attempts::Attempt;
use super::{Agent, Caller, Mistakes, audit, email, passwords, sessions};
use crate::config::Config;
use crate::db::Db;
use crate::web::{Chrome, Error, same_site, see_other, show, show_as};
use crate::workspace::stamp;
use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use actix_web::web::{Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use serde_json::json;
use std::net::IpAddr;

#[derive(Template)]
#[template(path = "agents/sign_in.html")]
struct SignInPage {
    chrome: Chrome,
    email: String,
    next: String,
    mistakes: Mistakes,
}

#[derive(Deserialize)]
pub struct Onward {
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// `GET /`: work begins with the customers.
pub async fn home() -> HttpResponse {
    see_other("/customers")
}

/// `GET /sign-in`.
pub async fn new(chrome: Chrome, caller: Option<Caller>, onward: Query<Onward>) -> Result<HttpResponse, Error> {
    let next = ours(onward.next.as_deref().unwrap_or_default());
    if caller.is_some() {
        return Ok(see_other(next));
    }
    show(&SignInPage { chrome, email: String::new(), next: next.into(), mistakes: Mistakes::default() })
}

/// `POST /sign-in`. The answer does not tell whether it was the address or the password.
pub async fn create(
    req: HttpRequest,
    db: Data<Db>,
    session: Session,
    chrome: Chrome,
    Form(typed): Form<SignIn>,
) -> Result<HttpResponse, Error> {
    let next = ours(&typed.next).to_string();
    let (status, words) = match try_password(&db, &typed.email, &typed.password, address_of(&req)).await? {
        Tried::Right(agent) => {
            let caller = agent.caller();
            let subject = format!("user {}", agent.id);
            db.write::<_, Error>(move |conn| Ok(audit(conn, &caller, "sign_in", &subject, &json!({}))?)).await?;
            begin(&session, &agent, &req)?;
            return Ok(see_other(&next));
        }
        Tried::Wrong => (StatusCode::UNPROCESSABLE_ENTITY, "This address and password do not belong together"),
        Tried::TooOften => (StatusCode::TOO_MANY_REQUESTS, "Too many attempts. Wait 15 minutes, then try again"),
    };
    let mistakes = Mistakes::one("password", words);
    let mut response = show_as(status, &SignInPage { chrome, email: typed.email, next, mistakes })?;
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("900"));
    }
    Ok(response)
}

/// `POST /sign-out`.
pub async fn destroy(session: Session) -> HttpResponse {
    session.purge();
    let mut response = see_other("/sign-in");
    tell_the_browser_to_forget(&mut response);
    response
}

fn tell_the_browser_to_forget(response: &mut HttpResponse) {
    let name = HeaderName::from_static("clear-site-data");
    response.headers_mut().insert(name, HeaderValue::from_static("\"storage\""));
}

/// The path to go on to, or home.
fn ours(next: &str) -> &str {
    same_site(next).unwrap_or("/")
}

/// What came of an address and a password.
pub(super) enum Tried {
    Right(Agent),
    Wrong,
    TooOften,
}

/// Counts the attempt, then looks at the password; for addresses nobody has it takes as long.
pub(super) async fn try_password(
    db: &Db,
    typed: &str,
    password: &str,
    address: Option<IpAddr>,
) -> Result<Tried, Error> {
    let email = email(typed).ok();
    let at = stamp(chrono::Utc::now());
    let attempt = Attempt::new(email.as_deref().unwrap_or("nobody"), address);
    let (attempt, in_time) = db
        .write::<_, Error>(move |conn| {
            let in_time = attempt.begin(conn, at)?;
            Ok((attempt, in_time))
        })
        .await?;
    if !in_time {
        tracing::warn!(account = ?email, ?address, "too many attempts to sign in");
        return Ok(Tried::TooOften);
    }
    let known = db
        .read::<_, Error>(move |conn| {
            let agent = email.map(|email| Agent::by_email(&email, conn)).transpose()?.flatten();
            let agent = agent.filter(|agent| agent.disabled_at.is_none());
            agent.map(|agent| Ok((agent.password_hash(conn)?, agent))).transpose()
        })
        .await?;
    let (hash, agent) = known.unzip();
    let password: String = password.chars().take(1000).collect();
    let right = passwords::slowly(move || passwords::verify(&password, hash.as_deref())).await?;
    match agent {
        Some(agent) if right => {
            db.write::<_, Error>(move |conn| Ok(attempt.succeeded(conn, at)?)).await?;
            Ok(Tried::Right(agent))
        }
        _ => Ok(Tried::Wrong),
    }
}

/// Signs somebody in, under a new key: one that was known before must not become worth something.
pub(super) fn begin(session: &Session, agent: &Agent, req: &HttpRequest) -> Result<(), Error> {
    session.clear();
    session.renew();
    session.insert(sessions::AGENT, agent.id).map_err(anyhow::Error::from)?;
    let browser = req.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    session.insert(sessions::BROWSER, browser_of(browser)).map_err(anyhow::Error::from)?;
    Ok(())
}

/// Where a request comes from. Behind a proxy that is what the proxy says, and only the proxy is believed.
pub(super) fn address_of(req: &HttpRequest) -> Option<IpAddr> {
    let peer = req.peer_addr()?.ip();
    let behind_a_proxy = req.app_data::<Data<Config>>().is_some_and(|config| config.base_url.is_some());
    let near = match peer.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    };
    // The nearest proxy adds its word last; what stands before it may be invented.
    let said = req.headers().get_all("X-Forwarded-For").last().and_then(|value| value.to_str().ok());
    let told = said.and_then(|said| said.rsplit(',').next()).and_then(|last| last.trim().parse().ok());
    told.filter(|_| behind_a_proxy && near).or(Some(peer))
}

/// "Firefox on Linux": enough to know one's own browsers apart.
fn browser_of(user_agent: &str) -> String {
    const BROWSERS: [(&str, &str); 6] = [
        ("Firefox/", "Firefox"),
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let find =
        |table: &[(&str, &'static str)]| table.iter().find(|(mark, _)| user_agent.contains(mark)).map(|row| row.1);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.into(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => "Unknown browser".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_apart() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0";
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Safari/604.1";
        assert_eq!(browser_of(firefox), "Firefox on Linux");
        assert_eq!(browser_of(edge), "Edge on Windows");
        assert_eq!(browser_of(phone), "Safari on iPhone");
        assert_eq!(browser_of("curl/8.0"), "Unknown browser");
    }

    #[test]
    fn next_never_leaves_this_site() {
        assert_eq!(ours("/segments?x=1"), "/segments?x=1");
        for elsewhere in ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:1", "", "/a\r\nb"] {
            assert_eq!(ours(elsewhere), "/", "{elsewhere}");
        }
    }
}
