//! The product as people meet it: in a real Chromium, with a keyboard, with the back button, and without JavaScript.

use crate::custom_fields::five_fields;
use crate::support::browser::Browser;
use crate::support::walks::{signed_in, signed_in_plain, walk};
use crate::support::{audiences, for_each_database, sqlite, world};
use muster::agents::Role;
use muster::db::Db;
use thirtyfour::{Key, TypingData};

/// Builds `Tags | contains | <tag>` in the form above the list.
async fn filter_by_tag(browser: &Browser, tag: &str) {
    browser.press("Add condition").await;
    browser.choose(".cond select[aria-label=Field]", "Tags").await;
    browser.choose(".cond select[aria-label=Operator]", "contains").await;
    browser.click(".cond .picker input[type=text]").await;
    browser.keys(tag).await;
    // The list offers everything first, and what fits once it was asked.
    browser.sees(".cond [role=option]", tag).await;
    browser.keys(Key::Down + Key::Enter).await;
    browser.sees(".cond .picker .chip", tag).await;
}

async fn save_as_segment(browser: &Browser, name: &str) {
    browser.press("Save as segment").await;
    browser.fill("#segment-name", name).await;
    browser.press("Save segment").await;
    browser.sees("h1", name).await;
}

#[test]
fn a_tag_is_in_the_segment_as_soon_as_somebody_looks() {
    for_each_database(|db| {
        let people = world(&db);
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            marketer.open("/customers").await;
            filter_by_tag(&marketer, "VIP").await;
            marketer.lists("Ana, Cy, Eva").await;
            save_as_segment(&marketer, "VIP customers").await;
            marketer.lists("Ana, Cy, Eva").await;
            let before = marketer.count().await;

            // The keyboard alone: from the top of the page to the field, two letters, and Enter.
            let agent = signed_in(driver, server, Role::Agent).await;
            agent.open(&format!("/customers/{}", people.di)).await;
            agent.tab_to("[data-ahead]").await;
            // Whether or not what they offer has come: then the best of it is chosen already.
            agent.keys(TypingData::from("VI") + Key::Enter).await;
            // On her, not among what is offered.
            agent.sees(&format!("#tag-{}-form", people.di), "VIP").await;

            marketer.driver.refresh().await.expect("a reload");
            marketer.lists("Ana, Cy, Di, Eva").await;
            assert_eq!((before, marketer.count().await), (3, 4));

            let admin = signed_in(driver, server, Role::Admin).await;
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("guests.csv");
            let lines =
                "name;email;tags\nFay;fay@example.com;VIP\nGus;gus@example.com;Wholesale\nBo;bo@example.org; vip \n";
            std::fs::write(&file, lines).expect("a file");
            admin.import(&file).await;

            marketer.driver.refresh().await.expect("a reload");
            marketer.lists("Ana, Bo, Cy, Di, Eva, Fay").await;
            assert_eq!(marketer.count().await, 6);

            for browser in [agent, marketer, admin] {
                assert_eq!(browser.complaints().await, [""; 0]);
                browser.close().await;
            }
        });
    });
}

#[test]
fn tags_typed_in_one_breath_all_stick() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    let people = world(&db);
    walk(&db, async |driver, server| {
        let agent = signed_in(driver, server, Role::Agent).await;
        let tags = format!("#tag-{}-form", people.di);
        agent.open(&format!("/customers/{}", people.di)).await;
        agent.tab_to("[data-ahead]").await;
        // Faster than any answer: the second word is typed while the first is on its way.
        agent.keys(TypingData::from("Alpha") + Key::Enter + "Beta" + Key::Enter + "Gamma" + Key::Enter + "Del").await;
        for tag in ["Alpha", "Beta", "Gamma"] {
            agent.sees(&tags, tag).await;
        }
        agent.keys(TypingData::from("ta") + Key::Enter).await;
        agent.sees(&tags, "Delta").await;
        agent.keys(Key::Backspace + Key::Backspace).await;
        agent.until("two are gone", async |_| carried(&db, people.di).len() < 3).await;
        assert_eq!(carried(&db, people.di), ["Alpha", "Beta"], "two presses take two");
        assert_eq!(agent.complaints().await, [""; 0]);
        agent.close().await;
    });
}

