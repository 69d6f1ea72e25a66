//! The line between a program and a PostgreSQL server, which may break in the worst moment: when the server has kept what
//! it was told to, and its word for that is on the way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub struct Line {
    url: String,
    breaks: Arc<AtomicBool>,
    broken: Arc<AtomicUsize>,
}

impl Line {
    /// To the server of this address. It breaks at the end of transactions in which a word was said.
    pub fn to(url: &str, word: &'static str) -> Line {
        let (before, database) = url.rsplit_once('/').expect("an address with a database");
        let (before, server) = before.rsplit_once('@').expect("an address with a name");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let here = listener.local_addr().expect("an address");
        let line = Line { url: format!("{before}@{here}/{database}"), breaks: Arc::default(), broken: Arc::default() };
        let (server, breaks, broken) = (server.to_string(), line.breaks.clone(), line.broken.clone());
        // It is there as long as the tests are.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                connect(client, server, word, breaks.clone(), broken.clone());
            }
        });
        line
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// It breaks at the next of them, once.
    pub fn break_once(&self) {
        self.breaks.store(true, Ordering::Release);
    }

    /// How often it broke.
    pub fn broken(&self) -> usize {
        self.broken.load(Ordering::Acquire)
    }
}

fn connect(
    client: TcpStream,
    server: TcpStream,
    word: &'static str,
    breaks: Arc<AtomicBool>,
    broken: Arc<AtomicUsize>,
) {
    let copy = |stream: &TcpStream| stream.try_clone().expect("the same stream");
    let deaf = Arc::new(AtomicBool::new(false));
    let (from, to, hears) = (copy(&client), copy(&server), deaf.clone());
    std::thread::spawn(move || {
        let mut said = false;
        carry(from, to, |bytes| {
            said = said && !has(bytes, "BEGIN") || has(bytes, word);
            if said && has(bytes, "COMMIT") && breaks.swap(false, Ordering::AcqRel) {
                hears.store(true, Ordering::Release);
                broken.fetch_add(1, Ordering::AcqRel);
            }
            true
        })
    });
    std::thread::spawn(move || carry(server, client, |_| !deaf.load(Ordering::Acquire)));
}

fn has(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|some| some == word.as_bytes())
}

/// Carries bytes as long as each piece may pass.
fn carry(mut from: TcpStream, mut to: TcpStream, mut passes: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !passes(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
