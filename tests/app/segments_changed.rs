//! What a change does is seen before it is saved, nobody overwrites anybody, and what was is not forgotten.

use crate::support::pages::{attr, change, fill, get, names, page, post, save, text, texts};
use crate::support::{Server, for_each_database, lose_tag, world};
use muster::agents::Role;
use scraper::Html;

/// Joins, leaves, stays: as the page shows them.
fn figures(page: &Html) -> (String, String, String) {
    (text(page, "#stay"), text(page, "#join"), text(page, "#leave"))
}

fn told(stay: &str, join: &str, leave: &str) -> (String, String, String) {
    (stay.into(), join.into(), leave.into())
}

#[test]
fn a_change_says_who_joins_and_who_leaves_before_it_is_saved() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let form = page(get(&marketer, &server, &format!("{vips}/edit")));
        let typed = [("filter", "tags contains Wholesale"), ("do", "check")];
        let looked = fill(&marketer, &server, &form, "#segment-form", &typed);
        assert_eq!(looked.status(), 200);
        let looked = page(looked);
        assert_eq!(figures(&looked), told("1", "1", "2"));
        assert_eq!(text(&looked, "#diff .grow"), "3→2");
        assert_eq!(text(&looked, "#diff .btn-primary"), "Save: 1 joins, 2 leave");
        assert_eq!(names(&page(get(&marketer, &server, &vips))), "Ana, Cy, Eva", "nothing is saved yet");
        assert!(texts(&looked, ".names-two").is_empty(), "names come on demand");

        let named = page(fill(&marketer, &server, &looked, "#segment-form", &[("do", "names")]));
        assert_eq!(texts(&named, "#joining .name"), ["Bo"]);
        assert_eq!(texts(&named, "#leaving .name"), ["Ana", "Eva"]);
        assert_eq!(attr(&named, "#joining .name", "href"), format!("/customers/{}", people.bo));
        let leaving = page(get(&marketer, &server, &attr(&named, "#leaving a.link", "href")));
        assert_eq!(names(&leaving), "Ana, Eva", "all of them, as a list");

        let saved = page(fill(&marketer, &server, &named, "#segment-form", &[("do", "save")]));
        assert_eq!((text(&saved, "h1"), names(&saved)), ("VIPs".into(), "Bo, Cy".into()));
    });
}

#[test]
fn what_was_not_looked_at_is_not_saved() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let path = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let form = page(get(&marketer, &server, &format!("{path}/edit")));
        let rash = fill(&marketer, &server, &form, "#segment-form", &[("filter", "everyone"), ("do", "save")]);
        let rash = page(rash);
        assert_eq!(figures(&rash), told("3", "2", "0"), "it is shown first");
        // Whoever types on after looking looks again.
        let typed_on = [("filter", "city is empty"), ("do", "save")];
        let again = page(fill(&marketer, &server, &rash, "#segment-form", &typed_on));
        assert_eq!(figures(&again), told("1", "1", "2"));
        assert_eq!(names(&page(get(&marketer, &server, &path))), "Ana, Cy, Eva");
        // Another name alone moves nobody.
        let renamed = page(fill(&marketer, &server, &form, "#segment-form", &[("name", "Best"), ("do", "save")]));
        assert_eq!(text(&renamed, "h1"), "Best");
    });
}

#[test]
fn whatever_asks_for_the_segment_is_shown_with_its_own_figures() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let first = save(&marketer, &server, &[("name", "First"), ("filter", "tags contains VIP")]);
        save(&marketer, &server, &[("name", "Second"), ("filter", "segments in any of First and city is not empty")]);
        save(&marketer, &server, &[("name", "Third"), ("filter", "segments in none of Second")]);
        save(&marketer, &server, &[("name", "Apart"), ("filter", "city is empty")]);
        post(&marketer, &server, "/views", &[("name", "Their view"), ("filter", "segments in any of Second")]);
        let admin = server.signed_in(Role::Admin);
        save(&admin, &server, &[("name", "Secret"), ("filter", "segments in any of First"), ("private", "1")]);

        let form = page(get(&marketer, &server, &format!("{first}/edit")));
        let typed = [("filter", "tags contains Wholesale"), ("do", "check")];
        let looked = page(fill(&marketer, &server, &form, "#segment-form", &typed));
        let lines = texts(&looked, "#followers li");
        assert_eq!(
            lines,
            [
                "Second segment2 → 1",
                "Third segment3 → 4",
                "Their view view2 → 1",
                "1 private segment or view of other people"
            ]
        );
        let after = page(fill(&marketer, &server, &looked, "#segment-form", &[("do", "save")]));
        assert_eq!(names(&after), "Bo, Cy");
        let third = attr(&looked, "#followers li:nth-child(2) a", "href");
        assert_eq!(names(&page(get(&marketer, &server, &third))), "Ana, Cy, Di, Eva", "as was foretold");
    });
}

