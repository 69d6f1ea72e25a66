//! The page of segments with 200 live counts.

use crate::bench::Bench;
use crate::measure::Patience;
use crate::results::Goal::AtMost;
use crate::results::Part;
use serde_json::json;

const MANY: usize = 200;

/// A dynamic segment of three to five conditions, the same each time for the same number.
fn filter(n: usize) -> String {
    let pick = |from: &[&str], step: usize| from[(n * step + n / 7) % from.len()].to_string();
    let tags =
        ["VIP", "Newsletter", "Lapsed", "Wholesale", "Interest-Boots", "Interest-Hats", "Returns-Often", "Complaint"];
    let tag = format!("Topic-{:03}", 41 + n % 17);
    let conditions = [
        format!("tags contains {}", pick(&tags, 1)),
        format!("country is any of ({}, {})", pick(&["SE", "DE", "US"], 1), pick(&["GB", "NO", "DK", "FI"], 3)),
        format!("custom.points >= {}", 100 * (n % 40)),
        ["email_consent is opted in", "not (email_consent is unknown)", "custom.plan is not pro"][n % 3].to_string(),
        format!("total_spent >= {}", 25 * (n % 12) + 10),
        format!("tags does not contain {tag}"),
        format!("last_purchase_at in the last {} days", 30 + 30 * (n % 20)),
        format!("created_at after 20{:02}-0{}-01", 18 + n % 8, 1 + n % 9),
        format!("city is {}", pick(&["Stockholm", "Berlin", "Hamburg", "London", "Bergen", "Aarhus"], 1)),
    ];
    let many = 3 + n % 3;
    let chosen: Vec<&str> = (0..many).map(|k| conditions[(n + 2 * k) % conditions.len()].as_str()).collect();
    chosen.join(if n % 4 == 3 { " or " } else { " and " })
}

/// Makes those of the 200 that are not there.
pub fn make(bench: &mut Bench) -> anyhow::Result<()> {
    for n in 0..MANY {
        let name = format!("Audience {n:03}");
        if !bench.names.has_segment(&name) {
            let wish = json!({ "name": name, "kind": "dynamic", "filter": filter(n) });
            bench.program.post("/api/v1/segments", &wish)?;
        }
    }
    remember(bench)?;
    bench.know_names()
}

/// Gives each segment a size for each of the last ninety days: its row draws them.
fn remember(bench: &mut Bench) -> anyhow::Result<()> {
    let today = chrono::Utc::now().date_naive();
    let days = (1..90).filter_map(|back| today.checked_sub_days(chrono::Days::new(back)));
    let put = |day: chrono::NaiveDate| {
        let size = format!("1000 + (id * 37 + {} * 11) % 500", day.to_epoch_days());
        format!(
            "INSERT INTO segment_sizes (segment_id, day, size) SELECT id, '{day}', {size} FROM segments WHERE true ON CONFLICT DO NOTHING"
        )
    };
    let statements: Vec<String> = days.map(put).collect();
    bench.database.execute(&format!("BEGIN; {}; COMMIT", statements.join("; ")))?;
    Ok(())
}

pub fn measure(bench: &mut Bench, part: &mut Part) -> anyhow::Result<()> {
    make(bench)?;
    let ask = || Ok(bench.person.whole_page("/segments", &[])?.1);
    ask()?;
    let times = Patience::of(10, 120.0).repeat(|_| ask())?;
    let beside = format!("{} times; slowest {:.0}", times.runs(), times.slowest());
    part.ms(
        "segments.known",
        "`/segments` with 200 dynamic segments, known, and 90 days of each",
        times.median(),
        Some(AtMost(100.0)),
        beside,
    );
    Ok(())
}
