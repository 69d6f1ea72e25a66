//! Changes by plain SQL, as another program would make them: hundreds of rows at once, rows that change hands, keys that
//! are edited, rows that are put away and brought back.

use super::shop::{self, CHANNELS, CHILDREN, at, folded, quoted, say};
use super::writers::somebody;
use crate::random_filters::pick;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use fastrand::Rng;
use muster::db::Conn;
use muster::db::schema::{custom_fields, segments, tags};
use muster::fold::fold;

/// Whom and what a change is about: ids.
pub struct Aim {
    pub she: i64,
    pub other: i64,
    /// Two of each.
    pub tags: [i64; 2],
    pub segments: [i64; 2],
    /// Fields of one type.
    pub fields: [i64; 2],
}

impl Aim {
    pub fn take(dice: &mut Rng, conn: &mut Conn) -> QueryResult<Aim> {
        let two = |ids: Vec<i64>, dice: &mut Rng| {
            [(); 2].map(|()| ids.get(dice.usize(..ids.len().max(1))).copied().unwrap_or(0))
        };
        let all: Vec<i64> = tags::table.select(tags::id).load(conn)?;
        let lists: Vec<i64> = segments::table.filter(segments::kind.eq("static")).select(segments::id).load(conn)?;
        let texts: Vec<i64> =
            custom_fields::table.filter(custom_fields::kind.eq("text")).select(custom_fields::id).load(conn)?;
        Ok(Aim {
            she: somebody(dice, conn)?,
            other: somebody(dice, conn)?,
            tags: two(all, dice),
            segments: two(lists, dice),
            fields: two(texts, dice),
        })
    }
}

pub fn change(dice: &mut Rng, conn: &mut Conn) -> QueryResult<()> {
    let aim = Aim::take(dice, conn)?;
    match dice.u8(..34) {
        0 => put_away(aim.she, conn),
        1 => bring_back(conn),
        2 if dice.bool() => hand_over(&aim, conn),
        3..5 => say(talk(&aim, dice), conn).map(drop),
        5..7 => say(message(&aim, dice), conn).map(drop),
        _ => say(statement(&aim, dice), conn).map(drop),
    }
}

