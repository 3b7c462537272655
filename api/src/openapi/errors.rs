//! Errors in the document, rendered by the very table that renders them on the wire.

use super::headers;
use super::markdown::BASE;
use super::schema::{INSTANT, ULID};
use crate::error::{ApiError, FieldError};
use crate::limits::Reading;
use firsthand_domain::ids::{LotId, PayoutId};
use firsthand_domain::{Cents, Rejection, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One error as the document shows it.
pub(super) struct Shown {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) body: Value,
}

/// One of every error that the table knows. `OutOfBalance` shows itself as any internal error.
fn samples() -> Vec<ApiError> {
    let field = |field: &str, message: &str| {
        ApiError::Invalid(vec![FieldError { field: field.to_owned(), message: message.to_owned() }])
    };
    let mut samples = vec![
        field("files_needed", "must be 1 to 10000"),
        ApiError::MalformedJson,
        ApiError::BodyTooLarge,
        ApiError::UnsupportedContentType,
        ApiError::PricingViolation("price_per_file_cents must be 10 to 50000".to_owned()),
        ApiError::Unauthenticated,
        ApiError::ServiceTokenNeeded,
        ApiError::ScopeMissing("jobs:write"),
        ApiError::LiveKeyNeeded,
        ApiError::TestKeyNeeded,
        ApiError::NotFound("job"),
        ApiError::NoSuchRoute(None),
        ApiError::NoSuchMethod,
        ApiError::IdempotencyKeyMissing,
        ApiError::IdempotencyConflict,
        ApiError::MediaMismatch(
            "the file is declared as image/jpeg and its content is image/png".to_owned(),
        ),
        ApiError::FileTooLarge(25_000_000),
        ApiError::Taken("phone number"),
        ApiError::WrongCode,
        ApiError::WebhookUrlRefused("the scheme must be https".to_owned()),
        ApiError::TooManyEndpoints(50),
        ApiError::TooManyStreams(100),
        ApiError::DailyCap(50),
        ApiError::SignatureRefused("the signature is not ours".to_owned()),
        ApiError::PaymentsUnavailable,
        ApiError::PaymentsFailed(String::new()),
        rate_limited(),
        ApiError::Overloaded,
        ApiError::Unavailable,
        ApiError::Internal(String::new()),
    ];
    samples.extend(rejections().into_iter().map(ApiError::Rejected));
    samples
}

/// Every reason that a rule has.
fn rejections() -> Vec<Rejection> {
    vec![
        Rejection::AlreadyExists { kind: "organization" },
        Rejection::InsufficientCredits { required: Cents::new(500), available: Cents::new(250) },
        Rejection::AmountOverflow,
        Rejection::FreeTierJobLimit,
        Rejection::JobNotActive { status: "completed" },
        Rejection::NotOpenYet { opens_at: INSTANT.parse().unwrap_or(Timestamp::from_micros(0)) },
        Rejection::JobFull,
        Rejection::TooManyWorkers,
        Rejection::AlreadyAccepted,
        Rejection::WorkerSuspended { until: None },
        Rejection::WrongSubmissionStatus { status: "approved" },
        Rejection::WindowOver,
        Rejection::WrongFileCount { reserved: 1 },
        Rejection::NotCompleted,
        Rejection::AlreadyRated,
        Rejection::TooEarly,
        Rejection::PhoneAlreadyVerified,
        Rejection::ScopeNotHeld,
        Rejection::KeyRevoked,
        Rejection::LastManagingKey,
        Rejection::EndpointDisabled,
        Rejection::TooManySecrets,
        Rejection::AmountMismatch { expected: Cents::new(1_000), found: Cents::new(900) },
        Rejection::NotPaid,
        Rejection::PayoutBelowMinimum { minimum: Cents::new(500), available: Cents::new(320) },
        Rejection::InsufficientEarnings {
            requested: Cents::new(2_000),
            available: Cents::new(1_250),
        },
        Rejection::PayoutInFlight { payout_id: PayoutId::default() },
        Rejection::NoPayoutAccount,
        Rejection::PayoutSettled { status: "failed" },
        Rejection::AlreadyAppealed,
        Rejection::AlreadyDecided,
        Rejection::PreconditionFailed,
        Rejection::ClockBackwards { now: INSTANT.parse().unwrap_or(Timestamp::from_micros(0)) },
        Rejection::ClockAdvancing,
        Rejection::ClockTooFar,
        Rejection::OutOfBalance { lot: LotId::default() },
    ]
}

