//! What filters promise, asked of the small world by every road.
//!
//! | | |
//! |---|---|
//! | Ana | VIP, São Paulo, seen yesterday by her clock and today by UTC, opted in |
//! | Bo | VIP-old and Wholesale, sao paulo, seen on the first second of 90 days ago, opted out |
//! | Cy | VIP and Wholesale, no city, seen a second before that, never asked |
//! | Di | no tags, a city of two spaces, never seen, opted in |
//! | Eva | ` vip `, 100%_sure, seen in December, opted in |

use crate::support::{audiences, clock, for_each_database, mailings, talks, world_with_fields};
use diesel::prelude::*;
use muster::custom_fields::{CustomField, Kind};
use muster::db::schema::customers;
use muster::db::{Conn, Db, Trouble};
use muster::filters::fields::Fields;
use muster::filters::operators::{Meaning, OPERATORS, Operator};
use muster::filters::{Filter, Rule};

pub struct Example {
    pub asked: &'static str,
    pub who: &'static str,
}

const fn example(asked: &'static str, who: &'static str) -> Example {
    Example { asked, who }
}

const EVERYBODY: &str = "Ana, Bo, Cy, Di, Eva";

#[rustfmt::skip]
pub const EXAMPLES: &[Example] = &[
    //      what is asked                                             who comes out
    example("tags contains VIP",                                      "Ana, Cy, Eva"),      // Eva's was written ` vip `
    example("tags contains (VIP, Wholesale)",                         "Ana, Bo, Cy, Eva"),  // any of them; Cy once
    example("tags contains all (VIP, Wholesale)",                     "Cy"),
    example("tags does not contain VIP",                              "Bo, Di"),            // Di has no tags at all; VIP-old is another tag
    example("tags does not contain all (VIP, Wholesale)",             "Ana, Bo, Di, Eva"),
    example("tags contains only VIP",                                 "Ana, Eva"),
    example("tags is empty",                                          "Di"),
    example("tags is not empty",                                      "Ana, Bo, Cy, Eva"),
    example("tags any name contains \"vip\"",                         "Ana, Bo, Cy, Eva"),
    example("tags count = 2",                                         "Bo, Cy"),
    example("tags count >= 1",                                        "Ana, Bo, Cy, Eva"),
    example("tags count <= 1",                                        "Ana, Di, Eva"),      // none is a number too
    example("tags tagged VIP in the last 7 days",                     "Ana, Cy, Eva"),
    example("tagged VIP by import",                                   "Ana, Cy, Eva"),
    example("tagged VIP by agent",                                    ""),
    example("tags contains VIP and tags does not contain Wholesale",  "Ana, Eva"),

    example("name is \"ANA\"",                                        "Ana"),
    example("name is not Ana",                                        "Bo, Cy, Di, Eva"),
    example("name is any of (Ana, eva)",                              "Ana, Eva"),
    example("name is none of (Ana, eva)",                             "Bo, Cy, Di"),
    example("city is \"SAO PAULO\"",                                  "Ana, Bo"),
    example("city is not \"são paulo\"",                              "Cy, Di, Eva"),       // who has no city is not from São Paulo
    example("city contains \"são\"",                                  "Ana, Bo"),
    example("city contains \"%\"",                                    "Eva"),               // what people type is never a pattern
    example("city contains \"_\"",                                    "Eva"),
    example("city contains \"\\\\\"",                                 ""),
    example("city does not contain \"paulo\"",                        "Cy, Di, Eva"),
    example("city starts with \"sao\"",                               "Ana, Bo"),
    example("city does not start with \"sao\"",                       "Cy, Di, Eva"),
    example("city ends with \"SURE\"",                                "Eva"),
    example("city does not end with \"sure\"",                        "Ana, Bo, Cy, Di"),
    example("city is empty",                                          "Cy, Di"),            // two spaces are nothing
    example("city is not empty",                                      "Ana, Bo, Eva"),
    example("country is Brazil",                                      "Ana, Bo"),           // by name
    example("country is any of (NO, SE)",                             "Cy, Eva"),           // or by code
    example("country is none of (NO, SE)",                            "Ana, Bo, Di"),
    example("email domain is example.com",                            "Ana, Eva"),          // Cy is at mail.example.com
    example("email domain is not example.com",                        "Bo, Cy, Di"),
    example("email is empty",                                         "Di"),
    example("phone is \"0055 (11) 91234-5678\"",                      "Ana"),
    example("phone contains \"11 91\"",                               "Ana"),               // digits against digits

    example("email_consent is opted in",                              "Ana, Di, Eva"),
    example("email_consent is not opted in",                          "Bo, Cy"),
    example("email_consent is opted out",                             "Bo"),
    example("email_consent is not opted out",                         "Ana, Cy, Di, Eva"),
    example("email_consent is unknown",                               "Cy"),
    example("sms_consent is unknown",                                 EVERYBODY),

    example("last_seen_at on 2026-09-07",                             "Ana"),               // a day of São Paulo, not of UTC
    example("last_seen_at not on 2026-09-07",                         "Bo, Cy, Di, Eva"),
    example("last_seen_at before 2026-06-10",                         "Cy"),
    example("last_seen_at on or before 2026-06-10",                   "Bo, Cy"),
    example("last_seen_at after 2026-09-07",                          "Eva"),
    example("last_seen_at on or after 2026-09-07",                    "Ana, Eva"),
    example("last_seen_at between 2026-06-10 and 2026-09-07",         "Ana, Bo"),
    example("last_seen_at not between 2026-06-10 and 2026-09-07",     "Cy, Di, Eva"),
    example("last_seen_at today",                                     ""),                  // Ana's yesterday is today by UTC
    example("last_seen_at yesterday",                                 "Ana"),
    example("last_seen_at this week",                                 "Ana"),               // weeks begin on Monday
    example("created_at last week",                                   "Bo, Cy, Di, Eva"),
    example("created_at this month",                                  "Cy, Di, Eva"),
    example("created_at last month",                                  "Ana, Bo"),
    example("last_seen_at this year",                                 "Ana, Bo, Cy, Eva"),
    example("last_seen_at in the last 90 days",                       "Ana, Bo"),           // the future is not the past
    example("last_seen_at not in the last 90 days",                   "Cy, Di, Eva"),       // nor is never
    example("last_seen_at more than 90 days ago",                     "Cy"),
    example("last_seen_at in the next 3 months",                      "Eva"),
    example("last_seen_at anniversary today",                         ""),
    example("last_seen_at anniversary in the next 90 days",           "Eva"),
    example("last_seen_at is empty",                                  "Di"),
    example("last_seen_at is not empty",                              "Ana, Bo, Cy, Eva"),
    example("created_at before 2026-09-01",                           "Ana, Bo"),
    example("created_at on or after 2026-09-02T12:00:00-03:00",       "Di, Eva"),

    // Three segments: VIPs is a filter, Picked is Ana and Di by hand, "VIPs in Brazil" asks for VIPs in turn.
    example("segments in any of VIPs",                                "Ana, Cy, Eva"),
    example("segments in any of (VIPs, Picked)",                      "Ana, Cy, Di, Eva"),
    example("segments in all of (VIPs, Picked)",                      "Ana"),
    example("segments in none of (VIPs, Picked)",                     "Bo"),
    example("segments in any of \"vips in brazil\"",                  "Ana"),

    // Di never bought anything: her count and sum are 0, which is a value, and her dates are empty.
    example("purchase_count = 1",                                     "Ana, Bo, Cy, Eva"),
    example("purchase_count != 1",                                    "Di"),
    example("purchase_count > 0.5",                                   "Ana, Bo, Cy, Eva"),
    example("total_spent = 15.50",                                    "Cy"),
    example("total_spent = 15.505",                                   ""),                  // nobody spent half a cent
    example("total_spent > 0",                                        "Ana, Cy, Eva"),
    example("total_spent >= 120",                                     "Ana, Eva"),
    example("total_spent < 15.5",                                     "Bo, Di"),
    example("total_spent <= 0",                                       "Bo, Di"),
    example("total_spent between 0 and 100",                          "Bo, Cy, Di"),
    example("total_spent not between 0 and 100",                      "Ana, Eva"),
    example("total_spent is empty",                                   ""),
    example("total_spent is not empty",                               EVERYBODY),
    example("last_purchase_at on 2026-09-07",                         "Ana"),
    example("last_purchase_at in the last 90 days",                   "Ana, Bo"),
    example("last_purchase_at not in the last 90 days",               "Cy, Di, Eva"),
    example("last_purchase_at more than 90 days ago",                 "Cy"),
    example("last_purchase_at yesterday",                             "Ana"),
    example("last_purchase_at this week",                             "Ana"),
    example("last_purchase_at on or before 2026-06-10",               "Bo, Cy"),
    example("last_purchase_at is empty",                              "Di"),
    example("first_purchase_at is empty",                             "Di"),

    example("campaigns was sent \"Autumn\"",                           "Ana, Cy"),
    example("campaigns was not sent \"Autumn\"",                       "Bo, Di, Eva"),       // Di waits, Eva was left out
    example("campaigns was sent any",                                 "Ana, Cy, Di"),
    example("campaigns was not sent any",                             "Bo, Eva"),
    example("campaigns failed Winter",                                "Ana"),
    example("campaigns failed any",                                   "Ana, Bo"),
    example("campaigns clicked unsubscribe \"Autumn\"",                "Cy"),
    example("campaigns clicked unsubscribe any",                      "Cy, Eva"),           // whatever became of the message

    // Ana wrote three hours ago and 40 days ago, both Mara's; Bo 40 days ago; Cy the day before yesterday.
    example("conversations has open",                                 "Ana, Cy"),
    example("conversations has unassigned",                           "Cy"),
    example("conversations has any",                                  "Ana, Bo, Cy"),
    example("conversations has none",                                 "Di, Eva"),
    example("conversations last message in the last 7 days",          "Ana, Cy"),
    example("conversations last message more than 7 days ago",        "Bo"),                // Ana wrote again
    example("conversations over WhatsApp",                            "Bo"),
    example("conversations over email",                               "Ana"),
    example("conversations assigned to Mara",                         "Ana"),

    // The rows of SPEC 3: plan is text, spend a number, and nobody's zero is nobody's nothing.
    example("plan is pro",                                            "Ana, Di, Eva"),
    example("custom.plan is not pro",                                 "Bo, Cy"),
    example("plan is none of (pro, free)",                            "Bo"),
    example("plan is empty",                                          "Bo"),
    example("spend > 0",                                              "Ana, Di, Eva"),
    example("spend <= 0",                                             "Bo"),
    example("spend = 15.5",                                           "Di"),
    example("spend not between 0 and 100",                            "Ana, Cy, Eva"),
    example("spend is empty",                                         "Cy"),
    example("(plan is pro or city is empty) and not (tags contains VIP)", "Di"),
    example("not (plan is pro or city is empty)",                     "Bo"),

    // A birthday is a day, never shifted: today is 8 September in São Paulo.
    example("birthday today",                                         "Eva"),
    example("birthday on 1990-09-08",                                 "Ana"),
    example("birthday not on 1990-09-08",                             "Bo, Cy, Di, Eva"),
    example("birthday before 1990-09-08",                             "Bo"),
    example("birthday between 1988-02-29 and 1990-09-08",             "Ana, Bo"),
    example("birthday anniversary today",                             "Ana, Eva"),
    example("birthday anniversary in the next 7 days",                "Ana, Cy, Eva"),
    example("birthday in the last 40 years",                          "Ana, Bo, Cy, Eva"),
    example("birthday more than 30 years ago",                        "Ana, Bo"),
    example("birthday is empty",                                      "Di"),

    example("member is true",                                         "Ana, Di"),
    example("member is not true",                                     "Bo, Cy, Eva"),       // Cy never said
    example("member is false",                                        "Bo, Eva"),
    example("member is not false",                                    "Ana, Cy, Di"),
    example("member is empty",                                        "Cy"),
    example("member is not empty",                                    "Ana, Bo, Di, Eva"),

    example("size is m",                                              "Ana, Cy"),
    example("size is not M",                                          "Bo, Di, Eva"),
    example("size is any of (S, L)",                                  "Bo, Eva"),
    example("size is none of (S, L)",                                 "Ana, Cy, Di"),
    example("size is not empty",                                      "Ana, Bo, Cy, Eva"),

    // Everybody who bought bought Boots, once: what stands in the parentheses is asked of one purchase.
    example("purchases any where (product is Boots and amount >= 100)", "Ana, Eva"),
    example("purchases none where (product is Boots and amount >= 100)", "Bo, Cy, Di"),
    example("purchases any where (product is boots and purchased_at in the last 90 days)", "Ana, Bo"),
    example("purchases any where (amount < 1 or not (currency is EUR or amount < 1000))", "Bo"),
    example("purchases none where (product is not empty)",            "Di"),
    example("purchases any where (product is Hat)",                   ""),

    example("everyone",                                               EVERYBODY),
    example("everyone and not (tags contains VIP)",                   "Bo, Di"),
    example("(country is BR or city is empty) and not (tags contains VIP)", "Bo, Di"),
    example("not (country is BR or city is empty)",                   "Eva"),
    example("not (tags contains VIP and tags contains Wholesale)",    "Ana, Bo, Di, Eva"),
    example("any (tags contains Wholesale or (city is empty and email_consent is opted in))", "Bo, Cy, Di"),
];

