//! The HTTP API: requests become commands and queries, decisions become answers.
//!
//! No rule is decided here and no SQL is written here. Every route stands in [`router`].

pub mod app;
mod command;
mod context;
pub mod error;
mod extract;
mod geo;
mod health;
mod hooks;
mod key_uses;
pub mod limits;
mod operator;
mod shaping;
mod streams;
mod v1;
mod views;
mod worker;

pub use app::{AppState, Limits, PhoneSender};
pub use key_uses::KeyUses;
pub use limits::{Limiter, Rates};
pub use streams::OpenStreams;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};

/// The largest JSON body in bytes; uploads have limits of their own.
const JSON_LIMIT: usize = 256 * 1024;

/// Every route of the service.
pub fn router(app: AppState) -> Router {
    Router::new()
        .merge(buyer())
        .merge(worker::router())
        .route("/hooks/stripe", post(hooks::stripe))
        .merge(operator::router())
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .fallback(health::no_such_route)
        .method_not_allowed_fallback(health::no_such_method)
        .layer(DefaultBodyLimit::max(JSON_LIMIT))
        .layer(from_fn_with_state(app.clone(), context::layer))
        .with_state(app)
}

fn buyer() -> Router<AppState> {
    Router::new()
        .route("/v1/auth/signup", post(v1::auth::sign_up))
        .route("/v1/auth/phone", post(v1::auth::send_phone_code))
        .route("/v1/auth/phone/verify", post(v1::auth::verify_phone))
        .route("/v1/me", get(v1::me::me))
        .route("/v1/jobs", post(v1::jobs::create::create).get(v1::jobs::list::list))
        .route("/v1/jobs/{id}", get(v1::jobs::get::get))
        .route("/v1/jobs/{id}/cancel", post(v1::jobs::end::cancel))
        .route("/v1/jobs/{id}/rate", post(v1::jobs::end::rate))
        .route("/v1/jobs/{id}/files", get(v1::files::list))
        .route("/v1/jobs/{id}/submissions", get(v1::submissions::list_of_job))
        .route("/v1/jobs/{id}/audit", get(v1::audit_events::list_of_job))
        .route("/v1/submissions", get(v1::submissions::list))
        .route("/v1/submissions/summary", get(v1::submissions::summary))
        .route("/v1/submissions/{id}", get(v1::submissions::get))
        .route("/v1/files/{id}/refresh_url", post(v1::files::refresh_url))
        .route("/v1/api_keys", post(v1::api_keys::create).get(v1::api_keys::list))
        .route("/v1/api_keys/{id}/rotate", post(v1::api_keys::rotate))
        .route("/v1/api_keys/{id}/revoke", post(v1::api_keys::revoke))
        .route("/v1/api_keys/{id}", delete(v1::api_keys::revoke).get(v1::api_keys::get))
        .route("/v1/billing/credits", get(v1::billing::credits))
        .route("/v1/billing/balance", get(v1::billing::credits))
        .route("/v1/billing/transactions", get(v1::billing::transactions))
        .route("/v1/billing/credits/purchase", post(v1::purchases::purchase))
        .route("/v1/billing/purchase", post(v1::purchases::purchase))
        .route("/v1/billing/purchases", get(v1::purchases::list))
        .route("/v1/billing/purchases/{id}", get(v1::purchases::get))
        .route("/v1/billing/statements/{month}", get(v1::statements::get))
        .route("/v1/billing/export", get(v1::exports::export))
        .route(
            "/v1/organization/settings",
            get(v1::organization::settings).patch(v1::organization::change_settings),
        )
        .route("/v1/audit-events", get(v1::audit_events::list))
        .route("/v1/requests/{id}", get(v1::requests::get))
        .merge(webhooks())
}

fn webhooks() -> Router<AppState> {
    use v1::webhook_endpoints as endpoints;
    Router::new()
        .route("/v1/webhook_endpoints", post(endpoints::create::create).get(endpoints::get::list))
        .route(
            "/v1/webhook_endpoints/{id}",
            get(endpoints::get::get)
                .patch(endpoints::change::change)
                .delete(endpoints::change::delete),
        )
        .route(
            "/v1/webhook_endpoints/{id}/rotate_secret",
            post(endpoints::rotate_secret::rotate_secret),
        )
        .route("/v1/webhook_endpoints/{id}/test", post(endpoints::test_event::send))
        .route("/v1/webhook_endpoints/{id}/attempts", get(endpoints::attempts::of_endpoint))
        .route("/v1/webhook_endpoints/{id}/replays", post(endpoints::replays::request))
        .route("/v1/webhook_endpoints/{id}/replays/{replay_id}", get(endpoints::replays::get))
        .route(
            "/v1/webhook_endpoints/{id}/replays/{replay_id}/cancel",
            post(endpoints::replays::cancel),
        )
        .route("/v1/webhook_events", get(v1::webhook_events::list))
        .route("/v1/webhook_events/{id}", get(v1::webhook_events::get))
        .route("/v1/webhook_events/{id}/attempts", get(endpoints::attempts::of_event))
        .route("/v1/webhook_events/{id}/replay", post(v1::webhook_events::replay))
        .route("/v1/events", get(v1::events::pull))
        .route("/v1/events/stream", get(v1::events::stream))
}
