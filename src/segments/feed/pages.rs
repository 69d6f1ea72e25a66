//! The feed of a segment in the browser.

use super::{Move, Place, moves, store, sums};
use crate::agents::Caller;
use crate::db::Db;
use crate::segments::Segment;
use crate::web::{self, Chrome, Error};
use crate::workspace::Workspace;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use chrono::TimeDelta;
use serde::Deserialize;

/// Moves a page.
const ROWS: i64 = 50;
/// The sums at the head are of so many days.
const LATELY: i64 = 7;

/// What the address may say: only those who joined or left, and where the page goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    only: String,
    after: String,
}

impl Asked {
    fn joined(&self) -> Option<bool> {
        match self.only.as_str() {
            "joined" => Some(true),
            "left" => Some(false),
            _ => None,
        }
    }

    /// What is no place is the beginning.
    fn place(&self) -> Option<Place> {
        let (step, customer) = self.after.split_once('-')?;
        Some((step.parse().ok()?, customer.parse().ok()?))
    }
}

#[derive(Template)]
#[template(path = "segments/feed.html")]
struct FeedPage {
    chrome: Chrome,
    segment: Segment,
    only: Option<bool>,
    /// Who joined and who left lately.
    joined: i64,
    left: i64,
    days: Vec<Day>,
    /// The address of the next page.
    next: Option<String>,
    /// This is not the first page.
    later: bool,
}

struct Day {
    name: String,
    moves: Vec<(String, Move)>,
}

impl FeedPage {
    const KEPT: i64 = store::DAYS;

    fn address(&self, only: &str) -> String {
        match only {
            "" => format!("/segments/{}/feed", self.segment.id),
            only => format!("/segments/{}/feed?only={only}", self.segment.id),
        }
    }
}

/// `GET /segments/{id}/feed`
pub async fn show(
    db: Data<Db>,
    chrome: Chrome,
    caller: Caller,
    id: Path<i64>,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let page = db
        .read(move |conn| {
            let segment = Segment::find(*id, &caller, conn)?.ok_or(Error::NotFound("segment"))?;
            let clock = Workspace::load(conn)?.clock();
            let (joined, left) = sums(segment.id, clock.stamp() - TimeDelta::days(LATELY), conn)?;
            let mut found = moves(segment.id, asked.joined(), asked.place(), ROWS + 1, conn)?;
            let more = found.len() > ROWS as usize;
            found.truncate(ROWS as usize);
            let next = found.last().filter(|_| more).map(|last| {
                let (step, customer) = last.place();
                let only = if asked.only.is_empty() { String::new() } else { format!("only={}&", asked.only) };
                format!("/segments/{}/feed?{only}after={step}-{customer}", segment.id)
            });
            let mut days: Vec<Day> = Vec::new();
            for one in found {
                let name = clock.show_day(one.at);
                let time = one.at.and_utc().with_timezone(&clock.zone).format("%H:%M:%S").to_string();
                match days.last_mut() {
                    Some(day) if day.name == name => day.moves.push((time, one)),
                    _ => days.push(Day { name, moves: vec![(time, one)] }),
                }
            }
            let (only, later) = (asked.joined(), asked.place().is_some());
            Ok::<_, Error>(FeedPage { chrome, segment, only, joined, left, days, next, later })
        })
        .await?;
    web::show(&page)
}
