//! How long it goes on, and what is counted.

use fastrand::Rng;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is counted, in the order of [`WORDS`].
#[derive(Clone, Copy)]
pub enum Count {
    /// Answers that were compared with SQL,
    Compared,
    /// those of them that told customers apart,
    Telling,
    /// and those in a snapshot that was not the newest any more.
    Late,
    /// Conditions that were asked for, and those for which everybody was asked.
    Asked,
    Filled,
    /// Differences that were PostgreSQL's own: see `readers`.
    Torn,
    /// Transactions that were committed, rolled back, or refused because of another one.
    Written,
    Undone,
    Clashed,
    Trimmed,
    Imported,
    /// How often the other process was killed.
    Killed,
}

const WORDS: [&str; 12] = [
    "answers compared",
    "telling customers apart",
    "late",
    "conditions asked",
    "filled",
    "torn by TRUNCATE",
    "transactions written",
    "undone",
    "clashed",
    "rows trimmed",
    "imports",
    "kills",
];

/// One run of one process.
#[derive(Default)]
pub struct Run {
    over: AtomicBool,
    counts: [AtomicU64; WORDS.len()],
}

impl Run {
    /// Time is up, or something went wrong.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub fn wait(&self) {
        while !self.is_over() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it after this time, or later when a slow machine has not done enough by then; but ten times as long is
    /// long enough.
    pub fn last(&self, length: Duration, enough: impl Fn() -> bool) {
        let began = Instant::now();
        while !self.is_over() && (began.elapsed() < length || !enough()) && began.elapsed() < 10 * length {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.end();
    }

    /// Does one thread's work. When that fails, it is over for all.
    pub fn guard(&self, work: impl FnOnce()) {
        struct Alarm<'a>(&'a Run);
        impl Drop for Alarm<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.end();
                }
            }
        }
        let _alarm = Alarm(self);
        work();
    }

    pub fn add(&self, what: Count, many: u64) {
        self.counts[what as usize].fetch_add(many, Ordering::Relaxed);
    }

    /// Where somebody else counts.
    pub fn set(&self, what: Count, many: u64) {
        self.counts[what as usize].store(many, Ordering::Relaxed);
    }

    pub fn count(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    /// All counts in their order, for another process.
    pub fn sums(&self) -> Vec<u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    pub fn add_all(&self, sums: &[u64]) {
        for (count, many) in self.counts.iter().zip(sums) {
            count.fetch_add(*many, Ordering::Relaxed);
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spoken: Vec<String> =
            WORDS.iter().zip(self.sums()).map(|(words, many)| format!("{many} {words}")).collect();
        f.write_str(&spoken.join(", "))
    }
}

/// Mostly a moment; seldom as long as `most` milliseconds.
pub fn nap(most: u64, dice: &mut Rng) {
    let length = if dice.u8(..12) == 0 { dice.u64(..=most) } else { dice.u64(..=most / 25) };
    std::thread::sleep(Duration::from_millis(length));
}
