//! Conditions on tags, decided by rows of `taggings`. Tags are whole names: `VIP` is not `VIP-old`.

use super::ask::Ask;
use super::asked::Asked;
use super::texts::literal;
use crate::db::schema::{customers, taggings, tags};
use crate::fold::fold;
use diesel::prelude::*;

fn one(id: i64) -> Ask {
    Ask::tags(Box::new(taggings::tag_id.eq(id)))
}

/// Any of the given.
pub fn contains(asked: &Asked) -> Result<Ask, String> {
    let ids = asked.tags(0)?;
    Ok(match ids.as_slice() {
        [id] => one(*id),
        _ => Ask::tags(Box::new(taggings::tag_id.eq_any(ids))),
    })
}

pub fn contains_all(asked: &Asked) -> Result<Ask, String> {
    Ok(Ask::All(asked.tags(0)?.into_iter().map(one).collect()))
}

/// At least one of the given, and nothing else.
pub fn contains_only(asked: &Asked) -> Result<Ask, String> {
    let ids = asked.tags(0)?;
    let others = Ask::tags(Box::new(diesel::dsl::not(taggings::tag_id.eq_any(ids.clone()))));
    Ok(Ask::All(vec![Ask::tags(Box::new(taggings::tag_id.eq_any(ids))), others.negated()]))
}

/// Customers who carry no tag at all.
pub fn none() -> Ask {
    Ask::tags(Box::new(taggings::tag_id.gt(0))).negated()
}

pub fn is_empty(_: &Asked) -> Result<Ask, String> {
    Ok(none())
}

macro_rules! counted {
    ($asked:ident, $compare:ident) => {{
        let carried = taggings::table.filter(taggings::customer_id.eq(customers::id)).count().single_value();
        let n = i64::from($asked.number(0)?);
        Ok(Ask::One(super::ask::Source::Own(Box::new(carried.assume_not_null().$compare(n)))))
    }};
}

pub fn count_eq(asked: &Asked) -> Result<Ask, String> {
    counted!(asked, eq)
}

pub fn count_gte(asked: &Asked) -> Result<Ask, String> {
    counted!(asked, ge)
}

pub fn count_lte(asked: &Asked) -> Result<Ask, String> {
    counted!(asked, le)
}

pub fn any_name_contains(asked: &Asked) -> Result<Ask, String> {
    let pattern = format!("%{}%", literal(&fold(asked.text(0)?)));
    Ok(Ask::tags(Box::new(
        taggings::tag_id.eq_any(tags::table.filter(tags::name_folded.like(pattern).escape('\\')).select(tags::id)),
    )))
}

pub fn tagged_in_the_last(asked: &Asked) -> Result<Ask, String> {
    let id = asked.tag(0)?;
    let range = super::times::until_now(asked)?;
    let (Some(from), Some(before)) = (range.from, range.before) else { return Ok(one(id)) };
    Ok(Ask::tags(Box::new(
        taggings::tag_id.eq(id).and(taggings::tagged_at.ge(from)).and(taggings::tagged_at.lt(before)),
    )))
}

pub fn tagged_by(asked: &Asked) -> Result<Ask, String> {
    let id = asked.tag(0)?;
    // What an agent does, she does on a profile, in a list, in a conversation or in bulk.
    let sources: &[&str] = match asked.word(1) {
        "agent" => &["profile", "list", "conversation", "bulk"],
        "import" => &["import"],
        "campaign" => &["campaign"],
        "API" => &["api"],
        _ => return Err("Say who tagged: agent, import, campaign or API.".into()),
    };
    Ok(Ask::tags(Box::new(taggings::tag_id.eq(id).and(taggings::source.eq_any(sources)))))
}
