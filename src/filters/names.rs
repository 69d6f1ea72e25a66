//! Looks up the names in a rule. Afterwards each tag, segment and campaign carries its id and the name it has now, or no id if it
//! is gone.

use super::Known;
use super::campaigns;
use super::conversations;
use super::fields::{self, Fields};
use super::operators::{Input, Operator, Piece};
use super::rule::{Condition, Rule, Term};
use super::segments;
use crate::db::Conn;
use crate::db::schema::tags;
use crate::fold::{fold, key};
use crate::workspace::Workspace;
use diesel::prelude::*;
use std::collections::HashMap;

/// What the value in a hole is.
fn input(condition: &Condition, hole: usize) -> Option<Input> {
    match Operator::find(&condition.field, &condition.op)?.holes().nth(hole)? {
        Piece::One(_, input) | Piece::Many(input) => Some(*input),
        _ => None,
    }
}

/// `#12` stands for a tag, segment or campaign that has no name any more.
pub fn numbered(text: &str) -> Option<i64> {
    text.trim().strip_prefix('#')?.parse().ok()
}

/// The names and ids of one kind that a rule mentions.
#[derive(Default)]
pub struct Looks {
    pub keys: Vec<String>,
    pub ids: Vec<i64>,
}

impl Looks {
    pub fn at(rules: &mut [Rule], kind: Input) -> Looks {
        let mut looks = Looks::default();
        rules.iter_mut().for_each(|rule| looks.and(rule, kind));
        looks
    }

    /// What another rule mentions, too.
    pub fn and(&mut self, rule: &mut Rule, kind: Input) {
        rule.each_term_mut(&mut |condition, hole, term| {
            if input(condition, hole) == Some(kind) {
                self.keys.extend(Some(key(&term.text)).filter(|key| !key.is_empty() && term.id.is_none()));
                self.ids.extend(term.id.or_else(|| numbered(&term.text)));
            }
        });
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.ids.is_empty()
    }
}

/// Looks up everything that rules name, and what is behind the segments they name: so many questions, however many rules
/// there are.
pub fn resolve(rules: &mut [Rule], instead: Option<&segments::Instead>, conn: &mut Conn) -> QueryResult<Known> {
    let fields = Fields::load(conn)?;
    // What a field offers, and whether it is still there, may have changed since a rule was read.
    for rule in rules.iter_mut() {
        rule.each_condition_mut(&mut |condition| {
            if let Some(field) = fields.find(condition.field.scope(), &condition.field.key) {
                condition.field = field.clone();
            }
        });
    }
    let mut segments = segments::behind(rules, &fields, instead, conn)?;
    let mut looks = Looks::at(rules, Input::Tag);
    segments.values_mut().filter_map(segments::Named::rule_mut).for_each(|rule| looks.and(rule, Input::Tag));
    let tags = Tags::load(&looks, conn)?;
    let mut looks = Looks::at(rules, Input::Campaign);
    segments.values_mut().filter_map(segments::Named::rule_mut).for_each(|rule| looks.and(rule, Input::Campaign));
    let campaigns = campaigns::named(&looks, conn)?;
    let mut looks = Looks::at(rules, Input::Agent);
    segments.values_mut().filter_map(segments::Named::rule_mut).for_each(|rule| looks.and(rule, Input::Agent));
    let agents = conversations::named(&looks, conn)?;
    let names = segments.clone();
    let behind = segments.values_mut().filter_map(segments::Named::rule_mut);
    for rule in rules.iter_mut().chain(behind) {
        tags.name(rule);
        rule.each_term_mut(&mut |condition, hole, term| match input(condition, hole) {
            Some(Input::Segment) => segments::name(term, &names),
            Some(Input::Campaign) => campaigns.name(term),
            Some(Input::Agent) => agents.name(term),
            _ => {}
        });
    }
    let nearest = nearest(rules, conn)?;
    let workspace = Workspace::load(conn)?;
    Ok(Known { segments, fields, nearest, decimals: workspace.decimals(), currency: workspace.currency })
}