/// The names of the tags a customer carries.
fn carried(db: &Db, id: i64) -> Vec<String> {
    let now = chrono::Utc::now().naive_utc();
    let load = |conn: &mut muster::db::Conn| Ok(muster::tags::of_customer(id, now, conn)?);
    let carried = db.read_now::<_, muster::db::Trouble>(load).expect("her tags");
    carried.into_iter().map(|tagging| tagging.tag.name).collect()
}

#[test]
fn the_address_holds_the_filter_and_the_back_button_walks_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    world(&db);
    walk(&db, async |driver, server| {
        let marketer = signed_in(driver, server, Role::Marketer).await;
        marketer.open("/customers").await;
        marketer.lists("Ana, Bo, Cy, Di, Eva").await;
        filter_by_tag(&marketer, "Wholesale").await;
        marketer.lists("Bo, Cy").await;
        assert_eq!(marketer.path().await, "/customers?filter=tags contains Wholesale");

        marketer.choose(".cond select[aria-label=Operator]", "does not contain").await;
        marketer.lists("Ana, Di, Eva").await;
        assert_eq!(marketer.path().await, "/customers?filter=tags does not contain Wholesale");

        marketer.driver.back().await.expect("a step back");
        marketer.lists("Bo, Cy").await;
        assert_eq!(marketer.path().await, "/customers?filter=tags contains Wholesale");
        marketer.sees("#sentence", "Wholesale").await;

        marketer.driver.forward().await.expect("a step forward");
        marketer.lists("Ana, Di, Eva").await;
        marketer.driver.refresh().await.expect("a reload");
        marketer.lists("Ana, Di, Eva").await;
        marketer.sees(".cond .picker .chip", "Wholesale").await;
        assert_eq!(marketer.complaints().await, [""; 0]);
        marketer.close().await;
    });
}

#[test]
fn enter_in_a_value_is_one_step_of_the_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    world(&db);
    walk(&db, async |driver, server| {
        let marketer = signed_in(driver, server, Role::Marketer).await;
        marketer.open("/customers?filter=name contains ?").await;
        let steps = async || {
            let steps = marketer.driver.execute("return history.length", vec![]).await.expect("a number");
            steps.json().as_u64().unwrap_or_default()
        };
        let before = steps().await;
        marketer.click(".cond .value input[type=text]").await;
        marketer.keys("ana" + Key::Enter).await;
        marketer.lists("Ana").await;
        marketer.settled().await;
        assert_eq!(steps().await, before + 1);
        marketer.driver.back().await.expect("a step back");
        marketer.sees("#results", "Nobody is selected").await;
        marketer.close().await;
    });
}

#[test]
fn a_filter_and_a_tag_need_no_javascript() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    let people = world(&db);
    walk(&db, async |driver, server| {
        let agent = signed_in_plain(driver, server, Role::Agent).await;

        agent.open("/customers").await;
        agent.press("Add condition").await;
        agent.choose(".cond select[aria-label=Field]", "City").await;
        agent.press("Apply the filter").await;
        agent.choose(".cond select[aria-label=Operator]", "contains").await;
        agent.fill(".cond .value input[type=text]", "paulo").await;
        agent.press("Apply the filter").await;
        agent.lists("Ana, Bo").await;
        assert_eq!(agent.path().await, "/customers?filter=city contains paulo");

        agent.open(&format!("/customers/{}", people.di)).await;
        agent.fill("[data-ahead]", "Trail-club").await;
        agent.keys(Key::Enter + "").await;
        agent.sees(&format!("#customer-{}-tags", people.di), "Trail-club").await;
        agent.click("[aria-label=\"Remove Trail-club\"]").await;
        agent
            .until("the tag is gone", async |browser| {
                !browser.text(&format!("#customer-{}-tags", people.di)).await.contains("Trail-club")
            })
            .await;
        agent.close().await;
    });
}

