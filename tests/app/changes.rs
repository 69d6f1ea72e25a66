//! The change log: whatever the product writes is told by source, key and customer, and nothing else is.

use crate::support::imports::import_with;
use crate::support::log::*;
use crate::support::*;
use chrono::{NaiveDateTime, TimeDelta};
use muster::agents::Caller;
use muster::custom_fields::{self, CustomField};
use muster::customers::{By, Channel, Consent, Customer, Draft, set_consent};
use muster::db::{Conn, Db, Trouble};
use muster::filters::Rule;
use muster::filters::fields::Fields;
use muster::purchases::{self, Bought};
use muster::segments::{Kind, Segment, Wish, members};
use muster::tags::{self, Mark, Source, Tag};

/// After the world was made.
fn later() -> NaiveDateTime {
    clock().stamp() + TimeDelta::hours(1)
}

fn known<T>(db: &Db, work: impl FnOnce(&mut Conn) -> T) -> T {
    db.read_now::<_, Trouble>(|conn| Ok(work(conn))).expect("an answer")
}

fn tag(name: &str, db: &Db) -> Tag {
    known(db, |conn| Tag::find(name, conn).unwrap().expect("a tag of the world"))
}

#[test]
fn a_customer_comes_is_edited_and_goes() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        audiences(&db);
        let mut watch = Watch::over(&db);
        let later = muster::workspace::Clock { now: later().and_utc(), ..clock() };
        let mut fay = 0;
        let made = watch.after(|conn| fay = Customer::create(&Draft::default(), &by(&later), conn).unwrap().id);
        assert_eq!(made, [rows(&[fay])]);

        let ana = known(&db, |conn| Customer::find(people.ana, conn).unwrap().unwrap());
        let draft = Draft { city: Some("Rio".into()), language: Some("pt".into()), ..Draft::from(&ana) };
        let moved = watch.after(|conn| ana.update(&draft, &by(&later), conn).unwrap());
        assert_eq!(moved, [edited(&["city_folded", "language_folded", "updated_at"], &[people.ana])]);
        let again = known(&db, |conn| Customer::find(people.ana, conn).unwrap().unwrap());
        assert_eq!(watch.after(|conn| again.update(&draft, &by(&later), conn).unwrap()), []);

        // With all that is hers. Ana is in the segment Picked.
        let (vip, fields) = (tag("VIP", &db).id, known(&db, |conn| CustomField::known(conn).unwrap()));
        let picked = known(&db, |conn| Segment::list(&Caller::command_line(), conn).unwrap());
        let picked = picked.iter().find(|segment| segment.name == "Picked").unwrap().id;
        let gone = watch.after(|conn| Customer::delete(people.ana, conn).unwrap());
        let ana = &[people.ana];
        let mut all = vec![rows(ana), tagged(vip, ana), consented(1, ana), member(picked, ana)];
        all.extend(fields.iter().map(|field| valued(field.id, ana)));
        all.push(bought(ana));
        all.sort_by_key(|change| (change.source, change.key));
        assert_eq!(gone, all);
        assert_eq!(watch.after(|conn| Customer::delete(people.ana, conn).unwrap()), []);
    });
}

#[test]
fn a_tag_is_put_on_taken_off_renamed_and_deleted() {
    for_each_database(|db| {
        let people = world(&db);
        let (vip, wholesale) = (tag("VIP", &db), tag("Wholesale", &db));
        let mark = Mark::of(&Caller::command_line(), Source::Api, later());
        let after = Mark { at: later() + TimeDelta::hours(1), ..mark.clone() };
        let mut watch = Watch::over(&db);
        let put = watch.after(|conn| tags::add(people.di, vip.id, &mark, conn).unwrap());
        assert_eq!(put, [edited(&["updated_at"], &[people.di]), tagged(vip.id, &[people.di])]);
        assert_eq!(watch.after(|conn| tags::add(people.di, vip.id, &mark, conn).unwrap()), []);
        let off = watch.after(|conn| tags::remove(people.di, vip.id, &after, conn).unwrap());
        assert_eq!(off, [edited(&["updated_at"], &[people.di]), tagged(vip.id, &[people.di])]);
        assert_eq!(watch.after(|conn| tags::remove(people.di, vip.id, &after, conn).unwrap()), []);

        let draft =
            |name: &str, description: &str| tags::Draft { description: description.into(), ..tags::Draft::named(name) };
        assert_eq!(watch.after(|conn| Tag::find_or_create("New", conn, later()).unwrap()), []);
        assert_eq!(watch.after(|conn| Tag::find_or_create("New", conn, later()).unwrap()), []);
        assert_eq!(watch.after(|conn| vip.update(&draft("Gold", ""), conn, later()).unwrap()), [names()]);
        assert_eq!(watch.after(|conn| vip.update(&draft("GOLD", "Best"), conn, later()).unwrap()), []);
        let three = [people.ana, people.cy, people.eva];
        assert_eq!(watch.after(|conn| Tag::delete(vip.id, &mark, conn).unwrap()), [tagged(vip.id, &three)]);
        let two = tagged(wholesale.id, &[people.bo, people.cy]);
        assert_eq!(watch.after(|conn| Tag::delete(wholesale.id, &mark, conn).unwrap()), [two]);
    });
}

