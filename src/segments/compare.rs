//! `/segments/compare?a=&b=`: what two segments have in common, and what only one of them has.

use super::change::first_by_name;
use super::followers::Size;
use super::pages::{find, pairs, people, value};
use super::saving::unused_name;
use super::{Kind, Origin, Problem, Segment, Wish, members, sizes};
use crate::agents::{Caller, Right};
use crate::customers::list::Row;
use crate::db::{Conn, Db};
use crate::filters::Filter;
use crate::filters::ask::Ask;
use crate::filters::sets::Sets;
use crate::web::{self, Chrome, Error, flash, see_other};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

/// A part of two circles that overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Both,
    OnlyA,
    OnlyB,
}

impl Part {
    const EACH: [Part; 3] = [Part::OnlyA, Part::Both, Part::OnlyB];

    fn key(self) -> &'static str {
        match self {
            Part::Both => "both",
            Part::OnlyA => "a",
            Part::OnlyB => "b",
        }
    }

    fn parse(key: &str) -> Option<Part> {
        Part::EACH.into_iter().find(|part| part.key() == key)
    }

    /// As its heading, and a segment made of it, are called.
    fn words(self, a: &str, b: &str) -> String {
        match self {
            Part::Both => format!("{a} and {b}"),
            Part::OnlyA => format!("{a}, not {b}"),
            Part::OnlyB => format!("{b}, not {a}"),
        }
    }

    fn ask(self, a: &Filter, b: &Filter) -> Ask {
        match self {
            Part::Both => Ask::All(vec![a.ask(), b.ask()]),
            Part::OnlyA => Ask::All(vec![a.ask(), b.ask().negated()]),
            Part::OnlyB => Ask::All(vec![b.ask(), a.ask().negated()]),
        }
    }
}

/// A part with who is in it.
struct Shown {
    part: Part,
    words: String,
    count: i64,
    named: Vec<Row>,
}

/// Two segments side by side.
struct Pair {
    a: Segment,
    b: Segment,
    sizes: [Size; 2],
    /// Empty when nobody can be compared: a segment that selects nobody by mistake is not without members.
    parts: Vec<Shown>,
}

#[derive(Template)]
#[template(path = "segments/compare.html")]
struct ComparePage {
    chrome: Chrome,
    offered: Vec<Segment>,
    a: Option<i64>,
    b: Option<i64>,
    pair: Option<Pair>,
}

impl ComparePage {
    fn is(&self, one: &Option<i64>, segment: &Segment) -> bool {
        *one == Some(segment.id)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    a: String,
    b: String,
}

/// `GET /segments/compare?a=1&b=2`
pub async fn show(
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    asked: Query<Asked>,
) -> Result<HttpResponse, Error> {
    let Asked { a, b } = asked.into_inner();
    let (a, b) = (a.parse().ok(), b.parse().ok());
    let page = sets
        .read(move |at| {
            let clock = Workspace::load(at)?.clock();
            let mut offered = Segment::offered(&caller, at)?;
            let chosen = |id: Option<i64>, conn: &mut Conn| match id {
                Some(id) => find(id, &caller, conn).map(Some),
                None => Ok(None),
            };
            let (one, other) = (chosen(a, at)?, chosen(b, at)?);
            // An archived one that is looked at stays chosen.
            for segment in [&one, &other].into_iter().flatten() {
                if !offered.iter().any(|known| known.id == segment.id) {
                    offered.push(segment.clone());
                }
            }
            let pair = match (one, other) {
                (Some(one), Some(other)) => Some(Pair::of(one, other, at, &clock)?),
                _ => None,
            };
            Ok::<_, Error>(ComparePage { chrome, offered, a, b, pair })
        })
        .await?;
    web::show(&page)
}

impl Pair {
    fn of(a: Segment, b: Segment, at: &mut crate::filters::sets::Snapshot, clock: &Clock) -> Result<Pair, Error> {
        let (of_a, of_b) = (a.filter(at, clock)?, b.filter(at, clock)?);
        let sizes = [Size::of(&of_a, at)?, Size::of(&of_b, at)?];
        let mut parts = Vec::new();
        if sizes.iter().all(|size| matches!(size, Size::Of(_))) {
            for part in Part::EACH {
                let ids = at.of(&part.ask(&of_a, &of_b), clock.stamp())?;
                parts.push(Shown {
                    part,
                    words: part.words(&a.name, &b.name),
                    count: ids.len() as i64,
                    named: first_by_name(&ids, at)?,
                });
            }
        }
        Ok(Pair { a, b, sizes, parts })
    }

    /// What is wrong with either.
    fn broken(&self) -> Vec<(&str, &str)> {
        let names = [self.a.name.as_str(), self.b.name.as_str()];
        let why = names.into_iter().zip(&self.sizes).filter_map(|(name, size)| match size {
            Size::Nobody(why) => Some((name, why.as_str())),
            Size::Of(_) => None,
        });
        why.collect()
    }
}

/// `POST /segments/compare`: a part becomes a static segment.
pub async fn create(db: Data<Db>, sets: Data<Sets>, caller: Caller, body: String) -> Result<HttpResponse, Error> {
    let form = pairs(&body);
    let part = Part::parse(value(&form, "part")).ok_or(Error::Unprocessable("Say which part to keep.".into()))?;
    let id = |name: &str| value(&form, name).parse::<i64>().map_err(|_| Error::NotFound("segment"));
    let (a, b) = (id("a")?, id("b")?);
    let made = db
        .write(move |conn| {
            let clock = Workspace::load(conn)?.clock();
            let (a, b) = (find(a, &caller, conn)?, find(b, &caller, conn)?);
            keep(part, &a, &b, &caller, conn, &clock).map_err(|problem| match problem {
                Problem::Failed(error) => error.into(),
                other => Error::Unprocessable(other.to_string()),
            })
        })
        .await?;
    let count = sizes::saved(&made, &sets, &db).await?;
    Ok(flash(see_other(&format!("/segments/{}", made.id)), &format!("{} keeps {}.", made.name, people(count))))
}

fn keep(
    part: Part,
    a: &Segment,
    b: &Segment,
    caller: &Caller,
    conn: &mut Conn,
    clock: &Clock,
) -> Result<Segment, Problem> {
    let (of_a, of_b) = (a.filter(conn, clock)?, b.filter(conn, clock)?);
    for (segment, filter) in [(a, &of_a), (b, &of_b)] {
        if let Some(problem) = filter.problems().first() {
            return Err(Problem::Filter(format!("{} selects nobody: {}", segment.name, problem.words)));
        }
    }
    let words = part.words(&a.name, &b.name);
    // What is made of somebody's private segment is his alone, too.
    let private = a.private || b.private || !caller.may(Right::ShareSegments);
    let wish = Wish { name: unused_name(&words, conn)?, kind: Kind::Static, rule: None, private };
    let origin = Origin::Compared { words: format!("two segments: {words}") };
    let made = Segment::create_from(&wish, Some(origin), caller, conn, clock)?;
    members::add_asked(&made, &part.ask(&of_a, &of_b), conn, clock)?;
    Ok(made)
}
