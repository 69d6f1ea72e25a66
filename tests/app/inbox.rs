//! The inbox by the roads messages come and go: the website chat, gateways, mail; and what agents do with them.

use super::support::pages::*;
use super::support::*;
use diesel::prelude::*;
use muster::agents::Role;
use muster::campaigns::{hook, webhook};
use muster::customers::{Channel, Consent, Consents};
use muster::db::schema::{conversations, customers, messages, suppressions};
use muster::db::{Db, Trouble};
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What a browser would make up to be known by.
pub const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A page of another site talks to the chat.
fn chat(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let page = Client::new().post(server.url(path)).header("Origin", "https://shop.example");
    let page = page.header("Sec-Fetch-Site", "cross-site").header("Content-Type", "text/plain");
    let answer = page.body(body.to_string()).send().expect("an answer");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    (answer.status().as_u16(), answer.json().expect("JSON"))
}

fn says(server: &Server, key: &str, id: &str, text: &str) -> (u16, Value) {
    let body = json!({"key": key, "id": id, "name": "Nia Ras", "email": "Nia@Example.com", "text": text});
    chat(server, "/chat/messages", &body)
}

fn secret(db: &Db) -> String {
    db.write_now::<_, Trouble>(|conn| Ok(hook::make_secret(conn)?)).expect("a secret")
}

/// A gateway hands a message over, signed.
fn hands_over(server: &Server, secret: &str, body: &[u8]) -> Response {
    let text = String::from_utf8_lossy(body);
    let signature = webhook::signature(secret, chrono::Utc::now().timestamp(), &text);
    let gateway = Client::new().post(server.url("/hooks/messages")).header("Muster-Signature", signature);
    gateway.body(body.to_vec()).send().expect("an answer")
}

fn sms(server: &Server, secret: &str, id: &str, from: &str, text: &str) -> Value {
    let body = json!({"channel": "sms", "id": id, "from": from, "text": text}).to_string();
    let answer = hands_over(server, secret, body.as_bytes());
    assert_eq!(answer.status(), 200);
    answer.json().expect("JSON")
}

/// Everything that is said in a conversation.
fn said(db: &Db, conversation: i64) -> Vec<(String, String)> {
    db.read_now::<_, Trouble>(|conn| {
        let all = messages::table.filter(messages::conversation_id.eq(conversation)).order(messages::id);
        Ok(all.select((messages::kind, messages::body)).load(conn)?)
    })
    .expect("the messages")
}

fn until<T>(what: &str, mut is_so: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = is_so() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn listed(client: &Client, server: &Server, path: &str) -> Vec<String> {
    texts(&page(get(client, server, path)), "#convs .from")
}

#[test]
fn a_visitor_of_the_website_writes_and_is_answered() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        assert_eq!(text(&page(get(&agent, &server, "/inbox")), "#convs + .blank h3"), "Nobody waits for an answer");

        let (status, answer) = chat(&server, "/chat/messages", &json!({"key": KEY, "id": "1", "text": "Hi"}));
        assert_eq!((status, answer["field"].as_str()), (422, Some("email")), "somebody has to be reached");
        let (status, answer) = says(&server, KEY, "1", "Do you have <b>snow shoes</b>?");
        assert_eq!((status, answer["messages"].as_array().map(Vec::len)), (200, Some(1)));
        // Her browser heard no answer and tries again.
        let (_, again) = says(&server, KEY, "1", "Do you have <b>snow shoes</b>?");
        assert_eq!(answer, again);

        let inbox = page(get(&agent, &server, "/inbox"));
        assert_eq!(texts(&inbox, "#convs .unread .from"), ["Nia Ras, unread"]);
        assert_eq!(text(&inbox, "#unread"), "1 unread");
        let path = attr(&inbox, "#convs a", "href");
        let thread = page(get(&agent, &server, &path));
        assert_eq!(text(&thread, ".msg p"), "Do you have <b>snow shoes</b>?", "as text, never as markup");
        assert_eq!(text(&thread, "#beside .facts dd"), "nia@example.com");
        post(&agent, &server, &format!("{path}/seen"), &[("message", "1000")]);
        assert_eq!(text(&page(get(&agent, &server, "/inbox")), "#unread"), "");

        post(&agent, &server, &format!("{path}/messages"), &[("kind", "note"), ("body", "A good customer")]);
        let wait = json!({"key": KEY, "after": answer["messages"][0]["id"], "wait": true});
        let site = server.site();
        let waiting = std::thread::spawn(move || {
            let page = Client::new().post(format!("{site}/chat/look")).body(wait.to_string());
            page.send().expect("an answer").json::<Value>().expect("JSON")
        });
        std::thread::sleep(Duration::from_millis(300));
        post(&agent, &server, &format!("{path}/messages"), &[("kind", "reply"), ("body", "From size 36 on.")]);
        let heard = waiting.join().expect("heard");
        assert_eq!(heard["messages"][0]["text"], "From size 36 on.", "as soon as it was said, and no note: {heard}");
        assert_eq!(heard["messages"][0]["author"], "Ada", "by first name");

        // Another browser that says it is her sees nothing of it.
        let other = KEY.replace('A', "B");
        let (_, answer) = says(&server, &other, "1", "It is me");
        assert_eq!(answer["messages"].as_array().map(Vec::len), Some(1));
        let (status, _) = chat(&server, "/chat/look", &json!({"key": KEY.replace('A', "C")}));
        assert_eq!(status, 404);
        let one = db.read_now::<_, Trouble>(|conn| {
            Ok(customers::table.filter(customers::email.eq("nia@example.com")).count().get_result::<i64>(conn)?)
        });
        assert_eq!(one.expect("a count"), 1, "found by her address");
    });
}