fn statement(aim: &Aim, dice: &mut Rng) -> String {
    let Aim { she, other, tags: [tag, another], segments: [list, elsewhere], fields: [field, neighbour] } = aim;
    let some = format!("BETWEEN {she} AND {she} + {}", pick(&[0, 0, 0, 2, 5, 40, 300], dice));
    let when = at(dice);
    match dice.u8(..24) {
        0 => format!(
            "INSERT INTO taggings (customer_id, tag_id, tagged_at, actor, source) SELECT id, {tag}, {when}, 'x', 'bulk' \
             FROM customers WHERE id {some} ON CONFLICT DO NOTHING"
        ),
        1 if dice.bool() => format!("DELETE FROM taggings WHERE tag_id = {tag} AND customer_id {some}"),
        1 => format!("UPDATE taggings SET expires_at = {when} WHERE tag_id = {tag} AND customer_id {some}"),
        // What is old expires.
        2 => format!("DELETE FROM taggings WHERE tag_id = {tag} AND tagged_at < {when} AND customer_id {some}"),
        3 => format!(
            "UPDATE taggings SET tagged_at = {when}, source = 'import', expires_at = NULL WHERE customer_id {some}"
        ),
        4 => format!(
            "UPDATE taggings SET tag_id = {another} WHERE tag_id = {tag} AND customer_id {some} \
             AND customer_id NOT IN (SELECT customer_id FROM taggings WHERE tag_id = {another})"
        ),
        5 => format!(
            "UPDATE taggings SET customer_id = {other} WHERE customer_id = {she} \
             AND tag_id NOT IN (SELECT tag_id FROM taggings WHERE customer_id = {other})"
        ),
        // Seldom: it makes all be asked again for the names of tags, and so hides what else does.
        6 if dice.u8(..6) == 0 => format!(
            "UPDATE tags SET name_folded = {} WHERE id = {tag}",
            quoted(pick(&["vip", "press", "old an", "x"], dice))
        ),
        7 => format!("UPDATE purchases SET customer_id = {other} WHERE customer_id = {she}"),
        8 => format!(
            "UPDATE purchases SET customer_id = CASE customer_id WHEN {she} THEN {other} ELSE {she} END \
             WHERE customer_id IN ({she}, {other})"
        ),
        9 => format!("UPDATE purchases SET amount = amount + 700, purchased_at = {when} WHERE customer_id {some}"),
        10 => format!("DELETE FROM purchases WHERE customer_id {some} AND purchased_at < {when}"),
        11 => format!(
            "INSERT INTO purchases (external_id, customer_id, product, product_folded, amount, currency, purchased_at) \
             VALUES ({}, {she}, {}, 4200, 'EUR', {when}) \
             ON CONFLICT (external_id) DO UPDATE SET customer_id = excluded.customer_id, amount = excluded.amount",
            quoted(&shop::external_id(dice.u32(..300))),
            folded(&shop::PRODUCTS, dice)
        ),
        12 => format!("UPDATE customers SET last_seen_at = {when} WHERE id {some}"),
        13 => {
            let city = pick(&shop::CITIES, dice);
            format!(
                "UPDATE customers SET city = {}, city_folded = {} WHERE id {some}",
                quoted(city),
                quoted(&fold(city))
            )
        }
        14 => format!("UPDATE customers SET total_spent = total_spent + 1500, country = NULL WHERE id {some}"),
        15 => format!("UPDATE customers SET email = NULL, email_folded = NULL, created_at = {when} WHERE id = {she}"),
        16 => format!(
            "UPDATE consents SET state = CASE state WHEN 'opted_in' THEN 'opted_out' ELSE 'opted_in' END \
             WHERE customer_id {some}"
        ),
        17 => format!(
            "UPDATE consents SET channel = 'sms' WHERE channel = 'email' AND customer_id {some} \
             AND customer_id NOT IN (SELECT customer_id FROM consents WHERE channel = 'sms')"
        ),
        18 => format!(
            "INSERT INTO consents (customer_id, channel, state, changed_at, source) SELECT id, {}, 'opted_in', {when}, 'x' \
             FROM customers WHERE id {some} ON CONFLICT DO NOTHING",
            quoted(pick(&CHANNELS, dice))
        ),
        19 => format!(
            "UPDATE custom_values SET field_id = {neighbour} WHERE field_id = {field} AND customer_id {some} \
             AND customer_id NOT IN (SELECT customer_id FROM custom_values WHERE field_id = {neighbour})"
        ),
        20 => format!(
            "UPDATE custom_values SET number = number + 1000000 WHERE number IS NOT NULL AND customer_id {some}"
        ),
        21 => format!("DELETE FROM custom_values WHERE field_id = {field} AND customer_id {some}"),
        22 => format!(
            "UPDATE segment_members SET segment_id = {elsewhere} WHERE segment_id = {list} AND customer_id {some} \
             AND customer_id NOT IN (SELECT customer_id FROM segment_members WHERE segment_id = {elsewhere})"
        ),
        _ => format!(
            "INSERT INTO segment_members (segment_id, customer_id, added_at) SELECT {list}, id, {when} \
             FROM customers WHERE id {some} ON CONFLICT DO NOTHING"
        ),
    }
}

/// Somebody writes, is answered, given away, and goes; conversations change hands.
fn talk(aim: &Aim, dice: &mut Rng) -> String {
    let Aim { she, other, .. } = aim;
    let some = format!("customer_id BETWEEN {she} AND {she} + {}", pick(&[0, 0, 0, 2, 5, 40], dice));
    let agent = format!("(SELECT min(id) FROM agents WHERE name = {})", quoted(pick(&shop::AGENTS, dice)));
    let state = quoted(pick(&["open", "snoozed", "closed"], dice));
    let channel = quoted(pick(&["chat", "email", "sms", "whatsapp"], dice));
    let when = at(dice);
    match dice.u8(..9) {
        0..3 => format!(
            "INSERT INTO conversations (customer_id, channel, state, created_at, last_message_at) \
             SELECT id, {channel}, {state}, {when}, {when} FROM customers WHERE {}",
            some.replace("customer_id", "id")
        ),
        3 => format!("UPDATE conversations SET state = {state} WHERE {some}"),
        4 => format!("UPDATE conversations SET last_message_at = {when}, version = version + 1 WHERE {some}"),
        5 => format!("UPDATE conversations SET agent_id = {agent} WHERE {some}"),
        6 => format!("UPDATE conversations SET agent_id = NULL, preview = 'x' WHERE {some}"),
        7 => format!(
            "UPDATE conversations SET customer_id = {other} WHERE customer_id = {she} \
             AND EXISTS (SELECT 1 FROM customers WHERE id = {other})"
        ),
        _ => format!("DELETE FROM conversations WHERE {some}"),
    }
}

