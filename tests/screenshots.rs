//! Takes the pictures in `docs/screenshots` afresh: the demo's world, a real Chromium, two sizes, light and dark. The
//! last of them follow a marketer who merges tags, tags many and takes it back, freezes and changes a segment.
//! `tests/screenshots` runs it.

#[path = "app/support/browser.rs"]
#[allow(dead_code)] // Tests do more with a browser than look.
mod browser;
#[path = "app/support/server.rs"]
#[allow(dead_code)]
mod server;

use browser::{Browser, Driver};
use diesel::prelude::*;
use muster::db::Trouble;
use muster::db::schema::{customers, segments};
use muster::demo::{PASSWORD, PEOPLE, World};
use muster::filters::fields::Fields;
use muster::filters::{Filter, Rule};
use muster::workspace::Workspace;
use server::Server;
use std::path::{Path, PathBuf};
use thirtyfour::Key;

const SIZES: [(u32, u32); 2] = [(1440, 900), (390, 844)];

/// A long question: tags, a country, consent, one purchase, a time since, a segment.
const QUESTION: &str = "tags contains VIP and country is any of (DE, AT) and email_consent is opted in \
    and purchases any where (product contains Boots and amount >= 100 and purchased_at in the last 1 year) \
    and last_purchase_at not in the last 90 days and segments in none of \"Spring batch\"";

/// Nested, and about a few dozen people.
const FILTER: &str = "tags contains VIP and (country is any of (DE, AT, CH) or tags contains Wholesale) \
                      and last_seen_at in the last 90 days and not (tags contains (Do-not-contact, Staff))";

/// A file as a spreadsheet writes it, with the mistakes people make.
const FILE: &str = "\
external_id,name,email,phone,country,city,language,tags,shoe size\n\
K-90001,Ronja Bergmann,ronja.bergmann@posthof.example,+49 1511 0001234,Germany,Kempten,de,VIP;Hut-tour-2026,39\n\
K-90002,Matteo Kofler,matteo.kofler@piccione.example,,Italy,Bolzano,it,Trail-club,43\n\
K-90003,Sigrid Fjeld,sigrid.fjeld@fjordpost,,Norway,Tromsø,no,VIP,38\n\
K-90004,Jonas Haas,jonas.haas@posthof.example,5.51E+12,Austria,Wien,de,Newsletter,44\n\
K-90005,Mette Holm,mette.holm@brevdue.example,,Denmark,Aarhus,da,Newsletter;Vegan,\n\
,,,,,,,,\n\
K-90006,Élodie Roux,elodie.roux@colombe.example,,Frankreich,Annecy,fr,Via-ferrata-evening,37\n\
K-90007,Callum Hartley,callum.hartley@letterbox.example,+44 7700 900418,United Kingdom,Keswick,en,VIP;Full-price,42\n\
K-90008,Aino Laine,aino.laine@tunturiposti.example,,Finland,Oulu,fi,Family;Hiking,\n";