#[test]
fn a_gateway_brings_messages_once_and_carries_the_answers() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let secret = secret(&db);
        let agent = server.signed_in(Role::Agent);
        let phone: String = db
            .read_now::<_, Trouble>(|conn| {
                Ok(customers::table.find(people.ana).select(customers::phone.assume_not_null()).first(conn)?)
            })
            .expect("her phone");
        let first = sms(&server, &secret, "m1", &phone, "Two places, please");
        assert_eq!((&first["customer"], &first["repeated"]), (&json!(people.ana), &json!(false)));
        let again = sms(&server, &secret, "m1", &phone, "Two places, please");
        assert_eq!((&again["message"], &again["repeated"]), (&first["message"], &json!(true)));
        let id = first["conversation"].as_i64().expect("a number");
        assert_eq!(said(&db, id).len(), 1);

        post(&agent, &server, &format!("/inbox/{id}/messages"), &[("body", "They are yours."), ("then", "close")]);
        let sent = until("the answer goes out", || {
            let files = std::fs::read_dir(server.outbox().join("answers")).ok()?;
            let file = files.flatten().next()?.path();
            serde_json::from_str::<Value>(&std::fs::read_to_string(file).ok()?).ok()
        });
        assert_eq!((&sent["text"], &sent["to"]), (&json!("They are yours."), &json!(phone)));
        assert_eq!((&sent["conversation"], &sent["channel"]), (&json!(id), &json!("sms")));
        assert_eq!(listed(&agent, &server, "/inbox?box=closed"), ["Ana"]);

        // She goes on, and it is open again and still the agent's; somebody unknown begins anew.
        sms(&server, &secret, "m2", &phone, "Thank you");
        assert_eq!(listed(&agent, &server, "/inbox?box=mine"), ["Ana, unread"]);
        let stranger = sms(&server, &secret, "m3", "+46 70 999 88 77", "Hej");
        assert!(stranger["conversation"] != first["conversation"] && stranger["customer"] != first["customer"]);
        let inbox = page(get(&agent, &server, "/inbox"));
        assert_eq!(texts(&inbox, "#convs .from").len(), 2);
        assert_eq!(texts(&inbox, ".tabs .n"), ["2", "1", "1", "0"]);
    });
}

