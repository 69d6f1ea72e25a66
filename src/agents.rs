//! The people who work in Muster, what they may do, and who a request comes from.
//!
//! [`rights`] is the one table of roles and rights. [`Caller`] is whoever a request acts for: a signed-in agent or an
//! API token; [`guard`] finds out who that is and checks the route's [`rights::Access`] before any handler runs.
//! [`sessions`] and [`tokens`] are the two ways to be known, [`attempts`] slows down guessing, [`audit()`] remembers and
//! [`log`] shows it.

pub mod account;
pub mod attempts;
pub mod audit;
pub mod guard;
pub mod log;
mod mistakes;
pub mod pages;
pub mod passwords;
pub mod rights;
pub mod sessions;
pub mod setup;
pub mod tokens;

pub use audit::audit;
pub use mistakes::Mistakes;
pub use rights::{Access, Right, Role};

use crate::db::schema::agents;
use crate::db::{Conn, dialect};
use crate::web;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::future::{Ready, ready};

/// Whoever a request, a command or an import acts for.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// `None` for API tokens and the command line.
    pub agent_id: Option<i64>,
    /// The agent's or token's name, as it is kept beside what they did.
    pub name: String,
    pub role: Role,
    pub may_send: bool,
    pub may_export: bool,
    /// True for API tokens.
    pub token: bool,
}

impl Caller {
    /// The command line: whoever can run the binary on the database may do everything.
    pub fn command_line() -> Caller {
        Caller {
            agent_id: None,
            name: "command line".into(),
            role: Role::Admin,
            may_send: true,
            may_export: true,
            token: false,
        }
    }

    pub fn may(&self, right: Right) -> bool {
        right.held_by(self)
    }

    /// As the frame of a page shows them.
    pub fn viewer(&self) -> web::Viewer {
        web::Viewer {
            name: self.name.clone(),
            role: self.role.key(),
            shortcuts: Vec::new(),
            unread: web::Unread::default(),
            may: web::May {
                delete_customers: self.may(Right::DeleteCustomers),
                manage_tags: self.may(Right::ManageTags),
                share_segments: self.may(Right::ShareSegments),
                bulk: self.may(Right::BulkActions),
                campaigns: self.may(Right::PrepareCampaigns),
                export: self.may(Right::Export),
                import: self.may(Right::Import),
                administer: self.may(Right::Administer),
            },
        }
    }
}

/// The guard of the route put them there. Behind a public door there may be nobody: ask for `Option<Caller>`.
impl FromRequest for Caller {
    type Error = web::Error;
    type Future = Ready<Result<Self, web::Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(req.extensions().get::<Caller>().cloned().ok_or(web::Error::SignedOut))
    }
}

/// Somebody who works here.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = agents)]
pub struct Agent {
    pub id: i64,
    pub email: String,
    pub name: String,
    #[diesel(deserialize_as = String)]
    pub role: Role,
    pub may_send: bool,
    pub may_export: bool,
    pub created_at: NaiveDateTime,
    pub disabled_at: Option<NaiveDateTime>,
}

/// Somebody about to work here, as typed.
#[derive(Clone, Debug)]
pub struct Newcomer {
    pub email: String,
    pub name: String,
    pub role: Role,
    pub password: String,
    pub may_send: bool,
    pub may_export: bool,
}

/// A [`Newcomer`] whose every field was looked at, the password already hashed.
#[derive(Clone, Debug)]
pub struct Welcome {
    email: String,
    name: String,
    role: Role,
    may_send: bool,
    may_export: bool,
    password_hash: String,
}

impl Newcomer {
    /// Looks at every field. Hashing takes a moment on purpose: call it on a worker thread, outside transactions.
    pub fn check(&self) -> Result<Welcome, Mistakes> {
        let mut mistakes = Mistakes::default();
        let name = mistakes.noted("name", name(&self.name));
        let email = mistakes.noted("email", email(&self.email));
        let password = mistakes.noted("password", passwords::fit(&self.password, &[&self.email, &self.name]));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let password_hash = passwords::hash(&password);
        let Newcomer { role, may_send, may_export, .. } = *self;
        Ok(Welcome { email, name, role, may_send, may_export, password_hash })
    }
}

