//! The way out of a mailing list: every part of an email shows it, whether or not its author thought of it.
//!
//! What counts is what this person would see: a link in a branch that was not taken is none.

use minijinja::HtmlEscape;

/// A text with the link in it, once.
pub fn below_text(text: String, url: &str) -> String {
    if shows(&text, url) {
        return text;
    }
    // Not below a line of two dashes: mail programs fold away what stands there.
    format!("{}\n\nTo get no more of these emails: {url}\n", text.trim_end())
}

/// HTML, cleaned already, with the link in it, once.
pub fn below_html(html: String, url: &str) -> String {
    // The cleaned HTML spells an address with & as &amp;, and in one way only.
    if html.contains(&format!("href=\"{}\"", url.replace('&', "&amp;"))) {
        return html;
    }
    let link = HtmlEscape(url).to_string().replace("&#x2f;", "/");
    format!("{}\n<p><small><a href=\"{link}\">Unsubscribe from these emails</a></small></p>\n", html.trim_end())
}

/// Whether the address stands there, and not only at the beginning of a longer one.
fn shows(text: &str, url: &str) -> bool {
    let goes_on = |letter: char| letter.is_alphanumeric() || "/?&=#-_%~".contains(letter);
    text.match_indices(url).any(|(at, _)| !text[at + url.len()..].starts_with(goes_on))
}
