//! Fixed lists: made of a filter, of a list of keys, of another segment; and they say of what.

use crate::support::pages::{attr, fields, get, names, page, post, save, text, texts};
use crate::support::{Server, for_each_database, world};
use muster::agents::Role;
use reqwest::blocking::multipart::{Form, Part};
use reqwest::blocking::{Client, Response};

/// Sends a list as the form does.
fn send(client: &Client, server: &Server, typed: &[(&str, &str)], file: Option<&[u8]>) -> Response {
    let mut form = Form::new();
    for (name, value) in typed {
        form = form.text(name.to_string(), value.to_string());
    }
    let file = Part::bytes(file.unwrap_or_default().to_vec()).file_name("keys.csv");
    client.post(server.url("/segments/list")).multipart(form.part("file", file)).send().expect("an answer")
}

fn sum(page: &scraper::Html) -> Vec<String> {
    ["#added", "#already", "#repeated", "#unknown", "#several", "#others", "#lines"].map(|id| text(page, id)).to_vec()
}

#[test]
fn a_pasted_list_adds_whoever_is_found_and_tells_every_other_line() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let list = format!(
            "ana@example.com\n ANA@example.com \n\n#{}\nc3\n+47 400 01 234\nnobody@example.com\nc99\n\0odd\n",
            people.bo
        );
        let typed = [("segment", "new"), ("name", "Guests"), ("by", "any"), ("list", list.as_str())];
        let answer = send(&marketer, &server, &typed, None);
        assert_eq!(answer.status(), 200);
        let told = page(answer);
        assert_eq!(text(&told, "h1"), "3 customers joined Guests");
        assert_eq!(sum(&told), ["3", "0", "2", "3", "0", "1", "9"], "every line once");
        let unknown = texts(&told, "#unknown-lines li");
        assert_eq!(unknown[..2], ["line 7nobody@example.com", "line 8c99"]);
        assert!(text(&told, "#list-form textarea").starts_with("nobody@example.com c99"), "nothing is lost");

        let path = attr(&told, ".head-do a", "href");
        let segment = page(get(&marketer, &server, &path));
        assert_eq!(names(&segment), "Ana, Bo, Cy");
        let said = text(&segment, "#sentence");
        assert!(said.starts_with("Made of a list of 8 lines on "), "{said}");

        // The form that came back, with a line mended.
        let mut again = fields(&told, "#list-form");
        again.retain(|(name, _)| name != "list");
        again.push(("list".into(), "c99\neva@example.com\nana@example.com".into()));
        let again: Vec<(&str, &str)> = again.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let told = page(send(&marketer, &server, &again, None));
        assert_eq!(sum(&told), ["1", "1", "0", "1", "0", "0", "3"]);
        assert_eq!(names(&page(get(&marketer, &server, &path))), "Ana, Bo, Cy, Eva");
    });
}

#[test]
fn a_key_that_fits_several_customers_adds_nobody_and_says_so() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let program = server.program(Role::Marketer);
        // Somebody's external id is the number of somebody else.
        let ana = people.ana.to_string();
        let made = serde_json::json!({ "name": "Fay", "external_id": ana });
        let fay = program.post(server.url("/api/v1/customers")).json(&made).send().expect("an answer");
        let fay: serde_json::Value = fay.json().expect("JSON");
        let list = format!("{ana}\nbo@example.org");
        let typed = [("segment", "new"), ("name", "Mixed"), ("by", "any"), ("list", list.as_str())];
        let told = page(send(&marketer, &server, &typed, None));
        assert_eq!(sum(&told), ["1", "0", "0", "0", "1", "0", "2"]);
        let line = text(&told, "#several-lines li");
        assert!(line.contains(&format!("#{ana}")) && line.contains(&format!("#{}", fay["id"])), "{line}");
        // Said what it is, it is one.
        let segment = attr(&told, ".head-do a", "href");
        let id = segment.rsplit('/').next().unwrap_or_default();
        let told = page(send(&marketer, &server, &[("segment", id), ("by", "id"), ("list", &ana)], None));
        assert_eq!(text(&told, "#added"), "1");
        assert_eq!(names(&page(get(&marketer, &server, &segment))), "Ana, Bo");
    });
}

#[test]
fn a_file_of_keys_is_read_as_spreadsheets_write_it() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let wide = "\u{feff}name;E-Mail\r\nAna;ana@example.com\r\nBo;bo@example.org\r\nNobody;no@example.com\r\n";
        let file = send(&marketer, &server, &[("segment", "new"), ("name", "Wide")], Some(wide.as_bytes()));
        let told = page(file);
        assert_eq!(sum(&told), ["2", "0", "0", "1", "0", "1", "4"]);
        let phones = "phone\n'+5511912345678\n";
        let told = page(send(&marketer, &server, &[("segment", "new"), ("name", "Phones")], Some(phones.as_bytes())));
        assert_eq!(text(&told, "#added"), "1");
        // What cannot be used comes back with the reason, and what was in the file.
        let columns = send(&marketer, &server, &[("segment", "new"), ("name", "C")], Some(b"Ana,Oslo\nBo,Bergen\n"));
        assert_eq!(columns.status(), 422);
        let back = page(columns);
        assert!(text(&back, "#list-why").contains("several columns"));
        assert_eq!(
            (attr(&back, "#name", "value").as_str(), text(&back, "#list").as_str()),
            ("C", "Ana,Oslo Bo,Bergen")
        );
    });
}

