//! Many rows at once. diesel writes a batch as one long statement that is spelled, parsed and planned anew each time; an
//! import writes millions of rows. PostgreSQL takes whole columns as arrays; SQLite takes statements of a few fixed sizes, so
//! that each is prepared once. There a statement for each row would cost twice as much: the triggers of the change log have
//! a price for each statement too.

use super::Conn;
use chrono::NaiveDateTime;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamp};
use diesel::sqlite::Sqlite;

/// The values of one column, a row each; or the one that all rows have.
pub enum Column<'a> {
    Whole(Vec<i64>),
    MaybeWhole(Vec<Option<i64>>),
    Text(Vec<&'a str>),
    MaybeText(Vec<Option<&'a str>>),
    Time(Vec<NaiveDateTime>),
    MaybeTime(Vec<Option<NaiveDateTime>>),
    EachWhole(Option<i64>),
    EachText(&'a str),
    EachTime(NaiveDateTime),
}

/// Rows of one table, by columns. Names are ours, quoted by nobody.
pub struct Rows<'a> {
    pub table: &'static str,
    pub columns: Vec<(&'static str, Column<'a>)>,
    pub count: usize,
}

impl Rows<'_> {
    /// Inserts them all, in one statement or in many short ones: to be called inside a transaction, which an error has to
    /// end: some of the rows are there then.
    pub fn insert(&self, conn: &mut Conn) -> QueryResult<()> {
        if self.count == 0 {
            return Ok(());
        }
        match conn {
            Conn::Postgres(c) => Together(self).execute(c).map(drop),
            Conn::Sqlite(c) => {
                let mut from = 0;
                for size in SIZES {
                    while self.count - from >= size {
                        Several { rows: self, from, size }.execute(c)?;
                        from += size;
                    }
                }
                Ok(())
            }
        }
    }

    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// `INSERT INTO t (a, b) SELECT u.a, $2 FROM unnest($1) AS u (a)`
struct Together<'a>(&'a Rows<'a>);

impl QueryId for Together<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl RunQueryDsl<PgConnection> for Together<'_> {}

impl QueryFragment<Pg> for Together<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(&format!("INSERT INTO {} ({}) SELECT ", self.0.table, self.0.names()));
        for (index, (name, column)) in self.0.columns.iter().enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            match column {
                Column::EachWhole(value) => {
                    out.push_bind_param::<Nullable<BigInt>, _>(value)?;
                    out.push_sql("::bigint");
                }
                Column::EachText(value) => {
                    out.push_bind_param::<Text, _>(value)?;
                    out.push_sql("::text");
                }
                Column::EachTime(value) => {
                    out.push_bind_param::<Timestamp, _>(value)?;
                    out.push_sql("::timestamp");
                }
                _ => out.push_sql(&format!("u.{name}")),
            }
        }
        out.push_sql(" FROM unnest(");
        let mut names = Vec::new();
        for (name, column) in &self.0.columns {
            if matches!(column, Column::EachWhole(_) | Column::EachText(_) | Column::EachTime(_)) {
                continue;
            }
            if !names.is_empty() {
                out.push_sql(", ");
            }
            names.push(*name);
            match column {
                Column::Whole(values) => out.push_bind_param::<Array<BigInt>, _>(values)?,
                Column::MaybeWhole(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values)?,
                Column::Text(values) => out.push_bind_param::<Array<Text>, _>(values)?,
                Column::MaybeText(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values)?,
                Column::Time(values) => out.push_bind_param::<Array<Timestamp>, _>(values)?,
                Column::MaybeTime(values) => out.push_bind_param::<Array<Nullable<Timestamp>>, _>(values)?,
                Column::EachWhole(_) | Column::EachText(_) | Column::EachTime(_) => {}
            }
        }
        out.push_sql(&format!(") AS u ({})", names.join(", ")));
        Ok(())
    }
}

/// How many rows a statement of SQLite takes: as many as fit, the largest first.
const SIZES: [usize; 4] = [256, 32, 4, 1];

/// `INSERT OR FAIL INTO t (a, b) VALUES (?, ?), (?, ?)`
struct Several<'a> {
    rows: &'a Rows<'a>,
    from: usize,
    size: usize,
}

impl QueryId for Several<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl RunQueryDsl<SqliteConnection> for Several<'_> {}

impl QueryFragment<Sqlite> for Several<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // With plain INSERT, SQLite keeps a copy of every page a statement touches, to take this statement alone back: half
        // of the time of all. Here what goes wrong takes the whole transaction back.
        out.push_sql("INSERT OR FAIL INTO ");
        out.push_sql(self.rows.table);
        for (index, (name, _)) in self.rows.columns.iter().enumerate() {
            out.push_sql(if index == 0 { " (" } else { ", " });
            out.push_sql(name);
        }
        out.push_sql(") VALUES ");
        for at in self.from..self.from + self.size {
            for (index, (_, column)) in self.rows.columns.iter().enumerate() {
                out.push_sql(match (index, at == self.from) {
                    (0, true) => "(",
                    (0, false) => "), (",
                    _ => ", ",
                });
                match column {
                    Column::Whole(values) => out.push_bind_param::<BigInt, _>(&values[at])?,
                    Column::MaybeWhole(values) => out.push_bind_param::<Nullable<BigInt>, _>(&values[at])?,
                    Column::Text(values) => out.push_bind_param::<Text, _>(&values[at])?,
                    Column::MaybeText(values) => out.push_bind_param::<Nullable<Text>, _>(&values[at])?,
                    Column::Time(values) => out.push_bind_param::<Timestamp, _>(&values[at])?,
                    Column::MaybeTime(values) => out.push_bind_param::<Nullable<Timestamp>, _>(&values[at])?,
                    Column::EachWhole(value) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                    Column::EachText(value) => out.push_bind_param::<Text, _>(value)?,
                    Column::EachTime(value) => out.push_bind_param::<Timestamp, _>(value)?,
                }
            }
        }
        out.push_sql(")");
        Ok(())
    }
}
