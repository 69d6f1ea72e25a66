//! Erasing somebody, in one transaction: what is hers goes, what counts her stays without her. Files in the outbox go before
//! it is committed, so that whoever is killed in between leaves none behind; uploaded files after it, when no import
//! refers to them any more.

use super::files::{self, Uploads};
use super::plan::Plan;
use super::traces;
use crate::agents::{Caller, audit};
use crate::campaigns::{self, optout};
use crate::customers::{Channel, Customer};
use crate::db::{Conn, Trouble, dialect};
use crate::workspace::Workspace;
use diesel::prelude::*;
use serde_json::json;
use std::path::Path;

pub enum Outcome {
    Erased(Uploads),
    Refused(String),
    Missing,
}

/// To be called in a write transaction.
pub fn erase(id: i64, outbox: &Path, caller: &Caller, conn: &mut Conn) -> Result<Outcome, Trouble> {
    dialect::erase_for_good(true, conn)?;
    dialect::hold_customers(&[id], conn)?;
    let Some(her) = Customer::find(id, conn)? else { return Ok(Outcome::Missing) };
    let plan = Plan::of(&her, conn)?;
    if let Some(words) = plan.refused {
        return Ok(Outcome::Refused(words));
    }
    stay_away(&her, &plan.opted_out, conn)?;
    traces::of_imports(&plan.lines, &plan.keys, conn)?;
    for import in &plan.uploads.waiting {
        if !import.discard(conn)? {
            return Ok(Outcome::Refused(format!(
                "The import {} has just begun. Erase her once it has ended.",
                import.file_name
            )));
        }
    }
    let letters = files::empty_outbox(outbox, &plan.keys, conn)?;
    traces::of_campaigns(&plan.keys, conn)?;
    traces::of_history(&plan.keys, conn)?;
    // Her conversations, tags, purchases and all other rows of her own go with her.
    Customer::delete(id, conn)?;
    traces::of_log(&plan.keys, conn)?;
    let discarded: Vec<i64> = plan.uploads.waiting.iter().map(|import| import.id).collect();
    let details = json!({
        "numbers": plan.keys.numbers,
        "conversations": plan.conversations,
        "messages": plan.messages,
        "campaigns": plan.campaigns,
        "import_lines": plan.lines.len(),
        "imports_discarded": discarded,
        "letters_in_the_outbox": letters,
        "still_named_in": plan.places.iter().map(|place| &place.link).collect::<Vec<_>>(),
    });
    audit(conn, caller, "customer.erase", &format!("customer {id}"), &details)?;
    dialect::erase_for_good(false, conn)?;
    Ok(Outcome::Erased(plan.uploads))
}

/// Who said no stays away when a file brings her back: the mark of her address is kept, from which nobody learns it.
fn stay_away(her: &Customer, channels: &[Channel], conn: &mut Conn) -> QueryResult<()> {
    let Some(key) = campaigns::key(conn).optional()? else { return Ok(()) };
    let at = Workspace::load(conn)?.clock().stamp();
    for channel in channels {
        let address = match channel {
            Channel::Email => &her.email,
            Channel::Sms | Channel::Whatsapp => &her.phone,
        };
        if let Some(address) = address {
            optout::suppress(&key, *channel, address, optout::Reason::Unsubscribed, None, at, conn)?;
        }
    }
    Ok(())
}
