//! Takes the pictures in `docs/screenshots` afresh: the demo's world, a real Chromium, two sizes, light and dark.
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
        take(&browser, "/tags", "tags", &into).await;
        take(&browser, "/segments", "segments", &into).await;
        take(&browser, &format!("/segments/{segment}"), "segment", &into).await;
        take(&browser, &format!("/segments/{quiet}/why?customer={customer}"), "why", &into).await;
        take(&browser, "/settings/fields", "fields", &into).await;
        browser.look(SIZES[0].0, SIZES[0].1, false).await;
        let result = import(&browser, &csv).await;
        take(&browser, &result, "import-result", &into).await;
        browser.close().await;
    });
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
            let mode = if dark { "dark" } else { "light" };
            let file = into.join(format!("{name}-{width}-{mode}.png"));
            browser.driver.screenshot(&file).await.expect("a picture");
            println!("{}", file.display());
        }
    }
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{path}: {complaints:?}");
}