/// The fields of the small world: its custom fields beside the built-in ones.
fn fields() -> Fields {
    let field = |(id, (key, kind)): (i64, (&str, Kind))| CustomField {
        id,
        key: key.into(),
        label: key.into(),
        kind,
        choices: Vec::new(),
        gone: false,
    };
    let kinds = [
        ("plan", Kind::Text),
        ("spend", Kind::Number),
        ("birthday", Kind::Date),
        ("member", Kind::YesNo),
        ("size", Kind::Choice),
    ];
    Fields::with((1..).zip(kinds).map(field).collect())
}

fn read(asked: &str) -> Rule {
    Rule::read(asked, &fields()).unwrap_or_else(|mistake| panic!("{asked}: {mistake}"))
}

/// The names of whoever matches.
fn who(asked: &str, db: &Db) -> String {
    db.read_now::<_, Trouble>(|conn| {
        let rule = Rule::read(asked, &Fields::load(conn)?).unwrap_or_else(|mistake| panic!("{asked}: {mistake}"));
        matching(&Filter::check(&rule, conn, &clock())?, conn)
    })
    .unwrap_or_else(|trouble| panic!("{asked}: {trouble}"))
}

fn matching(filter: &Filter, conn: &mut Conn) -> Result<String, Trouble> {
    assert_eq!(filter.problems(), [], "{}", filter.text());
    let names: Vec<Option<String>> = customers::table
        .filter(filter.predicate())
        .order((customers::name_folded, customers::id))
        .select(customers::name)
        .load(conn)?;
    Ok(names.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

#[test]
fn every_example_selects_who_it_says() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        audiences(&db);
        mailings(&people, &db);
        talks(&people, &db);
        for Example { asked, who: expected } in EXAMPLES {
            assert_eq!(&who(asked, &db), expected, "{asked}");
        }
    });
}

