//! The filter builder as a browser meets it: what is wrong is told on its row, and never widens the audience.

use crate::support::{NOW, Server, audiences, for_each_database, world_with_fields};
use muster::agents::Role;
use muster::filters::fields::Fields;
use muster::filters::form::{self, Action};
use proptest::prelude::*;
use reqwest::blocking::{Client, Response};
use scraper::{Html, Selector};
use serde_json::{Value, json};

fn page(answer: Response) -> Html {
    Html::parse_document(&answer.text().expect("a page"))
}

fn all(page: &Html, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).expect("a selector");
    let words =
        |node: scraper::ElementRef| node.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    page.select(&selector).map(words).collect()
}

fn asked(client: &Client, server: &Server, filter: &str) -> Response {
    client.get(server.url("/customers")).query(&[("filter", filter)]).send().expect("an answer")
}

fn sent(client: &Client, server: &Server, form: &[(&str, &str)]) -> Html {
    let answer = client.post(server.url("/customers/filter")).form(form).send().expect("an answer");
    // A form that makes no text is told as text that cannot be read.
    assert!(answer.status() == 200 || answer.status() == 422, "{form:?}: {}", answer.status());
    page(answer)
}

#[test]
fn what_cannot_be_asked_selects_nobody_and_says_why() {
    let deep = format!("{}name is a{}", "all (".repeat(6), ")".repeat(6));
    let many = vec!["name is a"; 101].join(" and ");
    let long = format!("name is any of ({})", (0..1001).map(|n| n.to_string()).collect::<Vec<_>>().join(", "));
    let told: [(&str, &str); 16] = [
        ("nam is a", "Did you mean name?"),
        ("name resembles a", "expected an operator of name"),
        ("tags contains \"no such tag\"", "There is no tag “no such tag”"),
        ("tags contains Wholsale", "Did you mean Wholesale?"),
        ("tags contains vi", "Did you mean VIP?"),
        ("segments in none of (Gone)", "There is no segment “Gone”"),
        ("total_spent > much", "is not a number"),
        ("created_at before someday", "is not a day"),
        ("size is Enormous", "has no choice “Enormous”"),
        ("birthday in the last 3 hours", "a day without a time"),
        ("created_at in the last 999999 years", "outside the calendar"),
        ("purchases any where (amount >= ?)", "Say how much"),
        (&deep, "Groups may be 5 deep, not 6"),
        (&many, "101 conditions are more than the 100"),
        (&long, "1001 values are more than the 1000"),
        ("name is a and any ()", "This group is empty"),
    ];
    for_each_database(|db| {
        world_with_fields(&db);
        let server = Server::start(&db);
        let (marketer, program) = (server.signed_in(Role::Marketer), server.program(Role::Marketer));
        for (filter, words) in told {
            let answer = asked(&marketer, &server, filter);
            assert!(answer.status() == 200 || answer.status() == 422, "{filter}: {}", answer.status());
            let html = answer.text().expect("a page");
            assert!(
                html.contains(&words.replace('&', "&amp;")),
                "{words} is told for {}",
                &filter[..40.min(filter.len())]
            );
            let shown = Html::parse_document(&html);
            assert_eq!(all(&shown, "table.list td.who a"), [""; 0], "{filter}");
            assert!(all(&shown, ".ask-total")[0].starts_with("Nobody"), "{filter}");

            let refused = program
                .post(server.url("/api/v1/customers/query"))
                .json(&json!({ "filter": filter, "now": NOW }))
                .send()
                .expect("an answer");
            assert_eq!(refused.status(), 422, "{filter}");
            let told: Value = refused.json().expect("JSON");
            assert!(told["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{told}");
        }
    });
}

#[test]
fn a_row_in_error_is_marked_while_the_others_stay_usable() {
    for_each_database(|db| {
        world_with_fields(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let shown =
            page(asked(&marketer, &server, "tags contains VIP and city is ? and purchases any where (product is ?)"));
        assert_eq!(all(&shown, ".cond-todo .cond-note").len(), 2);
        assert_eq!(all(&shown, "#f0").len() + all(&shown, "#f1").len() + all(&shown, "#f2\\.0").len(), 3);
        let shown = page(asked(&marketer, &server, "tags contains VIP and city is ? and name is Ana"));
        let figures = all(&shown, "#builder .fall");
        let of = |row: usize| [figures[2 * row].as_str(), figures[2 * row + 1].as_str()];
        assert_eq!(of(0), ["3", "3"]);
        assert_eq!(of(1), ["", ""], "a row in error counts nobody");
        assert_eq!(of(2), ["1", ""], "and after it nobody is left or not left");
    });
}

#[test]
fn those_with_no_value_are_counted_and_can_be_left_out() {
    for_each_database(|db| {
        world_with_fields(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let shown = page(asked(&marketer, &server, "city is not \"são paulo\""));
        assert!(all(&shown, ".cond-note")[0].contains("includes 2 with no value"), "{:?}", all(&shown, ".cond-note"));
        assert_eq!(all(&shown, "td.who a").len(), 3);
        for (field, op, values, left) in [
            ("city", "is_not", vec![("v0:0", "são paulo")], "city is not \"são paulo\" and city is not empty"),
            (
                "email_consent",
                "is_not_opted_in",
                vec![],
                "email_consent is not opted in and not (email_consent is unknown)",
            ),
        ] {
            let mut form = vec![("k", "all"), ("f0", field), ("o0", op), ("do", "leave:0")];
            form.extend(values);
            let shown = sent(&marketer, &server, &form);
            assert_eq!(all(&shown, "#filter-text"), [left]);
        }
        let any = [
            ("k", "any"),
            ("f0", "city"),
            ("o0", "is_not"),
            ("v0:0", "x"),
            ("f1", "name"),
            ("o1", "is"),
            ("v1:0", "Di"),
            ("do", "leave:0"),
        ];
        let shown = sent(&marketer, &server, &any);
        assert_eq!(all(&shown, "#filter-text"), ["(city is not x and city is not empty) or name is Di"]);
    });
}

#[test]
fn a_form_that_came_incomplete_selects_nobody() {
    for_each_database(|db| {
        world_with_fields(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let whole = [
            ("k", "all"),
            ("f0", "tags"),
            ("o0", "contains"),
            ("v0:0", "VIP"),
            ("k1", "none"),
            ("f1.0", "city"),
            ("o1.0", "is"),
            ("v1.0:0", "x"),
        ];
        assert_eq!(all(&sent(&marketer, &server, &whole), "td.who a").len(), 3);
        for missing in 0..whole.len() {
            let rest: Vec<_> =
                whole.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, pair)| *pair).collect();
            let shown = sent(&marketer, &server, &rest);
            assert_eq!(all(&shown, "td.who a"), [""; 0], "without {}", whole[missing].0);
            assert!(!all(&shown, ".cond-note, .caret").is_empty(), "without {}", whole[missing].0);
        }
        let mut backwards = whole.to_vec();
        backwards.reverse();
        assert_eq!(all(&sent(&marketer, &server, &backwards), "td.who a").len(), 3, "order means nothing");
        for hostile in [
            [("k", "either"), ("f0", "tags"), ("o0", "contains"), ("v0:0", "VIP")],
            [("k", "all"), ("f0", "tags"), ("o0", "contains or 1=1"), ("v0:0", "VIP")],
            [("k", "all"), ("f0", "password"), ("o0", "is"), ("v0:0", "VIP")],
            [("k", "all"), ("f0", "last_seen_at"), ("o0", "in_the_last"), ("v0:0", "90")],
        ] {
            assert_eq!(all(&sent(&marketer, &server, &hostile), "td.who a"), [""; 0], "{hostile:?}");
        }
    });
}

#[test]
fn a_pasted_column_becomes_a_list_of_values() {
    for_each_database(|db| {
        world_with_fields(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let form = [("k", "all"), ("f0", "external_id"), ("o0", "is_any_of"), ("p0:0", "c1\r\n c3 \r\n\r\nc1\nC9\n")];
        let shown = sent(&marketer, &server, &form);
        assert_eq!(all(&shown, "#filter-text"), ["external_id is any of (c1, c3, C9)"]);
        assert_eq!(all(&shown, "td.who a").len(), 2);
        let thousand: String = (1..=1000).map(|n| format!("c{n}\n")).collect();
        let shown =
            sent(&marketer, &server, &[("k", "all"), ("f0", "external_id"), ("o0", "is_any_of"), ("p0:0", &thousand)]);
        assert_eq!(all(&shown, "td.who a").len(), 5);
        assert!(all(&shown, ".cond")[0].contains("and 970 more"));
    });
}

#[test]
fn a_segment_says_why_somebody_is_in_or_not() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        audiences(&db);
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        let get = |path: &str| agent.get(server.url(path)).send().expect("an answer");
        let profile = page(get(&format!("/customers/{}", people.cy)));
        assert_eq!(all(&profile, ".yn li"), ["Picked: not inWhy not", "VIPs: inWhy", "VIPs in Brazil: not inWhy not"]);
        let links = Selector::parse(".yn li:nth-child(3) a[href*=why]").expect("a selector");
        let why = profile.select(&links).next().and_then(|link| link.attr("href")).expect("a link").to_string();
        let told = page(get(&why));
        assert!(all(&told, "#why-answer")[0].starts_with("She is not in VIPs in Brazil"));
        assert_eq!(all(&told, ".decides"), ["Country is Brazil: no, this decidedNorway"]);
        assert_eq!(all(&told, ".tree li li")[0], "In VIPs: yesin VIPs");

        let found = page(get(&why.replace(&format!("customer={}", people.cy), "who=ana")));
        assert_eq!(all(&found, ".decides-yes").len(), 2, "all of it decides when all of it must hold");
        let several = page(get(&why.replace(&format!("customer={}", people.cy), "who=example")));
        assert_eq!(all(&several, "ul.names a"), ["Ana", "Bo", "Cy", "Eva"]);
        let nobody = page(get(&why.replace(&format!("customer={}", people.cy), "who=%25")));
        assert!(all(&nobody, "[role=alert]")[0].contains("No customer fits"));
    });
}

