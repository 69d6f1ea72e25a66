//! Random customers, random filters, and a second opinion on each: what the product selects is what [`crate::oracle`]
//! works out in memory, on both databases, by SQL and as sets, in every spelling, in zones with short and long days.

use crate::oracle::{Oracle, Person, Purchase, Tagged, Talk};
use crate::random_filters::{Words, condition, pick, tree};
use crate::support::{by, campaign, colleague, for_each_database, recipient, talk};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use fastrand::Rng;
use muster::agents::Caller;
use muster::custom_fields::{self, CustomField};
use muster::customers::{Channel, Consent, Customer, Draft, clean, set_consent};
use muster::db::schema::{campaigns, customers};
use muster::db::{Conn, Db, Trouble};
use muster::filters::builder::Builder;
use muster::filters::fields::{Field, Fields, Scope};
use muster::filters::operators::Input;
use muster::filters::rule::Join;
use muster::filters::sets::Snapshot;
use muster::filters::{Filter, Rule, form, waterfall, why};
use muster::purchases::{self, Bought};
use muster::segments::{Kind, Segment, Wish};
use muster::tags::{self, Lasting, Mark, Source, Tag};
use muster::workspace::{Clock, Workspace};
use std::collections::{BTreeSet, HashMap};

const TAGS: [&str; 5] = ["VIP", "VIP-old", "Wholesale", "Café", "Press"];
const PRODUCTS: [&str; 4] = ["Boots", "Winter Hat", "100% Wool", "boots_old"];
const CITIES: [&str; 6] = ["São Paulo", "sao paulo", "Göteborg", "100%_sure", "New York", "York"];
const NAMES: [&str; 6] = ["Ana Brandt", "ANA", "Zoë O'Brien", "Bo", "Señor _", "ß"];
const PLANS: [&str; 4] = ["pro", "Pro", "free", "énterprise"];
const AGENTS: [&str; 2] = ["Mara", "Jonas"];
const CAMPAIGNS: [&str; 3] = ["Autumn", "Any way", "Any"];
const DYNAMIC: [(&str, &str); 3] = [
    ("VIPs", "tags contains VIP"),
    ("Quiet VIPs", "segments in any of VIPs and last_purchase_at not in the last 30 days"),
    ("Not quiet", "not (segments in any of \"Quiet VIPs\")"),
];

/// A world and who is in it.
struct World {
    oracle: Oracle,
    people: Vec<(i64, Person)>,
    fields: Fields,
    clock: Clock,
}

/// Zones and moments with short and long days, leap days and year's ends near.
const MOMENTS: [(&str, &str); 6] = [
    ("America/Sao_Paulo", "2026-09-08T15:00:00Z"),
    ("Europe/Berlin", "2026-03-29T11:30:00Z"),
    ("Europe/Berlin", "2026-10-25T00:30:00Z"),
    ("Pacific/Auckland", "2028-02-28T13:00:00Z"),
    ("Asia/Kolkata", "2027-02-28T20:00:00Z"),
    ("UTC", "2027-01-01T00:00:00Z"),
];

/// Moments where mistakes hide: local midnights and now, each a moment before, on it and after.
fn moment(clock: &Clock, dice: &mut Rng) -> NaiveDateTime {
    let days = pick(&[0, 1, 1, 2, 7, 30, 31, 90, 365, 400], dice) * pick(&[1, 1, 1, -1], dice);
    let near = match dice.u8(..3) {
        0 => clock.stamp() - TimeDelta::days(days),
        1 => clock.midnight(clock.today() - TimeDelta::days(days)),
        _ => clock.stamp() - TimeDelta::minutes(dice.i64(-100_000..600_000)),
    };
    near + pick(&[TimeDelta::zero(), TimeDelta::microseconds(1), TimeDelta::microseconds(-1)], dice)
}

fn birthday(clock: &Clock, dice: &mut Rng) -> String {
    match dice.u8(..4) {
        0 => "2000-02-29".into(),
        1 => (clock.today() + TimeDelta::days(dice.i64(-3..9)) - TimeDelta::days(365 * 20 + 5)).to_string(),
        2 => clock.today().to_string(),
        _ => (clock.today() + TimeDelta::days(dice.i64(-60..60))).to_string(),
    }
}

