//! One long question, asked the three ways a person may: with the mouse, with the keyboard alone, and as text.

use crate::support::browser::{Browser, Driver};
use crate::support::walks::walk;
use crate::support::{PASSWORD, Server, by, email_of, sqlite, world};
use chrono::{TimeDelta, Utc};
use muster::agents::{Caller, Role};
use muster::customers::{Channel, Consent, Customer, Draft, set_consent};
use muster::db::{Db, Trouble};
use muster::purchases::{self, Bought};
use muster::segments::{Kind, Segment, Wish};
use muster::tags::{self, Mark, Source, Tag};
use muster::workspace::Workspace;
use thirtyfour::Key;

/// "Customers tagged VIP in Germany or Austria, opted in to email, who bought Boots for 100 or more in the last year but
/// nothing in the last 90 days, and are not in Spring batch."
const QUESTION: &str = "tags contains VIP and country is any of (DE, AT) and email_consent is opted in \
    and purchases any where (product is Boots and amount >= 100 and purchased_at in the last 1 year) \
    and last_purchase_at not in the last 90 days and segments in none of \"Spring batch\"";

/// Fay is who is looked for; Gil bought cheaper boots, Hal bought again lately.
fn shop(db: &Db) {
    world(db);
    db.write_now::<_, Trouble>(|conn| {
        let clock = Workspace::load(conn)?.clock();
        let wish = Wish { name: "Spring batch".into(), kind: Kind::Static, rule: None, private: false };
        Segment::create(&wish, &Caller::command_line(), conn, &clock).expect("a segment");
        let (vip, _) = Tag::find_or_create("VIP", conn, clock.stamp())?;
        for (name, country, amount, days) in
            [("Fay", "DE", 12_000, [300, 200]), ("Gil", "AT", 9_900, [300, 200]), ("Hal", "AT", 12_000, [300, 20])]
        {
            let draft = Draft { name: Some(name.into()), country: Some(country.into()), ..Draft::default() };
            let id = Customer::create(&draft, &by(&clock), conn).unwrap_or_else(|problem| panic!("{problem}")).id;
            tags::add(id, vip.id, &Mark::of(&Caller::command_line(), Source::Profile, clock.stamp()), conn)?;
            set_consent(id, Channel::Email, Consent::OptedIn, &by(&clock), conn)?;
            for (days, product) in days.into_iter().zip(["Boots", "Laces"]) {
                let at = (Utc::now() - TimeDelta::days(days)).naive_utc();
                let product = Some(product.to_string());
                let bought = Bought { external_id: None, product, amount, currency: "EUR".into(), at };
                purchases::record(id, &bought, conn)?;
            }
        }
        Ok(())
    })
    .expect("the shop");
}

/// The same row, whichever way it is filled in: field, operator, and its values in order. Values of a list are offered
/// while they are typed.
struct Row {
    path: &'static str,
    field: (&'static str, &'static str),
    op: (&'static str, &'static str),
    list: &'static [&'static str],
    values: &'static [(usize, &'static str)],
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { path: "0", field: ("Tags", "tags"), op: ("contains", "contains"), list: &["VIP"], values: &[] },
    Row { path: "1", field: ("Country", "country"), op: ("is any of", "is_any_of"), list: &["Germany", "Austria"], values: &[] },
    Row { path: "2", field: ("Email consent", "email_consent"), op: ("is opted in", "is_opted_in"), list: &[], values: &[] },
    Row { path: "3", field: ("Purchases", "purchases"), op: ("any where", "any_where"), list: &[], values: &[] },
    Row { path: "3.0", field: ("Product", "product"), op: ("is", "is"), list: &[], values: &[(0, "Boots")] },
    Row { path: "3.1", field: ("Amount", "amount"), op: (">=", "gte"), list: &[], values: &[(0, "100")] },
    Row { path: "3.2", field: ("Purchased", "purchased_at"), op: ("in the last", "in_the_last"), list: &[], values: &[(0, "1"), (1, "years")] },
    Row { path: "4", field: ("Last purchase", "last_purchase_at"), op: ("not in the last", "not_in_the_last"), list: &[], values: &[(0, "90")] },
    Row { path: "5", field: ("Segments", "segments"), op: ("in none of", "in_none_of"), list: &["Spring batch"], values: &[] },
];

impl Row {
    fn css(&self, letter: &str) -> String {
        format!("[name=\"{letter}{}\"]", self.path)
    }

    fn value(&self, hole: usize) -> String {
        format!("[name=\"v{}:{hole}\"]:not([type=hidden])", self.path)
    }

    /// What the server has understood so far.
    fn drawn(&self) -> String {
        format!("[name=\"w{}\"][value=\"{}/{}\"]", self.path, self.field.1, self.op.1)
    }

    fn drawn_field(&self) -> String {
        format!("[name=\"w{}\"][value^=\"{}/\"]", self.path, self.field.1)
    }

    /// The button that adds a row beside it; a purchase begins with one.
    fn adds(&self) -> Option<String> {
        match self.path.rsplit_once('.') {
            Some((_, "0")) => None,
            Some((parent, _)) => Some(format!("[value=\"add:{parent}\"]")),
            None => Some("[value=\"add:\"]".into()),
        }
    }
}

