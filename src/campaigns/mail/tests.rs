//! A mail server that is told how to misbehave, and what is made of it.

mod sink;

use super::*;
use crate::campaigns::message::Rendered;
use sink::{Answer, Sink};
use std::{fs, time::Duration, time::Instant};

const ID: &str = "<abc-_1@shop.test>";

fn rendered() -> Rendered {
    Rendered {
        subject: "Grüße an Ana".into(),
        text: ".dot\nHallo ✓\n..two\n".into(),
        html: Some("<p>Hallo</p>".into()),
    }
}

fn envelope(rendered: &Rendered) -> Envelope<'_> {
    Envelope {
        from: "Shop <hello@shop.test>",
        to_name: Some("Ana"),
        to: "ana@example.com",
        rendered,
        message_id: ID,
        unsubscribe_url: "https://shop.test/u/0123456789012345678901234567890123456789012345678901234567890123456789?a=1",
        campaign: 7,
    }
}

fn message() -> Message {
    compose(&envelope(&rendered())).unwrap()
}

fn head(message: &Message) -> String {
    let bytes = String::from_utf8(message.formatted()).unwrap();
    bytes.split_once("\r\n\r\n").unwrap().0.to_string()
}

#[test]
fn an_email_says_in_its_head_what_ours_say() {
    let message = message();
    let head = head(&message);
    let lines: Vec<&str> = head.split("\r\n").collect();
    for line in [
        "From: Shop <hello@shop.test>",
        "To: Ana <ana@example.com>",
        "Message-ID: <abc-_1@shop.test>",
        "List-Unsubscribe: <https://shop.test/u/0123456789012345678901234567890123456789012345678901234567890123456789?a=1>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "X-Muster-Campaign: 7",
        "MIME-Version: 1.0",
    ] {
        assert!(lines.contains(&line), "{line} in {head}");
    }
    assert!(lines.iter().any(|line| line.starts_with("Date: ")), "{head}");
    assert!(lines.iter().any(|line| line.starts_with("Subject: =?utf-8?")), "{head}");
    let bytes = message.formatted();
    assert!(bytes.is_ascii() && String::from_utf8_lossy(&bytes).contains("multipart/alternative"));
    assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.len() < 998));
    let plain = Rendered { html: None, ..rendered() };
    let plain = String::from_utf8(compose(&envelope(&plain)).unwrap().formatted()).unwrap();
    assert!(plain.contains("Content-Type: text/plain; charset=utf-8") && !plain.contains("multipart"), "{plain}");
}

#[test]
fn a_hostile_name_is_encoded_and_never_injected() {
    for name in [
        "Ana\r\nBcc: all@shop.test",
        "Ana\nX-Evil: 1",
        "\"Ana\" <evil@shop.test>, other",
        "Ana\\\" <evil@shop.test>",
        "Änä \u{202e} ✓, \"x\"",
        "\u{0}\u{7f}",
        "",
    ] {
        let rendered = Rendered { subject: format!("Hi {name}"), ..rendered() };
        let message = compose(&Envelope { to_name: Some(name), ..envelope(&rendered) }).unwrap();
        assert_eq!(message.envelope().to().iter().map(ToString::to_string).collect::<Vec<_>>(), ["ana@example.com"]);
        let head = head(&message);
        let names: Vec<&str> = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        let all = [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
            "X-Muster-Campaign",
            "MIME-Version",
            "Content-Type",
        ];
        assert_eq!(names, all, "{name:?}: {head}");
        assert!(!head.replace("\r\n", "").contains(['\r', '\n']) && head.is_ascii(), "{head:?}");
    }
}

#[test]
fn what_cannot_be_an_email_is_told() {
    let rendered = rendered();
    let told = |envelope: Envelope<'_>| compose(&envelope).unwrap_err();
    let right = envelope(&rendered);
    assert!(matches!(told(Envelope { to: "ana@example.com>\r\nRCPT TO:<x@y.test", ..right }), Problem::To(_)));
    assert!(matches!(told(Envelope { to: "nobody", ..right }), Problem::To(_)));
    assert!(matches!(told(Envelope { from: "Shop", ..right }), Problem::From(_)));
    assert!(matches!(
        told(Envelope { unsubscribe_url: "https://x.test/\r\nBcc: a@b.test", ..right }),
        Problem::Header(_)
    ));
    assert!(matches!(told(Envelope { message_id: "<a b>", ..right }), Problem::Header(_)));
}

