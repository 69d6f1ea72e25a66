//! Back to how it was before an import: from its last line to its first, in batches like those it came in. Whoever it made
//! goes, unless something happened to her since; whoever it changed gets back what she had, field by field, except where it
//! was changed since. Both are told, line by line.

use super::columns::Kind;
use super::difference::{self, Difference, TAGS};
use super::outcome::{Outcome, Remark, Settled};
use super::people::{Hand, People, State};
use super::plan::Key;
use super::run::Ground;
use super::{Import, Subject, store};
use crate::custom_fields::CustomField;
use crate::customers::Consent;
use crate::db::dialect;
use crate::db::nodes::Among;
use crate::db::schema::{
    customers, import_changes, import_corrections, import_lines, imports, past_taggings, purchases, segment_members,
    segment_pins, taggings,
};
use crate::db::{Conn, Db, Trouble};
use crate::jobs::{self, End, Sizes, Step, Steps};
use crate::purchases as bought;
use crate::tags::{self, Mark, Source, undo as tagging};
use crate::workspace::{Workspace, unspell};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Undoes what `holder` holds, to its end, or until it is taken away. True when it came to an end here.
pub fn work(import: &Import, holder: &str, db: &Db) -> Result<bool, Trouble> {
    let conn = &mut *db.conn()?;
    Ok(jobs::carry(&mut Undoing { import, holder }, db, conn)? == End::Over)
}

struct Undoing<'a> {
    import: &'a Import,
    holder: &'a str,
}

impl Steps for Undoing<'_> {
    type Error = Trouble;

    const SIZES: Sizes = Sizes { first: 200, least: 50, most: 5_000 };

    fn step(&mut self, size: usize, conn: &mut Conn) -> Result<Step, Trouble> {
        let import = self.import;
        if !import.held(self.holder, conn)? {
            return Ok(Step::Taken);
        }
        let here = Workspace::load(conn)?;
        let more = match import.plan.subject {
            Subject::Customers => customers_back(import, &here, size, conn)?,
            Subject::Purchases => purchases_back(import, size, conn)?,
        };
        if !more {
            unmake_tags(import, conn)?;
            import.undone(conn)?;
        }
        Ok(if more { Step::More } else { Step::Over })
    }

    /// One line that the database would not have undone, by itself: it is told, and the one before it is next.
    fn pass_over(&mut self, trouble: &Trouble, conn: &mut Conn) -> Result<(), Trouble> {
        let import = self.import;
        tracing::warn!(import = import.id, %trouble, "the database refused to undo a line of an import");
        if !import.held(self.holder, conn)? {
            return Ok(());
        }
        let Some(line) = lines(import, 1, conn)?.pop() else { return Ok(()) };
        let told = Told {
            tags: HashMap::new(),
            lines: vec![(line.number, vec![Left::whole("The database would not take it back.")])],
        };
        store::remarks(&told.settled(), import.id, conn)?;
        Ok(reach(import, line.number, 0, 1, conn)?)
    }
}

/// A line that did something.
struct Done {
    number: i64,
    customer: i64,
    created: bool,
    changes: Vec<Difference>,
    /// When it landed.
    at: NaiveDateTime,
}

/// The next lines to undo.
fn lines(import: &Import, size: usize, conn: &mut Conn) -> QueryResult<Vec<Done>> {
    let reached: i64 = imports::table.find(import.id).select(imports::reached).first(conn)?;
    let rows: Vec<(i64, String, Option<i64>)> = import_lines::table
        .filter(import_lines::import_id.eq(import.id))
        .filter(import_lines::line.lt(reached))
        .filter(import_lines::outcome.eq_any([Outcome::Created.key(), Outcome::Updated.key()]))
        .order(import_lines::line.desc())
        .limit(size as i64)
        .select((import_lines::line, import_lines::outcome, import_lines::customer_id))
        .load(conn)?;
    let (Some(first), Some(last)) = (rows.last(), rows.first()) else { return Ok(Vec::new()) };
    let span = first.0..=last.0;
    let changes: Vec<(i64, String)> = import_changes::table
        .filter(import_changes::import_id.eq(import.id))
        .filter(import_changes::line.between(*span.start(), *span.end()))
        .select((import_changes::line, import_changes::changes))
        .load(conn)?;
    let mut changes: HashMap<i64, String> = changes.into_iter().collect();
    let corrected: Vec<(i64, NaiveDateTime)> = import_corrections::table
        .filter(import_corrections::import_id.eq(import.id))
        .filter(import_corrections::line.between(*span.start(), *span.end()))
        .select((import_corrections::line, import_corrections::at))
        .load(conn)?;
    let corrected: HashMap<i64, NaiveDateTime> = corrected.into_iter().collect();
    let began = import.began_at.unwrap_or(import.created_at);
    let done = |(number, outcome, customer): (i64, String, Option<i64>)| {
        Some(Done {
            number,
            customer: customer?,
            created: outcome == Outcome::Created.key(),
            changes: changes.remove(&number).map(|kept| difference::read(&kept)).unwrap_or_default(),
            at: corrected.get(&number).copied().filter(|at| *at > began).unwrap_or(began),
        })
    };
    Ok(rows.into_iter().filter_map(done).collect())
}

