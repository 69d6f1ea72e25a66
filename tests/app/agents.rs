//! Setting up, signing in and out, sessions and tokens.

use crate::support::{PASSWORD, Server, email_of, for_each_database, sqlite, visitor, visitor_who_stays};
use chrono::TimeDelta;
use diesel::prelude::*;
use muster::agents::{Agent, Role, tokens};
use muster::db::schema::{agents, audit_log, sessions};
use muster::db::{Address, Db, Trouble};
use muster::workspace::Workspace;
use reqwest::blocking::{Client, Response};
use std::io::Write;
use std::process::{Command, Stdio};

const SETUP: [(&str, &str); 6] = [
    ("business", "Casa Verde"),
    ("time_zone", "America/Sao_Paulo"),
    ("currency", "brl"),
    ("name", "Ana Souza"),
    ("email", "Ana@Example.com"),
    ("password", "a kettle on the stove"),
];

fn place(answer: &Response) -> &str {
    answer.headers().get("location").and_then(|place| place.to_str().ok()).unwrap_or_default()
}

fn post(client: &Client, server: &Server, path: &str, form: &[(&str, &str)]) -> Response {
    client.post(server.url(path)).form(form).send().expect("an answer")
}

fn get(client: &Client, server: &Server, path: &str) -> Response {
    client.get(server.url(path)).send().expect("an answer")
}

/// Whether this browser is signed in right now.
fn is_in(client: &Client, server: &Server) -> bool {
    get(client, server, "/account").status() == 200
}

fn admins(db: &Db) -> i64 {
    let count = |conn: &mut muster::db::Conn| {
        Ok(agents::table.filter(agents::role.eq("admin")).count().get_result::<i64>(conn)?)
    };
    db.read_now::<_, Trouble>(count).expect("a count")
}

fn deeds(db: &Db) -> Vec<String> {
    let load =
        |conn: &mut muster::db::Conn| Ok(audit_log::table.order(audit_log::id).select(audit_log::action).load(conn)?);
    db.read_now::<_, Trouble>(load).expect("the audit log")
}

/// Signs in through the form with whatever is given.
fn sign_in(client: &Client, server: &Server, email: &str, password: &str) -> Response {
    post(client, server, "/sign-in", &[("email", email), ("password", password)])
}

#[test]
fn until_the_first_admin_every_page_leads_to_the_setup() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let stranger = visitor_who_stays();
        for path in ["/", "/account", "/sign-in"] {
            let answer = get(&stranger, &server, path);
            assert_eq!((answer.status().as_u16(), place(&answer)), (303, "/setup"), "{path}");
        }
        for path in ["/healthz", "/readyz", "/static/tokens.css", "/setup"] {
            assert_eq!(get(&stranger, &server, path).status(), 200, "{path}");
        }
    });
}

#[test]
fn setup_makes_the_first_admin_once() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let ana = visitor_who_stays();
        let answer = post(&ana, &server, "/setup", &SETUP);
        assert_eq!((answer.status().as_u16(), place(&answer)), (303, "/"));
        assert!(is_in(&ana, &server), "whoever sets up is signed in");
        let page = get(&ana, &server, "/account").text().expect("a page");
        assert!(page.contains("Casa Verde") && page.contains("ana@example.com"));
        let workspace = db.read_now::<_, Trouble>(|conn| Ok(Workspace::load(conn)?)).expect("the workspace");
        assert_eq!((workspace.zone, workspace.currency.as_str()), (chrono_tz::America::Sao_Paulo, "BRL"));

        let late = visitor_who_stays();
        let answer = post(
            &late,
            &server,
            "/setup",
            &SETUP.map(|(key, value)| (key, if key == "email" { "eve@example.com" } else { value })),
        );
        assert_eq!((answer.status().as_u16(), place(&answer)), (303, "/sign-in"));
        assert_eq!(place(&get(&late, &server, "/setup")), "/");
        assert!(!is_in(&late, &server));
        assert_eq!(admins(&db), 1);
        assert_eq!(deeds(&db), ["setup"]);
    });
}

#[test]
fn two_who_set_up_at_the_same_moment_are_not_both_admins() {
    for_each_database(|db| {
        let server = Server::start(&db);
        std::thread::scope(|scope| {
            for number in 0..4 {
                let server = &server;
                scope.spawn(move || {
                    let email = format!("p{number}@example.com");
                    let form = SETUP.map(|(key, value)| (key, if key == "email" { email.as_str() } else { value }));
                    assert_eq!(post(&visitor_who_stays(), server, "/setup", &form).status(), 303);
                });
            }
        });
        assert_eq!(admins(&db), 1);
    });
}

