//! The `webhooks` of the document: one for each type of event.

use super::schema::{INSTANT, ULID};
use firsthand_domain::webhook_endpoints::WebhookEventType;
use firsthand_projections::webhooks::API_VERSION;
use serde_json::{Map, Value, json};

fn refer(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn nullable(name: &str) -> Value {
    json!({"oneOf": [{"type": "null"}, refer(name)]})
}

/// When an event of a type arises.
fn when(event_type: WebhookEventType) -> &'static str {
    use WebhookEventType as T;
    match event_type {
        T::SubmissionScored => "A submission was scored, whatever the score",
        T::SubmissionApproved => "A submission was approved",
        T::SubmissionRejected => "A submission was rejected",
        T::JobCompleted => "A job has every file",
        T::JobCancelled => "A job was cancelled, or its deadline passed",
        T::JobFlagged => "A worker flagged a job",
        T::CreditsPurchased => "Credits were bought",
        T::CreditsLowBalance => "The balance fell below the threshold",
        T::CreditsAutoToppedUp => "Credits were bought by the automatic top-up",
        T::CreditsExpired => "What was left of a lot expired",
        T::CreditsExpiringSoon => "A lot expires soon",
        T::EndpointFailing => "Another endpoint fails",
        T::EndpointDisabled => "Another endpoint was disabled",
        T::EndpointRecovered => "Another endpoint answers again",
        T::EndpointTest => "A test of this endpoint",
    }
}

/// The kind of data that an event of a type has.
fn kind(event_type: WebhookEventType) -> &'static str {
    match event_type.as_str().split('.').next() {
        Some("submission") => "submission",
        Some("job") => "job",
        Some("credits") => "credits",
        _ => "webhook_endpoint",
    }
}

