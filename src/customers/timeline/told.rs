//! A page of events under its local days, as it is drawn.

use super::{Event, Kind, Page, Place, What};
use crate::web::{Icon, address, icon};
use crate::workspace::Clock;
use askama::Template;

/// A page of somebody's timeline: the items of its list, the last of which leads on.
#[derive(Template)]
#[template(path = "customers/_timeline.html")]
pub struct Timeline {
    pub customer_id: i64,
    pub kind: Option<Kind>,
    days: Vec<Day>,
    /// Where the next page is.
    earlier: Option<String>,
}
impl askama::filters::HtmlSafe for Timeline {}

struct Day {
    /// Nothing where the page before ended in this day.
    name: Option<String>,
    events: Vec<Told>,
}

struct Told {
    icon: Icon,
    time: String,
    what: What,
}

impl Timeline {
    /// `after` is the place whose day stands above already.
    pub fn of(page: Page, customer_id: i64, kind: Option<Kind>, after: Option<Place>, clock: &Clock) -> Timeline {
        let path = format!("/customers/{customer_id}/timeline");
        let key = kind.map_or("", Kind::key);
        let earlier = page.next.map(|place| address(&path, &[("kind", key), ("before", &place.write())]));
        let above = after.map(|place| clock.show_day(place.at));
        let today = clock.show_day(clock.stamp());
        let (mut days, mut last): (Vec<Day>, Option<String>) = (Vec::new(), above);
        for event in together(page.events) {
            let name = clock.show_day(event.place.at);
            if days.is_empty() || last.as_ref() != Some(&name) {
                let told = if name == today { "Today".to_string() } else { name.clone() };
                days.push(Day { name: (last.as_ref() != Some(&name)).then_some(told), events: Vec::new() });
                last = Some(name);
            }
            let time = event.place.at.and_utc().with_timezone(&clock.zone).format("%H:%M").to_string();
            let told = Told { icon: icon(drawn(&event)), time, what: event.what };
            if let Some(day) = days.last_mut() {
                day.events.push(told);
            }
        }
        Timeline { customer_id, kind, days, earlier }
    }
}

/// Segments that were joined, or left, at once and for the same reason are one event.
fn together(events: Vec<Event>) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::with_capacity(events.len());
    for event in events {
        if let Some(Event { place, what: What::Moved { joined, segments, cause }, .. }) = all.last_mut()
            && let What::Moved { joined: also, segments: more, cause: why } = &event.what
            && (place.at, &*joined, &*cause) == (event.place.at, also, why)
        {
            segments.extend(more.iter().cloned());
            continue;
        }
        all.push(event);
    }
    all
}

fn drawn(event: &Event) -> &'static str {
    match (event.kind, &event.what) {
        (_, What::Said { note: true, .. }) => "file-text",
        (Kind::Messages, _) => "message-circle",
        (Kind::Tags, _) => "tag",
        (Kind::Fields, _) => "pencil",
        (Kind::Purchases, _) => "shopping-bag",
        (Kind::Imports, _) => "upload",
        (_, What::Left { .. }) => "bell-off",
        (Kind::Campaigns, _) => "send",
        (Kind::Consent, What::Agreed { words: "opted in", .. }) => "shield-check",
        (Kind::Consent, _) => "bell-off",
        (Kind::Segments, _) => "chart-pie",
        (Kind::Came, _) => "user-plus",
    }
}
