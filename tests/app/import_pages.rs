//! An import in the browser: upload, columns, result; and the download of customers.

use crate::support::{Server, for_each_database, world, world_with_fields};
use muster::agents::Role;
use muster::db::{Db, Trouble};
use muster::imports::Import;
use reqwest::StatusCode;
use reqwest::blocking::multipart::{Form, Part};
use reqwest::blocking::{Client, Response};
use scraper::{Html, Selector};

fn upload(server: &Server, admin: &Client, name: &str, text: impl Into<Vec<u8>>) -> Response {
    upload_as("", server, admin, name, text)
}

/// With what the file holds, as somebody chose it.
fn upload_as(kind: &str, server: &Server, admin: &Client, name: &str, text: impl Into<Vec<u8>>) -> Response {
    let part = Part::bytes(text.into()).file_name(name.to_string());
    admin
        .post(server.url("/imports"))
        .multipart(Form::new().text("kind", kind.to_string()).part("file", part))
        .send()
        .unwrap()
}

/// The words of a page, without the spaces of its markup.
fn words(html: &str) -> String {
    let page = Html::parse_document(html);
    let main = Selector::parse("main").unwrap();
    let text: Vec<&str> = page.select(&main).flat_map(|main| main.text()).flat_map(str::split_whitespace).collect();
    text.join(" ")
}

/// Tries it out with these columns, looks at what it would do, lets it run, and gives both pages.
fn carried_out(admin: &Client, url: &str, form: &[(&str, &str)]) -> (String, String) {
    let checked = admin.post(format!("{url}/check")).form(form).send().unwrap();
    assert_eq!(checked.status(), StatusCode::OK, "{}", words(&checked.text().unwrap()));
    let checked = words(&ended(admin, url));
    assert!(checked.contains("Nothing has been written yet"), "{checked}");
    let run = admin.post(format!("{url}/run")).send().unwrap();
    assert_eq!(run.status(), StatusCode::OK);
    (checked, words(&ended(admin, url)))
}

/// Waits until an import has ended and gives its page.
fn ended(admin: &Client, url: &str) -> String {
    for _ in 0..200 {
        let html = admin.get(url).send().unwrap().text().unwrap();
        if !html.contains("You can leave this page") {
            return html;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{url} runs for too long");
}

#[test]
fn a_file_is_uploaded_its_columns_matched_and_every_line_told() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let empty = admin.get(server.url("/imports")).send().unwrap().text().unwrap();
        assert!(words(&empty).contains("Nothing imported yet"), "{}", words(&empty));
        let text = "external_id;Ort;Labels;email_opt_in;Notes\nc1;Rio;VIP;yes;x\nc7;Oslo;New;no;\nc8;5;bad;maybe;\n\n";
        let mapping = upload(&server, &admin, "C:\\fair <1>.csv", text);
        let url = mapping.url().to_string();
        let html = mapping.text().unwrap();
        let told = words(&html);
        assert!(told.contains("fair <1>.csv") && told.contains("UTF-8 · semicolon"), "{told}");
        assert!(html.contains(r#"<option value="city" selected>"#) && told.contains("Oslo"), "{html}");
        let form = [
            ("column.0", "external_id"),
            ("column.1", "city"),
            ("column.2", "tags"),
            ("column.3", "email_consent"),
            ("column.4", ""),
            ("match.1", "external_id"),
            ("mode", "create_update"),
            ("tags", "add"),
            ("separator", ";"),
            ("unknown_tags", "create"),
            ("tag", "Fair; Autumn"),
        ];
        let half: Vec<_> = form.iter().copied().chain([("proven", "1"), ("proof", "")]).collect();
        let early = admin.post(format!("{url}/run")).send().unwrap();
        assert_eq!(early.status(), StatusCode::UNPROCESSABLE_ENTITY, "nobody has looked at it");
        let refused = admin.post(format!("{url}/check")).form(&half).send().unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let refused = refused.text().unwrap();
        assert!(words(&refused).contains("say what shows it") && refused.contains("Fair; Autumn"), "{refused}");
        let (checked, report) = carried_out(&admin, &url, &form);
        for part in
            ["Created 1", "Updated 1", "Rejected 1", "Import 2 customers", "City São Paulo Rio", "+ Autumn + Fair"]
        {
            assert!(checked.contains(part), "{part} in {checked}");
        }
        for part in [
            "Created 1",
            "Updated 1",
            "Unchanged 0",
            "Rejected 1",
            "Header and blank lines 1 + 1",
            "Lines in the file 5",
            "4 email_opt_in",
            "Download 1 with reasons",
            "Not imported Notes",
        ] {
            assert!(report.contains(part), "{part} in {report}");
        }
        let rejected = admin.get(format!("{url}/rejected.csv")).send().unwrap().text().unwrap();
        assert!(rejected.starts_with("reason,external_id,Ort,Labels,email_opt_in,Notes\n"), "{rejected}");
        assert!(rejected.ends_with(",c8,5,bad,maybe,\n"), "{rejected}");
        let again = admin.post(format!("{url}/run")).send().unwrap();
        assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let list = words(&admin.get(server.url("/imports")).send().unwrap().text().unwrap());
        assert!(list.contains("fair <1>.csv Done 5 1 1"), "{list}");
        let vip = admin.get(server.url("/customers/export?filter=tags+contains+Fair&columns=external_id,city,tags"));
        let vip = vip.send().unwrap();
        assert!(
            vip.headers()["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\"customers-")
        );
        assert_eq!(vip.text().unwrap(), "external_id,city,tags\nc1,Rio,Autumn;Fair;VIP\nc7,Oslo,Autumn;Fair;New\n");
    });
}

#[test]
fn what_cannot_be_imported_is_said_beside_the_file() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        for (bytes, why) in [
            (&b"PK\x03\x04and more"[..], "an Excel workbook or a zip archive"),
            (b"", "empty"),
            (b"email\n\0\n", "NUL"),
        ] {
            let refused = upload(&server, &admin, "list.csv", bytes);
            assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let told = words(&refused.text().unwrap());
            assert!(told.contains(why), "{told}");
        }
        let nothing = admin.post(server.url("/imports")).multipart(Form::new().text("other", "x")).send().unwrap();
        assert!(words(&nothing.text().unwrap()).contains("Choose a CSV file"));
        let missing = admin.get(server.url("/imports/99")).send().unwrap();
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    });
}

