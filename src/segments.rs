//! Segments: named audiences.
//!
//! A *static* segment is a fixed list of customers. A *dynamic* one is a saved filter, answered afresh each time it is
//! used: there is no rebuild job and no membership cache, so it is never late. Either way a segment gives a [`Filter`],
//! and the list, its count and the export of its members are that filter's.

pub mod api;
pub mod joining;
pub mod members;
pub mod pages;
pub mod ready;
pub mod why;

pub use why::standing;

use crate::agents::{Caller, Right};
use crate::db::schema::segments;
use crate::db::{Backend, Conn, Trouble};
use crate::filters::fields::Fields;
use crate::filters::rule::Join;
use crate::filters::{Filter, Mistake, Rule};
use crate::fold::{filled, key};
use crate::workspace::Clock;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

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
}

/// What somebody wants a segment to be.
#[derive(Clone, Debug)]
pub struct Wish {
    pub name: String,
    pub kind: Kind,
    /// For a dynamic one what it asks; for a static one whom it begins with, if anybody.
    pub rule: Option<Rule>,
    pub private: bool,
}

/// Why a segment cannot be as wished, in words for its form.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    Name(String),
    #[error("{0}")]
    Filter(String),
    /// The filter's text cannot be read, and here is where.
    #[error("{0}")]
    Unread(Mistake),
    /// Shared by this person: nobody else makes it private.
    #[error("{0} made this segment; only {0} can make it private.")]
    NotYours(String),
    #[error("Somebody deleted this segment or made it private meanwhile.")]
    Gone,
    #[error("you may not share segments; make it private")]
    Share,
    #[error("a dynamic segment has no members of its own: change its filter instead")]
    Dynamic,
    #[error("there are no customers with these ids: {}", spell(.0))]
    Unknown(Vec<i64>),
    #[error(transparent)]
    Failed(Trouble),
}

fn spell(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Query(error) => error.into(),
            other => Problem::Failed(other),
        }
    }
}

impl From<DieselError> for Problem {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => taken(""),
            error => Problem::Failed(error.into()),
        }
    }
}

impl From<Mistake> for Problem {
    fn from(mistake: Mistake) -> Self {
        Problem::Unread(mistake)
    }
}

fn taken(name: &str) -> Problem {
    let name = if name.is_empty() { "this name".to_string() } else { format!("“{name}”") };
    Problem::Name(format!("There is a segment called {name} already. Names differ by more than case."))
}

/// A name as it is stored: 1 to 100 characters, one line.
pub fn clean_name(raw: &str) -> Result<String, Problem> {
    let name = filled(raw).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match name.chars().count() {
        0 => Err(Problem::Name("Give the segment a name.".into())),
        1..=100 if name.chars().any(char::is_control) => {
            Err(Problem::Name("A name may not hold control characters.".into()))
        }
        1..=100 => Ok(name),
        n => Err(Problem::Name(format!("A name may have 100 characters; this one has {n}."))),
    }
}

/// A filter that may be saved: it asks something, and nothing is wrong with it, not even as the filter `of` a segment.
fn saveable(rule: &Rule, of: Option<i64>, conn: &mut Conn, clock: &Clock) -> Result<Filter, Problem> {
    let filter =
        Filter::check_each(vec![(rule.clone(), of)], conn, clock)?.pop().unwrap_or_else(|| Filter::everybody(clock));
    if rule.is_empty() {
        return Err(Problem::Filter(
            "An empty filter cannot be saved. For everybody, use the condition “everyone”.".into(),
        ));
    }
    match filter.problems().first() {
        Some(problem) => Err(Problem::Filter(problem.words.clone())),
        None => Ok(filter),
    }
}

type Boxed<'a> = segments::BoxedQuery<'a, Backend>;

impl Segment {
    pub fn kind(&self) -> Kind {
        Kind::parse(&self.kind).unwrap_or(Kind::Static)
    }

    pub fn is_dynamic(&self) -> bool {
        self.kind() == Kind::Dynamic
    }

    /// Makes a segment; a static one begins with whoever the rule selects now.
    pub fn create(wish: &Wish, caller: &Caller, conn: &mut Conn, clock: &Clock) -> Result<Segment, Problem> {
        let name = free_name(&wish.name, None, conn)?;
        if !wish.private && !caller.may(Right::ShareSegments) {
            return Err(Problem::Share);
        }
        let filter = match &wish.rule {
            Some(rule) => Some(saveable(rule, None, conn, clock)?),
            None if wish.kind == Kind::Dynamic => {
                return Err(Problem::Filter("A dynamic segment needs a filter.".into()));
            }
            None => None,
        };
        let stored =
            filter.as_ref().filter(|_| wish.kind == Kind::Dynamic).map(|filter| filter.rule().to_json().to_string());
        let segment: Segment = diesel::insert_into(segments::table)
            .values((
                segments::name.eq(&name),
                segments::name_key.eq(key(&name)),
                segments::kind.eq(wish.kind.key()),
                segments::filter.eq(stored),
                segments::private.eq(wish.private),
                segments::agent_id.eq(caller.agent_id),
                segments::actor.eq(&caller.name),
                segments::created_at.eq(clock.stamp()),
                segments::updated_at.eq(clock.stamp()),
            ))
            .returning(Segment::columns())
            .get_result(conn)?;
        if let (Kind::Static, Some(filter)) = (wish.kind, filter) {
            members::add_matching(&segment, &filter, conn, clock)?;
        }
        Ok(segment)
    }

    /// Changes name, privacy and, for a dynamic one, what it asks.
    pub fn update(&self, wish: &Wish, caller: &Caller, conn: &mut Conn, clock: &Clock) -> Result<Segment, Problem> {
        let name = free_name(&wish.name, Some(self.id), conn)?;
        if !wish.private && !caller.may(Right::ShareSegments) {
            return Err(Problem::Share);
        }
        if wish.private && !self.is_owned_by(caller) {
            return Err(Problem::NotYours(self.actor.clone()));
        }
        let stored = match (&wish.rule, self.kind()) {
            (Some(rule), Kind::Dynamic) => {
                Some(saveable(rule, Some(self.id), conn, clock)?.rule().to_json().to_string())
            }
            _ => self.filter.clone(),
        };
        Ok(diesel::update(segments::table.find(self.id))
            .set((
                segments::name.eq(&name),
                segments::name_key.eq(key(&name)),
                segments::filter.eq(stored),
                segments::private.eq(wish.private),
                segments::updated_at.eq(clock.stamp()),
            ))
            .returning(Segment::columns())
            .get_result(conn)?)
    }

    pub fn delete(&self, conn: &mut Conn) -> QueryResult<()> {
        diesel::delete(segments::table.find(self.id)).execute(conn).map(drop)
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
        let mut all = Segment::list(caller, conn)?;
        all.retain(|segment| !segment.is_dynamic() && segment.may_change(caller));
        Ok(all)
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
        )
    }
}

/// A clean name that no other segment has.
fn free_name(raw: &str, but: Option<i64>, conn: &mut Conn) -> Result<String, Problem> {
    let name = clean_name(raw)?;
    let holder: Option<i64> =
        segments::table.filter(segments::name_key.eq(key(&name))).select(segments::id).first(conn).optional()?;
    match holder {
        Some(id) if Some(id) != but => Err(taken(&name)),
        _ => Ok(name),
    }
}
