//! Against a server of a few lines on this machine. Nothing else is ever connected to.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

/// What the server got: its headers in lower case, and its body.
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_string()),
        }
    }
    let line = lines.first()?.clone();
    let headers: Vec<_> =
        lines.iter().filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_string())).collect();
    let mut request = Request { line, headers, body: String::new() };
    let mut body = vec![0; request.header("content-length").parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}

/// Answers each request with the same text and closes; an empty answer only closes. It ends with the test.
fn server(answer: impl Into<String>) -> (u16, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    let answer = answer.into();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Some(request) = read(&stream) else { continue };
            let _ = stream.write_all(answer.as_bytes());
            if tell.send(request).is_err() {
                break;
            }
        }
    });
    (port, told)
}

fn answer(status: &str, rest: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{rest}")
}

fn gateway(port: u16) -> Gateway {
    Gateway::new(&format!("http://127.0.0.1:{port}/sms?from=7"), "a secret", vec!["127.0.0.1".into()]).unwrap()
}

fn message() -> Outgoing<'static> {
    let sent_at = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap().naive_utc();
    let text = "Hej “Ana” 👋\nline two";
    Outgoing { id: "m-42.7", about: About::Campaign(3), channel: Channel::Sms, to: "+46701234567", text, sent_at }
}

fn outcome(of: impl Into<String>) -> Result<Sent, Failure> {
    let (port, _told) = server(of);
    gateway(port).send(&message())
}

#[test]
fn the_gateway_gets_what_was_sent_and_can_check_who_sent_it() {
    let (port, told) = server(answer("202 Accepted", "Content-Length: 8\r\n\r\nqueued 1"));
    assert_eq!(gateway(port).send(&message()), Ok(Sent { said: "202 Accepted: queued 1".into() }));
    let request = told.recv().unwrap();
    assert_eq!(request.line, "POST /sms?from=7 HTTP/1.1");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("idempotency-key"), "m-42.7");
    assert_eq!(request.header("user-agent"), "Muster");
    assert_eq!(request.header("host"), format!("127.0.0.1:{port}"));
    let expected = serde_json::json!({
        "id": "m-42.7", "campaign": 3, "channel": "sms", "to": "+46701234567", "text": "Hej “Ana” 👋\nline two",
        "sent_at": "2026-09-21T14:13:20Z",
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&request.body).unwrap(), expected);
    // As the gateway checks it: from what it got and the secret alone.
    let (seconds, signed) = request.header("muster-signature").split_once(",v1=").unwrap();
    let seconds = seconds.strip_prefix("t=").unwrap();
    assert_eq!(seconds, "1790000000");
    assert_eq!(signed, hex(&mac(b"a secret", &[format!("{seconds}.{}", request.body).as_bytes()])));
    assert_ne!(signed, hex(&mac(b"another secret", &[format!("{seconds}.{}", request.body).as_bytes()])));
}

#[test]
fn a_signature_can_be_checked_by_anybodys_tools() {
    // printf '1790000000.{}' | openssl dgst -sha256 -hmac 'a secret'
    assert_eq!(
        signature("a secret", 1_790_000_000, "{}"),
        "t=1790000000,v1=a462bf336150a3e5b1e218cdb22a7d4b13abb93f56d25ceba0042b0f6e823ca1"
    );
}

#[test]
fn what_others_sign_counts_for_this_body_this_secret_and_this_moment() {
    let signature = signature("a secret", 1_790_000_000, "{}");
    let counts = |signature: &str, secret, now, body: &[u8]| is_signed(signature, secret, now, body);
    assert!(counts(&signature, "a secret", 1_790_000_000, b"{}"));
    assert!(counts(
        &signature.to_uppercase().replace("T=", "t=").replace("V1", "v1"),
        "a secret",
        1_790_000_300,
        b"{}"
    ));
    assert!(counts(&format!(" {signature}\n"), "a secret", 1_789_999_700, b"{}"));
    assert!(!counts(&signature, "a secret", 1_790_000_301, b"{}"), "kept and sent again");
    assert!(!counts(&signature, "a secret", 1_789_999_699, b"{}"), "from the future");
    assert!(!counts(&signature, "another", 1_790_000_000, b"{}"));
    assert!(!counts(&signature, "a secret", 1_790_000_000, b"{} "));
    let later = signature.replace("t=1790000000", "t=1790000001");
    assert!(!counts(&later, "a secret", 1_790_000_000, b"{}"), "the time is signed too");
    for other in ["", "t=", "t=1790000000", "t=1790000000,v1=", "v1=ab,t=1", "t=x,v1=y", &signature[..40]] {
        assert!(!counts(other, "a secret", 1_790_000_000, b"{}"), "{other}");
    }
    assert!(!counts(&format!("t={},v1=00", i64::MIN), "a secret", i64::MAX, b""));
}

