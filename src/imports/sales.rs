//! A line of a purchases file: finds whose it is and adds the purchase, or says why not. Nothing that is there already is
//! changed.

use super::columns::Field;
use super::lines::{Fault, Value, Wish};
use super::outcome::{Outcome, Remark, Settled, rejected};
use super::people::CHUNK;
use super::plan::Key;
use super::run::{Asked, Ground};
use super::scratch::Scratch;
use super::whom;
use crate::db::schema::customers;
use crate::db::{Conn, dialect};
use crate::purchases::{self, Bought};
use diesel::prelude::*;
use std::collections::HashMap;

/// Settles the lines of a batch and writes the purchases; the sums of those who bought are recounted once.
pub fn land(
    lines: &[Asked<'_>],
    ground: &Ground<'_>,
    mut scratch: Option<&mut Scratch>,
    conn: &mut Conn,
) -> QueryResult<Vec<Settled>> {
    let buyers = Buyers::load(lines, &ground.plan.match_by, conn)?;
    let external_ids: Vec<&str> = lines.iter().filter_map(|line| line.wish.text(Field::PurchaseId)).collect();
    let mut known = purchases::owners(&external_ids, conn)?;
    if let Some(scratch) = &mut scratch {
        known.extend(scratch.purchases(&external_ids)?);
    }
    let mut new = Vec::new();
    let mut settled = Vec::with_capacity(lines.len());
    for line in lines {
        let Asked { number, cells, wish } = line;
        let (customer, bought) = match whose(wish, &buyers, ground).and_then(|who| Ok((who, bought(wish, ground)?))) {
            Ok(understood) => understood,
            Err(fault) => {
                settled.push(rejected(*number, cells, &[fault], ground.plan));
                continue;
            }
        };
        let owner = bought.external_id.as_ref().and_then(|id| known.get(id)).copied();
        let (outcome, remarks) = match owner {
            None => (Outcome::Created, Vec::new()),
            Some(owner) if owner == customer => (Outcome::Unchanged, Vec::new()),
            Some(owner) => {
                let at = wish.place(Field::PurchaseId);
                let reason = format!("Known already, as a purchase of #{owner}; this line says #{customer}.");
                (Outcome::Unchanged, vec![Remark::note(cells, at, reason, ground.plan)])
            }
        };
        if outcome == Outcome::Created {
            known.extend(bought.external_id.clone().map(|id| (id, customer)));
            new.push((customer, bought));
        }
        settled.push(Settled { customer: Some(customer), remarks, ..Settled::plain(*number, outcome) });
    }
    match scratch {
        None => {
            dialect::keep_plans(conn)?;
            purchases::record_all(&new, Some(ground.hand.import), conn)?;
        }
        Some(scratch) => {
            for (customer, bought) in &new {
                if let Some(id) = &bought.external_id {
                    scratch.make_purchase(id, *customer)?;
                }
            }
        }
    }
    Ok(settled)
}

/// Whose the line is. A purchase of nobody is none.
fn whose(wish: &Wish, buyers: &Buyers, ground: &Ground<'_>) -> Result<i64, Fault> {
    let keys = &ground.plan.match_by;
    let found = whom::found(wish, keys, |key| buyers.with(key, wish), |id| format!("#{id}"))?;
    found.ok_or_else(|| {
        let said = keys.iter().find_map(|key| Some((key, wish.key(*key)?)));
        match said {
            Some((key, value)) => Fault {
                at: wish.place(key.field()).unwrap_or(usize::MAX),
                reason: format!("There is no customer with the {} {value}.", key.words()),
            },
            None => {
                let words: Vec<&str> = keys.iter().map(|key| key.words()).collect();
                Fault { at: usize::MAX, reason: format!("It does not say whose it is, by {}.", words.join(" or ")) }
            }
        }
    })
}

fn bought(wish: &Wish, ground: &Ground<'_>) -> Result<Bought, Fault> {
    let missing = |field: Field| Fault {
        at: ground.plan.columns.iter().position(|column| *column == Some(field)).unwrap_or(usize::MAX),
        reason: format!("{} is missing.", ground.plan.words(field)),
    };
    let Some(Value::Amount(amount)) = wish.value(Field::Amount) else { return Err(missing(Field::Amount)) };
    let Some(Value::Time(at)) = wish.value(Field::PurchasedAt) else { return Err(missing(Field::PurchasedAt)) };
    let text = |field| wish.text(field).map(str::to_string);
    Ok(Bought {
        external_id: text(Field::PurchaseId),
        product: text(Field::Product),
        amount: *amount,
        currency: text(Field::Currency).unwrap_or_else(|| ground.here.currency.clone()),
        at: *at,
    })
}

/// The customers that lines name, by their keys.
#[derive(Default)]
struct Buyers {
    by_key: HashMap<(Key, String), i64>,
    by_id: Vec<i64>,
}

impl Buyers {
    fn load(lines: &[Asked<'_>], keys: &[Key], conn: &mut Conn) -> QueryResult<Buyers> {
        let mut buyers = Buyers::default();
        for key in keys {
            let mut values: Vec<&str> = lines.iter().filter_map(|line| line.wish.key(*key)).collect();
            values.sort_unstable();
            values.dedup();
            for some in values.chunks(CHUNK) {
                type Found = Vec<(i64, Option<String>)>;
                let asked = customers::table;
                let found: Found = match key {
                    Key::Id => Vec::new(),
                    Key::ExternalId => (asked.filter(customers::external_id.eq_any(some)))
                        .select((customers::id, customers::external_id))
                        .load(conn)?,
                    Key::Email => asked
                        .filter(customers::email.eq_any(some))
                        .select((customers::id, customers::email))
                        .load(conn)?,
                    Key::Phone => asked
                        .filter(customers::phone.eq_any(some))
                        .select((customers::id, customers::phone))
                        .load(conn)?,
                };
                buyers.by_key.extend(found.into_iter().filter_map(|(id, value)| Some(((*key, value?), id))));
            }
        }
        let ids: Vec<i64> = lines.iter().filter_map(|line| line.wish.id()).collect();
        for some in ids.chunks(CHUNK) {
            let found = customers::table.filter(customers::id.eq_any(some)).select(customers::id);
            buyers.by_id.extend(found.load::<i64>(conn)?);
        }
        buyers.by_id.sort_unstable();
        Ok(buyers)
    }

    fn with(&self, key: Key, wish: &Wish) -> Option<i64> {
        match key {
            Key::Id => wish.id().filter(|id| self.by_id.binary_search(id).is_ok()),
            key => self.by_key.get(&(key, wish.key(key)?.to_string())).copied(),
        }
    }
}
