//! Custom fields: admins make them, everybody fills them in, programs read them; and the settings of the workspace.

use super::support::*;
use muster::agents::Role;
use muster::custom_fields::{self, CustomField, Kind, Wish};
use muster::customers::Customer;
use muster::db::schema::audit_log;
use muster::db::{Conn, Db, Trouble};
use muster::workspace::Workspace;
use reqwest::blocking::{Client, Response};
use scraper::{Html, Selector};

fn read<T>(db: &Db, work: impl FnOnce(&mut Conn) -> T) -> T {
    db.read_now::<_, Trouble>(|conn| Ok(work(conn))).expect("a snapshot")
}

fn select(page: &str, selector: &str) -> Vec<String> {
    let page = Html::parse_document(page);
    let selector = Selector::parse(selector).expect("a selector");
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    page.select(&selector).map(|found| words(found.text().collect())).collect()
}

/// The value of an input, or what is chosen in a list.
fn value(page: &str, id: &str) -> String {
    let page = Html::parse_document(page);
    let find = |css: &str| {
        let selector = Selector::parse(css).expect("a selector");
        page.select(&selector).next().and_then(|found| found.value().attr("value")).map(String::from)
    };
    find(&format!("input#{id}")).or_else(|| find(&format!("#{id} option[selected]"))).expect("an input")
}

fn get(client: &Client, server: &Server, path: &str) -> String {
    let answer = client.get(server.url(path)).send().expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().expect("a page")
}

fn post(client: &Client, server: &Server, path: &str, form: &[(&str, &str)]) -> Response {
    client.post(server.url(path)).form(form).send().expect("an answer")
}

/// The page that came back because something was typed wrongly.
fn refused(answer: Response) -> String {
    assert_eq!(answer.status(), 422);
    answer.text().expect("a page")
}

fn fields(db: &Db) -> Vec<CustomField> {
    read(db, CustomField::all).expect("the fields")
}

fn audited(db: &Db) -> Vec<(String, String, String)> {
    use diesel::prelude::*;
    let columns = (audit_log::actor, audit_log::action, audit_log::details);
    read(db, |conn| audit_log::table.order(audit_log::id).select(columns).load(conn)).expect("the log")
}

/// What somebody has, as it is stored: `plan=pro points=1220`.
fn held(db: &Db, id: i64) -> String {
    let values = read(db, |conn| custom_fields::of_customers(&[id], conn)).expect("values").remove(&id);
    let values = values.unwrap_or_default();
    let held = |field: &CustomField| Some(format!("{}={}", field.key, values.get(&field.id)?));
    fields(db).iter().filter_map(held).collect::<Vec<_>>().join(" ")
}

/// One field of each type.
pub fn five_fields(db: &Db) {
    for (key, label, kind, choices) in [
        ("plan", "Plan", "choice", "free\npro"),
        ("points", "Points", "number", ""),
        ("birthday", "Birthday", "date", ""),
        ("member", "Member", "yes/no", ""),
        ("note", "Note", "text", ""),
    ] {
        let wish = Wish { key: key.into(), label: label.into(), kind: kind.into(), choices: choices.into() };
        let made = db.write_now::<_, Trouble>(|conn| Ok(CustomField::create(&wish, conn, clock().stamp())));
        made.expect("a transaction").expect("a field");
    }
}

