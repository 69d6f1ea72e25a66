//! One customer in the browser: her page, her form, her tags, and taking her out.

use super::support::*;
use muster::agents::Role;
use muster::customers::{Channel, Consent, Consents, Customer};
use muster::db::{Conn, Db, Trouble};
use muster::tags::{self, Source, Tag};
use reqwest::blocking::{Client, Response};
use scraper::{Html, Selector};

fn read<T>(db: &Db, work: impl FnOnce(&mut Conn) -> T) -> T {
    db.read_now::<_, Trouble>(|conn| Ok(work(conn))).expect("a snapshot")
}

fn select(page: &str, selector: &str) -> Vec<String> {
    let page = Html::parse_document(page);
    let selector = Selector::parse(selector).expect("a selector");
    page.select(&selector)
        .map(|found| found.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn get(client: &Client, server: &Server, path: &str) -> String {
    let answer = client.get(server.url(path)).send().expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().expect("a page")
}

fn post(client: &Client, server: &Server, path: &str, form: &[(&str, &str)]) -> Response {
    client.post(server.url(path)).form(form).send().expect("an answer")
}

/// As htmx asks for a piece.
fn swap(client: &Client, server: &Server, path: &str, form: &[(&str, &str)]) -> Response {
    let asked = client.post(server.url(path)).form(form).header("HX-Request", "true");
    asked.header("HX-Request-Type", "partial").send().expect("an answer")
}

fn place(answer: &Response) -> &str {
    answer.headers().get("location").and_then(|place| place.to_str().ok()).unwrap_or_default()
}

#[test]
fn a_form_adds_a_customer_and_changes_her() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let agent = server.signed_in_who_stays(Role::Agent);
        assert!(get(&agent, &server, "/customers/new").contains("New customer"));
        let fields = [
            ("name", " Åsa Öberg "),
            ("email", "Asa@Example.com"),
            ("phone", "+46 70 123 45 67"),
            ("country", "sweden"),
            ("language", "Swedish"),
            ("since", "2024-05-06"),
            ("email_consent", "opted_in"),
        ];
        let answer = post(&agent, &server, "/customers", &fields);
        assert_eq!(answer.status(), 303);
        let path = place(&answer).to_string();
        let id: i64 = path.strip_prefix("/customers/").and_then(|id| id.parse().ok()).expect("her page");
        let asa = read(&db, |conn| Customer::find(id, conn)).unwrap().expect("Åsa");
        assert_eq!(asa.name.as_deref(), Some("Åsa Öberg"));
        assert_eq!(asa.email.as_deref(), Some("asa@example.com"));
        assert_eq!(asa.phone.as_deref(), Some("+46701234567"));
        assert_eq!((asa.country.as_deref(), asa.language.as_deref()), (Some("SE"), Some("sv")));
        assert_eq!(asa.created_at.to_string(), "2024-05-06 00:00:00");
        let consents = read(&db, |conn| Consents::of(id, conn)).unwrap();
        assert_eq!(consents.said(Channel::Email).map(|said| said.source.as_str()), Some("profile"));
        let page = get(&agent, &server, &path);
        assert!(select(&page, "h1").contains(&"Åsa Öberg".to_string()));
        assert!(page.contains("Sweden") && page.contains("Swedish") && page.contains("Opted in"));

        let form = get(&agent, &server, &format!("{path}/edit"));
        assert!(form.contains("value=\"2024-05-06\"") && form.contains("value=\"Åsa Öberg\""));
        let fields = [("name", "Åsa"), ("since", "2024-05-06"), ("sms_consent", "opted_out"), ("country", "NO")];
        let answer = post(&agent, &server, &path, &fields);
        assert_eq!((answer.status().as_u16(), place(&answer)), (303, path.as_str()));
        let changed = read(&db, |conn| Customer::find(id, conn)).unwrap().expect("Åsa");
        assert_eq!((changed.name.as_deref(), changed.email), (Some("Åsa"), None));
        assert_eq!(changed.created_at, asa.created_at, "the same day is the same moment");
        let consents = read(&db, |conn| Consents::of(id, conn)).unwrap();
        assert_eq!(consents.get(Channel::Sms), Consent::OptedOut);
        assert_eq!(consents.get(Channel::Email), Consent::OptedIn, "not on the form, not touched");
    });
}

