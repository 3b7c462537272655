//! An audit event on the wire (spec section 12). Hashes of secrets and workers' identities stay
//! inside.

use super::credits::audit_id;
use super::worker_pseudonym;
use firsthand_adapters::secrets::Secrets;
use firsthand_domain::{Book, Environment, Timestamp};
use firsthand_projections::audit_events::AuditEventRow;
use serde::Serialize;
use serde_json::{Value, json};

/// An audit event.
#[derive(Debug, Serialize)]
pub(crate) struct AuditEventView {
    object: &'static str,
    /// The event.
    pub id: String,
    event_type: String,
    sequence: i64,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    actor: Value,
    resource: Value,
    job_id: Option<String>,
    request_id: String,
    data: Value,
    hash: String,
    environment: Environment,
    livemode: bool,
}

/// Returns the kind of what an id names.
fn kind(id: &str) -> &'static str {
    match id.split(['_', ':']).next().unwrap_or_default() {
        "org" => "organization",
        "key" => "api_key",
        "job" => "job",
        "sub" => "submission",
        "wkr" => "worker",
        "credits" => "credit_account",
        _ => "system",
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
        let occurred_at = data
            .get("at")
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok())
            .unwrap_or(recorded_at);
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
