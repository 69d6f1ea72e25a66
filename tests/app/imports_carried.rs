//! How an import is carried to its end: tried out first, its columns remembered, stopped, corrected; in the browser's pages.

use crate::support::imports::import;
use crate::support::{Server, for_each_database, world};
use diesel::prelude::*;
use muster::agents::Role;
use muster::db::schema::{customers, import_lines, imports};
use muster::db::{Db, Trouble};
use muster::imports::{Import, State, work};
use reqwest::StatusCode;
use reqwest::blocking::Client;
use reqwest::blocking::multipart::{Form, Part};
use scraper::{Html, Selector};

fn words(html: &str) -> String {
    let page = Html::parse_document(html);
    let main = Selector::parse("main").expect("a selector");
    let text: Vec<&str> = page.select(&main).flat_map(|main| main.text()).flat_map(str::split_whitespace).collect();
    text.join(" ")
}

fn upload(server: &Server, admin: &Client, name: &str, text: &str) -> (String, String) {
    let part = Part::bytes(text.as_bytes().to_vec()).file_name(name.to_string());
    let page = admin.post(server.url("/imports")).multipart(Form::new().part("file", part)).send().expect("a page");
    (page.url().to_string(), page.text().expect("text"))
}

fn post(admin: &Client, url: &str, form: &[(&str, &str)]) -> String {
    admin.post(url).form(form).send().expect("an answer").text().expect("text")
}

/// The page, once nothing works on it any more.
fn settled(admin: &Client, url: &str) -> String {
    for _ in 0..200 {
        let html = admin.get(url).send().expect("a page").text().expect("text");
        if !html.contains("You can leave this page") {
            return html;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{url} takes too long");
}

fn people(db: &Db) -> i64 {
    db.read_now::<_, Trouble>(|conn| Ok(customers::table.count().get_result(conn)?)).expect("counted")
}

fn is_chosen(html: &str, name: &str, value: &str) -> bool {
    let chosen = Selector::parse(&format!("select[name='{name}'] option[selected]")).expect("a selector");
    Html::parse_document(html).select(&chosen).any(|option| option.value().attr("value") == Some(value))
}

#[test]
fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let mut text = String::from(
            "external_id,name,city,tags\nc1,Anna,Rio,Brand new\nn1,Nia,Oslo,\nn1,Nia,Bergen,Brand new\nn2,,,\nx,5.51E+12,,-VIP\n",
        );
        (0..60).for_each(|n| text.push_str(&format!("c2,,Lund {n},\n")));
        let (url, _) = upload(&server, &admin, "fair.csv", &text);
        let before = people(&db);
        post(&admin, &format!("{url}/check"), &[]);
        let html = settled(&admin, &url);
        let told = words(&html);
        for part in [
            "Nothing has been written yet",
            "Created 3",
            "Updated 62",
            "Import 65 customers",
            "Name Ana Anna",
            "+ Brand new",
            "4 Nia City Oslo Bergen",
            "Show the next 20",
            "Same as line 3.",
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        // All of them, on demand.
        let (mut page, mut lines) = (html, Vec::new());
        let line = Selector::parse("#changes tbody tr:not(.cont) td.num").expect("a selector");
        let next = Selector::parse("#changes .box-foot a").expect("a selector");
        loop {
            let document = Html::parse_document(&page);
            lines.extend(document.select(&line).map(|cell| cell.text().collect::<String>()));
            let more = document.select(&next).find(|link| link.text().collect::<String>().starts_with("Show"));
            let Some(href) = more.and_then(|link| link.value().attr("href")).map(str::to_string) else { break };
            page = admin
                .get(server.url(href.split('#').next().expect("a path")))
                .send()
                .expect("a page")
                .text()
                .expect("text");
        }
        assert_eq!(lines.len(), 62);
        assert_eq!(people(&db), before, "nothing is written");
        // What it said comes true.
        post(&admin, &format!("{url}/run"), &[]);
        let told = words(&settled(&admin, &url));
        assert!(told.contains("Created 3") && told.contains("Updated 62"), "{told}");
        assert_eq!(people(&db), before + 3);
    });
}

