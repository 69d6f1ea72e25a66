//! Facts changed where they stand, one at a time, and the history that every change leaves.

use super::support::pages::{attr, attrs, page, text, texts};
use super::support::*;
use diesel::prelude::*;
use muster::agents::Role;
use muster::campaigns::{key::Key, optout, token::Token};
use muster::customers::{Channel, Consent, Consents, Customer};
use muster::db::schema::{customers, field_changes};
use muster::db::{Db, Trouble};
use reqwest::blocking::{Client, Response};
use serde_json::json;

fn open(client: &Client, server: &Server, id: i64, field: &str) -> scraper::Html {
    let answer = client.get(server.url(&format!("/customers/{id}/fields/{field}"))).send().expect("an answer");
    assert_eq!(answer.status(), 200, "{field}");
    page(answer)
}

fn save(client: &Client, server: &Server, id: i64, field: &str, was: &str, value: &str) -> Response {
    let form = [("was", was), ("value", value)];
    client.post(server.url(&format!("/customers/{id}/fields/{field}"))).form(&form).send().expect("an answer")
}

/// `Ada Agent city: Oslo → Bergen, profile`, the oldest first, since the world was made.
fn history(db: &Db, id: i64) -> Vec<String> {
    type Row = (String, String, Option<String>, Option<String>, String);
    let rows: Vec<Row> = db
        .read_now::<_, Trouble>(|conn| {
            Ok(field_changes::table
                .filter(field_changes::customer_id.eq(id))
                .filter(field_changes::source.ne("command line"))
                .order(field_changes::id)
                .select((
                    field_changes::actor,
                    field_changes::field,
                    field_changes::before,
                    field_changes::after,
                    field_changes::source,
                ))
                .load(conn)?)
        })
        .expect("the history");
    let value = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let line = |(actor, field, before, after, source): Row| {
        format!("{actor} {field}: {} → {}, {source}", value(before), value(after))
    };
    rows.into_iter().map(line).collect()
}

fn find(db: &Db, id: i64) -> Customer {
    db.read_now::<_, Trouble>(|conn| Ok(Customer::find(id, conn)?)).expect("a snapshot").expect("somebody")
}

#[test]
fn every_fact_is_changed_in_its_place_without_a_script() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let server = Server::start(&db);
        let agent = server.signed_in_who_stays(Role::Agent);
        let bo = people.bo;
        // What is typed, and how the profile tells it then.
        let facts = [
            ("name", "Bo", " Bodil  ", "Bodil"),
            ("email", "bo@example.org", "BO@Example.org ", "bo@example.org"),
            ("phone", "", "+46 70 123 45 67", "+46701234567"),
            ("city", "sao paulo", "Lund", "Lund"),
            ("country", "BR", "sweden", "Sweden"),
            ("language", "", "Swedish", "Swedish"),
            ("external_id", "c2", "K-2", "K-2"),
            ("custom.plan", "", "pro", "pro"),
            ("custom.spend", "0", "1220.50", "1,220.5"),
            ("custom.birthday", "1988-02-29", "1990-02-28", "28 Feb 1990"),
            ("custom.member", "no", "yes", "yes"),
            ("custom.size", "L", "M", "M"),
            ("email_consent", "opted_out", "opted_in", "Opted in"),
            ("sms_consent", "unknown", "opted_out", "Opted out"),
        ];
        for (field, was, typed, told) in facts {
            let form = open(&agent, &server, bo, field);
            assert_eq!(attr(&form, "[name=was]", "value"), was, "{field}");
            let answer = save(&agent, &server, bo, field, was, typed);
            let fact = format!("fact-{}", field.replace('.', "-"));
            let place = answer.headers().get("location").and_then(|place| place.to_str().ok()).unwrap_or_default();
            assert_eq!((answer.status().as_u16(), place), (303, format!("/customers/{bo}#{fact}").as_str()));
            let profile = page(agent.get(server.url(&format!("/customers/{bo}"))).send().expect("an answer"));
            assert_eq!(text(&profile, &format!("#{fact} a")), told, "{field}");
        }
        assert_eq!(attr(&open(&agent, &server, bo, "country"), "#fact-country-in", "value"), "Sweden");
        let form = open(&agent, &server, bo, "custom.size");
        assert_eq!(attrs(&form, "select option", "value"), ["", "S", "M", "L"]);
        assert_eq!(attr(&open(&agent, &server, bo, "custom.birthday"), "#fact-custom-birthday-in", "type"), "date");
        assert_eq!(
            history(&db, bo)[..3],
            [
                "Ada Agent name: Bo → Bodil, profile",
                "Ada Agent phone: - → +46701234567, profile",
                "Ada Agent city: sao paulo → Lund, profile"
            ],
            "an address that stays the same is no change"
        );
        assert!(history(&db, bo).contains(&"Ada Agent sms_consent: unknown → opted_out, profile".to_string()));
        assert!(find(&db, bo).updated_at > clock().stamp());

        assert_eq!(save(&agent, &server, bo, "custom.plan", "pro", "  ").status(), 303);
        let profile = page(agent.get(server.url(&format!("/customers/{bo}"))).send().expect("an answer"));
        assert_eq!(text(&profile, "#fact-custom-plan a"), "Add a value");
        for nowhere in ["total_spent", "custom.none", "created_at"] {
            assert_eq!(save(&agent, &server, bo, nowhere, "", "1").status(), 404, "{nowhere}");
        }
    });
}

