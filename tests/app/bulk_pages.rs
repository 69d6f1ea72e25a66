//! What the pages of bulk actions say before and after, for somebody without JavaScript.

use crate::bulk::{bulk, ended};
use crate::support::{Server, for_each_database, world_with_fields};
use muster::agents::Role;
use reqwest::blocking::{Client, Response};
use scraper::{Html, Selector};

fn get(client: &Client, server: &Server, query: &[(&str, &str)]) -> String {
    client.get(server.url("/bulk/new")).query(query).send().and_then(Response::text).expect("a page")
}

fn words(page: &str, selector: &str) -> String {
    let selector = Selector::parse(selector).expect("a selector");
    let page = Html::parse_document(page);
    let found = page.select(&selector).next().map(|node| node.text().collect::<String>()).unwrap_or_default();
    found.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the form that does it would send.
fn fields(page: &str) -> Vec<(String, String)> {
    let inputs = Selector::parse("#bulk-do input[type=hidden]").expect("a selector");
    let page = Html::parse_document(page);
    let field = |input: scraper::ElementRef<'_>| {
        let attr = |name: &str| input.attr(name).unwrap_or_default().to_string();
        (attr("name"), attr("value"))
    };
    page.select(&inputs).map(field).collect()
}

fn send(client: &Client, server: &Server, page: &str, more: &[(&str, &str)]) -> Response {
    let fields = fields(page);
    let mut form: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    form.extend(more);
    bulk(client, server, &form)
}

#[test]
fn the_page_says_in_words_what_will_be_done_to_how_many() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let list = marketer.get(server.url("/customers?filter=tags+contains+VIP&sort=name"));
        let list = list.send().and_then(Response::text).expect("the list");
        let back = {
            let page = Html::parse_document(&list);
            let back = Selector::parse("#result input[name=back]").expect("a selector");
            page.select(&back).next().and_then(|input| input.attr("value")).unwrap_or_default().to_string()
        };
        assert_eq!(back, "/customers?filter=tags+contains+VIP&sort=name");
        for button in ["Add tags", "Remove tags", "Replace tags", "Set field", "Add to segment", "Export", "Delete"] {
            assert!(list.contains(button), "{button}");
        }

        // Two ticked; a tag typed, another one, the first left out again.
        let (ana, bo) = (people.ana.to_string(), people.bo.to_string());
        let ticked = [("do", "add_tags"), ("id", ana.as_str()), ("id", bo.as_str()), ("back", back.as_str())];
        let page = get(&marketer, &server, &ticked);
        assert_eq!(words(&page, "h1"), "Add tags to 2 customers");
        assert!(words(&page, "#whom").starts_with("This is about 2 customers: Ana, Bo."), "{page}");
        let page = get(&marketer, &server, &[&ticked[..], &[("tag", "Gold"), ("name", "gold")]].concat());
        assert_eq!(words(&page, "#bulk-button"), "Add Gold to 2 customers", "once is enough");
        let page = get(&marketer, &server, &[&ticked[..], &[("tag", "Gold"), ("name", "New")]].concat());
        assert_eq!(words(&page, "#bulk-button"), "Add 2 tags to 2 customers");
        let page =
            get(&marketer, &server, &[&ticked[..], &[("tag", "Gold"), ("tag", "New"), ("drop", "Gold")]].concat());
        assert_eq!(words(&page, "#bulk-button"), "Add New to 2 customers");
        let done = send(&marketer, &server, &page, &[]);
        assert_eq!(done.url().path(), "/customers");
        assert_eq!(done.url().query(), Some("filter=tags+contains+VIP&sort=name"), "back in the list one came from");
        assert!(done.text().expect("the list").contains("New added to 2 customers."));

        // Without any tag the form comes back.
        let none = send(&marketer, &server, &get(&marketer, &server, &ticked), &[]);
        assert_eq!(none.status(), 422);
        assert!(none.text().expect("a page").contains("Choose a tag first"));
        let unknown = get(&marketer, &server, &[("do", "remove_tags"), ("id", &ana), ("tag", "Nope")]);
        let unknown = send(&marketer, &server, &unknown, &[]);
        assert!(unknown.text().expect("a page").contains("There is no tag Nope"));

        let page = get(&marketer, &server, &[("do", "delete"), ("all", "1"), ("filter", "not (tags contains VIP)")]);
        assert_eq!(words(&page, "h1"), "Delete 2 customers");
        assert!(!page.contains("name=\"sure\""), "two go without a number");
        assert!(words(&page, "#whom").contains("Whoever matches when you press the button counts."), "{page}");

        // A field first, then the input it wants.
        let page = get(&marketer, &server, &[("do", "set_field"), ("all", "1")]);
        assert!(!page.contains("id=\"value\""), "no field was chosen");
        let page = get(&marketer, &server, &[("do", "set_field"), ("all", "1"), ("field", "custom.size")]);
        assert!(page.contains("<select class=\"form-select\" id=\"value\""), "{page}");
        let page = get(&marketer, &server, &[("do", "set_field"), ("all", "1"), ("field", "custom.birthday")]);
        assert!(page.contains("type=\"date\" id=\"value\""), "{page}");
        let page = get(&marketer, &server, &[("do", "set_field"), ("all", "1"), ("field", "phone")]);
        assert!(page.contains("it can be cleared, not set"), "{page}");
        let wrong = get(&marketer, &server, &[("do", "set_field"), ("all", "1"), ("field", "custom.spend")]);
        let wrong = send(&marketer, &server, &wrong, &[("value", "a lot")]);
        assert_eq!(wrong.status(), 422);
        let wrong = wrong.text().expect("a page");
        assert!(wrong.contains("value=\"a lot\"") && !words(&wrong, "#value-why").is_empty(), "{wrong}");

        for query in [&[("do", "sing"), ("id", "1")][..], &[("do", "add_tags")], &[("id", "1")]] {
            let refused = marketer.get(server.url("/bulk/new")).query(query).send().expect("an answer");
            assert_eq!(refused.status(), 422, "{query:?}");
        }
    });
}