fn world(number: usize, many: usize, dice: &mut Rng, conn: &mut Conn) -> Result<World, Trouble> {
    let (zone, now) = MOMENTS[number % MOMENTS.len()];
    let clock = Clock { now: now.parse::<DateTime<Utc>>().expect("a moment"), zone: zone.parse().expect("a zone") };
    Workspace { zone: clock.zone, ..Workspace::default() }.save(conn)?;
    for (key, kind) in
        [("plan", "text"), ("spend", "number"), ("birthday", "date"), ("member", "yes/no"), ("size", "choice")]
    {
        let wish =
            custom_fields::Wish { key: key.into(), label: key.into(), kind: kind.into(), choices: "S\nM\nL".into() };
        CustomField::create(&wish, conn, clock.stamp()).expect("a field");
    }
    let custom = CustomField::all(conn)?;
    let caller = Caller::command_line();
    let wish = |name: &str, kind, rule| Wish { name: name.into(), kind, rule, private: false };
    let picked = Segment::create(&wish("Picked", Kind::Static, None), &caller, conn, &clock).expect("a segment");
    let mut segments = HashMap::new();
    for tag in TAGS {
        Tag::find_or_create(tag, conn, clock.stamp())?;
    }
    for (name, asked) in DYNAMIC {
        let rule = Rule::read(asked, &Fields::load(conn)?).expect("a filter");
        segments.insert(name, rule.clone());
        Segment::create(&wish(name, Kind::Dynamic, Some(rule)), &caller, conn, &clock).expect("a segment");
    }
    for name in CAMPAIGNS {
        campaign(name, conn);
    }
    for name in AGENTS {
        colleague(name, conn);
    }
    let mut people = Vec::new();
    for number in 0..many {
        let person = person(number, &clock, dice);
        let id = keep(&person, &custom, picked.id, &clock, conn)?;
        people.push((id, person));
    }
    let fields = Fields::load(conn)?;
    Ok(World { oracle: Oracle { now: clock.now, zone: clock.zone, segments }, people, fields, clock })
}

fn person(number: usize, clock: &Clock, dice: &mut Rng) -> Person {
    let mut person = Person::default();
    let mut some = |key, value: String, dice: &mut Rng| {
        if dice.u8(..4) > 0 {
            person.texts.insert(key, value);
        }
    };
    some("name", pick(&NAMES, dice).into(), dice);
    some("email", format!("p{number}@{}", pick(&["example.com", "mail.example.com", "example.org"], dice)), dice);
    some("external_id", format!("C{number:03}"), dice);
    some("country", pick(&["SE", "NO", "DE", "IN"], dice).into(), dice);
    some("city", pick(&CITIES, dice).into(), dice);
    some("language", pick(&["en", "sv", "de"], dice).into(), dice);
    person.times.insert("created_at", moment(clock, dice));
    if dice.bool() {
        person.times.insert("last_seen_at", moment(clock, dice));
    }
    for tag in TAGS {
        if dice.u8(..3) == 0 {
            let by = pick(&["agent", "import", "API", "campaign"], dice);
            let until = (dice.u8(..3) == 0).then(|| moment(clock, dice));
            person.tags.push(Tagged { name: tag, at: moment(clock, dice), by, until });
        }
    }
    for channel in ["email", "sms", "whatsapp"] {
        if dice.bool() {
            person.consents.insert(channel, dice.bool());
        }
    }
    let spend = pick(&["0", "15.5", "-3", "120", "1000", "0.000001"], dice);
    for (key, value) in [
        ("plan", pick(&PLANS, dice).to_string()),
        ("spend", spend.into()),
        ("birthday", birthday(clock, dice)),
        ("member", pick(&["yes", "no"], dice).into()),
        ("size", pick(&["S", "M", "L"], dice).into()),
    ] {
        if dice.u8(..4) > 0 {
            person.custom.insert(key, value);
        }
    }
    for _ in 0..dice.u8(..4) {
        let product = Some(pick(&PRODUCTS, dice)).filter(|_| dice.u8(..6) > 0);
        let amount = pick(&[0, 1, 9_999, 10_000, 10_001, 55_000], dice);
        person.purchases.push(Purchase { product, amount, at: moment(clock, dice) });
    }
    if dice.bool() {
        person.member_of.insert("Picked");
    }
    for _ in 0..dice.u8(..3) {
        person.talks.push(Talk {
            channel: pick(&["chat", "email", "SMS", "WhatsApp"], dice),
            open: dice.bool(),
            agent: pick(&[None, Some(AGENTS[0]), Some(AGENTS[1])], dice),
            at: moment(clock, dice),
        });
    }
    for name in CAMPAIGNS {
        if dice.bool() {
            let status = pick(&["sent", "sent", "failed", "waiting", "excluded", "uncertain"], dice);
            person.messages.insert(name, (status, dice.u8(..4) == 0));
        }
    }
    person
}