#[test]
fn what_would_break_says_so_before() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let first = save(&marketer, &server, &[("name", "First"), ("filter", "tags contains VIP")]);
        save(&marketer, &server, &[("name", "Second"), ("filter", "segments in any of First")]);
        let form = page(get(&marketer, &server, &format!("{first}/edit")));
        let looked = page(fill(&marketer, &server, &form, "#segment-form", &[("private", "1"), ("do", "check")]));
        let line = text(&looked, "#followers li");
        assert!(line.ends_with("3 → nobody") && line.contains("was deleted or made private"), "{line}");
        // A fixed list that others ask for says the same.
        let fixed = save(&marketer, &server, &[("name", "Fixed"), ("kind", "static"), ("filter", "everyone")]);
        save(&marketer, &server, &[("name", "Of it"), ("filter", "segments in any of Fixed")]);
        let form = page(get(&marketer, &server, &format!("{fixed}/edit")));
        let looked = page(fill(&marketer, &server, &form, "#segment-form", &[("private", "1"), ("do", "save")]));
        assert!(text(&looked, "#followers li").ends_with("5 → nobody"), "{}", text(&looked, "#followers"));
        let saved = page(fill(&marketer, &server, &looked, "#segment-form", &[("do", "save")]));
        assert_eq!(text(&saved, ".head-meta"), "Static, only you see it");
    });
}

#[test]
fn two_people_do_not_overwrite_each_other() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (marketer, admin) = (server.signed_in(Role::Marketer), server.signed_in(Role::Admin));
        let path = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let mine = page(get(&marketer, &server, &format!("{path}/edit")));
        let typed = [("name", "Mine"), ("filter", "city is empty"), ("do", "check")];
        let mine = page(fill(&marketer, &server, &mine, "#segment-form", &typed));
        change(&admin, &server, &path, &[("name", "Theirs"), ("filter", "tags contains Wholesale")]);

        let late = fill(&marketer, &server, &mine, "#segment-form", &[("do", "save")]);
        assert_eq!(late.status(), 409);
        let late = page(late);
        let theirs = text(&late, "#theirs");
        assert!(theirs.contains("Abel Admin saved this segment"), "{theirs}");
        assert!(theirs.contains("Theirs") && theirs.contains("tags contains Wholesale"), "{theirs}");
        assert_eq!(attr(&late, "#name", "value"), "Mine", "nothing typed is lost");
        assert_eq!(text(&late, "#segment-filter"), "city is empty");
        assert_eq!(figures(&late), told("1", "1", "1"), "beside what is saved now");
        assert_eq!(names(&page(get(&marketer, &server, &path))), "Bo, Cy", "theirs still stands");

        let anyway = page(fill(&marketer, &server, &late, "#segment-form", &[("do", "save")]));
        assert_eq!((text(&anyway, "h1"), names(&anyway)), ("Mine".into(), "Cy, Di".into()));
        // A form that says nothing of what it changes is not trusted either.
        let bare = post(&marketer, &server, &path, &[("name", "Bare"), ("filter", "everyone")]);
        assert_eq!(bare.status(), 409);
    });
}

#[test]
fn of_two_saves_at_the_same_moment_one_is_told() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (marketer, admin) = (server.signed_in(Role::Marketer), server.signed_in(Role::Admin));
        let path = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let ready = |client, name: &str| {
            let form = page(get(client, &server, &format!("{path}/edit")));
            let typed = [("name", name), ("filter", "everyone"), ("do", "check")];
            page(fill(client, &server, &form, "#segment-form", &typed))
        };
        let forms = [(&marketer, ready(&marketer, "One")), (&admin, ready(&admin, "Two"))];
        let sent: Vec<_> = forms
            .iter()
            .map(|(client, form)| (*client, crate::support::pages::fields(form, "#segment-form")))
            .collect();
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let post = |(client, fields): &(&reqwest::blocking::Client, Vec<(String, String)>)| {
                let answer = client.post(server.url(&path)).form(fields).send().expect("an answer");
                answer.status().as_u16()
            };
            let both: Vec<_> = sent.iter().map(|one| scope.spawn(move || post(one))).collect();
            both.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        statuses.sort();
        assert_eq!(statuses, [200, 409]);
    });
}

