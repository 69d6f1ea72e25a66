//! The tags there are, as the tag manager lists them: all, or those that want looking after; searched, sorted, a page at a
//! time.

use super::families::Family;
use super::{Tag, names, near, sizes, uses};
use crate::db::Conn;
use crate::db::schema::{tag_aliases as aliases, tags};
use crate::fold::fold;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Tags a page.
pub const ROWS: usize = 200;

/// Which tags are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    All,
    /// In a family, one family after the other.
    Families,
    /// Those whose names are nearly that of another.
    Near,
    /// Nobody carries them.
    Unused,
    /// No segment and no view asks for them.
    Unasked,
    Archived,
}

impl Tab {
    pub const EACH: [Tab; 6] = [Tab::All, Tab::Families, Tab::Near, Tab::Unused, Tab::Unasked, Tab::Archived];

    pub fn key(self) -> &'static str {
        match self {
            Tab::All => "",
            Tab::Families => "families",
            Tab::Near => "near",
            Tab::Unused => "unused",
            Tab::Unasked => "unasked",
            Tab::Archived => "archived",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Tab::All => "All",
            Tab::Families => "Families",
            Tab::Near => "Near-duplicates",
            Tab::Unused => "Unused",
            Tab::Unasked => "In no segment or view",
            Tab::Archived => "Archived",
        }
    }

    pub fn parse(key: &str) -> Tab {
        Tab::EACH.into_iter().find(|tab| tab.key() == key).unwrap_or_default()
    }
}

/// What the list can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Name,
    Customers,
    Created,
}

impl Order {
    pub fn key(self) -> &'static str {
        match self {
            Order::Name => "name",
            Order::Customers => "customers",
            Order::Created => "created",
        }
    }

    pub fn parse(key: &str) -> Order {
        [Order::Customers, Order::Created].into_iter().find(|order| order.key() == key).unwrap_or_default()
    }
}

/// What is asked of the list.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub q: String,
    pub tab: Tab,
    pub order: Order,
    /// Counted from 1.
    pub page: usize,
}

/// A tag as the tag manager lists it.
#[derive(Clone, Debug)]
pub struct Used {
    pub tag: Tag,
    pub created_at: NaiveDateTime,
    pub customers: i64,
    pub family: Option<String>,
    /// The names it had.
    pub formerly: Vec<String>,
    pub segments: usize,
    pub views: usize,
    /// The tag whose name is nearly this one, where that is asked for.
    pub near: Option<Tag>,
}

/// A page of tags.
#[derive(Debug)]
pub struct List {
    pub rows: Vec<Used>,
    /// How many fit, on all pages.
    pub found: usize,
    /// How many there are under each tab, in the order of [`Tab::EACH`]; what takes long to know is known where it is
    /// shown.
    pub tabs: [Option<usize>; 6],
    /// All there are.
    pub all: usize,
    pub page: usize,
}

