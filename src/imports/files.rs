//! Where an uploaded file waits until it is imported, and that none is left behind.

use super::{Import, State};
use crate::config::Config;
use crate::db::{Address, Conn, Db};
use crate::workspace::Clock;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};

/// The folder for uploads: as configured, or beside a SQLite database, or the system's temporary folder. Each database
/// has one of its own in it, so that two workspaces never take each other's files.
pub fn folder(config: &Config, db: &Db) -> PathBuf {
    let base = match (&config.data_dir, db.address()) {
        (Some(folder), _) => folder.clone(),
        (None, Address::Sqlite(file)) => Path::new(file).parent().map(Path::to_path_buf).unwrap_or_default(),
        (None, Address::Postgres(_)) => std::env::temp_dir(),
    };
    let whose = match db.address() {
        Address::Sqlite(file) => {
            std::fs::canonicalize(file).map_or_else(|_| file.clone(), |path| path.to_string_lossy().into_owned())
        }
        address => address.spoken(),
    };
    let name = Sha256::digest(whose.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    base.join("muster-uploads").join(name)
}

/// Makes the folder and writes to it once, so that what is wrong with it is said at the start and not at an upload.
pub fn check(folder: &Path) -> io::Result<()> {
    begin(folder).map(drop)
}

/// A file to upload into. It goes away by itself unless it is kept.
pub fn begin(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    std::fs::create_dir_all(folder)?;
    tempfile::Builder::new().prefix("upload-").tempfile_in(folder)
}

/// The name is ours, whatever the file was called.
pub fn path(folder: &Path, import: i64) -> PathBuf {
    folder.join(format!("import-{import}.csv"))
}

/// Gone already is as good.
pub fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "an uploaded file was not removed");
    }
}

/// At the start: imports that were running are told to have stopped, and files nobody will import are removed.
pub fn tidy(folder: &Path, clock: &Clock, conn: &mut Conn) -> diesel::QueryResult<()> {
    super::recover(clock, conn)?;
    let Ok(files) = std::fs::read_dir(folder) else { return Ok(()) };
    for file in files.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let id = name.strip_prefix("import-").and_then(|rest| rest.strip_suffix(".csv")).and_then(|id| id.parse().ok());
        let waits = match id {
            Some(id) => Import::find(id, conn)?.is_some_and(|import| import.state == State::Uploaded),
            None => false,
        };
        if !waits && (id.is_some() || name.starts_with("upload-")) {
            remove(&file.path());
        }
    }
    Ok(())
}