/// The tags that were probably meant by names that are not there: those that begin alike, or differ by a slip.
fn nearest(rules: &mut [Rule], conn: &mut Conn) -> QueryResult<HashMap<String, String>> {
    let mut unknown = Vec::new();
    for rule in rules {
        rule.each_term_mut(&mut |condition, hole, term| {
            if input(condition, hole) == Some(Input::Tag) && term.id.is_none() && !term.text.trim().is_empty() {
                unknown.push(term.text.clone());
            }
        });
    }
    let mut found = HashMap::new();
    if unknown.is_empty() {
        return Ok(found);
    }
    let offered = tags::table.filter(tags::archived_at.is_null()).order(tags::name_folded);
    let names: Vec<String> = offered.select(tags::name).load(conn)?;
    for typed in unknown {
        let begins = names.iter().find(|name| fold(name).starts_with(&fold(&typed)));
        let near = begins.map(String::as_str).or_else(|| fields::nearest(&typed, names.iter().map(String::as_str)));
        found.extend(near.map(|near| (typed, near.to_string())));
    }
    Ok(found)
}

/// Things whose names may be shared, as a filter names them: the first of a name has it alone, the others are told by their
/// number, `Autumn #5`.
#[derive(Default)]
pub struct Named {
    order: Vec<i64>,
    by_id: HashMap<i64, String>,
    by_key: HashMap<String, i64>,
}

impl Named {
    pub fn of(rows: Vec<(i64, String)>) -> Named {
        let mut found = Named::default();
        for (id, name) in rows {
            let free = |name: &String| !key(name).is_empty() && !found.by_key.contains_key(&key(name));
            // A name that looks like a number would be read as one.
            let alone = Some(name.clone()).filter(|name| numbered(name).is_none()).filter(free);
            let with_number = || Some(format!("{} #{id}", name.trim())).filter(free);
            let name = alone.or_else(with_number).unwrap_or_else(|| format!("#{id}"));
            found.by_key.entry(key(&name)).or_insert(id);
            found.by_id.insert(id, name);
            found.order.push(id);
        }
        found
    }

    /// The names, in the order of the rows.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.order.iter().filter_map(|id| self.called(*id))
    }

    pub fn called(&self, id: i64) -> Option<&str> {
        self.by_id.get(&id).map(String::as_str)
    }

    /// Names a term as it is called now, or leaves it without an id.
    pub fn name(&self, term: &mut Term) {
        if term.id.is_none() && term.text.trim().is_empty() {
            return;
        }
        let named = || self.by_key.get(&key(&term.text)).copied();
        let meant = term.id.or_else(|| named().or_else(|| numbered(&term.text)));
        *term = match (meant.and_then(|id| Some((id, self.called(id)?))), term.id) {
            (Some((id, name)), _) => Term { text: name.to_string(), id: Some(id) },
            (None, Some(id)) => Term::text(format!("#{id}")),
            (None, None) => term.clone(),
        };
    }
}

/// The tags that were mentioned.
struct Tags {
    by_id: HashMap<i64, String>,
    by_key: HashMap<String, i64>,
}

impl Tags {
    fn load(looks: &Looks, conn: &mut Conn) -> QueryResult<Tags> {
        let mut found = Tags { by_id: HashMap::new(), by_key: HashMap::new() };
        if looks.is_empty() {
            return Ok(found);
        }
        let by_id: Vec<(i64, String)> =
            tags::table.filter(tags::id.eq_any(&looks.ids)).select((tags::id, tags::name)).load(conn)?;
        found.by_id.extend(by_id);
        for (key, tag) in crate::tags::names::meant(&looks.keys, conn)? {
            found.by_id.insert(tag.id, tag.name);
            found.by_key.insert(key, tag.id);
        }
        Ok(found)
    }

    fn name(&self, rule: &mut Rule) {
        rule.each_term_mut(&mut |condition, hole, term| {
            if input(condition, hole) != Some(Input::Tag) || (term.id.is_none() && term.text.trim().is_empty()) {
                return;
            }
            // An id says which tag was meant whatever it is called now; a name is looked up as a name first.
            let meant = match term.id {
                Some(id) => Some(id),
                None => self.by_key.get(&key(&term.text)).copied().or_else(|| numbered(&term.text)),
            };
            *term = match (meant.and_then(|id| Some((id, self.by_id.get(&id)?))), term.id) {
                (Some((id, name)), _) => Term { text: name.clone(), id: Some(id) },
                (None, Some(id)) => Term::text(format!("#{id}")),
                (None, None) => term.clone(),
            };
        });
    }
}
