//! The files a browser loads: compiled into the binary, served under an address that changes with their content, so that
//! a browser may keep them for ever. Style sheets name other files as `url("/static/…")` and get the hashed address too.

use super::Error;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

struct Asset {
    bytes: Bytes,
    mime: &'static str,
    /// Of the content as it is served: sixteen hexadecimal digits.
    hash: String,
    url: String,
}

static ASSETS: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    let (sheets, others): (Vec<_>, Vec<_>) = Files::iter().partition(|name| name.ends_with(".css"));
    let mut assets = HashMap::new();
    for name in others {
        read(&name, &mut assets, |bytes, _| bytes);
    }
    for name in sheets {
        read(&name, &mut assets, with_hashed_addresses);
    }
    assets
});

type Assets = HashMap<String, Asset>;
type Bytes = Cow<'static, [u8]>;

fn read(name: &str, assets: &mut Assets, finish: fn(Bytes, &Assets) -> Bytes) {
    let (Some(mime), Some(file)) = (mime(name), Files::get(name)) else { return };
    let bytes = finish(file.data, assets);
    let hash: String = Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let url = format!("/static/{hash}/{name}");
    assets.insert(name.to_string(), Asset { bytes, mime, hash, url });
}

/// What may leave the server; anything else in the folder (the lock, the maintainers' script) stays inside.
fn mime(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

fn with_hashed_addresses(bytes: Bytes, assets: &Assets) -> Bytes {
    let Ok(mut css) = std::str::from_utf8(&bytes).map(str::to_string) else { return bytes };
    for (name, asset) in assets {
        css = css.replace(&format!("url(\"/static/{name}\")"), &format!("url(\"{}\")", asset.url));
    }
    Cow::Owned(css.into_bytes())
}

/// The address of a file for as long as it stays as it is: `{{ crate::web::assets::url("tokens.css") }}`.
pub fn url(name: &str) -> &'static str {
    ASSETS.get(name).map_or("/static/missing", |asset| &asset.url)
}

/// True when the binary carries the file.
pub fn has(name: &str) -> bool {
    ASSETS.contains_key(name)
}

/// `GET /static/{path:.*}`: a hashed address is answered for ever, a plain one asks again each time.
pub async fn show(req: HttpRequest, path: Path<String>) -> Result<HttpResponse, Error> {
    let missing = Error::NotFound("file");
    if let Some((hash, name)) = path.split_once('/').filter(|(hash, _)| is_hash(hash)) {
        let asset = ASSETS.get(name).filter(|asset| asset.hash == hash).ok_or(missing)?;
        return Ok(answer(asset, "public, max-age=31536000, immutable"));
    }
    let asset = ASSETS.get(path.as_str()).ok_or(missing)?;
    let tag = format!("\"{}\"", asset.hash);
    let known = req.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    let mut response = answer(asset, "no-cache");
    if let Ok(tag) = tag.parse() {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

fn is_hash(segment: &str) -> bool {
    segment.len() == 16 && segment.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn answer(asset: &'static Asset, keep: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, asset.mime))
        .insert_header((CACHE_CONTROL, keep))
        .body(web::Bytes::from_static(&asset.bytes))
}
