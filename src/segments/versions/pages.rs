//! `/segments/{id}/versions`: what a segment was, each version as a sentence, and one of them beside what it is now.

use super::Version;
use crate::agents::Caller;
use crate::db::{Conn, Db};
use crate::filters::Filter;
use crate::filters::fields::Fields;
use crate::filters::sentence::{Bit, bits};
use crate::filters::sets::Sets;
use crate::segments::Segment;
use crate::segments::change::{Change, Proposal};
use crate::segments::pages::find;
use crate::web::{self, Chrome, Error};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

/// One version as the list shows it.
struct Line {
    version: Version,
    sentence: Vec<Bit>,
    /// Why it would select nobody today.
    broken: Option<String>,
    saved: String,
}

impl Line {
    /// With the names of today. What cannot be read any more is told.
    fn all(versions: Vec<Version>, segment: &Segment, conn: &mut Conn, clock: &Clock) -> Result<Vec<Line>, Error> {
        let fields = Fields::load(conn)?;
        let rules: Vec<_> = versions.iter().map(|version| version.rule(&fields)).collect();
        let asked = rules.iter().filter_map(|rule| rule.as_ref().ok().cloned().flatten());
        let asked: Vec<_> = asked.map(|rule| (rule, Some(segment.id))).collect();
        let mut filters = Filter::check_each(asked, conn, clock)?.into_iter();
        let line = |(version, rule): (Version, Result<_, crate::filters::Mistake>)| {
            let (sentence, broken) = match rule {
                Ok(None) => (Vec::new(), None),
                Ok(Some(_)) => match filters.next() {
                    Some(filter) => {
                        (bits(filter.rule()), filter.problems().first().map(|problem| problem.words.clone()))
                    }
                    None => (Vec::new(), None),
                },
                Err(mistake) => (Vec::new(), Some(mistake.to_string())),
            };
            Line { sentence, broken, saved: clock.show(version.saved_at), version }
        };
        Ok(versions.into_iter().zip(rules).map(line).collect())
    }
}

#[derive(Template)]
#[template(path = "segments/versions.html")]
struct VersionsPage {
    chrome: Chrome,
    segment: Segment,
    lines: Vec<Line>,
    may_change: bool,
}

/// `GET /segments/{id}/versions`
pub async fn index(db: Data<Db>, chrome: Chrome, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Error> {
    let page = db
        .read(move |conn| {
            let segment = find(*id, &caller, conn)?;
            let clock = Workspace::load(conn)?.clock();
            let lines = Line::all(Version::all(&segment, conn)?, &segment, conn, &clock)?;
            Ok::<_, Error>(VersionsPage { chrome, may_change: segment.may_change(&caller), segment, lines })
        })
        .await?;
    web::show(&page)
}

#[derive(Template)]
#[template(path = "segments/version.html")]
struct VersionPage {
    chrome: Chrome,
    segment: Segment,
    line: Line,
    /// Its filter as text, and what it would be to have it back; `None` where it cannot be asked, or never asked.
    text: String,
    change: Option<Change>,
    may_change: bool,
}

/// `GET /segments/{id}/versions/{version}`
pub async fn show(
    sets: Data<Sets>,
    chrome: Chrome,
    caller: Caller,
    place: Path<(i64, i64)>,
) -> Result<HttpResponse, Error> {
    let (id, number) = place.into_inner();
    let page = sets
        .read(move |at| {
            let segment = find(id, &caller, at)?;
            let clock = Workspace::load(at)?.clock();
            let version = Version::find(&segment, number, at)?.ok_or(Error::NotFound("version"))?;
            let rule = version.rule(&Fields::load(at)?).ok().flatten();
            let filter = match rule {
                Some(rule) => Some(Filter::check_of(&rule, Some(id), at, &clock)?),
                None => None,
            };
            let change = match &filter {
                Some(filter) => {
                    let proposal = Proposal { segment: &segment, filter: Some(filter), private: segment.private };
                    Some(Change::of(&proposal, true, &caller, at, &clock)?)
                }
                None => None,
            };
            let line = Line::all(vec![version], &segment, at, &clock)?.pop().ok_or(Error::NotFound("version"))?;
            let text = filter.map(|filter| filter.text()).unwrap_or_default();
            Ok::<_, Error>(VersionPage { chrome, may_change: segment.may_change(&caller), segment, line, text, change })
        })
        .await?;
    web::show(&page)
}
