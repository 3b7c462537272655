//! A worker's payouts: ask for one, follow them.

use super::strikes::one_of;
use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Id, JsonBody, Keyed, PageParams, PageQuery, WorkerAuth};
use crate::openapi::{KeyOptional, schema};
use crate::views::{ListView, PayoutView};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use firsthand_domain::ids::PayoutId;
use firsthand_domain::payouts::{MINIMUM, OpenPayout, PayoutStatus};
use firsthand_domain::{Book, Cents, State as StreamState, StreamId, decision};
use firsthand_projections::states;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The largest payout: ten million dollars.
const MOST: i64 = 1_000_000_000;

/// How much to pay out.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = RequestPayout)]
pub(super) struct PayoutRequest {
    /// Default: all that is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 500, maximum = 1_000_000_000, example = 500)]
    amount_cents: Option<i64>,
}

/// `POST /internal/worker/payouts`
#[utoipa::path(
    post,
    path = "/internal/worker/payouts",
    operation_id = "request_payout",
    tag = "workers",
    summary = "Ask for a payout",
    description = "Of all that is available, or of `amount_cents`; 500 cents at least, and one at a time. What is asked for is set aside at once and is on its way: the payout is `paid` or `failed` later, and a failed one can be asked for again. A suspension does not matter: what was approved was earned.",
    params(KeyOptional),
    request_body = PayoutRequest,
    responses((status = 201, description = "The payout", body = PayoutView)),
    security(("worker_token" = [])),
    extensions(("x-error-codes" = json!(["payout_in_flight", "no_payout_account", "payout_below_minimum", "insufficient_earnings", "payments_unavailable", "validation_error"]))),
)]
pub(super) async fn request(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    auth: WorkerAuth,
    keyed: Keyed,
    JsonBody(request): JsonBody<PayoutRequest>,
) -> Result<Response, ApiError> {
    if request.amount_cents.is_some_and(|cents| !(MINIMUM.get()..=MOST).contains(&cents)) {
        return Err(ApiError::field(
            "amount_cents",
            format!("must be {} to {MOST}", MINIMUM.get()),
        ));
    }
    if app.payments.live.is_none() {
        return Err(ApiError::PaymentsUnavailable);
    }
    let payout_id = PayoutId::in_slot(app.mint(), auth.id.slot());
    let call = Call {
        command: OpenPayout {
            worker_id: auth.id,
            payout_id,
            amount: request.amount_cents.map(Cents::new),
            batch_id: None,
        },
        stream: StreamId::Worker(auth.id),
        actor: auth.id.to_string(),
        key: keyed.key(&auth.id.to_string(), &request),
    };
    call.answer(&app, &context, StatusCode::CREATED, move |view| {
        Ok(to_json(&PayoutView::new(payout_id, decision::payout(view, payout_id)?)))
    })
    .await
}

/// `GET /internal/worker/payouts/{id}`
#[utoipa::path(
    get,
    path = "/internal/worker/payouts/{id}",
    operation_id = "get_payout",
    tag = "workers",
    summary = "Show a payout of this worker",
    description = "And where it stands.",
    params(("id" = schema::PayoutId, Path, description = "The payout")),
    responses((status = 200, description = "The payout", body = PayoutView)),
    security(("worker_token" = [])),
)]
pub(super) async fn get(
    State(app): State<AppState>,
    auth: WorkerAuth,
    Id(id): Id<PayoutId>,
) -> Result<Json<PayoutView>, ApiError> {
    let found = states::get(app.store(), Book::Worker(auth.id), StreamId::Payout(id)).await?;
    match found.map(|found| found.state) {
        Some(StreamState::Payout(payout)) if payout.exists() => {
            Ok(Json(PayoutView::new(id, &payout)))
        }
        _ => Err(ApiError::NotFound("payout")),
    }
}

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PayoutsQuery {
    #[param(value_type = schema::PayoutStatus, required = false)]
    status: Option<String>,
}

/// `GET /internal/worker/payouts`
#[utoipa::path(
    get,
    path = "/internal/worker/payouts",
    operation_id = "list_payouts",
    tag = "workers",
    summary = "List the payouts of this worker",
    description = "Newest first.",
    params(PayoutsQuery, PageParams),
    responses((status = 200, description = "A page of payouts", body = ListView<PayoutView>)),
    security(("worker_token" = [])),
)]
pub(super) async fn list(
    State(app): State<AppState>,
    auth: WorkerAuth,
    PageQuery(query, paging): PageQuery<PayoutsQuery>,
) -> Result<Json<ListView<PayoutView>>, ApiError> {
    let status = one_of(&PayoutStatus::NAMES, query.status)?;
    let statuses: Vec<_> = status.as_deref().into_iter().collect();
    let request = paging.by_id::<PayoutId>()?;
    let book = Book::Worker(auth.id);
    let page = states::list(app.store(), book, "payout", &statuses, &request).await?;
    let page = page.try_map(|item| match (item.stream, item.state) {
        (StreamId::Payout(id), StreamState::Payout(payout)) => Ok(PayoutView::new(id, &payout)),
        _ => Err(ApiError::Internal(format!("{} is no payout", item.stream))),
    })?;
    Ok(Json(paging.list(page, |last| last.id.to_string())))
}
