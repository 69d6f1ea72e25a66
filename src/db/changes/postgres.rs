//! The log on PostgreSQL: one row for all customers of a statement and key, under the transaction that wrote it.
//!
//! The snapshots of a server are in one order. What the newer of two sees and the older does not is exactly what was
//! committed in between, however early its transaction began. Such a row's transaction is not below the `xmin` of the
//! older snapshot, so an index finds it. (A standby keeps its snapshots in another way and is not served.)

use super::{Gathered, Since, Version};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Text};

/// Where the snapshot stands.
#[derive(QueryableByName)]
pub struct Standing {
    /// The snapshot as text.
    #[diesel(sql_type = Text)]
    pub at: String,
    /// Whether something was trimmed that was not in the one before, or that one is not of this server's past.
    #[diesel(sql_type = Nullable<Bool>)]
    lost: Option<bool>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SmallInt)]
    source: i16,
    #[diesel(sql_type = BigInt)]
    key: i64,
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    customers: Option<Vec<i64>>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

pub fn standing(seen: Option<&str>, c: &mut PgConnection) -> QueryResult<Standing> {
    sql_query(
        "SELECT pg_current_snapshot()::text AS at, upto > pg_snapshot_xmin($1::pg_snapshot) \
         OR pg_snapshot_xmax($1::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot()) AS lost FROM changes_trimmed",
    )
    .bind::<Nullable<Text>, _>(seen)
    .get_result(c)
}

pub fn since(seen: &str, c: &mut PgConnection) -> QueryResult<(Version, Since)> {
    let Standing { at, lost } = standing(Some(seen), c)?;
    let same = at == seen;
    let now = Version::Snapshot(at);
    if same {
        return Ok((now, Since::Same));
    }
    if lost != Some(false) {
        return Ok((now, Since::Lost));
    }
    let rows: Vec<Row> = sql_query(
        "SELECT source, key, customers FROM changes \
         WHERE xid >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, $1::pg_snapshot)",
    )
    .bind::<Text, _>(seen)
    .load(c)?;
    let mut gathered = Gathered::default();
    rows.iter().for_each(|row| gathered.add(row.source, row.key, row.customers.as_deref()));
    Ok((now, gathered.since()))
}

/// A dump that was restored brings the transactions of another server along. Those still to come here would be taken for
/// new again and again, and a trimming mark among them would leave everybody lost.
pub fn forget_other_servers(c: &mut PgConnection) -> QueryResult<()> {
    sql_query("DELETE FROM changes WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())").execute(c)?;
    sql_query("UPDATE changes_trimmed SET upto = '0' WHERE upto > pg_snapshot_xmax(pg_current_snapshot())")
        .execute(c)?;
    Ok(())
}

/// The newest transaction whose rows go when `keep` stay; `None` when there are no more than those.
pub fn last_to_go(keep: i64, c: &mut PgConnection) -> QueryResult<Option<i64>> {
    let found: Option<Number> =
        sql_query("SELECT xid::text::bigint AS number FROM changes ORDER BY xid DESC OFFSET $1 LIMIT 1")
            .bind::<BigInt, _>(keep)
            .get_result(c)
            .optional()?;
    Ok(found.map(|found| found.number))
}

/// Takes away the rows of the oldest transactions up to `last`, `chunk` rows and what the last of these transactions
/// wrote besides. Nothing goes that is not in every snapshot from now on. How many rows; `None` when none may go.
pub fn trim(last: i64, chunk: i64, c: &mut PgConnection) -> QueryResult<Option<i64>> {
    let upto: Number = sql_query(
        "UPDATE changes_trimmed SET upto = GREATEST(upto, LEAST(\
            ($1 + 1)::text::xid8, pg_snapshot_xmin(pg_current_snapshot()), \
            (SELECT (xid::text::bigint + 1)::text::xid8 FROM changes WHERE xid >= upto ORDER BY xid OFFSET $2 LIMIT 1))) \
         RETURNING upto::text::bigint AS number",
    )
    .bind::<BigInt, _>(last)
    .bind::<BigInt, _>(chunk - 1)
    .get_result(c)?;
    let gone = sql_query("DELETE FROM changes WHERE xid < $1::text::xid8").bind::<BigInt, _>(upto.number).execute(c)?;
    Ok((gone > 0).then_some(gone as i64))
}
