//! Work that outlives the request that asked for it: imports and bulk actions. Whoever works on a piece of it *holds* it
//! for a while, from batch to batch; when nobody does, its process is gone and another goes on. Here is what they share; the
//! tables are their own.

mod steps;

pub use steps::{End, Sizes, Step, Steps, carry};

use crate::db::{Db, Trouble};
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
