//! Webhook events: what was told, and what became of it (spec section 8).

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, chain};
use crate::extract::{
    Can, Id, JsonBody, Keyed, PageParams, PageQuery, WebhooksRead, WebhooksWrite, bad_cursor,
};
use crate::openapi::{KeyOptional, schema};
use crate::v1::files::link;
use crate::views::{DeliveryView, ListView, webhook_event};
use axum::body::to_bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use firsthand_domain::ids::{EventId, JobId, WebhookEndpointId};
use firsthand_domain::webhook_endpoints::{ReplayEvent, WebhookEventType};
use firsthand_domain::{Book, StreamId};
use firsthand_projections::webhooks::bodies::{self, Unsigned};
use firsthand_projections::webhooks::list::{self, FeedRow, Filter};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest answer of ours that is only an id.
const ID_LENGTH: usize = 64;

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    #[param(value_type = schema::DeliveryStatus, required = false)]
    delivery_status: Option<String>,
    #[serde(rename = "type")]
    #[param(value_type = schema::EventTypeName, required = false)]
    event_type: Option<String>,
    #[param(value_type = schema::WebhookEndpointId, required = false)]
    endpoint_id: Option<String>,
    #[param(value_type = schema::JobId, required = false)]
    job_id: Option<String>,
}

/// Returns an event's body, with its link if it has one.
pub(super) async fn body(app: &AppState, book: Book, row: &FeedRow) -> Result<String, ApiError> {
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|error| ApiError::Internal(error.to_string()))
    };
    let Some(file_key) = &row.file_key else { return text(row.body.clone()) };
    let signed = link(app, file_key, None).await?;
    let unsigned = Unsigned {
        part: app.store().part_of_book(book),
        position: row.position,
        book: book.to_string(),
        file_key,
        body: &row.body,
    };
    text(bodies::complete(app.store(), &unsigned, &signed).await?)
}

/// Returns where an event of a book stands in the log.
pub(super) async fn position(app: &AppState, book: Book, id: EventId) -> Result<i64, ApiError> {
    app.catch_up_feed(book).await;
    let found = list::position(app.store(), book, id).await?;
    found.ok_or(ApiError::NotFound("webhook event"))
}

fn check(query: &EventsQuery) -> Result<Filter, ApiError> {
    let known = ["pending", "delivered", "failed", "skipped", "none"];
    if query.delivery_status.as_deref().is_some_and(|status| !known.contains(&status)) {
        let message = "must be pending, delivered, failed, skipped or none";
        return Err(ApiError::field("delivery_status", message));
    }
    if query.event_type.as_deref().is_some_and(|name| WebhookEventType::from_name(name).is_none()) {
        return Err(ApiError::field("type", "is not a type of event"));
    }
    let is_endpoint = |id: &str| id.parse::<WebhookEndpointId>().is_ok();
    if query.endpoint_id.as_deref().is_some_and(|id| !is_endpoint(id)) {
        return Err(ApiError::field("endpoint_id", "must be a webhook endpoint's id"));
    }
    if query.job_id.as_deref().is_some_and(|id| id.parse::<JobId>().is_err()) {
        return Err(ApiError::field("job_id", "must be a job's id"));
    }
    Ok(Filter {
        delivery_status: query.delivery_status.clone(),
        event_types: query.event_type.clone().map(|name| vec![name]),
        endpoint_id: query.endpoint_id.clone(),
        job_id: query.job_id.clone(),
        before: None,
    })
}

/// `GET /v1/webhook_events`: newest first.
#[utoipa::path(
    get,
    path = "/v1/webhook_events",
    operation_id = "list_webhook_events",
    tag = "events",
    summary = "List events and their delivery",
    description = "Newest first: the fields of each event's body, and what came of its deliveries.",
    params(EventsQuery, PageParams),
    responses((status = 200, description = "A page of events", body = ListView<schema::WebhookEvent>)),
    security(("buyer_key" = ["webhooks:read"])),
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    buyer: Can<WebhooksRead>,
    PageQuery(query, paging): PageQuery<EventsQuery>,
) -> Result<Json<ListView<Box<RawValue>>>, ApiError> {
    let book = buyer.book();
    let mut filter = check(&query)?;
    let limit = paging.limit()?;
    app.catch_up_feed(book).await;
    if let Some(position) = &paging.after {
        filter.before = Some(position.parse().map_err(|_invalid| bad_cursor())?);
    }
    let page = list::newest(app.store(), book, &filter, limit).await?;
    let last = page.items.last().map(|last| last.position.to_string());
    let mut items = Vec::with_capacity(page.items.len());
    for row in &page.items {
        items.push(webhook_event(&body(&app, book, row).await?, row, None)?);
    }
    let page = firsthand_projections::Page { items, has_more: page.has_more };
    Ok(Json(paging.list(page, |_| last.unwrap_or_default())))
}

