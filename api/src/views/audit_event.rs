//! An audit event on the wire (spec section 12). Hashes of secrets and workers' identities stay
//! inside.

use super::credits::audit_id;
use super::worker_pseudonym;
use crate::openapi::schema;
use firsthand_adapters::secrets::Secrets;
use firsthand_domain::{Book, Environment, StreamId, Timestamp};
use firsthand_projections::audit_events::AuditEventRow;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// An audit event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct AuditEventView {
    #[schema(example = "audit_event")]
    object: &'static str,
    /// The event.
    #[schema(value_type = schema::AuditEventId)]
    pub id: String,
    #[schema(value_type = schema::AuditEventType)]
    event_type: String,
    /// The event's number within its book: from 1, without gaps.
    #[schema(minimum = 1, example = 1)]
    sequence: i64,
    /// When it happened, by the time of its book.
    #[schema(value_type = schema::Instant)]
    occurred_at: Timestamp,
    /// When it was put on record; strictly increasing.
    #[schema(value_type = schema::Instant)]
    recorded_at: Timestamp,
    #[schema(value_type = schema::Reference)]
    actor: Value,
    #[schema(value_type = schema::Reference)]
    resource: Value,
    #[schema(value_type = Option<schema::JobId>)]
    job_id: Option<String>,
    #[schema(example = "req_01KAPW3T4QMB2V8ZD5YX7N9F00")]
    request_id: String,
    /// The event itself. Secrets and what would identify a worker are left out.
    #[schema(value_type = schema::AnyObject)]
    data: Value,
    /// The event's leaf hash in its book's log (RFC 6962). Proofs are not served yet.
    #[schema(value_type = schema::Sha256)]
    hash: String,
    #[schema(value_type = schema::Environment)]
    environment: Environment,
    livemode: bool,
}

/// Who the operator's own requests are recorded as.
const OPERATOR: &str = "system:operator";

/// Returns the kind of what an id names.
fn kind(id: &str) -> &'static str {
    if id == OPERATOR {
        return "operator";
    }
    match id.parse::<StreamId>() {
        // The stream is named for what the account holds.
        Ok(StreamId::Credits(..)) => "credit_account",
        Ok(stream) => stream.kind(),
        Err(_not_a_stream) => "system",
    }
}

/// Removes what buyers may not see: hashes of secrets, where files are stored; workers get the
/// name that this organization knows them by.
fn redact(value: &mut Value, hide: &impl Fn(&str) -> String) {
    match value {
        Value::Object(fields) => {
            fields.remove("secret_hash");
            fields.remove("storage_key");
            for (name, field) in fields.iter_mut() {
                if name == "metadata" {
                    // The buyer's own words.
                    continue;
                }
                if name == "worker_id"
                    && let Some(worker) = field.as_str()
                {
                    *field = Value::String(hide(worker));
                } else {
                    redact(field, hide);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, hide)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

impl AuditEventView {
    /// Makes the view.
    pub(crate) fn new(
        secrets: &Secrets,
        book: Book,
        environment: Environment,
        row: &AuditEventRow,
    ) -> Self {
        let hide = |worker: &str| worker_pseudonym(secrets, book, worker);
        let mut data = serde_json::from_slice(&row.payload).unwrap_or(Value::Null);
        redact(&mut data, &hide);
        let recorded_at = Timestamp::from_micros(row.recorded_at);
        let said = || data.get("at")?.as_str()?.parse().ok();
        // A book with a clock of its own goes by it, even where an event names our time.
        let of_book = row.effective_at.map(Timestamp::from_micros);
        let occurred_at = of_book.or_else(said).unwrap_or(recorded_at);
        let actor = match kind(&row.actor) {
            "worker" => json!({"type": "worker", "id": hide(&row.actor)}),
            kind => json!({"type": kind, "id": row.actor}),
        };
        Self {
            object: "audit_event",
            id: audit_id(row.recorded_at, row.position),
            event_type: row.event_type.clone(),
            sequence: row.sequence,
            occurred_at,
            recorded_at,
            actor,
            resource: json!({"type": kind(&row.stream), "id": row.stream}),
            job_id: row.job_id.clone(),
            request_id: row.request_id.clone(),
            data,
            hash: hex::encode(&row.leaf),
            environment,
            livemode: environment == Environment::Live,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_called_what_it_is() {
        let ulid = "01KAPW3T4QMB2V8ZD5YX7N9F00";
        for (id, name) in [
            (format!("org_{ulid}"), "organization"),
            (format!("key_{ulid}"), "api_key"),
            (format!("job_{ulid}"), "job"),
            (format!("sub_{ulid}"), "submission"),
            (format!("wkr_{ulid}"), "worker"),
            (format!("we_{ulid}"), "webhook_endpoint"),
            (format!("pur_{ulid}"), "purchase"),
            (format!("pay_{ulid}"), "payout"),
            (format!("apl_{ulid}"), "appeal"),
            (format!("credits:org_{ulid}:test"), "credit_account"),
            (format!("earnings:wkr_{ulid}"), "earnings"),
            (format!("test_clock:org_{ulid}"), "test_clock"),
            ("system:operator".to_owned(), "operator"),
            ("system:timer".to_owned(), "system"),
        ] {
            assert_eq!(kind(&id), name, "{id}");
        }
    }
}