#[test]
fn columns_are_kept_while_they_are_chosen_and_for_the_next_file_of_that_kind() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let (url, html) = upload(&server, &admin, "may.csv", "Nr,Ort,Bemerkung\n1,Oslo,x\n");
        assert!(!is_chosen(&html, "column.0", "external_id"));
        let form = [
            ("column.0", "external_id"),
            ("column.1", "city"),
            ("column.2", "new.text"),
            ("match.1", "external_id"),
            ("mode", "create_update"),
            ("tag", "May"),
        ];
        post(&admin, &format!("{url}/columns"), &form);
        // Leaving the page and coming back loses nothing.
        let html = admin.get(&url).send().expect("a page").text().expect("text");
        assert!(is_chosen(&html, "column.0", "external_id") && is_chosen(&html, "column.2", "new.text"));
        assert!(html.contains(r#"value="May""#));
        post(&admin, &format!("{url}/check"), &form);
        settled(&admin, &url);
        // A choice that was on its way when the button was pressed takes nothing back.
        post(&admin, &format!("{url}/columns"), &form);
        assert!(words(&settled(&admin, &url)).contains("Nothing has been written yet"));
        // Back to the columns, and nothing is lost either.
        let html = admin.get(format!("{url}?columns=1")).send().expect("a page").text().expect("text");
        assert!(is_chosen(&html, "column.1", "city"));
        post(&admin, &format!("{url}/run"), &[]);
        settled(&admin, &url);
        let (_, html) = upload(&server, &admin, "june.csv", "nr,ORT,Bemerkung\n2,Bergen,y\n");
        assert!(words(&html).contains("The columns are those of may.csv"), "{}", words(&html));
        assert!(is_chosen(&html, "column.0", "external_id") && is_chosen(&html, "column.1", "city"));
        assert!(is_chosen(&html, "column.2", "custom.bemerkung"), "the field it made is there by now");
        assert!(!html.contains(r#"value="May""#), "tags for the whole file belong to that file");
        let (_, html) = upload(&server, &admin, "other.csv", "Nr,Ort,Anderes\n2,Bergen,y\n");
        assert!(!is_chosen(&html, "column.0", "external_id"));
    });
}

#[test]
fn rejected_lines_are_corrected_in_the_page_before_and_after() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let text = "external_id,name,email\nn1,Nia,nia@posteo\nn2,Ole,ole@posteo\nn3,Pia,pia@posteo\nn4,Quin\n";
        let (url, _) = upload(&server, &admin, "fair.csv", text);
        post(&admin, &format!("{url}/check"), &[]);
        let html = settled(&admin, &url);
        assert!(html.contains(r#"name="cell.2.2" value="nia@posteo""#), "{html}");
        assert!(
            html.contains(r#"name="cell.5.0" value="n4""#) && html.contains(r#"name="cell.5.2" value="""#),
            "{html}"
        );
        assert!(words(&html).contains("Rejected 4"));
        // Before anything is written: tried out again with it.
        post(&admin, &format!("{url}/lines"), &[("cell.2.2", "nia@posteo.de"), ("cell.3.2", "ole@posteo")]);
        let told = words(&settled(&admin, &url));
        assert!(
            told.contains("Created 1") && told.contains("Rejected 3") && told.contains("1 corrected so far"),
            "{told}"
        );
        post(&admin, &format!("{url}/run"), &[]);
        let told = words(&settled(&admin, &url));
        assert!(told.contains("Created 1") && told.contains("Rejected 3"), "{told}");
        // Afterwards: that line alone, and again if it is still wrong.
        let html = post(&admin, &format!("{url}/lines"), &[("cell.3.2", "ole@posteo.de"), ("cell.4.2", "pia@")]);
        assert!(html.contains("1 of 2 lines were imported"), "{html}");
        let told = words(&html);
        assert!(
            told.contains("Created 2") && told.contains("Rejected 2") && told.contains("Lines in the file 5"),
            "{told}"
        );
        let html = post(&admin, &format!("{url}/lines"), &[("cell.5.2", "quin@posteo.de")]);
        assert!(html.contains("The line was imported."), "{html}");
        let csv = admin.get(format!("{url}/rejected.csv")).send().expect("a file").text().expect("text");
        assert!(csv.lines().count() == 2 && csv.contains("n3,Pia,pia@"), "{csv}");
        // A line that landed is not imported twice, whatever somebody sends.
        let html = post(&admin, &format!("{url}/lines"), &[("cell.2.2", "other@posteo.de")]);
        assert!(html.contains("No line was changed"), "{html}");
        let id: i64 = url.rsplit('/').next().expect("an id").parse().expect("a number");
        let (total, lines): (i64, i64) = db
            .read_now::<_, Trouble>(|conn| {
                let import = Import::find(id, conn)?.expect("it is there");
                let lines = import_lines::table.filter(import_lines::import_id.eq(id)).count().get_result(conn)?;
                Ok((import.totals.lines(), lines))
            })
            .expect("counted");
        assert_eq!((total, lines), (5, 4), "the header and each line once");
        // And the whole of it can be undone, corrected lines too.
        let before = people(&db);
        post(&admin, &format!("{url}/undo"), &[]);
        let told = words(&settled(&admin, &url));
        assert!(told.contains("This import was undone") && told.contains("Everything is as it was"), "{told}");
        assert_eq!(people(&db), before - 3);
        let again = admin.post(format!("{url}/undo")).send().expect("an answer");
        assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY);
    });
}

