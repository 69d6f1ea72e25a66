//! A line of a customers file against everybody it could mean: exactly one outcome, with what is worth telling about it.

use super::columns::{Field, Kind};
use super::lines::{Fault, Value, Wish};
use super::outcome::{Outcome, Remark, Settled, rejected};
use super::people::{People, State};
use super::plan::{Key, Mode, Plan, Unknown};
use super::run::{Asked, Ground};
use super::scratch::Scratch;
use super::{difference, store, whom};
use crate::customers::{Consent, Draft};
use crate::db::{Conn, dialect};
use crate::fold;
use crate::tags::{Tag, families, names};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::HashMap;

/// The tags that lines name, by the form names are unique by, and the families of all tags.
#[derive(Default)]
pub struct Tags {
    named: HashMap<String, i64>,
    families: HashMap<i64, i64>,
}

impl Tags {
    /// Looks up every name the lines use at once.
    pub fn load(wishes: &[&Wish], plan: &Plan, scratch: Option<&mut Scratch>, conn: &mut Conn) -> QueryResult<Tags> {
        let names = wishes.iter().flat_map(|wish| wish.tags.on.iter().chain(&wish.tags.off)).chain(&plan.tag);
        let mut keys: Vec<String> = names.map(|name| fold::key(name)).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut named: HashMap<String, i64> =
            names::meant(&keys, conn)?.into_iter().map(|(key, tag)| (key, tag.id)).collect();
        if scratch.is_none() {
            families::hold(&named.values().copied().collect::<Vec<_>>(), conn)?;
        }
        if let Some(scratch) = scratch {
            named.extend(scratch.tags(&keys)?);
        }
        Ok(Tags { named, families: families::of_all(conn)? })
    }
    fn get(&self, name: &str) -> Option<i64> {
        self.named.get(&fold::key(name)).copied()
    }
    /// True for another tag of the same family.
    fn excludes(&self, tag: i64, other: i64) -> bool {
        let family = self.families.get(&tag);
        tag != other && family.is_some() && family == self.families.get(&other)
    }
    fn made(&mut self, name: &str, at: NaiveDateTime, world: &mut World<'_>) -> QueryResult<i64> {
        if let Some(id) = self.get(name) {
            return Ok(id);
        }
        let id = match &mut world.scratch {
            Some(scratch) => scratch.make_tag(&fold::key(name), name)?,
            None => Tag::find_or_create(name, world.conn, at)?.0.id,
        };
        self.named.insert(fold::key(name), id);
        Ok(id)
    }
}

/// Where lines are settled: with a scratch, nothing of it happens in the database.
pub struct World<'a> {
    pub conn: &'a mut Conn,
    pub scratch: Option<&'a mut Scratch>,
}