#[test]
fn a_field_that_an_admin_makes_is_filled_in_by_an_agent() {
    for_each_database(|db| {
        let people = world(&db);
        walk(&db, async |driver, server| {
            let admin = signed_in(driver, server, Role::Admin).await;
            admin.open("/customers").await;
            admin.press("Settings").await;
            admin.sees("h1", "Settings").await;
            admin.press("Custom fields").await;
            admin.press("New field").await;
            admin.fill("#label", "Loyalty plan").await;
            admin.fill("#key", "plan").await;
            let asked = async || admin.find("#choices").await.is_displayed().await.expect("the choices");
            assert!(!asked().await, "a text has no choices");
            admin.click("[name=kind][value=choice]").await;
            assert!(asked().await, "a choice has");
            admin.fill("#choices", "free\nplus\npro").await;
            admin.press("Add field").await;
            admin.sees("#fields", "custom.plan").await;
            assert_eq!(admin.complaints().await, [""; 0]);

            // The agent does without JavaScript.
            let agent = signed_in_plain(driver, server, Role::Agent).await;
            agent.open(&format!("/customers/{}", people.di)).await;
            agent.click("#fact-custom-plan a").await;
            agent.choose("#fact-custom-plan-in", "plus").await;
            agent.press("Save").await;
            agent.sees(".facts", "Loyalty plan").await;
            agent.sees(".facts", "plus").await;
            assert!(!agent.text("#fact-custom-plan").await.contains("Add a value"));

            admin.driver.refresh().await.expect("a reload");
            admin.sees("#fields td.num", "1").await;
            admin.close().await;
            agent.close().await;
        });
    });
}

#[test]
fn tags_are_renamed_merged_and_archived_and_one_is_put_on_for_a_week() {
    for_each_database(|db| {
        let people = world(&db);
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            marketer.open("/tags").await;
            marketer.fill("[data-find]", "old").await;
            marketer.reads("#tags td.who", &["VIP-old"]).await;
            marketer.fill("[data-find]", "nothing like it").await;
            marketer.sees("#tags h2", "No tag has “nothing like it” in it").await;
            marketer.press("Show all tags").await;
            marketer.click("[aria-label=\"Edit VIP-old\"]").await;
            marketer.fill("#name", "Former").await;
            marketer.press("Save tag").await;
            marketer.sees("#tags", "Former").await;

            marketer.click("[aria-label=\"Merge Former into another\"]").await;
            marketer.sees("h1", "Merge Former").await;
            marketer.click("#into").await;
            marketer.keys("vi").await;
            marketer.sees("[role=option]", "VIP").await;
            marketer.keys(Key::Down + Key::Enter).await;
            marketer.sees("#merge .sum", "Carry VIP after").await;
            // The other way round, and back: the field says which stays.
            marketer.press("Keep Former instead").await;
            marketer.sees("h1", "Merge VIP").await;
            assert_eq!(marketer.find("#into").await.value().await.expect("a value").as_deref(), Some("Former"));
            marketer.press("Keep VIP instead").await;
            marketer.sees("#merge", "Former is no tag of its own after that").await;
            marketer.sees("#merge .total:last-child", "4").await;
            marketer.press("Merge: 1 customer gains VIP").await;
            marketer.until("Former is gone", async |browser| !browser.text("#tags").await.contains("Former")).await;
            assert_eq!(carried(&db, people.bo), ["VIP", "Wholesale"]);

            marketer.click("[aria-label=\"Edit Wholesale\"]").await;
            marketer.press("Archive").await;
            marketer.until("it is put away", async |browser| !browser.text("#tags").await.contains("Wholesale")).await;
            marketer.click("nav.tabs a[href*=archived]").await;
            marketer.sees("#tags", "Wholesale").await;
            marketer.press("Take out").await;
            marketer.sees("#tags", "Nothing is archived").await;
            assert_eq!(marketer.complaints().await, [""; 0]);
            marketer.close().await;

            let agent = signed_in(driver, server, Role::Agent).await;
            let tags = format!("#tag-{}-form", people.di);
            agent.open(&format!("/customers/{}", people.di)).await;
            agent.tab_to("[data-ahead]").await;
            agent.keys(TypingData::from("FollowUp-Call for 7 days") + Key::Enter).await;
            agent.sees(&tags, "FollowUp-Call").await;
            agent.sees(".names .why", "7 days left, until ").await;
            assert_eq!(carried(&db, people.di), ["FollowUp-Call"]);
            assert_eq!(agent.complaints().await, [""; 0]);
            agent.close().await;
        });
    });
}