#[test]
fn an_admin_makes_fields_and_hears_what_is_wrong_beside_each_part() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let admin = server.signed_in_who_stays(Role::Admin);
        let page = get(&admin, &server, "/settings/fields");
        assert_eq!(select(&page, ".blank h2"), ["No custom fields yet"]);
        assert_eq!(select(&page, ".main a[href='/settings/fields/new']").len(), 1, "one action");

        let form = [("label", "Shoe size (EU)"), ("key", ""), ("kind", "number")];
        assert_eq!(post(&admin, &server, "/settings/fields", &form).status(), 303);
        let form = [("label", "Plan"), ("key", "custom.Plan"), ("kind", "choice"), ("choices", "free\r\npro\r\n\r\n")];
        assert_eq!(post(&admin, &server, "/settings/fields", &form).status(), 303);
        let made: Vec<_> = fields(&db).into_iter().map(|field| (field.name(), field.kind, field.choices)).collect();
        assert_eq!(made[0], ("custom.plan".into(), Kind::Choice, vec!["free".into(), "pro".into()]));
        assert_eq!(made[1], ("custom.shoe_size_eu".into(), Kind::Number, vec![]), "a key made of the name");
        let page = get(&admin, &server, "/settings/fields");
        assert_eq!(select(&page, "#fields td.who"), ["Plan", "Shoe size (EU)"]);
        let cells = select(&page, &format!("#field-{} td", fields(&db)[0].id));
        assert_eq!(cells[..5], ["Plan", "custom.plan", "choice", "free, pro", "0"]);

        for (wrong, part) in [
            ([("label", ""), ("key", ""), ("kind", "text"), ("choices", "")], "label"),
            ([("label", " "), ("key", "x"), ("kind", "text"), ("choices", "")], "label"),
            ([("label", "Plan"), ("key", "PLAN"), ("kind", "text"), ("choices", "")], "key"),
            ([("label", "Odd"), ("key", "2nd plan"), ("kind", "text"), ("choices", "")], "key"),
            ([("label", "Size"), ("key", "size"), ("kind", "choice"), ("choices", "")], "choices"),
            ([("label", "Size"), ("key", "size"), ("kind", "choice"), ("choices", "S\nL\ns")], "choices"),
        ] {
            let page = refused(post(&admin, &server, "/settings/fields", &wrong));
            assert_eq!(select(&page, &format!("#{part}-why")).len(), 1, "{wrong:?}");
            assert_eq!(value(&page, "key"), wrong[1].1, "what was typed is kept");
            assert_eq!(select(&page, "#choices")[0], wrong[3].1.replace('\n', " "));
        }
        let page = refused(post(&admin, &server, "/settings/fields", &[("label", "Size"), ("kind", "colour")]));
        assert!(page.contains("Choose what the field holds."));
        assert_eq!(fields(&db).len(), 2);
        assert_eq!(audited(&db).iter().filter(|line| line.1 == "custom_field.create").count(), 2);
    });
}

#[test]
fn key_and_type_stay_and_a_choice_that_somebody_has_stays_too() {
    for_each_database(|db| {
        let people = world(&db);
        five_fields(&db);
        let server = Server::start(&db);
        let admin = server.signed_in_who_stays(Role::Admin);
        assert_eq!(
            post(&admin, &server, &format!("/customers/{}", people.ana), &[("name", "Ana"), ("custom.plan", "pro")])
                .status(),
            303
        );
        let plan = fields(&db).into_iter().find(|field| field.key == "plan").expect("the plan");
        let path = format!("/settings/fields/{}", plan.id);
        let page = get(&admin, &server, &format!("{path}/edit"));
        assert_eq!(select(&page, "dl.facts dd"), ["custom.plan", "choice"]);
        assert!(
            page.contains("Key and type stay") && !page.contains("name=\"key\"") && !page.contains("name=\"kind\"")
        );

        let form = [("label", "Loyalty plan"), ("choices", "Plus\nPRO"), ("key", "other"), ("kind", "text")];
        assert_eq!(post(&admin, &server, &path, &form).status(), 303);
        let now = read(&db, |conn| CustomField::find(plan.id, conn)).unwrap().expect("the plan");
        assert_eq!((now.label.as_str(), now.key.as_str(), now.kind), ("Loyalty plan", "plan", Kind::Choice));
        assert_eq!(now.choices, ["Plus", "PRO"]);
        assert_eq!(held(&db, people.ana), "plan=PRO", "another spelling of the same choice is hers too");

        let page = refused(post(&admin, &server, &path, &[("label", "Plan"), ("choices", "Plus")]));
        assert_eq!(
            select(&page, "#choices-why"),
            ["1 customer has “PRO”. Give them another value before you take it away."]
        );
        assert_eq!(select(&page, "#choices"), ["Plus"]);
        assert_eq!(post(&admin, &server, "/settings/fields/4040", &form).status(), 404);

        let updates: Vec<_> = audited(&db).into_iter().filter(|line| line.1 == "custom_field.update").collect();
        assert_eq!(updates.len(), 1);
        assert!(updates[0].0 == "Abel Admin" && updates[0].2.contains("Loyalty plan") && updates[0].2.contains("free"));
    });
}

