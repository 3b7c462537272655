//! The OpenAPI document: made of the router's own annotations, completed with what all operations
//! share, and never written by hand.
//!
//! A route is registered together with its operation ([`crate::documented`]), so neither can be
//! without the other.

mod complete;
mod components;
mod error_pages;
mod errors;
mod examples;
mod headers;
mod markdown;
pub(crate) mod pages;
mod params;
pub(crate) mod schema;
mod webhooks;

pub(crate) use params::{
    IfMatchParam, KeyOptional, KeyRequired, KeyUnlessDry, LastEventId, Prefer, StripeSignature,
};

use crate::app::AppState;
use axum::routing::MethodRouter;
use serde_json::Value;
use std::sync::LazyLock;
use utoipa::openapi::path::{Operation, Paths};
use utoipa::openapi::{HttpMethod, PathItem};
use utoipa_axum::router::UtoipaMethodRouter;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let annotated = serde_json::to_value(crate::documented().into_openapi());
    complete::document(annotated.unwrap_or_default())
});

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The document as it is served and printed.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(document()).unwrap_or_default();
    text.push('\n');
    text
}

/// Registers an operation under another method or path too, with an id of its own.
pub(crate) fn alias(
    (schemas, paths, _): UtoipaMethodRouter<AppState>,
    (method, path): (HttpMethod, &str),
    operation_id: &str,
    handler: MethodRouter<AppState>,
) -> UtoipaMethodRouter<AppState> {
    let known = |item: PathItem| item.get.or(item.post).or(item.patch);
    let mut operation: Operation =
        paths.paths.into_values().find_map(known).unwrap_or_else(Operation::new);
    operation.operation_id = Some(operation_id.to_owned());
    let mut aliased = Paths::new();
    aliased.paths.insert(path.to_owned(), PathItem::new(method, operation));
    (schemas, aliased, handler)
}

#[cfg(test)]
mod tests;
