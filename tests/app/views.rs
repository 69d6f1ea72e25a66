//! Views and columns: a list opens as it was kept, shows what was chosen, and is nobody else's business when private.

use crate::support::browser::Driver;
use crate::support::walks::{browse, signed_in};
use crate::support::{Server, by, clock, for_each_database, sqlite, world};
use muster::agents::Role;
use muster::custom_fields::{self, CustomField, Wish};
use muster::customers::list::COLUMNS;
use muster::db::{Db, Trouble};
use reqwest::blocking::{Client, Response};
use scraper::{Html, Selector};

fn page(answer: Response) -> Html {
    Html::parse_document(&answer.text().expect("a page"))
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).expect("a selector");
    page.select(&selector)
        .map(|node| node.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn text(page: &Html, selector: &str) -> String {
    texts(page, selector).into_iter().next().unwrap_or_default()
}

fn attrs(page: &Html, selector: &str, name: &str) -> Vec<String> {
    let selector = Selector::parse(selector).expect("a selector");
    page.select(&selector).filter_map(|node| node.attr(name).map(str::to_string)).collect()
}

/// Who is listed, in order.
fn names(page: &Html) -> String {
    texts(page, "td.who a").join(", ")
}

fn headings(page: &Html) -> String {
    let words = texts(page, "table.customers th:not(.pick)");
    words.iter().map(|words| words.trim_end_matches([' ', '↑', '↓'])).collect::<Vec<_>>().join(", ")
}

fn get(client: &Client, server: &Server, path: &str) -> Response {
    client.get(server.url(path)).send().expect("an answer")
}

/// As a link of a page leads there.
fn open(client: &Client, server: &Server, path: &str) -> Html {
    let answer = get(client, server, path);
    assert_eq!(answer.status(), 200, "{path}");
    page(answer)
}

fn post(client: &Client, server: &Server, path: &str, form: &[(&str, &str)]) -> Response {
    client.post(server.url(path)).form(form).send().expect("an answer")
}

/// Keeps a view and gives its number.
fn save(client: &Client, server: &Server, form: &[(&str, &str)]) -> String {
    let answer = post(client, server, "/views", form);
    assert_eq!(answer.status(), 200, "{form:?}");
    let id = answer.url().query().and_then(|query| query.strip_prefix("view=")).expect("the view is open");
    id.to_string()
}

/// A custom field, and what one customer has in it.
fn field(db: &Db, label: &str, kind: &str, customer: i64, typed: &str) -> CustomField {
    let wish =
        Wish { key: custom_fields::key_of(label), label: label.into(), kind: kind.into(), choices: String::new() };
    let at = chrono::Utc::now().naive_utc();
    db.write_now::<_, Trouble>(|conn| {
        let field = CustomField::create(&wish, conn, at).unwrap_or_else(|problem| panic!("{problem}"));
        let value = field.clean(typed).expect("a value");
        custom_fields::set(customer, &field, value.as_ref(), &by(&clock()), conn)?;
        Ok(field)
    })
    .expect("a custom field")
}

#[test]
fn a_view_opens_with_its_filter_its_columns_and_its_order() {
    for_each_database(|db| {
        let people = world(&db);
        field(&db, "Plan", "text", people.ana, "Pro");
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let look = [
            ("name", " VIPs  by city"),
            ("filter", "tags contains VIP"),
            ("columns", "name,custom.plan,city"),
            ("sort", "-city"),
        ];
        let id = save(&marketer, &server, &look);
        let agent = server.signed_in(Role::Agent);
        for person in [&marketer, &agent] {
            let list = open(person, &server, &format!("/customers?view={id}"));
            assert_eq!(text(&list, "h1"), "VIPs by city");
            assert_eq!(headings(&list), "Name, Plan, City");
            assert_eq!(names(&list), "Ana, Eva, Cy", "São Paulo, 100%_sure, and nowhere last");
            assert_eq!(text(&list, "#sentence"), "Tagged VIP.");
            assert_eq!(texts(&list, "td[data-label=Plan]"), ["Pro", "", ""]);
            assert_eq!(text(&list, ".side-views [aria-current=page]"), "VIPs by city");
            assert!(texts(&list, ".view-changed").is_empty(), "nothing was changed");
            assert_eq!(
                attrs(&list, "#view-name, #save-view input[type=hidden]", "value")[..3],
                ["tags contains VIP", "name,custom.plan,city", "-city"]
            );
        }
        // Every link keeps all of it.
        let list = open(&agent, &server, &format!("/customers?view={id}"));
        for link in attrs(&list, "table.customers th a", "href") {
            let sorted = open(&agent, &server, &link);
            assert_eq!(headings(&sorted), "Name, Plan, City", "{link}");
            assert_eq!(text(&sorted, ".ask-total"), "3of 5 customers", "{link}");
            assert_eq!(text(&sorted, "h1"), "VIPs by city", "{link}");
        }
        let usual = attrs(&list, "#columns a", "href");
        assert!(headings(&open(&agent, &server, &usual[0])).starts_with("Name, Email, Tags, City"));
    });
}

#[test]
fn a_view_may_be_about_everybody_but_not_about_nobody() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let id = save(&marketer, &server, &[("name", "Everybody"), ("columns", "phone"), ("sort", "name")]);
        let list = open(&marketer, &server, &format!("/customers?view={id}"));
        assert_eq!((headings(&list), names(&list)), ("Name, Phone".into(), "Ana, Bo, Cy, Di, Eva".into()));
        for (look, why) in [
            (("filter", "tags contains ?"), "Choose at least one tag"),
            (("filter", "contry is SE"), "Did you mean country?"),
            (("columns", "name,emial"), "Did you mean email?"),
            (("sort", "emial"), "Did you mean email?"),
        ] {
            let answer = post(&marketer, &server, "/views", &[("name", "Broken"), look]);
            assert_eq!(answer.status(), 422, "{look:?}");
            let page = page(answer);
            assert!(text(&page, ".note-bad").contains(why), "{look:?}: {}", text(&page, ".note-bad"));
            assert_eq!(attrs(&page, "#name", "value"), ["Broken"], "nothing typed is lost");
        }
        assert_eq!(texts(&open(&marketer, &server, "/views"), "td.who a"), ["Everybody"]);
    });
}

