//! What a segment was after each save: by whom, when, and how many were in it then.

pub mod pages;

use super::{Kind, Segment};
use crate::db::schema::segment_versions;
use crate::db::{Backend, Conn};
use crate::filters::fields::Fields;
use crate::filters::{Mistake, Rule};
use chrono::NaiveDateTime;
use diesel::prelude::*;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = segment_versions)]
#[diesel(check_for_backend(Backend))]
pub struct Version {
    pub version: i64,
    pub name: String,
    filter: Option<String>,
    pub private: bool,
    pub actor: String,
    pub saved_at: NaiveDateTime,
    /// How many were in it then; `None` where nobody counted.
    pub size: Option<i64>,
}

impl Version {
    /// The newest first.
    pub fn all(segment: &Segment, conn: &mut Conn) -> QueryResult<Vec<Version>> {
        segment_versions::table
            .filter(segment_versions::segment_id.eq(segment.id))
            .order(segment_versions::version.desc())
            .select(Version::as_select())
            .load(conn)
    }

    pub fn find(segment: &Segment, version: i64, conn: &mut Conn) -> QueryResult<Option<Version>> {
        segment_versions::table.find((segment.id, version)).select(Version::as_select()).first(conn).optional()
    }

    /// What it asked, with tags and segments by id.
    pub fn rule(&self, fields: &Fields) -> Result<Option<Rule>, Mistake> {
        self.filter.as_deref().map(|filter| Rule::read(filter, fields)).transpose()
    }
}

/// Keeps what a segment has just become.
pub fn keep(segment: &Segment, actor: &str, agent_id: Option<i64>, conn: &mut Conn) -> QueryResult<()> {
    let filter = segment.filter.as_deref().filter(|_| segment.kind() == Kind::Dynamic);
    diesel::insert_into(segment_versions::table)
        .values((
            segment_versions::segment_id.eq(segment.id),
            segment_versions::version.eq(segment.version),
            segment_versions::name.eq(&segment.name),
            segment_versions::filter.eq(filter),
            segment_versions::private.eq(segment.private),
            segment_versions::agent_id.eq(agent_id),
            segment_versions::actor.eq(actor),
            segment_versions::saved_at.eq(segment.updated_at),
        ))
        .execute(conn)
        .map(drop)
}

/// Notes how many were in it. It is counted after it was saved: nobody has to wait with writing for that.
pub fn note_size(segment: &Segment, size: i64, conn: &mut Conn) -> QueryResult<()> {
    diesel::update(segment_versions::table.find((segment.id, segment.version)))
        .set(segment_versions::size.eq(size))
        .execute(conn)
        .map(drop)
}
