//! Many rows at once. diesel writes a batch as one long statement that is spelled, parsed and planned anew each time; an
//! import writes millions of rows. PostgreSQL takes whole columns as arrays; SQLite takes statements of a few fixed sizes, so
//! that each is prepared once. There a statement for each row would cost twice as much: the triggers of the change log have
//! a price for each statement too. What is the same in all rows is handed over once, and a column in which nothing stands
//! not at all.

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

impl Column<'_> {
    /// Nothing stands in it, in any row.
    fn is_empty(&self) -> bool {
        match self {
            Column::MaybeWhole(values) => values.iter().all(Option::is_none),
            Column::MaybeText(values) => values.iter().all(Option::is_none),
            Column::MaybeTime(values) => values.iter().all(Option::is_none),
            Column::EachWhole(value) => value.is_none(),
            Column::Whole(_) | Column::Text(_) | Column::Time(_) | Column::EachText(_) | Column::EachTime(_) => false,
        }
    }

    /// Whether all rows have the same in it.
    fn is_shared(&self) -> bool {
        matches!(self, Column::EachWhole(_) | Column::EachText(_) | Column::EachTime(_))
    }
}

/// Rows of one table, by columns. Names are ours, quoted by nobody. Where nothing stands the column's default stands, which
/// has to be NULL.
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
        let columns = self.filled();
        let head = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let head = format!("INTO {} ({head})", self.table);
        match conn {
            Conn::Postgres(c) => Together { head, columns: &columns }.execute(c).map(drop),
            Conn::Sqlite(c) => {
                let mut from = 0;
                for size in SIZES {
                    while self.count - from >= size {
                        Several { head: &head, columns: &columns, from, size }.execute(c)?;
                        from += size;
                    }
                }
                Ok(())
            }
        }
    }

    /// The columns in which anything stands.
    fn filled(&self) -> Vec<&(&'static str, Column<'_>)> {
        self.columns.iter().filter(|(_, column)| !column.is_empty()).collect()
    }
}

type Columns<'a> = [&'a (&'static str, Column<'a>)];

/// `INSERT INTO t (a, b) SELECT u.a, $2 FROM unnest($1) AS u (a)`
struct Together<'a> {
    head: String,
    columns: &'a Columns<'a>,
}

impl QueryId for Together<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl RunQueryDsl<PgConnection> for Together<'_> {}

impl QueryFragment<Pg> for Together<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("INSERT ");
        out.push_sql(&self.head);
        out.push_sql(" SELECT ");
        for (index, (name, column)) in self.columns.iter().enumerate() {
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
        for (name, column) in self.columns.iter().filter(|(_, column)| !column.is_shared()) {
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

/// `INSERT OR FAIL INTO t (a, b) VALUES (?, ?), (?, ?2)`, where `b` is the same in all rows.
struct Several<'a> {
    head: &'a str,
    columns: &'a Columns<'a>,
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
        out.push_sql("INSERT OR FAIL ");
        out.push_sql(self.head);
        out.push_sql(" VALUES ");
        // A `?` is the next number after all so far, and in the first row every column has its own.
        let first: Vec<String> = (1..=self.columns.len()).map(|number| format!("?{number}")).collect();
        for at in self.from..self.from + self.size {
            for (index, (_, column)) in self.columns.iter().enumerate() {
                out.push_sql(match (index, at == self.from) {
                    (0, true) => "(",
                    (0, false) => "), (",
                    _ => ", ",
                });
                if column.is_shared() && at > self.from {
                    out.push_sql(&first[index]);
                    continue;
                }
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