#[test]
fn a_private_view_is_nobody_elses() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let id = save(&marketer, &server, &[("name", "Mine"), ("filter", "tags contains VIP"), ("private", "1")]);
        assert_eq!(texts(&open(&marketer, &server, "/tags"), ".side-views .name"), ["Mine", "All views"]);
        for role in [Role::Agent, Role::Admin] {
            let other = server.signed_in(role);
            assert!(!open(&other, &server, "/customers").html().contains("Mine"));
            assert!(!open(&other, &server, "/views").html().contains("Mine"));
            for path in ["/customers?view=ID", "/views/ID", "/views/ID/edit", "/views/ID/delete"] {
                assert_eq!(get(&other, &server, &path.replace("ID", &id)).status(), 404, "{path}");
            }
            for path in ["/views/ID", "/views/ID/list", "/views/ID/delete"] {
                assert_eq!(post(&other, &server, &path.replace("ID", &id), &[("name", "x")]).status(), 404, "{path}");
            }
        }
        assert_eq!(text(&open(&marketer, &server, &format!("/views/{id}")), "h1"), "Mine");
        for nonsense in ["0", "99999999999999999999", "x"] {
            assert_eq!(get(&marketer, &server, &format!("/customers?view={nonsense}")).status(), 404);
        }
    });
}

