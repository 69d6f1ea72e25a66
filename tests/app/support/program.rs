//! The program itself, as a process of its own.

use muster::db::{Address, Db};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// `muster serve` on a database. It is killed, not stopped, when this is dropped.
pub struct Program {
    pub db: Db,
    process: Child,
    site: String,
    _data: tempfile::TempDir,
}

/// Where programs find a database.
pub fn url(db: &Db) -> String {
    match db.address() {
        Address::Postgres(url) => url.clone(),
        Address::Sqlite(path) => path.clone(),
    }
}

impl Program {
    pub fn serve(db: &Db, flags: &[&str]) -> Program {
        Program::serve_at(db, &url(db), flags)
    }

    /// The same, reaching the database by another way.
    pub fn serve_at(db: &Db, url: &str, flags: &[&str]) -> Program {
        // For whoever visits it.
        muster::web::tls::choose();
        let data = tempfile::tempdir().expect("a folder for its files");
        let mut process = Command::new(env!("CARGO_BIN_EXE_muster"))
            .args(["serve", "--listen", "127.0.0.1:0", "--workers", "2", "--data-dir"])
            .arg(data.path())
            .args(flags)
            .env("MUSTER_DATABASE_URL", url)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("muster starts");
        let mut said = BufReader::new(process.stderr.take().expect("its words"));
        let mut line = String::new();
        said.read_line(&mut line).expect("its first words");
        let site = line.trim().rsplit_once(" at ").map(|(_, site)| site.to_string());
        let site = site.unwrap_or_else(|| panic!("it does not serve: {line}"));
        // Whoever reads why a test failed reads this too.
        std::thread::spawn(move || said.lines().map_while(Result::ok).for_each(|line| eprintln!("  {line}")));
        Program { db: db.clone(), process, site, _data: data }
    }

    /// Its address without a slash at the end.
    pub fn site(&self) -> &str {
        &self.site
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site)
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        assert!(self.process.wait().expect("it ends").success(), "it ends well");
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.process.kill().expect("it is killed");
        assert_eq!(self.process.wait().expect("it ends").code(), None, "it had ended by itself");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
