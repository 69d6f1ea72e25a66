//! Purchases: what a customer bought, when, for how much. `purchase_count`, `total_spent` and the first and last time are
//! kept on her own row, recounted for those touched in the same transaction, so that a filter by them costs one column.
//!
//! [`clean`] makes what is stored from what was typed, [`api`] is for programs; files come in by
//! [`imports`](crate::imports).

pub mod api;
mod clean;

pub use clean::{amount, currency, product, within};

use crate::db::Conn;
use crate::db::dialect;
use crate::db::schema::purchases;
use crate::each;
use crate::fold::fold;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as QueryError};
use std::collections::{BTreeSet, HashMap};

/// How many rows go in one statement.
const CHUNK: usize = 500;

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

/// A purchase that is there.
#[derive(Clone, Debug)]
pub struct Purchase {
    pub id: i64,
    pub customer_id: i64,
    pub bought: Bought,
}

#[derive(Insertable)]
#[diesel(table_name = purchases, treat_none_as_default_value = false)]
struct NewPurchase<'a> {
    external_id: Option<&'a str>,
    customer_id: i64,
    product: Option<&'a str>,
    product_folded: Option<String>,
    amount: i64,
    currency: &'a str,
    purchased_at: NaiveDateTime,
    import_id: Option<i64>,
}

impl Bought {
    fn of(&self, customer_id: i64, product_folded: Option<String>) -> NewPurchase<'_> {
        NewPurchase {
            external_id: self.external_id.as_deref(),
            customer_id,
            product: self.product.as_deref(),
            product_folded,
            amount: self.amount,
            currency: &self.currency,
            purchased_at: self.at,
            import_id: None,
        }
    }
}

const BOUGHT: (
    purchases::external_id,
    purchases::product,
    purchases::amount,
    purchases::currency,
    purchases::purchased_at,
) = (purchases::external_id, purchases::product, purchases::amount, purchases::currency, purchases::purchased_at);

/// Keeps a purchase. One whose external id is known already changes nothing: the one that is there is given back, and
/// `false`.
pub fn record(customer_id: i64, bought: &Bought, conn: &mut Conn) -> QueryResult<(Purchase, bool)> {
    if let Some(known) = known(bought, conn)? {
        return Ok((known, false));
    }
    let row = bought.of(customer_id, bought.product.as_deref().map(fold));
    // Somebody may have kept it in between; the savepoint keeps the transaction usable for looking again.
    let kept = conn.transaction(|conn| {
        diesel::insert_into(purchases::table).values(&row).returning(purchases::id).get_result(conn)
    });
    match kept {
        Ok(id) => {
            recount(&[customer_id], conn)?;
            Ok((Purchase { id, customer_id, bought: bought.clone() }, true))
        }
        Err(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, said)) => match known(bought, conn)? {
            Some(known) => Ok((known, false)),
            None => Err(QueryError::DatabaseError(DatabaseErrorKind::UniqueViolation, said)),
        },
        Err(error) => Err(error),
    }
}

/// The purchase that has this external id.
fn known(bought: &Bought, conn: &mut Conn) -> QueryResult<Option<Purchase>> {
    let Some(external_id) = &bought.external_id else { return Ok(None) };
    let found: Option<(i64, i64, Bought)> = purchases::table
        .filter(purchases::external_id.eq(external_id))
        .select((purchases::id, purchases::customer_id, BOUGHT))
        .first(conn)
        .optional()?;
    Ok(found.map(|(id, customer_id, bought)| Purchase { id, customer_id, bought }))
}

/// Keeps many purchases that are known to be new, each with its customer's id; and which import brought them.
pub fn record_all(bought: &[(i64, Bought)], import: Option<i64>, conn: &mut Conn) -> QueryResult<()> {
    // A file names the same few products again and again, and folding is what takes long.
    let mut folded: HashMap<&str, String> = HashMap::new();
    let mut rows = Vec::with_capacity(bought.len());
    for (customer_id, bought) in bought {
        let product = bought.product.as_deref();
        let product = product.map(|product| folded.entry(product).or_insert_with(|| fold(product)).clone());
        rows.push(NewPurchase { import_id: import, ..bought.of(*customer_id, product) });
    }
    for some in rows.chunks(CHUNK) {
        each!(conn, c => diesel::insert_into(purchases::table).values(some).execute(c))?;
    }
    let customers: BTreeSet<i64> = bought.iter().map(|(customer_id, _)| *customer_id).collect();
    recount(&customers.into_iter().collect::<Vec<_>>(), conn)
}

/// Whose purchases these external ids are, of those that are known.
pub fn owners(external_ids: &[&str], conn: &mut Conn) -> QueryResult<HashMap<String, i64>> {
    let mut found = HashMap::new();
    for some in external_ids.chunks(CHUNK) {
        let rows: Vec<(Option<String>, i64)> = purchases::table
            .filter(purchases::external_id.eq_any(some))
            .select((purchases::external_id, purchases::customer_id))
            .load(conn)?;
        found.extend(rows.into_iter().filter_map(|(external_id, customer)| Some((external_id?, customer))));
    }
    Ok(found)
}

/// Whether anybody ever bought anything.
pub fn any(conn: &mut Conn) -> QueryResult<bool> {
    Ok(purchases::table.select(purchases::id).first::<i64>(conn).optional()?.is_some())
}

/// What she bought last.
pub fn newest(customer_id: i64, conn: &mut Conn) -> QueryResult<Option<Bought>> {
    purchases::table
        .filter(purchases::customer_id.eq(customer_id))
        .order((purchases::purchased_at.desc(), purchases::id.desc()))
        .select(BOUGHT)
        .first(conn)
        .optional()
}

/// Writes the sums of these customers from their purchases.
pub fn recount(customers: &[i64], conn: &mut Conn) -> QueryResult<()> {
    for some in customers.chunks(CHUNK) {
        dialect::recount_purchases(some, conn)?;
    }
    Ok(())
}
