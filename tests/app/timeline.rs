//! One timeline of everything: who and from where, by kind, and page by page without losing or repeating anything.

use super::bulk;
use super::support::imports::import;
use super::support::pages::{attr, attrs, get, page, text, texts};
use super::support::*;
use chrono::{NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use muster::agents::{Agent, Caller, Role};
use muster::campaigns::{key::Key, optout, token::Token};
use muster::customers::history::note;
use muster::customers::{Channel, Customer};
use muster::db::schema::{conversations, messages, past_taggings};
use muster::db::{Conn, Db, Trouble};
use muster::each;
use muster::filters::Rule;
use muster::filters::fields::Fields;
use muster::filters::sets::Sets;
use muster::purchases::{self, Bought};
use muster::segments::feed::Follower;
use muster::segments::{self, Segment, Wish};
use muster::tags::{self, Mark, Source, Tag};
use muster::workspace::{Workspace, stamp};
use reqwest::blocking::Client;
use serde_json::json;
use std::collections::HashSet;

fn write<T>(db: &Db, work: impl FnOnce(&mut Conn) -> QueryResult<T>) -> T {
    db.write_now::<_, Trouble>(|conn| Ok(work(conn)?)).expect("it is written")
}

/// A conversation of hers with nothing in it.
fn conversation(customer: i64, channel: &str, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<i64> {
    diesel::insert_into(conversations::table)
        .values((
            conversations::customer_id.eq(customer),
            conversations::channel.eq(channel),
            conversations::state.eq("open"),
            conversations::created_at.eq(at),
            conversations::last_message_at.eq(at),
            conversations::preview.eq("My new boots rub"),
        ))
        .returning(conversations::id)
        .get_result(conn)
}

fn message(talk: i64, kind: &str, author: &str, body: &str, at: NaiveDateTime, conn: &mut Conn) -> QueryResult<usize> {
    diesel::insert_into(messages::table)
        .values((
            (messages::conversation_id.eq(talk), messages::kind.eq(kind), messages::channel.eq("chat")),
            (messages::author.eq(author), messages::body.eq(body), messages::at.eq(at), messages::status.eq("done")),
        ))
        .execute(conn)
}

/// A dynamic segment of everybody who carries a tag; private where it is somebody's.
fn segment(name: &str, tag: &str, owner: Option<&Caller>, db: &Db) {
    let made = db.write_now(|conn| {
        let rule = Rule::read(&format!("tags contains {tag}"), &Fields::load(conn)?)?;
        let wish =
            Wish { name: name.into(), kind: segments::Kind::Dynamic, rule: Some(rule), private: owner.is_some() };
        let caller = owner.cloned().unwrap_or_else(Caller::command_line);
        let clock = Workspace::load(conn)?.clock();
        Segment::create(&wish, &caller, conn, &clock)
    });
    made.unwrap_or_else(|problem| panic!("{problem}"));
}

/// What a page of the timeline tells, event by event, without its times.
fn told(client: &Client, server: &Server, id: i64, query: &str) -> Vec<String> {
    let answer = get(client, server, &format!("/customers/{id}/timeline{query}"));
    assert_eq!(answer.status(), 200, "{query}");
    texts(&page(answer), "#time .what")
}

#[test]
fn everything_is_told_with_who_and_from_where() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let ana = people.ana;
        let [autumn, winter] = mailings(&people, &db);
        hire(&db, Role::Admin);
        let abel = write(&db, |conn| Agent::by_email(&email_of(Role::Admin), conn)).expect("Abel");
        let abel = Caller { agent_id: Some(abel.id), name: abel.name, ..Caller::command_line() };
        write(&db, |conn| Tag::find_or_create("Gold", conn, clock().stamp()));
        segment("Golden", "Gold", None, &db);
        segment("Abel's golden", "Gold", Some(&abel), &db);
        let mut follower = Follower::default();
        let mut look = || follower.look(&Sets::new(db.clone(), None), &db).expect("a look");
        look();
        let carried = import(&db, "external_id,city,email_consent,tags\nc1,Santos,no,Gold\n").id;
        look();
        let talk = write(&db, |conn| {
            let now = stamp(Utc::now());
            let vip = Tag::find("VIP", conn)?.expect("VIP").id;
            tags::remove(ana, vip, &Mark::of(&abel, Source::Profile, now), conn)?;
            let talk = conversation(ana, "chat", now, conn)?;
            for (minute, (kind, author, body)) in [
                ("in", "", "My new boots rub. ".repeat(20).as_str()),
                ("note", "Mara", "Be generous."),
                ("out", "Mara", "Send them back."),
                ("event", "Mara", "closed the conversation"),
            ]
            .into_iter()
            .enumerate()
            {
                message(talk, kind, author, body, now + TimeDelta::minutes(minute as i64), conn)?;
            }
            let token = Token { campaign: winter, customer: ana, channel: Channel::Sms };
            optout::leave(&token, &Key::new(&[7; 32]), now, conn)?;
            Ok(talk)
        });
        let server = Server::start(&db);
        let (agent, admin, marketer) =
            (server.signed_in(Role::Agent), server.signed_in(Role::Admin), server.signed_in(Role::Marketer));
        let program = server.program(Role::Agent);
        let url = server.url(&format!("/api/v1/customers/{ana}"));
        let body = json!({ "country": "SE", "custom": { "plan": "free" }, "email_consent": "opted_in" });
        assert_eq!(program.patch(&url).json(&body).send().expect("an answer").status(), 200);
        let many =
            [("do", "set_field"), ("id", &ana.to_string()), ("field", "custom.birthday"), ("value", "1991-01-02")];
        assert!(bulk::bulk(&marketer, &server, &many).status().is_success());
        let action = bulk::ended(&db).id;

        let of = |kind: &str| told(&agent, &server, ana, &format!("?kind={kind}"));
        let quote = format!("{}…", "My new boots rub. ".repeat(20)[..200].trim_end());
        assert_eq!(
            of("messages"),
            [
                "Mara closed the conversation in a conversation",
                "Mara wrote in the website chat Send them back.",
                "Mara left a note Be generous.",
                &format!("Ana wrote in the website chat {quote}"),
            ]
        );
        assert_eq!(of("tags")[0], "Abel Admin removed VIP on the profile");
        assert!(of("tags")[1].ends_with(&format!("added Gold by import {carried}")), "{:?}", of("tags"));
        assert_eq!(of("tags")[2], "command line added VIP by import 1000");
        assert_eq!(
            of("fields")[..4],
            [
                "Mara Marketer changed Birthday 8 Sep 1990 2 Jan 1991 in bulk",
                "agent's program changed Plan pro free through the API",
                "agent's program changed country Brazil Sweden through the API",
                "command line set Size M by the command line",
            ]
        );
        assert_eq!(of("purchases"), ["Bought Boots for 120.00 EUR"]);
        let line = &of("imports")[0];
        let file = line.find(&format!("changed her by import #{carried} ")).expect("which import");
        assert!(
            line[file..].ends_with("line 2: city São Paulo Santos, Email consent opted in opted out, added Gold"),
            "{line}"
        );
        assert_eq!(
            of("campaigns"),
            ["Unsubscribed by the link in Winter", "Was not reached by Winter Failed", "Was sent Autumn by email"]
        );
        let consents = of("consent");
        assert_eq!(consents[0], "agent's program noted: Email opted in through the API");
        assert_eq!(consents[1], "SMS opted out by the link in Winter");
        assert_eq!(
            of("segments"),
            [format!("Joined Golden command line added Gold by import {carried}")],
            "and not Abel's own"
        );
        assert!(
            told(&admin, &server, ana, "?kind=segments")[0].contains("Golden and Abel's golden")
                || told(&admin, &server, ana, "?kind=segments")[0].contains("Abel's golden and Golden")
        );
        assert_eq!(of("came"), ["command line added her as a customer by the command line", "Became a customer"]);

        // Together they are everything, but that what has one cause is told once.
        let all = told(&agent, &server, ana, "");
        for kind in ["messages", "tags", "fields", "purchases", "imports", "consent", "segments", "came"] {
            for event in of(kind) {
                assert!(all.contains(&event), "{event}: {all:?}");
            }
        }
        assert!(!all.contains(&"Unsubscribed by the link in Winter".to_string()));
        let profile = page(get(&agent, &server, &format!("/customers/{ana}")));
        assert_eq!(texts(&profile, "#time .what"), all);
        assert_eq!(texts(&profile, "#time .day")[0], "Today");
        assert_eq!(
            (attr(&profile, "#talks a", "href"), text(&profile, "#talks a")),
            (format!("/inbox/{talk}"), "My new boots rub".into())
        );
        // Where something came from is a link for whoever may go there.
        let links =
            |client: &Client| attrs(&page(get(client, &server, &format!("/customers/{ana}"))), "#time .what a", "href");
        let (few, more) = (links(&agent), links(&admin));
        for link in
            [format!("/imports/{carried}"), format!("/bulk/{action}"), format!("/campaigns/{autumn}/recipients/{ana}")]
        {
            assert!(more.contains(&link) && !few.contains(&link), "{link}: {more:?}");
        }
        assert!(few.contains(&format!("/inbox/{talk}")));
        assert_eq!(
            texts(&page(get(&agent, &server, &format!("/customers/{}/timeline?kind=messages", people.di))), "#time li"),
            ["Nothing here about messages."]
        );
    });
}

