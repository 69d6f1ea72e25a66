//! What a marketer takes along: a test of her message, and the receipt.

use super::support::campaigns::*;
use super::support::pages::*;
use super::support::sink;
use super::support::*;
use diesel::prelude::*;
use muster::agents::Role;
use muster::campaigns::State;
use muster::db::{Db, Trouble};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Three who can be written to, one who left, one without an address.
const PEOPLE: &str = "name,email,external_id,tags,email_opt_in\nAda,ada@example.com,a1,VIP,yes\n\
    \"=Bea, the \"\"second\"\"\",bea@example.com,b1,VIP,yes\nCas,cas@example.com,c1,VIP,yes\n\
    Dan,dan@example.com,d1,VIP,no\nEli,,e1,VIP,yes\n";

fn sent(db: &Db, name: &str) -> muster::campaigns::Campaign {
    let campaign = email_to(db, name, "tags contains VIP");
    launch(db, &campaign).expect("it goes");
    let began = Instant::now();
    while now(db, &campaign).state() != State::Done {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    campaign
}

#[test]
fn the_receipt_names_everybody_once_with_a_status_and_a_reason() {
    for_each_database(|db| {
        opted_in(&db, PEOPLE);
        let server = Server::start(&db);
        let campaign = sent(&db, "Autumn, the first");
        let here = format!("/campaigns/{}", campaign.id);
        let marketer = server.signed_in(Role::Marketer);
        // A marketer who may not take customers along: nothing is offered, nothing is given.
        db.write_now::<_, Trouble>(|conn| {
            use muster::db::schema::agents;
            let her = agents::table.filter(agents::email.eq(email_of(Role::Marketer)));
            Ok(diesel::update(her).set(agents::may_export.eq(false)).execute(conn)?)
        })
        .expect("her right is taken");
        assert!(texts(&page(get(&marketer, &server, &here)), "#receipt a").is_empty());
        assert_eq!(get(&marketer, &server, &format!("{here}/receipt.csv")).status(), 403);

        let admin = server.signed_in(Role::Admin);
        assert_eq!(texts(&page(get(&admin, &server, &here)), "#receipt a"), ["CSV", "JSON"]);
        let answer = get(&admin, &server, &format!("{here}/receipt.json"));
        let name = answer.headers()["content-disposition"].to_str().expect("a name").to_string();
        assert_eq!(name, format!("attachment; filename=\"campaign-{}-receipt.json\"", campaign.id));
        let told: Value = answer.json().expect("JSON");
        let receipt = &told["receipt"];
        assert_eq!(receipt["filter"], "tags contains VIP");
        assert_eq!(
            (&receipt["version"], &receipt["members"], &receipt["recipients"]),
            (&1.into(), &5.into(), &3.into())
        );
        assert_eq!(receipt["time_zone"], "America/Sao_Paulo");
        assert!(receipt["now"].as_str().is_some_and(|now| now.ends_with('Z')), "{receipt}");
        assert_eq!(told["sums"]["sent"], 3);
        let parts: i64 = told["sums"].as_object().expect("sums").values().filter_map(Value::as_i64).sum();
        let rows = told["recipients"].as_array().expect("recipients");
        assert_eq!((parts, rows.len()), (5, 5), "the sums add up to the rows");
        let by = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(by("Ada")["status"], "sent");
        assert_eq!(by("=Bea, the \"second\"")["address"], "bea@example.com");
        assert_eq!((&by("Dan")["status"], &by("Dan")["reason"]), (&"excluded".into(), &"opted_out".into()));
        assert_eq!((&by("Eli")["status"], &by("Eli")["why"]), (&"excluded".into(), &"Without an email address".into()));

        let text = get(&admin, &server, &format!("{here}/receipt.csv")).text().expect("CSV");
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let at = |name: &str, header: &csv::StringRecord| header.iter().position(|one| one == name).expect("a column");
        let header = csv.headers().expect("a header").clone();
        let lines: Vec<csv::StringRecord> = csv.records().map(|line| line.expect("a line")).collect();
        assert_eq!(lines.len(), 5);
        for line in &lines {
            assert_eq!(&line[at("campaign", &header)], "Autumn, the first");
            assert_eq!(&line[at("filter", &header)], "tags contains VIP");
            assert_eq!(&line[at("time_zone", &header)], "America/Sao_Paulo");
        }
        // A spreadsheet does not run her name.
        assert_eq!(&lines[1][at("name", &header)], "'=Bea, the \"second\"");
        let statuses: Vec<&str> = lines.iter().map(|line| &line[at("status", &header)]).collect();
        assert_eq!(statuses, ["sent", "sent", "sent", "excluded", "excluded"]);

        let log = text_of(&admin, &server, "/settings/log");
        assert!(log.contains("campaign: receipt"), "{log}");
        // Of a draft there is none.
        let draft = email_to(&db, "Winter", "tags contains VIP");
        assert_eq!(get(&admin, &server, &format!("/campaigns/{}/receipt.csv", draft.id)).status(), 422);
        assert_eq!(get(&admin, &server, &format!("{here}/receipt.xml")).status(), 404);
    });
}

fn text_of(browser: &reqwest::blocking::Client, server: &Server, path: &str) -> String {
    get(browser, server, path).text().expect("a page")
}

#[test]
fn a_test_goes_to_whoever_asks_for_it_and_counts_nowhere() {
    for_each_database(|db| {
        opted_in(&db, PEOPLE);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let campaign = email_to(&db, "Autumn", "tags contains VIP");
        let here = format!("/campaigns/{}", campaign.id);
        let preview = page(get(&marketer, &server, &format!("{here}/preview?customer=c1")));
        assert_eq!(text(&preview, "#test button"), format!("Send a test to {}", email_of(Role::Marketer)));
        let back = fill(&marketer, &server, &preview, "#test", &[]);
        assert_eq!(back.url().query(), Some("customer=c1"));
        assert!(text(&page(back), "#toasts").contains("A test went to"), "she is told");

        let folder = server.outbox().join(campaign.id.to_string());
        let mails: Vec<sink::Mail> = std::fs::read_dir(folder)
            .expect("the outbox")
            .map(|file| sink::read(&std::fs::read(file.expect("a file").path()).expect("a mail")))
            .collect();
        assert_eq!(mails.len(), 1);
        assert!(mails[0].id.starts_with("<test-"), "{}", mails[0].id);
        for line in ["Subject: Test: News for Cas", "Hello Cas, there is news."] {
            assert!(mails[0].text.contains(line), "{line}\n{}", mails[0].text);
        }
        assert!(mails[0].text.contains(&format!("To: {}", email_of(Role::Marketer))), "{}", mails[0].text);
        assert_eq!(now(&db, &campaign).state(), State::Draft);
        assert_eq!(sums(&db, &campaign).members(), 0);

        // With the eyes of nobody there is nothing to send; a message that cannot be said says why.
        let nobody = post(&marketer, &server, &format!("{here}/test"), &[("customer", "zzz")]);
        assert!(text(&page(nobody), "#toasts").contains("There is no such customer."));
        let wrong = db.write_now::<_, Trouble>(|conn| {
            use muster::db::schema::campaigns;
            Ok(diesel::update(campaigns::table.find(campaign.id)).set(campaigns::body.eq("{{ x")).execute(conn)?)
        });
        assert_eq!(wrong.expect("it is spoilt"), 1);
        let told = text(&page(post(&marketer, &server, &format!("{here}/test"), &[])), "#toasts");
        assert!(told.contains("was not sent"), "{told}");
    });
}
