//! What comes back of a campaign: by the hook and by the command line, and what follows from it.

use super::support::campaigns::*;
use super::support::command::{muster, muster_reads, said, told};
use super::support::pages::*;
use super::support::sink;
use super::support::*;
use muster::agents::Role;
use muster::campaigns::reach::Why;
use muster::campaigns::recipients::{self, Recipient, Status};
use muster::campaigns::{Campaign, State, hook, webhook};
use muster::customers::{Channel, Consent, Consents};
use muster::db::{Db, Trouble};
use reqwest::blocking::Response;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A campaign that went out to Ada, Bea and Cas, who are the customers 1, 2 and 3.
struct Sent {
    db: Db,
    server: Server,
    secret: String,
    campaign: Campaign,
}

impl Sent {
    fn new(db: &Db) -> Sent {
        let names = ["ada", "bea", "cas"];
        let lines: String = names.iter().map(|name| format!("{name},{name}@example.com,VIP,yes\n")).collect();
        opted_in(db, &format!("name,email,tags,email_opt_in\n{lines}"));
        let server = Server::start(db);
        let secret = db.write_now::<_, Trouble>(|conn| Ok(hook::make_secret(conn)?)).expect("a secret");
        let campaign = email_to(db, "News", "tags contains VIP");
        launch(db, &campaign).expect("it goes");
        let began = Instant::now();
        while now(db, &campaign).state() != State::Done {
            assert!(began.elapsed() < Duration::from_secs(60), "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        Sent { db: db.clone(), server, secret, campaign }
    }

    /// The id of the message that went to somebody, in brackets.
    fn id(&self, name: &str) -> String {
        let folder = self.server.outbox().join(self.campaign.id.to_string());
        let files = std::fs::read_dir(folder).expect("the outbox");
        let mut mails = files.map(|file| sink::read(&std::fs::read(file.expect("a file").path()).expect("a mail")));
        mails.find(|mail| mail.text.contains(&format!("{name}@example.com"))).expect("her mail").id
    }

    fn report(&self, kind: &str, body: &str) -> Response {
        let now = chrono::Utc::now().timestamp();
        self.signed(kind, body.as_bytes(), &webhook::signature(&self.secret, now, body))
    }

    fn signed(&self, kind: &str, body: &[u8], signature: &str) -> Response {
        let program = reqwest::blocking::Client::new().post(self.server.url("/hooks/mail"));
        let program = program.header("Content-Type", kind).header("Muster-Signature", signature);
        program.body(body.to_vec()).send().expect("an answer")
    }

    /// What a report came to.
    fn result(&self, body: &str) -> String {
        let kind = if body.starts_with('{') { "application/json" } else { "message/rfc822" };
        let answer = self.report(kind, body);
        let status = answer.status();
        let answer: Value = answer.json().expect("JSON");
        match status.as_u16() {
            200 => answer["result"].as_str().expect("a result").into(),
            status => format!("{status}: {}", answer["error"]["message"].as_str().expect("a reason")),
        }
    }

    fn recipient(&self, customer: i64) -> Recipient {
        let found = self.db.read_now::<_, Trouble>(|conn| Ok(Recipient::find(self.campaign.id, customer, conn)?));
        found.expect("read").expect("her")
    }

    /// What was tried: outcome and words.
    fn history(&self, customer: i64) -> Vec<(String, String)> {
        let all = self.db.read_now::<_, Trouble>(|conn| Ok(recipients::history(self.campaign.id, customer, conn)?));
        all.expect("read").into_iter().map(|(.., outcome, said)| (outcome, said)).collect()
    }

    /// Who would not get a next campaign, by reason.
    fn excluded(&self) -> Vec<(Why, i64)> {
        let reach = reach(&self.db, &email_to(&self.db, "Next", "tags contains VIP"));
        let all: i64 = reach.excluded().iter().map(|(_, count)| count).sum();
        assert_eq!(reach.members, reach.reachable + all, "it adds up");
        reach.excluded()
    }

    fn consent(&self, customer: i64) -> (Consent, String) {
        let all = self.db.read_now::<_, Trouble>(|conn| Ok(Consents::of(customer, conn)?)).expect("consents");
        let said = all.said(Channel::Email).expect("she said something");
        (said.consent, said.source.clone())
    }

    fn log(&self) -> String {
        let admin = self.server.signed_in(Role::Admin);
        get(&admin, &self.server, "/settings/log?about=suppress").text().expect("a page")
    }
}

/// As a mail server writes it.
fn came_back(id: &str, address: &str, action: &str, status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mail.example\r\n\
         To: bounces@shop.example\r\n\
         Subject: Undelivered Mail Returned to Sender\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b1\r\n\
         \r\n\
         --b1\r\n\
         Content-Type: text/plain\r\n\
         \r\n\
         It did not arrive.\r\n\
         \r\n\
         --b1\r\n\
         Content-Type: message/delivery-status\r\n\
         \r\n\
         Reporting-MTA: dns; mail.example\r\n\
         \r\n\
         Final-Recipient: rfc822; {address}\r\n\
         Action: {action}\r\n\
         Status: {status}\r\n\
         Diagnostic-Code: smtp; 550 {status} no such mailbox here\r\n\
         \r\n\
         --b1\r\n\
         Content-Type: message/rfc822\r\n\
         \r\n\
         Message-ID: {id}\r\n\
         To: {address}\r\n\
         Subject: News\r\n\
         \r\n\
         --b1--\r\n"
    )
}

fn complaint(id: &str) -> String {
    format!(
        "From: feedback@mail.example\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=b1\r\n\
         \r\n\
         --b1\r\n\
         Content-Type: message/feedback-report\r\n\
         \r\n\
         Feedback-Type: abuse\r\n\
         User-Agent: Loop/1\r\n\
         Version: 1\r\n\
         \r\n\
         --b1\r\n\
         Content-Type: text/rfc822-headers\r\n\
         \r\n\
         Message-ID: {id}\r\n\
         \r\n\
         --b1--\r\n"
    )
}

#[test]
fn what_came_back_is_told_everywhere_and_its_address_is_left_alone() {
    for_each_database(|db| {
        let sent = Sent::new(&db);
        let marketer = sent.server.signed_in(Role::Marketer);
        let program = sent.server.program(Role::Marketer);
        let asks = json!({ "name": "Failed", "kind": "dynamic", "filter": "campaigns failed News" });
        let made = program.post(sent.server.url("/api/v1/segments")).json(&asks).send().expect("an answer");
        let segment: Value = made.json().expect("a segment");
        let members = || {
            let path = format!("/api/v1/segments/{}/customers", segment["id"]);
            let found: Value = program.get(sent.server.url(&path)).send().expect("an answer").json().expect("JSON");
            found["customers"]
                .as_array()
                .expect("members")
                .iter()
                .map(|one| one["name"].to_string())
                .collect::<String>()
        };
        assert_eq!(members(), "");

        let mail = came_back(&sent.id("ada"), "ada@example.com", "failed", "5.1.1");
        assert_eq!(sent.result(&mail), "bounced");
        let ada = sent.recipient(1);
        assert_eq!((ada.status(), ada.bounced()), (Status::Failed, true));
        assert_eq!(ada.words(Channel::Email), "It came back: 550 5.1.1 no such mailbox here");
        assert_eq!(members(), "\"ada\"", "a segment of them is live");
        let sums = sums(&db, &sent.campaign);
        assert_eq!((sums.members(), sums.with(Status::Sent), sums.with(Status::Failed)), (3, 2, 1));
        assert_eq!(sent.excluded(), [(Why::Bounced, 1)]);
        assert_eq!(sent.consent(1).0, Consent::OptedIn, "she said nothing");

        // In words, on each page.
        let here = format!("/campaigns/{}", sent.campaign.id);
        let report = page(get(&marketer, &sent.server, &here));
        assert!(text(&report, "#bounced").starts_with("1 of the failed came back"));
        assert!(text(&report, "aside").contains("adds up"));
        assert!(text(&report, "#recipient-1").contains("It came back: 550 5.1.1"));
        let hers = page(get(&marketer, &sent.server, &format!("{here}/recipients/1")));
        assert!(text(&hers, "#why").contains("It came back: 550 5.1.1 no such mailbox here"));
        assert!(text(&hers, ".names").contains("1. attempt: bounced"), "{}", text(&hers, ".names"));
        assert!(!text(&hers, ".head-do").contains("Send once more"));
        let again = post(&marketer, &sent.server, &format!("{here}/recipients/1/again"), &[]);
        assert!(again.text().expect("a page").contains("nothing to repeat"));
        assert!(sent.log().contains("mail hook"));

        // The same again changes nothing.
        let (before, log) = (sent.history(1), sent.log().matches("mail hook").count());
        for again in [mail.clone(), came_back(&sent.id("ada"), "ADA@example.com", "failed", "5.0.0")] {
            assert_eq!(sent.result(&again), "known");
        }
        assert_eq!((sent.history(1), sent.log().matches("mail hook").count()), (before, log));
        assert_eq!(sent.recipient(1), ada);
    });
}

#[test]
fn whoever_calls_it_spam_is_left_alone_for_good() {
    for_each_database(|db| {
        let sent = Sent::new(&db);
        assert_eq!(sent.result(&complaint(&sent.id("bea"))), "complained");
        assert_eq!(sent.result(&complaint(&sent.id("bea"))), "known");
        let bea = sent.recipient(2);
        assert_eq!((bea.status(), bea.unsubscribed_at), (Status::Sent, None), "it did arrive");
        assert_eq!(bea.words(Channel::Email), "It arrived, and she called it spam");
        let source = format!("complaint about campaign {}", sent.campaign.id);
        assert_eq!(sent.consent(2), (Consent::OptedOut, source));
        assert_eq!(sent.history(2).last().expect("a line"), &("complained".to_string(), "abuse".to_string()));
        assert_eq!(sent.excluded(), [(Why::Complained, 1)]);
        let marketer = sent.server.signed_in(Role::Marketer);
        let report = page(get(&marketer, &sent.server, &format!("/campaigns/{}", sent.campaign.id)));
        assert!(text(&report, "#complained").starts_with("1 called it spam"));

        // Neither a yes that somebody writes down nor her leaving by the link gives the address back.
        let program = sent.server.program(Role::Admin);
        let yes = json!({ "email_consent": "opted_in" });
        let opted_in = program.patch(sent.server.url("/api/v1/customers/2")).json(&yes).send().expect("an answer");
        assert_eq!(opted_in.status(), 200);
        assert_eq!(sent.excluded(), [(Why::Complained, 1)]);
        let mail = std::fs::read_dir(sent.server.outbox().join(sent.campaign.id.to_string())).expect("the outbox");
        let mails = mail.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a mail"));
        let hers = mails.into_iter().find(|mail| mail.contains("bea@example.com")).expect("hers").replace("=\r\n", "");
        let at = hers.find("/unsubscribe/").expect("a link");
        let link = hers[at..].split(['>', '\r', ' ']).next().expect("a link");
        let left = reqwest::blocking::Client::new().post(sent.server.url(link)).body("").send().expect("an answer");
        assert_eq!(left.status(), 200);
        program.patch(sent.server.url("/api/v1/customers/2")).json(&yes).send().expect("an answer");
        assert_eq!(sent.excluded(), [(Why::Complained, 1)]);
    });
}

#[test]
fn what_is_only_late_stands_in_the_history_and_nothing_else() {
    for_each_database(|db| {
        let sent = Sent::new(&db);
        let before = sent.recipient(3);
        let late = came_back(&sent.id("cas"), "cas@example.com", "delayed", "4.4.1");
        assert_eq!((sent.result(&late), sent.result(&late)), ("delayed".into(), "known".into()));
        let given_up = came_back(&sent.id("cas"), "cas@example.com", "failed", "4.7.0");
        assert_eq!(sent.result(&given_up), "delayed", "for now, and for another reason");
        assert_eq!(sent.recipient(3), before);
        let said: Vec<String> = sent.history(3).into_iter().map(|(outcome, _)| outcome).collect();
        assert_eq!(said, ["sent", "delayed", "delayed"]);
        assert_eq!(sent.excluded(), []);
        assert!(!sent.log().contains("mail hook"));
        // Then it is given up.
        assert_eq!(sent.result(&came_back(&sent.id("cas"), "cas@example.com", "failed", "5.4.7")), "bounced");
        assert_eq!(sent.excluded(), [(Why::Bounced, 1)]);
    });
}

#[test]
fn a_few_words_of_json_do_the_same() {
    for_each_database(|db| {
        let sent = Sent::new(&db);
        let bounce = json!({ "event": "bounce", "message_id": sent.id("ada"), "address": "ada@example.com",
                             "permanent": true, "said": "550 gone" });
        assert_eq!(sent.result(&bounce.to_string()), "bounced");
        assert_eq!(sent.recipient(1).words(Channel::Email), "It came back: 550 gone");
        let later = json!({ "event": "bounce", "message_id": sent.id("bea"), "permanent": false, "said": "full" });
        assert_eq!(sent.result(&later.to_string()), "delayed");
        let spam = json!({ "event": "complaint", "message_id": sent.id("bea").trim_matches(['<', '>']) });
        assert_eq!(sent.result(&spam.to_string()), "complained");
        assert_eq!(sent.excluded(), [(Why::Bounced, 1), (Why::Complained, 1)]);
    });
}

#[test]
fn what_was_not_signed_or_is_not_about_our_messages_changes_nothing() {
    for_each_database(|db| {
        let sent = Sent::new(&db);
        let id = sent.id("ada");
        let before = [1, 2, 3].map(|one| (sent.recipient(one), sent.history(one)));
        let mail = came_back(&id, "ada@example.com", "failed", "5.1.1");
        let now = chrono::Utc::now().timestamp();
        let right = webhook::signature(&sent.secret, now, &mail);
        for (signature, why) in [
            (String::new(), "no signature"),
            ("t=,v1=".into(), "an empty one"),
            (webhook::signature("another secret", now, &mail), "another secret"),
            (webhook::signature("", now, &mail), "no secret"),
            (webhook::signature(&sent.secret, now, &mail.replace("5.1.1", "5.1.2")), "another body"),
            (webhook::signature(&sent.secret, now - 3600, &mail), "an old one"),
            (right.replace("t=", "t=1"), "another time"),
            (right.chars().take(60).collect(), "a part of it"),
        ] {
            let answer = sent.signed("message/rfc822", mail.as_bytes(), &signature);
            assert_eq!(answer.status(), 401, "{why}");
            let error: Value = answer.json().expect("JSON");
            assert_eq!(error["error"]["code"], "unauthorized", "{why}");
        }

        // Whom a report names counts for nothing: neither a made-up id nor somebody else's address does anything.
        let changed: String = id.replacen(&id[1..3], if &id[1..3] == "AA" { "BB" } else { "AA" }, 1);
        for other in ["<made-up@localhost.localdomain>", &changed, "<>", ""] {
            let forged = came_back(other, "ada@example.com", "failed", "5.1.1");
            assert!(sent.result(&forged).starts_with("404: no message with this id"), "{other}");
        }
        for (kind, body, status, words) in [
            ("message/rfc822", "Subject: Out of office\r\n\r\nI am away.\r\n", 422, "neither a failed delivery"),
            ("message/rfc822", "", 422, "neither a failed delivery"),
            ("application/octet-stream", "\0\u{1}\u{ff}", 422, "neither a failed delivery"),
            ("application/json", "{", 422, "this is no report"),
            ("application/json", r#"{"event":"bounce","message_id":"x"}"#, 422, "whether it is permanent"),
            ("application/json", &mail, 422, "this is no report"),
        ] {
            let answer = sent.report(kind, body);
            assert_eq!(answer.status(), status, "{kind}: {body}");
            let error: Value = answer.json().expect("JSON");
            assert!(error["error"]["message"].as_str().expect("words").contains(words), "{error}");
        }
        let large = sent.report("message/rfc822", &"x".repeat((1 << 20) + 1));
        assert_eq!(large.status(), 413);
        let error: Value = large.json().expect("JSON");
        assert_eq!(error["error"]["code"], "too_large");
        assert_eq!(before, [1, 2, 3].map(|one| (sent.recipient(one), sent.history(one))));
        assert_eq!(sent.excluded(), []);

        // The message of one, with the address of another: it is she to whom it went.
        assert_eq!(sent.result(&came_back(&id, "bea@example.com", "failed", "5.1.1")), "bounced");
        assert_eq!((sent.recipient(1).bounced(), sent.recipient(2).bounced()), (true, false));
        assert_eq!(sent.recipient(2), before[1].0);
        // As it comes from `curl --data-binary @-` with nothing said about it, and in bytes that are no text.
        let mut bytes = came_back(&sent.id("cas"), "cas@example.com", "failed", "5.1.1").into_bytes();
        bytes.extend([0xff, 0xfe, 0x00]);
        let program = reqwest::blocking::Client::new();
        let hook = program.post(sent.server.url("/hooks/mail")).body(bytes.clone()).send().expect("an answer");
        assert_eq!(hook.status(), 401);
        let ended = muster_reads(&db, &["campaign", "bounce"], &bytes);
        assert_eq!(ended.status.code(), Some(0), "{}", told(&ended));
    });
}

#[test]
fn a_mail_server_pipes_what_came_back_into_the_command() {
    for_each_database(|db| {
        let sent = Sent::new(&db);
        let pipe = |mail: &str| {
            let ended = muster_reads(&db, &["campaign", "bounce"], mail.as_bytes());
            assert_eq!(said(&ended), "");
            (ended.status.code().expect("a status"), told(&ended).trim().to_string())
        };
        let mail = came_back(&sent.id("ada"), "ada@example.com", "failed", "5.1.1");
        assert_eq!(pipe(&mail), (0, "muster: it bounced: nothing more goes to that address".into()));
        assert_eq!(pipe(&mail).0, 0, "known");
        assert_eq!(pipe(&format!("{}{}", complaint(&sent.id("bea")), "x".repeat(3 << 20))).0, 0, "a large one");
        assert_eq!(sent.excluded(), [(Why::Bounced, 1), (Why::Complained, 1)]);
        assert!(sent.log().contains("command line"));
        assert_eq!(pipe("Subject: Out of office\n\nI am away.\n").0, 2);
        assert_eq!(pipe(&came_back("<x@y>", "ada@example.com", "failed", "5.1.1")).0, 2);
        let nowhere =
            muster_reads(&db, &["--database-url", "/nowhere/at/all/x.db", "campaign", "bounce"], mail.as_bytes());
        assert_eq!(nowhere.status.code(), Some(75), "a mail server tries again: {}", told(&nowhere));

        let secret = muster(&db, &["campaign", "secret"]);
        assert_eq!(said(&secret).trim(), sent.secret, "it stays the same");
    });
}
