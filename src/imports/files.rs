//! Where an uploaded file waits until it is imported, and that none is left behind.

use super::{Import, State};
use crate::config::Config;
use crate::db::{Address, Conn, Db};
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The folder for uploads: as configured, or beside a SQLite database, or the system's temporary folder. Each database
/// has one of its own in it, so that two workspaces never take each other's files.
pub fn folder(config: &Config, db: &Db) -> PathBuf {
    let whose = match db.address() {
        Address::Sqlite(file) => {
            std::fs::canonicalize(file).map_or_else(|_| file.clone(), |path| path.to_string_lossy().into_owned())
        }
        address => address.spoken(),
    };
    let name = Sha256::digest(whose.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    config.beside(db).join("muster-uploads").join(name)
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
    folder.join(uploaded(import))
}

fn uploaded(import: i64) -> String {
    format!("import-{import}.csv")
}

/// Gone already is as good.
pub fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "an uploaded file was not removed");
    }
}

/// The file of an import that came by upload is ours to remove; one that was named on the command line is not.
pub fn remove_upload(import: &Import) {
    let Some(path) = &import.path else { return };
    if path.file_name().is_some_and(|name| name.to_string_lossy() == uploaded(import.id)) {
        remove(path);
        remove(&rehearsal(path));
    }
}

/// Beside a file, what came of trying it out.
pub fn rehearsal(path: &Path) -> PathBuf {
    path.with_extension("tried")
}

/// What the file is, in 64 letters. Read in pieces.
pub fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher, mut piece) = (std::fs::File::open(path)?, Sha256::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(spelled(hasher)),
            read => hasher.update(&piece[..read]),
        }
    }
}

pub fn spelled(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// At the start: files that nobody will import are removed.
pub fn tidy(folder: &Path, conn: &mut Conn) -> diesel::QueryResult<()> {
    let Ok(files) = std::fs::read_dir(folder) else { return Ok(()) };
    for file in files.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let stem = name.strip_prefix("import-").and_then(|rest| rest.split_once('.'));
        let id = stem.and_then(|(id, _)| id.parse().ok());
        let waits = match id {
            Some(id) => Import::find(id, conn)?
                .is_some_and(|import| import.state.is_waiting() || import.state == State::Running),
            None => false,
        };
        if !waits && (id.is_some() || name.starts_with("upload-")) {
            remove(&file.path());
        }
    }
    Ok(())
}