/// Answers with one event and what became of it.
async fn show(app: &AppState, book: Book, id: EventId) -> Result<Box<RawValue>, ApiError> {
    app.catch_up_feed(book).await;
    let (row, deliveries) = list::one(app.store(), book, id).await?;
    let row = row.ok_or(ApiError::NotFound("webhook event"))?;
    let deliveries: Vec<_> = deliveries.into_iter().map(DeliveryView::new).collect();
    webhook_event(&body(app, book, &row).await?, &row, Some(&deliveries))
}

/// `GET /v1/webhook_events/{id}`
#[utoipa::path(
    get,
    path = "/v1/webhook_events/{id}",
    operation_id = "get_webhook_event",
    tag = "events",
    summary = "Show an event and its deliveries",
    description = "One delivery for each endpoint that wanted it.",
    params(("id" = schema::EventId, Path, description = "The event")),
    responses((status = 200, description = "The event", body = schema::WebhookEvent)),
    security(("buyer_key" = ["webhooks:read"])),
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<WebhooksRead>,
    Id(id): Id<EventId>,
) -> Result<Json<Box<RawValue>>, ApiError> {
    Ok(Json(show(&app, buyer.book(), id).await?))
}

/// Shows the event that a command's answer names, under that answer's status and headers.
pub(super) async fn accepted(
    app: &AppState,
    book: Book,
    answer: Response,
) -> Result<Response, ApiError> {
    let (parts, named) = answer.into_parts();
    let internal = |error: &dyn std::error::Error| ApiError::Internal(chain(error));
    let named = to_bytes(named, ID_LENGTH).await.map_err(|error| internal(&error))?;
    let id: EventId = serde_json::from_slice(&named).map_err(|error| internal(&error))?;
    let event = show(app, book, id).await?;
    let mut response = (parts.status, Json(event)).into_response();
    for (name, value) in &parts.headers {
        if !response.headers().contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
            response.headers_mut().insert(name, value.clone());
        }
    }
    Ok(response)
}

/// To whom an event is sent once more.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(as = ReplayWebhookEvent)]
pub(crate) struct ReplayRequest {
    #[schema(value_type = Option<schema::WebhookEndpointId>)]
    endpoint_id: Option<String>,
}

/// `POST /v1/webhook_events/{id}/replay`: the same id and bytes, to every subscribed endpoint or one.
#[utoipa::path(
    post,
    path = "/v1/webhook_events/{id}/replay",
    operation_id = "replay_webhook_event",
    tag = "events",
    summary = "Send an event once more",
    description = "The same id and the same bytes, to every subscribed endpoint or to the one that is named.",
    params(KeyOptional, ("id" = schema::EventId, Path, description = "The event")),
    request_body(content = Option<ReplayRequest>),
    responses((status = 200, description = "The event", body = schema::WebhookEvent)),
    security(("buyer_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["endpoint_disabled"]))),
)]
pub(crate) async fn replay(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<WebhooksWrite>,
    keyed: Keyed,
    Id(event_id): Id<EventId>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    app.catch_up_feed(book).await;
    let audience = list::audience(app.store(), book, event_id).await?;
    let audience = audience.ok_or(ApiError::NotFound("webhook event"))?;
    let endpoints = match &request.endpoint_id {
        Some(id) => vec![id.parse().map_err(|_invalid| {
            ApiError::field("endpoint_id", "must be a webhook endpoint's id")
        })?],
        None => audience,
    };
    let call = Call {
        command: ReplayEvent { event_id, book, endpoints, alone: request.endpoint_id.is_some() },
        stream: StreamId::Credits(buyer.organization_id, buyer.environment),
        actor: buyer.actor(),
        key: keyed.key(&book.to_string(), &request),
    };
    let answer =
        call.answer(&app, &context, StatusCode::OK, move |_view| Ok(to_json(&event_id))).await?;
    if answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    accepted(&app, book, answer).await
}