fn main() {
    let into = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "docs/screenshots".into()));
    std::fs::create_dir_all(&into).expect("a folder for the pictures");
    let world = World::make(None, 5_000, 1).expect("the demo's world");
    let server = Server::start(&world.db);
    let (customer, segment, quiet) = world
        .db
        .read_now::<_, Trouble>(|conn| {
            // Somebody with a rich page: tagged Trail-club, with a city, a phone and an email that may be used.
            let rule = Rule::read(
                "tags contains VIP and tags contains Trail-club and tags does not contain Wholesale and city is not empty \
                 and phone is not empty and email_consent is opted in and last_seen_at in the last 14 days",
                Fields::built_in(),
            )
            .expect("a filter");
            let clock = Workspace::load(conn)?.clock();
            let filter = Filter::check(&rule, conn, &clock)?;
            let customer = customers::table
                .filter(filter.predicate())
                .order((customers::purchase_count.desc(), customers::id))
                .select(customers::id)
                .first::<i64>(conn)?;
            let segment =
                segments::table.filter(segments::name.eq("VIP customers")).select(segments::id).first(conn)?;
            let quiet = segments::table
                .filter(segments::name.eq("Boots buyers, quiet for 90 days"))
                .select(segments::id)
                .first(conn)?;
            Ok::<(i64, i64, i64), Trouble>((customer, segment, quiet))
        })
        .expect("somebody to look at");
    let file = tempfile::Builder::new().prefix("customers-").tempdir().expect("a folder");
    let csv = file.path().join("hut-evening.csv");
    std::fs::write(&csv, FILE).expect("a file to import");

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let driver = Driver::start();
        let browser = driver.browser(&server.site()).await;
        take(&browser, "/sign-in", "sign-in", &into).await;
        browser.look(SIZES[0].0, SIZES[0].1, false).await;
        browser.sign_in(PEOPLE[2].2, PASSWORD).await;
        let asked = form_urlencoded::Serializer::new(String::new()).append_pair("filter", FILTER).finish();
        take(&browser, &format!("/customers?{asked}"), "customers", &into).await;
        let asked = form_urlencoded::Serializer::new(String::new()).append_pair("filter", QUESTION).finish();
        take(&browser, &format!("/customers?{asked}"), "question", &into).await;
        take(&browser, &format!("/customers/{customer}"), "profile", &into).await;
        take(&browser, "/inbox/1", "inbox", &into).await;
        take(&browser, "/tags", "tags", &into).await;
        take(&browser, "/segments", "segments", &into).await;
        take(&browser, &format!("/segments/{segment}"), "segment", &into).await;
        take(&browser, &format!("/segments/{quiet}/why?customer={customer}"), "why", &into).await;
        take(&browser, "/settings/fields", "fields", &into).await;
        // In the order they were made up: one was sent, one waits for its time, one is being written.
        take(&browser, "/campaigns/3", "campaign", &into).await;
        take(&browser, "/campaigns/3/launch", "campaign-launch", &into).await;
        take(&browser, "/campaigns/1", "campaign-report", &into).await;
        browser.look(SIZES[0].0, SIZES[0].1, false).await;
        let result = import(&browser, &csv).await;
        take(&browser, &result, "import-result", &into).await;
        let marketer = driver.browser(&server.site()).await;
        marketer.sign_in(PEOPLE[1].2, PASSWORD).await;
        tags_are_merged(&marketer, &into).await;
        many_are_tagged(&marketer, &into).await;
        a_segment_is_frozen(&marketer, &into).await;
        a_segment_is_changed(&marketer, &into).await;
        marketer.close().await;
        browser.open("/settings/log").await;
        picture(&browser, "audit-log", &into).await;
        browser.close().await;
    });
}

/// What merging two tags would do, and that it was done.
async fn tags_are_merged(browser: &Browser, into: &Path) {
    browser.press("Tags").await;
    browser.fill("[data-find]", "old").await;
    browser.until("it is found", async |browser| !browser.text("#tags").await.contains("Abandoned-basket")).await;
    browser.click("[aria-label=\"Merge VIP-old into another\"]").await;
    browser.click("#into").await;
    browser.keys("VIP").await;
    browser.sees("[role=option]", "VIP").await;
    browser.keys(Key::Down + Key::Enter).await;
    browser.find("#merge").await;
    picture(browser, "merge", into).await;
    browser.click("#merge .btn-primary").await;
    browser.sees("#toasts", "VIP-old is part of VIP now.").await;
}

