//! Why a customer is, or is not, who a filter asks for: its tree with her own value beside each condition, and the
//! conditions that decided.

use super::Filter;
use super::campaigns;
use super::conversations;
use super::fields::types::{CAMPAIGNS, CONSENT, CONVERSATIONS, EVERYONE, MONEY, PURCHASES, SEGMENTS, TAGS};
use super::fields::{Field, Place};
use super::rule::{Condition, Join, Part, Rule};
use super::sentence::{self, Bit};
use crate::customers::clean::{country_name, language_name};
use crate::customers::{Channel, Consents, Customer};
use crate::db::Conn;
use crate::db::schema::customers;
use crate::decimal;
use crate::{custom_fields, tags};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

/// A node of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How a group joins its rows; `None` for a condition.
    pub join: Option<Join>,
    /// A condition in words.
    pub words: Vec<Bit>,
    /// What she has there.
    pub value: String,
    /// `None` where the condition cannot be asked.
    pub holds: Option<bool>,
    /// The answer to the whole question is what it is because of this condition.
    pub decided: bool,
    pub rows: Vec<Answer>,
}

impl Answer {
    /// What decides, below a node that does: where one row is enough, the first such row; otherwise all of them.
    fn decide(&mut self) {
        let Some(join) = self.join else {
            self.decided = true;
            return;
        };
        let enough = match (join, self.holds) {
            // A row that cannot be asked decides for everybody: nobody is selected.
            (_, None) => None,
            (Join::All, Some(false)) => Some(false),
            (Join::Any, Some(true)) | (Join::None, Some(false)) => Some(true),
            _ => return self.rows.iter_mut().for_each(Answer::decide),
        };
        if let Some(row) = self.rows.iter_mut().find(|row| row.holds == enough) {
            row.decide();
        }
    }
}

/// The whole answer for one customer; `None` when there is no such customer.
pub fn explain(filter: &Filter, customer_id: i64, conn: &mut Conn) -> QueryResult<Option<Answer>> {
    let Some(customer) = Customer::find(customer_id, conn)? else { return Ok(None) };
    let facts = Facts {
        consents: Consents::of(customer_id, conn)?,
        tags: tags::of_customer(customer_id, filter.clock().stamp(), conn)?
            .into_iter()
            .map(|tagging| tagging.tag.name)
            .collect(),
        custom: custom_fields::of_customers(&[customer_id], conn)?.remove(&customer_id).unwrap_or_default(),
        customer,
    };
    let mut answer = Asking { filter, facts, conn }.node(filter.rule())?;
    answer.decide();
    Ok(Some(answer))
}

/// What is known about her.
struct Facts {
    customer: Customer,
    consents: Consents,
    tags: Vec<String>,
    custom: HashMap<i64, String>,
}

struct Asking<'a> {
    filter: &'a Filter,
    facts: Facts,
    conn: &'a mut Conn,
}

