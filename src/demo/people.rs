//! Makes up people: who they are, where they live, what they bought and when they were last seen.

use super::names::{COUNTRIES, Country};
use super::shop::{PRODUCTS, Product};
use crate::fold::fold;
use chrono::{NaiveDateTime, TimeDelta};
use fastrand::Rng;
use std::collections::HashSet;

/// One made-up customer.
pub struct Person {
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub external_id: Option<String>,
    pub country: &'static str,
    pub city: Option<&'static str>,
    pub language: Option<&'static str>,
    pub created_at: NaiveDateTime,
    pub last_seen_at: Option<NaiveDateTime>,
    /// Email, SMS, WhatsApp: `opted_in`, `opted_out` or nothing said.
    pub consents: [Option<&'static str>; 3],
    pub purchases: Vec<Bought>,
    /// Buys for a shop.
    pub shop: bool,
    pub mailable: bool,
    /// How long they have been here.
    pub years: f64,
    /// Days since they were seen; many when never.
    pub seen_days: i64,
}

pub struct Bought {
    pub product: &'static Product,
    pub amount: i64,
    pub at: NaiveDateTime,
}

impl Person {
    pub fn spent(&self) -> i64 {
        self.purchases.iter().map(|bought| bought.amount).sum()
    }
    /// Bought something with this in its name.
    pub fn bought(&self, part: &str) -> bool {
        self.purchases.iter().any(|bought| bought.product.name.contains(part))
    }
    pub fn in_(&self, country: &str) -> bool {
        self.country == country
    }
    pub fn city_is(&self, city: &str) -> bool {
        self.city == Some(city)
    }
}

/// How long Nordlicht has been in business, in days.
const DAYS: i64 = 1500;

/// Makes `many` people who all came before `midnight`, the newest last.
pub fn people(many: usize, midnight: NaiveDateTime, dice: &mut Rng) -> Vec<Person> {
    let mut taken = HashSet::new();
    // More came each year than the year before; the square root leans the days towards now.
    let mut days: Vec<f64> = (0..many).map(|_| DAYS as f64 * (1.0 - dice.f64().sqrt())).collect();
    days.sort_by(|a, b| b.total_cmp(a));
    days.into_iter().enumerate().map(|(number, ago)| person(number, ago, midnight, &mut taken, dice)).collect()
}

fn person(number: usize, ago: f64, midnight: NaiveDateTime, taken: &mut HashSet<String>, dice: &mut Rng) -> Person {
    let country = weighted(COUNTRIES, |country| country.share, dice);
    let shop = dice.f64() < 0.035;
    let created_at = in_the_daytime(midnight - seconds(ago), midnight, dice);
    let city = (dice.f64() < 0.93).then(|| leaning(country.cities, dice));
    let family = word(country.culture.family, dice);
    let (name, email) = if shop {
        let kind = leaning(country.culture.shop, dice);
        let of = city.filter(|_| dice.f64() < 0.3).unwrap_or(family);
        let name = format!("{kind} {of}");
        let host = ascii(&name).replace(' ', "-");
        let mailbox = ["info", "order", "office", "shop"][dice.usize(..4)];
        (name, format!("{mailbox}@{host}.example"))
    } else {
        let given = word(country.culture.given, dice);
        let (first, last) = (ascii(given), ascii(family));
        let local = match dice.u8(..6) {
            0..=2 => format!("{first}.{last}"),
            3 => format!("{}.{last}", &first[..1]),
            4 => format!("{first}{last}"),
            _ => format!("{first}.{last}{}", dice.u8(60..99)),
        };
        (format!("{given} {family}"), format!("{}@{}", local.replace(' ', ""), leaning(country.mail, dice)))
    };
    let purchases = purchases(shop, created_at, midnight, dice);
    let last_bought = purchases.iter().map(|bought| bought.at).max();
    let last_seen_at = match last_bought {
        // Whoever bought was here then at the latest; most came back to look around.
        Some(at) if dice.f64() < 0.75 => Some(recent(at, midnight, dice)),
        Some(at) => Some(at),
        None if dice.f64() < 0.8 => Some(recent(created_at, midnight, dice)),
        None => None,
    };
    let consents = [consent(0.66, 0.13, dice), consent(0.17, 0.06, dice), consent(0.22, 0.05, dice)];
    let language = leaning(country.language, dice);
    Person {
        name,
        email: (dice.f64() < 0.94).then(|| unused(email, taken)),
        phone: (dice.f64() < 0.58).then(|| phone(country, taken, dice)).flatten(),
        external_id: (dice.f64() < 0.97).then(|| format!("K-{}", 10_000 + number * 7)),
        country: country.code,
        city,
        language: (dice.f64() < 0.9).then_some(language),
        created_at,
        last_seen_at,
        mailable: consents[0] == Some("opted_in"),
        consents,
        purchases,
        shop,
        years: ago / 365.0,
        seen_days: last_seen_at.map_or(9999, |at| (midnight - at).num_days()),
    }
}

fn purchases(shop: bool, since: NaiveDateTime, midnight: NaiveDateTime, dice: &mut Rng) -> Vec<Bought> {
    // A third only looks; of the others, each order makes the next one a little likelier to come.
    // Nobody orders every day.
    let most = 1 + (midnight - since).num_days() as usize / 20;
    let mut many = usize::from(dice.f64() < 0.68);
    let again = if shop { 0.88 } else { 0.71 };
    while many > 0 && many < most.min(40) && dice.f64() < again {
        many += 1;
    }
    let span = (midnight - since).num_seconds().max(1) as f64;
    let mut bought: Vec<_> = (0..many)
        .map(|nth| {
            let product = weighted(PRODUCTS, |product| product.weight, dice);
            let pieces = if shop { dice.i64(4..25) } else { 1 + i64::from(dice.f64() < 0.12) };
            let after = if nth == 0 { dice.f64() * 0.1 } else { dice.f64() };
            let at = in_the_daytime(since + TimeDelta::seconds((span * after) as i64), midnight, dice).max(since);
            Bought { product, amount: product.price * pieces, at }
        })
        .collect();
    bought.sort_by_key(|bought| bought.at);
    bought
}

/// Some moment between two, most likely close to the later one.
fn recent(from: NaiveDateTime, to: NaiveDateTime, dice: &mut Rng) -> NaiveDateTime {
    let span = (to - from).num_seconds().max(1) as f64;
    to - TimeDelta::seconds((span * dice.f64().powi(3)) as i64).max(TimeDelta::seconds(60))
}

/// The same day at an hour when people are awake, and never past midnight of today.
fn in_the_daytime(at: NaiveDateTime, midnight: NaiveDateTime, dice: &mut Rng) -> NaiveDateTime {
    between_hours(6, 21, at, midnight, dice)
}

/// The same day between two hours, and never past midnight of today.
pub fn between_hours(from: i64, to: i64, at: NaiveDateTime, midnight: NaiveDateTime, dice: &mut Rng) -> NaiveDateTime {
    let day = at.date().min((midnight - TimeDelta::seconds(1)).date());
    let second = dice.i64(from * 3600..to * 3600);
    day.and_hms_opt(0, 0, 0).unwrap_or(at) + TimeDelta::seconds(second)
}

fn seconds(days: f64) -> TimeDelta {
    TimeDelta::seconds((days * 86_400.0) as i64)
}

fn consent(opted_in: f64, opted_out: f64, dice: &mut Rng) -> Option<&'static str> {
    match dice.f64() {
        x if x < opted_in => Some("opted_in"),
        x if x < opted_in + opted_out => Some("opted_out"),
        _ => None,
    }
}