/// Some lines of customers further. False at the end.
fn customers_back(import: &Import, here: &Workspace, size: usize, conn: &mut Conn) -> QueryResult<bool> {
    let done = lines(import, size, conn)?;
    let Some(last) = done.last() else { return Ok(false) };
    let reached = last.number;
    let ids: Vec<i64> = done.iter().map(|line| line.customer).collect::<BTreeSet<_>>().into_iter().collect();
    dialect::hold_customers(&ids, conn)?;
    // One moment for all that is undone, so that what was done here is known from what others do.
    let at = import.undone_at.unwrap_or_else(|| here.clock().stamp());
    let hand =
        Hand { at, actor: import.undone_by.clone().unwrap_or_default(), agent_id: None, ..Hand::of(import, here) };
    let known = CustomField::all(conn)?;
    let place = |custom: &super::custom::Custom| known.iter().find(|field| field.key == custom.key).cloned();
    let fields: Vec<Option<CustomField>> = import.plan.custom.iter().map(place).collect();
    let mut people = People::of(&ids, &hand, &fields, conn)?;
    let told = Told::new(tags_back(import, &done, &ids, &hand, conn)?);
    let mut back = Back { import, fields: &fields, people: &mut people, told, gone: HashSet::new() };
    back.free_keys(&done, conn)?;
    let strangers = strangers(import, &ids, at, conn)?;
    for line in &done {
        back.line(line, &strangers, at);
    }
    let Back { told, gone, .. } = back;
    let (restored, kept) = (done.len() as i64 - told.lines.len() as i64, told.lines.len() as i64);
    people.all.retain(|person| person.id.is_none_or(|id| !gone.contains(&id)));
    let ground = Ground { plan: &import.plan, here, hand: &hand, fields: &fields, last_known: import.last_known };
    // Whoever goes may have a key that somebody gets back.
    let gone: Vec<i64> = gone.into_iter().collect();
    diesel::delete(customers::table.filter(Among { column: "customers.id", ids: gone })).execute(conn)?;
    store::people(&mut people, &ground, conn)?;
    store::remarks(&told.settled(), import.id, conn)?;
    reach(import, reached, restored, kept, conn)?;
    Ok(true)
}

fn reach(import: &Import, reached: i64, restored: i64, kept: i64, conn: &mut Conn) -> QueryResult<()> {
    diesel::update(imports::table.find(import.id))
        .set((
            imports::reached.eq(reached),
            imports::restored.eq(imports::restored + restored),
            imports::kept.eq(imports::kept + kept),
        ))
        .execute(conn)
        .map(drop)
}

/// What was left as it is: line, column and reason.
struct Told {
    /// About tags, by customer; told at the last line about her.
    tags: HashMap<i64, Vec<String>>,
    lines: Vec<(i64, Vec<Left>)>,
}

/// Why something was left as it is; about one field, or about the whole of a customer.
#[derive(Default)]
struct Left {
    /// As people call the field.
    field: String,
    /// What the line had written there.
    value: String,
    reason: String,
}

impl Left {
    fn whole(reason: &str) -> Left {
        Left { reason: reason.into(), ..Left::default() }
    }
}

impl Told {
    fn new(tags: HashMap<i64, Vec<String>>) -> Told {
        Told { tags, lines: Vec::new() }
    }

    fn settled(&self) -> Vec<Settled> {
        let line = |(number, said): &(i64, Vec<Left>)| {
            let remark = |left: &Left| Remark {
                kind: Remark::KEPT,
                column: left.field.clone(),
                value: left.value.clone(),
                reason: left.reason.clone(),
                record: String::new(),
            };
            Settled { remarks: said.iter().map(remark).collect(), ..Settled::plain(*number, Outcome::Unchanged) }
        };
        self.lines.iter().map(line).collect()
    }
}

