//! Errors: one table from what went wrong to status, type, code and words (spec section 2, design
//! D14). There is no catch-all arm; 5xx bodies are constant text.

use crate::limits::Reading;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use firsthand_domain::{Rejection, Timestamp};
use firsthand_eventstore::{ExecuteError, StoreError};
use serde::Serialize;
use serde_json::{Value, json};

/// Where the error pages are, below the service's own address.
const DOCS: &str = "/docs/errors/";

/// Where credits are bought, below the service's own address.
const PURCHASE: &str = "/v1/billing/credits/purchase";

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field, as `accepted_formats[0]`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// What the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// The body or a parameter is invalid.
    Invalid(Vec<FieldError>),
    /// The body is not JSON.
    MalformedJson,
    /// The body is too large.
    BodyTooLarge,
    /// The content type is not JSON.
    UnsupportedContentType,
    /// The price is out of bounds.
    PricingViolation(String),
    /// No key, or none that opens anything.
    Unauthenticated,
    /// A provisioning route without the service's token.
    ServiceTokenNeeded,
    /// The key lacks a scope.
    ScopeMissing(&'static str),
    /// A test key tried to change what the live side shares.
    LiveKeyNeeded,
    /// A live key asked for what only the sandbox has.
    TestKeyNeeded,
    /// There is no such thing, or not in this book.
    NotFound(&'static str),
    /// There is no such route.
    NoSuchRoute(Option<&'static str>),
    /// The route has no such method.
    NoSuchMethod,
    /// The idempotency key is missing where one is required.
    IdempotencyKeyMissing,
    /// The idempotency key was used for another request.
    IdempotencyConflict,
    /// An upload's content is not what it claims to be.
    MediaMismatch(String),
    /// An upload is larger than its kind allows.
    FileTooLarge(u64),
    /// A name that exists once is taken.
    Taken(&'static str),
    /// A verification code is wrong or too old.
    WrongCode,
    /// A webhook's URL may not be used, and why.
    WebhookUrlRefused(String),
    /// The book has as many webhook endpoints as it may have.
    TooManyEndpoints(usize),
    /// The book holds as many streams of events open as it may.
    TooManyStreams(usize),
    /// The worker has begun enough for today.
    DailyCap(i64),
    /// No payment provider is configured.
    PaymentsUnavailable,
    /// The payment provider did not do what was asked.
    PaymentsFailed(String),
    /// An inbound event is not signed as it should be.
    SignatureRefused(String),
    /// One request too many: which limit, and when that was.
    RateLimited(Reading, Timestamp),
    /// A rule refused.
    Rejected(Rejection),
    /// Too much is queued.
    Overloaded,
    /// The log can't be written.
    Unavailable,
    /// Something that should not happen, with its cause for the log.
    Internal(String),
}

/// One row of the table.
struct Row {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: String,
}

fn row(
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: impl Into<String>,
) -> Row {
    Row { status, kind, code, message: message.into() }
}

impl ApiError {
    /// One wrong field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }

    fn row(&self) -> Row {
        use StatusCode as S;
        match self {
            Self::Invalid(_)
            | Self::MalformedJson
            | Self::BodyTooLarge
            | Self::UnsupportedContentType
            | Self::PricingViolation(_)
            | Self::IdempotencyKeyMissing
            | Self::MediaMismatch(_)
            | Self::FileTooLarge(_)
            | Self::WrongCode
            | Self::SignatureRefused(_) => self.bad_input(),
            Self::Unauthenticated
            | Self::ServiceTokenNeeded
            | Self::ScopeMissing(_)
            | Self::LiveKeyNeeded
            | Self::TestKeyNeeded => self.not_allowed(),
            Self::NotFound(kind) => {
                row(S::NOT_FOUND, "not_found", "not_found", format!("no such {kind}"))
            }
            Self::NoSuchRoute(hint) => {
                let message = hint.unwrap_or("no such route");
                row(S::NOT_FOUND, "not_found", "no_such_route", message)
            }
            Self::NoSuchMethod => {
                let message = "the route does not take this method";
                row(S::METHOD_NOT_ALLOWED, "not_found", "method_not_allowed", message)
            }
            Self::IdempotencyConflict => {
                let message = "the idempotency key was used for another request";
                row(S::CONFLICT, "idempotency_error", "idempotency_conflict", message)
            }
            Self::Taken(what) => {
                row(S::CONFLICT, "conflict", "taken", format!("this {what} is in use"))
            }
            Self::DailyCap(cap) => {
                let message = format!(
                    "you may begin {cap} submissions a day; the count starts anew at 00:00 UTC"
                );
                row(S::CONFLICT, "conflict", "daily_cap", message)
            }
            Self::WebhookUrlRefused(reason) => row(
                S::UNPROCESSABLE_ENTITY,
                "validation_error",
                "webhook_url_refused",
                format!("this url can't be sent to: {reason}"),
            ),
            Self::TooManyEndpoints(most) => {
                let message = format!("there may be {most} webhook endpoints; delete one first");
                row(S::CONFLICT, "conflict", "too_many_endpoints", message)
            }
            Self::TooManyStreams(most) => {
                let message = format!("there may be {most} open streams of events; close one");
                row(S::TOO_MANY_REQUESTS, "rate_limit_exceeded", "too_many_streams", message)
            }
            Self::RateLimited(reading, _) => rate_limited(reading),
            Self::Rejected(rejection) => rejected(rejection),
            Self::Overloaded
            | Self::Unavailable
            | Self::PaymentsUnavailable
            | Self::PaymentsFailed(_)
            | Self::Internal(_) => self.our_fault(),
        }
    }

    /// The rows of callers who may not do this.
    fn not_allowed(&self) -> Row {
        use StatusCode as S;
        match self {
            Self::ServiceTokenNeeded => row(
                S::UNAUTHORIZED,
                "unauthorized",
                "unauthorized",
                "this route needs the service token",
            ),
            Self::ScopeMissing(scope) => {
                let message = format!("this key lacks the scope {scope}");
                row(S::FORBIDDEN, "authorization_error", "scope_missing", message)
            }
            Self::LiveKeyNeeded => {
                let message = "this concerns the live side: use a live key";
                row(S::FORBIDDEN, "authorization_error", "live_key_needed", message)
            }
            Self::TestKeyNeeded => {
                let message = "only the sandbox has a clock of its own: use a test key";
                row(S::FORBIDDEN, "authorization_error", "test_key_needed", message)
            }
            _ => row(
                S::UNAUTHORIZED,
                "authentication_error",
                "authentication_error",
                "no valid API key or token was given",
            ),
        }
    }

    /// The rows of requests that can only be mended by sending another one.
    fn bad_input(&self) -> Row {
        use StatusCode as S;
        let invalid =
            |code, message: String| row(S::BAD_REQUEST, "validation_error", code, message);
        match self {
            Self::MalformedJson => {
                invalid("malformed_json", "the body is not valid JSON".to_owned())
            }
            Self::BodyTooLarge => row(
                S::PAYLOAD_TOO_LARGE,
                "validation_error",
                "body_too_large",
                "the body is larger than 256 KiB",
            ),
            Self::UnsupportedContentType => row(
                S::UNSUPPORTED_MEDIA_TYPE,
                "validation_error",
                "unsupported_content_type",
                "send application/json",
            ),
            Self::PricingViolation(message) => {
                row(S::BAD_REQUEST, "pricing_violation", "pricing_violation", message.clone())
            }
            Self::IdempotencyKeyMissing => invalid(
                "idempotency_key_missing",
                "send an Idempotency-Key header of 1 to 255 characters".to_owned(),
            ),
            Self::MediaMismatch(message) => row(
                S::UNSUPPORTED_MEDIA_TYPE,
                "validation_error",
                "unsupported_media",
                message.clone(),
            ),
            Self::FileTooLarge(limit) => {
                let message = format!("files of this kind may have {limit} bytes");
                row(S::PAYLOAD_TOO_LARGE, "validation_error", "file_too_large", message)
            }
            Self::WrongCode => {
                invalid("wrong_code", "the code is wrong or too old; ask for a new one".to_owned())
            }
            Self::SignatureRefused(why) => invalid("signature_refused", why.clone()),
            other => {
                let first = match other {
                    Self::Invalid(fields) => fields.first(),
                    _ => None,
                };
                let named = first.map_or_else(String::new, |first| {
                    format!(": {} {}", first.field, first.message)
                });
                invalid("validation_error", format!("invalid request{named}"))
            }
        }
    }

    /// The rows of failures of ours: constant text.
    fn our_fault(&self) -> Row {
        use StatusCode as S;
        match self {
            Self::Overloaded => row(
                S::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "overloaded",
                "too much is queued; try again in a second",
            ),
            Self::Unavailable => row(
                S::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "unavailable",
                "the service can't be reached right now; try again",
            ),
            Self::PaymentsUnavailable => row(
                S::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "payments_unavailable",
                "no payment provider is configured here",
            ),
            Self::PaymentsFailed(_) => row(
                S::BAD_GATEWAY,
                "bad_gateway",
                "payments_failed",
                "the payment provider did not answer as expected; try again",
            ),
            _ => row(
                S::INTERNAL_SERVER_ERROR,
                "internal_error",
                "internal_error",
                "something went wrong on our side; it has been logged",
            ),
        }
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.row().status
    }

    /// Returns the stable code.
    pub fn code(&self) -> &'static str {
        self.row().code
    }

    /// Returns the cause that is logged and never shown.
    pub fn cause(&self) -> &str {
        match self {
            Self::Internal(cause) | Self::PaymentsFailed(cause) => cause,
            _ => "",
        }
    }

    fn details(&self, base: &str) -> Vec<Value> {
        match self {
            Self::Invalid(fields) => fields.iter().map(|field| json!(field)).collect(),
            Self::WebhookUrlRefused(reason) => vec![json!({"field": "url", "message": reason})],
            Self::RateLimited(reading, at) => vec![json!({
                "bucket": reading.bucket,
                "limit": reading.limit,
                "window_seconds": reading.window,
                "retry_after_seconds": reading.retry_after(),
                "resets_at": reading.resets_at(*at),
            })],
            Self::Rejected(Rejection::InvalidSetting { field, message }) => {
                vec![json!({"field": field, "message": message})]
            }
            Self::Rejected(Rejection::PayoutBelowMinimum { minimum, available }) => {
                vec![json!({"minimum_cents": minimum, "available_cents": available})]
            }
            Self::Rejected(Rejection::InsufficientEarnings { requested, available }) => {
                vec![json!({"requested_cents": requested, "available_cents": available})]
            }
            Self::Rejected(Rejection::NotOpenYet { opens_at }) => {
                vec![json!({"opens_at": opens_at})]
            }
            Self::Rejected(Rejection::PayoutInFlight { payout_id }) => {
                vec![json!({"payout_id": payout_id})]
            }
            Self::Rejected(Rejection::InsufficientCredits { required, available }) => vec![json!({
                "current_balance_cents": available.get(),
                "required_cents": required.get(),
                "shortfall_cents": required.get() - available.get(),
                "purchase_url": format!("{base}{PURCHASE}"),
            })],
            _ => Vec::new(),
        }
    }

    /// Renders the envelope. Links begin with `base`, where buyers reach the service.
    pub fn body(&self, request_id: &str, base: &str) -> Bytes {
        Bytes::from(json!({ "error": self.to_value(request_id, base) }).to_string())
    }

    /// Renders what stands in the envelope.
    pub(crate) fn to_value(&self, request_id: &str, base: &str) -> Value {
        let row = self.row();
        let mut error = json!({
            "type": row.kind,
            "code": row.code,
            "message": row.message,
            "request_id": request_id,
            "doc_url": format!("{base}{DOCS}{}", row.code),
        });
        let details = self.details(base);
        if matches!(self, Self::Rejected(Rejection::InsufficientCredits { .. }))
            && let (Some(error), Some(Value::Object(money))) =
                (error.as_object_mut(), details.first())
        {
            error.extend(money.clone());
        }
        if !details.is_empty() {
            error["details"] = Value::Array(details);
        }
        error
    }
}

fn rate_limited(reading: &Reading) -> Row {
    let Reading { bucket, limit, window, .. } = reading;
    let message = format!(
        "the limit {bucket} lets through {limit} requests in {window} s; try again in {} s",
        reading.retry_after()
    );
    let code = "rate_limit_exceeded";
    row(StatusCode::TOO_MANY_REQUESTS, code, code, message)
}

fn rejected(rejection: &Rejection) -> Row {
    use StatusCode as S;
    let conflict = |code| row(S::CONFLICT, "conflict", code, rejection.to_string());
    match rejection {
        Rejection::NotFound { .. } => {
            row(S::NOT_FOUND, "not_found", "not_found", rejection.to_string())
        }
        Rejection::AlreadyExists { .. } => conflict("already_exists"),
        Rejection::InsufficientCredits { .. } => row(
            S::PAYMENT_REQUIRED,
            "insufficient_credits",
            "insufficient_credits",
            rejection.to_string(),
        ),
        Rejection::AmountOverflow => {
            row(S::BAD_REQUEST, "validation_error", "amount_out_of_range", rejection.to_string())
        }
        Rejection::FreeTierJobLimit => {
            row(S::FORBIDDEN, "free_tier_job_limit", "free_tier_job_limit", rejection.to_string())
        }
        Rejection::JobNotActive { .. } => conflict("job_not_active"),
        Rejection::NotOpenYet { .. } => {
            row(S::FORBIDDEN, "authorization_error", "not_open_yet", rejection.to_string())
        }
        Rejection::JobFull => conflict("job_full"),
        Rejection::TooManyWorkers => conflict("too_many_workers"),
        Rejection::AlreadyAccepted => conflict("already_accepted"),
        Rejection::WorkerSuspended { .. } => conflict("worker_suspended"),
        Rejection::WrongSubmissionStatus { .. } => conflict("wrong_submission_status"),
        Rejection::WindowOver => conflict("window_over"),
        Rejection::WrongFileCount { .. } => {
            row(S::BAD_REQUEST, "validation_error", "wrong_file_count", rejection.to_string())
        }
        Rejection::NotCompleted => conflict("not_completed"),
        Rejection::AlreadyRated => conflict("already_rated"),
        Rejection::TooEarly => conflict("too_early"),
        Rejection::PhoneAlreadyVerified => conflict("phone_already_verified"),
        Rejection::ScopeNotHeld => {
            row(S::FORBIDDEN, "authorization_error", "scope_not_held", rejection.to_string())
        }
        Rejection::KeyRevoked => conflict("key_revoked"),
        Rejection::LastManagingKey => conflict("last_managing_key"),
        Rejection::EndpointDisabled => conflict("endpoint_disabled"),
        Rejection::ClockBackwards { .. } => conflict("clock_backwards"),
        Rejection::ClockAdvancing => conflict("clock_advancing"),
        Rejection::ClockTooFar => {
            row(S::BAD_REQUEST, "validation_error", "clock_too_far", rejection.to_string())
        }
        Rejection::TooManySecrets => conflict("too_many_secrets"),
        Rejection::AmountMismatch { .. } => conflict("amount_mismatch"),
        Rejection::NotPaid => conflict("not_paid"),
        Rejection::PayoutBelowMinimum { .. } => conflict("payout_below_minimum"),
        Rejection::InsufficientEarnings { .. } => conflict("insufficient_earnings"),
        Rejection::PayoutInFlight { .. } => conflict("payout_in_flight"),
        Rejection::NoPayoutAccount => conflict("no_payout_account"),
        Rejection::PayoutSettled { .. } => conflict("payout_settled"),
        Rejection::AlreadyAppealed => conflict("already_appealed"),
        Rejection::AlreadyDecided => conflict("already_decided"),
        Rejection::PreconditionFailed => {
            row(S::PRECONDITION_FAILED, "conflict", "precondition_failed", rejection.to_string())
        }
        Rejection::InvalidSetting { .. } => {
            row(S::BAD_REQUEST, "validation_error", "validation_error", rejection.to_string())
        }
        Rejection::OutOfBalance { .. } => row(
            S::INTERNAL_SERVER_ERROR,
            "internal_error",
            "internal_error",
            "something went wrong on our side; it has been logged",
        ),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        // A number: the published client can't read a date (spec section 1, rule 5).
        let retry_after = match &self {
            Self::Overloaded | Self::Unavailable => Some(1),
            Self::RateLimited(reading, _) => Some(reading.retry_after()),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::Unauthenticated) {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<ExecuteError> for ApiError {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Overloaded => Self::Overloaded,
            ExecuteError::Unavailable => Self::Unavailable,
            ExecuteError::KeyReused => Self::IdempotencyConflict,
        }
    }
}

/// Writes an error with all its causes, for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Database(_) | StoreError::Append(_) => {
                tracing::warn!(error = chain(&error), "the database can't be reached");
                Self::Unavailable
            }
            StoreError::Migrate(_) | StoreError::NotDurable { .. } | StoreError::Corrupt { .. } => {
                Self::Internal(chain(&error))
            }
        }
    }
}
