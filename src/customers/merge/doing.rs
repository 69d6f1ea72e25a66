//! The merge itself, in one transaction: of two people who do it at once, one does, and the other is told.

use super::carry::{self, Changed, Kept, Reagreed};
use super::{Choices, Merge, Sides, mailings};
use crate::agents::{Caller, audit};
use crate::bulk::kept;
use crate::custom_fields;
use crate::customers::history::{self, By};
use crate::customers::{Consent, Customer, Problem, touch};
use crate::db::schema::{consents, merges};
use crate::db::{Conn, Trouble, dialect};
use crate::each;
use crate::purchases;
use crate::tags::{Mark, Source};
use crate::workspace::{Clock, Workspace};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::json;

/// What came of it.
pub enum Outcome {
    Merged {
        id: i64,
        called: String,
    },
    /// One of them is another than the page had shown: it is to be looked at again.
    Changed(Box<Sides>),
    /// It cannot be, in a sentence.
    Refused(String),
    /// There is no such customer.
    Missing,
}

/// Both of them, held up to the end of the transaction; or why they cannot be merged.
fn both(keep: i64, with: i64, conn: &mut Conn) -> Result<Result<(Customer, Customer), Outcome>, Trouble> {
    if keep == with {
        return Ok(Err(Outcome::Refused(ITSELF.into())));
    }
    dialect::hold_customers(&[keep, with], conn)?;
    let found = (Customer::find(keep, conn)?, Customer::find(with, conn)?);
    let (Some(hers), Some(other)) = found else {
        let gone = if found.0.is_none() { keep } else { with };
        return Ok(Err(match Merge::of_old(gone, conn)? {
            Some(merge) if [keep, with].contains(&super::now(gone, conn)?) => Outcome::Refused(format!(
                "{} merged these two a moment ago: #{} is part of #{} now.",
                merge.actor, merge.old_id, merge.new_id
            )),
            Some(merge) => Outcome::Refused(format!(
                "{} merged #{} with another customer: she is part of #{} now.",
                merge.actor, merge.old_id, merge.new_id
            )),
            None => Outcome::Missing,
        }));
    };
    if let Some(campaign) = mailings::on_the_way(&[keep, with], conn)? {
        return Ok(Err(Outcome::Refused(format!(
            "A message of the campaign {campaign} is on its way to one of them. Merge them in a minute."
        ))));
    }
    Ok(Ok((hers, other)))
}

pub const ITSELF: &str = "This is one and the same customer: there is nothing to merge.";