#[test]
fn a_long_history_is_read_page_by_page_and_nothing_is_lost_or_told_twice() {
    for_each_database(|db| {
        let people = world(&db);
        let ana = people.ana;
        let at = clock().stamp();
        let lines: String = (0..45).map(|n| format!("c1,City {n}\n")).collect();
        import(&db, &format!("external_id,city\n{lines}"));
        write(&db, |conn| {
            let talk = conversation(ana, "chat", at, conn)?;
            let vip = Tag::find("VIP", conn)?.expect("VIP").id;
            for n in 0..90 {
                note(ana, ("city", None, Some(&format!("Field {n}"))), &by(&clock()), conn)?;
                message(talk, "out", "Mara", &format!("Message {n}"), at, conn)?;
                let order = Some(format!("Order {n}"));
                let bought = Bought { external_id: order, product: None, amount: 100, currency: "EUR".into(), at };
                purchases::record(ana, &bought, conn)?;
            }
            let past: Vec<_> = (0..60)
                .map(|n| {
                    (
                        (
                            past_taggings::customer_id.eq(ana),
                            past_taggings::tag_id.eq(vip),
                            past_taggings::tag_name.eq(format!("Tag {n}")),
                        ),
                        (
                            past_taggings::tagged_at.eq(at),
                            past_taggings::actor.eq("Mara"),
                            past_taggings::source.eq("profile"),
                        ),
                        (
                            past_taggings::ended_at.eq(at),
                            past_taggings::ended_by.eq("Mara"),
                            past_taggings::ended_source.eq("profile"),
                        ),
                        past_taggings::why.eq("removed"),
                    )
                })
                .collect();
            each!(conn, c => diesel::insert_into(past_taggings::table).values(&past).execute(c))
        });
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        let walk = |first: &str| {
            let (mut seen, mut next, mut pages) = (Vec::new(), format!("/customers/{ana}{first}"), 0);
            while !next.is_empty() {
                let shown = page(get(&agent, &server, &next));
                let events = texts(&shown, "#time .what");
                assert!(events.len() <= 40 && !events.is_empty());
                seen.extend(events);
                next = attr(&shown, "#time-more", "href");
                pages += 1;
                // Somebody goes on working.
                write(&db, |conn| note(ana, ("city", None, Some(&format!("Later {first} {pages}"))), &by_now(), conn));
            }
            seen.retain(|event| !event.contains("Later "));
            let different: HashSet<&String> = seen.iter().collect();
            assert_eq!(different.len(), seen.len(), "nothing twice");
            seen.len()
        };
        // Fields, messages, orders, tags that came and went, lines; and what the world made of her: added, a consent, a tag,
        // a purchase, and that she became a customer.
        assert_eq!(walk(""), 90 + 90 + 90 + 2 * 60 + 45 + 5);
        assert_eq!(walk("/timeline?kind=fields"), 90);
        assert_eq!(walk("/timeline?kind=tags"), 2 * 60 + 1);
        assert_eq!(walk("/timeline?kind=imports"), 45);
        // What htmx appends goes on under the day that stands there already.
        let first = page(get(&agent, &server, &format!("/customers/{ana}/timeline?kind=messages")));
        let more = agent.get(server.url(&attr(&first, "#time-more", "href"))).header("HX-Request", "true");
        let more = more.header("HX-Request-Type", "partial").send().expect("an answer").text().expect("a piece");
        assert!(more.trim_start().starts_with("<li>") && !more.contains("<html"), "{}", &more[..200]);
        // An address that nobody wrote begins at the beginning.
        for odd in ["before=x", "before=1_2", "kind=nonsense", "before=99999999999999999999_1_1_1"] {
            assert!(!told(&agent, &server, ana, &format!("?{odd}")).is_empty(), "{odd}");
        }
        assert!(write(&db, |conn| Customer::delete(ana, conn)), "and all of it goes with her");
        assert_eq!(get(&agent, &server, &format!("/customers/{ana}/timeline")).status(), 404);
    });
}

fn by_now() -> muster::customers::By {
    muster::customers::By { at: stamp(Utc::now()), ..by(&clock()) }
}
