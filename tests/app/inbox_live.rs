//! What is seen at once: the seed story in two browsers and a page with the chat; and how streams end.

use super::support::walks::{signed_in, walk};
use super::support::*;
use muster::agents::Role;
use muster::segments::{Kind, Segment, Wish};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use thirtyfour::{Key, TypingData};

/// A static page of another site with the one line in it, served for as long as the test runs.
fn shop(muster: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let site = format!("http://{}", listener.local_addr().expect("an address"));
    let html = format!(
        "<!doctype html><html lang=en><link rel=icon href=data:,><title>Shop</title><h1>Shop</h1>\
         <script src=\"{muster}/chat.js\" async></script>"
    );
    std::thread::spawn(move || {
        for mut visitor in listener.incoming().flatten() {
            let _ = visitor.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", html.len());
            let _ = visitor.write_all(format!("{head}{html}").as_bytes());
        }
    });
    site
}

/// What a script in the widget's own tree says.
const WIDGET: &str = "const widget = document.querySelector('#muster-chat').shadowRoot;";

#[test]
fn a_visitor_writes_an_agent_tags_her_with_two_letters_and_the_marketer_sees_one_more() {
    for_each_database(|db| {
        world(&db);
        db.write_now::<_, muster::segments::Problem>(|conn| {
            let rule = muster::filters::Rule::read("tags contains VIP", muster::filters::fields::Fields::built_in());
            let wish = Wish {
                name: "VIP customers".into(),
                kind: Kind::Dynamic,
                rule: Some(rule.expect("a filter")),
                private: false,
            };
            Segment::create(&wish, &muster::agents::Caller::command_line(), conn, &clock()).map(drop)
        })
        .expect("a segment");
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            marketer.open_segment("VIP customers").await;
            marketer.sees("#segment-count", "3customers").await;
            let agent = signed_in(driver, server, Role::Agent).await;
            agent.open("/inbox").await;
            agent.sees("#list", "Nobody waits for an answer").await;

            let visitor = driver.browser(&shop(&server.site())).await;
            visitor.open("/").await;
            visitor.find("#muster-chat").await;
            let write = format!(
                "{WIDGET} widget.querySelector('.open').click(); widget.querySelector('#name').value = 'Nia Ras';\
                 widget.querySelector('#email').value = 'nia@example.com';\
                 widget.querySelector('#text').value = 'Do you have snow shoes?'; widget.querySelector('form button').click();"
            );
            let wrote = Instant::now();
            visitor.driver.execute(write, vec![]).await.expect("she writes");
            agent.sees("#convs", "Nia Ras").await;
            // A second, and what two busy databases and three browsers on a small machine add to it.
            assert!(wrote.elapsed() < Duration::from_secs(5), "it took {:?}", wrote.elapsed());
            agent.sees("#unread", "1").await;

            // No mouse: to the conversation, two letters, Enter, an answer.
            agent.keys(TypingData::from("j") + Key::Enter).await;
            agent.sees("#thread", "Do you have snow shoes?").await;
            agent.keys("t").await;
            agent.keys(TypingData::from("vi") + Key::Enter).await;
            agent.reads("#beside .picker .chip", &["VIP"]).await;
            marketer.sees("#segment-count", "4customers").await;
            marketer.lists("Ana, Cy, Eva, Nia Ras").await;
            agent.keys(Key::Escape + "").await;
            agent.keys("r").await;
            agent.keys("From size 36 on.").await;
            agent.keys(Key::Control + Key::Enter).await;
            agent.sees("#thread", "From size 36 on.").await;
            visitor
                .until("the visitor is answered", async |browser| {
                    let read = format!("{WIDGET} return widget.querySelector('.log').textContent");
                    let said = browser.driver.execute(read, vec![]).await.expect("the log");
                    said.json().as_str().is_some_and(|said| said.contains("From size 36 on."))
                })
                .await;
            // She comes back to the page, and is known.
            visitor.open("/").await;
            visitor
                .until("she is remembered", async |browser| {
                    let read = format!("{WIDGET} return widget.querySelector('.log').textContent");
                    let said = browser.driver.execute(read, vec![]).await;
                    said.is_ok_and(|said| said.json().as_str().is_some_and(|said| said.contains("snow shoes")))
                })
                .await;
            agent.keys(Key::Escape + "").await;
            agent.keys("?").await;
            agent.sees("#keymap", "two letters, then Enter").await;
            for browser in [agent, marketer, visitor] {
                assert_eq!(browser.complaints().await, [""; 0]);
                browser.close().await;
            }
        });
    });
}

#[test]
fn what_another_process_writes_is_told_and_a_server_with_open_streams_stops_calmly() {
    for_each_database(|db| {
        let people = world(&db);
        let mut program = Program::serve(&db, &[]);
        let agent = program.signed_in(Role::Agent);
        let mut streams: Vec<_> =
            (0..20).map(|_| agent.get(program.url("/events")).send().expect("a stream")).collect();
        let mut first = [0; 200];
        let read = streams[0].read(&mut first).expect("its beginning");
        assert!(String::from_utf8_lossy(&first[..read]).contains("\"customers\":null"), "whatever happened before");
        std::thread::sleep(Duration::from_millis(600));
        // This is another process than the one that serves.
        let id = db
            .write_now::<_, muster::db::Trouble>(|conn| {
                Ok(talk(people.bo, "chat", "open", None, clock().stamp(), conn))
            })
            .expect("a conversation");
        let began = Instant::now();
        let mut heard = String::new();
        while !heard.contains(&format!("\"conversations\":[{id}]")) {
            let read = streams[0].read(&mut first).expect("news");
            heard.push_str(&String::from_utf8_lossy(&first[..read]));
            assert!(began.elapsed() < Duration::from_secs(5), "{heard}");
        }
        assert!(heard.contains(&format!("\"customers\":[{}]", people.bo)), "{heard}");

        let asked = Instant::now();
        program.stop();
        assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
        let mut rest = Vec::new();
        assert!(streams[0].read_to_end(&mut rest).is_ok(), "the stream ends, and does not break");
    });
}
