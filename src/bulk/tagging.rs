//! Tags of many customers: added, taken away, replaced by others; and back. What a tagging is and how it ends is the tags'
//! own affair (`tags::put`, `tags::past`); here is only what is noted of each customer, so that it can come back as it was.
//! A tagging that is past its day counts as not carried.

use super::Action;
use super::items::Item;
use super::run::Batch;
use super::what::Named;
use crate::db::Conn;
use crate::db::nodes::{Among, On};
use crate::db::schema::taggings;
use crate::tags::past::{self, Why};
use crate::tags::{self, Mark, Source};
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

/// What customers carry afterwards.
#[derive(Clone, Copy)]
pub enum Tagged<'a> {
    /// These, and what they carried.
    And(&'a [Named]),
    Only(&'a [Named]),
}

const TAG_GONE: &str = "The tag was deleted meanwhile.";

/// What the action's taggings say of it, and those that it ends.
fn mark(batch: &Batch) -> Mark {
    let Action { id, actor, agent_id, .. } = batch.action;
    Mark {
        actor: actor.clone(),
        agent_id: *agent_id,
        source: Source::Bulk(*id),
        at: batch.at,
        lasting: Default::default(),
    }
}

/// Adds tags, which replace others of their families, or all others.
pub fn add(wish: Tagged<'_>, batch: &Batch, conn: &mut Conn) -> QueryResult<Vec<Item>> {
    let (Tagged::And(named) | Tagged::Only(named)) = wish;
    let mut wanted: Vec<i64> = tags::undo::called(named.iter().map(|tag| tag.id), conn)?.into_keys().collect();
    wanted.sort_unstable();
    if wanted.len() < named.len() {
        return Ok(batch.ids.iter().map(|id| Item::failed(*id, TAG_GONE)).collect());
    }
    let mark = mark(batch);
    let mut changed: HashMap<i64, Vec<i64>> = HashMap::new();
    if matches!(wish, Tagged::Only(_)) {
        let others = || -> On<taggings::table> {
            let of = |column, ids: &[i64]| Among { column, ids: ids.to_vec() };
            let theirs = of("taggings.customer_id", batch.ids);
            Box::new(theirs.and(diesel::dsl::not(of("taggings.tag_id", &wanted))))
        };
        let theirs = taggings::table.filter(others()).filter(tags::on(batch.at)).select(taggings::customer_id);
        changed.extend(theirs.distinct().load::<i64>(conn)?.into_iter().map(|id| (id, Vec::new())));
        past::end(&others, Why::Replaced, &mark, conn)?;
    }
    for tag in wanted {
        for id in tags::put_on(batch.ids, tag, &mark, conn)?.fresh {
            changed.entry(id).or_default().push(tag);
        }
    }
    batch.touch(changed.keys().copied().collect(), conn)?;
    let item = |id: &i64| changed.get(id).map_or_else(|| Item::already(*id), |added| noted(*id, added));
    Ok(batch.ids.iter().map(item).collect())
}

/// Takes tags away.
pub fn remove(named: &[Named], batch: &Batch, conn: &mut Conn) -> QueryResult<Vec<Item>> {
    let mark = mark(batch);
    let mut theirs: HashSet<i64> = HashSet::new();
    for tag in named {
        theirs.extend(tags::take_off(batch.ids, tag.id, &mark, conn)?);
    }
    batch.touch(theirs.iter().copied().collect(), conn)?;
    let item = |id: &i64| if theirs.contains(id) { noted(*id, &[]) } else { Item::already(*id) };
    Ok(batch.ids.iter().map(item).collect())
}

/// Which tags were added to her stands beside her; which were taken away, in `past_taggings`.
fn noted(customer: i64, added: &[i64]) -> Item {
    let added: Vec<String> = added.iter().map(i64::to_string).collect();
    Item::changed(customer, Some(added.join(",")).filter(|added| !added.is_empty()))
}

/// Takes away what the action added where it is still the same tagging, and brings back what it ended. What was changed
/// since is told, by customer.
pub fn undo(before: &[(i64, Option<String>)], batch: &Batch, conn: &mut Conn) -> QueryResult<HashMap<i64, String>> {
    let Action { actor, undone_by, .. } = batch.action;
    let mark = Mark { actor: undone_by.as_ref().unwrap_or(actor).clone(), ..mark(batch) };
    let added = |(customer, noted): &(i64, Option<String>)| -> Vec<(i64, i64)> {
        let tags = noted.iter().flat_map(|ids| ids.split(','));
        tags.filter_map(|id| Some((*customer, id.parse().ok()?))).collect()
    };
    let added: Vec<(i64, i64)> = before.iter().flat_map(added).collect();
    let told = tags::undo::back(&added, batch.ids, &mark, conn)?;
    batch.touch(batch.ids.to_vec(), conn)?;
    Ok(told.into_iter().map(|(id, words)| (id, words.join(" "))).collect())
}
