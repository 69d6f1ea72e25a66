//! Views: a filter with the columns and the order of its list, under a name in the sidebar.
//!
//! A view keeps a question, not an answer: it may be about everybody, tags and segments are held by id, and opening it
//! asks afresh. It is shared, or private to whoever made it. It is not a segment: nothing is sent to a view.

pub mod pages;
pub mod sidebar;

use crate::agents::{Caller, Right, audit};
use crate::custom_fields::CustomField;
use crate::customers::columns::Columns;
use crate::customers::list::Sort;
use crate::db::schema::views;
use crate::db::{Backend, Conn, Trouble};
use crate::filters::{Filter, Mistake, stored};
use crate::fold::key;
use crate::naming;
use crate::workspace::Clock;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = views)]
#[diesel(check_for_backend(Backend))]
pub struct View {
    pub id: i64,
    pub name: String,
    /// The rule as JSON, tags by id.
    pub filter: String,
    /// The columns as an address spells them; empty is the usual ones.
    pub shown: String,
    pub sort: String,
    /// Only its owner sees it.
    pub private: bool,
    pub agent_id: Option<i64>,
    /// Who made it, by name.
    pub actor: String,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
}

/// What a list shows, as its address says it.
#[derive(Clone, Debug, Default)]
pub struct Look {
    pub filter: String,
    pub columns: String,
    pub sort: String,
}

/// Why a view cannot be as wished, in words for its form.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{0}")]
    Name(String),
    /// Filter, columns or order cannot be kept.
    #[error("{0}")]
    Look(String),
    /// Shared by this person: nobody else makes it private.
    #[error("{0} made this view; only {0} can make it private.")]
    NotYours(String),
    #[error("Sharing views is for marketers and admins; keep it to yourself.")]
    Share,
    #[error("Somebody deleted this view or made it private meanwhile.")]
    Gone,
    #[error(transparent)]
    Failed(Trouble),
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
        Problem::Look(mistake.to_string())
    }
}

/// What its names are the names of.
const WHAT: &str = "view";

/// A look that may be kept: the filter as JSON, columns and order in their one spelling.
struct Kept {
    filter: String,
    shown: String,
    sort: String,
}

impl Look {
    fn kept(&self, conn: &mut Conn, clock: &Clock) -> Result<Kept, Problem> {
        let rule = stored::open(&self.filter, conn)??;
        let filter = Filter::check(&rule, conn, clock)?;
        if let Some(problem) = filter.problems().first() {
            return Err(Problem::Look(problem.words.clone()));
        }
        let columns = Columns::read(&self.columns, &CustomField::all(conn)?).map_err(Problem::Look)?;
        let sort = Sort::asked(&self.sort).map_err(Problem::Look)?;
        Ok(Kept { filter: filter.rule().to_json().to_string(), shown: columns.spell(), sort: sort.spell() })
    }
}

type Boxed = views::BoxedQuery<'static, Backend>;

impl View {
    pub fn create(
        name: &str,
        private: bool,
        look: &Look,
        caller: &Caller,
        conn: &mut Conn,
        clock: &Clock,
    ) -> Result<View, Problem> {
        if !private && !caller.may(Right::ShareSegments) {
            return Err(Problem::Share);
        }
        let name = naming::clean(WHAT, name).map_err(Problem::Name)?;
        let kept = look.kept(conn, clock)?;
        free(&name, private, caller.agent_id, None, conn)?;
        let id: i64 = diesel::insert_into(views::table)
            .values((
                views::name.eq(&name),
                views::name_key.eq(key(&name)),
                views::filter.eq(kept.filter),
                views::shown.eq(kept.shown),
                views::sort.eq(kept.sort),
                views::private.eq(private),
                views::agent_id.eq(caller.agent_id),
                views::actor.eq(&caller.name),
                views::created_at.eq(clock.stamp()),
                views::updated_at.eq(clock.stamp()),
            ))
            .returning(views::id)
            .get_result(conn)?;
        let view: View = views::table.find(id).select(View::as_select()).first(conn)?;
        let details = json!({ "before": null, "after": view.told(conn, clock)? });
        view.remember("view.create", caller, &details, conn)?;
        Ok(view)
    }

    /// Changes name and privacy.
    pub fn update(
        &self,
        name: &str,
        private: bool,
        caller: &Caller,
        conn: &mut Conn,
        clock: &Clock,
    ) -> Result<(), Problem> {
        if !private && !caller.may(Right::ShareSegments) {
            return Err(Problem::Share);
        }
        if private && !self.is_owned_by(caller) {
            return Err(Problem::NotYours(self.actor.clone()));
        }
        let name = naming::clean(WHAT, name).map_err(Problem::Name)?;
        free(&name, private, self.agent_id, Some(self.id), conn)?;
        diesel::update(views::table.find(self.id))
            .set((
                views::name.eq(&name),
                views::name_key.eq(key(&name)),
                views::private.eq(private),
                views::updated_at.eq(clock.stamp()),
            ))
            .execute(conn)?;
        Ok(self.changed(caller, conn, clock)?)
    }

