//! The few SQL shapes diesel cannot say on the joint backend.

use super::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Bool;
use std::fmt::Write;

/// A yes/no expression over one table.
pub type On<T> = Box<dyn BoxableExpression<T, Backend, SqlType = Bool>>;

/// `EXISTS (SELECT 1 FROM table WHERE table.customer_id = customers.id AND condition)`: at least one row of a child
/// table, or more of them. diesel's own `exists` cannot hold a boxed condition of the child table inside a query on
/// customers.
pub struct Has<T: 'static> {
    pub table: &'static str,
    pub condition: On<T>,
    /// How many rows there must be: 1 or more.
    pub least: u32,
}

impl<T> Expression for Has<T> {
    type SqlType = Bool;
}
impl<T, Q> AppearsOnTable<Q> for Has<T> where super::schema::customers::id: AppearsOnTable<Q> {}
impl<T> SelectableExpression<super::schema::customers::table> for Has<T> {}
impl<T> ValidGrouping<()> for Has<T> {
    type IsAggregate = is_aggregate::No;
}
impl<T> QueryId for Has<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T> QueryFragment<Backend> for Has<T>
where
    T: 'static,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("EXISTS (SELECT 1 FROM ");
        out.push_identifier(self.table)?;
        out.push_sql(" WHERE ");
        out.push_identifier(self.table)?;
        out.push_sql(".customer_id = customers.id AND ");
        self.condition.walk_ast(out.reborrow())?;
        if self.least > 1 {
            out.push_sql(&format!(" LIMIT 1 OFFSET {}", self.least - 1));
        }
        out.push_sql(")");
        Ok(())
    }
}

/// Appends `ON CONFLICT DO NOTHING` to an insert from a select. The select needs a WHERE, or SQLite misreads it.
#[derive(QueryId)]
pub struct OrIgnore<Q>(pub Q);

impl<Q: QueryFragment<Backend>> QueryFragment<Backend> for OrIgnore<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" ON CONFLICT DO NOTHING");
        Ok(())
    }
}
impl<Q> RunQueryDsl<super::Conn> for OrIgnore<Q> {}

/// How firmly rows are held.
#[derive(Clone, Copy)]
pub enum Hold {
    /// They stay as they are; others may read them in the same way.
    Share,
    /// Nobody else changes them, or holds them.
    Change,
}

/// A question that holds the rows it finds up to the end of the transaction. On SQLite whoever writes is alone anyhow.
pub struct Holding<Q>(pub Q, pub Hold);

impl<Q> QueryId for Holding<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl<Q: QueryFragment<Backend>> QueryFragment<Backend> for Holding<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        self.0.walk_ast(out.reborrow())?;
        let words = match (out.backend(), self.1) {
            (Backend::Sqlite(_), _) => "",
            (Backend::Postgres(_), Hold::Share) => " FOR SHARE",
            (Backend::Postgres(_), Hold::Change) => " FOR NO KEY UPDATE",
        };
        out.push_sql(words);
        Ok(())
    }
}
impl<Q: diesel::query_builder::Query> diesel::query_builder::Query for Holding<Q> {
    type SqlType = Q::SqlType;
}
impl<Q> RunQueryDsl<super::Conn> for Holding<Q> {}

/// `left IN (values)`, for a boxed left side; false without values. diesel's own `eq_any` on the joint backend wants a
/// left side that both backends know by themselves.
pub struct OneOf<L> {
    pub left: L,
    pub values: Vec<String>,
}

impl<L> Expression for OneOf<L> {
    type SqlType = Bool;
}
impl<L: AppearsOnTable<T>, T> AppearsOnTable<T> for OneOf<L> {}
impl<L: SelectableExpression<T>, T> SelectableExpression<T> for OneOf<L> where OneOf<L>: AppearsOnTable<T> {}
impl<L> ValidGrouping<()> for OneOf<L> {
    type IsAggregate = is_aggregate::No;
}
impl<L> QueryId for OneOf<L> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl<L: QueryFragment<Backend>> QueryFragment<Backend> for OneOf<L> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        if self.values.is_empty() {
            out.push_sql("FALSE");
            return Ok(());
        }
        self.left.walk_ast(out.reborrow())?;
        out.push_sql(" IN (");
        for (index, value) in self.values.iter().enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            out.push_bind_param::<diesel::sql_types::Text, _>(value)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

/// Rows of these customers alone. The ids stand as literals: there may be more than a database binds, and a number can
/// be nothing else. PostgreSQL takes a list ten times quicker as one array. False without ids.
pub struct Among {
    /// Table and column, quoted by nobody: names of ours.
    pub column: &'static str,
    pub ids: Vec<i64>,
}

