//! The audiences Nordlicht Outdoor works with, as its people would write them.

use crate::db::Conn;
use crate::filters::count;
use crate::segments::{Segment, sizes, versions};
use crate::workspace::Clock;
use chrono::Days;
use diesel::QueryResult;
use fastrand::Rng;

/// Saved filters: name and question.
pub const DYNAMIC: &[(&str, &str)] = &[
    ("VIP customers", "tags contains VIP"),
    ("VIP, quiet for 90 days", "tags contains VIP and last_seen_at not in the last 90 days"),
    (
        "Newsletter Nordics",
        "tags contains Newsletter and country is any of (SE, NO, DK, FI) and email_consent is opted in",
    ),
    ("New this week", "created_at in the last 7 days"),
    ("Wholesale DACH", "tags contains Wholesale and country is any of (DE, AT, CH)"),
    (
        "Boots buyers, quiet for 90 days",
        "purchases any where (product contains Boots and amount >= 100) and last_purchase_at not in the last 90 days \
         and email_consent is opted in and segments in none of (\"Wholesale DACH\")",
    ),
    ("Nobody asked about email", "email is not empty and email_consent is unknown"),
    (
        "Hikers without a club",
        "tags contains (Hiking, Trail-running) and tags does not contain (Trail-club, Alpine-club, DNT-member)",
    ),
    ("Quiet for half a year", "last_seen_at more than 6 months ago and not (tags contains (Do-not-contact, Staff))"),
];

/// A fixed list: so many of those who match, once.
pub struct Batch {
    pub name: &'static str,
    pub of: &'static str,
    pub many: usize,
}

pub const STATIC: &[Batch] = &[
    Batch { name: "Spring batch", of: "tags contains Newsletter and email_consent is opted in", many: 240 },
    Batch { name: "Hut tour waiting list", of: "tags contains (Hut-tour-2025, Trail-club)", many: 18 },
];

/// What they were in the last weeks: a line for each that ends where it is now.
pub fn history(clock: &Clock, dice: &mut Rng, conn: &mut Conn) -> QueryResult<()> {
    let all = Segment::every(conn)?;
    let filters = Segment::filters(&all, conn, clock)?;
    let mut now = Vec::new();
    for (segment, filter) in all.iter().zip(&filters) {
        versions::keep(segment, &segment.actor, segment.agent_id, conn)?;
        now.push((segment, count(filter, conn)?));
    }
    for ago in 0..90 {
        let day = clock.today() - Days::new(ago);
        now.retain(|(segment, _)| segment.created_at.date() <= day);
        let sizes: Vec<(i64, i64)> = now.iter().map(|(segment, size)| (segment.id, *size)).collect();
        sizes::put(&sizes, day, conn)?;
        for (_, size) in now.iter_mut().filter(|(segment, _)| segment.is_dynamic()) {
            *size = (*size + dice.i64(-2..2) * (*size / 60).max(1)).max(0);
        }
    }
    Ok(())
}