#[test]
fn whoever_says_stop_is_opted_out_of_that_channel_and_everybody_sees_it() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (secret, admin) = (secret(&db), server.signed_in(Role::Admin));
        let bad = post(&admin, &server, "/settings/inbox", &[("stop_words", "Abmelden, !")]);
        assert_eq!(bad.status(), 422);
        post(&admin, &server, "/settings/inbox", &[("stop_words", "Abmelden, Arrêt")]);
        let phone = "+46 70 111 22 33";
        for (id, text, opted_out) in [
            ("1", "Please stop by", false),
            ("2", " abmelden! ", true),
            ("3", "stop", true),
            ("4", "Hello again", false),
        ] {
            let answer = sms(&server, &secret, id, phone, text);
            assert_eq!(answer["opted_out"], json!(opted_out), "{text}");
        }
        let (consent, hidden) = db
            .read_now::<_, Trouble>(|conn| {
                let whose: i64 =
                    customers::table.filter(customers::phone.eq("+46701112233")).select(customers::id).first(conn)?;
                Ok((Consents::of(whose, conn)?, suppressions::table.count().get_result::<i64>(conn)?))
            })
            .expect("what is known");
        assert_eq!((consent.get(Channel::Sms), consent.get(Channel::Whatsapp)), (Consent::OptedOut, Consent::Unknown));
        assert_eq!(hidden, 1, "her number is remembered as one that gets nothing");
        let path = attr(&page(get(&admin, &server, "/inbox")), "#convs a", "href");
        let thread = page(get(&admin, &server, &path));
        assert!(texts(&thread, ".thread .event").iter().any(|event| event.starts_with("opted out of SMS")));
        assert!(texts(&thread, "#beside .pill").contains(&"Opted out".to_string()));
    });
}

#[test]
fn a_reply_to_a_mail_comes_back_to_its_conversation() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let (secret, agent) = (secret(&db), server.signed_in(Role::Agent));
        let hook = |kind: &str, body: &str| {
            let server = Client::new().post(server.url("/hooks/replies")).header("Content-Type", kind);
            server.basic_auth("muster", Some(&secret)).body(body.to_string()).send().expect("an answer")
        };
        let mail = "From: Ana <ana@example.com>\r\nMessage-ID: <one@mail.example>\r\nSubject: Return\r\n\
                    Content-Type: text/plain; charset=utf-8\r\n\r\nCan I send it back?\r\n";
        let first: Value = hook("message/rfc822", mail).json().expect("JSON");
        let email: Option<String> = db
            .read_now::<_, Trouble>(|conn| {
                Ok(customers::table.find(people.ana).select(customers::email).first(conn)?)
            })
            .expect("her address");
        assert_eq!(first["customer"] == json!(people.ana), email.as_deref() == Some("ana@example.com"));
        let id = first["conversation"].as_i64().expect("a number");
        assert_eq!(hook("message/rfc822", mail).json::<Value>().expect("JSON")["repeated"], json!(true));

        post(&agent, &server, &format!("/inbox/{id}/messages"), &[("body", "Of course.")]);
        let sent = until("the mail goes out", || {
            let files = std::fs::read_dir(server.outbox().join("answers")).ok()?;
            let letter =
                files.flatten().map(|file| file.path()).find(|path| path.extension().is_some_and(|is| is == "eml"));
            std::fs::read_to_string(letter?).ok()
        });
        assert!(sent.contains("Subject: Re: Return") && sent.contains("In-Reply-To: <one@mail.example>"), "{sent}");
        let ours = sent.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("an id").to_string();

        // She answers from another address of hers, by a gateway that sends forms.
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("from", "Ana at work <ana@work.example>")
            .append_pair("subject", "Re: Return")
            .append_pair("body-plain", "Thanks.\n\nShop wrote:\n> Of course.\n")
            .append_pair("In-Reply-To", &ours)
            .append_pair("Message-Id", "<two@mail.example>")
            .finish();
        let next: Value = hook("application/x-www-form-urlencoded", &form).json().expect("JSON");
        assert_eq!((&next["conversation"], &next["customer"]), (&first["conversation"], &first["customer"]));
        assert_eq!(
            said(&db, id).last().map(|(_, text)| text.clone()),
            Some("Thanks.".into()),
            "without what it quotes"
        );

        let away = "From: ana@example.com\r\nAuto-Submitted: auto-replied\r\n\r\nI am away\r\n";
        assert_eq!(hook("message/rfc822", away).json::<Value>().expect("JSON")["ignored"], "an automatic answer");
        let unsigned = Client::new().post(server.url("/hooks/replies")).basic_auth("muster", Some("guess")).body(mail);
        assert_eq!(unsigned.send().expect("an answer").status(), 401);
    });
}

