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
use firsthand_domain::{Book, Rejection, State, StreamId, Timestamp, View};
use firsthand_projections::webhooks::endpoints::{self, EndpointOf};
use firsthand_projections::webhooks::lanes::Health;
use firsthand_projections::webhooks::seals;
use std::collections::BTreeMap;

/// Endpoints that a book may have.
const MOST: i64 = 50;
/// For so long a sealed value is kept that no event names.
const YOUNG: Span = Span::hours(1);

/// Reads an endpoint of a book, with how it fares.
async fn read(app: &AppState, book: Book, id: WebhookEndpointId) -> Result<EndpointOf, ApiError> {
    let found = endpoints::get(app.store(), book, id).await?;
    found.ok_or(ApiError::NotFound("webhook endpoint"))
}

/// A text that is to be sealed, under a new id.
fn sealable(app: &AppState, id: WebhookEndpointId, text: String) -> (SealId, String) {
    (SealId::in_slot(app.mint(), id.slot()), text)
}

/// The extra headers as they are sealed, if there are any.
fn sealable_headers(
    app: &AppState,
    id: WebhookEndpointId,
    headers: &BTreeMap<String, String>,
) -> Option<(SealId, String)> {
    (!headers.is_empty()).then(|| sealable(app, id, serde_json::json!(headers).to_string()))
}

/// Seals texts for an endpoint and keeps them; an event may then name them. What was sealed before and is
/// not among those that the endpoint has `named` is forgotten. So what a change replaces stays until the
/// next one: a delivery under way or another process may still read it. Young values stay too: another
/// request's event may be on its way.
async fn seal(
    app: &AppState,
    id: WebhookEndpointId,
    texts: &[(SealId, String)],
    named: &[SealId],
) -> Result<(), ApiError> {
    let seal = |text: &str| app.secrets.seal(&seals::purpose(id), text.as_bytes());
    let sealed: Vec<_> = texts.iter().map(|(seal_id, text)| (*seal_id, seal(text))).collect();
    let before = app.now().before(YOUNG);
    Ok(seals::keep(app.store(), StreamId::WebhookEndpoint(id), &sealed, named, before).await?)
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
