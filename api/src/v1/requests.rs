//! `GET /v1/requests/{id}`: what a request did.

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{AuditRead, Can, Id};
use crate::openapi::schema;
use crate::views::AuditEventView;
use axum::Json;
use axum::extract::State;
use firsthand_domain::ids::RequestId;
use firsthand_projections::audit_events;
use serde::Serialize;
use utoipa::ToSchema;

/// A request and the events that it caused in the caller's book.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Request)]
pub(crate) struct RequestView {
    #[schema(example = "request")]
    object: &'static str,
    #[schema(value_type = schema::RequestId)]
    id: RequestId,
    events: Vec<AuditEventView>,
}

/// Shows the events of a request, in their order. A request that changed nothing of the caller's is
/// not found, like one that never was: nothing is kept of it.
#[utoipa::path(
    get,
    path = "/v1/requests/{id}",
    operation_id = "get_request",
    tag = "audit",
    summary = "Show what a request did",
    description = "The events that a request caused, in their order. A request that changed nothing is not found: nothing is kept of it.",
    params(("id" = schema::RequestId, Path, description = "The request: `X-Request-Id` of its answer")),
    responses((status = 200, description = "The request", body = RequestView)),
    security(("buyer_key" = ["audit:read"])),
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<AuditRead>,
    Id(id): Id<RequestId>,
) -> Result<Json<RequestView>, ApiError> {
    let book = buyer.book();
    app.catch_up(book).await;
    let rows = audit_events::of_request(app.store(), book, id).await?;
    if rows.is_empty() {
        return Err(ApiError::NotFound("request"));
    }
    let view = |row| AuditEventView::new(&app.secrets, book, buyer.environment, row);
    Ok(Json(RequestView { object: "request", id, events: rows.iter().map(view).collect() }))
}