#[test]
fn deleting_says_how_many_values_go_before_they_do() {
    for_each_database(|db| {
        let people = world(&db);
        five_fields(&db);
        let server = Server::start(&db);
        let admin = server.signed_in_who_stays(Role::Admin);
        for (id, name) in [(people.ana, "Ana"), (people.bo, "Bo")] {
            let form = [("name", name), ("custom.plan", "pro"), ("custom.points", "5")];
            assert_eq!(post(&admin, &server, &format!("/customers/{id}"), &form).status(), 303);
        }
        let plan = fields(&db).into_iter().find(|field| field.key == "plan").expect("the plan").id;
        let row = format!("#field-{plan} td.num strong");
        assert_eq!(select(&get(&admin, &server, "/settings/fields"), &row), ["2"]);
        let path = format!("/settings/fields/{plan}/delete");
        let page = get(&admin, &server, &path);
        assert!(page.contains("<b>2 customers</b> have a value") && page.contains("Delete field and 2 values"));
        assert_eq!(held(&db, people.ana), "plan=pro points=5", "looking deletes nothing");
        let answer = post(&admin, &server, &path, &[]);
        assert_eq!(answer.status(), 303);
        assert_eq!((held(&db, people.ana), held(&db, people.bo)), ("points=5".into(), "points=5".into()));
        assert!(select(&get(&admin, &server, "/settings/fields"), &row).is_empty());
        assert_eq!(post(&admin, &server, &path, &[]).status(), 404);
        let told = audited(&db).into_iter().find(|line| line.1 == "custom_field.delete").expect("a line");
        assert!(told.2.contains("\"customers\":2") && told.2.contains("custom.plan"));

        // Its key is free again, for another type; a form from before is told so.
        let late = [("name", "Ana"), ("custom.plan", "pro")];
        let page = refused(post(&admin, &server, &format!("/customers/{}", people.ana), &late));
        assert!(select(&page, "#custom-why")[0].contains("custom.plan was deleted"));
        let form = [("label", "Plan"), ("key", "plan"), ("kind", "text")];
        assert_eq!(post(&admin, &server, "/settings/fields", &form).status(), 303);
        assert_eq!(held(&db, people.ana), "points=5");
    });
}

#[test]
fn a_customer_has_her_values_on_her_form_and_on_her_page() {
    for_each_database(|db| {
        let people = world(&db);
        five_fields(&db);
        let server = Server::start(&db);
        let agent = server.signed_in_who_stays(Role::Agent);
        let di = format!("/customers/{}", people.di);
        let before = read(&db, |conn| Customer::find(people.di, conn)).unwrap().expect("Di").updated_at;
        let page = get(&agent, &server, &di);
        assert_eq!(select(&page, ".facts a[href$='fields/custom.plan']"), ["Add a value"]);
        let form = get(&agent, &server, &format!("{di}/edit"));
        for (id, kind) in [("points", "text"), ("birthday", "date"), ("note", "text")] {
            assert_eq!(select(&form, &format!("input#custom-{id}[type={kind}]")).len(), 1, "{id}");
        }
        assert_eq!(select(&form, "#custom-points[inputmode=decimal]").len(), 1);
        assert_eq!(select(&form, "#custom-member option"), ["not known", "yes", "no"]);
        assert_eq!(select(&form, "#custom-plan option"), ["not known", "free", "pro"]);

        let typed = [
            ("name", "Di"),
            ("custom.plan", "pro"),
            ("custom.points", "1220.50"),
            ("custom.birthday", "1990-02-28"),
            ("custom.member", "no"),
            ("custom.note", "  Likes <b>tea</b> "),
        ];
        assert_eq!(post(&agent, &server, &di, &typed).status(), 303);
        let values = "birthday=1990-02-28 member=no note=Likes <b>tea</b> plan=pro points=1220.5";
        assert_eq!(held(&db, people.di), values);
        let changed = read(&db, |conn| Customer::find(people.di, conn)).unwrap().expect("Di").updated_at;
        assert!(changed > before, "a custom value is a change");
        let page = get(&agent, &server, &di);
        let facts = select(&page, ".facts dd");
        for fact in ["28 Feb 1990", "no", "Likes <b>tea</b>", "pro", "1,220.5"] {
            assert!(facts.contains(&fact.to_string()), "{fact}: {facts:?}");
        }
        let form = get(&agent, &server, &format!("{di}/edit"));
        for (name, typed) in [("plan", "pro"), ("points", "1220.5"), ("birthday", "1990-02-28"), ("member", "no")] {
            assert_eq!(value(&form, &format!("custom-{name}")), typed);
        }

        // The same again is no change; what is not on the form stays; empty takes away.
        assert_eq!(post(&agent, &server, &di, &typed).status(), 303);
        let again = read(&db, |conn| Customer::find(people.di, conn)).unwrap().expect("Di").updated_at;
        assert_eq!(again, changed);
        assert_eq!(post(&agent, &server, &di, &[("name", "Di")]).status(), 303);
        assert_eq!(held(&db, people.di), values);
        let emptied = [("name", "Di"), ("custom.plan", ""), ("custom.member", ""), ("custom.note", "  ")];
        assert_eq!(post(&agent, &server, &di, &emptied).status(), 303);
        assert_eq!(held(&db, people.di), "birthday=1990-02-28 points=1220.5");
    });
}

