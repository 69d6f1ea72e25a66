//! Pinned examples: who must be in and who must be out, whatever is changed.

use crate::support::pages::{attr, fill, get, names, page, post, save, text, texts};
use crate::support::walks::{signed_in, walk};
use crate::support::{Server, audiences, for_each_database, world};
use muster::agents::Role;
use muster::db::Trouble;
use muster::segments::{Segment, pins};
use muster::workspace::Workspace;

#[test]
fn a_change_against_a_pinned_example_is_saved_only_by_whoever_says_so() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let path = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let pinned = page(post(&marketer, &server, &format!("{path}/pins"), &[("who", "ana"), ("must", "in")]));
        assert_eq!(texts(&pinned, "#pins li span.ok").len(), 2);
        let pinned = page(post(&marketer, &server, &format!("{path}/pins"), &[("who", "Bo"), ("must", "out")]));
        assert_eq!(texts(&pinned, "#pins .why"), ["holds", "holds"]);

        let form = page(get(&marketer, &server, &format!("{path}/edit")));
        let typed = [("filter", "tags contains Wholesale"), ("do", "check")];
        let looked = page(fill(&marketer, &server, &form, "#segment-form", &typed));
        let failures = texts(&looked, "#failures .note");
        assert_eq!(failures.len(), 2);
        assert!(failures[0].contains("Ana must be in") && failures[0].contains("Ana is out"), "{failures:?}");
        assert!(text(&looked, "#failures .tree").contains("Tagged Wholesale"), "the tree says why");
        assert_eq!(text(&looked, "#diff .btn-danger"), "Save although Ana is out and Bo is in");
        assert!(texts(&looked, "#diff .btn-primary").is_empty(), "there is no other way to save");

        // Saving without saying so shows it again; knowing of one is not knowing of both.
        let known = attr(&looked, "#diff .btn-danger", "value");
        let one = known.split(',').next().unwrap_or_default().to_string();
        for although in ["", &one] {
            let again = fill(&marketer, &server, &looked, "#segment-form", &[("do", "save"), ("although", although)]);
            assert_eq!(texts(&page(again), "#failures .note").len(), 2);
        }
        assert_eq!(names(&page(get(&marketer, &server, &path))), "Ana, Cy, Eva");
        let saved = page(fill(&marketer, &server, &looked, "#segment-form", &[("although", &known)]));
        assert_eq!(names(&saved), "Bo, Cy");
        assert_eq!(texts(&saved, "#pins .why"), ["fails: Ana is out", "fails: Bo is in"], "red from now on");
    });
}

#[test]
fn an_example_is_pinned_from_where_it_is_explained() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let path = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let why = page(get(&marketer, &server, &format!("{path}/why?customer={}", people.bo)));
        let shown = page(fill(&marketer, &server, &why, "#pin", &[("must", "in")]));
        assert_eq!(texts(&shown, "#pins .why"), ["fails: Bo is out"]);
        // The other way round is one pin still; and it can be taken away.
        let turned = page(fill(&marketer, &server, &why, "#pin", &[("must", "out")]));
        assert_eq!(texts(&turned, "#pins .why"), ["holds"]);
        let gone = page(post(&marketer, &server, &format!("{path}/pins/{}/remove", people.bo), &[]));
        assert!(texts(&gone, "#pins li").is_empty());
        // Several fit: the page that finds people goes on.
        let which = post(&marketer, &server, &format!("{path}/pins"), &[("who", "example"), ("must", "in")]);
        assert!(which.url().path().ends_with("/why"), "{}", which.url());
        assert!(texts(&page(which), ".names a").len() > 1);
        let agent = server.signed_in(Role::Agent);
        assert_eq!(post(&agent, &server, &format!("{path}/pins"), &[("who", "ana"), ("must", "in")]).status(), 403);
        let neither = post(&marketer, &server, &format!("{path}/pins"), &[("who", "ana"), ("must", "maybe")]);
        assert_eq!(neither.status(), 422);
    });
}