/// What a caller gets who asks too often.
fn rate_limited() -> ApiError {
    let wait = Duration::from_secs(12);
    let reading = Reading { bucket: "key", limit: 100, window: 60, remaining: 0, wait, full: wait };
    ApiError::RateLimited(reading, INSTANT.parse().unwrap_or(Timestamp::from_micros(0)))
}

/// Every error by its code.
pub(super) fn catalogue() -> BTreeMap<String, Shown> {
    let request_id = format!("req_{ULID}");
    let mut shown = BTreeMap::new();
    for sample in samples() {
        let body = serde_json::from_slice(&sample.body(&request_id, BASE)).unwrap_or_default();
        let (status, code) = (sample.status().as_u16(), sample.code().to_owned());
        shown.entry(code.clone()).or_insert(Shown { status, code, body });
    }
    shown
}

/// The schema of the envelope.
pub(super) fn schema(catalogue: &BTreeMap<String, Shown>) -> Value {
    let kinds: BTreeSet<_> =
        catalogue.values().filter_map(|shown| shown.body["error"]["type"].as_str()).collect();
    let codes: Vec<_> = catalogue.keys().collect();
    json!({
        "type": "object",
        "description": "What went wrong. Decide by `code`; show `message` to people.",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["type", "code", "message", "request_id", "doc_url"],
            "properties": {
                "type": {"type": "string", "enum": kinds, "description": "The family."},
                "code": {
                    "type": "string", "enum": codes,
                    "description": "The exact reason: stable, one page each.",
                },
                "message": {"type": "string", "description": "For people."},
                "request_id": {"$ref": "#/components/schemas/RequestId"},
                "doc_url": {
                    "type": "string", "format": "uri",
                    "description": "The page of the code, on this service; `.md` behind it gives the text.",
                },
                "details": {
                    "type": "array", "items": {"type": "object"},
                    "description": "Every wrong field with its message, or the missing amount.",
                },
                "current_balance_cents": {"$ref": "#/components/schemas/Cents"},
                "required_cents": {"$ref": "#/components/schemas/Cents"},
                "shortfall_cents": {"$ref": "#/components/schemas/Cents"},
                "purchase_url": {"type": "string", "format": "uri"},
            },
        }},
    })
}

/// The schema of errors for who accepts `application/problem+json`.
pub(super) fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457, for who accepts it. Holds what the envelope holds.",
        "required": ["type", "title", "status", "detail", "instance", "error_type", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"$ref": "#/components/schemas/RequestId"},
            "error_type": {"type": "string", "description": "`error.type` of the envelope."},
            "code": {"type": "string"},
            "details": {"type": "array", "items": {"type": "object"}},
        },
    })
}

/// One response for each status of these codes, with an example of each.
pub(super) fn responses(
    catalogue: &BTreeMap<String, Shown>,
    codes: &BTreeSet<String>,
    facts: headers::Facts,
) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<&Shown>> = BTreeMap::new();
    for shown in codes.iter().filter_map(|code| catalogue.get(code)) {
        by_status.entry(shown.status).or_default().push(shown);
    }
    by_status
        .into_iter()
        .map(|(status, shown)| (status.to_string(), response(status, &shown, facts)))
        .collect()
}

fn response(status: u16, shown: &[&Shown], facts: headers::Facts) -> Value {
    let lines: Vec<_> = shown
        .iter()
        .map(|shown| {
            let message = shown.body["error"]["message"].as_str().unwrap_or_default();
            format!("`{}`: {message}", shown.code)
        })
        .collect();
    let examples: Map<_, _> = shown
        .iter()
        .map(|shown| {
            let place = format!("#/components/examples/{}", shown.code);
            (shown.code.clone(), json!({"$ref": place}))
        })
        .collect();
    json!({
        "description": lines.join("\n\n"),
        "headers": headers::of(status, facts),
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "examples": examples,
            },
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
        },
    })
}

/// The examples that responses refer to.
pub(super) fn examples(catalogue: &BTreeMap<String, Shown>) -> Map<String, Value> {
    catalogue
        .values()
        .map(|shown| (shown.code.clone(), json!({"summary": shown.code, "value": shown.body})))
        .collect()
}
