//! An import as an admin lives through it, in a real browser: from an ugly spreadsheet export to the report, and back.

use crate::support::browser::Browser;
use crate::support::walks::{signed_in, signed_in_plain, walk};
use crate::support::{for_each_database, sqlite, world};
use chrono::TimeDelta;
use diesel::prelude::*;
use muster::agents::Role;
use muster::db::schema::{customers, imports, taggings, tags};
use muster::db::{Conn, Db, Trouble};
use muster::imports::{Import, work};
use muster::workspace::Workspace;
use serde_json::json;
use std::path::PathBuf;

/// As a spreadsheet writes it where one says "Ort": semicolons, Windows-1252, `\r\n`, an empty line, a half-typed address.
const UGLY: &str = "Kundennr;Name;E-Mail;Ort;Labels;email_opt_in\r\n\
                    c1;;;Köln;Fair;\r\n\
                    c7;Zoë;zoe@example.com;Zürich;;yes\r\n\
                    ;;;;;\r\n\
                    c8;Jürg;juerg@posteo;Bern;;no\r\n";

/// A file in a folder of its own.
struct File {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl File {
    fn new(name: &str, bytes: &[u8]) -> File {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        File { path, _folder: folder }
    }
    fn ugly() -> File {
        let bytes: Vec<u8> = UGLY.chars().map(|c| u8::try_from(u32::from(c)).expect("Windows-1252")).collect();
        File::new("messe.csv", &bytes)
    }
}

/// Everybody with what an import may change, and the tags there are.
fn everybody(db: &Db) -> Vec<String> {
    db.read_now::<_, Trouble>(|conn| {
        type Text = Option<String>;
        let people: Vec<(i64, Text, Text, Text, Text)> = customers::table
            .select((customers::id, customers::name, customers::email, customers::city, customers::external_id))
            .order(customers::id)
            .load(conn)?;
        let tagged: Vec<(i64, i64)> = taggings::table
            .select((taggings::customer_id, taggings::tag_id))
            .order((taggings::customer_id, taggings::tag_id))
            .load(conn)?;
        let names: Vec<String> = tags::table.select(tags::name).order(tags::id).load(conn)?;
        let people = people.into_iter().map(|person| format!("{person:?}"));
        Ok(people.chain(tagged.into_iter().map(|pair| format!("{pair:?}"))).chain(names).collect())
    })
    .expect("everybody")
}

/// What a script in the page says.
async fn asked(browser: &Browser, script: &str) -> String {
    let said = browser.driver.execute(format!("return String({script})"), vec![]).await.expect("an answer");
    said.json().as_str().unwrap_or_default().to_string()
}

fn id_of(path: &str) -> i64 {
    path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("the number of an import")
}

fn changed(db: &Db, change: impl FnOnce(&mut Conn) -> Result<(), Trouble>) {
    db.write_now::<_, Trouble>(change).expect("it is changed");
}

#[test]
fn an_ugly_export_is_imported_corrected_and_taken_back() {
    for_each_database(|db| {
        world(&db);
        let before = everybody(&db);
        let file = File::ugly();
        walk(&db, async |driver, server| {
            let admin = signed_in(driver, server, Role::Admin).await;
            admin.open("/imports").await;
            admin.press("Import a CSV").await;
            admin.upload(&file.path).await;
            // How it was read is said, and seen in the values.
            admin.sees("#mapping .head-meta", "windows-1252 · semicolon · 5 lines").await;
            admin.sees(".map-rows", "Köln · Zürich · Bern").await;
            assert_eq!(admin.value("[name='column.0']").await, "", "nobody can know what Kundennr is");
            admin.choose("[name='column.0']", "External id").await;
            admin.press("Check the file").await;

            admin.sees("h2[data-lands]", "Nothing has been written yet").await;
            admin.sees("#changes", "São Paulo Köln").await;
            admin.sees("#changes", "+ Fair").await;
            admin.sees("#notes", "no proof of consent").await;
            admin.sees("#rejected", "The part after the @ needs a dot").await;
            assert_eq!(everybody(&db), before, "nothing is written");
            assert_eq!(asked(&admin, "scrollY").await, "0", "the sum comes first");

            admin.fill("[name='cell.5.2']", "juerg@posteo.de").await;
            admin.press("Check the corrected lines").await;
            admin.sees("#rejected", "No line would be rejected.").await;
            assert_eq!(asked(&admin, "location.hash").await, "#rejected", "that is where she was");
            admin.press("Import 3 customers").await;
            admin.sees("h2[data-lands]", "3 lines changed customers").await;
            admin.sees("#rejected", "No line was rejected.").await;
            let report = admin.path().await;
            admin.open("/customers").await;
            admin.lists("Ana, Bo, Cy, Di, Eva, Jürg, Zoë").await;

            admin.open(&report).await;
            admin.press("Undo this import").await;
            admin.sees("#import", "3 lines are undone. Everything is as it was before.").await;
            assert_eq!(everybody(&db), before);
            admin.open("/imports").await;
            admin.reads("#imports .who", &["messe.csv"]).await;
            admin.reads("#imports .pill", &["Undone"]).await;
            assert_eq!(admin.complaints().await, [""; 0]);
            admin.close().await;
        });
    });
}

#[test]
fn it_works_on_a_phone_without_a_script() {
    for_each_database(|db| {
        world(&db);
        let before = everybody(&db);
        let (file, workbook) = (File::ugly(), File::new("messe.xlsx.csv", b"PK\x03\x04"));
        walk(&db, async |driver, server| {
            let admin = signed_in_plain(driver, server, Role::Admin).await;
            admin.look(390, 844, true).await;
            admin.open("/imports/new").await;
            admin.upload(&workbook.path).await;
            admin.sees(".field-why", "an Excel workbook").await;
            admin.upload(&file.path).await;
            admin.choose("[name='column.0']", "External id").await;
            admin.choose("[name='column.5']", "Do not import").await;
            // The button is in reach, wherever one stands on the page.
            admin.click(".go .btn-primary").await;
            admin.sees("#changes", "São Paulo").await;
            admin.fill("[name='cell.5.2']", "juerg@posteo").await;
            admin.press("Check the corrected lines").await;
            admin.sees("#toasts", "No line was changed").await;
            admin.click(".go .btn-primary").await;
            admin.sees("h2[data-lands]", "2 lines changed customers").await;
            admin.fill("[name='cell.5.2']", "juerg@posteo.de").await;
            let button = admin.find("#rejected [type=submit]").await;
            button.scroll_into_view().await.expect("the button is scrolled to");
            admin.press("Import the corrected lines").await;
            admin.sees("#toasts", "The line was imported.").await;
            admin.sees("h2[data-lands]", "3 lines changed customers").await;
            admin.press("Undo this import").await;
            admin.sees("#import", "Everything is as it was before.").await;
            assert_eq!(everybody(&db), before);
            admin.close().await;
        });
    });
}

#[test]
fn what_is_chosen_in_one_breath_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    let file = File::ugly();
    walk(&db, async |driver, server| {
        let admin = signed_in(driver, server, Role::Admin).await;
        admin.open("/imports/new").await;
        admin.upload(&file.path).await;
        // A column opts people in.
        admin.find("[name=proof]").await;
        // Each sooner or later after the one before: before it is sent, while it is, and when the answer comes.
        let choices = [("column.0", "external_id"), ("column.3", "country"), ("column.4", ""), ("column.5", "")];
        let all = choices.iter().chain(&[("mode", "create"), ("unknown_tags", "reject"), ("match.3", "")]);
        for (wait, (name, value)) in [0, 20, 140, 155, 170, 190, 230].into_iter().zip(all) {
            tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
            let choose = format!(
                "const it = document.querySelector('[name=\"{name}\"]'); it.focus(); it.value = '{value}'; \
                 it.dispatchEvent(new Event('change', {{ bubbles: true }})); it.blur();"
            );
            admin.driver.execute(choose, vec![]).await.expect("it is chosen");
        }
        admin.until("nobody is opted in any more", async |browser| !browser.has("[name=proof]").await).await;
        admin.until("nothing is under way", async |browser| !browser.has(".htmx-request").await).await;
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        admin.settled().await;
        let chosen = "[...document.querySelectorAll('#plan select')].map((it) => `${it.name}=${it.value}`).join(' ')";
        let expected = "column.0=external_id column.1=name column.2=email column.3=country column.4= column.5= \
                        match.1=external_id match.2=email match.3= mode=create tags=add unknown_tags=reject";
        assert_eq!(asked(&admin, chosen).await, expected);
        admin.open(&admin.path().await).await;
        assert_eq!(asked(&admin, chosen).await, expected, "and after coming back");

        admin.choose("[name='column.5']", "Email consent").await;
        admin.fill("[name=proof]", "Cards from the fair").await;
        admin.click("[name=proven]").await;
        admin.settled().await;
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        admin.open(&admin.path().await).await;
        assert_eq!(admin.value("[name=proof]").await, "Cards from the fair");
        assert_eq!(asked(&admin, "document.querySelector('[name=proven]').checked").await, "true");
        assert_eq!(admin.complaints().await, [""; 0]);
        admin.close().await;
    });
}

