//! `GET /v1/webhook_endpoints` and `GET /v1/webhook_endpoints/{id}`

use super::{EXISTING, health, read};
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{Can, Id, PageParams, PageQuery, WebhooksRead};
use crate::openapi::schema;
use crate::views::{EndpointView, ListView};
use axum::Json;
use axum::extract::State;
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_domain::{State as StreamState, StreamId};
use firsthand_projections::states;
use firsthand_projections::webhooks::lanes;
use std::collections::BTreeMap;

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
    let page =
        states::list(app.store(), buyer.book(), "webhook_endpoint", &EXISTING, &request).await?;
    let has_more = page.has_more;
    let endpoints: Vec<_> = page
        .items
        .into_iter()
        .filter_map(|found| match (found.stream, found.state) {
            (StreamId::WebhookEndpoint(id), StreamState::WebhookEndpoint(endpoint)) => {
                Some((id, endpoint))
            }
            _ => None,
        })
        .collect();
    let ids: Vec<_> = endpoints.iter().map(|(id, _)| *id).collect();
    let health: BTreeMap<_, _> = lanes::health(app.store(), &ids).await?.into_iter().collect();
    let items = endpoints
        .into_iter()
        .map(|(id, endpoint)| {
            let health = health.get(&id).copied().unwrap_or_default();
            EndpointView::new(id, &endpoint, &health, None, app.now())
        })
        .collect();
    let page = firsthand_projections::Page { items, has_more };
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
    let endpoint = read(&app, buyer.book(), id).await?;
    let health = health(&app, id).await?;
    Ok(Json(EndpointView::new(id, &endpoint, &health, None, app.now())))
}
