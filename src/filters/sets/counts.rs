//! Counts that are asked for again and again, as a page of two hundred segments does, remembered.
//!
//! A set is never changed, only replaced by another one. So as long as each condition of a question is answered by the
//! very set that was counted, the count is the same, and it is known without looking at a bit of them.

use super::Ids;
use crate::filters::ask::Ask;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// The most counts that are kept; then they are forgotten together.
const MOST: usize = 4_096;

#[derive(Default)]
pub struct Counts(Mutex<HashMap<Ask, Counted>>);

struct Counted {
    parts: Parts,
    count: i64,
}

/// The very sets that something was made of. Weak, so that none is kept in memory by this; their addresses stay taken all
/// the same.
#[derive(Default)]
pub struct Parts(Vec<Weak<Ids>>);

impl Parts {
    pub fn of(parts: &[Arc<Ids>]) -> Parts {
        Parts(parts.iter().map(Arc::downgrade).collect())
    }

    /// True when these are they.
    pub fn are(&self, parts: &[Arc<Ids>]) -> bool {
        let same = |(kept, part): (&Weak<Ids>, &Arc<Ids>)| kept.as_ptr() == Arc::as_ptr(part);
        self.0.len() == parts.len() && self.0.iter().zip(parts).all(same)
    }
}

impl Counts {
    /// How many a question is true for, if these very sets were counted.
    pub fn get(&self, ask: &Ask, parts: &[Arc<Ids>]) -> Option<i64> {
        let counts = self.0.lock();
        let counted = counts.get(ask)?;
        counted.parts.are(parts).then_some(counted.count)
    }

    pub fn keep(&self, ask: Ask, parts: &[Arc<Ids>], count: i64) {
        let mut counts = self.0.lock();
        if counts.len() >= MOST && !counts.contains_key(&ask) {
            counts.clear();
        }
        counts.insert(ask, Counted { parts: Parts::of(parts), count });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_that_of_the_very_sets_it_was_made_of() {
        let (counts, ask) = (Counts::default(), Ask::Everyone);
        let parts = [Arc::new(Ids::from([1, 2])), Arc::new(Ids::from([2]))];
        assert_eq!(counts.get(&ask, &parts), None);
        counts.keep(ask.clone(), &parts, 1);
        assert_eq!(counts.get(&ask, &parts), Some(1));
        let [first, second] = parts;
        let alike = [first.clone(), Arc::new((*second).clone())];
        assert_eq!(counts.get(&ask, &alike), None, "equal, but another set");
        assert_eq!(counts.get(&ask, &[first]), None, "fewer sets");
        drop(second);
        assert_eq!(counts.get(&ask, &alike), None, "a set that is gone");
    }
}