#[test]
fn what_is_typed_wrongly_comes_back_with_a_sentence_beside_it() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in_who_stays(Role::Agent);
        let wrong = [("name", "Nora"), ("email", "nora@home"), ("phone", "5.51E+12"), ("country", "Atlantis")];
        let answer = post(&agent, &server, "/customers", &wrong);
        assert_eq!(answer.status(), 422);
        let page = answer.text().unwrap();
        assert!(page.contains("value=\"nora@home\"") && page.contains("value=\"Nora\""), "values are kept");
        assert_eq!(select(&page, "#email-why"), ["The part after the @ needs a dot, for example example.com."]);
        assert_eq!(select(&page, "#phone-why"), ["A spreadsheet shortened this number. Enter all digits."]);
        assert_eq!(select(&page, "#country-why").len(), 1);
        assert_eq!(select(&page, "[aria-invalid=true]").len(), 3);

        let answer = post(&agent, &server, "/customers", &[("city", "Oslo")]);
        assert_eq!(answer.status(), 422);
        assert_eq!(select(&answer.text().unwrap(), "#name-why").len(), 1, "somebody of whom nothing is known");

        let bo = format!("/customers/{}", people.bo);
        let taken = [("name", "Bo"), ("email", "ana@example.com")];
        for path in ["/customers", bo.as_str()] {
            let answer = post(&agent, &server, path, &taken);
            assert_eq!(answer.status(), 422, "{path}");
            let page = answer.text().unwrap();
            let link = Selector::parse(&format!("#email-why a[href='/customers/{}']", people.ana)).unwrap();
            assert!(Html::parse_document(&page).select(&link).next().is_some(), "who has it is a click away");
        }
        for path in ["/customers/99999", "/customers/99999/edit", "/customers/99999999999999999999"] {
            assert_eq!(agent.get(server.url(path)).send().unwrap().status(), 404, "{path}");
        }
    });
}

#[test]
fn tags_are_added_and_taken_away_by_plain_forms() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in_who_stays(Role::Agent);
        let di = format!("/customers/{}", people.di);
        let answer = post(&agent, &server, &format!("{di}/taggings"), &[("name", " vip "), ("from", "profile")]);
        assert_eq!((answer.status().as_u16(), place(&answer)), (303, di.as_str()));
        let carried = read(&db, |conn| tags::of_customer(people.di, chrono::Utc::now().naive_utc(), conn)).unwrap();
        assert_eq!(carried.len(), 1);
        assert_eq!((carried[0].tag.name.as_str(), carried[0].actor.as_str()), ("VIP", "Ada Agent"));
        assert_eq!(carried[0].source, Source::Profile);
        let page = get(&agent, &server, &di);
        let told = select(&page, ".names li");
        assert!(told[0].starts_with("VIP Ada Agent, on the profile, "), "{told:?}");

        // In a row of the list, where nothing can be swapped: a page of its own.
        let editor = format!("{di}/tags/edit?from=list");
        assert!(get(&agent, &server, &editor).contains("<html"));
        let answer = post(&agent, &server, &format!("{di}/taggings"), &[("name", "Brand new"), ("from", "list")]);
        assert_eq!((answer.status().as_u16(), place(&answer)), (303, editor.as_str()));
        let carried = read(&db, |conn| tags::of_customer(people.di, chrono::Utc::now().naive_utc(), conn)).unwrap();
        assert_eq!((carried[0].tag.name.as_str(), carried[0].source), ("Brand new", Source::List));

        let vip = read(&db, |conn| Tag::find("VIP", conn)).unwrap().unwrap().id;
        let answer = post(&agent, &server, &format!("{di}/taggings/{vip}/remove"), &[("from", "profile")]);
        assert_eq!(answer.status(), 303);
        assert_eq!(
            read(&db, |conn| tags::of_customer(people.di, chrono::Utc::now().naive_utc(), conn)).unwrap().len(),
            1
        );

        for wrong in ["", "a;b", "-VIP"] {
            for from in ["profile", "list"] {
                let answer = post(&agent, &server, &format!("{di}/taggings"), &[("name", wrong), ("from", from)]);
                assert_eq!(answer.status(), 422);
                assert_eq!(select(&answer.text().unwrap(), ".field-why").len(), 1, "{wrong:?}");
            }
        }
        let answer = post(&agent, &server, "/customers/99999/taggings", &[("name", "VIP")]);
        assert_eq!(answer.status(), 404);
    });
}

