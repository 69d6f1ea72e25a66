//! Who of an audience may be written to over a channel, and why the others may not. The same judgement is made for the
//! preview, at the launch and once more when a message is about to go: no filter and no segment can undo it.

use super::addresses;
use super::key::Key;
use crate::customers::{Channel, Consent};
use crate::db::Conn;
use crate::db::nodes::{Among, Gathered, Hold, Holding, On, gathered};
use crate::db::schema::{consents, customers, suppressions};
use crate::filters::Filter;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use roaring::RoaringBitmap;
use std::collections::{HashMap, HashSet};

/// Why somebody gets nothing, although she is in the audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    NoAddress,
    Bounced,
    Complained,
    OptedOut,
    /// She has not said that she wants anything.
    NotOptedIn,
    /// Somebody before her in the audience has the same address.
    Duplicate,
    /// She was deleted after the launch.
    Deleted,
}

impl Why {
    /// In the order they are looked at, and told.
    pub const BEFORE: [Why; 6] =
        [Why::NoAddress, Why::Bounced, Why::Complained, Why::OptedOut, Why::NotOptedIn, Why::Duplicate];

    pub fn key(self) -> &'static str {
        match self {
            Why::NoAddress => "no_address",
            Why::Bounced => "bounced",
            Why::Complained => "complained",
            Why::OptedOut => "opted_out",
            Why::NotOptedIn => "not_opted_in",
            Why::Duplicate => "duplicate",
            Why::Deleted => "deleted",
        }
    }

    pub fn parse(key: &str) -> Option<Why> {
        Why::BEFORE.into_iter().chain([Why::Deleted]).find(|why| why.key() == key)
    }

    /// As a sum goes on after its number: `1 opted out`.
    pub fn words(self, channel: Channel) -> &'static str {
        match (self, channel) {
            (Why::NoAddress, Channel::Email) => "without an email address",
            (Why::NoAddress, _) => "without a phone number",
            (Why::Bounced, _) => "bounced before",
            (Why::Complained, _) => "complained before",
            (Why::OptedOut, _) => "opted out",
            (Why::NotOptedIn, _) => "did not opt in",
            (Why::Duplicate, _) => "with the address of somebody else in it",
            (Why::Deleted, _) => "deleted since",
        }
    }
}

/// What she said about the channel: state, when, and from where we know.
pub type Said = (String, NaiveDateTime, String);

/// The judgement. A line of an import does not undo an unsubscription that came before it: the file is older than it looks.
pub fn judge(
    address: Option<&str>,
    said: Option<&Said>,
    suppressed: Option<&(String, NaiveDateTime)>,
) -> Result<(), Why> {
    if address.is_none_or(|address| address.trim().is_empty()) {
        return Err(Why::NoAddress);
    }
    let opted_in = said.is_some_and(|(state, ..)| state == Consent::OptedIn.key());
    let again = |since: NaiveDateTime| {
        opted_in && said.is_some_and(|(_, at, source)| *at > since && !source.starts_with("import"))
    };
    match suppressed {
        Some((reason, _)) if reason == "bounced" => return Err(Why::Bounced),
        Some((reason, _)) if reason == "complained" => return Err(Why::Complained),
        Some((_, since)) if !again(*since) => return Err(Why::OptedOut),
        _ => {}
    }
    match said {
        Some(_) if opted_in => Ok(()),
        Some((state, ..)) if state == Consent::OptedOut.key() => Err(Why::OptedOut),
        _ => Err(Why::NotOptedIn),
    }
}

/// A member of an audience, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub id: i64,
    pub name: Option<String>,
    pub address: Option<String>,
    pub why: Option<Why>,
}

/// How many are judged at a time.
const CHUNK: usize = 10_000;

