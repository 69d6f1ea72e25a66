//! Pages of lists, found in every way there is: the same customers in the same order.

use super::support::*;
use chrono::TimeDelta;
use diesel::prelude::*;
use fastrand::Rng;
use muster::agents::Caller;
use muster::customers::list::{COLUMNS, List, Page, Set, Sort, Ways};
use muster::customers::{Customer, Draft};
use muster::db::schema::customers;
use muster::db::{Conn, Trouble};
use muster::filters::fields::Fields;
use muster::filters::sets::Ids;
use muster::filters::{Filter, Predicate, Rule};
use muster::tags::{self, Mark, Source, Tag};

/// Every way from a set to its page: the list of ids, the walk in fitting, small and large batches, the walk that is given up at
/// once, and the one that is given up on the way.
pub const WAYS: [Ways; 6] = [
    Ways { list: u64::MAX, batch: Some(200), patience: 12 },
    Ways { list: 0, batch: None, patience: 12 },
    Ways { list: 0, batch: Some(3), patience: u64::MAX },
    Ways { list: 0, batch: Some(1000), patience: u64::MAX },
    Ways { list: 0, batch: Some(5), patience: 0 },
    Ways { list: 20, batch: Some(2), patience: 1 },
];

/// Customers with few different values, so that ties are many, and with missing ones everywhere.
pub fn crowd(many: i64, dice: &mut Rng, conn: &mut Conn) -> Vec<i64> {
    let mut made = Vec::new();
    for n in 0..many {
        let mut word =
            |words: &[&str]| Some(words[dice.usize(..words.len())].to_string()).filter(|word| !word.is_empty());
        let draft = Draft {
            name: word(&["Zoë", "zoe", "", "Åsa", "Ana", "_b", "Ö"]),
            email: word(&["", "x"]).map(|x| format!("{x}{n}@example.com")),
            phone: word(&["", "+4670", "+5511"]).map(|start| format!("{start}{:07}", n * 37 % 1000)),
            external_id: word(&["", "C", "c"]).map(|start| format!("{start}{:03}", n * 13 % 1000)),
            country: word(&["SE", "", "NO", "SE"]),
            city: word(&["São Paulo", "sao paulo", "", "100%"]),
            language: word(&["sv", "", "en"]),
            created_at: Some(clock().stamp() - TimeDelta::days(dice.i64(0..9))),
            last_seen_at: Some(clock().stamp() - TimeDelta::days(dice.i64(0..9))).filter(|_| dice.bool()),
        };
        let id = Customer::create(&draft, &by(&clock()), conn).expect("a customer").id;
        let bought = Some(clock().stamp() - TimeDelta::days(dice.i64(0..9))).filter(|_| dice.bool());
        diesel::update(customers::table.find(id))
            .set((
                customers::updated_at.eq(clock().stamp() - TimeDelta::days(dice.i64(0..4))),
                customers::purchase_count.eq(dice.i64(0..4)),
                customers::total_spent.eq(dice.i64(0..4) * 1000),
                customers::first_purchase_at.eq(bought),
                customers::last_purchase_at.eq(bought.map(|at| at + TimeDelta::days(1))),
            ))
            .execute(conn)
            .expect("what she bought");
        made.push(id);
    }
    made
}

/// One to three columns, either way.
fn order(dice: &mut Rng) -> Sort {
    let columns: Vec<&str> = COLUMNS.iter().filter(|column| column.by.is_some()).map(|column| column.key).collect();
    let word =
        |dice: &mut Rng| format!("{}{}", if dice.bool() { "-" } else { "" }, columns[dice.usize(..columns.len())]);
    let words: Vec<String> = (0..dice.usize(1..=3)).map(|_| word(dice)).collect();
    Sort::parse(&words.join(",")).expect("an order")
}

/// What is to be the same, whichever way a page was found.
fn spoken(list: &List) -> (Vec<i64>, i64, i64, &Option<String>, &Option<String>) {
    (list.rows.iter().map(|row| row.customer.id).collect(), list.total, list.from, &list.previous, &list.next)
}

/// A filter, the set of those it selects, and what it says of the spending of all of them.
struct Asked {
    filter: Filter,
    ids: Ids,
    spent: Option<i64>,
}

