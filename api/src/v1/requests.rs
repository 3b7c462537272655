//! `GET /v1/requests/{id}`: what a request did.

use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{AuditRead, Can, Id};
use crate::views::AuditEventView;
use axum::Json;
use axum::extract::State;
use firsthand_domain::ids::RequestId;
use firsthand_projections::audit_events;
use serde::Serialize;

/// A request and the events that it caused in the caller's book.
#[derive(Debug, Serialize)]
pub(crate) struct RequestView {
    object: &'static str,
    id: RequestId,
    events: Vec<AuditEventView>,
}

/// Shows the events of a request, in their order. A request that changed nothing of the caller's is
/// not found, like one that never was: nothing is kept of it.
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
