//! Pinned examples: customers who must be in a segment, or out of it, whatever is changed. Each save looks at them.

use super::pages::{changeable, pairs, value};
use super::why::{Tree, fitting};
use super::{Problem, Segment};
use crate::agents::Caller;
use crate::customers::Customer;
use crate::db::schema::{customers, segment_pins};
use crate::db::{Conn, Db};
use crate::each;
use crate::filters::{Filter, why};
use crate::web::{self, Error, flash, see_other};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use diesel::prelude::*;
use std::collections::HashSet;

/// The most a segment may have: each is asked at every save.
const MOST: i64 = 100;

/// One example, and whether it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    pub customer_id: i64,
    pub called: String,
    /// She must be in; otherwise out.
    pub inside: bool,
    pub actor: String,
    pub holds: bool,
}

impl Pin {
    /// `Bo must be out`
    pub fn words(&self) -> String {
        format!("{} must be {}", self.called, if self.inside { "in" } else { "out" })
    }

    /// `Bo is in`
    pub fn fact(&self) -> String {
        format!("{} is {}", self.called, if self.inside == self.holds { "in" } else { "out" })
    }
}

/// The examples of a segment by name, beside what a filter says of them now.
pub fn all(segment_id: i64, filter: &Filter, conn: &mut Conn) -> QueryResult<Vec<Pin>> {
    let rows: Vec<(Customer, bool, String)> = segment_pins::table
        .inner_join(customers::table.on(customers::id.eq(segment_pins::customer_id)))
        .filter(segment_pins::segment_id.eq(segment_id))
        .order((customers::name_folded, customers::id))
        .select((Customer::as_select(), segment_pins::inside, segment_pins::actor))
        .load(conn)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rows.iter().map(|(customer, ..)| customer.id).collect();
    let within: HashSet<i64> = filter.ask().among(ids, filter.clock().stamp(), conn)?.into_iter().collect();
    let pin = |(customer, inside, actor): (Customer, bool, String)| Pin {
        customer_id: customer.id,
        called: customer.called(),
        inside,
        actor,
        holds: within.contains(&customer.id) == inside,
    };
    Ok(rows.into_iter().map(pin).collect())
}

/// The examples that do not hold, as the segment is now: whoever is about to use it may want to know.
pub fn failing(segment: &Segment, conn: &mut Conn, clock: &Clock) -> QueryResult<Vec<Pin>> {
    let filter = segment.filter(conn, clock)?;
    failing_if(segment.id, &filter, conn)
}

/// The same if the segment asked this.
pub fn failing_if(segment_id: i64, filter: &Filter, conn: &mut Conn) -> QueryResult<Vec<Pin>> {
    let mut pins = all(segment_id, filter, conn)?;
    pins.retain(|pin| !pin.holds);
    Ok(pins)
}

/// The segments that have examples.
pub fn pinned(conn: &mut Conn) -> QueryResult<HashSet<i64>> {
    let ids: Vec<i64> = segment_pins::table.select(segment_pins::segment_id).distinct().load(conn)?;
    Ok(ids.into_iter().collect())
}

/// The examples that hold before a change and not after it.
pub fn newly_failing(segment_id: i64, before: &Filter, after: &Filter, conn: &mut Conn) -> QueryResult<Vec<Pin>> {
    let failed: HashSet<i64> = failing_if(segment_id, before, conn)?.iter().map(|pin| pin.customer_id).collect();
    let mut failing = failing_if(segment_id, after, conn)?;
    failing.retain(|pin| !failed.contains(&pin.customer_id));
    Ok(failing)
}

/// An example that would not hold, and why.
pub struct Failure {
    pub pin: Pin,
    pub tree: Option<Tree>,
}

impl Failure {
    pub fn of(pin: Pin, filter: &Filter, conn: &mut Conn) -> QueryResult<Failure> {
        let tree = match filter.rule().is_empty() {
            true => None,
            false => why::explain(filter, pin.customer_id, conn)?.map(Tree::of),
        };
        Ok(Failure { pin, tree })
    }
}

/// Pins somebody, or turns the pin round.
pub fn set(
    segment: &Segment,
    customer_id: i64,
    inside: bool,
    caller: &Caller,
    conn: &mut Conn,
    clock: &Clock,
) -> Result<(), Problem> {
    let others = segment_pins::table
        .filter(segment_pins::segment_id.eq(segment.id))
        .filter(segment_pins::customer_id.ne(customer_id));
    if others.count().get_result::<i64>(conn)? >= MOST {
        return Err(Problem::Pins(format!("A segment may have {MOST} pinned examples. Unpin one first.")));
    }
    let row = (
        segment_pins::segment_id.eq(segment.id),
        segment_pins::customer_id.eq(customer_id),
        segment_pins::inside.eq(inside),
        segment_pins::actor.eq(caller.name.clone()),
        segment_pins::created_at.eq(clock.stamp()),
    );
    each!(conn, c => diesel::insert_into(segment_pins::table)
        .values(&row)
        .on_conflict((segment_pins::segment_id, segment_pins::customer_id))
        .do_update()
        .set((segment_pins::inside.eq(inside), segment_pins::actor.eq(&caller.name)))
        .execute(c))?;
    Ok(())
}

/// `POST /segments/{id}/pins`: from the segment's page by what was typed, from the why page by number.
pub async fn create(db: Data<Db>, caller: Caller, id: Path<i64>, body: String) -> Result<HttpResponse, Error> {
    let form = pairs(&body);
    let inside = match value(&form, "must") {
        "in" => true,
        "out" => false,
        _ => return Err(Error::Unprocessable("Say whether she must be in or out.".into())),
    };
    let who = value(&form, "who").to_string();
    let by_number = value(&form, "customer").parse::<i64>().ok();
    let id = *id;
    let asked = who.clone();
    let pinned = db
        .write(move |conn| {
            let segment = changeable(id, &caller, conn)?;
            let fitting = match by_number {
                Some(id) => Customer::find(id, conn)?.into_iter().collect(),
                None => fitting(&asked, conn)?,
            };
            let [customer] = fitting.as_slice() else { return Ok(None) };
            let clock = Workspace::load(conn)?.clock();
            match set(&segment, customer.id, inside, &caller, conn, &clock) {
                Ok(()) => Ok(Some(customer.called())),
                Err(Problem::Failed(error)) => Err(error.into()),
                Err(problem) => Err(Error::Unprocessable(problem.to_string())),
            }
        })
        .await?;
    let must = if inside { "in" } else { "out" };
    Ok(match pinned {
        Some(called) => {
            flash(see_other(&format!("/segments/{id}#pins")), &format!("{called} is pinned: must be {must}."))
        }
        // Nobody or several: the page that finds people goes on with what was typed.
        None => see_other(&web::address(&format!("/segments/{id}/why"), &[("who", &who), ("pin", must)])),
    })
}

/// `POST /segments/{id}/pins/{customer}/remove`
pub async fn destroy(db: Data<Db>, caller: Caller, place: Path<(i64, i64)>) -> Result<HttpResponse, Error> {
    let (id, customer_id) = place.into_inner();
    db.write(move |conn| {
        let segment = changeable(id, &caller, conn)?;
        diesel::delete(segment_pins::table.find((segment.id, customer_id))).execute(conn)?;
        Ok::<_, Error>(())
    })
    .await?;
    Ok(flash(see_other(&format!("/segments/{id}#pins")), "The example is not pinned any more."))
}