#[test]
fn a_value_that_does_not_fit_is_explained_and_kept() {
    for_each_database(|db| {
        let people = world(&db);
        five_fields(&db);
        let server = Server::start(&db);
        let agent = server.signed_in_who_stays(Role::Agent);
        let wrong = [
            ("name", "Noor"),
            ("custom.plan", "gold"),
            ("custom.points", "many"),
            ("custom.birthday", "2026-02-30"),
            ("custom.member", "perhaps"),
            ("custom.note", "fine"),
        ];
        for path in ["/customers".to_string(), format!("/customers/{}", people.bo)] {
            let page = refused(post(&agent, &server, &path, &wrong));
            for (name, typed) in &wrong[1..5] {
                let id = name.replace('.', "-");
                assert_eq!(value(&page, &id), *typed, "{path}");
                assert_eq!(select(&page, &format!("#{id}-why")).len(), 1, "{name}");
            }
            assert_eq!(value(&page, "custom-note"), "fine");
            assert!(select(&page, "#custom-note-why").is_empty());
        }
        assert_eq!(held(&db, people.bo), "");
        let made =
            post(&agent, &server, "/customers", &[("name", "Noor"), ("custom.plan", "PRO"), ("custom.member", "yes")]);
        assert_eq!(made.status(), 303);
        let place = made.headers()["location"].to_str().expect("a place").to_string();
        let id = place.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id");
        assert_eq!(held(&db, id), "member=yes plan=pro");
    });
}

#[test]
fn many_fields_without_a_value_are_only_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    let people = world(&db);
    five_fields(&db);
    for number in 0..20 {
        let key = format!("more_{number}");
        let wish = Wish { label: key.clone(), key, kind: "text".into(), choices: String::new() };
        let made = db.write_now::<_, Trouble>(|conn| Ok(CustomField::create(&wish, conn, clock().stamp())));
        made.expect("a transaction").expect("a field");
    }
    let server = Server::start(&db);
    let agent = server.signed_in_who_stays(Role::Agent);
    let ana = format!("/customers/{}", people.ana);
    assert_eq!(post(&agent, &server, &ana, &[("name", "Ana"), ("custom.plan", "pro")]).status(), 303);
    let page = get(&agent, &server, &ana);
    assert!(page.contains("24 more without a value") && select(&page, ".facts dd").contains(&"pro".to_string()));
}