#[test]
fn a_purchase_is_told_with_the_sums_it_changes() {
    for_each_database(|db| {
        let people = world(&db);
        let boots = |number: &str, at| Bought {
            external_id: Some(number.into()),
            product: Some("Boots".into()),
            amount: 500,
            currency: "EUR".into(),
            at,
        };
        let mut watch = Watch::over(&db);
        let (ana, di) = (people.ana, people.di);
        let record = |who, bought: Bought| move |conn: &mut Conn| purchases::record(who, &bought, conn).unwrap().1;
        // Ana bought yesterday; Di never did.
        let sums = ["purchase_count", "total_spent", "last_purchase_at"];
        assert_eq!(watch.after(record(ana, boots("A", later()))), [edited(&sums, &[ana]), bought(&[ana])]);
        assert_eq!(watch.after(record(ana, boots("A", later()))), []);
        let between = clock().stamp();
        assert_eq!(watch.after(record(ana, boots("B", between))), [edited(&sums[..2], &[ana]), bought(&[ana])]);
        let sums = ["purchase_count", "total_spent", "first_purchase_at", "last_purchase_at"];
        assert_eq!(watch.after(record(di, boots("C", later()))), [edited(&sums, &[di]), bought(&[di])]);
        assert_eq!(watch.after(|conn| purchases::recount(&[ana, di], conn).unwrap()), []);

        let many = [(ana, boots("D", between)), (di, boots("E", later())), (ana, boots("F", between))];
        let told = watch.after(|conn| purchases::record_all(&many, None, conn).unwrap());
        assert_eq!(told, [edited(&sums[..2], &[ana, di]), bought(&[ana, di])]);

        // By hand: one changes hands, one goes, one has another number. Then the sums.
        assert_eq!(
            watch.after_sql(&format!("UPDATE purchases SET customer_id = {} WHERE external_id = 'C'", people.eva)),
            [bought(&[di, people.eva])]
        );
        assert_eq!(watch.after_sql("DELETE FROM purchases WHERE external_id = 'A'"), [bought(&[ana])]);
        assert_eq!(watch.after_sql("UPDATE purchases SET amount = 600 WHERE external_id = 'B'"), [bought(&[ana])]);
        assert_eq!(watch.after_sql("UPDATE purchases SET external_id = 'X' WHERE external_id = 'B'"), []);
        assert_eq!(watch.after_sql("UPDATE purchases SET amount = amount"), []);
        let told = watch.after(|conn| purchases::recount(&[ana, di, people.eva], conn).unwrap());
        let eva = edited(&["purchase_count", "total_spent", "first_purchase_at"], &[people.eva]);
        let both = edited(&["purchase_count", "total_spent"], &[di]);
        let ana = edited(&["purchase_count", "total_spent", "last_purchase_at"], &[ana]);
        assert_eq!(told, [both, eva, ana]);
    });
}

#[test]
fn a_consent_is_told_by_its_channel_and_a_value_by_its_field() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let mut watch = Watch::over(&db);
        let say = |channel, consent, hour| {
            move |conn: &mut Conn| {
                let at = clock().stamp() + TimeDelta::hours(hour);
                set_consent(people.ana, channel, consent, &By { at, ..by(&clock()) }, conn).unwrap()
            }
        };
        let ana = &[people.ana];
        let told = |key| vec![edited(&["updated_at"], ana), consented(key, ana)];
        assert_eq!(watch.after(say(Channel::Email, Consent::OptedOut, 1)), told(1));
        assert_eq!(watch.after(say(Channel::Email, Consent::OptedOut, 2)), []);
        assert_eq!(watch.after(say(Channel::Sms, Consent::OptedIn, 3)), told(2));
        assert_eq!(watch.after(say(Channel::Whatsapp, Consent::OptedIn, 4)), told(3));
        assert_eq!(watch.after(say(Channel::Whatsapp, Consent::Unknown, 5)), told(3));

        let fields = known(&db, |conn| CustomField::known(conn).unwrap());
        let plan = fields.iter().find(|field| field.key == "plan").unwrap();
        let set = |typed: &str| {
            let value = plan.clean(typed).unwrap();
            move |conn: &mut Conn| custom_fields::set(people.bo, plan, value.as_ref(), &by(&clock()), conn).unwrap()
        };
        let told = [valued(plan.id, &[people.bo])];
        assert_eq!(watch.after(set("basic")), told);
        assert_eq!(watch.after(set("pro")), told);
        assert_eq!(watch.after(set("pro")), []);
        assert_eq!(watch.after(set("")), told);
        let others = valued(plan.id, &[people.ana, people.cy, people.di, people.eva]);
        assert_eq!(watch.after(|conn| plan.delete(conn, later()).unwrap()), [others]);
    });
}

