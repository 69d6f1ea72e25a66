//! The lists Nordlicht Outdoor keeps at hand, as its people would arrange them.

/// A shared view: name, question, columns, order.
pub struct Kept {
    pub name: &'static str,
    pub asks: &'static str,
    pub shown: &'static str,
    pub sort: &'static str,
}

pub const SHARED: &[Kept] = &[
    Kept { name: "Newest first", asks: "", shown: "", sort: "-created_at" },
    Kept {
        name: "Best customers",
        asks: "purchase_count >= 1",
        shown: "name,email,tags,total_spent,purchase_count,last_purchase_at",
        sort: "-total_spent,name",
    },
    Kept {
        name: "May be written to",
        asks: "email_consent is opted in",
        shown: "name,email,language,country,email_consent,last_seen_at",
        sort: "name",
    },
];
