//! Who works imports off: a thread of the process that was asked, and, should that one stop, whichever process looks next.

use super::run::{self, Stopped};
use super::{Import, State, files, rehearsal, undo};
use crate::db::{Db, Trouble};
use crate::jobs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Does what is left to do for an import, on a thread of its own. If that cannot be had, [`look`] finds the import.
pub fn begin(id: i64, db: Db) {
    let begun = std::thread::Builder::new().name(format!("import {id}")).spawn(move || {
        if let Err(error) = now(id, &db) {
            tracing::error!(import = id, %error, "an import stopped; it is tried again");
        }
    });
    if let Err(error) = begun {
        tracing::error!(import = id, %error, "an import could not begin; it is tried again");
    }
}

/// Goes on with what others left.
pub fn look(db: &Db) -> Result<(), Trouble> {
    for id in db.read_now::<_, Trouble>(|conn| Ok(Import::abandoned(conn)?))? {
        begin(id, db.clone());
    }
    Ok(())
}

/// Does it on the calling thread, unless somebody else does.
pub fn now(id: i64, db: &Db) -> Result<(), Trouble> {
    let holder = jobs::holder();
    let held = db.write_now::<_, Trouble>(|conn| match Import::hold(id, &holder, conn)? {
        true => Ok(Import::find(id, conn)?),
        false => Ok(None),
    })?;
    let Some(import) = held else { return Ok(()) };
    let path = import.path.clone().unwrap_or_default();
    match import.state {
        State::Checking => check(&import, path, &holder, db),
        State::Running => {
            let done = run::carry_out(&import, &path, &holder, db, &mut |_| {});
            ended(&import, done, db)
        }
        State::Undoing => undo::work(&import, &holder, db).map(drop),
        _ => Ok(()),
    }
}

fn ended(import: &Import, done: Result<super::Totals, Stopped>, db: &Db) -> Result<(), Trouble> {
    match done {
        Ok(totals) => tracing::info!(import = import.id, %totals, "import done"),
        Err(Stopped::Taken) => {}
        Err(Stopped::Trouble(trouble)) => return Err(trouble),
        Err(stopped) => tracing::error!(import = import.id, %stopped, "import stopped"),
    }
    let over = db.write_now::<_, Trouble>(|conn| {
        let now = Import::find(import.id, conn)?;
        let over = now.is_some_and(|import| !import.state.is_open());
        if over {
            import.forget_file(conn)?;
        }
        Ok(over)
    })?;
    if over {
        files::remove_upload(import);
    }
    Ok(())
}

/// How often it is told how far trying out is.
const TOLD: Duration = Duration::from_millis(400);

fn check(import: &Import, path: PathBuf, holder: &str, db: &Db) -> Result<(), Trouble> {
    let mut told = Instant::now();
    let mut progress = |progress: run::Progress| {
        if told.elapsed() < TOLD {
            return Ok(true);
        }
        told = Instant::now();
        db.write_now::<_, Trouble>(|conn| {
            let held = import.held(holder, conn)?;
            if held {
                import.tried(progress.lines - 1, progress.bytes, conn)?;
            }
            Ok(held)
        })
    };
    let done = rehearsal::rehearse(import, &path, &files::rehearsal(&path), db, &mut progress);
    db.write_now(|conn| {
        match done {
            Ok(totals) if import.held(holder, conn)? => import.checked(&totals, conn)?,
            Ok(_) | Err(Stopped::Taken) => {}
            Err(Stopped::Trouble(trouble)) => return Err(trouble),
            Err(stopped) => {
                tracing::error!(import = import.id, %stopped, "an import could not be tried out");
                let why = stopped.told().unwrap_or_default();
                import.uncheck(&why, conn)?;
            }
        }
        Ok(())
    })
}
