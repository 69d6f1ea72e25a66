//! Tags of many customers: added, taken away, replaced by others; and back. What a tagging is and how it ends is the tags'
//! own affair (`tags::put`, `tags::past`); here is only what is noted of each customer, so that it can come back as it was.
//! A tagging that is past its day counts as not carried.

use super::Action;
use super::items::Item;
use super::run::Batch;
use super::what::Named;
use crate::db::Conn;
use crate::db::nodes::{Among, On};
use crate::db::schema::{past_taggings, taggings, tags as names};
use crate::tags::past::{self, Why};
use crate::tags::{self, Mark, Source};
use chrono::NaiveDateTime;
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
    let mut wanted: Vec<i64> = called(named.iter().map(|tag| tag.id), conn)?.into_keys().collect();
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

/// The names of those tags that are still there.
fn called(ids: impl Iterator<Item = i64>, conn: &mut Conn) -> QueryResult<HashMap<i64, String>> {
    let ids: HashSet<i64> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = ids.into_iter().collect();
    Ok(names::table.filter(names::id.eq_any(ids)).select((names::id, names::name)).load(conn)?.into_iter().collect())
}

/// A tagging that this action ended.
struct Past {
    id: i64,
    customer: i64,
    tag: i64,
    name: String,
}

type Told = HashMap<i64, Vec<String>>;

/// Takes away what the action added where it is still the same tagging, and brings back what it ended. What was changed
/// since is told, by customer.
pub fn undo(before: &[(i64, Option<String>)], batch: &Batch, conn: &mut Conn) -> QueryResult<HashMap<i64, String>> {
    let mut told = Told::new();
    take_back(before, batch, &mut told, conn)?;
    bring_back(batch, &mut told, conn)?;
    batch.touch(batch.ids.to_vec(), conn)?;
    Ok(told.into_iter().map(|(id, words)| (id, words.join(" "))).collect())
}

fn take_back(before: &[(i64, Option<String>)], batch: &Batch, told: &mut Told, conn: &mut Conn) -> QueryResult<()> {
    let Action { id, actor, undone_by, .. } = batch.action;
    let mark = Mark { actor: undone_by.as_ref().unwrap_or(actor).clone(), ..mark(batch) };
    let (source, id) = (mark.source.key(), *id);
    let theirs = || -> On<taggings::table> {
        let this = taggings::source.eq(source).and(taggings::source_id.eq(id).assume_not_null());
        Box::new(this.and(Among { column: "taggings.customer_id", ids: batch.ids.to_vec() }))
    };
    let made = taggings::table.filter(theirs()).select((taggings::customer_id, taggings::tag_id));
    let made: HashSet<(i64, i64)> = made.load(conn)?.into_iter().collect();
    let added = |noted: &Option<String>| -> Vec<i64> {
        noted.iter().flat_map(|ids| ids.split(',')).filter_map(|id| id.parse().ok()).collect()
    };
    let missing: Vec<(i64, i64)> = before
        .iter()
        .flat_map(|(customer, noted)| added(noted).into_iter().map(|tag| (*customer, tag)))
        .filter(|pair| !made.contains(pair))
        .collect();
    let names = called(missing.iter().map(|(_, tag)| *tag), conn)?;
    for (customer, tag) in missing {
        told.entry(customer).or_default().push(match names.get(&tag) {
            Some(name) => format!("{name} was taken away or given anew since."),
            None => "The tag was deleted since.".into(),
        });
    }
    past::end(&theirs, Why::Undone, &mark, conn).map(drop)
}

/// Who carries which of some tags now, among these customers: and whether that is over already.
struct Carried(HashMap<(i64, i64), bool>);

impl Carried {
    fn of(batch: &Batch, among: Vec<i64>, conn: &mut Conn) -> QueryResult<Carried> {
        let rows: Vec<(i64, i64, Option<NaiveDateTime>)> = taggings::table
            .filter(Among { column: "taggings.customer_id", ids: batch.ids.to_vec() })
            .filter(Among { column: "taggings.tag_id", ids: among })
            .select((taggings::customer_id, taggings::tag_id, taggings::expires_at))
            .load(conn)?;
        let live = |end: Option<NaiveDateTime>| end.is_none_or(|at| at > batch.at);
        Ok(Carried(rows.into_iter().map(|(customer, tag, end)| ((customer, tag), live(end))).collect()))
    }

    fn has(&self, customer: i64, tag: i64) -> bool {
        self.0.get(&(customer, tag)).copied().unwrap_or(false)
    }

    /// It is past its day, and its row still there.
    fn had(&self, customer: i64, tag: i64) -> bool {
        self.0.get(&(customer, tag)) == Some(&false)
    }
}

fn ended(batch: &Batch, conn: &mut Conn) -> QueryResult<Vec<Past>> {
    let (source, id) = (Source::Bulk(batch.action.id).key(), batch.action.id);
    let past: Vec<(i64, i64, i64, String)> = past_taggings::table
        .filter(past_taggings::ended_source.eq(source))
        .filter(past_taggings::ended_source_id.eq(id))
        .filter(past_taggings::why.eq_any([Why::Removed.key(), Why::Replaced.key()]))
        .filter(Among { column: "past_taggings.customer_id", ids: batch.ids.to_vec() })
        .order(past_taggings::id)
        .select((past_taggings::id, past_taggings::customer_id, past_taggings::tag_id, past_taggings::tag_name))
        .load(conn)?;
    Ok(past.into_iter().map(|(id, customer, tag, name)| Past { id, customer, tag, name }).collect())
}

fn bring_back(batch: &Batch, told: &mut Told, conn: &mut Conn) -> QueryResult<()> {
    let past = ended(batch, conn)?;
    if past.is_empty() {
        return Ok(());
    }
    let known = called(past.iter().map(|past| past.tag), conn)?;
    // By tag, the others of its family, of which a customer carries one at most.
    let mut siblings: HashMap<i64, Vec<i64>> = HashMap::new();
    for tag in known.keys() {
        siblings.insert(*tag, tags::families::others(*tag, conn)?);
    }
    let met = siblings.iter().flat_map(|(tag, others)| std::iter::once(*tag).chain(others.iter().copied())).collect();
    let carried = Carried::of(batch, met, conn)?;
    let (mut back, mut over) = (Vec::new(), HashMap::<i64, Vec<i64>>::new());
    for one in past {
        let other = |tag: &i64| siblings.get(tag).into_iter().flatten().any(|other| carried.has(one.customer, *other));
        let words = match known.get(&one.tag) {
            None => format!("The tag {} was deleted since.", one.name),
            Some(name) if carried.has(one.customer, one.tag) => format!("{name} was given anew since."),
            Some(name) if other(&one.tag) => {
                format!("She was given another tag of the family of {name} since.")
            }
            Some(_) => {
                if carried.had(one.customer, one.tag) {
                    over.entry(one.tag).or_default().push(one.customer);
                }
                back.push(one.id);
                continue;
            }
        };
        told.entry(one.customer).or_default().push(words);
    }
    for (tag, customers) in over {
        past::expire(&tags::put::hers(&customers, tag), batch.at, conn)?;
    }
    past::bring_back(&back, conn)
}
