//! The audiences Nordlicht Outdoor works with, as its people would write them.

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