impl List {
    pub fn load(asked: &Asked, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<List> {
        let all = all(now, conn)?;
        let living: Vec<&Used> = all.iter().filter(|used| used.tag.archived_at.is_none()).collect();
        let near = if asked.tab == Tab::Near { nearly(&living) } else { Vec::new() };
        let in_tab = |tab: Tab, used: &Used| match tab {
            Tab::Archived => used.tag.archived_at.is_some(),
            _ if used.tag.archived_at.is_some() => false,
            Tab::All | Tab::Near => true,
            Tab::Families => used.family.is_some(),
            Tab::Unused => used.customers == 0,
            Tab::Unasked => used.segments + used.views == 0,
        };
        let count = |tab: Tab| match tab {
            Tab::Near => (asked.tab == Tab::Near).then_some(near.len()),
            tab => Some(all.iter().filter(|used| in_tab(tab, used)).count()),
        };
        let tabs = Tab::EACH.map(count);
        let mut rows = match asked.tab {
            Tab::Near => near,
            tab => all.iter().filter(|used| in_tab(tab, used)).cloned().collect(),
        };
        let wanted = fold(&asked.q);
        if !wanted.is_empty() {
            rows.retain(|used| used.has(&wanted));
        }
        match (asked.tab, asked.order) {
            (Tab::Near, _) | (Tab::All | Tab::Unused | Tab::Unasked | Tab::Archived, Order::Name) => {}
            (Tab::Families, Order::Name) => rows.sort_by_cached_key(|used| used.family.as_deref().map(fold)),
            (_, Order::Customers) => rows.sort_by_key(|used| Reverse(used.customers)),
            (_, Order::Created) => rows.sort_by_key(|used| Reverse(used.created_at)),
        }
        let found = rows.len();
        let page = asked.page.clamp(1, found.div_ceil(ROWS).max(1));
        let rows = rows.into_iter().skip((page - 1) * ROWS).take(ROWS).collect();
        Ok(List { rows, found, tabs, all: all.len(), page })
    }

    pub fn pages(&self) -> usize {
        self.found.div_ceil(ROWS).max(1)
    }
}

impl Used {
    fn has(&self, wanted: &str) -> bool {
        let texts = [self.tag.name.as_str(), self.tag.description.as_str()];
        let more = self.formerly.iter().map(String::as_str).chain(self.family.as_deref());
        texts.into_iter().chain(more).any(|text| fold(text).contains(wanted))
    }
}

/// Every tag by name, with how many customers carry it and what asks for it.
fn all(now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Vec<Used>> {
    let (sizes, uses) = (sizes(now, conn)?, uses::counts(conn)?);
    let families: HashMap<i64, String> =
        Family::all(conn)?.into_iter().map(|family| (family.id, family.name)).collect();
    let mut formerly: HashMap<i64, Vec<String>> = HashMap::new();
    let names: Vec<(i64, String)> =
        aliases::table.order(aliases::name_key).select((aliases::tag_id, aliases::name)).load(conn)?;
    for (tag, name) in names {
        formerly.entry(tag).or_default().push(name);
    }
    let all: Vec<(Tag, NaiveDateTime)> =
        tags::table.order((tags::name_folded, tags::id)).select((Tag::as_select(), tags::created_at)).load(conn)?;
    let used = |(tag, created_at): (Tag, NaiveDateTime)| {
        let (segments, views) = uses.get(&tag.id).copied().unwrap_or_default();
        Used {
            customers: sizes.get(&tag.id).copied().unwrap_or(0),
            family: tag.family_id.and_then(|id| families.get(&id).cloned()),
            formerly: formerly.remove(&tag.id).unwrap_or_default(),
            created_at,
            segments,
            views,
            near: None,
            tag,
        }
    };
    Ok(all.into_iter().map(used).collect())
}

/// The lesser used of each two whose names are nearly the same, with the other.
fn nearly(living: &[&Used]) -> Vec<Used> {
    let names: Vec<&str> = living.iter().map(|used| used.tag.name.as_str()).collect();
    let pair = |(one, other): (usize, usize)| {
        let (mut less, mut more) = (living[one], living[other]);
        if less.customers > more.customers {
            (less, more) = (more, less);
        }
        Used { near: Some(more.tag.clone()), ..less.clone() }
    };
    near::pairs(&names).into_iter().map(pair).collect()
}

/// One tag with all that is told about it.
pub fn one(tag: Tag, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Used> {
    let (segments, views) = uses::counts(conn)?.get(&tag.id).copied().unwrap_or_default();
    let family = match tag.family_id {
        Some(id) => Family::by_id(id, conn)?.map(|family| family.name),
        None => None,
    };
    let created_at = tags::table.find(tag.id).select(tags::created_at).first(conn)?;
    let (customers, formerly) = (tag.customers(now, conn)?, names::of(tag.id, conn)?);
    Ok(Used { tag, created_at, customers, family, formerly, segments, views, near: None })
}
