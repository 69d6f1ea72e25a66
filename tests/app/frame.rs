//! What every page and every refusal has in common, whoever answers: calm words, the right shape for whoever asked, the
//! headers a browser needs, and assets that never go stale.

use actix_web::body::to_bytes;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::{self, Form, Path};
use actix_web::{App, HttpMessage, HttpResponse};
use muster::config::Config;
use muster::web::{Chrome, Error, Htmx, Viewer, assets, flash, headers, htmx, problems, see_other, show_as, theme};

#[derive(askama::Template)]
#[template(ext = "html", source = "{% extends \"layout.html\" %}{% block title %}Tags{% endblock %}{% block main %}{% block piece %}<p id=\"piece\">piece</p>{% endblock %}{% endblock %}", blocks = ["piece"])]
struct Page {
    chrome: Chrome,
}

async fn page(htmx: Htmx, chrome: Chrome) -> Result<HttpResponse, Error> {
    let page = Page { chrome };
    htmx.show(&page, page.as_piece())
}

async fn fails(kind: Path<String>) -> Result<HttpResponse, Error> {
    Err(match kind.as_str() {
        "missing" => Error::NotFound("customer"),
        "signed-out" => Error::SignedOut,
        "forbidden" => muster::agents::Right::Import.refusal(),
        "unprocessable" => Error::Unprocessable("That segment needs a name.".into()),
        "busy" => Error::TooMany,
        _ => Error::Internal(anyhow::Error::msg("UNIQUE constraint failed: customers.email")),
    })
}

#[derive(serde::Deserialize)]
struct Named {
    name: String,
}

async fn named(form: Form<Named>) -> HttpResponse {
    flash(see_other("/tags"), &format!("{} was added to 3 customers — größer.", form.name))
}

/// Answers one request as a running Muster would, as the agent Ana.
async fn ask(request: TestRequest) -> ServiceResponse {
    let mut config = config();
    config.base_url = Some("https://muster.example".into());
    let app = init_service(
        App::new()
            .app_data(web::Data::new(config))
            .wrap(from_fn(|req: actix_web::dev::ServiceRequest, next: Next<_>| async move {
                req.extensions_mut().insert(Viewer { name: "Ana Lima".into(), role: "agent", ..Viewer::default() });
                next.call(req).await
            }))
            .wrap(from_fn(problems::calm))
            .wrap(from_fn(headers::security_headers))
            .route("/static/{path:.*}", web::get().to(assets::show))
            .route("/theme", web::post().to(theme::choose))
            .service(web::resource("/tags").route(web::get().to(page)).route(web::post().to(named)))
            .route("/fails/{kind}", web::route().to(fails))
            .route("/api/v1/fails/{kind}", web::route().to(fails))
            .default_service(web::to(problems::unknown)),
    )
    .await;
    call_service(&app, request.to_request()).await.map_into_boxed_body()
}

fn config() -> Config {
    use clap::Parser;
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }
    Line::parse_from(["muster"]).config
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

fn by_htmx(request: TestRequest) -> TestRequest {
    request.insert_header(("HX-Request", "true")).insert_header(("HX-Request-Type", "partial"))
}

fn header<'a>(answer: &'a ServiceResponse, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn text(answer: ServiceResponse) -> String {
    String::from_utf8(to_bytes(answer.into_body()).await.unwrap().to_vec()).unwrap()
}

#[actix_web::test]
async fn a_refusal_is_a_page_with_a_way_onward() {
    let expected = [
        ("missing", 404, "There is no such customer"),
        ("forbidden", 403, "You may not import customers"),
        ("unprocessable", 422, "That segment needs a name."),
        ("busy", 429, "Too many attempts"),
        ("broken", 500, "it is our fault"),
    ];
    for (kind, status, words) in expected {
        let answer = ask(get(&format!("/fails/{kind}"))).await;
        assert_eq!(answer.status().as_u16(), status, "{kind}");
        let page = text(answer).await;
        assert!(page.contains(words), "{kind}: {page}");
        assert!(page.contains("href=\"/customers\"") && page.contains("Ana Lima"), "{kind} leaves people standing");
        assert!(!page.contains("UNIQUE"), "the cause is for the log");
    }
    assert!(text(ask(get("/fails/forbidden")).await).await.contains("Your role is agent."));
}

