//! The attempt log: of an endpoint, of an event.

use super::read;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{Can, Id, PageParams, PageQuery, Paging, WebhooksRead};
use crate::openapi::schema;
use crate::v1::webhook_events;
use crate::views::{AttemptView, ListView};
use axum::Json;
use axum::extract::State;
use firsthand_domain::Book;
use firsthand_domain::ids::{EventId, WebhookEndpointId};
use firsthand_projections::PageRequest;
use firsthand_projections::webhooks::attempts::{self, Filter};
use serde::Deserialize;

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AttemptsQuery {
    #[param(value_type = schema::AttemptStatus, required = false)]
    status: Option<String>,
}

async fn page(
    app: &AppState,
    book: Book,
    filter: Filter,
    query: AttemptsQuery,
    paging: &Paging,
) -> Result<Json<ListView<AttemptView>>, ApiError> {
    if let Some(status) = &query.status
        && !matches!(status.as_str(), "succeeded" | "failed" | "unknown")
    {
        return Err(ApiError::field("status", "must be succeeded, failed or unknown"));
    }
    let (after, limit) = paging.by_name(|name| {
        let ulid = name.strip_prefix("att_").map(ulid::Ulid::from_string);
        ulid.is_some_and(|parsed| parsed.is_ok()).then(|| name.to_owned())
    })?;
    let request = PageRequest { limit, after };
    let filter = Filter { status: query.status, ..filter };
    let page = attempts::list(app.store(), book, &filter, &request).await?;
    Ok(Json(paging.list(page.map(AttemptView::new), |last| last.id.clone())))
}

/// `GET /v1/webhook_endpoints/{id}/attempts`
#[utoipa::path(
    get,
    path = "/v1/webhook_endpoints/{id}/attempts",
    operation_id = "list_endpoint_attempts",
    tag = "webhooks",
    summary = "List the attempts of an endpoint",
    description = "Newest first. Attempts are kept for 30 days.",
    params(("id" = schema::WebhookEndpointId, Path, description = "The endpoint"), AttemptsQuery, PageParams),
    responses((status = 200, description = "A page of attempts", body = ListView<AttemptView>)),
    security(("buyer_key" = ["webhooks:read"])),
)]
pub(crate) async fn of_endpoint(
    State(app): State<AppState>,
    buyer: Can<WebhooksRead>,
    Id(id): Id<WebhookEndpointId>,
    PageQuery(query, paging): PageQuery<AttemptsQuery>,
) -> Result<Json<ListView<AttemptView>>, ApiError> {
    let filter = Filter { endpoint_id: Some(id.to_string()), ..Filter::default() };
    let page = page(&app, buyer.book(), filter, query, &paging).await?;
    if page.is_empty() {
        // Only then may there be no such endpoint.
        read(&app, buyer.book(), id).await?;
    }
    Ok(page)
}

/// `GET /v1/webhook_events/{id}/attempts`
#[utoipa::path(
    get,
    path = "/v1/webhook_events/{id}/attempts",
    operation_id = "list_event_attempts",
    tag = "events",
    summary = "List the attempts of an event",
    description = "Newest first. Attempts are kept for 30 days.",
    params(("id" = schema::EventId, Path, description = "The event"), AttemptsQuery, PageParams),
    responses((status = 200, description = "A page of attempts", body = ListView<AttemptView>)),
    security(("buyer_key" = ["webhooks:read"])),
)]
pub(crate) async fn of_event(
    State(app): State<AppState>,
    buyer: Can<WebhooksRead>,
    Id(id): Id<EventId>,
    PageQuery(query, paging): PageQuery<AttemptsQuery>,
) -> Result<Json<ListView<AttemptView>>, ApiError> {
    let filter = Filter { event_id: Some(id.to_string()), ..Filter::default() };
    let page = page(&app, buyer.book(), filter, query, &paging).await?;
    if page.is_empty() {
        // Only then may there be no such event.
        webhook_events::position(&app, buyer.book(), id).await?;
    }
    Ok(page)
}
