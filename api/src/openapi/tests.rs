//! The document and the code say the same.

use super::complete::operations;
use super::components::references;
use super::{document, errors};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Pages, which are no operations.
const PAGES: [&str; 7] = [
    "/docs",
    "/docs.md",
    "/docs/",
    "/docs/{*page}",
    "/llms-full.txt",
    "/llms.txt",
    "/openapi.json",
];

/// Every route with its methods. axum tells them only to who debugs: if it ever tells them in
/// other words, nothing is found and the tests fail.
fn routes() -> BTreeMap<String, BTreeSet<String>> {
    let told = format!("{:?}", crate::every_route());
    let (told, _) = told.split_once("fallback_router:").expect("axum tells where its routes end");
    let (mut paths, mut methods) = (BTreeMap::new(), BTreeMap::new());
    for told in told.split("RouteId(").skip(1) {
        let (id, told) = told.split_once("): ").expect("an id and what it names");
        if let Some(path) = told.strip_prefix('"') {
            paths.insert(id, path.split('"').next().expect("a path"));
        } else {
            let allowed = told.split("allow_header: Bytes(b\"").nth(1).expect("methods");
            methods.insert(id, allowed.split('"').next().expect("an end"));
        }
    }
    let allowed = |id: &str| methods[id].split(',').map(str::to_lowercase);
    paths
        .iter()
        .map(|(id, path)| {
            // HEAD is GET without the body; no operation describes it.
            ((*path).to_owned(), allowed(id).filter(|method| method != "head").collect())
        })
        .collect()
}

#[test]
fn every_route_has_its_operation_and_every_operation_its_route() {
    let mut routes = routes();
    for page in PAGES {
        assert!(routes.remove(page).is_some(), "the page {page} is gone");
    }
    let mut described: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, method) in operations(document()) {
        described.entry(path).or_default().insert(method);
    }
    assert!(routes.len() > 45, "only {} routes", routes.len());
    assert_eq!(routes, described);
}

#[test]
fn every_operation_is_complete() {
    let mut ids = BTreeSet::new();
    for (path, method) in operations(document()) {
        let operation = &document()["paths"][&path][&method];
        let id = operation["operationId"].as_str().expect("an id");
        assert!(ids.insert(id), "{id} is given twice");
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{id}");
        for field in ["summary", "description"] {
            assert!(operation[field].as_str().is_some_and(|text| !text.is_empty()), "{id} {field}");
        }
        assert!(operation["security"].is_array(), "{id} does not say what opens it");
        let bodies = operation["responses"].as_object().expect("responses");
        let bodies = bodies.values().chain(operation.get("requestBody"));
        for media in bodies.filter_map(|body| body["content"].get("application/json")) {
            assert!(media.get("example").or(media.get("examples")).is_some(), "{id}: no example");
        }
    }
}

#[test]
fn every_error_code_that_an_operation_names_is_known() {
    let catalogue = errors::catalogue();
    for (path, method) in operations(document()) {
        let codes = document()["paths"][&path][&method]["x-error-codes"].as_array();
        for code in codes.expect("codes") {
            assert!(catalogue.contains_key(code.as_str().expect("a code")), "{path}: {code}");
        }
    }
}

#[test]
fn every_error_page_is_in_the_catalogue() {
    let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
    let catalogue = errors::catalogue();
    let mut seen = 0;
    for page in std::fs::read_dir(pages).expect("the pages of errors").flatten() {
        let name = page.file_name().to_string_lossy().replace(".md", "");
        if name != "README" {
            assert!(catalogue.contains_key(&name), "{name} is not in the catalogue");
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} pages");
}

#[test]
fn everything_that_is_referred_to_is_there() {
    for place in references(document()) {
        let found = document().pointer(place.trim_start_matches('#'));
        assert!(found.is_some_and(Value::is_object), "{place} is not there");
    }
}

#[test]
fn pages_are_made_for_every_tag() {
    let full = super::markdown::everything(document());
    let index = super::markdown::index(document());
    for (path, method) in operations(document()) {
        let named = format!("`{} {path}`", method.to_uppercase());
        assert!(full.contains(&named), "{named} is not on the full page");
        assert!(index.contains(&named), "{named} is not in the index");
    }
}