#[test]
fn an_id_is_the_same_at_each_attempt_and_says_nothing() {
    let id = |key: &str, campaign, customer| message_id(key.as_bytes(), campaign, customer, "shop.test");
    let first = id("key", 1234567, 7654321);
    assert_eq!(first, id("key", 1234567, 7654321));
    assert!(first.starts_with('<') && first.ends_with("@shop.test>") && first.len() == 43 + 12, "{first}");
    for other in [id("key", 7654321, 1234567), id("other", 1234567, 7654321), id("key", 1234567, 7654322)] {
        assert_ne!(first, other);
    }
    assert!(!first.contains("1234567") && !first.contains("7654321"));
}

#[test]
fn whoever_has_the_key_reads_from_an_id_whom_it_was_for_and_nobody_else_makes_one() {
    for (campaign, customer) in [(7, 42), (1, 1), (i64::MAX, i64::MIN)] {
        let id = message_id(b"key", campaign, customer, "shop.test");
        assert_eq!(meant_by(&id, b"key"), Some((campaign, customer)));
        assert_eq!(meant_by(id.trim_matches(['<', '>']), b"key"), Some((campaign, customer)), "without brackets");
        assert_eq!(meant_by(&id.replace("shop.test", "relay.test"), b"key"), Some((campaign, customer)));
        assert_eq!(meant_by(&id, b"other"), None);
        for at in 1..44 {
            let changed: String = id
                .chars()
                .enumerate()
                .map(|(n, c)| if n == at { if c == 'A' { 'B' } else { 'A' } } else { c })
                .collect();
            assert_eq!(meant_by(&changed, b"key"), None, "{changed}");
        }
    }
    for other in ["", "<>", "<@>", "x@y", &"A".repeat(43), &format!("{}@y", "A".repeat(60))] {
        assert_eq!(meant_by(other, b"key"), None, "{other}");
    }
}

/// Bounces come back for days: what an id looks like is a promise.
#[test]
fn an_id_sent_by_an_older_muster_is_still_read() {
    let sent = "<bDdFtILSX1R4oWVK2tpCg_VE_rR1-R6HXl76jSQwIaE@shop.test>";
    assert_eq!(meant_by(sent, b"key"), Some((7, 42)));
    assert_eq!(message_id(b"key", 7, 42, "shop.test"), sent);
}

#[test]
fn the_outbox_holds_a_message_once() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Transport::Outbox(folder.path().join("new"));
    let sent = outbox.send(&message()).unwrap();
    assert_eq!(sent, outbox.send(&message()).unwrap());
    let files: Vec<_> = fs::read_dir(folder.path().join("new/7")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files, [folder.path().join("new/7/abc-_1@shop.test.eml")]);
    assert_eq!(
        head(&message()).lines().count(),
        fs::read_to_string(&files[0]).unwrap().split_once("\r\n\r\n").unwrap().0.lines().count()
    );
    let hostile = compose(&Envelope { message_id: "<../../x/y@z>", ..envelope(&rendered()) }).unwrap();
    assert!(outbox.send(&hostile).unwrap().said.ends_with("new/7/_.._.._x_y@z.eml"), "{:?}", outbox.send(&hostile));
    let nowhere = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(Transport::Outbox(nowhere.path().into()).send(&message()), Err(Failure::Temporary(_))));
}

