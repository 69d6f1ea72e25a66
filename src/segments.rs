//! Segments: named audiences.
//!
//! A *static* segment is a fixed list of customers. A *dynamic* one is a saved filter, answered afresh each time it is
//! used: there is no rebuild job and no membership cache, so it is never late. Either way a segment gives a [`Filter`],
//! and the list, its count and the export of its members are that filter's.

pub mod api;
pub mod archive;
pub mod change;
pub mod compare;
pub mod copies;
pub mod editing;
pub mod feed;
pub mod followers;
pub mod form;
pub mod index;
pub mod joining;
pub mod keys;
pub mod listing;
pub mod members;
mod origin;
pub mod pages;
pub mod pins;
pub mod ready;
mod saving;
pub mod sizes;
pub mod used;
pub mod versions;
pub mod why;

pub use origin::Origin;
pub use saving::{Problem, Wish, clean_name};
pub use why::standing;

use crate::agents::{Caller, Right};
use crate::db::schema::segments;
use crate::db::{Backend, Conn};
use crate::filters::fields::Fields;
use crate::filters::rule::Join;
use crate::filters::{Filter, Mistake, Rule};
use crate::workspace::Clock;
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// How a segment knows its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Static,
    Dynamic,
}

impl Kind {
    pub fn key(self) -> &'static str {
        match self {
            Kind::Static => "static",
            Kind::Dynamic => "dynamic",
        }
    }

    pub fn parse(key: &str) -> Option<Kind> {
        [Kind::Static, Kind::Dynamic].into_iter().find(|kind| kind.key() == key)
    }
}

#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = segments)]
#[diesel(check_for_backend(Backend))]
pub struct Segment {
    pub id: i64,
    pub name: String,
    kind: String,
    /// The rule of a dynamic segment as JSON, tags by id.
    filter: Option<String>,
    /// Only its owner sees it.
    pub private: bool,
    pub agent_id: Option<i64>,
    /// Who made it, by name.
    pub actor: String,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    /// Not offered any more since then; it still works where it is used.
    pub archived_at: Option<NaiveDateTime>,
    pub last_used_at: Option<NaiveDateTime>,
    /// Grows with each save.
    pub version: i64,
    /// How a static one was made, as JSON.
    origin: Option<String>,
}

type Boxed<'a> = segments::BoxedQuery<'a, Backend>;

impl Segment {
    pub fn kind(&self) -> Kind {
        Kind::parse(&self.kind).unwrap_or(Kind::Static)
    }

    pub fn is_dynamic(&self) -> bool {
        self.kind() == Kind::Dynamic
    }

    /// The segments this caller may see: shared ones and their own. Tokens and the command line go by their names.
    fn seen_by(caller: &Caller) -> Boxed<'static> {
        let query = segments::table.into_boxed::<Backend>();
        let shared = segments::private.eq(false);
        match caller.agent_id {
            Some(id) => query.filter(shared.or(segments::agent_id.eq(id).assume_not_null())),
            None => query.filter(shared.or(segments::agent_id.is_null().and(segments::actor.eq(caller.name.clone())))),
        }
    }

    /// True for whoever made it.
    pub fn is_owned_by(&self, caller: &Caller) -> bool {
        self.agent_id == caller.agent_id && (caller.agent_id.is_some() || self.actor == caller.name)
    }

    /// By name, those this person may see.
    pub fn list(caller: &Caller, conn: &mut Conn) -> QueryResult<Vec<Segment>> {
        Segment::seen_by(caller).order(segments::name_key).select(Segment::columns()).load(conn)
    }

    /// Every one there is, by name, whoever may see it.
    pub fn every(conn: &mut Conn) -> QueryResult<Vec<Segment>> {
        segments::table.order(segments::name_key).select(Segment::columns()).load(conn)
    }

    pub fn is_seen_by(&self, caller: &Caller) -> bool {
        !self.private || self.is_owned_by(caller)
    }

    /// The static ones this person may add customers to.
    pub fn joinable(caller: &Caller, conn: &mut Conn) -> QueryResult<Vec<Segment>> {
        let mut all = Segment::offered(caller, conn)?;
        all.retain(|segment| !segment.is_dynamic() && segment.may_change(caller));
        Ok(all)
    }

    /// The dynamic ones this person may let ask something else.
    pub fn adaptable(caller: &Caller, conn: &mut Conn) -> QueryResult<Vec<Segment>> {
        let mut all = Segment::offered(caller, conn)?;
        all.retain(|segment| segment.is_dynamic() && segment.may_change(caller));
        Ok(all)
    }

    /// Those that are offered where one is chosen: archived ones are not, and still work where they are used.
    pub fn offered(caller: &Caller, conn: &mut Conn) -> QueryResult<Vec<Segment>> {
        let there = Segment::seen_by(caller).filter(segments::archived_at.is_null());
        there.order(segments::name_key).select(Segment::columns()).load(conn)
    }

    /// A private segment of somebody else is not there.
    pub fn find(id: i64, caller: &Caller, conn: &mut Conn) -> QueryResult<Option<Segment>> {
        Segment::seen_by(caller).filter(segments::id.eq(id)).select(Segment::columns()).first(conn).optional()
    }

    /// Shared ones with the right to, private ones by their owner.
    pub fn may_change(&self, caller: &Caller) -> bool {
        match self.private {
            true => self.is_owned_by(caller),
            false => caller.may(Right::ShareSegments),
        }
    }

    /// What a dynamic segment asks, as it was saved.
    pub fn rule(&self, fields: &Fields) -> Result<Option<Rule>, Mistake> {
        self.filter.as_deref().filter(|_| self.is_dynamic()).map(|filter| Rule::read(filter, fields)).transpose()
    }

    /// Who is in it, asked afresh.
    pub fn filter(&self, conn: &mut Conn, clock: &Clock) -> QueryResult<Filter> {
        let mut filters = Segment::filters(std::slice::from_ref(self), conn, clock)?;
        Ok(filters.pop().unwrap_or_else(|| Filter::members(self.id, clock)))
    }

    /// Who is in each of many, with as many questions as for one.
    pub fn filters(segments: &[Segment], conn: &mut Conn, clock: &Clock) -> QueryResult<Vec<Filter>> {
        let fields = Fields::load(conn)?;
        let rules = segments.iter().filter(|segment| segment.is_dynamic()).map(|segment| {
            // What cannot be read selects nobody: an empty group inside is a problem of its own.
            let nobody = || Rule::Group(Join::All, vec![Rule::default()]);
            (segment.rule(&fields).ok().flatten().unwrap_or_else(nobody), Some(segment.id))
        });
        let mut asked = Filter::check_each(rules.collect(), conn, clock)?.into_iter();
        let filter = |segment: &Segment| match segment.kind() {
            Kind::Static => Filter::members(segment.id, clock),
            Kind::Dynamic => asked.next().unwrap_or_else(|| Filter::members(segment.id, clock)),
        };
        Ok(segments.iter().map(filter).collect())
    }

    #[allow(clippy::type_complexity)]
    fn columns() -> (
        segments::id,
        segments::name,
        segments::kind,
        segments::filter,
        segments::private,
        segments::agent_id,
        segments::actor,
        segments::created_at,
        segments::updated_at,
        segments::archived_at,
        segments::last_used_at,
        segments::version,
        segments::origin,
    ) {
        (
            segments::id,
            segments::name,
            segments::kind,
            segments::filter,
            segments::private,
            segments::agent_id,
            segments::actor,
            segments::created_at,
            segments::updated_at,
            segments::archived_at,
            segments::last_used_at,
            segments::version,
            segments::origin,
        )
    }
}