#[test]
fn agents_keep_their_views_to_themselves_and_leave_shared_ones_alone() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (agent, marketer) = (server.signed_in(Role::Agent), server.signed_in(Role::Marketer));
        let own = save(&agent, &server, &[("name", "Own"), ("filter", "city is empty")]);
        assert_eq!(
            get(&marketer, &server, &format!("/customers?view={own}")).status(),
            404,
            "not ticked, still theirs"
        );
        post(&agent, &server, &format!("/views/{own}"), &[("name", "Still own")]);
        assert_eq!(get(&marketer, &server, &format!("/customers?view={own}")).status(), 404);
        assert_eq!(text(&open(&agent, &server, &format!("/customers?view={own}")), "h1"), "Still own");

        let shared = save(&marketer, &server, &[("name", "Shared"), ("filter", "city is empty")]);
        let changed = open(&agent, &server, &format!("/customers?view={shared}&sort=name"));
        assert!(text(&changed, ".view-changed").contains("This is not what Shared shows"));
        assert!(!text(&changed, ".view-changed").contains("Update view"));
        assert_eq!(get(&agent, &server, &format!("/views/{shared}/edit")).status(), 403);
        for path in ["", "/list", "/delete"] {
            assert_eq!(post(&agent, &server, &format!("/views/{shared}{path}"), &[("name", "x")]).status(), 403);
        }
        // Nobody makes somebody else's shared view private.
        let admin = server.signed_in(Role::Admin);
        let taken = post(&admin, &server, &format!("/views/{shared}"), &[("name", "Shared"), ("private", "1")]);
        assert_eq!(taken.status(), 422);
        assert!(text(&page(taken), "#private-why").contains("Mara Marketer made this view"));
    });
}

#[test]
fn names_are_unique_among_shared_views_and_for_each_person() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (agent, marketer) = (server.signed_in(Role::Agent), server.signed_in(Role::Marketer));
        save(&marketer, &server, &[("name", "Today")]);
        save(&agent, &server, &[("name", "today")]);
        let own = save(&marketer, &server, &[("name", "TODAY"), ("private", "1")]);
        for (person, form) in [
            (&marketer, vec![("name", " today ")]),
            (&marketer, vec![("name", "Today"), ("private", "1")]),
            (&agent, vec![("name", "ToDay")]),
        ] {
            let answer = post(person, &server, "/views", &form);
            assert_eq!(answer.status(), 422, "{form:?}");
            assert!(text(&page(answer), "#name-why").starts_with("There is a view called"), "{form:?}");
        }
        let shared = post(&marketer, &server, &format!("/views/{own}"), &[("name", "Today")]);
        assert_eq!(shared.status(), 422, "sharing it would make two");
        for (name, why) in [("  ", "Give the view a name."), (&"x".repeat(101), "A name may have 100 characters")] {
            let answer = post(&marketer, &server, "/views", &[("name", name)]);
            assert!(text(&page(answer), "#name-why").starts_with(why));
        }
    });
}

#[test]
fn a_changed_list_offers_to_update_its_view() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let id = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP"), ("sort", "name")]);
        let changed = open(
            &marketer,
            &server,
            &format!("/customers?view={id}&filter=tags+contains+Wholesale&sort=-name&columns=name,city"),
        );
        assert!(text(&changed, ".view-changed").contains("Update view"));
        assert_eq!(text(&changed, "#save-view summary"), "Save as new view");
        let form: Vec<(String, String)> = attrs(&changed, ".view-changed input", "name")
            .into_iter()
            .zip(attrs(&changed, ".view-changed input", "value"))
            .collect();
        let answer = marketer.post(server.url(&format!("/views/{id}/list"))).form(&form).send().expect("an answer");
        let kept = page(answer);
        assert_eq!((names(&kept), headings(&kept)), ("Cy, Bo".into(), "Name, City".into()));
        assert!(texts(&kept, ".view-changed").is_empty());
        // The same filter in other words is no change.
        let same = format!("/customers?view={id}&filter=%20Tags+contains+(Wholesale)&sort=-name&columns=city");
        assert!(texts(&open(&marketer, &server, &same), ".view-changed").is_empty());
        let broken = post(&marketer, &server, &format!("/views/{id}/list"), &[("filter", "tags contains Nope")]);
        assert_eq!(broken.status(), 422);
        assert_eq!(names(&open(&marketer, &server, &format!("/customers?view={id}"))), "Cy, Bo", "nothing changed");
    });
}