fn keep(person: &Person, custom: &[CustomField], picked: i64, clock: &Clock, conn: &mut Conn) -> Result<i64, Trouble> {
    let text = |key: &str| person.texts.get(key).cloned();
    let draft = Draft {
        name: text("name"),
        email: text("email").map(|email| clean::email(&email).expect("an email").expect("filled")),
        phone: None,
        external_id: text("external_id"),
        country: text("country"),
        city: text("city"),
        language: text("language"),
        created_at: person.times.get("created_at").copied(),
        last_seen_at: person.times.get("last_seen_at").copied(),
    };
    let id = Customer::create(&draft, &by(clock), conn).unwrap_or_else(|problem| panic!("{problem}")).id;
    for tagged in &person.tags {
        let source = match tagged.by {
            "import" => Source::Import(1),
            "campaign" => Source::Campaign(1),
            "API" => Source::Api,
            _ => Source::Profile,
        };
        let (tag, _) = Tag::find_or_create(tagged.name, conn, clock.stamp())?;
        let lasting = tagged.until.map_or(Lasting::Unsaid, Lasting::Until);
        let mark = Mark::of(&Caller::command_line(), source, tagged.at).lasting(lasting);
        tags::add(id, tag.id, &mark, conn)?;
    }
    for (channel, said) in &person.consents {
        let channel = Channel::parse(channel).expect("a channel");
        let consent = if *said { Consent::OptedIn } else { Consent::OptedOut };
        set_consent(id, channel, consent, &by(clock), conn)?;
    }
    for field in custom {
        let value = person.custom.get(field.key.as_str()).map(|value| field.clean(value).expect("a value"));
        custom_fields::set(id, field, value.flatten().as_ref(), &by(clock), conn)?;
    }
    for Purchase { product, amount, at } in &person.purchases {
        let product = product.map(str::to_string);
        let bought = Bought { external_id: None, product, amount: *amount, currency: "EUR".into(), at: *at };
        purchases::record(id, &bought, conn)?;
    }
    for Talk { channel, open, agent, at } in &person.talks {
        let state = if *open { "open" } else { "closed" };
        let agent = agent.map(|name| colleague(name, conn));
        talk(id, &channel.to_lowercase(), state, agent, *at, conn);
    }
    for (name, (status, left)) in &person.messages {
        let of = campaigns::table.filter(campaigns::name.eq(*name)).select(campaigns::id).first(conn)?;
        recipient(of, id, status, *left, conn);
    }
    if person.member_of.contains("Picked") {
        let segment = Segment::find(picked, &Caller::command_line(), conn)?.expect("the segment");
        muster::segments::members::add(&segment, &[id], conn, clock).expect("a member");
    }
    Ok(id)
}

impl Words for World {
    fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Phones are nobody's here; when a row was changed is the product's to say.
    fn leaves_out(&self, field: &Field) -> bool {
        ["phone", "updated_at"].contains(&field.key.as_str())
    }

