//! What her profile says about her as a person: who may be the same, who was merged into her, and her rights.

use super::Customer;
use super::duplicates::{self, Near};
use super::merge::Merge;
use crate::agents::{Caller, Right};
use crate::db::Conn;
use crate::workspace::Clock;
use diesel::prelude::*;

/// The last part of her profile.
pub struct Person {
    pub id: i64,
    pub may_merge: bool,
    pub may_administer: bool,
    pub near: Vec<Near>,
    pub merged: Vec<Merged>,
}

/// Somebody who was merged into her, and can come back.
pub struct Merged {
    pub id: i64,
    pub words: String,
}

impl Person {
    pub fn of(customer: &Customer, caller: &Caller, clock: &Clock, conn: &mut Conn) -> QueryResult<Person> {
        let merged = |merge: Merge| Merged {
            id: merge.id,
            words: format!(
                "{} (#{}), merged by {} on {}",
                merge.called(),
                merge.old_id,
                merge.actor,
                clock.show_day(merge.at)
            ),
        };
        Ok(Person {
            id: customer.id,
            may_merge: caller.may(Right::DeleteCustomers),
            may_administer: caller.may(Right::Administer),
            near: duplicates::near(customer, conn)?,
            merged: Merge::into_her(customer.id, conn)?.into_iter().map(merged).collect(),
        })
    }
}
