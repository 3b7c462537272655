//! Webhook endpoints, events, deliveries, attempts and replays on the wire (docs/webhooks.md).

use crate::error::ApiError;
use crate::openapi::schema;
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
use utoipa::ToSchema;

/// What is shown of a value that may be a secret.
const MASK: &str = "••••";

/// An endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEndpoint)]
pub(crate) struct EndpointView {
    #[schema(example = "webhook_endpoint")]
    object: &'static str,
    /// The endpoint.
    #[schema(value_type = schema::WebhookEndpointId)]
    pub id: WebhookEndpointId,
    #[schema(example = "https://example.com/hooks")]
    url: String,
    #[schema(value_type = Vec<schema::EventTypePattern>)]
    events: Vec<&'static str>,
    description: Option<String>,
    #[schema(value_type = schema::EndpointStatus)]
    status: &'static str,
    #[schema(value_type = Option<schema::DisabledReason>)]
    disabled_reason: Option<DisabledReason>,
    #[schema(example = "2026-03-18")]
    api_version: String,
    #[schema(value_type = schema::SignatureScheme)]
    signature_scheme: SignatureScheme,
    #[schema(value_type = schema::DeliveryOrder)]
    ordering: Ordering,
    #[schema(minimum = 1, maximum = 64, example = 8)]
    max_in_flight: u16,
    #[schema(minimum = 1, maximum = 1000)]
    max_per_second: Option<u16>,
    /// Names of extra headers; their values are masked.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    headers: BTreeMap<String, &'static str>,
    /// When the last of the older secrets stops signing.
    #[schema(value_type = Option<schema::Instant>)]
    previous_secret_expires_at: Option<Timestamp>,
    /// Failed attempts since the last success.
    #[schema(minimum = 0, example = 0)]
    consecutive_failures: i64,
    #[schema(value_type = Option<schema::Instant>)]
    failing_since: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    last_success_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
    last_failure_at: Option<Timestamp>,
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    #[schema(value_type = schema::Instant)]
    updated_at: Timestamp,
    livemode: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// Only where it was made just now.
    #[schema(value_type = String, required = false, example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryView {
    #[schema(example = "webhook_delivery")]
    object: &'static str,
    #[schema(value_type = schema::WebhookEndpointId)]
    endpoint_id: String,
    #[schema(value_type = schema::DeliveryStatus)]
    status: String,
    #[schema(minimum = 0, example = 1)]
    attempts: i32,
    #[schema(value_type = Option<schema::Instant>)]
    next_attempt_at: Option<Timestamp>,
    #[schema(value_type = Option<schema::Instant>)]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
pub(crate) struct AttemptView {
    #[schema(example = "webhook_attempt")]
    object: &'static str,
    /// The attempt.
    #[schema(value_type = schema::AttemptId)]
    pub id: String,
    #[schema(value_type = schema::EventId)]
    event_id: String,
    #[schema(value_type = schema::EventTypeName)]
    event_type: String,
    #[schema(value_type = schema::WebhookEndpointId)]
    endpoint_id: String,
    #[schema(minimum = 1, example = 1)]
    attempt: i32,
    #[schema(value_type = schema::AttemptStatus)]
    status: String,
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    #[schema(example = "https://example.com/hooks")]
    url: String,
    #[schema(value_type = Option<schema::AnyObject>)]
    request_headers: Value,
    #[schema(value_type = Option<schema::Sha256>)]
    request_body_sha256: Option<String>,
    #[schema(minimum = 100, maximum = 999, example = 204)]
    response_status: Option<i32>,
    #[schema(value_type = Option<schema::AnyObject>)]
    response_headers: Value,
    /// Its first 8 kB.
    response_body: Option<String>,
    #[schema(value_type = schema::Timings)]
    timings: Value,
    remote_address: Option<String>,
    /// Why it failed; null if it did not.
    #[schema(value_type = Option<String>)]
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
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReplay)]
pub(crate) struct ReplayView {
    #[schema(example = "webhook_replay")]
    object: &'static str,
    #[schema(value_type = schema::ReplayId)]
    id: String,
    #[schema(value_type = schema::WebhookEndpointId)]
    endpoint_id: String,
    #[schema(value_type = schema::Instant)]
    since: Timestamp,
    #[schema(value_type = schema::Instant)]
    until: Timestamp,
    #[schema(value_type = schema::ReplayOnly)]
    only: String,
    #[schema(value_type = schema::ReplayStatus)]
    status: String,
    /// Events of the range; null until they are counted.
    #[schema(minimum = 0)]
    total: Option<i64>,
    /// Those that are queued already.
    #[schema(minimum = 0, example = 0)]
    queued: i64,
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    #[schema(value_type = Option<schema::Instant>)]
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
