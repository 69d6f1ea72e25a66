//! The spellings of a filter: reading, printing, and mistakes that say where and what.

use muster::custom_fields::{CustomField, Kind};
use muster::filters::Rule;
use muster::filters::fields::{Field, Fields, Scope};
use muster::filters::operators::{Input, Operator, Piece};
use muster::filters::rule::{Condition, Join, Part, Term, Unit};
use proptest::prelude::*;
use std::sync::Arc;

/// Every built-in field, and a custom one of each type.
fn fields() -> Fields {
    let field = |(id, kind): (i64, Kind)| CustomField {
        id,
        key: format!("a_{}", kind.key()),
        label: format!("A {}", kind.words()),
        kind,
        choices: vec!["Small".into(), "Large".into()],
        gone: false,
    };
    Fields::with((1..).zip(Kind::ALL).map(field).collect())
}

fn read(text: &str) -> Rule {
    Rule::read(text, &fields()).unwrap_or_else(|mistake| panic!("{text}: {mistake}"))
}

fn mistake(text: &str) -> String {
    Rule::read(text, &fields()).expect_err(text).to_string()
}

#[test]
fn what_is_typed_prints_as_it_is_said() {
    for (typed, printed) in [
        ("tags contains VIP", "tags contains VIP"),
        ("TAGS Contains vip AND city IS EMPTY", "tags contains vip and city is empty"),
        ("tagged VIP in the last 1 days", "tags tagged VIP in the last 1 day"),
        ("country is IN", "country is \"IN\""),
        ("((tags contains VIP))", "tags contains VIP"),
        ("not (tags contains VIP)", "not (tags contains VIP)"),
        ("all (name is a or name is b)", "all (name is a or name is b)"),
        ("any (name is a)", "any (name is a)"),
        ("any ()", "any ()"),
        ("tags contains ?", "tags contains ?"),
        ("tags contains (VIP)", "tags contains VIP"),
        ("name is \"and\"", "name is \"and\""),
        ("name is \"say \\\"hi\\\"\"", "name is \"say \\\"hi\\\"\""),
        ("everyone", "everyone"),
        ("last_seen_at anniversary in the next 1 day", "last_seen_at anniversary in the next 1 day"),
        ("created_at between 2026-01-01 and 2026-02-01", "created_at between 2026-01-01 and 2026-02-01"),
        ("tags count >= 2", "tags count >= 2"),
        ("not (name is a and name is b)", "not (name is a and name is b)"),
        ("not (any (name is a or name is b))", "not (any (name is a or name is b))"),
        ("a_text IS a", "custom.a_text is a"),
        ("custom.a_boolean is not true", "custom.a_boolean is not true"),
        (
            "purchases any where (product is \"Winter Hat\" and amount >= 100)",
            "purchases any where (product is \"Winter Hat\" and amount >= 100)",
        ),
        ("purchases none where (not (product is a))", "purchases none where (not (product is a))"),
        ("purchases none where (all (any (product is a)))", "purchases none where (all (any (product is a)))"),
        ("purchases any where ()", "purchases any where ()"),
        ("campaigns was sent \"Autumn\"", "campaigns was sent Autumn"),
        ("campaigns WAS NOT SENT Any and campaigns failed any", "campaigns was not sent any and campaigns failed any"),
        ("campaigns clicked unsubscribe \"any\"", "campaigns clicked unsubscribe \"any\""),
        ("campaigns was sent ?", "campaigns was sent ?"),
        ("", ""),
    ] {
        assert_eq!(read(typed).to_text(), printed, "{typed}");
    }
}

#[test]
fn groups_are_what_their_words_say() {
    let name = |text: &str| read(&format!("name is {text}")).at(&[0]).cloned().expect("a row");
    let (a, b) = (name("a"), name("b"));
    let group = |join, rows: &[&Rule]| Rule::Group(join, rows.iter().map(|row| (*row).clone()).collect());
    assert_eq!(read("name is a or name is b"), group(Join::Any, &[&a, &b]));
    assert_eq!(read("not (name is a or name is b)"), group(Join::None, &[&a, &b]));
    assert_eq!(read("not (name is a and name is b)"), group(Join::None, &[&group(Join::All, &[&a, &b])]));
    assert_eq!(read("not (any (name is a or name is b))"), group(Join::None, &[&group(Join::Any, &[&a, &b])]));
    assert_eq!(read("all (any (name is a))"), group(Join::All, &[&group(Join::Any, &[&a])]));
    assert_eq!(read("name is a and (name is a or name is b)"), group(Join::All, &[&a, &group(Join::Any, &[&a, &b])]));
}

