//! Schemas of the domain's values: the domain knows no OpenAPI, so they are described here, from
//! the domain's own lists wherever it has one.

use super::webhooks;
use firsthand_domain::api_keys::Scope;
use firsthand_domain::ids;
use firsthand_domain::media;
use firsthand_domain::purchases::PACKS;
use firsthand_domain::webhook_endpoints::WebhookEventType;
use firsthand_domain::workers;
use firsthand_projections::webhooks::API_VERSION;
use serde_json::{Value, json};
use std::borrow::Cow;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The ULID of examples.
pub(super) const ULID: &str = "01KAPW3T4QMB2V8ZD5YX7N9F00";
/// A ULID in its canonical spelling.
const ULID_PATTERN: &str = "[0-7][0-9A-HJKMNP-TV-Z]{25}";
/// The instant of examples.
pub(super) const INSTANT: &str = "2026-11-22T10:00:00.123456Z";

/// Declares types that stand for a schema and nothing else. `utoipa` only refers to them by name:
/// their schemas, which use keywords that it does not know, are put in when the document is made.
macro_rules! schemas {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:expr;)*) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub(crate) struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    RefOr::T(Schema::default())
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed(stringify!($name))
                }
            }
        )*

        /// Every schema of this file.
        pub(super) fn here() -> Vec<(&'static str, Value)> {
            vec![$({
                let mut value = $value;
                value["description"] = json!(concat!($($doc),+).trim());
                (stringify!($name), value)
            }),*]
        }
    };
}

mod payouts;
mod reports;

pub(crate) use payouts::{
    AppealId, AppealStatus, CountsByReason, EarningStatus, PayoutAccount, PayoutBatchId,
    PayoutBatchStatus, PayoutId, PayoutStatus, StrikeStatus,
};
pub(crate) use reports::{
    BankPayoutId, DeferredRevenue, EscrowAgeing, PaymentEventKept, PaymentEventOutcome,
    PaymentEventType, Readiness, TrialBalance,
};

/// Every schema that is written by hand.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    here().into_iter().chain(reports::here()).chain(payouts::here()).collect()
}

/// A prefix and a ULID in its canonical spelling.
fn id(prefix: &str) -> Value {
    json!({
        "type": "string",
        "pattern": format!("^{prefix}{ULID_PATTERN}$"),
        "examples": [format!("{prefix}{ULID}")],
    })
}

/// A prefix and a ULID whose low half is a position in the log.
fn positioned(prefix: &str) -> Value {
    json!({
        "type": "string",
        "pattern": format!(
            "^{prefix}[0-7][0-9A-HJKMNP-TV-Z]{{9}}000[0-7][0-9A-HJKMNP-TV-Z]{{12}}$"
        ),
        "examples": [format!("{prefix}01KAPW3T4Q0000000000000007")],
    })
}

/// Schemas that only other schemas refer to.
pub(super) fn inner() -> Vec<(&'static str, Value)> {
    let milliseconds = json!({
        "type": ["number", "null"], "minimum": 0, "examples": [12.345],
        "description": "With three decimals; null for what did not happen.",
    });
    let mut inner = vec![("Milliseconds", milliseconds)];
    inner.extend(webhooks::data_schemas());
    inner
}

fn names(names: impl IntoIterator<Item = &'static str>) -> Value {
    let names: Vec<_> = names.into_iter().collect();
    json!({"type": "string", "enum": names, "examples": [names.first()]})
}

fn integer(least: i64, most: i64, example: i64) -> Value {
    json!({
        "type": "integer", "format": "int64", "minimum": least, "maximum": most,
        "examples": [example],
    })
}

fn number(least: &Value, most: &Value, example: &Value) -> Value {
    json!({"type": "number", "minimum": least, "maximum": most, "examples": [example]})
}

