//! The feed, pulled: `GET /v1/events` and `GET /v1/events/stream`. Oldest first, without gaps.

use super::webhook_events::body;
use crate::app::AppState;
use crate::error::ApiError;
use crate::extract::{Can, ListQuery, WebhooksRead, limit};
use crate::openapi::{LastEventId, schema};
use crate::streams::OpenStream;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use firsthand_domain::api_keys::Scope;
use firsthand_domain::ids::ApiKeyId;
use firsthand_domain::webhook_endpoints::WebhookEventType;
use firsthand_domain::{Book, State as StreamState, StreamId};
use firsthand_projections::webhooks::list;
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};
use utoipa::ToSchema;

/// Events that a stream reads at a time.
const PAGE: i64 = 100;
/// A stream looks at most so often, and at least so often: another process may be writing.
const SHORTEST_LOOK: Duration = Duration::from_millis(20);
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// How often a stream's key is looked at again.
const CHECK: Duration = Duration::from_secs(1);
/// How often a comment keeps a silent stream alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PullQuery {
    #[param(value_type = schema::EventId, required = false)]
    after: Option<String>,
    #[param(required = false, example = "job.completed,job.cancelled")]
    types: Option<String>,
    limit: Option<String>,
}

/// A page of the feed. It names where to go on also when there is no more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Feed)]
pub(crate) struct FeedView {
    #[schema(example = "list")]
    object: &'static str,
    #[schema(value_type = Vec<schema::WebhookEventBody>)]
    data: Vec<Box<RawValue>>,
    #[schema(example = false)]
    has_more: bool,
    /// Where to go on, also when there is no more.
    #[schema(value_type = Option<schema::EventId>)]
    next_cursor: Option<String>,
}

/// Reads the list of types that are wanted.
fn types(text: Option<&str>) -> Result<Option<Vec<String>>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(|name| WebhookEventType::from_name(name).is_none()) {
        return Err(ApiError::field("types", "names something that is not a type of event"));
    }
    Ok(Some(names))
}

fn not_seen(field: &str) -> ApiError {
    ApiError::field(field, "is not the id of an event of yours")
}

/// Returns the position of an event that a client has seen.
async fn seen(app: &AppState, book: Book, field: &str, text: &str) -> Result<i64, ApiError> {
    let id = text.parse().map_err(|_invalid| not_seen(field))?;
    list::position(app.store(), book, id).await?.ok_or_else(|| not_seen(field))
}

/// `GET /v1/events`
#[utoipa::path(
    get,
    path = "/v1/events",
    operation_id = "list_events",
    tag = "events",
    summary = "Pull events",
    description = "Oldest first, without gaps: everything above `after`, or from the beginning. Ask again with `next_cursor`, which also comes when there is no more.",
    params(PullQuery),
    responses((status = 200, description = "A page of the feed", body = FeedView)),
    security(("buyer_key" = ["webhooks:read"])),
)]
pub(crate) async fn pull(
    State(app): State<AppState>,
    buyer: Can<WebhooksRead>,
    ListQuery(query): ListQuery<PullQuery>,
) -> Result<Json<FeedView>, ApiError> {
    let book = buyer.book();
    let limit = limit(query.limit.as_deref())?;
    let types = types(query.types.as_deref())?;
    app.catch_up_feed(book).await;
    let page = match &query.after {
        None => list::oldest(app.store(), book, types.as_deref(), 0, limit).await?,
        Some(text) => {
            let id = text.parse().map_err(|_invalid| not_seen("after"))?;
            let page = list::oldest_after(app.store(), book, types.as_deref(), id, limit).await?;
            page.ok_or_else(|| not_seen("after"))?
        }
    };
    let next_cursor = page.items.last().map(|last| last.event_id.clone()).or(query.after);
    let mut data = Vec::with_capacity(page.items.len());
    for row in &page.items {
        let text = body(&app, book, row).await?;
        data.push(
            RawValue::from_string(text).map_err(|error| ApiError::Internal(error.to_string()))?,
        );
    }
    Ok(Json(FeedView { object: "list", data, has_more: page.has_more, next_cursor }))
}

