//! Work that outlives the request that asked for it: imports and bulk actions. Whoever works on a piece of it *holds* it
//! for a while, from batch to batch; when nobody does, its process is gone and another goes on. Here is what they share; the
//! tables are their own.

use crate::db::{Db, Trouble, dialect};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use std::time::Duration;

/// How long something stays with whoever works on it and is not heard of.
pub const HELD: TimeDelta = TimeDelta::seconds(15);

/// How often it is looked for what nobody works on.
const EVERY: Duration = Duration::from_secs(2);

/// A name nobody else has, for whoever works on something.
pub fn holder() -> String {
    let mut bytes = [0; 12];
    if getrandom::fill(&mut bytes).is_err() {
        return format!("{}-{:?}", std::process::id(), std::time::Instant::now());
    }
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// As long as the server runs: `look`s, now and then, for what others left and what is too old.
pub async fn keep(what: &'static str, db: Db, look: impl Fn(&Db) -> Result<(), Trouble> + Clone + Send + 'static) {
    loop {
        tokio::time::sleep(EVERY).await;
        let (db, look) = (db.clone(), look.clone());
        match actix_web::web::block(move || look(&db)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "{what} could not be looked after"),
            // The workers are gone: the server stops.
            Err(_) => return,
        }
    }
}

/// How many a batch takes: as many as the last one shows to fit into the time that others may wait.
pub struct Pace {
    pub size: usize,
    least: usize,
    most: usize,
    aim: Duration,
}

impl Pace {
    /// A batch has its own cost, however few it takes: with less than `least`, little else would be done.
    pub fn new(manners: &dialect::Manners, first: usize, least: usize, most: usize) -> Pace {
        Pace { size: first, least, most, aim: manners.batch }
    }

    pub fn took(&mut self, time: Duration) {
        let fits = self.size as f64 * self.aim.as_secs_f64() / time.as_secs_f64().max(0.000_1);
        // It grows carefully, and shrinks at once.
        let most = self.size.saturating_mul(2);
        self.size = (fits as usize).clamp(self.least.min(most), most).min(self.most);
    }

    /// Others were in the way.
    pub fn less(&mut self) {
        self.size = (self.size / 2).max(self.least.min(self.size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_takes_as_long_as_others_may_wait() {
        let manners = dialect::Manners { batch: Duration::from_millis(50), rest: Duration::ZERO };
        let mut pace = Pace::new(&manners, 200, 100, 10_000);
        pace.took(Duration::from_millis(5));
        assert_eq!(pace.size, 400, "it grows carefully");
        pace.took(Duration::from_millis(160));
        assert_eq!(pace.size, 125, "and shrinks at once");
        pace.took(Duration::from_secs(60));
        assert_eq!(pace.size, 100, "but something is done each time");
        pace.size = 1;
        pace.took(Duration::from_secs(60));
        assert_eq!(pace.size, 2, "after one by herself it feels its way");
        (0..40).for_each(|_| pace.took(Duration::ZERO));
        assert_eq!(pace.size, 10_000);
    }
}
