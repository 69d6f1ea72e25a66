//! Purchases: what a customer bought, when, for how much. `purchase_count`, `total_spent` and the first and last time are
//! kept on her own row, recounted for those touched in the same transaction, so that a filter by them costs one column.

use crate::db::Conn;
use crate::db::schema::{customers, purchases};
use crate::fold::fold;
use chrono::NaiveDateTime;
use diesel::dsl::{count_star, max, min};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

/// A purchase, its values already clean.
#[derive(Clone, Debug, Queryable)]
pub struct Bought {
    /// The shop's own number; a repeated one changes nothing.
    pub external_id: Option<String>,
    pub product: Option<String>,
    /// Whole minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    pub at: NaiveDateTime,
}

/// Keeps a purchase; false when its external id is known already.
pub fn record(customer_id: i64, bought: &Bought, conn: &mut Conn) -> QueryResult<bool> {
    if let Some(external_id) = &bought.external_id {
        let known: i64 = purchases::table.filter(purchases::external_id.eq(external_id)).count().get_result(conn)?;
        if known > 0 {
            return Ok(false);
        }
    }
    diesel::insert_into(purchases::table)
        .values((
            purchases::external_id.eq(&bought.external_id),
            purchases::customer_id.eq(customer_id),
            purchases::product.eq(&bought.product),
            purchases::product_folded.eq(bought.product.as_deref().map(fold)),
            purchases::amount.eq(bought.amount),
            purchases::currency.eq(&bought.currency),
            purchases::purchased_at.eq(bought.at),
        ))
        .execute(conn)?;
    recount(customer_id, conn)?;
    Ok(true)
}

/// Whether anybody ever bought anything.
pub fn any(conn: &mut Conn) -> QueryResult<bool> {
    Ok(purchases::table.select(purchases::id).first::<i64>(conn).optional()?.is_some())
}

/// What she bought last, the latest first.
pub fn latest(customer_id: i64, most: i64, conn: &mut Conn) -> QueryResult<Vec<Bought>> {
    purchases::table
        .filter(purchases::customer_id.eq(customer_id))
        .order((purchases::purchased_at.desc(), purchases::id.desc()))
        .limit(most)
        .select((
            purchases::external_id,
            purchases::product,
            purchases::amount,
            purchases::currency,
            purchases::purchased_at,
        ))
        .load(conn)
}

/// Writes a customer's sums from her purchases.
pub fn recount(customer_id: i64, conn: &mut Conn) -> QueryResult<()> {
    // diesel types the sum of whole numbers as a decimal, which only one of the databases has.
    let spent = diesel::dsl::sql::<BigInt>("CAST(COALESCE(SUM(amount), 0) AS BIGINT)");
    type Sums = (i64, i64, Option<NaiveDateTime>, Option<NaiveDateTime>);
    let (count, total, first, last): Sums = purchases::table
        .filter(purchases::customer_id.eq(customer_id))
        .select((count_star(), spent, min(purchases::purchased_at), max(purchases::purchased_at)))
        .get_result(conn)?;
    diesel::update(customers::table.find(customer_id))
        .set((
            customers::purchase_count.eq(count),
            customers::total_spent.eq(total),
            customers::first_purchase_at.eq(first),
            customers::last_purchase_at.eq(last),
        ))
        .execute(conn)
        .map(drop)
}
