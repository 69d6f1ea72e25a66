use super::*;

fn email(subject: &str, text: &str, html: Option<&str>) -> Content {
    Content { subject: Some(subject.into()), text: text.into(), html: html.map(str::to_string) }
}

fn sms(text: &str) -> Content {
    Content { text: text.into(), ..Content::default() }
}

fn ana() -> Person {
    Person {
        name: Some("Ana".into()),
        city: Some("Porto".into()),
        custom: BTreeMap::from([
            ("size".into(), "42".into()),
            ("points".into(), 120.into()),
            ("vip".into(), true.into()),
        ]),
        ..nobody()
    }
}

fn nobody() -> Person {
    Person {
        workspace_name: "Shoes & Co".into(),
        unsubscribe_url: "https://shop.test/u/abc?x=1&y=2".into(),
        preferences_url: "https://shop.test/p/abc".into(),
        ..Person::default()
    }
}

fn text_for(person: &Person, text: &str) -> String {
    render(&sms(text), person).unwrap().text
}

fn html_for(person: &Person, html: &str) -> String {
    render(&email("Hello", "", Some(html)), person).unwrap().html.unwrap()
}

fn mistakes(text: &str) -> Vec<String> {
    let keys = ["size".to_string(), "points".to_string()];
    check(&sms(text), &keys)
        .into_iter()
        .map(|mistake| format!("{} {}: {}", mistake.part, mistake.line, mistake.words))
        .collect()
}

fn the_mistake(text: &str) -> String {
    let all = mistakes(text);
    assert_eq!(all.len(), 1, "{text}: {all:?}");
    all[0].clone()
}

#[test]
fn a_missing_value_has_a_word_in_its_place_and_is_nothing_without() {
    assert_eq!(text_for(&ana(), "Hi {{ customer.name | default(\"there\") }}!"), "Hi Ana!");
    assert_eq!(text_for(&nobody(), "Hi {{ customer.name | default(\"there\") }}!"), "Hi there!");
    assert_eq!(text_for(&nobody(), "Hi {{ customer.name | upper | default(\"there\") }}!"), "Hi there!");
    assert_eq!(text_for(&nobody(), "Hi {{ customer.name | title }}!"), "Hi !");
    assert_eq!(text_for(&nobody(), "{{ customer.custom.size | default(\"your size\") }}"), "your size");
    assert_eq!(text_for(&nobody(), "{% if customer.city %}{{ customer.city }}{% else %}home{% endif %}"), "home");
    let blank = Person { name: Some(" ".into()), ..nobody() };
    assert_eq!(text_for(&blank, "Hi {{ customer.name | default(\"there\") }}!"), "Hi there!");
}

#[test]
fn custom_values_are_said_as_people_say_them_and_compared_as_what_they_are() {
    assert_eq!(text_for(&ana(), "{{ customer.custom.size }} {{ customer.custom.vip }}"), "42 yes");
    let points = "{% if customer.custom.points and customer.custom.points > 100 %}many{% else %}few{% endif %}";
    assert_eq!(text_for(&ana(), points), "many");
    assert_eq!(text_for(&nobody(), points), "few");
}

#[test]
fn a_field_that_is_not_there_is_a_mistake_with_the_known_ones() {
    let told = the_mistake("Dear\n{{ customer.nmae }}");
    assert!(told.starts_with("text 2: There is no field customer.nmae. Known are: customer.name, "), "{told}");
    assert!(told.contains("customer.custom.size") && told.ends_with("; did you mean customer.name?"), "{told}");
    assert!(the_mistake("{{ name }}").ends_with("did you mean customer.name?"));
    assert!(the_mistake("{{ custom.size }}").ends_with("did you mean customer.custom.size?"));
    assert!(the_mistake("{{ customer.custom.sise }}").ends_with("did you mean customer.custom.size?"));
    assert!(the_mistake("{{ customer[\"nmae\"] }}").ends_with("did you mean customer.name?"));
    assert!(the_mistake("{{ customer }}").contains("is not one value"));
    assert!(the_mistake("{{ customer.custom }}").contains("is not one value"));
    assert!(the_mistake("{{ customer.name.first }}").contains("customer.name is one value"));
    assert!(the_mistake("{% set c = customer %}{{ c.nmae }}").contains("is not one value"));
}

#[test]
fn mistakes_are_found_where_nobody_gets_yet() {
    assert!(
        the_mistake("{% if customer.city == \"Atlantis\" %}{{ customer.nmae }}{% endif %}").contains("customer.nmae")
    );
    assert!(the_mistake("{{ customer.nmae | default(\"there\") }}").contains("customer.nmae"));
    assert!(the_mistake("{{ customer.name if customer.name else customer.nmae }}").contains("customer.nmae"));
    assert!(the_mistake("{% if false %}{{ customer.name | uper }}{% endif %}").ends_with("did you mean upper?"));
    assert!(the_mistake("{% if false %}{{ today() }}{% endif %}").contains("There is no function today"));
    assert!(the_mistake("{% if customer.name is nome %}a{% endif %}").ends_with("did you mean none?"));
    assert!(
        the_mistake("{% if customer.name %}{% set who = customer.name %}{% endif %}{{ who }}").contains("field who")
    );
    assert!(the_mistake("{{ customer.custom.points + 1 }}").contains("does not work for everybody"));
}

