//! The database that all share: a few thousand customers with tags, consents, values, purchases and memberships. Many of
//! their times lie seconds from now, or from where `in the last 2 minutes` and the like begin, so that time passes them.

use crate::random_filters::pick;
use crate::support::{campaign, colleague};
use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use fastrand::Rng;
use muster::agents::Caller;
use muster::custom_fields::{self, CustomField};
use muster::db::schema::{custom_fields as fields, customers, segments, tags};
use muster::db::{Conn, Db, Trouble};
use muster::filters::Rule;
use muster::filters::fields::Fields;
use muster::fold::fold;
use muster::purchases;
use muster::segments::{Kind, Segment, Wish};
use muster::tags::Tag;
use muster::workspace::{Clock, stamp};

const MANY: u32 = 2_500;

/// These stay what they are.
pub const TAGS: [&str; 8] = ["VIP", "VIP-old", "Wholesale", "Café", "Press", "Spring", "Winter", "Trial"];
/// These are deleted and made anew,
pub const PASSING: [&str; 2] = ["Stand-in", "Seasonal"];
/// and these are called one thing or another.
pub const CALLED: [&str; 6] = ["Wanderer", "Vagabond", "Vip again", "Press again", "Rover", "Very old"];
pub const STATIC: [&str; 3] = ["Picked", "Chosen", "Kept"];
pub const DYNAMIC: [(&str, &str); 4] = [
    ("Fresh", "purchases any where (purchased_at in the last 2 minutes) or last_seen_at in the last 1 minutes"),
    ("Soon", "purchases any where (purchased_at in the next 2 minutes and amount >= 20)"),
    ("VIPs", "tags contains VIP and email_consent is not opted out"),
    ("Quiet VIPs", "segments in any of VIPs and not (segments in any of (Fresh, Soon))"),
];
pub const AGENTS: [&str; 2] = ["Mara", "Jonas"];
pub const CAMPAIGNS: [&str; 2] = ["Autumn", "Winter"];
pub const FIELDS: [(&str, &str); 6] = [
    ("plan", "text"),
    ("former", "text"),
    ("spend", "number"),
    ("birthday", "date"),
    ("member", "yes/no"),
    ("size", "choice"),
];
pub const NAMES: [&str; 6] = ["Ana Brandt", "ANA", "Zoë O'Brien", "Bo", "Señor _", "ß"];
pub const CITIES: [&str; 6] = ["São Paulo", "sao paulo", "Göteborg", "100%_sure", "New York", "York"];
pub const COUNTRIES: [&str; 4] = ["SE", "NO", "DE", "IN"];
pub const LANGUAGES: [&str; 3] = ["en", "sv", "de"];
pub const PRODUCTS: [&str; 4] = ["Boots", "Winter Hat", "100% Wool", "boots_old"];
pub const PLANS: [&str; 4] = ["pro", "Pro", "free", "énterprise"];
pub const CHANNELS: [&str; 3] = ["email", "sms", "whatsapp"];
/// Tables whose rows are a customer's.
pub const CHILDREN: [&str; 5] = ["taggings", "consents", "segment_members", "custom_values", "purchases"];

pub fn clock() -> Clock {
    Clock { now: Utc::now(), zone: chrono_tz::UTC }
}

/// A moment that something passes soon, or passed: near now, and near where spans begin and end.
pub fn moment(dice: &mut Rng) -> NaiveDateTime {
    let edge = pick(&[0, 0, 0, -60, -120, -180, -3_600, -7_200, 60, 120, 3_600, -86_400, -40_000_000], dice);
    stamp(Utc::now()) + TimeDelta::seconds(edge) + TimeDelta::microseconds(dice.i64(-45_000_000..60_000_000))
}

/// A moment as a literal of SQL.
pub fn at(dice: &mut Rng) -> String {
    format!("'{}'", moment(dice).format("%F %T%.f"))
}

