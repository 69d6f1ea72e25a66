//! How many newcomers are let in from one address in a while. Forgotten with the process: it is a dam, not a record.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// More addresses than these are not remembered apart.
const MOST: usize = 10_000;

pub struct Floods {
    most: u32,
    within: Duration,
    seen: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Floods {
    pub fn new(most: u32, within: Duration) -> Floods {
        Floods { most, within, seen: Mutex::default() }
    }

    /// Counts one more.
    pub fn lets_in(&self, peer: IpAddr, now: Instant) -> bool {
        let mut seen = self.seen.lock();
        if seen.len() >= MOST {
            seen.retain(|_, (since, _)| now.duration_since(*since) < self.within);
        }
        let (since, count) = seen.entry(peer).or_insert((now, 0));
        if now.duration_since(*since) >= self.within {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_while_and_then_again() {
        let floods = Floods::new(2, Duration::from_secs(60));
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let began = Instant::now();
        let lets_in = |peer, after| floods.lets_in(peer, began + Duration::from_secs(after));
        assert!(lets_in(one, 0) && lets_in(one, 1) && !lets_in(one, 2) && lets_in(other, 2));
        assert!(!lets_in(one, 59) && lets_in(one, 60));
    }
}