/// Settles the lines of a batch, each as the earlier ones left things, and writes what they came to.
pub fn land(
    lines: &[Asked<'_>],
    ground: &Ground<'_>,
    mut scratch: Option<&mut Scratch>,
    conn: &mut Conn,
) -> QueryResult<Vec<Settled>> {
    let wishes: Vec<&Wish> = lines.iter().map(|line| line.wish).collect();
    let mut people = People::load(ground.hand, &wishes, ground.fields, scratch.as_deref_mut(), conn)?;
    let mut tags = Tags::load(&wishes, ground.plan, scratch.as_deref_mut(), conn)?;
    let mut world = World { conn, scratch };
    let mut settled = Vec::with_capacity(lines.len());
    for line in lines {
        settled.push(settle(line, &mut people, &mut tags, ground, &mut world)?);
    }
    match world.scratch {
        Some(scratch) => scratch.keep(&mut people)?,
        None => {
            dialect::keep_plans(world.conn)?;
            store::people(&mut people, ground, world.conn)?;
        }
    }
    // A new customer has her number only now.
    let number = |(mut settled, person): (Settled, Option<usize>)| {
        settled.customer = person.and_then(|at| people.all[at].id);
        settled
    };
    Ok(settled.into_iter().map(number).collect())
}

/// Whom the line is about. `Err` when it does not say so clearly.
fn whom(wish: &Wish, people: &People, ground: &Ground<'_>) -> Result<Option<usize>, Fault> {
    let find = |key: Key| match key {
        Key::Id => wish.id().and_then(|id| people.with_id(id)),
        key => wish.key(key).and_then(|value| people.with(key, value)),
    };
    let mut hit = whom::found(wish, &ground.plan.match_by, find, |at| people.all[*at].called())?;
    if hit.is_none() && Key::STORED.iter().all(|key| wish.key(*key).is_none()) {
        hit = wish.id().and_then(|id| people.nameless(id, ground.last_known));
    }
    // A key that is not matched by must still not be taken from somebody else.
    if ground.plan.mode != Mode::Tags {
        for key in Key::STORED.into_iter().filter(|key| !ground.plan.match_by.contains(key)) {
            let owner = wish.key(key).and_then(|value| people.with(key, value));
            if let Some(owner) = owner.filter(|owner| Some(*owner) != hit) {
                return Err(Fault {
                    at: wish.place(key.field()).unwrap_or(usize::MAX),
                    reason: format!("This {} belongs to {} already.", key.words(), people.all[owner].called()),
                });
            }
        }
    }
    Ok(hit)
}

/// Settles one line: everything it asks for is done to the people in memory, or nothing is. With her place among them.
fn settle(
    line: &Asked<'_>,
    people: &mut People,
    tags: &mut Tags,
    ground: &Ground<'_>,
    world: &mut World<'_>,
) -> QueryResult<(Settled, Option<usize>)> {
    let (plan, Asked { number, cells, wish }) = (ground.plan, line);
    let hit = match whom(wish, people, ground) {
        Ok(hit) => hit,
        Err(fault) => return Ok((rejected(*number, cells, &[fault], plan), None)),
    };
    let may = if hit.is_some() { plan.mode.updates() } else { plan.mode.creates() };
    if !may {
        return Ok((Settled::plain(*number, Outcome::Skipped), hit));
    }
    if plan.unknown_tags == Unknown::Reject
        && let Some(name) = wish.tags.on.iter().chain(&plan.tag).find(|name| tags.get(name).is_none())
    {
        let at = wish.tags.at.filter(|_| wish.tags.on.contains(name)).unwrap_or(usize::MAX);
        let fault = Fault { at, reason: format!("There is no tag called {name}.") };
        return Ok((rejected(*number, cells, &[fault], plan), None));
    }
    let mut remarks = Vec::new();
    let mut note = |at: Option<usize>, reason: String| remarks.push(Remark::note(cells, at, reason, plan));
    let mut now = hit.map(|at| people.all[at].now.clone()).unwrap_or_default();
    if hit.is_none() {
        now.draft.created_at = Some(ground.hand.at);
    }
    if let Some(earlier) = hit.and_then(|at| people.all[at].line) {
        note(key_place(wish), format!("Same as line {earlier}."));
    }
    if hit.is_none() && Key::STORED.iter().all(|key| wish.key(*key).is_none()) {
        note(None, "Created without external id, email or phone: this line would create her again.".into());
    }
    put_values(wish, &mut now, hit.is_none(), plan, &mut note);
    let Draft { name, email, phone, external_id, .. } = &now.draft;
    if hit.is_none() && [name, email, phone, external_id].into_iter().all(Option::is_none) {
        let reason = "This line names nobody: give a name, an email, a phone or an external id.".into();
        return Ok((rejected(*number, cells, &[Fault { at: usize::MAX, reason }], plan), None));
    }
    put_tags(wish, &mut now, tags, ground, world)?;
    let (outcome, changes, person) = match hit {
        None => (Outcome::Created, Vec::new(), people.add(now, *number)),
        Some(at) => {
            let changes = difference::between(&people.all[at].now, &now, plan);
            people.change(at, now, *number);
            (if changes.is_empty() { Outcome::Unchanged } else { Outcome::Updated }, changes, at)
        }
    };
    Ok((Settled { remarks, changes, ..Settled::plain(*number, outcome) }, Some(person)))
}

/// The column by which a line named somebody, for the report.
fn key_place(wish: &Wish) -> Option<usize> {
    [Key::ExternalId, Key::Email, Key::Phone, Key::Id].iter().find_map(|key| wish.place(key.field()))
}

fn put_values(wish: &Wish, now: &mut State, new: bool, plan: &Plan, note: &mut impl FnMut(Option<usize>, String)) {
    if plan.mode == Mode::Tags {
        return;
    }
    let fill = plan.mode == Mode::FillEmpty && !new;
    for given in &wish.given {
        if let Field::Custom(place) = given.field {
            match &given.value {
                Value::Custom(value) if !fill || !now.custom.contains_key(&place) => {
                    now.custom.insert(place, value.clone());
                }
                Value::Clear if !fill => drop(now.custom.remove(&place)),
                _ => {}
            }
            continue;
        }
        let Some(column) = plan.subject.column(given.field) else { continue };
        match column.kind {
            Kind::Id | Kind::Tags | Kind::Purchase { .. } => {}
            Kind::Text { slot, .. } => {
                let slot = slot(&mut now.draft);
                match &given.value {
                    Value::Text(text) if !fill || slot.is_none() => *slot = Some(text.clone()),
                    Value::Clear if !fill => *slot = None,
                    _ => {}
                }
            }
            Kind::Time { slot, .. } => {
                let slot = slot(&mut now.draft);
                match given.value {
                    Value::Time(at) if !fill || slot.is_none() => *slot = Some(at),
                    Value::Clear if !fill => *slot = None,
                    _ => {}
                }
            }
            Kind::Consent(channel) => {
                let (state, Value::Consent(wanted)) = (now.consent(channel), &given.value) else { continue };
                if *state == *wanted || (fill && *state != Consent::Unknown) {
                    continue;
                }
                if *wanted == Consent::OptedIn && plan.consent_proof.is_none() {
                    note(Some(given.at), "Not opted in: no proof of consent was given.".into());
                } else {
                    *state = *wanted;
                }
            }
        }
    }
}

fn put_tags(
    wish: &Wish,
    now: &mut State,
    tags: &mut Tags,
    ground: &Ground<'_>,
    world: &mut World<'_>,
) -> QueryResult<()> {
    // Filling what is empty never takes anything away.
    let takes = ground.plan.mode != Mode::FillEmpty;
    if wish.tags.all_off && takes {
        now.tags.clear();
    }
    for name in wish.tags.on.iter().chain(&ground.plan.tag) {
        let tag = tags.made(name, ground.hand.at, world)?;
        now.tags.retain(|other| !tags.excludes(tag, *other));
        now.tags.insert(tag);
    }
    for tag in wish.tags.off.iter().filter(|_| takes).filter_map(|name| tags.get(name)) {
        now.tags.remove(&tag);
    }
    Ok(())
}
