//! What can have happened, in the parts that a page draws.

use askama::Template;

/// From where something came, and where that can be looked at by whoever may.
#[derive(Template)]
#[template(
    source = r#"{% if !words.is_empty() %}<span class="faint">{% if let Some(link) = link %}<a href="{{ link }}">{{ words }}</a>{% else %}{{ words }}{% endif %}</span>{% endif %}"#,
    ext = "html"
)]
pub struct From {
    pub words: String,
    pub link: Option<String>,
}

impl askama::filters::HtmlSafe for From {}

impl From {
    pub fn words(words: impl Into<String>) -> From {
        From { words: words.into(), link: None }
    }
}

/// A tag as it is drawn.
pub type Chip = (String, String);

/// One field, before and after.
#[derive(Template)]
#[template(
    source = "{{ label }}{% if let Some(before) = before %} <del>{{ before }}</del>{% endif %}{% if let Some(after) = after %} <ins>{{ after }}</ins>{% endif %}",
    ext = "html"
)]
pub struct Row {
    pub label: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl askama::filters::HtmlSafe for Row {}

impl Row {
    /// What was done to it.
    pub fn done(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "set",
            (_, None) => "cleared",
            _ => "changed",
        }
    }
}

pub enum What {
    Became,
    Added {
        actor: String,
        from: From,
    },
    Said {
        who: String,
        how: String,
        conversation: i64,
        note: bool,
        quote: String,
        missed: bool,
    },
    Did {
        who: String,
        words: String,
        conversation: i64,
    },
    Tagged {
        actor: String,
        chip: Chip,
        from: From,
    },
    Untagged {
        actor: String,
        done: &'static str,
        chip: Chip,
        after: &'static str,
        from: Option<From>,
    },
    Changed {
        actor: String,
        row: Row,
        from: From,
        back: Option<String>,
    },
    Agreed {
        channel: &'static str,
        words: &'static str,
        actor: Option<String>,
        from: From,
    },
    Bought {
        product: Option<String>,
        paid: String,
        order: Option<String>,
        from: Option<From>,
    },
    Imported {
        actor: String,
        file: From,
        line: i64,
        made: bool,
        rows: Vec<Row>,
        on: Vec<Chip>,
        off: Vec<Chip>,
        back: Option<String>,
    },
    Mailed {
        before: &'static str,
        campaign: From,
        after: String,
    },
    Left {
        campaign: From,
    },
    Moved {
        joined: bool,
        segments: Vec<(i64, String)>,
        cause: String,
    },
}
