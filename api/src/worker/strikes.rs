//! A worker's strikes, and appeals against them.

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Id, JsonBody, Keyed, PageParams, PageQuery, WorkerAuth};
use crate::openapi::{KeyOptional, schema};
use crate::views::{AppealView, ListView, StrikeView};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use firsthand_domain::appeals::{AppealStatus, OpenAppeal};
use firsthand_domain::ids::{AppealId, SubmissionId};
use firsthand_domain::workers::{Strike, StrikeStatus};
use firsthand_domain::{Book, State as StreamState, StreamId, decision};
use firsthand_projections::Page;
use firsthand_projections::states;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest reason in characters.
pub(crate) const LONGEST_REASON: usize = 2_000;

/// Reads a status that a list is filtered by.
pub(crate) fn one_of(names: &[&str], status: Option<String>) -> Result<Option<String>, ApiError> {
    match status {
        Some(status) if !names.contains(&status.as_str()) => {
            Err(ApiError::field("status", format!("must be one of {}", names.join(", "))))
        }
        status => Ok(status),
    }
}

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StrikesQuery {
    #[param(value_type = schema::StrikeStatus, required = false)]
    status: Option<String>,
}

/// `GET /internal/worker/strikes`
#[utoipa::path(
    get,
    path = "/internal/worker/strikes",
    operation_id = "list_strikes",
    tag = "workers",
    summary = "List the strikes of this worker",
    description = "Newest first. Three within 30 days suspend for seven days, five ban; a lifted one does not count.",
    params(StrikesQuery, PageParams),
    responses((status = 200, description = "A page of strikes", body = ListView<StrikeView>)),
    security(("worker_token" = [])),
)]
pub(super) async fn list(
    auth: WorkerAuth,
    PageQuery(query, paging): PageQuery<StrikesQuery>,
) -> Result<Json<ListView<StrikeView>>, ApiError> {
    let status = one_of(&StrikeStatus::NAMES, query.status)?;
    let request = paging.by_id::<SubmissionId>()?;
    let mut strikes: Vec<_> = auth.worker.strikes.iter().rev().collect();
    if let Some(after) = request.after {
        let seen = |strike: &&Strike| strike.submission_id.to_string() == after;
        let seen = strikes.iter().position(seen);
        strikes.drain(..seen.map_or(0, |seen| seen + 1));
    }
    if let Some(status) = status {
        strikes.retain(|strike| strike.status.as_str() == status);
    }
    let page = Page::of(strikes, request.limit).map(StrikeView::new);
    Ok(Json(paging.list(page, |last| last.submission_id.to_string())))
}

/// An appeal.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = MakeAppeal)]
pub(super) struct AppealRequest {
    /// The submission that the strike was given for.
    #[schema(value_type = schema::SubmissionId)]
    submission_id: String,
    #[schema(
        min_length = 1,
        max_length = 2_000,
        pattern = r"\S",
        example = "The sign is in the picture, on the left."
    )]
    reason: String,
}

/// `POST /internal/worker/appeals`
#[utoipa::path(
    post,
    path = "/internal/worker/appeals",
    operation_id = "make_appeal",
    tag = "workers",
    summary = "Appeal against a strike",
    description = "Once. The strike counts until the operator has decided; if it is lifted, a suspension that rests on it ends.",
    params(KeyOptional),
    request_body = AppealRequest,
    responses((status = 201, description = "The appeal", body = AppealView)),
    security(("worker_token" = [])),
    extensions(("x-error-codes" = json!(["not_found", "already_appealed", "validation_error"]))),
)]
pub(super) async fn appeal(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    auth: WorkerAuth,
    keyed: Keyed,
    JsonBody(request): JsonBody<AppealRequest>,
) -> Result<Response, ApiError> {
    let reason = request.reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(ApiError::field("reason", "must have 1 to 2000 characters"));
    }
    let submission_id = request.submission_id.parse();
    let submission_id = submission_id.map_err(|_invalid| ApiError::NotFound("strike"))?;
    let appeal_id = AppealId::in_slot(app.mint(), auth.id.slot());
    let call = Call {
        command: OpenAppeal {
            appeal_id,
            worker_id: auth.id,
            submission_id,
            reason: reason.to_owned(),
        },
        stream: StreamId::Worker(auth.id),
        actor: auth.id.to_string(),
        key: keyed.key(&auth.id.to_string(), &request),
    };
    call.answer(&app, &context, StatusCode::CREATED, move |view| {
        Ok(to_json(&AppealView::new(appeal_id, decision::appeal(view, appeal_id)?)))
    })
    .await
}

/// `GET /internal/worker/appeals/{id}`
#[utoipa::path(
    get,
    path = "/internal/worker/appeals/{id}",
    operation_id = "get_appeal",
    tag = "workers",
    summary = "Show an appeal of this worker",
    description = "And what became of it.",
    params(("id" = schema::AppealId, Path, description = "The appeal")),
    responses((status = 200, description = "The appeal", body = AppealView)),
    security(("worker_token" = [])),
)]
pub(super) async fn get_appeal(
    State(app): State<AppState>,
    auth: WorkerAuth,
    Id(id): Id<AppealId>,
) -> Result<Json<AppealView>, ApiError> {
    let found = states::get(app.store(), Book::Worker(auth.id), StreamId::Appeal(id)).await?;
    match found.map(|found| found.state) {
        Some(StreamState::Appeal(appeal)) if appeal.exists() => {
            Ok(Json(AppealView::new(id, &appeal)))
        }
        _ => Err(ApiError::NotFound("appeal")),
    }
}

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AppealsQuery {
    #[param(value_type = schema::AppealStatus, required = false)]
    status: Option<String>,
}

/// `GET /internal/worker/appeals`
#[utoipa::path(
    get,
    path = "/internal/worker/appeals",
    operation_id = "list_appeals",
    tag = "workers",
    summary = "List the appeals of this worker",
    description = "Newest first.",
    params(AppealsQuery, PageParams),
    responses((status = 200, description = "A page of appeals", body = ListView<AppealView>)),
    security(("worker_token" = [])),
)]
pub(super) async fn list_appeals(
    State(app): State<AppState>,
    auth: WorkerAuth,
    PageQuery(query, paging): PageQuery<AppealsQuery>,
) -> Result<Json<ListView<AppealView>>, ApiError> {
    let status = one_of(&AppealStatus::NAMES, query.status)?;
    let statuses: Vec<_> = status.as_deref().into_iter().collect();
    let request = paging.by_id::<AppealId>()?;
    let book = Book::Worker(auth.id);
    let page = states::list(app.store(), book, "appeal", &statuses, &request).await?;
    let page = page.try_map(|item| match (item.stream, item.state) {
        (StreamId::Appeal(id), StreamState::Appeal(appeal)) => Ok(AppealView::new(id, &appeal)),
        _ => Err(ApiError::Internal(format!("{} is no appeal", item.stream))),
    })?;
    Ok(Json(paging.list(page, |last| last.id.to_string())))
}