#[test]
fn a_file_is_read_another_way_or_thrown_away() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let page = upload(&server, &admin, "odd.csv", &b"email|name;city\na@example.com|Zo\xeb;Lund\n"[..]);
        let url = page.url().to_string();
        let page =
            admin.post(format!("{url}/reading")).form(&[("encoding", "windows-1252"), ("delimiter", "|")]).send();
        let told = words(&page.unwrap().text().unwrap());
        assert!(told.contains("windows-1252 · vertical bar") && told.contains("Zoë;Lund"), "{told}");
        let list = admin.post(format!("{url}/discard")).send().unwrap();
        assert!(list.url().path() == "/imports" && words(&list.text().unwrap()).contains("Nothing imported yet"));
        assert_eq!(admin.get(&url).send().unwrap().status(), StatusCode::NOT_FOUND);
    });
}

/// The options of a select, as `value` or `[value]` when chosen.
fn options(html: &str, name: &str) -> Vec<String> {
    let page = Html::parse_document(html);
    let select = Selector::parse(&format!("select[name='{name}'] option")).unwrap();
    let option = |option: scraper::ElementRef<'_>| {
        let value = option.value().attr("value").unwrap_or_default().to_string();
        if option.value().attr("selected").is_some() { format!("[{value}]") } else { value }
    };
    page.select(&select).map(option).collect()
}

#[test]
fn a_column_becomes_a_custom_field_that_is_there_or_a_new_one() {
    for_each_database(|db| {
        world_with_fields(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let text = "external_id,Plan,Shoe size,Joined\nc1,gold,42.5,2026-01-31\nc2,(clear),large,\n";
        let mapping = upload(&server, &admin, "people.csv", text);
        let url = mapping.url().to_string();
        let html = mapping.text().unwrap();
        let offered = options(&html, "column.1");
        assert!(offered.contains(&"[custom.plan]".to_string()) && offered.contains(&"custom.size".to_string()));
        let new: Vec<_> = offered.iter().filter(|value| value.starts_with("new.")).cloned().collect();
        assert_eq!(new, ["new.text", "new.number", "new.boolean", "new.date"]);
        let form = |size: &'static str| {
            let columns = [("column.0", "external_id"), ("column.1", "custom.plan"), ("column.2", size)];
            let rest = [("column.3", "new.date"), ("match.1", "external_id"), ("separator", ";")];
            [&columns[..], &rest[..]].concat()
        };
        // Two columns for one field: the form comes back with what was chosen.
        let refused = admin.post(format!("{url}/check")).form(&form("custom.plan")).send().unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let html = refused.text().unwrap();
        assert!(words(&html).contains("The columns Plan and Shoe size would both become Plan"), "{}", words(&html));
        assert!(options(&html, "column.3").contains(&"[new.date]".to_string()));
        let (_, report) = carried_out(&admin, &url, &form("new.number"));
        for part in
            ["Updated 1", "Rejected 1", "3 Shoe size", "Custom fields custom.plan, custom.shoe_size, custom.joined"]
        {
            assert!(report.contains(part), "{part} in {report}");
        }
        let out = admin.get(server.url(
            "/customers/export?filter=shoe_size+%3E+42&columns=external_id,custom.plan,custom.shoe_size,custom.joined",
        ));
        let csv = out.send().unwrap().text().unwrap();
        assert_eq!(csv, "external_id,custom.plan,custom.shoe_size,custom.joined\nc1,gold,42.5,2026-01-31\n");
        // A field of that name holds something else by now.
        let page = upload(&server, &admin, "more.csv", "external_id,plan\nc1,1\n");
        let form = [("column.0", "external_id"), ("column.1", "new.number"), ("match.1", "external_id")];
        let refused = admin.post(format!("{}/check", page.url())).form(&form).send().unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let html = refused.text().unwrap();
        assert!(words(&html).contains("There is a field custom.plan already"), "{}", words(&html));
        assert!(options(&html, "column.1").contains(&"[new.number]".to_string()));
    });
}

