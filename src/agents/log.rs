//! `/settings/log`: who changed what, before and after, the newest first. For admins.

use super::audit::{Entry, Search, entries};
use crate::db::Db;
use crate::filters::literal;
use crate::fold::filled;
use crate::web::{self, Chrome, Error};
use crate::workspace::{Clock, Workspace};
use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;
use serde_json::Value;

/// Lines on a page.
const LINES: i64 = 50;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    actor: String,
    about: String,
    /// The last line of the page before.
    before: String,
}

#[derive(Template)]
#[template(path = "agents/log.html")]
struct LogPage {
    chrome: Chrome,
    asked: Asked,
    lines: Vec<Line>,
    older: Option<String>,
}

/// One line as people read it.
struct Line {
    at: String,
    ago: String,
    actor: String,
    what: String,
    subject: String,
    /// Where the subject can be looked at, if it still is there.
    link: Option<String>,
    details: Vec<(String, Vec<Part>)>,
}

/// What a detail was and is, or what it says.
#[derive(Debug, PartialEq)]
enum Part {
    Plain(String),
    Was(String),
    Is(String),
}

/// `GET /settings/log?actor=&about=&before=`
pub async fn index(db: Data<Db>, chrome: Chrome, asked: Query<Asked>) -> Result<HttpResponse, Error> {
    let asked = asked.into_inner();
    let holds = |typed: &str| filled(typed).map(|typed| format!("%{}%", literal(&typed.to_lowercase())));
    let search = Search { actor: holds(&asked.actor), about: holds(&asked.about), before: asked.before.parse().ok() };
    let (mut found, clock) = db
        .read(move |conn| Ok::<_, Error>((entries(&search, LINES + 1, conn)?, Workspace::load(conn)?.clock())))
        .await?;
    let more = found.len() as i64 > LINES;
    found.truncate(LINES as usize);
    let last = found.last().filter(|_| more).map(|entry| entry.id.to_string());
    let older = last
        .map(|id| web::address("/settings/log", &[("actor", &asked.actor), ("about", &asked.about), ("before", &id)]));
    let lines = found.into_iter().map(|entry| Line::of(entry, &clock)).collect();
    web::show(&LogPage { chrome, asked, lines, older })
}

impl Line {
    fn of(entry: Entry, clock: &Clock) -> Line {
        let told = serde_json::from_str(&entry.details).unwrap_or_default();
        Line {
            at: clock.show(entry.at),
            ago: clock.ago(entry.at),
            what: done(&entry.action),
            link: place(&entry.subject, &entry.action),
            details: details(&told),
            actor: entry.actor,
            subject: called(&told).unwrap_or(entry.subject),
        }
    }
}

/// What a line is about as people call it, or called it when it went: `segment 12` says nothing to them.
fn called(details: &Value) -> Option<String> {
    ["/after/name", "/before/name", "/name", "/what"]
        .into_iter()
        .find_map(|place| details.pointer(place)?.as_str())
        .map(str::to_string)
}

/// `bulk.add_tags` as people say it: `bulk: add tags`.
fn done(action: &str) -> String {
    let words = action.replace('_', " ");
    match words.split_once('.') {
        Some((thing, verb)) => format!("{thing}: {verb}"),
        None => words,
    }
}

/// The page of what a line is about: `tag 5`.
fn place(subject: &str, action: &str) -> Option<String> {
    if action.ends_with(".delete") {
        return None;
    }
    let (kind, id) = subject.rsplit_once(' ')?;
    let id: i64 = id.parse().ok()?;
    Some(match kind {
        "tag" => format!("/tags/{id}/edit"),
        "segment" => format!("/segments/{id}"),
        "view" => format!("/views/{id}"),
        "customer" => format!("/customers/{id}"),
        "campaign" => format!("/campaigns/{id}"),
        "import" => format!("/imports/{id}"),
        "bulk action" => format!("/bulk/{id}"),
        "custom field" => format!("/settings/fields/{id}/edit"),
        _ => return None,
    })
}

