//! Webhook endpoints (spec section 8).

pub(crate) mod attempts;
pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod get;
mod parse;
pub(crate) mod replays;
pub(crate) mod rotate_secret;
pub(crate) mod test_event;

use crate::app::AppState;
use crate::error::ApiError;
use crate::views::EndpointView;
use bytes::Bytes;
use firsthand_domain::ids::{SealId, WebhookEndpointId};
use firsthand_domain::time::Span;
use firsthand_domain::webhook_endpoints::WebhookEndpoint;
use firsthand_domain::{Book, Rejection, State, StreamId, Timestamp, View};
use firsthand_projections::states;
use firsthand_projections::webhooks::lanes::{self, Health};
use firsthand_projections::webhooks::seals;

/// Endpoints that a book may have.
const MOST: i64 = 50;
/// For so long a sealed value is kept that no event names.
const YOUNG: Span = Span::hours(1);

/// The statuses of endpoints that were not removed.
const EXISTING: [&str; 2] = ["enabled", "disabled"];

/// Reads an endpoint of a book.
async fn read(
    app: &AppState,
    book: Book,
    id: WebhookEndpointId,
) -> Result<WebhookEndpoint, ApiError> {
    let found = states::get(app.store(), book, StreamId::WebhookEndpoint(id)).await?;
    match found.map(|found| found.state) {
        Some(State::WebhookEndpoint(endpoint)) if endpoint.exists() => Ok(*endpoint),
        _ => Err(ApiError::NotFound("webhook endpoint")),
    }
}

/// Returns how an endpoint fares.
async fn health(app: &AppState, id: WebhookEndpointId) -> Result<Health, ApiError> {
    let found = lanes::health(app.store(), &[id]).await?;
    Ok(found.into_iter().next().map(|(_, health)| health).unwrap_or_default())
}

/// Seals a value for an endpoint and keeps it; an event may then name it.
async fn seal(app: &AppState, id: WebhookEndpointId, text: &str) -> Result<SealId, ApiError> {
    let seal_id = SealId::in_slot(app.mint(), id.slot());
    let sealed = app.secrets.seal(&seals::purpose(id), text.as_bytes());
    seals::keep(app.store(), StreamId::WebhookEndpoint(id), seal_id, &sealed).await?;
    Ok(seal_id)
}

/// Forgets what was sealed for an endpoint and is not named by it any more. Called before a change
/// seals something new, so what that change replaces stays until the next one: a delivery under way
/// or another process may still read it. Young values stay too: another request's event may be on its way.
async fn forget_unnamed(
    app: &AppState,
    id: WebhookEndpointId,
    endpoint: &WebhookEndpoint,
) -> Result<(), ApiError> {
    let stream = StreamId::WebhookEndpoint(id);
    let before = app.now().before(YOUNG);
    Ok(seals::forget_others(app.store(), stream, &endpoint.seals(), before).await?)
}

/// Renders an endpoint after a command.
fn render(
    view: &dyn View,
    id: WebhookEndpointId,
    health: Health,
    secret: Option<String>,
    now: Timestamp,
) -> Result<Bytes, Rejection> {
    match view.state(StreamId::WebhookEndpoint(id)) {
        Some(State::WebhookEndpoint(endpoint)) if endpoint.exists() => {
            Ok(crate::command::to_json(&EndpointView::new(id, endpoint, &health, secret, now)))
        }
        _ => Err(Rejection::NotFound { kind: "webhook endpoint" }),
    }
}
