//! What lies beside the database: uploaded files that wait to be imported, and messages in the outbox.

use super::keys::Keys;
use crate::campaigns::{self, mail};
use crate::config::Config;
use crate::db::Conn;
use crate::db::schema::campaign_recipients;
use crate::imports::{Import, State, files};
use diesel::prelude::*;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Uploaded files that mention her.
#[derive(Clone, Debug, Default)]
pub struct Uploads {
    /// Imports that were not begun: they are discarded.
    pub waiting: Vec<Import>,
    /// Imports under way: nobody is erased beside them.
    pub running: Vec<Import>,
    /// Files of imports that are over: they are removed.
    pub over: Vec<Import>,
}

impl Uploads {
    pub fn of(keys: &Keys, conn: &mut Conn) -> QueryResult<Uploads> {
        let mut found = Uploads::default();
        let needles = keys.needles();
        for import in Import::list(conn)? {
            let Some(path) = &import.path else { continue };
            // What cannot be read is not there, or will not be imported either.
            if !holds(path, &needles).unwrap_or(false) {
                continue;
            }
            match import.state {
                state if state.is_waiting() => found.waiting.push(import),
                State::Running | State::Undoing => found.running.push(import),
                _ => found.over.push(import),
            }
        }
        Ok(found)
    }

    /// To be called once nothing refers to them any more.
    pub fn remove(&self) {
        self.waiting.iter().chain(&self.over).for_each(files::remove_upload);
    }
}

/// Read in pieces that overlap, so that nothing lies between two of them.
fn holds(path: &Path, needles: &[Vec<u8>]) -> io::Result<bool> {
    let longest = needles.iter().map(Vec::len).max().unwrap_or_default();
    let mut file = fs::File::open(path)?;
    let (mut piece, mut kept) = (vec![0; 1 << 20], 0);
    loop {
        let read = file.read(&mut piece[kept..])?;
        if read == 0 {
            return Ok(false);
        }
        let filled = kept + read;
        let lower: Vec<u8> = piece[..filled].to_ascii_lowercase();
        if needles.iter().any(|needle| memchr::memmem::find(&lower, needle).is_some()) {
            return Ok(true);
        }
        kept = longest.min(filled);
        piece.copy_within(filled - kept..filled, 0);
    }
}

/// Where messages lie that went no other way.
pub fn outbox(config: &Config, db: &crate::db::Db) -> PathBuf {
    config.sending.outbox.clone().unwrap_or_else(|| config.beside(db).join("muster-outbox"))
}

/// Removes her messages from the outbox, and says how many there were. Their names are their ids, which only her number and
/// the campaign make; a message that was sent to try something out is removed where it mentions her.
pub fn empty_outbox(folder: &Path, keys: &Keys, conn: &mut Conn) -> QueryResult<usize> {
    let campaigns: Vec<(i64, i64)> = campaign_recipients::table
        .filter(campaign_recipients::customer_id.eq_any(&keys.numbers))
        .select((campaign_recipients::campaign_id, campaign_recipients::customer_id))
        .load(conn)?;
    // Without a key nothing was ever sent.
    let Some(key) = campaigns::key(conn).optional()? else { return Ok(0) };
    let token = |(campaign, _): &(i64, i64), customer: i64| {
        let id = mail::message_id(key.for_messages(), *campaign, customer, "x");
        plain(id.trim_matches(['<', '>']).split('@').next().unwrap_or_default())
    };
    // A row may have come under another number of hers since.
    let tokens: Vec<String> =
        campaigns.iter().flat_map(|row| keys.numbers.iter().map(move |id| token(row, *id))).collect();
    let needles = keys.needles();
    let mut removed = 0;
    for inner in fs::read_dir(folder).into_iter().flatten().flatten() {
        for file in fs::read_dir(inner.path()).into_iter().flatten().flatten() {
            let name = plain(&file.file_name().to_string_lossy());
            let name = name.trim_start_matches('-');
            let hers = tokens.iter().any(|token| name.starts_with(token.trim_start_matches('-')));
            let own_id = name.len() > 40 && !name.starts_with("test-");
            if hers || (!own_id && holds(&file.path(), &needles).unwrap_or(false)) {
                files::remove(&file.path());
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// A name of a file with nothing but letters and digits: text messages are named so.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}
