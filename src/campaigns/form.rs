//! A campaign as it was typed, and what is wrong with it.

use super::audience::Audience;
use super::message::{self, Part};
use super::{Campaign, Wish, clean_name};
use crate::agents::{Caller, Mistakes};
use crate::custom_fields::CustomField;
use crate::customers::Channel;
use crate::db::Conn;
use crate::filters::fields::Fields;
use crate::filters::{Filter, Rule, stored};
use crate::segments::Segment;
use crate::workspace::Clock;
use diesel::QueryResult;

/// What the fields of the form hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Typed {
    pub name: String,
    pub channel: String,
    pub subject: String,
    pub body: String,
    pub html: String,
    pub include: Vec<i64>,
    pub exclude: Vec<i64>,
    pub minus: Vec<i64>,
    pub filter: String,
    pub version: i64,
}

impl Typed {
    pub fn read(pairs: &[(String, String)]) -> Typed {
        let text = |name: &str| {
            let found = pairs.iter().rev().find(|(key, _)| key == name);
            found.map(|(_, value)| value.replace("\r\n", "\n")).unwrap_or_default()
        };
        let ids = |name: &str| {
            let mut ids: Vec<i64> =
                pairs.iter().filter(|(key, _)| key == name).filter_map(|(_, id)| id.parse().ok()).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        Typed {
            name: text("name"),
            channel: text("channel"),
            subject: text("subject"),
            body: text("body"),
            html: text("html"),
            include: ids("include"),
            exclude: ids("exclude"),
            minus: ids("minus"),
            filter: text("filter"),
            version: text("version").parse().unwrap_or_default(),
        }
    }

    pub fn of(campaign: &Campaign, conn: &mut Conn, clock: &Clock) -> QueryResult<Typed> {
        let Audience { include, filter, exclude, minus } = campaign.audience();
        let filter = match filter {
            Some(json) => {
                let fields = Fields::load(conn)?;
                match Rule::from_json(&json, &fields) {
                    Ok(rule) => Filter::check(&rule, conn, clock)?.text(),
                    Err(_) => json.to_string(),
                }
            }
            None => String::new(),
        };
        Ok(Typed {
            name: campaign.name.clone(),
            channel: campaign.channel().key().into(),
            subject: campaign.subject.clone(),
            body: campaign.body.clone(),
            html: campaign.html.clone(),
            include,
            exclude,
            minus,
            filter,
            version: campaign.version,
        })
    }

    pub fn channel(&self) -> Channel {
        Channel::parse(&self.channel).unwrap_or(Channel::Email)
    }

    /// What was wished for, or what is wrong with it, field by field. Nothing is said of what is not filled in yet.
    pub fn wish(&self, caller: &Caller, conn: &mut Conn, clock: &Clock) -> QueryResult<Result<Wish, Mistakes>> {
        let mut wrong = Mistakes::default();
        if let Err(words) = clean_name(&self.name) {
            wrong.add("name", words);
        }
        let filter = match self.filter.trim() {
            "" => None,
            typed => match stored::open(typed, conn)? {
                Ok(rule) => {
                    let filter = Filter::check(&rule, conn, clock)?;
                    if let Some(problem) = filter.problems().first() {
                        wrong.add("filter", problem.words.clone());
                    }
                    Some(filter.rule().to_json())
                }
                Err(mistake) => {
                    wrong.add("filter", mistake.to_string());
                    None
                }
            },
        };
        let seen = Segment::list(caller, conn)?;
        let shared = |id: &&i64| seen.iter().any(|segment| segment.id == **id && !segment.private);
        if self.include.iter().chain(&self.exclude).any(|id| !shared(&id)) {
            wrong.add(
                "include",
                "A segment that was chosen is gone, or only yours: others could not see whom it sends to.",
            );
        }
        let wish = Wish {
            name: self.name.clone(),
            channel: self.channel(),
            subject: self.subject.clone(),
            body: self.body.clone(),
            html: self.html.clone(),
            audience: Audience {
                include: self.include.clone(),
                filter,
                exclude: self.exclude.clone(),
                minus: self.minus.clone(),
            },
        };
        Ok(if wrong.is_empty() { Ok(wish) } else { Err(wrong) })
    }
}

/// What is wrong with what a campaign says, by the fields of its form.
pub fn mistakes(campaign: &Campaign, conn: &mut Conn) -> QueryResult<Mistakes> {
    let keys: Vec<String> = CustomField::all(conn)?.into_iter().map(|field| field.key).collect();
    let mut wrong = Mistakes::default();
    for mistake in message::check(&campaign.content(), &keys) {
        let field = match mistake.part {
            Part::Subject => "subject",
            Part::Text => "body",
            Part::Html => "html",
        };
        wrong.add(field, mistake.words);
    }
    Ok(wrong)
}
