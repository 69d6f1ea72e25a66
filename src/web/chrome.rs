//! The frame around a page: who is looking, which place is current, light or dark, and the toast left by the last step.

use super::{Htmx, Toast, assets, theme, toast};
use crate::workspace::Workspace;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use askama::Template;
use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};

/// Whoever looks at the page, as the frame shows them. The guard of each route puts it into the request.
#[derive(Clone, Debug, Default)]
pub struct Viewer {
    pub name: String,
    pub role: &'static str,
    /// The places of the sidebar this person may go to, and what they may do: `may.import`.
    pub may: May,
    /// What stands under a place of the sidebar for this person.
    pub shortcuts: Vec<Shortcut>,
    /// Conversations with something they have not read.
    pub unread: Unread,
}

/// The number beside the inbox in the sidebar, drawn anew whenever somebody writes.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "_unread.html")]
pub struct Unread {
    /// Nothing for none, `12`, `99+`.
    words: String,
}
impl askama::filters::HtmlSafe for Unread {}

impl Unread {
    /// Nobody counts further.
    pub const MOST: i64 = 99;

    pub fn of(count: i64) -> Unread {
        Unread {
            words: match count {
                0 => String::new(),
                count if count > Unread::MOST => format!("{}+", Unread::MOST),
                count => count.to_string(),
            },
        }
    }
}

/// A named way to a page, under a place of the sidebar.
#[derive(Clone, Debug, PartialEq)]
pub struct Shortcut {
    pub name: String,
    pub link: String,
    /// Nobody else sees it.
    pub private: bool,
    /// It led here.
    pub here: bool,
}

impl Viewer {
    /// Up to two letters for the round picture: `ML` for Mara Lindqvist.
    pub fn initials(&self) -> String {
        let mut words = self.name.split_whitespace().filter_map(|word| word.chars().next());
        let (first, last) = (words.next(), words.next_back());
        first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
    }
}

/// What the frame and the pages show or leave out. The server checks each request all the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct May {
    pub delete_customers: bool,
    pub manage_tags: bool,
    pub share_segments: bool,
    pub bulk: bool,
    pub campaigns: bool,
    pub export: bool,
    pub import: bool,
    pub administer: bool,
}

/// Every page struct has a field `chrome: Chrome`; `layout.html` draws it.
#[derive(Clone, Debug, Default)]
pub struct Chrome {
    /// The business's name.
    pub workspace: String,
    pub viewer: Viewer,
    /// `light`, `dark`, or empty for the system's own.
    pub theme: String,
    /// The path asked for, so that the sidebar knows where we are.
    pub path: String,
    /// One sentence left by the step before (a cookie, shown once).
    pub toast: Option<String>,
}

impl Chrome {
    /// `aria-current` for a link of the sidebar.
    pub fn is_here(&self, place: &str) -> bool {
        self.path == place || self.path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl Chrome {
    /// A shortcut led here: it is the current page, and the place it stands under is only where that is.
    pub fn is_at_a_shortcut(&self) -> bool {
        self.viewer.shortcuts.iter().any(|shortcut| shortcut.here)
    }

    pub fn of(req: &HttpRequest) -> Chrome {
        // Let go of them before cookies are asked for: those are kept among the extensions too.
        let (viewer, workspace) = {
            let extensions = req.extensions();
            let workspace = extensions.get::<Workspace>().map(|workspace| workspace.name.clone());
            (extensions.get::<Viewer>().cloned().unwrap_or_default(), workspace)
        };
        Chrome {
            workspace: workspace.unwrap_or_else(|| "Muster".into()),
            viewer,
            theme: theme::chosen(req),
            path: req.path().to_string(),
            toast: toast::left(req).filter(|_| !Htmx::of(req.headers()).is_fragment()),
        }
    }

    /// The toast as the frame draws it.
    pub fn toast(&self) -> Option<Toast> {
        self.toast.as_deref().map(Toast::read)
    }
}

impl FromRequest for Chrome {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Chrome::of(req)))
    }
}

/// An icon of the sprite, drawn by name: `{{ crate::web::icon("search") }}`.
#[derive(Clone, Copy, Debug)]
pub struct Icon(&'static str);

pub fn icon(name: &'static str) -> Icon {
    Icon(name)
}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sprite = assets::url("icons.svg");
        write!(f, r##"<svg class="icon" aria-hidden="true"><use href="{sprite}#{}"/></svg>"##, self.0)
    }
}
impl askama::FastWritable for Icon {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        Ok(write!(dest, "{self}")?)
    }
}
impl askama::filters::HtmlSafe for Icon {}
