//! Tags of many customers: added, taken away, replaced by others; and back. A batch is read once, decided on here, and
//! written in a few statements. A tagging that ends goes to `past_taggings` with how it ended, so that it can come back as
//! it was. One that is past its day counts as not carried.

use super::Action;
use super::items::Item;
use super::run::Batch;
use super::what::Named;
use crate::db::nodes::Among;
use crate::db::schema::{past_taggings, taggings, tags};
use crate::db::{Backend, Conn};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
use std::collections::{HashMap, HashSet};

/// What customers carry afterwards.
#[derive(Clone, Copy)]
pub enum Tagged<'a> {
    /// These, and what they carried.
    And(&'a [Named]),
    Only(&'a [Named]),
}

/// A tag as an action meets it: with the others of its family, of which a customer carries one at most.
struct Tag {
    id: i64,
    name: String,
    siblings: Vec<i64>,
}

/// Those of the tags that are still there.
fn known(wanted: &[Named], conn: &mut Conn) -> QueryResult<Vec<Tag>> {
    let ids: Vec<i64> = wanted.iter().map(|tag| tag.id).collect();
    let rows: Vec<(i64, String, Option<i64>)> =
        tags::table.filter(tags::id.eq_any(ids)).select((tags::id, tags::name, tags::family_id)).load(conn)?;
    let families: Vec<i64> = rows.iter().filter_map(|(.., family)| *family).collect();
    let members: Vec<(i64, Option<i64>)> = match families.is_empty() {
        true => Vec::new(),
        false => tags::table
            .filter(tags::family_id.eq_any(families).assume_not_null())
            .select((tags::id, tags::family_id))
            .load(conn)?,
    };
    let tag = |(id, name, family): (i64, String, Option<i64>)| {
        let others = members.iter().filter(|(other, of)| family.is_some() && *of == family && *other != id);
        Tag { siblings: others.map(|(other, _)| *other).collect(), id, name }
    };
    Ok(rows.into_iter().map(tag).collect())
}

/// The tags and their families.
fn met<'a>(tags: impl Iterator<Item = &'a Tag>) -> Vec<i64> {
    tags.flat_map(|tag| std::iter::once(tag.id).chain(tag.siblings.iter().copied())).collect()
}

/// Who carries which tags now, among these customers: and whether that is over already.
struct Carried(HashMap<i64, HashMap<i64, bool>>);

impl Carried {
    /// Among these tags; `None` for all.
    fn of(batch: &Batch, among: Option<Vec<i64>>, conn: &mut Conn) -> QueryResult<Carried> {
        let mut theirs = taggings::table
            .filter(Among { column: "taggings.customer_id", ids: batch.ids.to_vec() })
            .select((taggings::customer_id, taggings::tag_id, taggings::expires_at))
            .into_boxed::<Backend>();
        if let Some(ids) = among {
            theirs = theirs.filter(Among { column: "taggings.tag_id", ids });
        }
        let rows: Vec<(i64, i64, Option<NaiveDateTime>)> = theirs.load(conn)?;
        let mut carried: HashMap<i64, HashMap<i64, bool>> = HashMap::new();
        for (customer, tag, expires) in rows {
            carried.entry(customer).or_default().insert(tag, expires.is_none_or(|at| at > batch.at));
        }
        Ok(Carried(carried))
    }

    fn has(&self, customer: i64, tag: i64) -> bool {
        self.0.get(&customer).and_then(|tags| tags.get(&tag)).copied().unwrap_or(false)
    }

    /// The tags of a customer that are not over.
    fn live(&self, customer: i64) -> impl Iterator<Item = i64> + '_ {
        self.0.get(&customer).into_iter().flatten().filter(|(_, live)| **live).map(|(tag, _)| *tag)
    }
}

/// From where these taggings are, and how they end: with the action's id beside it.
const SOURCE: &str = "bulk";

const TAG_GONE: &str = "The tag was deleted meanwhile.";

