//! The log on PostgreSQL: one row for all customers of a statement and key, under the transaction that wrote it.
//!
//! The snapshots of a server are in one order. What the newer of two sees and the older does not is exactly what was
//! committed in between, however early its transaction began. Such a row's transaction is not below the `xmin` of the
//! older snapshot, so an index finds it. (A standby keeps its snapshots in another way and is not served.)

use super::{Gathered, Since, Version};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Text};

/// Where the snapshot stands.
#[derive(Queryable)]
pub struct Standing {
    /// The snapshot as text.
    pub at: String,
    /// Whether something was trimmed that was not in the one before, or that one is not of this server's past.
    lost: Option<bool>,
}

/// Asks for it, given the text of the snapshot before. A query of its own kind because every request begins with it:
/// diesel keeps it prepared, which halves its time; what [`sql_query`] is given never is.
#[derive(QueryId)]
struct WhereAt(Option<String>);

impl QueryFragment<Pg> for WhereAt {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT pg_current_snapshot()::text, upto > pg_snapshot_xmin(seen) \
             OR pg_snapshot_xmax(seen) > pg_snapshot_xmax(pg_current_snapshot()) \
             FROM changes_trimmed, CAST(",
        );
        out.push_bind_param::<Nullable<Text>, _>(&self.0)?;
        out.push_sql("::text AS pg_snapshot) AS seen");
        Ok(())
    }
}
impl Query for WhereAt {
    type SqlType = (Text, Nullable<Bool>);
}
impl RunQueryDsl<PgConnection> for WhereAt {}

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
    WhereAt(seen.map(str::to_string)).get_result(c)
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
    Ok((now, gathered(&rows)))
}

/// What this transaction has left so far.
pub fn written(c: &mut PgConnection) -> QueryResult<Since> {
    let rows: Vec<Row> =
        sql_query("SELECT source, key, customers FROM changes WHERE xid = pg_current_xact_id_if_assigned()").load(c)?;
    Ok(gathered(&rows))
}

fn gathered(rows: &[Row]) -> Since {
    let mut gathered = Gathered::default();
    rows.iter().for_each(|row| gathered.add(row.source, row.key, row.customers.as_deref()));
    gathered.since()
}

/// Beyond so many customers all are locked at once: there is room for a few thousand locks in a server.
const MOST_LOCKS: usize = 64;

/// A lock for each customer in the order of ids, beside one for all that those share who have few. Whoever has them waits
/// for nothing but these, so nobody waits in a circle.
pub fn one_after_the_other(customers: Option<&[i64]>, c: &mut PgConnection) -> QueryResult<()> {
    let Some(few) = customers.filter(|customers| customers.len() <= MOST_LOCKS) else {
        return sql_query("SELECT pg_advisory_xact_lock(7237463)").execute(c).map(drop);
    };
    sql_query(
        "SELECT pg_advisory_xact_lock_shared(7237463), pg_advisory_xact_lock((7237464::bigint << 32) + id) \
         FROM (SELECT unnest($1) AS id ORDER BY 1) AS few",
    )
    .bind::<Array<BigInt>, _>(few)
    .execute(c)
    .map(drop)
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
/// wrote besides. Nothing goes that is not in every snapshot from now on, and the mark stands right behind what went: who
/// has seen that is not lost. How many rows; `None` when none may go.
pub fn trim(last: i64, chunk: i64, c: &mut PgConnection) -> QueryResult<Option<i64>> {
    let upto: Number = sql_query(
        "UPDATE changes_trimmed SET upto = GREATEST(upto, (\
            SELECT (xid::text::bigint + 1)::text::xid8 FROM (\
                SELECT xid FROM changes \
                WHERE xid >= upto AND xid <= $1::text::xid8 AND xid < pg_snapshot_xmin(pg_current_snapshot()) \
                ORDER BY xid LIMIT $2\
            ) AS oldest ORDER BY xid DESC LIMIT 1)) \
         RETURNING upto::text::bigint AS number",
    )
    .bind::<BigInt, _>(last)
    .bind::<BigInt, _>(chunk)
    .get_result(c)?;
    let gone = sql_query("DELETE FROM changes WHERE xid < $1::text::xid8").bind::<BigInt, _>(upto.number).execute(c)?;
    Ok((gone > 0).then_some(gone as i64))
}