/// Merges `with` into `keep`, as it was shown by [`Sides::mark`]. To be called in a write transaction or a savepoint.
pub fn merge(
    keep: i64,
    with: i64,
    choices: &Choices,
    shown: &str,
    caller: &Caller,
    conn: &mut Conn,
) -> Result<Outcome, Trouble> {
    let (hers, other) = match both(keep, with, conn)? {
        Ok(both) => both,
        Err(outcome) => return Ok(outcome),
    };
    let clock = Workspace::load(conn)?.clock();
    let sides = Sides::of(hers, other, choices, &clock, conn)?;
    if sides.mark() != shown {
        return Ok(Outcome::Changed(Box::new(sides)));
    }
    let draft = sides.draft();
    if [&draft.name, &draft.email, &draft.phone, &draft.external_id].into_iter().all(Option::is_none) {
        return Ok(Outcome::Refused(
            "Keep a name, an email, a phone number or an external id: nothing else is left to know her by.".into(),
        ));
    }
    let mark = Mark::of(caller, Source::Profile, clock.stamp());
    let moved = carry::over(with, keep, &mark, conn)?;
    let consents = agree(&sides, conn)?;
    let left = kept::of(&[with], conn)?.pop().ok_or(diesel::result::Error::NotFound)?.1.to_json()?;
    Customer::delete(with, conn)?;
    // What is unique is free now.
    let by = By::of(caller, history::Source::Merge, clock.stamp());
    let after = match sides.hers.customer.update(&draft, &by, conn) {
        Ok(after) => after,
        Err(Problem::Query(error)) => return Err(error.into()),
        Err(problem) => return Ok(Outcome::Refused(problem.to_string())),
    };
    for field in &sides.custom {
        let Some(chosen) = sides.fields.iter().find(|one| one.name == field.name()).filter(|one| one.differs()) else {
            continue;
        };
        // What is stored was clean when it came; a value that does not fit any more is left out.
        let value = chosen.value().and_then(|value| field.clean(value).ok().flatten());
        custom_fields::set(keep, field, value.as_ref(), &by, conn)?;
    }
    purchases::recount(&[keep], conn)?;
    touch(keep, clock.stamp(), conn)?;
    let before = &sides.hers.customer;
    let kept = Kept {
        called: sides.other.called.clone(),
        customer: left,
        fields: sides
            .fields
            .iter()
            .filter(|field| field.value() != field.hers.as_ref())
            .map(|field| Changed {
                field: field.name.clone(),
                before: field.hers.clone(),
                after: field.value().cloned(),
            })
            .collect(),
        consents,
        created_at: (before.created_at, after.created_at),
        last_seen_at: (before.last_seen_at, after.last_seen_at),
        moved,
    };
    let id = keep_it(keep, with, &kept, caller, &clock, conn)?;
    // Which fields, and not what stood in them: the log is no place for what a person may want to have erased.
    let fields: Vec<&str> = kept.fields.iter().map(|changed| changed.field.as_str()).collect();
    let details = json!({ "merged": with, "fields_taken": fields });
    audit(conn, caller, "customer.merge", &format!("customer {keep}"), &details)?;
    Ok(Outcome::Merged { id, called: after.called() })
}

fn keep_it(keep: i64, with: i64, kept: &Kept, caller: &Caller, clock: &Clock, conn: &mut Conn) -> QueryResult<i64> {
    let json = serde_json::to_string(kept).map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
    diesel::insert_into(merges::table)
        .values((
            merges::old_id.eq(with),
            merges::new_id.eq(keep),
            merges::at.eq(clock.stamp()),
            merges::actor.eq(&caller.name),
            merges::kept.eq(json),
        ))
        .returning(merges::id)
        .get_result(conn)
}

/// The stricter of both, with when and from where it is known.
fn agree(sides: &Sides, conn: &mut Conn) -> QueryResult<Vec<Reagreed>> {
    let (keep, mut changed) = (sides.hers.customer.id, Vec::new());
    for agreed in sides.consents.iter().filter(|agreed| agreed.after != agreed.hers) {
        let before = sides.hers.consents.said(agreed.channel);
        changed.push(Reagreed {
            channel: agreed.channel.key().into(),
            before: before.map(|said| (said.consent, said.at, said.source.clone())),
            after: agreed.after,
        });
        let said = sides.other.consents.said(agreed.channel).filter(|said| said.consent == agreed.after);
        let said = said.map(|said| (said.consent, said.at, said.source.clone()));
        write_consent(keep, agreed.channel.key(), said, conn)?;
    }
    Ok(changed)
}

/// Her consent as it was said there and then; nothing is *unknown*.
pub fn write_consent(
    id: i64,
    channel: &str,
    said: Option<(Consent, NaiveDateTime, String)>,
    conn: &mut Conn,
) -> QueryResult<()> {
    let Some((consent, at, source)) = said.filter(|(consent, ..)| *consent != Consent::Unknown) else {
        return diesel::delete(consents::table.find((id, channel))).execute(conn).map(drop);
    };
    let said = (consents::state.eq(consent.key()), consents::changed_at.eq(at), consents::source.eq(source));
    let row = (consents::customer_id.eq(id), consents::channel.eq(channel), said.clone());
    each!(conn, c => diesel::insert_into(consents::table)
        .values(row)
        .on_conflict((consents::customer_id, consents::channel))
        .do_update()
        .set(said)
        .execute(c))
    .map(drop)
}