schemas! {
    /// The id of an organization.
    OrganizationId = id(ids::OrganizationId::PREFIX);
    /// The id of an API key.
    ApiKeyId = id(ids::ApiKeyId::PREFIX);
    /// The id of a job.
    JobId = id(ids::JobId::PREFIX);
    /// The id of a submission.
    SubmissionId = id(ids::SubmissionId::PREFIX);
    /// The id of a file.
    FileId = id(ids::FileId::PREFIX);
    /// The id of a worker. To buyers it is a pseudonym that means nothing to another organization.
    WorkerId = id(ids::WorkerId::PREFIX);
    /// The id of a lot of credits.
    LotId = id(ids::LotId::PREFIX);
    /// The id of a webhook endpoint.
    WebhookEndpointId = id(ids::WebhookEndpointId::PREFIX);
    /// The id of a webhook event: the key by which repetitions are recognized.
    EventId = id(ids::EventId::PREFIX);
    /// The id of an attempt to deliver a webhook event.
    AttemptId = id("att_");
    /// The id of a replay.
    ReplayId = id(ids::ReplayId::PREFIX);
    /// The id of a credit transaction.
    TransactionId = positioned("crtx_");
    /// The id of an audit event.
    AuditEventId = positioned("aud_");
    /// The id of what an audit event concerns.
    ResourceId = json!({
        "type": "string",
        "pattern": format!(
            "^((org|key|job|sub|we|pur)_{ULID_PATTERN}|credits:org_{ULID_PATTERN}:(live|test)|test_clock:org_{ULID_PATTERN})$"
        ),
        "examples": [format!("job_{ULID}")],
    });
    /// Who caused an event, if it was no worker.
    ActorId = json!({
        "type": "string",
        "pattern": format!("^((org|key)_{ULID_PATTERN}|system:[a-z_]{{1,64}})$"),
        "examples": [format!("key_{ULID}")],
    });
    /// An instant: RFC 3339, in UTC where we write it.
    Instant = json!({"type": "string", "format": "date-time", "examples": [INSTANT]});
    /// An instant in the future.
    Deadline = json!({
        "type": "string", "format": "date-time", "examples": ["2027-01-31T00:00:00Z"],
    });
    /// Whether a test clock stands still or is on its way.
    TestClockStatus = names(["ready", "advancing"]);
    /// A span by which a test clock goes forward: two years at most.
    AdvanceSeconds = integer(1, 731 * 86_400, 86_400);
    /// A day, or an instant.
    DayOrInstant = json!({
        "type": "string", "examples": ["2026-11-01"],
        "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
    });
    /// US cents.
    Cents = json!({"type": "integer", "format": "int64", "examples": [250]});
    /// The price of a file in US cents.
    Price = integer(10, 50_000, 50);
    /// The price of a pack of credits in US cents.
    Pack = json!({
        "type": "integer", "format": "int64", "enum": PACKS.iter().map(|pack| pack.amount.get()).collect::<Vec<_>>(),
        "examples": [2_500],
    });
    /// `live` deals in real money, `test` in the sandbox's.
    Environment = names(["live", "test"]);
    /// `data_collection`: workers capture original media. `feedback`: workers review content.
    JobType = names(["data_collection", "feedback"]);
    /// `open`: takes workers. `filled`: every slot is taken. `in_progress`: at least one file is
    /// approved. `completed`: all are. `cancelled`: by the buyer or by the deadline.
    JobStatus = names(["open", "filled", "in_progress", "completed", "cancelled"]);
    /// A job's status, or `active` for `open`, `filled` and `in_progress` together.
    JobStatusFilter =
        names(["open", "filled", "in_progress", "completed", "cancelled", "active"]);
    /// Why a job was cancelled.
    CancelReason = names(["buyer", "deadline"]);
    /// `pending_score`: uploaded. `approved`: paid and delivered. `retry_pending`: below the
    /// threshold, may be tried once more. `rejected`: not paid.
    SubmissionStatus = names(["pending_score", "approved", "retry_pending", "rejected"]);
    /// A submission's status as its worker sees it.
    WorkerSubmissionStatus = names([
        "accepted", "pending_score", "approved", "retry_pending", "rejected", "withdrawn",
        "timed_out",
    ]);
    /// Why a submission was rejected.
    RejectionCode = names([
        "off_topic", "below_threshold", "too_small", "duplicate", "undecodable",
        "retry_window_over", "job_ended",
    ]);
    /// A number of stars.
    Stars = integer(1, 5, 4);
    /// A MIME type that files can have.
    MediaType = names(media::MediaType::ALL.iter().map(|media_type| media_type.as_str()));
    /// A MIME type. Common other spellings are accepted too (`image/jpg`, `audio/mp3`, `audio/m4a`,
    /// `audio/x-wav`); file name extensions are refused with a hint.
    AcceptedFormat = names(media::MediaType::ALL.iter().map(|media_type| media_type.as_str()));
    /// Degrees north.
    Latitude = number(&json!(-90), &json!(90), &json!(30.2672));
    /// Degrees east.
    Longitude = number(&json!(-180), &json!(180), &json!(-97.7431));
    /// Kilometres.
    Radius = number(&json!(0.1), &json!(20_000), &json!(25));
    /// What a key may do.
    ScopeName = names(Scope::ALL.iter().map(|scope| scope.as_str()));
    /// What came of all deliveries of an event, or of one.
    DeliveryStatus = names(["pending", "delivered", "failed", "skipped", "none"]);
    /// How an attempt ended.
    AttemptStatus = names(["succeeded", "failed", "unknown"]);
    /// The type of an event.
    EventTypeName = names(WebhookEventType::ALL.iter().map(|event_type| event_type.as_str()));
    /// Types of events that an endpoint wants; `*` stands for all.
    EventTypePattern = names(
        WebhookEventType::ALL.iter().map(|event_type| event_type.as_str()).chain(["*"]),
    );
    /// `enabled` or `disabled`.
    EndpointStatus = names(["enabled", "disabled"]);
    /// Why an endpoint is disabled.
    DisabledReason = names(["requested", "gone", "failing"]);
    /// What `X-FirstHandAPI-Signature` holds: `t=…,v1=…`, or the raw signature of the body.
    SignatureScheme = names(["t_v1", "raw"]);
    /// `per_job`: an event is sent only when the earlier ones of its job are done with.
    DeliveryOrder = names(["none", "per_job"]);
    /// Which events of a range are repeated: never delivered, failed for good, or all.
    ReplayOnly = names(["missing", "failed", "all"]);
    /// How far a replay is.
    ReplayStatus = names(["running", "done", "cancelled"]);
    /// The type of a credit transaction.
    TransactionType = names([
        "purchase", "deduction", "free_tier", "bonus", "expiration", "refund", "hold",
        "adjustment", "chargeback",
    ]);
    /// The type of a credit transaction; `deposit`, `payout` and `release` are older names of
    /// `purchase`, `deduction` and `refund`.
    TransactionTypeFilter = names([
        "purchase", "deduction", "free_tier", "bonus", "expiration", "refund", "hold",
        "adjustment", "chargeback", "deposit", "payout", "release",
    ]);
    /// The name of an event of the audit trail.
    AuditEventType = names(firsthand_domain::Event::names());
    /// An E.164 number; blanks, dashes, dots and brackets between its digits are ignored.
    PhoneNumber = json!({
        "type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$", "examples": ["+15550100"],
    });
    /// An e-mail address.
    Email = json!({
        "type": "string", "format": "email", "maxLength": 254, "examples": ["ada@example.com"],
    });
    /// ISO 3166-1 or 3166-2.
    Region = json!({
        "type": "string", "pattern": "^[A-Za-z0-9-]{2,16}$", "examples": ["US-NY"],
    });
    /// Hexadecimal SHA-256.
    Sha256 = json!({
        "type": "string", "pattern": "^[0-9a-f]{64}$",
        "examples": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    });
    /// A link.
    Link = json!({
        "type": "string", "format": "uri",
        "examples": ["https://files.example.com/jobs/photo.jpg?X-Amz-Signature=0f3c"],
    });
    /// A value between 0 and 1 with two decimals; null if nothing was decided yet.
    Rate = json!({"type": ["number", "null"], "minimum": 0, "maximum": 1, "examples": [0.75]});
    /// The mean number of stars with two decimals; null if nothing was scored yet.
    MeanStars = json!({
        "type": ["number", "null"], "minimum": 1, "maximum": 5, "examples": [3.67],
    });
    /// Up to 20 names of 1 to 40 characters with values of up to 500 characters as JSON.
    Metadata = json!({
        "type": "object", "maxProperties": 20, "additionalProperties": true,
        "propertyNames": {"type": "string", "minLength": 1, "maxLength": 40},
        "examples": [{"campaign": "autumn"}],
    });
    /// Names and values.
    AnyObject = json!({"type": "object", "additionalProperties": true, "examples": [{}]});
    /// How many submissions have 1, 2, 3, 4 and 5 stars.
    StarCounts = json!({
        "type": "object", "required": ["1", "2", "3", "4", "5"],
        "properties": {
            "1": {"type": "integer"}, "2": {"type": "integer"}, "3": {"type": "integer"},
            "4": {"type": "integer"}, "5": {"type": "integer"},
        },
        "examples": [{"1": 0, "2": 1, "3": 1, "4": 2, "5": 0}],
    });
    /// The rubric's dimensions, each 1 to 5 or null where the scorer can't judge.
    Dimensions = json!({
        "type": "object", "required": ["relevance", "quality", "completeness"],
        "properties": {
            "relevance": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
            "quality": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
            "completeness": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
        },
        "examples": [{"relevance": null, "quality": 4, "completeness": 4}],
    });
    /// The id of a request.
    RequestId = id(ids::RequestId::PREFIX);
    /// The id of a purchase.
    PurchaseId = id(ids::PurchaseId::PREFIX);
    /// Where a purchase stands.
    PurchaseStatus = names(["open", "paid", "failed"]);
    /// By a person, or by the automatic top-up.
    PurchaseKind = names(["checkout", "auto_top_up"]);
    /// Whether the month can still gain movements.
    StatementStatus = names(["open", "closed"]);
    /// A calendar month.
    Month = json!({
        "type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$", "examples": ["2026-10"],
    });
    /// How a journal is written.
    ExportFormat = names(["csv", "ndjson", "hledger", "beancount"]);
    /// An organization and an environment.
    BookName = json!({
        "type": "string", "pattern": "^org_[0-7][0-9A-HJKMNP-TV-Z]{25}:(live|test)$",
        "examples": [format!("org_{ULID}:live")],
    });
    /// What something is named by.
    Reference = json!({
        "type": "object", "required": ["type", "id"],
        "properties": {"type": {"type": "string"}, "id": {"type": "string"}},
        "examples": [{"type": "api_key", "id": format!("key_{ULID}")}],
    });
    /// Where the time of an attempt went.
    Timings = json!({
        "type": "object",
        "required": ["dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms"],
        "properties": {
            "dns_ms": {"$ref": "#/components/schemas/Milliseconds"},
            "connect_ms": {"$ref": "#/components/schemas/Milliseconds"},
            "tls_ms": {"$ref": "#/components/schemas/Milliseconds"},
            "first_byte_ms": {"$ref": "#/components/schemas/Milliseconds"},
            "total_ms": {"$ref": "#/components/schemas/Milliseconds"},
        },
        "examples": [{
            "dns_ms": null, "connect_ms": null, "tls_ms": null, "first_byte_ms": 11.02,
            "total_ms": 12.345,
        }],
    });
    /// A threshold in US cents.
    Threshold = integer(0, 1_000_000, 500);
    /// The shape of webhook events.
    ApiVersion = names([API_VERSION]);
    /// Up to 10 headers; those that HTTP or we use are refused (`Authorization`, `Cookie`, `Host`,
    /// `Content-*`, `Webhook-*`, `X-FirstHand*`, hop-by-hop …).
    ExtraHeaders = json!({
        "type": "object", "maxProperties": 10,
        "propertyNames": {"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"},
        "additionalProperties": {
            "type": "string", "minLength": 1, "maxLength": 1_024, "pattern": "^[ -~]+$",
        },
        "examples": [{"X-Tenant": "blue"}],
    });
    /// A webhook endpoint as it is created. The other fields are those that can be changed.
    CreateWebhookEndpoint = json!({
        "type": "object", "required": ["url"],
        "properties": {"url": {"$ref": "#/components/schemas/EndpointUrl"}},
    });
    /// What a worker's record is worth: the share of submissions that were approved, and their number.
    Tier = names(workers::Tier::NAMES);
    /// Whether a worker may work.
    Standing = names(["good", "suspended", "banned"]);
    /// Where events are sent.
    EndpointUrl = json!({
        "type": "string", "format": "uri", "maxLength": 2_048,
        "examples": ["https://example.com/hooks"],
    });
    /// What workers look at.
    ContextUrl = json!({
        "type": "string", "format": "uri", "pattern": "^https://", "maxLength": 2_048,
        "examples": ["https://example.com/draft.png"],
    });
    /// The content of a file.
    Binary = json!({"type": "string", "contentMediaType": "application/octet-stream"});
    /// The body of a webhook event: every repetition has the same bytes.
    WebhookEventBody = webhooks::any_body();
    /// A webhook event: the fields of its body, and what came of its deliveries.
    WebhookEvent = webhooks::listed();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_their_pattern() {
        let parsed: Result<ids::JobId, _> = format!("job_{ULID}").parse();
        assert!(parsed.is_ok());
    }
}
