//! Every door, for every role and for nobody: generated from the table, so that no door is forgotten.

use crate::support::{Server, for_each_database, visitor_who_stays, world};
use muster::agents::{Access, Caller, Right, Role};
use muster::app::{Door, doors};
use reqwest::Method;
use reqwest::blocking::{Client, Response};

/// The path of a door with something in every gap: `/customers/{id:\\d+}` is `/customers/1`.
fn filled(path: &str) -> String {
    let mut filled = String::new();
    let mut rest = path;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        let mut depth = 0;
        let end = rest[start..]
            .find(|letter| {
                depth += match letter {
                    '{' => 1,
                    '}' => -1,
                    _ => 0,
                };
                depth == 0
            })
            .expect("a gap that closes");
        let gap = &rest[start + 1..start + end];
        let (name, pattern) = gap.split_once(':').unwrap_or((gap, ""));
        filled.push_str(&match name {
            "row" => "0".repeat(64),
            "path" => "tokens.css".into(),
            "field" => "country".into(),
            _ if pattern.contains("d+") || name.ends_with("id") => "1".into(),
            _ => "VIP".into(),
        });
        rest = &rest[start + end + 1..];
    }
    filled + rest
}

fn knock(client: &Client, server: &Server, door: &Door) -> Response {
    let method: Method = door.method.as_str().parse().expect("a method");
    let request = client.request(method.clone(), server.url(&filled(door.path)));
    let request = match method {
        Method::GET => request,
        _ if is_api(door) => request.json(&serde_json::json!({})),
        _ => request.form::<[(&str, &str)]>(&[]),
    };
    request.send().unwrap_or_else(|error| panic!("{} {}: {error}", door.method, door.path))
}

fn is_api(door: &Door) -> bool {
    door.path.starts_with("/api/")
}

/// Through these one does not come back signed in.
fn leads_out(door: &Door) -> bool {
    matches!(door.path, "/sign-out" | "/account/sessions/end")
}

fn leads_to_sign_in(answer: &Response) -> bool {
    let place = answer.headers().get("location").and_then(|place| place.to_str().ok()).unwrap_or_default();
    answer.status() == 303 && place.starts_with("/sign-in")
}

/// Somebody of this role as [`Server::signed_in`] makes them: with every right the role can be given.
fn caller(role: Role, token: bool) -> Caller {
    let given = role == Role::Marketer && !token;
    Caller { agent_id: None, name: String::new(), role, may_send: given, may_export: given, token }
}

#[test]
fn every_door_lets_in_whom_it_should_and_nobody_else() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        server.hire(Role::Admin);
        for role in Role::ALL {
            let mut person = server.signed_in_who_stays(role);
            let program = server.program(role);
            for door in doors() {
                let client = if is_api(&door) { &program } else { &person };
                let answer = knock(client, &server, &door);
                let told = format!("{} {} for {}: {}", door.method, door.path, role.key(), answer.status());
                let may = match door.access {
                    Access::Public | Access::Signed | Access::SignedIn => true,
                    Access::Needs(right) => caller(role, is_api(&door)).may(right),
                };
                if door.access == Access::Signed {
                    assert_eq!(answer.status(), 401, "{told} without a signature");
                } else if may {
                    assert!(!matches!(answer.status().as_u16(), 401 | 403 | 500..), "{told}");
                    assert!(leads_out(&door) || !leads_to_sign_in(&answer) || door.path == "/setup", "{told}");
                } else {
                    assert_eq!(answer.status(), 403, "{told}");
                    let Access::Needs(right) = door.access else { unreachable!() };
                    assert!(answer.text().expect("a page").contains(right.words()), "{told} does not say which right");
                }
                if leads_out(&door) {
                    person = server.signed_in_who_stays(role);
                }
            }
        }
    });
}

#[test]
fn nobody_gets_in_without_signing_in() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        server.hire(Role::Admin);
        // A session opens no door of the API, and a token none of the pages.
        let person = server.signed_in_who_stays(Role::Admin);
        let program = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none());
        let program = program.build().expect("a client");
        let token = server.token(Role::Admin);
        for door in doors().into_iter().filter(|door| door.access != Access::Public) {
            let told = format!("{} {}", door.method, door.path);
            if door.access == Access::Signed {
                assert_eq!(knock(&program, &server, &door).status(), 401, "{told}");
            } else if is_api(&door) {
                for client in [&visitor_who_stays(), &person] {
                    let answer = knock(client, &server, &door);
                    assert_eq!(answer.status(), 401, "{told}");
                    assert_eq!(answer.headers()["www-authenticate"], "Bearer", "{told}");
                    let error: serde_json::Value = answer.json().expect("JSON");
                    assert_eq!(error["error"]["code"], "unauthorized", "{told}");
                }
            } else {
                assert!(leads_to_sign_in(&knock(&visitor_who_stays(), &server, &door)), "{told}");
                let method: Method = door.method.as_str().parse().expect("a method");
                let request = program.request(method, server.url(&filled(door.path)));
                assert!(leads_to_sign_in(&request.bearer_auth(&token).send().expect("an answer")), "{told} by token");
            }
        }
    });
}

#[test]
fn what_is_not_in_the_table_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&crate::support::sqlite(folder.path()));
    let admin = server.signed_in_who_stays(Role::Admin);
    for path in ["/nowhere", "/api/v1/nowhere", "/customers.php", "/account/", "/.env"] {
        assert_eq!(admin.get(server.url(path)).send().expect("an answer").status(), 404, "{path}");
    }
    assert_eq!(admin.delete(server.url("/account")).send().expect("an answer").status(), 405);
    assert_eq!(admin.head(server.url("/account")).send().expect("an answer").status(), 200);
}

#[test]
fn a_right_of_its_own_is_given_to_single_marketers() {
    let marketer = caller(Role::Marketer, false);
    assert!(marketer.may(Right::Export) && marketer.may(Right::Send));
    assert!(!caller(Role::Marketer, true).may(Right::Export));
    let agent = Caller { may_export: true, may_send: true, ..caller(Role::Agent, false) };
    assert!(!agent.may(Right::Export) && !agent.may(Right::Send), "agents cannot be given it");
    assert!(caller(Role::Admin, true).may(Right::Export) && caller(Role::Admin, true).may(Right::Send));
}
