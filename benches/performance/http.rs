//! Who asks: a program with a token, and a person in a browser. Each answer comes with the milliseconds it took, from the
//! request until its last byte; what is done with it here is not counted.

use crate::measure::timed;
use anyhow::{Context, ensure};
use reqwest::blocking::{Client, RequestBuilder};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use scraper::{ElementRef, Html, Selector};
use serde_json::Value;
use std::time::Duration;

/// The moment the ten filters are asked at.
pub const NOW: &str = "2026-11-01T00:00:00Z";

/// Long enough for the slowest page of a slow build.
const PATIENCE: Duration = Duration::from_secs(1800);

fn client(headers: &[(&'static str, &str)]) -> anyhow::Result<Client> {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
    }
    muster::web::tls::choose();
    let client = Client::builder().cookie_store(true).default_headers(all).timeout(PATIENCE);
    Ok(client.redirect(reqwest::redirect::Policy::none()).build()?)
}

/// Sends a request and reads all of its answer.
fn answered(request: RequestBuilder) -> anyhow::Result<(Answer, f64)> {
    let (answer, ms) = timed(|| {
        let answer = request.send()?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.bytes()?.into() })
    })?;
    Ok((answer, ms))
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(self) -> anyhow::Result<String> {
        let text = String::from_utf8(self.body).context("the answer is not UTF-8")?;
        ensure!(
            (200..300).contains(&self.status),
            "answered {}: {}",
            self.status,
            text.chars().take(400).collect::<String>()
        );
        Ok(text)
    }

    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_string)
    }
}

/// A program that uses the API.
#[derive(Clone)]
pub struct Program {
    client: Client,
    site: String,
}

impl Program {
    pub fn new(site: &str, token: &str) -> anyhow::Result<Program> {
        let client = client(&[("authorization", &format!("Bearer {}", token.trim()))])?;
        Ok(Program { client, site: site.into() })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site)
    }

    fn told(request: RequestBuilder) -> anyhow::Result<(Value, f64)> {
        let (answer, ms) = answered(request)?;
        let text = answer.text()?;
        Ok((if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? }, ms))
    }

    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<(Value, f64)> {
        Program::told(self.client.get(self.url(path)).query(query)).with_context(|| format!("GET {path} {query:?}"))
    }

    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<(Value, f64)> {
        Program::told(self.client.post(self.url(path)).json(body)).with_context(|| format!("POST {path} {body}"))
    }

    pub fn patch(&self, path: &str, body: &Value) -> anyhow::Result<(Value, f64)> {
        Program::told(self.client.patch(self.url(path)).json(body)).with_context(|| format!("PATCH {path} {body}"))
    }

    pub fn put(&self, path: &str) -> anyhow::Result<(Value, f64)> {
        Program::told(self.client.put(self.url(path))).with_context(|| format!("PUT {path}"))
    }

    pub fn delete(&self, path: &str) -> anyhow::Result<(Value, f64)> {
        Program::told(self.client.delete(self.url(path))).with_context(|| format!("DELETE {path}"))
    }

    /// How many customers a filter selects at [`NOW`].
    pub fn count(&self, filter: &str) -> anyhow::Result<(i64, f64)> {
        let (told, ms) = self.get("/api/v1/customers/count", &[("filter", filter), ("now", NOW)])?;
        Ok((told["count"].as_i64().with_context(|| format!("{filter}: {told}"))?, ms))
    }

    /// What a request costs whose answer is known at the door: here nobody is asked for anything.
    pub fn knock(&self) -> anyhow::Result<f64> {
        Ok(answered(self.client.get(self.url("/healthz")))?.1)
    }

    /// What a request costs that shows its token, opens a snapshot and finds nothing in it.
    pub fn look_for_nobody(&self) -> anyhow::Result<f64> {
        let (answer, ms) = answered(self.client.get(self.url("/api/v1/customers/4294967295")))?;
        ensure!(answer.status == 404, "customer 4294967295 is there");
        Ok(ms)
    }
}

/// A marketer, signed in, asking as htmx does.
#[derive(Clone)]
pub struct Person {
    client: Client,
    site: String,
}

/// The form of a builder: names and values, as a browser would send them.
pub type Form = Vec<(String, String)>;

impl Person {
    pub fn sign_in(site: &str) -> anyhow::Result<Person> {
        let client = client(&[("sec-fetch-site", "same-origin")])?;
        let who = [("email", "marketer@bench.example"), ("password", "a password for benches")];
        let answer = client.post(format!("{site}/sign-in")).form(&who).send()?;
        ensure!(answer.status().is_redirection(), "the marketer may not sign in: {}", answer.status());
        Ok(Person { client, site: site.into() })
    }