#[test]
fn what_is_typed_wrongly_in_the_setup_comes_back_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&sqlite(folder.path()));
    let form = SETUP.map(|(key, value)| match key {
        "time_zone" => (key, "Brasilia"),
        "currency" => (key, "R$"),
        "email" => (key, "ana@example"),
        "password" => (key, "passwordpassword"),
        _ => (key, value),
    });
    let answer = post(&visitor(), &server, "/setup", &form);
    assert_eq!(answer.status(), 422);
    let page = answer.text().expect("a page");
    for words in ["no such time zone", "three letters", "not an email address", "too easy to guess"] {
        assert!(page.contains(words), "{words}");
    }
    for kept in ["Brasilia", "R$", "ana@example", "Casa Verde", "Ana Souza"] {
        assert!(page.contains(&format!("value=\"{kept}\"")), "{kept}");
    }
    assert!(!page.contains("passwordpassword"), "a password is never sent back");
    // A NUL is no reason to fall over, nor is a field that was left out.
    let answer = post(&visitor(), &server, "/setup", &SETUP.map(|(key, _)| (key, "a\0b")));
    assert_eq!(answer.status(), 422);
    assert_eq!(post(&visitor(), &server, "/setup", &SETUP[..3]).status(), 400);
}

#[test]
fn signing_in_leads_on_to_where_one_wanted_to_go() {
    for_each_database(|db| {
        let server = Server::start(&db);
        server.hire(Role::Agent);
        let ada = visitor_who_stays();
        let answer = get(&ada, &server, "/account?tab=1");
        assert_eq!((answer.status().as_u16(), place(&answer)), (303, "/sign-in?next=%2Faccount%3Ftab%3D1"));
        assert!(get(&ada, &server, place(&answer)).text().expect("a page").contains("value=\"/account?tab=1\""));
        let email = email_of(Role::Agent).to_uppercase();
        let form = |next| [("email", email.as_str()), ("password", PASSWORD), ("next", next)];
        assert_eq!(place(&post(&ada, &server, "/sign-in", &form("/account?tab=1"))), "/account?tab=1");
        assert!(is_in(&ada, &server));
        for elsewhere in ["//evil.example/", "https://evil.example/", "/\\evil.example"] {
            assert_eq!(place(&post(&ada, &server, "/sign-in", &form(elsewhere))), "/", "{elsewhere}");
        }
        assert!(deeds(&db).contains(&"sign_in".to_string()));
    });
}

#[test]
fn a_wrong_address_and_a_wrong_password_get_the_same_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&sqlite(folder.path()));
    server.hire(Role::Agent);
    let known = email_of(Role::Agent);
    let answers = [known.as_str(), "nobody@test.example", "no address", "nul\0@test.example"].map(|email| {
        let answer = sign_in(&visitor(), &server, email, "not the password");
        assert_eq!(answer.status(), 422, "{email:?}");
        let page = answer.text().expect("a page");
        assert!(!page.contains("not the password"));
        page.replace(&format!("value=\"{email}\""), "value=\"\"")
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert!(answers[0].contains("do not belong together"));
}

#[test]
fn a_form_has_a_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&sqlite(folder.path()));
    server.hire(Role::Agent);
    let typed = |letters: usize| sign_in(&visitor(), &server, "a@test.example", &"x".repeat(letters)).status();
    assert_eq!(typed(200 << 10), 422);
    assert_eq!(typed(300 << 10), 413);
}

#[test]
fn signing_in_from_another_site_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&sqlite(folder.path()));
    server.hire(Role::Agent);
    let (email, plain) = (email_of(Role::Agent), reqwest::blocking::Client::new());
    let form = [("email", email.as_str()), ("password", PASSWORD)];
    let from = |name: &'static str, value: String| {
        let request = plain.post(server.url("/sign-in")).header(name, value).form(&form);
        request.send().expect("an answer").status().as_u16()
    };
    assert_eq!(from("sec-fetch-site", "cross-site".into()), 403);
    assert_eq!(from("sec-fetch-site", "same-site".into()), 403);
    assert_eq!(from("origin", "https://evil.example".into()), 403);
    assert_eq!(from("origin", "null".into()), 403);
    assert_ne!(from("origin", server.site()), 403);
    assert_eq!(from("cookie", "muster_session=x".into()), 403);
}

#[test]
fn signing_in_gives_a_new_key_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    let server = Server::start(&db);
    let ada = server.signed_in_who_stays(Role::Agent);
    let rows = || -> Vec<String> {
        let load = |conn: &mut muster::db::Conn| Ok(sessions::table.select(sessions::key_hash).load(conn)?);
        db.read_now::<_, Trouble>(load).expect("the sessions")
    };
    let before = rows();
    let answer = sign_in(&ada, &server, &email_of(Role::Agent), PASSWORD);
    let cookie = answer.headers()["set-cookie"].to_str().expect("a cookie");
    assert!(cookie.starts_with("muster_session=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"));
    let after = rows();
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after, "the old key opens nothing any more");
}

