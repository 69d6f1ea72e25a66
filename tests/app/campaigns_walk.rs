//! The story of a campaign in real browsers, over a real mail server: whoever an agent tags in the afternoon gets it in
//! the evening, and whoever leaves gets no other.

use super::support::campaigns::opted_in;
use super::support::for_each_database;
use super::support::sink::{Mail, Sink};
use super::support::walks::{signed_in, walk_with};
use muster::agents::Role;
use std::time::Duration;
use thirtyfour::{Key, TypingData};

/// Five customers with VIP, and Fay without.
const PEOPLE: &str = "name,email,tags,email_opt_in\n\
    Ana,ana@example.com,VIP,yes\nBo,bo@example.com,VIP,yes\nCy,cy@example.com,VIP,yes\n\
    Di,di@example.com,VIP,yes\nEva,eva@example.com,VIP,yes\nFay,fay@example.com,,yes\n";

/// The path of the link to leave by.
fn link(mail: &Mail) -> String {
    let text = mail.text.replace("=\n", "");
    let at = text.find("/unsubscribe/").expect("a link to leave by");
    text[at..].split(['>', '\n', ' ', '"']).next().unwrap_or_default().to_string()
}

/// As many mails as there are after some time without another.
async fn mails(sink: &Sink, least: usize) -> Vec<Mail> {
    for _ in 0..400 {
        if sink.mails().len() >= least {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    sink.mails()
}

#[test]
fn the_sixth_vip_of_the_afternoon_gets_the_mail_leaves_by_one_click_and_gets_no_other() {
    for_each_database(|db| {
        opted_in(&db, PEOPLE);
        let sink = Sink::start();
        let smtp = sink.url();
        walk_with(
            &db,
            |config| {
                config.sending.smtp_url = Some(smtp);
                config.sending.mail_from = "Casa Verde <news@casa-verde.example>".into();
            },
            async |driver, server| {
                // A marketer keeps a segment, in the morning.
                let marketer = signed_in(driver, server, Role::Marketer).await;
                marketer.open("/customers?filter=tags contains VIP").await;
                assert_eq!(marketer.count().await, 5);
                marketer.press("Save as segment").await;
                marketer.fill("#segment-name", "VIP customers").await;
                marketer.press("Save segment").await;
                marketer.sees("h1", "VIP customers").await;

                // She writes to it. What she mistyped is told beside the field, with what there is.
                marketer.press("Campaign").await;
                marketer.sees("h1", "New campaign").await;
                marketer.fill("#name", "Autumn").await;
                marketer.fill("#subject", "Hello {{ customer.nmae }}").await;
                marketer.fill("#body", "Dear {{ customer.name }}, autumn is here.").await;
                marketer.press("Save campaign").await;
                marketer.sees("#reach", "Get it 5").await;
                marketer.open(&marketer.path().await).await;
                marketer.fill("#subject", "Hello {{ customer.name }}").await;
                marketer.press("Save campaign").await;
                marketer.sees("#reach", "Get it 5").await;
                let campaign = marketer.path().await;

                // How Bo would see it, and a mail to herself.
                marketer.press("Preview").await;
                marketer.fill("#customer", "bo@example.com").await;
                marketer.press("Show").await;
                marketer.sees("#subject", "Hello Bo").await;
                marketer.click("#test button").await;
                marketer.sees("#toasts", "A test went to").await;
                let tests = mails(&sink, 1).await;
                assert_eq!(tests.len(), 1);
                assert!(tests[0].text.contains("Subject: Test: Hello Bo"), "{}", tests[0].text);
                assert!(tests[0].to.starts_with("marketer"), "{}", tests[0].to);

                // In the afternoon an agent talks to Fay.
                let agent = signed_in(driver, server, Role::Agent).await;
                agent.open("/customers?q=Fay").await;
                agent.press("Fay").await;
                agent.sees("h1", "Fay").await;
                agent.tab_to("[data-ahead]").await;
                agent.keys(TypingData::from("VIP") + Key::Enter).await;
                agent.reads(".picker .chip", &["VIP"]).await;

                // Nobody does anything, and she is in. Six of all six customers: the number is asked for.
                marketer.open(&campaign).await;
                marketer.sees("#reach", "Get it 6").await;
                marketer.press("Review and send").await;
                marketer.sees("h1", "Send to 6 people").await;
                marketer.fill("#typed", "6").await;
                marketer.press("Send to 6 people").await;
                marketer.sees("#told", "6 of 6").await;
                marketer.until("it is done", async |browser| browser.text(".head .pill").await == "Sent").await;
                let sent = mails(&sink, 7).await.split_off(1);
                let mut to: Vec<&str> = sent.iter().map(|mail| mail.to.split('@').next().unwrap_or_default()).collect();
                to.sort_unstable();
                assert_eq!(to, ["ana", "bo", "cy", "di", "eva", "fay"]);

                // Fay clicks the link in hers, and one button.
                let fays = sent.iter().find(|mail| mail.to.starts_with("fay")).expect("Fay's");
                let fay = driver.browser(&server.site()).await;
                fay.open(&link(fays)).await;
                fay.press("Send me nothing by email").await;
                fay.sees("h1", "It is noted").await;

                // The link in a test is nobody's: whoever tries it decides nothing for Bo.
                fay.open(&link(&tests[0])).await;
                fay.press("Send me nothing by email").await;
                fay.sees("h1", "It is noted").await;

                // The next campaign.
                marketer.press("Copy").await;
                marketer.sees("#reach", "Get it 5").await;
                marketer.sees("#reach", "opted out 1").await;
                marketer.press("Review and send").await;
                marketer.fill("#typed", "5").await;
                marketer.press("Send to 5 people").await;
                marketer.sees("#told", "5 of 6: 1 opted out").await;
                assert_eq!(mails(&sink, 12).await.len(), 12);
                for browser in [marketer, agent, fay] {
                    browser.close().await;
                }
            },
        );
    });
}