/// An audience is frozen, messages go out or fail, somebody clicks unsubscribe, rows change hands.
fn message(aim: &Aim, dice: &mut Rng) -> String {
    let Aim { she, other, .. } = aim;
    let some = format!("customer_id BETWEEN {she} AND {she} + {}", pick(&[0, 0, 0, 2, 5, 40, 300], dice));
    let campaign = |name: &str| format!("(SELECT max(id) FROM campaigns WHERE name = {})", quoted(name));
    let [this, another] = [campaign(pick(&shop::CAMPAIGNS, dice)), campaign(pick(&shop::CAMPAIGNS, dice))];
    let status = quoted(pick(&["waiting", "sending", "sent", "sent", "failed", "uncertain"], dice));
    let when = at(dice);
    match dice.u8(..9) {
        0..2 => format!(
            "INSERT INTO campaign_recipients (campaign_id, customer_id, status, due_at) \
             SELECT {this}, id, {status}, {when} FROM customers WHERE {} ON CONFLICT DO NOTHING",
            some.replace("customer_id", "id")
        ),
        2..5 => format!("UPDATE campaign_recipients SET status = {status} WHERE campaign_id = {this} AND {some}"),
        5 => format!("UPDATE campaign_recipients SET unsubscribed_at = {when} WHERE {some}"),
        6 => format!("UPDATE campaign_recipients SET unsubscribed_at = NULL, said = 'x' WHERE {some}"),
        7 => format!(
            "UPDATE campaign_recipients SET customer_id = {other} WHERE customer_id = {she} \
             AND campaign_id NOT IN (SELECT campaign_id FROM campaign_recipients WHERE customer_id = {other})"
        ),
        8 if dice.bool() => format!("DELETE FROM campaign_recipients WHERE {some}"),
        _ => format!(
            "UPDATE campaign_recipients SET campaign_id = {another} WHERE campaign_id = {this} AND {some} \
             AND customer_id NOT IN (SELECT customer_id FROM campaign_recipients WHERE campaign_id = {another})"
        ),
    }
}

/// She goes with all she has, kept for later.
fn put_away(she: i64, conn: &mut Conn) -> QueryResult<()> {
    for table in CHILDREN {
        say(format!("INSERT INTO gone_{table} SELECT * FROM {table} WHERE customer_id = {she}"), conn)?;
    }
    say(format!("INSERT INTO gone_customers SELECT * FROM customers WHERE id = {she}"), conn)?;
    say(format!("DELETE FROM customers WHERE id = {she}"), conn).map(drop)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Somebody who was put away comes back under her own number, with what there still is of hers.
fn bring_back(conn: &mut Conn) -> QueryResult<()> {
    let gone: Option<Id> =
        sql_query("SELECT id FROM gone_customers ORDER BY random() LIMIT 1").get_result(conn).optional()?;
    let Some(Id { id }) = gone else { return Ok(()) };
    say(format!("INSERT INTO customers SELECT * FROM gone_customers WHERE id = {id}"), conn)?;
    for table in CHILDREN {
        let still = match table {
            "taggings" => " AND tag_id IN (SELECT id FROM tags)",
            "segment_members" => " AND segment_id IN (SELECT id FROM segments)",
            _ => "",
        };
        say(format!("INSERT INTO {table} SELECT * FROM gone_{table} WHERE customer_id = {id}{still}"), conn)?;
        say(format!("DELETE FROM gone_{table} WHERE customer_id = {id}"), conn)?;
    }
    say(format!("DELETE FROM gone_customers WHERE id = {id}"), conn).map(drop)
}

/// All she carries goes to another and she gets another number; on PostgreSQL in one statement that deletes and inserts.
fn hand_over(aim: &Aim, conn: &mut Conn) -> QueryResult<()> {
    let Aim { she, other, .. } = aim;
    if let Conn::Postgres(_) = conn {
        say(
            format!(
                "WITH gone AS (DELETE FROM taggings WHERE customer_id = {she} RETURNING *) \
                 INSERT INTO taggings (customer_id, tag_id, tagged_at, actor, source) \
                 SELECT {other}, tag_id, tagged_at, actor, source FROM gone ON CONFLICT DO NOTHING"
            ),
            conn,
        )?;
    }
    for table in CHILDREN {
        say(format!("DELETE FROM {table} WHERE customer_id = {she}"), conn)?;
    }
    // A number that nobody has any more.
    let free = format!(
        "SELECT max(before.id) + 1 FROM customers AS before WHERE before.id < {other} \
         AND NOT EXISTS (SELECT 1 FROM customers AS next WHERE next.id = before.id + 1)"
    );
    say(format!("UPDATE customers SET id = COALESCE(({free}), id) WHERE id = {she}"), conn).map(drop)
}