/// Those who fit a filter, by id.
pub fn members(filter: &Filter, conn: &mut Conn) -> QueryResult<RoaringBitmap> {
    let found = customers::table.filter(filter.predicate()).select(Gathered("customers.id")).get_result(conn)?;
    Ok(gathered(found).filter_map(|id| u32::try_from(id).ok()).collect())
}

/// Judges them in the order of ids, a few thousand at a time.
pub fn each(
    whom: &RoaringBitmap,
    channel: Channel,
    key: &Key,
    conn: &mut Conn,
    see: &mut impl FnMut(Vec<Member>, &mut Conn) -> QueryResult<()>,
) -> QueryResult<()> {
    let suppressed = Suppressed::load(channel, conn)?;
    let mut taken = HashSet::new();
    let mut ids = whom.iter().map(i64::from);
    loop {
        let some: Vec<i64> = ids.by_ref().take(CHUNK).collect();
        if some.is_empty() {
            return Ok(());
        }
        let mut judged = Vec::with_capacity(some.len());
        for (id, name, address, said) in people(&some, channel, conn)? {
            let hidden = address.as_deref().and_then(|address| suppressed.get(key, channel, address));
            let mut why = judge(address.as_deref(), said.as_ref(), hidden).err();
            if why.is_none()
                && let Some(address) = &address
                && !taken.insert(addresses::normal(channel, address))
            {
                why = Some(Why::Duplicate);
            }
            judged.push(Member { id, name, address, why });
        }
        see(judged, conn)?;
    }
}

type Person = (i64, Option<String>, Option<String>, Option<Said>);

/// Name, address and what they said, of a few, by id.
pub fn people(ids: &[i64], channel: Channel, conn: &mut Conn) -> QueryResult<Vec<Person>> {
    let these = customers::table.filter(Among { column: "customers.id", ids: ids.to_vec() }).order(customers::id);
    let rows: Vec<(i64, Option<String>, Option<String>)> = match channel {
        Channel::Email => these.select((customers::id, customers::name, customers::email)).load(conn)?,
        Channel::Sms | Channel::Whatsapp => {
            these.select((customers::id, customers::name, customers::phone)).load(conn)?
        }
    };
    let mut said = said_by(ids, channel, None, conn)?;
    Ok(rows.into_iter().map(|(id, name, address)| (id, name, address, said.remove(&id))).collect())
}

/// What a few said about a channel.
fn said_by(ids: &[i64], channel: Channel, hold: Option<Hold>, conn: &mut Conn) -> QueryResult<HashMap<i64, Said>> {
    let said = consents::table
        .filter(Among { column: "consents.customer_id", ids: ids.to_vec() })
        .filter(consents::channel.eq(channel.key()))
        .order(consents::customer_id)
        .select((consents::customer_id, consents::state, consents::changed_at, consents::source));
    let said: Vec<(i64, String, NaiveDateTime, String)> = match hold {
        Some(hold) => Holding(said, hold).load(conn)?,
        None => said.load(conn)?,
    };
    Ok(said.into_iter().map(|(id, state, at, source)| (id, (state, at, source))).collect())
}

/// The addresses of a channel that get nothing any more.
struct Suppressed(HashMap<String, (String, NaiveDateTime)>);

impl Suppressed {
    fn load(channel: Channel, conn: &mut Conn) -> QueryResult<Suppressed> {
        Suppressed::these(Box::new(suppressions::channel.eq(channel.key())), conn)
    }

    fn these(which: On<suppressions::table>, conn: &mut Conn) -> QueryResult<Suppressed> {
        let rows: Vec<(String, String, NaiveDateTime)> = suppressions::table
            .filter(which)
            .select((suppressions::address, suppressions::reason, suppressions::at))
            .load(conn)?;
        Ok(Suppressed(rows.into_iter().map(|(address, reason, at)| (address, (reason, at))).collect()))
    }

    fn get(&self, key: &Key, channel: Channel, address: &str) -> Option<&(String, NaiveDateTime)> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&addresses::hash(key, channel, address))
    }
}

