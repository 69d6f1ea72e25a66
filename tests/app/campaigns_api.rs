//! Campaigns for programs and from the command line: the same numbers, the same guards, once.

use super::support::campaigns::*;
use super::support::command::{muster, said, told, totals};
use super::support::*;
use muster::agents::Role;
use muster::campaigns::recipients::Status;
use muster::campaigns::{Campaign, State};
use muster::db::{Db, Trouble};
use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Five who want mail, and Fay, who said nothing.
fn people(db: &Db) {
    let names = ["ada", "bea", "cas", "dan", "eli"];
    let lines: String = names.iter().map(|name| format!("{name},{name}@example.com,VIP,yes\n")).collect();
    opted_in(db, &format!("name,email,tags,email_opt_in\n{lines}fay,fay@example.com,VIP,\n"));
}

/// A program with a right to send, and where it asks.
struct Program<'a> {
    client: Client,
    server: &'a Server,
}

impl Program<'_> {
    fn of(server: &Server) -> Program<'_> {
        Program { client: server.program(Role::Admin), server }
    }

    fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let request = self.client.request(method, self.server.url(&format!("/api/v1/campaigns{path}")));
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().expect("an answer");
        (answer.status().as_u16(), answer.json().expect("JSON"))
    }

    fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// The code of a refusal, and what comes with it.
    fn refused(&self, method: &str, path: &str, body: Value) -> (u16, String, Value) {
        let (status, answer) = self.ask(method, path, body);
        let error = &answer["error"];
        (status, error["code"].as_str().unwrap_or_default().into(), error["details"].clone())
    }

    fn draft(&self, name: &str) -> i64 {
        let draft = json!({ "name": name, "subject": "News", "body": "Hello {{ customer.name }}", "filter": "tags contains VIP" });
        let (status, made) = self.ask("POST", "", draft);
        assert_eq!(status, 201, "{made}");
        made["id"].as_i64().expect("an id")
    }
}

