//! A mail server on a port of its own that takes everything, but for what it is told.

use super::super::{Transport, pool::Pool, server::Server};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::{thread, thread::JoinHandle, time::Duration};

#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Fine,
    Say(&'static str),
    Close,
    /// No answer for longer than anybody waits.
    Silence,
}

#[derive(Default)]
pub struct Seen {
    pub connections: usize,
    pub commands: Vec<String>,
    pub bodies: Vec<String>,
}

struct Plan {
    /// At which command to do what, each once, in this order.
    answers: Vec<(&'static str, Answer)>,
    seen: Seen,
    open: bool,
}

pub struct Sink {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    thread: JoinHandle<()>,
}

impl Sink {
    pub fn open<const N: usize>(answers: [(&'static str, Answer); N]) -> Sink {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let plan = Arc::new(Mutex::new(Plan { answers: answers.to_vec(), seen: Seen::default(), open: true }));
        let theirs = plan.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if !theirs.lock().unwrap().open {
                    return;
                }
                theirs.lock().unwrap().seen.connections += 1;
                let plan = theirs.clone();
                thread::spawn(move || talk(stream.unwrap(), &plan));
            }
        });
        Sink { address, plan, thread }
    }

    /// Patient for a moment only.
    pub fn transport(&self) -> Transport {
        let server = Server::parse(&format!("smtp://{}", self.address)).unwrap();
        Transport::Smtp(Pool::new(server, 4).hurried(Duration::from_millis(500)))
    }

    /// What was seen; nobody answers any more.
    pub fn close(self) -> Seen {
        self.plan.lock().unwrap().open = false;
        drop(TcpStream::connect(self.address));
        self.thread.join().unwrap();
        std::mem::take(&mut self.plan.lock().unwrap().seen)
    }
}

impl Plan {
    fn answer(&mut self, step: &str) -> Answer {
        match self.answers.iter().position(|(at, _)| *at == step) {
            Some(at) => self.answers.remove(at).1,
            None => Answer::Fine,
        }
    }
}

fn talk(mut stream: TcpStream, plan: &Mutex<Plan>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut step = "greeting".to_string();
    loop {
        let answer = plan.lock().unwrap().answer(&step);
        let words = match (answer, step.as_str()) {
            (Answer::Close, _) => return,
            (Answer::Silence, _) => return thread::sleep(Duration::from_secs(2)),
            (Answer::Say(words), _) => words,
            (Answer::Fine, "greeting") => "220 sink",
            (Answer::Fine, "DATA") => "354 go on",
            (Answer::Fine, "body") => "250 2.0.0 kept",
            (Answer::Fine, "QUIT") => "221 bye",
            (Answer::Fine, _) => "250 fine",
        };
        let closing = words.starts_with("421") || step == "QUIT";
        if stream.write_all(format!("{words}\r\n").as_bytes()).is_err() || closing {
            return;
        }
        step = match step == "DATA" && words.starts_with("354") {
            true => match body(&mut lines) {
                Some(body) => {
                    plan.lock().unwrap().seen.bodies.push(body);
                    "body".into()
                }
                None => return,
            },
            false => match line(&mut lines) {
                Some(command) => {
                    plan.lock().unwrap().seen.commands.push(command.clone());
                    command.split([' ', ':']).next().unwrap_or_default().to_string()
                }
                None => return,
            },
        };
    }
}

fn line(lines: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = lines.read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_string())
}

/// Up to the lonely dot, without the dots that were added on the way.
fn body(lines: &mut BufReader<TcpStream>) -> Option<String> {
    let mut body = String::new();
    loop {
        match line(lines)?.as_str() {
            "." => return Some(body),
            line => body.push_str(&format!("{}\r\n", line.strip_prefix('.').unwrap_or(line))),
        }
    }
}
