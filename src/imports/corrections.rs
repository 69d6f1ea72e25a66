//! What somebody wrote instead of a line that was rejected. Before the import runs it stands in for that line; afterwards
//! that line alone is settled once more.

use super::lines::readings;
use super::outcome::{Outcome, Remark};
use super::people::Hand;
use super::reader::Cells;
use super::run::{Ground, land};
use super::source::Understanding;
use super::{Import, State, store};
use crate::agents::{Caller, audit};
use crate::db::schema::{import_corrections, import_lines, import_remarks};
use crate::db::{Conn, Trouble};
use crate::workspace::{Clock, Workspace};
use diesel::prelude::*;
use std::collections::HashMap;

/// All of one import, by line.
pub fn of(import: &Import, conn: &mut Conn) -> QueryResult<HashMap<i64, Cells>> {
    let rows: Vec<(i64, String)> = import_corrections::table
        .filter(import_corrections::import_id.eq(import.id))
        .select((import_corrections::line, import_corrections::record))
        .load(conn)?;
    let cells = |(line, record): (i64, String)| {
        let record: Vec<String> = serde_json::from_str(&record).unwrap_or_default();
        (line, Cells::from_iter(record))
    };
    Ok(rows.into_iter().map(cells).collect())
}

/// The lines of one import that were corrected.
pub fn count(import: &Import, conn: &mut Conn) -> QueryResult<i64> {
    import_corrections::table.filter(import_corrections::import_id.eq(import.id)).count().get_result(conn)
}

/// Keeps what somebody wrote instead of some lines.
pub fn keep(
    import: &Import,
    lines: &[(i64, Vec<String>)],
    caller: &Caller,
    clock: &Clock,
    conn: &mut Conn,
) -> QueryResult<()> {
    for (line, cells) in lines {
        let record =
            serde_json::to_string(cells).map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
        diesel::delete(import_corrections::table.find((import.id, line))).execute(conn)?;
        diesel::insert_into(import_corrections::table)
            .values((
                import_corrections::import_id.eq(import.id),
                import_corrections::line.eq(line),
                import_corrections::record.eq(record),
                import_corrections::actor.eq(&caller.name),
                import_corrections::at.eq(clock.stamp()),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Settles lines once more that were rejected, as somebody wrote them now; others are left alone. Gives how many landed.
/// To be called inside a write transaction.
pub fn settle(
    import: &Import,
    lines: &[(i64, Vec<String>)],
    caller: &Caller,
    clock: &Clock,
    conn: &mut Conn,
) -> Result<usize, Trouble> {
    if import.state != State::Done && import.state != State::Cancelled {
        return Ok(0);
    }
    let numbers: Vec<i64> = lines.iter().map(|(line, _)| *line).collect();
    let rejected: Vec<i64> = import_lines::table
        .filter(import_lines::import_id.eq(import.id))
        .filter(import_lines::line.eq_any(&numbers))
        .filter(import_lines::outcome.eq(Outcome::Rejected.key()))
        .select(import_lines::line)
        .load(conn)?;
    let wanted: Vec<(i64, Vec<String>)> = lines.iter().filter(|(line, _)| rejected.contains(line)).cloned().collect();
    if wanted.is_empty() {
        return Ok(0);
    }
    keep(import, &wanted, caller, clock, conn)?;
    let (plan, here) = (&import.plan, Workspace::load(conn)?);
    let Ok(fields) = plan.fields(conn)? else { return Ok(0) };
    let hand =
        Hand { actor: caller.name.clone(), agent_id: caller.agent_id, at: clock.stamp(), ..Hand::of(import, &here) };
    let ground = Ground { plan, here: &here, hand: &hand, fields: &fields, last_known: import.last_known };
    let understanding =
        Understanding { plan, readings: readings(plan, &fields), here: &here, corrected: HashMap::new() };
    let entries: Vec<_> = wanted
        .into_iter()
        .map(|(number, cells)| {
            let content = super::reader::Content::Record(Cells::from_iter(cells));
            understanding.of(super::reader::Line { number, content })
        })
        .collect();
    diesel::delete(
        import_lines::table.filter(import_lines::import_id.eq(import.id)).filter(import_lines::line.eq_any(&rejected)),
    )
    .execute(conn)?;
    diesel::delete(
        import_remarks::table
            .filter(import_remarks::import_id.eq(import.id))
            .filter(import_remarks::outcome.eq(Remark::REJECTED))
            .filter(import_remarks::line.eq_any(&rejected)),
    )
    .execute(conn)?;
    let settled = land(&entries, &ground, None, conn)?;
    store::lines(&settled, import.id, conn)?;
    import.recounted(conn)?;
    let landed = settled.iter().filter(|line| line.outcome != Outcome::Rejected).count();
    let details = serde_json::json!({ "file": import.file_name, "lines": rejected, "landed": landed });
    audit(conn, caller, "import.correct", &format!("import {}", import.id), &details)?;
    Ok(landed)
}
