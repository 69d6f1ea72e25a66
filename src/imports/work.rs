//! Imports that run in this process: each on a thread of its own, and how far each has read.

use super::{Import, files, run};
use crate::db::{Db, Trouble};
use crate::workspace::Workspace;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

static READ: LazyLock<Mutex<HashMap<i64, u64>>> = LazyLock::new(Mutex::default);

fn read() -> MutexGuard<'static, HashMap<i64, u64>> {
    // A count of bytes is never half written.
    READ.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many bytes of its file an import has read.
pub fn bytes_read(import: i64) -> u64 {
    read().get(&import).copied().unwrap_or_default()
}

/// Carries out an import that was just started, and removes its file afterwards.
pub fn begin(import: Import, path: PathBuf, db: Db) -> std::io::Result<()> {
    let name = format!("import {}", import.id);
    let begun = std::thread::Builder::new().name(name).spawn(move || {
        let id = import.id;
        let done = run::carry_out(&import, &path, &db, &mut |progress| {
            read().insert(id, progress.bytes);
        });
        match done {
            Ok(totals) => tracing::info!(import = id, %totals, "import done"),
            Err(error) => {
                tracing::error!(import = id, %error, "import stopped");
                give_up(&import, &db);
            }
        }
        read().remove(&id);
        files::remove(&path);
    });
    begun.map(drop)
}

/// Whatever happened, nobody shall wait for an import that does not run. What it said itself already stays.
pub fn give_up(import: &Import, db: &Db) {
    let done = db.write_now::<_, Trouble>(|conn| {
        let now = Import::find(import.id, conn)?;
        if now.is_some_and(|import| import.state == super::State::Running) {
            let clock = Workspace::load(conn)?.clock();
            import.fail(
                "Muster could not go on; the log says why. The lines counted here have landed",
                &clock,
                conn,
            )?;
        }
        Ok(())
    });
    if let Err(error) = done {
        tracing::error!(import = import.id, %error, "the end of an import was not kept");
    }
}