impl Asked {
    /// Some get a tag of their own; half of the time only those who spent something are asked for.
    fn some(people: &[i64], number: usize, dice: &mut Rng, conn: &mut Conn) -> Asked {
        let mark = Mark::of(&Caller::command_line(), Source::Import(1), clock().stamp());
        let (tag, _) = Tag::find_or_create(&format!("T{number}"), conn, clock().stamp()).expect("a tag");
        let share = [0.02, 0.3, 0.9][dice.usize(..3)];
        for id in people.iter().filter(|_| dice.f64() < share) {
            tags::add(*id, tag.id, &mark, conn).expect("a tagging");
        }
        let spent = Some(1000).filter(|_| dice.bool());
        let text = format!("tags contains T{number}{}", if spent.is_some() { " and total_spent >= 10" } else { "" });
        let filter = Filter::check(&Rule::read(&text, Fields::built_in()).expect("a rule"), conn, &clock());
        let mut asked = Asked { filter: filter.expect("a filter"), ids: Ids::new(), spent };
        asked.ask_again(conn);
        asked
    }

    fn ask_again(&mut self, conn: &mut Conn) {
        let ids = customers::table.filter(self.filter.predicate()).select(customers::id).load::<i64>(conn);
        self.ids = ids.expect("ids").into_iter().map(|id| u32::try_from(id).expect("32 bits")).collect();
    }

    /// The page by SQL, which must be the page out of the set.
    fn page(&self, page: &Page, ways: Ways, conn: &mut Conn) -> List {
        let by_sql = List::load_by_sql(&self.filter, page, conn).expect("a list by SQL");
        let spent = self.spent.filter(|_| page.sort.spell().trim_start_matches('-').starts_with("total_spent"));
        let near = || spent.map(|spent| -> Predicate { Box::new(customers::total_spent.ge(spent)) });
        let set = Set { ids: &self.ids, near: &near, ways };
        let from_set = List::load_in(set, page, clock().stamp(), conn).expect("a list out of a set");
        assert_eq!(spoken(&from_set), spoken(&by_sql), "{page:?}, {ways:?}, {} ids", self.ids.len());
        from_set
    }
}

#[test]
fn a_page_out_of_a_set_is_the_page_of_the_filter() {
    for_each_database(|db| {
        db.write_now::<_, Trouble>(|conn| {
            let mut dice = Rng::with_seed(20_260_908);
            let mut people = crowd(240, &mut dice, conn);
            for number in 0..24 {
                let mut asked = Asked::some(&people, number, &mut dice, conn);
                let (sort, ways) = (order(&mut dice), WAYS[number % WAYS.len()]);
                let limit = dice.i64(5..=60);
                let mut page = Page::first(sort.clone(), limit);
                // Forwards through all pages, then back to the first, while customers go.
                let mut back = false;
                loop {
                    let list = asked.page(&page, ways, conn);
                    if dice.u8(..4) == 0 {
                        // Often one the next page begins at.
                        let ends = [list.rows.first(), list.rows.last()].map(|row| row.map(|row| row.customer.id));
                        let gone = ends[dice.usize(..2)].unwrap_or(people[dice.usize(..people.len())]);
                        Customer::delete(gone, conn)?;
                        people.retain(|id| *id != gone);
                        asked.ask_again(conn);
                    }
                    back |= list.next.is_none();
                    let Some(cursor) = (if back { list.previous } else { list.next }) else { break };
                    page = Page::read(sort.clone(), Some(&cursor), limit).expect("a page");
                }
            }
            Ok(())
        })
        .expect("lists");
    });
}

#[test]
fn a_list_is_read_off_the_set_in_the_order_of_ids_whatever_a_cursor_says() {
    use base64::Engine;
    for_each_database(|db| {
        db.write_now::<_, Trouble>(|conn| {
            let mut dice = Rng::with_seed(7);
            let people = crowd(30, &mut dice, conn);
            let asked = Asked::some(&people, 0, &mut dice, conn);
            for id in [i64::MIN, -1, 0, people[9], people[9] + 1, u32::MAX.into(), i64::from(u32::MAX) + 1, i64::MAX] {
                for back in [false, true] {
                    let cursor = format!("[\"\",{back},5,[],{id}]");
                    let cursor = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(cursor);
                    asked.page(&Page::read(Sort::default(), Some(&cursor), 5).expect("a page"), WAYS[2], conn);
                }
            }
            Ok(())
        })
        .expect("lists");
    });
}