#[test]
fn a_revoked_session_is_signed_out_at_once() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let (here, there) = (server.signed_in_who_stays(Role::Agent), server.signed_in_who_stays(Role::Agent));
        assert!(is_in(&here, &server) && is_in(&there, &server));
        let page = scraper::Html::parse_document(&get(&here, &server, "/account").text().expect("a page"));
        let rows = scraper::Selector::parse("tbody tr").expect("a selector");
        let form = scraper::Selector::parse("form").expect("a selector");
        let other = page.select(&rows).find(|row| !row.text().any(|text| text == "This one")).expect("the other place");
        let action = other.select(&form).next().and_then(|form| form.attr("action")).expect("its form");
        assert_eq!(place(&post(&here, &server, action, &[])), "/account");
        assert!(is_in(&here, &server) && !is_in(&there, &server));

        // Nobody ends a session of somebody else.
        let mara = server.signed_in_who_stays(Role::Marketer);
        let mine: String = db
            .read_now::<_, Trouble>(|conn| {
                let ada = Agent::by_email(&email_of(Role::Agent), conn)?.map(|agent| agent.id);
                Ok(sessions::table
                    .filter(sessions::agent_id.nullable().eq(ada))
                    .select(sessions::key_hash)
                    .first(conn)?)
            })
            .expect("her session");
        post(&mara, &server, &format!("/account/sessions/{mine}/end"), &[]);
        assert!(is_in(&here, &server));

        let there = server.signed_in_who_stays(Role::Agent);
        post(&here, &server, "/account/sessions/end", &[]);
        assert!(!is_in(&here, &server) && !is_in(&there, &server) && is_in(&mara, &server));
    });
}

#[test]
fn signing_out_ends_the_session_itself() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let ada = server.signed_in_who_stays(Role::Agent);
        assert_eq!(place(&post(&ada, &server, "/sign-out", &[])), "/sign-in");
        assert!(!is_in(&ada, &server));
        let count = |conn: &mut muster::db::Conn| Ok(sessions::table.count().get_result::<i64>(conn)?);
        assert_eq!(db.read_now::<_, Trouble>(count).expect("a count"), 0);
    });
}

#[test]
fn a_disabled_agent_is_signed_out_everywhere_and_not_let_in_again() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let ada = server.signed_in_who_stays(Role::Agent);
        db.write_now::<_, Trouble>(|conn| {
            let agent = Agent::by_email(&email_of(Role::Agent), conn)?.expect("Ada");
            Ok(agent.disable(conn, chrono::Utc::now().naive_utc())?)
        })
        .expect("she is disabled");
        assert!(!is_in(&ada, &server));
        assert_eq!(sign_in(&ada, &server, &email_of(Role::Agent), PASSWORD).status(), 422);
    });
}

#[test]
fn a_session_ends_after_eight_idle_hours_and_after_seven_days() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let age = |idle: TimeDelta, left: TimeDelta| {
            let ada = server.signed_in_who_stays(Role::Agent);
            let now = chrono::Utc::now().naive_utc();
            let times = (sessions::last_used_at.eq(now - idle), sessions::expires_at.eq(now + left));
            let change = |conn: &mut muster::db::Conn| Ok(diesel::update(sessions::table).set(times).execute(conn)?);
            db.write_now::<_, Trouble>(change).expect("time goes by");
            is_in(&ada, &server)
        };
        let minute = TimeDelta::minutes(1);
        assert!(age(TimeDelta::hours(8) - minute, minute));
        assert!(!age(TimeDelta::hours(8) + minute, TimeDelta::days(1)));
        assert!(!age(TimeDelta::zero(), -minute));
    });
}

#[test]
fn guessing_passwords_is_slowed_down() {
    for_each_database(|db| {
        let server = Server::start(&db);
        server.hire(Role::Agent);
        let (guesser, email) = (visitor_who_stays(), email_of(Role::Agent));
        // Once right makes up for what was wrong before.
        for _ in 0..2 {
            for _ in 0..4 {
                assert_eq!(sign_in(&guesser, &server, &email, "not the password").status(), 422);
            }
            assert_eq!(sign_in(&guesser, &server, &email, PASSWORD).status(), 303);
        }
        for _ in 0..5 {
            assert_eq!(sign_in(&guesser, &server, &email, "not the password").status(), 422);
        }
        let answer = sign_in(&guesser, &server, &email, PASSWORD);
        assert_eq!(answer.status(), 429, "even the right one has to wait");
        assert_eq!(answer.headers()["retry-after"], "900");
        assert!(answer.text().expect("a page").contains("Wait 15 minutes"));
        assert!(is_in(&server.signed_in_who_stays(Role::Admin), &server), "others are not held up");
    });
}

