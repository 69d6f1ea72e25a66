//! Filters that ask for campaigns: how one is named, and that answers follow what becomes of each message.

use crate::support::log::*;
use crate::support::*;
use diesel::prelude::*;
use muster::db::schema::{campaign_recipients as recipients, campaigns, customers};
use muster::db::{Conn, Db, Trouble};
use muster::filters::builder::Builder;
use muster::filters::fields::Fields;
use muster::filters::sets::{Sets, Snapshot};
use muster::filters::{Filter, Rule, why};

fn with<T>(db: &Db, work: impl FnOnce(&mut Conn) -> T) -> T {
    db.write_now::<_, Trouble>(|conn| Ok(work(conn))).expect("an answer")
}

fn check(asked: &str, conn: &mut Conn) -> Filter {
    let rule = Rule::read(asked, Fields::built_in()).unwrap_or_else(|mistake| panic!("{asked}: {mistake}"));
    Filter::check(&rule, conn, &clock()).expect("a filter")
}

/// Whom it selects, by SQL and as a set.
fn who(filter: &Filter, conn: &mut Conn) -> String {
    let people = customers::table.filter(filter.predicate()).order((customers::name_folded, customers::id));
    let found: Vec<(i64, Option<String>)> = people.select((customers::id, customers::name)).load(conn).expect("people");
    let set = Snapshot::alone(conn).matching(filter).expect("a set");
    let mut ids: Vec<u32> = found.iter().map(|(id, _)| *id as u32).collect();
    ids.sort_unstable();
    assert_eq!(set.iter().collect::<Vec<_>>(), ids, "as a set: {}", filter.text());
    found.into_iter().filter_map(|(_, name)| name).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_campaign_is_named_by_name_and_meant_by_id() {
    for_each_database(|db| {
        let people = world(&db);
        let [autumn, winter] = mailings(&people, &db);
        with(&db, |conn| {
            let filter = check("campaigns was sent \" autumn \"", conn);
            assert_eq!(filter.text(), "campaigns was sent Autumn");
            assert_eq!(filter.sentence(), "Sent Autumn");
            assert_eq!(filter.rule().to_json()["all"][0]["value"], autumn);
            for spelled in [
                format!("campaigns was sent \"#{autumn}\""),
                format!("{{\"field\":\"campaigns\",\"op\":\"was_sent\",\"value\":{autumn}}}"),
                "{\"field\":\"campaigns\",\"op\":\"was_sent\",\"value\":\"Autumn\"}".into(),
                "{\"field\":\"campaigns\",\"op\":\"was_sent\",\"value\":{\"campaign\":\"Autumn\"}}".into(),
            ] {
                assert_eq!(check(&spelled, conn).rule(), filter.rule(), "{spelled}");
            }
            let any = check("campaigns was not sent ANY", conn);
            assert_eq!(any.text(), "campaigns was not sent any");
            assert_eq!(any.sentence(), "Not sent any campaign");
            assert_eq!(any.rule().to_json()["all"][0]["value"], "any");
            assert_eq!(who(&any, conn), "Bo, Eva");

            // A name that is given again means the newer one; who meant the older still does, and says so.
            let again = campaign("autumn", conn);
            recipient(again, people.eva, "sent", false, conn);
            assert_eq!(who(&check("campaigns was sent Autumn", conn), conn), "Eva");
            let kept = check(&filter.rule().to_json().to_string(), conn);
            assert_eq!(kept.text(), format!("campaigns was sent \"Autumn #{autumn}\""));
            assert_eq!(check(&kept.text(), conn).rule(), kept.rule());
            assert_eq!(who(&kept, conn), "Ana, Cy");

            diesel::update(campaigns::table.find(autumn)).set(campaigns::name.eq("Harvest")).execute(conn).unwrap();
            let kept = check(&filter.rule().to_json().to_string(), conn);
            assert_eq!((kept.text().as_str(), who(&kept, conn).as_str()), ("campaigns was sent Harvest", "Ana, Cy"));

            // One that is called like the word for all of them.
            diesel::update(campaigns::table.find(winter)).set(campaigns::name.eq("Any")).execute(conn).unwrap();
            let called = check("campaigns was sent \"any\"", conn);
            assert_eq!(called.text(), "campaigns was sent \"Any\"");
            assert_eq!(who(&called, conn), "Di");
            let builder = Builder::of(&called, "", &mut Snapshot::alone(conn)).unwrap().to_string();
            let drawn = |quoted: &str| builder.contains(&format!("value=\"{quoted}Any{quoted}\""));
            assert!(drawn("&#34;") || drawn("&quot;"), "{builder}");
        });
    });
}

#[test]
fn a_campaign_that_is_not_there_is_told_on_its_row() {
    for_each_database(|db| {
        let people = world(&db);
        let [autumn, _] = mailings(&people, &db);
        with(&db, |conn| {
            let told = |asked: &str, conn: &mut Conn| {
                let filter = check(asked, conn);
                assert_eq!(who(&filter, conn), "", "{asked}");
                filter.problems()[0].words.clone()
            };
            assert!(told("campaigns was not sent Spring", conn).contains("There is no campaign “Spring”"));
            assert!(told("campaigns was not sent \"any\"", conn).contains("There is no campaign “any”"));
            assert!(told("campaigns failed ?", conn).contains("Choose a campaign, or any"));
            diesel::delete(campaigns::table.find(autumn)).execute(conn).unwrap();
            let kept = format!("{{\"field\":\"campaigns\",\"op\":\"was_not_sent\",\"value\":{autumn}}}");
            assert!(told(&kept, conn).contains(&format!("Campaign #{autumn} was deleted")));
        });
    });
}

#[test]
fn one_sees_what_became_of_her_messages() {
    for_each_database(|db| {
        let people = world(&db);
        mailings(&people, &db);
        with(&db, |conn| {
            let value = |asked: &str, who: i64, conn: &mut Conn| {
                let answer = why::explain(&check(asked, conn), who, conn).unwrap().unwrap();
                answer.rows[0].value.clone()
            };
            let (autumn, any) = ("campaigns was sent Autumn", "campaigns was sent any");
            assert_eq!(value(autumn, people.cy, conn), "Autumn: sent, clicked unsubscribe");
            assert_eq!(value(any, people.ana, conn), "Winter: failed; Autumn: sent");
            diesel::delete(recipients::table).execute(conn).unwrap();
            assert_eq!(
                (value(autumn, people.cy, conn), value(any, people.cy, conn)),
                ("not in it".into(), "in none".into())
            );
        });
    });
}

#[test]
fn the_log_tells_what_conditions_can_tell_apart_and_nothing_else() {
    for_each_database(|db| {
        let people = world(&db);
        let [autumn, winter] = mailings(&people, &db);
        let mut watch = Watch::over(&db);
        let (ana, bo, cy, di, eva) = (people.ana, people.bo, people.cy, people.di, people.eva);
        let next = with(&db, |conn| {
            let next = campaign("Spring", conn);
            [ana, bo, cy, di].into_iter().for_each(|who| recipient(next, who, "waiting", false, conn));
            next
        });
        assert_eq!(watch.changes(), [], "an audience is frozen");
        let set =
            |what: &str, who: &str| format!("UPDATE campaign_recipients SET {what} WHERE campaign_id = {next} {who}");
        let of = |who: i64| format!("AND customer_id = {who}");
        assert_eq!(watch.after_sql(&set("status = 'sending', held_by = 'x'", "")), [], "they are on the way");
        let two = format!("AND customer_id IN ({ana}, {bo})");
        assert_eq!(watch.after_sql(&set("status = 'sent'", &two)), [reached(next, &[ana, bo])]);
        assert_eq!(watch.after_sql(&set("status = 'sent', said = 'ok', settled_at = due_at", &two)), []);
        assert_eq!(watch.after_sql(&set("status = 'failed'", &of(cy))), [reached(next, &[cy])]);
        assert_eq!(watch.after_sql(&set("status = 'waiting'", &of(cy))), [reached(next, &[cy])], "once more");
        assert_eq!(watch.after_sql(&set("status = 'uncertain'", &of(di))), []);
        assert_eq!(watch.after_sql(&set("unsubscribed_at = due_at", &of(di))), [reached(next, &[di])]);
        assert_eq!(watch.after_sql(&set("unsubscribed_at = '2020-01-01 00:00:00'", &of(di))), []);
        assert_eq!(watch.after_sql(&set("status = 'skipped'", &of(di))), []);
        assert_eq!(watch.after_sql(&set(&format!("customer_id = {eva}"), &of(ana))), [reached(next, &[ana, eva])]);
        let moved = format!("campaign_id = {winter}");
        assert_eq!(watch.after_sql(&set(&moved, &of(bo))), [reached(winter, &[bo]), reached(next, &[bo])]);
        assert_eq!(watch.after_sql(&format!("UPDATE campaigns SET name = 'Later', version = 2 WHERE id = {next}")), []);
        assert_eq!(watch.after_sql(&format!("DELETE FROM campaigns WHERE id = {next}")), [reached(next, &[di, eva])]);
        let gone = "DELETE FROM campaign_recipients WHERE status IN ('waiting', 'excluded')";
        assert_eq!(watch.after_sql(gone), []);
        let all = [reached(autumn, &[ana, bo, cy, 999]), reached(winter, &[ana, bo, di, eva])];
        assert_eq!(watch.after_sql("DELETE FROM campaign_recipients"), all);
    });
}

#[test]
fn a_row_that_is_replaced_is_told_of_too() {
    for_each_database(|db| {
        if !is_sqlite(&db) {
            return;
        }
        let people = world(&db);
        let [autumn, winter] = mailings(&people, &db);
        let mut watch = Watch::over(&db);
        let (ana, cy, di) = (people.ana, people.cy, people.di);
        let insert = |campaign: i64, who: i64, address: String| {
            format!(
                "INSERT OR REPLACE INTO campaign_recipients (campaign_id, customer_id, address, status, due_at) \
                 VALUES ({campaign}, {who}, '{address}', 'waiting', '2026-01-01 00:00:00')"
            )
        };
        let address = |who: i64| format!("p{who}@example.com");
        assert_eq!(watch.after_sql(&insert(autumn, ana, address(ana))), [reached(autumn, &[ana])], "her own");
        assert_eq!(watch.after_sql(&insert(autumn, ana, address(cy))), [reached(autumn, &[cy])], "by address");
        assert_eq!(watch.after_sql(&insert(autumn, 77, "new@example.com".into())), []);
        let onto = format!(
            "UPDATE OR REPLACE campaign_recipients SET address = '{}' WHERE campaign_id = {winter} AND customer_id = {ana}",
            address(di)
        );
        assert_eq!(watch.after_sql(&onto), [reached(winter, &[di])]);
        let onto =
            format!("UPDATE OR REPLACE campaign_recipients SET customer_id = {ana} WHERE campaign_id = {winter}");
        assert_eq!(watch.after_sql(&onto), [reached(winter, &[ana, people.eva])]);
    });
}

#[test]
fn kept_sets_follow_what_becomes_of_each_message() {
    for_each_database(|db| {
        let people = world(&db);
        let [autumn, _] = mailings(&people, &db);
        let sets = Sets::new(db.clone(), None);
        let asked = [
            "campaigns was sent Autumn",
            "campaigns was not sent Autumn",
            "campaigns was sent any",
            "campaigns failed any",
            "campaigns clicked unsubscribe Autumn",
            "campaigns clicked unsubscribe any",
        ];
        let counts = || {
            let counted = sets.read_now::<_, Trouble>(|at| {
                let mut counts = Vec::new();
                for asked in asked {
                    let filter = check(asked, at);
                    counts.push(at.count(&filter)?);
                }
                Ok(counts)
            });
            counted.expect("counts")
        };
        assert_eq!(counts(), [2, 3, 3, 2, 1, 2]);
        let fills = sets.fills();
        let settle = |who: i64, status: &str| {
            with(&db, |conn| {
                let row = recipients::table.find((autumn, who));
                diesel::update(row).set(recipients::status.eq(status)).execute(conn).unwrap();
            })
        };
        settle(people.di, "sending");
        assert_eq!(counts(), [2, 3, 3, 2, 1, 2]);
        settle(people.di, "sent");
        assert_eq!(counts(), [3, 2, 3, 2, 1, 2]);
        settle(people.bo, "sent");
        assert_eq!(counts(), [4, 1, 4, 1, 1, 2]);
        with(&db, |conn| {
            let row = recipients::table.find((autumn, people.di));
            diesel::update(row).set(recipients::unsubscribed_at.eq(clock().stamp())).execute(conn).unwrap();
        });
        assert_eq!(counts(), [4, 1, 4, 1, 2, 3]);
        assert_eq!(sets.fills(), fills, "only those were asked again");
        // Her rows outlive her.
        with(&db, |conn| muster::customers::Customer::delete(people.cy, conn).unwrap());
        assert_eq!(counts(), [3, 1, 3, 1, 1, 2]);
    });
}

#[test]
fn the_builder_offers_any_and_each_by_name() {
    for_each_database(|db| {
        let people = world(&db);
        let [autumn, _] = mailings(&people, &db);
        with(&db, |conn| campaign("Autumn", conn));
        let server = Server::start(&db);
        let browser = server.signed_in(muster::agents::Role::Marketer);
        let offers = |typed: &str| {
            let url = server.url(&format!("/customers/filter/values/campaigns?v0:0={typed}"));
            browser.get(url).send().expect("an answer").text().expect("offers")
        };
        let all = offers("");
        let places: Vec<Option<usize>> = [
            "data-value=\"any\"".to_string(),
            "data-value=\"Autumn\"".into(),
            "data-value=\"Winter\"".into(),
            format!("data-value=\"Autumn #{autumn}\""),
        ]
        .iter()
        .map(|offer| all.find(offer.as_str()))
        .collect();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{all}");
        assert!(!offers("wint").contains("Autumn"));
    });
}