#[test]
fn the_settings_of_the_workspace_are_changed_and_remembered() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let admin = server.signed_in_who_stays(Role::Admin);
        let page = get(&admin, &server, "/settings");
        assert_eq!((value(&page, "time_zone"), value(&page, "currency")), ("UTC".into(), "EUR".into()));
        assert!(page.contains("<option value=\"America/Sao_Paulo\">"));
        let form = [
            ("name", " Casa Verde "),
            ("time_zone", "america/sao paulo"),
            ("currency", "brl"),
            ("default_country", "brazil"),
        ];
        assert_eq!(post(&admin, &server, "/settings", &form).status(), 303);
        let now = read(&db, Workspace::load).expect("the workspace");
        let expected = Workspace {
            name: "Casa Verde".into(),
            zone: chrono_tz::America::Sao_Paulo,
            currency: "BRL".into(),
            default_country: Some("BR".into()),
            ..Workspace::default()
        };
        assert_eq!(now, expected);
        let page = get(&admin, &server, "/settings");
        assert!(page.contains("Casa Verde") && value(&page, "default_country") == "Brazil");
        assert_eq!(post(&admin, &server, "/settings", &form).status(), 303, "the same again");
        let told: Vec<_> = audited(&db).into_iter().filter(|line| line.1 == "settings.update").collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].2.contains("\"currency\":{\"was\":\"EUR\",\"is\":\"BRL\"}"), "{}", told[0].2);

        let wrong = [("name", ""), ("time_zone", "Stockholm"), ("currency", "€"), ("default_country", "Atlantis")];
        let page = refused(post(&admin, &server, "/settings", &wrong));
        for (name, typed) in wrong {
            assert_eq!(value(&page, name), typed);
            assert_eq!(select(&page, &format!("#{name}-why")).len(), 1, "{name}");
        }
        let cleared = [("name", "Casa Verde"), ("time_zone", "UTC"), ("currency", "BRL"), ("default_country", "")];
        assert_eq!(post(&admin, &server, "/settings", &cleared).status(), 303);
        assert_eq!(read(&db, Workspace::load).expect("the workspace").default_country, None);
    });
}

#[test]
fn the_currency_stays_once_something_was_bought() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in_who_stays(Role::Admin);
        let page = get(&admin, &server, "/settings");
        assert!(page.contains("readonly") && page.contains("there are purchases in it"));
        let form = |currency| [("name", "Casa Verde"), ("time_zone", "UTC"), ("currency", currency)];
        let page = refused(post(&admin, &server, "/settings", &form("SEK")));
        assert!(select(&page, "#currency-why")[0].starts_with("The purchases are in EUR"));
        assert_eq!(read(&db, Workspace::load).expect("the workspace").zone, chrono_tz::America::Sao_Paulo);
        assert_eq!(post(&admin, &server, "/settings", &form("eur")).status(), 303, "the rest can change");
        assert_eq!(read(&db, Workspace::load).expect("the workspace").zone, chrono_tz::UTC);
    });
}

#[test]
fn settings_are_for_admins() {
    for_each_database(|db| {
        world(&db);
        five_fields(&db);
        let server = Server::start(&db);
        for role in [Role::Agent, Role::Marketer] {
            let person = server.signed_in_who_stays(role);
            assert!(!get(&person, &server, "/customers").contains("href=\"/settings\""));
            for path in ["/settings", "/settings/fields", "/settings/fields/new", "/settings/fields/1/delete"] {
                assert_eq!(person.get(server.url(path)).send().unwrap().status(), 403, "{path}");
            }
            assert_eq!(post(&person, &server, "/settings/fields/1/delete", &[]).status(), 403);
        }
        assert_eq!(fields(&db).len(), 5);
        let admin = server.signed_in_who_stays(Role::Admin);
        assert!(get(&admin, &server, "/customers").contains("href=\"/settings\""));
    });
}

#[test]
fn two_who_fill_in_the_same_field_at_once_both_get_an_answer() {
    for_each_database(|db| {
        let people = world(&db);
        five_fields(&db);
        let server = Server::start(&db);
        let token = server.token(Role::Agent);
        let url = server.url(&format!("/api/v1/customers/{}", people.di));
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (token, url) = (token.clone(), url.clone());
                std::thread::spawn(move || {
                    let key = if number % 2 == 0 { "points" } else { "note" };
                    let body = serde_json::json!({ "custom": { key: number } });
                    let client = Client::new();
                    client.patch(url).bearer_auth(token).json(&body).send().expect("an answer").status().as_u16()
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().expect("an answer"), 200);
        }
        assert_eq!(held(&db, people.di).split(' ').count(), 2, "neither took the other's field away");
    });
}
