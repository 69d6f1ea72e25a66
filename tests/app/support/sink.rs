//! A mail server of its own, `tests/sink.py`: what it took lies in a folder.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// It stops when this is dropped.
pub struct Sink {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
}

/// A mail as the server took it.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub id: String,
    /// Seconds since 1970.
    pub at: f64,
    pub text: String,
}

impl Sink {
    pub fn start() -> Sink {
        let folder = tempfile::tempdir().expect("a folder for mails");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sink.py");
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the mail server starts; tests/run installs what it needs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its words")).read_line(&mut line).expect("a line");
        let port = line.trim().parse().expect("the port of the mail server");
        Sink { process, folder, port }
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    pub fn mails(&self) -> Vec<Mail> {
        let mut paths: Vec<_> = std::fs::read_dir(self.folder.path())
            .expect("the folder")
            .map(|entry| entry.expect("a file").path())
            .collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
        paths.sort();
        paths.iter().map(|path| read(&std::fs::read(path).expect("a mail"))).collect()
    }

    /// What each address got, in the order of its arrival.
    pub fn by_address(&self) -> HashMap<String, Vec<Mail>> {
        let mut all: HashMap<String, Vec<Mail>> = HashMap::new();
        for mail in self.mails() {
            all.entry(mail.to.clone()).or_default().push(mail);
        }
        all
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A mail of these bytes.
pub fn read(bytes: &[u8]) -> Mail {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let header = |name: &str| {
        let line = text.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_string()
    };
    Mail {
        to: header("X-Got-For:"),
        id: header("Message-ID:"),
        at: header("X-Got-At:").parse().unwrap_or_default(),
        text,
    }
}
