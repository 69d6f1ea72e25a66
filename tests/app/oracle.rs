//! A second opinion: what a filter means for one customer, worked out in memory from SPEC 2 alone. It knows nothing of
//! the product's queries and ranges: calendar words are asked of the local date, text of the folded words.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use muster::filters::Rule;
use muster::filters::rule::{Condition, Join, Part, Unit};
use std::collections::{HashMap, HashSet};
use unicode_normalization::UnicodeNormalization;

/// Everything that is known about one customer.
#[derive(Clone, Debug, Default)]
pub struct Person {
    pub texts: HashMap<&'static str, String>,
    pub times: HashMap<&'static str, NaiveDateTime>,
    pub custom: HashMap<&'static str, String>,
    pub tags: Vec<Tagged>,
    /// Channels she said something about.
    pub consents: HashMap<&'static str, bool>,
    pub purchases: Vec<Purchase>,
    /// Static segments she is in.
    pub member_of: HashSet<&'static str>,
    /// By campaign: what became of the message, and whether she clicked unsubscribe.
    pub messages: HashMap<&'static str, (&'static str, bool)>,
    pub talks: Vec<Talk>,
}

/// A conversation.
#[derive(Clone, Debug)]
pub struct Talk {
    /// As filters name it.
    pub channel: &'static str,
    pub open: bool,
    /// Whose it is.
    pub agent: Option<&'static str>,
    /// Its last message.
    pub at: NaiveDateTime,
}

#[derive(Clone, Debug)]
pub struct Tagged {
    pub name: &'static str,
    pub at: NaiveDateTime,
    /// `agent`, `import`, `campaign` or `API`.
    pub by: &'static str,
    /// From then on it is not there.
    pub until: Option<NaiveDateTime>,
}

#[derive(Clone, Debug)]
pub struct Purchase {
    pub product: Option<&'static str>,
    /// In cents.
    pub amount: i64,
    pub at: NaiveDateTime,
}

/// What the answer depends on besides her.
pub struct Oracle {
    pub now: DateTime<Utc>,
    pub zone: Tz,
    /// Dynamic segments by name.
    pub segments: HashMap<&'static str, Rule>,
}

fn fold(text: &str) -> String {
    let bare = text.nfkd().filter(|c| !unicode_normalization::char::is_combining_mark(*c));
    bare.collect::<String>().to_lowercase().trim().to_string()
}

/// Billionths of a number, exactly.
fn billionths(text: &str) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = part.chars().chain("000000000".chars()).take(9).collect();
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let whole: i128 = whole.trim_start_matches('-').parse().expect("a number");
    sign * (whole * 1_000_000_000 + digits.parse::<i128>().expect("decimals"))
}

fn texts(condition: &Condition) -> Vec<&str> {
    let mut all = Vec::new();
    for part in &condition.parts {
        match part {
            Part::One(Some(term)) => all.push(term.text.as_str()),
            Part::Many(terms) => all.extend(terms.iter().map(|term| term.text.as_str())),
            _ => {}
        }
    }
    all
}

impl Oracle {
    pub fn holds(&self, rule: &Rule, who: &Person) -> bool {
        match rule {
            Rule::Group(Join::All, rows) => rows.iter().all(|row| self.holds(row, who)),
            Rule::Group(Join::Any, rows) => rows.iter().any(|row| self.holds(row, who)),
            Rule::Group(Join::None, rows) => !rows.iter().any(|row| self.holds(row, who)),
            Rule::Where(condition) => self.condition(condition, who),
        }
    }

