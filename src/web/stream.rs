//! Long answers, written on a worker thread while they are sent: memory does not grow with them.

use crate::db::{Conn, Db, Trouble};
use actix_web::web::Bytes;
use futures_util::Stream;
use std::io::{self, Write};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;

/// Why a file that is being written ends early.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// Whoever reads has gone, or the disk is full.
    #[error("it cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl From<diesel::result::Error> for Broken {
    fn from(error: diesel::result::Error) -> Self {
        Broken::Trouble(error.into())
    }
}
impl From<csv::Error> for Broken {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Broken::Write(error),
            other => Broken::Write(io::Error::other(format!("{other:?}"))),
        }
    }
}

/// Sends what `work` writes, from one snapshot of the database. If it fails half way the connection breaks, so that
/// nobody takes the half for the whole.
pub fn snapshot<W>(db: Db, work: W) -> impl Stream<Item = io::Result<Bytes>> + 'static
where
    W: FnOnce(&mut Conn, &mut dyn Write) -> Result<(), Broken> + Send + 'static,
{
    let (sender, receiver) = channel(8);
    actix_web::rt::task::spawn_blocking(move || {
        let mut out = Pieces { sender, piece: Vec::with_capacity(PIECE) };
        let done = db.read_now(|conn| work(conn, &mut out)).and_then(|()| Ok(out.flush()?));
        if let Err(error) = done {
            tracing::warn!(%error, "a download ended early");
            let _ = out.sender.blocking_send(Err(io::Error::other(error)));
        }
    });
    ReceiverStream::new(receiver)
}

const PIECE: usize = 64 << 10;

/// Collects small writes into pieces worth sending.
struct Pieces {
    sender: Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
