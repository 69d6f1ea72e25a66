//! What a checked filter asks of the database. Each condition is decided by one table and held as data ([`Source`]);
//! everything else is yes/no algebra over those ([`Ask`]), so a negative is always the exact complement of its positive
//! and a customer with three tags is still one customer.
//!
//! A source is defined once, as one expression on the table that decides, and asked in three forms: of one row of
//! `customers` ([`Source::row`], for lists, exports and whatever changes customers), for the ids of all who fit, or of
//! those who fit among a few ([`Source::ids`], to fill the sets of [`sets`](super::sets) and to patch them). It also says
//! what it reads, so that a set of its answers can be kept true.

use super::Predicate;
use super::campaigns::Reached;
use super::consents::Said;
use super::conversations::Talk;
use super::fields::Column;
use super::purchases::Bought;
use super::rule::Join;
use super::taggings::Tagged;
use super::wanted::Wanted;
use crate::db::Conn;
use crate::db::nodes::{Among, Gathered, GatheredFrom, Has, On, gathered};
use crate::db::schema::{
    campaign_recipients, consents, conversations, custom_values, customers, purchases, segment_members, taggings,
};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::Bool;

/// Whose rows decide: the customer's own row, or at least one row of a child table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// There is such a customer.
    Anyone,
    Own(Column<customers::table>, Wanted),
    Tags(Tagged),
    /// At least so many tags.
    Carrying(u32),
    Consents(Said),
    /// A static segment has her.
    Members(i64),
    /// What became of a message to her. The rows outlive her, so an id may be nobody's.
    Campaigns(Reached),
    /// A conversation of hers is so.
    Conversations(Talk),
    /// Of a custom field.
    Values(i64, Wanted),
    /// One purchase is all of this.
    Purchases(Ask<Bought>),
}

impl Source {
    /// The question asked of one row of `customers`. An expression on a row is never NULL: each says what a missing
    /// value answers. `now` is where ends stand that move.
    pub fn row(&self, now: NaiveDateTime) -> Predicate {
        match self {
            Source::Anyone => Box::new(true.into_sql::<Bool>()),
            Source::Own(column, wanted) => wanted.on(*column, now),
            Source::Tags(tagged) => Box::new(Has { table: "taggings", condition: tagged.on(now), least: 1 }),
            Source::Carrying(least) => {
                Box::new(Has { table: "taggings", condition: Tagged::AtAll.on(now), least: *least })
            }
            Source::Consents(said) => Box::new(Has { table: "consents", condition: said.on(), least: 1 }),
            Source::Members(id) => Box::new(Has { table: "segment_members", condition: member(*id), least: 1 }),
            Source::Campaigns(reached) => {
                Box::new(Has { table: "campaign_recipients", condition: reached.on(), least: 1 })
            }
            Source::Conversations(talk) => Box::new(Has { table: "conversations", condition: talk.on(now), least: 1 }),
            Source::Values(field, wanted) => {
                Box::new(Has { table: "custom_values", condition: wanted.custom(*field, now), least: 1 })
            }
            Source::Purchases(bought) => {
                Box::new(Has { table: "purchases", condition: bought.expression(&|one| one.on(now)), least: 1 })
            }
        }
    }

    /// The ids of everybody it is true for, or of those among a few; in no order, and some may come twice.
    pub fn ids(&self, among: Option<Vec<i64>>, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Vec<i64>> {
        macro_rules! rows {
            ($table:ident . $column:ident, $condition:expr) => {{
                let column = concat!(stringify!($table), ".", stringify!($column));
                let condition: On<$table::table> = $condition;
                let condition: On<$table::table> = match among {
                    Some(ids) => Box::new(condition.and(Among { column, ids })),
                    None => condition,
                };
                (column, $table::table.filter(condition))
            }};
        }
        let read = |bytes| gathered(bytes).collect();
        macro_rules! gathered {
            ($table:ident . $column:ident, $condition:expr) => {{
                let (column, rows) = rows!($table.$column, $condition);
                rows.select(Gathered(column)).get_result(conn).map(read)
            }};
        }
        match self {
            Source::Anyone => gathered!(customers.id, self.row(now)),
            Source::Own(column, wanted) => gathered!(customers.id, wanted.on(*column, now)),
            Source::Tags(tagged) => gathered!(taggings.customer_id, tagged.on(now)),
            Source::Carrying(least) => {
                let groups = rows!(taggings.customer_id, Tagged::AtAll.on(now))
                    .1
                    .group_by(taggings::customer_id)
                    .having(diesel::dsl::count_star().ge(i64::from(*least)))
                    .select(taggings::customer_id);
                GatheredFrom { gathered: Gathered("customer_id"), rows: groups }.get_result(conn).map(read)
            }
            Source::Consents(said) => gathered!(consents.customer_id, said.on()),
            Source::Members(id) => gathered!(segment_members.customer_id, member(*id)),
            Source::Campaigns(reached) => gathered!(campaign_recipients.customer_id, reached.on()),
            Source::Conversations(talk) => gathered!(conversations.customer_id, talk.on(now)),
            Source::Values(field, wanted) => gathered!(custom_values.customer_id, wanted.custom(*field, now)),
            Source::Purchases(bought) => {
                gathered!(purchases.customer_id, bought.expression(&|one| one.on(now)))
            }
        }
    }

    /// Who may answer differently at two moments with nothing written in between: those with an instant that an end has
    /// passed. `None` where no end moves.
    pub fn passed(&self, from: NaiveDateTime, to: NaiveDateTime) -> Option<Source> {
        let (from, to) = (from.min(to), from.max(to));
        match self {
            Source::Own(column, wanted) => Some(Source::Own(*column, wanted.passed(from, to)?)),
            Source::Tags(tagged) => Some(Source::Tags(tagged.passed(from, to))),
            Source::Carrying(_) => Some(Source::Tags(Tagged::AtAll.passed(from, to))),
            Source::Conversations(talk) => Some(Source::Conversations(talk.passed(from, to)?)),
            Source::Purchases(bought) => {
                let mut passed = Vec::new();
                bought.each(&mut |one| passed.extend(one.passed(from, to).map(Ask::One)));
                (!passed.is_empty()).then_some(Source::Purchases(Ask::Any(passed)))
            }
            Source::Anyone | Source::Consents(_) | Source::Members(_) | Source::Campaigns(_) | Source::Values(..) => {
                None
            }
        }
    }
}

fn member(segment: i64) -> On<segment_members::table> {
    Box::new(segment_members::segment_id.eq(segment))
}

/// Yes/no algebra over sources, or over the conditions on one row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ask<S = Source> {
    Everyone,
    Nobody,
    One(S),
    Not(Box<Ask<S>>),
    All(Vec<Ask<S>>),
    Any(Vec<Ask<S>>),
}

