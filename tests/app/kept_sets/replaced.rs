//! What SQLite's `OR REPLACE` does: a row that stands in the way of another goes without a word of its own. It may be
//! somebody else's, and there may be several.

use super::by_hand::Aim;
use super::shop::{self, CHANNELS, COLUMNS, PASSING, at, folded, quoted, say, values};
use crate::random_filters::pick;
use diesel::QueryResult;
use fastrand::Rng;
use muster::customers::Customer;
use muster::db::Conn;

pub fn replace(dice: &mut Rng, conn: &mut Conn) -> QueryResult<()> {
    let aim = Aim::take(dice, conn)?;
    if dice.u8(..3) == 0 {
        return customers(&aim, dice, conn);
    }
    let Aim { she, other, tags: [tag, another], segments: [list, elsewhere], fields: [field, neighbour] } = aim;
    let some = format!("BETWEEN {she} AND {she} + {}", pick(&[0, 0, 2, 5, 40], dice));
    let when = at(dice);
    let bought = "external_id, customer_id, product, product_folded, amount, currency, purchased_at";
    let what = format!("{}, {}, 'EUR', {when}", folded(&shop::PRODUCTS, dice), dice.i64(0..90) * 100);
    let (hers, others) = (format!("(SELECT min(id) FROM purchases WHERE customer_id = {she})"), dice.i64(1..6_000));
    let text = match dice.u8(..22) {
        0..2 => {
            let external_id = quoted(&shop::external_id(dice.u32(..300)));
            format!("INSERT OR REPLACE INTO purchases ({bought}) VALUES ({external_id}, {she}, {what})")
        }
        2 => format!("INSERT OR REPLACE INTO purchases (id, {bought}) VALUES ({others}, NULL, {she}, {what})"),
        3 => format!(
            "UPDATE OR REPLACE purchases SET external_id = (SELECT external_id FROM purchases WHERE \
             external_id IS NOT NULL AND id >= {others} LIMIT 1) WHERE id = {hers}"
        ),
        4 => format!("UPDATE OR REPLACE purchases SET id = {others} WHERE id = {hers}"),
        5 => format!(
            "INSERT OR REPLACE INTO taggings (customer_id, tag_id, tagged_at, actor, source) \
             SELECT id, {tag}, {when}, 'x', 'api' FROM customers WHERE id {some}"
        ),
        6 => format!("UPDATE OR REPLACE taggings SET tag_id = {another} WHERE tag_id = {tag} AND customer_id {some}"),
        7 => format!("UPDATE OR REPLACE taggings SET customer_id = {other} WHERE customer_id = {she}"),
        8 => format!(
            "INSERT OR REPLACE INTO consents (customer_id, channel, state, changed_at, source) \
             SELECT id, {}, 'opted_out', {when}, 'x' FROM customers WHERE id {some}",
            quoted(pick(&CHANNELS, dice))
        ),
        9 => format!("UPDATE OR REPLACE consents SET channel = 'sms' WHERE channel = 'email' AND customer_id {some}"),
        10 => format!("UPDATE OR REPLACE consents SET customer_id = {other} WHERE customer_id = {she}"),
        11 => format!(
            "UPDATE OR REPLACE custom_values SET field_id = {neighbour} WHERE field_id = {field} AND customer_id {some}"
        ),
        12 => format!("UPDATE OR REPLACE custom_values SET customer_id = {other} WHERE customer_id = {she}"),
        13 => format!(
            "UPDATE OR REPLACE segment_members SET segment_id = {elsewhere} WHERE segment_id = {list} AND customer_id {some}"
        ),
        14 => format!("UPDATE OR REPLACE segment_members SET customer_id = {other} WHERE customer_id = {she}"),
        15..18 => return names(dice, conn),
        // A list that is replaced by itself has a new number and nobody in it.
        18 if dice.u8(..4) == 0 => format!(
            "INSERT OR REPLACE INTO segments (name, name_key, kind, private, actor, created_at, updated_at) \
             SELECT name, name_key, kind, private, actor, created_at, updated_at FROM segments WHERE id = {list}"
        ),
        20 => format!(
            "INSERT OR REPLACE INTO campaign_recipients (campaign_id, customer_id, address, status, due_at) \
             SELECT max(id), {she}, 'x', {}, {when} FROM campaigns HAVING max(id) IS NOT NULL",
            quoted(pick(&["sent", "failed", "waiting"], dice))
        ),
        21 => format!("UPDATE OR REPLACE campaign_recipients SET customer_id = {other} WHERE customer_id = {she}"),
        _ => return customers(&Aim { she: other, other: she, ..aim }, dice, conn),
    };
    say(text, conn).map(drop)
}

