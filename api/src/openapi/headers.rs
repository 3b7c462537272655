//! Headers of answers.

use serde_json::{Map, Value, json};

/// What decides which headers an answer has.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Facts {
    /// A buyer's key opens the operation.
    pub(super) buyer: bool,
    /// A rate limit counts its requests.
    pub(super) limited: bool,
    /// The operation takes an idempotency key.
    pub(super) keyed: bool,
    /// The operation can wait.
    pub(super) waits: bool,
    /// The answer is one resource, with an entity tag.
    pub(super) tagged: bool,
    /// The answer is a list that may go on.
    pub(super) list: bool,
}

/// The headers of an answer with that status.
pub(super) fn of(status: u16, facts: Facts) -> Value {
    let mut names = vec!["X-Request-Id"];
    if facts.buyer && status != 401 {
        names.push("X-FirstHandAPI-Credits-Remaining");
    }
    if facts.limited {
        names.extend([
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "RateLimit",
            "RateLimit-Policy",
        ]);
    }
    if facts.keyed && (status < 300 || status == 402 || status == 409) {
        names.push("Idempotent-Replayed");
    }
    if facts.waits && status == 200 {
        names.push("Preference-Applied");
    }
    if facts.tagged && (status == 200 || status == 304) {
        names.push("ETag");
    }
    if facts.list && status == 200 {
        names.push("Link");
    }
    match status {
        401 => names.push("WWW-Authenticate"),
        429 | 503 => names.push("Retry-After"),
        _ => (),
    }
    let refer =
        |name: &str| (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    Value::Object(names.into_iter().map(refer).collect())
}

fn header(name: &str, description: &str, schema: &Value) -> (String, Value) {
    (name.to_owned(), json!({"description": description, "schema": schema}))
}

/// Every header that answers refer to.
pub(super) fn components() -> Map<String, Value> {
    let count = |example: i64| json!({"type": "integer", "examples": [example]});
    let text = |example: &str| json!({"type": "string", "examples": [example]});
    [
        header(
            "X-Request-Id",
            "Names this request; `error.request_id` is the same.",
            &json!({"$ref": "#/components/schemas/RequestId"}),
        ),
        header(
            "X-FirstHandAPI-Credits-Remaining",
            "The credits that can be spent, in cents.",
            &count(250),
        ),
        header("X-RateLimit-Limit", "Requests that the limit allows.", &count(100)),
        header("X-RateLimit-Remaining", "Requests that are left.", &count(99)),
        header("X-RateLimit-Reset", "Unix seconds: full again then.", &count(1_795_341_600)),
        header(
            "RateLimit",
            "The same as a structured field (draft-ietf-httpapi-ratelimit-headers).",
            &text("\"key\";r=99;t=1"),
        ),
        header("RateLimit-Policy", "The limits themselves.", &text("\"key\";q=100;w=60")),
        header(
            "ETag",
            "Names what was answered: for `If-None-Match` and `If-Match`.",
            &text("\"5f2a9c01d8e34b7790ab12cd\""),
        ),
        header(
            "Link",
            "The next page, if there is one.",
            &text("</v1/jobs?cursor=job_…>; rel=\"next\""),
        ),
        header("Retry-After", "Seconds to wait before the next attempt.", &count(1)),
        header("WWW-Authenticate", "How to authenticate.", &text("Bearer")),
        header(
            "Idempotent-Replayed",
            "Present if this is the stored answer to an earlier request with the same key.",
            &json!({"type": "string", "enum": ["true"], "examples": ["true"]}),
        ),
        header("Preference-Applied", "The wait that was granted.", &text("wait=30")),
    ]
    .into_iter()
    .collect()
}
