//! A hundred thousand customers changed at once, by SQL from outside, while two people look at pages: one with ten
//! conditions, one with 200 segments.

use crate::bench::{Bench, TEN};
use crate::database::Database;
use crate::http::Person;
use crate::measure::Times;
use crate::results::{Cell, Part};
use muster::web::thousands;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A page somebody looked at.
#[derive(Clone, Copy)]
struct Seen {
    asked: Instant,
    ms: f64,
}

/// An edit, from when until when.
struct Edit {
    name: &'static str,
    began: Instant,
    done: Instant,
}

impl Seen {
    /// True when it was being made while an edit was.
    fn meets(&self, edits: &[Edit]) -> bool {
        let answered = self.asked + Duration::from_secs_f64(self.ms / 1000.0);
        edits.iter().any(|edit| self.asked < edit.done && answered > edit.began)
    }
}

type Page = (&'static str, &'static str, &'static str);

const PAGES: [Page; 2] = [("a page with ten conditions", "/customers", TEN), ("/segments with 200", "/segments", "")];

fn look(person: &Person, page: Page) -> anyhow::Result<Seen> {
    let (_, path, filter) = page;
    let query = [("filter", filter)];
    let asked = Instant::now();
    let ms = person.whole_page(path, if filter.is_empty() { &[] } else { &query })?.1;
    Ok(Seen { asked, ms })
}

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    super::segments::make(bench)?;
    let many = 100_000.min(bench.rows / 10).max(1);
    // Spread over all customers; about six in ten of them are without the tag.
    let every = (bench.rows * 6 / 10 / many).max(1);
    let tag = bench.names.tag("Newsletter")?;
    bench.database.execute(&format!(
        "CREATE TEMP TABLE bulk_tag AS SELECT id FROM customers WHERE id % {every} = 0 \
         AND id NOT IN (SELECT customer_id FROM taggings WHERE tag_id = {tag}) LIMIT {many}; \
         CREATE TEMP TABLE bulk_city AS SELECT id, city, city_folded FROM customers WHERE id % {every} = 0 LIMIT {many}"
    ))?;
    let mut quiet = Vec::new();
    for page in PAGES {
        let times = (0..4).map(|_| Ok(look(&bench.person, page)?.ms)).collect::<anyhow::Result<Vec<f64>>>()?;
        quiet.push(Times::of(times[1..].to_vec())?.median());
    }
    let (seen, over) = ([Mutex::new(Vec::new()), Mutex::new(Vec::new())], AtomicBool::new(false));
    let edits = std::thread::scope(|scope| {
        let lookers: Vec<_> = PAGES
            .iter()
            .zip(&seen)
            .map(|(page, seen)| {
                let (person, over) = (bench.person.clone(), &over);
                scope.spawn(move || -> anyhow::Result<()> {
                    while !over.load(Ordering::Relaxed) {
                        let page = look(&person, *page)?;
                        seen.lock().unwrap_or_else(|held| held.into_inner()).push(page);
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    Ok(())
                })
            })
            .collect();
        let edits = edit(&mut bench.database, tag);
        over.store(true, Ordering::Relaxed);
        for looker in lookers {
            looker.join().map_err(|_| anyhow::anyhow!("whoever looked at pages was stopped"))??;
        }
        edits
    })?;
    part.columns(&[
        "nothing changed",
        "during, median",
        "during, slowest",
        "right after, median",
        "right after, slowest",
        "first after the tag",
        "first after the city",
    ]);
    for (((name, ..), seen), quiet) in PAGES.iter().zip(seen).zip(quiet) {
        let seen = seen.into_inner().unwrap_or_else(|held| held.into_inner());
        let (during, after): (Vec<Seen>, Vec<Seen>) = seen.iter().partition(|page| page.meets(&edits));
        let first = |edit: &Edit| {
            seen.iter().find(|page| page.asked >= edit.done).map_or("none came".into(), |page| page.ms.into())
        };
        let mut cells: Vec<Cell> = vec![quiet.into()];
        for pages in [&during, &after] {
            match Times::of(pages.iter().map(|page| page.ms).collect()) {
                Ok(times) => cells.extend([times.median().into(), times.slowest().into()]),
                Err(_) => cells.extend([Cell::from("none came"), "none came".into()]),
            }
        }
        cells.extend([first(&edits[0]), first(&edits[1])]);
        part.line(*name, cells);
        let all = Times::of(seen.iter().map(|page| page.ms).collect())?;
        let key = if name.starts_with('/') { "bulk.segments" } else { "bulk.page" };
        let many = thousands(&(many as i64));
        let what = format!("while {many} customers are changed by SQL, and right after: {name}, slowest");
        let beside = format!("median {:.0} of {}; {quiet:.0} when nothing changes", all.median(), all.runs());
        part.ms(key, &what, all.slowest(), None, beside);
    }
    let told: Vec<String> =
        edits.iter().map(|edit| format!("{} {:.1} s", edit.name, (edit.done - edit.began).as_secs_f64())).collect();
    part.note(format!("The edits took: {}.", told.join(", ")));
    Ok(())
}

/// Tags them, changes their city, and takes both back, with some quiet after each.
fn edit(database: &mut Database, tag: i64) -> anyhow::Result<Vec<Edit>> {
    let statements = [
        ("tag", format!("INSERT INTO taggings (customer_id, tag_id, tagged_at, actor, source) SELECT id, {tag}, '2026-11-01 00:00:00', 'bench', 'bulk' FROM bulk_tag")),
        ("city", "UPDATE customers SET city = 'Elsewhere', city_folded = 'elsewhere' WHERE id IN (SELECT id FROM bulk_city)".to_string()),
        ("city back", "UPDATE customers SET city = was.city, city_folded = was.city_folded FROM bulk_city AS was WHERE was.id = customers.id".to_string()),
        ("tag back", format!("DELETE FROM taggings WHERE tag_id = {tag} AND customer_id IN (SELECT id FROM bulk_tag)")),
    ];
    let mut edits = Vec::new();
    for (name, statement) in statements {
        std::thread::sleep(Duration::from_secs(1));
        let began = Instant::now();
        database.execute(&statement)?;
        edits.push(Edit { name, began, done: Instant::now() });
        std::thread::sleep(Duration::from_secs(4));
    }
    database.execute("DROP TABLE bulk_tag; DROP TABLE bulk_city")?;
    Ok(edits)
}
