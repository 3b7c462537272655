//! Schemas of reports and of what the service says of itself.

use super::{INSTANT, names};
use firsthand_eventstore::payment_events::OUTCOMES;
use serde_json::{Value, json};
use std::borrow::Cow;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

schemas! {
    /// The answer to an event of the payment provider.
    PaymentEventKept = json!({
        "type": "object", "required": ["received", "duplicate"],
        "properties": {"received": {"type": "boolean"}, "duplicate": {"type": "boolean"}},
        "examples": [{"received": true, "duplicate": false}],
    });
    /// What became of an event of the payment provider. `waiting`: nobody has looked at it yet. `ignored`: it does not
    /// concern us. `unknown`: it is about nothing that is known here. `refused`: it contradicts what is known.
    PaymentEventOutcome = names(OUTCOMES);
    /// The payment provider's name of a type of events.
    PaymentEventType = json!({
        "type": "string", "minLength": 1, "maxLength": 128,
        "examples": ["checkout.session.completed"],
    });
    /// The payment provider's id of a payout into our bank account.
    BankPayoutId = json!({
        "type": "string", "pattern": "^po_[A-Za-z0-9_]{1,61}$",
        "examples": ["po_1Nv0FGQ9RKHgCVdK"],
    });
    /// Every kind of account.
    TrialBalance = json!({
        "type": "object",
        "required": ["object", "book", "environment", "as_of", "accounts", "sum_cents"],
        "properties": {
            "object": {"type": "string", "const": "trial_balance"},
            "book": {"type": ["string", "null"]}, "environment": {"type": ["string", "null"]},
            "as_of": {"type": ["string", "null"], "format": "date-time"},
            "accounts": {"type": "array", "items": {
                "type": "object", "required": ["account", "balance_cents"],
                "properties": {
                    "account": {"type": "string"},
                    "balance_cents": {"$ref": "#/components/schemas/Cents"},
                },
            }},
            "sum_cents": {"type": "integer", "description": "Always 0."},
        },
        "examples": [{
            "object": "trial_balance", "book": null, "environment": null, "as_of": null,
            "accounts": [{"account": "available", "balance_cents": 250}], "sum_cents": 0,
        }],
    });
    /// What jobs hold, by age.
    EscrowAgeing = json!({
        "type": "object",
        "required": ["object", "as_of", "held_cents", "buckets", "jobs", "has_more"],
        "properties": {
            "object": {"type": "string", "const": "escrow_ageing"},
            "as_of": {"$ref": "#/components/schemas/Instant"},
            "held_cents": {"$ref": "#/components/schemas/Cents"},
            "buckets": {"type": "array", "items": {
                "type": "object", "required": ["age", "job_count", "held_cents"],
                "properties": {
                    "age": {"type": "string"}, "job_count": {"type": "integer"},
                    "held_cents": {"$ref": "#/components/schemas/Cents"},
                },
            }},
            "jobs": {"type": "array", "items": {
                "type": "object", "required": ["job_id", "book", "held_cents", "held_since", "age"],
                "properties": {
                    "job_id": {"$ref": "#/components/schemas/JobId"}, "book": {"type": "string"},
                    "held_cents": {"$ref": "#/components/schemas/Cents"},
                    "held_since": {"$ref": "#/components/schemas/Instant"},
                    "age": {"type": "string"},
                },
            }},
            "has_more": {"type": "boolean"},
        },
        "examples": [{
            "object": "escrow_ageing", "as_of": INSTANT, "held_cents": 0, "buckets": [],
            "jobs": [], "has_more": false,
        }],
    });
    /// Unspent credits and breakage.
    DeferredRevenue = json!({
        "type": "object",
        "required": [
            "object", "as_of", "paid", "promotional", "total", "journal", "by_origin",
            "expected_breakage", "breakage",
        ],
        "properties": {
            "object": {"type": "string", "const": "deferred_revenue"},
            "as_of": {"$ref": "#/components/schemas/Instant"},
            "paid": {"$ref": "#/components/schemas/Amounts"},
            "promotional": {"$ref": "#/components/schemas/Amounts"},
            "total": {"$ref": "#/components/schemas/Amounts"},
            "journal": {"$ref": "#/components/schemas/Amounts"},
            "by_origin": {"type": "array", "items": {
                "type": "object", "required": ["origin", "paid", "unspent"],
                "properties": {
                    "origin": {"type": "string"}, "paid": {"type": "boolean"},
                    "unspent": {"$ref": "#/components/schemas/Amounts"},
                },
            }},
            "expected_breakage": {"type": "array", "items": {
                "type": "object", "required": ["month", "paid_cents", "promotional_cents"],
                "properties": {
                    "month": {"$ref": "#/components/schemas/Month"},
                    "paid_cents": {"$ref": "#/components/schemas/Cents"},
                    "promotional_cents": {"$ref": "#/components/schemas/Cents"},
                },
            }},
            "breakage": {"type": "array", "items": {
                "type": "object", "required": ["month", "amount_cents"],
                "properties": {
                    "month": {"$ref": "#/components/schemas/Month"},
                    "amount_cents": {"$ref": "#/components/schemas/Cents"},
                },
            }},
        },
    });
    /// Whether the service can serve, and how far what follows the log is behind.
    Readiness = json!({
        "type": "object", "required": ["status"],
        "properties": {
            "status": {"type": "string", "enum": ["ready", "unavailable", "stopping"]},
            "database": {"type": "string", "enum": ["ok", "unreachable"]},
            "migrations": {
                "type": "object", "required": ["applied", "wanted"],
                "properties": {"applied": {"type": "integer"}, "wanted": {"type": "integer"}},
            },
            "lag_events": {
                "type": "object", "required": ["projections", "reactors", "feed"],
                "properties": {
                    "projections": {"type": "integer"}, "reactors": {"type": "integer"},
                    "feed": {"type": "integer"},
                },
            },
        },
        "examples": [{
            "status": "ready", "database": "ok", "migrations": {"applied": 12, "wanted": 12},
            "lag_events": {"projections": 0, "reactors": 0, "feed": 0},
        }],
    });
}