#[test]
fn what_cannot_be_stays_in_the_field_with_a_sentence() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let server = Server::start(&db);
        let agent = server.signed_in_who_stays(Role::Agent);
        for (field, was, typed, why) in [
            ("email", "bo@example.org", "bo@home", "The part after the @ needs a dot, for example example.com."),
            ("phone", "", "5.51E+12", "A spreadsheet shortened this number. Enter all digits."),
            ("custom.spend", "0", "ten", "“ten” is not a number."),
            ("custom.birthday", "1988-02-29", "soon", "“soon” is not a date. Write it like 2026-09-07."),
            ("custom.size", "L", "Huge", "“Huge” is not one of the choices: S, M, L."),
            ("email_consent", "opted_out", "perhaps", "“perhaps” is not a consent."),
        ] {
            let answer = save(&agent, &server, people.bo, field, was, typed);
            assert_eq!(answer.status(), 422, "{field}");
            let form = page(answer);
            let fact = format!("#fact-{}", field.replace('.', "-"));
            let told = text(&form, &format!("{fact}-why"));
            assert!(told.starts_with(why) || (field == "custom.spend" && !told.is_empty()), "{field}: {told}");
            assert_eq!(attrs(&form, "[aria-invalid=true]", "name"), ["value"], "{field}");
            let kept = [
                attr(&form, &format!("{fact}-in"), "value"),
                attr(&form, &format!("{fact}-in option[selected]"), "value"),
            ];
            assert!(kept.contains(&typed.to_string()) || field == "email_consent", "{field}: {kept:?}");
        }
        // Whoever has it is a click away.
        for (field, was, typed) in [("email", "bo@example.org", "ANA@example.com"), ("external_id", "c2", "c1")] {
            let answer = save(&agent, &server, people.bo, field, was, typed);
            assert_eq!(answer.status(), 422, "{field}");
            let form = page(answer);
            assert_eq!(attrs(&form, ".field-why a", "href"), [format!("/customers/{}", people.ana)]);
            assert_eq!(texts(&form, ".field-why a"), ["Ana"]);
        }
        // The last thing to know somebody by stays.
        for (field, was) in [("external_id", "c4"), ("name", "Di")] {
            let answer = save(&agent, &server, people.di, field, was, "");
            let last = field == "name";
            assert_eq!(answer.status(), if last { 422 } else { 303 }, "{field}");
            assert_eq!(page(answer).html().contains("Give a name, an email address"), last);
        }
        assert_eq!(history(&db, people.bo), [""; 0]);
    });
}

