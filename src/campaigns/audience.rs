//! Who a campaign is meant for, as one filter: members of segments or whoever fits a filter, less the members of others,
//! less those whom earlier campaigns reached. So an audience is counted, listed and explained like any other filter.

use crate::db::Conn;
use crate::db::schema::segments;
use crate::filters::fields::{Fields, Scope};
use crate::filters::rule::{Condition, Join, Part, Term};
use crate::filters::{Filter, Rule};
use crate::workspace::Clock;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// As it is kept with the campaign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audience {
    /// Whoever is in one of these,
    pub include: Vec<i64>,
    /// or fits this, as JSON with tags by id;
    pub filter: Option<serde_json::Value>,
    /// and is in none of these,
    pub exclude: Vec<i64>,
    /// and got none of these campaigns.
    pub minus: Vec<i64>,
}

impl Audience {
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    pub fn from_json(text: &str) -> Audience {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// Nobody was said yet.
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.filter.is_none()
    }

    /// All of it as one rule.
    pub fn rule(&self, fields: &Fields) -> Rule {
        let named = |id: &i64| Term { text: format!("#{id}"), id: Some(*id) };
        let many = |ids: &[i64]| vec![Part::Many(ids.iter().map(named).collect())];
        let asked = |field: &str, op: &str, parts: Vec<Part>| {
            let field = fields.find(Scope::Customer, field).cloned();
            field.map(|field| Rule::Where(Condition { field, op: op.into(), parts }))
        };
        let mut who = Vec::new();
        if !self.include.is_empty() {
            who.extend(asked("segments", "in_any_of", many(&self.include)));
        }
        // What cannot be read selects nobody: an empty group is a problem of its own.
        who.extend(self.filter.as_ref().map(|filter| Rule::from_json(filter, fields).unwrap_or_default().rooted()));
        let mut rows = match who.len() {
            1 => who,
            _ => vec![Rule::Group(Join::Any, who)],
        };
        if !self.exclude.is_empty() {
            rows.extend(asked("segments", "in_none_of", many(&self.exclude)));
        }
        for campaign in &self.minus {
            rows.extend(asked("campaigns", "was_not_sent", vec![Part::One(Some(named(campaign)))]));
        }
        match rows.as_slice() {
            [Rule::Group(..)] => rows.remove(0),
            _ => Rule::Group(Join::All, rows),
        }
    }

    /// The same, looked at: with problems it selects nobody, and says why.
    pub fn check(&self, conn: &mut Conn, clock: &Clock) -> QueryResult<Filter> {
        let rule = self.rule(&Fields::load(conn)?);
        Filter::check(&rule, conn, clock)
    }

    /// The segments it names, with their versions: the receipt keeps them.
    pub fn segments(&self, conn: &mut Conn) -> QueryResult<Vec<(i64, String, i64)>> {
        let ids: Vec<i64> = self.include.iter().chain(&self.exclude).copied().collect();
        segments::table
            .filter(segments::id.eq_any(ids))
            .order(segments::id)
            .select((segments::id, segments::name, segments::version))
            .load(conn)
    }
}