#[test]
fn many_guesses_at_once_gain_nothing() {
    for_each_database(|db| {
        let server = Server::start(&db);
        server.hire(Role::Agent);
        let email = email_of(Role::Agent);
        let looked_at = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    if sign_in(&visitor_who_stays(), &server, &email, "not the password").status() == 422 {
                        looked_at.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(looked_at.into_inner(), 5);
    });
}

#[test]
fn changing_the_password_takes_the_current_one_and_signs_every_other_place_out() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let (here, there) = (server.signed_in_who_stays(Role::Agent), server.signed_in_who_stays(Role::Agent));
        let change = |current, password| {
            post(&here, &server, "/account/password", &[("current", current), ("password", password)])
        };
        let answer = change("not the password", "short");
        assert_eq!(answer.status(), 422);
        let page = answer.text().expect("a page");
        assert!(page.contains("not your current password") && page.contains("at least 12 characters"));
        assert_eq!(change(PASSWORD, "a kettle on the stove").status(), 303);
        assert!(is_in(&here, &server) && !is_in(&there, &server));
        assert_eq!(sign_in(&there, &server, &email_of(Role::Agent), PASSWORD).status(), 422);
        assert_eq!(sign_in(&there, &server, &email_of(Role::Agent), "a kettle on the stove").status(), 303);
    });
}

#[test]
fn a_revoked_token_is_nobody() {
    for_each_database(|db| {
        let at = chrono::Utc::now().naive_utc();
        let (id, secret) =
            db.write_now::<_, Trouble>(|conn| Ok(tokens::create("Shop", Role::Marketer, conn, at)?)).expect("a token");
        let known = || db.read_now::<_, Trouble>(|conn| Ok(tokens::caller(&secret, conn)?)).expect("an answer");
        let caller = known().expect("it is known").caller;
        assert_eq!((caller.name.as_str(), caller.role, caller.token), ("Shop", Role::Marketer, true));
        let stored: String = db
            .read_now::<_, Trouble>(|conn| {
                use muster::db::schema::tokens;
                Ok(tokens::table.select(tokens::token_hash).first(conn)?)
            })
            .expect("the row");
        assert!(!stored.contains(&secret), "only its hash is kept");
        assert!(db.write_now::<_, Trouble>(|conn| Ok(tokens::revoke(id, conn, at)?)).expect("revoked"));
        assert!(known().is_none());
    });
}

fn muster(db: &Db, words: &[&str], stdin: &str) -> std::process::Output {
    let url = match db.address() {
        Address::Sqlite(url) | Address::Postgres(url) => url,
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(words)
        .env("MUSTER_DATABASE_URL", url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("muster starts");
    child.stdin.take().expect("its stdin").write_all(stdin.as_bytes()).expect("it listens");
    child.wait_with_output().expect("it ends")
}

#[test]
fn people_and_tokens_are_added_from_the_command_line() {
    for_each_database(|db| {
        let add =
            ["user", "add", "--email", "Mara@Example.com", "--name", "Mara", "--role", "admin", "--password-stdin"];
        let refused = muster(&db, &add, "short\n");
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("password: A password has at least 12 characters."));
        let added = muster(&db, &add, "a kettle on the stove\n");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let twice = muster(&db, &add, "a kettle on the stove\n");
        assert_eq!(twice.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&twice.stderr).contains("has this email address already"));

        let server = Server::start(&db);
        let mara = visitor_who_stays();
        assert_eq!(sign_in(&mara, &server, "mara@example.com", "a kettle on the stove").status(), 303);
        assert!(is_in(&mara, &server));

        let made = muster(&db, &["token", "create", "--name", "Shop", "--role", "agent"], "");
        let said = String::from_utf8(made.stdout).expect("text");
        let secret = said.lines().last().expect("the token");
        assert!(secret.starts_with("muster_") && !String::from_utf8_lossy(&made.stderr).contains(secret));
        let known = db.read_now::<_, Trouble>(|conn| Ok(tokens::caller(secret, conn)?)).expect("an answer");
        assert_eq!(known.map(|known| known.caller.role), Some(Role::Agent));
        assert_eq!(deeds(&db), ["user.create", "sign_in", "token.create"]);
    });
}

#[test]
fn words_that_make_no_sense_are_told_in_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    assert_eq!(muster(&db, &["dance"], "").status.code(), Some(2));
    let unreachable = muster(&db, &["migrate", "--database-url", "/nowhere/muster.db"], "");
    assert_eq!(unreachable.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&unreachable.stderr), "muster: the folder /nowhere does not exist\n");
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = busy.local_addr().expect("an address").to_string();
    let refused = muster(&db, &["--listen", &address], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).starts_with(&format!("muster: cannot listen on {address}")));
}
