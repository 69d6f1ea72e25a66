//! What the tag editor offers while somebody types: what she tagged lately and what most customers carry come first.

use super::taggings::on;
use super::{Tag, lasting, names};
use crate::db::Conn;
use crate::db::schema::{taggings, tags};
use crate::filters::ask::Ask;
use crate::filters::literal;
use crate::filters::sets::Snapshot;
use crate::filters::taggings::Tagged;
use crate::fold::fold;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// As many as fit without scrolling.
const SHOWN: usize = 8;
/// How far back "lately" looks.
const LATELY: i64 = 200;
/// Of so many tags it is looked up how many carry each now; of more a minute ago is good enough to choose a few.
const FEW: usize = 60;

/// A tag to add.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub tag: Tag,
    /// How many customers carry it.
    pub customers: i64,
    /// The name in three pieces; the middle one is what was typed.
    pub pieces: (String, String, String),
    /// What choosing it types.
    pub value: String,
}

/// The options under the editor's input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggestions {
    pub offers: Vec<Offer>,
    /// The name that can be created, when no tag has it.
    pub create: Option<String>,
    /// The tag that was probably meant, when what was typed is nearly its name.
    pub meant: Option<Tag>,
    /// Why what was typed cannot be a tag's name.
    pub problem: Option<String>,
    /// How long it is to stay, as it was typed behind the name.
    pub time: Option<String>,
    /// The first offer begins with what was typed, two letters of it or more: Enter takes it.
    pub begun: bool,
}

impl Suggestions {
    /// What choosing a name types: the name, and how long if that was said.
    pub fn typed(&self, name: &str) -> String {
        typed(name, self.time.as_deref())
    }
}

fn typed(name: &str, time: Option<&str>) -> String {
    time.map_or_else(|| name.to_string(), |time| format!("{name} for {time}"))
}

/// What to offer for `words`, leaving out the tags the customer carries unless they are to stay for another time.
/// `agent_id` says whose habits come first.
pub fn suggest(
    words: &str,
    customer_id: Option<i64>,
    agent_id: Option<i64>,
    now: NaiveDateTime,
    at: &mut Snapshot,
) -> QueryResult<Suggestions> {
    let whole = names::find(words, at)?;
    let (name, time) = if whole.is_some() { (words, None) } else { lasting::split(words) };
    let time = time.map(str::to_string);
    let known = if time.is_some() { names::find(name, at)? } else { whole };
    let carried = match customer_id.filter(|_| time.is_none()) {
        Some(id) => carried(id, now, at)?,
        None => HashSet::new(),
    };
    let wanted = fold(name);
    let mut fitting: Vec<Tag> = called(&wanted, at)?.into_iter().filter(|tag| !carried.contains(&tag.id)).collect();
    // A name it had once leads to it.
    if let Some(tag) = known.as_ref().filter(|tag| !carried.contains(&tag.id)) {
        fitting.retain(|other| other.id != tag.id);
        fitting.push(tag.clone());
    }
    let (lately, exactly) = (lately(agent_id, at)?, known.as_ref().map(|tag| tag.id));
    let first = ranked(fitting, SHOWN, now, at, |tag, size| {
        let folded = fold(&tag.name);
        (
            Some(tag.id) != exactly,
            !folded.starts_with(&wanted),
            lately.get(&tag.id).copied().unwrap_or(usize::MAX),
            Reverse(size),
            folded,
        )
    })?;
    let offer = |(tag, customers): (Tag, i64)| Offer {
        customers,
        pieces: pieces(&tag.name, &wanted),
        value: typed(&tag.name, time.as_deref()),
        tag,
    };
    let offers: Vec<Offer> = first.into_iter().map(offer).collect();
    let begun = wanted.chars().nth(1).is_some()
        && offers
            .first()
            .is_some_and(|offer| Some(offer.tag.id) == exactly || fold(&offer.tag.name).starts_with(&wanted));
    if wanted.is_empty() || known.is_some() {
        return Ok(Suggestions { offers, time, begun, ..Suggestions::default() });
    }
    match Tag::clean(name) {
        Err(problem) => Ok(Suggestions { offers, problem: Some(problem), time, begun, ..Suggestions::default() }),
        Ok(name) => {
            let meant = nearest(&wanted, &carried, at)?;
            Ok(Suggestions { offers, create: Some(name), meant, problem: None, time, begun })
        }
    }
}

/// The most frequent tags whose names have this in them, with how many customers carry each.
pub fn fitting(words: &str, most: usize, now: NaiveDateTime, at: &mut Snapshot) -> QueryResult<Vec<(Tag, i64)>> {
    let fitting = called(&fold(words), at)?;
    ranked(fitting, most, now, at, |tag, size| (Reverse(size), fold(&tag.name)))
}