fn until(what: &str, over: impl Fn() -> bool) {
    let began = Instant::now();
    while !over() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn add_up(sums: &Value) -> bool {
    let all = |of: &Value| of.as_object().expect("sums").values().map(|n| n.as_i64().expect("a number")).sum::<i64>();
    all(&sums["statuses"]) == sums["members"].as_i64().expect("a number")
        && all(&sums["excluded"]) == sums["statuses"]["excluded"].as_i64().expect("a number")
}

#[test]
fn a_program_writes_a_campaign_looks_at_the_sums_and_launches_it_once() {
    for_each_database(|db| {
        people(&db);
        let server = Server::start(&db);
        let program = Program::of(&server);

        let wrong = json!({ "name": " ", "channel": "pigeon", "filter": "tags contains Nobody", "include": [99] });
        let (status, code, details) = program.refused("POST", "", wrong);
        assert_eq!((status, code.as_str()), (422, "invalid"));
        for field in ["name", "channel", "filter", "include"] {
            assert!(details[field].as_str().is_some_and(|words| !words.is_empty()), "{field}: {details}");
        }
        assert_eq!(program.refused("POST", "", json!({ "nmae": "x" })).0, 422);
        assert_eq!(program.refused("POST", "", json!([1])).0, 422);
        assert_eq!(program.get("")["total"], 0, "nothing was made");

        let (status, made) = program.ask(
            "POST",
            "",
            json!({ "name": "Autumn", "filter": { "all": [{ "field": "tags", "op": "contains", "value": ["VIP"] }] } }),
        );
        assert_eq!((status, &made["state"], &made["version"]), (201, &json!("draft"), &json!(1)));
        assert_eq!(
            made["reach"],
            json!({ "members": 6, "reachable": 5, "excluded": { "not_opted_in": 1 }, "problem": null })
        );
        assert!(made["problems"]["subject"].is_string() && made["problems"]["body"].is_string(), "{made}");
        assert_eq!(made["sums"], Value::Null);
        let here = format!("/{}", made["id"]);
        let launch = format!("{here}/launch");
        let (status, _, details) = program.refused("POST", &launch, json!({ "expected": 5, "typed": 5 }));
        assert!(status == 422 && details["subject"].is_string(), "{status}: {details}");

        // What is given changes, the rest stays; who changed something older is told.
        let (status, changed) = program.ask(
            "PATCH",
            &here,
            json!({ "subject": "News", "body": "Hello {{ customer.name }}", "version": 1 }),
        );
        assert_eq!((status, &changed["version"], &changed["name"]), (200, &json!(2), &json!("Autumn")));
        assert_eq!((&changed["reach"]["reachable"], &changed["problems"]), (&json!(5), &json!({})));
        let (status, code, _) = program.refused("PATCH", &here, json!({ "name": "Winter", "version": 1 }));
        assert_eq!((status, code.as_str()), (409, "newer"));
        let (_, nobody) = program.ask("PATCH", &here, json!({ "filter": null }));
        assert_eq!((&nobody["filter"], &nobody["reach"]["problem"]), (&Value::Null, &json!("Nobody was chosen yet.")));
        assert_eq!(program.refused("POST", &launch, json!({ "expected": 5, "typed": 5 })).0, 422);
        program.ask("PATCH", &here, json!({ "filter": "tags contains VIP" }));

        // The guards of the page, with numbers to go on with.
        let adrift = program.refused("POST", &launch, json!({ "expected": 3, "typed": 3 }));
        assert_eq!(adrift, (409, "adrift".into(), json!({ "expected": 3, "recipients": 5 })));
        let untyped = program.refused("POST", &launch, json!({ "expected": 5 }));
        assert_eq!(untyped, (409, "untyped".into(), json!({ "type": 5, "recipients": 5 })));
        let older = program.refused("POST", &launch, json!({ "expected": 5, "typed": 5, "version": 2 }));
        assert_eq!((older.0, older.1.as_str()), (409, "newer"));
        for odd in [json!({}), json!({ "expected": "5" }), json!({ "expected": 5, "sure": true }), json!([])] {
            assert_eq!(program.refused("POST", &launch, odd.clone()).0, 422, "{odd}");
        }
        assert_eq!(program.get(&here)["state"], "draft", "nothing was sent");

        let agreed = json!({ "expected": 5, "typed": 5, "version": 4 });
        let (status, launched) = program.ask("POST", &launch, agreed.clone());
        assert_eq!(
            (status, &launched["sums"]["members"], &launched["sums"]["recipients"]),
            (200, &json!(6), &json!(5)),
            "{launched}"
        );
        assert!(add_up(&launched["sums"]));
        until("it does not end", || program.get(&here)["state"] == "done");

        // The same again is done already; another number is not what was done.
        let (status, again) = program.ask("POST", &launch, agreed);
        assert_eq!((status, &again["launched_at"]), (200, &launched["launched_at"]));
        let other = program.refused("POST", &launch, json!({ "expected": 6, "typed": 6 }));
        assert_eq!((other.0, other.1.as_str()), (409, "launched"));
        let (status, code, _) = program.refused("PATCH", &here, json!({ "name": "Winter" }));
        assert_eq!((status, code.as_str()), (409, "launched"));
        let shown = program.get(&here);
        assert_eq!((&shown["name"], &shown["sums"]["statuses"]["sent"]), (&json!("Autumn"), &json!(5)));
        assert_eq!(shown["sums"]["excluded"], json!({ "not_opted_in": 1 }));
        assert!(add_up(&shown["sums"]) && shown["reach"].is_null());
        let folder = server.outbox().join(made["id"].to_string());
        assert_eq!(std::fs::read_dir(folder).expect("the outbox").count(), 5, "each of them once");

        // The recipients, page by page.
        let first = program.get(&format!("{here}/recipients?limit=4"));
        assert_eq!((&first["total"], &first["next_after"]), (&json!(6), &json!(4)));
        assert_eq!(first["recipients"][0]["why"], "Taken over");
        let rest = program.get(&format!("{here}/recipients?limit=4&after=4"));
        let named: Vec<&str> =
            rest["recipients"].as_array().expect("rows").iter().filter_map(|row| row["name"].as_str()).collect();
        assert_eq!((named, &rest["next_after"]), (vec!["eli", "fay"], &Value::Null));
        let excluded = program.get(&format!("{here}/recipients?status=excluded"));
        assert_eq!((&excluded["total"], &excluded["recipients"][0]["reason"]), (&json!(1), &json!("not_opted_in")));
        for odd in ["status=lost", "limit=0", "limit=1001"] {
            assert_eq!(program.refused("GET", &format!("{here}/recipients?{odd}"), Value::Null).0, 422, "{odd}");
        }
        for missing in ["/99", "/99/recipients"] {
            assert_eq!(program.refused("GET", missing, Value::Null).1, "not_found", "{missing}");
        }
    });
}

#[test]
fn a_list_is_read_page_by_page() {
    for_each_database(|db| {
        people(&db);
        let server = Server::start(&db);
        let program = Program::of(&server);
        let mut made: Vec<i64> = ["One", "Two", "Three"].map(|name| program.draft(name)).to_vec();
        made.reverse();
        let (mut found, mut next) = (Vec::new(), String::new());
        loop {
            let page = program.get(&format!("?limit=2&cursor={next}"));
            assert_eq!(page["total"], 3);
            found.extend(page["campaigns"].as_array().expect("rows").iter().filter_map(|row| row["id"].as_i64()));
            match page["next_cursor"].as_str() {
                Some(cursor) => next = cursor.into(),
                None => break,
            }
        }
        assert_eq!(found, made);
        for odd in ["?limit=0", "?cursor=x"] {
            assert_eq!(program.refused("GET", odd, Value::Null).0, 422, "{odd}");
        }
    });
}

#[test]
fn it_is_paused_goes_on_and_is_stopped_and_a_draft_only_goes_by_its_launch() {
    for_each_database(|db| {
        people(&db);
        let server = Server::start_with(&db, |config| config.sending.email_rate = Some(1));
        let program = Program::of(&server);
        let id = program.draft("News");
        let step = |step: &str| program.ask("POST", &format!("/{id}/{step}"), Value::Null);
        for too_early in ["pause", "resume", "cancel"] {
            let (status, answer) = step(too_early);
            assert_eq!((status, &answer["error"]["details"]["state"]), (409, &json!("draft")), "{too_early}");
        }
        let marketer = server.signed_in(Role::Marketer);
        super::support::pages::post(&marketer, &server, &format!("/campaigns/{id}/resume"), &[]);
        assert_eq!(program.get(&format!("/{id}"))["state"], "draft", "nor by the page");

        assert_eq!(program.ask("POST", &format!("/{id}/launch"), json!({ "expected": 5, "typed": 5 })).0, 200);
        let statuses = || program.get(&format!("/{id}"))["sums"]["statuses"].clone();
        until("nothing goes", || statuses()["sent"] == 1 && statuses()["sending"] == 0);
        for (asked, state) in [
            ("pause", "paused"),
            ("pause", "paused"),
            ("resume", "sending"),
            ("cancel", "cancelled"),
            ("cancel", "cancelled"),
        ] {
            let (status, answer) = step(asked);
            assert_eq!((status, &answer["state"]), (200, &json!(state)), "{asked}: {answer}");
            assert!(add_up(&answer["sums"]), "{answer}");
        }
        let (status, answer) = step("resume");
        assert_eq!((status, &answer["error"]["code"]), (409, &json!("state")));
        assert_eq!((&statuses()["sent"], &statuses()["cancelled"]), (&json!(1), &json!(4)));
    });
}

#[test]
fn programs_that_launch_at_the_same_moment_send_once() {
    for_each_database(|db| {
        people(&db);
        let server = Server::start(&db);
        let program = Program::of(&server);
        let id = program.draft("News");
        std::thread::scope(|scope| {
            let ask = || program.ask("POST", &format!("/{id}/launch"), json!({ "expected": 5, "typed": 5 })).0;
            let all: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
            assert!(all.into_iter().all(|one| one.join().expect("an answer") == 200));
        });
        until("it does not end", || program.get(&format!("/{id}"))["state"] == "done");
        let folder = server.outbox().join(id.to_string());
        assert_eq!(std::fs::read_dir(folder).expect("the outbox").count(), 5);
        let shown = program.get(&format!("/{id}"));
        assert_eq!((&shown["sums"]["members"], &shown["launched_by"]), (&json!(6), &json!("admin's program")));
    });
}

#[test]
fn the_command_line_lists_shows_and_launches() {
    for_each_database(|db| {
        people(&db);
        assert_eq!(said(&muster(&db, &["campaign", "list"])), "");
        let news = email_to(&db, "News", "tags contains VIP");
        let id = news.id.to_string();
        assert_eq!(said(&muster(&db, &["campaign", "list"])), format!("{id}\tdraft\tNews\n"));
        let shown = said(&muster(&db, &["campaign", "show", &id]));
        let lines: Vec<&str> = shown.lines().map(str::trim).collect();
        assert_eq!(lines, ["News (draft by email)", "5  reachable", "1  not opted in", "6  in the audience"]);
        let json = totals(&muster(&db, &["campaign", "show", &id, "--json"]));
        assert_eq!(json["reach"]["reachable"], 5);

        let adrift = muster(&db, &["campaign", "launch", &id, "--expect", "2"]);
        assert_eq!((adrift.status.code(), said(&adrift).as_str()), (Some(1), ""));
        assert!(told(&adrift).contains("now it would go to 5"), "{}", told(&adrift));
        assert_eq!(now(&db, &news).state(), State::Draft);
        for _ in 0..2 {
            let launched = muster(&db, &["campaign", "launch", &id, "--expect", "5"]);
            assert_eq!((launched.status.code(), said(&launched).as_str()), (Some(0), "5\n"), "{}", told(&launched));
        }
        let frozen = sums(&db, &news);
        assert_eq!((frozen.members(), frozen.with(Status::Waiting)), (6, 5));
        let other = muster(&db, &["campaign", "launch", &id, "--expect", "6"]);
        assert!(other.status.code() == Some(1) && told(&other).contains("command line launched this campaign already"));

        // A server on the same database sends it.
        let _server = Server::start(&db);
        until("it does not end", || now(&db, &news).state() == State::Done);
        let listed = said(&muster(&db, &["campaign", "list"]));
        assert_eq!(listed, format!("{id}\tdone\tNews\t5 of 6: 1 did not opt in\n"));
        let json = totals(&muster(&db, &["campaign", "list", "--json"]));
        assert_eq!(json["campaigns"][0]["sums"]["statuses"]["sent"], 5);
        assert!(said(&muster(&db, &["campaign", "show", &id])).contains("5  sent\n"));
        let excluded = said(&muster(&db, &["campaign", "recipients", &id, "--status", "excluded"]));
        assert_eq!(excluded, "6\texcluded\tfay\tDid not opt in\n");
        let csv = said(&muster(&db, &["campaign", "recipients", &id, "--csv"]));
        assert_eq!(csv.lines().count(), 7);
        let ada = csv.lines().nth(1).unwrap_or_default();
        assert!(ada.contains(",1,ada,ada@example.com,sent,,Taken over,"), "{ada}");
        let excluded = said(&muster(&db, &["campaign", "recipients", &id, "--csv", "--status", "excluded"]));
        assert_eq!(excluded.lines().count(), 2);
        assert_eq!(muster(&db, &["campaign", "recipients", &id, "--status", "lost"]).status.code(), Some(2));
        for missing in [
            vec!["campaign", "show", "99"],
            vec!["campaign", "recipients", "99"],
            vec!["campaign", "launch", "99", "--expect", "1"],
        ] {
            let ended = muster(&db, &missing);
            assert_eq!(ended.status.code(), Some(1), "{missing:?}");
            assert!(told(&ended).contains("there is no"), "{}", told(&ended));
        }
        let known: Vec<Campaign> = db.read_now::<_, Trouble>(|conn| Ok(Campaign::list(conn)?)).expect("campaigns");
        assert_eq!(known.len(), 1);
    });
}