#[test]
fn a_file_of_purchases_is_recognised_and_added() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let text = "Order id,Email,Total,Order date,Note\nA1,ana@example.com,20.00,2026-09-01,x\nA1,ana@example.com,20.00,2026-09-01,\n\
                    A2,nobody@example.com,5,2026-09-01,\n";
        let mapping = upload(&server, &admin, "sales.csv", text);
        let url = mapping.url().to_string();
        let html = mapping.text().unwrap();
        assert!(options(&html, "column.0").contains(&"[external_id]".to_string()), "{html}");
        assert!(options(&html, "column.2").contains(&"[amount]".to_string()));
        assert!(!options(&html, "column.4").iter().any(|value| value.contains("custom.") || value.contains("new.")));
        assert!(options(&html, "mode").is_empty() && options(&html, "tags").is_empty());
        assert_eq!(options(&html, "match.4").len(), 5, "four keys and none");
        let columns =
            [("column.0", "external_id"), ("column.1", "email"), ("column.2", ""), ("column.3", "purchased_at")];
        let refused = admin.post(format!("{url}/check")).form(&[&columns[..], &[("match.1", "email")]].concat()).send();
        assert!(words(&refused.unwrap().text().unwrap()).contains("Purchases need a column that becomes: Amount"));
        let amount = [("column.2", "amount"), ("match.1", "email")];
        let form: Vec<_> = columns.iter().filter(|(_, value)| !value.is_empty()).chain(&amount).copied().collect();
        let (_, report) = carried_out(&admin, &url, &form);
        for part in ["1 purchase was added", "Created 1", "Unchanged 1", "Rejected 1", "4 Email", "Not imported Note"] {
            assert!(report.contains(part), "{part} in {report}");
        }
        let rejected = admin.get(format!("{url}/rejected.csv")).send().unwrap().text().unwrap();
        assert!(
            rejected.starts_with("reason,Order id,Email,Total,Order date,Note\nEmail: There is no customer"),
            "{rejected}"
        );
        let list = words(&admin.get(server.url("/imports")).send().unwrap().text().unwrap());
        assert!(list.contains("sales.csv purchases Done"), "{list}");
        // Whoever uploads knows better.
        let page = upload_as("customers", &server, &admin, "odd.csv", text).text().unwrap();
        assert!(options(&page, "mode").len() == 5 && options(&page, "column.2").contains(&"new.number".to_string()));
        let page = upload_as("purchases", &server, &admin, "odd.csv", "email,price\na@example.com,5\n").text().unwrap();
        assert!(options(&page, "column.1").contains(&"[amount]".to_string()));
        let refused = upload_as("purchases", &server, &admin, "empty.csv", "").text().unwrap();
        assert!(words(&refused).contains("The file is empty"));
        assert!(options(&refused, "kind").contains(&"[purchases]".to_string()), "the choice is kept");
    });
}

#[test]
fn a_choice_that_is_kept_while_the_check_begins_does_not_stop_it() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let page = upload(&server, &admin, "fair.csv", "external_id;Ort\nc7;Oslo\n");
        let url = page.url().to_string();
        let id = url.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap();
        let read = |db: &Db| db.read_now::<_, Trouble>(|conn| Ok(Import::find(id, conn)?.unwrap())).unwrap();
        let keep = |import: Import| db.write_now::<_, Trouble>(move |conn| Ok(import.keep(conn)?)).unwrap();
        // Both are read, then one lets it be tried out, then the other is kept.
        let early = read(&db);
        assert!(keep(early.clone()), "nothing has happened yet");
        let form = [("column.0", "external_id"), ("column.1", "city"), ("match.1", "external_id")];
        admin.post(format!("{url}/check")).form(&form).send().unwrap();
        ended(&admin, &url);
        assert!(!keep(early), "it would take the check back");
        assert!(words(&ended(&admin, &url)).contains("Nothing has been written yet"));
        assert!(keep(read(&db)), "whoever saw what came of it may choose anew");
    });
}