/// Every page an admin can reach with a link, in both sizes, light and dark.
#[test]
fn no_page_complains_or_is_wider_than_the_window() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    let people = world(&db);
    audiences(&db);
    five_fields(&db);
    walk(&db, async |driver, server| {
        let admin = signed_in(driver, server, Role::Admin).await;
        let file = folder.path().join("list.csv");
        std::fs::write(&file, "name,email\nFay,fay@example.com\nGus,gus@example\n").expect("a file");
        admin.import(&file).await;
        admin.open("/imports/new").await;
        admin.upload(&file).await;
        admin.click("[form=plan]").await;
        admin.sees("#import", "Nothing has been written yet").await;
        let customer = format!("/customers/{}", people.ana);
        let edit = format!("{customer}/edit");
        let pages =
            ["/customers", "/customers?filter=tags contains ?", "/customers?filter=colour is red", "/customers/new"];
        let more = [
            &customer,
            &edit,
            "/tags",
            "/tags/new",
            "/tags/1/edit",
            "/tags/1/delete",
            "/tags/1/merge?into=%232",
            "/tags?tab=near",
            "/tags?tab=archived",
            "/bulk",
            "/bulk/new?do=add_tags&all=1",
            "/segments",
            "/segments/new",
            "/segments/list",
            "/segments/compare?a=1&b=2",
            "/segments/1",
            "/segments/1/edit",
            "/segments/1/freeze",
            "/segments/1/feed",
            "/segments/1/versions",
            "/segments/1/why?customer=1",
            "/segments/2",
            "/views",
            "/customers?columns=phone,tags,created_at,updated_at,email_consent,sms_consent,whatsapp_consent,external_id,language,last_purchase_at",
            "/imports",
            "/imports/new",
            "/imports/1",
            "/imports/2",
            "/imports/2?columns=1",
            "/settings",
            "/settings/log",
            "/settings/fields",
            "/settings/fields/new",
            "/settings/fields/1/edit",
            "/settings/fields/1/delete",
            "/account",
            "/nowhere",
        ];
        for page in pages.into_iter().chain(more) {
            for (width, dark) in [(1440, false), (390, true)] {
                admin.look(width, 900, dark).await;
                admin.open(page).await;
                admin.settled().await;
                assert!(!admin.text("h1").await.is_empty(), "{page} has a heading");
                let wide = admin.driver.execute("return document.documentElement.scrollWidth", vec![]).await;
                let wide = wide.expect("a width").json().as_u64().unwrap_or_default();
                assert!(wide <= u64::from(width), "{page} is {wide} wide in a window of {width}");
                let complaints = admin.complaints().await;
                // The console also notes every page whose status says that something was typed wrongly or is not there.
                let expected = |line: &String| line.contains(" status of 4");
                assert!(complaints.iter().all(expected), "{page}: {complaints:?}");
            }
        }
        admin.close().await;
    });
}