#[test]
fn an_invisible_character_is_told_and_never_reaches_a_database() {
    for_each_database(|db| {
        world_with_fields(&db);
        audiences(&db);
        let server = Server::start(&db);
        let (marketer, program) = (server.signed_in(Role::Marketer), server.program(Role::Marketer));
        for asked in [
            "city contains \"\0\"",
            "tags contains \"V\0IP\"",
            "segments in any of \"\0\"",
            "purchases any where (product is \"\0\")",
            "custom.plan is \"\0\"",
            "~\0",
        ] {
            assert_eq!(super::filter_pages::asked(&marketer, &server, asked).status(), 422, "{asked:?}");
            let refused = program.post(server.url("/api/v1/customers/query")).json(&json!({ "filter": asked }));
            assert_eq!(refused.send().expect("an answer").status(), 422, "{asked:?}");
        }
        let tree = json!({ "filter": { "field": "tags", "op": "contains", "value": ["\0"] } });
        let refused = program.post(server.url("/api/v1/customers/query")).json(&tree).send().expect("an answer");
        assert_eq!(refused.status(), 422);
        for path in ["tags", "city", "product", "language", "custom.plan"] {
            let address = server.url(&format!("/customers/filter/values/{path}"));
            let offers = marketer.get(address).query(&[("q", "\0")]).send().expect("an answer");
            assert_eq!(offers.status(), 200, "{path}");
        }
        let id = program.get(server.url("/api/v1/segments")).send().expect("an answer").json::<Value>().expect("JSON");
        let id = id["segments"][0]["id"].as_i64().expect("a segment");
        let why = marketer.get(server.url(&format!("/segments/{id}/why"))).query(&[("who", "\0")]).send();
        assert_eq!(why.expect("an answer").status(), 200);
        let form = [("k", "all"), ("f0", "city"), ("o0", "is_not"), ("v0:0", "\0")];
        assert_eq!(all(&sent(&marketer, &server, &form), "td.who a"), [""; 0]);
    });
}