#[test]
fn every_operator_has_an_example() {
    let mut seen = Vec::new();
    for Example { asked, .. } in EXAMPLES {
        let rule = read(asked);
        rule.each_condition(&mut |_, condition| {
            seen.push((condition.field.kind, condition.op.clone()));
        });
    }
    let missing: Vec<_> = OPERATORS
        .iter()
        .filter(|operator| !seen.iter().any(|(kind, key)| operator.kinds & kind != 0 && operator.key == key))
        .map(|operator| operator.words())
        .collect();
    assert_eq!(missing, [""; 0], "operators without a line in EXAMPLES");
}

/// Every example of a negative operator, and the same question with its positive twin.
fn twins() -> Vec<(Rule, Rule)> {
    let mut twins = Vec::new();
    for Example { asked, .. } in EXAMPLES {
        let negative = read(asked).rooted();
        let mut positive = negative.clone();
        let Some(Rule::Where(condition)) = positive.at_mut(&[0]) else { continue };
        let operator = Operator::find(&condition.field, &condition.op).expect("an operator");
        if let (Meaning::Not(twin), 1) = (&operator.meaning, negative.conditions()) {
            condition.op = twin.to_string();
            twins.push((positive, negative));
        }
    }
    twins
}

#[test]
fn a_negative_is_everybody_its_positive_is_not() {
    let twins = twins();
    assert!(twins.len() > 10, "{} pairs", twins.len());
    for_each_database(|db| {
        let people = world_with_fields(&db);
        audiences(&db);
        mailings(&people, &db);
        talks(&people, &db);
        for (positive, negative) in &twins {
            db.read_now::<_, Trouble>(|conn| {
                let mut names = |rule: &Rule| -> Result<Vec<String>, Trouble> {
                    let names = matching(&Filter::check(rule, conn, &clock())?, conn)?;
                    Ok(names.split(", ").filter(|name| !name.is_empty()).map(str::to_string).collect())
                };
                let mut all = names(positive)?;
                all.extend(names(negative)?);
                all.sort();
                assert_eq!(all.join(", "), EVERYBODY, "{}", negative.to_text());
                Ok(())
            })
            .expect("both answers");
        }
    });
}

