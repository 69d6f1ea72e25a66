//! Who is signed in: one row per session, known by the hash of its key, ended by deleting the row. A session ends by
//! itself after eight idle hours, and after seven days in any case.

use super::tokens::{hash, random};
use crate::db::schema::{sessions, settings};
use crate::db::{Conn, Db, Trouble, dialect};
use crate::workspace::stamp;
use actix_session::SessionMiddleware;
use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration as CookieTime;
use actix_web::cookie::{Key, SameSite};
use actix_web::web::Data;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use std::collections::HashMap;

const IDLE: TimeDelta = TimeDelta::hours(8);
const LONGEST: TimeDelta = TimeDelta::days(7);
/// The last use is kept to five minutes: not every request is worth a write.
const NOTED: TimeDelta = TimeDelta::minutes(5);

/// The state that a session holds: whose it is, which row it is (never stored), and the browser it was opened with.
pub const AGENT: &str = "agent";
pub const ROW: &str = "row";
pub const BROWSER: &str = "browser";

type State = HashMap<String, String>;

/// How session cookies are made.
#[derive(Clone)]
pub struct Cookies {
    pub db: Data<Db>,
    pub secure: bool,
    pub key: Key,
}

impl Cookies {
    /// The layer that reads the cookie before a page and writes it after.
    pub fn layer(&self) -> SessionMiddleware<Store> {
        let name = if self.secure { "__Host-muster_session" } else { "muster_session" };
        SessionMiddleware::builder(Store(Data::clone(&self.db)), self.key.clone())
            .cookie_name(name.into())
            .cookie_secure(self.secure)
            .cookie_http_only(true)
            .cookie_same_site(SameSite::Lax)
            .cookie_content_security(CookieContentSecurity::Signed)
            .session_lifecycle(BrowserSession::default())
            .build()
    }
}

/// The key that signs session cookies, made on the first start and shared by every process on this database.
pub fn signing_key(conn: &mut Conn) -> QueryResult<Key> {
    const NAME: &str = "cookie_key";
    dialect::one_at_a_time(conn, dialect::Queue::Settings)?;
    let kept: Option<String> = settings::table.find(NAME).select(settings::value).first(conn).optional()?;
    if let Some(key) = kept.and_then(|kept| STANDARD.decode(kept).ok()).and_then(|bytes| Key::try_from(&bytes[..]).ok())
    {
        return Ok(key);
    }
    let key = Key::generate();
    diesel::delete(settings::table.find(NAME)).execute(conn)?;
    diesel::insert_into(settings::table)
        .values((settings::key.eq(NAME), settings::value.eq(STANDARD.encode(key.master()))))
        .execute(conn)?;
    Ok(key)
}

/// Sessions as the cookie layer sees them.
pub struct Store(Data<Db>);

impl SessionStore for Store {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let row = hash(key.as_ref());
        let found = self.0.read::<_, Trouble>(move |conn| Ok(open(&row, conn, now())?)).await;
        let Some(found) = found.map_err(|error| LoadError::Other(error.into()))? else { return Ok(None) };
        if now() - found.last_used_at > NOTED {
            let row = found.key_hash.clone();
            let noted = self.0.write::<_, Trouble>(move |conn| Ok(note(&row, conn, now())?)).await;
            noted.map_err(|error| LoadError::Other(error.into()))?;
        }
        let mut state: State =
            serde_json::from_str(&found.state).map_err(|error| LoadError::Deserialization(error.into()))?;
        state.insert(ROW.into(), serde_json::Value::from(found.key_hash).to_string());
        Ok(Some(state))
    }

    async fn save(&self, state: State, _: &CookieTime) -> Result<SessionKey, SaveError> {
        let key = random().map_err(|error| SaveError::Other(error.into()))?;
        let row = hash(&key);
        let (agent, state) = packed(state).map_err(SaveError::Serialization)?;
        let saved = self.0.write::<_, Trouble>(move |conn| Ok(begin(&row, agent, &state, conn, now())?)).await;
        saved.map_err(|error| SaveError::Other(error.into()))?;
        SessionKey::try_from(key).map_err(|error| SaveError::Other(error.into()))
    }

    async fn update(&self, key: SessionKey, state: State, _: &CookieTime) -> Result<SessionKey, UpdateError> {
        let row = hash(key.as_ref());
        let (agent, state) = packed(state).map_err(UpdateError::Serialization)?;
        let changed = self.0.write::<_, Trouble>(move |conn| Ok(change(&row, agent, &state, conn)?)).await;
        match changed.map_err(|error| UpdateError::Other(error.into()))? {
            true => Ok(key),
            // Writing it again would bring a session back that somebody has just ended.
            false => Err(UpdateError::Other(anyhow::anyhow!("the session was ended meanwhile"))),
        }
    }

    async fn update_ttl(&self, _: &SessionKey, _: &CookieTime) -> Result<(), anyhow::Error> {
        // The row keeps its own times.
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let row = hash(key.as_ref());
        Ok(self.0.write::<_, Trouble>(move |conn| Ok(end_row(&row, conn)?)).await?)
    }
}

fn now() -> NaiveDateTime {
    stamp(Utc::now())
}

/// The agent goes into a column of its own, so that ending all sessions of a person is one statement.
fn packed(mut state: State) -> Result<(Option<i64>, String), anyhow::Error> {
    state.remove(ROW);
    let agent = state.get(AGENT).map(|id| serde_json::from_str(id)).transpose()?;
    Ok((agent, serde_json::to_string(&state)?))
}

/// A session that is still open.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct Session {
    pub key_hash: String,
    state: String,
    pub created_at: NaiveDateTime,
    pub last_used_at: NaiveDateTime,
}

