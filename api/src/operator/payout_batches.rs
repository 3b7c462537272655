//! Runs of payouts: `/internal/operator/payout_batches`.

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{Id, JsonBody, Operator, PageParams, PageQuery};
use crate::openapi::schema;
use crate::views::{ListView, PayoutView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use firsthand_domain::ids::{PayoutBatchId, PayoutId};
use firsthand_domain::{State as StreamState, StreamId, Timestamp};
use firsthand_eventstore::payout_batches::{self, PayoutBatch};
use firsthand_projections::Page;
use firsthand_projections::batch_payouts::{self, StatusTotal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The longest name of a run.
const LONGEST_NAME: usize = 64;

/// A run.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = CreatePayoutBatch)]
pub(super) struct BatchRequest {
    /// The operator's name of the run. A name is one run, however often it is asked for.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$", example = "2026-w47")]
    name: String,
}

/// What the payouts with one status come to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutTotal)]
pub(super) struct TotalView {
    #[schema(value_type = schema::PayoutStatus)]
    status: String,
    #[schema(minimum = 0, example = 1)]
    count: i64,
    #[schema(value_type = schema::Cents)]
    amount_cents: i64,
}

/// A run and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayoutBatch)]
pub(super) struct BatchView {
    #[schema(example = "payout_batch")]
    object: &'static str,
    #[schema(value_type = schema::PayoutBatchId)]
    id: PayoutBatchId,
    #[schema(example = "2026-w47")]
    name: String,
    /// `opening`: workers are still looked at. `in_transit`: a payout has no outcome yet. `settled`:
    /// every payout has.
    #[schema(value_type = schema::PayoutBatchStatus)]
    status: &'static str,
    /// Its payouts by their status.
    payouts: Vec<TotalView>,
    /// How many workers have enough and got no payout, by the code of the reason.
    #[schema(value_type = schema::CountsByReason)]
    skipped: BTreeMap<String, u32>,
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    /// When every worker had been looked at.
    #[schema(value_type = Option<schema::Instant>)]
    opened_at: Option<Timestamp>,
}

/// Makes the view of a run.
fn view(batch: PayoutBatch, totals: Vec<StatusTotal>) -> BatchView {
    let status = if batch.opened_at.is_none() {
        "opening"
    } else if totals.iter().any(|total| total.status == "in_transit") {
        "in_transit"
    } else {
        "settled"
    };
    let total = |total: StatusTotal| TotalView {
        status: total.status,
        count: total.count,
        amount_cents: total.amount_cents,
    };
    BatchView {
        object: "payout_batch",
        id: batch.batch_id,
        name: batch.name,
        status,
        payouts: totals.into_iter().map(total).collect(),
        skipped: batch.skipped,
        created_at: Timestamp::from_micros(batch.created_at),
        opened_at: batch.opened_at.map(Timestamp::from_micros),
    }
}

/// Renders runs with their payouts.
async fn views(app: &AppState, batches: Vec<PayoutBatch>) -> Result<Vec<BatchView>, ApiError> {
    // After the runs were read: what they had opened by then is in the read model.
    app.must_catch_up_all().await?;
    let ids: Vec<_> = batches.iter().map(|batch| batch.batch_id).collect();
    let mut totals = batch_payouts::totals(app.store(), &ids).await?;
    let view = |batch: PayoutBatch| {
        let totals = totals.remove(&batch.batch_id).unwrap_or_default();
        view(batch, totals)
    };
    Ok(batches.into_iter().map(view).collect())
}

async fn shown(app: &AppState, batch: PayoutBatch) -> Result<Json<BatchView>, ApiError> {
    let view = views(app, vec![batch]).await?.pop();
    view.map(Json).ok_or(ApiError::NotFound("payout batch"))
}

/// `POST /internal/operator/payout_batches`
#[utoipa::path(
    post,
    path = "/internal/operator/payout_batches",
    operation_id = "create_payout_batch",
    tag = "operator",
    summary = "Pay all workers who have enough",
    description = "Opens a payout of all that is available for every worker with 500 cents or more and a payout account. Each payout has its own outcome: one that fails stops no other. The same name again answers with the same run.",
    request_body = BatchRequest,
    responses(
        (status = 202, description = "The run has begun", body = BatchView),
        (status = 200, description = "The run of that name", body = BatchView),
    ),
    security(("operator_token" = [])),
    extensions(("x-error-codes" = json!(["payments_unavailable", "validation_error"]))),
)]
pub(super) async fn create_batch(
    State(app): State<AppState>,
    _operator: Operator,
    JsonBody(request): JsonBody<BatchRequest>,
) -> Result<(StatusCode, Json<BatchView>), ApiError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if request.name.is_empty()
        || request.name.len() > LONGEST_NAME
        || !request.name.bytes().all(fits)
    {
        let message = "must have 1 to 64 letters, digits, dots, dashes or underscores";
        return Err(ApiError::field("name", message));
    }
    if app.payments.live.is_none() {
        return Err(ApiError::PaymentsUnavailable);
    }
    let id = PayoutBatchId::new(app.mint());
    let now = app.now().micros();
    let (batch, new) = payout_batches::file(app.store(), id, &request.name, now).await?;
    if new {
        return Ok((StatusCode::ACCEPTED, Json(view(batch, Vec::new()))));
    }
    Ok((StatusCode::OK, shown(&app, batch).await?))
}