/// Those of some recipients who may not be written to now, and why; each with the address she has in the campaign. What
/// the others said stays said to the end of the transaction.
pub fn refused_now(
    whom: &[(i64, Option<&str>)],
    channel: Channel,
    key: &Key,
    conn: &mut Conn,
) -> QueryResult<HashMap<i64, Why>> {
    let ids: Vec<i64> = whom.iter().map(|(id, _)| *id).collect();
    let there = customers::table.filter(Among { column: "customers.id", ids: ids.clone() }).select(customers::id);
    let there: HashSet<i64> = there.load(conn)?.into_iter().collect();
    let said = said_by(&ids, channel, Some(Hold::Share), conn)?;
    let hashes: HashMap<i64, String> =
        whom.iter().filter_map(|(id, address)| Some((*id, addresses::hash(key, channel, (*address)?)))).collect();
    let listed = suppressions::address.eq_any(hashes.values().cloned().collect::<Vec<_>>());
    let suppressed = Suppressed::these(Box::new(suppressions::channel.eq(channel.key()).and(listed)), conn)?;
    let judge = |id: i64, address: Option<&str>| match there.contains(&id) {
        true => judge(address, said.get(&id), hashes.get(&id).and_then(|hash| suppressed.0.get(hash))),
        false => Err(Why::Deleted),
    };
    Ok(whom.iter().filter_map(|(id, address)| Some((*id, judge(*id, *address).err()?))).collect())
}

/// An audience in sums that add up: members are the reachable ones and each exclusion.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reach {
    pub members: i64,
    pub reachable: i64,
    why: HashMap<Why, i64>,
}

impl Reach {
    pub fn count(&mut self, judged: &[Member]) {
        self.members += judged.len() as i64;
        for member in judged {
            match member.why {
                None => self.reachable += 1,
                Some(why) => *self.why.entry(why).or_default() += 1,
            }
        }
    }

    /// Reasons that anybody has, in their order.
    pub fn excluded(&self) -> Vec<(Why, i64)> {
        Why::BEFORE.into_iter().filter_map(|why| Some((why, *self.why.get(&why)?))).collect()
    }

    /// Of everybody who fits a filter.
    pub fn of(filter: &Filter, channel: Channel, key: &Key, conn: &mut Conn) -> QueryResult<Reach> {
        let mut reach = Reach::default();
        let whom = members(filter, conn)?;
        each(&whom, channel, key, conn, &mut |judged, _| {
            reach.count(&judged);
            Ok(())
        })?;
        Ok(reach)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32) -> NaiveDateTime {
        chrono::NaiveDate::from_ymd_opt(2026, 11, 1).and_then(|day| day.and_hms_opt(hour, 0, 0)).unwrap_or_default()
    }

    #[test]
    fn who_opted_in_again_gets_mail_again_but_not_by_an_old_file() {
        let said = |state: &str, hour, source: &str| (state.to_string(), at(hour), source.to_string());
        let left = ("unsubscribed".to_string(), at(5));
        let address = Some("ana@example.com");
        assert_eq!(judge(address, Some(&said("opted_in", 1, "profile")), None), Ok(()));
        assert_eq!(judge(address, Some(&said("opted_in", 1, "profile")), Some(&left)), Err(Why::OptedOut));
        assert_eq!(judge(address, Some(&said("opted_in", 9, "profile")), Some(&left)), Ok(()));
        assert_eq!(judge(address, Some(&said("opted_in", 9, "import 3")), Some(&left)), Err(Why::OptedOut));
        assert_eq!(judge(address, None, None), Err(Why::NotOptedIn));
        assert_eq!(judge(Some(" "), Some(&said("opted_in", 1, "profile")), None), Err(Why::NoAddress));
        let bounced = ("bounced".to_string(), at(5));
        assert_eq!(judge(address, Some(&said("opted_in", 9, "profile")), Some(&bounced)), Err(Why::Bounced));
    }
}
