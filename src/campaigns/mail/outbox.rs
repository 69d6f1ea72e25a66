//! A folder of `.eml` files, one for each recipient of each campaign and each answer. Any mail program opens them.

use super::{Campaign, Failure, Sent};
use lettre::{Message, message::header::MessageId};
use std::{fs, io, io::Write, path::Path};
use tempfile::NamedTempFile;

/// The folder of what belongs to no campaign: what agents answer.
pub const ANSWERS: &str = "answers";

/// Writes it under its final name at once or not at all. The same message again is the same file.
pub fn put(folder: &Path, message: &Message) -> Result<Sent, Failure> {
    let headers = message.headers();
    let id = headers.get::<MessageId>().ok_or_else(|| Failure::Permanent("The email has no id.".into()))?;
    let campaign = headers.get::<Campaign>().map_or(ANSWERS.into(), |Campaign(id)| id.to_string());
    let folder = folder.join(campaign);
    let path = folder.join(format!("{}.eml", file_name(id.as_ref())));
    write(&folder, &path, &message.formatted())
        .map_err(|error| Failure::Temporary(format!("{} cannot be written: {error}", path.display())))?;
    Ok(Sent { said: format!("written to {}", path.display()) })
}

fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    readable(file.as_file())?;
    file.persist(path)?;
    Ok(())
}

/// A temporary file is for nobody else; a letter in the outbox is for whoever may look into the folder.
#[cfg(unix)]
fn readable(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &fs::File) -> io::Result<()> {
    Ok(())
}

/// The id without its brackets and without whatever means something in a path.
fn file_name(id: &str) -> String {
    let safe = |letter: char| letter.is_ascii_alphanumeric() || "@_-.".contains(letter);
    let name: String = id
        .chars()
        .filter(|letter| !"<>".contains(*letter))
        .map(|letter| if safe(letter) { letter } else { '_' })
        .collect();
    format!("{}{}", if name.starts_with('.') { "_" } else { "" }, name)
}
