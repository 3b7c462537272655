//! What an answer says of the limits: the `X-RateLimit-*` family that buyers know (spec section 2),
//! and the structured fields of the IETF draft (draft-ietf-httpapi-ratelimit-headers-10).

use super::Standing;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use firsthand_domain::Timestamp;

static LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
static RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Adds both families.
pub(crate) fn add(headers: &mut HeaderMap, standing: &Standing, now: Timestamp) {
    let reading = &standing.binding;
    let resets_in = reading.resets_in();
    // Rounded up, as the span is: at that second the bucket is full.
    let resets_at = now.unix_seconds() + i64::try_from(resets_in).unwrap_or(0) + 1;
    headers.insert(LIMIT.clone(), HeaderValue::from(reading.limit));
    headers.insert(REMAINING.clone(), HeaderValue::from(reading.remaining));
    headers.insert(RESET.clone(), HeaderValue::from(resets_at));
    let field = format!("\"{}\";r={};t={resets_in}", reading.bucket, reading.remaining);
    if let Ok(field) = HeaderValue::from_maybe_shared(bytes::Bytes::from(field)) {
        headers.insert(RATE_LIMIT.clone(), field);
    }
    headers.insert(POLICY.clone(), standing.policy.clone());
}
