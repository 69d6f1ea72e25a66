//! A segment's filter is changed where filters are built: row by row, with live counts, and looked at before it is saved.

use crate::support::browser::Driver;
use crate::support::pages::{attr, attrs, change, fields, fill, get, names, page, post, save, text, texts};
use crate::support::{PASSWORD, Server, email_of, for_each_database, sqlite, world};
use muster::agents::Role;
use reqwest::blocking::{Client, Response};
use scraper::Html;

/// The builder with a segment in it, as "Change" opens it.
fn opened(client: &Client, server: &Server, path: &str) -> Html {
    let shown = page(get(client, server, path));
    page(get(client, server, &attr(&shown, ".head-do .btn-primary", "href")))
}

/// Presses "Check the change" as a browser without JavaScript does.
fn checked(client: &Client, server: &Server, built: &Html) -> Response {
    let path = attr(built, ".head-do button", "formaction");
    client.post(server.url(&path)).form(&fields(built, "#builder")).send().expect("an answer")
}

fn address(answer: &Response) -> String {
    let query = answer.url().query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", answer.url().path())
}

#[test]
fn a_segment_is_changed_row_by_row_and_saved_once_the_change_was_seen() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP and country is BR")]);
        let built = opened(&marketer, &server, &vips);
        assert_eq!(
            (text(&built, "h1"), text(&built, "title")),
            ("Changing VIPs".into(), "Changing VIPs · Casa Verde".into())
        );
        assert_eq!(text(&built, "#filter-text"), "tags contains VIP and country is BR");
        assert_eq!(attr(&built, ".head-do a", "href"), vips, "cancel leads back");
        assert!(texts(&built, "#save-segment, #save-view, #result").is_empty(), "one thing at a time");

        // A row less: the page says what that would make of it.
        let fewer = page(fill(&marketer, &server, &built, "#builder", &[("do", "remove:1")]));
        assert_eq!(text(&fewer, "h1"), "Changing VIPs");
        assert!(text(&fewer, "#changing").contains("3 with this filter"), "{}", text(&fewer, "#changing"));
        assert_eq!(names(&fewer), "Ana, Cy, Eva");
        let more = page(fill(&marketer, &server, &fewer, "#builder", &[("v0:0", "Wholesale"), ("o0", "contains")]));
        assert_eq!(names(&more), "Bo, Cy");

        let looked = checked(&marketer, &server, &more);
        assert_eq!(looked.status(), 200);
        let place = address(&looked);
        let looked = page(looked);
        assert_eq!(text(&looked, "#sentence"), "Tagged Wholesale");
        assert_eq!((text(&looked, "#join"), text(&looked, "#diff .grow")), ("2".into(), "1→2".into()));
        assert_eq!(text(&page(get(&marketer, &server, &place)), "#diff .grow"), "1→2", "a reload says the same");
        assert_eq!(names(&page(get(&marketer, &server, &vips))), "Ana", "nothing is saved yet");
        let saved = page(fill(&marketer, &server, &looked, "#segment-form", &[("do", "save")]));
        assert_eq!((text(&saved, "h1"), names(&saved)), ("VIPs".into(), "Bo, Cy".into()));
    });
}

#[test]
fn everything_on_the_page_keeps_the_segment_that_is_changed() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let built = opened(&marketer, &server, &vips);
        let mut links = attrs(&built, "#answer thead a, #answer .build-foot a, #choose-columns a", "href");
        links.retain(|link| link.starts_with("/customers?"));
        assert!(links.len() > 4, "{links:?}");
        for link in links {
            assert_eq!(text(&page(get(&marketer, &server, &link)), "h1"), "Changing VIPs", "{link}");
        }
        let sent = fields(&built, "#choose-columns");
        let columns = marketer.get(server.url("/customers")).query(&sent).send().expect("an answer");
        assert_eq!(text(&page(columns), "h1"), "Changing VIPs");
        // As text, too; and text that cannot be read stays where it was typed.
        for (typed, why) in [("contry is SE", "Did you mean country?"), ("segments in any of VIPs", "in itself")] {
            let mut sent = fields(&built, "#filter-as-text form");
            sent.retain(|(name, _)| name != "filter");
            sent.push(("filter".into(), typed.into()));
            let answer = page(marketer.get(server.url("/customers")).query(&sent).send().expect("an answer"));
            assert!(text(&answer, "#answer").contains(why), "{typed}");
            let again = page(checked(&marketer, &server, &answer));
            assert_eq!((text(&again, "h1"), text(&again, "#filter-text")), ("Changing VIPs".into(), typed.into()));
            assert!(text(&again, "#answer").contains(why), "{typed}");
        }
        // An empty filter is not what anybody is led to save.
        let empty = page(fill(&marketer, &server, &built, "#builder", &[("do", "remove:0")]));
        assert!(text(&empty, "#changing").contains("An empty filter cannot be saved"));
        assert!(
            text(&page(checked(&marketer, &server, &empty)), "#changing").contains("An empty filter cannot be saved")
        );
        // Nor a row without a value.
        let blank = page(fill(&marketer, &server, &built, "#builder", &[("do", "add:")]));
        let back = page(checked(&marketer, &server, &blank));
        assert_eq!((text(&back, "h1"), texts(&back, "#builder [name^=f]").len()), ("Changing VIPs".into(), 2));
    });
}

