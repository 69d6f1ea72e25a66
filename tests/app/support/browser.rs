//! A real Chromium, driven as a person would: pages, keys, clicks, what is to be read. Every browser here is its own
//! person with its own cookies.

use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};

/// How long a page may take. The machine that tests may be busy with other things.
const PATIENCE: Duration = Duration::from_secs(20);

/// chromedriver, on a port it chose itself.
pub struct Driver {
    child: Child,
    port: u16,
    /// Where Chromium keeps its profiles, so that none is left in the system's folder.
    _profiles: tempfile::TempDir,
}

impl Driver {
    pub fn start() -> Driver {
        muster::web::tls::choose();
        let profiles = tempfile::tempdir().expect("a folder for profiles");
        let mut child = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .env("TMPDIR", profiles.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("run tests/run: it installs Chromium and chromedriver ({error})"));
        let mut lines = BufReader::new(child.stdout.take().expect("chromedriver's words")).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_suffix('.')?.rsplit_once("successfully on port ")?.1.parse::<u16>().ok())
            .expect("chromedriver says its port");
        // It stops when nobody reads what it says.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Driver { child, port, _profiles: profiles }
    }

    /// Opens a browser at a site, for one person.
    pub async fn browser(&self, site: &str) -> Browser {
        self.browser_with(site, true).await
    }

    /// The same with JavaScript switched off.
    pub async fn plain_browser(&self, site: &str) -> Browser {
        self.browser_with(site, false).await
    }

    async fn browser_with(&self, site: &str, script: bool) -> Browser {
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a log");
        if let Some(program) = chromium() {
            wanted.set_binary(&program).expect("a program");
        }
        for arg in [
            "--headless=new",
            // Chromium's sandbox needs rights that root in a container does not have.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            "--lang=en",
            "--window-size=1440,900",
            // Nothing but the site under test is asked anything.
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-default-apps",
            "--disable-sync",
            "--disable-extensions",
            "--no-first-run",
            "--no-pings",
            "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,PasswordLeakDetection",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ] {
            wanted.add_arg(arg).expect("an argument");
        }
        if !script {
            wanted
                .add_experimental_option("prefs", json!({ "profile.managed_default_content_settings.javascript": 2 }))
                .expect("a preference");
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{}", self.port), wanted)
            .await
            .expect("Chromium starts (run tests/run)");
        Browser { driver, site: site.trim_end_matches('/').to_string() }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A test that failed left its browsers open; chromedriver closes them when asked, but not when killed.
        if let Ok(mut line) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = line.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        }
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(5) && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn chromium() -> Option<String> {
    let folders = std::env::var_os("PATH")?;
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .flat_map(|name| std::env::split_paths(&folders).map(move |folder| folder.join(name)).collect::<Vec<_>>())
        .find(|path| path.is_file())
        .and_then(|path| path.to_str().map(str::to_string))
}

/// One person's browser.
pub struct Browser {
    pub driver: WebDriver,
    site: String,
}

impl Browser {
    pub async fn open(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.site)).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Signs in through the form.
    pub async fn sign_in(&self, email: &str, password: &str) {
        self.open("/sign-in").await;
        self.fill("[name=email]", email).await;
        self.fill("[name=password]", password).await;
        self.keys(Key::Enter + "").await;
        self.until("the sign-in page is left", async |browser| !browser.path().await.starts_with("/sign-in")).await;
    }

    /// The first element that fits, once there is one.
    pub async fn find(&self, css: &str) -> WebElement {
        self.driver
            .query(By::Css(css))
            .wait(PATIENCE, Duration::from_millis(50))
            .first()
            .await
            .unwrap_or_else(|_| panic!("no {css} came"))
    }

    pub async fn has(&self, css: &str) -> bool {
        self.driver.query(By::Css(css)).nowait().exists().await.unwrap_or(false)
    }

    /// Clicks it, when it can be clicked.
    pub async fn click(&self, css: &str) {
        let started = Instant::now();
        loop {
            match self.find(css).await.click().await {
                Ok(()) => return,
                Err(_) if started.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => panic!("{css} cannot be clicked: {error}"),
            }
        }
    }

    /// Clicks the button or link with these words. A page may still be on its way out, so what has gone stale or lies
    /// under something that is going is looked for again.
    pub async fn press(&self, words: &str) {
        let button =
            format!("//*[self::button or self::a or self::summary or self::label][normalize-space()='{words}']");
        let started = Instant::now();
        loop {
            // What is found may be gone while it is looked at, which would end the waiting of a query.
            let query = self.driver.query(By::XPath(&button)).nowait();
            let clicked = match query.and_displayed().first().await {
                Ok(found) => found.click().await,
                Err(error) => Err(error),
            };
            match clicked {
                Ok(()) => return,
                Err(_) if started.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => panic!(
                    "there is no button “{words}” to be clicked: {error}. At {} stands:\n{}",
                    self.path().await,
                    self.all().await
                ),
            }
        }
    }

    /// Replaces what is in a field. A page may still be on its way out, so what has gone stale is looked for again.
    pub async fn fill(&self, css: &str, text: &str) {
        self.until(&format!("{css} takes “{text}”"), async |browser| {
            let Ok(field) = browser.driver.find(By::Css(css)).await else { return false };
            field.clear().await.is_ok() && field.send_keys(text).await.is_ok()
        })
        .await;
    }

    /// Chooses the option with these words in a select, on this page or the one that is just coming.
    pub async fn choose(&self, css: &str, words: &str) {
        self.until(&format!("{css} offers “{words}”"), async |browser| {
            let Ok(select) = browser.driver.find(By::Css(css)).await else { return false };
            let option = By::XPath(format!(".//option[normalize-space()='{words}']"));
            match select.find(option).await {
                Ok(option) => option.click().await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
    }

    /// Types, wherever the focus is. What has it may be swapped for its next drawing just then.
    pub async fn keys(&self, keys: impl Into<TypingData>) {
        let keys: String = keys.into().as_vec().iter().collect();
        self.until("keys arrive", async |browser| match browser.driver.active_element().await {
            Ok(field) => field.send_keys(&keys).await.is_ok(),
            Err(_) => false,
        })
        .await;
    }

    /// Presses Tab until the focus is on something that fits.
    pub async fn tab_to(&self, css: &str) {
        for _ in 0..80 {
            self.keys(Key::Tab + "").await;
            let there = format!("return document.activeElement.matches({css:?})");
            if self.driver.execute(there, vec![]).await.is_ok_and(|there| there.json().as_bool() == Some(true)) {
                return;
            }
        }
        panic!("Tab does not lead to {css}");
    }

    /// The number of people the page says it is about.
    pub async fn count(&self) -> usize {
        let words = self.text(".ask-total").await;
        words
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == ',')
            .filter(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .unwrap_or_else(|_| panic!("“{words}” begins with no number"))
    }

    /// Chooses a file on the page that takes uploads, and sends it.
    pub async fn upload(&self, file: &std::path::Path) {
        let field = self.find("input[type=file]").await;
        field.send_keys(file.to_str().expect("a path in UTF-8")).await.expect("the file is chosen");
        self.press("Upload").await;
    }

    /// What is in a field.
    pub async fn value(&self, css: &str) -> String {
        self.find(css).await.prop("value").await.ok().flatten().unwrap_or_default()
    }

    /// Imports a CSV file of customers through the pages, as it is proposed, and waits for the report.
    pub async fn import(&self, file: &std::path::Path) {
        self.open("/imports/new").await;
        self.upload(file).await;
        self.click("[form=plan]").await;
        self.sees("#import", "adds up").await;
        self.click("[action$='/run'] button").await;
        self.sees("#import", "Import another file").await;
    }

    /// Goes from the page of a segment to its form, types another filter as text, and asks what that would change.
    pub async fn ask_instead(&self, filter: &str) {
        let path = self.path().await;
        if !path.ends_with("/edit") && !self.has("#segment-form").await {
            self.open(&format!("{path}/edit")).await;
        }
        // Where the text is folded away, it is unfolded first.
        let folded = "#segment-form details:not([open]) > summary";
        if self.has(folded).await {
            self.click(folded).await;
        }
        self.fill("#segment-filter", filter).await;
        self.press("Check the change").await;
    }

    /// Everything that is to be read in an element.
    pub async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.unwrap_or_default()
    }

    /// Waits until these words are to be read in an element, wherever the lines break.
    pub async fn sees(&self, css: &str, words: &str) {
        self.until(&format!("{css} says “{words}”"), async |browser| {
            match browser.driver.find(By::Css(css)).await {
                Ok(element) => element.text().await.is_ok_and(|text| {
                    text.contains(words) || text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words)
                }),
                Err(_) => false,
            }
        })
        .await;
    }

    /// Path and query as the address bar shows them, escapes undone.
    pub async fn path(&self) -> String {
        let url = self.driver.current_url().await.expect("an address");
        let query = url.query().map(|query| {
            form_urlencoded::parse(query.as_bytes()).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        });
        match query {
            Some(query) => format!("{}?{}", url.path(), query.join("&")),
            None => url.path().to_string(),
        }
    }

    /// Everything that is to be read on the page.
    async fn all(&self) -> String {
        match self.driver.find(By::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }

    /// Waits for something to become true.
    pub async fn until(&self, what: &str, mut is_so: impl AsyncFnMut(&Browser) -> bool) {
        let started = Instant::now();
        while !is_so(self).await {
            if started.elapsed() > PATIENCE {
                panic!("waited in vain: {what}. At {} stands:\n{}", self.path().await, self.all().await);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until everything is drawn: fonts are there and htmx has nothing under way.
    pub async fn settled(&self) {
        self.until("the page is drawn", async |browser| {
            let drawn = "return document.readyState === 'complete' && document.fonts.status === 'loaded' \
                         && !document.querySelector('.htmx-request')";
            browser.driver.execute(drawn, vec![]).await.is_ok_and(|drawn| drawn.json().as_bool() == Some(true))
        })
        .await;
    }

    /// What the console holds that should not be there: errors, and whatever the content security policy stopped.
    pub async fn complaints(&self) -> Vec<String> {
        self.driver
            .browser_log()
            .await
            .expect("the console")
            .into_iter()
            .filter(|entry| entry.level == "SEVERE" || entry.message.contains("Content Security Policy"))
            .map(|entry| entry.message)
            .collect()
    }

    /// Looks through a window of this size, in light or dark.
    pub async fn look(&self, width: u32, height: u32, dark: bool) {
        let cdp = self.driver.cdp();
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        cdp.send_raw("Emulation.setDeviceMetricsOverride", size).await.expect("a size");
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }] });
        cdp.send_raw("Emulation.setEmulatedMedia", media).await.expect("a colour scheme");
    }

    pub async fn close(self) {
        self.driver.quit().await.expect("the browser closes");
    }
}
