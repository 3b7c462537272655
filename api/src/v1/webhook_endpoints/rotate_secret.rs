//! `POST /v1/webhook_endpoints/{id}/rotate_secret`

use super::{read, render, seal, sealable};
use crate::app::AppState;
use crate::command::Call;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Can, Id, JsonBody, Keyed, WebhooksWrite};
use crate::openapi::{KeyOptional, schema};
use crate::views::EndpointView;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use firsthand_adapters::signature::mint_secret;
use firsthand_domain::StreamId;
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_domain::time::Span;
use firsthand_domain::webhook_endpoints::RotateEndpointSecret;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// For how long the old secret signs too, unless the owner says otherwise, and at most.
const OVERLAP: i64 = 24 * 3_600;
const LONGEST_OVERLAP: i64 = 7 * 24 * 3_600;

/// How to rotate.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(as = RotateWebhookSecret)]
pub(crate) struct RotateRequest {
    /// For how long the old secret signs too. Default 86,400.
    #[schema(minimum = 0, maximum = 604_800, example = 86400)]
    overlap_seconds: Option<i64>,
}

/// Gives an endpoint a new secret: it is in this answer and never again.
#[utoipa::path(
    post,
    path = "/v1/webhook_endpoints/{id}/rotate_secret",
    operation_id = "rotate_webhook_secret",
    tag = "webhooks",
    summary = "Rotate an endpoint's secret",
    description = "The new secret is in this answer and never again. The old one signs too for a day, or for `overlap_seconds`.",
    params(KeyOptional, ("id" = schema::WebhookEndpointId, Path, description = "The endpoint")),
    request_body(content = Option<RotateRequest>),
    responses((status = 200, description = "The endpoint and its new secret", body = EndpointView)),
    security(("buyer_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["too_many_secrets"]))),
)]
pub(crate) async fn rotate_secret(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<WebhooksWrite>,
    keyed: Keyed,
    Id(endpoint_id): Id<WebhookEndpointId>,
    JsonBody(request): JsonBody<RotateRequest>,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    let found = read(&app, book, endpoint_id).await?;
    let overlap = request.overlap_seconds.unwrap_or(OVERLAP);
    if !(0..=LONGEST_OVERLAP).contains(&overlap) {
        return Err(ApiError::field("overlap_seconds", "must be 0 to 604_800"));
    }
    let secret = mint_secret();
    let sealed = sealable(&app, endpoint_id, secret.clone());
    seal(&app, endpoint_id, std::slice::from_ref(&sealed), &found.endpoint.seals()).await?;
    let command = RotateEndpointSecret {
        endpoint_id,
        book,
        secret: sealed.0,
        overlap: Span::seconds(overlap),
    };
    let health = found.health;
    let now = app.now();
    let call = Call {
        command,
        stream: StreamId::WebhookEndpoint(endpoint_id),
        actor: buyer.actor(),
        key: keyed.key(&book.to_string(), &request),
    };
    call.answer_secret(&app, &context, StatusCode::OK, move |view| {
        render(view, endpoint_id, health, Some(secret.clone()), now)
    })
    .await
}