#[test]
fn two_who_build_at_once_are_told_of_each_other() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (marketer, admin) = (server.signed_in(Role::Marketer), server.signed_in(Role::Admin));
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let built = opened(&marketer, &server, &vips);
        change(&admin, &server, &vips, &[("name", "Theirs"), ("filter", "tags contains Wholesale")]);
        let mine = page(fill(&marketer, &server, &built, "#builder", &[("f0", "city"), ("o0", "is_empty")]));
        assert!(
            text(&mine, "#changing").starts_with("Somebody saved Theirs since you began"),
            "{}",
            text(&mine, "#changing")
        );
        let late = checked(&marketer, &server, &mine);
        assert_eq!(late.status(), 409);
        let late = page(late);
        assert!(text(&late, "#theirs").contains("Abel Admin saved this segment"));
        assert_eq!(attr(&late, "#name", "value"), "Theirs", "only the filter was mine to change");
        assert_eq!(names(&page(get(&marketer, &server, &vips))), "Bo, Cy");
        // Back to the rows, now as a change of what is saved; or begun again from that.
        let rows = page(fill(&marketer, &server, &late, "#segment-form", &[("do", "build")]));
        assert_eq!(
            (text(&rows, "h1"), text(&rows, "#filter-text")),
            ("Changing Theirs".into(), "city is empty".into())
        );
        assert_eq!(checked(&marketer, &server, &rows).status(), 200);
        let afresh = page(get(&marketer, &server, &attr(&late, "#theirs a", "href")));
        assert_eq!(text(&afresh, "#filter-text"), "tags contains Wholesale");
        let saved = page(fill(&marketer, &server, &late, "#segment-form", &[("do", "save")]));
        assert_eq!((text(&saved, "h1"), names(&saved)), ("Theirs".into(), "Cy, Di".into()));
    });
}

#[test]
fn what_the_customers_page_asks_can_become_a_change_of_a_segment() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let list = page(get(&marketer, &server, "/customers?filter=tags+contains+Wholesale"));
        let sent = fields(&list, "#change-segment");
        let built = page(marketer.get(server.url("/customers")).query(&sent).send().expect("an answer"));
        assert_eq!((text(&built, "h1"), names(&built)), ("Changing VIPs".into(), "Bo, Cy".into()));
        assert_eq!(text(&page(checked(&marketer, &server, &built)), "#diff .grow"), "3→2");
        assert_eq!(names(&page(get(&marketer, &server, &vips))), "Ana, Cy, Eva", "it is not saved yet");
        // A filter too long for an address comes along all the way.
        let towns = (0..600).map(|n| format!("Town-{n}")).collect::<Vec<_>>().join(", ");
        let long = format!("city is none of ({towns})");
        let form = page(get(&marketer, &server, &format!("{vips}/edit")));
        let answer = fill(&marketer, &server, &form, "#segment-form", &[("filter", &long), ("do", "build")]);
        assert!(answer.url().as_str().len() < 200, "{}", answer.url());
        let built = page(answer);
        assert_eq!(text(&built, "#filter-text"), long);
        let looked = checked(&marketer, &server, &built);
        assert!(looked.url().as_str().len() < 200, "{}", looked.url());
        assert_eq!(text(&page(looked), "#segment-filter"), long);
    });
}