#[test]
fn what_is_right_is_no_mistake() {
    for text in [
        "Hello",
        "{{ customer.name | default(\"there\") | title }} {{ workspace.name }} {{ unsubscribe_url }} {{ preferences_url }}",
        "{% if customer.name %}{% set who = customer.name %}{% else %}{% set who = \"you\" %}{% endif %}{{ who }}",
        "{% for star in range(5) %}{{ loop.index }}{% if not loop.last %}, {% endif %}{% endfor %}",
        "{% for key, value in [[1, 2]] %}{{ key }}{{ value }}{% endfor %}",
        "{% with who = customer.city %}{{ who }}{% endwith %}",
        "{{ customer.custom[\"size\"] | default(\"?\") }} {{ customer.custom.points | round | default(0) }}",
        "{% if customer.custom.points > 100 or customer.name is none %}many{% endif %}",
        "https://shop.test/?c={{ customer.external_id | urlencode }}",
    ] {
        assert_eq!(mistakes(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_cannot_be_read_or_is_no_part_of_a_message_is_a_mistake() {
    assert!(the_mistake("Hi\n{{ customer.name").starts_with("text 2: This cannot be read: "));
    assert!(the_mistake("{% if customer.name %}").starts_with("text 1: This cannot be read: "));
    assert!(the_mistake("{% include \"x\" %}").contains("cannot be read"));
    assert!(the_mistake("{% autoescape false %}{% endautoescape %}").contains("{% autoescape %} cannot be used"));
    assert!(the_mistake("{{ customer.name | safe }}").contains("There is no filter safe"));
    assert!(the_mistake("{{ customer.name ~ \"!\" }}").contains("not joined with ~"));
    assert!(the_mistake("{{ customer.name.upper() }}").contains("Only range"));
    assert!(the_mistake("{% set customer = 1 %}").contains("means something already"));
}

#[test]
fn sizes_are_looked_at_first() {
    let told = |content: Content| check(&content, &[]).into_iter().map(|mistake| mistake.words).collect::<Vec<_>>();
    assert_eq!(told(email(" ", "", Some(" "))), ["Give the email a subject.", "Write what the message says."]);
    assert_eq!(told(email(&"a".repeat(201), "x", None)), ["A subject may have 200 characters; this one has 201."]);
    assert_eq!(told(email("a", &"a".repeat(257 * 1024), None)), ["This part may have 256 KiB; it has 257."]);
    assert_eq!(told(email("a", "", Some("<p>x</p>"))), Vec::<String>::new());
}

#[test]
fn what_runs_without_end_is_stopped() {
    let endless = "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}";
    assert!(the_mistake(endless).contains("This takes too long"), "{}", the_mistake(endless));
    let problem = render(&sms(endless), &ana()).unwrap_err();
    assert!(problem.to_string().contains("takes too long"), "{problem}");
    let double = "{% set x = \"aaaaaaaaaaaaaaaa\" %}".to_string() + &"{% set x = x + x %}".repeat(60);
    assert!(the_mistake(&double).contains("This takes too long"));
}

#[test]
fn a_tag_too_long_to_be_read_is_told_before_it_is_read() {
    for deep in ["+1".repeat(100_000), "|abs".repeat(60_000), ".a".repeat(100_000), " or 1".repeat(50_000)] {
        let text = format!("\n{{{{ 1{deep} }}}}");
        assert!(the_mistake(&text).starts_with("text 2: There is too much between these braces"));
        assert!(render(&sms(&text), &ana()).is_err());
    }
    for nested in ["{% if 1 %}", "{% for a in [1] %}", "{% if 1 %}{% else %}"] {
        assert!(the_mistake(&nested.repeat(10_000)).contains("cannot be read"));
    }
    let elifs = format!("{{% if 1 %}}{}{{% endif %}}", "\n{% elif 1 %}".repeat(20_000));
    assert!(the_mistake(&elifs).starts_with("text 102: There are too many elif"));
    let deepest = format!("{{{{ 1{} }}}}", "+1".repeat(148));
    let deepest = format!("{{% if 0 %}}{}{deepest}{{% endif %}}", "{% elif 0 %}".repeat(100));
    let deepest = format!("{}{deepest}{}", "{% if 1 %}".repeat(50), "{% endif %}".repeat(50));
    assert_eq!(mistakes(&deepest), Vec::<String>::new());
    assert!(the_mistake(&format!("{{{{ {}1{} }}}}", "(".repeat(140), ")".repeat(140))).contains("recursion"));
}

#[test]
fn a_hostile_name_is_only_a_name() {
    let hostile = Person { name: Some("<script>alert(1)</script><b>x".into()), ..nobody() };
    let html = html_for(&hostile, "<p title=\"{{ customer.name }}\">Hi {{ customer.name }}</p>");
    assert!(html.contains("Hi &lt;script&gt;alert(1)&lt;/script&gt;&lt;b&gt;x</p>"), "{html}");
    assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
    assert_eq!(text_for(&hostile, "{{ customer.name }}"), "<script>alert(1)</script><b>x");
    let link = Person { name: Some("javascript:alert(1)".into()), ..nobody() };
    assert!(!html_for(&link, "<a href=\"{{ customer.name }}\">x</a>").contains("javascript"));
}

#[test]
fn what_runs_or_looks_elsewhere_is_taken_out_of_html_and_what_a_mail_needs_stays() {
    let html = html_for(
        &ana(),
        "<html><head><title>T</title><style>p{}</style></head><body onload=\"x()\"><script>x()</script>\
         <p style=\"color:red\" onclick=\"x()\">Hi</p><form action=\"/x\"><input></form><iframe src=\"https://x.test\"></iframe>\
         <table width=\"600\" cellpadding=\"0\" bgcolor=\"#eee\"><tr><td align=\"center\" valign=\"top\">cell</td></tr></table>\
         <img src=\"https://x.test/a.png\" alt=\"A\"><img src=\"cid:logo\"><img src=\"http://x.test/b.png\">\
         <img src=\"data:image/png;base64,AA\"><a href=\"data:text/html,x\">d</a><a href=\"cid:x\">c</a><a href=\"/rel\">r</a>\
         <a href=\"mailto:a@b.test\">m</a></body></html>",
    );
    for gone in
        ["script", "style", "onclick", "onload", "form", "input", "iframe", "T<", "b.png", "data:", "cid:x", "/rel"]
    {
        assert!(!html.contains(gone), "{gone}: {html}");
    }
    for kept in [
        "<p>Hi</p>",
        "cellpadding=\"0\"",
        "width=\"600\"",
        "bgcolor=\"#eee\"",
        "valign=\"top\"",
        "https://x.test/a.png",
        "src=\"cid:logo\"",
        "href=\"mailto:a@b.test\"",
    ] {
        assert!(html.contains(kept), "{kept}: {html}");
    }
}

#[test]
fn the_way_out_stands_in_every_part_of_an_email_once() {
    let url = nobody().unsubscribe_url;
    let spelled = url.replace('&', "&amp;");
    let count = |content: &Content, person: &Person| {
        let rendered = render(content, person).unwrap();
        (rendered.text.matches(&url).count(), rendered.html.unwrap_or_default().matches(&spelled).count())
    };
    assert_eq!(count(&email("a", "Hi", Some("<p>Hi</p>")), &ana()), (1, 1));
    let own = email("a", "Out: {{ unsubscribe_url }}", Some("<a href=\"{{ unsubscribe_url }}\">out</a>"));
    assert_eq!(count(&own, &ana()), (1, 1));
    // In a branch that is not taken it is for nobody, and only in words it is no link.
    let elsewhere = email("a", "{% if customer.name %}{{ unsubscribe_url }}{% endif %}", Some("<p>x</p>"));
    assert_eq!(count(&elsewhere, &nobody()), (1, 1));
    let longer = Person { preferences_url: format!("{url}/more"), ..ana() };
    assert_eq!(count(&email("a", "{{ preferences_url }}", None), &longer), (2, 0));
    assert_eq!(count(&sms("Hi"), &ana()), (0, 0));
}

#[test]
fn a_subject_is_one_line() {
    let hostile = Person { name: Some("Ana\r\nBcc: all@shop.test\u{0}".into()), ..nobody() };
    let rendered = render(&email("Hi\r\n {{ customer.name }}", "x", None), &hostile).unwrap();
    assert_eq!(rendered.subject, "Hi Ana Bcc: all@shop.test");
}

#[test]
fn a_text_is_made_of_html_when_nobody_wrote_one() {
    let html = "<h1>New &amp; red</h1>\n<p>Dear  {{ customer.name }},<br>look at <a href=\"https://x.test/?a=1&b=2\">our\n shoes</a>.</p>\
                <ul><li>one</li><li>two</li></ul><p><a href=\"https://x.test\">https://x.test</a></p>\
                <table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table><img src=\"cid:x\" alt=\"A < B\">\
                <a href=\"{{ unsubscribe_url }}\">Out</a>";
    let rendered = render(&email("a", " ", Some(html)), &ana()).unwrap();
    assert_eq!(
        rendered.text,
        "New & red\n\nDear Ana,\nlook at our shoes (https://x.test/?a=1&b=2).\n\n- one\n- two\n\nhttps://x.test\n\n\
         a b\nc\n\nA < BOut (https://shop.test/u/abc?x=1&y=2)\n"
    );
}
