//! Problem documents (RFC 9457), for clients that ask for them. The envelope of spec section 2 is
//! what everybody else gets.

use super::Shaped;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use serde_json::{Map, Value};

const MEDIA_TYPE: &str = "application/problem+json";

/// Says whether a client asks for problem documents: whoever names the type wants it, since it can
/// only mean errors.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(MEDIA_TYPE));
            let refused = |part: &str| {
                let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
                weight.is_some_and(|weight| weight.trim_matches(['0', '.']).is_empty())
            };
            named && !parts.any(refused)
        })
}

/// The summary of a kind of problem: its code as words.
fn title(code: &str) -> String {
    let mut title = code.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

/// Makes a problem document of an error in its envelope.
fn convert(status: u16, envelope: &[u8]) -> Option<Value> {
    let Ok(Value::Object(mut envelope)) = serde_json::from_slice(envelope) else { return None };
    let Some(Value::Object(mut error)) = envelope.remove("error") else { return None };
    let mut problem = Map::new();
    if let Some(Value::String(code)) = error.get("code") {
        problem.insert("title".to_owned(), title(code).into());
    }
    problem.insert("status".to_owned(), status.into());
    for (from, to) in [
        ("doc_url", "type"),
        ("message", "detail"),
        ("request_id", "instance"),
        // `type` means another thing here; nothing of the envelope is lost.
        ("type", "error_type"),
    ] {
        problem.insert(to.to_owned(), error.remove(from)?);
    }
    problem.extend(error);
    Some(Value::Object(problem))
}

/// Shapes the answer.
pub(super) fn document(status: u16, headers: &mut HeaderMap, envelope: Bytes) -> Shaped {
    let Some(problem) = convert(status, &envelope) else { return Shaped::Body(envelope) };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Shaped::Body(Bytes::from(problem.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whoever_names_the_type_gets_it_unless_with_no_weight() {
        let asks = |accept: &'static str| {
            wanted(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert!(asks("application/problem+json"));
        assert!(asks("application/json, Application/Problem+JSON;q=0.5"));
        assert!(!asks("application/json, application/problem+json;q=0"));
        assert!(!asks("application/problem+json; q=0.0"));
        assert!(!asks("*/*"));
        assert!(!wanted(&HeaderMap::new()));
    }

    #[test]
    fn nothing_of_the_envelope_is_lost() {
        let envelope = json!({"error": {
            "type": "conflict", "code": "job_full", "message": "m", "request_id": "req_1",
            "doc_url": "https://d/job_full", "details": [{"a": 1}], "required_cents": 7,
        }});
        let expected = json!({
            "type": "https://d/job_full", "title": "Job full", "status": 409, "detail": "m",
            "instance": "req_1", "error_type": "conflict", "code": "job_full",
            "details": [{"a": 1}], "required_cents": 7,
        });
        assert_eq!(convert(409, envelope.to_string().as_bytes()), Some(expected));
        assert_eq!(convert(409, b"{}"), None);
        assert_eq!(convert(409, b"no"), None);
    }
}
