//! The worker's API (spec sections 11 and 21).

mod account;
mod admission;
mod earnings;
mod form;
mod jobs;
mod payouts;
mod receive;
mod strikes;
mod submissions;

pub use admission::DailyCaps;
pub(crate) use strikes::{LONGEST_REASON, one_of};

use crate::app::AppState;
use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Every route of the worker's API. Uploads are streamed and have limits of their own.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    let uploads = OpenApiRouter::default()
        .routes(routes!(submissions::upload))
        .routes(routes!(submissions::retry))
        .layer(DefaultBodyLimit::max(form::most_bytes()));
    OpenApiRouter::default()
        .routes(routes!(account::register))
        .routes(routes!(account::me))
        .routes(routes!(jobs::available))
        .routes(routes!(jobs::accept))
        .routes(routes!(jobs::withdraw))
        .routes(routes!(jobs::flag))
        .routes(routes!(submissions::list))
        .routes(routes!(submissions::get))
        .routes(routes!(submissions::withdraw))
        .routes(routes!(earnings::list))
        .routes(routes!(earnings::set_account))
        .routes(routes!(payouts::request, payouts::list))
        .routes(routes!(payouts::get))
        .routes(routes!(strikes::list))
        .routes(routes!(strikes::appeal, strikes::list_appeals))
        .routes(routes!(strikes::get_appeal))
        .merge(uploads)
}
