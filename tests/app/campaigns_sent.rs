//! Campaigns on their way: to a mail server, into the outbox, and what those who get them do.

use super::support::campaigns::*;
use super::support::pages::*;
use super::support::sink::{self, Sink};
use super::support::*;
use muster::agents::Role;
use muster::campaigns::recipients::{Recipient, Status};
use muster::campaigns::{Campaign, State};
use muster::customers::{Channel, Consents};
use muster::db::{Db, Trouble};
use std::time::Duration;

/// People called by the beginning of their address, who want mail.
fn people(db: &Db, names: &[&str]) {
    let lines: String = names.iter().map(|name| format!("{name},{name}@example.com,VIP,yes\n")).collect();
    opted_in(db, &format!("name,email,tags,email_opt_in\n{lines}"));
}

fn status(db: &Db, campaign: &Campaign, name: &str) -> Recipient {
    let all = db
        .read_now::<_, Trouble>(|conn| Ok(Recipient::list(campaign.id, None, None, 0, 100, conn)?))
        .expect("recipients");
    all.into_iter().find(|one| one.name.as_deref() == Some(name)).expect("her")
}

#[test]
fn a_mail_server_that_refuses_delays_and_drops_is_taken_at_its_word() {
    for_each_database(|db| {
        people(&db, &["ada", "bea", "busy", "dropped", "refused", "slow"]);
        let sink = Sink::start();
        let _server = Server::start_with(&db, |config| {
            config.sending.smtp_url = Some(sink.url());
            config.sending.mail_from = "Casa Verde <news@casa-verde.example>".into();
            config.sending.retry_after = 1;
        });
        let campaign = email_to(&db, "News", "tags contains VIP");
        launch(&db, &campaign).expect("it goes");
        done(&db, &campaign);
        let mails = sink.mails();
        let mut got: Vec<&str> = mails.iter().map(|mail| mail.to.as_str()).collect();
        got.sort_unstable();
        let expected =
            ["ada@example.com", "bea@example.com", "busy@example.com", "dropped@example.com", "slow@example.com"];
        assert_eq!(got, expected, "each of them once");
        let ada = mails.iter().find(|mail| mail.to.starts_with("ada")).expect("Ada's");
        for line in
            ["Subject: News for ada", "Hello ada, there is news.", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]
        {
            assert!(ada.text.contains(line), "{line}\n{}", ada.text);
        }
        assert!(ada.text.contains("casa-verde.example"), "{}", ada.text);
        assert_eq!(status(&db, &campaign, "ada").status(), Status::Sent);
        let busy = status(&db, &campaign, "busy");
        assert_eq!((busy.status(), busy.attempts), (Status::Sent, 2));
        let refused = status(&db, &campaign, "refused");
        assert_eq!(refused.status(), Status::Failed);
        assert!(refused.said.as_deref().unwrap_or_default().contains("no such mailbox"), "{refused:?}");
        assert_eq!(status(&db, &campaign, "dropped").status(), Status::Uncertain);
        let sums = sums(&db, &campaign);
        assert_eq!((sums.members(), sums.with(Status::Sent)), (6, 4));
    });
}

/// The path of the link to leave by.
fn link(mail: &str) -> String {
    let at = mail.find("/unsubscribe/").expect("a link to leave by");
    mail[at..].split(['>', '\n', ' ', '"']).next().unwrap_or_default().replace("=\n", "")
}

/// The mails in the outbox, of one campaign.
fn outbox(server: &Server, campaign: i64) -> Vec<sink::Mail> {
    let folder = server.outbox().join(campaign.to_string());
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    files.map(|file| sink::read(&std::fs::read(file.expect("a file").path()).expect("a mail"))).collect()
}

