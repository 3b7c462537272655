//! The document's own pages: the interactive reference (bundled, nothing is loaded from elsewhere),
//! its twins in Markdown, and what agents read.

use super::{complete, document, error_pages, markdown};
use crate::app::AppState;
use crate::error::ApiError;
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::Config;

/// The reference may load from this service and send to it, and nothing else. It sets styles on its
/// elements, and its icons are data.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'none'";

const HTML: &str = "text/html; charset=utf-8";
const MARKDOWN: &str = "text/markdown; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

static TEXT: LazyLock<String> = LazyLock::new(super::text);
static FULL: LazyLock<String> = LazyLock::new(|| markdown::everything(document()));

/// Routes that are pages, not operations.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/openapi.json", get(async || answer(JSON, TEXT.as_str())))
        .route("/llms.txt", get(async || answer(PLAIN, markdown::index(document()))))
        .route("/llms-full.txt", get(async || answer(PLAIN, FULL.as_str())))
        .route("/docs.md", get(async || answer(MARKDOWN, FULL.as_str())))
        .route("/docs", get(async || reference(None)))
        .route("/docs/", get(async || reference(None)))
        .route("/docs/{*page}", get(page))
}

fn answer(kind: &'static str, body: impl Into<Body>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, body.into()).into_response()
}

async fn page(Path(page): Path<String>) -> Result<Response, ApiError> {
    if let Some(rest) = page.strip_prefix("errors") {
        return error_page(rest).ok_or(ApiError::NoSuchRoute(None));
    }
    if page == "openapi.json" {
        return Ok(answer(JSON, shown(None).to_string()));
    }
    if let Some(tag) = page.strip_suffix(".md").and_then(known) {
        return Ok(answer(MARKDOWN, markdown::page(document(), tag)));
    }
    if let Some(tag) = known(&page) {
        return Ok(reference(Some(tag)));
    }
    match page.split_once('/') {
        Some((tag, "openapi.json")) if known(tag).is_some() => {
            Ok(answer(JSON, shown(Some(tag)).to_string()))
        }
        Some((tag, "swagger-initializer.js")) if known(tag).is_some() => {
            asset("swagger-initializer.js", &format!("/docs/{tag}/openapi.json"))
        }
        _ => asset(&page, "/docs/openapi.json"),
    }
}

/// The page of an error or its twin, by what follows `/docs/errors`.
fn error_page(rest: &str) -> Option<Response> {
    let (name, text) = rest.strip_suffix(".md").map_or((rest, false), |name| (name, true));
    let code = if name.is_empty() { None } else { Some(name.strip_prefix('/')?) };
    if text {
        return Some(answer(MARKDOWN, error_pages::markdown(code)?));
    }
    let twin = format!("{}{name}.md", error_pages::PLACE);
    Some(guarded(answer(HTML, error_pages::html(code)?), &twin))
}

/// The tag of that name.
fn known(name: &str) -> Option<&'static str> {
    let tags = document()["tags"].as_array()?;
    tags.iter().filter_map(|tag| tag["name"].as_str()).find(|tag| *tag == name)
}

/// The document as the reference shows it: of one tag or all, and tried out where it is served.
fn shown(tag: Option<&str>) -> Value {
    let mut shown = document().clone();
    let mut servers = complete::servers();
    if let Some(servers) = servers.as_array_mut() {
        servers.reverse();
    }
    shown["servers"] = servers;
    let Some(tag) = tag else { return shown };
    let has = |operation: &Value| {
        operation["tags"].as_array().is_some_and(|tags| tags.contains(&json!(tag)))
    };
    for part in ["paths", "webhooks"] {
        let Some(items) = shown[part].as_object_mut() else { continue };
        for item in items.values_mut() {
            if let Some(methods) = item.as_object_mut() {
                methods.retain(|_, operation| has(operation));
            }
        }
        items.retain(|_, item| item.as_object().is_some_and(|methods| !methods.is_empty()));
    }
    if let Some(tags) = shown["tags"].as_array_mut() {
        tags.retain(|known| known["name"] == tag);
    }
    shown
}

fn file(name: &str, document: &str) -> Option<(Vec<u8>, String)> {
    let config = Config::from(document.to_owned())
        .deep_linking(true)
        .display_operation_id(true)
        .try_it_out_enabled(true);
    let found = utoipa_swagger_ui::serve(name, Arc::new(config)).ok().flatten()?;
    Some((found.bytes.into_owned(), found.content_type))
}

fn asset(name: &str, document: &str) -> Result<Response, ApiError> {
    let (bytes, kind) = file(name, document).ok_or(ApiError::NoSuchRoute(None))?;
    let mut response = answer(PLAIN, bytes);
    let kind = HeaderValue::from_str(&kind).map_err(|_invalid| ApiError::NoSuchRoute(None))?;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// The interactive reference, of one tag or all.
fn reference(tag: Option<&str>) -> Response {
    let twin = tag.map_or_else(|| "/docs.md".to_owned(), |tag| format!("/docs/{tag}.md"));
    let place = tag.map_or_else(|| "/docs".to_owned(), |tag| format!("/docs/{tag}"));
    let (bytes, _) = file("index.html", "").unwrap_or_default();
    let link = format!(r#"<link rel="alternate" type="text/markdown" href="{twin}" /></head>"#);
    let page = String::from_utf8_lossy(&bytes)
        .replace("./swagger-initializer.js", &format!("{place}/swagger-initializer.js"))
        .replace("\"./", "\"/docs/")
        .replace("href=\"index.css\"", "href=\"/docs/index.css\"")
        .replace("<title>Swagger UI</title>", "<title>FirstHandAPI reference</title>")
        .replace("</head>", &link);
    guarded(answer(HTML, page), &twin)
}

/// A page for browsers: what it may load, and where its text is.
fn guarded(mut response: Response, twin: &str) -> Response {
    let headers = response.headers_mut();
    let policy = HeaderName::from_static("content-security-policy");
    headers.insert(policy, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(link) =
        HeaderValue::from_str(&format!(r#"<{twin}>; rel="alternate"; type="text/markdown""#))
    {
        headers.insert(header::LINK, link);
    }
    response
}
