//! The HTTP API: requests become commands and queries, decisions become answers.
//!
//! No rule is decided here and no SQL is written here. Every route stands in [`router`].

pub mod app;
mod begun;
mod command;
mod context;
pub mod error;
mod extract;
mod geo;
mod health;
mod hooks;
mod key_uses;
pub mod limits;
pub mod openapi;
mod operator;
mod refusals;
mod shaping;
mod streams;
mod v1;
mod views;
mod worker;

pub use app::{AppState, Limits, PhoneSender};
pub use begun::BegunSubmissions;
pub use key_uses::KeyUses;
pub use limits::{Limiter, Rates};
pub use refusals::Refusals;
pub use streams::OpenStreams;
pub use worker::DailyCaps;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use openapi::alias;
use utoipa::openapi::HttpMethod;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The largest JSON body in bytes; uploads have limits of their own.
const JSON_LIMIT: usize = 256 * 1024;

/// The service: every route, and what surrounds them.
pub fn router(app: AppState) -> Router {
    surrounded(every_route(), app)
}

/// What a process answers that serves no buyer: how it is.
pub fn health_router(app: AppState) -> Router {
    surrounded(health_routes().into(), app)
}

fn surrounded(routes: Router<AppState>, app: AppState) -> Router {
    routes
        .fallback(health::no_such_route)
        .method_not_allowed_fallback(health::no_such_method)
        .layer(DefaultBodyLimit::max(JSON_LIMIT))
        .layer(from_fn_with_state(app.clone(), context::layer))
        .with_state(app)
}

/// Every route of the service. No route is added elsewhere, so that a test of this finds them all.
fn every_route() -> Router<AppState> {
    Router::from(documented()).merge(openapi::pages::router())
}

/// Every route that the OpenAPI document describes: all but the document's own pages.
fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .merge(buyer())
        .merge(worker::router())
        .merge(operator::router())
        .routes(routes!(hooks::stripe))
        .merge(health_routes())
}

fn health_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

fn buyer() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(v1::auth::sign_up))
        .routes(routes!(v1::auth::send_phone_code))
        .routes(routes!(v1::auth::verify_phone))
        .routes(routes!(v1::me::me))
        .routes(routes!(v1::jobs::create::create, v1::jobs::list::list))
        .routes(routes!(v1::jobs::get::get))
        .routes(routes!(v1::jobs::end::cancel))
        .routes(routes!(v1::jobs::end::rate))
        .routes(routes!(v1::files::list))
        .routes(routes!(v1::submissions::list_of_job))
        .routes(routes!(v1::audit_events::list_of_job))
        .routes(routes!(v1::submissions::list))
        .routes(routes!(v1::submissions::summary))
        .routes(routes!(v1::submissions::get))
        .routes(routes!(v1::files::refresh_url))
        .routes(routes!(v1::api_keys::create, v1::api_keys::list))
        .routes(routes!(v1::api_keys::get))
        .routes(routes!(v1::api_keys::rotate))
        .routes(routes!(v1::api_keys::revoke))
        .routes(alias(
            routes!(v1::api_keys::revoke),
            (HttpMethod::Delete, "/v1/api_keys/{id}"),
            "delete_api_key",
            delete(v1::api_keys::revoke),
        ))
        .routes(routes!(v1::billing::credits))
        .routes(alias(
            routes!(v1::billing::credits),
            (HttpMethod::Get, "/v1/billing/balance"),
            "get_balance",
            get(v1::billing::credits),
        ))
        .routes(routes!(v1::billing::transactions))
        .routes(routes!(v1::purchases::purchase))
        .routes(alias(
            routes!(v1::purchases::purchase),
            (HttpMethod::Post, "/v1/billing/purchase"),
            "purchase",
            post(v1::purchases::purchase),
        ))
        .routes(routes!(v1::purchases::list))
        .routes(routes!(v1::purchases::get))
        .routes(routes!(v1::statements::get))
        .routes(routes!(v1::exports::export))
        .routes(routes!(v1::organization::settings, v1::organization::change_settings))
        .routes(routes!(v1::audit_events::list))
        .routes(routes!(v1::requests::get))
        .routes(routes!(v1::test_clock::create, v1::test_clock::get))
        .routes(routes!(v1::test_clock::advance))
        .merge(webhooks())
}

fn webhooks() -> OpenApiRouter<AppState> {
    use v1::webhook_endpoints as endpoints;
    OpenApiRouter::default()
        .routes(routes!(endpoints::create::create, endpoints::get::list))
        .routes(routes!(endpoints::get::get, endpoints::change::change, endpoints::change::delete))
        .routes(routes!(endpoints::rotate_secret::rotate_secret))
        .routes(routes!(endpoints::test_event::send))
        .routes(routes!(endpoints::attempts::of_endpoint))
        .routes(routes!(endpoints::replays::request))
        .routes(routes!(endpoints::replays::get))
        .routes(routes!(endpoints::replays::cancel))
        .routes(routes!(v1::webhook_events::list))
        .routes(routes!(v1::webhook_events::get))
        .routes(routes!(endpoints::attempts::of_event))
        .routes(routes!(v1::webhook_events::replay))
        .routes(routes!(v1::events::pull))
        .routes(routes!(v1::events::stream))
}