#[test]
fn a_marketer_writes_it_looks_at_the_sums_and_sends_and_somebody_leaves() {
    for_each_database(|db| {
        people(&db, &["ada", "bea", "cas", "dan", "eli"]);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let agent = server.program(Role::Agent);
        let segment = save(
            &marketer,
            &server,
            &[("name", "VIP customers"), ("filter", "tags contains VIP"), ("kind", "dynamic")],
        );
        let segment = segment.rsplit('/').next().expect("a number").to_string();

        // The agent tags a sixth during the afternoon.
        opted_in(&db, "name,email,email_opt_in\nfay,fay@example.com,yes\n");
        let fay = agent.put(server.url("/api/v1/customers/6/tags/VIP")).send().expect("an answer");
        assert!(fay.status().is_success());

        let form = |subject: &str, version: &str| {
            vec![
                ("name", "Autumn".to_string()),
                ("channel", "email".to_string()),
                ("include", segment.clone()),
                ("subject", subject.to_string()),
                ("body", "Hello {{ customer.name }}".to_string()),
                ("html", "<p>Hello <b>{{ customer.name }}</b><script>alert(1)</script></p>".to_string()),
                ("version", version.to_string()),
            ]
        };
        let written = marketer
            .post(server.url("/campaigns"))
            .form(&form("Hi {{ customer.nmae }}", ""))
            .send()
            .expect("an answer");
        let here = written.url().path().to_string();
        assert_eq!(written.status(), 200);
        // What cannot be sent is told where it stands, and nothing is sent.
        let ask = page(get(&marketer, &server, &format!("{here}/launch")));
        assert!(text(&ask, ".note-bad").contains("no field customer.nmae"), "{}", text(&ask, ".note-bad"));
        let mended =
            marketer.post(server.url(&here)).form(&form("Hi {{ customer.name }}", "1")).send().expect("an answer");
        assert_eq!(mended.status(), 200);
        let sums = page(get(&marketer, &server, &format!("{here}/audience")));
        assert!(text(&sums, "dl.sum").contains("Get it6"), "{}", text(&sums, "dl.sum"));
        // Each number leads to the people it counts.
        let links: Vec<String> = attrs(&sums, "dl.sum a", "href");
        let all = page(get(&marketer, &server, links.last().expect("a link to all of them")));
        assert_eq!(names(&all), "ada, bea, cas, dan, eli, fay");
        let shown = page(get(&marketer, &server, &format!("{here}/preview?customer=fay@example.com")));
        assert_eq!(text(&shown, "#subject"), "Hi fay");
        let framed = get(&marketer, &server, &format!("{here}/preview/html?customer=fay@example.com"));
        let policy = framed.headers()["content-security-policy"].to_str().expect("a policy").to_string();
        assert!(policy.contains("sandbox") && !policy.contains("script"), "{policy}");
        assert!(!framed.text().expect("a page").contains("<script"));

        let ask = page(get(&marketer, &server, &format!("{here}/launch")));
        assert!(text(&ask, "h1").contains("6 people"));
        // Six of six: the number has to be typed.
        let hasty = fill(&marketer, &server, &ask, "#launch", &[]);
        assert_eq!(hasty.status(), 422);
        let sent = fill(&marketer, &server, &ask, "#launch", &[("typed", "6")]);
        assert_eq!(sent.url().path(), here);
        let campaign = db.read_now::<_, Trouble>(|conn| Ok(Campaign::list(conn)?)).expect("campaigns").remove(0);
        done(&db, &campaign);
        let mails = outbox(&server, campaign.id);
        assert_eq!(mails.len(), 6);
        let report = page(get(&marketer, &server, &here));
        assert!(text(&report, "#told").starts_with("6 of 6"), "{}", text(&report, "#told"));

        // Fay leaves by the link: looking changes nothing, one request of her mail program does.
        let fays = mails.iter().find(|mail| mail.text.contains("fay@example.com")).expect("Fay's");
        let link = link(&fays.text.replace("=\n", ""));
        let stranger = visitor();
        let said = || {
            let all = db.read_now::<_, Trouble>(|conn| Ok(Consents::of(6, conn)?)).expect("consents");
            all.get(Channel::Email).key()
        };
        assert_eq!(get(&stranger, &server, &link).status(), 200);
        assert_eq!(said(), "opted_in");
        let program = reqwest::blocking::Client::new();
        let left =
            program.post(server.url(&link)).form(&[("List-Unsubscribe", "One-Click")]).send().expect("an answer");
        assert_eq!((left.status().as_u16(), said()), (200, "opted_out"));
        assert_eq!(get(&stranger, &server, &format!("{link}x")).status(), 404, "a link of somebody's own making");

        let copied = post(&marketer, &server, &format!("{here}/copy"), &[]);
        let next = copied.url().path().to_string();
        let sums = text(&page(get(&marketer, &server, &format!("{next}/audience"))), "dl.sum");
        assert_eq!(sums, "Get it5opted out1In the audience6");
        let ask = page(get(&marketer, &server, &format!("{next}/launch")));
        fill(&marketer, &server, &ask, "#launch", &[("typed", "5")]);
        let again = db.read_now::<_, Trouble>(|conn| Ok(Campaign::list(conn)?)).expect("campaigns").remove(0);
        done(&db, &again);
        let report = page(get(&marketer, &server, &next));
        assert!(text(&report, "#told").starts_with("5 of 6: 1 opted out"), "{}", text(&report, "#told"));
        assert_eq!(outbox(&server, again.id).len(), 5);
    });
}