async fn marketer(driver: &Driver, server: &Server) -> Browser {
    server.hire(Role::Marketer);
    let browser = driver.browser(&server.site()).await;
    browser.sign_in(&email_of(Role::Marketer), PASSWORD).await;
    browser.open("/customers").await;
    browser
}

/// It asks what was meant, and finds her.
async fn finds_fay(browser: &Browser) {
    browser
        .until("Fay is found", async |browser| browser.path().await == format!("/customers?filter={QUESTION}"))
        .await;
    browser.sees("table.list td.who", "Fay").await;
    assert_eq!(browser.count().await, 1);
    browser.sees("#builder > .group > .group-rows > li:nth-child(4) .fall-left", "2").await;
    browser.sees("#builder > .group > .group-rows > li:nth-child(5) .fall-left", "1").await;
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|line| line.contains("status of 422")), "{complaints:?}");
}

fn story(tell: impl AsyncFnOnce(&Driver, &Server)) {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    shop(&db);
    walk(&db, tell);
}

#[test]
fn by_mouse() {
    story(async |driver, server| {
        let browser = marketer(driver, server).await;
        for row in ROWS {
            if let Some(button) = row.adds() {
                browser.click(&button).await;
            }
            browser.choose(&row.css("f"), row.field.0).await;
            browser.find(&row.drawn_field()).await;
            browser.choose(&row.css("o"), row.op.0).await;
            browser.find(&row.drawn()).await;
            for value in row.list {
                browser.click(&row.value(0)).await;
                browser.keys(*value).await;
                let offer = format!("#ahead-{}-0 [role=option]", row.path.replace('.', "-"));
                browser.sees(&offer, value).await;
                browser.click(&offer).await;
                browser.until("it is a chip", async |browser| chips(browser).await.contains(&value.to_string())).await;
            }
            for (hole, value) in row.values {
                match *value {
                    "years" => browser.choose(&row.value(*hole), value).await,
                    value => {
                        browser.fill(&row.value(*hole), value).await;
                        browser.keys(Key::Tab + "").await;
                    }
                }
                browser
                    .until("it is asked", async |browser| browser.path().await.contains(value.trim_end_matches('s')))
                    .await;
            }
        }
        finds_fay(&browser).await;
        browser.close().await;
    });
}

#[test]
fn by_keyboard_alone() {
    story(async |driver, server| {
        let browser = marketer(driver, server).await;
        for row in ROWS {
            if let Some(button) = row.adds() {
                browser.tab_to(&button).await;
                browser.keys(Key::Enter + "").await;
                browser.find(&row.css("f")).await;
            }
            has_focus_or_tab(&browser, &row.css("f")).await;
            browser.keys(row.field.0).await;
            browser.find(&row.drawn_field()).await;
            // A letter leads to the next option that begins with it, away from one that is chosen already.
            if !browser.has(&row.drawn()).await {
                browser.tab_to(&row.css("o")).await;
                browser.keys(row.op.0).await;
                browser.find(&row.drawn()).await;
            }
            for value in row.list {
                has_focus_or_tab(&browser, &row.value(0)).await;
                browser.keys(*value).await;
                let offer = format!("#ahead-{}-0 [role=option]", row.path.replace('.', "-"));
                browser.sees(&offer, value).await;
                browser.keys(Key::Down + Key::Enter).await;
                browser.until("it is a chip", async |browser| chips(browser).await.contains(&value.to_string())).await;
            }
            for (hole, value) in row.values {
                browser.tab_to(&row.value(*hole)).await;
                browser.keys(*value).await;
                browser.keys(Key::Tab + "").await;
                browser
                    .until("it is asked", async |browser| browser.path().await.contains(value.trim_end_matches('s')))
                    .await;
            }
        }
        finds_fay(&browser).await;
        browser.close().await;
    });
}

#[test]
fn as_text() {
    story(async |driver, server| {
        let browser = marketer(driver, server).await;
        browser.press("Filter as text").await;
        // A slip first: it is told where, and one press mends it.
        browser.fill("#filter-text", &QUESTION.replace("country", "contry")).await;
        browser.press("Apply text").await;
        browser.sees("#filter-mistake", "there is no field contry").await;
        browser.press("Use country").await;
        finds_fay(&browser).await;
        // The rows follow the text, and the text follows the rows.
        assert_eq!(chips(&browser).await, ["VIP", "Germany", "Austria", "Spring batch"]);
        browser.click("[value=\"remove:5\"]").await;
        browser.until("the text follows", async |browser| !browser.path().await.contains("Spring")).await;
        browser.close().await;
    });
}

async fn chips(browser: &Browser) -> Vec<String> {
    let mut chips = Vec::new();
    for chip in browser.driver.find_all(thirtyfour::By::Css("#builder .chip > span")).await.unwrap_or_default() {
        chips.push(chip.text().await.unwrap_or_default());
    }
    chips
}

/// The focus is there by itself, or Tab leads to it.
async fn has_focus_or_tab(browser: &Browser, css: &str) {
    let there = format!("return document.activeElement.matches({css:?})");
    if !browser.driver.execute(there, vec![]).await.is_ok_and(|there| there.json().as_bool() == Some(true)) {
        browser.tab_to(css).await;
    }
}