#[test]
fn a_renamed_tag_keeps_the_view_right_and_a_deleted_one_is_told_on_its_row() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let id = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP"), ("sort", "name")]);
        use diesel::prelude::*;
        use muster::db::schema::tags;
        db.write_now::<_, Trouble>(|conn| {
            diesel::update(tags::table.filter(tags::name_key.eq("vip")))
                .set((tags::name.eq("Gold"), tags::name_key.eq("gold"), tags::name_folded.eq("gold")))
                .execute(conn)?;
            Ok(())
        })
        .expect("the tag is renamed");
        let list = open(&marketer, &server, &format!("/customers?view={id}"));
        assert_eq!((text(&list, "#sentence"), names(&list)), ("Tagged Gold.".into(), "Ana, Cy, Eva".into()));
        assert!(texts(&list, ".view-changed").is_empty());

        crate::support::lose_tag(&db, "Gold");
        let list = open(&marketer, &server, &format!("/customers?view={id}"));
        assert!(text(&list, ".ask-total").starts_with("Nobody"), "it must not become everybody");
        assert!(text(&list, ".cond-bad").contains("was deleted"), "{}", text(&list, "#builder"));
        let all = open(&marketer, &server, "/views");
        assert!(text(&all, ".seg-say .bad").contains("was deleted"));
    });
}

#[test]
fn a_column_of_a_deleted_field_is_left_out_and_said_so() {
    for_each_database(|db| {
        let people = world(&db);
        let plan = field(&db, "Plan", "text", people.ana, "Pro");
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let id = save(&marketer, &server, &[("name", "Plans"), ("columns", "custom.plan,city")]);
        db.write_now::<_, Trouble>(|conn| {
            use diesel::prelude::*;
            use muster::db::schema::custom_fields;
            let gone = custom_fields::deleted_at.eq(chrono::Utc::now().naive_utc());
            diesel::update(custom_fields::table.find(plan.id)).set(gone).execute(conn)?;
            Ok(())
        })
        .expect("the field goes");
        let list = open(&marketer, &server, &format!("/customers?view={id}"));
        assert_eq!(headings(&list), "Name, City");
        assert!(text(&list, ".note-warn").contains("custom.plan"), "{}", text(&list, ".note-warn"));
        assert_eq!(get(&marketer, &server, "/customers?columns=custom.plan").status(), 422);
    });
}

#[test]
fn a_view_sorted_by_what_is_no_order_any_more_opens_in_what_is_left_of_it() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let id = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP"), ("sort", "name")]);
        for (sort, listed) in [("-tags,-name", "Eva, Cy, Ana"), ("tags", "Eva, Cy, Ana"), ("tags,name", "Ana, Cy, Eva")]
        {
            use diesel::prelude::*;
            use muster::db::schema::views;
            db.write_now::<_, Trouble>(|conn| {
                Ok(diesel::update(views::table).set(views::sort.eq(sort)).execute(conn)?)
            })
            .expect("a view of an older version");
            let list = open(&marketer, &server, &format!("/customers?view={id}"));
            assert_eq!(names(&list), listed, "{sort}");
            assert!(texts(&list, ".view-changed").is_empty());
            assert_eq!(texts(&open(&marketer, &server, "/views"), "td.who a"), ["VIPs"]);
        }
    });
}