impl Session {
    /// "Firefox on Linux", as the browser said when it signed in.
    pub fn browser(&self) -> String {
        let state: State = serde_json::from_str(&self.state).unwrap_or_default();
        let browser = state.get(BROWSER).and_then(|text| serde_json::from_str(text).ok());
        browser.unwrap_or_else(|| "Unknown browser".into())
    }
}

fn open(row: &str, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<Option<Session>> {
    sessions::table
        .find(row)
        .filter(sessions::expires_at.gt(at))
        .filter(sessions::last_used_at.gt(at - IDLE))
        .select(Session::as_select())
        .first(conn)
        .optional()
}

fn note(row: &str, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<()> {
    diesel::update(sessions::table.find(row)).set(sessions::last_used_at.eq(at)).execute(conn).map(drop)
}

/// Also sweeps out what has ended by itself: signing in is rare enough.
fn begin(row: &str, agent: Option<i64>, state: &str, conn: &mut Conn, at: NaiveDateTime) -> QueryResult<()> {
    let over = sessions::expires_at.le(at).or(sessions::last_used_at.le(at - IDLE));
    diesel::delete(sessions::table.filter(over)).execute(conn)?;
    diesel::insert_into(sessions::table)
        .values((
            sessions::key_hash.eq(row),
            sessions::agent_id.eq(agent),
            sessions::state.eq(state),
            sessions::created_at.eq(at),
            sessions::last_used_at.eq(at),
            sessions::expires_at.eq(at + LONGEST),
        ))
        .execute(conn)
        .map(drop)
}

fn change(row: &str, agent: Option<i64>, state: &str, conn: &mut Conn) -> QueryResult<bool> {
    let changes = (sessions::agent_id.eq(agent), sessions::state.eq(state));
    Ok(diesel::update(sessions::table.find(row)).set(changes).execute(conn)? == 1)
}

fn end_row(row: &str, conn: &mut Conn) -> QueryResult<()> {
    diesel::delete(sessions::table.find(row)).execute(conn).map(drop)
}

/// The open sessions of one person, the one used last first.
pub fn of(agent: i64, conn: &mut Conn) -> QueryResult<Vec<Session>> {
    let at = now();
    sessions::table
        .filter(sessions::agent_id.eq(agent))
        .filter(sessions::expires_at.gt(at))
        .filter(sessions::last_used_at.gt(at - IDLE))
        .order((sessions::last_used_at.desc(), sessions::key_hash))
        .select(Session::as_select())
        .load(conn)
}

/// Ends one session of this person. False when there is none such.
pub fn end(agent: i64, row: &str, conn: &mut Conn) -> QueryResult<bool> {
    let theirs = sessions::table.find(row).filter(sessions::agent_id.eq(agent));
    Ok(diesel::delete(theirs).execute(conn)? == 1)
}

/// Signs a person out everywhere.
pub fn end_all(agent: i64, conn: &mut Conn) -> QueryResult<()> {
    diesel::delete(sessions::table.filter(sessions::agent_id.eq(agent))).execute(conn).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_store(test: impl AsyncFnOnce(Store, Db)) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("muster.db");
        let db = Db::open(file.to_str().expect("a path")).expect("a database");
        actix_web::rt::System::new().block_on(test(Store(Data::new(db.clone())), db));
    }

    fn state() -> State {
        State::from([("colour".to_string(), "\"blue\"".to_string())])
    }

    #[test]
    fn the_database_never_holds_a_key() {
        with_store(async |store, db| {
            let key = store.save(state(), &CookieTime::hours(1)).await.expect("saved");
            let row: String = db
                .read_now::<_, Trouble>(|conn| Ok(sessions::table.select(sessions::key_hash).first(conn)?))
                .expect("a row");
            assert_ne!(row, key.as_ref());
            let loaded = store.load(&key).await.expect("loaded").expect("a session");
            assert_eq!(loaded.get("colour").map(String::as_str), Some("\"blue\""));
        });
    }

    #[test]
    fn a_session_ended_meanwhile_does_not_come_back() {
        with_store(async |store, db| {
            let key = store.save(state(), &CookieTime::hours(1)).await.expect("saved");
            store.delete(&key).await.expect("ended");
            let again = SessionKey::try_from(key.as_ref().to_string()).expect("a key");
            assert!(store.update(key, state(), &CookieTime::hours(1)).await.is_err());
            assert!(store.load(&again).await.expect("asked").is_none());
            let rows: i64 =
                db.read_now::<_, Trouble>(|conn| Ok(sessions::table.count().get_result(conn)?)).expect("rows");
            assert_eq!(rows, 0);
        });
    }

    #[test]
    fn behind_https_the_cookie_belongs_to_this_host_alone() {
        use actix_web::{App, test, web};
        with_store(async |store, _| {
            for (secure, start) in [(true, "__Host-muster_session="), (false, "muster_session=")] {
                let cookies = Cookies { db: Data::clone(&store.0), secure, key: Key::generate() };
                let sign_in =
                    |session: actix_session::Session| async move { session.insert(BROWSER, "any").is_ok().to_string() };
                let site = App::new().route("/", web::get().to(sign_in).wrap(cookies.layer()));
                let site = test::init_service(site).await;
                let answer = test::call_service(&site, test::TestRequest::get().to_request()).await;
                let cookie =
                    answer.headers().get("set-cookie").and_then(|value| value.to_str().ok()).unwrap_or_default();
                assert!(
                    cookie.starts_with(start) && cookie.contains("; Path=/") && !cookie.contains("Domain"),
                    "{cookie}"
                );
                assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
            }
        });
    }
}