    /// From now on it shows this.
    pub fn keep(&self, look: &Look, caller: &Caller, conn: &mut Conn, clock: &Clock) -> Result<(), Problem> {
        let kept = look.kept(conn, clock)?;
        diesel::update(views::table.find(self.id))
            .set((
                views::filter.eq(kept.filter),
                views::shown.eq(kept.shown),
                views::sort.eq(kept.sort),
                views::updated_at.eq(clock.stamp()),
            ))
            .execute(conn)?;
        Ok(self.changed(caller, conn, clock)?)
    }

    pub fn delete(&self, caller: &Caller, conn: &mut Conn, clock: &Clock) -> QueryResult<()> {
        let details = json!({ "before": self.told(conn, clock)?, "after": null });
        self.remember("view.delete", caller, &details, conn)?;
        diesel::delete(views::table.find(self.id)).execute(conn).map(drop)
    }

    /// As the audit log tells it.
    fn told(&self, conn: &mut Conn, clock: &Clock) -> QueryResult<Value> {
        let filter = self.filter(conn, clock)?.map_or_else(|_| self.filter.clone(), |filter| filter.text());
        Ok(json!({
            "name": self.name, "private": self.private, "filter": filter, "columns": self.shown, "sort": self.sort,
        }))
    }

    /// Keeps what it was and what it is now.
    fn changed(&self, caller: &Caller, conn: &mut Conn, clock: &Clock) -> QueryResult<()> {
        let now: View = views::table.find(self.id).select(View::as_select()).first(conn)?;
        let (before, after) = (self.told(conn, clock)?, now.told(conn, clock)?);
        if before == after {
            return Ok(());
        }
        self.remember("view.update", caller, &json!({ "before": before, "after": after }), conn)
    }

    fn remember(&self, action: &str, caller: &Caller, details: &Value, conn: &mut Conn) -> QueryResult<()> {
        audit(conn, caller, action, &format!("view {}", self.id), details)
    }

    /// Shared ones and one's own.
    fn seen_by(caller: &Caller) -> Boxed {
        let query = views::table.into_boxed::<Backend>();
        let shared = views::private.eq(false);
        match caller.agent_id {
            Some(id) => query.filter(shared.or(views::agent_id.eq(id).assume_not_null())),
            None => query.filter(shared),
        }
    }

    /// By name, those this person may see.
    pub fn list(caller: &Caller, conn: &mut Conn) -> QueryResult<Vec<View>> {
        View::seen_by(caller).order((views::name_key, views::id)).select(View::as_select()).load(conn)
    }

    /// Every one there is, by name, whoever may see it.
    pub fn every(conn: &mut Conn) -> QueryResult<Vec<View>> {
        views::table.order((views::name_key, views::id)).select(View::as_select()).load(conn)
    }

    pub fn is_seen_by(&self, caller: &Caller) -> bool {
        !self.private || self.is_owned_by(caller)
    }

    /// A private view of somebody else is not there.
    pub fn find(id: i64, caller: &Caller, conn: &mut Conn) -> QueryResult<Option<View>> {
        View::seen_by(caller).filter(views::id.eq(id)).select(View::as_select()).first(conn).optional()
    }

    /// True for whoever made it.
    pub fn is_owned_by(&self, caller: &Caller) -> bool {
        self.agent_id.is_some() && self.agent_id == caller.agent_id
    }

    /// Shared ones with the right to, private ones by their owner.
    pub fn may_change(&self, caller: &Caller) -> bool {
        if self.private { self.is_owned_by(caller) } else { caller.may(Right::ShareSegments) }
    }

    /// What it asks, with the names of today; or why that cannot be read any more.
    pub fn filter(&self, conn: &mut Conn, clock: &Clock) -> QueryResult<Result<Filter, Mistake>> {
        match stored::open(&self.filter, conn)? {
            Ok(rule) => Filter::check(&rule, conn, clock).map(Ok),
            Err(mistake) => Ok(Err(mistake)),
        }
    }

    /// True when a list of this filter, with these columns in this order, is what the view shows.
    pub fn shows(
        &self,
        filter: Option<&Filter>,
        columns: &Columns,
        sort: &Sort,
        conn: &mut Conn,
        clock: &Clock,
    ) -> QueryResult<bool> {
        let own = self.filter(conn, clock)?.ok().map(|own| own.text());
        let (known, _) = Columns::known(&self.shown, &CustomField::all(conn)?);
        Ok(own == filter.map(Filter::text) && known.spell() == columns.spell() && Sort::kept(&self.sort) == *sort)
    }
}

/// No other shared view, or no other private one of this person, has the name.
fn free(name: &str, private: bool, owner: Option<i64>, but: Option<i64>, conn: &mut Conn) -> Result<(), Problem> {
    let mut others = views::table
        .filter(views::name_key.eq(key(name)))
        .filter(views::private.eq(private))
        .filter(views::id.ne(but.unwrap_or(0)))
        .into_boxed::<Backend>();
    if private {
        others = match owner {
            Some(id) => others.filter(views::agent_id.eq(id).assume_not_null()),
            None => others.filter(views::agent_id.is_null()),
        };
    }
    match others.count().get_result::<i64>(conn)? {
        0 => Ok(()),
        _ => Err(Problem::Name(naming::taken(WHAT, Some(name)))),
    }
}
