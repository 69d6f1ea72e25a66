//! `muster serve`: listens, says where, and stops calmly when told to.

use super::log;
use crate::agents::Agent;
use crate::app::{self, App};
use crate::config::Config;
use crate::db::{Db, Trouble};
use crate::demo;
use crate::imports::files;
use crate::live::Live;
use actix_web::dev::Server;
use anyhow::{Context, bail};
use std::net::TcpListener;
use std::process::ExitCode;

/// Serves until told to stop.
pub fn run(db: Db, config: Config) -> anyhow::Result<ExitCode> {
    log::start(config.log_json);
    config.check()?;
    let uploads = files::folder(&config, &db);
    files::check(&uploads)
        .with_context(|| format!("the folder for uploads, {}, cannot be written", uploads.display()))?;
    if db.read_now::<_, Trouble>(|conn| Ok(demo::is_in(conn)?))? {
        bail!(
            "{} holds the demo, whose passwords everybody knows. It is served by muster demo only",
            db.address().spoken()
        );
    }
    let listener = listen(&config.listen)?;
    let opened = db.read_now::<_, Trouble>(|conn| Ok(Agent::any_admin(conn)?))?;
    let here = format!("http://{}", listener.local_addr()?);
    let address = config.base_url.clone().unwrap_or(here);
    eprintln!("muster: serving {} at {address}", db.address().spoken());
    if !opened {
        eprintln!("muster: open {}/setup to begin", address.trim_end_matches('/'));
    }
    until_told(|| app::run(App { db, config }, listener))?;
    Ok(ExitCode::SUCCESS)
}

/// A listener, or the sentence that says why not.
pub fn listen(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))
}

/// Runs a server until Ctrl-C or SIGTERM; then requests in hand are finished first.
pub fn until_told(start: impl FnOnce() -> std::io::Result<(Server, Live)>) -> anyhow::Result<()> {
    few_arenas();
    actix_web::rt::System::new().block_on(async {
        let (server, live) = start().context("cannot serve")?;
        let handle = server.handle();
        actix_web::rt::spawn(async move {
            told_to_stop().await;
            eprintln!("muster: stopping");
            live.close();
            handle.stop(true).await;
        });
        server.await.context("the server failed")
    })
}

/// glibc gives each of the first threads an arena of its own to allocate from, eight for each core, and none gives back what
/// another could use: with dozens of worker threads a server's memory trebled in minutes. One for each core is enough for
/// as many threads as can run at once. Before any thread is started.
fn few_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let cores = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        // SAFETY: mallopt takes two numbers and changes a limit of the allocator; it may be called at any time.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, i32::try_from(cores).unwrap_or(i32::MAX)) };
    }
}

#[cfg(unix)]
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be heard");
            let _ = tokio::signal::ctrl_c().await;
            return;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn told_to_stop() {
    let _ = tokio::signal::ctrl_c().await;
}
