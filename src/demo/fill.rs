//! Writes a made-up world into an empty workspace, in batches: the one place besides the nouns that inserts rows.

use super::campaigns::campaigns;
use super::conversations::conversations;
use super::fields::{FIELDS, Roll};
use super::people::{Person, between_hours, people};
use super::segments::{DYNAMIC, STATIC, history};
use super::shop::{LABELS, Road};
use super::views::SHARED;
use crate::agents::Role;
use crate::custom_fields::{CustomField, Problem, Wish};
use crate::db::{Conn, schema};
use crate::each;
use crate::filters::fields::Fields;
use crate::filters::{Filter, Mistake, Rule};
use crate::fold::{fold, key};
use crate::workspace::Clock;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use fastrand::Rng;

/// Rows in one statement: PostgreSQL takes 65,535 values at most.
const BATCH: usize = 500;

const CHANNELS: [&str; 3] = ["email", "sms", "whatsapp"];

#[derive(Insertable)]
#[diesel(table_name = schema::customers)]
struct CustomerRow<'a> {
    name: &'a str,
    name_folded: String,
    email: Option<&'a str>,
    email_folded: Option<String>,
    phone: Option<&'a str>,
    external_id: Option<&'a str>,
    external_id_folded: Option<String>,
    country: &'a str,
    city: Option<&'a str>,
    city_folded: Option<String>,
    language: Option<&'a str>,
    language_folded: Option<String>,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
    last_seen_at: Option<NaiveDateTime>,
    purchase_count: i64,
    total_spent: i64,
    first_purchase_at: Option<NaiveDateTime>,
    last_purchase_at: Option<NaiveDateTime>,
}

#[derive(Insertable)]
#[diesel(table_name = schema::consents)]
struct ConsentRow {
    customer_id: i64,
    channel: &'static str,
    state: &'static str,
    changed_at: NaiveDateTime,
    source: &'static str,
}

#[derive(Insertable)]
#[diesel(table_name = schema::tags)]
struct TagRow {
    name: &'static str,
    name_key: String,
    name_folded: String,
    colour: &'static str,
    description: &'static str,
    created_at: NaiveDateTime,
}

#[derive(Insertable)]
#[diesel(table_name = schema::taggings)]
struct TaggingRow<'a> {
    customer_id: i64,
    tag_id: i64,
    tagged_at: NaiveDateTime,
    actor: &'a str,
    agent_id: Option<i64>,
    source: &'static str,
    source_id: Option<i64>,
}

#[derive(Insertable)]
#[diesel(table_name = schema::purchases)]
struct PurchaseRow {
    external_id: String,
    customer_id: i64,
    product: &'static str,
    product_folded: String,
    amount: i64,
    currency: &'static str,
    purchased_at: NaiveDateTime,
}

#[derive(Insertable)]
#[diesel(table_name = schema::custom_values)]
struct ValueRow {
    customer_id: i64,
    field_id: i64,
    value: String,
    folded: Option<String>,
    number: Option<i64>,
}

#[derive(Insertable)]
#[diesel(table_name = schema::segments)]
struct SegmentRow<'a> {
    name: &'a str,
    name_key: String,
    kind: &'static str,
    filter: Option<String>,
    agent_id: Option<i64>,
    actor: &'a str,
    created_at: NaiveDateTime,
    updated_at: NaiveDateTime,
}

#[derive(Insertable)]
#[diesel(table_name = schema::segment_members)]
struct MemberRow {
    segment_id: i64,
    customer_id: i64,
    added_at: NaiveDateTime,
}

/// Inserts rows in batches, on either database.
macro_rules! insert {
    ($table:path, $rows:expr, $conn:expr) => {
        for batch in $rows.chunks(BATCH) {
            each!($conn, c => diesel::insert_into($table).values(batch).execute(c))?;
        }
    };
}

/// Somebody who put tags on customers.
pub struct Desk {
    pub agent_id: i64,
    pub name: String,
    pub role: Role,
}