struct Back<'a> {
    import: &'a Import,
    fields: &'a [Option<CustomField>],
    people: &'a mut People,
    told: Told,
    gone: HashSet<i64>,
}

impl Back<'_> {
    /// Whoever has a key by now that somebody is to get back is looked at too.
    fn free_keys(&mut self, done: &[Done], conn: &mut Conn) -> QueryResult<()> {
        let mut wanted: HashMap<Key, Vec<&str>> = HashMap::new();
        for difference in done.iter().flat_map(|line| &line.changes) {
            let key = Key::STORED.into_iter().find(|key| key.key() == difference.field);
            if let (Some(key), Some(before)) = (key, &difference.before) {
                wanted.entry(key).or_default().push(before);
            }
        }
        for (key, values) in wanted {
            self.people.note_owners(key, &values, conn)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &Done, strangers: &HashMap<i64, &'static str>, undone_at: NaiveDateTime) {
        let mut said = Vec::new();
        match self.people.with_id(line.customer) {
            None if self.gone.contains(&line.customer) => {}
            None => said.push(Left::whole("She was deleted since.")),
            Some(at) if line.created => {
                let changed = self.people.all[at].updated_at.is_none_or(|at| at != line.at && at != undone_at);
                match strangers.get(&line.customer) {
                    Some(words) => said.push(Left::whole(words)),
                    None if changed => said.push(Left::whole("She was changed since, so she stays.")),
                    None => {
                        self.gone.insert(line.customer);
                        self.people.change(at, State::default(), line.number);
                        self.told.tags.remove(&line.customer);
                    }
                }
            }
            Some(at) => {
                for difference in &line.changes {
                    let mut now = self.people.all[at].now.clone();
                    match self.field_back(difference, at, &mut now) {
                        Ok(()) => self.people.change(at, now, line.number),
                        Err(reason) => said.push(Left {
                            field: difference::label(&difference.field, &self.import.plan),
                            value: difference.after.clone().unwrap_or_default(),
                            reason,
                        }),
                    }
                }
                for reason in self.told.tags.remove(&line.customer).unwrap_or_default() {
                    said.push(Left { field: "Tags".into(), reason, ..Left::default() });
                }
            }
        }
        if !said.is_empty() {
            self.told.lines.push((line.number, said));
        }
    }

    /// Puts back one field, where it still has what the line wrote.
    fn field_back(&self, difference: &Difference, at: usize, now: &mut State) -> Result<(), String> {
        const SINCE: &str = "It was changed since.";
        let Difference { field, before, after, .. } = difference;
        if field == TAGS {
            return Ok(());
        }
        if let Some(place) = self.import.plan.own_field(field) {
            let Some(kept) = self.fields.get(place).and_then(Option::as_ref) else {
                return Err("The field was deleted since.".into());
            };
            if now.custom.get(&place).map(|value| &value.text) != after.as_ref() {
                return Err(SINCE.into());
            }
            match before {
                None => drop(now.custom.remove(&place)),
                Some(text) => match kept.clean(text) {
                    Ok(Some(value)) => drop(now.custom.insert(place, value)),
                    _ => return Err(format!("“{text}” does not fit the field any more.")),
                },
            }
            return Ok(());
        }
        let column = self.import.plan.subject.columns().iter().find(|column| column.key == field);
        match column.map(|column| column.kind) {
            Some(Kind::Text { slot, .. }) => {
                let slot = slot(&mut now.draft);
                if slot != after {
                    return Err(SINCE.into());
                }
                let key = Key::STORED.into_iter().find(|key| key.key() == field);
                if let (Some(key), Some(value)) = (key, before)
                    && let Some(owner) = self.people.with(key, value).filter(|owner| *owner != at)
                {
                    return Err(format!("{} has her {} now.", self.people.all[owner].called(), key.words()));
                }
                slot.clone_from(before);
                let keys = [&now.draft.name, &now.draft.email, &now.draft.phone, &now.draft.external_id];
                if keys.into_iter().all(Option::is_none) {
                    return Err("Nothing would be left to know her by.".into());
                }
            }
            Some(Kind::Time { slot, .. }) => {
                let slot = slot(&mut now.draft);
                if *slot != after.as_deref().and_then(unspell) {
                    return Err(SINCE.into());
                }
                *slot = before.as_deref().and_then(unspell);
            }
            Some(Kind::Consent(channel)) => {
                let read = |word: &Option<String>| word.as_deref().and_then(Consent::parse).unwrap_or_default();
                if now.said(channel) != read(after) {
                    return Err(SINCE.into());
                }
                *now.consent(channel) = read(before);
            }
            _ => return Err("Muster does not know this field any more.".into()),
        }
        Ok(())
    }
}

