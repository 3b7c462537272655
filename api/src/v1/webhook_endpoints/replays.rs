//! Replays of a range: a durable operation with progress.

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, FieldError};
use crate::extract::{Can, Id, Ids, JsonBody, Keyed, WebhooksRead, WebhooksWrite};
use crate::openapi::{KeyOptional, schema};
use crate::views::ReplayView;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use firsthand_domain::ids::{ReplayId, WebhookEndpointId};
use firsthand_domain::webhook_endpoints::{CancelReplay, ReplayOnly, RequestReplay};
use firsthand_domain::{Book, StreamId, Timestamp};
use firsthand_projections::webhooks::replays;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Which range.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[schema(as = CreateReplay)]
pub(crate) struct ReplaysRequest {
    /// Must be before `until`.
    #[schema(value_type = schema::Instant, required = true)]
    since: Option<String>,
    /// Default: now.
    #[schema(value_type = Option<schema::Instant>)]
    until: Option<String>,
    /// Default `missing`.
    #[schema(value_type = Option<schema::ReplayOnly>)]
    only: Option<String>,
}

impl ReplaysRequest {
    fn check(&self, now: Timestamp) -> Result<(Timestamp, Timestamp, ReplayOnly), ApiError> {
        let mut wrong = Vec::new();
        let mut field = |field: &str, message: &str| {
            wrong.push(FieldError { field: field.to_owned(), message: message.to_owned() });
        };
        let mut time = |name: &str, text: &Option<String>| match text.as_deref().map(str::parse) {
            Some(Ok(at)) => Some(at),
            Some(Err(_)) => {
                field(name, "must be an ISO 8601 time");
                None
            }
            None => None,
        };
        let since: Option<Timestamp> = time("since", &self.since);
        let until: Option<Timestamp> = time("until", &self.until);
        let only = match self.only.as_deref() {
            None | Some("missing") => ReplayOnly::Missing,
            Some("failed") => ReplayOnly::Failed,
            Some("all") => ReplayOnly::All,
            Some(_) => {
                field("only", "must be missing, failed or all");
                ReplayOnly::Missing
            }
        };
        if self.since.is_none() {
            field("since", "is required");
        }
        let since = since.unwrap_or(Timestamp::from_micros(0));
        let until = until.unwrap_or(now);
        if wrong.is_empty() && since >= until {
            let message = "must be before until".to_owned();
            wrong.push(FieldError { field: "since".to_owned(), message });
        }
        if wrong.is_empty() { Ok((since, until, only)) } else { Err(ApiError::Invalid(wrong)) }
    }
}

/// `POST /v1/webhook_endpoints/{id}/replays`
#[utoipa::path(
    post,
    path = "/v1/webhook_endpoints/{id}/replays",
    operation_id = "create_replay",
    tag = "webhooks",
    summary = "Replay a range of events",
    description = "Sends the events between two times once more, with the same ids and bytes. A durable operation with progress.",
    params(KeyOptional, ("id" = schema::WebhookEndpointId, Path, description = "The endpoint")),
    request_body = ReplaysRequest,
    responses((status = 202, description = "The replay", body = ReplayView)),
    security(("buyer_key" = ["webhooks:write"])),
    extensions(("x-error-codes" = json!(["endpoint_disabled"]))),
)]
pub(crate) async fn request(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<WebhooksWrite>,
    keyed: Keyed,
    Id(endpoint_id): Id<WebhookEndpointId>,
    JsonBody(request): JsonBody<ReplaysRequest>,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    let now = app.now();
    let (since, until, only) = request.check(now)?;
    let replay_id = ReplayId::in_slot(app.mint(), endpoint_id.slot());
    let call = Call {
        command: RequestReplay { replay_id, endpoint_id, book, since, until, only },
        stream: StreamId::WebhookEndpoint(endpoint_id),
        actor: buyer.actor(),
        key: keyed.key(&book.to_string(), &request),
    };
    call.answer(&app, &context, StatusCode::ACCEPTED, move |_view| {
        let begun = ReplayView::begun(replay_id, endpoint_id, (since, until), only, now);
        Ok(to_json(&begun))
    })
    .await
}

async fn show(
    app: &AppState,
    book: Book,
    endpoint_id: WebhookEndpointId,
    replay_id: ReplayId,
) -> Result<ReplayView, ApiError> {
    app.catch_up_feed(book).await;
    let found = replays::get(app.store(), book, endpoint_id, replay_id).await?;
    found.map(ReplayView::new).ok_or(ApiError::NotFound("replay"))
}

/// `GET /v1/webhook_endpoints/{id}/replays/{replay_id}`
#[utoipa::path(
    get,
    path = "/v1/webhook_endpoints/{id}/replays/{replay_id}",
    operation_id = "get_replay",
    tag = "webhooks",
    summary = "Show a replay",
    description = "With its progress.",
    params(("id" = schema::WebhookEndpointId, Path, description = "The endpoint"), ("replay_id" = schema::ReplayId, Path, description = "The replay")),
    responses((status = 200, description = "The replay", body = ReplayView)),
    security(("buyer_key" = ["webhooks:read"])),
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<WebhooksRead>,
    Ids(endpoint_id, replay_id): Ids<WebhookEndpointId, ReplayId>,
) -> Result<Json<ReplayView>, ApiError> {
    Ok(Json(show(&app, buyer.book(), endpoint_id, replay_id).await?))
}

/// `POST /v1/webhook_endpoints/{id}/replays/{replay_id}/cancel`: what is queued is still sent.
#[utoipa::path(
    post,
    path = "/v1/webhook_endpoints/{id}/replays/{replay_id}/cancel",
    operation_id = "cancel_replay",
    tag = "webhooks",
    summary = "Cancel a replay",
    description = "What is queued already is still sent. Repeating it succeeds.",
    params(KeyOptional, ("id" = schema::WebhookEndpointId, Path, description = "The endpoint"), ("replay_id" = schema::ReplayId, Path, description = "The replay")),
    responses((status = 200, description = "The replay", body = ReplayView)),
    security(("buyer_key" = ["webhooks:write"])),
)]
pub(crate) async fn cancel(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<WebhooksWrite>,
    keyed: Keyed,
    Ids(endpoint_id, replay_id): Ids<WebhookEndpointId, ReplayId>,
) -> Result<Response, ApiError> {
    let book = buyer.book();
    let found = show(&app, book, endpoint_id, replay_id).await?;
    if !found.is_running() {
        return Ok(Json(found).into_response());
    }
    let call = Call {
        command: CancelReplay { replay_id, endpoint_id, book },
        stream: StreamId::WebhookEndpoint(endpoint_id),
        actor: buyer.actor(),
        key: keyed.key(&book.to_string(), &()),
    };
    let answer =
        call.answer(&app, &context, StatusCode::OK, move |_view| Ok(to_json(&replay_id))).await?;
    if answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    let (parts, _named) = answer.into_parts();
    let replay = show(&app, book, endpoint_id, replay_id).await?;
    let mut response = Json(replay).into_response();
    if let Some(replayed) = parts.headers.get("idempotent-replayed") {
        response.headers_mut().insert("idempotent-replayed", replayed.clone());
    }
    Ok(response)
}