/// Ambassadors become VIPs, are none again, and the feed of the segment tells both.
async fn many_are_tagged(browser: &Browser, into: &Path) {
    browser.open("/customers?filter=tags+contains+Ambassador+and+tags+does+not+contain+VIP").await;
    browser.click("[data-pick-all]").await;
    browser.press("Add tags").await;
    browser.click("#bulk-tag").await;
    browser.keys("VIP").await;
    browser.sees("#bulk-ahead", "VIP").await;
    browser.keys(Key::Enter + "").await;
    browser.sees("#bulk-button", "Add VIP to").await;
    browser.click("#bulk-button").await;
    browser.press("Look at it").await;
    browser.sees("h1", "Add VIP").await;
    picture(browser, "bulk-result", into).await;
    told(browser, "joined").await;
    browser.open("/bulk").await;
    browser.press("Undo").await;
    browser.press("Add VIP").await;
    browser.sees("#undone", "As they were").await;
    picture(browser, "bulk-undone", into).await;
    told(browser, "left").await;
    picture(browser, "feed", into).await;
}

/// Opens a segment as people do who have many.
async fn open_segment(browser: &Browser, name: &str) {
    browser.open("/segments").await;
    browser.fill("[data-find]", name).await;
    browser.until("it is found", async |browser| !browser.text("#list").await.contains("Hut tour")).await;
    browser.press(name).await;
    browser.sees("h1", name).await;
}

/// Opens the feed of the VIPs once it tells that somebody joined or left.
async fn told(browser: &Browser, words: &str) {
    open_segment(browser, "VIP customers").await;
    browser.press("Joined and left").await;
    browser
        .until("the feed tells it", async |browser| {
            browser.driver.refresh().await.expect("a reload");
            browser.has("#feed").await && browser.text("#feed .what").await.contains(words)
        })
        .await;
}

async fn a_segment_is_frozen(browser: &Browser, into: &Path) {
    open_segment(browser, "VIP customers").await;
    browser.press("Freeze").await;
    picture(browser, "freeze", into).await;
    browser.click(".form .btn-primary").await;
    browser.sees("#sentence", "Made of the members of VIP customers").await;
    picture(browser, "frozen", into).await;
}

/// Who would join and leave, and what follows; then two segments side by side.
async fn a_segment_is_changed(browser: &Browser, into: &Path) {
    open_segment(browser, "Wholesale DACH").await;
    browser.press("Change").await;
    browser.sees("h1", "Wholesale DACH").await;
    picture(browser, "changing", into).await;
    open_segment(browser, "Wholesale DACH").await;
    browser.ask_instead("tags contains Wholesale and country is any of (DE, AT, LI)").await;
    browser.press("Show names").await;
    browser.find("#leaving").await;
    picture(browser, "change", into).await;
    browser.find("#diff .btn-primary").await.scroll_into_view().await.expect("the button is scrolled to");
    browser.click("#diff .btn-primary").await;
    browser.sees("h1", "Wholesale DACH").await;
    browser.press("Compare").await;
    browser.choose("#compare-b", "VIP customers").await;
    browser.press("Compare").await;
    browser.find("#part-both").await;
    picture(browser, "compare", into).await;
}

/// The page as it stands, wide and light, narrow and dark.
async fn picture(browser: &Browser, name: &str, into: &Path) {
    for ((width, height), dark) in SIZES.into_iter().zip([false, true]) {
        browser.look(width, height, dark).await;
        browser.settled().await;
        shoot(browser, name, (width, dark), into).await;
    }
    browser.look(SIZES[0].0, SIZES[0].1, false).await;
}

async fn shoot(browser: &Browser, name: &str, (width, dark): (u32, bool), into: &Path) {
    let mode = if dark { "dark" } else { "light" };
    let file = into.join(format!("{name}-{width}-{mode}.png"));
    browser.driver.screenshot(&file).await.expect("a picture");
    println!("{}", file.display());
}

/// Imports a file through the pages and gives the address of its report.
async fn import(browser: &Browser, csv: &Path) -> String {
    browser.import(csv).await;
    browser.path().await
}

/// The same page in both sizes, light and dark.
async fn take(browser: &Browser, path: &str, name: &str, into: &Path) {
    for (width, height) in SIZES {
        for dark in [false, true] {
            browser.look(width, height, dark).await;
            browser.open(path).await;
            browser.settled().await;
            shoot(browser, name, (width, dark), into).await;
        }
    }
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{path}: {complaints:?}");
}