/// Adds tags, which replace others of their families, or all others.
pub fn add(wish: Tagged<'_>, batch: &Batch, conn: &mut Conn) -> QueryResult<Vec<Item>> {
    let (Tagged::And(named) | Tagged::Only(named)) = wish;
    let wanted = known(named, conn)?;
    if wanted.len() < named.len() {
        return Ok(batch.ids.iter().map(|id| Item::failed(*id, TAG_GONE)).collect());
    }
    let carried = Carried::of(batch, matches!(wish, Tagged::And(_)).then(|| met(wanted.iter())), conn)?;
    let exact: HashSet<i64> = wanted.iter().map(|tag| tag.id).collect();
    let mut changed: HashMap<i64, Vec<i64>> = HashMap::new();
    if matches!(wish, Tagged::Only(_)) {
        let others = |id: &i64| carried.live(*id).any(|tag| !exact.contains(&tag));
        let theirs: Vec<i64> = batch.ids.iter().copied().filter(others).collect();
        for id in &theirs {
            changed.entry(*id).or_default();
        }
        End { customers: theirs, tags: Which::But(exact.iter().copied().collect()), why: "replaced" }
            .write(batch, conn)?;
    }
    for tag in &wanted {
        let lacking: Vec<i64> = batch.ids.iter().copied().filter(|id| !carried.has(*id, tag.id)).collect();
        lacking.iter().for_each(|id| changed.entry(*id).or_default().push(tag.id));
        let sibling = |id: &i64| tag.siblings.iter().any(|other| carried.has(*id, *other));
        let replaced: Vec<i64> = lacking.iter().copied().filter(sibling).collect();
        End { customers: replaced, tags: Which::These(tag.siblings.clone()), why: "replaced" }.write(batch, conn)?;
        let over = |id: &i64| carried.0.get(id).is_some_and(|tags| tags.contains_key(&tag.id));
        let expired = lacking.iter().copied().filter(over).collect();
        End { customers: expired, tags: Which::Over(tag.id), why: "expired" }.write(batch, conn)?;
        insert(tag, lacking, batch, conn)?;
    }
    batch.touch(changed.keys().copied().collect(), conn)?;
    Ok(batch
        .ids
        .iter()
        .map(|id| changed.get(id).map_or_else(|| Item::already(*id), |added| noted(*id, added)))
        .collect())
}

/// Takes tags away.
pub fn remove(named: &[Named], batch: &Batch, conn: &mut Conn) -> QueryResult<Vec<Item>> {
    let carried = Carried::of(batch, Some(named.iter().map(|tag| tag.id).collect()), conn)?;
    let any = |id: &i64| named.iter().any(|tag| carried.has(*id, tag.id));
    let theirs: HashSet<i64> = batch.ids.iter().copied().filter(any).collect();
    let which = Which::These(named.iter().map(|tag| tag.id).collect());
    End { customers: theirs.iter().copied().collect(), tags: which, why: "removed" }.write(batch, conn)?;
    batch.touch(theirs.iter().copied().collect(), conn)?;
    let item = |id: &i64| if theirs.contains(id) { noted(*id, &[]) } else { Item::already(*id) };
    Ok(batch.ids.iter().map(item).collect())
}

/// Which tags were added to her stands beside her; which were taken away, in `past_taggings`.
fn noted(customer: i64, added: &[i64]) -> Item {
    let added: Vec<String> = added.iter().map(i64::to_string).collect();
    Item::changed(customer, Some(added.join(",")).filter(|added| !added.is_empty()))
}

fn insert(tag: &Tag, customers: Vec<i64>, batch: &Batch, conn: &mut Conn) -> QueryResult<()> {
    use crate::db::schema::customers as people;
    if customers.is_empty() {
        return Ok(());
    }
    let Action { id, actor, agent_id, .. } = batch.action;
    people::table
        .filter(Among { column: "customers.id", ids: customers })
        .select((
            people::id,
            tag.id.into_sql::<BigInt>(),
            batch.at.into_sql::<Timestamp>(),
            actor.as_str().into_sql::<Text>(),
            (*agent_id).into_sql::<Nullable<BigInt>>(),
            SOURCE.into_sql::<Text>(),
            Some(*id).into_sql::<Nullable<BigInt>>(),
        ))
        .into_boxed::<Backend>()
        .insert_into(taggings::table)
        .into_columns((
            taggings::customer_id,
            taggings::tag_id,
            taggings::tagged_at,
            taggings::actor,
            taggings::agent_id,
            taggings::source,
            taggings::source_id,
        ))
        .execute(conn)
        .map(drop)
}

/// Which taggings end.
enum Which {
    /// Of these tags, those that are not over.
    These(Vec<i64>),
    /// Of all tags but these, those that are not over.
    But(Vec<i64>),
    /// Of this tag, those that are over already.
    Over(i64),
    /// Those that this action made.
    Made,
}

/// Taggings of some customers that end together.
struct End {
    customers: Vec<i64>,
    tags: Which,
    why: &'static str,
}

