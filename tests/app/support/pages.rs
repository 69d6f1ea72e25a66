//! Pages as people read them, and forms as they send them.

use super::Server;
use reqwest::blocking::{Client, Response};
use scraper::{Html, Selector};

pub fn page(answer: Response) -> Html {
    Html::parse_document(&answer.text().expect("a page"))
}

/// What the first element reads, white space as one space; empty when there is none.
pub fn text(page: &Html, selector: &str) -> String {
    texts(page, selector).into_iter().next().unwrap_or_default()
}

pub fn texts(page: &Html, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).expect("a selector");
    let read =
        |node: scraper::ElementRef| node.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    page.select(&selector).map(read).collect()
}

/// An attribute of each element that has it.
pub fn attrs(page: &Html, selector: &str, name: &str) -> Vec<String> {
    let selector = Selector::parse(selector).expect("a selector");
    page.select(&selector).filter_map(|node| node.attr(name)).map(str::to_string).collect()
}

pub fn attr(page: &Html, selector: &str, name: &str) -> String {
    attrs(page, selector, name).into_iter().next().unwrap_or_default()
}

/// The names in a table of customers, by name.
pub fn names(page: &Html) -> String {
    let mut names = texts(page, "td.who a");
    names.sort();
    names.join(", ")
}

pub fn get(client: &Client, server: &Server, path: &str) -> Response {
    client.get(server.url(path)).send().expect("an answer")
}

pub fn post(client: &Client, server: &Server, path: &str, form: &[(&str, &str)]) -> Response {
    client.post(server.url(path)).form(form).send().expect("an answer")
}

/// Saves a segment in the browser and gives the path of its page.
pub fn save(client: &Client, server: &Server, form: &[(&str, &str)]) -> String {
    let answer = post(client, server, "/segments", form);
    assert_eq!(answer.status(), 200, "{form:?}");
    answer.url().path().to_string()
}

/// The fields of a form as a browser would send them, buttons aside.
pub fn fields(page: &Html, form: &str) -> Vec<(String, String)> {
    let selector = Selector::parse(&format!("{form} input, {form} textarea, {form} select")).expect("a selector");
    let mut fields = Vec::new();
    for node in page.select(&selector) {
        let Some(name) = node.attr("name") else { continue };
        let ticked = !matches!(node.attr("type"), Some("checkbox" | "radio")) || node.attr("checked").is_some();
        if !ticked || node.attr("type") == Some("file") {
            continue;
        }
        let value = match node.value().name() {
            "textarea" => node.text().collect(),
            "select" => {
                let chosen = Selector::parse("option[selected]").expect("a selector");
                let first = Selector::parse("option").expect("a selector");
                let option = node.select(&chosen).next().or_else(|| node.select(&first).next());
                option.and_then(|option| option.attr("value")).unwrap_or_default().to_string()
            }
            _ => node.attr("value").unwrap_or_default().to_string(),
        };
        fields.push((name.to_string(), value));
    }
    fields
}

/// Sends a form of a page again, with some fields as they are typed now.
pub fn fill(client: &Client, server: &Server, page: &Html, form: &str, typed: &[(&str, &str)]) -> Response {
    let mut sent = fields(page, form);
    for (name, value) in typed {
        sent.retain(|(known, _)| known != name);
        sent.push((name.to_string(), value.to_string()));
    }
    let path = attr(page, form, "action");
    client.post(server.url(&path)).form(&sent).send().expect("an answer")
}

/// Changes a segment as people do: opens its form, types, looks at what would change, and saves.
pub fn change(client: &Client, server: &Server, path: &str, typed: &[(&str, &str)]) -> Response {
    let form = page(get(client, server, &format!("{path}/edit")));
    let looked = fill(client, server, &form, "#segment-form", &[typed, &[("do", "check")]].concat());
    if looked.status() != 200 {
        return looked;
    }
    fill(client, server, &page(looked), "#segment-form", &[("do", "save")])
}