/// A stream under way.
struct Streaming {
    app: AppState,
    book: Book,
    types: Option<Vec<String>>,
    after: i64,
    read: VecDeque<(String, String, String)>,
    next_look: Instant,
    key_id: ApiKeyId,
    secret_hash: String,
    next_check: Instant,
    _open: OpenStream,
}

impl Streaming {
    /// Waits for the next event; `None` when the service stops.
    async fn next(&mut self) -> Result<Option<(String, String, String)>, ApiError> {
        let mut moved = self.app.feed.moved();
        loop {
            if let Some(event) = self.read.pop_front() {
                return Ok(Some(event));
            }
            if self.app.stopping.is_cancelled() || !self.still_authorized().await? {
                return Ok(None);
            }
            sleep_until(self.next_look).await;
            self.next_look = Instant::now() + SHORTEST_LOOK;
            moved.mark_unchanged();
            if !self.look().await? {
                tokio::select! {
                    () = self.app.stopping.cancelled() => (),
                    changed = timeout(LONGEST_LOOK, moved.changed()) => drop(changed),
                }
            }
        }
    }

    /// Asks again now and then: a key that was revoked must not go on listening.
    async fn still_authorized(&mut self) -> Result<bool, ApiError> {
        if Instant::now() < self.next_check {
            return Ok(true);
        }
        self.next_check = Instant::now() + CHECK;
        let state = self.app.ledger.current(StreamId::ApiKey(self.key_id)).await?;
        let StreamState::ApiKey(key) = &*state else { return Ok(false) };
        Ok(key.opens(&self.secret_hash, self.app.now()) && key.scopes.grants(Scope::WebhooksRead))
    }

    async fn look(&mut self) -> Result<bool, ApiError> {
        let store = self.app.store();
        let page = list::oldest(store, self.book, self.types.as_deref(), self.after, PAGE).await?;
        for row in &page.items {
            let text = body(&self.app, self.book, row).await?;
            self.read.push_back((row.event_id.clone(), row.event_type.clone(), text));
            self.after = row.position;
        }
        Ok(!self.read.is_empty())
    }
}

/// `GET /v1/events/stream`: server-sent events, live, resumable by `Last-Event-ID`.
#[utoipa::path(
    get,
    path = "/v1/events/stream",
    operation_id = "stream_events",
    tag = "events",
    summary = "Stream events",
    description = "Server-sent events, live: `id`, `event` and `data` of each. Resumes after `Last-Event-ID` or `after`; without either it begins with what comes next. A comment every 15 seconds keeps the connection. `limit` has no effect.",
    params(LastEventId, PullQuery),
    responses((status = 200, description = "The stream", body = String, content_type = "text/event-stream")),
    security(("buyer_key" = ["webhooks:read"])),
    extensions(("x-error-codes" = json!(["too_many_streams"]))),
)]
pub(crate) async fn stream(
    State(app): State<AppState>,
    buyer: Can<WebhooksRead>,
    headers: HeaderMap,
    ListQuery(query): ListQuery<PullQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, std::convert::Infallible>>>, ApiError> {
    let book = buyer.book();
    let types = types(query.types.as_deref())?;
    let open = app.process.streams.open(book)?;
    app.catch_up_feed(book).await;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = match (last, &query.after) {
        (Some(id), _) => seen(&app, book, "Last-Event-ID", id).await?,
        (None, Some(id)) => seen(&app, book, "after", id).await?,
        (None, None) => list::last_position(app.store(), book).await?,
    };
    let now = Instant::now();
    let streaming = Streaming {
        app,
        book,
        types,
        after,
        read: VecDeque::new(),
        next_look: now,
        key_id: buyer.key_id,
        secret_hash: buyer.secret_hash,
        next_check: now + CHECK,
        _open: open,
    };
    let events = stream::unfold(streaming, |mut streaming| async move {
        match streaming.next().await {
            Ok(Some((id, event_type, text))) => {
                Some((Ok(Event::default().id(id).event(event_type).data(text)), streaming))
            }
            Ok(None) => None,
            Err(error) => {
                // The client resumes after the last event that it got.
                tracing::warn!(code = error.code(), "a stream of events ends");
                None
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}
