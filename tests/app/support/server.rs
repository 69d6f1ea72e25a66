//! The whole program on a port of its own, and the people and programs that visit it.

use muster::app::{self, App};
use muster::config::Config;
use muster::db::Db;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;

/// A running Muster. It stops when this is dropped.
pub struct Server {
    pub db: Db,
    address: SocketAddr,
    handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
    _uploads: tempfile::TempDir,
}

impl Server {
    /// Serves a database on a free port of this machine.
    pub fn start(db: &Db) -> Server {
        Server::start_with(db, |_| {})
    }

    /// The same, otherwise configured.
    pub fn start_with(db: &Db, change: impl FnOnce(&mut Config)) -> Server {
        muster::web::tls::choose();
        let uploads = tempfile::tempdir().expect("a folder for uploads");
        let folder = uploads.path().to_path_buf();
        let mut config = Config { data_dir: Some(folder), workers: Some(2), ..Config::standard() };
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (told, hear) = mpsc::channel();
        let app = App { db: db.clone(), config };
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let (server, _live) = app::run(app, listener).expect("the server starts");
                let _ = told.send(server.handle());
                let _ = server.await;
            });
        });
        let handle = hear.recv().expect("the server starts");
        Server { db: db.clone(), address, handle, thread: Some(thread), _uploads: uploads }
    }

    /// Where messages lie that have no other way to go.
    pub fn outbox(&self) -> std::path::PathBuf {
        self._uploads.path().join("muster-outbox")
    }

    /// The site's address without a slash at its end.
    pub fn site(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of a page: `server.url("/customers")`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not gracefully: a browser may hold a connection open for as long as it likes.
        let stopping = self.handle.stop(false);
        let _ = std::thread::spawn(move || actix_web::rt::System::new().block_on(stopping)).join();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