impl Expression for Among {
    type SqlType = Bool;
}
impl<T> AppearsOnTable<T> for Among {}
impl<T> SelectableExpression<T> for Among {}
impl ValidGrouping<()> for Among {
    type IsAggregate = is_aggregate::No;
}
impl QueryId for Among {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl QueryFragment<Backend> for Among {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        if self.ids.is_empty() {
            out.push_sql("FALSE");
            return Ok(());
        }
        let (before, after) = match out.backend() {
            Backend::Sqlite(_) => (" IN (", ")"),
            Backend::Postgres(_) => (" = ANY('{", "}'::bigint[])"),
        };
        let mut ids = String::with_capacity(self.ids.len() * 8);
        for (index, id) in self.ids.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(ids, "{}{id}", if index > 0 { "," } else { "" });
        }
        out.push_sql(self.column);
        out.push_sql(before);
        out.push_sql(&ids);
        out.push_sql(after);
        Ok(())
    }
}

/// Rows of customers who have a row of taggings with one tag. diesel has no name for the same table a second time.
pub struct Carrying {
    /// Table and column, quoted by nobody: names of ours.
    pub column: &'static str,
    pub tag_id: i64,
}

impl Expression for Carrying {
    type SqlType = Bool;
}
impl<T> AppearsOnTable<T> for Carrying {}
impl<T> SelectableExpression<T> for Carrying {}
impl ValidGrouping<()> for Carrying {
    type IsAggregate = is_aggregate::No;
}
impl QueryId for Carrying {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl QueryFragment<Backend> for Carrying {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(self.column);
        out.push_sql(" IN (SELECT carrying.customer_id FROM taggings AS carrying WHERE carrying.tag_id = ");
        out.push_bind_param::<diesel::sql_types::BigInt, _>(&self.tag_id)?;
        out.push_sql(")");
        Ok(())
    }
}

/// All values of a column of ids as one value, eight bytes each, the highest first: handed out row by row, a million ids
/// take twice as long. The column is of the table asked, quoted by nobody: a name of ours.
pub struct Gathered(pub &'static str);

impl Expression for Gathered {
    type SqlType = diesel::sql_types::Nullable<diesel::sql_types::Binary>;
}
impl<T> AppearsOnTable<T> for Gathered {}
impl<T> SelectableExpression<T> for Gathered {}
impl ValidGrouping<()> for Gathered {
    type IsAggregate = is_aggregate::Yes;
}
impl QueryId for Gathered {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl QueryFragment<Backend> for Gathered {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        let (before, after) = match out.backend() {
            Backend::Sqlite(_) => ("gather_ids(", ")"),
            Backend::Postgres(_) => ("string_agg(int8send(", "), '')"),
        };
        out.push_sql(before);
        out.push_sql(self.0);
        out.push_sql(after);
        Ok(())
    }
}

/// The ids that were gathered, none where nobody was found.
pub fn gathered(bytes: Option<Vec<u8>>) -> impl Iterator<Item = i64> {
    let bytes = bytes.unwrap_or_default();
    (0..bytes.len() / 8).filter_map(move |place| bytes.get(place * 8..)?.first_chunk().copied().map(i64::from_be_bytes))
}

/// The same of whatever a query finds, whose column it is.
pub struct GatheredFrom<Q> {
    pub gathered: Gathered,
    pub rows: Q,
}

impl<Q> diesel::query_builder::Query for GatheredFrom<Q> {
    type SqlType = diesel::sql_types::Nullable<diesel::sql_types::Binary>;
}
impl<Q> QueryId for GatheredFrom<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl<Q: QueryFragment<Backend>> QueryFragment<Backend> for GatheredFrom<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.gathered.walk_ast(out.reborrow())?;
        out.push_sql(" FROM (");
        self.rows.walk_ast(out.reborrow())?;
        out.push_sql(") AS found");
        Ok(())
    }
}
impl<Q> RunQueryDsl<super::Conn> for GatheredFrom<Q> {}

#[diesel::declare_sql_function]
extern "SQL" {
    /// [`Gathered`] on SQLite, which has nothing like it.
    #[aggregate]
    fn gather_ids(id: diesel::sql_types::BigInt) -> diesel::sql_types::Binary;
}

/// What SQLite has gathered so far.
#[derive(Default)]
struct Gathering(Vec<u8>);

impl diesel::sqlite::SqliteAggregateFunction<i64> for Gathering {
    type Output = Vec<u8>;

    fn step(&mut self, id: i64) {
        self.0.extend_from_slice(&id.to_be_bytes());
    }

    fn finalize(gathering: Option<Self>) -> Vec<u8> {
        gathering.unwrap_or_default().0
    }
}

/// Teaches a connection the functions that SQLite has not.
pub fn teach(conn: &mut SqliteConnection) -> QueryResult<()> {
    gather_ids_utils::register_impl::<Gathering, _>(conn)
}
