//! The receipt of a campaign as a file: what was settled at its launch, and every member of its audience with what became
//! of her and why. It can be taken along at any moment; its sums are those of that moment.

use super::Campaign;
use super::reach::Why;
use super::recipients::{Recipient, Status, Sums};
use crate::customers::Channel;
use crate::db::Conn;
use crate::imports::cells::guarded;
use crate::web::{stream::Broken, thousands};
use crate::workspace::{Workspace, spell};
use serde_json::{Value, json};
use std::io::Write;

/// Recipients read at a time.
const PIECE: i64 = 1_000;

/// The columns of the CSV file. A spreadsheet has no place beside its rows: what was settled for all stands in each.
const COLUMNS: [&str; 16] = [
    "campaign",
    "version",
    "channel",
    "launched_at",
    "time_zone",
    "filter",
    "customer_id",
    "name",
    "address",
    "status",
    "reason",
    "why",
    "said",
    "attempts",
    "settled_at",
    "unsubscribed_at",
];

/// What was settled at the launch; nothing for one that was not launched.
pub fn settled(campaign: &Campaign) -> Value {
    campaign.receipt.as_deref().and_then(|receipt| serde_json::from_str(receipt).ok()).unwrap_or_default()
}

/// `5 of 6: 1 opted out`: how many of those who were meant were to get it. That was settled at the launch, so nobody has
/// to be counted. `None` for one that was not launched.
pub fn words(campaign: &Campaign) -> Option<String> {
    let receipt = settled(campaign);
    let (members, recipients) = (receipt["members"].as_i64()?, receipt["recipients"].as_i64()?);
    let left: Vec<String> = Why::BEFORE
        .into_iter()
        .filter_map(|why| Some((why, receipt["excluded"][why.key()].as_i64().filter(|count| *count > 0)?)))
        .map(|(why, count)| format!("{} {}", thousands(&count), why.words(campaign.channel())))
        .collect();
    let all = format!("{} of {}", thousands(&recipients), thousands(&members));
    Some(if left.is_empty() { all } else { format!("{all}: {}", left.join(", ")) })
}

/// `{"receipt": …, "state": …, "sums": …, "recipients": […]}`. To be called inside a snapshot.
pub fn write_json(campaign: &Campaign, mut out: impl Write, conn: &mut Conn) -> Result<(), Broken> {
    let sums: serde_json::Map<String, Value> = Sums::of(campaign.id, conn)?
        .statuses()
        .into_iter()
        .map(|(status, count)| (status.key().to_string(), json!(count)))
        .collect();
    let at = spell(Workspace::load(conn)?.clock().stamp());
    write!(
        out,
        "{{\n\"receipt\": {},\n\"as_of\": {},\n\"state\": {},\n\"sums\": {},\n\"recipients\": [",
        settled(campaign),
        json!(at),
        json!(campaign.state().key()),
        Value::Object(sums)
    )?;
    let mut comma = "\n";
    each(campaign.id, None, conn, |one| {
        write!(out, "{comma}{}", told(one, campaign.channel()))?;
        comma = ",\n";
        Ok(())
    })?;
    Ok(out.write_all(b"\n]\n}\n")?)
}

/// A row for each of them, or for those with a status. To be called inside a snapshot.
pub fn write_csv(campaign: &Campaign, status: Option<Status>, out: impl Write, conn: &mut Conn) -> Result<(), Broken> {
    let receipt = settled(campaign);
    let cell = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let same = [
        campaign.name.clone(),
        cell(&receipt["version"]),
        cell(&receipt["channel"]),
        cell(&receipt["now"]),
        cell(&receipt["time_zone"]),
        cell(&receipt["filter"]),
    ];
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(COLUMNS)?;
    each(campaign.id, status, conn, |one| {
        let told = told(one, campaign.channel());
        for text in &same {
            csv.write_field(guarded(text).as_ref())?;
        }
        for column in &COLUMNS[same.len()..] {
            csv.write_field(guarded(&cell(&told[*column])).as_ref())?;
        }
        Ok(csv.write_record(None::<&[u8]>)?)
    })?;
    Ok(csv.flush()?)
}

/// One of them as programs read her.
pub fn told(one: &Recipient, channel: Channel) -> Value {
    json!({
        "customer_id": one.customer_id,
        "name": one.name,
        "address": one.address,
        "status": one.status().key(),
        "reason": one.reason,
        "why": one.words(channel),
        "said": one.said,
        "attempts": one.attempts,
        "settled_at": one.settled_at.map(spell),
        "unsubscribed_at": one.unsubscribed_at.map(spell),
    })
}

/// Looks at everybody in the audience, or at those with a status, one after another: memory does not grow with them.
pub fn each(
    campaign: i64,
    status: Option<Status>,
    conn: &mut Conn,
    mut see: impl FnMut(&Recipient) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let mut after = 0;
    loop {
        let piece = Recipient::list(campaign, status, None, after, PIECE, conn)?;
        piece.iter().try_for_each(&mut see)?;
        match piece.last() {
            Some(last) => after = last.customer_id,
            None => return Ok(()),
        }
    }
}
