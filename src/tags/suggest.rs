//! What the tag editor offers while somebody types: what she tagged lately and what most customers carry come first.

use super::{Tag, sizes};
use crate::db::Conn;
use crate::db::schema::{taggings, tags};
use crate::fold::{fold, key};
use diesel::prelude::*;
use std::collections::{HashMap, HashSet};

/// As many as fit without scrolling.
const SHOWN: usize = 8;
/// How far back "lately" looks.
const LATELY: i64 = 200;

/// A tag to add.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub tag: Tag,
    /// How many customers carry it.
    pub customers: i64,
    /// The name in three pieces; the middle one is what was typed.
    pub pieces: (String, String, String),
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
}

/// What to offer for `typed`, leaving out the tags the customer carries. `agent_id` says whose habits come first.
pub fn suggest(
    typed: &str,
    customer_id: Option<i64>,
    agent_id: Option<i64>,
    conn: &mut Conn,
) -> QueryResult<Suggestions> {
    let carried: HashSet<i64> = match customer_id {
        Some(id) => taggings::table
            .filter(taggings::customer_id.eq(id))
            .select(taggings::tag_id)
            .load::<i64>(conn)?
            .into_iter()
            .collect(),
        None => HashSet::new(),
    };
    let all: Vec<(Tag, String, String)> =
        tags::table.select((Tag::as_select(), tags::name_folded, tags::name_key)).load(conn)?;
    let sizes = sizes(conn)?;
    let lately = lately(agent_id, conn)?;
    let wanted = fold(typed);
    let mut fitting: Vec<&(Tag, String, String)> =
        all.iter().filter(|(tag, folded, _)| !carried.contains(&tag.id) && folded.contains(&wanted)).collect();
    let size = |tag: &Tag| sizes.get(&tag.id).copied().unwrap_or(0);
    fitting.sort_by_cached_key(|(tag, folded, _)| {
        (
            *folded != wanted,
            !folded.starts_with(&wanted),
            lately.get(&tag.id).copied().unwrap_or(usize::MAX),
            std::cmp::Reverse(size(tag)),
            folded.clone(),
        )
    });
    let offers = fitting
        .into_iter()
        .take(SHOWN)
        .map(|(tag, ..)| Offer { customers: size(tag), pieces: pieces(&tag.name, &wanted), tag: tag.clone() })
        .collect();
    let known = all.iter().any(|(_, _, known)| *known == key(typed));
    if wanted.is_empty() || known {
        return Ok(Suggestions { offers, ..Suggestions::default() });
    }
    match Tag::clean(typed) {
        Err(problem) => Ok(Suggestions { offers, problem: Some(problem), ..Suggestions::default() }),
        Ok(name) => {
            let meant = nearest(&wanted, all.iter().filter(|(tag, ..)| !carried.contains(&tag.id)));
            Ok(Suggestions { offers, create: Some(name), meant, problem: None })
        }
    }
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
fn nearest<'a>(wanted: &str, all: impl Iterator<Item = &'a (Tag, String, String)>) -> Option<Tag> {
    let slips = match wanted.chars().count() {
        0..3 => return None,
        3..8 => 1,
        _ => 2,
    };
    all.map(|(tag, folded, _)| (strsim::damerau_levenshtein(wanted, folded), tag))
        .filter(|(distance, _)| (1..=slips).contains(distance))
        .min_by_key(|(distance, tag)| (*distance, tag.id))
        .map(|(_, tag)| tag.clone())
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
