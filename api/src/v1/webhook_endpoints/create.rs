//! `POST /v1/webhook_endpoints`

use super::parse::{Checked, EndpointRequest};
use super::{EXISTING, MOST, render, seal};
use crate::app::AppState;
use crate::command::{Call, refuse_or_replay};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::extract::{Can, JsonBody, Keyed, WebhooksWrite};
use crate::openapi::{KeyOptional, schema};
use crate::views::EndpointView;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use firsthand_adapters::signature::mint_secret;
use firsthand_domain::ids::WebhookEndpointId;
use firsthand_domain::webhook_endpoints::{CreateEndpoint, EndpointSettings, Subscription};
use firsthand_domain::{Book, StreamId};
use firsthand_projections::PageRequest;
use firsthand_projections::states;
use firsthand_projections::webhooks::API_VERSION;
use firsthand_projections::webhooks::lanes::Health;
use std::sync::Arc;

/// Requests at a time, unless the owner says otherwise.
const IN_FLIGHT: u16 = 8;

/// Creates an endpoint: the secret is in this answer and never again.
#[utoipa::path(
    post,
    path = "/v1/webhook_endpoints",
    operation_id = "create_webhook_endpoint",
    tag = "webhooks",
    summary = "Create an endpoint",
    description = "The signing secret is in this answer and never again.",
    params(KeyOptional),
    request_body = schema::CreateWebhookEndpoint,
    responses((status = 201, description = "The endpoint and its secret", body = EndpointView)),
    security(("buyer_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["webhook_url_refused", "too_many_endpoints"]))),
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<WebhooksWrite>,
    keyed: Keyed,
    JsonBody(request): JsonBody<EndpointRequest>,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    let checked = request.check(&app, true)?;
    let key = keyed.key(&book.to_string(), &request);
    let _counted = app.process.creating_endpoint.lock().await;
    if let Err(refusal) = room(&app, book).await {
        return refuse_or_replay(&app, book.stream(), key.as_ref(), refusal).await;
    }
    let endpoint_id = WebhookEndpointId::in_slot(app.mint(), buyer.organization_id.slot());
    let secret = mint_secret();
    let enabled = checked.change.enabled.unwrap_or(true);
    let command = CreateEndpoint {
        endpoint_id,
        book,
        enabled,
        settings: settings(&app, endpoint_id, checked).await?,
        secret: seal(&app, endpoint_id, &secret).await?,
    };
    let stream = StreamId::WebhookEndpoint(endpoint_id);
    let now = app.now();
    let call = Call { command, stream, actor: buyer.actor(), key };
    call.answer_secret(&app, &context, StatusCode::CREATED, move |view| {
        render(view, endpoint_id, Health::default(), Some(secret.clone()), now)
    })
    .await
}

/// Refuses one endpoint too many.
async fn room(app: &AppState, book: Book) -> Result<(), ApiError> {
    let request = PageRequest { limit: MOST, after: None };
    let found = states::list(app.store(), book, "webhook_endpoint", &EXISTING, &request).await?;
    let most = usize::try_from(MOST).unwrap_or(0);
    if found.items.len() < most { Ok(()) } else { Err(ApiError::TooManyEndpoints(most)) }
}

async fn settings(
    app: &AppState,
    endpoint_id: WebhookEndpointId,
    checked: Checked,
) -> Result<EndpointSettings, ApiError> {
    let (change, headers) = (checked.change, checked.headers.unwrap_or_default());
    let sealed = if headers.is_empty() {
        None
    } else {
        let text = serde_json::json!(headers).to_string();
        Some(seal(app, endpoint_id, &text).await?)
    };
    Ok(EndpointSettings {
        url: change.url.unwrap_or_default(),
        events: Subscription(change.events.flatten()),
        description: change.description.flatten(),
        api_version: API_VERSION.to_owned(),
        signature_scheme: change.signature_scheme.unwrap_or_default(),
        ordering: change.ordering.unwrap_or_default(),
        max_in_flight: change.max_in_flight.unwrap_or(IN_FLIGHT),
        max_per_second: change.max_per_second.flatten(),
        header_names: headers.into_keys().collect(),
        headers: sealed,
    })
}
