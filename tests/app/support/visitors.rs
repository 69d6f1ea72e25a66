//! Who comes to the server: people signed in through the form, and programs with a token.

use super::{Program, Server};
use muster::agents::{Agent, Newcomer, Role, tokens};
use muster::db::{Db, Trouble};
use reqwest::blocking::{Client, ClientBuilder};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// What the tests' people sign in with.
pub const PASSWORD: &str = "a password for tests";

/// A browser's way of asking: cookies kept, redirects followed, and the header that says the form was ours.
pub fn visitor() -> Client {
    browser_like().build().expect("a client")
}

/// The same, but a redirect is looked at, not followed.
pub fn visitor_who_stays() -> Client {
    browser_like().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

fn browser_like() -> ClientBuilder {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("sec-fetch-site"), HeaderValue::from_static("same-origin"));
    Client::builder().cookie_store(true).default_headers(headers)
}

/// The address somebody of this role signs in with.
pub fn email_of(role: Role) -> String {
    format!("{}@test.example", role.key())
}

impl Server {
    /// Somebody of this role, signed in through the form.
    pub fn signed_in(&self, role: Role) -> Client {
        sign_in(&self.db, &self.site(), role, visitor())
    }

    /// The same, looking at redirects instead of following them.
    pub fn signed_in_who_stays(&self, role: Role) -> Client {
        sign_in(&self.db, &self.site(), role, visitor_who_stays())
    }

    pub fn hire(&self, role: Role) {
        hire(&self.db, role);
    }

    /// A fresh API token that acts by this role.
    pub fn token(&self, role: Role) -> String {
        token(&self.db, role)
    }

    /// A program that sends this role's token with every request.
    pub fn program(&self, role: Role) -> Client {
        program(&self.db, role)
    }
}

impl Program {
    pub fn signed_in(&self, role: Role) -> Client {
        sign_in(&self.db, self.site(), role, visitor())
    }
}

fn sign_in(db: &Db, site: &str, role: Role, client: Client) -> Client {
    hire(db, role);
    let email = email_of(role);
    let answer = client
        .post(format!("{site}/sign-in"))
        .form(&[("email", email.as_str()), ("password", PASSWORD)])
        .send()
        .expect("the sign-in form is answered");
    let status = answer.status();
    assert!(status.is_success() || status.is_redirection(), "{email} may not sign in: {status}");
    client
}

/// Makes sure that somebody of this role works here, and an admin too: without one every page leads to the set-up.
/// Each has every right that can be given to that role.
pub fn hire(db: &Db, role: Role) {
    for role in [Role::Admin, role] {
        let known = db.read_now::<_, Trouble>(|conn| Ok(Agent::by_email(&email_of(role), conn)?));
        if known.expect("the agents").is_some() {
            continue;
        }
        let newcomer = Newcomer {
            email: email_of(role),
            name: match role {
                Role::Agent => "Ada Agent",
                Role::Marketer => "Mara Marketer",
                Role::Admin => "Abel Admin",
            }
            .into(),
            role,
            password: PASSWORD.into(),
            may_send: role == Role::Marketer,
            may_export: role == Role::Marketer,
        };
        let welcome = newcomer.check().expect("a newcomer without mistakes");
        let at = chrono::Utc::now().naive_utc();
        db.write_now::<_, Trouble>(|conn| Ok(Agent::create(&welcome, conn, at)?)).expect("somebody is hired");
    }
}

fn token(db: &Db, role: Role) -> String {
    let at = chrono::Utc::now().naive_utc();
    let name = format!("{}'s program", role.key());
    db.write_now::<_, Trouble>(|conn| Ok(tokens::create(&name, role, conn, at)?)).expect("a token").1
}

/// A program that sends this role's token with every request.
pub fn program(db: &Db, role: Role) -> Client {
    let mut token = HeaderValue::from_str(&format!("Bearer {}", token(db, role))).expect("a header");
    token.set_sensitive(true);
    let headers = HeaderMap::from_iter([(reqwest::header::AUTHORIZATION, token)]);
    Client::builder().default_headers(headers).build().expect("a client")
}