/// A text as a literal of SQL.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text and its folded form, or neither.
pub fn folded(list: &[&str], dice: &mut Rng) -> String {
    if dice.u8(..5) == 0 {
        return "NULL, NULL".into();
    }
    let text = pick(list, dice);
    format!("{}, {}", quoted(text), quoted(&fold(text)))
}

/// A key out of a few thousand, so that two customers want the same one now and then.
pub fn key(shape: impl Fn(u32) -> String, dice: &mut Rng) -> Option<String> {
    (dice.u8(..4) > 0).then(|| shape(dice.u32(..9_000)))
}

pub fn email(number: u32) -> String {
    format!("p{number}@{}", ["example.com", "mail.example.com", "example.org"][number as usize % 3])
}

pub fn phone(number: u32) -> String {
    format!("{}{number:05}", ["+467000", "+5511900"][number as usize % 2])
}

pub fn external_id(number: u32) -> String {
    format!("C{number:04}")
}

/// The columns of a customer for [`values`].
pub const COLUMNS: &str = "name, name_folded, city, city_folded, language, language_folded, country, created_at, \
                           updated_at, last_seen_at, email, email_folded, phone, external_id, external_id_folded";

/// A customer for an INSERT. A key that is not given is nobody's.
pub fn values(email: Option<&str>, phone: Option<&str>, external_id: Option<&str>, dice: &mut Rng) -> String {
    let key = |key: Option<&str>| key.map_or("NULL".to_string(), quoted);
    let both = |text: Option<&str>| format!("{}, {}", key(text), key(text.map(fold).as_deref()));
    [
        folded(&NAMES, dice),
        folded(&CITIES, dice),
        folded(&LANGUAGES, dice),
        quoted(pick(&COUNTRIES, dice)),
        at(dice),
        at(dice),
        at(dice),
        both(email),
        key(phone),
        both(external_id),
    ]
    .join(", ")
}

/// One statement of plain SQL.
pub fn say(text: impl AsRef<str>, conn: &mut Conn) -> QueryResult<usize> {
    sql_query(text.as_ref()).execute(conn)
}

/// Many customers whose keys are spread over all there are, so that there is room for others.
pub fn settle(dice: &mut Rng, conn: &mut Conn) -> QueryResult<()> {
    let rows: Vec<String> = (0..MANY)
        .map(|n| {
            let mut some = |key: String| (dice.u8(..4) > 0).then_some(key);
            let (email, phone, external_id) = (some(email(n * 3)), some(phone(n * 3)), some(external_id(n * 3)));
            format!("({})", values(email.as_deref(), phone.as_deref(), external_id.as_deref(), dice))
        })
        .collect();
    for some in rows.chunks(500) {
        say(format!("INSERT INTO customers ({COLUMNS}) VALUES {} ON CONFLICT DO NOTHING", some.join(", ")), conn)?;
    }
    Ok(())
}

/// Gives about a third of the customers something of this kind, a few of them at each moment.
pub fn restock(table: &str, dice: &mut Rng, conn: &mut Conn) -> QueryResult<()> {
    let tags: Vec<i64> = tags::table.select(tags::id).load(conn)?;
    let segments: Vec<i64> = segments::table.filter(segments::kind.eq("static")).select(segments::id).load(conn)?;
    let fields: Vec<(i64, String)> = fields::table.select((fields::id, fields::key)).load(conn)?;
    for _ in 0..40 {
        let part = dice.u8(..120);
        let who = format!("FROM customers WHERE id % 120 = {part} ON CONFLICT DO NOTHING");
        let when = at(dice);
        let text = match table {
            "taggings" => {
                let source = quoted(pick(&["profile", "import", "campaign", "api"], dice));
                let end = if dice.bool() { at(dice) } else { "NULL".into() };
                format!(
                    "(customer_id, tag_id, tagged_at, actor, source, expires_at) SELECT id, {}, {when}, 'x', {source}, {end}",
                    pick(&tags, dice)
                )
            }
            "consents" => {
                let said = quoted(pick(&["opted_in", "opted_out"], dice));
                let channel = quoted(pick(&CHANNELS, dice));
                format!("(customer_id, channel, state, changed_at, source) SELECT id, {channel}, {said}, {when}, 'x'")
            }
            "segment_members" => {
                format!("(customer_id, segment_id, added_at) SELECT id, {}, {when}", pick(&segments, dice))
            }
            "custom_values" => {
                let (id, key) = &fields[dice.usize(..fields.len())];
                format!("(customer_id, field_id, value, folded, number) SELECT id, {id}, {}", value(key, dice))
            }
            _ => {
                let (product, amount) = (folded(&PRODUCTS, dice), dice.i64(0..60) * 100);
                format!(
                    "(customer_id, product, product_folded, amount, currency, purchased_at) \
                     SELECT id, {product}, {amount}, 'EUR', {when}"
                )
            }
        };
        say(format!("INSERT INTO {table} {text} {who}"), conn)?;
    }
    Ok(())
}