#[test]
fn what_is_wrong_with_a_change_is_told_where_it_was_typed() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        save(&marketer, &server, &[("name", "Taken"), ("filter", "everyone")]);
        let path = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        for (name, filter, why) in [
            ("", "everyone", "Give the segment a name"),
            (" TAKEN ", "everyone", "There is a segment called “TAKEN” already"),
            ("VIPs", "", "An empty filter cannot be saved"),
            ("VIPs", "contry is SE", "Did you mean country?"),
            ("VIPs", "tags contains Nobody-has-it", "There is no tag “Nobody-has-it”"),
            ("VIPs", "segments in any of VIPs", "is asked whether it is in itself"),
        ] {
            let form = page(get(&marketer, &server, &format!("{path}/edit")));
            for step in ["check", "save"] {
                let typed = [("name", name), ("filter", filter), ("do", step)];
                let answer = fill(&marketer, &server, &form, "#segment-form", &typed);
                assert_eq!(answer.status(), 422, "{name} {filter} {step}");
                let back = page(answer);
                assert!(text(&back, ".field-why").contains(why), "{filter}: {}", text(&back, ".field-why"));
                assert_eq!(
                    (attr(&back, "#name", "value").as_str(), text(&back, "#segment-filter").as_str()),
                    (name, filter)
                );
            }
        }
    });
}

#[test]
fn htmx_gets_the_form_alone() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let path = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let form = page(get(&marketer, &server, &format!("{path}/edit")));
        let mut sent = crate::support::pages::fields(&form, "#segment-form");
        sent.push(("do".into(), "check".into()));
        let asked = marketer.post(server.url(&path)).header("HX-Request", "true").form(&sent);
        let piece = asked.send().expect("a piece").text().expect("a piece");
        assert!(piece.contains("id=\"diff\"") && !piece.contains("<html"), "{piece}");
    });
}

// ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn every_save_is_a_version_that_can_be_looked_at_and_restored() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let (marketer, admin) = (server.signed_in(Role::Marketer), server.signed_in(Role::Admin));
        let path = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        change(&admin, &server, &path, &[("name", "Wholesalers"), ("filter", "tags contains Wholesale")]);
        // Saving what is saved already is no version.
        change(&admin, &server, &path, &[]);

        let versions = page(get(&marketer, &server, &format!("{path}/versions")));
        assert_eq!(texts(&versions, "#versions .seg-name"), ["2: Wholesalers Now", "1: VIPs"]);
        assert_eq!(texts(&versions, "#versions .seg-say"), ["Tagged Wholesale", "Tagged VIP"]);
        assert_eq!(texts(&versions, "#versions td.num strong"), ["2", "3"], "how many were in it then");
        let saved_by = texts(&versions, "#versions td.hide-sm");
        assert_eq!(saved_by, ["Abel Admin", "Mara Marketer"]);

        let first = page(get(&marketer, &server, &format!("{path}/versions/1")));
        assert_eq!(text(&first, "#sentence"), "Tagged VIP.");
        assert!(
            text(&first, "#version-count").starts_with("3would be in it now, 3 were"),
            "{}",
            text(&first, "#version-count")
        );
        assert_eq!(figures(&first), told("1", "2", "1"));
        assert_eq!(get(&marketer, &server, &format!("{path}/versions/9")).status(), 404);

        let form = page(get(&marketer, &server, &attr(&first, ".head-do a", "href")));
        assert_eq!(attr(&form, "#name", "value"), "VIPs");
        assert_eq!(text(&form, "#segment-filter"), "tags contains VIP");
        let looked = page(fill(&marketer, &server, &form, "#segment-form", &[("do", "check")]));
        assert_eq!(figures(&looked), told("1", "2", "1"));
        let back = page(fill(&marketer, &server, &looked, "#segment-form", &[("do", "save")]));
        assert_eq!((text(&back, "h1"), names(&back)), ("VIPs".into(), "Ana, Cy, Eva".into()));
        let versions = page(get(&marketer, &server, &format!("{path}/versions")));
        assert_eq!(texts(&versions, "#versions .seg-say").len(), 3);
    });
}

#[test]
fn a_version_whose_tag_is_gone_says_so_and_selects_nobody() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let path = save(&marketer, &server, &[("name", "Not"), ("filter", "tags does not contain Wholesale")]);
        change(&marketer, &server, &path, &[("filter", "everyone")]);
        lose_tag(&db, "Wholesale");
        let old = page(get(&marketer, &server, &format!("{path}/versions/1")));
        assert_eq!(text(&old, "#version-count"), "Nobody");
        assert!(text(&old, "#sentence").contains("was deleted"));
        assert_eq!(figures(&old), told("0", "0", "5"), "it must not become everybody");
        let form = page(get(&marketer, &server, &format!("{path}/edit?version=1")));
        assert!(text(&form, ".field-why").contains("was deleted"));
    });
}
