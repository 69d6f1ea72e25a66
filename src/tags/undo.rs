//! Back from what a bulk action or an import did to tags: what it put on goes where it is still the same tagging, and what it
//! ended comes back as it was. What was changed since stays and is told.

use super::past::{self, Why};
use super::{Mark, families, put};
use crate::db::Conn;
use crate::db::nodes::{Among, On};
use crate::db::schema::{past_taggings, taggings, tags};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

/// What is told, by customer.
pub type Told = HashMap<i64, Vec<String>>;

/// Undoes what the source of the mark did to these customers; `added` are the tags it is known to have put on, by customer.
pub fn back(added: &[(i64, i64)], ids: &[i64], mark: &Mark, conn: &mut Conn) -> QueryResult<Told> {
    let mut told = Told::new();
    take_back(added, ids, mark, &mut told, conn)?;
    bring_back(ids, mark, &mut told, conn)?;
    Ok(told)
}

fn take_back(added: &[(i64, i64)], ids: &[i64], mark: &Mark, told: &mut Told, conn: &mut Conn) -> QueryResult<()> {
    let (source, id) = (mark.source.key(), mark.source.id().unwrap_or_default());
    let theirs = || -> On<taggings::table> {
        let this = taggings::source.eq(source).and(taggings::source_id.eq(id).assume_not_null());
        Box::new(this.and(Among { column: "taggings.customer_id", ids: ids.to_vec() }))
    };
    let made = taggings::table.filter(theirs()).select((taggings::customer_id, taggings::tag_id));
    let made: HashSet<(i64, i64)> = made.load(conn)?.into_iter().collect();
    let missing: Vec<(i64, i64)> = added.iter().copied().filter(|pair| !made.contains(pair)).collect();
    let names = called(missing.iter().map(|(_, tag)| *tag), conn)?;
    for (customer, tag) in missing {
        told.entry(customer).or_default().push(match names.get(&tag) {
            Some(name) => format!("{name} was taken away or given anew since."),
            None => "The tag was deleted since.".into(),
        });
    }
    past::end(&theirs, Why::Undone, mark, conn).map(drop)
}

/// The names of those tags that are still there.
pub fn called(ids: impl Iterator<Item = i64>, conn: &mut Conn) -> QueryResult<HashMap<i64, String>> {
    let ids: HashSet<i64> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = ids.into_iter().collect();
    Ok(tags::table.filter(tags::id.eq_any(ids)).select((tags::id, tags::name)).load(conn)?.into_iter().collect())
}

/// A tagging that was ended.
struct Ended {
    id: i64,
    customer: i64,
    tag: i64,
    name: String,
}

/// Who carries which of some tags now, among these customers: and whether that is over already.
struct Carried(HashMap<(i64, i64), bool>);

impl Carried {
    fn of(ids: &[i64], among: Vec<i64>, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Carried> {
        let rows: Vec<(i64, i64, Option<NaiveDateTime>)> = taggings::table
            .filter(Among { column: "taggings.customer_id", ids: ids.to_vec() })
            .filter(Among { column: "taggings.tag_id", ids: among })
            .select((taggings::customer_id, taggings::tag_id, taggings::expires_at))
            .load(conn)?;
        let live = |end: Option<NaiveDateTime>| end.is_none_or(|at| at > now);
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

fn ended(ids: &[i64], mark: &Mark, conn: &mut Conn) -> QueryResult<Vec<Ended>> {
    let (source, id) = (mark.source.key(), mark.source.id().unwrap_or_default());
    // Not what it had put on itself.
    let own = past_taggings::source.eq(source).and(past_taggings::source_id.eq(id).assume_not_null());
    let past: Vec<(i64, i64, i64, String)> = past_taggings::table
        .filter(past_taggings::ended_source.eq(source))
        .filter(past_taggings::ended_source_id.eq(id))
        .filter(past_taggings::why.eq_any([Why::Removed.key(), Why::Replaced.key()]))
        .filter(past_taggings::source_id.is_null().or(diesel::dsl::not(own)))
        .filter(Among { column: "past_taggings.customer_id", ids: ids.to_vec() })
        .order(past_taggings::id)
        .select((past_taggings::id, past_taggings::customer_id, past_taggings::tag_id, past_taggings::tag_name))
        .load(conn)?;
    Ok(past.into_iter().map(|(id, customer, tag, name)| Ended { id, customer, tag, name }).collect())
}

fn bring_back(ids: &[i64], mark: &Mark, told: &mut Told, conn: &mut Conn) -> QueryResult<()> {
    let past = ended(ids, mark, conn)?;
    if past.is_empty() {
        return Ok(());
    }
    let known = called(past.iter().map(|past| past.tag), conn)?;
    // By tag, the others of its family, of which a customer carries one at most.
    let mut siblings: HashMap<i64, Vec<i64>> = HashMap::new();
    for tag in known.keys() {
        siblings.insert(*tag, families::others(*tag, conn)?);
    }
    let met = siblings.iter().flat_map(|(tag, others)| std::iter::once(*tag).chain(others.iter().copied())).collect();
    let carried = Carried::of(ids, met, mark.at, conn)?;
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
        past::expire(&put::hers(&customers, tag), mark.at, conn)?;
    }
    past::bring_back(&back, conn)
}
