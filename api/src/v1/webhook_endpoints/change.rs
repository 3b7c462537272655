//! `PATCH /v1/webhook_endpoints/{id}` and `DELETE /v1/webhook_endpoints/{id}`

use super::parse::EndpointRequest;
use super::{read, render, seal, sealable_headers};
use crate::app::AppState;
use crate::command::Call;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Can, Id, IfMatch, JsonBody, Keyed, WebhooksWrite};
use crate::openapi::{IfMatchParam, KeyOptional, schema};
use crate::shaping::ENDPOINT_HEALTH;
use crate::views::EndpointView;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_domain::webhook_endpoints::{ChangeEndpoint, DeleteEndpoint};
use firsthand_domain::{StreamId, View};
use firsthand_projections::webhooks::lanes::Health;
use std::sync::Arc;

/// Changes what is named.
#[utoipa::path(
    patch,
    path = "/v1/webhook_endpoints/{id}",
    operation_id = "update_webhook_endpoint",
    tag = "webhooks",
    summary = "Change an endpoint",
    description = "Fields that are absent stay as they are. Enabling an endpoint resets its health.",
    params(KeyOptional, IfMatchParam, ("id" = schema::WebhookEndpointId, Path, description = "The endpoint")),
    request_body = EndpointRequest,
    responses((status = 200, description = "The endpoint", body = EndpointView)),
    security(("buyer_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["precondition_failed", "webhook_url_refused"]))),
)]
pub(crate) async fn change(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<WebhooksWrite>,
    keyed: Keyed,
    if_match: IfMatch,
    Id(endpoint_id): Id<WebhookEndpointId>,
    JsonBody(request): JsonBody<EndpointRequest>,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    let found = read(&app, book, endpoint_id).await?;
    let checked = request.check(&app, false)?;
    let mut change = checked.change;
    if let Some(headers) = checked.headers {
        let sealed: Vec<_> = sealable_headers(&app, endpoint_id, &headers).into_iter().collect();
        seal(&app, endpoint_id, &sealed, &found.endpoint.seals()).await?;
        let seal_id = sealed.first().map(|(seal_id, _)| *seal_id);
        change.headers = Some((headers.into_keys().collect(), seal_id));
    }
    let enables = change.enabled == Some(true);
    let health = if enables { Health::default() } else { found.health };
    let command = ChangeEndpoint { endpoint_id, book, change };
    let now = app.now();
    let shown = move |view: &dyn View| render(view, endpoint_id, Health::default(), None, now);
    let call = Call {
        command: if_match.guard(command, ENDPOINT_HEALTH, shown),
        stream: StreamId::WebhookEndpoint(endpoint_id),
        actor: buyer.actor(),
        key: keyed.key(&book.to_string(), &request),
    };
    let changed = move |view: &dyn View| render(view, endpoint_id, health, None, now);
    call.answer(&app, &context, StatusCode::OK, changed).await
}

/// Deletes an endpoint; repeatable. What never was one of this book's is not found.
#[utoipa::path(
    delete,
    path = "/v1/webhook_endpoints/{id}",
    operation_id = "delete_webhook_endpoint",
    tag = "webhooks",
    summary = "Delete an endpoint",
    description = "What was owed to it is dropped. Repeating it succeeds.",
    params(KeyOptional, ("id" = schema::WebhookEndpointId, Path, description = "The endpoint")),
    responses((status = 204, description = "The endpoint is deleted")),
    security(("buyer_key" = ["webhooks:write"])),
)]
pub(crate) async fn delete(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<WebhooksWrite>,
    keyed: Keyed,
    Id(endpoint_id): Id<WebhookEndpointId>,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    let call = Call {
        command: DeleteEndpoint { endpoint_id, book },
        stream: StreamId::WebhookEndpoint(endpoint_id),
        actor: buyer.actor(),
        key: keyed.key(&book.to_string(), &()),
    };
    call.answer(&app, &context, StatusCode::NO_CONTENT, |_view| Ok(Bytes::new())).await
}