/// Takes back the tags that these lines gave and gives back those they took; what was changed since is told, by customer.
fn tags_back(
    import: &Import,
    done: &[Done],
    ids: &[i64],
    hand: &Hand,
    conn: &mut Conn,
) -> QueryResult<HashMap<i64, Vec<String>>> {
    let mut given: HashMap<(i64, i64), bool> = HashMap::new();
    // From the last line to the first: what a later line took away again was not there any more at the end.
    for line in done {
        for difference in line.changes.iter().filter(|difference| difference.field == TAGS) {
            for (tags, on) in [(&difference.off, false), (&difference.on, true)] {
                for tag in tags {
                    given.entry((line.customer, *tag)).or_insert(on);
                }
            }
        }
    }
    let source = Source::Import(import.id);
    // A batch before this one has seen to those already.
    let seen: Vec<(i64, i64)> = past_taggings::table
        .filter(past_taggings::source.eq(source.key()))
        .filter(past_taggings::source_id.eq(import.id))
        .filter(past_taggings::ended_source.eq(source.key()))
        .filter(past_taggings::ended_source_id.eq(import.id))
        .filter(Among { column: "past_taggings.customer_id", ids: ids.to_vec() })
        .select((past_taggings::customer_id, past_taggings::tag_id))
        .load(conn)?;
    for pair in seen {
        given.remove(&pair);
    }
    let added: Vec<(i64, i64)> = given.into_iter().filter(|(_, on)| *on).map(|(pair, _)| pair).collect();
    let mark = Mark { actor: hand.actor.clone(), agent_id: None, source, at: hand.at, lasting: tags::Lasting::Unsaid };
    tagging::back(&added, ids, &mark, conn)
}

/// Who has something by now that is not this import's, and what: then she stays.
fn strangers(
    import: &Import,
    ids: &[i64],
    at: NaiveDateTime,
    conn: &mut Conn,
) -> QueryResult<HashMap<i64, &'static str>> {
    let mut found = HashMap::new();
    macro_rules! who {
        ($table:ident, $column:literal, $words:literal $(, $filter:expr)?) => {
            let asked = $table::table.filter(Among { column: $column, ids: ids.to_vec() })$(.filter($filter))?;
            for id in asked.select($table::customer_id).distinct().load::<i64>(conn)? {
                found.entry(id).or_insert($words);
            }
        };
    }
    who!(purchases, "purchases.customer_id", "She has bought something since, so she stays.");
    who!(segment_members, "segment_members.customer_id", "She was put into a segment since, so she stays.");
    who!(segment_pins, "segment_pins.customer_id", "She was pinned to a segment since, so she stays.");
    let theirs = taggings::source
        .ne(Source::Import(import.id).key())
        .or(taggings::source_id.is_not_null().and(taggings::source_id.assume_not_null().ne(import.id)));
    who!(taggings, "taggings.customer_id", "She was tagged since, so she stays.", theirs.and(tags::on(at)));
    Ok(found)
}

/// Some purchases further. False at the end.
fn purchases_back(import: &Import, size: usize, conn: &mut Conn) -> QueryResult<bool> {
    let theirs: Vec<(i64, i64)> = purchases::table
        .filter(purchases::import_id.eq(import.id))
        .order(purchases::id.desc())
        .limit(size as i64)
        .select((purchases::id, purchases::customer_id))
        .load(conn)?;
    if theirs.is_empty() {
        return Ok(false);
    }
    let buyers: Vec<i64> = theirs.iter().map(|(_, customer)| *customer).collect::<BTreeSet<_>>().into_iter().collect();
    dialect::hold_customers(&buyers, conn)?;
    let ids: Vec<i64> = theirs.iter().map(|(id, _)| *id).collect();
    let count = ids.len() as i64;
    diesel::delete(purchases::table.filter(Among { column: "purchases.id", ids })).execute(conn)?;
    bought::recount(&buyers, conn)?;
    reach(import, import.reached, count, 0, conn)?;
    Ok(true)
}

/// Tags that the import made go too, if nobody carries, carried or asks for them by now.
fn unmake_tags(import: &Import, conn: &mut Conn) -> QueryResult<()> {
    match import.began_at {
        Some(began) => tags::uses::unmake(import.id, began, conn),
        None => Ok(()),
    }
}