#[test]
fn hostile_text_is_a_value_like_any_other_and_garbage_is_a_mistake() {
    let values = [
        "'; DROP TABLE customers; --",
        "\" OR 1=1 --",
        "%' OR '1'='1",
        "\\",
        "{{ customer.name }}",
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "\u{202e}cba",
        "👩‍👩‍👧‍👦 ﷽ Z̷a̷l̷g̷o̷",
        "$1",
        "NULL",
        "\r\n",
        "1e309",
    ];
    let garbage = [
        "(".repeat(65_536),
        "tags contains ".repeat(4_700),
        "\"".repeat(65_535),
        "not (".repeat(13_000),
        "purchases any where (".repeat(3_000),
        "🦀".repeat(16_384),
        "{\"all\":[".repeat(7_000),
    ];
    for_each_database(|db| {
        world_with_fields(&db);
        let server = Server::start(&db);
        let (marketer, program) = (server.signed_in(Role::Marketer), server.program(Role::Marketer));
        let ask = |filter: Value| {
            let body = json!({ "filter": filter });
            program.post(server.url("/api/v1/customers/query")).json(&body).send().expect("an answer")
        };
        for value in values {
            for field in ["name", "email", "custom.plan"] {
                let answer = ask(json!({ "field": field, "op": "is", "value": value }));
                let blank = value.trim().is_empty();
                assert_eq!(answer.status(), if blank { 422 } else { 200 }, "{field} is {value:?}");
                let told: Value = answer.json().expect("JSON");
                assert!(blank || told["total"] == 0, "{field} is {value:?}: {told}");
            }
            let form = [("k", "all"), ("f0", "name"), ("o0", "is_not"), ("v0:0", value)];
            let shown = sent(&marketer, &server, &form);
            let everybody = if value.trim().is_empty() { 0 } else { 5 };
            assert_eq!(all(&shown, "td.who a").len(), everybody, "name is not {value:?}");
            assert_eq!(all(&shown, "#builder script, #sentence script"), [""; 0], "{value:?}");
        }
        for text in &garbage {
            let answer = ask(Value::from(text.as_str()));
            assert_eq!(answer.status(), 422, "{}", text.chars().take(20).collect::<String>());
        }
    });
}