impl Asking<'_> {
    fn node(&mut self, rule: &Rule) -> QueryResult<Answer> {
        match rule {
            Rule::Group(join, rows) => {
                let rows = rows.iter().map(|row| self.node(row)).collect::<QueryResult<Vec<_>>>()?;
                let each: Option<Vec<bool>> = rows.iter().map(|row| row.holds).collect();
                let holds = each.filter(|each| !each.is_empty()).map(|each| match join {
                    Join::All => !each.contains(&false),
                    Join::Any => each.contains(&true),
                    Join::None => !each.contains(&true),
                });
                Ok(Answer { join: Some(*join), words: Vec::new(), value: String::new(), holds, decided: false, rows })
            }
            Rule::Where(condition) => Ok(Answer {
                join: None,
                words: sentence::bits(&Rule::Where(condition.clone())),
                value: self.value(condition)?,
                holds: self.holds(condition)?,
                decided: false,
                rows: Vec::new(),
            }),
        }
    }

    fn holds(&mut self, condition: &Condition) -> QueryResult<Option<bool>> {
        let Ok(ask) = self.filter.ground().ask(condition) else { return Ok(None) };
        self.is(ask.predicate(self.filter.clock().stamp())).map(Some)
    }

    fn is(&mut self, who: super::Predicate) -> QueryResult<bool> {
        let found = customers::table.find(self.facts.customer.id).filter(who).select(customers::id);
        Ok(found.first::<i64>(self.conn).optional()?.is_some())
    }

    fn value(&mut self, condition: &Condition) -> QueryResult<String> {
        if condition.field.is(SEGMENTS) {
            return self.segments(condition);
        }
        if condition.field.is(CONVERSATIONS) {
            return conversations::told(self.facts.customer.id, self.filter.clock(), self.conn);
        }
        if condition.field.is(CAMPAIGNS) {
            return campaigns::told(self.facts.customer.id, condition, self.conn);
        }
        let own = self.own(&condition.field);
        if !condition.field.is(PURCHASES) || self.facts.customer.purchase_count == 0 {
            return Ok(own);
        }
        let any = Condition { op: "any_where".into(), ..condition.clone() };
        Ok(match self.holds(&any)? {
            Some(true) => format!("{own}, at least one like that"),
            Some(false) => format!("{own}, none like that"),
            None => own,
        })
    }

    /// Of the segments that are named, those she is in.
    fn segments(&mut self, condition: &Condition) -> QueryResult<String> {
        let Some(Part::Many(terms)) = condition.parts.first() else { return Ok(String::new()) };
        let mut within = Vec::new();
        for term in terms {
            let one =
                Condition { op: "in_any_of".into(), parts: vec![Part::Many(vec![term.clone()])], ..condition.clone() };
            if self.holds(&one)? == Some(true) {
                within.push(term.text.clone());
            }
        }
        Ok(if within.is_empty() { "in none of them".into() } else { format!("in {}", within.join(", ")) })
    }

    fn own(&self, field: &Field) -> String {
        let Facts { customer, consents, tags, custom } = &self.facts;
        let known = self.filter.known();
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
        let time = |at: Option<NaiveDateTime>| at.map_or_else(|| "never".into(), |at| self.filter.clock().show(at));
        let many = |n: i64| if n == 1 { "1 purchase".into() } else { format!("{n} purchases") };
        match (field.key.as_str(), field.place) {
            (_, Place::Custom(id)) => custom.get(&id).cloned().unwrap_or_else(|| "nothing".into()),
            (_, Place::Channel(channel)) if field.is(CONSENT) => {
                let said = Channel::parse(channel).map(|channel| consents.get(channel)).unwrap_or_default();
                said.words().to_lowercase()
            }
            _ if field.is(TAGS) && tags.is_empty() => "no tags".into(),
            _ if field.is(TAGS) => tags.join(", "),
            _ if field.is(PURCHASES) => many(customer.purchase_count),
            _ if field.is(EVERYONE) => String::new(),
            _ if field.is(MONEY) => {
                format!("{} {}", decimal::spell(customer.total_spent, known.decimals), known.currency)
            }
            ("name", _) => text(&customer.name),
            ("email", _) => text(&customer.email),
            ("phone", _) => text(&customer.phone),
            ("external_id", _) => text(&customer.external_id),
            ("country", _) => text(&customer.country.as_deref().map(country_name)),
            ("city", _) => text(&customer.city),
            ("language", _) => text(&customer.language.as_deref().map(language_name)),
            ("purchase_count", _) => customer.purchase_count.to_string(),
            ("created_at", _) => time(Some(customer.created_at)),
            ("updated_at", _) => time(Some(customer.updated_at)),
            ("last_seen_at", _) => time(customer.last_seen_at),
            ("first_purchase_at", _) => time(customer.first_purchase_at),
            ("last_purchase_at", _) => time(customer.last_purchase_at),
            _ => String::new(),
        }
    }
}
