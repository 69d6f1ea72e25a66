//! Making, changing and deleting segments: what may be saved, and what is kept of each save.

use super::{Kind, Origin, Segment, members, pins, versions};
use crate::agents::{Caller, Right, audit};
use crate::db::schema::segments;
use crate::db::{Conn, Trouble};
use crate::filters::{Filter, Mistake, Rule};
use crate::fold::key;
use crate::naming;
use crate::workspace::Clock;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use serde_json::{Value, json};

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
    /// Somebody else saved it since it was read.
    #[error("Somebody saved this segment meanwhile. Look at it again, then change it.")]
    Newer,
    /// A pinned example would not hold, or cannot be pinned.
    #[error("{0}")]
    Pins(String),
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
        if trouble.is_taken() { Problem::Name(naming::taken(WHAT, None)) } else { Problem::Failed(trouble) }
    }
}

impl From<DieselError> for Problem {
    fn from(error: DieselError) -> Self {
        Trouble::from(error).into()
    }
}

impl From<Mistake> for Problem {
    fn from(mistake: Mistake) -> Self {
        Problem::Unread(mistake)
    }
}

/// What its names are the names of.
const WHAT: &str = "segment";

fn taken(name: &str) -> Problem {
    Problem::Name(naming::taken(WHAT, Some(name)))
}

pub fn clean_name(raw: &str) -> Result<String, Problem> {
    naming::clean(WHAT, raw).map_err(Problem::Name)
}

/// A clean name that no other segment has.
pub(super) fn free_name(raw: &str, but: Option<i64>, conn: &mut Conn) -> Result<String, Problem> {
    let name = clean_name(raw)?;
    match holder(&name, conn)? {
        Some(id) if Some(id) != but => Err(taken(&name)),
        _ => Ok(name),
    }
}

fn holder(name: &str, conn: &mut Conn) -> QueryResult<Option<i64>> {
    segments::table.filter(segments::name_key.eq(key(name))).select(segments::id).first(conn).optional()
}

/// The name, or the first of `name 2`, `name 3` … that nobody has.
pub(super) fn unused_name(wanted: &str, conn: &mut Conn) -> Result<String, Problem> {
    let wanted: String = wanted.chars().take(90).collect();
    let wanted = clean_name(&wanted)?;
    for number in 1..1000 {
        let name = if number == 1 { wanted.clone() } else { format!("{wanted} {number}") };
        if holder(&name, conn)?.is_none() {
            return Ok(name);
        }
    }
    Err(taken(&wanted))
}