#[actix_web::test]
async fn an_unknown_address_and_a_wrong_method_are_said_calmly() {
    let answer = ask(get("/nowhere")).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert!(text(answer).await.contains("There is no such page"));
    let answer = ask(TestRequest::delete().uri("/tags")).await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(text(answer).await.contains("does not work that way"));
}

#[actix_web::test]
async fn a_damaged_form_is_a_sentence_and_so_is_one_too_large() {
    let form = |body: String| {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        TestRequest::post().uri("/tags").insert_header(kind).set_payload(body)
    };
    let answer = ask(form("other=1".into())).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(text(answer).await.contains("did not arrive as it should"));
    let answer = ask(form(format!("name={}", "x".repeat(100_000)))).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(text(answer).await.contains("too much at once"));
}

#[actix_web::test]
async fn htmx_gets_a_refusal_over_the_page_and_not_in_its_place() {
    let answer = ask(by_htmx(get("/fails/forbidden"))).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&answer, "HX-Retarget"), "#toasts");
    assert_eq!(header(&answer, "HX-Reswap"), "afterbegin");
    let toast = text(answer).await;
    assert!(toast.contains("role=\"alert\"") && toast.contains("You may not import customers. Your role is agent."));
    assert!(!toast.contains("<html"));
}

#[actix_web::test]
async fn programs_get_json() {
    let answer = ask(get("/api/v1/fails/forbidden")).await;
    assert_eq!(header(&answer, "Content-Type"), "application/json; charset=utf-8");
    let body: serde_json::Value = serde_json::from_str(&text(answer).await).unwrap();
    assert_eq!(body["error"]["code"], "forbidden");
    assert_eq!(body["error"]["message"], "You may not import customers. Your role is agent. Admins may.");
    assert!(body["error"].as_object().unwrap().contains_key("details"));
    let answer = ask(get("/api/v1/fails/signed-out")).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(text(answer).await.contains("a valid API token"));
    assert_eq!(header(&ask(get("/api/v1/fails/busy")).await, "Retry-After"), "60");
    let body: serde_json::Value = serde_json::from_str(&text(ask(get("/api/v1/nowhere")).await).await).unwrap();
    assert_eq!(body["error"]["code"], "not_found");
}

#[actix_web::test]
async fn whoever_is_signed_out_signs_in_and_comes_back() {
    let answer = ask(get("/fails/signed-out?a=1&b=2")).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(header(&answer, "Location"), "/sign-in?next=%2Ffails%2Fsigned-out%3Fa%3D1%26b%3D2");
    let piece = by_htmx(get("/fails/signed-out")).insert_header(("Referer", "https://muster.example/tags?q=x"));
    let answer = ask(piece).await;
    assert_eq!((answer.status(), header(&answer, "HX-Redirect")), (StatusCode::OK, "/sign-in?next=%2Ftags%3Fq%3Dx"));
}

#[actix_web::test]
async fn next_leads_nowhere_but_here() {
    for elsewhere in ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\nb", ""] {
        assert_eq!(muster::web::same_site(elsewhere), None, "{elsewhere:?}");
    }
    assert_eq!(muster::web::same_site("/tags?q=a%2Fb"), Some("/tags?q=a%2Fb"));
}

#[actix_web::test]
async fn htmx_gets_the_piece_and_everybody_else_the_page_it_is_a_piece_of() {
    let whole = text(ask(get("/tags")).await).await;
    let answer = ask(by_htmx(get("/tags"))).await;
    assert_eq!(header(&answer, "Vary"), "HX-Request, HX-Request-Type");
    assert_eq!(header(&answer, "Cache-Control"), "no-store");
    let piece = text(answer).await;
    assert_eq!(piece, "<p id=\"piece\">piece</p>");
    assert!(whole.contains(&piece) && whole.contains("<title>Tags · Muster</title>"));
    let full = get("/tags").insert_header(("HX-Request", "true")).insert_header(("HX-Request-Type", "full"));
    assert_eq!(text(ask(full).await).await, whole);
}

#[actix_web::test]
async fn a_sentence_left_by_a_form_is_shown_once() {
    let form = TestRequest::post().uri("/tags").set_form([("name", "V;IP")]);
    let answer = ask(form).await;
    assert_eq!(header(&answer, "Location"), "/tags");
    let cookie = header(&answer, "Set-Cookie").split(';').next().unwrap().to_string();
    let with_cookie = || get("/tags").insert_header(("Cookie", cookie.clone()));
    let answer = ask(by_htmx(with_cookie())).await;
    assert_eq!(header(&answer, "Set-Cookie"), "", "a piece shows no toast, so it does not use it up");
    let answer = ask(with_cookie()).await;
    assert!(header(&answer, "Set-Cookie").contains("Max-Age=0"));
    assert!(text(answer).await.contains("V;IP was added to 3 customers — größer."));
}