#[test]
fn a_message_arrives_as_it_was_and_connections_are_kept() {
    let sink = Sink::open([]);
    let smtp = sink.transport();
    for _ in 0..3 {
        assert_eq!(smtp.send(&message()).unwrap().said, "250 2.0.0 kept");
    }
    drop(smtp);
    let seen = sink.close();
    assert_eq!((seen.connections, seen.bodies.len()), (1, 3));
    assert_eq!(seen.commands[1..4], ["MAIL FROM:<hello@shop.test>", "RCPT TO:<ana@example.com>", "DATA"]);
    let sent = String::from_utf8(message().formatted()).unwrap();
    let part = |email: &str| {
        email
            .split_once("Content-Transfer-Encoding")
            .map(|(_, rest)| rest.lines().take(6).collect::<Vec<_>>().join("\n"))
    };
    assert_eq!(part(&seen.bodies[0]), part(&sent));
    let dots = Rendered { subject: "dots".into(), text: ".one\n..two\n.\nthree".into(), html: None };
    let sink = Sink::open([]);
    sink.transport().send(&compose(&envelope(&dots)).unwrap()).unwrap();
    assert!(sink.close().bodies[0].ends_with("\r\n\r\n.one\r\n..two\r\n.\r\nthree\r\n"));
}

/// Which of the three it is.
fn kind(result: Result<Sent, Failure>) -> (&'static str, String) {
    match result {
        Ok(sent) => ("sent", sent.said),
        Err(Failure::Temporary(words)) => ("temporary", words),
        Err(Failure::Permanent(words)) => ("permanent", words),
        Err(Failure::Unknown(words)) => ("unknown", words),
    }
}

#[test]
fn each_way_to_fail_has_its_word() {
    use Answer::{Close, Say, Silence};
    let ways = [
        //  at which command      what the server does                 what that is
        ("greeting", Say("554 5.3.2 go away"), "temporary"),
        ("greeting", Close, "temporary"),
        ("EHLO", Say("550 no"), "temporary"),
        ("MAIL", Say("451 4.7.1 later"), "temporary"),
        // It dislikes the sender: that is about us, not about her.
        ("MAIL", Say("550 5.7.1 not you"), "temporary"),
        ("MAIL", Close, "temporary"),
        ("RCPT", Say("451 4.7.1 greylisted"), "temporary"),
        ("RCPT", Say("550 5.1.1 no such user"), "permanent"),
        ("RCPT", Say("421 4.3.2 closing"), "temporary"),
        ("RCPT", Close, "temporary"),
        ("RCPT", Silence, "temporary"),
        ("DATA", Say("451 later"), "temporary"),
        ("DATA", Say("554 no valid recipients"), "permanent"),
        ("DATA", Say("250 what?"), "temporary"),
        ("DATA", Close, "temporary"),
        ("body", Say("451 4.3.0 disk full"), "temporary"),
        ("body", Say("421 4.3.0 closing"), "temporary"),
        ("body", Say("550 5.7.1 spam"), "permanent"),
        ("body", Say("354 go on"), "unknown"),
        ("body", Say("gibberish"), "unknown"),
        ("body", Close, "unknown"),
        ("body", Silence, "unknown"),
    ];
    for (step, answer, expected) in ways {
        let sink = Sink::open([(step, answer)]);
        let (found, words) = kind(sink.transport().send(&message()));
        println!("{step:9} {answer:?}: {found}: {words}");
        assert_eq!(found, expected, "{step} {answer:?}: {words}");
        match answer {
            Say("gibberish") => assert_eq!(words, "The mail server said something that is no answer."),
            Say(said) => assert_eq!(words, said),
            Close => assert_eq!(words, "The mail server closed the connection."),
            _ => assert_eq!(words, "The mail server gave no answer in time."),
        }
        // Nothing is ever sent twice.
        let seen = sink.close();
        assert!(seen.bodies.len() <= 1, "{step} {answer:?}");
        assert_eq!(seen.connections, 1, "{step} {answer:?}");
    }
}

#[test]
fn nobody_there_is_for_later() {
    let sink = Sink::open([]);
    let smtp = sink.transport();
    sink.close();
    let nobody = "Nobody answers where the mail server should be.".to_string();
    assert_eq!(kind(smtp.send(&message())), ("temporary", nobody));
}