impl End {
    fn write(self, batch: &Batch, conn: &mut Conn) -> QueryResult<()> {
        if self.customers.is_empty() {
            return Ok(());
        }
        let End { customers, tags: which, why } = self;
        let theirs = || Among { column: "taggings.customer_id", ids: customers.clone() };
        let live = || taggings::expires_at.is_null().or(taggings::expires_at.gt(batch.at).assume_not_null());
        let over = || taggings::expires_at.le(batch.at).assume_not_null();
        let of = |ids: &[i64]| Among { column: "taggings.tag_id", ids: ids.to_vec() };
        let made = || taggings::source.eq(SOURCE).and(taggings::source_id.eq(batch.action.id).assume_not_null());
        let Ended { by, source, source_id } = Ended::of(why, batch);
        let rows = taggings::table.inner_join(tags::table).filter(theirs()).into_boxed::<Backend>();
        let rows = match &which {
            Which::These(ids) => rows.filter(of(ids)).filter(live()),
            Which::But(ids) => rows.filter(diesel::dsl::not(of(ids))).filter(live()),
            Which::Over(id) => rows.filter(of(&[*id])).filter(over()),
            Which::Made => rows.filter(made()),
        };
        rows.select((
            taggings::customer_id,
            taggings::tag_id,
            tags::name,
            taggings::tagged_at,
            taggings::actor,
            taggings::agent_id,
            taggings::source,
            taggings::source_id,
            taggings::expires_at,
            batch.at.into_sql::<Timestamp>(),
            by.into_sql::<Text>(),
            source.into_sql::<Text>(),
            source_id.into_sql::<Nullable<BigInt>>(),
            why.into_sql::<Text>(),
        ))
        .insert_into(past_taggings::table)
        .into_columns((
            past_taggings::customer_id,
            past_taggings::tag_id,
            past_taggings::tag_name,
            past_taggings::tagged_at,
            past_taggings::actor,
            past_taggings::agent_id,
            past_taggings::source,
            past_taggings::source_id,
            past_taggings::expires_at,
            past_taggings::ended_at,
            past_taggings::ended_by,
            past_taggings::ended_source,
            past_taggings::ended_source_id,
            past_taggings::why,
        ))
        .execute(conn)?;
        match &which {
            Which::These(ids) => {
                diesel::delete(taggings::table.filter(theirs()).filter(of(ids)).filter(live())).execute(conn)
            }
            Which::But(ids) => {
                let others = diesel::dsl::not(of(ids));
                diesel::delete(taggings::table.filter(theirs()).filter(others).filter(live())).execute(conn)
            }
            Which::Over(id) => {
                diesel::delete(taggings::table.filter(theirs()).filter(of(&[*id])).filter(over())).execute(conn)
            }
            Which::Made => diesel::delete(taggings::table.filter(theirs()).filter(made())).execute(conn),
        }
        .map(drop)
    }
}

/// Who is said to have ended a tagging.
struct Ended {
    by: String,
    source: &'static str,
    source_id: Option<i64>,
}

impl Ended {
    fn of(why: &str, batch: &Batch) -> Ended {
        let Action { id, actor, undone_by, .. } = batch.action;
        let by = match why {
            // It was over before: nobody's doing.
            "expired" => return Ended { by: "Muster".into(), source: "expiry", source_id: None },
            "undone" => undone_by.as_ref().unwrap_or(actor),
            _ => actor,
        };
        Ended { by: by.clone(), source: SOURCE, source_id: Some(*id) }
    }
}

/// A tagging that this action ended.
#[derive(Clone)]
struct Past {
    id: i64,
    customer: i64,
    tag: i64,
    name: String,
}

/// Takes away what the action added where it is still the same tagging, and brings back what it ended. What was changed
/// since is told, by customer.
pub fn undo(before: &[(i64, Option<String>)], batch: &Batch, conn: &mut Conn) -> QueryResult<HashMap<i64, String>> {
    let mut told: HashMap<i64, Vec<String>> = HashMap::new();
    take_back(before, batch, &mut told, conn)?;
    bring_back(batch, &mut told, conn)?;
    batch.touch(batch.ids.to_vec(), conn)?;
    Ok(told.into_iter().map(|(id, words)| (id, words.join(" "))).collect())
}

type Told = HashMap<i64, Vec<String>>;