fn phone(country: &Country, taken: &mut HashSet<String>, dice: &mut Rng) -> Option<String> {
    (0..20).find_map(|_| {
        let number: String = country.phone.chars().map(|c| if c == '#' { dice.digit(10) } else { c }).collect();
        taken.insert(number.clone()).then_some(number)
    })
}

fn unused(email: String, taken: &mut HashSet<String>) -> String {
    if taken.insert(email.clone()) {
        return email;
    }
    let (local, host) = email.split_once('@').unwrap_or((&email, "nordmail.example"));
    (2..)
        .map(|number| format!("{local}{number}@{host}"))
        .find(|email| taken.insert(email.clone()))
        .unwrap_or_else(|| email.clone())
}

/// What people make of their name in an address.
fn ascii(name: &str) -> String {
    fold(name)
        .chars()
        .map(|c| match c {
            'ø' => 'o',
            'æ' => 'a',
            'ł' => 'l',
            'đ' => 'd',
            c => c,
        })
        .filter(|c| c.is_ascii_alphanumeric() || *c == ' ')
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn word(words: &'static str, dice: &mut Rng) -> &'static str {
    let words: Vec<_> = words.split_whitespace().collect();
    words[dice.usize(..words.len())]
}

/// One of a comma list, the first ones more often.
fn leaning(list: &'static str, dice: &mut Rng) -> &'static str {
    let items: Vec<_> = list.split(',').collect();
    items[((dice.f64().powf(1.6)) * items.len() as f64) as usize % items.len()]
}

fn weighted<'a, T>(rows: &'a [T], weight: impl Fn(&T) -> u32, dice: &mut Rng) -> &'a T {
    let all: u32 = rows.iter().map(&weight).sum();
    let mut at = dice.u32(..all);
    rows.iter()
        .find(|row| {
            let here = weight(row);
            let found = at < here;
            at = at.saturating_sub(here);
            found
        })
        .unwrap_or(&rows[0])
}