    fn condition(&self, condition: &Condition, who: &Person) -> bool {
        let (op, values) = (condition.op.as_str(), texts(condition));
        match condition.field.key.as_str() {
            "everyone" => true,
            "tags" => self.tags(op, condition, who),
            "segments" => {
                let within = |name: &&str| match self.segments.get(name) {
                    Some(rule) => self.holds(rule, who),
                    None => who.member_of.contains(name),
                };
                match op {
                    "in_any_of" => values.iter().any(within),
                    "in_all_of" => values.iter().all(within),
                    _ => !values.iter().any(within),
                }
            }
            "campaigns" => {
                let any = condition.parts == [Part::Any];
                let is = |test: &dyn Fn(&str, bool) -> bool| {
                    let mut meant = who.messages.iter().filter(|(name, _)| any || values.contains(name));
                    meant.any(|(_, (status, left))| test(status, *left))
                };
                match op {
                    "was_sent" => is(&|status, _| status == "sent"),
                    "was_not_sent" => !is(&|status, _| status == "sent"),
                    "failed" => is(&|status, _| status == "failed"),
                    "clicked_unsubscribe" => is(&|_, left| left),
                    other => panic!("campaigns {other}"),
                }
            }
            "conversations" => {
                let any = |test: &dyn Fn(&Talk) -> bool| who.talks.iter().any(test);
                match op {
                    "has_any" => any(&|_| true),
                    "has_none" => !any(&|_| true),
                    "has_open" => any(&|talk| talk.open),
                    "has_unassigned" => any(&|talk| talk.open && talk.agent.is_none()),
                    "over" => any(&|talk| condition.parts == [Part::Word(talk.channel)]),
                    "assigned_to" => any(&|talk| talk.agent == Some(values[0])),
                    "last_message_in_the_last" => any(&|talk| self.time("in_the_last", condition, Some(talk.at))),
                    "last_message_more_than_ago" => {
                        self.time("more_than_ago", condition, who.talks.iter().map(|talk| talk.at).max())
                    }
                    other => panic!("conversations {other}"),
                }
            }
            "purchases" => {
                let inner = condition.inner().expect("a filter over one purchase");
                let any = who.purchases.iter().any(|purchase| self.bought(inner, purchase));
                any == (op == "any_where")
            }
            "purchase_count" => self.number(op, &values, Some(who.purchases.len() as i128 * 1_000_000_000)),
            "total_spent" => {
                let cents: i64 = who.purchases.iter().map(|purchase| purchase.amount).sum();
                self.number(op, &values, Some(i128::from(cents) * 10_000_000))
            }
            "first_purchase_at" => self.time(op, condition, who.purchases.iter().map(|purchase| purchase.at).min()),
            "last_purchase_at" => self.time(op, condition, who.purchases.iter().map(|purchase| purchase.at).max()),
            "custom.plan" | "custom.size" => {
                self.text(op, &values, who.custom.get(bare(condition)).map(String::as_str))
            }
            "custom.spend" => self.number(op, &values, who.custom.get("spend").map(|value| billionths(value))),
            "custom.member" => {
                let said = who.custom.get("member").map(String::as_str);
                match op {
                    "is_true" => said == Some("yes"),
                    "is_not_true" => said != Some("yes"),
                    "is_false" => said == Some("no"),
                    "is_not_false" => said != Some("no"),
                    "is_empty" => said.is_none(),
                    _ => said.is_some(),
                }
            }
            "custom.birthday" => {
                let day = who.custom.get("birthday").map(|value| value.parse::<NaiveDate>().expect("a date"));
                self.date(op, condition, day, None)
            }
            key if key.ends_with("_consent") => {
                let said = who.consents.get(key.trim_end_matches("_consent"));
                match op {
                    "is_opted_in" => said == Some(&true),
                    "is_not_opted_in" => said != Some(&true),
                    "is_opted_out" => said == Some(&false),
                    "is_not_opted_out" => said != Some(&false),
                    _ => said.is_none(),
                }
            }
            key if key.ends_with("_at") => self.time(op, condition, who.times.get(key).copied()),
            "country" => {
                // By code here: names are the product's own affair.
                self.text(op, &values, who.texts.get("country").map(String::as_str))
            }
            key => self.text(op, &values, who.texts.get(key).map(String::as_str)),
        }
    }

    fn bought(&self, rule: &Rule, purchase: &Purchase) -> bool {
        match rule {
            Rule::Group(Join::All, rows) => rows.iter().all(|row| self.bought(row, purchase)),
            Rule::Group(Join::Any, rows) => rows.iter().any(|row| self.bought(row, purchase)),
            Rule::Group(Join::None, rows) => !rows.iter().any(|row| self.bought(row, purchase)),
            Rule::Where(condition) => {
                let (op, values) = (condition.op.as_str(), texts(condition));
                match condition.field.key.as_str() {
                    "product" => self.text(op, &values, purchase.product),
                    "currency" => self.text(op, &values, Some("EUR")),
                    "amount" => self.number(op, &values, Some(i128::from(purchase.amount) * 10_000_000)),
                    _ => self.time(op, condition, Some(purchase.at)),
                }
            }
        }
    }