#[test]
fn a_list_that_cannot_be_saved_comes_back_whole() {
    for_each_database(|db| {
        world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        save(&marketer, &server, &[("name", "Taken"), ("filter", "everyone")]);
        for (name, list, why, place) in [
            ("taken", "c1\nc2", "There is a segment called “taken” already", "#name-why"),
            ("", "c1", "Give the segment a name", "#name-why"),
            ("New", "", "There is nothing in this list", "#list-why"),
            ("New", "c98\nc99", "No line of this list is a customer", "#list-why"),
        ] {
            let typed = [("segment", "new"), ("name", name), ("by", "external_id"), ("list", list)];
            let answer = send(&marketer, &server, &typed, None);
            assert_eq!(answer.status(), 422, "{name} {list}");
            let back = page(answer);
            assert!(text(&back, place).contains(why), "{}", text(&back, place));
            assert_eq!(text(&back, "#list"), list.replace('\n', " "));
            assert_eq!(attr(&back, "#list-by option[selected]", "value"), "external_id");
        }
        let listed = page(get(&marketer, &server, "/segments"));
        assert_eq!(texts(&listed, "#segments .seg-name a"), ["Taken"], "nothing was made");
        let dynamic = send(&marketer, &server, &[("segment", "1"), ("list", "c1")], None);
        assert_eq!(dynamic.status(), 422, "a dynamic one has no members of its own");
        let much = "x".repeat(9 << 20);
        let large = send(&marketer, &server, &[("segment", "new"), ("name", "L"), ("list", &much)], None);
        assert_eq!(large.status(), 422);
        assert!(text(&page(large), "#list-why").contains("larger than 8 MiB"));
    });
}

#[test]
fn frozen_members_stay_when_the_segment_moves_on() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let ask = page(get(&marketer, &server, &format!("{vips}/freeze")));
        assert!(attr(&ask, "#name", "value").starts_with("VIPs, "));
        assert_eq!(text(&ask, "form.form .btn-primary"), "Freeze 3 customers");
        let taken = post(&marketer, &server, &format!("{vips}/freeze"), &[("name", "vips")]);
        assert_eq!(taken.status(), 422);
        assert_eq!(attr(&page(taken), "#name", "value"), "vips");
        let frozen = post(&marketer, &server, &format!("{vips}/freeze"), &[("name", "VIPs of today")]);
        let path = frozen.url().path().to_string();
        let url = server.url(&format!("/api/v1/customers/{}/tags/VIP", people.ana));
        assert_eq!(server.program(Role::Admin).delete(url).send().expect("an answer").status(), 200);
        assert_eq!(names(&page(get(&marketer, &server, &vips))), "Cy, Eva");
        let kept = page(get(&marketer, &server, &path));
        assert_eq!(names(&kept), "Ana, Cy, Eva");
        let said = text(&kept, "#sentence");
        assert!(said.starts_with("Made of the members of VIPs (Tagged VIP) on "), "{said}");
    });
}

#[test]
fn a_fixed_list_says_which_filter_it_was_made_of() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let made = save(&marketer, &server, &[("name", "Made"), ("kind", "static"), ("filter", "tags contains VIP")]);
        let all = [("segment", "new"), ("name", "All"), ("all", "1"), ("filter", "city is empty")];
        let all = post(&marketer, &server, "/segments/members", &all).url().path().to_string();
        let ana = people.ana.to_string();
        let ticked = [("segment", "new"), ("name", "Ticked"), ("id", ana.as_str())];
        let ticked = post(&marketer, &server, "/segments/members", &ticked).url().path().to_string();
        for (path, words) in [
            (made, "Made of whoever was: Tagged VIP on "),
            (all, "Made of whoever was: Without city on "),
            (ticked, "Made of ticked customers on "),
        ] {
            let said = text(&page(get(&marketer, &server, &path)), "#sentence");
            assert!(said.starts_with(words), "{said}");
        }
    });
}

#[test]
fn members_come_and_go_by_hand_in_fixed_lists_only() {
    for_each_database(|db| {
        let people = world(&db);
        let server = Server::start(&db);
        let marketer = server.signed_in(Role::Marketer);
        let vips = save(&marketer, &server, &[("name", "VIPs"), ("filter", "tags contains VIP")]);
        let id = vips.rsplit('/').next().unwrap_or_default();
        let ana = people.ana.to_string();
        for (path, form) in [
            ("/segments/members".to_string(), [("segment", id), ("id", ana.as_str())]),
            (format!("{vips}/members/remove"), [("id", ana.as_str()), ("x", "")]),
        ] {
            let refused = post(&marketer, &server, &path, &form);
            assert_eq!(refused.status(), 422, "{path}");
            let words = text(&page(refused), "main");
            assert!(words.contains("a dynamic segment has no members of its own"), "{words}");
        }
    });
}