#[test]
fn what_cannot_be_a_message_is_refused_with_a_reason_and_nothing_is_kept() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let secret = secret(&db);
        let good = json!({"channel": "whatsapp", "id": "1", "from": "+46701112233", "text": "Hi"});
        let with = |field: &str, value: Value| {
            let mut body = good.clone();
            body[field] = value;
            body.to_string().into_bytes()
        };
        for (body, status, words) in [
            (with("channel", json!("fax")), 422, "sms, whatsapp or email"),
            (with("text", json!("a".repeat(900_000))), 422, "64 KiB"),
            (with("text", json!("a".repeat(1_100_000))), 413, ""),
            (with("text", json!(" \u{0} ")), 422, "nothing in this message"),
            (with("from", json!("nobody")), 422, "digits"),
            (with("id", json!("")), 422, "id of a message"),
            (b"{\"channel\": \"sms\", \"text\": \"\xff\xfe\"}".to_vec(), 401, "Muster-Signature"),
            (b"[]".to_vec(), 422, "no message"),
        ] {
            let answer = hands_over(&server, &secret, &body);
            assert_eq!(answer.status(), status, "{words}");
            let told = answer.text().expect("words");
            assert!(told.contains(words), "{told}");
        }
        let forged = hands_over(&server, "another secret", good.to_string().as_bytes());
        assert_eq!(forged.status(), 401);

        for (body, status) in [
            (json!({"key": "short", "id": "1", "email": "a@b.example", "text": "Hi"}), 422),
            (json!({"key": KEY, "id": "1", "email": "a@b", "text": "Hi"}), 422),
            (json!({"key": KEY, "id": "1", "email": "a@b.example", "text": "a".repeat(70_000)}), 422),
            (json!({"key": KEY}), 422),
        ] {
            assert_eq!(chat(&server, "/chat/messages", &body).0, status, "{body}");
        }
        let broken =
            Client::new().post(server.url("/chat/messages")).body(b"\xff{".to_vec()).send().expect("an answer");
        assert_eq!(broken.status(), 422);
        let count = |db: &Db| {
            db.read_now::<_, Trouble>(|conn| Ok(conversations::table.count().get_result::<i64>(conn)?))
                .expect("a count")
        };
        assert_eq!(count(&db), 0);

        // A flood from one visitor.
        let taken = (0..25).filter(|n| says(&server, KEY, &n.to_string(), "Hello?").0 == 200).count();
        assert_eq!(taken, 20);
        assert_eq!(says(&server, KEY, "more", "Hello?").0, 429);
        assert_eq!(count(&db), 1);
    });
}