#[test]
fn whoever_watches_an_import_sees_it_end_without_loading_the_page_again() {
    for_each_database(|db| {
        world(&db);
        let file = File::ugly();
        walk(&db, async |driver, server| {
            let admin = signed_in(driver, server, Role::Admin).await;
            admin.open("/imports/new").await;
            admin.upload(&file.path).await;
            admin.choose("[name='column.0']", "External id").await;
            admin.press("Check the file").await;
            admin.sees("h2[data-lands]", "Nothing has been written yet").await;
            let id = id_of(&admin.path().await);
            // As if a slow process had it.
            changed(&db, |conn| {
                let import = Import::find(id, conn)?.expect("it is there");
                let clock = Workspace::load(conn)?.clock();
                assert!(import.start(&clock, conn)? && Import::hold(id, "slow", conn)?);
                Ok(())
            });
            admin.open("/imports").await;
            admin.reads("#imports .pill", &["Running"]).await;
            admin.open(&format!("/imports/{id}#rejected")).await;
            admin.sees("#import", "Importing now").await;
            admin.sees("#import", "0 lines done").await;
            let mark = "window.stop_button = document.getElementById('import-stop'); stop_button.focus()";
            admin.driver.execute(mark, vec![]).await.expect("the focus is on it");
            changed(&db, |conn| {
                let far = (imports::bytes.eq(60), imports::lines.eq(1));
                diesel::update(imports::table.find(id)).set(far).execute(conn)?;
                Ok(())
            });
            admin.sees("#import", "1 line done").await;
            let kept = "document.activeElement === window.stop_button && stop_button.isConnected";
            assert_eq!(asked(&admin, kept).await, "true", "the button is the same one and keeps the focus");
            let said = asked(&admin, "document.getElementById('import-said').textContent").await;
            assert_eq!(said, "Importing now: 40 % done.");
            changed(&db, |conn| {
                let past = chrono::Utc::now().naive_utc() - TimeDelta::seconds(1);
                let free = (imports::bytes.eq(0), imports::lines.eq(0), imports::held_until.eq(past));
                diesel::update(imports::table.find(id)).set(free).execute(conn)?;
                Ok(())
            });
            work::now(id, &db).expect("it goes on");
            admin.sees("#import", "adds up").await;
            admin.sees("h2[data-lands]", "2 lines changed customers").await;
            assert_eq!(asked(&admin, "typeof window.stop_button").await, "object", "the page is the same one");
            assert_eq!(asked(&admin, "document.activeElement.hasAttribute('data-lands')").await, "true");
            let said = asked(&admin, "document.getElementById('import-said').textContent").await;
            assert_eq!(said, "The import is done.");
            // What it led to works, and nobody asks any more.
            let asks = "window.asks = 0; addEventListener('htmx:before:request', () => { asks += 1; })";
            admin.driver.execute(asks, vec![]).await.expect("counted");
            admin.fill("[name='cell.5.2']", "juerg@posteo.de").await;
            tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
            assert_eq!(asked(&admin, "window.asks").await, "0");
            admin.press("Import the corrected lines").await;
            admin.sees("#toasts", "The line was imported.").await;
            assert_eq!(admin.complaints().await, [""; 0]);
            admin.close().await;
        });
    });
}

