//! The database as somebody asks it who writes the SQL by hand: connections set up as Muster's are, and on SQLite a
//! second one that is given all the memory it could want. The quicker one counts.

use crate::measure::{Patience, timed};
use anyhow::{Context, ensure};
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use muster::db::schema::{custom_fields, segments, tags};
use muster::db::{Address, Conn, Db};
use std::collections::HashMap;

type Pooled = diesel::r2d2::PooledConnection<muster::db::Manager>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub fn key(self) -> &'static str {
        match self {
            Kind::Sqlite => "sqlite",
            Kind::Postgres => "postgres",
        }
    }
}

pub struct Database {
    pub kind: Kind,
    conns: Vec<Pooled>,
}

/// A query that was timed: the quickest of its spellings.
pub struct Quickest {
    pub shape: &'static str,
    pub ms: f64,
}

impl Database {
    pub fn open(url: &str) -> anyhow::Result<Database> {
        let db = Db::open(url)?;
        let mut conns = vec![db.conn()?];
        let kind = match db.address() {
            Address::Sqlite(_) => Kind::Sqlite,
            Address::Postgres(_) => Kind::Postgres,
        };
        if kind == Kind::Sqlite {
            let mut roomy = db.conn()?;
            if let Conn::Sqlite(c) = &mut *roomy {
                c.batch_execute("PRAGMA mmap_size=2147418112; PRAGMA cache_size=-1048576")?;
            }
            conns.push(roomy);
        }
        Ok(Database { kind, conns })
    }

    /// The connection that is set up like Muster's.
    pub fn conn(&mut self) -> &mut Conn {
        &mut self.conns[0]
    }

    pub fn execute(&mut self, statements: &str) -> anyhow::Result<f64> {
        let conn = self.conn();
        Ok(timed(|| Ok(muster::each!(conn, c => c.batch_execute(statements))?))
            .with_context(|| statements.to_string())?
            .1)
    }

    pub fn number(&mut self, query: &str) -> anyhow::Result<i64> {
        sql::<BigInt>(query).get_result(self.conn()).with_context(|| query.to_string())
    }

    pub fn ids(&mut self, query: &str) -> anyhow::Result<Vec<i64>> {
        sql::<BigInt>(query).load(self.conn()).with_context(|| query.to_string())
    }

    pub fn text(&mut self, query: &str) -> anyhow::Result<String> {
        sql::<Text>(query).get_result(self.conn()).with_context(|| query.to_string())
    }

    /// The quickest of several spellings that all count the same, on the quickest connection.
    pub fn quickest_count(&mut self, shapes: &[(&'static str, String)], expected: i64) -> anyhow::Result<Quickest> {
        self.quickest(shapes, |conn, query| {
            let (count, ms) = timed(|| Ok(sql::<BigInt>(query).get_result::<i64>(conn)?))?;
            ensure!(count == expected, "{query} counts {count}, not {expected}");
            Ok(ms)
        })
    }

    /// The same for queries that hand out the ids; a customer may come twice.
    pub fn quickest_ids(&mut self, shapes: &[(&'static str, String)], expected: i64) -> anyhow::Result<Quickest> {
        self.quickest(shapes, |conn, query| {
            let (mut ids, ms) = timed(|| Ok(sql::<BigInt>(query).load::<i64>(conn)?))?;
            ids.sort_unstable();
            ids.dedup();
            ensure!(ids.len() as i64 == expected, "{query} finds {}, not {expected}", ids.len());
            Ok(ms)
        })
    }

    fn quickest(
        &mut self,
        shapes: &[(&'static str, String)],
        run: impl Fn(&mut Conn, &str) -> anyhow::Result<f64>,
    ) -> anyhow::Result<Quickest> {
        let mut best: Option<(Quickest, usize, &str)> = None;
        for (shape, query) in shapes {
            for place in 0..self.conns.len() {
                let conn = &mut self.conns[place];
                let time = |conn: &mut Conn| run(conn, query).with_context(|| query.clone());
                // The first time fills the caches.
                let first = time(conn)?;
                if best.as_ref().is_some_and(|(best, ..)| first > 5.0 * best.ms + 50.0) {
                    continue;
                }
                let ms = Patience::of(3, 2.0).repeat(|_| time(conn))?.median();
                if best.as_ref().is_none_or(|(best, ..)| ms < best.ms) {
                    best = Some((Quickest { shape, ms }, place, query));
                }
            }
        }
        let (mut best, place, query) = best.context("no spelling was given")?;
        best.ms = Patience::of(9, 4.0).repeat(|_| run(&mut self.conns[place], query))?.median();
        Ok(best)
    }
}

/// Ids of what the filters name.
pub struct Names {
    tags: HashMap<String, i64>,
    fields: HashMap<String, i64>,
    segments: HashMap<String, i64>,
}

impl Names {
    pub fn load(conn: &mut Conn) -> anyhow::Result<Names> {
        Ok(Names {
            tags: tags::table.select((tags::name, tags::id)).load(conn)?.into_iter().collect(),
            fields: custom_fields::table
                .select((custom_fields::key, custom_fields::id))
                .load(conn)?
                .into_iter()
                .collect(),
            segments: segments::table.select((segments::name, segments::id)).load(conn)?.into_iter().collect(),
        })
    }

    pub fn tag(&self, name: &str) -> anyhow::Result<i64> {
        self.tags.get(name).copied().with_context(|| format!("there is no tag {name}"))
    }

    pub fn field(&self, key: &str) -> anyhow::Result<i64> {
        self.fields.get(key).copied().with_context(|| format!("there is no custom field {key}"))
    }

    pub fn segment(&self, name: &str) -> anyhow::Result<i64> {
        self.segments.get(name).copied().with_context(|| format!("there is no segment {name}"))
    }

    pub fn has_segment(&self, name: &str) -> bool {
        self.segments.contains_key(name)
    }
}