#[test]
fn who_comes_second_sees_what_she_would_overwrite() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let server = Server::start(&db);
        let ada = server.signed_in_who_stays(Role::Agent);
        let mara = server.signed_in_who_stays(Role::Marketer);
        let ana = people.ana;
        let opened = open(&ada, &server, ana, "city");
        // Two fields at once: both win.
        assert_eq!(save(&mara, &server, ana, "custom.plan", "pro", "free").status(), 303);
        assert_eq!(save(&mara, &server, ana, "city", "São Paulo", "Santos").status(), 303);
        assert_eq!(save(&ada, &server, ana, "language", "", "Portuguese").status(), 303);

        let was = attr(&opened, "[name=was]", "value");
        let answer = save(&ada, &server, ana, "city", &was, "Campinas");
        assert_eq!(answer.status(), 409);
        let form = page(answer);
        let told = text(&form, "#fact-city-since");
        assert!(told.starts_with("Not saved. Mara Marketer changed this at "), "{told}");
        assert_eq!(
            (text(&form, "#fact-city-since del"), text(&form, "#fact-city-since ins")),
            ("São Paulo".into(), "Santos".into())
        );
        assert_eq!(attr(&form, "#fact-city-in", "value"), "Campinas");
        assert_eq!(find(&db, ana).city.as_deref(), Some("Santos"), "nothing is written");
        // Who wants the same has nothing to overwrite.
        assert_eq!(save(&ada, &server, ana, "city", &was, " Santos").status(), 303);
        // Once more, knowingly.
        let now = attr(&form, "[name=was]", "value");
        assert_eq!(save(&ada, &server, ana, "city", &now, "Campinas").status(), 303);
        assert_eq!(find(&db, ana).city.as_deref(), Some("Campinas"));
        assert_eq!(
            history(&db, ana),
            [
                "Mara Marketer custom.plan: pro → free, profile",
                "Mara Marketer city: São Paulo → Santos, profile",
                "Ada Agent language: - → pt, profile",
                "Ada Agent city: Santos → Campinas, profile",
            ]
        );
        // What came from elsewhere has no name to it.
        db.write_now::<_, Trouble>(|conn| {
            diesel::update(customers::table.find(ana)).set(customers::city.eq("Recife")).execute(conn)?;
            Ok(())
        })
        .expect("an edit by hand");
        let told = text(&page(save(&ada, &server, ana, "city", "Campinas", "")), "#fact-city-since");
        assert!(told.starts_with("Not saved. This was changed while you had it open:Campinas Recife"), "{told}");

        // For htmx the place alone is drawn, and the whole profile once it is saved.
        let asked = |request: reqwest::blocking::RequestBuilder| {
            request.header("HX-Request", "true").header("HX-Request-Type", "partial").send().expect("an answer")
        };
        let path = server.url(&format!("/customers/{ana}/fields/city"));
        for (query, shown) in [("", "field-edit"), ("?closed=true", "fact-edit")] {
            let piece = asked(ada.get(format!("{path}{query}"))).text().expect("a piece");
            assert!(piece.starts_with("<dd id=\"fact-city\">") && piece.contains(shown), "{piece}");
        }
        let answer = asked(ada.post(&path).form(&[("was", "Recife"), ("value", "Olinda")]));
        assert_eq!(answer.headers()["hx-retarget"], "#profile");
        assert_eq!(text(&page(answer), "#profile #fact-city"), "Olinda");
    });
}

#[test]
fn forms_programs_and_links_leave_their_history() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let [autumn, _] = mailings(&people, &db);
        let server = Server::start(&db);
        let agent = server.signed_in_who_stays(Role::Agent);
        let form = [
            ("name", "Cy"),
            ("email", "cy@mail.example.com"),
            ("external_id", "c3"),
            ("country", "NO"),
            ("phone", "+4740001234"),
            ("city", "Oslo"),
            ("custom.plan", "pro"),
            ("email_consent", "opted_in"),
        ];
        let answer =
            agent.post(server.url(&format!("/customers/{}", people.cy))).form(&form).send().expect("an answer");
        assert_eq!(answer.status(), 303);
        assert_eq!(
            history(&db, people.cy),
            [
                "Ada Agent city: - → Oslo, profile",
                "Ada Agent custom.plan: free → pro, profile",
                "Ada Agent email_consent: unknown → opted_in, profile",
            ]
        );

        let program = server.program(Role::Agent);
        let url = server.url(&format!("/api/v1/customers/{}", people.eva));
        let body =
            json!({ "city": null, "sms_consent": "opted_in", "custom": { "spend": 5 }, "last_seen_at": "2026-09-08" });
        assert_eq!(program.patch(&url).json(&body).send().expect("an answer").status(), 200);
        assert_eq!(program.patch(&url).json(&body).send().expect("an answer").status(), 200);
        assert_eq!(
            history(&db, people.eva),
            [
                "agent's program city: 100%_sure → -, api",
                "agent's program sms_consent: unknown → opted_in, api",
                "agent's program custom.spend: 1000 → 5, api",
            ],
            "what is so already, and when she was seen, is no change"
        );
        let body = json!({ "name": "Fay", "created_at": "2024-05-06T00:00:00Z" });
        let made = program.post(server.url("/api/v1/customers")).json(&body).send().expect("an answer");
        let fay = made.json::<serde_json::Value>().expect("JSON")["id"].as_i64().expect("her id");
        assert_eq!(history(&db, fay), ["agent's program created_at: - → 2024-05-06T00:00:00.000000Z, api"]);

        db.write_now::<_, Trouble>(|conn| {
            let token = Token { campaign: autumn, customer: people.ana, channel: Channel::Email };
            Ok(optout::leave(&token, &Key::new(&[7; 32]), clock().stamp(), conn)?)
        })
        .expect("she leaves");
        assert_eq!(history(&db, people.ana), ["the customer email_consent: opted_in → opted_out, link"]);
        let said = db.read_now::<_, Trouble>(|conn| Ok(Consents::of(people.ana, conn)?)).expect("her consents");
        assert_eq!(said.get(Channel::Email), Consent::OptedOut);
        assert_eq!(
            said.said(Channel::Email).map(|said| said.source.clone()),
            Some(format!("link in campaign {autumn}"))
        );
    });
}