    /// A whole page, as it first comes.
    pub fn page(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<(String, f64)> {
        let (answer, ms) = answered(self.client.get(format!("{}{path}", self.site)).query(query))?;
        Ok((answer.text().with_context(|| format!("{path} {query:?}"))?, ms))
    }

    /// The same, packed as browsers ask for it; how long it took, and its bytes.
    pub fn packed_page(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<(usize, f64)> {
        let request = self.client.get(format!("{}{path}", self.site)).query(query);
        let (answer, ms) = answered(request.header("accept-encoding", "gzip, deflate, br, zstd"))?;
        ensure!(answer.status == 200, "{path} answers {}", answer.status);
        Ok((answer.body.len(), ms))
    }

    /// A page, and whatever it asks for by itself once it is loaded.
    pub fn whole_page(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<(String, f64)> {
        let (page, ms) = self.page(path, query)?;
        let more = self.loads(&page)?;
        Ok((page, ms + more))
    }

    /// Asks for what a page asks for when it is loaded, and what comes with that; how long it took.
    fn loads(&self, page: &str) -> anyhow::Result<f64> {
        let (mut took, mut wanted) = (0.0, loaded_by(page));
        for _ in 0..100 {
            let mut next = Vec::new();
            for address in wanted {
                let request = self.client.get(format!("{}{address}", self.site)).header("hx-request", "true");
                let (answer, ms) = answered(request)?;
                took += ms;
                next.extend(loaded_by(&answer.text().with_context(|| address)?));
            }
            if next.is_empty() {
                return Ok(took);
            }
            wanted = next;
        }
        anyhow::bail!("the page is never done loading")
    }

    /// Sends the builder's form; the answer that replaces the list, and how long all of it took until the figures stood
    /// beside the rows.
    pub fn change(&self, form: &[(String, String)]) -> anyhow::Result<(String, f64)> {
        let request = self.client.post(format!("{}/customers/filter", self.site));
        let (answer, mut took) = answered(htmx(request).form(form))?;
        let place = answer.header("hx-location").map(|place| match serde_json::from_str::<Value>(&place) {
            Ok(place) => place["path"].as_str().unwrap_or_default().to_string(),
            Err(_) => place,
        });
        let page = match place.or_else(|| answer.header("location")) {
            Some(address) => {
                let (page, ms) = answered(htmx(self.client.get(format!("{}{address}", self.site))))?;
                took += ms;
                page.text().with_context(|| address)?
            }
            None => answer.text().context("the builder's form")?,
        };
        took += self.loads(&page)?;
        Ok((page, took))
    }
}

fn htmx(request: RequestBuilder) -> RequestBuilder {
    request.header("hx-request", "true").header("hx-target", "div#answer")
}

fn css(selector: &str) -> anyhow::Result<Selector> {
    Selector::parse(selector).map_err(|error| anyhow::anyhow!("{selector}: {error}"))
}

/// The addresses of what is asked for as soon as this is on the page.
fn loaded_by(html: &str) -> Vec<String> {
    if !html.contains("hx-trigger=\"load") {
        return Vec::new();
    }
    let (page, Ok(all)) = (Html::parse_document(html), css("[data-hx-trigger^=load], [hx-trigger^=load]")) else {
        return Vec::new();
    };
    let address = |element: ElementRef| element.attr("data-hx-get").or(element.attr("hx-get")).map(str::to_string);
    page.select(&all).filter_map(address).collect()
}

/// The builder's form on a page.
pub fn form(page: &str) -> anyhow::Result<Form> {
    let page = Html::parse_document(page);
    let (inputs, options) = (css("#builder [name]")?, css("option")?);
    let mut form = Form::new();
    for input in page.select(&inputs) {
        let name = input.attr("name").unwrap_or_default().to_string();
        let value = match input.value().name() {
            "input" if matches!(input.attr("type"), Some("checkbox" | "radio")) && input.attr("checked").is_none() => {
                continue;
            }
            "input" => input.attr("value").unwrap_or_default().to_string(),
            "textarea" => input.text().collect(),
            "select" => {
                let all: Vec<ElementRef> = input.select(&options).collect();
                let chosen = all.iter().find(|option| option.attr("selected").is_some()).or(all.first());
                chosen.and_then(|option| option.attr("value")).unwrap_or_default().to_string()
            }
            _ => continue,
        };
        form.push((name, value));
    }
    ensure!(form.iter().any(|(name, _)| name == "k"), "the page has no builder");
    Ok(form)
}