#[test]
fn htmx_gets_the_editor_and_nothing_around_it() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        let di = format!("/customers/{}", people.di);
        let tags = format!("#customer-{}-tags", people.di);
        let chips = |page: &str| select(page, &format!("{tags} .chip"));
        let piece = |path: &str| {
            let asked = agent.get(server.url(path)).header("HX-Request", "true");
            asked.header("HX-Request-Type", "partial").send().unwrap().text().unwrap()
        };
        let open = piece(&format!("{di}/tags/edit?from=list"));
        assert!(!open.contains("<html") && open.contains("role=\"combobox\""));
        let added = swap(&agent, &server, &format!("{di}/taggings"), &[("name", "VIP"), ("from", "list")]);
        assert_eq!(added.status(), 200);
        let added = added.text().unwrap();
        assert!(!added.contains("<html"));
        assert_eq!(chips(&added), ["VIP"]);
        assert_eq!(chips(&piece(&format!("{di}/tags"))), ["VIP"]);
        // On a profile the story of the tags and the segments change with them.
        let added = swap(&agent, &server, &format!("{di}/taggings"), &[("name", "Gold"), ("from", "profile")]);
        let added = added.text().unwrap();
        assert!(!added.contains("<html") && added.contains("id=\"profile\""));
        assert_eq!(chips(&added), ["Gold", "VIP"]);
        let wrong = swap(&agent, &server, &format!("{di}/taggings"), &[("name", "a;b"), ("from", "profile")]);
        assert_eq!(wrong.status(), 422);
        let wrong = wrong.text().unwrap();
        assert!(wrong.contains("value=\"a;b\"") && wrong.contains("aria-invalid=\"true\""));
        let offers = piece(&format!("/tags/suggest?q=wh&customer={}", people.di));
        assert_eq!(select(&offers, "[role=option] .chip"), ["Wholesale"]);
        assert_eq!(select(&offers, "[role=option]").last().unwrap(), "Create “wh”");
        let offers = piece(&format!("/tags/suggest?name=wolesale&customer={}", people.di));
        assert_eq!(select(&offers, "[role=option]")[0], "Did you mean Wholesale?");
    });
}

#[test]
fn deleting_is_asked_first_and_not_for_agents() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in_who_stays(Role::Agent);
        let marketer = server.signed_in_who_stays(Role::Marketer);
        let path = format!("/customers/{}/delete", people.ana);
        assert!(!get(&agent, &server, &format!("/customers/{}", people.ana)).contains("/delete"));
        assert_eq!(agent.get(server.url(&path)).send().unwrap().status(), 403);
        assert_eq!(post(&agent, &server, &path, &[]).status(), 403);
        assert!(get(&marketer, &server, &path).contains("Delete Ana?"));
        assert!(read(&db, |conn| Customer::find(people.ana, conn)).unwrap().is_some(), "looking deletes nobody");
        let answer = post(&marketer, &server, &path, &[]);
        assert_eq!((answer.status().as_u16(), place(&answer)), (303, "/customers"));
        assert_eq!(read(&db, |conn| Customer::find(people.ana, conn)).unwrap(), None);
        assert_eq!(post(&marketer, &server, &path, &[]).status(), 404);
    });
}