/// A value of this custom field: as read, folded, and as a number.
fn value(key: &str, dice: &mut Rng) -> String {
    match key {
        "spend" => {
            let whole = dice.i64(-3..120);
            format!("'{whole}', NULL, {}", whole * 1_000_000)
        }
        "birthday" => {
            use chrono::Datelike;
            let day =
                Utc::now().date_naive() + TimeDelta::days(dice.i64(-9..9)) - TimeDelta::days(dice.i64(0..2) * 7_305);
            format!("'{day}', NULL, {}", day.num_days_from_ce())
        }
        "member" => pick(&["'yes', NULL, 1", "'no', NULL, 0"], dice).to_string(),
        "size" => format!("{}, NULL", folded(&["S", "M", "L"], dice).replace("NULL, NULL", "'S', 's'")),
        _ => format!("{}, NULL", folded(&PLANS, dice).replace("NULL, NULL", "'free', 'free'")),
    }
}

/// Fills an empty database.
pub fn open(db: &Db) -> Result<(), Trouble> {
    let dice = &mut Rng::new();
    db.write_now::<(), Trouble>(|conn| {
        let (clock, caller) = (clock(), Caller::command_line());
        for (key, kind) in FIELDS {
            let wish = custom_fields::Wish {
                key: key.into(),
                label: key.into(),
                kind: kind.into(),
                choices: "S\nM\nL".into(),
            };
            CustomField::create(&wish, conn, clock.stamp()).expect("a field");
        }
        for tag in TAGS.iter().chain(&PASSING).chain(&CALLED[..2]) {
            Tag::find_or_create(tag, conn, clock.stamp())?;
        }
        for name in STATIC {
            let wish = Wish { name: name.into(), kind: Kind::Static, rule: None, private: false };
            Segment::create(&wish, &caller, conn, &clock).expect("a segment");
        }
        for (name, asked) in DYNAMIC {
            let rule = Rule::read(asked, &Fields::load(conn)?).expect("a filter");
            let wish = Wish { name: name.into(), kind: Kind::Dynamic, rule: Some(rule), private: false };
            Segment::create(&wish, &caller, conn, &clock).expect("a segment");
        }
        for name in CAMPAIGNS {
            campaign(name, conn);
        }
        for name in AGENTS {
            colleague(name, conn);
        }
        settle(dice, conn)?;
        for table in CHILDREN {
            for _ in 0..4 {
                restock(table, dice, conn)?;
            }
            // Where those are put away who are deleted to be brought back.
            say(format!("CREATE TABLE gone_{table} AS SELECT * FROM {table} WHERE 1 = 0"), conn)?;
        }
        say("CREATE TABLE gone_customers AS SELECT * FROM customers WHERE 1 = 0", conn)?;
        let everybody: Vec<i64> = customers::table.select(customers::id).load(conn)?;
        purchases::recount(&everybody, conn)?;
        Ok(())
    })?;
    muster::db::dialect::analyze(&mut *db.conn()?)?;
    Ok(())
}