/// `GET /internal/operator/payout_batches/{id}`
#[utoipa::path(
    get,
    path = "/internal/operator/payout_batches/{id}",
    operation_id = "get_payout_batch",
    tag = "operator",
    summary = "Show a run of payouts",
    description = "With its payouts by their status.",
    params(("id" = schema::PayoutBatchId, Path, description = "The run")),
    responses((status = 200, description = "The run", body = BatchView)),
    security(("operator_token" = [])),
)]
pub(super) async fn get_batch(
    State(app): State<AppState>,
    _operator: Operator,
    Id(id): Id<PayoutBatchId>,
) -> Result<Json<BatchView>, ApiError> {
    let batch = payout_batches::get(app.store(), id).await?;
    shown(&app, batch.ok_or(ApiError::NotFound("payout batch"))?).await
}

/// `GET /internal/operator/payout_batches`
#[utoipa::path(
    get,
    path = "/internal/operator/payout_batches",
    operation_id = "list_payout_batches",
    tag = "operator",
    summary = "List runs of payouts",
    description = "Newest first.",
    params(PageParams),
    responses((status = 200, description = "A page of runs", body = ListView<BatchView>)),
    security(("operator_token" = [])),
)]
pub(super) async fn list_batches(
    State(app): State<AppState>,
    _operator: Operator,
    PageQuery(_, paging): PageQuery,
) -> Result<Json<ListView<BatchView>>, ApiError> {
    let request = paging.by_id::<PayoutBatchId>()?;
    let rows =
        payout_batches::list(app.store(), request.after.as_deref(), request.limit + 1).await?;
    let page = Page::of(rows, request.limit);
    let page = Page { items: views(&app, page.items).await?, has_more: page.has_more };
    Ok(Json(paging.list(page, |last| last.id.to_string())))
}

/// `GET /internal/operator/payout_batches/{id}/payouts`
#[utoipa::path(
    get,
    path = "/internal/operator/payout_batches/{id}/payouts",
    operation_id = "list_batch_payouts",
    tag = "operator",
    summary = "List the payouts of a run",
    description = "Newest first, each with its outcome.",
    params(PageParams, ("id" = schema::PayoutBatchId, Path, description = "The run")),
    responses((status = 200, description = "A page of payouts", body = ListView<PayoutView>)),
    security(("operator_token" = [])),
)]
pub(super) async fn list_payouts(
    State(app): State<AppState>,
    _operator: Operator,
    Id(id): Id<PayoutBatchId>,
    PageQuery(_, paging): PageQuery,
) -> Result<Json<ListView<PayoutView>>, ApiError> {
    let request = paging.by_id::<PayoutId>()?;
    app.must_catch_up_all().await?;
    let after = request.after.as_deref();
    let page = batch_payouts::list(app.store(), id, after, request.limit).await?;
    if page.items.is_empty() {
        // Only then may there be no such run.
        payout_batches::get(app.store(), id).await?.ok_or(ApiError::NotFound("payout batch"))?;
    }
    let page = page.try_map(|(stream, state)| match (stream, state) {
        (StreamId::Payout(id), StreamState::Payout(payout)) => Ok(PayoutView::new(id, &payout)),
        _ => Err(ApiError::Internal(format!("{stream} is no payout"))),
    })?;
    Ok(Json(paging.list(page, |last| last.id.to_string())))
}
