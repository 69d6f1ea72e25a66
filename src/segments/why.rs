//! "Why is she (not) in?": one segment and one customer, and every segment for one customer.

use super::Segment;
use crate::agents::Caller;
use crate::customers::Customer;
use crate::db::schema::{customers, segment_members};
use crate::db::{Conn, Db};
use crate::filters::Filter;
use crate::filters::rule::Join;
use crate::filters::why::{self, Answer};
use crate::fold::fold;
use crate::web::{self, Chrome, Error};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use diesel::prelude::*;
use serde::Deserialize;

/// The most people offered when several fit what was typed.
const MOST: i64 = 20;

/// Each segment this person may see, and whether the customer is in it.
pub fn standing(
    customer_id: i64,
    caller: &Caller,
    conn: &mut Conn,
    clock: &Clock,
) -> QueryResult<Vec<(Segment, bool)>> {
    let segments = Segment::offered(caller, conn)?;
    let filters = Segment::filters(&segments, conn, clock)?;
    let within = filters.iter().map(|filter| is_in(customer_id, filter, conn)).collect::<QueryResult<Vec<_>>>()?;
    Ok(segments.into_iter().zip(within).collect())
}

fn is_in(customer_id: i64, filter: &Filter, conn: &mut Conn) -> QueryResult<bool> {
    let found = customers::table.find(customer_id).filter(filter.predicate()).select(customers::id);
    Ok(found.first::<i64>(conn).optional()?.is_some())
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    customer: Option<i64>,
    /// A name, email, phone, external id or number.
    who: String,
}

#[derive(Template)]
#[template(path = "segments/why.html")]
struct WhyPage {
    chrome: Chrome,
    segment: Segment,
    who: String,
    /// Several fit what was typed.
    offers: Vec<(i64, String, String)>,
    found: Option<Found>,
    /// Nobody fits.
    nobody: bool,
    may_change: bool,
}

struct Found {
    id: i64,
    called: String,
    within: bool,
    /// The tree of a dynamic segment.
    tree: Option<Tree>,
    /// What a fixed list says.
    listed: String,
}

/// A node and what is below it.
#[derive(Template)]
#[template(path = "segments/_tree.html")]
pub struct Tree {
    answer: Answer,
    rows: Vec<Tree>,
}
impl askama::filters::HtmlSafe for Tree {}

impl Tree {
    pub fn of(mut answer: Answer) -> Tree {
        let rows = std::mem::take(&mut answer.rows).into_iter().map(Tree::of).collect();
        Tree { answer, rows }
    }

    fn kind(&self) -> &'static str {
        match self.answer.join {
            Some(Join::Any) => "Any",
            Some(Join::None) => "None",
            _ => "All",
        }
    }

    fn class(&self) -> &'static str {
        match (self.answer.decided, self.answer.holds) {
            (false, _) => "",
            (true, Some(true)) => "decides-yes",
            (true, _) => "decides",
        }
    }
}

/// `GET /segments/{id}/why?customer=7` or `?who=ana`.
pub async fn show(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let Asked { customer, who } = asked.into_inner();
    let page = db
        .read(move |conn| {
            let segment = Segment::find(*id, &caller, conn)?.ok_or(Error::NotFound("segment"))?;
            let clock = Workspace::load(conn)?.clock();
            let fitting = match customer {
                Some(id) => Customer::find(id, conn)?.into_iter().collect(),
                None => fitting(&who, conn)?,
            };
            let nobody = fitting.is_empty() && (customer.is_some() || !who.trim().is_empty());
            let found = match fitting.as_slice() {
                [one] => Some(Found::of(one, &segment, conn, &clock)?),
                _ => None,
            };
            let offers = fitting
                .iter()
                .filter(|_| found.is_none())
                .map(|customer| (customer.id, customer.called(), customer.email.clone().unwrap_or_default()));
            let (offers, may_change) = (offers.collect(), segment.may_change(&caller));
            Ok::<_, Error>(WhyPage { chrome, offers, segment, who, found, nobody, may_change })
        })
        .await?;
    web::show(&page)
}

/// Customers whose name, email, phone, external id or number is, begins with or holds what was typed.
pub(crate) fn fitting(typed: &str, conn: &mut Conn) -> QueryResult<Vec<Customer>> {
    let typed = fold(&typed.replace('\0', ""));
    if typed.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(id) = typed.strip_prefix('#').and_then(|id| id.parse().ok()) {
        return Ok(Customer::find(id, conn)?.into_iter().collect());
    }
    let pattern = format!("%{}%", crate::filters::literal(&typed));
    customers::table
        .filter(
            (customers::name_folded.like(pattern.clone()).escape('\\'))
                .or(customers::email_folded.like(pattern.clone()).escape('\\'))
                .or(customers::phone.like(pattern.clone()).escape('\\'))
                .or(customers::external_id_folded.like(pattern).escape('\\')),
        )
        .order((customers::name_folded, customers::id))
        .limit(MOST)
        .select(Customer::as_select())
        .load(conn)
}

impl Found {
    fn of(customer: &Customer, segment: &Segment, conn: &mut Conn, clock: &Clock) -> QueryResult<Found> {
        let filter = segment.filter(conn, clock)?;
        let within = is_in(customer.id, &filter, conn)?;
        let tree = match segment.is_dynamic() {
            true => why::explain(&filter, customer.id, conn)?.map(Tree::of),
            false => None,
        };
        let added = segment_members::table
            .find((segment.id, customer.id))
            .select(segment_members::added_at)
            .first::<chrono::NaiveDateTime>(conn)
            .optional()?;
        let listed = match added {
            Some(at) => format!("She was added on {}.", clock.show(at)),
            None => "She was not added to this fixed list.".into(),
        };
        Ok(Found { id: customer.id, called: customer.called(), within, tree, listed })
    }
}