    fn term(&self, field: &Field, input: Input, dice: &mut Rng) -> String {
        let cut = |text: &str, dice: &mut Rng| {
            let letters: Vec<char> = text.chars().collect();
            let from = dice.usize(..letters.len());
            let part: String = letters[from..].iter().take(dice.usize(1..4)).collect();
            if part.trim().is_empty() { text.to_string() } else { part.trim().to_string() }
        };
        match input {
            Input::Tag => pick(&TAGS, dice).into(),
            Input::Segment => pick(&["VIPs", "Quiet VIPs", "Not quiet", "Picked"], dice).into(),
            Input::Campaign => pick(&["any", CAMPAIGNS[0], CAMPAIGNS[1], CAMPAIGNS[2]], dice).into(),
            Input::Agent => pick(&AGENTS, dice).into(),
            Input::Number => dice.u8(..100).to_string(),
            Input::Decimal => pick(&["0", "1", "15.5", "100", "-3", "99.99", "100.005", "2", "0.0000015"], dice).into(),
            Input::When => (self.clock.today() - TimeDelta::days(pick(&[0, 1, 2, 7, 30, 90, -5], dice))).to_string(),
            Input::Text => match field.key.as_str() {
                "name" => pick(&NAMES, dice).into(),
                "city" => cut(pick(&CITIES, dice), dice),
                "email" => pick(&["example.com", "p1@example.com", "@EXAMPLE", "p"], dice).into(),
                "external_id" => pick(&["c00", "C001", "1"], dice).into(),
                "country" => pick(&["SE", "no", "DE", "IN"], dice).into(),
                "language" => pick(&["en", "SV", "de"], dice).into(),
                "custom.plan" => pick(&PLANS, dice).into(),
                "custom.size" => pick(&["S", "m", "L"], dice).into(),
                "product" => cut(pick(&PRODUCTS, dice), dice),
                "currency" => pick(&["EUR", "usd"], dice).into(),
                _ => "vip".into(),
            },
        }
    }
}

fn selected(filter: &Filter, conn: &mut Conn) -> Result<Vec<i64>, Trouble> {
    assert_eq!(filter.problems(), [], "{}", filter.text());
    Ok(customers::table.filter(filter.predicate()).order(customers::id).select(customers::id).load(conn)?)
}

/// Asks in every way there is and compares.
fn agree(rule: &Rule, world: &World, dice: &mut Rng, conn: &mut Conn) -> Result<usize, Trouble> {
    let meant: Vec<i64> =
        world.people.iter().filter(|(_, person)| world.oracle.holds(rule, person)).map(|(id, _)| *id).collect();
    let filter = Filter::check(rule, conn, &world.clock)?;
    let text = filter.text();
    assert_eq!(selected(&filter, conn)?, meant, "by SQL: {text}, at {} in {}", world.clock.now, world.clock.zone);

    let set: Vec<i64> = Snapshot::alone(conn).matching(&filter)?.iter().map(i64::from).collect();
    assert_eq!(set, meant, "as a set: {text}");
    let few: Vec<i64> = world.people.iter().filter(|_| dice.bool()).map(|(id, _)| *id).collect();
    let (ask, now) = (filter.ask(), world.clock.stamp());
    let mut sources = Vec::new();
    ask.each(&mut |source| sources.push(source));
    for source in sources {
        let mut whole: BTreeSet<i64> = source.ids(None, now, conn)?.into_iter().collect();
        whole.retain(|id| few.contains(id));
        let patch: BTreeSet<i64> = source.ids(Some(few.clone()), now, conn)?.into_iter().collect();
        assert_eq!(patch, whole, "{source:?} among a few, in {text}");
    }

    let opposite = Rule::Group(Join::None, vec![rule.clone()]);
    let others = selected(&Filter::check(&opposite, conn, &world.clock)?, conn)?;
    let mut everybody = [meant.clone(), others].concat();
    everybody.sort_unstable();
    assert_eq!(everybody, world.people.iter().map(|(id, _)| *id).collect::<Vec<_>>(), "and everybody else: {text}");

    // De Morgan: none of them is each of them not, and not all of them is any of them not.
    if let Rule::Group(_, rows) = filter.rule() {
        let not = |row: &Rule| Rule::Group(Join::None, vec![row.clone()]);
        let each_not: Vec<Rule> = rows.iter().map(not).collect();
        for (one, other) in [
            (Rule::Group(Join::None, rows.clone()), Rule::Group(Join::All, each_not.clone())),
            (not(&Rule::Group(Join::All, rows.clone())), Rule::Group(Join::Any, each_not)),
        ] {
            let mut who = |rule: &Rule| selected(&Filter::check(rule, conn, &world.clock)?, conn);
            assert_eq!(who(&one)?, who(&other)?, "De Morgan: {text}");
        }
    }

    for (spelling, read) in [
        ("text", Rule::read(&text, &world.fields)),
        ("JSON", Rule::from_json(&filter.rule().to_json(), &world.fields)),
        ("form", Ok(form::read(&drawn(&Builder::of(&filter, "", &mut Snapshot::alone(conn))?), &world.fields))),
    ] {
        let again = read.unwrap_or_else(|mistake| panic!("{spelling} of {text}: {mistake}"));
        let again = Filter::check(&again, conn, &world.clock)?;
        assert_eq!(again.rule(), filter.rule(), "{spelling} gives another tree: {text}");
    }

    let Rule::Group(join, rows) = filter.rule() else { panic!("the root is a group") };
    let falls = waterfall::falls(&filter, &mut Snapshot::alone(conn))?;
    let mut left: Vec<&Person> = world.people.iter().map(|(_, person)| person).collect();
    for (place, row) in rows.iter().enumerate() {
        let fall = falls[&vec![place]];
        let alone = world.people.iter().filter(|(_, person)| world.oracle.holds(row, person)).count() as u64;
        assert_eq!(fall.alone, alone, "alone, row {place} of {text}");
        let (here, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|person| world.oracle.holds(row, person));
        let (step, on) = match join {
            Join::All => (waterfall::Step::Left(here.len() as u64), here),
            Join::Any => (waterfall::Step::Adds(here.len() as u64), rest),
            Join::None => (waterfall::Step::Takes(here.len() as u64), rest),
        };
        assert_eq!(fall.step, Some(step), "what row {place} does in {text}");
        left = on;
    }

    let (id, person) = &world.people[dice.usize(..world.people.len())];
    let answer = why::explain(&filter, *id, conn)?.expect("she is there");
    assert_eq!(answer.holds, Some(world.oracle.holds(rule, person)), "why {id} in {text}");
    Ok(meant.len())
}