#[test]
fn a_mistake_says_where_what_and_the_nearest_word() {
    assert_eq!(
        mistake("tags contains VIP and contry is SE"),
        "At character 23: there is no field contry. Did you mean country?"
    );
    assert!(mistake("name is a and name is b or name is c").contains("parentheses"));
    assert_eq!(mistake("name is a and name is b or name is c").split(':').next(), Some("At character 25"));
    assert!(mistake("city contians x").contains("Did you mean contains?"), "{}", mistake("city contians x"));
    assert!(mistake("created_at in the last 90 dais").contains("Did you mean days?"));
    assert!(mistake("name is \"a").contains("never closed"));
    assert!(mistake("(name is a").contains("“)”"));
    assert!(mistake("name is a)").contains("never opened"));
    assert!(mistake("name is são*").contains("quotes"));
    assert_eq!(mistake("name is são*").split(':').next(), Some("At character 12"));
    assert!(mistake("tags contains").contains("expected a value"));
    assert!(mistake(&"(".repeat(5000)).contains("deep"));
    assert!(mistake("purchases any where (tags contains VIP)").contains("a purchase has no field tags"));
    assert!(mistake("purchases any where (prodct is a)").contains("Did you mean product?"));
    assert!(mistake("product is a").contains("no field product"));
    assert!(mistake("purchases any where product is a").contains("expected “(”"));
    assert!(mistake("a_txt is a").contains("Did you mean a_text?"));
    assert!(mistake(&"purchases any where (".repeat(5000)).contains("no field purchases"));
    assert!(mistake("{\"field\":\"nam\",\"op\":\"is\",\"value\":\"x\"}").contains("Did you mean name?"));
}

#[test]
fn json_reads_as_the_text_says() {
    let json = serde_json::json!({"all":[
        {"field":"tags","op":"contains","value":["VIP"]},
        {"any":[{"field":"country","op":"is_any_of","value":["SE","NO"]},{"field":"city","op":"is_empty"}]},
        {"none":[{"field":"tags","op":"tagged_in_the_last","value":{"tag":"VIP","n":7,"unit":"days"}}]},
        {"field":"everyone"}]});
    let rule = Rule::from_json(&json, &fields()).expect("reads");
    assert_eq!(
        rule.to_text(),
        "tags contains VIP and (country is any of (SE, NO) or city is empty) and not (tags tagged VIP in the last 7 days) and everyone"
    );
    assert_eq!(rule.to_json(), json);
}

#[test]
fn a_number_in_json_says_all_that_was_typed() {
    for typed in ["7", "007", "\"0 \"", "+7"] {
        let rule = read(&format!("tags count >= {typed}"));
        assert_eq!(Rule::from_json(&rule.to_json(), &fields()), Ok(rule), "{typed}");
    }
}

fn term() -> impl Strategy<Value = Term> {
    prop_oneof!["[a-zA-Z0-9 _%@.+:/'&-]{1,12}", "\\PC{0,8}", Just("and".to_string()), Just("\"\\".to_string())]
        .prop_map(Term::text)
}

fn part(piece: Piece) -> BoxedStrategy<Part> {
    match piece {
        Piece::One(_, Input::Campaign) => {
            let one = proptest::option::of(prop_oneof![term(), Just(Term::text("Any"))]).prop_map(Part::One);
            prop_oneof![one, Just(Part::Any)].boxed()
        }
        Piece::One(..) => proptest::option::of(term()).prop_map(Part::One).boxed(),
        Piece::Many(_) => proptest::collection::vec(term(), 0..4).prop_map(Part::Many).boxed(),
        Piece::Unit => proptest::sample::select(Unit::EACH.to_vec()).prop_map(Part::Unit).boxed(),
        Piece::Word(list) => proptest::sample::select(list.to_vec()).prop_map(Part::Word).boxed(),
        Piece::Inner => tree(Scope::Purchase).prop_map(|rule| Part::Inner(Box::new(rule))).boxed(),
        Piece::Words(_) | Piece::Days => unreachable!("not a hole"),
    }
}

fn condition(scope: Scope) -> impl Strategy<Value = Rule> {
    let fields = fields();
    let operators =
        |field: &Arc<Field>| Operator::of(field).map(|operator| (field.clone(), operator)).collect::<Vec<_>>();
    let known: Vec<(Arc<Field>, &Operator)> = fields.of(scope).iter().flat_map(operators).collect();
    proptest::sample::select(known).prop_flat_map(|(field, operator)| {
        let parts: Vec<BoxedStrategy<Part>> = operator.holes().map(|piece| part(*piece)).collect();
        parts.prop_map(move |parts| Rule::Where(Condition { field: field.clone(), op: operator.key.into(), parts }))
    })
}

fn tree(scope: Scope) -> BoxedStrategy<Rule> {
    let node = condition(scope).prop_recursive(5, 40, 4, |inner| {
        (proptest::sample::select(Join::EACH.to_vec()), proptest::collection::vec(inner, 0..4))
            .prop_map(|(join, rows)| Rule::Group(join, rows))
    });
    node.prop_map(Rule::rooted).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printing_then_reading_gives_the_same_tree(rule in tree(Scope::Customer)) {
        let text = rule.to_text();
        prop_assert_eq!(Rule::read(&text, &fields()).map_err(|mistake| TestCaseError::fail(format!("{text}: {mistake}")))?, rule);
    }

    #[test]
    fn writing_json_then_reading_gives_the_same_tree(rule in tree(Scope::Customer)) {
        let json = rule.to_json();
        prop_assert_eq!(Rule::from_json(&json, &fields()).map_err(|mistake| TestCaseError::fail(format!("{json}: {mistake}")))?, rule);
    }

    #[test]
    fn no_text_makes_the_reader_stumble(text in "\\PC{0,60}") {
        let _ = Rule::read(&text, &fields());
    }
}