#[test]
fn agents_share_the_work() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (agent, other) = (server.signed_in(Role::Agent), server.signed_in(Role::Marketer));
        let (secret, here) = (secret(&db), |id: &Value| format!("/inbox/{id}"));
        let ids: Vec<Value> = ["+46701112201", "+46701112202"]
            .into_iter()
            .map(|phone| sms(&server, &secret, phone, phone, "When do you open?")["conversation"].clone())
            .collect();
        let first = here(&ids[0]);
        post(&agent, &server, &format!("{first}/assign"), &[("agent", "me")]);
        assert_eq!(listed(&agent, &server, "/inbox?box=mine").len(), 1);
        assert_eq!(listed(&other, &server, "/inbox?box=mine").len(), 0);
        assert_eq!(listed(&other, &server, "/inbox?box=unassigned").len(), 1);
        assert_eq!(post(&agent, &server, &format!("{first}/assign"), &[("agent", "99999")]).status(), 422);

        post(&agent, &server, &format!("{first}/snooze"), &[("until", "week")]);
        assert_eq!(listed(&agent, &server, "/inbox?box=snoozed").len(), 1);
        let thread = page(get(&agent, &server, &first));
        assert!(text(&thread, ".conv-state").starts_with("Put off until"), "{}", text(&thread, ".conv-state"));
        db.write_now::<_, Trouble>(|conn| {
            let past = chrono::Utc::now().naive_utc() - chrono::TimeDelta::minutes(1);
            Ok(diesel::update(conversations::table).set(conversations::snoozed_until.eq(past)).execute(conn)?)
        })
        .expect("time passes");
        until("it wakes", || (listed(&agent, &server, "/inbox?box=snoozed").is_empty()).then_some(()));
        assert_eq!(listed(&agent, &server, "/inbox").len(), 2);

        post(&agent, &server, &format!("{first}/close"), &[]);
        post(&other, &server, &format!("{first}/reopen"), &[]);
        let events = texts(&page(get(&agent, &server, &first)), ".thread .event");
        for words in ["Agent took it", "Agent put it off until", "Agent closed it", "Marketer opened it again"] {
            assert!(events.iter().any(|event| event.contains(words)), "{words} in {events:?}");
        }

        // A canned reply with a field, and what is wrong with one.
        let bad = [("name", "Hours"), ("body", "Dear {{ customer.nmae }}")];
        let refused = post(&agent, &server, "/inbox/replies", &bad);
        assert_eq!(refused.status(), 422);
        assert!(text(&page(refused), "#body-why").contains("nmae"));
        let good = [("name", "Hours"), ("body", "Dear {{ customer.name | default(\"friend\") }}, from ten to seven.")];
        post(&agent, &server, "/inbox/replies", &good);
        let thread = page(get(&agent, &server, &first));
        let with = page(get(&agent, &server, &attr(&thread, ".drop-up a", "href")));
        assert_eq!(text(&with, "#reply-body"), "Dear friend, from ten to seven.");

        // What is empty comes back, and so does what was typed.
        let empty = post(&agent, &server, &format!("{first}/messages"), &[("kind", "note"), ("body", " ")]);
        assert_eq!(empty.status(), 422);
        assert_eq!(text(&page(empty), "#reply-why"), "There is nothing in this message.");
    });
}

#[test]
fn conversations_are_found_by_words_by_tag_and_by_filter() {
    for_each_database(|db| {
        let people = world(&db);
        talks(&people, &db);
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        let open = listed(&agent, &server, "/inbox");
        assert_eq!(open, ["Ana", "Cy"]);
        assert_eq!(listed(&agent, &server, "/inbox?tag=VIP"), ["Ana", "Cy"]);
        assert_eq!(listed(&agent, &server, "/inbox?filter=name+is+Ana"), ["Ana"]);
        assert_eq!(listed(&agent, &server, "/inbox?box=closed&filter=name+is+Bo"), ["Bo"]);
        assert_eq!(listed(&agent, &server, "/inbox?q=cy"), ["Cy"]);
        let wrong = get(&agent, &server, "/inbox?filter=nmae+is+Ana");
        assert_eq!(wrong.status(), 422);
        assert!(text(&page(wrong), "#inbox-filter-why").contains("nmae"));

        let path = attr(&page(get(&agent, &server, "/inbox?q=Ana")), "#convs a", "href");
        assert!(path.ends_with("?q=Ana"), "the question comes along: {path}");
        post(
            &agent,
            &server,
            &path.replace('?', "/messages?"),
            &[("kind", "note"), ("body", "Wants the Zürich catalogue")],
        );
        assert_eq!(listed(&agent, &server, "/inbox?q=zurich"), ["Ana"]);
        assert_eq!(listed(&agent, &server, "/inbox?q=nothing+of+the+kind").len(), 0);

        // What is put on beside the thread is hers.
        let id = path.trim_start_matches("/inbox/").split('?').next().unwrap_or_default().to_string();
        let form = [("name", "Catalogue"), ("from", &format!("conversation-{id}"))];
        post(&agent, &server, &format!("/customers/{}/taggings", people.ana), &form);
        assert_eq!(names(&page(get(&agent, &server, "/customers?filter=tags+contains+Catalogue"))), "Ana");
        let thread = page(get(&agent, &server, &path));
        assert!(texts(&thread, ".thread .event").iter().any(|event| event.contains("added Catalogue")));
        let profile = page(get(&agent, &server, &format!("/customers/{}", people.ana)));
        assert!(text(&profile, "#time").contains(&format!("in conversation {id}")));
    });
}
