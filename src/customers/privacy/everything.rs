//! Everything that is kept about one person, part by part, as programs read it. Internal notes too: they are about her.

use crate::agents::Caller;
use crate::custom_fields::{self, CustomField};
use crate::customers::{Customer, merge};
use crate::db::Conn;
use crate::db::schema::{
    audit_log, bulk_actions, bulk_items, campaign_attempts, campaign_recipients, campaigns, consents, conversations,
    field_changes, import_changes, import_lines, import_remarks, imports, merges, messages, past_taggings, purchases,
    segment_moves, segments, taggings, tags,
};
use crate::workspace::{Workspace, spell};
use crate::{campaigns as mailing, segments as groups};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::{Value, json};

/// A part, and what is in it: objects, whose `at` is when and `who` is by whom.
pub type Part = (&'static str, Vec<Value>);

fn time(at: Option<NaiveDateTime>) -> Value {
    at.map(spell).into()
}

/// All parts, in the order they are read.
pub fn of(her: &Customer, caller: &Caller, conn: &mut Conn) -> QueryResult<Vec<Part>> {
    let numbers = merge::all_numbers(her.id, conn)?;
    Ok(vec![
        ("profile", vec![profile(her)]),
        ("custom_fields", custom(her.id, conn)?),
        ("consents", agreed(her.id, conn)?),
        ("suppressed", suppressed(her, conn)?),
        ("tags", tagged(her.id, conn)?),
        ("past_tags", once_tagged(her.id, conn)?),
        ("changes", changed(her.id, conn)?),
        ("purchases", bought(her.id, conn)?),
        ("segments", grouped(her.id, caller, conn)?),
        ("segment_moves", moved(her.id, conn)?),
        ("conversations", talked(her.id, conn)?),
        ("campaigns", mailed(&numbers, conn)?),
        ("imports", imported(&numbers, conn)?),
        ("bulk_actions", in_bulk(&numbers, conn)?),
        ("merges", merged(&numbers, conn)?),
        ("log", logged(&numbers, conn)?),
    ])
}

fn profile(her: &Customer) -> Value {
    json!({
        "id": her.id,
        "name": her.name,
        "email": her.email,
        "phone": her.phone,
        "external_id": her.external_id,
        "country": her.country,
        "city": her.city,
        "language": her.language,
        "created_at": spell(her.created_at),
        "updated_at": spell(her.updated_at),
        "last_seen_at": time(her.last_seen_at),
        "purchase_count": her.purchase_count,
        "total_spent": her.total_spent,
        "first_purchase_at": time(her.first_purchase_at),
        "last_purchase_at": time(her.last_purchase_at),
    })
}

fn custom(id: i64, conn: &mut Conn) -> QueryResult<Vec<Value>> {
    let values = custom_fields::of_customers(&[id], conn)?.remove(&id).unwrap_or_default();
    let known = CustomField::known(conn)?;
    let told = |field: &CustomField| {
        let value = values.get(&field.id)?;
        Some(json!({ "field": field.key, "label": field.label, "value": field.to_json(value) }))
    };
    Ok(known.iter().filter_map(told).collect())
}

fn agreed(id: i64, conn: &mut Conn) -> QueryResult<Vec<Value>> {
    let rows: Vec<(String, String, NaiveDateTime, String)> = consents::table
        .filter(consents::customer_id.eq(id))
        .order(consents::channel)
        .select((consents::channel, consents::state, consents::changed_at, consents::source))
        .load(conn)?;
    let told =
        |(channel, state, at, from)| json!({ "channel": channel, "consent": state, "at": spell(at), "who": from });
    Ok(rows.into_iter().map(told).collect())
}

/// Whether her addresses get nothing any more, and why.
fn suppressed(her: &Customer, conn: &mut Conn) -> QueryResult<Vec<Value>> {
    use crate::customers::Channel;
    use crate::db::schema::suppressions;
    let Some(key) = mailing::key(conn).optional()? else { return Ok(Vec::new()) };
    let mut told = Vec::new();
    for channel in Channel::ALL {
        let address = if channel == Channel::Email { &her.email } else { &her.phone };
        let Some(address) = address else { continue };
        let row = suppressions::table.find((channel.key(), mailing::addresses::hash(&key, channel, address)));
        let found: Option<(String, NaiveDateTime)> =
            row.select((suppressions::reason, suppressions::at)).first(conn).optional()?;
        told.extend(found.map(|(reason, at)| json!({ "channel": channel.key(), "reason": reason, "at": spell(at) })));
    }
    Ok(told)
}

fn tagged(id: i64, conn: &mut Conn) -> QueryResult<Vec<Value>> {
    type Row = (String, NaiveDateTime, String, String, Option<NaiveDateTime>);
    let rows: Vec<Row> = taggings::table
        .inner_join(tags::table)
        .filter(taggings::customer_id.eq(id))
        .order((taggings::tagged_at, taggings::tag_id))
        .select((tags::name, taggings::tagged_at, taggings::actor, taggings::source, taggings::expires_at))
        .load(conn)?;
    let told = |(tag, at, who, from, until): Row| json!({ "tag": tag, "at": spell(at), "who": who, "from": from, "until": time(until) });
    Ok(rows.into_iter().map(told).collect())
}

fn once_tagged(id: i64, conn: &mut Conn) -> QueryResult<Vec<Value>> {
    type Row = ((String, NaiveDateTime, String, String), (NaiveDateTime, String, String, String));
    let rows: Vec<Row> = past_taggings::table
        .filter(past_taggings::customer_id.eq(id))
        .order((past_taggings::ended_at, past_taggings::id))
        .select((
            (past_taggings::tag_name, past_taggings::tagged_at, past_taggings::actor, past_taggings::source),
            (past_taggings::ended_at, past_taggings::ended_by, past_taggings::ended_source, past_taggings::why),
        ))
        .load(conn)?;
    let told = |((tag, tagged_at, by, from), (at, who, ended_from, why)): Row| {
        json!({
            "tag": tag, "tagged_at": spell(tagged_at), "tagged_by": by, "tagged_from": from,
            "ended": why, "at": spell(at), "who": who, "ended_from": ended_from,
        })
    };
    Ok(rows.into_iter().map(told).collect())
}

fn bought(id: i64, conn: &mut Conn) -> QueryResult<Vec<Value>> {
    type Row = (Option<String>, Option<String>, i64, String, NaiveDateTime, Option<i64>);
    let rows: Vec<Row> = purchases::table
        .filter(purchases::customer_id.eq(id))
        .order((purchases::purchased_at, purchases::id))
        .select((
            purchases::external_id,
            purchases::product,
            purchases::amount,
            purchases::currency,
            purchases::purchased_at,
            purchases::import_id,
        ))
        .load(conn)?;
    let told = |(order, product, amount, currency, at, import): Row| {
        json!({
            "order": order, "product": product, "amount_minor": amount, "currency": currency, "at": spell(at),
            "import": import,
        })
    };
    Ok(rows.into_iter().map(told).collect())
}

fn grouped(id: i64, caller: &Caller, conn: &mut Conn) -> QueryResult<Vec<Value>> {
    let clock = Workspace::load(conn)?.clock();
    let standing = groups::standing(id, caller, conn, &clock)?;
    Ok(standing
        .into_iter()
        .filter(|(_, within)| *within)
        .map(|(segment, _)| json!({ "segment": segment.name }))
        .collect())
}

fn moved(id: i64, conn: &mut Conn) -> QueryResult<Vec<Value>> {
    let rows: Vec<(String, bool, NaiveDateTime, String)> = segment_moves::table
        .inner_join(segments::table.on(segments::id.eq(segment_moves::segment_id)))
        .filter(segment_moves::customer_id.eq(id))
        .order((segment_moves::at, segment_moves::step))
        .select((segments::name, segment_moves::joined, segment_moves::at, segment_moves::cause))
        .load(conn)?;
    let told = |(segment, joined, at, cause)| json!({ "segment": segment, "move": if joined { "joined" } else { "left" }, "at": spell(at), "cause": cause });
    Ok(rows.into_iter().map(told).collect())
}

fn changed(id: i64, conn: &mut Conn) -> QueryResult<Vec<Value>> {
    type Row = (String, Option<String>, Option<String>, NaiveDateTime, String, String);
    let rows: Vec<Row> = field_changes::table
        .filter(field_changes::customer_id.eq(id))
        .order(field_changes::id)
        .select((
            field_changes::field,
            field_changes::before,
            field_changes::after,
            field_changes::at,
            field_changes::actor,
            field_changes::source,
        ))
        .load(conn)?;
    let told = |(field, before, after, at, who, source)| json!({ "field": field, "before": before, "after": after, "at": spell(at), "who": who, "from": source });
    Ok(rows.into_iter().map(told).collect())
}

fn talked(id: i64, conn: &mut Conn) -> QueryResult<Vec<Value>> {
    type Talk = (i64, String, String, Option<String>, NaiveDateTime);
    let talks: Vec<Talk> = conversations::table
        .filter(conversations::customer_id.eq(id))
        .order(conversations::id)
        .select((
            conversations::id,
            conversations::channel,
            conversations::state,
            conversations::subject,
            conversations::created_at,
        ))
        .load(conn)?;
    let mut told = Vec::new();
    for (talk, channel, state, subject, at) in talks {
        type Said = (String, String, String, NaiveDateTime, String, Option<String>);
        let said: Vec<Said> = messages::table
            .filter(messages::conversation_id.eq(talk))
            .order(messages::id)
            .select((
                messages::kind,
                messages::author,
                messages::body,
                messages::at,
                messages::status,
                messages::address,
            ))
            .load(conn)?;
        let said: Vec<Value> = said
            .into_iter()
            .map(|(kind, who, body, at, status, address)| {
                json!({ "kind": kind, "body": body, "address": address, "status": status, "at": spell(at), "who": who })
            })
            .collect();
        told.push(json!({
            "conversation": talk, "channel": channel, "state": state, "subject": subject, "at": spell(at),
            "messages": said,
        }));
    }
    Ok(told)
}

fn mailed(numbers: &[i64], conn: &mut Conn) -> QueryResult<Vec<Value>> {
    type Row = (
        (i64, i64, String, String),
        (Option<String>, Option<String>, String, Option<String>, Option<String>),
        (Option<NaiveDateTime>, Option<NaiveDateTime>),
    );
    let rows: Vec<Row> = campaign_recipients::table
        .inner_join(campaigns::table.on(campaigns::id.eq(campaign_recipients::campaign_id)))
        .filter(campaign_recipients::customer_id.eq_any(numbers))
        .order((campaign_recipients::campaign_id, campaign_recipients::customer_id))
        .select((
            (campaigns::id, campaign_recipients::customer_id, campaigns::name, campaigns::channel),
            (
                campaign_recipients::name,
                campaign_recipients::address,
                campaign_recipients::status,
                campaign_recipients::reason,
                campaign_recipients::said,
            ),
            (campaign_recipients::settled_at, campaign_recipients::unsubscribed_at),
        ))
        .load(conn)?;
    let mut told = Vec::new();
    for ((campaign, number, called, channel), (name, address, status, reason, said), (at, left)) in rows {
        let tries: Vec<(i64, NaiveDateTime, String, String)> = campaign_attempts::table
            .filter(campaign_attempts::campaign_id.eq(campaign).and(campaign_attempts::customer_id.eq(number)))
            .order((campaign_attempts::at, campaign_attempts::attempt))
            .select((
                campaign_attempts::attempt,
                campaign_attempts::at,
                campaign_attempts::outcome,
                campaign_attempts::said,
            ))
            .load(conn)?;
        let tries: Vec<Value> = tries
            .into_iter()
            .map(|(attempt, at, outcome, said)| json!({ "attempt": attempt, "outcome": outcome, "said": said, "at": spell(at) }))
            .collect();
        told.push(json!({
            "campaign": called, "channel": channel, "name": name, "address": address, "status": status,
            "reason": reason, "said": said, "at": time(at), "unsubscribed_at": time(left), "attempts": tries,
        }));
    }
    Ok(told)
}

fn imported(numbers: &[i64], conn: &mut Conn) -> QueryResult<Vec<Value>> {
    let mut told = Vec::new();
    for (import, line) in merge::lines_about(numbers, conn)? {
        let (file, who, at): (String, String, NaiveDateTime) = imports::table
            .find(import)
            .select((imports::file_name, imports::actor, imports::created_at))
            .first(conn)?;
        let outcome: Option<String> =
            import_lines::table.find((import, line)).select(import_lines::outcome).first(conn).optional()?;
        let changes: Option<String> =
            import_changes::table.find((import, line)).select(import_changes::changes).first(conn).optional()?;
        let changes: Value = changes.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let remarks: Vec<(String, String, String, String)> = import_remarks::table
            .filter(import_remarks::import_id.eq(import).and(import_remarks::line.eq(line)))
            .order(import_remarks::id)
            .select((
                import_remarks::column_name,
                import_remarks::value,
                import_remarks::reason,
                import_remarks::record,
            ))
            .load(conn)?;
        let remarks: Vec<Value> = remarks
            .into_iter()
            .map(|(column, value, reason, record)| {
                json!({ "column": column, "value": value, "reason": reason, "record": record })
            })
            .collect();
        told.push(json!({
            "import": import, "file": file, "line": line, "outcome": outcome, "changes": changes, "remarks": remarks,
            "at": spell(at), "who": who,
        }));
    }
    Ok(told)
}

fn in_bulk(numbers: &[i64], conn: &mut Conn) -> QueryResult<Vec<Value>> {
    let actions: Vec<(i64, String, String, NaiveDateTime)> = bulk_actions::table
        .order(bulk_actions::id)
        .select((bulk_actions::id, bulk_actions::words, bulk_actions::actor, bulk_actions::created_at))
        .load(conn)?;
    let mut told = Vec::new();
    for (action, words, who, at) in actions {
        let items: Vec<(String, Option<String>, Option<String>)> = bulk_items::table
            .filter(bulk_items::action_id.eq(action).and(bulk_items::customer_id.eq_any(numbers)))
            .select((bulk_items::outcome, bulk_items::before, bulk_items::remark))
            .load(conn)?;
        told.extend(items.into_iter().map(|(outcome, before, remark)| {
            let before = before.map(|text| serde_json::from_str::<Value>(&text).unwrap_or(Value::String(text)));
            json!({
                "action": words, "outcome": outcome, "before": before, "remark": remark, "at": spell(at), "who": who,
            })
        }));
    }
    Ok(told)
}

fn merged(numbers: &[i64], conn: &mut Conn) -> QueryResult<Vec<Value>> {
    type Row = (i64, i64, NaiveDateTime, String, Option<String>, Option<NaiveDateTime>);
    let rows: Vec<Row> = merges::table
        .filter(merges::new_id.eq_any(numbers))
        .order(merges::id)
        .select((merges::old_id, merges::new_id, merges::at, merges::actor, merges::kept, merges::undone_at))
        .load(conn)?;
    let told = |(old, new, at, who, kept, undone): Row| {
        let kept: Value = kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        json!({ "old": old, "into": new, "kept": kept, "undone_at": time(undone), "at": spell(at), "who": who })
    };
    Ok(rows.into_iter().map(told).collect())
}

fn logged(numbers: &[i64], conn: &mut Conn) -> QueryResult<Vec<Value>> {
    let subjects: Vec<String> = numbers.iter().map(|id| format!("customer {id}")).collect();
    let rows: Vec<(NaiveDateTime, String, String, String)> = audit_log::table
        .filter(audit_log::subject.eq_any(subjects))
        .order(audit_log::id)
        .select((audit_log::at, audit_log::actor, audit_log::action, audit_log::details))
        .load(conn)?;
    let told = |(at, who, action, details): (NaiveDateTime, String, String, String)| {
        let details: Value = serde_json::from_str(&details).unwrap_or(Value::String(details));
        json!({ "action": action, "details": details, "at": spell(at), "who": who })
    };
    Ok(rows.into_iter().map(told).collect())
}