#[test]
fn it_waits_while_it_is_paused_and_whoever_waits_when_it_is_stopped_gets_nothing() {
    for_each_database(|db| {
        people(&db, &["slow1", "slow2", "slow3", "slow4", "slow5", "slow6"]);
        let sink = Sink::start();
        let server = Server::start_with(&db, |config| {
            config.sending.smtp_url = Some(sink.url());
            config.sending.senders = 1;
        });
        let marketer = server.signed_in(Role::Marketer);
        let campaign = email_to(&db, "News", "tags contains VIP");
        launch(&db, &campaign).expect("it goes");
        until(&db, &campaign, "nothing goes", |campaign| sums(&db, campaign).with(Status::Sent) > 0);
        post(&marketer, &server, &format!("/campaigns/{}/pause", campaign.id), &[]);
        until(&db, &campaign, "it goes on", |campaign| sums(&db, campaign).with(Status::Sending) == 0);
        let paused = sums(&db, &campaign);
        std::thread::sleep(Duration::from_millis(800));
        assert_eq!(sums(&db, &campaign), paused, "nothing happens meanwhile");
        assert!(paused.with(Status::Waiting) > 0);
        post(&marketer, &server, &format!("/campaigns/{}/resume", campaign.id), &[]);
        until(&db, &campaign, "it does not go on", |campaign| {
            sums(&db, campaign).with(Status::Sent) > paused.with(Status::Sent)
        });
        post(&marketer, &server, &format!("/campaigns/{}/cancel", campaign.id), &[]);
        until(&db, &campaign, "somebody is on the way", |campaign| sums(&db, campaign).with(Status::Sending) == 0);
        let sums = sums(&db, &campaign);
        assert_eq!(now(&db, &campaign).state(), State::Cancelled);
        assert_eq!(sums.with(Status::Sent) as usize, sink.mails().len());
        assert_eq!(sums.with(Status::Sent) + sums.with(Status::Cancelled), 6);
        assert!(sums.with(Status::Cancelled) > 0);
    });
}

#[test]
fn it_goes_out_at_its_time_or_is_held_for_a_person() {
    for_each_database(|db| {
        people(&db, &["ada", "bea"]);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let campaign = email_to(&db, "Tomorrow", "tags contains VIP");
        let here = format!("/campaigns/{}", campaign.id);
        let ask = page(get(&marketer, &server, &format!("{here}/launch")));
        let fields = fields(&ask, "#launch");
        let later = |form: &[(String, String)], at: &str| {
            let mut form = form.to_vec();
            form.retain(|(name, _)| name != "send_at" && name != "typed");
            form.extend([("send_at".to_string(), at.to_string()), ("typed".to_string(), "2".to_string())]);
            marketer.post(server.url(&format!("{here}/schedule"))).form(&form).send().expect("an answer")
        };
        let past = later(&fields, "2020-01-01T09:00");
        assert_eq!(past.status(), 422);
        assert!(text(&page(past), ".note-bad").contains("That is over"));
        let shown = later(&fields, "2100-01-01T09:00");
        assert_eq!(shown.url().path(), here);
        assert!(text(&page(shown), "#goes").contains("1 Jan 2100"));
        assert_eq!(now(&db, &campaign).state(), State::Scheduled);

        // Its time comes, and there are twice as many.
        let due = || {
            use diesel::prelude::*;
            use muster::db::schema::campaigns;
            let past = chrono::Utc::now().naive_utc() - chrono::TimeDelta::seconds(1);
            db.write_now::<_, Trouble>(|conn| {
                let one = campaigns::table.find(campaign.id);
                diesel::update(one).set(campaigns::send_at.eq(past)).execute(conn)?;
                Ok(())
            })
            .expect("its time comes");
        };
        people(&db, &["cas", "dan"]);
        due();
        let held = until(&db, &campaign, "it is not held", |campaign| campaign.state() == State::Held);
        assert!(held.why.as_deref().unwrap_or_default().contains("was to go to 2"), "{held:?}");
        assert!(text(&page(get(&marketer, &server, &here)), ".note-warn").contains("it would go to 4"));
        assert!(outbox(&server, campaign.id).is_empty());

        // Somebody looks at it and agrees to four; then it goes by itself.
        let ask = page(get(&marketer, &server, &format!("{here}/launch")));
        let mut form = super::support::pages::fields(&ask, "#launch");
        form.retain(|(name, _)| name != "send_at" && name != "typed");
        form.extend([("send_at".to_string(), "2100-01-01T09:00".into()), ("typed".to_string(), "4".to_string())]);
        marketer.post(server.url(&format!("{here}/schedule"))).form(&form).send().expect("an answer");
        due();
        done(&db, &campaign);
        assert_eq!(outbox(&server, campaign.id).len(), 4);
        assert_eq!(now(&db, &campaign).launched_by.as_deref(), Some("Mara Marketer"));
    });
}