#[test]
fn a_change_says_which_examples_of_other_segments_it_breaks() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let of_it = save(&marketer, &server, &[("name", "Of it"), ("filter", "segments in any of VIPs")]);
        for (who, must) in [("ana", "in"), ("di", "in")] {
            post(&marketer, &server, &format!("{of_it}/pins"), &[("who", who), ("must", must)]);
        }
        let form = page(get(&marketer, &server, &format!("{vips}/edit")));
        let typed = [("filter", "tags contains Wholesale"), ("do", "check")];
        let looked = page(fill(&marketer, &server, &form, "#segment-form", &typed));
        let line = text(&looked, "#followers li");
        assert!(line.contains("A pinned example of it would fail: Ana must be in."), "{line}");
        assert!(!line.contains("Di"), "hers failed before: {line}");
    });
}

#[test]
fn whoever_is_about_to_send_can_ask_which_examples_fail() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let path = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        for (who, must) in [("ana", "in"), ("Bo", "out")] {
            post(&marketer, &server, &format!("{path}/pins"), &[("who", who), ("must", must)]);
        }
        let failing = || {
            db.read_now::<_, Trouble>(|conn| {
                let clock = Workspace::load(conn)?.clock();
                let caller = muster::agents::Caller::command_line();
                let segment = Segment::list(&caller, conn)?.remove(0);
                Ok(pins::failing(&segment, conn, &clock)?)
            })
            .expect("the examples")
        };
        assert!(failing().is_empty());
        // Nobody touched the segment: the customers changed.
        let program = server.program(Role::Admin);
        let untag = program.delete(server.url(&format!("/api/v1/customers/{}/tags/VIP", people.ana))).send();
        assert_eq!(untag.expect("an answer").status(), 200);
        let words: Vec<String> = failing().iter().map(|pin| pin.words()).collect();
        assert_eq!(words, ["Ana must be in"]);
    });
}

#[test]
fn somebody_pins_two_examples_breaks_one_sees_why_and_mends_the_filter() {
    for_each_database(|db| {
        world(&db);
        audiences(&db);
        walk(&db, async |driver, server| {
            let marketer = signed_in(driver, server, Role::Marketer).await;
            marketer.open("/customers").await;
            marketer.open_segment("VIPs").await;
            marketer.press("Pinned examples").await;
            marketer.fill("#pin-who", "Ana").await;
            marketer.press("Must be in").await;
            marketer.reads("#pins li", &["Ana must be in holds"]).await;
            marketer.fill("#pin-who", "Bo").await;
            marketer.press("Must be out").await;
            marketer.reads("#pins li", &["Ana must be in holds", "Bo must be out holds"]).await;

            marketer.ask_instead("tags contains VIP or city is \"Sao Paulo\"").await;
            marketer.sees("#diff .grow", "3→4").await;
            marketer.sees("#failures", "Bo must be out, pinned by Mara Marketer; if you save, Bo is in.").await;
            assert_eq!(marketer.texts("#failures .note").await.len(), 1, "Ana is in all the same");
            let tree = marketer.texts("#failures .tree li li").await;
            assert_eq!(tree, ["Tagged VIP : no VIP-old, Wholesale", "City is Sao Paulo : yes, this decided sao paulo"]);
            marketer.sees("#diff .build-foot", "Save although Bo is in").await;

            marketer
                .ask_instead("tags contains VIP or (city is \"Sao Paulo\" and tags does not contain VIP-old)")
                .await;
            marketer.until("it holds again", async |browser| !browser.has("#failures").await).await;
            marketer.sees("#diff .grow", "3→3").await;
            marketer.press("Save: nobody joins or leaves").await;
            marketer.sees("h1", "VIPs").await;
            marketer.lists("Ana, Cy, Eva").await;
            marketer.reads("#pins li", &["Ana must be in holds", "Bo must be out holds"]).await;
            assert_eq!(marketer.complaints().await, [""; 0]);
            marketer.close().await;
        });
    });
}
