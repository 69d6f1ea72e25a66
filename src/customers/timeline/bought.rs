//! What she bought.

use super::{Asked, Event, Kind, Stream, What};
use crate::customers::table::money;
use crate::db::Conn;
use crate::db::schema::purchases;
use chrono::NaiveDateTime;
use diesel::prelude::*;

pub fn read(asked: &Asked, conn: &mut Conn) -> QueryResult<Vec<Event>> {
    let upto = asked.upto(Stream::Purchase);
    type Row = (i64, NaiveDateTime, (Option<String>, i64, String, Option<String>), Option<i64>);
    let rows: Vec<Row> = purchases::table
        .filter(purchases::customer_id.eq(asked.customer.id))
        .filter(purchases::purchased_at.le(upto.at))
        .filter(purchases::purchased_at.lt(upto.at).or(purchases::id.lt(upto.id)))
        .order((purchases::purchased_at.desc(), purchases::id.desc()))
        .limit(asked.limit())
        .select((
            purchases::id,
            purchases::purchased_at,
            (purchases::product, purchases::amount, purchases::currency, purchases::external_id),
            purchases::import_id,
        ))
        .load(conn)?;
    let event = |(id, at, (product, amount, currency, order), import): Row| {
        let paid = format!("{} {currency}", money(amount));
        let what = What::Bought { product, paid, order, from: import.map(|import| asked.import(import)) };
        Event::new(at, Stream::Purchase, (id, 0), Kind::Purchases, what)
    };
    Ok(rows.into_iter().map(event).collect())
}
