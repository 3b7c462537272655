//! Webhook endpoints, events, deliveries, attempts and replays on the wire (docs/webhooks.md).

use crate::error::ApiError;
use firsthand_domain::ids::{ReplayId, WebhookEndpointId};
use firsthand_domain::webhook_endpoints::{
    DisabledReason, Ordering, ReplayOnly, SignatureScheme, WebhookEndpoint,
};
use firsthand_domain::{Book, Environment, Timestamp};
use firsthand_projections::webhooks::attempts::AttemptRow;
use firsthand_projections::webhooks::lanes::Health;
use firsthand_projections::webhooks::list::{DeliveryRow, FeedRow};
use firsthand_projections::webhooks::replays::Replay;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is shown of a value that may be a secret.
const MASK: &str = "••••";

/// An endpoint.
#[derive(Debug, Serialize)]
pub(crate) struct EndpointView {
    object: &'static str,
    /// The endpoint.
    pub id: WebhookEndpointId,
    url: String,
    events: Vec<&'static str>,
    description: Option<String>,
    status: &'static str,
    disabled_reason: Option<DisabledReason>,
    api_version: String,
    signature_scheme: SignatureScheme,
    ordering: Ordering,
    max_in_flight: u16,
    max_per_second: Option<u16>,
    headers: BTreeMap<String, &'static str>,
    /// When the last of the older secrets stops signing.
    previous_secret_expires_at: Option<Timestamp>,
    consecutive_failures: i64,
    failing_since: Option<Timestamp>,
    last_success_at: Option<Timestamp>,
    last_failure_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    livemode: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl EndpointView {
    /// Makes the view; `secret` only where it was made just now.
    pub(crate) fn new(
        id: WebhookEndpointId,
        endpoint: &WebhookEndpoint,
        health: &Health,
        secret: Option<String>,
        now: Timestamp,
    ) -> Self {
        let settings = &endpoint.settings;
        let events = match &settings.events.0 {
            None => vec!["*"],
            Some(types) => types.iter().map(|wanted| wanted.as_str()).collect(),
        };
        let expiries = endpoint.previous.iter().map(|old| old.expires_at);
        let at = |micros: Option<i64>| micros.map(Timestamp::from_micros);
        Self {
            object: "webhook_endpoint",
            id,
            url: settings.url.clone(),
            events,
            description: settings.description.clone(),
            status: if endpoint.enabled() { "enabled" } else { "disabled" },
            disabled_reason: endpoint.disabled,
            api_version: settings.api_version.clone(),
            signature_scheme: settings.signature_scheme,
            ordering: settings.ordering,
            max_in_flight: settings.max_in_flight,
            max_per_second: settings.max_per_second,
            headers: settings.header_names.iter().map(|name| (name.clone(), MASK)).collect(),
            previous_secret_expires_at: expiries.filter(|at| *at > now).max(),
            consecutive_failures: health.consecutive_failures,
            failing_since: at(health.failing_since),
            last_success_at: at(health.last_success_at),
            last_failure_at: at(health.last_failure_at),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
            livemode: matches!(endpoint.book, Book::Organization(_, Environment::Live)),
            secret,
        }
    }
}

/// Makes the view of an event: the fields of its body, byte for byte, and what became of it.
pub(crate) fn webhook_event(
    body: &str,
    row: &FeedRow,
    deliveries: Option<&[DeliveryView]>,
) -> Result<Box<RawValue>, ApiError> {
    let internal = |error: serde_json::Error| ApiError::Internal(error.to_string());
    let fields = body.strip_suffix('}').unwrap_or(body);
    let mut text = format!("{fields},\"delivery_status\":\"{}\"", row.delivery_status);
    if let Some(deliveries) = deliveries {
        text.push_str(",\"deliveries\":");
        text.push_str(&serde_json::to_string(deliveries).map_err(internal)?);
    }
    text.push('}');
    RawValue::from_string(text).map_err(internal)
}

/// What became of an event at one endpoint.
#[derive(Debug, Serialize)]
pub(crate) struct DeliveryView {
    object: &'static str,
    endpoint_id: String,
    status: String,
    attempts: i32,
    next_attempt_at: Option<Timestamp>,
    last_attempt_at: Option<Timestamp>,
    last_response_status: Option<i32>,
    last_error_code: Option<String>,
}

impl DeliveryView {
    /// Makes the view.
    pub(crate) fn new(row: DeliveryRow) -> Self {
        let pending = row.status == "pending";
        Self {
            object: "webhook_delivery",
            endpoint_id: row.endpoint_id,
            status: row.status,
            attempts: row.attempts,
            next_attempt_at: pending.then(|| Timestamp::from_micros(row.due_at)),
            last_attempt_at: row.last_attempt_at.map(Timestamp::from_micros),
            last_response_status: row.response_status,
            last_error_code: row.error_code,
        }
    }
}

/// One attempt.
#[derive(Debug, Serialize)]
pub(crate) struct AttemptView {
    object: &'static str,
    /// The attempt.
    pub id: String,
    event_id: String,
    event_type: String,
    endpoint_id: String,
    attempt: i32,
    status: String,
    created_at: Timestamp,
    url: String,
    request_headers: Value,
    request_body_sha256: Option<String>,
    response_status: Option<i32>,
    response_headers: Value,
    response_body: Option<String>,
    timings: Value,
    remote_address: Option<String>,
    error_code: Option<String>,
}

/// Writes microseconds as milliseconds with three decimals, without floating point.
fn milliseconds(micros: Option<i64>) -> Value {
    let Some(micros) = micros else { return Value::Null };
    let text = format!("{}.{:03}", micros / 1_000, micros % 1_000);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

impl AttemptView {
    /// Makes the view.
    pub(crate) fn new(row: AttemptRow) -> Self {
        let parsed = |bytes: Option<Vec<u8>>| {
            bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null)
        };
        Self {
            object: "webhook_attempt",
            id: row.attempt_id,
            event_id: row.event_id,
            event_type: row.event_type,
            endpoint_id: row.endpoint_id,
            attempt: row.attempt,
            status: row.status,
            created_at: Timestamp::from_micros(row.begun_at),
            url: row.url,
            request_headers: parsed(row.request_headers),
            request_body_sha256: row.body_hash.map(hex::encode),
            response_status: row.response_status,
            response_headers: parsed(row.response_headers),
            response_body: row
                .response_body
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            timings: json!({
                "dns_ms": milliseconds(row.dns_us),
                "connect_ms": milliseconds(row.connect_us),
                "tls_ms": milliseconds(row.tls_us),
                "first_byte_ms": milliseconds(row.first_byte_us),
                "total_ms": milliseconds(row.total_us),
            }),
            remote_address: row.address,
            error_code: row.error_code,
        }
    }
}

/// A replay of a range.
#[derive(Debug, Serialize)]
pub(crate) struct ReplayView {
    object: &'static str,
    id: String,
    endpoint_id: String,
    since: Timestamp,
    until: Timestamp,
    only: String,
    status: String,
    total: Option<i64>,
    queued: i64,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl ReplayView {
    /// Says whether it still queues events.
    pub(crate) fn is_running(&self) -> bool {
        self.status == "running"
    }

    /// Makes the view of one that was just asked for.
    pub(crate) fn begun(
        id: ReplayId,
        endpoint: WebhookEndpointId,
        (since, until): (Timestamp, Timestamp),
        only: ReplayOnly,
        now: Timestamp,
    ) -> Self {
        Self {
            object: "webhook_replay",
            id: id.to_string(),
            endpoint_id: endpoint.to_string(),
            since,
            until,
            only: only.as_str().to_owned(),
            status: "running".to_owned(),
            total: None,
            queued: 0,
            created_at: now,
            finished_at: None,
        }
    }

    /// Makes the view.
    pub(crate) fn new(row: Replay) -> Self {
        Self {
            object: "webhook_replay",
            id: row.replay_id,
            endpoint_id: row.endpoint_id,
            since: Timestamp::from_micros(row.since),
            until: Timestamp::from_micros(row.until),
            only: row.selection,
            status: row.status,
            total: row.total,
            queued: row.queued,
            created_at: Timestamp::from_micros(row.requested_at),
            finished_at: row.finished_at.map(Timestamp::from_micros),
        }
    }
}