/// Keys of one or two others, or a number that is taken.
fn customers(aim: &Aim, dice: &mut Rng, conn: &mut Conn) -> QueryResult<()> {
    let Aim { she, other, .. } = *aim;
    let (Some(one), Some(two)) = (Customer::find(she, conn)?, Customer::find(other, conn)?) else { return Ok(()) };
    let (email, phone) = (two.email.as_deref(), one.phone.as_deref());
    let text = match dice.u8(..7) {
        0 => format!("INSERT OR REPLACE INTO customers ({COLUMNS}) VALUES ({})", values(email, None, None, dice)),
        1 => format!("INSERT OR REPLACE INTO customers ({COLUMNS}) VALUES ({})", values(email, phone, None, dice)),
        2 => {
            let external_id = two.external_id.as_deref();
            format!("INSERT OR REPLACE INTO customers ({COLUMNS}) VALUES ({})", values(None, phone, external_id, dice))
        }
        3 => format!(
            "INSERT OR REPLACE INTO customers (id, {COLUMNS}) VALUES ({she}, {})",
            values(email, phone, None, dice)
        ),
        4 => format!(
            "UPDATE OR REPLACE customers SET (email, email_folded) = (SELECT email, email_folded FROM customers \
             WHERE id = {other}) WHERE id = {she}"
        ),
        5 => format!(
            "UPDATE OR REPLACE customers SET (phone, external_id, external_id_folded) = (SELECT phone, external_id, \
             external_id_folded FROM customers WHERE id = {other}) WHERE id = {she}"
        ),
        // Refused where foreign keys are kept and she has anything.
        _ => format!("UPDATE OR REPLACE customers SET id = {other} WHERE id = {she}"),
    };
    say(text, conn).map(drop)
}

/// A tag that is replaced, by itself or by one that takes its name; where foreign keys are not kept, its taggings stay
/// without it, and get another of that number.
fn names(dice: &mut Rng, conn: &mut Conn) -> QueryResult<()> {
    let [one, other] = if dice.bool() { PASSING } else { [PASSING[1], PASSING[0]] };
    let text = match dice.u8(..6) {
        0 => format!(
            "INSERT OR REPLACE INTO tags (name, name_key, name_folded, colour, created_at) \
             SELECT name, name_key, name_folded, colour, created_at FROM tags WHERE name_key = lower('{one}')"
        ),
        1 => format!(
            "UPDATE OR REPLACE tags SET name = '{one}', name_key = lower('{one}'), name_folded = lower('{one}') \
             WHERE name_key = lower('{other}')"
        ),
        2 => format!("UPDATE OR REPLACE tags SET name_key = lower('{one}') WHERE name_key = lower('{other}')"),
        3..5 => "INSERT OR IGNORE INTO tags (id, name, name_key, name_folded, colour, created_at) \
             SELECT tag_id, 'stray', 'stray', 'stray', 'gray', '2026-01-01 00:00:00' FROM taggings \
             WHERE tag_id NOT IN (SELECT id FROM tags) LIMIT 1"
            .into(),
        _ => "DELETE FROM tags WHERE name = 'stray'".into(),
    };
    say(text, conn)?;
    // A key that is free now.
    muster::tags::Tag::find_or_create(other, conn, shop::clock().stamp()).map(drop)
}
