//! Between those who write and whoever follows what is written.

use super::changes::Mark;
use super::{Conn, Db, Trouble};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Somebody who hears of every write before it is committed, in its transaction.
pub trait Witness: Send + Sync {
    /// `mark`: where it began; [`written`](super::changes::written) says what it has left in the change log. What goes
    /// wrong here takes the write back.
    fn attend(&self, mark: &Mark, conn: &mut Conn, db: &Db) -> Result<(), Trouble>;
}

/// Somebody who writes much waits when whoever follows is so many writes behind, and no longer than this each time. With
/// more, each write would have more of them to look through.
const BEHIND: u64 = 12;
const PATIENCE: Duration = Duration::from_secs(2);

/// How far the one task of this process that follows what is written is behind those who write.
#[derive(Default)]
pub struct Following {
    writes: AtomicU64,
    written: Notify,
    followed: Mutex<Option<u64>>,
    moved: Condvar,
    turn: Mutex<()>,
    waiting: AtomicUsize,
}

/// Somebody's turn to write much.
pub struct Turn<'a>(MutexGuard<'a, ()>);

impl Turn<'_> {
    /// Ends it with a rest, in which those write who have little.
    pub fn rest(self, rest: Duration) {
        std::thread::sleep(rest);
        MutexGuard::unlock_fair(self.0);
    }
}

impl Following {
    pub(super) fn wrote(&self) {
        self.writes.fetch_add(1, Ordering::Release);
        self.written.notify_one();
    }

    /// Somebody begins to write, and may have to wait for the lock; to be told of the end by [`Following::has_lock`].
    pub(super) fn wants_lock(&self) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
    }
    pub(super) fn has_lock(&self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// Somebody else of this process waits to write.
    pub fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Waits until something is written. What other processes write does not wake it.
    pub async fn written(&self) {
        self.written.notified().await;
    }

    /// How many writes there were so far: whoever follows asks before looking, and hands it in when done.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Acquire)
    }

    /// So far everything is followed; `None` when nobody follows any more.
    pub fn followed(&self, writes: Option<u64>) {
        *self.followed.lock() = writes;
        self.moved.notify_all();
    }

    /// For a transaction that writes much: those take turns, so that whoever waits for one does not wait for the next too.
    pub fn turn(&self) -> Turn<'_> {
        Turn(self.turn.lock())
    }

    /// For whoever writes much, between two turns: waits until whoever follows is not far behind, but not for long.
    pub fn let_follow(&self) {
        let (writes, late) = (self.writes(), Instant::now() + PATIENCE);
        let mut followed = self.followed.lock();
        while followed.is_some_and(|followed| followed + BEHIND < writes) {
            if self.moved.wait_until(&mut followed, late).timed_out() {
                return;
            }
        }
    }
}