#[test]
fn a_segment_is_changed_by_those_who_may() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (marketer, agent) = (server.signed_in(Role::Marketer), server.signed_in(Role::Agent));
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let fixed = save(&marketer, &server, &[("name", "Fixed"), ("kind", "static"), ("filter", "everyone")]);
        let own = save(&marketer, &server, &[("name", "Own"), ("filter", "everyone"), ("private", "1")]);
        let place = |path: &str| format!("/customers?segment={}", path.rsplit('/').next().unwrap_or_default());
        let list = page(get(&marketer, &server, "/segments"));
        assert_eq!(attrs(&list, "#segments td:last-child a", "href"), [place(&own), place(&vips)]);
        assert!(texts(&page(get(&agent, &server, "/segments")), "#segments td:last-child a").is_empty());
        assert!(texts(&page(get(&agent, &server, &vips)), ".head-do .btn-primary").is_empty());
        let list = page(get(&agent, &server, "/customers?filter=tags+contains+Wholesale"));
        assert!(texts(&list, "#change-segment").is_empty());
        assert_eq!(get(&agent, &server, &place(&vips)).status(), 403);
        assert_eq!(get(&agent, &server, &place(&own)).status(), 404);
        assert_eq!(get(&agent, &server, &format!("{vips}/edit?filter=everyone&since=1")).status(), 403);
        let sent = [("k", "all"), ("f0", "city"), ("o0", "is_empty"), ("since", "1")];
        assert_eq!(post(&agent, &server, &format!("{vips}/change"), &sent).status(), 403);
        assert!(page(get(&marketer, &server, &place(&fixed))).html().contains("Fixed is a fixed list"));
        assert_eq!(get(&marketer, &server, "/customers?segment=x").status(), 404);
        // One that goes away under somebody's hands takes nothing of hers with it.
        let built = opened(&marketer, &server, &vips);
        post(&marketer, &server, &format!("{vips}/delete"), &[]);
        let left = page(fill(&marketer, &server, &built, "#builder", &[("v0:0", "Wholesale")]));
        assert_eq!((text(&left, "h1"), names(&left)), ("Customers".into(), "Bo, Cy".into()));
        assert!(text(&left, ".note-warn").contains("is gone"), "{}", text(&left, ".note-warn"));
    });
}

#[test]
fn somebody_opens_a_segment_changes_a_row_checks_and_saves() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    world(&db);
    let server = Server::start(&db);
    let marketer = server.signed_in(Role::Marketer);
    let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP and city contains o")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let driver = Driver::start();
        for (browser, plain) in
            [(driver.browser(&server.site()).await, false), (driver.plain_browser(&server.site()).await, true)]
        {
            browser.sign_in(&email_of(Role::Marketer), PASSWORD).await;
            browser.open("/segments").await;
            browser.press("VIPs").await;
            browser.sees("h1", "VIPs").await;
            browser.press("Change").await;
            browser.sees("h1", "Changing VIPs").await;
            let began = browser.path().await;
            match plain {
                false => {
                    browser.click("[value=\"remove:1\"]").await;
                    browser.sees("#changing", "3 with this filter").await;
                    // The address holds the change: the way back, and a reload.
                    browser.driver.back().await.expect("the way back");
                    browser.until("it is as it was", async |browser| browser.path().await == began).await;
                    browser.sees("#builder", "City").await;
                    browser.driver.forward().await.expect("the way on");
                    browser.sees("#changing", "3 with this filter").await;
                    browser.driver.refresh().await.expect("a reload");
                    browser.sees("h1", "Changing VIPs").await;
                    browser.sees("#changing", "3 with this filter").await;
                }
                // What was chosen and not applied yet goes along with the check.
                true => browser.choose("[name=\"o0\"]", "does not contain").await,
            }
            browser.press("Check the change").await;
            browser.sees("h1", "Change VIPs").await;
            browser.sees("#diff .grow", if plain { "3→2" } else { "→3" }).await;
            browser.driver.back().await.expect("the way back");
            browser.sees("h1", "Changing VIPs").await;
            browser.press("Check the change").await;
            browser.sees("#diff .grow", if plain { "3→2" } else { "→3" }).await;
            browser.click("#diff .btn-primary").await;
            browser.sees("h1", "VIPs").await;
            browser.sees("#segment-count", if plain { "2" } else { "3" }).await;
            assert_eq!(browser.count().await, if plain { 2 } else { 3 });
            assert_eq!(browser.complaints().await, [""; 0]);
            browser.close().await;
        }
    });
    assert_eq!(names(&page(get(&marketer, &server, &vips))), "Bo, Di");
}