#[test]
fn an_upload_says_how_far_it_is_and_can_be_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    let mut text = String::from("external_id,city\n");
    (0..120_000).for_each(|n| text.push_str(&format!("n{n},Oslo {n}\n")));
    let (long, workbook) = (File::new("long.csv", text.as_bytes()), File::new("fair.csv", b"PK\x03\x04"));
    walk(&db, async |driver, server| {
        let admin = signed_in(driver, server, Role::Admin).await;
        admin.open("/imports/new").await;
        let cdp = admin.driver.cdp();
        // The request is held up on its way, as on a line that is stuck.
        let held = json!({ "patterns": [{ "urlPattern": "*/imports" }] });
        cdp.send_raw("Fetch.enable", held).await.expect("it is held up");
        admin.upload(&long.path).await;
        admin.sees("[data-upload-now]", "0 %").await;
        admin.sees("[data-upload-now]", "MB uploaded").await;
        assert_eq!(asked(&admin, "document.activeElement.textContent").await, "Stop the upload");
        admin.press("Stop the upload").await;
        admin.until("it is over", async |browser| browser.text("[data-upload-now]").await.is_empty()).await;
        assert_eq!(asked(&admin, "document.activeElement.textContent").await, "Upload");
        let kept = db.read_now::<_, Trouble>(|conn| Ok(imports::table.count().get_result::<i64>(conn)?));
        assert_eq!(kept.expect("counted"), 0);

        // The file is still chosen. Without a connection it says so, and with one it goes through.
        cdp.send_raw("Fetch.disable", json!({})).await.expect("nothing is held up");
        cdp.send_raw("Network.enable", json!({})).await.expect("it can be cut off");
        let gone = json!({ "offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        cdp.send_raw("Network.emulateNetworkConditions", gone).await.expect("no line");
        admin.press("Upload").await;
        admin.sees(".field-why", "The upload was interrupted.").await;
        let back = json!({ "offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        cdp.send_raw("Network.emulateNetworkConditions", back).await.expect("a line");
        cdp.send_raw("Network.disable", json!({})).await.expect("as it was");
        admin.press("Upload").await;
        admin.sees("h1", "long.csv").await;
        admin.sees("#mapping", "120,001 lines").await;

        // What is refused is said beside the file, and the next try works.
        admin.complaints().await;
        admin.open("/imports/new").await;
        admin.choose("#kind", "Purchases of customers").await;
        admin.upload(&workbook.path).await;
        admin.sees(".field-why", "an Excel workbook").await;
        assert_eq!(asked(&admin, "document.activeElement.id").await, "file");
        assert_eq!(admin.value("#kind").await, "purchases", "what was chosen is kept");
        admin.upload(&long.path).await;
        admin.sees("h1", "long.csv").await;
        admin.close().await;
    });
}

/// Names, cells and files as long as they come, at every step.
#[test]
fn no_step_is_wider_than_the_window() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    world(&db);
    let long = "Unaussprechlichlangesspaltenwort".repeat(6);
    let mut text = format!("external_id,name,email,tags,Seen on,{long}");
    (0..300).for_each(|n| text.push_str(&format!(",Column {n}")));
    let rest = ",x".repeat(300);
    for (id, email) in [("c1", "ana@example.com"), ("c2", "nobody"), ("n1", "n1@example.com"), ("n1", "")] {
        text.push_str(&format!("\n{id},{long},{email},Fair,03.04.2026,{long}{rest}"));
    }
    text.push_str("\nc3,short\n");
    let file = File::new(&format!("{}.csv", "sehr-lang".repeat(12)), text.as_bytes());
    walk(&db, async |driver, server| {
        let admin = signed_in(driver, server, Role::Admin).await;
        let narrow = async |step: &str| {
            for (width, dark) in [(1440, false), (1024, true), (390, true)] {
                admin.look(width, 844, dark).await;
                admin.settled().await;
                let wide = asked(&admin, "document.documentElement.scrollWidth").await;
                assert_eq!(wide, width.to_string(), "{step}");
            }
            admin.look(1440, 900, false).await;
        };
        admin.open("/imports/new").await;
        admin.upload(&file.path).await;
        admin.sees(".map-rows", "Column 299").await;
        narrow("columns").await;
        admin.choose("[name='column.5']", "New text field").await;
        admin.sees("[name='column.5'] option:checked", "New text field").await;
        admin.settled().await;
        admin.press("Check the file").await;
        admin.sees("#rejected", "header has 306").await;
        narrow("dry run").await;
        admin.open("/imports").await;
        narrow("list").await;
        admin.driver.back().await.expect("a step back");
        admin.click(".go .btn-primary").await;
        admin.sees("#import", "adds up").await;
        admin.sees("#import", "Undo this import").await;
        narrow("report").await;
        assert_eq!(admin.complaints().await, [""; 0]);
        admin.close().await;
    });
}