/// Fields that every kind of data has: tests are marked.
fn data(kind: &str, fields: Value, required: &[&str]) -> Value {
    let mut properties = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    properties.insert("object".to_owned(), json!({"type": "string", "const": kind}));
    properties.insert(
        "test".to_owned(),
        json!({"type": "boolean", "description": "Present and true in test events."}),
    );
    let required: Vec<_> = ["object"].iter().chain(required).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn submission() -> Value {
    let fields = json!({
        "id": refer("SubmissionId"), "submission_id": refer("SubmissionId"),
        "job_id": refer("JobId"), "status": {"type": "string"},
        "ai_star_rating": nullable("Stars"), "ai_reasoning": {"type": ["string", "null"]},
        "dimensions": nullable("Dimensions"), "file_url": nullable("Link"),
        "content_type": nullable("MediaType"), "submitted_at": nullable("Instant"),
        "annotations": nullable("AnyObject"), "rejection_code": refer("RejectionCode"),
    });
    data(
        "submission",
        fields,
        &[
            "id",
            "submission_id",
            "job_id",
            "status",
            "ai_star_rating",
            "ai_reasoning",
            "dimensions",
            "file_url",
            "content_type",
            "submitted_at",
        ],
    )
}

fn job() -> Value {
    let fields = json!({
        "id": refer("JobId"), "job_id": refer("JobId"), "status": {"type": "string"},
        "files_needed": {"type": "integer"}, "files_approved": {"type": "integer"},
        "total_cost_cents": refer("Cents"), "refunded_cents": refer("Cents"),
        "reason": {"type": "string"}, "cancel_reason": refer("CancelReason"),
    });
    data(
        "job",
        fields,
        &[
            "id",
            "job_id",
            "status",
            "files_needed",
            "files_approved",
            "total_cost_cents",
            "refunded_cents",
        ],
    )
}

fn credits() -> Value {
    let fields = json!({
        "lot_id": refer("LotId"), "amount_cents": refer("Cents"),
        "balance_cents": nullable("Cents"),
    });
    data("credits", fields, &["lot_id", "amount_cents", "balance_cents"])
}

fn endpoint() -> Value {
    let fields = json!({
        "id": refer("WebhookEndpointId"), "url": {"type": "string"},
        "status": refer("EndpointStatus"), "disabled_reason": nullable("DisabledReason"),
        "failing_since": nullable("Instant"), "consecutive_failures": {"type": "integer"},
    });
    data("webhook_endpoint", fields, &["id", "status", "failing_since", "consecutive_failures"])
}

/// The kinds of data that events have, and the names of their schemas.
const DATA: [(&str, &str); 4] = [
    ("submission", "SubmissionEventData"),
    ("job", "JobEventData"),
    ("credits", "CreditsEventData"),
    ("webhook_endpoint", "WebhookEndpointEventData"),
];

/// The schemas of the data of events.
pub(super) fn data_schemas() -> [(&'static str, Value); 4] {
    DATA.map(|(kind, name)| {
        let (mut schema, words) = match kind {
            "submission" => (submission(), "What an event says of a submission."),
            "job" => (job(), "What an event says of a job."),
            "credits" => (credits(), "What an event says of credits."),
            _ => (endpoint(), "What an event says of a webhook endpoint."),
        };
        schema["description"] = json!(words);
        (name, schema)
    })
}

/// The fields of any event's body, with this data.
fn fields(event_type: &Value, data: &Value) -> Value {
    json!({
        "id": refer("EventId"),
        "object": {"type": "string", "const": "event"},
        "type": event_type,
        "api_version": refer("ApiVersion"),
        "created_at": refer("Instant"),
        "livemode": {"type": "boolean"},
        "sequence": {
            "type": ["integer", "null"], "minimum": 1,
            "description": "The event's number among those of its job; null without a job.",
        },
        "data": data,
    })
}

const REQUIRED: [&str; 8] =
    ["id", "object", "type", "api_version", "created_at", "livemode", "sequence", "data"];

/// The schema of any event's body.
pub(super) fn any_body() -> Value {
    let data = json!({"oneOf": DATA.map(|(_, name)| refer(name))});
    json!({
        "type": "object", "required": REQUIRED,
        "properties": fields(&refer("EventTypeName"), &data),
        "examples": [example(WebhookEventType::SubmissionApproved)],
    })
}

/// The schema of an event in a list.
pub(super) fn listed() -> Value {
    let mut example = example(WebhookEventType::SubmissionApproved);
    example["delivery_status"] = json!("delivered");
    json!({
        "allOf": [refer("WebhookEventBody"), {
            "type": "object",
            "required": ["delivery_status"],
            "properties": {
                "delivery_status": refer("DeliveryStatus"),
                "deliveries": {
                    "type": "array", "items": refer("WebhookDelivery"),
                    "description": "One for each endpoint that wanted it; not in lists.",
                },
            },
        }],
        "examples": [example],
    })
}

fn example_data(event_type: WebhookEventType) -> Value {
    let what = event_type.as_str().split('.').nth(1).unwrap_or_default();
    let (job, submission) = (format!("job_{ULID}"), format!("sub_{ULID}"));
    match kind(event_type) {
        "submission" => json!({
            "object": "submission", "id": submission, "submission_id": submission, "job_id": job,
            "status": if what == "scored" { "approved" } else { what },
            "ai_star_rating": if what == "rejected" { 1 } else { 4 },
            "ai_reasoning": "Sharp and well exposed.",
            "dimensions": {"relevance": null, "quality": 4, "completeness": 4},
            "file_url": null, "content_type": "image/jpeg", "submitted_at": INSTANT,
        }),
        "job" => json!({
            "object": "job", "id": job, "job_id": job,
            "status": if what == "flagged" { "open" } else { what },
            "files_needed": 10, "files_approved": 10, "total_cost_cents": 500, "refunded_cents": 0,
        }),
        "credits" => json!({
            "object": "credits", "lot_id": format!("lot_{ULID}"), "amount_cents": 1_000,
            "balance_cents": null,
        }),
        _ => json!({
            "object": "webhook_endpoint", "id": format!("we_{ULID}"),
            "url": "https://example.com/hooks",
            "status": if what == "disabled" { "disabled" } else { "enabled" },
            "disabled_reason": if what == "disabled" { json!("failing") } else { Value::Null },
            "failing_since": INSTANT, "consecutive_failures": 12,
        }),
    }
}

/// An example of an event's body.
fn example(event_type: WebhookEventType) -> Value {
    let of_a_job = matches!(kind(event_type), "submission" | "job");
    json!({
        "id": format!("evt_{ULID}"), "object": "event", "type": event_type.as_str(),
        "api_version": API_VERSION, "created_at": INSTANT, "livemode": true,
        "sequence": of_a_job.then_some(3), "data": example_data(event_type),
    })
}

/// An example of the stream.
pub(super) fn streamed() -> String {
    let event = example(WebhookEventType::JobCompleted);
    format!("id: evt_{ULID}\nevent: job.completed\ndata: {event}\n\n")
}

/// Headers of every request that we send.
fn sent_headers() -> Vec<Value> {
    let header = |name: &str, description: &str, example: &str| {
        json!({
            "name": name, "in": "header", "required": true, "description": description,
            "schema": {"type": "string", "examples": [example]},
        })
    };
    let digest = "5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd";
    let signed = format!("t=1795341600,v1={digest}");
    vec![
        header(
            "X-FirstHandAPI-Signature",
            "`t=<unix>,v1=<hex>`: HMAC-SHA256 of `<t>.<body>` under the whole `whsec_…` text; one \
             more `v1=` for each older secret that still counts. With `signature_scheme: raw`: as \
             `X-FirstHandAPI-Body-Signature`.",
            &signed,
        ),
        header("X-FirstHand-Signature", "Always `t=…,v1=…`.", &signed),
        header("X-FirstHandAPI-Body-Signature", "Hex of HMAC-SHA256 of the body alone.", digest),
        header("webhook-id", "Standard Webhooks: the event's id.", &format!("evt_{ULID}")),
        header("webhook-timestamp", "Standard Webhooks: Unix seconds.", "1795341600"),
        header(
            "webhook-signature",
            "Standard Webhooks: `v1,<base64>` for each secret.",
            "v1,UleoaefsvtozK/+mLM3KP6UcrX53oOVv9TbQzo4QjYvQ=",
        ),
        header("X-FirstHandAPI-Event-Id", "The event's id.", &format!("evt_{ULID}")),
        header("X-FirstHand-Event-Id", "The event's id.", &format!("evt_{ULID}")),
        header("X-FirstHandAPI-Delivery-Attempt", "1, 2, and so on.", "1"),
    ]
}

fn operation(event_type: WebhookEventType) -> Value {
    let name = event_type.as_str();
    let named = DATA.iter().find(|(known, _)| *known == kind(event_type));
    let data = named.map_or(Value::Null, |(_, name)| refer(name));
    json!({"post": {
        "operationId": format!("on_{}", name.replace('.', "_")),
        "tags": ["webhooks"],
        "summary": when(event_type),
        "description": format!(
            "`{name}`. Delivered at least once: recognize repetitions by `id`. Verify a signature \
             before you believe it.",
        ),
        "security": [],
        "parameters": sent_headers(),
        "requestBody": {"required": true, "content": {"application/json": {
            "schema": {
                "type": "object", "required": REQUIRED,
                "properties": fields(&json!({"type": "string", "const": name}), &data),
            },
            "example": example(event_type),
        }}},
        "responses": {
            "2XX": {"description": "Received. It has 10 seconds."},
            "410": {"description": "The endpoint is gone: it is disabled at once."},
            "default": {
                "description": "Failed: tried again after 1 min, 5 min, 30 min, 2 h and 8 h.",
            },
        },
    }})
}

/// One webhook for each type of event.
pub(super) fn operations() -> Value {
    let named =
        |event_type: &WebhookEventType| (event_type.as_str().to_owned(), operation(*event_type));
    Value::Object(WebhookEventType::ALL.iter().map(named).collect())
}
