//! Random filters over the shop, mostly of conditions that were asked before, and what to say when an answer differs.

use super::shop::{self, CITIES, COUNTRIES, LANGUAGES, NAMES, PLANS, PRODUCTS};
use crate::random_filters::{Words, condition, pick, tree};
use chrono::{SecondsFormat, TimeDelta, Utc};
use diesel::prelude::*;
use fastrand::Rng;
use muster::db::schema::customers;
use muster::filters::ask::{Ask, Source};
use muster::filters::fields::{Field, Fields, Scope};
use muster::filters::operators::Input;
use muster::filters::rule::Unit;
use muster::filters::sets::{Ids, Snapshot};
use muster::filters::{Filter, Rule};

/// How many conditions there are to build of.
const POOL: usize = 60;

/// These are always among them: each is moved by something that hardly another is.
const ALWAYS: [&str; 21] = [
    "tags any name contains old",
    "tags any name contains st",
    "tags any name contains sea",
    "tags tagged VIP in the last 2 minutes",
    "tags contains (VIP, Press)",
    "tags contains only Spring",
    "tags count >= 3",
    "not (tags tagged Spring in the last 1 minutes)",
    "purchases any where (purchased_at in the next 1 minutes and amount > 10)",
    "purchases none where (purchased_at in the last 2 minutes or product is boots)",
    "segments in any of Kept",
    "campaigns was sent Autumn",
    "campaigns was not sent any",
    "campaigns failed Winter",
    "campaigns clicked unsubscribe any",
    "conversations has open",
    "conversations assigned to Mara",
    "conversations last message in the last 1 minutes",
    "conversations last message more than 1 minutes ago",
    "name contains an",
    "city ends with o",
];

pub struct Questions {
    words: Shop,
    pool: Vec<Rule>,
}

struct Shop {
    fields: Fields,
}

impl Questions {
    /// All who begin with the same dice ask the same at first, and find each other's sets.
    pub fn new(fields: Fields, dice: &mut Rng) -> Questions {
        let words = Shop { fields };
        let always = ALWAYS.map(|text| Rule::read(text, &words.fields).expect("a condition"));
        let others = (always.len()..POOL).map(|_| condition(Scope::Customer, &words, dice));
        let pool = always.iter().cloned().chain(others).collect();
        Questions { words, pool }
    }

    pub fn next(&mut self, dice: &mut Rng) -> Rule {
        // Now and then something that nobody asked.
        if dice.u8(..30) == 0 {
            let place = dice.usize(ALWAYS.len()..POOL);
            self.pool[place] = condition(Scope::Customer, &self.words, dice);
        }
        tree(2, dice, &mut |dice| self.pool[dice.usize(..POOL)].clone())
    }
}

impl Words for Shop {
    fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Mostly short ones: their ends pass somebody every second.
    fn unit(&self, field: &Field, dice: &mut Rng) -> Unit {
        use Unit::*;
        pick(
            if field.is_custom() { &[Days, Weeks, Months, Years] } else { &[Minutes, Minutes, Minutes, Hours, Days] },
            dice,
        )
    }

    fn term(&self, field: &Field, input: Input, dice: &mut Rng) -> String {
        match input {
            Input::Tag if dice.u8(..6) == 0 => pick(&shop::PASSING, dice).into(),
            Input::Tag => pick(&shop::TAGS, dice).into(),
            Input::Segment if dice.bool() => pick(&shop::STATIC, dice).into(),
            Input::Segment => pick(&shop::DYNAMIC, dice).0.into(),
            Input::Campaign if dice.bool() => "any".into(),
            Input::Campaign => pick(&shop::CAMPAIGNS, dice).into(),
            Input::Agent => pick(&shop::AGENTS, dice).into(),
            Input::Number => pick(&["0", "1", "1", "2", "2", "3"], dice).into(),
            Input::Decimal => pick(&["0", "1", "2", "15", "30", "60", "100", "-3"], dice).into(),
            Input::When if field.is_custom() || dice.bool() => {
                (Utc::now().date_naive() - TimeDelta::days(pick(&[0, 0, 1, 2, 400, -5], dice))).to_string()
            }
            Input::When => shop::moment(dice).and_utc().to_rfc3339_opts(SecondsFormat::Micros, true),
            Input::Text => match field.key.as_str() {
                "name" => pick(&NAMES, dice).into(),
                "city" => pick(&["sao", "york", "100%", CITIES[0], CITIES[2]], dice).into(),
                "email" => pick(&["example.com", "mail.example.com", "p1", "7@"], dice).into(),
                "phone" => pick(&["+467", "+55", "12", "9"], dice).into(),
                "external_id" => pick(&["c00", "C001", "1", "77"], dice).into(),
                "country" => pick(&COUNTRIES, dice).into(),
                "language" => pick(&LANGUAGES, dice).into(),
                "custom.plan" | "custom.former" => pick(&PLANS, dice).into(),
                "custom.size" => pick(&["S", "m", "L"], dice).into(),
                "product" => pick(&["boot", "wool", PRODUCTS[0], PRODUCTS[3]], dice).into(),
                "currency" => pick(&["EUR", "usd"], dice).into(),
                _ => pick(&["vip", "press", "an", "old"], dice).into(),
            },
        }
    }
}

/// What SQL says.
pub fn by_sql(filter: &Filter, at: &mut Snapshot) -> QueryResult<Ids> {
    let ids: Vec<i64> = customers::table.filter(filter.predicate()).select(customers::id).load(&mut **at)?;
    Ok(ids.into_iter().map(|id| id as u32).collect())
}

/// Which conditions of a filter differ, and by whom.
pub fn differences(filter: &Filter, at: &mut Snapshot) -> QueryResult<String> {
    let now = filter.clock().stamp();
    let ask = filter.ask();
    let mut told = format!("{} at {now}", filter.text());
    let mut sources = vec![&Source::Anyone];
    ask.each(&mut |source| sources.push(source));
    let mut all = Ids::new();
    for source in sources {
        let mut fresh: Ids = source.ids(None, now, at)?.into_iter().map(|id| id as u32).collect();
        if *source == Source::Anyone {
            all = fresh.clone();
        }
        fresh &= &all;
        let kept = match source {
            Source::Anyone => at.everyone(now)?.as_ref().clone(),
            source => at.of(&Ask::One(source.clone()), now)?,
        };
        if kept != fresh {
            told += &format!("\n  {source:?}\n    lacks {:?}, has besides {:?}", &fresh - &kept, &kept - &fresh);
        }
    }
    Ok(told)
}