#[test]
fn a_filter_too_long_for_an_address_goes_as_it_is_kept() {
    for_each_database(|db| {
        world_with_fields(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let names: Vec<String> = (0..600).map(|number| format!("\"Somebody {number}\"")).collect();
        let filter = format!("name is any of (Ana, Bo, {})", names.join(", "));
        let list = marketer.get(server.url("/customers")).query(&[("filter", filter.as_str())]).send().expect("a list");
        let kept = list.url().query_pairs().find(|(name, _)| name == "filter").map(|(_, value)| value.into_owned());
        let kept = kept.expect("a filter");
        assert!(kept.starts_with('~'), "{kept}");
        let list = list.text().expect("the list");
        assert!(list.contains(&format!("name=\"filter\" value=\"{kept}\"")), "the bar has the short one");
        let page = get(&marketer, &server, &[("do", "add_tags"), ("all", "1"), ("filter", &kept), ("tag", "Gold")]);
        assert_eq!(words(&page, "#bulk-button"), "Add Gold to 2 customers");
        assert!(send(&marketer, &server, &page, &[]).status().is_success());
        assert_eq!(ended(&db).changed, 2);
    });
}

#[test]
fn the_ticked_ones_are_exported_and_that_is_kept() {
    for_each_database(|db| {
        let people = world_with_fields(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let export = |query: &[(&str, &str)]| {
            marketer.get(server.url("/customers/export")).query(query).send().expect("an answer")
        };
        let (ana, di) = (people.ana.to_string(), people.di.to_string());
        let base = [("do", "export"), ("columns", "name"), ("filter", "tags contains VIP")];
        let ticked = export(&[&base[..], &[("id", &ana), ("id", &di)]].concat());
        assert_eq!(ticked.text().expect("a file"), "name\nAna\nDi\n");
        let all = export(&[&base[..], &[("id", &ana), ("all", "1")]].concat());
        assert_eq!(all.text().expect("a file"), "name\nAna\nCy\nEva\n");
        assert_eq!(export(&base).status(), 422, "nobody is ticked");
        let log = server.signed_in(Role::Admin).get(server.url("/settings/log?about=export"));
        let log = log.send().and_then(Response::text).expect("the log");
        assert!(log.contains("customers: export") && log.contains(&format!("{ana}, {di}")), "{log}");
    });
}
