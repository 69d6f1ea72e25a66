//! Five customers, each there for a reason, at one fixed moment in São Paulo.

use chrono::{DateTime, TimeDelta, Utc};
use muster::agents::Caller;
use muster::custom_fields::{self, CustomField};
use muster::customers::history::{self, By};
use muster::customers::{Channel, Consent, Customer, Draft, clean, set_consent};
use muster::db::{Conn, Db, Trouble};
use muster::filters::Rule;
use muster::filters::fields::Fields;
use muster::purchases::{self, Bought};
use muster::segments::{self, Kind, Segment, Wish};
use muster::tags::{self, Mark, Source, Tag};
use muster::workspace::{Clock, Workspace};

/// Tuesday 8 September 2026, noon in São Paulo.
pub const NOW: &str = "2026-09-08T15:00:00Z";

/// The moment of the world, and its zone.
pub fn clock() -> Clock {
    Clock { now: NOW.parse::<DateTime<Utc>>().expect("a time"), zone: chrono_tz::America::Sao_Paulo }
}

/// Whoever puts things into the world, by this clock.
pub fn by(clock: &Clock) -> By {
    By::of(&Caller::command_line(), history::Source::CommandLine, clock.stamp())
}

struct Person {
    name: &'static str,
    email: &'static str,
    phone: &'static str,
    tags: &'static [&'static str],
    city: &'static str,
    country: &'static str,
    last_seen: &'static str,
    consent: &'static str,
    /// One purchase when last seen: minor units.
    bought: Option<i64>,
    /// The custom fields: plan (text), spend (number), birthday (date), member (yes/no), size (choice).
    custom: [&'static str; 5],
}

#[rustfmt::skip]
const PEOPLE: [Person; 5] = [
    // Written with accents; seen yesterday by her own clock, today by UTC.
    Person { name: "Ana", email: "ana@example.com", phone: "+5511912345678", tags: &["VIP"], city: "São Paulo", country: "BR", last_seen: "2026-09-07T21:49:00-03:00", consent: "opted in", bought: Some(12_000), custom: ["pro", "120", "1990-09-08", "yes", "M"] },
    // The same city as people type it; a tag that only begins with VIP; exactly on the edge of 90 days.
    Person { name: "Bo", email: "bo@example.org", phone: "", tags: &["VIP-old", "Wholesale"], city: "sao paulo", country: "BR", last_seen: "2026-06-10T00:00:00-03:00", consent: "opted out", bought: Some(0), custom: ["", "0", "1988-02-29", "no", "L"] },
    // At a subdomain; no city; a second short of the edge of 90 days; never asked for consent.
    Person { name: "Cy", email: "cy@mail.example.com", phone: "+4740001234", tags: &["VIP", "Wholesale"], city: "", country: "NO", last_seen: "2026-06-09T23:59:59-03:00", consent: "", bought: Some(1_550), custom: ["free", "", "2001-09-15", "", "M"] },
    // No address, no tags at all, a city of two spaces, never seen.
    Person { name: "Di", email: "", phone: "", tags: &[], city: "  ", country: "", last_seen: "", consent: "opted in", bought: None, custom: ["Pro", "15.5", "", "yes", ""] },
    // A tag with spaces around it in other case, a city full of wildcards, seen in the future.
    Person { name: "Eva", email: "eva@example.com", phone: "", tags: &[" vip "], city: "100%_sure", country: "SE", last_seen: "2026-12-01T10:00:00-03:00", consent: "opted in", bought: Some(100_000), custom: ["PRO", "1000", "2026-09-08", "no", "S"] },
];

/// Key and type of the custom fields, in the order of [`Person::custom`].
const CUSTOM: [(&str, &str); 5] =
    [("plan", "text"), ("spend", "number"), ("birthday", "date"), ("member", "yes/no"), ("size", "choice")];

/// The ids of the five, in order: `people.ana`.
#[derive(Clone, Copy, Debug)]
pub struct People {
    pub ana: i64,
    pub bo: i64,
    pub cy: i64,
    pub di: i64,
    pub eva: i64,
}

/// Puts the five into an empty workspace. Their `last_seen_at` is the moment that SPEC calls last purchase.
pub fn world(db: &Db) -> People {
    let ids = db
        .write_now::<_, Trouble>(|conn| {
            let zone = chrono_tz::America::Sao_Paulo;
            Workspace { name: "Casa Verde".into(), zone, ..Workspace::default() }.save(conn)?;
            PEOPLE.iter().enumerate().map(|(at, person)| add(at, person, conn)).collect::<Result<Vec<i64>, _>>()
        })
        .expect("the five customers");
    People { ana: ids[0], bo: ids[1], cy: ids[2], di: ids[3], eva: ids[4] }
}