/// Fills an empty workspace with `many` customers and what belongs to them. The same seed gives the same world, told
/// from the clock's last midnight.
pub fn fill(seed: u64, many: usize, clock: &Clock, desks: &[Desk], conn: &mut Conn) -> QueryResult<()> {
    let midnight = clock.midnight(clock.today());
    let mut dice = Rng::with_seed(seed);
    let people = people(many, midnight, &mut dice);
    let ids = customers(&people, conn)?;
    consents(&people, &ids, conn)?;
    purchases(&people, &ids, conn)?;
    let tags = tags(&people, midnight, conn)?;
    taggings(&people, &ids, &tags, midnight, desks, &mut dice, conn)?;
    custom_fields(&people, &ids, seed, midnight, conn)?;
    segments(clock, desks, &mut dice, conn)?;
    campaigns(seed, clock, desks, conn)?;
    conversations(clock, desks, conn)?;
    views(clock, desks, conn)
}

fn customers(people: &[Person], conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let rows: Vec<_> = people
        .iter()
        .map(|person| CustomerRow {
            name: &person.name,
            name_folded: fold(&person.name),
            email: person.email.as_deref(),
            email_folded: person.email.as_deref().map(fold),
            phone: person.phone.as_deref(),
            external_id: person.external_id.as_deref(),
            external_id_folded: person.external_id.as_deref().map(fold),
            country: person.country,
            city: person.city,
            city_folded: person.city.map(fold),
            language: person.language,
            language_folded: person.language.map(fold),
            created_at: person.created_at,
            updated_at: person.last_seen_at.unwrap_or(person.created_at),
            last_seen_at: person.last_seen_at,
            purchase_count: person.purchases.len() as i64,
            total_spent: person.spent(),
            first_purchase_at: person.purchases.first().map(|bought| bought.at),
            last_purchase_at: person.purchases.last().map(|bought| bought.at),
        })
        .collect();
    insert!(schema::customers::table, rows, conn);
    // The table was empty, so the ids come in the order of the people.
    schema::customers::table.order(schema::customers::id).select(schema::customers::id).load(conn)
}

fn consents(people: &[Person], ids: &[i64], conn: &mut Conn) -> QueryResult<()> {
    let mut rows = Vec::new();
    for (person, customer_id) in people.iter().zip(ids) {
        for (channel, state) in CHANNELS.into_iter().zip(person.consents) {
            rows.extend(state.map(|state| ConsentRow {
                customer_id: *customer_id,
                channel,
                state,
                // She said yes when she first bought or came, and no on her last visit.
                changed_at: match (state, person.purchases.first()) {
                    ("opted_in", Some(first)) => first.at,
                    ("opted_in", None) => person.created_at,
                    _ => person.last_seen_at.unwrap_or(person.created_at),
                },
                source: match (state, person.purchases.first()) {
                    ("opted_in", Some(_)) => "checkout",
                    ("opted_in", None) => "sign-up form",
                    _ => "profile",
                },
            }));
        }
    }
    insert!(schema::consents::table, rows, conn);
    Ok(())
}

fn purchases(people: &[Person], ids: &[i64], conn: &mut Conn) -> QueryResult<()> {
    let mut all: Vec<_> = people
        .iter()
        .zip(ids)
        .flat_map(|(person, id)| person.purchases.iter().map(move |bought| (*id, bought)))
        .collect();
    all.sort_by_key(|(_, bought)| bought.at);
    let rows: Vec<_> = all
        .into_iter()
        .zip(100_001..)
        .map(|((customer_id, bought), number)| PurchaseRow {
            external_id: format!("N-{number}"),
            customer_id,
            product: bought.product.name,
            product_folded: fold(bought.product.name),
            amount: bought.amount,
            currency: "EUR",
            purchased_at: bought.at,
        })
        .collect();
    insert!(schema::purchases::table, rows, conn);
    Ok(())
}

fn tags(people: &[Person], midnight: NaiveDateTime, conn: &mut Conn) -> QueryResult<Vec<i64>> {
    let opened = people.first().map_or(midnight, |person| person.created_at);
    let rows: Vec<_> = LABELS
        .iter()
        .enumerate()
        .map(|(at, label)| TagRow {
            name: label.name,
            name_key: key(label.name),
            name_folded: fold(label.name),
            colour: label.colour,
            description: label.description,
            created_at: opened + TimeDelta::hours(at as i64),
        })
        .collect();
    insert!(schema::tags::table, rows, conn);
    schema::tags::table.order(schema::tags::id).select(schema::tags::id).load(conn)
}

