//! `POST /hooks/stripe`: what the payment provider tells us (spec section 3, 7).

use crate::app::AppState;
use crate::error::ApiError;
use crate::openapi::{StripeSignature, schema};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use firsthand_adapters::payments::inbound;
use firsthand_domain::StreamId;
use firsthand_domain::ids::{PayoutId, PurchaseId};
use firsthand_eventstore::payment_events::{self, NewPaymentEvent};
use serde_json::{Value, json};

/// The longest id that an event may have.
const LONGEST_ID: usize = 255;

/// Keeps an event whose signature is right and answers; a task acts on it. One that was told before
/// is answered alike and changes nothing.
#[utoipa::path(
    post,
    path = "/hooks/stripe",
    operation_id = "receive_stripe_event",
    tag = "hooks",
    summary = "Receive an event of the payment provider",
    description = "Kept once and acted on later. An event that was told before is answered alike and changes nothing.",
    params(StripeSignature),
    request_body(content = schema::AnyObject, content_type = "application/json"),
    responses((status = 200, description = "It is kept", body = schema::PaymentEventKept)),
    security(()),
    extensions(("x-error-codes" = json!(["signature_refused", "malformed_json", "validation_error"]))),
)]
pub(crate) async fn stripe(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let now = app.now();
    let environment = app
        .payments
        .verify(header.unwrap_or_default(), &body, now.unix_seconds())
        .map_err(|refused| ApiError::SignatureRefused(refused.to_string()))?;
    let event = inbound::read(&body).map_err(|_shape| ApiError::MalformedJson)?;
    if event.id.is_empty() || event.id.len() > LONGEST_ID {
        return Err(ApiError::field("id", "must have 1 to 255 characters"));
    }
    let purchase = event.purchase_id.as_deref().and_then(|id| id.parse::<PurchaseId>().ok());
    let payout = event.payout_id.as_deref().and_then(|id| id.parse::<PayoutId>().ok());
    let stream = purchase.map(StreamId::Purchase).or(payout.map(StreamId::Payout));
    let part = stream.map_or(0, |stream| app.store().part_of(stream));
    let new = payment_events::receive(
        app.store(),
        NewPaymentEvent {
            part,
            event_id: &event.id,
            event_type: &event.event_type,
            purchase_id: event.purchase_id.as_deref(),
            received_at: now.micros(),
            payload: &body,
            environment,
        },
    )
    .await?;
    Ok(Json(json!({"received": true, "duplicate": !new})))
}