fn add(number: usize, person: &Person, conn: &mut Conn) -> Result<i64, Trouble> {
    let clock = clock();
    let noon_of_august_30 = clock.stamp() - TimeDelta::days(9);
    let typed = |cleaned: Result<Option<String>, String>| cleaned.expect("the world is typed rightly");
    let draft = Draft {
        name: typed(clean::text(person.name, 200)),
        email: typed(clean::email(person.email)),
        phone: typed(clean::phone(person.phone, None)),
        external_id: typed(clean::external_id(&format!("c{}", number + 1))),
        country: typed(clean::country(person.country)),
        city: typed(clean::text(person.city, 200)),
        language: None,
        // One day after the other.
        created_at: Some(noon_of_august_30 + TimeDelta::days(number as i64)),
        last_seen_at: clean::time(person.last_seen, clock.zone).expect("a time"),
    };
    let customer =
        Customer::create(&draft, &by(&clock), conn).unwrap_or_else(|problem| panic!("{}: {problem}", person.name));
    let mark = Mark::of(&Caller::command_line(), Source::Import(1_000), clock.stamp());
    for name in person.tags {
        let name = Tag::clean(name).expect("a tag's name");
        let (tag, _) = Tag::find_or_create(&name, conn, clock.stamp())?;
        tags::add(customer.id, tag.id, &mark, conn)?;
    }
    let consent = clean::consent(person.consent).expect("a consent").unwrap_or(Consent::Unknown);
    set_consent(customer.id, Channel::Email, consent, &by(&clock), conn)?;
    if let (Some(amount), Some(at)) = (person.bought, customer.last_seen_at) {
        let bought = Bought { external_id: None, product: Some("Boots".into()), amount, currency: "EUR".into(), at };
        purchases::record(customer.id, &bought, conn)?;
    }
    Ok(customer.id)
}

/// The five with what the business wants to know besides: the custom fields of [`CUSTOM`].
pub fn world_with_fields(db: &Db) -> People {
    let people = world(db);
    db.write_now::<_, Trouble>(|conn| {
        for (place, (key, kind)) in CUSTOM.iter().enumerate() {
            let wish = custom_fields::Wish {
                key: key.to_string(),
                label: key[..1].to_uppercase() + &key[1..],
                kind: kind.to_string(),
                choices: "S\nM\nL".into(),
            };
            let field = CustomField::create(&wish, conn, clock().stamp()).expect("a custom field");
            for (person, id) in PEOPLE.iter().zip([people.ana, people.bo, people.cy, people.di, people.eva]) {
                let value = field.clean(person.custom[place]).expect("a value");
                custom_fields::set(id, &field, value.as_ref(), &by(&clock()), conn)?;
            }
        }
        Ok(())
    })
    .expect("the custom fields");
    people
}

/// Three segments over the five: `VIPs` and `VIPs in Brazil` are filters, the second asking for the first; `Picked` is
/// Ana and Di.
pub fn audiences(db: &Db) {
    let caller = Caller::command_line();
    let wish = |name: &str, kind, filter: &str| Wish {
        name: name.into(),
        kind,
        rule: Some(Rule::read(filter, Fields::built_in()).expect("a filter")),
        private: false,
    };
    db.write_now::<_, segments::Problem>(|conn| {
        for wish in [
            wish("VIPs", Kind::Dynamic, "tags contains VIP"),
            wish("Picked", Kind::Static, "name is any of (Ana, Di)"),
            wish("VIPs in Brazil", Kind::Dynamic, "segments in any of VIPs and country is BR"),
        ] {
            Segment::create(&wish, &caller, conn, &clock())?;
        }
        Ok(())
    })
    .expect("three segments");
}

/// The tag is gone from one moment to the next, as if the database had lost it.
pub fn lose_tag(db: &Db, name: &str) {
    use diesel::prelude::*;
    use muster::db::schema::tags;
    db.write_now::<_, Trouble>(|conn| {
        diesel::delete(tags::table.filter(tags::name.eq(name))).execute(conn)?;
        Ok(())
    })
    .expect("the tag goes");
}