fn taggings(
    people: &[Person],
    ids: &[i64],
    tags: &[i64],
    midnight: NaiveDateTime,
    desks: &[Desk],
    dice: &mut Rng,
    conn: &mut Conn,
) -> QueryResult<()> {
    let mut rows = Vec::new();
    for (label, tag_id) in LABELS.iter().zip(tags) {
        // Many at once takes one moment; the others come when the customer does.
        let at_once = midnight - TimeDelta::minutes(dice.i64(900..300_000));
        let at_once = between_hours(8, 16, at_once, midnight, dice);
        for (person, customer_id) in people.iter().zip(ids) {
            if dice.f64() >= (label.chance)(person) {
                continue;
            }
            let span = (midnight - person.created_at).num_seconds().max(1) as f64;
            let own = midnight - TimeDelta::seconds((span * dice.f64().powi(2)) as i64);
            let (from, to) = if label.road == Road::Shop { (6, 21) } else { (8, 16) };
            let own = between_hours(from, to, own, midnight, dice).max(person.created_at);
            let desk = match label.road {
                Road::Shop => None,
                Road::Bulk => desks.iter().find(|desk| desk.role == Role::Marketer),
                Road::Agent => desks.get(usize::from(dice.f64() < 0.2)),
            };
            rows.push(TaggingRow {
                customer_id: *customer_id,
                tag_id: *tag_id,
                tagged_at: if label.road == Road::Bulk { at_once.max(person.created_at) } else { own },
                actor: desk.map_or("Web shop", |desk| &desk.name),
                agent_id: desk.map(|desk| desk.agent_id),
                source: match label.road {
                    Road::Shop => "api",
                    Road::Bulk => "bulk",
                    Road::Agent => "profile",
                },
                source_id: None,
            });
        }
    }
    insert!(schema::taggings::table, rows, conn);
    Ok(())
}

/// With dice of their own, so that the rest of the world stays as it is.
fn custom_fields(
    people: &[Person],
    ids: &[i64],
    seed: u64,
    midnight: NaiveDateTime,
    conn: &mut Conn,
) -> QueryResult<()> {
    let mut dice = Rng::with_seed(!seed);
    let opened = people.first().map_or(midnight, |person| person.created_at);
    let mut fields = Vec::new();
    for (key, label, kind, choices, _) in FIELDS {
        let wish =
            Wish { key: (*key).into(), label: (*label).into(), kind: kind.key().into(), choices: choices.join("\n") };
        fields.push(CustomField::create(&wish, conn, opened).map_err(unmade)?);
    }
    let mut rows = Vec::new();
    for (person, customer_id) in people.iter().zip(ids) {
        let mut roll = Roll::of(person, midnight, &mut dice);
        for (field, (.., value)) in fields.iter().zip(FIELDS) {
            let typed = value(&mut roll).unwrap_or_default();
            let value = field.clean(&typed).map_err(|words| unmade(Problem::Wrong { part: "value", words }))?;
            rows.extend(value.map(|value| ValueRow {
                customer_id: *customer_id,
                field_id: field.id,
                value: value.text,
                folded: value.folded,
                number: value.number,
            }));
        }
    }
    insert!(schema::custom_values::table, rows, conn);
    Ok(())
}

fn unmade(problem: Problem) -> diesel::result::Error {
    match problem {
        Problem::Failed(error) => error,
        wrong => diesel::result::Error::SerializationError(Box::new(wrong)),
    }
}

fn segments(clock: &Clock, desks: &[Desk], dice: &mut Rng, conn: &mut Conn) -> QueryResult<()> {
    use schema::segments::dsl;
    let midnight = clock.midnight(clock.today());
    let maker = desks.iter().find(|desk| desk.role == Role::Marketer);
    let row = |name: &'static str, kind, filter, days| SegmentRow {
        name,
        name_key: key(name),
        kind,
        filter,
        agent_id: maker.map(|desk| desk.agent_id),
        actor: maker.map_or("command line", |desk| &desk.name),
        created_at: midnight - TimeDelta::days(days) + TimeDelta::hours(10),
        updated_at: midnight - TimeDelta::days(days) + TimeDelta::hours(10),
    };
    for (name, question) in DYNAMIC {
        let filter = question_of(question, clock, conn)?.rule().to_json().to_string();
        let row = row(name, "dynamic", Some(filter), dice.i64(3..400));
        diesel::insert_into(dsl::segments).values(row).execute(conn)?;
    }
    for batch in STATIC {
        let days = dice.i64(3..200);
        let filter = question_of(batch.of, clock, conn)?;
        let row = row(batch.name, "static", None, days);
        let segment_id: i64 = diesel::insert_into(dsl::segments).values(&row).returning(dsl::id).get_result(conn)?;
        let mut chosen: Vec<i64> = schema::customers::table
            .filter(filter.predicate())
            .order(schema::customers::id)
            .select(schema::customers::id)
            .load(conn)?;
        dice.shuffle(&mut chosen);
        let members: Vec<_> = chosen
            .into_iter()
            .take(batch.many)
            .map(|customer_id| MemberRow { segment_id, customer_id, added_at: row.created_at })
            .collect();
        insert!(schema::segment_members::table, members, conn);
    }
    history(clock, dice, conn)
}

