//! `POST /v1/webhook_endpoints/{id}/test`

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Can, Id, JsonBody, Keyed, WebhooksWrite};
use crate::openapi::{KeyOptional, schema};
use crate::v1::webhook_events;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use firsthand_domain::StreamId;
use firsthand_domain::ids::{EventId, WebhookEndpointId};
use firsthand_domain::webhook_endpoints::{TestEndpoint, WebhookEventType};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What to send.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(as = SendTestEvent)]
pub(crate) struct TestRequest {
    #[serde(rename = "type")]
    /// Default `webhook_endpoint.test`.
    #[schema(value_type = Option<schema::EventTypeName>)]
    event_type: Option<String>,
}

/// Sends a test event to this endpoint alone, subscribed or not.
#[utoipa::path(
    post,
    path = "/v1/webhook_endpoints/{id}/test",
    operation_id = "send_test_event",
    tag = "webhooks",
    summary = "Send a test event",
    description = "To this endpoint alone, subscribed or not. The data is a sample with `test: true`.",
    params(KeyOptional, ("id" = schema::WebhookEndpointId, Path, description = "The endpoint")),
    request_body(content = Option<TestRequest>),
    responses((status = 202, description = "The event", body = schema::WebhookEvent)),
    security(("buyer_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["endpoint_disabled"]))),
)]
pub(crate) async fn send(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<WebhooksWrite>,
    keyed: Keyed,
    Id(endpoint_id): Id<WebhookEndpointId>,
    JsonBody(request): JsonBody<TestRequest>,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    let event_type = match &request.event_type {
        None => WebhookEventType::EndpointTest,
        Some(name) => WebhookEventType::from_name(name)
            .ok_or_else(|| ApiError::field("type", "is not a type of event"))?,
    };
    let event_id = EventId::in_slot(app.mint(), endpoint_id.slot());
    let call = Call {
        command: TestEndpoint { endpoint_id, book, event_id, event_type },
        stream: StreamId::WebhookEndpoint(endpoint_id),
        actor: buyer.actor(),
        key: keyed.key(&book.to_string(), &request),
    };
    let answer = call
        .answer(&app, &context, StatusCode::ACCEPTED, move |_view| Ok(to_json(&event_id)))
        .await?;
    if answer.status() != StatusCode::ACCEPTED {
        return Ok(answer);
    }
    webhook_events::accepted(&app, book, answer).await
}
