//! The log on SQLite: one row a customer, numbered in the order of commits, because writers come one after the other.

use super::{Gathered, Since, Version};
use diesel::connection::DefaultLoadingMode;
use diesel::dsl::max;
use diesel::prelude::*;
use std::ops::RangeInclusive;

// Not in `schema.rs`: on PostgreSQL they are other tables.
diesel::table! { changes (seq) {
    seq -> BigInt, source -> SmallInt, key -> BigInt, customer_id -> Nullable<BigInt>,
} }
diesel::table! { changes_trimmed (upto) { upto -> BigInt, } }
diesel::allow_tables_to_appear_in_same_query!(changes, changes_trimmed);

/// Where the snapshot stands.
pub struct Standing {
    /// The highest number there is; what was trimmed counts.
    pub newest: i64,
    /// The highest number that was trimmed.
    pub trimmed: i64,
}

/// Two steps into two indexes: what every question costs when nothing happened.
pub fn standing(c: &mut SqliteConnection) -> QueryResult<Standing> {
    let newest = changes::table.select(max(changes::seq)).single_value();
    let (trimmed, newest): (i64, Option<i64>) =
        changes_trimmed::table.select((changes_trimmed::upto, newest)).first(c)?;
    Ok(Standing { newest: newest.unwrap_or(0).max(trimmed), trimmed })
}

/// `about`: customers outside may be left out.
pub fn since(
    seen: i64,
    about: Option<&RangeInclusive<i64>>,
    c: &mut SqliteConnection,
) -> QueryResult<(Version, Since)> {
    let Standing { newest, trimmed } = standing(c)?;
    let now = Version::Sequence(newest);
    // A file that was put in place of another may stand before what was seen of that one.
    if seen < trimmed || seen > newest {
        return Ok((now, Since::Lost));
    }
    if seen == newest {
        return Ok((now, Since::Same));
    }
    let mut rows = changes::table
        .filter(changes::seq.gt(seen))
        .order(changes::seq)
        .select((changes::source, changes::key, changes::customer_id))
        .into_boxed();
    if let Some(about) = about {
        let within = changes::customer_id.assume_not_null().between(*about.start(), *about.end());
        rows = rows.filter(changes::customer_id.is_null().or(within));
    }
    let mut gathered = Gathered::default();
    for row in rows.load_iter::<(i16, i64, Option<i64>), DefaultLoadingMode>(c)? {
        let (source, key, customer) = row?;
        gathered.add(source, key, customer.as_ref().map(std::slice::from_ref));
    }
    Ok((now, gathered.since()))
}

/// Takes away at most `chunk` rows, the oldest, up to the number `last`. How many; `None` when none are
/// left to go.
pub fn trim(last: i64, chunk: i64, c: &mut SqliteConnection) -> QueryResult<Option<i64>> {
    let trimmed: i64 = changes_trimmed::table.select(changes_trimmed::upto).first(c)?;
    let upto = last.min(trimmed + chunk);
    if upto <= trimmed {
        return Ok(None);
    }
    diesel::update(changes_trimmed::table).set(changes_trimmed::upto.eq(upto)).execute(c)?;
    let gone = diesel::delete(changes::table.filter(changes::seq.le(upto))).execute(c)?;
    Ok(Some(gone as i64))
}