#[test]
fn a_refusal_costs_no_connection() {
    let sink = Sink::open([("RCPT", Answer::Say("550 5.1.1 no such user")), ("body", Answer::Say("554 spam"))]);
    let smtp = sink.transport();
    assert_eq!(kind(smtp.send(&message())).0, "permanent");
    assert_eq!(kind(smtp.send(&message())).0, "permanent");
    assert_eq!(kind(smtp.send(&message())).0, "sent");
    drop(smtp);
    assert_eq!(sink.close().connections, 1);
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_replaced_without_a_word() {
    for gone in [Answer::Close, Answer::Say("421 4.4.2 idle for too long")] {
        let sink = Sink::open([("MAIL", Answer::Fine), ("MAIL", gone)]);
        let smtp = sink.transport();
        assert_eq!(kind(smtp.send(&message())).0, "sent");
        assert_eq!(kind(smtp.send(&message())).0, "sent", "{gone:?}");
        let seen = sink.close();
        assert_eq!((seen.connections, seen.bodies.len()), (2, 2), "{gone:?}");
    }
    // The body was on its way when it closed: that is not tried anew.
    let sink = Sink::open([("body", Answer::Fine), ("body", Answer::Close)]);
    let smtp = sink.transport();
    assert_eq!(kind(smtp.send(&message())).0, "sent");
    assert_eq!(kind(smtp.send(&message())).0, "unknown");
    assert_eq!(sink.close().bodies.len(), 2);
}

#[test]
fn an_email_waits_for_nothing_but_the_server() {
    let sink = Sink::open([]);
    let smtp = sink.transport();
    let message = message();
    smtp.send(&message).unwrap();
    let began = Instant::now();
    (0..100).for_each(|_| drop(smtp.send(&message).unwrap()));
    let took = began.elapsed();
    println!("100 emails over one connection: {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn the_address_of_a_server_is_read() {
    let told = |address: &str| Transport::smtp(address, 1).map(drop).unwrap_err();
    for fine in [
        "smtp://localhost:2525",
        "smtp://[::1]:2525",
        "smtp://user:p%40ss@mail.shop.test?tls=required",
        "smtp://user:pass@127.0.0.1:25",
        "smtp://user:pass@mail:25?tls=none",
        "smtp://mail.shop.test/our.name?tls=opportunistic",
        "smtps://user:pass@mail.shop.test",
    ] {
        assert!(Transport::smtp(fine, 1).is_ok(), "{fine}");
    }
    assert!(told("smtp://user:pass@mail.shop.test").contains("travel in clear"));
    assert!(told("https://mail.shop.test").contains("not https://"));
    assert!(told("smtp://mail.shop.test?tls=maybe").contains("tls=maybe"));
    assert!(told("mail.shop.test").contains("cannot be read"));
    assert!(told("smtps://mail.shop.test?ca=/nowhere.pem").contains("/nowhere.pem cannot be read"));
}

#[test]
fn letters_beyond_ascii_in_an_address_go_where_they_are_understood() {
    let rendered = rendered();
    let message = compose(&Envelope { to: "änä@exämple.com", ..envelope(&rendered) }).unwrap();
    let sink = Sink::open([]);
    let (found, words) = kind(sink.transport().send(&message));
    assert!(found == "permanent" && words.contains("SMTPUTF8"), "{found}: {words}");
    let sink = Sink::open([("EHLO", Answer::Say("250-sink\r\n250 SMTPUTF8"))]);
    assert_eq!(kind(sink.transport().send(&message)).0, "sent");
    assert!(sink.close().commands.contains(&"MAIL FROM:<hello@shop.test> SMTPUTF8".into()));
}

#[test]
fn many_threads_send_with_one_transport() {
    fn shared<T: Send + Sync>() {}
    shared::<Transport>();
    shared::<crate::campaigns::message::Prepared<'_>>();
    let (sink, message) = (Sink::open([]), message());
    let smtp = sink.transport();
    std::thread::scope(|scope| {
        (0..8).for_each(|_| drop(scope.spawn(|| (0..25).for_each(|_| drop(smtp.send(&message).unwrap())))));
    });
    drop(smtp);
    let seen = sink.close();
    assert_eq!(seen.bodies.len(), 200);
    assert!(seen.connections >= 1, "{}", seen.connections);
}