/// The form as a browser would send it.
fn drawn(builder: &Builder) -> Vec<(String, String)> {
    let html = scraper::Html::parse_fragment(&builder.to_string());
    let fields = scraper::Selector::parse("#builder input, #builder select, #builder textarea").expect("a selector");
    let chosen = scraper::Selector::parse("option[selected]").expect("a selector");
    let first = scraper::Selector::parse("option").expect("a selector");
    let of = |field: scraper::ElementRef| {
        let name = field.attr("name")?;
        let value = match field.value().name() {
            "select" => {
                field.select(&chosen).next().or_else(|| field.select(&first).next())?.attr("value")?.to_string()
            }
            "textarea" => field.text().collect(),
            _ => field.attr("value").unwrap_or_default().to_string(),
        };
        Some((name.to_string(), value))
    };
    html.select(&fields).filter_map(of).collect()
}

fn ask_of_each_world(db: &Db, rounds: u64, questions: usize) {
    let (mut somebody, mut asked) = (0, 0);
    for round in 0..rounds {
        let mut dice = Rng::with_seed(20_260_908 + round);
        let made = db.write_now::<_, Trouble>(|conn| {
            // One world after the other in the same database.
            diesel::delete(customers::table).execute(conn)?;
            diesel::delete(muster::db::schema::segments::table).execute(conn)?;
            diesel::delete(campaigns::table).execute(conn)?;
            diesel::delete(muster::db::schema::custom_fields::table).execute(conn)?;
            world(round as usize, 40, &mut dice, conn)
        });
        let world = made.expect("a world");
        db.read_now::<_, Trouble>(|conn| {
            for _ in 0..questions {
                let rule = tree(2, &mut dice, &mut |dice| condition(Scope::Customer, &world, dice));
                let meant = agree(&rule, &world, &mut dice, conn)?;
                asked += 1;
                somebody += usize::from(meant > 0 && meant < world.people.len());
            }
            Ok(())
        })
        .expect("answers");
    }
    // A test that only asks what everybody or nobody is would prove nothing.
    assert!(somebody * 2 > asked, "{somebody} of {asked} filters told customers apart");
}

#[test]
fn what_is_selected_is_what_was_meant() {
    for_each_database(|db| ask_of_each_world(&db, 12, 60));
}
