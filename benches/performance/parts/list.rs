//! The list of customers in every order, for every filter: the first page, one after a thousand rows, and one a thousand
//! rows before the end.

use crate::bench::Bench;
use crate::measure::Times;
use crate::results::Goal::AtMost;
use crate::results::Part;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use muster::customers::list::COLUMNS;
use serde_json::Value;
use std::time::Instant;

/// Seconds after which no further page is asked for; how many were is told.
const LONG_ENOUGH: f64 = 420.0;

/// Every order: each column that can be sorted by, both ways round, and the one programs page by.
fn orders() -> Vec<String> {
    let keys = COLUMNS.iter().filter(|column| column.by.is_some()).map(|column| column.key);
    let both = keys.flat_map(|key| [key.to_string(), format!("-{key}")]);
    both.chain(["-created_at,-external_id".to_string(), "created_at,external_id".to_string()]).collect()
}

/// The same order the other way round.
fn reversed(order: &str) -> String {
    let turn = |word: &str| word.strip_prefix('-').map_or(format!("-{word}"), str::to_string);
    order.split(',').map(turn).collect::<Vec<_>>().join(",")
}

/// A place in an order, said for the order the other way round. Only a measurement may know how cursors are written.
fn turned(cursor: &str, order: &str) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let mut written: Vec<Value> = serde_json::from_slice(&bytes).ok()?;
    *written.first_mut()? = order.into();
    Some(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_string(&written).ok()?))
}

struct Asked {
    words: String,
    ms: f64,
}

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    part.columns(&["median", "p95", "slowest"]);
    let orders = orders();
    let mut filters: Vec<(String, String)> = vec![("everyone".into(), String::new())];
    filters.extend(bench.filters.iter().map(|filter| (filter.id.clone(), filter.text.clone())));
    let mut pairs: Vec<(usize, usize)> =
        (0..filters.len()).flat_map(|filter| (0..orders.len()).map(move |order| (filter, order))).collect();
    // Should time run out, what was asked is a fair sample.
    fastrand::Rng::with_seed(1).shuffle(&mut pairs);
    for (_, filter) in &filters {
        bench.person.page("/customers", &[("filter", filter)])?;
    }
    let began = Instant::now();
    let (mut all, mut places) = (Vec::new(), [Vec::new(), Vec::new(), Vec::new()]);
    let mut unturned = 0;
    let mut done = 0;
    for (filter, order) in &pairs {
        if done > 30 && began.elapsed().as_secs_f64() > LONG_ENOUGH {
            break;
        }
        done += 1;
        let ((name, filter), order) = (&filters[*filter], &orders[*order]);
        let mut page = |place: usize, cursor: &str| -> anyhow::Result<()> {
            let query = [("filter", filter.as_str()), ("sort", order.as_str()), ("cursor", cursor)];
            let ms = bench.person.page("/customers", &query)?.1;
            let words = format!("{name} by {order}, {}", ["first page", "after 1,000", "1,000 before the end"][place]);
            places[place].push(ms);
            all.push(Asked { words, ms });
            Ok(())
        };
        page(0, "")?;
        if let Some(cursor) = after_a_thousand(bench, filter, order)? {
            page(1, &cursor)?;
        }
        if let Some(cursor) = after_a_thousand(bench, filter, &reversed(order))? {
            match turned(&cursor, order) {
                Some(cursor) => page(2, &cursor)?,
                None => unturned += 1,
            }
        }
    }
    let times = Times::of(all.iter().map(|asked| asked.ms).collect())?;
    for (name, times) in ["first pages", "after 1,000 rows", "1,000 rows before the end"].iter().zip(places) {
        if let Ok(times) = Times::of(times) {
            part.line(*name, vec![times.median().into(), times.p95().into(), times.slowest().into()]);
        }
    }
    all.sort_by(|a, b| b.ms.total_cmp(&a.ms));
    let slowest: Vec<String> = all.iter().take(5).map(|asked| format!("{} {:.0} ms", asked.words, asked.ms)).collect();
    let beside = format!("{} pages of {} orders and filters", times.runs(), pairs.len());
    part.ms(
        "list.median",
        "the list of customers in any order, first and deep pages: median",
        times.median(),
        Some(AtMost(10.0)),
        beside,
    );
    part.ms("list.p95", "the same, p95", times.p95(), Some(AtMost(40.0)), "");
    part.ms("list.slowest", "the same, slowest", times.slowest(), None, "");
    part.note(format!("The five slowest: {}.", slowest.join("; ")));
    if done < pairs.len() {
        part.note(format!("Time ran out: {done} of {} orders and filters were asked, chosen at random.", pairs.len()));
    }
    if unturned > 0 {
        part.note(format!("{unturned} pages near the end were left out: their cursors could not be made."));
    }
    Ok(())
}

/// Where the page begins that comes after a thousand rows, where there are more.
fn after_a_thousand(bench: &Bench, filter: &str, order: &str) -> anyhow::Result<Option<String>> {
    let query = [("filter", filter), ("sort", order), ("limit", "1000")];
    let (told, _) = bench.program.get("/api/v1/customers", &query)?;
    Ok(told["next_cursor"].as_str().map(str::to_string))
}