fn views(clock: &Clock, desks: &[Desk], conn: &mut Conn) -> QueryResult<()> {
    use schema::views::dsl;
    let midnight = clock.midnight(clock.today());
    let maker = desks.iter().find(|desk| desk.role == Role::Marketer);
    for kept in SHARED {
        let filter = question_of(kept.asks, clock, conn)?.rule().to_json().to_string();
        diesel::insert_into(dsl::views)
            .values((
                dsl::name.eq(kept.name),
                dsl::name_key.eq(key(kept.name)),
                dsl::filter.eq(filter),
                dsl::shown.eq(kept.shown),
                dsl::sort.eq(kept.sort),
                dsl::private.eq(false),
                dsl::agent_id.eq(maker.map(|desk| desk.agent_id)),
                dsl::actor.eq(maker.map_or("command line", |desk| &desk.name)),
                dsl::created_at.eq(midnight),
                dsl::updated_at.eq(midnight),
            ))
            .execute(conn)?;
    }
    Ok(())
}

fn question_of(question: &str, clock: &Clock, conn: &mut Conn) -> QueryResult<Filter> {
    let unread = |mistake: Mistake| diesel::result::Error::SerializationError(Box::new(mistake));
    let rule = Rule::read(question, &Fields::load(conn)?).map_err(unread)?;
    Filter::check(&rule, conn, clock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Db, Trouble};

    fn world(seed: u64) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(folder.path().join("demo.db").to_str().expect("a path")).expect("a database");
        let clock = Clock { now: "2026-09-08T15:00:00Z".parse().expect("a time"), zone: chrono_tz::Europe::Berlin };
        db.write_now::<_, Trouble>(|conn| {
            fill(seed, 300, &clock, &[], conn)?;
            use schema::{custom_values, customers, taggings};
            let mut told: Vec<String> = custom_values::table
                .order((custom_values::customer_id, custom_values::field_id))
                .select((custom_values::customer_id, custom_values::field_id, custom_values::value))
                .load::<(i64, i64, String)>(conn)?
                .iter()
                .map(|row| format!("{row:?}"))
                .collect();
            let tagged = customers::table
                .inner_join(taggings::table)
                .order((customers::id, taggings::tag_id))
                .select((customers::name, customers::email, customers::phone, customers::total_spent, taggings::tag_id))
                .load::<(Option<String>, Option<String>, Option<String>, i64, i64)>(conn)?;
            told.extend(tagged.iter().map(|row| format!("{row:?}")));
            Ok(told)
        })
        .expect("a world")
    }

    #[test]
    fn every_segment_makes_sense() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(folder.path().join("demo.db").to_str().expect("a path")).expect("a database");
        let clock = Clock { now: "2026-09-08T15:00:00Z".parse().expect("a time"), zone: chrono_tz::Europe::Berlin };
        db.write_now::<_, Trouble>(|conn| {
            fill(1, 1000, &clock, &[], conn)?;
            for (name, question) in DYNAMIC {
                let filter = question_of(question, &clock, conn)?;
                assert_eq!(filter.problems(), [], "{name}");
                assert!(crate::filters::count(&filter, conn)? > 0, "nobody is in {name}");
            }
            Ok(())
        })
        .expect("a world");
    }

    #[test]
    fn the_same_seed_gives_the_same_world() {
        assert_eq!(world(7), world(7));
        assert_ne!(world(7), world(8));
    }
}
