//! How a walk begins: a story told in a browser, by somebody who signs in through the form.

use super::browser::{Browser, Driver};
use super::{PASSWORD, Server, email_of};
use muster::agents::Role;
use muster::config::Config;
use muster::db::Db;
use thirtyfour::By;

/// Tells a story that waits for browsers.
pub fn browse(story: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(story);
}

/// The same with a server of this database, and browsers for whoever is in the story.
pub fn walk(db: &Db, story: impl AsyncFnOnce(&Driver, &Server)) {
    walk_with(db, |_| {}, story);
}

/// The same with a server that is configured in another way.
pub fn walk_with(db: &Db, change: impl FnOnce(&mut Config), story: impl AsyncFnOnce(&Driver, &Server)) {
    let server = Server::start_with(db, change);
    browse(async { story(&Driver::start(), &server).await });
}

/// Somebody of this role, signed in in a browser of their own.
pub async fn signed_in(driver: &Driver, server: &Server, role: Role) -> Browser {
    let browser = driver.browser(&server.site()).await;
    come_in(browser, server, role).await
}

/// The same with JavaScript switched off.
pub async fn signed_in_plain(driver: &Driver, server: &Server, role: Role) -> Browser {
    let browser = driver.plain_browser(&server.site()).await;
    come_in(browser, server, role).await
}

async fn come_in(browser: Browser, server: &Server, role: Role) -> Browser {
    server.hire(role);
    browser.sign_in(&email_of(role), PASSWORD).await;
    browser
}

impl Browser {
    /// What each element that fits reads, white space as one space.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for element in self.driver.find_all(By::Css(css)).await.unwrap_or_default() {
            let text = element.text().await.unwrap_or_default();
            texts.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        texts
    }

    /// Waits until the elements that fit read exactly this.
    pub async fn reads(&self, css: &str, expected: &[&str]) {
        let what = format!("{css} reads {expected:?}");
        self.until(&what, async |browser| browser.texts(css).await == expected).await;
    }

    /// Who is listed, by name.
    pub async fn names(&self) -> String {
        let mut names = self.texts("table.list td.who a").await;
        names.sort();
        names.join(", ")
    }

    /// Waits until these are listed.
    pub async fn lists(&self, expected: &str) {
        self.until(&format!("the list is {expected}"), async |browser| browser.names().await == expected).await;
    }

    /// Opens a segment from the list of them.
    pub async fn open_segment(&self, name: &str) {
        self.press("Segments").await;
        self.sees("h1", "Segments").await;
        self.press(name).await;
        self.sees("h1", name).await;
    }
}