#[test]
fn a_filter_that_makes_no_sense_selects_nobody_and_says_why() {
    for_each_database(|db| {
        world_with_fields(&db);
        for asked in [
            "tags does not contain \"no such tag\"",
            "tags contains ?",
            "created_at after yesterweek",
            "name is ?",
            "size is not Huge",
            "birthday in the last 3 hours",
            "purchases none where ()",
            "purchases none where (product is ?)",
            "purchases none where (amount > ten)",
            "spend != many",
            "campaigns was not sent \"no such campaign\"",
            "campaigns was not sent ?",
        ] {
            db.read_now::<_, Trouble>(|conn| {
                let rule = read(asked);
                let filter = Filter::check(&rule, conn, &clock())?;
                assert!(!filter.problems().is_empty(), "{asked} is told what is wrong");
                assert_eq!(muster::filters::count(&filter, conn)?, 0, "{asked}");
                Ok(())
            })
            .expect("an answer");
        }
    });
}

#[test]
fn a_field_that_was_deleted_selects_nobody_until_it_is_there_again() {
    for_each_database(|db| {
        world_with_fields(&db);
        let asked = |conn: &mut Conn| {
            let rule = Rule::read("plan is not pro and not (size is M)", &Fields::load(conn)?).expect("it still reads");
            Ok::<_, Trouble>(Filter::check(&rule, conn, &clock())?)
        };
        db.write_now::<_, Trouble>(|conn| {
            assert_eq!(matching(&asked(conn)?, conn)?, "Bo");
            let known = CustomField::all(conn)?;
            let plan = known.iter().find(|field| field.key == "plan").expect("the plan");
            plan.delete(conn, clock().stamp())?;

            let filter = asked(conn)?;
            assert_eq!(filter.problems().len(), 1, "only its own row is wrong");
            assert_eq!(filter.problems()[0].path, [0]);
            assert!(filter.problems()[0].words.contains("The field Plan was deleted"));
            assert_eq!(muster::filters::count(&filter, conn)?, 0);
            assert_eq!(filter.text(), "custom.plan is not pro and not (custom.size is M)", "nothing of it is lost");

            let again = muster::custom_fields::Wish {
                key: "plan".into(),
                label: "Plan".into(),
                kind: "text".into(),
                choices: String::new(),
            };
            CustomField::create(&again, conn, clock().stamp()).expect("it is made again");
            assert_eq!(matching(&asked(conn)?, conn)?, "Bo, Di, Eva", "and nobody has a plan yet");
            Ok(())
        })
        .expect("answers");
    });
}