/// A filter that may be saved: it asks something, and nothing is wrong with it, not even as the filter `of` a segment.
pub(super) fn saveable(rule: &Rule, of: Option<i64>, conn: &mut Conn, clock: &Clock) -> Result<Filter, Problem> {
    let filter = Filter::check_of(rule, of, conn, clock)?;
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

impl Wish {
    /// Whether this person may have it so: shared segments are for those who share, and nobody takes one for himself.
    pub(super) fn allowed(&self, of: Option<&Segment>, caller: &Caller) -> Result<(), Problem> {
        if !self.private && !caller.may(Right::ShareSegments) {
            return Err(Problem::Share);
        }
        match of {
            Some(segment) if self.private && !segment.is_owned_by(caller) => {
                Err(Problem::NotYours(segment.actor.clone()))
            }
            _ => Ok(()),
        }
    }
}

impl Segment {
    /// Makes a segment; a static one begins with whoever the rule selects now, and remembers that.
    pub fn create(wish: &Wish, caller: &Caller, conn: &mut Conn, clock: &Clock) -> Result<Segment, Problem> {
        Segment::create_from(wish, None, caller, conn, clock)
    }

    /// The same for a static one that is made of something else than its rule.
    pub fn create_from(
        wish: &Wish,
        origin: Option<Origin>,
        caller: &Caller,
        conn: &mut Conn,
        clock: &Clock,
    ) -> Result<Segment, Problem> {
        let name = free_name(&wish.name, None, conn)?;
        wish.allowed(None, caller)?;
        let filter = match &wish.rule {
            Some(rule) => Some(saveable(rule, None, conn, clock)?),
            None if wish.kind == Kind::Dynamic => {
                return Err(Problem::Filter("A dynamic segment needs a filter.".into()));
            }
            None => None,
        };
        let dynamic = wish.kind == Kind::Dynamic;
        let stored = filter.as_ref().filter(|_| dynamic).map(|filter| filter.rule().to_json().to_string());
        let origin = origin.or_else(|| filter.as_ref().map(Origin::filter)).filter(|_| !dynamic);
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
                segments::origin.eq(origin.and_then(|origin| origin.stored())),
            ))
            .returning(Segment::columns())
            .get_result(conn)?;
        if let (Kind::Static, Some(filter)) = (wish.kind, filter) {
            members::add_matching(&segment, &filter, conn, clock)?;
        }
        versions::keep(&segment, &caller.name, caller.agent_id, conn)?;
        segment.remember(
            "segment.create",
            caller,
            &json!({ "before": null, "after": segment.told(conn, clock)? }),
            conn,
        )?;
        Ok(segment)
    }

    /// Changes name, privacy and, for a dynamic one, what it asks: from the version that was read, or not at all; and
    /// not against a pinned example, but for the customers of `although`.
    pub fn update(
        &self,
        wish: &Wish,
        although: &[i64],
        caller: &Caller,
        conn: &mut Conn,
        clock: &Clock,
    ) -> Result<Segment, Problem> {
        let name = free_name(&wish.name, Some(self.id), conn)?;
        wish.allowed(Some(self), caller)?;
        let filter = match (&wish.rule, self.kind()) {
            (Some(rule), Kind::Dynamic) => Some(saveable(rule, Some(self.id), conn, clock)?),
            _ => None,
        };
        let stored = match &filter {
            Some(filter) => Some(filter.rule().to_json().to_string()),
            None => self.filter.clone(),
        };
        if (&name, &stored, wish.private) == (&self.name, &self.filter, self.private) {
            return Ok(self.clone());
        }
        let filter = filter.map_or_else(|| self.filter(conn, clock), Ok)?;
        let failing = pins::failing_if(self.id, &filter, conn)?;
        if let Some(pin) = failing.iter().find(|pin| !although.contains(&pin.customer_id)) {
            return Err(Problem::Pins(format!("A pinned example fails: {}.", pin.words())));
        }
        let before = self.told(conn, clock)?;
        let read = segments::table.filter(segments::id.eq(self.id)).filter(segments::version.eq(self.version));
        let changed: Option<Segment> = diesel::update(read)
            .set((
                segments::name.eq(&name),
                segments::name_key.eq(key(&name)),
                segments::filter.eq(stored),
                segments::private.eq(wish.private),
                segments::updated_at.eq(clock.stamp()),
                segments::version.eq(self.version + 1),
            ))
            .returning(Segment::columns())
            .get_result(conn)
            .optional()?;
        let changed = changed.ok_or(Problem::Newer)?;
        versions::keep(&changed, &caller.name, caller.agent_id, conn)?;
        let details = json!({ "before": before, "after": changed.told(conn, clock)? });
        changed.remember("segment.update", caller, &details, conn)?;
        Ok(changed)
    }

    pub fn delete(&self, caller: &Caller, conn: &mut Conn, clock: &Clock) -> QueryResult<()> {
        let details = json!({ "before": self.told(conn, clock)?, "after": null });
        self.remember("segment.delete", caller, &details, conn)?;
        diesel::delete(segments::table.find(self.id)).execute(conn).map(drop)
    }

    /// As the audit log tells it.
    pub(super) fn told(&self, conn: &mut Conn, clock: &Clock) -> QueryResult<Value> {
        let filter = if self.is_dynamic() { Some(self.filter(conn, clock)?.text()) } else { None };
        let mut told = json!({
            "name": self.name,
            "kind": self.kind().key(),
            "private": self.private,
            "archived": self.archived_at.is_some(),
        });
        match (filter, self.origin()) {
            (Some(text), _) => told["filter"] = text.into(),
            (None, Some(origin)) => told["made"] = origin.words().into(),
            (None, None) => {}
        }
        Ok(told)
    }

    pub(super) fn remember(&self, action: &str, caller: &Caller, details: &Value, conn: &mut Conn) -> QueryResult<()> {
        audit(conn, caller, action, &format!("segment {}", self.id), details)
    }
}