/// What the details say, one by one. What was and what is stands there as a pair for each thing (`{"was": a, "is": b}`),
/// or as two wholes, `before` and `after`: of those, what is the same in both is not told.
fn details(value: &Value) -> Vec<(String, Vec<Part>)> {
    let Some(all) = value.as_object() else { return Vec::new() };
    let part = |name: &str| all.get(name).and_then(Value::as_object);
    let (before, after) = (part("before"), part("after"));
    let mut told = Vec::new();
    for (key, is) in after.into_iter().flatten() {
        told.extend(change(key, before.map(|before| before.get(key).unwrap_or(&Value::Null)), Some(is)));
    }
    for (key, was) in
        before.into_iter().flatten().filter(|(key, _)| after.is_none_or(|after| !after.contains_key(*key)))
    {
        told.extend(change(key, Some(was), after.map(|_| &Value::Null)));
    }
    let single = all
        .iter()
        .filter(|(key, value)| !(matches!(key.as_str(), "before" | "after") && (value.is_object() || value.is_null())));
    for (key, value) in single {
        // A name and what it was.
        let named = (key == "name").then(|| all.get("was")).flatten().filter(|was| was.is_string());
        told.extend(match (value.get("was"), value.get("is"), named) {
            (Some(was), Some(is), _) => change(key, Some(was), Some(is)),
            (_, _, Some(was)) if was != value => change(key, Some(was), Some(value)),
            _ if key == "was" && all.contains_key("name") => None,
            _ => change(key, None, Some(value)),
        });
    }
    told
}

/// One thing: changed, or told as it is where there is nothing to compare.
fn change(key: &str, was: Option<&Value>, is: Option<&Value>) -> Option<(String, Vec<Part>)> {
    let parts = match (was, is) {
        (Some(was), Some(is)) if was == is => return None,
        (Some(was), Some(is)) => vec![Part::Was(said(was)), Part::Is(said(is))],
        (Some(one), None) | (None, Some(one)) if !one.is_null() => vec![Part::Plain(said(one))],
        _ => return None,
    };
    Some((key.replace('_', " "), parts))
}

/// A value in words.
fn said(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
        Value::Number(number) => number.as_i64().map_or_else(|| number.to_string(), |number| web::thousands(&number)),
        Value::String(text) if text.trim().is_empty() => "nothing".into(),
        Value::String(text) => text.clone(),
        Value::Array(all) if all.is_empty() => "nothing".into(),
        Value::Array(all) => all.iter().map(said).collect::<Vec<_>>().join(", "),
        Value::Object(all) => all
            .iter()
            .map(|(key, value)| format!("{}: {}", key.replace('_', " "), said(value)))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn details_are_told_as_before_and_after() {
        let change = json!({ "time_zone": { "was": "UTC", "is": "Europe/Oslo" }, "default_country": { "was": null, "is": "NO" } });
        let was = |text: &str| Part::Was(text.into());
        let is = |text: &str| Part::Is(text.into());
        assert_eq!(
            details(&change),
            [
                ("time zone".to_string(), vec![was("UTC"), is("Europe/Oslo")]),
                ("default country".to_string(), vec![was("nothing"), is("NO")]),
            ]
        );
        assert_eq!(
            details(&json!({ "name": "Gold", "was": "VIP" })),
            [("name".to_string(), vec![was("VIP"), is("Gold")])]
        );
        let wholes = json!({ "before": { "name": "VIP", "colour": "red", "family": null }, "after": { "name": "VIP", "colour": "blue", "family": "Level" } });
        assert_eq!(
            details(&wholes),
            [
                ("colour".to_string(), vec![was("red"), is("blue")]),
                ("family".to_string(), vec![was("nothing"), is("Level")])
            ]
        );
        let plain = |text: &str| vec![Part::Plain(text.into())];
        assert_eq!(details(&json!({ "name": "Gold", "was": null })), [("name".to_string(), plain("Gold"))]);
        assert_eq!(details(&json!({ "customers": 12431 })), [("customers".to_string(), plain("12,431"))]);
        let made = json!({ "before": null, "after": { "name": "Gold", "family": null } });
        assert_eq!(details(&made), [("name".to_string(), plain("Gold"))]);
        let gone = json!({ "before": { "name": "Gold" }, "after": null, "customers": 3 });
        assert_eq!(details(&gone), [("name".to_string(), plain("Gold")), ("customers".to_string(), plain("3"))]);
        assert_eq!(details(&json!([1])), []);
        assert_eq!(called(&wholes).as_deref(), Some("VIP"));
        assert_eq!(called(&gone).as_deref(), Some("Gold"));
        assert_eq!(called(&json!({ "what": "Add Gold", "customers": 3 })).as_deref(), Some("Add Gold"));
        assert_eq!(called(&change), None);
        assert_eq!(done("bulk.add_tags"), "bulk: add tags");
        assert_eq!(place("bulk action 5", "bulk.undo").as_deref(), Some("/bulk/5"));
        assert_eq!(place("tag 5", "tag.delete"), None);
        assert_eq!(place("settings", "settings.update"), None);
    }
}