#[actix_web::test]
async fn a_redirect_after_an_htmx_form_moves_the_whole_page() {
    let answer = ask(by_htmx(TestRequest::post().uri("/tags").set_form([("name", "VIP")]))).await;
    assert_eq!(
        (answer.status(), header(&answer, "HX-Redirect"), header(&answer, "Location")),
        (StatusCode::OK, "/tags", "")
    );
}

#[actix_web::test]
async fn every_answer_tells_the_browser_how_far_to_trust_it() {
    for path in ["/tags", "/nowhere", "/fails/broken", "/static/tokens.css", "/api/v1/fails/missing"] {
        let answer = ask(get(path)).await;
        assert!(
            header(&answer, "Content-Security-Policy").starts_with("default-src 'none'; script-src 'self'"),
            "{path}"
        );
        assert_eq!(header(&answer, "X-Content-Type-Options"), "nosniff");
        assert_eq!(header(&answer, "Referrer-Policy"), "same-origin");
        assert_eq!(header(&answer, "Cross-Origin-Opener-Policy"), "same-origin");
        assert!(header(&answer, "Strict-Transport-Security").starts_with("max-age="));
        assert!(header(&answer, "Content-Type").contains("charset=utf-8"), "{path}");
        assert!(!header(&answer, "Cache-Control").is_empty(), "{path}");
    }
}

#[actix_web::test]
async fn an_asset_is_kept_for_ever_under_the_address_of_its_content() {
    let answer = ask(get(assets::url("tokens.css"))).await;
    assert_eq!(header(&answer, "Cache-Control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&answer, "Content-Type"), "text/css; charset=utf-8");
    let sheet = text(answer).await;
    assert!(sheet.contains(assets::url("vendor/inter-latin.woff2")), "fonts are named by their hashed address");
    for missing in [
        "/static/0123456789abcdef/tokens.css",
        "/static/vendor/vendor.lock",
        "/static/vendor/update",
        "/static/../Cargo.toml",
        "/static/%2e%2e/Cargo.toml",
        "/static/..%2fCargo.toml",
        "/static/",
    ] {
        assert_eq!(ask(get(missing)).await.status(), StatusCode::NOT_FOUND, "{missing}");
    }
}

#[actix_web::test]
async fn an_asset_without_its_hash_is_asked_about_again() {
    let answer = ask(get("/static/vendor/htmx.min.js")).await;
    assert_eq!(header(&answer, "Cache-Control"), "no-cache");
    let tag = header(&answer, "ETag").to_string();
    let answer = ask(get("/static/vendor/htmx.min.js").insert_header(("If-None-Match", tag))).await;
    assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
}

#[actix_web::test]
async fn the_chosen_colours_are_in_the_page_before_it_is_drawn() {
    let choose = |theme: &'static str| {
        let from = ("Referer", "https://muster.example/tags?q=1");
        ask(TestRequest::post().uri("/theme").insert_header(from).set_form([("theme", theme)]))
    };
    let answer = choose("dark").await;
    assert_eq!(header(&answer, "Location"), "/tags?q=1");
    assert!(header(&answer, "Set-Cookie").starts_with("theme=dark;"));
    assert!(header(&choose("system").await, "Set-Cookie").contains("Max-Age=0"));
    let dark = text(ask(get("/tags").insert_header(("Cookie", "theme=dark"))).await).await;
    assert!(dark.contains("<html lang=\"en\" data-bs-theme=\"dark\">"));
    let forged = text(ask(get("/tags").insert_header(("Cookie", "theme=\"><script>"))).await).await;
    assert!(forged.contains("<html lang=\"en\">"));
}

#[test]
fn htmx_says_which_piece_it_will_swap() {
    let request = TestRequest::get().insert_header(("HX-Request", "true")).insert_header(("HX-Target", "div#results"));
    let asked = htmx::Htmx::of(request.to_http_request().headers());
    assert_eq!((asked.is_fragment(), asked.target()), (true, Some("results")));
    assert!(show_as(StatusCode::UNPROCESSABLE_ENTITY, &Page { chrome: Chrome::default() }).is_ok());
}
