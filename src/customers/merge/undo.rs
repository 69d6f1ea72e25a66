//! Back to two customers. The one who went comes again under her old number with all that was hers; the one who stayed gets
//! back what the merge changed about her, where it still is so. What happened since stays with her, and what was changed
//! since is left alone and told.

use super::Merge;
use super::carry::{self, Kept, one};
use super::doing::write_consent;
use super::sides::BUILT_IN;
use crate::agents::{Caller, audit};
use crate::bulk::kept;
use crate::custom_fields::{self, CustomField};
use crate::customers::history::{By, Source};
use crate::customers::{Channel, Consents, Customer, Draft, Problem, touch};
use crate::db::schema::{customers, merges, past_taggings, taggings};
use crate::db::{Conn, Trouble, dialect};
use crate::purchases;
use crate::tags::{families, past, undo::called};
use crate::workspace::Workspace;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;
use std::collections::HashMap;

/// What was left as it is, a sentence each; or why it cannot be undone.
pub type Undone = Result<Vec<String>, String>;

/// To be called in a write transaction or a savepoint.
pub fn undo(id: i64, caller: &Caller, conn: &mut Conn) -> Result<Option<Undone>, Trouble> {
    let Some(merge) = Merge::find(id, conn)? else { return Ok(None) };
    let (from, to) = (merge.old_id, merge.new_id);
    dialect::hold_customers(&[to], conn)?;
    // Somebody may have done it while this one waited.
    let Some(merge) = Merge::find(id, conn)? else { return Ok(None) };
    if merge.undone_at.is_some() {
        return Ok(Some(Err("This merge was undone already.".into())));
    }
    let Some(her) = Customer::find(to, conn)? else {
        return Ok(Some(Err(match Merge::of_old(to, conn)? {
            Some(later) => format!("#{to} was merged into #{} since. Undo that first.", later.new_id),
            None => format!("#{to} was deleted since: there is nobody to take anything back from."),
        })));
    };
    if let Some(campaign) = super::mailings::on_the_way(&[to], conn)? {
        return Ok(Some(Err(format!(
            "A message of the campaign {campaign} is on its way to her. Undo it in a minute."
        ))));
    }
    let kept: Option<Kept> = merge.kept.as_deref().and_then(|kept| serde_json::from_str(kept).ok());
    let Some(kept) = kept else {
        return Ok(Some(Err("What undoing needs to know is not kept any more.".into())));
    };
    let other = kept::Kept::from_json(&kept.customer)?;
    let clock = Workspace::load(conn)?.clock();
    let at = clock.stamp();
    let mut told = fields_back(&her, &kept, &By::of(caller, Source::Merge, at), conn)?;
    let mut of_hers: HashMap<i64, Vec<String>> = HashMap::new();
    kept::restore(vec![other], at, &mut of_hers, conn)?;
    told.extend(of_hers.into_values().flatten());
    carry::back(&kept.moved, from, to, conn)?;
    tags_back(&kept, from, to, at, &mut told, conn)?;
    consents_back(&kept, to, &mut told, conn)?;
    purchases::recount(&[from, to], conn)?;
    [from, to].into_iter().try_for_each(|id| touch(id, at, conn))?;
    diesel::update(merges::table.find(id))
        .set((merges::undone_at.eq(at), merges::undone_by.eq(&caller.name), merges::kept.eq(None::<String>)))
        .execute(conn)?;
    let details = json!({ "back": from, "left_alone": told.len() });
    audit(conn, caller, "customer.unmerge", &format!("customer {to}"), &details)?;
    Ok(Some(Ok(told)))
}