#[test]
fn every_column_is_shown() {
    for_each_database(|db| {
        let people = world(&db);
        for (label, kind, typed) in [
            ("Plan", "text", "Pro"),
            ("Spend", "number", "15.50"),
            ("Member", "boolean", "yes"),
            ("Born", "date", "1990-02-03"),
        ] {
            field(&db, label, kind, people.ana, typed);
        }
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let custom = ["custom.plan", "custom.spend", "custom.member", "custom.born"];
        let keys: Vec<&str> = COLUMNS.iter().map(|column| column.key).chain(custom).collect();
        let segment = post(&marketer, &server, "/segments", &[("name", "All"), ("filter", "everyone")]);
        let segment = segment.url().path().to_string();
        for path in ["/customers", segment.as_str()] {
            let list = open(&marketer, &server, &format!("{path}?sort=name&columns={}", keys.join(",")));
            assert_eq!(texts(&list, "table.customers th:not(.pick)").len(), keys.len(), "{path}");
            let row = format!("#customer-{} td[data-label", people.ana);
            for (label, words) in [
                ("Name", "AAna"),
                ("Email", "ana@example.com"),
                ("External id", "c1"),
                ("Country", "Brazil"),
                ("Email consent", "opted in"),
                ("SMS consent", "unknown"),
                ("Purchases", "1"),
                ("Spent, EUR", "120.00"),
                ("Created", "30 Aug 2026"),
                ("First purchase", "7 Sep 2026"),
                ("Plan", "Pro"),
                ("Spend", "15.5"),
                ("Member", "yes"),
                ("Born", "3 Feb 1990"),
            ] {
                assert_eq!(text(&list, &format!("{row}='{label}']")), words, "{path}: {label}");
            }
            assert!(text(&list, &format!("{row}=Tags]")).starts_with("VIP"), "{path}");
            let sorts = attrs(&list, "table.customers th a", "href");
            assert_eq!(sorts.len(), COLUMNS.iter().filter(|column| column.by.is_some()).count());
            for link in sorts {
                let sorted = open(&marketer, &server, &link);
                assert_eq!(texts(&sorted, "table.customers th:not(.pick)").len(), keys.len(), "{link}");
            }
        }
        let export = attrs(
            &open(&marketer, &server, "/customers?columns=city,custom.plan,total_spent"),
            "a[href*=export]",
            "href",
        );
        let file = get(&marketer, &server, &export[0]).text().expect("a file");
        assert!(file.starts_with("name,city,"), "{file}");
    });
}

#[test]
fn unknown_columns_are_told_with_the_nearest_word() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        for (columns, why) in [
            ("name,emial", "There is no column “emial”. Did you mean email?"),
            ("email_conset", "Did you mean email_consent?"),
            ("password_hash", "There is no column “password_hash”. There are name, email"),
        ] {
            let answer = get(&agent, &server, &format!("/customers?columns={columns}"));
            assert_eq!(answer.status(), 422, "{columns}");
            let words = text(&page(answer), "main");
            assert!(words.contains(why), "{columns}: {words}");
        }
    });
}

#[test]
fn the_picker_is_a_plain_form_with_a_short_address() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let agent = server.signed_in(Role::Agent);
        let ticked = "/customers?filter=tags+contains+VIP&sort=name&columns=name&columns=city&columns=phone";
        let answer = get(&agent, &server, ticked);
        assert!(
            answer.url().as_str().ends_with("/customers?filter=tags+contains+VIP&columns=name,city,phone&sort=name")
        );
        let list = page(answer);
        assert_eq!((headings(&list), names(&list)), ("Name, City, Phone".into(), "Ana, Cy, Eva".into()));
        assert_eq!(attrs(&list, ".columns-shown input[checked]", "value"), ["city", "phone"]);

        let moved = get(&agent, &server, &format!("{ticked}&left=phone"));
        assert!(moved.url().as_str().contains("columns=name,phone,city"), "{}", moved.url());
        // htmx gets the piece, and the short address for the bar.
        let asked = agent.get(server.url(ticked)).header("HX-Request", "true").header("HX-Request-Type", "partial");
        let piece = asked.send().expect("a piece");
        let pushed = piece.headers().get("hx-push-url").and_then(|value| value.to_str().ok()).map(str::to_string);
        assert_eq!(pushed.as_deref(), Some("/customers?filter=tags+contains+VIP&columns=name,city,phone&sort=name"));
        assert!(!piece.text().expect("a piece").contains("<html"));
    });
}

