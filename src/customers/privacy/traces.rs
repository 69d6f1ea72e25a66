//! Where values of hers stand outside her own rows, and taking them out: texts of imports, of the log, of bulk actions. What
//! somebody wrote on purpose — filters, campaigns — is only found, to be told.

use super::keys::{ERASED, Keys};
use crate::db::Conn;
use crate::db::schema::{
    audit_log, bulk_actions, bulk_items, campaign_attempts, campaign_recipients, campaigns, import_changes,
    import_corrections, import_remarks, imports, merges, not_duplicates, segment_moves, segment_versions, segments,
    stored_filters, tags, views,
};
use diesel::prelude::*;
use serde_json::Value;

#[diesel::declare_sql_function]
extern "SQL" {
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// Rows of a table whose column may mention her: `(key, text)`. The database looks roughly, the caller exactly.
macro_rules! mentioning {
    ($type:ty, $table:ident . $column:ident, $key:expr, $keys:expr, $conn:expr) => {{
        let mut found: Vec<($type, String)> = Vec::new();
        for pattern in $keys.patterns() {
            found.extend(
                $table::table
                    .filter(lower($table::$column).like(pattern).escape('\\'))
                    .select(($key, $table::$column))
                    .load::<($type, String)>($conn)?,
            );
        }
        found.sort();
        found.dedup();
        found
    }};
    ($type:ty, $table:ident . $column:ident?, $key:expr, $keys:expr, $conn:expr) => {{
        let mut found: Vec<($type, String)> = Vec::new();
        for pattern in $keys.patterns() {
            found.extend(
                $table::table
                    .filter($table::$column.is_not_null())
                    .filter(lower($table::$column.assume_not_null()).like(pattern).escape('\\'))
                    .select(($key, $table::$column.assume_not_null()))
                    .load::<($type, String)>($conn)?,
            );
        }
        found.sort();
        found.dedup();
        found
    }};
}

/// Takes her values out of one column.
macro_rules! take_out {
    ($type:ty, $table:ident . $column:ident, $key:expr, $keys:expr, $conn:expr) => {
        for (key, text) in mentioning!($type, $table.$column, $key, $keys, $conn) {
            if let Some(clean) = $keys.taken_out(&text) {
                diesel::update($table::table.find(key)).set($table::$column.eq(clean)).execute($conn)?;
            }
        }
    };
    ($type:ty, $table:ident . $column:ident?, $key:expr, $keys:expr, $conn:expr) => {
        for (key, text) in mentioning!($type, $table.$column?, $key, $keys, $conn) {
            if let Some(clean) = $keys.taken_out(&text) {
                diesel::update($table::table.find(key)).set($table::$column.eq(Some(clean))).execute($conn)?;
            }
        }
    };
}

/// What she was sent: who it was and where it went goes, that it was sent stays. Addresses are unique in a campaign, and
/// nothing is no address.
pub fn of_campaigns(keys: &Keys, conn: &mut Conn) -> QueryResult<()> {
    diesel::update(campaign_recipients::table.filter(campaign_recipients::customer_id.eq_any(&keys.numbers)))
        .set((
            campaign_recipients::name.eq(None::<String>),
            campaign_recipients::address.eq(None::<String>),
            campaign_recipients::said.eq(None::<String>),
        ))
        .execute(conn)?;
    let campaigns: Vec<i64> = campaigns::table.select(campaigns::id).load(conn)?;
    let hers = campaign_attempts::table
        .filter(campaign_attempts::campaign_id.eq_any(campaigns))
        .filter(campaign_attempts::customer_id.eq_any(&keys.numbers));
    diesel::update(hers).set(campaign_attempts::said.eq("")).execute(conn).map(drop)
}

/// Every line about her keeps its outcome, so that sums are what they were, and nothing else.
pub fn of_imports(lines: &[(i64, i64)], keys: &Keys, conn: &mut Conn) -> QueryResult<()> {
    for (import, line) in lines {
        diesel::delete(import_changes::table.find((*import, *line))).execute(conn)?;
        let correction = import_corrections::table.find((*import, *line));
        diesel::update(correction).set(import_corrections::record.eq("[]")).execute(conn)?;
        let remarks =
            import_remarks::table.filter(import_remarks::import_id.eq(import)).filter(import_remarks::line.eq(line));
        bare(remarks.select(import_remarks::id).load(conn)?, conn)?;
    }
    // Lines that were rejected belong to nobody, and changes of somebody else may have taken a value from her.
    let mut told = Vec::new();
    told.extend(mentioning!(i64, import_remarks.value, import_remarks::id, keys, conn));
    told.extend(mentioning!(i64, import_remarks.reason, import_remarks::id, keys, conn));
    told.extend(mentioning!(i64, import_remarks.record, import_remarks::id, keys, conn));
    bare(told.into_iter().filter(|(_, text)| keys.mentioned_in(text)).map(|(id, _)| id).collect(), conn)?;
    let corrected = (import_corrections::import_id, import_corrections::line);
    for (place, text) in mentioning!((i64, i64), import_corrections.record, corrected, keys, conn) {
        if keys.mentioned_in(&text) {
            diesel::update(import_corrections::table.find(place))
                .set(import_corrections::record.eq("[]"))
                .execute(conn)?;
        }
    }
    take_out!((i64, i64), import_changes.changes, (import_changes::import_id, import_changes::line), keys, conn);
    take_out!(i64, imports.file_name, imports::id, keys, conn);
    take_out!(i64, imports.plan, imports::id, keys, conn);
    take_out!(i64, imports.message?, imports::id, keys, conn);
    Ok(())
}

/// Remarks that say only that something was there.
fn bare(ids: Vec<i64>, conn: &mut Conn) -> QueryResult<()> {
    for some in ids.chunks(500) {
        diesel::update(import_remarks::table.filter(import_remarks::id.eq_any(some)))
            .set((
                import_remarks::value.eq(""),
                import_remarks::record.eq(""),
                import_remarks::reason.eq("This line was about a person who was erased."),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// What was kept to undo something, pairs, moves between segments.
pub fn of_history(keys: &Keys, conn: &mut Conn) -> QueryResult<()> {
    let actions: Vec<i64> = bulk_actions::table.select(bulk_actions::id).load(conn)?;
    let items = || {
        bulk_items::table
            .filter(bulk_items::action_id.eq_any(actions.clone()))
            .filter(bulk_items::customer_id.eq_any(keys.numbers.clone()))
    };
    diesel::update(items()).set(bulk_items::before.eq(None::<String>)).execute(conn)?;
    diesel::update(items().filter(bulk_items::remark.is_not_null()))
        .set(bulk_items::remark.eq(Some("She was erased.")))
        .execute(conn)?;
    take_out!(i64, bulk_actions.about, bulk_actions::id, keys, conn);
    take_out!(i64, bulk_actions.words, bulk_actions::id, keys, conn);
    take_out!(i64, bulk_actions.details, bulk_actions::id, keys, conn);
    take_out!(i64, tags.description, tags::id, keys, conn);
    diesel::delete(segment_moves::table.filter(segment_moves::customer_id.eq_any(&keys.numbers))).execute(conn)?;
    let hers = merges::new_id.eq_any(&keys.numbers).or(merges::old_id.eq_any(&keys.numbers));
    diesel::update(merges::table.filter(hers)).set(merges::kept.eq(None::<String>)).execute(conn)?;
    let pairs = not_duplicates::one_id.eq_any(&keys.numbers).or(not_duplicates::other_id.eq_any(&keys.numbers));
    diesel::delete(not_duplicates::table.filter(pairs)).execute(conn)?;
    for (key, text) in mentioning!(String, stored_filters.text, stored_filters::key, keys, conn) {
        if keys.mentioned_in(&text) {
            diesel::delete(stored_filters::table.find(key)).execute(conn)?;
        }
    }
    Ok(())
}

/// The log keeps each entry. Of those about her every text goes; of others her values.
pub fn of_log(keys: &Keys, conn: &mut Conn) -> QueryResult<()> {
    let subjects: Vec<String> = keys.numbers.iter().map(|id| format!("customer {id}")).collect();
    let about: Vec<(i64, String)> = audit_log::table
        .filter(audit_log::subject.eq_any(subjects))
        .select((audit_log::id, audit_log::details))
        .load(conn)?;
    for (id, details) in about {
        let mut json: Value = serde_json::from_str(&details).unwrap_or_default();
        silent(&mut json);
        diesel::update(audit_log::table.find(id)).set(audit_log::details.eq(json.to_string())).execute(conn)?;
    }
    take_out!(i64, audit_log.details, audit_log::id, keys, conn);
    take_out!(i64, audit_log.subject, audit_log::id, keys, conn);
    Ok(())
}

/// Every text in it is erased; numbers and answers stay.
fn silent(json: &mut Value) {
    match json {
        Value::String(text) => *text = ERASED.into(),
        Value::Array(all) => all.iter_mut().for_each(silent),
        Value::Object(all) => all.values_mut().for_each(silent),
        _ => {}
    }
}

/// Something somebody wrote that names her: it is theirs to change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub words: String,
    pub link: String,
}

/// Filters and campaigns that name her.
pub fn places(keys: &Keys, conn: &mut Conn) -> QueryResult<Vec<Place>> {
    let mut places = Vec::new();
    let mut note = |found: Vec<(i64, String)>, words: &str, path: &str| {
        places.extend(
            found
                .into_iter()
                .filter(|(_, text)| keys.mentioned_in(text))
                .map(|(id, _)| Place { words: format!("{words} {id}"), link: format!("/{path}/{id}") }),
        );
    };
    note(mentioning!(i64, segments.filter?, segments::id, keys, conn), "Segment", "segments");
    note(mentioning!(i64, segments.name, segments::id, keys, conn), "Segment", "segments");
    note(mentioning!(i64, segments.origin?, segments::id, keys, conn), "Segment", "segments");
    let versions = segment_versions::segment_id;
    note(mentioning!(i64, segment_versions.filter?, versions, keys, conn), "Earlier versions of segment", "segments");
    note(mentioning!(i64, views.filter, views::id, keys, conn), "View", "views");
    note(mentioning!(i64, campaigns.audience, campaigns::id, keys, conn), "Campaign", "campaigns");
    note(mentioning!(i64, campaigns.body, campaigns::id, keys, conn), "Campaign", "campaigns");
    note(mentioning!(i64, campaigns.html, campaigns::id, keys, conn), "Campaign", "campaigns");
    note(mentioning!(i64, campaigns.subject, campaigns::id, keys, conn), "Campaign", "campaigns");
    note(mentioning!(i64, campaigns.receipt?, campaigns::id, keys, conn), "Campaign", "campaigns");
    note(mentioning!(i64, bulk_actions.filter?, bulk_actions::id, keys, conn), "Bulk action", "bulk");
    places.sort();
    places.dedup();
    Ok(places)
}
