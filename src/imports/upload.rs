//! An upload, streamed to a file in pieces: memory does not grow with it, and it stops at the limit.

use super::{Subject, files};
use crate::web::Error;
use actix_multipart::{Field, Multipart};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use std::path::Path;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

/// What came of it.
pub enum Upload {
    Received {
        file: NamedTempFile,
        name: String,
        sha256: String,
    },
    /// A sentence for the person who sent it.
    Refused(String),
}

/// Takes the field `file` of the form; and what it holds, where `kind` before it says so.
pub async fn receive(form: Multipart, folder: &Path, limit: u64) -> Result<(Upload, Option<Subject>), Error> {
    let mut subject = None;
    let upload = take(form, folder, limit, &mut subject).await?;
    Ok((upload, subject))
}

async fn take(mut form: Multipart, folder: &Path, limit: u64, subject: &mut Option<Subject>) -> Result<Upload, Error> {
    while let Some(field) = form.next().await {
        let mut field = match field {
            Ok(field) => field,
            Err(error) => return Ok(Upload::Refused(interrupted(&error))),
        };
        if field.name() == Some("kind") {
            *subject = word(&mut field).await.as_deref().and_then(Subject::parse);
        }
        if field.name() != Some("file") {
            continue;
        }
        let name = field.content_disposition().and_then(|about| about.get_filename()).unwrap_or_default();
        let name = plain_name(name);
        let file = files::begin(folder).map_err(anyhow::Error::from)?;
        let mut out = tokio::fs::File::from_std(file.reopen().map_err(anyhow::Error::from)?);
        let (mut size, mut hasher) = (0, Sha256::new());
        while let Some(piece) = field.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return Ok(Upload::Refused(interrupted(&error))),
            };
            size += piece.len() as u64;
            if size > limit << 20 {
                // The rest is read and dropped, or the browser would show a broken connection instead of the sentence.
                while let Some(Ok(_)) = field.next().await {
                    size += 1;
                    if size > limit << 22 {
                        break;
                    }
                }
                return Ok(Upload::Refused(format!(
                    "The file is larger than {limit} MiB, the largest that may be uploaded here. Divide it into several."
                )));
            }
            hasher.update(&piece);
            if let Err(error) = out.write_all(&piece).await {
                return Ok(Upload::Refused(no_room(&error)));
            }
        }
        if let Err(error) = out.flush().await {
            return Ok(Upload::Refused(no_room(&error)));
        }
        if size == 0 {
            let said = if name.is_empty() { "Choose a CSV file to upload." } else { "The file is empty." };
            return Ok(Upload::Refused(said.into()));
        }
        let name = if name.is_empty() { "upload.csv".into() } else { name };
        return Ok(Upload::Received { file, name, sha256: files::spelled(hasher) });
    }
    Ok(Upload::Refused("Choose a CSV file to upload.".into()))
}

/// A short field of text; nothing we ask for is longer.
async fn word(field: &mut Field) -> Option<String> {
    let mut word = Vec::new();
    while let Some(Ok(piece)) = field.next().await {
        word.extend_from_slice(&piece);
        if word.len() > 100 {
            return None;
        }
    }
    String::from_utf8(word).ok()
}

fn interrupted(error: &impl std::fmt::Display) -> String {
    tracing::info!(%error, "an upload was interrupted");
    "The upload was interrupted. Try again.".into()
}

fn no_room(error: &std::io::Error) -> String {
    tracing::error!(%error, "an upload could not be kept");
    "The file could not be kept here, perhaps because the disk is full. The log says why.".into()
}

/// The name without folders and control characters, of a length one can show.
fn plain_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).take(120).collect::<String>().trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn names_lose_their_folders() {
        assert_eq!(plain_name("C:\\lists\\may.csv"), "may.csv");
        assert_eq!(plain_name("../../etc/passwd"), "passwd");
        assert_eq!(plain_name("a\r\nb.csv "), "ab.csv");
    }
}