#[test]
fn rejected_lines_that_were_corrected_in_the_file_are_imported_alone() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let (url, _) =
            upload(&server, &admin, "fair.csv", "external_id,email\n1,a@example.com\n2,b@example\n3,c@example\n");
        post(&admin, &format!("{url}/check"), &[]);
        settled(&admin, &url);
        post(&admin, &format!("{url}/run"), &[]);
        settled(&admin, &url);
        let csv = admin.get(format!("{url}/rejected.csv")).send().expect("a file").text().expect("text");
        let mended = csv.replace("b@example,", "b@example.com,").replace("2,b@example\n", "2,b@example.com\n");
        let done = import(&db, &mended);
        assert_eq!(done.sums(), [1, 0, 0, 0, 1, 0], "{mended}");
        assert_eq!(people(&db), 2);
    });
}

#[test]
fn an_import_is_stopped_and_what_has_landed_can_be_undone() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let mut text = String::from("external_id,city,tags\n");
        (0..3_000).for_each(|n| text.push_str(&format!("n{n},Oslo,New\n")));
        let (url, _) = upload(&server, &admin, "long.csv", &text);
        let id: i64 = url.rsplit('/').next().expect("an id").parse().expect("a number");
        post(&admin, &format!("{url}/check"), &[]);
        settled(&admin, &url);
        // As if a slow process had it.
        db.write_now::<_, Trouble>(|conn| {
            let import = Import::find(id, conn)?.expect("it is there");
            let clock = muster::workspace::Workspace::load(conn)?.clock();
            assert!(import.start(&clock, conn)? && Import::hold(id, "slow", conn)?);
            Ok(())
        })
        .expect("it runs");
        let told = words(&admin.get(&url).send().expect("a page").text().expect("text"));
        assert!(told.contains("Importing now") && told.contains("Stop"), "{told}");
        let told = words(&post(&admin, &format!("{url}/cancel"), &[]));
        assert!(told.contains("This import stopped.") && told.contains("stopped it"), "{told}");
        work::now(id, &db).expect("asked");
        assert_eq!(people(&db), 0, "nobody goes on with it");
        let html = post(&admin, &format!("{url}/cancel"), &[]);
        assert!(html.contains("It was over already."), "{html}");
    });
}

#[test]
fn whoever_looks_next_goes_on_where_an_import_was_left() {
    for_each_database(|db| {
        let server = Server::start(&db);
        let admin = server.signed_in(Role::Admin);
        let (url, _) = upload(&server, &admin, "cut.csv", "external_id,city\n1,Oslo\n2,Bergen\n1,Lund\n");
        let id: i64 = url.rsplit('/').next().expect("an id").parse().expect("a number");
        post(&admin, &format!("{url}/check"), &[]);
        settled(&admin, &url);
        let age = |seconds: i64| {
            let at = chrono::Utc::now().naive_utc() + chrono::TimeDelta::seconds(seconds);
            db.write_now::<_, Trouble>(|conn| {
                diesel::update(imports::table.find(id)).set(imports::held_until.eq(at)).execute(conn)?;
                Ok(())
            })
            .expect("it is aged");
        };
        db.write_now::<_, Trouble>(|conn| {
            let import = Import::find(id, conn)?.expect("it is there");
            let clock = muster::workspace::Workspace::load(conn)?.clock();
            assert!(import.start(&clock, conn)? && Import::hold(id, "gone", conn)?);
            Ok(())
        })
        .expect("it runs");
        age(60);
        work::now(id, &db).expect("asked");
        assert_eq!(people(&db), 0, "it is held by somebody");
        age(-1);
        // The server looks by itself.
        let told = words(&settled(&admin, &url));
        assert!(told.contains("Created 2") && told.contains("Updated 1"), "{told}");
        let state = db.read_now::<_, Trouble>(|conn| Ok(Import::find(id, conn)?.expect("it is there").state));
        assert_eq!(state.expect("read"), State::Done);
    });
}