fn pair() -> impl Strategy<Value = (String, String)> {
    let path = proptest::collection::vec(0usize..4, 0..4)
        .prop_map(|path| path.iter().map(usize::to_string).collect::<Vec<_>>().join("."));
    let name = ("[kfowvp]", path, "(:[0-2])?").prop_map(|(letter, path, hole)| format!("{letter}{path}{hole}"));
    let value = prop_oneof![
        "\\PC{0,12}",
        proptest::sample::select(vec![
            "all",
            "any",
            "none",
            "tags",
            "purchases",
            "name",
            "last_seen_at",
            "contains",
            "any_where",
            "none_where",
            "is",
            "is_not",
            "in_the_last",
            "tags/contains",
            "purchases/any_where",
            "VIP",
            "days",
            "90",
            "product",
            "amount",
            "",
        ])
        .prop_map(str::to_string),
    ];
    prop_oneof![4 => (name, value.clone()), 1 => ("\\PC{0,8}", value)]
}

fn action() -> impl Strategy<Value = String> {
    "(add|group|remove|up|down|leave|drop|fly):[0-3.:]{0,8}"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_form_makes_the_decoder_stumble(pairs in proptest::collection::vec(pair(), 0..24), act in action()) {
        let fields = Fields::built_in();
        let mut rule = form::read(&pairs, fields);
        if let Some(action) = Action::parse(&act) {
            action.apply(&mut rule, fields);
        }
        // What it printed can be read again, or is told where it cannot.
        let _ = muster::filters::Rule::read(&rule.to_text(), fields);
        let _ = rule.to_json();
    }
}
