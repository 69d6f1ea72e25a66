//! Values of many customers at once, for imports: read and written in a handful of statements.

use super::{CustomField, Value};
use crate::db::Conn;
use crate::db::schema::custom_values;
use crate::each;
use diesel::prelude::*;
use diesel::upsert::excluded;

/// How many rows go in one statement.
const CHUNK: usize = 500;

/// A value and whose it is.
#[derive(Insertable)]
#[diesel(table_name = custom_values, treat_none_as_default_value = false)]
pub struct Held {
    pub customer_id: i64,
    pub field_id: i64,
    pub value: String,
    pub folded: Option<String>,
    pub number: Option<i64>,
}

impl Held {
    pub fn by(customer_id: i64, field: &CustomField, value: Value) -> Held {
        Held { customer_id, field_id: field.id, value: value.text, folded: value.folded, number: value.number }
    }
}

/// What these customers have in these fields: customer, field, value.
pub fn load(customers: &[i64], fields: &[i64], conn: &mut Conn) -> QueryResult<Vec<(i64, i64, Value)>> {
    type Row = (i64, i64, String, Option<String>, Option<i64>);
    let mut found = Vec::new();
    for some in customers.chunks(CHUNK) {
        let rows: Vec<Row> = custom_values::table
            .filter(custom_values::customer_id.eq_any(some))
            .filter(custom_values::field_id.eq_any(fields))
            .select((
                custom_values::customer_id,
                custom_values::field_id,
                custom_values::value,
                custom_values::folded,
                custom_values::number,
            ))
            .load(conn)?;
        let value = |(customer, field, text, folded, number)| (customer, field, Value { text, folded, number });
        found.extend(rows.into_iter().map(value));
    }
    Ok(found)
}

/// Writes values, over those that are there.
pub fn write(held: &[Held], conn: &mut Conn) -> QueryResult<()> {
    for some in held.chunks(CHUNK) {
        each!(conn, c => diesel::insert_into(custom_values::table)
            .values(some)
            .on_conflict((custom_values::customer_id, custom_values::field_id))
            .do_update()
            .set((
                custom_values::value.eq(excluded(custom_values::value)),
                custom_values::folded.eq(excluded(custom_values::folded)),
                custom_values::number.eq(excluded(custom_values::number)),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// Takes the value of one field away from customers.
pub fn clear(field: &CustomField, customers: &[i64], conn: &mut Conn) -> QueryResult<()> {
    for some in customers.chunks(CHUNK) {
        let theirs = custom_values::table
            .filter(custom_values::field_id.eq(field.id))
            .filter(custom_values::customer_id.eq_any(some));
        diesel::delete(theirs).execute(conn)?;
    }
    Ok(())
}
