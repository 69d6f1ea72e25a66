//! Between those who write and whoever follows what is written.

use super::changes::Mark;
use super::{Conn, Db, Trouble};
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Somebody who hears of every write before it is committed, in its transaction.
pub trait Witness: Send + Sync {
    /// `mark`: where it began; [`written`](super::changes::written) says what it has left in the change log. What goes
    /// wrong here takes the write back.
    fn attend(&self, mark: &Mark, conn: &mut Conn, db: &Db) -> Result<(), Trouble>;
}

/// So long somebody who writes much waits to be followed, each time.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far the one task of this process that follows what is written is behind those who write.
#[derive(Default)]
pub struct Following {
    writes: AtomicU64,
    written: Notify,
    followed: Mutex<Option<u64>>,
    moved: Condvar,
}

impl Following {
    pub(super) fn wrote(&self) {
        self.writes.fetch_add(1, Ordering::Release);
        self.written.notify_one();
    }

    /// Waits until something is written. What other processes write does not wake it.
    pub async fn written(&self) {
        self.written.notified().await;
    }

    /// How many writes there were so far: whoever follows asks before looking, and says so when done.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    /// Whoever follows has seen so many writes; `None` when nobody follows any more.
    pub fn followed(&self, writes: Option<u64>) {
        *self.followed.lock() = writes;
        self.moved.notify_all();
    }

    /// For whoever writes much: waits until so many writes were followed, but not for long.
    pub fn wait_for(&self, writes: u64) {
        let late = Instant::now() + PATIENCE;
        let mut followed = self.followed.lock();
        while followed.is_some_and(|followed| followed < writes) {
            if self.moved.wait_until(&mut followed, late).timed_out() {
                return;
            }
        }
    }
}