#[test]
fn members_come_and_go_with_their_segment() {
    for_each_database(|db| {
        let people = world(&db);
        let (caller, clock) = (Caller::command_line(), clock());
        let rule = |text: &str| Rule::read(text, Fields::built_in()).unwrap();
        let wish =
            |name: &str, kind, text: &str| Wish { name: name.into(), kind, rule: Some(rule(text)), private: false };
        let mut watch = Watch::over(&db);
        let chosen = wish("Picked", Kind::Static, "name is any of (Ana, Di)");
        let mut made = None;
        let told = watch.after(|conn| made = Some(Segment::create(&chosen, &caller, conn, &clock).unwrap()));
        let segment = made.unwrap();
        assert_eq!(told, [member(segment.id, &[people.ana, people.di]), asked(segment.id)]);
        let (di, eva) = (people.di, people.eva);
        let told = watch.after(|conn| members::add(&segment, &[di, eva], conn, &clock).unwrap());
        assert_eq!(told, [member(segment.id, &[eva])]);
        let told = watch.after(|conn| members::remove(&segment, &[di, people.bo], conn, &clock).unwrap());
        assert_eq!(told, [member(segment.id, &[di])]);
        let left = member(segment.id, &[people.ana, eva]);
        assert_eq!(watch.after(|conn| segment.delete(&caller, conn, &clock).unwrap()), [left, asked(segment.id)]);
    });
}

#[test]
fn a_segment_that_asks_something_else_is_told() {
    for_each_database(|db| {
        world(&db);
        let (caller, clock) = (Caller::command_line(), clock());
        let wish = |name: &str, text: &str| {
            let rule = Some(Rule::read(text, Fields::built_in()).unwrap());
            Wish { name: name.into(), kind: Kind::Dynamic, rule, private: false }
        };
        let mut watch = Watch::over(&db);
        let mut made = None;
        let all = wish("All of them", "everyone");
        let told = watch.after(|conn| made = Some(Segment::create(&all, &caller, conn, &clock).unwrap()));
        let mut segment = made.unwrap();
        assert_eq!(told, [asked(segment.id)]);
        let mut becomes = |wish: Wish, watch: &mut Watch| {
            watch.after(|conn| segment = segment.update(&wish, &[], &caller, conn, &clock).unwrap())
        };
        let told = becomes(wish("Swedes", "country is SE"), &mut watch);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(becomes(wish("People of Sweden", "country is SE"), &mut watch), [], "it is only called otherwise");
        assert_eq!(watch.after(|conn| segment.delete(&caller, conn, &clock).unwrap()), told);
    });
}

#[test]
fn an_import_is_told_like_everything_else() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let vip = tag("VIP", &db).id;
        let mut watch = Watch::over(&db);
        let text = "email,city,tags,plan\nbo@example.org,Oslo,VIP,gold\nnew@example.org,,VIP,\nana@example.com,,VIP,\n";
        let done = import_with(&db, text, |_| {});
        assert_eq!(done.sums(), [1, 1, 1, 0, 0, 0]);
        let new = people.eva + 1;
        let plan = known(&db, |conn| CustomField::known(conn).unwrap());
        let plan = plan.iter().find(|field| field.key == "plan").unwrap().id;
        let city = edited(&["city_folded", "updated_at"], &[people.bo]);
        assert_eq!(watch.changes(), [rows(&[new]), city, tagged(vip, &[people.bo, new]), valued(plan, &[people.bo])]);
        assert_eq!(import_with(&db, text, |_| {}).sums(), [0, 0, 3, 0, 0, 0]);
        assert_eq!(watch.changes(), []);
    });
}