    fn text(&self, op: &str, values: &[&str], has: Option<&str>) -> bool {
        let has = has.map(fold).filter(|text| !text.is_empty());
        let wanted: Vec<String> = values.iter().map(|value| fold(value)).collect();
        let is = |test: &dyn Fn(&str, &str) -> bool| {
            has.as_deref().is_some_and(|has| wanted.iter().any(|wanted| test(has, wanted)))
        };
        match op {
            "is" | "is_any_of" => is(&|has, wanted| has == wanted),
            "is_not" | "is_none_of" => !is(&|has, wanted| has == wanted),
            "contains" => is(&|has, wanted| has.contains(wanted)),
            "does_not_contain" => !is(&|has, wanted| has.contains(wanted)),
            "starts_with" => is(&|has, wanted| has.starts_with(wanted)),
            "does_not_start_with" => !is(&|has, wanted| has.starts_with(wanted)),
            "ends_with" => is(&|has, wanted| has.ends_with(wanted)),
            "does_not_end_with" => !is(&|has, wanted| has.ends_with(wanted)),
            "domain_is" => is(&|has, wanted| has.rsplit('@').next() == Some(wanted)),
            "domain_is_not" => !is(&|has, wanted| has.rsplit('@').next() == Some(wanted)),
            "is_empty" => has.is_none(),
            "is_not_empty" => has.is_some(),
            other => panic!("text {other}"),
        }
    }

    fn number(&self, op: &str, values: &[&str], has: Option<i128>) -> bool {
        let wanted: Vec<i128> = values.iter().map(|value| billionths(value)).collect();
        let is = |test: &dyn Fn(i128) -> bool| has.is_some_and(test);
        match op {
            "eq" => is(&|n| n == wanted[0]),
            "ne" => !is(&|n| n == wanted[0]),
            "gt" => is(&|n| n > wanted[0]),
            "gte" => is(&|n| n >= wanted[0]),
            "lt" => is(&|n| n < wanted[0]),
            "lte" => is(&|n| n <= wanted[0]),
            "between" => is(&|n| wanted[0] <= n && n <= wanted[1]),
            "not_between" => !is(&|n| wanted[0] <= n && n <= wanted[1]),
            "is_empty" => has.is_none(),
            "is_not_empty" => has.is_some(),
            other => panic!("number {other}"),
        }
    }

    fn time(&self, op: &str, condition: &Condition, at: Option<NaiveDateTime>) -> bool {
        let day = at.map(|at| at.and_utc().with_timezone(&self.zone).date_naive());
        self.date(op, condition, day, at)
    }