#[test]
fn marketers_look_after_tags() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in_who_stays(Role::Marketer);
        let agent = server.signed_in_who_stays(Role::Agent);
        let names = |query: &str| select(&get(&marketer, &server, &format!("/tags{query}")), "#tags td.who");
        assert_eq!(names(""), ["VIP", "VIP-old", "Wholesale"]);
        assert_eq!(names("?sort=customers")[..2], ["VIP", "Wholesale"]);
        assert_eq!(names("?q=OLD"), ["VIP-old"]);
        let page = get(&agent, &server, "/tags");
        assert!(!page.contains("/tags/new") && !page.contains("/edit"));
        assert!(page.contains("href=\"/customers?filter=tags+contains+VIP\""));
        assert_eq!(post(&agent, &server, "/tags", &[("name", "Gold")]).status(), 403);

        let form = [("name", "Gold"), ("colour", "amber"), ("description", "Above 1,000 a year")];
        assert_eq!(post(&marketer, &server, "/tags", &form).status(), 303);
        let gold = read(&db, |conn| Tag::find("gold", conn)).unwrap().expect("Gold");
        assert_eq!((gold.colour.as_str(), gold.description.as_str()), ("amber", "Above 1,000 a year"));
        let again = post(&marketer, &server, "/tags", &[("name", " GOLD ")]);
        assert_eq!(again.status(), 422);
        assert!(select(&again.text().unwrap(), "#name-why")[0].ends_with("by Gold"));
        let odd = post(&marketer, &server, "/tags", &[("name", "Silver"), ("colour", "ultraviolet")]);
        assert_eq!(odd.status(), 422);

        let vip = read(&db, |conn| Tag::find("VIP", conn)).unwrap().unwrap().id;
        let form = [("name", "Very important"), ("colour", "teal")];
        assert_eq!(post(&marketer, &server, &format!("/tags/{vip}"), &form).status(), 303);
        assert_eq!(read(&db, |conn| Tag::find("very IMPORTANT", conn)).unwrap().unwrap().id, vip);
        let page = get(&marketer, &server, &format!("/tags/{vip}/delete"));
        assert!(page.contains("3 customers"), "it says whom it is taken from");
        assert_eq!(post(&marketer, &server, &format!("/tags/{vip}/delete"), &[]).status(), 303);
        assert_eq!(names(""), ["Gold", "VIP-old", "Wholesale"]);
        assert_eq!(post(&marketer, &server, &format!("/tags/{vip}/delete"), &[]).status(), 404);
    });
}

#[test]
fn the_list_is_sorted_by_its_headings_and_refuses_what_it_cannot_read() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        let names = |page: &str| select(page, "td.who a");
        let page = get(&agent, &server, "/customers?sort=last_seen_at");
        assert_eq!(names(&page), ["Cy", "Bo", "Ana", "Eva", "Di"], "never seen comes last");
        assert_eq!(select(&page, "th[aria-sort=ascending]"), ["Last seen ↑"]);
        assert_eq!(names(&get(&agent, &server, "/customers?sort=-last_seen_at")), ["Eva", "Ana", "Bo", "Cy", "Di"]);
        let vip = get(&agent, &server, "/customers?filter=tags+contains+VIP&sort=name");
        assert_eq!(names(&vip), ["Ana", "Cy", "Eva"]);
        assert_eq!(select(&vip, ".ask-total")[0], "3of 5 customers");
        assert_eq!(select(&vip, &format!("#customer-{}-tags .chip", people.cy)), ["VIP", "Wholesale"]);
        let unread = agent.get(server.url("/customers?filter=contry+is+SE")).send().unwrap();
        assert_eq!(unread.status(), 422);
        let unread = unread.text().unwrap();
        assert!(names(&unread).is_empty() && unread.contains("Did you mean country?"));
        let unfinished = get(&agent, &server, "/customers?filter=tags+contains+%3F");
        assert!(names(&unfinished).is_empty(), "a filter that is not filled in selects nobody");
        for wrong in ["cursor=nonsense", "sort=password"] {
            assert_eq!(agent.get(server.url(&format!("/customers?{wrong}"))).send().unwrap().status(), 422, "{wrong}");
        }
    });
}

#[test]
fn the_tag_that_was_asked_for_is_seen_in_every_row() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let program = server.program(Role::Agent);
        for name in ["Aa", "Bb", "Cc", "Dd", "Ee"] {
            let url = server.url(&format!("/api/v1/customers/{}/tags/{name}", people.ana));
            assert_eq!(program.put(url).send().expect("an answer").status(), 200);
        }
        let agent = server.signed_in(Role::Agent);
        let chips = format!("#customer-{}-tags .chip", people.ana);
        let asked = get(&agent, &server, "/customers?filter=tags+contains+VIP");
        assert_eq!(select(&asked, &chips)[..2], ["VIP", "Aa"]);
        let everybody = get(&agent, &server, "/customers");
        assert_eq!(select(&everybody, &chips)[..2], ["Aa", "Bb"]);
    });
}