/// The tags that are offered and have this folded text in their names, by name.
fn called(wanted: &str, conn: &mut Conn) -> QueryResult<Vec<Tag>> {
    if wanted.contains('\0') {
        return Ok(Vec::new());
    }
    tags::table
        .filter(tags::archived_at.is_null())
        .filter(tags::name_folded.like(format!("%{}%", literal(wanted))).escape('\\'))
        .order((tags::name_folded, tags::id))
        .select(Tag::as_select())
        .load(conn)
}

/// The first few in an order that may go by how many carry each, with that number.
fn ranked<K: Ord>(
    mut tags: Vec<Tag>,
    most: usize,
    now: NaiveDateTime,
    at: &mut Snapshot,
    order: impl Fn(&Tag, i64) -> K,
) -> QueryResult<Vec<(Tag, i64)>> {
    if tags.len() > FEW {
        let about = at.sizes_of_tags(now)?;
        tags.sort_by_cached_key(|tag| order(tag, about.get(&tag.id).copied().unwrap_or(0)));
        tags.truncate(most);
    }
    let mut sized = Vec::with_capacity(tags.len());
    for tag in tags {
        let size = at.size(&Ask::tags(Tagged::With(vec![tag.id])), now)?;
        sized.push((tag, size));
    }
    sized.sort_by_cached_key(|(tag, size)| order(tag, *size));
    sized.truncate(most);
    Ok(sized)
}

fn carried(customer: i64, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<HashSet<i64>> {
    let hers = taggings::table.filter(taggings::customer_id.eq(customer)).filter(on(now));
    Ok(hers.select(taggings::tag_id).load::<i64>(conn)?.into_iter().collect())
}

/// The tags this agent used last, the latest first.
fn lately(agent_id: Option<i64>, conn: &mut Conn) -> QueryResult<HashMap<i64, usize>> {
    let Some(agent_id) = agent_id else { return Ok(HashMap::new()) };
    let ids: Vec<i64> = taggings::table
        .filter(taggings::agent_id.eq(agent_id))
        .order(taggings::tagged_at.desc())
        .limit(LATELY)
        .select(taggings::tag_id)
        .load(conn)?;
    let mut places = HashMap::new();
    for id in ids {
        let place = places.len();
        places.entry(id).or_insert(place);
    }
    Ok(places)
}

/// The name that is one slip away (two in a longer one): `VPI` is `VIP`.
fn nearest(wanted: &str, but: &HashSet<i64>, conn: &mut Conn) -> QueryResult<Option<Tag>> {
    let length = wanted.chars().count();
    let slips = match length {
        0..3 => return Ok(None),
        3..8 => 1,
        _ => 2,
    };
    let all: Vec<(i64, String)> =
        tags::table.filter(tags::archived_at.is_null()).select((tags::id, tags::name_folded)).load(conn)?;
    let near = all
        .iter()
        .filter(|(id, folded)| !but.contains(id) && folded.chars().count().abs_diff(length) <= slips)
        .map(|(id, folded)| (strsim::damerau_levenshtein(wanted, folded), *id))
        .filter(|(distance, _)| (1..=slips).contains(distance))
        .min();
    match near {
        Some((_, id)) => Tag::by_id(id, conn),
        None => Ok(None),
    }
}

/// Where in the name the typed letters are, so that they can be underlined.
fn pieces(name: &str, wanted: &str) -> (String, String, String) {
    let whole = || (name.to_string(), String::new(), String::new());
    if wanted.is_empty() {
        return whole();
    }
    // Folding changes lengths, so each way of cutting the name is folded and compared.
    let cuts: Vec<usize> = name.char_indices().map(|(at, _)| at).chain([name.len()]).collect();
    for (index, from) in cuts.iter().enumerate() {
        if let Some(to) = cuts[index + 1..].iter().find(|to| fold(&name[*from..**to]) == wanted) {
            return (name[..*from].to_string(), name[*from..*to].to_string(), name[*to..].to_string());
        }
    }
    whole()
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn what_was_typed_is_marked_in_the_name() {
        let cut = |name: &str, wanted: &str| {
            let (before, mark, after) = pieces(name, wanted);
            format!("{before}[{mark}]{after}")
        };
        assert_eq!(cut("Ultra-2026", "tr"), "Ul[tr]a-2026");
        assert_eq!(cut("São-Paulo", "sao"), "[São]-Paulo");
        assert_eq!(cut("VIP", "x"), "VIP[]");
        assert_eq!(cut("VIP", ""), "VIP[]");
    }
}