/// The fields that the merge changed, but for those that were changed since.
fn fields_back(her: &Customer, kept: &Kept, by: &By, conn: &mut Conn) -> Result<Vec<String>, Trouble> {
    let mut told = Vec::new();
    let mut draft = Draft::from(her);
    for (name, label, slot) in BUILT_IN {
        let Some(changed) = kept.fields.iter().find(|changed| changed.field == name) else { continue };
        let now = slot(&mut draft);
        if *now == changed.after {
            now.clone_from(&changed.before);
        } else if *now != changed.before {
            told.push(format!("{label} was changed since."));
        }
    }
    if draft.last_seen_at == kept.last_seen_at.1 {
        draft.last_seen_at = kept.last_seen_at.0;
    }
    if draft.created_at == Some(kept.created_at.1) {
        draft.created_at = Some(kept.created_at.0);
    }
    // A key that somebody else has by now stays with them.
    for _ in 0..BUILT_IN.len() {
        match her.update(&draft, by, conn) {
            Ok(_) => break,
            Err(Problem::Query(error)) => return Err(error.into()),
            Err(Problem::Taken { field, by }) => {
                told.push(format!("Customer #{by} has her {} now.", field.replace('_', " ")));
                let slot = BUILT_IN.iter().find(|(name, ..)| *name == field).map(|(.., slot)| slot);
                match slot {
                    Some(slot) => *slot(&mut draft) = slot(&mut Draft::from(her)).clone(),
                    None => break,
                }
            }
        }
    }
    let values = custom_fields::of_customers(&[her.id], conn)?.remove(&her.id).unwrap_or_default();
    for field in CustomField::all(conn)? {
        let Some(changed) = kept.fields.iter().find(|changed| changed.field == field.name()) else { continue };
        let now = values.get(&field.id);
        if now == changed.after.as_ref() {
            let value = changed.before.as_ref().and_then(|value| field.clean(value).ok().flatten());
            custom_fields::set(her.id, &field, value.as_ref(), by, conn)?;
        } else if now != changed.before.as_ref() {
            told.push(format!("{} was changed since.", field.label));
        }
    }
    Ok(told)
}

fn consents_back(kept: &Kept, to: i64, told: &mut Vec<String>, conn: &mut Conn) -> QueryResult<()> {
    let now = Consents::of(to, conn)?;
    for changed in &kept.consents {
        let Some(channel) = Channel::parse(&changed.channel) else { continue };
        match now.get(channel) == changed.after {
            true => write_consent(to, channel.key(), changed.before.clone(), conn)?,
            false => told.push(format!("Her consent to {} was changed since.", channel.spoken())),
        }
    }
    Ok(())
}

fn tags_back(
    kept: &Kept,
    from: i64,
    to: i64,
    at: NaiveDateTime,
    told: &mut Vec<String>,
    conn: &mut Conn,
) -> QueryResult<()> {
    let tags = &kept.moved.tags;
    let names = called(tags.moved.iter().map(|(tag, _)| *tag), conn)?;
    past::expire(&|| Box::new(taggings::customer_id.eq(to)), at, conn)?;
    for (tag, since) in &tags.moved {
        let still = taggings::table.filter(one(to, *tag)()).filter(taggings::tagged_at.eq(since));
        if diesel::update(still).set(taggings::customer_id.eq(from)).execute(conn)? == 0 {
            told.push(match names.get(tag) {
                Some(name) => format!("{name} was taken away or given anew since."),
                None => "A tag was deleted since.".into(),
            });
        }
    }
    for (tag, before, after) in &tags.longer {
        let row: Vec<Option<NaiveDateTime>> =
            taggings::table.filter(one(to, *tag)()).select(taggings::expires_at).load(conn)?;
        if row.first() == Some(after) {
            diesel::update(taggings::table.filter(one(to, *tag)()))
                .set(taggings::expires_at.eq(before))
                .execute(conn)?;
        }
    }
    // The other has nothing but what she had: hers come back as they were.
    again(&tags.ended_other, from, told, conn)?;
    again(&tags.ended_hers, to, told, conn)
}

/// Taggings that the merge ended are taggings again, unless another took their place since.
fn again(rows: &[i64], whose: i64, told: &mut Vec<String>, conn: &mut Conn) -> QueryResult<()> {
    let ended: Vec<(i64, i64, String)> = past_taggings::table
        .filter(past_taggings::id.eq_any(rows))
        .filter(past_taggings::customer_id.eq(whose))
        .order(past_taggings::id)
        .select((past_taggings::id, past_taggings::tag_id, past_taggings::tag_name))
        .load(conn)?;
    let known = called(ended.iter().map(|(_, tag, _)| *tag), conn)?;
    let here: i64 = customers::table.filter(customers::id.eq(whose)).count().get_result(conn)?;
    for (row, tag, name) in ended {
        let mut rivals = families::others(tag, conn)?;
        rivals.push(tag);
        let carried = taggings::table.filter(taggings::customer_id.eq(whose)).filter(taggings::tag_id.eq_any(rivals));
        if !known.contains_key(&tag) {
            told.push(format!("The tag {name} was deleted since."));
        } else if here > 0 && carried.count().get_result::<i64>(conn)? == 0 {
            past::bring_back(&[row], conn)?;
        } else {
            told.push(format!("{name} was given anew since, or another of its family."));
        }
    }
    Ok(())
}
