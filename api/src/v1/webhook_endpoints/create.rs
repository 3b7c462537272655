//! `POST /v1/webhook_endpoints`

use super::parse::EndpointRequest;
use super::{MOST, render, seal, sealable, sealable_headers};
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
use firsthand_domain::webhook_endpoints::{
    CreateEndpoint, EndpointChange, EndpointSettings, Subscription,
};
use firsthand_domain::{Book, StreamId};
use firsthand_projections::PageRequest;
use firsthand_projections::webhooks::API_VERSION;
use firsthand_projections::webhooks::endpoints;
use firsthand_projections::webhooks::lanes::Health;
use std::collections::BTreeSet;
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
    let sealed = sealable(&app, endpoint_id, secret.clone());
    let names = checked.headers.unwrap_or_default();
    let headers = sealable_headers(&app, endpoint_id, &names);
    let all: Vec<_> = [sealed.clone()].into_iter().chain(headers.clone()).collect();
    seal(&app, endpoint_id, &all, &[]).await?;
    let command = CreateEndpoint {
        endpoint_id,
        book,
        enabled,
        settings: EndpointSettings {
            header_names: names.into_keys().collect(),
            headers: headers.map(|(seal_id, _)| seal_id),
            ..settings(checked.change)
        },
        secret: sealed.0,
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
    let found = endpoints::list(app.store(), book, &request).await?;
    let most = usize::try_from(MOST).unwrap_or(0);
    if found.items.len() < most { Ok(()) } else { Err(ApiError::TooManyEndpoints(most)) }
}

/// What is said, and what holds for the rest.
fn settings(change: EndpointChange) -> EndpointSettings {
    EndpointSettings {
        url: change.url.unwrap_or_default(),
        events: Subscription(change.events.flatten()),
        description: change.description.flatten(),
        api_version: API_VERSION.to_owned(),
        signature_scheme: change.signature_scheme.unwrap_or_default(),
        ordering: change.ordering.unwrap_or_default(),
        max_in_flight: change.max_in_flight.unwrap_or(IN_FLIGHT),
        max_per_second: change.max_per_second.flatten(),
        header_names: BTreeSet::new(),
        headers: None,
    }
}
