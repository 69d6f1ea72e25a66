//! Conditions nobody asked before: kinds of them, each in many variants, so that every measurement can take one that is
//! new to the server. No variant stands in the ten filters, the ten rows of the builder or the 200 segments.

use crate::database::{Kind, Names};
use crate::http::Form;

/// One condition, as Muster is asked and as SQL hands out its ids.
pub struct Condition {
    /// In the text form.
    pub text: String,
    /// The fields of its row in the builder, without the row: `v:0` is the first value.
    form: Vec<(String, String)>,
    /// Spellings of the query for its ids.
    pub ids: Vec<(&'static str, String)>,
}

pub struct Sort {
    pub name: &'static str,
    /// Text is looked through from end to end.
    pub scans: bool,
    make: fn(usize, &Names, Kind) -> anyhow::Result<Option<Condition>>,
}

impl Sort {
    /// The variant of this number, where there are so many.
    pub fn variant(&self, number: usize, names: &Names, kind: Kind) -> anyhow::Result<Option<Condition>> {
        (self.make)(number, names, kind)
    }
}

impl Condition {
    fn new(text: String, form: &[(&str, &str)], ids: Vec<(&'static str, String)>) -> anyhow::Result<Option<Condition>> {
        let form = form.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Ok(Some(Condition { text, form, ids }))
    }

    /// What the builder sends of it as the row of this number.
    pub fn row(&self, row: usize) -> Form {
        self.form.iter().map(|(name, value)| (format!("{}{row}{}", &name[..1], &name[1..]), value.clone())).collect()
    }
}

fn tagged(name: &str, names: &Names) -> anyhow::Result<Option<Condition>> {
    let tag = names.tag(name)?;
    Condition::new(
        format!("tags contains {name}"),
        &[("f", "tags"), ("o", "contains"), ("v:0", name)],
        vec![("index", format!("SELECT customer_id FROM taggings WHERE tag_id = {tag}"))],
    )
}

fn containing(field: &str, word: Option<&&str>, kind: Kind) -> anyhow::Result<Option<Condition>> {
    let Some(word) = word else { return Ok(None) };
    let like = ("LIKE", format!("SELECT id FROM customers WHERE {field}_folded LIKE '%{word}%'"));
    let instr = ("instr", format!("SELECT id FROM customers WHERE instr({field}_folded, '{word}') > 0"));
    Condition::new(
        format!("{field} contains {word}"),
        &[("f", field), ("o", "contains"), ("v:0", word)],
        if kind == Kind::Sqlite { vec![instr, like] } else { vec![like] },
    )
}

/// Variants for three measurements of a condition by itself, then three for the builder.
pub const ALONE: [usize; 3] = [0, 1, 2];
pub const BUILDER: [(usize, usize); 2] = [(3, 4), (5, 6)];

/// A dozen kinds of questions that marketers ask.
#[rustfmt::skip]
pub const SORTS: &[Sort] = &[
    Sort { name: "a common tag", scans: false, make: |n, names, _| {
        match ["Webshop", "Store-Visit", "Interest-Shoes", "Member", "Birthday-Card", "Do-Not-Call", "Press"].get(n) {
            Some(tag) => tagged(tag, names),
            None => Ok(None),
        }
    } },
    Sort { name: "a rare tag", scans: false, make: |n, names, _| tagged(&format!("Topic-{}", 180 + n), names) },
    Sort { name: "country is", scans: false, make: |n, _, _| {
        let Some(code) = ["FR", "NL", "ES", "IT", "PL", "AT", "JP"].get(n) else { return Ok(None) };
        Condition::new(format!("country is {code}"), &[("f", "country"), ("o", "is"), ("v:0", code)],
            vec![("index", format!("SELECT id FROM customers WHERE country = '{code}'"))])
    } },
    Sort { name: "city contains", scans: true, make: |n, _, kind| {
        containing("city", ["stock", "hamb", "lond", "lyon", "oslo", "graz", "toky"].get(n), kind)
    } },
    Sort { name: "name contains", scans: true, make: |n, _, kind| {
        containing("name", ["olss", "schmi", "tanak", "karls", "fisch", "wagn", "strand"].get(n), kind)
    } },
    Sort { name: "email contains", scans: true, make: |n, _, kind| {
        containing("email", ["telia", "icloud", "sofia", "hotm", "firma", "astrid", "yahoo"].get(n), kind)
    } },
    Sort { name: "a custom number between", scans: false, make: |n, names, _| {
        let (from, to) = (1003 + n, 3001 + n);
        Condition::new(format!("custom.points between {from} and {to}"),
            &[("f", "custom.points"), ("o", "between"), ("v:0", &from.to_string()), ("v:1", &to.to_string())],
            vec![("index", format!("SELECT customer_id FROM custom_values WHERE field_id = {} AND number BETWEEN {from}000000 AND {to}000000", names.field("points")?))])
    } },
    Sort { name: "a custom text is any of", scans: false, make: |n, names, _| {
        let Some((a, b)) = [("free", "pro"), ("basic", "pro"), ("free", "basic"), ("free", "enterprise"), ("basic", "enterprise"), ("free", "none"), ("pro", "none")].get(n) else { return Ok(None) };
        Condition::new(format!("custom.plan is any of ({a}, \"{b}\")"), &[("f", "custom.plan"), ("o", "is_any_of"), ("v:0", a), ("v:0", b)],
            vec![("index", format!("SELECT customer_id FROM custom_values WHERE field_id = {} AND folded IN ('{a}', '{b}')", names.field("plan")?))])
    } },
    Sort { name: "created before", scans: false, make: |n, _, _| {
        let day = format!("2023-03-{:02}", n + 3);
        Condition::new(format!("created_at before {day}"), &[("f", "created_at"), ("o", "before"), ("v:0", &day)],
            vec![("index", format!("SELECT id FROM customers WHERE created_at < '{day} 00:00:00'"))])
    } },
    Sort { name: "last purchase more than N days ago", scans: false, make: |n, _, _| {
        let days = 101 + n as i64;
        let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 1).unwrap_or_default() - chrono::TimeDelta::days(days);
        Condition::new(format!("last_purchase_at more than {days} days ago"),
            &[("f", "last_purchase_at"), ("o", "more_than_ago"), ("v:0", &days.to_string()), ("v:1", "days")],
            vec![("index", format!("SELECT id FROM customers WHERE last_purchase_at < '{day} 00:00:00'"))])
    } },
    Sort { name: "total spent at least", scans: false, make: |n, _, _| {
        let amount = 101 + n;
        Condition::new(format!("total_spent >= {amount}"), &[("f", "total_spent"), ("o", "gte"), ("v:0", &amount.to_string())],
            vec![("index", format!("SELECT id FROM customers WHERE total_spent >= {amount}00"))])
    } },
    Sort { name: "opted in or out", scans: false, make: |n, _, _| {
        let Some((channel, state)) = [Some(("sms", "in")), None, None, Some(("sms", "out")), Some(("email", "out"))].get(n).copied().flatten() else { return Ok(None) };
        Condition::new(format!("{channel}_consent is opted {state}"),
            &[("f", &format!("{channel}_consent")), ("o", &format!("is_opted_{state}"))],
            vec![("index", format!("SELECT customer_id FROM consents WHERE channel = '{channel}' AND state = 'opted_{state}'"))])
    } },
    Sort { name: "in a static segment", scans: false, make: |n, names, _| {
        let name = format!("Batch {n}");
        if !names.has_segment(&name) { return Ok(None) }
        Condition::new(format!("segments in any of \"{name}\""), &[("f", "segments"), ("o", "in_any_of"), ("v:0", &name)],
            vec![("index", format!("SELECT customer_id FROM segment_members WHERE segment_id = {}", names.segment(&name)?))])
    } },
    Sort { name: "purchases any where", scans: false, make: |n, _, _| {
        let amount = 51 + n;
        Condition::new(format!("purchases any where (product is Boots and amount >= {amount})"),
            &[("f", "purchases"), ("o", "any_where"), ("k", "all"), ("f.0", "product"), ("o.0", "is"), ("v.0:0", "Boots"), ("f.1", "amount"), ("o.1", "gte"), ("v.1:0", &amount.to_string())],
            vec![("index", format!("SELECT customer_id FROM purchases WHERE product_folded = 'boots' AND amount >= {amount}00")),
                 ("DISTINCT", format!("SELECT DISTINCT customer_id FROM purchases WHERE product_folded = 'boots' AND amount >= {amount}00"))])
    } },
    Sort { name: "at least N tags", scans: false, make: |n, _, _| {
        let Some(least) = [3, 4, 5, 2, 6, 7, 1].get(n) else { return Ok(None) };
        Condition::new(format!("tags count >= {least}"), &[("f", "tags"), ("o", "count_gte"), ("v:0", &least.to_string())],
            vec![("GROUP BY", format!("SELECT customer_id FROM taggings GROUP BY customer_id HAVING count(*) >= {least}"))])
    } },
];
