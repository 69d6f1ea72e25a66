//! What asks for a segment: other segments, at any depth, and views. They change with it.

use super::Segment;
use super::pins::{self, Pin};
use crate::agents::Caller;
use crate::db::Conn;
use crate::filters::fields::Fields;
use crate::filters::sets::Snapshot;
use crate::filters::{Filter, Instead, Rule};
use crate::views::View;
use crate::workspace::Clock;
use diesel::QueryResult;
use std::collections::HashSet;

/// One of them, and what a change of the segment does to it.
pub struct Follower {
    /// `segment` or `view`.
    pub kind: &'static str,
    pub name: String,
    pub link: String,
    pub before: Size,
    pub after: Size,
    /// Pinned examples of it that would not hold any more.
    pub failing: Vec<Pin>,
}

/// How many are in something, or why nobody is.
#[derive(Clone, Debug, PartialEq)]
pub enum Size {
    Of(i64),
    Nobody(String),
}

impl Size {
    pub fn of(filter: &Filter, at: &mut Snapshot) -> QueryResult<Size> {
        match filter.problems().first() {
            Some(problem) => Ok(Size::Nobody(problem.words.clone())),
            None => at.count(filter).map(Size::Of),
        }
    }

    pub fn words(&self) -> String {
        match self {
            Size::Of(size) => crate::web::thousands(size),
            Size::Nobody(_) => "nobody".into(),
        }
    }
}

impl Follower {
    /// Why nobody would be in it any more, where that is new.
    pub fn breaks(&self) -> Option<&str> {
        match (&self.before, &self.after) {
            (Size::Of(_), Size::Nobody(why)) => Some(why),
            _ => None,
        }
    }

    pub fn changes(&self) -> bool {
        self.before != self.after
    }
}

/// All that follow, and how many more do of which this person may not know.
#[derive(Default)]
pub struct Followers {
    pub known: Vec<Follower>,
    pub hidden: usize,
}

/// Something that asks a filter of its own.
struct Asker {
    kind: &'static str,
    name: String,
    link: String,
    rule: Rule,
    /// The segment it is, if it is one.
    of: Option<i64>,
    shown: bool,
}

impl Followers {
    /// Who follows a segment, with their sizes before and after a change of it.
    pub fn of(
        segment: &Segment,
        instead: &Instead,
        caller: &Caller,
        at: &mut Snapshot,
        clock: &Clock,
    ) -> QueryResult<Followers> {
        let askers = askers(segment.id, caller, at, clock)?;
        let mut followers =
            Followers { hidden: askers.iter().filter(|asker| !asker.shown).count(), ..Default::default() };
        let shown: Vec<Asker> = askers.into_iter().filter(|asker| asker.shown).collect();
        let pinned = pins::pinned(at)?;
        let rules = || shown.iter().map(|asker| (asker.rule.clone(), asker.of)).collect::<Vec<_>>();
        let before = Filter::check_each(rules(), at, clock)?;
        let after = Filter::check_each_if(rules(), Some(instead), at, clock)?;
        for ((asker, before), after) in shown.into_iter().zip(&before).zip(&after) {
            let Asker { kind, name, link, of, .. } = asker;
            let failing = match of.filter(|id| pinned.contains(id)) {
                Some(id) => pins::newly_failing(id, before, after, at)?,
                None => Vec::new(),
            };
            let (before, after) = (Size::of(before, at)?, Size::of(after, at)?);
            followers.known.push(Follower { kind, name, link, before, after, failing });
        }
        Ok(followers)
    }
}

/// What asks for a segment, itself or by way of others.
fn askers(id: i64, caller: &Caller, conn: &mut Conn, clock: &Clock) -> QueryResult<Vec<Asker>> {
    let all = Segment::every(conn)?;
    let filters = Segment::filters(&all, conn, clock)?;
    let mut within = HashSet::from([id]);
    let mut found = Vec::new();
    // Each round goes one deeper; whoever was found is not looked at again, so a circle ends.
    loop {
        let next: Vec<usize> = (0..all.len())
            .filter(|place| !within.contains(&all[*place].id))
            .filter(|place| filters[*place].segments().iter().any(|named| within.contains(named)))
            .collect();
        if next.is_empty() {
            break;
        }
        for place in next {
            within.insert(all[place].id);
            found.push(place);
        }
    }
    let segments = found.into_iter().map(|place| {
        let segment = &all[place];
        Asker {
            kind: "segment",
            name: segment.name.clone(),
            link: format!("/segments/{}", segment.id),
            rule: filters[place].rule().clone(),
            of: Some(segment.id),
            shown: segment.is_seen_by(caller),
        }
    });
    let mut askers: Vec<Asker> = segments.collect();
    askers.extend(views(&within, caller, conn, clock)?);
    Ok(askers)
}

/// The views that ask for one of these segments.
fn views(within: &HashSet<i64>, caller: &Caller, conn: &mut Conn, clock: &Clock) -> QueryResult<Vec<Asker>> {
    let fields = Fields::load(conn)?;
    let (views, rules): (Vec<View>, Vec<_>) = View::every(conn)?
        .into_iter()
        .filter_map(|view| Rule::read(&view.filter, &fields).ok().map(|rule| (view, (rule, None))))
        .unzip();
    let filters = Filter::check_each(rules, conn, clock)?;
    let asking = views
        .into_iter()
        .zip(filters)
        .filter(|(_, filter)| filter.segments().iter().any(|named| within.contains(named)));
    let asker = |(view, filter): (View, Filter)| Asker {
        kind: "view",
        link: format!("/views/{}", view.id),
        rule: filter.rule().clone(),
        of: None,
        shown: view.is_seen_by(caller),
        name: view.name,
    };
    Ok(asking.map(asker).collect())
}
