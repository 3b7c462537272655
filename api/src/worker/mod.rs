//! The worker's API (spec sections 11 and 21).

mod account;
mod jobs;
mod receive;
mod submissions;

use crate::app::AppState;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

/// Every route of the worker's API. Uploads are streamed and have limits of their own.
pub(crate) fn router() -> Router<AppState> {
    let uploads = Router::new()
        .route("/internal/worker/submissions/{id}/upload", post(submissions::upload))
        .route("/internal/worker/submissions/{id}/retry", post(submissions::retry))
        .layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/internal/worker/register", post(account::register))
        .route("/internal/worker/me", get(account::me))
        .route("/internal/worker/jobs/available", get(jobs::available))
        .route("/internal/worker/jobs/{id}/accept", post(jobs::accept))
        .route("/internal/worker/jobs/{id}/withdraw", post(jobs::withdraw))
        .route("/internal/worker/jobs/{id}/flag", post(jobs::flag))
        .route("/internal/worker/submissions", get(submissions::list))
        .route("/internal/worker/submissions/{id}", get(submissions::get))
        .route("/internal/worker/submissions/{id}/withdraw", post(submissions::withdraw))
        .merge(uploads)
}
