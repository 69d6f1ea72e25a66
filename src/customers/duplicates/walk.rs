//! All pairs that look alike, by going over the table once: each customer leaves a few marks of what she could be known by,
//! and whoever shares a mark is compared. Marks are hashes, so a million customers take some 100 MB for a few seconds.

use super::alike::{self, Reason, Traits};
use super::{Dates, dates};
use crate::custom_fields::{CustomField, Kind};
use crate::customers::Customer;
use crate::db::Conn;
use crate::db::schema::{custom_values, customers, not_duplicates};
use diesel::prelude::*;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Customers read at a time.
const PIECE: i64 = 5_000;
/// What more customers than these share is no sign of anything.
const CROWD: usize = 20;
/// Pairs that are compared at most, and are listed.
const COMPARED: usize = 100_000;
const LISTED: usize = 5_000;

/// Two who look alike, the lower number first.
#[derive(Clone, Debug)]
pub struct Pair {
    pub one: i64,
    pub other: i64,
    pub reasons: Vec<Reason>,
}

/// The surest pairs first; true when there are more than are listed.
pub fn pairs(conn: &mut Conn) -> QueryResult<(Vec<Pair>, bool)> {
    let marks = marks(conn)?;
    let (together, mut more) = together(marks);
    let refused: HashSet<(i64, i64)> = not_duplicates::table
        .select((not_duplicates::one_id, not_duplicates::other_id))
        .load(conn)?
        .into_iter()
        .collect();
    let ids: Vec<i64> =
        together.iter().flat_map(|(one, other)| [*one, *other]).collect::<BTreeSet<_>>().into_iter().collect();
    let traits = traits(&ids, conn)?;
    let mut pairs: Vec<Pair> = together
        .into_iter()
        .filter(|pair| !refused.contains(pair))
        .filter_map(|(one, other)| {
            let reasons = traits.get(&one)?.alike(traits.get(&other)?);
            (!reasons.is_empty()).then_some(Pair { one, other, reasons })
        })
        .collect();
    pairs.sort_by_key(|pair| (pair.reasons.iter().map(Reason::weight).min(), pair.one, pair.other));
    more |= pairs.len() > LISTED;
    pairs.truncate(LISTED);
    Ok((pairs, more))
}

fn mark(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

type Columns = (i64, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

fn marks(conn: &mut Conn) -> QueryResult<Vec<(u64, i64)>> {
    let fields: Vec<i64> =
        CustomField::all(conn)?.iter().filter(|field| field.kind == Kind::Date).map(|field| field.id).collect();
    let (mut marks, mut after) = (Vec::new(), 0);
    loop {
        let rows: Vec<Columns> = customers::table
            .filter(customers::id.gt(after))
            .order(customers::id)
            .limit(PIECE)
            .select((
                customers::id,
                customers::name_folded,
                customers::email_folded,
                customers::phone,
                customers::external_id_folded,
                customers::city_folded,
            ))
            .load(conn)?;
        let Some(last) = rows.last().map(|row| row.0) else { return Ok(marks) };
        let mut days = Dates::new();
        if !fields.is_empty() {
            let found: Vec<(i64, i64, Option<i64>)> = custom_values::table
                .filter(custom_values::customer_id.gt(after).and(custom_values::customer_id.le(last)))
                .filter(custom_values::field_id.eq_any(&fields))
                .select((custom_values::customer_id, custom_values::field_id, custom_values::number))
                .load(conn)?;
            for (customer, field, day) in found {
                days.entry(customer).or_default().extend(day.map(|day| (field, day)));
            }
        }
        after = last;
        rows.iter().for_each(|row| leave(row, &days, &mut marks));
    }
}

fn leave((id, name, email, phone, external_id, city): &Columns, days: &Dates, marks: &mut Vec<(u64, i64)>) {
    let mut leave = |what: u64| marks.push((what, *id));
    if let Some(email) = email.as_deref().and_then(alike::email) {
        leave(mark(("email", &email)));
        if let Some(local) = alike::local(&email) {
            leave(mark(("local", local)));
        }
    }
    if let Some(phone) = phone.as_deref().and_then(alike::phone) {
        leave(mark(("phone", phone.tail())));
    }
    if let Some(id) = external_id.as_deref().and_then(alike::external_id) {
        leave(mark(("id", id)));
    }
    let Some(name) = name.as_deref() else { return };
    let words = alike::words(name);
    if let Some(city) = city.as_deref().filter(|city| !city.is_empty())
        && words.len() > 1
    {
        leave(mark(("name", city, &words)));
        // Of two close names one word mostly is the same, and the others begin with the same letter.
        for at in 0..words.len() {
            let others: String = words
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != at)
                .filter_map(|(_, word)| word.chars().next())
                .collect();
            leave(mark(("close", city, &words[at], others)));
        }
    }
    let letters: String = words.iter().filter_map(|word| word.chars().next()).collect();
    for day in days.get(id).into_iter().flatten() {
        leave(mark(("day", day, &letters)));
    }
}

/// Who shares a mark with whom.
fn together(mut marks: Vec<(u64, i64)>) -> (BTreeSet<(i64, i64)>, bool) {
    marks.sort_unstable();
    let mut pairs = BTreeSet::new();
    for shared in marks.chunk_by(|one, other| one.0 == other.0) {
        if !(2..=CROWD).contains(&shared.len()) {
            continue;
        }
        for (at, (_, one)) in shared.iter().enumerate() {
            pairs.extend(shared[at + 1..].iter().filter(|(_, other)| one != other).map(|(_, other)| (*one, *other)));
        }
        if pairs.len() >= COMPARED {
            return (pairs, true);
        }
    }
    (pairs, false)
}

fn traits(ids: &[i64], conn: &mut Conn) -> QueryResult<HashMap<i64, Traits>> {
    let mut all = HashMap::with_capacity(ids.len());
    for some in ids.chunks(500) {
        let days = dates(some, conn)?;
        let rows: Vec<Customer> =
            customers::table.filter(customers::id.eq_any(some)).select(Customer::as_select()).load(conn)?;
        all.extend(rows.iter().map(|row| (row.id, Traits::of(row, &days))));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_shares_a_mark_is_compared_and_a_crowd_is_not() {
        let marks = vec![(1, 7), (2, 7), (1, 3), (3, 1)];
        assert_eq!(together(marks), (BTreeSet::from([(3, 7)]), false));
        let crowd = (0..=CROWD as i64).map(|id| (9, id)).collect();
        assert_eq!(together(crowd).0.len(), 0);
    }
}