impl Ask {
    pub fn tags(tagged: Tagged) -> Ask {
        Ask::One(Source::Tags(tagged))
    }

    /// Who of a few it is true for.
    pub fn among(&self, few: Vec<i64>, now: NaiveDateTime, conn: &mut Conn) -> QueryResult<Vec<i64>> {
        let these = Among { column: "customers.id", ids: few };
        customers::table.filter(these).filter(self.predicate(now)).select(customers::id).load(conn)
    }

    /// One SQL expression over `customers`, true or false for every row.
    pub fn predicate(&self, now: NaiveDateTime) -> Predicate {
        self.expression(&|source| source.row(now))
    }
}

impl<S> Ask<S> {
    /// The rows of a group as its kind joins them.
    pub fn joined(join: Join, asks: Vec<Ask<S>>) -> Ask<S> {
        match join {
            Join::All => Ask::All(asks),
            Join::Any => Ask::Any(asks),
            Join::None => Ask::Any(asks).negated(),
        }
    }

    pub fn negated(self) -> Ask<S> {
        match self {
            Ask::Everyone => Ask::Nobody,
            Ask::Nobody => Ask::Everyone,
            Ask::Not(inner) => *inner,
            ask => Ask::Not(Box::new(ask)),
        }
    }

    /// Every condition in it, in order.
    pub fn each<'a>(&'a self, see: &mut impl FnMut(&'a S)) {
        match self {
            Ask::Everyone | Ask::Nobody => {}
            Ask::One(source) => see(source),
            Ask::Not(inner) => inner.each(see),
            Ask::All(asks) | Ask::Any(asks) => asks.iter().for_each(|ask| ask.each(see)),
        }
    }

    /// One SQL expression over a table, given what each condition is on it.
    pub fn expression<T: 'static>(&self, of: &impl Fn(&S) -> On<T>) -> On<T> {
        match self {
            Ask::Everyone => Box::new(true.into_sql::<Bool>()),
            Ask::Nobody => Box::new(false.into_sql::<Bool>()),
            Ask::One(source) => of(source),
            Ask::Not(inner) => Box::new(diesel::dsl::not(inner.expression(of))),
            Ask::All(asks) => all(asks.iter().map(|ask| ask.expression(of)).collect()),
            Ask::Any(asks) => any(asks.iter().map(|ask| ask.expression(of)).collect()),
        }
    }
}

/// True where each is; without any, everywhere.
pub fn all<T: 'static>(conditions: Vec<On<T>>) -> On<T> {
    halved(conditions, &|left, right| Box::new(left.and(right))).unwrap_or_else(|| Box::new(true.into_sql::<Bool>()))
}

/// True where at least one is; without any, nowhere.
pub fn any<T: 'static>(conditions: Vec<On<T>>) -> On<T> {
    halved(conditions, &|left, right| Box::new(left.or(right))).unwrap_or_else(|| Box::new(false.into_sql::<Bool>()))
}

/// Joins a list as a balanced tree: SQLite refuses expressions that are a thousand deep, and a list may be as long.
fn halved<T: 'static>(mut conditions: Vec<On<T>>, join: &impl Fn(On<T>, On<T>) -> On<T>) -> Option<On<T>> {
    match conditions.len() {
        0 | 1 => conditions.pop(),
        many => {
            let right = halved(conditions.split_off(many / 2), join)?;
            Some(join(halved(conditions, join)?, right))
        }
    }
}