/// As it is stored and compared: trimmed and in small letters.
pub fn email(raw: &str) -> Result<String, String> {
    let email = raw.trim().to_lowercase();
    let fits = email_address::Options::default().with_required_tld().without_domain_literal().without_display_text();
    match email_address::EmailAddress::parse_with_options(&email, fits) {
        Ok(_) if email.len() <= 254 => Ok(email),
        _ if email.is_empty() => Err("Enter an email address".into()),
        _ => Err("This is not an email address. One looks like name@example.com".into()),
    }
}

/// A person's, a token's or a business's name: one line that shows something.
pub fn name(raw: &str) -> Result<String, String> {
    let name = raw.trim();
    match name.chars().count() {
        0 => Err("Enter a name".into()),
        101.. => Err("A name has at most 100 characters".into()),
        _ if name.chars().any(char::is_control) => Err("A name is one line of ordinary characters".into()),
        _ => Ok(name.to_string()),
    }
}

impl Agent {
    /// `None` when somebody has this email address already.
    pub fn create(welcome: &Welcome, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<Option<Agent>> {
        dialect::one_at_a_time(conn, dialect::Queue::Agents)?;
        if Agent::by_email(&welcome.email, conn)?.is_some() {
            return Ok(None);
        }
        let id: i64 = diesel::insert_into(agents::table)
            .values((
                agents::email.eq(&welcome.email),
                agents::name.eq(&welcome.name),
                agents::role.eq(welcome.role.key()),
                agents::may_send.eq(welcome.may_send),
                agents::may_export.eq(welcome.may_export),
                agents::password_hash.eq(&welcome.password_hash),
                agents::created_at.eq(at),
            ))
            .returning(agents::id)
            .get_result(conn)?;
        Agent::find(id, conn)
    }

    /// Everybody, disabled or not, by name.
    pub fn all(conn: &mut Conn) -> QueryResult<Vec<Agent>> {
        agents::table.order((agents::name, agents::id)).select(Agent::as_select()).load(conn)
    }

    pub fn find(id: i64, conn: &mut Conn) -> QueryResult<Option<Agent>> {
        agents::table.find(id).select(Agent::as_select()).first(conn).optional()
    }

    pub fn by_email(email: &str, conn: &mut Conn) -> QueryResult<Option<Agent>> {
        agents::table.filter(agents::email.eq(email)).select(Agent::as_select()).first(conn).optional()
    }

    /// True once the workspace has an admin. Until then every page leads to the set-up.
    pub fn any_admin(conn: &mut Conn) -> QueryResult<bool> {
        let admins = agents::table.filter(agents::role.eq(Role::Admin.key())).select(agents::id);
        Ok(admins.first::<i64>(conn).optional()?.is_some())
    }

    pub fn password_hash(&self, conn: &mut Conn) -> QueryResult<String> {
        agents::table.find(self.id).select(agents::password_hash).first(conn)
    }

    /// A new password ends every session opened with the old one.
    pub fn set_password(&self, hash: &str, conn: &mut Conn) -> QueryResult<()> {
        diesel::update(agents::table.find(self.id)).set(agents::password_hash.eq(hash)).execute(conn)?;
        sessions::end_all(self.id, conn)
    }

    /// Signed out everywhere at once, and not let in again.
    pub fn disable(&self, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<()> {
        diesel::update(agents::table.find(self.id)).set(agents::disabled_at.eq(at)).execute(conn)?;
        sessions::end_all(self.id, conn)
    }

    pub fn caller(&self) -> Caller {
        Caller {
            agent_id: Some(self.id),
            name: self.name.clone(),
            role: self.role,
            may_send: self.may_send,
            may_export: self.may_export,
            token: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newcomer() -> Newcomer {
        Newcomer {
            email: " Mara@Example.com ".into(),
            name: " Mara Lindqvist ".into(),
            role: Role::Marketer,
            password: "a kettle on the stove".into(),
            may_send: true,
            may_export: false,
        }
    }

    #[test]
    fn what_was_typed_is_cleaned() {
        let welcome = newcomer().check().expect("nothing is wrong");
        assert_eq!((welcome.email.as_str(), welcome.name.as_str()), ("mara@example.com", "Mara Lindqvist"));
        assert!(welcome.password_hash.starts_with("$argon2id$"));
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let typed =
            Newcomer { email: "mara@example".into(), name: "\u{a0}".into(), password: "short".into(), ..newcomer() };
        let mistakes = typed.check().expect_err("three mistakes");
        for field in ["name", "email", "password"] {
            assert!(mistakes.why(field).is_some(), "{field}");
        }
        assert_eq!(mistakes.why("role"), None);
    }
}
