//! The text part of an email whose author wrote HTML only.
//!
//! It reads cleaned HTML, which is well formed and escaped in one way: so a walk along its tags is enough.

/// Text with the lines of the HTML; a link is its words and, in brackets, where it leads.
pub fn text(html: &str) -> String {
    let mut page = Page::default();
    for (at, piece) in html.split('<').enumerate() {
        let words = match at {
            0 => piece,
            _ => {
                let (tag, words) = piece.split_once('>').unwrap_or((piece, ""));
                page.tag(tag);
                words
            }
        };
        page.say(words);
    }
    page.done()
}

#[derive(Default)]
struct Page {
    out: String,
    /// Where the link that is open leads, and where its words begin.
    link: Option<(String, usize)>,
    /// How many line breaks and spaces are due before the next word.
    breaks: usize,
    space: bool,
    preformatted: bool,
}

impl Page {
    fn say(&mut self, words: &str) {
        let words = unescaped(words);
        if self.preformatted {
            self.begin();
            self.out.push_str(&words);
            return;
        }
        for (at, word) in words.split([' ', '\n', '\r', '\t']).enumerate() {
            self.space |= at > 0;
            if !word.is_empty() {
                self.begin();
                self.out.push_str(word);
            }
        }
    }

    /// The white space that is due.
    fn begin(&mut self) {
        if !self.out.is_empty() {
            let space = if self.space && self.breaks == 0 && !self.out.ends_with(['\n', ' ']) { " " } else { "" };
            self.out.push_str(space);
            self.out.push_str(&"\n".repeat(self.breaks));
        }
        (self.breaks, self.space) = (0, false);
    }

    fn tag(&mut self, tag: &str) {
        let name = tag.split([' ', '\n']).next().unwrap_or(tag);
        match name.trim_start_matches('/') {
            "a" if name == "a" => {
                self.begin();
                self.link = attribute(tag, "href").map(|href| (href, self.out.len()));
            }
            "a" => self.end_link(),
            "img" => self.say(&escaped(&attribute(tag, "alt").unwrap_or_default())),
            "br" => self.breaks = (self.breaks + 1).min(2),
            "hr" => {
                self.breaks = 2;
                self.say("---");
                self.breaks = 2;
            }
            "li" if name == "li" => {
                self.breaks = self.breaks.max(1);
                self.say("- ");
            }
            "td" | "th" => self.space = true,
            "pre" => {
                self.breaks = 2;
                self.preformatted = name == "pre";
            }
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "dl" | "blockquote" | "table" => {
                self.breaks = 2
            }
            "div" | "tr" | "section" | "article" | "header" | "footer" | "center" | "dt" | "dd" | "figure" | "li" => {
                self.breaks = self.breaks.max(1);
            }
            _ => {}
        }
    }

    /// A link whose words are its address is said once.
    fn end_link(&mut self) {
        let Some((href, from)) = self.link.take() else { return };
        let words = self.out[from..].trim();
        let address = href.strip_prefix("mailto:").or(href.strip_prefix("tel:")).unwrap_or(&href);
        if words.is_empty() {
            self.begin();
            self.out.push_str(&href);
        } else if words != href && words != address {
            self.out.push_str(&format!(" ({href})"));
        }
    }

    fn done(self) -> String {
        let lines: Vec<&str> = self.out.lines().map(str::trim_end).collect();
        format!("{}\n", lines.join("\n").trim())
    }
}

/// The value of an attribute of a tag: `href` of `a href="…"`.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| unescaped(value))
}

fn unescaped(text: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&nbsp;", " "), ("&amp;", "&")];
    named.iter().fold(text.replace('\u{a0}', " "), |text, (name, letter)| text.replace(name, letter))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