fn take_back(before: &[(i64, Option<String>)], batch: &Batch, told: &mut Told, conn: &mut Conn) -> QueryResult<()> {
    let made: HashSet<(i64, i64)> = taggings::table
        .filter(taggings::source.eq(SOURCE))
        .filter(taggings::source_id.eq(batch.action.id))
        .filter(Among { column: "taggings.customer_id", ids: batch.ids.to_vec() })
        .select((taggings::customer_id, taggings::tag_id))
        .load(conn)?
        .into_iter()
        .collect();
    let added = |noted: &Option<String>| -> Vec<i64> {
        noted.iter().flat_map(|ids| ids.split(',')).filter_map(|id| id.parse().ok()).collect()
    };
    let missing: Vec<(i64, i64)> = before
        .iter()
        .flat_map(|(customer, noted)| added(noted).into_iter().map(|tag| (*customer, tag)))
        .filter(|pair| !made.contains(pair))
        .collect();
    let names = names(missing.iter().map(|(_, tag)| *tag), conn)?;
    for (customer, tag) in missing {
        told.entry(customer).or_default().push(match names.get(&tag) {
            Some(name) => format!("{name} was taken away or given anew since."),
            None => "The tag was deleted since.".into(),
        });
    }
    let theirs: HashSet<i64> = made.iter().map(|(customer, _)| *customer).collect();
    End { customers: theirs.into_iter().collect(), tags: Which::Made, why: "undone" }.write(batch, conn)
}

fn names(ids: impl Iterator<Item = i64>, conn: &mut Conn) -> QueryResult<HashMap<i64, String>> {
    let ids: HashSet<i64> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = ids.into_iter().collect();
    Ok(tags::table.filter(tags::id.eq_any(ids)).select((tags::id, tags::name)).load(conn)?.into_iter().collect())
}

fn bring_back(batch: &Batch, told: &mut Told, conn: &mut Conn) -> QueryResult<()> {
    let past: Vec<Past> = past_taggings::table
        .filter(past_taggings::ended_source.eq(SOURCE))
        .filter(past_taggings::ended_source_id.eq(batch.action.id))
        .filter(past_taggings::why.eq_any(["removed", "replaced"]))
        .filter(Among { column: "past_taggings.customer_id", ids: batch.ids.to_vec() })
        .order(past_taggings::id)
        .select((past_taggings::id, past_taggings::customer_id, past_taggings::tag_id, past_taggings::tag_name))
        .load::<(i64, i64, i64, String)>(conn)?
        .into_iter()
        .map(|(id, customer, tag, name)| Past { id, customer, tag, name })
        .collect();
    if past.is_empty() {
        return Ok(());
    }
    let named: HashSet<(i64, String)> = past.iter().map(|past| (past.tag, past.name.clone())).collect();
    let named: Vec<Named> = named.into_iter().map(|(id, name)| Named { id, name }).collect();
    let known: HashMap<i64, Tag> = known(&named, conn)?.into_iter().map(|tag| (tag.id, tag)).collect();
    let carried = Carried::of(batch, Some(met(known.values())), conn)?;
    let (mut back, mut over) = (Vec::new(), HashMap::<i64, Vec<i64>>::new());
    for one in past {
        let words = match known.get(&one.tag) {
            None => Some(format!("The tag {} was deleted since.", one.name)),
            Some(tag) if carried.has(one.customer, tag.id) => Some(format!("{} was given anew since.", tag.name)),
            Some(tag) if tag.siblings.iter().any(|other| carried.has(one.customer, *other)) => {
                Some(format!("She was given another tag of the family of {} since.", tag.name))
            }
            Some(tag) => {
                if carried.0.get(&one.customer).is_some_and(|tags| tags.contains_key(&tag.id)) {
                    over.entry(tag.id).or_default().push(one.customer);
                }
                back.push(one.id);
                None
            }
        };
        if let Some(words) = words {
            told.entry(one.customer).or_default().push(words);
        }
    }
    for (tag, customers) in over {
        End { customers, tags: Which::Over(tag), why: "expired" }.write(batch, conn)?;
    }
    return_them(back, conn)
}

/// Past taggings are taggings again, as if they had never ended.
fn return_them(past: Vec<i64>, conn: &mut Conn) -> QueryResult<()> {
    if past.is_empty() {
        return Ok(());
    }
    past_taggings::table
        .filter(Among { column: "past_taggings.id", ids: past.clone() })
        .select((
            past_taggings::customer_id,
            past_taggings::tag_id,
            past_taggings::tagged_at,
            past_taggings::actor,
            past_taggings::agent_id,
            past_taggings::source,
            past_taggings::source_id,
            past_taggings::expires_at,
        ))
        .into_boxed::<Backend>()
        .insert_into(taggings::table)
        .into_columns((
            taggings::customer_id,
            taggings::tag_id,
            taggings::tagged_at,
            taggings::actor,
            taggings::agent_id,
            taggings::source,
            taggings::source_id,
            taggings::expires_at,
        ))
        .execute(conn)?;
    diesel::delete(past_taggings::table.filter(Among { column: "past_taggings.id", ids: past })).execute(conn).map(drop)
}
