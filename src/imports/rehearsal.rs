//! Trying an import out: every line is settled as it would be, against the database as it is, and nothing of it is written
//! there. What the lines before would have done is in a [`Scratch`], so a million of them take no more memory than ten, and
//! nobody waits meanwhile.

use super::lines::readings;
use super::people::{Hand, last_id};
use super::plan::Plan;
use super::run::{self, Ground, Progress, Stopped};
use super::scratch::Scratch;
use super::source::{self, Chunk, Understanding};
use super::{Import, Totals, corrections, store};
use crate::custom_fields::CustomField;
use crate::db::{self, Db, Trouble};
use crate::workspace::Workspace;
use std::path::Path;

/// Tries a file out and gives the totals, counted from what is kept for each line in `at`. `progress` says whether to go
/// on.
pub fn rehearse(
    import: &Import,
    path: &Path,
    at: &Path,
    db: &Db,
    progress: &mut dyn FnMut(Progress) -> Result<bool, Trouble>,
) -> Result<Totals, Stopped> {
    let conn = &mut *db.conn()?;
    let mut scratch = Scratch::make(at).map_err(|error| {
        tracing::error!(%error, "an import cannot be tried out");
        super::shape::Unreadable("There is no room to try it out. The log says why".into())
    })?;
    let plan = &import.plan;
    let here = Workspace::load(conn)?;
    let reader = run::open(path, import)?;
    let fields = imagined(plan, CustomField::all(conn)?);
    let hand = Hand { at: here.clock().stamp(), ..Hand::of(import, &here) };
    let ground = Ground { plan, here: &here, hand: &hand, fields: &fields, last_known: last_id(conn)? };
    let corrected = corrections::of(import, conn)?;
    let understanding = Understanding { plan, readings: readings(plan, &fields), here: &here, corrected };
    let read = std::thread::scope(|scope| {
        let mut read = 0;
        for chunk in source::begin(scope, reader, 0, &understanding) {
            let Chunk { entries, bytes, records } = chunk?;
            let settled = db::snapshot::<_, Trouble>(conn, |conn| {
                Ok(scratch.within(|scratch| {
                    let settled = run::land(&entries, &ground, Some(scratch), conn)?;
                    store::lines(&settled, import.id, &mut scratch.conn)?;
                    Ok(settled.len())
                })?)
            })?;
            debug_assert_eq!(settled, entries.len());
            read = records;
            if !progress(Progress { lines: records, bytes })? {
                return Err(Stopped::Taken);
            }
        }
        Ok(read)
    })?;
    let totals = Totals::recount(import.id, &mut scratch.conn)?;
    if totals.lines() != read {
        return Err(Stopped::Miscounted(format!("{read} lines were read; {totals}")));
    }
    Ok(totals)
}

/// The fields that columns become, those that would be made for it too.
fn imagined(plan: &Plan, known: Vec<CustomField>) -> Vec<Option<CustomField>> {
    let field = |(place, custom): (usize, &super::custom::Custom)| {
        let found = known.iter().find(|field| field.key == custom.key).cloned();
        found.or_else(|| {
            let (key, label) = (custom.key.clone(), custom.label.clone());
            let kind = custom.make?;
            // A number that no field has.
            Some(CustomField { id: -1 - place as i64, key, label, kind, choices: Vec::new(), gone: false })
        })
    };
    plan.custom.iter().enumerate().map(field).collect()
}
