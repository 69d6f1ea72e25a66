//! The HTML part, after it was rendered: what an email needs, and nothing that runs.
//!
//! No script, no style, no form, no class. A picture comes from the web over TLS or from the mail itself; a link leads to a
//! page, a mailbox or a phone.

use ammonia::{Builder, UrlRelative};
use std::{borrow::Cow, collections::HashSet, sync::LazyLock};

const PICTURES: &[&str] = &["https:", "cid:"];
const LINKS: &[&str] = &["https:", "http:", "mailto:", "tel:", "sms:"];

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::default();
    cleaner
        .add_tags(["font", "tfoot"])
        .add_clean_content_tags(["title"])
        .url_schemes(HashSet::from(["https", "http", "mailto", "tel", "sms", "cid"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(None)
        .add_generic_attributes(["align", "dir"])
        .add_tag_attributes("font", ["color", "face", "size"])
        .add_tag_attributes("a", ["name"])
        .add_tag_attributes("img", ["border"])
        .add_tag_attributes("table", ["bgcolor", "border", "cellpadding", "cellspacing", "height", "role", "width"])
        .add_tag_attributes("tr", ["bgcolor", "height", "valign"])
        .add_tag_attributes("td", ["bgcolor", "height", "valign", "width"])
        .add_tag_attributes("th", ["bgcolor", "height", "valign", "width"])
        .attribute_filter(|element, attribute, value| {
            let allowed = match (element, attribute) {
                ("img", "src") => PICTURES,
                (_, "href" | "cite" | "src") => LINKS,
                _ => return Some(Cow::Borrowed(value)),
            };
            let value = value.trim();
            let begins =
                |scheme: &&str| value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
            allowed.iter().any(begins).then(|| Cow::Owned(value.to_string()))
        });
    cleaner
});

pub fn clean(html: &str) -> String {
    CLEANER.clean(html).to_string()
}
