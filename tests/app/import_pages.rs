//! An import in the browser: upload, columns, result; and the download of customers.

use crate::support::{Server, for_each_database, world};
use muster::agents::{Caller, Role};
use muster::db::Trouble;
use muster::imports::{Import, Plan, State};
use muster::workspace::Workspace;
use reqwest::StatusCode;
use reqwest::blocking::Client;
use reqwest::blocking::multipart::{Form, Part};
use scraper::{Html, Selector};

fn upload(server: &Server, admin: &Client, name: &str, text: impl Into<Vec<u8>>) -> reqwest::blocking::Response {
    let part = Part::bytes(text.into()).file_name(name.to_string());
    admin.post(server.url("/imports")).multipart(Form::new().part("file", part)).send().unwrap()
}

/// The words of a page, without the spaces of its markup.
fn words(html: &str) -> String {
    let page = Html::parse_document(html);
    let main = Selector::parse("main").unwrap();
    let text: Vec<&str> = page.select(&main).flat_map(|main| main.text()).flat_map(str::split_whitespace).collect();
    text.join(" ")
}

/// Waits until an import has ended and gives its page.
fn ended(admin: &Client, url: &str) -> String {
    for _ in 0..200 {
        let html = admin.get(url).send().unwrap().text().unwrap();
        if !html.contains("Running now") {
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
        let refused = admin.post(format!("{url}/run")).form(&half).send().unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let refused = refused.text().unwrap();
        assert!(words(&refused).contains("say what shows it") && refused.contains("Fair; Autumn"), "{refused}");
        let started = admin.post(format!("{url}/run")).form(&form).send().unwrap();
        assert_eq!(started.status(), StatusCode::OK);
        let report = words(&ended(&admin, &url));
        for part in [
            "Created 1",
            "Updated 1",
            "Unchanged 0",
            "Rejected 1",
            "Header and blank lines 1 + 1",
            "Lines in the file 5",
            "4 email_opt_in maybe",
            "Download 1 with reasons",
            "Not imported Notes",
        ] {
            assert!(report.contains(part), "{part} in {report}");
        }
        let rejected = admin.get(format!("{url}/rejected.csv")).send().unwrap().text().unwrap();
        assert!(rejected.starts_with("reason,external_id,Ort,Labels,email_opt_in,Notes\n"), "{rejected}");
        assert!(rejected.ends_with(",c8,5,bad,maybe,\n"), "{rejected}");
        let again = admin.post(format!("{url}/run")).form(&form).send().unwrap();
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

#[test]
fn an_import_that_was_cut_off_says_so_at_the_next_start() {
    for_each_database(|db| {
        let id = db
            .write_now::<_, Trouble>(|conn| {
                let clock = Workspace::load(conn)?.clock();
                let (plan, caller) = (Plan::default(), Caller::command_line());
                Ok(Import::create("cut.csv", &plan, State::Running, &caller, &clock, conn)?.id)
            })
            .unwrap();
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let told = words(&admin.get(server.url(&format!("/imports/{id}"))).send().unwrap().text().unwrap());
        assert!(told.contains("This import stopped. Muster was stopped while this import ran"), "{told}");
    });
}
