//! Entity tags: strong ones, from the bytes of the answer.
//!
//! A tag is the hash of the body. Where a resource shows things that its owner does not change, like
//! a webhook endpoint's health, the tag has two parts, `"<what can be changed>.<the whole>"`: a
//! cached answer is stale when anything differs, a change is refused only when the first part does.

use axum::http::HeaderValue;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What an endpoint shows that no request changes.
pub(crate) const ENDPOINT_HEALTH: &[&str] =
    &["consecutive_failures", "failing_since", "last_success_at", "last_failure_at"];

/// Says whether a route answers with one resource, and what of it is not its owner's to change.
pub(crate) fn single(route: &str) -> Option<&'static [&'static str]> {
    match route {
        "/v1/webhook_endpoints/{id}" => Some(ENDPOINT_HEALTH),
        "/v1/jobs/{id}"
        | "/v1/submissions/{id}"
        | "/v1/submissions/summary"
        | "/v1/api_keys/{id}"
        | "/v1/organization/settings"
        | "/v1/me"
        | "/v1/billing/credits"
        | "/v1/billing/balance"
        | "/v1/billing/purchases/{id}"
        | "/v1/billing/statements/{month}"
        | "/v1/test_clock"
        | "/v1/webhook_events/{id}"
        | "/v1/webhook_endpoints/{id}/replays/{replay_id}"
        | "/v1/requests/{id}" => Some(&[]),
        _ => None,
    }
}

fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    hex::encode(digest.first_chunk::<12>().copied().unwrap_or_default())
}

/// Returns what a change is judged by: the hash of everything but the volatile fields.
pub(crate) fn guard_of(body: &[u8], volatile: &[&str]) -> String {
    if volatile.is_empty() {
        return hash(body);
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else { return hash(body) };
    fields.retain(|name, _| !volatile.contains(&name.as_str()));
    hash(Value::Object(fields).to_string().as_bytes())
}

/// Returns the tag of a body, in its quotes.
pub(super) fn tag(body: &[u8], volatile: &[&str]) -> String {
    if volatile.is_empty() {
        format!("\"{}\"", hash(body))
    } else {
        format!("\"{}.{}\"", guard_of(body, volatile), hash(body))
    }
}

/// Says whether `If-None-Match` names a tag, by the weak comparison that RFC 9110 section 13.1.2
/// asks for.
pub(super) fn names(header: &HeaderValue, tag: &str) -> bool {
    let text = header.to_str().unwrap_or_default();
    text.split(',').map(str::trim).any(|known| {
        known == "*" || known == tag || known.strip_prefix("W/").is_some_and(|known| known == tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_changes_with_the_body_and_its_guard_only_with_what_can_be_changed() {
        let volatile = &["last_success_at"];
        let one = br#"{"url":"a","last_success_at":null}"#;
        let two = br#"{"url":"a","last_success_at":"2026-01-01T00:00:00Z"}"#;
        let three = br#"{"url":"b","last_success_at":null}"#;
        assert_ne!(tag(one, volatile), tag(two, volatile));
        assert_eq!(guard_of(one, volatile), guard_of(two, volatile));
        assert_ne!(guard_of(one, volatile), guard_of(three, volatile));
        assert!(tag(one, volatile).starts_with(&format!("\"{}.", guard_of(one, volatile))));
        assert_eq!(tag(one, &[]), format!("\"{}\"", guard_of(one, &[])));
    }

    #[test]
    fn a_list_of_tags_is_searched_and_a_star_names_all() {
        let names = |text: &'static str| names(&HeaderValue::from_static(text), "\"a\"");
        assert!(names("\"a\""));
        assert!(names("\"b\", W/\"a\""));
        assert!(names("*"));
        assert!(!names("\"b\""));
        assert!(!names("a"));
    }
}