    /// A day, and for a time the instant.
    fn date(&self, op: &str, condition: &Condition, day: Option<NaiveDate>, at: Option<NaiveDateTime>) -> bool {
        let now = self.now.naive_utc();
        let today = self.now.with_timezone(&self.zone).date_naive();
        let values = texts(condition);
        let wanted: Vec<NaiveDate> = values.iter().filter_map(|value| value.parse().ok()).collect();
        let span = || {
            let n: u32 = values[0].parse().expect("a number");
            let unit = condition.parts.iter().find_map(|part| match part {
                Part::Unit(unit) => Some(*unit),
                _ => None,
            });
            (n, unit.unwrap_or(Unit::Days))
        };
        let is = |test: &dyn Fn(NaiveDate) -> bool| day.is_some_and(test);
        let past = at.is_none_or(|at| at <= now);
        // Minutes and hours roll from now; days and larger are of the calendar.
        let rolling = |n: u32, unit: Unit| match unit {
            Unit::Minutes => Some(TimeDelta::minutes(n.into())),
            Unit::Hours => Some(TimeDelta::hours(n.into())),
            _ => None,
        };
        let away = |n: u32, unit: Unit, ahead: bool| {
            let days = |n: u64| if ahead { today + Days::new(n) } else { today - Days::new(n) };
            let months = |n: u32| if ahead { today + Months::new(n) } else { today - Months::new(n) };
            match unit {
                Unit::Weeks => days(7 * u64::from(n)),
                Unit::Months => months(n),
                Unit::Years => months(12 * n),
                _ => days(n.into()),
            }
        };
        let last = |n, unit| match rolling(n, unit) {
            Some(length) => at.is_some_and(|at| now - length <= at && at <= now),
            None => is(&|day| day >= away(n, unit, false) && day <= today) && past,
        };
        let kept = |n: u32| {
            let leap = |year| NaiveDate::from_ymd_opt(year, 2, 29).is_some();
            is(&|born| {
                (0..=u64::from(n)).map(|ahead| today + Days::new(ahead)).any(|day| {
                    let moved = (born.month(), born.day()) == (2, 29) && !leap(day.year());
                    let born = if moved { (2, 28) } else { (born.month(), born.day()) };
                    born == (day.month(), day.day())
                })
            })
        };
        match op {
            "on" => is(&|day| day == wanted[0]),
            "not_on" => !is(&|day| day == wanted[0]),
            "before" => is(&|day| day < wanted[0]),
            "on_or_before" => is(&|day| day <= wanted[0]),
            "after" => is(&|day| day > wanted[0]),
            "on_or_after" => is(&|day| day >= wanted[0]),
            "between" => is(&|day| wanted[0] <= day && day <= wanted[1]),
            "not_between" => !is(&|day| wanted[0] <= day && day <= wanted[1]),
            "today" => is(&|day| day == today),
            "yesterday" => is(&|day| day == today - Days::new(1)),
            "this_week" => is(&|day| day.iso_week() == today.iso_week()),
            "last_week" => is(&|day| day.iso_week() == (today - Days::new(7)).iso_week()),
            "this_month" => is(&|day| (day.year(), day.month()) == (today.year(), today.month())),
            "last_month" => {
                let month = today.with_day(1).expect("a first") - Days::new(1);
                is(&|day| (day.year(), day.month()) == (month.year(), month.month()))
            }
            "this_year" => is(&|day| day.year() == today.year()),
            "in_the_last" => last(span().0, span().1),
            "not_in_the_last" => !last(span().0, span().1),
            "more_than_ago" => match rolling(span().0, span().1) {
                Some(length) => at.is_some_and(|at| at < now - length),
                None => is(&|day| day < away(span().0, span().1, false)),
            },
            "in_the_next" => match rolling(span().0, span().1) {
                Some(length) => at.is_some_and(|at| now < at && at <= now + length),
                None => {
                    is(&|day| today <= day && day <= away(span().0, span().1, true)) && at.is_none_or(|at| at > now)
                }
            },
            "anniversary_today" => kept(0),
            "anniversary_in_the_next" => kept(values[0].parse().expect("a number")),
            "is_empty" => day.is_none(),
            "is_not_empty" => day.is_some(),
            other => panic!("date {other}"),
        }
    }

    fn tags(&self, op: &str, condition: &Condition, who: &Person) -> bool {
        let wanted = texts(condition);
        let now = self.now.naive_utc();
        let tags: Vec<&Tagged> = who.tags.iter().filter(|tag| tag.until.is_none_or(|until| now < until)).collect();
        let has = |name: &&str| tags.iter().any(|tag| tag.name == *name);
        let count = || tags.len() as u32;
        let n = || wanted[0].parse::<u32>().expect("a number");
        match op {
            "contains" => wanted.iter().any(has),
            "does_not_contain" => !wanted.iter().any(has),
            "contains_all" => wanted.iter().all(has),
            "does_not_contain_all" => !wanted.iter().all(has),
            "contains_only" => !tags.is_empty() && tags.iter().all(|tag| wanted.contains(&tag.name)),
            "is_empty" => tags.is_empty(),
            "is_not_empty" => !tags.is_empty(),
            "count_eq" => count() == n(),
            "count_gte" => count() >= n(),
            "count_lte" => count() <= n(),
            "any_name_contains" => tags.iter().any(|tag| fold(tag.name).contains(&fold(wanted[0]))),
            "tagged_by" => {
                let by = condition.parts.iter().find_map(|part| match part {
                    Part::Word(word) => Some(*word),
                    _ => None,
                });
                tags.iter().any(|tag| tag.name == wanted[0] && Some(tag.by) == by)
            }
            "tagged_in_the_last" => {
                let at = tags.iter().find(|tag| tag.name == wanted[0]).map(|tag| tag.at);
                let asked = Condition { parts: condition.parts[1..].to_vec(), ..condition.clone() };
                self.time("in_the_last", &asked, at)
            }
            other => panic!("tags {other}"),
        }
    }
}

fn bare(condition: &Condition) -> &str {
    condition.field.key.trim_start_matches("custom.")
}