#[test]
fn the_sidebar_names_a_dozen_views_and_the_page_of_views_all() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        assert!(texts(&open(&marketer, &server, "/customers"), ".side-views").is_empty(), "nothing to see yet");
        let ids: Vec<String> =
            (1..=15).map(|n| save(&marketer, &server, &[("name", &format!("View {n:02}"))])).collect();
        let side = texts(&open(&marketer, &server, "/segments"), ".side-views .name");
        assert_eq!((side.len(), side[0].as_str(), side[12].as_str()), (13, "View 01", "All views"));
        let last = open(&marketer, &server, &format!("/customers?view={}", ids[14]));
        assert_eq!(text(&last, ".side-views [aria-current=page]"), "View 15", "the open one is always there");
        assert_eq!(texts(&open(&marketer, &server, "/views"), "#views td.who a").len(), 15);

        let path = format!("/views/{}", ids[0]);
        let renamed = page(post(&marketer, &server, &path, &[("name", "A first"), ("private", "1")]));
        assert_eq!(text(&renamed, "#views td.who a"), "A first");
        assert_eq!(
            open(&marketer, &server, &format!("{path}/delete"))
                .select(&Selector::parse("form.row-f button").unwrap())
                .count(),
            1
        );
        post(&marketer, &server, &format!("{path}/delete"), &[]);
        assert_eq!(get(&marketer, &server, &path).status(), 404);
    });
}

#[test]
fn a_view_of_a_very_long_filter_opens() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let values: Vec<String> = (0..500).map(|n| format!("\"{} {n}\"", "å".repeat(20))).collect();
        let filter = format!("city is none of ({})", values.join(", "));
        let look = [("name", "Elsewhere"), ("filter", filter.as_str()), ("columns", "city"), ("sort", "name")];
        let id = save_long(&marketer, &server, &look);
        let answer = get(&marketer, &server, &format!("/customers?view={id}"));
        assert!(answer.url().as_str().len() < 150, "{}", answer.url());
        let list = page(answer);
        assert_eq!((names(&list), headings(&list)), ("Ana, Bo, Cy, Di, Eva".into(), "Name, City".into()));
        assert_eq!(text(&list, "h1"), "Elsewhere");
        assert!(texts(&list, ".view-changed").is_empty());
    });
}

/// As [`save`]; the address of a long filter has its key.
fn save_long(client: &Client, server: &Server, form: &[(&str, &str)]) -> String {
    let answer = post(client, server, "/views", form);
    let pairs: Vec<_> = answer.url().query_pairs().into_owned().collect();
    pairs.into_iter().find(|(name, _)| name == "view").expect("the view is open").1
}

#[test]
fn somebody_saves_a_view_and_opens_it_from_the_sidebar() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = sqlite(folder.path());
    world(&db);
    let server = Server::start(&db);
    browse(async {
        let driver = Driver::start();
        let marketer = signed_in(&driver, &server, Role::Marketer).await;
        marketer.open("/customers?filter=tags contains VIP").await;
        marketer.press("Columns").await;
        marketer.click("#columns input[value=phone]").await;
        marketer.click("#columns input[value=created_at]").await;
        marketer.press("Show these columns").await;
        marketer.sees("table.customers thead", "Phone").await;
        assert!(marketer.path().await.contains("columns=name,email,tags,city"), "{}", marketer.path().await);
        marketer.press("Columns").await;
        marketer.click("#left-phone").await;
        marketer
            .until("phone is further left", async |browser| browser.path().await.contains("phone,last_seen_at"))
            .await;
        marketer.press("Name").await;
        marketer.until("it is sorted", async |browser| browser.path().await.contains("sort=name")).await;
        marketer.press("Save view").await;
        marketer.fill("#view-name", "VIPs by name").await;
        marketer.click(".save-view .btn-primary").await;
        marketer.sees("h1", "VIPs by name").await;

        marketer.open("/segments").await;
        marketer.press("VIPs by name").await;
        marketer.sees("#sentence", "Tagged VIP").await;
        let head = marketer.text("table.customers thead").await;
        assert!(head.contains("Phone") && !head.contains("Created"), "{head}");
        marketer.press("Email").await;
        marketer.sees(".view-changed", "This is not what VIPs by name shows").await;
        marketer.press("Back to the view").await;
        marketer.until("it is as it was", async |browser| !browser.has(".view-changed").await).await;
        assert_eq!(marketer.complaints().await, [""; 0]);
        marketer.close().await;
    });
}
