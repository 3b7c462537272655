//! Appeals of all workers: `/internal/operator/appeals`.

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Id, JsonBody, Keyed, Operator, PageParams, PageQuery};
use crate::openapi::{KeyOptional, schema};
use crate::views::{AppealView, ListView};
use crate::worker::{LONGEST_REASON, one_of};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use firsthand_domain::appeals::{AppealStatus, DecideAppeal, Outcome};
use firsthand_domain::ids::AppealId;
use firsthand_domain::{State as StreamState, StreamId, decision};
use firsthand_projections::appeals;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AllAppealsQuery {
    #[param(value_type = schema::AppealStatus, required = false)]
    status: Option<String>,
}

/// `GET /internal/operator/appeals`
#[utoipa::path(
    get,
    path = "/internal/operator/appeals",
    operation_id = "list_all_appeals",
    tag = "operator",
    summary = "List the appeals of all workers",
    description = "Newest first; `status=open` for those that wait.",
    params(AllAppealsQuery, PageParams),
    responses((status = 200, description = "A page of appeals", body = ListView<AppealView>)),
    security(("operator_token" = [])),
)]
pub(super) async fn list_appeals(
    State(app): State<AppState>,
    _operator: Operator,
    PageQuery(query, paging): PageQuery<AllAppealsQuery>,
) -> Result<Json<ListView<AppealView>>, ApiError> {
    let status = one_of(&AppealStatus::NAMES, query.status)?;
    let request = paging.by_id::<AppealId>()?;
    let page = appeals::list(app.store(), status.as_deref(), &request).await?;
    let page = page.try_map(|(stream, state)| match (stream, state) {
        (StreamId::Appeal(id), StreamState::Appeal(appeal)) => Ok(AppealView::new(id, &appeal)),
        _ => Err(ApiError::Internal(format!("{stream} is no appeal"))),
    })?;
    Ok(Json(paging.list(page, |last| last.id.to_string())))
}

/// What is decided.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AppealDecision)]
pub(super) enum Decision {
    /// The strike does not count any more, and what rests on it ends.
    Lift,
    /// The strike counts.
    Uphold,
}

/// A decision.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = DecideAppeal)]
pub(super) struct DecisionRequest {
    decision: Decision,
    /// Why, for the worker: up to 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2_000)]
    note: Option<String>,
}

/// `POST /internal/operator/appeals/{id}/decide`
#[utoipa::path(
    post,
    path = "/internal/operator/appeals/{id}/decide",
    operation_id = "decide_appeal",
    tag = "operator",
    summary = "Decide an appeal",
    description = "Once. Lifting a strike ends a suspension or ban that rests on it; what the other strikes deserve stays.",
    params(KeyOptional, ("id" = schema::AppealId, Path, description = "The appeal")),
    request_body = DecisionRequest,
    responses((status = 200, description = "The appeal", body = AppealView)),
    security(("operator_token" = [])),
    extensions(("x-error-codes" = json!(["already_decided", "validation_error"]))),
)]
pub(super) async fn decide_appeal(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    _operator: Operator,
    keyed: Keyed,
    Id(appeal_id): Id<AppealId>,
    JsonBody(request): JsonBody<DecisionRequest>,
) -> Result<Response, ApiError> {
    let note = request.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
    if note.is_some_and(|note| note.chars().count() > LONGEST_REASON) {
        return Err(ApiError::field("note", "must have up to 2000 characters"));
    }
    let outcome = match request.decision {
        Decision::Lift => Outcome::Lifted,
        Decision::Uphold => Outcome::Upheld,
    };
    let call = Call {
        command: DecideAppeal { appeal_id, outcome, note: note.map(ToOwned::to_owned) },
        stream: StreamId::Appeal(appeal_id),
        actor: "system:operator".to_owned(),
        key: keyed.key("operator", &request),
    };
    call.answer(&app, &context, StatusCode::OK, move |view| {
        Ok(to_json(&AppealView::new(appeal_id, decision::appeal(view, appeal_id)?)))
    })
    .await
}