#[test]
fn the_status_says_what_follows() {
    for (status, kind) in [
        ("200 OK", "sent"),
        ("204 No Content", "sent"),
        ("301 Moved Permanently", "permanent"),
        ("304 Not Modified", "permanent"),
        ("400 Bad Request", "permanent"),
        ("401 Unauthorized", "permanent"),
        ("404 Not Found", "permanent"),
        ("408 Request Timeout", "temporary"),
        ("409 Conflict", "permanent"),
        ("425 Too Early", "temporary"),
        ("429 Too Many Requests", "temporary"),
        ("500 Internal Server Error", "temporary"),
        ("503 Service Unavailable", "temporary"),
        ("599 Whatever", "temporary"),
        ("600 Never Heard Of", "unknown"),
    ] {
        let (found, said) = match outcome(answer(status, "\r\n")) {
            Ok(sent) => ("sent", sent.said),
            Err(Failure::Temporary(said)) => ("temporary", said),
            Err(Failure::Permanent(said)) => ("permanent", said),
            Err(Failure::Unknown(said)) => ("unknown", said),
        };
        assert_eq!((found, &said[..3]), (kind, &status[..3]), "{said}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let (elsewhere, visited) = server(answer("200 OK", "\r\n"));
    for status in ["302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let there = format!("Location: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
        assert!(matches!(outcome(answer(status, &there)), Err(Failure::Permanent(said)) if said.starts_with("30")));
    }
    assert!(visited.try_recv().is_err());
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let sent = outcome(answer("200 OK", &format!("\r\n{}", "long ".repeat(1_000_000)))).unwrap();
    assert!(sent.said.chars().count() < 520, "{}", sent.said.len());
    // One that breaks off was an answer all the same.
    let sent = outcome(answer("200 OK", "Content-Length: 900\r\n\r\nhalf of")).unwrap();
    assert!(sent.said.starts_with("200 OK"), "{}", sent.said);
}

#[test]
fn a_gateway_that_says_nothing_leaves_the_fate_open() {
    for broken in ["", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-", "what?\r\n\r\n"] {
        assert!(matches!(outcome(broken), Err(Failure::Unknown(_))), "{broken:?}: {:?}", outcome(broken));
    }
    // Takes the message and thinks about it for longer than anybody waits.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut slow = gateway(listener.local_addr().unwrap().port());
    slow.whole = Duration::from_millis(200);
    assert_eq!(slow.send(&message()), Err(Failure::Unknown("The gateway did not answer in time.".into())));
}

/// It may drip its answer for ever, and holds nobody up for longer than it may think.
#[test]
fn a_gateway_that_never_ends_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut gateway = gateway(listener.local_addr().unwrap().port());
    gateway.whole = Duration::from_millis(300);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read(&stream).unwrap();
        stream.write_all(answer("200 OK", "\r\nqueued").as_bytes()).unwrap();
        while stream.write_all(b".").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let started = std::time::Instant::now();
    let sent = gateway.send(&message()).unwrap();
    assert!(sent.said.starts_with("200 OK: queued."), "{}", sent.said);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[test]
fn a_gateway_that_is_not_there_may_come_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let failure = gateway(port).send(&message()).unwrap_err();
    assert!(matches!(&failure, Failure::Temporary(said) if said.contains("refused")), "{failure:?}");
    // Nor did anybody get the message who does not speak TLS.
    let (port, told) = server(answer("200 OK", "\r\n"));
    let tls = Gateway::new(&format!("https://127.0.0.1:{port}/"), "a secret", vec!["127.0.0.1".into()]).unwrap();
    let failure = tls.send(&message()).unwrap_err();
    assert!(matches!(failure, Failure::Temporary(_)), "{failure:?}");
    assert!(told.try_recv().is_err());
    // Nor one who is connected to and then says nothing of encryption.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let mut tls = Gateway::new(&url, "a secret", vec!["127.0.0.1".into()]).unwrap();
    tls.connect = Duration::from_millis(200);
    let failure = tls.send(&message()).unwrap_err();
    assert!(matches!(failure, Failure::Temporary(_)), "{failure:?}");
}

#[test]
fn a_host_inside_is_refused_when_typed_and_when_looked_up() {
    for url in ["https://127.0.0.1/", "https://127.1:1/", "https://[::ffff:127.0.0.1]/", "http://localhost/"] {
        assert!(Gateway::new(url, "a secret", vec![]).is_err(), "{url}");
    }
    let (port, told) = server(answer("200 OK", "\r\n"));
    // A name like others: what it leads to is known when it is looked up, and then nobody connects to it.
    let named = Gateway::new(&format!("https://localhost:{port}/"), "a secret", vec!["127.0.0.1".into()]).unwrap();
    let failure = named.send(&message()).unwrap_err();
    assert!(matches!(&failure, Failure::Permanent(said) if said.contains("not a public address")), "{failure:?}");
    assert!(told.try_recv().is_err());
    let allowed = Gateway::new(&format!("http://localhost:{port}/"), "a secret", vec!["localhost".into()]).unwrap();
    assert!(allowed.send(&message()).is_ok());
}

#[test]
fn a_message_that_cannot_be_written_is_not_tried_again() {
    let (port, told) = server(answer("200 OK", "\r\n"));
    let failure = gateway(port).send(&Outgoing { id: "two\nlines", ..message() }).unwrap_err();
    assert!(matches!(failure, Failure::Permanent(_)), "{failure:?}");
    assert!(told.try_recv().is_err());
    assert!(Gateway::new("https://example.com/", "", vec![]).is_err());
}
