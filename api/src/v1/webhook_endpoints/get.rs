//! `GET /v1/webhook_endpoints` and `GET /v1/webhook_endpoints/{id}`

use super::read;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{Can, Id, PageParams, PageQuery, WebhooksRead};
use crate::openapi::schema;
use crate::views::{EndpointView, ListView};
use axum::Json;
use axum::extract::State;
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_projections::webhooks::endpoints;

/// Lists endpoints, newest first.
#[utoipa::path(
    get,
    path = "/v1/webhook_endpoints",
    operation_id = "list_webhook_endpoints",
    tag = "webhooks",
    summary = "List endpoints",
    description = "Newest first, without secrets.",
    params(PageParams),
    responses((status = 200, description = "A page of endpoints", body = ListView<EndpointView>)),
    security(("buyer_key" = ["webhooks:read"])),
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    buyer: Can<WebhooksRead>,
    PageQuery(_, paging): PageQuery,
) -> Result<Json<ListView<EndpointView>>, ApiError> {
    let request = paging.by_id::<WebhookEndpointId>()?;
    let page = endpoints::list(app.store(), buyer.book(), &request).await?;
    let now = app.now();
    let page =
        page.map(|found| EndpointView::new(found.id, &found.endpoint, &found.health, None, now));
    Ok(Json(paging.list(page, |last| last.id.to_string())))
}

/// Returns one endpoint.
#[utoipa::path(
    get,
    path = "/v1/webhook_endpoints/{id}",
    operation_id = "get_webhook_endpoint",
    tag = "webhooks",
    summary = "Show an endpoint",
    description = "With its health.",
    params(("id" = schema::WebhookEndpointId, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint", body = EndpointView)),
    security(("buyer_key" = ["webhooks:read"])),
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<WebhooksRead>,
    Id(id): Id<WebhookEndpointId>,
) -> Result<Json<EndpointView>, ApiError> {
    let found = read(&app, buyer.book(), id).await?;
    Ok(Json(EndpointView::new(id, &found.endpoint, &found.health, None, app.now())))
}
